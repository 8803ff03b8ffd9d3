// `collections.deque`: a doubly linked list of blocks of items.
//
// Items fill [left_index, ...) of the first block to right_index of the last, so both ends push and pop
// in constant time and nothing moves. `state` counts changes: iterators compare it to notice mutation.
#include "modules/collections/collections.h"

#include <structmember.h>

namespace gill::collections {
namespace {

inline constexpr Py_ssize_t kBlockItems = 64;
inline constexpr Py_ssize_t kMaxSpares = 16;
inline constexpr Py_ssize_t kCenter = (kBlockItems - 1) / 2;

struct Block {
  Block* left;
  PyObject* items[kBlockItems];
  Block* right;
};

struct Deque {
  PyObject_VAR_HEAD  // ob_size: the length
  Block* first;
  Block* last;
  Py_ssize_t left_index, right_index;
  size_t state;
  Py_ssize_t maxlen;  // -1: unbounded
  // Blocks that a queue gave up at one end wait here to be used at the other.
  Py_ssize_t spare_count;
  Block* spares[kMaxSpares];
  PyObject* weakrefs;

  Py_ssize_t length() const { return ob_base.ob_size; }
  void set_length(Py_ssize_t n) { ob_base.ob_size = n; }
};

bool is_deque(PyObject* object) { return PyObject_TypeCheck(object, &Deque_Type); }

Block* new_block(Deque* self) {
  if (self && self->spare_count) return self->spares[--self->spare_count];
  auto* block = static_cast<Block*>(PyMem_Malloc(sizeof(Block)));
  if (!block) PyErr_NoMemory();
  return block;
}

void free_block(Deque* self, Block* block) {
  if (self->spare_count < kMaxSpares) self->spares[self->spare_count++] = block;
  else PyMem_Free(block);
}

void center(Deque* self) {
  self->left_index = kCenter + 1;
  self->right_index = kCenter;
}

Ref<> pop_right(Deque* self) {
  PyObject* item = self->last->items[self->right_index--];
  self->set_length(self->length() - 1);
  ++self->state;
  if (self->right_index < 0) {
    if (self->length()) {
      Block* previous = self->last->left;
      free_block(self, self->last);
      previous->right = nullptr;
      self->last = previous;
      self->right_index = kBlockItems - 1;
    } else {
      center(self);
    }
  } else if (self->length() == 0) {
    center(self);
  }
  return steal(item);
}

Ref<> pop_left(Deque* self) {
  PyObject* item = self->first->items[self->left_index++];
  self->set_length(self->length() - 1);
  ++self->state;
  if (self->left_index == kBlockItems) {
    if (self->length()) {
      Block* next = self->first->right;
      free_block(self, self->first);
      next->left = nullptr;
      self->first = next;
      self->left_index = 0;
    } else {
      center(self);
    }
  } else if (self->length() == 0) {
    center(self);
  }
  return steal(item);
}

Status push_right(Deque* self, Ref<> item) {
  if (self->right_index == kBlockItems - 1) {
    Block* block = TRY(new_block(self));
    block->left = self->last;
    block->right = nullptr;
    self->last->right = block;
    self->last = block;
    self->right_index = -1;
  }
  self->last->items[++self->right_index] = item.release();
  self->set_length(self->length() + 1);
  if (self->maxlen >= 0 && self->length() > self->maxlen) (void)pop_left(self);
  else ++self->state;
  return Status::ok;
}

Status push_left(Deque* self, Ref<> item) {
  if (self->left_index == 0) {
    Block* block = TRY(new_block(self));
    block->right = self->first;
    block->left = nullptr;
    self->first->left = block;
    self->first = block;
    self->left_index = kBlockItems;
  }
  self->first->items[--self->left_index] = item.release();
  self->set_length(self->length() + 1);
  if (self->maxlen >= 0 && self->length() > self->maxlen) (void)pop_right(self);
  else ++self->state;
  return Status::ok;
}

// Walks the items from left to right without owning them.
struct Cursor {
  Block* block;
  Py_ssize_t index;
  explicit Cursor(Deque* deque) : block(deque->first), index(deque->left_index) {}
  PyObject*& item() { return block->items[index]; }
  void next() {
    if (++index == kBlockItems) {
      block = block->right;
      index = 0;
    }
  }
};

// The place of item i, from the nearer end.
PyObject** place(Deque* self, Py_ssize_t i) {
  Py_ssize_t n = self->length();
  if (i == 0) return &self->first->items[self->left_index];
  if (i == n - 1) return &self->last->items[self->right_index];
  Py_ssize_t offset = i + self->left_index;
  Py_ssize_t blocks = offset / kBlockItems;
  Block* block;
  if (i < n / 2) {
    block = self->first;
    for (Py_ssize_t k = 0; k < blocks; ++k) block = block->right;
  } else {
    Py_ssize_t back = (self->left_index + n - 1) / kBlockItems - blocks;
    block = self->last;
    for (Py_ssize_t k = 0; k < back; ++k) block = block->left;
  }
  return &block->items[offset % kBlockItems];
}

// ---- construction -------------------------------------------------------------------------------

PyObject* deque_new(PyTypeObject* type, PyObject*, PyObject*) {
  Block* block = new_block(nullptr);
  if (!block) return nullptr;
  auto* self = reinterpret_cast<Deque*>(type->tp_alloc(type, 0));
  if (!self) {
    PyMem_Free(block);
    return nullptr;
  }
  block->left = block->right = nullptr;
  self->first = self->last = block;
  center(self);
  self->maxlen = -1;
  return as_object(self);
}

Ref<Deque> empty_like(Deque* self) {
  Ref<Deque> result = TRY(Ref<Deque>::steal(deque_new(&Deque_Type, nullptr, nullptr)));
  result->maxlen = self->maxlen;
  return result;
}

// Empties the deque. The items are released after it is a good empty deque again, so that code which
// runs meanwhile finds nothing half done.
int deque_clear(Deque* self) {
  if (self->length() == 0) return 0;
  Block* spare = static_cast<Block*>(PyMem_Malloc(sizeof(Block)));
  if (!spare) {
    while (self->length()) (void)pop_right(self);
    return 0;
  }
  Block* block = self->first;
  Py_ssize_t index = self->left_index;
  Py_ssize_t n = self->length();
  spare->left = spare->right = nullptr;
  self->first = self->last = spare;
  self->set_length(0);
  center(self);
  ++self->state;
  while (n--) {
    PyObject* item = block->items[index];
    if (++index == kBlockItems && n) {
      Block* next = block->right;
      PyMem_Free(block);
      block = next;
      index = 0;
    }
    gill::release(item);
  }
  PyMem_Free(block);
  return 0;
}

void deque_dealloc(Deque* self) {
  PyObject_GC_UnTrack(as_object(self));
  Py_TRASHCAN_BEGIN(self, slot<deque_dealloc>);
  if (self->weakrefs) PyObject_ClearWeakRefs(as_object(self));
  if (self->first) {
    deque_clear(self);
    PyMem_Free(self->first);
    while (self->spare_count) PyMem_Free(self->spares[--self->spare_count]);
  }
  Py_TYPE(self)->tp_free(as_object(self));
  Py_TRASHCAN_END;
}

int deque_traverse(Deque* self, visitproc visit, void* arg) {
  Cursor cursor(self);
  for (Py_ssize_t i = 0, n = self->length(); i < n; ++i, cursor.next()) Py_VISIT(cursor.item());
  return 0;
}

template <bool Left>
Status push_all(Deque* self, PyObject* iterable) {
  if (self->length() == 0) {
    // Filled from one end, a block holds the most.
    self->left_index = Left ? kBlockItems - 1 : 1;
    self->right_index = Left ? kBlockItems - 2 : 0;
  }
  Ref<> source = as_object(self) == iterable ? TRY(steal(PySequence_List(iterable))) : borrow(iterable);
  Ref<> iterator = TRY(steal(PyObject_GetIter(source.get())));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) {
    if (self->maxlen == 0) continue;
    TRY(Left ? push_left(self, std::move(item)) : push_right(self, std::move(item)));
  }
  return PyErr_Occurred() ? Status::error : Status::ok;
}
Status deque_extend(Deque* self, PyObject* iterable) { return push_all<false>(self, iterable); }
Status deque_extendleft(Deque* self, PyObject* iterable) { return push_all<true>(self, iterable); }

Status deque_init(Deque* self, PyObject* iterable, PyObject* maxlen) {
  Py_ssize_t limit = -1;
  if (maxlen && maxlen != Py_None) {
    limit = TRY(checked(PyLong_AsSsize_t(maxlen)));
    if (limit < 0) return raise(PyExc_ValueError, "maxlen must be non-negative");
  }
  self->maxlen = limit;
  if (self->length() > 0) deque_clear(self);
  if (!iterable) return Status::ok;
  return deque_extend(self, iterable);
}

Ref<> copy(Deque* self) {
  if (Py_TYPE(self) == &Deque_Type) {
    Ref<Deque> result = TRY(empty_like(self));
    Cursor cursor(self);
    for (Py_ssize_t i = 0, n = self->length(); i < n; ++i, cursor.next()) TRY(push_right(result.get(), borrow(cursor.item())));
    return result;
  }
  Ref<> result = self->maxlen < 0 ? steal(PyObject_CallOneArg(as_object(Py_TYPE(self)), as_object(self)))
                                  : steal(PyObject_CallFunction(as_object(Py_TYPE(self)), "On", self, self->maxlen));
  if (result && !is_deque(result.get())) {
    return raise(PyExc_TypeError, "%.200s() must return a deque, not %.200s", Py_TYPE(self)->tp_name, Py_TYPE(result.get())->tp_name);
  }
  return result;
}

// ---- methods --------------------------------------------------------------------------------------

Status deque_append(Deque* self, PyObject* item) { return push_right(self, borrow(item)); }
Status deque_appendleft(Deque* self, PyObject* item) { return push_left(self, borrow(item)); }
Ref<> deque_pop(Deque* self) {
  if (self->length() == 0) return raise(PyExc_IndexError, "pop from an empty deque");
  return pop_right(self);
}
Ref<> deque_popleft(Deque* self) {
  if (self->length() == 0) return raise(PyExc_IndexError, "pop from an empty deque");
  return pop_left(self);
}
Status deque_clear_method(Deque* self) {
  deque_clear(self);
  return Status::ok;
}

Status rotate(Deque* self, Py_ssize_t n) {
  Py_ssize_t length = self->length();
  if (length <= 1) return Status::ok;
  n %= length;
  if (n > length / 2) n -= length;
  if (n < -(length / 2)) n += length;
  Py_ssize_t limit = std::exchange(self->maxlen, -1);
  Status status = Status::ok;
  for (; n > 0 && status == Status::ok; --n) status = push_left(self, pop_right(self));
  for (; n < 0 && status == Status::ok; ++n) status = push_right(self, pop_left(self));
  self->maxlen = limit;
  return status;
}
// Counts its arguments itself: the message names the type.
Status deque_rotate(Deque* self, Args args) {
  if (args.count > 1) return raise(PyExc_TypeError, "deque.rotate expected at most 1 argument, got %zd", args.count);
  Py_ssize_t n = 1;
  if (args.count == 1) {
    Ref<> index = TRY(steal(PyNumber_Index(args.items[0])));
    n = TRY(checked(PyLong_AsSsize_t(index.get())));
  }
  return rotate(self, n);
}

Status deque_reverse(Deque* self) {
  Block *left = self->first, *right = self->last;
  Py_ssize_t i = self->left_index, j = self->right_index;
  for (Py_ssize_t n = self->length() / 2; n > 0; --n) {
    std::swap(left->items[i], right->items[j]);
    if (++i == kBlockItems) {
      left = left->right;
      i = 0;
    }
    if (--j < 0) {
      right = right->left;
      j = kBlockItems - 1;
    }
  }
  return Status::ok;
}

Maybe<Py_ssize_t> deque_count(Deque* self, PyObject* value) {
  Cursor cursor(self);
  size_t state = self->state;
  Py_ssize_t found = 0;
  for (Py_ssize_t i = 0, n = self->length(); i < n; ++i, cursor.next()) {
    Ref<> item = borrow(cursor.item());
    found += TRY(truth_of(PyObject_RichCompareBool(item.get(), value, Py_EQ)));
    if (state != self->state) return raise(PyExc_RuntimeError, "deque mutated during iteration");
  }
  return found;
}

Maybe<bool> deque_contains(Deque* self, PyObject* value) {
  Cursor cursor(self);
  size_t state = self->state;
  for (Py_ssize_t i = 0, n = self->length(); i < n; ++i, cursor.next()) {
    Ref<> item = borrow(cursor.item());
    if (TRY(truth_of(PyObject_RichCompareBool(item.get(), value, Py_EQ)))) return true;
    if (state != self->state) return raise(PyExc_RuntimeError, "deque mutated during iteration");
  }
  return false;
}


Ref<> deque_index(Deque* self, PyObject* value, PyObject* start_object, PyObject* stop_object) {
  Py_ssize_t start = 0, stop = self->length();
  if (start_object && !_PyEval_SliceIndexNotNone(start_object, &start)) return failure;
  if (stop_object && !_PyEval_SliceIndexNotNone(stop_object, &stop)) return failure;
  if (start < 0) start = std::max<Py_ssize_t>(0, start + self->length());
  if (stop < 0) stop = std::max<Py_ssize_t>(0, stop + self->length());
  stop = std::min(stop, self->length());
  start = std::min(start, stop);
  size_t state = self->state;
  Cursor cursor(self);
  for (Py_ssize_t i = 0; i < stop; ++i, cursor.next()) {
    if (i < start) continue;
    Ref<> item = borrow(cursor.item());
    if (TRY(truth_of(PyObject_RichCompareBool(item.get(), value, Py_EQ)))) return steal(PyLong_FromSsize_t(i));
    if (state != self->state) return raise(PyExc_RuntimeError, "deque mutated during iteration");
  }
  return raise(PyExc_ValueError, "%R is not in deque", value);
}

Status remove_at(Deque* self, Py_ssize_t i) {
  TRY(rotate(self, -i));
  Ref<> item = pop_left(self);
  return rotate(self, i);
}

Status deque_remove(Deque* self, PyObject* value) {
  size_t state = self->state;
  Cursor cursor(self);
  for (Py_ssize_t i = 0, n = self->length(); i < n; ++i, cursor.next()) {
    Ref<> item = borrow(cursor.item());
    bool same = TRY(truth_of(PyObject_RichCompareBool(item.get(), value, Py_EQ)));
    if (state != self->state) return raise(PyExc_IndexError, "deque mutated during remove().");
    if (same) return remove_at(self, i);
  }
  return raise(PyExc_ValueError, "%R is not in deque", value);
}

Status deque_insert(Deque* self, Py_ssize_t index, PyObject* value) {
  Py_ssize_t n = self->length();
  if (self->maxlen == n) return raise(PyExc_IndexError, "deque already at its maximum size");
  if (index >= n) return push_right(self, borrow(value));
  if (index <= -n || index == 0) return push_left(self, borrow(value));
  TRY(rotate(self, -index));
  TRY(index < 0 ? push_right(self, borrow(value)) : push_left(self, borrow(value)));
  return rotate(self, index);
}

Ref<> deque_item(Deque* self, Py_ssize_t i) {
  if (i < 0 || i >= self->length()) return raise(PyExc_IndexError, "deque index out of range");
  return borrow(*place(self, i));
}
Status deque_set_item(Deque* self, Py_ssize_t i, PyObject* value) {
  if (i < 0 || i >= self->length()) return raise(PyExc_IndexError, "deque index out of range");
  if (!value) return remove_at(self, i);
  set_field(*place(self, i), borrow(value));
  return Status::ok;
}
Py_ssize_t deque_length(Deque* self) { return self->length(); }

Ref<> deque_concat(Deque* self, PyObject* other) {
  if (!is_deque(other)) return raise(PyExc_TypeError, "can only concatenate deque (not \"%.200s\") to deque", Py_TYPE(other)->tp_name);
  Ref<> result = TRY(copy(self));
  TRY(deque_extend(reinterpret_cast<Deque*>(result.get()), other));
  return result;
}
Ref<> deque_inplace_concat(Deque* self, PyObject* other) {
  TRY(deque_extend(self, other));
  return borrow(as_object(self));
}

Ref<> deque_inplace_repeat(Deque* self, Py_ssize_t n) {
  Py_ssize_t length = self->length();
  if (length == 0 || n == 1) return borrow(as_object(self));
  if (n <= 0) {
    deque_clear(self);
    return borrow(as_object(self));
  }
  // Under a bound only the last items survive.
  if (self->maxlen >= 0 && length * n > self->maxlen) n = (self->maxlen + length - 1) / length;
  if (n > PY_SSIZE_T_MAX / length) return raise(PyExc_MemoryError, "");
  Ref<> items = TRY(steal(PySequence_List(as_object(self))));
  for (Py_ssize_t k = 1; k < n; ++k) TRY(deque_extend(self, items.get()));
  return borrow(as_object(self));
}
Ref<> deque_repeat(Deque* self, Py_ssize_t n) {
  Ref<> result = TRY(copy(self));
  return deque_inplace_repeat(reinterpret_cast<Deque*>(result.get()), n);
}

Ref<> deque_repr(PyObject* self) {
  int entered = TRY(checked(Py_ReprEnter(self)));
  if (entered) return steal(PyUnicode_FromString("[...]"));
  auto build = [&]() -> Ref<> {
    Ref<> items = TRY(steal(PySequence_List(self)));
    Py_ssize_t limit = reinterpret_cast<Deque*>(self)->maxlen;
    if (limit >= 0) return steal(PyUnicode_FromFormat("%s(%R, maxlen=%zd)", _PyType_Name(Py_TYPE(self)), items.get(), limit));
    return steal(PyUnicode_FromFormat("%s(%R)", _PyType_Name(Py_TYPE(self)), items.get()));
  };
  Ref<> text = build();
  Py_ReprLeave(self);
  return text;
}

Ref<> deque_compare(PyObject* a, PyObject* b, int op) {
  if (!is_deque(a) || !is_deque(b)) return borrow(Py_NotImplemented);
  Py_ssize_t n = reinterpret_cast<Deque*>(a)->length(), m = reinterpret_cast<Deque*>(b)->length();
  if (a == b && (op == Py_EQ || op == Py_NE)) return py_bool(op == Py_EQ);
  if (n != m && (op == Py_EQ || op == Py_NE)) return py_bool(op == Py_NE);
  Ref<> left = TRY(steal(PyObject_GetIter(a)));
  Ref<> right = TRY(steal(PyObject_GetIter(b)));
  for (;;) {
    Ref<> x = steal(PyIter_Next(left.get()));
    if (!x && PyErr_Occurred()) return failure;
    Ref<> y = steal(PyIter_Next(right.get()));
    if (!y && PyErr_Occurred()) return failure;
    if (!x || !y) {
      bool has_x = static_cast<bool>(x), has_y = static_cast<bool>(y);
      switch (op) {
        case Py_LT: return py_bool(has_y);
        case Py_LE: return py_bool(!has_x);
        case Py_EQ: return py_bool(has_x == has_y);
        case Py_NE: return py_bool(has_x != has_y);
        case Py_GT: return py_bool(has_x);
        default: return py_bool(!has_y);
      }
    }
    if (!TRY(truth_of(PyObject_RichCompareBool(x.get(), y.get(), Py_EQ)))) {
      if (op == Py_EQ) return py_bool(false);
      if (op == Py_NE) return py_bool(true);
      return steal(PyObject_RichCompare(x.get(), y.get(), op));
    }
  }
}

Ref<> deque_copy(Deque* self) { return copy(self); }

Ref<> deque_reduce(Deque* self) {
  Ref<> state = TRY(steal(_PyObject_GetState(as_object(self))));
  Ref<> iterator = TRY(steal(PyObject_GetIter(as_object(self))));
  if (self->maxlen < 0) return steal(Py_BuildValue("O()OO", Py_TYPE(self), state.get(), iterator.get()));
  return steal(Py_BuildValue("O(()n)OO", Py_TYPE(self), self->maxlen, state.get(), iterator.get()));
}

Ref<> deque_sizeof(Deque* self) {
  Py_ssize_t blocks = (self->left_index + self->length() + kBlockItems - 1) / kBlockItems;
  return steal(PyLong_FromSsize_t(Py_TYPE(self)->tp_basicsize + std::max<Py_ssize_t>(blocks, 1) * static_cast<Py_ssize_t>(sizeof(Block))));
}

Ref<> deque_maxlen(Deque* self) { return self->maxlen < 0 ? none() : steal(PyLong_FromSsize_t(self->maxlen)); }
Ref<> deque_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

// ---- iterators --------------------------------------------------------------------------------------

struct DequeIterator {
  PyObject_HEAD
  Block* block;
  Py_ssize_t index;
  Deque* deque;
  size_t state;
  Py_ssize_t left;

