// Python functions called without leaving the loop, where the arguments are known to fit.
#pragma once

#include "vm/interpreter.h"

namespace gill::vm {

// A number that stands for a function as it is now: its code, defaults and closure. 0 when numbers are used up, or the
// function is none that calls could rely on.
uint32_t function_version(PyFunctionObject* function);

// Only plain parameters, and as many as that.
inline bool takes_exactly(PyFunctionObject* function, int count) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  return (code->co_flags & (CO_VARKEYWORDS | CO_VARARGS | CO_OPTIMIZED)) == CO_OPTIMIZED && code->co_kwonlyargcount == 0 &&
         code->co_argcount == count;
}

// A frame whose first variables are the given arguments; takes over the function and the arguments. Null with an exception,
// nothing taken over.
[[gnu::always_inline]] inline Frame* push_exact(ThreadState* thread, PyFunctionObject* function, PyObject** args, Py_ssize_t count) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Frame* frame = push_frame(thread, frame_slots(code));
  if (!frame) [[unlikely]] return nullptr;
  initialize_frame(frame, function, nullptr, code, static_cast<int>(count));
  for (Py_ssize_t i = 0; i < count; ++i) frame->localsplus[i] = args[i];
  return frame;
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

// Goes on in a callee's frame. `next` is where the caller goes on, `sp` its stack without the call's operands.
#define END_CALL(CALLEE)            \
  do {                              \
    frame->prev_instr = next - 1;   \
    save_stack(frame, sp);          \
    (CALLEE)->previous = frame;     \
    frame = (CALLEE);               \
    TAIL(start_frame);              \
  } while (0)

}  // namespace gill::vm
