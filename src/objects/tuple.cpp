// tuple and its iterator.
#include "objects/tuple.h"

#include "base/binding.h"
#include "base/names.h"
#include "memory/collectable.h"
#include "objects/displays.h"
#include "objects/sequence_methods.h"
#include "runtime/native_stack.h"

namespace gill {

constinit PyTupleObject g_empty_tuple = {.ob_base = {.ob_base = {kImmortalCount, &PyTuple_Type}, .ob_size = 0}, .ob_item = {}};

namespace {

Ref<> empty_tuple() { return borrow(as_object(&g_empty_tuple)); }

PyObject** items_of(PyObject* tuple) { return reinterpret_cast<PyTupleObject*>(tuple)->ob_item; }

}  // namespace

namespace {

// A tuple whose items are not initialized.
[[gnu::always_inline]] inline Ref<PyTupleObject> raw_tuple(Py_ssize_t n) {
  if (static_cast<size_t>(n) > (static_cast<size_t>(PY_SSIZE_T_MAX) - sizeof(PyTupleObject)) / sizeof(PyObject*)) {
    PyErr_NoMemory();
    return failure;
  }
  PyObject* object = allocate_collectable(&PyTuple_Type, sizeof(PyTupleObject) - sizeof(PyObject*) + static_cast<size_t>(n) * sizeof(PyObject*));
  if (!object) return failure;
  object->ob_type = &PyTuple_Type;
  object->ob_refcnt = 1;
  reinterpret_cast<PyTupleObject*>(object)->ob_base.ob_size = n;
  return Ref<PyTupleObject>::steal(object);
}

}  // namespace

Ref<PyTupleObject> new_untracked_tuple(Py_ssize_t n) {
  Ref<PyTupleObject> tuple = TRY(raw_tuple(n));
  // Mostly so few that calling memset would be the larger part.
  PyObject** item = tuple->ob_item;
  for (PyObject** end = item + n; item < end; ++item) {
    *item = nullptr;
    asm("" : "+r"(item));
  }
  return tuple;
}

Ref<> tuple_steal_items(PyObject** items, Py_ssize_t count) {
  if (count == 0) return empty_tuple();
  Ref<PyTupleObject> tuple = raw_tuple(count);
  if (!tuple) {
    for (Py_ssize_t i = 0; i < count; ++i) gill::release(items[i]);
    return failure;
  }
  copy_few(tuple->ob_item, items, count);
  start_tracking(tuple.get());
  return tuple;
}

Ref<> tuple_of(Ref<> first, Ref<> second) {
  Ref<PyTupleObject> tuple = TRY(raw_tuple(2));
  tuple->ob_item[0] = first.release();
  tuple->ob_item[1] = second.release();
  start_tracking(tuple.get());
  return tuple;
}

Ref<> tuple_from_array(PyObject* const* items, Py_ssize_t n) {
  if (n == 0) return empty_tuple();
  Ref<PyTupleObject> tuple = TRY(raw_tuple(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    retain(items[i]);
    tuple->ob_item[i] = items[i];
  }
  start_tracking(tuple.get());
  return tuple;
}

namespace {

void tuple_dealloc(PyObject* self);

// With what did not die quietly, or of a subclass.
[[gnu::noinline]] void dispose_of_rest(PyObject* self, Py_ssize_t left) {
  PyObject** items = items_of(self);
  // From the trashcan it comes here once more.
  Py_SET_SIZE(self, left);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, tuple_dealloc);
  while (--left >= 0) {
    if (items[left]) gill::release(items[left]);
  }
  if (PyTuple_CheckExact(self)) free_collectable(self);
  else Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END;
}

void tuple_dealloc(PyObject* self) {
  Py_ssize_t left = release_quiet_items(items_of(self), Py_SIZE(self));
  if (left == 0 && PyTuple_CheckExact(self)) [[likely]] return free_collectable(self);
  dispose_of_rest(self, left);
}

int tuple_traverse(PyObject* self, visitproc visit, void* arg) {
  PyObject** items = items_of(self);
  for (Py_ssize_t i = Py_SIZE(self); --i >= 0;) Py_VISIT(items[i]);
  return 0;
}

Ref<> tuple_repr(PyObject* self) {
  Py_ssize_t n = Py_SIZE(self);
  if (n == 0) return steal(PyUnicode_FromString("()"));
  int entered = TRY(checked(Py_ReprEnter(self)));
  if (entered) return steal(PyUnicode_FromString("(...)"));
  Ref<> text = sequence_repr(self, '(', n == 1 ? ",)" : ")");
  Py_ReprLeave(self);
  return text;
}

// Nested tuples may be deeper than Python's recursion limit, but not than the stack.
Status check_native_stack() {
  if (native_stack_left()) [[likely]] return Status::ok;
  return raise(PyExc_RecursionError, "maximum recursion depth exceeded while hashing a tuple");
}

// The items' hashes are mixed so that neither order nor nesting cancels out (the rounds of xxHash).
Py_hash_t tuple_hash(PyObject* self) {
  constexpr uint64_t kPrime1 = 11400714785074694791u, kPrime2 = 14029467366897019727u, kPrime5 = 2870177450012600261u;
  uint64_t total = kPrime5;
  Py_ssize_t n = Py_SIZE(self);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = items_of(self)[i];
    if (PyTuple_Check(item)) TRY(check_native_stack());
    Py_hash_t lane = PyObject_Hash(item);
    if (lane == -1) return -1;
    total += static_cast<uint64_t>(lane) * kPrime2;
    total = total << 31 | total >> 33;
    total *= kPrime1;
  }
  total += static_cast<uint64_t>(n) ^ (kPrime5 ^ 3527539u);
  return total == static_cast<uint64_t>(-1) ? 1546275796 : static_cast<Py_hash_t>(total);
}

Ref<> tuple_compare(PyObject* a, PyObject* b, int op) {
  if (!PyTuple_Check(a) || !PyTuple_Check(b)) return borrow(Py_NotImplemented);
  Py_ssize_t n = Py_SIZE(a), m = Py_SIZE(b);
  Py_ssize_t i = 0;
  for (; i < n && i < m; ++i) {
    if (!TRY(truth_of(PyObject_RichCompareBool(items_of(a)[i], items_of(b)[i], Py_EQ)))) break;
  }
  if (i >= n || i >= m) return compare_lengths(n, m, op);
  if (op == Py_EQ) return py_bool(false);
  if (op == Py_NE) return py_bool(true);
  return steal(PyObject_RichCompare(items_of(a)[i], items_of(b)[i], op));
}

Py_ssize_t tuple_length(PyObject* self) { return Py_SIZE(self); }
Ref<> tuple_item(PyObject* self, Py_ssize_t i) {
  if (i < 0 || i >= Py_SIZE(self)) return raise(PyExc_IndexError, "tuple index out of range");
  return borrow(items_of(self)[i]);
}

Ref<> tuple_concat(PyObject* a, PyObject* b) {
  if (Py_SIZE(a) == 0 && PyTuple_CheckExact(b)) return borrow(b);
  if (!PyTuple_Check(b)) {
    return raise(PyExc_TypeError, "can only concatenate tuple (not \"%.200s\") to tuple", Py_TYPE(b)->tp_name);
  }
  if (Py_SIZE(b) == 0 && PyTuple_CheckExact(a)) return borrow(a);
  Py_ssize_t n = Py_SIZE(a), m = Py_SIZE(b);
  if (n > PY_SSIZE_T_MAX - m) {
    PyErr_NoMemory();
    return failure;
  }
  if (n + m == 0) return empty_tuple();
  Ref<PyTupleObject> result = TRY(raw_tuple(n + m));
  for (Py_ssize_t i = 0; i < n; ++i) result->ob_item[i] = borrow(items_of(a)[i]).release();
  for (Py_ssize_t i = 0; i < m; ++i) result->ob_item[n + i] = borrow(items_of(b)[i]).release();
  start_tracking(result.get());
  return result;
}

Ref<> tuple_repeat(PyObject* self, Py_ssize_t times) {
  Py_ssize_t n = Py_SIZE(self);
  if ((n == 0 || times == 1) && PyTuple_CheckExact(self)) return borrow(self);
  if (n == 0 || times <= 0) return empty_tuple();
  if (n > PY_SSIZE_T_MAX / times) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<PyTupleObject> result = TRY(raw_tuple(n * times));
  for (Py_ssize_t i = 0; i < n * times; ++i) result->ob_item[i] = borrow(items_of(self)[i % n]).release();
  start_tracking(result.get());
  return result;
}

Maybe<bool> tuple_contains(PyObject* self, PyObject* value) {
  for (Py_ssize_t i = 0; i < Py_SIZE(self); ++i) {
    if (TRY(item_equals(items_of(self)[i], value))) return true;
  }
  return false;
}

Ref<> tuple_subscript(PyObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return tuple_item(self, i < 0 ? i + Py_SIZE(self) : i);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "tuple indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return failure;
  Py_ssize_t count = PySlice_AdjustIndices(Py_SIZE(self), &start, &stop, step);
  if (count <= 0) return empty_tuple();
  if (start == 0 && step == 1 && count == Py_SIZE(self) && PyTuple_CheckExact(self)) return borrow(self);
  Ref<PyTupleObject> result = TRY(raw_tuple(count));
  for (Py_ssize_t i = 0; i < count; ++i) result->ob_item[i] = borrow(items_of(self)[start + i * step]).release();
  start_tracking(result.get());
  return result;
}

Ref<> tuple_index(PyObject* self, PyObject* value, SliceBound start, SliceBound stop) {
  Py_ssize_t n = Py_SIZE(self);
  Py_ssize_t i = start.from_start(n), end = std::min(n, stop.from_start(n));
  for (; i < end; ++i) {
    if (TRY(item_equals(items_of(self)[i], value))) return steal(PyLong_FromSsize_t(i));
  }
  return raise(PyExc_ValueError, "tuple.index(x): x not in tuple");
}

Maybe<Py_ssize_t> tuple_count(PyObject* self, PyObject* value) {
  Py_ssize_t found = 0;
  for (Py_ssize_t i = 0; i < Py_SIZE(self); ++i) found += TRY(item_equals(items_of(self)[i], value));
  return found;
}

Ref<> tuple_getnewargs(PyObject* self) { return steal(Py_BuildValue("(N)", tuple_from_array(items_of(self), Py_SIZE(self)).release())); }
Ref<> tuple_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

Ref<> tuple_new(PyTypeObject* type, PyObject* iterable) {
  if (type == &PyTuple_Type) return iterable ? steal(PySequence_Tuple(iterable)) : empty_tuple();
  Ref<> plain = iterable ? TRY(steal(PySequence_Tuple(iterable))) : empty_tuple();
  Py_ssize_t n = Py_SIZE(plain.get());
  Ref<> self = TRY(steal(type->tp_alloc(type, n)));
  for (Py_ssize_t i = 0; i < n; ++i) items_of(self.get())[i] = borrow(items_of(plain.get())[i]).release();
  return self;
}

const PyMethodDef kMethods[] = {
    METHOD("__getnewargs__($self, /)", tuple_getnewargs, ""),
    METHOD("index($self, value, start=0, stop=sys.maxsize, /)", tuple_index, "Return first index of value.\n\nRaises ValueError if the value is not present."),
    METHOD("count($self, value, /)", tuple_count, "Return number of occurrences of value."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", tuple_class_getitem, "See PEP 585"),
    kEndOfMethods,
};

PySequenceMethods tuple_as_sequence = {
    .sq_length = slot<tuple_length>,
    .sq_concat = slot<tuple_concat>,
    .sq_repeat = slot<tuple_repeat>,
    .sq_item = slot<tuple_item>,
    .sq_contains = slot<tuple_contains>,
};
PyMappingMethods tuple_as_mapping = {slot<tuple_length>, slot<tuple_subscript>, nullptr};

Ref<> tuple_iter(PyObject* self) { return new_sequence_iterator(&PyTupleIter_Type, self); }

Ref<> tuple_iterator_next(SequenceIterator* self) {
  PyObject* tuple = self->sequence;
  if (!tuple) return nullptr;
  if (self->index < Py_SIZE(tuple)) return borrow(items_of(tuple)[self->index++]);
  clear_field(self->sequence);
  return nullptr;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyTuple_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "tuple",
    .tp_basicsize = sizeof(PyTupleObject) - sizeof(PyObject*),
    .tp_itemsize = sizeof(PyObject*),
    .tp_dealloc = tuple_dealloc,
    .tp_repr = slot<tuple_repr>,
    .tp_as_sequence = &tuple_as_sequence,
    .tp_as_mapping = &tuple_as_mapping,
    .tp_hash = tuple_hash,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_TUPLE_SUBCLASS | _Py_TPFLAGS_MATCH_SELF | Py_TPFLAGS_SEQUENCE,
    .tp_doc = "tuple(iterable=(), /)\n--\n\nBuilt-in immutable sequence.\n\nIf no argument is given, the constructor returns an empty tuple.\nIf iterable is specified the tuple is initialized from iterable's items.\n\nIf the argument is a tuple, the return value is the same object.",
    .tp_traverse = tuple_traverse,
    .tp_richcompare = slot<tuple_compare>,
    .tp_iter = slot<tuple_iter>,
    .tp_methods = table(kMethods),
    .tp_new = CONSTRUCTOR("tuple($type, iterable=<unrepresentable>, /)", tuple_new),
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = VECTORCALL("tuple($type, iterable=<unrepresentable>, /)", tuple_new),
};
PyTypeObject PyTupleIter_Type = sequence_iterator_type("tuple_iterator", slot<tuple_iterator_next>);

PyObject* PyTuple_New(Py_ssize_t n) {
  if (n < 0) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (n == 0) return empty_tuple().release();
  Ref<PyTupleObject> tuple = new_untracked_tuple(n);
  if (!tuple) return nullptr;
  start_tracking(tuple.get());
  return as_object(tuple.release());
}
Py_ssize_t PyTuple_Size(PyObject* tuple) {
  if (PyTuple_Check(tuple)) return Py_SIZE(tuple);
  PyErr_BadInternalCall();
  return -1;
}
PyObject* PyTuple_GetItem(PyObject* tuple, Py_ssize_t i) {
  if (!PyTuple_Check(tuple)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (i < 0 || i >= Py_SIZE(tuple)) {
    PyErr_SetString(PyExc_IndexError, "tuple index out of range");
    return nullptr;
  }
  return items_of(tuple)[i];
}
int PyTuple_SetItem(PyObject* tuple, Py_ssize_t i, PyObject* value) {
  Ref<> own = steal(value);
  if (!PyTuple_Check(tuple) || Py_REFCNT(tuple) != 1) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (i < 0 || i >= Py_SIZE(tuple)) {
    PyErr_SetString(PyExc_IndexError, "tuple assignment index out of range");
    return -1;
  }
  set_field(items_of(tuple)[i], std::move(own));
  return 0;
}
PyObject* PyTuple_GetSlice(PyObject* tuple, Py_ssize_t low, Py_ssize_t high) {
  if (!tuple || !PyTuple_Check(tuple)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  low = std::max<Py_ssize_t>(low, 0);
  high = std::min(high, Py_SIZE(tuple));
  high = std::max(high, low);
  if (low == 0 && high == Py_SIZE(tuple) && PyTuple_CheckExact(tuple)) return borrow(tuple).release();
  return tuple_from_array(items_of(tuple) + low, high - low).release();
}
PyObject* PyTuple_Pack(Py_ssize_t n, ...) {
  if (n == 0) return empty_tuple().release();
  Ref<PyTupleObject> tuple = raw_tuple(n);
  if (!tuple) return nullptr;
  va_list arguments;
  va_start(arguments, n);
  for (Py_ssize_t i = 0; i < n; ++i) tuple->ob_item[i] = borrow(va_arg(arguments, PyObject*)).release();
  va_end(arguments);
  start_tracking(tuple.get());
  return as_object(tuple.release());
}
PyObject* _PyTuple_FromArray(PyObject* const* items, Py_ssize_t n) { return tuple_from_array(items, n).release(); }
PyObject* _PyTuple_FromArraySteal(PyObject* const* items, Py_ssize_t n) { return tuple_steal_items(const_cast<PyObject**>(items), n).release(); }

int _PyTuple_Resize(PyObject** slot_pointer, Py_ssize_t n) {
  PyObject* old = *slot_pointer;
  if (!old || !PyTuple_CheckExact(old) || (Py_SIZE(old) != 0 && Py_REFCNT(old) != 1)) {
    *slot_pointer = nullptr;
    if (old) release(old);
    PyErr_BadInternalCall();
    return -1;
  }
  Py_ssize_t size = Py_SIZE(old);
  if (size == n) return 0;
  if (n == 0 || size == 0) {
    release(old);
    *slot_pointer = PyTuple_New(n);
    return *slot_pointer ? 0 : -1;
  }
  PyObject_GC_UnTrack(old);
  for (Py_ssize_t i = n; i < size; ++i) clear_field(items_of(old)[i]);
  auto* moved = _PyObject_GC_Resize(reinterpret_cast<PyVarObject*>(old), n);
  if (!moved) {
    *slot_pointer = nullptr;
    PyObject_GC_Del(old);
    return -1;
  }
  for (Py_ssize_t i = size; i < n; ++i) items_of(as_object(moved))[i] = nullptr;
  *slot_pointer = as_object(moved);
  PyObject_GC_Track(moved);
  return 0;
}

void _PyTuple_MaybeUntrack(PyObject* tuple) {
  if (!PyTuple_CheckExact(tuple) || !PyObject_GC_IsTracked(tuple)) return;
  for (Py_ssize_t i = 0; i < Py_SIZE(tuple); ++i) {
    PyObject* item = items_of(tuple)[i];
    // A null item: the tuple is still being filled.
    if (!item || (PyObject_IS_GC(item) && (!PyTuple_CheckExact(item) || PyObject_GC_IsTracked(item)))) return;
  }
  PyObject_GC_UnTrack(tuple);
}

}  // extern "C"
GILL_STATIC_TYPE(PyTuple_Type);
GILL_STATIC_TYPE(PyTupleIter_Type);
