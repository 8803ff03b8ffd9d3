// object.__reduce__, __reduce_ex__ and __getstate__: how an object without pickling code of its own is taken apart.
//
// From protocol 2 on the result is (copyreg.__newobj__ or __newobj_ex__, constructor arguments, state, list items, dict items);
// older protocols are copyreg._reduce_ex's business. The state is the instance dict, paired with the values of __slots__ when there are any.
#include "objects/object_reduce.h"

#include "base/binding.h"
#include "base/names.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

Ref<> import_copyreg() {
  if (PyObject* module = PyImport_GetModule(name<"copyreg">)) return steal(module);
  if (PyErr_Occurred()) return nullptr;
  return steal(PyImport_Import(name<"copyreg">));
}

// The names in __slots__ of the whole hierarchy: a list, or None. copyreg computes it and keeps it in the class.
Ref<> slot_names(PyTypeObject* type) {
  PyObject* known = type->tp_dict ? PyDict_GetItemWithError(type->tp_dict, name<"__slotnames__">) : nullptr;
  if (!known && PyErr_Occurred()) return nullptr;
  if (known) {
    if (known != Py_None && !PyList_Check(known)) {
      return raise(PyExc_TypeError, "%.200s.__slotnames__ should be a list or None, not %.200s", type->tp_name, Py_TYPE(known)->tp_name);
    }
    return borrow(known);
  }
  Ref<> copyreg = TRY(import_copyreg());
  Ref<> names = TRY(call_method(copyreg.get(), name<"_slotnames">, as_object(type)));
  if (names.get() != Py_None && !PyList_Check(names.get())) return raise(PyExc_TypeError, "copyreg._slotnames didn't return a list or None");
  return names;
}

Failure cannot_pickle(PyObject* self) {
  return raise(PyExc_TypeError, "cannot pickle '%.200s' object", Py_TYPE(self)->tp_name);
}

// `required`: nothing but the state will restore the object, so C fields that the state cannot hold are an error.
Ref<> default_state(PyObject* self, bool required) {
  PyTypeObject* type = Py_TYPE(self);
  if (required && type->tp_itemsize) return raise(PyExc_TypeError, "cannot pickle %.200s objects", type->tp_name);

  Ref<> state = none();
  if (type->tp_dictoffset) {
    PyObject** slot = _PyObject_GetDictPtr(self);
    if (!slot && PyErr_Occurred()) return nullptr;
    if (slot && *slot && PyDict_GET_SIZE(*slot)) state = borrow(*slot);
  }

  Ref<> names = TRY(slot_names(type));
  Py_ssize_t count = names.get() == Py_None ? 0 : PyList_GET_SIZE(names.get());
  if (required) {
    Py_ssize_t size = PyBaseObject_Type.tp_basicsize;
    if (type->tp_dictoffset && !has_managed_dict(type)) size += sizeof(PyObject*);
    if (type->tp_weaklistoffset > 0) size += sizeof(PyObject*);
    size += count * static_cast<Py_ssize_t>(sizeof(PyObject*));
    if (type->tp_basicsize > size) return cannot_pickle(self);
  }
  if (count == 0) return state;
  Ref<> slots = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names.get()); ++i) {
    Ref<> slot_name = borrow(PyList_GET_ITEM(names.get(), i));
    bool failed;
    Ref<> value = optional_attribute(self, slot_name.get(), &failed);
    if (failed) return nullptr;
    if (value && PyDict_SetItem(slots.get(), slot_name.get(), value.get()) < 0) return nullptr;
  }
  if (PyDict_GET_SIZE(slots.get()) == 0) return state;
  return steal(PyTuple_Pack(2, state.get(), slots.get()));
}

Ref<> state_of(PyObject* self, bool required) {
  Ref<> getstate = TRY(attribute(self, name<"__getstate__">));
  // Only the default implementation knows about `required`.
  if (PyCFunction_Check(getstate.get()) && PyCFunction_GET_SELF(getstate.get()) == self) {
    PyObject* own = PyDict_GetItemWithError(PyBaseObject_Type.tp_dict, name<"__getstate__">);
    if (own && reinterpret_cast<PyMethodDescrObject*>(own)->d_method->ml_meth == PyCFunction_GET_FUNCTION(getstate.get())) {
      return default_state(self, required);
    }
  }
  return call(getstate.get());
}

