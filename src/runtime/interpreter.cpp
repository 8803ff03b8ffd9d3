// Interpreters, the lock's C API, and what happens between instructions: yielding, signals, pending
// calls, asynchronous exceptions.
#include "runtime/interpreter.h"

#include <unistd.h>

#include <new>

#include "base/ref.h"
#include "lock/interpreter_lock.h"
#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/late_release.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

class ListGuard {
 public:
  ListGuard() { pthread_mutex_lock(&g_runtime.list_mutex); }
  ~ListGuard() { pthread_mutex_unlock(&g_runtime.list_mutex); }
};

}  // namespace

Interpreter* new_interpreter() {
  if (!g_runtime.lock) {
    void* lock = PyMem_RawMalloc(sizeof(InterpreterLock));
    if (!lock) return nullptr;
    g_runtime.lock = new (lock) InterpreterLock(kRequestDropLock);
    g_others_wait = [] { return g_runtime.lock && g_runtime.lock->contended(); };
  }
  void* memory = PyMem_RawCalloc(1, sizeof(Interpreter));
  if (!memory) return nullptr;
  auto* interpreter = new (memory) Interpreter();
  interpreter->lock = g_runtime.lock;
  interpreter->heap = g_runtime.main_interpreter || !g_runtime.main_heap ? new_heap() : g_runtime.main_heap;
  interpreter->collector = interpreter->heap ? new_collector(interpreter->heap, &interpreter->eval_requests, kRequestCollect) : nullptr;
  if (!interpreter->collector) return nullptr;
  ListGuard guard;
  interpreter->id = g_runtime.next_interpreter_id++;
  interpreter->next = g_runtime.interpreters;
  g_runtime.interpreters = interpreter;
  if (!g_runtime.main_interpreter) {
    g_runtime.main_interpreter = interpreter;
    g_runtime.main_heap = interpreter->heap;
  }
  return interpreter;
}

void forget_main_interpreter() {
  pthread_mutex_lock(&g_runtime.pending.mutex);
  g_runtime.main_interpreter = nullptr;
  pthread_mutex_unlock(&g_runtime.pending.mutex);
}

void delete_interpreter(Interpreter* interpreter) {
  {
    ListGuard guard;
    Interpreter** link = &g_runtime.interpreters;
    while (*link && *link != interpreter) link = &(*link)->next;
    if (*link) *link = interpreter->next;
    if (g_runtime.main_interpreter == interpreter) forget_main_interpreter();
  }
  delete_collector(interpreter->collector);
  if (interpreter->heap == g_runtime.main_heap) interpreter->heap->close();
  else delete_heap(interpreter->heap, g_runtime.main_heap);
  PyMem_RawFree(interpreter);
}

namespace {

int make_pending_calls() {
  PendingCalls& pending = g_runtime.pending;
  if (pending.busy) return 0;
  pending.busy = true;
  int result = 0;
  // As many as there are now: a call that adds itself again must not keep us here.
  for (int left = kPendingCalls; left > 0; --left) {
    pthread_mutex_lock(&pending.mutex);
    PendingCalls::Call call = {};
    if (pending.count) {
      call = pending.calls[pending.first];
      pending.first = (pending.first + 1) % kPendingCalls;
      --pending.count;
    }
    pthread_mutex_unlock(&pending.mutex);
    if (!call.function) break;
    if (call.function(call.argument) != 0) {
      result = -1;
      break;
    }
  }
  pending.busy = false;
  pthread_mutex_lock(&pending.mutex);
  if (pending.count) request(g_runtime.main_interpreter, kRequestPendingCalls);
  pthread_mutex_unlock(&pending.mutex);
  return result;
}

// The exception that another thread sent to this one, if any.
int raise_asynchronous_exception(ThreadState* thread) {
  Interpreter* interpreter = thread->interpreter();
  interpreter->eval_requests.fetch_and(~uint32_t{kRequestAsyncException});
  Ref<> type = steal(std::exchange(thread->async_exc, nullptr));
  {
    // The bit is one for all threads: it stays until each has got its own.
    ListGuard guard;
    for (PyThreadState* t = interpreter->threads; t; t = t->next) {
      if (t->async_exc) request(interpreter, kRequestAsyncException);
    }
  }
  if (!type) return 0;
  PyErr_SetNone(type.get());
  return -1;
}

}  // namespace

void collect_if_requested(Interpreter* interpreter) {
  if (!(interpreter->eval_requests.load(std::memory_order_relaxed) & kRequestCollect)) return;
  interpreter->eval_requests.fetch_and(~uint32_t{kRequestCollect});
  collect_if_due(interpreter->collector);
}

