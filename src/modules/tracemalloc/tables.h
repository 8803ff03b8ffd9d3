// The tables of traced blocks: block to trace, and one copy of each traceback.
//
// Their memory comes from malloc, which is not traced. Tracebacks and the file names that they hold live until all is cleared,
// which any Python code can do.
#pragma once

#include <Python.h>
#include <pthread.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace gill::tracemalloc {

inline constexpr int kMostFrames = 0xffff;

struct TracedFrame {
  PyObject* file_name;  // owned by the table of file names
  unsigned line;
  bool operator==(const TracedFrame& other) const { return file_name == other.file_name && line == other.line; }
};

struct Traceback {
  size_t hash;
  uint16_t count;  // of frames kept
  uint16_t total;  // of the stack
  TracedFrame frames[];  // innermost first
};

struct Trace {
  size_t size = 0;
  const Traceback* traceback = nullptr;
};

// Open addressing with linear probing; an empty slot has a null key.
template <class Entry>
class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;
  ~Table() { std::free(entries_); }

  size_t count() const { return count_; }
  size_t memory() const { return capacity_ * sizeof(Entry); }

  // The entry that `same` accepts, or the empty one where it belongs; null when the table is empty.
  template <class Same>
  Entry* find(size_t hash, Same same) {
    if (!entries_) return nullptr;
    for (size_t i = hash & (capacity_ - 1);; i = (i + 1) & (capacity_ - 1)) {
      if (entries_[i].is_empty() || same(entries_[i])) return &entries_[i];
    }
  }
  // Room for one more; false when there is no memory.
  bool reserve() {
    if ((count_ + 1) * 4 <= capacity_ * 3) return true;
    size_t capacity = capacity_ ? capacity_ * 2 : 256;
    auto* grown = static_cast<Entry*>(std::calloc(capacity, sizeof(Entry)));
    if (!grown) return false;
    for (size_t i = 0; i < capacity_; ++i) {
      if (entries_[i].is_empty()) continue;
      size_t j = entries_[i].hash() & (capacity - 1);
      while (!grown[j].is_empty()) j = (j + 1) & (capacity - 1);
      grown[j] = entries_[i];
    }
    std::free(entries_);
    entries_ = grown;
    capacity_ = capacity;
    return true;
  }
  void note_added() { ++count_; }
  // Moves those behind it up, so that no probe ends too early.
  void remove(Entry* entry) {
    size_t hole = static_cast<size_t>(entry - entries_);
    for (size_t i = hole;;) {
      i = (i + 1) & (capacity_ - 1);
      if (entries_[i].is_empty()) break;
      size_t home = entries_[i].hash() & (capacity_ - 1);
      // It may stay when its home lies behind the hole.
      if (((i - home) & (capacity_ - 1)) < ((i - hole) & (capacity_ - 1))) continue;
      entries_[hole] = entries_[i];
      hole = i;
    }
    entries_[hole] = Entry{};
    --count_;
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (size_t i = 0; i < capacity_; ++i) {
      if (!entries_[i].is_empty()) visit(entries_[i]);
    }
  }
  void swap(Table& other) {
    std::swap(entries_, other.entries_);
    std::swap(capacity_, other.capacity_);
    std::swap(count_, other.count_);
  }
  void clear() {
    std::free(entries_);
    entries_ = nullptr;
    capacity_ = count_ = 0;
  }

 private:
  Entry* entries_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

inline size_t mix(uintptr_t value) {
  uint64_t x = value * 0x9e3779b97f4a7c15u;
  return static_cast<size_t>(x ^ x >> 32);
}

// An extension may track blocks of its own in a domain of its own, where addresses mean what it likes.
struct Block {
  uintptr_t address = 0;
  unsigned domain = 0;
  bool used = false;
  Trace trace;
  bool is_empty() const { return !used; }
  size_t hash() const { return mix(address ^ static_cast<uintptr_t>(domain) << 48); }
};
struct TracebackEntry {
  Traceback* traceback = nullptr;
  bool is_empty() const { return !traceback; }
  size_t hash() const { return traceback->hash; }
};
struct FileName {
  PyObject* text = nullptr;
  bool is_empty() const { return !text; }
  size_t hash() const { return mix(reinterpret_cast<uintptr_t>(text)); }
};

}  // namespace gill::tracemalloc
