// The places in Python code that samples refer to: each instruction once, by a number.
//
// A code object is not kept alive. Its lines and names are worked out when somebody asks, or when it goes. A place whose code is gone
// goes with its last sample.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/place.h"
#include "memory/sampler.h"

namespace gill {

// Items by number, from 1 on. An item has a member `next`, which links the free ones too.
template <class T>
class NumberedPool {
 public:
  // 0 when memory ran out.
  uint32_t take() {
    uint32_t number = free_;
    if (number) {
      free_ = items_[number].next;
    } else {
      if (end_ >= capacity_ && !grow()) return 0;
      number = end_++;
    }
    new (&items_[number]) T();
    return number;
  }
  void give(uint32_t number) {
    items_[number] = T();
    items_[number].next = free_;
    free_ = number;
  }
  T& operator[](uint32_t number) { return items_[number]; }
  // Numbers are below this.
  uint32_t end() const { return end_; }

 private:
  bool grow() {
    const uint32_t wanted = capacity_ ? capacity_ * 2 : 64;
    auto* grown = static_cast<T*>(std::realloc(static_cast<void*>(items_), wanted * sizeof(T)));
    if (!grown) return false;
    items_ = grown;
    capacity_ = wanted;
    return true;
  }

  T* items_ = nullptr;
  uint32_t end_ = 1;
  uint32_t capacity_ = 0;
  uint32_t free_ = 0;
};

// The sampler's mutex guards it.
class SampledFrames {
 public:
  // The place's number, used once more; 0 when memory ran out.
  uint32_t enter(PyCodeObject* code, int instruction);
  void retain(uint32_t frame) { ++frames_[frame].uses; }
  void release(uint32_t frame);
  // Needs the interpreter's lock, as in forget().
  void describe(uint32_t frame, Place& place);
  // Sums of bytes by frame.
  void clear_sums();
  void add(uint32_t frame, size_t bytes) { frames_[frame].bytes += bytes; }
  // The frame with the largest sum, which is taken from it; 0 when none has any.
  uint32_t take_largest(size_t& bytes);
  void forget(PyCodeObject* code);

  const StackReader* reader = nullptr;

 private:
  struct Frame {
    uint32_t code;
    int instruction;
    int line;  // once the code is gone
    uint32_t uses;
    uint32_t next;  // of the same code
    size_t bytes;   // that is added up here
  };
  struct Code {
    PyCodeObject* object;  // null: gone
    char* file;            // then its names, or null
    char* function;
    uint32_t first_frame;
    uint32_t next;  // with the same hash
  };
  static constexpr size_t kHeads = 1024;

  uint32_t& head_of(const PyCodeObject* code) { return heads_[(reinterpret_cast<uintptr_t>(code) >> 4) * 0x9e3779b97f4a7c15u >> 54]; }
  uint32_t enter_code(PyCodeObject* object);
  void drop(uint32_t frame);
  void drop_code(uint32_t code);

  NumberedPool<Frame> frames_;
  NumberedPool<Code> codes_;
  uint32_t heads_[kHeads] = {};
};

}  // namespace gill
