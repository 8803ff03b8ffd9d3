// What the parts of `_socket` share: the socket object, calls that respect its timeout, addresses.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "base/binding.h"
#include "base/names.h"
#include "modules/socket/address.h"
#include "modules/system_call.h"

namespace gill::socket_module {

struct State {
  PyTypeObject* socket_type;
  PyObject* herror;
  PyObject* gaierror;
  _PyTime_t default_timeout;  // of new sockets; negative: none
};
State* state_of(PyObject* module);

// compat: the layout that _ssl's copy of socketmodule.h knows.
struct Socket {
  PyObject_HEAD
  int fd;
  int family;
  int type;
  int protocol;
  PyObject* (*error_handler)();
  _PyTime_t timeout;  // negative: waits without end; 0: never waits
};
static_assert(sizeof(Socket) == 48);

Failure gai_error(State* state, int error);
Failure host_error(State* state, int error);
State* state_of_socket(const Socket* self);

// ---- waiting --------------------------------------------------------------------------------------------------------------

// Until what a call with a socket may wait; one for all the calls that an operation makes.
class Waiting {
 public:
  explicit Waiting(const Socket* self) : deadline_(self->timeout > 0 ? self->timeout : -1), limited_(self->timeout > 0) {}
  Waiting(const Socket* self, _PyTime_t timeout) : deadline_(timeout > 0 ? timeout : -1), limited_(timeout > 0) { (void)self; }
  // Waits until the socket is ready: 0 ready, 1 the time is over, -1 with errno.
  int until_ready(const Socket* self, bool writing, bool connecting = false) const;
  bool limited() const { return limited_; }

 private:
  Deadline deadline_;
  bool limited_;
};

// The failures of a call with a socket.
enum class Outcome { done, failed_in_errno, raised };

// Copying as many bytes takes some 50 us, as long as others that wait for the lock leave it to one that computes.
inline constexpr size_t kShortTransfer = 256 * 1024;

// Repeats `call(fd)` (which returns true when it succeeded, else sets errno) while signals interrupt it, waiting for readiness first
// where the socket has a timeout. `is_short`: apart from waiting, which a socket with a timeout does not, it takes no time to speak of.
template <class F>
Outcome attempt(const Socket* self, bool writing, const Waiting& waiting, F call, bool connecting = false, bool is_short = false) {
  const bool waits = !is_short || self->timeout < 0;
  for (;;) {
    if (waiting.limited() || connecting) {
      int answer = waiting.until_ready(self, writing, connecting);
      if (answer < 0) {
        if (errno != EINTR) return Outcome::failed_in_errno;
        if (PyErr_CheckSignals() < 0) return Outcome::raised;
        continue;
      }
      if (answer == 1) {
        PyErr_SetString(PyExc_TimeoutError, "timed out");
        return Outcome::raised;
      }
    }
    for (;;) {
      int fd = self->fd;  // another thread may close the socket during the call
      if (unlocked_if(waits, [&] { return call(fd); })) return Outcome::done;
      if (errno != EINTR) break;
      if (PyErr_CheckSignals() < 0) return Outcome::raised;
    }
    // The data that made it ready is gone: somebody else took it, or its checksum was wrong.
    if (waiting.limited() && (errno == EWOULDBLOCK || errno == EAGAIN)) continue;
    return Outcome::failed_in_errno;
  }
}
// The same of a transfer of at most `size` bytes, as a Status; what is in errno becomes an exception.
template <class F>
Status operate(const Socket* self, bool writing, const Waiting& waiting, size_t size, F call) {
  switch (attempt(self, writing, waiting, call, false, size <= kShortTransfer)) {
    case Outcome::done: return Status::ok;
    case Outcome::failed_in_errno: return os_error();
    default: return Status::error;
  }
}

Status parse_timeout(PyObject* value, _PyTime_t* timeout);
Status set_blocking(Socket* self, bool blocking);

Ref<> make_socket(State* state, PyTypeObject* type, int fd, int family, int socket_type, int protocol);
Ref<Socket> new_socket(PyTypeObject* type);
Status start_socket(State* state, Socket* self, int fd, int family, int socket_type, int protocol);

// ---- the parts ------------------------------------------------------------------------------------------------------------

extern const PyMethodDef kTransferMethods[], kControlMethods[], kResolveMethods[];
Status add_constants(PyObject* module);
Status add_socket_type(PyObject* module);

struct SocketApi {
  PyTypeObject* type;
  PyObject* error;
  PyObject* timeout_error;
};

}  // namespace gill::socket_module
