// PyType_Ready: turns a filled-in PyTypeObject into a working type.
//
// A type structure, whether static or made by type.__new__ or PyType_FromSpec, goes through
//   base and metatype    default to object and to the base's type; bases are made ready first
//   bases, dict, MRO
//   __new__              exposed for types with a constructor, inherited otherwise
//   dict                 slot wrappers (__add__, ...), methods, members, getsets, __doc__
//   inheritance          every empty slot is taken from the first class of the MRO that defines it; pairs that only make
//                        sense together (getattr and getattro, hash and comparison, traverse and clear) go together
//   subclasses           each base learns of its new subclass
// A slot is "defined" by a class when it differs from the slot of the class's own base.
#include "objects/descr.h"
#include "objects/dict_table.h"
#include "objects/str.h"
#include "objects/type_slots.h"

#include <Python.h>
#include <structmember.h>

#include <cstring>

// The linker's bounds of this executable or library.
extern "C" {
[[gnu::visibility("hidden")]] extern const char __ehdr_start;
[[gnu::visibility("hidden")]] extern const char _end;
}

namespace gill {

namespace {

bool is_ours(const void* address) { return address >= &__ehdr_start && address < &_end; }

// One of the slot groups (PyNumberMethods, ...) as an array of words. Our own static groups may be constant: they
// are copied before the first change. An extension's are filled in place, as it expects.
template <class Group>
void inherit_group(Group*& group, Group* base, Group* basebase) {
  if (!group || !base || group == base) return;
  auto** words = reinterpret_cast<void**>(group);
  auto** from = reinterpret_cast<void**>(base);
  auto** before = reinterpret_cast<void**>(basebase);
  for (size_t i = 0; i < sizeof(Group) / sizeof(void*); ++i) {
    if (words[i] || !from[i] || (before && from[i] == before[i])) continue;
    if (is_ours(group)) {
      auto* copy = static_cast<Group*>(PyMem_RawMalloc(sizeof(Group)));
      if (!copy) return;
      group = static_cast<Group*>(std::memcpy(copy, group, sizeof(Group)));
      words = reinterpret_cast<void**>(group);
    }
    words[i] = from[i];
  }
}

template <class F>
void inherit_one(F& slot, F base, PyTypeObject* basebase, F PyTypeObject::*member) {
  if (!slot && base && (!basebase || base != basebase->*member)) slot = base;
}

Maybe<bool> overrides_hash(PyTypeObject* type) {
  if (TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__eq__">)))) return true;
  return truth_of(PyDict_Contains(type->tp_dict, name<"__hash__">));
}

bool has(PyTypeObject* type, unsigned long flag) { return PyType_HasFeature(type, flag); }

// Size, offsets and flags: from tp_base alone.
void inherit_layout(PyTypeObject* type, PyTypeObject* base) {
  if (!has(type, Py_TPFLAGS_HAVE_GC) && has(base, Py_TPFLAGS_HAVE_GC) && !type->tp_traverse && !type->tp_clear) {
    type->tp_flags |= Py_TPFLAGS_HAVE_GC;
    type->tp_traverse = base->tp_traverse;
    type->tp_clear = base->tp_clear;
  }
  if (!type->tp_basicsize) type->tp_basicsize = base->tp_basicsize;
  if (!type->tp_itemsize) type->tp_itemsize = base->tp_itemsize;
  if (!type->tp_weaklistoffset) type->tp_weaklistoffset = base->tp_weaklistoffset;
  if (!type->tp_dictoffset) {
    type->tp_dictoffset = base->tp_dictoffset;
    type->tp_flags |= base->tp_flags & Py_TPFLAGS_MANAGED_DICT;
  }
  constexpr unsigned long kKind = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_TUPLE_SUBCLASS |
                                  Py_TPFLAGS_BYTES_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS |
                                  Py_TPFLAGS_BASE_EXC_SUBCLASS | Py_TPFLAGS_TYPE_SUBCLASS | _Py_TPFLAGS_MATCH_SELF;
  type->tp_flags |= base->tp_flags & kKind;
}

}  // namespace

void inherit_slots(PyTypeObject* type, PyTypeObject* base) {
  PyTypeObject* before = base->tp_base;
  inherit_group(type->tp_as_number, base->tp_as_number, before ? before->tp_as_number : nullptr);
  inherit_group(type->tp_as_async, base->tp_as_async, before ? before->tp_as_async : nullptr);
  inherit_group(type->tp_as_sequence, base->tp_as_sequence, before ? before->tp_as_sequence : nullptr);
  inherit_group(type->tp_as_mapping, base->tp_as_mapping, before ? before->tp_as_mapping : nullptr);
  inherit_group(type->tp_as_buffer, base->tp_as_buffer, before ? before->tp_as_buffer : nullptr);

#define INHERIT(slot) inherit_one(type->slot, base->slot, before, &PyTypeObject::slot)
  INHERIT(tp_dealloc);
  if (!type->tp_getattr && !type->tp_getattro) {
    type->tp_getattr = base->tp_getattr;
    type->tp_getattro = base->tp_getattro;
  }
  if (!type->tp_setattr && !type->tp_setattro) {
    type->tp_setattr = base->tp_setattr;
    type->tp_setattro = base->tp_setattro;
  }
  INHERIT(tp_repr);
  INHERIT(tp_vectorcall_offset);
  // A Python class may define __call__ later, so only types that cannot change inherit the fast call.
  if (!type->tp_call && has(base, Py_TPFLAGS_HAVE_VECTORCALL) && has(type, Py_TPFLAGS_IMMUTABLETYPE)) {
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  }
  INHERIT(tp_call);
  INHERIT(tp_str);
  if (!type->tp_richcompare && !type->tp_hash) {
    Maybe<bool> overridden = overrides_hash(type);
    if (!overridden) PyErr_Clear();
    if (!overridden || !overridden.value()) {
      type->tp_richcompare = base->tp_richcompare;
      type->tp_hash = base->tp_hash;
    }
  }
  INHERIT(tp_iter);
  INHERIT(tp_iternext);
  INHERIT(tp_descr_get);
  if (base->tp_descr_get && type->tp_descr_get == base->tp_descr_get && has(type, Py_TPFLAGS_IMMUTABLETYPE) &&
      has(base, Py_TPFLAGS_METHOD_DESCRIPTOR)) {
    type->tp_flags |= Py_TPFLAGS_METHOD_DESCRIPTOR;
  }
  INHERIT(tp_descr_set);
  INHERIT(tp_init);
  INHERIT(tp_alloc);
  if (has(type, Py_TPFLAGS_HAVE_GC) == has(base, Py_TPFLAGS_HAVE_GC)) {
    INHERIT(tp_free);
  } else if (has(type, Py_TPFLAGS_HAVE_GC) && !type->tp_free && base->tp_free == PyObject_Free) {
    type->tp_free = PyObject_GC_Del;
  }
  INHERIT(tp_is_gc);
  INHERIT(tp_del);
  INHERIT(tp_finalize);
#undef INHERIT

  constexpr unsigned long kCollection = Py_TPFLAGS_SEQUENCE | Py_TPFLAGS_MAPPING;
  if (!(type->tp_flags & kCollection)) type->tp_flags |= base->tp_flags & kCollection;
}

namespace {

// Entries that exist already stay: a name in tp_methods that is also a slot's keeps the slot wrapper, unless
// METH_COEXIST asks otherwise.
Status put(PyTypeObject* type, PyObject* key, PyObject* descriptor, bool replace) {
  if (replace) return status_of(PyDict_SetItem(type->tp_dict, key, descriptor));
  return PyDict_SetDefault(type->tp_dict, key, descriptor) ? Status::ok : Status::error;
}
Status put(PyTypeObject* type, Ref<> descriptor, bool replace = false) {
  return descriptor ? put(type, as_descr(descriptor.get())->d_name, descriptor.get(), replace) : Status::error;
}

}  // namespace

Status add_methods(PyTypeObject* type, PyMethodDef* methods) {
  for (PyMethodDef* m = methods; m && m->ml_name; ++m) {
    bool replace = m->ml_flags & METH_COEXIST;
    if (m->ml_flags & METH_CLASS) {
      if (m->ml_flags & METH_STATIC) return raise(PyExc_ValueError, "method cannot be both class and static");
      TRY(put(type, steal(PyDescr_NewClassMethod(type, m)), replace));
    } else if (m->ml_flags & METH_STATIC) {
      Ref<> function = TRY(steal(PyCFunction_NewEx(m, as_object(type), nullptr)));
      Ref<> method = TRY(steal(PyStaticMethod_New(function.get())));
      TRY(put(type, TRY(interned(m->ml_name)).get(), method.get(), replace));
    } else {
      TRY(put(type, steal(PyDescr_NewMethod(type, m)), replace));
    }
  }
  return Status::ok;
}

Status add_members(PyTypeObject* type, PyMemberDef* members) {
  for (PyMemberDef* m = members; m && m->name; ++m) {
    TRY(put(type, steal(PyDescr_NewMember(type, m))));
  }
  return Status::ok;
}

Status add_getsets(PyTypeObject* type, PyGetSetDef* getsets) {
  for (PyGetSetDef* g = getsets; g && g->name; ++g) {
    TRY(put(type, steal(PyDescr_NewGetSet(type, g))));
  }
  return Status::ok;
}

namespace {

Status ready_base(PyTypeObject* type) {
  if (!type->tp_base && type != &PyBaseObject_Type) {
    type->tp_base = &PyBaseObject_Type;
    if (is_heap_type(type)) retain(as_object(type->tp_base));
  }
  if (type->tp_base && !has(type->tp_base, Py_TPFLAGS_READY)) {
    if (!has(type->tp_base, Py_TPFLAGS_READYING)) TRY(status_of(PyType_Ready(type->tp_base)));
  }
  // An extension cannot name PyType_Type in an initializer on every platform: null means "like my base".
  if (!Py_TYPE(as_object(type))) Py_SET_TYPE(as_object(type), type->tp_base ? Py_TYPE(as_object(type->tp_base)) : &PyType_Type);
  return Status::ok;
}

Status ready_bases(PyTypeObject* type) {
  if (!type->tp_bases) {
    type->tp_bases = type->tp_base ? TRY(steal(PyTuple_Pack(1, type->tp_base))).release() : TRY(steal(PyTuple_New(0))).release();
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_bases); ++i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_bases, i));
    if (!PyType_Check(as_object(base)) || has(base, Py_TPFLAGS_READY) || has(base, Py_TPFLAGS_READYING)) continue;
    TRY(status_of(PyType_Ready(base)));
  }
  return Status::ok;
}

