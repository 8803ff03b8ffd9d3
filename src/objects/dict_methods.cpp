// dict as Python sees it: its methods and type.
#include "base/binding.h"
#include "base/names.h"
#include "memory/collectable.h"
#include "objects/dict.h"
#include "objects/dict_table.h"

namespace gill {
namespace {

Ref<> dict_new_slot(PyTypeObject* type, PyObject*, PyObject*) {
  Ref<PyDictObject> self = TRY(new_dict(type));
  // An exact dict is tracked when something worth it comes in; subclasses may have anything.
  if (type != &PyDict_Type) PyObject_GC_Track(self.get());
  return self;
}

Status update_from(PyObject* self, PyObject* source) {
  if (PyDict_CheckExact(source)) return merge_dict(reinterpret_cast<PyDictObject*>(self), reinterpret_cast<PyDictObject*>(source), Merge::replace);
  PyObject* keys;
  if (_PyObject_LookupAttr(source, name<"keys">, &keys) < 0) return failure;
  if (!keys) return merge_pairs(self, source, true);
  Ref<> drop = steal(keys);
  return merge_mapping(self, source, Merge::replace);
}

Status update(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwargs, const char* method) {
  if (n > 1) return raise(PyExc_TypeError, "%s expected at most 1 argument, got %zd", method, n);
  if (n == 1) TRY(update_from(self, args[0]));
  if (kwargs && !PyArg_ValidateKeywordArguments(kwargs)) return failure;
  if (kwargs) TRY(merge_dict(reinterpret_cast<PyDictObject*>(self), reinterpret_cast<PyDictObject*>(kwargs), Merge::replace));
  return Status::ok;
}

int dict_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  return static_cast<int>(update(self, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), kwargs, "dict"));
}

PyObject* dict_vectorcall(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  auto build = [&]() -> Ref<> {
    if (n > 1) return raise(PyExc_TypeError, "dict expected at most 1 argument, got %zd", n);
    Ref<> self = TRY(dict_new_slot(reinterpret_cast<PyTypeObject*>(type), nullptr, nullptr));
    if (n == 1) TRY(update_from(self.get(), args[0]));
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
      TRY(status_of(PyDict_SetItem(self.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i])));
    }
    return self;
  };
  return build().release();
}

Ref<> dict_update(PyObject* self, Args args, Kwargs kwargs) {
  TRY(update(self, args.items, args.count, kwargs.dict, "update"));
  return none();
}

// The value of self[key], with __missing__ of subclasses.
Ref<> dict_subscript(PyDictObject* self, PyObject* key) {
  Py_hash_t hash = key_hash(key);
  if (hash == -1) return failure;
  PyObject* value;
  Py_ssize_t i = dict_find(self, key, hash, &value);
  if (i == kLookupError) return failure;
  if (value) return borrow(value);
  if (Py_TYPE(self) != &PyDict_Type) {
    PyObject* missing = _PyType_Lookup(Py_TYPE(self), name<"__missing__">);
    if (missing) {
      descrgetfunc bind = Py_TYPE(missing)->tp_descr_get;
      Ref<> method = bind ? TRY(steal(bind(missing, as_object(self), as_object(Py_TYPE(self))))) : borrow(missing);
      return steal(PyObject_CallOneArg(method.get(), key));
    }
    if (PyErr_Occurred()) return failure;
  }
  _PyErr_SetKeyError(key);
  return failure;
}

Status dict_assign(PyObject* self, PyObject* key, PyObject* value) {
  return status_of(value ? PyDict_SetItem(self, key, value) : PyDict_DelItem(self, key));
}

Ref<> dict_get(PyDictObject* self, PyObject* key, PyObject* fallback) {
  Py_hash_t hash = key_hash(key);
  if (hash == -1) return failure;
  PyObject* value;
  if (dict_find(self, key, hash, &value) == kLookupError) return failure;
  return borrow(value ? value : fallback);
}

