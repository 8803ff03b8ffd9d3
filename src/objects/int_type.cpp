// int as Python sees it: constructor, methods, type; and bool's parent for all of that.
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "objects/int.h"
#include "objects/number_memory.h"

// A published symbol that no public header declares; objects/number_format.cpp has it.
extern "C" int _PyLong_FormatAdvancedWriter(_PyUnicodeWriter* writer, PyObject* number, PyObject* spec, Py_ssize_t start, Py_ssize_t end);

namespace gill {
namespace {

Ref<> as_exact(Ref<> number) {
  if (!number || PyLong_CheckExact(number.get())) return number;
  return steal(_PyLong_Copy(reinterpret_cast<PyLongObject*>(number.get())));
}

Ref<> int_value(PyObject* x, PyObject* base) {
  if (!x) {
    if (base) return raise(PyExc_TypeError, "int() missing string argument");
    return borrow(small_int(0));
  }
  if (!base) return steal(PyNumber_Long(x));
  Py_ssize_t n = TRY(checked(PyNumber_AsSsize_t(base, nullptr)));
  if ((n != 0 && n < 2) || n > 36) return raise(PyExc_ValueError, "int() base must be >= 2 and <= 36, or 0");
  if (PyUnicode_Check(x)) return steal(PyLong_FromUnicodeObject(x, static_cast<int>(n)));
  if (PyBytes_Check(x)) return steal(_PyLong_FromBytes(PyBytes_AS_STRING(x), PyBytes_GET_SIZE(x), static_cast<int>(n)));
  if (PyByteArray_Check(x)) return steal(_PyLong_FromBytes(PyByteArray_AS_STRING(x), PyByteArray_GET_SIZE(x), static_cast<int>(n)));
  return raise(PyExc_TypeError, "int() can't convert non-string with explicit base");
}

Ref<> int_new(PyTypeObject* type, PyObject* x, PyObject* base) {
  Ref<> value = TRY(int_value(x, base));
  if (type == &PyLong_Type) return as_exact(std::move(value));
  // An instance of a subclass with the same digits.
  Py_ssize_t n = int_size(value.get());
  Ref<> self = TRY(steal(type->tp_alloc(type, std::abs(n))));
  reinterpret_cast<PyVarObject*>(self.get())->ob_size = n;
  std::memcpy(int_digits(self.get()), int_digits(value.get()), static_cast<size_t>(std::abs(n)) * sizeof(digit));
  return self;
}

// Modulo 2**61 - 1, as all numbers hash, so that equal ones hash equal.
Py_hash_t int_hash(PyObject* number) {
  if (is_one_digit(number)) {
    int64_t value = one_digit_value(number);
    return value == -1 ? -2 : value;
  }
  constexpr uint64_t kModulus = (uint64_t{1} << _PyHASH_BITS) - 1;
  uint64_t hash = 0;
  for (Py_ssize_t i = std::abs(int_size(number)); --i >= 0;) {
    hash = (hash << PyLong_SHIFT & kModulus) | hash >> (_PyHASH_BITS - PyLong_SHIFT);
    hash += int_digits(number)[i];
    if (hash >= kModulus) hash -= kModulus;
  }
  auto result = static_cast<Py_hash_t>(hash);
  if (int_size(number) < 0) result = -result;
  return result == -1 ? -2 : result;
}

Ref<> int_repr(PyObject* self) { return int_to_text(self, 10, false); }

Ref<> int_self(PyObject* self) { return as_exact(borrow(self)); }
Ref<> int_zero(PyObject*) { return borrow(small_int(0)); }
Ref<> int_one(PyObject*) { return borrow(small_int(1)); }

Ref<> int_bit_length(PyObject* self) { return steal(PyLong_FromSize_t(_PyLong_NumBits(self))); }
Ref<> int_bit_count(PyObject* self) {
  Py_ssize_t count = 0;
  for (Py_ssize_t i = std::abs(int_size(self)); --i >= 0;) count += __builtin_popcount(int_digits(self)[i]);
  return steal(PyLong_FromSsize_t(count));
}

Maybe<bool> is_little(PyObject* byteorder) {
  if (!byteorder || byteorder == name<"big">) return false;
  if (byteorder == name<"little">) return true;
  if (!PyUnicode_Check(byteorder)) return raise(PyExc_TypeError, "argument 'byteorder' must be str, not %.50s", Py_TYPE(byteorder)->tp_name);
  if (PyUnicode_CompareWithASCIIString(byteorder, "little") == 0) return true;
  if (PyUnicode_CompareWithASCIIString(byteorder, "big") == 0) return false;
  return raise(PyExc_ValueError, "byteorder must be either 'little' or 'big'");
}

Ref<> int_to_bytes(PyObject* self, Py_ssize_t length, PyUnicodeObject* byteorder, bool is_signed) {
  bool little = TRY(is_little(as_object(byteorder)));
  if (length < 0) return raise(PyExc_ValueError, "length argument must be non-negative");
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(nullptr, length)));
  auto* out = reinterpret_cast<unsigned char*>(PyBytes_AS_STRING(bytes.get()));
  TRY(status_of(_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(self), out, static_cast<size_t>(length), little, is_signed)));
  return bytes;
}

Ref<> int_from_bytes(PyTypeObject* type, PyObject* source, PyUnicodeObject* byteorder, bool is_signed) {
  bool little = TRY(is_little(as_object(byteorder)));
  Ref<> bytes = TRY(steal(PyObject_Bytes(source)));
  Ref<> number = TRY(steal(_PyLong_FromByteArray(reinterpret_cast<unsigned char*>(PyBytes_AS_STRING(bytes.get())),
                                                 static_cast<size_t>(PyBytes_GET_SIZE(bytes.get())), little, is_signed)));
  if (type == &PyLong_Type) return number;
  return steal(PyObject_CallOneArg(as_object(type), number.get()));
}

