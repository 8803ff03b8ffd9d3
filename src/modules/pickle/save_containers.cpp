// Saving tuples, lists, dicts and sets. Items go out in batches between a mark and one opcode that takes them all.
#include "modules/pickle/pickle.h"

namespace gill::pickle {

namespace {

constexpr int kBatch = 1000;

// In fast mode nothing is remembered, so that recursion is found only by looking out for it once it is deep.
constexpr int kFastNestingLimit = 50;

class FastGuard {
 public:
  FastGuard(Pickler* self, PyObject* object) : self_(self), object_(object) {}
  ~FastGuard() {
    if (!entered_) return;
    if (self_->fast_nesting-- >= kFastNestingLimit && self_->fast_memo) {
      Ref<> key = steal(PyLong_FromVoidPtr(object_));
      if (!key || PyDict_DelItem(self_->fast_memo, key.get()) < 0) PyErr_WriteUnraisable(object_);
    }
  }
  Status enter() {
    if (!self_->fast) return Status::ok;
    if (++self_->fast_nesting >= kFastNestingLimit) {
      Status status = remember();
      if (status == Status::error) {
        self_->fast_nesting = -1;
        return status;
      }
    }
    entered_ = true;
    return Status::ok;
  }

 private:
  Status remember() {
    if (!self_->fast_memo) self_->fast_memo = TRY(PyDict_New());
    Ref<> key = TRY(steal(PyLong_FromVoidPtr(object_)));
    if (TRY(truth_of(PyDict_Contains(self_->fast_memo, key.get())))) {
      return raise(PyExc_ValueError, "fast mode: can't pickle cyclic objects including object type %.200s at %p", Py_TYPE(object_)->tp_name, object_);
    }
    return status_of(PyDict_SetItem(self_->fast_memo, key.get(), Py_None));
  }

  Pickler* self_;
  PyObject* object_;
  bool entered_ = false;
};

Status write_empty(Pickler* self, Op binary, Op marked) {
  if (self->binary) return self->output.write(binary);
  char text[] = {MARK, static_cast<char>(marked)};
  return self->output.write(text, 2);
}

// ---- lists ------------------------------------------------------------------------------------------------------------------

Status batch_exact_list(Pickler* self, PyObject* list) {
  if (PyList_GET_SIZE(list) == 1) {
    Ref<> item = borrow(PyList_GET_ITEM(list, 0));
    TRY(save(self, item.get()));
    return self->output.write(APPEND);
  }
  // Saving an item can change the list.
  Py_ssize_t i = 0;
  do {
    TRY(self->output.write(MARK));
    for (int n = 0; n < kBatch && i < PyList_GET_SIZE(list); ++n, ++i) {
      Ref<> item = borrow(PyList_GET_ITEM(list, i));
      TRY(save(self, item.get()));
    }
    TRY(self->output.write(APPENDS));
  } while (i < PyList_GET_SIZE(list));
  return Status::ok;
}

// ---- dicts ------------------------------------------------------------------------------------------------------------------

Status save_pair(Pickler* self, PyObject* pair) {
  if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) return raise(PyExc_TypeError, "dict items iterator must return 2-tuples");
  TRY(save(self, PyTuple_GET_ITEM(pair, 0)));
  return save(self, PyTuple_GET_ITEM(pair, 1));
}

Status batch_exact_dict(Pickler* self, PyObject* dict) {
  Py_ssize_t size = PyDict_GET_SIZE(dict);
  Py_ssize_t position = 0;
  PyObject *key_borrowed, *value_borrowed;
  auto next = [&] { return PyDict_Next(dict, &position, &key_borrowed, &value_borrowed) != 0; };
  auto save_item = [&]() -> Status {
    Ref<> key = borrow(key_borrowed);
    Ref<> value = borrow(value_borrowed);
    TRY(save(self, key.get()));
    return save(self, value.get());
  };
  if (size == 1) {
    next();
    TRY(save_item());
    return self->output.write(SETITEM);
  }
  int n;
  do {
    n = 0;
    TRY(self->output.write(MARK));
    while (next()) {
      TRY(save_item());
      if (++n == kBatch) break;
    }
    TRY(self->output.write(SETITEMS));
    if (PyDict_GET_SIZE(dict) != size) return raise(PyExc_RuntimeError, "dictionary changed size during iteration");
  } while (n == kBatch);
  return Status::ok;
}

// One at a time in protocol 0, else in batches; a lone item without a mark.
template <class SaveOne>
Status batch_iterator(Pickler* self, PyObject* iterator, Op one, Op many, SaveOne save_one) {
  if (self->protocol == 0) {
    while (Ref<> item = steal(PyIter_Next(iterator))) {
      TRY(save_one(item.get()));
      TRY(self->output.write(one));
    }
    return PyErr_Occurred() ? Status::error : Status::ok;
  }
  int n;
  do {
    Ref<> first = steal(PyIter_Next(iterator));
    if (!first) return PyErr_Occurred() ? Status::error : Status::ok;
    Ref<> item = steal(PyIter_Next(iterator));
    if (!item) {
      if (PyErr_Occurred()) return Status::error;
      TRY(save_one(first.get()));
      return self->output.write(one);
    }
    TRY(self->output.write(MARK));
    TRY(save_one(first.get()));
    first.reset();
    n = 1;
    while (item) {
      TRY(save_one(item.get()));
      if (++n == kBatch) break;
      item = steal(PyIter_Next(iterator));
      if (!item && PyErr_Occurred()) return Status::error;
    }
    TRY(self->output.write(many));
  } while (n == kBatch);
  return Status::ok;
}

}  // namespace

