// The _thread module: starting threads and asking about them. Locks are in thread_locks.cpp, `_local` in thread_local.cpp.
#include "modules/thread_module.h"

#include <pythread.h>

#include <cmath>
#include <csignal>

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"
#include "objects/object.h"
#include "runtime/runtime.h"

extern "C" {
void _PyErr_Display(PyObject* file, PyObject* type, PyObject* value, PyObject* traceback);
int PyErr_SetInterruptEx(int signal_number);
}

namespace gill {
namespace {

// ---- starting -------------------------------------------------------------------------------------------

// What a new thread begins with; its references are the thread's.
struct Start {
  Interpreter* interpreter;
  ThreadState* thread;
  PyObject* function;
  PyObject* args;
  PyObject* kwargs;
};

void release_start(Start* start) {
  clear_field(start->function);
  clear_field(start->args);
  clear_field(start->kwargs);
  PyMem_RawFree(start);
}

void run_thread(void* raw) {
  auto* start = static_cast<Start*>(raw);
  ThreadState* thread = start->thread;
  // Who started it often waits until it runs, and it has used no time yet: it does not queue behind threads that compute.
  attach_thread(thread, true);
  bind_thread_state(thread);  // under the lock: others look at the number of the thread
  ++start->interpreter->running_threads;
  Ref<> result = steal(PyObject_Call(start->function, start->args, start->kwargs));
  if (!result) {
    if (PyErr_ExceptionMatches(PyExc_SystemExit)) PyErr_Clear();
    else _PyErr_WriteUnraisableMsg("in thread started by", start->function);
  }
  result.reset();
  --start->interpreter->running_threads;
  release_start(start);
  PyThreadState_Clear(thread);
  PyThreadState_DeleteCurrent();
}

Maybe<unsigned long> start_new_thread(PyObject*, PyObject* function, PyObject* args, PyObject* kwargs) {
  if (!PyCallable_Check(function)) return raise(PyExc_TypeError, "first arg must be callable");
  if (!PyTuple_Check(args)) return raise(PyExc_TypeError, "2nd arg must be a tuple");
  if (kwargs && !PyDict_Check(kwargs)) return raise(PyExc_TypeError, "optional 3rd arg must be a dictionary");
  Interpreter* interpreter = current_interpreter();
  if (interpreter->config._isolated_interpreter) return raise(PyExc_RuntimeError, "thread is not supported for isolated subinterpreters");
  auto* start = static_cast<Start*>(PyMem_RawMalloc(sizeof(Start)));
  if (!start) return PyErr_NoMemory(), failure;
  *start = {interpreter, new_thread_state(interpreter), borrow(function).release(), borrow(args).release(), borrow(kwargs).release()};
  if (!start->thread) {
    release_start(start);
    return PyErr_NoMemory(), failure;
  }
  unsigned long id = PyThread_start_new_thread(run_thread, start);
  if (id != PYTHREAD_INVALID_THREAD_ID) return id;
  PyThreadState_Clear(start->thread);
  PyThreadState_Delete(start->thread);
  release_start(start);
  return raise(PyExc_RuntimeError, "can't start new thread");
}

Ref<> exit_thread(PyObject*) {
  PyErr_SetNone(PyExc_SystemExit);
  return nullptr;
}

Status interrupt_main(PyObject*, int signal_number) {
  if (PyErr_SetInterruptEx(signal_number) < 0) return raise(PyExc_ValueError, "signal number out of range");
  return Status::ok;
}

// ---- asking ---------------------------------------------------------------------------------------------

Ref<> allocate_lock(PyObject* module) { return new_lock(thread_module_state(module)); }

Maybe<unsigned long> get_ident(PyObject*) {
  unsigned long id = PyThread_get_thread_ident();
  if (id == PYTHREAD_INVALID_THREAD_ID) return raise(PyExc_RuntimeError, "no current thread ident");
  return id;
}
Maybe<unsigned long> get_native_id(PyObject*) { return PyThread_get_thread_native_id(); }
Maybe<long> count(PyObject*) { return current_interpreter()->running_threads; }

Maybe<size_t> set_stack_size(PyObject*, Args args) {
  if (args.count > 1) return raise(PyExc_TypeError, "stack_size() takes at most 1 argument (%zd given)", args.count);
  Py_ssize_t size = 0;
  if (args.count == 1) {
    Ref<> number = TRY(steal(PyNumber_Index(args[0])));
    size = TRY(checked(PyLong_AsSsize_t(number.get())));
  }
  if (size < 0) return raise(PyExc_ValueError, "size must be 0 or a positive value");
  size_t old = PyThread_get_stacksize();
  int result = PyThread_set_stacksize(static_cast<size_t>(size));
  if (result == -1) return raise(PyExc_ValueError, "size not valid: %zd bytes", size);
  if (result == -2) return raise(PyExc_RuntimeError, "setting stack size not supported");
  return old;
}

// ---- the end of a thread --------------------------------------------------------------------------------

void open_sentinel(void* weak_reference) {
  Ref<> reference = steal(static_cast<PyObject*>(weak_reference));
  Ref<> lock = borrow(PyWeakref_GET_OBJECT(reference.get()));
  if (lock.get() != Py_None) force_open(lock.get());
}

Ref<> set_sentinel(PyObject* module) {
  ThreadState* thread = current_thread();
  if (thread->on_delete_data) {
    thread->on_delete = nullptr;
    Ref<> old = steal(static_cast<PyObject*>(std::exchange(thread->on_delete_data, nullptr)));
  }
  Ref<> lock = TRY(new_lock(thread_module_state(module)));
  // The lock may die before the thread does, and is not to be kept alive by it.
  Ref<> reference = TRY(steal(PyWeakref_NewRef(lock.get(), nullptr)));
  thread->on_delete_data = reference.release();
  thread->on_delete = open_sentinel;
  return lock;
}

// ---- exceptions that nothing caught -----------------------------------------------------------------------

const PyStructSequence_Field kHookFields[] = {
    {"exc_type", "Exception type"}, {"exc_value", "Exception value"}, {"exc_traceback", "Exception traceback"}, {"thread", "Thread"}, {nullptr, nullptr}};
PyStructSequence_Desc hook_description = {"_thread._ExceptHookArgs", "ExceptHookArgs\n\nType used to pass arguments to threading.excepthook.",
                                         table(kHookFields), 4};

// Where the report goes; empty without an exception when there is no such place.
Ref<> report_file(PyObject* thread, bool* failed) {
  *failed = false;
  Ref<> file = borrow(PySys_GetObject("stderr"));
  if (file && file.get() != Py_None) return file;
  if (thread == Py_None) return nullptr;
  // sys.stderr is gone while the interpreter shuts down: the thread keeps the one that it began with.
  file = optional_attribute(thread, name<"_stderr">, failed);
  return file && file.get() != Py_None ? std::move(file) : Ref<>();
}

Status write_thread_name(PyObject* file, PyObject* thread) {
  bool failed = false;
  Ref<> thread_name = thread == Py_None ? Ref<>() : optional_attribute(thread, name<"name">, &failed);
  if (failed) return Status::error;
  if (thread_name) return status_of(PyFile_WriteObject(thread_name.get(), file, Py_PRINT_RAW));
  Ref<> id = TRY(steal(PyUnicode_FromFormat("%lu", PyThread_get_thread_ident())));
  return status_of(PyFile_WriteObject(id.get(), file, Py_PRINT_RAW));
}

Status excepthook(PyObject* module, PyObject* args) {
  if (!Py_IS_TYPE(args, thread_module_state(module)->excepthook_args_type)) {
    return raise(PyExc_TypeError, "_thread.excepthook argument type must be ExceptHookArgs");
  }
  PyObject* type = PyStructSequence_GetItem(args, 0);
  if (type == PyExc_SystemExit) return Status::ok;
  PyObject* thread = PyStructSequence_GetItem(args, 3);
  bool failed;
  Ref<> file = report_file(thread, &failed);
  if (!file) return failed ? Status::error : Status::ok;
  TRY(status_of(PyFile_WriteString("Exception in thread ", file.get())));
  TRY(write_thread_name(file.get(), thread));
  TRY(status_of(PyFile_WriteString(":\n", file.get())));
  _PyErr_Display(file.get(), type, PyStructSequence_GetItem(args, 1), PyStructSequence_GetItem(args, 2));
  Ref<> flushed = TRY(call_method(file.get(), name<"flush">));
  return Status::ok;
}

// ---- the module -------------------------------------------------------------------------------------------

#define START_DOC                                                                                                                             \
  "start_new_thread(function, args[, kwargs])\n(start_new() is an obsolete synonym)\n\nStart a new thread that calls the function with the " \
  "arguments of the tuple and\nthe optional dict, and return its identifier. The thread ends when the function\nreturns; an exception " \
  "other than SystemExit is reported on stderr.\n"
#define ALLOCATE_DOC                                                                                                                        \
  "allocate_lock() -> lock object\n(allocate() is an obsolete synonym)\n\nCreate a new lock object. See help(type(threading.Lock())) for\n" \
  "information about locks."
#define EXIT_DOC "exit()\n(exit_thread() is an obsolete synonym)\n\nRaise SystemExit, which ends the thread silently unless it is caught."

const PyMethodDef kMethods[] = {
    METHOD_OF_TUPLE("start_new_thread($module, function, args, kwargs=<unrepresentable>, /)", start_new_thread, START_DOC),
    METHOD_OF_TUPLE("start_new($module, function, args, kwargs=<unrepresentable>, /)", start_new_thread, START_DOC),
    METHOD_UNSIGNED("allocate_lock($module, /)", allocate_lock, ALLOCATE_DOC),
    METHOD_UNSIGNED("allocate($module, /)", allocate_lock, ALLOCATE_DOC),
    METHOD_UNSIGNED("exit_thread($module, /)", exit_thread, EXIT_DOC),
    METHOD_UNSIGNED("exit($module, /)", exit_thread, EXIT_DOC),
    METHOD_OF_TUPLE("interrupt_main($module, signum=2, /)", interrupt_main,
                    "interrupt_main(signum=signal.SIGINT, /)\n\nMake the main thread believe that the signal came, so that it runs the handler.\nThe "
                    "default handler of SIGINT raises KeyboardInterrupt."),
    METHOD_UNSIGNED("get_ident($module, /)", get_ident,
                    "get_ident() -> integer\n\nReturn a non-zero integer that no other thread has while this one runs.\nIt may be used again for another "
                    "thread after this one has ended."),
    METHOD_UNSIGNED("get_native_id($module, /)", get_native_id, "get_native_id() -> integer\n\nReturn the number by which the system knows this thread."),
    METHOD_UNSIGNED("_count($module, /)", count,
                    "_count() -> integer\n\nReturn the number of threads that were started from Python and have not ended,\nwithout the main thread."),
    METHOD_PARSED("stack_size($module, /, *args)", set_stack_size,
                    "stack_size([size]) -> size\n\nReturn the stack size of new threads and set it when a size is given: 0 for\nthe system's default, "
                    "else at least 32768 bytes. A size that the system does not\naccept is a ValueError."),
    METHOD_UNSIGNED("_set_sentinel($module, /)", set_sentinel,
                    "_set_sentinel() -> lock\n\nReturn a lock that will be opened when the state of this thread is finalized.\n\nFor the threading module."),
    METHOD_UNSIGNED("_excepthook($module, args, /)", excepthook,
                    "excepthook(exc_type, exc_value, exc_traceback, thread)\n\nReport an exception that ended a thread."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  ThreadModuleState* state = thread_module_state(module);
  TRY(add_lock_types(module, state));
  TRY(add_local_type(module, state));
  TRY(status_of(PyModule_AddObjectRef(module, "error", PyExc_RuntimeError)));
  state->excepthook_args_type = TRY(steal(PyStructSequence_NewType(&hook_description))).release();
  TRY(status_of(PyModule_AddType(module, state->excepthook_args_type)));
  // What both the lock's and the clock's count of time can hold.
  double longest = std::floor(std::fmin(static_cast<double>(PY_TIMEOUT_MAX) * 1e-6, static_cast<double>(INT64_MAX) * 1e-9));
  Ref<> limit = TRY(steal(PyFloat_FromDouble(longest)));
  return PyModule_AddObjectRef(module, "TIMEOUT_MAX", limit.get());
}

using Owned = ModuleFields<&ThreadModuleState::lock_type, &ThreadModuleState::rlock_type, &ThreadModuleState::local_type,
                           &ThreadModuleState::local_registry_type, &ThreadModuleState::excepthook_args_type>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_thread",
    .m_doc = "This module provides primitive operations to write multi-threaded programs.\nThe 'threading' module provides a more convenient interface.",
    .m_size = sizeof(ThreadModuleState),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__thread() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_thread", PyInit__thread);
}  // namespace gill
