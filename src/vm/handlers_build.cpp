// Building and unpacking containers, and pattern matching.
#include <algorithm>

#include "objects/dict.h"
#include "objects/displays.h"
#include "objects/int.h"
#include "objects/list.h"
#include "objects/tuple.h"
#include "vm/handlers.h"

namespace gill::vm {

namespace {

void drop(PyObject**& sp, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) Py_DECREF(*--sp);
}

// Fills sp[-1..] from the right end: values go to the stack in reverse, first value on top.
// `after` < 0: no starred target. False with an exception.
bool unpack_iterable(PyObject* iterable, int before, int after, PyObject** top) {
  PyObject* iterator = PyObject_GetIter(iterable);
  if (!iterator) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) && !Py_TYPE(iterable)->tp_iter && !PySequence_Check(iterable)) {
      PyErr_Format(PyExc_TypeError, "cannot unpack non-iterable %.200s object", Py_TYPE(iterable)->tp_name);
    }
    return false;
  }
  int got = 0;
  auto fail = [&] {
    for (; got > 0; --got, ++top) Py_DECREF(*top);
    Py_DECREF(iterator);
    return false;
  };
  for (int i = 0; i < before; ++i) {
    PyObject* value = PyIter_Next(iterator);
    if (!value) {
      if (!PyErr_Occurred()) {
        if (after < 0) PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected %d, got %d)", before, i);
        else PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected at least %d, got %d)", before + after, i);
      }
      return fail();
    }
    *--top = value;
    ++got;
  }
  if (after < 0) {
    PyObject* extra = PyIter_Next(iterator);
    if (!extra) {
      if (PyErr_Occurred()) return fail();
      Py_DECREF(iterator);
      return true;
    }
    Py_DECREF(extra);
    PyErr_Format(PyExc_ValueError, "too many values to unpack (expected %d)", before);
    return fail();
  }
  PyObject* rest = PySequence_List(iterator);
  if (!rest) return fail();
  *--top = rest;
  ++got;
  Py_ssize_t size = PyList_GET_SIZE(rest);
  if (size < after) {
    PyErr_Format(PyExc_ValueError, "not enough values to unpack (expected at least %d, got %zd)", before + after, before + size);
    return fail();
  }
  for (int i = 0; i < after; ++i) *--top = Py_NewRef(PyList_GET_ITEM(rest, size - after + i));
  if (after && PyList_SetSlice(rest, size - after, size, nullptr) < 0) {
    got += after;
    return fail();
  }
  Py_DECREF(iterator);
  return true;
}

// "f() argument after ** must be a mapping, not int" and "got multiple values for keyword argument".
void format_kwargs_error(PyObject* function, PyObject* kwargs) {
  if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Clear();
    Ref<> text = steal(_PyObject_FunctionStr(function));
    if (text) PyErr_Format(PyExc_TypeError, "%U argument after ** must be a mapping, not %.200s", text.get(), Py_TYPE(kwargs)->tp_name);
  } else if (PyErr_ExceptionMatches(PyExc_KeyError)) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    // While another exception is handled the value is an exception already, chained to that one; it then stays what it is.
    if (value && PyTuple_Check(value) && PyTuple_GET_SIZE(value) == 1) {
      PyErr_Clear();
      Ref<> text = steal(_PyObject_FunctionStr(function));
      PyObject* key = PyTuple_GET_ITEM(value, 0);
      if (text) PyErr_Format(PyExc_TypeError, "%U got multiple values for keyword argument '%S'", text.get(), key);
      Py_XDECREF(type);
      Py_XDECREF(value);
      Py_XDECREF(traceback);
    } else {
      PyErr_Restore(type, value, traceback);
    }
  }
}

// ---- match ----------------------------------------------------------------------------------------

