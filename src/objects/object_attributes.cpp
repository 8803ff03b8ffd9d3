// Attribute access: the protocol (PyObject_GetAttr and its relatives) and the generic implementation that most types use.
//
// Generic look-up of `object.name`:
//   1. find `name` on the type; a data descriptor found there (it has __set__) wins over everything
//   2. the instance's own attributes
//   3. the non-data descriptor or plain value found on the type
// Instances of Python classes keep their attributes behind objects/instance.h; other types that have a dict keep it at tp_dictoffset.
#include "objects/dict_table.h"
#include "objects/instance.h"
#include "objects/object.h"
#include "objects/type.h"

namespace gill {

namespace {

// The slot of the dict of an object whose type has an unmanaged one.
PyObject** unmanaged_dict_pointer(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_ssize_t offset = type->tp_dictoffset;
  if (offset < 0) {
    // Counted from the end of a variable-sized object.
    Py_ssize_t items = Py_SIZE(self) < 0 ? -Py_SIZE(self) : Py_SIZE(self);
    offset += _PyObject_VAR_SIZE(type, items);
  }
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + offset);
}

[[gnu::cold]] Failure no_such_attribute(PyObject* self, PyObject* attribute) {
  PyErr_Format(PyExc_AttributeError, "'%.50s' object has no attribute '%U'", Py_TYPE(self)->tp_name, attribute);
  attach_attribute_context(self, attribute);
  return failure;
}

// Setting and deleting leave out the context: nothing is suggested for them.
[[gnu::cold]] int cannot_set_absent(PyObject* self, PyObject* attribute) {
  return raise(PyExc_AttributeError, "'%.50s' object has no attribute '%U'", Py_TYPE(self)->tp_name, attribute);
}

bool check_name(PyObject* attribute) {
  if (PyUnicode_Check(attribute)) [[likely]] return true;
  PyErr_Format(PyExc_TypeError, "attribute name must be string, not '%.200s'", Py_TYPE(attribute)->tp_name);
  return false;
}

PyObject* forgive_absence(PyObject* result, bool suppress) {
  if (!result && suppress && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
  return result;
}

// The instance's own attribute; null without an exception when absent.
Ref<> own_attribute(PyObject* self, PyObject* attribute, PyObject* dict) {
  PyTypeObject* type = Py_TYPE(self);
  if (!dict) {
    if (type->tp_dictoffset == 0) return nullptr;
    if (has_managed_dict(type)) return instance_lookup(self, attribute);
    dict = *unmanaged_dict_pointer(self);
    if (!dict) return nullptr;
  }
  if (keys_of(dict)->unicode && PyDict_CheckExact(dict) && PyUnicode_CheckExact(attribute)) {
    Py_ssize_t i = find_str(keys_of(dict), attribute, str_hash(attribute));
    return i < 0 ? Ref<>() : borrow(unicode_entries(keys_of(dict))[i].value);
  }
  Ref<> hold = borrow(dict);
  return borrow(PyDict_GetItemWithError(dict, attribute));
}

}  // namespace

void attach_attribute_context(PyObject* self, PyObject* attribute) {
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (value && PyErr_GivenExceptionMatches(value, PyExc_AttributeError)) {
    auto* error = reinterpret_cast<PyAttributeErrorObject*>(value);
    if (!error->name && !error->obj) {
      error->name = borrow(attribute).release();
      error->obj = borrow(self).release();
    }
  }
  PyErr_Restore(type, value, traceback);
}

}  // namespace gill

using namespace gill;

extern "C" {

// ---- generic implementation ---------------------------------------------------------------------------

PyObject** _PyObject_GetDictPtr(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_dictoffset == 0) return nullptr;
  if (has_managed_dict(type)) return instance_dict_pointer(self);
  return unmanaged_dict_pointer(self);
}

PyObject* _PyObject_GenericGetAttrWithDict(PyObject* self, PyObject* attribute, PyObject* dict, int suppress) {
  PyTypeObject* type = Py_TYPE(self);
  if (!check_name(attribute)) return nullptr;
  Ref<> hold_name = borrow(attribute);
  if (!type->tp_dict && PyType_Ready(type) < 0) return nullptr;

  Ref<> found = borrow(type_lookup(type, attribute));
  descrgetfunc get = nullptr;
  if (found) {
    get = Py_TYPE(found.get())->tp_descr_get;
    if (get && Py_TYPE(found.get())->tp_descr_set) return forgive_absence(get(found.get(), self, as_object(type)), suppress);
  }
  if (type->tp_dictoffset || dict) {
    if (Ref<> own = own_attribute(self, attribute, dict)) return own.release();
    if (PyErr_Occurred()) return forgive_absence(nullptr, suppress);
  }
  if (get) return forgive_absence(get(found.get(), self, as_object(type)), suppress);
  if (found) return found.release();
  if (suppress) return nullptr;
  return no_such_attribute(self, attribute);
}

