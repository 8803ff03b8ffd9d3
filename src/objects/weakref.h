// What the weak reference types share.
#pragma once

#include <Python.h>

namespace gill {

void weakref_dealloc(PyObject* self);
int weakref_traverse(PyObject* self, visitproc visit, void* arg);
int weakref_clear(PyObject* self);

}  // namespace gill
