// OrderedDict: a dict whose order can be changed at both ends in constant time.
//
// The order is a doubly linked list over the numbers of the table's entries: links_[i] holds the neighbours of
// entry i. When the table is rebuilt its live entries keep their order and are numbered anew without
// gaps; the links notice the new table by its address and are renumbered in the same way.
#include "base/binding.h"
#include "base/names.h"
#include "objects/dict.h"
#include "objects/dict_table.h"
#include "objects/tuple.h"

namespace gill {
namespace {

inline constexpr Py_ssize_t kEnd = -1;

struct Link {
  Py_ssize_t previous, next;
  bool live;
};

struct OrderedDict {
  PyDictObject dict;
  PyObject* attributes;  // __dict__
  PyObject* weakrefs;
  Link* links;
  Py_ssize_t capacity;
  Py_ssize_t first, last;
  Py_ssize_t count;     // linked entries
  DictKeys* table;      // what the links are about
  size_t state;         // counts changes, for iterators
};

OrderedDict* as_odict(PyObject* object) { return reinterpret_cast<OrderedDict*>(object); }
PyObject* key_at(DictKeys* keys, Py_ssize_t i) { return keys->unicode ? unicode_entries(keys)[i].key : general_entries(keys)[i].key; }

Status relink(OrderedDict* self);

// Brings the links up to the table as it is now. `added` entries at its end are known to be new: the caller links them.
Status synchronize(OrderedDict* self, Py_ssize_t added = 0) {
  DictKeys* keys = self->dict.ma_keys;
  Py_ssize_t room = keys->entries + keys->usable;
  if (keys == self->table && room <= self->capacity) return Status::ok;
  // A new object is all zeroes: dict's constructor made it.
  if (!self->table) self->first = self->last = kEnd;
  // Methods of dict added or removed entries, so the old numbers say nothing about a new table.
  if (keys != self->table && self->count + added != self->dict.ma_used) return relink(self);
  Link* links = PyMem_New(Link, std::max<Py_ssize_t>(room, 1));
  Py_ssize_t* renumbered = self->capacity ? PyMem_New(Py_ssize_t, self->capacity) : nullptr;
  if (!links || (self->capacity && !renumbered)) {
    PyMem_Free(links);
    PyMem_Free(renumbered);
    PyErr_NoMemory();
    return failure;
  }
  for (Py_ssize_t i = 0; i < room; ++i) links[i].live = false;
  Py_ssize_t rank = 0;
  for (Py_ssize_t i = 0; i < self->capacity; ++i) {
    renumbered[i] = self->links[i].live ? (keys == self->table ? i : rank++) : kEnd;
  }
  auto moved = [&](Py_ssize_t i) { return i == kEnd ? kEnd : renumbered[i]; };
  for (Py_ssize_t i = 0; i < self->capacity; ++i) {
    if (!self->links[i].live || renumbered[i] >= room) continue;
    links[renumbered[i]] = {moved(self->links[i].previous), moved(self->links[i].next), true};
  }
  self->first = moved(self->first);
  self->last = moved(self->last);
  PyMem_Free(renumbered);
  PyMem_Free(self->links);
  self->links = links;
  self->capacity = room;
  self->table = keys;
  return Status::ok;
}

// The key in the order was taken out by a method of dict.
Failure gone() { return raise(PyExc_KeyError, "key is in the order of an OrderedDict but not in it"); }

void link_last(OrderedDict* self, Py_ssize_t i) {
  self->links[i] = {self->last, kEnd, true};
  if (self->last == kEnd) self->first = i;
  else self->links[self->last].next = i;
  self->last = i;
  ++self->count;
  ++self->state;
}
void link_first(OrderedDict* self, Py_ssize_t i) {
  self->links[i] = {kEnd, self->first, true};
  if (self->first == kEnd) self->last = i;
  else self->links[self->first].previous = i;
  self->first = i;
  ++self->count;
  ++self->state;
}
// Links all entries anew in the table's order.
Status relink(OrderedDict* self) {
  DictKeys* keys = self->dict.ma_keys;
  Py_ssize_t room = keys->entries + keys->usable;
  Link* links = PyMem_New(Link, std::max<Py_ssize_t>(room, 1));
  if (!links) {
    PyErr_NoMemory();
    return failure;
  }
  PyMem_Free(std::exchange(self->links, links));
  self->capacity = room;
  self->table = keys;
  self->first = self->last = kEnd;
  self->count = 0;
  for (Py_ssize_t i = 0; i < room; ++i) {
    links[i].live = false;
    if (i < keys->entries && key_at(keys, i)) link_last(self, i);
  }
  return Status::ok;
}
void unlink(OrderedDict* self, Py_ssize_t i) {
  Link& link = self->links[i];
  (link.previous == kEnd ? self->first : self->links[link.previous].next) = link.next;
  (link.next == kEnd ? self->last : self->links[link.next].previous) = link.previous;
  link.live = false;
  --self->count;
  ++self->state;
}

// The entry number of a key: kEnd when absent, with an exception on error.
Py_ssize_t entry_of(OrderedDict* self, PyObject* key) {
  Py_hash_t hash = key_hash(key);
  if (hash == -1) return kEnd;
  PyObject* value;
  Py_ssize_t i = dict_find(&self->dict, key, hash, &value);
  return i >= 0 ? i : kEnd;
}

Status set_item(PyObject* object, PyObject* key, PyObject* value) {
  OrderedDict* self = as_odict(object);
  TRY(synchronize(self));
  Py_ssize_t before = self->dict.ma_used;
  TRY(status_of(PyDict_SetItem(object, key, value)));
  TRY(synchronize(self, self->dict.ma_used - before));
  Py_ssize_t i = entry_of(self, key);
  if (i == kEnd) return PyErr_Occurred() ? Status::error : Status::ok;
  if (!self->links[i].live) link_last(self, i);
  return Status::ok;
}
Status delete_item(PyObject* object, PyObject* key) {
  OrderedDict* self = as_odict(object);
  Py_ssize_t i = entry_of(self, key);
  if (i == kEnd) {
    if (!PyErr_Occurred()) _PyErr_SetKeyError(key);
    return failure;
  }
  TRY(synchronize(self));
  if (self->links[i].live) unlink(self, i);
  return status_of(PyDict_DelItem(object, key));
}
Status assign(PyObject* self, PyObject* key, PyObject* value) { return value ? set_item(self, key, value) : delete_item(self, key); }

void clear_links(OrderedDict* self) {
  for (Py_ssize_t i = 0; i < self->capacity; ++i) self->links[i].live = false;
  self->first = self->last = kEnd;
  self->count = 0;
  ++self->state;
}
Status clear(PyObject* object) {
  clear_links(as_odict(object));
  PyDict_Clear(object);
  return synchronize(as_odict(object));
}

bool is_exact(PyObject* object) { return Py_TYPE(object) == &PyODict_Type; }

// self[key] = value as a subclass may define it.
Status store(PyObject* self, PyObject* key, PyObject* value) {
  return is_exact(self) ? set_item(self, key, value) : status_of(PyObject_SetItem(self, key, value));
}

Status update_from(PyObject* self, PyObject* other) {
  PyObject* keys_method;
  if (PyDict_CheckExact(other)) {
    Py_ssize_t position = 0;
    PyObject *key, *value;
    while (PyDict_Next(other, &position, &key, &value)) {
      Ref<> k = borrow(key), v = borrow(value);
      TRY(store(self, key, value));
    }
    return Status::ok;
  }
  if (_PyObject_LookupAttr(other, name<"keys">, &keys_method) < 0) return failure;
  if (keys_method) {
    Ref<> method = steal(keys_method);
    Ref<> keys = TRY(steal(PyObject_CallNoArgs(method.get())));
    Ref<> iterator = TRY(steal(PyObject_GetIter(keys.get())));
    while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
      Ref<> value = TRY(steal(PyObject_GetItem(other, key.get())));
      TRY(store(self, key.get(), value.get()));
    }
    return PyErr_Occurred() ? Status::error : Status::ok;
  }
  if (_PyObject_LookupAttr(other, name<"items">, &keys_method) < 0) return failure;
  Ref<> items_method = steal(keys_method);
  Ref<> pairs = items_method ? TRY(steal(PyObject_CallNoArgs(items_method.get()))) : borrow(other);
  Ref<> iterator = TRY(steal(PyObject_GetIter(pairs.get())));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    Ref<> pair = TRY(steal(PySequence_Tuple(item.get())));
    Py_ssize_t n = PyTuple_GET_SIZE(pair.get());
    if (n != 2) return raise(PyExc_ValueError, n < 2 ? "need more than %zd value%s to unpack" : "too many values to unpack (expected 2)", n, n == 1 ? "" : "s");
    TRY(store(self, PyTuple_GET_ITEM(pair.get(), 0), PyTuple_GET_ITEM(pair.get(), 1)));
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Status update(PyObject* self, Args args, PyObject* kwargs) {
  if (args.count == 1) TRY(update_from(self, args[0]));
  if (kwargs) TRY(update_from(self, kwargs));
  return Status::ok;
}
int odict_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) > 1) return raise(PyExc_TypeError, "expected at most 1 arguments, got %zd", PyTuple_GET_SIZE(args));
  return static_cast<int>(update(self, Args{&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)}, kwargs));
}
Status odict_update(PyObject* self, Args args, Kwargs kwargs) {
  if (args.count > 1) return raise(PyExc_TypeError, "update() takes at most 1 positional argument (%zd given)", args.count);
  return update(self, args, kwargs.dict);
}

