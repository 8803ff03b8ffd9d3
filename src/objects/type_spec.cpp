// Types from specifications: PyType_FromSpec and its relatives, and what such types remember (module, module state, slots).
#include <Python.h>
#include <structmember.h>

#include <cstddef>
#include <cstring>

#include "base/names.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/type.h"
#include "objects/type_slots.h"

namespace gill {

namespace {

// Slot numbers of typeslots.h: where in PyHeapTypeObject each one lives.
#define TYPE_SLOT(field) offsetof(PyHeapTypeObject, ht_type.field)
#define ASYNC_SLOT(field) offsetof(PyHeapTypeObject, as_async.field)
#define NUMBER_SLOT(field) offsetof(PyHeapTypeObject, as_number.field)
#define MAPPING_SLOT(field) offsetof(PyHeapTypeObject, as_mapping.field)
#define SEQUENCE_SLOT(field) offsetof(PyHeapTypeObject, as_sequence.field)
#define BUFFER_SLOT(field) offsetof(PyHeapTypeObject, as_buffer.field)

constexpr size_t kSlotOffsets[] = {
    0,
    BUFFER_SLOT(bf_getbuffer),
    BUFFER_SLOT(bf_releasebuffer),
    MAPPING_SLOT(mp_ass_subscript),
    MAPPING_SLOT(mp_length),
    MAPPING_SLOT(mp_subscript),
    NUMBER_SLOT(nb_absolute),
    NUMBER_SLOT(nb_add),
    NUMBER_SLOT(nb_and),
    NUMBER_SLOT(nb_bool),
    NUMBER_SLOT(nb_divmod),
    NUMBER_SLOT(nb_float),
    NUMBER_SLOT(nb_floor_divide),
    NUMBER_SLOT(nb_index),
    NUMBER_SLOT(nb_inplace_add),
    NUMBER_SLOT(nb_inplace_and),
    NUMBER_SLOT(nb_inplace_floor_divide),
    NUMBER_SLOT(nb_inplace_lshift),
    NUMBER_SLOT(nb_inplace_multiply),
    NUMBER_SLOT(nb_inplace_or),
    NUMBER_SLOT(nb_inplace_power),
    NUMBER_SLOT(nb_inplace_remainder),
    NUMBER_SLOT(nb_inplace_rshift),
    NUMBER_SLOT(nb_inplace_subtract),
    NUMBER_SLOT(nb_inplace_true_divide),
    NUMBER_SLOT(nb_inplace_xor),
    NUMBER_SLOT(nb_int),
    NUMBER_SLOT(nb_invert),
    NUMBER_SLOT(nb_lshift),
    NUMBER_SLOT(nb_multiply),
    NUMBER_SLOT(nb_negative),
    NUMBER_SLOT(nb_or),
    NUMBER_SLOT(nb_positive),
    NUMBER_SLOT(nb_power),
    NUMBER_SLOT(nb_remainder),
    NUMBER_SLOT(nb_rshift),
    NUMBER_SLOT(nb_subtract),
    NUMBER_SLOT(nb_true_divide),
    NUMBER_SLOT(nb_xor),
    SEQUENCE_SLOT(sq_ass_item),
    SEQUENCE_SLOT(sq_concat),
    SEQUENCE_SLOT(sq_contains),
    SEQUENCE_SLOT(sq_inplace_concat),
    SEQUENCE_SLOT(sq_inplace_repeat),
    SEQUENCE_SLOT(sq_item),
    SEQUENCE_SLOT(sq_length),
    SEQUENCE_SLOT(sq_repeat),
    TYPE_SLOT(tp_alloc),
    TYPE_SLOT(tp_base),
    TYPE_SLOT(tp_bases),
    TYPE_SLOT(tp_call),
    TYPE_SLOT(tp_clear),
    TYPE_SLOT(tp_dealloc),
    TYPE_SLOT(tp_del),
    TYPE_SLOT(tp_descr_get),
    TYPE_SLOT(tp_descr_set),
    TYPE_SLOT(tp_doc),
    TYPE_SLOT(tp_getattr),
    TYPE_SLOT(tp_getattro),
    TYPE_SLOT(tp_hash),
    TYPE_SLOT(tp_init),
    TYPE_SLOT(tp_is_gc),
    TYPE_SLOT(tp_iter),
    TYPE_SLOT(tp_iternext),
    TYPE_SLOT(tp_methods),
    TYPE_SLOT(tp_new),
    TYPE_SLOT(tp_repr),
    TYPE_SLOT(tp_richcompare),
    TYPE_SLOT(tp_setattr),
    TYPE_SLOT(tp_setattro),
    TYPE_SLOT(tp_str),
    TYPE_SLOT(tp_traverse),
    TYPE_SLOT(tp_members),
    TYPE_SLOT(tp_getset),
    TYPE_SLOT(tp_free),
    NUMBER_SLOT(nb_matrix_multiply),
    NUMBER_SLOT(nb_inplace_matrix_multiply),
    ASYNC_SLOT(am_await),
    ASYNC_SLOT(am_aiter),
    ASYNC_SLOT(am_anext),
    TYPE_SLOT(tp_finalize),
    ASYNC_SLOT(am_send),
};
constexpr int kSlotCount = sizeof(kSlotOffsets) / sizeof(kSlotOffsets[0]);
static_assert(kSlotCount == Py_am_send + 1);

// Members that are about the layout rather than about attributes.
struct SpecialMembers {
  Py_ssize_t weaklist = 0;
  Py_ssize_t dict = 0;
  Py_ssize_t vectorcall = 0;
  Py_ssize_t count = 0;
};

SpecialMembers special_members(const PyMemberDef* member) {
  SpecialMembers result;
  for (; member && member->name; ++member, ++result.count) {
    if (!std::strcmp(member->name, "__weaklistoffset__")) result.weaklist = member->offset;
    else if (!std::strcmp(member->name, "__dictoffset__")) result.dict = member->offset;
    else if (!std::strcmp(member->name, "__vectorcalloffset__")) result.vectorcall = member->offset;
  }
  return result;
}

// The bases: given, or in the slots, or object.
Ref<> bases_of(PyType_Spec* spec, PyObject* given) {
  PyObject* slot_bases = nullptr;
  PyTypeObject* slot_base = nullptr;
  for (const PyType_Slot* slot = spec->slots; slot->slot; ++slot) {
    if (slot->slot == Py_tp_base) slot_base = static_cast<PyTypeObject*>(slot->pfunc);
    else if (slot->slot == Py_tp_bases) slot_bases = static_cast<PyObject*>(slot->pfunc);
  }
  if (!given) given = slot_bases;
  if (!given) return steal(PyTuple_Pack(1, slot_base ? slot_base : &PyBaseObject_Type));
  if (PyTuple_Check(given)) return borrow(given);
  if (slot_bases == given) return raise(PyExc_SystemError, "Py_tp_bases is not a tuple");
  return steal(PyTuple_Pack(1, given));
}

char* copy_string(const char* text) {
  size_t length = std::strlen(text) + 1;
  auto* copy = static_cast<char*>(PyMem_Malloc(length));
  if (copy) std::memcpy(copy, text, length);
  else PyErr_NoMemory();
  return copy;
}

Status set_doc(PyTypeObject* type, const char* doc) {
  if (!doc) {
    type->tp_doc = nullptr;
    return Status::ok;
  }
  size_t length = std::strlen(doc) + 1;
  auto* copy = static_cast<char*>(PyObject_Malloc(length));
  if (!copy) {
    PyErr_NoMemory();
    return Status::error;
  }
  type->tp_doc = static_cast<char*>(std::memcpy(copy, doc, length));
  return Status::ok;
}

Status fill_slots(PyTypeObject* type, PyType_Spec* spec, const SpecialMembers& special) {
  for (const PyType_Slot* slot = spec->slots; slot->slot; ++slot) {
    if (slot->slot < 0 || slot->slot >= kSlotCount) return raise(PyExc_RuntimeError, "invalid slot offset");
    switch (slot->slot) {
      case Py_tp_base:
      case Py_tp_bases: break;
      case Py_tp_doc: TRY(set_doc(type, static_cast<const char*>(slot->pfunc))); break;
      case Py_tp_members:
        // The type's own copy, behind its structure.
        std::memcpy(static_cast<void*>(heap_members(type)), slot->pfunc, sizeof(PyMemberDef) * static_cast<size_t>(special.count));
        type->tp_members = heap_members(type);
        break;
      default: *reinterpret_cast<void**>(reinterpret_cast<char*>(type) + kSlotOffsets[slot->slot]) = slot->pfunc;
    }
  }
  return Status::ok;
}

PyObject* type_from_spec(PyObject* module, PyType_Spec* spec, PyObject* given_bases) {
  const PyMemberDef* members = nullptr;
  for (const PyType_Slot* slot = spec->slots; slot->slot; ++slot) {
    if (slot->slot == Py_tp_members) members = static_cast<const PyMemberDef*>(slot->pfunc);
  }
  SpecialMembers special = special_members(members);
  if (!spec->name) return raise(PyExc_SystemError, "Type spec does not define the name field.");
  Ref<> bases = TRY(bases_of(spec, given_bases));
  PyTypeObject* base = TRY(best_base(bases.get()));
  if (!PyType_HasFeature(base, Py_TPFLAGS_BASETYPE)) {
    return raise(PyExc_TypeError, "type '%.100s' is not an acceptable base type", base->tp_name);
  }
  Ref<PyTypeObject> made = TRY(steal(reinterpret_cast<PyTypeObject*>(PyType_GenericAlloc(&PyType_Type, special.count))));
  PyTypeObject* type = made.get();
  PyHeapTypeObject* heap = heap_part(type);
  type->tp_flags = spec->flags | Py_TPFLAGS_HEAPTYPE;
  // Until it is ready nobody may think that its members are slot variables.
  type->tp_as_async = &heap->as_async;
  type->tp_as_number = &heap->as_number;
  type->tp_as_sequence = &heap->as_sequence;
  type->tp_as_mapping = &heap->as_mapping;
  type->tp_as_buffer = &heap->as_buffer;

  const char* dot = std::strrchr(spec->name, '.');
  heap->ht_name = TRY(steal(PyUnicode_FromString(dot ? dot + 1 : spec->name))).release();
  heap->ht_qualname = borrow(heap->ht_name).release();
  heap->_ht_tpname = TRY(copy_string(spec->name));
  type->tp_name = heap->_ht_tpname;
  heap->ht_module = borrow(module).release();
  type->tp_bases = bases.new_ref().release();
  type->tp_base = borrow(base).release();
  type->tp_basicsize = spec->basicsize;
  type->tp_itemsize = spec->itemsize;
  TRY(fill_slots(type, spec, special));
  if (!type->tp_dealloc) {
    // Deallocation of an inherited structure.
    type->tp_dealloc = subtype_dealloc;
  }
  if (special.weaklist) type->tp_weaklistoffset = special.weaklist;
  if (special.dict) type->tp_dictoffset = special.dict;
  if (special.vectorcall) type->tp_vectorcall_offset = special.vectorcall;
  TRY(status_of(PyType_Ready(type)));

  // The layout members are not attributes.
  for (const char* hidden : {"__weaklistoffset__", "__dictoffset__", "__vectorcalloffset__"}) {
    if (special.count && PyDict_DelItemString(type->tp_dict, hidden) < 0) PyErr_Clear();
  }
  if (dot) {
    Ref<> text = TRY(steal(PyUnicode_FromStringAndSize(spec->name, dot - spec->name)));
    PyObject* interned = text.release();
    PyUnicode_InternInPlace(&interned);
    text = steal(interned);
    if (!TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__module__">)))) {
      TRY(status_of(PyDict_SetItem(type->tp_dict, name<"__module__">, text.get())));
    }
  } else if (PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "builtin type %.200s has no __module__ attribute", spec->name) < 0) {
    return nullptr;
  }
  if (has_managed_dict(type)) TRY(instance_prepare_type(heap));
  return as_object(made.release());
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyType_FromModuleAndSpec(PyObject* module, PyType_Spec* spec, PyObject* bases) { return type_from_spec(module, spec, bases); }
PyObject* PyType_FromSpecWithBases(PyType_Spec* spec, PyObject* bases) { return type_from_spec(nullptr, spec, bases); }
PyObject* PyType_FromSpec(PyType_Spec* spec) { return type_from_spec(nullptr, spec, nullptr); }

void* PyType_GetSlot(PyTypeObject* type, int slot) {
  if (slot <= 0 || slot >= kSlotCount) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  size_t offset = kSlotOffsets[slot];
  char* group = reinterpret_cast<char*>(type);
  // Static types keep their groups elsewhere.
  auto in = [&](size_t start, size_t size, void* pointer) {
    if (offset < start || offset >= start + size) return;
    group = static_cast<char*>(pointer);
    offset -= start;
  };
  if (offset >= sizeof(PyTypeObject)) {
    size_t absolute = offset;
    if (absolute >= offsetof(PyHeapTypeObject, as_buffer)) in(offsetof(PyHeapTypeObject, as_buffer), sizeof(PyBufferProcs), type->tp_as_buffer);
    else if (absolute >= offsetof(PyHeapTypeObject, as_sequence)) in(offsetof(PyHeapTypeObject, as_sequence), sizeof(PySequenceMethods), type->tp_as_sequence);
    else if (absolute >= offsetof(PyHeapTypeObject, as_mapping)) in(offsetof(PyHeapTypeObject, as_mapping), sizeof(PyMappingMethods), type->tp_as_mapping);
    else if (absolute >= offsetof(PyHeapTypeObject, as_number)) in(offsetof(PyHeapTypeObject, as_number), sizeof(PyNumberMethods), type->tp_as_number);
    else in(offsetof(PyHeapTypeObject, as_async), sizeof(PyAsyncMethods), type->tp_as_async);
    if (!group) return nullptr;
  }
  return *reinterpret_cast<void**>(group + offset);
}

PyObject* PyType_GetModule(PyTypeObject* type) {
  if (!is_heap_type(type)) return raise(PyExc_TypeError, "PyType_GetModule: Type '%s' is not a heap type", type->tp_name);
  PyObject* module = heap_part(type)->ht_module;
  if (!module) return raise(PyExc_TypeError, "PyType_GetModule: Type '%s' has no associated module", type->tp_name);
  return module;
}

void* PyType_GetModuleState(PyTypeObject* type) {
  PyObject* module = PyType_GetModule(type);
  return module ? PyModule_GetState(module) : nullptr;
}

// The module of the first class of the MRO that was made with this definition.
PyObject* PyType_GetModuleByDef(PyTypeObject* type, PyModuleDef* definition) {
  PyObject* mro = type->tp_mro;
  for (Py_ssize_t i = 0; mro && i < PyTuple_GET_SIZE(mro); ++i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (!is_heap_type(base)) continue;
    PyObject* module = heap_part(base)->ht_module;
    if (module && PyModule_Check(module) && PyModule_GetDef(module) == definition) return module;
  }
  return raise(PyExc_TypeError, "PyType_GetModuleByDef: No superclass of '%s' has the given module", type->tp_name);
}

}  // extern "C"
