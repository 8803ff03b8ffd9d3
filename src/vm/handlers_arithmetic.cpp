// Operators, comparison, subscription, formatting.
#include "vm/handlers.h"

namespace gill::vm {

namespace {

PyObject* power(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }
PyObject* inplace_power(PyObject* a, PyObject* b) { return PyNumber_InPlacePower(a, b, Py_None); }

// By BinaryOp.
constexpr binaryfunc kOperators[] = {
    PyNumber_Add, PyNumber_And, PyNumber_FloorDivide, PyNumber_Lshift, PyNumber_MatrixMultiply, PyNumber_Multiply, PyNumber_Remainder,
    PyNumber_Or, power, PyNumber_Rshift, PyNumber_Subtract, PyNumber_TrueDivide, PyNumber_Xor, PyNumber_InPlaceAdd, PyNumber_InPlaceAnd,
    PyNumber_InPlaceFloorDivide, PyNumber_InPlaceLshift, PyNumber_InPlaceMatrixMultiply, PyNumber_InPlaceMultiply,
    PyNumber_InPlaceRemainder, PyNumber_InPlaceOr, inplace_power, PyNumber_InPlaceRshift, PyNumber_InPlaceSubtract,
    PyNumber_InPlaceTrueDivide, PyNumber_InPlaceXor,
};

bool is_small(PyObject* value) {
  Py_ssize_t size = Py_SIZE(value);
  return size >= -1 && size <= 1;
}
long small_value(PyObject* value) {
  return static_cast<long>(Py_SIZE(value)) * static_cast<long>(reinterpret_cast<PyLongObject*>(value)->ob_digit[0]);
}

// `left += right` where the only other holder of `left` is the variable that the sum goes to: grows in place.
PyObject* append_in_place(Frame* frame, CodeUnit* after, PyObject* left, PyObject* right) {
  PyObject** variable = nullptr;
  if (static_cast<Op>(_Py_OPCODE(*after)) == Op::STORE_FAST) variable = &frame->localsplus[_Py_OPARG(*after)];
  if (variable && *variable == left) {
    *variable = nullptr;
    Py_DECREF(left);
  }
  PyUnicode_Append(&left, right);  // consumes the reference to left
  return left;
}

}  // namespace

HANDLER(BINARY_OP) {
  SAVE_PLACE();
  PyObject* right = sp[-1];
  PyObject* left = sp[-2];
  auto op = static_cast<BinaryOp>(oparg);
  PyObject* result;
  next += info_of(Op::BINARY_OP).caches;
  if (PyLong_CheckExact(left) && PyLong_CheckExact(right) && is_small(left) && is_small(right)) {
    long a = small_value(left), b = small_value(right);
    switch (op) {
      case BinaryOp::add: case BinaryOp::inplace_add: result = PyLong_FromLong(a + b); break;
      case BinaryOp::subtract: case BinaryOp::inplace_subtract: result = PyLong_FromLong(a - b); break;
      case BinaryOp::multiply: case BinaryOp::inplace_multiply: result = PyLong_FromLong(a * b); break;
      default: result = kOperators[oparg](left, right);
    }
  } else if (PyFloat_CheckExact(left) && PyFloat_CheckExact(right)) {
    double a = PyFloat_AS_DOUBLE(left), b = PyFloat_AS_DOUBLE(right);
    switch (op) {
      case BinaryOp::add: case BinaryOp::inplace_add: result = PyFloat_FromDouble(a + b); break;
      case BinaryOp::subtract: case BinaryOp::inplace_subtract: result = PyFloat_FromDouble(a - b); break;
      case BinaryOp::multiply: case BinaryOp::inplace_multiply: result = PyFloat_FromDouble(a * b); break;
      default: result = kOperators[oparg](left, right);
    }
  } else if (PyUnicode_CheckExact(left) && PyUnicode_CheckExact(right) && (op == BinaryOp::add || op == BinaryOp::inplace_add)) {
    result = append_in_place(frame, next, left, right);
    Py_DECREF(right);
    sp -= 2;
    if (!result) END_ERROR();
    *sp++ = result;
    END_DISPATCH();
  } else {
    result = kOperators[oparg](left, right);
  }
  sp -= 2;
  release(right);
  release(left);
  if (!result) [[unlikely]] END_ERROR();
  *sp++ = result;
  END_DISPATCH();
}

#define UNARY(NAME, FUNCTION)                  \
  HANDLER(NAME) {                              \
    SAVE_PLACE();                              \
    PyObject* value = sp[-1];                  \
    PyObject* result = FUNCTION(value);        \
    if (!result) END_ERROR();                  \
    sp[-1] = result;                           \
    Py_DECREF(value);                          \
    END_DISPATCH();                            \
  }
UNARY(UNARY_POSITIVE, PyNumber_Positive)
UNARY(UNARY_NEGATIVE, PyNumber_Negative)
UNARY(UNARY_INVERT, PyNumber_Invert)
#undef UNARY

HANDLER(UNARY_NOT) {
  SAVE_PLACE();
  PyObject* value = sp[-1];
  int truth = PyObject_IsTrue(value);
  if (truth < 0) END_ERROR();
  sp[-1] = Py_NewRef(truth ? Py_False : Py_True);
  Py_DECREF(value);
  END_DISPATCH();
}

HANDLER(COMPARE_OP) {
  SAVE_PLACE();
  PyObject* right = sp[-1];
  PyObject* left = sp[-2];
  PyObject* result;
  if (PyLong_CheckExact(left) && PyLong_CheckExact(right) && is_small(left) && is_small(right)) {
    long a = small_value(left), b = small_value(right);
    bool truth = false;
    switch (oparg) {
      case Py_LT: truth = a < b; break;
      case Py_LE: truth = a <= b; break;
      case Py_EQ: truth = a == b; break;
      case Py_NE: truth = a != b; break;
      case Py_GT: truth = a > b; break;
      default: truth = a >= b; break;
    }
    result = Py_NewRef(truth ? Py_True : Py_False);
  } else {
    result = PyObject_RichCompare(left, right, static_cast<int>(oparg));
  }
  sp -= 2;
  release(left);
  release(right);
  if (!result) END_ERROR();
  *sp++ = result;
  SKIP_CACHES(COMPARE_OP);
  END_DISPATCH();
}

HANDLER(IS_OP) {
  SAVE_PLACE();
  PyObject* right = *--sp;
  PyObject* left = sp[-1];
  sp[-1] = Py_NewRef((left == right) != (oparg != 0) ? Py_True : Py_False);
  Py_DECREF(left);
  Py_DECREF(right);
  END_DISPATCH();
}

HANDLER(CONTAINS_OP) {
  SAVE_PLACE();
  PyObject* container = sp[-1];
  PyObject* item = sp[-2];
  int found = PySequence_Contains(container, item);
  sp -= 2;
  Py_DECREF(item);
  Py_DECREF(container);
  if (found < 0) END_ERROR();
  *sp++ = Py_NewRef((found != 0) != (oparg != 0) ? Py_True : Py_False);
  END_DISPATCH();
}

HANDLER(BINARY_SUBSCR) {
  SAVE_PLACE();
  PyObject* key = sp[-1];
  PyObject* container = sp[-2];
  PyObject* result = nullptr;
  if (PyLong_CheckExact(key) && Py_SIZE(key) >= 0 && Py_SIZE(key) <= 1) {
    long index = small_value(key);
    if (PyList_CheckExact(container)) {
      if (index < PyList_GET_SIZE(container)) result = Py_NewRef(PyList_GET_ITEM(container, index));
    } else if (PyTuple_CheckExact(container)) {
      if (index < PyTuple_GET_SIZE(container)) result = Py_NewRef(PyTuple_GET_ITEM(container, index));
    }
  }
  if (!result) result = PyObject_GetItem(container, key);
  sp -= 2;
  release(container);
  release(key);
  if (!result) END_ERROR();
  *sp++ = result;
  SKIP_CACHES(BINARY_SUBSCR);
  END_DISPATCH();
}

HANDLER(STORE_SUBSCR) {
  SAVE_PLACE();
  PyObject *key = sp[-1], *container = sp[-2], *value = sp[-3];
  int failed = PyObject_SetItem(container, key, value);
  sp -= 3;
  Py_DECREF(value);
  Py_DECREF(container);
  Py_DECREF(key);
  if (failed) END_ERROR();
  SKIP_CACHES(STORE_SUBSCR);
  END_DISPATCH();
}

HANDLER(DELETE_SUBSCR) {
  SAVE_PLACE();
  PyObject *key = sp[-1], *container = sp[-2];
  int failed = PyObject_DelItem(container, key);
  sp -= 2;
  Py_DECREF(container);
  Py_DECREF(key);
  if (failed) END_ERROR();
  END_DISPATCH();
}

// f"{value!r:spec}"
HANDLER(FORMAT_VALUE) {
  SAVE_PLACE();
  PyObject* spec = (oparg & 4) ? *--sp : nullptr;
  PyObject* value = *--sp;
  PyObject* converted = value;
  switch (oparg & 3) {
    case 1: converted = PyObject_Str(value); break;
    case 2: converted = PyObject_Repr(value); break;
    case 3: converted = PyObject_ASCII(value); break;
    default: break;
  }
  if (converted != value) Py_DECREF(value);
  if (!converted) {
    Py_XDECREF(spec);
    END_ERROR();
  }
  PyObject* result = converted;
  if (!PyUnicode_CheckExact(converted) || spec) {
    result = PyObject_Format(converted, spec);
    Py_DECREF(converted);
    Py_XDECREF(spec);
    if (!result) END_ERROR();
  }
  *sp++ = result;
  END_DISPATCH();
}

HANDLER(BUILD_STRING) {
  SAVE_PLACE();
  PyObject* result = _PyUnicode_JoinArray(name<"">, sp - oparg, oparg);
  if (!result) END_ERROR();
  for (uint32_t i = 0; i < oparg; ++i) Py_DECREF(*--sp);
  *sp++ = result;
  END_DISPATCH();
}

HANDLER(PRINT_EXPR) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  PyObject* hook = PySys_GetObject("displayhook");
  PyObject* result = nullptr;
  if (!hook) PyErr_SetString(PyExc_RuntimeError, "lost sys.displayhook");
  else result = PyObject_CallOneArg(hook, value);
  Py_DECREF(value);
  if (!result) END_ERROR();
  Py_DECREF(result);
  END_DISPATCH();
}

}  // namespace gill::vm
