// A growing array whose growth can fail, for the compiler's own bookkeeping (blocks, scopes, bytes).
// Elements are moved as plain memory.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/result.h"

namespace gill::compiler {

template <class T>
class Vector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Vector() = default;
  Vector(const Vector&) = delete;
  Vector& operator=(const Vector&) = delete;
  Vector(Vector&& other) noexcept { swap(other); }
  Vector& operator=(Vector&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Vector() { PyMem_Free(items_); }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return items_; }
  const T* data() const { return items_; }
  T& operator[](int i) { return items_[i]; }
  const T& operator[](int i) const { return items_[i]; }
  T& back() { return items_[size_ - 1]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

  Status push(const T& value) {
    if (size_ == capacity_) TRY(grow());
    items_[size_++] = value;
    return Status::ok;
  }
  void pop() { --size_; }
  void truncate(int size) { size_ = size; }
  void clear() { size_ = 0; }
  // `value` comes to stand at `index`.
  Status insert(int index, const T& value) {
    TRY(push(value));
    for (int i = size_ - 1; i > index; --i) items_[i] = items_[i - 1];
    items_[index] = value;
    return Status::ok;
  }
  void swap(Vector& other) {
    std::swap(items_, other.items_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  Status grow() {
    int capacity = capacity_ ? capacity_ * 2 : 8;
    void* memory = capacity > capacity_ ? PyMem_Realloc(items_, sizeof(T) * static_cast<size_t>(capacity)) : nullptr;
    if (!memory) {
      PyErr_NoMemory();
      return failure;
    }
    items_ = static_cast<T*>(memory);
    capacity_ = capacity;
    return Status::ok;
  }

  T* items_ = nullptr;
  int size_ = 0;
  int capacity_ = 0;
};

}  // namespace gill::compiler
