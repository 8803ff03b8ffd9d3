// The cmath module: its table of functions. The mathematics is in functions.cpp.
#include <cerrno>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/binding.h"
#include "base/names.h"
#include "modules/cmath/functions.h"

namespace gill::cmath {
namespace {

Failure failed() {
  if (errno == EDOM) return raise(PyExc_ValueError, "math domain error");
  if (errno == ERANGE) return raise(PyExc_OverflowError, "math range error");
  PyErr_SetFromErrno(PyExc_ValueError);
  return failure;
}

Maybe<Py_complex> argument(PyObject* object) {
  if (PyComplex_CheckExact(object)) return reinterpret_cast<PyComplexObject*>(object)->cval;
  Py_complex z = PyComplex_AsCComplex(object);
  if (z.real == -1.0 && PyErr_Occurred()) return failure;
  return z;
}

template <Py_complex (*F)(Py_complex)>
Ref<> function(PyObject*, PyObject* z) {
  Py_complex argument_value = TRY(argument(z));
  errno = 0;
  Py_complex result = F(argument_value);
  if (errno == EDOM || errno == ERANGE) return failed();
  return steal(PyComplex_FromCComplex(result));
}

Ref<> logarithm(PyObject*, PyObject* z, PyObject* base) {
  Py_complex x = TRY(argument(z));
  Py_complex y = {};
  if (base) y = TRY(argument(base));
  errno = 0;
  Py_complex result = log(x);
  if (base) result = _Py_c_quot(result, log(y));
  if (errno != 0) return failed();
  return steal(PyComplex_FromCComplex(result));
}

Maybe<double> phase(PyObject*, PyObject* z) {
  Py_complex x = TRY(argument(z));
  errno = 0;
  double phi = std::atan2(x.imag, x.real);
  if (errno != 0) return failed();
  return phi;
}

Ref<> polar(PyObject*, PyObject* z) {
  Py_complex x = TRY(argument(z));
  double phi = std::atan2(x.imag, x.real);
  errno = 0;
  double r = _Py_c_abs(x);
  if (errno != 0) return failed();
  return steal(Py_BuildValue("dd", r, phi));
}

Ref<> rectangular(PyObject*, double r, double phi) {
  Py_complex result = rect(r, phi);
  if (errno != 0) return failed();
  return steal(PyComplex_FromCComplex(result));
}


Maybe<bool> is_finite(PyObject*, PyObject* z) {
  Py_complex x = TRY(argument(z));
  return std::isfinite(x.real) && std::isfinite(x.imag);
}
Maybe<bool> is_infinite(PyObject*, PyObject* z) {
  Py_complex x = TRY(argument(z));
  return std::isinf(x.real) || std::isinf(x.imag);
}
Maybe<bool> is_nan(PyObject*, PyObject* z) {
  Py_complex x = TRY(argument(z));
  return std::isnan(x.real) || std::isnan(x.imag);
}

Maybe<bool> isclose(PyObject*, PyObject* first, PyObject* second, PyObject* rel_tol, PyObject* abs_tol) {
  Py_complex a = TRY(argument(first)), b = TRY(argument(second));
  double relative = 1e-09, absolute = 0.0;
  if (rel_tol) relative = TRY(get_double(rel_tol));
  if (abs_tol) absolute = TRY(get_double(abs_tol));
  if (relative < 0.0 || absolute < 0.0) return raise(PyExc_ValueError, "tolerances must be non-negative");
  if (a.real == b.real && a.imag == b.imag) return true;
  if (std::isinf(a.real) || std::isinf(a.imag) || std::isinf(b.real) || std::isinf(b.imag)) return false;
  double difference = _Py_c_abs(_Py_c_diff(a, b));
  return difference <= relative * _Py_c_abs(b) || difference <= relative * _Py_c_abs(a) || difference <= absolute;
}

const PyMethodDef kFunctions[] = {
    METHOD("acos($module, z, /)", function<acos>, "Return the arc cosine of z."),
    METHOD("acosh($module, z, /)", function<acosh>, "Return the inverse hyperbolic cosine of z."),
    METHOD("asin($module, z, /)", function<asin>, "Return the arc sine of z."),
    METHOD("asinh($module, z, /)", function<asinh>, "Return the inverse hyperbolic sine of z."),
    METHOD("atan($module, z, /)", function<atan>, "Return the arc tangent of z."),
    METHOD("atanh($module, z, /)", function<atanh>, "Return the inverse hyperbolic tangent of z."),
    METHOD("cos($module, z, /)", function<cos>, "Return the cosine of z."),
    METHOD("cosh($module, z, /)", function<cosh>, "Return the hyperbolic cosine of z."),
    METHOD("exp($module, z, /)", function<exp>, "Return the exponential value e**z."),
    METHOD("isclose($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)", isclose, "Determine whether two complex numbers are close in value.\n\n  rel_tol\n    maximum difference relative to the larger of the two\n  abs_tol\n    maximum difference, whatever their size\n\n-inf, inf and NaN are close to nothing but themselves, NaN to nothing at all."),
    METHOD("isfinite($module, z, /)", is_finite, "Return True if both the real and imaginary parts of z are finite, else False."),
    METHOD("isinf($module, z, /)", is_infinite, "Checks if the real or imaginary part of z is infinite."),
    METHOD("isnan($module, z, /)", is_nan, "Checks if the real or imaginary part of z not a number (NaN)."),
    METHOD("log($module, z, base=<unrepresentable>, /)", logarithm, "log(z[, base]) -> the logarithm of z to the given base.\n\nWithout a base it is the natural logarithm."),
    METHOD("log10($module, z, /)", function<log10>, "Return the base-10 logarithm of z."),
    METHOD("phase($module, z, /)", phase, "Return argument, also known as the phase angle, of a complex."),
    METHOD("polar($module, z, /)", polar, "Convert a complex from rectangular coordinates to polar coordinates.\n\nThe result is the distance from 0 and the phase angle."),
    METHOD("rect($module, r, phi, /)", rectangular, "Convert from polar coordinates to rectangular coordinates."),
    METHOD("sin($module, z, /)", function<sin>, "Return the sine of z."),
    METHOD("sinh($module, z, /)", function<sinh>, "Return the hyperbolic sine of z."),
    METHOD("sqrt($module, z, /)", function<sqrt>, "Return the square root of z."),
    METHOD("tan($module, z, /)", function<tan>, "Return the tangent of z."),
    METHOD("tanh($module, z, /)", function<tanh>, "Return the hyperbolic tangent of z."),
    kEndOfMethods,
};

Status add(PyObject* module, const char* constant, Ref<> value) {
  return value ? status_of(PyModule_AddObjectRef(module, constant, value.get())) : Status::error;
}

int execute(PyObject* module) {
  constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  auto real = [](double x) { return steal(PyFloat_FromDouble(x)); };
  TRY(add(module, "pi", real(std::numbers::pi)));
  TRY(add(module, "e", real(std::numbers::e)));
  TRY(add(module, "tau", real(2 * std::numbers::pi)));
  TRY(add(module, "inf", real(infinity)));
  TRY(add(module, "infj", steal(PyComplex_FromDoubles(0.0, infinity))));
  TRY(add(module, "nan", real(nan)));
  TRY(add(module, "nanj", steal(PyComplex_FromDoubles(0.0, nan))));
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "cmath",
    .m_doc = "This module provides access to mathematical functions for complex\nnumbers.",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit_cmath() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("cmath", PyInit_cmath);

}  // namespace gill::cmath
