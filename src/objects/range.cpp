// range and its iterators. A range keeps its bounds as int objects, of any size; when they fit, iteration is on machine
// integers.
#include "base/binding.h"
#include "base/names.h"

#include <structmember.h>

#include "objects/range.h"

namespace gill {
namespace {

struct Range {
  PyObject_HEAD
  PyObject* start;
  PyObject* stop;
  PyObject* step;
  PyObject* length;
};

Ref<> number(Py_ssize_t value) { return steal(PyLong_FromSsize_t(value)); }

// ceil((stop - start) / step) when that is positive, else 0.
Ref<> compute_length(PyObject* start, PyObject* stop, PyObject* step) {
  bool down = _PyLong_Sign(step) < 0;
  PyObject* low = down ? stop : start;
  PyObject* high = down ? start : stop;
  if (!TRY(truth_of(PyObject_RichCompareBool(low, high, Py_LT)))) return number(0);
  Ref<> width = TRY(steal(PyNumber_Subtract(high, low)));
  Ref<> one = TRY(number(1));
  Ref<> last = TRY(steal(PyNumber_Subtract(width.get(), one.get())));
  Ref<> by = down ? TRY(steal(PyNumber_Negative(step))) : borrow(step);
  Ref<> steps = TRY(steal(PyNumber_FloorDivide(last.get(), by.get())));
  return steal(PyNumber_Add(steps.get(), one.get()));
}

Ref<Range> make_range(Ref<> start, Ref<> stop, Ref<> step) {
  if (!start || !stop || !step) return failure;
  Ref<> length = TRY(compute_length(start.get(), stop.get(), step.get()));
  Ref<Range> self = TRY(Ref<Range>::steal(PyObject_New(Range, &PyRange_Type)));
  self->start = start.release();
  self->stop = stop.release();
  self->step = step.release();
  self->length = length.release();
  return self;
}

Ref<> range_new(PyTypeObject*, Args args) {
  switch (args.count) {
    case 0: return raise(PyExc_TypeError, "range expected at least 1 argument, got 0");
    case 1: {
      Ref<> stop = TRY(steal(PyNumber_Index(args[0])));
      return make_range(number(0), std::move(stop), number(1));
    }
    case 2:
    case 3: {
      Ref<> start = TRY(steal(PyNumber_Index(args[0])));
      Ref<> stop = TRY(steal(PyNumber_Index(args[1])));
      Ref<> step = args.count == 3 ? TRY(steal(PyNumber_Index(args[2]))) : number(1);
      if (_PyLong_Sign(step.get()) == 0) return raise(PyExc_ValueError, "range() arg 3 must not be zero");
      return make_range(std::move(start), std::move(stop), std::move(step));
    }
    default: return raise(PyExc_TypeError, "range expected at most 3 arguments, got %zd", args.count);
  }
}
PyObject* new_slot(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!_PyArg_NoKeywords("range", kwargs)) return nullptr;
  return range_new(type, Args{&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)}).release();
}
PyObject* vectorcall_slot(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  if (!_PyArg_NoKwnames("range", kwnames)) return nullptr;
  return range_new(reinterpret_cast<PyTypeObject*>(type), Args{args, PyVectorcall_NARGS(nargsf)}).release();
}

void range_dealloc(Range* self) {
  for (PyObject* field : {self->start, self->stop, self->step, self->length}) gill::release(field);
  PyObject_Free(self);
}

Maybe<Py_ssize_t> range_len(Range* self) { return checked(PyLong_AsSsize_t(self->length)); }
int range_bool(Range* self) { return _PyLong_Sign(self->length) != 0; }

// start + i * step.
Ref<> element(Range* self, PyObject* i) {
  Ref<> offset = TRY(steal(PyNumber_Multiply(i, self->step)));
  return steal(PyNumber_Add(self->start, offset.get()));
}

Ref<> item_at(Range* self, PyObject* index) {
  Ref<> i = borrow(index);
  if (_PyLong_Sign(index) < 0) i = TRY(steal(PyNumber_Add(self->length, index)));
  if (_PyLong_Sign(i.get()) < 0 || TRY(truth_of(PyObject_RichCompareBool(i.get(), self->length, Py_GE)))) {
    return raise(PyExc_IndexError, "range object index out of range");
  }
  return element(self, i.get());
}
Ref<> range_item(Range* self, Py_ssize_t i) {
  Ref<> index = TRY(number(i));
  return item_at(self, index.get());
}

