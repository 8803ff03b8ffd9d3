// What parameterized generics (`list[int]`) and unions (`int | str`) share.
#pragma once

#include "base/result.h"

extern "C" {
PyAPI_DATA(PyTypeObject) _PyUnion_Type;
PyAPI_FUNC(PyObject*) _Py_union_type_or(PyObject* left, PyObject* right);
PyAPI_FUNC(PyObject*) _Py_make_parameters(PyObject* args);
PyAPI_FUNC(PyObject*) _Py_subs_parameters(PyObject* self, PyObject* args, PyObject* parameters, PyObject* item);
PyAPI_FUNC(PyObject*) _Py_union_args(PyObject* self);
}

namespace gill {

// Appends the text of a type argument: "int", "module.Class", "...", or its repr.
Status write_type_argument(_PyUnicodeWriter* writer, PyObject* argument);

}  // namespace gill
