// set and frozenset.
#include "base/binding.h"
#include "base/names.h"
#include "objects/set_table.h"

namespace gill {
namespace {

using Set = PySetObject;
Set* as_set(PyObject* object) { return reinterpret_cast<Set*>(object); }

// The type of a result: a subclass's operations give the plain type.
PyTypeObject* base_type(PyObject* set) { return PyFrozenSet_Check(set) ? &PyFrozenSet_Type : &PySet_Type; }
Ref<> copy_of(Set* set) { return new_set(base_type(as_object(set)), as_object(set)); }
Ref<Set> any_set(PyObject* iterable) {
  if (PyAnySet_Check(iterable)) return Ref<Set>::borrow(iterable);
  return new_set(&PySet_Type, iterable);
}

// A look-up where an unhashable set stands for the frozenset with its elements.
template <class Call>
auto with_key(PyObject* key, Call call) -> decltype(call(key, Py_hash_t{})) {
  Py_hash_t hash = set_key_hash(key);
  if (hash != -1) return call(key, hash);
  if (!PySet_Check(key) || !PyErr_ExceptionMatches(PyExc_TypeError)) return failure;
  PyErr_Clear();
  Ref<> frozen = new_set(&PyFrozenSet_Type, key);
  if (!frozen) return failure;
  hash = PyObject_Hash(frozen.get());
  if (hash == -1) return failure;
  return call(frozen.get(), hash);
}

Maybe<bool> contains(Set* self, PyObject* key) {
  return with_key(key, [&](PyObject* k, Py_hash_t hash) -> Maybe<bool> {
    setentry* entry = set_find(self, k, hash);
    if (!entry) return failure;
    return entry->key != nullptr;
  });
}

Status set_add_method(Set* self, PyObject* key) {
  Py_hash_t hash = set_key_hash(key);
  if (hash == -1) return failure;
  return set_add(self, key, hash);
}
Status set_discard_method(Set* self, PyObject* key) {
  (void)TRY(with_key(key, [&](PyObject* k, Py_hash_t hash) { return set_discard(self, k, hash); }));
  return Status::ok;
}
Status set_remove(Set* self, PyObject* key) {
  if (!TRY(with_key(key, [&](PyObject* k, Py_hash_t hash) { return set_discard(self, k, hash); }))) {
    _PyErr_SetKeyError(key);
    return failure;
  }
  return Status::ok;
}
Ref<> set_pop(Set* self) {
  if (self->used == 0) return raise(PyExc_KeyError, "pop from an empty set");
  // The search goes on where the last one stopped, so that emptying a set this way is linear.
  Py_ssize_t i = self->finger & self->mask;
  while (!self->table[i].key || self->table[i].key == set_dummy()) i = (i + 1) & self->mask;
  Ref<> key = steal(self->table[i].key);
  self->table[i].key = set_dummy();
  self->table[i].hash = -1;
  --self->used;
  self->finger = i + 1;
  return key;
}
Status set_clear_method(Set* self) {
  set_clear(self);
  return Status::ok;
}
Status set_update_method(Set* self, Args others) {
  for (PyObject* other : others) TRY(set_update(self, other));
  return Status::ok;
}
Ref<> set_copy(Set* self) { return copy_of(self); }
Ref<> frozenset_copy(Set* self) {
  if (Py_TYPE(self) == &PyFrozenSet_Type) return borrow(as_object(self));
  return copy_of(self);
}

// Calls for each (key, hash) of an iterable until the call says stop.
template <class Call>
Status for_each_key(PyObject* iterable, Call call) {
  if (PyAnySet_Check(iterable)) {
    Py_ssize_t position = 0;
    setentry* entry;
    while (set_next(as_set(iterable), &position, &entry)) {
      Ref<> key = borrow(entry->key);
      bool more = TRY(call(key.get(), entry->hash));
      if (!more) return Status::ok;
    }
    return Status::ok;
  }
  if (PyDict_CheckExact(iterable)) {
    Py_ssize_t position = 0;
    PyObject *key, *value;
    Py_hash_t hash;
    while (_PyDict_Next(iterable, &position, &key, &value, &hash)) {
      Ref<> hold = borrow(key);
      bool more = TRY(call(key, hash));
      if (!more) return Status::ok;
    }
    return Status::ok;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
    Py_hash_t hash = set_key_hash(key.get());
    if (hash == -1) return failure;
    bool more = TRY(call(key.get(), hash));
    if (!more) return Status::ok;
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Ref<> intersection(Set* self, PyObject* other) {
  if (as_object(self) == other) return copy_of(self);
  Ref<Set> result = TRY(new_set(base_type(as_object(self)), nullptr));
  PyObject* walked = other;
  Set* asked = self;
  // The smaller one is walked.
  if (PyAnySet_Check(other) && as_set(other)->used > self->used) {
    walked = as_object(self);
    asked = as_set(other);
  }
  TRY(for_each_key(walked, [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    setentry* entry = set_find(asked, key, hash);
    if (!entry) return failure;
    if (!entry->key) return true;
    TRY(set_add(result.get(), key, hash));
    // An iterator is asked for no more once it has brought every key.
    return PyAnySet_Check(walked) || result->used < self->used;
  }));
  return result;
}

Ref<> set_intersection(Set* self, Args others) {
  if (others.count == 0) return copy_of(self);
  Ref<> result = borrow(as_object(self));
  for (PyObject* other : others) result = TRY(intersection(as_set(result.get()), other));
  return result;
}

void swap_bodies(Set* a, Set* b) {
  std::swap(a->fill, b->fill);
  std::swap(a->used, b->used);
  std::swap(a->mask, b->mask);
  bool a_small = a->table == a->smalltable, b_small = b->table == b->smalltable;
  std::swap(a->table, b->table);
  if (a_small) b->table = b->smalltable;
  if (b_small) a->table = a->smalltable;
  std::swap(a->smalltable, b->smalltable);
  a->hash = b->hash = -1;
}
Status set_intersection_update(Set* self, Args others) {
  Ref<> result = TRY(set_intersection(self, others));
  if (result.get() != as_object(self)) swap_bodies(self, as_set(result.get()));
  return Status::ok;
}

Ref<> set_union(Set* self, Args others) {
  Ref<> result = TRY(copy_of(self));
  for (PyObject* other : others) TRY(set_update(as_set(result.get()), other));
  return result;
}

Status difference_update(Set* self, PyObject* other) {
  if (as_object(self) == other) {
    set_clear(self);
    return Status::ok;
  }
  // What a much larger set has in common with this one is found faster from this side.
  Ref<> common;
  if (PyAnySet_Check(other) && as_set(other)->used >> 3 > self->used) {
    common = TRY(intersection(self, other));
    other = common.get();
  }
  TRY(for_each_key(other, [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    (void)TRY(set_discard(self, key, hash));
    return true;
  }));
  return set_drop_deleted(self);
}
Status set_difference_update(Set* self, Args others) {
  for (PyObject* other : others) TRY(difference_update(self, other));
  return Status::ok;
}
Ref<> difference(Set* self, PyObject* other) {
  bool asked = PyAnySet_Check(other) || PyDict_CheckExact(other);
  // A few elements are taken out of a copy faster than all the others are put together.
  if (!asked || self->used >> 2 > (PyAnySet_Check(other) ? as_set(other)->used : PyDict_GET_SIZE(other))) {
    Ref<> result = TRY(copy_of(self));
    TRY(difference_update(as_set(result.get()), other));
    return result;
  }
  Ref<Set> result = TRY(new_set(base_type(as_object(self)), nullptr));
  TRY(for_each_key(as_object(self), [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    bool there;
    if (PyDict_CheckExact(other)) {
      there = TRY(truth_of(_PyDict_Contains_KnownHash(other, key, hash)));
    } else {
      setentry* entry = set_find(as_set(other), key, hash);
      if (!entry) return failure;
      there = entry->key != nullptr;
    }
    if (!there) TRY(set_add(result.get(), key, hash));
    return true;
  }));
  return result;
}
Ref<> set_difference(Set* self, Args others) {
  if (others.count == 0) return copy_of(self);
  Ref<> result = TRY(difference(self, others[0]));
  for (Py_ssize_t i = 1; i < others.count; ++i) TRY(difference_update(as_set(result.get()), others[i]));
  return result;
}

Status set_symmetric_difference_update(Set* self, PyObject* other) {
  if (as_object(self) == other) {
    set_clear(self);
    return Status::ok;
  }
  // The same element twice in an iterable must not come back; a dictionary has each once.
  Ref<> once = PyDict_CheckExact(other) ? borrow(other) : Ref<>(TRY(any_set(other)));
  return for_each_key(once.get(), [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    if (!TRY(set_discard(self, key, hash))) TRY(set_add(self, key, hash));
    return true;
  });
}
Ref<> set_symmetric_difference(Set* self, PyObject* other) {
  Ref<> result = TRY(new_set(base_type(as_object(self)), other));
  TRY(set_symmetric_difference_update(as_set(result.get()), as_object(self)));
  return result;
}

Maybe<bool> is_subset(Set* self, Set* other) {
  if (self->used > other->used) return false;
  bool all = true;
  TRY(for_each_key(as_object(self), [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    setentry* entry = set_find(other, key, hash);
    if (!entry) return failure;
    all = entry->key != nullptr;
    return all;
  }));
  return all;
}
Maybe<bool> set_issubset(Set* self, PyObject* other) {
  Ref<Set> set = TRY(any_set(other));
  return is_subset(self, set.get());
}
Maybe<bool> set_issuperset(Set* self, PyObject* other) {
  if (PyAnySet_Check(other)) return is_subset(as_set(other), self);
  bool all = true;
  TRY(for_each_key(other, [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    setentry* entry = set_find(self, key, hash);
    if (!entry) return failure;
    all = entry->key != nullptr;
    return all;
  }));
  return all;
}
Maybe<bool> set_isdisjoint(Set* self, PyObject* other) {
  if (as_object(self) == other) return self->used == 0;
  PyObject* walked = other;
  Set* asked = self;
  if (PyAnySet_CheckExact(other) && as_set(other)->used > self->used) {
    walked = as_object(self);
    asked = as_set(other);
  }
  bool disjoint = true;
  TRY(for_each_key(walked, [&](PyObject* key, Py_hash_t hash) -> Maybe<bool> {
    setentry* entry = set_find(asked, key, hash);
    if (!entry) return failure;
    disjoint = entry->key == nullptr;
    return disjoint;
  }));
  return disjoint;
}

Ref<> set_compare(PyObject* a, PyObject* b, int op) {
  if (!PyAnySet_Check(b)) return borrow(Py_NotImplemented);
  Set *x = as_set(a), *y = as_set(b);
  switch (op) {
    case Py_EQ:
    case Py_NE: {
      bool equal = x->used == y->used && !(x->hash != -1 && y->hash != -1 && x->hash != y->hash) && TRY(is_subset(x, y));
      return py_bool(equal == (op == Py_EQ));
    }
    case Py_LE: return py_bool(TRY(is_subset(x, y)));
    case Py_GE: return py_bool(TRY(is_subset(y, x)));
    case Py_LT: return py_bool(x->used < y->used && TRY(is_subset(x, y)));
    default: return py_bool(x->used > y->used && TRY(is_subset(y, x)));
  }
}

// Order must not matter: the elements' hashes are scattered and combined by exclusive or.
Py_hash_t frozenset_hash(PyObject* self) {
  Set* set = as_set(self);
  if (set->hash != -1) return set->hash;
  uint64_t hash = 0;
  Py_ssize_t position = 0;
  setentry* entry;
  while (set_next(set, &position, &entry)) {
    auto h = static_cast<uint64_t>(entry->hash);
    hash ^= (h ^ 89869747u ^ (h << 16)) * 3644798167u;
  }
  hash ^= (static_cast<uint64_t>(set->used) + 1) * 1927868237u;
  hash ^= (hash >> 11) ^ (hash >> 25);
  hash = hash * 69069u + 907133923u;
  if (hash == static_cast<uint64_t>(-1)) hash = 590923713u;
  return set->hash = static_cast<Py_hash_t>(hash);
}

template <Ref<> (*F)(Set*, PyObject*)>
PyObject* operation(PyObject* a, PyObject* b) {
  if (!PyAnySet_Check(a) || !PyAnySet_Check(b)) return borrow(Py_NotImplemented).release();
  return F(as_set(a), b).release();
}
Ref<> union_of(Set* a, PyObject* b) { return set_union(a, Args{&b, 1}); }
template <Status (*F)(Set*, PyObject*)>
PyObject* inplace(PyObject* a, PyObject* b) {
  if (!PyAnySet_Check(b)) return borrow(Py_NotImplemented).release();
  return F(as_set(a), b) == Status::ok ? borrow(a).release() : nullptr;
}
Status update_one(Set* a, PyObject* b) { return set_update(a, b); }
Status intersect_one(Set* a, PyObject* b) { return set_intersection_update(a, Args{&b, 1}); }

Ref<> set_repr(PyObject* self) {
  int entered = TRY(checked(Py_ReprEnter(self)));
  const char* name = Py_TYPE(self)->tp_name;
  if (entered) return steal(PyUnicode_FromFormat("%s(...)", name));
  auto build = [&]() -> Ref<> {
    if (as_set(self)->used == 0) return steal(PyUnicode_FromFormat("%s()", name));
    Ref<> items = TRY(steal(PySequence_List(self)));
    Ref<> text = TRY(steal(PyObject_Repr(items.get())));
    Ref<> inner = TRY(steal(PyUnicode_Substring(text.get(), 1, PyUnicode_GET_LENGTH(text.get()) - 1)));
    if (Py_TYPE(self) == &PySet_Type) return steal(PyUnicode_FromFormat("{%U}", inner.get()));
    return steal(PyUnicode_FromFormat("%s({%U})", name, inner.get()));
  };
  Ref<> text = build();
  Py_ReprLeave(self);
  return text;
}

Ref<> set_reduce(PyObject* self) {
  Ref<> items = TRY(steal(PySequence_List(self)));
  Ref<> state = TRY(steal(_PyObject_GetState(self)));
  return steal(Py_BuildValue("O(O)O", Py_TYPE(self), items.get(), state.get()));
}
Ref<> set_sizeof(Set* self) {
  Py_ssize_t size = Py_TYPE(self)->tp_basicsize;
  if (self->table != self->smalltable) size += (self->mask + 1) * static_cast<Py_ssize_t>(sizeof(setentry));
  return steal(PyLong_FromSsize_t(size));
}
Ref<> set_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }
Maybe<bool> set_contains_method(Set* self, PyObject* key) { return contains(self, key); }

int set_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (kwargs && !_PyArg_NoKeywords("set", kwargs)) return -1;
  PyObject* iterable = nullptr;
  if (!PyArg_UnpackTuple(args, _PyType_Name(Py_TYPE(self)), 0, 1, &iterable)) return -1;
  set_clear(as_set(self));
  return iterable ? static_cast<int>(set_update(as_set(self), iterable)) : 0;
}
PyObject* set_new(PyTypeObject* type, PyObject*, PyObject*) { return new_set(type, nullptr).cast<PyObject>().release(); }

Ref<> frozenset_from(PyTypeObject* type, PyObject* iterable) {
  if (type == &PyFrozenSet_Type && iterable && PyFrozenSet_CheckExact(iterable)) return borrow(iterable);
  return new_set(type, iterable);
}

void set_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, set_dealloc);
  if (as_set(self)->weakreflist) PyObject_ClearWeakRefs(self);
  set_free_table(as_set(self));
  Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END;
}
int set_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_ssize_t position = 0;
  setentry* entry;
  while (set_next(as_set(self), &position, &entry)) Py_VISIT(entry->key);
  return 0;
}
int set_tp_clear(PyObject* self) {
  set_clear(as_set(self));
  return 0;
}
Py_ssize_t set_length(PyObject* self) { return as_set(self)->used; }
int set_contains_slot(PyObject* self, PyObject* key) {
  Maybe<bool> found = contains(as_set(self), key);
  return found ? found.value() : -1;
}

