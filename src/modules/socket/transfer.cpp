// Moving data through sockets: one buffer, with an address, or as messages with ancillary data.
#include <linux/if_alg.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <climits>
#include <cstring>

#include "modules/socket/socket.h"

namespace gill::socket_module {
namespace {

constexpr size_t kAnySize = SIZE_MAX;  // of messages

Socket* socket_of(PyObject* object) { return reinterpret_cast<Socket*>(object); }

// ---- receiving --------------------------------------------------------------------------------------------------------------

Maybe<ssize_t> receive(Socket* self, char* data, size_t size, int flags) {
  // compat: no call is made for nothing.
  if (size == 0) return ssize_t{0};
  ssize_t count = 0;
  TRY(operate(self, false, Waiting(self), size, [&](int fd) { return (count = ::recv(fd, data, size, flags)) >= 0; }));
  return count;
}

Maybe<ssize_t> receive_from(Socket* self, char* data, size_t size, int flags, Ref<>* from) {
  Address address = {};
  socklen_t address_length = TRY(address_size(self));
  ssize_t count = 0;
  socklen_t length = 0;
  TRY(operate(self, false, Waiting(self), size, [&](int fd) {
    length = address_length;
    return (count = ::recvfrom(fd, data, size, flags, &address.base, &length)) >= 0;
  }));
  *from = TRY(make_address(self->fd, &address.base, length, self->protocol));
  return count;
}

Ref<> cut(PyObject* buffer, ssize_t count) {
  if (count != PyBytes_GET_SIZE(buffer)) _PyBytes_Resize(&buffer, count);
  return steal(buffer);
}

PyObject* socket_recv(PyObject* object, PyObject* args) {
  Py_ssize_t size;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "n|i:recv", &size, &flags)) return nullptr;
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "negative buffersize in recv");
    return nullptr;
  }
  Ref<> buffer = steal(PyBytes_FromStringAndSize(nullptr, size));
  if (!buffer) return nullptr;
  Maybe<ssize_t> count = receive(socket_of(object), PyBytes_AS_STRING(buffer.get()), static_cast<size_t>(size), flags);
  if (!count) return nullptr;
  return cut(buffer.release(), count.value()).release();
}

PyObject* socket_recvfrom(PyObject* object, PyObject* args) {
  Py_ssize_t size;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "n|i:recvfrom", &size, &flags)) return nullptr;
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "negative buffersize in recvfrom");
    return nullptr;
  }
  Ref<> buffer = steal(PyBytes_FromStringAndSize(nullptr, size));
  if (!buffer) return nullptr;
  Ref<> from;
  Maybe<ssize_t> count = receive_from(socket_of(object), PyBytes_AS_STRING(buffer.get()), static_cast<size_t>(size), flags, &from);
  if (!count) return nullptr;
  Ref<> bytes = cut(buffer.release(), count.value());
  return bytes ? PyTuple_Pack(2, bytes.get(), from.get()) : nullptr;
}

const char* const kIntoNames[] = {"buffer", "nbytes", "flags", nullptr};

PyObject* socket_recv_into(PyObject* object, PyObject* args, PyObject* kwargs) {
  WritableBufferArgument buffer;
  Py_ssize_t size = 0;
  int flags = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "w*|ni:recv_into", const_cast<char**>(kIntoNames), &buffer.view(), &size, &flags)) return nullptr;
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "negative buffersize in recv_into");
    return nullptr;
  }
  if (size == 0) size = buffer.size();
  if (buffer.size() < size) {
    PyErr_SetString(PyExc_ValueError, "buffer too small for requested bytes");
    return nullptr;
  }
  Maybe<ssize_t> count = receive(socket_of(object), buffer.mutable_data(), static_cast<size_t>(size), flags);
  return count ? PyLong_FromSsize_t(count.value()) : nullptr;
}

PyObject* socket_recvfrom_into(PyObject* object, PyObject* args, PyObject* kwargs) {
  WritableBufferArgument buffer;
  Py_ssize_t size = 0;
  int flags = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "w*|ni:recvfrom_into", const_cast<char**>(kIntoNames), &buffer.view(), &size, &flags)) return nullptr;
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "negative buffersize in recvfrom_into");
    return nullptr;
  }
  if (size == 0) size = buffer.size();
  if (size > buffer.size()) {
    PyErr_SetString(PyExc_ValueError, "nbytes is greater than the length of the buffer");
    return nullptr;
  }
  Ref<> from;
  Maybe<ssize_t> count = receive_from(socket_of(object), buffer.mutable_data(), static_cast<size_t>(size), flags, &from);
  return count ? Py_BuildValue("nN", count.value(), from.release()) : nullptr;
}

