// Iterators over dicts and the views keys(), values(), items().
#include "base/binding.h"
#include "base/names.h"
#include "objects/dict.h"
#include "objects/dict_table.h"
#include "objects/tuple.h"

namespace gill {
namespace {

// ---- iterators ------------------------------------------------------------------------------------

struct DictIterator {
  PyObject_HEAD
  PyDictObject* dict;  // null once it has ended
  Py_ssize_t used;     // length when it began, -1 after a change was told
  Py_ssize_t position;
  PyObject* result;    // items: the pair handed out last, used again when nobody else holds it
  Py_ssize_t left;

  using Fields = OwnedFields<&DictIterator::dict, &DictIterator::result>;
};

bool is_reverse(PyTypeObject* type) {
  return type == &PyDictRevIterKey_Type || type == &PyDictRevIterValue_Type || type == &PyDictRevIterItem_Type;
}

Ref<> new_iterator(PyDictObject* dict, PyTypeObject* type) {
  Ref<DictIterator> self = TRY(Ref<DictIterator>::steal(PyObject_GC_New(DictIterator, type)));
  self->dict = nullptr;
  self->result = nullptr;
  if (type == &PyDictIterItem_Type || type == &PyDictRevIterItem_Type) self->result = TRY(PyTuple_Pack(2, Py_None, Py_None));
  self->dict = Ref<PyDictObject>::borrow(dict).release();
  self->used = dict->ma_used;
  self->left = dict->ma_used;
  self->position = is_reverse(type) ? dict->ma_keys->entries - 1 : 0;
  PyObject_GC_Track(self.object());
  return self;
}

void iterator_dealloc(DictIterator* self) {
  PyObject_GC_UnTrack(as_object(self));
  DictIterator::Fields::clear_all(self);
  PyObject_GC_Del(self);
}

// The iterator is used up.
[[gnu::noinline]] bool end(DictIterator* self) {
  self->left = 0;
  gill::release(as_object(std::exchange(self->dict, nullptr)));
  return false;
}

// The next live entry in the iterator's direction; false at the end or with an error.
template <bool Reverse>
[[gnu::always_inline]] inline bool advance(DictIterator* self, PyObject** key, PyObject** value) {
  PyDictObject* dict = self->dict;
  if (!dict) return false;
  if (self->used != dict->ma_used) {
    PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
    self->used = -1;  // it stays broken
    return false;
  }
  bool found = false;
  if constexpr (Reverse) {
    DictKeys* keys = dict->ma_keys;
    if (self->position >= keys->entries) self->position = keys->entries - 1;
    while (self->position >= 0 && !value_at(keys, self->position)) --self->position;
    if (self->position >= 0) {
      Py_ssize_t at = self->position--;
      found = next_entry(dict, &at, key, value, nullptr);
    }
  } else {
    found = next_entry(dict, &self->position, key, value, nullptr);
    if (found && self->left == 0) {
      PyErr_SetString(PyExc_RuntimeError, "dictionary keys changed during iteration");
      found = false;
    }
  }
  if (!found) return end(self);
  --self->left;
  return true;
}

template <bool Reverse>
Ref<> key_next(DictIterator* self) {
  PyObject *key, *value;
  if (!advance<Reverse>(self, &key, &value)) return nullptr;
  return borrow(key);
}
template <bool Reverse>
Ref<> value_next(DictIterator* self) {
  PyObject *key, *value;
  if (!advance<Reverse>(self, &key, &value)) return nullptr;
  return borrow(value);
}
template <bool Reverse>
Ref<> item_next(DictIterator* self) {
  PyObject *key, *value;
  if (!advance<Reverse>(self, &key, &value)) return nullptr;
  Ref<> own_key = borrow(key), own_value = borrow(value);
  PyObject* pair = self->result;
  if (pair && Py_REFCNT(pair) == 1) {
    Ref<> result = borrow(pair);
    Ref<> old_key = steal(PyTuple_GET_ITEM(pair, 0)), old_value = steal(PyTuple_GET_ITEM(pair, 1));
    PyTuple_SET_ITEM(pair, 0, own_key.release());
    PyTuple_SET_ITEM(pair, 1, own_value.release());
    // The collector may have stopped tracking it while it held only atoms.
    if (!PyObject_GC_IsTracked(pair)) PyObject_GC_Track(pair);
    return result;
  }
  return tuple_of(std::move(own_key), std::move(own_value));
}

Maybe<Py_ssize_t> iterator_length_hint(DictIterator* self) {
  return self->dict && self->used == self->dict->ma_used ? self->left : 0;
}

// Pickles as an iterator over a list of what is left; this one goes on as if nothing had happened.
Ref<> iterator_reduce(DictIterator* self) {
  Ref<DictIterator> copy = TRY(Ref<DictIterator>::steal(PyObject_GC_New(DictIterator, Py_TYPE(self))));
  copy->dict = Ref<PyDictObject>::borrow(self->dict).release();
  copy->used = self->used;
  copy->position = self->position;
  copy->left = self->left;
  copy->result = nullptr;
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

constexpr PyTypeObject iterator_type(const char* name, iternextfunc next) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(DictIterator),
      .tp_dealloc = slot<iterator_dealloc>,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = DictIterator::Fields::traverse,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next,
      .tp_methods = table(kIteratorMethods),
  };
}

// ---- views ----------------------------------------------------------------------------------------

using View = _PyDictViewObject;
using ViewFields = OwnedFields<&View::dv_dict>;

void view_dealloc(View* self) {
  PyObject_GC_UnTrack(as_object(self));
  ViewFields::clear_all(self);
  PyObject_GC_Del(self);
}
Py_ssize_t view_length(View* self) { return self->dv_dict ? self->dv_dict->ma_used : 0; }
Ref<> view_mapping(View* self) { return steal(PyDictProxy_New(as_object(self->dv_dict))); }

Ref<> view_repr(PyObject* self) {
  int entered = TRY(checked(Py_ReprEnter(self)));
  if (entered) return steal(PyUnicode_FromString("..."));
  Ref<> items = steal(PySequence_List(self));
  Ref<> text = items ? steal(PyUnicode_FromFormat("%s(%R)", Py_TYPE(self)->tp_name, items.get())) : Ref<>();
  Py_ReprLeave(self);
  return text;
}

bool is_view(PyObject* object) { return PyDictKeys_Check(object) || PyDictItems_Check(object); }

Maybe<bool> all_in(PyObject* self, PyObject* other) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(self)));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    if (!TRY(truth_of(PySequence_Contains(other, item.get())))) return false;
  }
  if (PyErr_Occurred()) return failure;
  return true;
}

