// Tuples and lists of a few items as displays make them: in line, in slots that were freed last.
#pragma once

#include "memory/collectable.h"
#include "objects/list.h"

namespace gill {

// Copies pointers, mostly so few that wide instructions would be the larger part.
[[gnu::always_inline]] inline void copy_few(PyObject** to, PyObject* const* from, Py_ssize_t n) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    to[i] = from[i];
    asm("" : "+r"(i));
  }
}

constexpr size_t tuple_bytes(size_t n) { return offsetof(PyTupleObject, ob_item) + n * sizeof(PyObject*); }

// A tuple that takes over the items, not tracked yet; for n > 0. Null, and nothing is taken, where the heap has more to do.
[[gnu::always_inline]] inline PyObject* recent_tuple(PyObject* const* items, uint32_t n) {
  PyObject* tuple = recent_collectable(tuple_bytes(n));
  if (!tuple) [[unlikely]] return nullptr;
  tuple->ob_refcnt = 1;
  tuple->ob_type = &PyTuple_Type;
  reinterpret_cast<PyVarObject*>(tuple)->ob_size = n;
  copy_few(reinterpret_cast<PyTupleObject*>(tuple)->ob_item, items, n);
  return tuple;
}

// The same for a list with its items inline.
[[gnu::always_inline]] inline PyObject* recent_list(PyObject* const* items, uint32_t n) {
  if (n > kMostInlineItems) return nullptr;
  PyObject* object = recent_collectable(inline_list_bytes(n));
  if (!object) [[unlikely]] return nullptr;
  object->ob_refcnt = 1;
  object->ob_type = &PyList_Type;
  auto* list = reinterpret_cast<PyListObject*>(object);
  list->ob_base.ob_size = list->allocated = n;
  list->ob_item = n ? inline_items(list) : nullptr;
  copy_few(inline_items(list), items, n);
  return object;
}

}  // namespace gill
