// The argument kinds of the `posix` module, and its errors.
#include <cstring>
#include <sys/stat.h>

#include "modules/posix/posix.h"

extern "C" {
int _Py_Uid_Converter(PyObject* object, uid_t* out);
int _Py_Gid_Converter(PyObject* object, gid_t* out);
}

namespace gill::posix {

// ---- errors ---------------------------------------------------------------------------------------------------

Failure path_error(const BasicPath& path) {
  PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.object());
  return failure;
}
Failure path_error(const BasicPath& from, const BasicPath& to) {
  PyErr_SetFromErrnoWithFilenameObjects(PyExc_OSError, from.object(), to.object());
  return failure;
}

// ---- values ---------------------------------------------------------------------------------------------------

Ref<> integer(long long value) { return steal(PyLong_FromLongLong(value)); }
Ref<> integer_unsigned(unsigned long long value) { return steal(PyLong_FromUnsignedLongLong(value)); }

Ref<> decode_name(const char* text, Py_ssize_t size, bool bytes) {
  return steal(bytes ? PyBytes_FromStringAndSize(text, size) : PyUnicode_DecodeFSDefaultAndSize(text, size));
}

// ---- paths ----------------------------------------------------------------------------------------------------

namespace {

Maybe<int> read_descriptor(PyObject* value) {
  Ref<> number = TRY(steal(PyNumber_Index(value)));
  int overflow;
  long fd = PyLong_AsLongAndOverflow(number.get(), &overflow);
  if (overflow > 0 || fd > INT_MAX) return raise(PyExc_OverflowError, "fd is greater than maximum");
  if (overflow < 0 || fd < INT_MIN) return raise(PyExc_OverflowError, "fd is less than minimum");
  return static_cast<int>(fd);
}

const char* kinds_text(unsigned kinds) {
  switch (kinds) {
    case kDescriptor | kNone: return "string, bytes, os.PathLike, integer or None";
    case kDescriptor: return "string, bytes, os.PathLike or integer";
    case kNone: return "string, bytes, os.PathLike or None";
    default: return "string, bytes or os.PathLike";
  }
}

}  // namespace

Status BasicPath::read(PyObject* value, unsigned kinds, const ArgumentPlace& place) {
  CString function(place.signature.name), parameter(place.signature.parameters[place.index].name);
  auto wrong = [&] {
    return raise(PyExc_TypeError, "%s: %s should be %s, not %.200s", function.text, parameter.text, kinds_text(kinds), Py_TYPE(value)->tp_name);
  };
  object_ = borrow(value);
  if (value == Py_None && (kinds & kNone)) return Status::ok;
  if (!PyUnicode_Check(value) && !PyBytes_Check(value)) {
    if ((kinds & kDescriptor) && PyIndex_Check(value)) {
      fd_ = TRY(read_descriptor(value));
      return Status::ok;
    }
    if (PyObject_CheckBuffer(value)) {
      TRY(status_of(PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "%s: %s should be %s, not %.200s", function.text, parameter.text,
                                     kinds_text(kinds), Py_TYPE(value)->tp_name)));
      bytes_ = TRY(steal(PyBytes_FromObject(value)));
    } else {
      PyObject* method = _PyType_Lookup(Py_TYPE(value), name<"__fspath__">);
      if (!method) return wrong();
      object_ = TRY(steal(PyOS_FSPath(value)));
    }
  }
  if (!bytes_) {
    if (PyUnicode_Check(object_.get())) {
      PyObject* encoded = nullptr;
      if (!PyUnicode_FSConverter(object_.get(), &encoded)) return Status::error;
      bytes_ = steal(encoded);
      return Status::ok;
    }
    bytes_ = object_.new_ref();
  }
  if (std::strlen(text()) != static_cast<size_t>(size())) {
    return raise(PyExc_ValueError, "%s: embedded null character in %s", function.text, parameter.text);
  }
  return Status::ok;
}

Status DirFd::read(PyObject* value) {
  if (value == Py_None) return Status::ok;
  if (!PyIndex_Check(value)) {
    return raise(PyExc_TypeError, "argument should be integer or None, not %.200s", Py_TYPE(value)->tp_name);
  }
  fd = TRY(read_descriptor(value));
  return Status::ok;
}

}  // namespace gill::posix

namespace gill {

Status Argument<posix::UserId>::convert(PyObject* value, posix::UserId& out, const ArgumentPlace&) {
  return _Py_Uid_Converter(value, &out.id) ? Status::ok : Status::error;
}
Status Argument<posix::GroupId>::convert(PyObject* value, posix::GroupId& out, const ArgumentPlace&) {
  return _Py_Gid_Converter(value, &out.id) ? Status::ok : Status::error;
}
Status Argument<posix::Device>::convert(PyObject* value, posix::Device& out, const ArgumentPlace&) {
  out.value = PyLong_AsUnsignedLongLong(value);
  return out.value == static_cast<dev_t>(-1) && PyErr_Occurred() ? Status::error : Status::ok;
}
static Status refuse_negative(PyObject* value) {
  if (PyLong_Check(value) && _PyLong_Sign(value) < 0) return raise(PyExc_ValueError, "value must be positive");
  return Status::ok;
}
Status Argument<posix::UnsignedInt>::convert(PyObject* value, posix::UnsignedInt& out, const ArgumentPlace&) {
  TRY(refuse_negative(value));
  unsigned long number = TRY(checked(PyLong_AsUnsignedLong(value)));
  if (number > UINT_MAX) return raise(PyExc_OverflowError, "Python int too large for C unsigned int");
  out.value = static_cast<unsigned>(number);
  return Status::ok;
}
Status Argument<posix::UnsignedLongLong>::convert(PyObject* value, posix::UnsignedLongLong& out, const ArgumentPlace&) {
  TRY(refuse_negative(value));
  out.value = TRY(checked(PyLong_AsUnsignedLongLong(value)));
  return Status::ok;
}
Status Argument<posix::Encoded>::convert(PyObject* value, posix::Encoded& out, const ArgumentPlace&) {
  PyObject* encoded = nullptr;
  if (!PyUnicode_FSConverter(value, &encoded)) return Status::error;
  out.bytes = steal(encoded);
  return Status::ok;
}
Status Argument<posix::OptionalOffset>::convert(PyObject* value, posix::OptionalOffset& out, const ArgumentPlace&) {
  if (value == Py_None) return Status::ok;
  Ref<> number = TRY(steal(PyNumber_Index(value)));
  out.value = TRY(checked(PyLong_AsLong(number.get())));
  out.given = true;
  return Status::ok;
}

}  // namespace gill
