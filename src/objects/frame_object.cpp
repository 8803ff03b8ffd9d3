// Frame objects, and the life of the frames behind them: the data stack, the snapshot of locals, the move of
// a frame's contents into its object when the function returns.
#include <Python.h>
#include <structmember.h>

#include <cstring>

#include "base/binding.h"
#include "base/keep_error.h"
#include "base/names.h"
#include "objects/code.h"
#include "objects/frame.h"
#include "objects/opcodes.h"
#include "runtime/interpreter.h"

extern "C" PyFunctionObject* gill_function_for_eval(PyCodeObject*, PyObject* globals, PyObject* builtins, PyObject* name, PyObject* qualname);

namespace gill {

Ref<> builtins_of_globals(PyObject* globals);

// ---- the data stack -------------------------------------------------------------------------------

namespace {
constexpr size_t kChunkBytes = 16 * 1024;

[[gnu::noinline]] Frame* push_chunk(ThreadState* thread, int slots) {
  size_t bytes = kChunkBytes;
  size_t need = offsetof(_PyStackChunk, data) + (static_cast<size_t>(slots + kForbiddenSlots) + 2) * sizeof(PyObject*);
  while (bytes < need) bytes *= 2;
  auto* chunk = static_cast<_PyStackChunk*>(PyMem_RawMalloc(bytes));
  if (!chunk) return reinterpret_cast<Frame*>(PyErr_NoMemory());
  chunk->previous = thread->datastack_chunk;
  chunk->size = bytes;
  chunk->top = 0;
  if (chunk->previous) chunk->previous->top = static_cast<size_t>(thread->datastack_top - chunk->previous->data);
  thread->datastack_chunk = chunk;
  thread->datastack_limit = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(chunk) + bytes);
  // The first slot of the bottom chunk stays unused, so that popping knows where any other chunk begins.
  thread->datastack_top = &chunk->data[chunk->previous ? 0 : 1];
  forbid_access(thread->datastack_top, static_cast<size_t>(thread->datastack_limit - thread->datastack_top) * sizeof(PyObject*));
  return push_in_chunk(thread, slots);
}
}  // namespace

Frame* push_frame(ThreadState* thread, int slots) {
  Frame* frame = push_in_chunk(thread, slots);
  return frame ? frame : push_chunk(thread, slots);
}

void pop_frame(ThreadState* thread, Frame* frame) {
  auto** base = reinterpret_cast<PyObject**>(frame);
  _PyStackChunk* chunk = thread->datastack_chunk;
  if (base == chunk->data) [[unlikely]] {
    _PyStackChunk* previous = chunk->previous;
    thread->datastack_chunk = previous;
    thread->datastack_top = previous->data + previous->top;
    thread->datastack_limit = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(previous) + previous->size);
    allow_access(chunk, chunk->size);  // the allocator may fill it
    PyMem_RawFree(chunk);
    return;
  }
  forbid_access(base, static_cast<size_t>(thread->datastack_top - base) * sizeof(PyObject*));
  thread->datastack_top = base;
}

// ---- life -----------------------------------------------------------------------------------------

PyFrameObject* make_frame_object(Frame* frame) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  auto* object = PyObject_GC_NewVar(PyFrameObject, &PyFrame_Type, frame_slots(frame->f_code));
  if (!object) {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return nullptr;
  }
  object->f_back = nullptr;
  object->f_frame = frame;
  object->f_trace = nullptr;
  object->f_lineno = 0;
  object->f_trace_lines = 1;
  object->f_trace_opcodes = 0;
  object->f_fast_as_locals = 0;
  object->is_traced = false;
  PyErr_Restore(type, value, traceback);
  // An allocation above may have run code that made the object already.
  if (frame->frame_obj) {
    object->f_frame = nullptr;
    PyObject_GC_Del(object);
    return frame->frame_obj;
  }
  frame->frame_obj = object;
  return object;
}

namespace {

// The function returned, but the frame object lives on: it gets the contents.
void move_into_object(PyFrameObject* object, Frame* frame) {
  auto* home = reinterpret_cast<Frame*>(object->_f_frame_data);
  size_t size = reinterpret_cast<char*>(&frame->localsplus[frame->stacktop]) - reinterpret_cast<char*>(frame);
  std::memcpy(static_cast<void*>(home), frame, size);
  object->f_frame = home;
  home->owner = FrameOwner::frame_object;
  // A generator that never ran counts as begun, so that its frame is complete.
  if (is_incomplete(home)) home->prev_instr = first_instruction(home->f_code) + home->f_code->_co_firsttraceable;
  Frame* previous = complete_frame(frame->previous);
  if (previous) {
    KeepError keep;  // without memory for the caller's frame object the chain ends here
    if (PyFrameObject* back = frame_object(previous)) object->f_back = borrow(back).release();
    home->previous = nullptr;
  }
  if (!PyObject_GC_IsTracked(as_object(object))) PyObject_GC_Track(object);
}

}  // namespace

