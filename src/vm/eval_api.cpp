// Evaluation through the published C API.
#include "vm/calls.h"

using namespace gill;

namespace {

// Runs a fresh frame to its end. Null with an exception when there is no frame.
PyObject* run_and_leave(ThreadState* thread, Frame* frame) {
  if (!frame) return nullptr;
  PyObject* result = vm::evaluate(thread, frame, false);
  vm::leave_frame(thread, frame);
  return result;
}

Frame* current_frame() {
  ThreadState* thread = current_thread();
  return thread ? complete_frame(thread->cframe->current_frame) : nullptr;
}

}  // namespace

extern "C" {

PyObject* _PyEval_EvalFrameDefault(PyThreadState* thread, Frame* frame, int throwing) {
  return vm::run_frame(static_cast<ThreadState*>(thread), frame, throwing != 0);
}

PyObject* _PyFunction_Vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* function = reinterpret_cast<PyFunctionObject*>(callable);
  auto* code = reinterpret_cast<PyCodeObject*>(function->func_code);
  Py_ssize_t positional = PyVectorcall_NARGS(nargsf);
  ThreadState* thread = current_thread();
  if (!kwnames && vm::takes_exactly(function, positional)) [[likely]] {
    if (Frame* frame = vm::push_quickly(thread, function)) [[likely]] {
      retain(callable);
      for (Py_ssize_t i = 0; i < positional; ++i) retain(args[i]);
      vm::fill_frame(frame, function, args, positional);
      PyObject* result = vm::run_frame(thread, frame, false);
      vm::leave_frame(thread, frame);
      return result;
    }
  }
  Py_ssize_t all = positional + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  // The frame takes the arguments over.
  for (Py_ssize_t i = 0; i < all; ++i) retain(args[i]);
  retain(callable);
  PyObject* locals = code->co_flags & CO_OPTIMIZED ? nullptr : borrow(function->func_globals).release();
  return run_and_leave(thread, vm::push_call(thread, function, locals, args, static_cast<size_t>(positional), kwnames));
}

PyObject* PyEval_EvalCode(PyObject* code, PyObject* globals, PyObject* locals) {
  if (!globals) {
    PyErr_SetString(PyExc_SystemError, "PyEval_EvalCode: NULL globals");
    return nullptr;
  }
  Ref<> function = steal(PyFunction_New(code, globals));
  if (!function) return nullptr;
  ThreadState* thread = current_thread();
  PyObject* namespace_ = borrow(locals ? locals : globals).release();
  auto* owned = reinterpret_cast<PyFunctionObject*>(function.release());
  return run_and_leave(thread, vm::push_call(thread, owned, namespace_, nullptr, 0, nullptr));
}

// With arguments, defaults and a closure given apart; defaults and closure may be null.
PyObject* PyEval_EvalCodeEx(PyObject* code, PyObject* globals, PyObject* locals, PyObject* const* args, int argc, PyObject* const* kws,
                            int kwc, PyObject* const* defaults, int defaultc, PyObject* kwdefaults, PyObject* closure) {
  Ref<> function = steal(PyFunction_New(code, globals));
  Ref<> default_values = defaultc ? steal(PyTuple_New(defaultc)) : Ref<>();
  Ref<> names = steal(PyTuple_New(kwc));
  if (!function || !names || (defaultc && !default_values)) return nullptr;
  for (int i = 0; i < defaultc; ++i) PyTuple_SET_ITEM(default_values.get(), i, borrow(defaults[i]).release());
  auto* made = reinterpret_cast<PyFunctionObject*>(function.get());
  set_field(made->func_defaults, std::move(default_values));
  set_field(made->func_kwdefaults, borrow(kwdefaults));
  set_field(made->func_closure, borrow(closure));
  // Keywords come as name and value in turn; the frame wants the values behind the positional arguments.
  auto** all = static_cast<PyObject**>(PyMem_Malloc(sizeof(PyObject*) * static_cast<size_t>(argc + kwc + 1)));
  if (!all) return PyErr_NoMemory();
  for (int i = 0; i < argc; ++i) all[i] = borrow(args[i]).release();
  for (int i = 0; i < kwc; ++i) {
    PyTuple_SET_ITEM(names.get(), i, borrow(kws[2 * i]).release());
    all[argc + i] = borrow(kws[2 * i + 1]).release();
  }
  ThreadState* thread = current_thread();
  auto* owned = reinterpret_cast<PyFunctionObject*>(function.release());
  PyObject* result = run_and_leave(thread, vm::push_call(thread, owned, borrow(locals ? locals : globals).release(), all,
                                                         static_cast<size_t>(argc), kwc ? names.get() : nullptr));
  PyMem_Free(all);
  return result;
}

PyFrameObject* PyEval_GetFrame(void) {
  Frame* frame = current_frame();
  if (!frame) return nullptr;
  PyFrameObject* object = frame_object(frame);
  if (!object) PyErr_Clear();
  return object;
}
PyObject* PyEval_GetBuiltins(void) {
  Frame* frame = current_frame();
  return frame ? frame->f_builtins : current_interpreter()->builtins;
}
PyObject* PyEval_GetGlobals(void) {
  Frame* frame = current_frame();
  return frame ? frame->f_globals : nullptr;
}
PyObject* PyEval_GetLocals(void) {
  Frame* frame = current_frame();
  if (!frame) {
    PyErr_SetString(PyExc_SystemError, "frame does not exist");
    return nullptr;
  }
  return fast_to_locals(frame);
}
PyObject* _PyEval_GetBuiltin(PyObject* key) {
  PyObject* value = PyDict_GetItemWithError(PyEval_GetBuiltins(), key);
  if (!value && !PyErr_Occurred()) PyErr_SetObject(PyExc_AttributeError, key);
  return borrow(value).release();
}
int PyEval_MergeCompilerFlags(PyCompilerFlags* flags) {
  if (Frame* frame = current_frame()) flags->cf_flags |= frame->f_code->co_flags & PyCF_MASK;
  return flags->cf_flags != 0;
}

}  // extern "C"
