// The bytes type: construction, slots, iteration and its C API. What it has in common with bytearray is
// in byte_methods.cpp and byte_text.cpp, `%` formatting in bytes_percent.cpp.
#include "objects/bytes.h"

#include <cstdarg>
#include <cstdio>

#include "memory/objects.h"
#include "objects/byte_methods.h"
#include "objects/str.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_bytesobject.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

constexpr StaticBytes static_byte(int c) {
  StaticBytes result{};
  result.head.ob_base.ob_refcnt = kImmortalCount;
  result.head.ob_base.ob_type = &PyBytes_Type;
  result.head.ob_size = 1;
  result.hash = -1;
  result.text[0] = static_cast<char>(c);
  return result;
}
constexpr StaticBytes static_empty() {
  StaticBytes result = static_byte(0);
  result.head.ob_size = 0;
  return result;
}

}  // namespace

#define GILL_8(F, n) F(n), F(n + 1), F(n + 2), F(n + 3), F(n + 4), F(n + 5), F(n + 6), F(n + 7)
#define GILL_64(F, n) \
  GILL_8(F, n), GILL_8(F, n + 8), GILL_8(F, n + 16), GILL_8(F, n + 24), GILL_8(F, n + 32), GILL_8(F, n + 40), GILL_8(F, n + 48), GILL_8(F, n + 56)
constinit StaticBytes byte_objects[256] = {GILL_64(static_byte, 0), GILL_64(static_byte, 64), GILL_64(static_byte, 128),
                                           GILL_64(static_byte, 192)};
constinit StaticBytes empty_bytes_object = static_empty();
#undef GILL_64
#undef GILL_8

namespace {

constexpr Py_ssize_t kHead = offsetof(PyBytesObject, ob_sval);

_Py_COMP_DIAG_PUSH
_Py_COMP_DIAG_IGNORE_DEPR_DECLS
Py_hash_t& cached_hash(PyObject* self) { return reinterpret_cast<PyBytesObject*>(self)->ob_shash; }
_Py_COMP_DIAG_POP

PyObject* allocate(Py_ssize_t n) {
  if (n > PY_SSIZE_T_MAX - kHead - 1) {
    PyErr_SetString(PyExc_OverflowError, "byte string is too large");
    return nullptr;
  }
  auto* self = static_cast<PyBytesObject*>(allocate_plain_object(static_cast<size_t>(kHead + n + 1)));
  if (!self) return PyErr_NoMemory();
  PyObject* object = as_object(self);
  object->ob_refcnt = 1;
  object->ob_type = &PyBytes_Type;
  self->ob_base.ob_size = n;
  cached_hash(object) = -1;
  self->ob_sval[n] = 0;
  return object;
}

// ---- construction -----------------------------------------------------------------------------------

Ref<> from_buffer(PyObject* object) {
  Py_buffer view;
  TRY(status_of(PyObject_GetBuffer(object, &view, PyBUF_FULL_RO)));
  Ref<> result = new_bytes(view.len);
  if (result && view.len && PyBuffer_ToContiguous(PyBytes_AS_STRING(result.get()), &view, view.len, 'C') < 0) result = nullptr;
  PyBuffer_Release(&view);
  return result;
}

Ref<> from_iterable(PyObject* object) {
  BytesBuilder out;
  if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) {
    TRY(out.reserve(PySequence_Fast_GET_SIZE(object)));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); ++i) {
      Ref<> item = borrow(PySequence_Fast_GET_ITEM(object, i));
      TRY(out.put(static_cast<char>(TRY(byte_value(item.get(), "bytes must be in range(0, 256)")))));
    }
    return out.finish();
  }
  Ref<> iterator = steal(PyObject_GetIter(object));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      return raise(PyExc_TypeError, "cannot convert '%.200s' object to bytes", Py_TYPE(object)->tp_name);
    }
    return failure;
  }
  TRY(checked(PyObject_LengthHint(object, 64)));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    TRY(out.put(static_cast<char>(TRY(byte_value(item.get(), "bytes must be in range(0, 256)")))));
  }
  if (PyErr_Occurred()) return failure;
  return out.finish();
}