PyObject* PyObject_GenericGetAttr(PyObject* self, PyObject* attribute) {
  return _PyObject_GenericGetAttrWithDict(self, attribute, nullptr, 0);
}

int _PyObject_GenericSetAttrWithDict(PyObject* self, PyObject* attribute, PyObject* value, PyObject* dict) {
  PyTypeObject* type = Py_TYPE(self);
  if (!check_name(attribute)) return -1;
  if (!type->tp_dict && PyType_Ready(type) < 0) return -1;
  Ref<> hold_name = borrow(attribute);
  Ref<> hold_type = borrow(as_object(type));

  Ref<> found = borrow(type_lookup(type, attribute));
  if (found) {
    if (descrsetfunc set = Py_TYPE(found.get())->tp_descr_set) return set(found.get(), self, value);
  }
  if (!dict && type->tp_dictoffset == 0) {
    if (found) return raise(PyExc_AttributeError, "'%.50s' object attribute '%U' is read-only", type->tp_name, attribute);
    return cannot_set_absent(self, attribute);
  }
  int result;
  if (!dict && has_managed_dict(type)) {
    result = static_cast<int>(instance_store(self, attribute, value));
    if (result < 0 && !PyErr_Occurred()) return cannot_set_absent(self, attribute);
  } else {
    Ref<> target;
    if (dict) {
      target = borrow(dict);
    } else {
      PyObject** slot = unmanaged_dict_pointer(self);
      if (!*slot) {
        if (!value) return cannot_set_absent(self, attribute);
        *slot = PyDict_New();
        if (!*slot) return -1;
      }
      target = borrow(*slot);
    }
    result = value ? PyDict_SetItem(target.get(), attribute, value) : PyDict_DelItem(target.get(), attribute);
  }
  if (result < 0 && !value && PyErr_ExceptionMatches(PyExc_KeyError)) {
    PyErr_Clear();
    if (PyType_Check(self)) {
      return raise(PyExc_AttributeError, "type object '%.50s' has no attribute '%U'", reinterpret_cast<PyTypeObject*>(self)->tp_name, attribute);
    }
    return cannot_set_absent(self, attribute);
  }
  return result;
}

int PyObject_GenericSetAttr(PyObject* self, PyObject* attribute, PyObject* value) {
  return _PyObject_GenericSetAttrWithDict(self, attribute, value, nullptr);
}

PyObject* PyObject_GenericGetDict(PyObject* self, void*) {
  PyObject** slot = _PyObject_GetDictPtr(self);
  if (!slot) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_AttributeError, "This object has no __dict__");
    return nullptr;
  }
  if (!*slot) {
    *slot = PyDict_New();
    if (!*slot) return nullptr;
  }
  return borrow(*slot).release();
}

int PyObject_GenericSetDict(PyObject* self, PyObject* value, void*) {
  PyObject** slot = _PyObject_GetDictPtr(self);
  if (!slot) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_AttributeError, "This object has no __dict__");
    return -1;
  }
  if (!value) return raise(PyExc_TypeError, "cannot delete __dict__");
  if (!PyDict_Check(value)) {
    return raise(PyExc_TypeError, "__dict__ must be set to a dictionary, not a '%.200s'", Py_TYPE(value)->tp_name);
  }
  set_field(*slot, borrow(value));
  return 0;
}

// ---- the protocol ---------------------------------------------------------------------------------------

PyObject* PyObject_GetAttr(PyObject* self, PyObject* attribute) {
  PyTypeObject* type = Py_TYPE(self);
  if (!check_name(attribute)) return nullptr;
  PyObject* result;
  if (type->tp_getattro) [[likely]] {
    result = type->tp_getattro(self, attribute);
  } else if (type->tp_getattr) {
    const char* text = PyUnicode_AsUTF8(attribute);
    if (!text) return nullptr;
    result = type->tp_getattr(self, const_cast<char*>(text));
  } else {
    return no_such_attribute(self, attribute);
  }
  if (!result) attach_attribute_context(self, attribute);
  return result;
}

int _PyObject_LookupAttr(PyObject* self, PyObject* attribute, PyObject** result) {
  PyTypeObject* type = Py_TYPE(self);
  *result = nullptr;
  if (!check_name(attribute)) return -1;
  if (type->tp_getattro == PyObject_GenericGetAttr) [[likely]] {
    *result = _PyObject_GenericGetAttrWithDict(self, attribute, nullptr, 1);
    return *result ? 1 : PyErr_Occurred() ? -1 : 0;
  }
  if (type->tp_getattro == type_getattro) {
    *result = type_getattro_or_absent(reinterpret_cast<PyTypeObject*>(self), attribute);
    if (*result) return 1;
    if (!PyErr_Occurred()) return 0;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
    PyErr_Clear();
    return 0;
  }
  if (type->tp_getattro) {
    *result = type->tp_getattro(self, attribute);
  } else if (type->tp_getattr) {
    const char* text = PyUnicode_AsUTF8(attribute);
    if (!text) return -1;
    *result = type->tp_getattr(self, const_cast<char*>(text));
  } else {
    return 0;
  }
  if (*result) return 1;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
  PyErr_Clear();
  return 0;
}

