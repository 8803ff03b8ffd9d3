// stat(), statvfs() and their result types.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

const PyStructSequence_Field kStatFields[] = {
    {"st_mode", "protection bits"},
    {"st_ino", "inode"},
    {"st_dev", "device"},
    {"st_nlink", "number of hard links"},
    {"st_uid", "user ID of owner"},
    {"st_gid", "group ID of owner"},
    {"st_size", "total size, in bytes"},
    // The tuple's times are whole seconds; the names reach the exact ones further down.
    {"", "integer time of last access"},
    {"", "integer time of last modification"},
    {"", "integer time of last change"},
    {"st_atime", "time of last access"},
    {"st_mtime", "time of last modification"},
    {"st_ctime", "time of last change"},
    {"st_atime_ns", "time of last access in nanoseconds"},
    {"st_mtime_ns", "time of last modification in nanoseconds"},
    {"st_ctime_ns", "time of last change in nanoseconds"},
    {"st_blksize", "blocksize for filesystem I/O"},
    {"st_blocks", "number of blocks allocated"},
    {"st_rdev", "device type (if inode device)"},
    {nullptr, nullptr},
};
constexpr Py_ssize_t kVisible = 10;
constexpr int kFirstWholeTime = 7;
constexpr int kFirstRealTime = 10;

const PyStructSequence_Field kStatvfsFields[] = {
    {"f_bsize", nullptr}, {"f_frsize", nullptr}, {"f_blocks", nullptr}, {"f_bfree", nullptr}, {"f_bavail", nullptr}, {"f_files", nullptr},
    {"f_ffree", nullptr}, {"f_favail", nullptr}, {"f_flag", nullptr}, {"f_namemax", nullptr}, {"f_fsid", nullptr}, {nullptr, nullptr},
};

