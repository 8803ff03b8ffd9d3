// The bytearray type: a growable array of bytes. Taking bytes off its front only moves its start, so
// that it can serve as a queue; while its buffer is exported its size cannot change. The methods that it
// shares with bytes are in byte_methods.cpp and byte_text.cpp.
#include <algorithm>
#include <new>

#include "objects/buffer_exports.h"
#include "objects/byte_methods.h"
#include "objects/bytes.h"
#include "objects/str.h"


namespace gill {
namespace {

PyByteArrayObject* array_of(PyObject* object) { return reinterpret_cast<PyByteArrayObject*>(object); }
Py_ssize_t size_of(const PyByteArrayObject* self) { return self->ob_base.ob_size; }
char* data_of(PyByteArrayObject* self) { return PyByteArray_AS_STRING(as_object(self)); }

Status check_resizable(PyByteArrayObject* self) {
  if (self->ob_exports == 0) return Status::ok;
  return raise_exported(as_object(self), "Existing exports of data: object cannot be re-sized");
}

Status resize(PyByteArrayObject* self, Py_ssize_t size) { return status_of(PyByteArray_Resize(as_object(self), size)); }

// Replaces the bytes [low, high) by `values`, which are not our own.
Status replace_range(PyByteArrayObject* self, Py_ssize_t low, Py_ssize_t high, Bytes values) {
  Py_ssize_t size = size_of(self);
  Py_ssize_t growth = static_cast<Py_ssize_t>(values.size()) - (high - low);
  if (growth != 0) TRY(check_resizable(self));
  if (growth < 0) {
    if (low == 0) {
      self->ob_start -= growth;
    } else {
      char* data = data_of(self);
      std::memmove(data + low + values.size(), data + high, static_cast<size_t>(size - high));
    }
    TRY(resize(self, size + growth));
  } else if (growth > 0) {
    if (size > PY_SSIZE_T_MAX - growth) {
      PyErr_NoMemory();
      return Status::error;
    }
    TRY(resize(self, size + growth));
    char* data = data_of(self);
    std::memmove(data + low + values.size(), data + high, static_cast<size_t>(size - high));
  }
  if (!values.empty()) std::memcpy(data_of(self) + low, values.data(), values.size());
  return Status::ok;
}

Maybe<int> item_value(PyObject* object) {
  if (PyIndex_Check(object)) {
    Py_ssize_t value = PyNumber_AsSsize_t(object, nullptr);
    if (value == -1 && PyErr_Occurred()) return failure;
    if (value < 0 || value > 255) return raise(PyExc_ValueError, "byte must be in range(0, 256)");
    return static_cast<int>(value);
  }
  return raise(PyExc_TypeError, "'%.200s' object cannot be interpreted as an integer", Py_TYPE(object)->tp_name);
}

// ---- construction -----------------------------------------------------------------------------------

Status append_byte(PyByteArrayObject* self, int c) {
  Py_ssize_t n = size_of(self);
  if (n == PY_SSIZE_T_MAX) return raise(PyExc_OverflowError, "cannot add more objects to bytearray");
  TRY(resize(self, n + 1));
  data_of(self)[n] = static_cast<char>(c);
  return Status::ok;
}

Status initialize_from_iterable(PyByteArrayObject* self, PyObject* source) {
  Ref<> iterator = steal(PyObject_GetIter(source));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      return raise(PyExc_TypeError, "cannot convert '%.200s' object to bytearray", Py_TYPE(source)->tp_name);
    }
    return failure;
  }
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    int c = TRY(item_value(item.get()));
    TRY(append_byte(self, c));
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Status bytearray_init(PyByteArrayObject* self, PyObject* source, const char* encoding, const char* errors) {
  if (size_of(self) != 0) TRY(resize(self, 0));
  if (!source) {
    if (encoding || errors) {
      return raise(PyExc_TypeError, encoding ? "encoding without a string argument" : "errors without a string argument");
    }
    return Status::ok;
  }
  if (PyUnicode_Check(source)) {
    if (!encoding) return raise(PyExc_TypeError, "string argument without an encoding");
    Ref<> encoded = TRY(steal(PyUnicode_AsEncodedString(source, encoding, errors)));
    return replace_range(self, 0, 0, contents(encoded.get()));
  }
  if (encoding || errors) {
    return raise(PyExc_TypeError, encoding ? "encoding without a string argument" : "errors without a string argument");
  }
  if (PyIndex_Check(source)) {
    Py_ssize_t count = PyNumber_AsSsize_t(source, PyExc_OverflowError);
    if (count == -1 && PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) return failure;
      PyErr_Clear();  // compat: an object whose __index__ fails so may still be iterable.
    } else {
      if (count < 0) return raise(PyExc_ValueError, "negative count");
      if (count > 0) {
        TRY(resize(self, count));
        std::memset(data_of(self), 0, static_cast<size_t>(count));
      }
      return Status::ok;
    }
  }
  if (PyObject_CheckBuffer(source)) {
    Py_buffer view;
    TRY(status_of(PyObject_GetBuffer(source, &view, PyBUF_FULL_RO)));
    Status status = resize(self, view.len);
    if (status == Status::ok && view.len) status = status_of(PyBuffer_ToContiguous(data_of(self), &view, view.len, 'C'));
    PyBuffer_Release(&view);
    return status;
  }
  if (PyList_CheckExact(source) || PyTuple_CheckExact(source)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(source); ++i) {
      Ref<> item = borrow(PySequence_Fast_GET_ITEM(source, i));
      int c = TRY(item_value(item.get()));
      TRY(append_byte(self, c));
    }
    return Status::ok;
  }
  return initialize_from_iterable(self, source);
}

