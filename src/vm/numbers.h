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
inline int64_t word_value(PyObject* number) {
  Py_ssize_t size = int_size(number);
  if (size + 1 <= 2 && size >= -1) [[likely]] return one_digit_value(number);
  auto magnitude = static_cast<int64_t>(int_digits(number)[0] | static_cast<uint64_t>(int_digits(number)[1]) << PyLong_SHIFT);
  return size < 0 ? -magnitude : magnitude;
}
inline constexpr int64_t kWordLimit = int64_t{1} << (2 * PyLong_SHIFT);
inline bool fits_word(int64_t value) { return value > -kWordLimit && value < kWordLimit; }

// Gives an int object that nobody else sees another value. The value is not small, and fits_word().
inline void set_word(PyObject* number, int64_t value) {
  uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  Py_ssize_t size = magnitude >> PyLong_SHIFT ? 2 : 1;
  int_digits(number)[0] = static_cast<digit>(magnitude & PyLong_MASK);
  int_digits(number)[1] = static_cast<digit>(magnitude >> PyLong_SHIFT);
  reinterpret_cast<PyVarObject*>(number)->ob_size = value < 0 ? -size : size;
}
static_assert(sizeof(PyLongObject) >= offsetof(PyLongObject, ob_digit) + 2 * sizeof(digit));

inline PyObject* new_word(void* memory, int64_t value) {
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

// Ends BINARY_OP with `left` and `right` on the stack; SET gives an object its new value, INIT makes one of SIZE bytes of fresh memory.
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
    void* memory_ = recent_plain(SIZE);           \
    if (!memory_) [[unlikely]] TAIL(NEW);                   \
    sp[-2] = INIT(memory_);                                 \
    --sp;                                                   \
    next += kBinaryOpCaches;                                \
    END_DROP_BOTH(left, right);                             \
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
    ctx->integer = value_;                                  \
    if (!fits_word(value_)) [[unlikely]] TAIL(finish_with_new_int); \
    END_REUSING(kWordIntSize, GILL_SET_WORD, GILL_NEW_WORD, finish_with_new_int);        \
  } while (0)
#define GILL_SET_WORD(OBJECT) set_word(OBJECT, value_)
#define GILL_NEW_WORD(MEMORY) new_word(MEMORY, value_)

#define END_FLOAT(VALUE)                                    \
  do {                                                      \
    double value_ = (VALUE);                                \
    ctx->real = value_;                                     \
    END_REUSING(kFloatSize, GILL_SET_FLOAT, GILL_NEW_FLOAT, finish_with_new_float);     \
  } while (0)
#define GILL_NEW_FLOAT(MEMORY) new_float(MEMORY, value_)
#define GILL_SET_FLOAT(OBJECT) (reinterpret_cast<PyFloatObject*>(OBJECT)->ob_fval = value_)

}  // namespace gill::vm
