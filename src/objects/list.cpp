// list and its iterators. Sorting is in list_sort.cpp.
#include "objects/list.h"

#include <utility>

#include "base/binding.h"
#include "base/names.h"
#include "memory/collectable.h"
#include "objects/displays.h"
#include "objects/sequence_methods.h"
#include "objects/tuple.h"

namespace gill {

namespace {

constexpr size_t kMostItems = static_cast<size_t>(PY_SSIZE_T_MAX) / sizeof(PyObject*);

PyListObject* as_list(PyObject* object) { return reinterpret_cast<PyListObject*>(object); }

// PyMem_Malloc() and PyMem_Free() in line where nobody replaced them.
PyObject** allocate_items(Py_ssize_t count) {
  size_t bytes = static_cast<size_t>(count) * sizeof(PyObject*);
  if (void* recent = bytes <= kSmallStepLimit ? recent_plain(widened(bytes)) : nullptr) return static_cast<PyObject**>(recent);
  return PyMem_New(PyObject*, count);
}

}  // namespace

// The room grows by an eighth, so that appending is linear over all; it shrinks when less than half is used.
Status list_resize(PyListObject* list, Py_ssize_t size) {
  Py_ssize_t allocated = list->allocated;
  if (allocated >= size && (size >= allocated >> 1 || has_inline_items(list))) {
    list->ob_base.ob_size = size;
    return Status::ok;
  }
  if (static_cast<size_t>(size) > kMostItems) {
    PyErr_NoMemory();
    return failure;
  }
  size_t room = (static_cast<size_t>(size) + static_cast<size_t>(size >> 3) + 6) & ~size_t{3};
  // A jump by more than the slack is a size that was asked for.
  if (size - list->ob_base.ob_size > static_cast<Py_ssize_t>(room) - size) room = (static_cast<size_t>(size) + 3) & ~size_t{3};
  if (size == 0) room = 0;
  if (room > kMostItems) {
    PyErr_NoMemory();
    return failure;
  }
  if (room == 0) {
    PyMem_Free(list->ob_item);
    list->ob_item = nullptr;
  } else {
    const bool moves_out = !list->ob_item || has_inline_items(list);
    auto* items = moves_out ? allocate_items(static_cast<Py_ssize_t>(room)) : static_cast<PyObject**>(PyMem_Realloc(list->ob_item, room * sizeof(PyObject*)));
    if (!items) {
      PyErr_NoMemory();
      return failure;
    }
    if (moves_out) copy_few(items, list->ob_item, list->ob_base.ob_size);
    list->ob_item = items;
  }
  list->ob_base.ob_size = size;
  list->allocated = static_cast<Py_ssize_t>(room);
  return Status::ok;
}

void reverse_items(PyObject** items, Py_ssize_t n) { std::reverse(items, items + n); }

namespace {

// Those that the list has, or had.
void free_items(PyListObject* list, PyObject** items) {
  if (!items || items == inline_items(list)) return;
  if (g_allocators_replaced) PyMem_Free(items);
  else free_plain(items);
}

// A list whose `size` places are not initialized; start_tracking() when they are.
[[gnu::always_inline]] inline Ref<PyListObject> untracked_list(Py_ssize_t size) {
  const bool is_inline = size <= kMostInlineItems;
  PyObject* object = allocate_collectable(&PyList_Type, inline_list_bytes(is_inline ? static_cast<size_t>(size) : 0));
  if (!object) return failure;
  auto* list = as_list(object);
  object->ob_type = &PyList_Type;
  object->ob_refcnt = 1;
  list->ob_item = size == 0 ? nullptr : is_inline ? inline_items(list) : allocate_items(size);
  if (size > 0 && !list->ob_item) [[unlikely]] {
    free_object(object);
    PyErr_NoMemory();
    return failure;
  }
  list->ob_base.ob_size = list->allocated = size;
  return steal(list);
}

Ref<PyListObject> new_list(Py_ssize_t size) {
  Ref<PyListObject> list = TRY(untracked_list(size));
  std::fill_n(list->ob_item, size, nullptr);
  start_tracking(list.get());
  return list;
}

// Copies references: every `step`-th of the source.
void retain_items(PyObject** to, PyObject* const* from, Py_ssize_t n, Py_ssize_t step = 1) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = from[i * step];
    retain(item);
    to[i] = item;
  }
}

