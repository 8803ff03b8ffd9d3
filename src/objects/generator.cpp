// What generators, coroutines and asynchronous generators have in common: making one from a frame, going on with
// it, delegation, send, throw, close, the finalizer.
#include "objects/generator.h"

#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "objects/code.h"
#include "objects/opcodes.h"

extern "C" {
PyObject* gill_evaluate_frame(PyThreadState* thread, _PyInterpreterFrame* frame, int throwing);
void _PyErr_WarnUnawaitedCoroutine(PyObject* coroutine);
void _PyErr_ChainStackItem(_PyErr_StackItem* item);
PyObject* _PyErr_FormatFromCause(PyObject* exception, const char* format, ...);
}

namespace gill {

// ---- making -----------------------------------------------------------------------------------------

namespace {

Ref<PyGenObject> allocate(PyTypeObject* type, PyCodeObject* code, PyObject* name, PyObject* qualname) {
  auto* self = PyObject_GC_NewVar(PyGenObject, type, code->co_nlocalsplus + code->co_stacksize);
  if (!self) return nullptr;
  retain(as_object(code));
  retain(name);
  retain(qualname);
  self->gi_code = code;
  self->gi_weakreflist = nullptr;
  self->gi_name = name;
  self->gi_qualname = qualname;
  self->gi_exc_state = {};
  self->gi_origin_or_finalizer = nullptr;
  self->gi_hooks_inited = 0;
  self->gi_closed = 0;
  self->gi_running_async = 0;
  self->gi_frame_state = kCreated;
  return steal(self);
}

// Moves what the frame owns behind the generator's fields.
void take_contents(PyGenObject* self, Frame* frame) {
  Frame* home = frame_of(self);
  size_t size = reinterpret_cast<char*>(&frame->localsplus[frame->stacktop]) - reinterpret_cast<char*>(frame);
  std::memcpy(static_cast<void*>(home), frame, size);
  home->owner = FrameOwner::generator;
  home->previous = nullptr;
  home->is_entry = false;
  if (home->frame_obj) home->frame_obj->f_frame = home;
}

// Where the coroutine was made: (file, line, function) of the callers, the nearest first.
Ref<> origin_of_call(Frame* caller, int depth) {
  int count = 0;
  for (Frame* frame = complete_frame(caller); frame && count < depth; frame = complete_frame(frame->previous)) ++count;
  Ref<> origin = TRY(steal(PyTuple_New(count)));
  Frame* frame = complete_frame(caller);
  for (int i = 0; i < count; ++i, frame = complete_frame(frame->previous)) {
    PyObject* place = TRY(Py_BuildValue("OiO", frame->f_code->co_filename, frame_line(frame), frame->f_code->co_name));
    PyTuple_SET_ITEM(origin.get(), i, place);
  }
  return origin;
}

PyTypeObject* type_for(int flags) {
  if (flags & CO_COROUTINE) return &PyCoro_Type;
  return flags & CO_ASYNC_GENERATOR ? &PyAsyncGen_Type : &PyGen_Type;
}

}  // namespace

Ref<> make_generator(Frame* frame) {
  PyCodeObject* code = frame->f_code;
  PyTypeObject* type = type_for(code->co_flags);
  Ref<> origin;
  if (type == &PyCoro_Type) {
    if (int depth = current_thread()->coroutine_origin_tracking_depth) origin = TRY(origin_of_call(frame->previous, depth));
  }
  Ref<PyGenObject> self = TRY(allocate(type, code, frame->f_func->func_name, frame->f_func->func_qualname));
  self->gi_origin_or_finalizer = origin.release();
  take_contents(self.get(), frame);
  // Whoever leaves the frame drops its function and code once more.
  retain(as_object(frame->f_func));
  retain(as_object(code));
  frame->f_locals = nullptr;
  frame->frame_obj = nullptr;
  frame->stacktop = 0;
  PyObject_GC_Track(self.get());
  return self;
}

// ---- delegation ---------------------------------------------------------------------------------------

namespace {

bool is_resume(_Py_CODEUNIT unit) {
  auto op = static_cast<Op>(_Py_OPCODE(unit));
  return op == Op::RESUME || op == Op::RESUME_QUICK;
}

bool is_iterable_coroutine(PyObject* object) {
  return PyGen_CheckExact(object) && as_generator(object)->gi_code->co_flags & CO_ITERABLE_COROUTINE;
}

// While it is set, the generator counts as running although its frame does not.
class Delegating {
 public:
  explicit Delegating(PyGenObject* generator) : generator_(generator), state_(generator->gi_frame_state) { generator->gi_frame_state = kExecuting; }
  ~Delegating() { generator_->gi_frame_state = state_; }

