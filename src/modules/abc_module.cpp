// The _abc module: what abc.ABCMeta does for registration and subclass checks.
//
// Each abstract base class has an `_abc_impl` object with weak sets: classes registered as virtual subclasses, classes known to be subclasses,
// and classes known not to be. The last set is valid for one value of a counter that every registration anywhere raises.
#include "modules/abc_module.h"

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"
#include "objects/object.h"

namespace gill {

namespace {

struct AbcData {
  PyObject_HEAD
  PyObject* registry;
  PyObject* cache;
  PyObject* negative_cache;
  unsigned long long negative_version;
};

using Fields = HeapTypeFields<&AbcData::registry, &AbcData::cache, &AbcData::negative_cache>;

struct State {
  PyTypeObject* data_type;
  unsigned long long invalidation_counter;
};

State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// ---- the data object ------------------------------------------------------------------------------------

void data_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* type = Py_TYPE(self);
  Fields::clear(self);
  type->tp_free(self);
  release(as_object(type));
}

PyObject* data_new(PyTypeObject* type, PyObject*, PyObject*) { return type->tp_alloc(type, 0); }

const PyType_Slot kDataSlots[] = {
    {Py_tp_doc, (void*)"Internal state held by ABC machinery."},
    {Py_tp_new, (void*)data_new},
    {Py_tp_dealloc, (void*)data_dealloc},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)Fields::clear},
    {0, nullptr},
};
PyType_Spec data_spec = {"_abc._abc_data", sizeof(AbcData), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, const_cast<PyType_Slot*>(kDataSlots)};

Ref<AbcData> data_of(PyObject* module, PyObject* klass) {
  Ref<> data = TRY(attribute(klass, name<"_abc_impl">));
  if (!Py_IS_TYPE(data.get(), state_of(module)->data_type)) return raise(PyExc_TypeError, "_abc_impl is set to a wrong type");
  return std::move(data).cast<AbcData>();
}

// ---- weak sets --------------------------------------------------------------------------------------------

Maybe<bool> in_weak_set(PyObject* set, PyObject* object) {
  if (!set || PySet_GET_SIZE(set) == 0) return false;
  Ref<> reference = steal(PyWeakref_NewRef(object, nullptr));
  if (!reference) {
    // What cannot be referenced weakly cannot be in there.
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return failure;
    PyErr_Clear();
    return false;
  }
  return truth_of(PySet_Contains(set, reference.get()));
}

// The callback of the references: takes the dead one out. Its self is a weak reference to the set.
PyObject* forget(PyObject* weak_set, PyObject* reference) {
  PyObject* set = PyWeakref_GET_OBJECT(weak_set);
  if (set == Py_None) return none().release();
  Ref<> hold = borrow(set);
  if (PySet_Discard(set, reference) < 0) return nullptr;
  return none().release();
}
const PyMethodDef kForget = {"_destroy", forget, METH_O, nullptr};

Status add_to_weak_set(PyObject** slot, PyObject* object) {
  if (!*slot) *slot = TRY(steal(PySet_New(nullptr))).release();
  Ref<> weak_set = TRY(steal(PyWeakref_NewRef(*slot, nullptr)));
  Ref<> callback = TRY(steal(PyCFunction_NewEx(const_cast<PyMethodDef*>(&kForget), weak_set.get(), nullptr)));
  Ref<> reference = TRY(steal(PyWeakref_NewRef(object, callback.get())));
  return status_of(PySet_Add(*slot, reference.get()));
}

// ---- abstract methods ---------------------------------------------------------------------------------------

Status compute_abstract_methods(PyObject* klass) {
  Ref<> abstracts = TRY(steal(PyFrozenSet_New(nullptr)));
  Ref<> dict = TRY(attribute(klass, name<"__dict__">));
  Ref<> items = TRY(steal(PyMapping_Items(dict.get())));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
    Ref<> pair = TRY(steal(PySequence_Tuple(PyList_GET_ITEM(items.get(), i))));
    if (PyTuple_GET_SIZE(pair.get()) != 2) return raise(PyExc_TypeError, "Iteration over dict items returned wrong number of values");
    if (TRY(truth_of(_PyObject_IsAbstract(PyTuple_GET_ITEM(pair.get(), 1))))) {
      TRY(status_of(PySet_Add(abstracts.get(), PyTuple_GET_ITEM(pair.get(), 0))));
    }
  }
  Ref<> bases = TRY(attribute(klass, name<"__bases__">));
  if (!PyTuple_Check(bases.get())) return raise(PyExc_TypeError, "__bases__ is not tuple");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases.get()); ++i) {
    bool failed;
    Ref<> inherited = optional_attribute(PyTuple_GET_ITEM(bases.get(), i), name<"__abstractmethods__">, &failed);
    if (failed) return Status::error;
    if (!inherited) continue;
    Ref<> iterator = TRY(steal(PyObject_GetIter(inherited.get())));
    while (Ref<> key = steal(PyIter_Next(iterator.get()))) {
      Ref<> value = optional_attribute(klass, key.get(), &failed);
      if (failed) return Status::error;
      if (value && TRY(truth_of(_PyObject_IsAbstract(value.get())))) TRY(status_of(PySet_Add(abstracts.get(), key.get())));
    }
    if (PyErr_Occurred()) return Status::error;
  }
  return status_of(PyObject_SetAttr(klass, name<"__abstractmethods__">, abstracts.get()));
}

