// Python-level methods around C slots: `int.__add__`, `list.__len__` and the like. Each function takes the arguments of
// the Python call and the slot's function pointer, and translates one calling convention into the other.
#include "objects/type_slots.h"

namespace gill {

namespace {

template <class F>
F as(void* slot) { return reinterpret_cast<F>(slot); }

bool takes(PyObject* args, Py_ssize_t count) {
  Py_ssize_t given = PyTuple_GET_SIZE(args);
  if (given == count) return true;
  PyErr_Format(PyExc_TypeError, "expected %zd argument%s, got %zd", count, count == 1 ? "" : "s", given);
  return false;
}

PyObject* none_or_error(int result) { return result < 0 ? nullptr : none().release(); }

// A negative index counts from the end where the type knows its length.
Maybe<Py_ssize_t> sequence_index(PyObject* self, PyObject* argument) {
  Py_ssize_t index = TRY(checked(PyNumber_AsSsize_t(argument, PyExc_OverflowError)));
  if (index < 0) {
    PySequenceMethods* sequence = Py_TYPE(self)->tp_as_sequence;
    if (sequence && sequence->sq_length) index += TRY(checked(sequence->sq_length(self)));
  }
  return index;
}

template <int Operation>
PyObject* compare(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 1)) return nullptr;
  return as<richcmpfunc>(slot)(self, PyTuple_GET_ITEM(args, 0), Operation);
}

// `object.__setattr__(cls, ...)` must not reach around a C class's own setter. Python classes never have one, so the
// walk down tp_base from the class whose setter the object really has must meet `function` before any other C setter.
bool may_set_attributes(PyObject* self, setattrofunc function, const char* what) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject* mro = type->tp_mro;
  if (!mro) return true;
  auto is_python = [](PyTypeObject* t) { return t->tp_setattro == dispatch::set_attribute; };
  PyTypeObject* start = type;
  for (Py_ssize_t i = PyTuple_GET_SIZE(mro) - 1; i >= 0; --i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (is_python(base) || base->tp_setattro != type->tp_setattro) continue;
    start = base;
    break;
  }
  for (PyTypeObject* base = start; base && base->tp_setattro != function; base = base->tp_base) {
    if (is_python(base)) continue;
    PyErr_Format(PyExc_TypeError, "can't apply this %s to %s object", what, type->tp_name);
    return false;
  }
  return true;
}

}  // namespace

namespace wrap {

PyObject* unary(PyObject* self, PyObject* args, void* slot) {
  return takes(args, 0) ? as<unaryfunc>(slot)(self) : nullptr;
}

PyObject* binary(PyObject* self, PyObject* args, void* slot) {
  return takes(args, 1) ? as<binaryfunc>(slot)(self, PyTuple_GET_ITEM(args, 0)) : nullptr;
}

PyObject* binary_left(PyObject* self, PyObject* args, void* slot) { return binary(self, args, slot); }

PyObject* binary_right(PyObject* self, PyObject* args, void* slot) {
  return takes(args, 1) ? as<binaryfunc>(slot)(PyTuple_GET_ITEM(args, 0), self) : nullptr;
}

PyObject* ternary(PyObject* self, PyObject* args, void* slot) {
  PyObject *other, *third = Py_None;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &other, &third)) return nullptr;
  return as<ternaryfunc>(slot)(self, other, third);
}

PyObject* ternary_right(PyObject* self, PyObject* args, void* slot) {
  PyObject *other, *third = Py_None;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &other, &third)) return nullptr;
  return as<ternaryfunc>(slot)(other, self, third);
}

PyObject* truth(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 0)) return nullptr;
  int result = as<inquiry>(slot)(self);
  if (result == -1 && PyErr_Occurred()) return nullptr;
  return py_bool(result != 0).release();
}

PyObject* length(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 0)) return nullptr;
  Py_ssize_t result = as<lenfunc>(slot)(self);
  if (result == -1 && PyErr_Occurred()) return nullptr;
  return PyLong_FromSsize_t(result);
}

PyObject* index_argument(PyObject* self, PyObject* args, void* slot) {
  PyObject* argument;
  if (!PyArg_UnpackTuple(args, "", 1, 1, &argument)) return nullptr;
  Py_ssize_t count = TRY(checked(PyNumber_AsSsize_t(argument, PyExc_OverflowError)));
  return as<ssizeargfunc>(slot)(self, count);
}

PyObject* item(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 1)) return nullptr;
  return as<ssizeargfunc>(slot)(self, TRY(sequence_index(self, PyTuple_GET_ITEM(args, 0))));
}

PyObject* set_item(PyObject* self, PyObject* args, void* slot) {
  PyObject *index, *value;
  if (!PyArg_UnpackTuple(args, "", 2, 2, &index, &value)) return nullptr;
  return none_or_error(as<ssizeobjargproc>(slot)(self, TRY(sequence_index(self, index)), value));
}

PyObject* delete_item(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 1)) return nullptr;
  return none_or_error(as<ssizeobjargproc>(slot)(self, TRY(sequence_index(self, PyTuple_GET_ITEM(args, 0))), nullptr));
}

PyObject* contains(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 1)) return nullptr;
  int result = as<objobjproc>(slot)(self, PyTuple_GET_ITEM(args, 0));
  if (result == -1 && PyErr_Occurred()) return nullptr;
  return py_bool(result != 0).release();
}

PyObject* set_subscript(PyObject* self, PyObject* args, void* slot) {
  PyObject *key, *value;
  if (!PyArg_UnpackTuple(args, "", 2, 2, &key, &value)) return nullptr;
  return none_or_error(as<objobjargproc>(slot)(self, key, value));
}

