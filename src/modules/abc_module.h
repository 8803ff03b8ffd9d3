#pragma once

#include <Python.h>

namespace gill {

// Whether it is what a registry of abstract base classes calls when one of its classes dies.
bool is_registry_callback(PyObject* callable);

}  // namespace gill
