// The select module: the waiting that its kinds have in common.
//
//   select_module.cpp   select(), poll objects, the module
//   select_epoll.cpp    epoll objects
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill {

// Calls `wait(timeout)` without the lock until it is done or the deadline passes; interrupted by a signal whose handler
// does not raise, it goes on with what is left. `timeout` is negative for ever; `wait` returns as system calls do.
template <class Wait>
Maybe<int> wait_interruptibly(_PyTime_t timeout, Wait wait) {
  _PyTime_t deadline = timeout >= 0 ? _PyDeadline_Init(timeout) : 0;
  for (;;) {
    int result, error;
    Py_BEGIN_ALLOW_THREADS;
    errno = 0;
    result = wait(timeout);
    error = errno;
    Py_END_ALLOW_THREADS;
    if (result >= 0) return result;
    if (error != EINTR) {
      errno = error;
      PyErr_SetFromErrno(PyExc_OSError);
      return failure;
    }
    TRY(status_of(PyErr_CheckSignals()));
    if (timeout >= 0) {
      timeout = _PyDeadline_Get(deadline);
      if (timeout < 0) return 0;
    }
  }
}

// Milliseconds for a system call, -1 for ever.
Maybe<int> wait_milliseconds(_PyTime_t timeout, _PyTime_round_t round);

extern PyType_Spec kEpollSpec;

}  // namespace gill