PyObject* match_keys(PyObject* subject, PyObject* keys) {
  if (!PyTuple_Check(keys)) return raise(PyExc_SystemError, "bad MATCH_KEYS keys argument");
  Py_ssize_t count = PyTuple_GET_SIZE(keys);
  Ref<> seen = TRY(steal(PySet_New(nullptr)));
  Ref<> get = TRY(steal(PyObject_GetAttr(subject, name<"get">)));
  Ref<> missing = TRY(steal(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyBaseObject_Type))));
  Ref<> values = TRY(steal(PyTuple_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* key = PyTuple_GET_ITEM(keys, i);
    int known = PySet_Contains(seen.get(), key);
    if (known < 0 || (!known && PySet_Add(seen.get(), key) < 0)) return nullptr;
    if (known) return raise(PyExc_ValueError, "mapping pattern checks duplicate key (%R)", key);
    PyObject* value = PyObject_CallFunctionObjArgs(get.get(), key, missing.get(), nullptr);
    if (!value) return nullptr;
    if (value == missing.get()) {
      Py_DECREF(value);
      return Py_NewRef(Py_None);
    }
    PyTuple_SET_ITEM(values.get(), i, value);
  }
  return values.release();
}

PyObject* match_attribute(PyObject* subject, PyObject* type, PyObject* attribute, PyObject* seen) {
  int known = PySet_Contains(seen, attribute);
  if (known < 0 || (!known && PySet_Add(seen, attribute) < 0)) return nullptr;
  if (known) return raise(PyExc_TypeError, "%s() got multiple sub-patterns for attribute %R", reinterpret_cast<PyTypeObject*>(type)->tp_name, attribute);
  PyObject* value = PyObject_GetAttr(subject, attribute);
  if (!value && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
  return value;
}

// The values of the sub-patterns; null without an exception when the subject does not match.
PyObject* match_class(PyObject* subject, PyObject* type, Py_ssize_t positional, PyObject* keywords) {
  if (!PyType_Check(type)) return raise(PyExc_TypeError, "called match pattern must be a type");
  if (!PyTuple_Check(keywords)) return raise(PyExc_SystemError, "bad MATCH_CLASS names argument");
  if (PyObject_IsInstance(subject, type) <= 0) return nullptr;
  Ref<> seen = TRY(steal(PySet_New(nullptr)));
  Ref<> values = TRY(steal(PyList_New(0)));
  const char* type_name = reinterpret_cast<PyTypeObject*>(type)->tp_name;
  auto add = [&](PyObject* value) {
    if (!value) return false;
    Ref<> held = steal(value);
    return PyList_Append(values.get(), value) == 0;
  };
  if (positional) {
    bool self_match = false;
    Ref<> match_args = steal(PyObject_GetAttr(type, name<"__match_args__">));
    if (match_args) {
      if (!PyTuple_CheckExact(match_args.get())) {
        return raise(PyExc_TypeError, "%s.__match_args__ must be a tuple (got %s)", type_name, Py_TYPE(match_args.get())->tp_name);
      }
    } else if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_Clear();
      match_args = TRY(steal(PyTuple_New(0)));
      self_match = PyType_HasFeature(reinterpret_cast<PyTypeObject*>(type), _Py_TPFLAGS_MATCH_SELF);
    } else {
      return nullptr;
    }
    Py_ssize_t allowed = self_match ? 1 : PyTuple_GET_SIZE(match_args.get());
    if (allowed < positional) {
      return raise(PyExc_TypeError, "%s() accepts %zd positional sub-pattern%s (%zd given)", type_name, allowed, allowed == 1 ? "" : "s", positional);
    }
    if (self_match) {
      if (!add(Py_NewRef(subject))) return nullptr;
    } else {
      for (Py_ssize_t i = 0; i < positional; ++i) {
        PyObject* attribute = PyTuple_GET_ITEM(match_args.get(), i);
        if (!PyUnicode_CheckExact(attribute)) {
          return raise(PyExc_TypeError, "__match_args__ elements must be strings (got %s)", Py_TYPE(attribute)->tp_name);
        }
        if (!add(match_attribute(subject, type, attribute, seen.get()))) return nullptr;
      }
    }
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
    if (!add(match_attribute(subject, type, PyTuple_GET_ITEM(keywords, i), seen.get()))) return nullptr;
  }
  return PyList_AsTuple(values.get());
}

}  // namespace