Ref<> dict_setdefault(PyObject* self, PyObject* key, PyObject* fallback) { return borrow(PyDict_SetDefault(self, key, fallback)); }
Ref<> dict_pop(PyObject* self, PyObject* key, PyObject* fallback) { return steal(_PyDict_Pop(self, key, fallback)); }
Maybe<bool> dict_contains(PyObject* self, PyObject* key) { return truth_of(PyDict_Contains(self, key)); }

Ref<> dict_popitem(PyDictObject* self) {
  if (self->ma_used == 0) return raise(PyExc_KeyError, "popitem(): dictionary is empty");
  Ref<> pair = TRY(steal(PyTuple_New(2)));
  DictKeys* keys = self->ma_keys;
  Py_ssize_t i = keys->entries - 1;
  while (!value_at(keys, i)) --i;
  PyObject *key, *value;
  dict_take_entry(self, i, dict_hash_at(keys, i), &key, &value);
  keys->entries = i;  // nothing lives behind it, so the next popitem need not look there
  PyTuple_SET_ITEM(pair.get(), 0, key);
  PyTuple_SET_ITEM(pair.get(), 1, value);
  return pair;
}

Status dict_clear_method(PyDictObject* self) {
  dict_clear(self);
  return Status::ok;
}

Ref<> dict_copy(PyDictObject* self) { return copy_dict(self); }

Ref<> dict_fromkeys(PyTypeObject* type, PyObject* iterable, PyObject* value) {
  Ref<> result = TRY(steal(PyObject_CallNoArgs(as_object(type))));
  bool plain = PyDict_CheckExact(result.get());
  if (plain && PyDict_CheckExact(iterable)) {
    Py_ssize_t position = 0;
    PyObject *key, *ignored;
    Py_hash_t hash;
    while (next_entry(reinterpret_cast<PyDictObject*>(iterable), &position, &key, &ignored, &hash)) {
      if (dict_insert(reinterpret_cast<PyDictObject*>(result.get()), key, hash, value) < 0) return failure;
    }
    return result;
  }
  if (plain && PyAnySet_CheckExact(iterable)) {
    Py_ssize_t position = 0;
    PyObject* key;
    Py_hash_t hash;
    while (_PySet_NextEntry(iterable, &position, &key, &hash)) {
      Ref<> hold = borrow(key);
      if (dict_insert(reinterpret_cast<PyDictObject*>(result.get()), key, hash, value) < 0) return failure;
    }
    return result;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
    TRY(status_of(plain ? PyDict_SetItem(result.get(), key.get(), value) : PyObject_SetItem(result.get(), key.get(), value)));
  }
  if (PyErr_Occurred()) return failure;
  return result;
}

Ref<> dict_repr(PyDictObject* self) {
  int entered = TRY(checked(Py_ReprEnter(as_object(self))));
  if (entered) return steal(PyUnicode_FromString("{...}"));
  auto build = [&]() -> Ref<> {
    if (self->ma_used == 0) return steal(PyUnicode_FromString("{}"));
    _PyUnicodeWriter writer;
    _PyUnicodeWriter_Init(&writer);
    writer.overallocate = 1;
    writer.min_length = 1 + 4 + (2 + 4) * (self->ma_used - 1) + 1;
    auto write = [&]() -> Status {
      TRY(status_of(_PyUnicodeWriter_WriteChar(&writer, '{')));
      Py_ssize_t position = 0;
      PyObject *key, *value;
      bool first = true;
      while (next_entry(self, &position, &key, &value, nullptr)) {
        Ref<> own_key = borrow(key), own_value = borrow(value);
        if (!first) TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, ", ", 2)));
        first = false;
        Ref<> text = TRY(steal(PyObject_Repr(own_key.get())));
        TRY(status_of(_PyUnicodeWriter_WriteStr(&writer, text.get())));
        TRY(status_of(_PyUnicodeWriter_WriteASCIIString(&writer, ": ", 2)));
        text = TRY(steal(PyObject_Repr(own_value.get())));
        TRY(status_of(_PyUnicodeWriter_WriteStr(&writer, text.get())));
      }
      writer.overallocate = 0;
      return status_of(_PyUnicodeWriter_WriteChar(&writer, '}'));
    };
    if (write() == Status::error) {
      _PyUnicodeWriter_Dealloc(&writer);
      return failure;
    }
    return steal(_PyUnicodeWriter_Finish(&writer));
  };
  Ref<> text = build();
  Py_ReprLeave(as_object(self));
  return text;
}