Ref<> odict_popitem(PyObject* object, bool last) {
  OrderedDict* self = as_odict(object);
  TRY(synchronize(self));
  Py_ssize_t i = last ? self->last : self->first;
  if (i == kEnd) return raise(PyExc_KeyError, "dictionary is empty");
  Ref<> key = borrow(key_at(self->dict.ma_keys, i));
  Ref<> value = borrow(value_at(self->dict.ma_keys, i));
  if (!key) return gone();
  TRY(delete_item(object, key.get()));
  return tuple_of(std::move(key), std::move(value));
}

Ref<> odict_pop(PyObject* object, PyObject* key, PyObject* fallback) {
  OrderedDict* self = as_odict(object);
  Py_ssize_t i = entry_of(self, key);
  if (i == kEnd) {
    if (PyErr_Occurred()) return failure;
    if (fallback) return borrow(fallback);
    // Here and in move_to_end a tuple becomes the arguments of the KeyError, as in the reference.
    PyErr_SetObject(PyExc_KeyError, key);
    return failure;
  }
  Ref<> value = borrow(value_at(self->dict.ma_keys, i));
  TRY(delete_item(object, key));
  return value;
}

Ref<> odict_setdefault(PyObject* self, PyObject* key, PyObject* fallback) {
  if (is_exact(self)) {
    PyObject* value = PyDict_GetItemWithError(self, key);
    if (value) return borrow(value);
    if (PyErr_Occurred()) return failure;
    TRY(set_item(self, key, fallback));
    return borrow(fallback);
  }
  if (TRY(truth_of(PySequence_Contains(self, key)))) return steal(PyObject_GetItem(self, key));
  TRY(status_of(PyObject_SetItem(self, key, fallback)));
  return borrow(fallback);
}