// ---- the iterator -----------------------------------------------------------------------------------

struct SetIterator {
  PyObject_HEAD
  Set* set;  // null once it has ended
  Py_ssize_t used, position, left;

  using Fields = OwnedFields<&SetIterator::set>;
};

Ref<> set_iter(Set* set) {
  Ref<SetIterator> self = TRY(Ref<SetIterator>::steal(PyObject_GC_New(SetIterator, &PySetIter_Type)));
  self->set = Ref<Set>::borrow(set).release();
  self->used = self->left = set->used;
  self->position = 0;
  PyObject_GC_Track(self.object());
  return self;
}
void iterator_dealloc(SetIterator* self) {
  PyObject_GC_UnTrack(as_object(self));
  SetIterator::Fields::clear_all(self);
  PyObject_GC_Del(self);
}
Ref<> iterator_next(SetIterator* self) {
  Set* set = self->set;
  if (!set) return nullptr;
  if (self->used != set->used) {
    self->used = -1;
    return raise(PyExc_RuntimeError, "Set changed size during iteration");
  }
  setentry* entry;
  if (set_next(set, &self->position, &entry)) {
    --self->left;
    return borrow(entry->key);
  }
  clear_field(self->set);
  return nullptr;
}
Maybe<Py_ssize_t> iterator_length_hint(SetIterator* self) { return self->set && self->used == self->set->used ? self->left : 0; }
Ref<> iterator_reduce(SetIterator* self) {
  Ref<SetIterator> copy = TRY(Ref<SetIterator>::steal(PyObject_GC_New(SetIterator, &PySetIter_Type)));
  copy->set = Ref<Set>::borrow(self->set).release();
  copy->used = self->used;
  copy->position = self->position;
  copy->left = self->left;
  PyObject_GC_Track(copy.object());
  Ref<> list = TRY(steal(PySequence_List(copy.object())));
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  return steal(Py_BuildValue("N(N)", iter.release(), list.release()));
}
const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", iterator_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    kEndOfMethods,
};

