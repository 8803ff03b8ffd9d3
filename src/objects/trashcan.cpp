// The trashcan: releasing the head of a chain of a million objects must not recurse a million times.
//
// Deallocators of containers bracket their work with Py_TRASHCAN_BEGIN/END. Beyond a depth the object is put on a list of
// the thread instead of being destroyed, and the outermost deallocator empties the list. The link stands, negated, in the dead object's reference
// count, which so never looks like that of a living object.
#include <Python.h>

#include "base/ref.h"

namespace gill {
namespace {

constexpr int kDepth = 50;

Py_ssize_t link_to(PyObject* next) { return -static_cast<Py_ssize_t>(reinterpret_cast<uintptr_t>(next)); }
PyObject* linked(PyObject* object) { return reinterpret_cast<PyObject*>(static_cast<uintptr_t>(-object->ob_refcnt)); }

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int _PyTrash_begin(PyThreadState* thread, PyObject* object) {
  if (thread->trash_delete_nesting >= kDepth) {
    object->ob_refcnt = link_to(thread->trash_delete_later);
    thread->trash_delete_later = object;
    return 1;
  }
  ++thread->trash_delete_nesting;
  return 0;
}

void _PyTrash_end(PyThreadState* thread) {
  --thread->trash_delete_nesting;
  if (!thread->trash_delete_later || thread->trash_delete_nesting > 0) return;
  while (PyObject* object = thread->trash_delete_later) {
    thread->trash_delete_later = linked(object);
    object->ob_refcnt = 0;
    // Not zero, so that this loop is not entered again below.
    ++thread->trash_delete_nesting;
    Py_TYPE(object)->tp_dealloc(object);
    --thread->trash_delete_nesting;
  }
}

int _PyTrash_cond(PyObject* object, destructor dealloc) { return Py_TYPE(object)->tp_dealloc == dealloc; }

}  // extern "C"
