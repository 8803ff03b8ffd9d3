// The descriptors that expose C definitions as attributes of a type:
//   method_descriptor        PyMethodDef         list.append
//   classmethod_descriptor   PyMethodDef         dict.fromkeys (METH_CLASS)
//   member_descriptor        PyMemberDef         slice.start, names in __slots__
//   getset_descriptor        PyGetSetDef         type.__name__
// Slot wrappers are in descr_wrapper.cpp. All begin with PyDescr_COMMON and refuse objects of a foreign type.
#include "objects/descr.h"

#include <structmember.h>

#include "base/binding.h"
#include "objects/method_call.h"
#include "objects/object.h"
#include "objects/str.h"
#include "objects/type.h"

namespace gill {

void descr_dealloc(PyObject* self) {
  auto* descr = as_descr(self);
  PyObject_GC_UnTrack(self);
  clear_field(descr->d_type);
  clear_field(descr->d_name);
  clear_field(descr->d_qualname);
  PyObject_GC_Del(self);
}

int descr_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_descr(self)->d_type);
  return 0;
}

PyDescrObject* new_descr(PyTypeObject* kind, PyTypeObject* type, Ref<> descr_name) {
  if (!descr_name) return nullptr;
  auto* descr = reinterpret_cast<PyDescrObject*>(_PyObject_GC_New(kind));
  if (!descr) return nullptr;
  descr->d_type = borrow(type).release();
  descr->d_name = descr_name.release();
  descr->d_qualname = nullptr;
  PyObject_GC_Track(descr);
  return descr;
}

bool belongs(PyDescrObject* descr, PyObject* object) {
  if (Py_TYPE(object) == descr->d_type || PyType_IsSubtype(Py_TYPE(object), descr->d_type)) return true;
  PyErr_Format(PyExc_TypeError, "descriptor '%U' for '%.100s' objects doesn't apply to a '%.100s' object", descr->d_name,
               descr->d_type->tp_name, Py_TYPE(object)->tp_name);
  return false;
}

Ref<> descr_get_name(PyDescrObject* self) { return borrow(self->d_name); }

Ref<> descr_get_qualname(PyDescrObject* self) {
  if (!self->d_qualname) {
    Ref<> owner = TRY(attribute(as_object(self->d_type), name<"__qualname__">));
    if (!PyUnicode_Check(owner.get())) return raise(PyExc_TypeError, "<descriptor>.__objclass__.__qualname__ is not a unicode object");
    self->d_qualname = TRY(steal(PyUnicode_FromFormat("%S.%S", owner.get(), self->d_name))).release();
  }
  return borrow(self->d_qualname);
}

Ref<> descr_get_objclass(PyDescrObject* self) { return borrow(as_object(self->d_type)); }

Ref<> descr_reduce(PyDescrObject* self) {
  Ref<> getattr = TRY(steal(_PyEval_GetBuiltin(name<"getattr">)));
  return steal(Py_BuildValue("N(OO)", getattr.release(), self->d_type, self->d_name));
}

const PyMethodDef kDescrMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", descr_reduce, nullptr),
    kEndOfMethods,
};

