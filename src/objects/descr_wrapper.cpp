// Slot wrappers: `int.__add__` (wrapper_descriptor) is a row of the special-method table together with a slot's C
// function; `(1).__add__` (method-wrapper) is that bound to an object.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "objects/descr.h"
#include "objects/object.h"
#include "objects/str.h"
#include "objects/type.h"
#include "runtime/thread_state.h"

namespace gill {

namespace {

struct MethodWrapper {
  PyObject_HEAD
  PyWrapperDescrObject* descr;
  PyObject* self;
};

PyWrapperDescrObject* as_wrapper_descr(PyObject* object) { return reinterpret_cast<PyWrapperDescrObject*>(object); }

Ref<> call_wrapper(PyWrapperDescrObject* descr, PyObject* self, PyObject* args, PyObject* kwargs) {
  wrapperbase* base = descr->d_base;
  if (base->flags & PyWrapperFlag_KEYWORDS) {
    return steal(reinterpret_cast<wrapperfunc_kwds>(reinterpret_cast<void*>(base->wrapper))(self, args, descr->d_wrapped, kwargs));
  }
  if (kwargs && PyDict_GET_SIZE(kwargs)) return raise(PyExc_TypeError, "wrapper %s() takes no keyword arguments", base->name);
  return steal(base->wrapper(self, args, descr->d_wrapped));
}

// ---- wrapper_descriptor -----------------------------------------------------------------------------------

PyObject* descr_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  auto* descr = as_wrapper_descr(self);
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count < 1) {
    return raise(PyExc_TypeError, "descriptor '%U' of '%.100s' object needs an argument", descr->d_common.d_name, descr->d_common.d_type->tp_name);
  }
  PyObject* object = PyTuple_GET_ITEM(args, 0);
  if (!PyObject_TypeCheck(object, descr->d_common.d_type) && !TRY(truth_of(_PyObject_RealIsSubclass(as_object(Py_TYPE(object)), as_object(descr->d_common.d_type))))) {
    return raise(PyExc_TypeError, "descriptor '%U' requires a '%.100s' object but received a '%.100s'", descr->d_common.d_name,
                 descr->d_common.d_type->tp_name, Py_TYPE(object)->tp_name);
  }
  Ref<> rest = steal(PyTuple_GetSlice(args, 1, count));
  if (!rest) return nullptr;
  return call_wrapper(descr, object, rest.get(), kwargs).release();
}

PyObject* descr_get(PyObject* self, PyObject* object, PyObject*) {
  if (!object) return borrow(self).release();
  if (!belongs(as_descr(self), object)) return nullptr;
  return PyWrapper_New(self, object);
}

Ref<> descr_repr(PyDescrObject* self) {
  return steal(PyUnicode_FromFormat("<slot wrapper '%U' of '%s' objects>", self->d_name, self->d_type->tp_name));
}
Ref<> descr_doc(PyWrapperDescrObject* self) { return steal(_PyType_GetDocFromInternalDoc(self->d_base->name, self->d_base->doc)); }
Ref<> descr_signature(PyWrapperDescrObject* self) {
  return steal(_PyType_GetTextSignatureFromInternalDoc(self->d_base->name, self->d_base->doc));
}

const PyGetSetDef kDescrGetSets[] = {
    getset<descr_doc>("__doc__"),
    getset<descr_get_qualname>("__qualname__"),
    getset<descr_signature>("__text_signature__"),
    kEndOfGetSets,
};

// ---- method-wrapper ------------------------------------------------------------------------------------------

void wrapper_dealloc(PyObject* self) {
  auto* wrapper = reinterpret_cast<MethodWrapper*>(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, wrapper_dealloc);
  clear_field(wrapper->descr);
  clear_field(wrapper->self);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END;
}

PyObject* wrapper_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  auto* wrapper = reinterpret_cast<MethodWrapper*>(self);
  return call_wrapper(wrapper->descr, wrapper->self, args, kwargs).release();
}

PyObject* wrapper_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !Py_IS_TYPE(self, &_PyMethodWrapper_Type) || !Py_IS_TYPE(other, &_PyMethodWrapper_Type)) {
    return borrow(Py_NotImplemented).release();
  }
  auto *a = reinterpret_cast<MethodWrapper*>(self), *b = reinterpret_cast<MethodWrapper*>(other);
  return py_bool((a->descr == b->descr && a->self == b->self) == (operation == Py_EQ)).release();
}

