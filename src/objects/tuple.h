// Fast paths of tuple for other files.
#pragma once

#include "base/result.h"

namespace gill {

// The one empty tuple.
extern constinit PyTupleObject g_empty_tuple;

// A tuple whose items are null, not tracked by the collector yet. For n > 0.
Ref<PyTupleObject> new_untracked_tuple(Py_ssize_t n);

// A tuple of borrowed items.
Ref<> tuple_from_array(PyObject* const* items, Py_ssize_t n);
// A tuple that takes over the items: `count` owned references, given up in any case.
Ref<> tuple_steal_items(PyObject** items, Py_ssize_t count);
Ref<> tuple_of(Ref<> first, Ref<> second);

}  // namespace gill
