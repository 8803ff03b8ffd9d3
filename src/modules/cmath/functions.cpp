// The elementary functions of a complex variable, mostly by the formulas of Kahan's "Branch cuts for complex elementary
// functions". The C library gives the results at infinities and NaN, which the C standard prescribes up to a few signs.
#include "modules/cmath/functions.h"

#include <cerrno>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numbers>

using CComplex = double _Complex;
extern "C" {
CComplex cacos(CComplex) noexcept;
CComplex cacosh(CComplex) noexcept;
CComplex casinh(CComplex) noexcept;
CComplex catanh(CComplex) noexcept;
CComplex ccosh(CComplex) noexcept;
CComplex cexp(CComplex) noexcept;
CComplex clog(CComplex) noexcept;
CComplex csinh(CComplex) noexcept;
CComplex csqrt(CComplex) noexcept;
CComplex ctanh(CComplex) noexcept;
}

namespace gill::cmath {
namespace {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kPi = std::numbers::pi;
inline constexpr double kLn2 = std::numbers::ln2;
inline constexpr double kLn10 = std::numbers::ln10;

inline constexpr double kLarge = DBL_MAX / 4.0;
inline constexpr int kScaleUp = 2 * (DBL_MANT_DIG / 2) + 1;  // lifts any subnormal into the normal range; odd
inline constexpr int kScaleDown = -(kScaleUp + 1) / 2;
double sqrt_large() { return std::sqrt(kLarge); }
double log_large() { return std::log(kLarge); }
double sqrt_least() { return std::sqrt(DBL_MIN); }

bool is_finite(Py_complex z) { return std::isfinite(z.real) && std::isfinite(z.imag); }
bool is_large(Py_complex z) { return std::fabs(z.real) > kLarge || std::fabs(z.imag) > kLarge; }
Py_complex negated(Py_complex z) { return {-z.real, -z.imag}; }

// f(z) = i * g(-i * z) and its relatives are told by turning the plane.
Py_complex turned(Py_complex z) { return {-z.imag, z.real}; }       // i * z
Py_complex turned_back(Py_complex z) { return {z.imag, -z.real}; }  // -i * z

template <CComplex (*F)(CComplex) noexcept>
Py_complex library(Py_complex z) {
  CComplex argument;
  // The sign of a NaN could become that of an infinity.
  __real__ argument = std::isnan(z.real) ? kNan : z.real;
  __imag__ argument = std::isnan(z.imag) ? kNan : z.imag;
  CComplex result = F(argument);
  errno = 0;
  return {__real__ result, __imag__ result};
}

// log(|z|) of a large z.
double log_of_large(Py_complex z) { return std::log(std::hypot(z.real / 2.0, z.imag / 2.0)) + kLn2 * 2.0; }

void set_range_error(Py_complex z) { errno = std::isinf(z.real) || std::isinf(z.imag) ? ERANGE : 0; }

// An infinite or zero `size` in the direction of (cos(angle), sin(angle)).
Py_complex in_direction(double size, double angle) { return {std::copysign(size, std::cos(angle)), std::copysign(size, std::sin(angle))}; }
bool has_direction(Py_complex z) { return std::isinf(z.real) && std::isfinite(z.imag) && z.imag != 0.0; }

}  // namespace

Py_complex sqrt(Py_complex z) {
  if (!is_finite(z)) return library<csqrt>(z);
  errno = 0;
  if (z.real == 0.0 && z.imag == 0.0) return {0.0, z.imag};
  double a = std::fabs(z.real), b = std::fabs(z.imag);
  double s;
  if (a < DBL_MIN && b < DBL_MIN) {
    a = std::ldexp(a, kScaleUp);
    s = std::ldexp(std::sqrt(a + std::hypot(a, std::ldexp(b, kScaleUp))), kScaleDown);
  } else {
    a /= 8.0;
    s = 2.0 * std::sqrt(a + std::hypot(a, b / 8.0));
  }
  double d = b / (2.0 * s);
  if (z.real >= 0.0) return {s, std::copysign(d, z.imag)};
  return {d, std::copysign(s, z.imag)};
}

Py_complex acos(Py_complex z) {
  if (!is_finite(z)) {
    Py_complex result = library<cacos>(z);
    if (std::isinf(z.real) && std::isnan(z.imag)) result.imag = kInfinity;
    return result;
  }
  Py_complex result;
  if (is_large(z)) {
    result.real = std::atan2(std::fabs(z.imag), z.real);
    result.imag = z.real < 0.0 ? -std::copysign(log_of_large(z), z.imag) : std::copysign(log_of_large(z), -z.imag);
  } else {
    Py_complex s1 = sqrt({1.0 - z.real, -z.imag}), s2 = sqrt({1.0 + z.real, z.imag});
    result.real = 2.0 * std::atan2(s1.real, s2.real);
    result.imag = std::asinh(s2.real * s1.imag - s2.imag * s1.real);
  }
  errno = 0;
  return result;
}

Py_complex acosh(Py_complex z) {
  if (!is_finite(z)) {
    Py_complex result = library<cacosh>(z);
    if (z.real == 0.0 && std::isnan(z.imag)) result.imag = kNan;
    return result;
  }
  Py_complex result;
  if (is_large(z)) {
    result = {log_of_large(z), std::atan2(z.imag, z.real)};
  } else {
    Py_complex s1 = sqrt({z.real - 1.0, z.imag}), s2 = sqrt({z.real + 1.0, z.imag});
    result.real = std::asinh(s1.real * s2.real + s1.imag * s2.imag);
    result.imag = 2.0 * std::atan2(s1.imag, s2.real);
  }
  errno = 0;
  return result;
}

Py_complex asinh(Py_complex z) {
  if (!is_finite(z)) return library<casinh>(z);
  Py_complex result;
  if (is_large(z)) {
    result.real = z.imag >= 0.0 ? std::copysign(log_of_large(z), z.real) : -std::copysign(log_of_large(z), -z.real);
    result.imag = std::atan2(z.imag, std::fabs(z.real));
  } else {
    Py_complex s1 = sqrt({1.0 + z.imag, -z.real}), s2 = sqrt({1.0 - z.imag, z.real});
    result.real = std::asinh(s1.real * s2.imag - s2.real * s1.imag);
    result.imag = std::atan2(z.imag, s1.real * s2.real - s1.imag * s2.imag);
  }
  errno = 0;
  return result;
}

Py_complex atanh(Py_complex z) {
  if (!is_finite(z)) return library<catanh>(z);
  if (std::signbit(z.real)) return negated(atanh(negated(z)));
  double size = std::fabs(z.imag);
  Py_complex result;
  errno = 0;
  if (z.real > sqrt_large() || size > sqrt_large()) {
    double h = std::hypot(z.real / 2.0, z.imag / 2.0);
    result = {z.real / 4.0 / h / h, -std::copysign(kPi / 2.0, -z.imag)};
  } else if (z.real == 1.0 && size < sqrt_least()) {
    if (size == 0.0) {
      errno = EDOM;
      return {kInfinity, z.imag};
    }
    result.real = -std::log(std::sqrt(size) / std::sqrt(std::hypot(size, 2.0)));
    result.imag = std::copysign(std::atan2(2.0, -size) / 2, z.imag);
  } else {
    result.real = std::log1p(4.0 * z.real / ((1 - z.real) * (1 - z.real) + size * size)) / 4.0;
    result.imag = -std::atan2(-2.0 * z.imag, (1 - z.real) * (1 + z.real) - size * size) / 2.0;
  }
  errno = 0;
  return result;
}

Py_complex cosh(Py_complex z) {
  Py_complex result;
  if (!is_finite(z)) {
    if (has_direction(z)) {
      result = in_direction(kInfinity, z.imag);
      if (z.real < 0) result.imag = -result.imag;
    } else {
      result = library<ccosh>(z);
      if (std::isnan(z.real) && z.imag == 0.0) result.imag = 0.0;
    }
    errno = std::isinf(z.imag) && !std::isnan(z.real) ? EDOM : 0;
    return result;
  }
  if (std::fabs(z.real) > log_large()) {
    double less = z.real - std::copysign(1.0, z.real);
    result = {std::cos(z.imag) * std::cosh(less) * std::numbers::e, std::sin(z.imag) * std::sinh(less) * std::numbers::e};
  } else {
    result = {std::cos(z.imag) * std::cosh(z.real), std::sin(z.imag) * std::sinh(z.real)};
  }
  set_range_error(result);
  return result;
}

Py_complex sinh(Py_complex z) {
  Py_complex result;
  if (!is_finite(z)) {
    if (has_direction(z)) {
      result = in_direction(kInfinity, z.imag);
      if (z.real < 0) result.real = -result.real;
    } else {
      result = library<csinh>(z);
      if (z.real == 0.0 && std::isnan(z.imag)) result.real = 0.0;
    }
    errno = std::isinf(z.imag) && !std::isnan(z.real) ? EDOM : 0;
    return result;
  }
  if (std::fabs(z.real) > log_large()) {
    double less = z.real - std::copysign(1.0, z.real);
    result = {std::cos(z.imag) * std::sinh(less) * std::numbers::e, std::sin(z.imag) * std::cosh(less) * std::numbers::e};
  } else {
    result = {std::cos(z.imag) * std::sinh(z.real), std::sin(z.imag) * std::cosh(z.real)};
  }
  set_range_error(result);
  return result;
}

Py_complex tanh(Py_complex z) {
  if (!is_finite(z)) {
    Py_complex result;
    if (has_direction(z)) {
      result = {std::copysign(1.0, z.real), std::copysign(0.0, 2.0 * std::sin(z.imag) * std::cos(z.imag))};
    } else {
      result = library<ctanh>(z);
      if (std::isinf(z.real) && std::isinf(z.imag)) result.imag = 0.0;
      if (z.real == 0.0 && std::isnan(z.imag)) result.real = kNan;
    }
    errno = std::isinf(z.imag) && std::isfinite(z.real) ? EDOM : 0;
    return result;
  }
  if (std::fabs(z.real) > log_large()) {
    Py_complex result = {std::copysign(1.0, z.real), 4.0 * std::sin(z.imag) * std::cos(z.imag) * std::exp(-2.0 * std::fabs(z.real))};
    errno = 0;
    return result;
  }
  double x = std::tanh(z.real), y = std::tan(z.imag);
  double c = 1.0 / std::cosh(z.real);
  double xy = x * y;
  double divisor = 1.0 + xy * xy;
  Py_complex result = {x * (1.0 + y * y) / divisor, ((y / divisor) * c) * c};
  errno = 0;
  return result;
}

Py_complex exp(Py_complex z) {
  Py_complex result;
  if (!is_finite(z)) {
    if (has_direction(z)) {
      result = in_direction(z.real > 0 ? kInfinity : 0.0, z.imag);
    } else {
      result = library<cexp>(z);
      if (std::isinf(z.real) && z.real < 0 && std::isinf(z.imag)) result = {0.0, 0.0};
    }
    errno = std::isinf(z.imag) && (std::isfinite(z.real) || (std::isinf(z.real) && z.real > 0)) ? EDOM : 0;
    return result;
  }
  if (z.real > log_large()) {
    double size = std::exp(z.real - 1.0);
    result = {size * std::cos(z.imag) * std::numbers::e, size * std::sin(z.imag) * std::numbers::e};
  } else {
    double size = std::exp(z.real);
    result = {size * std::cos(z.imag), size * std::sin(z.imag)};
  }
  set_range_error(result);
  return result;
}

Py_complex log(Py_complex z) {
  if (!is_finite(z)) return library<clog>(z);
  double a = std::fabs(z.real), b = std::fabs(z.imag);
  Py_complex result;
  result.imag = std::atan2(z.imag, z.real);
  if (a > kLarge || b > kLarge) {
    result.real = std::log(std::hypot(a / 2.0, b / 2.0)) + kLn2;
  } else if (a < DBL_MIN && b < DBL_MIN) {
    if (a == 0.0 && b == 0.0) {
      result.real = -kInfinity;
      errno = EDOM;
      return result;
    }
    result.real = std::log(std::hypot(std::ldexp(a, DBL_MANT_DIG), std::ldexp(b, DBL_MANT_DIG))) - DBL_MANT_DIG * kLn2;
  } else {
    double h = std::hypot(a, b);
    if (h >= 0.71 && h <= 1.73) {
      // Near the unit circle the logarithm of the size would lose what it has to tell.
      double most = std::max(a, b), least = std::min(a, b);
      result.real = std::log1p((most - 1) * (most + 1) + least * least) / 2.0;
    } else {
      result.real = std::log(h);
    }
  }
  errno = 0;
  return result;
}

Py_complex log10(Py_complex z) {
  Py_complex result = log(z);
  return {result.real / kLn10, result.imag / kLn10};
}

Py_complex asin(Py_complex z) { return turned_back(asinh(turned(z))); }
Py_complex atan(Py_complex z) { return turned_back(atanh(turned(z))); }
Py_complex cos(Py_complex z) { return cosh(turned(z)); }
Py_complex sin(Py_complex z) { return turned_back(sinh(turned(z))); }
Py_complex tan(Py_complex z) { return turned_back(tanh(turned(z))); }

Py_complex rect(double r, double phi) {
  Py_complex result;
  errno = 0;
  if (std::isfinite(r) && std::isfinite(phi)) {
    // An angle of zero keeps its sign.
    if (phi == 0.0) result = {r, r * phi};
    else result = {r * std::cos(phi), r * std::sin(phi)};
  } else if (std::isinf(r) && std::isfinite(phi) && phi != 0.0) {
    result = in_direction(kInfinity, phi);
    if (r < 0.0) result = negated(result);
  } else if (r == 0.0) {
    result = {0.0, 0.0};
  } else if (std::isinf(r) && phi == 0.0) {
    result = {r, r > 0.0 ? phi : -phi};
  } else if (std::isnan(r) && phi == 0.0) {
    result = {kNan, 0.0};
  } else {
    result = {std::isinf(r) ? kInfinity : kNan, kNan};
  }
  if (std::isinf(phi) && r != 0.0 && !std::isnan(r)) errno = EDOM;
  else errno = 0;
  return result;
}

}  // namespace gill::cmath
