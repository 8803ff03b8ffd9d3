// The evaluation loop: a table of small handlers that tail-call each other.
//
// The whole state of a running frame is in the handlers' parameters, which the calling convention keeps in registers:
//   frame   the frame that runs            next    the code unit behind the instruction
//   sp      one above the top of stack     oparg   the operand, EXTENDED_ARG included
//   thread  the thread                     table   where to dispatch: plain or tracing
//   ctx     what belongs to this native activation of the loop
// A handler ends in one of the END_* macros below, the loop's own vocabulary for "tail-call what comes next".
// Calls between Python functions push a frame and go on in the same native activation.
//
// `frame->prev_instr` names the running instruction for tracebacks; handlers that cannot fail, call or release
// anything (LIGHT) leave it alone.
#pragma once

#include <Python.h>

#include "base/names.h"
#include "base/result.h"
#include "objects/frame.h"
#include "objects/opcodes.h"
#include "runtime/interpreter.h"
#include "runtime/thread_state.h"

namespace gill::vm {

using CodeUnit = _Py_CODEUNIT;

struct HandlerTable;

struct EvalContext {
  _PyCFrame cframe;
  PyObject* kw_names = nullptr;  // of the call that comes next, borrowed from co_consts
  // What a handler leaves to the step that it ends in.
  PyObject* dying = nullptr;
  PyObject* dying_too = nullptr;
  int64_t integer = 0;
  double real = 0;
};

#define VM_PARAMETERS                                                                                                          \
  [[maybe_unused]] Frame *frame, [[maybe_unused]] CodeUnit *next, [[maybe_unused]] PyObject **sp,                              \
      [[maybe_unused]] ThreadState *thread, [[maybe_unused]] uint32_t oparg, [[maybe_unused]] const HandlerTable *table,       \
      [[maybe_unused]] EvalContext *ctx
#define VM_CALL __attribute__((preserve_none))
// A step is kept out of the handlers that end in it, so that they need no native frame for what only the step calls.
#define VM_STEP [[gnu::noinline]] VM_CALL PyObject*
#define VM_ARGUMENTS frame, next, sp, thread, oparg, table, ctx

using Handler = VM_CALL PyObject* (*)(Frame*, CodeUnit*, PyObject**, ThreadState*, uint32_t, const HandlerTable*, EvalContext*);
struct HandlerTable {
  Handler at[256];
};
extern const HandlerTable kPlainTable;
extern const HandlerTable kTracingTable;

// ---- steps that are no instruction ------------------------------------------------------------------

// The current exception is set: find a handler in this frame or leave it.
VM_STEP unwind(VM_PARAMETERS);
// The same when the traceback has its entry already.
VM_STEP unwind_again(VM_PARAMETERS);
// Leaves a frame whose stack is saved for its caller's handlers.
VM_STEP leave_with_exception(VM_PARAMETERS);
// Begins a frame that was just pushed: recursion check, then its first instruction.
VM_STEP start_frame(VM_PARAMETERS);
// Goes on with the generator on top of the stack, which can_enter() and begin_resume() have prepared.
VM_STEP enter_generator(VM_PARAMETERS);
// The same generator returned; its value is on top of its own stack. `frame` is the one that went on with it.
VM_STEP return_from_generator(VM_PARAMETERS);
// What is rare in a handler that does without a native frame otherwise: it ends in one of these.
VM_STEP drop_one(VM_PARAMETERS);       // ctx->dying, whose count is zero, then dispatches
VM_STEP drop_one_checked(VM_PARAMETERS);  // and answers requests, as a jump backwards has to
VM_STEP drop_two(VM_PARAMETERS);       // the same for ctx->dying_too as well; each may be null
VM_STEP unbound_local(VM_PARAMETERS);  // raises for the variable `oparg`
// Makes an instance of the class that a CALL with can_construct() is of, and runs its __init__.
VM_STEP construct(VM_PARAMETERS);
// That __init__ returned: its value is on top of its own stack.
VM_STEP return_from_init(VM_PARAMETERS);
// Answers Interpreter::eval_requests, then dispatches.
VM_STEP answer_requests(VM_PARAMETERS);

#define HANDLER(NAME) VM_STEP op_##NAME(VM_PARAMETERS)

#define SAVE_PLACE() (frame->prev_instr = next - 1)
#define TAIL(FUNCTION) [[clang::musttail]] return FUNCTION(VM_ARGUMENTS)
#define END_DISPATCH()                                                                                              \
  do {                                                                                                              \
    CodeUnit unit_ = *next;                                                                                         \
    [[clang::musttail]] return table->at[unit_ & 255](frame, next + 1, sp, thread, static_cast<uint32_t>(unit_ >> 8), table, ctx); \
  } while (0)
// After anything that may have switched tracing on or off.
#define REFRESH_TABLE() (table = ctx->cframe.use_tracing ? &kTracingTable : &kPlainTable)
#define END_FRESH() \
  do {              \
    REFRESH_TABLE();\
    END_DISPATCH(); \
  } while (0)
#define END_ERROR() TAIL(unwind)
// Gives references back, then dispatches. SAVE_PLACE() comes before.
#define END_DROP(OBJECT)                         \
  do {                                           \
    PyObject* dropped_ = (OBJECT);               \
    if (drops_to_zero(dropped_)) {               \
      ctx->dying = dropped_;                     \
      TAIL(drop_one);                            \
    }                                            \
    END_DISPATCH();                              \
  } while (0)
#define END_DROP_BOTH(ONE, OTHER)                \
  do {                                           \
    PyObject *one_ = (ONE), *other_ = (OTHER);   \
    if (drops_to_zero(one_)) {                   \
      ctx->dying = one_;                         \
      ctx->dying_too = drops_to_zero(other_) ? other_ : nullptr; \
      TAIL(drop_two);                            \
    }                                            \
    END_DROP(other_);                            \
  } while (0)
#define END_CHECKED()                                                                                                        \
  do {                                                                                                                       \
    if (thread->interpreter()->eval_requests.load(std::memory_order_relaxed)) [[unlikely]] TAIL(answer_requests);          \
    END_FRESH();                                                                                                             \
  } while (0)
#define SKIP_CACHES(OP) (next += info_of(Op::OP).caches)

[[gnu::always_inline]] inline bool drops_to_zero(PyObject* object) { return !is_immortal(object) && --object->ob_refcnt == 0; }

inline PyObject* constant_at(Frame* frame, uint32_t i) { return PyTuple_GET_ITEM(frame->f_code->co_consts, i); }
inline PyObject* name_at(Frame* frame, uint32_t i) { return PyTuple_GET_ITEM(frame->f_code->co_names, i); }

inline void save_stack(Frame* frame, PyObject** sp) { frame->stacktop = static_cast<int>(sp - frame->localsplus); }
inline PyObject** take_stack(Frame* frame) {
  PyObject** sp = frame->localsplus + frame->stacktop;
  frame->stacktop = -1;
  return sp;
}

// ---- state of the interpreter ----------------------------------------------------------------------

// Built-in callables that the inline caches know; the interpreter keeps them alive.
struct KnownCallables {
  PyObject* len = nullptr;
  PyObject* isinstance = nullptr;
  PyObject* list_append = nullptr;
};

struct State {
  PyObject* (*eval_frame)(PyThreadState*, Frame*, int) = nullptr;  // null: our own
  freefunc code_extra[255] = {};
  Py_ssize_t code_extra_count = 0;
  uint32_t next_function_version = 1;
  KnownCallables known;
  bool setting_trace = false, setting_profile = false;
};
State* state_of(Interpreter* interpreter);
// Shutdown: lets go of the objects that it holds, and at the end of the state itself.
void forget_known_callables(Interpreter* interpreter);
void finish_evaluation(Interpreter* interpreter);
inline bool has_eval_hook(Interpreter* interpreter) { return interpreter->vm && reinterpret_cast<State*>(interpreter->vm)->eval_frame; }

// ---- calls -----------------------------------------------------------------------------------------

// A frame for a call, with the arguments bound; null with an exception. Takes over `function`, `locals` and the
// arguments, on failure too.
Frame* push_call(ThreadState* thread, PyFunctionObject* function, PyObject* locals, PyObject* const* args, size_t count, PyObject* kwnames);
// Drops a frame that finished and gives its room back.
void leave_frame(ThreadState* thread, Frame* frame);
PyObject* run_frame(ThreadState* thread, Frame* frame, bool throwing);
// Runs a frame through the interpreter's eval-frame hook.
PyObject* evaluate(ThreadState* thread, Frame* frame, bool throwing);

inline bool is_plain_function(PyObject* callable) {
  return Py_IS_TYPE(callable, &PyFunction_Type) && reinterpret_cast<PyFunctionObject*>(callable)->vectorcall == _PyFunction_Vectorcall;
}

// Whether the loop makes instances of the class itself.
bool can_construct(ThreadState* thread, EvalContext* ctx, PyObject* callable);

// A call with arguments on the stack, seen by the profiler when it is of a C function.
PyObject* traced_call(ThreadState* thread, Frame* frame, PyObject* callable, PyObject** args, size_t count, PyObject* kwnames);
PyObject* traced_call_ex(ThreadState* thread, Frame* frame, PyObject* callable, PyObject* args, PyObject* kwargs);

// Whether the loop may go on with this generator or coroutine itself.
inline bool can_enter(ThreadState* thread, EvalContext* ctx, PyGenObject* generator) {
  return generator->gi_frame_state < kExecuting && !ctx->cframe.use_tracing && !has_eval_hook(thread->interpreter());
}

// ---- exceptions ------------------------------------------------------------------------------------

void raise_unbound(Frame* frame, int variable);
// NameError("name '%.200s' is not defined") with its `name`.
void raise_name_error(PyObject* type, const char* format, PyObject* variable);
int do_raise(ThreadState* thread, PyObject* exception, PyObject* cause);  // 1: a re-raise
void set_context_of_current(ThreadState* thread);

// ---- tracing ----------------------------------------------------------------------------------------

int call_trace(Py_tracefunc function, PyObject* object, ThreadState* thread, Frame* frame, int what, PyObject* argument);
int trace_entry(ThreadState* thread, Frame* frame);
int trace_return(ThreadState* thread, Frame* frame, PyObject* result);
void trace_exception(ThreadState* thread, Frame* frame);
void trace_unwind(ThreadState* thread, Frame* frame);

}  // namespace gill::vm
