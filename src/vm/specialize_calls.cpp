// CALL of Python functions: cache is counter, version of the function (2), arguments that have no default. PRECALL's forms for
// them leave the call itself to CALL; for those of built-in callables see specialize_builtins.cpp.
// CALL of classes: counter, version of the class (2), version of its __init__.
#include "objects/type.h"
#include "vm/calls.h"
#include "vm/specialize.h"

namespace gill::vm {

uint32_t function_version(PyFunctionObject* function) {
  if (function->func_version) return function->func_version;
  if (function->vectorcall != _PyFunction_Vectorcall) return 0;
  State* state = state_of(current_interpreter());
  if (!state->next_function_version) return 0;
  return function->func_version = state->next_function_version++;
}

namespace {

// How many leading parameters have no default, when a call by position may leave others to their defaults; negative when
// the function is none for that.
Py_ssize_t required_arguments(PyFunctionObject* function) {
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  if (!takes_exactly(function, code->co_argcount)) return -1;
  Py_ssize_t defaults = function->func_defaults ? PyTuple_GET_SIZE(function->func_defaults) : 0;
  return code->co_argcount - defaults;
}

}  // namespace

// A class whose instances are made without more than its __init__ of so many arguments, besides the instance.
static void specialize_class_call(ThreadState* thread, EvalContext* ctx, CodeUnit* next, PyObject* callable, Py_ssize_t count) {
  if (!can_construct(thread, ctx, callable)) return found_nothing(next);
  auto* type = reinterpret_cast<PyTypeObject*>(callable);
  auto* init = reinterpret_cast<PyFunctionObject*>(type_lookup(type, name<"__init__">));
  uint32_t version = takes_exactly(init, count + 1) && assign_version_tag(type) ? function_version(init) : 0;
  if (!version || version > UINT16_MAX) return found_nothing(next);
  write32(next + 1, type->tp_version_tag);
  next[3] = static_cast<CodeUnit>(version);
  specialized_to(next, Op::CALL_CLASS);
}

void specialize_call(ThreadState* thread, EvalContext* ctx, CodeUnit* next, PyObject* callable, Py_ssize_t count, PyObject* kwnames) {
  if (!kwnames && PyType_Check(callable)) return specialize_class_call(thread, ctx, next, callable, count);
  if (kwnames || !is_plain_function(callable)) return found_nothing(next);
  auto* function = reinterpret_cast<PyFunctionObject*>(callable);
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Py_ssize_t required = required_arguments(function);
  if (required < 0 || required > UINT16_MAX || count < required || count > code->co_argcount) return found_nothing(next);
  uint32_t version = function_version(function);
  if (!version) return found_nothing(next);
  write32(next + 1, version);
  next[3] = static_cast<CodeUnit>(required);
  specialized_to(next, count == code->co_argcount ? Op::CALL_PY_EXACT_ARGS : Op::CALL_PY_WITH_DEFAULTS);
}

namespace {

inline PyFunctionObject* versioned_function(PyObject* callable, const CodeUnit* next) {
  if (!Py_IS_TYPE(callable, &PyFunction_Type)) return nullptr;
  auto* function = reinterpret_cast<PyFunctionObject*>(callable);
  return function->func_version == read32(next + 1) ? function : nullptr;
}

}  // namespace

HANDLER(CALL_ADAPTIVE) {
  if (next[0] == 0) {
    SAVE_PLACE();
    Operands call(sp, oparg);
    specialize_call(thread, ctx, next, call.callable(), call.count, ctx->kw_names);
    [[clang::musttail]] return kPlainTable.at[next[-1] & 255](VM_ARGUMENTS);
  }
  --next[0];
  TAIL(op_CALL);
}

HANDLER(CALL_PY_EXACT_ARGS) {
  Operands call(sp, oparg);
  PyFunctionObject* function = versioned_function(call.callable(), next);
  if (!function || ctx->kw_names) [[unlikely]] END_MISS(CALL);
  if (call.count != reinterpret_cast<PyCodeObject*>(function->func_code)->co_argcount) [[unlikely]] END_MISS(CALL);
  Frame* callee = push_quickly(thread, function);
  if (!callee) [[unlikely]] TAIL(op_CALL);
  fill_frame(callee, function, call.args, call.count);
  sp = call.base;
  SKIP_CACHES(CALL);
  END_CALL(callee);
}

HANDLER(CALL_PY_WITH_DEFAULTS) {
  Operands call(sp, oparg);
  PyFunctionObject* function = versioned_function(call.callable(), next);
  if (!function || ctx->kw_names) [[unlikely]] END_MISS(CALL);
  Py_ssize_t required = next[3], total = reinterpret_cast<PyCodeObject*>(function->func_code)->co_argcount;
  if (call.count < required || call.count > total) [[unlikely]] END_MISS(CALL);
  Frame* callee = push_quickly(thread, function);
  if (!callee) [[unlikely]] TAIL(op_CALL);
  fill_frame(callee, function, call.args, call.count);
  for (Py_ssize_t i = call.count; i < total; ++i) {
    PyObject* value = PyTuple_GET_ITEM(function->func_defaults, i - required);
    retain(value);
    callee->localsplus[i] = value;
  }
  sp = call.base;
  SKIP_CACHES(CALL);
  END_CALL(callee);
}

// What construct() does in general.
HANDLER(CALL_CLASS) {
  PyObject** base = sp - oparg - 2;
  PyObject* cls = base[1];
  if (base[0] || ctx->kw_names || Py_TYPE(cls)->tp_call != PyType_Type.tp_call || ctx->cframe.use_tracing) [[unlikely]] END_MISS(CALL);
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  if (type->tp_version_tag != read32(next + 1)) [[unlikely]] END_MISS(CALL);
  auto* init = reinterpret_cast<PyFunctionObject*>(type_lookup(type, name<"__init__">));
  if (init->func_version != next[3]) [[unlikely]] END_MISS(CALL);
  Frame* callee = push_quickly(thread, init);
  if (!callee) [[unlikely]] TAIL(op_CALL);
  SAVE_PLACE();
  PyObject* instance = PyType_GenericAlloc(type, 0);
  if (!instance) [[unlikely]] {
    pop_frame(thread, callee);
    END_ERROR();
  }
  // One for the result, and one for the first argument in the place of the class, which the instance holds, too.
  retain(instance);
  base[0] = base[1] = instance;
  if (!is_immortal(cls)) --cls->ob_refcnt;
  retain(as_object(init));
  fill_frame(callee, init, base + 1, static_cast<Py_ssize_t>(oparg) + 1);
  callee->constructs = true;
  sp = base + 1;
  SKIP_CACHES(CALL);
  END_CALL(callee);
}

// ---- PRECALL ----------------------------------------------------------------------------------------

HANDLER(PRECALL_ADAPTIVE) {
  if (next[0] == 0) {
    SAVE_PLACE();
    Operands call(sp, oparg);
    specialize_precall(thread, next, oparg, call.callable(), call.count, ctx->kw_names);
    [[clang::musttail]] return kPlainTable.at[next[-1] & 255](VM_ARGUMENTS);
  }
  --next[0];
  TAIL(op_PRECALL);
}

HANDLER(PRECALL_PYFUNC) {
  constexpr int kCaches = info_of(Op::PRECALL).caches;
  // CALL looks at the callable more closely.
  if (static_cast<Op>(next[kCaches] & 255) == Op::CALL_PY_EXACT_ARGS) [[likely]] {
    next += kCaches + 1;
    TAIL(op_CALL_PY_EXACT_ARGS);
  }
  Operands call(sp, oparg);
  if (!Py_IS_TYPE(call.callable(), &PyFunction_Type)) [[unlikely]] END_MISS(PRECALL);
  SKIP_CACHES(PRECALL);
  END_DISPATCH();
}

HANDLER(PRECALL_BOUND_METHOD) {
  PyObject** base = sp - oparg - 2;
  if (base[0] || !Py_IS_TYPE(base[1], &PyMethod_Type)) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* method = base[1];
  base[0] = borrow(PyMethod_GET_FUNCTION(method)).release();
  base[1] = borrow(PyMethod_GET_SELF(method)).release();
  release(method);
  SKIP_CACHES(PRECALL);
  END_DISPATCH();
}

}  // namespace gill::vm