  using Fields = OwnedFields<&DequeIterator::deque>;
};

Ref<> new_iterator(Deque* deque, PyTypeObject* type) {
  bool forward = type == &DequeIterator_Type;
  Ref<DequeIterator> self = TRY(Ref<DequeIterator>::steal(PyObject_GC_New(DequeIterator, type)));
  self->block = forward ? deque->first : deque->last;
  self->index = forward ? deque->left_index : deque->right_index;
  self->deque = Ref<Deque>::borrow(deque).release();
  self->state = deque->state;
  self->left = deque->length();
  PyObject_GC_Track(self.object());
  return self;
}
Ref<> deque_iter(Deque* self) { return new_iterator(self, &DequeIterator_Type); }
Ref<> deque_reversed(Deque* self) { return new_iterator(self, &DequeReverseIterator_Type); }

template <bool Forward>
Ref<> iterator_next(DequeIterator* self) {
  if (self->deque->state != self->state) {
    self->left = 0;
    return raise(PyExc_RuntimeError, "deque mutated during iteration");
  }
  if (self->left == 0) return nullptr;
  Ref<> item = borrow(self->block->items[self->index]);
  --self->left;
  if constexpr (Forward) {
    if (++self->index == kBlockItems && self->left > 0) {
      self->block = self->block->right;
      self->index = 0;
    }
  } else {
    if (--self->index < 0 && self->left > 0) {
      self->block = self->block->left;
      self->index = kBlockItems - 1;
    }
  }
  return item;
}

void iterator_dealloc(DequeIterator* self) {
  PyObject_GC_UnTrack(as_object(self));
  DequeIterator::Fields::clear_all(self);
  PyObject_GC_Del(self);
}
Ref<> iterator_new(PyTypeObject* type, PyObject* deque, Py_ssize_t index) {
  if (!is_deque(deque)) {
    return raise(PyExc_TypeError, "%s() argument 1 must be collections.deque, not %.50s", _PyType_Name(type), Py_TYPE(deque)->tp_name);
  }
  Ref<> iterator = TRY(new_iterator(reinterpret_cast<Deque*>(deque), type));
  for (Py_ssize_t i = 0; i < index; ++i) {
    Ref<> item = steal(type->tp_iternext(iterator.get()));
    if (!item) {
      if (PyErr_Occurred()) return failure;
      break;
    }
  }
  return iterator;
}
Ref<> iterator_reduce(DequeIterator* self) {
  return steal(Py_BuildValue("O(On)", Py_TYPE(self), self->deque, self->deque->length() - self->left));
}
Maybe<Py_ssize_t> iterator_length_hint(DequeIterator* self) { return self->left; }

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__length_hint__($self, /)", iterator_length_hint, "Private method returning an estimate of len(list(it))."),
    METHOD_UNSIGNED("__reduce__($self, /)", iterator_reduce, "Return state information for pickling."),
    kEndOfMethods,
};

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("append($self, item, /)", deque_append, "Add an element to the right side of the deque."),
    METHOD_UNSIGNED("appendleft($self, item, /)", deque_appendleft, "Add an element to the left side of the deque."),
    METHOD_UNSIGNED("clear($self, /)", deque_clear_method, "Remove all elements from the deque."),
    METHOD_UNSIGNED("__copy__($self, /)", deque_copy, "Return a shallow copy of a deque."),
    METHOD_UNSIGNED("copy($self, /)", deque_copy, "Return a shallow copy of a deque."),
    METHOD_UNSIGNED("count($self, value, /)", deque_count, "D.count(value) -- return number of occurrences of value"),
    METHOD_UNSIGNED("extend($self, iterable, /)", deque_extend, "Extend the right side of the deque with elements from the iterable"),
    METHOD_UNSIGNED("extendleft($self, iterable, /)", deque_extendleft, "Extend the left side of the deque with elements from the iterable"),
    METHOD_PARSED_ARRAY("index($self, value, start=<unrepresentable>, stop=<unrepresentable>, /)", deque_index, "D.index(value, [start, [stop]]) -- return first index of value.\nRaises ValueError if the value is not present."),
    METHOD_PARSED_ARRAY("insert($self, index, object, /)", deque_insert, "D.insert(index, object) -- insert object before index"),
    METHOD_UNSIGNED("pop($self, /)", deque_pop, "Remove and return the rightmost element."),
    METHOD_UNSIGNED("popleft($self, /)", deque_popleft, "Remove and return the leftmost element."),
    METHOD_UNSIGNED("__reduce__($self, /)", deque_reduce, "Return state information for pickling."),
    METHOD_UNSIGNED("remove($self, value, /)", deque_remove, "D.remove(value) -- remove first occurrence of value."),
    METHOD_UNSIGNED("__reversed__($self, /)", deque_reversed, "D.__reversed__() -- return a reverse iterator over the deque"),
    METHOD_UNSIGNED("reverse($self, /)", deque_reverse, "D.reverse() -- reverse *IN PLACE*"),
    METHOD_UNSIGNED("rotate($self, *args)", deque_rotate, "Rotate the deque n steps to the right (default n=1).  If n is negative, rotates left."),
    METHOD_UNSIGNED("__sizeof__($self, /)", deque_sizeof, "D.__sizeof__() -- size of D in memory, in bytes"),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", deque_class_getitem, "See PEP 585"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<deque_maxlen>("maxlen", "maximum size of a deque or None if unbounded"),
    kEndOfGetSets,
};
PySequenceMethods deque_sequence = {
    .sq_length = slot<deque_length>,
    .sq_concat = slot<deque_concat>,
    .sq_repeat = slot<deque_repeat>,
    .sq_item = slot<deque_item>,
    .sq_ass_item = slot<deque_set_item>,
    .sq_contains = slot<deque_contains>,
    .sq_inplace_concat = slot<deque_inplace_concat>,
    .sq_inplace_repeat = slot<deque_inplace_repeat>,
};

