// The format mini-language: "[[fill]align][sign][z][#][0][width][grouping][.precision][type]".
// str, int, float and complex read their specifications with it.
#pragma once

#include <Python.h>

#include "objects/str.h"

// Format a number by text[start, end) of a specification; defined with the number types.
extern "C" {
PyAPI_FUNC(int) _PyLong_FormatAdvancedWriter(_PyUnicodeWriter*, PyObject*, PyObject*, Py_ssize_t, Py_ssize_t);
PyAPI_FUNC(int) _PyFloat_FormatAdvancedWriter(_PyUnicodeWriter*, PyObject*, PyObject*, Py_ssize_t, Py_ssize_t);
}

namespace gill {

enum class Grouping : char { none = 0, comma = ',', underscore = '_', locale = 'n' };

struct FormatSpec {
  U4 fill = ' ';
  U4 align = 0;  // '<', '>', '=', '^'; the default of the type when not given
  bool alternate = false;
  bool no_negative_zero = false;
  U4 sign = 0;   // '+', '-', ' ', or 0
  Py_ssize_t width = -1;
  Grouping grouping = Grouping::none;
  Py_ssize_t precision = -1;
  U4 type = 0;
  bool align_given = false;
};

// Reads text[start, end). `default_type` and `default_align` hold when the specification is silent;
// `type_name` is for messages. ValueError when it makes no sense.
Status parse_format_spec(PyObject* text, Py_ssize_t start, Py_ssize_t end, U4 default_type, U4 default_align,
                         const char* type_name, FormatSpec& spec);

// "Unknown format code 'x' for object of type 'str'"
Failure unknown_format_type(U4 type, const char* type_name);

}  // namespace gill
