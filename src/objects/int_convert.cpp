// Between int and C numbers, doubles and byte strings: the conversion half of longobject.h.
#include <bit>
#include <climits>
#include <cmath>
#include <cstring>

#include "objects/int.h"

namespace gill {
namespace {

// The int that an object is or has; TypeError otherwise. Owned.
Ref<> as_int(PyObject* object) {
  if (!object) {
    PyErr_BadInternalCall();
    return failure;
  }
  if (PyLong_Check(object)) return borrow(object);
  return steal(_PyNumber_Index(object));
}

// The value as a 64-bit magnitude; false when it does not fit.
bool magnitude_of(PyObject* number, uint64_t* out) {
  Py_ssize_t n = std::abs(int_size(number));
  if (n > 3) return false;
  uint64_t value = 0;
  for (Py_ssize_t i = n; --i >= 0;) {
    if (value >> (64 - PyLong_SHIFT)) return false;
    value = value << PyLong_SHIFT | int_digits(number)[i];
  }
  *out = value;
  return true;
}

// The value when it fits, else -1 and the direction of the overflow in *overflow (-1 or 1).
long long signed_value(PyObject* number, int* overflow) {
  *overflow = 0;
  if (int64_t word; word_of(number, &word)) [[likely]] return word;
  uint64_t magnitude;
  bool negative = int_size(number) < 0;
  if (magnitude_of(number, &magnitude)) {
    if (!negative && magnitude <= static_cast<uint64_t>(LLONG_MAX)) return static_cast<long long>(magnitude);
    if (negative && magnitude <= static_cast<uint64_t>(LLONG_MAX) + 1) return static_cast<long long>(0 - magnitude);
  }
  *overflow = negative ? -1 : 1;
  return -1;
}

uint64_t masked_value(PyObject* number) {
  uint64_t value = 0;
  for (Py_ssize_t i = std::abs(int_size(number)); --i >= 0;) value = value << PyLong_SHIFT | int_digits(number)[i];
  return int_size(number) < 0 ? 0 - value : value;
}

// For functions that want an int itself, not something with __index__.
bool check_int(PyObject* object) {
  if (object && PyLong_Check(object)) return true;
  if (!object) PyErr_BadInternalCall();
  else PyErr_SetString(PyExc_TypeError, "an integer is required");
  return false;
}

unsigned long long unsigned_value(PyObject* object, unsigned long long most, const char* too_large,
                                  const char* negative = "can't convert negative value to unsigned int") {
  if (!check_int(object)) return static_cast<unsigned long long>(-1);
  uint64_t magnitude;
  if (int_size(object) < 0) {
    PyErr_SetString(PyExc_OverflowError, negative);
    return static_cast<unsigned long long>(-1);
  }
  if (!magnitude_of(object, &magnitude) || magnitude > most) {
    PyErr_SetString(PyExc_OverflowError, too_large);
    return static_cast<unsigned long long>(-1);
  }
  return magnitude;
}

Ref<> from_unsigned(unsigned long long value) {
  if (value <= static_cast<unsigned long long>(LLONG_MAX)) return int_from(static_cast<int64_t>(value));
  Ref<PyLongObject> number = TRY(new_int(3));
  for (int i = 0; i < 3; ++i, value >>= PyLong_SHIFT) number->ob_digit[i] = static_cast<digit>(value & PyLong_MASK);
  return number;
}

template <class T>
int unsigned_converter(PyObject* object, void* out, const char* name) {
  if (PyLong_Check(object) && int_size(object) < 0) {
    PyErr_SetString(PyExc_ValueError, "value must be positive");
    return 0;
  }
  unsigned long long value = unsigned_value(object, static_cast<T>(-1), name);
  if (value == static_cast<unsigned long long>(-1) && PyErr_Occurred()) return 0;
  *static_cast<T*>(out) = static_cast<T>(value);
  return 1;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyLong_FromLong(long value) { return int_from(value).release(); }
PyObject* PyLong_FromLongLong(long long value) { return int_from(value).release(); }
PyObject* PyLong_FromSsize_t(Py_ssize_t value) { return int_from(value).release(); }
PyObject* PyLong_FromUnsignedLong(unsigned long value) { return from_unsigned(value).release(); }
PyObject* PyLong_FromUnsignedLongLong(unsigned long long value) { return from_unsigned(value).release(); }
PyObject* PyLong_FromSize_t(size_t value) { return from_unsigned(value).release(); }
PyObject* PyLong_FromVoidPtr(void* p) { return from_unsigned(reinterpret_cast<uintptr_t>(p)).release(); }

PyObject* PyLong_FromDouble(double value) {
  if (std::isinf(value)) {
    PyErr_SetString(PyExc_OverflowError, "cannot convert float infinity to integer");
    return nullptr;
  }
  if (std::isnan(value)) {
    PyErr_SetString(PyExc_ValueError, "cannot convert float NaN to integer");
    return nullptr;
  }
  if (std::fabs(value) < 9e18) return int_from(static_cast<int64_t>(value)).release();
  Mpz whole;
  mpz_set_d(whole, value);
  return whole.to_int().release();
}

long PyLong_AsLongAndOverflow(PyObject* object, int* overflow) { return PyLong_AsLongLongAndOverflow(object, overflow); }
long long PyLong_AsLongLongAndOverflow(PyObject* object, int* overflow) {
  *overflow = 0;
  if (object && PyLong_Check(object)) [[likely]] return signed_value(object, overflow);
  Ref<> number = as_int(object);
  return number ? signed_value(number.get(), overflow) : -1;
}
long PyLong_AsLong(PyObject* object) {
  int overflow;
  long value = PyLong_AsLongAndOverflow(object, &overflow);
  if (overflow) PyErr_SetString(PyExc_OverflowError, "Python int too large to convert to C long");
  return value;
}
long long PyLong_AsLongLong(PyObject* object) {
  int overflow;
  long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow) PyErr_SetString(PyExc_OverflowError, "int too big to convert");
  return value;
}
int _PyLong_AsInt(PyObject* object) {
  int overflow;
  long value = PyLong_AsLongAndOverflow(object, &overflow);
  if (overflow || value > INT_MAX || value < INT_MIN) {
    PyErr_SetString(PyExc_OverflowError, "Python int too large to convert to C int");
    return -1;
  }
  return static_cast<int>(value);
}
Py_ssize_t PyLong_AsSsize_t(PyObject* object) {
  if (!check_int(object)) return -1;
  int overflow;
  long long value = signed_value(object, &overflow);
  if (overflow) PyErr_SetString(PyExc_OverflowError, "Python int too large to convert to C ssize_t");
  return value;
}
size_t PyLong_AsSize_t(PyObject* object) {
  if (object && PyLong_Check(object) && int_size(object) < 0) {
    PyErr_SetString(PyExc_OverflowError, "can't convert negative value to size_t");
    return static_cast<size_t>(-1);
  }
  return unsigned_value(object, SIZE_MAX, "Python int too large to convert to C size_t");
}
unsigned long PyLong_AsUnsignedLong(PyObject* object) {
  return unsigned_value(object, ULONG_MAX, "Python int too large to convert to C unsigned long");
}
unsigned long long PyLong_AsUnsignedLongLong(PyObject* object) {
  return unsigned_value(object, ULLONG_MAX, "int too big to convert", "can't convert negative int to unsigned");
}
unsigned long PyLong_AsUnsignedLongMask(PyObject* object) {
  Ref<> number = as_int(object);
  return number ? masked_value(number.get()) : static_cast<unsigned long>(-1);
}
unsigned long long PyLong_AsUnsignedLongLongMask(PyObject* object) { return PyLong_AsUnsignedLongMask(object); }
void* PyLong_AsVoidPtr(PyObject* object) {
  if (!check_int(object)) return nullptr;
  unsigned long value = int_size(object) < 0 ? static_cast<unsigned long>(PyLong_AsLong(object)) : PyLong_AsUnsignedLong(object);
  if (value == static_cast<unsigned long>(-1) && PyErr_Occurred()) return nullptr;
  return reinterpret_cast<void*>(value);
}

int _PyLong_UnsignedShort_Converter(PyObject* o, void* p) { return unsigned_converter<unsigned short>(o, p, "Python int too large for C unsigned short"); }
int _PyLong_UnsignedInt_Converter(PyObject* o, void* p) { return unsigned_converter<unsigned int>(o, p, "Python int too large for C unsigned int"); }
int _PyLong_UnsignedLong_Converter(PyObject* o, void* p) { return unsigned_converter<unsigned long>(o, p, "Python int too large to convert to C unsigned long"); }
int _PyLong_UnsignedLongLong_Converter(PyObject* o, void* p) { return unsigned_converter<unsigned long long>(o, p, "int too big to convert"); }
int _PyLong_Size_t_Converter(PyObject* o, void* p) { return unsigned_converter<size_t>(o, p, "Python int too large to convert to C size_t"); }

int _PyLong_Sign(PyObject* number) {
  Py_ssize_t n = int_size(number);
  return n < 0 ? -1 : n > 0;
}
size_t _PyLong_NumBits(PyObject* number) {
  Py_ssize_t n = std::abs(int_size(number));
  if (n == 0) return 0;
  return static_cast<size_t>(n - 1) * PyLong_SHIFT + static_cast<size_t>(32 - std::countl_zero(int_digits(number)[n - 1]));
}

PyLongObject* _PyLong_New(Py_ssize_t digits) { return new_int(digits).release(); }
PyObject* _PyLong_Copy(PyLongObject* source) {
  Py_ssize_t n = std::abs(source->ob_base.ob_size);
  if (n <= 1) return int_from(one_digit_value(as_object(source))).release();
  Ref<PyLongObject> copy = new_int(n);
  if (!copy) return nullptr;
  std::memcpy(copy->ob_digit, source->ob_digit, static_cast<size_t>(n) * sizeof(digit));
  copy->ob_base.ob_size = source->ob_base.ob_size;
  return as_object(copy.release());
}

// x as m * 2**e with 0.5 <= |m| < 1, rounded to nearest, ties to even.
double _PyLong_Frexp(PyLongObject* source, Py_ssize_t* exponent) {
  PyObject* number = as_object(source);
  size_t bits = _PyLong_NumBits(number);
  *exponent = static_cast<Py_ssize_t>(bits);
  if (bits == 0) return 0.0;
  uint64_t mantissa;
  bool sticky = false;
  if (bits <= 64) {
    uint64_t magnitude = 0;
    magnitude_of(number, &magnitude);
    mantissa = magnitude << (64 - bits);
  } else {
    Mpz value(number), top;
    mpz_abs(value, value);
    mpz_tdiv_q_2exp(top, value, bits - 64);
    mantissa = mpz_get_ui(top);
    sticky = mpz_scan1(value, 0) < bits - 64;
  }
  uint64_t rest = mantissa & 0x7ff;
  uint64_t kept = mantissa >> 11;
  if (rest > 0x400 || (rest == 0x400 && (sticky || (kept & 1)))) ++kept;
  double result = std::ldexp(static_cast<double>(kept), -53);
  if (result == 1.0) {
    result = 0.5;
    ++*exponent;
  }
  return int_size(number) < 0 ? -result : result;
}

double PyLong_AsDouble(PyObject* object) {
  if (!object) {
    PyErr_BadInternalCall();
    return -1.0;
  }
  if (!PyLong_Check(object)) {
    PyErr_SetString(PyExc_TypeError, "an integer is required");
    return -1.0;
  }
  if (is_one_digit(object)) return static_cast<double>(one_digit_value(object));
  Py_ssize_t exponent;
  double fraction = _PyLong_Frexp(reinterpret_cast<PyLongObject*>(object), &exponent);
  if (exponent > 1024) {
    PyErr_SetString(PyExc_OverflowError, "int too large to convert to float");
    return -1.0;
  }
  double result = std::ldexp(fraction, static_cast<int>(exponent));
  if (std::isinf(result)) {
    PyErr_SetString(PyExc_OverflowError, "int too large to convert to float");
    return -1.0;
  }
  return result;
}

PyObject* _PyLong_FromByteArray(const unsigned char* bytes, size_t n, int little_endian, int is_signed) {
  if (n == 0) return borrow(small_int(0)).release();
  if (n <= sizeof(uint64_t)) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; ++i) value = value << 8 | bytes[little_endian ? n - 1 - i : i];
    int unused = static_cast<int>(64 - 8 * n);
    if (is_signed) return int_from(static_cast<int64_t>(value << unused) >> unused).release();
    return from_unsigned(value).release();
  }
  bool negative = is_signed && (bytes[little_endian ? n - 1 : 0] & 0x80);
  TRY(expect_bits(16.0 * static_cast<double>(n)));
  Mpz value;
  mpz_import(value, n, little_endian ? -1 : 1, 1, 0, 0, bytes);
  if (negative) {
    Mpz modulus;
    mpz_setbit(modulus, n * 8);
    mpz_sub(value, value, modulus);
  }
  return value.to_int().release();
}