// A special method, looked up on the type.
Ref<> special_method(PyObject* object, PyObject* method) {
  PyObject* function = _PyType_Lookup(Py_TYPE(object), method);
  if (!function) return nullptr;
  descrgetfunc get = Py_TYPE(function)->tp_descr_get;
  return get ? steal(get(function, object, as_object(Py_TYPE(object)))) : borrow(function);
}

Ref<> bytes_from_arguments(PyObject* source, const char* encoding, const char* errors) {
  if (!source) {
    if (encoding || errors) {
      return raise(PyExc_TypeError, encoding ? "encoding without a string argument" : "errors without a string argument");
    }
    return empty_bytes();
  }
  if (encoding) {
    if (!PyUnicode_Check(source)) return raise(PyExc_TypeError, "encoding without a string argument");
    return steal(PyUnicode_AsEncodedString(source, encoding, errors));
  }
  if (errors) {
    return raise(PyExc_TypeError, PyUnicode_Check(source) ? "string argument without an encoding" : "errors without a string argument");
  }
  if (PyBytes_CheckExact(source)) return borrow(source);
  if (Ref<> method = special_method(source, name<"__bytes__">)) {
    Ref<> result = TRY(steal(PyObject_CallNoArgs(method.get())));
    if (!PyBytes_Check(result.get())) {
      return raise(PyExc_TypeError, "__bytes__ returned non-bytes (type %.200s)", Py_TYPE(result.get())->tp_name);
    }
    return result;
  }
  if (PyErr_Occurred()) return failure;
  if (PyUnicode_Check(source)) return raise(PyExc_TypeError, "string argument without an encoding");
  if (PyIndex_Check(source)) {
    Py_ssize_t size = PyNumber_AsSsize_t(source, PyExc_OverflowError);
    if (size == -1 && PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) return failure;
      PyErr_Clear();  // compat: an object whose __index__ fails so may still be iterable.
    } else {
      if (size < 0) return raise(PyExc_ValueError, "negative count");
      Ref<> result = TRY(new_bytes(size));
      if (size) std::memset(PyBytes_AS_STRING(result.get()), 0, static_cast<size_t>(size));
      return result;
    }
  }
  return steal(PyBytes_FromObject(source));
}

Ref<> bytes_new(PyTypeObject* type, PyObject* source, const char* encoding, const char* errors) {
  Ref<> value = TRY(bytes_from_arguments(source, encoding, errors));
  if (type == &PyBytes_Type) return value;
  Py_ssize_t n = PyBytes_GET_SIZE(value.get());
  Ref<> self = TRY(steal(type->tp_alloc(type, n)));
  cached_hash(self.get()) = -1;
  std::memcpy(PyBytes_AS_STRING(self.get()), PyBytes_AS_STRING(value.get()), static_cast<size_t>(n + 1));
  return self;
}

Ref<> bytes_vectorcall(PyObject* type, PyObject* source, const char* encoding, const char* errors) {
  return bytes_new(reinterpret_cast<PyTypeObject*>(type), source, encoding, errors);
}

// ---- slots ------------------------------------------------------------------------------------------

Py_hash_t bytes_hash(PyObject* self) {
  Py_hash_t& hash = cached_hash(self);
  if (hash == -1) hash = _Py_HashBytes(PyBytes_AS_STRING(self), PyBytes_GET_SIZE(self));
  return hash;
}

Ref<> bytes_str(PyObject* self) {
  if (bytes_warnings_wanted() && PyErr_WarnEx(PyExc_BytesWarning, "str() on a bytes instance", 1) < 0) return failure;
  return bytes_repr_of(contents(self), true, false);
}
Ref<> bytes_repr(PyObject* self) { return bytes_repr_of(contents(self), true, false); }

