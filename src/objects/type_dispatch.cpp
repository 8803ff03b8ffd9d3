// The slot functions of Python classes. Each finds its special method through the method cache and calls it with the
// arguments on the C stack: no tuple, and for plain functions no bound method either.
#include "objects/type_slots.h"

namespace gill::dispatch {

SpecialMethod required_method(PyObject* self, PyObject* method) {
  SpecialMethod found = lookup_special(self, method);
  if (!found && !PyErr_Occurred()) PyErr_SetObject(PyExc_AttributeError, method);
  return found;
}

PyObject* call_or_not_implemented(PyObject* self, PyObject* method, PyObject* argument) {
  SpecialMethod found = lookup_special(self, method);
  if (!found) {
    if (PyErr_Occurred()) return nullptr;
    return borrow(Py_NotImplemented).release();
  }
  return call_special(found, self, argument).release();
}

Maybe<bool> overrides(PyObject* left, PyObject* right, PyObject* method) {
  // What an attribute look-up on the types themselves would find.
  PyObject *a = nullptr, *b = nullptr;
  if (_PyObject_LookupAttr(as_object(Py_TYPE(right)), method, &b) < 0) return failure;
  Ref<> own_b = steal(b);
  if (!b) return false;
  if (_PyObject_LookupAttr(as_object(Py_TYPE(left)), method, &a) < 0) return failure;
  Ref<> own_a = steal(a);
  if (!a) return true;
  return truth_of(PyObject_RichCompareBool(a, b, Py_NE));
}

// ---- attributes -------------------------------------------------------------------------------------

PyObject* get_attribute(PyObject* self, PyObject* attribute) {
  SpecialMethod method = required_method(self, name<"__getattribute__">);
  if (!method) return nullptr;
  return call_special(method, self, attribute).release();
}

PyObject* attribute_hook(PyObject* self, PyObject* attribute) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject* fallback = type_lookup(type, name<"__getattr__">);
  if (!fallback) {
    // Nobody defines __getattr__: the slot may skip looking for it until the class changes.
    type->tp_getattro = get_attribute;
    return get_attribute(self, attribute);
  }
  // __getattribute__ may remove it meanwhile.
  Ref<> hold = borrow(fallback);
  auto call_fallback = [&]() -> PyObject* {
    SpecialMethod method = bind_special(self, fallback);
    return method ? call_special(method, self, attribute).release() : nullptr;
  };
  PyObject* primary = type_lookup(type, name<"__getattribute__">);
  auto* wrapper = reinterpret_cast<PyWrapperDescrObject*>(primary);
  PyObject* result;
  if (!primary || (Py_IS_TYPE(primary, &PyWrapperDescr_Type) &&
                   wrapper->d_wrapped == (void*)PyObject_GenericGetAttr)) {
    result = _PyObject_GenericGetAttrWithDict(self, attribute, nullptr, 1);
    if (!result && !PyErr_Occurred()) return call_fallback();
  } else {
    SpecialMethod method = lookup_special(self, name<"__getattribute__">);
    if (!method) return nullptr;
    result = call_special(method, self, attribute).release();
  }
  if (result || !PyErr_ExceptionMatches(PyExc_AttributeError)) return result;
  PyErr_Clear();
  return call_fallback();
}

int set_attribute(PyObject* self, PyObject* attribute, PyObject* value) {
  SpecialMethod method = required_method(self, value ? name<"__setattr__"> : name<"__delattr__">);
  if (!method) return -1;
  Ref<> result = value ? call_special(method, self, attribute, value) : call_special(method, self, attribute);
  return result ? 0 : -1;
}

// ---- calls, text, hash, comparison --------------------------------------------------------------------

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  SpecialMethod method = required_method(self, name<"__call__">);
  if (!method) return nullptr;
  if (method.unbound) return _PyObject_Call_Prepend(PyThreadState_Get(), method.function.get(), self, args, kwargs);
  return PyObject_Call(method.function.get(), args, kwargs);
}

PyObject* repr(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__repr__">);
  if (method) return call_special(method, self).release();
  if (PyErr_Occurred()) return nullptr;
  return PyUnicode_FromFormat("<%s object at %p>", Py_TYPE(self)->tp_name, self);
}

PyObject* str(PyObject* self) {
  SpecialMethod method = required_method(self, name<"__str__">);
  if (!method) return nullptr;
  return call_special(method, self).release();
}

Py_hash_t hash(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__hash__">);
  if (!method && PyErr_Occurred()) return -1;
  if (!method || method.function.get() == Py_None) return PyObject_HashNotImplemented(self);
  Ref<> result = call_special(method, self);
  if (!result) return -1;
  if (!PyLong_Check(result.get())) return raise(PyExc_TypeError, "__hash__ method should return an integer");
  // Large values are folded the way int's own hash folds them.
  Py_ssize_t value = PyLong_AsSsize_t(result.get());
  if (value == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    value = PyLong_Type.tp_hash(result.get());
  }
  return value == -1 ? -2 : value;
}

