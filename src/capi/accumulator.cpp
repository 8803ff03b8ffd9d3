// _PyAccu: collects many small strings and joins them in batches; the standard library's _json uses it.
#include <Python.h>

#include "base/names.h"
#include "base/result.h"

extern "C" {

struct _PyAccu {
  PyObject* large;  // joined batches; null until there is one
  PyObject* small;  // strings of the current batch
};

PyAPI_FUNC(int) _PyAccu_Init(_PyAccu* accumulator);
PyAPI_FUNC(int) _PyAccu_Accumulate(_PyAccu* accumulator, PyObject* text);
PyAPI_FUNC(PyObject*) _PyAccu_FinishAsList(_PyAccu* accumulator);
PyAPI_FUNC(PyObject*) _PyAccu_Finish(_PyAccu* accumulator);
PyAPI_FUNC(void) _PyAccu_Destroy(_PyAccu* accumulator);

}  // extern "C"

namespace gill {
namespace {

constexpr Py_ssize_t kBatch = 100'000;

PyObject* join(PyObject* list) { return PyUnicode_Join(name<"">, list); }

int flush(_PyAccu* accumulator) {
  if (PyList_GET_SIZE(accumulator->small) == 0) return 0;
  Ref<> joined = steal(join(accumulator->small));
  if (!joined || PyList_SetSlice(accumulator->small, 0, PyList_GET_SIZE(accumulator->small), nullptr) < 0) return -1;
  if (!accumulator->large && !(accumulator->large = PyList_New(0))) return -1;
  return PyList_Append(accumulator->large, joined.get());
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int _PyAccu_Init(_PyAccu* accumulator) {
  accumulator->large = nullptr;
  accumulator->small = PyList_New(0);
  return accumulator->small ? 0 : -1;
}

int _PyAccu_Accumulate(_PyAccu* accumulator, PyObject* text) {
  if (PyList_Append(accumulator->small, text) < 0) return -1;
  return PyList_GET_SIZE(accumulator->small) < kBatch ? 0 : flush(accumulator);
}

PyObject* _PyAccu_FinishAsList(_PyAccu* accumulator) {
  if (flush(accumulator) < 0) {
    _PyAccu_Destroy(accumulator);
    return nullptr;
  }
  clear_field(accumulator->small);
  PyObject* result = accumulator->large ? accumulator->large : PyList_New(0);
  accumulator->large = nullptr;
  return result;
}

PyObject* _PyAccu_Finish(_PyAccu* accumulator) {
  if (!accumulator->large) {
    PyObject* result = join(accumulator->small);
    clear_field(accumulator->small);
    return result;
  }
  Ref<> list = steal(_PyAccu_FinishAsList(accumulator));
  return list ? join(list.get()) : nullptr;
}

void _PyAccu_Destroy(_PyAccu* accumulator) {
  clear_field(accumulator->small);
  clear_field(accumulator->large);
}

}  // extern "C"
