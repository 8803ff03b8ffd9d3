// threading.local: an object with a dict of its own in each thread.
//
// The local owns the dicts, keyed by the number of the thread state (numbers are never used again), so that a cycle through a dict
// can be collected. A thread that ends must take its dicts along: its thread-state dict owns a registry with weak references to the
// locals it used, which removes the thread's number from each when it goes. The dict of the thread that asked last is remembered.
#include <Python.h>
#include <structmember.h>

#include <algorithm>

#include "base/binding.h"
#include "base/names.h"
#include "modules/thread_module.h"
#include "runtime/thread_state.h"

namespace gill {
namespace {

struct LocalObject {
  PyObject_HEAD
  PyObject* args;    // of __init__ in each thread; null when there are none
  PyObject* kwargs;
  PyObject* dicts;   // thread number to dict
  PyObject* weak_references;
  uint64_t last_thread;
  PyObject* last_dict;  // borrowed from `dicts`
};
using Fields = HeapTypeFields<&LocalObject::args, &LocalObject::kwargs, &LocalObject::dicts>;

// Lives in the dict of a thread state, and only there.
struct RegistryObject {
  PyObject_HEAD
  PyObject* locals;  // list of weak references
  Py_ssize_t limit;  // of entries, before the dead ones are taken out
  uint64_t thread;
};

inline constexpr Py_ssize_t kFirstLimit = 16;

uint64_t this_thread() { return current_thread()->id; }

void forget_thread(LocalObject* self, uint64_t thread) {
  if (self->last_thread == thread) {
    self->last_thread = 0;
    self->last_dict = nullptr;
  }
  if (!self->dicts) return;
  Ref<> number = steal(PyLong_FromUnsignedLongLong(thread));
  Ref<> removed = number ? steal(_PyDict_Pop(self->dicts, number.get(), Py_None)) : Ref<>();
  if (!removed) PyErr_Clear();
}

// ---- the registry of a thread -------------------------------------------------------------------------

void registry_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<RegistryObject*>(object);
  Ref<> locals = steal(std::exchange(self->locals, nullptr));
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  for (Py_ssize_t i = 0; locals && i < PyList_GET_SIZE(locals.get()); ++i) {
    Ref<> local = borrow(PyWeakref_GET_OBJECT(PyList_GET_ITEM(locals.get(), i)));
    if (local.get() != Py_None) forget_thread(reinterpret_cast<LocalObject*>(local.get()), self->thread);
  }
  locals.reset();
  PyErr_Restore(type, value, traceback);
  PyTypeObject* own_type = Py_TYPE(object);
  own_type->tp_free(object);
  release(as_object(own_type));
}

const PyType_Slot kRegistrySlots[] = {
    {Py_tp_dealloc, (void*)registry_dealloc},
    {Py_tp_doc, (void*)"Thread-local dummy"},
    {0, nullptr},
};
PyType_Spec registry_spec = {"_thread._localdummy", sizeof(RegistryObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, table(kRegistrySlots)};

// Borrowed from the dict of the thread state.
RegistryObject* registry_of_thread(ThreadModuleState* state) {
  PyObject* dict = PyThreadState_GetDict();
  if (!dict) return raise(PyExc_SystemError, "Couldn't get thread-state dictionary");
  PyObject* found = PyDict_GetItemWithError(dict, name<"_thread._localdummy">);
  if (found || PyErr_Occurred()) return reinterpret_cast<RegistryObject*>(found);
  PyTypeObject* type = state->local_registry_type;
  Ref<RegistryObject> made = TRY(steal(reinterpret_cast<RegistryObject*>(type->tp_alloc(type, 0))));
  made->limit = kFirstLimit;
  made->thread = this_thread();
  made->locals = TRY(steal(PyList_New(0))).release();
  if (PyDict_SetItem(dict, name<"_thread._localdummy">, made.object()) < 0) return nullptr;
  return made.get();
}

Status enter_registry(ThreadModuleState* state, PyObject* local) {
  RegistryObject* registry = TRY(registry_of_thread(state));
  PyObject* list = registry->locals;
  if (PyList_GET_SIZE(list) >= registry->limit) {
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
      if (PyWeakref_GET_OBJECT(PyList_GET_ITEM(list, i)) == Py_None) continue;
      std::swap(reinterpret_cast<PyListObject*>(list)->ob_item[kept++], reinterpret_cast<PyListObject*>(list)->ob_item[i]);
    }
    registry->limit = std::max(kFirstLimit, kept * 2);
    TRY(status_of(PyList_SetSlice(list, kept, PyList_GET_SIZE(list), nullptr)));
  }
  Ref<> weak = TRY(steal(PyWeakref_NewRef(local, nullptr)));
  return status_of(PyList_Append(list, weak.get()));
}

// ---- the local ------------------------------------------------------------------------------------------

ThreadModuleState* state_of(PyTypeObject* type);

// A dict for this thread, entered into both sides. Borrowed from the local.
PyObject* create_dict(LocalObject* self, ThreadModuleState* state, uint64_t thread) {
  Ref<> dict = TRY(steal(PyDict_New()));
  if (!self->dicts) self->dicts = TRY(steal(PyDict_New())).release();
  TRY(enter_registry(state, as_object(self)));
  Ref<> number = TRY(steal(PyLong_FromUnsignedLongLong(thread)));
  if (PyDict_SetItem(self->dicts, number.get(), dict.get()) < 0) return nullptr;
  self->last_thread = thread;
  self->last_dict = dict.get();
  return dict.get();
}

// The dict of this thread, made and initialized on first use. Borrowed from the local.
PyObject* dict_of(LocalObject* self) {
  uint64_t thread = this_thread();
  if (self->last_thread == thread) [[likely]] return self->last_dict;
  if (self->dicts) {
    Ref<> number = TRY(steal(PyLong_FromUnsignedLongLong(thread)));
    PyObject* dict = PyDict_GetItemWithError(self->dicts, number.get());
    if (dict) {
      self->last_thread = thread;
      return self->last_dict = dict;
    }
    if (PyErr_Occurred()) return nullptr;
  }
  PyTypeObject* type = Py_TYPE(as_object(self));
  PyObject* dict = create_dict(self, TRY(state_of(type)), thread);
  if (!dict) return nullptr;
  if (type->tp_init != PyBaseObject_Type.tp_init) {
    Ref<> no_args;
    if (!self->args) no_args = TRY(steal(PyTuple_New(0)));
    if (type->tp_init(as_object(self), self->args ? self->args : no_args.get(), self->kwargs) < 0) {
      // As if it had never been used here: the next use tries again.
      PyObject *error, *value, *traceback;
      PyErr_Fetch(&error, &value, &traceback);
      forget_thread(self, thread);
      PyErr_Restore(error, value, traceback);
      return nullptr;
    }
    // Other threads may have run meanwhile.
    self->last_thread = thread;
    self->last_dict = dict;
  }
  return dict;
}

PyObject* local_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (type->tp_init == PyBaseObject_Type.tp_init) {
    int given = args ? PyObject_IsTrue(args) : 0;
    if (given == 0 && kwargs) given = PyObject_IsTrue(kwargs);
    if (given < 0) return nullptr;
    if (given) return raise(PyExc_TypeError, "Initialization arguments are not supported");
  }
  ThreadModuleState* state = TRY(state_of(type));
  Ref<LocalObject> self = TRY(steal(reinterpret_cast<LocalObject*>(type->tp_alloc(type, 0))));
  self->args = borrow(args).release();
  self->kwargs = borrow(kwargs).release();
  // This thread's __init__ is called by whoever calls the class.
  if (!create_dict(self.get(), state, this_thread())) return nullptr;
  return as_object(self.release());
}