void bytearray_dealloc(PyObject* object) {
  PyByteArrayObject* self = array_of(object);
  if (self->ob_exports > 0) {
    PyErr_SetString(PyExc_SystemError, "deallocated bytearray object has exported buffers");
    PyErr_Print();
  }
  if (self->ob_bytes) PyObject_Free(self->ob_bytes);
  Py_TYPE(object)->tp_free(object);
}

// ---- slots ------------------------------------------------------------------------------------------

Ref<> bytearray_repr(PyObject* self) {
  Pin pin(self);
  const char* type_name = _PyType_Name(Py_TYPE(self));
  Ref<> inner = TRY(bytes_repr_of(contents(self), true, true));
  return steal(PyUnicode_FromFormat("%s(%U)", type_name, inner.get()));
}

Ref<> bytearray_str(PyObject* self) {
  if (bytes_warnings_wanted() && PyErr_WarnEx(PyExc_BytesWarning, "str() on a bytearray instance", 1) < 0) return failure;
  return bytearray_repr(self);
}

Ref<> bytearray_richcompare(PyObject* a, PyObject* b, int op) {
  if (!PyObject_CheckBuffer(a) || !PyObject_CheckBuffer(b)) {
    if (bytes_warnings_wanted() && (op == Py_EQ || op == Py_NE) && (PyUnicode_Check(a) || PyUnicode_Check(b))) {
      if (PyErr_WarnEx(PyExc_BytesWarning, "Comparison between bytearray and string", 1) < 0) return failure;
    }
    return borrow(Py_NotImplemented);
  }
  ByteArgument x, y;
  if (x.read(a) != Status::ok || y.read(b) != Status::ok) {
    PyErr_Clear();
    return borrow(Py_NotImplemented);
  }
  if (op == Py_EQ || op == Py_NE) return py_bool((x.text() == y.text()) == (op == Py_EQ));
  int order = x.text().compare(y.text());
  return py_bool(op == Py_LT ? order < 0 : op == Py_LE ? order <= 0 : op == Py_GT ? order > 0 : order >= 0);
}

Py_ssize_t bytearray_length(PyObject* self) { return PyByteArray_GET_SIZE(self); }