// Fills the places after the first `n` of `items` with copies of those, until each stands there `times` times.
void repeat_items(PyObject** items, Py_ssize_t n, Py_ssize_t times) {
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!is_immortal(items[i])) items[i]->ob_refcnt += times - 1;
  }
  if (n == 1) {
    std::fill_n(items + 1, times - 1, items[0]);
    return;
  }
  Py_ssize_t done = n, all = n * times;
  while (done < all) {
    Py_ssize_t count = std::min(done, all - done);
    std::memcpy(items + done, items, static_cast<size_t>(count) * sizeof(PyObject*));
    done += count;
  }
}

}  // namespace

Ref<> list_steal_items(PyObject** items, Py_ssize_t count) {
  Ref<PyListObject> list = untracked_list(count);
  if (!list) {
    for (Py_ssize_t i = 0; i < count; ++i) gill::release(items[i]);
    return failure;
  }
  copy_few(list->ob_item, items, count);
  start_tracking(list.get());
  return list;
}

namespace {

// A list of `size` borrowed items: every `step`-th.
Ref<PyListObject> list_of_items(PyObject* const* items, Py_ssize_t size, Py_ssize_t step = 1) {
  Ref<PyListObject> list = TRY(untracked_list(size));
  retain_items(list->ob_item, items, size, step);
  start_tracking(list.get());
  return list;
}

Ref<PyListObject> slice_of(PyListObject* self, Py_ssize_t low, Py_ssize_t high) { return list_of_items(self->ob_item + low, std::max<Py_ssize_t>(0, high - low)); }

// Empties the list before its items are released.
int clear_items(PyListObject* self) {
  PyObject** items = std::exchange(self->ob_item, nullptr);
  if (!items) return 0;
  Py_ssize_t n = std::exchange(self->ob_base.ob_size, 0);
  self->allocated = 0;
  while (--n >= 0) {
    if (items[n]) gill::release(items[n]);
  }
  free_items(self, items);
  return 0;
}

Status insert_at(PyListObject* self, Py_ssize_t where, PyObject* value) {
  Py_ssize_t n = self->ob_base.ob_size;
  TRY(list_resize(self, n + 1));
  if (where < 0) where = std::max<Py_ssize_t>(0, where + n);
  where = std::min(where, n);
  std::memmove(self->ob_item + where + 1, self->ob_item + where, static_cast<size_t>(n - where) * sizeof(PyObject*));
  self->ob_item[where] = borrow(value).release();
  return Status::ok;
}

// self[low:high] = values, or deletion when values is null.
Status assign_slice(PyListObject* self, Py_ssize_t low, Py_ssize_t high, PyObject* values) {
  Ref<> source;
  PyObject** new_items = nullptr;
  Py_ssize_t count = 0;
  if (values) {
    if (values == as_object(self)) source = TRY(slice_of(self, 0, self->ob_base.ob_size));
    else source = TRY(steal(PySequence_Fast(values, "can only assign an iterable")));
    count = PySequence_Fast_GET_SIZE(source.get());
    new_items = PySequence_Fast_ITEMS(source.get());
  }
  Py_ssize_t n = self->ob_base.ob_size;
  low = std::clamp<Py_ssize_t>(low, 0, n);
  high = std::clamp(high, low, n);
  Py_ssize_t old_count = high - low;
  Py_ssize_t delta = count - old_count;
  if (n + delta == 0) {
    clear_items(self);
    return Status::ok;
  }
  // The old items are released when the list is whole again.
  PyObject** old_items = nullptr;
  PyObject* few[8];
  if (old_count) {
    old_items = old_count <= 8 ? few : PyMem_New(PyObject*, old_count);
    if (!old_items) {
      PyErr_NoMemory();
      return failure;
    }
    std::copy_n(self->ob_item + low, old_count, old_items);
  }
  Status status = Status::ok;
  if (delta < 0) {
    std::memmove(self->ob_item + high + delta, self->ob_item + high, static_cast<size_t>(n - high) * sizeof(PyObject*));
    status = list_resize(self, n + delta);
    // Shrinking may fail to give memory back; the list is right anyhow.
    if (status == Status::error) {
      PyErr_Clear();
      self->ob_base.ob_size = n + delta;
      status = Status::ok;
    }
  } else if (delta > 0) {
    status = list_resize(self, n + delta);
    if (status == Status::ok) {
      std::memmove(self->ob_item + high + delta, self->ob_item + high, static_cast<size_t>(n - high) * sizeof(PyObject*));
    }
  }
  if (status == Status::ok) {
    retain_items(self->ob_item + low, new_items, count);
    for (Py_ssize_t i = old_count; --i >= 0;) gill::release(old_items[i]);
  }
  if (old_items && old_items != few) PyMem_Free(old_items);
  return status;
}

// The first room of an empty list: as much as it will need, for lists that do not grow later.
Status preallocate(PyListObject* self, Py_ssize_t size) {
  size = size == PY_SSIZE_T_MAX ? size : (size + 1) & ~Py_ssize_t{1};
  self->ob_item = PyMem_New(PyObject*, size);
  if (!self->ob_item) {
    PyErr_NoMemory();
    return failure;
  }
  self->allocated = size;
  return Status::ok;
}

Status extend(PyListObject* self, PyObject* iterable) {
  if (PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable) || iterable == as_object(self)) {
    Ref<> source = TRY(steal(PySequence_Fast(iterable, "argument must be iterable")));
    Py_ssize_t n = PySequence_Fast_GET_SIZE(source.get());
    if (n == 0) return Status::ok;
    Py_ssize_t m = self->ob_base.ob_size;
    if (!self->ob_item) TRY(preallocate(self, n));
    TRY(list_resize(self, m + n));
    // The items' address is read after the resize: the list may extend itself.
    PyObject** items = PySequence_Fast_ITEMS(source.get());
    retain_items(self->ob_item + m, items, n);
    return Status::ok;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  Py_ssize_t hint = TRY(checked(PyObject_LengthHint(iterable, 8)));
  Py_ssize_t n = self->ob_base.ob_size;
  if (hint > PY_SSIZE_T_MAX - n) hint = 0;
  if (!self->ob_item) {
    if (hint) TRY(preallocate(self, hint));
  } else if (self->allocated - n < hint) {
    TRY(list_resize(self, n + hint));
    self->ob_base.ob_size = n;
  }
  iternextfunc next = Py_TYPE(iterator.get())->tp_iternext;
  while (PyObject* item = next(iterator.get())) TRY(list_append_steal(self, item));
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return failure;
    PyErr_Clear();
  }
  // A hint that was too large leaves unused room.
  if (self->ob_base.ob_size < self->allocated / 2) TRY(list_resize(self, self->ob_base.ob_size));
  return Status::ok;
}

