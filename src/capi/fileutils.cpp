// Calls of the operating system for files, as the C API offers them: those that raise want the interpreter lock, repeat what a
// signal interrupted and give the lock away meanwhile; the `_noraise` ones neither raise nor want the lock.
#include <Python.h>

#include <cerrno>
#include <climits>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <fcntl.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/normal_path.h"
#include "base/result.h"

using namespace gill;

namespace {

// A wide text in the file system's encoding, in raw memory.
class Narrow {
 public:
  explicit Narrow(const wchar_t* text) : text_(Py_EncodeLocale(text, nullptr)) {
    if (!text_) errno = EINVAL;
  }
  Narrow(const Narrow&) = delete;
  ~Narrow() { PyMem_Free(text_); }
  const char* get() const { return text_; }
  explicit operator bool() const { return text_ != nullptr; }

 private:
  char* text_;
};

// Copies a narrow text into a wide buffer of `size` characters, NUL included; -1 when it is too small.
Py_ssize_t widen(const char* text, wchar_t* buffer, size_t size) {
  size_t length;
  wchar_t* wide = Py_DecodeLocale(text, &length);
  if (!wide) {
    errno = EINVAL;
    return -1;
  }
  bool fits = length < size;
  if (fits) std::wmemcpy(buffer, wide, length + 1);
  PyMem_RawFree(wide);
  if (!fits) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<Py_ssize_t>(length);
}

// Runs a call without the lock until no signal interrupts it; -1 with errno, or with an exception from a signal's handler.
template <class F>
auto repeat(F call) {
  for (;;) {
    PyThreadState* thread = PyEval_SaveThread();
    auto result = call();
    int error = errno;
    PyEval_RestoreThread(thread);
    errno = error;
    if (result >= 0 || error != EINTR || PyErr_CheckSignals() < 0) {
      errno = error;
      return result;
    }
  }
}

int os_error() {
  if (!PyErr_Occurred()) PyErr_SetFromErrno(PyExc_OSError);
  return -1;
}

int change_inheritable(int fd, int inheritable, bool raise_error) {
  int flags = ::fcntl(fd, F_GETFD);
  int wanted = inheritable ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC;
  if (flags < 0 || (flags != wanted && ::fcntl(fd, F_SETFD, wanted) < 0)) return raise_error ? os_error() : -1;
  return 0;
}

}  // namespace


