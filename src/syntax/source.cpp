// See source.h.
#include "syntax/source.h"

#include <climits>
#include <cstring>
#include <string_view>

namespace gill::ast {
namespace {


// The encoding that a cookie in a comment names (PEP 263), in the spelling that codecs are compared in.
// `blank` tells whether the line holds nothing but space and comments, so that the next may have the cookie.
bool find_cookie(std::string_view line, char (&cookie)[kMaxCookie], bool& blank) {
  size_t i = 0;
  while (i < line.size() && (line[i] == ' ' || line[i] == '\t' || line[i] == '\014')) ++i;
  blank = i == line.size() || line[i] == '#' || line[i] == '\n' || line[i] == '\r';
  if (i == line.size() || line[i] != '#') return false;
  for (; i + 6 < line.size(); ++i) {
    if (line.compare(i, 6, "coding") != 0) continue;
    size_t at = i + 6;
    if (line[at] != ':' && line[at] != '=') continue;
    do ++at;
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t'));
    size_t begin = at;
    while (at < line.size() && (Py_ISALNUM(line[at]) || line[at] == '-' || line[at] == '_' || line[at] == '.')) ++at;
    size_t size = at - begin;
    if (size == 0 || size >= kMaxCookie) continue;
    std::memcpy(cookie, line.data() + begin, size);
    cookie[size] = 0;
    return true;
  }
  return false;
}

// The common spellings of UTF-8 and Latin-1 need no search.
const char* normal_name(const char* encoding) {
  char text[13];
  size_t n = 0;
  for (; n < 12 && encoding[n]; ++n) text[n] = encoding[n] == '_' ? '-' : static_cast<char>(Py_TOLOWER(encoding[n]));
  text[n] = 0;
  std::string_view name = text;
  if (name == "utf-8" || name.starts_with("utf-8-")) return "utf-8";
  for (std::string_view latin : {"latin-1", "iso-8859-1", "iso-latin-1"}) {
    if (name == latin || (name.starts_with(latin) && name[latin.size()] == '-')) return "iso-8859-1";
  }
  return encoding;
}

size_t line_end(const char* text, size_t size, size_t from) {
  while (from < size && text[from] != '\n' && text[from] != '\r') ++from;
  if (from < size && text[from] == '\r' && from + 1 < size && text[from + 1] == '\n') ++from;
  return from < size ? from + 1 : from;
}

// Where UTF-8 text is wrong, or -1.
Py_ssize_t bad_utf8_at(const char* text, size_t size) {
  size_t i = 0;
  while (i < size) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    int more = c < 0xC2 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF5 ? 3 : 0;
    if (!more) return static_cast<Py_ssize_t>(i);
    auto at = [&](size_t k) { return i + k < size ? int{static_cast<unsigned char>(text[i + k])} : 0; };
    int low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    int high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (at(1) < low || at(1) > high) return static_cast<Py_ssize_t>(i);
    for (int k = 2; k <= more; ++k) {
      if (at(static_cast<size_t>(k)) < 0x80 || at(static_cast<size_t>(k)) > 0xBF) return static_cast<Py_ssize_t>(i);
    }
    i += static_cast<size_t>(more) + 1;
  }
  return -1;
}

// compat: a file's lines end for the reference at a null byte, and what follows on the line is lost.
size_t without_null_bytes(char* text, size_t size) {
  char* out = static_cast<char*>(std::memchr(text, 0, size));
  if (!out) return size;
  char* end = text + size;
  for (char* p = out; p < end;) {
    if (*p) {
      *out++ = *p++;
      continue;
    }
    auto* line_end = static_cast<char*>(std::memchr(p, '\n', static_cast<size_t>(end - p)));
    p = line_end ? line_end + 1 : end;
  }
  return static_cast<size_t>(out - text);
}

// SyntaxError about the encoding: it has a file name but no position.
// compat: that of a file has not even a name.
Failure encoding_error(PyObject* filename, Ref<> message) {
  if (!message) return failure;
  if (!filename) {
    PyErr_SetObject(PyExc_SyntaxError, message.get());
    return failure;
  }
  Ref<> place = TRY(steal(Py_BuildValue("(OiiO)", filename, 0, -1, Py_None)));
  Ref<> args = TRY(steal(PyTuple_Pack(2, message.get(), place.get())));
  PyErr_SetObject(PyExc_SyntaxError, args.get());
  return failure;
}

bool ends_in_both(const char* text, size_t size) { return size >= 2 && text[size - 2] == '\r' && text[size - 1] == '\n'; }

// The size of a text whose last line ends as any other, also for append().
size_t with_plain_end(char* text, size_t size) {
  if (!ends_in_both(text, size)) return size;
  text[size - 2] = '\n';
  text[size - 1] = 0;
  return size - 1;
}

}  // namespace

