// Names of hosts, services, protocols and interfaces.
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "modules/socket/socket.h"

namespace gill::socket_module {
namespace {

// ---- hosts --------------------------------------------------------------------------------------------------------------------

PyObject* socket_gethostname(PyObject*, PyObject*) {
  if (PySys_Audit("socket.gethostname", nullptr) < 0) return nullptr;
  char buffer[1024];
  if (unlocked([&] { return ::gethostname(buffer, sizeof(buffer) - 1); }) < 0) return PyErr_SetFromErrno(PyExc_OSError);
  buffer[sizeof(buffer) - 1] = 0;
  return PyUnicode_DecodeFSDefault(buffer);
}

PyObject* socket_sethostname(PyObject*, PyObject* args) {
  PyObject* name = nullptr;
  if (!PyArg_ParseTuple(args, "O&:sethostname", PyUnicode_FSConverter, &name)) return nullptr;
  Ref<> encoded = steal(name);
  if (PySys_Audit("socket.sethostname", "(O)", encoded.get()) < 0) return nullptr;
  if (::sethostname(PyBytes_AS_STRING(encoded.get()), static_cast<size_t>(PyBytes_GET_SIZE(encoded.get()))) < 0) return PyErr_SetFromErrno(PyExc_OSError);
  return none().release();
}

// (name, aliases, addresses) of the lookups by name and by address.
Ref<> host_entry(const hostent* entry, int family) {
  if (entry->h_addrtype != family) return raise(PyExc_OSError, "%s", std::strerror(EAFNOSUPPORT));
  Ref<> aliases = TRY(steal(PyList_New(0)));
  for (char** each = entry->h_aliases; each && *each; ++each) {
    Ref<> text = TRY(steal(PyUnicode_DecodeFSDefault(*each)));
    TRY(status_of(PyList_Append(aliases.get(), text.get())));
  }
  Ref<> addresses = TRY(steal(PyList_New(0)));
  for (char** each = entry->h_addr_list; *each; ++each) {
    char buffer[INET6_ADDRSTRLEN];
    if (!::inet_ntop(family, *each, buffer, sizeof(buffer))) return os_error();
    Ref<> text = TRY(steal(PyUnicode_FromString(buffer)));
    TRY(status_of(PyList_Append(addresses.get(), text.get())));
  }
  Ref<> name = TRY(steal(PyUnicode_DecodeFSDefault(entry->h_name)));
  return steal(PyTuple_Pack(3, name.get(), aliases.get(), addresses.get()));
}

// `format` makes the one argument text in IDNA.
template <class F>
PyObject* with_host(PyObject* args, const char* format, F use) {
  char* host;
  if (!PyArg_ParseTuple(args, format, "idna", &host)) return nullptr;
  PyObject* result = use(host, PyTuple_GET_ITEM(args, 0)).release();
  PyMem_Free(host);
  return result;
}

PyObject* socket_gethostbyname(PyObject* module, PyObject* args) {
  return with_host(args, "et:gethostbyname", [&](const char* host, PyObject* argument) -> Ref<> {
    TRY(status_of(PySys_Audit("socket.gethostbyname", "O", argument)));
    Address address;
    TRY(find_host(state_of(module), host, &address.base, sizeof(address.in), AF_INET));
    return ip_text(&address.base, sizeof(address.in));
  });
}

PyObject* socket_gethostbyname_ex(PyObject* module, PyObject* args) {
  return with_host(args, "et:gethostbyname_ex", [&](const char* host, PyObject* argument) -> Ref<> {
    TRY(status_of(PySys_Audit("socket.gethostbyname", "O", argument)));
    Address address;
    TRY(find_host(state_of(module), host, &address.base, sizeof(address.in), AF_INET));
    char buffer[16384];
    hostent entry, *found = nullptr;
    int error = 0;
    unlocked([&] { return ::gethostbyname_r(host, &entry, buffer, sizeof(buffer), &found, &error); });
    if (!found) return host_error(state_of(module), error);
    return host_entry(found, address.base.sa_family);
  });
}

PyObject* socket_gethostbyaddr(PyObject* module, PyObject* args) {
  return with_host(args, "et:gethostbyaddr", [&](const char* host, PyObject* argument) -> Ref<> {
    TRY(status_of(PySys_Audit("socket.gethostbyaddr", "O", argument)));
    Address address;
    TRY(find_host(state_of(module), host, &address.base, sizeof(address), AF_UNSPEC));
    int family = address.base.sa_family;
    const void* number;
    socklen_t size;
    if (family == AF_INET) {
      number = &address.in.sin_addr;
      size = sizeof(address.in.sin_addr);
    } else if (family == AF_INET6) {
      number = &address.in6.sin6_addr;
      size = sizeof(address.in6.sin6_addr);
    } else {
      return raise(PyExc_OSError, "unsupported address family");
    }
    char buffer[16384];
    hostent entry, *found = nullptr;
    int error = 0;
    unlocked([&] { return ::gethostbyaddr_r(number, size, family, &entry, buffer, sizeof(buffer), &found, &error); });
    if (!found) return host_error(state_of(module), error);
    return host_entry(found, family);
  });
}

struct AddressList {
  addrinfo* first = nullptr;
  AddressList() = default;
  AddressList(const AddressList&) = delete;
  ~AddressList() {
    if (first) ::freeaddrinfo(first);
  }
};

PyObject* socket_getaddrinfo(PyObject* module, PyObject* args, PyObject* kwargs) {
  static const char* const kNames[] = {"host", "port", "family", "type", "proto", "flags", nullptr};
  PyObject *host, *port;
  int family = AF_UNSPEC, type = 0, protocol = 0, flags = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|iiii:getaddrinfo", const_cast<char**>(kNames), &host, &port, &family, &type, &protocol, &flags)) {
    return nullptr;
  }
  auto run = [&]() -> Ref<> {
    Ref<> encoded;
    const char* host_text = nullptr;
    if (PyUnicode_Check(host)) {
      encoded = TRY(steal(PyUnicode_AsEncodedString(host, "idna", nullptr)));
      host_text = PyBytes_AS_STRING(encoded.get());
    } else if (PyBytes_Check(host)) {
      host_text = PyBytes_AsString(host);
    } else if (host != Py_None) {
      return raise(PyExc_TypeError, "getaddrinfo() argument 1 must be string or None");
    }
    Ref<> number;
    const char* port_text = nullptr;
    if (PyLong_CheckExact(port)) {
      TRY(checked(PyLong_AsLong(port)));
      number = TRY(steal(PyObject_Str(port)));
      port_text = TRY(PyUnicode_AsUTF8(number.get()));
    } else if (PyUnicode_Check(port)) {
      port_text = TRY(PyUnicode_AsUTF8(port));
    } else if (PyBytes_Check(port)) {
      port_text = PyBytes_AS_STRING(port);
    } else if (port != Py_None) {
      return raise(PyExc_OSError, "Int or String expected");
    }
    TRY(status_of(PySys_Audit("socket.getaddrinfo", "OOiii", host, port, family, type, protocol)));
    addrinfo hints = {};
    hints.ai_family = family;
    hints.ai_socktype = type;
    hints.ai_protocol = protocol;
    hints.ai_flags = flags;
    AddressList found;
    int error = unlocked([&] { return ::getaddrinfo(host_text, port_text, &hints, &found.first); });
    if (error) return gai_error(state_of(module), error);
    Ref<> list = TRY(steal(PyList_New(0)));
    for (const addrinfo* each = found.first; each; each = each->ai_next) {
      Ref<> address = TRY(make_address(-1, each->ai_addr, each->ai_addrlen, protocol));
      Ref<> item = TRY(steal(Py_BuildValue("iiisO", each->ai_family, each->ai_socktype, each->ai_protocol, each->ai_canonname ? each->ai_canonname : "",
                                           address.get())));
      TRY(status_of(PyList_Append(list.get(), item.get())));
    }
    return list;
  };
  return run().release();
}

PyObject* socket_getnameinfo(PyObject* module, PyObject* args) {
  PyObject* address;
  int flags;
  if (!PyArg_ParseTuple(args, "Oi:getnameinfo", &address, &flags)) return nullptr;
  auto run = [&]() -> Ref<> {
    if (!PyTuple_Check(address)) return raise(PyExc_TypeError, "getnameinfo() argument 1 must be a tuple");
    const char* host;
    int port;
    unsigned flow = 0, scope = 0;
    if (!PyArg_ParseTuple(address, "si|II;getnameinfo(): illegal sockaddr argument", &host, &port, &flow, &scope)) return failure;
    if (flow > 0xfffff) return raise(PyExc_OverflowError, "getnameinfo(): flowinfo must be 0-1048575.");
    TRY(status_of(PySys_Audit("socket.getnameinfo", "(O)", address)));
    char port_text[16];
    PyOS_snprintf(port_text, sizeof(port_text), "%d", port);
    addrinfo hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_NUMERICHOST;
    AddressList found;
    int error = unlocked([&] { return ::getaddrinfo(host, port_text, &hints, &found.first); });
    if (error) return gai_error(state_of(module), error);
    if (found.first->ai_next) return raise(PyExc_OSError, "sockaddr resolved to multiple addresses");
    if (found.first->ai_family == AF_INET) {
      if (PyTuple_GET_SIZE(address) != 2) return raise(PyExc_OSError, "IPv4 sockaddr must be 2 tuple");
    } else if (found.first->ai_family == AF_INET6) {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(found.first->ai_addr);
      in6->sin6_flowinfo = htonl(flow);
      in6->sin6_scope_id = scope;
    }
    char host_name[NI_MAXHOST], service[NI_MAXSERV];
    error = unlocked([&] {
      return ::getnameinfo(found.first->ai_addr, found.first->ai_addrlen, host_name, sizeof(host_name), service, sizeof(service), flags);
    });
    if (error) return gai_error(state_of(module), error);
    Ref<> name = TRY(steal(PyUnicode_DecodeFSDefault(host_name)));
    return steal(Py_BuildValue("Os", name.get(), service));
  };
  return run().release();
}

// ---- services and protocols -----------------------------------------------------------------------------------------------------

PyObject* socket_getservbyname(PyObject*, PyObject* args) {
  const char *service, *protocol = nullptr;
  if (!PyArg_ParseTuple(args, "s|s:getservbyname", &service, &protocol)) return nullptr;
  if (PySys_Audit("socket.getservbyname", "sz", service, protocol) < 0) return nullptr;
  char buffer[1024];
  servent entry, *found = nullptr;
  unlocked([&] { return ::getservbyname_r(service, protocol, &entry, buffer, sizeof(buffer), &found); });
  if (found) return PyLong_FromLong(ntohs(static_cast<uint16_t>(found->s_port)));
  PyErr_SetString(PyExc_OSError, "service/proto not found");
  return nullptr;
}

PyObject* socket_getservbyport(PyObject*, PyObject* args) {
  int port;
  const char* protocol = nullptr;
  if (!PyArg_ParseTuple(args, "i|s:getservbyport", &port, &protocol)) return nullptr;
  if (port < 0 || port > 0xffff) {
    PyErr_SetString(PyExc_OverflowError, "getservbyport: port must be 0-65535.");
    return nullptr;
  }
  if (PySys_Audit("socket.getservbyport", "iz", port, protocol) < 0) return nullptr;
  char buffer[1024];
  servent entry, *found = nullptr;
  unlocked([&] { return ::getservbyport_r(htons(static_cast<uint16_t>(port)), protocol, &entry, buffer, sizeof(buffer), &found); });
  if (found) return PyUnicode_FromString(found->s_name);
  PyErr_SetString(PyExc_OSError, "port/proto not found");
  return nullptr;
}

PyObject* socket_getprotobyname(PyObject*, PyObject* args) {
  const char* protocol;
  if (!PyArg_ParseTuple(args, "s:getprotobyname", &protocol)) return nullptr;
  char buffer[1024];
  protoent entry, *found = nullptr;
  unlocked([&] { return ::getprotobyname_r(protocol, &entry, buffer, sizeof(buffer), &found); });
  if (found) return PyLong_FromLong(found->p_proto);
  PyErr_SetString(PyExc_OSError, "protocol not found");
  return nullptr;
}

// ---- interfaces -----------------------------------------------------------------------------------------------------------------

PyObject* socket_if_nameindex(PyObject*, PyObject*) {
  struct Names {
    struct if_nameindex* first = ::if_nameindex();
    ~Names() {
      if (first) ::if_freenameindex(first);
    }
  } names;
  if (!names.first) return PyErr_SetFromErrno(PyExc_OSError);
  Ref<> list = steal(PyList_New(0));
  if (!list) return nullptr;
  for (auto* each = names.first; each->if_index != 0 && each->if_name; ++each) {
    Ref<> item = steal(Py_BuildValue("IN", each->if_index, PyUnicode_DecodeFSDefault(each->if_name)));
    if (!item || PyList_Append(list.get(), item.get()) < 0) return nullptr;
  }
  return list.release();
}

PyObject* socket_if_nametoindex(PyObject*, PyObject* args) {
  PyObject* encoded = nullptr;
  if (!PyArg_ParseTuple(args, "O&:if_nametoindex", PyUnicode_FSConverter, &encoded)) return nullptr;
  Ref<> bytes = steal(encoded);
  unsigned long index = ::if_nametoindex(PyBytes_AS_STRING(encoded));
  if (index != 0) return PyLong_FromUnsignedLong(index);
  PyErr_SetString(PyExc_OSError, "no interface with this name");
  return nullptr;
}

PyObject* socket_if_indextoname(PyObject*, PyObject* argument) {
  unsigned long index = PyLong_AsUnsignedLong(argument);
  if (index == static_cast<unsigned long>(-1) && PyErr_Occurred()) {
    if (PyLong_Check(argument) && _PyLong_Sign(argument) < 0) PyErr_SetString(PyExc_OverflowError, "can't convert negative value to unsigned int");
    return nullptr;
  }
  char name[IF_NAMESIZE + 1];
  if (!::if_indextoname(static_cast<unsigned>(index), name)) return PyErr_SetFromErrno(PyExc_OSError);
  return PyUnicode_DecodeFSDefault(name);
}

}  // namespace

