// Exceptions that carry more than their arguments: StopIteration, SystemExit, ImportError, NameError,
// AttributeError and SyntaxError.
#include "objects/exceptions.h"

#include <structmember.h>

namespace gill {
namespace {

template <auto... Fields>
constexpr PyTypeObject with_fields(const char* type_name, PyTypeObject* base, Py_ssize_t size, initproc init, PyMemberDef* members,
                                   const char* doc, reprfunc str = nullptr, PyMethodDef* methods = nullptr) {
  using F = ExceptionFields<Fields...>;
  return {
      .ob_base = GILL_STATIC_TYPE_HEAD,
      .tp_name = type_name,
      .tp_basicsize = size,
      .tp_dealloc = F::dealloc,
      .tp_str = str,
      .tp_flags = kExceptionFlags,
      .tp_doc = doc,
      .tp_traverse = F::traverse,
      .tp_clear = F::clear,
      .tp_methods = methods,
      .tp_members = members,
      .tp_base = base,
      .tp_dictoffset = offsetof(PyBaseExceptionObject, dict),
      .tp_init = init,
  };
}

// ---- StopIteration, SystemExit ----------------------------------------------------------------------

int stop_iteration_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = reinterpret_cast<PyStopIterationObject*>(self);
  set_field(e->value, PyTuple_GET_SIZE(args) > 0 ? borrow(PyTuple_GET_ITEM(args, 0)) : none());
  return 0;
}
const PyMemberDef kStopIterationMembers[] = {
    {"value", T_OBJECT, offsetof(PyStopIterationObject, value), 0, "generator return value"}, {}};

int system_exit_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = reinterpret_cast<PySystemExitObject*>(self);
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n == 1) set_field(e->code, borrow(PyTuple_GET_ITEM(args, 0)));
  else if (n > 1) set_field(e->code, borrow(args));
  return 0;
}
const PyMemberDef kSystemExitMembers[] = {{"code", T_OBJECT, offsetof(PySystemExitObject, code), 0, "exception code"}, {}};

// ---- keyword-only fields ----------------------------------------------------------------------------

