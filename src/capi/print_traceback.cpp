// Printing tracebacks: the entries, their lines of source, and the marks under what failed.
//
//     File "x.py", line 3, in f
//       return a["key"] + b
//              ~^^^^^^^
//
// The marks cover the range of the instruction. In an operation or a subscript they tell the operator or the
// key (^) from what it is applied to (~), which is found out by parsing the range again.
#include <algorithm>
#include <climits>
#include <cstring>

#include "base/keep_error.h"
#include "base/names.h"
#include "capi/exception_printer.h"
#include "runtime/interpreter.h"
#include "syntax/ast_nodes.h"
#include "syntax/parse.h"

namespace gill {
namespace {

constexpr long kRepeatsShown = 3;
constexpr long kDefaultLimit = 1000;
constexpr int kSourceIndent = 4;

bool is_blank(Py_UCS4 c) { return c == ' ' || c == '\t' || c == '\f'; }

// The name of the file below one of the directories of sys.path: code that was compiled elsewhere names its
// file relative to where that was.
Ref<> open_along_path(PyObject* io, PyObject* filename) {
  Py_ssize_t length = PyUnicode_GET_LENGTH(filename);
  Py_ssize_t slash = PyUnicode_FindChar(filename, '/', 0, length, -1);
  Ref<> tail = steal(PyUnicode_Substring(filename, slash + 1, length));
  Ref<> path = borrow(PySys_GetObject("path"));
  if (!tail || !path || !PyList_Check(path.get())) return nullptr;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(path.get()); ++i) {
    PyObject* directory = PyList_GET_ITEM(path.get(), i);
    if (!PyUnicode_Check(directory)) continue;
    Py_ssize_t size = PyUnicode_GET_LENGTH(directory);
    bool ends = size > 0 && PyUnicode_READ_CHAR(directory, size - 1) == '/';
    Ref<> candidate = steal(PyUnicode_FromFormat(size > 0 && !ends ? "%U/%U" : "%U%U", directory, tail.get()));
    Ref<> file = candidate ? steal(PyObject_CallMethod(io, "open", "Os", candidate.get(), "rb")) : Ref<>();
    if (file) return file;
    PyErr_Clear();
  }
  return nullptr;
}

// The encoding that the first two lines of a source file name; UTF-8 otherwise.
const char* cookie(const char* line, Py_ssize_t size, char* out, size_t room) {
  const char* end = line + size;
  const char* at = line;
  while (at < end && is_blank(static_cast<unsigned char>(*at))) ++at;
  if (at == end || *at != '#') return nullptr;
  for (; at + 7 < end; ++at) {
    if (std::strncmp(at, "coding", 6) != 0 || (at[6] != ':' && at[6] != '=')) continue;
    at += 7;
    while (at < end && (*at == ' ' || *at == '\t')) ++at;
    size_t n = 0;
    while (at < end && n + 1 < room && (Py_ISALNUM(*at) || *at == '-' || *at == '_' || *at == '.')) out[n++] = *at++;
    out[n] = 0;
    return n ? out : nullptr;
  }
  return nullptr;
}

// Reads the line from an open binary file.
Ref<> read_line(PyObject* file, int number) {
  char encoding[64] = "utf-8";
  Ref<> line;
  bool may_name_coding = true;
  for (int i = 1; i <= number; ++i) {
    line = steal(PyFile_GetLine(file, 0));
    if (!line || !PyBytes_Check(line.get()) || PyBytes_GET_SIZE(line.get()) == 0) return nullptr;
    if (i > 2 || !may_name_coding) continue;
    const char* text = PyBytes_AS_STRING(line.get());
    Py_ssize_t size = PyBytes_GET_SIZE(line.get());
    char found[64];
    if (cookie(text, size, found, sizeof(found))) {
      std::strcpy(encoding, found);
      may_name_coding = false;
    } else {
      // Code in the first line ends the search.
      Py_ssize_t k = 0;
      while (k < size && is_blank(static_cast<unsigned char>(text[k]))) ++k;
      may_name_coding = k == size || text[k] == '#' || text[k] == '\n' || text[k] == '\r';
    }
  }
  const char* text = PyBytes_AS_STRING(line.get());
  Py_ssize_t size = PyBytes_GET_SIZE(line.get());
  while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) --size;
  if (number == 1 && size >= 3 && std::memcmp(text, "\xef\xbb\xbf", 3) == 0) {
    text += 3;
    size -= 3;
  }
  return steal(PyUnicode_Decode(text, size, encoding, "replace"));
}

