// See tokenizer.h.
#include "syntax/tokenizer.h"

#include <cstdarg>
#include <cstring>
#include <string_view>

#include "syntax/keywords.h"

namespace gill::ast {
namespace {

constexpr int kEnd = -1;
constexpr int kTabSize = 8;

bool is_name_start(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 128; }
bool is_name_char(int c) { return is_name_start(c) || (c >= '0' && c <= '9'); }
bool is_digit(int c) { return c >= '0' && c <= '9'; }

// The operator of up to three characters that `text` begins with.
T operator_of(const char* text, int& length) {
  char a = text[0];
  char b = a ? text[1] : '\0';
  char c = b ? text[2] : '\0';
  length = 3;
  if (b == '.' && a == '.' && c == '.') return T::ellipsis;
  if (c == '=' && a == b) {
    if (a == '<') return T::left_shift_equal;
    if (a == '>') return T::right_shift_equal;
    if (a == '*') return T::double_star_equal;
    if (a == '/') return T::double_slash_equal;
  }
  length = 2;
  if (a == b) {
    if (a == '*') return T::double_star;
    if (a == '/') return T::double_slash;
    if (a == '<') return T::left_shift;
    if (a == '>') return T::right_shift;
    if (a == '=') return T::equal_equal;
  } else if (b == '=') {
    switch (a) {
      case '!': return T::not_equal;
      case '%': return T::percent_equal;
      case '&': return T::ampersand_equal;
      case '*': return T::star_equal;
      case '+': return T::plus_equal;
      case '-': return T::minus_equal;
      case '/': return T::slash_equal;
      case ':': return T::colon_equal;
      case '<': return T::less_equal;
      case '>': return T::greater_equal;
      case '@': return T::at_equal;
      case '^': return T::caret_equal;
      case '|': return T::bar_equal;
      default: break;
    }
  } else if (a == '-' && b == '>') {
    return T::arrow;
  } else if (a == '<' && b == '>') {
    return T::not_equal;
  }
  length = 1;
  switch (a) {
    case '%': return T::percent;
    case '&': return T::ampersand;
    case '(': return T::left_paren;
    case ')': return T::right_paren;
    case '*': return T::star;
    case '+': return T::plus;
    case ',': return T::comma;
    case '-': return T::minus;
    case '.': return T::dot;
    case '/': return T::slash;
    case ':': return T::colon;
    case ';': return T::semicolon;
    case '<': return T::less;
    case '=': return T::equal;
    case '>': return T::greater;
    case '@': return T::at;
    case '[': return T::left_bracket;
    case ']': return T::right_bracket;
    case '^': return T::caret;
    case '{': return T::left_brace;
    case '|': return T::vertical_bar;
    case '}': return T::right_brace;
    case '~': return T::tilde;
    default: return T::unknown;
  }
}

}  // namespace

// ---- characters and lines -----------------------------------------------------------------------------

bool Tokenizer::next_line() {
  if (done_) return false;
  if (line_end_ >= source_.size() && !source_.more()) {
    done_ = reached_end_ = true;
    return false;
  }
  const char* text = source_.data();
  int size = source_.size();
  if (start_ < 0) buffer_start_ = cur_;
  line_start_ = cur_;
  ++lineno_;
  const void* end = std::memchr(text + cur_, '\n', static_cast<size_t>(size - cur_));
  line_end_ = end ? static_cast<int>(static_cast<const char*>(end) - text) + 1 : size;
  if (std::memchr(text + cur_, 0, static_cast<size_t>(line_end_ - cur_))) {
    (void)fail("source code cannot contain null bytes");
    cur_ = line_end_;
    done_ = true;
    return false;
  }
  return true;
}

bool Tokenizer::has_more_statements() const {
  const char* p = source_.data() + cur_;
  while (true) {
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\014') ++p;
    if (*p != '#') return *p != 0;
    while (*p && *p != '\n') ++p;
  }
}

int Tokenizer::advance() {
  if (cur_ == line_end_ && !next_line()) return kEnd;
  return static_cast<unsigned char>(source_.data()[cur_++]);
}

// ---- errors -------------------------------------------------------------------------------------------

Token Tokenizer::fail_range(int column, int end_column, const char* format, va_list arguments) {
  Token result{.kind = T::error};
  if (PyErr_Occurred()) return result;
  Ref<> message = steal(PyUnicode_FromFormatV(format, arguments));
  if (!message) return result;
  const char* line = source_.data() + line_start_;
  int room = source_.size() - line_start_;
  if (column < 0) {
    Ref<> before = steal(PyUnicode_DecodeUTF8(line, cur_ - line_start_, "replace"));
    if (!before) return result;
    column = static_cast<int>(PyUnicode_GET_LENGTH(before.get()));
  }
  if (end_column < 0) end_column = column;
  const void* end = std::memchr(line, '\n', static_cast<size_t>(room));
  Py_ssize_t length = end ? static_cast<const char*>(end) - line : room;
  Ref<> text = steal(PyUnicode_DecodeUTF8(line, length, "replace"));
  if (!text) return result;
  Ref<> args = steal(Py_BuildValue("(O(OiiOii))", message.get(), filename_ ? filename_ : Py_None, lineno_, column,
                                   text.get(), lineno_, end_column));
  if (args) PyErr_SetObject(PyExc_SyntaxError, args.get());
  done_ = true;
  reached_end_ = false;
  return result;
}

Token Tokenizer::fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Token result = fail_range(-1, -1, format, arguments);
  va_end(arguments);
  return result;
}