void clear_frame(Frame* frame) {
  if (PyFrameObject* object = frame->frame_obj) {
    frame->frame_obj = nullptr;
    if (Py_REFCNT(object) > 1) {
      move_into_object(object, frame);
      Py_DECREF(object);
      return;
    }
    Py_DECREF(object);
  }
  for (int i = 0; i < frame->stacktop; ++i) Py_XDECREF(frame->localsplus[i]);
  Py_XDECREF(frame->f_locals);
  Py_DECREF(frame->f_func);
  Py_DECREF(frame->f_code);
}

int traverse_frame(Frame* frame, visitproc visit, void* arg) {
  Py_VISIT(frame->frame_obj);
  Py_VISIT(frame->f_locals);
  Py_VISIT(frame->f_func);
  Py_VISIT(frame->f_code);
  for (int i = 0; i < frame->stacktop; ++i) Py_VISIT(frame->localsplus[i]);
  return 0;
}

// ---- locals ---------------------------------------------------------------------------------------

namespace {

// Free variables come into the frame with its first instruction; a frame object asked before that gets them now.
void copy_free_variables(Frame* frame) {
  PyCodeObject* code = frame->f_code;
  if (code->co_nfreevars == 0 || last_instruction(frame) >= 0) return;
  if (static_cast<Op>(_Py_OPCODE(first_unit(code))) != Op::COPY_FREE_VARS || !frame->f_func->func_closure) return;
  int first = code->co_nlocalsplus - code->co_nfreevars;
  for (int i = 0; i < code->co_nfreevars; ++i) {
    frame->localsplus[first + i] = Py_NewRef(PyTuple_GET_ITEM(frame->f_func->func_closure, i));
  }
  frame->prev_instr = first_instruction(code);
}

unsigned char kind_of(PyCodeObject* code, int i) { return static_cast<unsigned char>(PyBytes_AS_STRING(code->co_localspluskinds)[i]); }

// Whether the slot holds a cell: argument cells do so only after their MAKE_CELL has run.
bool holds_cell(Frame* frame, int i, unsigned char kind, PyObject* value) {
  if (kind & kFreeKind) return true;
  if (!(kind & kCellKind) || !value || !PyCell_Check(value)) return false;
  auto* code = first_instruction(frame->f_code);
  int operand = 0;
  for (int k = 0; k <= last_instruction(frame); ++k) {
    auto op = static_cast<Op>(_Py_OPCODE(code[k]));
    operand = operand << 8 | _Py_OPARG(code[k]);
    if (op == Op::EXTENDED_ARG || op == Op::EXTENDED_ARG_QUICK) continue;
    if (op == Op::MAKE_CELL && operand == i) return true;
    if (op != Op::MAKE_CELL && op != Op::COPY_FREE_VARS) break;
    operand = 0;
  }
  return false;
}

}  // namespace

PyObject* fast_to_locals(Frame* frame) {
  if (!frame->f_locals && !(frame->f_locals = PyDict_New())) return nullptr;
  PyObject* locals = frame->f_locals;
  PyCodeObject* code = frame->f_code;
  copy_free_variables(frame);
  for (int i = 0; i < code->co_nlocalsplus; ++i) {
    unsigned char kind = kind_of(code, i);
    // A class body's free variables are no locals of it.
    if (kind & kFreeKind && !(code->co_flags & CO_OPTIMIZED)) continue;
    PyObject* variable = PyTuple_GET_ITEM(code->co_localsplusnames, i);
    PyObject* value = frame->localsplus[i];
    if (frame->stacktop != 0 && value && holds_cell(frame, i, kind, value) && PyCell_Check(value)) value = PyCell_GET(value);
    if (value) {
      if (PyObject_SetItem(locals, variable, value) < 0) return nullptr;
    } else if (PyObject_DelItem(locals, variable) < 0) {
      if (!PyErr_ExceptionMatches(PyExc_KeyError)) return nullptr;
      PyErr_Clear();
    }
  }
  return locals;
}

void locals_to_fast(Frame* frame, bool clear) {
  PyObject* locals = frame->f_locals;
  if (!locals) return;
  PyCodeObject* code = frame->f_code;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  bool ran = last_instruction(frame) >= 0;
  for (int i = 0; i < code->co_nlocalsplus; ++i) {
    unsigned char kind = kind_of(code, i);
    if (kind & kFreeKind && !(code->co_flags & CO_OPTIMIZED)) continue;
    PyObject* item = PyObject_GetItem(locals, PyTuple_GET_ITEM(code->co_localsplusnames, i));
    if (!item) {
      PyErr_Clear();
      if (!clear) continue;
    }
    PyObject* old = frame->localsplus[i];
    if (old && PyCell_Check(old) && (kind & kFreeKind || (kind & kCellKind && ran))) {
      PyCell_Set(old, item);
      Py_XDECREF(item);
      continue;
    }
    if (item == old) {
      Py_XDECREF(item);
      continue;
    }
    frame->localsplus[i] = item;
    Py_XDECREF(old);
  }
  PyErr_Restore(type, value, traceback);
}

}  // namespace gill
