// Life and death of instances of Python classes, and allocation in general.
//
// A class made by a `class` statement (or by PyType_FromSpec without functions of its own) shares these tp_traverse,
// tp_clear and tp_dealloc. Each handles what the Python classes of the hierarchy added (names in __slots__, dict, weak references),
// then hands over to the nearest C base, which knows the fields in front.
//
// subtype_dealloc in order: __del__ (which may resurrect), weak references, slots, dict, the base's tp_dealloc, the type itself.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "base/binding.h"
#include "memory/instance_layout.h"
#include "memory/collectable.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

// The slot variables (__slots__) that one class adds are T_OBJECT_EX members behind its structure.
void clear_slot_variables(PyTypeObject* type, PyObject* self) {
  PyMemberDef* member = heap_members(type);
  for (Py_ssize_t i = 0; i < Py_SIZE(type); ++i, ++member) {
    if (member->type != T_OBJECT_EX || (member->flags & READONLY)) continue;
    auto** field = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
    clear_field(*field);
  }
}

int traverse_slot_variables(PyTypeObject* type, PyObject* self, visitproc visit, void* arg) {
  PyMemberDef* member = heap_members(type);
  for (Py_ssize_t i = 0; i < Py_SIZE(type); ++i, ++member) {
    if (member->type != T_OBJECT_EX) continue;
    auto** field = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
    Py_VISIT(*field);
  }
  return 0;
}

PyObject** plain_dict_slot(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_dictoffset == 0 || has_managed_dict(type)) return nullptr;
  return _PyObject_GetDictPtr(self);
}

// The nearest base that is not one of ours.
template <class F>
PyTypeObject* foreign_base(PyTypeObject* type, F PyTypeObject::*member, F ours) {
  while (type && type->*member == ours) type = type->tp_base;
  return type;
}

}  // namespace

int subtype_traverse(PyObject* self, visitproc visit, void* arg) {
  PyTypeObject* type = Py_TYPE(self);
  PyTypeObject* base = type;
  for (; base && base->tp_traverse == subtype_traverse; base = base->tp_base) {
    if (Py_SIZE(base)) {
      if (int stop = traverse_slot_variables(base, self, visit, arg)) return stop;
    }
  }
  if (has_managed_dict(type)) {
    if (!base || !has_managed_dict(base) || base->tp_traverse == nullptr || !is_heap_type(base)) {
      if (int stop = instance_traverse(self, visit, arg)) return stop;
    }
  } else if (base && type->tp_dictoffset != base->tp_dictoffset) {
    if (PyObject** slot = plain_dict_slot(self)) Py_VISIT(*slot);
  }
  // A heap type whose base is one too visits the type itself in its own traverse.
  if (!base || !base->tp_traverse || !is_heap_type(base)) Py_VISIT(type);
  if (base && base->tp_traverse) return base->tp_traverse(self, visit, arg);
  return 0;
}

int subtype_clear(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyTypeObject* base = type;
  for (; base && base->tp_clear == subtype_clear; base = base->tp_base) {
    if (Py_SIZE(base)) clear_slot_variables(base, self);
  }
  if (has_managed_dict(type)) {
    if (!base || !has_managed_dict(base)) instance_clear(self);
  } else if (!base || type->tp_dictoffset != base->tp_dictoffset) {
    if (PyObject** slot = plain_dict_slot(self); slot && *slot) clear_field(*slot);
  }
  if (base && base->tp_clear) return base->tp_clear(self);
  return 0;
}

// Whether the class adds nothing to `object` but attributes, and has no finalizer.
static bool is_plain_class(PyTypeObject* type) {
  return type->tp_base == &PyBaseObject_Type && has_managed_dict(type) && !type->tp_finalize && !type->tp_del && Py_SIZE(type) == 0 &&
         type->tp_free == PyObject_GC_Del;
}

