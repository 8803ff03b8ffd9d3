// functools.partial: a callable with some of its arguments given in advance.
#include "modules/functools/functools.h"

#include <structmember.h>

namespace gill::functools {

namespace {

struct Partial {
  PyObject_HEAD
  PyObject* function;
  PyObject* args;      // tuple
  PyObject* keywords;  // dict; programs reach it through an attribute and may change it
  PyObject* dict;
  PyObject* weakrefs;
  vectorcallfunc vectorcall;
};

using Fields = HeapTypeFields<&Partial::function, &Partial::args, &Partial::keywords, &Partial::dict>;

constexpr Py_ssize_t kInlineArguments = 10;

// Copies the borrowed arguments of both tuples and the caller's into one array; slot 0 is left free for a receiver.
class ArgumentArray {
 public:
  ArgumentArray(Py_ssize_t count) : items_(inline_) {
    if (count + 1 > kInlineArguments) items_ = PyMem_New(PyObject*, count + 1);
    if (!items_) PyErr_NoMemory();
  }
  ArgumentArray(const ArgumentArray&) = delete;
  ~ArgumentArray() {
    if (items_ != inline_) PyMem_Free(items_);
  }
  explicit operator bool() const { return items_ != nullptr; }
  PyObject** arguments() { return items_ + 1; }

 private:
  PyObject* inline_[kInlineArguments];
  PyObject** items_;
};

PyObject* partial_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* self = reinterpret_cast<Partial*>(callable);
  // The call may run __setstate__ on this very object.
  Ref<> function = borrow(self->function);
  Ref<> stored = borrow(self->args);
  Py_ssize_t given = PyVectorcall_NARGS(nargsf);
  Py_ssize_t before = PyTuple_GET_SIZE(stored.get());
  Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  bool plain = PyDict_GET_SIZE(self->keywords) == 0;
  if (plain && before == 0) return PyObject_Vectorcall(function.get(), args, nargsf, kwnames);

  if (plain && before == 1 && (nargsf & PY_VECTORCALL_ARGUMENTS_OFFSET)) {
    // The caller lets us use the place in front of its arguments.
    auto** place = const_cast<PyObject**>(args) - 1;
    PyObject* saved = std::exchange(*place, PyTuple_GET_ITEM(stored.get(), 0));
    PyObject* result = PyObject_Vectorcall(function.get(), place, static_cast<size_t>(given) + 1, kwnames);
    *place = saved;
    return result;
  }

  ArgumentArray array(before + given + named);
  if (!array) return nullptr;
  PyObject** all = array.arguments();
  for (Py_ssize_t i = 0; i < before; ++i) all[i] = PyTuple_GET_ITEM(stored.get(), i);
  for (Py_ssize_t i = 0; i < given + named; ++i) all[before + i] = args[i];
  size_t flags = static_cast<size_t>(before + given) | PY_VECTORCALL_ARGUMENTS_OFFSET;
  if (plain) return PyObject_Vectorcall(function.get(), all, flags, kwnames);

  // A callable without vectorcall gets the dict itself, which must then not be ours.
  Ref<> merged;
  if (named == 0 && PyType_HasFeature(Py_TYPE(function.get()), Py_TPFLAGS_HAVE_VECTORCALL)) {
    merged = borrow(self->keywords);
  } else {
    merged = steal(PyDict_Copy(self->keywords));
    if (!merged) return nullptr;
    for (Py_ssize_t i = 0; i < named; ++i) {
      if (PyDict_SetItem(merged.get(), PyTuple_GET_ITEM(kwnames, i), args[given + i]) < 0) return nullptr;
    }
  }
  return PyObject_VectorcallDict(function.get(), all, flags, merged.get());
}

// The tuple of two sequences of arguments one after the other.
Ref<> joined(PyObject* first, const Args& rest) {
  Py_ssize_t before = first ? PyTuple_GET_SIZE(first) : 0;
  if (rest.count == 0 && first) return borrow(first);
  Ref<> result = TRY(steal(PyTuple_New(before + rest.count)));
  for (Py_ssize_t i = 0; i < before; ++i) PyTuple_SET_ITEM(result.get(), i, borrow(PyTuple_GET_ITEM(first, i)).release());
  for (Py_ssize_t i = 0; i < rest.count; ++i) PyTuple_SET_ITEM(result.get(), before + i, borrow(rest[i]).release());
  return result;
}

PyObject* partial_call(PyObject* self, PyObject* args, PyObject* kwargs) { return PyVectorcall_Call(self, args, kwargs); }

Ref<> make_partial(PyTypeObject* type, const Args& arguments, const Kwargs& kwargs) {
  if (arguments.count < 1) return raise(PyExc_TypeError, "type 'partial' takes at least one argument");
  PyObject* function = arguments[0];
  if (!PyCallable_Check(function)) return raise(PyExc_TypeError, "the first argument must be callable");
  PyObject* inner_args = nullptr;
  PyObject* inner_keywords = nullptr;
  // A partial of a partial calls the innermost function, unless somebody hung attributes onto the inner one.
  if (Py_TYPE(function)->tp_call == partial_call) {
    auto* inner = reinterpret_cast<Partial*>(function);
    if (!inner->dict) {
      inner_args = inner->args;
      inner_keywords = inner->keywords;
      function = inner->function;
    }
  }
  Ref<Partial> self = TRY(Ref<Partial>::steal(type->tp_alloc(type, 0)));
  self->vectorcall = partial_vectorcall;
  self->function = borrow(function).release();
  self->args = TRY(joined(inner_args, Args{arguments.items + 1, arguments.count - 1})).release();
  if (inner_keywords && PyDict_GET_SIZE(inner_keywords) != 0) {
    self->keywords = TRY(PyDict_Copy(inner_keywords));
    if (kwargs.dict) TRY(status_of(PyDict_Merge(self->keywords, kwargs.dict, 1)));
  } else if (kwargs.dict) {
    self->keywords = borrow(kwargs.dict).release();
  } else {
    self->keywords = TRY(PyDict_New());
  }
  return self;
}

PyObject* partial_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  // A direct call hands over a dict that nobody else holds; any other caller's may still be in use.
  Ref<> own;
  if (kwargs && PyDict_GET_SIZE(kwargs) != 0) {
    own = steal(PyDict_Copy(kwargs));
    if (!own) return nullptr;
  }
  return make_partial(type, Args{&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)}, Kwargs{own.get()}).release();
}

