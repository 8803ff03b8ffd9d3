// Timeouts of sockets, and the errors that are not OSError's errno.
#include <netdb.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <climits>

#include "modules/socket/socket.h"

namespace gill::socket_module {

int Waiting::until_ready(const Socket* self, bool writing, bool connecting) const {
  // A socket that was closed meanwhile is the call's business, not poll()'s.
  if (self->fd < 0) return 0;
  pollfd wanted = {self->fd, static_cast<short>(writing ? POLLOUT : POLLIN), 0};
  // connect() of some systems tells its failure by these.
  if (connecting) wanted.events |= POLLERR;
  int milliseconds = -1;
  if (limited_) {
    if (deadline_.passed()) return 1;
    milliseconds = static_cast<int>(std::min<_PyTime_t>(_PyTime_AsMilliseconds(deadline_.left(), _PyTime_ROUND_CEILING), INT_MAX));
  }
  int count = unlocked([&] { return ::poll(&wanted, 1, milliseconds); });
  if (count < 0) return -1;
  return count == 0 ? 1 : 0;
}

Failure gai_error(State* state, int error) {
  if (error == EAI_SYSTEM) return os_error();
  Ref<> arguments = steal(Py_BuildValue("(is)", error, ::gai_strerror(error)));
  if (arguments) PyErr_SetObject(state->gaierror, arguments.get());
  return failure;
}
Failure host_error(State* state, int error) {
  Ref<> arguments = steal(Py_BuildValue("(is)", error, ::hstrerror(error)));
  if (arguments) PyErr_SetObject(state->herror, arguments.get());
  return failure;
}

Status parse_timeout(PyObject* value, _PyTime_t* timeout) {
  if (value == Py_None) {
    *timeout = _PyTime_FromSeconds(-1);
    return Status::ok;
  }
  TRY(status_of(_PyTime_FromSecondsObject(timeout, value, _PyTime_ROUND_TIMEOUT)));
  if (*timeout < 0) return raise(PyExc_ValueError, "Timeout value out of range");
  return Status::ok;
}

Status set_blocking(Socket* self, bool blocking) {
  int on = !blocking;
  TRY(once([&, fd = self->fd] { return ::ioctl(fd, FIONBIO, &on); }));
  return Status::ok;
}

}  // namespace gill::socket_module
