// Division of ints: floor division and modulo. Divisors of a few digits are divided by digit by digit (Knuth's algorithm
// D), long ones by GMP.
#include <bit>
#include <cstring>

#include "objects/int.h"

namespace gill {
namespace {

Py_ssize_t digit_count(PyObject* number) { return std::abs(int_size(number)); }

inline constexpr Py_ssize_t kSchoolbookDivisor = 24;  // GMP is faster for longer ones

// Adds one to digits that have room for the carry.
void increment(digit* digits) {
  while (*digits == PyLong_MASK) *digits++ = 0;
  ++*digits;
}

// r = y - r for magnitudes with r < y.
void subtract_from(const digit* y, digit* r, Py_ssize_t n) {
  digit debt = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    debt = y[i] - r[i] - debt;
    r[i] = debt & PyLong_MASK;
    debt = debt >> PyLong_SHIFT & 1;
  }
}

// The magnitudes' quotient and remainder; the quotient has a leading zero for a carry.
struct Parts {
  Ref<PyLongObject> quotient, remainder;
};

Status divide_by_digit(PyObject* a, digit divisor, Parts* out) {
  Py_ssize_t n = digit_count(a);
  out->quotient = TRY(new_int(n + 1));
  out->remainder = TRY(new_int(1));
  uint64_t rest = 0;
  for (Py_ssize_t i = n; --i >= 0;) {
    rest = rest << PyLong_SHIFT | int_digits(a)[i];
    auto q = static_cast<digit>(rest / divisor);
    out->quotient->ob_digit[i] = q;
    rest -= static_cast<uint64_t>(q) * divisor;
  }
  out->quotient->ob_digit[n] = 0;
  out->remainder->ob_digit[0] = static_cast<digit>(rest);
  return Status::ok;
}

digit shifted_copy(const digit* from, digit* to, Py_ssize_t n, int shift) {
  uint64_t carry = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    carry |= static_cast<uint64_t>(from[i]) << shift;
    to[i] = static_cast<digit>(carry & PyLong_MASK);
    carry >>= PyLong_SHIFT;
  }
  return static_cast<digit>(carry);
}

// n digits by m, 2 <= m <= n.
Status divide_by_digits(PyObject* a, PyObject* b, Parts* out) {
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  out->quotient = TRY(new_int(n - m + 2));
  Ref<PyLongObject> work = TRY(new_int(n + 1));  // becomes the remainder
  digit divisor[kSchoolbookDivisor];
  // The divisor's leading digit has its highest bit set, so that a guessed quotient digit is at most two too large.
  int shift = std::countl_zero(int_digits(b)[m - 1]) - (32 - PyLong_SHIFT);
  shifted_copy(int_digits(b), divisor, m, shift);
  digit* x = work->ob_digit;
  x[n] = shifted_copy(int_digits(a), x, n, shift);
  uint64_t top = divisor[m - 1], second = divisor[m - 2];
  for (Py_ssize_t j = n - m; j >= 0; --j) {
    uint64_t leading = static_cast<uint64_t>(x[j + m]) << PyLong_SHIFT | x[j + m - 1];
    uint64_t guess = leading / top, rest = leading % top;
    while (guess > PyLong_MASK || guess * second > (rest << PyLong_SHIFT | x[j + m - 2])) {
      --guess;
      rest += top;
      if (rest > PyLong_MASK) break;
    }
    int64_t debt = 0;
    for (Py_ssize_t i = 0; i < m; ++i) {
      int64_t z = static_cast<int64_t>(x[j + i]) - static_cast<int64_t>(guess * divisor[i]) + debt;
      x[j + i] = static_cast<digit>(z & static_cast<int64_t>(PyLong_MASK));
      debt = z >> PyLong_SHIFT;
    }
    int64_t last = static_cast<int64_t>(x[j + m]) + debt;
    x[j + m] = 0;
    if (last < 0) {
      // One too many after all: give one divisor back.
      digit carry = 0;
      for (Py_ssize_t i = 0; i < m; ++i) {
        carry += x[j + i] + divisor[i];
        x[j + i] = carry & PyLong_MASK;
        carry >>= PyLong_SHIFT;
      }
      --guess;
    }
    out->quotient->ob_digit[j] = static_cast<digit>(guess);
  }
  out->quotient->ob_digit[n - m + 1] = 0;
  for (Py_ssize_t i = 0; i < m; ++i) {
    digit above = i + 1 < m ? x[i + 1] : 0;
    x[i] = (x[i] >> shift | above << (PyLong_SHIFT - shift)) & PyLong_MASK;
  }
  work->ob_base.ob_size = m;
  out->remainder = std::move(work);
  return Status::ok;
}

bool smaller_magnitude(PyObject* a, PyObject* b) {
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  if (n != m) return n < m;
  while (--n >= 0) {
    if (int_digits(a)[n] != int_digits(b)[n]) return int_digits(a)[n] < int_digits(b)[n];
  }
  return false;
}

bool is_zero(const digit* digits, Py_ssize_t n) {
  while (--n >= 0) {
    if (digits[n]) return false;
  }
  return true;
}

}  // namespace

Status int_divmod(PyObject* a, PyObject* b, Ref<>* quotient, Ref<>* remainder) {
  if (int_size(b) == 0) return raise(PyExc_ZeroDivisionError, quotient ? "integer division or modulo by zero" : "integer modulo by zero");
  if (is_one_digit(a) && is_one_digit(b)) {
    int64_t x = one_digit_value(a), y = one_digit_value(b);
    int64_t q = x / y, r = x % y;
    if (r != 0 && (r < 0) != (y < 0)) {
      --q;
      r += y;
    }
    if (quotient) *quotient = TRY(int_from(q));
    if (remainder) *remainder = TRY(int_from(r));
    return Status::ok;
  }
  bool negative = (int_size(a) < 0) != (int_size(b) < 0);
  if (smaller_magnitude(a, b)) {
    bool below = negative && int_size(a) != 0;
    if (quotient) *quotient = TRY(int_from(below ? -1 : 0));
    if (remainder) *remainder = TRY(steal(below ? int_as_number.nb_add(a, b) : int_as_number.nb_positive(a)));
    return Status::ok;
  }
  Py_ssize_t m = digit_count(b);
  if (m > kSchoolbookDivisor) {
    TRY(expect_operands(a, b));
    Mpz x(a), y(b), q, r;
    mpz_fdiv_qr(q, r, x, y);
    if (quotient) *quotient = TRY(q.to_int());
    if (remainder) *remainder = TRY(r.to_int());
    return Status::ok;
  }
  Parts parts;
  if (m == 1) TRY(divide_by_digit(a, int_digits(b)[0], &parts));
  else TRY(divide_by_digits(a, b, &parts));
  if (negative && !is_zero(parts.remainder->ob_digit, m)) {
    // Down to the next multiple.
    increment(parts.quotient->ob_digit);
    subtract_from(int_digits(b), parts.remainder->ob_digit, m);
  }
  if (quotient) *quotient = TRY(normalized(std::move(parts.quotient), negative));
  if (remainder) *remainder = TRY(normalized(std::move(parts.remainder), int_size(b) < 0));
  return Status::ok;
}

}  // namespace gill
