// The import statement and PyImport_*. A module that is in sys.modules is found here; everything else
// goes through importlib._bootstrap.
#include <cstdio>
#include <ctime>

#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"

namespace gill {
namespace {

PyObject* modules_dict() { return current_interpreter()->modules; }

Ref<> module_in_sys(PyObject* module_name) {
  PyObject* modules = modules_dict();
  if (!modules) return raise(PyExc_RuntimeError, "unable to get sys.modules");
  if (PyDict_CheckExact(modules)) return borrow(PyDict_GetItemWithError(modules, module_name));
  Ref<> found = steal(PyObject_GetItem(modules, module_name));
  if (!found && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_Clear();
  return found;
}

// Another thread may still be executing the module: waits for it.
Status wait_until_initialized(PyObject* module, PyObject* module_name) {
  PyObject* spec_found = nullptr;
  TRY(status_of(_PyObject_LookupAttr(module, name<"__spec__">, &spec_found)));
  Ref<> spec = steal(spec_found);
  if (!spec || spec.get() == Py_None) return Status::ok;
  PyObject* flag_found = nullptr;
  TRY(status_of(_PyObject_LookupAttr(spec.get(), name<"_initializing">, &flag_found)));
  Ref<> flag = steal(flag_found);
  if (!flag || !TRY(truth_of(PyObject_IsTrue(flag.get())))) return Status::ok;
  Ref<> done = TRY(steal(PyObject_CallMethodOneArg(current_interpreter()->importlib, name<"_lock_unlock_module">, module_name)));
  return Status::ok;
}

// ---- relative names -----------------------------------------------------------------------------

Ref<> package_of(PyObject* globals) {
  Ref<> package = borrow(PyDict_GetItemWithError(globals, name<"__package__">));
  if (!package && PyErr_Occurred()) return failure;
  Ref<> spec = borrow(PyDict_GetItemWithError(globals, name<"__spec__">));
  if (!spec && PyErr_Occurred()) return failure;
  if (package && package.get() != Py_None) {
    if (!PyUnicode_Check(package.get())) return raise(PyExc_TypeError, "package must be a string");
    if (spec && spec.get() != Py_None) {
      Ref<> parent = TRY(steal(PyObject_GetAttr(spec.get(), name<"parent">)));
      if (!TRY(truth_of(PyObject_RichCompareBool(package.get(), parent.get(), Py_EQ)))) {
        TRY(status_of(PyErr_WarnEx(PyExc_ImportWarning, "__package__ != __spec__.parent", 1)));
      }
    }
    return package;
  }
  if (spec && spec.get() != Py_None) {
    Ref<> parent = TRY(steal(PyObject_GetAttr(spec.get(), name<"parent">)));
    if (!PyUnicode_Check(parent.get())) return raise(PyExc_TypeError, "__spec__.parent must be a string");
    return parent;
  }
  TRY(status_of(PyErr_WarnEx(PyExc_ImportWarning, "can't resolve package from __spec__ or __package__, falling back on __name__ and __path__", 1)));
  Ref<> own_name = borrow(PyDict_GetItemWithError(globals, name<"__name__">));
  if (!own_name) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_KeyError, "'__name__' not in globals");
    return failure;
  }
  if (!PyUnicode_Check(own_name.get())) return raise(PyExc_TypeError, "__name__ must be a string");
  int has_path = PyDict_Contains(globals, name<"__path__">);
  TRY(status_of(has_path));
  if (has_path) return own_name;
  Py_ssize_t dot = PyUnicode_FindChar(own_name.get(), '.', 0, PyUnicode_GET_LENGTH(own_name.get()), -1);
  if (dot == -2) return failure;
  return steal(PyUnicode_Substring(own_name.get(), 0, dot < 0 ? 0 : dot));
}

Ref<> resolve(PyObject* relative, PyObject* globals, int level) {
  if (!globals) return raise(PyExc_KeyError, "'__name__' not in globals");
  if (!PyDict_Check(globals)) return raise(PyExc_TypeError, "globals must be a dict");
  Ref<> package = TRY(package_of(globals));
  Py_ssize_t end = PyUnicode_GET_LENGTH(package.get());
  if (end == 0) return raise(PyExc_ImportError, "attempted relative import with no known parent package");
  for (int up = 1; up < level; ++up) {
    end = PyUnicode_FindChar(package.get(), '.', 0, end, -1);
    if (end == -2) return failure;
    if (end == -1) return raise(PyExc_ImportError, "attempted relative import beyond top-level package");
  }
  Ref<> base = TRY(steal(PyUnicode_Substring(package.get(), 0, end)));
  if (PyUnicode_GET_LENGTH(relative) == 0) return base;
  return steal(PyUnicode_FromFormat("%U.%U", base.get(), relative));
}

// ---- loading ------------------------------------------------------------------------------------

// Takes importlib's own frames out of the traceback: the user's error is what counts. All of them for an
// ImportError, those of _call_with_frames_removed for any other.
void hide_importlib_frames() {
  if (_Py_GetConfig()->verbose) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  bool always = type && PyErr_GivenExceptionMatches(type, PyExc_ImportError);
  PyObject** link = &traceback;
  PyObject** chunk_start = nullptr;
  bool in_importlib = false;
  while (*link) {
    auto* tb = reinterpret_cast<PyTracebackObject*>(*link);
    Ref<PyCodeObject> code = steal(PyFrame_GetCode(tb->tb_frame));
    bool here = PyUnicode_CompareWithASCIIString(code->co_filename, "<frozen importlib._bootstrap>") == 0 ||
                PyUnicode_CompareWithASCIIString(code->co_filename, "<frozen importlib._bootstrap_external>") == 0;
    if (here && !in_importlib) chunk_start = link;
    in_importlib = here;
    auto** next = reinterpret_cast<PyObject**>(&tb->tb_next);
    if (here && (always || PyUnicode_CompareWithASCIIString(code->co_name, "_call_with_frames_removed") == 0)) {
      PyObject* rest = borrow(*next).release();
      PyObject* old = std::exchange(*chunk_start, rest);
      release(old);
      link = chunk_start;
    } else {
      link = next;
    }
  }
  // A `with` of importlib's may have noted the whole of it.
  if (value && PyExceptionInstance_Check(value)) PyException_SetTraceback(value, traceback ? traceback : Py_None);
  PyErr_Restore(type, value, traceback);
}

// Writes the line of -X importtime for one import.
class ImportTimer {
 public:
  ImportTimer(Interpreter* interpreter, PyObject* module_name) : state_(interpreter->config.import_time ? interpreter->imports : nullptr), name_(module_name) {
    if (!state_) return;
    if (!state_->time_header_shown) {
      std::fputs("import time: self [us] | cumulative | imported package\n", stderr);
      state_->time_header_shown = true;
    }
    ++state_->time_depth;
    outer_ = std::exchange(state_->time_below, 0);
    start_ = now();
  }
  ~ImportTimer() {
    if (!state_) return;
    int64_t total = now() - start_, own = total - state_->time_below;
    --state_->time_depth;
    const char* text = PyUnicode_AsUTF8(name_);
    std::fprintf(stderr, "import time: %9ld | %10ld | %*s%s\n", microseconds(own), microseconds(total), state_->time_depth * 2, "", text ? text : "?");
    state_->time_below = outer_ + total;
  }
  ImportTimer(const ImportTimer&) = delete;

