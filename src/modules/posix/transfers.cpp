// Reading and writing through descriptors, into one buffer or many, and moving data between descriptors.
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

// ---- one buffer ---------------------------------------------------------------------------------------------------

// Reads into a fresh bytes object, which is cut to what came.
template <class F>
Ref<> read_bytes(Py_ssize_t length, F call) {
  if (length < 0) {
    errno = EINVAL;
    return os_error();
  }
  PyObject* buffer = PyBytes_FromStringAndSize(nullptr, length);
  if (!buffer) return failure;
  char* data = PyBytes_AS_STRING(buffer);
  Maybe<ssize_t> count = blocking([&] { return call(data, static_cast<size_t>(length)); });
  if (!count) {
    release(buffer);
    return failure;
  }
  if (count.value() != length) _PyBytes_Resize(&buffer, count.value());
  return steal(buffer);
}

Ref<> posix_read(PyObject*, int fd, Py_ssize_t length) {
  return read_bytes(length, [&](char* data, size_t size) { return ::read(fd, data, size); });
}
Ref<> posix_pread(PyObject*, int fd, Py_ssize_t length, long long offset) {
  return read_bytes(length, [&](char* data, size_t size) { return ::pread(fd, data, size, offset); });
}

size_t transfer_size(const BufferArgument& data) { return static_cast<size_t>(data.size()); }

Maybe<ssize_t> posix_write(PyObject*, int fd, BufferArgument data) {
  return blocking([&] { return ::write(fd, data.data(), transfer_size(data)); });
}
Maybe<ssize_t> posix_pwrite(PyObject*, int fd, BufferArgument buffer, long long offset) {
  return blocking([&] { return ::pwrite(fd, buffer.data(), transfer_size(buffer), offset); });
}

// ---- many buffers ---------------------------------------------------------------------------------------------------

class Vectors {
 public:
  Vectors() = default;
  Vectors(const Vectors&) = delete;
  ~Vectors() {
    for (Py_ssize_t i = 0; i < count_; ++i) PyBuffer_Release(&views_[i]);
    PyMem_Free(views_);
    PyMem_Free(vectors_);
  }

  Status read(PyObject* sequence, const char* function, bool writable) {
    if (!PySequence_Check(sequence)) return raise(PyExc_TypeError, "%s() arg 2 must be a sequence", function);
    Py_ssize_t count = PySequence_Size(sequence);
    if (count < 0) return Status::error;
    views_ = PyMem_New(Py_buffer, count);
    vectors_ = PyMem_New(iovec, count);
    if (!views_ || !vectors_) {
      PyErr_NoMemory();
      return Status::error;
    }
    for (; count_ < count; ++count_) {
      Ref<> item = TRY(steal(PySequence_GetItem(sequence, count_)));
      TRY(status_of(PyObject_GetBuffer(item.get(), &views_[count_], writable ? PyBUF_WRITABLE : PyBUF_SIMPLE)));
      vectors_[count_] = {views_[count_].buf, static_cast<size_t>(views_[count_].len)};
    }
    return Status::ok;
  }
  const iovec* data() const { return vectors_; }
  int size() const { return static_cast<int>(count_); }

 private:
  Py_buffer* views_ = nullptr;
  iovec* vectors_ = nullptr;
  Py_ssize_t count_ = 0;
};

Maybe<ssize_t> posix_readv(PyObject*, int fd, PyObject* buffers) {
  Vectors v;
  TRY(v.read(buffers, "readv", true));
  return blocking([&] { return ::readv(fd, v.data(), v.size()); });
}
Maybe<ssize_t> posix_writev(PyObject*, int fd, PyObject* buffers) {
  Vectors v;
  TRY(v.read(buffers, "writev", false));
  return blocking([&] { return ::writev(fd, v.data(), v.size()); });
}
Maybe<ssize_t> posix_preadv(PyObject*, int fd, PyObject* buffers, long long offset, int flags) {
  Vectors v;
  TRY(v.read(buffers, "preadv2", true));
  return blocking([&] { return ::preadv2(fd, v.data(), v.size(), offset, flags); });
}
Maybe<ssize_t> posix_pwritev(PyObject*, int fd, PyObject* buffers, long long offset, int flags) {
  Vectors v;
  TRY(v.read(buffers, "pwritev", false));
  return blocking([&] { return ::pwritev2(fd, v.data(), v.size(), offset, flags); });
}