Ref<> bytearray_inplace_concat(PyObject* object, PyObject* other) {
  PyByteArrayObject* self = array_of(object);
  ByteArgument more;
  if (!PyObject_CheckBuffer(other) || more.read(other) != Status::ok) {
    return raise(PyExc_TypeError, "can't concat %.100s to %.100s", Py_TYPE(other)->tp_name, Py_TYPE(object)->tp_name);
  }
  Py_ssize_t n = size_of(self);
  auto extra = static_cast<Py_ssize_t>(more.text().size());
  if (object == other) {
    // Our own export is in the way: take a copy.
    Ref<> copy = TRY(bytes_from(more.text()));
    more.~ByteArgument();
    new (&more) ByteArgument();
    TRY(replace_range(self, n, n, contents(copy.get())));
    return borrow(object);
  }
  if (n > PY_SSIZE_T_MAX - extra) {
    PyErr_NoMemory();
    return failure;
  }
  TRY(resize(self, n + extra));
  if (extra) std::memcpy(data_of(self) + n, more.text().data(), more.text().size());
  return borrow(object);
}

Ref<> bytearray_repeat(PyObject* self, Py_ssize_t n) {
  n = Py_MAX(n, 0);
  Py_ssize_t unit = PyByteArray_GET_SIZE(self);
  if (n && unit > PY_SSIZE_T_MAX / n) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<> result = TRY(steal(PyByteArray_FromStringAndSize(nullptr, unit * n)));
  char* to = PyByteArray_AS_STRING(result.get());
  Py_ssize_t total = unit * n;
  const char* from = PyByteArray_AS_STRING(self);
  for (Py_ssize_t done = 0; done < total; done += unit) std::memcpy(to + done, from, static_cast<size_t>(unit));
  return result;
}

Ref<> bytearray_inplace_repeat(PyObject* object, Py_ssize_t n) {
  PyByteArrayObject* self = array_of(object);
  n = Py_MAX(n, 0);
  if (n == 1) return borrow(object);
  Py_ssize_t unit = size_of(self);
  if (n && unit > PY_SSIZE_T_MAX / n) {
    PyErr_NoMemory();
    return failure;
  }
  TRY(resize(self, unit * n));
  char* data = data_of(self);
  for (Py_ssize_t i = 1; i < n; ++i) std::memcpy(data + i * unit, data, static_cast<size_t>(unit));
  return borrow(object);
}

Ref<> bytearray_item(PyObject* object, Py_ssize_t i) {
  PyByteArrayObject* self = array_of(object);
  if (i < 0 || i >= size_of(self)) return raise(PyExc_IndexError, "bytearray index out of range");
  return steal(PyLong_FromLong(static_cast<unsigned char>(self->ob_start[i])));
}

Ref<> bytearray_subscript(PyObject* object, PyObject* key) {
  PyByteArrayObject* self = array_of(object);
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return bytearray_item(object, i < 0 ? i + size_of(self) : i);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "bytearray indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  Py_ssize_t n = PySlice_AdjustIndices(size_of(self), &start, &stop, step);
  if (n <= 0) return steal(PyByteArray_FromStringAndSize("", 0));
  if (step == 1) return steal(PyByteArray_FromStringAndSize(data_of(self) + start, n));
  Ref<> result = TRY(steal(PyByteArray_FromStringAndSize(nullptr, n)));
  char* to = PyByteArray_AS_STRING(result.get());
  const char* from = data_of(self);
  for (Py_ssize_t i = 0; i < n; ++i) to[i] = from[start + i * step];
  return result;
}

Status set_item(PyByteArrayObject* self, Py_ssize_t i, PyObject* value, bool from_end) {
  // The value first: its conversion may run code that makes us shorter.
  int c = value ? TRY(item_value(value)) : 0;
  if (i < 0 && from_end) i += size_of(self);
  if (i < 0 || i >= size_of(self)) return raise(PyExc_IndexError, "bytearray index out of range");
  if (!value) return replace_range(self, i, i + 1, {});
  data_of(self)[i] = static_cast<char>(c);
  return Status::ok;
}

