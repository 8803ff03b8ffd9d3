// Arithmetic of exact int and float operands that the instruction handlers do in line.
#pragma once

#include "objects/int.h"
#include "objects/number_memory.h"
#include "vm/interpreter.h"

namespace gill::vm {

inline bool both_int(PyObject* a, PyObject* b) { return Py_IS_TYPE(a, &PyLong_Type) && Py_IS_TYPE(b, &PyLong_Type); }
inline bool both_float(PyObject* a, PyObject* b) { return Py_IS_TYPE(a, &PyFloat_Type) && Py_IS_TYPE(b, &PyFloat_Type); }
inline bool both_str(PyObject* a, PyObject* b) { return Py_IS_TYPE(a, &PyUnicode_Type) && Py_IS_TYPE(b, &PyUnicode_Type); }

// Ints of at most two digits have their value in a machine word, and every int object has room for two digits.
inline bool is_word(PyObject* number) { return int_size(number) + 2 <= 4 && int_size(number) >= -2; }
inline constexpr int64_t kWordLimit = int64_t{1} << (2 * PyLong_SHIFT);
inline bool fits_word(int64_t value) { return value > -kWordLimit && value < kWordLimit; }

// Such a value as an int object has it: both digits in one word, the first in the lower half.
struct WordDigits {
  Py_ssize_t size;
  uint64_t digits;
};
static_assert(sizeof(PyLongObject) == offsetof(PyLongObject, ob_digit) + sizeof(uint64_t));
inline bool is_natural_digit(int64_t value) { return static_cast<uint64_t>(value) <= PyLong_MASK; }
// Of a value that fits_word() and is not zero.
[[gnu::always_inline]] inline WordDigits digits_of(int64_t value) {
  if (is_natural_digit(value)) [[likely]] return {1, static_cast<uint64_t>(value)};
  uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  Py_ssize_t size = magnitude >> PyLong_SHIFT ? 2 : 1;
  return {value < 0 ? -size : size, (magnitude & PyLong_MASK) | magnitude >> PyLong_SHIFT << 32};
}

// Gives an int object that nobody else sees another value.
[[gnu::always_inline]] inline void set_word(PyObject* number, WordDigits value) {
  reinterpret_cast<PyVarObject*>(number)->ob_size = value.size;
  std::memcpy(int_digits(number), &value.digits, sizeof value.digits);
}

[[gnu::always_inline]] inline PyObject* new_word(void* memory, WordDigits value) {
  auto* number = static_cast<PyObject*>(memory);
  number->ob_refcnt = 1;
  number->ob_type = &PyLong_Type;
  set_word(number, value);
  return number;
}
inline PyObject* new_float(void* memory, double value) {
  auto* number = static_cast<PyFloatObject*>(memory);
  number->ob_base = {1, &PyFloat_Type};
  number->ob_fval = value;
  return as_object(number);
}

inline bool is_store_fast(CodeUnit unit) {
  auto op = static_cast<Op>(unit & 255);
  return op == Op::STORE_FAST || op == Op::STORE_FAST__LOAD_FAST || op == Op::STORE_FAST__STORE_FAST;
}
// The variable that the instruction at `after` stores the top of the stack to; null for another instruction.
inline PyObject** stored_variable(Frame* frame, const CodeUnit* after) {
  return is_store_fast(*after) ? &frame->localsplus[*after >> 8] : nullptr;
}

// -1, 0, 1 for two exact ints.
inline int order_of_ints(PyObject* a, PyObject* b) {
  if (is_one_digit(a) && is_one_digit(b)) [[likely]] {
    int64_t x = one_digit_value(a), y = one_digit_value(b);
    return (x > y) - (x < y);
  }
  Py_ssize_t n = int_size(a), m = int_size(b);
  if (n != m) return n > m ? 1 : -1;
  int sign = n < 0 ? -1 : 1;
  for (Py_ssize_t i = n < 0 ? -n : n; i-- > 0;) {
    digit x = int_digits(a)[i], y = int_digits(b)[i];
    if (x != y) return x > y ? sign : -sign;
  }
  return 0;
}

// ---- results of BINARY_OP ----------------------------------------------------------------------------
//
// An operand that only the stack holds is given the result's value in place of making a new object, and so is a variable
// that the next instruction would store the result to (that instruction is done with it, then).

inline constexpr int kBinaryOpCaches = info_of(Op::BINARY_OP).caches;

// Step: BINARY_OP of two exact ints; SAVE_PLACE() comes before.
VM_STEP operate_on_ints(VM_PARAMETERS);
// Step: ends BINARY_OP with ctx->integer, which is not small.
VM_STEP finish_with_int(VM_PARAMETERS);
// Steps: ctx->integer or ctx->real becomes a new object in the operands' place.
VM_STEP finish_with_new_int(VM_PARAMETERS);
VM_STEP finish_with_new_float(VM_PARAMETERS);
// Step: ctx->dying is an int or a float.
VM_STEP drop_number(VM_PARAMETERS);
#define END_DROP_NUMBER(OBJECT)                  \
  do {                                           \
    PyObject* dropped_ = (OBJECT);               \
    if (drops_to_zero(dropped_)) {               \
      ctx->dying = dropped_;                     \
      TAIL(drop_number);                         \
    }                                            \
    END_DISPATCH();                              \
  } while (0)

// Whether the next instruction stores to the variable that holds `left`, besides the stack the only one to do so.
inline bool grows_variable(Frame* frame, const CodeUnit* next, PyObject* left) {
  if (left->ob_refcnt != 2) return false;
  PyObject** variable = stored_variable(frame, next + kBinaryOpCaches);
  return variable && *variable == left;
}

// Ends BINARY_OP with `left` and `right` on the stack; SET gives an object its new value, INIT makes one of SIZE bytes of fresh memory,
// NEW ends it where there is no such memory at hand.
#define END_REUSING(SIZE, SET, INIT, NEW)                   \
  do {                                                      \
    if (left->ob_refcnt == 1) {                             \
      SET(left);                                            \
      --sp;                                                 \
      next += kBinaryOpCaches;                              \
      END_DROP_NUMBER(right);                               \
    }                                                       \
    if (grows_variable(frame, next, left)) {                \
      SET(left);                                            \
      --left->ob_refcnt;                                    \
      sp -= 2;                                              \
      next += kBinaryOpCaches + 1;                          \
      END_DROP_NUMBER(right);                               \
    }                                                       \
    if (right->ob_refcnt == 1) {                            \
      SET(right);                                           \
      sp[-2] = right;                                       \
      --sp;                                                 \
      next += kBinaryOpCaches;                              \
      END_DROP_NUMBER(left);                                \
    }                                                       \
    void* memory_ = recent_plain(SIZE);                     \
    if (!memory_) [[unlikely]] NEW();                       \
    sp[-2] = INIT(memory_);                                 \
    --sp;                                                   \
    next += kBinaryOpCaches;                                \
    /* Somebody else has each, or they are one. */          \
    if (!is_immortal(left)) --left->ob_refcnt;              \
    END_DROP_NUMBER(right);                                 \
  } while (0)

#define END_INT(VALUE)                                      \
  do {                                                      \
    int64_t value_ = (VALUE);                               \
    if (is_small(value_)) {                                 \
      sp[-2] = small_int(value_);                           \
      --sp;                                                 \
      next += kBinaryOpCaches;                              \
      END_DROP_BOTH(left, right);                           \
    }                                                       \
    if (!is_natural_digit(value_)) {                        \
      ctx->integer = value_;                                \
      TAIL(finish_with_int);                                \
    }                                                       \
    WordDigits digits_ = {1, static_cast<uint64_t>(value_)}; \
    END_REUSING(kWordIntSize, GILL_SET_WORD, GILL_NEW_WORD, GILL_FINISH_INT); \
  } while (0)
#define GILL_SET_WORD(OBJECT) set_word(OBJECT, digits_)
#define GILL_NEW_WORD(MEMORY) new_word(MEMORY, digits_)
#define GILL_FINISH_INT()                                   \
  do {                                                      \
    ctx->integer = value_;                                  \
    TAIL(finish_with_new_int);                              \
  } while (0)

#define END_FLOAT(VALUE)                                    \
  do {                                                      \
    double value_ = (VALUE);                                \
    END_REUSING(kFloatSize, GILL_SET_FLOAT, GILL_NEW_FLOAT, GILL_FINISH_FLOAT);          \
  } while (0)
#define GILL_FINISH_FLOAT()                                 \
  do {                                                      \
    ctx->real = value_;                                     \
    TAIL(finish_with_new_float);                            \
  } while (0)
#define GILL_NEW_FLOAT(MEMORY) new_float(MEMORY, value_)
#define GILL_SET_FLOAT(OBJECT) (reinterpret_cast<PyFloatObject*>(OBJECT)->ob_fval = value_)

}  // namespace gill::vm