Status Source::append(const char* text, size_t size, bool end_line) {
  if (size > static_cast<size_t>(INT_MAX - 2 - size_)) return raise(PyExc_OverflowError, "source code is too long");
  int needed = size_ + static_cast<int>(size) + 2;
  if (needed > capacity_) {
    int capacity = terminal_ ? needed * 2 : needed;
    auto* data = static_cast<char*>(PyMem_Realloc(data_, static_cast<size_t>(capacity)));
    if (!data) {
      PyErr_NoMemory();
      return failure;
    }
    data_ = data;
    capacity_ = capacity;
  }
  char* out = data_ + size_;
  if (!std::memchr(text, '\r', size)) {
    std::memcpy(out, text, size);
    out += size;
  } else {
    for (size_t i = 0; i < size; ++i) {
      if (text[i] == '\r') {
        *out++ = '\n';
        if (i + 1 < size && text[i + 1] == '\n') ++i;
      } else {
        *out++ = text[i];
      }
    }
  }
  // compat: \r\n at the very end does not count as the end of a line.
  if (end_line && out > data_ && (out[-1] != '\n' || ends_in_both(text, size))) *out++ = '\n';
  *out = 0;
  size_ = static_cast<int>(out - data_);
  return Status::ok;
}

Status Source::append_text(PyObject* text, bool end_line) {
  Py_ssize_t length;
  const char* utf8 = PyUnicode_AsUTF8AndSize(text, &length);
  if (!utf8) return failure;
  return append(utf8, static_cast<size_t>(length), end_line);
}

Status Source::decode_and_append(const char* text, size_t size, const char* encoding, PyObject* filename, bool end_line) {
  Ref<> decoded = steal(PyUnicode_Decode(text, static_cast<Py_ssize_t>(size), encoding, nullptr));
  if (!decoded) {
    bool unknown = PyErr_ExceptionMatches(PyExc_LookupError);
    if (!unknown && !PyErr_ExceptionMatches(PyExc_ValueError)) return failure;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Ref<> type_owner = steal(type), value_owner = steal(value), traceback_owner = steal(traceback);
    if (!filename) return encoding_error(nullptr, steal(PyUnicode_FromFormat("encoding problem: %s", encoding)));
    return encoding_error(filename, steal(unknown ? PyUnicode_FromFormat("unknown encoding: %s", encoding) : PyObject_Str(value)));
  }
  return append_text(decoded.get(), end_line);
}

Status Source::from_string(const char* text, size_t size, PyObject* filename, bool is_utf8, bool end_line) {
  if (is_utf8) {
    // Whoever says so may have made it of anything, as embedding programs do.
    has_encoding_ = true;
    return append(text, size, end_line);
  }
  bool mark = size >= 3 && std::memcmp(text, "\xEF\xBB\xBF", 3) == 0;
  if (mark) {
    text += 3;
    size -= 3;
  }
  char cookie[kMaxCookie];
  bool found = false;
  size_t at = 0;
  for (int line = 0; line < 2 && !found; ++line) {
    size_t end = line_end(text, size, at);
    bool blank;
    found = find_cookie({text + at, end - at}, cookie, blank);
    if (!blank) break;
    at = end;
  }
  has_encoding_ = found || mark;
  if (found) std::strcpy(cookie_, cookie);
  const char* encoding = found ? normal_name(cookie) : "utf-8";
  bool utf8 = std::strcmp(encoding, "utf-8") == 0;
  if (mark && !utf8) {
    return encoding_error(filename, steal(PyUnicode_FromFormat("encoding problem: %s with BOM", encoding)));
  }
  if (found && !utf8) return decode_and_append(text, size, encoding, filename, end_line);
  bad_utf8_ = bad_utf8_at(text, size) >= 0;
  return append(text, size, end_line);
}

