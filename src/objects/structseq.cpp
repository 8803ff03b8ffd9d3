// Struct sequences: tuples whose items have names, as os.stat() and time.localtime() return. A type has
// visible items (the tuple's) and further ones that only names reach; an item without a name is reached by index only.
#include "base/binding.h"
#include "base/names.h"

#include <structmember.h>

namespace gill {
namespace {

// What a type tells of itself in its dict.
Py_ssize_t count_in(PyTypeObject* type, PyObject* key) {
  PyObject* value = PyDict_GetItemWithError(type->tp_dict, key);
  if (!value) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "Missed attribute '%U' of type %s", key, type->tp_name);
    return -1;
  }
  return PyLong_AsSsize_t(value);
}
Py_ssize_t visible_size(PyObject* self) { return Py_SIZE(self); }
Py_ssize_t field_count(PyTypeObject* type) { return count_in(type, name<"n_fields">); }
Py_ssize_t unnamed_count(PyTypeObject* type) { return count_in(type, name<"n_unnamed_fields">); }

PyObject** items_of(PyObject* self) { return reinterpret_cast<PyTupleObject*>(self)->ob_item; }

// All the items, hidden ones too. When a collection has emptied the type's dict already, the members tell.
Py_ssize_t real_size(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject* value = type->tp_dict ? PyDict_GetItemWithError(type->tp_dict, name<"n_fields">) : nullptr;
  if (value) return PyLong_AsSsize_t(value);
  Py_ssize_t size = visible_size(self);
  for (PyMemberDef* member = type->tp_members; member && member->name; ++member) {
    auto index = (member->offset - static_cast<Py_ssize_t>(offsetof(PyTupleObject, ob_item))) / static_cast<Py_ssize_t>(sizeof(PyObject*));
    size = std::max(size, index + 1);
  }
  return size;
}

Ref<> allocate(PyTypeObject* type) {
  Py_ssize_t size = count_in(type, name<"n_sequence_fields">);
  Py_ssize_t fields = field_count(type);
  if (size < 0 || fields < 0) return failure;
  auto* self = PyObject_GC_NewVar(PyTupleObject, type, fields);
  if (!self) return failure;
  // The hidden items stand behind the visible ones, beyond the tuple's length.
  self->ob_base.ob_size = size;
  for (Py_ssize_t i = 0; i < fields; ++i) self->ob_item[i] = nullptr;
  return steal(as_object(self));
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  if (PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_HEAPTYPE)) Py_VISIT(Py_TYPE(self));
  Py_ssize_t fields = real_size(self);
  for (Py_ssize_t i = 0; i < fields; ++i) Py_VISIT(items_of(self)[i]);
  return 0;
}

void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  PyTypeObject* type = Py_TYPE(self);
  Py_ssize_t fields = real_size(self);
  for (Py_ssize_t i = 0; i < fields; ++i) {
    if (items_of(self)[i]) gill::release(items_of(self)[i]);
  }
  PyObject_GC_Del(self);
  if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) gill::release(as_object(type));
}

Ref<> structseq_new(PyTypeObject* type, PyObject* sequence, PyObject* dict) {
  Py_ssize_t least = count_in(type, name<"n_sequence_fields">), most = field_count(type), unnamed = unnamed_count(type);
  if (least < 0 || most < 0 || unnamed < 0) return failure;
  Ref<> items = TRY(steal(PySequence_Fast(sequence, "constructor requires a sequence")));
  if (dict && !PyDict_Check(dict)) {
    return raise(PyExc_TypeError, "%.500s() takes a dict as second arg, if any", type->tp_name);
  }
  Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  if (n < least || n > most) {
    if (least == most) return raise(PyExc_TypeError, "%.500s() takes a %zd-sequence (%zd-sequence given)", type->tp_name, least, n);
    return raise(PyExc_TypeError, n < least ? "%.500s() takes an at least %zd-sequence (%zd-sequence given)" : "%.500s() takes an at most %zd-sequence (%zd-sequence given)",
                 type->tp_name, n < least ? least : most, n);
  }
  Ref<> self = TRY(allocate(type));
  for (Py_ssize_t i = 0; i < n; ++i) items_of(self.get())[i] = borrow(PySequence_Fast_GET_ITEM(items.get(), i)).release();
  for (Py_ssize_t i = n; i < most; ++i) {
    PyObject* value = nullptr;
    if (dict) {
      Ref<> key = TRY(steal(PyUnicode_FromString(type->tp_members[i - unnamed].name)));
      value = PyDict_GetItemWithError(dict, key.get());
      if (!value && PyErr_Occurred()) return failure;
    }
    items_of(self.get())[i] = borrow(value ? value : Py_None).release();
  }
  PyObject_GC_Track(self.get());
  return self;
}

