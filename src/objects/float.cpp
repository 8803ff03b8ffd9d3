// float: arithmetic, comparison, type. Text is in float_text.cpp.
#include <bit>
#include <cfloat>
#include <cmath>

#include "base/binding.h"
#include "base/names.h"
#include "objects/float_text.h"
#include "objects/int.h"
#include "objects/number_memory.h"
#include "objects/tuple.h"

namespace gill {
namespace {

double value_of(PyObject* number) { return reinterpret_cast<PyFloatObject*>(number)->ob_fval; }
Ref<> make(double value) { return steal(PyFloat_FromDouble(value)); }

// An operand of arithmetic as a double: 1, 0 when it is no number of ours, -1 with an exception.
int operand(PyObject* object, double* out) {
  if (PyFloat_Check(object)) {
    *out = value_of(object);
    return 1;
  }
  if (!PyLong_Check(object)) return 0;
  *out = PyLong_AsDouble(object);
  return *out == -1.0 && PyErr_Occurred() ? -1 : 1;
}

template <class Operation>
PyObject* binary(PyObject* a, PyObject* b, Operation operation) {
  double x, y;
  int first = operand(a, &x), second = first > 0 ? operand(b, &y) : first;
  if (first < 0 || second < 0) return nullptr;
  if (!first || !second) return borrow(Py_NotImplemented).release();
  return operation(x, y).release();
}

// The quotient rounded down and what is left, which has the sign of the divisor.
void divide(double x, double y, double* quotient, double* rest) {
  double mod = std::fmod(x, y);
  double div = (x - mod) / y;
  if (mod != 0) {
    if ((y < 0) != (mod < 0)) {
      mod += y;
      div -= 1.0;
    }
  } else {
    mod = std::copysign(0.0, y);
  }
  if (div != 0) {
    double down = std::floor(div);
    if (div - down > 0.5) down += 1.0;
    div = down;
  } else {
    div = std::copysign(0.0, x / y);
  }
  *quotient = div;
  *rest = mod;
}

Ref<> true_divide(double x, double y) {
  if (y == 0) return raise(PyExc_ZeroDivisionError, "float division by zero");
  return make(x / y);
}
Ref<> floor_divide(double x, double y) {
  if (y == 0) return raise(PyExc_ZeroDivisionError, "float floor division by zero");
  double q, r;
  divide(x, y, &q, &r);
  return make(q);
}
Ref<> remainder(double x, double y) {
  if (y == 0) return raise(PyExc_ZeroDivisionError, "float modulo");
  double q, r;
  divide(x, y, &q, &r);
  return make(r);
}
Ref<> divmod_pair(double x, double y) {
  if (y == 0) return raise(PyExc_ZeroDivisionError, "float divmod()");
  double q, r;
  divide(x, y, &q, &r);
  return steal(Py_BuildValue("dd", q, r));
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) {
    PyErr_SetString(PyExc_TypeError, "pow() 3rd argument not allowed unless all arguments are integers");
    return nullptr;
  }
  return binary(a, b, [&](double x, double y) -> Ref<> {
    if (x == 0 && y < 0 && std::isfinite(y)) return raise(PyExc_ZeroDivisionError, "0.0 cannot be raised to a negative power");
    // A fractional power of a negative number is complex.
    if (x < 0 && std::isfinite(x) && std::isfinite(y) && y != std::floor(y)) {
      Ref<> left = TRY(make(x)), right = TRY(make(y));
      return steal(PyComplex_Type.tp_as_number->nb_power(left.get(), right.get(), Py_None));
    }
    double result = std::pow(x, y);
    if (std::isinf(result) && std::isfinite(x) && std::isfinite(y)) {
      errno = ERANGE;
      PyErr_SetFromErrno(PyExc_OverflowError);
      return failure;
    }
    return make(result);
  });
}

PyNumberMethods float_as_number = {
    .nb_add = [](PyObject* a, PyObject* b) { return binary(a, b, [](double x, double y) { return make(x + y); }); },
    .nb_subtract = [](PyObject* a, PyObject* b) { return binary(a, b, [](double x, double y) { return make(x - y); }); },
    .nb_multiply = [](PyObject* a, PyObject* b) { return binary(a, b, [](double x, double y) { return make(x * y); }); },
    .nb_remainder = [](PyObject* a, PyObject* b) { return binary(a, b, remainder); },
    .nb_divmod = [](PyObject* a, PyObject* b) { return binary(a, b, divmod_pair); },
    .nb_power = power,
    .nb_negative = [](PyObject* a) { return PyFloat_FromDouble(-value_of(a)); },
    .nb_positive = [](PyObject* a) { return PyFloat_CheckExact(a) ? borrow(a).release() : PyFloat_FromDouble(value_of(a)); },
    .nb_absolute = [](PyObject* a) { return PyFloat_FromDouble(std::fabs(value_of(a))); },
    .nb_bool = [](PyObject* a) { return static_cast<int>(value_of(a) != 0.0); },
    .nb_int = [](PyObject* a) { return PyLong_FromDouble(value_of(a)); },
    .nb_float = [](PyObject* a) { return PyFloat_CheckExact(a) ? borrow(a).release() : PyFloat_FromDouble(value_of(a)); },
    .nb_floor_divide = [](PyObject* a, PyObject* b) { return binary(a, b, floor_divide); },
    .nb_true_divide = [](PyObject* a, PyObject* b) { return binary(a, b, true_divide); },
};

// Exactly, also against ints that no double can hold.
int compare_with_int(double x, PyObject* number) {
  if (std::isinf(x)) return x > 0 ? 1 : -1;
  if (_PyLong_NumBits(number) <= 53) {
    double y = PyLong_AsDouble(number);
    return x < y ? -1 : x > y;
  }
  // Far from the fraction's reach: compare the whole part, then the fraction.
  double whole = std::trunc(x);
  Mpz left, right(number);
  mpz_set_d(left, whole);
  int order = mpz_cmp(left, right);
  if (order) return order < 0 ? -1 : 1;
  double fraction = x - whole;
  return fraction < 0 ? -1 : fraction > 0;
}

Ref<> float_compare(PyObject* a, PyObject* b, int op) {
  double x = value_of(a);
  if (PyLong_Check(b) && !std::isnan(x)) {
    int order = compare_with_int(x, b);
    switch (op) {
      case Py_LT: return py_bool(order < 0);
      case Py_LE: return py_bool(order <= 0);
      case Py_EQ: return py_bool(order == 0);
      case Py_NE: return py_bool(order != 0);
      case Py_GT: return py_bool(order > 0);
      default: return py_bool(order >= 0);
    }
  }
  double y;
  if (PyFloat_Check(b)) y = value_of(b);
  else if (PyLong_Check(b)) y = 0;  // x is NaN
  else return borrow(Py_NotImplemented);
  switch (op) {
    case Py_LT: return py_bool(x < y);
    case Py_LE: return py_bool(x <= y);
    case Py_EQ: return py_bool(x == y);
    case Py_NE: return py_bool(x != y);
    case Py_GT: return py_bool(x > y);
    default: return py_bool(x >= y);
  }
}

Py_hash_t float_hash(PyObject* self) { return _Py_HashDouble(self, value_of(self)); }
Ref<> float_repr(PyObject* self) { return shortest_text(value_of(self)); }

Ref<> float_new(PyTypeObject* type, PyObject* x) {
  Ref<> value = !x ? make(0.0) : PyUnicode_CheckExact(x) ? steal(PyFloat_FromString(x)) : steal(PyNumber_Float(x));
  if (!value || type == &PyFloat_Type) return value;
  Ref<> self = TRY(steal(type->tp_alloc(type, 0)));
  reinterpret_cast<PyFloatObject*>(self.get())->ob_fval = value_of(value.get());
  return self;
}

// ---- methods ----------------------------------------------------------------------------------------

Ref<> float_self(PyObject* self) { return PyFloat_CheckExact(self) ? borrow(self) : make(value_of(self)); }
Ref<> float_zero(PyObject*) { return make(0.0); }
Ref<> float_trunc(PyObject* self) { return steal(PyLong_FromDouble(value_of(self))); }
Ref<> float_floor(PyObject* self) { return steal(PyLong_FromDouble(std::floor(value_of(self)))); }
Ref<> float_ceil(PyObject* self) { return steal(PyLong_FromDouble(std::ceil(value_of(self)))); }
Maybe<bool> float_is_integer(PyObject* self) { return std::isfinite(value_of(self)) && std::floor(value_of(self)) == value_of(self); }

Ref<> float_round(PyObject* self, PyObject* ndigits) {
  double x = value_of(self);
  if (!ndigits || ndigits == Py_None) {
    // Ties go to the even neighbour.
    double rounded = std::round(x);
    if (std::fabs(x - rounded) == 0.5) rounded = 2.0 * std::round(x / 2.0);
    return steal(PyLong_FromDouble(rounded));
  }
  Ref<> digits_object = TRY(steal(PyNumber_Index(ndigits)));
  Py_ssize_t digits = TRY(checked(PyNumber_AsSsize_t(digits_object.get(), nullptr)));
  if (!std::isfinite(x) || digits > 323) return make(x);
  if (digits < -308) return make(0.0 * x);
  return round_decimal(x, static_cast<int>(digits));
}

Ref<> float_as_integer_ratio(PyObject* self) {
  double x = value_of(self);
  if (std::isinf(x)) return raise(PyExc_OverflowError, "cannot convert Infinity to integer ratio");
  if (std::isnan(x)) return raise(PyExc_ValueError, "cannot convert NaN to integer ratio");
  int exponent;
  auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(x, &exponent), DBL_MANT_DIG));
  if (mantissa != 0) {
    // In lowest terms: the mantissa is odd.
    int zeros = std::countr_zero(static_cast<uint64_t>(mantissa));
    mantissa >>= zeros;
    exponent += zeros - DBL_MANT_DIG;
  }
  Ref<> numerator = TRY(steal(PyLong_FromLongLong(mantissa)));
  Ref<> denominator = TRY(int_from(1));
  if (exponent > 0) numerator = TRY(int_shift(numerator.get(), exponent, true));
  else denominator = TRY(int_shift(denominator.get(), -exponent, true));
  return tuple_of(std::move(numerator), std::move(denominator));
}

