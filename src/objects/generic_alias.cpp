// types.GenericAlias: `list[int]` (PEP 585). It stands for its origin in nearly everything and remembers the arguments.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/generic_alias.h"
#include "objects/object.h"

namespace gill {

namespace {

struct GenericAlias {
  PyObject_HEAD
  PyObject* origin;
  PyObject* args;
  PyObject* parameters;  // made on first use
  PyObject* weak_references;
  bool starred;          // `*tuple[int, str]`
  vectorcallfunc vectorcall;
};

using Fields = OwnedFields<&GenericAlias::origin, &GenericAlias::args, &GenericAlias::parameters>;

GenericAlias* as_alias(PyObject* object) { return reinterpret_cast<GenericAlias*>(object); }

// Attributes of the alias itself; every other one is the origin's.
bool is_own_attribute(PyObject* attribute) {
  for (PyObject* own : {name<"__class__">, name<"__origin__">, name<"__args__">, name<"__unpacked__">, name<"__parameters__">,
                        name<"__typing_unpacked_tuple_args__">, name<"__mro_entries__">, name<"__reduce_ex__">, name<"__reduce__">,
                        name<"__copy__">, name<"__deepcopy__">}) {
    if (own == attribute || _PyUnicode_Equal(own, attribute)) return true;
  }
  return false;
}

void alias_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (as_alias(self)->weak_references) PyObject_ClearWeakRefs(self);
  Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
}

Ref<> alias_repr(GenericAlias* self) {
  _PyUnicodeWriter writer;
  _PyUnicodeWriter_Init(&writer);
  auto write = [&]() -> Status {
    if (self->starred) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, "*", 1)));
    TRY(write_type_argument(&writer, self->origin));
    TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, "[", 1)));
    Py_ssize_t count = PyTuple_GET_SIZE(self->args);
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (i) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, ", ", 2)));
      TRY(write_type_argument(&writer, PyTuple_GET_ITEM(self->args, i)));
    }
    // An empty tuple is something else than nothing.
    if (count == 0) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, "()", 2)));
    return status_of(_PyUnicodeWriter_WriteASCIIString(&writer, "]", 1));
  };
  if (write() == Status::error) {
    _PyUnicodeWriter_Dealloc(&writer);
    return nullptr;
  }
  return steal(_PyUnicodeWriter_Finish(&writer));
}

Py_hash_t alias_hash(PyObject* self) {
  Py_hash_t origin = PyObject_Hash(as_alias(self)->origin);
  if (origin == -1) return -1;
  Py_hash_t args = PyObject_Hash(as_alias(self)->args);
  return args == -1 ? -1 : origin ^ args;
}

// The result of calling the alias knows what it was made from, where it can.
PyObject* remember_class(PyObject* object, PyObject* alias) {
  if (object && PyObject_SetAttr(object, name<"__orig_class__">, alias) < 0) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_TypeError)) {
      release(object);
      return nullptr;
    }
    PyErr_Clear();
  }
  return object;
}

PyObject* alias_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return remember_class(PyObject_Call(as_alias(self)->origin, args, kwargs), self);
}
PyObject* alias_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return remember_class(PyObject_Vectorcall(as_alias(self)->origin, args, nargsf, kwnames), self);
}

PyObject* alias_getattro(PyObject* self, PyObject* attribute) {
  if (PyUnicode_Check(attribute) && !is_own_attribute(attribute)) return PyObject_GetAttr(as_alias(self)->origin, attribute);
  return PyObject_GenericGetAttr(self, attribute);
}

PyObject* alias_richcompare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || !PyObject_TypeCheck(self, &Py_GenericAliasType) || !PyObject_TypeCheck(other, &Py_GenericAliasType)) {
    return borrow(Py_NotImplemented).release();
  }
  auto *a = as_alias(self), *b = as_alias(other);
  int equal = a->starred == b->starred;
  if (equal) equal = PyObject_RichCompareBool(a->origin, b->origin, Py_EQ);
  if (equal > 0) equal = PyObject_RichCompareBool(a->args, b->args, Py_EQ);
  if (equal < 0) return nullptr;
  return py_bool(static_cast<bool>(equal) == (operation == Py_EQ)).release();
}

