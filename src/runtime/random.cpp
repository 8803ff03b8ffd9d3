// Random bytes from the system.
#include <Python.h>
#include <sys/random.h>

#include <cerrno>

#include "base/result.h"

namespace gill {
namespace {

Status fill(void* buffer, Py_ssize_t size, unsigned flags) {
  auto* next = static_cast<char*>(buffer);
  while (size > 0) {
    ssize_t n;
    if (size > 256 || !(flags & GRND_NONBLOCK)) {
      Py_BEGIN_ALLOW_THREADS;
      n = ::getrandom(next, static_cast<size_t>(size), flags);
      Py_END_ALLOW_THREADS;
    } else {
      n = ::getrandom(next, static_cast<size_t>(size), flags);
    }
    if (n >= 0) {
      next += n;
      size -= n;
    } else if (errno == EAGAIN) {
      // Early in the life of the system: what there is must do for those who do not want to wait.
      flags = GRND_INSECURE;
    } else if (errno == EINTR) {
      TRY(status_of(PyErr_CheckSignals()));
    } else {
      PyErr_SetFromErrno(PyExc_OSError);
      return Status::error;
    }
  }
  return Status::ok;
}

Status fill_checked(void* buffer, Py_ssize_t size, unsigned flags) {
  if (size < 0) return raise(PyExc_ValueError, "negative argument not allowed");
  return fill(buffer, size, flags);
}

}  // namespace
}  // namespace gill

extern "C" {

int _PyOS_URandom(void* buffer, Py_ssize_t size) { return static_cast<int>(gill::fill_checked(buffer, size, 0)); }
int _PyOS_URandomNonblock(void* buffer, Py_ssize_t size) { return static_cast<int>(gill::fill_checked(buffer, size, GRND_NONBLOCK)); }

}  // extern "C"
