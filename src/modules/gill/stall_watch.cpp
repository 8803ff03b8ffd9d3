// A thread that looks at what all threads do at the interpreter lock. It never takes that lock: it reads the threads' records
// (lock/thread_record.h) and has each thread show its own stacks in a signal handler, since nobody else can look at them safely.
//
// A holder that is stuck may wait for a native mutex whose owner waits for the interpreter lock, or for another mutex, and so on: then
// none of them will ever go on. The kernel says on which word a thread sleeps, and a mutex says who owns it; when that leads to one of
// the waiting threads it is a deadlock, and certain, because a thread gives nothing back while it waits.
#include "modules/gill/stall_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <new>

#include "modules/gill/module.h"
#include "modules/gill/native_stack.h"
#include "runtime/runtime.h"

extern "C" {
const wchar_t* _Py_get_xoption(const PyWideStringList* options, const wchar_t* option);
void _Py_DumpTraceback(int fd, PyThreadState* thread);
int gill_register_at_fork(PyObject* before, PyObject* in_parent, PyObject* in_child);
}

namespace gill {
namespace {

inline constexpr uint64_t kMillisecond = 1'000'000;
inline constexpr uint64_t kPatienceForStack = 200;  // milliseconds
inline constexpr int kMostShown = 20;
inline constexpr int kMostMutexes = 20;  // in a deadlock

struct StallWatch {
  uint64_t limit_ns;
  bool tells_stalls;  // -X lock-stall
  bool ends_deadlocks;  // -X lock-check: the process aborts rather than hang
  int signal;
  // The thread that is asked for its stacks, until it begins to answer or the patience is over; then what it answers.
  std::atomic<int> asked;
  std::atomic<bool> answered;
  NativeStack stack;
  // The stall that was told last: a thread's turn with the lock.
  const ThreadRecord* told;
  uint64_t told_turn;
  bool told_deadlock;
};

[[gnu::format(printf, 1, 2)]] void say(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length > 0) (void)!write(STDERR_FILENO, text, std::min(static_cast<size_t>(length), sizeof(text) - 1));
}

// In the thread that was asked: the Python stack is written at once.
void answer(int, siginfo_t* info, void*) {
  const int saved_errno = errno;
  auto* watch = static_cast<StallWatch*>(info->si_value.sival_ptr);
  int self = static_cast<int>(gettid());
  if (info->si_code == SI_QUEUE && info->si_pid == getpid() && watch && watch->asked.compare_exchange_strong(self, 0)) {
    const ThreadRecord* record = t_thread_record;
    if (auto* thread = record ? static_cast<PyThreadState*>(record->context.load(std::memory_order_relaxed)) : nullptr) {
      _Py_DumpTraceback(STDERR_FILENO, thread);
    }
    watch->stack.capture();
    watch->answered.store(true, std::memory_order_release);
  }
  errno = saved_errno;
}

// Whether it has answered. A late answer is not given.
bool ask_for_stacks(StallWatch* watch, int native_id) {
  watch->answered.store(false, std::memory_order_relaxed);
  watch->asked.store(native_id, std::memory_order_release);
  siginfo_t info = {};
  info.si_signo = watch->signal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = watch;
  if (syscall(SYS_rt_tgsigqueueinfo, getpid(), native_id, watch->signal, &info) != 0) return false;
  for (uint64_t waited = 0; !watch->answered.load(std::memory_order_acquire); ++waited) {
    int unanswered = native_id;
    if (waited >= kPatienceForStack && watch->asked.compare_exchange_strong(unanswered, 0)) return false;
    usleep(1000);
  }
  return true;
}

uint64_t nanoseconds_in_state(const ThreadRecord* record) { return nanoseconds_of(ticks_between(record->since.load(std::memory_order_relaxed), ticks())); }

void show_thread(StallWatch* watch, const ThreadRecord* record, const char* what, bool with_native_stack) {
  say("%s: thread %lu (native %d), since %.1f ms\n", what, record->thread_id.load(), record->native_id.load(),
      static_cast<double>(nanoseconds_in_state(record)) / static_cast<double>(kMillisecond));
  if (!ask_for_stacks(watch, record->native_id.load())) return say("  its stacks are not known: it does not answer signals\n");
  if (!with_native_stack) return;
  say("Native stack (most recent call first):\n");
  // Our own handler, and the kernel's return from it, tell nothing.
  for (int i = 2; i < watch->stack.count; ++i) {
    char text[512];
    if (native_text(watch->stack.addresses[i], text, sizeof(text))) say("  %s\n", text);
  }
}

// The thread that owns the mutex which this thread sleeps on without a time-out; 0 when it does not sleep on one.
int owner_of_mutex_awaited(int native_id) {
  char path[64], text[256];
  std::snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", native_id);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  long number;
  unsigned long word, operation, value, timeout;
  if (std::sscanf(text, "%ld %lx %lx %lx %lx", &number, &word, &operation, &value, &timeout) != 5 || number != SYS_futex || timeout) return 0;
  // The word may be anything: it is read by the kernel, which says when it is not there.
  pthread_mutex_t mutex;
  iovec to = {&mutex, sizeof(mutex)}, from = {reinterpret_cast<void*>(word), sizeof(mutex)};
  if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != static_cast<ssize_t>(sizeof(mutex))) return 0;
  return mutex.__data.__owner;
}

const ThreadRecord* waiting_thread(int native_id) {
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (record->taken.load(std::memory_order_acquire) && record->native_id.load() == native_id && record->state.load() == LockState::waiting) return record;
  }
  return nullptr;
}