// Byte columns are those of UTF-8.
Py_ssize_t character_offset(PyObject* line, Py_ssize_t byte_offset) {
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(line, &size);
  if (!utf8) {
    PyErr_Clear();
    return byte_offset;
  }
  Py_ssize_t column = 0;
  for (Py_ssize_t i = 0; i < std::min(byte_offset, size); ++i) column += (utf8[i] & 0xc0) != 0x80;
  return column + std::max<Py_ssize_t>(byte_offset - size, 0);
}

// The part of a range that is marked with ^, in characters of the line; -1 where all of it is.
struct Anchors {
  Py_ssize_t left = -1;
  Py_ssize_t right = -1;
};

// Warnings of the parser name `filename`.
Anchors find_anchors(PyObject* filename, PyObject* line, Py_ssize_t start, Py_ssize_t end) {
  KeepError keep;
  Anchors found;
  Ref<> segment = steal(PyUnicode_Substring(line, start, end));
  Py_ssize_t size = 0;
  const char* text = segment ? PyUnicode_AsUTF8AndSize(segment.get(), &size) : nullptr;
  if (!text) {
    PyErr_Clear();
    return found;
  }
  ast::Arena arena;
  PyCompilerFlags flags = {.cf_flags = PyCF_SOURCE_IS_UTF8, .cf_feature_version = PY_MINOR_VERSION};
  ast::Mod* tree = ast::parse_string(arena, text, static_cast<size_t>(size), filename, ast::Mode::file, &flags);
  if (!tree) {
    PyErr_Clear();
    return found;
  }
  const auto& body = static_cast<ast::Module*>(tree)->body;
  if (body.size() != 1 || body[0]->kind != ast::StmtKind::Expr) return found;
  const ast::Expr* expression = static_cast<ast::ExprStmt*>(body[0])->value;
  Py_ssize_t left = -1, right = -1;
  if (expression->kind == ast::ExprKind::BinOp) {
    auto* operation = static_cast<const ast::BinOp*>(expression);
    Py_ssize_t limit = operation->right->col_offset;
    for (Py_ssize_t i = operation->left->end_col_offset; i < limit; ++i) {
      if (is_blank(static_cast<unsigned char>(text[i]))) continue;
      left = i;
      right = i + 1;
      // An operator of two characters, like //.
      if (i + 1 < limit && !is_blank(static_cast<unsigned char>(text[i + 1]))) ++right;
      break;
    }
  } else if (expression->kind == ast::ExprKind::Subscript) {
    auto* subscript = static_cast<const ast::Subscript*>(expression);
    left = subscript->value->end_col_offset;
    right = subscript->slice->end_col_offset + 1;
  }
  if (left < 0) return found;
  found.left = start + character_offset(segment.get(), left);
  found.right = start + character_offset(segment.get(), right);
  return found;
}

