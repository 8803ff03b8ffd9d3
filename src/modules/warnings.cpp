// The module `_warnings`: filters, registries and PyErr_Warn*. Where the Python module `warnings` is loaded,
// its filters, default action and once registry are the ones that count.
#include <cstdarg>
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "modules/warnings.h"
#include "runtime/interpreter.h"
#include "runtime/thread_state.h"

namespace gill {

struct WarningState {
  PyObject* filters;
  PyObject* once_registry;
  PyObject* default_action;
  long version;
};

void finish_warnings(Interpreter* interpreter) {
  WarningState* state = interpreter->warnings;
  if (!state) return;
  interpreter->warnings = nullptr;
  clear_field(state->filters);
  clear_field(state->once_registry);
  clear_field(state->default_action);
  PyMem_RawFree(state);
}

namespace {

Ref<> default_filters() {
  struct Filter {
    const char* action;
    PyObject* category;
    const char* module;
  };
  const Filter filters[] = {{"default", PyExc_DeprecationWarning, "__main__"},
                            {"ignore", PyExc_DeprecationWarning, nullptr},
                            {"ignore", PyExc_PendingDeprecationWarning, nullptr},
                            {"ignore", PyExc_ImportWarning, nullptr},
                            {"ignore", PyExc_ResourceWarning, nullptr}};
  Ref<> list = TRY(steal(PyList_New(0)));
  for (const Filter& f : filters) {
    Ref<> entry = TRY(steal(Py_BuildValue("(sOOzi)", f.action, Py_None, f.category, f.module, 0)));
    TRY(status_of(PyList_Append(list.get(), entry.get())));
  }
  return list;
}

WarningState* state() {
  Interpreter* interpreter = current_interpreter();
  if (interpreter->warnings) return interpreter->warnings;
  auto* made = static_cast<WarningState*>(PyMem_RawCalloc(1, sizeof(WarningState)));
  if (!made) {
    PyErr_NoMemory();
    return nullptr;
  }
  made->filters = default_filters().release();
  made->once_registry = PyDict_New();
  made->default_action = PyUnicode_FromString("default");
  interpreter->warnings = made;
  if (made->filters && made->once_registry && made->default_action) return made;
  finish_warnings(interpreter);
  return nullptr;
}

// An attribute of the module `warnings` if that is loaded; `import` loads it where it can be.
Ref<> python_attribute(PyObject* attribute, bool import) {
  Ref<> module;
  if (import && _PyImport_IsInitialized(PyInterpreterState_Get()) && !_Py_IsFinalizing()) {
    module = steal(PyImport_Import(name<"warnings">));
    if (!module) {
      if (!PyErr_ExceptionMatches(PyExc_ImportError)) return failure;
      PyErr_Clear();
    }
  } else {
    module = steal(PyImport_GetModule(name<"warnings">));
  }
  if (!module) return nullptr;
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(module.get(), attribute, &found) < 0) return failure;
  return steal(found);
}

Maybe<bool> matches(PyObject* pattern, PyObject* text) {
  if (pattern == Py_None) return true;
  if (PyUnicode_CheckExact(pattern)) return truth_of(PyObject_RichCompareBool(pattern, text, Py_EQ));
  Ref<> result = TRY(steal(PyObject_CallMethodOneArg(pattern, name<"match">, text)));
  return truth_of(PyObject_IsTrue(result.get()));
}

// The action for a warning; `item` receives the filter it came from, or None.
Ref<> action_for(PyObject* category, PyObject* text, int line, PyObject* module, Ref<>& item) {
  WarningState* s = TRY(state());
  Ref<> filters = python_attribute(name<"filters">, false);
  if (!filters && PyErr_Occurred()) return failure;
  if (filters) set_field(s->filters, filters.new_ref());
  if (!s->filters || !PyList_Check(s->filters)) return raise(PyExc_ValueError, "_warnings.filters must be a list");
  Ref<> list = borrow(s->filters);
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
    Ref<> filter = borrow(PyList_GET_ITEM(list.get(), i));
    if (!PyTuple_Check(filter.get()) || PyTuple_GET_SIZE(filter.get()) != 5) return raise(PyExc_ValueError, "_warnings.filters item %zd isn't a 5-tuple", i);
    auto part = [&](Py_ssize_t j) { return PyTuple_GET_ITEM(filter.get(), j); };
    if (!PyUnicode_Check(part(0))) return raise(PyExc_TypeError, "action must be a string, not '%.200s'", Py_TYPE(part(0))->tp_name);
    if (!TRY(matches(part(1), text))) continue;
    if (!TRY(truth_of(PyObject_IsSubclass(category, part(2))))) continue;
    if (!TRY(matches(part(3), module))) continue;
    Py_ssize_t wanted = TRY(checked(PyLong_AsSsize_t(part(4))));
    if (wanted != 0 && wanted != line) continue;
    item = filter.new_ref();
    return borrow(part(0));
  }
  item = none();
  Ref<> fallback = python_attribute(name<"defaultaction">, false);
  if (fallback) {
    if (PyUnicode_Check(fallback.get())) return fallback;
    return raise(PyExc_TypeError, "_warnings.defaultaction must be a string, not '%.200s'", Py_TYPE(fallback.get())->tp_name);
  }
  if (PyErr_Occurred()) return failure;
  return borrow(s->default_action);
}