 private:
  PyGenObject* generator_;
  int8_t state_;
};

// Puts the generator's frame on the stack of frames, for tracebacks and f_back, while its delegate is called for it.
class FrameOnStack {
 public:
  explicit FrameOnStack(Frame* frame) : cframe_(current_thread()->cframe), frame_(frame) {
    frame->previous = cframe_->current_frame;
    cframe_->current_frame = frame;
  }
  ~FrameOnStack() {
    cframe_->current_frame = frame_->previous;
    frame_->previous = nullptr;
  }

 private:
  _PyCFrame* cframe_;
  Frame* frame_;
};

Status close_delegate(PyObject* delegate) {
  if (is_generator_like(delegate)) {
    Ref<> closed = TRY(close_generator(as_generator(delegate)));
    return Status::ok;
  }
  PyObject* method = nullptr;
  if (_PyObject_LookupAttr(delegate, name<"close">, &method) < 0) PyErr_WriteUnraisable(delegate);
  if (!method) return Status::ok;
  Ref<> owned = steal(method);
  Ref<> closed = TRY(steal(PyObject_CallNoArgs(method)));
  return Status::ok;
}

}  // namespace

PyObject* delegate_of(PyGenObject* generator) {
  if (generator->gi_frame_state == kCreated || generator->gi_frame_state >= kCompleted) return nullptr;
  Frame* frame = frame_of(generator);
  if (frame->stacktop <= 0) return nullptr;
  // A RESUME with an operand of 2 or 3 stands in the loop of `yield from` or `await`.
  _Py_CODEUNIT after = frame->prev_instr[1];
  if (!is_resume(after) || _Py_OPARG(after) < 2) return nullptr;
  return frame->localsplus[frame->stacktop - 1];
}

Ref<> awaitable_iterator(PyObject* object) {
  if (PyCoro_CheckExact(object) || is_iterable_coroutine(object)) return borrow(object);
  PyTypeObject* type = Py_TYPE(object);
  if (!type->tp_as_async || !type->tp_as_async->am_await) {
    return raise(PyExc_TypeError, "object %.100s can't be used in 'await' expression", type->tp_name);
  }
  Ref<> iterator = TRY(steal(type->tp_as_async->am_await(object)));
  if (PyCoro_CheckExact(iterator.get()) || is_iterable_coroutine(iterator.get())) {
    return raise(PyExc_TypeError, "__await__() returned a coroutine");
  }
  if (!PyIter_Check(iterator.get())) {
    return raise(PyExc_TypeError, "__await__() returned non-iterator of type '%.100s'", Py_TYPE(iterator.get())->tp_name);
  }
  return iterator;
}

// ---- going on -----------------------------------------------------------------------------------------

namespace {

const char* kind_of(PyGenObject* generator) {
  if (PyCoro_CheckExact(generator)) return "coroutine";
  return PyAsyncGen_CheckExact(generator) ? "async generator" : "generator";
}

// The frame will not run again.
void drop_frame(PyGenObject* generator) {
  // An exception kept here may lead back to the frame through its traceback.
  clear_field(generator->gi_exc_state.exc_value);
  generator->gi_frame_state = kCleared;
  clear_frame(frame_of(generator));
}

// A StopIteration that leaves the body would look like its end.
[[gnu::cold]] void disguise_stop(PyGenObject* generator) {
  if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
    _PyErr_FormatFromCause(PyExc_RuntimeError, "%s raised StopIteration", kind_of(generator));
  } else if (PyAsyncGen_CheckExact(generator) && PyErr_ExceptionMatches(PyExc_StopAsyncIteration)) {
    _PyErr_FormatFromCause(PyExc_RuntimeError, "%s raised StopAsyncIteration", kind_of(generator));
  }
}

[[gnu::cold]] PySendResult refuse(PyGenObject* generator, PyObject* value, PyObject** result, bool throwing, bool closing) {
  int8_t state = generator->gi_frame_state;
  if (state == kCreated) {
    PyErr_Format(PyExc_TypeError, "can't send non-None value to a just-started %s", kind_of(generator));
  } else if (state == kExecuting) {
    PyErr_Format(PyExc_ValueError, "%s already executing", kind_of(generator));
  } else if (PyCoro_CheckExact(generator) && !closing) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
  } else if (value && !throwing) {
    *result = none().release();
    return PYGEN_RETURN;
  }
  return PYGEN_ERROR;
}

