// type.__new__(metatype, name, bases, namespace, **kwargs): makes a class.
//
// In order: the most derived metaclass among the bases takes over; the best base decides the layout; __slots__ become members behind the
// base's structure, else instances get a managed dict and a weak reference list where they may; the namespace is copied and its
// special entries handled (__module__, __qualname__, __doc__, __new__ and the class hooks become static and class methods,
// __classcell__); PyType_Ready; slots follow the special methods; __set_name__ of the namespace's values; __init_subclass__ of the parent.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "objects/instance.h"
#include "objects/instance_values.h"
#include "objects/object.h"
#include "objects/type.h"
#include "objects/type_slots.h"

namespace gill {

namespace {

PyTypeObject* as_type(PyObject* object) { return reinterpret_cast<PyTypeObject*>(object); }

// What one class statement asks for.
struct ClassPlan {
  PyTypeObject* metatype;
  PyObject* name;       // borrowed
  PyObject* bases;      // borrowed tuple
  PyObject* kwargs;     // borrowed, may be null
  PyTypeObject* base;
  Ref<> dict;           // the class's own copy of the namespace
  Ref<> slots;          // tuple of mangled names, sorted, or empty
  bool has_slots = false;
  bool add_dict = false;
  bool add_weakref = false;
  bool may_add_dict;
  bool may_add_weakref;
  Py_ssize_t slot_count = 0;
};

// ---- __slots__ ----------------------------------------------------------------------------------------

Ref<> mangled(PyObject* class_name, PyObject* ident) {
  Py_ssize_t length = PyUnicode_GET_LENGTH(ident);
  if (length < 2 || PyUnicode_READ_CHAR(ident, 0) != '_' || PyUnicode_READ_CHAR(ident, 1) != '_') return borrow(ident);
  if (PyUnicode_READ_CHAR(ident, length - 1) == '_' && PyUnicode_READ_CHAR(ident, length - 2) == '_') return borrow(ident);
  if (PyUnicode_FindChar(ident, '.', 0, length, 1) >= 0) return borrow(ident);
  Py_ssize_t start = 0, class_length = PyUnicode_GET_LENGTH(class_name);
  while (start < class_length && PyUnicode_READ_CHAR(class_name, start) == '_') ++start;
  if (start == class_length) return borrow(ident);
  Ref<> stem = TRY(steal(PyUnicode_Substring(class_name, start, class_length)));
  return steal(PyUnicode_FromFormat("_%U%U", stem.get(), ident));
}

Status check_slot_name(PyObject* slot) {
  if (!PyUnicode_Check(slot)) {
    return raise(PyExc_TypeError, "__slots__ items must be strings, not '%.200s'", Py_TYPE(slot)->tp_name);
  }
  int identifier = PyUnicode_IsIdentifier(slot);
  if (identifier < 0) return Status::error;
  if (!identifier) return raise(PyExc_TypeError, "__slots__ must be identifiers");
  return Status::ok;
}

Status plan_slots(ClassPlan& plan, PyObject* declared) {
  Ref<> items = PyUnicode_Check(declared) ? steal(PyTuple_Pack(1, declared)) : steal(PySequence_Tuple(declared));
  if (!items) return Status::error;
  Py_ssize_t count = PyTuple_GET_SIZE(items.get());
  if (count > 0 && plan.base->tp_itemsize != 0) {
    return raise(PyExc_TypeError, "nonempty __slots__ not supported for subtype of '%s'", plan.base->tp_name);
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyTuple_GET_ITEM(items.get(), i);
    TRY(check_slot_name(item));
    if (!PyUnicode_CompareWithASCIIString(item, "__dict__")) {
      if (!plan.may_add_dict || plan.add_dict) return raise(PyExc_TypeError, "__dict__ slot disallowed: we already got one");
      plan.add_dict = true;
    } else if (!PyUnicode_CompareWithASCIIString(item, "__weakref__")) {
      if (!plan.may_add_weakref || plan.add_weakref) return raise(PyExc_TypeError, "__weakref__ slot disallowed: either we already got one, or __itemsize__ != 0");
      plan.add_weakref = true;
    }
  }
  Ref<> names = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyTuple_GET_ITEM(items.get(), i);
    if (!PyUnicode_CompareWithASCIIString(item, "__dict__") || !PyUnicode_CompareWithASCIIString(item, "__weakref__")) continue;
    Ref<> slot_name = TRY(mangled(plan.name, item));
    TRY(status_of(PyList_Append(names.get(), slot_name.get())));
    int defined = PyDict_Contains(plan.dict.get(), slot_name.get());
    if (defined < 0) return Status::error;
    // The namespace may hold these: the compiler puts them there.
    if (defined && PyUnicode_CompareWithASCIIString(slot_name.get(), "__qualname__") != 0 &&
        PyUnicode_CompareWithASCIIString(slot_name.get(), "__classcell__") != 0) {
      return raise(PyExc_ValueError, "%R in __slots__ conflicts with class variable", slot_name.get());
    }
  }
  TRY(status_of(PyList_Sort(names.get())));
  plan.slots = TRY(steal(PyList_AsTuple(names.get())));
  plan.slot_count = PyTuple_GET_SIZE(plan.slots.get());
  // Another base, beside the one whose layout we extend, may bring a dict or a weak reference list.
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(plan.bases); ++i) {
    PyObject* other = PyTuple_GET_ITEM(plan.bases, i);
    if (other == as_object(plan.base) || !PyType_Check(other)) continue;
    if (plan.may_add_dict && !plan.add_dict && as_type(other)->tp_dictoffset != 0) plan.add_dict = true;
    if (plan.may_add_weakref && !plan.add_weakref && as_type(other)->tp_weaklistoffset != 0) plan.add_weakref = true;
  }
  return Status::ok;
}