// Whether the registry has the key; enters it if not and `add`. A registry of other filters starts anew.
Maybe<bool> already_warned(PyObject* registry, PyObject* key, bool add) {
  if (!key) return failure;
  WarningState* s = TRY(state());
  PyObject* version = PyDict_GetItemWithError(registry, name<"version">);
  if (!version && PyErr_Occurred()) return failure;
  if (!version || !PyLong_CheckExact(version) || PyLong_AsLong(version) != s->version) {
    PyErr_Clear();
    PyDict_Clear(registry);
    Ref<> current = TRY(steal(PyLong_FromLong(s->version)));
    TRY(status_of(PyDict_SetItem(registry, name<"version">, current.get())));
  } else if (PyObject* known = PyDict_GetItemWithError(registry, key)) {
    if (TRY(truth_of(PyObject_IsTrue(known)))) return true;
  } else if (PyErr_Occurred()) {
    return failure;
  }
  if (add) TRY(status_of(PyDict_SetItem(registry, key, Py_True)));
  return false;
}

// The message without the Python module: "file:line: Category: text" and the source line.
void show_plainly(PyObject* filename, int line, PyObject* text, PyObject* category, PyObject* source_line) {
  Ref<> err = borrow(PySys_GetObject("stderr"));
  if (!err || err.get() == Py_None) return;
  Ref<> shown = steal(PyUnicode_FromFormat("%S:%d: %s: %S\n", filename, line, reinterpret_cast<PyTypeObject*>(category)->tp_name, text));
  if (!shown || PyFile_WriteObject(shown.get(), err.get(), Py_PRINT_RAW) < 0) return PyErr_Clear();
  if (source_line) {
    Ref<> code = steal(PyUnicode_FromFormat("  %S\n", source_line));
    if (!code || PyFile_WriteObject(code.get(), err.get(), Py_PRINT_RAW) < 0) PyErr_Clear();
    return;
  }
  if (_Py_DisplaySourceLine(err.get(), filename, line, 2, nullptr, nullptr) < 0) PyErr_Clear();
}

Status show(PyObject* message, PyObject* text, PyObject* category, PyObject* filename, int line, PyObject* source_line, PyObject* source) {
  Ref<> function = python_attribute(name<"_showwarnmsg">, source != nullptr);
  if (!function) {
    if (PyErr_Occurred()) return failure;
    show_plainly(filename, line, text, category, source_line);
    return Status::ok;
  }
  if (!PyCallable_Check(function.get())) return raise(PyExc_TypeError, "warnings._showwarnmsg() must be set to a callable");
  Ref<> type = python_attribute(name<"WarningMessage">, false);
  if (!type) return PyErr_Occurred() ? Status::error : raise(PyExc_RuntimeError, "unable to get warnings.WarningMessage");
  Ref<> line_object = TRY(steal(PyLong_FromLong(line)));
  Ref<> warning = TRY(steal(PyObject_CallFunctionObjArgs(type.get(), message, category, filename, line_object.get(), Py_None, Py_None,
                                                         source ? source : Py_None, nullptr)));
  Ref<> done = TRY(steal(PyObject_CallOneArg(function.get(), warning.get())));
  return Status::ok;
}

