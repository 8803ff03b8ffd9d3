// The `_stat` module: what the bits of st_mode mean.
#include <sys/stat.h>

#include "base/binding.h"

namespace gill {
namespace {

// Doors, event ports and whiteouts are other systems' kinds of file.
constexpr mode_t kNoSuchKind = static_cast<mode_t>(-1);

Maybe<mode_t> read_mode(PyObject* value) {
  unsigned long number = PyLong_AsUnsignedLong(value);
  if (number == static_cast<unsigned long>(-1) && PyErr_Occurred()) {
    if (PyLong_Check(value) && _PyLong_Sign(value) < 0) PyErr_SetString(PyExc_OverflowError, "can't convert negative value to unsigned int");
    return failure;
  }
  auto mode = static_cast<mode_t>(number);
  if (mode != number) return raise(PyExc_OverflowError, "mode out of range");
  return mode;
}

template <mode_t Kind>
PyObject* is_kind(PyObject*, PyObject* value) {
  Maybe<mode_t> mode = read_mode(value);
  return mode ? py_bool((mode.value() & S_IFMT) == Kind).release() : nullptr;
}
PyObject* permission_bits(PyObject*, PyObject* value) {
  Maybe<mode_t> mode = read_mode(value);
  return mode ? PyLong_FromUnsignedLong(mode.value() & 07777) : nullptr;
}
PyObject* kind_bits(PyObject*, PyObject* value) {
  Maybe<mode_t> mode = read_mode(value);
  return mode ? PyLong_FromUnsignedLong(mode.value() & S_IFMT) : nullptr;
}

char kind_character(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return '-';
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    case S_IFBLK: return 'b';
    case S_IFCHR: return 'c';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    default: return '?';
  }
}

// "-rwxr-xr-x"; set-id and sticky bits show in the place of the execution bits.
PyObject* file_mode(PyObject*, PyObject* value) {
  Maybe<mode_t> given = read_mode(value);
  if (!given) return nullptr;
  mode_t mode = given.value();
  char text[11] = {kind_character(mode)};
  for (int i = 0; i < 9; ++i) text[i + 1] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
  if (mode & S_ISUID) text[3] = mode & S_IXUSR ? 's' : 'S';
  if (mode & S_ISGID) text[6] = mode & S_IXGRP ? 's' : 'S';
  if (mode & S_ISVTX) text[9] = mode & S_IXOTH ? 't' : 'T';
  return PyUnicode_FromString(text);
}

const PyMethodDef kMethods[] = {
    {"S_ISDIR", is_kind<S_IFDIR>, METH_O, "S_ISDIR(mode) -> bool\n\nReturn True if mode is from a directory."},
    {"S_ISCHR", is_kind<S_IFCHR>, METH_O, "S_ISCHR(mode) -> bool\n\nReturn True if mode is from a character special device file."},
    {"S_ISBLK", is_kind<S_IFBLK>, METH_O, "S_ISBLK(mode) -> bool\n\nReturn True if mode is from a block special device file."},
    {"S_ISREG", is_kind<S_IFREG>, METH_O, "S_ISREG(mode) -> bool\n\nReturn True if mode is from a regular file."},
    {"S_ISFIFO", is_kind<S_IFIFO>, METH_O, "S_ISFIFO(mode) -> bool\n\nReturn True if mode is from a FIFO (named pipe)."},
    {"S_ISLNK", is_kind<S_IFLNK>, METH_O, "S_ISLNK(mode) -> bool\n\nReturn True if mode is from a symbolic link."},
    {"S_ISSOCK", is_kind<S_IFSOCK>, METH_O, "S_ISSOCK(mode) -> bool\n\nReturn True if mode is from a socket."},
    {"S_ISDOOR", is_kind<kNoSuchKind>, METH_O, "S_ISDOOR(mode) -> bool\n\nReturn True if mode is from a door."},
    {"S_ISPORT", is_kind<kNoSuchKind>, METH_O, "S_ISPORT(mode) -> bool\n\nReturn True if mode is from an event port."},
    {"S_ISWHT", is_kind<kNoSuchKind>, METH_O, "S_ISWHT(mode) -> bool\n\nReturn True if mode is from a whiteout."},
    {"S_IMODE", permission_bits, METH_O, "Return the portion of the file's mode that can be set by os.chmod()."},
    {"S_IFMT", kind_bits, METH_O, "Return the portion of the file's mode that describes the file type."},
    {"filemode", file_mode, METH_O, "Convert a file's mode to a string of the form '-rwxrwxrwx'"},
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
// The flags of st_flags are those of BSD.
const Constant kConstants[] = {
    {"SF_APPEND", 0x40000}, {"SF_ARCHIVED", 0x10000}, {"SF_IMMUTABLE", 0x20000}, {"SF_NOUNLINK", 0x100000}, {"SF_SNAPSHOT", 0x200000},
    {"ST_ATIME", 7}, {"ST_CTIME", 9}, {"ST_DEV", 2}, {"ST_GID", 5}, {"ST_INO", 1}, {"ST_MODE", 0}, {"ST_MTIME", 8}, {"ST_NLINK", 3},
    {"ST_SIZE", 6}, {"ST_UID", 4}, {"S_ENFMT", S_ISGID}, {"S_IEXEC", S_IEXEC}, {"S_IFBLK", S_IFBLK}, {"S_IFCHR", S_IFCHR},
    {"S_IFDIR", S_IFDIR}, {"S_IFDOOR", 0}, {"S_IFIFO", S_IFIFO}, {"S_IFLNK", S_IFLNK}, {"S_IFPORT", 0}, {"S_IFREG", S_IFREG},
    {"S_IFSOCK", S_IFSOCK}, {"S_IFWHT", 0}, {"S_IREAD", S_IREAD}, {"S_IRGRP", S_IRGRP}, {"S_IROTH", S_IROTH}, {"S_IRUSR", S_IRUSR},
    {"S_IRWXG", S_IRWXG}, {"S_IRWXO", S_IRWXO}, {"S_IRWXU", S_IRWXU}, {"S_ISGID", S_ISGID}, {"S_ISUID", S_ISUID}, {"S_ISVTX", S_ISVTX},
    {"S_IWGRP", S_IWGRP}, {"S_IWOTH", S_IWOTH}, {"S_IWRITE", S_IWRITE}, {"S_IWUSR", S_IWUSR}, {"S_IXGRP", S_IXGRP}, {"S_IXOTH", S_IXOTH},
    {"S_IXUSR", S_IXUSR}, {"UF_APPEND", 0x4}, {"UF_COMPRESSED", 0x20}, {"UF_HIDDEN", 0x8000}, {"UF_IMMUTABLE", 0x2}, {"UF_NODUMP", 0x1},
    {"UF_NOUNLINK", 0x10}, {"UF_OPAQUE", 0x8},
};

int execute(PyObject* module) {
  for (const Constant& each : kConstants) TRY(status_of(PyModule_AddIntConstant(module, each.name, each.value)));
  return 0;
}
const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, (void*)execute}, {0, nullptr}};