constexpr unsigned long kCollectionFlags = Py_TPFLAGS_SEQUENCE | Py_TPFLAGS_MAPPING;

Status abc_init(PyObject* module, PyObject* klass) {
  TRY(compute_abstract_methods(klass));
  Ref<AbcData> data = TRY(steal(reinterpret_cast<AbcData*>(state_of(module)->data_type->tp_alloc(state_of(module)->data_type, 0))));
  data->negative_version = state_of(module)->invalidation_counter;
  TRY(status_of(PyObject_SetAttr(klass, name<"_abc_impl">, data.object())));
  if (!PyType_Check(klass)) return Status::ok;
  // Sequence and Mapping mark their subclasses for pattern matching.
  auto* type = reinterpret_cast<PyTypeObject*>(klass);
  PyObject* flags = PyDict_GetItemWithError(type->tp_dict, name<"__abc_tpflags__">);
  if (!flags) return PyErr_Occurred() ? Status::error : Status::ok;
  if (!PyLong_CheckExact(flags)) return Status::ok;
  unsigned long value = TRY(checked(PyLong_AsUnsignedLong(flags)));
  if ((value & kCollectionFlags) == kCollectionFlags) {
    return raise(PyExc_TypeError, "__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING");
  }
  type->tp_flags |= value & kCollectionFlags;
  return status_of(PyDict_DelItem(type->tp_dict, name<"__abc_tpflags__">));
}

void mark_collection(PyTypeObject* type, unsigned long flag) {
  if (PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE) || (type->tp_flags & kCollectionFlags) == flag) return;
  type->tp_flags = (type->tp_flags & ~kCollectionFlags) | flag;
  Ref<> subclasses = call_method(as_object(type), name<"__subclasses__">);
  if (!subclasses) {
    PyErr_Clear();
    return;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(subclasses.get()); ++i) {
    PyObject* subclass = PyList_GET_ITEM(subclasses.get(), i);
    if (PyType_Check(subclass)) mark_collection(reinterpret_cast<PyTypeObject*>(subclass), flag);
  }
}

Ref<> abc_register(PyObject* module, PyObject* klass, PyObject* subclass) {
  if (!PyType_Check(subclass)) return raise(PyExc_TypeError, "Can only register classes");
  if (TRY(truth_of(PyObject_IsSubclass(subclass, klass)))) return borrow(subclass);
  // issubclass() again, the other way round: a cycle would recurse for ever.
  if (TRY(truth_of(PyObject_IsSubclass(klass, subclass)))) return raise(PyExc_RuntimeError, "Refusing to create an inheritance cycle");
  Ref<AbcData> data = TRY(data_of(module, klass));
  TRY(add_to_weak_set(&data->registry, subclass));
  ++state_of(module)->invalidation_counter;
  if (PyType_Check(klass)) {
    unsigned long flag = reinterpret_cast<PyTypeObject*>(klass)->tp_flags & kCollectionFlags;
    if (flag) mark_collection(reinterpret_cast<PyTypeObject*>(subclass), flag);
  }
  return borrow(subclass);
}

// ---- checks ---------------------------------------------------------------------------------------------------

Ref<> abc_instancecheck(PyObject* module, PyObject* klass, PyObject* instance) {
  Ref<AbcData> data = TRY(data_of(module, klass));
  Ref<> subclass = TRY(attribute(instance, name<"__class__">));
  if (TRY(in_weak_set(data->cache, subclass.get()))) return borrow(Py_True);
  PyObject* subtype = as_object(Py_TYPE(instance));
  if (subtype == subclass.get()) {
    if (data->negative_version == state_of(module)->invalidation_counter && TRY(in_weak_set(data->negative_cache, subclass.get()))) {
      return borrow(Py_False);
    }
    return call_method(klass, name<"__subclasscheck__">, subclass.get());
  }
  Ref<> result = TRY(call_method(klass, name<"__subclasscheck__">, subclass.get()));
  if (TRY(truth_of(PyObject_IsTrue(result.get())))) return result;
  return call_method(klass, name<"__subclasscheck__">, subtype);
}

