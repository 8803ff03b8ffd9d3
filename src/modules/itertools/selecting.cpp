// Iterators that pass on, drop or combine the items of others one by one: accumulate, chain, compress,
// dropwhile, filterfalse, islice, pairwise, starmap, takewhile, zip_longest.
#include "modules/itertools/itertools.h"

#include "objects/tuple.h"

namespace gill::itertools {
namespace {

// ---- takewhile, dropwhile, filterfalse, starmap: a function and an iterator -------------------------

struct Mapped {
  PyObject_HEAD
  PyObject* function;
  PyObject* iterator;
  long state;  // dropwhile: started; takewhile: stopped

  using Fields = OwnedFields<&Mapped::function, &Mapped::iterator>;
};

Ref<> mapped_new(PyTypeObject* type, PyObject* function, PyObject* iterable) {
  Ref<> iterator = TRY(iter(iterable));
  Ref<Mapped> self = TRY(make<Mapped>(type));
  self->function = borrow(function).release();
  self->iterator = iterator.release();
  return self;
}

Maybe<bool> holds(PyObject* predicate, PyObject* item) {
  Ref<> answer = TRY(steal(PyObject_CallOneArg(predicate, item)));
  return truth_of(PyObject_IsTrue(answer.get()));
}

Ref<> dropwhile_next(Mapped* self) {
  for (;;) {
    Ref<> item = TRY(next(self->iterator));
    if (self->state) return item;
    if (!TRY(holds(self->function, item.get()))) {
      self->state = 1;
      return item;
    }
  }
}

Ref<> takewhile_next(Mapped* self) {
  if (self->state) return nullptr;
  Ref<> item = TRY(next(self->iterator));
  if (TRY(holds(self->function, item.get()))) return item;
  self->state = 1;
  return nullptr;
}

Ref<> filterfalse_next(Mapped* self) {
  for (;;) {
    Ref<> item = TRY(next(self->iterator));
    bool good = self->function == Py_None || self->function == as_object(&PyBool_Type)
                    ? TRY(truth_of(PyObject_IsTrue(item.get())))
                    : TRY(holds(self->function, item.get()));
    if (!good) return item;
  }
}

Ref<> starmap_next(Mapped* self) {
  Ref<> args = TRY(next(self->iterator));
  if (!PyTuple_CheckExact(args.get())) args = TRY(steal(PySequence_Tuple(args.get())));
  return steal(PyObject_Call(self->function, args.get(), nullptr));
}

Ref<> mapped_reduce(Mapped* self) { return steal(Py_BuildValue("O(OO)", type_of(self), self->function, self->iterator)); }
Ref<> mapped_reduce_state(Mapped* self) {
  return steal(Py_BuildValue("O(OO)l", type_of(self), self->function, self->iterator, self->state));
}
Ref<> mapped_setstate(Mapped* self, PyObject* state) {
  int value = TRY(truth_of(PyObject_IsTrue(state)));
  self->state = value;
  return none();
}

#define REDUCE(function) METHOD_UNSIGNED("__reduce__($self, /)", function, "Return state information for pickling.")
#define SETSTATE(function) METHOD_UNSIGNED("__setstate__($self, state, /)", function, "Set state information for unpickling.")

const PyMethodDef kMappedMethods[] = {REDUCE(mapped_reduce), kEndOfMethods};
const PyMethodDef kMappedStateMethods[] = {REDUCE(mapped_reduce_state), SETSTATE(mapped_setstate), kEndOfMethods};

// ---- chain ----------------------------------------------------------------------------------------

struct Chain {
  PyObject_HEAD
  PyObject* source;  // of iterables; null once it has ended
  PyObject* active;

  using Fields = OwnedFields<&Chain::source, &Chain::active>;
};

Ref<> chain_over(PyTypeObject* type, Ref<> source) {
  if (!source) return failure;
  Ref<Chain> self = TRY(make<Chain>(type));
  self->source = source.release();
  return self;
}
PyObject* chain_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!detail::overrides(type, &PyTypeObject::tp_init) && !_PyArg_NoKeywords("chain", kwargs)) return nullptr;
  return chain_over(type, iter(args)).release();
}
Ref<> chain_from_iterable(PyTypeObject* type, PyObject* iterable) { return chain_over(type, iter(iterable)); }

