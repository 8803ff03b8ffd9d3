#include "objects/set_table.h"

#include <cstring>

#include "objects/dict_table.h"

namespace gill {

constinit PyObject g_set_dummy = {.ob_refcnt = kImmortalCount, .ob_type = &PyBaseObject_Type};

namespace {

inline constexpr Py_ssize_t kSmall = PySet_MINSIZE;

// The places where an entry may be: runs of neighbours, which share cache lines, then a jump that brings in more of the
// hash. Programs see the order in which sets iterate, so that the sequence is the reference's.
struct SetProbe {
  static constexpr size_t kRun = 9;
  size_t mask, base, place, last, perturb;
  SetProbe(Py_ssize_t table_mask, Py_hash_t hash) : mask(static_cast<size_t>(table_mask)), perturb(static_cast<size_t>(hash)) {
    enter(perturb & mask);
  }
  void next() {
    if (place < last) {
      ++place;
      return;
    }
    perturb >>= 5;
    enter((base * 5 + 1 + perturb) & mask);
  }

 private:
  void enter(size_t start) {
    base = place = start;
    last = start + kRun <= mask ? start + kRun : start;
  }
};

// Puts the entries of another table, `count` of them living, into an empty one that has room, without comparing.
template <bool kRetain>
void fill_clean(PySetObject* set, const setentry* from, Py_ssize_t count) {
  setentry* table = set->table;
  const Py_ssize_t mask = set->mask;
  for (Py_ssize_t left = count; left > 0; ++from) {
    if (!from->key || from->key == set_dummy()) continue;
    SetProbe probe(mask, from->hash);
    while (table[probe.place].key) probe.next();
    if (kRetain) retain(from->key);
    table[probe.place] = *from;
    --left;
  }
  set->fill = set->used = count;
}

Status rebuild(PySetObject* set, Py_ssize_t wanted) {
  Py_ssize_t size = kSmall;
  while (size <= wanted) size <<= 1;
  setentry* old = set->table;
  if (size == kSmall && old == set->smalltable && set->fill == set->used) return Status::ok;
  setentry small_copy[kSmall];
  setentry* table;
  if (size == kSmall) {
    table = set->smalltable;
    if (old == table) {
      std::memcpy(small_copy, table, sizeof(small_copy));
      old = small_copy;
    }
  } else {
    table = PyMem_New(setentry, size);
    if (!table) {
      PyErr_NoMemory();
      return failure;
    }
  }
  std::memset(table, 0, sizeof(setentry) * static_cast<size_t>(size));
  set->table = table;
  set->mask = size - 1;
  fill_clean<false>(set, old, set->used);
  if (old != small_copy && old != set->smalltable) PyMem_Free(old);
  return Status::ok;
}

}  // namespace

Py_hash_t set_key_hash(PyObject* key) { return PyUnicode_CheckExact(key) ? str_hash(key) : PyObject_Hash(key); }

namespace {

// Whether the entry, whose hash is equal, has this key; no answer when the set changed while comparing.
enum class Same { no, yes, changed, error };
[[gnu::noinline]] Same compare_slowly(PySetObject* set, setentry* entry, PyObject* key) {
  setentry* table = set->table;
  Py_ssize_t mask = set->mask;
  Ref<> candidate = borrow(entry->key);
  int equal = PyObject_RichCompareBool(candidate.get(), key, Py_EQ);
  if (equal < 0) return Same::error;
  if (set->table != table || set->mask != mask || entry->key != candidate.get()) return Same::changed;
  return equal ? Same::yes : Same::no;
}
inline Same compare(PySetObject* set, setentry* entry, PyObject* key) {
  if (entry->key == set_dummy()) return Same::no;
  if (PyUnicode_CheckExact(key) && PyUnicode_CheckExact(entry->key)) return same_str(key, entry->key) ? Same::yes : Same::no;
  return compare_slowly(set, entry, key);
}

}  // namespace

setentry* set_find(PySetObject* set, PyObject* key, Py_hash_t hash) {
start:
  setentry* table = set->table;
  for (SetProbe probe(set->mask, hash);; probe.next()) {
    setentry* entry = &table[probe.place];
    if (!entry->key || entry->key == key) return entry;
    if (entry->hash != hash) continue;
    Same same = compare(set, entry, key);
    if (same == Same::yes) return entry;
    if (same == Same::changed) goto start;
    if (same == Same::error) return nullptr;
  }
}

Status set_add(PySetObject* set, PyObject* key, Py_hash_t hash) {
  Ref<> hold;  // of the key once something was compared, which may drop it
start:
  setentry* deleted = nullptr;
  setentry* entry;
  for (SetProbe probe(set->mask, hash);; probe.next()) {
    entry = &set->table[probe.place];
    if (!entry->key) break;
    if (entry->key == key) return Status::ok;
    if (entry->hash == hash) {
      if (!hold) hold = borrow(key);
      Same same = compare(set, entry, key);
      if (same == Same::yes) return Status::ok;
      if (same == Same::changed) goto start;
      if (same == Same::error) return failure;
    }
    // A deleted entry on the way is used again: the last one, as in the reference.
    if (entry->key == set_dummy()) deleted = entry;
  }
  // A comparison may have put another key there meanwhile.
  if (deleted && deleted->key == set_dummy()) entry = deleted;
  else ++set->fill;
  bool filled = entry != deleted;
  retain(key);
  *entry = {key, hash};
  ++set->used;
  if (!filled || set->fill * 5 < set->mask * 3) return Status::ok;
  return rebuild(set, set->used > 50000 ? set->used * 2 : set->used * 4);
}

Maybe<bool> set_discard(PySetObject* set, PyObject* key, Py_hash_t hash) {
  setentry* entry = set_find(set, key, hash);
  if (!entry) return failure;
  if (!entry->key) return false;
  Ref<> old = steal(entry->key);
  entry->key = set_dummy();
  entry->hash = -1;
  --set->used;
  return true;
}

Status set_drop_deleted(PySetObject* set) {
  if (set->fill - set->used <= set->mask / 4) return Status::ok;
  return rebuild(set, set->used > 50000 ? set->used * 2 : set->used * 4);
}

void set_clear(PySetObject* set) {
  setentry* table = set->table;
  if (set->fill == 0 && table == set->smalltable) return;
  Py_ssize_t mask = set->mask;
  setentry small_copy[kSmall];
  if (table == set->smalltable) {
    std::memcpy(small_copy, table, sizeof(small_copy));
    table = small_copy;
  }
  // The set is empty before anything is released.
  std::memset(set->smalltable, 0, sizeof(set->smalltable));
  set->table = set->smalltable;
  set->mask = kSmall - 1;
  set->fill = set->used = set->finger = 0;
  set->hash = -1;
  for (Py_ssize_t i = 0; i <= mask; ++i) {
    if (table[i].key && table[i].key != set_dummy()) release(table[i].key);
  }
  if (table != small_copy) PyMem_Free(table);
}

void set_free_table(PySetObject* set) {
  setentry* entry = set->table;
  for (Py_ssize_t left = set->used; left > 0; ++entry) {
    if (!entry->key || entry->key == set_dummy()) continue;
    release(entry->key);
    --left;
  }
  if (set->table != set->smalltable) PyMem_Free(set->table);
}

bool set_next(PySetObject* set, Py_ssize_t* position, setentry** entry) {
  for (Py_ssize_t i = *position; i <= set->mask; ++i) {
    if (!set->table[i].key || set->table[i].key == set_dummy()) continue;
    *position = i + 1;
    *entry = &set->table[i];
    return true;
  }
  *position = set->mask + 1;
  return false;
}

Status set_update(PySetObject* set, PyObject* iterable) {
  if (PyAnySet_Check(iterable)) {
    auto* other = reinterpret_cast<PySetObject*>(iterable);
    if (other == set || other->used == 0) return Status::ok;
    if ((set->fill + other->used) * 5 >= set->mask * 3) TRY(rebuild(set, (set->used + other->used) * 2));
    if (set->fill == 0 && set->mask == other->mask && other->fill == other->used) {
      for (Py_ssize_t i = 0; i <= other->mask; ++i) {
        if (other->table[i].key) retain(other->table[i].key);
        set->table[i] = other->table[i];
      }
      set->fill = set->used = other->used;
      return Status::ok;
    }
    if (set->fill == 0) {
      fill_clean<true>(set, other->table, other->used);
      return Status::ok;
    }
    Py_ssize_t position = 0;
    setentry* entry;
    while (set_next(other, &position, &entry)) TRY(set_add(set, entry->key, entry->hash));
    return Status::ok;
  }
  if (PyDict_CheckExact(iterable)) {
    Py_ssize_t more = PyDict_GET_SIZE(iterable);
    if ((set->fill + more) * 5 >= set->mask * 3) TRY(rebuild(set, (set->used + more) * 2));
    Py_ssize_t position = 0;
    PyObject *key, *value;
    Py_hash_t hash;
    while (_PyDict_Next(iterable, &position, &key, &value, &hash)) TRY(set_add(set, key, hash));
    return Status::ok;
  }
  auto add = [set](PyObject* key) -> Status {
    Py_hash_t hash = set_key_hash(key);
    if (hash == -1) return failure;
    return set_add(set, key, hash);
  };
  if (PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable)) {
    // Hashing and comparing may change a list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(iterable); ++i) {
      Ref<> key = borrow(PySequence_Fast_GET_ITEM(iterable, i));
      TRY(add(key.get()));
    }
    return Status::ok;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  while (Ref<> key = steal(PyIter_Next(iterator.get()))) TRY(add(key.get()));
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Ref<PySetObject> new_set(PyTypeObject* type, PyObject* iterable) {
  Ref<PySetObject> set = TRY(Ref<PySetObject>::steal(type->tp_alloc(type, 0)));
  set->fill = set->used = set->finger = 0;
  set->mask = kSmall - 1;
  set->table = set->smalltable;
  set->hash = -1;
  set->weakreflist = nullptr;
  if (iterable) TRY(set_update(set.get(), iterable));
  return set;
}

}  // namespace gill
