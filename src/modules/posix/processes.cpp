// Making processes, signalling them, waiting for them, and leaving.
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "modules/gill/exit_report.h"
#include "modules/posix/posix.h"

// os.register_at_fork() for functions that may be null each (runtime/).
extern "C" int gill_register_at_fork(PyObject* before, PyObject* in_parent, PyObject* in_child);

namespace gill::posix {
namespace {

const PyStructSequence_Field kWaitidFields[] = {
    {"si_pid", nullptr}, {"si_uid", nullptr}, {"si_signo", nullptr}, {"si_status", nullptr}, {"si_code", nullptr}, {nullptr, nullptr},
};

// ---- forking --------------------------------------------------------------------------------------------------------

Status check_fork() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) return raise(PyExc_RuntimeError, "fork not supported for subinterpreters");
  return Status::ok;
}

// Forks by `call`, with the functions that are registered run around it.
template <class F>
Maybe<pid_t> fork_with(F call) {
  PyOS_BeforeFork();
  pid_t pid = call();
  int error = errno;
  if (pid == 0) PyOS_AfterFork_Child();
  else PyOS_AfterFork_Parent();
  errno = error;
  if (pid == -1) return os_error();
  return pid;
}

Maybe<int> posix_fork(PyObject*) {
  TRY(check_fork());
  TRY(audit("os.fork", nullptr));
  return fork_with([] { return ::fork(); });
}
Ref<> posix_forkpty(PyObject*) {
  TRY(check_fork());
  TRY(audit("os.forkpty", nullptr));
  int master = -1;
  pid_t pid = TRY(fork_with([&] { return ::forkpty(&master, nullptr, nullptr, nullptr); }));
  return steal(Py_BuildValue("(ii)", pid, master));
}

Status check_hook(PyObject* hook, const char* parameter) {
  if (hook && !PyCallable_Check(hook)) return raise(PyExc_TypeError, "'%s' must be callable, not %.200s", parameter, Py_TYPE(hook)->tp_name);
  return Status::ok;
}
Status posix_register_at_fork(PyObject*, PyObject* before, PyObject* after_in_child, PyObject* after_in_parent) {
  if (!before && !after_in_child && !after_in_parent) return raise(PyExc_TypeError, "At least one argument is required.");
  TRY(check_hook(before, "before"));
  TRY(check_hook(after_in_child, "after_in_child"));
  TRY(check_hook(after_in_parent, "after_in_parent"));
  return status_of(gill_register_at_fork(before, after_in_parent, after_in_child));
}

[[noreturn]] Status posix_exit(PyObject*, int status) {
  note_exit_code(status);
  write_exit_report();
  ::_exit(status);
}

// ---- signals and priorities -------------------------------------------------------------------------------------------

Status posix_kill(PyObject*, ProcessId pid, Py_ssize_t signal) {
  TRY(audit("os.kill", "in", pid.id, signal));
  TRY(result_of(::kill(pid.id, static_cast<int>(signal))));
  // One sent to this process is answered at once.
  return status_of(PyErr_CheckSignals());
}
Status posix_killpg(PyObject*, ProcessId pgid, int signal) {
  TRY(audit("os.killpg", "ii", pgid.id, signal));
  TRY(result_of(::killpg(pgid.id, signal)));
  return status_of(PyErr_CheckSignals());
}
Maybe<int> posix_pidfd_open(PyObject*, ProcessId pid, unsigned flags) {
  return once([&] { return static_cast<int>(::syscall(SYS_pidfd_open, pid.id, flags)); });
}

Maybe<int> posix_nice(PyObject*, int increment) {
  // -1 is a niceness too.
  errno = 0;
  int value = ::nice(increment);
  if (value == -1 && errno != 0) return os_error();
  return value;
}
Maybe<int> posix_getpriority(PyObject*, int which, int who) {
  errno = 0;
  int value = ::getpriority(static_cast<__priority_which_t>(which), static_cast<id_t>(who));
  if (value == -1 && errno != 0) return os_error();
  return value;
}
Status posix_setpriority(PyObject*, int which, int who, int priority) {
  return result_of(::setpriority(static_cast<__priority_which_t>(which), static_cast<id_t>(who), priority));
}

// ---- waiting ----------------------------------------------------------------------------------------------------------

Ref<> wait_result(pid_t pid, int status) { return steal(Py_BuildValue("(ii)", pid, status)); }

