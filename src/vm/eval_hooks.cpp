// Rarely used C API of evaluation: frames run by hand, the eval-frame hook, what extensions attach to code objects,
// names of callables for messages, old ways to call.
#include <cstdarg>

#include "objects/code.h"
#include "vm/interpreter.h"
#include "vm/verify.h"

using namespace gill;

extern "C" {

// ---- frames -----------------------------------------------------------------------------------------------

PyObject* PyEval_EvalFrameEx(PyFrameObject* frame, int throwing) {
  // A frame made by PyFrame_New begins behind the first instruction.
  PyCodeObject* code = frame->f_frame->f_code;
  if (!is_verified(code) && vm::verify(code) == Status::error) return nullptr;
  return vm::evaluate(current_thread(), frame->f_frame, throwing != 0);
}
PyObject* PyEval_EvalFrame(PyFrameObject* frame) { return PyEval_EvalFrameEx(frame, 0); }
[[gnu::visibility("default")]] int _PyFrame_IsEntryFrame(PyFrameObject* frame) { return frame->f_frame->is_entry; }

_PyFrameEvalFunction _PyInterpreterState_GetEvalFrameFunc(PyInterpreterState* interpreter) {
  vm::State* state = vm::state_of(internal(interpreter));
  return state->eval_frame ? state->eval_frame : _PyEval_EvalFrameDefault;
}
void _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState* interpreter, _PyFrameEvalFunction hook) {
  vm::state_of(internal(interpreter))->eval_frame = hook == _PyEval_EvalFrameDefault ? nullptr : hook;
}

// ---- data of extensions on code objects ----------------------------------------------------------------------

Py_ssize_t _PyEval_RequestCodeExtraIndex(freefunc destroy) {
  vm::State* state = vm::state_of(current_interpreter());
  if (state->code_extra_count == static_cast<Py_ssize_t>(std::size(state->code_extra)) - 1) return -1;
  state->code_extra[state->code_extra_count] = destroy;
  return state->code_extra_count++;
}
Py_ssize_t gill_code_extra_count() { return vm::state_of(current_interpreter())->code_extra_count; }
freefunc gill_code_extra_destructor(Py_ssize_t index) { return vm::state_of(current_interpreter())->code_extra[index]; }

// ---- names ------------------------------------------------------------------------------------------------

PyObject* _PyEval_GetBuiltinId(_Py_Identifier* id) {
  PyObject* text = _PyUnicode_FromId(id);
  return text ? _PyEval_GetBuiltin(text) : nullptr;
}

const char* PyEval_GetFuncName(PyObject* function) {
  if (PyMethod_Check(function)) return PyEval_GetFuncName(PyMethod_GET_FUNCTION(function));
  if (PyFunction_Check(function)) return PyUnicode_AsUTF8(reinterpret_cast<PyFunctionObject*>(function)->func_name);
  if (PyCFunction_Check(function)) return reinterpret_cast<PyCFunctionObject*>(function)->m_ml->ml_name;
  return Py_TYPE(function)->tp_name;
}
const char* PyEval_GetFuncDesc(PyObject* function) {
  return PyMethod_Check(function) || PyFunction_Check(function) || PyCFunction_Check(function) ? "()" : " object";
}

// ---- calls, as they were before PyObject_Call ------------------------------------------------------------------

static PyObject* call_with_tuple(PyObject* callable, PyObject* args, PyObject* kwargs) {
  if (args && !PyTuple_Check(args)) return raise(PyExc_TypeError, "argument list must be a tuple");
  if (kwargs && !PyDict_Check(kwargs)) return raise(PyExc_TypeError, "keyword list must be a dictionary");
  Ref<> positional = args ? borrow(args) : steal(PyTuple_New(0));
  return positional ? PyObject_Call(callable, positional.get(), kwargs) : nullptr;
}
PyObject* PyEval_CallObjectWithKeywords(PyObject* callable, PyObject* args, PyObject* kwargs) { return call_with_tuple(callable, args, kwargs); }

static PyObject* call_with_format(PyObject* callable, const char* format, va_list values) {
  Ref<> args = steal(Py_VaBuildValue(format, values));
  return args ? call_with_tuple(callable, args.get(), nullptr) : nullptr;
}
PyObject* PyEval_CallFunction(PyObject* callable, const char* format, ...) {
  va_list values;
  va_start(values, format);
  PyObject* result = call_with_format(callable, format, values);
  va_end(values);
  return result;
}
PyObject* PyEval_CallMethod(PyObject* object, const char* method, const char* format, ...) {
  Ref<> callable = steal(PyObject_GetAttrString(object, method));
  if (!callable) return nullptr;
  va_list values;
  va_start(values, format);
  PyObject* result = call_with_format(callable.get(), format, values);
  va_end(values);
  return result;
}

}  // extern "C"