namespace {

VM_STEP build_tuple_in_general(VM_PARAMETERS) {
  SAVE_PLACE();
  sp -= oparg;
  PyObject* tuple = tuple_steal_items(sp, oparg).release();
  if (!tuple) END_ERROR();
  *sp++ = tuple;
  END_DISPATCH();
}

VM_STEP build_list_in_general(VM_PARAMETERS) {
  SAVE_PLACE();
  sp -= oparg;
  PyObject* list = list_steal_items(sp, oparg).release();
  if (!list) END_ERROR();
  *sp++ = list;
  END_DISPATCH();
}

VM_STEP track_top(VM_PARAMETERS) {
  start_tracking(sp[-1]);
  END_DISPATCH();
}

}  // namespace

HANDLER(BUILD_TUPLE) {
  PyObject* tuple = oparg == 2 ? recent_tuple(sp - 2, 2) : oparg ? recent_tuple(sp - oparg, oparg) : nullptr;
  if (!tuple) [[unlikely]] TAIL(build_tuple_in_general);
  sp -= oparg;
  *sp++ = tuple;
  if (!start_tracking_quickly(tuple)) [[unlikely]] TAIL(track_top);
  END_DISPATCH();
}

HANDLER(BUILD_LIST) {
  PyObject* list = recent_list(sp - oparg, oparg);
  if (!list) [[unlikely]] TAIL(build_list_in_general);
  sp -= oparg;
  *sp++ = list;
  if (!start_tracking_quickly(list)) [[unlikely]] TAIL(track_top);
  END_DISPATCH();
}

HANDLER(LIST_TO_TUPLE) {
  SAVE_PLACE();
  PyObject* list = sp[-1];
  PyObject* tuple = PyList_AsTuple(list);
  if (!tuple) END_ERROR();
  sp[-1] = tuple;
  Py_DECREF(list);
  END_DISPATCH();
}

HANDLER(BUILD_SET) {
  SAVE_PLACE();
  PyObject* set = PySet_New(nullptr);
  if (!set) END_ERROR();
  for (uint32_t i = 0; i < oparg; ++i) {
    if (PySet_Add(set, sp[static_cast<ptrdiff_t>(i) - static_cast<ptrdiff_t>(oparg)]) < 0) {
      Py_DECREF(set);
      END_ERROR();
    }
  }
  drop(sp, oparg);
  *sp++ = set;
  END_DISPATCH();
}

HANDLER(BUILD_MAP) {
  SAVE_PLACE();
  PyObject* map = oparg ? _PyDict_NewPresized(oparg) : PyDict_New();
  if (!map) END_ERROR();
  PyObject** pair = sp - 2 * static_cast<ptrdiff_t>(oparg);
  for (; pair < sp; pair += 2) {
    if (PyDict_SetItem(map, pair[0], pair[1]) < 0) {
      Py_DECREF(map);
      END_ERROR();
    }
  }
  drop(sp, 2 * oparg);
  *sp++ = map;
  END_DISPATCH();
}

HANDLER(BUILD_CONST_KEY_MAP) {
  SAVE_PLACE();
  PyObject* keys = sp[-1];
  if (!PyTuple_CheckExact(keys) || PyTuple_GET_SIZE(keys) != static_cast<Py_ssize_t>(oparg)) {
    PyErr_SetString(PyExc_SystemError, "bad BUILD_CONST_KEY_MAP keys argument");
    END_ERROR();
  }
  PyObject** values = sp - 1 - oparg;
  if (PyObject* map = dict_from_names(&PyTuple_GET_ITEM(keys, 0), values, oparg).release()) [[likely]] {
    sp = values;
    *sp++ = map;
    END_DROP(keys);
  }
  PyObject* map = PyErr_Occurred() ? nullptr : PyDict_New();
  if (!map) END_ERROR();
  for (uint32_t i = 0; i < oparg; ++i) {
    if (PyDict_SetItem(map, PyTuple_GET_ITEM(keys, i), values[i]) < 0) {
      Py_DECREF(map);
      END_ERROR();
    }
  }
  drop(sp, oparg + 1);
  *sp++ = map;
  END_DISPATCH();
}

