// Modules from a PyModuleDef.
//
// One phase: PyModule_Create makes the module and the extension's init function fills it. Two phases (PEP 489): the init function
// returns the definition; PyModule_FromDefAndSpec makes the module (Py_mod_create), PyModule_ExecDef fills it (Py_mod_exec).
#include "objects/module.h"

#include <cstring>

#include "base/names.h"
#include "objects/object.h"
#include "runtime/runtime.h"

namespace gill {

namespace {

ModuleObject* as_module(PyObject* object) { return reinterpret_cast<ModuleObject*>(object); }

bool check_api_version(const char* module_name, int version) {
  if (version == PYTHON_API_VERSION || version == PYTHON_ABI_VERSION) return true;
  return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                          "Python C API version mismatch for module %.100s: This Python has API version %d, module %.100s has version %d.", module_name,
                          PYTHON_API_VERSION, module_name, version) == 0;
}

Status add_functions(PyObject* module, PyObject* module_name, PyMethodDef* functions) {
  for (PyMethodDef* f = functions; f->ml_name; ++f) {
    if (f->ml_flags & (METH_CLASS | METH_STATIC)) return raise(PyExc_ValueError, "module functions cannot set METH_CLASS or METH_STATIC");
    Ref<> function = TRY(steal(PyCFunction_NewEx(f, module, module_name)));
    TRY(status_of(PyObject_SetAttrString(module, f->ml_name, function.get())));
  }
  return Status::ok;
}

// A state without a size still marks that the module was executed.
Status make_state(PyObject* module, PyModuleDef* definition, Py_ssize_t least) {
  if (definition->m_size < least || as_module(module)->state) return Status::ok;
  as_module(module)->state = PyMem_Calloc(1, definition->m_size ? static_cast<size_t>(definition->m_size) : 1);
  if (!as_module(module)->state) {
    PyErr_NoMemory();
    return Status::error;
  }
  return Status::ok;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

const char* _Py_PackageContext = nullptr;

PyObject* PyModuleDef_Init(PyModuleDef* definition) {
  if (PyType_Ready(&PyModuleDef_Type) < 0) return nullptr;
  if (definition->m_base.m_index == 0) {
    Py_SET_REFCNT(definition, 1);
    Py_SET_TYPE(as_object(definition), &PyModuleDef_Type);
    definition->m_base.m_index = ++g_runtime.last_module_index;
  }
  return as_object(definition);
}

PyObject* _PyModule_CreateInitialized(PyModuleDef* definition, int version) {
  if (!PyModuleDef_Init(definition)) return nullptr;
  const char* text = definition->m_name;
  if (!check_api_version(text, version)) return nullptr;
  if (definition->m_slots) return raise(PyExc_SystemError, "module %s: PyModule_Create is incompatible with m_slots", text);
  // A submodule's init function only knows its last name; the importer knows the whole.
  if (_Py_PackageContext) {
    const char* last = std::strrchr(_Py_PackageContext, '.');
    if (last && !std::strcmp(definition->m_name, last + 1)) {
      text = _Py_PackageContext;
      _Py_PackageContext = nullptr;
    }
  }
  Ref<> module = steal(PyModule_New(text));
  if (!module) return nullptr;
  if (make_state(module.get(), definition, 1) == Status::error) return nullptr;
  if (definition->m_methods && PyModule_AddFunctions(module.get(), definition->m_methods) != 0) return nullptr;
  if (definition->m_doc && PyModule_SetDocString(module.get(), definition->m_doc) != 0) return nullptr;
  as_module(module.get())->definition = definition;
  return module.release();
}

PyObject* PyModule_Create2(PyModuleDef* definition, int version) { return _PyModule_CreateInitialized(definition, version); }

PyObject* PyModule_FromDefAndSpec2(PyModuleDef* definition, PyObject* spec, int version) {
  if (!PyModuleDef_Init(definition)) return nullptr;
  Ref<> text = steal(PyObject_GetAttr(spec, name<"name">));
  if (!text) return nullptr;
  const char* utf8 = PyUnicode_AsUTF8(text.get());
  if (!utf8 || !check_api_version(utf8, version)) return nullptr;
  if (definition->m_size < 0) return raise(PyExc_SystemError, "module %s: m_size may not be negative for multi-phase initialization", utf8);

  PyObject* (*create)(PyObject*, PyModuleDef*) = nullptr;
  bool has_exec = false;
  for (PyModuleDef_Slot* slot = definition->m_slots; slot && slot->slot; ++slot) {
    if (slot->slot == Py_mod_create) {
      if (create) return raise(PyExc_SystemError, "module %s has multiple create slots", utf8);
      create = reinterpret_cast<PyObject* (*)(PyObject*, PyModuleDef*)>(slot->value);
    } else if (slot->slot == Py_mod_exec) {
      has_exec = true;
    } else {
      return raise(PyExc_SystemError, "module %s uses unknown slot ID %i", utf8, slot->slot);
    }
  }
  Ref<> module;
  if (create) {
    module = steal(create(spec, definition));
    if (!module) {
      if (!PyErr_Occurred()) PyErr_Format(PyExc_SystemError, "creation of module %s failed without setting an exception", utf8);
      return nullptr;
    }
    if (PyErr_Occurred()) {
      _PyErr_FormatFromCause(PyExc_SystemError, "creation of module %s raised unreported exception", utf8);
      return nullptr;
    }
  } else {
    module = steal(PyModule_NewObject(text.get()));
    if (!module) return nullptr;
  }
  if (PyModule_Check(module.get())) {
    as_module(module.get())->state = nullptr;
    as_module(module.get())->definition = definition;
  } else if (definition->m_size > 0 || definition->m_traverse || definition->m_clear || definition->m_free) {
    return raise(PyExc_SystemError, "module %s is not a module object, but requests module state", utf8);
  } else if (has_exec) {
    return raise(PyExc_SystemError, "module %s specifies execution slots, but did not create a ModuleType instance", utf8);
  }
  if (definition->m_methods && add_functions(module.get(), text.get(), definition->m_methods) == Status::error) return nullptr;
  if (definition->m_doc && PyModule_SetDocString(module.get(), definition->m_doc) != 0) return nullptr;
  return module.release();
}

int PyModule_ExecDef(PyObject* module, PyModuleDef* definition) {
  const char* text = PyModule_GetName(module);
  if (!text || make_state(module, definition, 0) == Status::error) return -1;
  for (PyModuleDef_Slot* slot = definition->m_slots; slot && slot->slot; ++slot) {
    if (slot->slot == Py_mod_create) continue;
    if (slot->slot != Py_mod_exec) return raise(PyExc_SystemError, "module %s initialized with unknown slot %i", text, slot->slot);
    int result = reinterpret_cast<int (*)(PyObject*)>(slot->value)(module);
    if (result != 0) {
      if (!PyErr_Occurred()) PyErr_Format(PyExc_SystemError, "execution of module %s failed without setting an exception", text);
      return -1;
    }
    if (PyErr_Occurred()) {
      _PyErr_FormatFromCause(PyExc_SystemError, "execution of module %s raised unreported exception", text);
      return -1;
    }
  }
  return 0;
}

// ---- filling a module ---------------------------------------------------------------------------------------

int PyModule_AddFunctions(PyObject* module, PyMethodDef* functions) {
  Ref<> text = steal(PyModule_GetNameObject(module));
  return text ? static_cast<int>(add_functions(module, text.get(), functions)) : -1;
}

int PyModule_SetDocString(PyObject* module, const char* doc) {
  Ref<> text = steal(PyUnicode_FromString(doc));
  return text ? PyObject_SetAttr(module, name<"__doc__">, text.get()) : -1;
}

int PyModule_AddObjectRef(PyObject* module, const char* attribute, PyObject* value) {
  if (!PyModule_Check(module)) return raise(PyExc_TypeError, "PyModule_AddObjectRef() first argument must be a module");
  if (!value) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "PyModule_AddObjectRef() must be called with an exception raised if value is NULL");
    return -1;
  }
  PyObject* dict = PyModule_GetDict(module);
  if (!dict) return raise(PyExc_SystemError, "module '%s' has no __dict__", PyModule_GetName(module));
  return PyDict_SetItemString(dict, attribute, value);
}

