// slice objects, and the arithmetic of slicing.
#include "base/binding.h"
#include "base/names.h"
#include "memory/collectable.h"
#include "objects/int.h"
#include "objects/sequence_methods.h"

#include <structmember.h>

namespace gill {
namespace {

using Fields = OwnedFields<&PySliceObject::start, &PySliceObject::stop, &PySliceObject::step>;

Ref<> new_slice(PyObject* start, PyObject* stop, PyObject* step) {
  PyObject* object = allocate_collectable(&PySlice_Type, sizeof(PySliceObject));
  if (!object) return failure;
  object->ob_type = &PySlice_Type;
  object->ob_refcnt = 1;
  Ref<PySliceObject> self = Ref<PySliceObject>::steal(object);
  self->start = borrow(start).release();
  self->stop = borrow(stop).release();
  self->step = borrow(step).release();
  start_tracking(self.get());
  return self;
}

Ref<> slice_new(PyTypeObject*, Args args) {
  if (args.count < 1) return raise(PyExc_TypeError, "slice expected at least 1 argument, got 0");
  if (args.count > 3) return raise(PyExc_TypeError, "slice expected at most 3 arguments, got %zd", args.count);
  if (args.count == 1) return new_slice(Py_None, args[0], Py_None);
  return new_slice(args[0], args[1], args.count == 3 ? args[2] : Py_None);
}
PyObject* slice_new_slot(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!_PyArg_NoKeywords("slice", kwargs)) return nullptr;
  return slice_new(type, Args{&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)}).release();
}

Ref<> slice_repr(PySliceObject* self) {
  return steal(PyUnicode_FromFormat("slice(%R, %R, %R)", self->start, self->stop, self->step));
}
Ref<> as_tuple(PySliceObject* self) { return steal(PyTuple_Pack(3, self->start, self->stop, self->step)); }
Ref<> slice_compare(PyObject* a, PyObject* b, int op) {
  if (!PySlice_Check(a) || !PySlice_Check(b)) return borrow(Py_NotImplemented);
  if (a == b) return py_bool(op == Py_EQ || op == Py_LE || op == Py_GE);
  Ref<> x = TRY(as_tuple(reinterpret_cast<PySliceObject*>(a)));
  Ref<> y = TRY(as_tuple(reinterpret_cast<PySliceObject*>(b)));
  return steal(PyObject_RichCompare(x.get(), y.get(), op));
}
void slice_dealloc(PySliceObject* self) {
  PyObject** bounds = &self->start;
  Py_ssize_t left = release_quiet_items(bounds, 3);
  if (left == 0) return free_collectable(self);
  // From the trashcan it comes here once more.
  std::fill(bounds + left, bounds + 3, nullptr);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, slot<slice_dealloc>);
  while (--left >= 0) gill::release(bounds[left]);
  free_collectable(self);
  Py_TRASHCAN_END;
}
Ref<> slice_reduce(PySliceObject* self) {
  return steal(Py_BuildValue("O(OOO)", Py_TYPE(self), self->start, self->stop, self->step));
}

Ref<> exact_index(PyObject* bound) {
  if (PyIndex_Check(bound)) return steal(PyNumber_Index(bound));
  return raise(PyExc_TypeError, "slice indices must be integers or None or have an __index__ method");
}

// The bounds as ints for a length that may be any int.
Status exact_indices(PySliceObject* self, PyObject* length, Ref<>* start, Ref<>* stop, Ref<>* step) {
  Ref<> zero = TRY(steal(PyLong_FromLong(0)));
  *step = TRY(self->step == Py_None ? steal(PyLong_FromLong(1)) : exact_index(self->step));
  int sign = _PyLong_Sign(step->get());
  if (sign == 0) return raise(PyExc_ValueError, "slice step cannot be zero");
  Ref<> minus_one = TRY(steal(PyLong_FromLong(-1)));
  Ref<> lower = sign < 0 ? minus_one.new_ref() : zero.new_ref();
  Ref<> upper = sign < 0 ? TRY(steal(PyNumber_Add(length, minus_one.get()))) : borrow(length);
  auto clip = [&](PyObject* bound, PyObject* fallback, Ref<>* out) -> Status {
    if (bound == Py_None) {
      *out = borrow(fallback);
      return Status::ok;
    }
    Ref<> value = TRY(exact_index(bound));
    if (_PyLong_Sign(value.get()) < 0) {
      value = TRY(steal(PyNumber_Add(value.get(), length)));
      if (TRY(truth_of(PyObject_RichCompareBool(value.get(), lower.get(), Py_LT)))) value = lower.new_ref();
    } else if (TRY(truth_of(PyObject_RichCompareBool(value.get(), upper.get(), Py_GT)))) {
      value = upper.new_ref();
    }
    *out = std::move(value);
    return Status::ok;
  };
  TRY(clip(self->start, sign < 0 ? upper.get() : lower.get(), start));
  return clip(self->stop, sign < 0 ? lower.get() : upper.get(), stop);
}