Status print_marks(ExceptionPrinter& out, PyObject* line, Py_ssize_t blanks, PyCodeObject* code, int instruction) {
  if (!_Py_GetConfig()->code_debug_ranges) return Status::ok;
  int start_line, start_byte, end_line, end_byte;
  if (!PyCode_Addr2Location(code, instruction, &start_line, &start_byte, &end_line, &end_byte)) return Status::ok;
  if (start_line < 0 || end_line < 0 || start_byte < 0 || end_byte < 0) return Status::ok;
  Py_ssize_t start = character_offset(line, start_byte);
  Py_ssize_t end = character_offset(line, end_byte);
  Py_ssize_t length = PyUnicode_GET_LENGTH(line);
  Anchors anchors;
  if (start_line == end_line) {
    anchors = find_anchors(code->co_filename, line, start, end);
  } else {
    // Of several lines the first is shown: to its last visible character. compat: blanks are looked for among the line's bytes, at
    // the places of its characters.
    const char* bytes = PyUnicode_AsUTF8(line);
    if (!bytes) return Status::error;
    end = length;
    while (end > 0 && is_blank(static_cast<unsigned char>(bytes[end - 1]))) --end;
  }
  bool anchored = anchors.left != -1;
  // Marks under the whole line say nothing.
  if (end - start == length - blanks && !anchored) return Status::ok;
  Py_ssize_t first = blanks - kSourceIndent;
  Py_ssize_t width = end - first;
  if (width <= 0) {
    TRY(out.margin_text());
    return out.text("\n");
  }
  Ref<> marks = TRY(steal(PyUnicode_New(width, 127)));
  auto* text = static_cast<char*>(PyUnicode_DATA(marks.get()));
  for (Py_ssize_t column = first + 1; column <= end; ++column) {
    char mark = '^';
    if (column <= start) mark = ' ';
    else if (anchored && !(anchors.left < column && column <= anchors.right)) mark = '~';
    text[column - first - 1] = mark;
  }
  TRY(out.margin_text());
  TRY(out.object(marks.get()));
  return out.text("\n");
}

Status print_source(ExceptionPrinter& out, PyCodeObject* code, int line_number, int instruction) {
  Ref<> line = find_source_line(code->co_filename, line_number);
  if (!line) return Status::ok;
  Py_ssize_t length = PyUnicode_GET_LENGTH(line.get()), blanks = 0;
  while (blanks < length && is_blank(PyUnicode_READ_CHAR(line.get(), blanks))) ++blanks;
  Ref<> shown = TRY(steal(PyUnicode_Substring(line.get(), blanks, length)));
  TRY(out.margin_text());
  TRY(out.format("    %U\n", shown.get()));
  return print_marks(out, line.get(), blanks, code, instruction);
}

Status print_repeats(ExceptionPrinter& out, long count) {
  count -= kRepeatsShown;
  // Without the margin of a group, as in the reference.
  return out.format(count > 1 ? "  [Previous line repeated %ld more times]\n" : "  [Previous line repeated %ld more time]\n", count);
}

PyTracebackObject* next(PyTracebackObject* entry) { return reinterpret_cast<PyTracebackObject*>(entry->tb_next); }

Status print_entries(ExceptionPrinter& out, PyTracebackObject* entry, long limit) {
  long depth = 0;
  for (auto* t = entry; t; t = next(t)) ++depth;
  for (; depth > limit; --depth) entry = next(entry);
  PyObject* last_file = nullptr;
  PyObject* last_name = nullptr;
  int last_line = -1;
  long repeats = 0;
  for (; entry; entry = next(entry)) {
    Ref<PyCodeObject> code = steal(PyFrame_GetCode(entry->tb_frame));
    int line = entry->tb_lineno != -1 ? entry->tb_lineno : PyCode_Addr2Line(code.get(), entry->tb_lasti);
    if (code->co_filename != last_file || line != last_line || code->co_name != last_name) {
      if (repeats > kRepeatsShown) TRY(print_repeats(out, repeats));
      last_file = code->co_filename;
      last_line = line;
      last_name = code->co_name;
      repeats = 0;
    }
    if (++repeats > kRepeatsShown) continue;
    TRY(out.margin_text());
    TRY(out.format("  File \"%U\", line %d, in %U\n", code->co_filename, line, code->co_name));
    // A line that cannot be shown is left out; what was interrupted is not.
    if (print_source(out, code.get(), line, entry->tb_lasti) == Status::error) {
      if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) return failure;
      PyErr_Clear();
    }
    TRY(status_of(PyErr_CheckSignals()));
  }
  return repeats > kRepeatsShown ? print_repeats(out, repeats) : Status::ok;
}

}  // namespace