Ref<> bytes_richcompare(PyObject* a, PyObject* b, int op) {
  if (!PyBytes_Check(a) || !PyBytes_Check(b)) {
    if (bytes_warnings_wanted() && (op == Py_EQ || op == Py_NE)) {
      bool with_text = PyUnicode_Check(a) || PyUnicode_Check(b);
      bool with_int = PyLong_Check(a) || PyLong_Check(b);
      const char* message = with_text ? "Comparison between bytes and string" : with_int ? "Comparison between bytes and int" : nullptr;
      if (message && PyErr_WarnEx(PyExc_BytesWarning, message, 1) < 0) return failure;
    }
    return borrow(Py_NotImplemented);
  }
  Bytes x = contents(a), y = contents(b);
  if (op == Py_EQ || op == Py_NE) return py_bool((a == b || x == y) == (op == Py_EQ));
  int order = x.compare(y);
  return py_bool(op == Py_LT ? order < 0 : op == Py_LE ? order <= 0 : op == Py_GT ? order > 0 : order >= 0);
}

Py_ssize_t bytes_length(PyObject* self) { return PyBytes_GET_SIZE(self); }

Ref<> bytes_concat(PyObject* a, PyObject* b) {
  ByteArgument x, y;
  bool readable = PyObject_CheckBuffer(a) && PyObject_CheckBuffer(b);
  if (!readable || x.read(a) != Status::ok || y.read(b) != Status::ok) {
    return raise(PyExc_TypeError, "can't concat %.100s to %.100s", Py_TYPE(b)->tp_name, Py_TYPE(a)->tp_name);
  }
  if (x.text().empty() && PyBytes_CheckExact(b)) return borrow(b);
  if (y.text().empty() && PyBytes_CheckExact(a)) return borrow(a);
  if (x.text().size() > static_cast<size_t>(PY_SSIZE_T_MAX) - y.text().size()) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<> result = TRY(new_bytes(static_cast<Py_ssize_t>(x.text().size() + y.text().size())));
  char* to = PyBytes_AS_STRING(result.get());
  if (!x.text().empty()) std::memcpy(to, x.text().data(), x.text().size());
  if (!y.text().empty()) std::memcpy(to + x.text().size(), y.text().data(), y.text().size());
  return result;
}

Ref<> bytes_repeat(PyObject* self, Py_ssize_t n) {
  n = Py_MAX(n, 0);
  Py_ssize_t unit = PyBytes_GET_SIZE(self);
  if (n && unit > PY_SSIZE_T_MAX / n) return raise(PyExc_OverflowError, "repeated bytes are too long");
  Py_ssize_t size = unit * n;
  if (size == unit && PyBytes_CheckExact(self)) return borrow(self);
  if (size == 0) {
    // A new object each time, as in the reference, where traces of allocations show it.
    Ref<> empty = TRY(steal(PyBytes_Type.tp_alloc(&PyBytes_Type, 0)));
    cached_hash(empty.get()) = -1;
    return empty;
  }
  Ref<> result = TRY(new_bytes(size));
  _PyBytes_Repeat(PyBytes_AS_STRING(result.get()), size, PyBytes_AS_STRING(self), unit);
  return result;
}

Ref<> bytes_item(PyObject* self, Py_ssize_t i) {
  if (i < 0 || i >= PyBytes_GET_SIZE(self)) return raise(PyExc_IndexError, "index out of range");
  return steal(PyLong_FromLong(static_cast<unsigned char>(PyBytes_AS_STRING(self)[i])));
}

