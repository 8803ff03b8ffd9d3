// Showing exceptions: PyErr_Print, PyErr_Display and tracebacks.
//
// A traceback entry shows its line of source and marks the range of the instruction that failed, unless
// the range is the whole line.
#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "base/names.h"
#include "capi/config.h"
#include "capi/lifecycle.h"
#include "runtime/thread_state.h"

namespace gill {
namespace {

inline constexpr long kRepeatsShown = 3;
inline constexpr long kDefaultLimit = 1000;

struct Printer {
  PyObject* file;
  Ref<> seen;  // identities of exceptions on the way, against cycles

  Status text(const char* s) { return status_of(PyFile_WriteString(s, file)); }
  Status object(PyObject* o) { return status_of(PyFile_WriteObject(o, file, Py_PRINT_RAW)); }
  template <class... A>
  Status format(const char* f, A... a) {
    Ref<> s = TRY(steal(PyUnicode_FromFormat(f, a...)));
    return object(s.get());
  }
};

// The line of a file, without its indentation and end; null without an exception when it cannot be had.
// `indent` receives the width that was cut.
Ref<> source_line(PyObject* filename, int line, Py_ssize_t* indent) {
  if (!filename || !PyUnicode_Check(filename) || line <= 0) return nullptr;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Ref<> text = steal(PyErr_ProgramTextObject(filename, line));
  if (!text) {
    // Compiled code names files relative to where they were; sys.path may know better.
    PyErr_Clear();
    Ref<> linecache = steal(PyImport_GetModule(name<"linecache">));
    if (linecache) text = steal(PyObject_CallMethod(linecache.get(), "getline", "Oi", filename, line));
    if (!text) PyErr_Clear();
  }
  PyErr_Restore(type, value, traceback);
  if (!text || !PyUnicode_Check(text.get())) return nullptr;
  Py_ssize_t end = PyUnicode_GET_LENGTH(text.get());
  Py_ssize_t start = 0;
  auto blank = [&](Py_ssize_t i) {
    Py_UCS4 c = PyUnicode_READ_CHAR(text.get(), i);
    return c == ' ' || c == '\t' || c == '\f';
  };
  while (start < end && blank(start)) ++start;
  while (end > start && (blank(end - 1) || PyUnicode_READ_CHAR(text.get(), end - 1) == '\n' || PyUnicode_READ_CHAR(text.get(), end - 1) == '\r')) --end;
  *indent = start;
  return steal(PyUnicode_Substring(text.get(), start, end));
}

// Byte columns are UTF-8's; carets count characters.
Py_ssize_t character_column(PyObject* line, Py_ssize_t byte_column) {
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(line, &size);
  if (!utf8) {
    PyErr_Clear();
    return byte_column;
  }
  Py_ssize_t column = 0;
  for (Py_ssize_t i = 0; i < std::min(byte_column, size); ++i) column += (utf8[i] & 0xc0) != 0x80;
  return column;
}

Status write_range(Printer& out, PyObject* line, Py_ssize_t indent, PyCodeObject* code, int instruction, int first_line) {
  int start_line, start_column, end_line, end_column;
  if (!_Py_GetConfig()->code_debug_ranges) return Status::ok;
  if (!PyCode_Addr2Location(code, instruction, &start_line, &start_column, &end_line, &end_column)) return Status::ok;
  if (start_line != first_line || start_column < 0 || end_column < 0) return Status::ok;
  Py_ssize_t length = PyUnicode_GET_LENGTH(line);
  Py_ssize_t start = character_column(line, start_column - indent);
  Py_ssize_t end = end_line == start_line ? character_column(line, end_column - indent) : length;
  start = std::clamp<Py_ssize_t>(start, 0, length);
  end = std::clamp<Py_ssize_t>(end, start, length);
  if (end == start || (start == 0 && end == length)) return Status::ok;
  TRY(out.text("    "));
  for (Py_ssize_t i = 0; i < start; ++i) TRY(out.text(" "));
  for (Py_ssize_t i = start; i < end; ++i) TRY(out.text("^"));
  return out.text("\n");
}

Status write_repeats(Printer& out, long count) {
  count -= kRepeatsShown;
  return out.format(count > 1 ? "  [Previous line repeated %ld more times]\n" : "  [Previous line repeated %ld more time]\n", count);
}

Status write_traceback(Printer& out, PyObject* traceback) {
  if (!traceback || !PyTraceBack_Check(traceback)) return Status::ok;
  long limit = kDefaultLimit;
  if (PyObject* given = PySys_GetObject("tracebacklimit"); given && PyLong_Check(given)) {
    int overflow;
    limit = PyLong_AsLongAndOverflow(given, &overflow);
    if (overflow > 0) limit = LONG_MAX;
    else if (limit <= 0) return Status::ok;
  }
  TRY(out.text("Traceback (most recent call last):\n"));
  auto next = [](PyTracebackObject* tb) { return reinterpret_cast<PyTracebackObject*>(tb->tb_next); };
  auto* tb = reinterpret_cast<PyTracebackObject*>(traceback);
  long depth = 0;
  for (auto* t = tb; t; t = next(t)) ++depth;
  for (; depth > limit; --depth) tb = next(tb);

  PyObject* last_file = nullptr;
  PyObject* last_name = nullptr;
  int last_line = -1;
  long repeats = 0;
  for (; tb; tb = next(tb)) {
    Ref<PyCodeObject> code = steal(PyFrame_GetCode(tb->tb_frame));
    int line = tb->tb_lineno >= 0 ? tb->tb_lineno : PyCode_Addr2Line(code.get(), tb->tb_lasti);
    if (code->co_filename != last_file || code->co_name != last_name || line != last_line) {
      if (repeats > kRepeatsShown) TRY(write_repeats(out, repeats));
      last_file = code->co_filename;
      last_name = code->co_name;
      last_line = line;
      repeats = 0;
    }
    if (++repeats > kRepeatsShown) continue;
    TRY(out.format("  File \"%U\", line %d, in %U\n", code->co_filename, line, code->co_name));
    Py_ssize_t indent = 0;
    Ref<> text = source_line(code->co_filename, line, &indent);
    if (!text) continue;
    TRY(out.format("    %U\n", text.get()));
    TRY(write_range(out, text.get(), indent, code.get(), tb->tb_lasti, line));
    if (PyErr_CheckSignals() < 0) return failure;
  }
  if (repeats > kRepeatsShown) TRY(write_repeats(out, repeats));
  return Status::ok;
}

Ref<> attribute(PyObject* object, const char* which) {
  Ref<> value = steal(PyObject_GetAttrString(object, which));
  if (!value) PyErr_Clear();
  return value && value.get() != Py_None ? std::move(value) : Ref<>();
}

// The place of a syntax error: file, line, text and carets.
Status write_syntax_place(Printer& out, PyObject* value) {
  Ref<> filename = attribute(value, "filename");
  Ref<> lineno = attribute(value, "lineno");
  if (!lineno || !PyLong_Check(lineno.get())) return Status::ok;
  if (filename) TRY(out.format("  File \"%S\", line %S\n", filename.get(), lineno.get()));
  else TRY(out.format("  File \"<string>\", line %S\n", lineno.get()));
  Ref<> text = attribute(value, "text");
  if (!text || !PyUnicode_Check(text.get())) return Status::ok;
  Py_ssize_t end = PyUnicode_GET_LENGTH(text.get()), start = 0;
  auto at = [&](Py_ssize_t i) { return PyUnicode_READ_CHAR(text.get(), i); };
  while (end > 0 && (at(end - 1) == '\n' || at(end - 1) == ' ' || at(end - 1) == '\f')) --end;
  while (start < end && (at(start) == ' ' || at(start) == '\t' || at(start) == '\f')) ++start;
  Ref<> shown = TRY(steal(PyUnicode_Substring(text.get(), start, end)));
  TRY(out.format("    %U\n", shown.get()));
  Ref<> offset_object = attribute(value, "offset");
  if (!offset_object || !PyLong_Check(offset_object.get())) return Status::ok;
  Py_ssize_t offset = PyLong_AsSsize_t(offset_object.get());
  Ref<> end_line = attribute(value, "end_lineno");
  Ref<> end_offset_object = attribute(value, "end_offset");
  Py_ssize_t end_offset = end_offset_object && PyLong_Check(end_offset_object.get()) ? PyLong_AsSsize_t(end_offset_object.get()) : offset;
  PyErr_Clear();
  if (offset < 1) return Status::ok;
  if (end_line && PyLong_Check(end_line.get()) && PyObject_RichCompareBool(end_line.get(), lineno.get(), Py_NE) == 1) end_offset = end + 1;
  if (end_offset <= offset) end_offset = offset + 1;
  Py_ssize_t column = offset - 1 - start;
  if (column < 0) return Status::ok;
  TRY(out.text("    "));
  for (Py_ssize_t i = 0; i < column; ++i) {
    Py_UCS4 c = start + i < end ? at(start + i) : ' ';
    TRY(out.text(c == '\t' ? "\t" : " "));
  }
  for (Py_ssize_t i = offset; i < end_offset; ++i) TRY(out.text("^"));
  return out.text("\n");
}

Status write_name_and_message(Printer& out, PyObject* value) {
  PyObject* type = as_object(Py_TYPE(value));
  Ref<> module = attribute(type, "__module__");
  if (!module || !PyUnicode_Check(module.get())) {
    TRY(out.text("<unknown>."));
  } else if (PyUnicode_CompareWithASCIIString(module.get(), "builtins") != 0 && PyUnicode_CompareWithASCIIString(module.get(), "__main__") != 0) {
    TRY(out.format("%U.", module.get()));
  }
  Ref<> qualified = attribute(type, "__qualname__");
  TRY(qualified ? out.object(qualified.get()) : out.text("<unknown>"));
  Ref<> message;
  if (PyErr_GivenExceptionMatches(type, PyExc_SyntaxError) && PyObject_HasAttrString(value, "print_file_and_line")) {
    message = attribute(value, "msg");
    if (!message) message = steal(PyUnicode_FromString("<no detail available>"));
    else message = steal(PyObject_Str(message.get()));
  } else {
    message = steal(PyObject_Str(value));
  }
  if (!message) {
    PyErr_Clear();
    TRY(out.text(": <exception str() failed>"));
  } else if (PyUnicode_GET_LENGTH(message.get()) > 0) {
    TRY(out.format(": %U", message.get()));
  }
  return out.text("\n");
}

Status write_notes(Printer& out, PyObject* value) {
  Ref<> notes = attribute(value, "__notes__");
  if (!notes) return Status::ok;
  if (!PySequence_Check(notes.get()) || PyUnicode_Check(notes.get()) || PyBytes_Check(notes.get())) {
    Ref<> text = steal(PyObject_Repr(notes.get()));
    if (!text) {
      PyErr_Clear();
      return out.text("<__notes__ repr() failed>\n");
    }
    return out.format("%U\n", text.get());
  }
  Ref<> items = TRY(steal(PySequence_Tuple(notes.get())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i) {
    Ref<> text = steal(PyObject_Str(PyTuple_GET_ITEM(items.get(), i)));
    if (!text) {
      PyErr_Clear();
      TRY(out.text("<note str() failed>\n"));
    } else {
      TRY(out.format("%U\n", text.get()));
    }
  }
  return Status::ok;
}

Status write_exception(Printer& out, PyObject* value) {
  Ref<> traceback = steal(PyException_GetTraceback(value));
  TRY(write_traceback(out, traceback.get()));
  if (PyObject_HasAttrString(value, "print_file_and_line")) TRY(write_syntax_place(out, value));
  TRY(write_name_and_message(out, value));
  return write_notes(out, value);
}

Status write_chain(Printer& out, PyObject* value) {
  if (Py_EnterRecursiveCall(" in print_exception_recursive")) return failure;
  Status status = [&]() -> Status {
    Ref<> id = TRY(steal(PyLong_FromVoidPtr(value)));
    TRY(status_of(PySet_Add(out.seen.get(), id.get())));
    Ref<> cause = steal(PyException_GetCause(value));
    Ref<> context = steal(PyException_GetContext(value));
    bool suppressed = reinterpret_cast<PyBaseExceptionObject*>(value)->suppress_context;
    Ref<> earlier = cause ? cause.new_ref() : suppressed ? Ref<>() : context.new_ref();
    if (earlier) {
      Ref<> earlier_id = TRY(steal(PyLong_FromVoidPtr(earlier.get())));
      if (!TRY(truth_of(PySet_Contains(out.seen.get(), earlier_id.get())))) {
        TRY(write_chain(out, earlier.get()));
        TRY(out.text(cause ? "\nThe above exception was the direct cause of the following exception:\n\n"
                           : "\nDuring handling of the above exception, another exception occurred:\n\n"));
      }
    }
    return write_exception(out, value);
  }();
  Py_LeaveRecursiveCall();
  return status;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

void _PyErr_Display(PyObject* file, PyObject*, PyObject* value, PyObject* traceback) {
  if (!value || !PyExceptionInstance_Check(value)) {
    if (PyFile_WriteString("TypeError: print_exception(): Exception expected for value, ", file) == 0 && value) {
      PyFile_WriteString(Py_TYPE(value)->tp_name, file);
      PyFile_WriteString(" found\n", file);
    }
    return PyErr_Clear();
  }
  if (traceback && PyTraceBack_Check(traceback)) {
    Ref<> own = steal(PyException_GetTraceback(value));
    if (!own) PyException_SetTraceback(value, traceback);
  }
  Printer out{file, steal(PySet_New(nullptr))};
  if (!out.seen || write_chain(out, value) == Status::error) PyErr_Clear();
  Ref<> flushed = steal(PyObject_CallMethodNoArgs(file, name<"flush">));
  if (!flushed) PyErr_Clear();
}
void PyErr_Display(PyObject* type, PyObject* value, PyObject* traceback) {
  Ref<> file = borrow(PySys_GetObject("stderr"));
  if (!file) {
    if (value) _PyObject_Dump(value);
    std::fprintf(stderr, "lost sys.stderr\n");
    return;
  }
  if (file.get() != Py_None) _PyErr_Display(file.get(), type, value, traceback);
}

int PyTraceBack_Print(PyObject* traceback, PyObject* file) {
  if (!traceback) return 0;
  if (!PyTraceBack_Check(traceback)) {
    PyErr_BadInternalCall();
    return -1;
  }
  Printer out{file, nullptr};
  return static_cast<int>(write_traceback(out, traceback));
}

void PyErr_PrintEx(int set_last) {
  if (!PyErr_Occurred()) return;
  if (PyErr_ExceptionMatches(PyExc_SystemExit) && !_Py_GetConfig()->inspect) Py_Exit(system_exit_code());
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref<> own_type = steal(type), own_value = steal(value), own_traceback = traceback ? steal(traceback) : none();
  if (!own_type) return;
  PyException_SetTraceback(own_value.get(), own_traceback.get());
  if (set_last) {
    PySys_SetObject("last_type", own_type.get());
    PySys_SetObject("last_value", own_value.get());
    PySys_SetObject("last_traceback", own_traceback.get());
    PyErr_Clear();
  }
  if (PyErr_GivenExceptionMatches(own_type.get(), PyExc_KeyboardInterrupt)) _Py_UnhandledKeyboardInterrupt = 1;
  Ref<> hook = borrow(PySys_GetObject("excepthook"));
  if (PySys_Audit("sys.excepthook", "OOOO", hook ? hook.get() : Py_None, own_type.get(), own_value.get(), own_traceback.get()) < 0) {
    PyErr_Clear();
    return;
  }
  if (!hook) {
    PySys_WriteStderr("sys.excepthook is missing\n");
    PyErr_Display(own_type.get(), own_value.get(), own_traceback.get());
    return;
  }
  PyObject* stack[] = {own_type.get(), own_value.get(), own_traceback.get()};
  Ref<> result = steal(PyObject_Vectorcall(hook.get(), stack, 3, nullptr));
  if (result) return;
  if (PyErr_ExceptionMatches(PyExc_SystemExit) && !_Py_GetConfig()->inspect) Py_Exit(system_exit_code());
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref<> t = steal(type), v = steal(value), tb = steal(traceback);
  std::fflush(stdout);
  PySys_WriteStderr("Error in sys.excepthook:\n");
  PyErr_Display(t.get(), v.get(), tb.get());
  PySys_WriteStderr("\nOriginal exception was:\n");
  PyErr_Display(own_type.get(), own_value.get(), own_traceback.get());
}
void PyErr_Print(void) { PyErr_PrintEx(1); }
void _PyErr_Print(PyThreadState*) { PyErr_PrintEx(1); }

}  // extern "C"
