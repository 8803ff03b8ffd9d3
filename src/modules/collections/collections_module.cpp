// `_collections`: defaultdict, the field descriptor of named tuples, Counter's inner loop.
#include "modules/collections/collections.h"

#include "objects/int.h"

#include <structmember.h>

namespace gill::collections {
namespace {

// ---- defaultdict ------------------------------------------------------------------------------------

struct DefaultDict {
  PyDictObject dict;
  PyObject* default_factory;
};

Ref<> default_missing(DefaultDict* self, PyObject* key) {
  PyObject* factory = self->default_factory;
  if (!factory || factory == Py_None) {
    // The key goes in as a tuple of one, so that a tuple key is not taken for several arguments.
    Ref<> args = TRY(steal(PyTuple_Pack(1, key)));
    PyErr_SetObject(PyExc_KeyError, args.get());
    return failure;
  }
  Ref<> value = TRY(steal(PyObject_CallNoArgs(factory)));
  TRY(status_of(PyObject_SetItem(as_object(self), key, value.get())));
  return value;
}

Ref<> copy_with_factory(DefaultDict* self, PyObject* items) {
  return steal(PyObject_CallFunctionObjArgs(as_object(Py_TYPE(self)), self->default_factory ? self->default_factory : Py_None, items, nullptr));
}
Ref<> default_copy(DefaultDict* self) { return copy_with_factory(self, as_object(self)); }

Ref<> default_reduce(DefaultDict* self) {
  PyObject* factory = self->default_factory;
  Ref<> args = !factory || factory == Py_None ? TRY(steal(PyTuple_New(0))) : TRY(steal(PyTuple_Pack(1, factory)));
  Ref<> items = TRY(steal(PyObject_CallMethodNoArgs(as_object(self), name<"items">)));
  Ref<> iterator = TRY(steal(PyObject_GetIter(items.get())));
  return steal(PyTuple_Pack(5, Py_TYPE(self), args.get(), Py_None, Py_None, iterator.get()));
}

Ref<> default_repr(DefaultDict* self) {
  Ref<> base = TRY(steal(PyDict_Type.tp_repr(as_object(self))));
  Ref<> factory;
  if (!self->default_factory) {
    factory = TRY(steal(PyUnicode_FromString("None")));
  } else {
    int entered = TRY(checked(Py_ReprEnter(self->default_factory)));
    if (entered) {
      factory = TRY(steal(PyUnicode_FromString("...")));
    } else {
      factory = steal(PyObject_Repr(self->default_factory));
      Py_ReprLeave(self->default_factory);
      if (!factory) return failure;
    }
  }
  return steal(PyUnicode_FromFormat("%s(%U, %U)", _PyType_Name(Py_TYPE(self)), factory.get(), base.get()));
}

Ref<> default_or(PyObject* left, PyObject* right) {
  bool left_is = PyObject_TypeCheck(left, &DefaultDict_Type);
  auto* self = reinterpret_cast<DefaultDict*>(left_is ? left : right);
  PyObject* other = left_is ? right : left;
  if (!PyDict_Check(other)) return borrow(Py_NotImplemented);
  // The factory is that of the defaultdict, the order of the items that of the operands.
  Ref<> result = TRY(copy_with_factory(self, left));
  TRY(status_of(PyDict_Update(result.get(), right)));
  return result;
}

int default_init(PyObject* object, PyObject* args, PyObject* kwargs) {
  auto* self = reinterpret_cast<DefaultDict*>(object);
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  Ref<> factory;
  if (n > 0) {
    factory = borrow(PyTuple_GET_ITEM(args, 0));
    if (!PyCallable_Check(factory.get()) && factory.get() != Py_None) {
      PyErr_SetString(PyExc_TypeError, "first argument must be callable or None");
      return -1;
    }
  }
  Ref<> rest = TRY(steal(PyTuple_GetSlice(args, n > 0 ? 1 : 0, n)));
  set_field(self->default_factory, std::move(factory));
  return PyDict_Type.tp_init(object, rest.get(), kwargs);
}

int default_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<DefaultDict*>(self)->default_factory);
  return PyDict_Type.tp_traverse(self, visit, arg);
}
int default_clear(PyObject* self) {
  clear_field(reinterpret_cast<DefaultDict*>(self)->default_factory);
  return PyDict_Type.tp_clear(self);
}
void default_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear_field(reinterpret_cast<DefaultDict*>(self)->default_factory);
  PyDict_Type.tp_dealloc(self);
}
Ref<> default_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

