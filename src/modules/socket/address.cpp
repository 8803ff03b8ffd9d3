// Socket addresses: reading what Python code passes for each family.
#include "modules/socket/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "modules/socket/socket.h"

namespace gill::socket_module {

// ---- host names ---------------------------------------------------------------------------------------------------------------

int host_converter(PyObject* object, void* result) {
  auto* out = static_cast<HostName*>(result);
  Ref<> bytes;
  if (PyBytes_Check(object) || PyByteArray_Check(object)) {
    bytes = borrow(object);
  } else if (PyUnicode_Check(object)) {
    if (PyUnicode_READY(object) < 0) return 0;
    if (PyUnicode_IS_COMPACT_ASCII(object)) {
      bytes = borrow(object);
    } else {
      bytes = steal(PyUnicode_AsEncodedString(object, "idna", nullptr));
      if (!bytes) {
        PyErr_Clear();
        PyErr_SetString(PyExc_TypeError, "encoding of hostname failed");
        return 0;
      }
    }
  } else {
    PyErr_Format(PyExc_TypeError, "str, bytes or bytearray expected, not %s", Py_TYPE(object)->tp_name);
    return 0;
  }
  const char* text;
  Py_ssize_t size;
  if (PyUnicode_Check(bytes.get())) {
    text = PyUnicode_AsUTF8AndSize(bytes.get(), &size);
    if (!text) return 0;
  } else if (PyBytes_Check(bytes.get())) {
    text = PyBytes_AS_STRING(bytes.get());
    size = PyBytes_GET_SIZE(bytes.get());
  } else {
    text = PyByteArray_AS_STRING(bytes.get());
    size = PyByteArray_GET_SIZE(bytes.get());
  }
  if (std::strlen(text) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_TypeError, "host name must not contain null character");
    return 0;
  }
  out->text = text;
  out->object = bytes.release();
  return 1;
}

Status find_host(State* state, const char* host, sockaddr* address, size_t size, int family) {
  std::memset(address, 0, size);
  addrinfo hints = {};
  hints.ai_family = family;
  addrinfo* found = nullptr;
  if (!*host) {
    // Any address; the kind of socket does not matter but must be given.
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_PASSIVE;
    int error = unlocked([&] { return ::getaddrinfo(nullptr, "0", &hints, &found); });
    if (error) return gai_error(state, error);
    if (found->ai_next) {
      ::freeaddrinfo(found);
      return raise(PyExc_OSError, "wildcard resolved to multiple address");
    }
  } else if (std::strcmp(host, "255.255.255.255") == 0 || std::strcmp(host, "<broadcast>") == 0) {
    if (family != AF_INET && family != AF_UNSPEC) return raise(PyExc_OSError, "address family mismatched");
    auto* in = reinterpret_cast<sockaddr_in*>(address);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = INADDR_BROADCAST;
    return Status::ok;
  } else {
    // Numbers need no resolver.
    if (family == AF_UNSPEC || family == AF_INET) {
      auto* in = reinterpret_cast<sockaddr_in*>(address);
      if (::inet_pton(AF_INET, host, &in->sin_addr) > 0) {
        in->sin_family = AF_INET;
        return Status::ok;
      }
    }
    if ((family == AF_UNSPEC || family == AF_INET6) && !std::strchr(host, '%')) {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(address);
      if (size >= sizeof(*in6) && ::inet_pton(AF_INET6, host, &in6->sin6_addr) > 0) {
        in6->sin6_family = AF_INET6;
        return Status::ok;
      }
    }
    std::memset(address, 0, size);
    int error = unlocked([&] { return ::getaddrinfo(host, nullptr, &hints, &found); });
    if (error) return gai_error(state, error);
  }
  std::memcpy(address, found->ai_addr, found->ai_addrlen < size ? found->ai_addrlen : size);
  ::freeaddrinfo(found);
  return Status::ok;
}

// ---- reading addresses ----------------------------------------------------------------------------------------------------------

namespace {

struct Reader {
  State* state;
  const Socket* socket;
  PyObject* value;
  Address* address;
  socklen_t* size;
  const char* caller;

  Status need_tuple(const char* family) const {
    if (!PyTuple_Check(value)) {
      return raise(PyExc_TypeError, "%s(): %s address must be tuple, not %.500s", caller, family, Py_TYPE(value)->tp_name);
    }
    return Status::ok;
  }
  // A number that is too large for the tuple's format is told as a wrong port.
  Failure bad_tuple() const {
    if (PyErr_ExceptionMatches(PyExc_OverflowError)) PyErr_Format(PyExc_OverflowError, "%s(): port must be 0-65535.", caller);
    return failure;
  }
  Status check_port(int port) const {
    if (port < 0 || port > 0xffff) return raise(PyExc_OverflowError, "%s(): port must be 0-65535.", caller);
    return Status::ok;
  }

