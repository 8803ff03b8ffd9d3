// Making ints, and their arithmetic.
#include "objects/int.h"

#include <array>
#include <bit>
#include <cmath>

#include "base/names.h"
#include "memory/heap.h"
#include "objects/number_memory.h"
#include "objects/tuple.h"

namespace gill {

Ref<PyLongObject> new_int(Py_ssize_t digits) {
  constexpr size_t kHead = offsetof(PyLongObject, ob_digit);
  if (static_cast<size_t>(digits) > (static_cast<size_t>(PY_SSIZE_T_MAX) - kHead) / sizeof(digit)) {
    return raise(PyExc_OverflowError, "too many digits in integer");
  }
  size_t bytes = std::max(kHead + static_cast<size_t>(digits) * sizeof(digit), sizeof(PyLongObject));
  auto* object = static_cast<PyLongObject*>(bytes <= kWordIntSize ? allocate_number<kWordIntSize>() : allocate_plain_object(bytes));
  if (!object) {
    PyErr_NoMemory();
    return failure;
  }
  object->ob_base.ob_base.ob_refcnt = 1;
  object->ob_base.ob_base.ob_type = &PyLong_Type;
  object->ob_base.ob_size = digits;
  return steal(object);
}

Ref<> normalized(Ref<PyLongObject> number, bool negative) {
  if (!number) return failure;
  Py_ssize_t n = number->ob_base.ob_size;
  while (n > 0 && number->ob_digit[n - 1] == 0) --n;
  if (n <= 1) {
    int64_t value = n ? number->ob_digit[0] : 0;
    if (negative) value = -value;
    if (is_small(value)) return borrow(small_int(value));
  }
  number->ob_base.ob_size = negative ? -n : n;
  return number;
}

Ref<> int_from(int64_t value) {
  if (is_small(value)) return borrow(small_int(value));
  bool negative = value < 0;
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  int n = magnitude >> (2 * PyLong_SHIFT) ? 3 : magnitude >> PyLong_SHIFT ? 2 : 1;
  Ref<PyLongObject> number = TRY(new_int(n));
  for (int i = 0; i < n; ++i, magnitude >>= PyLong_SHIFT) number->ob_digit[i] = static_cast<digit>(magnitude & PyLong_MASK);
  number->ob_base.ob_size = negative ? -n : n;
  return number;
}

void Mpz::set(PyObject* number) {
  Py_ssize_t n = int_size(number), count = std::abs(n);
  if (count == 0) {
    mpz_set_ui(value_, 0);
    return;
  }
  auto limbs = static_cast<mp_size_t>((count * PyLong_SHIFT + GMP_NUMB_BITS - 1) / GMP_NUMB_BITS);
  mp_limb_t* out = mpz_limbs_write(value_, limbs);
  const digit* digits = int_digits(number);
  unsigned __int128 bits = 0;
  int have = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    bits |= static_cast<unsigned __int128>(digits[i]) << have;
    have += PyLong_SHIFT;
    if (have >= GMP_NUMB_BITS) {
      *out++ = static_cast<mp_limb_t>(bits);
      bits >>= GMP_NUMB_BITS;
      have -= GMP_NUMB_BITS;
    }
  }
  if (have > 0) *out = static_cast<mp_limb_t>(bits);
  mpz_limbs_finish(value_, n < 0 ? -limbs : limbs);
}

Ref<> Mpz::to_int() const {
  if (mpz_sgn(value_) == 0) return borrow(small_int(0));
  size_t bits = mpz_sizeinbase(value_, 2);
  auto count = static_cast<Py_ssize_t>((bits + PyLong_SHIFT - 1) / PyLong_SHIFT);
  Ref<PyLongObject> number = TRY(new_int(count));
  const mp_limb_t *limb = mpz_limbs_read(value_), *end = limb + mpz_size(value_);
  unsigned __int128 held = 0;
  int have = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (have < PyLong_SHIFT && limb < end) {
      held |= static_cast<unsigned __int128>(*limb++) << have;
      have += GMP_NUMB_BITS;
    }
    number->ob_digit[i] = static_cast<digit>(held & PyLong_MASK);
    held >>= PyLong_SHIFT;
    have -= PyLong_SHIFT;
  }
  return normalized(std::move(number), mpz_sgn(value_) < 0);
}

