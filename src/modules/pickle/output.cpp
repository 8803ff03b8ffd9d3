// The bytes that a Pickler writes, and their frames (protocol 4 and later).
#include "modules/pickle/pickle.h"

namespace gill::pickle {

namespace {

constexpr Py_ssize_t kInitialSize = 4096;
constexpr Py_ssize_t kFrameHeader = 9;
constexpr Py_ssize_t kLeastFrame = 4;
constexpr Py_ssize_t kFrameTarget = 64 * 1024;

}  // namespace

Status Output::clear() {
  Ref<> fresh = TRY(steal(PyBytes_FromStringAndSize(nullptr, kInitialSize)));
  set_field(bytes_, std::move(fresh));
  size_ = 0;
  allocated_ = kInitialSize;
  frame_start_ = -1;
  return Status::ok;
}

void Output::dispose() {
  clear_field(bytes_);
  size_ = allocated_ = 0;
}

Status Output::reserve(Py_ssize_t extra) {
  // A dump inside of this one, by the same pickler, has taken the bytes.
  if (!bytes_) TRY(clear());
  if (extra > PY_SSIZE_T_MAX - size_) {
    PyErr_NoMemory();
    return Status::error;
  }
  Py_ssize_t required = size_ + extra;
  if (required <= allocated_) return Status::ok;
  if (required >= PY_SSIZE_T_MAX / 2) {
    PyErr_NoMemory();
    return Status::error;
  }
  allocated_ = required / 2 * 3;
  return status_of(_PyBytes_Resize(&bytes_, allocated_));
}

Status Output::write(const char* data, Py_ssize_t size) {
  bool new_frame = framing_ && frame_start_ == -1;
  Py_ssize_t needed = size + (new_frame ? kFrameHeader : 0);
  if (size_ + needed > allocated_) [[unlikely]] TRY(reserve(needed));
  char* out = PyBytes_AS_STRING(bytes_);
  if (new_frame) {
    frame_start_ = size_;
    memset(out + size_, 0xfe, kFrameHeader);
    size_ += kFrameHeader;
  }
  if (size < 8) {
    for (Py_ssize_t i = 0; i < size; ++i) out[size_ + i] = data[i];
  } else {
    memcpy(out + size_, data, static_cast<size_t>(size));
  }
  size_ += size;
  return Status::ok;
}

Status Output::commit_frame() {
  if (!framing_ || frame_start_ == -1) return Status::ok;
  char* frame = PyBytes_AS_STRING(bytes_) + frame_start_;
  Py_ssize_t length = size_ - frame_start_ - kFrameHeader;
  if (length >= kLeastFrame) {
    frame[0] = FRAME;
    store_little_endian(frame + 1, static_cast<uint64_t>(length), 8);
  } else {
    // Too short to pay off.
    memmove(frame, frame + kFrameHeader, static_cast<size_t>(length));
    size_ -= kFrameHeader;
  }
  frame_start_ = -1;
  return Status::ok;
}

Status Output::opcode_boundary(PyObject* write_method) {
  if (!framing_ || frame_start_ == -1) return Status::ok;
  if (size_ - frame_start_ - kFrameHeader < kFrameTarget) return Status::ok;
  TRY(commit_frame());
  // Large dumps shall not be held in memory as a whole.
  if (!write_method) return Status::ok;
  TRY(flush(write_method));
  return clear();
}

Ref<> Output::take() {
  if (size_ != allocated_ && _PyBytes_Resize(&bytes_, size_) < 0) return failure;
  allocated_ = 0;
  size_ = 0;
  frame_start_ = -1;
  return steal(std::exchange(bytes_, nullptr));
}

Status Output::flush(PyObject* write_method) {
  Ref<> bytes = TRY(take());
  return steal(PyObject_CallOneArg(write_method, bytes.get())) ? Status::ok : Status::error;
}

Status Output::write_payload(const char* header, Py_ssize_t header_size, const char* data, Py_ssize_t size, PyObject* payload,
                             PyObject* write_method) {
  if (size < kFrameTarget) {
    TRY(write(header, header_size));
    return write(data, size);
  }
  TRY(commit_frame());
  bool framing = std::exchange(framing_, false);
  TRY(write(header, header_size));
  if (write_method) {
    TRY(flush(write_method));
    Ref<> copy;
    if (!payload) {
      copy = TRY(steal(PyBytes_FromStringAndSize(data, size)));
      payload = copy.get();
    }
    Ref<> ignored = TRY(steal(PyObject_CallOneArg(write_method, payload)));
    TRY(clear());
  } else {
    TRY(write(data, size));
  }
  framing_ = framing;
  return Status::ok;
}

}  // namespace gill::pickle
