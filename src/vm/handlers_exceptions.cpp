// Raising, catching, with-statements, exception groups.
#include "objects/type.h"
#include "vm/handlers.h"

extern "C" PyObject* _PyExc_PrepReraiseStar(PyObject* original, PyObject* exceptions);
extern "C" PyObject* _PyExc_CreateExceptionGroup(const char* message, PyObject* exceptions);

namespace gill::vm {

namespace {

constexpr const char* kCannotCatch = "catching classes that do not inherit from BaseException is not allowed";

bool is_exception_class(PyObject* type) { return PyType_Check(type) && PyType_HasFeature(reinterpret_cast<PyTypeObject*>(type), Py_TPFLAGS_BASE_EXC_SUBCLASS); }

bool check_catchable(PyObject* type) {
  if (PyTuple_Check(type)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type); ++i) {
      if (!is_exception_class(PyTuple_GET_ITEM(type, i))) {
        PyErr_SetString(PyExc_TypeError, kCannotCatch);
        return false;
      }
    }
    return true;
  }
  if (is_exception_class(type)) return true;
  PyErr_SetString(PyExc_TypeError, kCannotCatch);
  return false;
}

// except*: exception groups cannot be caught by it.
bool check_catchable_star(PyObject* type) {
  if (!check_catchable(type)) return false;
  auto one = [](PyObject* t) {
    int group = PyObject_IsSubclass(t, PyExc_BaseExceptionGroup);
    if (group > 0) PyErr_SetString(PyExc_TypeError, "catching ExceptionGroup with except* is not allowed. Use except instead.");
    return group == 0;
  };
  if (!PyTuple_Check(type)) return one(type);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type); ++i) {
    if (!one(PyTuple_GET_ITEM(type, i))) return false;
  }
  return true;
}

// Splits the exception by type; `*match` null means none of it.
bool match_group(PyObject* exception, PyObject* type, PyObject** match, PyObject** rest) {
  *match = *rest = nullptr;
  if (PyErr_GivenExceptionMatches(exception, type)) {
    if (PyObject_TypeCheck(exception, reinterpret_cast<PyTypeObject*>(PyExc_BaseExceptionGroup))) {
      *match = Py_NewRef(exception);
    } else {
      Ref<> one = steal(PyTuple_Pack(1, exception));
      if (!one) return false;
      *match = _PyExc_CreateExceptionGroup("", one.get());
      if (!*match) return false;
    }
    *rest = Py_NewRef(Py_None);
    return true;
  }
  if (PyObject_TypeCheck(exception, reinterpret_cast<PyTypeObject*>(PyExc_BaseExceptionGroup))) {
    Ref<> pair = steal(PyObject_CallMethodOneArg(exception, name<"split">, type));
    if (!pair) return false;
    if (!PyTuple_CheckExact(pair.get()) || PyTuple_GET_SIZE(pair.get()) != 2) {
      PyErr_Format(PyExc_TypeError, "%.200s.split must return a 2-tuple", Py_TYPE(exception)->tp_name);
      return false;
    }
    PyObject* matched = PyTuple_GET_ITEM(pair.get(), 0);
    *match = matched == Py_None ? nullptr : Py_NewRef(matched);
    *rest = Py_NewRef(PyTuple_GET_ITEM(pair.get(), 1));
    return true;
  }
  *rest = Py_NewRef(exception);
  return true;
}

// A bound special method; absent, TypeError with the type's name and `hint` in the message.
PyObject* required_method(PyObject* object, PyObject* attribute, const char* message, const char* hint) {
  SpecialMethod method = lookup_special(object, attribute);
  if (!method) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, message, Py_TYPE(object)->tp_name, hint);
    return nullptr;
  }
  return method.unbound ? PyMethod_New(method.function.get(), object) : method.function.release();
}

}  // namespace

namespace {

// The verifier knows depths; whether an exception is where one belongs is looked at here.
VM_STEP no_exception(VM_PARAMETERS) {
  SAVE_PLACE();
  PyErr_SetString(PyExc_SystemError, "no exception on the stack");
  END_ERROR();
}

// The place where the exception first came up.
bool go_back_to(Frame* frame, PyObject* lasti) {
  if (!PyLong_Check(lasti)) return false;
  int overflow;
  long place = PyLong_AsLongAndOverflow(lasti, &overflow);
  if (overflow || place < 0 || place >= Py_SIZE(frame->f_code)) return false;
  frame->prev_instr = first_instruction(frame->f_code) + place;
  return true;
}

}  // namespace

HANDLER(RAISE_VARARGS) {
  SAVE_PLACE();
  PyObject* cause = oparg == 2 ? *--sp : nullptr;
  PyObject* exception = oparg >= 1 ? *--sp : nullptr;
  if (do_raise(thread, exception, cause)) TAIL(unwind_again);
  END_ERROR();
}

HANDLER(RERAISE) {
  SAVE_PLACE();
  PyObject* value = sp[-1];
  if (!PyExceptionInstance_Check(value)) [[unlikely]] TAIL(no_exception);
  if (oparg && !go_back_to(frame, sp[-static_cast<ptrdiff_t>(oparg) - 1])) [[unlikely]] {
    PyErr_SetString(PyExc_SystemError, "lasti is not an int");
    END_ERROR();
  }
  --sp;
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(value))), value, PyException_GetTraceback(value));
  TAIL(unwind_again);
}

