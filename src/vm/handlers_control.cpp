// Jumps and attributes.
#include "vm/handlers.h"

extern "C" int _PyObject_GetMethod(PyObject* object, PyObject* name, PyObject** method);

namespace gill::vm {

HANDLER(JUMP_FORWARD) {
  next += oparg;
  END_DISPATCH();
}

HANDLER(JUMP_BACKWARD_NO_INTERRUPT) {
  next -= oparg;
  END_DISPATCH();
}

// Ends a jump backwards, which answers requests as any loop does; SAVE_PLACE() comes before.
#define END_JUMP_BACK()                                                                                              \
  do {                                                                                                               \
    if (thread->interpreter()->eval_requests.load(std::memory_order_relaxed)) [[unlikely]] TAIL(answer_requests);    \
    END_DISPATCH();                                                                                                  \
  } while (0)

// Pops and jumps when the truth of the top is as wanted. Truth other than that of bools is a step of its own.
#define CONDITIONAL(NAME, SIGN, WANTED, END_JUMP)                            \
  namespace {                                                                \
  VM_STEP NAME##_by_truth(VM_PARAMETERS) {                         \
    PyObject* condition = *--sp;                                             \
    int truth = PyObject_IsTrue(condition);                                  \
    release(condition);                                                      \
    if (truth < 0) END_ERROR();                                              \
    if ((truth != 0) == WANTED) next SIGN oparg;                             \
    END_CHECKED();                                                           \
  }                                                                          \
  }                                                                          \
  HANDLER(NAME) {                                                            \
    PyObject* condition = sp[-1];                                            \
    SAVE_PLACE();                                                            \
    if (condition == (WANTED ? Py_False : Py_True)) {                        \
      --sp;                                                                  \
      END_DISPATCH();                                                        \
    }                                                                        \
    if (condition != (WANTED ? Py_True : Py_False)) TAIL(NAME##_by_truth);   \
    --sp;                                                                    \
    next SIGN oparg;                                                         \
    END_JUMP();                                                              \
  }
CONDITIONAL(POP_JUMP_FORWARD_IF_FALSE, +=, false, END_DISPATCH)
CONDITIONAL(POP_JUMP_FORWARD_IF_TRUE, +=, true, END_DISPATCH)
CONDITIONAL(POP_JUMP_BACKWARD_IF_FALSE, -=, false, END_JUMP_BACK)
CONDITIONAL(POP_JUMP_BACKWARD_IF_TRUE, -=, true, END_JUMP_BACK)
#undef CONDITIONAL

#define NONE_TEST(NAME, SIGN, WANTED)                          \
  HANDLER(NAME) {                                              \
    SAVE_PLACE();                                              \
    PyObject* value = *--sp;                                   \
    if ((value == Py_None) == WANTED) next SIGN oparg;         \
    END_DROP(value);                                           \
  }
NONE_TEST(POP_JUMP_FORWARD_IF_NONE, +=, true)
NONE_TEST(POP_JUMP_FORWARD_IF_NOT_NONE, +=, false)
#undef NONE_TEST

#define NONE_TEST_BACK(NAME, WANTED)                           \
  HANDLER(NAME) {                                              \
    SAVE_PLACE();                                              \
    PyObject* value = *--sp;                                   \
    if ((value == Py_None) == WANTED) next -= oparg;           \
    if (drops_to_zero(value)) {                                \
      ctx->dying = value;                                      \
      TAIL(drop_one_checked);                                  \
    }                                                          \
    END_JUMP_BACK();                                           \
  }
NONE_TEST_BACK(POP_JUMP_BACKWARD_IF_NONE, true)
NONE_TEST_BACK(POP_JUMP_BACKWARD_IF_NOT_NONE, false)
#undef NONE_TEST_BACK

#define JUMP_OR_POP(NAME, WANTED)                       \
  HANDLER(NAME) {                                       \
    SAVE_PLACE();                                       \
    PyObject* condition = sp[-1];                       \
    int truth = condition == Py_True ? 1 : condition == Py_False ? 0 : PyObject_IsTrue(condition); \
    if (truth < 0) END_ERROR();                         \
    if ((truth != 0) == WANTED) {                       \
      next += oparg;                                    \
    } else {                                            \
      --sp;                                             \
      Py_DECREF(condition);                             \
    }                                                   \
    END_DISPATCH();                                     \
  }
JUMP_OR_POP(JUMP_IF_FALSE_OR_POP, false)
JUMP_OR_POP(JUMP_IF_TRUE_OR_POP, true)
#undef JUMP_OR_POP

HANDLER(LOAD_ATTR) {
  SAVE_PLACE();
  PyObject* owner = sp[-1];
  PyObject* value = PyObject_GetAttr(owner, name_at(frame, oparg));
  if (!value) END_ERROR();
  sp[-1] = value;
  Py_DECREF(owner);
  SKIP_CACHES(LOAD_ATTR);
  END_DISPATCH();
}

// Pushes an unbound method and its object, or null and a callable.
HANDLER(LOAD_METHOD) {
  SAVE_PLACE();
  PyObject* owner = sp[-1];
  PyObject* method = nullptr;
  int unbound = _PyObject_GetMethod(owner, name_at(frame, oparg), &method);
  if (!method) END_ERROR();
  if (unbound) {
    sp[-1] = method;
    *sp++ = owner;
  } else {
    sp[-1] = nullptr;
    *sp++ = method;
    Py_DECREF(owner);
  }
  SKIP_CACHES(LOAD_METHOD);
  END_DISPATCH();
}

HANDLER(STORE_ATTR) {
  SAVE_PLACE();
  PyObject *owner = sp[-1], *value = sp[-2];
  int failed = PyObject_SetAttr(owner, name_at(frame, oparg), value);
  sp -= 2;
  Py_DECREF(value);
  Py_DECREF(owner);
  if (failed) END_ERROR();
  SKIP_CACHES(STORE_ATTR);
  END_DISPATCH();
}

HANDLER(DELETE_ATTR) {
  SAVE_PLACE();
  PyObject* owner = *--sp;
  int failed = PyObject_SetAttr(owner, name_at(frame, oparg), nullptr);
  Py_DECREF(owner);
  if (failed) END_ERROR();
  END_DISPATCH();
}

}  // namespace gill::vm