Status batch_list(Pickler* self, PyObject* iterator) {
  return batch_iterator(self, iterator, APPEND, APPENDS, [self](PyObject* item) { return save(self, item); });
}

Status batch_dict(Pickler* self, PyObject* iterator) {
  return batch_iterator(self, iterator, SETITEM, SETITEMS, [self](PyObject* item) { return save_pair(self, item); });
}

Status save_list(Pickler* self, PyObject* object) {
  FastGuard guard(self, object);
  TRY(guard.enter());
  TRY(write_empty(self, EMPTY_LIST, LIST));
  TRY(memo_put(self, object));
  if (PyList_GET_SIZE(object) == 0) return Status::ok;
  if (self->protocol > 0) return batch_exact_list(self, object);
  Ref<> iterator = TRY(steal(PyObject_GetIter(object)));
  return batch_list(self, iterator.get());
}

Status save_dict(Pickler* self, PyObject* object) {
  FastGuard guard(self, object);
  TRY(guard.enter());
  TRY(write_empty(self, EMPTY_DICT, DICT));
  TRY(memo_put(self, object));
  if (PyDict_GET_SIZE(object) == 0) return Status::ok;
  if (self->protocol > 0) return batch_exact_dict(self, object);
  Ref<> items = TRY(steal(PyObject_CallMethodNoArgs(object, name<"items">)));
  Ref<> iterator = TRY(steal(PyObject_GetIter(items.get())));
  return batch_dict(self, iterator.get());
}

// ---- tuples -----------------------------------------------------------------------------------------------------------------

Status save_tuple(Pickler* self, PyObject* object) {
  Py_ssize_t size = PyTuple_GET_SIZE(object);
  if (size == 0) return write_empty(self, EMPTY_TUPLE, TUPLE);
  bool counted = size <= 3 && self->protocol >= 2;
  if (!counted) TRY(self->output.write(MARK));
  for (Py_ssize_t i = 0; i < size; ++i) TRY(save(self, PyTuple_GET_ITEM(object, i)));
  // A recursive tuple has saved itself by now: what was put on the stack is thrown away.
  if (self->memo->find(object)) {
    if (!counted && self->binary) {
      TRY(self->output.write(POP_MARK));
    } else {
      for (Py_ssize_t i = counted ? 0 : -1; i < size; ++i) TRY(self->output.write(POP));
    }
    return memo_get(self, object);
  }
  constexpr Op counted_ops[] = {EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3};
  TRY(self->output.write(counted ? counted_ops[size] : TUPLE));
  return memo_put(self, object);
}

// ---- sets -------------------------------------------------------------------------------------------------------------------

namespace {

Status save_set_by_list(Pickler* self, PyObject* object, PyTypeObject& type) {
  Ref<> items = TRY(steal(PySequence_List(object)));
  Ref<> reduced = TRY(steal(Py_BuildValue("(O(O))", &type, items.get())));
  return save_reduced(self, reduced.get(), object);
}

}  // namespace

Status save_set(Pickler* self, PyObject* object) {
  if (self->protocol < 4) return save_set_by_list(self, object, PySet_Type);
  TRY(self->output.write(EMPTY_SET));
  TRY(memo_put(self, object));
  Py_ssize_t size = PySet_GET_SIZE(object);
  if (size == 0) return Status::ok;
  Py_ssize_t position = 0;
  PyObject* item_borrowed;
  Py_hash_t hash;
  int n;
  do {
    n = 0;
    TRY(self->output.write(MARK));
    while (_PySet_NextEntry(object, &position, &item_borrowed, &hash)) {
      Ref<> item = borrow(item_borrowed);
      TRY(save(self, item.get()));
      if (++n == kBatch) break;
    }
    TRY(self->output.write(ADDITEMS));
    if (PySet_GET_SIZE(object) != size) return raise(PyExc_RuntimeError, "set changed size during iteration");
  } while (n == kBatch);
  return Status::ok;
}

Status save_frozenset(Pickler* self, PyObject* object) {
  if (self->protocol < 4) return save_set_by_list(self, object, PyFrozenSet_Type);
  TRY(self->output.write(MARK));
  Ref<> iterator = TRY(steal(PyObject_GetIter(object)));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) TRY(save(self, item.get()));
  if (PyErr_Occurred()) return Status::error;
  // Recursive, as with tuples.
  if (self->memo->find(object)) {
    TRY(self->output.write(POP_MARK));
    return memo_get(self, object);
  }
  TRY(self->output.write(FROZENSET));
  return memo_put(self, object);
}

}  // namespace gill::pickle
