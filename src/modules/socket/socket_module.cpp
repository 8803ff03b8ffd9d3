// The `_socket` module: byte orders, numeric addresses, pairs, default timeouts; puts the parts together.
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "modules/module_state.h"
#include "modules/socket/socket.h"

namespace gill::socket_module {
namespace {

// ---- byte order ---------------------------------------------------------------------------------------------------------------

PyObject* swap_16(PyObject* args, const char* format, const char* function) {
  int value;
  if (!PyArg_ParseTuple(args, format, &value)) return nullptr;
  if (value < 0) {
    PyErr_Format(PyExc_OverflowError, "%s: can't convert negative Python int to C 16-bit unsigned integer", function);
    return nullptr;
  }
  if (value > 0xffff) {
    PyErr_Format(PyExc_OverflowError, "%s: Python int too large to convert to C 16-bit unsigned integer", function);
    return nullptr;
  }
  return PyLong_FromUnsignedLong(htons(static_cast<uint16_t>(value)));
}
PyObject* socket_htons(PyObject*, PyObject* args) { return swap_16(args, "i:htons", "htons"); }
PyObject* socket_ntohs(PyObject*, PyObject* args) { return swap_16(args, "i:ntohs", "ntohs"); }

PyObject* socket_swap_32(PyObject*, PyObject* argument) {
  if (!PyLong_Check(argument)) return PyErr_Format(PyExc_TypeError, "expected int, %s found", Py_TYPE(argument)->tp_name);
  unsigned long value = PyLong_AsUnsignedLong(argument);
  if (value == static_cast<unsigned long>(-1) && PyErr_Occurred()) {
    if (_PyLong_Sign(argument) < 0) PyErr_SetString(PyExc_OverflowError, "can't convert negative value to unsigned int");
    return nullptr;
  }
  if (value > 0xffffffffu) {
    PyErr_SetString(PyExc_OverflowError, "int larger than 32 bits");
    return nullptr;
  }
  return PyLong_FromUnsignedLong(htonl(static_cast<uint32_t>(value)));
}

// ---- numeric addresses ----------------------------------------------------------------------------------------------------------

PyObject* socket_inet_aton(PyObject*, PyObject* args) {
  const char* text;
  if (!PyArg_ParseTuple(args, "s:inet_aton", &text)) return nullptr;
  in_addr address;
  if (::inet_aton(text, &address)) return PyBytes_FromStringAndSize(reinterpret_cast<char*>(&address), sizeof(address));
  PyErr_SetString(PyExc_OSError, "illegal IP address string passed to inet_aton");
  return nullptr;
}

PyObject* socket_inet_ntoa(PyObject*, PyObject* args) {
  BufferArgument packed;
  if (!PyArg_ParseTuple(args, "y*:inet_ntoa", &packed.view())) return nullptr;
  in_addr address;
  if (packed.size() != sizeof(address)) {
    PyErr_SetString(PyExc_OSError, "packed IP wrong length for inet_ntoa");
    return nullptr;
  }
  std::memcpy(&address, packed.data(), sizeof(address));
  char text[INET_ADDRSTRLEN];
  return PyUnicode_FromString(::inet_ntop(AF_INET, &address, text, sizeof(text)));
}

PyObject* socket_inet_pton(PyObject*, PyObject* args) {
  int family;
  const char* text;
  if (!PyArg_ParseTuple(args, "is:inet_pton", &family, &text)) return nullptr;
  char packed[sizeof(in6_addr)];
  int result = ::inet_pton(family, text, packed);
  if (result < 0) return PyErr_SetFromErrno(PyExc_OSError);
  if (result == 0) {
    PyErr_SetString(PyExc_OSError, "illegal IP address string passed to inet_pton");
    return nullptr;
  }
  return PyBytes_FromStringAndSize(packed, family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr));
}

PyObject* socket_inet_ntop(PyObject*, PyObject* args) {
  int family;
  BufferArgument packed;
  if (!PyArg_ParseTuple(args, "iy*:inet_ntop", &family, &packed.view())) return nullptr;
  if (family != AF_INET && family != AF_INET6) return PyErr_Format(PyExc_ValueError, "unknown address family %d", family);
  if (packed.size() != static_cast<Py_ssize_t>(family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr))) {
    PyErr_SetString(PyExc_ValueError, "invalid length of packed IP address string");
    return nullptr;
  }
  char text[INET6_ADDRSTRLEN + 1];
  if (!::inet_ntop(family, packed.data(), text, sizeof(text))) return PyErr_SetFromErrno(PyExc_OSError);
  return PyUnicode_FromString(text);
}

