// The _signal module: Python's handlers of signals, timers, and waiting for signals. How handlers come to run is in runtime/signals.h.
#include <Python.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/binding.h"
#include "base/names.h"
#include "modules/module_state.h"
#include "modules/signal_module.h"
#include "runtime/runtime.h"

namespace gill {

Failure set_os_error() {
  PyErr_SetFromErrno(PyExc_OSError);
  return failure;
}

namespace {

Status check_number(int number) {
  if (number < 1 || number >= kSignals) return raise(PyExc_ValueError, "signal number out of range");
  return Status::ok;
}

// ---- handlers -------------------------------------------------------------------------------------------

Ref<> current_handler(int number) {
  PyObject* handler = g_runtime.signals.handlers[number].load();
  return handler ? borrow(handler) : none();
}

Ref<> set_handler(PyObject*, int number, PyObject* handler) {
  void (*native)(int) = note_signal;
  ThreadState* thread = current_thread();
  if (!handles_signals(thread)) return raise(PyExc_ValueError, "signal only works in main thread of the main interpreter");
  TRY(check_number(number));
  if (is_ignore_action(handler)) native = SIG_IGN;
  else if (is_default_action(handler)) native = SIG_DFL;
  else if (!PyCallable_Check(handler)) {
    return raise(PyExc_TypeError, "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object");
  }
  // What came before goes to the old handler.
  TRY(status_of(PyErr_CheckSignals()));
  if (PyOS_setsig(number, native) == SIG_ERR) return set_os_error();
  Ref<> old = steal(g_runtime.signals.handlers[number].exchange(borrow(handler).release()));
  return old ? std::move(old) : none();
}

Ref<> get_handler(PyObject*, int number) {
  TRY(check_number(number));
  return current_handler(number);
}

Ref<> default_int_handler(PyObject*, int, PyObject*) {
  PyErr_SetNone(PyExc_KeyboardInterrupt);
  return nullptr;
}

Status interrupt_calls(PyObject*, int number, int flag) {
  TRY(check_number(number));
  struct sigaction action;
  sigaction(number, nullptr, &action);
  if (flag) action.sa_flags &= ~SA_RESTART;
  else action.sa_flags |= SA_RESTART;
  if (sigaction(number, &action, nullptr) < 0) return set_os_error();
  return Status::ok;
}

Maybe<int> set_wakeup_fd(PyObject*, int fd, bool warn_on_full_buffer) {
  if (!handles_signals(current_thread())) return raise(PyExc_ValueError, "set_wakeup_fd only works in main thread of the main interpreter");
  if (fd != -1) {
    struct stat information;
    if (fstat(fd, &information) != 0) return set_os_error();
    int flags = fcntl(fd, F_GETFL, 0);
    if (flags < 0) return set_os_error();
    if (!(flags & O_NONBLOCK)) return raise(PyExc_ValueError, "the fd %i must be in non-blocking mode", fd);
  }
  g_runtime.signals.warn_on_full_buffer = warn_on_full_buffer;
  return g_runtime.signals.wakeup_fd.exchange(fd);
}

Ref<> describe(PyObject*, int number) {
  TRY(check_number(number));
  errno = 0;
  const char* text = strsignal(number);
  if (errno || !text || std::strstr(text, "Unknown signal")) return none();
  return steal(PyUnicode_FromString(text));
}

// ---- sending --------------------------------------------------------------------------------------------

Status raise_signal(PyObject*, int number) {
  int result;
  Py_BEGIN_ALLOW_THREADS;
  result = ::raise(number);
  Py_END_ALLOW_THREADS;
  if (result) return set_os_error();
  // It is there already when it is for this thread.
  return status_of(PyErr_CheckSignals());
}

Status kill_thread(PyObject*, PyObject* thread, int number) {
  if (!PyLong_Check(thread)) {
    return raise(PyExc_TypeError, "pthread_kill() argument 1 must be int, not %.50s", Py_TYPE(thread)->tp_name);
  }
  unsigned long id = PyLong_AsUnsignedLongMask(thread);
  if (id == static_cast<unsigned long>(-1) && PyErr_Occurred()) return Status::error;
  TRY(status_of(PySys_Audit("signal.pthread_kill", "ki", id, number)));
  if (int error = pthread_kill(static_cast<pthread_t>(id), number)) {
    errno = error;
    return set_os_error();
  }
  return status_of(PyErr_CheckSignals());
}

Status pidfd_send(PyObject*, int pidfd, int number, PyObject* information, unsigned flags) {
  if (information != Py_None) return raise(PyExc_TypeError, "siginfo must be None");
  if (syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, flags) < 0) return set_os_error();
  return Status::ok;
}

// ---- timers ---------------------------------------------------------------------------------------------

Maybe<long> alarm_after(PyObject*, int seconds) { return static_cast<long>(alarm(static_cast<unsigned>(seconds))); }

Status pause_thread(PyObject*) {
  Py_BEGIN_ALLOW_THREADS;
  pause();
  Py_END_ALLOW_THREADS;
  return status_of(PyErr_CheckSignals());
}

Status read_duration(PyObject* seconds, timeval* result) {
  result->tv_sec = 0;
  result->tv_usec = 0;
  if (!seconds) return Status::ok;
  _PyTime_t t;
  TRY(status_of(_PyTime_FromSecondsObject(&t, seconds, _PyTime_ROUND_CEILING)));
  return status_of(_PyTime_AsTimeval(t, result, _PyTime_ROUND_CEILING));
}

Ref<> timer_value(const itimerval& value) {
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return steal(Py_BuildValue("dd", seconds(value.it_value), seconds(value.it_interval)));
}

Failure timer_error(PyObject* module) {
  PyErr_SetFromErrno(signal_module_state(module)->timer_error);
  return failure;
}

Ref<> set_timer(PyObject* module, int which, PyObject* seconds, PyObject* interval) {
  itimerval wanted, old;
  TRY(read_duration(seconds, &wanted.it_value));
  TRY(read_duration(interval, &wanted.it_interval));
  if (setitimer(static_cast<__itimer_which>(which), &wanted, &old) != 0) return timer_error(module);
  return timer_value(old);
}

Ref<> get_timer(PyObject* module, int which) {
  itimerval value;
  if (getitimer(static_cast<__itimer_which>(which), &value) != 0) return timer_error(module);
  return timer_value(value);
}

// ---- the module -----------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD("default_int_handler($module, signalnum, frame, /)", default_int_handler,
           "The default handler for SIGINT installed by Python.\n\nIt raises KeyboardInterrupt."),
    METHOD("alarm($module, seconds, /)", alarm_after, "Arrange for SIGALRM to arrive after the given number of seconds."),
    METHOD("setitimer($module, which, seconds, interval=0.0, /)", set_timer,
           "Sets given itimer (one of ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF).\n\nThe timer fires after `seconds` and from then on every `interval` "
           "seconds; 0\nseconds stop it.\n\nReturns old values as a tuple: (delay, interval)."),
    METHOD("getitimer($module, which, /)", get_timer, "Returns current value of given itimer."),
    METHOD("signal($module, signalnum, handler, /)", set_handler,
           "Set the action for the given signal.\n\nThe action is SIG_DFL, SIG_IGN, or a function that is called with the number and\nthe interrupted stack "
           "frame. The previous action is returned, as by getsignal()."),
    METHOD("raise_signal($module, signalnum, /)", raise_signal, "Send a signal to the executing process."),
    METHOD("strsignal($module, signalnum, /)", describe,
           "Return the system description of the given signal.\n\nNone when there is none; ValueError for an invalid number."),
    METHOD("getsignal($module, signalnum, /)", get_handler,
           "Return the current action for the given signal.\n\nThe return value can be:\n  SIG_IGN -- if the signal is being ignored\n  SIG_DFL -- if the "
           "default action for the signal is in effect\n  None    -- if an unknown handler is in effect\n  anything else -- the callable Python object used "
           "as a handler"),
    METHOD_UNSIGNED("set_wakeup_fd($module, fd, /, *, warn_on_full_buffer=True)", set_wakeup_fd,
                    "set_wakeup_fd(fd, *, warn_on_full_buffer=True) -> fd\n\nSets the fd to be written to (with the signal number) when a signal\ncomes in, "
                    "so that select or poll wake up. The previous fd or -1 is returned.\n\nThe fd must be non-blocking."),
    METHOD("siginterrupt($module, signalnum, flag, /)", interrupt_calls,
           "Change system call restart behaviour.\n\nIf flag is False, system calls will be restarted when interrupted by\nsignal sig, else system calls will "
           "be interrupted."),
    METHOD("pause($module, /)", pause_thread, "Wait until a signal arrives."),
    METHOD("pidfd_send_signal($module, pidfd, signalnum, siginfo=None, flags=0, /)", pidfd_send,
           "Send a signal to a process referred to by a pid file descriptor."),
    METHOD("pthread_kill($module, thread_id, signalnum, /)", kill_thread, "Send a signal to a thread."),
    kEndOfMethods,
};

