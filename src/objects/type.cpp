// The type `type`: its attributes and methods, calling a class, attribute access on classes.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "base/binding.h"
#include "objects/instance.h"
#include "objects/instance_values.h"
#include "objects/object.h"
#include "objects/type.h"
#include "objects/type_slots.h"

extern "C" [[gnu::visibility("default")]] PyObject* _Py_union_type_or(PyObject* left, PyObject* right);

namespace gill {

Status merge_class_dict(PyObject* dict, PyObject* klass) {
  bool failed;
  Ref<> own = optional_attribute(klass, name<"__dict__">, &failed);
  if (failed) return Status::error;
  if (own) TRY(status_of(PyDict_Update(dict, own.get())));
  Ref<> bases = optional_attribute(klass, name<"__bases__">, &failed);
  if (failed) return Status::error;
  if (!bases) return Status::ok;
  Py_ssize_t count = TRY(checked(PySequence_Size(bases.get())));
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> base = TRY(steal(PySequence_GetItem(bases.get(), i)));
    TRY(merge_class_dict(dict, base.get()));
  }
  return Status::ok;
}

namespace {

PyTypeObject* as_type(PyObject* object) { return reinterpret_cast<PyTypeObject*>(object); }

// "module.Name" of a static type: the part behind the last dot.
const char* short_name(PyTypeObject* type) {
  const char* dot = std::strrchr(type->tp_name, '.');
  return dot ? dot + 1 : type->tp_name;
}

Status check_settable(PyTypeObject* type, PyObject* value, const char* attribute) {
  if (PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE)) {
    return raise(PyExc_TypeError, "cannot set '%s' attribute of immutable type '%s'", attribute, type->tp_name);
  }
  if (!value) return raise(PyExc_TypeError, "cannot delete '%s' attribute of immutable type '%s'", attribute, type->tp_name);
  return status_of(PySys_Audit("object.__setattr__", "OsO", type, attribute, value));
}

// ---- attributes -----------------------------------------------------------------------------------------

Status set_name(PyTypeObject* type, PyObject* value) {
  TRY(check_settable(type, value, "__name__"));
  if (!PyUnicode_Check(value)) {
    return raise(PyExc_TypeError, "can only assign string to %s.__name__, not '%s'", type->tp_name, Py_TYPE(value)->tp_name);
  }
  Py_ssize_t length;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(value, &length));
  if (std::strlen(text) != static_cast<size_t>(length)) return raise(PyExc_ValueError, "type name must not contain null characters");
  type->tp_name = text;
  set_field(heap_part(type)->ht_name, borrow(value));
  return Status::ok;
}

Status set_qualname(PyTypeObject* type, PyObject* value) {
  TRY(check_settable(type, value, "__qualname__"));
  if (!PyUnicode_Check(value)) {
    return raise(PyExc_TypeError, "can only assign string to %s.__qualname__, not '%s'", type->tp_name, Py_TYPE(value)->tp_name);
  }
  set_field(heap_part(type)->ht_qualname, borrow(value));
  return Status::ok;
}

Status set_module(PyTypeObject* type, PyObject* value) {
  TRY(check_settable(type, value, "__module__"));
  PyType_Modified(type);
  return status_of(PyDict_SetItem(type->tp_dict, name<"__module__">, value));
}

Ref<> get_abstract(PyTypeObject* type) {
  PyObject* found = type == &PyType_Type ? nullptr : PyDict_GetItemWithError(type->tp_dict, name<"__abstractmethods__">);
  if (!found) {
    if (!PyErr_Occurred()) PyErr_SetObject(PyExc_AttributeError, name<"__abstractmethods__">);
    return nullptr;
  }
  return borrow(found);
}

Status set_abstract(PyTypeObject* type, PyObject* value) {
  bool abstract = false;
  if (value) {
    abstract = TRY(truth_of(PyObject_IsTrue(value)));
    TRY(status_of(PyDict_SetItem(type->tp_dict, name<"__abstractmethods__">, value)));
  } else if (PyDict_DelItem(type->tp_dict, name<"__abstractmethods__">) < 0) {
    if (PyErr_ExceptionMatches(PyExc_KeyError)) {
      PyErr_Clear();
      PyErr_SetObject(PyExc_AttributeError, name<"__abstractmethods__">);
    }
    return Status::error;
  }
  PyType_Modified(type);
  if (abstract) type->tp_flags |= Py_TPFLAGS_IS_ABSTRACT;
  else type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_IS_ABSTRACT);
  return Status::ok;
}