// `value` null: asked through tp_iternext. `throwing`: the current exception is raised where the frame stopped.
PySendResult resume(PyGenObject* generator, PyObject* value, PyObject** result, bool throwing, bool closing) {
  *result = nullptr;
  int8_t state = generator->gi_frame_state;
  if (state >= kExecuting || (state == kCreated && value && value != Py_None)) [[unlikely]] {
    return refuse(generator, value, result, throwing, closing);
  }
  ThreadState* thread = current_thread();
  begin_resume(thread, generator, value ? value : Py_None);
  if (throwing) _PyErr_ChainStackItem(nullptr);
  PyObject* given = gill_evaluate_frame(thread, frame_of(generator), throwing);
  *result = given;
  if (given && generator->gi_frame_state == kSuspended) {
    end_resume(thread, generator);
    return PYGEN_NEXT;
  }
  end_generator(thread, generator);
  return given ? PYGEN_RETURN : PYGEN_ERROR;
}

// A return value as the exception that carries it.
PyObject* as_exception(PyGenObject* generator, PySendResult outcome, PyObject* result) {
  if (outcome != PYGEN_RETURN) return result;
  if (PyAsyncGen_CheckExact(generator)) PyErr_SetNone(PyExc_StopAsyncIteration);
  else if (result == Py_None) PyErr_SetNone(PyExc_StopIteration);
  else _PyGen_SetStopIterationValue(result);
  release(result);
  return nullptr;
}

Ref<> resume_by_raising(PyGenObject* generator, bool closing) {
  PyObject* result;
  PySendResult outcome = resume(generator, Py_None, &result, true, closing);
  return steal(as_exception(generator, outcome, result));
}

// Whether an exception raised where the generator stopped just leaves it, with nobody watching.
bool ends_silently(PyGenObject* generator) {
  Frame* frame = frame_of(generator);
  ExceptionHandler handler;
  return !current_thread()->cframe->use_tracing && !find_handler(frame->f_code, last_instruction(frame), &handler);
}

}  // namespace

void end_generator(PyThreadState* thread, PyGenObject* generator) {
  end_resume(thread, generator);
  if (thread->curexc_type) disguise_stop(generator);
  drop_frame(generator);
}

PySendResult resume_generator(PyGenObject* generator, PyObject* value, PyObject** result) { return resume(generator, value, result, false, false); }

PyObject* generator_next(PyObject* self) {
  PyObject* result;
  if (resume(as_generator(self), nullptr, &result, false, false) == PYGEN_RETURN) {
    if (result != Py_None) _PyGen_SetStopIterationValue(result);
    release(result);
    return nullptr;
  }
  return result;
}

Ref<> generator_send(PyGenObject* generator, PyObject* value) {
  PyObject* result;
  PySendResult outcome = resume(generator, value, &result, false, false);
  return steal(as_exception(generator, outcome, result));
}

// ---- throw, close -------------------------------------------------------------------------------------

namespace {

// Raises what throw()'s arguments say, in the generator.
Ref<> raise_in(PyGenObject* generator, PyObject* type, PyObject* value, PyObject* traceback) {
  if (traceback == Py_None) traceback = nullptr;
  if (traceback && !PyTraceBack_Check(traceback)) return raise(PyExc_TypeError, "throw() third argument must be a traceback object");
  PyObject *error_type, *error_value, *error_traceback;
  if (PyExceptionClass_Check(type)) {
    error_type = borrow(type).release();
    error_value = borrow(value).release();
    error_traceback = borrow(traceback).release();
    PyErr_NormalizeException(&error_type, &error_value, &error_traceback);
  } else if (PyExceptionInstance_Check(type)) {
    if (value && value != Py_None) return raise(PyExc_TypeError, "instance exception may not have a separate value");
    error_type = borrow(as_object(Py_TYPE(type))).release();
    error_value = borrow(type).release();
    error_traceback = traceback ? borrow(traceback).release() : PyException_GetTraceback(type);
  } else {
    return raise(PyExc_TypeError, "exceptions must be classes or instances deriving from BaseException, not %s", Py_TYPE(type)->tp_name);
  }
  PyErr_Restore(error_type, error_value, error_traceback);
  return resume_by_raising(generator, false);
}

// The delegate ended with an exception: the delegating generator goes on behind its loop, with the delegate's
// result or with the exception.
Ref<> leave_delegation(PyGenObject* generator) {
  Frame* frame = frame_of(generator);
  Ref<> delegate = steal(frame->localsplus[--frame->stacktop]);
  // From YIELD_VALUE back to SEND, whose operand leads out of the loop.
  --frame->prev_instr;
  frame->prev_instr += _Py_OPARG(frame->prev_instr[0]);
  PyObject* value;
  if (_PyGen_FetchStopIterationValue(&value) < 0) return resume_by_raising(generator, false);
  Ref<> owned = steal(value);
  return generator_send(generator, value);
}

}  // namespace

