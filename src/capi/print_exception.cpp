// Showing exceptions: PyErr_Print, PyErr_Display. Tracebacks are print_traceback.cpp's.
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/names.h"
#include "capi/config.h"
#include "capi/exception_printer.h"
#include "capi/lifecycle.h"
#include "runtime/thread_state.h"

namespace gill {
namespace {

constexpr int kWidestGroup = 15;   // exceptions of a group that are shown
constexpr int kDeepestGroup = 10;

using Printer = ExceptionPrinter;

// The place of a syntax error. Absent attributes make the exception an ordinary one.
struct SyntaxPlace {
  Ref<> message, filename, text;
  Py_ssize_t line = 0, offset = -1, end_line = 0, end_offset = -1;
};

// The attribute as a number; `otherwise` for None. False when it is neither.
bool number(PyObject* exception, PyObject* which, Py_ssize_t otherwise, Py_ssize_t* out) {
  Ref<> value = steal(PyObject_GetAttr(exception, which));
  if (!value) return false;
  if (value.get() == Py_None) return *out = otherwise, true;
  *out = PyLong_AsSsize_t(value.get());
  return *out != -1 || !PyErr_Occurred();
}

bool read_syntax_place(PyObject* exception, SyntaxPlace* place) {
  place->message = steal(PyObject_GetAttr(exception, name<"msg">));
  if (!place->message) return false;
  place->filename = steal(PyObject_GetAttr(exception, name<"filename">));
  if (!place->filename) return false;
  if (place->filename.get() == Py_None) place->filename = steal(PyUnicode_FromString("<string>"));
  Ref<> line = steal(PyObject_GetAttr(exception, name<"lineno">));
  if (!line) return false;
  place->line = PyLong_AsSsize_t(line.get());
  if (place->line == -1 && PyErr_Occurred()) return false;
  if (!number(exception, name<"offset">, -1, &place->offset)) return false;
  if (Py_TYPE(exception) == reinterpret_cast<PyTypeObject*>(PyExc_SyntaxError)) {
    if (!number(exception, name<"end_lineno">, place->line, &place->end_line)) return false;
    if (!number(exception, name<"end_offset">, -1, &place->end_offset)) return false;
  } else {
    // Subclasses without them are as old as the hills.
    place->end_line = place->line;
    place->end_offset = -1;
    Py_ssize_t value;
    if (number(exception, name<"end_lineno">, place->line, &value)) place->end_line = value;
    PyErr_Clear();
    if (number(exception, name<"end_offset">, -1, &value)) place->end_offset = value;
    PyErr_Clear();
  }
  place->text = steal(PyObject_GetAttr(exception, name<"text">));
  return static_cast<bool>(place->text);
}

// The text without its indentation, and carets from offset to end_offset; both count from 1. In a group they have no margin.
Status write_error_text(Printer& out, const SyntaxPlace& place) {
  Py_ssize_t size = 0;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(place.text.get(), &size));
  Py_ssize_t offset = place.offset, end_offset = place.end_offset;
  // Of several lines the first is marked to its end.
  if (place.end_line > place.line) end_offset = size;
  if (end_offset > size + 1) end_offset = size + 1;
  Py_ssize_t carets = end_offset > 0 && end_offset > offset ? end_offset - offset : 1;
  --offset;
  while (*text == ' ' || *text == '\t' || *text == '\f') ++text, --offset;
  auto length = static_cast<Py_ssize_t>(std::strlen(text));
  if (length > 0 && text[length - 1] == '\n') --length;
  if (offset > length) offset = length;
  // The line that the offset is in.
  while (const char* end = std::strchr(text, '\n')) {
    Py_ssize_t skipped = end - text;
    if (skipped >= offset) break;
    ++skipped;
    text += skipped;
    length -= skipped;
    offset -= skipped;
  }
  TRY(out.text("    "));
  TRY(out.text(text));
  if (text[length] != '\n') TRY(out.text("\n"));
  if (offset < 0) return Status::ok;
  TRY(out.indented(static_cast<int>(offset) + 4, ""));
  Ref<> marks = TRY(steal(PyUnicode_New(carets, 127)));
  std::memset(PyUnicode_DATA(marks.get()), '^', static_cast<size_t>(carets));
  TRY(out.object(marks.get()));
  return out.text("\n");
}

// Writes file, line and text of a syntax error. The message that then stands for the exception; null, with no exception
// set, when it is none.
Ref<> write_syntax_place(Printer& out, PyObject* exception) {
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(exception, name<"print_file_and_line">, &found) < 0) return nullptr;
  Ref<> wanted = steal(found);
  if (!wanted) return nullptr;
  SyntaxPlace place;
  if (!read_syntax_place(exception, &place)) {
    PyErr_Clear();
    return nullptr;
  }
  TRY(out.margin_text());
  TRY(out.format("  File \"%S\", line %zd\n", place.filename.get(), place.line));
  if (place.text.get() != Py_None) TRY(write_error_text(out, place));
  return std::move(place.message);
}