const PyMemberDef kDescrMembers[] = {
    {"__objclass__", T_OBJECT, offsetof(PyDescrObject, d_type), READONLY, nullptr},
    {"__name__", T_OBJECT, offsetof(PyDescrObject, d_name), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

namespace {

template <class T>
T* as(PyObject* object) { return reinterpret_cast<T*>(object); }

Ref<> describe(PyObject* self, const char* kind) {
  auto* descr = as_descr(self);
  return steal(PyUnicode_FromFormat("<%s '%U' of '%s' objects>", kind, descr->d_name, descr->d_type->tp_name));
}
Ref<> method_repr(PyObject* self) { return describe(self, "method"); }
Ref<> member_repr(PyObject* self) { return describe(self, "member"); }
Ref<> getset_repr(PyObject* self) { return describe(self, "attribute"); }

// ---- methods ------------------------------------------------------------------------------------------

Ref<> method_doc(PyMethodDescrObject* self) { return steal(_PyType_GetDocFromInternalDoc(self->d_method->ml_name, self->d_method->ml_doc)); }
Ref<> method_signature(PyMethodDescrObject* self) {
  return steal(_PyType_GetTextSignatureFromInternalDoc(self->d_method->ml_name, self->d_method->ml_doc));
}

PyObject* method_get(PyObject* self, PyObject* object, PyObject* type) {
  auto* descr = as<PyMethodDescrObject>(self);
  if (!object) return borrow(self).release();
  if (!belongs(&descr->d_common, object)) return nullptr;
  if (descr->d_method->ml_flags & METH_METHOD) {
    if (!type || !PyType_Check(type)) {
      return raise(PyExc_TypeError, "descriptor '%U' needs a type, not '%s', as arg 2", descr->d_common.d_name, type ? Py_TYPE(type)->tp_name : "NULL");
    }
    return PyCMethod_New(descr->d_method, object, nullptr, descr->d_common.d_type);
  }
  return PyCFunction_NewEx(descr->d_method, object, nullptr);
}

[[gnu::cold]] Failure needs_argument(PyObject* self) {
  Ref<> text = function_text(self);
  if (text) PyErr_Format(PyExc_TypeError, "unbound method %U needs an argument", text.get());
  return failure;
}

template <int Convention>
PyObject* method_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* descr = as<PyMethodDescrObject>(self);
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (count < 1) [[unlikely]] return needs_argument(self);
  PyObject* object = args[0];
  if (Py_TYPE(object) != descr->d_common.d_type && !belongs(&descr->d_common, object)) [[unlikely]] return nullptr;
  return call_method_def<Convention>(self, descr->d_method, object, descr->d_common.d_type, args + 1, count - 1, kwnames);
}

template <bool Keywords>
PyObject* method_vectorcall_varargs(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* descr = as<PyMethodDescrObject>(self);
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (count < 1) return needs_argument(self);
  if (!belongs(&descr->d_common, args[0])) return nullptr;
  bool named = kwnames && PyTuple_GET_SIZE(kwnames);
  if (!Keywords && named) return takes_no_keywords(self);
  Ref<> rest = steal(PyTuple_New(count - 1));
  if (!rest) return nullptr;
  for (Py_ssize_t i = 1; i < count; ++i) PyTuple_SET_ITEM(rest.get(), i - 1, borrow(args[i]).release());
  Ref<> kwargs;
  if (named) {
    kwargs = steal(_PyStack_AsDict(args + count, kwnames));
    if (!kwargs) return nullptr;
  }
  if (!enter_recursive_call(" while calling a Python object")) return nullptr;
  PyObject* result;
  if constexpr (Keywords) {
    result = reinterpret_cast<PyCFunctionWithKeywords>(reinterpret_cast<void*>(descr->d_method->ml_meth))(args[0], rest.get(), kwargs.get());
  } else {
    result = descr->d_method->ml_meth(args[0], rest.get());
  }
  leave_recursive_call();
  return result;
}

vectorcallfunc method_vectorcall_for(int flags) {
  switch (flags & (METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD)) {
    case METH_VARARGS: return method_vectorcall_varargs<false>;
    case METH_VARARGS | METH_KEYWORDS: return method_vectorcall_varargs<true>;
    case METH_NOARGS: return method_vectorcall<METH_NOARGS>;
    case METH_O: return method_vectorcall<METH_O>;
    case METH_FASTCALL: return method_vectorcall<METH_FASTCALL>;
    case METH_FASTCALL | METH_KEYWORDS: return method_vectorcall<METH_FASTCALL | METH_KEYWORDS>;
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS: return method_vectorcall<METH_METHOD | METH_FASTCALL | METH_KEYWORDS>;
    default: return nullptr;
  }
}

PyObject* classmethod_get(PyObject* self, PyObject* object, PyObject* type) {
  auto* descr = as<PyMethodDescrObject>(self);
  const char* owner = descr->d_common.d_type->tp_name;
  if (!type) {
    if (!object) return raise(PyExc_TypeError, "descriptor '%U' for type '%.100s' needs either an object or a type", descr->d_common.d_name, owner);
    type = as_object(Py_TYPE(object));
  }
  if (!PyType_Check(type)) {
    return raise(PyExc_TypeError, "descriptor '%U' for type '%.100s' needs a type, not a '%.100s' as arg 2", descr->d_common.d_name, owner, Py_TYPE(type)->tp_name);
  }
  if (!PyType_IsSubtype(as<PyTypeObject>(type), descr->d_common.d_type)) {
    return raise(PyExc_TypeError, "descriptor '%U' requires a subtype of '%.100s' but received '%.100s'", descr->d_common.d_name, owner, as<PyTypeObject>(type)->tp_name);
  }
  PyTypeObject* defining = descr->d_method->ml_flags & METH_METHOD ? descr->d_common.d_type : nullptr;
  return PyCMethod_New(descr->d_method, type, nullptr, defining);
}

PyObject* classmethod_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  auto* descr = as<PyMethodDescrObject>(self);
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count < 1) {
    return raise(PyExc_TypeError, "descriptor '%U' of '%.100s' object needs an argument", descr->d_common.d_name, descr->d_common.d_type->tp_name);
  }
  Ref<> bound = steal(classmethod_get(self, nullptr, PyTuple_GET_ITEM(args, 0)));
  if (!bound) return nullptr;
  Ref<> rest = steal(PyTuple_GetSlice(args, 1, count));
  if (!rest) return nullptr;
  return PyObject_Call(bound.get(), rest.get(), kwargs);
}