// What both types have, in pieces, because the order of a type's methods shows in its __dict__.
#define SHARED_CONTAINS GILL_BOUND("__contains__($self, key, /)", set_contains_method)::definition("x.__contains__(y) <==> y in x.", METH_COEXIST)
#define SHARED_DIFFERENCE METHOD_PARSED("difference($self, *args)", set_difference, "Return the difference of two or more sets as a new set.")
#define SHARED_INTERSECTION METHOD_PARSED("intersection($self, *args)", set_intersection, "Return the intersection of two sets as a new set.")
#define SHARED_TESTS                                                                                                       \
  METHOD_UNSIGNED("isdisjoint($self, other, /)", set_isdisjoint, "Return True if two sets have a null intersection."),     \
      METHOD_UNSIGNED("issubset($self, other, /)", set_issubset, "Report whether another set contains this set."),         \
      METHOD_UNSIGNED("issuperset($self, other, /)", set_issuperset, "Report whether this set contains another set.")
#define SHARED_REDUCE METHOD_UNSIGNED("__reduce__($self, /)", set_reduce, "Return state information for pickling.")
#define SHARED_SIZEOF METHOD_UNSIGNED("__sizeof__($self, /)", set_sizeof, "S.__sizeof__() -> size of S in memory, in bytes")
#define SHARED_SYMMETRIC \
  METHOD_UNSIGNED("symmetric_difference($self, other, /)", set_symmetric_difference, "Return the symmetric difference of two sets as a new set.")
