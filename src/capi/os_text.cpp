// PyOS_snprintf and PyOS_strtol: text and numbers of C, with the published rules where C leaves them open.
#include <Python.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>

namespace {

// The value of a digit in any base up to 36; 37 for what is none.
unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A') + 10;
  return 37;
}

struct Prefix {
  char letter;
  unsigned base;
};
constexpr Prefix kPrefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};

const char* skip_spaces(const char* text) {
  while (*text && Py_ISSPACE(*text)) ++text;
  return text;
}

}  // namespace

extern "C" {

int PyOS_vsnprintf(char* buffer, size_t size, const char* format, va_list arguments) {
  // The C library counts in int.
  if (size > INT_MAX - 512u) return -666;
  int length = std::vsnprintf(buffer, size, format, arguments);
  if (size > 0) buffer[size - 1] = 0;
  return length;
}
int PyOS_snprintf(char* buffer, size_t size, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = PyOS_vsnprintf(buffer, size, format, arguments);
  va_end(arguments);
  return length;
}

// Base 0 takes the base from a prefix 0x, 0o or 0b; a leading zero without one stands for nothing but zero.
unsigned long PyOS_strtoul(const char* text, char** end, int given_base) {
  auto finish = [&](const char* at, unsigned long value) {
    if (end) *end = const_cast<char*>(at);
    return value;
  };
  auto base = static_cast<unsigned>(given_base);
  const char* at = skip_spaces(text);
  if (*at == '0' && (base == 0 || base == 16 || base == 8 || base == 2)) {
    const Prefix* found = nullptr;
    for (const Prefix& prefix : kPrefixes) {
      if ((base == 0 || base == prefix.base) && (at[1] | 0x20) == prefix.letter) found = &prefix;
    }
    if (found) {
      if (digit_value(at[2]) >= found->base) return finish(at + 1, 0);
      at += 2;
      base = found->base;
    } else if (base == 0) {
      while (*at == '0') ++at;
      return finish(skip_spaces(at), 0);
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36) return finish(text, 0);
  unsigned long value = 0;
  bool overflow = false;
  for (unsigned digit; (digit = digit_value(*at)) < base; ++at) {
    unsigned long next;
    if (__builtin_mul_overflow(value, static_cast<unsigned long>(base), &next) || __builtin_add_overflow(next, static_cast<unsigned long>(digit), &value)) {
      overflow = true;
    }
  }
  if (overflow) {
    errno = ERANGE;
    return finish(at, ULONG_MAX);
  }
  return finish(at, value);
}

long PyOS_strtol(const char* text, char** end, int base) {
  text = skip_spaces(text);
  char sign = *text;
  if (sign == '+' || sign == '-') ++text;
  unsigned long magnitude = PyOS_strtoul(text, end, base);
  constexpr auto kMostNegative = static_cast<unsigned long>(LONG_MAX) + 1;
  if (magnitude < kMostNegative) return sign == '-' ? -static_cast<long>(magnitude) : static_cast<long>(magnitude);
  if (sign == '-' && magnitude == kMostNegative) return LONG_MIN;
  errno = ERANGE;
  return LONG_MAX;
}

}  // extern "C"
