// Binding a call's arguments to a function's parameters, with the reference's complaints.
#include "objects/tuple.h"
#include "vm/interpreter.h"

namespace gill::vm {

namespace {

PyObject* parameter_name(PyCodeObject* code, Py_ssize_t i) { return PyTuple_GET_ITEM(code->co_localsplusnames, i); }

// "f() missing 2 required positional arguments: 'a' and 'b'"
void raise_missing(PyFunctionObject* function, const char* kind, PyObject* names) {
  Py_ssize_t count = PyList_GET_SIZE(names);
  Ref<> text;
  if (count == 1) {
    text = borrow(PyList_GET_ITEM(names, 0));
  } else if (count == 2) {
    text = steal(PyUnicode_FromFormat("%U and %U", PyList_GET_ITEM(names, 0), PyList_GET_ITEM(names, 1)));
  } else {
    Ref<> tail = steal(PyUnicode_FromFormat(", %U, and %U", PyList_GET_ITEM(names, count - 2), PyList_GET_ITEM(names, count - 1)));
    Ref<> head = steal(PyList_GetSlice(names, 0, count - 2));
    Ref<> comma = steal(PyUnicode_FromString(", "));
    Ref<> joined = head && comma ? steal(PyUnicode_Join(comma.get(), head.get())) : nullptr;
    if (tail && joined) text = steal(PyUnicode_Concat(joined.get(), tail.get()));
  }
  if (!text) return;
  PyErr_Format(PyExc_TypeError, "%U() missing %i required %s argument%s: %U", function->func_qualname, static_cast<int>(count), kind,
               count == 1 ? "" : "s", text.get());
}

void missing_arguments(PyFunctionObject* function, Py_ssize_t start, Py_ssize_t end, const char* kind, PyObject** slots) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Ref<> names = steal(PyList_New(0));
  for (Py_ssize_t i = start; names && i < end; ++i) {
    if (slots[i]) continue;
    Ref<> quoted = steal(PyObject_Repr(parameter_name(code, i)));
    if (!quoted || PyList_Append(names.get(), quoted.get()) < 0) return;
  }
  if (names) raise_missing(function, kind, names.get());
}

void too_many_positional(PyFunctionObject* function, Py_ssize_t given, PyObject** slots) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Py_ssize_t defaults = function->func_defaults ? PyTuple_GET_SIZE(function->func_defaults) : 0;
  Py_ssize_t keyword_given = 0;
  for (Py_ssize_t i = code->co_argcount; i < code->co_argcount + code->co_kwonlyargcount; ++i) keyword_given += slots[i] != nullptr;
  bool plural;
  Ref<> takes;
  if (defaults) {
    takes = steal(PyUnicode_FromFormat("from %zd to %zd", code->co_argcount - defaults, static_cast<Py_ssize_t>(code->co_argcount)));
    plural = true;
  } else {
    takes = steal(PyUnicode_FromFormat("%zd", static_cast<Py_ssize_t>(code->co_argcount)));
    plural = code->co_argcount != 1;
  }
  Ref<> keyword_text = keyword_given ? steal(PyUnicode_FromFormat(" positional argument%s (and %zd keyword-only argument%s)", given != 1 ? "s" : "",
                                                                  keyword_given, keyword_given != 1 ? "s" : ""))
                                     : steal(PyUnicode_FromString(""));
  if (!takes || !keyword_text) return;
  PyErr_Format(PyExc_TypeError, "%U() takes %U positional argument%s but %zd%U %s given", function->func_qualname, takes.get(), plural ? "s" : "",
               given, keyword_text.get(), given == 1 && !keyword_given ? "was" : "were");
}

// Positional-only parameters given by keyword. True with an exception when there are any.
bool positional_only_as_keywords(PyFunctionObject* function, PyObject* kwnames) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Ref<> names = steal(PyList_New(0));
  if (!names) return true;
  for (int i = 0; i < code->co_posonlyargcount; ++i) {
    PyObject* parameter = parameter_name(code, i);
    int found = PySequence_Contains(kwnames, parameter);
    if (found < 0 || (found && PyList_Append(names.get(), parameter) < 0)) return true;
  }
  if (PyList_GET_SIZE(names.get()) == 0) return false;
  Ref<> comma = steal(PyUnicode_FromString(", "));
  Ref<> text = comma ? steal(PyUnicode_Join(comma.get(), names.get())) : nullptr;
  if (text) {
    PyErr_Format(PyExc_TypeError, "%U() got some positional-only arguments passed as keyword arguments: '%U'", function->func_qualname, text.get());
  }
  return true;
}

// The slot of a keyword, `total` when there is none, -1 on failure.
Py_ssize_t find_parameter(PyCodeObject* code, PyObject* keyword, Py_ssize_t total) {
  PyObject** names = reinterpret_cast<PyTupleObject*>(code->co_localsplusnames)->ob_item;
  for (Py_ssize_t i = code->co_posonlyargcount; i < total; ++i) {
    if (names[i] == keyword) return i;
  }
  for (Py_ssize_t i = code->co_posonlyargcount; i < total; ++i) {
    int same = PyObject_RichCompareBool(keyword, names[i], Py_EQ);
    if (same < 0) return -1;
    if (same) return i;
  }
  return total;
}

