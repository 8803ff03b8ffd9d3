// scandir(): an iterator of entries, each of which remembers what the directory told and what stat() told about it.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "modules/posix/directory.h"

#include <structmember.h>

namespace gill::posix {
namespace {

struct DirEntry {
  PyObject_HEAD
  PyObject* name;
  PyObject* path;
  PyObject* status;       // stat() with links followed
  PyObject* link_status;  // stat() of the entry itself
  unsigned char kind;     // as readdir() tells: DT_REG ...
  int directory_fd;       // -1 when the directory was opened by path
  ino_t inode;

  using Owned = HeapTypeFields<&DirEntry::name, &DirEntry::path, &DirEntry::status, &DirEntry::link_status>;
};

struct ScandirIterator {
  PyObject_HEAD
  BasicPath path;
  Directory directory;
  int directory_fd;
};

PyObject* module_of(PyObject* self) { return PyType_GetModule(Py_TYPE(self)); }

// ---- entries --------------------------------------------------------------------------------------------------

void entry_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  DirEntry::Owned::clear(self);
  type->tp_free(self);
  release(as_object(type));
}

// stat() of the entry, without the cache. Null without an exception when the file is gone and `missing_ok`.
Ref<> fetch_status(PyObject* module, DirEntry* self, bool follow, bool missing_ok) {
  PyObject* encoded_path = nullptr;
  PyObject* from = self->directory_fd == -1 ? self->path : self->name;
  if (!PyUnicode_FSConverter(from, &encoded_path)) return failure;
  Ref<> bytes = steal(encoded_path);
  struct stat status;
  int result = unlocked([&] {
    return ::fstatat(self->directory_fd == -1 ? AT_FDCWD : self->directory_fd, PyBytes_AS_STRING(bytes.get()), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW);
  });
  if (result != 0) {
    if (missing_ok && errno == ENOENT) return nullptr;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, self->path);
    return failure;
  }
  return make_stat_result(module, status);
}

Maybe<bool> has_kind(DirEntry* self, bool follow, mode_t wanted);

Ref<> cached_status(DirEntry* self, bool follow, bool missing_ok) {
  PyObject* module = module_of(as_object(self));
  if (!self->link_status && !follow) {
    Ref<> status = fetch_status(module, self, false, missing_ok);
    if (!status) return failure;
    set_field(self->link_status, std::move(status));
  }
  if (!follow) return borrow(self->link_status);
  if (!self->status) {
    // What is no link has one status only.
    bool is_link = TRY(has_kind(self, false, S_IFLNK));
    Ref<> status = is_link ? fetch_status(module, self, true, missing_ok) : cached_status(self, false, missing_ok);
    if (!status) return failure;
    set_field(self->status, std::move(status));
  }
  return borrow(self->status);
}

Maybe<bool> has_kind(DirEntry* self, bool follow, mode_t wanted) {
  bool is_link = self->kind == DT_LNK;
  if (self->kind == DT_UNKNOWN || (follow && is_link)) {
    Ref<> status = cached_status(self, follow, true);
    if (!status) {
      if (PyErr_Occurred()) return failure;
      return false;
    }
    Ref<> mode = TRY(steal(PyObject_GetAttr(status.get(), name<"st_mode">)));
    long value = TRY(checked(PyLong_AsLong(mode.get())));
    return (static_cast<mode_t>(value) & S_IFMT) == wanted;
  }
  return static_cast<mode_t>(DTTOIF(self->kind)) == wanted;
}

Ref<> entry_stat(DirEntry* self, bool follow_symlinks) { return cached_status(self, follow_symlinks, false); }
Maybe<bool> entry_is_dir(DirEntry* self, bool follow_symlinks) { return has_kind(self, follow_symlinks, S_IFDIR); }
Maybe<bool> entry_is_file(DirEntry* self, bool follow_symlinks) { return has_kind(self, follow_symlinks, S_IFREG); }
Maybe<bool> entry_is_symlink(DirEntry* self) {
  if (self->kind != DT_UNKNOWN) return self->kind == DT_LNK;
  return has_kind(self, false, S_IFLNK);
}
Maybe<unsigned long> entry_inode(DirEntry* self) { return self->inode; }
Ref<> entry_fspath(DirEntry* self) { return borrow(self->path); }
Ref<> entry_repr(DirEntry* self) { return steal(PyUnicode_FromFormat("<DirEntry %R>", self->name)); }

const PyMemberDef kEntryMembers[] = {
    {"name", T_OBJECT_EX, offsetof(DirEntry, name), READONLY, "the entry's base filename, relative to scandir() \"path\" argument"},
    {"path", T_OBJECT_EX, offsetof(DirEntry, path), READONLY, "the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)"},
    {nullptr},
};
const PyMethodDef kEntryMethods[] = {
    METHOD("is_dir($self, /, *, follow_symlinks=True)", entry_is_dir, "Return True if the entry is a directory; cached per entry."),
    METHOD("is_file($self, /, *, follow_symlinks=True)", entry_is_file, "Return True if the entry is a file; cached per entry."),
    METHOD("is_symlink($self, /)", entry_is_symlink, "Return True if the entry is a symbolic link; cached per entry."),
    METHOD("stat($self, /, *, follow_symlinks=True)", entry_stat, "Return stat_result object for the entry; cached per entry."),
    METHOD("inode($self, /)", entry_inode, "Return inode of the entry; cached per entry."),
    METHOD("__fspath__($self, /)", entry_fspath, "Returns the path for the entry."),
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "See PEP 585"},
    kEndOfMethods,
};
const PyType_Slot kEntrySlots[] = {
    {Py_tp_dealloc, (void*)entry_dealloc},
    {Py_tp_repr, (void*)slot<entry_repr>},
    {Py_tp_methods, (void*)kEntryMethods},
    {Py_tp_members, (void*)kEntryMembers},
    {0, nullptr},
};
const PyType_Spec kEntrySpec = {"posix.DirEntry", sizeof(DirEntry), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                const_cast<PyType_Slot*>(kEntrySlots)};