Ref<> range_subscript(Range* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Ref<> index = TRY(steal(PyNumber_Index(key)));
    return item_at(self, index.get());
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "range indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  PyObject *a, *b, *c;
  if (_PySlice_GetLongIndices(reinterpret_cast<PySliceObject*>(key), self->length, &a, &b, &c) < 0) return failure;
  Ref<> first = steal(a), last = steal(b), by = steal(c);
  Ref<> step = TRY(steal(PyNumber_Multiply(self->step, by.get())));
  Ref<> start = TRY(element(self, first.get()));
  Ref<> stop = TRY(element(self, last.get()));
  return make_range(std::move(start), std::move(stop), std::move(step));
}

bool is_exact_int(PyObject* value) { return PyLong_CheckExact(value) || PyBool_Check(value); }

Maybe<bool> contains_int(Range* self, PyObject* value) {
  bool down = _PyLong_Sign(self->step) < 0;
  bool in_bounds = down ? TRY(truth_of(PyObject_RichCompareBool(value, self->start, Py_LE))) && TRY(truth_of(PyObject_RichCompareBool(value, self->stop, Py_GT)))
                        : TRY(truth_of(PyObject_RichCompareBool(value, self->start, Py_GE))) && TRY(truth_of(PyObject_RichCompareBool(value, self->stop, Py_LT)));
  if (!in_bounds) return false;
  Ref<> offset = TRY(steal(PyNumber_Subtract(value, self->start)));
  Ref<> rest = TRY(steal(PyNumber_Remainder(offset.get(), self->step)));
  return _PyLong_Sign(rest.get()) == 0;
}
Maybe<bool> range_contains(Range* self, PyObject* value) {
  if (is_exact_int(value)) return contains_int(self, value);
  return truth_of(static_cast<int>(_PySequence_IterSearch(as_object(self), value, PY_ITERSEARCH_CONTAINS)));
}

Ref<> range_index(Range* self, PyObject* value) {
  if (!is_exact_int(value)) {
    Py_ssize_t i = TRY(checked(_PySequence_IterSearch(as_object(self), value, PY_ITERSEARCH_INDEX)));
    return number(i);
  }
  if (!TRY(contains_int(self, value))) return raise(PyExc_ValueError, "%R is not in range", value);
  Ref<> offset = TRY(steal(PyNumber_Subtract(value, self->start)));
  return steal(PyNumber_FloorDivide(offset.get(), self->step));
}
Ref<> range_count(Range* self, PyObject* value) {
  if (is_exact_int(value)) return number(TRY(contains_int(self, value)));
  return number(TRY(checked(_PySequence_IterSearch(as_object(self), value, PY_ITERSEARCH_COUNT))));
}

// What decides equality: the length, then the first item, then the step.
Ref<> identity(Range* self) {
  Ref<> one = TRY(number(1));
  bool empty = _PyLong_Sign(self->length) == 0;
  bool single = !empty && TRY(truth_of(PyObject_RichCompareBool(self->length, one.get(), Py_EQ)));
  return steal(PyTuple_Pack(3, self->length, empty ? Py_None : self->start, empty || single ? Py_None : self->step));
}
Ref<> range_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(b) != &PyRange_Type || (op != Py_EQ && op != Py_NE)) return borrow(Py_NotImplemented);
  bool equal = a == b;
  if (!equal) {
    Ref<> x = TRY(identity(reinterpret_cast<Range*>(a)));
    Ref<> y = TRY(identity(reinterpret_cast<Range*>(b)));
    equal = TRY(truth_of(PyObject_RichCompareBool(x.get(), y.get(), Py_EQ)));
  }
  return py_bool(equal == (op == Py_EQ));
}
Py_hash_t range_hash(Range* self) {
  Ref<> key = identity(self);
  return key ? PyObject_Hash(key.get()) : -1;
}

Ref<> range_repr(Range* self) {
  bool unit = PyLong_AsSsize_t(self->step) == 1;
  PyErr_Clear();
  if (unit) return steal(PyUnicode_FromFormat("range(%R, %R)", self->start, self->stop));
  return steal(PyUnicode_FromFormat("range(%R, %R, %R)", self->start, self->stop, self->step));
}
// Whatever it is called with: the reference does not look at the arguments.
Ref<> range_reduce(Range* self, Args) { return steal(Py_BuildValue("(O(OOO))", Py_TYPE(self), self->start, self->stop, self->step)); }

