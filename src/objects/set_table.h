// The table inside set and frozenset: open-addressed entries of (key, hash) in the published structure, the first
// eight of them inside the object. A deleted entry keeps a marker as its key until the next rebuild.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

// The key of a deleted entry; never handed out.
extern constinit PyObject g_set_dummy;
inline PyObject* set_dummy() { return &g_set_dummy; }

// The entry of a key (its key null when absent), or null with an exception. Comparing may run any code.
setentry* set_find(PySetObject* set, PyObject* key, Py_hash_t hash);
Status set_add(PySetObject* set, PyObject* key, Py_hash_t hash);
// Takes the key out; false when it was not there.
Maybe<bool> set_discard(PySetObject* set, PyObject* key, Py_hash_t hash);
void set_clear(PySetObject* set);
// Gives back what a set that nobody can reach any more holds.
void set_free_table(PySetObject* set);
// Makes the table smaller when many deleted entries slow it down.
Status set_drop_deleted(PySetObject* set);
// Walks the entries; *position starts at 0.
bool set_next(PySetObject* set, Py_ssize_t* position, setentry** entry);
Status set_update(PySetObject* set, PyObject* iterable);
Ref<PySetObject> new_set(PyTypeObject* type, PyObject* iterable);
Py_hash_t set_key_hash(PyObject* key);

}  // namespace gill
