// Generators and coroutines: becoming one, giving values out, delegating, awaiting.
#include "objects/generator.h"
#include "vm/handlers.h"

extern "C" PyObject* gill_evaluate_frame(PyThreadState* thread, gill::Frame* frame, int throwing) {
  return gill::vm::evaluate(static_cast<gill::ThreadState*>(thread), frame, throwing != 0);
}

namespace gill::vm {

namespace {

[[gnu::cold]] void not_awaitable(PyTypeObject* type, uint32_t place) {
  if (type->tp_as_async && type->tp_as_async->am_await) return;
  if (place == 1) {
    PyErr_Format(PyExc_TypeError, "'async with' received an object from __aenter__ that does not implement __await__: %.100s", type->tp_name);
  } else if (place == 2) {
    PyErr_Format(PyExc_TypeError, "'async with' received an object from __aexit__ that does not implement __await__: %.100s", type->tp_name);
  }
}

Ref<> get_awaitable(PyObject* object, uint32_t place) {
  Ref<> iterator = awaitable_iterator(object);
  if (!iterator) {
    not_awaitable(Py_TYPE(object), place);
    return nullptr;
  }
  if (PyCoro_CheckExact(iterator.get()) && delegate_of(as_generator(iterator.get()))) {
    return raise(PyExc_RuntimeError, "coroutine is being awaited already");
  }
  return iterator;
}

Ref<> async_iterator(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if (!type->tp_as_async || !type->tp_as_async->am_aiter) {
    return raise(PyExc_TypeError, "'async for' requires an object with __aiter__ method, got %.100s", type->tp_name);
  }
  Ref<> iterator = TRY(steal(type->tp_as_async->am_aiter(object)));
  PyTypeObject* given = Py_TYPE(iterator.get());
  if (!given->tp_as_async || !given->tp_as_async->am_anext) {
    return raise(PyExc_TypeError, "'async for' received an object from __aiter__ that does not implement __anext__: %.100s", given->tp_name);
  }
  return iterator;
}

Ref<> next_awaitable(PyObject* iterator) {
  PyTypeObject* type = Py_TYPE(iterator);
  if (PyAsyncGen_CheckExact(iterator)) return steal(type->tp_as_async->am_anext(iterator));
  if (!type->tp_as_async || !type->tp_as_async->am_anext) {
    return raise(PyExc_TypeError, "'async for' requires an iterator with __anext__ method, got %.100s", type->tp_name);
  }
  Ref<> next = TRY(steal(type->tp_as_async->am_anext(iterator)));
  Ref<> awaitable = awaitable_iterator(next.get());
  if (!awaitable) {
    _PyErr_FormatFromCause(PyExc_TypeError, "'async for' received an invalid object from __anext__: %.100s", Py_TYPE(next.get())->tp_name);
  }
  return awaitable;
}

Ref<> delegation_iterator(PyObject* object, int flags) {
  if (PyCoro_CheckExact(object)) {
    if (!(flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE))) {
      return raise(PyExc_TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator");
    }
    return borrow(object);
  }
  return PyGen_CheckExact(object) ? borrow(object) : steal(PyObject_GetIter(object));
}

// PyIter_Send, telling the trace function of a StopIteration that ends the delegation.
PySendResult traced_send(ThreadState* thread, Frame* frame, PyObject* receiver, PyObject* value, PyObject** result) {
  if (value == Py_None && PyIter_Check(receiver)) *result = Py_TYPE(receiver)->tp_iternext(receiver);
  else *result = PyObject_CallMethodOneArg(receiver, name<"send">, value);
  if (*result) return PYGEN_NEXT;
  if (PyErr_ExceptionMatches(PyExc_StopIteration)) trace_exception(thread, frame);
  return _PyGen_FetchStopIterationValue(result) == 0 ? PYGEN_RETURN : PYGEN_ERROR;
}

}  // namespace

// The frame moves into a generator, which is the result of the call.
HANDLER(RETURN_GENERATOR) {
  SAVE_PLACE();
  save_stack(frame, sp);
  PyObject* generator = make_generator(frame).release();
  if (!generator) {
    sp = take_stack(frame);
    END_ERROR();
  }
  ++thread->recursion_remaining;
  if (frame->is_entry) return generator;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  leave_frame(thread, finished);
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  *sp++ = generator;
  END_FRESH();
}

// ---- going on without leaving the loop -------------------------------------------------------------------------

VM_CALL PyObject* enter_generator(VM_PARAMETERS) {
  Frame* callee = frame_of(as_generator(sp[-1]));
  save_stack(frame, sp);
  callee->previous = frame;
  callee->is_entry = false;
  frame = callee;
  TAIL(start_frame);
}

VM_CALL PyObject* return_from_generator(VM_PARAMETERS) {
  PyObject* result = sp[-1];
  sp = take_stack(frame);
  PyObject* generator = sp[-1];
  ReturnPlace place = return_place(as_generator(generator));
  end_generator(thread, as_generator(generator));
  next = frame->prev_instr + 1 + place.jump;
  if (place.keeps_value) {
    sp[-1] = result;
  } else {
    --sp;
    release(result);
  }
  release(generator);
  END_FRESH();
}

HANDLER(YIELD_VALUE) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  generator_of(frame)->gi_frame_state = kSuspended;
  save_stack(frame, sp);
  if (ctx->cframe.use_tracing) [[unlikely]] {
    if (trace_return(thread, frame, value) < 0) {
      release(value);
      generator_of(frame)->gi_frame_state = kExecuting;
      TAIL(leave_with_exception);
    }
  }
  ++thread->recursion_remaining;
  if (frame->is_entry) return value;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  end_resume(thread, generator_of(finished));
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  *sp++ = value;
  END_FRESH();
}