const PyGetSetDef kMethodGetSets[] = {
    getset<method_doc>("__doc__"),
    getset<descr_get_qualname>("__qualname__"),
    getset<method_signature>("__text_signature__"),
    kEndOfGetSets,
};

// ---- members --------------------------------------------------------------------------------------------

PyObject* member_get(PyObject* self, PyObject* object, PyObject*) {
  auto* descr = as<PyMemberDescrObject>(self);
  if (!object) return borrow(self).release();
  if (!belongs(&descr->d_common, object)) return nullptr;
  if (descr->d_member->flags & READ_RESTRICTED) {
    if (PySys_Audit("object.__getattr__", "Os", object, descr->d_member->name) < 0) return nullptr;
  }
  return PyMember_GetOne(reinterpret_cast<char*>(object), descr->d_member);
}

int member_set(PyObject* self, PyObject* object, PyObject* value) {
  auto* descr = as<PyMemberDescrObject>(self);
  if (!belongs(&descr->d_common, object)) return -1;
  return PyMember_SetOne(reinterpret_cast<char*>(object), descr->d_member, value);
}

Ref<> member_doc(PyMemberDescrObject* self) {
  return self->d_member->doc ? steal(PyUnicode_FromString(self->d_member->doc)) : none();
}

const PyGetSetDef kMemberGetSets[] = {
    getset<member_doc>("__doc__"),
    getset<descr_get_qualname>("__qualname__"),
    kEndOfGetSets,
};

// ---- getsets ----------------------------------------------------------------------------------------------

PyObject* getset_get(PyObject* self, PyObject* object, PyObject*) {
  auto* descr = as<PyGetSetDescrObject>(self);
  if (!object) return borrow(self).release();
  if (!belongs(&descr->d_common, object)) return nullptr;
  if (getter get = descr->d_getset->get) return get(object, descr->d_getset->closure);
  return raise(PyExc_AttributeError, "attribute '%U' of '%.100s' objects is not readable", descr->d_common.d_name, descr->d_common.d_type->tp_name);
}

int getset_set(PyObject* self, PyObject* object, PyObject* value) {
  auto* descr = as<PyGetSetDescrObject>(self);
  if (!belongs(&descr->d_common, object)) return -1;
  if (setter set = descr->d_getset->set) return set(object, value, descr->d_getset->closure);
  return raise(PyExc_AttributeError, "attribute '%U' of '%.100s' objects is not writable", descr->d_common.d_name, descr->d_common.d_type->tp_name);
}

Ref<> getset_doc(PyGetSetDescrObject* self) {
  return self->d_getset->doc ? steal(PyUnicode_FromString(self->d_getset->doc)) : none();
}

