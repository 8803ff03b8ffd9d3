// types.SimpleNamespace.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

extern "C" {
PyAPI_DATA(PyTypeObject) _PyNamespace_Type;
PyAPI_FUNC(PyObject*) _PyNamespace_New(PyObject* kwargs);
}

namespace gill {

namespace {

struct Namespace {
  PyObject_HEAD
  PyObject* dict;
};

using Fields = OwnedFields<&Namespace::dict>;

Namespace* as_namespace(PyObject* object) { return reinterpret_cast<Namespace*>(object); }

PyObject* namespace_new(PyTypeObject* type, PyObject*, PyObject*) {
  Ref<> self = steal(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  as_namespace(self.get())->dict = PyDict_New();
  return as_namespace(self.get())->dict ? self.release() : nullptr;
}

int namespace_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args)) return raise(PyExc_TypeError, "no positional arguments expected");
  if (!kwargs) return 0;
  if (!PyArg_ValidateKeywordArguments(kwargs)) return -1;
  return PyDict_Update(as_namespace(self)->dict, kwargs);
}

void namespace_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
}

Ref<> namespace_repr(PyObject* self) {
  const char* type_name = Py_IS_TYPE(self, &_PyNamespace_Type) ? "namespace" : Py_TYPE(self)->tp_name;
  int entered = Py_ReprEnter(self);
  if (entered) return entered > 0 ? steal(PyUnicode_FromFormat("%s(...)", type_name)) : nullptr;
  auto build = [&]() -> Ref<> {
    Ref<> pairs = TRY(steal(PyList_New(0)));
    Ref<> items = TRY(steal(PyDict_Copy(as_namespace(self)->dict)));
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(items.get(), &position, &key, &value)) {
      if (!PyUnicode_Check(key) || PyUnicode_GET_LENGTH(key) == 0) continue;
      Ref<> text = TRY(steal(PyUnicode_FromFormat("%U=%R", key, value)));
      if (PyList_Append(pairs.get(), text.get()) < 0) return nullptr;
    }
    Ref<> comma = TRY(steal(PyUnicode_FromString(", ")));
    Ref<> joined = TRY(steal(PyUnicode_Join(comma.get(), pairs.get())));
    return steal(PyUnicode_FromFormat("%s(%U)", type_name, joined.get()));
  };
  Ref<> result = build();
  Py_ReprLeave(self);
  return result;
}

PyObject* namespace_richcompare(PyObject* self, PyObject* other, int operation) {
  if (PyObject_TypeCheck(self, &_PyNamespace_Type) && PyObject_TypeCheck(other, &_PyNamespace_Type)) {
    return PyObject_RichCompare(as_namespace(self)->dict, as_namespace(other)->dict, operation);
  }
  return borrow(Py_NotImplemented).release();
}

Ref<> namespace_reduce(Namespace* self) {
  Ref<> empty = TRY(steal(PyTuple_New(0)));
  return steal(PyTuple_Pack(3, Py_TYPE(self), empty.get(), self->dict));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", namespace_reduce, "Return state information for pickling"),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"__dict__", T_OBJECT, offsetof(Namespace, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject _PyNamespace_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "types.SimpleNamespace",
    .tp_basicsize = sizeof(Namespace),
    .tp_dealloc = namespace_dealloc,
    .tp_repr = slot<namespace_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_doc = "A simple attribute-based namespace.\n\nSimpleNamespace(**kwargs)",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_richcompare = namespace_richcompare,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_dictoffset = offsetof(Namespace, dict),
    .tp_init = namespace_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = namespace_new,
    .tp_free = PyObject_GC_Del,
};

PyObject* _PyNamespace_New(PyObject* kwargs) {
  Ref<> self = steal(namespace_new(&_PyNamespace_Type, nullptr, nullptr));
  if (!self || (kwargs && PyDict_Update(as_namespace(self.get())->dict, kwargs) < 0)) return nullptr;
  return self.release();
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(_PyNamespace_Type);
}  // namespace gill