#define SHARED_UNION METHOD_PARSED("union($self, *args)", set_union, "Return the union of sets as a new set.")
#define SHARED_CLASS CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", set_class_getitem, "See PEP 585")

const PyMethodDef kSetMethods[] = {
    SHARED_CONTAINS,
    METHOD_UNSIGNED("add($self, item, /)", set_add_method, "Add an element to a set.\n\nThis has no effect if the element is already present."),
    METHOD_UNSIGNED("clear($self, /)", set_clear_method, "Remove all elements from this set."),
    METHOD_UNSIGNED("copy($self, /)", set_copy, "Return a shallow copy of a set."),
    METHOD_UNSIGNED("discard($self, item, /)", set_discard_method, "Remove an element from a set if it is a member."),
    SHARED_DIFFERENCE,
    METHOD_PARSED("difference_update($self, *args)", set_difference_update, "Remove all elements of another set from this set."),
    SHARED_INTERSECTION,
    METHOD_PARSED("intersection_update($self, *args)", set_intersection_update, "Update a set with the intersection of itself and another."),
    SHARED_TESTS,
    METHOD_UNSIGNED("pop($self, /)", set_pop, "Remove and return an arbitrary set element.\nRaises KeyError if the set is empty."),
    SHARED_REDUCE,
    METHOD_UNSIGNED("remove($self, item, /)", set_remove, "Remove an element from a set; it must be a member."),
    SHARED_SIZEOF,
    SHARED_SYMMETRIC,
    METHOD_UNSIGNED("symmetric_difference_update($self, other, /)", set_symmetric_difference_update, "Update a set with the symmetric difference of itself and another."),
    SHARED_UNION,
    METHOD_PARSED("update($self, *args)", set_update_method, "Update a set with the union of itself and others."),
    SHARED_CLASS,
    kEndOfMethods,
};
const PyMethodDef kFrozenSetMethods[] = {
    SHARED_CONTAINS,
    METHOD_UNSIGNED("copy($self, /)", frozenset_copy, "Return a shallow copy of a set."),
    SHARED_DIFFERENCE,
    SHARED_INTERSECTION,
    SHARED_TESTS,
    SHARED_REDUCE,
    SHARED_SIZEOF,
    SHARED_SYMMETRIC,
    SHARED_UNION,
    SHARED_CLASS,
    kEndOfMethods,
};

