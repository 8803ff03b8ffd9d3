// An array as a sequence and a buffer: the slots of the type, and of its iterator.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "base/defining_class_method.h"
#include "modules/array/array.h"

namespace gill::array {
namespace {

ArrayObject* as_array(PyObject* object) { return reinterpret_cast<ArrayObject*>(object); }

Failure no_memory() {
  PyErr_NoMemory();
  return failure;
}
Failure bad_argument() {
  PyErr_BadArgument();
  return failure;
}

// ---- items ------------------------------------------------------------------------------------------

Py_ssize_t length(PyObject* self) { return Py_SIZE(self); }

Ref<> item(ArrayObject* self, Py_ssize_t i) {
  if (i < 0 || i >= length_of(self)) return raise(PyExc_IndexError, "array index out of range");
  return get_item(self, i);
}

Ref<> slice_of(ArrayObject* self, Py_ssize_t start, Py_ssize_t step, Py_ssize_t n) {
  Ref<ArrayObject> result = TRY(new_array(state_of_array(self).array_type, n, self->descriptor));
  size_t itemsize = static_cast<size_t>(itemsize_of(self));
  if (step == 1 && n > 0) {
    std::memcpy(result->items, item_at(self, start), bytes_for(self, n));
  } else {
    for (Py_ssize_t i = 0; i < n; ++i) std::memcpy(item_at(result.get(), i), item_at(self, start + i * step), itemsize);
  }
  return result;
}

Ref<> subscript(ArrayObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return item(self, i < 0 ? i + length_of(self) : i);
  }
  if (!PySlice_Check(key)) return raise(PyExc_TypeError, "array indices must be integers");
  Py_ssize_t start, stop, step;
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  Py_ssize_t n = PySlice_AdjustIndices(length_of(self), &start, &stop, step);
  return slice_of(self, start, step, n);
}

// Replaces or deletes (`other` null) the items of a slice.
Status assign_slice(ArrayObject* self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step, Py_ssize_t n, ArrayObject* other) {
  Py_ssize_t needed = other ? length_of(other) : 0;
  size_t itemsize = static_cast<size_t>(itemsize_of(self));
  // For a[2:1] = ... the insertion point is the start.
  if ((step > 0 && stop < start) || (step < 0 && stop > start)) stop = start;
  // Before anything is moved.
  if ((needed == 0 || n != needed) && self->exports > 0) return exported(self);
  Py_ssize_t before = length_of(self);
  if (step == 1) {
    if (n > needed) {
      std::memmove(item_at(self, start + needed), item_at(self, stop), bytes_for(self, before - stop));
      TRY(resize(self, before + needed - n));
    } else if (n < needed) {
      TRY(resize(self, before + needed - n));
      std::memmove(item_at(self, start + needed), item_at(self, stop), bytes_for(self, before - stop));
    }
    if (needed > 0) std::memcpy(item_at(self, start), other->items, bytes_for(self, needed));
    return Status::ok;
  }
  if (needed == 0) {
    if (n == 0) return Status::ok;
    if (step < 0) {
      stop = start + 1;
      start = stop + step * (n - 1) - 1;
      step = -step;
    }
    // What stands between the deleted ones moves down, run by run.
    for (Py_ssize_t i = 0; i < n; ++i) {
      Py_ssize_t at = start + i * step;
      Py_ssize_t run = std::min(step - 1, before - at - 1);
      std::memmove(item_at(self, at - i), item_at(self, at + 1), bytes_for(self, run));
    }
    Py_ssize_t rest;
    bool beyond = __builtin_mul_overflow(n, step, &rest) || __builtin_add_overflow(rest, start, &rest);
    if (!beyond && rest < before) std::memmove(item_at(self, rest - n), item_at(self, rest), bytes_for(self, before - rest));
    return resize(self, before - n);
  }
  if (needed != n) return raise(PyExc_ValueError, "attempt to assign array of size %zd to extended slice of size %zd", needed, n);
  for (Py_ssize_t i = 0; i < n; ++i) std::memcpy(item_at(self, start + i * step), item_at(other, i), itemsize);
  return Status::ok;
}

Status assign_subscript(ArrayObject* self, PyObject* key, PyObject* value) {
  Py_ssize_t start, stop, step, n;
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    if (i < 0) i += length_of(self);
    if (i < 0 || i >= length_of(self)) return raise(PyExc_IndexError, "array assignment index out of range");
    if (value) return set_item(self, i, value);
    return assign_slice(self, i, i + 1, 1, 1, nullptr);
  }
  if (!PySlice_Check(key)) return raise(PyExc_TypeError, "array indices must be integers");
  TRY(status_of(PySlice_Unpack(key, &start, &stop, &step)));
  n = PySlice_AdjustIndices(length_of(self), &start, &stop, step);
  if (!value) return assign_slice(self, start, stop, step, n, nullptr);
  if (!is_array(state_of_array(self), value)) {
    return raise(PyExc_TypeError, "can only assign array (not \"%.200s\") to array slice", Py_TYPE(value)->tp_name);
  }
  ArrayObject* other = as_array(value);
  if (other->descriptor != self->descriptor) return bad_argument();
  Ref<ArrayObject> copy;
  if (other == self) {
    copy = TRY(copy_of(self, 0, length_of(self)));
    other = copy.get();
  }
  return assign_slice(self, start, stop, step, n, other);
}

