// dict: the C API. The table is in dict_table.cpp, the Python-level methods in dict_methods.cpp, views and
// iterators in dict_views.cpp.
#include "objects/dict.h"

#include "base/names.h"
#include "base/result.h"
#include "memory/collectable.h"
#include "objects/dict_table.h"
#include "objects/quiet.h"

namespace gill {

Py_hash_t key_hash(PyObject* key) { return PyUnicode_CheckExact(key) ? str_hash(key) : PyObject_Hash(key); }

Ref<PyDictObject> new_dict(PyTypeObject* type) {
  PyObject* object;
  if (type == &PyDict_Type) [[likely]] {
    object = allocate_collectable(type, sizeof(PyDictObject));
    if (!object) return failure;
    object->ob_type = type;
    object->ob_refcnt = 1;
  } else {
    // Subclasses have more behind the dict.
    object = type->tp_alloc(type, 0);
    if (!object) return failure;
    PyObject_GC_UnTrack(object);
  }
  auto* dict = reinterpret_cast<PyDictObject*>(object);
  dict->ma_used = 0;
  dict->ma_version_tag = dict_state().next_dict_version++;
  dict->ma_keys = empty_keys();
  dict->ma_values = nullptr;
  return steal(dict);
}

bool next_entry(PyDictObject* dict, Py_ssize_t* position, PyObject** key, PyObject** value, Py_hash_t* hash) {
  DictKeys* keys = dict->ma_keys;
  Py_ssize_t i = *position;
  if (i < 0) return false;
  if (keys->unicode) {
    UnicodeEntry* entries = unicode_entries(keys);
    while (i < keys->entries && !entries[i].value) ++i;
    if (i >= keys->entries) return false;
    *key = entries[i].key;
    *value = entries[i].value;
    if (hash) *hash = reinterpret_cast<PyASCIIObject*>(*key)->hash;
  } else {
    GeneralEntry* entries = general_entries(keys);
    while (i < keys->entries && !entries[i].value) ++i;
    if (i >= keys->entries) return false;
    *key = entries[i].key;
    *value = entries[i].value;
    if (hash) *hash = entries[i].hash;
  }
  *position = i + 1;
  return true;
}

bool dict_release_quietly(PyDictObject* dict) {
  DictKeys* keys = dict->ma_keys;
  auto release_all = [n = keys->entries](auto* entries) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (!entries[i].value) continue;
      if (!release_quietly(entries[i].value)) return false;
      // Whoever goes on from here finds the entry as if it had never had a value that matters.
      entries[i].value = Py_None;
      if (!release_quietly(entries[i].key)) return false;
      entries[i] = {};
    }
    return true;
  };
  if (!(keys->unicode ? release_all(unicode_entries(keys)) : release_all(general_entries(keys)))) return false;
  free_keys(keys);
  return true;
}

void dict_clear(PyDictObject* dict) {
  DictKeys* keys = dict->ma_keys;
  if (keys == empty_keys()) return;
  // The dict is empty before anything is released.
  dict->ma_keys = empty_keys();
  dict->ma_used = 0;
  dict->ma_version_tag = dict_state().next_dict_version++;
  auto release_all = [n = keys->entries](auto* entries) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      // Both null where the entry was deleted.
      if (!entries[i].value) continue;
      gill::release(entries[i].key);
      gill::release(entries[i].value);
    }
  };
  if (keys->unicode) release_all(unicode_entries(keys));
  else release_all(general_entries(keys));
  free_keys(keys);
}

// Fills an empty dict with the entries of one that has no deleted ones: the table is copied as it is.
static Status share_contents(PyDictObject* target, PyDictObject* source) {
  DictKeys* keys = source->ma_keys;
  size_t entry = keys->unicode ? sizeof(UnicodeEntry) : sizeof(GeneralEntry);
  size_t bytes = sizeof(DictKeys) + index_bytes(keys) + static_cast<size_t>(keys->usable + keys->entries) * entry;
  auto* fresh = static_cast<DictKeys*>(PyObject_Malloc(bytes));
  if (!fresh) {
    PyErr_NoMemory();
    return failure;
  }
  std::memcpy(fresh, keys, sizeof(DictKeys) + index_bytes(keys) + static_cast<size_t>(keys->entries) * entry);
  fresh->version = 0;
  auto retain_all = [n = fresh->entries](auto* entries) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      retain(entries[i].key);
      retain(entries[i].value);
    }
  };
  if (fresh->unicode) retain_all(unicode_entries(fresh));
  else retain_all(general_entries(fresh));
  free_keys(std::exchange(target->ma_keys, fresh));
  target->ma_used = source->ma_used;
  target->ma_version_tag = dict_state().next_dict_version++;
  if (PyObject_GC_IsTracked(as_object(source))) PyObject_GC_Track(target);
  return Status::ok;
}