constexpr const char* kDoc =
    "S_IFMT_: file type bits\n"
    "S_IFDIR: directory\n"
    "S_IFCHR: character device\n"
    "S_IFBLK: block device\n"
    "S_IFREG: regular file\n"
    "S_IFIFO: fifo (named pipe)\n"
    "S_IFLNK: symbolic link\n"
    "S_IFSOCK: socket file\n"
    "S_IFDOOR: door\n"
    "S_IFPORT: event port\n"
    "S_IFWHT: whiteout\n"
    "\n"
    "S_ISUID: set UID bit\n"
    "S_ISGID: set GID bit\n"
    "S_ENFMT: file locking enforcement\n"
    "S_ISVTX: sticky bit\n"
    "S_IREAD: Unix V7 synonym for S_IRUSR\n"
    "S_IWRITE: Unix V7 synonym for S_IWUSR\n"
    "S_IEXEC: Unix V7 synonym for S_IXUSR\n"
    "S_IRWXU: mask for owner permissions\n"
    "S_IRUSR: read by owner\n"
    "S_IWUSR: write by owner\n"
    "S_IXUSR: execute by owner\n"
    "S_IRWXG: mask for group permissions\n"
    "S_IRGRP: read by group\n"
    "S_IWGRP: write by group\n"
    "S_IXGRP: execute by group\n"
    "S_IRWXO: mask for others (not in group) permissions\n"
    "S_IROTH: read by others\n"
    "S_IWOTH: write by others\n"
    "S_IXOTH: execute by others\n"
    "\n"
    "UF_NODUMP: do not dump file\n"
    "UF_IMMUTABLE: file may not be changed\n"
    "UF_APPEND: file may only be appended to\n"
    "UF_OPAQUE: directory is opaque when viewed through a union stack\n"
    "UF_NOUNLINK: file may not be renamed or deleted\n"
    "UF_COMPRESSED: OS X: file is hfs-compressed\n"
    "UF_HIDDEN: OS X: file should not be displayed\n"
    "SF_ARCHIVED: file may be archived\n"
    "SF_IMMUTABLE: file may not be changed\n"
    "SF_APPEND: file may only be appended to\n"
    "SF_NOUNLINK: file may not be renamed or deleted\n"
    "SF_SNAPSHOT: file is a snapshot file\n"
    "\n"
    "ST_MODE\n"
    "ST_INO\n"
    "ST_DEV\n"
    "ST_NLINK\n"
    "ST_UID\n"
    "ST_GID\n"
    "ST_SIZE\n"
    "ST_ATIME\n"
    "ST_MTIME\n"
    "ST_CTIME\n"
    "\n"
    "FILE_ATTRIBUTE_*: Windows file attribute constants\n"
    "                   (only present on Windows)\n"
    "";

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_stat",
    .m_doc = kDoc,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace
}  // namespace gill

PyMODINIT_FUNC PyInit__stat() { return PyModuleDef_Init(&gill::definition); }

namespace gill {
GILL_BUILTIN_MODULE("_stat", PyInit__stat);
}  // namespace gill
