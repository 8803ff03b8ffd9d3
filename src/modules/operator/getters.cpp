// operator.itemgetter and operator.attrgetter. Neither changes once it is made, so a reference cycle always has a member that the
// collector can clear instead; they never lose their fields while they can be called.
#include "modules/operator/operator.h"

#include <structmember.h>

namespace gill::operators {

namespace {

// What both have: the argument if there is one, else the tuple of them.
struct Getter {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  PyObject* wanted;  // one item or name, or a tuple of `count`
  PyObject* paths;   // attrgetter: for each name an interned str, or a tuple of the parts of a dotted one
  Py_ssize_t count;
  Py_ssize_t index;  // itemgetter: of a tuple's item, -1 if that is not what is wanted
};

using Fields = HeapTypeFields<&Getter::wanted, &Getter::paths>;

void getter_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, getter_dealloc);
  Fields::clear(object);
  type->tp_free(object);
  release(as_object(type));
  Py_TRASHCAN_END;
}

// The one argument of a call.
Maybe<PyObject*> only_argument(const char* name, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  if (kwnames && PyTuple_GET_SIZE(kwnames) != 0) return raise(PyExc_TypeError, "%s() takes no keyword arguments", name);
  Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  if (given != 1) return raise(PyExc_TypeError, "%s expected 1 argument, got %zd", name, given);
  return args[0];
}

// ---- itemgetter ----------------------------------------------------------------------------------------

Ref<> item_of(Getter* self, PyObject* object) {
  if (self->index >= 0 && PyTuple_CheckExact(object) && self->index < PyTuple_GET_SIZE(object)) {
    return borrow(PyTuple_GET_ITEM(object, self->index));
  }
  return steal(PyObject_GetItem(object, self->wanted));
}

PyObject* itemgetter_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* self = reinterpret_cast<Getter*>(callable);
  PyObject* object = TRY(only_argument("itemgetter", args, nargsf, kwnames));
  if (self->count == 1) return item_of(self, object).release();
  Ref<> result = TRY(steal(PyTuple_New(self->count)));
  for (Py_ssize_t i = 0; i < self->count; ++i) {
    PyTuple_SET_ITEM(result.get(), i, TRY(PyObject_GetItem(object, PyTuple_GET_ITEM(self->wanted, i))));
  }
  return result.release();
}

PyObject* itemgetter_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (kwargs && PyDict_GET_SIZE(kwargs) != 0) return raise(PyExc_TypeError, "itemgetter() takes no keyword arguments");
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count == 0) return raise(PyExc_TypeError, "itemgetter expected 1 argument, got 0");
  Ref<Getter> self = TRY(Ref<Getter>::steal(type->tp_alloc(type, 0)));
  PyObject* wanted = count == 1 ? PyTuple_GET_ITEM(args, 0) : args;
  self->wanted = borrow(wanted).release();
  self->count = count;
  self->index = -1;
  self->vectorcall = itemgetter_vectorcall;
  if (count == 1 && PyLong_CheckExact(wanted)) {
    self->index = PyLong_AsSsize_t(wanted);
    if (self->index < 0) {
      PyErr_Clear();
      self->index = -1;
    }
  }
  return as_object(self.release());
}

// ---- attrgetter ----------------------------------------------------------------------------------------

Ref<> attribute_at(PyObject* object, PyObject* path) {
  if (!PyTuple_CheckExact(path)) return steal(PyObject_GetAttr(object, path));
  Ref<> value = borrow(object);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(path); ++i) {
    value = TRY(steal(PyObject_GetAttr(value.get(), PyTuple_GET_ITEM(path, i))));
  }
  return value;
}

PyObject* attrgetter_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* self = reinterpret_cast<Getter*>(callable);
  PyObject* object = TRY(only_argument("attrgetter", args, nargsf, kwnames));
  if (self->count == 1) return attribute_at(object, PyTuple_GET_ITEM(self->paths, 0)).release();
  Ref<> result = TRY(steal(PyTuple_New(self->count)));
  for (Py_ssize_t i = 0; i < self->count; ++i) {
    PyTuple_SET_ITEM(result.get(), i, TRY(attribute_at(object, PyTuple_GET_ITEM(self->paths, i))).release());
  }
  return result.release();
}

Ref<> interned(Ref<> text) {
  PyObject* raw = text.release();
  PyUnicode_InternInPlace(&raw);
  return steal(raw);
}

