// Telling trace and profile functions what the evaluation loop does, and switching them on and off.
//
// While either function is set, the thread's `use_tracing` makes the loop dispatch through kTracingTable, whose one handler
// tells of lines and entries and then runs the plain form of the instruction. It notes every instruction in `prev_instr`,
// so that a new line or a step backwards can be told from where the frame was before. While a trace function runs,
// `tracing` keeps it from seeing itself.
#include "objects/code.h"
#include "vm/handlers.h"

extern "C" {
int _PyEval_SetTrace(PyThreadState*, Py_tracefunc, PyObject*);
int _PyEval_SetProfile(PyThreadState*, Py_tracefunc, PyObject*);
PyObject* _PyEval_CallTracing(PyObject*, PyObject*);
}

namespace gill::vm {

namespace {

// A code object's lines by code unit, kept in the code object as 16-bit differences from its first line (kNoLine for
// none), or as 32-bit line numbers where those do not fit.
constexpr int16_t kNoLine = INT16_MIN;

bool read_lines(PyCodeObject* code) {
  auto units = static_cast<size_t>(Py_SIZE(code));
  bool narrow = true;
  for (LineReader reader(code); reader.next();) {
    int64_t difference = int64_t{reader.line} - code->co_firstlineno;
    if (reader.line >= 0 && (difference <= INT16_MIN || difference > INT16_MAX)) narrow = false;
  }
  size_t width = narrow ? sizeof(int16_t) : sizeof(int32_t);
  auto* lines = static_cast<char*>(PyMem_Malloc((units + 1) * width));
  if (!lines) {
    PyErr_NoMemory();
    return false;
  }
  // Units that the table leaves out have no line.
  for (size_t i = 0; i <= units; ++i) {
    if (narrow) reinterpret_cast<int16_t*>(lines)[i] = kNoLine;
    else reinterpret_cast<int32_t*>(lines)[i] = -1;
  }
  for (LineReader reader(code); reader.next();) {
    auto end = std::min(units, static_cast<size_t>(reader.end) / sizeof(CodeUnit));
    for (size_t i = static_cast<size_t>(reader.start) / sizeof(CodeUnit); i < end; ++i) {
      if (narrow) reinterpret_cast<int16_t*>(lines)[i] = reader.line < 0 ? kNoLine : static_cast<int16_t>(reader.line - code->co_firstlineno);
      else reinterpret_cast<int32_t*>(lines)[i] = reader.line;
    }
  }
  code->_co_linearray_entry_size = static_cast<short>(width);
  code->_co_linearray = lines;
  return true;
}

// The line of a code unit, -1 for none. read_lines() has been called.
int line_at(PyCodeObject* code, int unit) {
  if (code->_co_linearray_entry_size == sizeof(int32_t)) return reinterpret_cast<int32_t*>(code->_co_linearray)[unit];
  int16_t difference = reinterpret_cast<int16_t*>(code->_co_linearray)[unit];
  return difference == kNoLine ? -1 : code->co_firstlineno + difference;
}

bool have_lines(PyCodeObject* code) { return code->_co_linearray || read_lines(code); }

// The current exception, put aside while a trace function runs. What that raises takes its place.
class ExceptionAside {
 public:
  ExceptionAside() { PyErr_Fetch(&type_, &value_, &traceback_); }
  int finish(int outcome) {
    if (outcome == 0) {
      PyErr_Restore(type_, value_, traceback_);
      return 0;
    }
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(traceback_);
    return -1;
  }

