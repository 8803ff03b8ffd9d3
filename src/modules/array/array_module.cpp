// The array module: construction of arrays and the module's table.
#include "modules/array/array.h"

#include <cstring>

#include "modules/module_state.h"

namespace gill::array {
namespace {

extern PyModuleDef definition;

PyType_Spec array_spec = {"array.array", sizeof(ArrayObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_SEQUENCE,
                          const_cast<PyType_Slot*>(kArraySlots)};
PyType_Spec iterator_spec = {"array.arrayiterator", sizeof(PyObject) + sizeof(Py_ssize_t) + sizeof(PyObject*), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                             const_cast<PyType_Slot*>(kIteratorSlots)};

// Initializers whose items are taken directly; all others are iterated over.
bool is_direct(State& state, PyObject* initial, int code) {
  return PyList_Check(initial) || PyTuple_Check(initial) || PyBytes_Check(initial) || PyByteArray_Check(initial) ||
         (code == 'u' && PyUnicode_Check(initial)) ||
         (is_array(state, initial) && reinterpret_cast<ArrayObject*>(initial)->descriptor->code == code);
}

Ref<> make_array(PyTypeObject* type, int code, PyObject* initial) {
  State& state = state_of_type(type);
  if (PySys_Audit("array.__new__", "CO", code, initial ? initial : Py_None) < 0) return failure;
  if (initial && code != 'u') {
    if (PyUnicode_Check(initial)) return raise(PyExc_TypeError, "cannot use a str to initialize an array with typecode '%c'", code);
    if (is_array(state, initial) && reinterpret_cast<ArrayObject*>(initial)->descriptor->code == 'u') {
      return raise(PyExc_TypeError, "cannot use a unicode array to initialize an array with typecode '%c'", code);
    }
  }
  Ref<> iterator;
  if (initial && !is_direct(state, initial, code)) {
    iterator = TRY(steal(PyObject_GetIter(initial)));
    initial = nullptr;
  }
  const Descriptor* descriptor = find_descriptor(code);
  if (!descriptor) return raise(PyExc_ValueError, "bad typecode (must be b, B, u, h, H, i, I, l, L, q, Q, f or d)");

  bool sequence = initial && (PyList_Check(initial) || PyTuple_Check(initial));
  bool same_kind = initial && !sequence && is_array(state, initial);
  bool text = initial && PyUnicode_Check(initial);
  Py_ssize_t n = sequence || same_kind ? Py_SIZE(initial) : text ? TRY(checked(PyUnicode_AsWideChar(initial, nullptr, 0))) - 1 : 0;
  Ref<ArrayObject> self = TRY(new_array(type, n, descriptor));
  if (sequence) {
    for (Py_ssize_t i = 0; i < length_of(self.get()); ++i) {
      Ref<> value = TRY(steal(PySequence_GetItem(initial, i)));
      TRY(set_item(self.get(), i, value.get()));
    }
  } else if (same_kind) {
    if (Py_SIZE(initial) > 0) std::memcpy(self->items, reinterpret_cast<ArrayObject*>(initial)->items, bytes_for(self.get(), Py_SIZE(initial)));
  } else if (text) {
    PyUnicode_AsWideChar(initial, reinterpret_cast<wchar_t*>(self->items), n);
  } else if (initial) {
    TRY(append_bytes(self.get(), initial));
  } else if (iterator) {
    TRY(extend_by_iterating(self.get(), iterator.get()));
  }
  return self;
}

const PyMethodDef kFunctions[] = {
    METHOD("_array_reconstructor($module, arraytype, typecode, mformat_code, items,\n                     /)", reconstruct, "Internal. Used for pickling support."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State& state = state_of(module);
  state.array_type = reinterpret_cast<PyTypeObject*>(TRY(PyType_FromModuleAndSpec(module, &array_spec, nullptr)));
  state.iterator_type = reinterpret_cast<PyTypeObject*>(TRY(PyType_FromModuleAndSpec(module, &iterator_spec, nullptr)));
  TRY(status_of(PyModule_AddObjectRef(module, "ArrayType", as_object(state.array_type))));
  TRY(status_of(PyModule_AddType(module, state.array_type)));
  Ref<> abc = TRY(steal(PyImport_ImportModule("collections.abc")));
  Ref<> sequence = TRY(steal(PyObject_GetAttr(abc.get(), name<"MutableSequence">)));
  Ref<> registered = TRY(steal(PyObject_CallMethodOneArg(sequence.get(), name<"register">, as_object(state.array_type))));
  char codes[32];
  size_t n = 0;
  for (const Descriptor* d = descriptors_begin(); d != descriptors_end(); ++d) codes[n++] = d->code;
  Ref<> typecodes = TRY(steal(PyUnicode_FromStringAndSize(codes, static_cast<Py_ssize_t>(n))));
  return PyModule_AddObjectRef(module, "typecodes", typecodes.get());
}

using Owned = ModuleFields<&State::array_type, &State::iterator_type, &State::reconstructor>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "array",
    .m_doc = "Arrays of numbers or characters of one C type each, in little memory.\n\n"
             "They behave like lists whose items' type is constrained.\n",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

State& state_of(PyObject* module) { return *static_cast<State*>(PyModule_GetState(module)); }
State& state_of_type(PyTypeObject* type) {
  // The type itself, most of the time.
  if (auto* heap = reinterpret_cast<PyHeapTypeObject*>(type); heap->ht_module && PyModule_GetDef(heap->ht_module) == &definition) {
    return state_of(heap->ht_module);
  }
  return state_of(PyType_GetModuleByDef(type, &definition));
}

PyObject* array_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  State& state = state_of_type(type);
  // A subclass with an initializer of its own may take keywords.
  if ((type == state.array_type || type->tp_init == state.array_type->tp_init) && kwargs && PyDict_GET_SIZE(kwargs)) {
    return raise(PyExc_TypeError, "array.array() takes no keyword arguments");
  }
  PyObject* initial = nullptr;
  int code;
  if (!PyArg_ParseTuple(args, "C|O:array", &code, &initial)) return nullptr;
  return as_object(make_array(type, code, initial).release());
}

PyMODINIT_FUNC PyInit_array() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("array", PyInit_array);

}  // namespace gill::array
