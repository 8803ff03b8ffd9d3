// Memory of floats and of ints of at most two digits.
#pragma once

#include <Python.h>

#include "memory/small_blocks.h"

namespace gill {

inline constexpr size_t kFloatSize = sizeof(PyFloatObject);
inline constexpr size_t kWordIntSize = sizeof(PyLongObject);  // has room for a second digit

// Null with MemoryError.
template <size_t kSize>
inline void* allocate_number() {
  void* memory = allocate_small_plain(kSize);
  return memory ? memory : PyErr_NoMemory();
}

// tp_dealloc of int and float.
template <PyTypeObject* kType>
void number_dealloc(PyObject* self) {
  if (!Py_IS_TYPE(self, kType)) [[unlikely]] return Py_TYPE(self)->tp_free(self);
  free_plain(self);
}

}  // namespace gill
