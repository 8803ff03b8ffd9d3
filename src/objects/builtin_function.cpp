// builtin_function_or_method: a C function with its bound object, such as `len` or `[].append`.
//
// A PyMethodDef's flags choose one of the calling conventions; each gets a vectorcall function of its own, so that a
// call neither packs a tuple nor tests flags. Only METH_VARARGS functions go through tp_call.
#include "objects/method_call.h"

#include <structmember.h>

#include "base/binding.h"
#include "objects/object.h"
#include "runtime/thread_state.h"

namespace gill {

namespace {

PyCFunctionObject* as_function(PyObject* object) { return reinterpret_cast<PyCFunctionObject*>(object); }

PyTypeObject* defining_class(PyCFunctionObject* function) {
  return function->m_ml->ml_flags & METH_METHOD ? reinterpret_cast<PyCMethodObject*>(function)->mm_class : nullptr;
}

template <int Convention>
PyObject* function_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* function = as_function(callable);
  PyObject* self = function->m_ml->ml_flags & METH_STATIC ? nullptr : function->m_self;
  return call_method_def<Convention>(callable, function->m_ml, self, defining_class(function), args, PyVectorcall_NARGS(nargsf), kwnames);
}

PyObject* function_call(PyObject* callable, PyObject* args, PyObject* kwargs) {
  auto* function = as_function(callable);
  PyObject* self = function->m_ml->ml_flags & METH_STATIC ? nullptr : function->m_self;
  if (function->vectorcall) {
    if (!kwargs || _PyDict_HasOnlyStringKeys(kwargs)) return PyVectorcall_Call(callable, args, kwargs);
    if (!(function->m_ml->ml_flags & kOfTuple)) return raise(PyExc_TypeError, "keywords must be strings");
    return with_vectorcall_form(args, kwargs, [&](PyObject* const* items, Py_ssize_t count, PyObject* names) {
      return function->vectorcall(callable, items, static_cast<size_t>(count), names);
    });
  }
  if (function->m_ml->ml_flags & METH_KEYWORDS) {
    return reinterpret_cast<PyCFunctionWithKeywords>(reinterpret_cast<void*>(function->m_ml->ml_meth))(self, args, kwargs);
  }
  if (kwargs && PyDict_GET_SIZE(kwargs)) {
    return raise(PyExc_TypeError, "%.200s() takes no keyword arguments", function->m_ml->ml_name);
  }
  return function->m_ml->ml_meth(self, args);
}

void function_dealloc(PyObject* self) {
  auto* function = as_function(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, function_dealloc);
  if (function->m_weakreflist) PyObject_ClearWeakRefs(self);
  if (PyTypeObject* type = defining_class(function)) release(as_object(type));
  clear_field(function->m_self);
  clear_field(function->m_module);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END;
}

int function_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* function = as_function(self);
  Py_VISIT(function->m_self);
  Py_VISIT(function->m_module);
  if (PyTypeObject* type = defining_class(function)) Py_VISIT(type);
  return 0;
}

Ref<> function_repr(PyCFunctionObject* self) {
  // compat: a static method shows the type that it does not receive.
  PyObject* bound = self->m_self;
  if (!bound || PyModule_Check(bound)) return steal(PyUnicode_FromFormat("<built-in function %s>", self->m_ml->ml_name));
  return steal(PyUnicode_FromFormat("<built-in method %s of %s object at %p>", self->m_ml->ml_name, Py_TYPE(bound)->tp_name, bound));
}

PyObject* function_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyCFunction_Check(self) || !PyCFunction_Check(other)) {
    return borrow(Py_NotImplemented).release();
  }
  bool equal = as_function(self)->m_self == as_function(other)->m_self && as_function(self)->m_ml->ml_meth == as_function(other)->m_ml->ml_meth;
  return py_bool(equal == (operation == Py_EQ)).release();
}

Py_hash_t function_hash(PyObject* self) {
  Py_hash_t hash = _Py_HashPointer(as_function(self)->m_self) ^ _Py_HashPointer(reinterpret_cast<void*>(as_function(self)->m_ml->ml_meth));
  return hash == -1 ? -2 : hash;
}

Ref<> get_doc(PyCFunctionObject* self) { return steal(_PyType_GetDocFromInternalDoc(self->m_ml->ml_name, self->m_ml->ml_doc)); }
Ref<> get_signature(PyCFunctionObject* self) {
  return steal(_PyType_GetTextSignatureFromInternalDoc(self->m_ml->ml_name, self->m_ml->ml_doc));
}
Ref<> get_name(PyCFunctionObject* self) { return steal(PyUnicode_FromString(self->m_ml->ml_name)); }
Ref<> get_self(PyCFunctionObject* self) {
  PyObject* bound = self->m_ml->ml_flags & METH_STATIC ? nullptr : self->m_self;
  return borrow(bound ? bound : Py_None);
}

Ref<> get_qualname(PyCFunctionObject* self) {
  PyObject* bound = self->m_self;
  if (!bound || PyModule_Check(bound)) return get_name(self);
  PyObject* type = PyType_Check(bound) ? bound : as_object(Py_TYPE(bound));
  Ref<> qualified = TRY(attribute(type, name<"__qualname__">));
  if (!PyUnicode_Check(qualified.get())) return raise(PyExc_TypeError, "<method>.__class__.__qualname__ is not a unicode object");
  return steal(PyUnicode_FromFormat("%S.%s", qualified.get(), self->m_ml->ml_name));
}

