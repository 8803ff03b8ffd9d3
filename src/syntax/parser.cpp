// Tokens, results, errors and the two passes. See parser.h.
#include "syntax/parser.h"

#include <cstdarg>
#include <cstring>

#include "base/names.h"

namespace gill::ast {

// ---- tokens -------------------------------------------------------------------------------------------

Token* Parser::fetch() {
  Token token;
  while (true) {
    token = tokenizer_.next();
    if (token.kind != T::type_ignore) break;
    if (!add_ignore(token)) return const_cast<Token*>(&kFailedToken);
  }
  // What a terminal's user typed is complete when it ends.
  if (mode_ == Mode::single && token.kind == T::end_marker && statement_begun_) {
    token.kind = T::newline;
    statement_begun_ = false;
    if (tokenizer_.is_indented() && !(flags_ & PyCF_DONT_IMPLY_DEDENT)) tokenizer_.imply_dedents();
  } else {
    statement_begun_ = true;
  }
  if (replacement_ && tokenizer_.line() == starting_lineno_) {
    token.col_offset += starting_column_;
    token.end_col_offset += starting_column_;
  }
  if (count_ == chunk_count_ * kChunkSize) {
    auto** chunks = static_cast<Token**>(PyMem_Realloc(chunks_, static_cast<size_t>(chunk_count_ + 1) * sizeof(Token*)));
    if (!chunks) {
      PyErr_NoMemory();
      failed_ = true;
      return const_cast<Token*>(&kFailedToken);
    }
    chunks_ = chunks;
    auto* chunk = static_cast<Token*>(arena_.allocate(sizeof(Token) * kChunkSize));
    if (!chunk) {
      failed_ = true;
      return const_cast<Token*>(&kFailedToken);
    }
    chunks_[chunk_count_++] = chunk;
  }
  Token* place = at(count_++);
  *place = token;
  // Where more could still be typed nothing is wrong with the end, and mistakes before it count.
  bool open_end = tokenizer_.source().stopped_asking() && tokenizer_.problem() == Tokenizer::Problem::end_of_file;
  if (token.kind == T::error && !(open_end && !PyErr_Occurred())) {
    if (PyErr_Occurred()) decoding_problem();
    else tokenizer_problem();
    failed_ = true;
  }
  return place;
}

bool Parser::add_ignore(const Token& token) {
  if ((ignore_count_ & (ignore_count_ - 1)) == 0) {
    size_t capacity = ignore_count_ ? static_cast<size_t>(ignore_count_) * 2 : 1;
    auto* ignores = static_cast<Ignore*>(PyMem_Realloc(ignores_, capacity * sizeof(Ignore)));
    if (!ignores) {
      PyErr_NoMemory();
      failed_ = true;
      return false;
    }
    ignores_ = ignores;
  }
  PyObject* tag = keep(steal(PyUnicode_DecodeUTF8(tokenizer_.text() + token.start, token.end - token.start, nullptr)));
  if (!tag) return false;
  ignores_[ignore_count_++] = {token.lineno, tag};
  return true;
}

Token* Parser::demand(T kind, const char* text) {
  Token* token = peek();
  if (token->kind == kind) {
    ++mark_;
    return token;
  }
  if (!failed_) error_on(token, "expected '%s'", text);
  return nullptr;
}

// Where a node that has just been recognized ends.
Token* Parser::last_token() const {
  int i = mark_ - 1;
  for (; i > 0; --i) {
    T kind = at(i)->kind;
    if (kind != T::end_marker && kind != T::newline && kind != T::indent && kind != T::dedent) break;
  }
  return at(i < 0 ? 0 : i);
}

bool Parser::push(void* item) {
  if (stack_size_ == stack_capacity_) {
    int capacity = stack_capacity_ ? stack_capacity_ * 2 : 256;
    auto** stack = static_cast<void**>(PyMem_Realloc(stack_, static_cast<size_t>(capacity) * sizeof(void*)));
    if (!stack) {
      PyErr_NoMemory();
      failed_ = true;
      return false;
    }
    stack_ = stack;
    stack_capacity_ = capacity;
  }
  stack_[stack_size_++] = item;
  return true;
}

void Parser::out_of_stack() {
  if (!PyErr_Occurred()) PyErr_NoMemory();
  failed_ = true;
}

bool Parser::recall(Rule rule, void** node) {
  for (Memo* memo = peek()->memo; memo; memo = memo->next) {
    if (memo->rule != rule) continue;
    *node = memo->node;
    mark_ = memo->end;
    return true;
  }
  return false;
}

void* Parser::remember(Rule rule, int start, void* node) {
  if (failed_ || start >= count_) return node;
  auto* memo = static_cast<Memo*>(arena_.allocate(sizeof(Memo)));
  if (!memo) {
    failed_ = true;
    return nullptr;
  }
  *memo = {at(start)->memo, node, mark_, rule};
  at(start)->memo = memo;
  return node;
}

// ---- errors -------------------------------------------------------------------------------------------

namespace {

// How many characters the first `column` bytes of a line are.
int characters(PyObject* line, int column) {
  if (column < 0) column = 0;
  Py_ssize_t length;
  const char* utf8 = PyUnicode_AsUTF8AndSize(line, &length);
  if (!utf8) return -1;
  if (column > length + 1) column = static_cast<int>(length) + 1;
  Ref<> text = steal(PyUnicode_DecodeUTF8(utf8, column, "replace"));
  return text ? static_cast<int>(PyUnicode_GET_LENGTH(text.get())) : -1;
}

}  // namespace

Ref<> Parser::error_line(int lineno) {
  const char* text = tokenizer_.text();
  if (!tokenizer_.source().is_interactive() && tokenizer_.line() <= lineno && tokenizer_.input_end() > tokenizer_.buffer_start()) {
    return steal(PyUnicode_DecodeUTF8(text + tokenizer_.buffer_start(), tokenizer_.input_end() - tokenizer_.buffer_start(), "replace"));
  }
  int wanted = replacement_ ? lineno - starting_lineno_ + 1 : lineno;
  const char* line = text;
  const char* end = text + tokenizer_.source().size();
  for (int i = 1; i < wanted; ++i) {
    const void* next = std::memchr(line, '\n', static_cast<size_t>(end - line));
    if (!next) break;
    line = static_cast<const char*>(next) + 1;
  }
  const void* stop = std::memchr(line, '\n', static_cast<size_t>(end - line));
  return steal(PyUnicode_DecodeUTF8(line, (stop ? static_cast<const char*>(stop) : end) - line, "replace"));
}

std::nullptr_t Parser::error_at(PyObject* type, int lineno, int column, int end_lineno, int end_column,
                                const char* format, va_list args) {
  if (failed_ && PyErr_Occurred()) return nullptr;
  failed_ = true;
  Ref<> message;
  if (replacement_) {
    Ref<> inner = steal(PyUnicode_FromFormatV(format, args));
    if (inner) message = steal(PyUnicode_FromFormat("f-string: %U", inner.get()));
  } else {
    message = steal(PyUnicode_FromFormatV(format, args));
  }
  if (!message) return nullptr;
  Ref<> line;
  if (mode_ == Mode::file && !replacement_ && tokenizer_.filename()) {
    line = steal(_PyErr_ProgramDecodedTextObject(tokenizer_.filename(), lineno, tokenizer_.source().cookie()));
    if (!line) PyErr_Clear();
  }
  if (!line) line = error_line(lineno);
  if (!line) return nullptr;
  if (replacement_) {
    column -= starting_column_;
    end_column -= starting_column_;
  }
  bool count = tokenizer_.source().has_encoding() && !replacement_;
  int shown = count ? characters(line.get(), column) : column;
  int shown_end = count && end_column > 0 ? characters(line.get(), end_column) : end_column;
  if (shown < 0 && PyErr_Occurred()) return nullptr;
  Ref<> details = steal(Py_BuildValue("(O(OiiOii))", message.get(), tokenizer_.filename() ? tokenizer_.filename() : Py_None,
                                      lineno, shown, line.get(), end_lineno, shown_end));
  if (details) PyErr_SetObject(type, details.get());
  return nullptr;
}

std::nullptr_t Parser::error_last(PyObject* type, const char* format, va_list args) {
  if (failed_ && PyErr_Occurred()) return nullptr;
  if (count_ == 0) return error_at(type, 0, 0, 0, -1, format, args);
  const Token* token = at(count_ - 1);
  int column = token->col_offset >= 0 ? token->col_offset + 1 : tokenizer_.position() - tokenizer_.line_start();
  int end_column = token->end_col_offset >= 0 ? token->end_col_offset + 1 : -1;
  return error_at(type, token->lineno, column, token->end_lineno, end_column, format, args);
}

#define GILL_VARIADIC(call)        \
  va_list args;                    \
  va_start(args, format);          \
  (call);                          \
  va_end(args);                    \
  return nullptr

std::nullptr_t Parser::error(const char* format, ...) { GILL_VARIADIC(error_last(PyExc_SyntaxError, format, args)); }
std::nullptr_t Parser::indentation_error(const char* format, ...) {
  GILL_VARIADIC(error_last(PyExc_IndentationError, format, args));
}
std::nullptr_t Parser::error_on(const Located* node, const char* format, ...) {
  GILL_VARIADIC(error_at(PyExc_SyntaxError, node->lineno, node->col_offset + 1, node->end_lineno,
                         node->end_col_offset + 1, format, args));
}
std::nullptr_t Parser::error_on(const Token* token, const char* format, ...) {
  GILL_VARIADIC(error_at(PyExc_SyntaxError, token->lineno, token->col_offset + 1, token->end_lineno,
                         token->end_col_offset + 1, format, args));
}
std::nullptr_t Parser::error_between(const Located& first, const Located& last, const char* format, ...) {
  GILL_VARIADIC(error_at(PyExc_SyntaxError, first.lineno, first.col_offset + 1, last.end_lineno,
                         last.end_col_offset + 1, format, args));
}
std::nullptr_t Parser::error_from(const Located& first, const char* format, ...) {
  GILL_VARIADIC(error_at(PyExc_SyntaxError, first.lineno, first.col_offset + 1, tokenizer_.line(),
                         tokenizer_.position() - tokenizer_.line_start(), format, args));
}
std::nullptr_t Parser::error_at_column(const Located& place, int column, int end_lineno, const char* format, ...) {
  GILL_VARIADIC(error_at(PyExc_SyntaxError, place.lineno, column + 1, end_lineno, 0, format, args));
}
#undef GILL_VARIADIC

void Parser::unclosed_parenthesis() {
  const Tokenizer::Paren& paren = tokenizer_.innermost();
  Located place{paren.lineno, paren.column, paren.lineno, -1};
  error_on(&place, "'%c' was never closed", paren.open);
}

void Parser::tokenizer_problem() {
  Located line_begin{tokenizer_.line(), 0, tokenizer_.line(), -1};
  auto raise_at = [&](PyObject* type, int column, const char* format, ...) {
    va_list args;
    va_start(args, format);
    error_at(type, tokenizer_.line(), column, tokenizer_.line(), 0, format, args);
    va_end(args);
  };
  switch (tokenizer_.problem()) {
    case Tokenizer::Problem::end_of_file:
      if (tokenizer_.level() > 0) unclosed_parenthesis();
      else error("unexpected EOF while parsing");
      break;
    case Tokenizer::Problem::bad_dedent:
      indentation_error("unindent does not match any outer indentation level");
      break;
    case Tokenizer::Problem::inconsistent_tabs:
      raise_at(PyExc_TabError, 1, "inconsistent use of tabs and spaces in indentation");
      break;
    case Tokenizer::Problem::too_deep:
      raise_at(PyExc_IndentationError, 1, "too many levels of indentation");
      break;
    case Tokenizer::Problem::bad_continuation:
      raise_at(PyExc_SyntaxError, tokenizer_.position() - tokenizer_.buffer_start(),
               "unexpected character after line continuation character");
      break;
    case Tokenizer::Problem::none: error_on(&line_begin, "unknown parsing error"); break;
  }
}

void Parser::decoding_problem() {
  const char* what = PyErr_ExceptionMatches(PyExc_UnicodeError) ? "unicode error"
                     : PyErr_ExceptionMatches(PyExc_ValueError) ? "value error"
                                                                : nullptr;
  if (!what) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Ref<> type_owner = steal(type), value_owner = steal(value), traceback_owner = steal(traceback);
  Ref<> shown = steal(PyObject_Str(value));
  if (shown) {
    error("(%s) %U", what, shown.get());
  } else {
    PyErr_Clear();
    error("(%s) unknown error", what);
  }
}

bool Parser::supports(int version, const char* what) {
  if (feature_version_ >= version) return true;
  error("%s only supported in Python 3.%i and greater", what, version);
  return false;
}

bool Parser::at_end_of_source() const {
  return tokenizer_.at_end();
}

// A tokenizer's error further on, or a parenthesis that was opened on an earlier line and never closed, says
// more about what is wrong than the place where the parser stumbled.
void Parser::check_rest_of_source() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  tokenizer_.source().stop_asking();
  int line = at(count_ - 1)->lineno;
  while (true) {
    Token token = tokenizer_.next();
    if (token.kind == T::end_marker) break;
    if (token.kind != T::error) continue;
    if (!PyErr_Occurred() && tokenizer_.level() > 0 && line > tokenizer_.innermost().lineno) {
      failed_ = false;
      unclosed_parenthesis();
    }
    break;
  }
  if (PyErr_Occurred()) {
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
  } else {
    PyErr_Restore(type, value, traceback);
  }
}