Status odict_move_to_end(PyObject* object, PyObject* key, bool last) {
  OrderedDict* self = as_odict(object);
  TRY(synchronize(self));
  // An empty dict does not even hash the key.
  Py_ssize_t i = self->last == kEnd ? kEnd : entry_of(self, key);
  if (i == kEnd || !self->links[i].live) {
    if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, key);
    return failure;
  }
  if (i == (last ? self->last : self->first)) return Status::ok;
  unlink(self, i);
  last ? link_last(self, i) : link_first(self, i);
  return Status::ok;
}

Ref<> odict_copy(PyObject* self) {
  Ref<> copy = TRY(steal(is_exact(self) ? PyODict_New() : PyObject_CallNoArgs(as_object(Py_TYPE(self)))));
  Ref<> iterator = TRY(steal(PyObject_GetIter(self)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
    Ref<> value = TRY(steal(PyObject_GetItem(self, key.get())));
    TRY(store(copy.get(), key.get(), value.get()));
  }
  if (PyErr_Occurred()) return failure;
  return copy;
}

Ref<> odict_fromkeys(PyTypeObject* type, PyObject* iterable, PyObject* value) {
  Ref<> result = TRY(steal(PyObject_CallNoArgs(as_object(type))));
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) TRY(status_of(PyObject_SetItem(result.get(), key.get(), value)));
  if (PyErr_Occurred()) return failure;
  return result;
}

Ref<> odict_repr(PyObject* self) {
  if (PyDict_GET_SIZE(self) == 0) return steal(PyUnicode_FromFormat("%s()", _PyType_Name(Py_TYPE(self))));
  int entered = TRY(checked(Py_ReprEnter(self)));
  if (entered) return steal(PyUnicode_FromString("..."));
  auto build = [&]() -> Ref<> {
    Ref<> items = TRY(steal(PyObject_CallMethodNoArgs(self, name<"items">)));
    Ref<> list = TRY(steal(PySequence_List(items.get())));
    return steal(PyUnicode_FromFormat("%s(%R)", _PyType_Name(Py_TYPE(self)), list.get()));
  };
  Ref<> text = build();
  Py_ReprLeave(self);
  return text;
}

