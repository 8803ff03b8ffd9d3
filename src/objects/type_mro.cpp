// The order in which a type's bases are searched, and which base decides how instances are laid out.
//
// The MRO is the C3 linearization: a class, then a merge of its bases' MROs and of the list of bases that keeps the
// order of each of them; where no such order exists the class is refused. A metaclass may compute another one by
// overriding mro().
//
// Each class has one `tp_base` whose C structure its instances extend. The "solid" base of a type is the nearest type along tp_base
// whose structure has fields of its own (a dict or weak reference slot at the end does not count). Among several bases
// the one with the most derived solid base wins; two solid bases that do not extend each other conflict.
#include "objects/type.h"

#include <algorithm>

namespace gill {

namespace {

PyTypeObject* as_type(PyObject* object) { return reinterpret_cast<PyTypeObject*>(object); }

bool occurs_in_tail(PyObject* list, Py_ssize_t from, PyObject* candidate) {
  for (Py_ssize_t i = from + 1; i < PyTuple_GET_SIZE(list); ++i) {
    if (PyTuple_GET_ITEM(list, i) == candidate) return true;
  }
  return false;
}

Status refuse_duplicates(PyObject* bases) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    for (Py_ssize_t j = i + 1; j < PyTuple_GET_SIZE(bases); ++j) {
      if (PyTuple_GET_ITEM(bases, i) != PyTuple_GET_ITEM(bases, j)) continue;
      Ref<> text = steal(PyObject_GetAttr(PyTuple_GET_ITEM(bases, i), name<"__name__">));
      if (!text || !PyUnicode_Check(text.get())) {
        PyErr_Clear();
        return raise(PyExc_TypeError, "duplicate base class");
      }
      return raise(PyExc_TypeError, "duplicate base class %U", text.get());
    }
  }
  return Status::ok;
}

// Names the bases that stand at the head of what is left to merge.
Failure refuse_order(PyObject* const* lists, const Py_ssize_t* heads, Py_ssize_t count) {
  Ref<> seen = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (heads[i] < PyTuple_GET_SIZE(lists[i])) {
      if (PyDict_SetItem(seen.get(), PyTuple_GET_ITEM(lists[i], heads[i]), Py_None) < 0) return failure;
    }
  }
  Ref<> names = TRY(steal(PyList_New(0)));
  PyObject* key;
  Py_ssize_t position = 0;
  while (PyDict_Next(seen.get(), &position, &key, nullptr)) {
    Ref<> text = TRY(type_name_of(as_type(key)));
    if (PyList_Append(names.get(), text.get()) < 0) return failure;
  }
  Ref<> comma = TRY(steal(PyUnicode_FromString(", ")));
  Ref<> joined = TRY(steal(PyUnicode_Join(comma.get(), names.get())));
  return raise(PyExc_TypeError, "Cannot create a consistent method resolution\norder (MRO) for bases %U", joined.get());
}

}  // namespace

Ref<> linearize(PyTypeObject* type) {
  PyObject* bases = type->tp_bases;
  Py_ssize_t count = bases ? PyTuple_GET_SIZE(bases) : 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyTypeObject* base = as_type(PyTuple_GET_ITEM(bases, i));
    if (!base->tp_mro) return raise(PyExc_TypeError, "Cannot extend an incomplete type '%.100s'", base->tp_name);
  }
  if (count == 1) {
    PyObject* mro = as_type(PyTuple_GET_ITEM(bases, 0))->tp_mro;
    Py_ssize_t length = PyTuple_GET_SIZE(mro);
    Ref<> result = TRY(steal(PyTuple_New(length + 1)));
    PyTuple_SET_ITEM(result.get(), 0, borrow(as_object(type)).release());
    for (Py_ssize_t i = 0; i < length; ++i) PyTuple_SET_ITEM(result.get(), i + 1, borrow(PyTuple_GET_ITEM(mro, i)).release());
    return result;
  }
  TRY(count ? refuse_duplicates(bases) : Status::ok);

  // The lists to merge: the bases' MROs, then the bases themselves.
  auto** lists = PyMem_New(PyObject*, count + 1);
  auto* heads = PyMem_New(Py_ssize_t, count + 1);
  Ref<> result = steal(PyList_New(0));
  auto merge = [&]() -> Status {
    if (!lists || !heads) {
      PyErr_NoMemory();
      return Status::error;
    }
    if (!result) return Status::error;
    for (Py_ssize_t i = 0; i < count; ++i) lists[i] = as_type(PyTuple_GET_ITEM(bases, i))->tp_mro;
    Py_ssize_t lists_count = count;
    if (count) lists[lists_count++] = bases;
    std::fill_n(heads, lists_count, 0);
    TRY(status_of(PyList_Append(result.get(), as_object(type))));
    while (true) {
      bool left = false;
      PyObject* next = nullptr;
      for (Py_ssize_t i = 0; i < lists_count && !next; ++i) {
        if (heads[i] >= PyTuple_GET_SIZE(lists[i])) continue;
        left = true;
        PyObject* candidate = PyTuple_GET_ITEM(lists[i], heads[i]);
        bool good = true;
        for (Py_ssize_t j = 0; j < lists_count && good; ++j) good = !occurs_in_tail(lists[j], heads[j], candidate);
        if (good) next = candidate;
      }
      if (!left) return Status::ok;
      if (!next) return refuse_order(lists, heads, lists_count);
      TRY(status_of(PyList_Append(result.get(), next)));
      for (Py_ssize_t i = 0; i < lists_count; ++i) {
        if (heads[i] < PyTuple_GET_SIZE(lists[i]) && PyTuple_GET_ITEM(lists[i], heads[i]) == next) ++heads[i];
      }
    }
  };
  Status merged = merge();
  PyMem_Free(lists);
  PyMem_Free(heads);
  TRY(merged);
  return steal(PyList_AsTuple(result.get()));
}