// ---- methods --------------------------------------------------------------------------------------

Status list_append(PyListObject* self, PyObject* object) { return list_append_steal(self, borrow(object).release()); }
Status list_insert(PyListObject* self, Py_ssize_t index, PyObject* object) { return insert_at(self, index, object); }
Status list_extend(PyListObject* self, PyObject* iterable) { return extend(self, iterable); }
Status list_clear(PyListObject* self) {
  clear_items(self);
  return Status::ok;
}
Ref<> list_copy(PyListObject* self) { return slice_of(self, 0, self->ob_base.ob_size); }

Ref<> list_pop(PyListObject* self, Py_ssize_t index) {
  Py_ssize_t n = self->ob_base.ob_size;
  if (n == 0) return raise(PyExc_IndexError, "pop from empty list");
  if (index < 0) index += n;
  if (index < 0 || index >= n) return raise(PyExc_IndexError, "pop index out of range");
  Ref<> item = steal(self->ob_item[index]);
  if (index < n - 1) std::memmove(self->ob_item + index, self->ob_item + index + 1, static_cast<size_t>(n - index - 1) * sizeof(PyObject*));
  self->ob_base.ob_size = n - 1;
  if (n - 1 < self->allocated >> 1 && list_resize(self, n - 1) == Status::error) PyErr_Clear();
  return item;
}