PySequenceMethods set_as_sequence = {.sq_length = set_length, .sq_contains = set_contains_slot};
PyNumberMethods set_as_number = {
    .nb_subtract = operation<difference>,
    .nb_and = operation<intersection>,
    .nb_xor = operation<set_symmetric_difference>,
    .nb_or = operation<union_of>,
    .nb_inplace_subtract = inplace<difference_update>,
    .nb_inplace_and = inplace<intersect_one>,
    .nb_inplace_xor = inplace<set_symmetric_difference_update>,
    .nb_inplace_or = inplace<update_one>,
};
PyNumberMethods frozenset_as_number = {
    .nb_subtract = operation<difference>,
    .nb_and = operation<intersection>,
    .nb_xor = operation<set_symmetric_difference>,
    .nb_or = operation<union_of>,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PySet_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "set",
    .tp_basicsize = sizeof(PySetObject),
    .tp_dealloc = set_dealloc,
    .tp_repr = slot<set_repr>,
    .tp_as_number = &set_as_number,
    .tp_as_sequence = &set_as_sequence,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc = "set() -> new empty set object\nset(iterable) -> new set object\n\nBuild an unordered collection of unique elements.",
    .tp_traverse = set_traverse,
    .tp_clear = set_tp_clear,
    .tp_richcompare = slot<set_compare>,
    .tp_weaklistoffset = offsetof(PySetObject, weakreflist),
    .tp_iter = slot<set_iter>,
    .tp_methods = table(kSetMethods),
    .tp_init = set_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = set_new,
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = VECTORCALL("set($type, iterable=<unrepresentable>, /)", new_set),
};
PyTypeObject PyFrozenSet_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "frozenset",
    .tp_basicsize = sizeof(PySetObject),
    .tp_dealloc = set_dealloc,
    .tp_repr = slot<set_repr>,
    .tp_as_number = &frozenset_as_number,
    .tp_as_sequence = &set_as_sequence,
    .tp_hash = frozenset_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | _Py_TPFLAGS_MATCH_SELF,
    .tp_doc = "frozenset() -> empty frozenset object\nfrozenset(iterable) -> frozenset object\n\nBuild an immutable unordered collection of unique elements.",
    .tp_traverse = set_traverse,
    .tp_clear = set_tp_clear,
    .tp_richcompare = slot<set_compare>,
    .tp_weaklistoffset = offsetof(PySetObject, weakreflist),
    .tp_iter = slot<set_iter>,
    .tp_methods = table(kFrozenSetMethods),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = CONSTRUCTOR("frozenset($type, iterable=<unrepresentable>, /)", frozenset_from),
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = VECTORCALL("frozenset($type, iterable=<unrepresentable>, /)", frozenset_from),
};
PyTypeObject PySetIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "set_iterator",
    .tp_basicsize = sizeof(SetIterator),
    .tp_dealloc = slot<iterator_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = SetIterator::Fields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<iterator_next>,
    .tp_methods = table(kIteratorMethods),
};