Ref<> nanoseconds(const timespec& time) {
  // Seconds beyond the years 1677 to 2262 do not fit 64 bits.
  long long total;
  if (!__builtin_mul_overflow(static_cast<long long>(time.tv_sec), 1'000'000'000ll, &total) &&
      !__builtin_add_overflow(total, static_cast<long long>(time.tv_nsec), &total)) {
    return integer(total);
  }
  Ref<> seconds = TRY(integer(time.tv_sec));
  Ref<> billion = TRY(integer(1'000'000'000));
  Ref<> scaled = TRY(steal(PyNumber_Multiply(seconds.get(), billion.get())));
  Ref<> rest = TRY(integer(time.tv_nsec));
  return steal(PyNumber_Add(scaled.get(), rest.get()));
}
double seconds(const timespec& time) { return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec); }

// stat_result(sequence of 10 to 19, dict of further named items): times that are not given are the tuple's whole seconds.
Ref<> stat_result_new(PyTypeObject* type, PyObject* sequence, PyObject* dict) {
  Ref<> items = steal(PySequence_Fast(sequence, "constructor requires a sequence"));
  if (!items) return failure;
  if (dict && !PyDict_Check(dict)) return raise(PyExc_TypeError, "%.500s() takes a dict as second arg, if any", type->tp_name);
  constexpr Py_ssize_t kFieldCount = std::size(kStatFields) - 1;
  Py_ssize_t count = PySequence_Fast_GET_SIZE(items.get());
  if (count < kVisible || count > kFieldCount) {
    return raise(PyExc_TypeError, "%.500s() takes an at %s %zd-sequence (%zd-sequence given)", type->tp_name, count < kVisible ? "least" : "most",
                 count < kVisible ? kVisible : kFieldCount, count);
  }
  Ref<> result = TRY(steal(PyStructSequence_New(type)));
  for (Py_ssize_t i = 0; i < kFieldCount; ++i) {
    PyObject* value = Py_None;
    if (i < count) {
      value = PySequence_Fast_GET_ITEM(items.get(), i);
    } else if (dict) {
      PyObject* given = PyDict_GetItemString(dict, kStatFields[i].name);
      if (given) value = given;
    }
    if (value == Py_None && i >= kFirstRealTime && i < kFirstRealTime + 3) {
      value = PyStructSequence_GetItem(result.get(), i - kFirstRealTime + kFirstWholeTime);
    }
    PyStructSequence_SetItem(result.get(), i, borrow(value).release());
  }
  return result;
}

// ---- calls ------------------------------------------------------------------------------------------------------

Ref<> do_stat(PyObject* module, const char* function, const BasicPath& path, DirFd dir_fd, bool follow_symlinks) {
  if (path.is_fd()) {
    if (dir_fd.given()) return raise(PyExc_ValueError, "%s: can't specify dir_fd without matching path", function);
    if (!follow_symlinks) return raise(PyExc_ValueError, "%s: cannot use fd and follow_symlinks together", function);
  }
  struct stat status;
  TRY(once(path, [&] {
    if (path.is_fd()) return ::fstat(path.fd(), &status);
    return ::fstatat(dir_fd.fd, path.text(), &status, follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW);
  }));
  return make_stat_result(module, status);
}

Ref<> posix_stat(PyObject* module, PathOrFd path, DirFd dir_fd, bool follow_symlinks) {
  return do_stat(module, "stat", path, dir_fd, follow_symlinks);
}
Ref<> posix_lstat(PyObject* module, Path path, DirFd dir_fd) { return do_stat(module, "lstat", path, dir_fd, false); }

Ref<> posix_fstat(PyObject* module, int fd) {
  struct stat status;
  TRY(blocking([&] { return ::fstat(fd, &status); }));
  return make_stat_result(module, status);
}

Ref<> make_statvfs_result(PyObject* module, const struct statvfs& s) {
  Fields fields(state_of(module)->statvfs_result);
  for (unsigned long value : {s.f_bsize, s.f_frsize}) fields.put(static_cast<long long>(value));
  for (auto value : {s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree, s.f_favail}) fields.put(static_cast<long long>(value));
  for (unsigned long value : {s.f_flag, s.f_namemax}) fields.put(static_cast<long long>(value));
  return fields.put(integer_unsigned(s.f_fsid)).take();
}
Ref<> posix_statvfs(PyObject* module, PathOrFd path) {
  struct statvfs status;
  TRY(once(path, [&] { return path.is_fd() ? ::fstatvfs(path.fd(), &status) : ::statvfs(path.text(), &status); }));
  return make_statvfs_result(module, status);
}
Ref<> posix_fstatvfs(PyObject* module, int fd) {
  struct statvfs status;
  TRY(blocking([&] { return ::fstatvfs(fd, &status); }));
  return make_statvfs_result(module, status);
}

Maybe<bool> posix_access(PyObject*, Path path, int mode, DirFd dir_fd, bool effective_ids, bool follow_symlinks) {
  int flags = (follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW) | (effective_ids ? AT_EACCESS : 0);
  return unlocked([&] {
    return dir_fd.given() || flags ? ::faccessat(dir_fd.fd, path.text(), mode, flags) : ::access(path.text(), mode);
  }) == 0;
}

}  // namespace

const PyMethodDef kStatMethods[] = {
    METHOD("stat($module, /, path, *, dir_fd=None, follow_symlinks=True)", posix_stat,
           "Perform a stat system call on the given path.\n\nThe path may be a string, bytes, a path-like object or an open descriptor. With dir_fd,\n"
           "a relative path starts from that open directory. Without follow_symlinks, a symbolic link\nat the path's end is examined itself. Neither "
           "may be combined with a descriptor as path."),
    METHOD("lstat($module, /, path, *, dir_fd=None)", posix_lstat,
           "Perform a stat system call on the given path, without following symbolic links.\n\nLike stat(), but do not follow symbolic links.\nEquivalent to "
           "stat(path, follow_symlinks=False)."),
    METHOD("fstat($module, /, fd)", posix_fstat, "Perform a stat system call on the given file descriptor.\n\nLike stat(), but for an open file descriptor.\nEquivalent to os.stat(fd)."),
    METHOD("statvfs($module, /, path)", posix_statvfs,
           "Perform a statvfs system call on the given path.\n\npath may always be specified as a string.\nOn some platforms, path may also be specified as an open "
           "file descriptor."),
    METHOD("fstatvfs($module, fd, /)", posix_fstatvfs, "Perform an fstatvfs system call on the given fd.\n\nEquivalent to statvfs(fd)."),
    METHOD("access($module, /, path, mode, *, dir_fd=None, effective_ids=False,\n       follow_symlinks=True)", posix_access,
           "Use the real uid/gid to test for access to a path.\n\nmode is F_OK, or R_OK, W_OK and X_OK combined. With effective_ids, the effective ids count.\n"
           "The answer may be outdated by the time that the path is used."),
    kEndOfMethods,
};

Ref<> make_stat_result(PyTypeObject* type, const struct stat& s) {
  Fields fields(type);
  fields.put(static_cast<long long>(s.st_mode)).put(integer_unsigned(s.st_ino)).put(integer_unsigned(s.st_dev)).put(static_cast<long long>(s.st_nlink));
  fields.put(static_cast<long long>(s.st_uid)).put(static_cast<long long>(s.st_gid)).put(static_cast<long long>(s.st_size));
  for (const timespec& time : {s.st_atim, s.st_mtim, s.st_ctim}) fields.put(static_cast<long long>(time.tv_sec));
  for (const timespec& time : {s.st_atim, s.st_mtim, s.st_ctim}) fields.put(seconds(time));
  for (const timespec& time : {s.st_atim, s.st_mtim, s.st_ctim}) fields.put(nanoseconds(time));
  fields.put(static_cast<long long>(s.st_blksize)).put(static_cast<long long>(s.st_blocks));
  return fields.put(integer_unsigned(s.st_rdev)).take();
}
Ref<> make_stat_result(PyObject* module, const struct stat& status) { return make_stat_result(state_of(module)->stat_result, status); }

Ref<PyTypeObject> add_sequence_type(PyObject* module, const char* type_name, const char* doc, const PyStructSequence_Field* fields, int visible) {
  // The address that marks a field without a name is known at run time only; the tables have "" for it.
  PyStructSequence_Field copy[24];
  size_t count = 0;
  for (;; ++count) {
    copy[count] = fields[count];
    if (!fields[count].name) break;
    if (!*fields[count].name) copy[count].name = PyStructSequence_UnnamedField;
  }
  PyStructSequence_Desc description = {type_name, doc, copy, visible};
  Ref<PyTypeObject> type = TRY(steal(PyStructSequence_NewType(&description)));
  TRY(status_of(PyModule_AddType(module, type.get())));
  return type;
}

Status add_stat_types(PyObject* module) {
  State* state = state_of(module);
  Ref<PyTypeObject> stat_type = TRY(add_sequence_type(
      module, "os.stat_result",
      "stat_result: Result from stat, fstat, or lstat.\n\nThis object may be accessed either as a tuple of\n  (mode, ino, dev, nlink, uid, gid, size, atime, mtime, "
      "ctime)\nor via the attributes st_mode, st_ino, st_dev, st_nlink, st_uid, and so on.\n\nPosix/windows: If your platform supports st_blksize, st_blocks, "
      "st_rdev,\nor st_flags, they are available as attributes only.\n\nSee os.stat for more information.",
      kStatFields, kVisible));
  stat_type->tp_new = CONSTRUCTOR("structseq($type, /, sequence, dict=<unrepresentable>)", stat_result_new);
  state->stat_result = stat_type.release();
  state->statvfs_result = TRY(add_sequence_type(module, "os.statvfs_result",
                                                "statvfs_result: Result from statvfs or fstatvfs.\n\nThis object may be accessed either as a tuple of\n  (bsize, "
                                                "frsize, blocks, bfree, bavail, files, ffree, favail, flag, namemax),\nor via the attributes f_bsize, f_frsize, "
                                                "f_blocks, f_bfree, and so on.\n\nSee os.statvfs for more information.",
                                                kStatvfsFields, 10)).release();
  return Status::ok;
}

}  // namespace gill::posix