void subtype_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (!PyType_IS_GC(type)) {
    // Only classes with empty __slots__ over a plain C base.
    if (type->tp_finalize && PyObject_CallFinalizerFromDealloc(self) < 0) return;
    if (type->tp_del) {
      type->tp_del(self);
      if (Py_REFCNT(self) > 0) return;
    }
    PyTypeObject* base = foreign_base(type, &PyTypeObject::tp_dealloc, &subtype_dealloc);
    type = Py_TYPE(self);
    bool own_type = is_heap_type(type) && !(is_heap_type(base));
    base->tp_dealloc(self);
    if (own_type) release(as_object(type));
    return;
  }

  if (is_plain_class(type) && !(type->tp_weaklistoffset && *weak_list_slot(self)) && instance_release_quietly(self)) {
    free_collectable_behind(self, kPrefixSize);
    return release(as_object(type));
  }
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, subtype_dealloc);
  PyTypeObject* base = foreign_base(type, &PyTypeObject::tp_dealloc, &subtype_dealloc);
  bool has_finalizer = type->tp_finalize || type->tp_del;
  if (type->tp_finalize) {
    PyObject_GC_Track(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0) goto resurrected;
    PyObject_GC_UnTrack(self);
  }
  if (type->tp_weaklistoffset && !base->tp_weaklistoffset) PyObject_ClearWeakRefs(self);
  if (type->tp_del) {
    PyObject_GC_Track(self);
    type->tp_del(self);
    if (Py_REFCNT(self) > 0) goto resurrected;
    PyObject_GC_UnTrack(self);
  }
  if (has_finalizer && type->tp_weaklistoffset && !base->tp_weaklistoffset) {
    // The finalizer may have made new ones; their callbacks must not run on a half-dead object.
    while (PyWeakReference* reference = *weak_list_slot(self)) _PyWeakref_ClearRef(reference);
  }
  for (PyTypeObject* t = type; t != base; t = t->tp_base) {
    if (Py_SIZE(t)) clear_slot_variables(t, self);
  }
  if (has_managed_dict(type)) {
    if (!has_managed_dict(base)) instance_clear(self);
  } else if (type->tp_dictoffset && !base->tp_dictoffset) {
    if (PyObject** slot = plain_dict_slot(self); slot && *slot) clear_field(*slot);
  }
  // The finalizer may have changed the class.
  type = Py_TYPE(self);
  {
    // The C base expects to find the object tracked.
    if (PyType_IS_GC(base)) PyObject_GC_Track(self);
    // A C heap type releases the instance's type in its own tp_dealloc.
    bool own_type = is_heap_type(type) && !is_heap_type(base);
    base->tp_dealloc(self);
    if (own_type) release(as_object(type));
  }
resurrected:;
  Py_TRASHCAN_END;
}

// ---- for the collector --------------------------------------------------------------------------------------

namespace {

// Adds the slot variables of one class to the shape, unless they do not adjoin those that it has.
bool add_slot_variables(PyTypeObject* type, InstanceShape* shape) {
  constexpr auto kWord = static_cast<Py_ssize_t>(sizeof(PyObject*));
  PyMemberDef* member = heap_members(type);
  for (Py_ssize_t i = 0; i < Py_SIZE(type); ++i, ++member) {
    if (member->type != T_OBJECT_EX) continue;
    const auto first = static_cast<Py_ssize_t>(shape->first_slot), end = first + static_cast<Py_ssize_t>(shape->slots) * kWord;
    if (shape->slots == 0 || member->offset == first - kWord) shape->first_slot = static_cast<uint32_t>(member->offset);
    else if (member->offset != end) return false;
    ++shape->slots;
  }
  return true;
}

}  // namespace

extern "C" void gill_describe_instances(PyTypeObject* type, InstanceShape* shape) {
  *shape = InstanceShape();
  shape->type = type;
  shape->has_prefix = has_managed_dict(type);
  PyTypeObject* base = type;
  bool adjoining = true;
  for (; base && base->tp_traverse == subtype_traverse; base = base->tp_base) adjoining = adjoining && add_slot_variables(base, shape);
  shape->known = adjoining && base == &PyBaseObject_Type && base != type && (shape->has_prefix || !type->tp_dictoffset);
}

// ---- __dict__ and __weakref__ of instances -----------------------------------------------------------------

namespace {

// A C base with a `__dict__` of its own (a module, say) decides what the attribute means.
PyTypeObject* builtin_base_with_dict(PyTypeObject* type) {
  for (; type->tp_base; type = type->tp_base) {
    if (type->tp_dictoffset && !is_heap_type(type)) return type;
  }
  return nullptr;
}

PyObject* base_dict_descriptor(PyTypeObject* type) {
  PyObject* descriptor = type_lookup(type, name<"__dict__">);
  return descriptor && PyDescr_IsData(descriptor) ? descriptor : nullptr;
}

[[gnu::cold]] Failure no_dict(PyObject* self) {
  return raise(PyExc_TypeError, "this __dict__ descriptor does not support '%.200s' objects", Py_TYPE(self)->tp_name);
}

PyObject* get_dict(PyObject* self, void*) {
  if (PyTypeObject* base = builtin_base_with_dict(Py_TYPE(self))) {
    PyObject* descriptor = base_dict_descriptor(base);
    if (!descriptor || !Py_TYPE(descriptor)->tp_descr_get) return no_dict(self);
    return Py_TYPE(descriptor)->tp_descr_get(descriptor, self, as_object(Py_TYPE(self)));
  }
  return PyObject_GenericGetDict(self, nullptr);
}

int set_dict(PyObject* self, PyObject* value, void*) {
  if (PyTypeObject* base = builtin_base_with_dict(Py_TYPE(self))) {
    PyObject* descriptor = base_dict_descriptor(base);
    if (!descriptor || !Py_TYPE(descriptor)->tp_descr_set) return no_dict(self);
    return Py_TYPE(descriptor)->tp_descr_set(descriptor, self, value);
  }
  PyObject** slot = _PyObject_GetDictPtr(self);
  if (!slot) {
    if (PyErr_Occurred()) return -1;
    return raise(PyExc_AttributeError, "This object has no __dict__");
  }
  if (value && !PyDict_Check(value)) {
    return raise(PyExc_TypeError, "__dict__ must be set to a dictionary, not a '%.200s'", Py_TYPE(value)->tp_name);
  }
  set_field(*slot, borrow(value));
  return 0;
}

PyObject* get_weakref(PyObject* self, void*) {
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_weaklistoffset == 0) return raise(PyExc_AttributeError, "This object has no __weakref__");
  PyObject* first = *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + type->tp_weaklistoffset);
  return borrow(first ? first : Py_None).release();
}