Status list_reverse(PyListObject* self) {
  reverse_items(self->ob_item, self->ob_base.ob_size);
  return Status::ok;
}

Status list_sort_method(PyListObject* self, PyObject* key, int reverse) {
  return list_sort(self, key == Py_None ? nullptr : key, reverse != 0);
}

Ref<> list_index(PyListObject* self, PyObject* value, SliceBound start, SliceBound stop) {
  Py_ssize_t n = self->ob_base.ob_size;
  Py_ssize_t end = stop.from_start(n);
  for (Py_ssize_t i = start.from_start(n); i < end && i < self->ob_base.ob_size; ++i) {
    if (TRY(item_equals(self->ob_item[i], value))) return steal(PyLong_FromSsize_t(i));
  }
  return raise(PyExc_ValueError, "%R is not in list", value);
}

Maybe<Py_ssize_t> list_count(PyListObject* self, PyObject* value) {
  Py_ssize_t found = 0;
  for (Py_ssize_t i = 0; i < self->ob_base.ob_size; ++i) {
    found += TRY(item_equals(self->ob_item[i], value));
  }
  return found;
}

Status list_remove(PyListObject* self, PyObject* value) {
  for (Py_ssize_t i = 0; i < self->ob_base.ob_size; ++i) {
    if (TRY(item_equals(self->ob_item[i], value))) return assign_slice(self, i, i + 1, nullptr);
  }
  return raise(PyExc_ValueError, "list.remove(x): x not in list");
}

Maybe<bool> list_contains(PyListObject* self, PyObject* value) {
  for (Py_ssize_t i = 0; i < self->ob_base.ob_size; ++i) {
    if (TRY(item_equals(self->ob_item[i], value))) return true;
  }
  return false;
}

Py_ssize_t list_length(PyListObject* self) { return self->ob_base.ob_size; }
Ref<> list_item(PyListObject* self, Py_ssize_t i) {
  if (i < 0 || i >= self->ob_base.ob_size) return raise(PyExc_IndexError, "list index out of range");
  return borrow(self->ob_item[i]);
}
Status list_set_item(PyListObject* self, Py_ssize_t i, PyObject* value) {
  if (i < 0 || i >= self->ob_base.ob_size) return raise(PyExc_IndexError, "list assignment index out of range");
  if (!value) return assign_slice(self, i, i + 1, nullptr);
  set_field(self->ob_item[i], borrow(value));
  return Status::ok;
}

Ref<> list_concat(PyListObject* self, PyObject* other) {
  if (!PyList_Check(other)) {
    return raise(PyExc_TypeError, "can only concatenate list (not \"%.200s\") to list", Py_TYPE(other)->tp_name);
  }
  Py_ssize_t n = self->ob_base.ob_size, m = Py_SIZE(other);
  if (n > PY_SSIZE_T_MAX - m) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<PyListObject> result = TRY(untracked_list(n + m));
  retain_items(result->ob_item, self->ob_item, n);
  retain_items(result->ob_item + n, as_list(other)->ob_item, m);
  start_tracking(result.get());
  return result;
}
Ref<> list_repeat(PyListObject* self, Py_ssize_t times) {
  Py_ssize_t n = self->ob_base.ob_size;
  if (n == 0 || times <= 0) return new_list(0);
  if (n > PY_SSIZE_T_MAX / times) {
    PyErr_NoMemory();
    return failure;
  }
  Ref<PyListObject> result = TRY(untracked_list(n * times));
  retain_items(result->ob_item, self->ob_item, n);
  repeat_items(result->ob_item, n, times);
  start_tracking(result.get());
  return result;
}
Ref<> list_inplace_concat(PyListObject* self, PyObject* other) {
  TRY(extend(self, other));
  return borrow(as_object(self));
}
Ref<> list_inplace_repeat(PyListObject* self, Py_ssize_t times) {
  Py_ssize_t n = self->ob_base.ob_size;
  if (n == 0 || times == 1) return borrow(as_object(self));
  if (times < 1) {
    clear_items(self);
    return borrow(as_object(self));
  }
  if (n > PY_SSIZE_T_MAX / times) {
    PyErr_NoMemory();
    return failure;
  }
  TRY(list_resize(self, n * times));
  repeat_items(self->ob_item, n, times);
  return borrow(as_object(self));
}

