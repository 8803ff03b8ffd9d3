// enumerate, zip, map, filter, reversed, and the iterators behind iter(): over a sequence by index, and
// over a callable until a sentinel.
#include "base/binding.h"
#include "base/names.h"
#include "objects/sequence_methods.h"
#include "objects/tuple.h"

namespace gill {
namespace {

template <class T>
void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dealloc<T>)
  T::Fields::clear(self);
  Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END
}
template <class T>
Ref<T> make(PyTypeObject* type) {
  return Ref<T>::steal(type->tp_alloc(type, 0));
}
// Null with or without an exception, as tp_iternext has it.
Ref<> next(PyObject* iterator) { return steal(Py_TYPE(iterator)->tp_iternext(iterator)); }
PyObject* type_of(void* self) { return as_object(Py_TYPE(self)); }
Ref<> class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

#define REDUCE(function) METHOD_UNSIGNED("__reduce__($self, /)", function, "Return state information for pickling.")
#define SETSTATE(function) METHOD_UNSIGNED("__setstate__($self, state, /)", function, "Set state information for unpickling.")
#define LENGTH_HINT(function) METHOD_UNSIGNED("__length_hint__($self, /)", function, "Private method returning an estimate of len(list(it)).")

template <class T>
constexpr PyTypeObject iterator_type(const char* name, const char* doc, newfunc construct, iternextfunc next_item, PyMethodDef* methods,
                                     bool subclassable = true, vectorcallfunc construct_directly = nullptr) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(T),
      .tp_dealloc = dealloc<T>,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | (subclassable ? Py_TPFLAGS_BASETYPE : 0),
      .tp_doc = doc,
      .tp_traverse = T::Fields::traverse,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next_item,
      .tp_methods = methods,
      .tp_alloc = PyType_GenericAlloc,
      .tp_new = construct,
      .tp_free = PyObject_GC_Del,
      .tp_vectorcall = construct_directly,
  };
}

// A pair to hand out again when nobody else holds it.
Ref<> reuse_pair(PyObject* pair, Ref<> first, Ref<> second) {
  if (pair && Py_REFCNT(pair) == 1) {
    Ref<> result = borrow(pair);
    Ref<> old_first = steal(PyTuple_GET_ITEM(pair, 0)), old_second = steal(PyTuple_GET_ITEM(pair, 1));
    PyTuple_SET_ITEM(pair, 0, first.release());
    PyTuple_SET_ITEM(pair, 1, second.release());
    if (!PyObject_GC_IsTracked(pair)) PyObject_GC_Track(pair);
    return result;
  }
  return tuple_of(std::move(first), std::move(second));
}

// ---- enumerate ------------------------------------------------------------------------------------

struct Enumerate {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* iterator;
  PyObject* pair;
  PyObject* long_index;  // once the index no longer fits

  using Fields = OwnedFields<&Enumerate::iterator, &Enumerate::pair, &Enumerate::long_index>;
};