  Status read_unix() const;
  Status read_in() const;
  Status read_in6() const;
  Status read_netlink() const;
  Status read_packet() const;
  Status read_vsock() const;
  Status read_bluetooth() const;
  Status read_can() const;
  Status read_tipc() const;
  Status read_alg() const;
  Maybe<int> interface_index(const char* interface_name) const;
};

Status Reader::read_unix() const {
  BufferArgument bytes;
  Ref<> encoded;
  PyObject* source = value;
  if (PyUnicode_Check(value)) {
    encoded = TRY(steal(PyUnicode_EncodeFSDefault(value)));
    source = encoded.get();
  }
  TRY(status_of(PyObject_GetBuffer(source, &bytes.view(), PyBUF_SIMPLE)));
  auto length = static_cast<size_t>(bytes.size());
  sockaddr_un& un = address->un;
  un.sun_family = AF_UNIX;
  if (length == 0 || bytes.data()[0] == 0) {
    // A name of Linux's own space, which ends where it ends; none at all asks bind() to choose one.
    if (length > sizeof(un.sun_path)) return raise(PyExc_OSError, "AF_UNIX path too long");
    *size = static_cast<socklen_t>(length + offsetof(sockaddr_un, sun_path));
  } else {
    if (length >= sizeof(un.sun_path)) return raise(PyExc_OSError, "AF_UNIX path too long");
    un.sun_path[length] = 0;
    *size = sizeof(un);
  }
  std::memcpy(un.sun_path, bytes.data(), length);
  return Status::ok;
}

Status Reader::read_in() const {
  TRY(need_tuple("AF_INET"));
  HostName host;
  int port;
  if (!PyArg_ParseTuple(value, "O&i;AF_INET address must be a pair (host, port)", host_converter, &host, &port)) return bad_tuple();
  TRY(find_host(state, host.text, &address->base, sizeof(address->in), AF_INET));
  TRY(check_port(port));
  address->in.sin_family = AF_INET;
  address->in.sin_port = htons(static_cast<uint16_t>(port));
  *size = sizeof(address->in);
  return Status::ok;
}

Status Reader::read_in6() const {
  TRY(need_tuple("AF_INET6"));
  HostName host;
  int port;
  unsigned flow = 0, scope = 0;
  if (!PyArg_ParseTuple(value, "O&i|II;AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])", host_converter, &host, &port, &flow, &scope)) {
    return bad_tuple();
  }
  TRY(find_host(state, host.text, &address->base, sizeof(address->in6), AF_INET6));
  TRY(check_port(port));
  if (flow > 0xfffff) return raise(PyExc_OverflowError, "%s(): flowinfo must be 0-1048575.", caller);
  address->in6.sin6_family = AF_INET6;
  address->in6.sin6_port = htons(static_cast<uint16_t>(port));
  address->in6.sin6_flowinfo = htonl(flow);
  address->in6.sin6_scope_id = scope;
  *size = sizeof(address->in6);
  return Status::ok;
}

Status Reader::read_netlink() const {
  if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_NETLINK address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
  int pid, groups;
  if (!PyArg_ParseTuple(value, "II:getsockaddrarg", &pid, &groups)) return Status::error;
  address->netlink.nl_family = AF_NETLINK;
  address->netlink.nl_pid = static_cast<unsigned>(pid);
  address->netlink.nl_groups = static_cast<unsigned>(groups);
  *size = sizeof(address->netlink);
  return Status::ok;
}

Status Reader::read_vsock() const {
  if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "getsockaddrarg: AF_VSOCK address must be tuple, not %.500s", Py_TYPE(value)->tp_name);
  unsigned port, cid;
  if (!PyArg_ParseTuple(value, "II:getsockaddrarg", &cid, &port)) return Status::error;
  address->vm.svm_family = AF_VSOCK;
  address->vm.svm_port = port;
  address->vm.svm_cid = cid;
  *size = sizeof(address->vm);
  return Status::ok;
}

Maybe<int> Reader::interface_index(const char* interface_name) const {
  ifreq request = {};
  std::strncpy(request.ifr_name, interface_name, sizeof(request.ifr_name) - 1);
  if (::ioctl(socket->fd, SIOCGIFINDEX, &request) < 0) return os_error();
  return request.ifr_ifindex;
}