const PyGetSetDef kBoth[] = {
    {"__dict__", get_dict, set_dict, "dictionary for instance variables (if defined)", nullptr},
    {"__weakref__", get_weakref, nullptr, "list of weak references to the object (if defined)", nullptr},
    kEndOfGetSets,
};
const PyGetSetDef kDictOnly[] = {
    {"__dict__", get_dict, set_dict, "dictionary for instance variables (if defined)", nullptr},
    kEndOfGetSets,
};

}  // namespace

PyGetSetDef* subtype_getsets(bool dict, bool weakref) {
  const PyGetSetDef* result = dict ? (weakref ? kBoth : kDictOnly) : weakref ? kBoth + 1 : nullptr;
  return const_cast<PyGetSetDef*>(result);
}

}  // namespace gill

using namespace gill;

// An instance is mostly so few words that calling memset would be the larger part.
static inline void zero_words(void* start, size_t bytes) {
  if (bytes > 256) {
    std::memset(start, 0, bytes);
    return;
  }
  auto* word = static_cast<uint64_t*>(start);
  for (uint64_t* end = word + bytes / sizeof(uint64_t); word < end; ++word) {
    *word = 0;
    asm("" : "+r"(word));
  }
  if (bytes % sizeof(uint64_t)) [[unlikely]] std::memset(word, 0, bytes % sizeof(uint64_t));
}

// An instance of a class that adds nothing to `object` but attributes, and weak references perhaps, from a slot that was freed last. Null
// where there is more to do.
static inline PyObject* recent_instance(PyTypeObject* type) {
  const auto size = static_cast<size_t>(type->tp_basicsize);
  if (type->tp_base != &PyBaseObject_Type || size > sizeof(PyObject) + sizeof(void*) || size % sizeof(void*) || !has_managed_dict(type)) return nullptr;
  const size_t all = kPrefixSize + size + instance_tail_size(type);
  if (all > kSmallStepLimit || g_allocators_replaced) [[unlikely]] return nullptr;
  auto* slot = static_cast<char*>(t_heap->take_recent(Kind::collectable_prefixed, class_of(all)));
  if (!slot) [[unlikely]] return nullptr;
  collector_note_allocation();
  auto* self = reinterpret_cast<PyObject*>(slot + kPrefixSize);
  zero_words(self + 1, all - kPrefixSize - sizeof(PyObject));
  self->ob_refcnt = 1;
  self->ob_type = type;
  retain(as_object(type));
  instance_initialize(self);
  start_tracking(self);
  return self;
}

extern "C" {

PyObject* PyType_GenericAlloc(PyTypeObject* type, Py_ssize_t items) {
  if (PyObject* self = recent_instance(type)) [[likely]] return self;
  // One item more than asked for: the sentinel that some C types keep behind their items.
  size_t size = type->tp_itemsize ? _PyObject_VAR_SIZE(type, items + 1) : _PyObject_SIZE(type);
  bool managed = has_managed_dict(type);
  size_t tail = managed ? instance_tail_size(type) : 0;
  PyObject* self = allocate_instance(type, size + tail);
  if (!self) return nullptr;
  zero_words(self, size + tail);
  if (type->tp_itemsize) PyObject_InitVar(reinterpret_cast<PyVarObject*>(self), type, items);
  else PyObject_Init(self, type);
  if (managed) instance_initialize(self);
  if (PyType_IS_GC(type)) PyObject_GC_Track(self);
  return self;
}

PyObject* PyType_GenericNew(PyTypeObject* type, PyObject*, PyObject*) { return type->tp_alloc(type, 0); }

}  // extern "C"
