// product, permutations, combinations, combinations_with_replacement.
//
// Each keeps the pool of items and an array of indices into it. The result of the last call is kept and
// changed in place when nobody else holds it, so that a loop that unpacks the tuples allocates nothing.
#include "modules/itertools/itertools.h"

#include "objects/tuple.h"

namespace gill::itertools {
namespace {

struct Selection {
  PyObject_HEAD
  PyObject* pool;    // tuple of items; for product a tuple of tuples
  PyObject* result;  // the last result, or null before the first
  Py_ssize_t* indices;
  int stopped;

  using Fields = OwnedFields<&Selection::pool, &Selection::result>;
};
struct Choice : Selection {
  Py_ssize_t size;  // items in a result
};
struct Permutations : Choice {
  Py_ssize_t* cycles;
};

PyObject** items_of(PyObject* tuple) { return reinterpret_cast<PyTupleObject*>(tuple)->ob_item; }

template <class T>
void selection_dealloc(T* self) {
  PyObject_GC_UnTrack(as_object(self));
  Selection::Fields::clear_all(self);
  PyMem_Free(self->indices);
  if constexpr (std::is_same_v<T, Permutations>) PyMem_Free(self->cycles);
  Py_TYPE(self)->tp_free(as_object(self));
}

template <class T>
Ref<T> new_selection(PyTypeObject* type, Ref<> pool, Py_ssize_t index_count) {
  Py_ssize_t* indices = PyMem_New(Py_ssize_t, std::max<Py_ssize_t>(index_count, 1));
  if (!indices) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<T> self = make<T>(type);
  if (!self) {
    PyMem_Free(indices);
    return failure;
  }
  self->indices = indices;
  self->pool = pool.release();
  return self;
}

// Makes `result` ours alone. Its items are replaced one by one afterwards.
Status own_result(Selection* self) {
  if (Py_REFCNT(self->result) > 1) {
    set_field(self->result, TRY(tuple_from_array(items_of(self->result), PyTuple_GET_SIZE(self->result))));
  } else if (!PyObject_GC_IsTracked(self->result)) {
    // The collector stopped tracking it while it held only atoms; what comes in may be anything.
    PyObject_GC_Track(self->result);
  }
  return Status::ok;
}

void set_item(PyObject* tuple, Py_ssize_t i, PyObject* item) {
  PyObject* old = PyTuple_GET_ITEM(tuple, i);
  PyTuple_SET_ITEM(tuple, i, borrow(item).release());
  gill::release(old);
}

Ref<> first_result(Choice* self) {
  Ref<> result = TRY(steal(PyTuple_New(self->size)));
  for (Py_ssize_t i = 0; i < self->size; ++i) {
    PyTuple_SET_ITEM(result.get(), i, borrow(PyTuple_GET_ITEM(self->pool, self->indices[i])).release());
  }
  self->result = result.new_ref().release();
  return result;
}

Ref<> stop(Selection* self) {
  self->stopped = true;
  return nullptr;
}

Ref<> index_tuple(const Py_ssize_t* values, Py_ssize_t n) {
  Ref<> result = TRY(steal(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(result.get(), i, TRY(PyLong_FromSsize_t(values[i])));
  return result;
}

// Reads the indices of a pickled state into `out`, each forced into [least, most(i)].
template <class Most>
Status read_indices(PyObject* state, Py_ssize_t n, Py_ssize_t* out, Py_ssize_t least, Most most) {
  if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) != n) return raise(PyExc_ValueError, "invalid arguments");
  for (Py_ssize_t i = 0; i < n; ++i) {
    Py_ssize_t value = TRY(checked(PyLong_AsSsize_t(PyTuple_GET_ITEM(state, i))));
    out[i] = std::max(least, std::min(value, most(i)));
  }
  return Status::ok;
}

Status rebuild_result(Choice* self) {
  Ref<> result = TRY(steal(PyTuple_New(self->size)));
  for (Py_ssize_t i = 0; i < self->size; ++i) {
    PyTuple_SET_ITEM(result.get(), i, borrow(PyTuple_GET_ITEM(self->pool, self->indices[i])).release());
  }
  set_field(self->result, std::move(result));
  return Status::ok;
}

// ---- product --------------------------------------------------------------------------------------

PyObject* product_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  auto build = [&]() -> Ref<> {
    Py_ssize_t repeat = 1;
    if (kwargs && PyDict_GET_SIZE(kwargs)) {
      static const char* const kKeywords[] = {"repeat", nullptr};
      Ref<> no_arguments = TRY(steal(PyTuple_New(0)));
      if (!PyArg_ParseTupleAndKeywords(no_arguments.get(), kwargs, "|n:product", const_cast<char**>(kKeywords), &repeat)) return failure;
      if (repeat < 0) return raise(PyExc_ValueError, "repeat argument cannot be negative");
    }
    Py_ssize_t n = repeat == 0 ? 0 : PyTuple_GET_SIZE(args);
    if (repeat && n > PY_SSIZE_T_MAX / static_cast<Py_ssize_t>(sizeof(Py_ssize_t)) / repeat) {
      return raise(PyExc_OverflowError, "repeat argument too large");
    }
    Ref<> pools = TRY(steal(PyTuple_New(n * repeat)));
    for (Py_ssize_t i = 0; i < n; ++i) {
      Ref<> pool = TRY(steal(PySequence_Tuple(PyTuple_GET_ITEM(args, i))));
      for (Py_ssize_t k = 0; k < repeat; ++k) PyTuple_SET_ITEM(pools.get(), k * n + i, pool.new_ref().release());
    }
    Ref<Selection> self = TRY(new_selection<Selection>(type, std::move(pools), n * repeat));
    std::fill_n(self->indices, n * repeat, 0);
    return self;
  };
  return build().release();
}

Ref<> product_next(Selection* self) {
  Py_ssize_t size = PyTuple_GET_SIZE(self->pool);
  if (self->stopped) return nullptr;
  if (!self->result) {
    Ref<> result = TRY(steal(PyTuple_New(size)));
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* pool = PyTuple_GET_ITEM(self->pool, i);
      if (PyTuple_GET_SIZE(pool) == 0) return stop(self);
      PyTuple_SET_ITEM(result.get(), i, borrow(PyTuple_GET_ITEM(pool, 0)).release());
    }
    self->result = result.new_ref().release();
    return result;
  }
  TRY(own_result(self));
  Py_ssize_t i = size - 1;
  for (; i >= 0; --i) {
    PyObject* pool = PyTuple_GET_ITEM(self->pool, i);
    bool wraps = ++self->indices[i] == PyTuple_GET_SIZE(pool);
    if (wraps) self->indices[i] = 0;
    set_item(self->result, i, PyTuple_GET_ITEM(pool, self->indices[i]));
    if (!wraps) break;
  }
  if (i < 0) return stop(self);
  return borrow(self->result);
}