Ref<> module_from_filename(PyObject* filename) {
  Py_ssize_t size = PyUnicode_GET_LENGTH(filename);
  if (size == 0) return steal(PyUnicode_FromString("<unknown>"));
  Ref<> tail = TRY(steal(PyUnicode_Substring(filename, size > 3 ? size - 3 : 0, size)));
  return PyUnicode_CompareWithASCIIString(tail.get(), ".py") == 0 ? steal(PyUnicode_Substring(filename, 0, size - 3)) : borrow(filename);
}

Status warn_explicit(PyObject* category, PyObject* message, PyObject* filename, int line, PyObject* given_module, PyObject* registry,
                     PyObject* source_line, PyObject* source) {
  if (given_module == Py_None) return Status::ok;  // the interpreter is going down
  if (registry && registry != Py_None && !PyDict_Check(registry)) return raise(PyExc_TypeError, "'registry' must be a dict or None");
  if (registry == Py_None) registry = nullptr;
  Ref<> module = TRY(given_module ? borrow(given_module) : module_from_filename(filename));
  Ref<> warning = borrow(message), text, own_category = borrow(category);
  if (TRY(truth_of(PyObject_IsInstance(message, PyExc_Warning)))) {
    text = TRY(steal(PyObject_Str(message)));
    own_category = borrow(as_object(Py_TYPE(message)));
  } else {
    text = borrow(message);
    warning = TRY(steal(PyObject_CallOneArg(category, message)));
  }
  Ref<> line_object = TRY(steal(PyLong_FromLong(line)));
  Ref<> key = TRY(steal(PyTuple_Pack(3, text.get(), own_category.get(), line_object.get())));
  if (registry && TRY(already_warned(registry, key.get(), false))) return Status::ok;
  Ref<> item;
  Ref<> action = TRY(action_for(own_category.get(), text.get(), line, module.get(), item));
  auto is = [&](const char* what) { return PyUnicode_CompareWithASCIIString(action.get(), what) == 0; };
  if (is("error")) {
    PyErr_SetObject(own_category.get(), warning.get());
    return failure;
  }
  if (is("ignore")) return Status::ok;
  bool known = false;
  if (!is("always")) {
    if (registry && PyDict_SetItem(registry, key.get(), Py_True) < 0) return failure;
    if (is("once")) {
      Ref<> once = registry ? borrow(registry) : python_attribute(name<"onceregistry">, false);
      if (!once && PyErr_Occurred()) return failure;
      if (!once) once = borrow(TRY(state())->once_registry);
      if (!PyDict_Check(once.get())) return raise(PyExc_TypeError, "_warnings.onceregistry must be a dict, not '%.200s'", Py_TYPE(once.get())->tp_name);
      Ref<> short_key = TRY(steal(PyTuple_Pack(2, text.get(), own_category.get())));
      known = TRY(already_warned(once.get(), short_key.get(), true));
    } else if (is("module")) {
      Ref<> zero = TRY(steal(PyLong_FromLong(0)));
      Ref<> module_key = TRY(steal(PyTuple_Pack(3, text.get(), own_category.get(), zero.get())));
      if (registry) known = TRY(already_warned(registry, module_key.get(), true));
    } else if (!is("default")) {
      return raise(PyExc_RuntimeError, "Unrecognized action (%R) in warnings.filters:\n %R", action.get(), item.get());
    }
  }
  return known ? Status::ok : show(warning.get(), text.get(), own_category.get(), filename, line, source_line, source);
}

bool is_import_frame(PyFrameObject* frame) {
  Ref<PyCodeObject> code = steal(PyFrame_GetCode(frame));
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  return file && std::strstr(file, "importlib") && std::strstr(file, "_bootstrap");
}
Ref<PyFrameObject> next_outer(Ref<PyFrameObject> frame) {
  do frame = steal(PyFrame_GetBack(frame.get()));
  while (frame && is_import_frame(frame.get()));
  return frame;
}

