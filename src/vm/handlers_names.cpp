// Names in namespaces (locals of classes and modules, globals, builtins) and imports.
#include "objects/dict_table.h"
#include "vm/handlers.h"

namespace gill::vm {

namespace {

constexpr const char* kNotDefined = "name '%.200s' is not defined";

// A name in builtins that may be any mapping: new reference.
PyObject* builtin_named(Frame* frame, PyObject* variable) {
  PyObject* value = PyObject_GetItem(frame->f_builtins, variable);
  if (!value && PyErr_ExceptionMatches(PyExc_KeyError)) {
    PyErr_Clear();
    raise_name_error(PyExc_NameError, kNotDefined, variable);
  }
  return value;
}

// A name in the globals, then the builtins: new reference.
PyObject* global_or_builtin(Frame* frame, PyObject* variable) {
  PyObject* globals = frame->f_globals;
  PyObject* builtins = frame->f_builtins;
  if (PyDict_CheckExact(globals) && PyDict_CheckExact(builtins)) [[likely]] {
    Py_hash_t hash = str_hash(variable);
    PyObject* value = _PyDict_GetItem_KnownHash(globals, variable, hash);
    if (value) return Py_NewRef(value);
    if (PyErr_Occurred()) return nullptr;
    value = _PyDict_GetItem_KnownHash(builtins, variable, hash);
    if (value) return Py_NewRef(value);
    if (!PyErr_Occurred()) raise_name_error(PyExc_NameError, kNotDefined, variable);
    return nullptr;
  }
  PyObject* value = PyObject_GetItem(globals, variable);
  if (value) return value;
  if (!PyErr_ExceptionMatches(PyExc_KeyError)) return nullptr;
  PyErr_Clear();
  return builtin_named(frame, variable);
}

PyObject* import_name(ThreadState* thread, Frame* frame, PyObject* module, PyObject* fromlist, PyObject* level) {
  PyObject* import_function = PyDict_GetItemWithError(frame->f_builtins, name<"__import__">);
  if (!import_function) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ImportError, "__import__ not found");
    return nullptr;
  }
  PyObject* locals = frame->f_locals ? frame->f_locals : Py_None;
  if (import_function == thread->interpreter()->import_function) {
    int level_number = _PyLong_AsInt(level);
    if (level_number == -1 && PyErr_Occurred()) return nullptr;
    return PyImport_ImportModuleLevelObject(module, frame->f_globals, locals, fromlist, level_number);
  }
  PyObject* stack[] = {nullptr, module, frame->f_globals, locals, fromlist, level};
  Py_INCREF(import_function);
  PyObject* result = PyObject_Vectorcall(import_function, stack + 1, 5 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  Py_DECREF(import_function);
  return result;
}

bool is_initializing(PyObject* module) {
  PyObject* spec = nullptr;
  if (_PyObject_LookupAttr(module, name<"__spec__">, &spec) <= 0) {
    PyErr_Clear();
    return false;
  }
  PyObject* value = nullptr;
  int found = _PyObject_LookupAttr(spec, name<"_initializing">, &value);
  bool result = found > 0 && PyObject_IsTrue(value) > 0;
  Py_XDECREF(value);
  Py_DECREF(spec);
  PyErr_Clear();
  return result;
}

PyObject* import_from(PyObject* module, PyObject* attribute) {
  PyObject* value = nullptr;
  if (_PyObject_LookupAttr(module, attribute, &value) != 0) return value;
  // A circular import: the submodule may be in sys.modules already.
  PyObject* package = PyObject_GetAttr(module, name<"__name__">);
  if (package && PyUnicode_Check(package)) {
    Ref<> full_name = steal(PyUnicode_FromFormat("%U.%U", package, attribute));
    if (!full_name) {
      Py_DECREF(package);
      return nullptr;
    }
    value = PyImport_GetModule(full_name.get());
    if (value || PyErr_Occurred()) {
      Py_DECREF(package);
      return value;
    }
  } else {
    PyErr_Clear();
    Py_XDECREF(package);
    package = nullptr;
  }
  Ref<> known = package ? steal(package) : steal(PyUnicode_FromString("<unknown module name>"));
  if (!known) return nullptr;
  PyObject* path = PyModule_Check(module) ? PyModule_GetFilenameObject(module) : nullptr;
  if (!path) PyErr_Clear();
  Ref<> message;
  if (!path) {
    message = steal(PyUnicode_FromFormat("cannot import name %R from %R (unknown location)", attribute, known.get()));
  } else if (is_initializing(module)) {
    message = steal(PyUnicode_FromFormat("cannot import name %R from partially initialized module %R (most likely due to a circular import) (%S)",
                                         attribute, known.get(), path));
  } else {
    message = steal(PyUnicode_FromFormat("cannot import name %R from %R (%S)", attribute, known.get(), path));
  }
  if (message) PyErr_SetImportErrorSubclass(PyExc_ImportError, message.get(), known.get(), path);
  Py_XDECREF(path);
  return nullptr;
}

// from module import *
int import_all(PyObject* locals, PyObject* module) {
  PyObject* names = nullptr;
  if (_PyObject_LookupAttr(module, name<"__all__">, &names) < 0) return -1;
  bool skip_private = false;
  if (!names) {
    PyObject* dict = nullptr;
    if (_PyObject_LookupAttr(module, name<"__dict__">, &dict) < 0) return -1;
    if (!dict) {
      PyErr_SetString(PyExc_ImportError, "from-import-* object has no __dict__ and no __all__");
      return -1;
    }
    names = PyMapping_Keys(dict);
    Py_DECREF(dict);
    if (!names) return -1;
    skip_private = true;
  }
  Ref<> held = steal(names);
  for (Py_ssize_t i = 0;; ++i) {
    Ref<> attribute = steal(PySequence_GetItem(names, i));
    if (!attribute) {
      if (!PyErr_ExceptionMatches(PyExc_IndexError)) return -1;
      PyErr_Clear();
      return 0;
    }
    if (!PyUnicode_Check(attribute.get())) {
      Ref<> module_name = steal(PyObject_GetAttr(module, name<"__name__">));
      if (!module_name) return -1;
      if (!PyUnicode_Check(module_name.get())) {
        return raise(PyExc_TypeError, "module __name__ must be a string, not %.100s", Py_TYPE(module_name.get())->tp_name);
      }
      return raise(PyExc_TypeError, "%s in %U.%s must be str, not %.100s", skip_private ? "Key" : "Item", module_name.get(),
                   skip_private ? "__dict__" : "__all__", Py_TYPE(attribute.get())->tp_name);
    }
    if (skip_private && PyUnicode_GET_LENGTH(attribute.get()) && PyUnicode_READ_CHAR(attribute.get(), 0) == '_') continue;
    Ref<> value = steal(PyObject_GetAttr(module, attribute.get()));
    if (!value) return -1;
    int stored = PyDict_CheckExact(locals) ? PyDict_SetItem(locals, attribute.get(), value.get())
                                           : PyObject_SetItem(locals, attribute.get(), value.get());
    if (stored < 0) return -1;
  }
}

}  // namespace

