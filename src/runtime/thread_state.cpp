// Thread states: making, switching and deleting them, and the PyGILState interface.
#include "runtime/native_stack.h"
#include "runtime/published_runtime.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/ref.h"
#include "lock/interpreter_lock.h"
#include "memory/address_sanitizer.h"
#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/late_release.h"

namespace gill {

constinit Runtime g_runtime;
thread_local constinit ThreadState* t_current_thread = nullptr;

Interpreter* current_interpreter() { return t_current_thread->interpreter(); }

namespace {

// Room that is left for handling RecursionError and for extensions' own frames.
inline constexpr uintptr_t kNativeStackReserve = 192 * 1024;

class ListGuard {
 public:
  ListGuard() { pthread_mutex_lock(&g_runtime.list_mutex); }
  ~ListGuard() { pthread_mutex_unlock(&g_runtime.list_mutex); }
};

// What PyThread_get_thread_ident() is on this system, without a call: it is asked at each turn at the lock.
unsigned long own_thread_id() {
#if defined(__x86_64__) && defined(__GLIBC__)
  return reinterpret_cast<unsigned long>(__builtin_thread_pointer());
#else
  return PyThread_get_thread_ident();
#endif
}

uintptr_t native_stack_limit() {
  // For the main thread the next question would read a file of the kernel's. The program's path stands at its stack's start. After
  // a fork by another thread the process's only one is elsewhere.
  rlimit limit;
  uintptr_t start = getauxval(AT_EXECFN), here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (gettid() == getpid() && getrlimit(RLIMIT_STACK, &limit) == 0 && here < start && start - here < limit.rlim_cur && limit.rlim_cur < start) {
    return start - limit.rlim_cur + kNativeStackReserve;
  }
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* lowest = nullptr;
  size_t size = 0;
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(lowest) + kNativeStackReserve;
}

void find_stack_limit(ThreadState* thread) {
  const int kept = errno;
  thread->native_stack_limit = native_stack_limit();
#if __has_feature(thread_sanitizer)
  // The sanitizer's own stack holds 65,536 calls, which take more than 64 bytes each.
  uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  thread->native_stack_limit = std::max(thread->native_stack_limit, here - 65'536 * 64);
#endif
  thread->stack_owner = PyThread_get_thread_ident();
  errno = kept;
}

ThreadState* internal(PyThreadState* thread) { return static_cast<ThreadState*>(thread); }

ThreadState* allocate_thread_state() {
  void* memory = PyMem_RawCalloc(1, sizeof(ThreadState));
  return memory ? new (memory) ThreadState() : nullptr;
}

// With the list's mutex held.
void link_thread_state(ThreadState* thread, Interpreter* interpreter) {
  thread->interp = published(interpreter);
  thread->recursion_limit = interpreter->recursion_limit;
  thread->recursion_remaining = interpreter->recursion_limit;
  thread->exc_info = &thread->exc_state;
  thread->cframe = &thread->root_cframe;
  thread->thread_id = PyThread_get_thread_ident();
  thread->native_thread_id = PyThread_get_thread_native_id();
  thread->context_ver = 1;
  thread->id = ++interpreter->next_thread_id;
  thread->next = interpreter->threads;
  if (interpreter->threads) interpreter->threads->prev = thread;
  interpreter->threads = thread;
  thread->_initialized = 1;
}

// For a native thread that comes by itself. It may be too late, but must not be too early.
ThreadState* new_native_thread_state() {
  ThreadState* thread = allocate_thread_state();
  if (!thread) Py_FatalError("Couldn't create thread-state for new thread");
  pthread_mutex_lock(&g_runtime.list_mutex);
  Interpreter* interpreter = g_runtime.main_interpreter;
  const bool was_initialized = g_runtime.main_heap;
  const bool is_open = interpreter && !interpreter->finalizing;
  if (is_open) link_thread_state(thread, interpreter);
  pthread_mutex_unlock(&g_runtime.list_mutex);
  if (is_open) return thread;
  PyMem_RawFree(thread);
  if (was_initialized) hang_thread();
  _Py_FatalErrorFunc("PyGILState_Ensure", "Python is not initialized");
}

void unlink_thread_state(ThreadState* thread) {
  ListGuard guard;
  Interpreter* interpreter = thread->interpreter();
  if (thread->prev) thread->prev->next = thread->next;
  else interpreter->threads = internal(thread->next);
  if (thread->next) thread->next->prev = thread->prev;
}

void free_thread_state(ThreadState* thread) {
  if (ThreadRecord& record = thread_record(); record.context.load(std::memory_order_relaxed) == thread) record.context = nullptr;
  _PyStackChunk* chunk = thread->datastack_chunk;
  while (chunk) {
    _PyStackChunk* previous = chunk->previous;
    allow_access(chunk, chunk->size);  // the allocator may fill it
    PyMem_RawFree(chunk);
    chunk = previous;
  }
  PyMem_RawFree(thread);
}

void forget_gilstate(ThreadState* thread) {
  if (PyThread_tss_is_created(&g_runtime.gilstate_key) && PyThread_tss_get(&g_runtime.gilstate_key) == thread) {
    PyThread_tss_set(&g_runtime.gilstate_key, nullptr);
  }
}

void delete_thread_state(ThreadState* thread) {
  unlink_thread_state(thread);
  forget_gilstate(thread);
  free_thread_state(thread);
}

}  // namespace

ThreadState* new_thread_state(Interpreter* interpreter) {
  ThreadState* thread = allocate_thread_state();
  if (!thread) return nullptr;
  ListGuard guard;
  link_thread_state(thread, interpreter);
  return thread;
}

void bind_thread_state(ThreadState* thread) {
  // Others may look at the state of a thread that has no lock yet: what it says already is not written again.
  if (unsigned long id = PyThread_get_thread_ident(); thread->thread_id != id) {
    thread->thread_id = id;
    thread->native_thread_id = PyThread_get_thread_native_id();
  }
  if (thread->stack_owner != thread->thread_id) find_stack_limit(thread);
  if (!PyThread_tss_is_created(&g_runtime.gilstate_key)) PyThread_tss_create(&g_runtime.gilstate_key);
  if (!PyThread_tss_get(&g_runtime.gilstate_key)) {
    PyThread_tss_set(&g_runtime.gilstate_key, thread);
    thread->gilstate_counter = 1;
  }
}

namespace {
bool is_finalized_by_another(ThreadState* thread) {
  ThreadState* finalizer = g_runtime.finalizing.load(std::memory_order_acquire);
  return finalizer && finalizer != thread;
}
}  // namespace

void hang_thread() {
  for (;;) pause();
}

void hang_if_finalizing(ThreadState* thread) {
  if (!is_finalized_by_another(thread)) [[likely]] return;
  thread->interpreter()->lock->release();
  hang_thread();
}

void make_current(ThreadState* thread) {
  if (thread && thread->stack_owner != own_thread_id()) find_stack_limit(thread);
  t_current_thread = thread;
  if (thread) thread_record().context.store(thread, std::memory_order_relaxed);
  _PyRuntime.current_thread.store(thread, std::memory_order_relaxed);
  t_heap = thread ? thread->interpreter()->heap : nullptr;
  t_collector = thread ? thread->interpreter()->collector : nullptr;
}

LockUser lock_user(ThreadState* thread) { return {own_thread_id(), &thread->interpreter()->eval_requests}; }

void attach_thread(ThreadState* thread, bool after_blocking) {
  if (is_finalized_by_another(thread)) hang_thread();
  thread->interpreter()->lock->acquire(lock_user(thread), after_blocking ? Arrival::returning : Arrival::computing);
  hang_if_finalizing(thread);
  make_current(thread);
}

void detach_thread(ThreadState* thread) {
  InterpreterLock* lock = thread->interpreter()->lock;
  make_current(nullptr);
  lock->release();
  if (t_late_blocks) [[unlikely]] free_late_blocks();
}

bool enter_recursive_call(const char* where) {
  ThreadState* thread = current_thread();
  uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (--thread->recursion_remaining >= 0 && here > thread->native_stack_limit) [[likely]] return true;
  if (thread->recursion_headroom) {
    // The error is being handled: a little more is granted, and then the process cannot go on.
    if (thread->recursion_remaining < -50 && here <= thread->native_stack_limit) {
      Py_FatalError("Cannot recover from stack overflow.");
    }
    if (thread->recursion_remaining >= -50 && here > thread->native_stack_limit) return true;
  }
  ++thread->recursion_headroom;
  PyErr_Format(PyExc_RecursionError, "maximum recursion depth exceeded%s", where);
  --thread->recursion_headroom;
  ++thread->recursion_remaining;
  return false;
}

bool native_stack_left() { return reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) > current_thread()->native_stack_limit; }

void leave_recursive_call() { ++current_thread()->recursion_remaining; }

}  // namespace gill