Status do_warn(PyObject* message, PyObject* category, Py_ssize_t level, PyObject* source) {
  Ref<PyFrameObject> frame = borrow(PyEval_GetFrame());
  if (level <= 0 || (frame && is_import_frame(frame.get()))) {
    while (--level > 0 && frame) frame = steal(PyFrame_GetBack(frame.get()));
  } else {
    while (--level > 0 && frame) frame = next_outer(std::move(frame));
  }
  Ref<> globals, filename;
  int line = 1;
  if (frame) {
    globals = steal(PyFrame_GetGlobals(frame.get()));
    Ref<PyCodeObject> code = steal(PyFrame_GetCode(frame.get()));
    filename = borrow(code->co_filename);
    line = PyFrame_GetLineNumber(frame.get());
  } else {
    globals = borrow(current_interpreter()->sysdict);
    filename = TRY(steal(PyUnicode_FromString("sys")));
  }
  Ref<> registry = borrow(PyDict_GetItemWithError(globals.get(), name<"__warningregistry__">));
  if (!registry) {
    if (PyErr_Occurred()) return failure;
    registry = TRY(steal(PyDict_New()));
    TRY(status_of(PyDict_SetItem(globals.get(), name<"__warningregistry__">, registry.get())));
  }
  Ref<> module = borrow(PyDict_GetItemWithError(globals.get(), name<"__name__">));
  if (!module && PyErr_Occurred()) return failure;
  if (!module || (module.get() != Py_None && !PyUnicode_Check(module.get()))) module = TRY(steal(PyUnicode_FromString("<string>")));
  return warn_explicit(category, message, filename.get(), line, module.get(), registry.get(), nullptr, source);
}

Status warnings_warn(PyObject*, PyObject* message, PyObject* category, Py_ssize_t stacklevel, PyObject* source) {
  int is_warning = PyObject_IsInstance(message, PyExc_Warning);
  TRY(status_of(is_warning));
  if (is_warning) category = as_object(Py_TYPE(message));
  else if (!category || category == Py_None) category = PyExc_UserWarning;
  if (!PyType_Check(category) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(category), reinterpret_cast<PyTypeObject*>(PyExc_Warning))) {
    return raise(PyExc_TypeError, "category must be a Warning subclass, not '%s'", Py_TYPE(category)->tp_name);
  }
  return do_warn(message, category, stacklevel, source == Py_None ? nullptr : source);
}

// The line as the module's loader has it; null when it has none.
Ref<> source_from_loader(PyObject* globals, int line) {
  Ref<> loader = borrow(PyDict_GetItemWithError(globals, name<"__loader__">));
  Ref<> module_name = loader ? borrow(PyDict_GetItemWithError(globals, name<"__name__">)) : Ref<>();
  if (!module_name) return nullptr;
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(loader.get(), name<"get_source">, &found) < 0) return failure;
  Ref<> get_source = steal(found);
  if (!get_source) return nullptr;
  Ref<> source = TRY(steal(PyObject_CallOneArg(get_source.get(), module_name.get())));
  if (source.get() == Py_None) return nullptr;
  Ref<> lines = TRY(steal(PyUnicode_Splitlines(source.get(), 0)));
  PyObject* wanted = PyList_GetItem(lines.get(), line - 1);
  return borrow(wanted);
}

