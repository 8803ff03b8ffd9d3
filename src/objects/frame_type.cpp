// Frame objects as Python sees them, and their C API.
#include "base/binding.h"
#include "base/names.h"
#include "objects/frame.h"

#include <frameobject.h>
#include <structmember.h>

extern "C" PyFunctionObject* gill_function_for_eval(PyCodeObject*, PyObject* globals, PyObject* builtins, PyObject* name, PyObject* qualname);

namespace gill {

Ref<> builtins_of_globals(PyObject* globals);
Status set_frame_line(PyFrameObject* self, PyObject* value);  // frame_jump.cpp

namespace {

Frame* frame_in(PyFrameObject* self) { return self->f_frame; }
bool is_finished(PyFrameObject* self) { return frame_in(self)->owner == FrameOwner::frame_object; }

Ref<> frame_back(PyFrameObject* self) {
  PyFrameObject* back = PyFrame_GetBack(self);
  if (!back) return PyErr_Occurred() ? Ref<>() : none();
  return steal(as_object(back));
}
Ref<> frame_code(PyFrameObject* self) {
  TRY(status_of(PySys_Audit("object.__getattr__", "Os", self, "f_code")));
  return borrow(as_object(frame_in(self)->f_code));
}
Ref<> frame_globals(PyFrameObject* self) { return borrow(frame_in(self)->f_globals ? frame_in(self)->f_globals : Py_None); }
Ref<> frame_builtins(PyFrameObject* self) { return borrow(frame_in(self)->f_builtins ? frame_in(self)->f_builtins : Py_None); }
Ref<> frame_locals(PyFrameObject* self) { return steal(PyFrame_GetLocals(self)); }
Ref<> frame_lasti(PyFrameObject* self) { return steal(PyLong_FromLong(PyFrame_GetLasti(self))); }

Ref<> frame_lineno(PyFrameObject* self) {
  int line = PyFrame_GetLineNumber(self);
  return line < 0 ? none() : steal(PyLong_FromLong(line));
}
Ref<> frame_trace(PyFrameObject* self) { return borrow(self->f_trace ? self->f_trace : Py_None); }
Status set_trace(PyFrameObject* self, PyObject* value) {
  set_field(self->f_trace, borrow(value == Py_None ? nullptr : value));
  return Status::ok;
}
Ref<> frame_repr(PyFrameObject* self) {
  PyCodeObject* code = frame_in(self)->f_code;
  return steal(PyUnicode_FromFormat("<frame at %p, file %R, line %d, code %S>", self, code->co_filename, PyFrame_GetLineNumber(self), code->co_name));
}

Ref<> frame_clear(PyFrameObject* self) {
  Frame* frame = frame_in(self);
  if (frame->owner == FrameOwner::thread) return raise(PyExc_RuntimeError, "cannot clear an executing frame");
  if (frame->owner == FrameOwner::generator) {
    PyGenObject* generator = generator_of(frame);
    if (generator->gi_frame_state == kExecuting) return raise(PyExc_RuntimeError, "cannot clear an executing frame");
    _PyGen_Finalize(as_object(generator));
    return none();
  }
  for (int i = 0; i < frame->stacktop; ++i) clear_field(frame->localsplus[i]);
  frame->stacktop = 0;
  return none();
}

void frame_dealloc(PyFrameObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, slot<frame_dealloc>);
  if (is_finished(self)) {
    Frame* frame = frame_in(self);
    clear_field(frame->f_func);
    clear_field(frame->f_code);
    clear_field(frame->f_locals);
    for (int i = 0; i < frame->stacktop; ++i) clear_field(frame->localsplus[i]);
    frame->stacktop = 0;
  }
  clear_field(self->f_back);
  clear_field(self->f_trace);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END;
}

int frame_traverse(PyFrameObject* self, visitproc visit, void* arg) {
  Py_VISIT(self->f_back);
  Py_VISIT(self->f_trace);
  return is_finished(self) ? traverse_frame(frame_in(self), visit, arg) : 0;
}
int frame_tp_clear(PyFrameObject* self) {
  clear_field(self->f_trace);
  if (!is_finished(self)) return 0;
  Frame* frame = frame_in(self);
  clear_field(frame->f_locals);
  for (int i = 0; i < frame->stacktop; ++i) clear_field(frame->localsplus[i]);
  frame->stacktop = 0;
  return 0;
}

Ref<> frame_sizeof(PyFrameObject* self) {
  PyCodeObject* code = frame_in(self)->f_code;
  Py_ssize_t slots = code->co_nlocalsplus + code->co_stacksize;
  return steal(PyLong_FromSsize_t(static_cast<Py_ssize_t>(offsetof(PyFrameObject, _f_frame_data)) + (kFrameSpecials + slots) * static_cast<Py_ssize_t>(sizeof(PyObject*))));
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("clear($self, /)", frame_clear, "F.clear(): clear most references held by the frame"),
    METHOD_UNSIGNED("__sizeof__($self, /)", frame_sizeof, "F.__sizeof__() -> size of F in memory, in bytes"),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<frame_back>("f_back"),
    getset<frame_locals>("f_locals"),
    getset<frame_lineno, set_frame_line>("f_lineno"),
    getset<frame_trace, set_trace>("f_trace"),
    getset<frame_lasti>("f_lasti"),
    getset<frame_globals>("f_globals"),
    getset<frame_builtins>("f_builtins"),
    getset<frame_code>("f_code"),
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"f_trace_lines", T_BOOL, offsetof(PyFrameObject, f_trace_lines), 0, nullptr},
    {"f_trace_opcodes", T_BOOL, offsetof(PyFrameObject, f_trace_opcodes), 0, nullptr},
    {}};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyTypeObject PyFrame_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "frame",
    .tp_basicsize = offsetof(PyFrameObject, _f_frame_data),
    .tp_itemsize = sizeof(PyObject*),
    .tp_dealloc = slot<frame_dealloc>,
    .tp_repr = slot<frame_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = slot<frame_traverse>,
    .tp_clear = slot<frame_tp_clear>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
};