Maybe<bool> dict_equal(PyDictObject* a, PyDictObject* b) {
  if (a->ma_used != b->ma_used) return false;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  Py_hash_t hash;
  while (next_entry(a, &position, &key, &value, &hash)) {
    Ref<> own_key = borrow(key), own_value = borrow(value);
    PyObject* other;
    if (dict_find(b, key, hash, &other) == kLookupError) return failure;
    if (!other) return false;
    Ref<> own_other = borrow(other);
    if (!TRY(truth_of(PyObject_RichCompareBool(own_value.get(), other, Py_EQ)))) return false;
  }
  return true;
}

Ref<> dict_compare(PyObject* a, PyObject* b, int op) {
  if (!PyDict_Check(a) || !PyDict_Check(b) || (op != Py_EQ && op != Py_NE)) return borrow(Py_NotImplemented);
  bool equal = TRY(dict_equal(reinterpret_cast<PyDictObject*>(a), reinterpret_cast<PyDictObject*>(b)));
  return py_bool(equal == (op == Py_EQ));
}

Ref<> dict_or(PyObject* a, PyObject* b) {
  if (!PyDict_Check(a) || !PyDict_Check(b)) return borrow(Py_NotImplemented);
  Ref<> result = TRY(steal(PyDict_Copy(a)));
  TRY(update_from(result.get(), b));
  return result;
}
Ref<> dict_inplace_or(PyObject* self, PyObject* other) {
  TRY(update_from(self, other));
  return borrow(self);
}

Py_ssize_t dict_length(PyDictObject* self) { return self->ma_used; }
Ref<> dict_sizeof(PyDictObject* self) { return steal(PyLong_FromSsize_t(_PyDict_SizeOf(self))); }
Ref<> dict_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }
Ref<> dict_keys(PyObject* self) { return steal(_PyDictView_New(self, &PyDictKeys_Type)); }
Ref<> dict_values(PyObject* self) { return steal(_PyDictView_New(self, &PyDictValues_Type)); }
Ref<> dict_items(PyObject* self) { return steal(_PyDictView_New(self, &PyDictItems_Type)); }
Ref<> dict_getitem_method(PyDictObject* self, PyObject* key) { return dict_subscript(self, key); }

int dict_traverse(PyObject* object, visitproc visit, void* arg) {
  DictKeys* keys = reinterpret_cast<PyDictObject*>(object)->ma_keys;
  if (keys->unicode) {
    for (UnicodeEntry *entry = unicode_entries(keys), *end = entry + keys->entries; entry < end; ++entry) Py_VISIT(entry->value);
  } else {
    for (GeneralEntry *entry = general_entries(keys), *end = entry + keys->entries; entry < end; ++entry) {
      Py_VISIT(entry->value);
      Py_VISIT(entry->key);
    }
  }
  return 0;
}
int dict_tp_clear(PyObject* self) {
  dict_clear(reinterpret_cast<PyDictObject*>(self));
  return 0;
}
void dict_dealloc(PyObject* self) {
  auto* dict = reinterpret_cast<PyDictObject*>(self);
  if (PyDict_CheckExact(self) && dict_release_quietly(dict)) return free_collectable(self);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dict_dealloc);
  dict_clear(dict);
  Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END;
}
PyObject* dict_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) { return dict_new_slot(type, args, kwargs).release(); }