// The keys in their order, whatever a subclass makes of iteration.
Ref<> keys_in_order(PyObject* object) {
  OrderedDict* self = as_odict(object);
  TRY(synchronize(self));
  Ref<> keys = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = self->first; i != kEnd; i = self->links[i].next) TRY(status_of(PyList_Append(keys.get(), key_at(self->dict.ma_keys, i))));
  return keys;
}

Ref<> odict_compare(PyObject* a, PyObject* b, int op) {
  if (!PyODict_Check(a) || !PyDict_Check(b) || (op != Py_EQ && op != Py_NE)) return borrow(Py_NotImplemented);
  Ref<> same = TRY(steal(PyDict_Type.tp_richcompare(a, b, Py_EQ)));
  bool equal = TRY(truth_of(PyObject_IsTrue(same.get())));
  if (equal && PyODict_Check(b)) {
    // Between two the order counts too.
    Ref<> x = TRY(keys_in_order(a));
    Ref<> y = TRY(keys_in_order(b));
    equal = TRY(truth_of(PyObject_RichCompareBool(x.get(), y.get(), Py_EQ)));
  }
  return py_bool(equal == (op == Py_EQ));
}

Ref<> odict_or(PyObject* a, PyObject* b) {
  bool left = PyODict_Check(a);
  PyTypeObject* type = Py_TYPE(left ? a : b);
  if (!PyDict_Check(left ? b : a)) return borrow(Py_NotImplemented);
  Ref<> result = TRY(steal(PyObject_CallOneArg(as_object(type), a)));
  TRY(update_from(result.get(), b));
  return result;
}
Ref<> odict_inplace_or(PyObject* self, PyObject* other) {
  TRY(update_from(self, other));
  return borrow(self);
}

Ref<> odict_reduce(PyObject* self) {
  Ref<> state = TRY(steal(_PyObject_GetState(self)));
  Ref<> items = TRY(steal(PyObject_CallMethodNoArgs(self, name<"items">)));
  Ref<> iterator = TRY(steal(PyObject_GetIter(items.get())));
  return steal(Py_BuildValue("O()OOO", Py_TYPE(self), state.get(), Py_None, iterator.get()));
}
Ref<> odict_sizeof(PyObject* self) {
  return steal(PyLong_FromSsize_t(_PyDict_SizeOf(&as_odict(self)->dict) + as_odict(self)->capacity * static_cast<Py_ssize_t>(sizeof(Link))));
}

int odict_traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(as_odict(object)->attributes);
  return PyDict_Type.tp_traverse(object, visit, arg);
}
int odict_tp_clear(PyObject* object) {
  clear_field(as_odict(object)->attributes);
  clear_links(as_odict(object));
  PyDict_Clear(object);
  return 0;
}
void odict_dealloc(PyObject* object) {
  OrderedDict* self = as_odict(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, odict_dealloc);
  clear_field(self->attributes);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  PyMem_Free(std::exchange(self->links, nullptr));
  self->capacity = 0;
  PyDict_Type.tp_dealloc(object);
  Py_TRASHCAN_END;
}

// ---- iterators and views ------------------------------------------------------------------------------

enum Yields { kKeys = 1, kValues = 2, kReversed = 4 };

struct OrderedIterator {
  PyObject_HEAD
  OrderedDict* dict;  // null once it has ended
  PyObject* current;  // the next key
  size_t state;
  Py_ssize_t size;
  int yields;
  bool lost;          // the next key is no longer in the dict

  using Fields = OwnedFields<&OrderedIterator::dict, &OrderedIterator::current>;
};