struct Constant {
  const char* text;
  int value;
};
#define CONSTANT(symbol) {#symbol, symbol}
const Constant kConstants[] = {
    CONSTANT(NSIG),      CONSTANT(SIG_BLOCK), CONSTANT(SIG_UNBLOCK), CONSTANT(SIG_SETMASK), CONSTANT(SIGHUP),    CONSTANT(SIGINT),  CONSTANT(SIGQUIT),
    CONSTANT(SIGILL),    CONSTANT(SIGTRAP),   CONSTANT(SIGIOT),      CONSTANT(SIGABRT),     CONSTANT(SIGFPE),    CONSTANT(SIGKILL), CONSTANT(SIGBUS),
    CONSTANT(SIGSEGV),   CONSTANT(SIGSYS),    CONSTANT(SIGPIPE),     CONSTANT(SIGALRM),     CONSTANT(SIGTERM),   CONSTANT(SIGUSR1), CONSTANT(SIGUSR2),
    CONSTANT(SIGCLD),    CONSTANT(SIGCHLD),   CONSTANT(SIGPWR),      CONSTANT(SIGIO),       CONSTANT(SIGURG),    CONSTANT(SIGWINCH), CONSTANT(SIGPOLL),
    CONSTANT(SIGSTOP),   CONSTANT(SIGTSTP),   CONSTANT(SIGCONT),     CONSTANT(SIGTTIN),     CONSTANT(SIGTTOU),   CONSTANT(SIGVTALRM), CONSTANT(SIGPROF),
    CONSTANT(SIGXCPU),   CONSTANT(SIGXFSZ),   CONSTANT(SIGSTKFLT),   CONSTANT(ITIMER_REAL), CONSTANT(ITIMER_VIRTUAL), CONSTANT(ITIMER_PROF),
};
#undef CONSTANT

