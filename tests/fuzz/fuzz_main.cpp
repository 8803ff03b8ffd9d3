// What libFuzzer calls: one interpreter, started once, whose targets.py runs each input.
//
// GILL_FUZZ names the target; tools/fuzz.py sets it and PYTHONPATH, where targets.py is found.
#include <Python.h>

#include <cstdlib>

namespace {

[[noreturn]] void end_by_exception() {
  PyErr_Print();
  abort();
}

PyObject* new_target_function() {
  const char* name = getenv("GILL_FUZZ");
  PyObject* targets = PyImport_ImportModule("targets");
  PyObject* function = targets ? PyObject_CallMethod(targets, "prepare", "s", name ? name : "") : nullptr;
  if (!function) end_by_exception();
  Py_DECREF(targets);
  return function;
}

PyObject* target_function = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  Py_InitializeEx(0);  // libFuzzer handles the signals
  target_function = new_target_function();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  PyObject* result = PyObject_CallFunction(target_function, "y#", data, static_cast<Py_ssize_t>(size));
  if (!result) end_by_exception();
  Py_DECREF(result);
  return 0;
}