Ref<> new_iterator(PyObject* object, int yields) {
  OrderedDict* dict = as_odict(object);
  TRY(synchronize(dict));
  Ref<OrderedIterator> self = TRY(Ref<OrderedIterator>::steal(PyObject_GC_New(OrderedIterator, &PyODictIter_Type)));
  Py_ssize_t i = yields & kReversed ? dict->last : dict->first;
  self->current = i == kEnd ? nullptr : borrow(key_at(dict->dict.ma_keys, i)).release();
  self->lost = i != kEnd && !self->current;
  self->dict = Ref<OrderedDict>::borrow(dict).release();
  self->state = dict->state;
  self->size = PyDict_GET_SIZE(object);
  self->yields = yields;
  PyObject_GC_Track(self.object());
  return self;
}
void iterator_dealloc(OrderedIterator* self) {
  PyObject_GC_UnTrack(as_object(self));
  OrderedIterator::Fields::clear_all(self);
  PyObject_GC_Del(self);
}
Ref<> iterator_next(OrderedIterator* self) {
  if (!self->dict) return nullptr;
  OrderedDict* dict = self->dict;
  if (dict->state != self->state) return raise(PyExc_RuntimeError, "OrderedDict mutated during iteration");
  if (PyDict_GET_SIZE(as_object(dict)) != self->size) return raise(PyExc_RuntimeError, "OrderedDict changed size during iteration");
  if (std::exchange(self->lost, false)) return gone();
  Ref<> key = steal(std::exchange(self->current, nullptr));
  if (!key) {
    clear_field(self->dict);
    return nullptr;
  }
  Py_ssize_t i = entry_of(dict, key.get());
  if (i == kEnd) {
    if (!PyErr_Occurred()) _PyErr_SetKeyError(key.get());
    return failure;
  }
  TRY(synchronize(dict));
  Py_ssize_t following = self->yields & kReversed ? dict->links[i].previous : dict->links[i].next;
  if (following != kEnd) {
    self->current = borrow(key_at(dict->dict.ma_keys, following)).release();
    self->lost = !self->current;
  }
  if (!(self->yields & kValues)) return key;
  Ref<> value = is_exact(as_object(dict)) ? borrow(value_at(dict->dict.ma_keys, i)) : TRY(steal(PyObject_GetItem(as_object(dict), key.get())));
  if (!(self->yields & kKeys)) return value;
  return tuple_of(std::move(key), std::move(value));
}
Ref<> iterator_reduce(OrderedIterator* self) {
  Ref<OrderedIterator> copy = TRY(Ref<OrderedIterator>::steal(PyObject_GC_New(OrderedIterator, &PyODictIter_Type)));
  copy->dict = Ref<OrderedDict>::borrow(self->dict).release();
  copy->current = borrow(self->current).release();
  copy->state = self->state;
  copy->size = self->size;
  copy->yields = self->yields;
  copy->lost = self->lost;
  PyObject_GC_Track(copy.object());
  Ref<> list = TRY(steal(PySequence_List(copy.object())));
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  return steal(Py_BuildValue("N(N)", iter.release(), list.release()));
}
const PyMethodDef kIteratorMethods[] = {METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, "Return state information for pickling"), kEndOfMethods};

PyObject* dict_of_view(PyObject* view) { return as_object(reinterpret_cast<_PyDictViewObject*>(view)->dv_dict); }
template <int What>
PyObject* view_iter(PyObject* view) {
  PyObject* dict = dict_of_view(view);
  return dict ? new_iterator(dict, What).release() : none().release();
}
template <int What>
Ref<> view_reversed(PyObject* view) { return new_iterator(dict_of_view(view), What | kReversed); }
const PyMethodDef kKeysMethods[] = {METHOD_UNSIGNED("__reversed__($self, /)", view_reversed<kKeys>, nullptr), kEndOfMethods};
const PyMethodDef kValuesMethods[] = {METHOD_UNSIGNED("__reversed__($self, /)", view_reversed<kValues>, nullptr), kEndOfMethods};
const PyMethodDef kItemsMethods[] = {METHOD_UNSIGNED("__reversed__($self, /)", view_reversed<(kKeys | kValues)>, nullptr), kEndOfMethods};

Ref<> odict_keys(PyObject* self) { return steal(_PyDictView_New(self, &PyODictKeys_Type)); }
Ref<> odict_values(PyObject* self) { return steal(_PyDictView_New(self, &PyODictValues_Type)); }
Ref<> odict_items(PyObject* self) { return steal(_PyDictView_New(self, &PyODictItems_Type)); }
Ref<> odict_reversed(PyObject* self) { return new_iterator(self, kKeys | kReversed); }
PyObject* odict_iter(PyObject* self) { return new_iterator(self, kKeys).release(); }