Status delete_stepped(PyByteArrayObject* self, Py_ssize_t start, Py_ssize_t step, Py_ssize_t count) {
  TRY(check_resizable(self));
  if (count == 0) return Status::ok;
  if (step < 0) {
    start += step * (count - 1);
    step = -step;
  }
  char* data = data_of(self);
  Py_ssize_t size = size_of(self);
  // Each stretch behind a deleted byte moves down.
  for (Py_ssize_t i = 0, at = start; i < count; ++i) {
    Py_ssize_t next = i + 1 < count ? at + step : size;
    std::memmove(data + at - i, data + at + 1, static_cast<size_t>(next - at - 1));
    at = next;
  }
  return resize(self, size - count);
}

Status assign_slice(PyByteArrayObject* self, PyObject* key, PyObject* values) {
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  Ref<> copy;
  Bytes bytes;
  ByteArgument argument;
  if (values) {
    bool own = values == as_object(self);
    if (!own && !PyByteArray_Check(values)) {
      if (PyNumber_Check(values) || PyUnicode_Check(values)) {
        return raise(PyExc_TypeError, "can assign only bytes, buffers, or iterables of ints in range(0, 256)");
      }
      copy = TRY(steal(PyByteArray_FromObject(values)));
      bytes = contents(copy.get());
    } else if (own) {
      copy = TRY(bytes_from(contents(values)));
      bytes = contents(copy.get());
    } else {
      TRY(argument.read(values));
      bytes = argument.text();
    }
  }
  Py_ssize_t count = PySlice_AdjustIndices(size_of(self), &start, &stop, step);
  if ((step < 0 && start < stop) || (step > 0 && start > stop)) stop = start;
  if (step == 1) return replace_range(self, start, stop, bytes);
  // compat: assigning nothing to an extended slice deletes it.
  if (bytes.empty()) return delete_stepped(self, start, step, count);
  if (static_cast<Py_ssize_t>(bytes.size()) != count) {
    return raise(PyExc_ValueError, "attempt to assign bytes of size %zd to extended slice of size %zd", static_cast<Py_ssize_t>(bytes.size()), count);
  }
  char* data = data_of(self);
  for (Py_ssize_t i = 0; i < count; ++i) data[start + i * step] = bytes[static_cast<size_t>(i)];
  return Status::ok;
}

Status bytearray_ass_subscript(PyByteArrayObject* self, PyObject* key, PyObject* values) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return set_item(self, i, values, true);
  }
  if (PySlice_Check(key)) return assign_slice(self, key, values);
  return raise(PyExc_TypeError, "bytearray indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
}

Status bytearray_ass_item(PyByteArrayObject* self, Py_ssize_t i, PyObject* value) {
  return set_item(self, i, value, false);
}

int bytearray_contains(PyObject* self, PyObject* item) {
  Maybe<int> found = bytes_contains(self, item);
  return found ? found.value() : -1;
}

int bytearray_getbuffer(PyObject* object, Py_buffer* view, int flags) {
  if (!view) {
    PyErr_SetString(PyExc_BufferError, "bytearray_getbuffer: view==NULL argument is obsolete");
    return -1;
  }
  PyByteArrayObject* self = array_of(object);
  (void)PyBuffer_FillInfo(view, object, data_of(self), size_of(self), 0, flags);
  ++self->ob_exports;
  return 0;
}

void bytearray_releasebuffer(PyObject* object, Py_buffer*) { --array_of(object)->ob_exports; }

Ref<> bytearray_mod(PyObject* format, PyObject* args) {
  if (!PyByteArray_Check(format)) return borrow(Py_NotImplemented);
  Pin pin(format);
  return steal(_PyBytes_FormatEx(PyByteArray_AS_STRING(format), PyByteArray_GET_SIZE(format), args, 1));
}

// ---- methods ----------------------------------------------------------------------------------------

Status bytearray_append(PyByteArrayObject* self, PyObject* item) {
  int c = TRY(item_value(item));
  return append_byte(self, c);
}

Status bytearray_insert(PyByteArrayObject* self, Py_ssize_t index, PyObject* item) {
  int c = TRY(item_value(item));
  Py_ssize_t n = size_of(self);
  if (n == PY_SSIZE_T_MAX) return raise(PyExc_OverflowError, "cannot add more objects to bytearray");
  TRY(resize(self, n + 1));
  if (index < 0) index = Py_MAX(index + n, 0);
  index = Py_MIN(index, n);
  char* data = data_of(self);
  std::memmove(data + index + 1, data + index, static_cast<size_t>(n - index));
  data[index] = static_cast<char>(c);
  return Status::ok;
}

