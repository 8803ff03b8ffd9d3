// Forking: the functions that are to be called around it, and making the child whole.
//
// Only the forking thread exists in the child. What other threads may have held at that moment is held by the forking thread during
// the fork: the import lock, the lists of threads, the tables of tracemalloc, the pages and the samples of the heap, the inside of the interpreter
// lock. Only the terminal may be another thread's, which can read from it for long.
#include <Python.h>
#include <pthread.h>

#include "base/ref.h"
#include "base/result.h"
#include "lock/interpreter_lock.h"
#include "memory/page_range.h"
#include "memory/sampler.h"
#include "runtime/runtime.h"

extern "C" {
void _PyImport_AcquireLock(void);
int _PyImport_ReleaseLock(void);
void _PyThreadState_DeleteExcept(PyThreadState* keep);
}

namespace gill {
namespace {

Status append(PyObject** list, PyObject* function) {
  if (!function) return Status::ok;
  if (!*list) *list = TRY(steal(PyList_New(0))).release();
  return status_of(PyList_Append(*list, function));
}

// A function that raises does not keep the others, nor the fork, from happening.
void call_all(PyObject* functions, bool last_first) {
  if (!functions) return;
  Ref<> copy = steal(PyList_GetSlice(functions, 0, PyList_GET_SIZE(functions)));
  if (!copy || (last_first && PyList_Reverse(copy.get()) < 0)) {
    PyErr_WriteUnraisable(functions);
    return;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(copy.get()); ++i) {
    PyObject* function = PyList_GET_ITEM(copy.get(), i);
    Ref<> result = steal(PyObject_CallNoArgs(function));
    if (!result) PyErr_WriteUnraisable(function);
  }
}

void forget_signals() {
  Signals& signals = g_runtime.signals;
  // They were for the parent.
  for (auto& came : signals.came) came = false;
  signals.any = false;
}

// In the child the forking thread owns what it held, too.
void let_go(bool in_child) {
  g_runtime.lock->let_go_after_fork(in_child);
  let_pages_go_after_fork();
  let_samples_go_after_fork(in_child);
  pthread_mutex_unlock(&g_runtime.tracemalloc_mutex);
  pthread_mutex_unlock(&g_runtime.pending.mutex);
  pthread_mutex_unlock(&g_runtime.list_mutex);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

// os.register_at_fork(): each may be null.
int gill_register_at_fork(PyObject* before, PyObject* in_parent, PyObject* in_child) {
  Interpreter* interpreter = current_interpreter();
  TRY(append(&interpreter->before_fork, before));
  TRY(append(&interpreter->after_fork_in_parent, in_parent));
  TRY(append(&interpreter->after_fork_in_child, in_child));
  return 0;
}

void PyOS_BeforeFork(void) {
  call_all(current_interpreter()->before_fork, true);
  _PyImport_AcquireLock();
  pthread_mutex_lock(&g_runtime.list_mutex);
  pthread_mutex_lock(&g_runtime.pending.mutex);
  pthread_mutex_lock(&g_runtime.tracemalloc_mutex);
  // Who holds the samples may ask for pages.
  hold_samples_for_fork();
  hold_pages_for_fork();
  g_runtime.lock->hold_for_fork();
}

void PyOS_AfterFork_Parent(void) {
  let_go(false);
  if (_PyImport_ReleaseLock() <= 0) Py_FatalError("failed releasing import lock after fork");
  call_all(current_interpreter()->after_fork_in_parent, false);
}

void PyOS_AfterFork_Child(void) {
  ThreadState* thread = current_thread();
  Interpreter* interpreter = thread->interpreter();
  let_go(true);
  // Who read from the terminal is not here.
  g_runtime.readline_mutex = PTHREAD_MUTEX_INITIALIZER;
  g_runtime.main_thread = PyThread_get_thread_ident();
  thread->native_thread_id = PyThread_get_thread_native_id();
  forget_signals();
  _PyImport_ReleaseLock();
  // The objects of the threads that are not here are released, which may run their finalizers.
  _PyThreadState_DeleteExcept(thread);
  call_all(interpreter->after_fork_in_child, false);
}
void PyOS_AfterFork(void) { PyOS_AfterFork_Child(); }

}  // extern "C"