Ref<> product_reduce(Selection* self) {
  Py_ssize_t size = PyTuple_GET_SIZE(self->pool);
  if (self->stopped) {
    Ref<> empty = TRY(steal(PyTuple_New(0)));
    return steal(Py_BuildValue("O(O)", type_of(self), empty.get()));
  }
  if (!self->result) return steal(Py_BuildValue("OO", type_of(self), self->pool));
  Ref<> indices = TRY(index_tuple(self->indices, size));
  return steal(Py_BuildValue("OOO", type_of(self), self->pool, indices.get()));
}

Ref<> product_setstate(Selection* self, PyObject* state) {
  Py_ssize_t size = PyTuple_GET_SIZE(self->pool);
  if (!PyTuple_Check(state) || PyTuple_GET_SIZE(state) != size) return raise(PyExc_ValueError, "invalid arguments");
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (PyTuple_GET_SIZE(PyTuple_GET_ITEM(self->pool, i)) == 0) {
      self->stopped = true;
      return none();
    }
  }
  TRY(read_indices(state, size, self->indices, 0,
                   [&](Py_ssize_t i) { return PyTuple_GET_SIZE(PyTuple_GET_ITEM(self->pool, i)) - 1; }));
  Ref<> result = TRY(steal(PyTuple_New(size)));
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyTuple_SET_ITEM(result.get(), i, borrow(PyTuple_GET_ITEM(PyTuple_GET_ITEM(self->pool, i), self->indices[i])).release());
  }
  set_field(self->result, std::move(result));
  return none();
}


// ---- combinations -----------------------------------------------------------------------------------

Ref<> choose(PyTypeObject* type, PyObject* iterable, Py_ssize_t r, bool with_replacement) {
  Ref<> pool = TRY(steal(PySequence_Tuple(iterable)));
  Py_ssize_t n = PyTuple_GET_SIZE(pool.get());
  if (r < 0) return raise(PyExc_ValueError, "r must be non-negative");
  Ref<Choice> self = TRY(new_selection<Choice>(type, std::move(pool), r));
  self->size = r;
  for (Py_ssize_t i = 0; i < r; ++i) self->indices[i] = with_replacement ? 0 : i;
  self->stopped = with_replacement ? n == 0 && r > 0 : r > n;
  return self;
}
Ref<> combinations_new(PyTypeObject* type, PyObject* iterable, Py_ssize_t r) { return choose(type, iterable, r, false); }
Ref<> replacement_new(PyTypeObject* type, PyObject* iterable, Py_ssize_t r) { return choose(type, iterable, r, true); }

