// Fast paths of list for other files.
#pragma once

#include "base/result.h"

namespace gill {

// A list that is made with a few items has them behind itself in its slot, until it grows. It does not come back to that place.
inline constexpr Py_ssize_t kMostInlineItems = 4;
constexpr size_t inline_list_bytes(size_t n) { return sizeof(PyListObject) + n * sizeof(PyObject*); }
inline PyObject** inline_items(PyListObject* list) { return reinterpret_cast<PyObject**>(list + 1); }
inline bool has_inline_items(PyListObject* list) { return list->ob_item == inline_items(list); }

// Makes room for `size` items and sets the length; new places are not initialized.
Status list_resize(PyListObject* list, Py_ssize_t size);

// Appends, taking the reference over.
inline Status list_append_steal(PyListObject* list, PyObject* item) {
  Py_ssize_t n = list->ob_base.ob_size;
  if (n < list->allocated) [[likely]] {
    list->ob_base.ob_size = n + 1;
  } else if (list_resize(list, n + 1) == Status::error) {
    release(item);
    return Status::error;
  }
  list->ob_item[n] = item;
  return Status::ok;
}

// A list that takes over the items: `count` owned references, given up in any case.
Ref<> list_steal_items(PyObject** items, Py_ssize_t count);

// list.sort(): stable, in place. `key` may be null.
Status list_sort(PyListObject* list, PyObject* key, bool reverse);
void reverse_items(PyObject** items, Py_ssize_t n);

}  // namespace gill