Status ready_mro(PyTypeObject* type) {
  if (is_heap_type(type)) return compute_mro(type, nullptr);
  // Static types cannot have a metaclass's mro().
  type->tp_mro = TRY(linearize(type)).release();
  for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(type->tp_mro); ++i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_mro, i));
    if (is_heap_type(base)) {
      return raise(PyExc_TypeError, "type '%.100s' is not dynamically allocated but its base type '%.100s' is dynamically allocated",
                   type->tp_name, base->tp_name);
    }
  }
  return Status::ok;
}

Status ready_constructor(PyTypeObject* type) {
  PyTypeObject* base = type->tp_base;
  // A static type that extends object directly and has no constructor has none on purpose.
  if (!type->tp_new && base == &PyBaseObject_Type && !is_heap_type(type)) type->tp_flags |= Py_TPFLAGS_DISALLOW_INSTANTIATION;
  if (has(type, Py_TPFLAGS_DISALLOW_INSTANTIATION)) {
    type->tp_new = nullptr;
    return Status::ok;
  }
  if (!type->tp_new) {
    type->tp_new = base ? base->tp_new : nullptr;
    return Status::ok;
  }
  if (TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__new__">)))) return Status::ok;
  Ref<> function = TRY(steal(PyCFunction_NewEx(const_cast<PyMethodDef*>(&kNewWrapper), as_object(type), nullptr)));
  return status_of(PyDict_SetItem(type->tp_dict, name<"__new__">, function.get()));
}

// Rows of a table that ends with a null name.
template <auto Name, class Row>
Py_ssize_t count_rows(const Row* row) {
  Py_ssize_t count = 0;
  while (row && row[count].*Name) ++count;
  return count;
}

Status ready_dict(PyTypeObject* type) {
  TRY(add_slot_wrappers(type));
  TRY(status_of(dict_reserve(reinterpret_cast<PyDictObject*>(type->tp_dict), count_rows<&PyMethodDef::ml_name>(type->tp_methods) +
                                 count_rows<&PyMemberDef::name>(type->tp_members) + count_rows<&PyGetSetDef::name>(type->tp_getset) + 1)));
  TRY(add_methods(type, type->tp_methods));
  TRY(add_members(type, type->tp_members));
  TRY(add_getsets(type, type->tp_getset));
  if (TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__doc__">)))) return Status::ok;
  Ref<> doc = type->tp_doc ? TRY(steal(_PyType_GetDocFromInternalDoc(type->tp_name, type->tp_doc))) : none();
  return status_of(PyDict_SetItem(type->tp_dict, name<"__doc__">, doc.get()));
}

Status ready_inheritance(PyTypeObject* type) {
  if (PyTypeObject* base = type->tp_base) inherit_layout(type, base);
  for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(type->tp_mro); ++i) {
    auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(type->tp_mro, i));
    if (PyType_Check(as_object(base))) inherit_slots(type, base);
  }
  if (PyTypeObject* base = type->tp_base) {
    if (!type->tp_as_async) type->tp_as_async = base->tp_as_async;
    if (!type->tp_as_number) type->tp_as_number = base->tp_as_number;
    if (!type->tp_as_sequence) type->tp_as_sequence = base->tp_as_sequence;
    if (!type->tp_as_mapping) type->tp_as_mapping = base->tp_as_mapping;
    if (!type->tp_as_buffer) type->tp_as_buffer = base->tp_as_buffer;
  }
  if (!type->tp_hash && !TRY(truth_of(PyDict_Contains(type->tp_dict, name<"__hash__">)))) {
    TRY(status_of(PyDict_SetItem(type->tp_dict, name<"__hash__">, Py_None)));
    type->tp_hash = PyObject_HashNotImplemented;
  }
  return Status::ok;
}

