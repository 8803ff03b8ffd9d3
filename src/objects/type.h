// What the runtime needs of types beyond the C API: attribute look-up through the method cache, calls of
// special methods, and the steps of type creation that several files share.
//
// The subject is spread over
//   type_lookup.cpp    method cache, version tags, invalidation
//   type_slots.cpp     the table of special methods: which name feeds which slot
//   type_dispatch.cpp  slot functions of Python classes, which call the special methods
//   type_wrappers.cpp  the other direction: Python-level methods around C slots
//   type_mro.cpp       linearization, best base, layouts, metaclass
//   type_ready.cpp     PyType_Ready: dict, bases, inheritance of slots
//   type_new.cpp       type.__new__
//   type_instances.cpp life and death of instances of Python classes
//   type_spec.cpp      PyType_FromSpec and its relatives
//   type_bases.cpp     assignment of __bases__ and __class__
//   type.cpp           the type `type` itself
#pragma once

#include <Python.h>

#include "base/names.h"
#include "base/result.h"
#include "objects/type_state.h"

extern "C" PyObject* _PyObject_Call_Prepend(PyThreadState* thread, PyObject* callable, PyObject* self, PyObject* args, PyObject* kwargs);

namespace gill {

// ---- look-up --------------------------------------------------------------------------------------

PyObject* type_lookup_uncached(PyTypeObject* type, PyObject* name);
// The same that neither asks nor fills the cache; on failure an exception is set.
PyObject* find_in_mro(PyTypeObject* type, PyObject* name, bool* failed);

// The attribute `name` along the type's MRO: borrowed from the type that holds it, null without an
// exception when absent. Never calls descriptors.
inline PyObject* type_lookup(PyTypeObject* type, PyObject* name) {
  if (PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)) [[likely]] {
    const MethodCacheEntry& entry = type_state().cache_entry(type->tp_version_tag, name);
    if (entry.version == type->tp_version_tag && entry.name == name) [[likely]] return entry.value;
  }
  return type_lookup_uncached(type, name);
}

// Gives the type a version tag unless it has one; false when tags are used up.
bool assign_version_tag(PyTypeObject* type);

// ---- special methods ------------------------------------------------------------------------------

// A special method of an object, found on its type. When `unbound`, `function` wants the object as first
// argument; otherwise it is bound already. An empty function means absent, or a failure if an exception is set.
struct SpecialMethod {
  Ref<> function;
  bool unbound = false;
  explicit operator bool() const { return static_cast<bool>(function); }
};

SpecialMethod lookup_special(PyObject* self, PyObject* name);
// The same when `found` is what the type has under the name.
SpecialMethod bind_special(PyObject* self, PyObject* found);

// Calls `method` with self and the arguments.
template <class... A>
Ref<> call_special(const SpecialMethod& method, PyObject* self, A*... arguments) {
  PyObject* stack[] = {nullptr, self, as_object(arguments)...};
  constexpr size_t count = sizeof...(A);
  if (method.unbound) return steal(PyObject_Vectorcall(method.function.get(), stack + 1, (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  return steal(PyObject_Vectorcall(method.function.get(), stack + 2, count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
}

// ---- structure ------------------------------------------------------------------------------------

inline PyHeapTypeObject* heap_part(PyTypeObject* type) { return reinterpret_cast<PyHeapTypeObject*>(type); }
inline bool is_heap_type(PyTypeObject* type) { return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE); }
inline PyMemberDef* heap_members(PyTypeObject* type) {
  return reinterpret_cast<PyMemberDef*>(reinterpret_cast<char*>(type) + Py_TYPE(type)->tp_basicsize);
}
inline bool has_managed_dict(PyTypeObject* type) { return PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT); }

// type_mro.cpp
PyTypeObject* best_base(PyObject* bases);
PyTypeObject* solid_base(PyTypeObject* type);
PyTypeObject* calculate_metaclass(PyTypeObject* metatype, PyObject* bases);
Ref<> linearize(PyTypeObject* type);              // type.mro()
Status compute_mro(PyTypeObject* type, Ref<>* old_mro);
bool extra_instance_variables(PyTypeObject* type, PyTypeObject* base);

// type_slots.cpp
Status add_slot_wrappers(PyTypeObject* type);     // __add__ etc. for the slots a static type fills
void fill_slots_from_dict(PyTypeObject* type);    // the slots of a class from its special methods
void update_slot(PyTypeObject* type, PyObject* name);  // after assignment of one attribute, subclasses too
void update_all_slots(PyTypeObject* type);

// type_ready.cpp
void inherit_slots(PyTypeObject* type, PyTypeObject* base);
Status add_methods(PyTypeObject* type, PyMethodDef* methods);
Status add_members(PyTypeObject* type, PyMemberDef* members);
Status add_getsets(PyTypeObject* type, PyGetSetDef* getsets);

// type_instances.cpp
void subtype_dealloc(PyObject* self);
int subtype_traverse(PyObject* self, visitproc visit, void* arg);
int subtype_clear(PyObject* self);
extern const PyGetSetDef kSubtypeGetSets[];       // __dict__, __weakref__
PyGetSetDef* subtype_getsets(bool dict, bool weakref);

// type_new.cpp
PyObject* type_new(PyTypeObject* metatype, PyObject* args, PyObject* kwargs);

// type_bases.cpp
Status set_bases(PyTypeObject* type, PyObject* bases);
Status set_class(PyObject* self, PyObject* value);
void forget_subclass(PyTypeObject* base, PyTypeObject* type);
Status remember_subclass(PyTypeObject* base, PyTypeObject* type);

// type.cpp
PyObject* type_getattro(PyObject* type, PyObject* name);
// Puts a class's own dict over those of its bases into a dict, as dir() wants them.
Status merge_class_dict(PyObject* dict, PyObject* klass);

Ref<> type_name_of(PyTypeObject* type);
Ref<> type_module_of(PyTypeObject* type);
Ref<> type_qualname_of(PyTypeObject* type);

// context.cpp
Status initialize_context_types();

// object_type.cpp
PyObject* object_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);
int object_init(PyObject* self, PyObject* args, PyObject* kwargs);

}  // namespace gill
