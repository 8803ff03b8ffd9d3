// The iterators over a trie, which Context shows, and the type `hamt`, a map as an object, which only tests see.
#include "base/binding.h"
#include "objects/hamt.h"
#include "objects/object.h"

namespace gill {

namespace {

// ---- iterators ------------------------------------------------------------------------------------------------

struct HamtIterator {
  PyObject_HEAD
  HamtNode* map;  // owned; null when empty
  HamtWalk walk;
};

using IteratorFields = OwnedFields<&HamtIterator::map>;

// The walk goes through nodes that `map` keeps alive, so it ends with it.
int iterator_clear(PyObject* self) {
  reinterpret_cast<HamtIterator*>(self)->walk = HamtWalk(nullptr);
  return IteratorFields::clear(self);
}

void iterator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  iterator_clear(self);
  PyObject_GC_Del(self);
}

Ref<> part_of(const HamtNode::Slot& pair, HamtPart part) {
  switch (part) {
    case HamtPart::keys: return borrow(pair.key);
    case HamtPart::values: return borrow(pair.value);
    case HamtPart::items: return steal(PyTuple_Pack(2, pair.key, pair.value));
  }
  Py_UNREACHABLE();
}

template <HamtPart part>
Ref<> iterator_next(HamtIterator* self) {
  const HamtNode::Slot* pair = self->walk.next();
  return pair ? part_of(*pair, part) : nullptr;
}

Maybe<Py_ssize_t> iterator_length(HamtIterator* self) { return hamt_size(self->map); }

const PyMappingMethods kIteratorMapping = {.mp_length = slot<iterator_length>};

template <HamtPart part>
constexpr PyTypeObject iterator_type(const char* type_name) {
  return {
      .ob_base = GILL_STATIC_TYPE_HEAD,
      .tp_name = type_name,
      .tp_basicsize = sizeof(HamtIterator),
      .tp_dealloc = iterator_dealloc,
      .tp_as_mapping = const_cast<PyMappingMethods*>(&kIteratorMapping),
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = IteratorFields::traverse,
      .tp_clear = iterator_clear,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = slot<iterator_next<part>>,
  };
}

constinit PyTypeObject keys_type = iterator_type<HamtPart::keys>("keys");
constinit PyTypeObject values_type = iterator_type<HamtPart::values>("values");
constinit PyTypeObject items_type = iterator_type<HamtPart::items>("items");
GILL_STATIC_TYPE(keys_type);
GILL_STATIC_TYPE(values_type);
GILL_STATIC_TYPE(items_type);

// ---- the map as an object -----------------------------------------------------------------------------------

struct Hamt {
  PyObject_HEAD
  HamtNode* map;  // owned; null when empty
  PyObject* weak_references;
};

using HamtFields = OwnedFields<&Hamt::map>;

extern PyTypeObject hamt_type;

Ref<> new_hamt(Ref<HamtNode> map) {
  auto* made = PyObject_GC_New(Hamt, &hamt_type);
  if (!made) return nullptr;
  made->map = map.release();
  made->weak_references = nullptr;
  PyObject_GC_Track(made);
  return steal(as_object(made));
}

Ref<> hamt_with_map(Hamt* self, Ref<HamtNode> map) {
  return map.get() == self->map ? borrow(as_object(self)) : new_hamt(std::move(map));
}

void hamt_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (reinterpret_cast<Hamt*>(self)->weak_references) PyObject_ClearWeakRefs(self);
  HamtFields::clear(self);
  PyObject_GC_Del(self);
}

PyObject* hamt_new(PyTypeObject*, PyObject*, PyObject*) { return new_hamt(nullptr).release(); }

PyObject* hamt_richcompare(PyObject* self, PyObject* other, int operation) {
  if (!Py_IS_TYPE(other, &hamt_type) || (operation != Py_EQ && operation != Py_NE)) return borrow(Py_NotImplemented).release();
  Maybe<bool> equal = hamt_equal(reinterpret_cast<Hamt*>(self)->map, reinterpret_cast<Hamt*>(other)->map);
  return equal ? py_bool(equal.value() == (operation == Py_EQ)).release() : nullptr;
}

Maybe<Py_ssize_t> hamt_length(Hamt* self) { return hamt_size(self->map); }
Maybe<bool> hamt_contains(Hamt* self, PyObject* key) { return TRY(hamt_find(self->map, key)) != nullptr; }
Ref<> hamt_subscript(Hamt* self, PyObject* key) {
  PyObject* value = TRY(hamt_find(self->map, key));
  if (!value) PyErr_SetObject(PyExc_KeyError, key);
  return borrow(value);
}
Ref<> hamt_iter(Hamt* self) { return hamt_iterator(self->map, HamtPart::keys); }

Ref<> hamt_get(Hamt* self, PyObject* key, PyObject* fallback) {
  PyObject* value = TRY(hamt_find(self->map, key));
  return borrow(value ? value : fallback);
}
Ref<> hamt_with_pair(Hamt* self, PyObject* key, PyObject* value) {
  Ref<HamtNode> map = TRY(hamt_set(self->map, key, value));
  return hamt_with_map(self, std::move(map));
}
Ref<> hamt_without(Hamt* self, PyObject* key) {
  Ref<HamtNode> map;
  TRY(hamt_remove(self->map, key, &map));
  return hamt_with_map(self, std::move(map));
}
Ref<> hamt_values(Hamt* self) { return hamt_iterator(self->map, HamtPart::values); }
Ref<> hamt_items(Hamt* self) { return hamt_iterator(self->map, HamtPart::items); }

const PyMethodDef kHamtMethods[] = {
    METHOD_UNSIGNED("set($self, key, value, /)", hamt_with_pair, nullptr),
    METHOD_UNSIGNED("get($self, key, default=None, /)", hamt_get, nullptr),
    METHOD_UNSIGNED("delete($self, key, /)", hamt_without, nullptr),
    METHOD_UNSIGNED("items($self, /)", hamt_items, nullptr),
    METHOD_UNSIGNED("keys($self, /)", hamt_iter, nullptr),
    METHOD_UNSIGNED("values($self, /)", hamt_values, nullptr),
    kEndOfMethods,
};
const PyMappingMethods kHamtMapping = {.mp_length = slot<hamt_length>, .mp_subscript = slot<hamt_subscript>};
const PySequenceMethods kHamtSequence = {.sq_contains = slot<hamt_contains>};

PyTypeObject hamt_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "hamt",
    .tp_basicsize = sizeof(Hamt),
    .tp_dealloc = hamt_dealloc,
    .tp_as_sequence = const_cast<PySequenceMethods*>(&kHamtSequence),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kHamtMapping),
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = HamtFields::traverse,
    .tp_clear = HamtFields::clear,
    .tp_richcompare = hamt_richcompare,
    .tp_weaklistoffset = offsetof(Hamt, weak_references),
    .tp_iter = slot<hamt_iter>,
    .tp_methods = table(kHamtMethods),
    .tp_new = hamt_new,
};
GILL_STATIC_TYPE(hamt_type);

}  // namespace

Ref<> hamt_iterator(HamtNode* map, HamtPart part) {
  PyTypeObject* type = part == HamtPart::keys ? &keys_type : part == HamtPart::values ? &values_type : &items_type;
  auto* made = PyObject_GC_New(HamtIterator, type);
  if (!made) return nullptr;
  made->map = borrow(map).release();
  made->walk = HamtWalk(map);
  PyObject_GC_Track(made);
  return steal(as_object(made));
}

}  // namespace gill

using namespace gill;

extern "C" PyObject* _PyContext_NewHamtForTests() { return new_hamt(nullptr).release(); }
