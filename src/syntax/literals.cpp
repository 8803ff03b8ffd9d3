// Values of names, numbers and strings.
#include <cstring>

#include "base/names.h"
#include "syntax/fstring.h"
#include "syntax/parser.h"

namespace gill::ast {

// ---- names --------------------------------------------------------------------------------------------

PyObject* Parser::identifier(const Token* token) {
  const char* text = tokenizer_.text() + token->start;
  int size = token->end - token->start;
  auto first = static_cast<unsigned char>(text[0]);
  auto last = static_cast<unsigned char>(text[size - 1]);
  auto middle = static_cast<unsigned char>(text[size / 2]);
  NameSlot& slot = names_[(first * 7u + last * 31u + middle * 131u + static_cast<unsigned>(size) * 17u) % kNameSlots];
  if (slot.object && slot.size == size && std::memcmp(tokenizer_.text() + slot.start, text, static_cast<size_t>(size)) == 0) {
    return slot.object;
  }
  Ref<> name = steal(PyUnicode_DecodeUTF8(text, size, nullptr));
  if (!name) {
    failed_ = true;
    return nullptr;
  }
  if (!PyUnicode_IS_ASCII(name.get())) {
    // Names are compared in their normal form (PEP 3131).
    Ref<> module = steal(PyImport_ImportModule("unicodedata"));
    Ref<> function = module ? steal(PyObject_GetAttr(module.get(), gill::name<"normalize">)) : nullptr;
    Ref<> form = function ? steal(PyUnicode_InternFromString("NFKC")) : nullptr;
    Ref<> normal = form ? steal(PyObject_CallFunctionObjArgs(function.get(), form.get(), name.get(), nullptr)) : nullptr;
    if (normal && !PyUnicode_Check(normal.get())) {
      PyErr_Format(PyExc_TypeError, "unicodedata.normalize() must return a string, not %.200s",
                   _PyType_Name(Py_TYPE(normal.get())));
      normal.reset();
    }
    if (!normal) {
      failed_ = true;
      return nullptr;
    }
    name = std::move(normal);
  }
  PyObject* interned = name.release();
  PyUnicode_InternInPlace(&interned);
  PyObject* kept = keep(steal(interned));
  if (kept) slot = {token->start, size, kept};
  return kept;
}

// ---- numbers ------------------------------------------------------------------------------------------

namespace {

// The value of a literal without underscores, in NUL-terminated text.
Ref<> number_value(const char* text, size_t size) {
  char last = text[size - 1];
  bool hexadecimal = size > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (!hexadecimal) {
    if (last == 'j' || last == 'J') {
      char* end;
      double imaginary = PyOS_string_to_double(text, &end, nullptr);
      if (imaginary == -1.0 && PyErr_Occurred()) return nullptr;
      return steal(PyComplex_FromDoubles(0.0, imaginary));
    }
    if (std::strpbrk(text, ".eE")) {
      double value = PyOS_string_to_double(text, nullptr, nullptr);
      if (value == -1.0 && PyErr_Occurred()) return nullptr;
      return steal(PyFloat_FromDouble(value));
    }
    if (size <= 18 && (text[0] != '0' || size == 1)) {
      long value = 0;
      for (size_t i = 0; i < size; ++i) value = value * 10 + (text[i] - '0');
      return steal(PyLong_FromLong(value));
    }
  }
  return steal(PyLong_FromString(text, nullptr, 0));
}

}  // namespace

Expr* Parser::number() {
  const Token* token = accept(T::number);
  if (!token) return nullptr;
  const char* text = tokenizer_.text() + token->start;
  auto size = static_cast<size_t>(token->end - token->start);
  bool underscores = std::memchr(text, '_', size);
  if (underscores && !supports(6, "Underscores in numeric literals are")) return nullptr;
  char small[64];
  char* digits = size < sizeof small ? small : static_cast<char*>(PyMem_Malloc(size + 1));
  if (!digits) {
    PyErr_NoMemory();
    failed_ = true;
    return nullptr;
  }
  size_t n = 0;
  for (size_t i = 0; i < size; ++i) {
    if (text[i] != '_') digits[n++] = text[i];
  }
  digits[n] = 0;
  Ref<> value = number_value(digits, n);
  if (digits != small) PyMem_Free(digits);
  if (!value) {
    if (PyErr_ExceptionMatches(PyExc_ValueError)) {
      // The limit on digits. The text is not shown, for it is long.
      PyObject *type, *problem, *traceback;
      PyErr_Fetch(&type, &problem, &traceback);
      Ref<> type_owner = steal(type), problem_owner = steal(problem), traceback_owner = steal(traceback);
      Located line{token->lineno, -1, token->end_lineno, -1};
      error_on(&line, "%S - Consider hexadecimal for huge integer literals to avoid decimal conversion limits.", problem);
    }
    failed_ = true;
    return nullptr;
  }
  return constant(token, value.get());
}

// ---- strings ------------------------------------------------------------------------------------------

bool StringReader::warn_escape(const char* escape) {
  auto c = static_cast<unsigned char>(*escape);
  bool octal = c >= '4' && c <= '7';
  Ref<> message = steal(octal ? PyUnicode_FromFormat("invalid octal escape sequence '\\%.3s'", escape)
                              : PyUnicode_FromFormat("invalid escape sequence '\\%c'", c));
  if (!message) return false;
  PyObject* filename = parser_.tokenizer_.filename();
  if (PyErr_WarnExplicitObject(PyExc_DeprecationWarning, message.get(), filename ? filename : Py_None, token_->lineno, nullptr, nullptr) >= 0) {
    return true;
  }
  if (PyErr_ExceptionMatches(PyExc_DeprecationWarning)) {
    PyErr_Clear();
    parser_.error_on(token_, "%U", message.get());
  }
  parser_.failed_ = true;
  return false;
}

namespace {

bool is_octal(const char* s, const char* end) { return s < end && *s >= '0' && *s <= '7'; }

// Text that the codec reads without warnings of its own: a backslash that begins no escape is doubled, octal
// escapes beyond a byte and characters beyond ASCII become other escapes.
struct Rewriting {
  const char* odd = nullptr;  // the first escape that is not one
  int extra = 0;              // how many characters more there are than the reference would make