using namespace gill;

extern "C" {

int Py_EnterRecursiveCall(const char* where) { return enter_recursive_call(where) ? 0 : -1; }
void Py_LeaveRecursiveCall(void) { leave_recursive_call(); }
[[gnu::visibility("default")]] int _Py_CheckRecursiveCall(PyThreadState*, const char* where) {
  // The inline part of older extensions has counted down already.
  leave_recursive_call();
  return enter_recursive_call(where) ? 0 : -1;
}

int Py_GetRecursionLimit(void) { return current_interpreter()->recursion_limit; }
void Py_SetRecursionLimit(int limit) {
  Interpreter* interpreter = current_interpreter();
  pthread_mutex_lock(&g_runtime.list_mutex);
  interpreter->recursion_limit = limit;
  for (PyThreadState* t = interpreter->threads; t; t = t->next) {
    int depth = t->recursion_limit - t->recursion_remaining;
    t->recursion_limit = limit;
    t->recursion_remaining = limit - depth;
  }
  pthread_mutex_unlock(&g_runtime.list_mutex);
}

// ---- thread states --------------------------------------------------------------------------------

PyThreadState* PyThreadState_New(PyInterpreterState* interpreter) {
  ThreadState* thread = new_thread_state(internal(interpreter));
  if (thread) bind_thread_state(thread);
  return thread;
}
PyThreadState* _PyThreadState_Prealloc(PyInterpreterState* interpreter) { return new_thread_state(internal(interpreter)); }
[[gnu::visibility("default")]] void _PyThreadState_Init(PyThreadState* thread) { bind_thread_state(internal(thread)); }
[[gnu::visibility("default")]] void _PyThreadState_SetCurrent(PyThreadState* thread) { bind_thread_state(internal(thread)); }

void PyThreadState_Clear(PyThreadState* thread) {
  // Releasing any of these can run code that uses the others, so each is taken out first.
  clear_field(thread->dict);
  clear_field(thread->async_exc);
  clear_field(thread->curexc_type);
  clear_field(thread->curexc_value);
  clear_field(thread->curexc_traceback);
  clear_field(thread->exc_state.exc_value);
  thread->c_profilefunc = thread->c_tracefunc = nullptr;
  clear_field(thread->c_profileobj);
  clear_field(thread->c_traceobj);
  clear_field(thread->async_gen_firstiter);
  clear_field(thread->async_gen_finalizer);
  clear_field(thread->context);
  // Who waits for the end of the thread may go on.
  if (auto on_delete = std::exchange(thread->on_delete, nullptr)) on_delete(std::exchange(thread->on_delete_data, nullptr));
}

void PyThreadState_Delete(PyThreadState* thread) {
  if (thread == current_thread()) _Py_FatalErrorFormat("_PyThreadState_Delete", "tstate %p is still current", static_cast<void*>(thread));
  delete_thread_state(internal(thread));
}

[[gnu::visibility("default")]] void _PyThreadState_DeleteCurrent(PyThreadState* thread) {
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  ThreadState* self = internal(thread);
  InterpreterLock* lock = self->interpreter()->lock;
  delete_thread_state(self);
  make_current(nullptr);
  lock->release();
  if (t_late_blocks) [[unlikely]] free_late_blocks();
}
void PyThreadState_DeleteCurrent(void) { _PyThreadState_DeleteCurrent(current_thread()); }

[[gnu::visibility("default")]] void _PyThreadState_DeleteExcept(PyThreadState* keep) {
  Interpreter* interpreter = internal(keep->interp);
  ThreadState* list;
  {
    ListGuard guard;
    list = interpreter->threads;
    if (list == keep) list = internal(keep->next);
    if (keep->prev) keep->prev->next = keep->next;
    if (keep->next) keep->next->prev = keep->prev;
    keep->prev = keep->next = nullptr;
    interpreter->threads = internal(keep);
  }
  while (list) {
    ThreadState* next = internal(list->next);
    PyThreadState_Clear(list);
    free_thread_state(list);
    list = next;
  }
}

PyThreadState* PyThreadState_Get(void) {
  ThreadState* thread = current_thread();
  if (!thread) _Py_FatalError_TstateNULL(__func__);
  return thread;
}
PyThreadState* _PyThreadState_UncheckedGet(void) { return current_thread(); }

// Interpreters share the lock, so that a swap between two keeps it; no thread state means no lock here.
PyThreadState* PyThreadState_Swap(PyThreadState* state) {
  ThreadState *old = current_thread(), *thread = internal(state);
  if (old && thread && old->interpreter()->lock == thread->interpreter()->lock) {
    if (old->interp != thread->interp) thread->interpreter()->lock->move_holder(&thread->interpreter()->eval_requests);
    make_current(thread);
    return old;
  }
  if (old) detach_thread(old);
  if (thread) attach_thread(thread, false);
  return old;
}

[[gnu::visibility("default")]] PyThreadState* _PyThreadState_Swap(struct _gilstate_runtime_state*, PyThreadState* state) { return PyThreadState_Swap(state); }

PyObject* _PyThreadState_GetDict(PyThreadState* thread) {
  if (!thread->dict) {
    thread->dict = PyDict_New();
    if (!thread->dict) PyErr_Clear();
  }
  return thread->dict;
}
PyObject* PyThreadState_GetDict(void) {
  ThreadState* thread = current_thread();
  return thread ? _PyThreadState_GetDict(thread) : nullptr;
}

PyInterpreterState* PyThreadState_GetInterpreter(PyThreadState* thread) { return thread->interp; }
uint64_t PyThreadState_GetID(PyThreadState* thread) { return thread->id; }
PyThreadState* PyThreadState_Next(PyThreadState* thread) { return thread->next; }

void PyThreadState_EnterTracing(PyThreadState* thread) {
  ++thread->tracing;
  thread->cframe->use_tracing = 0;
}
void PyThreadState_LeaveTracing(PyThreadState* thread) {
  --thread->tracing;
  bool wanted = thread->c_tracefunc || thread->c_profilefunc;
  thread->cframe->use_tracing = wanted && thread->tracing == 0 ? 255 : 0;
}

int PyThreadState_SetAsyncExc(unsigned long id, PyObject* exception) {
  Interpreter* interpreter = current_interpreter();
  PyObject* old = nullptr;
  bool found = false;
  {
    ListGuard guard;
    for (PyThreadState* t = interpreter->threads; t; t = t->next) {
      if (t->thread_id != id) continue;
      old = std::exchange(t->async_exc, borrow(exception).release());
      found = true;
      break;
    }
  }
  if (old) release(old);
  if (found) request(interpreter, kRequestAsyncException);
  return found;
}

// ---- PyGILState -------------------------------------------------------------------------------------

PyThreadState* PyGILState_GetThisThreadState(void) {
  if (!PyThread_tss_is_created(&g_runtime.gilstate_key)) return nullptr;
  return static_cast<PyThreadState*>(static_cast<ThreadState*>(PyThread_tss_get(&g_runtime.gilstate_key)));
}

int PyGILState_Check(void) {
  if (!PyThread_tss_is_created(&g_runtime.gilstate_key)) return 1;  // asked before start-up
  ThreadState* thread = current_thread();
  if (!thread) return 0;
  // PyGILState_* knows one thread state of a thread: nothing is wrong with another interpreter's.
  PyThreadState* known = PyGILState_GetThisThreadState();
  return thread == known || (known && thread->interp != known->interp);
}

PyGILState_STATE PyGILState_Ensure(void) {
  auto* thread = internal(PyGILState_GetThisThreadState());
  bool had = false;
  if (!thread) {
    thread = new_native_thread_state();
    bind_thread_state(thread);
    // The count is what keeps the state alive: our caller's is the only one.
    thread->gilstate_counter = 0;
  } else {
    had = current_thread() == thread;
  }
  if (!had) attach_thread(thread, true);
  ++thread->gilstate_counter;
  return had ? PyGILState_LOCKED : PyGILState_UNLOCKED;
}

void PyGILState_Release(PyGILState_STATE old) {
  auto* thread = internal(PyGILState_GetThisThreadState());
  if (!thread) Py_FatalError("auto-releasing thread-state, but no thread-state for this thread");
  if (current_thread() != thread) _Py_FatalErrorFormat(__func__, "thread state %p must be current when releasing", static_cast<void*>(thread));
  if (--thread->gilstate_counter == 0) {
    // Whoever runs there would go on without thread state.
    if (thread->cframe->current_frame) Py_FatalError("thread state is released more often than it was ensured");
    PyThreadState_Clear(thread);
    _PyThreadState_DeleteCurrent(thread);
  } else if (old == PyGILState_UNLOCKED) {
    detach_thread(thread);
  }
}

PyInterpreterState* _PyGILState_GetInterpreterStateUnsafe(void) { return published(g_runtime.main_interpreter); }

}  // extern "C"
