// Doubles as IEEE 754 bytes of 2, 4 and 8, in either order.
#include <bit>
#include <cmath>
#include <cstring>

#include "base/result.h"

namespace gill {
namespace {

template <class T>
void store(T bits, char* out, int little_endian) {
  if (!little_endian) bits = std::byteswap(bits);
  std::memcpy(out, &bits, sizeof(T));
}
template <class T>
T load(const char* in, int little_endian) {
  T bits;
  std::memcpy(&bits, in, sizeof(T));
  return little_endian ? bits : std::byteswap(bits);
}

inline constexpr int kHalfFractionBits = 10;
inline constexpr int kHalfBias = 15;
inline constexpr uint16_t kHalfInfinity = 0x7c00;
inline constexpr uint16_t kHalfNan = 0x7e00;

// The magnitude as a half, rounded once to nearest, ties to even; false when it is too large.
bool half_of(double magnitude, uint16_t* out) {
  if (magnitude == 0.0) return *out = 0, true;
  if (std::isinf(magnitude)) return *out = kHalfInfinity, true;
  if (std::isnan(magnitude)) return *out = kHalfNan, true;
  int exponent;
  std::frexp(magnitude, &exponent);
  // In units of the last place; a subnormal keeps the smallest exponent. The conversion to int is exact
  // apart from the rounding wanted, because scaling by a power of two is.
  int place = std::max(exponent - 1, 1 - kHalfBias) - kHalfFractionBits;
  double units = std::nearbyint(std::ldexp(magnitude, -place));
  auto mantissa = static_cast<uint32_t>(units);
  // A normal number's leading bit adds one to the exponent field; so does a carry out of the rounding.
  uint32_t field = static_cast<uint32_t>(place + kHalfFractionBits + kHalfBias - 1);
  uint32_t bits = (field << kHalfFractionBits) + mantissa;
  *out = static_cast<uint16_t>(bits);
  return bits < kHalfInfinity;
}

double half_value(uint16_t bits) {
  int field = bits >> kHalfFractionBits & 0x1f;
  int fraction = bits & ((1 << kHalfFractionBits) - 1);
  double magnitude;
  if (field == 0x1f) magnitude = fraction ? std::numeric_limits<double>::quiet_NaN() : HUGE_VAL;
  else if (field == 0) magnitude = std::ldexp(fraction, 1 - kHalfBias - kHalfFractionBits);
  else magnitude = std::ldexp(fraction + (1 << kHalfFractionBits), field - kHalfBias - kHalfFractionBits);
  return bits >> 15 ? -magnitude : magnitude;
}

int too_large(char code) {
  PyErr_Format(PyExc_OverflowError, "float too large to pack with %c format", code);
  return -1;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int PyFloat_Pack2(double value, char* out, int little_endian) {
  uint16_t bits;
  if (!half_of(std::fabs(value), &bits)) return too_large('e');
  if (std::signbit(value)) bits |= 0x8000;
  store(bits, out, little_endian);
  return 0;
}
int PyFloat_Pack4(double value, char* out, int little_endian) {
  auto single = static_cast<float>(value);
  if (std::isinf(single) && !std::isinf(value)) return too_large('f');
  store(std::bit_cast<uint32_t>(single), out, little_endian);
  return 0;
}
int PyFloat_Pack8(double value, char* out, int little_endian) {
  store(std::bit_cast<uint64_t>(value), out, little_endian);
  return 0;
}

double PyFloat_Unpack2(const char* in, int little_endian) { return half_value(load<uint16_t>(in, little_endian)); }
double PyFloat_Unpack4(const char* in, int little_endian) { return std::bit_cast<float>(load<uint32_t>(in, little_endian)); }
double PyFloat_Unpack8(const char* in, int little_endian) { return std::bit_cast<double>(load<uint64_t>(in, little_endian)); }

// The structures belong to `sys`, which makes them at start-up.
static PyObject* from_sys(const char* attribute) {
  PyObject* info = PySys_GetObject(attribute);
  if (!info) PyErr_Format(PyExc_RuntimeError, "lost sys.%s", attribute);
  return borrow(info).release();
}
PyObject* PyFloat_GetInfo(void) { return from_sys("float_info"); }
PyObject* PyLong_GetInfo(void) { return from_sys("int_info"); }
// Floats come from the common heap: there is no store of their own to tell about.
PyAPI_FUNC(void) _PyFloat_DebugMallocStats(FILE*) {}

}  // extern "C"