Status setup(GenericAlias* alias, PyObject* origin, PyObject* args) {
  Ref<> tuple = PyTuple_Check(args) ? borrow(args) : steal(PyTuple_Pack(1, args));
  if (!tuple) return Status::error;
  alias->origin = borrow(origin).release();
  alias->args = tuple.release();
  alias->parameters = nullptr;
  alias->weak_references = nullptr;
  alias->starred = false;
  alias->vectorcall = alias_vectorcall;
  return Status::ok;
}

PyObject* alias_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (kwargs && !_PyArg_NoKeywords("GenericAlias", kwargs)) return nullptr;
  if (!_PyArg_CheckPositional("GenericAlias", PyTuple_GET_SIZE(args), 2, 2)) return nullptr;
  Ref<> self = steal(type->tp_alloc(type, 0));
  if (!self || setup(as_alias(self.get()), PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1)) == Status::error) return nullptr;
  return self.release();
}

Ref<> get_parameters(GenericAlias* self) {
  if (!self->parameters) self->parameters = TRY(steal(_Py_make_parameters(self->args))).release();
  return borrow(self->parameters);
}

Ref<> get_unpacked_args(GenericAlias* self) {
  return borrow(self->starred && self->origin == as_object(&PyTuple_Type) ? self->args : Py_None);
}

PyObject* alias_subscript(PyObject* self, PyObject* item) {
  auto* alias = as_alias(self);
  Ref<> parameters = get_parameters(alias);
  if (!parameters) return nullptr;
  Ref<> args = steal(_Py_subs_parameters(self, alias->args, parameters.get(), item));
  if (!args) return nullptr;
  PyObject* result = Py_GenericAlias(alias->origin, args.get());
  if (result) as_alias(result)->starred = alias->starred;
  return result;
}

Ref<> mro_entries(GenericAlias* self, PyObject*) { return steal(PyTuple_Pack(1, self->origin)); }
Ref<> instancecheck(GenericAlias*, PyObject*) { return raise(PyExc_TypeError, "isinstance() argument 2 cannot be a parameterized generic"); }
Ref<> subclasscheck(GenericAlias*, PyObject*) { return raise(PyExc_TypeError, "issubclass() argument 2 cannot be a parameterized generic"); }

Ref<> alias_reduce(GenericAlias* self) {
  if (self->starred) {
    Ref<> next = TRY(steal(_PyEval_GetBuiltin(name<"next">)));
    Ref<> plain = TRY(steal(Py_GenericAlias(self->origin, self->args)));
    Ref<> iterator = TRY(steal(PyObject_GetIter(plain.get())));
    return steal(Py_BuildValue("N(N)", next.release(), iterator.release()));
  }
  return steal(Py_BuildValue("O(OO)", Py_TYPE(self), self->origin, self->args));
}

