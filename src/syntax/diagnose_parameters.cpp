// Mistakes that people make in the parameters of functions and lambdas; see diagnose.cpp.
#include "syntax/parser.h"

namespace gill::ast {

void Parser::invalid_parameters(bool lambda) {
  int mark = mark_;
  auto no_default = [&] { return parameter_of_list(lambda, false, nullptr, false, false); };
  auto with_default = [&] { return parameter_of_list(lambda, false, nullptr, true, false); };
  auto maybe_default = [&] { return parameter_of_list(lambda, false, nullptr, false, true); };
  // The lists that end with a slash.
  T end = lambda ? T::colon : T::right_paren;
  auto slash_end = [&] { return accept(T::slash) && (accept(T::comma) || is(end)); };
  auto slash_no_default = [&] {
    int before = mark_;
    bool any = false;
    while (no_default()) any = true;
    if (any && !failed_ && slash_end()) return true;
    return failed_ ? false : reset(before);
  };
  auto slash_with_default = [&] {
    int before = mark_;
    bool any = false;
    while (no_default()) {
    }
    while (!failed_ && with_default()) any = true;
    if (any && !failed_ && slash_end()) return true;
    return failed_ ? false : reset(before);
  };

  while (no_default()) {
  }
  if (failed_) return;
  bool helper = slash_with_default();
  if (!helper && !failed_) {
    while (with_default()) helper = true;
  }
  if (failed_) return;
  if (helper) {
    if (Arg* a = no_default()) {
      error_on(a, "non-default argument follows default argument");
      return;
    }
    if (failed_) return;
  }
  reset(mark);
  while (no_default()) {
  }
  if (failed_) return;
  if (const Token* open = accept(T::left_paren)) {
    const Token* close = nullptr;
    if (lambda) {
      bool any = false;
      int before = mark_;
      while (Arg* a = parameter(true, false, false)) {
        (void)a;
        any = true;
        before = mark_;
        if (!accept(T::comma)) break;
      }
      if (failed_) return;
      reset(before);
      if (any) {
        accept(T::comma);
        close = accept(T::right_paren);
      }
    } else {
      bool any = false;
      while (no_default()) any = true;
      if (failed_) return;
      if (any) {
        accept(T::comma);
        close = accept(T::right_paren);
      }
    }
    if (close) {
      error_between(place(open), place(close), lambda ? "Lambda expression parameters cannot be parenthesized"
                                                      : "Function parameters cannot be parenthesized");
      return;
    }
    if (failed_) return;
  }
  reset(mark);
  if (const Token* slash = accept(T::slash)) {
    if (accept(T::comma)) {
      error_on(slash, "at least one argument must precede /");
      return;
    }
    reset(mark);
  }
  bool slashed = slash_no_default() || slash_with_default();
  if (failed_) return;
  int after_slash = mark_;
  if (slashed) {
    while (maybe_default()) {
    }
    if (failed_) return;
    if (const Token* slash = accept(T::slash)) {
      error_on(slash, "/ may appear only once");
      return;
    }
  }
  reset(after_slash);
  while (maybe_default()) {
  }
  if (failed_) return;
  if (accept(T::star) && (accept(T::comma) || no_default())) {
    while (maybe_default()) {
    }
    if (failed_) return;
    if (const Token* slash = accept(T::slash)) {
      error_on(slash, "/ must be ahead of *");
      return;
    }
  }
  if (failed_) return;
  reset(mark);
  bool any = false;
  while (maybe_default()) any = true;
  if (failed_) return;
  if (any && accept(T::slash)) {
    if (const Token* star = accept(T::star)) error_on(star, "expected comma between / and *");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_star_parameters(bool lambda) {
  int mark = mark_;
  T end = lambda ? T::colon : T::right_paren;
  const Token* star = accept(T::star);
  if (is(end)) {
    if (lambda) error("named arguments must follow bare *");
    else error_on(star, "named arguments must follow bare *");
    return;
  }
  if (accept(T::comma)) {
    if (is(end) || is(T::double_star)) {
      ++mark_;
      if (lambda) error("named arguments must follow bare *");
      else error_on(star, "named arguments must follow bare *");
      return;
    }
    if (!lambda && accept(T::type_comment)) {
      error("bare * has associated type comment");
      return;
    }
    reset(mark + 1);
  }
  if (parameter(lambda, false, true)) {
    if (const Token* equal = accept(T::equal)) {
      error_on(equal, "var-positional argument cannot have default value");
      return;
    }
  }
  if (failed_) return;
  reset(mark + 1);
  auto no_default = [&] { return parameter_of_list(lambda, false, nullptr, false, false) != nullptr; };
  if (no_default() || accept(T::comma)) {
    while (parameter_of_list(lambda, false, nullptr, false, true)) {
    }
    if (failed_) return;
    if (const Token* again = accept(T::star)) {
      if (no_default() || accept(T::comma)) error_on(again, "* argument may appear only once");
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_double_star_parameter(bool lambda) {
  int mark = mark_++;
  if (parameter(lambda, false, true)) {
    if (const Token* equal = accept(T::equal)) {
      error_on(equal, "var-keyword argument cannot have default value");
      return;
    }
    if (accept(T::comma)) {
      if (Arg* a = parameter(lambda, false, true)) {
        error_on(a, "arguments cannot follow var-keyword argument");
      } else if (is(T::star) || is(T::double_star) || is(T::slash)) {
        error_on(peek(), "arguments cannot follow var-keyword argument");
      }
    }
  }
  if (!failed_) reset(mark);
}

}  // namespace gill::ast
