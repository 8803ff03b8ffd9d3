// LOAD_ATTR and STORE_ATTR: cache is counter, version (2), index. LOAD_METHOD: counter, type version (2), index, keys version (2),
// method (4). The version is the type's, or that of the keys of a module's dict; a cached method is borrowed from the type,
// which loses its version before it can lose the method.
#include <Python.h>
#include <structmember.h>

#include "objects/dict_table.h"
#include "objects/instance_values.h"
#include "objects/module.h"
#include "objects/type.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

// The version that a cache can compare; 0 when the type has none to give.
uint32_t version_of(PyTypeObject* type) { return assign_version_tag(type) ? type->tp_version_tag : 0; }

// A slot of the values array that holds the attribute, or -1.
Py_ssize_t values_slot(PyObject* owner, PyObject* attribute) {
  InstanceValues* values = prefix_of(owner)->values();
  if (!values || !shared_keys(Py_TYPE(owner)) || !PyUnicode_CheckExact(attribute)) return -1;
  Py_ssize_t slot = find_str(shared_keys(Py_TYPE(owner)), attribute, str_hash(attribute));
  return slot >= 0 && slot < values->capacity ? slot : -1;
}

// An object slot of the type's own layout, not read-only when `writable`.
PyMemberDef* plain_member(PyObject* descriptor, PyObject* owner, bool writable) {
  if (!descriptor || !Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) return nullptr;
  auto* descr = reinterpret_cast<PyMemberDescrObject*>(descriptor);
  PyMemberDef* member = descr->d_member;
  if (member->type != T_OBJECT_EX || member->offset <= 0 || member->offset > UINT16_MAX) return nullptr;
  if (!PyObject_TypeCheck(owner, descr->d_common.d_type)) return nullptr;
  if (member->flags & ~READONLY || (writable && member->flags)) return nullptr;
  return member;
}

// The entry of a name in a module's dict; negative when a cache cannot rely on it.
Py_ssize_t module_entry(PyObject* module, PyObject* attribute, uint32_t* version) {
  PyObject* dict = PyModule_GetDict(module);
  if (!dict || !PyDict_CheckExact(dict) || !keys_of(dict)->unicode || !PyUnicode_CheckExact(attribute)) return -1;
  Py_ssize_t entry = find_str(keys_of(dict), attribute, str_hash(attribute));
  *version = entry >= 0 ? keys_version(keys_of(dict)) : 0;
  return *version && entry <= UINT16_MAX ? entry : -1;
}

// Modules look their own dict up first, unless the type of the module changes that.
bool is_plain_module(PyObject* owner) { return PyModule_CheckExact(owner); }

// The value under a remembered place of a dict; null when something else is there now.
inline PyObject** hinted(PyObject* dict, CodeUnit hint, PyObject* attribute) {
  DictKeys* keys = keys_of(dict);
  if (hint >= keys->entries || !keys->unicode) return nullptr;
  UnicodeEntry& entry = unicode_entries(keys)[hint];
  return entry.key == attribute && entry.value ? &entry.value : nullptr;
}

// The place of a name in an instance's dict, for hinted(); negative when there is none.
Py_ssize_t hint_for(PyObject* owner, PyObject* attribute) {
  PyObject* dict = prefix_of(owner)->dict();
  if (!dict || !PyDict_CheckExact(dict) || !keys_of(dict)->unicode || !PyUnicode_CheckExact(attribute)) return -1;
  Py_ssize_t entry = find_str(keys_of(dict), attribute, str_hash(attribute));
  return entry <= UINT16_MAX && entry >= 0 && unicode_entries(keys_of(dict))[entry].key == attribute ? entry : -1;
}

// A Python class may make its instances in other classes data descriptors at any time, without their owner's version changing.
bool may_become_descriptor(PyObject* value) {
  return value && (Py_TYPE(value)->tp_descr_set || !PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_IMMUTABLETYPE));
}