// `Type(*args, a=..., b=...)`: the message for anything else is the argument parser's.
Status parse_fields(PyObject* kwargs, const char* format, const char* const* names, PyObject** first, PyObject** second) {
  *first = *second = nullptr;
  if (!kwargs) return Status::ok;
  Ref<> empty = TRY(steal(PyTuple_New(0)));
  int ok = second == first ? PyArg_ParseTupleAndKeywords(empty.get(), kwargs, format, const_cast<char**>(names), first)
                           : PyArg_ParseTupleAndKeywords(empty.get(), kwargs, format, const_cast<char**>(names), first, second);
  return ok ? Status::ok : Status::error;
}

}  // namespace
int import_error_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, nullptr) < 0) return -1;
  static const char* const names[] = {"name", "path", nullptr};
  PyObject *module_name, *path;
  TRY(parse_fields(kwargs, "|$OO:ImportError", names, &module_name, &path));
  auto* e = reinterpret_cast<PyImportErrorObject*>(self);
  set_field(e->name, borrow(module_name));
  set_field(e->path, borrow(path));
  set_field(e->msg, PyTuple_GET_SIZE(args) == 1 ? borrow(PyTuple_GET_ITEM(args, 0)) : Ref<>());
  return 0;
}
namespace {
Ref<> import_error_str(PyImportErrorObject* self) {
  if (self->msg && PyUnicode_CheckExact(self->msg)) return borrow(self->msg);
  return base_exception_str(as_object(self));
}
Ref<> import_error_reduce(PyImportErrorObject* self) {
  Ref<> state;
  if (self->dict || self->name || self->path) {
    state = TRY(steal(self->dict ? PyDict_Copy(self->dict) : PyDict_New()));
    if (self->name) TRY(status_of(PyDict_SetItem(state.get(), name<"name">, self->name)));
    if (self->path) TRY(status_of(PyDict_SetItem(state.get(), name<"path">, self->path)));
  }
  if (!state) return steal(PyTuple_Pack(2, Py_TYPE(self), self->args));
  return steal(PyTuple_Pack(3, Py_TYPE(self), self->args, state.get()));
}
const PyMemberDef kImportErrorMembers[] = {
    {"msg", T_OBJECT, offsetof(PyImportErrorObject, msg), 0, "exception message"},
    {"name", T_OBJECT, offsetof(PyImportErrorObject, name), 0, "module name"},
    {"path", T_OBJECT, offsetof(PyImportErrorObject, path), 0, "module path"},
    {},
};
const PyMethodDef kImportErrorMethods[] = {METHOD_UNSIGNED("__reduce__($self)", import_error_reduce, nullptr), kEndOfMethods};

}  // namespace
int name_error_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, nullptr) < 0) return -1;
  static const char* const names[] = {"name", nullptr};
  PyObject* missing;
  TRY(parse_fields(kwargs, "|$O:NameError", names, &missing, &missing));
  set_field(reinterpret_cast<PyNameErrorObject*>(self)->name, borrow(missing));
  return 0;
}
namespace {
const PyMemberDef kNameErrorMembers[] = {{"name", T_OBJECT, offsetof(PyNameErrorObject, name), 0, "name"}, {}};

int attribute_error_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, nullptr) < 0) return -1;
  static const char* const names[] = {"name", "obj", nullptr};
  PyObject *attribute, *object;
  TRY(parse_fields(kwargs, "|$OO:AttributeError", names, &attribute, &object));
  auto* e = reinterpret_cast<PyAttributeErrorObject*>(self);
  set_field(e->name, borrow(attribute));
  set_field(e->obj, borrow(object));
  return 0;
}
const PyMemberDef kAttributeErrorMembers[] = {
    {"name", T_OBJECT, offsetof(PyAttributeErrorObject, name), 0, "attribute name"},
    {"obj", T_OBJECT, offsetof(PyAttributeErrorObject, obj), 0, "object"},
    {},
};

