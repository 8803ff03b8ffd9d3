// The end of the modules: the order in which shutdown takes them down.
//
// Finalizers of Python run all the way, so what they are likely to need goes late: first the attributes that keep
// user data alive, then all modules lose their place in sys.modules and die if nothing else holds them, then those
// that are left lose their contents, newest first, and at last sys and builtins do.
#include <cstdio>

#include "base/names.h"
#include "capi/lifecycle.h"
#include "import/import_state.h"
#include "memory/collector.h"
#include "modules/gc_module.h"
#include "runtime/runtime.h"

extern "C" void _PyModule_ClearDict(PyObject* dict);

namespace gill {
namespace {

constexpr const char* kCleared[] = {"path",       "argv",           "ps1",        "ps2",                 "last_type", "last_value",
                                    "last_traceback", "path_hooks", "path_importer_cache", "meta_path", "__interactivehook__"};
constexpr const char* kStreams[][2] = {{"stdin", "__stdin__"}, {"stdout", "__stdout__"}, {"stderr", "__stderr__"}};

void ignore_errors() {
  if (PyErr_Occurred()) PyErr_WriteUnraisable(nullptr);
}

void clear_special_attributes(Interpreter* interpreter, bool verbose) {
  if (verbose) PySys_WriteStderr("# clear builtins._\n");
  if (PyDict_SetItem(interpreter->builtins, name<"_">, Py_None) < 0) ignore_errors();
  for (const char* attribute : kCleared) {
    if (verbose) PySys_WriteStderr("# clear sys.%s\n", attribute);
    if (PyDict_SetItemString(interpreter->sysdict, attribute, Py_None) < 0) ignore_errors();
  }
  for (const auto& stream : kStreams) {
    if (verbose) PySys_WriteStderr("# restore sys.%s\n", stream[0]);
    PyObject* original = PyDict_GetItemString(interpreter->sysdict, stream[1]);
    if (PyDict_SetItemString(interpreter->sysdict, stream[0], original ? original : Py_None) < 0) ignore_errors();
  }
}

// Takes every module out of sys.modules. A list of (name, weak reference), in the order of import.
Ref<> remove_modules(PyObject* modules, bool verbose) {
  Ref<> removed = steal(PyList_New(0));
  if (!removed) ignore_errors();
  Py_ssize_t position = 0;
  PyObject *key, *module;
  while (PyDict_Next(modules, &position, &key, &module)) {
    if (!PyModule_Check(module)) continue;
    if (verbose && PyUnicode_Check(key)) PySys_FormatStderr("# cleanup[2] removing %U\n", key);
    if (removed) {
      Ref<> weak = steal(PyWeakref_NewRef(module, nullptr));
      Ref<> pair = weak ? steal(PyTuple_Pack(2, key, weak.get())) : Ref<>();
      if (!pair || PyList_Append(removed.get(), pair.get()) < 0) ignore_errors();
    }
    // The value of a key that is there may change while a dict is walked.
    if (PyDict_SetItem(modules, key, Py_None) < 0) ignore_errors();
  }
  return removed;
}

void wipe_remaining(Interpreter* interpreter, PyObject* removed, bool verbose) {
  for (Py_ssize_t i = PyList_GET_SIZE(removed) - 1; i >= 0; --i) {
    PyObject* pair = PyList_GET_ITEM(removed, i);
    Ref<> module = borrow(PyWeakref_GetObject(PyTuple_GET_ITEM(pair, 1)));
    if (!module || module.get() == Py_None) continue;
    PyObject* dict = PyModule_GetDict(module.get());
    if (dict == interpreter->builtins || dict == interpreter->sysdict) continue;
    PyObject* module_name = PyTuple_GET_ITEM(pair, 0);
    if (verbose && PyUnicode_Check(module_name)) PySys_FormatStderr("# cleanup[3] wiping %U\n", module_name);
    _PyModule_Clear(module.get());
  }
}

// What programs put into builtins goes; what was there at the start stays to the end.
void restore_builtins(Interpreter* interpreter) {
  if (!interpreter->builtins_copy) return;
  Ref<> kept = steal(PyDict_Copy(interpreter->builtins));
  if (!kept) ignore_errors();
  PyDict_Clear(interpreter->builtins);
  if (PyDict_Update(interpreter->builtins, interpreter->builtins_copy) < 0) ignore_errors();
}

}  // namespace

void finish_modules(Interpreter* interpreter) {
  PyObject* modules = interpreter->modules;
  if (!modules) return;
  bool verbose = interpreter->config.verbose > 0;
  clear_special_attributes(interpreter, verbose);
  Ref<> removed = remove_modules(modules, verbose);
  PyDict_Clear(modules);
  restore_builtins(interpreter);
  clear_field(interpreter->importlib);
  if (interpreter->imports) clear_field(interpreter->imports->find_and_load);
  collect(interpreter->collector, kGenerations - 1);
  report_uncollectable(interpreter);
  if (removed) wipe_remaining(interpreter, removed.get(), verbose);
  removed.reset();
  _PyModule_ClearDict(interpreter->sysdict);
  _PyModule_ClearDict(interpreter->builtins);
  clear_field(interpreter->modules_by_index);
  clear_field(interpreter->modules);
  collect(interpreter->collector, kGenerations - 1);
}

void wait_for_threads() {
  Ref<> threading = steal(PyImport_GetModule(name<"threading">));
  Ref<> done = threading ? steal(PyObject_CallMethod(threading.get(), "_shutdown", nullptr)) : Ref<>();
  if (threading && !done) PyErr_WriteUnraisable(threading.get());
  PyErr_Clear();
}

}  // namespace gill
