// Calls with the usual arguments - exact ints, names that are spelt right - without a tuple and a dict for them. Whatever else there
// is goes the long way, through PyArg_ParseTupleAndKeywords, which has the words for what is wrong.
#pragma once

#include "modules/datetime/datetime.h"

namespace gill::dates {

struct CallArguments {
  PyObject* const* values;
  Py_ssize_t positional;
  PyObject* names;  // of the values behind the positional ones: a tuple or null
};

// Puts the values where `names` says. False: not a usual call. `out` begins as nulls, which stay where nothing is given.
template <size_t N>
bool place(const CallArguments& call, PyObject* const (&names)[N], Py_ssize_t most_positional, PyObject* (&out)[N]) {
  if (call.positional > most_positional) return false;
  for (Py_ssize_t i = 0; i < call.positional; ++i) out[i] = call.values[i];
  if (!call.names) return true;
  for (Py_ssize_t i = 0, count = PyTuple_GET_SIZE(call.names); i < count; ++i) {
    PyObject* key = PyTuple_GET_ITEM(call.names, i);
    size_t at = 0;
    while (at < N && names[at] != key) ++at;
    if (at == N || out[at]) return false;
    out[at] = call.values[call.positional + i];
  }
  return true;
}

// Null leaves `out` as it is.
inline bool place_int(PyObject* value, int* out) {
  if (!value) return true;
  if (!PyLong_CheckExact(value)) return false;
  int overflow;
  long number = PyLong_AsLongAndOverflow(value, &overflow);
  if (overflow || number != static_cast<int>(number)) return false;
  *out = static_cast<int>(number);
  return true;
}

// The long way: `function` with a tuple and a dict.
template <class F>
PyObject* with_tuple_and_dict(const CallArguments& call, F function) {
  Ref<> args = TRY(steal(PyTuple_New(call.positional)));
  for (Py_ssize_t i = 0; i < call.positional; ++i) PyTuple_SET_ITEM(args.get(), i, borrow(call.values[i]).release());
  Ref<> kwargs;
  if (call.names && PyTuple_GET_SIZE(call.names) != 0) {
    kwargs = TRY(steal(PyDict_New()));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(call.names); ++i) {
      TRY(status_of(PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(call.names, i), call.values[call.positional + i])));
    }
  }
  return function(args.get(), kwargs.get());
}

// tp_vectorcall. Fast: Ref<> (PyTypeObject*, const CallArguments&, bool* usual).
template <auto Fast, newfunc New>
PyObject* construct_fast(PyObject* type_object, PyObject* const* values, size_t flags, PyObject* names) {
  auto* type = reinterpret_cast<PyTypeObject*>(type_object);
  CallArguments call{values, PyVectorcall_NARGS(flags), names};
  bool usual = true;
  Ref<> result = Fast(type, call, &usual);
  if (usual) return result.release();
  return with_tuple_and_dict(call, [&](PyObject* args, PyObject* kwargs) { return New(type, args, kwargs); });
}

// A method with keywords. Fast: Ref<> (PyObject* self, const CallArguments&, bool* usual).
template <auto Fast, PyCFunctionWithKeywords Slow>
PyObject* call_fast(PyObject* self, PyObject* const* values, Py_ssize_t positional, PyObject* names) {
  CallArguments call{values, positional, names};
  bool usual = true;
  Ref<> result = Fast(self, call, &usual);
  if (usual) return result.release();
  return with_tuple_and_dict(call, [&](PyObject* args, PyObject* kwargs) { return Slow(self, args, kwargs); });
}

template <auto Fast, PyCFunctionWithKeywords Slow>
constexpr PyMethodDef fast_method(const char* method_name, const char* doc) {
  return {method_name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_fast<Fast, Slow>)), METH_FASTCALL | METH_KEYWORDS, doc};
}

}  // namespace gill::dates