Ref<> bytearray_pop(PyByteArrayObject* self, Py_ssize_t index) {
  Py_ssize_t n = size_of(self);
  if (n == 0) return raise(PyExc_IndexError, "pop from empty bytearray");
  if (index < 0) index += n;
  if (index < 0 || index >= n) return raise(PyExc_IndexError, "pop index out of range");
  TRY(check_resizable(self));
  char* data = data_of(self);
  int c = static_cast<unsigned char>(data[index]);
  std::memmove(data + index, data + index + 1, static_cast<size_t>(n - index - 1));
  TRY(resize(self, n - 1));
  return steal(PyLong_FromLong(c));
}

Status bytearray_remove(PyByteArrayObject* self, PyObject* value) {
  int c = TRY(item_value(value));
  Bytes text = contents(as_object(self));
  size_t at = text.find(static_cast<char>(c));
  if (at == Bytes::npos) return raise(PyExc_ValueError, "value not found in bytearray");
  TRY(check_resizable(self));
  return replace_range(self, static_cast<Py_ssize_t>(at), static_cast<Py_ssize_t>(at) + 1, {});
}

Status bytearray_extend(PyByteArrayObject* self, PyObject* iterable) {
  Py_ssize_t n = size_of(self);
  if (PyObject_CheckBuffer(iterable)) {
    if (iterable == as_object(self)) {
      Ref<> copy = TRY(bytes_from(contents(iterable)));
      return replace_range(self, n, n, contents(copy.get()));
    }
    ByteArgument more;
    if (more.read(iterable) != Status::ok) {
      // What exports a buffer, but not one in one piece.
      return raise(PyExc_TypeError, "can't set bytearray slice from %.100s", Py_TYPE(iterable)->tp_name);
    }
    return replace_range(self, n, n, more.text());
  }
  Ref<> iterator = steal(PyObject_GetIter(iterable));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      return raise(PyExc_TypeError, "can't extend bytearray with %.100s", Py_TYPE(iterable)->tp_name);
    }
    return failure;
  }
  TRY(checked(PyObject_LengthHint(iterable, 32)));
  BytesBuilder out;
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    int c = TRY(item_value(item.get()));
    TRY(out.put(static_cast<char>(c)));
  }
  if (PyErr_Occurred()) return failure;
  n = size_of(self);
  return replace_range(self, n, n, out.view());
}

Status bytearray_clear(PyByteArrayObject* self) { return resize(self, 0); }
Ref<> bytearray_copy(PyObject* self) { return make_like(self, contents(self)); }

Status bytearray_reverse(PyByteArrayObject* self) {
  char* data = data_of(self);
  std::reverse(data, data + size_of(self));
  return Status::ok;
}

Ref<> reduced(PyObject* self, int protocol) {
  Ref<> state = TRY(steal(_PyObject_GetState(self)));
  PyObject* type = as_object(Py_TYPE(self));
  Bytes text = contents(self);
  auto n = static_cast<Py_ssize_t>(text.size());
  if (n == 0) return steal(Py_BuildValue("(O()N)", type, state.release()));
  if (protocol < 3) {
    Ref<> latin1 = TRY(steal(PyUnicode_DecodeLatin1(text.data(), n, nullptr)));
    return steal(Py_BuildValue("(O(Ns)N)", type, latin1.release(), "latin-1", state.release()));
  }
  return steal(Py_BuildValue("(O(y#)N)", type, text.data(), n, state.release()));
}

Ref<> bytearray_reduce(PyObject* self) { return reduced(self, 2); }
Ref<> bytearray_reduce_ex(PyObject* self, int proto) { return reduced(self, proto); }
Maybe<Py_ssize_t> bytearray_alloc(PyByteArrayObject* self) { return self->ob_alloc; }
Maybe<Py_ssize_t> bytearray_sizeof(PyByteArrayObject* self) { return Py_TYPE(self)->tp_basicsize + self->ob_alloc; }