// What a cache remembers of a slot: the capacity of the array that it was seen in, and its distance from the array's start in words,
// which spares the way over the capacity where that is the same.
CodeUnit remembered_place(InstanceValues* values, Py_ssize_t slot) {
  size_t word = InstanceValues::header(values->capacity) / sizeof(PyObject*) + static_cast<size_t>(slot);
  return static_cast<CodeUnit>(values->capacity << 8 | word);
}
static_assert(InstanceValues::header(kMostSharedKeys) / sizeof(PyObject*) + kMostSharedKeys < 256);
// Null when the array is too small.
inline PyObject** place_in(InstanceValues* values, CodeUnit remembered) {
  size_t capacity = remembered >> 8, word = remembered & 255;
  if (values->capacity == capacity) [[likely]] return reinterpret_cast<PyObject**>(values) + word;
  size_t slot = word - InstanceValues::header(capacity) / sizeof(PyObject*);
  return slot < values->capacity ? &values->slots()[slot] : nullptr;
}

inline bool version_matches(PyObject* owner, const CodeUnit* cache) { return Py_TYPE(owner)->tp_version_tag == read32(cache); }

}  // namespace

// ---- reading ----------------------------------------------------------------------------------------

void specialize_load_attr(CodeUnit* next, PyObject* owner, PyObject* attribute) {
  PyTypeObject* type = Py_TYPE(owner);
  if (is_plain_module(owner)) {
    uint32_t version = 0;
    Py_ssize_t entry = module_entry(owner, attribute, &version);
    if (entry < 0) return found_nothing(next);
    write32(next + 1, version);
    next[3] = static_cast<CodeUnit>(entry);
    return specialized_to(next, Op::LOAD_ATTR_MODULE);
  }
  if (type->tp_getattro != PyObject_GenericGetAttr) return found_nothing(next);
  uint32_t version = version_of(type);
  if (!version) return found_nothing(next);
  PyObject* descriptor = type_lookup(type, attribute);
  write32(next + 1, version);
  if (PyMemberDef* member = plain_member(descriptor, owner, false)) {
    next[3] = static_cast<CodeUnit>(member->offset);
    return specialized_to(next, Op::LOAD_ATTR_SLOT);
  }
  if (attribute == name<"__class__"> && descriptor == type_lookup(&PyBaseObject_Type, attribute)) {
    next[3] = offsetof(PyObject, ob_type);
    return specialized_to(next, Op::LOAD_ATTR_SLOT);
  }
  if (may_become_descriptor(descriptor) || !has_managed_dict(type)) return found_nothing(next);
  Py_ssize_t place = values_slot(owner, attribute);
  if (place >= 0) {
    next[3] = remembered_place(prefix_of(owner)->values(), place);
    return specialized_to(next, Op::LOAD_ATTR_INSTANCE_VALUE);
  }
  place = hint_for(owner, attribute);
  if (place < 0) return found_nothing(next);
  next[3] = static_cast<CodeUnit>(place);
  specialized_to(next, Op::LOAD_ATTR_WITH_HINT);
}

ADAPTIVE(LOAD_ATTR, specialize_load_attr(next, sp[-1], name_at(frame, oparg)))

// Replaces the owner on the stack by its attribute.
#define END_LOADED(VALUE)        \
  do {                           \
    PyObject* value_ = (VALUE);  \
    SAVE_PLACE();                \
    retain(value_);              \
    sp[-1] = value_;             \
    SKIP_CACHES(LOAD_ATTR);      \
    END_DROP(owner);             \
  } while (0)

// Where an instance has an attribute among its values, by the cache at `cache`; null where the cache does not hold for it.
inline PyObject** cached_value(PyObject* owner, const CodeUnit* cache) {
  if (!version_matches(owner, cache + 1)) [[unlikely]] return nullptr;
  InstanceValues* values = prefix_of(owner)->values();
  return values ? place_in(values, cache[3]) : nullptr;
}
inline PyObject** cached_slot(PyObject* owner, const CodeUnit* cache) {
  if (!version_matches(owner, cache + 1)) [[unlikely]] return nullptr;
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + cache[3]);
}

HANDLER(LOAD_ATTR_INSTANCE_VALUE) {
  PyObject* owner = sp[-1];
  PyObject** place = cached_value(owner, next);
  if (!place || !*place) [[unlikely]] END_MISS(LOAD_ATTR);
  END_LOADED(*place);
}