Ref<> get_bases(PyTypeObject* type) { return borrow(type->tp_bases); }
Ref<> get_dict(PyTypeObject* type) { return type->tp_dict ? steal(PyDictProxy_New(type->tp_dict)) : none(); }

Ref<> get_doc(PyTypeObject* type) {
  if (!is_heap_type(type) && type->tp_doc) return steal(_PyType_GetDocFromInternalDoc(type->tp_name, type->tp_doc));
  PyObject* found = type->tp_dict ? PyDict_GetItemWithError(type->tp_dict, name<"__doc__">) : nullptr;
  if (!found) return PyErr_Occurred() ? nullptr : none();
  if (descrgetfunc get = Py_TYPE(found)->tp_descr_get) return steal(get(found, nullptr, as_object(type)));
  return borrow(found);
}

Status set_doc(PyTypeObject* type, PyObject* value) {
  TRY(check_settable(type, value, "__doc__"));
  PyType_Modified(type);
  return status_of(PyDict_SetItem(type->tp_dict, name<"__doc__">, value));
}

Ref<> get_text_signature(PyTypeObject* type) { return steal(_PyType_GetTextSignatureFromInternalDoc(type->tp_name, type->tp_doc)); }

// Made on first use: most classes have none.
Ref<> get_annotations(PyTypeObject* type) {
  if (!is_heap_type(type)) return raise(PyExc_AttributeError, "type object '%s' has no attribute '__annotations__'", type->tp_name);
  PyObject* found = PyDict_GetItemWithError(type->tp_dict, name<"__annotations__">);
  if (found) {
    if (descrgetfunc get = Py_TYPE(found)->tp_descr_get) return steal(get(found, nullptr, as_object(type)));
    return borrow(found);
  }
  if (PyErr_Occurred()) return nullptr;
  Ref<> made = TRY(steal(PyDict_New()));
  if (PyDict_SetItem(type->tp_dict, name<"__annotations__">, made.get()) < 0) return nullptr;
  PyType_Modified(type);
  return made;
}

Status set_annotations(PyTypeObject* type, PyObject* value) {
  if (PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE)) {
    return raise(PyExc_TypeError, "cannot set '__annotations__' attribute of immutable type '%s'", type->tp_name);
  }
  if (value) {
    TRY(status_of(PyDict_SetItem(type->tp_dict, name<"__annotations__">, value)));
  } else {
    if (!TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__annotations__">)))) {
      return raise(PyExc_AttributeError, "__annotations__");
    }
    TRY(status_of(PyDict_DelItem(type->tp_dict, name<"__annotations__">)));
  }
  PyType_Modified(type);
  return Status::ok;
}

Status set_bases_attribute(PyTypeObject* type, PyObject* value) {
  TRY(check_settable(type, value, "__bases__"));
  return set_bases(type, value);
}

const PyGetSetDef kGetSets[] = {
    getset<type_name_of, set_name>("__name__"),
    getset<type_qualname_of, set_qualname>("__qualname__"),
    getset<get_bases, set_bases_attribute>("__bases__"),
    getset<type_module_of, set_module>("__module__"),
    getset<get_abstract, set_abstract>("__abstractmethods__"),
    getset<get_dict>("__dict__"),
    getset<get_doc, set_doc>("__doc__"),
    getset<get_text_signature>("__text_signature__"),
    getset<get_annotations, set_annotations>("__annotations__"),
    kEndOfGetSets,
};

