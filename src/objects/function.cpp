// Python functions. The decorators classmethod and staticmethod are in function_decorators.cpp.
//
// How a call binds its arguments and runs is the evaluation floor's (_PyFunction_Vectorcall).
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/frame.h"
#include "runtime/interpreter.h"

namespace gill {

// The builtins that code with these globals sees: their `__builtins__`, a module or a dict; new reference.
Ref<> builtins_of_globals(PyObject* globals);

namespace {

Ref<> get_code(PyFunctionObject* self) {
  TRY(status_of(PySys_Audit("object.__getattr__", "Os", self, "__code__")));
  return borrow(self->func_code);
}

Status set_code(PyFunctionObject* self, PyObject* value) {
  if (!value || !PyCode_Check(value)) return raise(PyExc_TypeError, "__code__ must be set to a code object");
  TRY(status_of(PySys_Audit("object.__setattr__", "OsO", self, "__code__", value)));
  int free_count = reinterpret_cast<PyCodeObject*>(value)->co_nfreevars;
  Py_ssize_t closure = self->func_closure ? PyTuple_GET_SIZE(self->func_closure) : 0;
  if (free_count != closure) {
    return raise(PyExc_ValueError, "%U() requires a code object with %zd free vars, not %zd", self->func_name, closure, static_cast<Py_ssize_t>(free_count));
  }
  self->func_version = 0;
  set_field(self->func_code, borrow(value));
  return Status::ok;
}

template <PyObject* PyFunctionObject::*Field>
Status set_name_field(PyFunctionObject* self, PyObject* value, const char* text) {
  if (!value || !PyUnicode_Check(value)) return raise(PyExc_TypeError, text);
  set_field(self->*Field, borrow(value));
  return Status::ok;
}
Ref<> get_name(PyFunctionObject* self) { return borrow(self->func_name); }
Status set_name(PyFunctionObject* self, PyObject* value) {
  return set_name_field<&PyFunctionObject::func_name>(self, value, "__name__ must be set to a string object");
}
Ref<> get_qualname(PyFunctionObject* self) { return borrow(self->func_qualname); }
Status set_qualname(PyFunctionObject* self, PyObject* value) {
  return set_name_field<&PyFunctionObject::func_qualname>(self, value, "__qualname__ must be set to a string object");
}

Ref<> get_defaults(PyFunctionObject* self) {
  TRY(status_of(PySys_Audit("object.__getattr__", "Os", self, "__defaults__")));
  return borrow(self->func_defaults ? self->func_defaults : Py_None);
}
Status set_defaults(PyFunctionObject* self, PyObject* value) {
  if (value == Py_None) value = nullptr;
  if (value && !PyTuple_Check(value)) return raise(PyExc_TypeError, "__defaults__ must be set to a tuple object");
  TRY(status_of(value ? PySys_Audit("object.__setattr__", "OsO", self, "__defaults__", value)
                      : PySys_Audit("object.__delattr__", "Os", self, "__defaults__")));
  self->func_version = 0;
  set_field(self->func_defaults, borrow(value));
  return Status::ok;
}

Ref<> get_kwdefaults(PyFunctionObject* self) {
  TRY(status_of(PySys_Audit("object.__getattr__", "Os", self, "__kwdefaults__")));
  return borrow(self->func_kwdefaults ? self->func_kwdefaults : Py_None);
}
Status set_kwdefaults(PyFunctionObject* self, PyObject* value) {
  if (value == Py_None) value = nullptr;
  if (value && !PyDict_Check(value)) return raise(PyExc_TypeError, "__kwdefaults__ must be set to a dict object");
  TRY(status_of(value ? PySys_Audit("object.__setattr__", "OsO", self, "__kwdefaults__", value)
                      : PySys_Audit("object.__delattr__", "Os", self, "__kwdefaults__")));
  self->func_version = 0;
  set_field(self->func_kwdefaults, borrow(value));
  return Status::ok;
}

// Annotations come from the compiler as a flat tuple of names and values and become a dict when asked for.
PyObject* annotations_dict(PyFunctionObject* self) {
  if (!self->func_annotations) return nullptr;
  if (PyTuple_CheckExact(self->func_annotations)) {
    Ref<> dict = TRY(steal(PyDict_New()));
    PyObject* flat = self->func_annotations;
    for (Py_ssize_t i = 0; i + 1 < PyTuple_GET_SIZE(flat); i += 2) {
      if (PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(flat, i), PyTuple_GET_ITEM(flat, i + 1)) < 0) return nullptr;
    }
    set_field(self->func_annotations, std::move(dict));
  }
  return self->func_annotations;
}
Ref<> get_annotations(PyFunctionObject* self) {
  if (!self->func_annotations) {
    self->func_annotations = PyDict_New();
    if (!self->func_annotations) return nullptr;
  }
  return borrow(annotations_dict(self));
}
Status set_annotations(PyFunctionObject* self, PyObject* value) {
  if (value == Py_None) value = nullptr;
  if (value && !PyDict_Check(value)) return raise(PyExc_TypeError, "__annotations__ must be set to a dict object");
  self->func_version = 0;
  set_field(self->func_annotations, borrow(value));
  return Status::ok;
}

const PyGetSetDef kFunctionGetSets[] = {
    getset<get_code, set_code>("__code__"),
    getset<get_defaults, set_defaults>("__defaults__"),
    getset<get_kwdefaults, set_kwdefaults>("__kwdefaults__"),
    getset<get_annotations, set_annotations>("__annotations__"),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    getset<get_name, set_name>("__name__"),
    getset<get_qualname, set_qualname>("__qualname__"),
    kEndOfGetSets,
};

PyMemberDef kFunctionMembers[] = {
    {"__closure__", T_OBJECT, offsetof(PyFunctionObject, func_closure), READONLY, nullptr},
    {"__doc__", T_OBJECT, offsetof(PyFunctionObject, func_doc), 0, nullptr},
    {"__globals__", T_OBJECT, offsetof(PyFunctionObject, func_globals), READONLY, nullptr},
    {"__module__", T_OBJECT, offsetof(PyFunctionObject, func_module), 0, nullptr},
    {"__builtins__", T_OBJECT, offsetof(PyFunctionObject, func_builtins), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

Ref<> function_new(PyTypeObject*, PyCodeObject* code, PyDictObject* globals, PyObject* name_, PyObject* defaults, PyObject* closure) {
  if (name_ != Py_None && !PyUnicode_Check(name_)) return raise(PyExc_TypeError, "arg 3 (name) must be None or string");
  if (defaults != Py_None && !PyTuple_Check(defaults)) return raise(PyExc_TypeError, "arg 4 (defaults) must be None or tuple");
  if (!PyTuple_Check(closure)) {
    if (code->co_nfreevars && closure == Py_None) return raise(PyExc_TypeError, "arg 5 (closure) must be tuple");
    if (closure != Py_None) return raise(PyExc_TypeError, "arg 5 (closure) must be None or tuple");
  }
  Py_ssize_t closure_size = closure == Py_None ? 0 : PyTuple_GET_SIZE(closure);
  if (code->co_nfreevars != closure_size) {
    return raise(PyExc_ValueError, "%U requires closure of length %zd, not %zd", code->co_name, static_cast<Py_ssize_t>(code->co_nfreevars), closure_size);
  }
  for (Py_ssize_t i = 0; i < closure_size; ++i) {
    PyObject* cell = PyTuple_GET_ITEM(closure, i);
    if (!PyCell_Check(cell)) return raise(PyExc_TypeError, "arg 5 (closure) expected cell, found %s", Py_TYPE(cell)->tp_name);
  }
  TRY(status_of(PySys_Audit("function.__new__", "O", code)));
  Ref<> function = TRY(steal(PyFunction_New(as_object(code), as_object(globals))));
  auto* self = reinterpret_cast<PyFunctionObject*>(function.get());
  if (name_ != Py_None) set_field(self->func_name, borrow(name_));
  if (defaults != Py_None) self->func_defaults = borrow(defaults).release();
  if (closure != Py_None) self->func_closure = borrow(closure).release();
  return function;
}

using FunctionFields = OwnedFields<&PyFunctionObject::func_code, &PyFunctionObject::func_globals, &PyFunctionObject::func_builtins,
                                   &PyFunctionObject::func_module, &PyFunctionObject::func_defaults, &PyFunctionObject::func_kwdefaults,
                                   &PyFunctionObject::func_doc, &PyFunctionObject::func_name, &PyFunctionObject::func_dict,
                                   &PyFunctionObject::func_closure, &PyFunctionObject::func_annotations, &PyFunctionObject::func_qualname>;

// Breaks cycles; what a running call may still need (code, globals) stays. Names may be of a subclass of str that refers to anything.
int function_clear(PyObject* object) {
  auto* self = reinterpret_cast<PyFunctionObject*>(object);
  self->func_version = 0;
  clear_field(self->func_module);
  clear_field(self->func_defaults);
  clear_field(self->func_kwdefaults);
  clear_field(self->func_doc);
  clear_field(self->func_dict);
  clear_field(self->func_closure);
  clear_field(self->func_annotations);
  set_field(self->func_name, borrow(name<"">));
  set_field(self->func_qualname, borrow(name<"">));
  return 0;
}

void function_dealloc(PyFunctionObject* self) {
  PyObject_GC_UnTrack(self);
  if (self->func_weakreflist) PyObject_ClearWeakRefs(as_object(self));
  FunctionFields::clear_all(self);
  PyObject_GC_Del(self);
}

Ref<> function_repr(PyFunctionObject* self) { return steal(PyUnicode_FromFormat("<function %U at %p>", self->func_qualname, self)); }

PyObject* function_descr_get(PyObject* self, PyObject* object, PyObject*) {
  if (!object || object == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, object);
}

}  // namespace

Ref<> builtins_of_globals(PyObject* globals) {
  PyObject* builtins = PyDict_GetItemWithError(globals, name<"__builtins__">);
  if (builtins) {
    if (PyModule_Check(builtins)) {
      builtins = PyModule_GetDict(builtins);
      if (!builtins) return nullptr;
    }
    return borrow(builtins);
  }
  if (PyErr_Occurred()) return nullptr;
  return borrow(PyEval_GetBuiltins());
}

// Takes over nothing; `builtins` may be known to the caller.
static PyFunctionObject* new_function(PyCodeObject* code, PyObject* globals, PyObject* builtins, PyObject* name_, PyObject* qualname) {
  auto* self = PyObject_GC_New(PyFunctionObject, &PyFunction_Type);
  if (!self) return nullptr;
  PyObject* doc = PyTuple_GET_SIZE(code->co_consts) > 0 ? PyTuple_GET_ITEM(code->co_consts, 0) : Py_None;
  if (!PyUnicode_Check(doc)) doc = Py_None;
  PyObject* module = PyDict_GetItemWithError(globals, name<"__name__">);
  self->func_globals = borrow(globals).release();
  self->func_builtins = borrow(builtins).release();
  self->func_name = borrow(name_).release();
  self->func_qualname = borrow(qualname).release();
  self->func_code = as_object(borrow(code).release());
  self->func_defaults = nullptr;
  self->func_kwdefaults = nullptr;
  self->func_closure = nullptr;
  self->func_doc = borrow(doc).release();
  self->func_dict = nullptr;
  self->func_weakreflist = nullptr;
  self->func_module = borrow(module).release();
  self->func_annotations = nullptr;
  self->vectorcall = _PyFunction_Vectorcall;
  self->func_version = 0;
  PyObject_GC_Track(self);
  return self;
}

extern "C" {

PyObject* PyFunction_NewWithQualName(PyObject* code, PyObject* globals, PyObject* qualname) {
  auto* code_object = reinterpret_cast<PyCodeObject*>(code);
  Ref<> builtins = builtins_of_globals(globals);
  if (!builtins) return nullptr;
  return as_object(new_function(code_object, globals, builtins.get(), code_object->co_name, qualname ? qualname : code_object->co_qualname));
}
PyObject* PyFunction_New(PyObject* code, PyObject* globals) { return PyFunction_NewWithQualName(code, globals, nullptr); }

// A function that only carries what a frame needs, for PyEval_EvalCode and its relatives.
PyFunctionObject* gill_function_for_eval(PyCodeObject* code, PyObject* globals, PyObject* builtins, PyObject* name_, PyObject* qualname) {
  return new_function(code, globals, builtins, name_, qualname);
}

#define GILL_FUNCTION_CHECK(op)    \
  if (!PyFunction_Check(op)) {     \
    PyErr_BadInternalCall();       \
    return Failure();              \
  }                                \
  auto* self = reinterpret_cast<PyFunctionObject*>(op)

PyObject* PyFunction_GetCode(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_code; }
PyObject* PyFunction_GetGlobals(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_globals; }
PyObject* PyFunction_GetModule(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_module; }
PyObject* PyFunction_GetDefaults(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_defaults; }
PyObject* PyFunction_GetKwDefaults(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_kwdefaults; }
PyObject* PyFunction_GetClosure(PyObject* op) { GILL_FUNCTION_CHECK(op); return self->func_closure; }
PyObject* PyFunction_GetAnnotations(PyObject* op) { GILL_FUNCTION_CHECK(op); return annotations_dict(self); }

int PyFunction_SetDefaults(PyObject* op, PyObject* defaults) {
  GILL_FUNCTION_CHECK(op);
  if (defaults != Py_None && (!defaults || !PyTuple_Check(defaults))) return raise(PyExc_SystemError, "non-tuple default args");
  self->func_version = 0;
  set_field(self->func_defaults, borrow(defaults == Py_None ? nullptr : defaults));
  return 0;
}
int PyFunction_SetKwDefaults(PyObject* op, PyObject* defaults) {
  GILL_FUNCTION_CHECK(op);
  if (defaults != Py_None && (!defaults || !PyDict_Check(defaults))) return raise(PyExc_SystemError, "non-dict keyword only default args");
  self->func_version = 0;
  set_field(self->func_kwdefaults, borrow(defaults == Py_None ? nullptr : defaults));
  return 0;
}
int PyFunction_SetClosure(PyObject* op, PyObject* closure) {
  GILL_FUNCTION_CHECK(op);
  if (closure != Py_None && (!closure || !PyTuple_Check(closure))) {
    return raise(PyExc_SystemError, "expected tuple for closure, got '%.100s'", closure ? Py_TYPE(closure)->tp_name : "NULL");
  }
  self->func_version = 0;
  set_field(self->func_closure, borrow(closure == Py_None ? nullptr : closure));
  return 0;
}
int PyFunction_SetAnnotations(PyObject* op, PyObject* annotations) {
  GILL_FUNCTION_CHECK(op);
  if (annotations != Py_None && (!annotations || !PyDict_Check(annotations))) return raise(PyExc_SystemError, "non-dict annotations");
  self->func_version = 0;
  set_field(self->func_annotations, borrow(annotations == Py_None ? nullptr : annotations));
  return 0;
}
#undef GILL_FUNCTION_CHECK

PyTypeObject PyFunction_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "function",
    .tp_basicsize = sizeof(PyFunctionObject),
    .tp_dealloc = slot<function_dealloc>,
    .tp_vectorcall_offset = offsetof(PyFunctionObject, vectorcall),
    .tp_repr = slot<function_repr>,
    .tp_call = PyVectorcall_Call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_doc = "function(code, globals, name=None, argdefs=None, closure=None)\n--\n\nCreate a function object.\n\n  code\n    a code object\n"
              "  globals\n    the globals dictionary\n  name\n    a string that overrides the name from the code object\n  argdefs\n"
              "    a tuple that specifies the default argument values\n  closure\n    a tuple that supplies the bindings for free variables",
    .tp_traverse = FunctionFields::traverse,
    .tp_clear = function_clear,
    .tp_weaklistoffset = offsetof(PyFunctionObject, func_weakreflist),
    .tp_members = kFunctionMembers,
    .tp_getset = table(kFunctionGetSets),
    .tp_descr_get = function_descr_get,
    .tp_dictoffset = offsetof(PyFunctionObject, func_dict),
    .tp_new = CONSTRUCTOR("function($type, code, globals, name=None, argdefs=None, closure=None)", function_new),
};

}  // extern "C"
GILL_STATIC_TYPE(PyFunction_Type);

}  // namespace gill
