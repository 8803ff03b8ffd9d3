#include "base/convert.h"

namespace gill {

Failure wrong_type(const ArgumentPlace& place, const char* expected, PyObject* got) {
  const Signature& signature = place.signature;
  const ParameterHead& parameter = signature.parameters[place.index];
  const char* got_text = got == Py_None ? "None" : Py_TYPE(got)->tp_name;
  bool alone = signature.count == 1 && !signature.takes_keywords;
  if (parameter.kind == ParameterKind::positional_only) {
    if (alone) {
      PyErr_Format(PyExc_TypeError, "%s() argument must be %.50s, not %.50s", CString(signature.name).text, expected, got_text);
    } else {
      PyErr_Format(PyExc_TypeError, "%s() argument %d must be %.50s, not %.50s", CString(signature.name).text, place.index + 1, expected, got_text);
    }
  } else {
    PyErr_Format(PyExc_TypeError, "%s() argument '%s' must be %.50s, not %.50s",
                 CString(signature.name).text, CString(parameter.name).text, expected, got_text);
  }
  return failure;
}

Status get_buffer(PyObject* value, Py_buffer* view, bool writable, const ArgumentPlace& place) {
  if (writable) {
    if (PyObject_GetBuffer(value, view, PyBUF_WRITABLE) < 0) {
      PyErr_Clear();
      view->obj = nullptr;
      return wrong_type(place, "read-write bytes-like object", value);
    }
  } else {
    TRY(status_of(PyObject_GetBuffer(value, view, PyBUF_SIMPLE)));
  }
  if (!PyBuffer_IsContiguous(view, 'C')) {
    PyBuffer_Release(view);
    view->obj = nullptr;
    return wrong_type(place, "contiguous buffer", value);
  }
  return Status::ok;
}

Maybe<double> get_double(PyObject* value) {
  if (PyFloat_CheckExact(value)) return PyFloat_AS_DOUBLE(value);
  return checked(PyFloat_AsDouble(value));
}

Maybe<const char*> get_utf8(PyObject* value, const ArgumentPlace& place) {
  if (!PyUnicode_Check(value)) {
    bool or_none = place.signature.parameters[place.index].default_kind == DefaultKind::none;
    return wrong_type(place, or_none ? "str or None" : "str", value);
  }
  Py_ssize_t length;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(value, &length));
  if (std::strlen(text) != static_cast<size_t>(length)) return raise(PyExc_ValueError, "embedded null character");
  return text;
}

Maybe<long long> get_machine_integer(PyObject* value, long long least, long long most, const char* too_large) {
  Ref<> number = PyLong_Check(value) ? borrow(value) : TRY(steal(PyNumber_Index(value)));
  int overflow;
  long long result = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (result == -1 && !overflow && PyErr_Occurred()) return failure;
  if (overflow || result < least || result > most) return raise(PyExc_OverflowError, too_large);
  return result;
}

Maybe<long long> get_integer(PyObject* value, long long least, long long most, const char* too_small, const char* too_big) {
  Ref<> number = TRY(steal(PyNumber_Index(value)));
  int overflow;
  long long result = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (result == -1 && !overflow && PyErr_Occurred()) return failure;
  if (overflow < 0 || (!overflow && result < least)) {
    return raise(PyExc_OverflowError, overflow ? "Python int too large to convert to C long" : too_small);
  }
  if (overflow > 0 || result > most) {
    return raise(PyExc_OverflowError, overflow ? "Python int too large to convert to C long" : too_big);
  }
  return result;
}

Maybe<unsigned long long> get_unsigned(PyObject* value, unsigned long long most, const char* type_text) {
  Ref<> number = TRY(steal(PyNumber_Index(value)));
  unsigned long long result = PyLong_AsUnsignedLongLong(number.get());
  if (result == static_cast<unsigned long long>(-1) && PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return failure;
    bool negative = _PyLong_Sign(number.get()) < 0;
    PyErr_Clear();
    if (negative) return raise(PyExc_OverflowError, "can't convert negative value to %s", type_text);
    return raise(PyExc_OverflowError, "Python int too large to convert to C %s", type_text);
  }
  if (result > most) return raise(PyExc_OverflowError, "Python int too large to convert to C %s", type_text);
  return result;
}

}  // namespace gill