// An attribute of a variable, which goes without a reference of its own to the owner. What is not cached is left to the second one.
HANDLER(LOAD_FAST__LOAD_ATTR) {
  PyObject* owner = frame->localsplus[oparg];
  if (!owner) [[unlikely]] {
    SAVE_PLACE();
    TAIL(unbound_local);
  }
  auto form = static_cast<Op>(*next & 255);
  PyObject** place = form == Op::LOAD_ATTR_INSTANCE_VALUE ? cached_value(owner, next + 1)
                     : form == Op::LOAD_ATTR_SLOT         ? cached_slot(owner, next + 1)
                                                          : nullptr;
  if (!place || !*place) [[unlikely]] {
    retain(owner);
    *sp++ = owner;
    END_DISPATCH();
  }
  PyObject* value = *place;
  retain(value);
  *sp++ = value;
  ++next;
  SKIP_CACHES(LOAD_ATTR);
  END_DISPATCH();
}

HANDLER(LOAD_ATTR_WITH_HINT) {
  PyObject* owner = sp[-1];
  if (!version_matches(owner, next + 1)) [[unlikely]] END_MISS(LOAD_ATTR);
  PyObject* dict = prefix_of(owner)->dict();
  PyObject** value = dict ? hinted(dict, next[3], name_at(frame, oparg)) : nullptr;
  if (!value) [[unlikely]] END_MISS(LOAD_ATTR);
  SAVE_PLACE();
  END_LOADED(*value);
}

HANDLER(LOAD_ATTR_SLOT) {
  PyObject* owner = sp[-1];
  PyObject** place = cached_slot(owner, next);
  if (!place || !*place) [[unlikely]] END_MISS(LOAD_ATTR);
  END_LOADED(*place);
}

HANDLER(LOAD_ATTR_MODULE) {
  PyObject* owner = sp[-1];
  if (!is_plain_module(owner)) [[unlikely]] END_MISS(LOAD_ATTR);
  PyObject* dict = reinterpret_cast<ModuleObject*>(owner)->dict;
  DictKeys* keys = dict ? keys_of(dict) : nullptr;
  if (!keys || keys->version != read32(next + 1)) [[unlikely]] END_MISS(LOAD_ATTR);
  SAVE_PLACE();
  END_LOADED(unicode_entries(keys)[next[3]].value);
}

// ---- writing ----------------------------------------------------------------------------------------

void specialize_store_attr(CodeUnit* next, PyObject* owner, PyObject* attribute) {
  PyTypeObject* type = Py_TYPE(owner);
  if (type->tp_setattro != PyObject_GenericSetAttr) return found_nothing(next);
  uint32_t version = version_of(type);
  if (!version) return found_nothing(next);
  PyObject* descriptor = type_lookup(type, attribute);
  write32(next + 1, version);
  if (PyMemberDef* member = plain_member(descriptor, owner, true)) {
    next[3] = static_cast<CodeUnit>(member->offset);
    return specialized_to(next, Op::STORE_ATTR_SLOT);
  }
  if (may_become_descriptor(descriptor) || !has_managed_dict(type)) return found_nothing(next);
  Py_ssize_t place = values_slot(owner, attribute);
  if (place >= 0) {
    next[3] = remembered_place(prefix_of(owner)->values(), place);
    return specialized_to(next, Op::STORE_ATTR_INSTANCE_VALUE);
  }
  place = hint_for(owner, attribute);
  if (place < 0) return found_nothing(next);
  next[3] = static_cast<CodeUnit>(place);
  specialized_to(next, Op::STORE_ATTR_WITH_HINT);
}

ADAPTIVE(STORE_ATTR, specialize_store_attr(next, sp[-1], name_at(frame, oparg)))

// Stores into a place of the values; the old value is the caller's.
inline PyObject* store_value(PyObject* owner, PyObject** place, PyObject* value) {
  PyObject* old = std::exchange(*place, value);
  if (!old) {
    InstanceValues* values = prefix_of(owner)->values();
    values->order[values->size++] = static_cast<uint8_t>(place - values->slots());
  }
  return old;
}

HANDLER(STORE_ATTR_INSTANCE_VALUE) {
  PyObject* owner = sp[-1];
  PyObject** place = cached_value(owner, next);
  if (!place) [[unlikely]] END_MISS(STORE_ATTR);
  SAVE_PLACE();
  PyObject* old = store_value(owner, place, sp[-2]);
  sp -= 2;
  SKIP_CACHES(STORE_ATTR);
  if (old) END_DROP_BOTH(old, owner);
  END_DROP(owner);
}

