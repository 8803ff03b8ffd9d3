// What changes a class after it was made: its subclasses, `__bases__`, and `__class__` of an instance.
#include <Python.h>
#include <structmember.h>

#include "base/binding.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/type.h"
#include "objects/type_slots.h"

namespace gill {

namespace {
PyTypeObject* as_type(PyObject* object) { return reinterpret_cast<PyTypeObject*>(object); }
}  // namespace

// ---- subclasses -------------------------------------------------------------------------------------------

// A base knows its subclasses through weak references, keyed by address.
Status remember_subclass(PyTypeObject* base, PyTypeObject* type) {
  PyObject** slot = subclasses_slot(base);
  if (!slot) {
    PyErr_NoMemory();
    return Status::error;
  }
  Ref<> key = TRY(steal(PyLong_FromVoidPtr(type)));
  Ref<> reference = TRY(steal(PyWeakref_NewRef(as_object(type), nullptr)));
  if (!*slot) *slot = TRY(steal(PyDict_New())).release();
  return status_of(PyDict_SetItem(*slot, key.get(), reference.get()));
}

void forget_subclass(PyTypeObject* base, PyTypeObject* type) {
  PyObject** slot = subclasses_slot(base);
  if (!slot || !*slot) return;
  Ref<> key = steal(PyLong_FromVoidPtr(type));
  if (!key || PyDict_DelItem(*slot, key.get()) < 0) PyErr_Clear();
  if (*slot && PyDict_GET_SIZE(*slot) == 0) clear_field(*slot);
}

// ---- __bases__ -----------------------------------------------------------------------------------------------

namespace {

bool same_slots_added(PyTypeObject* a, PyTypeObject* b) {
  PyTypeObject* base = a->tp_base;
  Py_ssize_t size = base->tp_basicsize;
  if (a->tp_dictoffset == size && b->tp_dictoffset == size) size += sizeof(PyObject*);
  if (a->tp_weaklistoffset == size && b->tp_weaklistoffset == size) size += sizeof(PyObject*);
  PyObject* slots_a = is_heap_type(a) ? heap_part(a)->ht_slots : nullptr;
  PyObject* slots_b = is_heap_type(b) ? heap_part(b)->ht_slots : nullptr;
  if (slots_a && slots_b) {
    if (PyObject_RichCompareBool(slots_a, slots_b, Py_EQ) != 1) {
      PyErr_Clear();
      return false;
    }
    size += static_cast<Py_ssize_t>(sizeof(PyObject*)) * PyTuple_GET_SIZE(slots_a);
  }
  return size == a->tp_basicsize && size == b->tp_basicsize;
}

// True when two classes lay out instances alike, beyond what their types' addresses say.
bool compatible_with_base(PyTypeObject* child) {
  PyTypeObject* parent = child->tp_base;
  return parent && child->tp_basicsize == parent->tp_basicsize && child->tp_itemsize == parent->tp_itemsize &&
         child->tp_dictoffset == parent->tp_dictoffset && child->tp_weaklistoffset == parent->tp_weaklistoffset &&
         (child->tp_flags & Py_TPFLAGS_HAVE_GC) == (parent->tp_flags & Py_TPFLAGS_HAVE_GC) &&
         (child->tp_clear == subtype_clear || child->tp_clear == parent->tp_clear);
}

bool same_layout(PyTypeObject* a, PyTypeObject* b) {
  while (compatible_with_base(a)) a = a->tp_base;
  while (compatible_with_base(b)) b = b->tp_base;
  if (a == b) return true;
  return a->tp_base == b->tp_base && same_slots_added(a, b);
}

Status check_assignment(PyTypeObject* old_type, PyTypeObject* new_type, const char* attribute) {
  if (new_type->tp_free != old_type->tp_free) {
    return raise(PyExc_TypeError, "%s assignment: '%s' deallocator differs from '%s'", attribute, new_type->tp_name, old_type->tp_name);
  }
  bool same_dict = has_managed_dict(new_type) == has_managed_dict(old_type) && new_type->tp_dictoffset == old_type->tp_dictoffset;
  if (!same_dict || !same_layout(old_type, new_type)) {
    return raise(PyExc_TypeError, "%s assignment: '%s' object layout differs from '%s'", attribute, new_type->tp_name, old_type->tp_name);
  }
  return Status::ok;
}

// Recomputes the MROs of a type and of its subclasses; `undo` collects (type, old MRO) pairs.
Status recompute_mros(PyTypeObject* type, PyObject* undo) {
  Ref<> old;
  TRY(compute_mro(type, &old));
  if (!old) return Status::ok;  // a nested assignment took over
  Ref<> entry = TRY(steal(PyTuple_Pack(2, type, old.get())));
  TRY(status_of(PyList_Append(undo, entry.get())));
  PyObject** slot = subclasses_slot(type);
  if (!slot || !*slot) return Status::ok;
  Ref<> references = TRY(steal(PyDict_Values(*slot)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(references.get()); ++i) {
    PyObject* subclass = PyWeakref_GET_OBJECT(PyList_GET_ITEM(references.get(), i));
    if (subclass != Py_None) TRY(recompute_mros(as_type(subclass), undo));
  }
  return Status::ok;
}

}  // namespace

Status set_bases(PyTypeObject* type, PyObject* bases) {
  if (!PyTuple_Check(bases)) {
    return raise(PyExc_TypeError, "can only assign tuple to %s.__bases__, not %s", type->tp_name, Py_TYPE(bases)->tp_name);
  }
  if (PyTuple_GET_SIZE(bases) == 0) return raise(PyExc_TypeError, "can only assign non-empty tuple to %s.__bases__, not ()", type->tp_name);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    PyObject* base = PyTuple_GET_ITEM(bases, i);
    if (!PyType_Check(base)) {
      return raise(PyExc_TypeError, "%s.__bases__ must be tuple of classes, not '%s'", type->tp_name, Py_TYPE(base)->tp_name);
    }
    // Through tp_base too: a custom mro() may leave the type out.
    bool cycle = PyType_IsSubtype(as_type(base), type);
    for (PyTypeObject* t = as_type(base); !cycle && as_type(base)->tp_mro && t; t = t->tp_base) cycle = t == type;
    if (cycle) return raise(PyExc_TypeError, "a __bases__ item causes an inheritance cycle");
  }
  PyTypeObject* new_base = TRY(best_base(bases));
  TRY(check_assignment(type->tp_base, new_base, "__bases__"));