Status plan_layout(ClassPlan& plan) {
  PyTypeObject* base = plan.base;
  plan.may_add_dict = base->tp_dictoffset == 0;
  plan.may_add_weakref = base->tp_weaklistoffset == 0 && base->tp_itemsize == 0;
  PyObject* declared = PyDict_GetItemWithError(plan.dict.get(), name<"__slots__">);
  if (!declared) {
    if (PyErr_Occurred()) return Status::error;
    plan.add_dict = plan.may_add_dict;
    plan.add_weakref = plan.may_add_weakref;
    return Status::ok;
  }
  plan.has_slots = true;
  Ref<> hold = borrow(declared);
  return plan_slots(plan, declared);
}

// ---- the type object ---------------------------------------------------------------------------------------


Status set_names(PyTypeObject* type, ClassPlan& plan) {
  PyHeapTypeObject* heap = heap_part(type);
  Py_ssize_t length;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(plan.name, &length));
  if (std::strlen(text) != static_cast<size_t>(length)) return raise(PyExc_ValueError, "type name must not contain null characters");
  type->tp_name = text;
  heap->ht_name = borrow(plan.name).release();

  PyObject* qualname = PyDict_GetItemWithError(plan.dict.get(), name<"__qualname__">);
  if (!qualname && PyErr_Occurred()) return Status::error;
  if (qualname && !PyUnicode_Check(qualname)) {
    return raise(PyExc_TypeError, "type __qualname__ must be a str, not %s", Py_TYPE(qualname)->tp_name);
  }
  heap->ht_qualname = borrow(qualname ? qualname : plan.name).release();
  if (qualname) TRY(status_of(PyDict_DelItem(plan.dict.get(), name<"__qualname__">)));
  return Status::ok;
}

Status set_module(ClassPlan& plan) {
  if (TRY(truth_of(PyDict_Contains(plan.dict.get(), name<"__module__">)))) return Status::ok;
  // The module whose code runs.
  PyObject* globals = PyEval_GetGlobals();
  if (!globals) return Status::ok;
  PyObject* module = PyDict_GetItemWithError(globals, name<"__name__">);
  if (!module) return PyErr_Occurred() ? Status::error : Status::ok;
  return status_of(PyDict_SetItem(plan.dict.get(), name<"__module__">, module));
}

Status set_doc(PyTypeObject* type, PyObject* dict) {
  PyObject* doc = PyDict_GetItemWithError(dict, name<"__doc__">);
  if (!doc) return PyErr_Occurred() ? Status::error : Status::ok;
  if (!PyUnicode_Check(doc)) return Status::ok;
  Py_ssize_t length;
  const char* text = PyUnicode_AsUTF8AndSize(doc, &length);
  if (!text) return Status::error;
  auto* copy = static_cast<char*>(PyObject_Malloc(static_cast<size_t>(length) + 1));
  if (!copy) {
    PyErr_NoMemory();
    return Status::error;
  }
  std::memcpy(copy, text, static_cast<size_t>(length) + 1);
  type->tp_doc = copy;
  return Status::ok;
}

