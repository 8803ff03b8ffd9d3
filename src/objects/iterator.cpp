// The iterator protocol.
#include <Python.h>

#include "base/names.h"
#include "objects/object.h"
#include "objects/type.h"

using namespace gill;

extern "C" {

PyObject* PyObject_GetIter(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (!type->tp_iter) {
    // The old protocol: __getitem__ with 0, 1, 2, ...
    if (PySequence_Check(object)) return PySeqIter_New(object);
    return raise(PyExc_TypeError, "'%.200s' object is not iterable", type->tp_name);
  }
  Ref<> result = steal(type->tp_iter(object));
  if (result && !PyIter_Check(result.get())) {
    return raise(PyExc_TypeError, "iter() returned non-iterator of type '%.100s'", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

PyObject* PyObject_GetAIter(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (!type->tp_as_async || !type->tp_as_async->am_aiter) {
    return raise(PyExc_TypeError, "'%.200s' object is not an async iterable", type->tp_name);
  }
  Ref<> result = steal(type->tp_as_async->am_aiter(object));
  if (result && !PyAIter_Check(result.get())) {
    return raise(PyExc_TypeError, "aiter() returned not an async iterator of type '%.100s'", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

int PyIter_Check(PyObject* object) {
  iternextfunc next = Py_TYPE(object)->tp_iternext;
  return next && next != &_PyObject_NextNotImplemented;
}

int PyAIter_Check(PyObject* object) {
  PyAsyncMethods* async = Py_TYPE(object)->tp_as_async;
  return async && async->am_anext && async->am_anext != &_PyObject_NextNotImplemented;
}

// Null without an exception at the end.
PyObject* PyIter_Next(PyObject* iterator) {
  PyObject* result = Py_TYPE(iterator)->tp_iternext(iterator);
  if (!result && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear();
  return result;
}

PySendResult PyIter_Send(PyObject* iterator, PyObject* value, PyObject** result) {
  PyAsyncMethods* async = Py_TYPE(iterator)->tp_as_async;
  if (async && async->am_send) return async->am_send(iterator, value, result);
  if (value == Py_None && PyIter_Check(iterator)) *result = Py_TYPE(iterator)->tp_iternext(iterator);
  else *result = call_method(iterator, name<"send">, value).release();
  if (*result) return PYGEN_NEXT;
  return _PyGen_FetchStopIterationValue(result) == 0 ? PYGEN_RETURN : PYGEN_ERROR;
}

}  // extern "C"