Ref<> throw_into_generator(PyGenObject* generator, PyObject* type, PyObject* value, PyObject* traceback, bool close_on_exit) {
  Ref<> delegate = borrow(delegate_of(generator));
  if (!delegate) return raise_in(generator, type, value, traceback);
  if (close_on_exit && PyErr_GivenExceptionMatches(type, PyExc_GeneratorExit)) {
    Status closed;
    {
      Delegating guard(generator);
      closed = close_delegate(delegate.get());
    }
    delegate = nullptr;  // as in close_generator()
    if (closed != Status::ok) return resume_by_raising(generator, false);
    return raise_in(generator, type, value, traceback);
  }
  Ref<> result;
  if (is_generator_like(delegate.get())) {
    Delegating guard(generator);
    FrameOnStack place(frame_of(generator));
    result = throw_into_generator(as_generator(delegate.get()), type, value, traceback, close_on_exit);
  } else {
    PyObject* method = nullptr;
    if (_PyObject_LookupAttr(delegate.get(), name<"throw">, &method) < 0) return nullptr;
    if (!method) {
      delegate = nullptr;
      return raise_in(generator, type, value, traceback);
    }
    Ref<> owned = steal(method);
    Delegating guard(generator);
    FrameOnStack place(frame_of(generator));
    result = steal(PyObject_CallFunctionObjArgs(method, type, value, traceback, nullptr));
  }
  delegate = nullptr;
  return result ? std::move(result) : leave_delegation(generator);
}

Ref<> close_generator(PyGenObject* generator) {
  if (generator->gi_frame_state >= kCompleted) return none();
  Status closed = Status::ok;
  // Only the frame holds it while that unwinds, so that it ends before the frame's finally clauses run.
  if (Ref<> delegate = borrow(delegate_of(generator))) {
    Delegating guard(generator);
    closed = close_delegate(delegate.get());
  }
  if (closed == Status::ok) {
    if (generator->gi_frame_state < kExecuting && ends_silently(generator)) {
      Frame* frame = frame_of(generator);
      while (frame->stacktop > frame->f_code->co_nlocalsplus) clear_field(frame->localsplus[--frame->stacktop]);
      drop_frame(generator);
      return none();
    }
    PyErr_SetNone(PyExc_GeneratorExit);
  }
  Ref<> result = resume_by_raising(generator, true);
  if (result) return raise(PyExc_RuntimeError, PyCoro_CheckExact(generator)       ? "coroutine ignored GeneratorExit"
                                               : PyAsyncGen_CheckExact(generator) ? "async generator ignored GeneratorExit"
                                                                                  : "generator ignored GeneratorExit");
  if (!PyErr_ExceptionMatches(PyExc_StopIteration) && !PyErr_ExceptionMatches(PyExc_GeneratorExit)) return failure;
  PyErr_Clear();
  return none();
}

// ---- the end ------------------------------------------------------------------------------------------

// False when closing brought the generator back to life.
static bool finish(PyObject* self) {
  if (as_generator(self)->gi_frame_state >= kCompleted) return true;
  PyObject_GC_Track(self);
  if (PyObject_CallFinalizerFromDealloc(self) < 0) return false;
  PyObject_GC_UnTrack(self);
  return true;
}

static void destroy(PyGenObject* generator) {
  clear_field(generator->gi_origin_or_finalizer);
  if (generator->gi_frame_state < kCleared) {
    Frame* frame = frame_of(generator);
    generator->gi_frame_state = kCleared;
    frame->previous = nullptr;
    clear_frame(frame);
  }
  clear_field(generator->gi_code);
  clear_field(generator->gi_name);
  clear_field(generator->gi_qualname);
  clear_field(generator->gi_exc_state.exc_value);
  PyObject_GC_Del(generator);
}

void generator_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, generator_dealloc);
  if (as_generator(self)->gi_weakreflist) PyObject_ClearWeakRefs(self);
  if (finish(self)) destroy(as_generator(self));
  Py_TRASHCAN_END;
}

int generator_traverse(PyObject* self, visitproc visit, void* arg) {
  PyGenObject* generator = as_generator(self);
  Py_VISIT(generator->gi_code);
  Py_VISIT(generator->gi_name);
  Py_VISIT(generator->gi_qualname);
  Py_VISIT(generator->gi_origin_or_finalizer);
  if (generator->gi_frame_state < kCleared) {
    if (int stop = traverse_frame(frame_of(generator), visit, arg)) return stop;
  }
  Py_VISIT(generator->gi_exc_state.exc_value);
  return 0;
}

}  // namespace gill

