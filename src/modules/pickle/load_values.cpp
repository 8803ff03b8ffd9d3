// Loading numbers, texts, bytes and buffers.
#include <cerrno>
#include <cstdlib>

#include "modules/pickle/load.h"

namespace gill::pickle {

// ---- numbers ----------------------------------------------------------------------------------------------------------------------

Status load_int(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  errno = 0;
  char* end;
  long value = strtol(line.text, &end, 0);
  if (errno || (*end != '\n' && *end != 0)) {
    // Perhaps a long one.
    errno = 0;
    Ref<> number = steal(PyLong_FromString(line.text, nullptr, 0));
    if (!number) return raise(PyExc_ValueError, "could not convert string to int");
    return push(self, std::move(number));
  }
  // "00" and "01" are what bool was before it had opcodes.
  if (line.size == 3 && (value == 0 || value == 1)) return push(self, py_bool(value != 0));
  return push(self, steal(PyLong_FromLong(value)));
}

Status load_binint(Unpickler* self, int bytes) {
  uint64_t value = little_endian(TRY(read_bytes(self, bytes)), bytes);
  return push(self, steal(PyLong_FromLong(bytes == 4 ? static_cast<int32_t>(value) : static_cast<long>(value))));
}

Status load_long(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  // Usually an L stands at the end; Python 3.0.0 left it away.
  auto* text = const_cast<char*>(line.text);
  if (text[line.size - 2] == 'L') text[line.size - 2] = 0;
  return push(self, steal(PyLong_FromString(text, nullptr, 0)));
}

Status load_counted_long(Unpickler* self, int size_bytes) {
  uint64_t raw = little_endian(TRY(read_bytes(self, size_bytes)), size_bytes);
  Py_ssize_t size = size_bytes == 4 ? static_cast<int32_t>(raw) : static_cast<Py_ssize_t>(raw);
  if (size < 0) return raise(self->state->unpickling_error, "LONG pickle has negative byte count");
  if (size == 0) return push(self, steal(PyLong_FromLong(0)));
  const char* data = TRY(read_bytes(self, size));
  return push(self, steal(_PyLong_FromByteArray(reinterpret_cast<const unsigned char*>(data), static_cast<size_t>(size), 1, 1)));
}

Status load_float(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  char* end;
  double value = PyOS_string_to_double(line.text, &end, PyExc_OverflowError);
  if (value == -1.0 && PyErr_Occurred()) return Status::error;
  if (*end != '\n' && *end != 0) return raise(PyExc_ValueError, "could not convert string to float");
  return push(self, steal(PyFloat_FromDouble(value)));
}

Status load_binfloat(Unpickler* self) {
  double value = TRY(checked(PyFloat_Unpack8(TRY(read_bytes(self, 8)), 0)));
  return push(self, steal(PyFloat_FromDouble(value)));
}

// ---- texts ------------------------------------------------------------------------------------------------------------------------

namespace {

// The str of Python 2.
Ref<> decode_old_string(Unpickler* self, const char* data, Py_ssize_t size, bool escaped) {
  if (strcmp(self->encoding, "bytes") == 0) {
    return steal(escaped ? PyBytes_DecodeEscape(data, size, nullptr, 0, nullptr) : PyBytes_FromStringAndSize(data, size));
  }
  if (!escaped) return steal(PyUnicode_Decode(data, size, self->encoding, self->errors));
  Ref<> bytes = TRY(steal(PyBytes_DecodeEscape(data, size, nullptr, 0, nullptr)));
  return steal(PyUnicode_FromEncodedObject(bytes.get(), self->encoding, self->errors));
}

}  // namespace

Status load_string(Unpickler* self) {
  Line line = TRY(read_line(self));
  const char* text = line.text;
  Py_ssize_t size = line.size - 1;
  if (size < 2 || text[0] != text[size - 1] || (text[0] != '\'' && text[0] != '"')) {
    return raise(self->state->unpickling_error, "the STRING opcode argument must be quoted");
  }
  return push(self, decode_old_string(self, text + 1, size - 2, true));
}

Status load_counted_string(Unpickler* self, int size_bytes) {
  uint64_t raw = little_endian(TRY(read_bytes(self, size_bytes)), size_bytes);
  auto size = static_cast<Py_ssize_t>(raw);
  const char* data = TRY(read_bytes(self, size));
  return push(self, decode_old_string(self, data, size, false));
}

Status load_unicode(Unpickler* self) {
  Line line = TRY(read_full_line(self, 0));
  return push(self, steal(PyUnicode_DecodeRawUnicodeEscape(line.text, line.size - 1, nullptr)));
}

Status load_counted_unicode(Unpickler* self, int size_bytes) {
  Py_ssize_t size = TRY(read_size(self, size_bytes, PyExc_OverflowError, "BINUNICODE exceeds system's maximum size of %zd bytes"));
  const char* data = TRY(read_bytes(self, size));
  return push(self, steal(PyUnicode_DecodeUTF8(data, size, "surrogatepass")));
}

// ---- bytes and buffers --------------------------------------------------------------------------------------------------------------

Status load_counted_bytes(Unpickler* self, int size_bytes) {
  Py_ssize_t size = TRY(read_size(self, size_bytes, PyExc_OverflowError, "BINBYTES exceeds system's maximum size of %zd bytes"));
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(nullptr, size)));
  TRY(read_into(self, PyBytes_AS_STRING(bytes.get()), size));
  return push(self, std::move(bytes));
}

Status load_counted_bytearray(Unpickler* self) {
  Py_ssize_t size = TRY(read_size(self, 8, PyExc_OverflowError, "BYTEARRAY8 exceeds system's maximum size of %zd bytes"));
  Ref<> bytes = TRY(steal(PyByteArray_FromStringAndSize(nullptr, size)));
  TRY(read_into(self, PyByteArray_AS_STRING(bytes.get()), size));
  return push(self, std::move(bytes));
}

Status load_next_buffer(Unpickler* self) {
  PyObject* error = self->state->unpickling_error;
  if (!self->out_of_band) return raise(error, "pickle stream refers to out-of-band data but no *buffers* argument was given");
  Ref<> iterator = borrow(self->out_of_band);
  Ref<> buffer = steal(PyIter_Next(iterator.get()));
  if (!buffer) {
    if (PyErr_Occurred()) return Status::error;
    return raise(error, "not enough out-of-band buffers");
  }
  return push(self, std::move(buffer));
}

Status load_readonly_buffer(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->size <= stack->fence) return stack_underflow(self);
  Ref<> view = TRY(steal(PyMemoryView_FromObject(stack->items[stack->size - 1])));
  Py_buffer* buffer = PyMemoryView_GET_BUFFER(view.get());
  if (buffer->readonly) return Status::ok;
  buffer->readonly = 1;
  set_field(stack->items[stack->size - 1], std::move(view));
  return Status::ok;
}

}  // namespace gill::pickle
