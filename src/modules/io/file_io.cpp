// `FileIO`: a file descriptor as a raw stream.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "modules/io/io.h"

#include <structmember.h>

namespace gill::io {
namespace {

struct FileIO : IoBase {
  int fd;
  bool created, readable, writable, appending, closefd;
  signed char seekable;  // -1: not asked yet
  int block_size;

  using Fields = OwnedFields<&FileIO::dict>;
};

// Most systems refuse or cut a single transfer beyond this.
inline constexpr size_t kMaxTransfer = 0x7ffff000;

Failure closed_error() { return raise(PyExc_ValueError, "I/O operation on closed file"); }
Failure mode_error(const char* action) {
  if (Ref<> type = unsupported_operation()) PyErr_Format(type.get(), "File not open for %s", action);
  return failure;
}

const char* mode_text(const FileIO* self) {
  if (self->created) return self->readable ? "xb+" : "xb";
  if (self->appending) return self->readable ? "ab+" : "ab";
  if (self->readable) return self->writable ? "rb+" : "rb";
  return "wb";
}

}  // namespace

bool file_is_closed(PyObject* file) { return reinterpret_cast<FileIO*>(file)->fd < 0; }

namespace {

Status close_descriptor(FileIO* self) {
  int fd = self->fd;
  self->fd = -1;
  if (fd < 0) return Status::ok;
  int result, saved;
  Py_BEGIN_ALLOW_THREADS
  result = ::close(fd);
  saved = errno;
  Py_END_ALLOW_THREADS
  if (result < 0 && saved != EINTR) {
    errno = saved;
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  return Status::ok;
}

Ref<> file_new(PyTypeObject* type, PyObject*, PyObject*) {
  Ref<FileIO> self = TRY(Ref<FileIO>::steal(type->tp_alloc(type, 0)));
  self->fd = -1;
  self->seekable = -1;
  self->closefd = true;
  return self;
}
PyObject* file_new_slot(PyTypeObject* type, PyObject* args, PyObject* kwargs) { return file_new(type, args, kwargs).release(); }

Status parse_mode(FileIO* self, const char* mode, int* flags) {
  static constexpr const char* kBadMode = "Must have exactly one of create/read/write/append mode and at most one plus";
  bool have_main = false, plus = false;
  *flags = 0;
  for (const char* c = mode; *c; ++c) {
    switch (*c) {
      case 'x': case 'r': case 'w': case 'a':
        if (have_main) return raise(PyExc_ValueError, kBadMode);
        have_main = true;
        if (*c == 'x') { self->created = self->writable = true; *flags |= O_EXCL | O_CREAT; }
        if (*c == 'r') self->readable = true;
        if (*c == 'w') { self->writable = true; *flags |= O_CREAT | O_TRUNC; }
        if (*c == 'a') { self->writable = self->appending = true; *flags |= O_APPEND | O_CREAT; }
        break;
      case 'b': break;
      case '+':
        if (plus) return raise(PyExc_ValueError, kBadMode);
        plus = true;
        self->readable = self->writable = true;
        break;
      default:
        return raise(PyExc_ValueError, "invalid mode: %.200s", mode);
    }
  }
  if (!have_main) return raise(PyExc_ValueError, kBadMode);
  *flags |= self->readable && self->writable ? O_RDWR : self->readable ? O_RDONLY : O_WRONLY;
  *flags |= O_CLOEXEC;
  return Status::ok;
}

Status open_path(FileIO* self, PyObject* file, PyObject* path, int flags, PyObject* opener) {
  if (opener != Py_None) {
    Ref<> result = TRY(steal(PyObject_CallFunction(opener, "Oi", file, flags)));
    if (!PyLong_Check(result.get())) return raise(PyExc_TypeError, "expected integer from opener");
    self->fd = _PyLong_AsInt(result.get());
    if (self->fd < 0) {
      if (!PyErr_Occurred()) return raise(PyExc_ValueError, "opener returned %d", self->fd);
      return failure;
    }
    int descriptor_flags = ::fcntl(self->fd, F_GETFD);
    if (descriptor_flags >= 0 && !(descriptor_flags & FD_CLOEXEC)) ::fcntl(self->fd, F_SETFD, descriptor_flags | FD_CLOEXEC);
    return Status::ok;
  }
  const char* text = PyBytes_AS_STRING(path);
  int fd, saved;
  for (;;) {
    Py_BEGIN_ALLOW_THREADS
    fd = ::open(text, flags, 0666);
    saved = errno;
    Py_END_ALLOW_THREADS
    if (fd >= 0 || saved != EINTR) break;
    TRY(status_of(PyErr_CheckSignals()));
  }
  if (fd < 0) {
    errno = saved;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, file);
    return failure;
  }
  self->fd = fd;
  return Status::ok;
}

Status inspect(FileIO* self, PyObject* file) {
  struct stat info;
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = ::fstat(self->fd, &info);
  Py_END_ALLOW_THREADS
  self->block_size = kDefaultBufferSize;
  if (result < 0) {
    // Anything but a bad descriptor is left for a later call to report.
    if (errno == EBADF) {
      PyErr_SetFromErrno(PyExc_OSError);
      return failure;
    }
    return Status::ok;
  }
  if (S_ISDIR(info.st_mode)) {
    errno = EISDIR;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, file);
    return failure;
  }
  if (info.st_blksize > 1) self->block_size = static_cast<int>(info.st_blksize);
  return Status::ok;
}

Status file_init(FileIO* self, PyObject* file, const char* mode, int closefd, PyObject* opener) {
  if (!mode) mode = "r";
  if (self->fd >= 0) {
    if (self->closefd) TRY(close_descriptor(self));
    self->fd = -1;
  }
  self->created = self->readable = self->writable = self->appending = false;
  self->seekable = -1;
  self->closefd = closefd;
  if (PyBool_Check(file) && PyErr_WarnEx(PyExc_RuntimeWarning, "bool is used as a file descriptor", 1) < 0) return failure;
  int fd = -1;
  Ref<> path;
  if (PyIndex_Check(file)) {
    fd = _PyLong_AsInt(file);
    if (fd < 0 && !PyErr_Occurred()) return raise(PyExc_ValueError, "negative file descriptor");
    PyErr_Clear();
  }
  if (fd < 0) {
    PyObject* encoded = nullptr;
    if (!PyUnicode_FSConverter(file, &encoded)) return failure;
    path = steal(encoded);
  }
  int flags;
  TRY(parse_mode(self, mode, &flags));
  TRY(status_of(PySys_Audit("open", "Osi", file, mode, flags)));
  bool own = false;
  if (fd >= 0) {
    self->fd = fd;
  } else {
    if (!closefd) return raise(PyExc_ValueError, "Cannot use closefd=False with file name");
    TRY(open_path(self, file, path.get(), flags, opener));
    own = true;
  }
  auto give_up = [&]() -> Failure {
    if (own) {
      PyObject *type, *value, *traceback;
      PyErr_Fetch(&type, &value, &traceback);
      if (close_descriptor(self) == Status::error) PyErr_Clear();
      PyErr_Restore(type, value, traceback);
    } else {
      self->fd = -1;  // The caller's descriptor stays open.
    }
    return failure;
  };
  if (inspect(self, file) == Status::error) return give_up();
  if (PyObject_SetAttr(as_object(self), name<"name">, file) < 0) return give_up();
  if (self->appending) ::lseek(self->fd, 0, SEEK_END);  // A pipe cannot, and need not.
  return Status::ok;
}

Ref<> file_close(FileIO* self) {
  Ref<> base = steal(PyObject_CallMethodOneArg(as_object(&RawIOBase_Type), name<"close">, as_object(self)));
  if (!self->closefd) {
    self->fd = -1;
    return base;
  }
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (self->finalizing && self->fd >= 0) {
    Ref<> warned = steal(PyObject_CallMethodOneArg(as_object(self), name<"_dealloc_warn">, as_object(self)));
    if (!warned) PyErr_Clear();
  }
  Status closed = close_descriptor(self);
  if (type) {
    if (closed == Status::error) {
      _PyErr_ChainExceptions(type, value, traceback);
    } else {
      PyErr_Restore(type, value, traceback);
    }
    return failure;
  }
  if (closed == Status::error) return failure;
  return base;
}

Maybe<bool> file_readable(FileIO* self) {
  if (self->fd < 0) return closed_error();
  return self->readable;
}
Maybe<bool> file_writable(FileIO* self) {
  if (self->fd < 0) return closed_error();
  return self->writable;
}
Ref<> file_fileno(FileIO* self) {
  if (self->fd < 0) return closed_error();
  return steal(PyLong_FromLong(self->fd));
}

Maybe<off_t> seek_descriptor(FileIO* self, off_t offset, int whence, bool quiet) {
  off_t result;
  Py_BEGIN_ALLOW_THREADS
  result = ::lseek(self->fd, offset, whence);
  Py_END_ALLOW_THREADS
  if (self->seekable < 0) self->seekable = result >= 0;
  if (result < 0) {
    if (!quiet) PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  return result;
}

Maybe<bool> file_seekable(FileIO* self) {
  if (self->fd < 0) return closed_error();
  if (self->seekable < 0) (void)static_cast<bool>(seek_descriptor(self, 0, SEEK_CUR, true));
  return self->seekable == 1;
}

}  // namespace

Maybe<bool> file_is_seekable(PyObject* file) { return file_seekable(reinterpret_cast<FileIO*>(file)); }

namespace {

Ref<> file_seek(FileIO* self, PyObject* position, int whence) {
  if (self->fd < 0) return closed_error();
  if (PyFloat_Check(position)) return raise(PyExc_TypeError, "an integer is required");
  Ref<> number = TRY(steal(PyNumber_Index(position)));
  long long offset = TRY(checked(PyLong_AsLongLong(number.get())));
  off_t result = TRY(seek_descriptor(self, offset, whence, false));
  return steal(PyLong_FromLongLong(result));
}

Ref<> file_tell(FileIO* self) {
  if (self->fd < 0) return closed_error();
  return steal(PyLong_FromLongLong(TRY(seek_descriptor(self, 0, SEEK_CUR, false))));
}

Ref<> file_truncate(FileIO* self, PyObject* size) {
  if (self->fd < 0) return closed_error();
  if (!self->writable) return mode_error("writing");
  Ref<> position = size == Py_None ? TRY(file_tell(self)) : borrow(size);
  long long length = TRY(checked(PyLong_AsLongLong(position.get())));
  int result;
  Py_BEGIN_ALLOW_THREADS
  errno = 0;
  result = ::ftruncate(self->fd, length);
  Py_END_ALLOW_THREADS
  if (result < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
  return position;
}

// One read or write that is repeated after signals. *would_block is set for a non-blocking descriptor.
template <class Transfer>
Maybe<Py_ssize_t> transfer(Transfer once, bool* would_block) {
  *would_block = false;
  for (;;) {
    ssize_t n;
    int saved;
    Py_BEGIN_ALLOW_THREADS
    errno = 0;
    n = once();
    saved = errno;
    Py_END_ALLOW_THREADS
    if (n >= 0) return static_cast<Py_ssize_t>(n);
    if (saved == EINTR) {
      TRY(status_of(PyErr_CheckSignals()));
      continue;
    }
    if (saved == EAGAIN || saved == EWOULDBLOCK) {
      *would_block = true;
      return Py_ssize_t{0};
    }
    errno = saved;
    PyErr_SetFromErrno(PyExc_OSError);
    return failure;
  }
}

Ref<> file_readall(FileIO* self) {
  if (self->fd < 0) return closed_error();
  // The size of the rest of the file, and one byte more to see its end without another resize.
  Py_ssize_t capacity = kDefaultBufferSize;
  struct stat info;
  off_t position;
  Py_BEGIN_ALLOW_THREADS
  position = ::lseek(self->fd, 0, SEEK_CUR);
  if (::fstat(self->fd, &info) < 0) info.st_size = 0;
  Py_END_ALLOW_THREADS
  if (position >= 0 && info.st_size >= position) capacity = static_cast<Py_ssize_t>(info.st_size - position) + 1;
  PyObject* bytes = TRY(PyBytes_FromStringAndSize(nullptr, capacity));
  Py_ssize_t length = 0;
  for (;;) {
    if (length >= capacity) {
      capacity = length > 65536 ? length + (length >> 3) + 256 * 1024 : length * 2 + 8192;
      if (_PyBytes_Resize(&bytes, capacity) < 0) return failure;
    }
    bool would_block;
    char* target = PyBytes_AS_STRING(bytes) + length;
    size_t room = std::min(static_cast<size_t>(capacity - length), kMaxTransfer);
    Maybe<Py_ssize_t> n = transfer([&, fd = self->fd] { return ::read(fd, target, room); }, &would_block);
    if (!n) {
      gill::release(bytes);
      return failure;
    }
    if (would_block && length == 0) {
      gill::release(bytes);
      return none();
    }
    if (n.value() == 0) break;
    length += n.value();
  }
  if (length != capacity && _PyBytes_Resize(&bytes, length) < 0) return failure;
  return steal(bytes);
}

Ref<> file_read(FileIO* self, SizeArgument size) {
  if (self->fd < 0) return closed_error();
  if (!self->readable) return mode_error("reading");
  if (size.value < 0) return file_readall(self);
  size_t wanted = std::min(static_cast<size_t>(size.value), kMaxTransfer);
  PyObject* bytes = TRY(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(wanted)));
  bool would_block;
  Maybe<Py_ssize_t> n = transfer([&, fd = self->fd] { return ::read(fd, PyBytes_AS_STRING(bytes), wanted); }, &would_block);
  if (!n || would_block) {
    gill::release(bytes);
    if (!n) return failure;
    return none();
  }
  if (static_cast<size_t>(n.value()) != wanted && _PyBytes_Resize(&bytes, n.value()) < 0) return failure;
  return steal(bytes);
}

Ref<> file_readinto(FileIO* self, WritableBufferArgument buffer) {
  if (self->fd < 0) return closed_error();
  if (!self->readable) return mode_error("reading");
  size_t wanted = std::min(static_cast<size_t>(buffer.size()), kMaxTransfer);
  bool would_block;
  Py_ssize_t n = TRY(transfer([&, fd = self->fd] { return ::read(fd, buffer.mutable_data(), wanted); }, &would_block));
  if (would_block) return none();
  return steal(PyLong_FromSsize_t(n));
}

Ref<> file_write(FileIO* self, BufferArgument buffer) {
  if (self->fd < 0) return closed_error();
  if (!self->writable) return mode_error("writing");
  size_t wanted = std::min(static_cast<size_t>(buffer.size()), kMaxTransfer);
  bool would_block;
  Py_ssize_t n = TRY(transfer([&, fd = self->fd] { return ::write(fd, buffer.data(), wanted); }, &would_block));
  if (would_block) return none();
  return steal(PyLong_FromSsize_t(n));
}

Maybe<bool> file_isatty(FileIO* self) {
  if (self->fd < 0) return closed_error();
  int result;
  Py_BEGIN_ALLOW_THREADS
  result = ::isatty(self->fd);
  Py_END_ALLOW_THREADS
  return result != 0;
}

Ref<> file_dealloc_warn(FileIO* self, PyObject* source) {
  if (self->fd >= 0 && self->closefd) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_ResourceWarning(source, 1, "unclosed file %R", source) < 0) {
      if (PyErr_ExceptionMatches(PyExc_Warning)) PyErr_WriteUnraisable(as_object(self));
      else PyErr_Clear();
    }
    PyErr_Restore(type, value, traceback);
  }
  return none();
}

