// isinstance() and issubclass(), with classes, tuples and unions of classes, objects that only claim to be classes, and the hooks
// __instancecheck__ and __subclasscheck__.
#include <Python.h>

#include "base/names.h"
#include "objects/object.h"
#include "objects/type.h"
#include "runtime/thread_state.h"

namespace gill {

namespace {

// `__bases__` of a class-like object; empty without an exception when that is no tuple.
Ref<> bases_of(PyObject* klass, bool* failed) {
  Ref<> bases = optional_attribute(klass, name<"__bases__">, failed);
  if (bases && !PyTuple_Check(bases.get())) return nullptr;
  return bases;
}

// Walks `__bases__` of class-like objects.
int abstract_subclass(PyObject* derived, PyObject* klass) {
  Ref<> hold = borrow(derived);
  while (true) {
    if (hold.get() == klass) return 1;
    bool failed;
    Ref<> bases = bases_of(hold.get(), &failed);
    if (failed) return -1;
    if (!bases || PyTuple_GET_SIZE(bases.get()) == 0) return 0;
    if (PyTuple_GET_SIZE(bases.get()) == 1) {
      hold = borrow(PyTuple_GET_ITEM(bases.get(), 0));
      continue;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases.get()); ++i) {
      if (!enter_recursive_call(" in __issubclass__")) return -1;
      int result = abstract_subclass(PyTuple_GET_ITEM(bases.get(), i), klass);
      leave_recursive_call();
      if (result) return result;
    }
    return 0;
  }
}

// True when `klass` may stand as a class; else sets the message.
bool check_class(PyObject* klass, const char* message) {
  bool failed;
  Ref<> bases = bases_of(klass, &failed);
  if (bases) return true;
  if (!failed) PyErr_SetString(PyExc_TypeError, message);
  return false;
}

constexpr char kInstanceMessage[] = "isinstance() arg 2 must be a type, a tuple of types, or a union";
constexpr char kSubclassMessage[] = "issubclass() arg 2 must be a class, a tuple of classes, or a union";

int instance_of(PyObject* object, PyObject* klass) {
  if (PyType_Check(klass)) {
    auto* type = reinterpret_cast<PyTypeObject*>(klass);
    if (PyObject_TypeCheck(object, type)) return 1;
    // A proxy may claim another class.
    if (Py_TYPE(object)->tp_getattro == PyObject_GenericGetAttr && _PyType_Lookup(Py_TYPE(object), name<"__class__">) == _PyType_Lookup(&PyBaseObject_Type, name<"__class__">)) return 0;
    bool failed;
    Ref<> claimed = optional_attribute(object, name<"__class__">, &failed);
    if (failed) return -1;
    if (claimed && claimed.get() != as_object(Py_TYPE(object)) && PyType_Check(claimed.get())) {
      return PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(claimed.get()), type);
    }
    return 0;
  }
  if (!check_class(klass, kInstanceMessage)) return -1;
  bool failed;
  Ref<> claimed = optional_attribute(object, name<"__class__">, &failed);
  if (failed) return -1;
  return claimed ? abstract_subclass(claimed.get(), klass) : 0;
}

int subclass_of(PyObject* derived, PyObject* klass) {
  if (PyType_Check(klass) && PyType_Check(derived)) {
    return PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(derived), reinterpret_cast<PyTypeObject*>(klass));
  }
  if (!check_class(derived, "issubclass() arg 1 must be a class")) return -1;
  if (!check_class(klass, kSubclassMessage)) return -1;
  return abstract_subclass(derived, klass);
}

template <auto Check>
int check_each(PyObject* object, PyObject* classes, const char* where) {
  if (!enter_recursive_call(where)) return -1;
  int result = 0;
  for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(classes); ++i) result = Check(object, PyTuple_GET_ITEM(classes, i));
  leave_recursive_call();
  return result;
}

int call_hook(const SpecialMethod& hook, PyObject* klass, PyObject* object, const char* where) {
  if (!enter_recursive_call(where)) return -1;
  Ref<> result = call_special(hook, klass, object);
  leave_recursive_call();
  return result ? PyObject_IsTrue(result.get()) : -1;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int _PyObject_RealIsInstance(PyObject* object, PyObject* klass) { return instance_of(object, klass); }
int _PyObject_RealIsSubclass(PyObject* derived, PyObject* klass) { return subclass_of(derived, klass); }

int PyObject_IsInstance(PyObject* object, PyObject* klass) {
  if (Py_IS_TYPE(object, reinterpret_cast<PyTypeObject*>(klass))) return 1;
  // The hook of `type` itself is what would be called anyway.
  if (PyType_CheckExact(klass)) return instance_of(object, klass);
  if (PyTuple_Check(klass)) return check_each<PyObject_IsInstance>(object, klass, " in __instancecheck__");
  SpecialMethod hook = lookup_special(klass, name<"__instancecheck__">);
  if (hook) return call_hook(hook, klass, object, " in __instancecheck__");
  if (PyErr_Occurred()) return -1;
  return instance_of(object, klass);
}

int PyObject_IsSubclass(PyObject* derived, PyObject* klass) {
  if (PyType_CheckExact(klass)) {
    if (derived == klass) return 1;
    return subclass_of(derived, klass);
  }
  if (PyTuple_Check(klass)) return check_each<PyObject_IsSubclass>(derived, klass, " in __subclasscheck__");
  SpecialMethod hook = lookup_special(klass, name<"__subclasscheck__">);
  if (hook) return call_hook(hook, klass, derived, " in __subclasscheck__");
  if (PyErr_Occurred()) return -1;
  return subclass_of(derived, klass);
}

}  // extern "C"