Status assign_item(ArrayObject* self, Py_ssize_t i, PyObject* value) {
  if (i < 0 || i >= length_of(self)) return raise(PyExc_IndexError, "array assignment index out of range");
  return value ? set_item(self, i, value) : delete_items(self, i, i + 1);
}

Maybe<bool> contains(ArrayObject* self, PyObject* value) {
  for (Py_ssize_t i = 0; i < length_of(self); ++i) {
    Ref<> one = TRY(get_item(self, i));
    if (TRY(truth_of(PyObject_RichCompareBool(one.get(), value, Py_EQ)))) return true;
  }
  return false;
}

// ---- whole arrays -----------------------------------------------------------------------------------

Ref<> concatenate(ArrayObject* self, PyObject* object) {
  State& state = state_of_array(self);
  if (!is_array(state, object)) return raise(PyExc_TypeError, "can only append array (not \"%.200s\") to array", Py_TYPE(object)->tp_name);
  ArrayObject* other = as_array(object);
  if (self->descriptor != other->descriptor) return bad_argument();
  Py_ssize_t n = length_of(self), m = length_of(other);
  if (n > PY_SSIZE_T_MAX - m) return no_memory();
  Ref<ArrayObject> result = TRY(new_array(state.array_type, n + m, self->descriptor));
  if (n > 0) std::memcpy(result->items, self->items, bytes_for(self, n));
  if (m > 0) std::memcpy(item_at(result.get(), n), other->items, bytes_for(self, m));
  return result;
}

// Fills the rest of `bytes` with copies of what stands at the beginning.
void repeat_bytes(char* data, size_t have, size_t bytes) {
  if (have == 0) return;
  while (have < bytes) {
    size_t more = std::min(have, bytes - have);
    std::memcpy(data + have, data, more);
    have += more;
  }
}

Ref<> repeat(ArrayObject* self, Py_ssize_t count) {
  count = std::max<Py_ssize_t>(count, 0);
  Py_ssize_t n = length_of(self);
  if (n && count > PY_SSIZE_T_MAX / n) return no_memory();
  Ref<ArrayObject> result = TRY(new_array(state_of_array(self).array_type, n * count, self->descriptor));
  if (n * count > 0) {
    std::memcpy(result->items, self->items, bytes_for(self, n));
    repeat_bytes(result->items, bytes_for(self, n), bytes_for(self, n * count));
  }
  return result;
}

