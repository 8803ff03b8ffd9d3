// Module objects: attributes, state, and creation from a PyModuleDef in one phase or two.
#include "objects/module.h"

#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

ModuleObject* as_module(PyObject* object) { return reinterpret_cast<ModuleObject*>(object); }

Status fill_dict(ModuleObject* module, PyObject* text, PyObject* doc) {
  module->dict = module->dict ? module->dict : PyDict_New();
  if (!module->dict) return Status::error;
  TRY(status_of(PyDict_SetItem(module->dict, name<"__name__">, text)));
  TRY(status_of(PyDict_SetItem(module->dict, name<"__doc__">, doc ? doc : Py_None)));
  for (PyObject* each : {name<"__package__">, name<"__loader__">, name<"__spec__">}) TRY(status_of(PyDict_SetItem(module->dict, each, Py_None)));
  if (PyUnicode_CheckExact(text)) set_field(module->name, borrow(text));
  return Status::ok;
}

Ref<> new_module(PyTypeObject* type) {
  Ref<> self = TRY(steal(PyType_GenericAlloc(type, 0)));
  as_module(self.get())->dict = TRY(steal(PyDict_New())).release();
  return self;
}

PyObject* module_new(PyTypeObject* type, PyObject*, PyObject*) { return new_module(type).release(); }

Status module_init(ModuleObject* self, PyUnicodeObject* text, PyObject* doc) { return fill_dict(self, as_object(text), doc); }

void module_dealloc(PyObject* self) {
  auto* module = as_module(self);
  PyObject_GC_UnTrack(self);
  if (module->name && Py_VerboseFlag) PySys_FormatStderr("# destroy %U\n", module->name);
  if (module->weak_references) PyObject_ClearWeakRefs(self);
  // A module whose exec failed has a definition but no state.
  if (module->definition && module->definition->m_free && (module->definition->m_size <= 0 || module->state)) module->definition->m_free(module);
  clear_field(module->dict);
  clear_field(module->name);
  if (module->state) PyMem_Free(module->state);
  Py_TYPE(self)->tp_free(self);
}

int module_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* module = as_module(self);
  if (module->definition && module->definition->m_traverse && (module->definition->m_size <= 0 || module->state)) {
    if (int stop = module->definition->m_traverse(self, visit, arg)) return stop;
  }
  Py_VISIT(module->dict);
  return 0;
}

int module_clear(PyObject* self) {
  auto* module = as_module(self);
  if (module->definition && module->definition->m_clear && (module->definition->m_size <= 0 || module->state)) {
    if (module->definition->m_clear(self)) PyErr_WriteUnraisable(self);
  }
  clear_field(module->dict);
  return 0;
}

// importlib knows how to describe a module by its spec.
PyObject* module_repr(PyObject* self) {
  Ref<> importlib = steal(PyImport_GetModule(name<"_frozen_importlib">));
  if (!importlib) {
    if (PyErr_Occurred()) return nullptr;
    importlib = steal(PyImport_ImportModule("_frozen_importlib"));
    if (!importlib) return nullptr;
  }
  return call_method(importlib.get(), name<"_module_repr">, self).release();
}

// A missing attribute: the module's own __getattr__, or a message that says what went wrong.
PyObject* missing_attribute(ModuleObject* module, PyObject* attribute) {
  if (module->dict) {
    PyObject* hook = PyDict_GetItemWithError(module->dict, name<"__getattr__">);
    if (hook) {
      Ref<> hold = borrow(hook);
      return PyObject_CallOneArg(hook, attribute);
    }
    if (PyErr_Occurred()) return nullptr;
    PyObject* text = PyDict_GetItemWithError(module->dict, name<"__name__">);
    if (!text && PyErr_Occurred()) return nullptr;
    if (text && PyUnicode_Check(text)) {
      Ref<> hold_name = borrow(text);
      Ref<> spec = borrow(PyDict_GetItemWithError(module->dict, name<"__spec__">));
      if (!spec && PyErr_Occurred()) return nullptr;
      if (_PyModuleSpec_IsInitializing(spec.get())) {
        PyErr_Format(PyExc_AttributeError, "partially initialized module '%U' has no attribute '%U' (most likely due to a circular import)", text, attribute);
      } else if (_PyModuleSpec_IsUninitializedSubmodule(spec.get(), attribute)) {
        PyErr_Format(PyExc_AttributeError, "cannot access submodule '%U' of module '%U' (most likely due to a circular import)", attribute, text);
      } else {
        PyErr_Format(PyExc_AttributeError, "module '%U' has no attribute '%U'", text, attribute);
      }
      attach_attribute_context(as_object(module), attribute);
      return nullptr;
    }
  }
  PyErr_Format(PyExc_AttributeError, "module has no attribute '%U'", attribute);
  attach_attribute_context(as_object(module), attribute);
  return nullptr;
}

