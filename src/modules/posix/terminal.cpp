// Terminals: their size and names, pseudo-terminals, the group in the foreground.
#include <pty.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

const PyStructSequence_Field kTerminalSizeFields[] = {
    {"columns", "width of the terminal window in characters"}, {"lines", "height of the terminal window in characters"}, {nullptr, nullptr},
};

Ref<> posix_get_terminal_size(PyObject* module, PyObject* fd) {
  int descriptor = STDOUT_FILENO;
  if (fd) {
    Ref<> number = TRY(steal(PyNumber_Index(fd)));
    descriptor = _PyLong_AsInt(number.get());
    if (descriptor == -1 && PyErr_Occurred()) return failure;
  }
  winsize size;
  TRY(result_of(::ioctl(descriptor, TIOCGWINSZ, &size)));
  Fields fields(state_of(module)->terminal_size);
  return fields.put(static_cast<long long>(size.ws_col)).put(static_cast<long long>(size.ws_row)).take();
}

Maybe<bool> posix_isatty(PyObject*, int fd) { return ::isatty(fd) != 0; }

Ref<> posix_ttyname(PyObject*, int fd) {
  char buffer[512];
  if (int error = ::ttyname_r(fd, buffer, sizeof(buffer))) {
    errno = error;
    return os_error();
  }
  return steal(PyUnicode_DecodeFSDefault(buffer));
}
Ref<> posix_ctermid(PyObject*) {
  char buffer[L_ctermid];
  // The compiler takes the call's result for something else than the buffer, so that is what is read.
  ::ctermid(buffer);
  return steal(PyUnicode_DecodeFSDefault(buffer));
}

Ref<> posix_openpty(PyObject*) {
  int master = -1, slave = -1;
  TRY(result_of(::openpty(&master, &slave, nullptr, nullptr, nullptr)));
  for (int fd : {master, slave}) {
    if (::ioctl(fd, FIOCLEX, nullptr) == 0) continue;
    int error = errno;
    ::close(master);
    ::close(slave);
    errno = error;
    return os_error();
  }
  return steal(Py_BuildValue("(ii)", master, slave));
}
Status posix_login_tty(PyObject*, int fd) { return result_of(::login_tty(fd)); }

Maybe<int> posix_tcgetpgrp(PyObject*, int fd) {
  pid_t group = ::tcgetpgrp(fd);
  if (group < 0) return os_error();
  return group;
}
Status posix_tcsetpgrp(PyObject*, int fd, ProcessId pgid) { return result_of(::tcsetpgrp(fd, pgid.id)); }

}  // namespace

const PyMethodDef kTerminalMethods[] = {
    METHOD("get_terminal_size($module, fd=<unrepresentable>, /)", posix_get_terminal_size,
           "Return the size of the terminal window as (columns, lines).\n\nThe optional argument fd (default standard output) specifies\nwhich file descriptor should be "
           "queried.\n\nIf the file descriptor is not connected to a terminal, an OSError\nis thrown.\n\nThis function will only be defined if an implementation is\navailable for this "
           "system.\n\nshutil.get_terminal_size is the high-level function which should\nnormally be used, os.get_terminal_size is the low-level implementation."),
    METHOD("isatty($module, fd, /)", posix_isatty, "Return True if the fd is connected to a terminal.\n\nReturn True if the file descriptor is an open file descriptor\nconnected to the slave end of a terminal."),
    METHOD("ttyname($module, fd, /)", posix_ttyname, "Return the name of the terminal device connected to 'fd'.\n\n  fd\n    Integer file descriptor handle."),
    METHOD("ctermid($module, /)", posix_ctermid, "Return the name of the controlling terminal for this process."),
    METHOD("openpty($module, /)", posix_openpty,
           "Open a pseudo-terminal.\n\nReturn a tuple of (master_fd, slave_fd) containing open file descriptors\nfor both the master and slave ends."),
    METHOD("login_tty($module, fd, /)", posix_login_tty,
           "Prepare the tty of which fd is a file descriptor for a new login session.\n\nMake the calling process a session leader; make the tty the\ncontrolling tty, the stdin, the "
           "stdout, and the stderr of the\ncalling process; close fd."),
    METHOD("tcgetpgrp($module, fd, /)", posix_tcgetpgrp, "Return the process group associated with the terminal specified by fd."),
    METHOD("tcsetpgrp($module, fd, pgid, /)", posix_tcsetpgrp, "Set the process group associated with the terminal specified by fd."),
    kEndOfMethods,
};

Status add_terminal_types(PyObject* module) {
  state_of(module)->terminal_size =
      TRY(add_sequence_type(module, "os.terminal_size", "A tuple of (columns, lines) for holding terminal window size", kTerminalSizeFields, 2)).release();
  return Status::ok;
}

}  // namespace gill::posix
