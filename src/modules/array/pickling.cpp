// Pickles of arrays: items as bytes in a named machine format, which another machine converts.
#include <cstring>

#include "modules/array/array.h"

namespace gill::array {
namespace {

// Numbers of pickles; each is followed by the one of the other byte order.
enum MachineFormat : int {
  kUnsigned8, kSigned8, kUnsigned16, kSigned16 = 4, kUnsigned32 = 6, kSigned32 = 8, kUnsigned64 = 10, kSigned64 = 12,
  kFloat = 14, kDouble = 16, kUtf16 = 18, kUtf32 = 20,
};
inline constexpr int kLastFormat = kUtf32 + 1;

struct Shape {
  size_t size;
  bool is_signed;
  bool big_endian;
};
Shape shape_of(int format) {
  if (format <= kSigned8) return {1, format == kSigned8, false};
  constexpr Shape shapes[] = {{2, false, false}, {2, true, false}, {4, false, false}, {4, true, false}, {8, false, false},
                              {8, true, false},  {4, false, false}, {8, false, false}, {4, false, false}, {8, false, false}};
  Shape shape = shapes[(format - kUnsigned16) / 2];
  if (format >= kUtf16) shape.size = format < kUtf32 ? 2 : 4;
  shape.big_endian = format & 1;
  return shape;
}

int format_of(const Descriptor& descriptor) {
  switch (descriptor.code) {
    case 'u': return sizeof(wchar_t) == 4 ? kUtf32 : kUtf16;
    case 'f': return kFloat;
    case 'd': return kDouble;
    default: break;
  }
  int base = descriptor.itemsize == 1 ? kUnsigned8 : descriptor.itemsize == 2 ? kUnsigned16 : descriptor.itemsize == 4 ? kUnsigned32 : kUnsigned64;
  return base + (descriptor.is_signed ? (descriptor.itemsize == 1 ? 1 : 2) : 0);
}

Ref<> make(PyTypeObject* type, char code, PyObject* items) {
  Ref<> args = TRY(steal(Py_BuildValue("(CO)", static_cast<int>(code), items)));
  return steal(array_new(type, args.get(), nullptr));
}

Ref<> read_reals(const char* bytes, Py_ssize_t n, const Shape& shape) {
  Ref<> list = TRY(steal(PyList_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    const char* at = bytes + i * static_cast<Py_ssize_t>(shape.size);
    double x = shape.size == 4 ? PyFloat_Unpack4(at, !shape.big_endian) : PyFloat_Unpack8(at, !shape.big_endian);
    PyList_SET_ITEM(list.get(), i, TRY(PyFloat_FromDouble(x)));
  }
  return list;
}

Ref<> read_integers(const char* bytes, Py_ssize_t n, const Shape& shape) {
  Ref<> list = TRY(steal(PyList_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    auto* at = reinterpret_cast<const unsigned char*>(bytes) + i * static_cast<Py_ssize_t>(shape.size);
    PyList_SET_ITEM(list.get(), i, TRY(_PyLong_FromByteArray(at, shape.size, !shape.big_endian, shape.is_signed)));
  }
  return list;
}

Ref<> convert(PyTypeObject* type, char code, int format, PyObject* bytes) {
  Shape shape = shape_of(format);
  const char* data = PyBytes_AS_STRING(bytes);
  Py_ssize_t length = PyBytes_GET_SIZE(bytes), size = static_cast<Py_ssize_t>(shape.size);
  if (format >= kUtf16) {
    int order = shape.big_endian ? 1 : -1;
    Ref<> text = TRY(steal(size == 2 ? PyUnicode_DecodeUTF16(data, length, "strict", &order) : PyUnicode_DecodeUTF32(data, length, "strict", &order)));
    return make(type, code, text.get());
  }
  if (length % size) return raise(PyExc_ValueError, "bytes length not a multiple of item size");
  if (format >= kFloat) {
    Ref<> items = TRY(read_reals(data, length / size, shape));
    return make(type, code, items.get());
  }
  // A code of the same width here may fit better than the one that was used there.
  for (const Descriptor* d = descriptors_begin(); d != descriptors_end(); ++d) {
    if (d->is_integer && d->itemsize == size && d->is_signed == shape.is_signed) code = d->code;
  }
  Ref<> items = TRY(read_integers(data, length / size, shape));
  return make(type, code, items.get());
}

}  // namespace

Ref<> reduce_ex(ArrayObject* self, PyObject* value) {
  State& state = state_of_array(self);
  PyObject* dict_or_null;
  TRY(status_of(_PyObject_LookupAttr(as_object(self), name<"__dict__">, &dict_or_null)));
  Ref<> dict = dict_or_null ? steal(dict_or_null) : none();
  if (!state.reconstructor) {
    Ref<> module = TRY(steal(PyImport_ImportModule("array")));
    state.reconstructor = TRY(PyObject_GetAttr(module.get(), name<"_array_reconstructor">));
  }
  if (!PyLong_Check(value)) return raise(PyExc_TypeError, "__reduce_ex__ argument should be an integer");
  long protocol = TRY(checked(PyLong_AsLong(value)));
  int code = self->descriptor->code;
  PyObject* type = as_object(Py_TYPE(self));
  if (protocol < 3) {
    // No bytes before: the items as objects.
    Ref<> list = TRY(tolist(self));
    return steal(Py_BuildValue("O(CO)O", type, code, list.get(), dict.get()));
  }
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(self->items, length_of(self) * itemsize_of(self))));
  return steal(Py_BuildValue("O(OCiO)O", state.reconstructor, type, code, format_of(*self->descriptor), bytes.get(), dict.get()));
}

Maybe<int> typecode_of(PyObject* text, const char* function, int argument) {
  if (PyUnicode_Check(text) && PyUnicode_READY(text) == 0 && PyUnicode_GET_LENGTH(text) == 1) return static_cast<int>(PyUnicode_READ_CHAR(text, 0));
  return raise(PyExc_TypeError, "%s() argument %d must be a unicode character, not %.50s", function, argument,
               text == Py_None ? "None" : Py_TYPE(text)->tp_name);
}

Ref<> reconstruct(PyObject* module, PyObject* arraytype, PyObject* typecode, int mformat_code, PyObject* items) {
  State& state = state_of(module);
  int code = TRY(typecode_of(typecode, "_array_reconstructor", 2));
  if (!PyType_Check(arraytype)) return raise(PyExc_TypeError, "first argument must be a type object, not %.200s", Py_TYPE(arraytype)->tp_name);
  auto* type = reinterpret_cast<PyTypeObject*>(arraytype);
  if (!PyType_IsSubtype(type, state.array_type)) {
    return raise(PyExc_TypeError, "%.200s is not a subtype of %.200s", type->tp_name, state.array_type->tp_name);
  }
  const Descriptor* descriptor = find_descriptor(code);
  if (!descriptor) return raise(PyExc_ValueError, "second argument must be a valid type code");
  if (mformat_code < 0 || mformat_code > kLastFormat) return raise(PyExc_ValueError, "third argument must be a valid machine format code.");
  if (!PyBytes_Check(items)) return raise(PyExc_TypeError, "fourth argument should be bytes, not %.200s", Py_TYPE(items)->tp_name);
  if (mformat_code == format_of(*descriptor)) return make(type, descriptor->code, items);
  return convert(type, descriptor->code, mformat_code, items);
}

}  // namespace gill::array