template <PyObject* (*Wrap)(PyObject*)>
Status wrap_function(PyObject* dict, PyObject* key) {
  PyObject* function = PyDict_GetItemWithError(dict, key);
  if (!function) return PyErr_Occurred() ? Status::error : Status::ok;
  if (!PyFunction_Check(function)) return Status::ok;
  Ref<> wrapped = TRY(steal(Wrap(function)));
  return status_of(PyDict_SetItem(dict, key, wrapped.get()));
}

Status set_classcell(PyTypeObject* type, PyObject* dict) {
  PyObject* cell = PyDict_GetItemWithError(dict, name<"__classcell__">);
  if (!cell) return PyErr_Occurred() ? Status::error : Status::ok;
  if (!PyCell_Check(cell)) {
    return raise(PyExc_TypeError, "__classcell__ must be a nonlocal cell, not %.200R", Py_TYPE(cell));
  }
  PyCell_Set(cell, as_object(type));
  return status_of(PyDict_DelItem(dict, name<"__classcell__">));
}

// Members behind the base's structure, then the weak reference list; the dict is managed, unless the items of a
// variable-sized base leave no room for anything but a dict counted from the end.
Status lay_out(PyTypeObject* type, ClassPlan& plan) {
  PyTypeObject* base = plan.base;
  Py_ssize_t offset = base->tp_basicsize;
  PyMemberDef* member = heap_members(type);
  for (Py_ssize_t i = 0; i < plan.slot_count; ++i, ++member) {
    const char* text = TRY(PyUnicode_AsUTF8(PyTuple_GET_ITEM(plan.slots.get(), i)));
    *member = {text, T_OBJECT_EX, offset, 0, nullptr};
    offset += sizeof(PyObject*);
  }
  if (plan.add_dict && base->tp_itemsize) {
    type->tp_dictoffset = -static_cast<Py_ssize_t>(sizeof(PyObject*));
    offset += sizeof(PyObject*);
  }
  if (plan.add_weakref) {
    type->tp_weaklistoffset = offset;
    offset += sizeof(PyObject*);
  }
  if (plan.add_dict && !base->tp_itemsize) {
    type->tp_flags |= Py_TPFLAGS_MANAGED_DICT;
    type->tp_dictoffset = -1;
  }
  type->tp_basicsize = offset;
  type->tp_itemsize = base->tp_itemsize;
  type->tp_members = heap_members(type);
  type->tp_getset = subtype_getsets(plan.add_dict, plan.add_weakref);
  return Status::ok;
}

void set_functions(PyTypeObject* type, ClassPlan& plan) {
  type->tp_dealloc = subtype_dealloc;
  // An instance refers to its class, which may refer to it, however few fields it has.
  type->tp_flags |= Py_TPFLAGS_HAVE_GC;
  type->tp_alloc = PyType_GenericAlloc;
  type->tp_free = PyObject_GC_Del;
  type->tp_traverse = subtype_traverse;
  type->tp_clear = subtype_clear;
}

Ref<PyTypeObject> allocate_type(ClassPlan& plan) {
  Ref<PyTypeObject> type = TRY(steal(as_type(plan.metatype->tp_alloc(plan.metatype, plan.slot_count))));
  PyHeapTypeObject* heap = heap_part(type.get());
  type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VERSION_TAG;
  type->tp_as_async = &heap->as_async;
  type->tp_as_number = &heap->as_number;
  type->tp_as_sequence = &heap->as_sequence;
  type->tp_as_mapping = &heap->as_mapping;
  type->tp_as_buffer = &heap->as_buffer;
  type->tp_bases = borrow(plan.bases).release();
  type->tp_base = borrow(plan.base).release();
  type->tp_dict = plan.dict.new_ref().release();
  heap->ht_slots = plan.slots.new_ref().release();
  return type;
}

// ---- hooks ---------------------------------------------------------------------------------------------------