const PyMethodDef kMethods[] = {
    // Called as functions often enough that they are not left to the wrappers of slots.
    GILL_BOUND("__contains__($self, key, /)", dict_contains)::definition(
        "__contains__($self, key, /)\n--\n\nTrue if the dictionary has the specified key, else False.", METH_COEXIST),
    GILL_BOUND("__getitem__($self, key, /)", dict_getitem_method)::definition("x.__getitem__(y) <==> x[y]", METH_COEXIST),
    METHOD_UNSIGNED("__sizeof__($self, /)", dict_sizeof, "D.__sizeof__() -> size of D in memory, in bytes"),
    METHOD("get($self, key, default=None, /)", dict_get, "Return the value for key if key is in the dictionary, else default."),
    METHOD("setdefault($self, key, default=None, /)", dict_setdefault, "Insert key with a value of default if key is not in the dictionary.\n\nReturn the value for key if key is in the dictionary, else default."),
    METHOD("pop($self, key, default=<unrepresentable>, /)", dict_pop, "D.pop(k[,d]) -> v, remove specified key and return the corresponding value.\n\nIf the key is not found, return the default if given; otherwise,\nraise a KeyError."),
    METHOD("popitem($self, /)", dict_popitem, "Remove and return a (key, value) pair as a 2-tuple.\n\nPairs are returned in LIFO (last-in, first-out) order.\nRaises KeyError if the dict is empty."),
    METHOD_UNSIGNED("keys($self, /)", dict_keys, "D.keys() -> a set-like object providing a view on D's keys"),
    METHOD_UNSIGNED("items($self, /)", dict_items, "D.items() -> a set-like object providing a view on D's items"),
    METHOD_UNSIGNED("values($self, /)", dict_values, "D.values() -> an object providing a view on D's values"),
    METHOD_OF_TUPLE("update($self, *args, **kwargs)", dict_update, "D.update([E, ]**F) -> None.  Update D from dict/iterable E and F.\nIf E is present and has a .keys() method, then does:  for k in E: D[k] = E[k]\nIf E is present and lacks a .keys() method, then does:  for k, v in E: D[k] = v\nIn either case, this is followed by: for k in F:  D[k] = F[k]"),
    CLASS_METHOD("fromkeys($type, iterable, value=None, /)", dict_fromkeys, "Create a new dictionary with keys from iterable and values set to value."),
    METHOD_UNSIGNED("clear($self, /)", dict_clear_method, "D.clear() -> None.  Remove all items from D."),
    METHOD_UNSIGNED("copy($self, /)", dict_copy, "D.copy() -> a shallow copy of D"),
    METHOD("__reversed__($self, /)", dict_reversed, "Return a reverse iterator over the dict keys."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", dict_class_getitem, "See PEP 585"),
    kEndOfMethods,
};

PyNumberMethods dict_as_number = {.nb_or = slot<dict_or>, .nb_inplace_or = slot<dict_inplace_or>};
PySequenceMethods dict_as_sequence = {.sq_contains = PyDict_Contains};
PyMappingMethods dict_as_mapping = {slot<dict_length>, slot<dict_subscript>, slot<dict_assign>};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" PyTypeObject PyDict_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "dict",
    .tp_basicsize = sizeof(PyDictObject),
    .tp_dealloc = dict_dealloc,
    .tp_repr = slot<dict_repr>,
    .tp_as_number = &dict_as_number,
    .tp_as_sequence = &dict_as_sequence,
    .tp_as_mapping = &dict_as_mapping,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DICT_SUBCLASS | _Py_TPFLAGS_MATCH_SELF | Py_TPFLAGS_MAPPING,
    .tp_doc = "dict() -> new empty dictionary\ndict(mapping) -> new dictionary initialized from a mapping object's\n    (key, value) pairs\ndict(iterable) -> new dictionary initialized as if via:\n    d = {}\n    for k, v in iterable:\n        d[k] = v\ndict(**kwargs) -> new dictionary initialized with the name=value pairs\n    in the keyword argument list.  For example:  dict(one=1, two=2)",
    .tp_traverse = dict_traverse,
    .tp_clear = dict_tp_clear,
    .tp_richcompare = slot<dict_compare>,
    .tp_iter = slot<dict_iter>,
    .tp_methods = table(kMethods),
    .tp_init = dict_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = dict_new,
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = dict_vectorcall,
};
GILL_STATIC_TYPE(PyDict_Type);
