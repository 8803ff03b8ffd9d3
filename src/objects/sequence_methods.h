// What list, tuple and their iterators share.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "objects/int.h"
#include "objects/quiet.h"

namespace gill {

// A start or stop argument of index(): an index or something with __index__, clipped to the range of
// Py_ssize_t, counted from the end when negative.
struct SliceBound {
  Py_ssize_t value = 0;
  Py_ssize_t from_start(Py_ssize_t length) const { return value < 0 ? std::max<Py_ssize_t>(0, value + length) : value; }
};

template <>
struct Argument<SliceBound> {
  static Status convert(PyObject* value, SliceBound& out, const ArgumentPlace&) {
    return _PyEval_SliceIndexNotNone(value, &out.value) ? Status::ok : Status::error;
  }
  static SliceBound fallback(const Parameter& p) { return {static_cast<Py_ssize_t>(p.integer)}; }
};

inline Ref<> compare_lengths(Py_ssize_t n, Py_ssize_t m, int op) {
  switch (op) {
    case Py_LT: return py_bool(n < m);
    case Py_LE: return py_bool(n <= m);
    case Py_EQ: return py_bool(n == m);
    case Py_NE: return py_bool(n != m);
    case Py_GT: return py_bool(n > m);
    default: return py_bool(n >= m);
  }
}

// Whether an item of a list or tuple equals a value.
inline Maybe<bool> item_equals(PyObject* item, PyObject* value) {
  if (item == value) return true;
  if (PyLong_CheckExact(item) && PyLong_CheckExact(value) && is_one_digit(item) && is_one_digit(value)) return one_digit_value(item) == one_digit_value(value);
  // Comparing may take it out of the list.
  Ref<> hold = borrow(item);
  return truth_of(PyObject_RichCompareBool(item, value, Py_EQ));
}

// Releases the items from the last to the first until that could run code, and says how many are left then. The caller sees to it
// that the others are not released again.
inline Py_ssize_t release_quiet_items(PyObject* const* items, Py_ssize_t n) {
  for (; n > 0; --n) {
    PyObject* item = items[n - 1];
    if (item && !release_quietly(item)) break;
  }
  return n;
}

// "(a, b, c" and the closing text. `owner` may change while the items' __repr__ run: its size is read again.
Ref<> sequence_repr(PyObject* owner, char open, const char* close);

// An iterator by index; each type has its own `next`.
struct SequenceIterator {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* sequence;  // null once it has ended

  using Fields = OwnedFields<&SequenceIterator::sequence>;
};
Ref<> new_sequence_iterator(PyTypeObject* type, PyObject* sequence, Py_ssize_t index = 0);
void sequence_iterator_dealloc(SequenceIterator* self);
extern const PyMethodDef kSequenceIteratorMethods[];

constexpr PyTypeObject sequence_iterator_type(const char* name, iternextfunc next,
                                              PyMethodDef* methods = const_cast<PyMethodDef*>(kSequenceIteratorMethods)) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(SequenceIterator),
      .tp_dealloc = slot<sequence_iterator_dealloc>,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = SequenceIterator::Fields::traverse,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next,
      .tp_methods = methods,
  };
}

}  // namespace gill
