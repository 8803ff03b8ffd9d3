// Extended attributes of files, and their times.
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstring>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

// ---- extended attributes ----------------------------------------------------------------------------------------------

Status check_target(const char* function, const BasicPath& path, bool follow_symlinks) {
  if (path.is_fd() && !follow_symlinks) return raise(PyExc_ValueError, "%s: cannot use fd and follow_symlinks together", function);
  return Status::ok;
}

constexpr size_t kFirstTry = 128;

// Calls `get(buffer, size)` with a buffer that is large enough: most values are short, few are longer than what the
// kernel allows. The value may have grown between two tries.
template <class F>
Ref<> read_growing(const BasicPath& path, size_t largest, F get) {
  for (size_t size : {kFirstTry, largest}) {
    PyObject* buffer = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    if (!buffer) return failure;
    char* data = PyBytes_AS_STRING(buffer);
    ssize_t count = unlocked([&] { return get(data, size); });
    if (count >= 0) {
      if (static_cast<size_t>(count) != size) _PyBytes_Resize(&buffer, count);
      return steal(buffer);
    }
    int error = errno;
    release(buffer);
    errno = error;
    if (error != ERANGE) return path_error(path);
  }
  errno = ERANGE;
  return path_error(path);
}

Ref<> posix_getxattr(PyObject*, PathOrFd path, Path attribute, bool follow_symlinks) {
  TRY(check_target("getxattr", path, follow_symlinks));
  TRY(audit("os.getxattr", "OO", path.object(), attribute.object()));
  return read_growing(path, XATTR_SIZE_MAX, [&](char* data, size_t size) {
    if (path.is_fd()) return ::fgetxattr(path.fd(), attribute.text(), data, size);
    return follow_symlinks ? ::getxattr(path.text(), attribute.text(), data, size) : ::lgetxattr(path.text(), attribute.text(), data, size);
  });
}

Status posix_setxattr(PyObject*, PathOrFd path, Path attribute, BufferArgument value, int flags, bool follow_symlinks) {
  TRY(check_target("setxattr", path, follow_symlinks));
  TRY(audit("os.setxattr", "OOy#i", path.object(), attribute.object(), value.data(), value.size(), flags));
  return once(path, [&] {
    auto size = static_cast<size_t>(value.size());
    if (path.is_fd()) return ::fsetxattr(path.fd(), attribute.text(), value.data(), size, flags);
    return (follow_symlinks ? ::setxattr : ::lsetxattr)(path.text(), attribute.text(), value.data(), size, flags);
  });
}

Status posix_removexattr(PyObject*, PathOrFd path, Path attribute, bool follow_symlinks) {
  TRY(check_target("removexattr", path, follow_symlinks));
  TRY(audit("os.removexattr", "OO", path.object(), attribute.object()));
  return once(path, [&] {
    if (path.is_fd()) return ::fremovexattr(path.fd(), attribute.text());
    return (follow_symlinks ? ::removexattr : ::lremovexattr)(path.text(), attribute.text());
  });
}

Ref<> posix_listxattr(PyObject*, AnyPath path, bool follow_symlinks) {
  TRY(check_target("listxattr", path, follow_symlinks));
  TRY(audit("os.listxattr", "(O)", path.object() ? path.object() : Py_None));
  Ref<> text = TRY(read_growing(path, XATTR_LIST_MAX, [&](char* data, size_t size) {
    if (path.is_fd()) return ::flistxattr(path.fd(), data, size);
    return (follow_symlinks ? ::listxattr : ::llistxattr)(path.text_or_dot(), data, size);
  }));
  Ref<> names = TRY(steal(PyList_New(0)));
  const char* end = PyBytes_AS_STRING(text.get()) + PyBytes_GET_SIZE(text.get());
  for (const char* start = PyBytes_AS_STRING(text.get()); start < end; start += std::strlen(start) + 1) {
    Ref<> each = TRY(steal(PyUnicode_DecodeFSDefault(start)));
    TRY(status_of(PyList_Append(names.get(), each.get())));
  }
  return names;
}

// ---- times --------------------------------------------------------------------------------------------------------------