Status expect_bits(double bits) {
  // GMP ends the process where it finds no memory, and where its own limit is passed.
  constexpr double kCheap = 1e8, kMost = 64.0 * INT32_MAX - 1e6;
  if (bits < kCheap) return Status::ok;
  void* memory = bits < kMost ? PyMem_RawMalloc(static_cast<size_t>(bits / 8 * 3)) : nullptr;
  if (!memory) {
    PyErr_NoMemory();
    return failure;
  }
  PyMem_RawFree(memory);
  return Status::ok;
}
Status expect_operands(PyObject* a, PyObject* b) {
  return expect_bits(2.0 * PyLong_SHIFT * static_cast<double>(std::abs(int_size(a)) + (b ? std::abs(int_size(b)) : 0)));
}

namespace {

Py_ssize_t digit_count(PyObject* number) { return std::abs(int_size(number)); }

// |a| + |b|.
Ref<> add_magnitudes(PyObject* a, PyObject* b, bool negative) {
  if (digit_count(a) < digit_count(b)) std::swap(a, b);
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  Ref<PyLongObject> sum = TRY(new_int(n + 1));
  digit carry = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    carry += int_digits(a)[i] + (i < m ? int_digits(b)[i] : 0);
    sum->ob_digit[i] = carry & PyLong_MASK;
    carry >>= PyLong_SHIFT;
  }
  sum->ob_digit[n] = carry;
  return normalized(std::move(sum), negative);
}

int compare_magnitudes(PyObject* a, PyObject* b) {
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  if (n != m) return n < m ? -1 : 1;
  while (--n >= 0) {
    if (int_digits(a)[n] != int_digits(b)[n]) return int_digits(a)[n] < int_digits(b)[n] ? -1 : 1;
  }
  return 0;
}

// |a| - |b|, with the sign turned when asked.
Ref<> subtract_magnitudes(PyObject* a, PyObject* b, bool negative) {
  int order = compare_magnitudes(a, b);
  if (order == 0) return borrow(small_int(0));
  if (order < 0) {
    std::swap(a, b);
    negative = !negative;
  }
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  Ref<PyLongObject> difference = TRY(new_int(n));
  digit debt = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    debt = int_digits(a)[i] - (i < m ? int_digits(b)[i] : 0) - debt;
    difference->ob_digit[i] = debt & PyLong_MASK;
    debt = debt >> PyLong_SHIFT & 1;
  }
  return normalized(std::move(difference), negative);
}

bool both_int(PyObject* a, PyObject* b) { return PyLong_Check(a) && PyLong_Check(b); }

Ref<> int_add(PyObject* a, PyObject* b) {
  if (is_one_digit(a) && is_one_digit(b)) return int_from(one_digit_value(a) + one_digit_value(b));
  bool negative = int_size(a) < 0;
  if (negative == (int_size(b) < 0)) return add_magnitudes(a, b, negative);
  return subtract_magnitudes(a, b, negative);
}
Ref<> int_subtract(PyObject* a, PyObject* b) {
  if (is_one_digit(a) && is_one_digit(b)) return int_from(one_digit_value(a) - one_digit_value(b));
  bool negative = int_size(a) < 0;
  if (negative == (int_size(b) < 0)) return subtract_magnitudes(a, b, negative);
  return add_magnitudes(a, b, negative);
}

inline constexpr Py_ssize_t kSchoolbookDigits = 16;

