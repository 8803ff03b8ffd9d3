// The table inside a dict, for dict itself and for the evaluation loop's inline caches.
//
//   ┌ header ┬ index[2^log2_size] ┬ entry 0 ┬ entry 1 ┬ ...
//
// The index is open-addressed and holds entry numbers of 1, 2, 4 or 8 bytes (kEmpty, kDummy); entries are
// dense and in insertion order, so iteration is a walk over them. While all keys are exact str an entry is
// key and value, the hash being in the str; otherwise it has the hash too.
//
// The place of a hash is its product with the golden ratio, top bits first, which spreads hashes that share
// their low bits; collisions go on by triangular steps, which visit every place of a power-of-two table.
//
// `version` names the set of keys and their entry numbers for inline caches: 0 until a cache asks, and 0 again
// after any change of it. A change of a value keeps it.
//
// A dict is always such a table of its own. Key sharing is for instances (objects/instance.h): a class's
// shared keys are a table whose entries have names only.
#pragma once

#include <Python.h>

#include <cstdint>
#include <cstring>

#include "base/ref.h"

struct _dictkeysobject {
  uint8_t log2_size;
  uint8_t index_width;  // bytes
  bool unicode;         // entries without hash: all keys are exact str
  uint32_t version;
  Py_ssize_t usable;   // entries that may still be added
  Py_ssize_t entries;  // added, deleted ones (key and value null) included
  char data[];
};

namespace gill {

struct Interpreter;
using DictKeys = _dictkeysobject;

struct UnicodeEntry {
  PyObject* key;
  PyObject* value;  // null: deleted
};
struct GeneralEntry {
  PyObject* key;
  PyObject* value;
  Py_hash_t hash;
};

inline constexpr Py_ssize_t kEmpty = -1;
inline constexpr Py_ssize_t kDummy = -2;
inline constexpr Py_ssize_t kLookupError = -3;

inline size_t index_bytes(const DictKeys* keys) { return static_cast<size_t>(keys->index_width) << keys->log2_size; }
// Bytes of the table.
inline size_t keys_size(const DictKeys* keys) {
  size_t entry = keys->unicode ? sizeof(UnicodeEntry) : sizeof(GeneralEntry);
  return sizeof(DictKeys) + index_bytes(keys) + static_cast<size_t>(keys->usable + keys->entries) * entry;
}
inline UnicodeEntry* unicode_entries(DictKeys* keys) { return reinterpret_cast<UnicodeEntry*>(keys->data + index_bytes(keys)); }
inline GeneralEntry* general_entries(DictKeys* keys) { return reinterpret_cast<GeneralEntry*>(keys->data + index_bytes(keys)); }

inline Py_ssize_t get_index(const DictKeys* keys, size_t place) {
  switch (keys->index_width) {
    case 1: return reinterpret_cast<const int8_t*>(keys->data)[place];
    case 2: return reinterpret_cast<const int16_t*>(keys->data)[place];
    case 4: return reinterpret_cast<const int32_t*>(keys->data)[place];
    default: return static_cast<Py_ssize_t>(reinterpret_cast<const int64_t*>(keys->data)[place]);
  }
}
inline void set_index(DictKeys* keys, size_t place, Py_ssize_t entry) {
  switch (keys->index_width) {
    case 1: reinterpret_cast<int8_t*>(keys->data)[place] = static_cast<int8_t>(entry); break;
    case 2: reinterpret_cast<int16_t*>(keys->data)[place] = static_cast<int16_t>(entry); break;
    case 4: reinterpret_cast<int32_t*>(keys->data)[place] = static_cast<int32_t>(entry); break;
    default: reinterpret_cast<int64_t*>(keys->data)[place] = entry; break;
  }
}

// The sequence of places of a hash.
struct Probe {
  size_t mask;
  size_t place;
  size_t step = 0;
  Probe(const DictKeys* keys, Py_hash_t hash)
      : mask((size_t{1} << keys->log2_size) - 1),
        place(static_cast<size_t>((static_cast<uint64_t>(hash) * 0x9E3779B97F4A7C15u) >> (64 - keys->log2_size))) {}
  void next() { place = (place + ++step) & mask; }
};

inline Py_hash_t str_hash(PyObject* text) {
  Py_hash_t hash = reinterpret_cast<PyASCIIObject*>(text)->hash;
  return hash != -1 ? hash : PyObject_Hash(text);
}

inline bool same_str(PyObject* a, PyObject* b) {
  auto* x = reinterpret_cast<PyASCIIObject*>(a);
  auto* y = reinterpret_cast<PyASCIIObject*>(b);
  return x->length == y->length && x->state.kind == y->state.kind &&
         std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(x->length) * x->state.kind) == 0;
}

// The entry of an exact str in a unicode table, or kEmpty. Runs no Python code.
Py_ssize_t find_str(DictKeys* keys, PyObject* key, Py_hash_t hash);

inline DictKeys* keys_of(PyObject* dict) { return reinterpret_cast<PyDictObject*>(dict)->ma_keys; }

// The value of an entry number that a cache remembers under the keys' version.
inline PyObject* value_at(DictKeys* keys, Py_ssize_t entry) {
  return keys->unicode ? unicode_entries(keys)[entry].value : general_entries(keys)[entry].value;
}

// A version for the keys of a dict, to be compared by a cache; 0 when versions are used up.
uint32_t keys_version(DictKeys* keys);

// What a dict remembers for its interpreter.
struct DictState {
  uint64_t next_dict_version = 1;
};
DictState& dict_state();
void finish_dicts(Interpreter* interpreter);

// The entry of `key`, or kEmpty, or kLookupError. `*value` is borrowed, null when absent. A comparison may run any code;
// the answer is for the table as it is afterwards.
Py_ssize_t dict_find(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject** value);
// Stores under a key whose hash is known.
int dict_insert(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject* value);
// The same for a key that the dict is known not to have: compares nothing.
int dict_insert_absent(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject* value);
// A new table of at least `capacity` entries; null with MemoryError. With `names_only` values stay unused.
DictKeys* new_keys(Py_ssize_t capacity, bool unicode);
void free_keys(DictKeys* keys);
// Takes entry i, whose hash is given, out of the dict. The caller releases key and value.
void dict_take_entry(PyDictObject* dict, Py_ssize_t i, Py_hash_t hash, PyObject** key, PyObject** value);
Py_hash_t dict_hash_at(DictKeys* keys, Py_ssize_t i);
// Room for `more` insertions without another growth. 0, or -1 with MemoryError.
int dict_reserve(PyDictObject* dict, Py_ssize_t more);
// The table that all empty dicts share.
DictKeys* empty_keys();
// Adds a name to a table without looking whether it is there; false when it is full.
bool keys_append_name(DictKeys* keys, PyObject* name, Py_hash_t hash);

}  // namespace gill
