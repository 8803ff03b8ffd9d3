// Parts of the object protocol that the C API does not name.
#pragma once

#include <Python.h>

#include "base/names.h"
#include "base/result.h"

namespace gill {

// Gives a current AttributeError its `name` and `obj` unless it has them (the traceback printer suggests from these).
void attach_attribute_context(PyObject* self, PyObject* attribute);

// Attribute of a type; null without an exception when absent.
PyObject* type_getattro_or_absent(PyTypeObject* type, PyObject* attribute);

// The address of the list of an object's weak references; null when its type has none.
PyWeakReference** weak_list_slot(PyObject* object);

// True when the type may be called without descending into it being a surprise: `len(kwnames)` values follow the positional ones.
inline vectorcallfunc vectorcall_of(PyObject* callable) {
  PyTypeObject* type = Py_TYPE(callable);
  if (!PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) return nullptr;
  return *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(callable) + type->tp_vectorcall_offset);
}

// Calls with arguments on the C stack.
template <class... A>
Ref<> call(PyObject* callable, A*... arguments) {
  PyObject* stack[] = {nullptr, as_object(arguments)...};
  return steal(PyObject_Vectorcall(callable, stack + 1, sizeof...(A) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
}
template <class... A>
Ref<> call_method(PyObject* self, PyObject* method, A*... arguments) {
  PyObject* stack[] = {nullptr, self, as_object(arguments)...};
  return steal(PyObject_VectorcallMethod(method, stack + 1, (sizeof...(A) + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
}
inline Ref<> attribute(PyObject* object, PyObject* attribute_name) { return steal(PyObject_GetAttr(object, attribute_name)); }
// Empty without an exception when absent; `failed` tells an error.
inline Ref<> optional_attribute(PyObject* object, PyObject* attribute_name, bool* failed) {
  PyObject* value;
  *failed = _PyObject_LookupAttr(object, attribute_name, &value) < 0;
  return steal(value);
}

// "module.qualname" of a class, or the bare qualname for builtins: how union and alias objects print.
Ref<> function_text(PyObject* function);

}  // namespace gill
