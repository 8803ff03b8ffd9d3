// Objects whose death runs no code but their own: their owner may release them while it is still what it was.
#pragma once

#include <Python.h>

#include "base/ref.h"
#include "objects/number_memory.h"

namespace gill {

// Releases the reference unless that could run code: false, then.
[[gnu::always_inline]] inline bool release_quietly(PyObject* object) {
  if (is_immortal(object) || --object->ob_refcnt != 0) return true;
  PyTypeObject* type = Py_TYPE(object);
  if (__builtin_expect(type == &PyLong_Type, 1) || type == &PyFloat_Type) {
    free_plain(object);
    return true;
  }
  if (type == &PyUnicode_Type || type == &PyBytes_Type) {
    type->tp_dealloc(object);
    return true;
  }
  object->ob_refcnt = 1;
  return false;
}

}  // namespace gill