void Parser::begin_second_pass() {
  for (int i = 0; i < count_; ++i) at(i)->memo = nullptr;
  mark_ = 0;
  depth_ = 0;
  stack_size_ = 0;
  diagnose_ = remembering_ = true;
  tokenizer_.source().stop_asking();
}

void Parser::explain_failure(const Token* furthest) {
  if (PyErr_Occurred()) {
    if (at(count_ - 1)->kind != T::error && PyErr_ExceptionMatches(PyExc_SyntaxError)) check_rest_of_source();
    return;
  }
  if (!furthest) {
    error("error at start before reading any input");
  } else if (furthest->kind == T::indent || furthest->kind == T::dedent) {
    indentation_error(furthest->kind == T::indent ? "unexpected indent" : "unexpected unindent");
  } else {
    error_on(furthest, "invalid syntax");
    check_rest_of_source();
  }
}

// ---- passes -------------------------------------------------------------------------------------------

Mod* Parser::run() {
  Mod* tree = start();
  if (tree && !failed_) {
    // One statement was asked for, and nothing may follow it.
    if (mode_ == Mode::single && !tokenizer_.source().is_interactive() && tokenizer_.has_more_statements()) {
      return error("multiple statements found while compiling a single statement");
    }
    return tree;
  }
  if (ended_) return nullptr;
  if ((flags_ & PyCF_ALLOW_INCOMPLETE_INPUT) && at_end_of_source()) {
    PyErr_Clear();
    failed_ = false;
    return error("incomplete input");
  }
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_SyntaxError)) return nullptr;
  const Token* furthest = count_ ? at(count_ - 1) : nullptr;
  if (!failed_) {
    begin_second_pass();
    start();
  }
  explain_failure(furthest);
  return nullptr;
}