// The directory's path and the entry's name, joined. A directory given by descriptor has no path to join with.
Ref<> joined_path(const BasicPath& path, const char* entry, size_t size, bool bytes) {
  if (path.is_fd()) return decode_name(entry, static_cast<Py_ssize_t>(size), bytes);
  const char* base = path.text() ? path.text() : ".";
  size_t base_size = std::strlen(base);
  bool slash = base_size > 0 && base[base_size - 1] != '/';
  size_t total = base_size + slash + size;
  auto* text = static_cast<char*>(PyMem_Malloc(total + 1));
  if (!text) {
    PyErr_NoMemory();
    return failure;
  }
  std::memcpy(text, base, base_size);
  if (slash) text[base_size] = '/';
  std::memcpy(text + base_size + slash, entry, size);
  Ref<> result = decode_name(text, static_cast<Py_ssize_t>(total), bytes);
  PyMem_Free(text);
  return result;
}

Ref<> make_entry(PyObject* module, const ScandirIterator* iterator, const dirent* from) {
  PyTypeObject* type = state_of(module)->dir_entry;
  Ref<DirEntry> entry = TRY(Ref<DirEntry>::steal(type->tp_alloc(type, 0)));
  size_t size = std::strlen(from->d_name);
  bool bytes = iterator->path.wants_bytes();
  entry->kind = from->d_type;
  entry->inode = from->d_ino;
  entry->directory_fd = iterator->directory_fd;
  entry->name = TRY(decode_name(from->d_name, static_cast<Py_ssize_t>(size), bytes)).release();
  entry->path = TRY(joined_path(iterator->path, from->d_name, size, bytes)).release();
  return entry;
}

// ---- the iterator -----------------------------------------------------------------------------------------------

Ref<> iterator_next(ScandirIterator* self) {
  if (!self->directory.is_open()) return nullptr;
  dirent* from = self->directory.next();
  if (from) {
    Ref<> entry = make_entry(module_of(as_object(self)), self, from);
    if (!entry) self->directory.close();
    return entry;
  }
  int error = errno;
  if (error != 0) PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, self->path.object());
  self->directory.close();
  return nullptr;
}

Status iterator_close(ScandirIterator* self) {
  self->directory.close();
  return Status::ok;
}
Ref<> iterator_enter(ScandirIterator* self) { return borrow(as_object(self)); }
Status iterator_exit(ScandirIterator* self, Args) { return iterator_close(self); }

void iterator_finalize(ScandirIterator* self) {
  if (!self->directory.is_open()) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (PyErr_ResourceWarning(as_object(self), 1, "unclosed scandir iterator %R", self) < 0) {
    // The warning was made an error, or the machinery for it is gone.
    if (PyErr_ExceptionMatches(PyExc_Warning)) PyErr_WriteUnraisable(as_object(self));
  }
  self->directory.close();
  PyErr_Restore(type, value, traceback);
}

void iterator_dealloc(PyObject* object) {
  if (PyObject_CallFinalizerFromDealloc(object) < 0) return;
  PyTypeObject* type = Py_TYPE(object);
  auto* self = reinterpret_cast<ScandirIterator*>(object);
  self->directory.~Directory();
  self->path.~BasicPath();
  type->tp_free(object);
  release(as_object(type));
}

const PyMethodDef kIteratorMethods[] = {
    METHOD_UNSIGNED("__enter__($self, /)", iterator_enter, nullptr),
    METHOD_UNSIGNED("__exit__($self, /, *args)", iterator_exit, nullptr),
    METHOD_UNSIGNED("close($self, /)", iterator_close, nullptr),
    kEndOfMethods,
};
const PyType_Slot kIteratorSlots[] = {
    {Py_tp_dealloc, (void*)iterator_dealloc},
    {Py_tp_finalize, (void*)slot<iterator_finalize>},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<iterator_next>},
    {Py_tp_methods, (void*)kIteratorMethods},
    {0, nullptr},
};
const PyType_Spec kIteratorSpec = {"posix.ScandirIterator", sizeof(ScandirIterator), 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_FINALIZE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   const_cast<PyType_Slot*>(kIteratorSlots)};

}  // namespace

Ref<> posix_scandir(PyObject* module, AnyPath path) {
  TRY(audit("os.scandir", "O", path.object() ? path.object() : Py_None));
  PyTypeObject* type = state_of(module)->directory_iterator;
  Ref<ScandirIterator> iterator = TRY(Ref<ScandirIterator>::steal(type->tp_alloc(type, 0)));
  new (&iterator->path) BasicPath(std::move(path));
  new (&iterator->directory) Directory();
  iterator->directory_fd = iterator->path.is_fd() ? iterator->path.fd() : -1;
  TRY(iterator->directory.open(iterator->path));
  return iterator;
}

Status add_directory_types(PyObject* module) {
  State* state = state_of(module);
  state->dir_entry = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, const_cast<PyType_Spec*>(&kEntrySpec), nullptr)));
  TRY(status_of(PyModule_AddType(module, state->dir_entry)));
  state->directory_iterator =
      TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, const_cast<PyType_Spec*>(&kIteratorSpec), nullptr)));
  return Status::ok;
}

}  // namespace gill::posix
