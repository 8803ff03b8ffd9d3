// Token kinds and tokens. Each keyword and operator is a kind of its own; soft keywords are names.
#pragma once

#include <cstdint>

namespace gill::ast {

enum class T : uint8_t {
  end_marker, newline, indent, dedent, name, number, string, type_ignore, type_comment,
  async_, await_,
  // A character that no rule accepts, and the end of what a failed tokenizer delivers.
  unknown, error,

  left_paren, right_paren, left_bracket, right_bracket, left_brace, right_brace,
  colon, comma, semicolon, dot, ellipsis, at, arrow, colon_equal, equal,
  plus, minus, star, slash, vertical_bar, ampersand, less, greater, percent, tilde, caret,
  double_star, double_slash, left_shift, right_shift,
  equal_equal, not_equal, less_equal, greater_equal,
  // In the order of kAugmentedOperators (parser_statements.cpp).
  plus_equal, minus_equal, star_equal, at_equal, slash_equal, percent_equal, ampersand_equal, bar_equal, caret_equal,
  left_shift_equal, right_shift_equal, double_star_equal, double_slash_equal,

  kw_False, kw_None, kw_True, kw_and, kw_as, kw_assert, kw_break, kw_class, kw_continue, kw_def, kw_del, kw_elif,
  kw_else, kw_except, kw_finally, kw_for, kw_from, kw_global, kw_if, kw_import, kw_in, kw_is, kw_lambda, kw_nonlocal,
  kw_not, kw_or, kw_pass, kw_raise, kw_return, kw_try, kw_while, kw_with, kw_yield,
};

struct Memo;

struct Token {
  T kind;
  uint8_t soft = 0;  // of a name: SoftKeyword
  int level = 0;     // how many parentheses are open
  int start = 0;     // offsets in the source
  int end = 0;
  int lineno = 0;
  int col_offset = 0;
  int end_lineno = 0;
  int end_col_offset = 0;
  Memo* memo = nullptr;
};

enum SoftKeyword : uint8_t { kNotSoft, kSoftMatch, kSoftCase, kSoftWildcard };

}  // namespace gill::ast
