// weakref.proxy: an object that behaves like its referent while that lives. Every operation unwraps the proxies among its
// operands and fails with ReferenceError once a referent is gone.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"
#include "objects/weakref.h"

namespace gill {

namespace {

// The referent of a proxy, or the object itself; empty with ReferenceError when dead.
Ref<> unwrap(PyObject* object) {
  if (!PyWeakref_CheckProxy(object)) return borrow(object);
  PyObject* referent = PyWeakref_GET_OBJECT(object);
  if (referent == Py_None) return raise(PyExc_ReferenceError, "weakly-referenced object no longer exists");
  return borrow(referent);
}

template <auto Function>
PyObject* unary(PyObject* self) {
  Ref<> object = unwrap(self);
  return object ? Function(object.get()) : nullptr;
}

template <auto Function>
PyObject* binary(PyObject* left, PyObject* right) {
  Ref<> a = unwrap(left);
  if (!a) return nullptr;
  Ref<> b = unwrap(right);
  return b ? Function(a.get(), b.get()) : nullptr;
}

template <auto Function>
PyObject* ternary(PyObject* first, PyObject* second, PyObject* third) {
  Ref<> a = unwrap(first);
  if (!a) return nullptr;
  Ref<> b = unwrap(second);
  if (!b) return nullptr;
  if (!third) return Function(a.get(), b.get(), nullptr);
  Ref<> c = unwrap(third);
  return c ? Function(a.get(), b.get(), c.get()) : nullptr;
}

PyObject* proxy_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  Ref<> object = unwrap(self);
  return object ? PyObject_Call(object.get(), args, kwargs) : nullptr;
}

PyObject* proxy_repr(PyObject* self) {
  PyObject* object = PyWeakref_GET_OBJECT(self);
  return PyUnicode_FromFormat("<weakproxy at %p to %s at %p>", self, Py_TYPE(object)->tp_name, object);
}

int proxy_setattr(PyObject* self, PyObject* attribute_name, PyObject* value) {
  Ref<> object = unwrap(self);
  return object ? PyObject_SetAttr(object.get(), attribute_name, value) : -1;
}

PyObject* proxy_richcompare(PyObject* left, PyObject* right, int operation) {
  Ref<> a = unwrap(left);
  if (!a) return nullptr;
  Ref<> b = unwrap(right);
  return b ? PyObject_RichCompare(a.get(), b.get(), operation) : nullptr;
}

int proxy_bool(PyObject* self) {
  Ref<> object = unwrap(self);
  return object ? PyObject_IsTrue(object.get()) : -1;
}

int proxy_contains(PyObject* self, PyObject* value) {
  Ref<> object = unwrap(self);
  return object ? PySequence_Contains(object.get(), value) : -1;
}

Py_ssize_t proxy_length(PyObject* self) {
  Ref<> object = unwrap(self);
  return object ? PyObject_Size(object.get()) : -1;
}

int proxy_ass_subscript(PyObject* self, PyObject* key, PyObject* value) {
  Ref<> object = unwrap(self);
  if (!object) return -1;
  return value ? PyObject_SetItem(object.get(), key, value) : PyObject_DelItem(object.get(), key);
}

PyObject* proxy_iternext(PyObject* self) {
  Ref<> object = unwrap(self);
  if (!object) return nullptr;
  if (!PyIter_Check(object.get())) {
    return raise(PyExc_TypeError, "Weakref proxy referenced a non-iterator '%.200s' object", Py_TYPE(object.get())->tp_name);
  }
  return PyIter_Next(object.get());
}

Ref<> proxy_bytes(PyObject* self) {
  Ref<> object = TRY(unwrap(self));
  return call_method(object.get(), name<"__bytes__">);
}
Ref<> proxy_reversed(PyObject* self) {
  Ref<> object = TRY(unwrap(self));
  return call_method(object.get(), name<"__reversed__">);
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__bytes__($self, /)", proxy_bytes, nullptr),
    METHOD_UNSIGNED("__reversed__($self, /)", proxy_reversed, nullptr),
    kEndOfMethods,
};

const PyNumberMethods kNumber = {
    .nb_add = binary<PyNumber_Add>,
    .nb_subtract = binary<PyNumber_Subtract>,
    .nb_multiply = binary<PyNumber_Multiply>,
    .nb_remainder = binary<PyNumber_Remainder>,
    .nb_divmod = binary<PyNumber_Divmod>,
    .nb_power = ternary<PyNumber_Power>,
    .nb_negative = unary<PyNumber_Negative>,
    .nb_positive = unary<PyNumber_Positive>,
    .nb_absolute = unary<PyNumber_Absolute>,
    .nb_bool = proxy_bool,
    .nb_invert = unary<PyNumber_Invert>,
    .nb_lshift = binary<PyNumber_Lshift>,
    .nb_rshift = binary<PyNumber_Rshift>,
    .nb_and = binary<PyNumber_And>,
    .nb_xor = binary<PyNumber_Xor>,
    .nb_or = binary<PyNumber_Or>,
    .nb_int = unary<PyNumber_Long>,
    .nb_float = unary<PyNumber_Float>,
    .nb_inplace_add = binary<PyNumber_InPlaceAdd>,
    .nb_inplace_subtract = binary<PyNumber_InPlaceSubtract>,
    .nb_inplace_multiply = binary<PyNumber_InPlaceMultiply>,
    .nb_inplace_remainder = binary<PyNumber_InPlaceRemainder>,
    .nb_inplace_power = ternary<PyNumber_InPlacePower>,
    .nb_inplace_lshift = binary<PyNumber_InPlaceLshift>,
    .nb_inplace_rshift = binary<PyNumber_InPlaceRshift>,
    .nb_inplace_and = binary<PyNumber_InPlaceAnd>,
    .nb_inplace_xor = binary<PyNumber_InPlaceXor>,
    .nb_inplace_or = binary<PyNumber_InPlaceOr>,
    .nb_floor_divide = binary<PyNumber_FloorDivide>,
    .nb_true_divide = binary<PyNumber_TrueDivide>,
    .nb_inplace_floor_divide = binary<PyNumber_InPlaceFloorDivide>,
    .nb_inplace_true_divide = binary<PyNumber_InPlaceTrueDivide>,
    .nb_index = unary<PyNumber_Index>,
    .nb_matrix_multiply = binary<PyNumber_MatrixMultiply>,
    .nb_inplace_matrix_multiply = binary<PyNumber_InPlaceMatrixMultiply>,
};
const PySequenceMethods kSequence = {.sq_length = proxy_length, .sq_contains = proxy_contains};
const PyMappingMethods kMapping = {.mp_length = proxy_length, .mp_subscript = binary<PyObject_GetItem>, .mp_ass_subscript = proxy_ass_subscript};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyWeakref_ProxyType = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "weakref.ProxyType",
    .tp_basicsize = sizeof(PyWeakReference),
    .tp_dealloc = weakref_dealloc,
    .tp_repr = proxy_repr,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_as_sequence = const_cast<PySequenceMethods*>(&kSequence),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_hash = PyObject_HashNotImplemented,
    .tp_str = unary<PyObject_Str>,
    .tp_getattro = binary<PyObject_GetAttr>,
    .tp_setattro = proxy_setattr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = weakref_traverse,
    .tp_clear = weakref_clear,
    .tp_richcompare = proxy_richcompare,
    .tp_iter = unary<PyObject_GetIter>,
    .tp_iternext = proxy_iternext,
    .tp_methods = table(kMethods),
    .tp_free = PyObject_GC_Del,
};

PyTypeObject _PyWeakref_CallableProxyType = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "weakref.CallableProxyType",
    .tp_basicsize = sizeof(PyWeakReference),
    .tp_dealloc = weakref_dealloc,
    .tp_repr = proxy_repr,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_as_sequence = const_cast<PySequenceMethods*>(&kSequence),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_hash = PyObject_HashNotImplemented,
    .tp_call = proxy_call,
    .tp_str = unary<PyObject_Str>,
    .tp_getattro = binary<PyObject_GetAttr>,
    .tp_setattro = proxy_setattr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = weakref_traverse,
    .tp_clear = weakref_clear,
    .tp_richcompare = proxy_richcompare,
    .tp_iter = unary<PyObject_GetIter>,
    .tp_iternext = proxy_iternext,
    .tp_free = PyObject_GC_Del,
};

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(_PyWeakref_ProxyType);
GILL_STATIC_TYPE(_PyWeakref_CallableProxyType);
}  // namespace gill
