// Memory of floats and of ints of at most two digits, for which nothing is as short as taking the slot that was freed last.
#pragma once

#include <Python.h>

#include "memory/heap.h"
#include "memory/hooks.h"
#include "memory/objects.h"

namespace gill {

inline constexpr size_t kFloatSize = sizeof(PyFloatObject);
inline constexpr size_t kWordIntSize = sizeof(PyLongObject);  // has room for a second digit

// Null where the heap has more to do.
template <size_t kSize>
[[gnu::always_inline]] inline void* recent_number_memory() {
  if (g_allocators_replaced || !t_heap) [[unlikely]] return nullptr;
  return t_heap->take_recent(Kind::plain, class_of(kSize));
}

// Null with MemoryError.
template <size_t kSize>
inline void* allocate_number() {
  void* memory = recent_number_memory<kSize>();
  if (!memory) memory = allocate_plain_object(kSize);
  return memory ? memory : PyErr_NoMemory();
}

[[gnu::always_inline]] inline void free_number(void* number) {
  if (!g_allocators_replaced && t_heap && g_heap_range.contains(number) && t_heap->put_recent(number)) [[likely]] return;
  PyObject_Free(number);
}

// tp_dealloc of int and float.
template <PyTypeObject* kType>
void number_dealloc(PyObject* self) {
  if (Py_IS_TYPE(self, kType)) [[likely]] return free_number(self);
  Py_TYPE(self)->tp_free(self);
}

}  // namespace gill
