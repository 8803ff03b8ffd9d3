// Doubles to text and back: repr, hexadecimal, rounding, and the published conversion functions. The digits come
// from the standard library's exact to_chars and from_chars.
#include "objects/float_text.h"

#include <charconv>
#include <climits>
#include <cmath>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/names.h"
#include "objects/str.h"

namespace gill {
namespace {

inline constexpr size_t kMostWholeDigits = 310;
inline constexpr int kMostDigits = 1100;  // of any finite double written out in full

bool starts_with_word(const char* p, const char* word, const char** end) {
  while (*word) {
    if (Py_TOLOWER(static_cast<unsigned char>(*p)) != *word) return false;
    ++p;
    ++word;
  }
  *end = p;
  return true;
}

// The digits and the decimal exponent (value = 0.d1d2d3... * 10**point) of |value|, shortest or with
// `precision` digits behind the first.
struct Decimal {
  char digits[kMostDigits];
  int count = 0;
  int point = 0;
};

void from_scientific(const char* text, const char* end, Decimal* out) {
  const char* e = static_cast<const char*>(std::memchr(text, 'e', static_cast<size_t>(end - text)));
  for (const char* p = text; p < e; ++p) {
    if (*p != '.') out->digits[out->count++] = *p;
  }
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  out->point = exponent + 1;
}

void shortest_decimal(double value, Decimal* out) {
  char text[64];
  auto [end, error] = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  from_scientific(text, end, out);
}
void rounded_decimal(double value, int digits, Decimal* out) {
  char text[kMostDigits + 16];
  auto [end, error] = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific, digits - 1);
  from_scientific(text, end, out);
}

char* put(char* out, const char* text) {
  size_t n = std::strlen(text);
  std::memcpy(out, text, n);
  return out + n;
}

char* put_exponent(char* out, int exponent, bool upper) {
  *out++ = upper ? 'E' : 'e';
  *out++ = exponent < 0 ? '-' : '+';
  int magnitude = exponent < 0 ? -exponent : exponent;
  if (magnitude < 10) *out++ = '0';
  return std::to_chars(out, out + 8, magnitude).ptr;
}

// Powers of ten that doubles hold exactly, as far as results of a machine word can use them.
constexpr double kPowersOfTen[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
constexpr int kMostScaled = static_cast<int>(std::size(kPowersOfTen)) - 1;

// magnitude * 10**digits, rounded half to even by its exact value; false where the product does not fit a double's digits.
bool scaled_integer(double magnitude, int digits, uint64_t* result) {
  if (digits < 0 || digits > kMostScaled) return false;
  double product = magnitude * kPowersOfTen[digits];
  if (!(product < 0x1p52)) return false;
  // What the multiplication rounded away.
  double error = std::fma(magnitude, kPowersOfTen[digits], -product);
  auto whole = static_cast<uint64_t>(product);
  double over_half = (product - static_cast<double>(whole) - 0.5) + error;
  *result = whole + (over_half > 0 || (over_half == 0 && whole % 2 == 1));
  return true;
}

char* put_scaled(char* out, uint64_t scaled, int digits) {
  auto unit = static_cast<uint64_t>(kPowersOfTen[digits]);
  out = std::to_chars(out, out + 24, scaled / unit).ptr;
  if (digits == 0) return out;
  *out++ = '.';
  uint64_t fraction = scaled % unit;
  for (int i = digits; --i >= 0; fraction /= 10) out[i] = static_cast<char>('0' + fraction % 10);
  return out + digits;
}

char* put_fixed(char* out, char* limit, double magnitude, int precision, int flags) {
  uint64_t scaled;
  if (scaled_integer(magnitude, precision, &scaled)) out = put_scaled(out, scaled, precision);
  else out = std::to_chars(out, limit, magnitude, std::chars_format::fixed, precision).ptr;
  if (precision == 0 && flags & Py_DTSF_ALT) *out++ = '.';
  return out;
}

char* put_scientific(char* out, double magnitude, int precision, int flags, bool upper) {
  Decimal decimal;
  rounded_decimal(magnitude, std::min(precision + 1, kMostDigits - 1), &decimal);
  *out++ = decimal.digits[0];
  if (precision > 0 || flags & Py_DTSF_ALT) *out++ = '.';
  int have = std::min(decimal.count - 1, precision);
  out = std::copy_n(decimal.digits + 1, have, out);
  out = std::fill_n(out, precision - have, '0');
  return put_exponent(out, decimal.point - 1, upper);
}

// repr and 'g': scientific where the exponent is far out.
char* put_general(char* out, double magnitude, bool shortest, int precision, int flags, bool upper) {
  Decimal decimal;
  int wanted = precision == 0 ? 1 : precision;
  if (shortest) shortest_decimal(magnitude, &decimal);
  else rounded_decimal(magnitude, std::min(wanted, kMostDigits - 1), &decimal);
  // Trailing zeros go, unless the alternate form keeps them.
  bool keep = !shortest && flags & Py_DTSF_ALT;
  int zeros = 0;
  if (keep) {
    zeros = wanted - decimal.count;
  } else {
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') --decimal.count;
  }
  int count = decimal.count + zeros;
  auto put_digits = [&](int from, int to) {
    for (; from < to; ++from) *out++ = from < decimal.count ? decimal.digits[from] : '0';
  };
  // ".0" behind a whole number takes a digit of the precision.
  int limit = shortest ? 16 : flags & Py_DTSF_ADD_DOT_0 ? wanted - 1 : wanted;
  if (decimal.point <= -4 || decimal.point > limit) {
    *out++ = decimal.digits[0];
    if (count > 1 || flags & Py_DTSF_ALT) *out++ = '.';
    put_digits(1, count);
    return put_exponent(out, decimal.point - 1, upper);
  }
  if (decimal.point <= 0) {
    out = put(out, "0.");
    out = std::fill_n(out, -decimal.point, '0');
    put_digits(0, count);
    return out;
  }
  put_digits(0, decimal.point);
  if (count > decimal.point) {
    *out++ = '.';
    put_digits(decimal.point, count);
  } else if (flags & Py_DTSF_ADD_DOT_0 && !keep) {
    out = put(out, ".0");
  } else if (flags & Py_DTSF_ALT) {
    *out++ = '.';
  }
  return out;
}

}  // namespace

Status DoubleText::write(double value, char code, int precision, int flags, int* type) {
  bool upper = code == 'E' || code == 'F' || code == 'G';
  char lower = static_cast<char>(Py_TOLOWER(static_cast<unsigned char>(code)));
  if (!std::strchr("efgr", lower) || (lower == 'r' && precision != 0)) {
    PyErr_BadInternalCall();
    return failure;
  }
  bool negative = std::signbit(value);
  if (!std::isfinite(value)) {
    bool nan = std::isnan(value);
    char* out = text_;
    if (flags & Py_DTSF_SIGN && (nan || !negative)) *out++ = '+';
    else if (negative && !nan) *out++ = '-';
    out = put(out, nan ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf");
    length_ = static_cast<size_t>(out - text_);
    if (type) *type = nan ? Py_DTST_NAN : Py_DTST_INFINITE;
    return Status::ok;
  }
  if (type) *type = Py_DTST_FINITE;
  size_t room = static_cast<size_t>(precision > 0 ? precision : 0) + (lower == 'f' ? kMostWholeDigits : 0) + 40;
  if (room > sizeof(inline_)) {
    text_ = static_cast<char*>(PyMem_Malloc(room));
    if (!text_) {
      text_ = inline_;
      PyErr_NoMemory();
      return failure;
    }
  }
  char* out = text_;
  if (negative) *out++ = '-';
  else if (flags & Py_DTSF_SIGN) *out++ = '+';
  char* digits = out;
  double magnitude = std::fabs(value);
  if (lower == 'f') out = put_fixed(out, text_ + room, magnitude, precision, flags);
  else if (lower == 'e') out = put_scientific(out, magnitude, precision, flags, upper);
  else out = put_general(out, magnitude, lower == 'r', precision, flags, upper);
  if (negative && flags & Py_DTSF_NO_NEG_0) {
    // A result that shows only zeros loses its sign.
    bool zero = true;
    for (char* p = digits; p < out && *p != 'e' && *p != 'E'; ++p) zero = zero && (*p == '0' || *p == '.');
    if (zero) {
      std::memmove(text_, digits, static_cast<size_t>(out - digits));
      out -= digits - text_;
      if (flags & Py_DTSF_SIGN) {
        std::memmove(text_ + 1, text_, static_cast<size_t>(out - text_));
        *text_ = '+';
        ++out;
      }
    }
  }
  length_ = static_cast<size_t>(out - text_);
  return Status::ok;
}

Ref<> shortest_text(double value) {
  DoubleText text;
  TRY(text.write(value, 'r', 0, Py_DTSF_ADD_DOT_0));
  return str_from_ascii(text.text(), static_cast<Py_ssize_t>(text.length()));
}

double out_of_range_value(const char* text, const char* end) {
  // The place of the leading digit, counted from the point, decides together with the exponent.
  long place = 0;
  const char* p = text;
  bool leading = false, fraction = false;
  for (; p < end && (Py_ISDIGIT(static_cast<unsigned char>(*p)) || *p == '.'); ++p) {
    if (*p == '.') {
      fraction = true;
    } else {
      leading = leading || *p != '0';
      if (leading && !fraction) ++place;
      if (!leading && fraction) --place;
    }
  }
  long exponent = 0;
  if (p < end) {
    ++p;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    // More digits than any text has only saturate.
    for (; p < end; ++p) exponent = std::min(exponent * 10 + (*p - '0'), LONG_MAX / 16);
    if (negative) exponent = -exponent;
  }
  return place + exponent > 0 ? HUGE_VAL : 0.0;
}

Ref<> hex_text(double value) {
  if (!std::isfinite(value)) return shortest_text(value);
  const char* sign = std::signbit(value) ? "-" : "";
  if (value == 0) return steal(PyUnicode_FromFormat("%s0x0.0p+0", sign));
  int exponent;
  double mantissa = std::frexp(std::fabs(value), &exponent);
  // One digit before the point; a subnormal keeps the smallest exponent.
  int shift = 1 - std::max(-1021 - exponent, 0);
  mantissa = std::ldexp(mantissa, shift);
  exponent -= shift;
  char digits[20];
  char* out = digits;
  auto nibble = [&] {
    int d = static_cast<int>(mantissa);
    mantissa = (mantissa - d) * 16.0;
    return "0123456789abcdef"[d];
  };
  *out++ = nibble();
  *out++ = '.';
  for (int i = 0; i < 13; ++i) *out++ = nibble();
  *out = 0;
  return steal(PyUnicode_FromFormat("%s0x%sp%s%d", sign, digits, exponent < 0 ? "-" : "+", exponent < 0 ? -exponent : exponent));
}

Maybe<double> parse_hex(PyObject* string) {
  Py_ssize_t length;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(string, &length));
  const char* stop = text + length;
  auto bad = []() -> Failure { return raise(PyExc_ValueError, "invalid hexadecimal floating-point string"); };
  const char* p = text;
  while (p < stop && Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  const char* end = p;
  double value = _Py_parse_inf_or_nan(p, const_cast<char**>(&end));
  if (end == p) {
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) p += 2;
    const char* start = p;
    auto is_digit = [](char c) { return Py_ISXDIGIT(static_cast<unsigned char>(c)); };
    size_t digits = 0;
    while (is_digit(*p)) ++p, ++digits;
    if (*p == '.') {
      ++p;
      while (is_digit(*p)) ++p, ++digits;
    }
    if (digits == 0) return bad();
    if (*p == 'p' || *p == 'P') {
      ++p;
      if (*p == '-' || *p == '+') ++p;
      if (!Py_ISDIGIT(static_cast<unsigned char>(*p))) return bad();
      while (Py_ISDIGIT(static_cast<unsigned char>(*p))) ++p;
    }
    auto [parsed, error] = std::from_chars(start, p, value, std::chars_format::hex);
    if (error == std::errc::result_out_of_range) {
      // Too large, or so small that it is zero: the exponent's sign tells.
      const char* e = std::strpbrk(start, "pP");
      if (!e || e >= p || e[1] != '-') return raise(PyExc_OverflowError, "hexadecimal value too large to represent as a float");
      value = 0.0;
    } else if (error != std::errc()) {
      return bad();
    }
    if (negative) value = -value;
    end = p;
  }
  p = end;
  while (p < stop && Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  if (p != stop) return bad();
  return value;
}

Ref<> round_decimal(double value, int digits) {
  char text[kMostDigits + 400];
  double result;
  if (uint64_t scaled; scaled_integer(std::fabs(value), digits, &scaled)) {
    // Both are exact, so that the quotient is the double nearest to the decimal number.
    return steal(PyFloat_FromDouble(std::copysign(static_cast<double>(scaled) / kPowersOfTen[digits], value)));
  }
  if (digits >= 0) {
    const char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed, digits).ptr;
    if (std::from_chars(text, end, result).ec != std::errc()) result = HUGE_VAL;
  } else {
    // Before the point: as many significant digits as stand left of the place.
    Decimal decimal;
    shortest_decimal(std::fabs(value), &decimal);
    int keep = decimal.point + digits;
    if (value == 0 || keep < 0) return steal(PyFloat_FromDouble(std::copysign(0.0, value)));
    if (keep == 0) {
      // 5, 50, ... is a tie with 0 and goes to the even one.
      Decimal exact;
      rounded_decimal(std::fabs(value), kMostDigits - 1, &exact);
      bool up = exact.digits[0] > '5';
      for (int i = 1; i < exact.count && exact.digits[0] == '5' && !up; ++i) up = exact.digits[i] != '0';
      char unit[16];
      const char* end = std::to_chars(std::copy_n("1e", 2, unit), unit + sizeof(unit), -digits).ptr;
      std::from_chars(unit, end, result);
      result = std::copysign(up ? result : 0.0, value);
    } else {
      const char* end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific, keep - 1).ptr;
      if (std::from_chars(text, end, result).ec != std::errc()) result = HUGE_VAL;
    }
  }
  if (std::isinf(result)) return raise(PyExc_OverflowError, "rounded value too large to represent");
  return steal(PyFloat_FromDouble(result));
}

}  // namespace gill

