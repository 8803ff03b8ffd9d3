// Python functions called without leaving the loop, where the arguments are known to fit.
#pragma once

#include "vm/interpreter.h"

namespace gill::vm {

// A number that stands for a function as it is now: its code, defaults and closure. 0 when numbers are used up, or the
// function is none that calls could rely on.
uint32_t function_version(PyFunctionObject* function);

// Only plain parameters, and as many as that.
inline bool takes_exactly(PyFunctionObject* function, Py_ssize_t count) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  return (code->co_flags & (CO_VARKEYWORDS | CO_VARARGS | CO_OPTIMIZED)) == CO_OPTIMIZED && code->co_kwonlyargcount == 0 &&
         code->co_argcount == count;
}

// Room for a call on the data stack's present chunk; null where another chunk is needed, or the eval-frame hook wants the call.
[[gnu::always_inline]] inline Frame* push_quickly(ThreadState* thread, PyFunctionObject* function) {
  if (has_eval_hook(thread->interpreter())) [[unlikely]] return nullptr;
  return push_in_chunk(thread, frame_slots(reinterpret_cast<PyCodeObject*>(function->func_code)));
}

// Fills a frame whose first variables are the given arguments; takes over the function and the arguments.
[[gnu::always_inline]] inline void fill_frame(Frame* frame, PyFunctionObject* function, PyObject* const* args, Py_ssize_t count) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  initialize_frame(frame, function, nullptr, code, code->co_nlocalsplus);
  Py_ssize_t i = 0;
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < count; ++i) frame->localsplus[i] = args[i];
#pragma clang loop vectorize(disable) unroll(disable)
  for (; i < code->co_nlocalsplus; ++i) frame->localsplus[i] = nullptr;
}

// The operands of a call: [null, callable] or [callable, self], then arguments.
struct Operands {
  PyObject** base;
  PyObject** args;
  Py_ssize_t count;
  Operands(PyObject** sp, uint32_t oparg) : base(sp - oparg - 2) {
    bool bound = base[0] != nullptr;
    args = base + 2 - bound;
    count = static_cast<Py_ssize_t>(oparg) + bound;
  }
  PyObject* callable() const { return args[-1]; }
};

// Goes on in a callee's fresh frame. `next` is where the caller goes on, `sp` its stack without the call's operands.
#define END_CALL(CALLEE)                                                      \
  do {                                                                        \
    frame->prev_instr = next - 1;                                             \
    save_stack(frame, sp);                                                    \
    (CALLEE)->previous = frame;                                               \
    frame = (CALLEE);                                                         \
    if (thread->recursion_remaining <= 0) [[unlikely]] TAIL(start_frame);     \
    --thread->recursion_remaining;                                            \
    ctx->cframe.current_frame = frame;                                        \
    sp = take_stack(frame);                                                   \
    next = first_instruction(frame->f_code);                                  \
    END_DISPATCH();                                                           \
  } while (0)

}  // namespace gill::vm