Status write_type(Printer& out, PyTypeObject* type) {
  Ref<> module = steal(PyObject_GetAttr(as_object(type), name<"__module__">));
  if (!module || !PyUnicode_Check(module.get())) {
    PyErr_Clear();
    TRY(out.text("<unknown>."));
  } else if (PyUnicode_CompareWithASCIIString(module.get(), "builtins") != 0 && PyUnicode_CompareWithASCIIString(module.get(), "__main__") != 0) {
    TRY(out.object(module.get()));
    TRY(out.text("."));
  }
  Ref<> qualified = steal(PyType_GetQualName(type));
  if (qualified && PyUnicode_Check(qualified.get())) return out.object(qualified.get());
  PyErr_Clear();
  return out.text("<unknown>");
}

Status write_message(Printer& out, PyObject* message) {
  if (!message || message == Py_None) return Status::ok;
  Ref<> text = steal(PyObject_Str(message));
  if (!text) {
    PyErr_Clear();
    return out.text(": <exception str() failed>");
  }
  if (PyUnicode_Check(text.get()) && PyUnicode_GET_LENGTH(text.get()) == 0) return Status::ok;
  TRY(out.text(": "));
  return out.object(text.get());
}

Status write_suggestion(Printer& out, PyObject* exception) {
  Ref<> meant = suggestion_for(exception);
  if (!meant) return Status::ok;
  return out.format(". Did you mean: '%U'?", meant.get());
}

Status write_note(Printer& out, PyObject* note) {
  Ref<> text = steal(PyObject_Str(note));
  if (!text) {
    PyErr_Clear();
    TRY(out.margin_text());
    return out.text("<note str() failed>\n");
  }
  Ref<> lines = TRY(steal(PyUnicode_Splitlines(text.get(), true)));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(lines.get()); ++i) {
    TRY(out.margin_text());
    TRY(out.object(PyList_GET_ITEM(lines.get(), i)));
  }
  return out.text("\n");
}

Status write_notes(Printer& out, PyObject* exception) {
  PyObject* found = nullptr;
  if (_PyObject_LookupAttr(exception, name<"__notes__">, &found) < 0) return failure;
  Ref<> notes = steal(found);
  if (!notes) return Status::ok;
  if (!PySequence_Check(notes.get())) {
    TRY(out.margin_text());
    Ref<> text = steal(PyObject_Repr(notes.get()));
    if (!text) PyErr_Clear();
    return text ? out.object(text.get()) : out.text("<__notes__ repr() failed>");
  }
  Py_ssize_t count = PySequence_Length(notes.get());
  if (count < 0) return failure;
  for (Py_ssize_t i = 0; i < count; ++i) {
    Ref<> note = TRY(steal(PySequence_GetItem(notes.get(), i)));
    TRY(write_note(out, note.get()));
  }
  return Status::ok;
}

Status write_own_traceback(Printer& out, PyObject* exception) {
  Ref<> traceback = steal(PyException_GetTraceback(exception));
  if (!traceback) return Status::ok;
  if (!_PyBaseExceptionGroup_Check(exception)) return print_traceback(out, traceback.get(), out.margin(), "Traceback (most recent call last):\n");
  return print_traceback(out, traceback.get(), out.group_depth == 1 ? "+ " : out.margin(), "Exception Group Traceback (most recent call last):\n");
}

Status write_exception(Printer& out, PyObject* exception) {
  if (!PyExceptionInstance_Check(exception)) {
    TRY(out.margin_text());
    TRY(out.text("TypeError: print_exception(): Exception expected for value, "));
    TRY(out.text(Py_TYPE(exception)->tp_name));
    return out.text(" found\n");
  }
  TRY(write_own_traceback(out, exception));
  Ref<> message = write_syntax_place(out, exception);
  if (!message && PyErr_Occurred()) return failure;
  TRY(out.margin_text());
  TRY(write_type(out, Py_TYPE(exception)));
  TRY(write_message(out, message ? message.get() : exception));
  if (!message) TRY(write_suggestion(out, exception));
  TRY(out.text("\n"));
  // Where a message stands for a syntax error, the error's notes are not asked for.
  return write_notes(out, message ? message.get() : exception);
}

Status write_with_causes(Printer& out, PyObject* exception);

