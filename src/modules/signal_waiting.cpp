// The _signal module's functions about sets of signals: masks, pending ones, waiting.
#include <Python.h>
#include <structmember.h>

#include <cerrno>
#include <csignal>

#include "base/binding.h"
#include "base/names.h"
#include "modules/signal_module.h"
#include "runtime/signals.h"

namespace gill {
namespace {

Status add_signal(sigset_t* set, PyObject* item) {
  int overflow;
  long number = PyLong_AsLongAndOverflow(item, &overflow);
  if (number <= 0 || number >= kSignals) {
    if (overflow || !PyErr_Occurred()) return raise(PyExc_ValueError, "signal number %ld out of range [1; %i]", number, kSignals - 1);
    return Status::error;
  }
  if (sigaddset(set, static_cast<int>(number)) == 0) return Status::ok;
  if (errno != EINVAL) return set_os_error();
  // The C library keeps some for itself.
  return status_of(PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "invalid signal number %ld, please use valid_signals()", number));
}

Maybe<sigset_t> read_set(PyObject* iterable) {
  sigset_t set;
  if (sigemptyset(&set) < 0) return set_os_error();
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  while (Ref<> item = steal(PyIter_Next(iterator.get()))) TRY(add_signal(&set, item.get()));
  if (PyErr_Occurred()) return failure;
  return set;
}

Ref<> set_of(const sigset_t& signals) {
  Ref<> result = TRY(steal(PySet_New(nullptr)));
  for (int number = 1; number < kSignals; ++number) {
    if (sigismember(&signals, number) != 1) continue;
    Ref<> item = TRY(steal(PyLong_FromLong(number)));
    TRY(status_of(PySet_Add(result.get(), item.get())));
  }
  return result;
}

Ref<> change_mask(PyObject*, int how, PyObject* mask) {
  sigset_t set = TRY(read_set(mask)), old;
  if (int error = pthread_sigmask(how, &set, &old)) {
    errno = error;
    return set_os_error();
  }
  // Those that are let through now have come already.
  TRY(status_of(PyErr_CheckSignals()));
  return set_of(old);
}

Ref<> pending(PyObject*) {
  sigset_t set;
  if (sigpending(&set) != 0) return set_os_error();
  return set_of(set);
}

Ref<> valid_signals(PyObject*) {
  sigset_t set;
  if (sigemptyset(&set) != 0 || sigfillset(&set) != 0) return set_os_error();
  return set_of(set);
}

Maybe<int> wait_for(PyObject*, PyObject* signals) {
  sigset_t set = TRY(read_set(signals));
  int error, number;
  Py_BEGIN_ALLOW_THREADS;
  error = sigwait(&set, &number);
  Py_END_ALLOW_THREADS;
  if (!error) return number;
  errno = error;
  return set_os_error();
}

Ref<> information_of(PyObject* module, const siginfo_t& information) {
  Ref<> result = TRY(steal(PyStructSequence_New(signal_module_state(module)->information_type)));
  PyObject* fields[] = {
      PyLong_FromLong(information.si_signo), PyLong_FromLong(information.si_code),   PyLong_FromLong(information.si_errno),
      PyLong_FromLong(information.si_pid),   PyLong_FromUnsignedLong(information.si_uid), PyLong_FromLong(information.si_status),
      PyLong_FromLong(information.si_band),
  };
  for (Py_ssize_t i = 0; i < 7; ++i) PyStructSequence_SetItem(result.get(), i, fields[i]);
  if (PyErr_Occurred()) return nullptr;
  return result;
}

Ref<> wait_for_information(PyObject* module, PyObject* signals) {
  sigset_t set = TRY(read_set(signals));
  for (;;) {
    siginfo_t information;
    int result;
    Py_BEGIN_ALLOW_THREADS;
    result = sigwaitinfo(&set, &information);
    Py_END_ALLOW_THREADS;
    if (result != -1) return information_of(module, information);
    if (errno != EINTR) return set_os_error();
    TRY(status_of(PyErr_CheckSignals()));
  }
}

Ref<> timed_wait(PyObject* module, PyObject* signals, PyObject* seconds) {
  sigset_t set = TRY(read_set(signals));
  _PyTime_t timeout;
  TRY(status_of(_PyTime_FromSecondsObject(&timeout, seconds, _PyTime_ROUND_CEILING)));
  if (timeout < 0) return raise(PyExc_ValueError, "timeout must be non-negative");
  _PyTime_t deadline = _PyDeadline_Init(timeout);
  do {
    timespec limit;
    TRY(status_of(_PyTime_AsTimespec(timeout, &limit)));
    siginfo_t information;
    int result;
    Py_BEGIN_ALLOW_THREADS;
    result = sigtimedwait(&set, &information, &limit);
    Py_END_ALLOW_THREADS;
    if (result != -1) return information_of(module, information);
    if (errno == EAGAIN) return none();
    if (errno != EINTR) return set_os_error();
    TRY(status_of(PyErr_CheckSignals()));
    timeout = _PyDeadline_Get(deadline);
  } while (timeout >= 0);
  return none();
}

const PyMethodDef kMethods[] = {
    METHOD("pthread_sigmask($module, how, mask, /)", change_mask, "Fetch and/or change the signal mask of the calling thread."),
    METHOD("sigpending($module, /)", pending,
           "Examine pending signals.\n\nReturns a set of signal numbers that are pending for delivery to\nthe calling thread."),
    METHOD("sigwait($module, sigset, /)", wait_for,
           "Wait for a signal.\n\nThe thread stops until one of the set is delivered; it is taken from the queue\nand its number returned."),
    METHOD("sigwaitinfo($module, sigset, /)", wait_for_information,
           "Wait synchronously until one of the signals in *sigset* is delivered.\n\nReturns a struct_siginfo containing information about the signal."),
    METHOD("sigtimedwait($module, sigset, timeout, /)", timed_wait,
           "Like sigwaitinfo(), but with a timeout.\n\nThe timeout is specified in seconds, with floating point numbers allowed."),
    METHOD("valid_signals($module, /)", valid_signals,
           "Return a set of valid signal numbers on this platform.\n\nThe numbers can be given to functions like `pthread_sigmask`."),
    kEndOfMethods,
};

const PyStructSequence_Field kFields[] = {
    {"si_signo", "signal number"},
    {"si_code", "signal code"},
    {"si_errno", "errno associated with this signal"},
    {"si_pid", "sending process ID"},
    {"si_uid", "real user ID of sending process"},
    {"si_status", "exit value or signal"},
    {"si_band", "band event for SIGPOLL"},
    {nullptr, nullptr},
};
PyStructSequence_Desc description = {
    "signal.struct_siginfo",
    "struct_siginfo: Result from sigwaitinfo or sigtimedwait.\n\nThis object may be accessed either as a tuple of\n(si_signo, si_code, si_errno, si_pid, "
    "si_uid, si_status, si_band),\nor via the attributes si_signo, si_code, and so on.",
    table(kFields), 7};

}  // namespace

Status add_signal_waiting(PyObject* module, SignalModuleState* state) {
  state->information_type = TRY(steal(PyStructSequence_NewType(&description))).release();
  TRY(status_of(PyModule_AddType(module, state->information_type)));
  return status_of(PyModule_AddFunctions(module, table(kMethods)));
}

}  // namespace gill

// A converter for PyArg_Parse: an iterable of signal numbers.
extern "C" [[gnu::visibility("default")]] int _Py_Sigset_Converter(PyObject* object, void* result) {
  gill::Maybe<sigset_t> set = gill::read_set(object);
  if (!set) return 0;
  *static_cast<sigset_t*>(result) = set.value();
  return 1;
}
