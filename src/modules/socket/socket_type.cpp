// The socket object: making it, connecting, options, closing. What moves data is in transfer.cpp.
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "modules/socket/socket.h"

#include <structmember.h>

namespace gill::socket_module {
namespace {

PyObject* set_error() { return PyErr_SetFromErrno(PyExc_OSError); }

// ---- making -----------------------------------------------------------------------------------------------------------------

// What getsockopt() tells of an open descriptor; 0 where it tells nothing.
Maybe<int> option_of(int fd, int option, bool required) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0) {
    if (required) return os_error();
    return 0;
  }
  return value;
}

PyObject* socket_new(PyTypeObject* type, PyObject*, PyObject*) { return as_object(new_socket(type).release()); }

Status audit_new(PyObject* self, int family, int type, int protocol) {
  return status_of(PySys_Audit("socket.__new__", "Oiii", self, family, type, protocol));
}

Status socket_init(Socket* self, int family, int type, int protocol, PyObject* fileno) {
  PyObject* object = as_object(self);
  State* state = state_of_socket(self);
  int fd;
  if (fileno != Py_None) {
    // The descriptor itself knows what it is.
    TRY(audit_new(object, family, type, protocol));
    fd = static_cast<int>(TRY(checked(PyLong_AsLong(fileno))));
    if (fd < 0) return raise(PyExc_ValueError, "negative file descriptor");
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0) {
      if (family == -1) return os_error();
      if (errno == EBADF || errno == ENOTSOCK) return os_error();
    } else if (family == -1) {
      family = address.ss_family;
    }
    if (type == -1) type = TRY(option_of(fd, SO_TYPE, true));
    if (protocol == -1) protocol = TRY(option_of(fd, SO_PROTOCOL, true));
  } else {
    if (family == -1) family = AF_INET;
    if (type == -1) type = SOCK_STREAM;
    if (protocol == -1) protocol = 0;
    TRY(audit_new(object, family, type, protocol));
    fd = TRY(once([&] { return ::socket(family, type | SOCK_CLOEXEC, protocol); }));
  }
  if (start_socket(state, self, fd, family, type, protocol) != Status::ok) {
    if (fileno == Py_None) ::close(fd);
    return Status::error;
  }
  return Status::ok;
}

// ---- closing ----------------------------------------------------------------------------------------------------------------

void socket_finalize(Socket* self) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (self->fd != -1) {
    if (PyErr_ResourceWarning(as_object(self), 1, "unclosed %R", self) < 0 && PyErr_ExceptionMatches(PyExc_Warning)) {
      PyErr_WriteUnraisable(as_object(self));
    }
    int fd = std::exchange(self->fd, -1);
    unlocked([&] { return ::close(fd); });
  }
  PyErr_Restore(type, value, traceback);
}

void socket_dealloc(PyObject* self) {
  if (PyObject_CallFinalizerFromDealloc(self) < 0) return;
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  release(as_object(type));
}

Status socket_close(Socket* self) {
  int fd = std::exchange(self->fd, -1);
  if (fd == -1) return Status::ok;
  // A connection that the other side reset is closed all the same.
  if (unlocked([&] { return ::close(fd); }) < 0 && errno != ECONNRESET) return os_error();
  return Status::ok;
}

Maybe<int> socket_detach(Socket* self) { return std::exchange(self->fd, -1); }
Maybe<int> socket_fileno(Socket* self) { return self->fd; }

Ref<> socket_repr(Socket* self) {
  return steal(PyUnicode_FromFormat("<socket object, fd=%ld, family=%d, type=%d, proto=%d>", static_cast<long>(self->fd), self->family, self->type,
                                    self->protocol));
}

// ---- connecting -------------------------------------------------------------------------------------------------------------

