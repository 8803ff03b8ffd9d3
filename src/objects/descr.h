// What the descriptor types share.
#pragma once

#include <Python.h>

#include "base/result.h"

struct PyMemberDef;

namespace gill {

inline PyDescrObject* as_descr(PyObject* object) { return reinterpret_cast<PyDescrObject*>(object); }

// With an interned name; null with an exception, also when the name is null.
PyDescrObject* new_descr(PyTypeObject* kind, PyTypeObject* type, Ref<> descr_name);
void descr_dealloc(PyObject* self);
int descr_traverse(PyObject* self, visitproc visit, void* arg);
// False with TypeError when the object is not an instance of the descriptor's class.
bool belongs(PyDescrObject* descr, PyObject* object);
Ref<> descr_get_qualname(PyDescrObject* self);
extern const PyMethodDef kDescrMethods[];
extern const PyMemberDef kDescrMembers[];

}  // namespace gill