Status Reader::read_packet() const {
  if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_PACKET address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
  const char* interface_name;
  int protocol, kind = PACKET_HOST, hardware = 0;
  Py_buffer hardware_address = {};
  if (!PyArg_ParseTuple(value, "si|iiy*;AF_PACKET address must be a tuple of two to five elements", &interface_name, &protocol, &kind, &hardware, &hardware_address)) {
    return bad_tuple();
  }
  struct Guard {
    Py_buffer* view;
    ~Guard() { PyBuffer_Release(view); }
  } guard{&hardware_address};
  int index = TRY(interface_index(interface_name));
  if (hardware_address.buf && hardware_address.len > 8) return raise(PyExc_ValueError, "Hardware address must be 8 bytes or less");
  if (protocol < 0 || protocol > 0xffff) return raise(PyExc_OverflowError, "%s(): proto must be 0-65535.", caller);
  sockaddr_ll& packet = address->packet;
  packet.sll_family = AF_PACKET;
  packet.sll_protocol = htons(static_cast<uint16_t>(protocol));
  packet.sll_ifindex = index;
  packet.sll_pkttype = static_cast<unsigned char>(kind);
  packet.sll_hatype = static_cast<unsigned short>(hardware);
  if (hardware_address.buf) {
    std::memcpy(packet.sll_addr, hardware_address.buf, static_cast<size_t>(hardware_address.len));
    packet.sll_halen = static_cast<unsigned char>(hardware_address.len);
  }
  *size = sizeof(packet);
  return Status::ok;
}

// "AA:BB:CC:DD:EE:FF"; the bytes stand in reverse order.
Status read_bluetooth_address(const char* text, BluetoothAddress* out) {
  unsigned b[6];
  char behind;
  int count = std::sscanf(text, "%X:%X:%X:%X:%X:%X%c", &b[5], &b[4], &b[3], &b[2], &b[1], &b[0], &behind);
  bool fits = count == 6;
  for (int i = 0; fits && i < 6; ++i) {
    fits = b[i] < 256;
    out->bytes[i] = static_cast<uint8_t>(b[i]);
  }
  if (!fits) return raise(PyExc_OSError, "bad bluetooth address");
  return Status::ok;
}

Status Reader::read_bluetooth() const {
  const char* text;
  switch (socket->protocol) {
    case kL2cap: {
      int psm;
      if (!PyArg_ParseTuple(value, "si", &text, &psm)) return raise(PyExc_OSError, "%s(): wrong format", caller);
      address->l2.family = AF_BLUETOOTH;
      address->l2.psm = static_cast<uint16_t>(psm);
      *size = sizeof(address->l2);
      return read_bluetooth_address(text, &address->l2.address);
    }
    case kRfcomm: {
      int channel;
      if (!PyArg_ParseTuple(value, "si", &text, &channel)) return raise(PyExc_OSError, "%s(): wrong format", caller);
      address->rc.family = AF_BLUETOOTH;
      address->rc.channel = static_cast<uint8_t>(channel);
      *size = sizeof(address->rc);
      return read_bluetooth_address(text, &address->rc.address);
    }
    case kHci: {
      int device;
      if (!PyArg_ParseTuple(value, "i", &device)) return raise(PyExc_OSError, "%s(): wrong format", caller);
      address->hci.family = AF_BLUETOOTH;
      address->hci.device = static_cast<uint16_t>(device);
      *size = sizeof(address->hci);
      return Status::ok;
    }
    case kSco: {
      if (!PyBytes_Check(value)) return raise(PyExc_OSError, "%s(): wrong format", caller);
      address->sco.family = AF_BLUETOOTH;
      *size = sizeof(address->sco);
      return read_bluetooth_address(PyBytes_AS_STRING(value), &address->sco.address);
    }
    default: return raise(PyExc_OSError, "%s(): unknown Bluetooth protocol", caller);
  }
}