Status warnings_warn_explicit(PyObject*, PyObject* message, PyObject* category, PyUnicodeObject* filename, int lineno, PyObject* module, PyObject* registry,
                              PyObject* module_globals, PyObject* source) {
  Ref<> source_line;
  if (module_globals && module_globals != Py_None) {
    if (!PyDict_Check(module_globals)) return raise(PyExc_TypeError, "module_globals must be a dict, not '%.200s'", Py_TYPE(module_globals)->tp_name);
    source_line = source_from_loader(module_globals, lineno);
    if (!source_line && PyErr_Occurred()) return failure;
  }
  return warn_explicit(category, message, as_object(filename), lineno, module, registry, source_line.get(), source == Py_None ? nullptr : source);
}
Status filters_mutated(PyObject*) {
  ++TRY(state())->version;
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD("warn($module, /, message, category=None, stacklevel=1, source=None)", warnings_warn, "Issue a warning, or maybe ignore it or raise an exception."),
    METHOD("warn_explicit($module, /, message, category, filename, lineno, module=<unrepresentable>, registry=None, module_globals=None, source=None)",
           warnings_warn_explicit, "Issue a warning, or maybe ignore it or raise an exception."),
    METHOD("_filters_mutated($module, /)", filters_mutated, ""),
    kEndOfMethods,
};
int execute(PyObject* module) {
  WarningState* s = TRY(state());
  TRY(status_of(PyModule_AddObjectRef(module, "filters", s->filters)));
  TRY(status_of(PyModule_AddObjectRef(module, "_onceregistry", s->once_registry)));
  return PyModule_AddObjectRef(module, "_defaultaction", s->default_action);
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "_warnings", "_warnings provides basic warning filtering support.\nIt is a helper module to speed up interpreter start-up.",
                       0, table(kMethods), table(kSlots), nullptr, nullptr, nullptr};

int warn_text(PyObject* category, Py_ssize_t level, Ref<> text, PyObject* source = nullptr) {
  if (!text) return -1;
  return static_cast<int>(do_warn(text.get(), category ? category : PyExc_RuntimeWarning, level, source));
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyInit__warnings(void) { return PyModuleDef_Init(&kModule); }

int PyErr_WarnEx(PyObject* category, const char* text, Py_ssize_t level) { return warn_text(category, level, steal(PyUnicode_FromString(text))); }
int PyErr_WarnFormat(PyObject* category, Py_ssize_t level, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref<> text = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  return warn_text(category, level, std::move(text));
}
int PyErr_ResourceWarning(PyObject* source, Py_ssize_t level, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref<> text = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  return warn_text(PyExc_ResourceWarning, level, std::move(text), source);
}
// The Python function shows where the coroutine was made, too.
void _PyErr_WarnUnawaitedCoroutine(PyObject* coroutine) {
  bool warned = false;
  if (Ref<> function = python_attribute(name<"_warn_unawaited_coroutine">, true)) {
    Ref<> done = steal(PyObject_CallOneArg(function.get(), coroutine));
    warned = done || PyErr_ExceptionMatches(PyExc_RuntimeWarning);
  }
  if (PyErr_Occurred()) PyErr_WriteUnraisable(coroutine);
  if (warned) return;
  Ref<> text = steal(PyUnicode_FromFormat("coroutine '%S' was never awaited", reinterpret_cast<PyCoroObject*>(coroutine)->cr_qualname));
  if (warn_text(PyExc_RuntimeWarning, 1, std::move(text), coroutine) < 0) {
    PyErr_WriteUnraisable(coroutine);
  }
}
int PyErr_WarnExplicitObject(PyObject* category, PyObject* message, PyObject* filename, int line, PyObject* module, PyObject* registry) {
  return static_cast<int>(warn_explicit(category ? category : PyExc_RuntimeWarning, message, filename, line, module, registry, nullptr, nullptr));
}
int PyErr_WarnExplicit(PyObject* category, const char* text, const char* filename, int line, const char* module, PyObject* registry) {
  Ref<> message = TRY(steal(PyUnicode_FromString(text)));
  Ref<> file = TRY(steal(PyUnicode_DecodeFSDefault(filename)));
  Ref<> module_name = module ? steal(PyUnicode_FromString(module)) : Ref<>();
  if (module && !module_name) return -1;
  return PyErr_WarnExplicitObject(category, message.get(), file.get(), line, module_name.get(), registry);
}
int PyErr_WarnExplicitFormat(PyObject* category, const char* filename, int line, const char* module, PyObject* registry, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref<> text = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  return utf8 ? PyErr_WarnExplicit(category, utf8, filename, line, module, registry) : -1;
}

[[gnu::visibility("default")]] PyObject* _PyWarnings_Init(void) { return PyImport_ImportModule("_warnings"); }

}  // extern "C"

GILL_BUILTIN_MODULE("_warnings", PyInit__warnings);