Ref<> slice_indices(PySliceObject* self, PyObject* len) {
  Ref<> length = TRY(steal(PyNumber_Index(len)));
  if (_PyLong_Sign(length.get()) < 0) return raise(PyExc_ValueError, "length should not be negative");
  Ref<> start, stop, step;
  TRY(exact_indices(self, length.get(), &start, &stop, &step));
  return steal(PyTuple_Pack(3, start.get(), stop.get(), step.get()));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("indices($self, len, /)", slice_indices, "S.indices(len) -> (start, stop, stride)\n\nAssuming a sequence of length len, calculate the start and stop\nindices, and the stride length of the extended slice described by\nS. Out of bounds indices are clipped in a manner consistent with the\nhandling of normal slices."),
    METHOD_UNSIGNED("__reduce__($self, /)", slice_reduce, "Return state information for pickling."),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"start", T_OBJECT, offsetof(PySliceObject, start), READONLY, nullptr},
    {"stop", T_OBJECT, offsetof(PySliceObject, stop), READONLY, nullptr},
    {"step", T_OBJECT, offsetof(PySliceObject, step), READONLY, nullptr},
    {},
};

// An index as Py_ssize_t, clipped; 0 with an exception.
int slice_index(PyObject* value, Py_ssize_t* out, const char* message) {
  if (PyLong_CheckExact(value) && is_one_digit(value)) [[likely]] {
    *out = one_digit_value(value);
    return 1;
  }
  if (!PyIndex_Check(value)) {
    PyErr_SetString(PyExc_TypeError, message);
    return 0;
  }
  Py_ssize_t n = PyNumber_AsSsize_t(value, nullptr);
  if (n == -1 && PyErr_Occurred()) return 0;
  *out = n;
  return 1;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PySlice_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "slice",
    .tp_basicsize = sizeof(PySliceObject),
    .tp_dealloc = slot<slice_dealloc>,
    .tp_repr = slot<slice_repr>,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "slice(stop)\nslice(start, stop[, step])\n\nCreate a slice object.  This is used for extended slicing (e.g. a[0:10:2]).",
    .tp_traverse = Fields::traverse,
    .tp_richcompare = slot<slice_compare>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_new = slice_new_slot,
};

PyObject* PySlice_New(PyObject* start, PyObject* stop, PyObject* step) {
  return new_slice(start ? start : Py_None, stop ? stop : Py_None, step ? step : Py_None).release();
}
PyObject* _PySlice_FromIndices(Py_ssize_t start, Py_ssize_t stop) {
  Ref<> first = steal(PyLong_FromSsize_t(start)), last = steal(PyLong_FromSsize_t(stop));
  return first && last ? new_slice(first.get(), last.get(), Py_None).release() : nullptr;
}
int _PySlice_GetLongIndices(PySliceObject* self, PyObject* length, PyObject** start, PyObject** stop, PyObject** step) {
  Ref<> a, b, c;
  *start = *stop = *step = nullptr;
  if (exact_indices(self, length, &a, &b, &c) == Status::error) return -1;
  *start = a.release();
  *stop = b.release();
  *step = c.release();
  return 0;
}

int _PyEval_SliceIndex(PyObject* value, Py_ssize_t* out) {
  if (value == Py_None) return 1;
  return slice_index(value, out, "slice indices must be integers or None or have an __index__ method");
}
int _PyEval_SliceIndexNotNone(PyObject* value, Py_ssize_t* out) {
  return slice_index(value, out, "slice indices must be integers or have an __index__ method");
}

int PySlice_Unpack(PyObject* object, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t* step) {
  auto* self = reinterpret_cast<PySliceObject*>(object);
  *step = 1;
  if (!_PyEval_SliceIndex(self->step, step)) return -1;
  if (*step == 0) {
    PyErr_SetString(PyExc_ValueError, "slice step cannot be zero");
    return -1;
  }
  // So that -step is a Py_ssize_t too.
  *step = std::max(*step, -PY_SSIZE_T_MAX);
  *start = *step < 0 ? PY_SSIZE_T_MAX : 0;
  *stop = *step < 0 ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX;
  if (!_PyEval_SliceIndex(self->start, start) || !_PyEval_SliceIndex(self->stop, stop)) return -1;
  return 0;
}

Py_ssize_t PySlice_AdjustIndices(Py_ssize_t length, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t step) {
  Py_ssize_t low = step < 0 ? -1 : 0;
  Py_ssize_t high = step < 0 ? length - 1 : length;
  for (Py_ssize_t* bound : {start, stop}) {
    if (*bound < 0) *bound = std::max(*bound + length, low);
    else *bound = std::min(*bound, high);
  }
  if (step < 0) return *stop < *start ? (*start - *stop - 1) / -step + 1 : 0;
  return *start < *stop ? (*stop - *start - 1) / step + 1 : 0;
}

// The header has a macro of the same name.
int (PySlice_GetIndicesEx)(PyObject* object, Py_ssize_t length, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t* step, Py_ssize_t* count) {
  if (PySlice_Unpack(object, start, stop, step) < 0) return -1;
  *count = PySlice_AdjustIndices(length, start, stop, *step);
  return 0;
}
int PySlice_GetIndices(PyObject* object, Py_ssize_t length, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t* step) {
  if (PySlice_Unpack(object, start, stop, step) < 0) return -1;
  PySlice_AdjustIndices(length, start, stop, *step);
  return *stop > length || *start >= length ? -1 : 0;
}

}  // extern "C"
GILL_STATIC_TYPE(PySlice_Type);
