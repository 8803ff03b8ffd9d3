// Socket addresses: what Python code sees of those that the system gives.
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>

#include <arpa/inet.h>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "modules/socket/socket.h"

namespace gill::socket_module {

Ref<> ip_text(const sockaddr* address, socklen_t size) {
  char buffer[NI_MAXHOST];
  (void)size;
  if (address->sa_family == AF_INET6) {
    auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (!::inet_ntop(AF_INET6, &in6->sin6_addr, buffer, sizeof(buffer))) return os_error();
    return steal(PyUnicode_FromString(buffer));
  }
  auto* in = reinterpret_cast<const sockaddr_in*>(address);
  if (!::inet_ntop(AF_INET, &in->sin_addr, buffer, sizeof(buffer))) return os_error();
  return steal(PyUnicode_FromString(buffer));
}

Maybe<socklen_t> address_size(const Socket* socket) {
  switch (socket->family) {
    case AF_UNIX: return sizeof(sockaddr_un);
    case AF_INET: return sizeof(sockaddr_in);
    case AF_INET6: return sizeof(sockaddr_in6);
    case AF_NETLINK: return sizeof(sockaddr_nl);
    case AF_PACKET: return sizeof(sockaddr_ll);
    case AF_VSOCK: return sizeof(sockaddr_vm);
    case AF_CAN: return sizeof(sockaddr_can);
    case AF_TIPC: return sizeof(sockaddr_tipc);
    case AF_ALG: return sizeof(sockaddr_alg);
    case AF_RDS: return sizeof(sockaddr_in);
    case AF_BLUETOOTH:
      switch (socket->protocol) {
        case kL2cap: return sizeof(sockaddr_bluetooth_l2);
        case kRfcomm: return sizeof(sockaddr_bluetooth_rc);
        case kHci: return sizeof(sockaddr_bluetooth_hci);
        case kSco: return sizeof(sockaddr_bluetooth_sco);
        default: return raise(PyExc_OSError, "getsockaddrlen: unknown BT protocol");
      }
    default: return raise(PyExc_OSError, "getsockaddrlen: bad family");
  }
}

namespace {

Ref<> unix_address(const sockaddr_un* un, socklen_t size) {
  auto path_size = static_cast<Py_ssize_t>(size) - static_cast<Py_ssize_t>(offsetof(sockaddr_un, sun_path));
  // A name of Linux's own space may have any bytes.
  if (path_size > 0 && un->sun_path[0] == 0) return steal(PyBytes_FromStringAndSize(un->sun_path, path_size));
  return steal(PyUnicode_DecodeFSDefaultAndSize(un->sun_path, static_cast<Py_ssize_t>(strnlen(un->sun_path, path_size > 0 ? static_cast<size_t>(path_size) : 0))));
}

Ref<> bluetooth_text(const BluetoothAddress& address) {
  char text[18];
  const uint8_t* b = address.bytes;
  std::snprintf(text, sizeof(text), "%02X:%02X:%02X:%02X:%02X:%02X", b[5], b[4], b[3], b[2], b[1], b[0]);
  return steal(PyUnicode_FromString(text));
}
Ref<> bluetooth_address(const sockaddr* address, int protocol) {
  switch (protocol) {
    case kL2cap: {
      auto* l2 = reinterpret_cast<const sockaddr_bluetooth_l2*>(address);
      Ref<> text = TRY(bluetooth_text(l2->address));
      return steal(Py_BuildValue("Oi", text.get(), l2->psm));
    }
    case kRfcomm: {
      auto* rc = reinterpret_cast<const sockaddr_bluetooth_rc*>(address);
      Ref<> text = TRY(bluetooth_text(rc->address));
      return steal(Py_BuildValue("Oi", text.get(), rc->channel));
    }
    case kHci: return steal(Py_BuildValue("i", reinterpret_cast<const sockaddr_bluetooth_hci*>(address)->device));
    case kSco: return bluetooth_text(reinterpret_cast<const sockaddr_bluetooth_sco*>(address)->address);
    default: return raise(PyExc_ValueError, "Unknown Bluetooth protocol");
  }
}

// The name of an interface; "" when it has none.
const char* interface_name(int fd, int index, ifreq* request) {
  std::memset(request, 0, sizeof(*request));
  request->ifr_ifindex = index;
  return index && ::ioctl(fd, SIOCGIFNAME, request) == 0 ? request->ifr_name : "";
}

Ref<> can_address(int fd, const sockaddr_can* can, int protocol) {
  ifreq request;
  Ref<> name = TRY(steal(PyUnicode_DecodeFSDefault(interface_name(fd, can->can_ifindex, &request))));
  switch (protocol) {
    case CAN_ISOTP: return steal(Py_BuildValue("Okk", name.get(), static_cast<unsigned long>(can->can_addr.tp.rx_id), static_cast<unsigned long>(can->can_addr.tp.tx_id)));
    case CAN_J1939:
      return steal(Py_BuildValue("OKIB", name.get(), static_cast<unsigned long long>(can->can_addr.j1939.name), can->can_addr.j1939.pgn,
                                 can->can_addr.j1939.addr));
    default: return steal(PyTuple_Pack(1, name.get()));
  }
}

Ref<> tipc_address(const sockaddr_tipc* tipc) {
  auto make = [&](unsigned a, unsigned b, unsigned c) { return steal(Py_BuildValue("IIIII", tipc->addrtype, a, b, c, tipc->scope)); };
  switch (tipc->addrtype) {
    case TIPC_ADDR_NAMESEQ: return make(tipc->addr.nameseq.type, tipc->addr.nameseq.lower, tipc->addr.nameseq.upper);
    case TIPC_ADDR_NAME: return make(tipc->addr.name.name.type, tipc->addr.name.name.instance, tipc->addr.name.name.instance);
    case TIPC_ADDR_ID: return make(tipc->addr.id.node, tipc->addr.id.ref, 0);
    default: return raise(PyExc_ValueError, "Invalid address type");
  }
}

}  // namespace

Ref<> make_address(int fd, const sockaddr* address, socklen_t size, int protocol) {
  if (size == 0) return none();
  switch (address->sa_family) {
    case AF_INET: {
      Ref<> host = TRY(ip_text(address, sizeof(sockaddr_in)));
      return steal(Py_BuildValue("Oi", host.get(), ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port)));
    }
    case AF_INET6: {
      auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
      Ref<> host = TRY(ip_text(address, sizeof(sockaddr_in6)));
      return steal(Py_BuildValue("OiII", host.get(), ntohs(in6->sin6_port), ntohl(in6->sin6_flowinfo), in6->sin6_scope_id));
    }
    case AF_UNIX: return unix_address(reinterpret_cast<const sockaddr_un*>(address), size);
    case AF_NETLINK: {
      auto* netlink = reinterpret_cast<const sockaddr_nl*>(address);
      return steal(Py_BuildValue("II", netlink->nl_pid, netlink->nl_groups));
    }
    case AF_VSOCK: {
      auto* vm = reinterpret_cast<const sockaddr_vm*>(address);
      return steal(Py_BuildValue("II", vm->svm_cid, vm->svm_port));
    }
    case AF_PACKET: {
      auto* packet = reinterpret_cast<const sockaddr_ll*>(address);
      ifreq request;
      return steal(Py_BuildValue("shbhy#", interface_name(fd, packet->sll_ifindex, &request), ntohs(packet->sll_protocol), packet->sll_pkttype,
                                 packet->sll_hatype, packet->sll_addr, static_cast<Py_ssize_t>(packet->sll_halen)));
    }
    case AF_BLUETOOTH: return bluetooth_address(address, protocol);
    case AF_CAN: return can_address(fd, reinterpret_cast<const sockaddr_can*>(address), protocol);
    case AF_TIPC: return tipc_address(reinterpret_cast<const sockaddr_tipc*>(address));
    default:
      // A family without a form of its own: its number and its bytes.
      return steal(Py_BuildValue("iy#", address->sa_family, address->sa_data, static_cast<Py_ssize_t>(sizeof(address->sa_data))));
  }
}

}  // namespace gill::socket_module
