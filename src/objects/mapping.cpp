// Subscription (`o[key]`), sizes, the mapping protocol, type() and format() of any object.
#include <Python.h>

#include "base/names.h"
#include "objects/format_spec.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

Failure null_argument() {
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null argument to internal routine");
  return failure;
}

Failure type_error(const char* format, PyObject* object) { return raise(PyExc_TypeError, format, Py_TYPE(object)->tp_name); }

PyMappingMethods* mapping_of(PyObject* object) { return Py_TYPE(object)->tp_as_mapping; }
PySequenceMethods* sequence_of(PyObject* object) { return Py_TYPE(object)->tp_as_sequence; }

// keys(), values(), items() of any mapping, as a list.
PyObject* method_output_as_list(PyObject* object, PyObject* method) {
  Ref<> output = call_method(object, method);
  if (!output) return nullptr;
  Ref<> iterator = steal(PyObject_GetIter(output.get()));
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      PyErr_Format(PyExc_TypeError, "%.200s.%U() returned a non-iterable (type %.200s)", Py_TYPE(object)->tp_name, method, Py_TYPE(output.get())->tp_name);
    }
    return nullptr;
  }
  return PySequence_List(iterator.get());
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyObject_Type(PyObject* object) {
  if (!object) return null_argument();
  return borrow(as_object(Py_TYPE(object))).release();
}

#undef PyObject_Length
Py_ssize_t PyObject_Size(PyObject* object) {
  if (!object) return null_argument();
  if (sequence_of(object) && sequence_of(object)->sq_length) return sequence_of(object)->sq_length(object);
  return PyMapping_Size(object);
}
Py_ssize_t PyObject_Length(PyObject* object) { return PyObject_Size(object); }

int _PyObject_HasLen(PyObject* object) {
  return (sequence_of(object) && sequence_of(object)->sq_length) || (mapping_of(object) && mapping_of(object)->mp_length);
}

Py_ssize_t PyObject_LengthHint(PyObject* object, Py_ssize_t fallback) {
  if (_PyObject_HasLen(object)) {
    Py_ssize_t length = PyObject_Size(object);
    if (length >= 0) return length;
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
    PyErr_Clear();
  }
  SpecialMethod method = lookup_special(object, name<"__length_hint__">);
  if (!method) return PyErr_Occurred() ? -1 : fallback;
  Ref<> result = call_special(method, object);
  if (!result) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return -1;
    PyErr_Clear();
    return fallback;
  }
  if (result.get() == Py_NotImplemented) return fallback;
  if (!PyLong_Check(result.get())) {
    return raise(PyExc_TypeError, "__length_hint__ must be an integer, not %.100s", Py_TYPE(result.get())->tp_name);
  }
  Py_ssize_t hint = PyLong_AsSsize_t(result.get());
  if (hint < 0 && !PyErr_Occurred()) return raise(PyExc_ValueError, "__length_hint__() should return >= 0");
  return hint;
}

PyObject* PyObject_GetItem(PyObject* object, PyObject* key) {
  if (!object || !key) return null_argument();
  if (mapping_of(object) && mapping_of(object)->mp_subscript) [[likely]] return mapping_of(object)->mp_subscript(object, key);
  if (sequence_of(object) && sequence_of(object)->sq_item) {
    if (!PyIndex_Check(key)) return type_error("sequence index must be integer, not '%.200s'", key);
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) return nullptr;
    return PySequence_GetItem(object, index);
  }
  if (PyType_Check(object)) {
    // `list[int]`
    if (object == as_object(&PyType_Type)) return Py_GenericAlias(object, key);
    bool failed;
    Ref<> method = optional_attribute(object, name<"__class_getitem__">, &failed);
    if (failed) return nullptr;
    if (method && method.get() != Py_None) return call(method.get(), key).release();
    return raise(PyExc_TypeError, "type '%.200s' is not subscriptable", reinterpret_cast<PyTypeObject*>(object)->tp_name);
  }
  return type_error("'%.200s' object is not subscriptable", object);
}

int PyObject_SetItem(PyObject* object, PyObject* key, PyObject* value) {
  if (!object || !key || !value) return null_argument();
  if (mapping_of(object) && mapping_of(object)->mp_ass_subscript) [[likely]] return mapping_of(object)->mp_ass_subscript(object, key, value);
  if (sequence_of(object)) {
    if (PyIndex_Check(key)) {
      Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
      if (index == -1 && PyErr_Occurred()) return -1;
      return PySequence_SetItem(object, index, value);
    }
    if (sequence_of(object)->sq_ass_item) return type_error("sequence index must be integer, not '%.200s'", key);
  }
  return type_error("'%.200s' object does not support item assignment", object);
}