  // Returns the end of what was written, which lies behind `stop` at most by one escape; null after a failure.
  char* run(const char* p, const char* end, char* out, const char* stop) {
    while (p < end && (!stop || out < stop)) {
      auto c = static_cast<unsigned char>(*p);
      if (c == '\\') {
        ++p;
        auto next = static_cast<unsigned char>(p < end ? *p : 0);
        if (next >= '4' && next <= '7' && is_octal(p + 1, end) && is_octal(p + 2, end)) {
          if (!odd) odd = p;
          out += PyOS_snprintf(out, 7, "\\u%04x", (p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0'));
          extra += 2;
          p += 3;
          continue;
        }
        *out++ = '\\';
        bool ascii = next != 0 && next < 0x80;
        if (!ascii || !std::strchr("\n\\'\"abfnrtv01234567xNuU", next)) {
          if (ascii && !odd) odd = p;
          // The reference writes a backslash before other characters as an escape of six.
          extra += ascii ? 1 : -4;
          *out++ = '\\';
        }
        if (ascii) *out++ = *p++;
      } else if (c >= 0x80) {
        const char* begin = p;
        while (p < end && static_cast<unsigned char>(*p) >= 0x80) ++p;
        Ref<> run = steal(PyUnicode_DecodeUTF8(begin, p - begin, nullptr));
        if (!run) return nullptr;
        Py_ssize_t length = PyUnicode_GET_LENGTH(run.get());
        for (Py_ssize_t i = 0; i < length; ++i) {
          out += PyOS_snprintf(out, 11, "\\U%08x", static_cast<unsigned>(PyUnicode_READ_CHAR(run.get(), i)));
        }
      } else {
        *out++ = *p++;
      }
    }
    return out;
  }
};

// The codec's positions count the rewritten text.
void correct_positions(const char* text, const char* end, char* buffer) {
  if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_ssize_t start, stop;
  if (PyUnicodeDecodeError_GetStart(value, &start) == 0 && PyUnicodeDecodeError_GetEnd(value, &stop) == 0) {
    Rewriting again;
    if (again.run(text, end, buffer, buffer + start)) {
      PyUnicodeDecodeError_SetStart(value, start - again.extra);
      PyUnicodeDecodeError_SetEnd(value, stop - again.extra);
    }
  }
  PyErr_Clear();
  PyErr_Restore(type, value, traceback);
}

}  // namespace

Ref<> StringReader::unescape(const char* text, const char* end) {
  // Two bytes of UTF-8 or more make ten characters, an octal escape of four makes six.
  size_t room = static_cast<size_t>(end - text) * 6 + 16;
  char small[512];
  char* buffer = room <= sizeof small ? small : static_cast<char*>(PyMem_Malloc(room));
  if (!buffer) {
    PyErr_NoMemory();
    return nullptr;
  }
  Rewriting rewriting;
  Ref<> result;
  if (char* out = rewriting.run(text, end, buffer, nullptr)) {
    result = steal(PyUnicode_DecodeUnicodeEscape(buffer, out - buffer, nullptr));
    if (!result && rewriting.extra) correct_positions(text, end, buffer);
  }
  if (buffer != small) PyMem_Free(buffer);
  if (result && rewriting.odd && !warn_escape(rewriting.odd)) return nullptr;
  return result;
}

Ref<> StringReader::unescape_bytes(const char* text, const char* end) {
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, end - text)));
  char* begin = PyBytes_AS_STRING(result.get());
  char* out = begin;
  const char* odd = nullptr;
  for (const char* p = text; p < end;) {
    if (*p != '\\') {
      *out++ = *p++;
      continue;
    }
    const char* escape = ++p;
    switch (*p++) {
      case '\n': break;
      case '\\': *out++ = '\\'; break;
      case '\'': *out++ = '\''; break;
      case '"': *out++ = '"'; break;
      case 'a': *out++ = '\a'; break;
      case 'b': *out++ = '\b'; break;
      case 'f': *out++ = '\f'; break;
      case 'n': *out++ = '\n'; break;
      case 'r': *out++ = '\r'; break;
      case 't': *out++ = '\t'; break;
      case 'v': *out++ = '\v'; break;
      case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
        int value = *escape - '0';
        for (int i = 0; i < 2 && is_octal(p, end); ++i) value = value * 8 + (*p++ - '0');
        if (value > 0xFF && !odd) odd = escape;
        *out++ = static_cast<char>(value);
        break;
      }
      case 'x':
        if (p + 1 < end && Py_ISXDIGIT(p[0]) && Py_ISXDIGIT(p[1])) {
          auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
          *out++ = static_cast<char>(digit(p[0]) * 16 + digit(p[1]));
          p += 2;
          break;
        }
        return raise(PyExc_ValueError, "invalid \\x escape at position %zd", static_cast<Py_ssize_t>(escape - 1 - text));
      default:
        if (!odd) odd = escape;
        *out++ = '\\';
        *out++ = *escape;
    }
  }
  if (odd && !warn_escape(odd)) return nullptr;
  PyObject* bytes = result.release();
  if (_PyBytes_Resize(&bytes, out - begin) < 0) return failure;
  return steal(bytes);
}

