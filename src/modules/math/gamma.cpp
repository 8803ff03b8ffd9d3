// The gamma function and the logarithm of its absolute value, by Lanczos's approximation with g = 6.0246... and 13
// terms (the coefficients that Boost publishes for doubles).
#include <cerrno>
#include <cmath>
#include <limits>
#include <numbers>

#include "modules/math/math_module.h"

namespace gill::math {
namespace {

inline constexpr double kPi = std::numbers::pi;
inline constexpr double kLogPi = 1.144729885849400174143427351353058711647;
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

inline constexpr int kTerms = 13;
inline constexpr double kG = 6.024680040776729583740234375;
inline constexpr double kGMinusHalf = 5.524680040776729583740234375;
constexpr double kNumerator[kTerms] = {
    23531376880.410759688572007674451636754734846804940, 42919803642.649098768957899047001988850926355848959,
    35711959237.355668049440185451547166705960488635843, 17921034426.037209699919755754458931112671403265390,
    6039542586.3520280050642916443072979210699388420708, 1439720407.3117216736632230727949123939715485786372,
    248874557.86205415651146038641322942321632125127801, 31426415.585400194380614231628318205362874684987640,
    2876370.6289353724412254090516208496135991145378768, 186056.26539522349504029498971604569928220784236328,
    8071.6720023658162106380029022722506138218516325024, 210.82427775157934587250973392071336271166969580291,
    2.5066282746310002701649081771338373386264310793408};
// x * (x + 1) * ... * (x + 11), multiplied out.
constexpr double kDenominator[kTerms] = {0.0,       39916800.0, 120543840.0, 150917976.0, 105258076.0, 45995730.0, 13339535.0,
                                         2637558.0, 357423.0,   32670.0,     1925.0,      66.0,        1.0};

inline constexpr int kWholeCount = 23;  // factorials that a double holds exactly
constexpr auto kWhole = [] {
  std::array<double, kWholeCount> table{};
  double value = 1.0;
  for (int i = 0; i < kWholeCount; ++i) {
    table[static_cast<size_t>(i)] = value;
    value *= i + 1;
  }
  return table;
}();

inline constexpr double kTiny = 1e-20;

// Evaluated in 1/x where x is large, so that nothing overflows.
double lanczos_sum(double x) {
  double numerator = 0.0, denominator = 0.0;
  if (x < 5.0) {
    for (int i = kTerms; --i >= 0;) {
      numerator = numerator * x + kNumerator[i];
      denominator = denominator * x + kDenominator[i];
    }
  } else {
    for (int i = 0; i < kTerms; ++i) {
      numerator = numerator / x + kNumerator[i];
      denominator = denominator / x + kDenominator[i];
    }
  }
  return numerator / denominator;
}

// sin(pi * x) of a positive x, exact near the zeros.
double sine_of_pi(double x) {
  double y = std::fmod(x, 2.0);
  switch (static_cast<int>(std::round(2.0 * y))) {
    case 0: return std::sin(kPi * y);
    case 1: return std::cos(kPi * (y - 0.5));
    case 2: return std::sin(kPi * (1.0 - y));  // not -sin(pi * (y - 1)): the sign of zero
    case 3: return -std::cos(kPi * (y - 1.5));
    default: return std::sin(kPi * (y - 2.0));
  }
}

}  // namespace

double gamma(double x) {
  if (!std::isfinite(x)) {
    if (std::isnan(x) || x > 0.0) return x;
    errno = EDOM;
    return kNan;
  }
  if (x == 0.0) {
    errno = EDOM;
    return std::copysign(kInfinity, x);
  }
  if (x == std::floor(x)) {
    if (x < 0.0) {
      errno = EDOM;
      return kNan;
    }
    if (x <= kWholeCount) return kWhole[static_cast<size_t>(x) - 1];
  }
  double size = std::fabs(x);
  if (size < kTiny) {
    double result = 1.0 / x;
    if (std::isinf(result)) errno = ERANGE;
    return result;
  }
  if (size > 200.0) {
    if (x < 0.0) return std::copysign(0.0, std::copysign(1.0, x) * sine_of_pi(size));
    errno = ERANGE;
    return kInfinity;
  }
  double y = size + kGMinusHalf;
  // What the sum lost in rounding, brought back below.
  double lost = size > kGMinusHalf ? (y - size) - kGMinusHalf : (y - kGMinusHalf) - size;
  lost = lost * kG / y;
  double result;
  // The power is taken in two halves where the whole would overflow.
  bool halves = size >= 140.0;
  double power = halves ? std::pow(y, size / 2.0 - 0.25) : std::pow(y, size - 0.5);
  if (x < 0.0) {
    result = -kPi / sine_of_pi(size) / size * std::exp(y) / lanczos_sum(size);
    result -= lost * result;
    result /= power;
    if (halves) result /= power;
  } else {
    result = lanczos_sum(size) / std::exp(y);
    result += lost * result;
    result *= power;
    if (halves) result *= power;
  }
  if (std::isinf(result)) errno = ERANGE;
  return result;
}

double log_gamma(double x) {
  if (!std::isfinite(x)) return std::isnan(x) ? x : kInfinity;
  if (x == std::floor(x) && x <= 2.0) {
    if (x > 0.0) return 0.0;
    errno = EDOM;
    return kInfinity;
  }
  double size = std::fabs(x);
  if (size < kTiny) return -std::log(size);
  double result = std::log(lanczos_sum(size)) - kG;
  result += (size - 0.5) * (std::log(size + kG - 0.5) - 1);
  if (x < 0.0) result = kLogPi - std::log(std::fabs(sine_of_pi(size))) - std::log(size) - result;
  if (std::isinf(result)) errno = ERANGE;
  return result;
}

}  // namespace gill::math
