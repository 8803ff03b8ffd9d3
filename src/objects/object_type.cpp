// The type `object`: what every object can do. Pickling support is in object_reduce.cpp.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "memory/objects.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/object_reduce.h"
#include "objects/type.h"
#include "objects/type_slots.h"

namespace gill {

namespace {

bool has_arguments(PyObject* args, PyObject* kwargs) {
  return PyTuple_GET_SIZE(args) || (kwargs && PyDict_GET_SIZE(kwargs));
}

Failure refuse_abstract(PyTypeObject* type) {
  Ref<> methods = TRY(attribute(as_object(type), name<"__abstractmethods__">));
  Ref<> sorted = TRY(steal(PySequence_List(methods.get())));
  if (PyList_Sort(sorted.get()) < 0) return failure;
  Ref<> comma = TRY(steal(PyUnicode_FromString(", ")));
  Ref<> joined = TRY(steal(PyUnicode_Join(comma.get(), sorted.get())));
  return raise(PyExc_TypeError, "Can't instantiate abstract class %s with abstract method%s %U", type->tp_name,
               PyList_GET_SIZE(sorted.get()) > 1 ? "s" : "", joined.get());
}

void object_dealloc(PyObject* self) { Py_TYPE(self)->tp_free(self); }

Ref<> object_repr(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Ref<> module = type_module_of(type);
  if (!module) PyErr_Clear();
  else if (!PyUnicode_Check(module.get())) module.reset();
  Ref<> qualname = TRY(type_qualname_of(type));
  if (module && PyUnicode_CompareWithASCIIString(module.get(), "builtins")) {
    return steal(PyUnicode_FromFormat("<%U.%U object at %p>", module.get(), qualname.get(), self));
  }
  return steal(PyUnicode_FromFormat("<%s object at %p>", type->tp_name, self));
}

PyObject* object_str(PyObject* self) {
  reprfunc repr = Py_TYPE(self)->tp_repr;
  return repr ? repr(self) : object_repr(self).release();
}

PyObject* object_richcompare(PyObject* self, PyObject* other, int operation) {
  if (operation == Py_EQ) {
    // Not equal is not known: the other operand may have an opinion.
    return borrow(self == other ? Py_True : Py_NotImplemented).release();
  }
  if (operation == Py_NE && Py_TYPE(self)->tp_richcompare) {
    PyObject* equal = Py_TYPE(self)->tp_richcompare(self, other, Py_EQ);
    if (!equal || equal == Py_NotImplemented) return equal;
    Ref<> hold = steal(equal);
    int truth = PyObject_IsTrue(equal);
    return truth < 0 ? nullptr : py_bool(!truth).release();
  }
  return borrow(Py_NotImplemented).release();
}

Py_hash_t object_hash(PyObject* self) { return _Py_HashPointer(self); }

Ref<> get_class(PyObject* self) { return borrow(as_object(Py_TYPE(self))); }

Ref<> object_format(PyObject* self, PyUnicodeObject* spec) {
  if (PyUnicode_GET_LENGTH(as_object(spec)) > 0) {
    return raise(PyExc_TypeError, "unsupported format string passed to %.200s.__format__", Py_TYPE(self)->tp_name);
  }
  return steal(PyObject_Str(self));
}

Maybe<Py_ssize_t> object_sizeof(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_ssize_t size = type->tp_basicsize;
  if (type->tp_itemsize > 0) {
    Py_ssize_t items = Py_SIZE(self);
    size += (items < 0 ? -items : items) * type->tp_itemsize;
  }
  return size + (has_managed_dict(type) ? static_cast<Py_ssize_t>(instance_values_size(self)) : 0);
}

Ref<> object_dir(PyObject* self) {
  bool failed;
  Ref<> own = optional_attribute(self, name<"__dict__">, &failed);
  if (failed) return nullptr;
  Ref<> names = own && PyDict_Check(own.get()) ? steal(PyDict_Copy(own.get())) : steal(PyDict_New());
  if (!names) return nullptr;
  Ref<> klass = optional_attribute(self, name<"__class__">, &failed);
  if (failed) return nullptr;
  if (klass) TRY(merge_class_dict(names.get(), klass.get()));
  return steal(PyDict_Keys(names.get()));
}

Ref<> object_subclasshook(PyTypeObject*, PyObject*) { return borrow(Py_NotImplemented); }
Status object_init_subclass(PyTypeObject*) { return Status::ok; }

const PyMethodDef kMethods[] = {
    METHOD("__reduce_ex__($self, protocol, /)", object_reduce_ex, "Helper for pickle."),
    METHOD("__reduce__($self, /)", object_reduce, "Helper for pickle."),
    METHOD("__getstate__($self, /)", object_getstate, "Helper for pickle."),
    CLASS_METHOD_OF_TUPLE("__subclasshook__($type, subclass, /)", object_subclasshook,
                          "Abstract classes can override this to customize issubclass().\n\n"
                          "This is invoked early on by abc.ABCMeta.__subclasscheck__().\n"
                          "It should return True, False or NotImplemented.  If it returns\n"
                          "NotImplemented, the normal algorithm is used.  Otherwise, it\n"
                          "overrides the normal algorithm (and the outcome is cached).\n"),
    CLASS_METHOD_UNSIGNED("__init_subclass__($type, /)", object_init_subclass,
                          "This method is called when a class is subclassed.\n\n"
                          "The default implementation does nothing. It may be\n"
                          "overridden to extend subclasses.\n"),
    METHOD("__format__($self, format_spec, /)", object_format, "Default object formatter."),
    METHOD("__sizeof__($self, /)", object_sizeof, "Size of object in memory, in bytes."),
    METHOD("__dir__($self, /)", object_dir, "Default dir() implementation."),
    kEndOfMethods,
};

const PyGetSetDef kGetSets[] = {
    getset<get_class, set_class>("__class__", "the object's class"),
    kEndOfGetSets,
};

}  // namespace

// Surplus arguments are an error unless exactly one of __new__ and __init__ is overridden, which then takes them.
PyObject* object_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (has_arguments(args, kwargs)) [[unlikely]] {
    if (type->tp_new != object_new) {
      return raise(PyExc_TypeError, "object.__new__() takes exactly one argument (the type to instantiate)");
    }
    if (type->tp_init == object_init) return raise(PyExc_TypeError, "%.200s() takes no arguments", type->tp_name);
  }
  if (PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT)) [[unlikely]] return refuse_abstract(type);
  return type->tp_alloc(type, 0);
}

