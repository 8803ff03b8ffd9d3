// Instances of Python classes made without leaving the loop: where a class has object's __new__ and an __init__ in Python, the
// instance is made here and its __init__ called as any Python function. The instance waits on the caller's stack.
#include "objects/type.h"
#include "objects/type_slots.h"
#include "vm/calls.h"
#include "vm/handlers.h"

namespace gill::vm {

namespace {

constexpr int kSuspending = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;

// The class's __init__, if calling it is all that making an instance takes; borrowed from the class.
PyFunctionObject* plain_init(PyTypeObject* type) {
  if (type->tp_new != object_new || type->tp_init != dispatch::initialize || type->tp_alloc != PyType_GenericAlloc) return nullptr;
  if (PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT)) return nullptr;
  PyObject* found = type_lookup(type, name<"__init__">);
  if (!found || !is_plain_function(found)) return nullptr;
  auto* function = reinterpret_cast<PyFunctionObject*>(found);
  int flags = reinterpret_cast<PyCodeObject*>(function->func_code)->co_flags;
  return (flags & CO_OPTIMIZED) && !(flags & kSuspending) ? function : nullptr;
}

}  // namespace

bool can_construct(ThreadState* thread, EvalContext* ctx, PyObject* callable) {
  // A metaclass may have a __call__ of its own.
  return Py_TYPE(callable)->tp_call == PyType_Type.tp_call && !ctx->cframe.use_tracing && !has_eval_hook(thread->interpreter()) &&
         plain_init(reinterpret_cast<PyTypeObject*>(callable));
}

VM_STEP construct(VM_PARAMETERS) {
  PyObject** base = sp - oparg - 2;
  PyObject* cls = base[1];
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  PyFunctionObject* function = plain_init(type);
  PyObject* kwnames = std::exchange(ctx->kw_names, nullptr);
  PyObject* instance = type->tp_alloc(type, 0);
  if (!instance) END_ERROR();
  // One for the result, and one for the first argument in the place of the class.
  base[0] = instance;
  retain(instance);
  base[1] = instance;
  retain(as_object(function));
  size_t positional = oparg + 1 - (kwnames ? static_cast<size_t>(PyTuple_GET_SIZE(kwnames)) : 0);
  Frame* callee = push_call(thread, function, nullptr, base + 1, positional, kwnames);
  release(cls);
  sp = base + 1;
  if (!callee) END_ERROR();
  callee->constructs = true;
  SKIP_CACHES(CALL);
  END_CALL(callee);
}

VM_STEP return_from_init(VM_PARAMETERS) {
  PyObject* result = *--sp;
  save_stack(frame, sp);
  ++thread->recursion_remaining;
  Frame* finished = frame;
  frame = finished->previous;
  ctx->cframe.current_frame = frame;
  leave_frame(thread, finished);
  sp = take_stack(frame);
  next = frame->prev_instr + 1;
  if (result != Py_None) [[unlikely]] {
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result)->tp_name);
    release(result);
    END_ERROR();
  }
  END_FRESH();
}

}  // namespace gill::vm