 private:
  PyObject *type_, *value_, *traceback_;
};

int call_trace_protected(Py_tracefunc function, PyObject* object, ThreadState* thread, Frame* frame, int what, PyObject* argument) {
  ExceptionAside aside;
  return aside.finish(call_trace(function, object, thread, frame, what, argument));
}

// Both functions are told of entries and exits.
int tell_both(ThreadState* thread, Frame* frame, int what, PyObject* argument) {
  if (thread->c_tracefunc && call_trace_protected(thread->c_tracefunc, thread->c_traceobj, thread, frame, what, argument) < 0) return -1;
  if (thread->c_profilefunc) return call_trace_protected(thread->c_profilefunc, thread->c_profileobj, thread, frame, what, argument);
  return 0;
}

// Before an instruction: a new line, or the same line anew by a step backwards. `before` is the unit that ran last.
int trace_line(ThreadState* thread, Frame* frame, int before) {
  PyCodeObject* code = frame->f_code;
  if (!have_lines(code)) return -1;
  int now = last_instruction(frame);
  int last_line = before <= code->_co_firsttraceable ? -1 : line_at(code, before);
  int line = line_at(code, now);
  PyFrameObject* object = frame_object(frame);
  if (!object) return -1;
  int outcome = 0;
  if (line != -1 && object->f_trace_lines) {
    bool backwards = now < before && static_cast<Op>(_Py_OPCODE(*frame->prev_instr)) != Op::SEND;
    if (line != last_line || backwards) outcome = call_trace(thread->c_tracefunc, thread->c_traceobj, thread, frame, PyTrace_LINE, Py_None);
  }
  if (object->f_trace_opcodes && thread->c_tracefunc) {
    outcome = call_trace(thread->c_tracefunc, thread->c_traceobj, thread, frame, PyTrace_OPCODE, Py_None);
  }
  return outcome;
}

// A call that the profile function is told of before and after; `callable` is what it is told.
template <class Call>
PyObject* profiled(ThreadState* thread, Frame* frame, PyObject* callable, Call call) {
  if (!thread->c_profilefunc) return call();
  if (call_trace(thread->c_profilefunc, thread->c_profileobj, thread, frame, PyTrace_C_CALL, callable) != 0) return nullptr;
  PyObject* result = call();
  if (!thread->c_profilefunc) return result;
  if (!result) {
    call_trace_protected(thread->c_profilefunc, thread->c_profileobj, thread, frame, PyTrace_C_EXCEPTION, callable);
  } else if (call_trace(thread->c_profilefunc, thread->c_profileobj, thread, frame, PyTrace_C_RETURN, callable) != 0) {
    Py_CLEAR(result);
  }
  return result;
}

bool is_c_function(PyObject* callable) { return PyCFunction_CheckExact(callable) || PyCMethod_CheckExact(callable); }

}  // namespace

// ---- events ---------------------------------------------------------------------------------------------

int call_trace(Py_tracefunc function, PyObject* object, ThreadState* thread, Frame* frame, int what, PyObject* argument) {
  if (thread->tracing) return 0;
  PyFrameObject* shown = frame_object(frame);
  if (!shown) return -1;
  int outer = std::exchange(thread->tracing_what, what);
  bool outer_traced = std::exchange(shown->is_traced, true);
  PyThreadState_EnterTracing(thread);
  int outcome = -1;
  if (have_lines(frame->f_code)) {
    int place = last_instruction(frame);
    shown->f_lineno = place < 0 ? frame->f_code->co_firstlineno : line_at(frame->f_code, place);
    outcome = function(object, shown, what, argument);
    shown->f_lineno = 0;
  }
  PyThreadState_LeaveTracing(thread);
  thread->tracing_what = outer;
  shown->is_traced = outer_traced;
  return outcome;
}

int trace_entry(ThreadState* thread, Frame* frame) { return tell_both(thread, frame, PyTrace_CALL, Py_None); }
int trace_return(ThreadState* thread, Frame* frame, PyObject* result) { return tell_both(thread, frame, PyTrace_RETURN, result); }
// The exception that leaves the frame goes on, unless a trace function raises another one.
void trace_unwind(ThreadState* thread, Frame* frame) { static_cast<void>(tell_both(thread, frame, PyTrace_RETURN, nullptr)); }

void trace_exception(ThreadState* thread, Frame* frame) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject* before = traceback;
  if (!value) value = Py_NewRef(Py_None);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref<> argument = steal(PyTuple_Pack(3, type, value, traceback ? traceback : Py_None));
  if (!argument) {
    PyErr_Restore(type, value, before);
    return;
  }
  int outcome = call_trace(thread->c_tracefunc, thread->c_traceobj, thread, frame, PyTrace_EXCEPTION, argument.get());
  if (outcome == 0) {
    PyErr_Restore(type, value, before);
  } else {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(before);
  }
}

// ---- calls ----------------------------------------------------------------------------------------------

PyObject* traced_call(ThreadState* thread, Frame* frame, PyObject* callable, PyObject** args, size_t count, PyObject* kwnames) {
  if (is_c_function(callable)) {
    return profiled(thread, frame, callable, [&] { return PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames); });
  }
  if (Py_IS_TYPE(callable, &PyMethod_Type) && Py_IS_TYPE(PyMethod_GET_FUNCTION(callable), &PyMethodDescr_Type)) {
    // What `with` calls at its end.
    PyObject *function = PyMethod_GET_FUNCTION(callable), *self = PyMethod_GET_SELF(callable);
    Ref<> bound = TRY(steal(Py_TYPE(function)->tp_descr_get(function, self, as_object(Py_TYPE(self)))));
    return profiled(thread, frame, bound.get(), [&] { return PyObject_Vectorcall(bound.get(), args, count, kwnames); });
  }
  if (Py_IS_TYPE(callable, &PyMethodDescr_Type) && count > 0) {
    // The profile function is shown a bound method.
    Ref<> bound = TRY(steal(Py_TYPE(callable)->tp_descr_get(callable, args[0], as_object(Py_TYPE(args[0])))));
    return profiled(thread, frame, bound.get(), [&] { return PyObject_Vectorcall(bound.get(), args + 1, count - 1, kwnames); });
  }
  return PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
}

