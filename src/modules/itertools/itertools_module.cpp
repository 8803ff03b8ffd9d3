// groupby, tee, and the module itself.
#include "modules/itertools/itertools.h"

#include "objects/tuple.h"

namespace gill::itertools {
namespace {

#define REDUCE(function) METHOD_UNSIGNED("__reduce__($self, /)", function, "Return state information for pickling.")
#define SETSTATE(function) METHOD_UNSIGNED("__setstate__($self, state, /)", function, "Set state information for unpickling.")

// ---- groupby --------------------------------------------------------------------------------------

struct GroupBy {
  PyObject_HEAD
  PyObject* iterator;
  PyObject* key_function;  // None: the item itself
  PyObject* target_key;    // of the group handed out last
  PyObject* current_key;   // of the item read last
  PyObject* current_value;
  const void* current_grouper;  // only the newest group may read on; borrowed, for its identity

  using Fields = OwnedFields<&GroupBy::iterator, &GroupBy::key_function, &GroupBy::target_key, &GroupBy::current_key, &GroupBy::current_value>;
};

struct Grouper {
  PyObject_HEAD
  GroupBy* parent;
  PyObject* target_key;

  using Fields = OwnedFields<&Grouper::parent, &Grouper::target_key>;
};

Ref<> groupby_new(PyTypeObject* type, PyObject* iterable, PyObject* key) {
  Ref<> iterator = TRY(iter(iterable));
  Ref<GroupBy> self = TRY(make<GroupBy>(type));
  self->iterator = iterator.release();
  self->key_function = borrow(key).release();
  return self;
}

Status step(GroupBy* self) {
  Ref<> value = TRY(next(self->iterator));
  Ref<> key = self->key_function == Py_None ? value.new_ref() : TRY(steal(PyObject_CallOneArg(self->key_function, value.get())));
  Ref<> old_value = steal(std::exchange(self->current_value, value.release()));
  set_field(self->current_key, std::move(key));
  return Status::ok;
}

Maybe<bool> equal(PyObject* a, PyObject* b) {
  Ref<> hold_a = borrow(a), hold_b = borrow(b);
  return truth_of(PyObject_RichCompareBool(a, b, Py_EQ));
}

Ref<> new_grouper(GroupBy* parent, PyObject* target) {
  Ref<Grouper> self = TRY(Ref<Grouper>::steal(PyObject_GC_New(Grouper, &Grouper_Type)));
  self->parent = Ref<GroupBy>::borrow(parent).release();
  self->target_key = borrow(target).release();
  parent->current_grouper = self.get();
  PyObject_GC_Track(self.object());
  return self;
}

Ref<> groupby_next(GroupBy* self) {
  self->current_grouper = nullptr;
  for (;;) {
    if (!self->current_key) {
      // nothing read yet
    } else if (!self->target_key) {
      break;
    } else if (!TRY(equal(self->target_key, self->current_key))) {
      break;
    }
    TRY(step(self));
  }
  set_field(self->target_key, borrow(self->current_key));
  Ref<> grouper = TRY(new_grouper(self, self->target_key));
  return tuple_of(borrow(self->current_key), std::move(grouper));
}

Ref<> groupby_reduce(GroupBy* self) {
  if (self->current_key && self->target_key && self->current_value) {
    return steal(Py_BuildValue("O(OO)(OOO)", type_of(self), self->iterator, self->key_function, self->current_value, self->target_key, self->current_key));
  }
  return steal(Py_BuildValue("O(OO)", type_of(self), self->iterator, self->key_function));
}
Ref<> groupby_setstate(GroupBy* self, PyObject* state) {
  PyObject *value, *target, *key;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state is not a tuple");
  if (!PyArg_ParseTuple(state, "OOO", &value, &target, &key)) return failure;
  set_field(self->current_value, borrow(value));
  set_field(self->target_key, borrow(target));
  set_field(self->current_key, borrow(key));
  return none();
}
const PyMethodDef kGroupByMethods[] = {REDUCE(groupby_reduce), SETSTATE(groupby_setstate), kEndOfMethods};

PyObject* grouper_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  PyObject *parent, *target;
  if (!_PyArg_NoKeywords("_grouper", kwargs) || !PyArg_ParseTuple(args, "O!O", &GroupBy_Type, &parent, &target)) return nullptr;
  return new_grouper(reinterpret_cast<GroupBy*>(parent), target).release();
}
Ref<> grouper_next(Grouper* self) {
  GroupBy* parent = self->parent;
  if (parent->current_grouper != self) return nullptr;
  if (!parent->current_value) TRY(step(parent));
  if (!TRY(equal(self->target_key, parent->current_key))) return nullptr;
  return steal(std::exchange(parent->current_value, nullptr));
}
Ref<> grouper_reduce(Grouper* self) {
  if (self->parent->current_grouper != self) {
    Ref<> builtins = TRY(steal(PyImport_ImportModule("builtins")));
    Ref<> function = TRY(steal(PyObject_GetAttr(builtins.get(), name<"iter">)));
    return steal(Py_BuildValue("N(())", function.release()));
  }
  return steal(Py_BuildValue("O(OO)", type_of(self), self->parent, self->target_key));
}
void grouper_dealloc(Grouper* self) {
  PyObject_GC_UnTrack(as_object(self));
  if (self->parent && self->parent->current_grouper == self) self->parent->current_grouper = nullptr;
  Grouper::Fields::clear_all(self);
  PyObject_GC_Del(self);
}
const PyMethodDef kGrouperMethods[] = {REDUCE(grouper_reduce), kEndOfMethods};

// ---- tee: a list of blocks of items that all copies walk along ---------------------------------------

inline constexpr int kBlockItems = 57;

struct TeeData {
  PyObject_HEAD
  PyObject* iterator;
  int count;
  bool running;
  PyObject* next_block;
  PyObject* items[kBlockItems];
};
struct Tee {
  PyObject_HEAD
  TeeData* data;
  int index;
  PyObject* weakrefs;
};

Ref<TeeData> new_block(PyObject* iterator) {
  Ref<TeeData> self = TRY(Ref<TeeData>::steal(PyObject_GC_New(TeeData, &TeeData_Type)));
  self->running = false;
  self->count = 0;
  self->next_block = nullptr;
  self->iterator = borrow(iterator).release();
  PyObject_GC_Track(self.object());
  return self;
}

Ref<> block_item(TeeData* self, int i) {
  if (i < self->count) return borrow(self->items[i]);
  if (self->running) return raise(PyExc_RuntimeError, "cannot re-enter the tee iterator");
  self->running = true;
  Ref<> value = steal(PyIter_Next(self->iterator));
  self->running = false;
  if (!value) return nullptr;
  self->items[self->count++] = value.new_ref().release();
  return value;
}

Ref<TeeData> block_after(TeeData* self) {
  if (!self->next_block) self->next_block = as_object(TRY(new_block(self->iterator)).release());
  return Ref<TeeData>::borrow(self->next_block);
}

int block_traverse(TeeData* self, visitproc visit, void* arg) {
  Py_VISIT(self->iterator);
  for (int i = 0; i < self->count; ++i) Py_VISIT(self->items[i]);
  Py_VISIT(self->next_block);
  return 0;
}
int block_clear(TeeData* self) {
  clear_field(self->iterator);
  int n = std::exchange(self->count, 0);
  for (int i = 0; i < n; ++i) clear_field(self->items[i]);
  // A long list of blocks that only we hold is freed in a loop, not by recursion.
  Ref<> block = steal(std::exchange(self->next_block, nullptr));
  while (block && Py_TYPE(block.get()) == &TeeData_Type && Py_REFCNT(block.get()) == 1) {
    block = steal(std::exchange(reinterpret_cast<TeeData*>(block.get())->next_block, nullptr));
  }
  return 0;
}
void block_dealloc(TeeData* self) {
  PyObject_GC_UnTrack(as_object(self));
  block_clear(self);
  PyObject_GC_Del(self);
}
Ref<> block_reduce(TeeData* self) {
  Ref<> values = TRY(steal(PyList_New(self->count)));
  for (int i = 0; i < self->count; ++i) PyList_SET_ITEM(values.get(), i, borrow(self->items[i]).release());
  return steal(Py_BuildValue("O(ONO)", type_of(self), self->iterator, values.release(), self->next_block ? self->next_block : Py_None));
}
Ref<> block_new(PyTypeObject*, PyObject* iterator, PyListObject* values, PyObject* following) {
  Ref<TeeData> self = TRY(new_block(iterator));
  Py_ssize_t n = PyList_GET_SIZE(values);
  if (n > kBlockItems) return raise(PyExc_ValueError, "Invalid arguments");
  for (Py_ssize_t i = 0; i < n; ++i) self->items[i] = borrow(PyList_GET_ITEM(values, i)).release();
  self->count = static_cast<int>(n);
  if (n == kBlockItems) {
    if (following != Py_None) {
      if (Py_TYPE(following) != &TeeData_Type) return raise(PyExc_ValueError, "Invalid arguments");
      self->next_block = borrow(following).release();
    }
  } else if (following != Py_None) {
    return raise(PyExc_ValueError, "Invalid arguments");
  }
  return self;
}
const PyMethodDef kTeeDataMethods[] = {REDUCE(block_reduce), kEndOfMethods};

using TeeFields = OwnedFields<&Tee::data>;

Ref<> tee_next(Tee* self) {
  if (self->index >= kBlockItems) {
    set_field(self->data, TRY(block_after(self->data)));
    self->index = 0;
  }
  Ref<> value = TRY(block_item(self->data, self->index));
  ++self->index;
  return value;
}
Ref<> tee_copy(Tee* self) {
  Ref<Tee> copy = TRY(Ref<Tee>::steal(PyObject_GC_New(Tee, &Tee_Type)));
  copy->data = Ref<TeeData>::borrow(self->data).release();
  copy->index = self->index;
  copy->weakrefs = nullptr;
  PyObject_GC_Track(copy.object());
  return copy;
}
Ref<> tee_from_iterable(PyObject* iterable) {
  Ref<> iterator = TRY(iter(iterable));
  if (PyObject_TypeCheck(iterator.get(), &Tee_Type)) return tee_copy(reinterpret_cast<Tee*>(iterator.get()));
  Ref<TeeData> data = TRY(new_block(iterator.get()));
  Ref<Tee> self = TRY(Ref<Tee>::steal(PyObject_GC_New(Tee, &Tee_Type)));
  self->data = data.release();
  self->index = 0;
  self->weakrefs = nullptr;
  PyObject_GC_Track(self.object());
  return self;
}
Ref<> tee_new(PyTypeObject*, PyObject* iterable) { return tee_from_iterable(iterable); }
void tee_dealloc(Tee* self) {
  PyObject_GC_UnTrack(as_object(self));
  if (self->weakrefs) PyObject_ClearWeakRefs(as_object(self));
  TeeFields::clear_all(self);
  PyObject_GC_Del(self);
}
Ref<> tee_reduce(Tee* self) { return steal(Py_BuildValue("O(())(Oi)", type_of(self), self->data, self->index)); }
Ref<> tee_setstate(Tee* self, PyObject* state) {
  PyObject* data;
  int index;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state is not a tuple");
  if (!PyArg_ParseTuple(state, "O!i", &TeeData_Type, &data, &index)) return failure;
  if (index < 0 || index > kBlockItems) return raise(PyExc_ValueError, "Index out of range");
  set_field(self->data, Ref<TeeData>::borrow(data));
  self->index = index;
  return none();
}
const PyMethodDef kTeeMethods[] = {
    METHOD_UNSIGNED("__copy__($self, /)", tee_copy, "Returns an independent iterator."),
    REDUCE(tee_reduce),
    SETSTATE(tee_setstate),
    kEndOfMethods,
};

}  // namespace

