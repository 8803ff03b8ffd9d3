// From source text to tokens: indentation, line continuation, literals' extents, names, operators, comments.
//
// What is wrong with the text raises here, with the reference's message and position. Values of literals
// are read later, by the parser's actions.
#pragma once

#include "syntax/source.h"
#include "syntax/token.h"

namespace gill::ast {

inline constexpr int kMaxIndent = 100;
inline constexpr int kMaxParens = 200;

class Tokenizer {
 public:
  Tokenizer(Source& source, PyObject* filename, bool type_comments)
      : source_(source), filename_(filename), type_comments_(type_comments) {}

  // What is wrong between tokens: the parser raises it, for the text may be found wrong elsewhere first.
  enum class Problem : uint8_t { none, end_of_file, bad_dedent, inconsistent_tabs, too_deep, bad_continuation };
  Problem problem() const { return problem_; }

  // The next token; kind `error` when the exception is set or there is a problem.
  Token next();

  Source& source() { return source_; }
  const char* text() const { return source_.data(); }
  PyObject* filename() const { return filename_; }

  // Where parentheses are open.
  int level() const { return level_; }
  struct Paren {
    char open;
    int lineno;
    int column;
  };
  const Paren& innermost() const { return parens_[level_ - 1]; }

  int line() const { return lineno_; }
  void set_line(int lineno) { lineno_ = lineno; }
  int line_start() const { return line_start_; }
  int position() const { return cur_; }
  int input_end() const { return line_end_; }
  // Where the text that errors show begins: the line, or the first of the lines that one token spans.
  int buffer_start() const { return buffer_start_; }
  // Whether the text ended, perhaps inside a string.
  bool at_end() const { return reached_end_; }
  // Whether more than space and comments follows the current position.
  bool has_more_statements() const;
  // Ends all blocks, for input that is complete by being the last.
  void imply_dedents() {
    pending_ = -indent_;
    indent_ = 0;
  }
  bool is_indented() const { return indent_ > 0; }
  // Before Python 3.7 `async` and `await` were names outside `async def`.
  void set_async_are_names(bool value) { async_are_names_ = value; }

  // SyntaxError at the current position; returns an error token.
  Token fail(const char* format, ...);

 private:
  int advance();
  void back_up(int c) {
    if (c >= 0) --cur_;
  }
  bool next_line();

  Token token(T kind, int start, int end);
  Token scan();
  bool indentation(Token& failed);
  Token comment(bool& is_token);
  Token identifier(int c);
  Token number(int c);
  Token string(int c, bool is_format);
  Token operation(int c);
  bool decimal_tail(int& c, Token& failed);
  bool end_of_number(int c, const char* kind, Token& failed);
  bool digits_with_underscores(int& c, int base, const char* kind, Token& failed);
  bool check_identifier(Token& failed);
  int continuation_line(Token& failed);
  Token stop(Problem problem);
  Token fail_range(int column, int end_column, const char* format, va_list arguments);

  Source& source_;
  PyObject* filename_;
  bool type_comments_;
  bool async_are_names_ = false;
  bool in_coroutine_ = false;
  bool coroutine_has_line_ = false;
  int coroutine_indent_ = 0;

  int cur_ = 0;
  int line_end_ = 0;  // of what has been read
  int start_ = -1;    // of the token; -1 between tokens
  int line_start_ = 0;
  int multi_line_start_ = 0;
  int lineno_ = 0;
  int first_lineno_ = 0;
  bool done_ = false;         // no more characters, because of an error or the end
  bool reached_end_ = false;
  Problem problem_ = Problem::none;
  int buffer_start_ = 0;
  bool at_line_start_ = true;
  int pending_ = 0;  // indents, or dedents when negative
  bool blank_line_ = false;

  int indent_ = 0;
  struct Indent {
    int column;
    int alternative;  // with tabs of width one: disagreement is what TabError is about
  };
  Indent indents_[kMaxIndent] = {};
  int level_ = 0;
  Paren parens_[kMaxParens];
};

}  // namespace gill::ast