Ref<> StringReader::literal(const char* text, const char* end, bool raw, bool formatted) {
  bool plain = raw || !std::memchr(text, '\\', static_cast<size_t>(end - text));
  Ref<> result = plain ? steal(PyUnicode_DecodeUTF8(text, end - text, nullptr)) : unescape(text, end);
  if (!result && plain && formatted && !raw) {
    // There the reference always looks for escapes, and so counts from the first character beyond ASCII.
    PyErr_Clear();
    result = unescape(text, end);
  }
  if (!result) explain();
  return result;
}

void StringReader::explain() {
  if (!parser_.failed_ && PyErr_Occurred()) parser_.decoding_problem();
  parser_.failed_ = true;
}

StringParts StringReader::parts() const {
  StringParts result;
  const char* text = parser_.tokenizer_.text();
  const char* p = text + token_->start;
  while (*p != '\'' && *p != '"') {
    switch (*p++) {
      case 'b':
      case 'B': result.bytes = true; break;
      case 'r':
      case 'R': result.raw = true; break;
      case 'f':
      case 'F': result.format = true; break;
      default: break;
    }
  }
  const char* end = text + token_->end;
  int quotes = end - p >= 6 && p[1] == *p && p[2] == *p ? 3 : 1;
  result.begin = p + quotes;
  result.end = end - quotes;
  return result;
}

Ref<> StringReader::bytes(const StringParts& parts) {
  for (const char* p = parts.begin; p < parts.end; ++p) {
    if (static_cast<unsigned char>(*p) >= 0x80) {
      parser_.error("bytes can only contain ASCII literal characters");
      return nullptr;
    }
  }
  Ref<> result = parts.raw ? steal(PyBytes_FromStringAndSize(parts.begin, parts.end - parts.begin))
                           : unescape_bytes(parts.begin, parts.end);
  if (!result) explain();
  return result;
}

// Adjacent literals are one.
Expr* Parser::strings_unremembered() {
  const Token* first = peek();
  int begin = mark_;
  while (accept(T::string)) {
  }
  if (failed_) return nullptr;
  int end = mark_;
  Located where = place(first);
  where.end_lineno = at(end - 1)->end_lineno;
  where.end_col_offset = at(end - 1)->end_col_offset;
  PyObject* kind = tokenizer_.text()[first->start] == 'u' ? gill::name<"u"> : nullptr;
  FString result(*this, where, kind);
  Ref<> all_bytes;
  bool bytes = false, format = false;
  for (int i = begin; i < end; ++i) {
    StringReader reader(*this, at(i));
    StringParts parts = reader.parts();
    if (parts.format && !supports(6, "Format strings are")) return nullptr;
    Ref<> value;
    if (parts.bytes) {
      value = reader.bytes(parts);
      if (!value) {
        failed_ = true;
        return nullptr;
      }
    } else if (!parts.format) {
      value = reader.literal(parts.begin, parts.end, parts.raw, false);
      if (!value) return nullptr;
    }
    if (i > begin && bytes != parts.bytes) return error("cannot mix bytes and nonbytes literals");
    bytes = parts.bytes;
    if (bytes) {
      if (!all_bytes) {
        all_bytes = std::move(value);
      } else {
        PyObject* joined = all_bytes.release();
        PyBytes_Concat(&joined, value.get());
        all_bytes = steal(joined);
        if (!all_bytes) failed_ = true;
      }
    } else if (parts.format) {
      format = true;
      result.parse(reader, parts);
    } else {
      result.add_literal(std::move(value));
    }
    if (failed_) return nullptr;
  }
  if (bytes) {
    auto* e = make<Constant>(where);
    if (!e || !(e->value = keep(std::move(all_bytes)))) return nullptr;
    e->kind_ = kind;
    return e;
  }
  return result.finish(format);
}

}  // namespace gill::ast