Ref<> find_source_line(PyObject* filename, int line) {
  if (!filename || !PyUnicode_Check(filename) || line <= 0) return nullptr;
  // Names like <string> are no files.
  Py_ssize_t length = PyUnicode_GET_LENGTH(filename);
  if (length >= 2 && PyUnicode_READ_CHAR(filename, 0) == '<' && PyUnicode_READ_CHAR(filename, length - 1) == '>') return nullptr;
  KeepError keep;
  Ref<> result;
  Ref<> io = steal(PyImport_ImportModule("io"));
  Ref<> file = io ? steal(PyObject_CallMethod(io.get(), "open", "Os", filename, "rb")) : Ref<>();
  if (io && !file) {
    PyErr_Clear();
    file = open_along_path(io.get(), filename);
  }
  if (file) {
    result = read_line(file.get(), line);
    PyErr_Clear();
    Ref<> closed = steal(PyObject_CallMethod(file.get(), "close", nullptr));
  }
  PyErr_Clear();
  return result;
}

Status print_traceback(ExceptionPrinter& out, PyObject* traceback, const char* header_margin, const char* header) {
  if (!traceback) return Status::ok;
  long limit = kDefaultLimit;
  if (PyObject* given = PySys_GetObject("tracebacklimit"); given && PyLong_Check(given)) {
    int overflow;
    limit = PyLong_AsLongAndOverflow(given, &overflow);
    if (overflow > 0) limit = LONG_MAX;
    else if (limit <= 0) return Status::ok;
  }
  TRY(out.indented(out.indent(), header_margin));
  TRY(out.text(header));
  return print_entries(out, reinterpret_cast<PyTracebackObject*>(traceback), limit);
}

}  // namespace gill

using namespace gill;

extern "C" {

int PyTraceBack_Print(PyObject* traceback, PyObject* file) {
  if (!traceback) return 0;
  if (!PyTraceBack_Check(traceback)) {
    PyErr_BadInternalCall();
    return -1;
  }
  ExceptionPrinter out{file, nullptr};
  return static_cast<int>(print_traceback(out, traceback, "", "Traceback (most recent call last):\n"));
}

[[gnu::visibility("default")]] int _Py_WriteIndent(int width, PyObject* file) {
  ExceptionPrinter out{file, nullptr};
  return static_cast<int>(out.indented(width, ""));
}
[[gnu::visibility("default")]] int _Py_WriteIndentedMargin(int width, const char* margin, PyObject* file) {
  ExceptionPrinter out{file, nullptr};
  return static_cast<int>(out.indented(width, margin));
}

// A line of source behind so many spaces; it is handed out too, and how much of its own indentation was cut.
int _Py_DisplaySourceLine(PyObject* file, PyObject* filename, int line, int indent, int* truncation, PyObject** text) {
  Ref<> source = find_source_line(filename, line);
  if (!source) return -1;
  Py_ssize_t length = PyUnicode_GET_LENGTH(source.get()), blanks = 0;
  while (blanks < length && is_blank(PyUnicode_READ_CHAR(source.get(), blanks))) ++blanks;
  if (text) *text = source.new_ref().release();
  if (truncation) *truncation = static_cast<int>(blanks) - indent;
  ExceptionPrinter out{file, nullptr};
  Ref<> shown = TRY(steal(PyUnicode_Substring(source.get(), blanks, length)));
  TRY(out.indented(indent, ""));
  TRY(out.object(shown.get()));
  return static_cast<int>(out.text("\n"));
}

}  // extern "C"