int object_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyTypeObject* type = Py_TYPE(self);
  if (has_arguments(args, kwargs)) [[unlikely]] {
    if (type->tp_init != object_init) {
      return raise(PyExc_TypeError, "object.__init__() takes exactly one argument (the instance to initialize)");
    }
    if (type->tp_new == object_new) {
      return raise(PyExc_TypeError, "%.200s.__init__() takes exactly one argument (the instance to initialize)", type->tp_name);
    }
  }
  return 0;
}

}  // namespace gill

using namespace gill;

extern "C" PyTypeObject PyBaseObject_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "object",
    .tp_basicsize = sizeof(PyObject),
    .tp_dealloc = object_dealloc,
    .tp_repr = slot<object_repr>,
    .tp_hash = object_hash,
    .tp_str = object_str,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_doc = "object()\n--\n\nThe base class of the class hierarchy.\n\nWhen called, it accepts no arguments and returns a new featureless\n"
              "instance that has no instance attributes and cannot be given any.\n",
    .tp_richcompare = object_richcompare,
    .tp_methods = table(kMethods),
    .tp_getset = table(kGetSets),
    .tp_init = object_init,
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = object_new,
    .tp_free = PyObject_Free,
};

namespace gill {
GILL_STATIC_TYPE(PyBaseObject_Type);
}  // namespace gill
