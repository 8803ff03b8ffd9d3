// cell: the variable that an inner function shares with the function around it.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"

namespace gill {

namespace {

using Fields = OwnedFields<&PyCellObject::ob_ref>;

PyCellObject* as_cell(PyObject* object) { return reinterpret_cast<PyCellObject*>(object); }

void cell_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear_field(as_cell(self)->ob_ref);
  PyObject_GC_Del(self);
}

PyObject* cell_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  if (kwargs && !_PyArg_NoKeywords("cell", kwargs)) return nullptr;
  PyObject* contents = nullptr;
  if (!PyArg_UnpackTuple(args, "cell", 0, 1, &contents)) return nullptr;
  return PyCell_New(contents);
}

// An empty cell sorts before every other.
PyObject* cell_richcompare(PyObject* self, PyObject* other, int operation) {
  if (!PyCell_Check(self) || !PyCell_Check(other)) return borrow(Py_NotImplemented).release();
  PyObject *a = as_cell(self)->ob_ref, *b = as_cell(other)->ob_ref;
  if (a && b) return PyObject_RichCompare(a, b, operation);
  Py_RETURN_RICHCOMPARE(b == nullptr, a == nullptr, operation);
}

Ref<> cell_repr(PyCellObject* self) {
  if (!self->ob_ref) return steal(PyUnicode_FromFormat("<cell at %p: empty>", self));
  return steal(PyUnicode_FromFormat("<cell at %p: %.80s object at %p>", self, Py_TYPE(self->ob_ref)->tp_name, self->ob_ref));
}

Ref<> get_contents(PyCellObject* self) {
  if (!self->ob_ref) return raise(PyExc_ValueError, "Cell is empty");
  return borrow(self->ob_ref);
}
Status set_contents(PyCellObject* self, PyObject* value) {
  set_field(self->ob_ref, borrow(value));
  return Status::ok;
}

const PyGetSetDef kGetSets[] = {
    getset<get_contents, set_contents>("cell_contents"),
    kEndOfGetSets,
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyCell_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "cell",
    .tp_basicsize = sizeof(PyCellObject),
    .tp_dealloc = cell_dealloc,
    .tp_repr = slot<cell_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "cell([contents])\n--\n\nCreate a new cell object.\n\n  contents\n    the contents of the cell. Without it the cell is empty, and access to\n"
              "    its cell_contents attribute raises a ValueError.",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_richcompare = cell_richcompare,
    .tp_getset = table(kGetSets),
    .tp_new = cell_new,
};

PyObject* PyCell_New(PyObject* contents) {
  auto* cell = PyObject_GC_New(PyCellObject, &PyCell_Type);
  if (!cell) return nullptr;
  cell->ob_ref = borrow(contents).release();
  PyObject_GC_Track(cell);
  return as_object(cell);
}

PyObject* PyCell_Get(PyObject* cell) {
  if (!PyCell_Check(cell)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return borrow(as_cell(cell)->ob_ref).release();
}

int PyCell_Set(PyObject* cell, PyObject* value) {
  if (!PyCell_Check(cell)) {
    PyErr_BadInternalCall();
    return -1;
  }
  set_field(as_cell(cell)->ob_ref, borrow(value));
  return 0;
}

}  // extern "C"

namespace gill {
GILL_STATIC_TYPE(PyCell_Type);
}  // namespace gill
