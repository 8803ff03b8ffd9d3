// Constants, locals, cells, and the shuffling of the evaluation stack.
#include "vm/handlers.h"

namespace gill::vm {

HANDLER(CACHE) { END_DISPATCH(); }
HANDLER(NOP) { END_DISPATCH(); }

HANDLER(EXTENDED_ARG) {
  CodeUnit unit = *next;
  // The prefixed instruction was announced to the tracer together with its prefix.
  auto opcode = static_cast<uint8_t>(plain_form(static_cast<Op>(unit & 255)));
  oparg = oparg << 8 | static_cast<uint32_t>(unit >> 8);
  ++next;
  [[clang::musttail]] return kPlainTable.at[opcode](VM_ARGUMENTS);
}

HANDLER(POP_TOP) {
  SAVE_PLACE();
  END_DROP(*--sp);
}

HANDLER(PUSH_NULL) {
  *sp++ = nullptr;
  END_DISPATCH();
}

HANDLER(COPY) {
  PyObject* value = sp[-static_cast<ptrdiff_t>(oparg)];
  retain(value);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(SWAP) {
  std::swap(sp[-1], sp[-static_cast<ptrdiff_t>(oparg)]);
  END_DISPATCH();
}

HANDLER(LOAD_CONST) {
  PyObject* value = constant_at(frame, oparg);
  retain(value);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(LOAD_FAST) {
  PyObject* value = frame->localsplus[oparg];
  if (!value) [[unlikely]] {
    SAVE_PLACE();
    TAIL(unbound_local);
  }
  retain(value);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], *--sp);
  if (!old) END_DISPATCH();
  END_DROP(old);
}

HANDLER(DELETE_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], nullptr);
  if (!old) [[unlikely]] {
    raise_unbound(frame, static_cast<int>(oparg));
    END_ERROR();
  }
  release(old);
  END_DISPATCH();
}

HANDLER(MAKE_CELL) {
  SAVE_PLACE();
  PyObject* initial = frame->localsplus[oparg];
  PyObject* cell = PyCell_New(initial);
  if (!cell) END_ERROR();
  frame->localsplus[oparg] = cell;
  Py_XDECREF(initial);
  END_DISPATCH();
}

HANDLER(COPY_FREE_VARS) {
  PyObject* closure = frame->f_func->func_closure;
  // Code with free variables may come from C without any.
  if (!closure || PyTuple_GET_SIZE(closure) != static_cast<Py_ssize_t>(oparg)) [[unlikely]] {
    SAVE_PLACE();
    PyErr_SetString(PyExc_SystemError, "code with free variables runs without a closure");
    END_ERROR();
  }
  PyObject** out = frame->localsplus + frame->f_code->co_nlocalsplus - oparg;
  for (uint32_t i = 0; i < oparg; ++i) {
    PyObject* cell = PyTuple_GET_ITEM(closure, i);
    retain(cell);
    out[i] = cell;
  }
  END_DISPATCH();
}

HANDLER(LOAD_CLOSURE) {
  SAVE_PLACE();
  PyObject* cell = frame->localsplus[oparg];
  if (!cell) {
    TAIL(unbound_local);
  }
  retain(cell);
  *sp++ = cell;
  END_DISPATCH();
}

HANDLER(LOAD_DEREF) {
  PyObject* value = PyCell_GET(frame->localsplus[oparg]);
  if (!value) [[unlikely]] {
    SAVE_PLACE();
    TAIL(unbound_local);
  }
  retain(value);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_DEREF) {
  SAVE_PLACE();
  PyObject* cell = frame->localsplus[oparg];
  PyObject* old = PyCell_GET(cell);
  PyCell_SET(cell, *--sp);
  if (!old) END_DISPATCH();
  END_DROP(old);
}

HANDLER(DELETE_DEREF) {
  SAVE_PLACE();
  PyObject* cell = frame->localsplus[oparg];
  PyObject* old = PyCell_GET(cell);
  if (!old) {
    raise_unbound(frame, static_cast<int>(oparg));
    END_ERROR();
  }
  PyCell_SET(cell, nullptr);
  Py_DECREF(old);
  END_DISPATCH();
}

// A free variable seen from a class body: the class's namespace goes first.
HANDLER(LOAD_CLASSDEREF) {
  SAVE_PLACE();
  PyObject* variable = PyTuple_GET_ITEM(frame->f_code->co_localsplusnames, oparg);
  PyObject* locals = frame->f_locals;
  if (!locals) {
    PyErr_Format(PyExc_SystemError, "no locals when loading %R", variable);
    END_ERROR();
  }
  PyObject* value;
  if (PyDict_CheckExact(locals)) {
    value = Py_XNewRef(PyDict_GetItemWithError(locals, variable));
    if (!value && PyErr_Occurred()) END_ERROR();
  } else {
    value = PyObject_GetItem(locals, variable);
    if (!value) {
      if (!PyErr_ExceptionMatches(PyExc_KeyError)) END_ERROR();
      PyErr_Clear();
    }
  }
  if (!value) {
    value = Py_XNewRef(PyCell_GET(frame->localsplus[oparg]));
    if (!value) {
      raise_unbound(frame, static_cast<int>(oparg));
      END_ERROR();
    }
  }
  *sp++ = value;
  END_DISPATCH();
}

}  // namespace gill::vm
