// Calls a PyMethodDef's function by its convention; shared by built-in functions and method descriptors.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/thread_state.h"

namespace gill {

// "len() takes exactly one argument (2 given)"
Failure takes_no_keywords(PyObject* callable);
Failure takes_no_arguments(PyObject* callable, Py_ssize_t given);
Failure takes_one_argument(PyObject* callable, Py_ssize_t given);

template <int Convention>
PyObject* call_method_def(PyObject* callable, PyMethodDef* definition, PyObject* self, PyTypeObject* type, PyObject* const* args,
                          Py_ssize_t count, PyObject* kwnames) {
  void* function = reinterpret_cast<void*>(definition->ml_meth);
  if constexpr (!(Convention & METH_KEYWORDS)) {
    if (kwnames && PyTuple_GET_SIZE(kwnames)) [[unlikely]] return takes_no_keywords(callable);
  }
  if constexpr (Convention == METH_NOARGS) {
    if (count != 0) [[unlikely]] return takes_no_arguments(callable, count);
  } else if constexpr (Convention == METH_O) {
    if (count != 1) [[unlikely]] return takes_one_argument(callable, count);
  }
  // The function may call back into itself without any Python frame in between.
  if (!enter_recursive_call(" while calling a Python object")) [[unlikely]] return nullptr;
  PyObject* result;
  if constexpr (Convention == METH_NOARGS || Convention == METH_O) {
    result = definition->ml_meth(self, Convention == METH_O ? args[0] : nullptr);
  } else if constexpr (Convention == METH_FASTCALL) {
    result = reinterpret_cast<_PyCFunctionFast>(function)(self, args, count);
  } else if constexpr (Convention == (METH_FASTCALL | METH_KEYWORDS)) {
    result = reinterpret_cast<_PyCFunctionFastWithKeywords>(function)(self, args, count, kwnames);
  } else {
    result = reinterpret_cast<PyCMethod>(function)(self, type, args, static_cast<size_t>(count), kwnames);
  }
  leave_recursive_call();
  return result;
}

}  // namespace gill
