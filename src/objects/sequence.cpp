// The sequence protocol.
#include <Python.h>

#include "base/names.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

Failure null_argument() {
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
  return failure;
}

Failure type_error(const char* format, PyObject* object) { return raise(PyExc_TypeError, format, Py_TYPE(object)->tp_name); }

PySequenceMethods* sequence_of(PyObject* object) { return Py_TYPE(object)->tp_as_sequence; }


Py_ssize_t from_end(PyObject* object, Py_ssize_t index) {
  PySequenceMethods* sequence = sequence_of(object);
  if (index >= 0 || !sequence || !sequence->sq_length) return index;
  Py_ssize_t length = sequence->sq_length(object);
  return length < 0 ? PY_SSIZE_T_MIN : index + length;
}

PyObject* slice_of(Py_ssize_t from, Py_ssize_t to) { return _PySlice_FromIndices(from, to); }

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int PySequence_Check(PyObject* object) {
  if (PyDict_Check(object)) return 0;
  return sequence_of(object) && sequence_of(object)->sq_item;
}

#undef PySequence_Length
#undef PyObject_Length
Py_ssize_t PySequence_Size(PyObject* object) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_length) return sequence_of(object)->sq_length(object);
  if (Py_TYPE(object)->tp_as_mapping && Py_TYPE(object)->tp_as_mapping->mp_length) return type_error("%.200s is not a sequence", object);
  return type_error("object of type '%.200s' has no len()", object);
}
Py_ssize_t PySequence_Length(PyObject* object) { return PySequence_Size(object); }

PyObject* PySequence_Concat(PyObject* left, PyObject* right) {
  if (!left || !right) return null_argument();
  if (sequence_of(left) && sequence_of(left)->sq_concat) return sequence_of(left)->sq_concat(left, right);
  if (PySequence_Check(left) && PySequence_Check(right)) {
    PyNumberMethods* numbers = Py_TYPE(left)->tp_as_number;
    PyNumberMethods* other = Py_TYPE(right)->tp_as_number;
    if ((numbers && numbers->nb_add) || (other && other->nb_add)) {
      Ref<> result = steal(PyNumber_Add(left, right));
      if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result.release();
      PyErr_Clear();
    }
  }
  return type_error("'%.200s' object can't be concatenated", left);
}

PyObject* PySequence_Repeat(PyObject* object, Py_ssize_t count) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_repeat) return sequence_of(object)->sq_repeat(object, count);
  if (PySequence_Check(object)) {
    Ref<> number = steal(PyLong_FromSsize_t(count));
    if (!number) return nullptr;
    Ref<> result = steal(PyNumber_Multiply(object, number.get()));
    if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result.release();
    PyErr_Clear();
  }
  return type_error("'%.200s' object can't be repeated", object);
}

PyObject* PySequence_InPlaceConcat(PyObject* left, PyObject* right) {
  if (!left || !right) return null_argument();
  if (PySequenceMethods* sequence = sequence_of(left)) {
    if (sequence->sq_inplace_concat) return sequence->sq_inplace_concat(left, right);
    if (sequence->sq_concat) return sequence->sq_concat(left, right);
  }
  if (PySequence_Check(left) && PySequence_Check(right)) {
    Ref<> result = steal(PyNumber_InPlaceAdd(left, right));
    if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result.release();
    PyErr_Clear();
  }
  return type_error("'%.200s' object can't be concatenated", left);
}

PyObject* PySequence_InPlaceRepeat(PyObject* object, Py_ssize_t count) {
  if (!object) return null_argument();
  if (PySequenceMethods* sequence = sequence_of(object)) {
    if (sequence->sq_inplace_repeat) return sequence->sq_inplace_repeat(object, count);
    if (sequence->sq_repeat) return sequence->sq_repeat(object, count);
  }
  if (PySequence_Check(object)) {
    Ref<> number = steal(PyLong_FromSsize_t(count));
    if (!number) return nullptr;
    Ref<> result = steal(PyNumber_InPlaceMultiply(object, number.get()));
    if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result.release();
    PyErr_Clear();
  }
  return type_error("'%.200s' object can't be repeated", object);
}

PyObject* PySequence_GetItem(PyObject* object, Py_ssize_t index) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_item) {
    index = from_end(object, index);
    if (index == PY_SSIZE_T_MIN) return nullptr;
    return sequence_of(object)->sq_item(object, index);
  }
  if (Py_TYPE(object)->tp_as_mapping && Py_TYPE(object)->tp_as_mapping->mp_subscript) return type_error("%.200s is not a sequence", object);
  return type_error("'%.200s' object does not support indexing", object);
}

int PySequence_SetItem(PyObject* object, Py_ssize_t index, PyObject* value) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_ass_item) {
    index = from_end(object, index);
    if (index == PY_SSIZE_T_MIN) return -1;
    return sequence_of(object)->sq_ass_item(object, index, value);
  }
  if (Py_TYPE(object)->tp_as_mapping && Py_TYPE(object)->tp_as_mapping->mp_ass_subscript) return type_error("%.200s is not a sequence", object);
  return type_error("'%.200s' object does not support item assignment", object);
}

int PySequence_DelItem(PyObject* object, Py_ssize_t index) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_ass_item) {
    index = from_end(object, index);
    if (index == PY_SSIZE_T_MIN) return -1;
    return sequence_of(object)->sq_ass_item(object, index, nullptr);
  }
  if (Py_TYPE(object)->tp_as_mapping && Py_TYPE(object)->tp_as_mapping->mp_ass_subscript) return type_error("%.200s is not a sequence", object);
  return type_error("'%.200s' object doesn't support item deletion", object);
}