Expr* Parser::run_replacement(int lineno, int col_offset) {
  replacement_ = true;
  starting_lineno_ = lineno;
  starting_column_ = col_offset;
  tokenizer_.set_line(lineno - 1);
  Expr* e = star_expressions();
  if (e && !failed_) return e;
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_SyntaxError)) return nullptr;
  const Token* furthest = count_ ? at(count_ - 1) : nullptr;
  if (!failed_) {
    begin_second_pass();
    star_expressions();
  }
  explain_failure(furthest);
  return nullptr;
}

Mod* Parser::start() {
  switch (mode_) {
    case Mode::file: return file();
    case Mode::single: return interactive();
    case Mode::eval: return eval();
    case Mode::func_type: return func_type();
  }
  return nullptr;
}

Mod* Parser::file() {
  StmtList body{};
  statements(body);
  if (!accept(T::end_marker)) return nullptr;
  auto* module = plain<Module>();
  if (!module) return nullptr;
  module->body = body;
  if (ignore_count_) {
    if (!module->type_ignores.reserve(arena_, static_cast<size_t>(ignore_count_))) {
      out_of_memory();
      return nullptr;
    }
    for (int i = 0; i < ignore_count_; ++i) {
      auto* ignore = plain<TypeIgnore>();
      if (!ignore) return nullptr;
      ignore->lineno = ignores_[i].lineno;
      ignore->tag = ignores_[i].tag;
      module->type_ignores.append(ignore);
    }
  }
  return module;
}