Ref<> structseq_repr(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Ref<> pieces = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < visible_size(self); ++i) {
    Ref<> piece = TRY(steal(PyUnicode_FromFormat("%s=%R", type->tp_members[i].name, items_of(self)[i])));
    TRY(status_of(PyList_Append(pieces.get(), piece.get())));
  }
  Ref<> separator = TRY(steal(PyUnicode_FromString(", ")));
  Ref<> all = TRY(steal(PyUnicode_Join(separator.get(), pieces.get())));
  return steal(PyUnicode_FromFormat("%s(%U)", type->tp_name, all.get()));
}

Ref<> structseq_reduce(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_ssize_t visible = visible_size(self), fields = field_count(type), unnamed = unnamed_count(type);
  Ref<> tuple = TRY(steal(PyTuple_New(visible)));
  for (Py_ssize_t i = 0; i < visible; ++i) PyTuple_SET_ITEM(tuple.get(), i, borrow(items_of(self)[i]).release());
  Ref<> dict = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = visible; i < fields; ++i) {
    TRY(status_of(PyDict_SetItemString(dict.get(), type->tp_members[i - unnamed].name, items_of(self)[i])));
  }
  return steal(Py_BuildValue("(O(OO))", type, tuple.get(), dict.get()));
}

const PyMethodDef kMethods[] = {METHOD_UNSIGNED("__reduce__($self, /)", structseq_reduce, nullptr), kEndOfMethods};

bool is_unnamed(const PyStructSequence_Field& field) { return field.name == PyStructSequence_UnnamedField; }

struct Counts {
  Py_ssize_t fields = 0, unnamed = 0;
};
Counts count(PyStructSequence_Desc* description) {
  Counts counts;
  for (; description->fields[counts.fields].name; ++counts.fields) counts.unnamed += is_unnamed(description->fields[counts.fields]);
  return counts;
}

// The members of the named fields, ended by an empty one; from PyMem.
PyMemberDef* make_members(PyStructSequence_Desc* description, Counts counts) {
  auto* members = PyMem_New(PyMemberDef, counts.fields - counts.unnamed + 1);
  if (!members) {
    PyErr_NoMemory();
    return nullptr;
  }
  Py_ssize_t k = 0;
  for (Py_ssize_t i = 0; i < counts.fields; ++i) {
    const PyStructSequence_Field& field = description->fields[i];
    if (is_unnamed(field)) continue;
    members[k++] = {field.name, T_OBJECT, static_cast<Py_ssize_t>(offsetof(PyTupleObject, ob_item)) + i * static_cast<Py_ssize_t>(sizeof(PyObject*)), READONLY, field.doc};
  }
  members[k] = {};
  return members;
}

