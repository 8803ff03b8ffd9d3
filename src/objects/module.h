// The structure of a module object (the published headers hide it; its layout is the reference's).
#pragma once

#include <Python.h>

#include "base/result.h"

extern "C" PyAPI_FUNC(int) _PyModuleSpec_IsUninitializedSubmodule(PyObject* spec, PyObject* attribute);

namespace gill {

struct ModuleObject {
  PyObject_HEAD
  PyObject* dict;
  PyModuleDef* definition;
  void* state;
  PyObject* weak_references;
  PyObject* name;  // for messages after the dict is gone
};

}  // namespace gill