// ---- iterators --------------------------------------------------------------------------------------

struct LongRangeIterator {
  PyObject_HEAD
  PyObject* index;
  PyObject* start;
  PyObject* step;
  PyObject* length;
};

Ref<> new_iterator(PyObject* start, PyObject* step, PyObject* length) {
  int o1, o2, o3;
  long first = PyLong_AsLongAndOverflow(start, &o1);
  long by = PyLong_AsLongAndOverflow(step, &o2);
  long count = PyLong_AsLongAndOverflow(length, &o3);
  long last;
  bool fits = !o1 && !o2 && !o3 && !__builtin_mul_overflow(by, count, &last) && !__builtin_add_overflow(first, last, &last);
  if (fits) {
    auto* self = PyObject_New(RangeIterator, &PyRangeIter_Type);
    if (!self) return failure;
    self->next = first;
    self->step = by;
    self->left = count;
    self->index = 0;
    return steal(as_object(self));
  }
  auto* self = PyObject_New(LongRangeIterator, &PyLongRangeIter_Type);
  if (!self) return failure;
  self->index = number(0).release();
  self->start = borrow(start).release();
  self->step = borrow(step).release();
  self->length = borrow(length).release();
  return steal(as_object(self));
}
Ref<> range_iter(Range* self) { return new_iterator(self->start, self->step, self->length); }
Ref<> range_reversed(Range* self) {
  Ref<> one = TRY(number(1));
  Ref<> last_index = TRY(steal(PyNumber_Subtract(self->length, one.get())));
  Ref<> start = TRY(element(self, last_index.get()));
  Ref<> step = TRY(steal(PyNumber_Negative(self->step)));
  return new_iterator(start.get(), step.get(), self->length);
}

Ref<> iterator_next(RangeIterator* self) {
  if (self->left <= 0) return nullptr;
  return steal(PyLong_FromLong(self->advance()));
}
Ref<> iterator_length_hint(RangeIterator* self) { return steal(PyLong_FromLong(self->left)); }
// The whole range from the start again, and how far it has gone.
Ref<> iterator_reduce(RangeIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  Ref<> start = TRY(steal(PyLong_FromLong(self->next - self->index * self->step)));
  Ref<> stop = TRY(steal(PyLong_FromLong(self->next + self->left * self->step)));
  Ref<> step = TRY(steal(PyLong_FromLong(self->step)));
  Ref<Range> range = TRY(make_range(std::move(start), std::move(stop), std::move(step)));
  return steal(Py_BuildValue("N(N)l", iter.release(), as_object(range.release()), self->index));
}
Ref<> iterator_setstate(RangeIterator* self, PyObject* state) {
  long index = TRY(checked(PyLong_AsLong(state)));
  long total = self->index + self->left;
  index = std::clamp(index, 0L, total);
  self->next += (index - self->index) * self->step;
  self->left = total - index;
  self->index = index;
  return none();
}

void long_dealloc(LongRangeIterator* self) {
  for (PyObject* field : {self->index, self->start, self->step, self->length}) gill::release(field);
  PyObject_Free(self);
}
Ref<> long_next(LongRangeIterator* self) {
  if (!TRY(truth_of(PyObject_RichCompareBool(self->index, self->length, Py_LT)))) return nullptr;
  Ref<> one = TRY(number(1));
  Ref<> after = TRY(steal(PyNumber_Add(self->index, one.get())));
  Ref<> offset = TRY(steal(PyNumber_Multiply(self->index, self->step)));
  Ref<> value = TRY(steal(PyNumber_Add(self->start, offset.get())));
  set_field(self->index, std::move(after));
  return value;
}
Ref<> long_length_hint(LongRangeIterator* self) { return steal(PyNumber_Subtract(self->length, self->index)); }
Ref<> long_reduce(LongRangeIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  Ref<> span = TRY(steal(PyNumber_Multiply(self->length, self->step)));
  Ref<> stop = TRY(steal(PyNumber_Add(self->start, span.get())));
  Ref<Range> range = TRY(make_range(borrow(self->start), std::move(stop), borrow(self->step)));
  return steal(Py_BuildValue("N(N)O", iter.release(), as_object(range.release()), self->index));
}
Ref<> long_setstate(LongRangeIterator* self, PyObject* state) {
  Ref<> index = borrow(state);
  Ref<> zero = TRY(number(0));
  if (TRY(truth_of(PyObject_RichCompareBool(state, zero.get(), Py_LT)))) index = zero.new_ref();
  else if (TRY(truth_of(PyObject_RichCompareBool(state, self->length, Py_GT)))) index = borrow(self->length);
  set_field(self->index, std::move(index));
  return none();
}

