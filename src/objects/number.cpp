// The number protocol: binary operators with reflection, in-place operators, conversions.
//
// `a + b` asks the slots of both operands: the right one first when its class refines the left one's and has a slot of its own.
// A slot declines by returning NotImplemented. `+` and `*` fall back on the sequence slots.
#include <Python.h>

#include <cstring>

#include "base/names.h"
#include "objects/int.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

using BinarySlot = binaryfunc PyNumberMethods::*;

binaryfunc binary_slot(PyObject* object, BinarySlot which) {
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  return numbers ? numbers->*which : nullptr;
}

[[gnu::cold]] Failure unsupported(PyObject* left, PyObject* right, const char* operation) {
  return raise(PyExc_TypeError, "unsupported operand type(s) for %.100s: '%.100s' and '%.100s'", operation, Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
}

// The result may be NotImplemented.
PyObject* try_binary(PyObject* left, PyObject* right, BinarySlot which) {
  binaryfunc first = binary_slot(left, which);
  binaryfunc second = Py_IS_TYPE(right, Py_TYPE(left)) ? nullptr : binary_slot(right, which);
  if (second == first) second = nullptr;
  if (first) {
    if (second && PyType_IsSubtype(Py_TYPE(right), Py_TYPE(left))) {
      PyObject* result = second(left, right);
      if (result != Py_NotImplemented) return result;
      release(result);
      second = nullptr;
    }
    PyObject* result = first(left, right);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if (second) return second(left, right);
  return borrow(Py_NotImplemented).release();
}

PyObject* binary(PyObject* left, PyObject* right, BinarySlot which, const char* operation) {
  PyObject* result = try_binary(left, right, which);
  if (result != Py_NotImplemented) [[likely]] return result;
  release(result);
  return unsupported(left, right, operation);
}

// Ints of one digit each, the most frequent operands.
bool are_digits(PyObject* left, PyObject* right) {
  return PyLong_CheckExact(left) && PyLong_CheckExact(right) && is_one_digit(left) && is_one_digit(right);
}

PyObject* try_inplace(PyObject* left, PyObject* right, BinarySlot inplace, BinarySlot which) {
  if (binaryfunc function = binary_slot(left, inplace)) {
    PyObject* result = function(left, right);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  return try_binary(left, right, which);
}

PyObject* inplace(PyObject* left, PyObject* right, BinarySlot slot, BinarySlot which, const char* operation) {
  PyObject* result = try_inplace(left, right, slot, which);
  if (result != Py_NotImplemented) [[likely]] return result;
  release(result);
  return unsupported(left, right, operation);
}

ternaryfunc power_slot(PyObject* object, ternaryfunc PyNumberMethods::*which) {
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  return numbers ? numbers->*which : nullptr;
}

PyObject* power(PyObject* base, PyObject* exponent, PyObject* modulus, const char* operation) {
  ternaryfunc first = power_slot(base, &PyNumberMethods::nb_power);
  ternaryfunc second = Py_IS_TYPE(exponent, Py_TYPE(base)) ? nullptr : power_slot(exponent, &PyNumberMethods::nb_power);
  if (second == first) second = nullptr;
  if (first) {
    if (second && PyType_IsSubtype(Py_TYPE(exponent), Py_TYPE(base))) {
      PyObject* result = second(base, exponent, modulus);
      if (result != Py_NotImplemented) return result;
      release(result);
      second = nullptr;
    }
    PyObject* result = first(base, exponent, modulus);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if (second) {
    PyObject* result = second(base, exponent, modulus);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  ternaryfunc third = power_slot(modulus, &PyNumberMethods::nb_power);
  if (third && third != first && third != second) {
    PyObject* result = third(base, exponent, modulus);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  if (modulus == Py_None) return unsupported(base, exponent, operation);
  return raise(PyExc_TypeError, "unsupported operand type(s) for %.100s: '%.100s', '%.100s', '%.100s'", operation, Py_TYPE(base)->tp_name,
               Py_TYPE(exponent)->tp_name, Py_TYPE(modulus)->tp_name);
}

// sequence * n
PyObject* repeat(ssizeargfunc function, PyObject* sequence, PyObject* count) {
  if (!PyIndex_Check(count)) {
    return raise(PyExc_TypeError, "can't multiply sequence by non-int of type '%.200s'", Py_TYPE(count)->tp_name);
  }
  Py_ssize_t n = TRY(checked(PyNumber_AsSsize_t(count, PyExc_OverflowError)));
  return function(sequence, n);
}

template <unaryfunc PyNumberMethods::*Which>
PyObject* unary(PyObject* object, const char* operation) {
  if (!object) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  if (numbers && numbers->*Which) return (numbers->*Which)(object);
  return raise(PyExc_TypeError, "bad operand type for %s: '%.200s'", operation, Py_TYPE(object)->tp_name);
}

// `slot` returned something: it must be an int; a strict subclass is deprecated.
PyObject* check_int_result(PyObject* value, const char* method) {
  Ref<> result = steal(value);
  if (!result || PyLong_CheckExact(value)) return result.release();
  if (!PyLong_Check(value)) return raise(PyExc_TypeError, "%s returned non-int (type %.200s)", method, Py_TYPE(value)->tp_name);
  if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1,
                       "%s returned non-int (type %.200s).  The ability to return an instance of a strict subclass of int is deprecated, and may be "
                       "removed in a future version of Python.",
                       method, Py_TYPE(value)->tp_name) < 0) {
    return nullptr;
  }
  return result.release();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int PyNumber_Check(PyObject* object) {
  if (!object) return 0;
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  return (numbers && (numbers->nb_index || numbers->nb_int || numbers->nb_float)) || PyComplex_Check(object);
}

#define BINARY_OPERATOR(Function, field, symbol) \
  PyObject* Function(PyObject* left, PyObject* right) { return binary(left, right, &PyNumberMethods::field, symbol); }
BINARY_OPERATOR(PyNumber_Or, nb_or, "|")
BINARY_OPERATOR(PyNumber_Xor, nb_xor, "^")
BINARY_OPERATOR(PyNumber_And, nb_and, "&")
BINARY_OPERATOR(PyNumber_Lshift, nb_lshift, "<<")
BINARY_OPERATOR(PyNumber_Divmod, nb_divmod, "divmod()")
BINARY_OPERATOR(PyNumber_MatrixMultiply, nb_matrix_multiply, "@")
BINARY_OPERATOR(PyNumber_FloorDivide, nb_floor_divide, "//")
BINARY_OPERATOR(PyNumber_TrueDivide, nb_true_divide, "/")
BINARY_OPERATOR(PyNumber_Remainder, nb_remainder, "%")

PyObject* PyNumber_Subtract(PyObject* left, PyObject* right) {
  if (are_digits(left, right)) return int_from(one_digit_value(left) - one_digit_value(right)).release();
  return binary(left, right, &PyNumberMethods::nb_subtract, "-");
}

PyObject* PyNumber_Rshift(PyObject* left, PyObject* right) {
  PyObject* result = try_binary(left, right, &PyNumberMethods::nb_rshift);
  if (result != Py_NotImplemented) return result;
  release(result);
  // Python 2's `print >>file`.
  if (PyCFunction_CheckExact(left) && !std::strcmp(reinterpret_cast<PyCFunctionObject*>(left)->m_ml->ml_name, "print")) {
    return raise(PyExc_TypeError,
                 "unsupported operand type(s) for %.100s: '%.100s' and '%.100s'. Did you mean \"print(<message>, file=<output_stream>)\"?", ">>",
                 Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
  }
  return unsupported(left, right, ">>");
}

PyObject* PyNumber_Add(PyObject* left, PyObject* right) {
  if (are_digits(left, right)) return int_from(one_digit_value(left) + one_digit_value(right)).release();
  PyObject* result = try_binary(left, right, &PyNumberMethods::nb_add);
  if (result != Py_NotImplemented) return result;
  release(result);
  PySequenceMethods* sequence = Py_TYPE(left)->tp_as_sequence;
  if (sequence && sequence->sq_concat) return sequence->sq_concat(left, right);
  return unsupported(left, right, "+");
}

PyObject* PyNumber_Multiply(PyObject* left, PyObject* right) {
  if (are_digits(left, right)) return int_from(one_digit_value(left) * one_digit_value(right)).release();
  PyObject* result = try_binary(left, right, &PyNumberMethods::nb_multiply);
  if (result != Py_NotImplemented) return result;
  release(result);
  PySequenceMethods* a = Py_TYPE(left)->tp_as_sequence;
  PySequenceMethods* b = Py_TYPE(right)->tp_as_sequence;
  if (a && a->sq_repeat) return repeat(a->sq_repeat, left, right);
  if (b && b->sq_repeat) return repeat(b->sq_repeat, right, left);
  return unsupported(left, right, "*");
}

PyObject* PyNumber_Power(PyObject* base, PyObject* exponent, PyObject* modulus) {
  return power(base, exponent, modulus, "** or pow()");
}
[[gnu::visibility("default")]] PyObject* _PyNumber_PowerNoMod(PyObject* base, PyObject* exponent) { return PyNumber_Power(base, exponent, Py_None); }

#define INPLACE_OPERATOR(Function, slot, field, symbol)   \
  PyObject* Function(PyObject* left, PyObject* right) {   \
    return inplace(left, right, &PyNumberMethods::slot, &PyNumberMethods::field, symbol); \
  }
INPLACE_OPERATOR(PyNumber_InPlaceOr, nb_inplace_or, nb_or, "|=")
INPLACE_OPERATOR(PyNumber_InPlaceXor, nb_inplace_xor, nb_xor, "^=")
INPLACE_OPERATOR(PyNumber_InPlaceAnd, nb_inplace_and, nb_and, "&=")
INPLACE_OPERATOR(PyNumber_InPlaceLshift, nb_inplace_lshift, nb_lshift, "<<=")
INPLACE_OPERATOR(PyNumber_InPlaceRshift, nb_inplace_rshift, nb_rshift, ">>=")
INPLACE_OPERATOR(PyNumber_InPlaceSubtract, nb_inplace_subtract, nb_subtract, "-=")
INPLACE_OPERATOR(PyNumber_InPlaceMatrixMultiply, nb_inplace_matrix_multiply, nb_matrix_multiply, "@=")
INPLACE_OPERATOR(PyNumber_InPlaceFloorDivide, nb_inplace_floor_divide, nb_floor_divide, "//=")
INPLACE_OPERATOR(PyNumber_InPlaceTrueDivide, nb_inplace_true_divide, nb_true_divide, "/=")
INPLACE_OPERATOR(PyNumber_InPlaceRemainder, nb_inplace_remainder, nb_remainder, "%=")

PyObject* PyNumber_InPlaceAdd(PyObject* left, PyObject* right) {
  PyObject* result = try_inplace(left, right, &PyNumberMethods::nb_inplace_add, &PyNumberMethods::nb_add);
  if (result != Py_NotImplemented) return result;
  release(result);
  if (PySequenceMethods* sequence = Py_TYPE(left)->tp_as_sequence) {
    if (sequence->sq_inplace_concat) return sequence->sq_inplace_concat(left, right);
    if (sequence->sq_concat) return sequence->sq_concat(left, right);
  }
  return unsupported(left, right, "+=");
}

PyObject* PyNumber_InPlaceMultiply(PyObject* left, PyObject* right) {
  PyObject* result = try_inplace(left, right, &PyNumberMethods::nb_inplace_multiply, &PyNumberMethods::nb_multiply);
  if (result != Py_NotImplemented) return result;
  release(result);
  PySequenceMethods* a = Py_TYPE(left)->tp_as_sequence;
  PySequenceMethods* b = Py_TYPE(right)->tp_as_sequence;
  if (a && (a->sq_inplace_repeat || a->sq_repeat)) return repeat(a->sq_inplace_repeat ? a->sq_inplace_repeat : a->sq_repeat, left, right);
  // The right operand is not ours to change; and it counts only where the left one is no kind of sequence.
  if (!a && b && b->sq_repeat) return repeat(b->sq_repeat, right, left);
  return unsupported(left, right, "*=");
}

PyObject* PyNumber_InPlacePower(PyObject* base, PyObject* exponent, PyObject* modulus) {
  if (ternaryfunc function = power_slot(base, &PyNumberMethods::nb_inplace_power)) {
    PyObject* result = function(base, exponent, modulus);
    if (result != Py_NotImplemented) return result;
    release(result);
  }
  return power(base, exponent, modulus, "**=");
}
[[gnu::visibility("default")]] PyObject* _PyNumber_InPlacePowerNoMod(PyObject* base, PyObject* exponent) { return PyNumber_InPlacePower(base, exponent, Py_None); }

PyObject* PyNumber_Negative(PyObject* object) { return unary<&PyNumberMethods::nb_negative>(object, "unary -"); }
PyObject* PyNumber_Positive(PyObject* object) { return unary<&PyNumberMethods::nb_positive>(object, "unary +"); }
PyObject* PyNumber_Invert(PyObject* object) { return unary<&PyNumberMethods::nb_invert>(object, "unary ~"); }
PyObject* PyNumber_Absolute(PyObject* object) { return unary<&PyNumberMethods::nb_absolute>(object, "abs()"); }

// ---- conversions -----------------------------------------------------------------------------------------

int PyIndex_Check(PyObject* object) {
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  return numbers && numbers->nb_index;
}

// The result may be of a subclass of int.
PyObject* _PyNumber_Index(PyObject* object) {
  if (!object) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  if (PyLong_Check(object)) return borrow(object).release();
  if (!PyIndex_Check(object)) return raise(PyExc_TypeError, "'%.200s' object cannot be interpreted as an integer", Py_TYPE(object)->tp_name);
  return check_int_result(Py_TYPE(object)->tp_as_number->nb_index(object), "__index__");
}

PyObject* PyNumber_Index(PyObject* object) {
  PyObject* result = _PyNumber_Index(object);
  if (result && !PyLong_CheckExact(result)) {
    Ref<> hold = steal(result);
    return _PyLong_Copy(reinterpret_cast<PyLongObject*>(result));
  }
  return result;
}

Py_ssize_t PyNumber_AsSsize_t(PyObject* object, PyObject* error) {
  Ref<> number = steal(_PyNumber_Index(object));
  if (!number) return -1;
  Py_ssize_t result = PyLong_AsSsize_t(number.get());
  if (result != -1 || !PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_OverflowError)) return result;
  PyErr_Clear();
  if (!error) return _PyLong_Sign(number.get()) < 0 ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX;
  return raise(error, "cannot fit '%.200s' into an index-sized integer", Py_TYPE(object)->tp_name);
}

PyObject* PyNumber_Long(PyObject* object) {
  if (!object) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  if (PyLong_CheckExact(object)) return borrow(object).release();
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  auto plain = [](PyObject* value) -> PyObject* {
    if (!value || PyLong_CheckExact(value)) return value;
    Ref<> hold = steal(value);
    return _PyLong_Copy(reinterpret_cast<PyLongObject*>(value));
  };
  if (numbers && numbers->nb_int) return plain(check_int_result(numbers->nb_int(object), "__int__"));
  if (numbers && numbers->nb_index) return PyNumber_Index(object);
  SpecialMethod trunc = lookup_special(object, name<"__trunc__">);
  if (trunc) {
    if (PyErr_WarnEx(PyExc_DeprecationWarning, "The delegation of int() to __trunc__ is deprecated.", 1) < 0) return nullptr;
    Ref<> result = call_special(trunc, object);
    if (!result || PyLong_CheckExact(result.get())) return result.release();
    if (PyLong_Check(result.get())) return _PyLong_Copy(reinterpret_cast<PyLongObject*>(result.get()));
    // A strange __trunc__ may return any Integral.
    if (!PyIndex_Check(result.get())) {
      return raise(PyExc_TypeError, "__trunc__ returned non-Integral (type %.200s)", Py_TYPE(result.get())->tp_name);
    }
    return PyNumber_Index(result.get());
  }
  if (PyErr_Occurred()) return nullptr;
  if (PyUnicode_Check(object)) return PyLong_FromUnicodeObject(object, 10);
  if (PyBytes_Check(object)) return _PyLong_FromBytes(PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), 10);
  if (PyByteArray_Check(object)) return _PyLong_FromBytes(PyByteArray_AS_STRING(object), PyByteArray_GET_SIZE(object), 10);
  Py_buffer view;
  if (PyObject_CheckBuffer(object) && PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) == 0) {
    Ref<> bytes = steal(PyBytes_FromStringAndSize(static_cast<const char*>(view.buf), view.len));
    PyObject* result = bytes ? _PyLong_FromBytes(PyBytes_AS_STRING(bytes.get()), PyBytes_GET_SIZE(bytes.get()), 10) : nullptr;
    PyBuffer_Release(&view);
    return result;
  }
  PyErr_Clear();
  return raise(PyExc_TypeError, "int() argument must be a string, a bytes-like object or a real number, not '%.200s'", Py_TYPE(object)->tp_name);
}

PyObject* PyNumber_Float(PyObject* object) {
  if (!object) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
    return nullptr;
  }
  if (PyFloat_CheckExact(object)) return borrow(object).release();
  PyNumberMethods* numbers = Py_TYPE(object)->tp_as_number;
  if (numbers && numbers->nb_float) {
    Ref<> result = steal(numbers->nb_float(object));
    if (!result || PyFloat_CheckExact(result.get())) return result.release();
    if (!PyFloat_Check(result.get())) {
      return raise(PyExc_TypeError, "%.50s.__float__ returned non-float (type %.50s)", Py_TYPE(object)->tp_name, Py_TYPE(result.get())->tp_name);
    }
    if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1,
                         "%.50s.__float__ returned non-float (type %.50s).  The ability to return an instance of a strict subclass of float is "
                         "deprecated, and may be removed in a future version of Python.",
                         Py_TYPE(object)->tp_name, Py_TYPE(result.get())->tp_name) < 0) {
      return nullptr;
    }
    return PyFloat_FromDouble(PyFloat_AS_DOUBLE(result.get()));
  }
  if (numbers && numbers->nb_index) {
    Ref<> integer = steal(_PyNumber_Index(object));
    if (!integer) return nullptr;
    double value = PyLong_AsDouble(integer.get());
    if (value == -1.0 && PyErr_Occurred()) return nullptr;
    return PyFloat_FromDouble(value);
  }
  // A float subclass that hid __float__ is still one.
  if (PyFloat_Check(object)) return PyFloat_FromDouble(PyFloat_AS_DOUBLE(object));
  return PyFloat_FromString(object);
}

PyObject* PyNumber_ToBase(PyObject* object, int base) {
  if (base != 2 && base != 8 && base != 10 && base != 16) return raise(PyExc_SystemError, "PyNumber_ToBase: base must be 2, 8, 10 or 16");
  Ref<> integer = steal(_PyNumber_Index(object));
  return integer ? _PyLong_Format(integer.get(), base) : nullptr;
}

}  // extern "C"