Ref<> socket_accept(Socket* self) {
  Address address = {};
  socklen_t size = TRY(address_size(self));
  int accepted = -1;
  TRY(operate(self, false, Waiting(self), 0, [&](int fd) {
    accepted = ::accept4(fd, &address.base, &size, SOCK_CLOEXEC);
    return accepted >= 0;
  }));
  Ref<> text = make_address(accepted, &address.base, size, self->protocol);
  if (!text) {
    ::close(accepted);
    return failure;
  }
  return steal(Py_BuildValue("iN", accepted, text.release()));
}

Status socket_bind(Socket* self, PyObject* value) {
  Address address;
  socklen_t size;
  TRY(read_address(state_of_socket(self), self, value, &address, &size, "bind"));
  TRY(status_of(PySys_Audit("socket.bind", "OO", self, value)));
  TRY(once([&, fd = self->fd] { return ::bind(fd, &address.base, size); }));
  return Status::ok;
}

// The error that connect() ended with, 0 for none; empty when a signal's handler raised or, with `raising`, on any error.
Maybe<int> connect(Socket* self, Address& address, socklen_t size, bool raising) {
  auto fail = [&](int error) -> Maybe<int> {
    if (!raising) return error;
    errno = error;
    return os_error();
  };
  int result = unlocked([&, fd = self->fd] { return ::connect(fd, &address.base, size); });
  if (result == 0) return 0;
  int error = errno;
  bool wait = false;
  if (error == EINTR) {
    TRY(status_of(PyErr_CheckSignals()));
    // The attempt goes on; what a socket that never waits has to show for it is "in progress".
    wait = self->timeout != 0;
  } else {
    wait = self->timeout > 0 && error == EINPROGRESS;
  }
  if (!wait) return fail(error);
  int pending = 0;
  Outcome outcome = attempt(self, true, Waiting(self), [&](int fd) {
    socklen_t length = sizeof(pending);
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &length) == 0;
  }, true);
  if (outcome == Outcome::raised) {
    if (!raising && PyErr_ExceptionMatches(PyExc_TimeoutError)) {
      PyErr_Clear();
      return EWOULDBLOCK;
    }
    return failure;
  }
  if (outcome == Outcome::failed_in_errno) pending = errno;
  if (pending == 0 || pending == EISCONN) return 0;
  return fail(pending);
}

Status socket_connect(Socket* self, PyObject* value) {
  Address address;
  socklen_t size;
  TRY(read_address(state_of_socket(self), self, value, &address, &size, "connect"));
  TRY(status_of(PySys_Audit("socket.connect", "OO", self, value)));
  TRY(connect(self, address, size, true));
  return Status::ok;
}
Maybe<int> socket_connect_ex(Socket* self, PyObject* value) {
  Address address;
  socklen_t size;
  TRY(read_address(state_of_socket(self), self, value, &address, &size, "connect_ex"));
  TRY(status_of(PySys_Audit("socket.connect", "OO", self, value)));
  return connect(self, address, size, false);
}

PyObject* socket_listen(PyObject* object, PyObject* args) {
  auto* self = reinterpret_cast<Socket*>(object);
  int backlog = SOMAXCONN < 128 ? SOMAXCONN : 128;
  if (!PyArg_ParseTuple(args, "|i:listen", &backlog)) return nullptr;
  // A negative backlog is none.
  if (backlog < 0) backlog = 0;
  if (!once([&, fd = self->fd] { return ::listen(fd, backlog); })) return nullptr;
  return none().release();
}

Status socket_shutdown(Socket* self, PyObject* how) {
  int direction = _PyLong_AsInt(how);
  if (direction == -1 && PyErr_Occurred()) return Status::error;
  TRY(once([&, fd = self->fd] { return ::shutdown(fd, direction); }));
  return Status::ok;
}

template <int (*Ask)(int, sockaddr*, socklen_t*)>
Ref<> ask_address(Socket* self) {
  Address address = {};
  socklen_t size = TRY(address_size(self));
  TRY(once([&, fd = self->fd] { return Ask(fd, &address.base, &size); }));
  return make_address(self->fd, &address.base, size, self->protocol);
}
int ask_own(int fd, sockaddr* address, socklen_t* size) { return ::getsockname(fd, address, size); }
int ask_peer(int fd, sockaddr* address, socklen_t* size) { return ::getpeername(fd, address, size); }

