// What the files of dict share, and fast paths for others.
#pragma once

#include "base/result.h"

namespace gill {

enum class Merge { keep, replace, fail };  // what happens to a key that is there already

// The hash of a key, from the str itself where it has one; -1 with an exception.
Py_hash_t key_hash(PyObject* key);
Ref<PyDictObject> new_dict(PyTypeObject* type);
Ref<> copy_dict(PyDictObject* source);
void dict_clear(PyDictObject* dict);
// For a dict that dies: releases its entries and its table as long as that runs no code. False: the rest is left to dict_clear().
bool dict_release_quietly(PyDictObject* dict);
// A dict of n names, and their values, which it takes over. Null without an exception, the values left, when the names are not interned strings that
// differ from each other; null with MemoryError.
Ref<> dict_from_names(PyObject* const* names, PyObject** values, Py_ssize_t n);
// Walks the live entries; *position starts at 0. Everything is borrowed. `hash` may be null.
bool next_entry(PyDictObject* dict, Py_ssize_t* position, PyObject** key, PyObject** value, Py_hash_t* hash);
Status merge_dict(PyDictObject* target, PyDictObject* source, Merge how);
Status merge_mapping(PyObject* target, PyObject* source, Merge how);
// dict_views.cpp
Ref<> dict_iter(PyDictObject* dict);
Ref<> dict_reversed(PyDictObject* dict);
Status merge_pairs(PyObject* target, PyObject* pairs, bool replace);

}  // namespace gill