Ref<> copy_dict(PyDictObject* source) {
  Ref<PyDictObject> copy = TRY(new_dict(&PyDict_Type));
  DictKeys* keys = source->ma_keys;
  if (source->ma_used == 0) return copy;
  if (source->ma_used == keys->entries) {
    TRY(share_contents(copy.get(), source));
    return copy;
  }
  if (dict_reserve(copy.get(), source->ma_used) < 0) return failure;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  Py_hash_t hash;
  while (next_entry(source, &position, &key, &value, &hash)) {
    if (dict_insert(copy.get(), key, hash, value) < 0) return failure;
  }
  return copy;
}

// `how`: whether a key that is there already is kept, replaced, or an error.
Status merge_dict(PyDictObject* target, PyDictObject* source, Merge how) {
  if (target == source || source->ma_used == 0) return Status::ok;
  if (target->ma_used == 0 && target->ma_keys->entries == 0 && source->ma_used == source->ma_keys->entries) return share_contents(target, source);
  // The keys may be the target's already; where they are more than it has room for, few will be.
  if (target->ma_keys->usable < source->ma_used && dict_reserve(target, source->ma_used) < 0) return failure;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  Py_hash_t hash;
  DictKeys* keys = source->ma_keys;
  Py_ssize_t used = source->ma_used;
  while (next_entry(source, &position, &key, &value, &hash)) {
    if (how == Merge::replace) {
      // Which holds key and value while it compares.
      if (dict_insert(target, key, hash, value) < 0) return failure;
    } else {
      Ref<> own_key = borrow(key), own_value = borrow(value);
      PyObject* old;
      Py_ssize_t i = dict_find(target, key, hash, &old);
      if (i == kLookupError) return failure;
      if (i >= 0 && how == Merge::fail) {
        _PyErr_SetKeyError(key);
        return failure;
      }
      if (i < 0 && dict_insert_absent(target, key, hash, value) < 0) return failure;
    }
    if (source->ma_keys != keys || source->ma_used != used) return raise(PyExc_RuntimeError, "dict mutated during update");
  }
  return Status::ok;
}

Status merge_mapping(PyObject* target, PyObject* source, Merge how) {
  if (PyDict_Check(source) && Py_TYPE(source)->tp_iter == PyDict_Type.tp_iter) {
    return merge_dict(reinterpret_cast<PyDictObject*>(target), reinterpret_cast<PyDictObject*>(source), how);
  }
  Ref<> keys = TRY(steal(PyMapping_Keys(source)));
  Ref<> iterator = TRY(steal(PyObject_GetIter(keys.get())));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
    if (how != Merge::replace) {
      if (TRY(truth_of(PyDict_Contains(target, key.get())))) {
        if (how == Merge::keep) continue;
        _PyErr_SetKeyError(key.get());
        return failure;
      }
    }
    Ref<> value = TRY(steal(PyObject_GetItem(source, key.get())));
    TRY(status_of(PyDict_SetItem(target, key.get(), value.get())));
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Status merge_pairs(PyObject* target, PyObject* pairs, bool replace) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(pairs)));
  for (Py_ssize_t i = 0;; ++i) {
    Ref<> item = steal(PyIter_Next(iterator.get()));
    if (!item) return PyErr_Occurred() ? Status::error : Status::ok;
    Ref<> pair = steal(PySequence_Fast(item.get(), ""));
    if (!pair) {
      if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "cannot convert dictionary update sequence element #%zd to a sequence", i);
      }
      return failure;
    }
    Py_ssize_t n = PySequence_Fast_GET_SIZE(pair.get());
    if (n != 2) {
      return raise(PyExc_ValueError, "dictionary update sequence element #%zd has length %zd; 2 is required", i, n);
    }
    Ref<> key = borrow(PySequence_Fast_GET_ITEM(pair.get(), 0));
    Ref<> value = borrow(PySequence_Fast_GET_ITEM(pair.get(), 1));
    if (replace) TRY(status_of(PyDict_SetItem(target, key.get(), value.get())));
    else if (!PyDict_SetDefault(target, key.get(), value.get())) return failure;
  }
}