PyObject* rich_compare(PyObject* self, PyObject* other, int operation) {
  static PyObject* const kMethods[] = {name<"__lt__">, name<"__le__">, name<"__eq__">, name<"__ne__">, name<"__gt__">, name<"__ge__">};
  SpecialMethod method = lookup_special(self, kMethods[operation]);
  if (!method) {
    PyErr_Clear();
    return borrow(Py_NotImplemented).release();
  }
  return call_special(method, self, other).release();
}

int truth(PyObject* self) {
  bool from_length = false;
  SpecialMethod method = lookup_special(self, name<"__bool__">);
  if (!method) {
    if (PyErr_Occurred()) return -1;
    method = lookup_special(self, name<"__len__">);
    if (!method) return PyErr_Occurred() ? -1 : 1;
    from_length = true;
  }
  Ref<> result = call_special(method, self);
  if (!result) return -1;
  if (from_length) return PyObject_IsTrue(result.get());
  if (!PyBool_Check(result.get())) {
    return raise(PyExc_TypeError, "__bool__ should return bool, returned %.200s", Py_TYPE(result.get())->tp_name);
  }
  return result.get() == Py_True;
}

// ---- iteration ----------------------------------------------------------------------------------------

PyObject* iter(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__iter__">);
  if (method) {
    if (method.function.get() == Py_None) {
      return raise(PyExc_TypeError, "'%.200s' object is not iterable", Py_TYPE(self)->tp_name);
    }
    return call_special(method, self).release();
  }
  if (PyErr_Occurred()) return nullptr;
  if (!type_lookup(Py_TYPE(self), name<"__getitem__">)) {
    return raise(PyExc_TypeError, "'%.200s' object is not iterable", Py_TYPE(self)->tp_name);
  }
  return PySeqIter_New(self);
}

PyObject* next(PyObject* self) {
  SpecialMethod method = required_method(self, name<"__next__">);
  if (!method) return nullptr;
  return call_special(method, self).release();
}

PyObject* await_(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__await__">);
  if (method) return call_special(method, self).release();
  if (PyErr_Occurred()) return nullptr;
  return raise(PyExc_AttributeError, "object %.50s does not have __await__ method", Py_TYPE(self)->tp_name);
}

PyObject* aiter(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__aiter__">);
  if (method) return call_special(method, self).release();
  if (PyErr_Occurred()) return nullptr;
  return raise(PyExc_AttributeError, "object %.50s does not have __aiter__ method", Py_TYPE(self)->tp_name);
}

PyObject* anext(PyObject* self) {
  SpecialMethod method = lookup_special(self, name<"__anext__">);
  if (method) return call_special(method, self).release();
  if (PyErr_Occurred()) return nullptr;
  return raise(PyExc_AttributeError, "object %.50s does not have __anext__ method", Py_TYPE(self)->tp_name);
}

// ---- descriptors ----------------------------------------------------------------------------------------

PyObject* descriptor_get(PyObject* self, PyObject* object, PyObject* type) {
  PyTypeObject* own = Py_TYPE(self);
  PyObject* get = type_lookup(own, name<"__get__">);
  if (!get) {
    // The class lost its __get__: not a descriptor any more.
    if (own->tp_descr_get == descriptor_get) own->tp_descr_get = nullptr;
    return borrow(self).release();
  }
  Ref<> hold = borrow(get);
  PyObject* stack[] = {nullptr, self, object ? object : Py_None, type ? type : Py_None};
  return PyObject_Vectorcall(get, stack + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

int descriptor_set(PyObject* self, PyObject* object, PyObject* value) {
  SpecialMethod method = required_method(self, value ? name<"__set__"> : name<"__delete__">);
  if (!method) return -1;
  Ref<> result = value ? call_special(method, self, object, value) : call_special(method, self, object);
  return result ? 0 : -1;
}

// ---- life ------------------------------------------------------------------------------------------------

int initialize(PyObject* self, PyObject* args, PyObject* kwargs) {
  SpecialMethod method = required_method(self, name<"__init__">);
  if (!method) return -1;
  Ref<> result = method.unbound ? steal(_PyObject_Call_Prepend(PyThreadState_Get(), method.function.get(), self, args, kwargs))
                                : steal(PyObject_Call(method.function.get(), args, kwargs));
  if (!result) return -1;
  if (result.get() != Py_None) {
    return raise(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result.get())->tp_name);
  }
  return 0;
}

PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Ref<> function = steal(PyObject_GetAttr(as_object(type), name<"__new__">));
  if (!function) return nullptr;
  return _PyObject_Call_Prepend(PyThreadState_Get(), function.get(), as_object(type), args, kwargs);
}