// The waiting thread that has what the holder waits for, or what keeps the one who has it, if there is such a thread.
const ThreadRecord* other_in_deadlock(const ThreadRecord* holder) {
  int native_id = holder->native_id.load();
  for (int mutexes = 0; mutexes < kMostMutexes; ++mutexes) {
    native_id = owner_of_mutex_awaited(native_id);
    if (!native_id) break;
    if (const ThreadRecord* record = waiting_thread(native_id)) return record;
  }
  return nullptr;
}

void tell(StallWatch* watch, const ThreadRecord* holder, const ThreadRecord* owner, int waiting) {
  say("\ngill: the interpreter lock has been held for %.1f ms, and %d thread%s\n",
      static_cast<double>(nanoseconds_in_state(holder)) / static_cast<double>(kMillisecond), waiting, waiting == 1 ? " waits" : "s wait");
  int shown = 0;
  for (const ThreadRecord* record = first_thread_record(); record && shown < kMostShown; record = record->next) {
    if (!record->taken.load(std::memory_order_acquire) || record->state.load() != LockState::waiting || record == owner) continue;
    show_thread(watch, record, "Waiting", false);
    ++shown;
  }
  show_thread(watch, holder, "Holding", true);
  if (owner) {
    say("This is a deadlock: the holder waits for a native mutex whose owner waits for the interpreter lock.\n");
    show_thread(watch, owner, "Owner of the mutex", true);
    if (watch->ends_deadlocks) std::abort();
  }
}

void look(StallWatch* watch) {
  const ThreadRecord* holder = nullptr;
  int waiting = 0;
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (!record->taken.load(std::memory_order_acquire)) continue;
    const LockState state = record->state.load(std::memory_order_relaxed);
    if (state == LockState::holding && nanoseconds_in_state(record) >= watch->limit_ns) holder = record;
    if (state == LockState::waiting) ++waiting;
  }
  if (!holder || !waiting) return;
  const uint64_t turn = holder->acquisitions.load(std::memory_order_relaxed);
  const bool told = watch->told == holder && watch->told_turn == turn;
  const ThreadRecord* owner = told && watch->told_deadlock ? nullptr : other_in_deadlock(holder);
  if (!owner && (told || !watch->tells_stalls)) return;
  tell(watch, holder, owner, waiting);
  watch->told = holder;
  watch->told_turn = turn;
  watch->told_deadlock = owner != nullptr;
}

void* watch_threads(void* raw) {
  // Signals are for the program's threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "gill-stall");
  auto* watch = static_cast<StallWatch*>(raw);
  const uint64_t pause_us = std::clamp<uint64_t>(watch->limit_ns / 4000, 500, 100'000);
  for (;;) {
    usleep(static_cast<useconds_t>(pause_us));
    look(watch);
  }
}

Status start_thread(StallWatch* watch) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int error = pthread_create(&thread, &attributes, watch_threads, watch);
  pthread_attr_destroy(&attributes);
  return error == 0 ? Status::ok : raise(PyExc_RuntimeError, "can't start the thread that watches the lock");
}

// A forked child has none of its parent's threads.
PyObject* start_in_child(PyObject* capsule, PyObject*) {
  auto* watch = static_cast<StallWatch*>(PyCapsule_GetPointer(capsule, nullptr));
  if (!watch || start_thread(watch) == Status::error) return nullptr;
  return none().release();
}
const PyMethodDef kStartInChild = {"start_stall_watch", start_in_child, METH_NOARGS, nullptr};

// "500ms", "2s", "300us" or plain milliseconds; 0 when it is none of these.
uint64_t parse_limit(const wchar_t* text) {
  wchar_t* unit;
  const double number = std::wcstod(text, &unit);
  const double factor = std::wcscmp(unit, L"s") == 0 ? 1e9 : std::wcscmp(unit, L"us") == 0 ? 1e3 : !*unit || std::wcscmp(unit, L"ms") == 0 ? 1e6 : 0;
  return unit != text && number > 0 && number * factor < 1e18 ? static_cast<uint64_t>(number * factor) : 0;
}

}  // namespace

Status start_stall_watch(const PyConfig* config) {
  const wchar_t* option = _Py_get_xoption(&config->xoptions, L"lock-stall");
  const bool checks = _Py_get_xoption(&config->xoptions, L"lock-check");
  if (!option && !checks) return Status::ok;
  const wchar_t* given = option ? std::wcschr(option, L'=') : nullptr;
  const uint64_t limit = parse_limit(given ? given + 1 : L"500ms");
  if (!limit) return raise(PyExc_ValueError, "-X lock-stall needs a time, such as 500ms or 2s");
  void* memory = std::calloc(1, sizeof(StallWatch));
  if (!memory) return PyErr_NoMemory(), failure;
  auto* watch = new (memory) StallWatch();
  watch->limit_ns = limit;
  watch->tells_stalls = option != nullptr;
  watch->ends_deadlocks = checks;
  watch->signal = SIGRTMAX - 1;
  // The first unwinding may allocate, which a handler must not.
  watch->stack.capture();
  struct sigaction action = {};
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(watch->signal, &action, nullptr);
  Ref<> capsule = TRY(steal(PyCapsule_New(watch, nullptr, nullptr)));
  Ref<> in_child = TRY(steal(PyCFunction_New(const_cast<PyMethodDef*>(&kStartInChild), capsule.get())));
  TRY(status_of(gill_register_at_fork(nullptr, nullptr, in_child.get())));
  return start_thread(watch);
}

}  // namespace gill
