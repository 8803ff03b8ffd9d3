// Attribute look-up on types.
//
// A type's attribute is found by walking its MRO and asking each class's dict. Since nearly every operation of
// Python starts with such a walk, its outcome is cached. The cache is one table for each interpreter, indexed by
// (version tag of the type, address of the interned name):
//
//     type.tp_version_tag ---+
//                            xor --> slot { version, name, value or null }
//     address of the name ---+
//
// The version tag is a number that a type receives when it is first looked up. Any change of a type's dict, bases or MRO
// calls PyType_Modified, which takes the tag from the type and from all its subclasses; a stale entry can then never
// match again, because tags are not reused. Absence is cached too (value null), since most special methods
// that the runtime asks for do not exist. A type may have a tag only if all its bases have one: so PyType_Modified
// can stop at a type without one.
#include "objects/type.h"

#include <cstring>
#include <utility>

#include "objects/dict_table.h"
#include "runtime/runtime.h"

namespace gill {

StaticTypeRecord* TypeState::record_of(PyTypeObject* type) {
  StaticTypeRecord** at = &records[(reinterpret_cast<uintptr_t>(type) >> 5) % kRecordBuckets];
  for (StaticTypeRecord* r = *at; r; r = r->next) {
    if (r->type == type) return r;
  }
  auto* record = static_cast<StaticTypeRecord*>(PyMem_RawCalloc(1, sizeof(StaticTypeRecord)));
  if (!record) return nullptr;
  record->type = type;
  record->next = *at;
  return *at = record;
}

TypeState* create_type_state(Interpreter* interpreter) {
  auto* state = static_cast<TypeState*>(PyMem_RawCalloc(1, sizeof(TypeState)));
  if (!state) Py_FatalError("no memory for the type state");
  state->cache_mask = TypeState::kFewEntries - 1;
  return interpreter->types = state;
}

PyObject** subclasses_slot(PyTypeObject* type) {
  if (is_heap_type(type)) return &type->tp_subclasses;
  StaticTypeRecord* record = type_state().record_of(type);
  return record ? &record->subclasses : nullptr;
}

PyObject** type_weak_list_slot(PyTypeObject* type) {
  if (is_heap_type(type)) return &type->tp_weaklist;
  StaticTypeRecord* record = type_state().record_of(type);
  return record ? &record->weak_references : nullptr;
}

bool assign_version_tag(PyTypeObject* type) {
  if (PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)) return true;
  if (!PyType_HasFeature(type, Py_TPFLAGS_READY)) return false;
  if (g_runtime.next_type_version == 0) return false;  // four thousand million changes: go on without the cache
  PyObject* bases = type->tp_bases;
  for (Py_ssize_t i = 0; bases && i < PyTuple_GET_SIZE(bases); ++i) {
    if (!assign_version_tag(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(bases, i)))) return false;
  }
  type->tp_version_tag = g_runtime.next_type_version++;
  type->tp_flags |= Py_TPFLAGS_VALID_VERSION_TAG;
  return true;
}

PyObject* find_in_mro(PyTypeObject* type, PyObject* name, bool* failed) {
  *failed = false;
  Py_hash_t hash = PyUnicode_CheckExact(name) ? reinterpret_cast<PyASCIIObject*>(name)->hash : -1;
  if (hash == -1) {
    hash = PyObject_Hash(name);
    if (hash == -1) {
      *failed = true;
      return nullptr;
    }
  }
  PyObject* mro = type->tp_mro;
  if (!mro) {
    // A type that is being made, or an extension's that was never made ready.
    if (PyType_HasFeature(type, Py_TPFLAGS_READYING) || PyType_Ready(type) < 0) {
      *failed = PyErr_Occurred() != nullptr;
      if (!type->tp_mro) return nullptr;
    }
    mro = type->tp_mro;
  }
  // The MRO may be replaced by code that runs in a key's __eq__: hold it.
  Ref<> hold = borrow(mro);
  PyObject* found = nullptr;
  for (Py_ssize_t i = 0, n = PyTuple_GET_SIZE(mro); i < n; ++i) {
    PyObject* dict = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i))->tp_dict;
    if (!dict) continue;
    *failed = dict_find(reinterpret_cast<PyDictObject*>(dict), name, hash, &found) == kLookupError;
    if (found || *failed) break;
  }
  return found;
}

