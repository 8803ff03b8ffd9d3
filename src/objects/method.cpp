// Bound methods (`object.method` of Python functions), and instancemethod, which makes any callable bind like a function.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

PyMethodObject* as_method(PyObject* object) { return reinterpret_cast<PyMethodObject*>(object); }

// The callee finds self in front of its arguments: in the caller's spare word, or in a copy.
PyObject* method_vectorcall(PyObject* method, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  PyObject* self = PyMethod_GET_SELF(method);
  PyObject* function = PyMethod_GET_FUNCTION(method);
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (nargsf & PY_VECTORCALL_ARGUMENTS_OFFSET) {
    auto** shifted = const_cast<PyObject**>(args) - 1;
    PyObject* saved = shifted[0];
    shifted[0] = self;
    PyObject* result = PyObject_Vectorcall(function, shifted, static_cast<size_t>(count + 1), kwnames);
    shifted[0] = saved;
    return result;
  }
  Py_ssize_t total = count + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  if (total == 0) return PyObject_Vectorcall(function, &self, 1, nullptr);
  PyObject* inline_copy[10];
  PyObject** copy = total < 10 ? inline_copy : PyMem_New(PyObject*, total + 1);
  if (!copy) return PyErr_NoMemory();
  copy[0] = self;
  for (Py_ssize_t i = 0; i < total; ++i) copy[i + 1] = args[i];
  PyObject* result = PyObject_Vectorcall(function, copy, static_cast<size_t>(count + 1), kwnames);
  if (copy != inline_copy) PyMem_Free(copy);
  return result;
}

void method_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, method_dealloc);
  if (as_method(self)->im_weakreflist) PyObject_ClearWeakRefs(self);
  clear_field(as_method(self)->im_func);
  clear_field(as_method(self)->im_self);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END;
}

// A method has its function's attributes.
PyObject* method_getattro(PyObject* self, PyObject* attribute) {
  if (PyObject* descriptor = type_lookup(Py_TYPE(self), attribute)) {
    Ref<> hold = borrow(descriptor);
    if (descrgetfunc get = Py_TYPE(descriptor)->tp_descr_get) return get(descriptor, self, as_object(Py_TYPE(self)));
    return hold.release();
  }
  return PyObject_GetAttr(as_method(self)->im_func, attribute);
}

PyObject* method_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyMethod_Check(self) || !PyMethod_Check(other)) return borrow(Py_NotImplemented).release();
  int equal = PyObject_RichCompareBool(as_method(self)->im_func, as_method(other)->im_func, Py_EQ);
  if (equal < 0) return nullptr;
  // The same object, not an equal one.
  equal = equal && as_method(self)->im_self == as_method(other)->im_self;
  return py_bool(equal == (operation == Py_EQ)).release();
}

Py_hash_t method_hash(PyObject* self) {
  Py_hash_t function = PyObject_Hash(as_method(self)->im_func);
  if (function == -1) return -1;
  Py_hash_t hash = _Py_HashPointer(as_method(self)->im_self) ^ function;
  return hash == -1 ? -2 : hash;
}

Ref<> method_repr(PyMethodObject* self) {
  bool failed;
  Ref<> text = optional_attribute(self->im_func, name<"__qualname__">, &failed);
  if (failed) return nullptr;
  if (!text) {
    text = optional_attribute(self->im_func, name<"__name__">, &failed);
    if (failed) return nullptr;
  }
  if (text && !PyUnicode_Check(text.get())) text.reset();
  return steal(PyUnicode_FromFormat("<bound method %V of %R>", text.get(), "?", self->im_self));
}

PyObject* method_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  PyObject *function, *self;
  if (kwargs && !_PyArg_NoKeywords("method", kwargs)) return nullptr;
  if (!PyArg_UnpackTuple(args, "method", 2, 2, &function, &self)) return nullptr;
  if (!PyCallable_Check(function)) return raise(PyExc_TypeError, "first argument must be callable");
  if (!self || self == Py_None) return raise(PyExc_TypeError, "instance must not be None");
  return PyMethod_New(function, self);
}

Ref<> method_reduce(PyMethodObject* self) {
  Ref<> getattr = TRY(steal(_PyEval_GetBuiltin(name<"getattr">)));
  Ref<> text = TRY(attribute(self->im_func, name<"__name__">));
  return steal(Py_BuildValue("N(ON)", getattr.release(), self->im_self, text.release()));
}

Ref<> method_doc(PyMethodObject* self) { return attribute(self->im_func, name<"__doc__">); }

using MethodFields = OwnedFields<&PyMethodObject::im_func, &PyMethodObject::im_self>;

const PyMethodDef kMethods[] = {
    METHOD("__reduce__($self, /)", method_reduce, ""),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"__func__", T_OBJECT, offsetof(PyMethodObject, im_func), READONLY, "the function (or other callable) implementing a method"},
    {"__self__", T_OBJECT, offsetof(PyMethodObject, im_self), READONLY, "the instance to which a method is bound"},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<method_doc>("__doc__"),
    kEndOfGetSets,
};

// ---- instancemethod -----------------------------------------------------------------------------------------

PyInstanceMethodObject* as_instance_method(PyObject* object) { return reinterpret_cast<PyInstanceMethodObject*>(object); }

void instance_method_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear_field(as_instance_method(self)->func);
  PyObject_GC_Del(self);
}