Ref<> int_as_integer_ratio(PyObject* self) {
  Ref<> numerator = TRY(int_self(self));
  return steal(PyTuple_Pack(2, numerator.get(), small_int(1)));
}

// round(n, -k): to the nearest multiple of 10**k, ties to even.
Ref<> int_round(PyObject* self, PyObject* ndigits) {
  if (!ndigits) return int_self(self);
  Ref<> digits = TRY(steal(PyNumber_Index(ndigits)));
  if (int_size(digits.get()) >= 0) return int_self(self);
  Ref<> positive = TRY(steal(PyNumber_Negative(digits.get())));
  Ref<> ten = TRY(int_from(10));
  Ref<> unit = TRY(steal(PyNumber_Power(ten.get(), positive.get(), Py_None)));
  Ref<> near = TRY(steal(_PyLong_DivmodNear(self, unit.get())));
  return steal(PyNumber_Subtract(self, PyTuple_GET_ITEM(near.get(), 1)));
}

Ref<> int_format(PyObject* self, PyUnicodeObject* format_spec) {
  _PyUnicodeWriter writer;
  _PyUnicodeWriter_Init(&writer);
  PyObject* spec = as_object(format_spec);
  if (_PyLong_FormatAdvancedWriter(&writer, self, spec, 0, PyUnicode_GET_LENGTH(spec)) < 0) {
    _PyUnicodeWriter_Dealloc(&writer);
    return failure;
  }
  return steal(_PyUnicodeWriter_Finish(&writer));
}

Ref<> int_getnewargs(PyObject* self) {
  Ref<> value = TRY(steal(_PyLong_Copy(reinterpret_cast<PyLongObject*>(self))));
  return steal(PyTuple_Pack(1, value.get()));
}

Ref<> int_sizeof(PyObject* self) {
  Py_ssize_t digits = std::max<Py_ssize_t>(std::abs(int_size(self)), 1);
  return steal(PyLong_FromSsize_t(static_cast<Py_ssize_t>(offsetof(PyLongObject, ob_digit)) + digits * static_cast<Py_ssize_t>(sizeof(digit))));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("conjugate($self, /)", int_self, "Returns self, the complex conjugate of any int."),
    METHOD("bit_length($self, /)", int_bit_length, "Number of bits necessary to represent self in binary.\n\n>>> bin(37)\n'0b100101'\n>>> (37).bit_length()\n6"),
    METHOD("bit_count($self, /)", int_bit_count, "Number of ones in the binary representation of the absolute value of self.\n\nAlso known as the population count.\n\n>>> bin(13)\n'0b1101'\n>>> (13).bit_count()\n3"),
    METHOD("to_bytes($self, /, length=1, byteorder='big', *, signed=False)", int_to_bytes, "Return an array of bytes representing an integer."),
    CLASS_METHOD("from_bytes($type, /, bytes, byteorder='big', *, signed=False)", int_from_bytes, "Return the integer represented by the given array of bytes."),
    METHOD("as_integer_ratio($self, /)", int_as_integer_ratio, "Return a pair of integers, whose ratio is equal to the original int.\n\nThe ratio is in lowest terms and has a positive denominator.\n\n>>> (10).as_integer_ratio()\n(10, 1)\n>>> (-4).as_integer_ratio()\n(-4, 1)\n>>> (0).as_integer_ratio()\n(0, 1)"),
    METHOD_UNSIGNED("__trunc__($self, /)", int_self, "Truncating an Integral returns itself."),
    METHOD_UNSIGNED("__floor__($self, /)", int_self, "Flooring an Integral returns itself."),
    METHOD_UNSIGNED("__ceil__($self, /)", int_self, "Ceiling of an Integral returns itself."),
    METHOD("__round__($self, ndigits=<unrepresentable>, /)", int_round, "Rounding an Integral returns itself.\n\nRounding with an ndigits argument also returns an integer."),
    METHOD("__getnewargs__($self, /)", int_getnewargs, ""),
    METHOD("__format__($self, format_spec, /)", int_format, ""),
    METHOD("__sizeof__($self, /)", int_sizeof, "Returns size in memory, in bytes."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<int_self>("real", "the real part of a complex number"),
    getset<int_zero>("imag", "the imaginary part of a complex number"),
    getset<int_self>("numerator", "the numerator of a rational number in lowest terms"),
    getset<int_one>("denominator", "the denominator of a rational number in lowest terms"),
    kEndOfGetSets,
};

PyObject* compare_slot(PyObject* a, PyObject* b, int op) { return int_compare(a, b, op).release(); }

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" PyTypeObject PyLong_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "int",
    .tp_basicsize = offsetof(PyLongObject, ob_digit),
    .tp_itemsize = sizeof(digit),
    .tp_dealloc = number_dealloc<&PyLong_Type>,
    .tp_repr = slot<int_repr>,
    .tp_as_number = &int_as_number,
    .tp_hash = int_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_LONG_SUBCLASS | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc = "int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number or string to an integer, or return 0 if no arguments\nare given.  If x is a number, return x.__int__().  For floating point\nnumbers, this truncates towards zero.\n\n>>> int('0b100', base=0)\n4",
    .tp_richcompare = compare_slot,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_new = CONSTRUCTOR("int($type, x=<unrepresentable>, /, base=<unrepresentable>)", int_new),
    .tp_free = PyObject_Del,
    .tp_vectorcall = VECTORCALL("int($type, x=<unrepresentable>, /, base=<unrepresentable>)", int_new),
};
GILL_STATIC_TYPE(PyLong_Type);
