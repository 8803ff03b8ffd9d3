// OSError. Called with an errno, the base class makes an instance of the subclass that stands for it.
//
// Everything is set in __new__, so that OSError(errno, ...) can decide on the class; a subclass that
// overrides __init__ but not __new__ expects the fields to be set by OSError.__init__ instead.
#include "objects/exceptions.h"

#include <structmember.h>

#include <cerrno>

extern "C" {
extern PyTypeObject _PyExc_BrokenPipeError, _PyExc_ChildProcessError, _PyExc_ConnectionAbortedError, _PyExc_ConnectionRefusedError,
    _PyExc_ConnectionResetError, _PyExc_FileExistsError, _PyExc_FileNotFoundError, _PyExc_IsADirectoryError, _PyExc_NotADirectoryError,
    _PyExc_InterruptedError, _PyExc_PermissionError, _PyExc_ProcessLookupError, _PyExc_TimeoutError;
}

namespace gill {
namespace {

struct ErrnoClass {
  int code;
  PyTypeObject* type;
};
constexpr ErrnoClass kErrnoClasses[] = {
    {EAGAIN, &_PyExc_BlockingIOError},
    {EALREADY, &_PyExc_BlockingIOError},
    {EINPROGRESS, &_PyExc_BlockingIOError},
    {EWOULDBLOCK, &_PyExc_BlockingIOError},
    {EPIPE, &_PyExc_BrokenPipeError},
    {ESHUTDOWN, &_PyExc_BrokenPipeError},
    {ECHILD, &_PyExc_ChildProcessError},
    {ECONNABORTED, &_PyExc_ConnectionAbortedError},
    {ECONNREFUSED, &_PyExc_ConnectionRefusedError},
    {ECONNRESET, &_PyExc_ConnectionResetError},
    {EEXIST, &_PyExc_FileExistsError},
    {ENOENT, &_PyExc_FileNotFoundError},
    {EISDIR, &_PyExc_IsADirectoryError},
    {ENOTDIR, &_PyExc_NotADirectoryError},
    {EINTR, &_PyExc_InterruptedError},
    {EACCES, &_PyExc_PermissionError},
    {EPERM, &_PyExc_PermissionError},
    {ESRCH, &_PyExc_ProcessLookupError},
    {ETIMEDOUT, &_PyExc_TimeoutError},
};

PyTypeObject* class_of_errno(PyObject* code) {
  if (!PyLong_Check(code)) return nullptr;
  int overflow = 0;
  long value = PyLong_AsLongAndOverflow(code, &overflow);
  if (overflow) return nullptr;
  for (const ErrnoClass& entry : kErrnoClasses) {
    if (entry.code == value) return entry.type;
  }
  return nullptr;
}

PyObject* os_error_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);

bool fields_are_set_by_init(PyTypeObject* type) { return type->tp_init != os_error_init && type->tp_new == os_error_new; }

struct Parts {
  PyObject* code = nullptr;
  PyObject* message = nullptr;
  PyObject* filename = nullptr;
  PyObject* filename2 = nullptr;
};

Parts parts_of(PyObject* args) {
  Parts parts;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n < 2 || n > 5) return parts;
  parts.code = PyTuple_GET_ITEM(args, 0);
  parts.message = PyTuple_GET_ITEM(args, 1);
  // The fourth is the Windows error code, which means nothing here.
  if (n >= 3) parts.filename = PyTuple_GET_ITEM(args, 2);
  if (n == 5) parts.filename2 = PyTuple_GET_ITEM(args, 4);
  return parts;
}

Status fill(PyOSErrorObject* self, PyObject* args, const Parts& parts) {
  Ref<> kept = borrow(args);
  if (parts.filename && parts.filename != Py_None) {
    if (Py_TYPE(self) == &_PyExc_BlockingIOError && PyNumber_Check(parts.filename)) {
      // BlockingIOError(errno, message, characters_written)
      self->written = PyNumber_AsSsize_t(parts.filename, PyExc_ValueError);
      if (self->written == -1 && PyErr_Occurred()) return failure;
    } else {
      set_field(self->filename, borrow(parts.filename));
      if (parts.filename2 && parts.filename2 != Py_None) set_field(self->filename2, borrow(parts.filename2));
      // The arguments stay a pair for programs that unpack them.
      kept = TRY(steal(PyTuple_GetSlice(args, 0, 2)));
    }
  }
  set_field(self->myerrno, borrow(parts.code));
  set_field(self->strerror, borrow(parts.message));
  set_field(self->args, std::move(kept));
  return Status::ok;
}