PyObject* type_lookup_uncached(PyTypeObject* type, PyObject* name) {
  // The caller's exception, if any, is none of our business: a look-up runs in the middle of everything.
  PyObject *et = nullptr, *ev = nullptr, *tb = nullptr;
  bool pending = PyErr_Occurred() != nullptr;
  if (pending) PyErr_Fetch(&et, &ev, &tb);
  bool failed;
  PyObject* found = find_in_mro(type, name, &failed);
  if (failed) {
    PyErr_Clear();
  } else if (PyUnicode_CheckExact(name) && PyUnicode_CHECK_INTERNED(name) && assign_version_tag(type)) {
    TypeState& state = type_state();
    MethodCacheEntry& entry = state.cache_entry(type->tp_version_tag, name);
    PyObject* old = entry.name;
    // Entries whose place is another one then are not found there, which does no harm.
    if (old && ++state.replaced == TypeState::kMostReplaced) state.cache_mask = TypeState::kMostEntries - 1;
    retain(name);
    entry = {type->tp_version_tag, name, found};
    if (old) release(old);
  }
  if (pending) PyErr_Restore(et, ev, tb);
  return found;
}

SpecialMethod lookup_special(PyObject* self, PyObject* name) {
  PyObject* found = type_lookup(Py_TYPE(self), name);
  return found ? bind_special(self, found) : SpecialMethod{};
}

SpecialMethod bind_special(PyObject* self, PyObject* found) {
  if (PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)) return {borrow(found), true};
  descrgetfunc get = Py_TYPE(found)->tp_descr_get;
  if (!get) return {borrow(found), false};
  Ref<> hold = borrow(found);
  return {steal(get(found, self, as_object(Py_TYPE(self)))), false};
}

void finish_types(Interpreter* interpreter) {
  TypeState* state = interpreter->types;
  if (!state) return;
  PyType_ClearCache();
  for (StaticTypeRecord* bucket : state->records) {
    for (StaticTypeRecord* record = bucket; record; record = record->next) {
      // Clearing takes a reference out of the list.
      while (record->weak_references) _PyWeakref_ClearRef(reinterpret_cast<PyWeakReference*>(record->weak_references));
      clear_field(record->subclasses);
    }
  }
  for (StaticTypeRecord* record : state->records) {
    while (record) PyMem_RawFree(std::exchange(record, record->next));
  }
  PyMem_RawFree(state);
  interpreter->types = nullptr;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _PyType_Lookup(PyTypeObject* type, PyObject* name) { return type_lookup(type, name); }

PyObject* _PyType_LookupId(PyTypeObject* type, _Py_Identifier* id) {
  PyObject* name = _PyUnicode_FromId(id);
  return name ? type_lookup(type, name) : nullptr;
}

void PyType_Modified(PyTypeObject* type) {
  if (!PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)) return;
  if (PyObject** slot = subclasses_slot(type); slot && *slot) {
    PyObject* reference;
    Py_ssize_t position = 0;
    while (PyDict_Next(*slot, &position, nullptr, &reference)) {
      PyObject* subclass = PyWeakref_GET_OBJECT(reference);
      if (subclass != Py_None) PyType_Modified(reinterpret_cast<PyTypeObject*>(subclass));
    }
  }
  type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_VALID_VERSION_TAG);
  type->tp_version_tag = 0;
  if (is_heap_type(type)) heap_part(type)->_spec_cache.getitem = nullptr;
}

unsigned int PyType_ClearCache() {
  TypeState& state = type_state();
  for (MethodCacheEntry& entry : state.cache) {
    PyObject* name = entry.name;
    entry = {};
    if (name) release(name);
  }
  return g_runtime.next_type_version - 1;
}

PyObject* _PyObject_LookupSpecialId(PyObject* self, _Py_Identifier* id) {
  PyObject* name = _PyUnicode_FromId(id);
  if (!name) return nullptr;
  PyObject* found = type_lookup(Py_TYPE(self), name);
  if (!found) return nullptr;
  descrgetfunc get = Py_TYPE(found)->tp_descr_get;
  if (!get) return borrow(found).release();
  return get(found, self, as_object(Py_TYPE(self)));
}

}  // extern "C"

// `_PyObject_LookupSpecial` (which the published header turns into a macro for the function above).
#undef _PyObject_LookupSpecial
extern "C" [[gnu::visibility("default")]] PyObject* _PyObject_LookupSpecial(PyObject* self, PyObject* name) {
  PyObject* found = type_lookup(Py_TYPE(self), name);
  if (!found) return nullptr;
  descrgetfunc get = Py_TYPE(found)->tp_descr_get;
  if (!get) return borrow(found).release();
  return get(found, self, as_object(Py_TYPE(self)));
}