PyTypeObject* solid_base(PyTypeObject* type) {
  PyTypeObject* base = type->tp_base ? solid_base(type->tp_base) : &PyBaseObject_Type;
  return extra_instance_variables(type, base) ? type : base;
}

bool extra_instance_variables(PyTypeObject* type, PyTypeObject* base) {
  Py_ssize_t size = type->tp_basicsize;
  if (type->tp_itemsize || base->tp_itemsize) return size != base->tp_basicsize || type->tp_itemsize != base->tp_itemsize;
  constexpr Py_ssize_t word = sizeof(PyObject*);
  if (is_heap_type(type)) {
    if (type->tp_weaklistoffset && !base->tp_weaklistoffset && type->tp_weaklistoffset + word == size) size -= word;
    if (type->tp_dictoffset > 0 && !base->tp_dictoffset && type->tp_dictoffset + word == size) size -= word;
  }
  return size != base->tp_basicsize;
}

PyTypeObject* best_base(PyObject* bases) {
  PyTypeObject* best = nullptr;
  PyTypeObject* winner = nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    PyObject* object = PyTuple_GET_ITEM(bases, i);
    if (!PyType_Check(object)) return raise(PyExc_TypeError, "bases must be types");
    PyTypeObject* base = as_type(object);
    // A type that is just being made ready cannot be made so again; linearize() complains of it.
    if (!(base->tp_flags & (Py_TPFLAGS_READY | Py_TPFLAGS_READYING)) && PyType_Ready(base) < 0) return nullptr;
    if (!PyType_HasFeature(base, Py_TPFLAGS_BASETYPE)) {
      return raise(PyExc_TypeError, "type '%.100s' is not an acceptable base type", base->tp_name);
    }
    PyTypeObject* candidate = solid_base(base);
    if (!winner) {
      winner = candidate;
      best = base;
    } else if (PyType_IsSubtype(winner, candidate)) {
      continue;
    } else if (PyType_IsSubtype(candidate, winner)) {
      winner = candidate;
      best = base;
    } else {
      return raise(PyExc_TypeError, "multiple bases have instance lay-out conflict");
    }
  }
  return best;
}

PyTypeObject* calculate_metaclass(PyTypeObject* metatype, PyObject* bases) {
  PyTypeObject* winner = metatype;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); ++i) {
    PyTypeObject* candidate = Py_TYPE(PyTuple_GET_ITEM(bases, i));
    if (PyType_IsSubtype(winner, candidate)) continue;
    if (PyType_IsSubtype(candidate, winner)) {
      winner = candidate;
      continue;
    }
    return raise(PyExc_TypeError,
                 "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases");
  }
  return winner;
}

namespace {

// What a metaclass's own mro() returned must be classes whose instances the type's structure can stand in for.
Status check_custom_mro(PyTypeObject* type, PyObject* mro) {
  PyTypeObject* solid = solid_base(type);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); ++i) {
    PyObject* item = PyTuple_GET_ITEM(mro, i);
    if (!PyType_Check(item)) return raise(PyExc_TypeError, "mro() returned a non-class ('%.500s')", Py_TYPE(item)->tp_name);
    if (!PyType_IsSubtype(solid, solid_base(as_type(item)))) {
      return raise(PyExc_TypeError, "mro() returned base with unsuitable layout ('%.500s')", as_type(item)->tp_name);
    }
  }
  return Status::ok;
}

}  // namespace

Status compute_mro(PyTypeObject* type, Ref<>* old_mro) {
  PyObject* before = type->tp_mro;
  Ref<> mro;
  bool custom = !Py_IS_TYPE(as_object(type), &PyType_Type);
  if (custom) {
    SpecialMethod method = lookup_special(as_object(type), name<"mro">);
    if (!method) {
      if (!PyErr_Occurred()) PyErr_SetObject(PyExc_AttributeError, name<"mro">);
      return Status::error;
    }
    Ref<> result = TRY(call_special(method, as_object(type)));
    mro = TRY(steal(PySequence_Tuple(result.get())));
    if (PyTuple_GET_SIZE(mro.get()) == 0) return raise(PyExc_TypeError, "type MRO must not be empty");
    TRY(check_custom_mro(type, mro.get()));
  } else {
    mro = TRY(linearize(type));
  }
  // mro() is Python code and may have assigned __bases__ meanwhile: the inner assignment stands.
  if (type->tp_mro != before) return Status::ok;
  Ref<> old = steal(std::exchange(type->tp_mro, mro.release()));
  PyType_Modified(type);
  if (old_mro) *old_mro = std::move(old);
  return Status::ok;
}

}  // namespace gill

using namespace gill;

extern "C" {

int PyType_IsSubtype(PyTypeObject* type, PyTypeObject* base) {
  // The class itself is in its order too, unless a metaclass left it out.
  if (PyObject* mro = type->tp_mro) {
    for (Py_ssize_t i = 0, n = PyTuple_GET_SIZE(mro); i < n; ++i) {
      if (PyTuple_GET_ITEM(mro, i) == as_object(base)) return 1;
    }
    return 0;
  }
  // Not ready yet: tp_base is all there is.
  for (PyTypeObject* t = type; t; t = t->tp_base) {
    if (t == base) return 1;
  }
  return base == &PyBaseObject_Type;
}

PyTypeObject* _PyType_CalculateMetaclass(PyTypeObject* metatype, PyObject* bases) {
  return calculate_metaclass(metatype, bases);
}

}  // extern "C"