Status Source::from_file(FILE* file, PyObject* filename, const char* encoding) {
  size_t capacity = 16 * 1024;
  size_t size = 0;
  auto* text = static_cast<char*>(PyMem_Malloc(capacity));
  while (text) {
    Py_BEGIN_ALLOW_THREADS
    size += std::fread(text + size, 1, capacity - size, file);
    Py_END_ALLOW_THREADS
    if (size < capacity) break;
    auto* larger = static_cast<char*>(PyMem_Realloc(text, capacity * 2));
    if (!larger) PyMem_Free(text);
    text = larger;
    capacity *= 2;
  }
  if (!text) {
    PyErr_NoMemory();
    return failure;
  }
  size = with_plain_end(text, without_null_bytes(text, size));
  Status status;
  if (encoding && std::strcmp(normal_name(encoding), "utf-8") != 0) {
    has_encoding_ = true;
    status = decode_and_append(text, size, encoding, nullptr, true);
  } else {
    status = from_string(text, size, nullptr, false, true);
    Py_ssize_t bad = bad_utf8_ && !has_encoding_ ? bad_utf8_at(text, size) : -1;
    if (status == Status::ok && bad >= 0) {
      int line = 1;
      for (Py_ssize_t i = 0; i < bad; ++i) line += text[i] == '\n';
      PyErr_Format(PyExc_SyntaxError,
                   "Non-UTF-8 code starting with '\\x%.2x' in file %U on line %i, but no encoding declared; "
                   "see https://peps.python.org/pep-0263/ for details",
                   static_cast<unsigned char>(text[bad]), filename, line);
      status = Status::error;
    }
  }
  PyMem_Free(text);
  return status;
}

void Source::from_terminal(FILE* file, const char* encoding, const char* prompt, const char* continuation_prompt) {
  terminal_ = has_encoding_ = true;
  file_ = file;
  encoding_ = encoding;
  prompt_ = prompt;
  continuation_prompt_ = continuation_prompt;
}

bool Source::more() {
  if (!terminal_ || !asking_) return false;
  char* line = PyOS_Readline(file_, stdout, prompt_ ? prompt_ : "");
  if (!line) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PySys_WriteStderr("\n");
    PyErr_Restore(type, value, traceback);
    if (!type) PyErr_SetNone(PyExc_KeyboardInterrupt);
    return false;
  }
  size_t size = with_plain_end(line, std::strlen(line));
  Status status = Status::ok;
  // The end of the input leaves the prompt behind.
  if (!size) PySys_WriteStderr("\n");
  if (size) {
    bool utf8 = !encoding_ || std::strcmp(normal_name(encoding_), "utf-8") == 0;
    if (utf8 && bad_utf8_at(line, size) < 0) {
      status = append(line, size, true);
    } else {
      Ref<> decoded = steal(PyUnicode_Decode(line, static_cast<Py_ssize_t>(size), encoding_ ? encoding_ : "utf-8", nullptr));
      status = decoded ? append_text(decoded.get(), true) : Status::error;
    }
  }
  bool ended = size && line[size - 1] == '\n';
  PyMem_Free(line);
  prompt_ = continuation_prompt_;
  if (size && !ended && status == Status::ok) {
    // The input ends within a line; asking once more takes the mark of the end away.
    char* rest = PyOS_Readline(file_, stdout, prompt_ ? prompt_ : "");
    if (rest && !*rest) PySys_WriteStderr("\n");
    PyMem_Free(rest);
    if (!rest) return false;
  }
  return size && status == Status::ok;
}

}  // namespace gill::ast