void finalize(PyObject* self) {
  // A finalizer runs in the middle of anything and reports its failure instead of raising it.
  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  if (SpecialMethod method = lookup_special(self, name<"__del__">)) {
    if (!call_special(method, self)) PyErr_WriteUnraisable(method.function.get());
  } else if (PyErr_Occurred()) {
    PyErr_WriteUnraisable(self);
  }
  PyErr_Restore(et, ev, tb);
}

// ---- numbers ---------------------------------------------------------------------------------------------

PyObject* index(PyObject* self) {
  SpecialMethod method = required_method(self, name<"__index__">);
  if (!method) return nullptr;
  return call_special(method, self).release();
}

namespace {
PyObject* two_operand_power(PyObject* self, PyObject* other);
bool uses_power(PyTypeObject* type) { return type->tp_as_number && type->tp_as_number->nb_power == power; }

PyObject* two_operand_power(PyObject* self, PyObject* other) {
  bool reflect = !Py_IS_TYPE(self, Py_TYPE(other)) && uses_power(Py_TYPE(other));
  if (uses_power(Py_TYPE(self))) {
    if (reflect && PyType_IsSubtype(Py_TYPE(other), Py_TYPE(self)) && TRY(overrides(self, other, name<"__rpow__">))) {
      PyObject* result = call_or_not_implemented(other, name<"__rpow__">, self);
      if (result != Py_NotImplemented) return result;
      release(result);
      reflect = false;
    }
    PyObject* result = call_or_not_implemented(self, name<"__pow__">, other);
    if (result != Py_NotImplemented || Py_IS_TYPE(other, Py_TYPE(self))) return result;
    release(result);
  }
  if (reflect) return call_or_not_implemented(other, name<"__rpow__">, self);
  return borrow(Py_NotImplemented).release();
}
}  // namespace

PyObject* power(PyObject* self, PyObject* other, PyObject* modulus) {
  if (modulus == Py_None) return two_operand_power(self, other);
  // Three operands: only the first one's class is asked.
  if (!uses_power(Py_TYPE(self))) return borrow(Py_NotImplemented).release();
  SpecialMethod method = lookup_special(self, name<"__pow__">);
  if (!method) return PyErr_Occurred() ? nullptr : borrow(Py_NotImplemented).release();
  return call_special(method, self, other, modulus).release();
}

PyObject* inplace_power(PyObject* self, PyObject* other, PyObject*) {
  SpecialMethod method = required_method(self, name<"__ipow__">);
  if (!method) return nullptr;
  return call_special(method, self, other).release();
}

// ---- containers --------------------------------------------------------------------------------------------

Py_ssize_t length(PyObject* self) {
  SpecialMethod method = required_method(self, name<"__len__">);
  if (!method) return -1;
  Ref<> result = call_special(method, self);
  if (!result) return -1;
  Ref<> number = steal(PyNumber_Index(result.get()));
  if (!number) return -1;
  if (_PyLong_Sign(number.get()) < 0) return raise(PyExc_ValueError, "__len__() should return >= 0");
  Py_ssize_t value = PyNumber_AsSsize_t(number.get(), PyExc_OverflowError);
  return value;
}

PyObject* item(PyObject* self, Py_ssize_t index) {
  SpecialMethod method = required_method(self, name<"__getitem__">);
  if (!method) return nullptr;
  Ref<> number = steal(PyLong_FromSsize_t(index));
  if (!number) return nullptr;
  return call_special(method, self, number.get()).release();
}

int set_item(PyObject* self, Py_ssize_t index, PyObject* value) {
  SpecialMethod method = required_method(self, value ? name<"__setitem__"> : name<"__delitem__">);
  if (!method) return -1;
  Ref<> number = steal(PyLong_FromSsize_t(index));
  if (!number) return -1;
  Ref<> result = value ? call_special(method, self, number.get(), value) : call_special(method, self, number.get());
  return result ? 0 : -1;
}

int contains(PyObject* self, PyObject* value) {
  SpecialMethod method = lookup_special(self, name<"__contains__">);
  if (method) {
    if (method.function.get() == Py_None) {
      return raise(PyExc_TypeError, "'%.200s' object is not a container", Py_TYPE(self)->tp_name);
    }
    Ref<> result = call_special(method, self, value);
    return result ? PyObject_IsTrue(result.get()) : -1;
  }
  if (PyErr_Occurred()) return -1;
  return static_cast<int>(_PySequence_IterSearch(self, value, PY_ITERSEARCH_CONTAINS));
}

PyObject* subscript(PyObject* self, PyObject* key) {
  SpecialMethod method = required_method(self, name<"__getitem__">);
  if (!method) return nullptr;
  return call_special(method, self, key).release();
}

int set_subscript(PyObject* self, PyObject* key, PyObject* value) {
  SpecialMethod method = required_method(self, value ? name<"__setitem__"> : name<"__delitem__">);
  if (!method) return -1;
  Ref<> result = value ? call_special(method, self, key, value) : call_special(method, self, key);
  return result ? 0 : -1;
}

}  // namespace gill::dispatch