Ref<> alias_dir(GenericAlias* self) {
  Ref<> names = TRY(steal(PyObject_Dir(self->origin)));
  for (PyObject* own : {name<"__class__">, name<"__origin__">, name<"__args__">, name<"__unpacked__">, name<"__parameters__">,
                        name<"__typing_unpacked_tuple_args__">, name<"__mro_entries__">, name<"__reduce_ex__">, name<"__reduce__">,
                        name<"__copy__">, name<"__deepcopy__">}) {
    if (!TRY(truth_of(PySequence_Contains(names.get(), own))) && PyList_Append(names.get(), own) < 0) return nullptr;
  }
  return names;
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__mro_entries__($self, bases, /)", mro_entries, nullptr),
    METHOD_UNSIGNED("__instancecheck__($self, instance, /)", instancecheck, nullptr),
    METHOD_UNSIGNED("__subclasscheck__($self, subclass, /)", subclasscheck, nullptr),
    METHOD_UNSIGNED("__reduce__($self, /)", alias_reduce, nullptr),
    METHOD_UNSIGNED("__dir__($self, /)", alias_dir, nullptr),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"__origin__", T_OBJECT, offsetof(GenericAlias, origin), READONLY, nullptr},
    {"__args__", T_OBJECT, offsetof(GenericAlias, args), READONLY, nullptr},
    {"__unpacked__", T_BOOL, offsetof(GenericAlias, starred), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<get_parameters>("__parameters__", "Type variables in the GenericAlias."),
    getset<get_unpacked_args>("__typing_unpacked_tuple_args__"),
    kEndOfGetSets,
};
const PyNumberMethods kNumber = {.nb_or = _Py_union_type_or};
const PyMappingMethods kMapping = {.mp_subscript = alias_subscript};

// ---- `*list[int]` in an argument list iterates once, over the starred alias ----------------------------------

struct AliasIterator {
  PyObject_HEAD
  PyObject* alias;
};

using IteratorFields = OwnedFields<&AliasIterator::alias>;

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  IteratorFields::clear(self);
  PyObject_GC_Del(self);
}

PyObject* iterator_next(PyObject* self) {
  Ref<> alias = steal(std::exchange(reinterpret_cast<AliasIterator*>(self)->alias, nullptr));
  if (!alias) return nullptr;
  PyObject* starred = Py_GenericAlias(as_alias(alias.get())->origin, as_alias(alias.get())->args);
  if (starred) as_alias(starred)->starred = true;
  return starred;
}

Ref<> iterator_reduce(AliasIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  if (self->alias) return steal(Py_BuildValue("N(O)", iter.release(), self->alias));
  return steal(Py_BuildValue("N(())", iter.release()));
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, nullptr),
    kEndOfMethods,
};

PyTypeObject alias_iterator_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "generic_alias_iterator",
    .tp_basicsize = sizeof(AliasIterator),
    .tp_dealloc = iterator_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = IteratorFields::traverse,
    .tp_clear = IteratorFields::clear,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = iterator_next,
    .tp_methods = table(kIteratorMethods),
};
GILL_STATIC_TYPE(alias_iterator_type);

PyObject* alias_iter(PyObject* self) {
  auto* iterator = PyObject_GC_New(AliasIterator, &alias_iterator_type);
  if (!iterator) return nullptr;
  iterator->alias = borrow(self).release();
  PyObject_GC_Track(iterator);
  return as_object(iterator);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject Py_GenericAliasType = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "types.GenericAlias",
    .tp_basicsize = sizeof(GenericAlias),
    .tp_dealloc = alias_dealloc,
    .tp_vectorcall_offset = offsetof(GenericAlias, vectorcall),
    .tp_repr = slot<alias_repr>,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_hash = alias_hash,
    .tp_call = alias_call,
    .tp_getattro = alias_getattro,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "GenericAlias(origin, args, /)\n--\n\nRepresent a PEP 585 generic type\n\nE.g. for t = list[int], t.__origin__ is list and t.__args__ is (int,).",
    .tp_traverse = Fields::traverse,
    .tp_richcompare = alias_richcompare,
    .tp_weaklistoffset = offsetof(GenericAlias, weak_references),
    .tp_iter = alias_iter,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = alias_new,
    .tp_free = PyObject_GC_Del,
};

PyObject* Py_GenericAlias(PyObject* origin, PyObject* args) {
  auto* alias = reinterpret_cast<GenericAlias*>(PyType_GenericAlloc(&Py_GenericAliasType, 0));
  if (!alias) return nullptr;
  if (setup(alias, origin, args) == Status::error) {
    release(as_object(alias));
    return nullptr;
  }
  return as_object(alias);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(Py_GenericAliasType);
}  // namespace gill
