// Allocation of objects by type.
#pragma once

#include <Python.h>

namespace gill {

// Uninitialized memory for an instance: plain, collectable or with a prefix, as the type's flags say.
// Null with MemoryError. The prefix, if any, is zeroed.
PyObject* allocate_instance(PyTypeObject* type, size_t size);
// Gives back the memory of an object, whatever its kind.
void free_object(void* object);

}  // namespace gill
