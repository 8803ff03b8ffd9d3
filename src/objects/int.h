// int: the published layout (30-bit digits, sign in ob_size) and how the files of int work with it.
//
// Numbers of one digit take fast paths everywhere. What is longer is added, subtracted, shifted and combined bit by bit
// digit by digit; so are multiplied and divided numbers of a few digits. Products, quotients, powers and radix conversion
// of longer ones go through GMP.
#pragma once

#include <gmp.h>

#include "base/result.h"
#include "runtime/published_runtime.h"

namespace gill {

inline Py_ssize_t int_size(PyObject* number) { return reinterpret_cast<PyVarObject*>(number)->ob_size; }
inline digit* int_digits(PyObject* number) { return reinterpret_cast<PyLongObject*>(number)->ob_digit; }
inline bool is_one_digit(PyObject* number) { return int_size(number) + 1 <= 2 && int_size(number) >= -1; }
// The value of an int of at most one digit.
inline int64_t one_digit_value(PyObject* number) { return int_size(number) * static_cast<int64_t>(int_digits(number)[0]); }

// The value of an int of at most two digits, which fit a machine word; false for longer ones.
[[gnu::always_inline]] inline bool word_of(PyObject* number, int64_t* value) {
  if (is_one_digit(number)) [[likely]] {
    *value = one_digit_value(number);
    return true;
  }
  Py_ssize_t size = int_size(number);
  if (size != 2 && size != -2) return false;
  int64_t magnitude = int_digits(number)[0] | static_cast<int64_t>(int_digits(number)[1]) << PyLong_SHIFT;
  *value = size < 0 ? -magnitude : magnitude;
  return true;
}

inline bool is_small(int64_t value) { return value >= -kSmallestSmall && value < kSmallCount - kSmallestSmall; }
inline PyObject* small_int(int64_t value) { return as_object(&_PyRuntime.small_ints[value + kSmallestSmall]); }

Ref<> int_from(int64_t value);
// An uninitialized int of `digits` digits; null with an exception.
Ref<PyLongObject> new_int(Py_ssize_t digits);
// Drops leading zeros, and hands out the small int where there is one.
Ref<> normalized(Ref<PyLongObject> number, bool negative);

// A GMP number that cleans up after itself.
class Mpz {
 public:
  Mpz() { mpz_init(value_); }
  explicit Mpz(PyObject* number) : Mpz() { set(number); }
  Mpz(const Mpz&) = delete;
  ~Mpz() { mpz_clear(value_); }
  operator mpz_ptr() { return value_; }
  operator mpz_srcptr() const { return value_; }
  void set(PyObject* number);
  int sign() const { return mpz_sgn(value_); }
  Ref<> to_int() const;

 private:
  mpz_t value_;
};

// int_text.cpp
Ref<> int_to_text(PyObject* number, int base, bool prefix);
Ref<> int_from_text(const char* text, const char** end, int base, bool* bad);

// MemoryError when a result of so many bits cannot be; GMP would not report it.
Status expect_bits(double bits);
// Likewise for what is calculated with one number or two.
Status expect_operands(PyObject* a, PyObject* b = nullptr);

// int_divide.cpp: floor division and modulo together; either result may be unwanted.
Status int_divmod(PyObject* a, PyObject* b, Ref<>* quotient, Ref<>* remainder);
// int_bits.cpp
Ref<> int_and(PyObject* a, PyObject* b);
Ref<> int_or(PyObject* a, PyObject* b);
Ref<> int_xor(PyObject* a, PyObject* b);
Ref<> int_shift(PyObject* number, Py_ssize_t bits, bool left);
Ref<> int_compare(PyObject* a, PyObject* b, int op);
extern PyNumberMethods int_as_number;

}  // namespace gill
