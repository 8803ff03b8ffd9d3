// Traceback objects and how they grow while an exception unwinds. Printing them is the shell's.
#include <Python.h>
#include <frameobject.h>
#include <structmember.h>

#include "base/binding.h"
#include "base/names.h"
#include "objects/frame.h"

namespace gill {

namespace {

using TracebackFields = OwnedFields<&PyTracebackObject::tb_next, &PyTracebackObject::tb_frame>;

void traceback_dealloc(PyTracebackObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, slot<traceback_dealloc>)
  TracebackFields::clear_all(self);
  PyObject_GC_Del(self);
  Py_TRASHCAN_END
}

PyTracebackObject* make_traceback(PyTracebackObject* next, PyFrameObject* frame, int lasti, int line) {
  auto* self = PyObject_GC_New(PyTracebackObject, &PyTraceBack_Type);
  if (!self) return nullptr;
  self->tb_next = borrow(next).release();
  self->tb_frame = borrow(frame).release();
  self->tb_lasti = lasti;
  self->tb_lineno = line;
  PyObject_GC_Track(self);
  return self;
}

Ref<> get_next(PyTracebackObject* self) { return borrow(self->tb_next ? as_object(self->tb_next) : Py_None); }

Status set_next(PyTracebackObject* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "can't delete tb_next attribute");
  if (value == Py_None) value = nullptr;
  else if (!PyTraceBack_Check(value)) return raise(PyExc_TypeError, "expected traceback object, got '%s'", Py_TYPE(value)->tp_name);
  for (auto* t = reinterpret_cast<PyTracebackObject*>(value); t; t = t->tb_next) {
    if (t == self) return raise(PyExc_ValueError, "traceback loop detected");
  }
  set_field(self->tb_next, borrow(reinterpret_cast<PyTracebackObject*>(value)));
  return Status::ok;
}

Ref<> get_line(PyTracebackObject* self) {
  int line = self->tb_lineno;
  if (line == -1) line = PyCode_Addr2Line(self->tb_frame->f_frame->f_code, self->tb_lasti);
  return line == -1 ? none() : steal(PyLong_FromLong(line));
}

const PyGetSetDef kTracebackGetSets[] = {
    getset<get_next, set_next>("tb_next"),
    getset<get_line>("tb_lineno"),
    kEndOfGetSets,
};
PyMemberDef kTracebackMembers[] = {
    {"tb_frame", T_OBJECT, offsetof(PyTracebackObject, tb_frame), READONLY | PY_AUDIT_READ, nullptr},
    {"tb_lasti", T_INT, offsetof(PyTracebackObject, tb_lasti), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

Ref<> traceback_dir(PyTracebackObject*) {
  return steal(Py_BuildValue("[ssss]", "tb_frame", "tb_next", "tb_lasti", "tb_lineno"));
}
const PyMethodDef kTracebackMethods[] = {
    METHOD_UNSIGNED("__dir__($self)", traceback_dir, nullptr),
    kEndOfMethods,
};

Ref<> traceback_new(PyTypeObject*, PyObject* next, PyObject* frame, int lasti, int line) {
  if (next != Py_None && !PyTraceBack_Check(next)) return raise(PyExc_TypeError, "expected traceback object or None, got '%s'", Py_TYPE(next)->tp_name);
  if (!PyFrame_Check(frame)) return raise(PyExc_TypeError, "traceback() argument 'tb_frame' must be frame, not %.50s", Py_TYPE(frame)->tp_name);
  return steal(as_object(make_traceback(next == Py_None ? nullptr : reinterpret_cast<PyTracebackObject*>(next),
                                        reinterpret_cast<PyFrameObject*>(frame), lasti, line)));
}

}  // namespace

extern "C" {

PyTypeObject PyTraceBack_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "traceback",
    .tp_basicsize = sizeof(PyTracebackObject),
    .tp_dealloc = slot<traceback_dealloc>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "traceback(tb_next, tb_frame, tb_lasti, tb_lineno)\n--\n\nCreate a new traceback object.",
    .tp_traverse = TracebackFields::traverse,
    .tp_clear = TracebackFields::clear,
    .tp_methods = table(kTracebackMethods),
    .tp_members = kTracebackMembers,
    .tp_getset = table(kTracebackGetSets),
    .tp_new = CONSTRUCTOR("traceback($type, tb_next, tb_frame, tb_lasti, tb_lineno)", traceback_new),
};

[[gnu::visibility("default")]] PyObject* _PyTraceBack_FromFrame(PyObject* next, PyFrameObject* frame) {
  Frame* inner = frame->f_frame;
  return as_object(make_traceback(reinterpret_cast<PyTracebackObject*>(next), frame, last_instruction(inner) * 2, -1));
}

int PyTraceBack_Here(PyFrameObject* frame) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  // The line follows from tb_lasti when somebody asks, unless the frame has one of its own (tracing, frames made by hand).
  int line = frame->f_lineno ? PyFrame_GetLineNumber(frame) : -1;
  PyObject* entry = as_object(make_traceback(reinterpret_cast<PyTracebackObject*>(traceback), frame, last_instruction(frame->f_frame) * 2, line));
  if (!entry) {
    _PyErr_ChainExceptions(type, value, traceback);
    return -1;
  }
  PyErr_Restore(type, value, entry);
  Py_XDECREF(traceback);
  return 0;
}

// Adds an entry for a place that has no Python frame.
void _PyTraceback_Add(const char* function, const char* filename, int line) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Ref<> globals = steal(PyDict_New());
  auto* code = globals ? PyCode_NewEmpty(filename, function, line) : nullptr;
  PyFrameObject* frame = code ? PyFrame_New(PyThreadState_Get(), code, globals.get(), nullptr) : nullptr;
  Py_XDECREF(code);
  if (!frame) {
    _PyErr_ChainExceptions(type, value, traceback);
    return;
  }
  frame->f_lineno = line;
  PyErr_Restore(type, value, traceback);
  PyTraceBack_Here(frame);
  Py_DECREF(frame);
}

}  // extern "C"
GILL_STATIC_TYPE(PyTraceBack_Type);

Status add_traceback(Frame* frame) {
  PyFrameObject* object = frame_object(frame);
  if (!object) return Status::error;
  return status_of(PyTraceBack_Here(object));
}

}  // namespace gill
