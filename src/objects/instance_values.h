// The values array of an instance, for objects/instance.cpp and the evaluation loop's inline caches.
//
// Slot i holds the attribute whose name is entry i of the class's shared keys. `order` remembers in which
// order the attributes were set, for the dict that the instance may turn into. The array stands behind the
// object in the same block; when the class learns more names than it has room for, it moves to a block of
// its own.
#pragma once

#include <Python.h>

#include <cstdint>

#include "objects/dict_table.h"

namespace gill {

inline constexpr int kMostSharedKeys = 30;

struct alignas(8) InstanceValues {
  uint8_t capacity;
  uint8_t size;  // attributes set
  uint8_t order[];

  static constexpr size_t header(size_t capacity) { return (2 + capacity + 7) / 8 * 8; }
  static constexpr size_t bytes(size_t capacity) { return header(capacity) + capacity * sizeof(PyObject*); }
  PyObject** slots() { return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(this) + header(capacity)); }
};

// The word in front of an instance: its values, or its dict, which may be null. The lowest bit is set for values. So the place of
// a dict can be handed out (`_PyObject_GetDictPtr`), and then stays one.
class InstancePrefix {
 public:
  bool has_values() const { return word_ & 1; }
  // Null where there is a dict, or a place for one.
  InstanceValues* values() const { return has_values() ? reinterpret_cast<InstanceValues*>(word_ - 1) : nullptr; }
  PyObject* dict() const { return has_values() ? nullptr : reinterpret_cast<PyObject*>(word_); }
  void set_values(const InstanceValues* values) { word_ = reinterpret_cast<uintptr_t>(values) + 1; }
  void set_dict(PyObject* dict) { word_ = reinterpret_cast<uintptr_t>(dict); }
  PyObject** dict_place() { return reinterpret_cast<PyObject**>(&word_); }

 private:
  uintptr_t word_;
};
inline InstancePrefix* prefix_of(PyObject* self) { return reinterpret_cast<InstancePrefix*>(self) - 1; }

// Null for types that an extension filled in and made ready itself: their instances have only dictionaries.
inline DictKeys* shared_keys(PyTypeObject* type) { return reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys; }

}  // namespace gill