int _PyLong_AsByteArray(PyLongObject* source, unsigned char* bytes, size_t n, int little_endian, int is_signed) {
  PyObject* number = as_object(source);
  bool negative = int_size(number) < 0;
  if (negative && !is_signed) {
    PyErr_SetString(PyExc_OverflowError, "can't convert negative int to unsigned");
    return -1;
  }
  if (uint64_t magnitude; magnitude_of(number, &magnitude) && magnitude <= static_cast<uint64_t>(INT64_MAX)) {
    // The value as eight bytes, of which those left out must be copies of the sign.
    int64_t small = negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
    bool small_fits = n >= sizeof(small) || (n == 0 ? small == 0 || (is_signed && small == -1) : is_signed ? small >> (8 * n - 1) == (negative ? -1 : 0) : small >> (8 * n) == 0);
    if (!small_fits) {
      PyErr_SetString(PyExc_OverflowError, "int too big to convert");
      return -1;
    }
    for (size_t i = 0; i < n; ++i) {
      bytes[little_endian ? i : n - 1 - i] = static_cast<unsigned char>(i < sizeof(small) ? small >> (8 * i) : small >> 63);
    }
    return 0;
  }
  TRY(expect_operands(number));
  Mpz value(number);
  // Two's complement of n bytes: a negative number is 2**(8n) less.
  if (negative) {
    Mpz modulus;
    mpz_setbit(modulus, n * 8);
    mpz_add(value, value, modulus);
  }
  size_t bits = value.sign() ? mpz_sizeinbase(value, 2) : 0;
  bool fits = value.sign() >= 0 && bits <= n * 8;
  if (fits && is_signed && n) fits = negative ? bits == n * 8 : bits < n * 8;
  if (!fits) {
    PyErr_SetString(PyExc_OverflowError, "int too big to convert");
    return -1;
  }
  std::memset(bytes, 0, n);
  size_t used = (bits + 7) / 8;
  size_t written;
  mpz_export(little_endian ? bytes : bytes + (n - used), &written, little_endian ? -1 : 1, 1, 0, 0, value);
  return 0;
}