  Ref<> old_bases = steal(std::exchange(type->tp_bases, borrow(bases).release()));
  Ref<> old_base = steal(as_object(std::exchange(type->tp_base, reinterpret_cast<PyTypeObject*>(borrow(as_object(new_base)).release()))));
  Ref<> undo = TRY(steal(PyList_New(0)));
  Status done = recompute_mros(type, undo.get());
  if (done == Status::error) {
    PyObject *et, *ev, *tb;
    PyErr_Fetch(&et, &ev, &tb);
    for (Py_ssize_t i = PyList_GET_SIZE(undo.get()) - 1; i >= 0; --i) {
      PyObject* entry = PyList_GET_ITEM(undo.get(), i);
      set_field(as_type(PyTuple_GET_ITEM(entry, 0))->tp_mro, borrow(PyTuple_GET_ITEM(entry, 1)));
      PyType_Modified(as_type(PyTuple_GET_ITEM(entry, 0)));
    }
    if (type->tp_bases == bases) {
      set_field(type->tp_bases, std::move(old_bases));
      set_field(type->tp_base, std::move(old_base).cast<PyTypeObject>());
    }
    PyErr_Restore(et, ev, tb);
    return Status::error;
  }
  // Python code in mro() may have assigned again: that assignment keeps its own books.
  if (type->tp_bases == bases) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(old_bases.get()); ++i) {
      PyObject* base = PyTuple_GET_ITEM(old_bases.get(), i);
      if (PyType_Check(base)) forget_subclass(as_type(base), type);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) TRY(remember_subclass(as_type(PyTuple_GET_ITEM(bases, i)), type));
    update_all_slots(type);
  }
  return Status::ok;
}

// ---- __class__ ------------------------------------------------------------------------------------------------

Status set_class(PyObject* self, PyObject* value) {
  PyTypeObject* old_type = Py_TYPE(self);
  if (!value) return raise(PyExc_TypeError, "can't delete __class__ attribute");
  if (!PyType_Check(value)) {
    return raise(PyExc_TypeError, "__class__ must be set to a class, not '%s' object", Py_TYPE(value)->tp_name);
  }
  PyTypeObject* new_type = as_type(value);
  TRY(status_of(PySys_Audit("object.__setattr__", "OsO", self, "__class__", value)));
  bool modules = PyType_IsSubtype(new_type, &PyModule_Type) && PyType_IsSubtype(old_type, &PyModule_Type);
  if (!modules && (PyType_HasFeature(new_type, Py_TPFLAGS_IMMUTABLETYPE) || PyType_HasFeature(old_type, Py_TPFLAGS_IMMUTABLETYPE))) {
    return raise(PyExc_TypeError, "__class__ assignment only supported for mutable types or ModuleType subclasses");
  }
  TRY(check_assignment(old_type, new_type, "__class__"));
  // Attributes in the values array belong to the old class's shared keys.
  if (has_managed_dict(old_type) && !instance_dict_pointer(self) && PyErr_Occurred()) return Status::error;
  if (is_heap_type(new_type)) retain(as_object(new_type));
  Py_SET_TYPE(self, new_type);
  if (is_heap_type(old_type)) release(as_object(old_type));
  return Status::ok;
}

}  // namespace gill
