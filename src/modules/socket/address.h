// Socket addresses between Python and C.
#pragma once

#include <linux/can.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/binding.h"

namespace gill::socket_module {

struct State;
struct Socket;

// As <bluetooth/bluetooth.h> and its kin have them, which not every system installs.
struct BluetoothAddress {
  uint8_t bytes[6];
};
struct sockaddr_bluetooth_l2 {
  sa_family_t family;
  uint16_t psm;
  BluetoothAddress address;
  uint16_t cid;
  uint8_t address_type;
};
struct sockaddr_bluetooth_rc {
  sa_family_t family;
  BluetoothAddress address;
  uint8_t channel;
};
struct sockaddr_bluetooth_hci {
  sa_family_t family;
  uint16_t device;
  uint16_t channel;
};
struct sockaddr_bluetooth_sco {
  sa_family_t family;
  BluetoothAddress address;
};
enum BluetoothProtocol { kL2cap = 0, kHci = 1, kSco = 2, kRfcomm = 3 };

union Address {
  sockaddr base;
  sockaddr_in in;
  sockaddr_in6 in6;
  sockaddr_un un;
  sockaddr_nl netlink;
  sockaddr_ll packet;
  sockaddr_can can;
  sockaddr_tipc tipc;
  sockaddr_alg alg;
  sockaddr_vm vm;
  sockaddr_bluetooth_l2 l2;
  sockaddr_bluetooth_rc rc;
  sockaddr_bluetooth_hci hci;
  sockaddr_bluetooth_sco sco;
  sockaddr_storage storage;
};

// Reads what bind(), connect() and sendto() take, for the socket's family. `caller` begins the messages.
Status read_address(State* state, const Socket* socket, PyObject* value, Address* address, socklen_t* size, const char* caller);
// What accept(), recvfrom() and their kin tell; None for an empty address.
Ref<> make_address(int fd, const sockaddr* address, socklen_t size, int protocol);
// The size that an address of the socket's family may have.
Maybe<socklen_t> address_size(const Socket* socket);

// The address of a host for `family` (or AF_UNSPEC); "" is any, "<broadcast>" the broadcast address.
Status find_host(State* state, const char* host, sockaddr* address, size_t size, int family);
// The numeric text of an IPv4 or IPv6 address.
Ref<> ip_text(const sockaddr* address, socklen_t size);
// A host name: bytes in the idna codec of a str, or those of bytes and bytearray.
int host_converter(PyObject* object, void* result);

// What host_converter fills; released when it goes.
struct HostName {
  PyObject* object = nullptr;
  const char* text = nullptr;
  HostName() = default;
  HostName(const HostName&) = delete;
  ~HostName() { clear_field(object); }
};

}  // namespace gill::socket_module