// ---- sending ----------------------------------------------------------------------------------------------------------------

Maybe<ssize_t> send_some(Socket* self, const char* data, size_t size, int flags, const Waiting& waiting) {
  ssize_t count = 0;
  TRY(operate(self, true, waiting, size, [&](int fd) { return (count = ::send(fd, data, size, flags)) >= 0; }));
  return count;
}

PyObject* socket_send(PyObject* object, PyObject* args) {
  BufferArgument data;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "y*|i:send", &data.view(), &flags)) return nullptr;
  Socket* self = socket_of(object);
  Maybe<ssize_t> count = send_some(self, data.data(), static_cast<size_t>(data.size()), flags, Waiting(self));
  return count ? PyLong_FromSsize_t(count.value()) : nullptr;
}

PyObject* socket_sendall(PyObject* object, PyObject* args) {
  BufferArgument data;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "y*|i:sendall", &data.view(), &flags)) return nullptr;
  Socket* self = socket_of(object);
  // One deadline for all of it.
  Waiting waiting(self);
  const char* next = data.data();
  for (Py_ssize_t left = data.size(); left > 0;) {
    Maybe<ssize_t> count = send_some(self, next, static_cast<size_t>(left), flags, waiting);
    if (!count) return nullptr;
    next += count.value();
    left -= count.value();
    // A signal's handler gets its turn between the pieces.
    if (PyErr_CheckSignals() < 0) return nullptr;
  }
  return none().release();
}

PyObject* socket_sendto(PyObject* object, PyObject* args) {
  Socket* self = socket_of(object);
  BufferArgument data;
  PyObject* to;
  int flags = 0;
  Py_ssize_t given = PyTuple_GET_SIZE(args);
  if (given == 2) {
    if (!PyArg_ParseTuple(args, "y*O:sendto", &data.view(), &to)) return nullptr;
  } else if (given == 3) {
    if (!PyArg_ParseTuple(args, "y*iO:sendto", &data.view(), &flags, &to)) return nullptr;
  } else {
    PyErr_Format(PyExc_TypeError, "sendto() takes 2 or 3 arguments (%zd given)", given);
    return nullptr;
  }
  auto send = [&]() -> Ref<> {
    Address address;
    socklen_t size;
    TRY(read_address(state_of_socket(self), self, to, &address, &size, "sendto"));
    TRY(status_of(PySys_Audit("socket.sendto", "OO", self, to)));
    ssize_t count = 0;
    TRY(operate(self, true, Waiting(self), static_cast<size_t>(data.size()), [&](int fd) {
      return (count = ::sendto(fd, data.data(), static_cast<size_t>(data.size()), flags, &address.base, size)) >= 0;
    }));
    return steal(PyLong_FromSsize_t(count));
  };
  return send().release();
}

// ---- messages -----------------------------------------------------------------------------------------------------------------

// Buffers of an iterable, as the kernel wants them.
class Buffers {
 public:
  Buffers() = default;
  Buffers(const Buffers&) = delete;
  ~Buffers() {
    for (Py_ssize_t i = 0; i < count_; ++i) PyBuffer_Release(&views_[i]);
    PyMem_Free(views_);
    PyMem_Free(vectors_);
  }
  Status reserve(Py_ssize_t count) {
    views_ = PyMem_New(Py_buffer, count + 1);
    vectors_ = PyMem_New(iovec, count + 1);
    if (views_ && vectors_) return Status::ok;
    PyErr_NoMemory();
    return Status::error;
  }
  // A read-only buffer of any object; at most as many as were reserved.
  Status add(PyObject* object) {
    TRY(status_of(PyObject_GetBuffer(object, &views_[count_], PyBUF_SIMPLE)));
    return added();
  }
  Status add_writable(PyObject* object) {
    if (!PyArg_Parse(object, "w*;recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers", &views_[count_])) return Status::error;
    return added();
  }
  iovec* vectors() { return vectors_; }
  const Py_buffer& view(Py_ssize_t i) const { return views_[i]; }
  Py_ssize_t count() const { return count_; }