const PyMemberDef kMembers[] = {
    {"__basicsize__", T_PYSSIZET, offsetof(PyTypeObject, tp_basicsize), READONLY, nullptr},
    {"__itemsize__", T_PYSSIZET, offsetof(PyTypeObject, tp_itemsize), READONLY, nullptr},
    {"__flags__", T_ULONG, offsetof(PyTypeObject, tp_flags), READONLY, nullptr},
    {"__weakrefoffset__", T_PYSSIZET, offsetof(PyTypeObject, tp_weaklistoffset), READONLY, nullptr},
    {"__base__", T_OBJECT, offsetof(PyTypeObject, tp_base), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTypeObject, tp_dictoffset), READONLY, nullptr},
    {"__mro__", T_OBJECT, offsetof(PyTypeObject, tp_mro), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// ---- methods ----------------------------------------------------------------------------------------------

Ref<> type_mro_method(PyTypeObject* type) { return steal(PySequence_List(TRY(linearize(type)).get())); }

Ref<> type_subclasses(PyTypeObject* type) {
  Ref<> list = TRY(steal(PyList_New(0)));
  PyObject** slot = subclasses_slot(type);
  if (!slot || !*slot) return list;
  PyObject* reference;
  Py_ssize_t position = 0;
  while (PyDict_Next(*slot, &position, nullptr, &reference)) {
    PyObject* subclass = PyWeakref_GET_OBJECT(reference);
    if (subclass != Py_None && PyList_Append(list.get(), subclass) < 0) return nullptr;
  }
  return list;
}

Ref<> type_prepare(PyTypeObject*, Args, Kwargs) { return steal(PyDict_New()); }

Maybe<bool> type_instancecheck(PyTypeObject* type, PyObject* instance) { return truth_of(_PyObject_RealIsInstance(instance, as_object(type))); }
Maybe<bool> type_subclasscheck(PyTypeObject* type, PyObject* subclass) { return truth_of(_PyObject_RealIsSubclass(subclass, as_object(type))); }

Ref<> type_dir(PyTypeObject* type) {
  Ref<> dict = TRY(steal(PyDict_New()));
  TRY(merge_class_dict(dict.get(), as_object(type)));
  return steal(PyDict_Keys(dict.get()));
}

Maybe<Py_ssize_t> type_sizeof(PyTypeObject* type) {
  if (!is_heap_type(type)) return static_cast<Py_ssize_t>(sizeof(PyTypeObject));
  Py_ssize_t size = Py_TYPE(type)->tp_basicsize + Py_SIZE(type) * static_cast<Py_ssize_t>(sizeof(PyMemberDef));
  if (DictKeys* keys = shared_keys(type)) size += static_cast<Py_ssize_t>(keys_size(keys));
  return size;
}

const PyMethodDef kMethods[] = {
    METHOD("mro($self, /)", type_mro_method, "Return a type's method resolution order."),
    METHOD("__subclasses__($self, /)", type_subclasses, "Return a list of immediate subclasses."),
    CLASS_METHOD_UNSIGNED("__prepare__($type, /, *args, **kwargs)", type_prepare,
                          "__prepare__() -> dict\nused to create the namespace for the class statement"),
    METHOD("__instancecheck__($self, instance, /)", type_instancecheck, "Check if an object is an instance."),
    METHOD("__subclasscheck__($self, subclass, /)", type_subclasscheck, "Check if a class is a subclass."),
    METHOD("__dir__($self, /)", type_dir, "Specialized __dir__ implementation for types."),
    METHOD("__sizeof__($self, /)", type_sizeof, "Return memory consumption of the type object."),
    kEndOfMethods,
};

// ---- slots ------------------------------------------------------------------------------------------------

Ref<> repr_of(PyTypeObject* type) {
  if (!type->tp_name) return steal(PyUnicode_FromFormat("<class at %p>", type));
  Ref<> module = type_module_of(type);
  if (!module) PyErr_Clear();
  else if (!PyUnicode_Check(module.get())) module.reset();
  Ref<> qualname = TRY(type_qualname_of(type));
  if (module && !PyUnicode_CompareWithASCIIString(module.get(), "builtins")) module.reset();
  if (module) return steal(PyUnicode_FromFormat("<class '%U.%U'>", module.get(), qualname.get()));
  return steal(PyUnicode_FromFormat("<class '%s'>", type->tp_name));
}

PyObject* type_repr(PyObject* self) { return repr_of(as_type(self)).release(); }

// `C(...)`: __new__, then __init__ when that made an instance of C. `type(x)` alone asks for the type of x.
PyObject* type_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyTypeObject* type = as_type(self);
  if (type == &PyType_Type) {
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count == 1 && (!kwargs || PyDict_GET_SIZE(kwargs) == 0)) return borrow(as_object(Py_TYPE(PyTuple_GET_ITEM(args, 0)))).release();
    if (count != 3) return raise(PyExc_TypeError, "type() takes 1 or 3 arguments");
  }
  if (!type->tp_new) return raise(PyExc_TypeError, "cannot create '%s' instances", type->tp_name);
  PyObject* object = _Py_CheckFunctionResult(PyThreadState_Get(), self, type->tp_new(type, args, kwargs), nullptr);
  if (!object || !PyObject_TypeCheck(object, type)) return object;
  if (initproc initialize = Py_TYPE(object)->tp_init; initialize && initialize(object, args, kwargs) < 0) {
    release(object);
    return nullptr;
  }
  return object;
}