void partial_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Partial*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, partial_dealloc);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  Fields::clear(object);
  type->tp_free(object);
  release(as_object(type));
  Py_TRASHCAN_END;
}

Ref<> describe(Partial* self) {
  // Keep what is printed: a __repr__ may replace it.
  Ref<> args = borrow(self->args);
  Ref<> keywords = borrow(self->keywords);
  Ref<> function = borrow(self->function);
  Ref<> text = TRY(steal(PyUnicode_FromFormat("%s(%R", Py_TYPE(self)->tp_name, function.get())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args.get()); ++i) {
    text = TRY(steal(PyUnicode_FromFormat("%U, %R", text.get(), PyTuple_GET_ITEM(args.get(), i))));
  }
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(keywords.get(), &position, &key, &value)) {
    Ref<> held_key = borrow(key);
    Ref<> held_value = borrow(value);
    text = TRY(steal(PyUnicode_FromFormat("%U, %S=%R", text.get(), key, value)));
  }
  return steal(PyUnicode_FromFormat("%U)", text.get()));
}

Ref<> partial_repr(Partial* self) {
  int recursive = Py_ReprEnter(as_object(self));
  if (recursive != 0) return recursive < 0 ? Ref<>() : steal(PyUnicode_FromString("..."));
  Ref<> text = describe(self);
  Py_ReprLeave(as_object(self));
  return text;
}

Ref<> partial_reduce(Partial* self) {
  return steal(Py_BuildValue("O(O)(OOOO)", Py_TYPE(self), self->function, self->function, self->args, self->keywords,
                             self->dict ? self->dict : Py_None));
}

Ref<> partial_setstate(Partial* self, PyObject* state) {
  if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) != 4) return raise(PyExc_TypeError, "invalid partial state");
  PyObject* function = PyTuple_GET_ITEM(state, 0);
  PyObject* args = PyTuple_GET_ITEM(state, 1);
  PyObject* keywords = PyTuple_GET_ITEM(state, 2);
  PyObject* dict = PyTuple_GET_ITEM(state, 3);
  if (!PyCallable_Check(function) || !PyTuple_Check(args) || (keywords != Py_None && !PyDict_Check(keywords))) {
    return raise(PyExc_TypeError, "invalid partial state");
  }
  Ref<> own_args = TRY(PyTuple_CheckExact(args) ? borrow(args) : steal(PySequence_Tuple(args)));
  Ref<> own_keywords = TRY(keywords == Py_None ? steal(PyDict_New()) : PyDict_CheckExact(keywords) ? borrow(keywords) : steal(PyDict_Copy(keywords)));
  set_field(self->function, borrow(function));
  set_field(self->args, std::move(own_args));
  set_field(self->keywords, std::move(own_keywords));
  set_field(self->dict, dict == Py_None ? Ref<>() : borrow(dict));
  return none();
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", partial_reduce, nullptr),
    METHOD_UNSIGNED("__setstate__($self, state, /)", partial_setstate, nullptr),
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"func", T_OBJECT, offsetof(Partial, function), READONLY, "function object to use in future partial calls"},
    {"args", T_OBJECT, offsetof(Partial, args), READONLY, "tuple of arguments to future partial calls"},
    {"keywords", T_OBJECT, offsetof(Partial, keywords), READONLY, "dictionary of keyword arguments to future partial calls"},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Partial, weakrefs), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Partial, dict), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Partial, vectorcall), READONLY, nullptr},
    {},
};

const PyGetSetDef kGetSets[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    kEndOfGetSets,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)partial_dealloc},
    {Py_tp_repr, (void*)slot<partial_repr>},
    {Py_tp_call, (void*)partial_call},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_setattro, (void*)PyObject_GenericSetAttr},
    {Py_tp_doc, (void*)"partial(func, *args, **keywords) - new function with partial application\n    of the given arguments and keywords.\n"},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)Fields::clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {Py_tp_new, (void*)partial_new},
    {Py_tp_free, (void*)PyObject_GC_Del},
    {0, nullptr},
};
PyType_Spec spec = {"functools.partial", sizeof(Partial), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_partial(PyObject* module) {
  State* state = state_of(module);
  state->partial_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddType(module, state->partial_type));
}

}  // namespace gill::functools