int PyObject_DelItem(PyObject* object, PyObject* key) {
  if (!object || !key) return null_argument();
  if (mapping_of(object) && mapping_of(object)->mp_ass_subscript) return mapping_of(object)->mp_ass_subscript(object, key, nullptr);
  if (sequence_of(object)) {
    if (PyIndex_Check(key)) {
      Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
      if (index == -1 && PyErr_Occurred()) return -1;
      return PySequence_DelItem(object, index);
    }
    if (sequence_of(object)->sq_ass_item) return type_error("sequence index must be integer, not '%.200s'", key);
  }
  return type_error("'%.200s' object does not support item deletion", object);
}

int PyObject_DelItemString(PyObject* object, const char* text) {
  if (!object || !text) return null_argument();
  Ref<> key = steal(PyUnicode_FromString(text));
  return key ? PyObject_DelItem(object, key.get()) : -1;
}

// ---- mappings ---------------------------------------------------------------------------------------------

int PyMapping_Check(PyObject* object) { return object && mapping_of(object) && mapping_of(object)->mp_subscript; }

#undef PyMapping_Length
Py_ssize_t PyMapping_Size(PyObject* object) {
  if (!object) return null_argument();
  if (mapping_of(object) && mapping_of(object)->mp_length) return mapping_of(object)->mp_length(object);
  if (sequence_of(object) && sequence_of(object)->sq_length) return type_error("%.200s is not a mapping", object);
  return type_error("object of type '%.200s' has no len()", object);
}
Py_ssize_t PyMapping_Length(PyObject* object) { return PyMapping_Size(object); }

PyObject* PyMapping_GetItemString(PyObject* object, const char* text) {
  if (!text) return null_argument();
  Ref<> key = steal(PyUnicode_FromString(text));
  return key ? PyObject_GetItem(object, key.get()) : nullptr;
}

int PyMapping_SetItemString(PyObject* object, const char* text, PyObject* value) {
  if (!text) return null_argument();
  Ref<> key = steal(PyUnicode_FromString(text));
  return key ? PyObject_SetItem(object, key.get(), value) : -1;
}

int PyMapping_HasKeyString(PyObject* object, const char* text) {
  Ref<> value = steal(PyMapping_GetItemString(object, text));
  if (value) return 1;
  PyErr_Clear();
  return 0;
}

int PyMapping_HasKey(PyObject* object, PyObject* key) {
  Ref<> value = steal(PyObject_GetItem(object, key));
  if (value) return 1;
  PyErr_Clear();
  return 0;
}

PyObject* PyMapping_Keys(PyObject* object) {
  if (!object) return null_argument();
  if (PyDict_CheckExact(object)) return PyDict_Keys(object);
  return method_output_as_list(object, name<"keys">);
}
PyObject* PyMapping_Items(PyObject* object) {
  if (!object) return null_argument();
  if (PyDict_CheckExact(object)) return PyDict_Items(object);
  return method_output_as_list(object, name<"items">);
}
PyObject* PyMapping_Values(PyObject* object) {
  if (!object) return null_argument();
  if (PyDict_CheckExact(object)) return PyDict_Values(object);
  return method_output_as_list(object, name<"values">);
}

// ---- format() -----------------------------------------------------------------------------------------------

PyObject* PyObject_Format(PyObject* object, PyObject* spec) {
  if (spec && !PyUnicode_Check(spec)) {
    return raise(PyExc_SystemError, "Format specifier must be a string, not %.200s", Py_TYPE(spec)->tp_name);
  }
  if (!spec || PyUnicode_GET_LENGTH(spec) == 0) {
    if (PyUnicode_CheckExact(object)) return borrow(object).release();
    if (PyLong_CheckExact(object)) return PyObject_Str(object);
    if (!spec) spec = name<"">;
  } else if (PyLong_CheckExact(object) || PyFloat_CheckExact(object) || PyUnicode_CheckExact(object)) {
    // What their __format__ does.
    auto format = PyUnicode_CheckExact(object) ? _PyUnicode_FormatAdvancedWriter : PyLong_CheckExact(object) ? _PyLong_FormatAdvancedWriter : _PyFloat_FormatAdvancedWriter;
    _PyUnicodeWriter writer;
    _PyUnicodeWriter_Init(&writer);
    if (format(&writer, object, spec, 0, PyUnicode_GET_LENGTH(spec)) == 0) return _PyUnicodeWriter_Finish(&writer);
    _PyUnicodeWriter_Dealloc(&writer);
    return nullptr;
  }
  SpecialMethod method = lookup_special(object, name<"__format__">);
  if (!method) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "Type %.100s doesn't define __format__", Py_TYPE(object)->tp_name);
    return nullptr;
  }
  Ref<> result = call_special(method, object, spec);
  if (result && !PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "__format__ must return a str, not %.200s", Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

int _Py_convert_optional_to_ssize_t(PyObject* object, void* result) {
  if (object == Py_None) return 1;
  if (!PyIndex_Check(object)) {
    PyErr_Format(PyExc_TypeError, "argument should be integer or None, not %.200s", Py_TYPE(object)->tp_name);
    return 0;
  }
  Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_OverflowError);
  if (value == -1 && PyErr_Occurred()) return 0;
  *static_cast<Py_ssize_t*>(result) = value;
  return 1;
}

}  // extern "C"