Ref<> tee(PyObject*, PyObject* iterable, Py_ssize_t n) {
  if (n < 0) return raise(PyExc_ValueError, "n must be >= 0");
  Ref<> result = TRY(steal(PyTuple_New(n)));
  if (n == 0) return result;
  Ref<> iterator = TRY(iter(iterable));
  // Anything that copies itself cheaply (a tee) is copied; the rest gets a tee in front.
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(iterator.get(), name<"__copy__">, &found)));
  Ref<> copy_method = steal(found);
  if (!copy_method) {
    iterator = TRY(tee_from_iterable(iterator.get()));
    copy_method = TRY(steal(PyObject_GetAttr(iterator.get(), name<"__copy__">)));
  }
  PyTuple_SET_ITEM(result.get(), 0, iterator.release());
  for (Py_ssize_t i = 1; i < n; ++i) PyTuple_SET_ITEM(result.get(), i, TRY(PyObject_CallNoArgs(copy_method.get())));
  return result;
}

extern "C" {
PyTypeObject GroupBy_Type = iterator_type<GroupBy>("itertools.groupby", "groupby(iterable, key=None)\n--\n\nmake an iterator that returns consecutive keys and groups from the iterable",
    CONSTRUCTOR("groupby($type, iterable, key=None)", groupby_new), slot<groupby_next>, table(kGroupByMethods));
PyTypeObject Grouper_Type = [] {
  PyTypeObject type = iterator_type<Grouper>("itertools._grouper", nullptr, grouper_new, slot<grouper_next>, table(kGrouperMethods));
  type.tp_flags &= ~Py_TPFLAGS_BASETYPE;
  type.tp_dealloc = slot<grouper_dealloc>;
  return type;
}();
PyTypeObject TeeData_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "itertools._tee_dataobject",
    .tp_basicsize = sizeof(TeeData),
    .tp_dealloc = slot<block_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "teedataobject(iterable, values, next, /)\n--\n\nData container common to multiple tee objects.",
    .tp_traverse = slot<block_traverse>,
    .tp_clear = slot<block_clear>,
    .tp_methods = table(kTeeDataMethods),
    .tp_new = CONSTRUCTOR("teedataobject($type, iterable, values, next, /)", block_new),
    .tp_free = PyObject_GC_Del,
};
PyTypeObject Tee_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "itertools._tee",
    .tp_basicsize = sizeof(Tee),
    .tp_dealloc = slot<tee_dealloc>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "_tee(iterable, /)\n--\n\nIterator wrapped to make it copyable.",
    .tp_traverse = TeeFields::traverse,
    .tp_clear = TeeFields::clear,
    .tp_weaklistoffset = offsetof(Tee, weakrefs),
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<tee_next>,
    .tp_methods = table(kTeeMethods),
    .tp_new = CONSTRUCTOR("_tee($type, iterable, /)", tee_new),
    .tp_free = PyObject_GC_Del,
};
}
GILL_STATIC_TYPE(GroupBy_Type);
GILL_STATIC_TYPE(Grouper_Type);
GILL_STATIC_TYPE(TeeData_Type);
GILL_STATIC_TYPE(Tee_Type);

namespace {

const PyMethodDef kFunctions[] = {
    METHOD("tee($module, iterable, n=2, /)", tee, "Returns a tuple of n independent iterators."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  PyTypeObject* types[] = {&Accumulate_Type, &CombinationsWithReplacement_Type, &Combinations_Type, &Cycle_Type, &DropWhile_Type,
                           &TakeWhile_Type, &ISlice_Type, &StarMap_Type, &Chain_Type, &Compress_Type, &FilterFalse_Type, &Count_Type,
                           &ZipLongest_Type, &Pairwise_Type, &Permutations_Type, &Product_Type, &Repeat_Type, &GroupBy_Type,
                           &Grouper_Type, &Tee_Type, &TeeData_Type};
  for (PyTypeObject* type : types) TRY(status_of(PyModule_AddType(module, type)));
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "itertools",
    .m_doc = "Functional tools for creating and using iterators.",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit_itertools() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("itertools", PyInit_itertools);

}  // namespace gill::itertools