// A frame that nothing runs yet, inside its own object; what tracebacks of compiled code are made of.
PyFrameObject* PyFrame_New(PyThreadState*, PyCodeObject* code, PyObject* globals, PyObject* locals) {
  Ref<> builtins = builtins_of_globals(globals);
  if (!builtins) return nullptr;
  PyFunctionObject* function = gill_function_for_eval(code, globals, builtins.get(), code->co_name, code->co_qualname);
  if (!function) return nullptr;
  auto* self = PyObject_GC_NewVar(PyFrameObject, &PyFrame_Type, frame_slots(code));
  if (!self) {
    release(as_object(function));
    return nullptr;
  }
  self->f_back = nullptr;
  self->f_trace = nullptr;
  self->f_lineno = 0;
  self->f_trace_lines = 1;
  self->f_trace_opcodes = 0;
  self->f_fast_as_locals = 0;
  self->is_traced = false;
  self->f_frame = reinterpret_cast<Frame*>(self->_f_frame_data);
  initialize_frame(self->f_frame, function, borrow(locals).release(), code, 0);
  self->f_frame->owner = FrameOwner::frame_object;
  // Complete, so that it has a line and is shown.
  self->f_frame->prev_instr = first_instruction(code) + code->_co_firsttraceable;
  PyObject_GC_Track(self);
  return self;
}

int PyFrame_GetLineNumber(PyFrameObject* self) { return self->f_lineno ? self->f_lineno : frame_line(frame_in(self)); }
int PyFrame_GetLasti(PyFrameObject* self) {
  int place = last_instruction(frame_in(self));
  return place < 0 ? -1 : place * static_cast<int>(sizeof(_Py_CODEUNIT));
}
PyCodeObject* PyFrame_GetCode(PyFrameObject* self) { return Ref<PyCodeObject>::borrow(frame_in(self)->f_code).release(); }
PyFrameObject* PyFrame_GetBack(PyFrameObject* self) {
  if (self->f_back) return Ref<PyFrameObject>::borrow(self->f_back).release();
  if (is_finished(self)) return nullptr;
  Frame* previous = complete_frame(frame_in(self)->previous);
  return previous ? Ref<PyFrameObject>::borrow(frame_object(previous)).release() : nullptr;
}
PyObject* PyFrame_GetGlobals(PyFrameObject* self) { return frame_globals(self).release(); }
PyObject* PyFrame_GetBuiltins(PyFrameObject* self) { return frame_builtins(self).release(); }
PyObject* PyFrame_GetLocals(PyFrameObject* self) {
  if (PyFrame_FastToLocalsWithError(self) < 0) return nullptr;
  return borrow(frame_in(self)->f_locals).release();
}
PyObject* PyFrame_GetGenerator(PyFrameObject* self) {
  Frame* frame = frame_in(self);
  return frame->owner == FrameOwner::generator ? borrow(as_object(generator_of(frame))).release() : nullptr;
}
int PyFrame_FastToLocalsWithError(PyFrameObject* self) {
  if (!fast_to_locals(frame_in(self))) return -1;
  self->f_fast_as_locals = 1;
  return 0;
}
void PyFrame_FastToLocals(PyFrameObject* self) {
  if (PyFrame_FastToLocalsWithError(self) < 0) PyErr_Clear();
}
void PyFrame_LocalsToFast(PyFrameObject* self, int clear) {
  if (!self || !self->f_fast_as_locals || frame_in(self)->stacktop == 0) return;
  locals_to_fast(frame_in(self), clear != 0);
  self->f_fast_as_locals = 0;
}

}  // extern "C"
GILL_STATIC_TYPE(PyFrame_Type);