Ref<> chain_next(Chain* self) {
  while (self->source) {
    if (!self->active) {
      Ref<> iterable = next(self->source);
      if (!iterable) {
        clear_field(self->source);
        return nullptr;
      }
      Ref<> active = iter(iterable.get());
      if (!active) {
        clear_field(self->source);
        return failure;
      }
      self->active = active.release();
    }
    if (Ref<> item = next(self->active)) return item;
    if (PyErr_Occurred()) return failure;
    clear_field(self->active);
  }
  return nullptr;
}

Ref<> chain_reduce(Chain* self) {
  if (!self->source) return steal(Py_BuildValue("O()", type_of(self)));
  if (self->active) return steal(Py_BuildValue("O()(OO)", type_of(self), self->source, self->active));
  return steal(Py_BuildValue("O()(O)", type_of(self), self->source));
}
Ref<> chain_setstate(Chain* self, PyObject* state) {
  PyObject *source, *active = nullptr;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state is not a tuple");
  if (!PyArg_ParseTuple(state, "O|O", &source, &active)) return failure;
  if (!PyIter_Check(source) || (active && !PyIter_Check(active))) return raise(PyExc_TypeError, "Arguments must be iterators.");
  set_field(self->source, borrow(source));
  set_field(self->active, borrow(active));
  return none();
}
Ref<> class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

const PyMethodDef kChainMethods[] = {
    CLASS_METHOD("from_iterable($type, iterable, /)", chain_from_iterable, "Alternative chain() constructor taking a single iterable argument that evaluates lazily."),
    REDUCE(chain_reduce),
    SETSTATE(chain_setstate),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", class_getitem, "See PEP 585"),
    kEndOfMethods,
};

// ---- compress -------------------------------------------------------------------------------------

struct Compress {
  PyObject_HEAD
  PyObject* data;
  PyObject* selectors;

  using Fields = OwnedFields<&Compress::data, &Compress::selectors>;
};

Ref<> compress_new(PyTypeObject* type, PyObject* data, PyObject* selectors) {
  Ref<> d = TRY(iter(data));
  Ref<> s = TRY(iter(selectors));
  Ref<Compress> self = TRY(make<Compress>(type));
  self->data = d.release();
  self->selectors = s.release();
  return self;
}
Ref<> compress_next(Compress* self) {
  for (;;) {
    Ref<> item = TRY(next(self->data));
    Ref<> selector = TRY(next(self->selectors));
    if (TRY(truth_of(PyObject_IsTrue(selector.get())))) return item;
  }
}
Ref<> compress_reduce(Compress* self) { return steal(Py_BuildValue("O(OO)", type_of(self), self->data, self->selectors)); }
const PyMethodDef kCompressMethods[] = {REDUCE(compress_reduce), kEndOfMethods};

// ---- accumulate -----------------------------------------------------------------------------------

struct Accumulate {
  PyObject_HEAD
  PyObject* total;
  PyObject* iterator;
  PyObject* function;  // null: add
  PyObject* initial;   // not yet handed out, or null

  using Fields = OwnedFields<&Accumulate::total, &Accumulate::iterator, &Accumulate::function, &Accumulate::initial>;
};

Ref<> accumulate_new(PyTypeObject* type, PyObject* iterable, PyObject* function, PyObject* initial) {
  Ref<> iterator = TRY(iter(iterable));
  Ref<Accumulate> self = TRY(make<Accumulate>(type));
  if (function != Py_None) self->function = borrow(function).release();
  if (initial != Py_None) self->initial = borrow(initial).release();
  self->iterator = iterator.release();
  return self;
}
Ref<> accumulate_next(Accumulate* self) {
  if (self->initial) {
    set_field(self->total, steal(std::exchange(self->initial, nullptr)));
    return borrow(self->total);
  }
  Ref<> item = TRY(next(self->iterator));
  if (!self->total) {
    self->total = item.new_ref().release();
    return item;
  }
  Ref<> before = borrow(self->total);
  PyObject* operands[] = {before.get(), item.get()};
  Ref<> total = TRY(steal(self->function ? PyObject_Vectorcall(self->function, operands, 2, nullptr) : PyNumber_Add(before.get(), item.get())));
  set_field(self->total, total.new_ref());
  return total;
}
Ref<> accumulate_reduce(Accumulate* self) {
  PyObject* function = self->function ? self->function : Py_None;
  if (self->initial) {
    Ref<> head = TRY(steal(PyTuple_Pack(1, self->initial)));
    Ref<> both = TRY(steal(PyTuple_Pack(2, head.get(), self->iterator)));
    Ref<> chain = TRY(chain_from_iterable(&Chain_Type, both.get()));
    return steal(Py_BuildValue("O(NO)O", type_of(self), chain.release(), function, Py_None));
  }
  if (self->total == Py_None) {
    // A None total cannot travel as the state, so it goes in front of the items.
    Ref<> head = TRY(steal(PyTuple_Pack(1, Py_None)));
    Ref<> both = TRY(steal(PyTuple_Pack(2, head.get(), self->iterator)));
    Ref<> chain = TRY(chain_from_iterable(&Chain_Type, both.get()));
    Ref<> inner = TRY(steal(Py_BuildValue("(NO)", chain.release(), function)));
    Ref<> again = TRY(steal(PyObject_CallObject(type_of(self), inner.get())));
    return steal(Py_BuildValue("O(NiO)", as_object(&ISlice_Type), again.release(), 1, Py_None));
  }
  return steal(Py_BuildValue("O(OO)O", type_of(self), self->iterator, function, self->total ? self->total : Py_None));
}
Ref<> accumulate_setstate(Accumulate* self, PyObject* state) {
  set_field(self->total, borrow(state));
  return none();
}
const PyMethodDef kAccumulateMethods[] = {REDUCE(accumulate_reduce), SETSTATE(accumulate_setstate), kEndOfMethods};