HANDLER(LOAD_GLOBAL) {
  SAVE_PLACE();
  PyObject* value = global_or_builtin(frame, name_at(frame, oparg >> 1));
  if (!value) END_ERROR();
  SKIP_CACHES(LOAD_GLOBAL);
  if (oparg & 1) *sp++ = nullptr;
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_GLOBAL) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  int failed = PyDict_SetItem(frame->f_globals, name_at(frame, oparg), value);
  release(value);
  if (failed) END_ERROR();
  END_DISPATCH();
}

HANDLER(DELETE_GLOBAL) {
  SAVE_PLACE();
  PyObject* variable = name_at(frame, oparg);
  if (PyDict_DelItem(frame->f_globals, variable) < 0) {
    if (PyErr_ExceptionMatches(PyExc_KeyError)) raise_name_error(PyExc_NameError, kNotDefined, variable);
    END_ERROR();
  }
  END_DISPATCH();
}

HANDLER(LOAD_NAME) {
  SAVE_PLACE();
  PyObject* variable = name_at(frame, oparg);
  PyObject* locals = frame->f_locals;
  if (!locals) {
    PyErr_Format(PyExc_SystemError, "no locals when loading %R", variable);
    END_ERROR();
  }
  PyObject* value;
  if (PyDict_CheckExact(locals)) {
    value = Py_XNewRef(PyDict_GetItemWithError(locals, variable));
    if (!value && PyErr_Occurred()) END_ERROR();
  } else {
    value = PyObject_GetItem(locals, variable);
    if (!value) {
      if (!PyErr_ExceptionMatches(PyExc_KeyError)) END_ERROR();
      PyErr_Clear();
    }
  }
  if (!value && !PyDict_CheckExact(frame->f_globals)) {
    // Unlike LOAD_GLOBAL this asks globals of a subclass as a dict: their __getitem__ and __missing__ play no part.
    value = Py_XNewRef(PyDict_GetItemWithError(frame->f_globals, variable));
    if (!value && PyErr_Occurred()) END_ERROR();
    if (!value) value = builtin_named(frame, variable);
  } else if (!value) {
    value = global_or_builtin(frame, variable);
  }
  if (!value) END_ERROR();
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_NAME) {
  SAVE_PLACE();
  PyObject* variable = name_at(frame, oparg);
  PyObject* value = *--sp;
  PyObject* locals = frame->f_locals;
  int failed = -1;
  if (!locals) PyErr_Format(PyExc_SystemError, "no locals found when storing %R", variable);
  else if (PyDict_CheckExact(locals)) failed = PyDict_SetItem(locals, variable, value);
  else failed = PyObject_SetItem(locals, variable, value);
  release(value);
  if (failed) END_ERROR();
  END_DISPATCH();
}