Ref<> concatenate_in_place(ArrayObject* self, PyObject* object) {
  if (!is_array(state_of_array(self), object)) {
    return raise(PyExc_TypeError, "can only extend array with array (not \"%.200s\")", Py_TYPE(object)->tp_name);
  }
  TRY(extend_with(self, object));
  return borrow(self);
}

Ref<> repeat_in_place(ArrayObject* self, Py_ssize_t count) {
  Py_ssize_t n = length_of(self);
  if (n > 0 && count != 1) {
    count = std::max<Py_ssize_t>(count, 0);
    if (count > 0 && n > PY_SSIZE_T_MAX / itemsize_of(self) / count) return no_memory();
    TRY(resize(self, n * count));
    if (count > 0) repeat_bytes(self->items, bytes_for(self, n), bytes_for(self, n * count));
  }
  return borrow(self);
}

template <class T>
bool holds(T a, T b, int op) {
  switch (op) {
    case Py_LT: return a < b;
    case Py_LE: return a <= b;
    case Py_EQ: return a == b;
    case Py_NE: return a != b;
    case Py_GT: return a > b;
    default: return a >= b;
  }
}

Ref<> compare(PyObject* left, PyObject* right, int op) {
  if (!is_array(state_of_type(Py_TYPE(left)), right)) return borrow(Py_NotImplemented);
  ArrayObject *a = as_array(left), *b = as_array(right);
  bool equality = op == Py_EQ || op == Py_NE;
  if (length_of(a) != length_of(b) && equality) return py_bool(op == Py_NE);
  if (a->descriptor == b->descriptor && a->descriptor->compare) {
    Py_ssize_t common = std::min(length_of(a), length_of(b));
    int order = common ? a->descriptor->compare(a->items, b->items, common) : 0;
    if (order) return py_bool(holds(order, 0, op));
    return py_bool(holds(length_of(a), length_of(b), op));
  }
  Ref<> x, y;
  for (Py_ssize_t i = 0; i < length_of(a) && i < length_of(b); ++i) {
    x = TRY(get_item(a, i));
    y = TRY(get_item(b, i));
    if (TRY(truth_of(PyObject_RichCompareBool(x.get(), y.get(), Py_EQ)))) continue;
    // The first difference decides.
    if (equality) return py_bool(op == Py_NE);
    return steal(PyObject_RichCompare(x.get(), y.get(), op));
  }
  return py_bool(holds(length_of(a), length_of(b), op));
}

Ref<> repr(ArrayObject* self) {
  const char* type = _PyType_Name(Py_TYPE(self));
  int code = self->descriptor->code;
  if (length_of(self) == 0) return steal(PyUnicode_FromFormat("%s('%c')", type, code));
  Ref<> items = TRY(code == 'u' ? tounicode(self) : tolist(self));
  return steal(PyUnicode_FromFormat("%s('%c', %R)", type, code, items.get()));
}

// ---- buffer -----------------------------------------------------------------------------------------

int get_buffer(PyObject* object, Py_buffer* view, int flags) {
  if (!view) return raise(PyExc_BufferError, "array_buffer_getbuf: view==NULL argument is obsolete");
  ArrayObject* self = as_array(object);
  static constexpr char empty[] = "";
  view->buf = self->items ? self->items : const_cast<char*>(empty);
  view->obj = borrow(object).release();
  view->itemsize = itemsize_of(self);
  view->len = length_of(self) * view->itemsize;
  view->readonly = 0;
  view->ndim = 1;
  view->format = nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  view->shape = (flags & PyBUF_ND) == PyBUF_ND ? &self->ob_base.ob_size : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &view->itemsize : nullptr;
  if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT) {
    // The code of one character is its format too, apart from wide characters.
    static constexpr char formats[][2] = {"b", "B", "w", "h", "H", "i", "I", "l", "L", "q", "Q", "f", "d"};
    view->format = const_cast<char*>(formats[self->descriptor - descriptors_begin()]);
  }
  ++self->exports;
  return 0;
}
void release_buffer(PyObject* object, Py_buffer*) { --as_array(object)->exports; }

