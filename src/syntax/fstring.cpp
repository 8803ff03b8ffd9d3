// Formatted strings. Their replacement fields are found in the text of the token; each expression is then
// parsed on its own, in parentheses, with positions that are shifted to where it stands.
#include "syntax/fstring.h"

#include <cstring>

namespace gill::ast {

Expr* FString::constant(Ref<> value) {
  auto* e = parser_.plain<Constant>();
  if (!e) return nullptr;
  static_cast<Located&>(*e) = where_;
  e->value = parser_.keep(std::move(value));
  e->kind_ = kind_;
  return e->value ? e : nullptr;
}

void FString::add_literal(Ref<> text) {
  if (!text) {
    parser_.failed_ = true;
    return;
  }
  if (PyUnicode_GET_LENGTH(text.get()) == 0) return;
  if (!pending_) {
    pending_ = std::move(text);
    return;
  }
  PyObject* joined = pending_.release();
  PyUnicode_Append(&joined, text.get());
  pending_ = steal(joined);
  if (!pending_) parser_.failed_ = true;
}

bool FString::flush() {
  if (!pending_) return true;
  Expr* e = constant(std::move(pending_));
  return e && values_.push(e);
}

Expr* FString::finish(bool format) {
  if (parser_.failed_) return nullptr;
  if (!format) return constant(pending_ ? std::move(pending_) : steal(PyUnicode_New(0, 0)));
  if (!flush()) return nullptr;
  auto* e = parser_.plain<JoinedStr>();
  if (!e || !values_.finish(e->values)) return nullptr;
  static_cast<Located&>(*e) = where_;
  return e;
}

Expr* FString::finish_specification(const Token* token) {
  where_ = Parser::place(token);
  kind_ = nullptr;
  return finish(true);
}

void FString::parse(StringReader& reader, const StringParts& parts) {
  const char* p = parts.begin;
  if (!parse_level(p, parts.end, parts.raw, 0, reader)) parser_.failed_ = true;
}

bool FString::parse_level(const char*& p, const char* end, bool raw, int depth, StringReader& reader) {
  while (true) {
    bool more = false;
    if (!text(p, end, raw, depth, reader, more)) return false;
    if (more) continue;
    // A closing brace ends a format specification.
    if (p >= end || *p == '}') break;
    if (!field(p, end, raw, depth, reader)) return false;
  }
  if (depth == 0 && p < end) {
    parser_.error("f-string: unexpected end of string");
    return false;
  }
  if (depth && (p >= end || *p != '}')) {
    parser_.error("f-string: expecting '}'");
    return false;
  }
  return true;
}

// Literal text up to a brace. `more`: it was a doubled one, and text goes on.
bool FString::text(const char*& p, const char* end, bool raw, int depth, StringReader& reader, bool& more) {
  const char* begin = p;
  const char* s = p;
  while (s < end) {
    char c = *s++;
    if (!raw && c == '\\' && s < end) {
      c = *s++;
      if (c == 'N') {
        // The braces of \N{name} are no field's.
        if (s < end && *s++ == '{') {
          while (s < end && *s++ != '}') {
          }
        }
        continue;
      }
      if (c == '{' && !reader.warn_escape(s - 1)) return false;
    }
    if (c != '{' && c != '}') continue;
    if (depth == 0) {
      if (s < end && *s == c) {
        p = s + 1;
        more = true;
        break;
      }
      if (c == '}') {
        p = s - 1;
        parser_.error("f-string: single '}' is not allowed");
        return false;
      }
    }
    --s;
    break;
  }
  if (!more) p = s;
  if (begin == s) return true;
  Ref<> value = reader.literal(begin, s, raw, true);
  if (!value) return false;
  add_literal(std::move(value));
  return !parser_.failed_;
}

// From '{' to behind its '}'.
bool FString::field(const char*& p, const char* end, bool raw, int depth, StringReader& reader) {
  if (depth >= 2) {
    parser_.error("f-string: expressions nested too deeply");
    return false;
  }
  const char* begin = ++p;
  char open[kMaxParens];
  int level = 0;
  char quote = 0;
  bool triple = false;
  for (; p < end; ++p) {
    char c = *p;
    if (c == '\\') {
      parser_.error("f-string expression part cannot include a backslash");
      return false;
    }
    if (quote) {
      if (c != quote) continue;
      if (!triple) {
        quote = 0;
      } else if (p + 2 < end && p[1] == c && p[2] == c) {
        p += 2;
        quote = 0;
        triple = false;
      }
      continue;
    }
    if (c == '\'' || c == '"') {
      triple = p + 2 < end && p[1] == c && p[2] == c;
      if (triple) p += 2;
      quote = c;
      continue;
    }
    if (c == '[' || c == '{' || c == '(') {
      if (level >= kMaxParens) {
        parser_.error("f-string: too many nested parenthesis");
        return false;
      }
      open[level++] = c;
      continue;
    }
    if (c == '#') {
      parser_.error("f-string expression part cannot include '#'");
      return false;
    }
    if (level == 0 && std::strchr("!:}=><", c) && c) {
      if (p + 1 < end && p[1] == '=' && (c == '!' || c == '=' || c == '<' || c == '>')) {
        ++p;
        continue;
      }
      if (c == '<' || c == '>') continue;
      break;
    }
    if (c == ']' || c == '}' || c == ')') {
      if (level == 0) {
        parser_.error("f-string: unmatched '%c'", c);
        return false;
      }
      char opening = open[--level];
      if (c != (opening == '(' ? ')' : opening == '[' ? ']' : '}')) {
        parser_.error("f-string: closing parenthesis '%c' does not match opening parenthesis '%c'", c, opening);
        return false;
      }
    }
  }
  const char* expression_end = p;
  if (quote) {
    parser_.error("f-string: unterminated string");
    return false;
  }
  if (level) {
    parser_.error("f-string: unmatched '%c'", open[level - 1]);
    return false;
  }
  auto unexpected_end = [&] {
    parser_.error("f-string: expecting '}'");
    return false;
  };
  if (p >= end) return unexpected_end();
  Expr* value = expression(begin, expression_end, reader);
  if (!value) return false;
  bool shows_itself = false;
  if (*p == '=') {
    if (parser_.feature_version_ < 8) {
      parser_.error("f-string: self documenting expressions are only supported in Python 3.8 and greater");
      return false;
    }
    do ++p;
    while (p < end && Py_ISSPACE(*p));
    if (p >= end) return unexpected_end();
    add_literal(steal(PyUnicode_DecodeUTF8(begin, p - begin, nullptr)));
    if (parser_.failed_) return false;
    shows_itself = true;
  }
  int conversion = -1;
  if (*p == '!') {
    if (++p >= end) return unexpected_end();
    conversion = *p++;
    if (conversion != 's' && conversion != 'r' && conversion != 'a') {
      parser_.error("f-string: invalid conversion character: expected 's', 'r', or 'a'");
      return false;
    }
    if (p >= end) return unexpected_end();
  }
  Expr* format_spec = nullptr;
  if (*p == ':') {
    ++p;
    if (p >= end) return unexpected_end();
    FString inner(parser_, where_, kind_);
    if (!inner.parse_level(p, end, raw, depth + 1, reader)) return false;
    format_spec = inner.finish_specification(reader.token());
    if (!format_spec) return false;
  }
  if (p >= end || *p != '}') return unexpected_end();
  ++p;
  if (shows_itself && conversion < 0 && !format_spec) conversion = 'r';
  if (!flush()) return false;
  auto* e = parser_.plain<FormattedValue>();
  if (!e) return false;
  static_cast<Located&>(*e) = where_;
  e->value = value;
  e->conversion = conversion;
  e->format_spec = format_spec;
  return values_.push(e);
}

Expr* FString::expression(const char* begin, const char* end, StringReader& reader) {
  const char* p = begin;
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\f' || *p == '\r')) ++p;
  if (p == end) {
    if (*end == '!' || *end == ':' || *end == '=') return parser_.error("f-string: expression required before '%c'", *end);
    return parser_.error("f-string: empty expression not allowed");
  }

  // Where the brace stands: lines after the token's first, columns after the last line end.
  const Token* token = reader.token();
  const char* text = parser_.tokenizer_.text() + token->start;
  const char* brace = begin - 1;
  int lines = 0;
  for (const char* s = text; s < brace; ++s) lines += *s == '\n';
  int columns = 0;
  const char* after = begin;
  while (*after == ' ' || *after == '\t' || *after == '\f') ++after;
  if (*after != '\n' && *after != '}') {
    const char* s = brace;
    while (s > text && *s != '\n') --s;
    columns = static_cast<int>(brace - s);
    if (*s == '\n') --columns;
  }

  auto size = static_cast<size_t>(end - begin);
  auto* buffer = static_cast<char*>(PyMem_Malloc(size + 3));
  if (!buffer) {
    PyErr_NoMemory();
    return nullptr;
  }
  buffer[0] = '(';
  std::memcpy(buffer + 1, begin, size);
  buffer[size + 1] = ')';
  buffer[size + 2] = 0;
  Source source;
  Status status = source.from_string(buffer, size + 2, parser_.tokenizer_.filename(), true, true);
  PyMem_Free(buffer);
  if (status == Status::error) return nullptr;
  Tokenizer tokenizer(source, parser_.tokenizer_.filename(), parser_.flags_ & PyCF_TYPE_COMMENTS);
  Parser inner(tokenizer, parser_.arena_, parser_.mode_, parser_.flags_, parser_.feature_version_);
  return inner.run_replacement(token->lineno + lines, lines ? columns : token->col_offset + columns);
}

}  // namespace gill::ast