// The handlers as the process was started with; Ctrl-C becomes an exception.
Status take_over_signals(PyObject* module, PyObject* default_action, PyObject* ignore_action) {
  Signals& signals = g_runtime.signals;
  for (int number = 1; number < kSignals; ++number) {
    auto native = PyOS_getsig(number);
    PyObject* handler = native == SIG_DFL ? default_action : native == SIG_IGN ? ignore_action : Py_None;
    Ref<> old = steal(signals.handlers[number].exchange(borrow(handler).release()));
  }
  if (!is_default_action(signals.handlers[SIGINT].load())) return Status::ok;
  Ref<> handler = TRY(steal(PyObject_GetAttr(module, name<"default_int_handler">)));
  Ref<> old = steal(signals.handlers[SIGINT].exchange(handler.release()));
  PyOS_setsig(SIGINT, note_signal);
  return Status::ok;
}

int execute(PyObject* module) {
  SignalModuleState* state = signal_module_state(module);
  Ref<> default_action = TRY(steal(PyLong_FromLong(0)));
  Ref<> ignore_action = TRY(steal(PyLong_FromLong(1)));
  TRY(status_of(PyModule_AddObjectRef(module, "SIG_DFL", default_action.get())));
  TRY(status_of(PyModule_AddObjectRef(module, "SIG_IGN", ignore_action.get())));
  for (const Constant& each : kConstants) TRY(status_of(PyModule_AddIntConstant(module, each.text, each.value)));
  TRY(status_of(PyModule_AddIntConstant(module, "SIGRTMIN", SIGRTMIN)));
  TRY(status_of(PyModule_AddIntConstant(module, "SIGRTMAX", SIGRTMAX)));
  state->timer_error = TRY(steal(PyErr_NewException("signal.itimer_error", PyExc_OSError, nullptr))).release();
  TRY(status_of(PyModule_AddObjectRef(module, "ItimerError", state->timer_error)));
  TRY(add_signal_waiting(module, state));
  if (current_interpreter() == g_runtime.main_interpreter) TRY(take_over_signals(module, default_action.get(), ignore_action.get()));
  return 0;
}

using Owned = ModuleFields<&SignalModuleState::timer_error, &SignalModuleState::information_type>;

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_signal",
    .m_doc = "This module provides mechanisms to use signal handlers in Python.\n\nA handler is called with two arguments: the signal number and the "
             "interrupted\nstack frame. The timers count real time (ITIMER_REAL), the process's own\n(ITIMER_VIRTUAL), or that and what the system does for "
             "it (ITIMER_PROF).",
    .m_size = sizeof(SignalModuleState),
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__signal() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_signal", PyInit__signal);
}  // namespace gill