// ---- SyntaxError --------------------------------------------------------------------------------------

}  // namespace
int syntax_error_init(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (base_exception_init(self, args, kwargs) < 0) return -1;
  auto* e = reinterpret_cast<PySyntaxErrorObject*>(self);
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n >= 1) set_field(e->msg, borrow(PyTuple_GET_ITEM(args, 0)));
  if (n != 2) return 0;
  Ref<> info = TRY(steal(PySequence_Tuple(PyTuple_GET_ITEM(args, 1))));
  PyObject *filename, *line, *offset, *text, *end_line = nullptr, *end_offset = nullptr;
  if (!PyArg_ParseTuple(info.get(), "OOOO|OO", &filename, &line, &offset, &text, &end_line, &end_offset)) return -1;
  set_field(e->filename, borrow(filename));
  set_field(e->lineno, borrow(line));
  set_field(e->offset, borrow(offset));
  set_field(e->text, borrow(text));
  set_field(e->end_lineno, borrow(end_line));
  set_field(e->end_offset, borrow(end_offset));
  if (end_line && !end_offset) return raise(PyExc_TypeError, "end_offset must be provided when end_lineno is provided");
  return 0;
}
namespace {

Ref<> base_name(PyObject* path) {
  Py_ssize_t size = PyUnicode_GET_LENGTH(path);
  Py_ssize_t slash = PyUnicode_FindChar(path, '/', 0, size, -1);
  if (slash == -2) return failure;
  return slash < 0 ? borrow(path) : steal(PyUnicode_Substring(path, slash + 1, size));
}

Ref<> syntax_error_str(PySyntaxErrorObject* self) {
  PyObject* message = self->msg ? self->msg : Py_None;
  Ref<> file;
  if (self->filename && PyUnicode_Check(self->filename)) file = TRY(base_name(self->filename));
  bool have_line = self->lineno && PyLong_CheckExact(self->lineno);
  if (!file && !have_line) return steal(PyObject_Str(message));
  long line = 0;
  if (have_line) {
    int overflow;
    line = PyLong_AsLongAndOverflow(self->lineno, &overflow);
  }
  if (file && have_line) return steal(PyUnicode_FromFormat("%S (%U, line %ld)", message, file.get(), line));
  if (file) return steal(PyUnicode_FromFormat("%S (%U)", message, file.get()));
  return steal(PyUnicode_FromFormat("%S (line %ld)", message, line));
}

const PyMemberDef kSyntaxErrorMembers[] = {
    {"msg", T_OBJECT, offsetof(PySyntaxErrorObject, msg), 0, "exception msg"},
    {"filename", T_OBJECT, offsetof(PySyntaxErrorObject, filename), 0, "exception filename"},
    {"lineno", T_OBJECT, offsetof(PySyntaxErrorObject, lineno), 0, "exception lineno"},
    {"offset", T_OBJECT, offsetof(PySyntaxErrorObject, offset), 0, "exception offset"},
    {"text", T_OBJECT, offsetof(PySyntaxErrorObject, text), 0, "exception text"},
    {"end_lineno", T_OBJECT, offsetof(PySyntaxErrorObject, end_lineno), 0, "exception end lineno"},
    {"end_offset", T_OBJECT, offsetof(PySyntaxErrorObject, end_offset), 0, "exception end offset"},
    {"print_file_and_line", T_OBJECT, offsetof(PySyntaxErrorObject, print_file_and_line), 0, "exception print_file_and_line"},
    {},
};

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {
constinit PyTypeObject _PyExc_StopIteration = with_fields<&PyStopIterationObject::value>(
    "StopIteration", &_PyExc_Exception, sizeof(PyStopIterationObject), stop_iteration_init, table(kStopIterationMembers),
    "Signal the end from iterator.__next__().");
constinit PyTypeObject _PyExc_SystemExit = with_fields<&PySystemExitObject::code>(
    "SystemExit", &_PyExc_BaseException, sizeof(PySystemExitObject), system_exit_init, table(kSystemExitMembers),
    "Request to exit from the interpreter.");
constinit PyTypeObject _PyExc_ImportError = with_fields<&PyImportErrorObject::msg, &PyImportErrorObject::name, &PyImportErrorObject::path>(
    "ImportError", &_PyExc_Exception, sizeof(PyImportErrorObject), import_error_init, table(kImportErrorMembers),
    "Import can't find module, or can't find name in module.", slot<import_error_str>, table(kImportErrorMethods));
constinit PyTypeObject _PyExc_NameError = with_fields<&PyNameErrorObject::name>(
    "NameError", &_PyExc_Exception, sizeof(PyNameErrorObject), name_error_init, table(kNameErrorMembers), "Name not found globally.",
    slot<base_exception_str>);
constinit PyTypeObject _PyExc_AttributeError = with_fields<&PyAttributeErrorObject::obj, &PyAttributeErrorObject::name>(
    "AttributeError", &_PyExc_Exception, sizeof(PyAttributeErrorObject), attribute_error_init, table(kAttributeErrorMembers),
    "Attribute not found.", slot<base_exception_str>);
constinit PyTypeObject _PyExc_SyntaxError =
    with_fields<&PySyntaxErrorObject::msg, &PySyntaxErrorObject::filename, &PySyntaxErrorObject::lineno, &PySyntaxErrorObject::offset,
                &PySyntaxErrorObject::end_lineno, &PySyntaxErrorObject::end_offset, &PySyntaxErrorObject::text,
                &PySyntaxErrorObject::print_file_and_line>("SyntaxError", &_PyExc_Exception, sizeof(PySyntaxErrorObject), syntax_error_init,
                                                           table(kSyntaxErrorMembers), "Invalid syntax.", slot<syntax_error_str>);
}
GILL_EXCEPTION_POINTER(StopIteration)
GILL_EXCEPTION_POINTER(SystemExit)
GILL_EXCEPTION_POINTER(ImportError)
GILL_EXCEPTION_POINTER(NameError)
GILL_EXCEPTION_POINTER(AttributeError)
GILL_EXCEPTION_POINTER(SyntaxError)
