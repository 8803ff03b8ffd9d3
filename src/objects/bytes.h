// What the files about bytes and the encoders share: construction of bytes objects, bit by bit.
#pragma once

#include <Python.h>

#include <cstring>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"

namespace gill {

// The immortal empty bytes object and one object for each single byte.
struct StaticBytes {
  PyVarObject head;
  Py_hash_t hash;
  char text[8];
};
extern constinit StaticBytes byte_objects[256];
extern constinit StaticBytes empty_bytes_object;

inline Ref<> empty_bytes() { return Ref<>::steal(as_object(&empty_bytes_object)); }
inline Ref<> new_bytes(Py_ssize_t n) { return steal(PyBytes_FromStringAndSize(nullptr, n)); }
inline Ref<> bytes_from(std::string_view text) {
  return steal(PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

inline Ref<> byte_object(unsigned char c) { return Ref<>::steal(as_object(&byte_objects[c])); }

// A growing buffer that becomes a bytes object.
class BytesBuilder {
 public:
  BytesBuilder() = default;
  // An estimate of the final size; more may come.
  Status reserve(Py_ssize_t more) {
    if (more <= capacity_ - size_) [[likely]] return Status::ok;
    return grow(more);
  }
  Status put(char c) {
    TRY(reserve(1));
    data_[size_++] = c;
    return Status::ok;
  }
  Status put(std::string_view text) {
    TRY(reserve(static_cast<Py_ssize_t>(text.size())));
    if (!text.empty()) std::memcpy(data_ + size_, text.data(), text.size());
    size_ += static_cast<Py_ssize_t>(text.size());
    return Status::ok;
  }
  Status fill(char c, Py_ssize_t n) {
    if (n <= 0) return Status::ok;
    TRY(reserve(n));
    std::memset(data_ + size_, c, static_cast<size_t>(n));
    size_ += n;
    return Status::ok;
  }
  // Room for n bytes (reserved before), which count as written.
  char* extend(Py_ssize_t n) {
    char* at = data_ + size_;
    size_ += n;
    return at;
  }
  char* data() { return data_; }
  Py_ssize_t size() const { return size_; }
  void truncate(Py_ssize_t n) { size_ = n; }
  std::string_view view() const { return {data_, static_cast<size_t>(size_)}; }
  Ref<> finish();

 private:
  Status grow(Py_ssize_t more);
  Ref<> object_;
  char inline_[256];
  char* data_ = inline_;
  Py_ssize_t size_ = 0;
  Py_ssize_t capacity_ = sizeof inline_;
};

}  // namespace gill