Maybe<bool> is_registered(AbcData* data, PyObject* subclass) {
  if (!data->registry) return false;
  if (TRY(in_weak_set(data->registry, subclass))) return true;
  // The checks run Python code that may change the registry.
  Ref<> references = TRY(steal(PySequence_List(data->registry)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(references.get()); ++i) {
    Ref<> registered = borrow(PyWeakref_GET_OBJECT(PyList_GET_ITEM(references.get(), i)));
    if (registered.get() != Py_None && TRY(truth_of(PyObject_IsSubclass(subclass, registered.get())))) return true;
  }
  return false;
}

Maybe<bool> abc_subclasscheck(PyObject* module, PyObject* klass, PyObject* subclass) {
  if (!PyType_Check(subclass)) return raise(PyExc_TypeError, "issubclass() arg 1 must be a class");
  Ref<AbcData> data = TRY(data_of(module, klass));
  if (TRY(in_weak_set(data->cache, subclass))) return true;
  State* state = state_of(module);
  if (data->negative_version < state->invalidation_counter) {
    if (data->negative_cache && PySet_Clear(data->negative_cache) < 0) return failure;
    data->negative_version = state->invalidation_counter;
  } else if (TRY(in_weak_set(data->negative_cache, subclass))) {
    return false;
  }
  auto positive = [&]() -> Maybe<bool> {
    TRY(add_to_weak_set(&data->cache, subclass));
    return true;
  };
  auto negative = [&]() -> Maybe<bool> {
    TRY(add_to_weak_set(&data->negative_cache, subclass));
    return false;
  };

  Ref<> answer = TRY(call_method(klass, name<"__subclasshook__">, subclass));
  if (answer.get() == Py_True) return positive();
  if (answer.get() == Py_False) return negative();
  if (answer.get() != Py_NotImplemented) {
    return raise(PyExc_AssertionError, "__subclasshook__ must return either False, True, or NotImplemented");
  }
  if (PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(subclass), reinterpret_cast<PyTypeObject*>(klass))) return positive();
  if (TRY(is_registered(data.get(), subclass))) return positive();
  Ref<> subclasses = TRY(call_method(klass, name<"__subclasses__">));
  if (!PyList_Check(subclasses.get())) return raise(PyExc_TypeError, "__subclasses__() must return a list");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(subclasses.get()); ++i) {
    Ref<> each = borrow(PyList_GET_ITEM(subclasses.get(), i));
    if (TRY(truth_of(PyObject_IsSubclass(subclass, each.get())))) return positive();
  }
  return negative();
}

Status reset_registry(PyObject* module, PyObject* klass) {
  Ref<AbcData> data = TRY(data_of(module, klass));
  return data->registry ? status_of(PySet_Clear(data->registry)) : Status::ok;
}

Status reset_caches(PyObject* module, PyObject* klass) {
  Ref<AbcData> data = TRY(data_of(module, klass));
  if (data->cache) TRY(status_of(PySet_Clear(data->cache)));
  return data->negative_cache ? status_of(PySet_Clear(data->negative_cache)) : Status::ok;
}

Ref<> get_dump(PyObject* module, PyObject* klass) {
  Ref<AbcData> data = TRY(data_of(module, klass));
  Ref<> registry = TRY(steal(PySet_New(data->registry)));
  Ref<> cache = TRY(steal(PySet_New(data->cache)));
  Ref<> negative = TRY(steal(PySet_New(data->negative_cache)));
  return steal(Py_BuildValue("NNNK", registry.release(), cache.release(), negative.release(), data->negative_version));
}

Maybe<unsigned long long> get_cache_token(PyObject* module) { return state_of(module)->invalidation_counter; }

const PyMethodDef kMethods[] = {
    METHOD("get_cache_token($module, /)", get_cache_token,
           "Returns the current ABC cache token.\n\nThe token is an opaque object (supporting equality testing) identifying the\ncurrent version of the ABC "
           "cache for virtual subclasses. The token changes\nwith every call to register() on any ABC."),
    METHOD("_abc_init($module, self, /)", abc_init, "Internal ABC helper for class set-up. Should be never used outside abc module."),
    METHOD("_reset_registry($module, self, /)", reset_registry, "Internal ABC helper to reset registry of a given class.\n\nShould be only used by refleak.py"),
    METHOD("_reset_caches($module, self, /)", reset_caches, "Internal ABC helper to reset both caches of a given class.\n\nShould be only used by refleak.py"),
    METHOD("_get_dump($module, self, /)", get_dump,
           "Internal ABC helper for cache and registry debugging.\n\nReturn shallow copies of registry, of both caches, and\nnegative cache version. Don't call "
           "this function directly,\ninstead use ABC._dump_registry() for a nice repr."),
    METHOD("_abc_register($module, self, subclass, /)", abc_register, "Internal ABC helper for subclasss registration. Should be never used outside abc module."),
    METHOD("_abc_instancecheck($module, self, instance, /)", abc_instancecheck, "Internal ABC helper for instance checks. Should be never used outside abc module."),
    METHOD("_abc_subclasscheck($module, self, subclass, /)", abc_subclasscheck, "Internal ABC helper for subclasss checks. Should be never used outside abc module."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  state_of(module)->data_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &data_spec, nullptr));
  return state_of(module)->data_type ? 0 : -1;
}

using Owned = ModuleFields<&State::data_type>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_abc",
    .m_doc = "Module contains faster C implementation of abc.ABCMeta",
    .m_size = sizeof(State),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

bool is_registry_callback(PyObject* callable) { return PyCFunction_CheckExact(callable) && PyCFunction_GET_FUNCTION(callable) == forget; }

}  // namespace gill

PyMODINIT_FUNC PyInit__abc() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_abc", PyInit__abc);
}  // namespace gill