const PyGetSetDef kGetSetGetSets[] = {
    getset<getset_doc>("__doc__"),
    getset<descr_get_qualname>("__qualname__"),
    kEndOfGetSets,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyMethodDescr_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "method_descriptor",
    .tp_basicsize = sizeof(PyMethodDescrObject),
    .tp_dealloc = descr_dealloc,
    .tp_vectorcall_offset = offsetof(PyMethodDescrObject, vectorcall),
    .tp_repr = slot<method_repr>,
    .tp_call = PyVectorcall_Call,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_traverse = descr_traverse,
    .tp_methods = table(kDescrMethods),
    .tp_members = const_cast<PyMemberDef*>(kDescrMembers),
    .tp_getset = table(kMethodGetSets),
    .tp_descr_get = method_get,
};

PyTypeObject PyClassMethodDescr_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "classmethod_descriptor",
    .tp_basicsize = sizeof(PyMethodDescrObject),
    .tp_dealloc = descr_dealloc,
    .tp_repr = slot<method_repr>,
    .tp_call = classmethod_call,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = descr_traverse,
    .tp_members = const_cast<PyMemberDef*>(kDescrMembers),
    .tp_getset = table(kMethodGetSets),
    .tp_descr_get = classmethod_get,
};

PyTypeObject PyMemberDescr_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "member_descriptor",
    .tp_basicsize = sizeof(PyMemberDescrObject),
    .tp_dealloc = descr_dealloc,
    .tp_repr = slot<member_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = descr_traverse,
    .tp_methods = table(kDescrMethods),
    .tp_members = const_cast<PyMemberDef*>(kDescrMembers),
    .tp_getset = table(kMemberGetSets),
    .tp_descr_get = member_get,
    .tp_descr_set = member_set,
};

PyTypeObject PyGetSetDescr_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "getset_descriptor",
    .tp_basicsize = sizeof(PyGetSetDescrObject),
    .tp_dealloc = descr_dealloc,
    .tp_repr = slot<getset_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = descr_traverse,
    .tp_members = const_cast<PyMemberDef*>(kDescrMembers),
    .tp_getset = table(kGetSetGetSets),
    .tp_descr_get = getset_get,
    .tp_descr_set = getset_set,
};

PyObject* PyDescr_NewMethod(PyTypeObject* type, PyMethodDef* definition) {
  vectorcallfunc function = method_vectorcall_for(definition->ml_flags);
  if (!function) return raise(PyExc_SystemError, "%s() method: bad call flags", definition->ml_name);
  auto* descr = reinterpret_cast<PyMethodDescrObject*>(new_descr(&PyMethodDescr_Type, type, interned(definition->ml_name)));
  if (!descr) return nullptr;
  descr->d_method = definition;
  descr->vectorcall = function;
  return as_object(descr);
}

PyObject* PyDescr_NewClassMethod(PyTypeObject* type, PyMethodDef* definition) {
  auto* descr = reinterpret_cast<PyMethodDescrObject*>(new_descr(&PyClassMethodDescr_Type, type, interned(definition->ml_name)));
  if (!descr) return nullptr;
  descr->d_method = definition;
  descr->vectorcall = nullptr;
  return as_object(descr);
}

PyObject* PyDescr_NewMember(PyTypeObject* type, PyMemberDef* definition) {
  auto* descr = reinterpret_cast<PyMemberDescrObject*>(new_descr(&PyMemberDescr_Type, type, interned(definition->name)));
  if (descr) descr->d_member = definition;
  return as_object(descr);
}

PyObject* PyDescr_NewGetSet(PyTypeObject* type, PyGetSetDef* definition) {
  auto* descr = reinterpret_cast<PyGetSetDescrObject*>(new_descr(&PyGetSetDescr_Type, type, interned(definition->name)));
  if (descr) descr->d_getset = definition;
  return as_object(descr);
}

int PyDescr_IsData(PyObject* object) { return Py_TYPE(object)->tp_descr_set != nullptr; }

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyMethodDescr_Type);
GILL_STATIC_TYPE(PyClassMethodDescr_Type);
GILL_STATIC_TYPE(PyMemberDescr_Type);
GILL_STATIC_TYPE(PyGetSetDescr_Type);
}  // namespace gill