Ref<> enumerate_new(PyTypeObject* type, PyObject* iterable, PyObject* start) {
  Py_ssize_t index = 0;
  Ref<> long_index;
  if (start) {
    Ref<> number = TRY(steal(PyNumber_Index(start)));
    index = PyLong_AsSsize_t(number.get());
    if (index == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      index = PY_SSIZE_T_MAX;
      long_index = std::move(number);
    }
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  Ref<Enumerate> self = TRY(make<Enumerate>(type));
  self->index = index;
  self->long_index = long_index.release();
  self->iterator = iterator.release();
  self->pair = TRY(PyTuple_Pack(2, Py_None, Py_None));
  return self;
}

// Calls of the type itself; their messages are not those of the constructor, which subclasses get to.
Ref<> enumerate_call(PyTypeObject* type, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  auto is = [&](Py_ssize_t i, const char* wanted) { return _PyUnicode_EqualToASCIIString(PyTuple_GET_ITEM(names, i), wanted); };
  auto invalid = [&](Py_ssize_t i) {
    return raise(PyExc_TypeError, "'%.200U' is an invalid keyword argument for enumerate()", PyTuple_GET_ITEM(names, i));
  };
  if (count == 0 && (named == 0 || named > 2)) return raise(PyExc_TypeError, "enumerate() missing required argument 'iterable'");
  if (count + named > 2) return raise(PyExc_TypeError, "enumerate() takes at most %d arguments (%zd given)", 2, count + named);
  if (count == 2 || named == 0) return enumerate_new(type, args[0], count == 2 ? args[1] : nullptr);
  if (count == 1) return is(0, "start") ? enumerate_new(type, args[0], args[1]) : invalid(0);
  // Both by name may come in either order.
  Py_ssize_t iterable = named == 2 && is(0, "start") ? 1 : 0;
  if (!is(iterable, "iterable")) return invalid(iterable);
  if (named == 1) return enumerate_new(type, args[0], nullptr);
  Py_ssize_t start = 1 - iterable;
  return is(start, "start") ? enumerate_new(type, args[iterable], args[start]) : invalid(start);
}
PyObject* enumerate_vectorcall(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* names) {
  return enumerate_call(reinterpret_cast<PyTypeObject*>(type), args, PyVectorcall_NARGS(nargsf), names).release();
}

Ref<> enumerate_next(Enumerate* self) {
  Ref<> item = TRY(next(self->iterator));
  Ref<> index;
  if (self->index < PY_SSIZE_T_MAX) {
    index = TRY(steal(PyLong_FromSsize_t(self->index++)));
  } else {
    if (!self->long_index) self->long_index = TRY(PyLong_FromSsize_t(PY_SSIZE_T_MAX));
    Ref<> one = TRY(steal(PyLong_FromLong(1)));
    Ref<> after = TRY(steal(PyNumber_Add(self->long_index, one.get())));
    index = steal(std::exchange(self->long_index, after.release()));
  }
  return reuse_pair(self->pair, std::move(index), std::move(item));
}
Ref<> enumerate_reduce(Enumerate* self) {
  if (self->long_index) return steal(Py_BuildValue("O(OO)", type_of(self), self->iterator, self->long_index));
  return steal(Py_BuildValue("O(On)", type_of(self), self->iterator, self->index));
}
const PyMethodDef kEnumerateMethods[] = {
    REDUCE(enumerate_reduce), CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", class_getitem, "See PEP 585"), kEndOfMethods};

// ---- zip ------------------------------------------------------------------------------------------

struct Zip {
  PyObject_HEAD
  PyObject* iterators;  // tuple
  PyObject* result;
  bool strict;

  using Fields = OwnedFields<&Zip::iterators, &Zip::result>;
};

Ref<> zip_build(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  bool strict = false;
  if (kwargs && PyDict_GET_SIZE(kwargs)) {
    static const char* const names[] = {"strict", nullptr};
    Ref<> none_positional = TRY(steal(PyTuple_New(0)));
    int given = 0;
    if (!PyArg_ParseTupleAndKeywords(none_positional.get(), kwargs, "|$p:zip", const_cast<char**>(names), &given)) return failure;
    strict = given != 0;
  }
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  Ref<> iterators = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(iterators.get(), i, TRY(PyObject_GetIter(PyTuple_GET_ITEM(args, i))));
  Ref<> result = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(result.get(), i, none().release());
  Ref<Zip> self = TRY(make<Zip>(type));
  self->iterators = iterators.release();
  self->result = result.release();
  self->strict = strict;
  return self;
}
PyObject* zip_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) { return zip_build(type, args, kwargs).release(); }

// One iterator ended at place i. In strict mode all others must end now too.
Ref<> zip_end(Zip* self, Py_ssize_t i) {
  // A StopIteration goes on with what it carries.
  if (!self->strict) return nullptr;
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return failure;
    PyErr_Clear();
  }
  if (i > 0) {
    return raise(PyExc_ValueError, i == 1 ? "zip() argument %zd is shorter than argument %zd" : "zip() argument %zd is shorter than arguments 1-%zd", i + 1, i);
  }
  for (Py_ssize_t k = 1; k < PyTuple_GET_SIZE(self->iterators); ++k) {
    Ref<> item = next(PyTuple_GET_ITEM(self->iterators, k));
    if (item) {
      return raise(PyExc_ValueError, k == 1 ? "zip() argument %zd is longer than argument %zd" : "zip() argument %zd is longer than arguments 1-%zd", k + 1, k);
    }
    if (PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return failure;
      PyErr_Clear();
    }
  }
  return nullptr;
}