Ref<> int_multiply(PyObject* a, PyObject* b) {
  if (is_one_digit(a) && is_one_digit(b)) return int_from(one_digit_value(a) * one_digit_value(b));
  Py_ssize_t n = digit_count(a), m = digit_count(b);
  bool negative = (int_size(a) < 0) != (int_size(b) < 0);
  if (n == 0 || m == 0) return borrow(small_int(0));
  if (std::min(n, m) > kSchoolbookDigits) {
    TRY(expect_bits(static_cast<double>(n + m) * PyLong_SHIFT));
    Mpz x(a), y(b);
    mpz_mul(x, x, y);
    return x.to_int();
  }
  Ref<PyLongObject> product = TRY(new_int(n + m));
  std::fill_n(product->ob_digit, n + m, digit{0});
  for (Py_ssize_t i = 0; i < n; ++i) {
    uint64_t carry = 0;
    uint64_t factor = int_digits(a)[i];
    digit* out = product->ob_digit + i;
    for (Py_ssize_t j = 0; j < m; ++j) {
      carry += out[j] + factor * int_digits(b)[j];
      out[j] = static_cast<digit>(carry & PyLong_MASK);
      carry >>= PyLong_SHIFT;
    }
    out[m] = static_cast<digit>(carry);
  }
  return normalized(std::move(product), negative);
}

// ---- number slots -----------------------------------------------------------------------------------

template <Ref<> (*F)(PyObject*, PyObject*)>
PyObject* binary(PyObject* a, PyObject* b) {
  if (!both_int(a, b)) return borrow(Py_NotImplemented).release();
  return F(a, b).release();
}

Ref<> floor_divide(PyObject* a, PyObject* b) {
  Ref<> q;
  TRY(int_divmod(a, b, &q, nullptr));
  return q;
}
Ref<> modulo(PyObject* a, PyObject* b) {
  Ref<> r;
  TRY(int_divmod(a, b, nullptr, &r));
  return r;
}
Ref<> divmod_pair(PyObject* a, PyObject* b) {
  Ref<> q, r;
  TRY(int_divmod(a, b, &q, &r));
  return tuple_of(std::move(q), std::move(r));
}