Token Tokenizer::stop(Problem problem) {
  if (!PyErr_Occurred()) problem_ = problem;
  done_ = true;
  reached_end_ = false;
  return Token{.kind = T::error};
}

// ---- tokens -------------------------------------------------------------------------------------------

Token Tokenizer::token(T kind, int start, int end) {
  Token result;
  result.kind = kind;
  result.level = level_;
  result.start = start < 0 ? cur_ : start;
  result.end = start < 0 ? cur_ : end;
  bool is_string = kind == T::string;
  int begin = is_string ? multi_line_start_ : line_start_;
  result.lineno = is_string ? first_lineno_ : lineno_;
  result.end_lineno = lineno_;
  result.col_offset = start >= begin ? start - begin : -1;
  result.end_col_offset = start >= 0 && end >= line_start_ ? end - line_start_ : -1;
  return result;
}

Token Tokenizer::next() {
  Token result = scan();
  if (result.kind == T::error) {
    int end = done_ ? -1 : cur_;
    Token located = token(T::error, -1, end);
    located.end_lineno = lineno_;
    return located;
  }
  return result;
}

// At the start of a line. Sets pending_ and blank_line_; false after an error.
bool Tokenizer::indentation(Token& failed) {
  int column = 0, alternative = 0, continued_column = 0;
  blank_line_ = false;
  int c;
  while (true) {
    c = advance();
    if (c == ' ') {
      ++column;
      ++alternative;
    } else if (c == '\t') {
      column = (column / kTabSize + 1) * kTabSize;
      ++alternative;
    } else if (c == '\014') {
      column = alternative = 0;
    } else if (c == '\\') {
      // The indentation is that of the first line of those joined.
      if (!continued_column) continued_column = column;
      if (continuation_line(failed) == kEnd) return false;
      continue;
    } else {
      break;
    }
  }
  back_up(c);
  if (c == '#' || c == '\n') {
    // Such lines do not count, except that the terminal's empty line ends a block.
    if (source_.has_prompt() && column == 0 && c == '\n') {
      blank_line_ = false;
    } else if (source_.has_prompt() && lineno_ == 1) {
      blank_line_ = false;
      column = alternative = 0;
    } else {
      blank_line_ = true;
    }
  }
  if (blank_line_ || level_ > 0) return true;
  if (continued_column) column = alternative = continued_column;
  const Indent& current = indents_[indent_];
  auto inconsistent = [&] {
    cur_ = line_end_;
    failed = stop(Problem::inconsistent_tabs);
    return false;
  };
  if (column == current.column) {
    if (alternative != current.alternative) return inconsistent();
  } else if (column > current.column) {
    if (indent_ + 1 >= kMaxIndent) {
      cur_ = line_end_;
      failed = stop(Problem::too_deep);
      return false;
    }
    if (alternative <= current.alternative) return inconsistent();
    ++pending_;
    indents_[++indent_] = {column, alternative};
  } else {
    while (indent_ > 0 && column < indents_[indent_].column) {
      --pending_;
      --indent_;
    }
    if (column != indents_[indent_].column) {
      cur_ = line_end_;
      failed = stop(Problem::bad_dedent);
      return false;
    }
    if (alternative != indents_[indent_].alternative) return inconsistent();
  }
  return true;
}