constexpr PyTypeObject iterator_type(const char* name, newfunc construct, iternextfunc next_item) {
  return {
      .ob_base = {{kImmortalCount, &PyType_Type}, 0},
      .tp_name = name,
      .tp_basicsize = sizeof(DequeIterator),
      .tp_dealloc = slot<iterator_dealloc>,
      .tp_getattro = PyObject_GenericGetAttr,
      .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
      .tp_traverse = DequeIterator::Fields::traverse,
      .tp_iter = PyObject_SelfIter,
      .tp_iternext = next_item,
      .tp_methods = table(kIteratorMethods),
      .tp_new = construct,
  };
}

}  // namespace

extern "C" {
PyTypeObject Deque_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "collections.deque",
    .tp_basicsize = sizeof(Deque),
    .tp_dealloc = slot<deque_dealloc>,
    .tp_repr = slot<deque_repr>,
    .tp_as_sequence = &deque_sequence,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_SEQUENCE,
    .tp_doc = "deque([iterable[, maxlen]]) --> deque object\n\nA list-like sequence optimized for data accesses near its endpoints.",
    .tp_traverse = slot<deque_traverse>,
    .tp_clear = slot<deque_clear>,
    .tp_richcompare = slot<deque_compare>,
    .tp_weaklistoffset = offsetof(Deque, weakrefs),
    .tp_iter = slot<deque_iter>,
    .tp_methods = table(kMethods),
    .tp_getset = table(kAttributes),
    .tp_init = INITIALIZER("deque($self, iterable=<unrepresentable>, maxlen=<unrepresentable>)", deque_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = deque_new,
    .tp_free = PyObject_GC_Del,
};
PyTypeObject DequeIterator_Type = iterator_type("_collections._deque_iterator", CONSTRUCTOR("_deque_iterator($type, iterable, index=0, /)", iterator_new), slot<iterator_next<true>>);
PyTypeObject DequeReverseIterator_Type = iterator_type("_collections._deque_reverse_iterator", CONSTRUCTOR("_deque_reverse_iterator($type, iterable, index=0, /)", iterator_new), slot<iterator_next<false>>);
}
GILL_STATIC_TYPE(Deque_Type);
GILL_STATIC_TYPE(DequeIterator_Type);
GILL_STATIC_TYPE(DequeReverseIterator_Type);

}  // namespace gill::collections