static PyDictObject* checked_dict(PyObject* object) {
  if (object && PyDict_Check(object)) return reinterpret_cast<PyDictObject*>(object);
  PyErr_BadInternalCall();
  return nullptr;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyDict_New(void) { return new_dict(&PyDict_Type).cast<PyObject>().release(); }
PyObject* _PyDict_NewPresized(Py_ssize_t expected) {
  Ref<PyDictObject> dict = new_dict(&PyDict_Type);
  if (!dict || (expected > 5 && dict_reserve(dict.get(), expected) < 0)) return nullptr;
  return as_object(dict.release());
}
PyObject* _PyDict_FromItems(PyObject* const* keys, Py_ssize_t keys_offset, PyObject* const* values, Py_ssize_t values_offset, Py_ssize_t n) {
  Ref<> dict = steal(_PyDict_NewPresized(n));
  for (Py_ssize_t i = 0; dict && i < n; ++i) {
    if (PyDict_SetItem(dict.get(), keys[i * keys_offset], values[i * values_offset]) < 0) return nullptr;
  }
  return dict.release();
}

// Errors of hashing and comparing are dropped here, as the published function has it.
PyObject* PyDict_GetItem(PyObject* dict, PyObject* key) {
  if (!PyDict_Check(dict)) return nullptr;
  PyObject *type, *error, *traceback;
  PyErr_Fetch(&type, &error, &traceback);
  Py_hash_t hash = key_hash(key);
  PyObject* value = nullptr;
  if (hash != -1) (void)dict_find(reinterpret_cast<PyDictObject*>(dict), key, hash, &value);
  PyErr_Clear();
  PyErr_Restore(type, error, traceback);
  return value;
}
PyObject* PyDict_GetItemWithError(PyObject* dict, PyObject* key) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return nullptr;
  Py_hash_t hash = key_hash(key);
  if (hash == -1) return nullptr;
  PyObject* value;
  (void)dict_find(self, key, hash, &value);
  return value;
}
PyObject* _PyDict_GetItemWithError(PyObject* dict, PyObject* key) { return PyDict_GetItemWithError(dict, key); }
PyObject* _PyDict_GetItem_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return nullptr;
  PyObject* value;
  (void)dict_find(self, key, hash, &value);
  return value;
}
PyObject* PyDict_GetItemString(PyObject* dict, const char* key) {
  Ref<> text = steal(PyUnicode_FromString(key));
  if (!text) {
    PyErr_Clear();
    return nullptr;
  }
  return PyDict_GetItem(dict, text.get());
}
PyObject* _PyDict_GetItemStringWithError(PyObject* dict, const char* key) {
  Ref<> text = steal(PyUnicode_FromString(key));
  return text ? PyDict_GetItemWithError(dict, text.get()) : nullptr;
}

int PyDict_SetItem(PyObject* dict, PyObject* key, PyObject* value) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return -1;
  Py_hash_t hash = key_hash(key);
  return hash == -1 ? -1 : dict_insert(self, key, hash, value);
}
int _PyDict_SetItem_KnownHash(PyObject* dict, PyObject* key, PyObject* value, Py_hash_t hash) {
  PyDictObject* self = checked_dict(dict);
  return self ? dict_insert(self, key, hash, value) : -1;
}
int PyDict_SetItemString(PyObject* dict, const char* key, PyObject* value) {
  Ref<> text = steal(PyUnicode_InternFromString(key));
  return text ? PyDict_SetItem(dict, text.get(), value) : -1;
}