PyObject* delete_subscript(PyObject* self, PyObject* args, void* slot) {
  return takes(args, 1) ? none_or_error(as<objobjargproc>(slot)(self, PyTuple_GET_ITEM(args, 0), nullptr)) : nullptr;
}

PyObject* set_attribute(PyObject* self, PyObject* args, void* slot) {
  PyObject *attribute, *value;
  if (!PyArg_UnpackTuple(args, "", 2, 2, &attribute, &value)) return nullptr;
  if (!may_set_attributes(self, as<setattrofunc>(slot), "__setattr__")) return nullptr;
  return none_or_error(as<setattrofunc>(slot)(self, attribute, value));
}

PyObject* delete_attribute(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 1) || !may_set_attributes(self, as<setattrofunc>(slot), "__delattr__")) return nullptr;
  return none_or_error(as<setattrofunc>(slot)(self, PyTuple_GET_ITEM(args, 0), nullptr));
}

PyObject* hash(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 0)) return nullptr;
  Py_hash_t result = as<hashfunc>(slot)(self);
  if (result == -1 && PyErr_Occurred()) return nullptr;
  return PyLong_FromSsize_t(result);
}

PyObject* call(PyObject* self, PyObject* args, void* slot, PyObject* kwargs) {
  return as<ternaryfunc>(slot)(self, args, kwargs);
}

PyObject* less(PyObject* self, PyObject* args, void* slot) { return compare<Py_LT>(self, args, slot); }
PyObject* less_equal(PyObject* self, PyObject* args, void* slot) { return compare<Py_LE>(self, args, slot); }
PyObject* equal(PyObject* self, PyObject* args, void* slot) { return compare<Py_EQ>(self, args, slot); }
PyObject* not_equal(PyObject* self, PyObject* args, void* slot) { return compare<Py_NE>(self, args, slot); }
PyObject* greater(PyObject* self, PyObject* args, void* slot) { return compare<Py_GT>(self, args, slot); }
PyObject* greater_equal(PyObject* self, PyObject* args, void* slot) { return compare<Py_GE>(self, args, slot); }

PyObject* next(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 0)) return nullptr;
  PyObject* result = as<unaryfunc>(slot)(self);
  if (!result && !PyErr_Occurred()) PyErr_SetNone(PyExc_StopIteration);
  return result;
}

PyObject* descriptor_get(PyObject* self, PyObject* args, void* slot) {
  PyObject *object, *type = nullptr;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &object, &type)) return nullptr;
  if (object == Py_None) object = nullptr;
  if (type == Py_None) type = nullptr;
  if (!object && !type) return raise(PyExc_TypeError, "__get__(None, None) is invalid");
  return as<descrgetfunc>(slot)(self, object, type);
}

PyObject* descriptor_set(PyObject* self, PyObject* args, void* slot) {
  PyObject *object, *value;
  if (!PyArg_UnpackTuple(args, "", 2, 2, &object, &value)) return nullptr;
  return none_or_error(as<descrsetfunc>(slot)(self, object, value));
}

PyObject* descriptor_delete(PyObject* self, PyObject* args, void* slot) {
  return takes(args, 1) ? none_or_error(as<descrsetfunc>(slot)(self, PyTuple_GET_ITEM(args, 0), nullptr)) : nullptr;
}

PyObject* initialize(PyObject* self, PyObject* args, void* slot, PyObject* kwargs) {
  return none_or_error(as<initproc>(slot)(self, args, kwargs));
}

PyObject* finalize(PyObject* self, PyObject* args, void* slot) {
  if (!takes(args, 0)) return nullptr;
  as<destructor>(slot)(self);
  return none().release();
}

}  // namespace wrap

// `T.__new__(S, ...)`: S must be a type, a subtype of T, and its instances must be laid out by T's own C code.
PyObject* new_wrapper(PyObject* self, PyObject* args, PyObject* kwargs) {
  auto* type = reinterpret_cast<PyTypeObject*>(self);
  if (!self || !PyType_Check(self)) return raise(PyExc_SystemError, "__new__() called with non-type 'self'");
  if (PyTuple_GET_SIZE(args) < 1) return raise(PyExc_TypeError, "%s.__new__(): not enough arguments", type->tp_name);
  PyObject* first = PyTuple_GET_ITEM(args, 0);
  if (!PyType_Check(first)) {
    return raise(PyExc_TypeError, "%s.__new__(X): X is not a type object (%s)", type->tp_name, Py_TYPE(first)->tp_name);
  }
  auto* subtype = reinterpret_cast<PyTypeObject*>(first);
  if (!PyType_IsSubtype(subtype, type)) {
    return raise(PyExc_TypeError, "%s.__new__(%s): %s is not a subtype of %s", type->tp_name, subtype->tp_name, subtype->tp_name, type->tp_name);
  }
  PyTypeObject* maker = subtype;
  while (maker && maker->tp_new == dispatch::construct) maker = maker->tp_base;
  if (maker && maker->tp_new != type->tp_new) {
    return raise(PyExc_TypeError, "%s.__new__(%s) is not safe, use %s.__new__()", type->tp_name, subtype->tp_name, maker->tp_name);
  }
  Ref<> rest = TRY(steal(PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args))));
  return type->tp_new(subtype, rest.get(), kwargs);
}

const PyMethodDef kNewWrapper = {
    "__new__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(new_wrapper)), METH_VARARGS | METH_KEYWORDS,
    "__new__($type, *args, **kwargs)\n--\n\nCreate and return a new object.  See help(type) for accurate signature."};

}  // namespace gill