Ref<> zip_next(Zip* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->iterators);
  if (n == 0) return nullptr;
  bool reuse = Py_REFCNT(self->result) == 1;
  if (!reuse && n == 2) {
    Ref<> first = next(PyTuple_GET_ITEM(self->iterators, 0));
    if (!first) return zip_end(self, 0);
    Ref<> second = next(PyTuple_GET_ITEM(self->iterators, 1));
    return second ? tuple_of(std::move(first), std::move(second)) : zip_end(self, 1);
  }
  Ref<> result = reuse ? borrow(self->result) : TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) {
    Ref<> item = next(PyTuple_GET_ITEM(self->iterators, i));
    if (!item) return zip_end(self, i);
    PyObject* old = PyTuple_GET_ITEM(result.get(), i);
    PyTuple_SET_ITEM(result.get(), i, item.release());
    if (old) gill::release(old);
  }
  if (reuse && !PyObject_GC_IsTracked(result.get())) PyObject_GC_Track(result.get());
  return result;
}
Ref<> zip_reduce(Zip* self) {
  if (self->strict) return steal(PyTuple_Pack(3, type_of(self), self->iterators, Py_True));
  return steal(PyTuple_Pack(2, type_of(self), self->iterators));
}
Ref<> zip_setstate(Zip* self, PyObject* state) {
  self->strict = TRY(truth_of(PyObject_IsTrue(state)));
  return none();
}
const PyMethodDef kZipMethods[] = {REDUCE(zip_reduce), SETSTATE(zip_setstate), kEndOfMethods};

// ---- map --------------------------------------------------------------------------------------------

struct Map {
  PyObject_HEAD
  PyObject* iterators;  // tuple
  PyObject* function;

  using Fields = OwnedFields<&Map::iterators, &Map::function>;
};

Ref<> map_build(PyTypeObject* type, Args args) {
  if (args.count < 2) return raise(PyExc_TypeError, "map() must have at least two arguments.");
  Ref<> iterators = TRY(steal(PyTuple_New(args.count - 1)));
  for (Py_ssize_t i = 1; i < args.count; ++i) PyTuple_SET_ITEM(iterators.get(), i - 1, TRY(PyObject_GetIter(args[i])));
  Ref<Map> self = TRY(make<Map>(type));
  self->iterators = iterators.release();
  self->function = borrow(args[0]).release();
  return self;
}
PyObject* map_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  if (!detail::overrides(type, &PyTypeObject::tp_init) && !_PyArg_NoKeywords("map", kwargs)) return nullptr;
  return map_build(type, Args{&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args)}).release();
}
Ref<> map_next(Map* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->iterators);
  PyObject* few[8];
  PyObject** arguments = n < 8 ? few : PyMem_New(PyObject*, n + 1);
  if (!arguments) {
    PyErr_NoMemory();
    return failure;
  }
  Py_ssize_t count = 0;
  Ref<> result;
  for (; count < n; ++count) {
    PyObject* item = Py_TYPE(PyTuple_GET_ITEM(self->iterators, count))->tp_iternext(PyTuple_GET_ITEM(self->iterators, count));
    if (!item) break;
    arguments[count] = item;
  }
  if (count == n) result = steal(PyObject_Vectorcall(self->function, arguments, static_cast<size_t>(n), nullptr));
  for (Py_ssize_t i = 0; i < count; ++i) gill::release(arguments[i]);
  if (arguments != few) PyMem_Free(arguments);
  return result;
}
Ref<> map_reduce(Map* self) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->iterators);
  Ref<> args = TRY(steal(PyTuple_New(n + 1)));
  PyTuple_SET_ITEM(args.get(), 0, borrow(self->function).release());
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(args.get(), i + 1, borrow(PyTuple_GET_ITEM(self->iterators, i)).release());
  return steal(PyTuple_Pack(2, type_of(self), args.get()));
}
const PyMethodDef kMapMethods[] = {REDUCE(map_reduce), kEndOfMethods};

// ---- filter -----------------------------------------------------------------------------------------

struct Filter {
  PyObject_HEAD
  PyObject* function;
  PyObject* iterator;

  using Fields = OwnedFields<&Filter::function, &Filter::iterator>;
};

Ref<> filter_new(PyTypeObject* type, PyObject* function, PyObject* iterable) {
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  Ref<Filter> self = TRY(make<Filter>(type));
  self->function = borrow(function).release();
  self->iterator = iterator.release();
  return self;
}
Ref<> filter_next(Filter* self) {
  bool by_truth = self->function == Py_None || self->function == as_object(&PyBool_Type);
  for (;;) {
    Ref<> item = TRY(next(self->iterator));
    Ref<> answer;
    if (!by_truth) answer = TRY(steal(PyObject_CallOneArg(self->function, item.get())));
    int truth = PyObject_IsTrue(by_truth ? item.get() : answer.get());
    if (truth < 0) return failure;
    if (truth) return item;
  }
}
Ref<> filter_reduce(Filter* self) { return steal(Py_BuildValue("O(OO)", type_of(self), self->function, self->iterator)); }
const PyMethodDef kFilterMethods[] = {REDUCE(filter_reduce), kEndOfMethods};

// ---- reversed -----------------------------------------------------------------------------------------