int _PyDict_DelItem_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return -1;
  PyObject* value;
  Py_ssize_t i = dict_find(self, key, hash, &value);
  if (i == kLookupError) return -1;
  if (i < 0) {
    _PyErr_SetKeyError(key);
    return -1;
  }
  PyObject* old_key;
  dict_take_entry(self, i, hash, &old_key, &value);
  release(old_key);
  release(value);
  return 0;
}
int PyDict_DelItem(PyObject* dict, PyObject* key) {
  Py_hash_t hash = key_hash(key);
  return hash == -1 ? -1 : _PyDict_DelItem_KnownHash(dict, key, hash);
}
int PyDict_DelItemString(PyObject* dict, const char* key) {
  Ref<> text = steal(PyUnicode_FromString(key));
  return text ? PyDict_DelItem(dict, text.get()) : -1;
}
int _PyDict_DelItemIf(PyObject* dict, PyObject* key, int (*predicate)(PyObject*)) {
  PyDictObject* self = checked_dict(dict);
  Py_hash_t hash = self ? key_hash(key) : -1;
  if (hash == -1) return -1;
  PyObject* value;
  Py_ssize_t i = dict_find(self, key, hash, &value);
  if (i == kLookupError) return -1;
  if (i < 0) {
    _PyErr_SetKeyError(key);
    return -1;
  }
  int wanted = predicate(value);
  if (wanted <= 0) return wanted;
  return _PyDict_DelItem_KnownHash(dict, key, hash);
}

void PyDict_Clear(PyObject* dict) {
  if (PyDict_Check(dict)) dict_clear(reinterpret_cast<PyDictObject*>(dict));
}

int _PyDict_Next(PyObject* dict, Py_ssize_t* position, PyObject** key, PyObject** value, Py_hash_t* hash) {
  if (!PyDict_Check(dict)) return 0;
  PyObject *k, *v;
  if (!next_entry(reinterpret_cast<PyDictObject*>(dict), position, &k, &v, hash)) return 0;
  if (key) *key = k;
  if (value) *value = v;
  return 1;
}
int PyDict_Next(PyObject* dict, Py_ssize_t* position, PyObject** key, PyObject** value) {
  return _PyDict_Next(dict, position, key, value, nullptr);
}

PyObject* _PyDict_Pop_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash, PyObject* fallback) {
  auto* self = reinterpret_cast<PyDictObject*>(dict);
  PyObject* value;
  Py_ssize_t i = dict_find(self, key, hash, &value);
  if (i == kLookupError) return nullptr;
  if (i < 0) {
    if (fallback) return borrow(fallback).release();
    _PyErr_SetKeyError(key);
    return nullptr;
  }
  PyObject* old_key;
  dict_take_entry(self, i, hash, &old_key, &value);
  release(old_key);
  return value;
}
PyObject* _PyDict_Pop(PyObject* dict, PyObject* key, PyObject* fallback) {
  if (reinterpret_cast<PyDictObject*>(dict)->ma_used == 0) {
    if (fallback) return borrow(fallback).release();
    _PyErr_SetKeyError(key);
    return nullptr;
  }
  Py_hash_t hash = key_hash(key);
  return hash == -1 ? nullptr : _PyDict_Pop_KnownHash(dict, key, hash, fallback);
}

PyObject* PyDict_SetDefault(PyObject* dict, PyObject* key, PyObject* fallback) {
  PyDictObject* self = checked_dict(dict);
  Py_hash_t hash = self ? key_hash(key) : -1;
  if (hash == -1) return nullptr;
  PyObject* value;
  Py_ssize_t i = dict_find(self, key, hash, &value);
  if (i == kLookupError) return nullptr;
  if (i >= 0) return value;
  return dict_insert_absent(self, key, hash, fallback) < 0 ? nullptr : fallback;
}

int PyDict_Contains(PyObject* dict, PyObject* key) {
  Py_hash_t hash = key_hash(key);
  return hash == -1 ? -1 : _PyDict_Contains_KnownHash(dict, key, hash);
}
int _PyDict_Contains_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash) {
  PyObject* value;
  Py_ssize_t i = dict_find(reinterpret_cast<PyDictObject*>(dict), key, hash, &value);
  return i == kLookupError ? -1 : i >= 0;
}
int _PyDict_ContainsId(PyObject* dict, _Py_Identifier* id) {
  PyObject* key = _PyUnicode_FromId(id);
  return key ? PyDict_Contains(dict, key) : -1;
}
PyObject* _PyDict_GetItemIdWithError(PyObject* dict, _Py_Identifier* id) {
  PyObject* key = _PyUnicode_FromId(id);
  return key ? PyDict_GetItemWithError(dict, key) : nullptr;
}
int _PyDict_SetItemId(PyObject* dict, _Py_Identifier* id, PyObject* value) {
  PyObject* key = _PyUnicode_FromId(id);
  return key ? PyDict_SetItem(dict, key, value) : -1;
}
int _PyDict_DelItemId(PyObject* dict, _Py_Identifier* id) {
  PyObject* key = _PyUnicode_FromId(id);
  return key ? PyDict_DelItem(dict, key) : -1;
}

