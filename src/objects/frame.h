// Frames: the activation record that the evaluation loop works on, and the frame object that Python sees.
//
// A `Frame` lives on its thread's data stack, inside a generator, or, once its function has returned and
// somebody still holds the frame object, inside that object. Both structures have the field order of the
// reference's internal headers, because compiled extensions (Cython's line numbers, tracers, PyTorch's
// frame evaluator) read them.
//
//   ┌ specials ┬ locals, cells, free variables ┬ evaluation stack ┐
//
// While a frame runs, its stack pointer is in a register and `stacktop` is -1.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "memory/address_sanitizer.h"
#include "runtime/thread_state.h"

enum class GillFrameOwner : char { thread = 0, generator = 1, frame_object = 2 };

struct _PyInterpreterFrame {
  PyFunctionObject* f_func;  // owned
  PyObject* f_globals;       // borrowed from f_func
  PyObject* f_builtins;      // borrowed from f_func
  PyObject* f_locals;        // owned, may be null
  PyCodeObject* f_code;      // owned
  PyFrameObject* frame_obj;  // owned, may be null
  _PyInterpreterFrame* previous;
  _Py_CODEUNIT* prev_instr;  // the instruction that runs, or ran last
  int stacktop;
  bool is_entry;  // returning from it leaves the evaluation function
  GillFrameOwner owner;
  bool constructs;  // runs an __init__ for the loop, which has the instance on the caller's stack (in the layout's padding)
  PyObject* localsplus[1];
};

struct _frame {
  PyObject_HEAD
  PyFrameObject* f_back;  // owned; only when the frame is no longer on a stack
  _PyInterpreterFrame* f_frame;
  PyObject* f_trace;
  int f_lineno;  // set while a trace function runs; 0 otherwise
  char f_trace_lines;
  char f_trace_opcodes;
  char f_fast_as_locals;  // the locals dict may hold values that the fast locals do not have yet
  bool is_traced;  // a trace function is being told of it (in the layout's padding)
  PyObject* _f_frame_data[1];
};

namespace gill {

using Frame = _PyInterpreterFrame;
using FrameOwner = GillFrameOwner;

inline constexpr int kFrameSpecials = static_cast<int>(offsetof(Frame, localsplus) / sizeof(PyObject*));

enum GeneratorState : int8_t { kCreated = -2, kSuspended = -1, kExecuting = 0, kCompleted = 1, kCleared = 4 };

// The kinds of a variable in co_localspluskinds.
inline constexpr unsigned char kLocalKind = 0x20;
inline constexpr unsigned char kCellKind = 0x40;
inline constexpr unsigned char kFreeKind = 0x80;

inline _Py_CODEUNIT* first_instruction(PyCodeObject* code) { return reinterpret_cast<_Py_CODEUNIT*>(code->co_code_adaptive); }
inline int frame_slots(PyCodeObject* code) { return code->co_nlocalsplus + code->co_stacksize + kFrameSpecials; }
inline PyObject** stack_base(Frame* frame) { return frame->localsplus + frame->f_code->co_nlocalsplus; }
// The offset of the running instruction in code units; -1 before the first.
inline int last_instruction(const Frame* frame) { return static_cast<int>(frame->prev_instr - first_instruction(frame->f_code)); }

inline PyGenObject* generator_of(Frame* frame) {
  return reinterpret_cast<PyGenObject*>(reinterpret_cast<char*>(frame) - offsetof(PyGenObject, gi_iframe));
}
inline Frame* frame_of(PyGenObject* generator) { return reinterpret_cast<Frame*>(generator->gi_iframe); }

// Not yet at its first RESUME: such a frame is not shown to Python.
inline bool is_incomplete(const Frame* frame) {
  return frame->owner != FrameOwner::generator && frame->prev_instr < first_instruction(frame->f_code) + frame->f_code->_co_firsttraceable;
}
inline Frame* complete_frame(Frame* frame) {
  while (frame && is_incomplete(frame)) frame = frame->previous;
  return frame;
}

// Slots behind each frame that nobody may touch, for the sanitizer to see who does.
inline constexpr int kForbiddenSlots = kWatchedHeap ? 2 : 0;

// Room on the data stack's present chunk; null where another chunk is needed.
[[gnu::always_inline]] inline Frame* push_in_chunk(ThreadState* thread, int slots) {
  PyObject** base = thread->datastack_top;
  if (thread->datastack_limit - base <= slots + kForbiddenSlots) [[unlikely]] return nullptr;
  thread->datastack_top = base + slots + kForbiddenSlots;
  allow_access(base, static_cast<size_t>(slots) * sizeof(PyObject*));
  return reinterpret_cast<Frame*>(base);
}

// Room on the thread's data stack; null with MemoryError.
Frame* push_frame(ThreadState* thread, int slots);
void pop_frame(ThreadState* thread, Frame* frame);

// Fills the specials; takes over `function` and `locals`. `local_count` variables are cleared.
inline void initialize_frame(Frame* frame, PyFunctionObject* function, PyObject* locals, PyCodeObject* code, int cleared_from) {
  retain(as_object(code));
  frame->f_func = function;
  frame->f_globals = function->func_globals;
  frame->f_builtins = function->func_builtins;
  frame->f_locals = locals;
  frame->f_code = code;
  frame->frame_obj = nullptr;
  frame->previous = nullptr;
  frame->prev_instr = first_instruction(code) - 1;
  frame->stacktop = code->co_nlocalsplus;
  frame->is_entry = false;
  frame->owner = FrameOwner::thread;
  frame->constructs = false;
  for (int i = cleared_from; i < code->co_nlocalsplus; ++i) frame->localsplus[i] = nullptr;
}

// Drops what the frame owns; a frame object that somebody else holds takes the contents over first.
void clear_frame(Frame* frame);
int traverse_frame(Frame* frame, visitproc visit, void* arg);

// The frame object, made when there is none yet: borrowed from the frame; null with MemoryError.
PyFrameObject* make_frame_object(Frame* frame);
inline PyFrameObject* frame_object(Frame* frame) { return frame->frame_obj ? frame->frame_obj : make_frame_object(frame); }

// Brings f_locals up to date and returns it, borrowed; null with an exception.
PyObject* fast_to_locals(Frame* frame);
void locals_to_fast(Frame* frame, bool clear);

inline int frame_line(const Frame* frame) {
  return PyCode_Addr2Line(frame->f_code, last_instruction(frame) * static_cast<int>(sizeof(_Py_CODEUNIT)));
}

// Adds an entry for the frame to the current exception's traceback.
Status add_traceback(Frame* frame);

}  // namespace gill
