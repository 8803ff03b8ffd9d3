// Strings: reading the text of one literal, and putting adjacent and formatted ones together.
#pragma once

#include "syntax/parser.h"

namespace gill::ast {

struct StringParts {
  bool bytes = false;
  bool raw = false;
  bool format = false;
  const char* begin = nullptr;  // between the quotes
  const char* end = nullptr;
};

// Reads the text of one string token. Failures set the parser's exception.
class StringReader {
 public:
  StringReader(Parser& parser, const Token* token) : parser_(parser), token_(token) {}
  StringParts parts() const;
  Ref<> literal(const char* text, const char* end, bool raw, bool formatted);
  Ref<> bytes(const StringParts& parts);
  // Warns about the escape that begins behind a backslash. False with the exception set.
  bool warn_escape(const char* escape);
  const Token* token() const { return token_; }

 private:
  Ref<> unescape(const char* text, const char* end);
  Ref<> unescape_bytes(const char* text, const char* end);
  void explain();

  Parser& parser_;
  const Token* token_;
};

// Collects literal text and replacement fields. All nodes have the place of the whole run of literals.
class FString {
 public:
  FString(Parser& parser, const Located& where, PyObject* kind) : parser_(parser), where_(where), kind_(kind), values_(parser) {}

  void add_literal(Ref<> text);
  void parse(StringReader& reader, const StringParts& parts);
  // A constant, or a JoinedStr when one of the literals was formatted.
  Expr* finish(bool format);
  // A format specification is where its own literal is.
  Expr* finish_specification(const Token* token);

 private:
  // `depth` counts enclosing format specifications.
  bool parse_level(const char*& p, const char* end, bool raw, int depth, StringReader& reader);
  bool text(const char*& p, const char* end, bool raw, int depth, StringReader& reader, bool& more);
  bool field(const char*& p, const char* end, bool raw, int depth, StringReader& reader);
  Expr* expression(const char* begin, const char* end, StringReader& reader);
  bool flush();
  Expr* constant(Ref<> value);

  Parser& parser_;
  Located where_;
  PyObject* kind_;
  Items<Expr> values_;
  Ref<> pending_;  // literal text that may be continued
};

}  // namespace gill::ast