Ref<> bytearray_fromhex(PyTypeObject* type, PyUnicodeObject* string) {
  Ref<> result = TRY(steal(_PyBytes_FromHex(as_object(string), 1)));
  if (type == &PyByteArray_Type) return result;
  return steal(PyObject_CallOneArg(as_object(type), result.get()));
}

// The rows of bytearray alone, by the shared one that they stand before.
#define BEFORE_COUNT \
  METHOD("clear($self, /)", bytearray_clear, "Remove all items from the bytearray."), \
  METHOD("copy($self, /)", bytearray_copy, "Return a copy of B."),
#define BEFORE_FIND \
  METHOD("extend($self, iterable_of_ints, /)", bytearray_extend, \
  "Append all the items from the iterator or sequence to the end of the bytearray.\n\n  iterable_of_ints\n    The iterable of items to append."),
#define BEFORE_HEX \
  CLASS_METHOD("fromhex($type, string, /)", bytearray_fromhex, \
  "Create a bytearray object from a string of hexadecimal numbers.\n\n" \
  "Spaces between two numbers are accepted: bytearray.fromhex('B9 01EF')."),
#define BEFORE_ISALNUM \
  METHOD("insert($self, index, item, /)", bytearray_insert, \
  "Insert a single item into the bytearray before the given index.\n\n  index\n    Where the item goes.\n  item\n    The item to be inserted."),
#define BEFORE_REPLACE \
  METHOD("pop($self, index=-1, /)", bytearray_pop, \
  "Remove and return a single item from B.\n\n  index\n    Which item; -1 is the last.\n\nRaises IndexError when there is none."), \
  METHOD("remove($self, value, /)", bytearray_remove, "Remove the first occurrence of a value in the bytearray.\n\n  value\n    The value to remove."),
#define BEFORE_RFIND \
  METHOD("reverse($self, /)", bytearray_reverse, "Reverse the order of the values in B in place."),

const PyMethodDef kBytearrayMethods[] = {
    METHOD_UNSIGNED("__alloc__($self, /)", bytearray_alloc, "B.__alloc__() -> int\n\nReturn the number of bytes actually allocated."),
    METHOD("__reduce__($self, /)", bytearray_reduce, "Return state information for pickling."),
    METHOD("__reduce_ex__($self, proto=0, /)", bytearray_reduce_ex, "Return state information for pickling."),
    METHOD("__sizeof__($self, /)", bytearray_sizeof, "Returns the size of the bytearray object in memory, in bytes."),
    METHOD("append($self, item, /)", bytearray_append, "Append a single item to the end of the bytearray.\n\n  item\n    The item to be appended."),
    GILL_SHARED_BYTE_METHODS("bytearray", "/bytearray", "bytearray", BEFORE_COUNT, BEFORE_FIND, BEFORE_HEX, BEFORE_ISALNUM, BEFORE_REPLACE, BEFORE_RFIND),
    kEndOfMethods,
};

// ---- iteration --------------------------------------------------------------------------------------

struct ArrayIterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* array;
};
using IteratorFields = OwnedFields<&ArrayIterator::array>;

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  IteratorFields::clear_all(reinterpret_cast<ArrayIterator*>(self));
  PyObject_GC_Del(self);
}

PyObject* iterator_next(PyObject* object) {
  auto* self = reinterpret_cast<ArrayIterator*>(object);
  if (!self->array) return nullptr;
  if (self->index < PyByteArray_GET_SIZE(self->array)) {
    return PyLong_FromLong(static_cast<unsigned char>(PyByteArray_AS_STRING(self->array)[self->index++]));
  }
  clear_field(self->array);
  return nullptr;
}

Maybe<Py_ssize_t> iterator_length_hint(ArrayIterator* self) {
  Py_ssize_t n = self->array ? PyByteArray_GET_SIZE(self->array) - self->index : 0;
  return Py_MAX(n, 0);
}

