// BaseException: arguments, traceback, context and cause, notes; and the C API over them.
#include "objects/exceptions.h"

#include <structmember.h>

#include <cstring>

namespace gill {

const char* short_type_name(PyTypeObject* type) {
  const char* dot = std::strrchr(type->tp_name, '.');
  return dot ? dot + 1 : type->tp_name;
}

Status refuse_keywords(PyTypeObject* type, PyObject* kwargs) {
  if (!kwargs || PyDict_GET_SIZE(kwargs) == 0) return Status::ok;
  return raise(PyExc_TypeError, "%.200s() takes no keyword arguments", type->tp_name);
}

PyObject* base_exception_new(PyTypeObject* type, PyObject* args, PyObject*) {
  Ref<> self = TRY(steal(type->tp_alloc(type, 0)));
  base_exception(self.get())->args = args ? borrow(args).release() : PyTuple_New(0);
  return self.release();
}

int base_exception_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  TRY(refuse_keywords(Py_TYPE(self), kwargs));
  set_field(base_exception(self)->args, borrow(args));
  return 0;
}

int base_exception_traverse(PyObject* self, visitproc visit, void* arg) {
  PyBaseExceptionObject* e = base_exception(self);
  Py_VISIT(e->dict);
  Py_VISIT(e->args);
  Py_VISIT(e->notes);
  Py_VISIT(e->traceback);
  Py_VISIT(e->cause);
  Py_VISIT(e->context);
  return 0;
}

int base_exception_clear(PyObject* self) {
  PyBaseExceptionObject* e = base_exception(self);
  clear_field(e->dict);
  clear_field(e->args);
  clear_field(e->notes);
  clear_field(e->traceback);
  clear_field(e->cause);
  clear_field(e->context);
  return 0;
}

Ref<> base_exception_str(PyObject* self) {
  PyObject* args = base_exception(self)->args;
  switch (PyTuple_GET_SIZE(args)) {
    case 0: return borrow(name<"">);
    case 1: return steal(PyObject_Str(PyTuple_GET_ITEM(args, 0)));
    default: return steal(PyObject_Str(args));
  }
}

namespace {

Ref<> repr(PyObject* self) {
  PyObject* args = base_exception(self)->args;
  const char* type_name = short_type_name(Py_TYPE(self));
  if (PyTuple_GET_SIZE(args) == 1) return steal(PyUnicode_FromFormat("%s(%R)", type_name, PyTuple_GET_ITEM(args, 0)));
  return steal(PyUnicode_FromFormat("%s%R", type_name, args));
}

Ref<> reduce(PyBaseExceptionObject* self) {
  if (self->args && self->dict) return steal(PyTuple_Pack(3, Py_TYPE(self), self->args, self->dict));
  return steal(PyTuple_Pack(2, Py_TYPE(self), self->args));
}

Ref<> setstate(PyObject* self, PyObject* state) {
  if (state == Py_None) return none();
  if (!PyDict_Check(state)) return raise(PyExc_TypeError, "state is not a dictionary");
  Py_ssize_t position = 0;
  PyObject *key, *value;
  while (PyDict_Next(state, &position, &key, &value)) {
    Ref<> own_key = borrow(key), own_value = borrow(value);
    TRY(status_of(PyObject_SetAttr(self, key, value)));
  }
  return none();
}

Ref<> with_traceback(PyObject* self, PyObject* tb) {
  TRY(status_of(PyException_SetTraceback(self, tb)));
  return borrow(self);
}

Status add_note(PyObject* self, PyObject* note) {
  if (!PyUnicode_Check(note)) return raise(PyExc_TypeError, "note must be a str, not '%s'", Py_TYPE(note)->tp_name);
  PyObject* found = nullptr;
  TRY(status_of(_PyObject_LookupAttr(self, name<"__notes__">, &found)));
  Ref<> notes = steal(found);
  if (!notes) {
    notes = TRY(steal(PyList_New(0)));
    TRY(status_of(PyObject_SetAttr(self, name<"__notes__">, notes.get())));
  } else if (!PyList_Check(notes.get())) {
    return raise(PyExc_TypeError, "Cannot add note: __notes__ is not a list");
  }
  return status_of(PyList_Append(notes.get(), note));
}

Ref<> get_args(PyBaseExceptionObject* self) { return self->args ? borrow(self->args) : none(); }
Status set_args(PyBaseExceptionObject* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "args may not be deleted");
  Ref<> tuple = TRY(steal(PySequence_Tuple(value)));
  set_field(self->args, std::move(tuple));
  return Status::ok;
}
Ref<> get_traceback(PyBaseExceptionObject* self) { return self->traceback ? borrow(self->traceback) : none(); }
Status set_traceback(PyBaseExceptionObject* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "__traceback__ may not be deleted");
  if (value != Py_None && !PyTraceBack_Check(value)) return raise(PyExc_TypeError, "__traceback__ must be a traceback or None");
  set_field(self->traceback, value == Py_None ? Ref<>() : borrow(value));
  return Status::ok;
}
Ref<> get_context(PyBaseExceptionObject* self) { return self->context ? borrow(self->context) : none(); }
Status set_context(PyObject* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "__context__ may not be deleted");
  if (value == Py_None) value = nullptr;
  else if (!PyExceptionInstance_Check(value)) return raise(PyExc_TypeError, "exception context must be None or derive from BaseException");
  PyException_SetContext(self, borrow(value).release());
  return Status::ok;
}
Ref<> get_cause(PyBaseExceptionObject* self) { return self->cause ? borrow(self->cause) : none(); }
Status set_cause(PyObject* self, PyObject* value) {
  if (!value) return raise(PyExc_TypeError, "__cause__ may not be deleted");
  if (value == Py_None) value = nullptr;
  else if (!PyExceptionInstance_Check(value)) return raise(PyExc_TypeError, "exception cause must be None or derive from BaseException");
  PyException_SetCause(self, borrow(value).release());
  return Status::ok;
}