PyObject* traced_call_ex(ThreadState* thread, Frame* frame, PyObject* callable, PyObject* args, PyObject* kwargs) {
  if (is_c_function(callable)) return profiled(thread, frame, callable, [&] { return PyObject_Call(callable, args, kwargs); });
  if (Py_IS_TYPE(callable, &PyMethodDescr_Type) && PyTuple_GET_SIZE(args) > 0) {
    PyObject* self = PyTuple_GET_ITEM(args, 0);
    Ref<> bound = TRY(steal(Py_TYPE(callable)->tp_descr_get(callable, self, as_object(Py_TYPE(self)))));
    Ref<> rest = TRY(steal(PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args))));
    return profiled(thread, frame, bound.get(), [&] { return PyObject_Call(bound.get(), rest.get(), kwargs); });
  }
  return PyObject_Call(callable, args, kwargs);
}

// ---- instructions ---------------------------------------------------------------------------------------

HANDLER(DO_TRACING) {
  CodeUnit* here = next - 1;
  if (thread->tracing == 0 && here >= first_instruction(frame->f_code) + frame->f_code->_co_firsttraceable) {
    int before = last_instruction(frame);
    frame->prev_instr = here;
    save_stack(frame, sp);
    int outcome = 0;
    if (plain_form(static_cast<Op>(_Py_OPCODE(*here))) == Op::RESUME) outcome = trace_entry(thread, frame);
    else if (thread->c_tracefunc) outcome = trace_line(thread, frame, before);
    // The trace function may have jumped, which moves both, and leaves a call's names behind.
    sp = take_stack(frame);
    if (here != frame->prev_instr) ctx->kw_names = nullptr;
    here = frame->prev_instr;
    next = here + 1;
    oparg = static_cast<uint32_t>(_Py_OPARG(*here));
    REFRESH_TABLE();
    if (outcome < 0) [[unlikely]] END_ERROR();
  }
  [[clang::musttail]] return kPlainTable.at[static_cast<uint8_t>(plain_form(static_cast<Op>(_Py_OPCODE(*here))))](VM_ARGUMENTS);
}

}  // namespace gill::vm

using namespace gill;

namespace {

void update_tracing(PyThreadState* thread) {
  bool wanted = thread->c_tracefunc || thread->c_profilefunc;
  thread->cframe->use_tracing = wanted && thread->tracing == 0 ? 255 : 0;
}

// Replaces one of the two functions. The old object is dropped while none is set, so that its end is not traced by it;
// its finalizer may not set another one.
int set_function(PyThreadState* thread, bool* busy, const char* kind, Py_tracefunc* function, PyObject** object, Py_tracefunc new_function, PyObject* new_object) {
  if (std::exchange(*busy, true)) {
    *busy = false;
    return raise(PyExc_RuntimeError, "Cannot install a %s function while another %s function is being installed", kind, kind);
  }
  Ref<> kept = borrow(new_object);
  *function = nullptr;
  Ref<> old = steal(std::exchange(*object, nullptr));
  update_tracing(thread);
  old.reset();
  *object = kept.release();
  *function = new_function;
  update_tracing(thread);
  *busy = false;
  return 0;
}

}  // namespace

extern "C" {

int _PyEval_SetTrace(PyThreadState* thread, Py_tracefunc function, PyObject* object) {
  if (PySys_Audit("sys.settrace", nullptr) < 0) return -1;
  bool* busy = &vm::state_of(internal(thread->interp))->setting_trace;
  return set_function(thread, busy, "trace", &thread->c_tracefunc, &thread->c_traceobj, function, object);
}
int _PyEval_SetProfile(PyThreadState* thread, Py_tracefunc function, PyObject* object) {
  if (PySys_Audit("sys.setprofile", nullptr) < 0) return -1;
  bool* busy = &vm::state_of(internal(thread->interp))->setting_profile;
  return set_function(thread, busy, "profile", &thread->c_profilefunc, &thread->c_profileobj, function, object);
}

void PyEval_SetTrace(Py_tracefunc function, PyObject* object) {
  if (_PyEval_SetTrace(current_thread(), function, object) < 0) _PyErr_WriteUnraisableMsg("in PyEval_SetTrace", nullptr);
}
void PyEval_SetProfile(Py_tracefunc function, PyObject* object) {
  if (_PyEval_SetProfile(current_thread(), function, object) < 0) _PyErr_WriteUnraisableMsg("in PyEval_SetProfile", nullptr);
}

// Calls back into traced code from within a trace function. The call itself turns tracing on, if it wants it.
PyObject* _PyEval_CallTracing(PyObject* function, PyObject* args) {
  ThreadState* thread = current_thread();
  int depth = std::exchange(thread->tracing, 0);
  auto use_tracing = thread->cframe->use_tracing;
  PyObject* result = PyObject_Call(function, args, nullptr);
  thread->tracing = depth;
  thread->cframe->use_tracing = use_tracing;
  return result;
}

}  // extern "C"
