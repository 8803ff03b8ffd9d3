// The faulthandler module: shows where each thread is when the process crashes, after a time, or on a signal.
//
// The native handlers run in signal context: they look at memory, write to a descriptor and do nothing else. What they need stands in
// one structure that Runtime points to. The writing itself is in capi/dump.cpp.
#include "modules/faulthandler_module.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/binding.h"
#include "base/names.h"
#include "objects/object.h"
#include "runtime/runtime.h"

extern "C" {
void _Py_DumpTraceback(int fd, PyThreadState* thread);
const char* _Py_DumpTracebackThreads(int fd, PyInterpreterState* interpreter, PyThreadState* current);
void _Py_DumpExtensionModules(int fd, PyInterpreterState* interpreter);
}

namespace gill {

struct FatalSignal {
  int number;
  const char* text;
  bool installed = false;
  struct sigaction previous = {};
};

struct UserSignal {
  bool enabled = false;
  PyObject* file = nullptr;  // kept open
  int fd = -1;
  bool all_threads = false;
  bool chain = false;
  struct sigaction previous = {};
};

// The thread that dumps after a time. It sleeps on `cancel`, and holds `running` as long as it lives.
struct Watchdog {
  PyObject* file = nullptr;
  int fd = -1;
  PY_TIMEOUT_T microseconds = 0;
  bool repeat = false;
  bool exit = false;
  Interpreter* interpreter = nullptr;
  char* header = nullptr;
  PyThread_type_lock cancel = nullptr;
  PyThread_type_lock running = nullptr;
};

struct Faulthandler {
  // Those that come from a mistake of the program last: they may come while another is handled.
  FatalSignal fatal[5] = {{SIGBUS, "Bus error"}, {SIGILL, "Illegal instruction"}, {SIGFPE, "Floating point exception"}, {SIGABRT, "Aborted"},
                          {SIGSEGV, "Segmentation fault"}};
  bool enabled = false;
  PyObject* file = nullptr;
  int fd = -1;
  bool all_threads = false;
  UserSignal user[kSignals];
  Watchdog watchdog;
  stack_t stack = {};  // for handlers, so that an overflow of the thread's own can be handled
  stack_t old_stack = {};
  std::atomic<bool> dumping = false;
};

namespace {

// Made on first use; MemoryError otherwise.
Faulthandler* state() {
  if (g_runtime.faulthandler) return g_runtime.faulthandler;
  void* memory = std::malloc(sizeof(Faulthandler));
  if (!memory) {
    PyErr_NoMemory();
    return nullptr;
  }
  auto* made = new (memory) Faulthandler();
  made->stack.ss_size = static_cast<size_t>(std::max<unsigned long>(SIGSTKSZ, getauxval(AT_MINSIGSTKSZ))) * 2;
  made->stack.ss_sp = std::malloc(made->stack.ss_size);
  if (made->stack.ss_sp && sigaltstack(&made->stack, &made->old_stack) != 0) {
    std::free(made->stack.ss_sp);
    made->stack.ss_sp = nullptr;
  }
  return g_runtime.faulthandler = made;
}

// ---- in signal context --------------------------------------------------------------------------------------

void put(int fd, const char* text) { (void)!write(fd, text, std::strlen(text)); }

void dump(Faulthandler* self, int fd, bool all_threads) {
  // A crash while dumping must not dump again.
  if (self->dumping.exchange(true)) return;
  PyThreadState* thread = PyGILState_GetThisThreadState();
  if (all_threads) _Py_DumpTracebackThreads(fd, nullptr, thread);
  else if (thread) _Py_DumpTraceback(fd, thread);
  self->dumping = false;
}

void restore(FatalSignal& signal) {
  if (!signal.installed) return;
  signal.installed = false;
  sigaction(signal.number, &signal.previous, nullptr);
}

void on_fatal_signal(int number) {
  Faulthandler* self = g_runtime.faulthandler;
  if (!self->enabled) return;
  int saved_errno = errno;
  const char* text = "unknown signal";
  for (FatalSignal& signal : self->fatal) {
    if (signal.number != number) continue;
    restore(signal);
    text = signal.text;
  }
  put(self->fd, "Fatal Python error: ");
  put(self->fd, text);
  put(self->fd, "\n\n");
  dump(self, self->fd, self->all_threads);
  if (g_runtime.main_interpreter) _Py_DumpExtensionModules(self->fd, published(g_runtime.main_interpreter));
  errno = saved_errno;
  // Now for whoever had it before, or the end.
  ::raise(number);
}

Status install_user_signal(int number, bool chain, struct sigaction* previous);

void on_user_signal(int number) {
  Faulthandler* self = g_runtime.faulthandler;
  UserSignal& user = self->user[number];
  if (!user.enabled) return;
  int saved_errno = errno;
  dump(self, user.fd, user.all_threads);
  if (user.chain) {
    sigaction(number, &user.previous, nullptr);
    errno = saved_errno;
    ::raise(number);
    saved_errno = errno;
    (void)install_user_signal(number, true, nullptr);
  }
  errno = saved_errno;
}

Status install_user_signal(int number, bool chain, struct sigaction* previous) {
  struct sigaction action = {};
  action.sa_handler = on_user_signal;
  sigemptyset(&action.sa_mask);
  // With chaining the handler raises the signal again from within; without, system calls go on.
  action.sa_flags = SA_ONSTACK | (chain ? SA_NODEFER : SA_RESTART);
  return status_of(sigaction(number, &action, previous));
}

// ---- files ----------------------------------------------------------------------------------------------

struct Target {
  Ref<> file;  // empty for a bare descriptor
  int fd;
};

Status find_target(PyObject* file, Target* target) {
  if (!file || file == Py_None) {
    file = PySys_GetObject("stderr");
    if (!file) return raise(PyExc_RuntimeError, "unable to get sys.stderr");
    if (file == Py_None) return raise(PyExc_RuntimeError, "sys.stderr is None");
  } else if (PyLong_Check(file)) {
    target->fd = _PyLong_AsInt(file);
    if (target->fd == -1 && PyErr_Occurred()) return Status::error;
    if (target->fd < 0) return raise(PyExc_ValueError, "file is not a valid file descripter");
    return Status::ok;
  }
  target->file = borrow(file);
  Ref<> number = TRY(call_method(file, name<"fileno">));
  long fd = -1;
  if (PyLong_Check(number.get())) {
    long value = PyLong_AsLong(number.get());
    if (value >= 0 && value < INT_MAX) fd = value;
    PyErr_Clear();
  }
  if (fd == -1) return raise(PyExc_RuntimeError, "file.fileno() is not a valid file descriptor");
  target->fd = static_cast<int>(fd);
  // What the program wrote so far comes before what we write.
  if (!call_method(file, name<"flush">)) PyErr_Clear();
  return Status::ok;
}

// ---- the functions ----------------------------------------------------------------------------------------

Status dump_traceback(PyObject*, PyObject* file, int all_threads) {
  Target target;
  TRY(find_target(file, &target));
  ThreadState* thread = current_thread();
  if (all_threads) {
    if (const char* error = _Py_DumpTracebackThreads(target.fd, nullptr, thread)) return raise(PyExc_RuntimeError, error);
  } else {
    _Py_DumpTraceback(target.fd, thread);
  }
  return status_of(PyErr_CheckSignals());
}

Status enable(PyObject*, PyObject* file, int all_threads) {
  Faulthandler* self = TRY(state());
  Target target;
  TRY(find_target(file, &target));
  self->fd = target.fd;
  self->all_threads = all_threads;
  set_field(self->file, std::move(target.file));
  if (self->enabled) return Status::ok;
  self->enabled = true;
  for (FatalSignal& signal : self->fatal) {
    struct sigaction action = {};
    action.sa_handler = on_fatal_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_NODEFER | SA_ONSTACK;
    if (sigaction(signal.number, &action, &signal.previous) != 0) {
      PyErr_SetFromErrno(PyExc_RuntimeError);
      return Status::error;
    }
    signal.installed = true;
  }
  return Status::ok;
}

bool disable_all() {
  Faulthandler* self = g_runtime.faulthandler;
  if (!self || !self->enabled) return false;
  self->enabled = false;
  for (FatalSignal& signal : self->fatal) restore(signal);
  clear_field(self->file);
  return true;
}
Maybe<bool> disable(PyObject*) { return disable_all(); }
Maybe<bool> is_enabled(PyObject*) { return g_runtime.faulthandler && g_runtime.faulthandler->enabled; }

// ---- after a time -----------------------------------------------------------------------------------------

void watch(void*) {
  Watchdog& dog = g_runtime.faulthandler->watchdog;
  // Signals are for the other threads.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  const char* error;
  do {
    if (PyThread_acquire_lock_timed(dog.cancel, dog.microseconds, 0) == PY_LOCK_ACQUIRED) {
      PyThread_release_lock(dog.cancel);
      break;
    }
    put(dog.fd, dog.header);
    error = _Py_DumpTracebackThreads(dog.fd, published(dog.interpreter), nullptr);
    if (dog.exit) _exit(1);
  } while (!error && dog.repeat);
  PyThread_release_lock(dog.running);
}

void cancel_watchdog(Watchdog& dog) {
  if (!dog.cancel) return;
  PyThread_release_lock(dog.cancel);
  // Without the interpreter's lock in hand a handler could not run; the thread does not need it.
  PyThread_acquire_lock(dog.running, 1);
  PyThread_release_lock(dog.running);
  PyThread_acquire_lock(dog.cancel, 1);
  clear_field(dog.file);
  PyMem_Free(std::exchange(dog.header, nullptr));
}

char* format_timeout(_PyTime_t microseconds) {
  auto whole = static_cast<unsigned long>(microseconds / 1'000'000);
  auto rest = static_cast<unsigned>(microseconds % 1'000'000);
  char text[100];
  int length = std::snprintf(text, sizeof(text), "Timeout (%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
  if (rest) length += std::snprintf(text + length, sizeof(text) - static_cast<size_t>(length), ".%06u", rest);
  std::snprintf(text + length, sizeof(text) - static_cast<size_t>(length), ")!\n");
  char* copy = static_cast<char*>(PyMem_Malloc(std::strlen(text) + 1));
  if (!copy) PyErr_NoMemory();
  else std::strcpy(copy, text);
  return copy;
}

Status dump_later(PyObject*, PyObject* timeout, int repeat, PyObject* file, int exit) {
  Faulthandler* self = TRY(state());
  Watchdog& dog = self->watchdog;
  _PyTime_t nanoseconds;
  TRY(status_of(_PyTime_FromSecondsObject(&nanoseconds, timeout, _PyTime_ROUND_TIMEOUT)));
  _PyTime_t microseconds = _PyTime_AsMicroseconds(nanoseconds, _PyTime_ROUND_TIMEOUT);
  if (microseconds <= 0) return raise(PyExc_ValueError, "timeout must be greater than 0");
  if (microseconds > PY_TIMEOUT_MAX) return raise(PyExc_OverflowError, "timeout value is too large");
  Target target;
  TRY(find_target(file, &target));
  if (!dog.running) {
    dog.running = PyThread_allocate_lock();
    if (!dog.running) return PyErr_NoMemory(), failure;
  }
  if (!dog.cancel) {
    dog.cancel = PyThread_allocate_lock();
    if (!dog.cancel) return PyErr_NoMemory(), failure;
    // Open means cancelled.
    PyThread_acquire_lock(dog.cancel, 1);
  }
  char* header = TRY(format_timeout(microseconds));
  cancel_watchdog(dog);
  set_field(dog.file, std::move(target.file));
  dog.fd = target.fd;
  dog.microseconds = microseconds;
  dog.repeat = repeat;
  dog.interpreter = current_interpreter();
  dog.exit = exit;
  dog.header = header;
  PyThread_acquire_lock(dog.running, 1);
  if (PyThread_start_new_thread(watch, nullptr) != PYTHREAD_INVALID_THREAD_ID) return Status::ok;
  PyThread_release_lock(dog.running);
  clear_field(dog.file);
  PyMem_Free(std::exchange(dog.header, nullptr));
  return raise(PyExc_RuntimeError, "unable to start watchdog thread");
}

Status cancel_later(PyObject*) {
  if (g_runtime.faulthandler) cancel_watchdog(g_runtime.faulthandler->watchdog);
  return Status::ok;
}

// ---- on a signal --------------------------------------------------------------------------------------------

Status check_number(int number) {
  for (int fatal : {SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSEGV}) {
    if (fatal == number) return raise(PyExc_RuntimeError, "signal %i cannot be registered, use enable() instead", number);
  }
  if (number < 1 || number >= kSignals) return raise(PyExc_ValueError, "signal number out of range");
  return Status::ok;
}

Status register_signal(PyObject*, int number, PyObject* file, int all_threads, int chain) {
  TRY(check_number(number));
  Faulthandler* self = TRY(state());
  Target target;
  TRY(find_target(file, &target));
  UserSignal& user = self->user[number];
  if (!user.enabled) {
    if (install_user_signal(number, chain, &user.previous) != Status::ok) {
      PyErr_SetFromErrno(PyExc_OSError);
      return Status::error;
    }
  }
  set_field(user.file, std::move(target.file));
  user.fd = target.fd;
  user.all_threads = all_threads;
  user.chain = chain;
  user.enabled = true;
  return Status::ok;
}

bool unregister(UserSignal& user, int number) {
  if (!user.enabled) return false;
  user.enabled = false;
  sigaction(number, &user.previous, nullptr);
  clear_field(user.file);
  user.fd = -1;
  return true;
}
Maybe<bool> unregister_signal(PyObject*, int number) {
  TRY(check_number(number));
  return g_runtime.faulthandler && unregister(g_runtime.faulthandler->user[number], number);
}

// ---- the module ---------------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("enable($module, /, file=<unrepresentable>, all_threads=True)", enable,
                    "enable(file=sys.stderr, all_threads=True): enable the fault handler"),
    METHOD_UNSIGNED("disable($module, /)", disable, "disable(): disable the fault handler"),
    METHOD_UNSIGNED("is_enabled($module, /)", is_enabled, "is_enabled()->bool: check if the handler is enabled"),
    METHOD_UNSIGNED("dump_traceback($module, /, file=<unrepresentable>, all_threads=True)", dump_traceback,
                    "dump_traceback(file=sys.stderr, all_threads=True): dump the traceback of the current thread, or of all threads if all_threads is "
                    "True, into file"),
    METHOD_UNSIGNED("dump_traceback_later($module, /, timeout, repeat=False, file=<unrepresentable>, exit=False)", dump_later,
                    "dump_traceback_later(timeout, repeat=False, file=sys.stderrn, exit=False):\ndump the traceback of all threads in timeout "
                    "seconds,\nor each timeout seconds if repeat is True. If exit is True, call _exit(1) which is not safe."),
    METHOD_UNSIGNED("cancel_dump_traceback_later($module, /)", cancel_later,
                    "cancel_dump_traceback_later():\ncancel the previous call to dump_traceback_later()."),
    METHOD_UNSIGNED("register($module, /, signum, file=<unrepresentable>, all_threads=True, chain=False)", register_signal,
                    "register(signum, file=sys.stderr, all_threads=True, chain=False): register a handler for the signal 'signum': dump the traceback of "
                    "the current thread, or of all threads if all_threads is True, into file"),
    METHOD_PARSED("unregister($module, signum, /)", unregister_signal,
                    "unregister(signum): unregister the handler of the signal 'signum' registered by register()"),
    kEndOfMethods,
};

int execute(PyObject* module) { return PyModule_AddFunctions(module, const_cast<PyMethodDef*>(kFaultMethods)); }

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "faulthandler",
    .m_doc = "faulthandler module.",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace

Status enable_faulthandler() {
  Ref<> module = TRY(steal(PyImport_ImportModule("faulthandler")));
  Ref<> done = TRY(call_method(module.get(), name<"enable">));
  return Status::ok;
}

void silence_faulthandler() {
  Faulthandler* self = g_runtime.faulthandler;
  if (!self || !self->enabled) return;
  self->enabled = false;
  for (FatalSignal& signal : self->fatal) restore(signal);
}

void finish_faulthandler() {
  Faulthandler* self = g_runtime.faulthandler;
  if (!self) return;
  cancel_watchdog(self->watchdog);
  for (int number = 1; number < kSignals; ++number) unregister(self->user[number], number);
  disable_all();
  if (self->watchdog.cancel) {
    PyThread_release_lock(self->watchdog.cancel);
    PyThread_free_lock(self->watchdog.cancel);
  }
  if (self->watchdog.running) PyThread_free_lock(self->watchdog.running);
  if (self->stack.ss_sp) {
    // Unless somebody has put another in its place.
    stack_t now;
    if (sigaltstack(nullptr, &now) == 0 && now.ss_sp == self->stack.ss_sp) sigaltstack(&self->old_stack, nullptr);
    std::free(self->stack.ss_sp);
  }
  g_runtime.faulthandler = nullptr;
  std::free(self);
}

}  // namespace gill

PyMODINIT_FUNC PyInit_faulthandler() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("faulthandler", PyInit_faulthandler);
}  // namespace gill