Ref<> file_repr(FileIO* self) {
  const char* type = Py_TYPE(self)->tp_name;
  if (self->fd < 0) return steal(PyUnicode_FromFormat("<%.100s [closed]>", type));
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(as_object(self), name<"name">, &found)));
  const char* closefd = self->closefd ? "True" : "False";
  if (!found) {
    return steal(PyUnicode_FromFormat("<%.100s fd=%d mode='%s' closefd=%s>", type, self->fd, mode_text(self), closefd));
  }
  Ref<> file_name = steal(found);
  int entered = TRY(checked(Py_ReprEnter(as_object(self))));
  if (entered) return raise(PyExc_RuntimeError, "reentrant call inside %s.__repr__", type);
  Ref<> text = steal(PyUnicode_FromFormat("<%.100s name=%R mode='%s' closefd=%s>", type, found, mode_text(self), closefd));
  Py_ReprLeave(as_object(self));
  return text;
}

Ref<> file_closed(FileIO* self) { return py_bool(self->fd < 0); }
Ref<> file_closefd(FileIO* self) { return py_bool(self->closefd); }
Ref<> file_mode(FileIO* self) { return steal(PyUnicode_FromString(mode_text(self))); }

void file_destroy(FileIO*) {}

const PyMethodDef kMethods[] = {
    METHOD("read($self, size=-1, /)", file_read, "Read at most size bytes, returned as bytes."),
    METHOD("readall($self, /)", file_readall, "Read all data from the file, returned as bytes."),
    METHOD("readinto($self, buffer, /)", file_readinto, "Same as RawIOBase.readinto()."),
    METHOD("write($self, b, /)", file_write, "Write buffer b to file, return number of bytes written."),
    METHOD("seek($self, pos, whence=0, /)", file_seek, "Move to new file position and return the file position."),
    METHOD("tell($self, /)", file_tell, "Current file position."),
    METHOD("truncate($self, size=None, /)", file_truncate, "Truncate the file to at most size bytes and return the truncated size."),
    METHOD("close($self, /)", file_close, "Close the file."),
    METHOD("seekable($self, /)", file_seekable, "True if file supports random-access."),
    METHOD("readable($self, /)", file_readable, "True if file was opened in a read mode."),
    METHOD("writable($self, /)", file_writable, "True if file was opened in a write mode."),
    METHOD("fileno($self, /)", file_fileno, "Return the underlying file descriptor (an integer)."),
    METHOD("isatty($self, /)", file_isatty, "True if the file is connected to a TTY device."),
    METHOD_UNSIGNED("_dealloc_warn($self, source, /)", file_dealloc_warn, nullptr),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<file_closed>("closed", "True if the file is closed"),
    getset<file_closefd>("closefd", "True if the file descriptor will be closed by close()."),
    getset<file_mode>("mode", "String giving the file mode"),
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"_blksize", T_UINT, offsetof(FileIO, block_size), 0, nullptr},
    {"_finalizing", T_BOOL, offsetof(FileIO, finalizing), 0, nullptr},
    {},
};

}  // namespace

extern "C" PyTypeObject FileIO_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.FileIO",
    .tp_basicsize = sizeof(FileIO),
    .tp_dealloc = slot<dealloc<FileIO, file_destroy>>,
    .tp_repr = slot<file_repr>,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "FileIO(file, mode='r', closefd=True, opener=None)\n--\n\nOpen a file.",
    .tp_traverse = FileIO::Fields::traverse,
    .tp_clear = FileIO::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
    .tp_base = &RawIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("FileIO($self, /, file, mode='r', closefd=True, opener=None)", file_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = file_new_slot,
    .tp_free = PyObject_GC_Del,
};
GILL_STATIC_TYPE(FileIO_Type);

}  // namespace gill::io