// The stack: receiver, value to send; then the receiver stays under what it yields, or its result takes its place.
HANDLER(SEND) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  PyObject* receiver = sp[-1];
  if (is_generator_like(receiver) && can_enter(thread, ctx, as_generator(receiver)) &&
      (value == Py_None || as_generator(receiver)->gi_frame_state == kSuspended)) {
    begin_resume(thread, as_generator(receiver), value);
    release(value);
    return_place(as_generator(receiver)) = {oparg, true};
    TAIL(enter_generator);
  }
  PyObject* result = nullptr;
  PySendResult outcome = thread->c_tracefunc ? traced_send(thread, frame, receiver, value, &result) : PyIter_Send(receiver, value, &result);
  release(value);
  if (outcome == PYGEN_ERROR) END_ERROR();
  if (outcome == PYGEN_RETURN) {
    sp[-1] = result;
    release(receiver);
    next += oparg;
  } else {
    *sp++ = result;
  }
  END_FRESH();
}

// Puts what a function makes of the top of the stack in its place.
#define REPLACE_TOP(EXPRESSION)                 \
  do {                                          \
    SAVE_PLACE();                               \
    PyObject* object = sp[-1];                  \
    PyObject* made = (EXPRESSION).release();    \
    if (!made) END_ERROR();                     \
    sp[-1] = made;                              \
    release(object);                          \
    END_FRESH();                                \
  } while (0)

HANDLER(GET_AWAITABLE) { REPLACE_TOP(get_awaitable(object, oparg)); }
HANDLER(GET_AITER) { REPLACE_TOP(async_iterator(object)); }
HANDLER(ASYNC_GEN_WRAP) { REPLACE_TOP(wrap_async_value(object)); }
HANDLER(GET_YIELD_FROM_ITER) { REPLACE_TOP(delegation_iterator(object, frame->f_code->co_flags)); }

HANDLER(GET_ANEXT) {
  SAVE_PLACE();
  PyObject* awaitable = next_awaitable(sp[-1]).release();
  if (!awaitable) END_ERROR();
  *sp++ = awaitable;
  END_FRESH();
}

}  // namespace gill::vm
