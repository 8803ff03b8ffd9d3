// The names of the attributes in an instance's values array (memory/instance_layout.h).
#pragma once

#include <Python.h>

#include "memory/instance_layout.h"
#include "objects/dict_table.h"

namespace gill {

inline constexpr int kMostSharedKeys = 30;

// Null for types that an extension filled in and made ready itself: their instances have only dictionaries.
inline DictKeys* shared_keys(PyTypeObject* type) { return reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys; }

}  // namespace gill
