// Iteration: the commonest iterators are advanced in line, and where the item goes to a variable the store is done with it.
#include "objects/generator.h"
#include "objects/range.h"
#include "objects/sequence_methods.h"
#include "vm/handlers.h"
#include "vm/numbers.h"

namespace gill::vm {

HANDLER(GET_ITER) {
  SAVE_PLACE();
  PyObject* iterable = sp[-1];
  PyObject* iterator = PyObject_GetIter(iterable);
  if (!iterator) {
    --sp;
    release(iterable);
    END_ERROR();
  }
  sp[-1] = iterator;
  release(iterable);
  END_DISPATCH();
}

namespace {

// The variable that the next instruction stores the item to; null where that is to be a step of its own.
inline PyObject** item_variable(Frame* frame, const CodeUnit* next, const HandlerTable* table) {
  return table == &kPlainTable ? stored_variable(frame, next) : nullptr;
}

VM_STEP end_loop(VM_PARAMETERS) {
  release(*--sp);
  next += oparg;
  END_DISPATCH();
}

VM_STEP end_sequence(VM_PARAMETERS) {
  release(std::exchange(reinterpret_cast<SequenceIterator*>(sp[-1])->sequence, nullptr));
  TAIL(end_loop);
}

// Hands the item on: to its variable, or to the stack where that is null.
#define END_ITEM_IN(VARIABLE, ITEM)                                \
  do {                                                             \
    PyObject* item_ = (ITEM);                                      \
    if (PyObject** to_ = (VARIABLE)) {                             \
      PyObject* old_ = std::exchange(*to_, item_);                 \
      ++next;                                                      \
      if (!old_) [[unlikely]] END_DISPATCH();                      \
      END_DROP(old_);                                              \
    }                                                              \
    *sp++ = item_;                                                 \
    END_DISPATCH();                                                \
  } while (0)
#define END_ITEM(ITEM) END_ITEM_IN(item_variable(frame, next, table), ITEM)

// The variable's number of the round before is counted on when nobody else has it.
inline bool is_countable(PyObject** variable) {
  return variable && *variable && Py_IS_TYPE(*variable, &PyLong_Type) && (*variable)->ob_refcnt == 1;
}

// The item is the number ctx->integer.
VM_STEP new_item(VM_PARAMETERS) {
  PyObject** variable = item_variable(frame, next, table);
  if (fits_word(ctx->integer) && is_countable(variable)) {
    set_word(*variable, digits_of(ctx->integer));
    ++next;
    END_DISPATCH();
  }
  PyObject* item = int_from(ctx->integer).release();
  if (!item) END_ERROR();
  END_ITEM_IN(variable, item);
}

VM_CALL PyObject* next_of_range(VM_PARAMETERS) {
  auto* iterator = reinterpret_cast<RangeIterator*>(sp[-1]);
  if (iterator->left <= 0) TAIL(end_loop);
  long value = iterator->advance();
  PyObject** variable = item_variable(frame, next, table);
  if (is_small(value)) END_ITEM_IN(variable, small_int(value));
  if (is_natural_digit(value)) [[likely]] {
    const WordDigits digits = {1, static_cast<uint64_t>(value)};
    if (is_countable(variable)) {
      set_word(*variable, digits);
      ++next;
      END_DISPATCH();
    }
    if (void* memory = recent_plain(kWordIntSize)) [[likely]] END_ITEM_IN(variable, new_word(memory, digits));
  }
  ctx->integer = value;
  TAIL(new_item);
}

VM_CALL PyObject* next_of_list(VM_PARAMETERS) {
  auto* iterator = reinterpret_cast<SequenceIterator*>(sp[-1]);
  PyObject* list = iterator->sequence;
  if (!list) TAIL(end_loop);
  if (iterator->index >= Py_SIZE(list)) TAIL(end_sequence);
  PyObject* item = PyList_GET_ITEM(list, iterator->index++);
  retain(item);
  END_ITEM(item);
}

VM_CALL PyObject* next_of_tuple(VM_PARAMETERS) {
  auto* iterator = reinterpret_cast<SequenceIterator*>(sp[-1]);
  PyObject* tuple = iterator->sequence;
  if (!tuple) TAIL(end_loop);
  if (iterator->index >= Py_SIZE(tuple)) TAIL(end_sequence);
  PyObject* item = PyTuple_GET_ITEM(tuple, iterator->index++);
  retain(item);
  END_ITEM(item);
}

VM_STEP next_of_generator(VM_PARAMETERS) {
  PyGenObject* generator = as_generator(sp[-1]);
  begin_resume(thread, generator, Py_None);
  return_place(generator) = {oparg, false};
  TAIL(enter_generator);
}

VM_STEP next_in_general(VM_PARAMETERS) {
  PyObject* iterator = sp[-1];
  iternextfunc advance = Py_TYPE(iterator)->tp_iternext;
  if (!advance) [[unlikely]] {
    PyErr_Format(PyExc_TypeError, "'%.200s' object is not an iterator", Py_TYPE(iterator)->tp_name);
    END_ERROR();
  }
  PyObject* value = advance(iterator);
  if (value) [[likely]] {
    *sp++ = value;
    END_FRESH();
  }
  if (thread->curexc_type) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) END_ERROR();
    if (thread->c_tracefunc) trace_exception(thread, frame);
    PyErr_Clear();
  }
  --sp;
  release(iterator);
  next += oparg;
  END_FRESH();
}

}  // namespace

HANDLER(FOR_ITER) {
  SAVE_PLACE();
  PyTypeObject* type = Py_TYPE(sp[-1]);
  if (type == &PyRangeIter_Type) TAIL(next_of_range);
  if (type == &PyListIter_Type) TAIL(next_of_list);
  if (type == &PyTupleIter_Type) TAIL(next_of_tuple);
  if (type == &PyGen_Type && can_enter(thread, ctx, as_generator(sp[-1]))) TAIL(next_of_generator);
  TAIL(next_in_general);
}

}  // namespace gill::vm
