// The _functools module: reduce and cmp_to_key here, partial and the cache in files of their own.
#include "modules/functools/functools.h"

#include <structmember.h>

#include "modules/module_state.h"
#include "objects/object.h"

namespace gill::functools {

namespace {

// ---- reduce ----------------------------------------------------------------------------------------

Ref<> reduce(PyObject*, PyObject* function, PyObject* iterable, PyObject* initial) {
  Ref<> iterator = steal(PyObject_GetIter(iterable));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_SetString(PyExc_TypeError, "reduce() arg 2 must support iteration");
    return nullptr;
  }
  Ref<> result = borrow(initial);
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    result = result ? TRY(call(function, result.get(), item.get())) : std::move(item);
  }
  if (PyErr_Occurred()) return nullptr;
  if (!result) return raise(PyExc_TypeError, "reduce() of empty iterable with no initial value");
  return result;
}

// ---- keys that compare by a function -----------------------------------------------------------------

struct Key {
  PyObject_HEAD
  PyObject* compare;
  PyObject* object;
};

using Fields = HeapTypeFields<&Key::compare, &Key::object>;

Ref<> make_key(PyTypeObject* type, PyObject* compare, PyObject* object) {
  Ref<Key> key = TRY(Ref<Key>::steal(PyObject_GC_New(Key, type)));
  key->compare = borrow(compare).release();
  key->object = borrow(object).release();
  PyObject_GC_Track(key.object());
  return key;
}

Ref<> key_call(Key* self, PyObject* object) { return make_key(Py_TYPE(self), self->compare, object); }

Ref<> key_compare(Key* self, PyObject* other_object, int op) {
  if (!Py_IS_TYPE(other_object, Py_TYPE(self))) return raise(PyExc_TypeError, "other argument must be K instance");
  auto* other = reinterpret_cast<Key*>(other_object);
  if (!self->object || !other->object) return raise(PyExc_AttributeError, "object");
  Ref<> compare = borrow(self->compare);
  Ref<> left = borrow(self->object);
  Ref<> right = borrow(other->object);
  Ref<> order = TRY(call(compare.get(), left.get(), right.get()));
  Ref<> zero = TRY(steal(PyLong_FromLong(0)));
  return steal(PyObject_RichCompare(order.get(), zero.get(), op));
}

// The function was there before the key: no cycle hangs on it, and a key can be called as long as it lives.
int key_clear(PyObject* self) {
  clear_field(reinterpret_cast<Key*>(self)->object);
  return 0;
}

void key_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Fields::clear(object);
  type->tp_free(object);
  release(as_object(type));
}

const PyMemberDef kKeyMembers[] = {
    {"obj", T_OBJECT, offsetof(Key, object), 0, "Value wrapped by a key function."},
    {},
};

const PyType_Slot kKeySlots[] = {
    {Py_tp_dealloc, (void*)key_dealloc},
    {Py_tp_call, (void*)CALL_SLOT("K($self, obj)", key_call)},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)key_clear},
    {Py_tp_richcompare, (void*)slot<key_compare>},
    {Py_tp_hash, (void*)PyObject_HashNotImplemented},
    {Py_tp_members, (void*)kKeyMembers},
    {0, nullptr},
};
PyType_Spec key_spec = {"functools.KeyWrapper", sizeof(Key), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                        const_cast<PyType_Slot*>(kKeySlots)};

}  // namespace

Ref<> cmp_to_key(PyObject* module, PyObject* compare) { return make_key(state_of(module)->key_type, compare, nullptr); }

Status add_key(PyObject* module) {
  state_of(module)->key_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &key_spec, nullptr)));
  return Status::ok;
}

// ---- the module ----------------------------------------------------------------------------------------

namespace {

const PyMethodDef kFunctions[] = {
    METHOD_OF_TUPLE("reduce($module, function, iterable, initial=<unrepresentable>, /)", reduce,
                    "reduce(function, iterable[, initial]) -> value\n\n"
                    "Apply a function of two arguments to the items of an iterable, from left to right,\n"
                    "so as to reduce them to a single value."),
    METHOD_UNSIGNED("cmp_to_key($module, mycmp)", cmp_to_key, "Convert a cmp= function into a key= function."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State* state = state_of(module);
  state->keyword_mark = TRY(PyObject_CallNoArgs(as_object(&PyBaseObject_Type)));
  TRY(add_partial(module));
  TRY(add_cache(module));
  TRY(add_key(module));
  return 0;
}

using Owned = ModuleFields<&State::keyword_mark, &State::partial_type, &State::key_type, &State::cache_type, &State::link_type>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};

}  // namespace

PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_functools",
    .m_doc = "Tools that operate on functions.",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

PyMODINIT_FUNC PyInit__functools() { return PyModuleDef_Init(&module_definition); }
GILL_BUILTIN_MODULE("_functools", PyInit__functools);

}  // namespace gill::functools