PyObject* type_vectorcall(PyObject* metatype, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Py_ssize_t count = PyVectorcall_NARGS(nargsf);
  if (count == 1 && metatype == as_object(&PyType_Type)) {
    if (kwnames && PyTuple_GET_SIZE(kwnames)) return raise(PyExc_TypeError, "type() takes no keyword arguments");
    return borrow(as_object(Py_TYPE(args[0]))).release();
  }
  return _PyObject_MakeTpCall(PyThreadState_Get(), metatype, args, count, kwnames);
}

Status type_init(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (kwargs && count == 1 && PyDict_GET_SIZE(kwargs)) return raise(PyExc_TypeError, "type.__init__() takes no keyword arguments");
  if (count != 1 && count != 3) return raise(PyExc_TypeError, "type.__init__() takes 1 or 3 arguments");
  return Status::ok;
}
int type_init_slot(PyObject* self, PyObject* args, PyObject* kwargs) { return static_cast<int>(type_init(as_type(self), args, kwargs)); }

int type_setattro(PyObject* self, PyObject* attribute, PyObject* value) {
  PyTypeObject* type = as_type(self);
  if (PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE)) {
    return raise(PyExc_TypeError, "cannot set %R attribute of immutable type '%s'", attribute, type->tp_name);
  }
  if (!PyUnicode_Check(attribute)) {
    return raise(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(attribute)->tp_name);
  }
  PyObject* interned;
  if (PyUnicode_CheckExact(attribute)) {
    interned = borrow(attribute).release();
  } else {
    interned = _PyUnicode_Copy(attribute);
    if (!interned) return -1;
  }
  PyUnicode_InternInPlace(&interned);
  Ref<> hold = steal(interned);
  int result = _PyObject_GenericSetAttrWithDict(self, interned, value, type->tp_dict);
  if (result == 0) {
    PyType_Modified(type);
    update_slot(type, interned);
  }
  return result;
}

void type_dealloc(PyObject* self) {
  PyTypeObject* type = as_type(self);
  PyHeapTypeObject* heap = heap_part(type);
  PyObject_GC_UnTrack(self);
  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  for (Py_ssize_t i = 0; type->tp_bases && i < PyTuple_GET_SIZE(type->tp_bases); ++i) {
    PyObject* base = PyTuple_GET_ITEM(type->tp_bases, i);
    if (PyType_Check(base)) forget_subclass(as_type(base), type);
  }
  PyErr_Restore(et, ev, tb);
  PyObject_ClearWeakRefs(self);
  clear_field(type->tp_base);
  clear_field(type->tp_dict);
  clear_field(type->tp_bases);
  clear_field(type->tp_mro);
  clear_field(type->tp_cache);
  clear_field(type->tp_subclasses);
  PyObject_Free(const_cast<char*>(type->tp_doc));
  clear_field(heap->ht_name);
  clear_field(heap->ht_qualname);
  clear_field(heap->ht_slots);
  if (heap->ht_cached_keys) instance_forget_type(heap);
  clear_field(heap->ht_module);
  PyMem_Free(heap->_ht_tpname);
  Py_TYPE(self)->tp_free(self);
}

int type_traverse(PyObject* self, visitproc visit, void* arg) {
  PyTypeObject* type = as_type(self);
  if (!is_heap_type(type)) return 0;
  Py_VISIT(type->tp_dict);
  Py_VISIT(type->tp_cache);
  Py_VISIT(type->tp_mro);
  Py_VISIT(type->tp_bases);
  Py_VISIT(type->tp_base);
  Py_VISIT(heap_part(type)->ht_module);
  return 0;
}

// Cycles through a class run through its dict, its MRO or its module; the rest cannot be part of one.
int type_clear(PyObject* self) {
  PyTypeObject* type = as_type(self);
  PyType_Modified(type);
  if (type->tp_dict) PyDict_Clear(type->tp_dict);
  clear_field(heap_part(type)->ht_module);
  clear_field(type->tp_mro);
  return 0;
}

int type_is_gc(PyObject* self) { return is_heap_type(as_type(self)); }

