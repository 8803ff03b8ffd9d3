// Where a tree lives: nodes are allocated one behind the other and freed together with the arena, which
// also owns a reference to each object that a node mentions. Every failure sets MemoryError.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstring>
#include <new>

#include "base/ref.h"

namespace gill::ast {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (PyObject* object = nullptr; object_count_ > 0;) {
      object = objects_[--object_count_];
      release(object);
    }
    PyMem_Free(objects_);
    while (blocks_) PyMem_Free(std::exchange(blocks_, blocks_->next));
  }

  // Zeroed memory, or null with MemoryError set.
  void* allocate(size_t size) {
    size = (size + 7) & ~size_t{7};
    if (size > static_cast<size_t>(end_ - next_) && !grow(size)) return nullptr;
    void* result = next_;
    next_ += size;
    return result;
  }

  // A zeroed node that knows its kind.
  template <class Node>
  Node* make() {
    auto* node = static_cast<Node*>(allocate(sizeof(Node)));
    if constexpr (requires { Node::kKind; }) {
      if (node) node->kind = Node::kKind;
    }
    return node;
  }

  // Adds a reference to an object, which then lives as long as the arena. False: MemoryError.
  bool keep(PyObject* object) {
    if (object_count_ == object_capacity_ && !grow_objects()) return false;
    retain(object);
    objects_[object_count_++] = object;
    return true;
  }
  // Takes over a new reference (null passes through) and returns it borrowed.
  PyObject* adopt(Ref<> object) {
    return object && keep(object.get()) ? object.get() : nullptr;
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr size_t kBlockSize = 32 * 1024;

  bool grow(size_t size) {
    size_t capacity = size + sizeof(Block) > kBlockSize ? size + sizeof(Block) : kBlockSize;
    auto* block = static_cast<Block*>(PyMem_Calloc(1, capacity));
    if (!block) {
      PyErr_NoMemory();
      return false;
    }
    block->next = blocks_;
    blocks_ = block;
    next_ = reinterpret_cast<char*>(block + 1);
    end_ = reinterpret_cast<char*>(block) + capacity;
    return true;
  }
  bool grow_objects() {
    size_t capacity = object_capacity_ ? object_capacity_ * 2 : 64;
    auto** objects = static_cast<PyObject**>(PyMem_Realloc(objects_, capacity * sizeof(PyObject*)));
    if (!objects) {
      PyErr_NoMemory();
      return false;
    }
    objects_ = objects;
    object_capacity_ = capacity;
    return true;
  }

  Block* blocks_ = nullptr;
  char* next_ = nullptr;
  char* end_ = nullptr;
  PyObject** objects_ = nullptr;
  size_t object_count_ = 0;
  size_t object_capacity_ = 0;
};

// The children of a node. Room is reserved once; the items live in the arena.
template <class T>
struct Sequence {
  T* items;
  int count;

  // False with MemoryError set.
  bool reserve(Arena& arena, size_t capacity) {
    count = 0;
    items = static_cast<T*>(arena.allocate(capacity * sizeof(T)));
    return items != nullptr;
  }
  void append(T item) { items[count++] = item; }

  int size() const { return count; }
  bool empty() const { return count == 0; }
  T& operator[](int index) { return items[index]; }
  const T& operator[](int index) const { return items[index]; }
  T* begin() { return items; }
  T* end() { return items + count; }
  const T* begin() const { return items; }
  const T* end() const { return items + count; }
  T& back() { return items[count - 1]; }
  const T& back() const { return items[count - 1]; }
};

}  // namespace gill::ast