Ref<> bytes_subscript(PyObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return bytes_item(self, i < 0 ? i + PyBytes_GET_SIZE(self) : i);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "byte indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  Py_ssize_t n = PySlice_AdjustIndices(PyBytes_GET_SIZE(self), &start, &stop, step);
  if (n <= 0) return empty_bytes();
  const char* from = PyBytes_AS_STRING(self);
  if (step == 1) {
    if (n == PyBytes_GET_SIZE(self) && PyBytes_CheckExact(self)) return borrow(self);
    return bytes_from({from + start, static_cast<size_t>(n)});
  }
  Ref<> result = TRY(new_bytes(n));
  char* to = PyBytes_AS_STRING(result.get());
  for (Py_ssize_t i = 0; i < n; ++i) to[i] = from[start + i * step];
  return result;
}

int bytes_contains_slot(PyObject* self, PyObject* item) {
  Maybe<int> found = bytes_contains(self, item);
  return found ? found.value() : -1;
}

int bytes_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  return PyBuffer_FillInfo(view, self, PyBytes_AS_STRING(self), PyBytes_GET_SIZE(self), 1, flags);
}

Ref<> bytes_mod(PyObject* format, PyObject* args) {
  if (!PyBytes_Check(format)) return borrow(Py_NotImplemented);
  return steal(_PyBytes_FormatEx(PyBytes_AS_STRING(format), PyBytes_GET_SIZE(format), args, 0));
}

// ---- methods ----------------------------------------------------------------------------------------

Ref<> bytes_getnewargs(PyObject* self) { return steal(Py_BuildValue("(y#)", PyBytes_AS_STRING(self), PyBytes_GET_SIZE(self))); }
Ref<> bytes_bytes(PyObject* self) { return same_as(self); }

Ref<> bytes_fromhex(PyTypeObject* type, PyUnicodeObject* string) {
  Ref<> result = TRY(steal(_PyBytes_FromHex(as_object(string), 0)));
  if (type == &PyBytes_Type) return result;
  return steal(PyObject_CallOneArg(as_object(type), result.get()));
}

#define BYTES_FROMHEX \
  CLASS_METHOD("fromhex($type, string, /)", bytes_fromhex, \
  "Create a bytes object from a string of hexadecimal numbers.\n\n" \
  "Spaces between two numbers are accepted: bytes.fromhex('B9 01EF') -> b'\\xb9\\x01\\xef'."),

const PyMethodDef kBytesMethods[] = {
    METHOD_UNSIGNED("__getnewargs__($self, /)", bytes_getnewargs, nullptr),
    METHOD("__bytes__($self, /)", bytes_bytes, "Convert this value to exact type bytes."),
    GILL_SHARED_BYTE_METHODS("bytes", "", "bytes object", , , BYTES_FROMHEX, , , ),
    kEndOfMethods,
};

// ---- iteration --------------------------------------------------------------------------------------

struct BytesIterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* bytes;
};
using IteratorFields = OwnedFields<&BytesIterator::bytes>;

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  IteratorFields::clear_all(reinterpret_cast<BytesIterator*>(self));
  PyObject_GC_Del(self);
}

PyObject* iterator_next(PyObject* object) {
  auto* self = reinterpret_cast<BytesIterator*>(object);
  if (!self->bytes) return nullptr;
  if (self->index < PyBytes_GET_SIZE(self->bytes)) {
    return PyLong_FromLong(static_cast<unsigned char>(PyBytes_AS_STRING(self->bytes)[self->index++]));
  }
  clear_field(self->bytes);
  return nullptr;
}

Maybe<Py_ssize_t> iterator_length_hint(BytesIterator* self) {
  return self->bytes ? PyBytes_GET_SIZE(self->bytes) - self->index : 0;
}

Ref<> iterator_reduce(BytesIterator* self) {
  PyObject* function = PyDict_GetItemString(PyEval_GetBuiltins(), "iter");
  if (!self->bytes) return steal(Py_BuildValue("O(N)", function, PyTuple_New(0)));
  return steal(Py_BuildValue("O(O)n", function, self->bytes, self->index));
}