PyObject* os_error_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  bool by_init = fields_are_set_by_init(type);
  Parts parts;
  if (!by_init) {
    TRY(refuse_keywords(type, kwargs));
    parts = parts_of(args);
    if (parts.code && type == &_PyExc_OSError) {
      if (PyTypeObject* specific = class_of_errno(parts.code)) type = specific;
    }
  }
  Ref<> self = TRY(steal(type->tp_alloc(type, 0)));
  auto* e = reinterpret_cast<PyOSErrorObject*>(self.get());
  e->written = -1;
  if (by_init) {
    e->args = TRY(steal(PyTuple_New(0))).release();
  } else {
    TRY(fill(e, args, parts));
  }
  return self.release();
}

}  // namespace
int os_error_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!fields_are_set_by_init(Py_TYPE(self))) return 0;
  TRY(refuse_keywords(Py_TYPE(self), kwargs));
  return static_cast<int>(fill(reinterpret_cast<PyOSErrorObject*>(self), args, parts_of(args)));
}
namespace {

PyObject* or_none(PyObject* value) { return value ? value : Py_None; }

Ref<> os_error_str(PyOSErrorObject* self) {
  PyObject* code = or_none(self->myerrno);
  PyObject* message = or_none(self->strerror);
  if (self->filename && self->filename2) return steal(PyUnicode_FromFormat("[Errno %S] %S: %R -> %R", code, message, self->filename, self->filename2));
  if (self->filename) return steal(PyUnicode_FromFormat("[Errno %S] %S: %R", code, message, self->filename));
  if (self->myerrno && self->strerror) return steal(PyUnicode_FromFormat("[Errno %S] %S", code, message));
  return base_exception_str(as_object(self));
}

// The arguments again with the file names that the constructor took out.
Ref<> os_error_reduce(PyOSErrorObject* self) {
  Ref<> args = borrow(self->args);
  if (PyTuple_GET_SIZE(self->args) == 2 && self->filename) {
    PyObject* first = PyTuple_GET_ITEM(self->args, 0);
    PyObject* second = PyTuple_GET_ITEM(self->args, 1);
    args = TRY(steal(self->filename2 ? PyTuple_Pack(5, first, second, self->filename, Py_None, self->filename2)
                                     : PyTuple_Pack(3, first, second, self->filename)));
  }
  if (self->dict) return steal(PyTuple_Pack(3, Py_TYPE(self), args.get(), self->dict));
  return steal(PyTuple_Pack(2, Py_TYPE(self), args.get()));
}

Ref<> get_written(PyOSErrorObject* self) {
  if (self->written == -1) return raise(PyExc_AttributeError, "characters_written");
  return steal(PyLong_FromSsize_t(self->written));
}
Status set_written(PyOSErrorObject* self, PyObject* value) {
  if (!value) {
    if (self->written == -1) return raise(PyExc_AttributeError, "characters_written");
    self->written = -1;
    return Status::ok;
  }
  self->written = TRY(checked(PyNumber_AsSsize_t(value, PyExc_ValueError)));
  return Status::ok;
}

const PyMemberDef kMembers[] = {
    {"errno", T_OBJECT, offsetof(PyOSErrorObject, myerrno), 0, "POSIX exception code"},
    {"strerror", T_OBJECT, offsetof(PyOSErrorObject, strerror), 0, "exception strerror"},
    {"filename", T_OBJECT, offsetof(PyOSErrorObject, filename), 0, "exception filename"},
    {"filename2", T_OBJECT, offsetof(PyOSErrorObject, filename2), 0, "second exception filename"},
    {},
};
const PyGetSetDef kGetSets[] = {getset<get_written, set_written>("characters_written"), kEndOfGetSets};
const PyMethodDef kMethods[] = {METHOD_UNSIGNED("__reduce__($self)", os_error_reduce, nullptr), kEndOfMethods};

using Fields = ExceptionFields<&PyOSErrorObject::myerrno, &PyOSErrorObject::strerror, &PyOSErrorObject::filename, &PyOSErrorObject::filename2>;

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {
constinit PyTypeObject _PyExc_OSError = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "OSError",
    .tp_basicsize = sizeof(PyOSErrorObject),
    .tp_dealloc = Fields::dealloc,
    .tp_str = slot<os_error_str>,
    .tp_flags = kExceptionFlags,
    .tp_doc = "Base class for I/O related errors.",
    .tp_traverse = Fields::traverse,
    .tp_clear = Fields::clear,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kGetSets),
    .tp_base = &_PyExc_Exception,
    .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
    .tp_init = os_error_init,
    .tp_new = os_error_new,
};

// Old names of OSError.
extern PyObject *PyExc_EnvironmentError, *PyExc_IOError;
constinit PyObject* PyExc_EnvironmentError = &_PyExc_OSError.ob_base.ob_base;
constinit PyObject* PyExc_IOError = &_PyExc_OSError.ob_base.ob_base;
}
GILL_EXCEPTION_POINTER(OSError)
