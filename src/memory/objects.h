// Allocation of objects by type.
#pragma once

#include <Python.h>

namespace gill {

// Uninitialized memory for an object of one of our own types that is not collectable and has no member wider than a word.
// Null without an exception when memory is exhausted.
void* allocate_plain_object(size_t size);
// Gives such an object another size; it moves where that saves memory, or must. Null without an exception when memory is exhausted
// (the object is as it was, then).
void* resize_plain_object(void* object, size_t size);

// Uninitialized memory for an instance: plain, collectable or with a prefix, as the type's flags say.
// Null with MemoryError. The prefix, if any, is zeroed.
PyObject* allocate_instance(PyTypeObject* type, size_t size);
// Gives back the memory of an object, whatever its kind.
void free_object(void* object);

}  // namespace gill