const PyMethodDef kDefaultMethods[] = {
    METHOD_UNSIGNED("__missing__($self, key, /)", default_missing, "__missing__(key) # Called by __getitem__ for missing key; pseudo-code:\n  if self.default_factory is None: raise KeyError((key,))\n  self[key] = value = self.default_factory()\n  return value\n"),
    METHOD_UNSIGNED("copy($self, /)", default_copy, "D.copy() -> a shallow copy of D."),
    METHOD_UNSIGNED("__copy__($self, /)", default_copy, "D.copy() -> a shallow copy of D."),
    METHOD_UNSIGNED("__reduce__($self, /)", default_reduce, "Return state information for pickling."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", default_class_getitem, "See PEP 585"),
    kEndOfMethods,
};
const PyMemberDef kDefaultMembers[] = {
    {"default_factory", T_OBJECT, offsetof(DefaultDict, default_factory), 0, "Factory for default value called by __missing__()."},
    {},
};
PyNumberMethods default_number = {.nb_or = slot<default_or>};

// ---- tuplegetter: what a field of a named tuple is in its class -----------------------------------

struct TupleGetter {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* doc;

  using Fields = OwnedFields<&TupleGetter::doc>;
};

Ref<> getter_new(PyTypeObject* type, Py_ssize_t index, PyObject* doc) {
  Ref<TupleGetter> self = TRY(Ref<TupleGetter>::steal(type->tp_alloc(type, 0)));
  self->index = index;
  self->doc = borrow(doc).release();
  return self;
}

PyObject* getter_get(PyObject* object, PyObject* instance, PyObject*) {
  auto* self = reinterpret_cast<TupleGetter*>(object);
  if (!instance || (instance == Py_None)) return borrow(object).release();
  if (!PyTuple_Check(instance)) {
    PyErr_Format(PyExc_TypeError, "descriptor for index '%zd' for tuple subclasses doesn't apply to '%s' object", self->index, Py_TYPE(instance)->tp_name);
    return nullptr;
  }
  if (self->index < 0 || self->index >= PyTuple_GET_SIZE(instance)) {
    PyErr_SetString(PyExc_IndexError, "tuple index out of range");
    return nullptr;
  }
  return borrow(PyTuple_GET_ITEM(instance, self->index)).release();
}
int getter_set(PyObject*, PyObject*, PyObject* value) {
  PyErr_SetString(PyExc_AttributeError, value ? "can't set attribute" : "can't delete attribute");
  return -1;
}
Ref<> getter_reduce(TupleGetter* self) { return steal(Py_BuildValue("(O(nO))", Py_TYPE(self), self->index, self->doc)); }
Ref<> getter_repr(TupleGetter* self) {
  return steal(PyUnicode_FromFormat("%s(%zd, %R)", _PyType_Name(Py_TYPE(self)), self->index, self->doc));
}
void getter_dealloc(TupleGetter* self) {
  PyObject_GC_UnTrack(as_object(self));
  TupleGetter::Fields::clear_all(self);
  Py_TYPE(self)->tp_free(as_object(self));
}
const PyMethodDef kGetterMethods[] = {METHOD_UNSIGNED("__reduce__($self, /)", getter_reduce, nullptr), kEndOfMethods};
const PyMemberDef kGetterMembers[] = {{"__doc__", T_OBJECT, offsetof(TupleGetter, doc), 0, nullptr}, {}};

// ---- Counter ----------------------------------------------------------------------------------------

// mapping[item] = mapping.get(item, 0) + 1 for each item. An exact use of dict's own methods goes to the
// table directly.
Ref<> count_elements(PyObject*, PyObject* mapping, PyObject* iterable) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  Ref<> one = TRY(steal(PyLong_FromLong(1)));
  PyTypeObject* type = Py_TYPE(mapping);
  bool plain = PyDict_Check(mapping) && _PyType_Lookup(type, name<"get">) == _PyType_Lookup(&PyDict_Type, name<"get">) &&
               _PyType_Lookup(type, name<"__setitem__">) == _PyType_Lookup(&PyDict_Type, name<"__setitem__">);
  if (plain) {
    while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
      Py_hash_t hash = PyObject_Hash(key.get());
      if (hash == -1) return failure;
      PyObject* old = _PyDict_GetItem_KnownHash(mapping, key.get(), hash);
      if (!old) {
        if (PyErr_Occurred()) return failure;
        TRY(status_of(_PyDict_SetItem_KnownHash(mapping, key.get(), one.get(), hash)));
      } else {
        int64_t count;
        Ref<> sum = PyLong_CheckExact(old) && word_of(old, &count) ? int_from(count + 1) : steal(PyNumber_Add(old, one.get()));
        if (!sum) return failure;
        TRY(status_of(_PyDict_SetItem_KnownHash(mapping, key.get(), sum.get(), hash)));
      }
    }
  } else {
    Ref<> get = TRY(steal(PyObject_GetAttr(mapping, name<"get">)));
    Ref<> zero = TRY(steal(PyLong_FromLong(0)));
    while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
      Ref<> old = TRY(steal(PyObject_CallFunctionObjArgs(get.get(), key.get(), zero.get(), nullptr)));
      Ref<> sum = TRY(steal(PyNumber_Add(old.get(), one.get())));
      TRY(status_of(PyObject_SetItem(mapping, key.get(), sum.get())));
    }
  }
  if (PyErr_Occurred()) return failure;
  return none();
}