Mod* Parser::interactive() {
  Items<Stmt> items(*this);
  if (Stmt* s = compound_statement()) {
    if (!accept(T::newline)) return nullptr;
    items.push(s);
  } else if (failed_) {
    return nullptr;
  } else if (!simple_statements()) {
    if (Token* token = accept(T::newline)) {
      auto* pass = make<Pass>(token);
      if (!pass) return nullptr;
      items.push(pass);
    } else {
      if (tokenizer_.source().is_interactive() && is(T::end_marker)) ended_ = true;
      return nullptr;
    }
  }
  auto* module = plain<Interactive>();
  if (!module || !items.finish(module->body)) return nullptr;
  return module;
}

Mod* Parser::eval() {
  Expr* body = expressions();
  if (!body) return nullptr;
  while (accept(T::newline)) {
  }
  if (!accept(T::end_marker)) return nullptr;
  auto* module = plain<Expression>();
  if (module) module->body = body;
  return module;
}

Mod* Parser::func_type() {
  if (!accept(T::left_paren)) return nullptr;
  Items<Expr> items(*this);
  // Plain types, then *type, then **type.
  int stars = 0;
  while (stars < 2 && !is(T::right_paren)) {
    int mark = mark_;
    if (items.size() && !accept(T::comma)) break;
    int more = is(T::double_star) ? 2 : is(T::star) ? 1 : 0;
    if (more) ++mark_;
    if (more == 1 && stars == 1) {
      reset(mark);
      break;
    }
    if (more < stars) {
      reset(mark);
      break;
    }
    Expr* e = expression();
    if (!e) {
      reset(mark);
      break;
    }
    stars = more;
    items.push(e);
  }
  auto* module = plain<FunctionType>();
  if (!module || !items.finish(module->argtypes)) return nullptr;
  if (!accept(T::right_paren) || !accept(T::arrow)) return nullptr;
  module->returns = expression();
  if (!module->returns) return nullptr;
  while (accept(T::newline)) {
  }
  return accept(T::end_marker) ? module : nullptr;
}

}  // namespace gill::ast
