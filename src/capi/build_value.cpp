// Py_BuildValue and its relatives: Python objects from C values by a format.
// Both families are defined here, so their names must not be macros.
#undef PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdarg>
#include <cstring>

#include "base/result.h"

namespace gill {

namespace {

struct Values {
  va_list list;
};

// Units up to `end` at this level.
Py_ssize_t count_units(const char* format, char end) {
  Py_ssize_t count = 0;
  int level = 0;
  for (; level > 0 || *format != end; ++format) {
    switch (*format) {
      case '\0':
        PyErr_SetString(PyExc_SystemError, "unmatched paren in format");
        return -1;
      case '(': case '[': case '{':
        if (level == 0) ++count;
        ++level;
        break;
      case ')': case ']': case '}': --level; break;
      case '#': case '&': case ',': case ':': case ' ': case '\t': break;
      default:
        if (level == 0) ++count;
    }
  }
  return count;
}

PyObject* build_unit(const char*& format, Values& values, bool clean);

// After a failure the remaining units are still consumed: 'N' units own references.
void drain(const char*& format, Values& values, char end, Py_ssize_t count, bool clean) {
  PyObject *et, *ev, *tb;
  PyErr_Fetch(&et, &ev, &tb);
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> item = steal(build_unit(format, values, clean));
    if (!item) PyErr_Clear();
  }
  PyErr_Restore(et, ev, tb);
  if (end && *format == end) ++format;
}

bool close(const char*& format, char end) {
  if (*format != end) {
    PyErr_SetString(PyExc_SystemError, "Unmatched paren in format");
    return false;
  }
  if (end) ++format;
  return true;
}

PyObject* build_sequence(const char*& format, Values& values, char end, Py_ssize_t count, bool clean, bool list) {
  if (count < 0) return nullptr;
  Ref<> result = steal(list ? PyList_New(count) : PyTuple_New(count));
  if (!result) {
    drain(format, values, end, count, clean);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = build_unit(format, values, clean);
    if (!item) {
      drain(format, values, end, count - i - 1, clean);
      return nullptr;
    }
    if (list) PyList_SET_ITEM(result.get(), i, item);
    else PyTuple_SET_ITEM(result.get(), i, item);
  }
  return close(format, end) ? result.release() : nullptr;
}

PyObject* build_dict(const char*& format, Values& values, char end, Py_ssize_t count, bool clean) {
  if (count < 0) return nullptr;
  if (count % 2) {
    PyErr_SetString(PyExc_SystemError, "Bad dict format");
    drain(format, values, end, count, clean);
    return nullptr;
  }
  Ref<> result = steal(PyDict_New());
  if (!result) {
    drain(format, values, end, count, clean);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < count; i += 2) {
    Ref<> key = steal(build_unit(format, values, clean));
    if (!key) {
      drain(format, values, end, count - i - 1, clean);
      return nullptr;
    }
    Ref<> value = steal(build_unit(format, values, clean));
    if (!value || PyDict_SetItem(result.get(), key.get(), value.get()) < 0) {
      drain(format, values, end, count - i - 2, clean);
      return nullptr;
    }
  }
  return close(format, end) ? result.release() : nullptr;
}

// A '#' behind a text unit: its length.
bool take_length(const char*& format, Values& values, bool clean, Py_ssize_t* length) {
  *length = -1;
  if (*format != '#') return true;
  ++format;
  if (!clean) {
    PyErr_SetString(PyExc_SystemError, "PY_SSIZE_T_CLEAN macro must be defined for '#' formats");
    return false;
  }
  *length = va_arg(values.list, Py_ssize_t);
  return true;
}

PyObject* none_object() { return borrow(Py_None).release(); }

PyObject* build_unit(const char*& format, Values& values, bool clean) {
  while (true) {
    switch (*format++) {
      case '(': return build_sequence(format, values, ')', count_units(format, ')'), clean, false);
      case '[': return build_sequence(format, values, ']', count_units(format, ']'), clean, true);
      case '{': return build_dict(format, values, '}', count_units(format, '}'), clean);
      case 'b': case 'B': case 'h': case 'i': return PyLong_FromLong(va_arg(values.list, int));
      case 'H': return PyLong_FromLong(static_cast<long>(va_arg(values.list, unsigned int)));
      case 'I': return PyLong_FromUnsignedLong(va_arg(values.list, unsigned int));
      case 'n': return PyLong_FromSsize_t(va_arg(values.list, Py_ssize_t));
      case 'l': return PyLong_FromLong(va_arg(values.list, long));
      case 'k': return PyLong_FromUnsignedLong(va_arg(values.list, unsigned long));
      case 'L': return PyLong_FromLongLong(va_arg(values.list, long long));
      case 'K': return PyLong_FromUnsignedLongLong(va_arg(values.list, unsigned long long));
      case 'f': case 'd': return PyFloat_FromDouble(va_arg(values.list, double));
      case 'D': return PyComplex_FromCComplex(*va_arg(values.list, Py_complex*));
      case 'c': {
        char byte = static_cast<char>(va_arg(values.list, int));
        return PyBytes_FromStringAndSize(&byte, 1);
      }
      case 'C': return PyUnicode_FromOrdinal(va_arg(values.list, int));
      case 'u': {
        auto* text = va_arg(values.list, const wchar_t*);
        Py_ssize_t length;
        if (!take_length(format, values, clean, &length)) return nullptr;
        return text ? PyUnicode_FromWideChar(text, length) : none_object();
      }
      case 's': case 'z': case 'U': {
        auto* text = va_arg(values.list, const char*);
        Py_ssize_t length;
        if (!take_length(format, values, clean, &length)) return nullptr;
        if (!text) return none_object();
        if (length < 0) {
          size_t measured = std::strlen(text);
          if (measured > PY_SSIZE_T_MAX) {
            PyErr_SetString(PyExc_OverflowError, "string too long for Python string");
            return nullptr;
          }
          length = static_cast<Py_ssize_t>(measured);
        }
        return PyUnicode_FromStringAndSize(text, length);
      }
      case 'y': {
        auto* text = va_arg(values.list, const char*);
        Py_ssize_t length;
        if (!take_length(format, values, clean, &length)) return nullptr;
        if (!text) return none_object();
        return PyBytes_FromStringAndSize(text, length < 0 ? static_cast<Py_ssize_t>(std::strlen(text)) : length);
      }
      case 'N': case 'S': case 'O': {
        char code = format[-1];
        if (*format == '&') {
          ++format;
          using Converter = PyObject* (*)(void*);
          auto converter = va_arg(values.list, Converter);
          void* argument = va_arg(values.list, void*);
          return converter(argument);
        }
        PyObject* object = va_arg(values.list, PyObject*);
        if (object) {
          if (code != 'N') retain(object);
        } else if (!PyErr_Occurred()) {
          // A null without an exception: the caller forgot to check.
          PyErr_SetString(PyExc_SystemError, "NULL object passed to Py_BuildValue");
        }
        return object;
      }
      case ':': case ',': case ' ': case '\t': break;
      default:
        PyErr_SetString(PyExc_SystemError, "bad format char passed to Py_BuildValue");
        return nullptr;
    }
  }
}

PyObject* build(const char* format, Values& values, bool clean) {
  Py_ssize_t count = count_units(format, '\0');
  if (count < 0) return nullptr;
  if (count == 0) return none_object();
  if (count == 1) return build_unit(format, values, clean);
  return build_sequence(format, values, '\0', count, clean, false);
}

// The units as an array: the caller's when it is large enough.
PyObject** build_stack(PyObject** small, Py_ssize_t small_size, const char* format, Values& values, Py_ssize_t* count_out, bool clean) {
  *count_out = 0;
  Py_ssize_t count = count_units(format, '\0');
  if (count < 0) return nullptr;
  if (count == 0) return small;
  PyObject** stack = small;
  if (count > small_size) {
    stack = PyMem_New(PyObject*, count);
    if (!stack) {
      PyErr_NoMemory();
      return nullptr;
    }
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    stack[i] = build_unit(format, values, clean);
    if (stack[i]) continue;
    drain(format, values, '\0', count - i - 1, clean);
    while (i > 0) release(stack[--i]);
    if (stack != small) PyMem_Free(stack);
    return nullptr;
  }
  *count_out = count;
  return stack;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

#undef Py_BuildValue
#undef Py_VaBuildValue
#undef _Py_VaBuildStack

PyObject* Py_VaBuildValue(const char* format, va_list list) {
  Values values;
  va_copy(values.list, list);
  PyObject* result = build(format, values, false);
  va_end(values.list);
  return result;
}
PyObject* _Py_VaBuildValue_SizeT(const char* format, va_list list) {
  Values values;
  va_copy(values.list, list);
  PyObject* result = build(format, values, true);
  va_end(values.list);
  return result;
}
PyObject* Py_BuildValue(const char* format, ...) {
  Values values;
  va_start(values.list, format);
  PyObject* result = build(format, values, false);
  va_end(values.list);
  return result;
}
PyObject* _Py_BuildValue_SizeT(const char* format, ...) {
  Values values;
  va_start(values.list, format);
  PyObject* result = build(format, values, true);
  va_end(values.list);
  return result;
}
PyObject** _Py_VaBuildStack(PyObject** small, Py_ssize_t size, const char* format, va_list list, Py_ssize_t* count) {
  Values values;
  va_copy(values.list, list);
  PyObject** result = build_stack(small, size, format, values, count, false);
  va_end(values.list);
  return result;
}
PyObject** _Py_VaBuildStack_SizeT(PyObject** small, Py_ssize_t size, const char* format, va_list list, Py_ssize_t* count) {
  Values values;
  va_copy(values.list, list);
  PyObject** result = build_stack(small, size, format, values, count, true);
  va_end(values.list);
  return result;
}

}  // extern "C"