PyObject* instance_method_getattro(PyObject* self, PyObject* attribute) {
  if (PyObject* descriptor = type_lookup(Py_TYPE(self), attribute)) {
    Ref<> hold = borrow(descriptor);
    if (descrgetfunc get = Py_TYPE(descriptor)->tp_descr_get) return get(descriptor, self, as_object(Py_TYPE(self)));
    return hold.release();
  }
  return PyObject_GetAttr(as_instance_method(self)->func, attribute);
}

PyObject* instance_method_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return PyObject_Call(as_instance_method(self)->func, args, kwargs);
}

PyObject* instance_method_get(PyObject* self, PyObject* object, PyObject*) {
  PyObject* function = as_instance_method(self)->func;
  return object ? PyMethod_New(function, object) : borrow(function).release();
}

PyObject* instance_method_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyInstanceMethod_Check(self) || !PyInstanceMethod_Check(other)) {
    return borrow(Py_NotImplemented).release();
  }
  int equal = PyObject_RichCompareBool(as_instance_method(self)->func, as_instance_method(other)->func, Py_EQ);
  if (equal < 0) return nullptr;
  return py_bool(equal == (operation == Py_EQ)).release();
}

Ref<> instance_method_repr(PyInstanceMethodObject* self) {
  if (!self->func) return raise(PyExc_SystemError, "null function in instancemethod");
  bool failed;
  Ref<> text = optional_attribute(self->func, name<"__name__">, &failed);
  if (failed) return nullptr;
  if (text && !PyUnicode_Check(text.get())) text.reset();
  return steal(PyUnicode_FromFormat("<instancemethod %V at %p>", text.get(), "?", self));
}

PyObject* instance_method_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  PyObject* function;
  if (kwargs && !_PyArg_NoKeywords("instancemethod", kwargs)) return nullptr;
  if (!PyArg_UnpackTuple(args, "instancemethod", 1, 1, &function)) return nullptr;
  if (!PyCallable_Check(function)) return raise(PyExc_TypeError, "first argument must be callable");
  return PyInstanceMethod_New(function);
}

Ref<> instance_method_doc(PyInstanceMethodObject* self) { return attribute(self->func, name<"__doc__">); }

using InstanceMethodFields = OwnedFields<&PyInstanceMethodObject::func>;

const PyMemberDef kInstanceMethodMembers[] = {
    {"__func__", T_OBJECT, offsetof(PyInstanceMethodObject, func), READONLY, "the function (or other callable) implementing a method"},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kInstanceMethodGetSets[] = {
    getset<instance_method_doc>("__doc__"),
    kEndOfGetSets,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyMethod_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "method",
    .tp_basicsize = sizeof(PyMethodObject),
    .tp_dealloc = method_dealloc,
    .tp_vectorcall_offset = offsetof(PyMethodObject, vectorcall),
    .tp_repr = slot<method_repr>,
    .tp_hash = method_hash,
    .tp_call = PyVectorcall_Call,
    .tp_getattro = method_getattro,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "method(function, instance, /)\n--\n\nCreate a bound instance method object.",
    .tp_traverse = MethodFields::traverse,
    .tp_richcompare = method_richcompare,
    .tp_weaklistoffset = offsetof(PyMethodObject, im_weakreflist),
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_new = method_new,
};

PyTypeObject PyInstanceMethod_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "instancemethod",
    .tp_basicsize = sizeof(PyInstanceMethodObject),
    .tp_dealloc = instance_method_dealloc,
    .tp_repr = slot<instance_method_repr>,
    .tp_call = instance_method_call,
    .tp_getattro = instance_method_getattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "instancemethod(function, /)\n--\n\nBind a function to a class.",
    .tp_traverse = InstanceMethodFields::traverse,
    .tp_richcompare = instance_method_richcompare,
    .tp_members = table(kInstanceMethodMembers),
    .tp_getset = table(kInstanceMethodGetSets),
    .tp_descr_get = instance_method_get,
    .tp_new = instance_method_new,
};

PyObject* PyMethod_New(PyObject* function, PyObject* self) {
  if (!self) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  auto* method = PyObject_GC_New(PyMethodObject, &PyMethod_Type);
  if (!method) return nullptr;
  method->im_func = borrow(function).release();
  method->im_self = borrow(self).release();
  method->im_weakreflist = nullptr;
  method->vectorcall = method_vectorcall;
  PyObject_GC_Track(method);
  return as_object(method);
}

PyObject* PyMethod_Function(PyObject* method) {
  if (!PyMethod_Check(method)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyMethod_GET_FUNCTION(method);
}
PyObject* PyMethod_Self(PyObject* method) {
  if (!PyMethod_Check(method)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyMethod_GET_SELF(method);
}

PyObject* PyInstanceMethod_New(PyObject* function) {
  auto* method = PyObject_GC_New(PyInstanceMethodObject, &PyInstanceMethod_Type);
  if (!method) return nullptr;
  method->func = borrow(function).release();
  PyObject_GC_Track(method);
  return as_object(method);
}
PyObject* PyInstanceMethod_Function(PyObject* method) {
  if (!PyInstanceMethod_Check(method)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return PyInstanceMethod_GET_FUNCTION(method);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyMethod_Type);
GILL_STATIC_TYPE(PyInstanceMethod_Type);
}  // namespace gill