int handle_eval_requests(ThreadState* thread) {
  Interpreter* interpreter = thread->interpreter();
  uint32_t bits = interpreter->eval_requests.load(std::memory_order_acquire);
  if ((bits & (kRequestSignals | kRequestPendingCalls)) && handles_signals(thread)) {
    if (bits & kRequestSignals) {
      interpreter->eval_requests.fetch_and(~uint32_t{kRequestSignals});
      if (gill_run_signal_handlers(thread) < 0) return -1;
    }
    if (bits & kRequestPendingCalls) {
      interpreter->eval_requests.fetch_and(~uint32_t{kRequestPendingCalls});
      if (make_pending_calls() < 0) return -1;
    }
  }
  if (bits & kRequestDropLock) {
    if (t_late_blocks) [[unlikely]] {
      detach_thread(thread);
      attach_thread(thread, false);
    } else {
      make_current(nullptr);
      interpreter->lock->yield(lock_user(thread));
      hang_if_finalizing(thread);
      make_current(thread);
    }
  }
  if (bits & kRequestCollect) collect_if_requested(interpreter);
  if (bits & kRequestAsyncException) return raise_asynchronous_exception(thread);
  return 0;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyInterpreterState* PyInterpreterState_Get(void) {
  ThreadState* thread = current_thread();
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  return thread->interp;
}
PyInterpreterState* PyInterpreterState_Main(void) { return published(g_runtime.main_interpreter); }
PyInterpreterState* PyInterpreterState_Head(void) { return published(g_runtime.interpreters); }
PyInterpreterState* PyInterpreterState_Next(PyInterpreterState* interpreter) { return published(internal(interpreter)->next); }
PyThreadState* PyInterpreterState_ThreadHead(PyInterpreterState* interpreter) { return internal(interpreter)->threads; }
int64_t PyInterpreterState_GetID(PyInterpreterState* interpreter) { return internal(interpreter)->id; }
PyObject* PyInterpreterState_GetDict(PyInterpreterState* interpreter) {
  Interpreter* self = internal(interpreter);
  if (!self->dict) {
    self->dict = PyDict_New();
    if (!self->dict) PyErr_Clear();
  }
  return self->dict;
}
const PyConfig* _PyInterpreterState_GetConfig(PyInterpreterState* interpreter) { return &internal(interpreter)->config; }
const PyConfig* _Py_GetConfig(void) { return &current_interpreter()->config; }

// ---- the lock ---------------------------------------------------------------------------------------

PyThreadState* PyEval_SaveThread(void) {
  ThreadState* thread = current_thread();
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  thread_record().native.store(__builtin_return_address(0), std::memory_order_relaxed);
  detach_thread(thread);
  return thread;
}
void PyEval_RestoreThread(PyThreadState* thread) {
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  attach_thread(static_cast<ThreadState*>(thread), true);
}
void PyEval_AcquireThread(PyThreadState* thread) {
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  attach_thread(static_cast<ThreadState*>(thread), false);
}
void PyEval_ReleaseThread(PyThreadState* thread) {
  if (!thread || current_thread() != thread) Py_FatalError("wrong thread state");
  detach_thread(static_cast<ThreadState*>(thread));
}
void PyEval_AcquireLock(void) { attach_thread(static_cast<ThreadState*>(PyThreadState_Get()), false); }
// The thread state stays the current one, also of a thread that has let the lock go.
void PyEval_ReleaseLock(void) {
  InterpreterLock* lock = g_runtime.lock;
  if (!lock || lock->holder() != PyThread_get_thread_ident()) _Py_FatalErrorFunc("drop_gil", "drop_gil: GIL is not locked");
  lock->release();
}
void PyEval_InitThreads(void) {}
int PyEval_ThreadsInitialized(void) { return 1; }

unsigned long _PyEval_GetSwitchInterval(void) {
  return static_cast<unsigned long>(current_interpreter()->lock->given_interval_us());
}
void _PyEval_SetSwitchInterval(unsigned long microseconds) {
  current_interpreter()->lock->set_switch_interval_us(microseconds);
}

[[gnu::visibility("default")]] void _PyEval_SignalReceived(PyInterpreterState* interpreter) { request(internal(interpreter), kRequestSignals); }
[[gnu::visibility("default")]] void _PyEval_SignalAsyncExc(PyInterpreterState* interpreter) { request(internal(interpreter), kRequestAsyncException); }

int Py_AddPendingCall(int (*function)(void*), void* argument) {
  PendingCalls& pending = g_runtime.pending;
  // A signal handler may have interrupted the owner of the mutex, so this does not wait for long.
  for (int tries = 0; pthread_mutex_trylock(&pending.mutex) != 0; ++tries) {
    if (tries == 100) return -1;
    usleep(100);
  }
  bool room = pending.count < kPendingCalls;
  if (room) {
    pending.calls[(pending.first + pending.count) % kPendingCalls] = {function, argument};
    ++pending.count;
  }
  // With the mutex: the interpreter cannot end meanwhile.
  if (room && g_runtime.main_interpreter) request(g_runtime.main_interpreter, kRequestPendingCalls);
  pthread_mutex_unlock(&pending.mutex);
  return room ? 0 : -1;
}

// Pending calls always run in the main interpreter.
[[gnu::visibility("default")]] int _PyEval_AddPendingCall(PyInterpreterState*, int (*function)(void*), void* argument) { return Py_AddPendingCall(function, argument); }

int Py_MakePendingCalls(void) {
  ThreadState* thread = current_thread();
  if (!handles_signals(thread)) return 0;
  thread->interpreter()->eval_requests.fetch_and(~uint32_t{kRequestSignals | kRequestPendingCalls});
  if (gill_run_signal_handlers(thread) < 0) return -1;
  return make_pending_calls();
}

}  // extern "C"
