// structmember.h: Python attributes that are fields of a C structure.
#include <Python.h>
#include <structmember.h>

#include <climits>
#include <cstring>

#include "base/result.h"

namespace gill {

namespace {

template <class T>
T& field(char* address) { return *reinterpret_cast<T*>(address); }

int truncated(const char* type) {
  char message[80];
  PyOS_snprintf(message, sizeof(message), "Truncation of value to %s", type);
  return PyErr_WarnEx(PyExc_RuntimeWarning, message, 1);
}

// An integer that does not fit is stored all the same, with a warning.
template <class T>
int store_signed(char* address, PyObject* value, long least, long most, const char* type) {
  long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return -1;
  field<T>(address) = static_cast<T>(number);
  return number < least || number > most ? truncated(type) : 0;
}

template <class T>
int store_unsigned(char* address, PyObject* value, unsigned long most, const char* type) {
  long number = PyLong_AsLong(value);
  if (number == -1 && PyErr_Occurred()) return -1;
  field<T>(address) = static_cast<T>(number);
  return number < 0 || static_cast<unsigned long>(number) > most ? truncated(type) : 0;
}

// unsigned int and long take negative numbers too, with a warning.
template <class T>
int store_wide_unsigned(char* address, PyObject* value, const char* type) {
  unsigned long number = PyLong_AsUnsignedLong(value);
  if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) {
    PyErr_Clear();
    number = static_cast<unsigned long>(PyLong_AsLong(value));
    if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) return -1;
    field<T>(address) = static_cast<T>(number);
    return PyErr_WarnEx(PyExc_RuntimeWarning, "Writing negative value into unsigned field", 1);
  }
  field<T>(address) = static_cast<T>(number);
  if (sizeof(T) < sizeof(long) && number > UINT_MAX) return truncated(type);
  return 0;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyMember_GetOne(const char* object, PyMemberDef* member) {
  char* address = const_cast<char*>(object) + member->offset;
  switch (member->type) {
    case T_BOOL: return PyBool_FromLong(field<char>(address));
    case T_BYTE: return PyLong_FromLong(field<signed char>(address));
    case T_UBYTE: return PyLong_FromUnsignedLong(field<unsigned char>(address));
    case T_SHORT: return PyLong_FromLong(field<short>(address));
    case T_USHORT: return PyLong_FromUnsignedLong(field<unsigned short>(address));
    case T_INT: return PyLong_FromLong(field<int>(address));
    case T_UINT: return PyLong_FromUnsignedLong(field<unsigned int>(address));
    case T_LONG: return PyLong_FromLong(field<long>(address));
    case T_ULONG: return PyLong_FromUnsignedLong(field<unsigned long>(address));
    case T_PYSSIZET: return PyLong_FromSsize_t(field<Py_ssize_t>(address));
    case T_LONGLONG: return PyLong_FromLongLong(field<long long>(address));
    case T_ULONGLONG: return PyLong_FromUnsignedLongLong(field<unsigned long long>(address));
    case T_FLOAT: return PyFloat_FromDouble(static_cast<double>(field<float>(address)));
    case T_DOUBLE: return PyFloat_FromDouble(field<double>(address));
    case T_STRING: {
      const char* text = field<const char*>(address);
      return text ? PyUnicode_FromString(text) : none().release();
    }
    case T_STRING_INPLACE: return PyUnicode_FromString(address);
    case T_CHAR: return PyUnicode_FromStringAndSize(address, 1);
    case T_OBJECT: {
      PyObject* value = field<PyObject*>(address);
      return borrow(value ? value : Py_None).release();
    }
    case T_OBJECT_EX: {
      PyObject* value = field<PyObject*>(address);
      if (!value) {
        auto* owner = reinterpret_cast<PyObject*>(const_cast<char*>(object));
        return raise(PyExc_AttributeError, "'%.200s' object has no attribute '%s'", Py_TYPE(owner)->tp_name, member->name);
      }
      return borrow(value).release();
    }
    case T_NONE: return none().release();
    default: return raise(PyExc_SystemError, "bad memberdescr type");
  }
}

int PyMember_SetOne(char* object, PyMemberDef* member, PyObject* value) {
  char* address = object + member->offset;
  if (member->flags & READONLY) return raise(PyExc_AttributeError, "readonly attribute");
  if (!value) {
    if (member->type == T_OBJECT_EX) {
      if (!field<PyObject*>(address)) return raise(PyExc_AttributeError, "%s", member->name);
    } else if (member->type != T_OBJECT) {
      return raise(PyExc_TypeError, "can't delete numeric/char attribute");
    }
  }
  switch (member->type) {
    case T_BOOL:
      if (!PyBool_Check(value)) return raise(PyExc_TypeError, "attribute value type must be bool");
      field<char>(address) = value == Py_True;
      return 0;
    case T_BYTE: return store_signed<signed char>(address, value, SCHAR_MIN, SCHAR_MAX, "char");
    case T_UBYTE: return store_unsigned<unsigned char>(address, value, UCHAR_MAX, "unsigned char");
    case T_SHORT: return store_signed<short>(address, value, SHRT_MIN, SHRT_MAX, "short");
    case T_USHORT: return store_unsigned<unsigned short>(address, value, USHRT_MAX, "unsigned short");
    case T_INT: return store_signed<int>(address, value, INT_MIN, INT_MAX, "int");
    case T_UINT: return store_wide_unsigned<unsigned int>(address, value, "unsigned int");
    case T_LONG: return store_signed<long>(address, value, LONG_MIN, LONG_MAX, "long");
    case T_ULONG: return store_wide_unsigned<unsigned long>(address, value, "unsigned long");
    case T_PYSSIZET: {
      // A value that does not fit leaves -1, as in the reference.
      field<Py_ssize_t>(address) = PyLong_AsSsize_t(value);
      return field<Py_ssize_t>(address) == -1 && PyErr_Occurred() ? -1 : 0;
    }
    case T_LONGLONG: {
      long long number = PyLong_AsLongLong(value);
      if (number == -1 && PyErr_Occurred()) return -1;
      field<long long>(address) = number;
      return 0;
    }
    case T_ULONGLONG: {
      // Negative numbers wrap around.
      unsigned long long number = PyLong_Check(value) && _PyLong_Sign(value) < 0 ? static_cast<unsigned long long>(PyLong_AsLongLong(value))
                                                                                 : PyLong_AsUnsignedLongLong(value);
      if (number == static_cast<unsigned long long>(-1) && PyErr_Occurred()) return -1;
      field<unsigned long long>(address) = number;
      return 0;
    }
    case T_FLOAT:
    case T_DOUBLE: {
      double number = PyFloat_AsDouble(value);
      bool failed = number == -1.0 && PyErr_Occurred();
      // compat: a double takes the -1 of a failed conversion, a float does not.
      if (member->type == T_DOUBLE) field<double>(address) = number;
      else if (!failed) field<float>(address) = static_cast<float>(number);
      return failed ? -1 : 0;
    }
    case T_OBJECT:
    case T_OBJECT_EX:
      set_field(field<PyObject*>(address), borrow(value));
      return 0;
    case T_CHAR: {
      Py_ssize_t length;
      const char* text = PyUnicode_AsUTF8AndSize(value, &length);
      if (!text || length != 1) {
        PyErr_BadArgument();
        return -1;
      }
      *address = text[0];
      return 0;
    }
    case T_STRING:
    case T_STRING_INPLACE: return raise(PyExc_TypeError, "readonly attribute");
    default: return raise(PyExc_SystemError, "bad memberdescr type for %s", member->name);
  }
}

}  // extern "C"
