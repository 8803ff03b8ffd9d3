// Between doubles and text.
#pragma once

#include "base/result.h"

// A published symbol that no public header declares; objects/number_format.cpp has it.
extern "C" int _PyFloat_FormatAdvancedWriter(_PyUnicodeWriter* writer, PyObject* number, PyObject* spec, Py_ssize_t start, Py_ssize_t end);

namespace gill {

Ref<> shortest_text(double value);  // repr()
Ref<> hex_text(double value);       // float.hex()
Maybe<double> parse_hex(PyObject* text);
// Rounded to `digits` decimal places, correctly from the exact value.
Ref<> round_decimal(double value, int digits);

}  // namespace gill
