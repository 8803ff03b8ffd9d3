// count, cycle, repeat.
#include "modules/itertools/itertools.h"

namespace gill::itertools {
namespace {

// ---- count: a machine integer as long as it fits, then objects --------------------------------------

struct Count {
  PyObject_HEAD
  Py_ssize_t fast;   // the next value while `number` is null
  PyObject* number;  // the next value beyond that, or null
  PyObject* step;
  bool step_one;     // the step is an int of value 1, whatever its class

  using Fields = OwnedFields<&Count::number, &Count::step>;
};

Ref<> count_new(PyTypeObject* type, PyObject* start, PyObject* step) {
  if ((start && !PyNumber_Check(start)) || (step && !PyNumber_Check(step))) return raise(PyExc_TypeError, "a number is required");
  Ref<> by = step ? borrow(step) : TRY(steal(PyLong_FromLong(1)));
  bool one = PyLong_Check(by.get()) && PyLong_AsLongLong(by.get()) == 1;
  PyErr_Clear();
  Py_ssize_t fast = 0;
  bool fits = !start;
  if (start && PyLong_Check(start)) {
    fast = PyLong_AsSsize_t(start);
    fits = !(fast == -1 && PyErr_Occurred());
    PyErr_Clear();
  }
  Ref<Count> self = TRY(make<Count>(type));
  self->step_one = one;
  self->step = by.release();
  self->fast = fast;
  if (!fits || !one) self->number = (start ? borrow(start) : TRY(steal(PyLong_FromLong(0)))).release();
  return self;
}

Ref<> count_next(Count* self) {
  if (!self->number) {
    if (self->fast < PY_SSIZE_T_MAX) return steal(PyLong_FromSsize_t(self->fast++));
    self->number = TRY(PyLong_FromSsize_t(self->fast));
  }
  Ref<> after = TRY(steal(PyNumber_Add(self->number, self->step)));
  return steal(std::exchange(self->number, after.release()));
}

Ref<> count_current(Count* self) { return self->number ? borrow(self->number) : steal(PyLong_FromSsize_t(self->fast)); }

Ref<> count_repr(Count* self) {
  Ref<> value = TRY(count_current(self));
  if (self->step_one) return steal(PyUnicode_FromFormat("%s(%R)", _PyType_Name(Py_TYPE(self)), value.get()));
  return steal(PyUnicode_FromFormat("%s(%R, %R)", _PyType_Name(Py_TYPE(self)), value.get(), self->step));
}

Ref<> count_reduce(Count* self) {
  Ref<> value = TRY(count_current(self));
  if (!self->number) return steal(Py_BuildValue("O(O)", type_of(self), value.get()));
  return steal(Py_BuildValue("O(OO)", type_of(self), value.get(), self->step));
}

const PyMethodDef kCountMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", count_reduce, "Return state information for pickling."),
    kEndOfMethods,
};

// ---- cycle ----------------------------------------------------------------------------------------

struct Cycle {
  PyObject_HEAD
  PyObject* iterator;  // null once it has ended
  PyObject* saved;     // list
  Py_ssize_t index;
  bool first_pass_saved;  // restored from a pickle that had all items already