Status read_nanoseconds(PyObject* value, timespec* out) {
  Ref<> billion = TRY(integer(1'000'000'000));
  Ref<> parts = TRY(steal(PyNumber_Divmod(value, billion.get())));
  if (!PyTuple_Check(parts.get()) || PyTuple_GET_SIZE(parts.get()) != 2) {
    return raise(PyExc_TypeError, "%.200s.__divmod__() must return a 2-tuple, not %.200s", Py_TYPE(value)->tp_name, Py_TYPE(parts.get())->tp_name);
  }
  out->tv_sec = TRY(checked(_PyLong_AsTime_t(PyTuple_GET_ITEM(parts.get(), 0))));
  out->tv_nsec = TRY(checked(PyLong_AsLong(PyTuple_GET_ITEM(parts.get(), 1))));
  return Status::ok;
}

Status posix_utime(PyObject*, PathOrFd path, PyObject* times, PyObject* ns, DirFd dir_fd, bool follow_symlinks) {
  timespec values[2];
  bool now = false;
  bool has_times = times && times != Py_None;
  auto is_pair = [](PyObject* object) { return PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) == 2; };
  if (has_times && ns) return raise(PyExc_ValueError, "utime: you may specify either 'times' or 'ns' but not both");
  if (has_times) {
    if (!is_pair(times)) return raise(PyExc_TypeError, "utime: 'times' must be either a tuple of two ints or None");
    for (int i = 0; i < 2; ++i) {
      TRY(status_of(_PyTime_ObjectToTimespec(PyTuple_GET_ITEM(times, i), &values[i].tv_sec, &values[i].tv_nsec, _PyTime_ROUND_FLOOR)));
    }
  } else if (ns) {
    if (!is_pair(ns)) return raise(PyExc_TypeError, "utime: 'ns' must be a tuple of two ints");
    for (int i = 0; i < 2; ++i) TRY(read_nanoseconds(PyTuple_GET_ITEM(ns, i), &values[i]));
  } else {
    now = true;
  }
  if (path.is_fd()) {
    if (dir_fd.given()) return raise(PyExc_ValueError, "utime: can't specify dir_fd without matching path");
    if (!follow_symlinks) return raise(PyExc_ValueError, "utime: cannot use fd and follow_symlinks together");
  }
  TRY(audit("os.utime", "OOOi", path.object(), times ? times : Py_None, ns ? ns : Py_None, dir_fd.given() ? dir_fd.fd : -1));
  const timespec* given = now ? nullptr : values;
  // compat: the error does not name the path.
  TRY(once([&] {
    if (path.is_fd()) return ::futimens(path.fd(), given);
    return ::utimensat(dir_fd.fd, path.text(), given, follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW);
  }));
  return Status::ok;
}

}  // namespace

const PyMethodDef kAttributeMethods[] = {
    METHOD("getxattr($module, /, path, attribute, *, follow_symlinks=True)", posix_getxattr,
           "Return the value of extended attribute attribute on path.\n\npath may be either a string, a path-like object, or an open file descriptor.\nIf follow_symlinks is False, and "
           "the last element of the path is a symbolic\n  link, getxattr will examine the symbolic link itself instead of the file\n  the link points to."),
    METHOD("setxattr($module, /, path, attribute, value, flags=0, *,\n         follow_symlinks=True)", posix_setxattr,
           "Set extended attribute attribute on path to value.\n\npath may be either a string, a path-like object,  or an open file descriptor.\nIf follow_symlinks is False, and the last "
           "element of the path is a symbolic\n  link, setxattr will modify the symbolic link itself instead of the file\n  the link points to."),
    METHOD("removexattr($module, /, path, attribute, *, follow_symlinks=True)", posix_removexattr,
           "Remove extended attribute attribute on path.\n\npath may be either a string, a path-like object, or an open file descriptor.\nIf follow_symlinks is False, and the last element "
           "of the path is a symbolic\n  link, removexattr will modify the symbolic link itself instead of the file\n  the link points to."),
    METHOD("listxattr($module, /, path=None, *, follow_symlinks=True)", posix_listxattr,
           "Return a list of extended attributes on path.\n\npath may be either None, a string, a path-like object, or an open file descriptor.\nif path is None, listxattr will examine the "
           "current directory.\nIf follow_symlinks is False, and the last element of the path is a symbolic\n  link, listxattr will examine the symbolic link itself instead of the file\n"
           "  the link points to."),
    METHOD("utime($module, /, path, times=None, *, ns=<unrepresentable>,\n      dir_fd=None, follow_symlinks=True)", posix_utime,
           "Set the access and modified time of path.\n\nThe path may be an open descriptor. times is a tuple (atime, mtime) of numbers in seconds; ns is one of ints\nin nanoseconds. "
           "Without both, or with times None, the current time is set. With dir_fd, a relative path\nstarts from that open directory. Without follow_symlinks, a symbolic link is changed "
           "itself. Neither may be\ncombined with a descriptor as path."),
    kEndOfMethods,
};

}  // namespace gill::posix