Ref<> list_subscript(PyListObject* self, PyObject* key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return list_item(self, i < 0 ? i + self->ob_base.ob_size : i);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "list indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return failure;
  Py_ssize_t count = PySlice_AdjustIndices(self->ob_base.ob_size, &start, &stop, step);
  if (count <= 0) return new_list(0);
  return list_of_items(self->ob_item + start, count, step);
}

// del self[start:stop:step] for a step other than 1.
Status delete_extended(PyListObject* self, Py_ssize_t start, Py_ssize_t step, Py_ssize_t count) {
  if (count <= 0) return Status::ok;
  if (step < 0) {
    start += step * (count - 1);
    step = -step;
  }
  Ref<PyListObject> garbage = TRY(new_list(count));
  Py_ssize_t n = self->ob_base.ob_size;
  Py_ssize_t to = start;
  for (Py_ssize_t from = start, taken = 0; from < n; ++from) {
    if (taken < count && from == start + taken * step) garbage->ob_item[taken++] = self->ob_item[from];
    else self->ob_item[to++] = self->ob_item[from];
  }
  self->ob_base.ob_size = n - count;
  if (list_resize(self, n - count) == Status::error) PyErr_Clear();
  return Status::ok;
}

Status list_assign(PyListObject* self, PyObject* key, PyObject* value) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = TRY(checked(PyNumber_AsSsize_t(key, PyExc_IndexError)));
    return list_set_item(self, i < 0 ? i + self->ob_base.ob_size : i, value);
  }
  if (!PySlice_Check(key)) {
    return raise(PyExc_TypeError, "list indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
  }
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) return failure;
  Py_ssize_t given_start = start, given_stop = stop;
  Py_ssize_t count = PySlice_AdjustIndices(self->ob_base.ob_size, &start, &stop, step);
  if (step == 1) return assign_slice(self, start, std::max(start, stop), value);
  if (!value) return delete_extended(self, start, step, count);
  Ref<> source = value == as_object(self) ? TRY(slice_of(self, 0, self->ob_base.ob_size))
                                          : TRY(steal(PySequence_Fast(value, "must assign iterable to extended slice")));
  // Making the sequence may have run code that changed this list.
  start = given_start;
  stop = given_stop;
  count = PySlice_AdjustIndices(self->ob_base.ob_size, &start, &stop, step);
  if (PySequence_Fast_GET_SIZE(source.get()) != count) {
    return raise(PyExc_ValueError, "attempt to assign sequence of size %zd to extended slice of size %zd", PySequence_Fast_GET_SIZE(source.get()), count);
  }
  if (count <= 0) return Status::ok;
  Ref<PyListObject> garbage = TRY(new_list(count));
  PyObject** items = PySequence_Fast_ITEMS(source.get());
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject*& item = self->ob_item[start + i * step];
    garbage->ob_item[i] = std::exchange(item, borrow(items[i]).release());
  }
  return Status::ok;
}

Ref<> list_repr(PyObject* self) {
  if (Py_SIZE(self) == 0) return steal(PyUnicode_FromString("[]"));
  int entered = TRY(checked(Py_ReprEnter(self)));
  if (entered) return steal(PyUnicode_FromString("[...]"));
  Ref<> text = sequence_repr(self, '[', "]");
  Py_ReprLeave(self);
  return text;
}

