// bool: the two immortal ints.
#include "base/binding.h"
#include "objects/int.h"

namespace gill {
namespace {

Ref<> bool_repr(PyObject* self) { return steal(PyUnicode_FromString(self == Py_True ? "True" : "False")); }

Ref<> bool_new(PyTypeObject*, PyObject* x) { return py_bool(x && TRY(truth_of(PyObject_IsTrue(x)))); }
PyObject* new_slot(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!_PyArg_NoKeywords("bool", kwargs)) return nullptr;
  PyObject* x = nullptr;
  if (!PyArg_UnpackTuple(args, "bool", 0, 1, &x)) return nullptr;
  return bool_new(type, x).release();
}

// Two bools give a bool; anything else is for int.
template <binaryfunc PyNumberMethods::*Slot, class Operation>
PyObject* logical(PyObject* a, PyObject* b, Operation operation) {
  if (!PyBool_Check(a) || !PyBool_Check(b)) return (int_as_number.*Slot)(a, b);
  return py_bool(operation(a == Py_True, b == Py_True)).release();
}

PyNumberMethods bool_as_number = {
    .nb_and = [](PyObject* a, PyObject* b) { return logical<&PyNumberMethods::nb_and>(a, b, [](bool x, bool y) { return x && y; }); },
    .nb_xor = [](PyObject* a, PyObject* b) { return logical<&PyNumberMethods::nb_xor>(a, b, [](bool x, bool y) { return x != y; }); },
    .nb_or = [](PyObject* a, PyObject* b) { return logical<&PyNumberMethods::nb_or>(a, b, [](bool x, bool y) { return x || y; }); },
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyBool_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "bool",
    .tp_basicsize = sizeof(PyLongObject),
    .tp_repr = slot<bool_repr>,
    .tp_as_number = &bool_as_number,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "bool(x) -> bool\n\nReturns True when the argument x is true, False otherwise.\nThe builtins True and False are the only two instances of the class bool.\nThe class bool is a subclass of the class int, and cannot be subclassed.",
    .tp_base = &PyLong_Type,
    .tp_new = new_slot,
    .tp_vectorcall = VECTORCALL("bool($type, x=<unrepresentable>, /)", bool_new),
};

PyLongObject _Py_FalseStruct = {.ob_base = {.ob_base = {kImmortalCount, &PyBool_Type}, .ob_size = 0}, .ob_digit = {0}};
PyLongObject _Py_TrueStruct = {.ob_base = {.ob_base = {kImmortalCount, &PyBool_Type}, .ob_size = 1}, .ob_digit = {1}};

PyObject* PyBool_FromLong(long value) { return py_bool(value != 0).release(); }

}  // extern "C"
GILL_STATIC_TYPE(PyBool_Type);
