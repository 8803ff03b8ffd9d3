// Attributes of instances of Python classes (types with Py_TPFLAGS_MANAGED_DICT).
//
// One word stands in front of such an object: its array of values, or its dict. While nobody has asked for `__dict__`, attributes
// live in the values array, whose names are the shared keys of the type (`ht_cached_keys`), and which is allocated behind the
// object in the same block. `instance_values.h` is the home of that layout.
#pragma once

#include "base/result.h"

namespace gill {

// The slot of the instance's dict. Attributes that still are in the values array move into a dict first,
// so that the slot tells the whole truth; it stays null for an instance without attributes. Null without an
// exception when the type has no managed dict; null with one when memory runs out.
PyObject** instance_dict_pointer(PyObject* self);

// One attribute of the instance itself (not of its class). Null without an exception when absent; callers
// that care check PyErr_Occurred(), since a name's __eq__ may raise.
Ref<> instance_lookup(PyObject* self, PyObject* name);

// Stores, or deletes when `value` is null. Deleting what is absent fails without an exception set:
// the caller knows the wording.
Status instance_store(PyObject* self, PyObject* name, PyObject* value);

// For tp_clear and tp_dealloc: drops all attributes and the dict.
void instance_clear(PyObject* self);
// For an instance that dies: releases its attributes as long as that runs no code. False: the rest is left to instance_clear().
bool instance_release_quietly(PyObject* self);
int instance_traverse(PyObject* self, visitproc visit, void* arg);

// Bytes that the values array wants behind an instance of the type.
size_t instance_tail_size(PyTypeObject* type);

// Bytes of the values array of this instance, where it has one.
size_t instance_values_size(PyObject* self);

// Sets up the word in front and the values array of a fresh object; its memory is zeroed.
void instance_initialize(PyObject* self);

// A class that gives its instances a managed dict gets its shared keys; a dying class drops them.
Status instance_prepare_type(PyHeapTypeObject* type);
void instance_forget_type(PyHeapTypeObject* type);

}  // namespace gill
