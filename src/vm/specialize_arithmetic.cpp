// BINARY_OP on ints, floats and strings: cache is a counter alone.
//
// An operand that only the stack holds is given the result's value in place of making a new object, and so is a variable
// that the next instruction would store the result to.
#include "vm/numbers.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

Op int_form(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: case BinaryOp::inplace_add: return Op::BINARY_OP_ADD_INT;
    case BinaryOp::subtract: case BinaryOp::inplace_subtract: return Op::BINARY_OP_SUBTRACT_INT;
    case BinaryOp::multiply: case BinaryOp::inplace_multiply: return Op::BINARY_OP_MULTIPLY_INT;
    default: return Op::BINARY_OP;
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

// ---- ints -------------------------------------------------------------------------------------------

namespace {

// Where `value` may go without a new object: null when nowhere. `*stored` when it is the variable that comes next.
inline PyObject* reusable(Frame* frame, CodeUnit* next, PyObject* left, PyObject* right, bool* stored) {
  if (left->ob_refcnt == 1) return left;
  if (left->ob_refcnt == 2) {
    PyObject** variable = stored_variable(frame, next + 1);
    if (variable && *variable == left) {
      *stored = true;
      return left;
    }
  }
  return right->ob_refcnt == 1 ? right : nullptr;
}

}  // namespace

// The operands are exact ints of at most two digits, EXPRESSION is of int64_t and of x and y.
#define INT_OPERATION(NAME, FUNCTION, COMPUTE)                                        \
  HANDLER(NAME) {                                                                     \
    PyObject *right = sp[-1], *left = sp[-2];                                         \
    if (!both_int(left, right)) [[unlikely]] END_MISS(BINARY_OP);                     \
    int64_t value;                                                                    \
    if (!is_word(left) || !is_word(right) || COMPUTE(word_value(left), word_value(right), &value) || !fits_word(value)) [[unlikely]] { \
      SAVE_PLACE();                                                                   \
      PyObject* result = FUNCTION(left, right);                                       \
      sp -= 2;                                                                        \
      release(right);                                                                 \
      release(left);                                                                  \
      if (!result) END_ERROR();                                                       \
      *sp++ = result;                                                                 \
      SKIP_CACHES(BINARY_OP);                                                         \
      END_DISPATCH();                                                                 \
    }                                                                                 \
    if (is_small(value)) {                                                            \
      sp[-2] = small_int(value);                                                      \
    } else {                                                                          \
      bool stored = false;                                                            \
      PyObject* place = reusable(frame, next, left, right, &stored);                  \
      if (place == left) {                                                            \
        set_word(left, value);                                                        \
        release(right);                                                               \
        if (stored) {                                                                 \
          --left->ob_refcnt;                                                          \
          sp -= 2;                                                                    \
          next += info_of(Op::BINARY_OP).caches + 1;                                  \
          END_DISPATCH();                                                             \
        }                                                                             \
        --sp;                                                                         \
        SKIP_CACHES(BINARY_OP);                                                       \
        END_DISPATCH();                                                               \
      }                                                                               \
      if (place) {                                                                    \
        set_word(right, value);                                                       \
        sp[-2] = right;                                                               \
        --sp;                                                                         \
        release(left);                                                                \
        SKIP_CACHES(BINARY_OP);                                                       \
        END_DISPATCH();                                                               \
      }                                                                               \
      PyObject* result = int_from(value).release();                                   \
      if (!result) [[unlikely]] {                                                     \
        SAVE_PLACE();                                                                 \
        END_ERROR();                                                                  \
      }                                                                               \
      sp[-2] = result;                                                                \
    }                                                                                 \
    --sp;                                                                             \
    release(left);                                                                    \
    release(right);                                                                   \
    SKIP_CACHES(BINARY_OP);                                                           \
    END_DISPATCH();                                                                   \
  }
INT_OPERATION(BINARY_OP_ADD_INT, PyNumber_Add, __builtin_add_overflow)
INT_OPERATION(BINARY_OP_SUBTRACT_INT, PyNumber_Subtract, __builtin_sub_overflow)
INT_OPERATION(BINARY_OP_MULTIPLY_INT, PyNumber_Multiply, __builtin_mul_overflow)
#undef INT_OPERATION

// ---- floats -----------------------------------------------------------------------------------------

#define FLOAT_OPERATION(NAME, OPERATOR)                                               \
  HANDLER(NAME) {                                                                     \
    PyObject *right = sp[-1], *left = sp[-2];                                         \
    if (!both_float(left, right)) [[unlikely]] END_MISS(BINARY_OP);                   \
    double value = PyFloat_AS_DOUBLE(left) OPERATOR PyFloat_AS_DOUBLE(right);         \
    bool stored = false;                                                              \
    PyObject* place = reusable(frame, next, left, right, &stored);                    \
    if (!place) {                                                                     \
      place = PyFloat_FromDouble(value);                                              \
      if (!place) [[unlikely]] {                                                      \
        SAVE_PLACE();                                                                 \
        END_ERROR();                                                                  \
      }                                                                               \
      sp[-2] = place;                                                                 \
      --sp;                                                                           \
      release(left);                                                                  \
      release(right);                                                                 \
    } else {                                                                          \
      reinterpret_cast<PyFloatObject*>(place)->ob_fval = value;                       \
      release(place == left ? right : left);                                          \
      if (stored) {                                                                   \
        --left->ob_refcnt;                                                            \
        sp -= 2;                                                                      \
        next += info_of(Op::BINARY_OP).caches + 1;                                    \
        END_DISPATCH();                                                               \
      }                                                                               \
      sp[-2] = place;                                                                 \
      --sp;                                                                           \
    }                                                                                 \
    SKIP_CACHES(BINARY_OP);                                                           \
    END_DISPATCH();                                                                   \
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