Status iterator_setstate(BytesIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->bytes) {
    Py_ssize_t n = PyBytes_GET_SIZE(self->bytes);
    self->index = index < 0 ? 0 : index > n ? n : index;
  }
  return Status::ok;
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", iterator_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", iterator_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

Ref<> bytes_iter(PyObject* self) {
  BytesIterator* iterator = TRY(PyObject_GC_New(BytesIterator, &PyBytesIter_Type));
  iterator->index = 0;
  iterator->bytes = borrow(self).release();
  PyObject_GC_Track(iterator);
  return Ref<>::steal(iterator);
}

PyNumberMethods bytes_as_number = {.nb_remainder = slot<bytes_mod>};
PySequenceMethods bytes_as_sequence = {
    .sq_length = bytes_length,
    .sq_concat = slot<bytes_concat>,
    .sq_repeat = slot<bytes_repeat>,
    .sq_item = slot<bytes_item>,
    .sq_contains = bytes_contains_slot,
};
PyMappingMethods bytes_as_mapping = {.mp_length = bytes_length, .mp_subscript = slot<bytes_subscript>};
PyBufferProcs bytes_as_buffer = {.bf_getbuffer = bytes_getbuffer};

}  // namespace

Ref<> BytesBuilder::finish() {
  if (!object_) return bytes_from(view());
  PyObject* object = object_.release();
  if (PyBytes_GET_SIZE(object) != size_ && _PyBytes_Resize(&object, size_) < 0) return failure;
  data_ = inline_;
  size_ = 0;
  capacity_ = sizeof inline_;
  return steal(object);
}

Status BytesBuilder::grow(Py_ssize_t more) {
  if (more > PY_SSIZE_T_MAX / 2 - size_) {
    PyErr_NoMemory();
    return Status::error;
  }
  Py_ssize_t wanted = size_ + more;
  Py_ssize_t capacity = wanted + wanted / 2;
  if (!object_) {
    object_ = TRY(new_bytes(capacity));
    std::memcpy(PyBytes_AS_STRING(object_.get()), inline_, static_cast<size_t>(size_));
  } else {
    PyObject* object = object_.release();
    TRY(status_of(_PyBytes_Resize(&object, capacity)));
    object_ = steal(object);
  }
  data_ = PyBytes_AS_STRING(object_.get());
  capacity_ = capacity;
  return Status::ok;
}

// Writes the bytes that pairs of digits stand for, for which there is room. The index of what is no digit, or -1.
static Py_ssize_t put_hex(std::string_view text, BytesBuilder& out) {
  auto digit = [](unsigned char c) -> unsigned {
    if (c - unsigned{'0'} < 10) return c - unsigned{'0'};
    unsigned letter = (c | 0x20u) - 'a';
    return letter < 6 ? letter + 10 : 16;
  };
  char* to = out.data() + out.size();
  char* start = to;
  for (size_t i = 0; i < text.size();) {
    if (Py_ISSPACE(text[i])) {
      ++i;
      continue;
    }
    unsigned high = digit(static_cast<unsigned char>(text[i]));
    unsigned low = i + 1 < text.size() ? digit(static_cast<unsigned char>(text[i + 1])) : 16;
    if (high > 15) return static_cast<Py_ssize_t>(i);
    if (low > 15) return static_cast<Py_ssize_t>(i + 1);
    *to++ = static_cast<char>(high << 4 | low);
    i += 2;
  }
  out.extend(to - start);
  return -1;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyBytesIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "bytes_iterator",
    .tp_basicsize = sizeof(BytesIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = iterator_next,
    .tp_methods = table(kIteratorMethods),
};

PyTypeObject PyBytes_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "bytes",
    .tp_basicsize = kHead + 1,
    .tp_itemsize = 1,
    .tp_repr = slot<bytes_repr>,
    .tp_as_number = &bytes_as_number,
    .tp_as_sequence = &bytes_as_sequence,
    .tp_as_mapping = &bytes_as_mapping,
    .tp_hash = bytes_hash,
    .tp_str = slot<bytes_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_as_buffer = &bytes_as_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_BYTES_SUBCLASS | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc =
        "bytes(iterable_of_ints) -> bytes\n"
        "bytes(string, encoding[, errors]) -> bytes\n"
        "bytes(bytes_or_buffer) -> immutable copy of bytes_or_buffer\n"
        "bytes(int) -> bytes object of size given by the parameter initialized with null bytes\n"
        "bytes() -> empty bytes object\n"
        "\n"
        "Make an immutable array of bytes.",
    .tp_richcompare = slot<bytes_richcompare>,
    .tp_iter = slot<bytes_iter>,
    .tp_methods = table(kBytesMethods),
    .tp_base = &PyBaseObject_Type,
    .tp_new = CONSTRUCTOR("bytes($type, source=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", bytes_new),
    .tp_free = PyObject_Free,
    .tp_vectorcall =
        VECTORCALL("bytes($type, source=<unrepresentable>, encoding=<unrepresentable>, errors=<unrepresentable>)", bytes_vectorcall),
};

}  // extern "C"

