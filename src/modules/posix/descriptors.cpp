// Descriptors: opening, closing, duplicating, positions, locks, flags; descriptors of memory and events.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modules/posix/posix.h"

extern "C" PyObject* _Py_device_encoding(int fd);

namespace gill::posix {
namespace {

Maybe<int> posix_open(PyObject*, Path path, int flags, int mode, DirFd dir_fd) {
  flags |= O_CLOEXEC;
  TRY(audit("open", "OOi", path.object(), Py_None, flags));
  int fd = TRY(retrying([&] { return ::openat(dir_fd.fd, path.text(), flags, mode); }));
  if (fd < 0) return path_error(path);
  return fd;
}

// Not repeated when interrupted: the descriptor is free by then.
Status posix_close(PyObject*, int fd) {
  if (unlocked([&] { return ::close(fd); }) < 0 && errno != EINTR) return os_error();
  return Status::ok;
}

Status posix_closerange(PyObject*, int fd_low, int fd_high) {
  PyThreadState* thread = PyEval_SaveThread();
  int first = fd_low < 0 ? 0 : fd_low;
  if (first < fd_high && ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(fd_high - 1), 0) != 0) {
    for (int fd = first; fd < fd_high; ++fd) ::close(fd);
  }
  PyEval_RestoreThread(thread);
  return Status::ok;
}

Maybe<int> posix_dup(PyObject*, int fd) { return once([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }); }

Maybe<int> posix_dup2(PyObject*, int fd, int fd2, bool inheritable) {
  if (fd < 0 || fd2 < 0) return os_error();
  if (inheritable) return once([&] { return ::dup2(fd, fd2); });
  return once([&] {
    int result = ::dup3(fd, fd2, O_CLOEXEC);
    // dup3() refuses equal descriptors, which dup2() leaves alone.
    return result < 0 && errno == EINVAL && fd == fd2 ? ::dup2(fd, fd2) : result;
  });
}

Maybe<long long> posix_lseek(PyObject*, int fd, long long position, int how) {
  return once([&] { return static_cast<long long>(::lseek(fd, position, how)); });
}

Status posix_fsync(PyObject*, FileNumber fd) {
  TRY(blocking([&] { return ::fsync(fd.fd); }));
  return Status::ok;
}
Status posix_fdatasync(PyObject*, FileNumber fd) {
  TRY(blocking([&] { return ::fdatasync(fd.fd); }));
  return Status::ok;
}
Status posix_sync(PyObject*) {
  unlocked([] { return ::sync(), 0; });
  return Status::ok;
}

Status posix_ftruncate(PyObject*, int fd, long long length) {
  TRY(audit("os.truncate", "in", fd, static_cast<Py_ssize_t>(length)));
  TRY(blocking([&] { return ::ftruncate(fd, length); }));
  return Status::ok;
}
Status posix_truncate(PyObject* module, PathOrFd path, long long length) {
  if (path.is_fd()) return posix_ftruncate(module, path.fd(), length);
  TRY(audit("os.truncate", "On", path.object(), static_cast<Py_ssize_t>(length)));
  return once(path, [&] { return ::truncate(path.text(), length); });
}

// posix_f*() return the error.
template <class F>
Status returning_error(F call) {
  for (;;) {
    int error = unlocked(call);
    if (error == 0) return Status::ok;
    errno = error;
    if (error != EINTR) return os_error();
    TRY(status_of(PyErr_CheckSignals()));
  }
}
Status posix_fallocate(PyObject*, int fd, long long offset, long long length) {
  return returning_error([&] { return ::posix_fallocate(fd, offset, length); });
}
Status posix_fadvise(PyObject*, int fd, long long offset, long long length, int advice) {
  return returning_error([&] { return ::posix_fadvise(fd, offset, length, advice); });
}

Status posix_lockf(PyObject*, int fd, int command, long long length) {
  TRY(audit("os.lockf", "iiL", fd, command, length));
  TRY(once([&] { return ::lockf(fd, command, length); }));
  return Status::ok;
}

Ref<> pair(const int (&fds)[2]) { return steal(Py_BuildValue("(ii)", fds[0], fds[1])); }
Ref<> posix_pipe(PyObject*) {
  int fds[2];
  TRY(once([&] { return ::pipe2(fds, O_CLOEXEC); }));
  return pair(fds);
}
Ref<> posix_pipe2(PyObject*, int flags) {
  int fds[2];
  TRY(result_of(::pipe2(fds, flags)));
  return pair(fds);
}

Maybe<bool> get_inheritable(PyObject*, int fd) {
  int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0) return os_error();
  return !(flags & FD_CLOEXEC);
}
Status set_inheritable(PyObject*, int fd, int inheritable) {
  int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0) return os_error();
  int wanted = inheritable ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC;
  return wanted == flags ? Status::ok : result_of(::fcntl(fd, F_SETFD, wanted));
}
Maybe<bool> get_blocking(PyObject*, int fd) {
  int flags = TRY(once([&] { return ::fcntl(fd, F_GETFL); }));
  return !(flags & O_NONBLOCK);
}
Status set_blocking(PyObject*, int fd, bool blocking) {
  TRY(once([&] {
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return wanted == flags ? 0 : ::fcntl(fd, F_SETFL, wanted);
  }));
  return Status::ok;
}

Ref<> device_encoding(PyObject*, int fd) { return steal(_Py_device_encoding(fd)); }

// ---- memory and events ---------------------------------------------------------------------------------------------