// One exception of a group, in a box of its own. A nested group closes the boxes around it too, when it is the last.
Status write_member(Printer& out, PyObject* exceptions, Py_ssize_t i, Py_ssize_t shown) {
  bool last = i == shown - 1;
  if (last) out.needs_closing = true;
  TRY(out.indented(out.indent(), i == 0 ? "+-" : "  "));
  bool cut = i >= kWidestGroup;
  TRY(cut ? out.text("+---------------- ... ----------------\n") : out.format("+---------------- %zd ----------------\n", i + 1));
  ++out.group_depth;
  if (cut) {
    Py_ssize_t remaining = PyTuple_GET_SIZE(exceptions) - kWidestGroup;
    TRY(out.margin_text());
    TRY(out.format(remaining > 1 ? "and %zd more exceptions\n" : "and %zd more exception\n", remaining));
  } else {
    TRY(write_with_causes(out, PyTuple_GET_ITEM(exceptions, i)));
  }
  if (last && out.needs_closing) {
    TRY(out.indented(out.indent(), "+------------------------------------\n"));
    out.needs_closing = false;
  }
  --out.group_depth;
  return Status::ok;
}

Status write_group(Printer& out, PyObject* group) {
  if (out.group_depth > kDeepestGroup) {
    TRY(out.margin_text());
    return out.format("... (max_group_depth is %d)\n", kDeepestGroup);
  }
  bool outermost = out.group_depth == 0;
  if (outermost) ++out.group_depth;
  TRY(write_exception(out, group));
  PyObject* exceptions = reinterpret_cast<PyBaseExceptionGroupObject*>(group)->excs;
  Py_ssize_t count = PyTuple_GET_SIZE(exceptions);
  Py_ssize_t shown = count <= kWidestGroup ? count : kWidestGroup + 1;
  out.needs_closing = false;
  for (Py_ssize_t i = 0; i < shown; ++i) TRY(write_member(out, exceptions, i, shown));
  if (outermost) --out.group_depth;
  return Status::ok;
}

Status write_earlier(Printer& out, PyObject* earlier, const char* message) {
  bool needs_closing = out.needs_closing;
  Status status = write_with_causes(out, earlier);
  out.needs_closing = needs_closing;
  TRY(status);
  for (const char* line : {"\n", message, "\n"}) {
    TRY(out.margin_text());
    TRY(out.text(line));
  }
  return Status::ok;
}

// Whether the exception was not met yet; then it is now.
Maybe<bool> enter(Printer& out, PyObject* exception, bool add) {
  Ref<> id = TRY(steal(PyLong_FromVoidPtr(exception)));
  if (add) TRY(status_of(PySet_Add(out.seen.get(), id.get())));
  if (add) return true;
  bool known = TRY(truth_of(PySet_Contains(out.seen.get(), id.get())));
  return !known;
}

Status write_causes(Printer& out, PyObject* exception) {
  if (!out.seen || !PyExceptionInstance_Check(exception)) return Status::ok;
  (void)TRY(enter(out, exception, true));
  Ref<> cause = steal(PyException_GetCause(exception));
  if (cause) {
    if (!TRY(enter(out, cause.get(), false))) return Status::ok;
    return write_earlier(out, cause.get(), "The above exception was the direct cause of the following exception:\n");
  }
  Ref<> context = steal(PyException_GetContext(exception));
  if (!context || reinterpret_cast<PyBaseExceptionObject*>(exception)->suppress_context) return Status::ok;
  if (!TRY(enter(out, context.get(), false))) return Status::ok;
  return write_earlier(out, context.get(), "During handling of the above exception, another exception occurred:\n");
}

Status write_with_causes(Printer& out, PyObject* exception) {
  if (Py_EnterRecursiveCall(" in print_exception_recursive")) return failure;
  Status status = write_causes(out, exception);
  if (status == Status::ok) status = _PyBaseExceptionGroup_Check(exception) ? write_group(out, exception) : write_exception(out, exception);
  Py_LeaveRecursiveCall();
  return status;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

[[gnu::visibility("default")]] void _PyErr_Display(PyObject* file, PyObject*, PyObject* value, PyObject* traceback) {
  if (PyExceptionInstance_Check(value) && traceback && PyTraceBack_Check(traceback)) {
    Ref<> own = steal(PyException_GetTraceback(value));
    if (!own) PyException_SetTraceback(value, traceback);
  }
  ExceptionPrinter out{file, steal(PySet_New(nullptr))};
  if (!out.seen) PyErr_Clear();
  if (write_with_causes(out, value) == Status::error) {
    PyErr_Clear();
    _PyObject_Dump(value);
    std::fprintf(stderr, "lost sys.stderr\n");
  }
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
[[gnu::visibility("default")]] void _PyErr_Print(PyThreadState*) { PyErr_PrintEx(1); }

}  // extern "C"