// ---- islice ---------------------------------------------------------------------------------------

struct ISlice {
  PyObject_HEAD
  PyObject* iterator;  // null once it has ended
  Py_ssize_t next, stop, step, count;

  using Fields = OwnedFields<&ISlice::iterator>;
};

// A bound; what is no index, or too large for one, counts as -1, which is itself no bound.
void bound(PyObject* value, Py_ssize_t* out) {
  if (value == Py_None) return;
  *out = -1;
  if (PyIndex_Check(value)) *out = PyNumber_AsSsize_t(value, PyExc_OverflowError);
  PyErr_Clear();
}

PyObject* islice_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  auto build = [&]() -> Ref<> {
    PyObject *sequence, *first, *second = nullptr, *third = nullptr;
    if (!detail::overrides(type, &PyTypeObject::tp_init) && !_PyArg_NoKeywords("islice", kwargs)) return failure;
    if (!PyArg_UnpackTuple(args, "islice", 2, 4, &sequence, &first, &second, &third)) return failure;
    PyObject* end = second ? second : first;
    Py_ssize_t start = 0, stop = -1, step = 1;
    if (second) bound(first, &start);
    bound(end, &stop);
    if (stop == -1 && end != Py_None) {
      return raise(PyExc_ValueError, "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.");
    }
    if (start < 0 || stop < -1) return raise(PyExc_ValueError, "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.");
    if (third) bound(third, &step);
    if (step < 1) return raise(PyExc_ValueError, "Step for islice() must be a positive integer or None.");
    Ref<> iterator = TRY(iter(sequence));
    Ref<ISlice> self = TRY(make<ISlice>(type));
    self->iterator = iterator.release();
    self->next = start;
    self->stop = stop;
    self->step = step;
    return self;
  };
  return build().release();
}

Ref<> islice_next(ISlice* self) {
  if (!self->iterator) return nullptr;
  Py_ssize_t stop = self->stop;
  while (self->count < self->next) {
    Ref<> skipped = steal(Py_TYPE(self->iterator)->tp_iternext(self->iterator));
    if (!skipped) {
      clear_field(self->iterator);
      return nullptr;
    }
    ++self->count;
  }
  Ref<> item;
  // A StopIteration goes on with what it carries.
  if (stop == -1 || self->count < stop) item = steal(Py_TYPE(self->iterator)->tp_iternext(self->iterator));
  if (!item) {
    clear_field(self->iterator);
    return nullptr;
  }
  ++self->count;
  Py_ssize_t old = self->next;
  // The next position may overflow; then it lies behind any stop.
  self->next = static_cast<Py_ssize_t>(static_cast<size_t>(old) + static_cast<size_t>(self->step));
  if (self->next < old || (stop != -1 && self->next > stop)) self->next = stop == -1 ? PY_SSIZE_T_MAX : stop;
  return item;
}