PyObject* PySequence_GetSlice(PyObject* object, Py_ssize_t from, Py_ssize_t to) {
  if (!object) return null_argument();
  PyMappingMethods* mapping = Py_TYPE(object)->tp_as_mapping;
  if (!mapping || !mapping->mp_subscript) return type_error("'%.200s' object is unsliceable", object);
  Ref<> slice = steal(slice_of(from, to));
  return slice ? mapping->mp_subscript(object, slice.get()) : nullptr;
}

int PySequence_SetSlice(PyObject* object, Py_ssize_t from, Py_ssize_t to, PyObject* value) {
  if (!object) return null_argument();
  PyMappingMethods* mapping = Py_TYPE(object)->tp_as_mapping;
  if (!mapping || !mapping->mp_ass_subscript) return type_error("'%.200s' object doesn't support slice assignment", object);
  Ref<> slice = steal(slice_of(from, to));
  return slice ? mapping->mp_ass_subscript(object, slice.get(), value) : -1;
}

int PySequence_DelSlice(PyObject* object, Py_ssize_t from, Py_ssize_t to) {
  if (!object) return null_argument();
  PyMappingMethods* mapping = Py_TYPE(object)->tp_as_mapping;
  if (!mapping || !mapping->mp_ass_subscript) return type_error("'%.200s' object doesn't support slice deletion", object);
  Ref<> slice = steal(slice_of(from, to));
  return slice ? mapping->mp_ass_subscript(object, slice.get(), nullptr) : -1;
}

PyObject* PySequence_Tuple(PyObject* object) {
  if (!object) return null_argument();
  if (PyTuple_CheckExact(object)) return borrow(object).release();
  if (PyList_CheckExact(object)) return PyList_AsTuple(object);
  Ref<> list = steal(PySequence_List(object));
  return list ? PyList_AsTuple(list.get()) : nullptr;
}

PyObject* PySequence_List(PyObject* object) {
  if (!object) return null_argument();
  Ref<> list = steal(PyList_New(0));
  if (!list) return nullptr;
  Ref<> none_result = steal(_PyList_Extend(reinterpret_cast<PyListObject*>(list.get()), object));
  return none_result ? list.release() : nullptr;
}

PyObject* PySequence_Fast(PyObject* object, const char* message) {
  if (!object) return null_argument();
  if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) return borrow(object).release();
  Ref<> iterator = steal(PyObject_GetIter(object));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, message);
    return nullptr;
  }
  return PySequence_List(iterator.get());
}

Py_ssize_t _PySequence_IterSearch(PyObject* object, PyObject* value, int operation) {
  if (!object || !value) return null_argument();
  Ref<> iterator = steal(PyObject_GetIter(object));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) return type_error("argument of type '%.200s' is not iterable", object);
    return -1;
  }
  Py_ssize_t count = 0;
  bool wrapped = false;
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    int equal = PyObject_RichCompareBool(item.get(), value, Py_EQ);
    if (equal < 0) return -1;
    if (equal) {
      if (operation == PY_ITERSEARCH_CONTAINS) return 1;
      if (operation == PY_ITERSEARCH_INDEX) {
        if (wrapped) return raise(PyExc_OverflowError, "index exceeds C integer size");
        return count;
      }
      if (count == PY_SSIZE_T_MAX) return raise(PyExc_OverflowError, "count exceeds C integer size");
      ++count;
    }
    if (operation == PY_ITERSEARCH_INDEX) {
      wrapped = count == PY_SSIZE_T_MAX;
      if (!wrapped) ++count;
    }
  }
  if (PyErr_Occurred()) return -1;
  if (operation == PY_ITERSEARCH_INDEX) return raise(PyExc_ValueError, "sequence.index(x): x not in sequence");
  return operation == PY_ITERSEARCH_CONTAINS ? 0 : count;
}

Py_ssize_t PySequence_Count(PyObject* object, PyObject* value) { return _PySequence_IterSearch(object, value, PY_ITERSEARCH_COUNT); }
Py_ssize_t PySequence_Index(PyObject* object, PyObject* value) { return _PySequence_IterSearch(object, value, PY_ITERSEARCH_INDEX); }

int PySequence_Contains(PyObject* object, PyObject* value) {
  if (sequence_of(object) && sequence_of(object)->sq_contains) return sequence_of(object)->sq_contains(object, value);
  return static_cast<int>(_PySequence_IterSearch(object, value, PY_ITERSEARCH_CONTAINS));
}
#undef PySequence_In
int PySequence_In(PyObject* object, PyObject* value) { return PySequence_Contains(object, value); }

// A C array of C strings from a sequence of bytes, for exec; null-terminated.
char* const* _PySequence_BytesToCharpArray(PyObject* object) {
  Py_ssize_t count = PySequence_Size(object);
  if (count < 0) return nullptr;
  auto** array = PyMem_New(char*, count + 1);
  if (!array) {
    PyErr_NoMemory();
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    array[i] = nullptr;
    Ref<> item = steal(PySequence_GetItem(object, i));
    char* data;
    Py_ssize_t size;
    if (!item || PyBytes_AsStringAndSize(item.get(), &data, nullptr) < 0) {
      _Py_FreeCharPArray(array);
      return nullptr;
    }
    size = PyBytes_GET_SIZE(item.get()) + 1;
    array[i] = PyMem_New(char, size);
    if (!array[i]) {
      PyErr_NoMemory();
      _Py_FreeCharPArray(array);
      return nullptr;
    }
    memcpy(array[i], data, static_cast<size_t>(size));
  }
  array[count] = nullptr;
  return array;
}

void _Py_FreeCharPArray(char* const array[]) {
  for (Py_ssize_t i = 0; array[i]; ++i) PyMem_Free(array[i]);
  PyMem_Free(const_cast<char**>(array));
}

}  // extern "C"