// ---- descriptors ------------------------------------------------------------------------------------------------------------------

// A descriptor as these functions read it.
bool read_fd(PyObject* argument, int* fd) {
  *fd = static_cast<int>(PyLong_AsLong(argument));
  return *fd != -1 || !PyErr_Occurred();
}
PyObject* socket_close_fd(PyObject*, PyObject* argument) {
  int fd;
  if (!read_fd(argument, &fd)) return nullptr;
  if (unlocked([&] { return ::close(fd); }) < 0 && errno != ECONNRESET) return PyErr_SetFromErrno(PyExc_OSError);
  return none().release();
}
PyObject* socket_dup(PyObject*, PyObject* argument) {
  int fd;
  if (!read_fd(argument, &fd)) return nullptr;
  Maybe<int> copy = once([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
  return copy ? PyLong_FromLong(copy.value()) : nullptr;
}

PyObject* socket_socketpair(PyObject* module, PyObject* args) {
  int family = AF_UNIX, type = SOCK_STREAM, protocol = 0;
  if (!PyArg_ParseTuple(args, "|iii:socketpair", &family, &type, &protocol)) return nullptr;
  int fds[2];
  if (!once([&] { return ::socketpair(family, type | SOCK_CLOEXEC, protocol, fds); })) return nullptr;
  State* state = state_of(module);
  Ref<> first = make_socket(state, state->socket_type, fds[0], family, type, protocol);
  if (!first) {
    ::close(fds[0]);
    ::close(fds[1]);
    return nullptr;
  }
  Ref<> second = make_socket(state, state->socket_type, fds[1], family, type, protocol);
  if (!second) {
    ::close(fds[1]);
    return nullptr;
  }
  return PyTuple_Pack(2, first.get(), second.get());
}

PyObject* socket_getdefaulttimeout(PyObject* module, PyObject*) {
  _PyTime_t timeout = state_of(module)->default_timeout;
  return timeout < 0 ? none().release() : PyFloat_FromDouble(_PyTime_AsSecondsDouble(timeout));
}
PyObject* socket_setdefaulttimeout(PyObject* module, PyObject* argument) {
  _PyTime_t timeout;
  if (parse_timeout(argument, &timeout) != Status::ok) return nullptr;
  state_of(module)->default_timeout = timeout;
  return none().release();
}

const PyMethodDef kMethods[] = {
    {"htons", socket_htons, METH_VARARGS, "htons(integer) -> integer\n\nConvert a 16-bit unsigned integer from host to network byte order."},
    {"ntohs", socket_ntohs, METH_VARARGS, "ntohs(integer) -> integer\n\nConvert a 16-bit unsigned integer from network to host byte order."},
    {"htonl", socket_swap_32, METH_O, "htonl(integer) -> integer\n\nConvert a 32-bit integer from host to network byte order."},
    {"ntohl", socket_swap_32, METH_O, "ntohl(integer) -> integer\n\nConvert a 32-bit integer from network to host byte order."},
    {"inet_aton", socket_inet_aton, METH_VARARGS,
     "inet_aton(string) -> bytes giving packed 32-bit IP representation\n\nConvert an IP address in string format (123.45.67.89) to the 32-bit packed\nbinary format used in low-level network "
     "functions."},
    {"inet_ntoa", socket_inet_ntoa, METH_VARARGS,
     "inet_ntoa(packed_ip) -> ip_address_string\n\nConvert an IP address from 32-bit packed binary format to string format"},
    {"inet_pton", socket_inet_pton, METH_VARARGS,
     "inet_pton(af, ip) -> packed IP address string\n\nConvert an IP address from string format to a packed string suitable\nfor use with low-level network functions."},
    {"inet_ntop", socket_inet_ntop, METH_VARARGS,
     "inet_ntop(af, packed_ip) -> string formatted IP address\n\nConvert a packed IP address of the given family to string format."},
    {"close", socket_close_fd, METH_O,
     "close(integer) -> None\n\nClose an integer socket file descriptor.  This is like os.close(), but for\nsockets; on some platforms os.close() won't work for socket file descriptors."},
    {"dup", socket_dup, METH_O,
     "dup(integer) -> integer\n\nDuplicate an integer socket file descriptor.  This is like os.dup(), but for\nsockets; on some platforms os.dup() won't work for socket file descriptors."},
    {"socketpair", socket_socketpair, METH_VARARGS,
     "socketpair([family[, type [, proto]]]) -> (socket object, socket object)\n\nCreate a pair of socket objects from the sockets returned by the platform\nsocketpair() function.\nThe arguments are "
     "the same as for socket() except the default family is\nAF_UNIX if defined on the platform; otherwise, the default is AF_INET."},
    {"getdefaulttimeout", socket_getdefaulttimeout, METH_NOARGS,
     "getdefaulttimeout() -> timeout\n\nReturns the default timeout in seconds (float) for new socket objects.\nA value of None indicates that new socket objects have no timeout.\nWhen the socket "
     "module is first imported, the default is None."},
    {"setdefaulttimeout", socket_setdefaulttimeout, METH_O,
     "setdefaulttimeout(timeout)\n\nSet the default timeout in seconds (float) for new socket objects.\nA value of None indicates that new socket objects have no timeout.\nWhen the socket module is "
     "first imported, the default is None."},
    kEndOfMethods,
};

// ---- the module -------------------------------------------------------------------------------------------------------------------

void free_api(PyObject* capsule) {
  auto* api = static_cast<SocketApi*>(PyCapsule_GetPointer(capsule, "_socket.CAPI"));
  release(as_object(api->type));
  release(api->error);
  release(api->timeout_error);
  PyMem_Free(api);
}

// What _ssl gets hold of the type and the exceptions by.
Status add_api(PyObject* module) {
  auto* api = static_cast<SocketApi*>(PyMem_Malloc(sizeof(SocketApi)));
  if (!api) {
    PyErr_NoMemory();
    return Status::error;
  }
  *api = {borrow(state_of(module)->socket_type).release(), borrow(PyExc_OSError).release(), borrow(PyExc_TimeoutError).release()};
  Ref<> capsule = steal(PyCapsule_New(api, "_socket.CAPI", free_api));
  if (!capsule) {
    PyMem_Free(api);
    return Status::error;
  }
  return status_of(PyModule_AddObjectRef(module, "CAPI", capsule.get()));
}

int execute(PyObject* module) {
  State* state = state_of(module);
  state->default_timeout = _PyTime_FromSeconds(-1);
  for (const PyMethodDef* methods : {kControlMethods, kResolveMethods}) {
    TRY(status_of(PyModule_AddFunctions(module, const_cast<PyMethodDef*>(methods))));
  }
  TRY(add_socket_type(module));
  TRY(status_of(PyModule_AddObjectRef(module, "error", PyExc_OSError)));
  TRY(status_of(PyModule_AddObjectRef(module, "timeout", PyExc_TimeoutError)));
  state->herror = TRY(PyErr_NewException("socket.herror", PyExc_OSError, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "herror", state->herror)));
  state->gaierror = TRY(PyErr_NewException("socket.gaierror", PyExc_OSError, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "gaierror", state->gaierror)));
  TRY(add_constants(module));
  return static_cast<int>(add_api(module));
}

using Owned = ModuleFields<&State::socket_type, &State::herror, &State::gaierror>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_socket",
    .m_doc = "Implementation module for socket operations.\n\nSee the socket module for documentation.",
    .m_size = sizeof(State),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
State* state_of_socket(const Socket* self) { return state_of(PyType_GetModuleByDef(self->ob_base.ob_type, &definition)); }

}  // namespace gill::socket_module

PyMODINIT_FUNC PyInit__socket() { return PyModuleDef_Init(&gill::socket_module::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_socket", PyInit__socket);
}  // namespace gill