Ref<> iterator_reduce(ArrayIterator* self) {
  PyObject* function = PyDict_GetItemString(PyEval_GetBuiltins(), "iter");
  if (!self->array) return steal(Py_BuildValue("O(())", function));
  return steal(Py_BuildValue("O(O)n", function, self->array, self->index));
}

Status iterator_setstate(ArrayIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->array) {
    Py_ssize_t n = PyByteArray_GET_SIZE(self->array);
    self->index = index < 0 ? 0 : index > n ? n : index;
  }
  return Status::ok;
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", iterator_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", iterator_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

Ref<> bytearray_iter(PyObject* self) {
  ArrayIterator* iterator = TRY(PyObject_GC_New(ArrayIterator, &PyByteArrayIter_Type));
  iterator->index = 0;
  iterator->array = borrow(self).release();
  PyObject_GC_Track(iterator);
  return Ref<>::steal(iterator);
}

PyNumberMethods bytearray_as_number = {.nb_remainder = slot<bytearray_mod>};
PySequenceMethods bytearray_as_sequence = {
    .sq_length = bytearray_length,
    .sq_concat = PyByteArray_Concat,
    .sq_repeat = slot<bytearray_repeat>,
    .sq_item = slot<bytearray_item>,
    .sq_ass_item = slot<bytearray_ass_item>,
    .sq_contains = bytearray_contains,
    .sq_inplace_concat = slot<bytearray_inplace_concat>,
    .sq_inplace_repeat = slot<bytearray_inplace_repeat>,
};
PyMappingMethods bytearray_as_mapping = {
    .mp_length = bytearray_length,
    .mp_subscript = slot<bytearray_subscript>,
    .mp_ass_subscript = slot<bytearray_ass_subscript>,
};
PyBufferProcs bytearray_as_buffer = {.bf_getbuffer = bytearray_getbuffer, .bf_releasebuffer = bytearray_releasebuffer};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

char _PyByteArray_empty_string[] = "";

PyTypeObject PyByteArrayIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "bytearray_iterator",
    .tp_basicsize = sizeof(ArrayIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = iterator_next,
    .tp_methods = table(kIteratorMethods),
};

PyTypeObject PyByteArray_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "bytearray",
    .tp_basicsize = sizeof(PyByteArrayObject),
    .tp_dealloc = bytearray_dealloc,
    .tp_repr = slot<bytearray_repr>,
    .tp_as_number = &bytearray_as_number,
    .tp_as_sequence = &bytearray_as_sequence,
    .tp_as_mapping = &bytearray_as_mapping,
    .tp_str = slot<bytearray_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_as_buffer = &bytearray_as_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc =
        "bytearray(iterable_of_ints) -> bytearray\n"
        "bytearray(string, encoding[, errors]) -> bytearray\n"
        "bytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer\n"
        "bytearray(int) -> bytes array of size given by the parameter initialized with null bytes\n"
        "bytearray() -> empty bytes array\n"
        "\n"
        "Make a mutable array of bytes.",
    .tp_richcompare = slot<bytearray_richcompare>,
    .tp_iter = slot<bytearray_iter>,
    .tp_methods = table(kBytearrayMethods),
    .tp_base = &PyBaseObject_Type,
    .tp_init = INITIALIZER("bytearray($self, source=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", bytearray_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_Free,
};

}  // extern "C"

GILL_STATIC_TYPE(PyByteArray_Type);
GILL_STATIC_TYPE(PyByteArrayIter_Type);

