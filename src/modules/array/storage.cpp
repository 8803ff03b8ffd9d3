// Where an array's items are: allocation, growth, insertion and removal.
#include <cstring>

#include "modules/array/array.h"
#include "objects/buffer_exports.h"

namespace gill::array {
namespace {

Failure no_memory() {
  PyErr_NoMemory();
  return failure;
}

}  // namespace

Failure exported(ArrayObject* self) { return raise_exported(as_object(self), "cannot resize an array that is exporting buffers"); }

Ref<ArrayObject> new_array(PyTypeObject* type, Py_ssize_t n, const Descriptor* descriptor) {
  if (n > PY_SSIZE_T_MAX / descriptor->itemsize) return no_memory();
  Ref<ArrayObject> self = TRY(steal(reinterpret_cast<ArrayObject*>(type->tp_alloc(type, 0))));
  self->descriptor = descriptor;
  if (n > 0) {
    self->items = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(n) * static_cast<size_t>(descriptor->itemsize)));
    if (!self->items) return no_memory();
  }
  self->allocated = n;
  Py_SET_SIZE(self.get(), n);
  return self;
}

Status resize(ArrayObject* self, Py_ssize_t n) {
  if (self->exports > 0 && n != length_of(self)) return exported(self);
  // Enough room, and not far too much of it.
  if (self->allocated >= n && length_of(self) < n + 16 && self->items) {
    Py_SET_SIZE(self, n);
    return Status::ok;
  }
  if (n == 0) {
    PyMem_Free(std::exchange(self->items, nullptr));
    Py_SET_SIZE(self, 0);
    self->allocated = 0;
    return Status::ok;
  }
  // Room for a sixteenth more.
  size_t room = static_cast<size_t>(n >> 4) + (length_of(self) < 8 ? 3 : 7) + static_cast<size_t>(n);
  size_t itemsize = static_cast<size_t>(itemsize_of(self));
  char* items = room <= static_cast<size_t>(PY_SSIZE_T_MAX) / itemsize ? static_cast<char*>(PyMem_Realloc(self->items, room * itemsize)) : nullptr;
  if (!items) return no_memory();
  self->items = items;
  Py_SET_SIZE(self, n);
  self->allocated = static_cast<Py_ssize_t>(room);
  return Status::ok;
}

Status insert_item(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  // The value is judged before anything changes; that can run code, which can change the array.
  TRY(set_item(self, -1, value));
  Py_ssize_t n = length_of(self);
  TRY(resize(self, n + 1));
  if (i < 0) i = std::max<Py_ssize_t>(i + n, 0);
  i = std::min(i, n);
  if (i != n) std::memmove(item_at(self, i + 1), item_at(self, i), bytes_for(self, n - i));
  if (set_item(self, i, value) == Status::ok) return Status::ok;
  return Status::error;
}

Status delete_items(ArrayObject* self, Py_ssize_t start, Py_ssize_t stop) {
  Py_ssize_t n = length_of(self);
  start = std::clamp<Py_ssize_t>(start, 0, n);
  stop = std::clamp(stop, start, n);
  if (start == stop) return Status::ok;
  if (self->exports > 0) return exported(self);
  std::memmove(item_at(self, start), item_at(self, stop), bytes_for(self, n - stop));
  return resize(self, n - (stop - start));
}

Status append_bytes(ArrayObject* self, PyObject* buffer) {
  Py_buffer view;
  TRY(status_of(PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)));
  auto append = [&]() -> Status {
    if (view.itemsize != 1) return raise(PyExc_TypeError, "a bytes-like object is required");
    Py_ssize_t itemsize = itemsize_of(self);
    if (view.len % itemsize) return raise(PyExc_ValueError, "bytes length not a multiple of item size");
    Py_ssize_t n = view.len / itemsize;
    if (n == 0) return Status::ok;
    Py_ssize_t before = length_of(self);
    if (before > PY_SSIZE_T_MAX - n || before + n > PY_SSIZE_T_MAX / itemsize) return no_memory();
    TRY(resize(self, before + n));
    std::memcpy(item_at(self, before), view.buf, bytes_for(self, n));
    return Status::ok;
  };
  Status status = append();
  PyBuffer_Release(&view);
  return status;
}

Status append_text(ArrayObject* self, PyObject* text) {
  Py_ssize_t n = TRY(checked(PyUnicode_AsWideChar(text, nullptr, 0))) - 1;
  if (n <= 0) return Status::ok;
  Py_ssize_t before = length_of(self);
  TRY(resize(self, before + n));
  PyUnicode_AsWideChar(text, reinterpret_cast<wchar_t*>(self->items) + before, n);
  return Status::ok;
}

Status extend_by_iterating(ArrayObject* self, PyObject* iterator) {
  while (Ref<> value = steal(PyIter_Next(iterator))) TRY(insert_item(self, length_of(self), value.get()));
  return PyErr_Occurred() ? Status::error : Status::ok;
}

Status extend_with(ArrayObject* self, PyObject* iterable) {
  if (!is_array(state_of_array(self), iterable)) {
    Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
    return extend_by_iterating(self, iterator.get());
  }
  auto* other = reinterpret_cast<ArrayObject*>(iterable);
  if (self->descriptor != other->descriptor) return raise(PyExc_TypeError, "can only extend with array of same kind");
  Py_ssize_t before = length_of(self), n = length_of(other);
  if (before > PY_SSIZE_T_MAX - n || before + n > PY_SSIZE_T_MAX / itemsize_of(self)) return no_memory();
  // `other` may be the array itself: its items are read where they are after the move.
  TRY(resize(self, before + n));
  if (n > 0) std::memcpy(item_at(self, before), other->items, bytes_for(self, n));
  return Status::ok;
}

Ref<ArrayObject> copy_of(ArrayObject* self, Py_ssize_t start, Py_ssize_t stop) {
  Py_ssize_t n = length_of(self);
  start = std::clamp<Py_ssize_t>(start, 0, n);
  stop = std::clamp(stop, start, n);
  Ref<ArrayObject> copy = TRY(new_array(state_of_array(self).array_type, stop - start, self->descriptor));
  if (stop > start) std::memcpy(copy->items, item_at(self, start), bytes_for(self, stop - start));
  return copy;
}

}  // namespace gill::array