const PyMethodDef kFunctions[] = {
    METHOD("_count_elements($module, mapping, iterable, /)", count_elements, "Count elements in the iterable, updating the mapping"),
    kEndOfMethods,
};

int execute(PyObject* module) {
  for (PyTypeObject* type : {&Deque_Type, &DefaultDict_Type, &DequeIterator_Type, &DequeReverseIterator_Type, &TupleGetter_Type}) {
    TRY(status_of(PyModule_AddType(module, type)));
  }
  TRY(status_of(PyModule_AddType(module, &PyODict_Type)));
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_collections",
    .m_doc = "High performance data structures.\n- deque:        ordered collection accessible from endpoints only\n- defaultdict:  dict subclass with a default value factory\n",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

extern "C" {
PyTypeObject DefaultDict_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "collections.defaultdict",
    .tp_basicsize = sizeof(DefaultDict),
    .tp_dealloc = default_dealloc,
    .tp_repr = slot<default_repr>,
    .tp_as_number = &default_number,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "defaultdict(default_factory=None, /, [...]) --> dict with default factory\n\nThe default factory is called without arguments to produce\na new value when a key is not present, in __getitem__ only.\nA defaultdict compares equal to a dict with the same items.\nAll remaining arguments are treated the same as if they were\npassed to the dict constructor, including keyword arguments.",
    .tp_traverse = default_traverse,
    .tp_clear = default_clear,
    .tp_methods = table(kDefaultMethods),
    .tp_members = table(kDefaultMembers),
    .tp_base = &PyDict_Type,
    .tp_init = default_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_free = PyObject_GC_Del,
};
PyTypeObject TupleGetter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_collections._tuplegetter",
    .tp_basicsize = sizeof(TupleGetter),
    .tp_dealloc = slot<getter_dealloc>,
    .tp_repr = slot<getter_repr>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = TupleGetter::Fields::traverse,
    .tp_clear = TupleGetter::Fields::clear,
    .tp_methods = table(kGetterMethods),
    .tp_members = table(kGetterMembers),
    .tp_descr_get = getter_get,
    .tp_descr_set = getter_set,
    .tp_new = CONSTRUCTOR("_tuplegetter($type, index, doc, /)", getter_new),
};
}
GILL_STATIC_TYPE(DefaultDict_Type);
GILL_STATIC_TYPE(TupleGetter_Type);

PyMODINIT_FUNC PyInit__collections() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_collections", PyInit__collections);

}  // namespace gill::collections
