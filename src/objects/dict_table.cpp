// Look-up, insertion, deletion and growth of dict tables.
#include "objects/dict_table.h"

#include <algorithm>
#include <new>

#include "base/result.h"
#include "memory/small_blocks.h"
#include "objects/dict.h"
#include "runtime/runtime.h"

namespace gill {

DictState& dict_state() {
  Interpreter* interpreter = current_interpreter();
  if (!interpreter->dicts) [[unlikely]] {
    void* memory = PyMem_RawMalloc(sizeof(DictState));
    if (!memory) Py_FatalError("no memory for the interpreter's dict state");
    interpreter->dicts = new (memory) DictState();
  }
  return *interpreter->dicts;
}

void finish_dicts(Interpreter* interpreter) {
  PyMem_RawFree(interpreter->dicts);
  interpreter->dicts = nullptr;
}

uint32_t keys_version(DictKeys* keys) {
  if (!keys->version && keys != empty_keys()) {
    // Once all numbers are used no more caches are filled; 0 is never equal to a cached one.
    if (g_runtime.next_keys_version) keys->version = g_runtime.next_keys_version++;
  }
  return keys->version;
}

namespace {

inline constexpr uint8_t kSmallestLog2 = 3;

// Two thirds of the places may be taken.
constexpr Py_ssize_t usable_of(uint8_t log2_size) { return ((Py_ssize_t{1} << log2_size) << 1) / 3; }

uint8_t log2_for(Py_ssize_t capacity) {
  uint8_t log2_size = kSmallestLog2;
  while (usable_of(log2_size) < capacity) ++log2_size;
  return log2_size;
}

// Calls with the index, whose type says how wide its entry numbers are, so that a loop over places asks once.
template <class Call>
[[gnu::always_inline]] inline auto with_index(DictKeys* keys, Call call) {
  switch (keys->index_width) {
    case 1: return call(reinterpret_cast<int8_t*>(keys->data));
    case 2: return call(reinterpret_cast<int16_t*>(keys->data));
    case 4: return call(reinterpret_cast<int32_t*>(keys->data));
    default: return call(reinterpret_cast<int64_t*>(keys->data));
  }
}

// Enters entry i, which the table does not have, at the first free place of its hash.
void enter_index(DictKeys* keys, Py_hash_t hash, Py_ssize_t i) {
  with_index(keys, [=](auto* index) {
    Probe probe(keys, hash);
    while (index[probe.place] >= 0) probe.next();
    index[probe.place] = static_cast<std::remove_reference_t<decltype(*index)>>(i);
  });
}

Py_hash_t hash_at(DictKeys* keys, Py_ssize_t i) {
  return keys->unicode ? reinterpret_cast<PyASCIIObject*>(unicode_entries(keys)[i].key)->hash : general_entries(keys)[i].hash;
}

// Moves the live entries into a new table with room for `capacity`.
Status rebuild(PyDictObject* dict, Py_ssize_t capacity, bool unicode) {
  DictKeys* old = dict->ma_keys;
  DictKeys* fresh = TRY(new_keys(capacity, unicode));
  Py_ssize_t count = 0;
  for (Py_ssize_t i = 0; i < old->entries; ++i) {
    PyObject *key, *value;
    Py_hash_t hash;
    if (old->unicode) {
      UnicodeEntry& entry = unicode_entries(old)[i];
      if (!entry.value) continue;
      key = entry.key;
      value = entry.value;
      hash = reinterpret_cast<PyASCIIObject*>(key)->hash;
    } else {
      GeneralEntry& entry = general_entries(old)[i];
      if (!entry.value) continue;
      key = entry.key;
      value = entry.value;
      hash = entry.hash;
    }
    if (unicode) unicode_entries(fresh)[count] = {key, value};
    else general_entries(fresh)[count] = {key, value, hash};
    enter_index(fresh, hash, count++);
  }
  fresh->entries = count;
  fresh->usable -= count;
  dict->ma_keys = fresh;
  free_keys(old);
  return Status::ok;
}

}  // namespace

// The table that all empty dicts share: it has room for nothing, so that the first insertion makes a real one.
struct EmptyKeys {
  uint8_t log2_size;
  uint8_t index_width;
  bool unicode;
  uint32_t version;
  Py_ssize_t usable;
  Py_ssize_t entries;
  int8_t index[8];
};
static_assert(offsetof(EmptyKeys, index) == offsetof(DictKeys, data));
static const EmptyKeys kEmptyKeys = {3, 1, true, 0, 0, 0, {-1, -1, -1, -1, -1, -1, -1, -1}};

DictKeys* empty_keys() { return reinterpret_cast<DictKeys*>(const_cast<EmptyKeys*>(&kEmptyKeys)); }

namespace {

[[gnu::always_inline]] inline DictKeys* make_keys(uint8_t log2_size, uint8_t width, bool unicode) {
  Py_ssize_t usable = usable_of(log2_size);
  size_t index = static_cast<size_t>(width) << log2_size;
  size_t entry = unicode ? sizeof(UnicodeEntry) : sizeof(GeneralEntry);
  size_t bytes = sizeof(DictKeys) + index + static_cast<size_t>(usable) * entry;
  auto* keys = static_cast<DictKeys*>(bytes <= kSmallStepLimit ? allocate_small_plain(widened(bytes)) : PyObject_Malloc(bytes));
  if (!keys) {
    PyErr_NoMemory();
    return nullptr;
  }
  keys->log2_size = log2_size;
  keys->index_width = width;
  keys->unicode = unicode;
  keys->version = 0;
  keys->usable = usable;
  keys->entries = 0;
  std::memset(keys->data, 0xff, index);
  return keys;
}

}  // namespace

DictKeys* new_keys(Py_ssize_t capacity, bool unicode) {
  // By far the most frequent, with nothing to compute.
  if (capacity <= usable_of(kSmallestLog2)) return unicode ? make_keys(kSmallestLog2, 1, true) : make_keys(kSmallestLog2, 1, false);
  if (capacity > (PY_SSIZE_T_MAX >> 6)) {
    PyErr_NoMemory();
    return nullptr;
  }
  uint8_t log2_size = log2_for(capacity);
  uint8_t width = log2_size < 8 ? 1 : log2_size < 16 ? 2 : log2_size < 32 ? 4 : 8;
  return make_keys(log2_size, width, unicode);
}

void free_keys(DictKeys* keys) {
  if (keys != empty_keys()) free_plain(keys);
}

bool keys_append_name(DictKeys* keys, PyObject* name, Py_hash_t hash) {
  if (keys->usable <= 0) return false;
  Py_ssize_t i = keys->entries;
  unicode_entries(keys)[i] = {borrow(name).release(), nullptr};
  enter_index(keys, hash, i);
  ++keys->entries;
  --keys->usable;
  keys->version = 0;
  return true;
}

namespace {

// Calls with the key of each entry in the places of the hash until that gives true: that entry, or kEmpty.
template <class Call>
[[gnu::always_inline]] inline Py_ssize_t probe_str(DictKeys* keys, Py_hash_t hash, Call call) {
  return with_index(keys, [=](auto* index) -> Py_ssize_t {
    const UnicodeEntry* entries = unicode_entries(keys);
    for (Probe probe(keys, hash);; probe.next()) {
      Py_ssize_t i = index[probe.place];
      if (i >= 0) {
        if (call(entries[i].key)) return i;
      } else if (i == kEmpty) {
        return kEmpty;
      }
    }
  });
}

[[gnu::noinline]] Py_ssize_t find_equal_str(DictKeys* keys, PyObject* key, Py_hash_t hash) {
  return probe_str(keys, hash, [=](PyObject* candidate) {
    return candidate == key || (reinterpret_cast<PyASCIIObject*>(candidate)->hash == hash && same_str(candidate, key));
  });
}

}  // namespace

Py_ssize_t find_str(DictKeys* keys, PyObject* key, Py_hash_t hash) {
  // Most keys are the very object in the table; a text is compared apart, so that this needs no native frame.
  bool equal_hash = false;
  Py_ssize_t i = probe_str(keys, hash, [&](PyObject* candidate) {
    return candidate == key || (equal_hash = reinterpret_cast<PyASCIIObject*>(candidate)->hash == hash);
  });
  if (equal_hash) [[unlikely]] return find_equal_str(keys, key, hash);
  return i;
}

namespace {

[[gnu::noinline]] Py_ssize_t find_comparing(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject** value) {
start:
  DictKeys* keys = dict->ma_keys;
  if (keys->unicode && PyUnicode_CheckExact(key)) return dict_find(dict, key, hash, value);
  for (Probe probe(keys, hash);; probe.next()) {
    Py_ssize_t i = get_index(keys, probe.place);
    if (i == kEmpty) {
      *value = nullptr;
      return kEmpty;
    }
    if (i < 0) continue;
    PyObject* candidate = keys->unicode ? unicode_entries(keys)[i].key : general_entries(keys)[i].key;
    PyObject* found = keys->unicode ? unicode_entries(keys)[i].value : general_entries(keys)[i].value;
    if (candidate == key) {
      *value = found;
      return i;
    }
    if (hash_at(keys, i) != hash) continue;
    Ref<> hold = borrow(candidate);
    int equal = PyObject_RichCompareBool(candidate, key, Py_EQ);
    if (equal < 0) {
      *value = nullptr;
      return kLookupError;
    }
    // The comparison may have changed the dict: look again then.
    if (dict->ma_keys != keys) goto start;
    PyObject* now = keys->unicode ? unicode_entries(keys)[i].key : general_entries(keys)[i].key;
    if (i >= keys->entries || now != candidate) goto start;
    if (equal) {
      *value = keys->unicode ? unicode_entries(keys)[i].value : general_entries(keys)[i].value;
      if (!*value) goto start;
      return i;
    }
  }
}

}  // namespace

Py_ssize_t dict_find(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject** value) {
  DictKeys* keys = dict->ma_keys;
  if (!keys->unicode || !PyUnicode_CheckExact(key)) return find_comparing(dict, key, hash, value);
  Py_ssize_t i = find_str(keys, key, hash);
  *value = i >= 0 ? unicode_entries(keys)[i].value : nullptr;
  return i;
}

namespace {

// A dict is not tracked until it holds something that could be part of a cycle.
[[gnu::noinline]] void track_slowly(PyDictObject* dict, PyObject* key, PyObject* value) {
  auto could_cycle = [](PyObject* o) { return PyObject_IS_GC(o) && (!PyTuple_CheckExact(o) || PyObject_GC_IsTracked(o)); };
  if (!PyObject_GC_IsTracked(as_object(dict)) && (could_cycle(value) || (!PyUnicode_CheckExact(key) && could_cycle(key)))) {
    PyObject_GC_Track(dict);
  }
}
inline void track_for(PyDictObject* dict, PyObject* key, PyObject* value) {
  auto collectable = [](PyObject* o) { return PyType_HasFeature(Py_TYPE(o), Py_TPFLAGS_HAVE_GC); };
  if (collectable(value) || collectable(key)) track_slowly(dict, key, value);
}

// Replaces the value of entry i.
inline void replace_value(PyDictObject* dict, Py_ssize_t i, PyObject* value) {
  DictKeys* keys = dict->ma_keys;
  PyObject*& place = keys->unicode ? unicode_entries(keys)[i].value : general_entries(keys)[i].value;
  if (place == value) return;
  dict->ma_version_tag = dict_state().next_dict_version++;
  retain(value);
  gill::release(std::exchange(place, value));
}

// Room for another entry, and entries that the key fits into.
[[gnu::noinline]] Status make_room(PyDictObject* dict, bool exact_str) {
  DictKeys* keys = dict->ma_keys;
  if (keys == empty_keys()) {
    dict->ma_keys = TRY(new_keys(1, exact_str));
    return Status::ok;
  }
  if (keys->unicode && !exact_str) {
    Py_ssize_t room = keys->usable > 0 ? keys->usable + keys->entries : dict->ma_used * 2;
    return rebuild(dict, std::max<Py_ssize_t>(room, dict->ma_used + 1), false);
  }
  // Room for twice the live entries, which is three slots for each; a table full of deleted ones may stay as large.
  return rebuild(dict, std::max<Py_ssize_t>(dict->ma_used * 2, dict->ma_used + 1), keys->unicode);
}

// The entry is there already, or comparing may run code that drops key and value.
[[gnu::noinline]] int insert_comparing(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject* value) {
  Ref<> own_key = borrow(key), own_value = borrow(value);
  PyObject* old;
  Py_ssize_t i = dict_find(dict, key, hash, &old);
  if (i == kLookupError) return -1;
  if (i < 0) return dict_insert_absent(dict, key, hash, value);
  track_for(dict, key, value);
  replace_value(dict, i, value);
  return 0;
}

}  // namespace

int dict_insert(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject* value) {
  DictKeys* keys = dict->ma_keys;
  if (keys->entries == 0) return dict_insert_absent(dict, key, hash, value);
  Py_ssize_t i;
  if (!keys->unicode) {
    GeneralEntry* entries = general_entries(keys);
    for (Probe probe(keys, hash);; probe.next()) {
      i = get_index(keys, probe.place);
      if (i == kEmpty || (i >= 0 && entries[i].key == key)) break;
      if (i >= 0 && entries[i].hash == hash) return insert_comparing(dict, key, hash, value);
    }
  } else {
    if (!PyUnicode_CheckExact(key)) return insert_comparing(dict, key, hash, value);
    i = find_str(keys, key, hash);
  }
  if (i < 0) return dict_insert_absent(dict, key, hash, value);
  track_for(dict, key, value);
  replace_value(dict, i, value);
  return 0;
}

int dict_insert_absent(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject* value) {
  track_for(dict, key, value);
  DictKeys* keys = dict->ma_keys;
  bool exact_str = PyUnicode_CheckExact(key);
  if (keys->usable <= 0 || keys->unicode > exact_str) [[unlikely]] {
    if (make_room(dict, exact_str) == Status::error) return -1;
    keys = dict->ma_keys;
  }
  retain(key);
  retain(value);
  Py_ssize_t i = keys->entries++;
  enter_index(keys, hash, i);
  if (keys->unicode) unicode_entries(keys)[i] = {key, value};
  else general_entries(keys)[i] = {key, value, hash};
  --keys->usable;
  keys->version = 0;
  ++dict->ma_used;
  dict->ma_version_tag = dict_state().next_dict_version++;
  return 0;
}

namespace {

// A table of n interned strings that differ from each other, and their values, which it takes over. Null without an exception when the
// names are something else; null with MemoryError.
DictKeys* keys_of_names(PyObject* const* names, PyObject** values, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!PyUnicode_CheckExact(names[i]) || !PyUnicode_CHECK_INTERNED(names[i])) return nullptr;
  }
  DictKeys* keys = new_keys(n, true);
  if (!keys) return nullptr;
  UnicodeEntry* entries = unicode_entries(keys);
  bool all_differ = with_index(keys, [=](auto* index) {
    for (Py_ssize_t i = 0; i < n; ++i) {
      Probe probe(keys, str_hash(names[i]));
      // Interned: equal names are one object.
      for (; index[probe.place] >= 0; probe.next()) {
        if (entries[index[probe.place]].key == names[i]) return false;
      }
      index[probe.place] = static_cast<std::remove_reference_t<decltype(*index)>>(i);
      entries[i] = {names[i], values[i]};
    }
    return true;
  });
  if (!all_differ) {
    free_keys(keys);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < n; ++i) retain(names[i]);
  keys->entries = n;
  keys->usable -= n;
  return keys;
}

}  // namespace