HANDLER(PUSH_EXC_INFO) {
  PyObject* value = sp[-1];
  if (!PyExceptionInstance_Check(value)) [[unlikely]] TAIL(no_exception);
  _PyErr_StackItem* item = thread->exc_info;
  sp[-1] = item->exc_value ? item->exc_value : Py_NewRef(Py_None);
  *sp++ = Py_NewRef(value);
  item->exc_value = value;
  END_DISPATCH();
}

HANDLER(POP_EXCEPT) {
  SAVE_PLACE();
  if (sp[-1] != Py_None && !PyExceptionInstance_Check(sp[-1])) [[unlikely]] TAIL(no_exception);
  _PyErr_StackItem* item = thread->exc_info;
  PyObject* old = std::exchange(item->exc_value, *--sp);
  Py_XDECREF(old);
  END_DISPATCH();
}

HANDLER(CHECK_EXC_MATCH) {
  SAVE_PLACE();
  PyObject* type = *--sp;
  if (!check_catchable(type)) {
    Py_DECREF(type);
    END_ERROR();
  }
  int matches = PyErr_GivenExceptionMatches(sp[-1], type);
  Py_DECREF(type);
  *sp++ = Py_NewRef(matches ? Py_True : Py_False);
  END_DISPATCH();
}

HANDLER(CHECK_EG_MATCH) {
  SAVE_PLACE();
  PyObject* type = *--sp;
  PyObject *match = nullptr, *rest = nullptr;
  bool ok = check_catchable_star(type) && match_group(sp[-1], type, &match, &rest);
  Py_DECREF(type);
  if (!ok) END_ERROR();
  if (!match) {
    Py_XDECREF(rest);
    *sp++ = Py_NewRef(Py_None);
    END_DISPATCH();
  }
  Py_SETREF(sp[-1], rest);
  *sp++ = match;
  // split() may have any result.
  if (!PyExceptionInstance_Check(match)) [[unlikely]] TAIL(no_exception);
  PyErr_SetExcInfo(nullptr, Py_NewRef(match), nullptr);
  END_DISPATCH();
}

HANDLER(PREP_RERAISE_STAR) {
  SAVE_PLACE();
  if (!PyList_Check(sp[-1]) || !PyExceptionInstance_Check(sp[-2])) [[unlikely]] TAIL(no_exception);
  PyObject* exceptions = *--sp;
  PyObject* original = *--sp;
  PyObject* value = _PyExc_PrepReraiseStar(original, exceptions);
  Py_DECREF(exceptions);
  Py_DECREF(original);
  if (!value) END_ERROR();
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(BEFORE_WITH) {
  SAVE_PLACE();
  PyObject* manager = sp[-1];
  PyObject* enter = required_method(manager, name<"__enter__">, "'%.200s' object does not support the context manager protocol%s", "");
  if (!enter) END_ERROR();
  PyObject* exit = required_method(
      manager, name<"__exit__">, "'%.200s' object does not support the context manager protocol%s", " (missed __exit__ method)");
  if (!exit) {
    Py_DECREF(enter);
    END_ERROR();
  }
  sp[-1] = exit;
  Py_DECREF(manager);
  PyObject* result = PyObject_CallNoArgs(enter);
  Py_DECREF(enter);
  if (!result) END_ERROR();
  *sp++ = result;
  END_FRESH();
}

HANDLER(BEFORE_ASYNC_WITH) {
  SAVE_PLACE();
  PyObject* manager = sp[-1];
  PyObject* enter = required_method(
      manager, name<"__aenter__">, "'%.200s' object does not support the asynchronous context manager protocol%s", "");
  if (!enter) END_ERROR();
  PyObject* exit = required_method(manager, name<"__aexit__">,
                                         "'%.200s' object does not support the asynchronous context manager protocol%s",
                                         " (missed __aexit__ method)");
  if (!exit) {
    Py_DECREF(enter);
    END_ERROR();
  }
  sp[-1] = exit;
  Py_DECREF(manager);
  PyObject* result = PyObject_CallNoArgs(enter);
  Py_DECREF(enter);
  if (!result) END_ERROR();
  *sp++ = result;
  END_FRESH();
}

// The stack: exit function, lasti, previous exc_info, the exception.
HANDLER(WITH_EXCEPT_START) {
  SAVE_PLACE();
  PyObject* value = sp[-1];
  if (!PyExceptionInstance_Check(value)) [[unlikely]] TAIL(no_exception);
  PyObject* exit = sp[-4];
  PyObject* traceback = PyException_GetTraceback(value);
  PyObject* stack[] = {nullptr, reinterpret_cast<PyObject*>(Py_TYPE(value)), value, traceback ? traceback : Py_None};
  PyObject* result = PyObject_Vectorcall(exit, stack + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  Py_XDECREF(traceback);
  if (!result) END_ERROR();
  *sp++ = result;
  END_FRESH();
}

HANDLER(END_ASYNC_FOR) {
  SAVE_PLACE();
  if (!PyExceptionInstance_Check(sp[-1])) [[unlikely]] TAIL(no_exception);
  PyObject* value = *--sp;
  if (PyErr_GivenExceptionMatches(value, PyExc_StopAsyncIteration)) {
    Py_DECREF(value);
    Py_DECREF(*--sp);
    END_DISPATCH();
  }
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(value))), value, PyException_GetTraceback(value));
  TAIL(unwind_again);
}

}  // namespace gill::vm