HANDLER(LOAD_FAST__STORE_ATTR) {
  PyObject* owner = frame->localsplus[oparg];
  if (!owner) [[unlikely]] {
    SAVE_PLACE();
    TAIL(unbound_local);
  }
  auto form = static_cast<Op>(*next & 255);
  PyObject* old;
  if (PyObject** place; form == Op::STORE_ATTR_INSTANCE_VALUE && (place = cached_value(owner, next + 1))) {
    old = store_value(owner, place, sp[-1]);
  } else if (form == Op::STORE_ATTR_SLOT && (place = cached_slot(owner, next + 1))) {
    old = std::exchange(*place, sp[-1]);
  } else {
    retain(owner);
    *sp++ = owner;
    END_DISPATCH();
  }
  --sp;
  ++next;
  SAVE_PLACE();
  SKIP_CACHES(STORE_ATTR);
  if (!old) END_DISPATCH();
  END_DROP(old);
}

HANDLER(STORE_ATTR_WITH_HINT) {
  PyObject* owner = sp[-1];
  if (!version_matches(owner, next + 1)) [[unlikely]] END_MISS(STORE_ATTR);
  PyObject* dict = prefix_of(owner)->dict();
  PyObject** place = dict ? hinted(dict, next[3], name_at(frame, oparg)) : nullptr;
  // A dict without collectable values may be untracked; the plain way looks after that.
  if (!place || !PyObject_GC_IsTracked(dict)) [[unlikely]] END_MISS(STORE_ATTR);
  SAVE_PLACE();
  PyObject* old = std::exchange(*place, sp[-2]);
  reinterpret_cast<PyDictObject*>(dict)->ma_version_tag = dict_state().next_dict_version++;
  sp -= 2;
  SKIP_CACHES(STORE_ATTR);
  END_DROP_BOTH(old, owner);
}

HANDLER(STORE_ATTR_SLOT) {
  PyObject* owner = sp[-1];
  PyObject** place = cached_slot(owner, next);
  if (!place) [[unlikely]] END_MISS(STORE_ATTR);
  SAVE_PLACE();
  PyObject* old = std::exchange(*place, sp[-2]);
  sp -= 2;
  SKIP_CACHES(STORE_ATTR);
  if (old) END_DROP_BOTH(old, owner);
  END_DROP(owner);
}

// ---- methods ----------------------------------------------------------------------------------------

void specialize_load_method(CodeUnit* next, PyObject* owner, PyObject* attribute) {
  PyTypeObject* type = Py_TYPE(owner);
  if (is_plain_module(owner)) {
    uint32_t version = 0;
    Py_ssize_t entry = module_entry(owner, attribute, &version);
    if (entry < 0) return found_nothing(next);
    next[3] = static_cast<CodeUnit>(entry);
    write32(next + 4, version);
    return specialized_to(next, Op::LOAD_METHOD_MODULE);
  }
  if (PyType_Check(owner)) {
    // A function, or a value without __get__, of the class itself, which its metaclass does not hide.
    auto* cls = reinterpret_cast<PyTypeObject*>(owner);
    if (type->tp_getattro != PyType_Type.tp_getattro) return found_nothing(next);
    uint32_t meta_version = version_of(type);
    PyObject* hiding = type_lookup(type, attribute);
    if (!meta_version || may_become_descriptor(hiding)) return found_nothing(next);
    uint32_t version = version_of(cls);
    PyObject* value = version ? type_lookup(cls, attribute) : nullptr;
    bool mutable_kind = value && !PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_IMMUTABLETYPE);
    if (!value || mutable_kind || (!Py_IS_TYPE(value, &PyFunction_Type) && Py_TYPE(value)->tp_descr_get)) return found_nothing(next);
    write32(next + 1, version);
    write32(next + 4, meta_version);
    write_object(next + 6, value);
    return specialized_to(next, Op::LOAD_METHOD_CLASS);
  }
  if (type->tp_getattro != PyObject_GenericGetAttr) return found_nothing(next);
  uint32_t version = version_of(type);
  PyObject* method = version ? type_lookup(type, attribute) : nullptr;
  if (!method || !PyType_HasFeature(Py_TYPE(method), Py_TPFLAGS_METHOD_DESCRIPTOR)) return found_nothing(next);
  write32(next + 1, version);
  write_object(next + 6, method);
  if (!has_managed_dict(type)) {
    if (type->tp_dictoffset) return found_nothing(next);
    return specialized_to(next, Op::LOAD_METHOD_NO_DICT);
  }
  if (!PyUnicode_CheckExact(attribute)) return found_nothing(next);
  if (!prefix_of(owner)->has_values()) return specialized_to(next, Op::LOAD_METHOD_WITH_DICT);
  DictKeys* keys = shared_keys(type);
  if (!keys || find_str(keys, attribute, str_hash(attribute)) >= 0) return found_nothing(next);
  uint32_t names_version = keys_version(keys);
  if (!names_version) return found_nothing(next);
  write32(next + 4, names_version);
  specialized_to(next, Op::LOAD_METHOD_WITH_VALUES);
}

