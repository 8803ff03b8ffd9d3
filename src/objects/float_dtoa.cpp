// The published names of David Gay's conversions between doubles and decimal digits, on top of the standard
// library's exact to_chars and from_chars.
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "objects/float_text.h"

namespace gill {
namespace {

inline constexpr int kMostDigits = 1100;  // of any finite double written out in full
inline constexpr int kNotFinite = 9999;   // the decimal point of "Infinity" and "NaN"

// Digits and the place of the decimal point: value = 0.d1d2d3... * 10**point.
struct Digits {
  char text[kMostDigits + 16];
  int count = 0;
  int point = 0;
};

// `precision` < 0: as many digits as it takes to read the same double back.
void scientific(double value, int precision, Digits* out) {
  char text[kMostDigits + 32];
  char* limit = text + sizeof(text);
  precision = std::min(precision, kMostDigits);
  char* end = precision < 0 ? std::to_chars(text, limit, value, std::chars_format::scientific).ptr
                            : std::to_chars(text, limit, value, std::chars_format::scientific, precision).ptr;
  char* e = static_cast<char*>(std::memchr(text, 'e', static_cast<size_t>(end - text)));
  for (char* p = text; p < e; ++p) {
    if (*p != '.') out->text[out->count++] = *p;
  }
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  out->point = exponent + 1;
}

// Rounded to `places` decimal places; fewer than none round to tens, hundreds, ...
void at_place(double value, int places, Digits* out) {
  Digits exact;
  scientific(value, kMostDigits - 1, &exact);
  long keep = static_cast<long>(exact.point) + places;
  if (keep > 0) {
    scientific(value, static_cast<int>(std::min<long>(keep, kMostDigits)) - 1, out);
    return;
  }
  // Nothing but what rounding up leaves: more than half of a unit, a tie goes to the even zero.
  out->count = 0;
  out->point = -places;
  if (keep < 0) return;
  bool more = exact.text[0] > '5';
  if (exact.text[0] == '5') {
    for (int i = 1; i < exact.count && !more; ++i) more = exact.text[i] != '0';
  }
  if (more) {
    out->text[out->count++] = '1';
    out->point = 1 - places;
  }
}

char* copy(const char* text, int count) {
  char* result = static_cast<char*>(PyMem_RawMalloc(static_cast<size_t>(count) + 1));
  if (!result) return nullptr;
  std::memcpy(result, text, static_cast<size_t>(count));
  result[count] = 0;
  return result;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// Modes 0 and 1: the shortest digits; 2: `ndigits` significant ones; 3: `ndigits` decimal places. No trailing zeros.
PyAPI_FUNC(char*) _Py_dg_dtoa(double value, int mode, int ndigits, int* point, int* sign, char** end) {
  *sign = std::signbit(value);
  value = std::fabs(value);
  Digits digits;
  if (!std::isfinite(value)) {
    const char* word = std::isnan(value) ? "NaN" : "Infinity";
    digits.count = static_cast<int>(std::strlen(word));
    std::memcpy(digits.text, word, static_cast<size_t>(digits.count));
    digits.point = kNotFinite;
  } else if (value == 0) {
    digits.text[digits.count++] = '0';
    digits.point = 1;
  } else {
    if (mode == 2 || mode == 4) scientific(value, std::max(ndigits, 1) - 1, &digits);
    else if (mode == 3 || mode == 5) at_place(value, ndigits, &digits);
    else scientific(value, -1, &digits);
    while (digits.count > 0 && digits.text[digits.count - 1] == '0') --digits.count;
  }
  *point = digits.point;
  char* result = copy(digits.text, digits.count);
  if (result && end) *end = result + digits.count;
  return result;
}
PyAPI_FUNC(void) _Py_dg_freedtoa(char* text) { PyMem_RawFree(text); }

// A decimal number without white space in front; *end is `text` when there is none. errno is ERANGE when it is too
// large, and the result infinite.
PyAPI_FUNC(double) _Py_dg_strtod(const char* text, char** end) {
  const char* p = text;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  double value = 0.0;
  const char* stop = text;
  if (Py_ISDIGIT(static_cast<unsigned char>(*p)) || (*p == '.' && Py_ISDIGIT(static_cast<unsigned char>(p[1])))) {
    auto [parsed, error] = std::from_chars(p, p + std::strlen(p), value, std::chars_format::general);
    stop = parsed;
    if (error == std::errc::result_out_of_range) {
      value = out_of_range_value(p, parsed);
      errno = std::isinf(value) ? ERANGE : 0;
    }
  }
  if (end) *end = const_cast<char*>(stop);
  return negative && stop != text ? -value : value;
}

PyAPI_FUNC(double) _Py_dg_stdnan(int sign) { return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign ? -1.0 : 1.0); }
PyAPI_FUNC(double) _Py_dg_infinity(int sign) { return sign ? -HUGE_VAL : HUGE_VAL; }

}  // extern "C"