Ref<> function_reduce(PyCFunctionObject* self) {
  if (!self->m_self || PyModule_Check(self->m_self)) return get_name(self);
  Ref<> getattr = TRY(steal(_PyEval_GetBuiltin(name<"getattr">)));
  return steal(Py_BuildValue("N(Os)", getattr.release(), self->m_self, self->m_ml->ml_name));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", function_reduce, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kGetSets[] = {
    getset<get_doc>("__doc__"),
    getset<get_name>("__name__"),
    getset<get_qualname>("__qualname__"),
    getset<get_self>("__self__"),
    getset<get_signature>("__text_signature__"),
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"__module__", T_OBJECT, offsetof(PyCFunctionObject, m_module), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

vectorcallfunc vectorcall_for(int flags) {
  switch (flags & (METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD)) {
    case METH_NOARGS: return function_vectorcall<METH_NOARGS>;
    case METH_O: return function_vectorcall<METH_O>;
    case METH_FASTCALL: return function_vectorcall<METH_FASTCALL>;
    case METH_FASTCALL | METH_KEYWORDS: return function_vectorcall<METH_FASTCALL | METH_KEYWORDS>;
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS: return function_vectorcall<METH_METHOD | METH_FASTCALL | METH_KEYWORDS>;
    default: return nullptr;
  }
}

bool known_convention(int flags) {
  int convention = flags & (METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD);
  return convention == METH_VARARGS || convention == (METH_VARARGS | METH_KEYWORDS) || vectorcall_for(flags);
}

}  // namespace

Failure takes_no_keywords(PyObject* callable) {
  if (PyCFunction_Check(callable) && as_function(callable)->m_ml->ml_flags & kOfTuple) {
    return raise(PyExc_TypeError, "%.200s() takes no keyword arguments", as_function(callable)->m_ml->ml_name);
  }
  Ref<> text = function_text(callable);
  if (text) PyErr_Format(PyExc_TypeError, "%U takes no keyword arguments", text.get());
  return failure;
}
Failure takes_no_arguments(PyObject* callable, Py_ssize_t given) {
  Ref<> text = function_text(callable);
  if (text) PyErr_Format(PyExc_TypeError, "%U takes no arguments (%zd given)", text.get(), given);
  return failure;
}
Failure takes_one_argument(PyObject* callable, Py_ssize_t given) {
  Ref<> text = function_text(callable);
  if (text) PyErr_Format(PyExc_TypeError, "%U takes exactly one argument (%zd given)", text.get(), given);
  return failure;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyCFunction_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "builtin_function_or_method",
    .tp_basicsize = sizeof(PyCFunctionObject),
    .tp_dealloc = function_dealloc,
    .tp_vectorcall_offset = offsetof(PyCFunctionObject, vectorcall),
    .tp_repr = slot<function_repr>,
    .tp_hash = function_hash,
    .tp_call = function_call,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_traverse = function_traverse,
    .tp_richcompare = function_richcompare,
    .tp_weaklistoffset = offsetof(PyCFunctionObject, m_weakreflist),
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
};

PyTypeObject PyCMethod_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "builtin_method",
    .tp_basicsize = sizeof(PyCMethodObject),
    .tp_base = &PyCFunction_Type,
};

PyObject* PyCMethod_New(PyMethodDef* definition, PyObject* self, PyObject* module, PyTypeObject* type) {
  if (!known_convention(definition->ml_flags)) return raise(PyExc_SystemError, "%s() method: bad call flags", definition->ml_name);
  PyCFunctionObject* function;
  if (definition->ml_flags & METH_METHOD) {
    if (!type) return raise(PyExc_SystemError, "attempting to create PyCMethod with a METH_METHOD flag but no class");
    auto* method = PyObject_GC_New(PyCMethodObject, &PyCMethod_Type);
    if (!method) return nullptr;
    method->mm_class = borrow(type).release();
    function = &method->func;
  } else {
    if (type) return raise(PyExc_SystemError, "attempting to create PyCFunction with class but no METH_METHOD flag");
    function = PyObject_GC_New(PyCFunctionObject, &PyCFunction_Type);
    if (!function) return nullptr;
  }
  function->m_ml = definition;
  function->m_self = borrow(self).release();
  function->m_module = borrow(module).release();
  function->m_weakreflist = nullptr;
  function->vectorcall = vectorcall_for(definition->ml_flags);
  PyObject_GC_Track(function);
  return as_object(function);
}

#undef PyCFunction_New
#undef PyCFunction_NewEx
PyObject* PyCFunction_NewEx(PyMethodDef* definition, PyObject* self, PyObject* module) {
  return PyCMethod_New(definition, self, module, nullptr);
}
PyObject* PyCFunction_New(PyMethodDef* definition, PyObject* self) { return PyCMethod_New(definition, self, nullptr, nullptr); }

PyCFunction PyCFunction_GetFunction(PyObject* object) {
  if (!PyCFunction_Check(object)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyCFunction_GET_FUNCTION(object);
}
PyObject* PyCFunction_GetSelf(PyObject* object) {
  if (!PyCFunction_Check(object)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyCFunction_GET_SELF(object);
}
int PyCFunction_GetFlags(PyObject* object) {
  if (!PyCFunction_Check(object)) {
    PyErr_BadInternalCall();
    return -1;
  }
  return PyCFunction_GET_FLAGS(object);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyCFunction_Type);
GILL_STATIC_TYPE(PyCMethod_Type);
}  // namespace gill
