// Entering and leaving the loop: activations, unwinding, requests between instructions, and the dispatch tables.
#include "objects/code.h"
#include "objects/generator.h"
#include "runtime/runtime.h"
#include "vm/handlers.h"
#include "vm/verify.h"

namespace gill::vm {

namespace {

constexpr HandlerTable plain_table() {
  HandlerTable table{};
  for (Handler& handler : table.at) handler = op_UNKNOWN;
#define GILL_ENTRY(NAME) table.at[static_cast<int>(Op::NAME)] = op_##NAME;
  GILL_PLAIN_INSTRUCTIONS(GILL_ENTRY)
  GILL_SPECIALIZED_INSTRUCTIONS(GILL_ENTRY)
#undef GILL_ENTRY
  table.at[static_cast<int>(Op::VERIFY)] = op_VERIFY;
  return table;
}

// The tracing table has one handler everywhere: it tells the trace function, then goes to the plain one.
constexpr HandlerTable tracing_table() {
  HandlerTable table{};
  for (Handler& handler : table.at) handler = op_DO_TRACING;
  table.at[static_cast<int>(Op::VERIFY)] = op_VERIFY;
  return table;
}

}  // namespace

constinit const HandlerTable kPlainTable = plain_table();
constinit const HandlerTable kTracingTable = tracing_table();

HANDLER(UNKNOWN) {
  SAVE_PLACE();
  PyErr_SetString(PyExc_SystemError, "unknown opcode");
  END_ERROR();
}

// The first unit of code that has not run yet.
HANDLER(VERIFY) {
  SAVE_PLACE();
  if (verify(frame->f_code) == Status::error) {
    // Without memory for the entry the exception goes on without it. The exception table is not to be trusted.
    if (!is_incomplete(frame) && frame_object(frame)) (void)static_cast<int>(add_traceback(frame));
    save_stack(frame, sp);
    TAIL(leave_with_exception);
  }
  frame->prev_instr = --next - 1;
  END_DISPATCH();
}

// ---- steps ------------------------------------------------------------------------------------------

VM_CALL PyObject* start_frame(VM_PARAMETERS) {
  ctx->cframe.current_frame = frame;
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  // Frames of calls between Python functions take no native stack, so counting is enough; the exact check makes the error.
  if (!frame->is_entry && thread->recursion_remaining > 0) [[likely]] {
    --thread->recursion_remaining;
    END_DISPATCH();
  }
  if (!enter_recursive_call("")) {
    // The frame never ran: the error belongs to its caller.
    save_stack(frame, sp);
    if (frame->is_entry) return nullptr;
    Frame* finished = frame;
    frame = finished->previous;
    ctx->cframe.current_frame = frame;
    leave_frame(thread, finished);
    sp = take_stack(frame);
    next = frame->prev_instr + 1;
    TAIL(unwind);
  }
  END_DISPATCH();
}

VM_CALL PyObject* drop_one(VM_PARAMETERS) {
  PyObject* object = ctx->dying;
  Py_TYPE(object)->tp_dealloc(object);
  END_DISPATCH();
}

VM_CALL PyObject* drop_one_checked(VM_PARAMETERS) {
  PyObject* object = ctx->dying;
  Py_TYPE(object)->tp_dealloc(object);
  END_CHECKED();
}

VM_CALL PyObject* drop_two(VM_PARAMETERS) {
  // The first may run code that uses the loop again, but with a context of its own.
  PyObject *one = ctx->dying, *other = ctx->dying_too;
  if (one) Py_TYPE(one)->tp_dealloc(one);
  if (other) Py_TYPE(other)->tp_dealloc(other);
  END_DISPATCH();
}

VM_CALL PyObject* unbound_local(VM_PARAMETERS) {
  raise_unbound(frame, static_cast<int>(oparg));
  TAIL(unwind);
}

// What is raised here belongs to the instruction that ended in this step, wherever that has jumped.
VM_CALL PyObject* answer_requests(VM_PARAMETERS) {
  if (handle_eval_requests(thread) < 0) {
    next = frame->prev_instr + 1;
    END_ERROR();
  }
  END_FRESH();
}

VM_CALL PyObject* unwind(VM_PARAMETERS) {
  if (!is_incomplete(frame)) {
    PyFrameObject* object = frame_object(frame);
    // Without memory for the entry the exception goes on without it.
    if (object) (void)static_cast<int>(add_traceback(frame));
  }
  if (ctx->cframe.use_tracing && thread->c_tracefunc) [[unlikely]] trace_exception(thread, frame);
  TAIL(unwind_again);
}

VM_CALL PyObject* unwind_again(VM_PARAMETERS) {
  ctx->kw_names = nullptr;
  // RERAISE lets prev_instr name the place where the exception first came up; handlers are those around `next`.
  int offset = static_cast<int>(next - 1 - first_instruction(frame->f_code));
  PyObject** base = stack_base(frame);
  ExceptionHandler handler;
  if (find_handler(frame->f_code, offset, &handler)) {
    while (sp > base + handler.depth) {
      PyObject* value = *--sp;
      if (value) release(value);
    }
    if (handler.push_lasti) {
      PyObject* place = PyLong_FromLong(last_instruction(frame));
      if (!place) TAIL(unwind_again);
      *sp++ = place;
    }
    // The handler finds the exception itself, complete with its traceback.
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyException_SetTraceback(value, traceback ? traceback : Py_None);
    if (traceback) release(traceback);
    release(type);
    *sp++ = value;
    next = first_instruction(frame->f_code) + handler.target;
    END_FRESH();
  }
  while (sp > base) {
    PyObject* value = *--sp;
    if (value) release(value);
  }
  save_stack(frame, sp);
  if (ctx->cframe.use_tracing) [[unlikely]] trace_unwind(thread, frame);
  TAIL(leave_with_exception);
}

VM_CALL PyObject* leave_with_exception(VM_PARAMETERS) {
  leave_recursive_call();
  if (frame->is_entry) return nullptr;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  leave_frame(thread, finished);
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  TAIL(unwind);
}

// ---- activations ------------------------------------------------------------------------------------

namespace {

// Goes on with a frame by raising the current exception where it stopped.
VM_CALL PyObject* throw_into(VM_PARAMETERS) {
  ctx->cframe.current_frame = frame;
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  if (!enter_recursive_call("")) {
    save_stack(frame, sp);
    return nullptr;
  }
  if (ctx->cframe.use_tracing && trace_entry(thread, frame) < 0) [[unlikely]] {
    save_stack(frame, sp);
    TAIL(leave_with_exception);
  }
  TAIL(unwind);
}

}  // namespace

PyObject* run_frame(ThreadState* thread, Frame* frame, bool throwing) {
  EvalContext ctx;
  ctx.cframe.use_tracing = thread->cframe->use_tracing;
  ctx.cframe.previous = thread->cframe;
  frame->is_entry = true;
  frame->previous = thread->cframe->current_frame;
  ctx.cframe.current_frame = frame;
  thread->cframe = &ctx.cframe;
  const HandlerTable* table = ctx.cframe.use_tracing ? &kTracingTable : &kPlainTable;
  PyObject* result = throwing ? throw_into(frame, nullptr, nullptr, thread, 0, table, &ctx) : start_frame(frame, nullptr, nullptr, thread, 0, table, &ctx);
  thread->cframe = ctx.cframe.previous;
  thread->cframe->use_tracing = ctx.cframe.use_tracing;
  return result;
}

void leave_frame(ThreadState* thread, Frame* frame) {
  if (frame->owner == FrameOwner::generator) [[unlikely]] return end_generator(thread, generator_of(frame));
  clear_frame(frame);
  pop_frame(thread, frame);
}

State* state_of(Interpreter* interpreter) {
  if (!interpreter->vm) {
    void* memory = PyMem_RawMalloc(sizeof(State));
    if (!memory) Py_FatalError("no memory for the interpreter's evaluation state");
    interpreter->vm = reinterpret_cast<VmState*>(new (memory) State());
  }
  return reinterpret_cast<State*>(interpreter->vm);
}

void forget_known_callables(Interpreter* interpreter) {
  if (!interpreter->vm) return;
  KnownCallables& known = state_of(interpreter)->known;
  clear_field(known.len);
  clear_field(known.isinstance);
  clear_field(known.list_append);
}

void finish_evaluation(Interpreter* interpreter) {
  forget_known_callables(interpreter);
  PyMem_RawFree(interpreter->vm);
  interpreter->vm = nullptr;
}

PyObject* evaluate(ThreadState* thread, Frame* frame, bool throwing) {
  if (has_eval_hook(thread->interpreter())) {
    // Hooks look at the instructions.
    if (!is_verified(frame->f_code) && verify(frame->f_code) == Status::error) return nullptr;
    return state_of(thread->interpreter())->eval_frame(thread, frame, throwing);
  }
  return run_frame(thread, frame, throwing);
}

// ---- exceptions ---------------------------------------------------------------------------------------

void raise_name_error(PyObject* type, const char* format, PyObject* variable) {
  const char* text = PyUnicode_AsUTF8(variable);
  if (!text) return;
  PyErr_Format(type, format, text);
  if (type != PyExc_NameError) return;
  PyObject *error_type, *value, *traceback;
  PyErr_Fetch(&error_type, &value, &traceback);
  PyErr_NormalizeException(&error_type, &value, &traceback);
  if (PyErr_GivenExceptionMatches(value, PyExc_NameError) && PyObject_SetAttr(value, name<"name">, variable) < 0) PyErr_Clear();
  PyErr_Restore(error_type, value, traceback);
}

void raise_unbound(Frame* frame, int variable) {
  if (PyErr_Occurred()) return;
  PyCodeObject* code = frame->f_code;
  PyObject* variable_name = PyTuple_GET_ITEM(code->co_localsplusnames, variable);
  bool free_variable = variable >= code->co_nlocalsplus - code->co_nfreevars;
  raise_name_error(free_variable ? PyExc_NameError : PyExc_UnboundLocalError,
                   free_variable ? "cannot access free variable '%s' where it is not associated with a value in enclosing scope"
                                 : "cannot access local variable '%s' where it is not associated with a value",
                   variable_name);
}

// raise [exception [from cause]]; both are taken over. 1 when the exception being handled is raised again.
int do_raise(ThreadState* thread, PyObject* exception, PyObject* cause) {
  if (!exception) {
    PyObject* handled = PyErr_GetHandledException();
    if (!handled) {
      PyErr_SetString(PyExc_RuntimeError, "No active exception to reraise");
      return 0;
    }
    PyErr_Restore(borrow(as_object(Py_TYPE(handled))).release(), handled, PyException_GetTraceback(handled));
    return 1;
  }
  Ref<> raised = steal(exception), from = steal(cause);
  Ref<> value;
  if (PyExceptionClass_Check(exception)) {
    value = steal(PyObject_CallNoArgs(exception));
    if (!value) return 0;
    if (!PyExceptionInstance_Check(value.get())) {
      PyErr_Format(PyExc_TypeError, "calling %R should have returned an instance of BaseException, not %R", exception, Py_TYPE(value.get()));
      return 0;
    }
  } else if (PyExceptionInstance_Check(exception)) {
    value = raised.new_ref();
  } else {
    PyErr_SetString(PyExc_TypeError, "exceptions must derive from BaseException");
    return 0;
  }
  if (from) {
    Ref<> fixed;
    if (PyExceptionClass_Check(from.get())) {
      fixed = steal(PyObject_CallNoArgs(from.get()));
      if (!fixed) return 0;
    } else if (PyExceptionInstance_Check(from.get())) {
      fixed = from.new_ref();
    } else if (from.get() != Py_None) {
      PyErr_SetString(PyExc_TypeError, "exception causes must derive from BaseException");
      return 0;
    }
    PyException_SetCause(value.get(), fixed.release());
  }
  PyErr_SetObject(as_object(Py_TYPE(value.get())), value.get());
  return 0;
}

}  // namespace gill::vm