Ref<> view_compare(PyObject* self, PyObject* other, int op) {
  if (!PyAnySet_Check(other) && !is_view(other)) return borrow(Py_NotImplemented);
  Py_ssize_t n = TRY(checked(PyObject_Size(self)));
  Py_ssize_t m = TRY(checked(PyObject_Size(other)));
  bool result = false;
  switch (op) {
    case Py_EQ:
    case Py_NE:
      result = n == m && TRY(all_in(self, other));
      if (op == Py_NE) result = !result;
      break;
    case Py_LT: result = n < m && TRY(all_in(self, other)); break;
    case Py_LE: result = n <= m && TRY(all_in(self, other)); break;
    case Py_GT: result = n > m && TRY(all_in(other, self)); break;
    case Py_GE: result = n >= m && TRY(all_in(other, self)); break;
    default: break;
  }
  return py_bool(result);
}

// A set of the view's elements; an items view with unhashable values fails as a set of pairs would. The set of a dict is made in one
// step, which shows in its order.
Ref<> as_set(PyObject* view) {
  return steal(PySet_New(PyDictKeys_Check(view) ? as_object(reinterpret_cast<View*>(view)->dv_dict) : view));
}

Ref<> view_and(PyObject* a, PyObject* b) {
  // The operator may come reflected, with the view on the right.
  if (!is_view(a)) std::swap(a, b);
  if (is_view(b) && TRY(checked(PyObject_Size(b))) > TRY(checked(PyObject_Size(a)))) std::swap(a, b);
  // Whether an element of the other is in this one costs a look-up; the result is made of the other's.
  if (PySet_CheckExact(b) && TRY(checked(PyObject_Size(b))) >= TRY(checked(PyObject_Size(a)))) {
    return steal(PyObject_CallMethodOneArg(b, name<"intersection">, a));
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(b)));
  Ref<> result = TRY(steal(PySet_New(nullptr)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
    if (TRY(truth_of(PySequence_Contains(a, key.get())))) TRY(status_of(PySet_Add(result.get(), key.get())));
  }
  if (PyErr_Occurred()) return failure;
  return result;
}
Ref<> with_method(PyObject* a, PyObject* b, PyObject* method) {
  Ref<> result = TRY(as_set(a));
  (void)TRY(steal(PyObject_CallMethodOneArg(result.get(), method, b)));
  return result;
}
Ref<> view_or(PyObject* a, PyObject* b) { return with_method(a, b, name<"update">); }
Ref<> view_sub(PyObject* a, PyObject* b) { return with_method(a, b, name<"difference_update">); }

