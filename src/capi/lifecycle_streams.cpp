// sys.stdin, sys.stdout and sys.stderr.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/names.h"
#include "capi/lifecycle.h"

namespace gill {
namespace {

// Opens a standard descriptor as text; None when it is closed.
Ref<> open_stream(PyObject* io, const PyConfig* config, int descriptor, bool writable, const char* shown, const wchar_t* errors) {
  if (fcntl(descriptor, F_GETFD) < 0) return none();
  bool buffered = config->buffered_stdio || !writable;
  Ref<> raw_or_buffer = steal(PyObject_CallMethod(io, "open", "isiOOOO", descriptor, writable ? "wb" : "rb", buffered ? -1 : 0, Py_None, Py_None, Py_None,
                                                  Py_False));
  if (!raw_or_buffer) {
    // A directory, or a descriptor that was closed meanwhile.
    if (PyErr_ExceptionMatches(PyExc_OSError)) {
      PyErr_Clear();
      return none();
    }
    return failure;
  }
  Ref<> raw = buffered ? TRY(steal(PyObject_GetAttrString(raw_or_buffer.get(), "raw"))) : raw_or_buffer.new_ref();
  Ref<> text = TRY(steal(PyUnicode_FromString(shown)));
  TRY(status_of(PyObject_SetAttr(raw.get(), name<"name">, text.get())));
  Ref<> is_terminal = TRY(steal(PyObject_CallMethodNoArgs(raw.get(), name<"isatty">)));
  bool terminal = TRY(truth_of(PyObject_IsTrue(is_terminal.get())));
  bool write_through = !buffered;
  bool line_buffering = config->buffered_stdio && (terminal || descriptor == STDERR_FILENO);
  Ref<> encoding = TRY(steal(PyUnicode_FromWideChar(config->stdio_encoding, -1)));
  Ref<> error_handler = TRY(steal(PyUnicode_FromWideChar(errors, -1)));
  Ref<> wrapper = TRY(steal(PyObject_GetAttrString(io, "TextIOWrapper")));
  Ref<> stream = TRY(steal(PyObject_CallFunction(wrapper.get(), "OOOsOO", raw_or_buffer.get(), encoding.get(), error_handler.get(), "\n",
                                                 line_buffering ? Py_True : Py_False, write_through ? Py_True : Py_False)));
  Ref<> mode = TRY(steal(PyUnicode_FromString(writable ? "w" : "r")));
  TRY(status_of(PyObject_SetAttr(stream.get(), name<"mode">, mode.get())));
  return stream;
}

Status install(const char* attribute, Ref<> stream) {
  if (!stream) return failure;
  char original[16];
  std::snprintf(original, sizeof(original), "__%s__", attribute);
  TRY(status_of(PySys_SetObject(original, stream.get())));
  return status_of(PySys_SetObject(attribute, stream.get()));
}

int flush(PyObject* stream, bool report) {
  if (!stream || stream == Py_None) return 0;
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(stream, name<"closed">, &found) < 0) PyErr_Clear();
  Ref<> closed = steal(found);
  if (closed && PyObject_IsTrue(closed.get()) == 1) return 0;
  Ref<> done = steal(PyObject_CallMethodNoArgs(stream, name<"flush">));
  if (done) return 0;
  if (report) PyErr_WriteUnraisable(stream);
  else PyErr_Clear();
  return -1;
}

}  // namespace

bool stdin_is_directory() {
  struct stat info;
  return fstat(STDIN_FILENO, &info) == 0 && S_ISDIR(info.st_mode);
}

Status create_standard_streams(const PyConfig* config) {
  Ref<> io = TRY(steal(PyImport_ImportModule("io")));
  TRY(install("stdin", open_stream(io.get(), config, STDIN_FILENO, false, "<stdin>", config->stdio_errors)));
  TRY(install("stdout", open_stream(io.get(), config, STDOUT_FILENO, true, "<stdout>", config->stdio_errors)));
  return install("stderr", open_stream(io.get(), config, STDERR_FILENO, true, "<stderr>", L"backslashreplace"));
}

void configure_c_streams(const PyConfig* config) {
  if (!config->buffered_stdio) {
    for (FILE* stream : {stdin, stdout, stderr}) std::setvbuf(stream, nullptr, _IONBF, BUFSIZ);
  } else if (config->interactive) {
    std::setvbuf(stdin, nullptr, _IOLBF, BUFSIZ);
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  }
}

int flush_standard_streams() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  int result = flush(PySys_GetObject("stdout"), true);
  if (flush(PySys_GetObject("stderr"), false) < 0) result = -1;
  PyErr_Restore(type, value, traceback);
  return result;
}

}  // namespace gill
