// None, NotImplemented and Ellipsis.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"

namespace gill {

namespace {

Ref<> none_repr(PyObject*) { return borrow(name<"None">); }
int none_bool(PyObject*) { return 0; }
PyObject* singleton_new(PyTypeObject* type, PyObject* args, PyObject* kwargs, PyObject* value) {
  if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs))) {
    return raise(PyExc_TypeError, "%s takes no arguments", type->tp_name);
  }
  return borrow(value).release();
}
PyObject* none_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) { return singleton_new(type, args, kwargs, Py_None); }

Ref<> not_implemented_repr(PyObject*) { return borrow(name<"NotImplemented">); }
Ref<> not_implemented_reduce(PyObject*) { return borrow(name<"NotImplemented">); }
PyObject* not_implemented_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return singleton_new(type, args, kwargs, Py_NotImplemented);
}
int not_implemented_bool(PyObject*) {
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "NotImplemented should not be used in a boolean context", 1) < 0) return -1;
  return 1;
}

Ref<> ellipsis_repr(PyObject*) { return borrow(name<"Ellipsis">); }
Ref<> ellipsis_reduce(PyObject*) { return borrow(name<"Ellipsis">); }
PyObject* ellipsis_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs))) return raise(PyExc_TypeError, "EllipsisType takes no arguments");
  return borrow(Py_Ellipsis).release();
}

// Never reached while counts are kept: the objects are immortal.
void immortal_dealloc(PyObject* self) { make_immortal(self); }

PyNumberMethods none_as_number = {.nb_bool = none_bool};
PyNumberMethods not_implemented_as_number = {.nb_bool = not_implemented_bool};

const PyMethodDef kNotImplementedMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", not_implemented_reduce, nullptr),
    kEndOfMethods,
};
const PyMethodDef kEllipsisMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", ellipsis_reduce, nullptr),
    kEndOfMethods,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyNone_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "NoneType",
    .tp_dealloc = immortal_dealloc,
    .tp_repr = slot<none_repr>,
    .tp_as_number = &none_as_number,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = none_new,
};

PyTypeObject _PyNotImplemented_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "NotImplementedType",
    .tp_dealloc = immortal_dealloc,
    .tp_repr = slot<not_implemented_repr>,
    .tp_as_number = &not_implemented_as_number,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = table(kNotImplementedMethods),
    .tp_new = not_implemented_new,
};

PyTypeObject PyEllipsis_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "ellipsis",
    .tp_dealloc = immortal_dealloc,
    .tp_repr = slot<ellipsis_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = table(kEllipsisMethods),
    .tp_new = ellipsis_new,
};

PyObject _Py_NoneStruct = {kImmortalCount, &_PyNone_Type};
PyObject _Py_NotImplementedStruct = {kImmortalCount, &_PyNotImplemented_Type};
PyObject _Py_EllipsisObject = {kImmortalCount, &PyEllipsis_Type};

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(_PyNone_Type);
GILL_STATIC_TYPE(_PyNotImplemented_Type);
GILL_STATIC_TYPE(PyEllipsis_Type);
}  // namespace gill
