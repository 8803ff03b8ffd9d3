// BINARY_OP on ints, floats and strings: cache is a counter alone.
#include "vm/numbers.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

Op int_form(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: case BinaryOp::inplace_add: return Op::BINARY_OP_ADD_INT;
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: return Op::BINARY_OP_SUBTRACT_INT;
    case BinaryOp::multiply: case BinaryOp::inplace_multiply: return Op::BINARY_OP_MULTIPLY_INT;
    default: return Op::BINARY_OP_INT;
  }
}
Op float_form(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: case BinaryOp::inplace_add: return Op::BINARY_OP_ADD_FLOAT;
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: return Op::BINARY_OP_SUBTRACT_FLOAT;
    case BinaryOp::multiply: case BinaryOp::inplace_multiply: return Op::BINARY_OP_MULTIPLY_FLOAT;
    default: return Op::BINARY_OP;
  }
}

}  // namespace

void specialize_binary_op(Frame* frame, CodeUnit* next, uint32_t oparg, PyObject* left, PyObject* right) {
  auto op = static_cast<BinaryOp>(oparg);
  Op form = Op::BINARY_OP;
  if (both_int(left, right)) form = int_form(op);
  else if (both_float(left, right)) form = float_form(op);
  else if (both_str(left, right) && (op == BinaryOp::add || op == BinaryOp::inplace_add)) {
    PyObject** variable = stored_variable(frame, next + 1);
    form = variable && *variable == left ? Op::BINARY_OP_INPLACE_ADD_UNICODE : Op::BINARY_OP_ADD_UNICODE;
  }
  if (form == Op::BINARY_OP) found_nothing(next);
  else specialized_to(next, form);
}

ADAPTIVE(BINARY_OP, specialize_binary_op(frame, next, oparg, sp[-2], sp[-1]))

// ---- ints and floats ----------------------------------------------------------------------------------

// The operands are exact ints of at most two digits; all else is the plain form's.
#define INT_OPERATION(NAME, COMPUTE)                                                  \
  HANDLER(NAME) {                                                                     \
    PyObject *right = sp[-1], *left = sp[-2];                                         \
    if (!both_int(left, right)) [[unlikely]] END_MISS(BINARY_OP);                     \
    int64_t a, b, value;                                                              \
    if (!word_of(left, &a) || !word_of(right, &b)) [[unlikely]] TAIL(op_BINARY_OP);   \
    if (COMPUTE(a, b, &value)) [[unlikely]] TAIL(op_BINARY_OP);                       \
    END_INT(value);                                                                   \
  }
INT_OPERATION(BINARY_OP_ADD_INT, __builtin_add_overflow)
INT_OPERATION(BINARY_OP_SUBTRACT_INT, __builtin_sub_overflow)
INT_OPERATION(BINARY_OP_MULTIPLY_INT, __builtin_mul_overflow)
#undef INT_OPERATION

// The other operators.
HANDLER(BINARY_OP_INT) {
  if (!both_int(sp[-2], sp[-1])) [[unlikely]] END_MISS(BINARY_OP);
  SAVE_PLACE();
  TAIL(operate_on_ints);
}

#define FLOAT_OPERATION(NAME, OPERATOR)                                         \
  HANDLER(NAME) {                                                               \
    PyObject *right = sp[-1], *left = sp[-2];                                   \
    if (!both_float(left, right)) [[unlikely]] END_MISS(BINARY_OP);             \
    END_FLOAT(PyFloat_AS_DOUBLE(left) OPERATOR PyFloat_AS_DOUBLE(right));       \
  }
FLOAT_OPERATION(BINARY_OP_ADD_FLOAT, +)
FLOAT_OPERATION(BINARY_OP_SUBTRACT_FLOAT, -)
FLOAT_OPERATION(BINARY_OP_MULTIPLY_FLOAT, *)
#undef FLOAT_OPERATION

// ---- strings ----------------------------------------------------------------------------------------

HANDLER(BINARY_OP_ADD_UNICODE) {
  PyObject *right = sp[-1], *left = sp[-2];
  if (!both_str(left, right)) [[unlikely]] END_MISS(BINARY_OP);
  SAVE_PLACE();
  PyObject* result = PyUnicode_Concat(left, right);
  sp -= 2;
  release(left);
  release(right);
  if (!result) [[unlikely]] END_ERROR();
  *sp++ = result;
  SKIP_CACHES(BINARY_OP);
  END_DISPATCH();
}

// `variable += text`, the store included: the variable's string grows in place when nobody else has it.
HANDLER(BINARY_OP_INPLACE_ADD_UNICODE) {
  PyObject *right = sp[-1], *left = sp[-2];
  if (!both_str(left, right)) [[unlikely]] END_MISS(BINARY_OP);
  PyObject** variable = stored_variable(frame, next + 1);
  if (!variable || *variable != left) [[unlikely]] END_MISS(BINARY_OP);
  SAVE_PLACE();
  sp -= 2;
  release(left);
  PyUnicode_Append(variable, right);
  release(right);
  if (!*variable) [[unlikely]] END_ERROR();
  next += info_of(Op::BINARY_OP).caches + 1;
  END_DISPATCH();
}

}  // namespace gill::vm