const PyMemberDef kMembers[] = {
    {"__suppress_context__", T_BOOL, offsetof(PyBaseExceptionObject, suppress_context), 0, nullptr},
    {},
};

}  // namespace

const PyMethodDef kBaseExceptionMethods[] = {
    METHOD_UNSIGNED("__reduce__($self)", reduce, nullptr),
    METHOD_UNSIGNED("__setstate__($self, state, /)", setstate, nullptr),
    METHOD_UNSIGNED("with_traceback($self, tb, /)", with_traceback, "Exception.with_traceback(tb) --\n    set self.__traceback__ to tb and return self."),
    METHOD_UNSIGNED("add_note($self, note, /)", add_note, "Exception.add_note(note) --\n    add a note to the exception"),
    kEndOfMethods,
};
const PyGetSetDef kBaseExceptionGetSets[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    getset<get_args, set_args>("args"),
    getset<get_traceback, set_traceback>("__traceback__"),
    getset<get_context, set_context>("__context__", "exception context"),
    getset<get_cause, set_cause>("__cause__", "exception cause"),
    kEndOfGetSets,
};

}  // namespace gill

using namespace gill;

extern "C" {

constinit PyTypeObject _PyExc_BaseException = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "BaseException",
    .tp_basicsize = sizeof(PyBaseExceptionObject),
    .tp_dealloc = ExceptionFields<>::dealloc,
    .tp_repr = slot<repr>,
    .tp_str = slot<base_exception_str>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = kExceptionFlags,
    .tp_doc = "Common base class for all exceptions",
    .tp_traverse = base_exception_traverse,
    .tp_clear = base_exception_clear,
    .tp_methods = const_cast<PyMethodDef*>(kBaseExceptionMethods),
    .tp_members = table(kMembers),
    .tp_getset = const_cast<PyGetSetDef*>(kBaseExceptionGetSets),
    .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
    .tp_init = base_exception_init,
    .tp_new = base_exception_new,
};

PyObject* PyException_GetTraceback(PyObject* self) {
  return borrow(base_exception(self)->traceback).release();
}
int PyException_SetTraceback(PyObject* self, PyObject* tb) { return static_cast<int>(set_traceback(base_exception(self), tb)); }
PyObject* PyException_GetCause(PyObject* self) { return borrow(base_exception(self)->cause).release(); }
// The next two take over the reference to what is set.
void PyException_SetCause(PyObject* self, PyObject* cause) {
  base_exception(self)->suppress_context = 1;
  set_field(base_exception(self)->cause, steal(cause));
}
PyObject* PyException_GetContext(PyObject* self) { return borrow(base_exception(self)->context).release(); }
void PyException_SetContext(PyObject* self, PyObject* context) { set_field(base_exception(self)->context, steal(context)); }
const char* PyExceptionClass_Name(PyObject* type) { return reinterpret_cast<PyTypeObject*>(type)->tp_name; }

// When an exception without arguments beyond a message was raised, raises one of the same type whose text is
// prefixed, with the first as its cause; null if that would lose something.
PyObject* _PyErr_TrySetFromCause(const char* format, ...) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  auto* caught = reinterpret_cast<PyTypeObject*>(type);
  auto* e = base_exception(value);
  PyObject* args = e->args;
  // A subclass may have weak references, but nothing else of its own that a new exception would lose.
  Py_ssize_t own_size = caught->tp_basicsize - _PyExc_BaseException.tp_basicsize;
  bool plain = caught->tp_init == base_exception_init && caught->tp_new == base_exception_new &&
               (e->dict == nullptr || PyDict_GET_SIZE(e->dict) == 0) && (own_size == 0 || (caught->tp_weaklistoffset && own_size == sizeof(PyObject*))) &&
               (PyTuple_GET_SIZE(args) == 0 || (PyTuple_GET_SIZE(args) == 1 && PyUnicode_CheckExact(PyTuple_GET_ITEM(args, 0)))) &&
               !(caught->tp_flags & Py_TPFLAGS_HEAPTYPE && caught->tp_dictoffset != _PyExc_BaseException.tp_dictoffset);
  if (!plain) {
    PyErr_Restore(type, value, traceback);
    return nullptr;
  }
  if (traceback) {
    PyException_SetTraceback(value, traceback);
    release(traceback);
  }
  va_list arguments;
  va_start(arguments, format);
  Ref<> prefix = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  Ref<> own_type = steal(type), own_value = steal(value);
  if (!prefix) return nullptr;
  PyErr_Format(type, "%U (%s: %S)", prefix.get(), caught->tp_name, value);
  PyObject *new_type, *new_value, *new_traceback;
  PyErr_Fetch(&new_type, &new_value, &new_traceback);
  PyErr_NormalizeException(&new_type, &new_value, &new_traceback);
  PyException_SetCause(new_value, own_value.release());
  PyErr_Restore(new_type, new_value, new_traceback);
  return new_value;
}

}  // extern "C"

GILL_EXCEPTION_POINTER(BaseException)