Ref<> islice_reduce(ISlice* self) {
  if (!self->iterator) {
    Ref<> empty = TRY(empty_iterator());
    return steal(Py_BuildValue("O(Nn)n", type_of(self), empty.release(), Py_ssize_t{0}, Py_ssize_t{0}));
  }
  Ref<> stop = self->stop == -1 ? none() : TRY(steal(PyLong_FromSsize_t(self->stop)));
  return steal(Py_BuildValue("O(OnNn)n", type_of(self), self->iterator, self->next, stop.release(), self->step, self->count));
}
Ref<> islice_setstate(ISlice* self, PyObject* state) {
  self->count = TRY(checked(PyLong_AsSsize_t(state)));
  return none();
}
const PyMethodDef kISliceMethods[] = {REDUCE(islice_reduce), SETSTATE(islice_setstate), kEndOfMethods};

// ---- pairwise -------------------------------------------------------------------------------------

struct Pairwise {
  PyObject_HEAD
  PyObject* iterator;
  PyObject* previous;

  using Fields = OwnedFields<&Pairwise::iterator, &Pairwise::previous>;
};

Ref<> pairwise_new(PyTypeObject* type, PyObject* iterable) {
  Ref<> iterator = TRY(iter(iterable));
  Ref<Pairwise> self = TRY(make<Pairwise>(type));
  self->iterator = iterator.release();
  return self;
}
Ref<> pairwise_next(Pairwise* self) {
  if (!self->iterator) return nullptr;
  // The iterator may run into this object again, so nothing is held across a call but our own references.
  Ref<> iterator = borrow(self->iterator);
  Ref<> previous = borrow(self->previous);
  if (!previous) {
    previous = next(iterator.get());
    if (!previous) {
      clear_field(self->iterator);
      return nullptr;
    }
    set_field(self->previous, previous.new_ref());
    if (!self->iterator) {
      clear_field(self->previous);
      return nullptr;
    }
  }
  Ref<> item = next(iterator.get());
  if (!item) {
    clear_field(self->iterator);
    clear_field(self->previous);
    return nullptr;
  }
  set_field(self->previous, item.new_ref());
  return tuple_of(std::move(previous), std::move(item));
}

// ---- zip_longest ------------------------------------------------------------------------------------

struct ZipLongest {
  PyObject_HEAD
  PyObject* iterators;  // tuple; an ended one is null
  PyObject* fill;
  Py_ssize_t active;

  using Fields = OwnedFields<&ZipLongest::iterators, &ZipLongest::fill>;
};

PyObject* zip_longest_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  auto build = [&]() -> Ref<> {
    PyObject* fill = Py_None;
    if (kwargs && PyDict_GET_SIZE(kwargs) > 0) {
      fill = nullptr;
      if (PyDict_GET_SIZE(kwargs) == 1) fill = PyDict_GetItemWithError(kwargs, name<"fillvalue">);
      if (!fill) {
        if (PyErr_Occurred()) return failure;
        return raise(PyExc_TypeError, "zip_longest() got an unexpected keyword argument");
      }
    }
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    Ref<> iterators = TRY(steal(PyTuple_New(n)));
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(iterators.get(), i, TRY(iter(PyTuple_GET_ITEM(args, i))).release());
    Ref<ZipLongest> self = TRY(make<ZipLongest>(type));
    self->iterators = iterators.release();
    self->fill = borrow(fill).release();
    self->active = n;
    return self;
  };
  return build().release();
}

Ref<> zip_longest_next(ZipLongest* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->iterators);
  if (n == 0 || self->active == 0) return nullptr;
  Ref<> result = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* iterator = PyTuple_GET_ITEM(self->iterators, i);
    Ref<> item;
    if (iterator) {
      item = next(iterator);
      if (!item) {
        --self->active;
        if (self->active == 0 || PyErr_Occurred()) {
          self->active = 0;
          return nullptr;
        }
        PyTuple_SET_ITEM(self->iterators, i, nullptr);
        gill::release(iterator);
      }
    }
    if (!item) item = borrow(self->fill);
    PyTuple_SET_ITEM(result.get(), i, item.release());
  }
  return result;
}
Ref<> zip_longest_reduce(ZipLongest* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->iterators);
  Ref<> args = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* iterator = PyTuple_GET_ITEM(self->iterators, i);
    Ref<> item = iterator ? borrow(iterator) : TRY(steal(PyTuple_New(0)));
    PyTuple_SET_ITEM(args.get(), i, item.release());
  }
  return steal(Py_BuildValue("ONO", type_of(self), args.release(), self->fill));
}
Ref<> zip_longest_setstate(ZipLongest* self, PyObject* state) {
  set_field(self->fill, borrow(state));
  return none();
}
const PyMethodDef kZipLongestMethods[] = {REDUCE(zip_longest_reduce), SETSTATE(zip_longest_setstate), kEndOfMethods};

}  // namespace

