#include "objects/instance.h"

#include "objects/dict.h"
#include "objects/instance_values.h"
#include "objects/quiet.h"

namespace gill {
namespace {

bool is_managed(PyObject* self) { return PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_MANAGED_DICT); }

// What an instance has that has no room for any yet.
constexpr InstanceValues kNoValues = {};

// Whether the values are in the block behind the object.
bool is_inline(PyObject* self, InstanceValues* values) {
  return reinterpret_cast<char*>(values) == reinterpret_cast<char*>(self) + (Py_TYPE(self)->tp_basicsize + 7) / 8 * 8;
}

void free_values(PyObject* self, InstanceValues* values) {
  if (!is_inline(self, values) && values != &kNoValues) PyMem_Free(values);
}

InstanceValues* new_values(size_t capacity) {
  auto* values = static_cast<InstanceValues*>(PyMem_Malloc(InstanceValues::bytes(capacity)));
  if (!values) {
    PyErr_NoMemory();
    return nullptr;
  }
  values->capacity = static_cast<uint8_t>(capacity);
  values->size = 0;
  std::memset(values->slots(), 0, capacity * sizeof(PyObject*));
  return values;
}

// Room for slot `index`.
InstanceValues* grow_values(PyObject* self, InstanceValues* old, Py_ssize_t index) {
  size_t capacity = std::min<size_t>(kMostSharedKeys, std::max<size_t>(4, static_cast<size_t>(index) + 1 + static_cast<size_t>(index) / 2));
  InstanceValues* values = new_values(capacity);
  if (!values) return nullptr;
  values->size = old->size;
  std::memcpy(values->order, old->order, old->size);
  std::memcpy(values->slots(), old->slots(), old->capacity * sizeof(PyObject*));
  free_values(self, old);
  prefix_of(self)->set_values(values);
  return values;
}

// The slot of a name in the shared keys of the type, which learn it; -1 when they cannot, or with an error set.
Py_ssize_t slot_for(PyTypeObject* type, PyObject* name, Py_hash_t hash) {
  auto* heap_type = reinterpret_cast<PyHeapTypeObject*>(type);
  DictKeys* keys = shared_keys(type);
  if (!keys) return -1;
  Py_ssize_t index = find_str(keys, name, hash);
  if (index >= 0) return index;
  if (keys->entries >= kMostSharedKeys) return -1;
  if (keys->usable <= 0) {
    DictKeys* larger = new_keys(keys->entries * 2, true);
    if (!larger) return -1;
    for (Py_ssize_t i = 0; i < keys->entries; ++i) {
      PyObject* known = unicode_entries(keys)[i].key;
      keys_append_name(larger, known, str_hash(known));
      release(known);
    }
    free_keys(keys);
    heap_type->ht_cached_keys = keys = larger;
  }
  PyUnicode_InternInPlace(&name);
  index = keys->entries;
  keys_append_name(keys, name, hash);
  return index;
}

// Moves the attributes into a dict, of an instance that has values. Without attributes and `always` there is a place for one only.
Status materialize(PyObject* self, bool always) {
  InstancePrefix* prefix = prefix_of(self);
  InstanceValues* values = prefix->values();
  if (values->size == 0 && !always) {
    prefix->set_dict(nullptr);
    free_values(self, values);
    return Status::ok;
  }
  Ref<> dict = TRY(steal(_PyDict_NewPresized(values->size)));
  DictKeys* keys = shared_keys(Py_TYPE(self));
  for (int i = 0; i < values->size; ++i) {
    uint8_t slot = values->order[i];
    PyObject* name = unicode_entries(keys)[slot].key;
    TRY(status_of(PyDict_SetItem(dict.get(), name, values->slots()[slot])));
  }
  prefix->set_dict(dict.release());
  for (int i = 0; i < values->size; ++i) release(values->slots()[values->order[i]]);
  free_values(self, values);
  return Status::ok;
}

}  // namespace

PyObject** instance_dict_pointer(PyObject* self) {
  if (!is_managed(self)) return nullptr;
  InstancePrefix* prefix = prefix_of(self);
  if (prefix->has_values() && materialize(self, false) == Status::error) return nullptr;
  return prefix->dict_place();
}

Ref<> instance_lookup(PyObject* self, PyObject* name) {
  InstancePrefix* prefix = prefix_of(self);
  if (InstanceValues* values = prefix->values()) {
    if (values->size == 0) return nullptr;
    if (PyUnicode_CheckExact(name)) {
      Py_ssize_t slot = find_str(shared_keys(Py_TYPE(self)), name, str_hash(name));
      if (slot < 0 || slot >= values->capacity) return nullptr;
      return borrow(values->slots()[slot]);
    }
    // A subclass of str may compare as it likes.
    if (materialize(self, false) == Status::error) return nullptr;
  }
  return prefix->dict() ? borrow(PyDict_GetItemWithError(prefix->dict(), name)) : nullptr;
}

