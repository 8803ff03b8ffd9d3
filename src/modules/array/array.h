// What the files of the array module share.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::array {

struct ArrayObject;

// A type code. Extensions read the beginning of this structure and ArrayObject (Cython's arrayarray.h).
struct Descriptor {
  char code;
  int itemsize;
  PyObject* (*get)(ArrayObject*, Py_ssize_t);
  int (*set)(ArrayObject*, Py_ssize_t, PyObject*);  // an index of -1 only checks the value
  int (*compare)(const char*, const char*, Py_ssize_t);  // of equally long runs; null: item by item
  bool is_integer;
  bool is_signed;
};

struct ArrayObject {
  PyObject_VAR_HEAD
  char* items;
  Py_ssize_t allocated;
  const Descriptor* descriptor;
  PyObject* weak_references;
  int exports;  // buffers that others look at
};

struct State {
  PyTypeObject* array_type;
  PyTypeObject* iterator_type;
  PyObject* reconstructor;
};

// array_module.cpp
State& state_of(PyObject* module);
State& state_of_type(PyTypeObject* type);
inline State& state_of_array(ArrayObject* self) { return state_of_type(Py_TYPE(self)); }
inline bool is_array(State& state, PyObject* object) { return PyObject_TypeCheck(object, state.array_type); }

// items.cpp
const Descriptor* find_descriptor(int code);
const Descriptor* descriptors_begin();
const Descriptor* descriptors_end();

inline Py_ssize_t length_of(ArrayObject* self) { return Py_SIZE(self); }
inline int itemsize_of(ArrayObject* self) { return self->descriptor->itemsize; }
inline size_t bytes_for(ArrayObject* self, Py_ssize_t n) { return static_cast<size_t>(n) * static_cast<size_t>(itemsize_of(self)); }
inline char* item_at(ArrayObject* self, Py_ssize_t i) { return self->items + i * itemsize_of(self); }
inline Ref<> get_item(ArrayObject* self, Py_ssize_t i) { return steal(self->descriptor->get(self, i)); }
inline Status set_item(ArrayObject* self, Py_ssize_t i, PyObject* value) { return status_of(self->descriptor->set(self, i, value)); }

// storage.cpp
// BufferError: its items are being looked at.
Failure exported(ArrayObject* self);

Ref<ArrayObject> new_array(PyTypeObject* type, Py_ssize_t n, const Descriptor* descriptor);
Status resize(ArrayObject* self, Py_ssize_t n);
Status insert_item(ArrayObject* self, Py_ssize_t i, PyObject* value);
Status delete_items(ArrayObject* self, Py_ssize_t start, Py_ssize_t stop);
Status append_bytes(ArrayObject* self, PyObject* buffer);
Status extend_with(ArrayObject* self, PyObject* iterable);
Status extend_by_iterating(ArrayObject* self, PyObject* iterator);
Status append_text(ArrayObject* self, PyObject* text);
Ref<ArrayObject> copy_of(ArrayObject* self, Py_ssize_t start, Py_ssize_t stop);

// methods.cpp
extern const PyMethodDef kArrayMethods[];
extern const PyGetSetDef kArrayAttributes[];
Ref<> tolist(ArrayObject* self);
Ref<> tounicode(ArrayObject* self);

// pickling.cpp
Ref<> reduce_ex(ArrayObject* self, PyObject* value);
Ref<> reconstruct(PyObject* module, PyObject* arraytype, PyObject* typecode, int mformat_code, PyObject* items);
// The code in a one-character str, or TypeError.
Maybe<int> typecode_of(PyObject* text, const char* function, int argument);

// sequence.cpp: the slots of the type and its iterator
extern const PyType_Slot kArraySlots[];
extern const PyType_Slot kIteratorSlots[];
// array_module.cpp
PyObject* array_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);

}  // namespace gill::array