Status check_flags(PyTypeObject* type) {
  if (!type->tp_name) return raise(PyExc_SystemError, "Type does not define the tp_name field.");
  if (has(type, Py_TPFLAGS_HAVE_VECTORCALL) && type->tp_vectorcall_offset <= 0) {
    return raise(PyExc_SystemError, "type %s has the Py_TPFLAGS_HAVE_VECTORCALL flag but has no vectorcall offset", type->tp_name);
  }
  if (has(type, Py_TPFLAGS_MANAGED_DICT) && !(has(type, Py_TPFLAGS_HAVE_GC) && is_heap_type(type))) {
    return raise(PyExc_SystemError, "type %s has the Py_TPFLAGS_MANAGED_DICT flag but is not a collectable heap type", type->tp_name);
  }
  return Status::ok;
}

Status remember_in_bases(PyTypeObject* type) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_bases); ++i) {
    PyObject* base = PyTuple_GET_ITEM(type->tp_bases, i);
    if (PyType_Check(base)) TRY(remember_subclass(reinterpret_cast<PyTypeObject*>(base), type));
  }
  return Status::ok;
}

Status make_ready(PyTypeObject* type) {
  TRY(check_flags(type));
  // Extensions ask for a managed dictionary by the flag alone.
  if (has(type, Py_TPFLAGS_MANAGED_DICT) && !type->tp_dictoffset) type->tp_dictoffset = -1;
  TRY(ready_base(type));
  if (!type->tp_dict) type->tp_dict = TRY(steal(PyDict_New())).release();
  TRY(ready_bases(type));
  TRY(ready_mro(type));
  TRY(ready_constructor(type));
  TRY(ready_dict(type));
  TRY(ready_inheritance(type));
  if (has(type, Py_TPFLAGS_HAVE_GC) && !type->tp_traverse) {
    return raise(PyExc_SystemError, "type %s has the Py_TPFLAGS_HAVE_GC flag but has no traverse function", type->tp_name);
  }
  return remember_in_bases(type);
}

}  // namespace

