// property: a data descriptor made of up to three functions.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"

namespace gill {

namespace {

struct Property {
  PyObject_HEAD
  PyObject* get;
  PyObject* set;
  PyObject* del;
  PyObject* doc;
  PyObject* property_name;  // set by __set_name__; null before
  bool getter_doc;          // the doc came from the getter
};

using Fields = OwnedFields<&Property::get, &Property::set, &Property::del, &Property::doc, &Property::property_name>;

void property_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, property_dealloc);
  Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END;
}

Failure no_accessor(Property* self, PyObject* object, const char* kind) {
  Ref<> type = steal(PyType_GetQualName(Py_TYPE(object)));
  if (!type) return failure;
  if (self->property_name) {
    return raise(PyExc_AttributeError, "property %R of %R object has no %s", self->property_name, type.get(), kind);
  }
  return raise(PyExc_AttributeError, "property of %R object has no %s", type.get(), kind);
}

PyObject* property_get(PyObject* descriptor, PyObject* object, PyObject*) {
  auto* self = reinterpret_cast<Property*>(descriptor);
  if (!object || object == Py_None) return borrow(descriptor).release();
  if (!self->get) return no_accessor(self, object, "getter");
  return PyObject_CallOneArg(self->get, object);
}

int property_set(PyObject* descriptor, PyObject* object, PyObject* value) {
  auto* self = reinterpret_cast<Property*>(descriptor);
  PyObject* function = value ? self->set : self->del;
  if (!function) return no_accessor(self, object, value ? "setter" : "deleter");
  Ref<> result = value ? call(function, object, value) : call(function, object);
  return result ? 0 : -1;
}

// A property like this one with one function replaced; None keeps the old one.
Ref<> copy_with(Property* self, PyObject* get, PyObject* set, PyObject* del) {
  auto choose = [](PyObject* given, PyObject* old) { return given && given != Py_None ? given : old ? old : Py_None; };
  PyObject* new_get = choose(get, self->get);
  PyObject* doc = self->getter_doc && new_get != Py_None ? Py_None : self->doc ? self->doc : Py_None;
  Ref<> result = TRY(call(as_object(Py_TYPE(self)), new_get, choose(set, self->set), choose(del, self->del), doc));
  if (PyObject_TypeCheck(result.get(), &PyProperty_Type)) {
    set_field(reinterpret_cast<Property*>(result.get())->property_name, borrow(self->property_name));
  }
  return result;
}

Ref<> property_getter(Property* self, PyObject* function) { return copy_with(self, function, nullptr, nullptr); }
Ref<> property_setter(Property* self, PyObject* function) { return copy_with(self, nullptr, function, nullptr); }
Ref<> property_deleter(Property* self, PyObject* function) { return copy_with(self, nullptr, nullptr, function); }

Status property_set_name(Property* self, Args args) {
  if (args.count != 2) return raise(PyExc_TypeError, "__set_name__() takes 2 positional arguments but %zd were given", args.count);
  set_field(self->property_name, borrow(args[1]));
  return Status::ok;
}

Status property_init(Property* self, PyObject* fget, PyObject* fset, PyObject* fdel, PyObject* doc) {
  auto given = [](PyObject* value) { return borrow(value == Py_None ? nullptr : value); };
  set_field(self->get, given(fget));
  set_field(self->set, given(fset));
  set_field(self->del, given(fdel));
  set_field(self->doc, borrow(doc));
  set_field(self->property_name, Ref<>());
  self->getter_doc = false;
  // Without a doc of its own the property has its getter's.
  if ((!doc || doc == Py_None) && self->get) {
    bool failed;
    Ref<> own = optional_attribute(self->get, name<"__doc__">, &failed);
    if (failed) return Status::error;
    if (own) {
      if (Py_IS_TYPE(as_object(self), &PyProperty_Type)) {
        set_field(self->doc, std::move(own));
      } else {
        // A subclass has a __doc__ of its own, which hides the member: it goes into the instance.
        TRY(status_of(PyObject_SetAttr(as_object(self), name<"__doc__">, own.get())));
      }
      self->getter_doc = true;
    }
  }
  return Status::ok;
}

Maybe<bool> get_isabstract(Property* self) {
  for (PyObject* function : {self->get, self->set, self->del}) {
    if (TRY(truth_of(_PyObject_IsAbstract(function)))) return true;
  }
  return false;
}

// Settable as a whole attribute in subclasses, read-only elsewhere.
const PyMemberDef kMembers[] = {
    {"fget", T_OBJECT, offsetof(Property, get), READONLY, nullptr},
    {"fset", T_OBJECT, offsetof(Property, set), READONLY, nullptr},
    {"fdel", T_OBJECT, offsetof(Property, del), READONLY, nullptr},
    {"__doc__", T_OBJECT, offsetof(Property, doc), 0, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyGetSetDef kGetSets[] = {
    getset<get_isabstract>("__isabstractmethod__"),
    kEndOfGetSets,
};
const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("getter($self, function, /)", property_getter, "Descriptor to obtain a copy of the property with a different getter."),
    METHOD_UNSIGNED("setter($self, function, /)", property_setter, "Descriptor to obtain a copy of the property with a different setter."),
    METHOD_UNSIGNED("deleter($self, function, /)", property_deleter, "Descriptor to obtain a copy of the property with a different deleter."),
    METHOD_PARSED("__set_name__($self, *args)", property_set_name, "Method to set name of a property."),
    kEndOfMethods,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" PyTypeObject PyProperty_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "property",
    .tp_basicsize = sizeof(Property),
    .tp_dealloc = property_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_doc = "property(fget=None, fset=None, fdel=None, doc=None)\n--\n\nProperty attribute.\n\n"
              "  fget\n    function to be used for getting an attribute value\n"
              "  fset\n    function to be used for setting an attribute value\n"
              "  fdel\n    function to be used for del'ing an attribute\n"
              "  doc\n    docstring\n\n"
              "As a decorator it makes a getter; the property's setter and deleter\n"
              "methods decorate the other functions:\n\n"
              "class C(object):\n    @property\n    def x(self):\n        \"I am the 'x' property.\"\n        return self._x\n"
              "    @x.setter\n    def x(self, value):\n        self._x = value\n    @x.deleter\n    def x(self):\n        del self._x",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_descr_get = property_get,
    .tp_descr_set = property_set,
    .tp_init = INITIALIZER("property($self, /, fget=None, fset=None, fdel=None, doc=None)", property_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
};

namespace gill {
GILL_STATIC_TYPE(PyProperty_Type);
}  // namespace gill