using namespace gill;

extern "C" {

// Closes what somebody dropped before its end; asynchronous generators are handed to their event loop.
void _PyGen_Finalize(PyObject* self) {
  PyGenObject* generator = as_generator(self);
  if (generator->gi_frame_state >= kCompleted) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* finalizer = PyAsyncGen_CheckExact(self) ? generator->gi_origin_or_finalizer : nullptr;
  if (finalizer && !generator->gi_closed) {
    Ref<> done = steal(PyObject_CallOneArg(finalizer, self));
    if (!done) PyErr_WriteUnraisable(self);
  } else if (generator->gi_code->co_flags & CO_COROUTINE && generator->gi_frame_state == kCreated) {
    _PyErr_WarnUnawaitedCoroutine(self);
  } else {
    Ref<> done = close_generator(generator);
    if (!done && PyErr_Occurred()) PyErr_WriteUnraisable(self);
  }
  PyErr_Restore(type, value, traceback);
}

PyObject* _PyGen_yf(PyGenObject* generator) { return borrow(delegate_of(generator)).release(); }
PyObject* _PyCoro_GetAwaitableIter(PyObject* object) { return awaitable_iterator(object).release(); }

int _PyGen_SetStopIterationValue(PyObject* value) {
  // A tuple or an exception would be taken for the constructor's arguments, or for the exception itself.
  if (!value || (!PyTuple_Check(value) && !PyExceptionInstance_Check(value))) {
    PyErr_SetObject(PyExc_StopIteration, value);
    return 0;
  }
  Ref<> exception = steal(PyObject_CallOneArg(PyExc_StopIteration, value));
  if (!exception) return -1;
  PyErr_SetObject(PyExc_StopIteration, exception.get());
  return 0;
}

int _PyGen_FetchStopIterationValue(PyObject** result) {
  Ref<> given;
  if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (value) {
      bool is_instance = PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(type));
      if (!is_instance && type == PyExc_StopIteration && !PyTuple_Check(value)) {
        given = borrow(value);
      } else {
        if (!is_instance) PyErr_NormalizeException(&type, &value, &traceback);
        if (!PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(PyExc_StopIteration))) {
          PyErr_Restore(type, value, traceback);
          return -1;
        }
        given = borrow(reinterpret_cast<PyStopIterationObject*>(value)->value);
      }
      release(value);
    }
    if (type) release(type);
    if (traceback) release(traceback);
  } else if (PyErr_Occurred()) {
    return -1;
  }
  *result = given ? given.release() : none().release();
  return 0;
}

// From a frame object that nothing runs, which the generator takes over.
static PyObject* from_frame_object(PyTypeObject* type, PyFrameObject* object, PyObject* name, PyObject* qualname) {
  Ref<PyFrameObject> owned = steal(object);
  Frame* frame = object->f_frame;
  PyCodeObject* code = frame->f_code;
  Ref<PyGenObject> self = TRY(allocate(type, code, name ? name : code->co_name, qualname ? qualname : code->co_qualname));
  take_contents(self.get(), frame);
  Frame* home = frame_of(self.get());
  home->frame_obj = owned.release();
  home->frame_obj->f_frame = home;
  PyObject_GC_Track(self.get());
  return as_object(self.release());
}

PyObject* PyGen_NewWithQualName(PyFrameObject* frame, PyObject* name, PyObject* qualname) { return from_frame_object(&PyGen_Type, frame, name, qualname); }
PyObject* PyGen_New(PyFrameObject* frame) { return from_frame_object(&PyGen_Type, frame, nullptr, nullptr); }
PyObject* PyAsyncGen_New(PyFrameObject* frame, PyObject* name, PyObject* qualname) {
  return from_frame_object(&PyAsyncGen_Type, frame, name, qualname);
}
PyObject* PyCoro_New(PyFrameObject* frame, PyObject* name, PyObject* qualname) {
  PyObject* self = from_frame_object(&PyCoro_Type, frame, name, qualname);
  ThreadState* thread = current_thread();
  if (self && thread->coroutine_origin_tracking_depth) {
    Ref<> origin = origin_of_call(thread->cframe->current_frame, thread->coroutine_origin_tracking_depth);
    if (!origin) {
      release(self);
      return nullptr;
    }
    as_generator(self)->gi_origin_or_finalizer = origin.release();
  }
  return self;
}

}  // extern "C"