 private:
  static int64_t now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
  static long microseconds(int64_t nanoseconds) { return static_cast<long>((nanoseconds + 999) / 1000); }

  ImportState* state_;
  PyObject* name_;
  int64_t outer_ = 0, start_ = 0;
};

Ref<> find_and_load(PyObject* absolute) {
  Interpreter* interpreter = current_interpreter();
  if (!interpreter->importlib) return raise(PyExc_ImportError, "importlib is not initialized");
  PyObject* path = PySys_GetObject("path");
  PyObject* meta_path = PySys_GetObject("meta_path");
  PyObject* hooks = PySys_GetObject("path_hooks");
  if (PySys_Audit("import", "OOOOO", absolute, Py_None, path ? path : Py_None, meta_path ? meta_path : Py_None, hooks ? hooks : Py_None) < 0) {
    return failure;
  }
  ImportTimer timer(interpreter, absolute);
  // Through the module's attribute: tests and tools replace it.
  return steal(PyObject_CallMethodObjArgs(interpreter->importlib, name<"_find_and_load">, absolute, interpreter->import_function, nullptr));
}

Ref<> import_level(PyObject* module_name, PyObject* globals, PyObject* fromlist, int level) {
  if (!module_name) return raise(PyExc_ValueError, "Empty module name");
  if (!PyUnicode_Check(module_name)) return raise(PyExc_TypeError, "module name must be a string");
  if (level < 0) return raise(PyExc_ValueError, "level must be >= 0");
  Ref<> absolute;
  if (level > 0) {
    absolute = TRY(resolve(module_name, globals, level));
  } else {
    if (PyUnicode_GET_LENGTH(module_name) == 0) return raise(PyExc_ValueError, "Empty module name");
    absolute = borrow(module_name);
  }
  Ref<> module = module_in_sys(absolute.get());
  if (!module && PyErr_Occurred()) return failure;
  if (module && module.get() != Py_None) TRY(wait_until_initialized(module.get(), absolute.get()));
  else module = TRY(find_and_load(absolute.get()));

  bool wants_names = fromlist && fromlist != Py_None && TRY(truth_of(PyObject_IsTrue(fromlist)));
  if (wants_names) {
    PyObject* path = nullptr;
    TRY(status_of(_PyObject_LookupAttr(module.get(), name<"__path__">, &path)));
    Ref<> is_package = steal(path);
    if (!is_package) return module;
    Interpreter* interpreter = current_interpreter();
    return steal(PyObject_CallMethodObjArgs(interpreter->importlib, name<"_handle_fromlist">, module.get(), fromlist, interpreter->import_function, nullptr));
  }
  Py_ssize_t length = PyUnicode_GET_LENGTH(module_name);
  if (level != 0 && length == 0) return module;
  Py_ssize_t dot = PyUnicode_FindChar(module_name, '.', 0, length, 1);
  if (dot == -2) return failure;
  if (dot == -1) return module;
  if (level == 0) {
    Ref<> front = TRY(steal(PyUnicode_Substring(module_name, 0, dot)));
    return steal(PyImport_ImportModuleLevelObject(front.get(), nullptr, nullptr, nullptr, 0));
  }
  Ref<> first = TRY(steal(PyUnicode_Substring(absolute.get(), 0, PyUnicode_GET_LENGTH(absolute.get()) - (length - dot))));
  Ref<> result = module_in_sys(first.get());
  if (!result && !PyErr_Occurred()) return raise(PyExc_KeyError, "%R not in sys.modules as expected", first.get());
  return result;
}

Ref<> text_of(const char* text) { return steal(PyUnicode_FromString(text)); }

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// ---- sys.modules ------------------------------------------------------------------------------------

PyObject* PyImport_GetModuleDict(void) { return modules_dict(); }
PyObject* PyImport_GetModule(PyObject* module_name) {
  Ref<> module = module_in_sys(module_name);
  if (module && wait_until_initialized(module.get(), module_name) == Status::error) return nullptr;
  return module.release();
}
PyObject* _PyImport_GetModuleId(_Py_Identifier* id) {
  PyObject* text = _PyUnicode_FromId(id);
  return text ? PyImport_GetModule(text) : nullptr;
}
int _PyImport_SetModule(PyObject* module_name, PyObject* module) { return PyObject_SetItem(modules_dict(), module_name, module); }
int _PyImport_SetModuleString(const char* module_name, PyObject* module) { return PyMapping_SetItemString(modules_dict(), module_name, module); }
int _PyImport_IsInitialized(PyInterpreterState* interpreter) { return internal(interpreter)->modules != nullptr; }

PyObject* PyImport_AddModuleObject(PyObject* module_name) {
  Ref<> module = module_in_sys(module_name);
  if (module && PyModule_Check(module.get())) return module.get();  // sys.modules keeps it
  if (PyErr_Occurred()) return nullptr;
  Ref<> made = TRY(steal(PyModule_NewObject(module_name)));
  if (PyObject_SetItem(modules_dict(), module_name, made.get()) < 0) return nullptr;
  return made.get();
}
PyObject* PyImport_AddModule(const char* module_name) {
  Ref<> text = TRY(text_of(module_name));
  return PyImport_AddModuleObject(text.get());
}

// ---- importing --------------------------------------------------------------------------------------

PyObject* PyImport_ImportModuleLevelObject(PyObject* module_name, PyObject* globals, PyObject*, PyObject* fromlist, int level) {
  Ref<> result = import_level(module_name, globals, fromlist, level);
  if (!result) hide_importlib_frames();
  return result.release();
}
PyObject* PyImport_ImportModuleLevel(const char* module_name, PyObject* globals, PyObject* locals, PyObject* fromlist, int level) {
  Ref<> text = TRY(text_of(module_name));
  return PyImport_ImportModuleLevelObject(text.get(), globals, locals, fromlist, level);
}

PyObject* PyImport_Import(PyObject* module_name) {
  // Through the __import__ of the running code, which may be somebody's own.
  Ref<> builtins;
  Ref<> globals = borrow(PyEval_GetGlobals());
  if (globals) {
    builtins = TRY(steal(PyObject_GetItem(globals.get(), name<"__builtins__">)));
  } else {
    builtins = TRY(steal(PyImport_ImportModuleLevel("builtins", nullptr, nullptr, nullptr, 0)));
    globals = TRY(steal(PyDict_New()));
    TRY(status_of(PyDict_SetItem(globals.get(), name<"__builtins__">, builtins.get())));
  }
  Ref<> function = steal(PyDict_Check(builtins.get()) ? PyObject_GetItem(builtins.get(), name<"__import__">)
                                                      : PyObject_GetAttr(builtins.get(), name<"__import__">));
  if (!function) {
    if (PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_SetObject(PyExc_KeyError, name<"__import__">);
    return nullptr;
  }
  Ref<> fromlist = TRY(steal(PyList_New(0)));
  Ref<> done = TRY(steal(PyObject_CallFunction(function.get(), "OOOOi", module_name, globals.get(), globals.get(), fromlist.get(), 0)));
  Ref<> module = module_in_sys(module_name);
  if (!module && !PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, module_name);
  return module.release();
}
PyObject* PyImport_ImportModule(const char* module_name) {
  Ref<> text = TRY(text_of(module_name));
  return PyImport_Import(text.get());
}
PyObject* PyImport_ImportModuleNoBlock(const char* module_name) { return PyImport_ImportModule(module_name); }
PyObject* PyImport_ReloadModule(PyObject* module) {
  Ref<> importlib = TRY(steal(PyImport_ImportModule("importlib")));
  return PyObject_CallMethodOneArg(importlib.get(), name<"reload">, module);
}

PyObject* _PyImport_GetModuleAttr(PyObject* module_name, PyObject* attribute) {
  Ref<> module = TRY(steal(PyImport_Import(module_name)));
  return PyObject_GetAttr(module.get(), attribute);
}
PyObject* _PyImport_GetModuleAttrString(const char* module_name, const char* attribute) {
  Ref<> module = TRY(steal(PyImport_ImportModule(module_name)));
  return PyObject_GetAttrString(module.get(), attribute);
}

PyObject* PyImport_GetImporter(PyObject* path) {
  Ref<> cache = borrow(PySys_GetObject("path_importer_cache"));
  Ref<> hooks = borrow(PySys_GetObject("path_hooks"));
  if (!cache || !hooks) return nullptr;
  if (PyObject* known = PyDict_GetItemWithError(cache.get(), path)) return borrow(known).release();
  if (PyErr_Occurred()) return nullptr;
  Ref<> importer = none();
  TRY(status_of(PyDict_SetItem(cache.get(), path, Py_None)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(hooks.get()); ++i) {
    Ref<> made = steal(PyObject_CallOneArg(PyList_GET_ITEM(hooks.get(), i), path));
    if (made) {
      importer = std::move(made);
      break;
    }
    if (!PyErr_ExceptionMatches(PyExc_ImportError)) return nullptr;
    PyErr_Clear();
  }
  TRY(status_of(PyDict_SetItem(cache.get(), path, importer.get())));
  return importer.release();
}

// ---- modules from code --------------------------------------------------------------------------------

PyObject* PyImport_ExecCodeModuleObject(PyObject* module_name, PyObject* code, PyObject* path, PyObject* cached) {
  Interpreter* interpreter = current_interpreter();
  PyObject* module = PyImport_AddModuleObject(module_name);
  if (!module) return nullptr;
  PyObject* dict = PyModule_GetDict(module);
  if (!PyDict_Contains(dict, name<"__builtins__">)) TRY(status_of(PyDict_SetItem(dict, name<"__builtins__">, PyEval_GetBuiltins())));
  Ref<> external = TRY(steal(PyObject_GetAttrString(interpreter->importlib, "_bootstrap_external")));
  Ref<> fixed = TRY(steal(PyObject_CallMethodObjArgs(external.get(), name<"_fix_up_module">, dict, module_name,
                                                     path ? path : reinterpret_cast<PyCodeObject*>(code)->co_filename,
                                                     cached ? cached : Py_None, nullptr)));
  Ref<> done = steal(PyEval_EvalCode(code, dict, dict));
  if (!done) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyObject_DelItem(interpreter->modules, module_name) < 0) PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return nullptr;
  }
  Ref<> result = module_in_sys(module_name);
  if (!result && !PyErr_Occurred()) PyErr_Format(PyExc_ImportError, "Loaded module %R not found in sys.modules", module_name);
  return result.release();
}
PyObject* PyImport_ExecCodeModuleWithPathnames(const char* module_name, PyObject* code, const char* path, const char* cached) {
  Ref<> text = TRY(text_of(module_name));
  Ref<> own_path = path ? steal(PyUnicode_DecodeFSDefault(path)) : Ref<>();
  Ref<> own_cached = cached ? steal(PyUnicode_DecodeFSDefault(cached)) : Ref<>();
  if ((path && !own_path) || (cached && !own_cached)) return nullptr;
  return PyImport_ExecCodeModuleObject(text.get(), code, own_path.get(), own_cached.get());
}
PyObject* PyImport_ExecCodeModuleEx(const char* module_name, PyObject* code, const char* path) {
  return PyImport_ExecCodeModuleWithPathnames(module_name, code, path, nullptr);
}
PyObject* PyImport_ExecCodeModule(const char* module_name, PyObject* code) {
  return PyImport_ExecCodeModuleWithPathnames(module_name, code, nullptr, nullptr);
}

int PyImport_ImportFrozenModuleObject(PyObject* module_name) {
  Ref<> code = frozen_code(module_name);
  if (!code) return PyErr_Occurred() ? -1 : 0;
  PyObject* module = PyImport_AddModuleObject(module_name);
  if (!module) return -1;
  PyObject* dict = PyModule_GetDict(module);
  TRY(status_of(PyDict_SetItem(dict, name<"__builtins__">, current_interpreter()->builtins)));
  if (is_frozen_package_name(module_name)) {
    Ref<> path = TRY(steal(PyList_New(0)));
    TRY(status_of(PyDict_SetItem(dict, name<"__path__">, path.get())));
  }
  Ref<> origin = TRY(frozen_origin(module_name));
  TRY(status_of(PyDict_SetItem(dict, name<"__origname__">, origin.get())));
  Ref<> done = TRY(steal(PyEval_EvalCode(code.get(), dict, dict)));
  return 1;
}
int PyImport_ImportFrozenModule(const char* module_name) {
  Ref<> text = TRY(text_of(module_name));
  return PyImport_ImportFrozenModuleObject(text.get());
}

// 3495, carriage return, line feed: no text file begins like this.
long PyImport_GetMagicNumber(void) { return 3495 | 0x0a0d0000; }
const char* PyImport_GetMagicTag(void) { return "cpython-311"; }

// ---- tables that embedding programs extend before start-up -----------------------------------------------

static struct _inittab g_no_modules[] = {{nullptr, nullptr}};
struct _inittab* PyImport_Inittab = g_no_modules;
const struct _frozen* PyImport_FrozenModules = nullptr;

int PyImport_ExtendInittab(struct _inittab* more) {
  if (Py_IsInitialized()) Py_FatalError("PyImport_ExtendInittab() may not be called after Py_Initialize()");
  size_t old = 0, added = 0;
  while (PyImport_Inittab[old].name) ++old;
  while (more[added].name) ++added;
  if (added == 0) return 0;
  auto* table = static_cast<struct _inittab*>(PyMem_RawMalloc((old + added + 1) * sizeof(struct _inittab)));
  if (!table) return -1;
  std::memcpy(table, PyImport_Inittab, old * sizeof(struct _inittab));
  std::memcpy(table + old, more, (added + 1) * sizeof(struct _inittab));
  if (PyImport_Inittab != g_no_modules) PyMem_RawFree(PyImport_Inittab);
  PyImport_Inittab = table;
  return 0;
}
int PyImport_AppendInittab(const char* module_name, PyObject* (*init)(void)) {
  struct _inittab more[] = {{module_name, init}, {nullptr, nullptr}};
  return PyImport_ExtendInittab(more);
}

// ---- the global import lock --------------------------------------------------------------------------------

void _PyImport_AcquireLock(void) {
  ImportState* state = current_interpreter()->imports;
  unsigned long me = PyThread_get_thread_ident();
  if (state->lock_depth && state->lock_owner == me) {
    ++state->lock_depth;
    return;
  }
  if (!PyThread_acquire_lock(state->lock, NOWAIT_LOCK)) {
    PyThreadState* thread = PyEval_SaveThread();
    PyThread_acquire_lock(state->lock, WAIT_LOCK);
    PyEval_RestoreThread(thread);
  }
  state->lock_owner = me;
  state->lock_depth = 1;
}
int _PyImport_ReleaseLock(void) {
  ImportState* state = current_interpreter()->imports;
  if (!state->lock_depth) return 0;
  if (state->lock_owner != PyThread_get_thread_ident()) return -1;
  if (--state->lock_depth == 0) PyThread_release_lock(state->lock);
  return 1;
}

}  // extern "C"