// The interned parts of a dotted name, or the interned name.
Ref<> path_of(PyObject* attribute) {
  if (PyUnicode_READY(attribute) < 0) return nullptr;
  Py_ssize_t dot = PyUnicode_FindChar(attribute, '.', 0, PyUnicode_GET_LENGTH(attribute), 1);
  if (dot < 0) return interned(borrow(attribute));
  Ref<> separator = TRY(steal(PyUnicode_FromString(".")));
  Ref<> parts = TRY(steal(PyUnicode_Split(attribute, separator.get(), -1)));
  Ref<> path = TRY(steal(PyList_AsTuple(parts.get())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(path.get()); ++i) {
    PyTuple_SET_ITEM(path.get(), i, interned(steal(PyTuple_GET_ITEM(path.get(), i))).release());
  }
  return path;
}

PyObject* attrgetter_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (kwargs && PyDict_GET_SIZE(kwargs) != 0) return raise(PyExc_TypeError, "attrgetter() takes no keyword arguments");
  Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (count == 0) return raise(PyExc_TypeError, "attrgetter expected 1 argument, got 0");
  Ref<> paths = TRY(steal(PyTuple_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* attribute = PyTuple_GET_ITEM(args, i);
    if (!PyUnicode_Check(attribute)) return raise(PyExc_TypeError, "attribute name must be a string");
    PyTuple_SET_ITEM(paths.get(), i, TRY(path_of(attribute)).release());
  }
  Ref<Getter> self = TRY(Ref<Getter>::steal(type->tp_alloc(type, 0)));
  self->wanted = borrow(count == 1 ? PyTuple_GET_ITEM(args, 0) : args).release();
  self->paths = paths.release();
  self->count = count;
  self->index = -1;
  self->vectorcall = attrgetter_vectorcall;
  return as_object(self.release());
}

// ---- both ------------------------------------------------------------------------------------------------

Ref<> getter_repr(Getter* self) {
  int recursive = Py_ReprEnter(as_object(self));
  const char* type_name = Py_TYPE(self)->tp_name;
  if (recursive != 0) return recursive < 0 ? Ref<>() : steal(PyUnicode_FromFormat("%s(...)", type_name));
  Ref<> text = steal(PyUnicode_FromFormat(self->count == 1 ? "%s(%R)" : "%s%R", type_name, self->wanted));
  Py_ReprLeave(as_object(self));
  return text;
}

Ref<> getter_reduce(Getter* self) {
  return steal(Py_BuildValue(self->count == 1 ? "O(O)" : "OO", Py_TYPE(self), self->wanted));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", getter_reduce, "Return state information for pickling"),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Getter, vectorcall), READONLY, nullptr},
    {},
};

constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE;

const PyType_Slot kItemSlots[] = {
    {Py_tp_dealloc, (void*)getter_dealloc},
    {Py_tp_doc, (void*)"itemgetter(item, ...) --> itemgetter object\n\n"
                       "Return a callable object that fetches the given item(s) from its operand.\n"
                       "After f = itemgetter(2), the call f(r) returns r[2].\n"
                       "After g = itemgetter(2, 5, 3), the call g(r) returns (r[2], r[5], r[3])"},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_new, (void*)itemgetter_new},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_repr, (void*)slot<getter_repr>},
    {Py_tp_call, (void*)PyVectorcall_Call},
    {0, nullptr},
};
PyType_Spec item_spec = {"operator.itemgetter", sizeof(Getter), 0, kFlags, const_cast<PyType_Slot*>(kItemSlots)};

const PyType_Slot kAttributeSlots[] = {
    {Py_tp_dealloc, (void*)getter_dealloc},
    {Py_tp_doc, (void*)"attrgetter(attr, ...) --> attrgetter object\n\n"
                       "Return a callable object that fetches the given attribute(s) from its operand.\n"
                       "After f = attrgetter('name'), the call f(r) returns r.name.\n"
                       "After g = attrgetter('name', 'date'), the call g(r) returns (r.name, r.date).\n"
                       "After h = attrgetter('name.first', 'name.last'), the call h(r) returns\n"
                       "(r.name.first, r.name.last)."},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_new, (void*)attrgetter_new},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_repr, (void*)slot<getter_repr>},
    {Py_tp_call, (void*)PyVectorcall_Call},
    {0, nullptr},
};
PyType_Spec attribute_spec = {"operator.attrgetter", sizeof(Getter), 0, kFlags, const_cast<PyType_Slot*>(kAttributeSlots)};

}  // namespace

Status add_getters(PyObject* module) {
  State* state = state_of(module);
  state->itemgetter_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &item_spec, nullptr)));
  TRY(status_of(PyModule_AddType(module, state->itemgetter_type)));
  state->attrgetter_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &attribute_spec, nullptr)));
  return status_of(PyModule_AddType(module, state->attrgetter_type));
}

}  // namespace gill::operators