PyObject* _PyLong_GCD(PyObject* a, PyObject* b) {
  TRY(expect_operands(a, b));
  Mpz x(a), y(b);
  mpz_gcd(x, x, y);
  return x.to_int().release();
}
PyObject* _PyLong_Lshift(PyObject* number, size_t bits) { return int_shift(number, static_cast<Py_ssize_t>(bits), true).release(); }
PyObject* _PyLong_Rshift(PyObject* number, size_t bits) { return int_shift(number, static_cast<Py_ssize_t>(bits), false).release(); }

// (q, r) with q the nearest integer to a/b, ties to even, and r = a - q*b.
PyObject* _PyLong_DivmodNear(PyObject* a, PyObject* b) {
  if (!PyLong_Check(a) || !PyLong_Check(b)) {
    PyErr_SetString(PyExc_TypeError, "non-integer arguments in division");
    return nullptr;
  }
  if (int_size(b) == 0) {
    PyErr_SetString(PyExc_ZeroDivisionError, "integer division or modulo by zero");
    return nullptr;
  }
  TRY(expect_operands(a, b));
  Mpz x(a), y(b), q, r, twice;
  mpz_fdiv_qr(q, r, x, y);
  mpz_mul_2exp(twice, r, 1);
  int order = mpz_cmpabs(twice, y);
  if (order > 0 || (order == 0 && mpz_odd_p(static_cast<mpz_srcptr>(q)))) {
    mpz_add_ui(q, q, 1);
    mpz_sub(r, r, y);
  }
  Ref<> quotient = q.to_int(), remainder = r.to_int();
  return quotient && remainder ? PyTuple_Pack(2, quotient.get(), remainder.get()) : nullptr;
}

}  // extern "C"
