// Directories: listing and scanning them, making, removing, changing into them.
//
// A directory given by a descriptor is read through a duplicate of it, whose position is put back to the start afterwards, since
// the two share it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "base/math_library.h"
#include "modules/posix/directory.h"

namespace gill::posix {

// ---- an open directory ------------------------------------------------------------------------------------------

Status Directory::open(const BasicPath& path) {
  if (path.is_fd()) {
    int fd = TRY(once([&] { return ::fcntl(path.fd(), F_DUPFD_CLOEXEC, 0); }));
    stream_ = unlocked([&] { return ::fdopendir(fd); });
    if (!stream_) {
      int error = errno;
      ::close(fd);
      errno = error;
      return path_error(path);
    }
    rewind_ = true;
    return Status::ok;
  }
  stream_ = unlocked([&] { return ::opendir(path.text_or_dot()); });
  if (!stream_) return path_error(path);
  return Status::ok;
}

void Directory::close() {
  DIR* stream = std::exchange(stream_, nullptr);
  if (!stream) return;
  PyThreadState* thread = PyEval_SaveThread();
  if (rewind_) ::rewinddir(stream);
  ::closedir(stream);
  PyEval_RestoreThread(thread);
}

dirent* Directory::next() {
  for (;;) {
    PyThreadState* thread = PyEval_SaveThread();
    errno = 0;
    dirent* entry = ::readdir(stream_);
    int error = errno;
    PyEval_RestoreThread(thread);
    errno = error;
    if (!entry) return nullptr;
    const char* text = entry->d_name;
    bool self_or_parent = text[0] == '.' && (text[1] == 0 || (text[1] == '.' && text[2] == 0));
    if (!self_or_parent) return entry;
  }
}

namespace {

Ref<> posix_listdir(PyObject*, AnyPath path) {
  TRY(audit("os.listdir", "O", path.object() ? path.object() : Py_None));
  Directory directory;
  TRY(directory.open(path));
  Ref<> names = TRY(steal(PyList_New(0)));
  while (dirent* entry = directory.next()) {
    Ref<> text = TRY(decode_name(entry->d_name, static_cast<Py_ssize_t>(std::strlen(entry->d_name)), path.wants_bytes()));
    TRY(status_of(PyList_Append(names.get(), text.get())));
  }
  if (errno != 0) return path_error(path);
  return names;
}

// ---- the current directory ----------------------------------------------------------------------------------------

Ref<> current_directory(bool bytes) {
  // The path may be longer than PATH_MAX.
  for (size_t size = PATH_MAX;; size *= 2) {
    auto* buffer = static_cast<char*>(PyMem_RawMalloc(size));
    if (!buffer) {
      PyErr_NoMemory();
      return failure;
    }
    char* text;
    text = ::getcwd(buffer, size);
    if (text) {
      Ref<> result = decode_name(text, static_cast<Py_ssize_t>(std::strlen(text)), bytes);
      PyMem_RawFree(buffer);
      return result;
    }
    int error = errno;
    PyMem_RawFree(buffer);
    errno = error;
    if (error != ERANGE) return os_error();
  }
}
Ref<> posix_getcwd(PyObject*) { return current_directory(false); }
Ref<> posix_getcwdb(PyObject*) { return current_directory(true); }

Status posix_chdir(PyObject*, PathOrFd path) {
  TRY(audit("os.chdir", "(O)", path.object()));
  return once(path, [&] { return path.is_fd() ? ::fchdir(path.fd()) : ::chdir(path.text()); });
}
Status posix_fchdir(PyObject*, FileNumber fd) {
  TRY(audit("os.chdir", "(i)", fd.fd));
  TRY(blocking([&] { return ::fchdir(fd.fd); }));
  return Status::ok;
}
Status posix_chroot(PyObject*, Path path) {
  load_math_library();  // which the other root may not have
  return once(path, [&] { return ::chroot(path.text()); });
}

// ---- making and removing --------------------------------------------------------------------------------------------

Status posix_mkdir(PyObject*, Path path, int mode, DirFd dir_fd) {
  TRY(audit("os.mkdir", "Oii", path.object(), mode, dir_fd.given() ? dir_fd.fd : -1));
  return once(path, [&] { return ::mkdirat(dir_fd.fd, path.text(), static_cast<mode_t>(mode)); });
}
Status posix_rmdir(PyObject*, Path path, DirFd dir_fd) {
  TRY(audit("os.rmdir", "Oi", path.object(), dir_fd.given() ? dir_fd.fd : -1));
  return once(path, [&] { return ::unlinkat(dir_fd.fd, path.text(), AT_REMOVEDIR); });
}

}  // namespace

const PyMethodDef kDirectoryMethods[] = {
    METHOD("listdir($module, /, path=None)", posix_listdir,
           "Return a list containing the names of the files in the directory.\n\nThe path may be a string, bytes, a path-like object or an open descriptor; None is "
           "the current\ndirectory. Bytes give bytes, everything else strings. The order is arbitrary, and `.` and\n`..` are left out."),
    METHOD("scandir($module, /, path=None)", posix_scandir,
           "Return an iterator of DirEntry objects for given path.\n\npath can be specified as either str, bytes, or a path-like object.  If path\nis bytes, the names "
           "of yielded DirEntry objects will also be bytes; in\nall other circumstances they will be str.\n\nIf path is None, uses the path='.'."),
    METHOD("getcwd($module, /)", posix_getcwd, "Return a unicode string representing the current working directory."),
    METHOD("getcwdb($module, /)", posix_getcwdb, "Return a bytes string representing the current working directory."),
    METHOD("chdir($module, /, path)", posix_chdir,
           "Change the current working directory to the specified path.\n\npath may always be specified as a string.\nOn some platforms, path may also be specified as an "
           "open file descriptor.\nIf this functionality is unavailable, using it raises an exception."),
    METHOD("fchdir($module, /, fd)", posix_fchdir,
           "Change to the directory of the given file descriptor.\n\nfd must be opened on a directory, not a file.\nEquivalent to os.chdir(fd)."),
    METHOD("chroot($module, /, path)", posix_chroot, "Change root directory to path."),
    METHOD("mkdir($module, /, path, mode=511, *, dir_fd=None)", posix_mkdir,
           "Create a directory.\n\nWith dir_fd, a relative path starts from that open directory."),
    METHOD("rmdir($module, /, path, *, dir_fd=None)", posix_rmdir, "Remove a directory.\n\nWith dir_fd, a relative path starts from that open directory."),
    kEndOfMethods,
};

}  // namespace gill::posix
