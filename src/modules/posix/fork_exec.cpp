// The _posixsubprocess module: starts a program for `subprocess`.
//
// Everything that can fail in Python's eyes is done before the fork. The child of vfork() runs in its parent's memory, so from there
// to the exec only calls that are safe in signal handlers are made; what fails is written to a pipe as "OSError:<errno in
// hex>:<message>", which subprocess.py reads.
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstring>

#include "modules/posix/posix.h"

extern "C" {
PyAPI_FUNC(int) _Py_Uid_Converter(PyObject* object, uid_t* out);
PyAPI_FUNC(int) _Py_Gid_Converter(PyObject* object, gid_t* out);
}

namespace gill::posix {
namespace {

struct Child {
  StringVector programs;  // each is tried until one can be run
  StringVector arguments;
  StringVector environment;
  bool has_environment = false;
  Encoded directory;
  int* kept_descriptors = nullptr;  // ascending
  Py_ssize_t kept_count = 0;
  gid_t* groups = nullptr;
  Py_ssize_t group_count = -1;  // -1: left as they are
  uid_t user = 0;
  gid_t group = 0;
  bool set_user = false, set_group = false;

  int close_descriptors;
  int p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errpipe_read, errpipe_write;
  int restore_signals, call_setsid, process_group, umask, allow_vfork;
  PyObject* before_exec;
  const sigset_t* signal_mask = nullptr;  // the parent's, when it is blocked for vfork()

  Child() = default;
  Child(const Child&) = delete;
  ~Child() {
    PyMem_Free(kept_descriptors);
    PyMem_Free(groups);
  }
};

// ---- in the child ---------------------------------------------------------------------------------------------------------

void write_all(int fd, const char* text) {
  size_t left = std::strlen(text);
  while (left > 0) {
    ssize_t count = ::write(fd, text, left);
    if (count < 0) {
      if (errno == EINTR) continue;
      return;
    }
    text += count;
    left -= static_cast<size_t>(count);
  }
}

[[noreturn]] void report_and_exit(const Child& child, int error, const char* message) {
  if (error == 0) {
    write_all(child.errpipe_write, "SubprocessError:0:");
  } else {
    char hex[2 * sizeof(int) + 1];
    char* place = hex + sizeof(hex) - 1;
    *place = 0;
    for (auto rest = static_cast<unsigned>(error); rest; rest >>= 4) *--place = "0123456789ABCDEF"[rest & 15];
    write_all(child.errpipe_write, "OSError:");
    write_all(child.errpipe_write, place);
    write_all(child.errpipe_write, ":");
  }
  write_all(child.errpipe_write, message);
  ::_exit(255);
}

bool make_inheritable(int fd) {
  int flags = ::fcntl(fd, F_GETFD);
  return flags >= 0 && ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) >= 0;
}

// Puts `fd` at `wanted`, where it survives the exec.
bool place(int fd, int wanted) {
  if (fd == -1) return true;
  return fd == wanted ? make_inheritable(fd) : ::dup2(fd, wanted) >= 0;
}

// A descriptor in the way of a standard stream moves up.
bool move_up(int* fd, int below) {
  if (*fd < 0 || *fd >= below) return true;
  *fd = ::fcntl(*fd, F_DUPFD_CLOEXEC, 3);
  return *fd >= 0;
}

bool connect_streams(const Child& child) {
  int input = child.p2cread, output = child.c2pwrite, errors = child.errwrite;
  for (int fd : {child.p2cwrite, child.c2pread, child.errread}) {
    if (fd >= 0 && ::close(fd) < 0) return false;
  }
  if (child.errpipe_read >= 0 && ::close(child.errpipe_read) < 0) return false;
  if (!move_up(&output, 1) || !move_up(&errors, 2)) return false;
  return place(input, 0) && place(output, 1) && place(errors, 2);
}

void close_range_of(int first, int last) {
  if (first > last) return;
  if (::close_range(static_cast<unsigned>(first), static_cast<unsigned>(last), 0) == 0) return;
  long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd <= last && fd < most; ++fd) ::close(fd);
}
void close_others(const Child& child) {
  int first = 3;
  for (Py_ssize_t i = 0; i < child.kept_count; ++i) {
    int kept = child.kept_descriptors[i];
    if (kept < first) continue;
    close_range_of(first, kept - 1);
    first = kept + 1;
  }
  close_range_of(first, INT_MAX);
}

void reset_signals(const sigset_t* mask) {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < _NSIG; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    struct sigaction current;
    if (::sigaction(signal, nullptr, &current) < 0) continue;
    if (current.sa_handler != SIG_IGN && current.sa_handler != SIG_DFL) ::sigaction(signal, &standard, nullptr);
  }
  ::sigprocmask(SIG_SETMASK, mask, nullptr);
}

