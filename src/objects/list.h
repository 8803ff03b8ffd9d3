// Fast paths of list for other files.
#pragma once

#include "base/result.h"

namespace gill {

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