Status instance_store(PyObject* self, PyObject* name, PyObject* value) {
  InstancePrefix* prefix = prefix_of(self);
  InstanceValues* values = prefix->values();
  if (values && PyUnicode_CheckExact(name)) {
    PyTypeObject* type = Py_TYPE(self);
    if (!value) {
      Py_ssize_t slot = values->size ? find_str(shared_keys(type), name, str_hash(name)) : -1;
      if (slot < 0 || slot >= values->capacity || !values->slots()[slot]) return Status::error;
      PyObject* old = std::exchange(values->slots()[slot], nullptr);
      auto* at = static_cast<uint8_t*>(std::memchr(values->order, static_cast<int>(slot), values->size));
      std::memmove(at, at + 1, static_cast<size_t>(values->order + values->size - at - 1));
      --values->size;
      release(old);
      return Status::ok;
    }
    Py_ssize_t slot = slot_for(type, name, str_hash(name));
    if (slot < 0 && PyErr_Occurred()) return Status::error;
    if (slot >= 0) {
      if (slot >= values->capacity) {
        values = grow_values(self, values, slot);
        if (!values) return Status::error;
      }
      PyObject* old = std::exchange(values->slots()[slot], borrow(value).release());
      if (old) release(old);
      else values->order[values->size++] = static_cast<uint8_t>(slot);
      return Status::ok;
    }
  }
  if (values) TRY(materialize(self, true));
  if (!prefix->dict()) prefix->set_dict(TRY(steal(PyDict_New())).release());
  if (value) return status_of(PyDict_SetItem(prefix->dict(), name, value));
  int present = PyDict_Contains(prefix->dict(), name);
  if (present <= 0) return Status::error;
  return status_of(PyDict_DelItem(prefix->dict(), name));
}

bool instance_release_quietly(PyObject* self) {
  InstancePrefix* prefix = prefix_of(self);
  InstanceValues* values = prefix->values();
  if (!values) return !prefix->dict();
  PyObject** slot = values->slots();
  for (PyObject** end = slot + values->capacity; slot < end; ++slot) {
    if (!*slot) continue;
    if (!release_quietly(*slot)) return false;
    *slot = nullptr;
  }
  free_values(self, values);
  return true;
}

void instance_clear(PyObject* self) {
  InstancePrefix* prefix = prefix_of(self);
  InstanceValues* values = prefix->values();
  Ref<> dict = steal(prefix->dict());
  prefix->set_dict(nullptr);
  if (!values) return;
  PyObject** slots = values->slots();
  for (int i = 0; i < values->size; ++i) {
    if (PyObject* value = std::exchange(slots[values->order[i]], nullptr)) release(value);
  }
  free_values(self, values);
}

int instance_traverse(PyObject* self, visitproc visit, void* arg) {
  InstancePrefix* prefix = prefix_of(self);
  if (InstanceValues* values = prefix->values()) {
    for (int i = 0; i < values->size; ++i) Py_VISIT(values->slots()[values->order[i]]);
  } else {
    Py_VISIT(prefix->dict());
  }
  return 0;
}

size_t instance_tail_size(PyTypeObject* type) {
  if (type->tp_itemsize) return 0;
  DictKeys* keys = shared_keys(type);
  if (!keys || keys->entries == 0) return 0;
  size_t padding = static_cast<size_t>((type->tp_basicsize + 7) / 8 * 8 - type->tp_basicsize);
  return padding + InstanceValues::bytes(static_cast<size_t>(keys->entries));
}

size_t instance_values_size(PyObject* self) {
  InstanceValues* values = prefix_of(self)->values();
  return values && values != &kNoValues ? InstanceValues::bytes(values->capacity) : 0;
}

void instance_initialize(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  InstancePrefix* prefix = prefix_of(self);
  prefix->set_values(&kNoValues);
  if (instance_tail_size(type) == 0) return;
  auto* values = reinterpret_cast<InstanceValues*>(reinterpret_cast<char*>(self) + (type->tp_basicsize + 7) / 8 * 8);
  values->capacity = static_cast<uint8_t>(shared_keys(type)->entries);
  prefix->set_values(values);
}

Status instance_prepare_type(PyHeapTypeObject* type) {
  type->ht_cached_keys = TRY(new_keys(1, true));
  return Status::ok;
}

void instance_forget_type(PyHeapTypeObject* type) {
  DictKeys* keys = std::exchange(type->ht_cached_keys, nullptr);
  if (!keys) return;
  for (Py_ssize_t i = 0; i < keys->entries; ++i) release(unicode_entries(keys)[i].key);
  free_keys(keys);
}

}  // namespace gill
