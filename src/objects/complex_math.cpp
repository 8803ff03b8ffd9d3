// Arithmetic of complex numbers: the _Py_c_ functions, which report trouble through errno (EDOM, ERANGE).
#include "objects/complex.h"

#include <cerrno>
#include <cmath>

namespace gill {
namespace {

// By repeated squaring, n >= 0.
Py_complex unsigned_power(Py_complex x, long n) {
  Py_complex result = {1.0, 0.0};
  Py_complex square = x;
  for (long mask = 1; mask > 0 && n >= mask; mask <<= 1) {
    if (n & mask) result = _Py_c_prod(result, square);
    square = _Py_c_prod(square, square);
  }
  return result;
}

// errno tells of a result that overflowed, and not of one that vanished.
void adjust_range_error(Py_complex z) {
  if (std::isinf(z.real) || std::isinf(z.imag)) {
    if (errno == 0) errno = ERANGE;
  } else if (errno == ERANGE) {
    errno = 0;
  }
}

inline constexpr double kMostExactPower = 100.0;

}  // namespace

Py_complex complex_power(Py_complex base, Py_complex exponent) {
  Py_complex result;
  errno = 0;
  // A small whole exponent multiplies out: faster and more exact.
  if (exponent.imag == 0.0 && exponent.real == std::floor(exponent.real) && std::fabs(exponent.real) <= kMostExactPower) {
    long n = static_cast<long>(exponent.real);
    result = n > 0 ? unsigned_power(base, n) : _Py_c_quot({1.0, 0.0}, unsigned_power(base, -n));
  } else {
    result = _Py_c_pow(base, exponent);
  }
  adjust_range_error(result);
  return result;
}

}  // namespace gill

using namespace gill;

extern "C" {

Py_complex _Py_c_sum(Py_complex a, Py_complex b) { return {a.real + b.real, a.imag + b.imag}; }
Py_complex _Py_c_diff(Py_complex a, Py_complex b) { return {a.real - b.real, a.imag - b.imag}; }
Py_complex _Py_c_neg(Py_complex a) { return {-a.real, -a.imag}; }
Py_complex _Py_c_prod(Py_complex a, Py_complex b) {
  return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}

// Scaled by the larger part of the divisor, so that no intermediate result overflows where the quotient does not.
Py_complex _Py_c_quot(Py_complex a, Py_complex b) {
  double real = std::fabs(b.real), imag = std::fabs(b.imag);
  if (real >= imag) {
    if (real == 0.0) {
      errno = EDOM;
      return {0.0, 0.0};
    }
    double ratio = b.imag / b.real;
    double divisor = b.real + b.imag * ratio;
    return {(a.real + a.imag * ratio) / divisor, (a.imag - a.real * ratio) / divisor};
  }
  if (imag >= real) {
    double ratio = b.real / b.imag;
    double divisor = b.real * ratio + b.imag;
    return {(a.real * ratio + a.imag) / divisor, (a.imag * ratio - a.real) / divisor};
  }
  return {std::nan(""), std::nan("")};
}

Py_complex _Py_c_pow(Py_complex a, Py_complex b) {
  if (b.real == 0.0 && b.imag == 0.0) return {1.0, 0.0};
  if (a.real == 0.0 && a.imag == 0.0) {
    if (b.imag != 0.0 || b.real < 0.0) errno = EDOM;
    return {0.0, 0.0};
  }
  double magnitude = std::hypot(a.real, a.imag);
  double length = std::pow(magnitude, b.real);
  double angle = std::atan2(a.imag, a.real);
  double phase = angle * b.real;
  if (b.imag != 0.0) {
    length /= std::exp(angle * b.imag);
    phase += b.imag * std::log(magnitude);
  }
  Py_complex result = {length * std::cos(phase), length * std::sin(phase)};
  adjust_range_error(result);
  return result;
}

double _Py_c_abs(Py_complex z) {
  errno = 0;
  if (std::isinf(z.real)) return std::fabs(z.real);
  if (std::isinf(z.imag)) return std::fabs(z.imag);
  if (std::isnan(z.real) || std::isnan(z.imag)) return std::nan("");
  double result = std::hypot(z.real, z.imag);
  errno = std::isfinite(result) ? 0 : ERANGE;
  return result;
}

}  // extern "C"