// Takes over the reference, but only when it succeeds.
int PyModule_AddObject(PyObject* module, const char* attribute, PyObject* value) {
  int result = PyModule_AddObjectRef(module, attribute, value);
  if (result == 0) release(value);
  return result;
}

int PyModule_AddIntConstant(PyObject* module, const char* attribute, long value) {
  Ref<> object = steal(PyLong_FromLong(value));
  return object ? PyModule_AddObjectRef(module, attribute, object.get()) : -1;
}

int PyModule_AddStringConstant(PyObject* module, const char* attribute, const char* value) {
  Ref<> object = steal(PyUnicode_FromString(value));
  return object ? PyModule_AddObjectRef(module, attribute, object.get()) : -1;
}

int PyModule_AddType(PyObject* module, PyTypeObject* type) {
  if (PyType_Ready(type) < 0) return -1;
  return PyModule_AddObjectRef(module, _PyType_Name(type), as_object(type));
}

}  // extern "C"

// ---- modules by definition: for modules of one phase, which have no other way to find themselves -------------------

extern "C" {

PyObject* PyState_FindModule(PyModuleDef* definition) {
  Py_ssize_t index = definition->m_base.m_index;
  PyObject* list = current_interpreter()->modules_by_index;
  if (definition->m_slots || index == 0 || !list || index >= PyList_GET_SIZE(list)) return nullptr;
  PyObject* module = PyList_GET_ITEM(list, index);
  return module == Py_None ? nullptr : module;
}

[[gnu::visibility("default")]] int _PyState_AddModule(PyThreadState*, PyObject* module, PyModuleDef* definition) {
  if (!definition) return raise(PyExc_SystemError, "module definition is NULL");
  if (definition->m_slots) return raise(PyExc_SystemError, "PyState_AddModule called on module with slots");
  Interpreter* interpreter = current_interpreter();
  if (!interpreter->modules_by_index && !(interpreter->modules_by_index = PyList_New(0))) return -1;
  PyObject* list = interpreter->modules_by_index;
  while (PyList_GET_SIZE(list) <= definition->m_base.m_index) {
    if (PyList_Append(list, Py_None) < 0) return -1;
  }
  return PyList_SetItem(list, definition->m_base.m_index, borrow(module).release());
}

int PyState_AddModule(PyObject* module, PyModuleDef* definition) {
  if (!definition) Py_FatalError("module definition is NULL");
  PyObject* list = current_interpreter()->modules_by_index;
  Py_ssize_t index = definition->m_base.m_index;
  if (list && index < PyList_GET_SIZE(list) && PyList_GET_ITEM(list, index) == module) Py_FatalError("module already added");
  return _PyState_AddModule(nullptr, module, definition);
}

int PyState_RemoveModule(PyModuleDef* definition) {
  if (definition->m_slots) return raise(PyExc_SystemError, "PyState_RemoveModule called on module with slots");
  PyObject* list = current_interpreter()->modules_by_index;
  Py_ssize_t index = definition->m_base.m_index;
  if (index == 0) Py_FatalError("invalid module index");
  if (!list || index >= PyList_GET_SIZE(list)) Py_FatalError("Module index out of bounds.");
  return PyList_SetItem(list, index, borrow(Py_None).release());
}

}  // extern "C"
