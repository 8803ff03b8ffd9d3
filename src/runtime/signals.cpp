// Noting signals and running their handlers; the C API of signals.
#include "runtime/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>

#include "base/ref.h"
#include "base/result.h"
#include "lock/interpreter_lock.h"
#include "runtime/runtime.h"

extern "C" {
int _PyErr_CheckSignalsTstate(PyThreadState* thread);
int _PyOS_InterruptOccurred(PyThreadState* thread);
}

namespace gill {

bool is_ignore_action(PyObject* handler) {
  return handler && PyLong_CheckExact(handler) && Py_SIZE(handler) == 1 && reinterpret_cast<PyLongObject*>(handler)->ob_digit[0] == 1;
}

bool handles_signals(ThreadState* thread) { return is_main_thread() && thread->interpreter() == g_runtime.main_interpreter; }

namespace {

// A pending call: the byte for the wake-up descriptor could not be written.
int report_wakeup_error(void* error) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  errno = static_cast<int>(reinterpret_cast<intptr_t>(error));
  PyErr_SetFromErrno(PyExc_OSError);
  PySys_WriteStderr("Exception ignored when trying to write to the signal wakeup fd:\n");
  PyErr_WriteUnraisable(nullptr);
  PyErr_Restore(type, value, traceback);
  return 0;
}

// Safe in a signal handler.
void mark(int number) {
  Signals& signals = g_runtime.signals;
  signals.came[number].store(true, std::memory_order_relaxed);
  signals.any.store(true, std::memory_order_release);
  Interpreter* interpreter = g_runtime.main_interpreter;
  if (!interpreter) return;
  request(interpreter, kRequestSignals);
  // The byte comes last: who wakes up by it must find the signal marked.
  int fd = signals.wakeup_fd.load(std::memory_order_acquire);
  if (fd == -1) return;
  auto byte = static_cast<unsigned char>(number);
  if (::write(fd, &byte, 1) >= 0) return;
  int error = errno;
  if (signals.warn_on_full_buffer || (error != EAGAIN && error != EWOULDBLOCK)) {
    Py_AddPendingCall(report_wakeup_error, reinterpret_cast<void*>(static_cast<intptr_t>(error)));
  }
}

int run_handlers(ThreadState* thread) {
  Signals& signals = g_runtime.signals;
  if (!signals.any.load(std::memory_order_relaxed)) return 0;
  signals.any.store(false, std::memory_order_seq_cst);
  Ref<> frame = steal(reinterpret_cast<PyObject*>(PyThreadState_GetFrame(thread)));
  for (int number = 1; number < kSignals; ++number) {
    if (!signals.came[number].load(std::memory_order_relaxed)) continue;
    signals.came[number].store(false, std::memory_order_relaxed);
    // It may have been changed since the signal came.
    Ref<> handler = borrow(signals.handlers[number].load());
    if (!handler || handler.get() == Py_None || is_default_action(handler.get()) || is_ignore_action(handler.get())) {
      PyErr_Format(PyExc_OSError, "Signal %i ignored due to race condition", number);
      PyErr_WriteUnraisable(Py_None);
      continue;
    }
    Ref<> argument = steal(PyLong_FromLong(number));
    PyObject* arguments[] = {nullptr, argument.get(), frame ? frame.get() : Py_None};
    Ref<> result = argument ? steal(PyObject_Vectorcall(handler.get(), arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr)) : Ref<>();
    if (!result) {
      // The others wait for the next look.
      signals.any.store(true, std::memory_order_relaxed);
      request(thread->interpreter(), kRequestSignals);
      return -1;
    }
  }
  return 0;
}

}  // namespace

void ignore_broken_pipes() {
  PyOS_setsig(SIGPIPE, SIG_IGN);
  PyOS_setsig(SIGXFSZ, SIG_IGN);
}

void finish_signals() {
  Signals& signals = g_runtime.signals;
  for (int number = 1; number < kSignals; ++number) {
    signals.came[number] = false;
    Ref<> handler = steal(signals.handlers[number].exchange(nullptr));
    if (handler && handler.get() != Py_None && !is_default_action(handler.get()) && !is_ignore_action(handler.get())) {
      PyOS_setsig(number, SIG_DFL);
    }
  }
}

void note_signal(int number) {
  int saved_errno = errno;
  mark(number);
  errno = saved_errno;
}

}  // namespace gill

using namespace gill;

extern "C" {

int gill_run_signal_handlers(ThreadState* thread) { return handles_signals(thread) ? run_handlers(thread) : 0; }

// Native code that works for long calls this now and then, so it is the collector's safe point too.
int PyErr_CheckSignals(void) {
  ThreadState* thread = current_thread();
  collect_if_requested(thread->interpreter());
  return gill_run_signal_handlers(thread);
}
int _PyErr_CheckSignals(void) { return run_handlers(current_thread()); }
[[gnu::visibility("default")]] int _PyErr_CheckSignalsTstate(PyThreadState* thread) { return run_handlers(static_cast<ThreadState*>(thread)); }

int PyErr_SetInterruptEx(int number) {
  if (number < 1 || number >= kSignals) return -1;
  PyObject* handler = g_runtime.signals.handlers[number].load();
  if (!is_default_action(handler) && !is_ignore_action(handler)) mark(number);
  return 0;
}
void PyErr_SetInterrupt(void) { PyErr_SetInterruptEx(SIGINT); }

[[gnu::visibility("default")]] int _PyOS_InterruptOccurred(PyThreadState* thread) {
  if (!handles_signals(static_cast<ThreadState*>(thread))) return 0;
  return g_runtime.signals.came[SIGINT].exchange(false);
}
int PyOS_InterruptOccurred(void) { return _PyOS_InterruptOccurred(current_thread()); }
int _PyOS_IsMainThread(void) { return handles_signals(current_thread()); }

int PySignal_SetWakeupFd(int fd) {
  if (fd < 0) fd = -1;
  g_runtime.signals.warn_on_full_buffer = true;
  return g_runtime.signals.wakeup_fd.exchange(fd);
}

PyOS_sighandler_t PyOS_getsig(int number) {
  struct sigaction action;
  return sigaction(number, nullptr, &action) == -1 ? SIG_ERR : action.sa_handler;
}
PyOS_sighandler_t PyOS_setsig(int number, PyOS_sighandler_t handler) {
  struct sigaction action = {}, old;
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // Interrupted system calls are not restarted by the system: Python's handler must run first. Extensions may have
  // set an alternative stack for overflows.
  action.sa_flags = SA_ONSTACK;
  return sigaction(number, &action, &old) == -1 ? SIG_ERR : old.sa_handler;
}

// Gives programs that are started the default for what start-up ignores.
void _Py_RestoreSignals(void) {
  PyOS_setsig(SIGPIPE, SIG_DFL);
  PyOS_setsig(SIGXFSZ, SIG_DFL);
}

}  // extern "C"
