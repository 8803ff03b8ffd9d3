// The atexit module: functions to be called when the interpreter ends, the last registered first.
//
// The list belongs to the interpreter, not to the module object: it is needed when modules are gone.
#include <Python.h>

#include "base/binding.h"
#include "base/names.h"
#include "runtime/interpreter.h"

namespace gill {

struct AtexitState {
  PyObject* callbacks;  // list of (function, arguments, keyword arguments or None)
};

namespace {

// Borrowed; made on first use.
PyObject* callbacks_of(Interpreter* interpreter) {
  if (!interpreter->atexit) {
    auto* state = static_cast<AtexitState*>(PyMem_RawCalloc(1, sizeof(AtexitState)));
    if (!state) return PyErr_NoMemory();
    interpreter->atexit = state;
  }
  if (!interpreter->atexit->callbacks) interpreter->atexit->callbacks = PyList_New(0);
  return interpreter->atexit->callbacks;
}

// A function that raises does not keep the others from being called.
void run_callbacks(Interpreter* interpreter) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  // Functions may register and unregister others.
  while (PyObject* callbacks = interpreter->atexit ? interpreter->atexit->callbacks : nullptr) {
    Py_ssize_t count = PyList_GET_SIZE(callbacks);
    if (count == 0) break;
    Ref<> entry = borrow(PyList_GET_ITEM(callbacks, count - 1));
    if (PyList_SetSlice(callbacks, count - 1, count, nullptr) < 0) break;
    PyObject* function = PyTuple_GET_ITEM(entry.get(), 0);
    PyObject* kwargs = PyTuple_GET_ITEM(entry.get(), 2);
    Ref<> result = steal(PyObject_Call(function, PyTuple_GET_ITEM(entry.get(), 1), kwargs == Py_None ? nullptr : kwargs));
    if (!result) _PyErr_WriteUnraisableMsg("in atexit callback", function);
  }
  PyErr_Restore(type, value, traceback);
}

Ref<> add(PyObject*, Args args, Kwargs kwargs) {
  if (args.count == 0) return raise(PyExc_TypeError, "register() takes at least 1 argument (0 given)");
  if (!PyCallable_Check(args[0])) return raise(PyExc_TypeError, "the first argument must be callable");
  Ref<> rest = TRY(steal(PyTuple_New(args.count - 1)));
  for (Py_ssize_t i = 1; i < args.count; ++i) PyTuple_SET_ITEM(rest.get(), i - 1, borrow(args[i]).release());
  Ref<> entry = TRY(steal(PyTuple_Pack(3, args[0], rest.get(), kwargs.dict ? kwargs.dict : Py_None)));
  TRY(status_of(PyList_Append(TRY(callbacks_of(current_interpreter())), entry.get())));
  return borrow(args[0]);
}

Status clear_all(PyObject*) {
  PyObject* callbacks = TRY(callbacks_of(current_interpreter()));
  return status_of(PyList_SetSlice(callbacks, 0, PyList_GET_SIZE(callbacks), nullptr));
}

Status remove(PyObject*, PyObject* function) {
  PyObject* callbacks = TRY(callbacks_of(current_interpreter()));
  for (Py_ssize_t i = PyList_GET_SIZE(callbacks) - 1; i >= 0; --i) {
    // Comparing runs code that may shorten the list.
    if (i >= PyList_GET_SIZE(callbacks)) continue;
    Ref<> entry = borrow(PyList_GET_ITEM(callbacks, i));
    if (!TRY(truth_of(PyObject_RichCompareBool(PyTuple_GET_ITEM(entry.get(), 0), function, Py_EQ)))) continue;
    if (i < PyList_GET_SIZE(callbacks) && PyList_GET_ITEM(callbacks, i) == entry.get()) {
      TRY(status_of(PyList_SetSlice(callbacks, i, i + 1, nullptr)));
    }
  }
  return Status::ok;
}

Status run_all(PyObject*) {
  run_callbacks(current_interpreter());
  return Status::ok;
}

Maybe<Py_ssize_t> count(PyObject*) { return PyList_GET_SIZE(TRY(callbacks_of(current_interpreter()))); }

const PyMethodDef kMethods[] = {
    METHOD_OF_TUPLE("register($module, /, *args, **kwargs)", add,
                    "register(func, *args, **kwargs) -> func\n\nHave the function called with the arguments when the program ends normally.\n\n    func - "
                    "function to be called at exit\n    args - optional arguments to pass to func\n    kwargs - optional keyword arguments to pass to "
                    "func\n\n    func is returned to facilitate usage as a decorator."),
    METHOD_UNSIGNED("_clear($module, /)", clear_all, "_clear() -> None\n\nClear the list of previously registered exit functions."),
    METHOD_UNSIGNED("unregister($module, func, /)", remove,
                    "unregister(func) -> None\n\nUnregister an exit function which was previously registered using\natexit.register\n\n    func - function "
                    "to be unregistered"),
    METHOD_UNSIGNED("_run_exitfuncs($module, /)", run_all,
                    "_run_exitfuncs() -> None\n\nRun all registered exit functions.\n\nIf a callback raises an exception, it is logged with "
                    "sys.unraisablehook."),
    METHOD_UNSIGNED("_ncallbacks($module, /)", count, "_ncallbacks() -> int\n\nReturn the number of registered exit functions."),
    kEndOfMethods,
};

const PyModuleDef_Slot kSlots[] = {{0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "atexit",
    .m_doc = "allow programmer to define multiple exit functions to be executed\nupon normal program termination.\n\nTwo public functions, register and "
             "unregister, are defined.\n",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill

// Calls them when the interpreter ends; those that register more then are obeyed too.
extern "C" void gill_run_atexit(gill::Interpreter* interpreter) {
  if (!interpreter->atexit) return;
  gill::run_callbacks(interpreter);
  gill::AtexitState* state = std::exchange(interpreter->atexit, nullptr);
  gill::clear_field(state->callbacks);
  PyMem_RawFree(state);
}

PyMODINIT_FUNC PyInit_atexit() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("atexit", PyInit_atexit);
}  // namespace gill
