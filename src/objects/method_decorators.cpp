// classmethod and staticmethod.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill {

namespace {

// Both wrap a callable and carry a dict with copies of its descriptive attributes.
struct Decorator {
  PyObject_HEAD
  PyObject* callable;
  PyObject* dict;
};

using Fields = OwnedFields<&Decorator::callable, &Decorator::dict>;

Decorator* as_decorator(PyObject* object) { return reinterpret_cast<Decorator*>(object); }

void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
}

Status copy_attributes(PyObject* wrapper, PyObject* wrapped) {
  PyObject* const kNames[] = {name<"__module__">, name<"__name__">, name<"__qualname__">, name<"__doc__">, name<"__annotations__">};
  for (PyObject* each : kNames) {
    bool failed;
    Ref<> value = optional_attribute(wrapped, each, &failed);
    if (failed) return Status::error;
    if (value) TRY(status_of(PyObject_SetAttr(wrapper, each, value.get())));
  }
  return Status::ok;
}

int initialize(PyObject* self, PyObject* args, PyObject* kwargs, const char* type_name) {
  if (kwargs && PyDict_GET_SIZE(kwargs)) return raise(PyExc_TypeError, "%s() takes no keyword arguments", type_name);
  PyObject* callable;
  if (!PyArg_UnpackTuple(args, type_name, 1, 1, &callable)) return -1;
  set_field(as_decorator(self)->callable, borrow(callable));
  return static_cast<int>(copy_attributes(self, callable));
}
int classmethod_init(PyObject* self, PyObject* args, PyObject* kwargs) { return initialize(self, args, kwargs, "classmethod"); }
int staticmethod_init(PyObject* self, PyObject* args, PyObject* kwargs) { return initialize(self, args, kwargs, "staticmethod"); }

PyObject* classmethod_get(PyObject* self, PyObject* object, PyObject* type) {
  PyObject* callable = as_decorator(self)->callable;
  if (!callable) return raise(PyExc_RuntimeError, "uninitialized classmethod object");
  if (!type) type = as_object(Py_TYPE(object));
  // A descriptor inside (a property, say) is asked with the class as its instance.
  if (descrgetfunc get = Py_TYPE(callable)->tp_descr_get) return get(callable, type, type);
  return PyMethod_New(callable, type);
}

PyObject* staticmethod_get(PyObject* self, PyObject*, PyObject*) {
  PyObject* callable = as_decorator(self)->callable;
  if (!callable) return raise(PyExc_RuntimeError, "uninitialized staticmethod object");
  return borrow(callable).release();
}

PyObject* staticmethod_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return PyObject_Call(as_decorator(self)->callable, args, kwargs);
}

Ref<> classmethod_repr(Decorator* self) { return steal(PyUnicode_FromFormat("<classmethod(%R)>", self->callable)); }
Ref<> staticmethod_repr(Decorator* self) { return steal(PyUnicode_FromFormat("<staticmethod(%R)>", self->callable)); }

Maybe<bool> get_isabstract(Decorator* self) { return truth_of(_PyObject_IsAbstract(self->callable)); }

const PyMemberDef kMembers[] = {
    {"__func__", T_OBJECT, offsetof(Decorator, callable), READONLY, nullptr},
    {"__wrapped__", T_OBJECT, offsetof(Decorator, callable), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<get_isabstract>("__isabstractmethod__"),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    kEndOfGetSets,
};

PyObject* make(PyTypeObject* type, PyObject* callable) {
  Ref<> self = steal(PyType_GenericAlloc(type, 0));
  if (!self) return nullptr;
  as_decorator(self.get())->callable = borrow(callable).release();
  return self.release();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyClassMethod_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "classmethod",
    .tp_basicsize = sizeof(Decorator),
    .tp_dealloc = dealloc,
    .tp_repr = slot<classmethod_repr>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "classmethod(function) -> method\n\nConvert a function to be a class method.\n\n"
              "A class method receives the class as its first argument, just as an\n"
              "instance method receives the instance:\n\n"
              "  class C:\n      @classmethod\n      def f(cls, arg1, arg2, ...):\n          ...\n\n"
              "It can be called on the class (C.f()) or on an instance (C().f()), whose\n"
              "class is then passed. Called through a derived class, it receives that class.",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_descr_get = classmethod_get,
    .tp_dictoffset = offsetof(Decorator, dict),
    .tp_init = classmethod_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
};

PyTypeObject PyStaticMethod_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "staticmethod",
    .tp_basicsize = sizeof(Decorator),
    .tp_dealloc = dealloc,
    .tp_repr = slot<staticmethod_repr>,
    .tp_call = staticmethod_call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "staticmethod(function) -> method\n\nConvert a function to be a static method.\n\n"
              "A static method receives no implicit first argument:\n\n"
              "  class C:\n      @staticmethod\n      def f(arg1, arg2, ...):\n          ...\n\n"
              "It can be called on the class (C.f()) or on an instance (C().f()); neither\n"
              "is passed to it.",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_descr_get = staticmethod_get,
    .tp_dictoffset = offsetof(Decorator, dict),
    .tp_init = staticmethod_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
};

PyObject* PyClassMethod_New(PyObject* callable) { return make(&PyClassMethod_Type, callable); }
PyObject* PyStaticMethod_New(PyObject* callable) { return make(&PyStaticMethod_Type, callable); }

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyClassMethod_Type);
GILL_STATIC_TYPE(PyStaticMethod_Type);
}  // namespace gill