extern "C" {

// ---- what is stored about files -----------------------------------------------------------------------------------------

PyAPI_FUNC(int) _Py_fstat_noraise(int fd, struct stat* status) { return ::fstat(fd, status); }

PyAPI_FUNC(int) _Py_fstat(int fd, struct stat* status) {
  PyThreadState* thread = PyEval_SaveThread();
  int result = ::fstat(fd, status);
  int error = errno;
  PyEval_RestoreThread(thread);
  errno = error;
  return result == 0 ? 0 : os_error();
}

PyAPI_FUNC(int) _Py_wstat(const wchar_t* path, struct stat* status) {
  Narrow narrow(path);
  return narrow ? ::stat(narrow.get(), status) : -1;
}

// -2 with an exception when the path cannot be encoded, -1 with errno when the call fails.
PyAPI_FUNC(int) _Py_stat(PyObject* path, struct stat* status) {
  Ref<> bytes = steal(PyUnicode_EncodeFSDefault(path));
  if (!bytes) return -2;
  char* text;
  if (PyBytes_AsStringAndSize(bytes.get(), &text, nullptr) < 0) return -2;
  return ::stat(text, status);
}

// ---- opening --------------------------------------------------------------------------------------------------------------

PyAPI_FUNC(int) _Py_open(const char* path, int flags) {
  if (PySys_Audit("open", "sOi", path, Py_None, flags | O_CLOEXEC) < 0) return -1;
  int fd = repeat([&] { return ::open(path, flags | O_CLOEXEC); });
  if (fd >= 0) return fd;
  if (!PyErr_Occurred()) PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
  return -1;
}
PyAPI_FUNC(int) _Py_open_noraise(const char* path, int flags) { return ::open(path, flags | O_CLOEXEC); }

PyAPI_FUNC(FILE*) _Py_wfopen(const wchar_t* path, const wchar_t* mode) {
  char narrow_mode[10];
  size_t length = std::wcstombs(narrow_mode, mode, sizeof(narrow_mode));
  if (length == static_cast<size_t>(-1) || length >= sizeof(narrow_mode)) {
    errno = EINVAL;
    return nullptr;
  }
  Narrow narrow(path);
  if (!narrow) return nullptr;
  FILE* file = std::fopen(narrow.get(), narrow_mode);
  if (file && change_inheritable(::fileno(file), 0, false) < 0) {
    std::fclose(file);
    return nullptr;
  }
  return file;
}

FILE* _Py_fopen_obj(PyObject* path, const char* mode) {
  if (PySys_Audit("open", "Osi", path, mode, 0) < 0) return nullptr;
  PyObject* encoded;
  if (!PyUnicode_FSConverter(path, &encoded)) return nullptr;
  Ref<> bytes = steal(encoded);
  FILE* file;
  for (;;) {
    PyThreadState* thread = PyEval_SaveThread();
    file = std::fopen(PyBytes_AS_STRING(encoded), mode);
    int error = errno;
    PyEval_RestoreThread(thread);
    errno = error;
    if (file || error != EINTR) break;
    if (PyErr_CheckSignals() < 0) return nullptr;
  }
  if (!file) {
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    return nullptr;
  }
  if (change_inheritable(::fileno(file), 0, true) < 0) {
    std::fclose(file);
    return nullptr;
  }
  return file;
}

// ---- reading and writing ----------------------------------------------------------------------------------------------------

PyAPI_FUNC(Py_ssize_t) _Py_read(int fd, void* buffer, size_t count) {
  if (count > PY_SSIZE_T_MAX) count = PY_SSIZE_T_MAX;
  ssize_t result = repeat([&] { return ::read(fd, buffer, count); });
  return result < 0 ? os_error() : result;
}
PyAPI_FUNC(Py_ssize_t) _Py_write(int fd, const void* buffer, size_t count) {
  if (count > PY_SSIZE_T_MAX) count = PY_SSIZE_T_MAX;
  ssize_t result = repeat([&] { return ::write(fd, buffer, count); });
  return result < 0 ? os_error() : result;
}
PyAPI_FUNC(Py_ssize_t) _Py_write_noraise(int fd, const void* buffer, size_t count) {
  if (count > PY_SSIZE_T_MAX) count = PY_SSIZE_T_MAX;
  ssize_t result;
  do result = ::write(fd, buffer, count);
  while (result < 0 && errno == EINTR);
  return result;
}

// ---- descriptors ------------------------------------------------------------------------------------------------------------

PyAPI_FUNC(int) _Py_get_inheritable(int fd) {
  int flags = ::fcntl(fd, F_GETFD);
  return flags < 0 ? os_error() : !(flags & FD_CLOEXEC);
}
// What `atomic_flag_works` would remember, that O_CLOEXEC is honoured, is true of every kernel that runs this.
PyAPI_FUNC(int) _Py_set_inheritable(int fd, int inheritable, int* atomic_flag_works) {
  if (atomic_flag_works && !inheritable) {
    if (*atomic_flag_works == -1) {
      int now = _Py_get_inheritable(fd);
      if (now < 0) return -1;
      *atomic_flag_works = !now;
    }
    if (*atomic_flag_works) return 0;
  }
  return change_inheritable(fd, inheritable, true);
}
PyAPI_FUNC(int) _Py_set_inheritable_async_safe(int fd, int inheritable, int*) { return change_inheritable(fd, inheritable, false); }

PyAPI_FUNC(int) _Py_dup(int fd) {
  PyThreadState* thread = PyEval_SaveThread();
  int result = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int error = errno;
  PyEval_RestoreThread(thread);
  errno = error;
  return result < 0 ? os_error() : result;
}

PyAPI_FUNC(int) _Py_get_blocking(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  return flags < 0 ? os_error() : !(flags & O_NONBLOCK);
}
PyAPI_FUNC(int) _Py_set_blocking(int fd, int blocking) {
  int flags = ::fcntl(fd, F_GETFL);
  int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (flags < 0 || (flags != wanted && ::fcntl(fd, F_SETFL, wanted) < 0)) return os_error();
  return 0;
}

PyAPI_FUNC(void) _Py_closerange(int first, int last) {
  if (first < 0) first = 0;
  if (last < first) return;
  if (::close_range(static_cast<unsigned>(first), static_cast<unsigned>(last), 0) == 0) return;
  for (int fd = first; fd <= last; ++fd) ::close(fd);
}

PyAPI_FUNC(PyObject*) _Py_GetLocaleEncodingObject(void);
PyAPI_FUNC(PyObject*) _Py_device_encoding(int fd) {
  if (!::isatty(fd)) return none().release();
  if (Py_UTF8Mode) return PyUnicode_FromString("utf-8");
  return _Py_GetLocaleEncodingObject();
}

// ---- paths ------------------------------------------------------------------------------------------------------------------

PyAPI_FUNC(int) _Py_wreadlink(const wchar_t* path, wchar_t* buffer, size_t size) {
  Narrow narrow(path);
  if (!narrow) return -1;
  char text[PATH_MAX + 1];
  ssize_t length = ::readlink(narrow.get(), text, PATH_MAX);
  if (length < 0) return -1;
  text[length] = 0;
  return static_cast<int>(widen(text, buffer, size));
}

PyAPI_FUNC(wchar_t*) _Py_wrealpath(const wchar_t* path, wchar_t* buffer, size_t size) {
  Narrow narrow(path);
  if (!narrow) return nullptr;
  char text[PATH_MAX + 1];
  if (!::realpath(narrow.get(), text)) return nullptr;
  return widen(text, buffer, size) < 0 ? nullptr : buffer;
}

PyAPI_FUNC(wchar_t*) _Py_wgetcwd(wchar_t* buffer, size_t size) {
  char text[PATH_MAX + 1];
  if (size > INT_MAX) size = INT_MAX;
  if (!::getcwd(text, sizeof(text))) return nullptr;
  return widen(text, buffer, size) < 0 ? nullptr : buffer;
}

PyAPI_FUNC(wchar_t*) _Py_normpath(wchar_t* path, Py_ssize_t size) {
  size_t length = size < 0 ? std::wcslen(path) : static_cast<size_t>(size);
  size_t normal = normalize_path(path, length);
  if (normal < length || size < 0) path[normal] = 0;
  return path;
}

// ---- numbers in the locale ----------------------------------------------------------------------------------------------------

// The separators of `lc`, which LC_NUMERIC's own encoding may spell. Decoding needs LC_CTYPE to agree with it.
PyAPI_FUNC(int) _Py_GetLocaleconvNumeric(struct lconv* lc, PyObject** decimal_point, PyObject** thousands_sep) {
  auto needs_locale = [](const char* text) { return std::strlen(text) > 1 || static_cast<unsigned char>(text[0]) > 127; };
  char* old_locale = nullptr;
  if (needs_locale(lc->decimal_point) || needs_locale(lc->thousands_sep)) {
    const char* current = std::setlocale(LC_CTYPE, nullptr);
    const char* numeric = std::setlocale(LC_NUMERIC, nullptr);
    if (current && numeric && std::strcmp(current, numeric) != 0) {
      old_locale = _PyMem_Strdup(current);
      if (!old_locale) {
        PyErr_NoMemory();
        return -1;
      }
      std::setlocale(LC_CTYPE, numeric);
    }
  }
  Ref<> point = steal(PyUnicode_DecodeLocale(lc->decimal_point, nullptr));
  Ref<> separator = point ? steal(PyUnicode_DecodeLocale(lc->thousands_sep, nullptr)) : nullptr;
  if (old_locale) std::setlocale(LC_CTYPE, old_locale);
  PyMem_Free(old_locale);
  if (!separator) return -1;
  *decimal_point = point.release();
  *thousands_sep = separator.release();
  return 0;
}

}  // extern "C"
