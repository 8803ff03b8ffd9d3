// Bytes of unknown length in the making: a bytes object that grows.
#pragma once

#include <cstring>
#include <string_view>

#include "base/result.h"

namespace gill {

class ByteSink {
 public:
  // Room for `expected` bytes to begin with.
  Status start(Py_ssize_t expected) {
    bytes_ = TRY(steal(PyBytes_FromStringAndSize(nullptr, expected < 16 ? 16 : expected)));
    return Status::ok;
  }
  Py_ssize_t size() const { return size_; }
  char* data() { return PyBytes_AS_STRING(bytes_.get()); }

  // Room for at least `count` more bytes.
  Status reserve(Py_ssize_t count) {
    Py_ssize_t room = PyBytes_GET_SIZE(bytes_.get());
    if (room - size_ >= count) [[likely]] return Status::ok;
    if (count > PY_SSIZE_T_MAX - size_) {
      PyErr_NoMemory();
      return Status::error;
    }
    Py_ssize_t wanted = size_ + count;
    if (wanted < PY_SSIZE_T_MAX / 2 && wanted < room + room / 2) wanted = room + room / 2;
    return resize(wanted);
  }
  // The place where the next byte goes, and how many fit.
  char* end() { return data() + size_; }
  Py_ssize_t room() { return PyBytes_GET_SIZE(bytes_.get()) - size_; }
  void advance(Py_ssize_t count) { size_ += count; }

  Status put(unsigned char byte) {
    TRY(reserve(1));
    data()[size_++] = static_cast<char>(byte);
    return Status::ok;
  }
  Status put(std::string_view text) {
    TRY(reserve(static_cast<Py_ssize_t>(text.size())));
    std::memcpy(end(), text.data(), text.size());
    size_ += static_cast<Py_ssize_t>(text.size());
    return Status::ok;
  }
  // For callers that reserved.
  void put_unchecked(unsigned char byte) { data()[size_++] = static_cast<char>(byte); }

  Ref<> finish() {
    if (size_ != PyBytes_GET_SIZE(bytes_.get())) TRY(resize(size_));
    return std::move(bytes_);
  }

 private:
  Status resize(Py_ssize_t size) {
    PyObject* raw = bytes_.release();
    if (_PyBytes_Resize(&raw, size) < 0) return Status::error;
    bytes_ = steal(raw);
    return Status::ok;
  }

  Ref<> bytes_;
  Py_ssize_t size_ = 0;
};

}  // namespace gill