 private:
  Status added() {
    vectors_[count_] = {views_[count_].buf, static_cast<size_t>(views_[count_].len)};
    ++count_;
    return Status::ok;
  }
  Py_buffer* views_ = nullptr;
  iovec* vectors_ = nullptr;
  Py_ssize_t count_ = 0;
};

struct RawMemory {
  void* data = nullptr;
  RawMemory() = default;
  RawMemory(const RawMemory&) = delete;
  ~RawMemory() { PyMem_Free(data); }
  Status allocate(size_t size) {
    data = PyMem_Calloc(1, size ? size : 1);
    if (data) return Status::ok;
    PyErr_NoMemory();
    return Status::error;
  }
};

constexpr size_t kLargestLength = INT_MAX;

// CMSG_LEN() and CMSG_SPACE() where the result fits the kernel's fields.
bool control_length(size_t length, size_t* result) {
  if (length > kLargestLength - CMSG_LEN(0)) return false;
  *result = CMSG_LEN(length);
  return true;
}
bool control_space(size_t length, size_t* result) {
  if (length > kLargestLength - CMSG_SPACE(1)) return false;
  *result = CMSG_SPACE(length);
  return true;
}

// Whether the header at `header` lies within the message's control data, and how many of its data bytes do.
bool control_data(const msghdr& message, const cmsghdr* header, size_t* available) {
  auto start = reinterpret_cast<const char*>(message.msg_control);
  auto place = reinterpret_cast<const char*>(header);
  size_t offset = static_cast<size_t>(place - start);
  if (!header || offset > message.msg_controllen || message.msg_controllen - offset < sizeof(cmsghdr)) return false;
  size_t left = message.msg_controllen - offset;
  size_t used = header->cmsg_len < left ? header->cmsg_len : left;
  *available = used > CMSG_LEN(0) ? used - CMSG_LEN(0) : 0;
  return true;
}

Ref<> control_items(msghdr& message) {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (cmsghdr* header = message.msg_controllen > 0 ? CMSG_FIRSTHDR(&message) : nullptr; header; header = CMSG_NXTHDR(&message, header)) {
    size_t size;
    if (!control_data(message, header, &size)) break;
    bool cut_short = header->cmsg_len > CMSG_LEN(size);
    if (cut_short && PyErr_WarnEx(PyExc_RuntimeWarning, "received malformed or improperly-truncated ancillary data", 1) < 0) return failure;
    Ref<> item = TRY(steal(Py_BuildValue("iiy#", header->cmsg_level, header->cmsg_type, CMSG_DATA(header), static_cast<Py_ssize_t>(size))));
    TRY(status_of(PyList_Append(list.get(), item.get())));
    if (cut_short) break;
  }
  return list;
}

// Receives one message; `make` turns the number of bytes into the result's first item.
template <class F>
Ref<> receive_message(Socket* self, iovec* vectors, Py_ssize_t count, int flags, Py_ssize_t control_size, F make) {
  if (control_size < 0 || control_size > static_cast<Py_ssize_t>(kLargestLength)) return raise(PyExc_ValueError, "invalid ancillary data buffer length");
  Address address = {};
  socklen_t address_length = TRY(address_size(self));
  RawMemory control;
  if (control_size > 0) TRY(control.allocate(static_cast<size_t>(control_size)));
  msghdr message = {};
  ssize_t received = 0;
  TRY(operate(self, false, Waiting(self), kAnySize, [&](int fd) {
    message = {};
    message.msg_name = &address;
    message.msg_namelen = address_length;
    message.msg_iov = vectors;
    message.msg_iovlen = static_cast<size_t>(count);
    message.msg_control = control_size > 0 ? control.data : nullptr;
    message.msg_controllen = static_cast<size_t>(control_size);
    return (received = ::recvmsg(fd, &message, flags)) >= 0;
  }));
  Ref<> items = TRY(control_items(message));
  Ref<> first = TRY(make(received));
  socklen_t length = message.msg_namelen < address_length ? message.msg_namelen : address_length;
  Ref<> from = TRY(make_address(self->fd, &address.base, length, self->protocol));
  return steal(Py_BuildValue("OOiO", first.get(), items.get(), message.msg_flags, from.get()));
}

PyObject* socket_recvmsg(PyObject* object, PyObject* args) {
  Py_ssize_t size, control_size = 0;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "n|ni:recvmsg", &size, &control_size, &flags)) return nullptr;
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "negative buffer size in recvmsg()");
    return nullptr;
  }
  Ref<> buffer = steal(PyBytes_FromStringAndSize(nullptr, size));
  if (!buffer) return nullptr;
  iovec vector = {PyBytes_AS_STRING(buffer.get()), static_cast<size_t>(size)};
  return receive_message(socket_of(object), &vector, 1, flags, control_size, [&](ssize_t count) { return cut(buffer.release(), count); }).release();
}

