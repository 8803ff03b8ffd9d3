// The published thread interface: starting threads, locks that signals can interrupt, thread-specific storage.
#include <Python.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <new>

#include "base/ref.h"
#include "memory/page_range.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

// A lock is a semaphore of one: any thread may release it.
struct ThreadLock {
  sem_t semaphore;
};

// What this thread has learnt of its waits comes first: a look is cheaper than a sleep.
bool spin_for(ThreadLock* lock) {
  auto* thread = static_cast<ThreadState*>(PyGILState_GetThisThreadState());
  return thread && thread->lock_spin.until([lock] { return sem_trywait(&lock->semaphore) == 0; });
}

struct Start {
  void (*function)(void*);
  void* argument;
};

void* run_thread(void* raw) {
  Start start = *static_cast<Start*>(raw);
  std::free(raw);
  start.function(start.argument);
  return nullptr;
}

inline constexpr size_t kSmallestStack = 0x8000;
// Comes on top of the size that a program chose: what is kept back for handling an overflow, and native frames that are
// larger than the reference's.
inline constexpr size_t kAddedStack = 256 << 10;

// The stack size of new threads; 0: the system's own. Kept in the interpreter that set it.
size_t stack_size() {
  ThreadState* thread = current_thread();
  return thread ? thread->interpreter()->thread_stack_size : 0;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

void PyThread_init_thread(void) {}

unsigned long PyThread_start_new_thread(void (*function)(void*), void* argument) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return PYTHREAD_INVALID_THREAD_ID;
  if (size_t size = stack_size()) pthread_attr_setstacksize(&attributes, size + kAddedStack);
  pthread_attr_setscope(&attributes, PTHREAD_SCOPE_SYSTEM);
  auto* start = static_cast<Start*>(std::malloc(sizeof(Start)));
  pthread_t id;
  bool ok = start != nullptr;
  if (ok) {
    *start = {function, argument};
    ok = request_memory([&] { return pthread_create(&id, &attributes, run_thread, start) == 0; });
    if (!ok) std::free(start);
  }
  pthread_attr_destroy(&attributes);
  if (!ok) return PYTHREAD_INVALID_THREAD_ID;
  pthread_detach(id);
  return static_cast<unsigned long>(id);
}

void PyThread_exit_thread(void) { pthread_exit(nullptr); }
unsigned long PyThread_get_thread_ident(void) { return static_cast<unsigned long>(pthread_self()); }
unsigned long PyThread_get_thread_native_id(void) { return static_cast<unsigned long>(syscall(SYS_gettid)); }

size_t PyThread_get_stacksize(void) { return stack_size(); }
int PyThread_set_stacksize(size_t size) {
  ThreadState* thread = current_thread();
  if (size != 0) {
    if (size < kSmallestStack) return -1;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return -1;
    int result = pthread_attr_setstacksize(&attributes, size);
    pthread_attr_destroy(&attributes);
    if (result != 0) return -1;
  }
  if (thread) thread->interpreter()->thread_stack_size = size;
  return 0;
}

PyThread_type_lock PyThread_allocate_lock(void) {
  void* memory = std::malloc(sizeof(ThreadLock));
  if (!memory) return nullptr;
  auto* lock = new (memory) ThreadLock();
  if (sem_init(&lock->semaphore, 0, 1) != 0) {
    std::free(lock);
    return nullptr;
  }
  return lock;
}
void PyThread_free_lock(PyThread_type_lock raw) {
  auto* lock = static_cast<ThreadLock*>(raw);
  sem_destroy(&lock->semaphore);
  std::free(lock);
}

PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock raw, PY_TIMEOUT_T microseconds, int interruptible) {
  auto* lock = static_cast<ThreadLock*>(raw);
  if (microseconds != 0 && spin_for(lock)) return PY_LOCK_ACQUIRED;
  timespec deadline = {};
  if (microseconds > 0) {
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    // Far deadlines are cut at what a timespec can hold.
    long long seconds = microseconds / 1000000;
    long long ns = deadline.tv_nsec + microseconds % 1000000 * 1000;
    constexpr long long kFar = LLONG_MAX / 4;
    deadline.tv_sec = deadline.tv_sec + std::min(seconds, kFar) + ns / 1000000000;
    deadline.tv_nsec = ns % 1000000000;
  }
  for (;;) {
    int result;
    if (microseconds > 0) result = sem_clockwait(&lock->semaphore, CLOCK_MONOTONIC, &deadline);
    else if (microseconds == 0) result = sem_trywait(&lock->semaphore);
    else result = sem_wait(&lock->semaphore);
    if (result == 0) return PY_LOCK_ACQUIRED;
    if (errno != EINTR) return PY_LOCK_FAILURE;
    if (interruptible) return PY_LOCK_INTR;
  }
}
int PyThread_acquire_lock(PyThread_type_lock lock, int wait) {
  return PyThread_acquire_lock_timed(lock, wait ? -1 : 0, 0) == PY_LOCK_ACQUIRED;
}
void PyThread_release_lock(PyThread_type_lock lock) { sem_post(&static_cast<ThreadLock*>(lock)->semaphore); }
int _PyThread_at_fork_reinit(PyThread_type_lock* lock) {
  // The old one may be in any state; its memory is left alone.
  PyThread_type_lock fresh = PyThread_allocate_lock();
  if (!fresh) return -1;
  *lock = fresh;
  return 0;
}

// ---- thread-specific storage ----------------------------------------------------------------------

Py_tss_t* PyThread_tss_alloc(void) {
  auto* key = static_cast<Py_tss_t*>(PyMem_RawMalloc(sizeof(Py_tss_t)));
  if (key) *key = Py_tss_NEEDS_INIT;
  return key;
}
void PyThread_tss_free(Py_tss_t* key) {
  if (!key) return;
  PyThread_tss_delete(key);
  PyMem_RawFree(key);
}
int PyThread_tss_is_created(Py_tss_t* key) { return key->_is_initialized; }
int PyThread_tss_create(Py_tss_t* key) {
  if (key->_is_initialized) return 0;
  if (pthread_key_create(&key->_key, nullptr) != 0) return -1;
  key->_is_initialized = 1;
  return 0;
}
void PyThread_tss_delete(Py_tss_t* key) {
  if (!key->_is_initialized) return;
  pthread_key_delete(key->_key);
  key->_is_initialized = 0;
}
int PyThread_tss_set(Py_tss_t* key, void* value) { return pthread_setspecific(key->_key, value) ? -1 : 0; }
void* PyThread_tss_get(Py_tss_t* key) { return pthread_getspecific(key->_key); }

int PyThread_create_key(void) {
  pthread_key_t key;
  if (pthread_key_create(&key, nullptr) != 0) return -1;
  if (key > INT_MAX) {
    pthread_key_delete(key);
    return -1;
  }
  return static_cast<int>(key);
}
void PyThread_delete_key(int key) { pthread_key_delete(static_cast<pthread_key_t>(key)); }
int PyThread_set_key_value(int key, void* value) { return pthread_setspecific(static_cast<pthread_key_t>(key), value) ? -1 : 0; }
void* PyThread_get_key_value(int key) { return pthread_getspecific(static_cast<pthread_key_t>(key)); }
void PyThread_delete_key_value(int key) { pthread_setspecific(static_cast<pthread_key_t>(key), nullptr); }
void PyThread_ReInitTLS(void) {}

}  // extern "C"
