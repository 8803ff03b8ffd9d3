// Puts the arguments of a call into the order of a signature. The messages are the reference's.
#pragma once

#include "base/result.h"
#include "base/signature.h"

namespace gill {

// Trailing arguments of a `*args` parameter, borrowed from the caller.
struct Args {
  PyObject* const* items = nullptr;
  Py_ssize_t count = 0;
  PyObject* const* begin() const { return items; }
  PyObject* const* end() const { return items + count; }
  PyObject* operator[](Py_ssize_t i) const { return items[i]; }
};

// Keyword arguments that no other parameter took (`**kwargs`): a new dict, or null when there are none.
struct Kwargs {
  PyObject* dict = nullptr;
};

// Fills `slots[i]` with the borrowed argument of parameter i, or null where its default applies.
// `kwnames` is a tuple of names, their values follow the positional arguments (the vectorcall form).
// A parameter `*args` or `**kwargs` has no slot value: it comes back in `rest` and `extra`.
Status bind_arguments(const Signature& signature, PyObject* const* args, Py_ssize_t positional_given, PyObject* kwnames,
                      PyObject** slots, Args* rest, Ref<>* extra);

// The same for a call that arrives as a tuple and a dict (tp_new, tp_init, tp_call).
// `call` receives the vectorcall form.
template <class Call>
auto with_vectorcall_form(PyObject* args, PyObject* kwargs, Call call) -> decltype(call(nullptr, 0, nullptr)) {
  Py_ssize_t positional = PyTuple_GET_SIZE(args);
  PyObject* const* items = &PyTuple_GET_ITEM(args, 0);
  if (!kwargs || PyDict_GET_SIZE(kwargs) == 0) return call(items, positional, nullptr);
  Py_ssize_t named = PyDict_GET_SIZE(kwargs);
  Ref<> names = steal(PyTuple_New(named));
  if (!names) return failure;
  PyObject* inline_storage[16];
  PyObject** all = positional + named <= 16 ? inline_storage : PyMem_New(PyObject*, positional + named);
  if (!all) {
    PyErr_NoMemory();
    return failure;
  }
  for (Py_ssize_t i = 0; i < positional; ++i) all[i] = items[i];
  Py_ssize_t position = 0;
  Py_ssize_t at = 0;
  PyObject *key, *value;
  while (at < named && PyDict_Next(kwargs, &position, &key, &value)) {
    PyTuple_SET_ITEM(names.get(), at, borrow(key).release());
    all[positional + at++] = value;
  }
  auto result = call(all, positional, names.get());
  if (all != inline_storage) PyMem_Free(all);
  return result;
}

}  // namespace gill