PyObject* module_getattro(PyObject* self, PyObject* attribute) {
  PyObject* result = _PyObject_GenericGetAttrWithDict(self, attribute, nullptr, 1);
  if (result || PyErr_Occurred()) return result;
  return missing_attribute(as_module(self), attribute);
}

Ref<> module_dir(PyObject* self) {
  Ref<> dict = TRY(gill::attribute(self, name<"__dict__">));
  if (!PyDict_Check(dict.get())) return raise(PyExc_TypeError, "%.200s.__dict__ is not a dictionary", Py_TYPE(self)->tp_name);
  PyObject* hook = PyDict_GetItemWithError(dict.get(), name<"__dir__">);
  if (hook) return steal(PyObject_CallNoArgs(hook));
  if (PyErr_Occurred()) return nullptr;
  return steal(PyDict_Keys(dict.get()));
}

// Made on first use.
Ref<> get_annotations(PyObject* self) {
  Ref<> dict = TRY(gill::attribute(self, name<"__dict__">));
  if (!PyDict_Check(dict.get())) return raise(PyExc_TypeError, "<module>.__dict__ is not a dictionary");
  PyObject* found = PyDict_GetItemWithError(dict.get(), name<"__annotations__">);
  if (found) return borrow(found);
  if (PyErr_Occurred()) return nullptr;
  Ref<> made = TRY(steal(PyDict_New()));
  if (PyDict_SetItem(dict.get(), name<"__annotations__">, made.get()) < 0) return nullptr;
  return made;
}

Status set_annotations(PyObject* self, PyObject* value) {
  Ref<> dict = TRY(gill::attribute(self, name<"__dict__">));
  if (!PyDict_Check(dict.get())) return raise(PyExc_TypeError, "<module>.__dict__ is not a dictionary");
  if (value) return status_of(PyDict_SetItem(dict.get(), name<"__annotations__">, value));
  if (PyDict_DelItem(dict.get(), name<"__annotations__">) < 0) {
    if (PyErr_ExceptionMatches(PyExc_KeyError)) {
      PyErr_Clear();
      PyErr_Format(PyExc_AttributeError, "%U", name<"__annotations__">);
    }
    return Status::error;
  }
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__dir__($self, /)", module_dir, "__dir__() -> list\nspecialized dir() implementation"),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"__dict__", T_OBJECT, offsetof(ModuleObject, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<get_annotations, set_annotations>("__annotations__"),
    kEndOfGetSets,
};

Status spec_flag(PyObject* spec, PyObject* flag, bool* set) {
  *set = false;
  bool failed;
  Ref<> value = optional_attribute(spec, flag, &failed);
  if (failed) return Status::error;
  if (value) *set = TRY(truth_of(PyObject_IsTrue(value.get())));
  return Status::ok;
}

}  // namespace

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyModule_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "module",
    .tp_basicsize = sizeof(ModuleObject),
    .tp_dealloc = module_dealloc,
    .tp_repr = module_repr,
    .tp_getattro = module_getattro,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_doc = "module(name, doc=None)\n--\n\nCreate a module object.\n\nThe name must be a string; the optional doc argument can have any type.",
    .tp_traverse = module_traverse,
    .tp_clear = module_clear,
    .tp_weaklistoffset = offsetof(ModuleObject, weak_references),
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_dictoffset = offsetof(ModuleObject, dict),
    .tp_init = INITIALIZER("module($self, /, name, doc=None)", module_init),
    .tp_new = module_new,
    .tp_free = PyObject_GC_Del,
};

PyTypeObject PyModuleDef_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "moduledef",
    .tp_basicsize = sizeof(PyModuleDef),
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

