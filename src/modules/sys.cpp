// The module `sys`: its making, its attributes from the configuration, PySys_*, audit hooks.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include "base/binding.h"
#include "base/names.h"
#include "import/import_state.h"
#include "modules/sys_module.h"
#include "objects/type.h"
#include "runtime/runtime.h"

extern "C" {
PyObject* _PyWideStringList_AsList(const PyWideStringList* list);
int _PyUnicode_EqualToASCIIString(PyObject* text, const char* ascii);
}

namespace gill {
namespace {

PyObject* python_hooks() {
  Interpreter* interpreter = current_thread() ? current_interpreter() : nullptr;
  return interpreter ? interpreter->audit_hooks : nullptr;
}
bool must_audit() { return g_runtime.audit_hooks || python_hooks(); }

int run_audit(const char* event, PyObject* args) {
  for (NativeAuditHook* hook = g_runtime.audit_hooks; hook; hook = hook->next) {
    if (hook->function(event, args, hook->data) < 0) return -1;
  }
  PyObject* hooks = python_hooks();
  if (!hooks) return 0;
  Ref<> event_name = TRY(steal(PyUnicode_FromString(event)));
  ThreadState* thread = current_thread();
  // Hooks are not traced, so that a debugger cannot be made to hide what they see.
  PyThreadState_EnterTracing(thread);
  int result = 0;
  for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(hooks); ++i) {
    Ref<> hook = borrow(PyList_GET_ITEM(hooks, i));
    PyObject* found = nullptr;
    int traced = _PyObject_LookupAttr(hook.get(), name<"__cantrace__">, &found);
    Ref<> own = steal(found);
    if (traced > 0) traced = PyObject_IsTrue(own.get());
    if (traced < 0) {
      result = -1;
      break;
    }
    if (traced) PyThreadState_LeaveTracing(thread);
    PyObject* stack[] = {event_name.get(), args};
    if (!steal(PyObject_Vectorcall(hook.get(), stack, 2, nullptr))) result = -1;
    if (traced) PyThreadState_EnterTracing(thread);
  }
  PyThreadState_LeaveTracing(thread);
  return result;
}

Status sys_addaudithook(PyObject*, PyObject* hook) {
  if (must_audit() && PySys_Audit("sys.addaudithook", nullptr) < 0) {
    // A hook may refuse another one quietly.
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return failure;
    PyErr_Clear();
    return Status::ok;
  }
  Interpreter* interpreter = current_interpreter();
  if (!interpreter->audit_hooks) {
    interpreter->audit_hooks = PyList_New(0);
    if (!interpreter->audit_hooks) return failure;
    // gc.get_objects() is not to hand the hooks out.
    PyObject_GC_UnTrack(interpreter->audit_hooks);
  }
  return status_of(PyList_Append(interpreter->audit_hooks, hook));
}

PyObject* sys_audit(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count == 0) return raise(PyExc_TypeError, "audit() missing 1 required positional argument: 'event'");
  if (!must_audit()) return none().release();
  if (!PyUnicode_Check(args[0])) return raise(PyExc_TypeError, "expected str for argument 'event', not %.200s", Py_TYPE(args[0])->tp_name);
  const char* event = TRY(PyUnicode_AsUTF8(args[0]));
  Ref<> rest = TRY(steal(PyTuple_New(count - 1)));
  for (Py_ssize_t i = 1; i < count; ++i) PyTuple_SET_ITEM(rest.get(), i - 1, borrow(args[i]).release());
  if (run_audit(event, rest.get()) < 0) return nullptr;
  return none().release();
}

const PyMethodDef kMethods[] = {
    METHOD("addaudithook($module, /, hook)", sys_addaudithook, "Adds a new audit hook callback."),
    {"audit", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&sys_audit)), METH_FASTCALL,
     "audit(event, *args)\n\nPasses the event to any hooks that are attached."},
    kEndOfMethods,
};

PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "sys",
                       "This module provides access to some objects used or maintained by the\n"
                       "interpreter and to functions that interact strongly with the interpreter.",
                       -1, table(kMethods), nullptr, nullptr, nullptr, nullptr};

Status set(PyObject* dict, const char* key, Ref<> value) { return value ? status_of(PyDict_SetItemString(dict, key, value.get())) : Status::error; }
Ref<> wide(const wchar_t* text) { return text ? steal(PyUnicode_FromWideChar(text, -1)) : none(); }

Ref<> xoptions_dict(const PyWideStringList& list) {
  Ref<> dict = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < list.length; ++i) {
    const wchar_t* equals = std::wcschr(list.items[i], L'=');
    Ref<> key = TRY(equals ? steal(PyUnicode_FromWideChar(list.items[i], equals - list.items[i])) : wide(list.items[i]));
    Ref<> value = TRY(equals ? wide(equals + 1) : py_bool(true));
    TRY(status_of(PyDict_SetItem(dict.get(), key.get(), value.get())));
  }
  return dict;
}

}  // namespace

Ref<> create_sys(Interpreter* interpreter) {
  Ref<> module = TRY(steal(PyModule_Create2(&kModule, PYTHON_API_VERSION)));
  PyObject* dict = PyModule_GetDict(module.get());
  interpreter->sysdict = borrow(dict).release();
  for (PyMethodDef* methods : {sys_runtime_methods(), sys_hook_methods()}) {
    TRY(status_of(PyModule_AddFunctions(module.get(), methods)));
  }
  for (const char* hook : {"displayhook", "excepthook", "breakpointhook", "unraisablehook"}) {
    char original[32];
    std::snprintf(original, sizeof(original), "__%s__", hook);
    TRY(status_of(PyDict_SetItemString(dict, original, PyDict_GetItemString(dict, hook))));
  }
  TRY(add_info(dict));
  TRY(set(dict, "builtin_module_names", builtin_module_names()));
  TRY(set(dict, "modules", borrow(interpreter->modules)));
  TRY(set(dict, "meta_path", steal(PyList_New(0))));
  TRY(set(dict, "path_importer_cache", steal(PyDict_New())));
  TRY(set(dict, "path_hooks", steal(PyList_New(0))));
  return module;
}

Status update_sys_from_config(PyObject* dict, const PyConfig* config) {
  TRY(set(dict, "path", steal(_PyWideStringList_AsList(&config->module_search_paths))));
  TRY(set(dict, "argv", steal(_PyWideStringList_AsList(&config->argv))));
  TRY(set(dict, "orig_argv", steal(_PyWideStringList_AsList(&config->orig_argv))));
  TRY(set(dict, "warnoptions", steal(_PyWideStringList_AsList(&config->warnoptions))));
  TRY(set(dict, "_xoptions", xoptions_dict(config->xoptions)));
  TRY(set(dict, "executable", wide(config->executable)));
  TRY(set(dict, "_base_executable", wide(config->base_executable)));
  TRY(set(dict, "prefix", wide(config->prefix)));
  TRY(set(dict, "base_prefix", wide(config->base_prefix)));
  TRY(set(dict, "exec_prefix", wide(config->exec_prefix)));
  TRY(set(dict, "base_exec_prefix", wide(config->base_exec_prefix)));
  TRY(set(dict, "platlibdir", wide(config->platlibdir)));
  TRY(set(dict, "pycache_prefix", wide(config->pycache_prefix)));
  TRY(set(dict, "_stdlib_dir", wide(config->stdlib_dir)));
  TRY(set(dict, "dont_write_bytecode", py_bool(!config->write_bytecode)));
  return set(dict, "flags", make_flags(config));
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PySys_GetObject(const char* attribute) {
  ThreadState* thread = current_thread();
  PyObject* dict = thread ? thread->interpreter()->sysdict : nullptr;
  if (!dict) return nullptr;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* found = PyDict_GetItemString(dict, attribute);
  PyErr_Restore(type, value, traceback);
  return found;
}
PyObject* _PySys_GetAttr(PyThreadState* thread, PyObject* attribute) {
  PyObject* dict = static_cast<ThreadState*>(thread)->interpreter()->sysdict;
  return dict ? PyDict_GetItemWithError(dict, attribute) : nullptr;
}
int PySys_SetObject(const char* attribute, PyObject* value) {
  PyObject* dict = current_interpreter()->sysdict;
  if (value) return PyDict_SetItemString(dict, attribute, value);
  if (!PyDict_GetItemString(dict, attribute)) return 0;
  return PyDict_DelItemString(dict, attribute);
}

size_t _PySys_GetSizeOf(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (PyType_Ready(type) < 0) return static_cast<size_t>(-1);
  SpecialMethod method = lookup_special(object, name<"__sizeof__">);
  if (!method) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "Type %.100s doesn't define __sizeof__", type->tp_name);
    return static_cast<size_t>(-1);
  }
  Ref<> result = call_special(method, object);
  if (!result) return static_cast<size_t>(-1);
  Py_ssize_t size = PyLong_AsSsize_t(result.get());
  if (size == -1 && PyErr_Occurred()) return static_cast<size_t>(-1);
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "__sizeof__() should return >= 0");
    return static_cast<size_t>(-1);
  }
  // Collectable objects have nothing in front of them, but for the word of those with a managed dict.
  return static_cast<size_t>(size) + (type->tp_flags & Py_TPFLAGS_MANAGED_DICT ? sizeof(void*) : 0);
}