#define REDUCE(function) METHOD_UNSIGNED("__reduce__($self, /)", function, "Return state information for pickling.")
#define SETSTATE(function) METHOD_UNSIGNED("__setstate__($self, state, /)", function, "Set state information for unpickling.")
#define LENGTH_HINT(function) METHOD_UNSIGNED("__length_hint__($self, /)", function, "Private method returning an estimate of len(list(it)).")
const PyMethodDef kIteratorMethods[] = {LENGTH_HINT(iterator_length_hint), REDUCE(iterator_reduce), SETSTATE(iterator_setstate), kEndOfMethods};
const PyMethodDef kLongMethods[] = {LENGTH_HINT(long_length_hint), REDUCE(long_reduce), SETSTATE(long_setstate), kEndOfMethods};

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("__reversed__($self, /)", range_reversed, "Return a reverse iterator."),
    METHOD_OF_TUPLE("__reduce__($self, *args)", range_reduce, nullptr),
    METHOD_UNSIGNED("count($self, value, /)", range_count, "rangeobject.count(value) -> integer -- return number of occurrences of value"),
    METHOD_UNSIGNED("index($self, value, /)", range_index, "rangeobject.index(value) -> integer -- return index of value.\nRaise ValueError if the value is not present."),
    kEndOfMethods,
};
const PyMemberDef kMembers[] = {
    {"start", T_OBJECT_EX, offsetof(Range, start), READONLY, nullptr},
    {"stop", T_OBJECT_EX, offsetof(Range, stop), READONLY, nullptr},
    {"step", T_OBJECT_EX, offsetof(Range, step), READONLY, nullptr},
    {},
};
PySequenceMethods range_as_sequence = {.sq_length = slot<range_len>, .sq_item = slot<range_item>, .sq_contains = slot<range_contains>};
PyMappingMethods range_as_mapping = {slot<range_len>, slot<range_subscript>, nullptr};
PyNumberMethods range_as_number = {.nb_bool = slot<range_bool>};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyRange_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "range",
    .tp_basicsize = sizeof(Range),
    .tp_dealloc = slot<range_dealloc>,
    .tp_repr = slot<range_repr>,
    .tp_as_number = &range_as_number,
    .tp_as_sequence = &range_as_sequence,
    .tp_as_mapping = &range_as_mapping,
    .tp_hash = slot<range_hash>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_SEQUENCE,
    .tp_doc = "range(stop) -> range object\nrange(start, stop[, step]) -> range object\n\nReturn an object that produces a sequence of integers from start (inclusive)\nto stop (exclusive) by step.  range(i, j) produces i, i+1, i+2, ..., j-1.\nstart defaults to 0, and stop is omitted!  range(4) produces 0, 1, 2, 3.\nThese are exactly the valid indices for a list of 4 elements.\nWhen step is given, it specifies the increment (or decrement).",
    .tp_richcompare = slot<range_compare>,
    .tp_iter = slot<range_iter>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_new = new_slot,
    .tp_vectorcall = vectorcall_slot,
};
PyTypeObject PyRangeIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "range_iterator",
    .tp_basicsize = sizeof(RangeIterator),
    .tp_dealloc = [](PyObject* self) { PyObject_Free(self); },
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<iterator_next>,
    .tp_methods = table(kIteratorMethods),
};
PyTypeObject PyLongRangeIter_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "longrange_iterator",
    .tp_basicsize = sizeof(LongRangeIterator),
    .tp_dealloc = slot<long_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = slot<long_next>,
    .tp_methods = table(kLongMethods),
};

}  // extern "C"
GILL_STATIC_TYPE(PyRange_Type);
GILL_STATIC_TYPE(PyRangeIter_Type);
GILL_STATIC_TYPE(PyLongRangeIter_Type);
