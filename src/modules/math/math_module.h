// What the files of the math module share.
#pragma once

#include "base/arguments.h"
#include "base/binding.h"

namespace gill::math {

inline Failure domain_error() { return raise(PyExc_ValueError, "math domain error"); }
inline Failure range_error() { return raise(PyExc_OverflowError, "math range error"); }

// gamma.cpp: errno is EDOM or ERANGE where there is no result.
double gamma(double x);
double log_gamma(double x);

// vector.cpp
Ref<> fsum(PyObject*, PyObject* seq);
Ref<> prod(PyObject*, PyObject* iterable, PyObject* start);
Maybe<double> hypot(PyObject*, Args coordinates);
Maybe<double> dist(PyObject*, PyObject* p, PyObject* q);

// integers.cpp
Ref<> gcd(PyObject*, Args integers);
Ref<> lcm(PyObject*, Args integers);
Ref<> isqrt(PyObject*, PyObject* n);
Ref<> factorial(PyObject*, PyObject* n);
Ref<> perm(PyObject*, PyObject* n, PyObject* k);
Ref<> comb(PyObject*, PyObject* n, PyObject* k);

}  // namespace gill::math