const PyMethodDef kMethods[] = {
    CLASS_METHOD("fromkeys($type, /, iterable, value=None)", odict_fromkeys, "Create a new ordered dictionary with keys from iterable and values set to value."),
    METHOD("setdefault($self, /, key, default=None)", odict_setdefault, "Insert key with a value of default if key is not in the dictionary.\n\nReturn the value for key if key is in the dictionary, else default."),
    METHOD("pop($self, /, key, default=<unrepresentable>)", odict_pop, "od.pop(key[,default]) -> v, remove specified key and return the corresponding value."),
    METHOD("popitem($self, /, last=True)", odict_popitem, "Remove and return a (key, value) pair from the dictionary.\n\nPairs are returned in LIFO order if last is true or FIFO order if false."),
    METHOD("move_to_end($self, /, key, last=True)", odict_move_to_end, "Move an existing element to the end (or beginning if last is false).\n\nRaise KeyError if the element does not exist."),
    METHOD_OF_TUPLE("update($self, *args, **kwargs)", odict_update, nullptr),
    METHOD_UNSIGNED("clear($self, /)", clear, "od.clear() -> None.  Remove all items from od."),
    METHOD_UNSIGNED("copy($self, /)", odict_copy, "od.copy() -> a shallow copy of od"),
    METHOD_UNSIGNED("keys($self, /)", odict_keys, nullptr),
    METHOD_UNSIGNED("values($self, /)", odict_values, nullptr),
    METHOD_UNSIGNED("items($self, /)", odict_items, nullptr),
    METHOD_UNSIGNED("__reversed__($self, /)", odict_reversed, "od.__reversed__() <==> reversed(od)"),
    METHOD_UNSIGNED("__reduce__($self, /)", odict_reduce, "Return state information for pickling"),
    METHOD_UNSIGNED("__sizeof__($self, /)", odict_sizeof, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr}, kEndOfGetSets};

PyMappingMethods odict_as_mapping = {nullptr, nullptr, slot<assign>};
PyNumberMethods odict_as_number = {.nb_or = slot<odict_or>, .nb_inplace_or = slot<odict_inplace_or>};

constexpr PyTypeObject view_type(const char* name, PyTypeObject* base, getiterfunc iter, PyMethodDef* methods) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_flags = Py_TPFLAGS_DEFAULT,
      .tp_iter = iter,
      .tp_methods = methods,
      .tp_base = base,
  };
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyODict_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "collections.OrderedDict",
    .tp_basicsize = sizeof(OrderedDict),
    .tp_dealloc = odict_dealloc,
    .tp_repr = slot<odict_repr>,
    .tp_as_number = &odict_as_number,
    .tp_as_mapping = &odict_as_mapping,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_doc = "Dictionary that remembers insertion order",
    .tp_traverse = odict_traverse,
    .tp_clear = odict_tp_clear,
    .tp_richcompare = slot<odict_compare>,
    .tp_weaklistoffset = offsetof(OrderedDict, weakrefs),
    .tp_iter = odict_iter,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_base = &PyDict_Type,
    .tp_dictoffset = offsetof(OrderedDict, attributes),
    .tp_init = odict_init,
    .tp_alloc = PyType_GenericAlloc,
};
PyTypeObject PyODictIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "odict_iterator",
    .tp_basicsize = sizeof(OrderedIterator),
    .tp_dealloc = slot<iterator_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = OrderedIterator::Fields::traverse,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<iterator_next>,
    .tp_methods = table(kIteratorMethods),
};
PyTypeObject PyODictKeys_Type = view_type("odict_keys", &PyDictKeys_Type, view_iter<kKeys>, table(kKeysMethods));
PyTypeObject PyODictValues_Type = view_type("odict_values", &PyDictValues_Type, view_iter<kValues>, table(kValuesMethods));
PyTypeObject PyODictItems_Type = view_type("odict_items", &PyDictItems_Type, view_iter<(kKeys | kValues)>, table(kItemsMethods));

PyObject* PyODict_New(void) { return PyDict_Type.tp_new(&PyODict_Type, nullptr, nullptr); }
int PyODict_SetItem(PyObject* dict, PyObject* key, PyObject* value) { return static_cast<int>(set_item(dict, key, value)); }
int PyODict_DelItem(PyObject* dict, PyObject* key) { return static_cast<int>(delete_item(dict, key)); }

}  // extern "C"
GILL_STATIC_TYPE(PyODict_Type);
GILL_STATIC_TYPE(PyODictIter_Type);
GILL_STATIC_TYPE(PyODictKeys_Type);
GILL_STATIC_TYPE(PyODictValues_Type);
GILL_STATIC_TYPE(PyODictItems_Type);
