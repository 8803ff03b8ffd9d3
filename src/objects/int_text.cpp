// int to text and back, in bases 2 to 36.
//
// Decimal conversion of very long numbers takes more than linear time, so it is bounded by the
// interpreter's limit of digits (sys.set_int_max_str_digits, 0: none).
#include <cctype>
#include <charconv>
#include <cstring>

#include "base/names.h"
#include "objects/int.h"
#include "runtime/interpreter.h"

namespace gill {
namespace {

inline constexpr int kLimitThreshold = 640;  // numbers below are never refused

int digit_limit() { return current_interpreter()->int_max_str_digits; }

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

bool is_power_of_two(int base) { return (base & (base - 1)) == 0; }

// Decimal digits of a number of moderate length, nine at a time: GMP takes longer to get going.
inline constexpr Py_ssize_t kShortNumber = 24;   // int digits
inline constexpr size_t kShortText = 24 * 9 + 8;  // decimal digits
inline constexpr uint32_t kNine = 1'000'000'000;

char* short_decimal(PyObject* number, char* end) {
  digit rest[kShortNumber];
  Py_ssize_t n = std::abs(int_size(number));
  std::copy_n(int_digits(number), n, rest);
  char* out = end;
  while (n > 0) {
    uint64_t carry = 0;
    for (Py_ssize_t i = n; --i >= 0;) {
      carry = carry << PyLong_SHIFT | rest[i];
      rest[i] = static_cast<digit>(carry / kNine);
      carry %= kNine;
    }
    if (rest[n - 1] == 0) --n;
    for (int i = 0; i < 9 && (n > 0 || carry); ++i, carry /= 10) *--out = static_cast<char>('0' + carry % 10);
  }
  return out;
}

// A number of few decimal digits, with underscores between.
Ref<> from_short_decimal(const char* text, const char* end, size_t count, bool negative) {
  Ref<PyLongObject> number = TRY(new_int(static_cast<Py_ssize_t>(count / 9 + 1)));
  Py_ssize_t n = 0;
  uint32_t chunk = 0, scale = 1;
  auto add_chunk = [&] {
    uint64_t carry = chunk;
    for (Py_ssize_t i = 0; i < n; ++i) {
      carry += static_cast<uint64_t>(number->ob_digit[i]) * scale;
      number->ob_digit[i] = static_cast<digit>(carry & PyLong_MASK);
      carry >>= PyLong_SHIFT;
    }
    if (carry) number->ob_digit[n++] = static_cast<digit>(carry);
    chunk = 0;
    scale = 1;
  };
  for (; text < end; ++text) {
    if (*text == '_') continue;
    chunk = chunk * 10 + static_cast<uint32_t>(*text - '0');
    scale *= 10;
    if (scale == kNine) add_chunk();
  }
  if (scale > 1) add_chunk();
  number->ob_base.ob_size = n;
  return normalized(std::move(number), negative);
}

// The digits in a malloc'ed, NUL-terminated buffer; null with an exception.
char* digits_of(PyObject* number, int base, size_t* length) {
  TRY(expect_operands(number, number));
  Mpz value(number);
  mpz_abs(value, value);
  size_t room = mpz_sizeinbase(value, base) + 2;
  char* text = static_cast<char*>(PyMem_Malloc(room));
  if (!text) {
    PyErr_NoMemory();
    return nullptr;
  }
  mpz_get_str(text, base, value);
  *length = std::strlen(text);
  return text;
}

Status check_output_limit(PyObject* number) {
  int limit = digit_limit();
  if (limit <= 0 || std::abs(int_size(number)) * PyLong_SHIFT * 0.30103 <= kLimitThreshold) return Status::ok;
  // The number of bits bounds the digits from below without converting.
  double digits = static_cast<double>(_PyLong_NumBits(number) - 1) * 0.30102999566398120;
  if (digits < limit - 1) return Status::ok;
  TRY(expect_operands(number));
  Mpz value(number), bound;
  mpz_ui_pow_ui(bound, 10, static_cast<unsigned long>(limit));
  if (mpz_cmpabs(value, bound) < 0) return Status::ok;
  return raise(PyExc_ValueError, "Exceeds the limit (%d digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit", limit);
}

}  // namespace

Ref<> int_to_text(PyObject* number, int base, bool prefix) {
  if (base == 10 && std::abs(int_size(number)) > 2) TRY(check_output_limit(number));
  bool negative = int_size(number) < 0;
  char small[kShortText];
  char* digits = small;
  size_t length;
  bool in_place = true;
  if (std::abs(int_size(number)) <= 2) {
    uint64_t magnitude = int_size(number) == 0 ? 0 : int_digits(number)[0];
    if (std::abs(int_size(number)) == 2) magnitude |= static_cast<uint64_t>(int_digits(number)[1]) << PyLong_SHIFT;
    auto [end, error] = std::to_chars(small, small + sizeof(small), magnitude, base);
    length = static_cast<size_t>(end - small);
  } else if (base == 10 && std::abs(int_size(number)) <= kShortNumber) {
    char* end = small + sizeof(small);
    digits = short_decimal(number, end);
    length = static_cast<size_t>(end - digits);
  } else {
    digits = digits_of(number, base, &length);
    if (!digits) return failure;
    in_place = false;
  }
  const char* lead = !prefix ? "" : base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  size_t lead_length = std::strlen(lead);
  Ref<> text = steal(PyUnicode_New(static_cast<Py_ssize_t>(negative + lead_length + length), 127));
  if (text) {
    char* out = static_cast<char*>(PyUnicode_DATA(text.get()));
    if (negative) *out++ = '-';
    std::memcpy(out, lead, lead_length);
    std::memcpy(out + lead_length, digits, length);
  }
  if (!in_place) PyMem_Free(digits);
  return text;
}

// Reads an int literal: white space, sign, prefix, digits with single underscores between. *end is where reading
// stopped. *bad says that there was no number; any other failure has set its exception.
Ref<> int_from_text(const char* text, const char** end, int base, bool* bad) {
  *bad = false;
  const char* p = text;
  auto refuse = [&]() -> Failure {
    *bad = true;
    return failure;
  };
  while (*p && Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  bool negative = *p == '-';
  if (*p == '+' || *p == '-') ++p;
  bool decimal_zero = false;  // base 0 and a leading 0: only zeros may follow
  if (base == 0) {
    if (*p != '0') base = 10;
    else if (p[1] == 'x' || p[1] == 'X') base = 16;
    else if (p[1] == 'o' || p[1] == 'O') base = 8;
    else if (p[1] == 'b' || p[1] == 'B') base = 2;
    else base = 10, decimal_zero = true;
  }
  if (*p == '0' && ((base == 16 && (p[1] == 'x' || p[1] == 'X')) || (base == 8 && (p[1] == 'o' || p[1] == 'O')) ||
                    (base == 2 && (p[1] == 'b' || p[1] == 'B')))) {
    p += 2;
    if (*p == '_') ++p;
  }
  const char* start = p;
  size_t count = 0;
  bool after_digit = false;
  int64_t value = 0;
  bool fits = true;
  for (;; ++p) {
    if (*p == '_') {
      if (!after_digit) return refuse();
      after_digit = false;
      continue;
    }
    int d = digit_value(*p);
    if (d >= base) break;
    if (decimal_zero && d != 0) return refuse();
    fits = fits && !__builtin_mul_overflow(value, base, &value) && !__builtin_add_overflow(value, d, &value);
    ++count;
    after_digit = true;
  }
  if (!after_digit) return refuse();
  const char* stop = p;
  while (*p && Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  if (end) *end = p;
  if (count > kLimitThreshold && !is_power_of_two(base)) {
    int limit = digit_limit();
    if (limit > 0 && count > static_cast<size_t>(limit)) {
      return raise(PyExc_ValueError, "Exceeds the limit (%d digits) for integer string conversion: value has %zd digits; use sys.set_int_max_str_digits() to increase the limit",
                   limit, static_cast<Py_ssize_t>(count));
    }
  }
  if (fits) return int_from(negative ? -value : value);
  if (base == 10 && count <= kShortNumber * 9) return from_short_decimal(start, stop, count, negative);
  TRY(expect_bits(static_cast<double>(count) * 5.2));
  char* digits = static_cast<char*>(PyMem_Malloc(count + 1));
  if (!digits) {
    PyErr_NoMemory();
    return failure;
  }
  size_t n = 0;
  for (const char* q = start; q < stop; ++q) {
    if (*q != '_') digits[n++] = *q;
  }
  digits[n] = 0;
  Mpz number;
  mpz_set_str(number, digits, base);
  PyMem_Free(digits);
  if (negative) mpz_neg(number, number);
  return number.to_int();
}

namespace {

// The text of a failed conversion, cut to a sensible length.
Failure invalid_literal(int base, PyObject* text) {
  return raise(PyExc_ValueError, "invalid literal for int() with base %d: %.200R", base, text);
}

// The base that a literal of base 0 shows itself to be in; 0 when it is decimal and begins with a zero, which is wrong in itself.
int shown_base(const char* p) {
  while (*p && Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  if (*p == '+' || *p == '-') ++p;
  if (*p != '0') return 10;
  switch (p[1]) {
    case 'x': case 'X': return 16;
    case 'o': case 'O': return 8;
    case 'b': case 'B': return 2;
    default: return 0;
  }
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyLong_FromString(const char* text, char** end, int base) {
  if ((base != 0 && base < 2) || base > 36) {
    PyErr_SetString(PyExc_ValueError, "int() arg 2 must be >= 2 and <= 36");
    return nullptr;
  }
  const char* stop = text;
  bool bad;
  Ref<> number = int_from_text(text, &stop, base, &bad);
  if (!number) {
    while (Py_ISSPACE(*stop)) ++stop;
  }
  if (number && *stop) bad = true;
  // The end on success, else the first character that could not be processed.
  if (end) *end = const_cast<char*>(stop);
  if (!bad) return number.release();
  Ref<> shown = steal(PyUnicode_FromStringAndSize(text, static_cast<Py_ssize_t>(strnlen(text, 200))));
  if (shown) (void)invalid_literal(base == 0 ? shown_base(text) : base, shown.get());
  return nullptr;
}

PyObject* _PyLong_FromBytes(const char* text, Py_ssize_t length, int base) {
  if ((base != 0 && base < 2) || base > 36) {
    PyErr_SetString(PyExc_ValueError, "int() arg 2 must be >= 2 and <= 36");
    return nullptr;
  }
  const char* stop = text;
  bool bad;
  Ref<> number = int_from_text(text, &stop, base, &bad);
  if (!bad && !number) return nullptr;
  if (number && stop == text + length) return number.release();
  Ref<> shown = steal(PyBytes_FromStringAndSize(text, std::min<Py_ssize_t>(length, 200)));
  if (shown) (void)invalid_literal(base, shown.get());
  return nullptr;
}

PyObject* PyLong_FromUnicodeObject(PyObject* text, int base) {
  if ((base != 0 && base < 2) || base > 36) {
    PyErr_SetString(PyExc_ValueError, "int() arg 2 must be >= 2 and <= 36");
    return nullptr;
  }
  // Digits and spaces of any script count as the ASCII ones.
  Ref<> plain = steal(_PyUnicode_TransformDecimalAndSpaceToASCII(text));
  if (!plain) return nullptr;
  Py_ssize_t length;
  const char* utf8 = PyUnicode_AsUTF8AndSize(plain.get(), &length);
  bool bad = false;
  if (utf8) {
    const char* stop = utf8;
    Ref<> number = int_from_text(utf8, &stop, base, &bad);
    if (!bad && !number) return nullptr;
    if (number && stop == utf8 + length) return number.release();
  } else {
    PyErr_Clear();
  }
  (void)invalid_literal(base, text);
  return nullptr;
}

PyObject* _PyLong_Format(PyObject* number, int base) { return int_to_text(number, base, true).release(); }
[[gnu::visibility("default")]] int _PyLong_FormatWriter(_PyUnicodeWriter* writer, PyObject* number, int base, int alternate) {
  Ref<> text = int_to_text(number, base, alternate);
  return text ? _PyUnicodeWriter_WriteStr(writer, text.get()) : -1;
}
[[gnu::visibility("default")]] char* _PyLong_FormatBytesWriter(_PyBytesWriter* writer, char* out, PyObject* number, int base, int alternate) {
  Ref<> text = int_to_text(number, base, alternate);
  if (!text) return nullptr;
  Py_ssize_t length = PyUnicode_GET_LENGTH(text.get());
  out = static_cast<char*>(_PyBytesWriter_Prepare(writer, out, length));
  if (!out) return nullptr;
  std::memcpy(out, PyUnicode_DATA(text.get()), static_cast<size_t>(length));
  return out + length;
}

// The value of a character as a digit, 37 where it is none.
[[gnu::visibility("default")]] unsigned char _PyLong_DigitValue[256] = {
#define GILL_DIGIT(c) static_cast<unsigned char>((c) >= '0' && (c) <= '9' ? (c) - '0' : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 10 : (c) >= 'A' && (c) <= 'Z' ? (c) - 'A' + 10 : 37)
#define GILL_DIGITS8(c) GILL_DIGIT(c), GILL_DIGIT((c) + 1), GILL_DIGIT((c) + 2), GILL_DIGIT((c) + 3), GILL_DIGIT((c) + 4), GILL_DIGIT((c) + 5), GILL_DIGIT((c) + 6), GILL_DIGIT((c) + 7)
#define GILL_DIGITS64(c) GILL_DIGITS8(c), GILL_DIGITS8((c) + 8), GILL_DIGITS8((c) + 16), GILL_DIGITS8((c) + 24), GILL_DIGITS8((c) + 32), GILL_DIGITS8((c) + 40), GILL_DIGITS8((c) + 48), GILL_DIGITS8((c) + 56)
    GILL_DIGITS64(0), GILL_DIGITS64(64), GILL_DIGITS64(128), GILL_DIGITS64(192)};

}  // extern "C"