extern "C" {
PyTypeObject DropWhile_Type = iterator_type<Mapped>("itertools.dropwhile", "dropwhile(predicate, iterable, /)\n--\n\nDrop items from the iterable while predicate(item) is true.\n\nAfterwards, return every element until the iterable is exhausted.",
    CONSTRUCTOR("dropwhile($type, predicate, iterable, /)", mapped_new), slot<dropwhile_next>, table(kMappedStateMethods));
PyTypeObject TakeWhile_Type = iterator_type<Mapped>("itertools.takewhile", "takewhile(predicate, iterable, /)\n--\n\nReturn successive entries from an iterable as long as the predicate evaluates to true for each entry.",
    CONSTRUCTOR("takewhile($type, predicate, iterable, /)", mapped_new), slot<takewhile_next>, table(kMappedStateMethods));
PyTypeObject FilterFalse_Type = iterator_type<Mapped>("itertools.filterfalse", "filterfalse(function, iterable, /)\n--\n\nReturn those items of iterable for which function(item) is false.\n\nIf function is None, return the items that are false.",
    CONSTRUCTOR("filterfalse($type, function, iterable, /)", mapped_new), slot<filterfalse_next>, table(kMappedMethods));
PyTypeObject StarMap_Type = iterator_type<Mapped>("itertools.starmap", "starmap(function, iterable, /)\n--\n\nReturn an iterator whose values are returned from the function evaluated with an argument tuple taken from the given sequence.",
    CONSTRUCTOR("starmap($type, function, iterable, /)", mapped_new), slot<starmap_next>, table(kMappedMethods));
PyTypeObject Chain_Type = iterator_type<Chain>("itertools.chain", "chain(*iterables) --> chain object\n\nReturn a chain object whose .__next__() method returns elements from the\nfirst iterable until it is exhausted, then elements from the next\niterable, until all of the iterables are exhausted.",
    chain_new, slot<chain_next>, table(kChainMethods));
PyTypeObject Compress_Type = iterator_type<Compress>("itertools.compress", "compress(data, selectors)\n--\n\nReturn data elements corresponding to true selector elements.",
    CONSTRUCTOR("compress($type, data, selectors)", compress_new), slot<compress_next>, table(kCompressMethods));
PyTypeObject Accumulate_Type = iterator_type<Accumulate>("itertools.accumulate", "accumulate(iterable, func=None, *, initial=None)\n--\n\nReturn series of accumulated sums.",
    CONSTRUCTOR("accumulate($type, iterable, func=None, *, initial=None)", accumulate_new), slot<accumulate_next>, table(kAccumulateMethods));
PyTypeObject ISlice_Type = iterator_type<ISlice>("itertools.islice", "islice(iterable, stop) --> islice object\nislice(iterable, start, stop[, step]) --> islice object\n\nReturn an iterator whose next() method returns selected values from an iterable.",
    islice_new, slot<islice_next>, table(kISliceMethods));
PyTypeObject Pairwise_Type = iterator_type<Pairwise>("itertools.pairwise", "pairwise(iterable, /)\n--\n\nReturn an iterator of overlapping pairs taken from the input iterator.",
    CONSTRUCTOR("pairwise($type, iterable, /)", pairwise_new), slot<pairwise_next>, nullptr);
PyTypeObject ZipLongest_Type = iterator_type<ZipLongest>("itertools.zip_longest", "zip_longest(iter1 [,iter2 [...]], [fillvalue=None]) --> zip_longest object\n\nReturn a zip_longest object whose .__next__() method returns a tuple where\nthe i-th element comes from the i-th iterable argument.",
    zip_longest_new, slot<zip_longest_next>, table(kZipLongestMethods));
}
GILL_STATIC_TYPE(DropWhile_Type);
GILL_STATIC_TYPE(TakeWhile_Type);
GILL_STATIC_TYPE(FilterFalse_Type);
GILL_STATIC_TYPE(StarMap_Type);
GILL_STATIC_TYPE(Chain_Type);
GILL_STATIC_TYPE(Compress_Type);
GILL_STATIC_TYPE(Accumulate_Type);
GILL_STATIC_TYPE(ISlice_Type);
GILL_STATIC_TYPE(Pairwise_Type);
GILL_STATIC_TYPE(ZipLongest_Type);

}  // namespace gill::itertools