// The quotient as the nearest double. 55 bits and a sticky one decide the rounding.
Ref<> true_divide(PyObject* a, PyObject* b) {
  if (int_size(b) == 0) return raise(PyExc_ZeroDivisionError, "division by zero");
  // Operands that doubles hold exactly are divided as such.
  constexpr int64_t kExact = int64_t{1} << 53;
  auto exact = [](PyObject* n, double* value) {
    int64_t whole;
    if (!word_of(n, &whole)) return false;
    *value = static_cast<double>(whole);
    return whole >= -kExact && whole <= kExact;
  };
  double left, right;
  if (exact(a, &left) && exact(b, &right)) return steal(PyFloat_FromDouble(left / right));
  TRY(expect_operands(a, b));
  Mpz x(a), y(b);
  if (x.sign() == 0) return steal(PyFloat_FromDouble(int_size(b) < 0 ? -0.0 : 0.0));
  bool negative = (int_size(a) < 0) != (int_size(b) < 0);
  mpz_abs(x, x);
  mpz_abs(y, y);
  long shift = static_cast<long>(mpz_sizeinbase(x, 2)) - static_cast<long>(mpz_sizeinbase(y, 2));
  // A quotient of 55 or 56 bits; fewer where the result is subnormal, so that it is rounded only once.
  long keep = 55;
  if (shift < -1022 - 1) keep = std::max<long>(55 - (-1023 - shift), 1);
  if (shift > 1024) return raise(PyExc_OverflowError, "integer division result too large for a float");
  if (shift < -1080) return steal(PyFloat_FromDouble(negative ? -0.0 : 0.0));
  long scale = keep - shift;
  if (scale > 0) mpz_mul_2exp(x, x, static_cast<mp_bitcnt_t>(scale));
  else mpz_mul_2exp(y, y, static_cast<mp_bitcnt_t>(-scale));
  Mpz q, r;
  mpz_tdiv_qr(q, r, x, y);
  uint64_t bits = mpz_get_ui(q) | (r.sign() != 0);
  // Round to the bits that the result has, ties to even; the sticky bit tells a tie from more.
  int have = 64 - std::countl_zero(bits);
  int excess = have - 53;
  long exponent = -scale;
  if (have + exponent < -1021) excess = static_cast<int>(-1074 - exponent);
  if (excess > 0) {
    uint64_t half = uint64_t{1} << (excess - 1);
    uint64_t rest = bits & (half * 2 - 1);
    bits >>= excess;
    if (rest > half || (rest == half && (bits & 1))) ++bits;
    exponent += excess;
  }
  double result = std::ldexp(static_cast<double>(bits), static_cast<int>(exponent));
  if (std::isinf(result)) return raise(PyExc_OverflowError, "integer division result too large for a float");
  return steal(PyFloat_FromDouble(negative ? -result : result));
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (!both_int(a, b) || (modulus != Py_None && !PyLong_Check(modulus))) return borrow(Py_NotImplemented).release();
  auto compute = [&]() -> Ref<> {
    if (modulus != Py_None) {
      if (int_size(modulus) == 0) return raise(PyExc_ValueError, "pow() 3rd argument cannot be 0");
      int64_t base_word, rest, divisor;
      if (word_of(a, &base_word) && word_of(b, &rest) && rest >= 0 && word_of(modulus, &divisor)) {
        auto size = static_cast<uint64_t>(std::abs(divisor));
        auto times = [size](uint64_t x, uint64_t y) { return static_cast<uint64_t>(static_cast<unsigned __int128>(x) * y % size); };
        int64_t start = base_word % static_cast<int64_t>(size);
        uint64_t square = static_cast<uint64_t>(start < 0 ? start + static_cast<int64_t>(size) : start), result = 1 % size;
        for (; rest; rest >>= 1) {
          if (rest & 1) result = times(result, square);
          square = times(square, square);
        }
        auto value = static_cast<int64_t>(result);
        return int_from(divisor < 0 && value ? value + divisor : value);
      }
      TRY(expect_operands(a, b));
      TRY(expect_operands(modulus, modulus));
      Mpz base(a), exponent(b), m(modulus), magnitude, result;
      mpz_abs(magnitude, m);
      if (exponent.sign() < 0) {
        if (!mpz_invert(base, base, magnitude) && mpz_cmp_ui(static_cast<mpz_srcptr>(magnitude), 1) != 0) {
          return raise(PyExc_ValueError, "base is not invertible for the given modulus");
        }
        mpz_neg(exponent, exponent);
      }
      mpz_powm(result, base, exponent, magnitude);
      if (m.sign() < 0 && result.sign() != 0) mpz_add(result, result, m);
      return result.to_int();
    }
    if (int_size(b) < 0) {
      Ref<> x = TRY(steal(PyFloat_FromDouble(TRY(checked(PyLong_AsDouble(a))))));
      Ref<> y = TRY(steal(PyFloat_FromDouble(TRY(checked(PyLong_AsDouble(b))))));
      return steal(PyFloat_Type.tp_as_number->nb_power(x.get(), y.get(), Py_None));
    }
    // Powers of 0, 1 and -1 stay small whatever the exponent.
    if (is_one_digit(a) && std::abs(one_digit_value(a)) <= 1) {
      int64_t base = one_digit_value(a);
      bool even = int_size(b) == 0 || (int_digits(b)[0] & 1) == 0;
      return int_from(int_size(b) == 0 ? 1 : base == -1 && even ? 1 : base);
    }
    if (digit_count(b) > 2) {
      PyErr_NoMemory();
      return failure;
    }
    // By squaring, as long as a machine word holds it.
    if (is_one_digit(a) && is_one_digit(b) && one_digit_value(b) < 64) {
      int64_t result = 1, square = one_digit_value(a);
      bool fits = true;
      for (int64_t rest = one_digit_value(b); fits; ) {
        if (rest & 1) fits = !__builtin_mul_overflow(result, square, &result);
        rest >>= 1;
        if (rest == 0) break;
        fits = fits && !__builtin_mul_overflow(square, square, &square);
      }
      if (fits) return int_from(result);
    }
    TRY(expect_bits(static_cast<double>(_PyLong_NumBits(a)) * static_cast<double>(TRY(checked(PyLong_AsLong(b))))));
    Mpz base(a);
    mpz_pow_ui(base, base, static_cast<unsigned long>(TRY(checked(PyLong_AsLong(b)))));
    return base.to_int();
  };
  return compute().release();
}

