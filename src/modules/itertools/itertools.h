// What the files of `itertools` share. Each iterator is a structure, its fields, a constructor, `next`
// and the pickling pair; `iterator_type` builds the type from them.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::itertools {

// Frees an iterator whose T::Fields lists what it owns.
template <class T>
void dealloc(T* self) {
  PyObject_GC_UnTrack(as_object(self));
  Py_TRASHCAN_BEGIN(self, slot<dealloc<T>>);
  T::Fields::clear_all(self);
  Py_TYPE(self)->tp_free(as_object(self));
  Py_TRASHCAN_END;
}

template <class T>
Ref<T> make(PyTypeObject* type) {
  return Ref<T>::steal(type->tp_alloc(type, 0));
}

inline Ref<> iter(PyObject* iterable) { return steal(PyObject_GetIter(iterable)); }

// The next item, or null; StopIteration is cleared, as iterators may end either way.
inline Ref<> next(PyObject* iterator) {
  Ref<> item = steal(Py_TYPE(iterator)->tp_iternext(iterator));
  if (!item && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear();
  return item;
}

inline PyObject* type_of(void* self) { return as_object(Py_TYPE(self)); }

// An iterator over nothing, for the state of one that is used up.
inline Ref<> empty_iterator() {
  Ref<> empty = TRY(steal(PyTuple_New(0)));
  return iter(empty.get());
}

template <class T>
constexpr PyTypeObject iterator_type(const char* name, const char* doc, newfunc construct, iternextfunc next_item,
                                     PyMethodDef* methods) {
  return PyTypeObject{
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(T),
      .tp_dealloc = slot<dealloc<T>>,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
      .tp_doc = doc,
      .tp_traverse = T::Fields::traverse,
      .tp_clear = T::Fields::clear,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next_item,
      .tp_methods = methods,
      .tp_alloc = PyType_GenericAlloc,
      .tp_new = construct,
      .tp_free = PyObject_GC_Del,
  };
}

extern "C" {
extern PyTypeObject Accumulate_Type, Chain_Type, Combinations_Type, CombinationsWithReplacement_Type, Compress_Type, Count_Type,
    Cycle_Type, DropWhile_Type, FilterFalse_Type, GroupBy_Type, Grouper_Type, ISlice_Type, Pairwise_Type, Permutations_Type,
    Product_Type, Repeat_Type, StarMap_Type, TakeWhile_Type, Tee_Type, TeeData_Type, ZipLongest_Type;
}

Ref<> tee(PyObject* module, PyObject* iterable, Py_ssize_t n);

}  // namespace gill::itertools
