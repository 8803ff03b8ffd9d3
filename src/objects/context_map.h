// A persistent map from context variables to values.
//
// It is a trie over the bits of a variable's address: each node has up to 32 slots, of which only the occupied ones are stored,
// and a slot holds a variable with its value or another node. Setting a variable copies the nodes on the
// path, at most seven small ones, and shares the rest with the old map; so a Context can be copied in constant time. Since
// variables are compared by identity and the hash of an address is unique, there are no collisions.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

struct ContextMap;  // a node, which is a Python object: the collector walks the trie

// An empty map is a null pointer.
Ref<ContextMap> context_map_set(ContextMap* map, PyObject* variable, PyObject* value);
// The map without the variable, which must be present. May be null (empty) without an exception: `*failed` tells.
Ref<ContextMap> context_map_remove(ContextMap* map, PyObject* variable, bool* failed);
PyObject* context_map_find(ContextMap* map, PyObject* variable);  // borrowed from the map; null when absent
Py_ssize_t context_map_size(ContextMap* map);
// All pairs in a list: variables, values or (variable, value) tuples.
enum class ContextMapPart { variables, values, items };
Ref<> context_map_list(ContextMap* map, ContextMapPart part);
Maybe<bool> context_map_equal(ContextMap* a, ContextMap* b);

}  // namespace gill