PyObject* socket_recvmsg_into(PyObject* object, PyObject* args) {
  PyObject* iterable;
  Py_ssize_t control_size = 0;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "O|ni:recvmsg_into", &iterable, &control_size, &flags)) return nullptr;
  auto run = [&]() -> Ref<> {
    Ref<> items = TRY(steal(PySequence_Fast(iterable, "recvmsg_into() argument 1 must be an iterable")));
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
    if (count > INT_MAX) return raise(PyExc_OSError, "recvmsg_into() argument 1 is too long");
    Buffers buffers;
    TRY(buffers.reserve(count));
    for (Py_ssize_t i = 0; i < count; ++i) TRY(buffers.add_writable(PySequence_Fast_GET_ITEM(items.get(), i)));
    return receive_message(socket_of(object), buffers.vectors(), count, flags, control_size,
                           [](ssize_t received) { return steal(PyLong_FromSsize_t(received)); });
  };
  return run().release();
}

// Reads the iterable of data buffers.
Status read_data(PyObject* iterable, Buffers& buffers, const char* wrong) {
  Ref<> items = TRY(steal(PySequence_Fast(iterable, wrong)));
  Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
  if (count > INT_MAX) return raise(PyExc_OSError, "sendmsg() argument 1 is too long");
  TRY(buffers.reserve(count));
  for (Py_ssize_t i = 0; i < count; ++i) TRY(buffers.add(PySequence_Fast_GET_ITEM(items.get(), i)));
  return Status::ok;
}

Status read_control(PyObject* iterable, msghdr& message, RawMemory& control) {
  Ref<> items = TRY(steal(PySequence_Fast(iterable, "sendmsg() argument 2 must be an iterable")));
  Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
  Buffers data;
  TRY(data.reserve(count));
  RawMemory kinds;
  TRY(kinds.allocate(static_cast<size_t>(count) * 2 * sizeof(int)));
  auto* levels = static_cast<int*>(kinds.data);
  size_t total = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* object;
    if (!PyArg_Parse(PySequence_Fast_GET_ITEM(items.get(), i), "(iiO):[sendmsg() ancillary data items]", &levels[2 * i], &levels[2 * i + 1], &object)) {
      return Status::error;
    }
    TRY(data.add(object));
    size_t space;
    if (!control_space(static_cast<size_t>(data.view(i).len), &space)) return raise(PyExc_OSError, "ancillary data item too large");
    total += space;
    if (total > kLargestLength) return raise(PyExc_OSError, "too much ancillary data");
  }
  if (total == 0) return Status::ok;
  TRY(control.allocate(total));
  message.msg_control = control.data;
  message.msg_controllen = total;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!header) return raise(PyExc_RuntimeError, "unexpected NULL result from CMSG_NXTHDR()");
    auto size = static_cast<size_t>(data.view(i).len);
    header->cmsg_level = levels[2 * i];
    header->cmsg_type = levels[2 * i + 1];
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), data.view(i).buf, size);
    if (i + 1 < count) header = CMSG_NXTHDR(&message, header);
  }
  return Status::ok;
}

Ref<> send_message(Socket* self, const msghdr& message, int flags) {
  ssize_t count = 0;
  TRY(operate(self, true, Waiting(self), kAnySize, [&](int fd) { return (count = ::sendmsg(fd, &message, flags)) >= 0; }));
  return steal(PyLong_FromSsize_t(count));
}

PyObject* socket_sendmsg(PyObject* object, PyObject* args) {
  Socket* self = socket_of(object);
  PyObject *iterable, *control_items_argument = nullptr, *to = nullptr;
  int flags = 0;
  if (!PyArg_ParseTuple(args, "O|OiO:sendmsg", &iterable, &control_items_argument, &flags, &to)) return nullptr;
  auto run = [&]() -> Ref<> {
    msghdr message = {};
    Address address;
    if (to && to != Py_None) {
      socklen_t size;
      TRY(read_address(state_of_socket(self), self, to, &address, &size, "sendmsg"));
      TRY(status_of(PySys_Audit("socket.sendmsg", "OO", self, to)));
      message.msg_name = &address;
      message.msg_namelen = size;
    } else {
      TRY(status_of(PySys_Audit("socket.sendmsg", "OO", self, Py_None)));
    }
    Buffers data;
    TRY(read_data(iterable, data, "sendmsg() argument 1 must be an iterable"));
    message.msg_iov = data.vectors();
    message.msg_iovlen = static_cast<size_t>(data.count());
    RawMemory control;
    if (control_items_argument) TRY(read_control(control_items_argument, message, control));
    return send_message(self, message, flags);
  };
  return run().release();
}