struct Reversed {
  PyObject_HEAD
  Py_ssize_t index;
  PyObject* sequence;

  using Fields = OwnedFields<&Reversed::sequence>;
};

Ref<> reversed_new(PyTypeObject* type, PyObject* sequence) {
  PyObject* special = _PyType_Lookup(Py_TYPE(sequence), name<"__reversed__">);
  if (special == Py_None) return raise(PyExc_TypeError, "'%.200s' object is not reversible", Py_TYPE(sequence)->tp_name);
  if (special) {
    descrgetfunc bind = Py_TYPE(special)->tp_descr_get;
    Ref<> method = bind ? TRY(steal(bind(special, sequence, as_object(Py_TYPE(sequence))))) : borrow(special);
    return steal(PyObject_CallNoArgs(method.get()));
  }
  if (PyErr_Occurred()) return failure;
  if (!PySequence_Check(sequence)) return raise(PyExc_TypeError, "'%.200s' object is not reversible", Py_TYPE(sequence)->tp_name);
  Py_ssize_t n = TRY(checked(PySequence_Size(sequence)));
  Ref<Reversed> self = TRY(make<Reversed>(type));
  self->index = n - 1;
  self->sequence = borrow(sequence).release();
  return self;
}
Ref<> reversed_next(Reversed* self) {
  if (self->index >= 0 && self->sequence) {
    Ref<> item = steal(PySequence_GetItem(self->sequence, self->index));
    if (item) {
      --self->index;
      return item;
    }
    if (PyErr_ExceptionMatches(PyExc_IndexError) || PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear();
  }
  self->index = -1;
  clear_field(self->sequence);
  return nullptr;
}
Ref<> reversed_length_hint(Reversed* self) {
  if (!self->sequence) return steal(PyLong_FromLong(0));
  Py_ssize_t n = TRY(checked(PySequence_Size(self->sequence)));
  Py_ssize_t left = self->index + 1;
  return steal(PyLong_FromSsize_t(n < left ? 0 : left));
}
Ref<> reversed_reduce(Reversed* self) {
  if (self->sequence) return steal(Py_BuildValue("O(O)n", type_of(self), self->sequence, self->index));
  return steal(Py_BuildValue("O(())", type_of(self)));
}
Ref<> reversed_setstate(Reversed* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->sequence) {
    Py_ssize_t n = TRY(checked(PySequence_Size(self->sequence)));
    self->index = std::clamp<Py_ssize_t>(index, -1, n - 1);
  }
  return none();
}
const PyMethodDef kReversedMethods[] = {LENGTH_HINT(reversed_length_hint), REDUCE(reversed_reduce), SETSTATE(reversed_setstate), kEndOfMethods};

// ---- iter(sequence) and iter(callable, sentinel) --------------------------------------------------------

Ref<> sequence_next(SequenceIterator* self) {
  if (!self->sequence) return nullptr;
  if (self->index == PY_SSIZE_T_MAX) return raise(PyExc_OverflowError, "iter index too large");
  Ref<> item = steal(PySequence_GetItem(self->sequence, self->index));
  if (item) {
    ++self->index;
    return item;
  }
  if (PyErr_ExceptionMatches(PyExc_IndexError) || PyErr_ExceptionMatches(PyExc_StopIteration)) {
    PyErr_Clear();
    clear_field(self->sequence);
  }
  return nullptr;
}
Ref<> sequence_length_hint(SequenceIterator* self) {
  if (!self->sequence) return steal(PyLong_FromLong(0));
  // A sequence without a length gives no hint.
  if (!_PyObject_HasLen(self->sequence)) return borrow(Py_NotImplemented);
  Py_ssize_t n = TRY(checked(PySequence_Size(self->sequence)));
  return steal(PyLong_FromSsize_t(std::max<Py_ssize_t>(0, n - self->index)));
}
Ref<> sequence_reduce(SequenceIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  if (self->sequence) return steal(Py_BuildValue("N(O)n", iter.release(), self->sequence, self->index));
  return steal(Py_BuildValue("N(())", iter.release()));
}
Ref<> sequence_setstate(SequenceIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->sequence) self->index = std::max<Py_ssize_t>(0, index);
  return none();
}
const PyMethodDef kSequenceMethods[] = {LENGTH_HINT(sequence_length_hint), REDUCE(sequence_reduce), SETSTATE(sequence_setstate), kEndOfMethods};

struct CallIterator {
  PyObject_HEAD
  PyObject* callable;  // both null once it has ended
  PyObject* sentinel;

  using Fields = OwnedFields<&CallIterator::callable, &CallIterator::sentinel>;
};

