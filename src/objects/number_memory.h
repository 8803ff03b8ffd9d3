// Memory of floats and of ints of at most two digits, for which nothing is as short as taking the slot that was freed last.
#pragma once

#include <Python.h>

#include "memory/heap.h"
#include "memory/hooks.h"

namespace gill {

inline constexpr size_t kNumberSize = 32;
static_assert(sizeof(PyFloatObject) <= kNumberSize && sizeof(PyLongObject) <= kNumberSize);

// Null where PyObject_Malloc() has to be asked.
[[gnu::always_inline]] inline void* recent_number_memory() {
  if (g_allocators_replaced || !t_heap) [[unlikely]] return nullptr;
  return t_heap->take_recent(Kind::plain, class_of(kNumberSize));
}

// Null with MemoryError.
inline void* allocate_number() {
  void* memory = recent_number_memory();
  if (!memory) memory = PyObject_Malloc(kNumberSize);
  return memory ? memory : PyErr_NoMemory();
}

[[gnu::always_inline]] inline void free_number(void* number) {
  if (!g_allocators_replaced && t_heap && g_heap_range.contains(number) && t_heap->put_recent(Kind::plain, class_of(kNumberSize), number)) [[likely]] return;
  PyObject_Free(number);
}

// tp_dealloc of int and float.
template <PyTypeObject* kType>
void number_dealloc(PyObject* self) {
  if (Py_IS_TYPE(self, kType)) [[likely]] return free_number(self);
  Py_TYPE(self)->tp_free(self);
}

}  // namespace gill
