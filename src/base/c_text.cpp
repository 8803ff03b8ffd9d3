// C library functions with the published names: printing into buffers of a fixed size, reading integers.
#include <Python.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 37;
}

bool digit_fits(char c, int base) { return digit_of(c) < base; }

}  // namespace

extern "C" {

// As the C library's, but the text always ends with a NUL within the buffer.
int PyOS_vsnprintf(char* text, size_t size, const char* format, va_list arguments) {
  if (size > INT_MAX - 512) {
    if (size > 0) text[size - 1] = 0;
    return -666;
  }
  int length = std::vsnprintf(text, size, format, arguments);
  if (size > 0) text[size - 1] = 0;
  return length;
}
int PyOS_snprintf(char* text, size_t size, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = PyOS_vsnprintf(text, size, format, arguments);
  va_end(arguments);
  return length;
}

// Base 0 follows the prefix 0x, 0o or 0b. ERANGE and ULONG_MAX when the number is too large.
unsigned long PyOS_strtoul(const char* text, char** end, int base) {
  const char* p = text;
  while (Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
  auto skip_prefix = [&](char letter, int digits) {
    if (p[0] != '0' || Py_TOLOWER(static_cast<unsigned char>(p[1])) != letter) return false;
    // A prefix without digits is the number 0.
    if (!digit_fits(p[2], digits)) {
      if (end) *end = const_cast<char*>(p + 1);
      base = -1;
      return true;
    }
    p += 2;
    base = digits;
    return true;
  };
  if (base == 0) {
    if (!skip_prefix('x', 16) && !skip_prefix('o', 8) && !skip_prefix('b', 2)) {
      if (*p == '0') {
        // Other leading zeros only make zero.
        while (*p == '0') ++p;
        while (Py_ISSPACE(static_cast<unsigned char>(*p))) ++p;
        if (end) *end = const_cast<char*>(p);
        return 0;
      }
      base = 10;
    }
  } else if (base == 16) {
    skip_prefix('x', 16);
  } else if (base == 8) {
    skip_prefix('o', 8);
  } else if (base == 2) {
    skip_prefix('b', 2);
  }
  if (base == -1) return 0;
  if (base < 2 || base > 36) {
    if (end) *end = const_cast<char*>(p);
    return 0;
  }
  unsigned long value = 0;
  bool overflow = false;
  for (; digit_fits(*p, base); ++p) {
    overflow |= __builtin_mul_overflow(value, static_cast<unsigned long>(base), &value);
    overflow |= __builtin_add_overflow(value, static_cast<unsigned long>(digit_of(*p)), &value);
  }
  if (end) *end = const_cast<char*>(p);
  if (!overflow) return value;
  errno = ERANGE;
  return ULONG_MAX;
}

long PyOS_strtol(const char* text, char** end, int base) {
  while (*text && Py_ISSPACE(static_cast<unsigned char>(*text))) ++text;
  char sign = *text;
  if (sign == '+' || sign == '-') ++text;
  unsigned long magnitude = PyOS_strtoul(text, end, base);
  if (magnitude <= static_cast<unsigned long>(LONG_MAX)) return sign == '-' ? -static_cast<long>(magnitude) : static_cast<long>(magnitude);
  if (sign == '-' && magnitude == 0 - static_cast<unsigned long>(LONG_MIN)) return LONG_MIN;
  errno = ERANGE;
  return LONG_MAX;
}

}  // extern "C"