Status call_set_name(PyTypeObject* type) {
  // The hooks may change the class: walk a copy.
  Ref<> names = TRY(steal(PyDict_Copy(type->tp_dict)));
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (PyDict_Next(names.get(), &position, &key, &value)) {
    SpecialMethod hook = lookup_special(value, name<"__set_name__">);
    if (!hook) {
      if (PyErr_Occurred()) return Status::error;
      continue;
    }
    Ref<> hold_value = borrow(value);
    if (!call_special(hook, value, as_object(type), key)) {
      _PyErr_FormatFromCause(PyExc_RuntimeError, "Error calling __set_name__ on '%.100s' instance %R in '%.100s'",
                             Py_TYPE(value)->tp_name, key, type->tp_name);
      return Status::error;
    }
  }
  return Status::ok;
}

Status call_init_subclass(PyTypeObject* type, PyObject* kwargs) {
  Ref<> super = TRY(call(as_object(&PySuper_Type), as_object(type), as_object(type)));
  Ref<> hook = TRY(attribute(super.get(), name<"__init_subclass__">));
  return steal(PyObject_VectorcallDict(hook.get(), nullptr, 0, kwargs)) ? Status::ok : Status::error;
}

Ref<PyTypeObject> make_class(ClassPlan& plan) {
  TRY(plan_layout(plan));
  Ref<PyTypeObject> made = TRY(allocate_type(plan));
  PyTypeObject* type = made.get();
  PyObject* dict = type->tp_dict;
  TRY(set_names(type, plan));
  TRY(set_module(plan));
  TRY(set_doc(type, dict));
  TRY(wrap_function<PyStaticMethod_New>(dict, name<"__new__">));
  TRY(wrap_function<PyClassMethod_New>(dict, name<"__init_subclass__">));
  TRY(wrap_function<PyClassMethod_New>(dict, name<"__class_getitem__">));
  TRY(lay_out(type, plan));
  set_functions(type, plan);
  TRY(set_classcell(type, dict));
  TRY(status_of(PyType_Ready(type)));
  fill_slots_from_dict(type);
  // Under a base that keeps to dictionaries its subclasses do too: its functions ask for them, even while the collector looks.
  bool dictionaries_only = has_managed_dict(type->tp_base) && !shared_keys(type->tp_base);
  if (has_managed_dict(type) && !dictionaries_only) TRY(instance_prepare_type(heap_part(type)));
  TRY(call_set_name(type));
  TRY(call_init_subclass(type, plan.kwargs));
  return made;
}

// Objects with __mro_entries__ must have been resolved by the class statement.
Status check_bases(PyObject* bases) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    PyObject* base = PyTuple_GET_ITEM(bases, i);
    if (PyType_Check(base)) continue;
    bool failed;
    Ref<> entries = optional_attribute(base, name<"__mro_entries__">, &failed);
    if (failed) return Status::error;
    if (entries) {
      return raise(PyExc_TypeError, "type() doesn't support MRO entry resolution; use types.new_class()");
    }
  }
  return Status::ok;
}

}  // namespace

PyObject* type_new(PyTypeObject* metatype, PyObject* args, PyObject* kwargs) {
  PyObject *class_name, *bases, *ns;
  if (!PyArg_ParseTuple(args, "UO!O!:type.__new__", &class_name, &PyTuple_Type, &bases, &PyDict_Type, &ns)) return nullptr;

  Ref<> default_bases;
  PyTypeObject* base;
  if (PyTuple_GET_SIZE(bases) == 0) {
    base = &PyBaseObject_Type;
    default_bases = steal(PyTuple_Pack(1, base));
    if (!default_bases) return nullptr;
    bases = default_bases.get();
  } else {
    if (check_bases(bases) == Status::error) return nullptr;
    PyTypeObject* winner = calculate_metaclass(metatype, bases);
    if (!winner) return nullptr;
    if (winner != metatype) {
      if (winner->tp_new != type_new) return winner->tp_new(winner, args, kwargs);
      metatype = winner;
    }
    base = best_base(bases);
    if (!base) return nullptr;
  }
  ClassPlan plan{.metatype = metatype, .name = class_name, .bases = bases, .kwargs = kwargs, .base = base};
  Ref<> hold_base = borrow(as_object(base));
  plan.dict = steal(PyDict_Copy(ns));
  if (!plan.dict) return nullptr;
  return as_object(make_class(plan).release());
}

}  // namespace gill