// Takes over all arguments. The slots are null before.
bool bind(PyFunctionObject* function, PyObject** slots, PyObject* const* args, size_t count, PyObject* kwnames) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Py_ssize_t keyword_count = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  auto given = static_cast<Py_ssize_t>(count);
  Py_ssize_t argcount = code->co_argcount, total = argcount + code->co_kwonlyargcount;
  Py_ssize_t consumed_keywords = 0;
  bool positional_consumed = false;
  auto fail = [&](bool after_positional) {
    if (!after_positional && !positional_consumed) {
      for (Py_ssize_t i = 0; i < given; ++i) Py_DECREF(args[i]);
    }
    for (Py_ssize_t i = consumed_keywords; i < keyword_count; ++i) Py_DECREF(args[given + i]);
    return false;
  };

  PyObject* extra_keywords = nullptr;
  if (code->co_flags & CO_VARKEYWORDS) {
    extra_keywords = PyDict_New();
    if (!extra_keywords) return fail(false);
    slots[total + !!(code->co_flags & CO_VARARGS)] = extra_keywords;
  }
  Py_ssize_t fitting = given < argcount ? given : argcount;
  for (Py_ssize_t i = 0; i < fitting; ++i) slots[i] = args[i];
  if (code->co_flags & CO_VARARGS) {
    Ref<> rest = tuple_steal_items(const_cast<PyObject**>(args) + fitting, given - fitting);
    if (!rest) return fail(true);
    slots[total] = rest.release();
  } else {
    for (Py_ssize_t i = fitting; i < given; ++i) Py_DECREF(args[i]);
  }
  positional_consumed = true;

  for (Py_ssize_t i = 0; i < keyword_count; ++i) {
    PyObject* keyword = PyTuple_GET_ITEM(kwnames, i);
    if (!PyUnicode_Check(keyword)) {
      PyErr_Format(PyExc_TypeError, "%U() keywords must be strings", function->func_qualname);
      return fail(true);
    }
    Py_ssize_t place = find_parameter(code, keyword, total);
    if (place < 0) return fail(true);
    if (place < total) {
      if (slots[place]) {
        PyErr_Format(PyExc_TypeError, "%U() got multiple values for argument '%S'", function->func_qualname, keyword);
        return fail(true);
      }
      slots[place] = args[given + i];
      consumed_keywords = i + 1;
      continue;
    }
    if (!extra_keywords) {
      if (code->co_posonlyargcount && positional_only_as_keywords(function, kwnames)) return fail(true);
      PyErr_Format(PyExc_TypeError, "%U() got an unexpected keyword argument '%S'", function->func_qualname, keyword);
      return fail(true);
    }
    int failed = PyDict_SetItem(extra_keywords, keyword, args[given + i]);
    if (failed < 0) return fail(true);
    Py_DECREF(args[given + i]);
    consumed_keywords = i + 1;
  }

  if (given > argcount && !(code->co_flags & CO_VARARGS)) {
    too_many_positional(function, given, slots);
    return false;
  }
  if (given < argcount) {
    Py_ssize_t defaults = function->func_defaults ? PyTuple_GET_SIZE(function->func_defaults) : 0;
    Py_ssize_t required = argcount - defaults;
    for (Py_ssize_t i = given; i < required; ++i) {
      if (!slots[i]) {
        missing_arguments(function, 0, required, "positional", slots);
        return false;
      }
    }
    for (Py_ssize_t i = given > required ? given - required : 0; i < defaults; ++i) {
      if (!slots[required + i]) slots[required + i] = Py_NewRef(PyTuple_GET_ITEM(function->func_defaults, i));
    }
  }
  bool missing = false;
  for (Py_ssize_t i = argcount; i < total; ++i) {
    if (slots[i]) continue;
    if (function->func_kwdefaults) {
      PyObject* value = PyDict_GetItemWithError(function->func_kwdefaults, parameter_name(code, i));
      if (value) {
        slots[i] = Py_NewRef(value);
        continue;
      }
      if (PyErr_Occurred()) return false;
    }
    missing = true;
  }
  if (missing) {
    missing_arguments(function, argcount, total, "keyword-only", slots);
    return false;
  }
  return true;
}

}  // namespace

Frame* push_call(ThreadState* thread, PyFunctionObject* function, PyObject* locals, PyObject* const* args, size_t count, PyObject* kwnames) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Frame* frame = push_frame(thread, frame_slots(code));
  if (!frame) {
    size_t all = count + (kwnames ? static_cast<size_t>(PyTuple_GET_SIZE(kwnames)) : 0);
    for (size_t i = 0; i < all; ++i) Py_DECREF(args[i]);
    Py_DECREF(function);
    Py_XDECREF(locals);
    return nullptr;
  }
  constexpr int kSpecial = CO_VARARGS | CO_VARKEYWORDS;
  if (!kwnames && count == static_cast<size_t>(code->co_argcount) && code->co_kwonlyargcount == 0 && !(code->co_flags & kSpecial)) [[likely]] {
    initialize_frame(frame, function, locals, code, code->co_argcount);
    for (size_t i = 0; i < count; ++i) frame->localsplus[i] = args[i];
    return frame;
  }
  initialize_frame(frame, function, locals, code, 0);
  if (!bind(function, frame->localsplus, args, count, kwnames)) {
    leave_frame(thread, frame);
    return nullptr;
  }
  return frame;
}

}  // namespace gill::vm
