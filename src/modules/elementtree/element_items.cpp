// An Element as a sequence of its children.
#include "modules/elementtree/elementtree.h"

namespace gill::elementtree {

Py_ssize_t element_length(PyObject* self) { return child_count(as_element(self)); }

PyObject* element_item(PyObject* object, Py_ssize_t index) {
  Element* self = as_element(object);
  if (index < 0 || index >= child_count(self)) return raise(PyExc_IndexError, "child index out of range");
  return borrow(self->extra->children[index]).release();
}

PyObject* element_subscript(PyObject* object, PyObject* key) {
  Element* self = as_element(object);
  if (PyIndex_Check(key)) {
    Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    if (index < 0) index += child_count(self);
    return element_item(object, index);
  }
  if (!PySlice_Check(key)) return raise(PyExc_TypeError, "element indices must be integers");
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return nullptr;
  Py_ssize_t count = PySlice_AdjustIndices(child_count(self), &start, &stop, step);
  Ref<> list = TRY(steal(PyList_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(list.get(), i, borrow(self->extra->children[start + i * step]).release());
  return list.release();
}

namespace {

// Takes `count` children from `start` on, `step` apart, out of the array and closes the gaps. The caller gets their references
// in `removed` and lets them go when all is done.
void take_out(Extra* extra, Py_ssize_t start, Py_ssize_t step, Py_ssize_t count, PyObject* removed) {
  if (count == 0) return;
  if (step < 0) {
    start += step * (count - 1);
    step = -step;
  }
  Py_ssize_t to = start;
  for (Py_ssize_t i = 0; i < count; ++i) {
    Py_ssize_t at = start + i * step;
    PyList_SET_ITEM(removed, i, extra->children[at]);
    Py_ssize_t next = i + 1 < count ? at + step : extra->length;
    std::memmove(extra->children + to, extra->children + at + 1, static_cast<size_t>(next - at - 1) * sizeof(PyObject*));
    to += next - at - 1;
  }
  extra->length -= count;
}

Status assign_slice(Element* self, PyObject* slice, PyObject* value) {
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(slice, &start, &stop, &step)));
  Ref<> items;
  Py_ssize_t new_count = 0;
  if (value) {
    items = steal(PySequence_Fast(value, ""));
    if (!items) return raise(PyExc_TypeError, "expected sequence, not \"%.200s\"", Py_TYPE(value)->tp_name);
    new_count = PySequence_Fast_GET_SIZE(items.get());
  }
  TRY(ensure_extra(self));
  Py_ssize_t count = PySlice_AdjustIndices(self->extra->length, &start, &stop, step);
  if (value) {
    if (step != 1 && new_count != count) {
      return raise(PyExc_ValueError, "attempt to assign sequence of size %zd to extended slice of size %zd", new_count, count);
    }
    State* state = TRY(state_for(self));
    for (Py_ssize_t i = 0; i < new_count; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
      if (!is_element(state, item)) return not_an_element(item);
    }
    if (new_count > count) TRY(reserve_children(self, new_count - count));
  }
  Ref<> removed = TRY(steal(PyList_New(count)));
  Extra* extra = self->extra;
  if (!value) {
    take_out(extra, start, step, count, removed.get());
    return Status::ok;
  }
  if (new_count != count) {
    // The step is 1 here.
    for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(removed.get(), i, extra->children[start + i]);
    std::memmove(extra->children + start + new_count, extra->children + start + count,
                 static_cast<size_t>(extra->length - start - count) * sizeof(PyObject*));
    extra->length += new_count - count;
    for (Py_ssize_t i = 0; i < new_count; ++i) {
      extra->children[start + i] = borrow(PySequence_Fast_GET_ITEM(items.get(), i)).release();
    }
    return Status::ok;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject*& child = extra->children[start + i * step];
    PyList_SET_ITEM(removed.get(), i, std::exchange(child, borrow(PySequence_Fast_GET_ITEM(items.get(), i)).release()));
  }
  return Status::ok;
}

}  // namespace

int element_assign_item(PyObject* object, Py_ssize_t index, PyObject* value) {
  Element* self = as_element(object);
  if (index < 0 || index >= child_count(self)) return raise(PyExc_IndexError, "child assignment index out of range");
  Extra* extra = self->extra;
  Ref<> old;
  if (value) {
    State* state = TRY(state_for(self));
    if (!is_element(state, value)) return not_an_element(value);
    old = steal(std::exchange(extra->children[index], borrow(value).release()));
  } else {
    old = steal(extra->children[index]);
    --extra->length;
    std::memmove(extra->children + index, extra->children + index + 1, static_cast<size_t>(extra->length - index) * sizeof(PyObject*));
  }
  return 0;
}

int element_assign_subscript(PyObject* object, PyObject* key, PyObject* value) {
  if (PyIndex_Check(key)) {
    Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    if (index < 0) index += child_count(as_element(object));
    return element_assign_item(object, index, value);
  }
  if (!PySlice_Check(key)) return raise(PyExc_TypeError, "element indices must be integers");
  return static_cast<int>(assign_slice(as_element(object), key, value));
}

}  // namespace gill::elementtree