Ref<> combinations_next(Choice* self) {
  if (self->stopped) return nullptr;
  if (!self->result) return first_result(self);
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  TRY(own_result(self));
  Py_ssize_t i = self->size - 1;
  while (i >= 0 && self->indices[i] == i + n - self->size) --i;
  if (i < 0) return stop(self);
  ++self->indices[i];
  for (Py_ssize_t j = i + 1; j < self->size; ++j) self->indices[j] = self->indices[j - 1] + 1;
  for (; i < self->size; ++i) set_item(self->result, i, PyTuple_GET_ITEM(self->pool, self->indices[i]));
  return borrow(self->result);
}

Ref<> replacement_next(Choice* self) {
  if (self->stopped) return nullptr;
  if (!self->result) return first_result(self);
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  TRY(own_result(self));
  Py_ssize_t i = self->size - 1;
  while (i >= 0 && self->indices[i] == n - 1) --i;
  if (i < 0) return stop(self);
  Py_ssize_t index = self->indices[i] + 1;
  for (; i < self->size; ++i) {
    self->indices[i] = index;
    set_item(self->result, i, PyTuple_GET_ITEM(self->pool, index));
  }
  return borrow(self->result);
}

Ref<> choose_reduce(Choice* self) {
  if (!self->result) return steal(Py_BuildValue("O(On)", type_of(self), self->pool, self->size));
  if (self->stopped) {
    Ref<> empty = TRY(steal(PyTuple_New(0)));
    return steal(Py_BuildValue("O(On)", type_of(self), empty.get(), self->size));
  }
  Ref<> indices = TRY(index_tuple(self->indices, self->size));
  return steal(Py_BuildValue("O(On)O", type_of(self), self->pool, self->size, indices.get()));
}
Ref<> combinations_setstate(Choice* self, PyObject* state) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  TRY(read_indices(state, self->size, self->indices, 0, [&](Py_ssize_t i) { return i + n - self->size; }));
  TRY(rebuild_result(self));
  return none();
}
Ref<> replacement_setstate(Choice* self, PyObject* state) {
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  TRY(read_indices(state, self->size, self->indices, 0, [&](Py_ssize_t) { return n - 1; }));
  TRY(rebuild_result(self));
  return none();
}

// ---- permutations -----------------------------------------------------------------------------------

Ref<> permutations_new(PyTypeObject* type, PyObject* iterable, PyObject* r_object) {
  Ref<> pool = TRY(steal(PySequence_Tuple(iterable)));
  Py_ssize_t n = PyTuple_GET_SIZE(pool.get());
  Py_ssize_t r = n;
  if (r_object != Py_None) {
    if (!PyLong_Check(r_object)) return raise(PyExc_TypeError, "Expected int as r");
    r = TRY(checked(PyLong_AsSsize_t(r_object)));
  }
  if (r < 0) return raise(PyExc_ValueError, "r must be non-negative");
  Py_ssize_t* cycles = PyMem_New(Py_ssize_t, std::max<Py_ssize_t>(r, 1));
  if (!cycles) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<Permutations> self = new_selection<Permutations>(type, std::move(pool), n);
  if (!self) {
    PyMem_Free(cycles);
    return failure;
  }
  self->size = r;
  self->cycles = cycles;
  for (Py_ssize_t i = 0; i < n; ++i) self->indices[i] = i;
  for (Py_ssize_t i = 0; i < r; ++i) cycles[i] = n - i;
  self->stopped = r > n;
  return self;
}

Ref<> permutations_next(Permutations* self) {
  if (self->stopped) return nullptr;
  if (!self->result) return first_result(self);
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  if (n == 0) return stop(self);
  TRY(own_result(self));
  for (Py_ssize_t i = self->size - 1; i >= 0; --i) {
    if (--self->cycles[i] == 0) {
      // This place has had every item: rotate it to the end and go on with the place before.
      Py_ssize_t index = self->indices[i];
      std::copy(self->indices + i + 1, self->indices + n, self->indices + i);
      self->indices[n - 1] = index;
      self->cycles[i] = n - i;
      continue;
    }
    std::swap(self->indices[i], self->indices[n - self->cycles[i]]);
    for (Py_ssize_t k = i; k < self->size; ++k) set_item(self->result, k, PyTuple_GET_ITEM(self->pool, self->indices[k]));
    return borrow(self->result);
  }
  return stop(self);
}

