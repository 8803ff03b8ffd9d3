// Objects whose death runs no code but their own: their owner may release them while it is still what it was.
#pragma once

#include <Python.h>

#include "base/ref.h"
#include "objects/number_memory.h"

namespace gill {

// Releases the reference unless that could run code: false, then.
[[gnu::always_inline]] inline bool release_quietly(PyObject* object) {
  if (is_immortal(object)) return true;
  if (object->ob_refcnt > 1) {
    --object->ob_refcnt;
    return true;
  }
  PyTypeObject* type = Py_TYPE(object);
  if (type == &PyLong_Type || type == &PyFloat_Type) {
    free_plain(object);
    return true;
  }
  if (type != &PyUnicode_Type && type != &PyBytes_Type) return false;
  object->ob_refcnt = 0;
  type->tp_dealloc(object);
  return true;
}

}  // namespace gill