Ref<> call_next(CallIterator* self) {
  if (!self->callable) return nullptr;
  Ref<> callable = borrow(self->callable);
  Ref<> result = steal(PyObject_CallNoArgs(callable.get()));
  if (result && self->sentinel) {
    Ref<> sentinel = borrow(self->sentinel);
    if (!TRY(truth_of(PyObject_RichCompareBool(sentinel.get(), result.get(), Py_EQ)))) return result;
    CallIterator::Fields::clear_all(self);
  } else if (!result && PyErr_ExceptionMatches(PyExc_StopIteration)) {
    PyErr_Clear();
    CallIterator::Fields::clear_all(self);
  }
  return nullptr;
}
Ref<> call_reduce(CallIterator* self) {
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  if (self->callable) return steal(Py_BuildValue("N(OO)", iter.release(), self->callable, self->sentinel));
  return steal(Py_BuildValue("N(())", iter.release()));
}
const PyMethodDef kCallMethods[] = {REDUCE(call_reduce), kEndOfMethods};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyEnum_Type = iterator_type<Enumerate>("enumerate", "enumerate(iterable, start=0)\n--\n\nReturn an enumerate object.\n\n  iterable\n    an object supporting iteration\n\nThe enumerate object yields pairs containing a count (from start, which\ndefaults to zero) and a value yielded by the iterable argument.\n\nenumerate is useful for obtaining an indexed list:\n    (0, seq[0]), (1, seq[1]), (2, seq[2]), ...",
    CONSTRUCTOR("enumerate($type, iterable, start=<unrepresentable>)", enumerate_new), slot<enumerate_next>, table(kEnumerateMethods), true,
    enumerate_vectorcall);
PyTypeObject PyZip_Type = iterator_type<Zip>("zip", "zip(*iterables, strict=False) --> Yield tuples until an input is exhausted.\n\n   >>> list(zip('abcdefg', range(3), range(4)))\n   [('a', 0, 0), ('b', 1, 1), ('c', 2, 2)]\n\nThe zip object yields n-length tuples, where n is the number of iterables\npassed as positional arguments to zip().",
    zip_new, slot<zip_next>, table(kZipMethods));
PyTypeObject PyMap_Type = iterator_type<Map>("map", "map(func, *iterables) --> map object\n\nMake an iterator that computes the function using arguments from\neach of the iterables.  Stops when the shortest iterable is exhausted.",
    map_new, slot<map_next>, table(kMapMethods), true, VECTORCALL("map($type, *args)", map_build));
PyTypeObject PyFilter_Type = iterator_type<Filter>("filter", "filter(function or None, iterable) --> filter object\n\nReturn an iterator yielding those items of iterable for which function(item)\nis true. If function is None, return the items that are true.",
    CONSTRUCTOR("filter($type, function, iterable, /)", filter_new), slot<filter_next>, table(kFilterMethods), true,
    VECTORCALL("filter($type, function, iterable, /)", filter_new));
PyTypeObject PyReversed_Type = iterator_type<Reversed>("reversed", "reversed(sequence, /)\n--\n\nReturn a reverse iterator over the values of the given sequence.",
    CONSTRUCTOR("reversed($type, sequence, /)", reversed_new), slot<reversed_next>, table(kReversedMethods), true,
    VECTORCALL("reversed($type, sequence, /)", reversed_new));
PyTypeObject PySeqIter_Type = sequence_iterator_type("iterator", slot<sequence_next>, table(kSequenceMethods));
PyTypeObject PyCallIter_Type = iterator_type<CallIterator>("callable_iterator", nullptr, nullptr, slot<call_next>, table(kCallMethods), false);

PyObject* PySeqIter_New(PyObject* sequence) {
  if (!PySequence_Check(sequence)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return new_sequence_iterator(&PySeqIter_Type, sequence).release();
}
PyObject* PyCallIter_New(PyObject* callable, PyObject* sentinel) {
  auto* self = PyObject_GC_New(CallIterator, &PyCallIter_Type);
  if (!self) return nullptr;
  self->callable = borrow(callable).release();
  self->sentinel = borrow(sentinel).release();
  PyObject_GC_Track(self);
  return as_object(self);
}

}  // extern "C"
GILL_STATIC_TYPE(PyEnum_Type);
GILL_STATIC_TYPE(PyZip_Type);
GILL_STATIC_TYPE(PyMap_Type);
GILL_STATIC_TYPE(PyFilter_Type);
GILL_STATIC_TYPE(PyReversed_Type);
GILL_STATIC_TYPE(PySeqIter_Type);
GILL_STATIC_TYPE(PyCallIter_Type);