Ref<> permutations_reduce(Permutations* self) {
  if (!self->result) return steal(Py_BuildValue("O(On)", type_of(self), self->pool, self->size));
  if (self->stopped) {
    Ref<> empty = TRY(steal(PyTuple_New(0)));
    return steal(Py_BuildValue("O(On)", type_of(self), empty.get(), self->size));
  }
  Ref<> indices = TRY(index_tuple(self->indices, PyTuple_GET_SIZE(self->pool)));
  Ref<> cycles = TRY(index_tuple(self->cycles, self->size));
  return steal(Py_BuildValue("O(On)(OO)", type_of(self), self->pool, self->size, indices.get(), cycles.get()));
}
Ref<> permutations_setstate(Permutations* self, PyObject* state) {
  PyObject *indices, *cycles;
  if (!PyTuple_Check(state)) return raise(PyExc_TypeError, "state is not a tuple");
  if (!PyArg_ParseTuple(state, "O!O!", &PyTuple_Type, &indices, &PyTuple_Type, &cycles)) return failure;
  Py_ssize_t n = PyTuple_GET_SIZE(self->pool);
  if (PyTuple_GET_SIZE(indices) != n || PyTuple_GET_SIZE(cycles) != self->size) return raise(PyExc_ValueError, "invalid arguments");
  TRY(read_indices(indices, n, self->indices, 0, [&](Py_ssize_t) { return n - 1; }));
  TRY(read_indices(cycles, self->size, self->cycles, 1, [&](Py_ssize_t i) { return n - i; }));
  TRY(rebuild_result(self));
  return none();
}

Ref<> bytes_with_indices(PyObject* self, Py_ssize_t indices) {
  return steal(PyLong_FromSsize_t(Py_TYPE(self)->tp_basicsize + indices * static_cast<Py_ssize_t>(sizeof(Py_ssize_t))));
}
Ref<> product_sizeof(Selection* self) { return bytes_with_indices(as_object(self), PyTuple_GET_SIZE(self->pool)); }
Ref<> choice_sizeof(Choice* self) { return bytes_with_indices(as_object(self), self->size); }
Ref<> permutations_sizeof(Permutations* self) {
  return bytes_with_indices(as_object(self), PyTuple_GET_SIZE(self->pool) + self->size);
}

#define REDUCE(function) METHOD_UNSIGNED("__reduce__($self, /)", function, "Return state information for pickling.")
#define SETSTATE(function) METHOD_UNSIGNED("__setstate__($self, state, /)", function, "Set state information for unpickling.")
#define SIZEOF(function) METHOD_UNSIGNED("__sizeof__($self, /)", function, "Returns size in memory, in bytes.")

const PyMethodDef kProductMethods[] = {REDUCE(product_reduce), SETSTATE(product_setstate), SIZEOF(product_sizeof), kEndOfMethods};
const PyMethodDef kCombinationsMethods[] = {REDUCE(choose_reduce), SETSTATE(combinations_setstate), SIZEOF(choice_sizeof), kEndOfMethods};
const PyMethodDef kReplacementMethods[] = {REDUCE(choose_reduce), SETSTATE(replacement_setstate), SIZEOF(choice_sizeof), kEndOfMethods};
const PyMethodDef kPermutationsMethods[] = {REDUCE(permutations_reduce), SETSTATE(permutations_setstate), SIZEOF(permutations_sizeof), kEndOfMethods};

template <class T>
constexpr PyTypeObject selection_type(const char* name, const char* doc, newfunc construct, iternextfunc next_item, PyMethodDef* methods) {
  PyTypeObject type = iterator_type<T>(name, doc, construct, next_item, methods);
  type.tp_dealloc = slot<selection_dealloc<T>>;
  return type;
}

}  // namespace

extern "C" {
PyTypeObject Product_Type = selection_type<Selection>("itertools.product", "product(*iterables, repeat=1) --> product object\n\nCartesian product of input iterables.  Equivalent to nested for-loops.",
    product_new, slot<product_next>, table(kProductMethods));
PyTypeObject Combinations_Type = selection_type<Choice>("itertools.combinations", "combinations(iterable, r)\n--\n\nReturn successive r-length combinations of elements in the iterable.",
    CONSTRUCTOR("combinations($type, iterable, r)", combinations_new), slot<combinations_next>, table(kCombinationsMethods));
PyTypeObject CombinationsWithReplacement_Type = selection_type<Choice>("itertools.combinations_with_replacement", "combinations_with_replacement(iterable, r)\n--\n\nReturn successive r-length combinations of elements in the iterable allowing individual elements to have successive repeats.",
    CONSTRUCTOR("combinations_with_replacement($type, iterable, r)", replacement_new), slot<replacement_next>, table(kReplacementMethods));
PyTypeObject Permutations_Type = selection_type<Permutations>("itertools.permutations", "permutations(iterable, r=None)\n--\n\nReturn successive r-length permutations of elements in the iterable.",
    CONSTRUCTOR("permutations($type, iterable, r=None)", permutations_new), slot<permutations_next>, table(kPermutationsMethods));
}
GILL_STATIC_TYPE(Product_Type);
GILL_STATIC_TYPE(Combinations_Type);
GILL_STATIC_TYPE(CombinationsWithReplacement_Type);
GILL_STATIC_TYPE(Permutations_Type);

}  // namespace gill::itertools
