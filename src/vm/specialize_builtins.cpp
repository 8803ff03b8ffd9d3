// PRECALL of built-in callables: the whole call, the CALL behind it included. Cache is a counter alone.
//
// Each form takes the place of looking up how the callable wants its arguments: it checks the kind of the callable, and then calls
// the C function behind it directly.
#include "objects/dict_table.h"
#include "objects/list.h"
#include "vm/calls.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

constexpr int kPrecallUnits = 1 + info_of(Op::PRECALL).caches;
constexpr int kCallUnits = 1 + info_of(Op::CALL).caches;
constexpr int kConventions = METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD;

int convention_of(PyMethodDef* definition) { return definition->ml_flags & kConventions; }

// The callables that have a form of their own, as start-up made them.
const KnownCallables& known_callables(Interpreter* interpreter) {
  KnownCallables& known = state_of(interpreter)->known;
  if (!known.list_append) {
    PyObject* builtins = interpreter->builtins_copy ? interpreter->builtins_copy : interpreter->builtins;
    known.len = borrow(PyDict_GetItemWithError(builtins, name<"len">)).release();
    known.isinstance = borrow(PyDict_GetItemWithError(builtins, name<"isinstance">)).release();
    known.list_append = borrow(PyDict_GetItemWithError(PyList_Type.tp_dict, name<"append">)).release();
  }
  return known;
}

Op builtin_function_form(const KnownCallables& known, PyObject* callable, Py_ssize_t count, PyObject* kwnames) {
  switch (convention_of(reinterpret_cast<PyCFunctionObject*>(callable)->m_ml)) {
    case METH_O:
      if (kwnames || count != 1) return Op::PRECALL;
      return callable == known.len ? Op::PRECALL_NO_KW_LEN : Op::PRECALL_NO_KW_BUILTIN_O;
    case METH_FASTCALL:
      if (kwnames) return Op::PRECALL;
      return callable == known.isinstance && count == 2 ? Op::PRECALL_NO_KW_ISINSTANCE : Op::PRECALL_NO_KW_BUILTIN_FAST;
    case METH_FASTCALL | METH_KEYWORDS: return Op::PRECALL_BUILTIN_FAST_WITH_KEYWORDS;
    default: return Op::PRECALL;
  }
}

Op descriptor_form(const KnownCallables& known, CodeUnit* next, PyObject* callable, uint32_t oparg, Py_ssize_t count, PyObject* kwnames) {
  switch (convention_of(reinterpret_cast<PyMethodDescrObject*>(callable)->d_method)) {
    case METH_NOARGS: return !kwnames && count == 1 ? Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_NOARGS : Op::PRECALL;
    case METH_O: {
      if (kwnames || count != 2) return Op::PRECALL;
      bool dropped = static_cast<Op>(next[kPrecallUnits - 1 + kCallUnits] & 255) == Op::POP_TOP;
      return callable == known.list_append && oparg == 1 && dropped ? Op::PRECALL_NO_KW_LIST_APPEND : Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_O;
    }
    case METH_FASTCALL: return kwnames || count == 0 ? Op::PRECALL : Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_FAST;
    case METH_FASTCALL | METH_KEYWORDS: return count == 0 ? Op::PRECALL : Op::PRECALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS;
    default: return Op::PRECALL;
  }
}

Op class_form(PyTypeObject* type, Py_ssize_t count, PyObject* kwnames) {
  if (PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE) && count == 1 && !kwnames) {
    if (type == &PyUnicode_Type) return Op::PRECALL_NO_KW_STR_1;
    if (type == &PyType_Type) return Op::PRECALL_NO_KW_TYPE_1;
    if (type == &PyTuple_Type) return Op::PRECALL_NO_KW_TUPLE_1;
  }
  return type->tp_vectorcall ? Op::PRECALL_BUILTIN_CLASS : Op::PRECALL;
}

}  // namespace

void specialize_precall(ThreadState* thread, CodeUnit* next, uint32_t oparg, PyObject* callable, Py_ssize_t count, PyObject* kwnames) {
  bool bound = count > static_cast<Py_ssize_t>(oparg);
  CodeUnit call = next[kPrecallUnits - 1];
  bool joined = plain_form(static_cast<Op>(call & 255)) == Op::CALL && static_cast<uint32_t>(call >> 8) == oparg;
  const KnownCallables& known = known_callables(thread->interpreter());
  Op form = Op::PRECALL;
  if (Py_IS_TYPE(callable, &PyFunction_Type)) form = Op::PRECALL_PYFUNC;
  else if (Py_IS_TYPE(callable, &PyMethod_Type)) form = bound ? Op::PRECALL : Op::PRECALL_BOUND_METHOD;
  else if (!joined) form = Op::PRECALL;
  else if (Py_IS_TYPE(callable, &PyCFunction_Type)) form = builtin_function_form(known, callable, count, kwnames);
  else if (Py_IS_TYPE(callable, &PyMethodDescr_Type)) form = descriptor_form(known, next, callable, oparg, count, kwnames);
  else if (Py_IS_TYPE(callable, &PyType_Type)) form = class_form(reinterpret_cast<PyTypeObject*>(callable), count, kwnames);
  if (form == Op::PRECALL) found_nothing(next);
  else specialized_to(next, form);
}