int PySys_Audit(const char* event, const char* format, ...) {
  if (!must_audit()) return 0;
  Ref<> args;
  if (format && *format) {
    va_list arguments;
    va_start(arguments, format);
    args = steal(Py_VaBuildValue(format, arguments));
    va_end(arguments);
    if (args && !PyTuple_Check(args.get())) args = steal(PyTuple_Pack(1, args.get()));
  } else {
    args = steal(PyTuple_New(0));
  }
  if (!args) return -1;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  int result = run_audit(event, args.get());
  if (result == 0) {
    PyErr_Restore(type, value, traceback);
  } else {
    Ref<> t = steal(type), v = steal(value), tb = steal(traceback);
  }
  return result;
}

int PySys_AddAuditHook(Py_AuditHookFunction function, void* data) {
  if (current_thread() && PySys_Audit("sys.addaudithook", nullptr) < 0) {
    if (PyErr_ExceptionMatches(PyExc_RuntimeError)) {
      PyErr_Clear();
      return 0;
    }
    return -1;
  }
  auto* hook = static_cast<NativeAuditHook*>(PyMem_RawMalloc(sizeof(NativeAuditHook)));
  if (!hook) return -1;
  *hook = {function, data, nullptr};
  NativeAuditHook** link = &g_runtime.audit_hooks;
  while (*link) link = &(*link)->next;
  *link = hook;
  return 0;
}

// ---- options ----------------------------------------------------------------------------------------------

static PyObject* list_attribute(const char* attribute) {
  PyObject* list = PySys_GetObject(attribute);
  if (list && PyList_Check(list)) return list;
  Ref<> made = steal(PyList_New(0));
  if (!made || PySys_SetObject(attribute, made.get()) < 0) return nullptr;
  return made.get();
}
void PySys_ResetWarnOptions(void) {
  PyObject* options = PySys_GetObject("warnoptions");
  if (options) PyList_SetSlice(options, 0, PyList_GET_SIZE(options), nullptr);
}
void PySys_AddWarnOptionUnicode(PyObject* option) {
  PyObject* options = list_attribute("warnoptions");
  if (!options || PyList_Append(options, option) < 0) PyErr_Clear();
}
void PySys_AddWarnOption(const wchar_t* option) {
  Ref<> text = steal(PyUnicode_FromWideChar(option, -1));
  if (text) PySys_AddWarnOptionUnicode(text.get());
}
int PySys_HasWarnOptions(void) {
  PyObject* options = PySys_GetObject("warnoptions");
  return options && PyList_Check(options) && PyList_GET_SIZE(options) > 0;
}
PyObject* PySys_GetXOptions(void) { return PySys_GetObject("_xoptions"); }
void PySys_AddXOption(const wchar_t* option) {
  PyObject* options = PySys_GetXOptions();
  if (!options) return;
  wchar_t* copy = const_cast<wchar_t*>(option);
  PyWideStringList one = {1, &copy};
  Ref<> parsed = xoptions_dict(one);
  if (!parsed || PyDict_Update(options, parsed.get()) < 0) PyErr_Clear();
}

