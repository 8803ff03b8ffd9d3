// The parts of the module `sys`.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

// The module with everything that needs no configuration; start-up makes it first.
Ref<> create_sys(Interpreter* interpreter);
// What comes from the configuration: argv, path, flags, warnoptions, ...
Status update_sys_from_config(PyObject* dict, const PyConfig* config);

// version_info, flags, hash_info, ... : sys_info.cpp.
Status add_info(PyObject* dict);
Ref<> make_flags(const PyConfig* config);
Ref<> make_implementation();

PyMethodDef* sys_hook_methods();     // displayhook, excepthook, ...: sys_hooks.cpp
PyMethodDef* sys_runtime_methods();  // recursion limit, tracing, frames, ...: sys_runtime.cpp

extern const char* const kStandardModules[];  // sys_stdlib_names.cpp
extern const int kStandardModuleCount;

}  // namespace gill