Ref<> float_hex_method(PyObject* self) { return hex_text(value_of(self)); }
Ref<> float_fromhex(PyTypeObject* type, PyObject* string) {
  if (!PyUnicode_Check(string)) return raise(PyExc_TypeError, "bad argument type for built-in operation");
  double value = TRY(parse_hex(string));
  Ref<> number = TRY(make(value));
  if (type == &PyFloat_Type) return number;
  return steal(PyObject_CallOneArg(as_object(type), number.get()));
}

Ref<> float_format(PyObject* self, PyUnicodeObject* format_spec) {
  _PyUnicodeWriter writer;
  _PyUnicodeWriter_Init(&writer);
  PyObject* spec = as_object(format_spec);
  if (_PyFloat_FormatAdvancedWriter(&writer, self, spec, 0, PyUnicode_GET_LENGTH(spec)) < 0) {
    _PyUnicodeWriter_Dealloc(&writer);
    return failure;
  }
  return steal(_PyUnicodeWriter_Finish(&writer));
}
Ref<> float_getnewargs(PyObject* self) { return steal(Py_BuildValue("(d)", value_of(self))); }
Ref<> float_getformat(PyTypeObject*, const char* typestr) {
  if (std::strcmp(typestr, "double") != 0 && std::strcmp(typestr, "float") != 0) {
    return raise(PyExc_ValueError, "__getformat__() argument 1 must be 'double' or 'float'");
  }
  return steal(PyUnicode_FromString("IEEE, little-endian"));
}