namespace {

// A bound of a slice of a sequence that long: None, or an int of one digit.
bool read_bound(PyObject* bound, Py_ssize_t absent, Py_ssize_t length, Py_ssize_t* out) {
  if (bound == Py_None) {
    *out = absent;
    return true;
  }
  if (!PyLong_CheckExact(bound) || !is_one_digit(bound)) return false;
  Py_ssize_t value = one_digit_value(bound);
  if (value < 0) value = std::max<Py_ssize_t>(value + length, 0);
  *out = std::min(value, length);
  return true;
}

// container[start:stop] of the commonest sequences; null without an exception where that takes a slice object.
PyObject* slice_directly(PyObject* container, PyObject* start, PyObject* stop) {
  bool is_str = PyUnicode_CheckExact(container);
  if (!is_str && !PyList_CheckExact(container) && !PyTuple_CheckExact(container)) return nullptr;
  Py_ssize_t length = is_str ? PyUnicode_GET_LENGTH(container) : Py_SIZE(container);
  Py_ssize_t low, high;
  if (!read_bound(start, 0, length, &low) || !read_bound(stop, length, length, &high)) return nullptr;
  high = std::max(low, high);
  if (is_str) return PyUnicode_Substring(container, low, high);
  return PyList_CheckExact(container) ? PyList_GetSlice(container, low, high) : PyTuple_GetSlice(container, low, high);
}

}  // namespace

// With the subscript behind it, where nobody would see the slice.
HANDLER(BUILD_SLICE) {
  if (oparg == 2 && plain_form(static_cast<Op>(*next & 255)) == Op::BINARY_SUBSCR && table == &kPlainTable) {
    PyObject *container = sp[-3], *start = sp[-2], *stop = sp[-1];
    frame->prev_instr = next;
    PyObject* result = slice_directly(container, start, stop);
    if (result || PyErr_Occurred()) {
      sp -= 3;
      release(start);
      release(stop);
      ++next;
      if (!result) {
        release(container);
        END_ERROR();
      }
      *sp++ = result;
      SKIP_CACHES(BINARY_SUBSCR);
      END_DROP(container);
    }
  }
  SAVE_PLACE();
  PyObject* step = oparg == 3 ? *--sp : nullptr;
  PyObject* stop = *--sp;
  PyObject* start = *--sp;
  PyObject* slice = PySlice_New(start, stop, step);
  Py_DECREF(start);
  Py_DECREF(stop);
  Py_XDECREF(step);
  if (!slice) END_ERROR();
  *sp++ = slice;
  END_DISPATCH();
}

HANDLER(LIST_APPEND) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  PyObject* list = sp[-static_cast<ptrdiff_t>(oparg)];
  if (!PyList_CheckExact(list) && !PyList_Check(list)) [[unlikely]] {
    release(value);
    PyErr_BadInternalCall();
    END_ERROR();
  }
  if (list_append_steal(reinterpret_cast<PyListObject*>(list), value) == Status::error) END_ERROR();
  END_DISPATCH();
}

HANDLER(SET_ADD) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  int failed = PySet_Add(sp[-static_cast<ptrdiff_t>(oparg)], value);
  Py_DECREF(value);
  if (failed) END_ERROR();
  END_DISPATCH();
}

HANDLER(MAP_ADD) {
  SAVE_PLACE();
  PyObject* value = *--sp;
  PyObject* key = *--sp;
  int failed = PyDict_SetItem(sp[-static_cast<ptrdiff_t>(oparg)], key, value);
  Py_DECREF(key);
  Py_DECREF(value);
  if (failed) END_ERROR();
  END_DISPATCH();
}

HANDLER(LIST_EXTEND) {
  SAVE_PLACE();
  PyObject* iterable = *--sp;
  PyObject* list = sp[-static_cast<ptrdiff_t>(oparg)];
  PyObject* result = nullptr;
  if (PyList_Check(list)) result = _PyList_Extend(reinterpret_cast<PyListObject*>(list), iterable);
  else PyErr_BadInternalCall();
  if (!result) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) && !Py_TYPE(iterable)->tp_iter && !PySequence_Check(iterable)) {
      PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s", Py_TYPE(iterable)->tp_name);
    }
    Py_DECREF(iterable);
    END_ERROR();
  }
  Py_DECREF(result);
  Py_DECREF(iterable);
  END_DISPATCH();
}

