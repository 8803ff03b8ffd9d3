#include "objects/sequence_methods.h"

#include "memory/collectable.h"
#include "objects/str.h"
#include "runtime/thread_state.h"

namespace gill {

Ref<> sequence_repr(PyObject* owner, char open, const char* close) {
  StrWriter out(1 + 1 + (2 + 1) * (Py_SIZE(owner) - 1) + 1);
  TRY(out.put(static_cast<U4>(open)));
  // An item's repr takes a level of recursion, also where its digits are written right here.
  if (!enter_recursive_call(" while getting the repr of an object")) return failure;
  leave_recursive_call();
  for (Py_ssize_t i = 0; i < Py_SIZE(owner); ++i) {
    PyObject* item = PyList_Check(owner) ? PyList_GET_ITEM(owner, i) : PyTuple_GET_ITEM(owner, i);
    if (i > 0) TRY(out.put(", "));
    if (PyLong_CheckExact(item) && is_one_digit(item)) {
      TRY(out.put_decimal(one_digit_value(item)));
      continue;
    }
    Ref<> own = borrow(item);
    Ref<> text = TRY(steal(PyObject_Repr(item)));
    TRY(out.put(text.get()));
  }
  out.expect_last();
  TRY(out.put(close));
  return out.finish();
}

Ref<> new_sequence_iterator(PyTypeObject* type, PyObject* sequence, Py_ssize_t index) {
  PyObject* object = allocate_collectable(type, sizeof(SequenceIterator));
  if (!object) return failure;
  object->ob_type = type;
  object->ob_refcnt = 1;
  Ref<SequenceIterator> self = Ref<SequenceIterator>::steal(object);
  self->index = index;
  self->sequence = borrow(sequence).release();
  start_tracking(self.get());
  return self;
}

void sequence_iterator_dealloc(SequenceIterator* self) {
  if (release_quiet_items(&self->sequence, 1) > 0) {
    PyObject_GC_UnTrack(as_object(self));
    SequenceIterator::Fields::clear_all(self);
  }
  free_collectable(self);
}

namespace {

Ref<> length_hint(SequenceIterator* self) {
  if (!self->sequence) return steal(PyLong_FromLong(0));
  Py_ssize_t left = TRY(checked(PySequence_Size(self->sequence))) - self->index;
  return steal(PyLong_FromSsize_t(std::max<Py_ssize_t>(left, 0)));
}

Ref<> reduce(SequenceIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  if (self->sequence) return steal(Py_BuildValue("N(O)n", iter.release(), self->sequence, self->index));
  Ref<> empty = PyType_IsSubtype(Py_TYPE(self), &PyTupleIter_Type) ? steal(PyTuple_New(0)) : steal(PyList_New(0));
  return steal(Py_BuildValue("N(N)", iter.release(), empty.release()));
}

Ref<> setstate(SequenceIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->sequence) {
    Py_ssize_t length = TRY(checked(PySequence_Size(self->sequence)));
    self->index = std::clamp<Py_ssize_t>(index, 0, length);
  }
  return none();
}

}  // namespace

const PyMethodDef kSequenceIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

}  // namespace gill
