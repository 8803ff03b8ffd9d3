// What an interpreter remembers about imports.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

struct ImportState {
  PyObject* extensions = nullptr;  // (file name, module name) -> definition or copied dict of single-phase modules
  unsigned long lock_owner = 0;    // thread that holds the global import lock
  int lock_depth = 0;
  PyThread_type_lock lock = nullptr;
  int dlopen_flags = 0;
  bool foreign_code = false;       // an extension was loaded whose types may do anything
  int frozen_override = 0;         // by tests: above zero, frozen modules are used; below, they are not
  PyObject* find_and_load = nullptr;  // importlib._bootstrap._find_and_load
  // -X importtime: how deep the imports are nested, and the time that was spent below the one that runs.
  int time_depth = 0;
  int64_t time_below = 0;
  bool time_header_shown = false;
};

Status create_import_state(Interpreter* interpreter);
void finish_imports(Interpreter* interpreter);

// Makes `_frozen_importlib` and installs the importers for built-in and frozen modules.
Status bootstrap_importlib(Interpreter* interpreter);
// The importers that read the file system; needs the built-in modules that they use.
Status bootstrap_external_importers(Interpreter* interpreter);

// Frozen modules, as far as the options want them; frozen.cpp. The code is null without an exception when the name is
// no such module; the origin is the name in the source, or None.
bool is_frozen_name(PyObject* module_name);
bool is_frozen_package_name(PyObject* module_name);
Ref<> frozen_code(PyObject* module_name);
Ref<> frozen_origin(PyObject* module_name);
Ref<> frozen_names();

// The code object that the marshalled data stands for, if it is in the executable as it is wanted and nobody has it yet; null without an
// exception otherwise.
Ref<> library_code(const char* marshalled, Py_ssize_t size);

// A built-in module by name, ready to be executed or complete; null without an exception when there is none.
Ref<> create_builtin_module(PyObject* module_name, PyObject* spec);
bool is_builtin_name(PyObject* module_name);
Ref<> builtin_module_names();

Ref<> load_extension(PyObject* spec, PyObject* path);

}  // namespace gill
