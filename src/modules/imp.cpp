// The module `_imp`: what importlib needs of the runtime.
#include <Python.h>
#include <marshal.h>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"

extern "C" uint64_t _Py_KeyedHash(uint64_t key, const void* text, Py_ssize_t length);

namespace gill {
namespace {

bool imp_lock_held(PyObject*) { return current_interpreter()->imports->lock_depth != 0; }
Maybe<bool> lock_held(PyObject* module) { return imp_lock_held(module); }
Status acquire_lock(PyObject*) {
  _PyImport_AcquireLock();
  return Status::ok;
}
Status release_lock(PyObject*) {
  if (_PyImport_ReleaseLock() <= 0) return raise(PyExc_RuntimeError, "not holding the import lock");
  return Status::ok;
}

Ref<> extension_suffixes(PyObject*) {
  constexpr const char* kSuffixes[] = {".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so"};
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const char* suffix : kSuffixes) TRY(status_of(PyList_Append(list.get(), TRY(steal(PyUnicode_FromString(suffix))).get())));
  return list;
}

// ---- built-in and dynamic modules -----------------------------------------------------------------

Ref<> create_builtin(PyObject*, PyObject* spec) {
  Ref<> module_name = TRY(steal(PyObject_GetAttrString(spec, "name")));
  // A module of start-up is there already.
  PyObject* known = PyDict_GetItemWithError(current_interpreter()->modules, module_name.get());
  if (known && PyModule_Check(known)) return borrow(known);
  if (PyErr_Occurred()) return failure;
  Ref<> module = create_builtin_module(module_name.get(), spec);
  if (!module && !PyErr_Occurred()) return none();
  return module;
}
Ref<> create_dynamic(PyObject*, PyObject* spec, PyObject* file) { return load_extension(spec, file); }

int exec_module(PyObject* module) {
  if (!PyModule_Check(module)) return 0;
  PyModuleDef* definition = PyModule_GetDef(module);
  if (!definition) {
    if (PyErr_Occurred()) PyErr_Clear();
    return 0;
  }
  // State that exists means that it was executed.
  if (PyModule_GetState(module) || !definition->m_slots) return 0;
  return PyModule_ExecDef(module, definition);
}
Maybe<int> exec_builtin(PyObject*, PyObject* mod) {
  if (exec_module(mod) < 0) return failure;
  return 0;
}
Maybe<int> exec_dynamic(PyObject* self, PyObject* mod) { return exec_builtin(self, mod); }

// 1, and -1 for one that cannot be initialized twice.
Maybe<int> is_builtin(PyObject*, PyUnicodeObject* module_name) {
  if (!is_builtin_name(as_object(module_name))) return 0;
  return PyUnicode_CompareWithASCIIString(as_object(module_name), "sys") == 0 || PyUnicode_CompareWithASCIIString(as_object(module_name), "builtins") == 0 ? -1 : 1;
}

// ---- frozen modules -----------------------------------------------------------------------------

Maybe<bool> is_frozen(PyObject*, PyUnicodeObject* module_name) { return is_frozen_name(as_object(module_name)); }
Failure no_such_frozen(PyObject* module_name) {
  Ref<> text = steal(PyUnicode_FromFormat("No such frozen object named %R", module_name));
  if (text) PyErr_SetImportError(text.get(), module_name, nullptr);
  return failure;
}
Maybe<bool> is_frozen_package(PyObject*, PyUnicodeObject* module_name) {
  if (!is_frozen_name(as_object(module_name))) return no_such_frozen(as_object(module_name));
  return is_frozen_package_name(as_object(module_name));
}
Ref<> find_frozen(PyObject*, PyUnicodeObject* module_name, bool withdata) {
  PyObject* wanted = as_object(module_name);
  if (!is_frozen_name(wanted)) return none();
  Ref<> origin = TRY(frozen_origin(wanted));
  Ref<> data = none();
  if (withdata) {
    Ref<> code = TRY(frozen_code(wanted));
    Ref<> bytes = TRY(steal(PyMarshal_WriteObjectToString(code.get(), Py_MARSHAL_VERSION)));
    data = TRY(steal(PyMemoryView_FromObject(bytes.get())));
  }
  return steal(PyTuple_Pack(3, data.get(), is_frozen_package_name(wanted) ? Py_True : Py_False, origin.get()));
}
// The code of the module, or what the buffer has marshalled.
Ref<> get_frozen_object(PyObject*, PyUnicodeObject* module_name, PyObject* data) {
  Ref<> code;
  if (data && data != Py_None) {
    Py_buffer view;
    TRY(status_of(PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)));
    code = steal(view.len ? PyMarshal_ReadObjectFromString(static_cast<const char*>(view.buf), view.len) : nullptr);
    PyBuffer_Release(&view);
    if (!code) {
      Ref<> text = TRY(steal(PyUnicode_FromFormat("Frozen object named %R is invalid", module_name)));
      PyErr_SetImportError(text.get(), as_object(module_name), nullptr);
      return failure;
    }
    if (!PyCode_Check(code.get())) return raise(PyExc_TypeError, "frozen object %R is not a code object", module_name);
    return code;
  }
  code = frozen_code(as_object(module_name));
  if (!code && !PyErr_Occurred()) return no_such_frozen(as_object(module_name));
  return code;
}
Ref<> init_frozen(PyObject*, PyUnicodeObject* module_name) {
  int found = PyImport_ImportFrozenModuleObject(as_object(module_name));
  if (found < 0) return failure;
  return found ? borrow(PyImport_AddModuleObject(as_object(module_name))) : none();
}
Ref<> frozen_module_names(PyObject*) { return frozen_names(); }
Status override_frozen_modules(PyObject*, int override) {
  current_interpreter()->imports->frozen_override = override;
  return Status::ok;
}