PyObject* PySet_New(PyObject* iterable) { return new_set(&PySet_Type, iterable).cast<PyObject>().release(); }
PyObject* PyFrozenSet_New(PyObject* iterable) { return new_set(&PyFrozenSet_Type, iterable).cast<PyObject>().release(); }
static PySetObject* checked_set(PyObject* object) {
  if (PyAnySet_Check(object)) return as_set(object);
  PyErr_BadInternalCall();
  return nullptr;
}
Py_ssize_t PySet_Size(PyObject* set) { return checked_set(set) ? as_set(set)->used : -1; }
int PySet_Clear(PyObject* set) {
  if (!PySet_Check(set)) {
    PyErr_BadInternalCall();
    return -1;
  }
  set_clear(as_set(set));
  return 0;
}
int PySet_Contains(PyObject* set, PyObject* key) {
  if (!checked_set(set)) return -1;
  Py_hash_t hash = set_key_hash(key);
  setentry* entry = hash == -1 ? nullptr : set_find(as_set(set), key, hash);
  return entry ? entry->key != nullptr : -1;
}
int PySet_Discard(PyObject* set, PyObject* key) {
  if (!PySet_Check(set)) {
    PyErr_BadInternalCall();
    return -1;
  }
  Py_hash_t hash = set_key_hash(key);
  if (hash == -1) return -1;
  Maybe<bool> found = set_discard(as_set(set), key, hash);
  return found ? found.value() : -1;
}
int PySet_Add(PyObject* set, PyObject* key) {
  // A frozenset may be filled while nobody else has seen it.
  if (!PySet_Check(set) && (!PyFrozenSet_Check(set) || Py_REFCNT(set) != 1)) {
    PyErr_BadInternalCall();
    return -1;
  }
  return static_cast<int>(set_add_method(as_set(set), key));
}
PyObject* PySet_Pop(PyObject* set) {
  if (!PySet_Check(set)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return set_pop(as_set(set)).release();
}
int _PySet_NextEntry(PyObject* set, Py_ssize_t* position, PyObject** key, Py_hash_t* hash) {
  if (!checked_set(set)) return -1;
  setentry* entry;
  if (!set_next(as_set(set), position, &entry)) return 0;
  *key = entry->key;
  *hash = entry->hash;
  return 1;
}
int _PySet_Update(PyObject* set, PyObject* iterable) {
  if (!PySet_Check(set)) {
    PyErr_BadInternalCall();
    return -1;
  }
  return static_cast<int>(set_update(as_set(set), iterable));
}
PyObject* _PySet_Dummy = &g_set_dummy;

}  // extern "C"
GILL_STATIC_TYPE(PySet_Type);
GILL_STATIC_TYPE(PyFrozenSet_Type);
GILL_STATIC_TYPE(PySetIter_Type);