Status describe(PyTypeObject* type, PyStructSequence_Desc* description, Counts counts) {
  auto set = [&](PyObject* key, Py_ssize_t value) -> Status {
    Ref<> number = TRY(steal(PyLong_FromSsize_t(value)));
    return status_of(PyDict_SetItem(type->tp_dict, key, number.get()));
  };
  TRY(set(name<"n_sequence_fields">, description->n_in_sequence));
  TRY(set(name<"n_fields">, counts.fields));
  TRY(set(name<"n_unnamed_fields">, counts.unnamed));
  // For match statements: the names of the visible fields.
  Ref<> names = TRY(steal(PyList_New(0)));
  for (Py_ssize_t i = 0; i < description->n_in_sequence; ++i) {
    if (is_unnamed(description->fields[i])) continue;
    Ref<> text = TRY(steal(PyUnicode_FromString(description->fields[i].name)));
    TRY(status_of(PyList_Append(names.get(), text.get())));
  }
  Ref<> match_args = TRY(steal(PyList_AsTuple(names.get())));
  return status_of(PyDict_SetItem(type->tp_dict, name<"__match_args__">, match_args.get()));
}

newfunc constructor() { return CONSTRUCTOR("structseq($type, sequence, dict=<unrepresentable>)", structseq_new); }

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

const char* const PyStructSequence_UnnamedField = "unnamed field";

[[gnu::visibility("default")]] int _PyStructSequence_InitType(PyTypeObject* type, PyStructSequence_Desc* description, unsigned long flags) {
  Counts counts = count(description);
  PyMemberDef* members = make_members(description, counts);
  if (!members) return -1;
  type->tp_name = description->name;
  type->tp_basicsize = sizeof(PyTupleObject) - sizeof(PyObject*);
  type->tp_itemsize = sizeof(PyObject*);
  type->tp_dealloc = dealloc;
  type->tp_repr = slot<structseq_repr>;
  type->tp_doc = description->doc;
  type->tp_base = &PyTuple_Type;
  type->tp_methods = table(kMethods);
  type->tp_new = constructor();
  type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | flags;
  type->tp_traverse = traverse;
  type->tp_members = members;
  if (type->ob_base.ob_base.ob_refcnt == 0) make_immortal(as_object(type));
  if (PyType_Ready(type) < 0 || describe(type, description, counts) == Status::error) {
    PyMem_Free(members);
    return -1;
  }
  return 0;
}
int PyStructSequence_InitType2(PyTypeObject* type, PyStructSequence_Desc* description) { return _PyStructSequence_InitType(type, description, 0); }
void PyStructSequence_InitType(PyTypeObject* type, PyStructSequence_Desc* description) { (void)PyStructSequence_InitType2(type, description); }

[[gnu::visibility("default")]] PyTypeObject* _PyStructSequence_NewType(PyStructSequence_Desc* description, unsigned long flags) {
  Counts counts = count(description);
  PyMemberDef* members = make_members(description, counts);
  if (!members) return nullptr;
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(slot<structseq_repr>)},
      {Py_tp_doc, const_cast<char*>(description->doc)},
      {Py_tp_methods, table(kMethods)},
      {Py_tp_new, reinterpret_cast<void*>(constructor())},
      {Py_tp_members, members},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {0, nullptr},
  };
  PyType_Spec spec = {description->name, static_cast<int>(sizeof(PyTupleObject) - sizeof(PyObject*)), static_cast<int>(sizeof(PyObject*)),
                      static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | flags), slots};
  Ref<> type = steal(PyType_FromSpecWithBases(&spec, as_object(&PyTuple_Type)));
  PyMem_Free(members);
  if (!type || describe(reinterpret_cast<PyTypeObject*>(type.get()), description, counts) == Status::error) return nullptr;
  return reinterpret_cast<PyTypeObject*>(type.release());
}
PyTypeObject* PyStructSequence_NewType(PyStructSequence_Desc* description) { return _PyStructSequence_NewType(description, 0); }

PyObject* PyStructSequence_New(PyTypeObject* type) {
  Ref<> self = allocate(type);
  if (self) PyObject_GC_Track(self.get());
  return self.release();
}
void PyStructSequence_SetItem(PyObject* self, Py_ssize_t i, PyObject* value) { items_of(self)[i] = value; }
PyObject* PyStructSequence_GetItem(PyObject* self, Py_ssize_t i) { return items_of(self)[i]; }

}  // extern "C"
