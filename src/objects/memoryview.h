// What the files about memoryview share: access to single items by format.
#pragma once

#include <Python.h>

#include "base/binding.h"

namespace gill {

using ViewObject = PyMemoryViewObject;

inline Status check_released(const ViewObject* self) {
  if (!(self->flags & _Py_MEMORYVIEW_RELEASED) && !(self->mbuf->flags & _Py_MANAGED_BUFFER_RELEASED)) return Status::ok;
  return raise(PyExc_ValueError, "operation forbidden on released memoryview object");
}

// The character of a native single-item format (`B`, `@i`), or 0.
char native_format(const char* format);
// Its size; -1 when the format is none.
Py_ssize_t native_size(char format);
// The same, or NotImplementedError.
Maybe<char> require_native_format(const ViewObject* self);

Ref<> unpack_item(const char* p, char format);
// Writes a value; `format` is for messages.
Status pack_item(char* p, PyObject* value, char format);
bool items_equal(const char* p, const char* q, char format);

// The place of item `index` in dimension `dimension`.
char* item_pointer(const Py_buffer* view, char* p, Py_ssize_t index, int dimension);

// The view as seen by another type (memoryview_items.cpp, memoryview.cpp).
Ref<ViewObject> add_view(_PyManagedBufferObject* mbuf, const Py_buffer* source);
void update_flags(ViewObject* self);

Ref<> view_subscript(ViewObject* self, PyObject* key);
Status view_ass_subscript(ViewObject* self, PyObject* key, PyObject* value);
Ref<> view_item(ViewObject* self, Py_ssize_t index);
Ref<> view_tolist(ViewObject* self);
Ref<> view_richcompare(PyObject* a, PyObject* b, int op);
Ref<> view_cast(ViewObject* self, PyUnicodeObject* format, PyObject* shape);

}  // namespace gill
