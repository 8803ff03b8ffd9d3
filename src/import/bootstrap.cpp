// Bringing up importlib, and the table of built-in modules.
#include <Python.h>
#include <marshal.h>

#include <cstdio>
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"

extern "C" PyObject* _PyNamespace_New(PyObject* fields);

namespace gill {
namespace {

extern "C" const BuiltinModule __start_gill_modules[];
extern "C" const BuiltinModule __stop_gill_modules[];

const BuiltinModule* find_builtin(PyObject* module_name) {
  if (!PyUnicode_Check(module_name)) return nullptr;
  for (const BuiltinModule* m = __start_gill_modules; m != __stop_gill_modules; ++m) {
    if (PyUnicode_CompareWithASCIIString(module_name, m->name) == 0) return m;
  }
  return nullptr;
}

// What PyImport_AppendInittab added.
const _inittab* find_added(PyObject* module_name) {
  for (const _inittab* m = PyImport_Inittab; m && m->name; ++m) {
    if (PyUnicode_CompareWithASCIIString(module_name, m->name) == 0) return m;
  }
  return nullptr;
}

}  // namespace

// These two are made by start-up itself, not by an entry of the table.
constexpr const char* kMadeByStartUp[] = {"builtins", "sys"};

bool is_builtin_name(PyObject* module_name) {
  for (const char* made : kMadeByStartUp) {
    if (PyUnicode_CompareWithASCIIString(module_name, made) == 0) return true;
  }
  return find_builtin(module_name) || find_added(module_name);
}

Ref<> builtin_module_names() {
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const char* made : kMadeByStartUp) TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_InternFromString(made))).get())));
  for (const BuiltinModule* m = __start_gill_modules; m != __stop_gill_modules; ++m) {
    // What the package gill stands on is not among the reference's.
    if (std::strcmp(m->name, "gill._native") == 0) continue;
    TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_InternFromString(m->name))).get())));
  }
  for (const _inittab* m = PyImport_Inittab; m && m->name; ++m) {
    TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_InternFromString(m->name))).get())));
  }
  TRY(status_of(PyList_Sort(list.get())));
  return steal(PyList_AsTuple(list.get()));
}

Ref<> create_builtin_module(PyObject* module_name, PyObject* spec) {
  PyObject* (*init)() = nullptr;
  if (const BuiltinModule* m = find_builtin(module_name)) init = m->init;
  else if (const _inittab* m = find_added(module_name)) init = m->initfunc;
  if (!init) return nullptr;
  Ref<> made = TRY(steal(init()));
  if (PyObject_TypeCheck(made.get(), &PyModuleDef_Type)) {
    // Multi-phase: what came is the borrowed definition.
    return steal(PyModule_FromDefAndSpec(reinterpret_cast<PyModuleDef*>(made.release()), spec));
  }
  PyModuleDef* definition = PyModule_GetDef(made.get());
  if (definition) definition->m_base.m_init = init;
  return made;
}

Status create_import_state(Interpreter* interpreter) {
  auto* state = static_cast<ImportState*>(PyMem_RawCalloc(1, sizeof(ImportState)));
  if (!state) {
    PyErr_NoMemory();
    return failure;
  }
  state->dlopen_flags = 2;  // RTLD_NOW
  state->lock = PyThread_allocate_lock();
  interpreter->imports = state;
  state->extensions = PyDict_New();
  return state->extensions ? Status::ok : Status::error;
}

void finish_imports(Interpreter* interpreter) {
  ImportState* state = interpreter->imports;
  if (!state) return;
  clear_field(state->extensions);
  clear_field(state->find_and_load);
  if (state->lock) PyThread_free_lock(state->lock);
  PyMem_RawFree(state);
  interpreter->imports = nullptr;
}

Status bootstrap_importlib(Interpreter* interpreter) {
  PyObject* bootstrap_name = name<"_frozen_importlib">;
  if (interpreter->config.verbose) PySys_FormatStderr("import %U # frozen\n", bootstrap_name);
  Ref<> code = TRY(frozen_code(bootstrap_name));
  Ref<> module = TRY(steal(PyModule_NewObject(bootstrap_name)));
  PyObject* dict = PyModule_GetDict(module.get());
  TRY(status_of(PyDict_SetItem(dict, name<"__builtins__">, interpreter->builtins)));
  TRY(status_of(PyDict_SetItem(interpreter->modules, bootstrap_name, module.get())));
  // FrozenImporter looks for the name that the source has, and removes it again.
  Ref<> origin = TRY(steal(PyUnicode_FromString("importlib._bootstrap")));
  TRY(status_of(PyDict_SetItemString(dict, "__origname__", origin.get())));
  Ref<> done = TRY(steal(PyEval_EvalCode(code.get(), dict, dict)));
  interpreter->importlib = module.release();
  interpreter->imports->find_and_load = borrow(PyDict_GetItemString(dict, "_find_and_load")).release();
  interpreter->import_function = borrow(PyDict_GetItemString(interpreter->builtins, "__import__")).release();
  // `_imp` cannot be imported before there are importers.
  Ref<> imp_name = borrow(name<"_imp">);
  if (interpreter->config.verbose) PySys_WriteStderr("import _imp # builtin\n");
  Ref<> namespace_spec = TRY(steal(_PyNamespace_New(nullptr)));
  TRY(status_of(PyObject_SetAttrString(namespace_spec.get(), "name", imp_name.get())));
  Ref<> imp = TRY(create_builtin_module(imp_name.get(), namespace_spec.get()));
  if (PyModule_GetDef(imp.get()) && PyModule_GetDef(imp.get())->m_slots) {
    TRY(status_of(PyModule_ExecDef(imp.get(), PyModule_GetDef(imp.get()))));
  }
  TRY(status_of(PyDict_SetItem(interpreter->modules, imp_name.get(), imp.get())));
  Ref<> sys = borrow(PyDict_GetItemString(interpreter->modules, "sys"));
  Ref<> installed = TRY(steal(PyObject_CallMethod(interpreter->importlib, "_install", "OO", sys.get(), imp.get())));
  return Status::ok;
}

Status bootstrap_external_importers(Interpreter* interpreter) {
  Ref<> done = TRY(steal(PyObject_CallMethod(interpreter->importlib, "_install_external_importers", nullptr)));
  // zipimport's importer goes in front of the one for directories.
  bool verbose = interpreter->config.verbose > 0;
  if (verbose) PySys_WriteStderr("# installing zipimport hook\n");
  Ref<> hooks = borrow(PySys_GetObject("path_hooks"));
  Ref<> zipimport = steal(PyImport_ImportModule("zipimport"));
  Ref<> importer = zipimport ? steal(PyObject_GetAttrString(zipimport.get(), "zipimporter")) : Ref<>();
  if (!importer) {
    PyErr_Clear();
    if (verbose) PySys_WriteStderr("# can't import zipimport.zipimporter\n");
    return Status::ok;
  }
  if (hooks) TRY(status_of(PyList_Insert(hooks.get(), 0, importer.get())));
  if (verbose) PySys_WriteStderr("# installed zipimport hook\n");
  return Status::ok;
}

}  // namespace gill
