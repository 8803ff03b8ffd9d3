// Names of files: renaming, linking, removing; special files; owners and permissions.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/normal_path.h"
#include "modules/posix/posix.h"

namespace gill::posix {
namespace {

int audited(DirFd dir_fd) { return dir_fd.given() ? dir_fd.fd : -1; }

// ---- renaming, linking, removing -----------------------------------------------------------------------------------

Status posix_rename(PyObject*, Path src, Path dst, DirFd src_dir_fd, DirFd dst_dir_fd) {
  TRY(audit("os.rename", "OOii", src.object(), dst.object(), audited(src_dir_fd), audited(dst_dir_fd)));
  if (unlocked([&] { return ::renameat(src_dir_fd.fd, src.text(), dst_dir_fd.fd, dst.text()); }) < 0) return path_error(src, dst);
  return Status::ok;
}

Status posix_link(PyObject*, Path src, Path dst, DirFd src_dir_fd, DirFd dst_dir_fd, bool follow_symlinks) {
  TRY(audit("os.link", "OOii", src.object(), dst.object(), audited(src_dir_fd), audited(dst_dir_fd)));
  int result = unlocked([&] {
    if (!src_dir_fd.given() && !dst_dir_fd.given() && follow_symlinks) return ::link(src.text(), dst.text());
    return ::linkat(src_dir_fd.fd, src.text(), dst_dir_fd.fd, dst.text(), follow_symlinks ? AT_SYMLINK_FOLLOW : 0);
  });
  if (result < 0) return path_error(src, dst);
  return Status::ok;
}

Status posix_symlink(PyObject*, Path src, Path dst, bool, DirFd dir_fd) {
  TRY(audit("os.symlink", "OOi", src.object(), dst.object(), audited(dir_fd)));
  if (unlocked([&] { return ::symlinkat(src.text(), dir_fd.fd, dst.text()); }) < 0) return path_error(src, dst);
  return Status::ok;
}

Ref<> posix_readlink(PyObject*, Path path, DirFd dir_fd) {
  char buffer[PATH_MAX + 1];
  ssize_t size = unlocked([&] { return ::readlinkat(dir_fd.fd, path.text(), buffer, PATH_MAX); });
  if (size < 0) return path_error(path);
  return decode_name(buffer, size, path.wants_bytes());
}

Status posix_unlink(PyObject*, Path path, DirFd dir_fd) {
  TRY(audit("os.remove", "Oi", path.object(), audited(dir_fd)));
  return once(path, [&] { return ::unlinkat(dir_fd.fd, path.text(), 0); });
}

// ---- special files ----------------------------------------------------------------------------------------------------

// compat: their errors do not name the path.
Status posix_mkfifo(PyObject*, Path path, int mode, DirFd dir_fd) {
  TRY(blocking([&] { return ::mkfifoat(dir_fd.fd, path.text(), static_cast<mode_t>(mode)); }));
  return Status::ok;
}
Status posix_mknod(PyObject*, Path path, int mode, Device device, DirFd dir_fd) {
  TRY(blocking([&] { return ::mknodat(dir_fd.fd, path.text(), static_cast<mode_t>(mode), device.value); }));
  return Status::ok;
}
Maybe<unsigned> posix_major(PyObject*, Device device) { return major(device.value); }
Maybe<unsigned> posix_minor(PyObject*, Device device) { return minor(device.value); }
Maybe<long> posix_makedev(PyObject*, int major_part, int minor_part) {
  return static_cast<long>(makedev(static_cast<unsigned>(major_part), static_cast<unsigned>(minor_part)));
}

// ---- permissions and owners ---------------------------------------------------------------------------------------------

Status posix_chmod(PyObject*, PathOrFd path, int mode, DirFd dir_fd, bool follow_symlinks) {
  TRY(audit("os.chmod", "Oii", path.object(), mode, audited(dir_fd)));
  auto bits = static_cast<mode_t>(mode);
  int result = unlocked([&] {
    if (path.is_fd()) return ::fchmod(path.fd(), bits);
    return ::fchmodat(dir_fd.fd, path.text(), bits, follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW);
  });
  if (result == 0) return Status::ok;
  if (!path.is_fd() && !follow_symlinks && (errno == ENOTSUP || errno == EOPNOTSUPP)) {
    if (dir_fd.given()) return raise(PyExc_ValueError, "chmod: cannot use dir_fd and follow_symlinks together");
    return raise(PyExc_NotImplementedError, "chmod: follow_symlinks unavailable on this platform");
  }
  return path_error(path);
}
Status posix_fchmod(PyObject*, int fd, int mode) {
  TRY(audit("os.chmod", "iii", fd, mode, -1));
  TRY(blocking([&] { return ::fchmod(fd, static_cast<mode_t>(mode)); }));
  return Status::ok;
}

Status posix_chown(PyObject*, PathOrFd path, UserId uid, GroupId gid, DirFd dir_fd, bool follow_symlinks) {
  if (path.is_fd()) {
    if (dir_fd.given()) return raise(PyExc_ValueError, "chown: can't specify both dir_fd and fd");
    if (!follow_symlinks) return raise(PyExc_ValueError, "chown: cannot use fd and follow_symlinks together");
  }
  TRY(audit("os.chown", "OIIi", path.object(), uid.id, gid.id, audited(dir_fd)));
  return once(path, [&] {
    if (path.is_fd()) return ::fchown(path.fd(), uid.id, gid.id);
    return ::fchownat(dir_fd.fd, path.text(), uid.id, gid.id, follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW);
  });
}
Status posix_fchown(PyObject*, int fd, UserId uid, GroupId gid) {
  TRY(audit("os.chown", "iIIi", fd, uid.id, gid.id, -1));
  TRY(blocking([&] { return ::fchown(fd, uid.id, gid.id); }));
  return Status::ok;
}
Status posix_lchown(PyObject*, Path path, UserId uid, GroupId gid) {
  TRY(audit("os.chown", "OIIi", path.object(), uid.id, gid.id, -1));
  return once(path, [&] { return ::lchown(path.text(), uid.id, gid.id); });
}

Maybe<int> posix_umask(PyObject*, int mask) { return static_cast<int>(::umask(static_cast<mode_t>(mask))); }

// ---- names without files --------------------------------------------------------------------------------------------------

Ref<> posix_fspath(PyObject*, PyObject* path) { return steal(PyOS_FSPath(path)); }

Ref<> posix_normpath(PyObject*, PyObject* path) {
  if (!PyUnicode_Check(path)) return raise(PyExc_TypeError, "expected 'str', not '%.200s'", Py_TYPE(path)->tp_name);
  Py_ssize_t size;
  wchar_t* text = PyUnicode_AsWideCharString(path, &size);
  if (!text) return failure;
  size_t length = normalize_path(text, static_cast<size_t>(size));
  Ref<> result = steal(PyUnicode_FromWideChar(text, static_cast<Py_ssize_t>(length)));
  PyMem_Free(text);
  return result;
}

}  // namespace

const PyMethodDef kFileMethods[] = {
    METHOD("rename($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)", posix_rename,
           "Rename a file or directory.\n\nWith src_dir_fd or dst_dir_fd, a relative path starts from that open directory."),
    METHOD("replace($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None)", posix_rename,
           "Rename a file or directory, overwriting the destination.\n\nWith src_dir_fd or dst_dir_fd, a relative path starts from that open directory."),
    METHOD("link($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None,\n     follow_symlinks=True)", posix_link,
           "Create a hard link to a file.\n\nWith src_dir_fd or dst_dir_fd, a relative path starts from that open directory. Without\nfollow_symlinks, a symbolic link gets "
           "the new name itself."),
    METHOD("symlink($module, /, src, dst, target_is_directory=False, *, dir_fd=None)", posix_symlink,
           "Create a symbolic link pointing to src named dst.\n\ntarget_is_directory counts on Windows only. With dir_fd, a relative dst starts from that open directory."),
    METHOD("readlink($module, /, path, *, dir_fd=None)", posix_readlink,
           "Return a string representing the path to which the symbolic link points.\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("remove($module, /, path, *, dir_fd=None)", posix_unlink, "Remove a file (same as unlink()).\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("unlink($module, /, path, *, dir_fd=None)", posix_unlink, "Remove a file (same as remove()).\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("mkfifo($module, /, path, mode=438, *, dir_fd=None)", posix_mkfifo,
           "Create a \"fifo\" (a POSIX named pipe).\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("mknod($module, /, path, mode=384, device=0, *, dir_fd=None)", posix_mknod,
           "Create a node in the file system.\n\nmode has the permissions and the kind (S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO); device is as makedev()\nmakes it. With dir_fd, "
           "a relative path starts from that open directory."),
    METHOD("major($module, device, /)", posix_major, "Extracts a device major number from a raw device number."),
    METHOD("minor($module, device, /)", posix_minor, "Extracts a device minor number from a raw device number."),
    METHOD("makedev($module, major, minor, /)", posix_makedev, "Composes a raw device number from the major and minor device numbers."),
    METHOD("chmod($module, /, path, mode, *, dir_fd=None, follow_symlinks=True)", posix_chmod,
           "Change the access permissions of a file.\n\nThe path may be an open descriptor. With dir_fd, a relative path starts from that open directory.\nWithout "
           "follow_symlinks, a symbolic link is changed itself, where the system can do that."),
    METHOD("fchmod($module, /, fd, mode)", posix_fchmod,
           "Change the access permissions of the file given by file descriptor fd.\n\nEquivalent to os.chmod(fd, mode)."),
    METHOD("chown($module, /, path, uid, gid, *, dir_fd=None, follow_symlinks=True)", posix_chown,
           "Change the owner and group id of path to the numeric uid and gid.\\\n\nThe path may be an open descriptor. With dir_fd, a relative path starts from that open directory."
           "\nWithout follow_symlinks, a symbolic link is changed itself."),
    METHOD("fchown($module, /, fd, uid, gid)", posix_fchown,
           "Change the owner and group id of the file specified by file descriptor.\n\nEquivalent to os.chown(fd, uid, gid)."),
    METHOD("lchown($module, /, path, uid, gid)", posix_lchown,
           "Change the owner and group id of path to the numeric uid and gid.\n\nThis function will not follow symbolic links.\nEquivalent to os.chown(path, uid, gid, "
           "follow_symlinks=False)."),
    METHOD("umask($module, mask, /)", posix_umask, "Set the current numeric umask and return the previous umask."),
    METHOD("fspath($module, /, path)", posix_fspath,
           "Return the file system path representation of the object.\n\nIf the object is str or bytes, then allow it to pass through as-is. If the\nobject defines __fspath__(), "
           "then return the result of that method. All other\ntypes raise a TypeError."),
    METHOD("_path_normpath($module, /, path)", posix_normpath, "Basic path normalization."),
    kEndOfMethods,
};

}  // namespace gill::posix