void PySys_SetPath(const wchar_t* path) {
  Ref<> list = steal(PyList_New(0));
  while (list && path) {
    const wchar_t* end = std::wcschr(path, L':');
    Ref<> part = steal(PyUnicode_FromWideChar(path, end ? end - path : -1));
    if (!part || PyList_Append(list.get(), part.get()) < 0) return PyErr_Clear();
    path = end ? end + 1 : nullptr;
  }
  if (list) PySys_SetObject("path", list.get());
}
void PySys_SetArgvEx(int argc, wchar_t** argv, int update_path) {
  wchar_t* empty = const_cast<wchar_t*>(L"");
  PyWideStringList list = {argc < 1 ? 1 : argc, argc < 1 ? &empty : argv};
  Ref<> args = steal(_PyWideStringList_AsList(&list));
  if (!args || PySys_SetObject("argv", args.get()) < 0) Py_FatalError("can't assign sys.argv");
  PyObject* path = update_path ? PySys_GetObject("path") : nullptr;
  if (!path) return;
  // The script's directory, or the current one.
  PyObject* script = PyList_GET_ITEM(args.get(), 0);
  Py_ssize_t slash = PyUnicode_FindChar(script, '/', 0, PyUnicode_GET_LENGTH(script), -1);
  Ref<> directory = steal(PyUnicode_Substring(script, 0, slash < 0 ? 0 : slash == 0 ? 1 : slash));
  if (!directory || PyList_Insert(path, 0, directory.get()) < 0) PyErr_Clear();
}
void PySys_SetArgv(int argc, wchar_t** argv) { PySys_SetArgvEx(argc, argv, !_Py_GetConfig()->isolated); }

// ---- writing to the standard streams ------------------------------------------------------------------------

static void write_stream(const char* attribute, FILE* fallback, const char* text) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Ref<> stream = borrow(PySys_GetObject(attribute));
  if (!stream || stream.get() == Py_None || PyFile_WriteString(text, stream.get()) != 0) {
    PyErr_Clear();
    std::fputs(text, fallback);
  }
  PyErr_Restore(type, value, traceback);
}
static void write_formatted(const char* attribute, FILE* fallback, const char* format, va_list arguments) {
  char buffer[1001];
  int written = PyOS_vsnprintf(buffer, sizeof(buffer), format, arguments);
  write_stream(attribute, fallback, buffer);
  if (written < 0 || static_cast<size_t>(written) >= sizeof(buffer)) write_stream(attribute, fallback, "... truncated");
}
void PySys_WriteStdout(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_formatted("stdout", stdout, format, arguments);
  va_end(arguments);
}
void PySys_WriteStderr(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_formatted("stderr", stderr, format, arguments);
  va_end(arguments);
}
static void write_object(const char* attribute, FILE* fallback, const char* format, va_list arguments) {
  Ref<> text = steal(PyUnicode_FromFormatV(format, arguments));
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  if (utf8) write_stream(attribute, fallback, utf8);
  else PyErr_Clear();
}
void PySys_FormatStdout(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_object("stdout", stdout, format, arguments);
  va_end(arguments);
}
void PySys_FormatStderr(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_object("stderr", stderr, format, arguments);
  va_end(arguments);
}

}  // extern "C"
