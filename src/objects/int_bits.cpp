// Shifts and bitwise operators of ints of any length, digit by digit.
//
// Negative numbers behave as if in two's complement with infinitely many sign bits; their digits are
// complemented on the way in, and on the way out where the result is negative.
#include "objects/int.h"

namespace gill {
namespace {

Py_ssize_t digit_count(PyObject* number) { return std::abs(int_size(number)); }

// The digits of a number in two's complement, from the lowest; without end.
class Complement {
 public:
  explicit Complement(PyObject* number)
      : digits_(int_digits(number)), count_(digit_count(number)), sign_(int_size(number) < 0 ? PyLong_MASK : 0), carry_(sign_ & 1) {}
  digit sign() const { return sign_; }  // all ones or zero
  digit next() {
    digit d = at_ < count_ ? digits_[at_++] : 0;
    if (!sign_) return d;
    d = (d ^ PyLong_MASK) + carry_;
    carry_ = d >> PyLong_SHIFT;
    return d & PyLong_MASK;
  }

 private:
  const digit* digits_;
  Py_ssize_t count_;
  Py_ssize_t at_ = 0;
  digit sign_;
  digit carry_;
};

template <class Operation>
Ref<> bitwise(PyObject* a, PyObject* b, Operation operation) {
  if (is_one_digit(a) && is_one_digit(b)) return int_from(operation(one_digit_value(a), one_digit_value(b)));
  Complement x(a), y(b);
  bool negative = operation(x.sign(), y.sign()) & 1;
  Py_ssize_t n = std::max(digit_count(a), digit_count(b)) + negative;
  Ref<PyLongObject> result = TRY(new_int(n));
  digit carry = 1;
  for (Py_ssize_t i = 0; i < n; ++i) {
    digit d = operation(x.next(), y.next()) & PyLong_MASK;
    if (negative) {
      d = (d ^ PyLong_MASK) + carry;
      carry = d >> PyLong_SHIFT;
      d &= PyLong_MASK;
    }
    result->ob_digit[i] = d;
  }
  return normalized(std::move(result), negative);
}

Failure no_memory() {
  PyErr_NoMemory();
  return failure;
}

Ref<> shift_left(PyObject* number, Py_ssize_t bits) {
  Py_ssize_t words = bits / PyLong_SHIFT, n = digit_count(number);
  int shift = static_cast<int>(bits % PyLong_SHIFT);
  if (words > PY_SSIZE_T_MAX / static_cast<Py_ssize_t>(sizeof(digit)) / 4) return no_memory();
  Ref<PyLongObject> result = TRY(new_int(n + words + 1));
  std::fill_n(result->ob_digit, words, digit{0});
  uint64_t carry = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    carry |= static_cast<uint64_t>(int_digits(number)[i]) << shift;
    result->ob_digit[words + i] = static_cast<digit>(carry & PyLong_MASK);
    carry >>= PyLong_SHIFT;
  }
  result->ob_digit[words + n] = static_cast<digit>(carry);
  return normalized(std::move(result), int_size(number) < 0);
}

// Towards minus infinity: a negative number that loses bits has its magnitude rounded up.
Ref<> shift_right(PyObject* number, Py_ssize_t bits) {
  Py_ssize_t words = bits / PyLong_SHIFT, n = digit_count(number);
  int shift = static_cast<int>(bits % PyLong_SHIFT);
  bool negative = int_size(number) < 0;
  if (words >= n) return int_from(negative ? -1 : 0);
  const digit* digits = int_digits(number);
  bool lost = false;
  if (negative) {
    for (Py_ssize_t i = 0; i < words && !lost; ++i) lost = digits[i] != 0;
    lost = lost || (digits[words] & ((digit{1} << shift) - 1)) != 0;
  }
  Py_ssize_t left = n - words;
  Ref<PyLongObject> result = TRY(new_int(left + 1));
  digit carry = lost;
  for (Py_ssize_t i = 0; i < left; ++i) {
    digit above = i + 1 < left ? digits[words + i + 1] : 0;
    digit d = (digits[words + i] >> shift | above << (PyLong_SHIFT - shift)) & PyLong_MASK;
    d += carry;
    carry = d >> PyLong_SHIFT;
    result->ob_digit[i] = d & PyLong_MASK;
  }
  result->ob_digit[left] = carry;
  return normalized(std::move(result), negative);
}

}  // namespace

Ref<> int_and(PyObject* a, PyObject* b) { return bitwise(a, b, [](auto x, auto y) { return x & y; }); }
Ref<> int_or(PyObject* a, PyObject* b) { return bitwise(a, b, [](auto x, auto y) { return x | y; }); }
Ref<> int_xor(PyObject* a, PyObject* b) { return bitwise(a, b, [](auto x, auto y) { return x ^ y; }); }

Ref<> int_shift(PyObject* number, Py_ssize_t bits, bool left) {
  if (int_size(number) == 0 || bits == 0) return PyLong_CheckExact(number) ? borrow(number) : steal(_PyLong_Copy(reinterpret_cast<PyLongObject*>(number)));
  if (is_one_digit(number)) {
    int64_t value = one_digit_value(number);
    if (!left) return int_from(value >> std::min<Py_ssize_t>(bits, 63));
    if (bits < 33) return int_from(value * (int64_t{1} << bits));
  }
  return left ? shift_left(number, bits) : shift_right(number, bits);
}

}  // namespace gill
