// What the files about complex share.
#pragma once

#include "base/result.h"

namespace gill {

inline Py_complex complex_value(PyObject* number) { return reinterpret_cast<PyComplexObject*>(number)->cval; }
// base ** exponent; errno is EDOM or ERANGE when there is none.
Py_complex complex_power(Py_complex base, Py_complex exponent);
// complex_text.cpp
Ref<> complex_to_text(Py_complex value);
Maybe<Py_complex> complex_from_text(PyObject* text);

}  // namespace gill