// ---- options and timeouts -----------------------------------------------------------------------------------------------------

Ref<> timeout_text(_PyTime_t timeout) {
  if (timeout < 0) return none();
  return steal(PyFloat_FromDouble(_PyTime_AsSecondsDouble(timeout)));
}
Ref<> socket_gettimeout(Socket* self) { return timeout_text(self->timeout); }
Maybe<bool> socket_getblocking(Socket* self) { return self->timeout != 0; }

Status socket_settimeout(Socket* self, PyObject* value) {
  _PyTime_t timeout;
  TRY(parse_timeout(value, &timeout));
  self->timeout = timeout;
  // With a timeout, poll() does the waiting.
  return set_blocking(self, timeout < 0);
}
Status socket_setblocking(Socket* self, PyObject* flag) {
  long blocking = TRY(checked(PyLong_AsLong(flag)));
  self->timeout = _PyTime_FromSeconds(blocking ? -1 : 0);
  return set_blocking(self, blocking != 0);
}

PyObject* socket_setsockopt(PyObject* object, PyObject* args) {
  auto* self = reinterpret_cast<Socket*>(object);
  auto done = [](int result) { return result < 0 ? PyErr_SetFromErrno(PyExc_OSError) : none().release(); };
  int level, option, number;
  // Ports of AF_VSOCK take 64 bits.
  if (self->family == AF_VSOCK) {
    unsigned long long wide;
    if (PyArg_ParseTuple(args, "iiK:setsockopt", &level, &option, &wide)) return done(::setsockopt(self->fd, level, option, &wide, sizeof(wide)));
    PyErr_Clear();
  }
  if (PyArg_ParseTuple(args, "iii:setsockopt", &level, &option, &number)) return done(::setsockopt(self->fd, level, option, &number, sizeof(number)));
  PyErr_Clear();
  PyObject* nothing;
  unsigned length;
  if (PyArg_ParseTuple(args, "iiO!I:setsockopt", &level, &option, Py_TYPE(Py_None), &nothing, &length)) {
    return done(::setsockopt(self->fd, level, option, nullptr, static_cast<socklen_t>(length)));
  }
  PyErr_Clear();
  BufferArgument value;
  if (!PyArg_ParseTuple(args, "iiy*:setsockopt", &level, &option, &value.view())) return nullptr;
  return done(::setsockopt(self->fd, level, option, value.data(), static_cast<socklen_t>(value.size())));
}

