// complex: type, constructor, C API. Arithmetic is in complex_math.cpp, text in complex_text.cpp.
#include "objects/complex.h"

#include <structmember.h>

#include <cerrno>
#include <cmath>

#include "base/binding.h"
#include "base/names.h"
#include "memory/objects.h"
#include "objects/type.h"

extern "C" PyAPI_FUNC(int) _PyComplex_FormatAdvancedWriter(_PyUnicodeWriter*, PyObject*, PyObject*, Py_ssize_t, Py_ssize_t);

namespace gill {
namespace {

Ref<> make(Py_complex value) { return steal(PyComplex_FromCComplex(value)); }

// ---- arithmetic -------------------------------------------------------------------------------------

// An operand as a complex number: 1, 0 when it is no number of ours, -1 with an exception.
int operand(PyObject* object, Py_complex* out) {
  if (PyComplex_Check(object)) {
    *out = complex_value(object);
    return 1;
  }
  out->imag = 0.0;
  if (PyFloat_Check(object)) {
    out->real = PyFloat_AS_DOUBLE(object);
    return 1;
  }
  if (!PyLong_Check(object)) return 0;
  out->real = PyLong_AsDouble(object);
  return out->real == -1.0 && PyErr_Occurred() ? -1 : 1;
}

template <class Operation>
PyObject* binary(PyObject* a, PyObject* b, Operation operation) {
  Py_complex x, y;
  int first = operand(a, &x), second = first > 0 ? operand(b, &y) : first;
  if (first < 0 || second < 0) return nullptr;
  if (!first || !second) return borrow(Py_NotImplemented).release();
  return operation(x, y).release();
}

Ref<> divide(Py_complex x, Py_complex y) {
  errno = 0;
  Py_complex quotient = _Py_c_quot(x, y);
  if (errno == EDOM) return raise(PyExc_ZeroDivisionError, "complex division by zero");
  return make(quotient);
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  return binary(a, b, [&](Py_complex x, Py_complex y) -> Ref<> {
    if (modulus != Py_None) return raise(PyExc_ValueError, "complex modulo");
    Py_complex result = complex_power(x, y);
    if (errno == EDOM) return raise(PyExc_ZeroDivisionError, "0.0 to a negative or complex power");
    if (errno == ERANGE) return raise(PyExc_OverflowError, "complex exponentiation");
    return make(result);
  });
}

PyObject* absolute(PyObject* a) {
  double result = _Py_c_abs(complex_value(a));
  if (errno == ERANGE) {
    PyErr_SetString(PyExc_OverflowError, "absolute value too large");
    return nullptr;
  }
  return PyFloat_FromDouble(result);
}

PyNumberMethods complex_as_number = {
    .nb_add = [](PyObject* a, PyObject* b) { return binary(a, b, [](Py_complex x, Py_complex y) { return make(_Py_c_sum(x, y)); }); },
    .nb_subtract = [](PyObject* a, PyObject* b) { return binary(a, b, [](Py_complex x, Py_complex y) { return make(_Py_c_diff(x, y)); }); },
    .nb_multiply = [](PyObject* a, PyObject* b) { return binary(a, b, [](Py_complex x, Py_complex y) { return make(_Py_c_prod(x, y)); }); },
    .nb_power = power,
    .nb_negative = [](PyObject* a) { return PyComplex_FromCComplex(_Py_c_neg(complex_value(a))); },
    .nb_positive = [](PyObject* a) { return PyComplex_CheckExact(a) ? borrow(a).release() : PyComplex_FromCComplex(complex_value(a)); },
    .nb_absolute = absolute,
    .nb_bool = [](PyObject* a) { return static_cast<int>(complex_value(a).real != 0.0 || complex_value(a).imag != 0.0); },
    .nb_true_divide = [](PyObject* a, PyObject* b) { return binary(a, b, divide); },
};

// ---- comparison, hash, text -------------------------------------------------------------------------

Ref<> complex_compare(PyObject* a, PyObject* b, int op) {
  if (op != Py_EQ && op != Py_NE) return borrow(Py_NotImplemented);
  Py_complex x = complex_value(a);
  bool equal;
  if (PyLong_Check(b)) {
    // Exactly, also where no double holds the int.
    equal = false;
    if (x.imag == 0.0) {
      Ref<> real = TRY(steal(PyFloat_FromDouble(x.real)));
      equal = TRY(truth_of(PyObject_RichCompareBool(real.get(), b, Py_EQ)));
    }
  } else if (PyFloat_Check(b)) {
    equal = x.real == PyFloat_AS_DOUBLE(b) && x.imag == 0.0;
  } else if (PyComplex_Check(b)) {
    Py_complex y = complex_value(b);
    equal = x.real == y.real && x.imag == y.imag;
  } else {
    return borrow(Py_NotImplemented);
  }
  return py_bool(equal == (op == Py_EQ));
}

// The hash of the real part where there is no other, so that equal numbers hash equal.
inline constexpr Py_uhash_t kImaginaryFactor = 1000003;

Py_hash_t complex_hash(PyObject* self) {
  Py_complex z = complex_value(self);
  auto real = static_cast<Py_uhash_t>(_Py_HashDouble(self, z.real));
  auto imag = static_cast<Py_uhash_t>(_Py_HashDouble(self, z.imag));
  auto hash = static_cast<Py_hash_t>(real + kImaginaryFactor * imag);
  return hash == -1 ? -2 : hash;
}

Ref<> complex_repr(PyObject* self) { return complex_to_text(complex_value(self)); }

// ---- constructor ------------------------------------------------------------------------------------

Ref<> new_instance(PyTypeObject* type, Py_complex value) {
  if (type == &PyComplex_Type) return make(value);
  Ref<> self = TRY(steal(type->tp_alloc(type, 0)));
  reinterpret_cast<PyComplexObject*>(self.get())->cval = value;
  return self;
}

// What __complex__ gives; null without an exception where there is none.
Ref<> by_special_method(PyObject* object) {
  if (PyComplex_CheckExact(object)) return borrow(object);
  SpecialMethod method = lookup_special(object, name<"__complex__">);
  if (!method) return failure;
  Ref<> result = TRY(call_special(method, object));
  if (PyComplex_CheckExact(result.get())) return result;
  const char* type = Py_TYPE(result.get())->tp_name;
  if (!PyComplex_Check(result.get())) return raise(PyExc_TypeError, "__complex__ returned non-complex (type %.200s)", type);
  TRY(status_of(PyErr_WarnFormat(PyExc_DeprecationWarning, 1,
                                 "__complex__ returned non-complex (type %.200s).  The ability to return an instance of a strict subclass of "
                                 "complex is deprecated, and may be removed in a future version of Python.",
                                 type)));
  return result;
}

bool is_number(PyObject* object) {
  PyNumberMethods* number = Py_TYPE(object)->tp_as_number;
  return PyComplex_Check(object) || (number && (number->nb_float || number->nb_index));
}

// A real or complex argument's value.
Maybe<Py_complex> part_of(PyObject* object) {
  if (PyComplex_Check(object)) return complex_value(object);
  Ref<> real = TRY(steal(PyNumber_Float(object)));
  return Py_complex{PyFloat_AS_DOUBLE(real.get()), 0.0};
}

Ref<> complex_new(PyTypeObject* type, PyObject* r, PyObject* i) {
  Ref<> zero;
  if (!r) {
    zero = TRY(steal(PyLong_FromLong(0)));
    r = zero.get();
  }
  if (PyComplex_CheckExact(r) && !i && type == &PyComplex_Type) return borrow(r);
  if (PyUnicode_Check(r)) {
    if (i) return raise(PyExc_TypeError, "complex() can't take second arg if first is a string");
    return new_instance(type, TRY(complex_from_text(r)));
  }
  if (i && PyUnicode_Check(i)) return raise(PyExc_TypeError, "complex() second arg can't be a string");
  Ref<> converted = by_special_method(r);
  if (converted) r = converted.get();
  else if (PyErr_Occurred()) return failure;
  if (!is_number(r)) return raise(PyExc_TypeError, "complex() first argument must be a string or a number, not '%.200s'", Py_TYPE(r)->tp_name);
  if (i && !is_number(i)) return raise(PyExc_TypeError, "complex() second argument must be a number, not '%.200s'", Py_TYPE(i)->tp_name);
  Py_complex x = TRY(part_of(r));
  if (!i) return new_instance(type, x);
  // r + i*1j. Parts that are not there are left out of the sums: they could turn the sign of a zero.
  Py_complex y = TRY(part_of(i));
  if (PyComplex_Check(i)) x.real -= y.imag;
  if (PyComplex_Check(r)) y.real += x.imag;
  return new_instance(type, {x.real, y.real});
}

// ---- methods ----------------------------------------------------------------------------------------

Ref<> complex_conjugate(PyObject* self) {
  Py_complex z = complex_value(self);
  return make({z.real, -z.imag});
}
Ref<> complex_complex(PyObject* self) { return PyComplex_CheckExact(self) ? borrow(self) : make(complex_value(self)); }
Ref<> complex_getnewargs(PyObject* self) {
  Py_complex z = complex_value(self);
  return steal(Py_BuildValue("(dd)", z.real, z.imag));
}
Ref<> complex_format(PyObject* self, PyUnicodeObject* format_spec) {
  _PyUnicodeWriter writer;
  _PyUnicodeWriter_Init(&writer);
  PyObject* spec = as_object(format_spec);
  if (_PyComplex_FormatAdvancedWriter(&writer, self, spec, 0, PyUnicode_GET_LENGTH(spec)) < 0) {
    _PyUnicodeWriter_Dealloc(&writer);
    return failure;
  }
  return steal(_PyUnicodeWriter_Finish(&writer));
}

const PyMethodDef kMethods[] = {
    METHOD("conjugate($self, /)", complex_conjugate, "Return the number with the sign of its imaginary part turned: (3-4j).conjugate() == 3+4j."),
    METHOD("__complex__($self, /)", complex_complex, "Convert this value to exact type complex."),
    METHOD("__getnewargs__($self, /)", complex_getnewargs, ""),
    METHOD("__format__($self, format_spec, /)", complex_format, "Convert to a string according to format_spec."),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"real", T_DOUBLE, offsetof(PyComplexObject, cval.real), READONLY, "the real part of a complex number"},
    {"imag", T_DOUBLE, offsetof(PyComplexObject, cval.imag), READONLY, "the imaginary part of a complex number"},
    {},
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyComplex_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "complex",
    .tp_basicsize = sizeof(PyComplexObject),
    .tp_repr = slot<complex_repr>,
    .tp_as_number = &complex_as_number,
    .tp_hash = complex_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "complex(real=0, imag=0)\n--\n\nCreate a complex number from a real part and an optional imaginary part.\n\nThis is equivalent to (real + imag*1j) where imag defaults to 0.",
    .tp_richcompare = slot<complex_compare>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_new = CONSTRUCTOR("complex($type, real=<unrepresentable>, imag=<unrepresentable>)", complex_new),
    .tp_free = PyObject_Del,
    .tp_vectorcall = VECTORCALL("complex($type, real=<unrepresentable>, imag=<unrepresentable>)", complex_new),
};

PyObject* PyComplex_FromCComplex(Py_complex value) {
  auto* object = static_cast<PyComplexObject*>(allocate_plain_object(sizeof(PyComplexObject)));
  if (!object) return PyErr_NoMemory();
  object->ob_base = {1, &PyComplex_Type};
  object->cval = value;
  return as_object(object);
}
PyObject* PyComplex_FromDoubles(double real, double imag) { return PyComplex_FromCComplex({real, imag}); }

double PyComplex_RealAsDouble(PyObject* object) { return PyComplex_Check(object) ? complex_value(object).real : PyFloat_AsDouble(object); }
double PyComplex_ImagAsDouble(PyObject* object) { return PyComplex_Check(object) ? complex_value(object).imag : 0.0; }

Py_complex PyComplex_AsCComplex(PyObject* object) {
  if (PyComplex_Check(object)) return complex_value(object);
  Ref<> converted = by_special_method(object);
  if (converted) return complex_value(converted.get());
  if (PyErr_Occurred()) return {-1.0, 0.0};
  return {PyFloat_AsDouble(object), 0.0};
}

}  // extern "C"
GILL_STATIC_TYPE(PyComplex_Type);
