// Arithmetic of exact int and float operands that the instruction handlers do in line.
#pragma once

#include "objects/int.h"
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

}  // namespace gill::vm
