// The math module: the C library's functions of doubles with Python's errors, and the table of all functions.
// gamma.cpp, vector.cpp and integers.cpp have the others.
#include "modules/math/math_module.h"

#include <cerrno>
#include <climits>
#include <cmath>
#include <numbers>

#include "base/names.h"
#include "objects/type.h"

namespace gill::math {
namespace {

// ---- functions of the C library ---------------------------------------------------------------------

enum class Overflow { impossible, possible };

Maybe<double> checked_result(double x, double result, Overflow overflow) {
  if (std::isnan(result) && !std::isnan(x)) return domain_error();
  if (std::isinf(result) && std::isfinite(x)) {
    if (overflow == Overflow::possible) return range_error();
    return domain_error();
  }
  return result;
}

template <double (*F)(double)>
Maybe<double> unary(PyObject*, double x) { return checked_result(x, F(x), Overflow::impossible); }
template <double (*F)(double)>
Maybe<double> unbounded(PyObject*, double x) { return checked_result(x, F(x), Overflow::possible); }
// Functions that tell of trouble through errno.
template <double (*F)(double)>
Maybe<double> with_errno(PyObject*, double x) {
  errno = 0;
  double result = F(x);
  if (errno == EDOM) return domain_error();
  // A result that vanishes is none.
  if (errno == ERANGE && std::fabs(result) >= 1.5) return range_error();
  return result;
}

template <double (*F)(double, double)>
Maybe<double> binary(PyObject*, double x, double y) {
  double result = F(x, y);
  if (std::isnan(result) && !std::isnan(x) && !std::isnan(y)) return domain_error();
  if (std::isinf(result) && std::isfinite(x) && std::isfinite(y)) return range_error();
  return result;
}

// The C library's zero may have the wrong sign where y is subnormal.
double remainder(double x, double y) {
  double result = std::remainder(x, y);
  return result == 0.0 ? std::copysign(result, x) : result;
}

Maybe<double> nextafter(PyObject*, double x, double y) { return std::nextafter(x, y); }

Maybe<double> power(PyObject*, double x, double y) {
  double result = std::pow(x, y);
  if (!std::isfinite(x) || !std::isfinite(y) || std::isfinite(result)) return result;
  if (std::isnan(result) || x == 0.0) return domain_error();
  return range_error();
}

Maybe<double> ulp(PyObject*, double x) {
  if (std::isnan(x)) return x;
  x = std::fabs(x);
  if (std::isinf(x)) return x;
  double above = std::nextafter(x, HUGE_VAL);
  return std::isinf(above) ? x - std::nextafter(x, -HUGE_VAL) : above - x;
}

Maybe<double> degrees(PyObject*, double x) { return x * (180.0 / std::numbers::pi); }
Maybe<double> radians(PyObject*, double x) { return x * (std::numbers::pi / 180.0); }
Maybe<bool> is_finite(PyObject*, double x) { return std::isfinite(x); }
Maybe<bool> is_infinite(PyObject*, double x) { return std::isinf(x); }
Maybe<bool> is_nan(PyObject*, double x) { return std::isnan(x); }

// ---- parts of a double ------------------------------------------------------------------------------

Ref<> frexp(PyObject*, double x) {
  int exponent = 0;
  if (std::isfinite(x) && x != 0.0) x = std::frexp(x, &exponent);
  return steal(Py_BuildValue("(di)", x, exponent));
}

Maybe<double> ldexp(PyObject*, double x, PyObject* i) {
  if (!PyLong_Check(i)) return raise(PyExc_TypeError, "Expected an int as second argument to ldexp.");
  int overflow;
  long exponent = PyLong_AsLongAndOverflow(i, &overflow);
  if (exponent == -1 && !overflow && PyErr_Occurred()) return failure;
  if (x == 0.0 || !std::isfinite(x)) return x;
  if (overflow < 0 || exponent < INT_MIN) return std::copysign(0.0, x);
  if (overflow > 0 || exponent > INT_MAX) return range_error();
  double result = std::ldexp(x, static_cast<int>(exponent));
  if (std::isinf(result)) return range_error();
  return result;
}

Ref<> modf(PyObject*, double x) {
  double whole;
  double fraction = std::modf(x, &whole);
  return steal(Py_BuildValue("(dd)", fraction, whole));
}

// ---- to int -----------------------------------------------------------------------------------------

template <double (*Round)(double)>
Ref<> rounded(PyObject* x, PyObject* method_name) {
  if (!PyFloat_CheckExact(x)) {
    SpecialMethod method = lookup_special(x, method_name);
    if (method) return call_special(method, x);
    if (PyErr_Occurred()) return failure;
  }
  return steal(PyLong_FromDouble(Round(TRY(get_double(x)))));
}
Ref<> floor(PyObject*, PyObject* x) { return rounded<::floor>(x, name<"__floor__">); }
Ref<> ceil(PyObject*, PyObject* x) { return rounded<::ceil>(x, name<"__ceil__">); }
Ref<> trunc(PyObject*, PyObject* x) {
  if (PyFloat_CheckExact(x)) return steal(PyLong_FromDouble(PyFloat_AS_DOUBLE(x)));
  SpecialMethod method = lookup_special(x, name<"__trunc__">);
  if (method) return call_special(method, x);
  if (PyErr_Occurred()) return failure;
  return raise(PyExc_TypeError, "type %.100s doesn't define __trunc__ method", Py_TYPE(x)->tp_name);
}

// ---- logarithms -------------------------------------------------------------------------------------

// Of ints also where no double holds them.
template <double (*F)(double)>
Ref<> logarithm(PyObject*, PyObject* x) {
  if (!PyLong_Check(x)) return steal(to_python(unary<F>(nullptr, TRY(get_double(x)))));
  if (_PyLong_Sign(x) <= 0) return domain_error();
  double value = PyLong_AsDouble(x);
  if (value != -1.0 || !PyErr_Occurred()) return steal(PyFloat_FromDouble(F(value)));
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return failure;
  PyErr_Clear();
  Py_ssize_t exponent;
  double fraction = TRY(checked(_PyLong_Frexp(reinterpret_cast<PyLongObject*>(x), &exponent)));
  return steal(PyFloat_FromDouble(F(fraction) + F(2.0) * static_cast<double>(exponent)));
}
Ref<> log(PyObject* module, Args arguments) {
  if (arguments.count < 1 || arguments.count > 2) return raise(PyExc_TypeError, "math.log requires 1 to 2 arguments");
  Ref<> numerator = TRY(logarithm<::log>(module, arguments[0]));
  if (arguments.count == 1) return numerator;
  Ref<> denominator = TRY(logarithm<::log>(module, arguments[1]));
  return steal(PyNumber_TrueDivide(numerator.get(), denominator.get()));
}

// ---- comparison -------------------------------------------------------------------------------------

Maybe<bool> isclose(PyObject*, double a, double b, PyObject* rel_tol, PyObject* abs_tol) {
  double relative = 1e-09, absolute = 0.0;
  if (rel_tol) relative = TRY(get_double(rel_tol));
  if (abs_tol) absolute = TRY(get_double(abs_tol));
  if (relative < 0.0 || absolute < 0.0) return raise(PyExc_ValueError, "tolerances must be non-negative");
  if (a == b) return true;
  if (std::isinf(a) || std::isinf(b)) return false;
  double difference = std::fabs(b - a);
  return difference <= std::fabs(relative * b) || difference <= std::fabs(relative * a) || difference <= absolute;
}

// ---- the table --------------------------------------------------------------------------------------

const PyMethodDef kFunctions[] = {
    METHOD("acos($module, x, /)", unary<::acos>, "Return the arc cosine (measured in radians) of x.\n\nThe result is between 0 and pi."),
    METHOD("acosh($module, x, /)", unary<::acosh>, "Return the inverse hyperbolic cosine of x."),
    METHOD("asin($module, x, /)", unary<::asin>, "Return the arc sine (measured in radians) of x.\n\nThe result is between -pi/2 and pi/2."),
    METHOD("asinh($module, x, /)", unary<::asinh>, "Return the inverse hyperbolic sine of x."),
    METHOD("atan($module, x, /)", unary<::atan>, "Return the arc tangent (measured in radians) of x.\n\nThe result is between -pi/2 and pi/2."),
    METHOD("atan2($module, y, x, /)", binary<::atan2>, "Return the arc tangent (measured in radians) of y/x.\n\nThe signs of both say which quadrant it is in."),
    METHOD("atanh($module, x, /)", unary<::atanh>, "Return the inverse hyperbolic tangent of x."),
    METHOD("cbrt($module, x, /)", unary<::cbrt>, "Return the cube root of x."),
    METHOD("ceil($module, x, /)", ceil, "Return the ceiling of x as an Integral: the smallest integer >= x."),
    METHOD("copysign($module, x, y, /)", binary<::copysign>, "Return a float with the magnitude of x and the sign of y."),
    METHOD("cos($module, x, /)", unary<::cos>, "Return the cosine of x (measured in radians)."),
    METHOD("cosh($module, x, /)", unbounded<::cosh>, "Return the hyperbolic cosine of x."),
    METHOD("degrees($module, x, /)", degrees, "Convert angle x from radians to degrees."),
    METHOD("dist($module, p, q, /)", dist, "Return the Euclidean distance between two points p and q.\n\nBoth are sequences (or iterables) of as many coordinates."),
    METHOD("erf($module, x, /)", with_errno<::erf>, "Error function at x."),
    METHOD("erfc($module, x, /)", with_errno<::erfc>, "Complementary error function at x."),
    METHOD("exp($module, x, /)", unbounded<::exp>, "Return e raised to the power of x."),
    METHOD("exp2($module, x, /)", unbounded<::exp2>, "Return 2 raised to the power of x."),
    METHOD("expm1($module, x, /)", unbounded<::expm1>, "Return exp(x)-1, without its loss of precision for small x."),
    METHOD("fabs($module, x, /)", unary<::fabs>, "Return the absolute value of the float x."),
    METHOD("factorial($module, n, /)", factorial, "Find n!.\n\nRaise a ValueError if x is negative or non-integral."),
    METHOD("floor($module, x, /)", floor, "Return the floor of x as an Integral: the largest integer <= x."),
    METHOD("fmod($module, x, y, /)", binary<::fmod>, "Return fmod(x, y), according to platform C.\n\nx % y may differ."),
    METHOD("frexp($module, x, /)", frexp, "Return the mantissa and exponent of x, as pair (m, e).\n\nx = m * 2.**e with 0.5 <= abs(m) < 1.0; both are 0 if x is 0."),
    METHOD("fsum($module, seq, /)", fsum, "Return an accurate floating point sum of values in the iterable seq."),
    METHOD("gamma($module, x, /)", with_errno<gamma>, "Gamma function at x."),
    METHOD("gcd($module, *integers)", gcd, "Greatest Common Divisor."),
    METHOD_UNSIGNED("hypot($module, *coordinates)", hypot, "hypot(*coordinates) -> value\n\nMultidimensional Euclidean distance from the origin to a point."),
    METHOD("isclose($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)", isclose, "Determine whether two floating point numbers are close in value.\n\n  rel_tol\n    maximum difference relative to the larger of the two\n  abs_tol\n    maximum difference, whatever their size\n\n-inf, inf and NaN are close to nothing but themselves, NaN to nothing at all."),
    METHOD("isfinite($module, x, /)", is_finite, "Return True if x is neither an infinity nor a NaN, and False otherwise."),
    METHOD("isinf($module, x, /)", is_infinite, "Return True if x is a positive or negative infinity, and False otherwise."),
    METHOD("isnan($module, x, /)", is_nan, "Return True if x is a NaN (not a number), and False otherwise."),
    METHOD("isqrt($module, n, /)", isqrt, "Return the integer part of the square root of the input."),
    METHOD("lcm($module, *integers)", lcm, "Least Common Multiple."),
    METHOD("ldexp($module, x, i, /)", ldexp, "Return x * (2**i).\n\nThis is essentially the inverse of frexp()."),
    METHOD("lgamma($module, x, /)", with_errno<log_gamma>, "Natural logarithm of absolute value of Gamma function at x."),
    METHOD_PARSED("log($module, *arguments)", log, "log(x, [base=math.e])\nReturn the logarithm of x to the given base.\n\nWithout a base it is the natural logarithm."),
    METHOD("log1p($module, x, /)", unary<::log1p>, "Return the natural logarithm of 1+x (base e), accurate for x near zero."),
    METHOD("log10($module, x, /)", logarithm<::log10>, "Return the base 10 logarithm of x."),
    METHOD("log2($module, x, /)", logarithm<::log2>, "Return the base 2 logarithm of x."),
    METHOD("modf($module, x, /)", modf, "Return the fractional and integer parts of x.\n\nBoth results carry the sign of x and are floats."),
    METHOD("pow($module, x, y, /)", power, "Return x**y (x to the power of y)."),
    METHOD("radians($module, x, /)", radians, "Convert angle x from degrees to radians."),
    METHOD("remainder($module, x, y, /)", binary<remainder>, "Difference between x and the closest integer multiple of y; of two, the even one."),
    METHOD("sin($module, x, /)", unary<::sin>, "Return the sine of x (measured in radians)."),
    METHOD("sinh($module, x, /)", unbounded<::sinh>, "Return the hyperbolic sine of x."),
    METHOD("sqrt($module, x, /)", unary<::sqrt>, "Return the square root of x."),
    METHOD("tan($module, x, /)", unary<::tan>, "Return the tangent of x (measured in radians)."),
    METHOD("tanh($module, x, /)", unary<::tanh>, "Return the hyperbolic tangent of x."),
    METHOD("trunc($module, x, /)", trunc, "Truncates the Real x to the nearest Integral toward 0.\n\nUses the __trunc__ magic method."),
    METHOD("prod($module, iterable, /, *, start=1)", prod, "Calculate the product of all the elements in the input iterable.\n\nThe result of an empty iterable is the start value."),
    METHOD("perm($module, n, k=None, /)", perm, "Number of ways to choose k items from n items without repetition and with order.\n\nWithout k it is n!."),
    METHOD("comb($module, n, k, /)", comb, "Number of ways to choose k items from n items without repetition and without order."),
    METHOD("nextafter($module, x, y, /)", nextafter, "Return the next floating-point value after x towards y."),
    METHOD("ulp($module, x, /)", ulp, "Return the value of the least significant bit of the float x."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  struct Constant {
    const char* name;
    double value;
  };
  for (Constant constant : {Constant{"pi", std::numbers::pi}, Constant{"e", std::numbers::e}, Constant{"tau", 2 * std::numbers::pi},
                            Constant{"inf", HUGE_VAL}, Constant{"nan", std::numeric_limits<double>::quiet_NaN()}}) {
    Ref<> value = TRY(steal(PyFloat_FromDouble(constant.value)));
    TRY(status_of(PyModule_AddObjectRef(module, constant.name, value.get())));
  }
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "math",
    .m_doc = "This module provides access to the mathematical functions\ndefined by the C standard.",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit_math() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("math", PyInit_math);

}  // namespace gill::math