Ref<> posix_waitpid(PyObject*, ProcessId pid, int options) {
  int status = 0;
  pid_t found = TRY(blocking([&] { return ::waitpid(pid.id, &status, options); }));
  return wait_result(found, status);
}
Ref<> posix_wait(PyObject*) {
  int status = 0;

  pid_t found = TRY(blocking([&] { return ::wait(&status); }));
  return wait_result(found, status);
}

// The resource module's type of a child's use of resources, imported when first needed.
Ref<> usage_result(PyObject* module, pid_t pid, int status, const rusage& usage) {
  State* state = state_of(module);
  if (!state->struct_rusage) {
    Ref<> resource = TRY(steal(PyImport_ImportModule("resource")));
    state->struct_rusage = TRY(steal(PyObject_GetAttr(resource.get(), name<"struct_rusage">))).release();
  }
  Fields fields(reinterpret_cast<PyTypeObject*>(state->struct_rusage));
  for (const timeval& time : {usage.ru_utime, usage.ru_stime}) fields.put(static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6);
  for (long value : {usage.ru_maxrss, usage.ru_ixrss, usage.ru_idrss, usage.ru_isrss, usage.ru_minflt, usage.ru_majflt, usage.ru_nswap, usage.ru_inblock,
                     usage.ru_oublock, usage.ru_msgsnd, usage.ru_msgrcv, usage.ru_nsignals, usage.ru_nvcsw, usage.ru_nivcsw}) {
    fields.put(static_cast<long long>(value));
  }
  Ref<> result = TRY(fields.take());
  return steal(Py_BuildValue("(iiN)", pid, status, result.release()));
}
Ref<> posix_wait3(PyObject* module, int options) {
  int status = 0;
  rusage usage = {};
  pid_t found = TRY(blocking([&] { return ::wait3(&status, options, &usage); }));
  return usage_result(module, found, status, usage);
}
Ref<> posix_wait4(PyObject* module, ProcessId pid, int options) {
  int status = 0;
  rusage usage = {};
  pid_t found = TRY(blocking([&] { return ::wait4(pid.id, &status, options, &usage); }));
  return usage_result(module, found, status, usage);
}

Ref<> posix_waitid(PyObject* module, int idtype, ProcessId id, int options) {
  siginfo_t info = {};
  TRY(blocking([&] { return ::waitid(static_cast<idtype_t>(idtype), static_cast<id_t>(id.id), &info, options); }));
  if (info.si_pid == 0) return none();
  Fields fields(state_of(module)->waitid_result);
  fields.put(static_cast<long long>(info.si_pid)).put(static_cast<long long>(info.si_uid)).put(static_cast<long long>(info.si_signo));
  return fields.put(static_cast<long long>(info.si_status)).put(static_cast<long long>(info.si_code)).take();
}

// ---- what a status says -------------------------------------------------------------------------------------------------

Maybe<bool> posix_WCOREDUMP(PyObject*, int status) { return WCOREDUMP(status) != 0; }
Maybe<bool> posix_WIFCONTINUED(PyObject*, int status) { return WIFCONTINUED(status) != 0; }
Maybe<bool> posix_WIFSTOPPED(PyObject*, int status) { return WIFSTOPPED(status) != 0; }
Maybe<bool> posix_WIFSIGNALED(PyObject*, int status) { return WIFSIGNALED(status) != 0; }
Maybe<bool> posix_WIFEXITED(PyObject*, int status) { return WIFEXITED(status) != 0; }
Maybe<int> posix_WEXITSTATUS(PyObject*, int status) { return WEXITSTATUS(status); }
Maybe<int> posix_WTERMSIG(PyObject*, int status) { return WTERMSIG(status); }
Maybe<int> posix_WSTOPSIG(PyObject*, int status) { return WSTOPSIG(status); }

Maybe<int> posix_waitstatus_to_exitcode(PyObject*, int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (WIFSIGNALED(status)) {
    int signal = WTERMSIG(status);
    if (signal <= 0) return raise(PyExc_ValueError, "invalid WTERMSIG: %i", signal);
    return -signal;
  }
  if (WIFSTOPPED(status)) return raise(PyExc_ValueError, "process stopped by delivery of signal %i", WSTOPSIG(status));
  return raise(PyExc_ValueError, "invalid wait status: %i", status);
}

}  // namespace