HANDLER(SET_UPDATE) {
  SAVE_PLACE();
  PyObject* iterable = *--sp;
  int failed = _PySet_Update(sp[-static_cast<ptrdiff_t>(oparg)], iterable);
  Py_DECREF(iterable);
  if (failed < 0) END_ERROR();
  END_DISPATCH();
}

HANDLER(DICT_UPDATE) {
  SAVE_PLACE();
  PyObject* update = *--sp;
  if (PyDict_Update(sp[-static_cast<ptrdiff_t>(oparg)], update) < 0) {
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
      PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(update)->tp_name);
    }
    Py_DECREF(update);
    END_ERROR();
  }
  Py_DECREF(update);
  END_DISPATCH();
}

HANDLER(DICT_MERGE) {
  SAVE_PLACE();
  PyObject* update = *--sp;
  PyObject* dict = sp[-static_cast<ptrdiff_t>(oparg)];
  if (_PyDict_MergeEx(dict, update, 2) < 0) {
    format_kwargs_error(sp[-static_cast<ptrdiff_t>(2 + oparg)], update);
    Py_DECREF(update);
    END_ERROR();
  }
  Py_DECREF(update);
  END_DISPATCH();
}

HANDLER(UNPACK_SEQUENCE) {
  SAVE_PLACE();
  PyObject* sequence = *--sp;
  auto count = static_cast<Py_ssize_t>(oparg);
  if ((PyTuple_CheckExact(sequence) || PyList_CheckExact(sequence)) && Py_SIZE(sequence) == count) {
    PyObject** items = PyTuple_CheckExact(sequence) ? reinterpret_cast<PyTupleObject*>(sequence)->ob_item
                                                    : reinterpret_cast<PyListObject*>(sequence)->ob_item;
    while (count-- > 0) *sp++ = Py_NewRef(items[count]);
  } else {
    if (!unpack_iterable(sequence, static_cast<int>(oparg), -1, sp + oparg)) {
      Py_DECREF(sequence);
      END_ERROR();
    }
    sp += oparg;
  }
  Py_DECREF(sequence);
  SKIP_CACHES(UNPACK_SEQUENCE);
  END_DISPATCH();
}

HANDLER(UNPACK_EX) {
  SAVE_PLACE();
  PyObject* sequence = *--sp;
  auto before = static_cast<int>(oparg & 0xFF), after = static_cast<int>(oparg >> 8);
  int total = before + 1 + after;
  if (!unpack_iterable(sequence, before, after, sp + total)) {
    Py_DECREF(sequence);
    END_ERROR();
  }
  sp += total;
  Py_DECREF(sequence);
  END_DISPATCH();
}

HANDLER(GET_LEN) {
  SAVE_PLACE();
  Py_ssize_t length = PyObject_Length(sp[-1]);
  PyObject* number = length < 0 ? nullptr : PyLong_FromSsize_t(length);
  if (!number) END_ERROR();
  *sp++ = number;
  END_DISPATCH();
}

HANDLER(MATCH_MAPPING) {
  *sp = Py_NewRef(PyType_HasFeature(Py_TYPE(sp[-1]), Py_TPFLAGS_MAPPING) ? Py_True : Py_False);
  ++sp;
  END_DISPATCH();
}

HANDLER(MATCH_SEQUENCE) {
  *sp = Py_NewRef(PyType_HasFeature(Py_TYPE(sp[-1]), Py_TPFLAGS_SEQUENCE) ? Py_True : Py_False);
  ++sp;
  END_DISPATCH();
}

HANDLER(MATCH_KEYS) {
  SAVE_PLACE();
  PyObject* values = match_keys(sp[-2], sp[-1]);
  if (!values) END_ERROR();
  *sp++ = values;
  END_DISPATCH();
}

HANDLER(MATCH_CLASS) {
  SAVE_PLACE();
  PyObject *names = sp[-1], *type = sp[-2], *subject = sp[-3];
  PyObject* values = match_class(subject, type, static_cast<Py_ssize_t>(oparg), names);
  if (!values && PyErr_Occurred()) END_ERROR();
  sp -= 2;
  sp[-1] = values ? values : Py_NewRef(Py_None);
  Py_DECREF(names);
  Py_DECREF(type);
  Py_DECREF(subject);
  END_DISPATCH();
}

}  // namespace gill::vm
