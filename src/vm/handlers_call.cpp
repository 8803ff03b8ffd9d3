// Calls, returns and the making of functions.
#include "objects/type.h"
#include "objects/type_slots.h"
#include "vm/calls.h"
#include "vm/handlers.h"

namespace gill::vm {

namespace {

PyObject* call(ThreadState* thread, Frame* frame, EvalContext* ctx, PyObject* callable, PyObject** args, size_t count, PyObject* kwnames) {
  if (ctx->cframe.use_tracing) [[unlikely]] return traced_call(thread, frame, callable, args, count, kwnames);
  return PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames);
}

// f(*args): args must be iterable, and is made a tuple.
bool check_args_iterable(PyObject* function, PyObject* args) {
  if (Py_TYPE(args)->tp_iter || PySequence_Check(args)) return true;
  PyErr_Clear();
  Ref<> text = steal(_PyObject_FunctionStr(function));
  if (text) PyErr_Format(PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", text.get(), Py_TYPE(args)->tp_name);
  return false;
}

// A frame for f(*args, **kwargs); null without an exception where the call is better made in general.
Frame* push_unpacked_call(ThreadState* thread, PyFunctionObject* function, PyObject* args, PyObject* kwargs) {
  constexpr Py_ssize_t kMost = 24;
  Py_ssize_t count = PyTuple_GET_SIZE(args), named = kwargs ? PyDict_GET_SIZE(kwargs) : 0;
  if (count + named > kMost || !(reinterpret_cast<PyCodeObject*>(function->func_code)->co_flags & CO_OPTIMIZED)) return nullptr;
  PyObject* items[kMost];
  Ref<> names;
  if (named) {
    if (!_PyDict_HasOnlyStringKeys(kwargs)) return nullptr;
    names = TRY(steal(PyTuple_New(named)));
    PyObject *key, *value;
    for (Py_ssize_t position = 0, i = 0; i < named && PyDict_Next(kwargs, &position, &key, &value); ++i) {
      PyTuple_SET_ITEM(names.get(), i, borrow(key).release());
      items[count + i] = borrow(value).release();
    }
  }
  for (Py_ssize_t i = 0; i < count; ++i) items[i] = borrow(PyTuple_GET_ITEM(args, i)).release();
  retain(as_object(function));
  return push_call(thread, function, nullptr, items, static_cast<size_t>(count), names.get());
}

}  // namespace

// The function that calling an instance comes to, borrowed; null unless it is a __call__ in Python.
static PyObject* call_method_of(PyObject* callable) {
  PyTypeObject* type = Py_TYPE(callable);
  if (type->tp_call != dispatch::call || PyType_HasFeature(type, Py_TPFLAGS_HAVE_VECTORCALL)) return nullptr;
  PyObject* found = type_lookup(type, name<"__call__">);
  return found && is_plain_function(found) ? found : nullptr;
}

HANDLER(KW_NAMES) {
  ctx->kw_names = constant_at(frame, oparg);
  END_DISPATCH();
}

// Opens a bound method up, so that its object becomes the first argument.
HANDLER(PRECALL) {
  PyObject** callable = sp - oparg - 1;
  if (!callable[-1] && Py_IS_TYPE(*callable, &PyMethod_Type)) {
    SAVE_PLACE();
    PyObject* method = *callable;
    *callable = Py_NewRef(PyMethod_GET_SELF(method));
    callable[-1] = Py_NewRef(PyMethod_GET_FUNCTION(method));
    Py_DECREF(method);
  }
  SKIP_CACHES(PRECALL);
  END_DISPATCH();
}

// The stack: null, callable, arguments; or callable, self, arguments.
HANDLER(CALL) {
  SAVE_PLACE();
  PyObject** base = sp - oparg - 2;
  size_t count = oparg;
  PyObject* callable;
  PyObject** args;
  if (base[0]) {
    callable = base[0];
    args = base + 1;
    ++count;
  } else {
    callable = base[1];
    args = base + 2;
  }
  PyObject* kwnames = std::exchange(ctx->kw_names, nullptr);
  if (!base[0]) {
    // An instance of a class with a __call__ in Python becomes the first argument of that.
    if (PyObject* function = call_method_of(callable)) {
      base[0] = callable = borrow(function).release();
      --args;
      ++count;
    }
  }
  if (is_plain_function(callable) && !has_eval_hook(thread->interpreter())) [[likely]] {
    auto* function = reinterpret_cast<PyFunctionObject*>(callable);
    auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
    PyObject* locals = code->co_flags & CO_OPTIMIZED ? nullptr : Py_NewRef(function->func_globals);
    size_t positional = count - (kwnames ? static_cast<size_t>(PyTuple_GET_SIZE(kwnames)) : 0);
    Frame* callee = push_call(thread, function, locals, args, positional, kwnames);
    sp = base;
    if (!callee) END_ERROR();
    SKIP_CACHES(CALL);
    frame->prev_instr = next - 1;
    save_stack(frame, sp);
    callee->previous = frame;
    frame = callee;
    TAIL(start_frame);
  }
  if (!base[0] && can_construct(thread, ctx, callable)) {
    ctx->kw_names = kwnames;
    TAIL(construct);
  }
  size_t positional = count - (kwnames ? static_cast<size_t>(PyTuple_GET_SIZE(kwnames)) : 0);
  PyObject* result = call(thread, frame, ctx, callable, args, positional, kwnames);
  for (size_t i = 0; i < count; ++i) release(args[i]);
  release(callable);
  sp = base;
  if (!result) END_ERROR();
  *sp++ = result;
  SKIP_CACHES(CALL);
  END_CHECKED();
}

HANDLER(CALL_FUNCTION_EX) {
  SAVE_PLACE();
  PyObject* kwargs = nullptr;
  if (oparg & 1) {
    kwargs = *--sp;
    if (!PyDict_CheckExact(kwargs)) {
      PyObject* dict = PyDict_New();
      if (!dict || PyDict_Update(dict, kwargs) < 0) {
        Py_XDECREF(dict);
        Py_DECREF(kwargs);
        END_ERROR();
      }
      Py_SETREF(kwargs, dict);
    }
  }
  PyObject* args = *--sp;
  PyObject* function = sp[-1];
  if (!PyTuple_CheckExact(args)) {
    PyObject* tuple = check_args_iterable(function, args) ? PySequence_Tuple(args) : nullptr;
    Py_SETREF(args, tuple);
    if (!args) {
      Py_XDECREF(kwargs);
      END_ERROR();
    }
  }
  if (is_plain_function(function) && !has_eval_hook(thread->interpreter())) {
    Frame* callee = push_unpacked_call(thread, reinterpret_cast<PyFunctionObject*>(function), args, kwargs);
    if (callee || PyErr_Occurred()) {
      sp -= 2;
      release(function);
      release(args);
      if (kwargs) release(kwargs);
      if (*sp) release(*sp);
      if (!callee) END_ERROR();
      END_CALL(callee);
    }
  }
  PyObject* result = ctx->cframe.use_tracing ? traced_call_ex(thread, frame, function, args, kwargs) : PyObject_Call(function, args, kwargs);
  sp -= 2;  // the function and the null under it
  Py_DECREF(function);
  Py_DECREF(args);
  Py_XDECREF(kwargs);
  Py_XDECREF(*sp);
  if (!result) END_ERROR();
  *sp++ = result;
  END_CHECKED();
}

namespace {

// The general way: the frame may be seen by a tracer, end the activation, be a generator's or have an object.
VM_STEP return_in_general(VM_PARAMETERS) {
  SAVE_PLACE();
  PyObject* result = *--sp;
  save_stack(frame, sp);
  if (ctx->cframe.use_tracing) [[unlikely]] {
    if (trace_return(thread, frame, result) < 0) {
      Py_DECREF(result);
      TAIL(leave_with_exception);
    }
  }
  if (frame->constructs) {
    *sp++ = result;
    TAIL(return_from_init);
  }
  ++thread->recursion_remaining;
  if (frame->is_entry) return result;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  if (finished->owner == FrameOwner::generator) {
    *sp++ = result;
    TAIL(return_from_generator);
  }
  leave_frame(thread, finished);
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  *sp++ = result;
  END_FRESH();
}

// Gives back what a frame without an object holds, its stack being empty, and then its room.
[[gnu::noinline]] void leave_plain_frame(ThreadState* thread, Frame* frame) {
  PyCodeObject* code = frame->f_code;
  PyObject** variable = frame->localsplus;
  for (PyObject** end = variable + code->co_nlocalsplus; variable < end; ++variable) {
    if (*variable) release(*variable);
  }
  release(as_object(frame->f_func));
  release(as_object(code));
  pop_frame(thread, frame);
}

}  // namespace

// The verifier's choice where the stack may hold more than the value.
HANDLER(RETURN_VALUE_IN_GENERAL) { TAIL(return_in_general); }

HANDLER(RETURN_VALUE) {
  if (ctx->cframe.use_tracing || frame->is_entry || frame->owner != FrameOwner::thread || frame->frame_obj || frame->f_locals || frame->constructs) {
    TAIL(return_in_general);
  }
  SAVE_PLACE();
  // What the variables' finalizers look at is complete but for the value that is returned.
  frame->stacktop = frame->f_code->co_nlocalsplus;
  PyObject* result = sp[-1];
  ++thread->recursion_remaining;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  leave_plain_frame(thread, finished);
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  *sp++ = result;
  END_FRESH();
}

namespace {

// Whether the stack has a code object, and under it what `parts` names, as functions have them.
bool can_make_function(PyObject** sp, uint32_t parts) {
  PyObject* code = *--sp;
  if (!PyCode_Check(code)) return false;
  Py_ssize_t cells = 0;
  if (parts & 8) {
    PyObject* closure = *--sp;
    if (!PyTuple_Check(closure)) return false;
    cells = PyTuple_GET_SIZE(closure);
    for (Py_ssize_t i = 0; i < cells; ++i) {
      if (!PyCell_Check(PyTuple_GET_ITEM(closure, i))) return false;
    }
  }
  if (cells != reinterpret_cast<PyCodeObject*>(code)->co_nfreevars) return false;
  if (parts & 4) {
    PyObject* annotations = *--sp;
    if (!PyTuple_CheckExact(annotations) && !PyDict_Check(annotations)) return false;
  }
  if (parts & 2 && !PyDict_Check(*--sp)) return false;
  return !(parts & 1) || PyTuple_Check(*--sp);
}

}  // namespace

HANDLER(MAKE_FUNCTION) {
  SAVE_PLACE();
  if (!can_make_function(sp, oparg)) [[unlikely]] {
    PyErr_SetString(PyExc_SystemError, "bad MAKE_FUNCTION argument");
    END_ERROR();
  }
  PyObject* code = *--sp;
  auto* function = reinterpret_cast<PyFunctionObject*>(PyFunction_New(code, frame->f_globals));
  release(code);
  if (!function) END_ERROR();
  if (oparg & 8) function->func_closure = *--sp;
  if (oparg & 4) function->func_annotations = *--sp;
  if (oparg & 2) function->func_kwdefaults = *--sp;
  if (oparg & 1) function->func_defaults = *--sp;
  *sp++ = as_object(function);
  END_DISPATCH();
}

}  // namespace gill::vm