// The pairs that two items views do not share. Only these need to be hashable: first come those of the second that differ from the
// first's or are not there, then what is left of the first.
Ref<> items_xor(PyObject* a, PyObject* b) {
  PyObject* second = as_object(reinterpret_cast<View*>(b)->dv_dict);
  Ref<> left = TRY(steal(PyDict_Copy(as_object(reinterpret_cast<View*>(a)->dv_dict))));
  Ref<> result = TRY(steal(PySet_New(nullptr)));
  PyObject *key_slot, *value_slot;
  Py_ssize_t position = 0;
  Py_hash_t hash;
  while (_PyDict_Next(second, &position, &key_slot, &value_slot, &hash)) {
    Ref<> key = borrow(key_slot), value = borrow(value_slot);
    Ref<> other = borrow(_PyDict_GetItem_KnownHash(left.get(), key.get(), hash));
    if (!other && PyErr_Occurred()) return failure;
    if (other && TRY(truth_of(PyObject_RichCompareBool(other.get(), value.get(), Py_EQ)))) {
      TRY(status_of(_PyDict_DelItem_KnownHash(left.get(), key.get(), hash)));
      continue;
    }
    Ref<> pair = TRY(steal(PyTuple_Pack(2, key.get(), value.get())));
    TRY(status_of(PySet_Add(result.get(), pair.get())));
  }
  Ref<> rest = TRY(steal(PyDict_Items(left.get())));
  TRY(status_of(_PySet_Update(result.get(), rest.get())));
  return result;
}

Ref<> view_xor(PyObject* a, PyObject* b) {
  if (PyDictItems_Check(a) && PyDictItems_Check(b)) return items_xor(a, b);
  return with_method(a, b, name<"symmetric_difference_update">);
}

Maybe<bool> view_isdisjoint(PyObject* self, PyObject* other) {
  if (self == other) return TRY(checked(PyObject_Size(self))) == 0;
  PyObject* walked = other;
  PyObject* asked = self;
  if (PyAnySet_CheckExact(other) || is_view(other)) {
    if (TRY(checked(PyObject_Size(other))) > TRY(checked(PyObject_Size(self)))) std::swap(walked, asked);
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(walked)));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    if (TRY(truth_of(PySequence_Contains(asked, item.get())))) return false;
  }
  if (PyErr_Occurred()) return failure;
  return true;
}

Maybe<bool> keys_contains(View* self, PyObject* key) {
  if (!self->dv_dict) return false;
  return truth_of(PyDict_Contains(as_object(self->dv_dict), key));
}
Maybe<bool> items_contains(View* self, PyObject* pair) {
  if (!self->dv_dict || !PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) return false;
  PyObject* found = PyDict_GetItemWithError(as_object(self->dv_dict), PyTuple_GET_ITEM(pair, 0));
  if (!found) {
    if (PyErr_Occurred()) return failure;
    return false;
  }
  Ref<> own = borrow(found);
  return truth_of(PyObject_RichCompareBool(found, PyTuple_GET_ITEM(pair, 1), Py_EQ));
}

Ref<> keys_iter(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictIterKey_Type) : none(); }
Ref<> values_iter(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictIterValue_Type) : none(); }
Ref<> items_iter(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictIterItem_Type) : none(); }
Ref<> keys_reversed(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictRevIterKey_Type) : none(); }
Ref<> values_reversed(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictRevIterValue_Type) : none(); }
Ref<> items_reversed(View* self) { return self->dv_dict ? new_iterator(self->dv_dict, &PyDictRevIterItem_Type) : none(); }

#define ISDISJOINT METHOD_UNSIGNED("isdisjoint($self, other, /)", view_isdisjoint, "Return True if the view and the given iterable have a null intersection.")
const PyMethodDef kKeysMethods[] = {
    ISDISJOINT, METHOD_UNSIGNED("__reversed__($self, /)", keys_reversed, "Return a reverse iterator over the dict keys."), kEndOfMethods};