Ref<> list_compare(PyObject* a, PyObject* b, int op) {
  if (!PyList_Check(a) || !PyList_Check(b)) return borrow(Py_NotImplemented);
  if (Py_SIZE(a) != Py_SIZE(b) && (op == Py_EQ || op == Py_NE)) return py_bool(op == Py_NE);
  Py_ssize_t i = 0;
  for (Py_ssize_t n = std::min(Py_SIZE(a), Py_SIZE(b)); i < n && as_list(a)->ob_item[i] == as_list(b)->ob_item[i];) ++i;
  for (; i < Py_SIZE(a) && i < Py_SIZE(b); ++i) {
    Ref<> x = borrow(as_list(a)->ob_item[i]), y = borrow(as_list(b)->ob_item[i]);
    if (x.get() == y.get()) continue;
    if (!TRY(truth_of(PyObject_RichCompareBool(x.get(), y.get(), Py_EQ)))) {
      // The comparison may have shortened the lists.
      if (i >= Py_SIZE(a) || i >= Py_SIZE(b)) break;
      if (op == Py_EQ) return py_bool(false);
      if (op == Py_NE) return py_bool(true);
      return steal(PyObject_RichCompare(x.get(), y.get(), op));
    }
  }
  return compare_lengths(Py_SIZE(a), Py_SIZE(b), op);
}

Status list_init(PyListObject* self, PyObject* iterable) {
  if (self->ob_item) clear_items(self);
  return iterable ? extend(self, iterable) : Status::ok;
}
PyObject* list_vectorcall(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (kwnames && PyTuple_GET_SIZE(kwnames)) {
    PyErr_SetString(PyExc_TypeError, "list() takes no keyword arguments");
    return nullptr;
  }
  if (n > 1) {
    PyErr_Format(PyExc_TypeError, "list expected at most 1 argument, got %zd", n);
    return nullptr;
  }
  Ref<> self = type == as_object(&PyList_Type) ? Ref<>(new_list(0)) : steal(PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type), 0));
  if (!self || (n == 1 && extend(as_list(self.get()), args[0]) == Status::error)) return nullptr;
  return self.release();
}

void list_dealloc(PyObject* self);

// With what did not die quietly, or of a subclass.
[[gnu::noinline]] void dispose_of_rest(PyListObject* list) {
  PyObject* self = as_object(list);
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, list_dealloc);
  clear_items(list);
  if (PyList_CheckExact(self)) free_collectable(self);
  else Py_TYPE(self)->tp_free(self);
  Py_TRASHCAN_END;
}

void list_dealloc(PyObject* self) {
  PyListObject* list = as_list(self);
  list->ob_base.ob_size = release_quiet_items(list->ob_item, list->ob_base.ob_size);
  if (list->ob_base.ob_size > 0 || !PyList_CheckExact(self)) [[unlikely]] return dispose_of_rest(list);
  free_items(list, list->ob_item);
  free_collectable(self);
}

int list_traverse(PyObject* self, visitproc visit, void* arg) {
  for (Py_ssize_t i = Py_SIZE(self); --i >= 0;) Py_VISIT(as_list(self)->ob_item[i]);
  return 0;
}
int list_tp_clear(PyObject* self) { return clear_items(as_list(self)); }

Ref<> list_sizeof(PyListObject* self) {
  return steal(PyLong_FromSsize_t(Py_TYPE(self)->tp_basicsize + self->allocated * static_cast<Py_ssize_t>(sizeof(PyObject*))));
}
Ref<> list_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

// ---- iterators --------------------------------------------------------------------------------------

Ref<> list_iter(PyObject* self) { return new_sequence_iterator(&PyListIter_Type, self); }
Ref<> list_reversed(PyObject* self) { return new_sequence_iterator(&PyListRevIter_Type, self, Py_SIZE(self) - 1); }

