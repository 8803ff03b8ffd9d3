// PyFile_*: files as the io module has them, and the printer that works before there is one.
#include <cerrno>
#include <cstdio>
#include <unistd.h>

#include "base/binding.h"
#include "base/names.h"
#include "runtime/runtime.h"

using namespace gill;

extern "C" {

PyObject* PyFile_FromFd(int fd, const char*, const char* mode, int buffering, const char* encoding, const char* errors, const char* newline,
                        int closefd) {
  Ref<> open = TRY(steal(_PyImport_GetModuleAttrString("io", "open")));
  return PyObject_CallFunction(open.get(), "isisssO", fd, mode, buffering, encoding, errors, newline, closefd ? Py_True : Py_False);
}

int PyFile_WriteObject(PyObject* object, PyObject* file, int flags) {
  if (!file) {
    PyErr_SetString(PyExc_TypeError, "writeobject with NULL file");
    return -1;
  }
  Ref<> write = TRY(steal(PyObject_GetAttr(file, name<"write">)));
  Ref<> text = TRY(steal(flags & Py_PRINT_RAW ? PyObject_Str(object) : PyObject_Repr(object)));
  Ref<> result = TRY(steal(PyObject_CallOneArg(write.get(), text.get())));
  return 0;
}
int PyFile_WriteString(const char* text, PyObject* file) {
  if (!file) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "null file for PyFile_WriteString");
    return -1;
  }
  if (PyErr_Occurred()) return -1;
  Ref<> object = TRY(steal(PyUnicode_FromString(text)));
  return PyFile_WriteObject(object.get(), file, Py_PRINT_RAW);
}

PyObject* PyFile_GetLine(PyObject* file, int limit) {
  if (!file) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  Ref<> line = TRY(steal(limit <= 0 ? PyObject_CallMethodNoArgs(file, name<"readline">) : PyObject_CallMethod(file, "readline", "i", limit)));
  bool is_bytes = PyBytes_Check(line.get());
  if (!is_bytes && !PyUnicode_Check(line.get())) return raise(PyExc_TypeError, "object.readline() returned non-string");
  if (limit >= 0) return line.release();
  // A negative limit wants the line without its end, and an error at the end of the file.
  Py_ssize_t length = is_bytes ? PyBytes_GET_SIZE(line.get()) : PyUnicode_GET_LENGTH(line.get());
  if (length == 0) return raise(PyExc_EOFError, "EOF when reading a line");
  bool ends = is_bytes ? PyBytes_AS_STRING(line.get())[length - 1] == '\n' : PyUnicode_READ_CHAR(line.get(), length - 1) == '\n';
  if (!ends) return line.release();
  return is_bytes ? PyBytes_FromStringAndSize(PyBytes_AS_STRING(line.get()), length - 1) : PyUnicode_Substring(line.get(), 0, length - 1);
}

int PyObject_AsFileDescriptor(PyObject* object) {
  Ref<> number;
  if (PyLong_Check(object)) {
    number = borrow(object);
  } else {
    PyObject* found = nullptr;
    if (_PyObject_LookupAttr(object, name<"fileno">, &found) < 0) return -1;
    Ref<> method = steal(found);
    if (!method) return raise(PyExc_TypeError, "argument must be an int, or have a fileno() method.");
    number = TRY(steal(PyObject_CallNoArgs(method.get())));
    if (!PyLong_Check(number.get())) return raise(PyExc_TypeError, "fileno() returned a non-integer");
  }
  int descriptor = _PyLong_AsInt(number.get());
  if (descriptor == -1 && PyErr_Occurred()) return -1;
  if (descriptor < 0) return raise(PyExc_ValueError, "file descriptor cannot be a negative integer (%i)", descriptor);
  return descriptor;
}
int _PyLong_FileDescriptor_Converter(PyObject* object, void* out) {
  int descriptor = PyObject_AsFileDescriptor(object);
  if (descriptor == -1) return 0;
  *static_cast<int*>(out) = descriptor;
  return 1;
}

char* Py_UniversalNewlineFgets(char* buffer, int size, FILE* file, PyObject* object) {
  if (object) {
    errno = ENXIO;
    return nullptr;
  }
  char* out = buffer;
  int c = EOF;
  flockfile(file);
  while (--size > 0 && (c = getc_unlocked(file)) != EOF) {
    if (c == '\r') {
      c = getc_unlocked(file);
      if (c != '\n' && c != EOF) ungetc(c, file);
      c = '\n';
    }
    *out++ = static_cast<char>(c);
    if (c == '\n') break;
  }
  funlockfile(file);
  *out = 0;
  return out == buffer ? nullptr : buffer;
}

// Code to import is opened by the embedding program where it wants to see it first.
int PyFile_SetOpenCodeHook(Py_OpenCodeHookFunction hook, void* data) {
  if (Py_IsInitialized() && PySys_Audit("setopencodehook", nullptr) < 0) return -1;
  if (g_runtime.open_code_hook) {
    if (Py_IsInitialized()) PyErr_SetString(PyExc_SystemError, "failed to change existing open_code hook");
    return -1;
  }
  g_runtime.open_code_hook = hook;
  g_runtime.open_code_hook_data = data;
  return 0;
}
PyObject* PyFile_OpenCodeObject(PyObject* path) {
  if (!PyUnicode_Check(path)) return raise(PyExc_TypeError, "'path' must be 'str', not '%.200s'", Py_TYPE(path)->tp_name);
  if (Py_OpenCodeHookFunction hook = g_runtime.open_code_hook) return hook(path, g_runtime.open_code_hook_data);
  Ref<> open = TRY(steal(_PyImport_GetModuleAttrString("_io", "open")));
  return PyObject_CallFunction(open.get(), "Os", path, "rb");
}
PyObject* PyFile_OpenCode(const char* path) {
  Ref<> text = TRY(steal(PyUnicode_FromString(path)));
  return PyFile_OpenCodeObject(text.get());
}

PyObject* PyOS_FSPath(PyObject* path) {
  if (PyUnicode_Check(path) || PyBytes_Check(path)) return borrow(path).release();
  Ref<> method = borrow(_PyType_Lookup(Py_TYPE(path), name<"__fspath__">));
  if (!method) return raise(PyExc_TypeError, "expected str, bytes or os.PathLike object, not %.200s", Py_TYPE(path)->tp_name);
  Ref<> result = TRY(steal(PyObject_CallOneArg(method.get(), path)));
  if (PyUnicode_Check(result.get()) || PyBytes_Check(result.get())) return result.release();
  return raise(PyExc_TypeError, "expected %.200s.__fspath__() to return str or bytes, not %.200s", Py_TYPE(path)->tp_name, Py_TYPE(result.get())->tp_name);
}

}  // extern "C"