// After a backslash: on to the next line, whose first character it returns (not consumed).
int Tokenizer::continuation_line(Token& failed) {
  int c = advance();
  if (c != '\n') {
    failed = stop(Problem::bad_continuation);
    return kEnd;
  }
  c = advance();
  if (c == kEnd) {
    failed = stop(Problem::end_of_file);
    reached_end_ = true;
    return kEnd;
  }
  back_up(c);
  return c;
}

// `# type: ...` where asked for; anything else is passed over up to the line's end.
Token Tokenizer::comment(bool& is_token) {
  is_token = false;
  int begin = cur_ - 1;
  int c;
  do c = advance();
  while (c != kEnd && c != '\n');
  back_up(c);
  Token none{.kind = T::newline};
  if (!type_comments_) return none;
  const char* text = source_.data();
  constexpr std::string_view kPrefix = "# type: ";
  int p = begin;
  for (char expected : kPrefix) {
    if (p >= cur_) return none;
    if (expected == ' ') {
      while (p < cur_ && (text[p] == ' ' || text[p] == '\t')) ++p;
    } else if (text[p] == expected) {
      ++p;
    } else {
      return none;
    }
  }
  int type_start = p;
  is_token = true;
  if (cur_ - p >= 6 && std::memcmp(text + p, "ignore", 6) == 0 &&
      !(cur_ > p + 6 && (static_cast<unsigned char>(text[p + 6]) >= 128 || Py_ISALNUM(text[p + 6])))) {
    // On a line of its own it has no line end that counts.
    if (blank_line_) {
      advance();
      at_line_start_ = true;
    }
    int end = cur_ - (blank_line_ ? 1 : 0);
    Token result = token(T::type_ignore, p + 6, end);
    return result;
  }
  return token(T::type_comment, type_start, cur_);
}

Token Tokenizer::scan() {
  Token failed;
restart:
  start_ = -1;
  blank_line_ = false;
  if (at_line_start_) {
    at_line_start_ = false;
    if (!indentation(failed)) return failed;
  }
  start_ = cur_;
  if (pending_ < 0) {
    ++pending_;
    return token(T::dedent, -1, -1);
  }
  if (pending_ > 0) {
    --pending_;
    return token(T::indent, -1, -1);
  }
  // A type comment on a line of its own has a line end behind it that ends no function.
  if (in_coroutine_ && coroutine_has_line_ && !blank_line_ && level_ == 0 && indent_ <= coroutine_indent_ &&
      source_.data()[cur_] != '\n') {
    in_coroutine_ = coroutine_has_line_ = false;
  }
again:
  start_ = -1;
  int c;
  do c = advance();
  while (c == ' ' || c == '\t' || c == '\014');
  start_ = cur_ - (c == kEnd ? 0 : 1);
  if (c == '#') {
    bool is_token;
    Token result = comment(is_token);
    if (is_token) return result;
    // compat: the line end behind a comment begins where the comment does.
    c = advance();
  }
  if (c == kEnd) {
    if (PyErr_Occurred()) return Token{.kind = T::error};
    if (level_ > 0) {
      problem_ = Problem::end_of_file;
      return Token{.kind = T::error};
    }
    return token(T::end_marker, -1, -1);
  }
  if (is_name_start(c)) return identifier(c);
  if (c == '\n') {
    at_line_start_ = true;
    if (blank_line_ || level_ > 0) goto restart;
    coroutine_has_line_ = in_coroutine_;
    return token(T::newline, start_, cur_ - 1);
  }
  if (c == '.') {
    c = advance();
    if (is_digit(c)) {
      Token bad;
      if (!decimal_tail(c, bad)) return bad;
      back_up(c);
      return number('.');
    }
    back_up(c);
    return operation('.');
  }
  if (is_digit(c)) return number(c);
  if (c == '\'' || c == '"') return string(c, false);
  if (c == '\\') {
    if (continuation_line(failed) == kEnd) return failed;
    goto again;
  }
  if (c < 128 && !(c >= 0x20 && c < 0x7F)) {
    char hex[9];
    PyOS_snprintf(hex, sizeof hex, "%04X", c);
    return fail("invalid non-printable character U+%s", hex);
  }
  return operation(c);
}

