// The functions of a complex variable. errno is EDOM or ERANGE where there is no result, else 0.
#pragma once

#include <Python.h>

namespace gill::cmath {

Py_complex acos(Py_complex z);
Py_complex acosh(Py_complex z);
Py_complex asin(Py_complex z);
Py_complex asinh(Py_complex z);
Py_complex atan(Py_complex z);
Py_complex atanh(Py_complex z);
Py_complex cos(Py_complex z);
Py_complex cosh(Py_complex z);
Py_complex exp(Py_complex z);
Py_complex log(Py_complex z);
Py_complex log10(Py_complex z);
Py_complex sin(Py_complex z);
Py_complex sinh(Py_complex z);
Py_complex sqrt(Py_complex z);
Py_complex tan(Py_complex z);
Py_complex tanh(Py_complex z);
Py_complex rect(double r, double phi);

}  // namespace gill::cmath