GILL_STATIC_TYPE(PyBytes_Type);
GILL_STATIC_TYPE(PyBytesIter_Type);

extern "C" {

PyObject* PyBytes_FromStringAndSize(const char* text, Py_ssize_t size) {
  if (size < 0) {
    PyErr_SetString(PyExc_SystemError, "Negative size passed to PyBytes_FromStringAndSize");
    return nullptr;
  }
  if (size == 0) return empty_bytes().release();
  if (size == 1 && text) return byte_object(static_cast<unsigned char>(*text)).release();
  PyObject* result = allocate(size);
  if (result && text) std::memcpy(PyBytes_AS_STRING(result), text, static_cast<size_t>(size));
  return result;
}

PyObject* PyBytes_FromString(const char* text) {
  size_t n = std::strlen(text);
  if (n > static_cast<size_t>(PY_SSIZE_T_MAX - kHead - 1)) {
    PyErr_SetString(PyExc_OverflowError, "byte string is too long");
    return nullptr;
  }
  return PyBytes_FromStringAndSize(text, static_cast<Py_ssize_t>(n));
}

PyObject* PyBytes_FromObject(PyObject* object) {
  if (!object) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (PyBytes_CheckExact(object)) return borrow(object).release();
  if (PyObject_CheckBuffer(object)) return from_buffer(object).release();
  if (PyUnicode_Check(object)) return raise(PyExc_TypeError, "cannot convert '%.200s' object to bytes", Py_TYPE(object)->tp_name);
  return from_iterable(object).release();
}

Py_ssize_t PyBytes_Size(PyObject* object) {
  if (!PyBytes_Check(object)) {
    PyErr_Format(PyExc_TypeError, "expected bytes, %.200s found", Py_TYPE(object)->tp_name);
    return -1;
  }
  return PyBytes_GET_SIZE(object);
}

char* PyBytes_AsString(PyObject* object) {
  if (!PyBytes_Check(object)) {
    PyErr_Format(PyExc_TypeError, "expected bytes, %.200s found", Py_TYPE(object)->tp_name);
    return nullptr;
  }
  return PyBytes_AS_STRING(object);
}

int PyBytes_AsStringAndSize(PyObject* object, char** text, Py_ssize_t* size) {
  if (!text) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (!PyBytes_Check(object)) {
    PyErr_Format(PyExc_TypeError, "expected bytes, %.200s found", Py_TYPE(object)->tp_name);
    return -1;
  }
  *text = PyBytes_AS_STRING(object);
  if (size) {
    *size = PyBytes_GET_SIZE(object);
  } else if (std::strlen(*text) != static_cast<size_t>(PyBytes_GET_SIZE(object))) {
    PyErr_SetString(PyExc_ValueError, "embedded null byte");
    return -1;
  }
  return 0;
}

PyObject* PyBytes_Repr(PyObject* object, int smartquotes) { return bytes_repr_of(contents(object), smartquotes != 0, false).release(); }

void PyBytes_Concat(PyObject** place, PyObject* other) {
  if (!*place) return;
  if (!other) {
    clear_field(*place);
    return;
  }
  PyObject* old = *place;
  if (old->ob_refcnt == 1 && PyBytes_CheckExact(old) && old != other && PyObject_CheckBuffer(other)) {
    // Only we see it: it can grow in place.
    ByteArgument more;
    if (more.read(other) != Status::ok) {
      PyErr_Format(PyExc_TypeError, "can't concat %.100s to %.100s", Py_TYPE(other)->tp_name, Py_TYPE(old)->tp_name);
      clear_field(*place);
      return;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(old);
    auto extra = static_cast<Py_ssize_t>(more.text().size());
    if (size > PY_SSIZE_T_MAX - extra) {
      PyErr_NoMemory();
      clear_field(*place);
      return;
    }
    if (_PyBytes_Resize(place, size + extra) < 0) return;
    if (extra) std::memcpy(PyBytes_AS_STRING(*place) + size, more.text().data(), more.text().size());
    return;
  }
  PyObject* result = bytes_concat(old, other).release();
  release(old);
  *place = result;
}

void PyBytes_ConcatAndDel(PyObject** place, PyObject* other) {
  PyBytes_Concat(place, other);
  Py_XDECREF(other);
}

int _PyBytes_Resize(PyObject** place, Py_ssize_t size) {
  PyObject* object = *place;
  if (!PyBytes_Check(object) || size < 0) {
    *place = nullptr;
    release(object);
    PyErr_BadInternalCall();
    return -1;
  }
  Py_ssize_t old = PyBytes_GET_SIZE(object);
  if (old == size) return 0;
  if (size == 0) {
    *place = empty_bytes().release();
    release(object);
    return 0;
  }
  if (object->ob_refcnt != 1) {
    if (old != 0 && !is_immortal(object)) {
      *place = nullptr;
      release(object);
      PyErr_BadInternalCall();
      return -1;
    }
    PyObject* fresh = PyBytes_FromStringAndSize(nullptr, size);
    if (fresh) std::memcpy(PyBytes_AS_STRING(fresh), PyBytes_AS_STRING(object), static_cast<size_t>(Py_MIN(old, size)));
    release(object);
    *place = fresh;
    return fresh ? 0 : -1;
  }
  if (size > PY_SSIZE_T_MAX - kHead - 1) {
    *place = nullptr;
    release(object);
    PyErr_NoMemory();
    return -1;
  }
  auto* moved = static_cast<PyBytesObject*>(resize_plain_object(object, static_cast<size_t>(kHead + size + 1)));
  if (!moved) {
    *place = nullptr;
    release(object);
    PyErr_NoMemory();
    return -1;
  }
  *place = as_object(moved);
  moved->ob_base.ob_size = size;
  moved->ob_sval[size] = 0;
  cached_hash(as_object(moved)) = -1;
  return 0;
}

void _PyBytes_Repeat(char* to, Py_ssize_t total, const char* from, Py_ssize_t unit) {
  if (total == 0 || unit == 0) return;
  if (unit == 1) {
    std::memset(to, *from, static_cast<size_t>(total));
    return;
  }
  if (from != to) std::memcpy(to, from, static_cast<size_t>(Py_MIN(unit, total)));
  for (Py_ssize_t done = unit; done < total;) {
    Py_ssize_t step = Py_MIN(done, total - done);
    std::memcpy(to + done, to, static_cast<size_t>(step));
    done += step;
  }
}

PyObject* _PyBytes_FromHex(PyObject* string, int use_bytearray) {
  if (ensure_ready(string) != Status::ok) return nullptr;
  StrView text(string);
  BytesBuilder out;
  if (out.reserve(text.length / 2) != Status::ok) return nullptr;
  Py_ssize_t wrong = 0;
  if (text.ascii) wrong = put_hex({text.as<char>(), static_cast<size_t>(text.length)}, out);
  else while (text[wrong] < 128) ++wrong;  // the first character outside ASCII is told first
  if (wrong >= 0) return raise(PyExc_ValueError, "non-hexadecimal number found in fromhex() arg at position %zd", wrong);
  if (use_bytearray) return PyByteArray_FromStringAndSize(out.data(), out.size());
  return out.finish().release();
}

PyObject* PyBytes_FromFormatV(const char* format, va_list list) {
  va_list args;
  va_copy(args, list);
  BytesBuilder out;
  Status status = Status::ok;
  const char* f = format;
  char digits[48];
  while (*f && status == Status::ok) {
    if (*f != '%') {
      const char* p = f;
      while (*p && *p != '%') ++p;
      status = out.put(Bytes(f, static_cast<size_t>(p - f)));
      f = p;
      continue;
    }
    const char* start = f++;
    while (Py_ISDIGIT(*f)) ++f;  // a width is read and ignored
    Py_ssize_t precision = -1;
    if (*f == '.') {
      precision = 0;
      for (++f; Py_ISDIGIT(*f); ++f) precision = precision * 10 + (*f - '0');
    }
    while (*f && *f != '%' && !Py_ISALPHA(*f)) ++f;
    bool is_long = *f == 'l' && (f[1] == 'd' || f[1] == 'u');
    bool is_size = *f == 'z' && (f[1] == 'd' || f[1] == 'u');
    if (is_long || is_size) ++f;
    int n = -1;
    switch (*f) {
      case 'c': {
        int c = va_arg(args, int);
        if (c < 0 || c > 255) {
          PyErr_SetString(PyExc_OverflowError, "PyBytes_FromFormatV(): %c format expects an integer in range [0; 255]");
          status = Status::error;
        } else {
          status = out.put(static_cast<char>(c));
        }
        break;
      }
      case 'd':
        n = is_long ? std::snprintf(digits, sizeof digits, "%ld", va_arg(args, long))
            : is_size ? std::snprintf(digits, sizeof digits, "%zd", va_arg(args, Py_ssize_t))
                      : std::snprintf(digits, sizeof digits, "%d", va_arg(args, int));
        break;
      case 'u':
        n = is_long ? std::snprintf(digits, sizeof digits, "%lu", va_arg(args, unsigned long))
            : is_size ? std::snprintf(digits, sizeof digits, "%zu", va_arg(args, size_t))
                      : std::snprintf(digits, sizeof digits, "%u", va_arg(args, unsigned));
        break;
      case 'i': n = std::snprintf(digits, sizeof digits, "%i", va_arg(args, int)); break;
      case 'x': n = std::snprintf(digits, sizeof digits, "%x", va_arg(args, unsigned)); break;
      case 'p': n = std::snprintf(digits, sizeof digits, "0x%lx", reinterpret_cast<unsigned long>(va_arg(args, void*))); break;
      case 's': {
        const char* text = va_arg(args, const char*);
        status = out.put(Bytes(text, precision < 0 ? std::strlen(text) : strnlen(text, static_cast<size_t>(precision))));
        break;
      }
      case '%': status = out.put('%'); break;
      default:
        // Unknown: the rest stands for itself, since the arguments cannot be followed any more.
        status = out.put(Bytes(start));
        f = start + std::strlen(start) - 1;
        break;
    }
    if (n >= 0) status = out.put(Bytes(digits, static_cast<size_t>(n)));
    ++f;
  }
  va_end(args);
  if (status != Status::ok) return nullptr;
  return out.finish().release();
}

PyObject* PyBytes_FromFormat(const char* format, ...) {
  va_list args;
  va_start(args, format);
  PyObject* result = PyBytes_FromFormatV(format, args);
  va_end(args);
  return result;
}

}  // extern "C"