// ---- the forms --------------------------------------------------------------------------------------

// Puts the result in place of the operands and goes on behind CALL. Uses `call` (Operands) and `result`.
#define END_CALLED()                                                       \
  do {                                                                     \
    for (Py_ssize_t i_ = 0; i_ < call.count; ++i_) release(call.args[i_]); \
    release(call.callable());                                              \
    sp = call.base;                                                        \
    if (!result) [[unlikely]] END_ERROR();                                 \
    *sp++ = result;                                                        \
    next += kPrecallUnits - 1 + kCallUnits;                                \
    END_CHECKED();                                                         \
  } while (0)

namespace {

// A result and the current exception must agree.
[[gnu::always_inline]] inline PyObject* checked_result(ThreadState* thread, PyObject* callable, PyObject* result) {
  if ((result == nullptr) == (thread->curexc_type != nullptr)) [[likely]] return result;
  return _Py_CheckFunctionResult(thread, callable, result, nullptr);
}

inline PyCFunctionObject* builtin_function(PyObject* callable, int convention) {
  if (!Py_IS_TYPE(callable, &PyCFunction_Type)) return nullptr;
  auto* function = reinterpret_cast<PyCFunctionObject*>(callable);
  return convention_of(function->m_ml) == convention ? function : nullptr;
}
inline PyObject* self_of(PyCFunctionObject* function) { return function->m_ml->ml_flags & METH_STATIC ? nullptr : function->m_self; }

// The method of a descriptor that the object may be passed to.
inline PyMethodDef* descriptor_method(PyObject* callable, PyObject* self, int convention) {
  if (!Py_IS_TYPE(callable, &PyMethodDescr_Type)) return nullptr;
  auto* descriptor = reinterpret_cast<PyMethodDescrObject*>(callable);
  if (convention_of(descriptor->d_method) != convention || !PyObject_TypeCheck(self, descriptor->d_common.d_type)) return nullptr;
  return descriptor->d_method;
}

inline PyObject* call_one(ThreadState* thread, PyCFunction function, PyObject* self, PyObject* argument) {
  if (!enter_recursive_call(" while calling a Python object")) [[unlikely]] return nullptr;
  PyObject* result = function(self, argument);
  ++thread->recursion_remaining;
  return result;
}

}  // namespace