extern "C" {

PyObject* PyByteArray_FromStringAndSize(const char* text, Py_ssize_t size) {
  if (size < 0) {
    PyErr_SetString(PyExc_SystemError, "Negative size passed to PyByteArray_FromStringAndSize");
    return nullptr;
  }
  if (size == PY_SSIZE_T_MAX) return PyErr_NoMemory();
  PyByteArrayObject* self = PyObject_New(PyByteArrayObject, &PyByteArray_Type);
  if (!self) return nullptr;
  self->ob_base.ob_size = size;
  self->ob_alloc = 0;
  self->ob_bytes = nullptr;
  self->ob_start = nullptr;
  self->ob_exports = 0;
  if (size > 0) {
    self->ob_bytes = static_cast<char*>(PyObject_Malloc(static_cast<size_t>(size) + 1));
    if (!self->ob_bytes) {
      self->ob_base.ob_size = 0;
      release(as_object(self));
      return PyErr_NoMemory();
    }
    if (text) std::memcpy(self->ob_bytes, text, static_cast<size_t>(size));
    self->ob_bytes[size] = 0;
    self->ob_alloc = size + 1;
    self->ob_start = self->ob_bytes;
  }
  return as_object(self);
}

PyObject* PyByteArray_FromObject(PyObject* object) { return PyObject_CallOneArg(as_object(&PyByteArray_Type), object); }

Py_ssize_t PyByteArray_Size(PyObject* self) { return PyByteArray_GET_SIZE(self); }
char* PyByteArray_AsString(PyObject* self) { return PyByteArray_AS_STRING(self); }

int PyByteArray_Resize(PyObject* object, Py_ssize_t size) {
  PyByteArrayObject* self = array_of(object);
  if (size == size_of(self)) return 0;
  if (check_resizable(self) != Status::ok) return -1;
  Py_ssize_t offset = self->ob_start - self->ob_bytes;
  if (size > PY_SSIZE_T_MAX - offset - 1) {
    PyErr_NoMemory();
    return -1;
  }
  size_t alloc;
  if (size + offset + 1 <= self->ob_alloc) {
    // The block is large enough; it shrinks only when less than half would be used.
    if (size >= self->ob_alloc / 2) {
      self->ob_base.ob_size = size;
      self->ob_start[size] = 0;
      return 0;
    }
    alloc = static_cast<size_t>(size) + 1;
  } else if (size < self->ob_alloc) {
    // Enough once the front is reclaimed.
    alloc = static_cast<size_t>(self->ob_alloc);
  } else if (static_cast<double>(size) <= static_cast<double>(self->ob_alloc) * 1.125) {
    alloc = static_cast<size_t>(size) + (static_cast<size_t>(size) >> 3) + (size < 9 ? 3 : 6);
  } else {
    alloc = static_cast<size_t>(size) + 1;
  }
  if (alloc > static_cast<size_t>(PY_SSIZE_T_MAX)) {
    PyErr_NoMemory();
    return -1;
  }
  char* moved;
  if (offset > 0) {
    moved = static_cast<char*>(PyObject_Malloc(alloc));
    if (!moved) {
      PyErr_NoMemory();
      return -1;
    }
    std::memcpy(moved, self->ob_start, static_cast<size_t>(Py_MIN(size, size_of(self))));
    PyObject_Free(self->ob_bytes);
  } else {
    moved = static_cast<char*>(PyObject_Realloc(self->ob_bytes, alloc));
    if (!moved) {
      PyErr_NoMemory();
      return -1;
    }
  }
  self->ob_bytes = self->ob_start = moved;
  self->ob_base.ob_size = size;
  self->ob_alloc = static_cast<Py_ssize_t>(alloc);
  moved[size] = 0;
  return 0;
}

PyObject* PyByteArray_Concat(PyObject* a, PyObject* b) {
  ByteArgument x, y;
  bool readable = PyObject_CheckBuffer(a) && PyObject_CheckBuffer(b);
  if (!readable || x.read(a) != Status::ok || y.read(b) != Status::ok) {
    return raise(PyExc_TypeError, "can't concat %.100s to %.100s", Py_TYPE(b)->tp_name, Py_TYPE(a)->tp_name);
  }
  if (x.text().size() > static_cast<size_t>(PY_SSIZE_T_MAX) - y.text().size()) return PyErr_NoMemory();
  PyObject* result = PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(x.text().size() + y.text().size()));
  if (!result) return nullptr;
  char* to = PyByteArray_AS_STRING(result);
  if (!x.text().empty()) std::memcpy(to, x.text().data(), x.text().size());
  if (!y.text().empty()) std::memcpy(to + x.text().size(), y.text().data(), y.text().size());
  return result;
}

}  // extern "C"
