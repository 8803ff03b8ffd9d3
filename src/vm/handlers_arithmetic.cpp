// Operators, comparison, subscription, formatting.
#include "vm/handlers.h"
#include "vm/numbers.h"

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

// `left += right` where the only other holder of `left` is the variable that the sum goes to: grows in place.
PyObject* append_in_place(Frame* frame, CodeUnit* after, PyObject* left, PyObject* right) {
  PyObject** variable = stored_variable(frame, after);
  if (variable && *variable == left) {
    *variable = nullptr;
    Py_DECREF(left);
  }
  PyUnicode_Append(&left, right);  // consumes the reference to left
  return left;
}

}  // namespace

// ---- BINARY_OP -----------------------------------------------------------------------------------------

namespace {

VM_STEP operate(VM_PARAMETERS) {
  PyObject *right = sp[-1], *left = sp[-2];
  PyObject* result = kOperators[oparg](left, right);
  sp -= 2;
  release(right);
  release(left);
  if (!result) [[unlikely]] END_ERROR();
  *sp++ = result;
  next += kBinaryOpCaches;
  END_DISPATCH();
}

VM_STEP concatenate(VM_PARAMETERS) {
  PyObject *right = sp[-1], *left = sp[-2];
  next += kBinaryOpCaches;
  PyObject* result = append_in_place(frame, next, left, right);
  sp -= 2;
  release(right);
  if (!result) END_ERROR();
  *sp++ = result;
  END_DISPATCH();
}

// Rounds towards minus infinity.
inline int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient - ((a % b != 0) & ((a < 0) != (b < 0)));
}
inline int64_t floor_remainder(int64_t a, int64_t b) {
  int64_t remainder = a % b;
  return remainder + (remainder != 0 && (remainder < 0) != (b < 0) ? b : 0);
}

}  // namespace

VM_CALL PyObject* operate_on_ints(VM_PARAMETERS) {
  PyObject *right = sp[-1], *left = sp[-2];
  int64_t a, b, value;
  if (!word_of(left, &a) || !word_of(right, &b)) [[unlikely]] TAIL(operate);
  switch (static_cast<BinaryOp>(oparg)) {
    case BinaryOp::add: case BinaryOp::inplace_add: END_INT(a + b);
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: END_INT(a - b);
    case BinaryOp::multiply: case BinaryOp::inplace_multiply:
      if (__builtin_mul_overflow(a, b, &value)) TAIL(operate);
      END_INT(value);
    case BinaryOp::and_: case BinaryOp::inplace_and: END_INT(a & b);
    case BinaryOp::or_: case BinaryOp::inplace_or: END_INT(a | b);
    case BinaryOp::xor_: case BinaryOp::inplace_xor: END_INT(a ^ b);
    case BinaryOp::rshift: case BinaryOp::inplace_rshift:
      if (b < 0) TAIL(operate);
      END_INT(a >> (b < 63 ? b : 63));
    case BinaryOp::lshift: case BinaryOp::inplace_lshift:
      if (b < 0 || b > 30 || a > INT32_MAX || a < -INT32_MAX) TAIL(operate);
      END_INT(a * (int64_t{1} << b));
    case BinaryOp::floor_divide: case BinaryOp::inplace_floor_divide:
      if (b == 0) TAIL(operate);
      END_INT(floor_quotient(a, b));
    case BinaryOp::remainder: case BinaryOp::inplace_remainder:
      if (b == 0) TAIL(operate);
      END_INT(floor_remainder(a, b));
    default: TAIL(operate);
  }
}

