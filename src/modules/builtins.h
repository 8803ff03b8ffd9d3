// The parts of the module `builtins`.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

// The module; start-up makes it before anything can be imported.
Ref<> create_builtins();

PyMethodDef* builtins_run_methods();
PyMethodDef* builtins_text_methods();
PyMethodDef* builtins_reduce_methods();

}  // namespace gill
