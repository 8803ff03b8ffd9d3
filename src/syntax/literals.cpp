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

// Makes text that the codecs read without warnings of their own: a backslash that begins no escape is doubled,
// octal escapes beyond a byte and characters beyond ASCII become other escapes. `odd` is the first escape
// that is not one.
char* StringReader::rewrite(const char* p, const char* end, bool bytes, char* out, const char*& odd) {
  auto is_octal = [&](const char* s) { return s < end && *s >= '0' && *s <= '7'; };
  while (p < end) {
    auto c = static_cast<unsigned char>(*p);
    if (c == '\\') {
      ++p;
      auto next = static_cast<unsigned char>(p < end ? *p : 0);
      if (next >= '4' && next <= '7' && is_octal(p + 1) && is_octal(p + 2)) {
        if (!odd) odd = p;
        int value = (p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0');
        out += bytes ? PyOS_snprintf(out, 5, "\\x%02x", value & 0xFF) : PyOS_snprintf(out, 7, "\\u%04x", value);
        p += 3;
        continue;
      }
      *out++ = '\\';
      bool ascii = next != 0 && next < 0x80;
      bool known = ascii && (std::strchr("\n\\'\"abfnrtv01234567x", next) || (!bytes && std::strchr("NuU", next)));
      if (!known) {
        if (ascii && !odd) odd = p;
        *out++ = '\\';
      }
      if (ascii) *out++ = *p++;
    } else if (c >= 0x80 && !bytes) {
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

Ref<> StringReader::unescape(const char* text, const char* end, bool bytes) {
  // Two bytes of UTF-8 or more make ten characters, an octal escape of four makes six.
  size_t room = static_cast<size_t>(end - text) * 6 + 16;
  char small[512];
  char* buffer = room <= sizeof small ? small : static_cast<char*>(PyMem_Malloc(room));
  if (!buffer) {
    PyErr_NoMemory();
    return nullptr;
  }
  const char* odd = nullptr;
  Ref<> result;
  if (char* out = rewrite(text, end, bytes, buffer, odd)) {
    result = steal(bytes ? PyBytes_DecodeEscape(buffer, out - buffer, nullptr, 0, nullptr)
                         : PyUnicode_DecodeUnicodeEscape(buffer, out - buffer, nullptr));
  }
  if (buffer != small) PyMem_Free(buffer);
  if (result && odd && !warn_escape(odd)) return nullptr;
  return result;
}

Ref<> StringReader::literal(const char* text, const char* end, bool raw) {
  Ref<> result;
  if (raw || !std::memchr(text, '\\', static_cast<size_t>(end - text))) {
    result = steal(PyUnicode_DecodeUTF8(text, end - text, nullptr));
  } else {
    result = unescape(text, end, false);
  }
  if (!result) explain();
  return result;
}

// What the codec found becomes a syntax error.
void StringReader::explain() {
  if (!parser_.failed_ && PyErr_Occurred()) {
    const char* what = PyErr_ExceptionMatches(PyExc_UnicodeError) ? "unicode error"
                       : PyErr_ExceptionMatches(PyExc_ValueError) ? "value error"
                                                                  : nullptr;
    if (what) {
      PyObject *type, *value, *traceback;
      PyErr_Fetch(&type, &value, &traceback);
      Ref<> type_owner = steal(type), value_owner = steal(value), traceback_owner = steal(traceback);
      Ref<> shown = steal(PyObject_Str(value));
      if (!shown) {
        PyErr_Clear();
        parser_.error("(%s) unknown error", what);
      } else {
        parser_.error("(%s) %U", what, shown.get());
      }
    }
  }
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
                           : unescape(parts.begin, parts.end, true);
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
      value = reader.literal(parts.begin, parts.end, parts.raw);
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