HANDLER(PRECALL_NO_KW_BUILTIN_O) {
  Operands call(sp, oparg);
  PyCFunctionObject* function = builtin_function(call.callable(), METH_O);
  if (!function || call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = checked_result(thread, call.callable(), call_one(thread, function->m_ml->ml_meth, self_of(function), call.args[0]));
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_BUILTIN_FAST) {
  Operands call(sp, oparg);
  PyCFunctionObject* function = builtin_function(call.callable(), METH_FASTCALL);
  if (!function || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  auto fast = reinterpret_cast<_PyCFunctionFast>(reinterpret_cast<void*>(function->m_ml->ml_meth));
  PyObject* result = checked_result(thread, call.callable(), fast(self_of(function), call.args, call.count));
  END_CALLED();
}

HANDLER(PRECALL_BUILTIN_FAST_WITH_KEYWORDS) {
  Operands call(sp, oparg);
  PyCFunctionObject* function = builtin_function(call.callable(), METH_FASTCALL | METH_KEYWORDS);
  if (!function) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* kwnames = std::exchange(ctx->kw_names, nullptr);
  Py_ssize_t positional = call.count - (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  auto fast = reinterpret_cast<_PyCFunctionFastWithKeywords>(reinterpret_cast<void*>(function->m_ml->ml_meth));
  PyObject* result = checked_result(thread, call.callable(), fast(self_of(function), call.args, positional, kwnames));
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_LEN) {
  Operands call(sp, oparg);
  if (call.callable() != state_of(thread->interpreter())->known.len || call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* object = call.args[0];
  Py_ssize_t size = Py_IS_TYPE(object, &PyList_Type) || Py_IS_TYPE(object, &PyTuple_Type) ? Py_SIZE(object) : PyObject_Size(object);
  PyObject* result = size < 0 ? nullptr : PyLong_FromSsize_t(size);
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_ISINSTANCE) {
  Operands call(sp, oparg);
  if (call.callable() != state_of(thread->interpreter())->known.isinstance || call.count != 2 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject *object = call.args[0], *type = call.args[1];
  int answer = as_object(Py_TYPE(object)) == type ? 1 : PyObject_IsInstance(object, type);
  PyObject* result = answer < 0 ? nullptr : answer ? Py_True : Py_False;
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_TYPE_1) {
  Operands call(sp, oparg);
  if (call.callable() != as_object(&PyType_Type) || call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = borrow(as_object(Py_TYPE(call.args[0]))).release();
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_STR_1) {
  Operands call(sp, oparg);
  if (call.callable() != as_object(&PyUnicode_Type) || call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = PyObject_Str(call.args[0]);
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_TUPLE_1) {
  Operands call(sp, oparg);
  if (call.callable() != as_object(&PyTuple_Type) || call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = PySequence_Tuple(call.args[0]);
  END_CALLED();
}

HANDLER(PRECALL_BUILTIN_CLASS) {
  Operands call(sp, oparg);
  // A metaclass may see calls otherwise.
  if (!Py_IS_TYPE(call.callable(), &PyType_Type)) [[unlikely]] END_MISS(PRECALL);
  vectorcallfunc make = reinterpret_cast<PyTypeObject*>(call.callable())->tp_vectorcall;
  if (!make) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* kwnames = std::exchange(ctx->kw_names, nullptr);
  Py_ssize_t positional = call.count - (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  PyObject* result = checked_result(thread, call.callable(), make(call.callable(), call.args, static_cast<size_t>(positional), kwnames));
  END_CALLED();
}

// ---- methods of built-in types ------------------------------------------------------------------------

HANDLER(PRECALL_NO_KW_METHOD_DESCRIPTOR_NOARGS) {
  Operands call(sp, oparg);
  if (call.count != 1 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  PyMethodDef* method = descriptor_method(call.callable(), call.args[0], METH_NOARGS);
  if (!method) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = checked_result(thread, call.callable(), call_one(thread, method->ml_meth, call.args[0], nullptr));
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_METHOD_DESCRIPTOR_O) {
  Operands call(sp, oparg);
  if (call.count != 2 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  PyMethodDef* method = descriptor_method(call.callable(), call.args[0], METH_O);
  if (!method) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* result = checked_result(thread, call.callable(), call_one(thread, method->ml_meth, call.args[0], call.args[1]));
  END_CALLED();
}

HANDLER(PRECALL_NO_KW_METHOD_DESCRIPTOR_FAST) {
  Operands call(sp, oparg);
  if (call.count == 0 || ctx->kw_names) [[unlikely]] END_MISS(PRECALL);
  PyMethodDef* method = descriptor_method(call.callable(), call.args[0], METH_FASTCALL);
  if (!method) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  auto fast = reinterpret_cast<_PyCFunctionFast>(reinterpret_cast<void*>(method->ml_meth));
  PyObject* result = checked_result(thread, call.callable(), fast(call.args[0], call.args + 1, call.count - 1));
  END_CALLED();
}

HANDLER(PRECALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS) {
  Operands call(sp, oparg);
  if (call.count == 0) [[unlikely]] END_MISS(PRECALL);
  PyMethodDef* method = descriptor_method(call.callable(), call.args[0], METH_FASTCALL | METH_KEYWORDS);
  if (!method) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  PyObject* kwnames = std::exchange(ctx->kw_names, nullptr);
  Py_ssize_t positional = call.count - 1 - (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  // Without an object of its own the call is an error, which the plain form makes.
  if (positional < 0) [[unlikely]] {
    ctx->kw_names = kwnames;
    END_MISS(PRECALL);
  }
  auto fast = reinterpret_cast<_PyCFunctionFastWithKeywords>(reinterpret_cast<void*>(method->ml_meth));
  PyObject* result = checked_result(thread, call.callable(), fast(call.args[0], call.args + 1, positional, kwnames));
  END_CALLED();
}

// items.append(item), and the POP_TOP behind it.
HANDLER(PRECALL_NO_KW_LIST_APPEND) {
  PyObject** base = sp - 3;
  if (base[0] != state_of(thread->interpreter())->known.list_append || ctx->kw_names || !PyList_Check(base[1])) [[unlikely]] END_MISS(PRECALL);
  SAVE_PLACE();
  sp = base;
  PyObject *callable = base[0], *list = base[1];
  Status appended = list_append_steal(reinterpret_cast<PyListObject*>(list), base[2]);
  release(list);
  release(callable);
  if (appended == Status::error) [[unlikely]] END_ERROR();
  next += kPrecallUnits - 1 + kCallUnits + 1;
  END_DISPATCH();
}

}  // namespace gill::vm