HANDLER(DELETE_NAME) {
  SAVE_PLACE();
  PyObject* variable = name_at(frame, oparg);
  if (!frame->f_locals) {
    PyErr_Format(PyExc_SystemError, "no locals when deleting %R", variable);
    END_ERROR();
  }
  if (PyObject_DelItem(frame->f_locals, variable) < 0) {
    raise_name_error(PyExc_NameError, kNotDefined, variable);
    END_ERROR();
  }
  END_DISPATCH();
}

HANDLER(SETUP_ANNOTATIONS) {
  SAVE_PLACE();
  PyObject* locals = frame->f_locals;
  PyObject* key = name<"__annotations__">;
  if (!locals) {
    PyErr_SetString(PyExc_SystemError, "no locals found when setting up annotations");
    END_ERROR();
  }
  PyObject* found = PyDict_CheckExact(locals) ? Py_XNewRef(PyDict_GetItemWithError(locals, key)) : PyObject_GetItem(locals, key);
  if (!found) {
    if (PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_KeyError)) END_ERROR();
      PyErr_Clear();
    }
    found = PyDict_New();
    if (!found) END_ERROR();
    if (PyObject_SetItem(locals, key, found) < 0) {
      Py_DECREF(found);
      END_ERROR();
    }
  }
  Py_DECREF(found);
  END_DISPATCH();
}

HANDLER(LOAD_BUILD_CLASS) {
  SAVE_PLACE();
  PyObject* function;
  if (PyDict_CheckExact(frame->f_builtins)) {
    function = Py_XNewRef(PyDict_GetItemWithError(frame->f_builtins, name<"__build_class__">));
    if (!function && !PyErr_Occurred()) PyErr_SetString(PyExc_NameError, "__build_class__ not found");
  } else {
    function = PyObject_GetItem(frame->f_builtins, name<"__build_class__">);
    if (!function && PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_SetString(PyExc_NameError, "__build_class__ not found");
  }
  if (!function) END_ERROR();
  *sp++ = function;
  END_DISPATCH();
}

HANDLER(LOAD_ASSERTION_ERROR) {
  *sp++ = Py_NewRef(PyExc_AssertionError);
  END_DISPATCH();
}

HANDLER(IMPORT_NAME) {
  SAVE_PLACE();
  PyObject* fromlist = sp[-1];
  PyObject* level = sp[-2];
  PyObject* module = import_name(thread, frame, name_at(frame, oparg), fromlist, level);
  sp -= 2;
  release(fromlist);
  release(level);
  if (!module) END_ERROR();
  *sp++ = module;
  END_FRESH();
}

HANDLER(IMPORT_FROM) {
  SAVE_PLACE();
  PyObject* value = import_from(sp[-1], name_at(frame, oparg));
  if (!value) END_ERROR();
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(IMPORT_STAR) {
  SAVE_PLACE();
  PyObject* module = *--sp;
  int failed = -1;
  if (fast_to_locals(frame)) {
    failed = import_all(frame->f_locals, module);
    locals_to_fast(frame, false);
  }
  Py_DECREF(module);
  if (failed) END_ERROR();
  END_DISPATCH();
}

}  // namespace gill::vm