// What a socket of the kernel's crypto wants as ancillary data: the operation, an initial vector, the length of what is
// authenticated only.
PyObject* socket_sendmsg_afalg(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* const kNames[] = {"msg", "op", "iv", "assoclen", "flags", nullptr};
  Socket* self = socket_of(object);
  if (self->family != AF_ALG) {
    PyErr_SetString(PyExc_OSError, "algset is only supported for AF_ALG");
    return nullptr;
  }
  PyObject* iterable = nullptr;
  PyObject* operation_object = nullptr;
  PyObject* associated_object = nullptr;
  BufferArgument vector;
  int flags = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O!y*O!i:sendmsg_afalg", const_cast<char**>(kNames), &iterable, &PyLong_Type, &operation_object,
                                   &vector.view(), &PyLong_Type, &associated_object, &flags)) {
    return nullptr;
  }
  auto run = [&]() -> Ref<> {
    if (!operation_object) return raise(PyExc_TypeError, "Invalid or missing argument 'op'");
    int operation = _PyLong_AsInt(operation_object);
    if (operation == -1 && PyErr_Occurred()) return failure;
    if (operation < 0) return raise(PyExc_TypeError, "Invalid or missing argument 'op'");
    int associated = -1;
    if (associated_object) {
      associated = _PyLong_AsInt(associated_object);
      if (associated == -1 && PyErr_Occurred()) return failure;
      if (associated < 0) return raise(PyExc_TypeError, "assoclen must be positive");
    }
    Buffers data;
    msghdr message = {};
    if (iterable) {
      TRY(read_data(iterable, data, "sendmsg_afalg() argument 1 must be an iterable"));
      message.msg_iov = data.vectors();
      message.msg_iovlen = static_cast<size_t>(data.count());
    }
    auto vector_size = static_cast<size_t>(vector.present() ? vector.size() : 0);
    size_t total = CMSG_SPACE(sizeof(uint32_t));
    if (vector.present()) total += CMSG_SPACE(sizeof(af_alg_iv) + vector_size);
    if (associated >= 0) total += CMSG_SPACE(sizeof(uint32_t));
    RawMemory control;
    TRY(control.allocate(total));
    message.msg_control = control.data;
    message.msg_controllen = total;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    auto begin = [&](int type, size_t size) {
      header->cmsg_level = SOL_ALG;
      header->cmsg_type = type;
      header->cmsg_len = CMSG_LEN(size);
      return CMSG_DATA(header);
    };
    *reinterpret_cast<uint32_t*>(begin(ALG_SET_OP, sizeof(uint32_t))) = static_cast<uint32_t>(operation);
    if (vector.present()) {
      header = CMSG_NXTHDR(&message, header);
      auto* target = reinterpret_cast<af_alg_iv*>(begin(ALG_SET_IV, sizeof(af_alg_iv) + vector_size));
      target->ivlen = static_cast<uint32_t>(vector_size);
      std::memcpy(target->iv, vector.data(), vector_size);
    }
    if (associated >= 0) {
      header = CMSG_NXTHDR(&message, header);
      *reinterpret_cast<uint32_t*>(begin(ALG_SET_AEAD_ASSOCLEN, sizeof(uint32_t))) = static_cast<uint32_t>(associated);
    }
    return send_message(self, message, flags);
  };
  return run().release();
}

// CMSG_LEN() and CMSG_SPACE() for Python.
template <bool (*Compute)(size_t, size_t*)>
PyObject* control_number(PyObject* args, const char* format, const char* function) {
  Py_ssize_t length;
  size_t result;
  if (!PyArg_ParseTuple(args, format, &length)) return nullptr;
  if (length < 0 || !Compute(static_cast<size_t>(length), &result)) {
    PyErr_Format(PyExc_OverflowError, "%s() argument out of range", function);
    return nullptr;
  }
  return PyLong_FromSize_t(result);
}
PyObject* socket_CMSG_LEN(PyObject*, PyObject* args) { return control_number<control_length>(args, "n:CMSG_LEN", "CMSG_LEN"); }
PyObject* socket_CMSG_SPACE(PyObject*, PyObject* args) { return control_number<control_space>(args, "n:CMSG_SPACE", "CMSG_SPACE"); }

}  // namespace