using namespace gill;

extern "C" {

// "inf", "infinity" and "nan" with a sign, in any case. *end is `text` when there is none.
double _Py_parse_inf_or_nan(const char* text, char** end) {
  const char* p = text;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  const char* stop;
  double value = -1.0;
  if (starts_with_word(p, "infinity", &stop) || starts_with_word(p, "inf", &stop)) value = HUGE_VAL;
  else if (starts_with_word(p, "nan", &stop)) value = std::numeric_limits<double>::quiet_NaN();
  else stop = text;
  *end = const_cast<char*>(stop);
  return negative && stop != text ? -value : value;
}

double PyOS_string_to_double(const char* text, char** end, PyObject* overflow_exception) {
  const char* p = text;
  char* stop;
  double value = _Py_parse_inf_or_nan(text, &stop);
  if (stop == text) {
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    bool digit = Py_ISDIGIT(static_cast<unsigned char>(*p)) || (*p == '.' && Py_ISDIGIT(static_cast<unsigned char>(p[1])));
    value = -1.0;
    if (digit) {
      auto [parsed, error] = std::from_chars(p, p + std::strlen(p), value, std::chars_format::general);
      stop = const_cast<char*>(parsed);
      if (error == std::errc::result_out_of_range) {
        value = out_of_range_value(p, parsed);
      }
      if (negative) value = -value;
    }
  }
  if (stop == text) {
    PyErr_Format(PyExc_ValueError, "could not convert string to float: '%.200s'", text);
    if (end) *end = stop;
    return -1.0;
  }
  if (!end && *stop) {
    PyErr_Format(PyExc_ValueError, "could not convert string to float: '%.200s'", text);
    return -1.0;
  }
  if (end) *end = stop;
  if (std::fabs(value) == HUGE_VAL && overflow_exception && Py_TOLOWER(static_cast<unsigned char>(*(text + (*text == '-' || *text == '+')))) != 'i') {
    PyErr_Format(overflow_exception, "value too large to convert to float: '%.200s'", text);
    return -1.0;
  }
  return value;
}

char* PyOS_double_to_string(double value, char code, int precision, int flags, int* type) {
  DoubleText text;
  if (text.write(value, code, precision, flags, type) != Status::ok) return nullptr;
  char* result = static_cast<char*>(PyMem_Malloc(text.length() + 1));
  if (!result) {
    PyErr_NoMemory();
    return nullptr;
  }
  std::memcpy(result, text.text(), text.length());
  result[text.length()] = 0;
  return result;
}

PyObject* PyFloat_FromString(PyObject* object) {
  Ref<> holder;
  const char* text;
  Py_ssize_t length;
  Py_buffer view = {};
  if (PyUnicode_Check(object)) {
    holder = steal(_PyUnicode_TransformDecimalAndSpaceToASCII(object));
    text = holder ? PyUnicode_AsUTF8AndSize(holder.get(), &length) : nullptr;
    if (!text) return nullptr;
  } else if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) == 0) {
    // A copy with a NUL behind it.
    holder = steal(PyBytes_FromStringAndSize(static_cast<const char*>(view.buf), view.len));
    PyBuffer_Release(&view);
    if (!holder) return nullptr;
    text = PyBytes_AS_STRING(holder.get());
    length = PyBytes_GET_SIZE(holder.get());
  } else {
    PyErr_Format(PyExc_TypeError, "float() argument must be a string or a real number, not '%.200s'", Py_TYPE(object)->tp_name);
    return nullptr;
  }
  const char* start = text;
  const char* stop = text + length;
  while (start < stop && Py_ISSPACE(static_cast<unsigned char>(*start))) ++start;
  while (stop > start && Py_ISSPACE(static_cast<unsigned char>(stop[-1]))) --stop;
  // Underscores stand between digits only.
  size_t n = static_cast<size_t>(stop - start);
  char* plain = static_cast<char*>(PyMem_Malloc(n + 1));
  if (!plain) return PyErr_NoMemory();
  size_t k = 0;
  bool good = n > 0;
  for (size_t i = 0; i < n && good; ++i) {
    if (start[i] == '_') good = i > 0 && i + 1 < n && Py_ISDIGIT(static_cast<unsigned char>(start[i - 1])) && Py_ISDIGIT(static_cast<unsigned char>(start[i + 1]));
    else plain[k++] = start[i];
    if (start[i] == 0) good = false;
  }
  plain[k] = 0;
  char* end = plain;
  double value = -1;
  if (good) {
    value = PyOS_string_to_double(plain, &end, nullptr);
    if (PyErr_Occurred()) PyErr_Clear();
  }
  good = good && end == plain + k && end != plain;
  PyMem_Free(plain);
  if (!good) {
    PyErr_Format(PyExc_ValueError, "could not convert string to float: %R", object);
    return nullptr;
  }
  return PyFloat_FromDouble(value);
}

// Underscores may stand between digits: `read` gets the text without them. It is called with the length that
// it is to consume, so that it notices a NUL inside.
PyObject* _Py_string_to_number_with_underscores(const char* text, Py_ssize_t length, const char* what, PyObject* object, void* argument,
                                                PyObject* (*read)(const char*, Py_ssize_t, void*)) {
  if (!std::strchr(text, '_')) return read(text, length, argument);
  char* plain = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(length) + 1));
  if (!plain) return PyErr_NoMemory();
  char* out = plain;
  char before = 0;
  bool good = true;
  const char* p = text;
  for (; *p && good; ++p) {
    if (*p == '_') {
      good = Py_ISDIGIT(static_cast<unsigned char>(before));
    } else {
      good = before != '_' || Py_ISDIGIT(static_cast<unsigned char>(*p));
      *out++ = *p;
    }
    before = *p;
  }
  *out = 0;
  PyObject* result = nullptr;
  if (good && before != '_' && p == text + length) result = read(plain, out - plain, argument);
  else PyErr_Format(PyExc_ValueError, "could not convert string to %s: %R", what, object);
  PyMem_Free(plain);
  return result;
}

}  // extern "C"