const PyMethodDef kProcessMethods[] = {
    METHOD("fork($module, /)", posix_fork, "Fork a child process.\n\nReturn 0 to child process and PID of child to parent process."),
    METHOD("forkpty($module, /)", posix_forkpty,
           "Fork a new process with a new pseudo-terminal as controlling tty.\n\nReturns a tuple of (pid, master_fd).\nLike fork(), return pid of 0 to the child process,\nand pid of "
           "child to the parent process.\nTo both, return fd of newly opened pseudo-terminal."),
    METHOD("register_at_fork($module, /, *, before=<unrepresentable>,\n                 after_in_child=<unrepresentable>,\n                 after_in_parent=<unrepresentable>)",
           posix_register_at_fork,
           "Register callables to be called when forking a new process.\n\n'before' callbacks are called in reverse order.\n'after_in_child' and 'after_in_parent' callbacks are "
           "called in order."),
    METHOD("_exit($module, /, status)", posix_exit, "Exit to the system with specified status, without normal exit processing."),
    METHOD("kill($module, pid, signal, /)", posix_kill, "Kill a process with a signal."),
    METHOD("killpg($module, pgid, signal, /)", posix_killpg, "Kill a process group with a signal."),
    METHOD("pidfd_open($module, /, pid, flags=0)", posix_pidfd_open,
           "Return a file descriptor referring to the process *pid*.\n\nThe descriptor can be used to perform process management without races and\nsignals."),
    METHOD("nice($module, increment, /)", posix_nice, "Add increment to the priority of process and return the new priority."),
    METHOD("getpriority($module, /, which, who)", posix_getpriority, "Return program scheduling priority."),
    METHOD("setpriority($module, /, which, who, priority)", posix_setpriority, "Set program scheduling priority."),
    kEndOfMethods,
};

const PyMethodDef kWaitMethods[] = {
    METHOD("waitpid($module, pid, options, /)", posix_waitpid,
           "Wait for completion of a given child process.\n\nReturns a tuple of information regarding the child process:\n    (pid, status)\n\nThe options argument is ignored on "
           "Windows."),
    METHOD("wait($module, /)", posix_wait, "Wait for completion of a child process.\n\nReturns a tuple of information about the child process:\n    (pid, status)"),
    METHOD("wait3($module, /, options)", posix_wait3,
           "Wait for completion of a child process.\n\nReturns a tuple of information about the child process:\n  (pid, status, rusage)"),
    METHOD("wait4($module, /, pid, options)", posix_wait4,
           "Wait for completion of a specific child process.\n\nReturns a tuple of information about the child process:\n  (pid, status, rusage)"),
    METHOD("waitid($module, idtype, id, options, /)", posix_waitid,
           "Returns the result of waiting for a process or processes.\n\n  idtype\n    Must be one of be P_PID, P_PGID or P_ALL.\n  id\n    The id to wait on.\n  options\n    WEXITED, "
           "WSTOPPED and WCONTINUED, with WNOHANG or WNOWAIT.\n\nReturns None if WNOHANG is given and there is nothing to wait for."),
    METHOD("WCOREDUMP($module, status, /)", posix_WCOREDUMP, "Return True if the process returning status was dumped to a core file."),
    METHOD("WIFCONTINUED($module, /, status)", posix_WIFCONTINUED,
           "Return True if a particular process was continued from a job control stop.\n\nReturn True if the process returning status was continued from a\njob control stop."),
    METHOD("WIFSTOPPED($module, /, status)", posix_WIFSTOPPED, "Return True if the process returning status was stopped."),
    METHOD("WIFSIGNALED($module, /, status)", posix_WIFSIGNALED, "Return True if the process returning status was terminated by a signal."),
    METHOD("WIFEXITED($module, /, status)", posix_WIFEXITED, "Return True if the process returning status exited via the exit() system call."),
    METHOD("WEXITSTATUS($module, /, status)", posix_WEXITSTATUS, "Return the process return code from status."),
    METHOD("WTERMSIG($module, /, status)", posix_WTERMSIG, "Return the signal that terminated the process that provided the status value."),
    METHOD("WSTOPSIG($module, /, status)", posix_WSTOPSIG, "Return the signal that stopped the process that provided the status value."),
    METHOD("waitstatus_to_exitcode($module, /, status)", posix_waitstatus_to_exitcode,
           "Convert a wait status to an exit code.\n\nOf a process that exited, its status; of one that a signal killed, minus the signal's number.\nAnything else is a ValueError."),
    kEndOfMethods,
};

Status add_process_types(PyObject* module) {
  state_of(module)->waitid_result =
      TRY(add_sequence_type(module, "posix.waitid_result",
                            "waitid_result: Result from waitid.\n\nThis object may be accessed either as a tuple of\n  (si_pid, si_uid, si_signo, si_status, si_code),\nor via the "
                            "attributes si_pid, si_uid, and so on.\n\nSee os.waitid for more information.",
                            kWaitidFields, 5)).release();
  return Status::ok;
}

}  // namespace gill::posix