const PyMethodDef kItemsMethods[] = {
    ISDISJOINT, METHOD_UNSIGNED("__reversed__($self, /)", items_reversed, "Return a reverse iterator over the dict items."), kEndOfMethods};
const PyMethodDef kValuesMethods[] = {
    METHOD_UNSIGNED("__reversed__($self, /)", values_reversed, "Return a reverse iterator over the dict values."), kEndOfMethods};
const PyGetSetDef kViewAttributes[] = {getset<view_mapping>("mapping", "dictionary that this view refers to"), kEndOfGetSets};

PyNumberMethods view_as_number = {.nb_subtract = slot<view_sub>, .nb_and = slot<view_and>, .nb_xor = slot<view_xor>, .nb_or = slot<view_or>};
PySequenceMethods keys_as_sequence = {.sq_length = slot<view_length>, .sq_contains = slot<keys_contains>};
PySequenceMethods items_as_sequence = {.sq_length = slot<view_length>, .sq_contains = slot<items_contains>};
PySequenceMethods values_as_sequence = {.sq_length = slot<view_length>};

constexpr PyTypeObject view_type(const char* name, PySequenceMethods* sequence, getiterfunc iter, PyMethodDef* methods, bool set_like) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(View),
      .tp_dealloc = slot<view_dealloc>,
      .tp_repr = slot<view_repr>,
      .tp_as_number = set_like ? &view_as_number : nullptr,
      .tp_as_sequence = sequence,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = ViewFields::traverse,
      .tp_richcompare = set_like ? slot<view_compare> : nullptr,
      .tp_iter = iter,
      .tp_methods = methods,
      .tp_getset = table(kViewAttributes),
  };
}

}  // namespace

Ref<> dict_iter(PyDictObject* dict) { return new_iterator(dict, &PyDictIterKey_Type); }
Ref<> dict_reversed(PyDictObject* dict) { return new_iterator(dict, &PyDictRevIterKey_Type); }

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _PyDictView_New(PyObject* dict, PyTypeObject* type) {
  if (!dict || !PyDict_Check(dict)) {
    if (!dict) PyErr_BadInternalCall();
    else PyErr_Format(PyExc_TypeError, "%s() requires a dict argument, not '%s'", type->tp_name, Py_TYPE(dict)->tp_name);
    return nullptr;
  }
  auto* self = PyObject_GC_New(_PyDictViewObject, type);
  if (!self) return nullptr;
  self->dv_dict = Ref<PyDictObject>::borrow(dict).release();
  PyObject_GC_Track(self);
  return as_object(self);
}

PyTypeObject PyDictKeys_Type = view_type("dict_keys", &keys_as_sequence, slot<keys_iter>, table(kKeysMethods), true);
PyTypeObject PyDictItems_Type = view_type("dict_items", &items_as_sequence, slot<items_iter>, table(kItemsMethods), true);
PyTypeObject PyDictValues_Type = view_type("dict_values", &values_as_sequence, slot<values_iter>, table(kValuesMethods), false);
PyTypeObject PyDictIterKey_Type = iterator_type("dict_keyiterator", slot<key_next<false>>);
PyTypeObject PyDictIterValue_Type = iterator_type("dict_valueiterator", slot<value_next<false>>);
PyTypeObject PyDictIterItem_Type = iterator_type("dict_itemiterator", slot<item_next<false>>);
PyTypeObject PyDictRevIterKey_Type = iterator_type("dict_reversekeyiterator", slot<key_next<true>>);
PyTypeObject PyDictRevIterValue_Type = iterator_type("dict_reversevalueiterator", slot<value_next<true>>);
PyTypeObject PyDictRevIterItem_Type = iterator_type("dict_reverseitemiterator", slot<item_next<true>>);
}
GILL_STATIC_TYPE(PyDictKeys_Type);
GILL_STATIC_TYPE(PyDictItems_Type);
GILL_STATIC_TYPE(PyDictValues_Type);
GILL_STATIC_TYPE(PyDictIterKey_Type);
GILL_STATIC_TYPE(PyDictIterValue_Type);
GILL_STATIC_TYPE(PyDictIterItem_Type);
GILL_STATIC_TYPE(PyDictRevIterKey_Type);
GILL_STATIC_TYPE(PyDictRevIterValue_Type);
GILL_STATIC_TYPE(PyDictRevIterItem_Type);