const PyMethodDef kTransferMethods[] = {
    {"recv", socket_recv, METH_VARARGS,
     "recv(buffersize[, flags]) -> data\n\nReceive up to buffersize bytes from the socket.  For the optional flags\nargument, see the Unix manual.  When no data is available, block until\nat least "
     "one byte is available or until the remote end is closed.  When\nthe remote end is closed and all data is read, return the empty string."},
    {"recvfrom", socket_recvfrom, METH_VARARGS,
     "recvfrom(buffersize[, flags]) -> (data, address info)\n\nLike recv(buffersize, flags) but also return the sender's address info."},
    {"recv_into", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(socket_recv_into)), METH_VARARGS | METH_KEYWORDS,
     "recv_into(buffer, [nbytes[, flags]]) -> nbytes_read\n\nA version of recv() that stores its data into a buffer rather than creating\na new string.  Receive up to buffersize bytes from the "
     "socket.  If buffersize\nis not specified (or 0), receive up to the size available in the given buffer."},
    {"recvfrom_into", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(socket_recvfrom_into)), METH_VARARGS | METH_KEYWORDS,
     "recvfrom_into(buffer[, nbytes[, flags]]) -> (nbytes, address info)\n\nLike recv_into(buffer[, nbytes[, flags]]) but also return the sender's address info."},
    {"send", socket_send, METH_VARARGS,
     "send(data[, flags]) -> count\n\nSend a data string to the socket.  For the optional flags\nargument, see the Unix manual.  Return the number of bytes\nsent; this may be less than len(data) if "
     "the network is busy."},
    {"sendall", socket_sendall, METH_VARARGS,
     "sendall(data[, flags])\n\nSend a data string to the socket.  For the optional flags\nargument, see the Unix manual.  This calls send() repeatedly\nuntil all data is sent.  If an error occurs, "
     "it's impossible\nto tell how much data has been sent."},
    {"sendto", socket_sendto, METH_VARARGS,
     "sendto(data[, flags], address) -> count\n\nLike send(data, flags) but allows specifying the destination address.\nFor IP sockets, the address is a pair (hostaddr, port)."},
    {"recvmsg", socket_recvmsg, METH_VARARGS,
     "recvmsg(bufsize[, ancbufsize[, flags]]) -> (data, ancdata, msg_flags, address)\n\nReceive normal data (up to bufsize bytes) and ancillary data from the\nsocket. ancdata is a list of "
     "(cmsg_level, cmsg_type, cmsg_data)."},
    {"recvmsg_into", socket_recvmsg_into, METH_VARARGS,
     "recvmsg_into(buffers[, ancbufsize[, flags]]) -> (nbytes, ancdata, msg_flags, address)\n\nReceive normal data and ancillary data from the socket, scattering the\nnon-ancillary data into a "
     "series of buffers."},
    {"sendmsg", socket_sendmsg, METH_VARARGS,
     "sendmsg(buffers[, ancdata[, flags[, address]]]) -> count\n\nSend normal and ancillary data to the socket, gathering the\nnon-ancillary data from a series of buffers and concatenating it\n"
     "into a single message."},
    {"sendmsg_afalg", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(socket_sendmsg_afalg)), METH_VARARGS | METH_KEYWORDS,
     "sendmsg_afalg([msg], *, op[, iv[, assoclen[, flags=MSG_MORE]]])\n\nSet operation mode, IV and length of associated data for an AF_ALG\noperation socket."},
    kEndOfMethods,
};

const PyMethodDef kControlMethods[] = {
    {"CMSG_LEN", socket_CMSG_LEN, METH_VARARGS,
     "CMSG_LEN(length) -> control message length\n\nReturn the total length, without trailing padding, of an ancillary\ndata item with associated data of the given length."},
    {"CMSG_SPACE", socket_CMSG_SPACE, METH_VARARGS,
     "CMSG_SPACE(length) -> buffer size\n\nReturn the buffer size needed for recvmsg() to receive an ancillary\ndata item with associated data of the given length, along with any\ntrailing "
     "padding."},
    kEndOfMethods,
};

}  // namespace gill::socket_module