Py_hash_t wrapper_hash(MethodWrapper* self) {
  Py_hash_t hash = _Py_HashPointer(self->self) ^ _Py_HashPointer(self->descr);
  return hash == -1 ? -2 : hash;
}

Ref<> wrapper_repr(MethodWrapper* self) {
  return steal(PyUnicode_FromFormat("<method-wrapper '%s' of %s object at %p>", self->descr->d_base->name, Py_TYPE(self->self)->tp_name, self->self));
}
Ref<> wrapper_objclass(MethodWrapper* self) { return borrow(as_object(self->descr->d_common.d_type)); }
Ref<> wrapper_name(MethodWrapper* self) { return steal(PyUnicode_FromString(self->descr->d_base->name)); }
Ref<> wrapper_qualname(MethodWrapper* self) { return descr_get_qualname(&self->descr->d_common); }
Ref<> wrapper_doc(MethodWrapper* self) { return descr_doc(self->descr); }
Ref<> wrapper_signature(MethodWrapper* self) { return descr_signature(self->descr); }
Ref<> wrapper_reduce(MethodWrapper* self) {
  Ref<> getattr = TRY(steal(_PyEval_GetBuiltin(name<"getattr">)));
  return steal(Py_BuildValue("N(OO)", getattr.release(), self->self, self->descr->d_common.d_name));
}

const PyGetSetDef kWrapperGetSets[] = {
    getset<wrapper_objclass>("__objclass__"),
    getset<wrapper_name>("__name__"),
    getset<wrapper_qualname>("__qualname__"),
    getset<wrapper_doc>("__doc__"),
    getset<wrapper_signature>("__text_signature__"),
    kEndOfGetSets,
};
const PyMethodDef kWrapperMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", wrapper_reduce, nullptr),
    kEndOfMethods,
};
const PyMemberDef kWrapperMembers[] = {
    {"__self__", T_OBJECT, offsetof(MethodWrapper, self), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

using WrapperFields = OwnedFields<&MethodWrapper::descr, &MethodWrapper::self>;

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyWrapperDescr_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "wrapper_descriptor",
    .tp_basicsize = sizeof(PyWrapperDescrObject),
    .tp_dealloc = descr_dealloc,
    .tp_repr = slot<descr_repr>,
    .tp_call = descr_call,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_traverse = descr_traverse,
    .tp_methods = const_cast<PyMethodDef*>(kDescrMethods),
    .tp_members = const_cast<PyMemberDef*>(kDescrMembers),
    .tp_getset = table(kDescrGetSets),
    .tp_descr_get = descr_get,
};

PyTypeObject _PyMethodWrapper_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "method-wrapper",
    .tp_basicsize = sizeof(MethodWrapper),
    .tp_dealloc = wrapper_dealloc,
    .tp_repr = slot<wrapper_repr>,
    .tp_hash = slot<wrapper_hash>,
    .tp_call = wrapper_call,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = WrapperFields::traverse,
    .tp_richcompare = wrapper_richcompare,
    .tp_methods = table(kWrapperMethods),
    .tp_members = const_cast<PyMemberDef*>(kWrapperMembers),
    .tp_getset = table(kWrapperGetSets),
};

PyObject* PyDescr_NewWrapper(PyTypeObject* type, wrapperbase* base, void* wrapped) {
  // Rows that are not of our own table may have no name object.
  Ref<> method = base->name_strobj ? borrow(base->name_strobj) : interned(base->name);
  auto* descr = reinterpret_cast<PyWrapperDescrObject*>(new_descr(&PyWrapperDescr_Type, type, std::move(method)));
  if (!descr) return nullptr;
  descr->d_base = base;
  descr->d_wrapped = wrapped;
  return as_object(descr);
}

PyObject* PyWrapper_New(PyObject* descr, PyObject* self) {
  auto* wrapper = PyObject_GC_New(MethodWrapper, &_PyMethodWrapper_Type);
  if (!wrapper) return nullptr;
  wrapper->descr = reinterpret_cast<PyWrapperDescrObject*>(borrow(descr).release());
  wrapper->self = borrow(self).release();
  PyObject_GC_Track(wrapper);
  return as_object(wrapper);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyWrapperDescr_Type);
GILL_STATIC_TYPE(_PyMethodWrapper_Type);
}  // namespace gill
