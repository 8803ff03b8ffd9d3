// mappingproxy: a read-only view of a mapping, such as a class's __dict__.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill {

namespace {

struct MappingProxy {
  PyObject_HEAD
  PyObject* mapping;
};

using Fields = OwnedFields<&MappingProxy::mapping>;

PyObject* mapping_of(PyObject* object) { return reinterpret_cast<MappingProxy*>(object)->mapping; }

void proxy_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  PyObject_GC_Del(self);
}

Py_ssize_t proxy_length(PyObject* self) { return PyObject_Size(mapping_of(self)); }
PyObject* proxy_subscript(PyObject* self, PyObject* key) { return PyObject_GetItem(mapping_of(self), key); }
int proxy_contains(PyObject* self, PyObject* key) {
  if (PyDict_CheckExact(mapping_of(self))) return PyDict_Contains(mapping_of(self), key);
  return PySequence_Contains(mapping_of(self), key);
}

PyObject* proxy_or(PyObject* left, PyObject* right) {
  if (Py_IS_TYPE(left, &PyDictProxy_Type)) left = mapping_of(left);
  if (Py_IS_TYPE(right, &PyDictProxy_Type)) right = mapping_of(right);
  return PyNumber_Or(left, right);
}
PyObject* proxy_inplace_or(PyObject* self, PyObject*) {
  return raise(PyExc_TypeError, "'|=' is not supported by %s; use '|' instead", Py_TYPE(self)->tp_name);
}

PyObject* proxy_iter(PyObject* self) { return PyObject_GetIter(mapping_of(self)); }
PyObject* proxy_str(PyObject* self) { return PyObject_Str(mapping_of(self)); }
PyObject* proxy_repr(PyObject* self) { return PyUnicode_FromFormat("mappingproxy(%R)", mapping_of(self)); }
PyObject* proxy_richcompare(PyObject* self, PyObject* other, int operation) { return PyObject_RichCompare(mapping_of(self), other, operation); }

bool is_mapping(PyObject* object) { return PyMapping_Check(object) && !PyList_Check(object) && !PyTuple_Check(object); }

Ref<> proxy_new(PyTypeObject*, PyObject* mapping) {
  if (!is_mapping(mapping)) return raise(PyExc_TypeError, "mappingproxy() argument must be a mapping, not %s", Py_TYPE(mapping)->tp_name);
  return steal(PyDictProxy_New(mapping));
}

Ref<> proxy_get(MappingProxy* self, PyObject* key, PyObject* fallback) {
  return call_method(self->mapping, name<"get">, key, fallback ? fallback : Py_None);
}
Ref<> proxy_keys(MappingProxy* self) { return call_method(self->mapping, name<"keys">); }
Ref<> proxy_values(MappingProxy* self) { return call_method(self->mapping, name<"values">); }
Ref<> proxy_items(MappingProxy* self) { return call_method(self->mapping, name<"items">); }
Ref<> proxy_copy(MappingProxy* self) { return call_method(self->mapping, name<"copy">); }
Ref<> proxy_reversed(MappingProxy* self) { return call_method(self->mapping, name<"__reversed__">); }

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("get($self, key, default=None, /)", proxy_get, "D.get(k[,d]) -> D[k] if k in D, else d.  d defaults to None."),
    METHOD_UNSIGNED("keys($self, /)", proxy_keys, "D.keys() -> a set-like object providing a view on D's keys"),
    METHOD_UNSIGNED("values($self, /)", proxy_values, "D.values() -> an object providing a view on D's values"),
    METHOD_UNSIGNED("items($self, /)", proxy_items, "D.items() -> a set-like object providing a view on D's items"),
    METHOD_UNSIGNED("copy($self, /)", proxy_copy, "D.copy() -> a shallow copy of D"),
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    METHOD_UNSIGNED("__reversed__($self, /)", proxy_reversed, "D.__reversed__() -> reverse iterator"),
    kEndOfMethods,
};

const PyNumberMethods kNumber = {.nb_or = proxy_or, .nb_inplace_or = proxy_inplace_or};
const PyMappingMethods kMapping = {.mp_length = proxy_length, .mp_subscript = proxy_subscript};
const PySequenceMethods kSequence = {.sq_contains = proxy_contains};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyDictProxy_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "mappingproxy",
    .tp_basicsize = sizeof(MappingProxy),
    .tp_dealloc = proxy_dealloc,
    .tp_repr = proxy_repr,
    .tp_as_number = const_cast<PyNumberMethods*>(&kNumber),
    .tp_as_sequence = const_cast<PySequenceMethods*>(&kSequence),
    .tp_as_mapping = const_cast<PyMappingMethods*>(&kMapping),
    .tp_str = proxy_str,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_MAPPING,
    .tp_traverse = Fields::traverse,
    .tp_richcompare = proxy_richcompare,
    .tp_iter = proxy_iter,
    .tp_methods = table(kMethods),
    .tp_new = CONSTRUCTOR("mappingproxy($type, mapping)", proxy_new),
};

PyObject* PyDictProxy_New(PyObject* mapping) {
  if (!is_mapping(mapping)) return raise(PyExc_TypeError, "mappingproxy() argument must be a mapping, not %s", Py_TYPE(mapping)->tp_name);
  auto* proxy = PyObject_GC_New(MappingProxy, &PyDictProxy_Type);
  if (!proxy) return nullptr;
  proxy->mapping = borrow(mapping).release();
  PyObject_GC_Track(proxy);
  return as_object(proxy);
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyDictProxy_Type);
}  // namespace gill