  using Fields = OwnedFields<&Cycle::iterator, &Cycle::saved>;
};

Ref<> cycle_new(PyTypeObject* type, PyObject* iterable) {
  Ref<> iterator = TRY(iter(iterable));
  Ref<> saved = TRY(steal(PyList_New(0)));
  Ref<Cycle> self = TRY(make<Cycle>(type));
  self->iterator = iterator.release();
  self->saved = saved.release();
  return self;
}

Ref<> cycle_next(Cycle* self) {
  if (self->iterator) {
    if (Ref<> item = next(self->iterator)) {
      if (!self->first_pass_saved) TRY(status_of(PyList_Append(self->saved, item.get())));
      return item;
    }
    if (PyErr_Occurred()) return failure;
    clear_field(self->iterator);
  }
  if (!self->saved || PyList_GET_SIZE(self->saved) == 0) return nullptr;
  if (self->index >= PyList_GET_SIZE(self->saved)) self->index = 0;
  return borrow(PyList_GET_ITEM(self->saved, self->index++));
}

Ref<> cycle_reduce(Cycle* self) {
  if (!self->iterator) {
    Ref<> rest = TRY(iter(self->saved));
    if (self->index) {
      Ref<> index = TRY(steal(PyLong_FromSsize_t(self->index)));
      (void)TRY(steal(PyObject_CallMethodOneArg(rest.get(), name<"__setstate__">, index.get())));
    }
    return steal(Py_BuildValue("O(N)(OO)", type_of(self), rest.release(), self->saved, Py_True));
  }
  return steal(Py_BuildValue("O(O)(OO)", type_of(self), self->iterator, self->saved, self->first_pass_saved ? Py_True : Py_False));
}

Ref<> cycle_setstate(Cycle* self, PyObject* state) {
  PyObject* saved;
  int first_pass;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state is not a tuple");
  if (!PyArg_ParseTuple(state, "O!i", &PyList_Type, &saved, &first_pass)) return failure;
  set_field(self->saved, borrow(saved));
  self->first_pass_saved = first_pass != 0;
  self->index = 0;
  return none();
}

const PyMethodDef kCycleMethods[] = {
    METHOD_UNSIGNED("__reduce__($self, /)", cycle_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", cycle_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

// ---- repeat ---------------------------------------------------------------------------------------

struct Repeat {
  PyObject_HEAD
  PyObject* element;
  Py_ssize_t left;  // -1: for ever

  using Fields = OwnedFields<&Repeat::element>;
};

Ref<> repeat_new(PyTypeObject* type, PyObject* object, PyObject* times) {
  Py_ssize_t left = -1;
  if (times) {
    Ref<> number = TRY(steal(PyNumber_Index(times)));
    left = std::max<Py_ssize_t>(0, TRY(checked(PyLong_AsSsize_t(number.get()))));
  }
  Ref<Repeat> self = TRY(make<Repeat>(type));
  self->element = borrow(object).release();
  self->left = left;
  return self;
}

Ref<> repeat_next(Repeat* self) {
  if (self->left == 0) return nullptr;
  if (self->left > 0) --self->left;
  return borrow(self->element);
}

Ref<> repeat_repr(Repeat* self) {
  if (self->left == -1) return steal(PyUnicode_FromFormat("%s(%R)", _PyType_Name(Py_TYPE(self)), self->element));
  return steal(PyUnicode_FromFormat("%s(%R, %zd)", _PyType_Name(Py_TYPE(self)), self->element, self->left));
}

Ref<> repeat_length_hint(Repeat* self) {
  if (self->left == -1) return raise(PyExc_TypeError, "len() of unsized object");
  return steal(PyLong_FromSsize_t(self->left));
}

Ref<> repeat_reduce(Repeat* self) {
  if (self->left >= 0) return steal(Py_BuildValue("O(On)", type_of(self), self->element, self->left));
  return steal(Py_BuildValue("O(O)", type_of(self), self->element));
}

const PyMethodDef kRepeatMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", repeat_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", repeat_reduce, "Return state information for pickling."),
    kEndOfMethods,
};

}  // namespace

extern "C" {
PyTypeObject Count_Type = [] {
  PyTypeObject type = iterator_type<Count>("itertools.count", "count(start=0, step=1)\n--\n\nReturn a count object whose .__next__() method returns consecutive values.",
                                           CONSTRUCTOR("count($type, start=<unrepresentable>, step=<unrepresentable>)", count_new), slot<count_next>, table(kCountMethods));
  type.tp_repr = slot<count_repr>;
  return type;
}();
PyTypeObject Cycle_Type = iterator_type<Cycle>("itertools.cycle", "cycle(iterable, /)\n--\n\nReturn elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.",
                                               CONSTRUCTOR("cycle($type, iterable, /)", cycle_new), slot<cycle_next>, table(kCycleMethods));
PyTypeObject Repeat_Type = [] {
  PyTypeObject type = iterator_type<Repeat>("itertools.repeat", "repeat(object [,times]) -> create an iterator which returns the object\nfor the specified number of times.  If not specified, returns the object\nendlessly.",
                                            CONSTRUCTOR("repeat($type, object, times=<unrepresentable>)", repeat_new), slot<repeat_next>, table(kRepeatMethods));
  type.tp_repr = slot<repeat_repr>;
  return type;
}();
}
GILL_STATIC_TYPE(Count_Type);
GILL_STATIC_TYPE(Cycle_Type);
GILL_STATIC_TYPE(Repeat_Type);

}  // namespace gill::itertools
