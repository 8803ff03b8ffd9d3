// The `fcntl` module: control of descriptors, and locks on files.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include <cstring>

#include "base/binding.h"
#include "modules/system_call.h"

namespace gill {
namespace {

// The kernel copies what the argument points to; the copy has room for what it writes there.
constexpr size_t kBufferSize = 1024;

Ref<> fcntl_fcntl(PyObject*, FileNumber fd, int cmd, PyObject* arg) {
  TRY(status_of(PySys_Audit("fcntl.fcntl", "iiO", fd.fd, cmd, arg ? arg : Py_None)));
  unsigned number = 0;
  if (arg) {
    if (PyUnicode_Check(arg) || PyObject_CheckBuffer(arg)) {
      Py_buffer view;
      if (!PyArg_Parse(arg, "s*", &view)) return failure;
      auto size = static_cast<size_t>(view.len);
      char buffer[kBufferSize + 1];
      if (size <= kBufferSize) std::memcpy(buffer, view.buf, size);
      PyBuffer_Release(&view);
      if (size > kBufferSize) return raise(PyExc_ValueError, "fcntl string arg too long");
      buffer[size] = 0;
      TRY(blocking([&] { return ::fcntl(fd.fd, cmd, buffer); }));
      return steal(PyBytes_FromStringAndSize(buffer, static_cast<Py_ssize_t>(size)));
    }
    Ref<> index = TRY(steal(PyNumber_Index(arg)));
    number = static_cast<unsigned>(PyLong_AsUnsignedLongMask(index.get()));
    if (PyErr_Occurred()) return failure;
  }
  int result = TRY(blocking([&] { return ::fcntl(fd.fd, cmd, static_cast<int>(number)); }));
  return steal(PyLong_FromLong(result));
}

Ref<> ioctl_buffer(int fd, unsigned request, Py_buffer& view, bool mutate) {
  auto size = static_cast<size_t>(view.len);
  auto* data = static_cast<char*>(view.buf);
  if (mutate && size > kBufferSize) {
    // Too long for the copy: the object's own memory, while other threads wait.
    int result = ::ioctl(fd, request, data);
    if (result < 0) return os_error();
    return steal(PyLong_FromLong(result));
  }
  if (size > kBufferSize) return raise(PyExc_ValueError, "ioctl string arg too long");
  char buffer[kBufferSize + 1];
  std::memcpy(buffer, data, size);
  buffer[size] = 0;
  int result = unlocked([&] { return ::ioctl(fd, request, buffer); });
  int error = errno;
  if (mutate) std::memcpy(data, buffer, size);
  errno = error;
  if (result < 0) return os_error();
  if (mutate) return steal(PyLong_FromLong(result));
  return steal(PyBytes_FromStringAndSize(buffer, static_cast<Py_ssize_t>(size)));
}

Ref<> fcntl_ioctl(PyObject*, FileNumber fd, PyObject* request, PyObject* arg, bool mutate_flag) {
  Ref<> index = TRY(steal(PyNumber_Index(request)));
  auto code = static_cast<unsigned>(PyLong_AsUnsignedLongMask(index.get()));
  if (PyErr_Occurred()) return failure;
  TRY(status_of(PySys_Audit("fcntl.ioctl", "iIO", fd.fd, code, arg ? arg : Py_None)));
  int number = 0;
  if (arg) {
    Py_buffer view;
    if (PyObject_CheckBuffer(arg) && PyObject_GetBuffer(arg, &view, PyBUF_WRITABLE) == 0) {
      Ref<> result = ioctl_buffer(fd.fd, code, view, mutate_flag);
      PyBuffer_Release(&view);
      return result;
    }
    PyErr_Clear();
    if (PyUnicode_Check(arg) || PyObject_CheckBuffer(arg)) {
      if (!PyArg_Parse(arg, "s*", &view)) return failure;
      Ref<> result = ioctl_buffer(fd.fd, code, view, false);
      PyBuffer_Release(&view);
      return result;
    }
    if (!PyArg_Parse(arg, "i;ioctl requires a file or file descriptor, an integer and optionally an integer or buffer argument", &number)) return failure;
  }
  int result = TRY(once([&] { return ::ioctl(fd.fd, code, number); }));
  return steal(PyLong_FromLong(result));
}

Status fcntl_flock(PyObject*, FileNumber fd, int operation) {
  TRY(status_of(PySys_Audit("fcntl.flock", "ii", fd.fd, operation)));
  TRY(blocking([&] { return ::flock(fd.fd, operation); }));
  return Status::ok;
}

// An offset or a length of a file.
Maybe<off_t> read_offset(PyObject* value) {
  if (!value) return off_t{0};
  Ref<> number = TRY(steal(PyNumber_Index(value)));
  return checked<off_t>(PyLong_AsLong(number.get()));
}

Status fcntl_lockf(PyObject*, FileNumber fd, int cmd, PyObject* len, PyObject* start, int whence) {
  TRY(status_of(PySys_Audit("fcntl.lockf", "iiOOi", fd.fd, cmd, len ? len : Py_None, start ? start : Py_None, whence)));
  struct flock lock = {};
  if (cmd == LOCK_UN) lock.l_type = F_UNLCK;
  else if (cmd & LOCK_SH) lock.l_type = F_RDLCK;
  else if (cmd & LOCK_EX) lock.l_type = F_WRLCK;
  else return raise(PyExc_ValueError, "unrecognized lockf argument");
  lock.l_start = TRY(read_offset(start));
  lock.l_len = TRY(read_offset(len));
  lock.l_whence = static_cast<short>(whence);
  TRY(blocking([&] { return ::fcntl(fd.fd, cmd & LOCK_NB ? F_SETLK : F_SETLKW, &lock); }));
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD("fcntl($module, fd, cmd, arg=0, /)", fcntl_fcntl,
           "Perform the operation `cmd` on file descriptor fd.\n\nThe operations are the module's F_* constants. arg is an integer, or bytes that the system reads and may\nchange; what it made of "
           "them is then the result, at most 1024 bytes."),
    METHOD("ioctl($module, fd, request, arg=0, mutate_flag=True, /)", fcntl_ioctl,
           "Perform the operation `request` on file descriptor `fd`.\n\narg is an integer, or a buffer. One that can be written receives what the system writes, unless mutate_flag\nis false; of any "
           "other a copy is passed, which is the result."),
    METHOD("flock($module, fd, operation, /)", fcntl_flock,
           "Perform the lock operation `operation` on file descriptor `fd`.\n\nSee the Unix manual page for flock(2) for details (On some systems, this\nfunction is emulated using fcntl())."),
    METHOD("lockf($module, fd, cmd, len=0, start=0, whence=0, /)", fcntl_lockf,
           "A wrapper around the fcntl() locking calls.\n\ncmd is LOCK_UN, LOCK_SH or LOCK_EX; with LOCK_NB it does not wait, but raises OSError. len bytes are\nlocked, or all to the end for 0, from "
           "start, which counts from what whence says: 0 the start of the\nfile, 1 the current position, 2 the end."),
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
const Constant kConstants[] = {
    {"DN_ACCESS", DN_ACCESS}, {"DN_ATTRIB", DN_ATTRIB}, {"DN_CREATE", DN_CREATE}, {"DN_DELETE", DN_DELETE}, {"DN_MODIFY", DN_MODIFY},
    {"DN_MULTISHOT", DN_MULTISHOT}, {"DN_RENAME", DN_RENAME}, {"FASYNC", FASYNC}, {"FD_CLOEXEC", FD_CLOEXEC}, {"F_ADD_SEALS", F_ADD_SEALS},
    {"F_DUPFD", F_DUPFD}, {"F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC}, {"F_EXLCK", F_EXLCK}, {"F_GETFD", F_GETFD}, {"F_GETFL", F_GETFL},
    {"F_GETLEASE", F_GETLEASE}, {"F_GETLK", F_GETLK}, {"F_GETLK64", F_GETLK}, {"F_GETOWN", F_GETOWN}, {"F_GETPIPE_SZ", F_GETPIPE_SZ},
    {"F_GETSIG", F_GETSIG}, {"F_GET_SEALS", F_GET_SEALS}, {"F_NOTIFY", F_NOTIFY}, {"F_OFD_GETLK", F_OFD_GETLK},
    {"F_OFD_SETLK", F_OFD_SETLK}, {"F_OFD_SETLKW", F_OFD_SETLKW}, {"F_RDLCK", F_RDLCK}, {"F_SEAL_GROW", F_SEAL_GROW},
    {"F_SEAL_SEAL", F_SEAL_SEAL}, {"F_SEAL_SHRINK", F_SEAL_SHRINK}, {"F_SEAL_WRITE", F_SEAL_WRITE}, {"F_SETFD", F_SETFD},
    {"F_SETFL", F_SETFL}, {"F_SETLEASE", F_SETLEASE}, {"F_SETLK", F_SETLK}, {"F_SETLK64", F_SETLK}, {"F_SETLKW", F_SETLKW},
    {"F_SETLKW64", F_SETLKW}, {"F_SETOWN", F_SETOWN}, {"F_SETPIPE_SZ", F_SETPIPE_SZ}, {"F_SETSIG", F_SETSIG}, {"F_SHLCK", F_SHLCK},
    {"F_UNLCK", F_UNLCK}, {"F_WRLCK", F_WRLCK}, {"LOCK_EX", LOCK_EX}, {"LOCK_MAND", LOCK_MAND}, {"LOCK_NB", LOCK_NB},
    {"LOCK_READ", LOCK_READ}, {"LOCK_RW", LOCK_RW}, {"LOCK_SH", LOCK_SH}, {"LOCK_UN", LOCK_UN}, {"LOCK_WRITE", LOCK_WRITE},
};

int execute(PyObject* module) {
  for (const Constant& each : kConstants) TRY(status_of(PyModule_AddIntConstant(module, each.name, each.value)));
  return 0;
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "fcntl",
    .m_doc = "This module performs file control and I/O control on file\ndescriptors.  It is an interface to the fcntl() and ioctl() Unix\nroutines.  File descriptors can be obtained with the "
             "fileno() method of\na file or socket object.",
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit_fcntl() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("fcntl", PyInit_fcntl);
}  // namespace gill