// ---- between descriptors ----------------------------------------------------------------------------------------------

Maybe<ssize_t> posix_sendfile(PyObject*, int out_fd, int in_fd, PyObject* offset, Py_ssize_t count) {
  if (offset == Py_None) {
    return blocking([&] { return ::sendfile(out_fd, in_fd, nullptr, static_cast<size_t>(count)); });
  }
  Ref<> number = TRY(steal(PyNumber_Index(offset)));
  off_t start = TRY(checked(PyLong_AsLong(number.get())));
  return blocking([&] { return ::sendfile(out_fd, in_fd, &start, static_cast<size_t>(count)); });
}

Status check_count(Py_ssize_t count) {
  if (count < 0) return raise(PyExc_ValueError, "negative value for 'count' not allowed");
  return Status::ok;
}
Maybe<ssize_t> posix_copy_file_range(PyObject*, int src, int dst, Py_ssize_t count, OptionalOffset offset_src, OptionalOffset offset_dst) {
  TRY(check_count(count));
  return blocking([&] { return ::copy_file_range(src, offset_src.address(), dst, offset_dst.address(), static_cast<size_t>(count), 0); });
}
Maybe<ssize_t> posix_splice(PyObject*, int src, int dst, Py_ssize_t count, OptionalOffset offset_src, OptionalOffset offset_dst, unsigned flags) {
  TRY(check_count(count));
  return blocking([&] { return ::splice(src, offset_src.address(), dst, offset_dst.address(), static_cast<size_t>(count), flags); });
}

}  // namespace

const PyMethodDef kTransferMethods[] = {
    METHOD("read($module, fd, length, /)", posix_read, "Read from a file descriptor.  Returns a bytes object."),
    METHOD("pread($module, fd, length, offset, /)", posix_pread,
           "Read a number of bytes from a file descriptor starting at a particular offset.\n\nThe position of the descriptor stays where it is."),
    METHOD("write($module, fd, data, /)", posix_write, "Write a bytes object to a file descriptor."),
    METHOD("pwrite($module, fd, buffer, offset, /)", posix_pwrite,
           "Write bytes to a file descriptor starting at a particular offset.\n\nReturns the number of bytes written; the position of the descriptor stays where it is."),
    METHOD("readv($module, fd, buffers, /)", posix_readv,
           "Read from a file descriptor fd into an iterable of buffers.\n\nThe buffers are mutable and are filled one after the other. Returns the number of bytes read."),
    METHOD("writev($module, fd, buffers, /)", posix_writev,
           "Iterate over buffers, and write the contents of each to a file descriptor.\n\nReturns the total number of bytes written."),
    METHOD("preadv($module, fd, buffers, offset, flags=0, /)", posix_preadv,
           "Reads from a file descriptor into a number of mutable bytes-like objects.\n\nCombines readv() and pread(); flags are RWF_HIPRI and RWF_NOWAIT. Returns the number of bytes read."),
    METHOD("pwritev($module, fd, buffers, offset, flags=0, /)", posix_pwritev,
           "Writes the contents of bytes-like objects to a file descriptor at a given offset.\n\nCombines writev() and pwrite(); flags are RWF_DSYNC, RWF_SYNC and RWF_APPEND. "
           "Returns the number of bytes written."),
    METHOD("sendfile($module, /, out_fd, in_fd, offset, count)", posix_sendfile, "Copy count bytes from file descriptor in_fd to file descriptor out_fd."),
    METHOD("copy_file_range($module, /, src, dst, count, offset_src=None,\n                offset_dst=None)", posix_copy_file_range,
           "Copy count bytes from one file descriptor to another.\n\nAn offset that is None is the descriptor's position, which then moves."),
    METHOD("splice($module, /, src, dst, count, offset_src=None, offset_dst=None,\n       flags=0)", posix_splice,
           "Transfer count bytes from one pipe to a descriptor or vice versa.\n\nOne of the descriptors is a pipe, whose offset must be None."),
    kEndOfMethods,
};

}  // namespace gill::posix