// ---- names --------------------------------------------------------------------------------------------

Token Tokenizer::identifier(int c) {
  // Letters in front of a quote are a string's prefix.
  bool b = false, u = false, r = false, f = false;
  bool non_ascii = false;
  while (true) {
    if (!(b || u || f) && (c == 'b' || c == 'B')) b = true;
    else if (!(b || u || r || f) && (c == 'u' || c == 'U')) u = true;
    else if (!(r || u) && (c == 'r' || c == 'R')) r = true;
    else if (!(f || b || u) && (c == 'f' || c == 'F')) f = true;
    else break;
    c = advance();
    if (c == '"' || c == '\'') return string(c, f);
  }
  while (is_name_char(c)) {
    non_ascii |= c >= 128;
    c = advance();
  }
  back_up(c);
  Token failed;
  if (non_ascii && !check_identifier(failed)) return failed;
  Token result = token(T::name, start_, cur_);
  if (non_ascii) return result;
  if (const Keyword* keyword = find_keyword(source_.data() + start_, static_cast<size_t>(cur_ - start_))) {
    result.kind = keyword->kind;
    result.soft = keyword->soft;
    if (async_are_names_ && !in_coroutine_ && (result.kind == T::async_ || result.kind == T::await_)) {
      const char* rest = source_.data() + cur_;
      rest += std::strspn(rest, " \t");
      if (result.kind == T::async_ && std::strncmp(rest, "def", 3) == 0 && !is_name_char(static_cast<unsigned char>(rest[3]))) {
        in_coroutine_ = true;
        coroutine_has_line_ = false;
        coroutine_indent_ = indent_;
      } else {
        result.kind = T::name;
      }
    }
  }
  return result;
}

bool Tokenizer::check_identifier(Token& failed) {
  Ref<> text = steal(PyUnicode_DecodeUTF8(source_.data() + start_, cur_ - start_, nullptr));
  if (!text) {
    failed = Token{.kind = T::error, .lineno = lineno_, .col_offset = -1, .end_lineno = lineno_, .end_col_offset = -1};
    done_ = true;
    reached_end_ = false;
    return false;
  }
  // The longest prefix that is an identifier ends before the culprit.
  Py_ssize_t length = PyUnicode_GET_LENGTH(text.get());
  if (PyUnicode_IsIdentifier(text.get())) return true;
  Py_ssize_t good = 0;
  for (Py_ssize_t n = 1; n <= length; ++n) {
    Ref<> prefix = steal(PyUnicode_Substring(text.get(), 0, n));
    if (!prefix) {
      failed = Token{.kind = T::error};
      return false;
    }
    if (!PyUnicode_IsIdentifier(prefix.get())) break;
    good = n;
  }
  Py_UCS4 culprit = PyUnicode_READ_CHAR(text.get(), good);
  Ref<> upto = steal(PyUnicode_Substring(text.get(), 0, good + 1));
  Py_ssize_t bytes;
  if (!upto || !PyUnicode_AsUTF8AndSize(upto.get(), &bytes)) {
    failed = Token{.kind = T::error};
    return false;
  }
  cur_ = start_ + static_cast<int>(bytes);
  char hex[9];
  PyOS_snprintf(hex, sizeof hex, "%04X", static_cast<unsigned>(culprit));
  if (Py_UNICODE_ISPRINTABLE(culprit)) failed = fail("invalid character '%c' (U+%s)", culprit, hex);
  else failed = fail("invalid non-printable character U+%s", hex);
  return false;
}