Maybe<int> posix_memfd_create(PyObject*, Encoded name, PyObject* flags_object) {
  unsigned flags = MFD_CLOEXEC;
  if (flags_object) {
    flags = static_cast<unsigned>(PyLong_AsUnsignedLongMask(flags_object));
    if (PyErr_Occurred()) return failure;
  }
  return once([&] { return ::memfd_create(name.text(), flags); });
}

Maybe<int> posix_eventfd(PyObject*, UnsignedInt initval, PyObject* flags_object) {
  int flags = EFD_CLOEXEC;
  if (flags_object) {
    flags = _PyLong_AsInt(flags_object);
    if (flags == -1 && PyErr_Occurred()) return failure;
  }
  return once([&] { return ::eventfd(initval.value, flags); });
}
Maybe<unsigned long long> posix_eventfd_read(PyObject*, FileNumber fd) {
  eventfd_t value;
  TRY(once([&] { return ::eventfd_read(fd.fd, &value); }));
  return value;
}
Status posix_eventfd_write(PyObject*, FileNumber fd, UnsignedLongLong value) {
  TRY(once([&] { return ::eventfd_write(fd.fd, value.value); }));
  return Status::ok;
}

}  // namespace

const PyMethodDef kDescriptorMethods[] = {
    METHOD("open($module, /, path, flags, mode=511, *, dir_fd=None)", posix_open,
           "Open a file for low level IO.  Returns a file descriptor (integer).\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("close($module, /, fd)", posix_close, "Close a file descriptor."),
    METHOD("closerange($module, fd_low, fd_high, /)", posix_closerange, "Closes all file descriptors in [fd_low, fd_high), ignoring errors."),
    METHOD("dup($module, fd, /)", posix_dup, "Return a duplicate of a file descriptor."),
    METHOD("dup2($module, /, fd, fd2, inheritable=True)", posix_dup2, "Duplicate file descriptor."),
    METHOD("lseek($module, fd, position, how, /)", posix_lseek,
           "Set the position of a file descriptor.  Return the new position.\n\nReturn the new cursor position in number of bytes\nrelative to the beginning of the file."),
    METHOD("fsync($module, /, fd)", posix_fsync, "Force write of fd to disk."),
    METHOD("fdatasync($module, /, fd)", posix_fdatasync, "Force write of fd to disk without forcing update of metadata."),
    METHOD("sync($module, /)", posix_sync, "Force write of everything to disk."),
    METHOD("ftruncate($module, fd, length, /)", posix_ftruncate, "Truncate a file, specified by file descriptor, to a specific length."),
    METHOD("truncate($module, /, path, length)", posix_truncate,
           "Truncate a file, specified by path, to a specific length.\n\nOn some platforms, path may also be specified as an open file descriptor.\nIf this functionality is "
           "unavailable, using it raises an exception."),
    METHOD("posix_fallocate($module, fd, offset, length, /)", posix_fallocate, "Ensure a file has allocated at least a particular number of bytes on disk."),
    METHOD("posix_fadvise($module, fd, offset, length, advice, /)", posix_fadvise,
           "Announce an intention to access data in a specific pattern.\n\nThe range starts at offset and has length bytes, or reaches to the end of the file for 0."),
    METHOD("lockf($module, fd, command, length, /)", posix_lockf,
           "Apply, test or remove a POSIX lock on an open file descriptor.\n\n  fd\n    An open file descriptor.\n  command\n    One of F_LOCK, F_TLOCK, F_ULOCK or F_TEST.\n"
           "  length\n    The number of bytes to lock, starting at the current position."),
    METHOD("pipe($module, /)", posix_pipe, "Create a pipe.\n\nReturns a tuple of two file descriptors:\n  (read_fd, write_fd)"),
    METHOD("pipe2($module, flags, /)", posix_pipe2,
           "Create a pipe with flags set atomically.\n\nReturns a tuple of two file descriptors:\n  (read_fd, write_fd)\n\nflags can be constructed by ORing together one or "
           "more of these values:\nO_NONBLOCK, O_CLOEXEC."),
    METHOD("get_inheritable($module, fd, /)", get_inheritable, "Get the close-on-exe flag of the specified file descriptor."),
    METHOD("set_inheritable($module, fd, inheritable, /)", set_inheritable, "Set the inheritable flag of the specified file descriptor."),
    METHOD("get_blocking($module, fd, /)", get_blocking, "Get the blocking mode of the file descriptor.\n\nReturn False if the O_NONBLOCK flag is set, True if the flag is cleared."),
    METHOD("set_blocking($module, fd, blocking, /)", set_blocking,
           "Set the blocking mode of the specified file descriptor.\n\nSet the O_NONBLOCK flag if blocking is False,\nclear the O_NONBLOCK flag otherwise."),
    METHOD("device_encoding($module, /, fd)", device_encoding,
           "Return a string describing the encoding of a terminal's file descriptor.\n\nThe file descriptor must be attached to a terminal.\nIf the device is not a terminal, "
           "return None."),
    METHOD("memfd_create($module, /, name, flags=MFD_CLOEXEC)", posix_memfd_create, ""),
    METHOD("eventfd($module, /, initval, flags=EFD_CLOEXEC)", posix_eventfd, "Creates and returns an event notification file descriptor."),
    METHOD("eventfd_read($module, /, fd)", posix_eventfd_read, "Read eventfd value"),
    METHOD("eventfd_write($module, /, fd, value)", posix_eventfd_write, "Write eventfd value."),
    kEndOfMethods,
};

}  // namespace gill::posix