// `int | str`
const PyNumberMethods kNumber = {.nb_or = _Py_union_type_or};

}  // namespace

Ref<> type_name_of(PyTypeObject* type) {
  if (is_heap_type(type)) return borrow(heap_part(type)->ht_name);
  // A new string each time: what is pickled tells by identity which names are shared.
  return steal(PyUnicode_FromString(short_name(type)));
}

Ref<> type_qualname_of(PyTypeObject* type) {
  if (is_heap_type(type)) return borrow(heap_part(type)->ht_qualname);
  return type_name_of(type);
}

Ref<> type_module_of(PyTypeObject* type) {
  if (is_heap_type(type)) {
    PyObject* module = PyDict_GetItemWithError(type->tp_dict, name<"__module__">);
    if (!module && !PyErr_Occurred()) PyErr_Format(PyExc_AttributeError, "__module__");
    return borrow(module);
  }
  if (const char* dot = std::strrchr(type->tp_name, '.')) {
    Ref<> module = TRY(steal(PyUnicode_FromStringAndSize(type->tp_name, dot - type->tp_name)));
    PyObject* interned = module.release();
    PyUnicode_InternInPlace(&interned);
    return steal(interned);
  }
  return borrow(name<"builtins">);
}

// Attribute of a class: data descriptor of the metatype, then the class's MRO (descriptors bound to None), then the metatype.
PyObject* type_getattro_or_absent(PyTypeObject* type, PyObject* attribute) {
  PyTypeObject* metatype = Py_TYPE(as_object(type));
  if (!PyUnicode_Check(attribute)) {
    return raise(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(attribute)->tp_name);
  }
  if (!PyType_HasFeature(type, Py_TPFLAGS_READY) && !type->tp_dict && PyType_Ready(type) < 0) return nullptr;
  Ref<> meta = borrow(type_lookup(metatype, attribute));
  descrgetfunc meta_get = nullptr;
  if (meta) {
    meta_get = Py_TYPE(meta.get())->tp_descr_get;
    if (meta_get && PyDescr_IsData(meta.get())) return meta_get(meta.get(), as_object(type), as_object(metatype));
  }
  if (PyObject* found = type_lookup(type, attribute)) {
    Ref<> own = borrow(found);
    if (descrgetfunc get = Py_TYPE(found)->tp_descr_get) return get(found, nullptr, as_object(type));
    return own.release();
  }
  if (meta_get) return meta_get(meta.get(), as_object(type), as_object(metatype));
  return meta.release();
}

PyObject* type_getattro(PyObject* self, PyObject* attribute) {
  PyObject* result = type_getattro_or_absent(as_type(self), attribute);
  if (!result && !PyErr_Occurred()) {
    PyErr_Format(PyExc_AttributeError, "type object '%.50s' has no attribute '%U'", as_type(self)->tp_name, attribute);
  }
  return result;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyType_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "type",
    .tp_basicsize = sizeof(PyHeapTypeObject),
    .tp_itemsize = sizeof(PyMemberDef),
    .tp_dealloc = type_dealloc,
    .tp_vectorcall_offset = offsetof(PyTypeObject, tp_vectorcall),
    .tp_repr = type_repr,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_call = type_call,
    .tp_getattro = type_getattro,
    .tp_setattro = type_setattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_TYPE_SUBCLASS | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type",
    .tp_traverse = type_traverse,
    .tp_clear = type_clear,
    .tp_weaklistoffset = offsetof(PyTypeObject, tp_weaklist),
    .tp_methods = table(kMethods),
    .tp_members = const_cast<PyMemberDef*>(kMembers),
    .tp_getset = table(kGetSets),
    .tp_dictoffset = offsetof(PyTypeObject, tp_dict),
    .tp_init = type_init_slot,
    .tp_new = type_new,
    .tp_free = PyObject_GC_Del,
    .tp_is_gc = type_is_gc,
    .tp_vectorcall = type_vectorcall,
};

unsigned long PyType_GetFlags(PyTypeObject* type) { return type->tp_flags; }
PyObject* PyType_GetName(PyTypeObject* type) { return type_name_of(type).release(); }
PyObject* PyType_GetQualName(PyTypeObject* type) { return type_qualname_of(type).release(); }

const char* _PyType_Name(PyTypeObject* type) { return short_name(type); }

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyType_Type);
}  // namespace gill