// What __getnewargs_ex__ or __getnewargs__ says; both empty when there is neither.
Status constructor_arguments(PyObject* self, Ref<>* args, Ref<>* kwargs) {
  SpecialMethod extended = lookup_special(self, name<"__getnewargs_ex__">);
  if (extended) {
    Ref<> pair = TRY(call_special(extended, self));
    if (!PyTuple_Check(pair.get())) {
      return raise(PyExc_TypeError, "__getnewargs_ex__ should return a tuple, not '%.200s'", Py_TYPE(pair.get())->tp_name);
    }
    if (PyTuple_GET_SIZE(pair.get()) != 2) {
      return raise(PyExc_ValueError, "__getnewargs_ex__ should return a tuple of length 2, not %zd", PyTuple_GET_SIZE(pair.get()));
    }
    *args = borrow(PyTuple_GET_ITEM(pair.get(), 0));
    *kwargs = borrow(PyTuple_GET_ITEM(pair.get(), 1));
    if (!PyTuple_Check(args->get())) {
      return raise(PyExc_TypeError, "first item of the tuple returned by __getnewargs_ex__ must be a tuple, not '%.200s'", Py_TYPE(args->get())->tp_name);
    }
    if (!PyDict_Check(kwargs->get())) {
      return raise(PyExc_TypeError, "second item of the tuple returned by __getnewargs_ex__ must be a dict, not '%.200s'", Py_TYPE(kwargs->get())->tp_name);
    }
    return Status::ok;
  }
  if (PyErr_Occurred()) return Status::error;
  SpecialMethod plain = lookup_special(self, name<"__getnewargs__">);
  if (!plain) return PyErr_Occurred() ? Status::error : Status::ok;
  *args = TRY(call_special(plain, self));
  if (!PyTuple_Check(args->get())) {
    return raise(PyExc_TypeError, "__getnewargs__ should return a tuple, not '%.200s'", Py_TYPE(args->get())->tp_name);
  }
  return Status::ok;
}

Ref<> prepend(PyObject* first, PyObject* rest) {
  Py_ssize_t count = rest ? PyTuple_GET_SIZE(rest) : 0;
  Ref<> result = TRY(steal(PyTuple_New(count + 1)));
  PyTuple_SET_ITEM(result.get(), 0, borrow(first).release());
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(result.get(), i + 1, borrow(PyTuple_GET_ITEM(rest, i)).release());
  return result;
}

Ref<> reduce_to_constructor(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (!type->tp_new) return cannot_pickle(self);
  Ref<> args, kwargs;
  TRY(constructor_arguments(self, &args, &kwargs));
  Ref<> copyreg = TRY(import_copyreg());
  bool has_args = static_cast<bool>(args);
  Ref<> maker, maker_args;
  if (!kwargs || PyDict_GET_SIZE(kwargs.get()) == 0) {
    maker = TRY(attribute(copyreg.get(), name<"__newobj__">));
    maker_args = TRY(prepend(as_object(type), args.get()));
  } else {
    maker = TRY(attribute(copyreg.get(), name<"__newobj_ex__">));
    maker_args = TRY(steal(PyTuple_Pack(3, as_object(type), args.get(), kwargs.get())));
  }
  Ref<> state = TRY(state_of(self, !(has_args || PyList_Check(self) || PyDict_Check(self))));
  Ref<> list_items = none(), dict_items = none();
  if (PyList_Check(self)) list_items = TRY(steal(PyObject_GetIter(self)));
  if (PyDict_Check(self)) {
    Ref<> items = TRY(call_method(self, name<"items">));
    dict_items = TRY(steal(PyObject_GetIter(items.get())));
  }
  return steal(PyTuple_Pack(5, maker.get(), maker_args.get(), state.get(), list_items.get(), dict_items.get()));
}

Ref<> reduce(PyObject* self, int protocol) {
  if (protocol >= 2) return reduce_to_constructor(self);
  Ref<> copyreg = TRY(import_copyreg());
  Ref<> number = TRY(steal(PyLong_FromLong(protocol)));
  return call_method(copyreg.get(), name<"_reduce_ex">, self, number.get());
}

}  // namespace

Ref<> object_reduce(PyObject* self) { return reduce(self, 0); }

Ref<> object_reduce_ex(PyObject* self, int protocol) {
  bool failed;
  Ref<> method = optional_attribute(self, name<"__reduce__">, &failed);
  if (failed) return nullptr;
  if (method) {
    // A class with __reduce__ of its own means it for all protocols.
    Ref<> of_class = TRY(attribute(as_object(Py_TYPE(self)), name<"__reduce__">));
    PyObject* ours = PyDict_GetItemWithError(PyBaseObject_Type.tp_dict, name<"__reduce__">);
    if (of_class.get() != ours) return call(method.get());
  }
  return reduce(self, protocol);
}

Ref<> object_getstate(PyObject* self) { return default_state(self, false); }

}  // namespace gill

extern "C" PyObject* _PyObject_GetState(PyObject* self) { return gill::state_of(self, false).release(); }