Ref<> dict_from_names(PyObject* const* names, PyObject** values, Py_ssize_t n) {
  Ref<PyDictObject> dict = TRY(new_dict(&PyDict_Type));
  DictKeys* keys = TRY(keys_of_names(names, values, n));
  dict->ma_keys = keys;
  dict->ma_used = n;
  for (Py_ssize_t i = 0; i < n; ++i) track_for(dict.get(), names[i], values[i]);
  return dict;
}

// Takes entry i, whose hash is given, out. The caller releases what it gets.
void dict_take_entry(PyDictObject* dict, Py_ssize_t i, Py_hash_t hash, PyObject** key, PyObject** value) {
  DictKeys* keys = dict->ma_keys;
  Probe probe(keys, hash);
  while (get_index(keys, probe.place) != i) probe.next();
  set_index(keys, probe.place, kDummy);
  if (keys->unicode) {
    UnicodeEntry& entry = unicode_entries(keys)[i];
    *key = entry.key;
    *value = entry.value;
    entry = {};
  } else {
    GeneralEntry& entry = general_entries(keys)[i];
    *key = entry.key;
    *value = entry.value;
    entry = {};
  }
  --dict->ma_used;
  keys->version = 0;
  dict->ma_version_tag = dict_state().next_dict_version++;
}

Py_hash_t dict_hash_at(DictKeys* keys, Py_ssize_t i) { return hash_at(keys, i); }

int dict_reserve(PyDictObject* dict, Py_ssize_t more) {
  if (dict->ma_keys->usable >= more) return 0;
  return static_cast<int>(rebuild(dict, dict->ma_used + more, dict->ma_keys->unicode));
}

}  // namespace gill