Py_ssize_t PyDict_Size(PyObject* dict) {
  PyDictObject* self = checked_dict(dict);
  return self ? self->ma_used : -1;
}

PyObject* PyDict_Copy(PyObject* dict) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return nullptr;
  if (Py_TYPE(self)->tp_iter == PyDict_Type.tp_iter) return copy_dict(self).release();
  // A subclass with an order of its own.
  Ref<> copy = TRY(steal(PyDict_New()));
  TRY(merge_mapping(copy.get(), dict, Merge::replace));
  return copy.release();
}

int PyDict_Merge(PyObject* target, PyObject* source, int override) { return _PyDict_MergeEx(target, source, override != 0); }
int PyDict_Update(PyObject* target, PyObject* source) { return _PyDict_MergeEx(target, source, 1); }
int _PyDict_MergeEx(PyObject* target, PyObject* source, int override) {
  if (!checked_dict(target) || !source) return -1;
  Merge how = override == 0 ? Merge::keep : override == 1 ? Merge::replace : Merge::fail;
  return static_cast<int>(merge_mapping(target, source, how));
}
int PyDict_MergeFromSeq2(PyObject* target, PyObject* pairs, int override) {
  return static_cast<int>(merge_pairs(target, pairs, override != 0));
}

static PyObject* list_of(PyObject* dict, int what) {
  PyDictObject* self = checked_dict(dict);
  if (!self) return nullptr;
  Py_ssize_t n = self->ma_used;
  Ref<> list = steal(PyList_New(n));
  if (!list) return nullptr;
  for (Py_ssize_t i = 0; what == 2 && i < n; ++i) {
    // All tuples first: allocating may collect, and that may change the dict.
    PyObject* pair = PyTuple_New(2);
    if (!pair) return nullptr;
    PyList_SET_ITEM(list.get(), i, pair);
  }
  if (self->ma_used != n) return list_of(dict, what);
  Py_ssize_t position = 0, i = 0;
  PyObject *key, *value;
  while (i < n && next_entry(self, &position, &key, &value, nullptr)) {
    if (what == 2) {
      PyObject* pair = PyList_GET_ITEM(list.get(), i);
      PyTuple_SET_ITEM(pair, 0, borrow(key).release());
      PyTuple_SET_ITEM(pair, 1, borrow(value).release());
    } else {
      PyList_SET_ITEM(list.get(), i, borrow(what == 0 ? key : value).release());
    }
    ++i;
  }
  return list.release();
}
PyObject* PyDict_Keys(PyObject* dict) { return list_of(dict, 0); }
PyObject* PyDict_Values(PyObject* dict) { return list_of(dict, 1); }
PyObject* PyDict_Items(PyObject* dict) { return list_of(dict, 2); }

int _PyDict_HasOnlyStringKeys(PyObject* dict) {
  auto* self = reinterpret_cast<PyDictObject*>(dict);
  if (self->ma_keys->unicode) return 1;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (next_entry(self, &position, &key, &value, nullptr)) {
    if (!PyUnicode_Check(key)) return 0;
  }
  return 1;
}

void _PyDict_MaybeUntrack(PyObject* dict) {
  if (!PyDict_CheckExact(dict) || !PyObject_GC_IsTracked(dict)) return;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  auto may_be_tracked = [](PyObject* o) { return PyObject_IS_GC(o) && (!PyTuple_CheckExact(o) || PyObject_GC_IsTracked(o)); };
  while (next_entry(reinterpret_cast<PyDictObject*>(dict), &position, &key, &value, nullptr)) {
    if (may_be_tracked(value) || may_be_tracked(key)) return;
  }
  PyObject_GC_UnTrack(dict);
}

Py_ssize_t _PyDict_SizeOf(PyDictObject* dict) {
  DictKeys* keys = dict->ma_keys;
  Py_ssize_t size = Py_TYPE(dict)->tp_basicsize;
  return keys == empty_keys() ? size : size + static_cast<Py_ssize_t>(keys_size(keys));
}
Py_ssize_t _PyDict_KeysSize(PyDictKeysObject* keys) { return static_cast<Py_ssize_t>(keys_size(keys)); }

}  // extern "C"