// False when the one call that failed left its reason in errno.
bool prepare(const Child& child) {
  for (Py_ssize_t i = 0; i < child.kept_count; ++i) {
    int fd = child.kept_descriptors[i];
    // A descriptor that is not open is not kept.
    if (fd != child.errpipe_write) make_inheritable(fd);
  }
  if (!connect_streams(child)) return false;
  if (child.directory.bytes && ::chdir(child.directory.text()) < 0) return false;
  if (child.umask >= 0) ::umask(static_cast<mode_t>(child.umask));
  if (child.restore_signals) {
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  if (child.signal_mask) reset_signals(child.signal_mask);
  if (child.call_setsid && ::setsid() < 0) return false;
  if (child.process_group >= 0 && ::setpgid(0, child.process_group) < 0) return false;
  if (child.group_count >= 0 && ::setgroups(static_cast<size_t>(child.group_count), child.groups) < 0) return false;
  if (child.set_group && ::setregid(child.group, child.group) < 0) return false;
  if (child.set_user && ::setreuid(child.user, child.user) < 0) return false;
  return true;
}

[[noreturn]] void run_child(const Child& child) {
  errno = 0;
  if (!prepare(child)) report_and_exit(child, errno, "noexec");
  if (child.before_exec != Py_None) {
    if (Ref<> result = steal(PyObject_CallNoArgs(child.before_exec)); !result) {
      PyErr_Clear();
      report_and_exit(child, 0, "Exception occurred in preexec_fn.");
    }
  }
  if (child.close_descriptors) close_others(child);
  int error = 0;
  for (char** program = child.programs.data(); *program; ++program) {
    if (child.has_environment) ::execve(*program, child.arguments.data(), child.environment.data());
    else ::execv(*program, child.arguments.data());
    // That one of the places has no such file says less than what another says.
    if (error == 0 && errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  report_and_exit(child, error ? error : errno, "");
}

// ---- in the parent --------------------------------------------------------------------------------------------------------

Status read_kept_descriptors(Child& child, PyObject* fds) {
  auto wrong = [] { return raise(PyExc_ValueError, "bad value(s) in fds_to_keep"); };
  Py_ssize_t count = PyTuple_GET_SIZE(fds);
  child.kept_descriptors = PyMem_New(int, count + 1);
  if (!child.kept_descriptors) {
    PyErr_NoMemory();
    return Status::error;
  }
  long previous = -1;
  for (; child.kept_count < count; ++child.kept_count) {
    PyObject* item = PyTuple_GET_ITEM(fds, child.kept_count);
    if (!PyLong_Check(item)) return wrong();
    long fd = PyLong_AsLong(item);
    if (fd < 0 || fd <= previous || fd > INT_MAX) {
      PyErr_Clear();
      return wrong();
    }
    child.kept_descriptors[child.kept_count] = static_cast<int>(fd);
    previous = fd;
  }
  return Status::ok;
}

// Each of the items must be bytes.
Status read_bytes_vector(StringVector& vector, PyObject* sequence) {
  Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) return Status::error;
  TRY(vector.reserve(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> item = TRY(steal(PySequence_GetItem(sequence, i)));
    char* text;
    // The size is not asked for, so that a NUL inside is an error.
    if (PyBytes_AsStringAndSize(item.get(), &text, nullptr) < 0) return Status::error;
    TRY(vector.append(text, std::strlen(text)));
  }
  return Status::ok;
}

Status read_arguments(Child& child, PyObject* args) {
  Ref<> sequence = TRY(steal(PySequence_Fast(args, "argv must be a tuple")));
  Py_ssize_t count = PySequence_Fast_GET_SIZE(sequence.get());
  TRY(child.arguments.reserve(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PySequence_Fast_GET_SIZE(sequence.get()) != count) return raise(PyExc_RuntimeError, "args changed during iteration");
    Ref<> item = borrow(PySequence_Fast_GET_ITEM(sequence.get(), i));
    PyObject* encoded = nullptr;
    if (!PyUnicode_FSConverter(item.get(), &encoded)) return Status::error;
    Ref<> bytes = steal(encoded);
    TRY(child.arguments.append(PyBytes_AS_STRING(encoded), static_cast<size_t>(PyBytes_GET_SIZE(encoded))));
  }
  return Status::ok;
}

Status read_groups(Child& child, PyObject* groups) {
  if (groups == Py_None) return Status::ok;
  if (!PyList_Check(groups)) return raise(PyExc_TypeError, "setgroups argument must be a list");
  Py_ssize_t count = PySequence_Size(groups);
  if (count < 0) return Status::error;
  if (count > NGROUPS_MAX) return raise(PyExc_ValueError, "too many groups");
  child.groups = PyMem_New(gid_t, count + 1);
  if (!child.groups) {
    PyErr_NoMemory();
    return Status::error;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> item = TRY(steal(PySequence_GetItem(groups, i)));
    if (!PyLong_Check(item.get())) return raise(PyExc_TypeError, "groups must be integers");
    if (!_Py_Gid_Converter(item.get(), &child.groups[i])) return raise(PyExc_ValueError, "invalid group id");
  }
  child.group_count = count;
  return Status::ok;
}

pid_t start(Child& child) {
  bool plain = !child.set_user && !child.set_group && child.group_count < 0;
  if (child.before_exec != Py_None || !child.allow_vfork || !plain) {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    if (child.before_exec != Py_None) PyOS_AfterFork_Child();
    run_child(child);
  }
  // A handler that ran in the child would run in the parent's memory.
  sigset_t all, old;
  sigfillset(&all);
  if (::pthread_sigmask(SIG_BLOCK, &all, &old) != 0) return -1;
  child.signal_mask = &old;
  pid_t pid = ::vfork();
  if (pid == 0) run_child(child);
  int error = errno;
  if (pid == -1) {
    // Some containers forbid it.
    child.signal_mask = nullptr;
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    pid = ::fork();
    if (pid == 0) run_child(child);
    return pid;
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  errno = error;
  return pid;
}

PyObject* fork_exec(PyObject*, PyObject* arguments) {
  Child child;
  PyObject *args, *programs, *kept, *directory, *environment, *groups, *group, *user;
  int umask;
  if (!PyArg_ParseTuple(arguments, "OOpO!OOiiiiiiiippiOOOiOp:fork_exec", &args, &programs, &child.close_descriptors, &PyTuple_Type, &kept, &directory,
                        &environment, &child.p2cread, &child.p2cwrite, &child.c2pread, &child.c2pwrite, &child.errread, &child.errwrite,
                        &child.errpipe_read, &child.errpipe_write, &child.restore_signals, &child.call_setsid, &child.process_group, &group, &groups,
                        &user, &umask, &child.before_exec, &child.allow_vfork)) {
    return nullptr;
  }
  child.umask = umask;
  auto run = [&]() -> Ref<> {
    bool has_function = child.before_exec != Py_None;
    if (has_function && PyInterpreterState_Get() != PyInterpreterState_Main()) {
      return raise(PyExc_RuntimeError, "preexec_fn not supported within subinterpreters");
    }
    if (child.close_descriptors && child.errpipe_write < 3) return raise(PyExc_ValueError, "errpipe_write must be >= 3");
    TRY(read_kept_descriptors(child, kept));
    TRY(read_bytes_vector(child.programs, programs));
    if (args != Py_None) TRY(read_arguments(child, args));
    if (environment != Py_None) {
      TRY(read_bytes_vector(child.environment, environment));
      child.has_environment = true;
    }
    if (directory != Py_None) {
      PyObject* encoded = nullptr;
      if (!PyUnicode_FSConverter(directory, &encoded)) return failure;
      child.directory.bytes = steal(encoded);
    }
    TRY(read_groups(child, groups));
    if (group != Py_None) {
      if (!_Py_Gid_Converter(group, &child.group)) return failure;
      child.set_group = true;
    }
    if (user != Py_None) {
      if (!_Py_Uid_Converter(user, &child.user)) return failure;
      child.set_user = true;
    }
    bool collecting = false;
    if (has_function) {
      // A collection in the child would run finalizers that belong to the parent.
      collecting = PyGC_Disable();
      PyOS_BeforeFork();
    }
    pid_t pid = start(child);
    int error = errno;
    if (has_function) {
      PyOS_AfterFork_Parent();
      if (collecting) PyGC_Enable();
    }
    errno = error;
    if (pid == -1) return os_error();
    return integer(pid);
  };
  return run().release();
}

const PyMethodDef kMethods[] = {
    {"fork_exec", fork_exec, METH_VARARGS,
     "fork_exec(args, executable_list, close_fds, pass_fds, cwd, env,\n          p2cread, p2cwrite, c2pread, c2pwrite,\n          errread, errwrite, errpipe_read, errpipe_write,\n"
     "          restore_signals, call_setsid, pgid_to_set,\n          gid, groups_list, uid,\n          preexec_fn)\n\n"
     "Starts a program in a new process, whose id is the result.\n\nWith close_fds, no descriptor but the standard ones and those of the ascending tuple pass_fds\nreaches the program. "
     "preexec_fn is called in the child; it is not safe where threads run. What fails\nin the child before the program runs is written to errpipe_write."},
    kEndOfMethods,
};

PyModuleDef subprocess_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_posixsubprocess",
    .m_doc = "A POSIX helper for the subprocess module.",
    .m_methods = table(kMethods),
};

}  // namespace
}  // namespace gill::posix

PyMODINIT_FUNC PyInit__posixsubprocess() { return PyModuleDef_Init(&gill::posix::subprocess_definition); }

namespace gill {
GILL_BUILTIN_MODULE("_posixsubprocess", PyInit__posixsubprocess);
}  // namespace gill