Ref<> shift_by(PyObject* a, PyObject* b, bool left) {
  if (int_size(b) < 0) return raise(PyExc_ValueError, "negative shift count");
  if (int_size(a) == 0) return borrow(small_int(0));
  Py_ssize_t bits = PyLong_AsSsize_t(b);
  if (bits == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    if (left) return raise(PyExc_OverflowError, "too many digits in integer");
    return int_from(int_size(a) < 0 ? -1 : 0);
  }
  return int_shift(a, bits, left);
}
Ref<> left_shift(PyObject* a, PyObject* b) { return shift_by(a, b, true); }
Ref<> right_shift(PyObject* a, PyObject* b) { return shift_by(a, b, false); }

Ref<> same_value(PyObject* a) {
  if (PyLong_CheckExact(a)) return borrow(a);
  return steal(_PyLong_Copy(reinterpret_cast<PyLongObject*>(a)));
}
Ref<> with_sign(PyObject* a, bool negative) {
  if (is_one_digit(a)) {
    int64_t magnitude = std::abs(one_digit_value(a));
    return int_from(negative ? -magnitude : magnitude);
  }
  Ref<> copy = TRY(steal(_PyLong_Copy(reinterpret_cast<PyLongObject*>(a))));
  auto* number = reinterpret_cast<PyLongObject*>(copy.get());
  number->ob_base.ob_size = negative ? -digit_count(a) : digit_count(a);
  return copy;
}
Ref<> negate(PyObject* a) { return with_sign(a, int_size(a) > 0); }
Ref<> absolute(PyObject* a) { return int_size(a) < 0 ? with_sign(a, false) : same_value(a); }
Ref<> invert(PyObject* a) {
  Ref<> plus_one = TRY(int_add(a, small_int(1)));
  return negate(plus_one.get());
}
int is_true(PyObject* a) { return int_size(a) != 0; }
Ref<> to_float(PyObject* a) { return steal(PyFloat_FromDouble(TRY(checked(PyLong_AsDouble(a))))); }

}  // namespace

template <auto F>
static PyObject* unary_slot(PyObject* a) { return F(a).release(); }

PyNumberMethods int_as_number = {
    .nb_add = binary<int_add>,
    .nb_subtract = binary<int_subtract>,
    .nb_multiply = binary<int_multiply>,
    .nb_remainder = binary<modulo>,
    .nb_divmod = binary<divmod_pair>,
    .nb_power = power,
    .nb_negative = unary_slot<negate>,
    .nb_positive = unary_slot<same_value>,
    .nb_absolute = unary_slot<absolute>,
    .nb_bool = is_true,
    .nb_invert = unary_slot<invert>,
    .nb_lshift = binary<left_shift>,
    .nb_rshift = binary<right_shift>,
    .nb_and = binary<int_and>,
    .nb_xor = binary<int_xor>,
    .nb_or = binary<int_or>,
    .nb_int = unary_slot<same_value>,
    .nb_float = unary_slot<to_float>,
    .nb_floor_divide = binary<floor_divide>,
    .nb_true_divide = binary<true_divide>,
    .nb_index = unary_slot<same_value>,
};

Ref<> int_compare(PyObject* a, PyObject* b, int op) {
  if (!both_int(a, b)) return borrow(Py_NotImplemented);
  int order;
  if (a == b) {
    order = 0;
  } else if (int_size(a) != int_size(b)) {
    order = int_size(a) < int_size(b) ? -1 : 1;
  } else {
    order = compare_magnitudes(a, b);
    if (int_size(a) < 0) order = -order;
  }
  switch (op) {
    case Py_LT: return py_bool(order < 0);
    case Py_LE: return py_bool(order <= 0);
    case Py_EQ: return py_bool(order == 0);
    case Py_NE: return py_bool(order != 0);
    case Py_GT: return py_bool(order > 0);
    default: return py_bool(order >= 0);
  }
}

}  // namespace gill