namespace {

VM_STEP operate_on_floats(VM_PARAMETERS) {
  PyObject *right = sp[-1], *left = sp[-2];
  double a = PyFloat_AS_DOUBLE(left), b = PyFloat_AS_DOUBLE(right);
  switch (static_cast<BinaryOp>(oparg)) {
    case BinaryOp::add: case BinaryOp::inplace_add: END_FLOAT(a + b);
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: END_FLOAT(a - b);
    case BinaryOp::multiply: case BinaryOp::inplace_multiply: END_FLOAT(a * b);
    case BinaryOp::true_divide: case BinaryOp::inplace_true_divide:
      if (b == 0) TAIL(operate);
      END_FLOAT(a / b);
    default: TAIL(operate);
  }
}

// Of a float, or an int of at most two digits.
inline double real_value(PyObject* number) {
  if (PyFloat_CheckExact(number)) return PyFloat_AS_DOUBLE(number);
  int64_t value = 0;
  (void)word_of(number, &value);
  return static_cast<double>(value);
}

// One operand is a float, the other an int of at most two digits.
VM_STEP operate_on_float_and_int(VM_PARAMETERS) {
  PyObject *right = sp[-1], *left = sp[-2];
  double a = real_value(left), b = real_value(right), value;
  switch (static_cast<BinaryOp>(oparg)) {
    case BinaryOp::add: case BinaryOp::inplace_add: value = a + b; break;
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: value = a - b; break;
    case BinaryOp::multiply: case BinaryOp::inplace_multiply: value = a * b; break;
    case BinaryOp::true_divide: case BinaryOp::inplace_true_divide:
      if (b == 0) TAIL(operate);
      value = a / b;
      break;
    default: TAIL(operate);
  }
  ctx->real = value;
  void* memory = recent_plain(kFloatSize);
  if (!memory) [[unlikely]] TAIL(finish_with_new_float);
  sp[-2] = new_float(memory, value);
  --sp;
  next += kBinaryOpCaches;
  END_DROP_BOTH(left, right);
}

}  // namespace

VM_CALL PyObject* drop_number(VM_PARAMETERS) {
  free_plain(ctx->dying);
  END_DISPATCH();
}

VM_CALL PyObject* finish_with_int(VM_PARAMETERS) {
  const int64_t value_ = ctx->integer;
  if (!fits_word(value_)) TAIL(finish_with_new_int);
  PyObject *right = sp[-1], *left = sp[-2];
  const WordDigits digits_ = digits_of(value_);
  END_REUSING(kWordIntSize, GILL_SET_WORD, GILL_NEW_WORD, GILL_FINISH_INT);
}

VM_CALL PyObject* finish_with_new_int(VM_PARAMETERS) {
  SAVE_PLACE();
  PyObject* result = int_from(ctx->integer).release();
  if (!result) [[unlikely]] END_ERROR();
  PyObject *right = sp[-1], *left = sp[-2];
  sp[-2] = result;
  --sp;
  next += kBinaryOpCaches;
  END_DROP_BOTH(left, right);
}

VM_CALL PyObject* finish_with_new_float(VM_PARAMETERS) {
  SAVE_PLACE();
  PyObject* result = PyFloat_FromDouble(ctx->real);
  if (!result) [[unlikely]] END_ERROR();
  PyObject *right = sp[-1], *left = sp[-2];
  sp[-2] = result;
  --sp;
  next += kBinaryOpCaches;
  END_DROP_BOTH(left, right);
}

HANDLER(BINARY_OP) {
  SAVE_PLACE();
  PyObject *right = sp[-1], *left = sp[-2];
  // A variable's store is a step of its own for a tracer.
  if (table == &kPlainTable) [[likely]] {
    if (both_int(left, right)) TAIL(operate_on_ints);
    if (both_float(left, right)) TAIL(operate_on_floats);
    if (PyFloat_CheckExact(left) ? PyLong_CheckExact(right) && is_word(right) : PyFloat_CheckExact(right) && PyLong_CheckExact(left) && is_word(left)) {
      TAIL(operate_on_float_and_int);
    }
  }
  auto op = static_cast<BinaryOp>(oparg);
  if ((op == BinaryOp::add || op == BinaryOp::inplace_add) && both_str(left, right)) TAIL(concatenate);
  TAIL(operate);
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
  PyObject *right = sp[-1], *left = sp[-2];
  PyObject* result;
  if (both_int(left, right)) {
    int order = order_of_ints(left, right);
    bool truth = false;
    switch (oparg) {
      case Py_LT: truth = order < 0; break;
      case Py_LE: truth = order <= 0; break;
      case Py_EQ: truth = order == 0; break;
      case Py_NE: truth = order != 0; break;
      case Py_GT: truth = order > 0; break;
      default: truth = order >= 0; break;
    }
    result = truth ? Py_True : Py_False;
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
  PyObject *key = sp[-1], *container = sp[-2];
  PyObject* result = PyObject_GetItem(container, key);
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
  if (oparg & 3) Py_DECREF(value);
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