ADAPTIVE(LOAD_METHOD, specialize_load_method(next, sp[-1], name_at(frame, oparg)))

// Puts the method under its object.
#define END_METHOD()                         \
  do {                                       \
    PyObject* method_ = read_object(next + 6); \
    retain(method_);                         \
    sp[-1] = method_;                        \
    *sp++ = owner;                           \
    SKIP_CACHES(LOAD_METHOD);                \
    END_DISPATCH();                          \
  } while (0)

// Puts null under a callable that has its object, or needs none.
#define END_CALLABLE(VALUE)      \
  do {                           \
    PyObject* value_ = (VALUE);  \
    retain(value_);              \
    sp[-1] = nullptr;            \
    *sp++ = value_;              \
    SKIP_CACHES(LOAD_METHOD);    \
    END_DROP(owner);             \
  } while (0)

HANDLER(LOAD_METHOD_WITH_VALUES) {
  PyObject* owner = sp[-1];
  if (!version_matches(owner, next + 1)) [[unlikely]] END_MISS(LOAD_METHOD);
  if (!prefix_of(owner)->has_values() || shared_keys(Py_TYPE(owner))->version != read32(next + 4)) [[unlikely]] END_MISS(LOAD_METHOD);
  END_METHOD();
}

HANDLER(LOAD_METHOD_WITH_DICT) {
  PyObject* owner = sp[-1];
  if (!version_matches(owner, next + 1)) [[unlikely]] END_MISS(LOAD_METHOD);
  PyObject* dict = prefix_of(owner)->dict();
  if (!dict || !keys_of(dict)->unicode) [[unlikely]] END_MISS(LOAD_METHOD);
  PyObject* attribute = name_at(frame, oparg);
  if (find_str(keys_of(dict), attribute, str_hash(attribute)) >= 0) [[unlikely]] END_MISS(LOAD_METHOD);
  END_METHOD();
}

HANDLER(LOAD_METHOD_NO_DICT) {
  PyObject* owner = sp[-1];
  if (!version_matches(owner, next + 1)) [[unlikely]] END_MISS(LOAD_METHOD);
  END_METHOD();
}

HANDLER(LOAD_METHOD_MODULE) {
  PyObject* owner = sp[-1];
  if (!is_plain_module(owner)) [[unlikely]] END_MISS(LOAD_METHOD);
  PyObject* dict = reinterpret_cast<ModuleObject*>(owner)->dict;
  DictKeys* keys = dict ? keys_of(dict) : nullptr;
  if (!keys || keys->version != read32(next + 4)) [[unlikely]] END_MISS(LOAD_METHOD);
  SAVE_PLACE();
  END_CALLABLE(unicode_entries(keys)[next[3]].value);
}

HANDLER(LOAD_METHOD_CLASS) {
  PyObject* owner = sp[-1];
  if (!PyType_Check(owner) || !version_matches(owner, next + 4)) [[unlikely]] END_MISS(LOAD_METHOD);
  if (reinterpret_cast<PyTypeObject*>(owner)->tp_version_tag != read32(next + 1)) [[unlikely]] END_MISS(LOAD_METHOD);
  SAVE_PLACE();
  END_CALLABLE(read_object(next + 6));
}

}  // namespace gill::vm