int local_clear(PyObject* object) {
  auto* self = reinterpret_cast<LocalObject*>(object);
  self->last_thread = 0;
  self->last_dict = nullptr;
  return Fields::clear(object);
}

void local_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<LocalObject*>(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references) PyObject_ClearWeakRefs(object);
  local_clear(object);
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  release(as_object(type));
}

bool is_dict_name(PyObject* attribute) {
  return attribute == name<"__dict__"> || (PyUnicode_Check(attribute) && _PyUnicode_EqualToASCIIString(attribute, "__dict__"));
}

PyObject* local_getattro(PyObject* object, PyObject* attribute) {
  // Finalizers may take the dict away under us.
  Ref<> dict = borrow(TRY(dict_of(reinterpret_cast<LocalObject*>(object))));
  if (is_dict_name(attribute)) return dict.release();
  return _PyObject_GenericGetAttrWithDict(object, attribute, dict.get(), 0);
}

int local_setattro(PyObject* object, PyObject* attribute, PyObject* value) {
  Ref<> dict = borrow(TRY(dict_of(reinterpret_cast<LocalObject*>(object))));
  if (is_dict_name(attribute)) {
    return raise(PyExc_AttributeError, "'%.50s' object attribute '%U' is read-only", Py_TYPE(object)->tp_name, attribute);
  }
  return _PyObject_GenericSetAttrWithDict(object, attribute, value, dict.get());
}

const PyMemberDef kLocalMembers[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LocalObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
const PyType_Slot kLocalSlots[] = {
    {Py_tp_dealloc, (void*)local_dealloc},   {Py_tp_getattro, (void*)local_getattro},   {Py_tp_setattro, (void*)local_setattro},
    {Py_tp_doc, (void*)"Thread-local data"}, {Py_tp_traverse, (void*)Fields::traverse}, {Py_tp_clear, (void*)local_clear},
    {Py_tp_new, (void*)local_new},           {Py_tp_members, (void*)kLocalMembers},     {0, nullptr},
};
PyType_Spec local_spec = {"_thread._local", sizeof(LocalObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, table(kLocalSlots)};

// The module that made `_local`, from a subclass.
ThreadModuleState* state_of(PyTypeObject* type) {
  for (; type; type = type->tp_base) {
    if (type->tp_dealloc == local_dealloc) return thread_module_state(reinterpret_cast<PyHeapTypeObject*>(type)->ht_module);
  }
  return raise(PyExc_SystemError, "_thread._local without its module");
}

}  // namespace

Status add_local_type(PyObject* module, ThreadModuleState* state) {
  state->local_registry_type = reinterpret_cast<PyTypeObject*>(TRY(steal(PyType_FromModuleAndSpec(module, &registry_spec, nullptr))).release());
  state->local_type = reinterpret_cast<PyTypeObject*>(TRY(steal(PyType_FromModuleAndSpec(module, &local_spec, nullptr))).release());
  return status_of(PyModule_AddType(module, state->local_type));
}

}  // namespace gill