// The linker's bounds of the section that GILL_STATIC_TYPE fills.
extern "C" {
[[gnu::weak, gnu::visibility("hidden")]] extern PyTypeObject* const __start_gill_types[];
[[gnu::weak, gnu::visibility("hidden")]] extern PyTypeObject* const __stop_gill_types[];
}

Status initialize_types(Interpreter* interpreter) {
  if (!interpreter->types) create_type_state(interpreter);
  bool shared = has(&PyBaseObject_Type, Py_TPFLAGS_READY);
  TRY(status_of(PyType_Ready(&PyBaseObject_Type)));
  TRY(status_of(PyType_Ready(&PyType_Type)));
  for (PyTypeObject* const* at = __start_gill_types; at != __stop_gill_types; ++at) TRY(status_of(PyType_Ready(*at)));
  if (shared) {
    // Another interpreter has made them ready; this one is to know their subclasses all the same.
    for (PyTypeObject* const* at = __start_gill_types; at != __stop_gill_types; ++at) TRY(remember_in_bases(*at));
  }
  return initialize_context_types();
}

}  // namespace gill

using namespace gill;

extern "C" int PyType_Ready(PyTypeObject* type) {
  if (PyType_HasFeature(type, Py_TPFLAGS_READY)) return 0;
  type->tp_flags |= Py_TPFLAGS_READYING;
  if (!is_heap_type(type)) {
    type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
    // Static types of extensions come with a count of one.
    make_immortal(as_object(type));
  }
  Status done = make_ready(type);
  type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_READYING);
  if (done == Status::error) return -1;
  type->tp_flags |= Py_TPFLAGS_READY;
  return 0;
}