Status Reader::read_can() const {
  sockaddr_can& can = address->can;
  auto find_interface = [&](PyObject* encoded) -> Status {
    Ref<> bytes = steal(encoded);
    Py_ssize_t length = PyBytes_GET_SIZE(encoded);
    if (length == 0) {
      can.can_ifindex = 0;
    } else if (length < IFNAMSIZ) {
      can.can_ifindex = TRY(interface_index(PyBytes_AS_STRING(encoded)));
    } else {
      return raise(PyExc_OSError, "AF_CAN interface name too long");
    }
    can.can_family = AF_CAN;
    *size = sizeof(can);
    return Status::ok;
  };
  PyObject* name = nullptr;
  switch (socket->protocol) {
    case CAN_RAW:
    case CAN_BCM:
      if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_CAN address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
      if (!PyArg_ParseTuple(value, "O&;AF_CAN address must be a tuple (interface, )", PyUnicode_FSConverter, &name)) return Status::error;
      return find_interface(name);
    case CAN_ISOTP: {
      unsigned long receive, transmit;
      if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_CAN address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
      if (!PyArg_ParseTuple(value, "O&kk", PyUnicode_FSConverter, &name, &receive, &transmit)) return Status::error;
      TRY(find_interface(name));
      can.can_addr.tp.rx_id = static_cast<canid_t>(receive);
      can.can_addr.tp.tx_id = static_cast<canid_t>(transmit);
      return Status::ok;
    }
    case CAN_J1939: {
      unsigned long long j1939_name;
      unsigned group;
      unsigned char node;
      if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_CAN address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
      if (!PyArg_ParseTuple(value, "O&KIB", PyUnicode_FSConverter, &name, &j1939_name, &group, &node)) return Status::error;
      TRY(find_interface(name));
      can.can_addr.j1939.name = j1939_name;
      can.can_addr.j1939.pgn = group;
      can.can_addr.j1939.addr = node;
      return Status::ok;
    }
    default: return raise(PyExc_OSError, "%s(): unsupported CAN protocol", caller);
  }
}

Status Reader::read_tipc() const {
  if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_TIPC address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
  unsigned kind, v1, v2, v3, scope = TIPC_CLUSTER_SCOPE;
  if (!PyArg_ParseTuple(value, "IIII|I;AF_TIPC address must be a tuple (addr_type, v1, v2, v3[, scope])", &kind, &v1, &v2, &v3, &scope)) return Status::error;
  sockaddr_tipc& tipc = address->tipc;
  tipc.family = AF_TIPC;
  tipc.scope = static_cast<signed char>(scope);
  tipc.addrtype = static_cast<unsigned char>(kind);
  if (kind == TIPC_ADDR_NAMESEQ) {
    tipc.addr.nameseq = {v1, v2, v3};
  } else if (kind == TIPC_ADDR_NAME) {
    tipc.addr.name.name = {v1, v2};
    tipc.addr.name.domain = 0;
  } else if (kind == TIPC_ADDR_ID) {
    tipc.addr.id = {v1, v2};
  } else {
    return raise(PyExc_TypeError, "%s(): Invalid address type", caller);
  }
  *size = sizeof(tipc);
  return Status::ok;
}

Status Reader::read_alg() const {
  if (!PyTuple_Check(value)) return raise(PyExc_TypeError, "%s(): AF_ALG address must be tuple, not %.500s", caller, Py_TYPE(value)->tp_name);
  const char *type, *algorithm;
  unsigned short features = 0, mask = 0;
  if (!PyArg_ParseTuple(value, "ss|HH;AF_ALG address must be a tuple (type, name[, feat[, mask]])", &type, &algorithm, &features, &mask)) return Status::error;
  sockaddr_alg& alg = address->alg;
  alg.salg_family = AF_ALG;
  // Room for the NUL, where the kernel wants one.
  if (std::strlen(type) >= sizeof(alg.salg_type)) return raise(PyExc_ValueError, "AF_ALG type too long.");
  if (std::strlen(algorithm) >= sizeof(alg.salg_name)) return raise(PyExc_ValueError, "AF_ALG name too long.");
  std::strcpy(reinterpret_cast<char*>(alg.salg_type), type);
  std::strcpy(reinterpret_cast<char*>(alg.salg_name), algorithm);
  alg.salg_feat = features;
  alg.salg_mask = mask;
  *size = sizeof(alg);
  return Status::ok;
}

}  // namespace

Status read_address(State* state, const Socket* socket, PyObject* value, Address* address, socklen_t* size, const char* caller) {
  std::memset(address, 0, sizeof(*address));
  Reader reader{state, socket, value, address, size, caller};
  switch (socket->family) {
    case AF_UNIX: return reader.read_unix();
    case AF_INET: return reader.read_in();
    case AF_INET6: return reader.read_in6();
    case AF_NETLINK: return reader.read_netlink();
    case AF_PACKET: return reader.read_packet();
    case AF_VSOCK: return reader.read_vsock();
    case AF_BLUETOOTH: return reader.read_bluetooth();
    case AF_CAN: return reader.read_can();
    case AF_TIPC: return reader.read_tipc();
    case AF_ALG: return reader.read_alg();
    default: return raise(PyExc_OSError, "%s(): bad family", caller);
  }
}

}  // namespace gill::socket_module