Ref<> list_iterator_next(SequenceIterator* self) {
  PyObject* list = self->sequence;
  if (!list) return nullptr;
  if (self->index < Py_SIZE(list)) return borrow(as_list(list)->ob_item[self->index++]);
  clear_field(self->sequence);
  return nullptr;
}
Ref<> reverse_iterator_next(SequenceIterator* self) {
  PyObject* list = self->sequence;
  if (!list) return nullptr;
  if (self->index >= 0 && self->index < Py_SIZE(list)) return borrow(as_list(list)->ob_item[self->index--]);
  self->index = -1;
  clear_field(self->sequence);
  return nullptr;
}
Ref<> reverse_length_hint(SequenceIterator* self) {
  Py_ssize_t left = self->index + 1;
  if (!self->sequence || Py_SIZE(self->sequence) < left) left = 0;
  return steal(PyLong_FromSsize_t(left));
}
Ref<> reverse_reduce(SequenceIterator* self) {
  if (self->sequence) {
    Ref<> reversed = TRY(steal(_PyEval_GetBuiltin(name<"reversed">)));
    return steal(Py_BuildValue("N(O)n", reversed.release(), self->sequence, self->index));
  }
  Ref<> iter = TRY(steal(_PyEval_GetBuiltin(name<"iter">)));
  return steal(Py_BuildValue("N([])", iter.release()));
}
Ref<> reverse_setstate(SequenceIterator* self, PyObject* state) {
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(state)));
  if (self->sequence) self->index = std::clamp<Py_ssize_t>(index, -1, Py_SIZE(self->sequence) - 1);
  return none();
}
const PyMethodDef kReverseMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", reverse_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", reverse_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("__setstate__($self, state, /)", reverse_setstate, "Set state information for unpickling."),
    kEndOfMethods,
};