// ---- life -------------------------------------------------------------------------------------------

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}
void dealloc(PyObject* object) {
  ArrayObject* self = as_array(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  PyMem_Free(self->items);
  type->tp_free(object);
  release(as_object(type));
}

// ---- the iterator -----------------------------------------------------------------------------------

struct Iterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* array;  // null at the end
};
using IteratorFields = HeapTypeFields<&Iterator::array>;

Ref<> iterate(PyObject* self) {
  Ref<Iterator> iterator = TRY(steal(PyObject_GC_New(Iterator, state_of_type(Py_TYPE(self)).iterator_type)));
  iterator->index = 0;
  iterator->array = borrow(self).release();
  PyObject_GC_Track(iterator.get());
  return iterator;
}

Ref<> iterator_next(Iterator* self) {
  if (!self->array) return failure;
  if (self->index < Py_SIZE(self->array)) return get_item(as_array(self->array), self->index++);
  clear_field(self->array);
  return failure;
}
Ref<> iterator_reduce(Iterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  if (!self->array) return steal(Py_BuildValue("N(())", iter.release()));
  return steal(Py_BuildValue("N(O)n", iter.release(), self->array, self->index));
}
Status iterator_setstate(Iterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->array) self->index = std::clamp<Py_ssize_t>(index, 0, Py_SIZE(self->array));
  return Status::ok;
}
void iterator_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  IteratorFields::clear(self);
  PyObject_GC_Del(self);
  release(as_object(type));
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_OF_DEFINING_CLASS("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    METHOD("__setstate__($self, state, /)", iterator_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};
const PyMemberDef kArrayMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ArrayObject, weak_references), READONLY, nullptr},
    {},
};

}  // namespace

const PyType_Slot kIteratorSlots[] = {
    {Py_tp_dealloc, (void*)iterator_dealloc},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_traverse, (void*)IteratorFields::traverse},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<iterator_next>},
    {Py_tp_methods, (void*)kIteratorMethods},
    {0, nullptr},
};

const PyType_Slot kArraySlots[] = {
    {Py_tp_dealloc, (void*)dealloc},
    {Py_tp_repr, (void*)slot<repr>},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_doc, (void*)"array(typecode [, initializer]) -> array\n\nReturn a new array whose items are all of the C type that typecode names,\n"
                       "initialized from a list, an iterable, bytes or (typecode 'u') a str.\n\n"
                       "Codes: b and B (1 byte, signed and unsigned), u (wide character), h and H (2), i and I (4), l and L (8),\n"
                       "q and Q (8), f (4, floating), d (8, floating)."},
    {Py_tp_richcompare, (void*)slot<compare>},
    {Py_tp_iter, (void*)slot<iterate>},
    {Py_tp_methods, (void*)kArrayMethods},
    {Py_tp_members, (void*)kArrayMembers},
    {Py_tp_getset, (void*)kArrayAttributes},
    {Py_tp_alloc, (void*)PyType_GenericAlloc},
    {Py_tp_new, (void*)array_new},
    {Py_tp_traverse, (void*)traverse},
    {Py_sq_length, (void*)length},
    {Py_sq_concat, (void*)slot<concatenate>},
    {Py_sq_repeat, (void*)slot<repeat>},
    {Py_sq_item, (void*)slot<item>},
    {Py_sq_ass_item, (void*)slot<assign_item>},
    {Py_sq_contains, (void*)slot<contains>},
    {Py_sq_inplace_concat, (void*)slot<concatenate_in_place>},
    {Py_sq_inplace_repeat, (void*)slot<repeat_in_place>},
    {Py_mp_length, (void*)length},
    {Py_mp_subscript, (void*)slot<subscript>},
    {Py_mp_ass_subscript, (void*)slot<assign_subscript>},
    {Py_bf_getbuffer, (void*)get_buffer},
    {Py_bf_releasebuffer, (void*)release_buffer},
    {0, nullptr},
};

}  // namespace gill::array
