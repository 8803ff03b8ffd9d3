// The family of generators, as its files and the instruction handlers share it.
//
//   generator.cpp         life and resumption of the three kinds; send, throw, close
//   generator_types.cpp   the types `generator` and `coroutine`, coroutine wrappers, cr_origin
//   async_generator.cpp   the type `async_generator` and its awaitables
//   anext_awaitable.cpp   what anext() with a default gives
//
// A generator owns its frame, which lies behind its fields. All kinds have the layout of PyGenObject.
// `gi_frame_state` says what the frame holds: kCreated and kSuspended frames can go on, kExecuting ones have their
// stack pointer in a register, kCleared ones own nothing any more.
#pragma once

#include "objects/frame.h"

namespace gill {

inline bool is_generator_like(PyObject* object) { return PyGen_CheckExact(object) || PyCoro_CheckExact(object); }
inline PyGenObject* as_generator(PyObject* object) { return reinterpret_cast<PyGenObject*>(object); }

// A generator, coroutine or asynchronous generator, as the code's flags say, that takes over what the frame owns.
// The frame itself stays with its caller, empty, to be left as any finished frame.
Ref<> make_generator(Frame* frame);

// The evaluation loop goes on with generators without leaving itself, where it can: begin_resume() before the frame
// is entered, then end_resume() when it yielded, or end_generator() when it returned or raised.
inline void begin_resume(PyThreadState* thread, PyGenObject* generator, PyObject* value) {
  Frame* frame = frame_of(generator);
  retain(value);
  frame->localsplus[frame->stacktop++] = value;
  generator->gi_exc_state.previous_item = thread->exc_info;
  thread->exc_info = &generator->gi_exc_state;
  generator->gi_frame_state = kExecuting;
}
inline void end_resume(PyThreadState* thread, PyGenObject* generator) {
  thread->exc_info = generator->gi_exc_state.previous_item;
  generator->gi_exc_state.previous_item = nullptr;
  // The generator must keep no chain of callers alive.
  frame_of(generator)->previous = nullptr;
}
void end_generator(PyThreadState* thread, PyGenObject* generator);

// Where the instruction that goes on with the generator continues when that returns; lies in the structure's padding.
struct ReturnPlace {
  uint32_t jump : 31;
  uint32_t keeps_value : 1;  // SEND; FOR_ITER drops it
};
inline ReturnPlace& return_place(PyGenObject* generator) {
  constexpr size_t kOffset = offsetof(PyGenObject, gi_iframe) - sizeof(ReturnPlace);
  static_assert(kOffset > offsetof(PyGenObject, gi_frame_state));
  return *reinterpret_cast<ReturnPlace*>(reinterpret_cast<char*>(generator) + kOffset);
}

// Goes on with the frame. PYGEN_RETURN gives the value of `return`, PYGEN_NEXT a yielded one; PYGEN_ERROR has the
// exception set, StopIteration already turned into RuntimeError.
PySendResult resume_generator(PyGenObject* generator, PyObject* value, PyObject** result);

// What a suspended generator is delegating to with `yield from` or `await`, borrowed; null when nothing.
PyObject* delegate_of(PyGenObject* generator);

PyObject* generator_next(PyObject* self);  // tp_iternext
Ref<> generator_send(PyGenObject* generator, PyObject* value);
Ref<> close_generator(PyGenObject* generator);
Ref<> throw_into_generator(PyGenObject* generator, PyObject* type, PyObject* value, PyObject* traceback, bool close_on_exit);


void generator_dealloc(PyObject* self);
int generator_traverse(PyObject* self, visitproc visit, void* arg);

// The iterator of an awaitable: coroutines and decorated generators themselves, else what __await__ gives.
Ref<> awaitable_iterator(PyObject* object);

// Marks a value that an asynchronous generator yields, to tell it from what it awaits.
Ref<> wrap_async_value(PyObject* value);

}  // namespace gill

extern "C" {
PyObject* _PyCoro_GetAwaitableIter(PyObject* object);
PyObject* _PyGen_yf(PyGenObject* generator);
PyObject* _PyAsyncGenValueWrapperNew(PyObject* value);
PyObject* PyAnextAwaitable_New(PyObject* awaitable, PyObject* default_value);
extern PyTypeObject _PyAnextAwaitable_Type;
}