// ---- code ---------------------------------------------------------------------------------------

// Replaces the file name that a .pyc was compiled under, in the code and what it contains.
void fix_filename(PyCodeObject* code, PyObject* old_name, PyObject* path) {
  if (PyUnicode_Compare(code->co_filename, old_name) != 0) return;
  set_field(code->co_filename, borrow(path));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); ++i) {
    PyObject* constant = PyTuple_GET_ITEM(code->co_consts, i);
    if (PyCode_Check(constant)) fix_filename(reinterpret_cast<PyCodeObject*>(constant), old_name, path);
  }
}
Status fix_co_filename(PyObject*, PyCodeObject* code, PyUnicodeObject* path) {
  if (PyUnicode_Compare(code->co_filename, as_object(path)) == 0) return Status::ok;
  Ref<> old_name = borrow(code->co_filename);
  fix_filename(code, old_name.get(), as_object(path));
  return Status::ok;
}

Ref<> source_hash(PyObject*, long key, BufferArgument source) {
  uint64_t hash = _Py_KeyedHash(static_cast<uint64_t>(key), source.data(), source.size());
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(hash >> (8 * i));
  return steal(PyBytes_FromStringAndSize(reinterpret_cast<char*>(bytes), 8));
}

const PyMethodDef kMethods[] = {
    METHOD("extension_suffixes($module, /)", extension_suffixes, "Returns the list of file suffixes used to identify extension modules."),
    METHOD("lock_held($module, /)", lock_held, "Return True if the import lock is currently held, else False."),
    METHOD("acquire_lock($module, /)", acquire_lock, "Acquires the interpreter's import lock for the current thread."),
    METHOD("release_lock($module, /)", release_lock, "Release the interpreter's import lock."),
    METHOD("find_frozen($module, name, /, *, withdata=False)", find_frozen, "Return info about the corresponding frozen module, or None."),
    METHOD("get_frozen_object($module, name, data=None, /)", get_frozen_object, "Create a code object for a frozen module."),
    METHOD("is_frozen_package($module, name, /)", is_frozen_package, "Returns True if the module name is of a frozen package."),
    METHOD("create_builtin($module, spec, /)", create_builtin, "Create an extension module."),
    METHOD("init_frozen($module, name, /)", init_frozen, "Initializes a frozen module."),
    METHOD("is_builtin($module, name, /)", is_builtin, "Returns True if the module name corresponds to a built-in module."),
    METHOD("is_frozen($module, name, /)", is_frozen, "Returns True if the module name corresponds to a frozen module."),
    METHOD("_frozen_module_names($module, /)", frozen_module_names, "Returns the list of available frozen modules."),
    METHOD("_override_frozen_modules_for_tests($module, override, /)", override_frozen_modules,
           "(internal-only) Override PyConfig.use_frozen_modules."),
    METHOD("create_dynamic($module, spec, file=<unrepresentable>, /)", create_dynamic, "Create an extension module."),
    METHOD("exec_dynamic($module, mod, /)", exec_dynamic, "Initialize an extension module."),
    METHOD("exec_builtin($module, mod, /)", exec_builtin, "Initialize a built-in module."),
    METHOD("_fix_co_filename($module, code, path, /)", fix_co_filename, "Changes code.co_filename to specify the passed-in path."),
    METHOD("source_hash($module, /, key, source)", source_hash, "The hash that a hash-based .pyc has of its source."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  const wchar_t* mode = _Py_GetConfig()->check_hash_pycs_mode;
  Ref<> text = TRY(steal(PyUnicode_FromWideChar(mode ? mode : L"default", -1)));
  return PyModule_AddObjectRef(module, "check_hash_based_pycs", text.get());
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "_imp", "(Extremely) low-level import machinery bits as used by importlib.", 0, table(kMethods),
                       table(kSlots),         nullptr, nullptr, nullptr};

}  // namespace
}  // namespace gill

extern "C" PyObject* PyInit__imp(void) { return PyModuleDef_Init(&gill::kModule); }
using gill::BuiltinModule;
GILL_BUILTIN_MODULE("_imp", PyInit__imp);
