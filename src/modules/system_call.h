// Calls of the operating system that may wait: without the interpreter lock, again when a signal interrupted them, until a deadline.
#pragma once

#include <cerrno>

#include "base/binding.h"

namespace gill {

// OSError for errno.
[[gnu::cold]] inline Failure os_error() {
  PyErr_SetFromErrno(PyExc_OSError);
  return failure;
}

// Runs a system call without the interpreter lock; errno stays as the call left it.
template <class F>
auto unlocked(F call) {
  PyThreadState* thread = PyEval_SaveThread();
  auto result = call();
  int error = errno;
  PyEval_RestoreThread(thread);
  errno = error;
  return result;
}

// The same of a call that `waits`. One that does not keeps the lock: giving it away would cost a turn behind whoever waits for it.
template <class F>
auto unlocked_if(bool waits, F call) {
  return waits ? unlocked(call) : call();
}

// Runs a call that signals interrupt, again until it is done or a signal's handler raises. Other errors are left in errno.
template <class F>
auto retrying(F call) -> Maybe<decltype(call())> {
  for (;;) {
    auto result = unlocked(call);
    if (result != static_cast<decltype(result)>(-1) || errno != EINTR) return result;
    if (PyErr_CheckSignals() < 0) return failure;
  }
}
// The same; -1 raises OSError.
template <class F>
auto blocking(F call) -> Maybe<decltype(call())> {
  auto result = TRY(retrying(call));
  if (result == static_cast<decltype(result)>(-1)) return os_error();
  return result;
}
// One attempt; -1 raises OSError.
template <class F>
auto once(F call) -> Maybe<decltype(call())> {
  auto result = unlocked(call);
  if (result == static_cast<decltype(result)>(-1)) return os_error();
  return result;
}
// A call too short to give the lock away for.
inline Status result_of(int result) {
  if (result < 0) return os_error();
  return Status::ok;
}

// When a wait ends, on the monotonic clock; a negative timeout is no end.
class Deadline {
 public:
  explicit Deadline(_PyTime_t timeout) : timeout_(timeout), end_(timeout >= 0 ? _PyTime_GetMonotonicClock() + timeout : 0) {}
  bool endless() const { return timeout_ < 0; }
  // What is left, never less than 0; -1 when there is no end.
  _PyTime_t left() const {
    if (endless()) return -1;
    _PyTime_t rest = end_ - _PyTime_GetMonotonicClock();
    return rest > 0 ? rest : 0;
  }
  bool passed() const { return !endless() && end_ - _PyTime_GetMonotonicClock() < 0; }

 private:
  _PyTime_t timeout_;
  _PyTime_t end_;
};

// An argument that is a descriptor or an object with fileno().
struct FileNumber {
  int fd = -1;
};
template <>
struct Argument<FileNumber> {
  static Status convert(PyObject* value, FileNumber& out, const ArgumentPlace&) {
    out.fd = PyObject_AsFileDescriptor(value);
    return out.fd < 0 ? Status::error : Status::ok;
  }
  static FileNumber fallback(const Parameter&) { return {}; }
};

}  // namespace gill