const PyMethodDef kResolveMethods[] = {
    {"gethostbyname", socket_gethostbyname, METH_VARARGS,
     "gethostbyname(host) -> address\n\nReturn the IP address (a string of the form '255.255.255.255') for a host."},
    {"gethostbyname_ex", socket_gethostbyname_ex, METH_VARARGS,
     "gethostbyname_ex(host) -> (name, aliaslist, addresslist)\n\nReturn the true host name, a list of aliases, and a list of IP addresses,\nfor a host.  The host argument is a string giving a host "
     "name or IP number."},
    {"gethostbyaddr", socket_gethostbyaddr, METH_VARARGS,
     "gethostbyaddr(host) -> (name, aliaslist, addresslist)\n\nReturn the true host name, a list of aliases, and a list of IP addresses,\nfor a host.  The host argument is a string giving a host name "
     "or IP number."},
    {"gethostname", socket_gethostname, METH_NOARGS, "gethostname() -> string\n\nReturn the current host name."},
    {"sethostname", socket_sethostname, METH_VARARGS, "sethostname(name)\n\nSets the hostname to name."},
    {"getaddrinfo", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(socket_getaddrinfo)), METH_VARARGS | METH_KEYWORDS,
     "getaddrinfo(host, port [, family, type, proto, flags])\n    -> list of (family, type, proto, canonname, sockaddr)\n\nResolve host and port into addrinfo struct."},
    {"getnameinfo", socket_getnameinfo, METH_VARARGS, "getnameinfo(sockaddr, flags) --> (host, port)\n\nGet host and port for a sockaddr."},
    {"getservbyname", socket_getservbyname, METH_VARARGS,
     "getservbyname(servicename[, protocolname]) -> integer\n\nReturn a port number from a service name and protocol name.\nThe optional protocol name, if given, should be 'tcp' or 'udp',\notherwise "
     "any protocol will match."},
    {"getservbyport", socket_getservbyport, METH_VARARGS,
     "getservbyport(port[, protocolname]) -> string\n\nReturn the service name from a port number and protocol name.\nThe optional protocol name, if given, should be 'tcp' or 'udp',\notherwise any "
     "protocol will match."},
    {"getprotobyname", socket_getprotobyname, METH_VARARGS,
     "getprotobyname(name) -> integer\n\nReturn the protocol number for the named protocol.  (Rarely used.)"},
    {"if_nameindex", socket_if_nameindex, METH_NOARGS, "if_nameindex()\n\nReturns a list of network interface information (index, name) tuples."},
    {"if_nametoindex", socket_if_nametoindex, METH_VARARGS,
     "if_nametoindex(if_name)\n\nReturns the interface index corresponding to the interface name if_name."},
    {"if_indextoname", socket_if_indextoname, METH_O,
     "if_indextoname(if_index)\n\nReturns the interface name corresponding to the interface index if_index."},
    kEndOfMethods,
};

}  // namespace gill::socket_module