// ---- numbers ------------------------------------------------------------------------------------------

// Digits with single underscores between them; `c` is the first character after them.
bool Tokenizer::decimal_tail(int& c, Token& failed) {
  while (true) {
    do c = advance();
    while (is_digit(c));
    if (c != '_') return true;
    c = advance();
    if (!is_digit(c)) {
      back_up(c);
      failed = fail("invalid decimal literal");
      return false;
    }
  }
}

// A number may be followed by a keyword without space, which is deprecated, but not by other letters.
bool Tokenizer::end_of_number(int c, const char* kind, Token& failed) {
  const char* rest = source_.data() + cur_;
  auto follows = [&](std::string_view text) {
    return std::strncmp(rest, text.data(), text.size()) == 0 && !is_name_char(static_cast<unsigned char>(rest[text.size()]));
  };
  bool keyword = false;
  switch (c) {
    case 'a': keyword = follows("nd"); break;
    case 'e': keyword = follows("lse"); break;
    case 'f': keyword = follows("or"); break;
    case 'i': keyword = *rest == 'n' || *rest == 'f' || *rest == 's'; break;
    case 'o': keyword = follows("r"); break;
    case 'n': keyword = follows("ot"); break;
    default: break;
  }
  if (keyword) {
    // Warns about the number that ends in front of `c`.
    Ref<> message = steal(PyUnicode_FromFormat("invalid %s literal", kind));
    if (!message || PyErr_WarnExplicitObject(PyExc_SyntaxWarning, message.get(), filename_ ? filename_ : Py_None, lineno_, nullptr, nullptr) < 0) {
      failed = Token{.kind = T::error};
      if (PyErr_ExceptionMatches(PyExc_SyntaxWarning)) {
        PyErr_Clear();
        back_up(c);
        failed = fail("invalid %s literal", kind);
      }
      done_ = true;
      return false;
    }
    return true;
  }
  if (!is_name_char(c)) return true;
  back_up(c);
  failed = fail("invalid %s literal", kind);
  return false;
}

bool Tokenizer::digits_with_underscores(int& c, int base, const char* kind, Token& failed) {
  auto in_base = [base](int d) { return base == 16 ? d >= 0 && Py_ISXDIGIT(d) : d >= '0' && d < '0' + base; };
  c = advance();
  do {
    if (c == '_') c = advance();
    if (!in_base(c)) {
      if (is_digit(c)) {
        failed = fail("invalid digit '%c' in %s literal", c, kind);
      } else {
        back_up(c);
        failed = fail("invalid %s literal", kind);
      }
      return false;
    }
    do c = advance();
    while (in_base(c));
  } while (c == '_');
  if (is_digit(c)) {
    failed = fail("invalid digit '%c' in %s literal", c, kind);
    return false;
  }
  return end_of_number(c, kind, failed);
}