const PyMethodDef kMethods[] = {
    METHOD("conjugate($self, /)", float_self, "Return self, the complex conjugate of any float."),
    METHOD("__trunc__($self, /)", float_trunc, "Return the Integral closest to x between 0 and x."),
    METHOD("__floor__($self, /)", float_floor, "Return the floor as an Integral."),
    METHOD("__ceil__($self, /)", float_ceil, "Return the ceiling as an Integral."),
    METHOD("__round__($self, ndigits=None, /)", float_round, "Return the Integral closest to x, rounding half toward even."),
    METHOD("as_integer_ratio($self, /)", float_as_integer_ratio, "Return a pair of integers, whose ratio is exactly equal to the original float.\n\n>>> (2.5).as_integer_ratio()\n(5, 2)\n>>> (-6.0).as_integer_ratio()\n(-6, 1)\n>>> (0.0).as_integer_ratio()\n(0, 1)"),
    CLASS_METHOD("fromhex($type, string, /)", float_fromhex, "Create a floating-point number from a hexadecimal string.\n\n>>> float.fromhex('0x1.8p+1')\n3.0\n>>> float.fromhex('-a.4')\n-10.25"),
    METHOD("hex($self, /)", float_hex_method, "Return a hexadecimal representation of a floating-point number.\n\n>>> (3.0).hex()\n'0x1.8000000000000p+1'\n>>> (-0.25).hex()\n'-0x1.0000000000000p-2'"),
    METHOD("is_integer($self, /)", float_is_integer, "Return True if the float is an integer."),
    METHOD("__getnewargs__($self, /)", float_getnewargs, ""),
    CLASS_METHOD("__getformat__($type, typestr, /)", float_getformat, "You probably don't want to use this function."),
    METHOD("__format__($self, format_spec, /)", float_format, "Formats the float according to format_spec."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<float_self>("real", "the real part of a complex number"),
    getset<float_zero>("imag", "the imaginary part of a complex number"),
    kEndOfGetSets,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyFloat_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "float",
    .tp_basicsize = sizeof(PyFloatObject),
    .tp_dealloc = number_dealloc<&PyFloat_Type>,
    .tp_repr = slot<float_repr>,
    .tp_as_number = &float_as_number,
    .tp_hash = float_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc = "float(x=0, /)\n--\n\nConvert a string or number to a floating point number, if possible.",
    .tp_richcompare = slot<float_compare>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_new = CONSTRUCTOR("float($type, x=<unrepresentable>, /)", float_new),
    .tp_free = PyObject_Del,
    .tp_vectorcall = VECTORCALL("float($type, x=<unrepresentable>, /)", float_new),
};

PyObject* PyFloat_FromDouble(double value) {
  auto* object = static_cast<PyFloatObject*>(allocate_number<kFloatSize>());
  if (!object) return nullptr;
  object->ob_base = {1, &PyFloat_Type};
  object->ob_fval = value;
  return as_object(object);
}

double PyFloat_AsDouble(PyObject* object) {
  if (!object) {
    PyErr_BadArgument();
    return -1;
  }
  if (PyFloat_Check(object)) return value_of(object);
  PyNumberMethods* number = Py_TYPE(object)->tp_as_number;
  if (!number || !number->nb_float) {
    if (number && number->nb_index) {
      Ref<> index = steal(_PyNumber_Index(object));
      return index ? PyLong_AsDouble(index.get()) : -1;
    }
    PyErr_Format(PyExc_TypeError, "must be real number, not %.50s", Py_TYPE(object)->tp_name);
    return -1;
  }
  Ref<> result = steal(number->nb_float(object));
  if (!result) return -1;
  if (!PyFloat_CheckExact(result.get())) {
    if (!PyFloat_Check(result.get())) {
      PyErr_Format(PyExc_TypeError, "%.50s.__float__ returned non-float (type %.50s)", Py_TYPE(object)->tp_name, Py_TYPE(result.get())->tp_name);
      return -1;
    }
    if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1,
                         "%.50s.__float__ returned non-float (type %.50s).  The ability to return an instance of a strict subclass of float is deprecated, and may be removed in a future version of Python.",
                         Py_TYPE(object)->tp_name, Py_TYPE(result.get())->tp_name) < 0) {
      return -1;
    }
  }
  return value_of(result.get());
}

double PyFloat_GetMax(void) { return __DBL_MAX__; }
double PyFloat_GetMin(void) { return __DBL_MIN__; }

}  // extern "C"
GILL_STATIC_TYPE(PyFloat_Type);