const PyMethodDef kMethods[] = {
    GILL_BOUND("__getitem__($self, index, /)", list_subscript)::definition("x.__getitem__(y) <==> x[y]", METH_COEXIST),
    METHOD("__reversed__($self, /)", list_reversed, "Return a reverse iterator over the list."),
    METHOD("__sizeof__($self, /)", list_sizeof, "Return the size of the list in memory, in bytes."),
    METHOD("clear($self, /)", list_clear, "Remove all items from list."),
    METHOD("copy($self, /)", list_copy, "Return a shallow copy of the list."),
    METHOD("append($self, object, /)", list_append, "Append object to the end of the list."),
    METHOD("insert($self, index, object, /)", list_insert, "Insert object before index."),
    METHOD("extend($self, iterable, /)", list_extend, "Extend list by appending elements from the iterable."),
    METHOD("pop($self, index=-1, /)", list_pop, "Remove and return item at index (default last).\n\nRaises IndexError if list is empty or index is out of range."),
    METHOD("remove($self, value, /)", list_remove, "Remove first occurrence of value.\n\nRaises ValueError if the value is not present."),
    METHOD("index($self, value, start=0, stop=sys.maxsize, /)", list_index, "Return first index of value.\n\nRaises ValueError if the value is not present."),
    METHOD("count($self, value, /)", list_count, "Return number of occurrences of value."),
    METHOD("reverse($self, /)", list_reverse, "Reverse *IN PLACE*."),
    METHOD("sort($self, /, *, key=None, reverse=False)", list_sort_method, "Sort the list in ascending order and return None.\n\nThe sort is in-place and stable. A key function is applied once to each item;\nthe reverse flag sorts in descending order."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", list_class_getitem, "See PEP 585"),
    kEndOfMethods,
};
PySequenceMethods list_as_sequence = {
    .sq_length = slot<list_length>,
    .sq_concat = slot<list_concat>,
    .sq_repeat = slot<list_repeat>,
    .sq_item = slot<list_item>,
    .sq_ass_item = slot<list_set_item>,
    .sq_contains = slot<list_contains>,
    .sq_inplace_concat = slot<list_inplace_concat>,
    .sq_inplace_repeat = slot<list_inplace_repeat>,
};
PyMappingMethods list_as_mapping = {slot<list_length>, slot<list_subscript>, slot<list_assign>};

PyListObject* checked_list(PyObject* object) {
  if (object && PyList_Check(object)) return as_list(object);
  PyErr_BadInternalCall();
  return nullptr;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyList_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "list",
    .tp_basicsize = sizeof(PyListObject),
    .tp_dealloc = list_dealloc,
    .tp_repr = slot<list_repr>,
    .tp_as_sequence = &list_as_sequence,
    .tp_as_mapping = &list_as_mapping,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_LIST_SUBCLASS | _Py_TPFLAGS_MATCH_SELF | Py_TPFLAGS_SEQUENCE,
    .tp_doc = "list(iterable=(), /)\n--\n\nBuilt-in mutable sequence.\n\nIf no argument is given, the constructor creates a new empty list.\nThe argument must be an iterable if specified.",
    .tp_traverse = list_traverse,
    .tp_clear = list_tp_clear,
    .tp_richcompare = slot<list_compare>,
    .tp_iter = slot<list_iter>,
    .tp_methods = table(kMethods),
    .tp_init = INITIALIZER("list($self, iterable=<unrepresentable>, /)", list_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
    .tp_vectorcall = list_vectorcall,
};
PyTypeObject PyListIter_Type = sequence_iterator_type("list_iterator", slot<list_iterator_next>);
PyTypeObject PyListRevIter_Type = sequence_iterator_type("list_reverseiterator", slot<reverse_iterator_next>, table(kReverseMethods));

PyObject* PyList_New(Py_ssize_t n) {
  if (n < 0) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  return as_object(new_list(n).release());
}
Py_ssize_t PyList_Size(PyObject* list) { return checked_list(list) ? Py_SIZE(list) : -1; }
PyObject* PyList_GetItem(PyObject* list, Py_ssize_t i) {
  if (!checked_list(list)) return nullptr;
  if (i < 0 || i >= Py_SIZE(list)) {
    PyErr_SetString(PyExc_IndexError, "list index out of range");
    return nullptr;
  }
  return as_list(list)->ob_item[i];
}
int PyList_SetItem(PyObject* list, Py_ssize_t i, PyObject* value) {
  Ref<> own = steal(value);
  if (!checked_list(list)) return -1;
  if (i < 0 || i >= Py_SIZE(list)) {
    PyErr_SetString(PyExc_IndexError, "list assignment index out of range");
    return -1;
  }
  set_field(as_list(list)->ob_item[i], std::move(own));
  return 0;
}
int PyList_Insert(PyObject* list, Py_ssize_t where, PyObject* value) {
  if (!value) PyErr_BadInternalCall();
  return value && checked_list(list) ? static_cast<int>(insert_at(as_list(list), where, value)) : -1;
}
int PyList_Append(PyObject* list, PyObject* value) {
  if (!value) PyErr_BadInternalCall();
  return value && checked_list(list) ? static_cast<int>(list_append_steal(as_list(list), borrow(value).release())) : -1;
}
PyObject* PyList_GetSlice(PyObject* list, Py_ssize_t low, Py_ssize_t high) {
  if (!checked_list(list)) return nullptr;
  low = std::clamp<Py_ssize_t>(low, 0, Py_SIZE(list));
  high = std::clamp(high, low, Py_SIZE(list));
  return as_object(slice_of(as_list(list), low, high).release());
}
int PyList_SetSlice(PyObject* list, Py_ssize_t low, Py_ssize_t high, PyObject* values) {
  return checked_list(list) ? static_cast<int>(assign_slice(as_list(list), low, high, values)) : -1;
}
int PyList_Sort(PyObject* list) { return checked_list(list) ? static_cast<int>(list_sort(as_list(list), nullptr, false)) : -1; }
int PyList_Reverse(PyObject* list) { return checked_list(list) ? static_cast<int>(list_reverse(as_list(list))) : -1; }
PyObject* PyList_AsTuple(PyObject* list) {
  return checked_list(list) ? tuple_from_array(as_list(list)->ob_item, Py_SIZE(list)).release() : nullptr;
}
PyObject* _PyList_Extend(PyListObject* list, PyObject* iterable) { return extend(list, iterable) == Status::ok ? none().release() : nullptr; }

}  // extern "C"
GILL_STATIC_TYPE(PyList_Type);
GILL_STATIC_TYPE(PyListIter_Type);
GILL_STATIC_TYPE(PyListRevIter_Type);