int _PyObject_LookupAttrId(PyObject* self, _Py_Identifier* id, PyObject** result) {
  *result = nullptr;
  PyObject* attribute = _PyUnicode_FromId(id);
  return attribute ? _PyObject_LookupAttr(self, attribute, result) : -1;
}

PyObject* _PyObject_GetAttrId(PyObject* self, _Py_Identifier* id) {
  PyObject* attribute = _PyUnicode_FromId(id);
  return attribute ? PyObject_GetAttr(self, attribute) : nullptr;
}

int _PyObject_SetAttrId(PyObject* self, _Py_Identifier* id, PyObject* value) {
  PyObject* attribute = _PyUnicode_FromId(id);
  return attribute ? PyObject_SetAttr(self, attribute, value) : -1;
}

PyObject* PyObject_GetAttrString(PyObject* self, const char* text) {
  if (Py_TYPE(self)->tp_getattr) return Py_TYPE(self)->tp_getattr(self, const_cast<char*>(text));
  // Interned, so that the method cache can know it.
  Ref<> attribute = steal(PyUnicode_InternFromString(text));
  return attribute ? PyObject_GetAttr(self, attribute.get()) : nullptr;
}

int PyObject_SetAttr(PyObject* self, PyObject* attribute, PyObject* value) {
  PyTypeObject* type = Py_TYPE(self);
  if (!check_name(attribute)) return -1;
  PyObject* interned = borrow(attribute).release();
  PyUnicode_InternInPlace(&interned);
  Ref<> hold = steal(interned);
  if (type->tp_setattro) [[likely]] return type->tp_setattro(self, interned, value);
  if (type->tp_setattr) {
    const char* text = PyUnicode_AsUTF8(interned);
    return text ? type->tp_setattr(self, const_cast<char*>(text), value) : -1;
  }
  bool readable = type->tp_getattr || type->tp_getattro;
  return raise(PyExc_TypeError, "'%.100s' object has %s attributes (%s .%U)", type->tp_name, readable ? "only read-only" : "no",
               value ? "assign to" : "del", interned);
}

int PyObject_SetAttrString(PyObject* self, const char* text, PyObject* value) {
  if (Py_TYPE(self)->tp_setattr) return Py_TYPE(self)->tp_setattr(self, const_cast<char*>(text), value);
  Ref<> attribute = steal(PyUnicode_InternFromString(text));
  return attribute ? PyObject_SetAttr(self, attribute.get(), value) : -1;
}

int PyObject_HasAttr(PyObject* self, PyObject* attribute) {
  PyObject* value;
  if (_PyObject_LookupAttr(self, attribute, &value) < 0) {
    PyErr_Clear();
    return 0;
  }
  if (!value) return 0;
  release(value);
  return 1;
}

int PyObject_HasAttrString(PyObject* self, const char* text) {
  Ref<> value = steal(PyObject_GetAttrString(self, text));
  if (value) return 1;
  PyErr_Clear();
  return 0;
}

int _PyObject_GetMethod(PyObject* self, PyObject* attribute, PyObject** method) {
  PyTypeObject* type = Py_TYPE(self);
  *method = nullptr;
  if (type->tp_getattro != PyObject_GenericGetAttr || !PyUnicode_CheckExact(attribute)) {
    *method = PyObject_GetAttr(self, attribute);
    return 0;
  }
  if (!type->tp_dict && PyType_Ready(type) < 0) return 0;
  Ref<> found = borrow(type_lookup(type, attribute));
  descrgetfunc get = nullptr;
  bool is_method = false;
  if (found) {
    if (PyType_HasFeature(Py_TYPE(found.get()), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
      is_method = true;
    } else {
      get = Py_TYPE(found.get())->tp_descr_get;
      if (get && Py_TYPE(found.get())->tp_descr_set) {
        *method = get(found.get(), self, as_object(type));
        return 0;
      }
    }
  }
  if (type->tp_dictoffset) {
    if (Ref<> own = own_attribute(self, attribute, nullptr)) {
      *method = own.release();
      return 0;
    }
    if (PyErr_Occurred()) return 0;
  }
  if (is_method) {
    *method = found.release();
    return 1;
  }
  if (get) {
    *method = get(found.get(), self, as_object(type));
  } else if (found) {
    *method = found.release();
  } else {
    (void)no_such_attribute(self, attribute);
  }
  return 0;
}

}  // extern "C"