PyObject* PyModule_NewObject(PyObject* text) {
  Ref<> self = new_module(&PyModule_Type);
  if (!self || fill_dict(as_module(self.get()), text, nullptr) == Status::error) return nullptr;
  return self.release();
}

PyObject* PyModule_New(const char* text) {
  Ref<> name_object = steal(PyUnicode_FromString(text));
  return name_object ? PyModule_NewObject(name_object.get()) : nullptr;
}

// ---- access -----------------------------------------------------------------------------------------------

PyObject* PyModule_GetDict(PyObject* module) {
  if (!PyModule_Check(module)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return as_module(module)->dict;
}

PyObject* PyModule_GetNameObject(PyObject* module) {
  if (!PyModule_Check(module)) {
    PyErr_BadArgument();
    return nullptr;
  }
  PyObject* dict = as_module(module)->dict;
  PyObject* text = dict && PyDict_Check(dict) ? PyDict_GetItemWithError(dict, name<"__name__">) : nullptr;
  if (!text || !PyUnicode_Check(text)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "nameless module");
    return nullptr;
  }
  return borrow(text).release();
}

const char* PyModule_GetName(PyObject* module) {
  Ref<> text = steal(PyModule_GetNameObject(module));
  return text ? PyUnicode_AsUTF8(text.get()) : nullptr;
}

PyObject* PyModule_GetFilenameObject(PyObject* module) {
  if (!PyModule_Check(module)) {
    PyErr_BadArgument();
    return nullptr;
  }
  PyObject* dict = as_module(module)->dict;
  PyObject* text = dict ? PyDict_GetItemWithError(dict, name<"__file__">) : nullptr;
  if (!text || !PyUnicode_Check(text)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "module filename missing");
    return nullptr;
  }
  return borrow(text).release();
}

const char* PyModule_GetFilename(PyObject* module) {
  Ref<> text = steal(PyModule_GetFilenameObject(module));
  return text ? PyUnicode_AsUTF8(text.get()) : nullptr;
}

PyModuleDef* PyModule_GetDef(PyObject* module) {
  if (!PyModule_Check(module)) {
    PyErr_BadArgument();
    return nullptr;
  }
  return as_module(module)->definition;
}

void* PyModule_GetState(PyObject* module) {
  if (!PyModule_Check(module)) {
    PyErr_BadArgument();
    return nullptr;
  }
  return as_module(module)->state;
}

int _PyModuleSpec_IsInitializing(PyObject* spec) {
  if (!spec) return 0;
  bool set;
  if (spec_flag(spec, name<"_initializing">, &set) == Status::error) PyErr_Clear();
  return set;
}

[[gnu::visibility("default")]] int _PyModuleSpec_IsUninitializedSubmodule(PyObject* spec, PyObject* attribute) {
  if (!spec) return 0;
  bool failed;
  Ref<> pending = optional_attribute(spec, name<"_uninitialized_submodules">, &failed);
  if (!pending) {
    PyErr_Clear();
    return 0;
  }
  int contains = PySequence_Contains(pending.get(), attribute);
  if (contains < 0) PyErr_Clear();
  return contains > 0;
}

// Shutdown: names with one underscore first, then all but __builtins__, set to None so that destructors find something.
void _PyModule_ClearDict(PyObject* dict) {
  PyObject *key, *value;
  for (bool private_pass : {true, false}) {
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
      if (value == Py_None || !PyUnicode_Check(key)) continue;
      bool underscore = PyUnicode_GET_LENGTH(key) > 0 && PyUnicode_READ_CHAR(key, 0) == '_';
      bool dunder = underscore && PyUnicode_GET_LENGTH(key) > 1 && PyUnicode_READ_CHAR(key, 1) == '_';
      bool now = private_pass ? underscore && !dunder : !underscore || !_PyUnicode_EqualToASCIIString(key, "__builtins__");
      if (now && PyDict_SetItem(dict, key, Py_None) < 0) PyErr_WriteUnraisable(nullptr);
    }
  }
}

void _PyModule_Clear(PyObject* module) {
  if (PyObject* dict = as_module(module)->dict) _PyModule_ClearDict(dict);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyModule_Type);
GILL_STATIC_TYPE(PyModuleDef_Type);
}  // namespace gill