PyObject* socket_getsockopt(PyObject* object, PyObject* args) {
  auto* self = reinterpret_cast<Socket*>(object);
  int level, option;
  int length = 0;
  if (!PyArg_ParseTuple(args, "ii|i:getsockopt", &level, &option, &length)) return nullptr;
  socklen_t size;
  if (length == 0) {
    if (self->family == AF_VSOCK) {
      uint64_t wide = 0;
      size = sizeof(wide);
      if (::getsockopt(self->fd, level, option, &wide, &size) < 0) return PyErr_SetFromErrno(PyExc_OSError);
      return PyLong_FromUnsignedLong(wide);
    }
    int number = 0;
    size = sizeof(number);
    if (::getsockopt(self->fd, level, option, &number, &size) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(number);
  }
  if (length < 0 || length > 1024) {
    PyErr_SetString(PyExc_OSError, "getsockopt buflen out of range");
    return nullptr;
  }
  PyObject* buffer = PyBytes_FromStringAndSize(nullptr, length);
  if (!buffer) return nullptr;
  size = static_cast<socklen_t>(length);
  if (::getsockopt(self->fd, level, option, PyBytes_AS_STRING(buffer), &size) < 0) {
    release(buffer);
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  _PyBytes_Resize(&buffer, static_cast<Py_ssize_t>(size));
  return buffer;
}

// ---- the type -----------------------------------------------------------------------------------------------------------------

const PyMethodDef kSocketMethods[] = {
    METHOD_UNSIGNED("_accept($self, /)", socket_accept,
                    "_accept() -> (integer, address info)\n\nWait for an incoming connection.  Return a new socket file descriptor\nrepresenting the connection, and the address of the client."),
    METHOD_UNSIGNED("bind($self, address, /)", socket_bind, "bind(address)\n\nBind the socket to a local address.  For IP sockets, the address is a\npair (host, port)."),
    METHOD_UNSIGNED("close($self, /)", socket_close, "close()\n\nClose the socket.  It cannot be used after this call."),
    METHOD_UNSIGNED("connect($self, address, /)", socket_connect,
                    "connect(address)\n\nConnect the socket to a remote address.  For IP sockets, the address\nis a pair (host, port)."),
    METHOD_UNSIGNED("connect_ex($self, address, /)", socket_connect_ex,
                    "connect_ex(address) -> errno\n\nThis is like connect(address), but returns an error code (the errno value)\ninstead of raising an exception when an error occurs."),
    METHOD_UNSIGNED("detach($self, /)", socket_detach,
                    "detach()\n\nClose the socket object without closing the underlying file descriptor.\nThe object cannot be used after this call, but the file descriptor\ncan be reused for "
                    "other purposes.  The file descriptor is returned."),
    METHOD_UNSIGNED("fileno($self, /)", socket_fileno, "fileno() -> integer\n\nReturn the integer file descriptor of the socket."),
    METHOD_UNSIGNED("getpeername($self, /)", ask_address<ask_peer>,
                    "getpeername() -> address info\n\nReturn the address of the remote endpoint.  For IP sockets, the address\ninfo is a pair (hostaddr, port)."),
    METHOD_UNSIGNED("getsockname($self, /)", ask_address<ask_own>, "getsockname() -> address info\n\nReturn the address of the local endpoint. The format depends on the\naddress family."),
    {"getsockopt", socket_getsockopt, METH_VARARGS,
     "getsockopt(level, option[, buffersize]) -> value\n\nGet a socket option.  See the Unix manual for level and option.\nIf a nonzero buffersize argument is given, the return value is a\n"
     "string of that length; otherwise it is an integer."},
    {"setsockopt", socket_setsockopt, METH_VARARGS,
     "setsockopt(level, option, value: int)\nsetsockopt(level, option, value: buffer)\nsetsockopt(level, option, None, optlen: int)\n\nSet a socket option.  See the Unix manual for level and "
     "option.\nThe value argument can either be an integer, a string buffer, or\nNone, optlen."},
    {"listen", socket_listen, METH_VARARGS,
     "listen([backlog])\n\nEnable a server to accept connections.  If backlog is specified, it must be\nat least 0 (if it is lower, it is set to 0); it specifies the number of\nunaccepted "
     "connections that the system will allow before refusing new\nconnections. If not specified, a default reasonable value is chosen."},
    METHOD_UNSIGNED("setblocking($self, flag, /)", socket_setblocking,
                    "setblocking(flag)\n\nSet the socket to blocking (flag is true) or non-blocking (false).\nsetblocking(True) is equivalent to settimeout(None);\nsetblocking(False) is equivalent "
                    "to settimeout(0.0)."),
    METHOD_UNSIGNED("getblocking($self, /)", socket_getblocking,
                    "getblocking()\n\nReturns True if socket is in blocking mode, or False if it\nis in non-blocking mode."),
    METHOD_UNSIGNED("settimeout($self, timeout, /)", socket_settimeout,
                    "settimeout(timeout)\n\nSet a timeout on socket operations.  'timeout' can be a float,\ngiving in seconds, or None.  Setting a timeout of None disables\nthe timeout feature "
                    "and is equivalent to setblocking(1).\nSetting a timeout of zero is the same as setblocking(0)."),
    METHOD_UNSIGNED("gettimeout($self, /)", socket_gettimeout,
                    "gettimeout() -> timeout\n\nReturns the timeout in seconds (float) associated with socket\noperations. A timeout of None indicates that timeouts on socket\noperations are disabled."),
    METHOD_UNSIGNED("shutdown($self, flag, /)", socket_shutdown,
                    "shutdown(flag)\n\nShut down the reading side of the socket (flag == SHUT_RD), the writing side\nof the socket (flag == SHUT_WR), or both ends (flag == SHUT_RDWR)."),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"family", T_INT, offsetof(Socket, family), READONLY, "the socket family"},
    {"type", T_INT, offsetof(Socket, type), READONLY, "the socket type"},
    {"proto", T_INT, offsetof(Socket, protocol), READONLY, "the socket protocol"},
    {nullptr},
};
const PyGetSetDef kGetSets[] = {getset<socket_gettimeout>("timeout", "the socket timeout"), kEndOfGetSets};
const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)socket_dealloc},
    {Py_tp_finalize, (void*)slot<socket_finalize>},
    {Py_tp_repr, (void*)slot<socket_repr>},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_doc, (void*)"socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object\nsocket(family=-1, type=-1, proto=-1, fileno=None) -> socket object\n\nOpen a socket of the given "
                       "type.  The family argument specifies the\naddress family; it defaults to AF_INET.  The type argument specifies\nwhether this is a stream (SOCK_STREAM, this is the "
                       "default)\nor datagram (SOCK_DGRAM) socket.  The protocol argument defaults to 0,\nspecifying the default protocol.  Keyword arguments are accepted.\nThe socket is created "
                       "as non-inheritable.\n\nWhen a fileno is passed in, family, type and proto are auto-detected,\nunless they are explicitly set."},
    {Py_tp_new, (void*)socket_new},
    {Py_tp_init, (void*)INITIALIZER("socket($self, /, family=-1, type=-1, proto=-1, fileno=None)", socket_init)},
    {Py_tp_methods, (void*)kSocketMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {0, nullptr},
};
const PyType_Spec kSpec = {"_socket.socket", sizeof(Socket), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
                           const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<Socket> new_socket(PyTypeObject* type) {
  Ref<Socket> self = TRY(Ref<Socket>::steal(type->tp_alloc(type, 0)));
  self->fd = -1;
  self->timeout = _PyTime_FromSeconds(-1);
  self->error_handler = set_error;
  return self;
}

Status start_socket(State* state, Socket* self, int fd, int family, int type, int protocol) {
  self->fd = fd;
  self->family = family;
  // The kind is what is left without the flags that socket() takes along with it.
  bool never_waits = (type & SOCK_NONBLOCK) != 0;
  self->type = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  self->protocol = protocol;
  self->error_handler = set_error;
  if (never_waits) {
    self->timeout = 0;
    return Status::ok;
  }
  self->timeout = state->default_timeout;
  if (self->timeout >= 0) return set_blocking(self, false);
  return Status::ok;
}

Ref<> make_socket(State* state, PyTypeObject* type, int fd, int family, int socket_type, int protocol) {
  Ref<Socket> self = TRY(new_socket(type));
  TRY(start_socket(state, self.get(), fd, family, socket_type, protocol));
  return self;
}

Status add_socket_type(PyObject* module) {
  State* state = state_of(module);
  state->socket_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, const_cast<PyType_Spec*>(&kSpec), nullptr)));
  // The methods of transfer.cpp stand in a table of their own.
  for (const PyMethodDef* each = kTransferMethods; each->ml_name; ++each) {
    Ref<> method = TRY(steal(PyDescr_NewMethod(state->socket_type, const_cast<PyMethodDef*>(each))));
    TRY(status_of(PyDict_SetItemString(state->socket_type->tp_dict, each->ml_name, method.get())));
  }
  PyType_Modified(state->socket_type);
  TRY(status_of(PyModule_AddObjectRef(module, "SocketType", as_object(state->socket_type))));
  return status_of(PyModule_AddObjectRef(module, "socket", as_object(state->socket_type)));
}

}  // namespace gill::socket_module