// `c` is the first digit, or '.' when the digits after the point have been read already.
Token Tokenizer::number(int c) {
  Token failed;
  auto finish = [&](int after) {
    back_up(after);
    return token(T::number, start_, cur_);
  };
  auto imaginary = [&]() -> Token {
    int after = advance();
    if (!end_of_number(after, "imaginary", failed)) return failed;
    return finish(after);
  };
  bool fraction = c == '.';
  if (fraction) {
    c = advance();
  } else if (c == '0') {
    c = advance();
    int base = c == 'x' || c == 'X' ? 16 : c == 'o' || c == 'O' ? 8 : c == 'b' || c == 'B' ? 2 : 0;
    if (base) {
      const char* kind = base == 16 ? "hexadecimal" : base == 8 ? "octal" : "binary";
      if (!digits_with_underscores(c, base, kind, failed)) return failed;
      return finish(c);
    }
    // Zeros only, unless it is a float.
    bool nonzero = false;
    while (true) {
      if (c == '_') {
        c = advance();
        if (!is_digit(c)) {
          back_up(c);
          return fail("invalid decimal literal");
        }
      }
      if (c != '0') break;
      c = advance();
    }
    int zeros_end = cur_;
    if (is_digit(c)) {
      nonzero = true;
      if (!decimal_tail(c, failed)) return failed;
    }
    if (c != '.' && c != 'e' && c != 'E' && c != 'j' && c != 'J') {
      if (nonzero) {
        back_up(c);
        int column = start_ + 1 - line_start_;
        int end_column = zeros_end - line_start_;
        auto fail_zeros = [&](const char* format, ...) {
          va_list arguments;
          va_start(arguments, format);
          Token result = fail_range(column, end_column, format, arguments);
          va_end(arguments);
          return result;
        };
        return fail_zeros("leading zeros in decimal integer literals are not permitted; "
                          "use an 0o prefix for octal integers");
      }
      if (!end_of_number(c, "decimal", failed)) return failed;
      return finish(c);
    }
  } else if (!decimal_tail(c, failed)) {
    return failed;
  }
  if (!fraction && c == '.') {
    c = advance();
    if (is_digit(c) && !decimal_tail(c, failed)) return failed;
  }
  if (c == 'e' || c == 'E') {
    int e = c;
    c = advance();
    if (c == '+' || c == '-') {
      c = advance();
      if (!is_digit(c)) {
        back_up(c);
        return fail("invalid decimal literal");
      }
    } else if (!is_digit(c)) {
      back_up(c);
      if (!end_of_number(e, "decimal", failed)) return failed;
      return finish(e);
    }
    if (!decimal_tail(c, failed)) return failed;
  }
  if (c == 'j' || c == 'J') return imaginary();
  if (!end_of_number(c, "decimal", failed)) return failed;
  return finish(c);
}

// ---- strings ------------------------------------------------------------------------------------------

Token Tokenizer::string(int quote, bool) {
  first_lineno_ = lineno_;
  multi_line_start_ = line_start_;
  int size = 1;
  int c = advance();
  int closing = 0;
  if (c == quote) {
    c = advance();
    if (c == quote) {
      size = 3;
    } else {
      back_up(c);
      return token(T::string, start_, cur_);
    }
  } else {
    back_up(c);
  }
  while (closing != size) {
    c = advance();
    if (c == kEnd || (size == 1 && c == '\n')) {
      if (PyErr_Occurred()) return Token{.kind = T::error};
      // The position is that of the opening quote.
      cur_ = start_ + 1;
      line_start_ = multi_line_start_;
      int last_line = lineno_;
      lineno_ = first_lineno_;
      Token result = size == 3 ? fail("unterminated triple-quoted string literal (detected at line %d)", last_line)
                               : fail("unterminated string literal (detected at line %d)", last_line);
      reached_end_ = c == kEnd;
      return result;
    }
    if (c == quote) {
      ++closing;
    } else {
      closing = 0;
      if (c == '\\') advance();
    }
  }
  return token(T::string, start_, cur_);
}

// ---- operators and parentheses ------------------------------------------------------------------------

Token Tokenizer::operation(int c) {
  int length;
  T kind = operator_of(source_.data() + cur_ - 1, length);
  cur_ += length - 1;
  // Whether an operator goes on is found by looking at one more character, which may be the end.
  if (length < 3) back_up(advance());
  switch (c) {
    case '(':
    case '[':
    case '{':
      if (level_ >= kMaxParens) return fail("too many nested parentheses");
      parens_[level_++] = {static_cast<char>(c), lineno_, start_ - line_start_};
      break;
    case ')':
    case ']':
    case '}': {
      if (!level_) return fail("unmatched '%c'", c);
      const Paren& open = parens_[--level_];
      char expected = open.open == '(' ? ')' : open.open == '[' ? ']' : '}';
      if (c != expected) {
        if (open.lineno != lineno_) {
          return fail("closing parenthesis '%c' does not match opening parenthesis '%c' on line %d", c, open.open,
                      open.lineno);
        }
        return fail("closing parenthesis '%c' does not match opening parenthesis '%c'", c, open.open);
      }
      break;
    }
    default: break;
  }
  return token(kind, start_, cur_);
}

}  // namespace gill::ast
