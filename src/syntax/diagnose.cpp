// Mistakes that people make, recognized in the second pass, and what is said about them.
//
// Each function stands at the place of the rule that it belongs to, leaves the position where it was unless it
// raises, and raises by setting the exception, which ends the parse.
#include <string_view>

#include "syntax/parser.h"

namespace gill::ast {

namespace {

// What an expression is called in messages.
const char* name_of(const Expr* e) {
  switch (e->kind) {
    case ExprKind::Attribute: return "attribute";
    case ExprKind::Subscript: return "subscript";
    case ExprKind::Starred: return "starred";
    case ExprKind::Name: return "name";
    case ExprKind::List: return "list";
    case ExprKind::Tuple: return "tuple";
    case ExprKind::Lambda: return "lambda";
    case ExprKind::Call: return "function call";
    case ExprKind::BoolOp:
    case ExprKind::BinOp:
    case ExprKind::UnaryOp: return "expression";
    case ExprKind::GeneratorExp: return "generator expression";
    case ExprKind::Yield:
    case ExprKind::YieldFrom: return "yield expression";
    case ExprKind::Await: return "await expression";
    case ExprKind::ListComp: return "list comprehension";
    case ExprKind::SetComp: return "set comprehension";
    case ExprKind::DictComp: return "dict comprehension";
    case ExprKind::Dict: return "dict literal";
    case ExprKind::Set: return "set display";
    case ExprKind::JoinedStr:
    case ExprKind::FormattedValue: return "f-string expression";
    case ExprKind::Constant: {
      const PyObject* value = as<Constant>(e)->value;
      if (value == Py_None) return "None";
      if (value == Py_False) return "False";
      if (value == Py_True) return "True";
      if (value == Py_Ellipsis) return "ellipsis";
      return "literal";
    }
    case ExprKind::Compare: return "comparison";
    case ExprKind::IfExp: return "conditional expression";
    case ExprKind::NamedExpr: return "named expression";
    default: return "expression";
  }
}

// The part of a would-be target that cannot be one, or null.
Expr* wrong_part(Expr* e, Target kind) {
  auto among = [kind](ExprList& items) -> Expr* {
    for (Expr* item : items) {
      if (Expr* wrong = wrong_part(item, kind)) return wrong;
    }
    return nullptr;
  };
  switch (e->kind) {
    case ExprKind::List: return among(as<List>(e)->elts);
    case ExprKind::Tuple: return among(as<Tuple>(e)->elts);
    case ExprKind::Starred: return kind == Target::del ? e : wrong_part(as<Starred>(e)->value, kind);
    case ExprKind::Compare:
      // `for f() in x` was read as a comparison.
      if (kind == Target::for_loop) {
        auto* compare = as<Compare>(e);
        return compare->ops[0] == CmpOp::In ? wrong_part(compare->left, kind) : nullptr;
      }
      return e;
    case ExprKind::Name:
    case ExprKind::Subscript:
    case ExprKind::Attribute: return nullptr;
    default: return e;
  }
}

// compat: the reference takes the beginnings of `match` and `case` for them here.
bool begins_soft_keyword(const char* text, int size) {
  for (std::string_view word : {"_", "case", "match"}) {
    if (word.starts_with(std::string_view(text, static_cast<size_t>(size)))) return true;
  }
  return false;
}

const Located& last_of(const Comprehension* clause) {
  return clause->ifs.empty() ? *clause->iter : *clause->ifs.back();
}

}  // namespace

void Parser::invalid_target(Target kind, Expr* e) {
  Expr* wrong = e ? wrong_part(e, kind) : nullptr;
  if (!wrong) return;
  error_on(wrong, kind == Target::del ? "cannot delete %s" : "cannot assign to %s", name_of(wrong));
}

// ---- expressions --------------------------------------------------------------------------------------

bool Parser::is_legacy_statement(const Expr* e) {
  if (e->kind != ExprKind::Name) return false;
  PyObject* id = as<Name>(e)->id;
  return PyUnicode_CompareWithASCIIString(id, "print") == 0 || PyUnicode_CompareWithASCIIString(id, "exec") == 0;
}

void Parser::invalid_expression() {
  int mark = mark_;
  const Token* start = peek();
  // A prefix that is no prefix and a soft keyword have errors of their own.
  bool skip = start->kind == T::name &&
              (begins_soft_keyword(tokenizer_.text() + start->start, start->end - start->start) || kind_after() == T::string);
  if (!skip) {
    Expr* a = disjunction();
    Expr* b = a ? expression_without_diagnosis() : nullptr;
    if (b && !is_legacy_statement(a) && at(mark_ - 1)->level != 0) {
      error_between(*a, *b, "invalid syntax. Perhaps you forgot a comma?");
    }
    if (failed_) return;
    reset(mark);
  }
  Expr* a = disjunction();
  if (a && accept(T::kw_if)) {
    Expr* b = disjunction();
    if (b && !is(T::kw_else) && !is(T::colon)) error_between(*a, *b, "expected 'else' after 'if' expression");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_legacy_expression() {
  if (!is(T::name) || kind_after() == T::left_paren) return;
  int mark = mark_;
  Expr* a = name_token(Context::Load);
  if (a && is_legacy_statement(a)) {
    if (Expr* b = star_expressions()) {
      PyObject* id = as<Name>(a)->id;
      error_between(*a, *b, "Missing parentheses in call to '%U'. Did you mean %U(...)?", id, id);
    }
  } else if (a) {
    star_expressions();
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_named_expression() {
  memoized(Rule::invalid_named_expression, [&]() -> Expr* {
    int mark = mark_;
    Expr* a = expression();
    if (a && accept(T::colon_equal) && expression()) {
      return error_on(a, "cannot use assignment expressions with %s", name_of(a));
    }
    if (failed_) return nullptr;
    reset(mark);
    if (is(T::name) && kind_after() == T::equal) {
      a = name_token(Context::Load);
      ++mark_;
      Expr* b = bitwise_or();
      if (b && !is(T::equal) && !is(T::colon_equal)) {
        return error_between(*a, *b, "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
      }
      if (failed_) return nullptr;
      reset(mark);
    }
    bool display = false;
    switch (peek()->kind) {
      case T::left_bracket: display = list(); break;
      case T::left_paren:
        display = tuple();
        if (!display && !failed_) {
          reset(mark);
          display = generator();
        }
        break;
      case T::kw_True:
      case T::kw_None:
      case T::kw_False: display = true; break;
      default: break;
    }
    if (failed_) return nullptr;
    reset(mark);
    if (display) return nullptr;
    a = bitwise_or();
    if (a && accept(T::equal) && bitwise_or() && !is(T::equal) && !is(T::colon_equal)) {
      return error_on(a, "cannot assign to %s here. Maybe you meant '==' instead of '='?", name_of(a));
    }
    if (!failed_) reset(mark);
    return nullptr;
  });
}

void Parser::invalid_group() {
  int mark = mark_++;
  if (is(T::star)) {
    Expr* a = starred_expression();
    if (a && accept(T::right_paren)) error_on(a, "cannot use starred expression here");
  } else if (const Token* star = accept(T::double_star)) {
    if (expression() && accept(T::right_paren)) error_on(star, "cannot use double starred expression here");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_comprehension() {
  int mark = mark_;
  T open = peek()->kind;
  ++mark_;
  ComprehensionList clauses{};
  if (is(T::star)) {
    Expr* a = starred_expression();
    if (a && comprehension_clauses(clauses)) error_on(a, "iterable unpacking cannot be used in comprehension");
    if (failed_) return;
    reset(mark + 1);
  }
  if (open != T::left_paren) {
    Expr* a = star_named_expression();
    const Token* comma = a ? accept(T::comma) : nullptr;
    if (comma) {
      int after = mark_;
      ExprList more{};
      if (star_named_expressions(more) && comprehension_clauses(clauses)) {
        error_between(*a, *more.back(), "did you forget parentheses around the comprehension target?");
      }
      if (failed_) return;
      reset(after);
      if (comprehension_clauses(clauses)) {
        error_between(*a, place(comma), "did you forget parentheses around the comprehension target?");
      }
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_dict_comprehension() {
  int mark = mark_++;
  if (const Token* star = accept(T::double_star)) {
    ComprehensionList clauses{};
    if (bitwise_or() && comprehension_clauses(clauses) && accept(T::right_brace)) {
      error_on(star, "dict unpacking cannot be used in dict comprehension");
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_double_starred_pairs() {
  int mark = mark_;
  {
    int before = mark_;
    bool any = false;
    while (key_value(true)) {
      any = true;
      before = mark_;
      if (!accept(T::comma)) break;
    }
    if (failed_) return;
    if (any) {
      reset(before);
      if (accept(T::comma)) invalid_key_value();
    }
    if (failed_) return;
    reset(mark);
  }
  Expr* key = expression();
  if (key && is(T::colon)) {
    const Token* colon = accept(T::colon);
    if (const Token* star = accept(T::star)) {
      if (bitwise_or()) error_from(place(star), "cannot use a starred expression in a dictionary value");
    } else if (is(T::right_brace) || is(T::comma)) {
      error_on(colon, "expression expected after dictionary key and ':'");
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_key_value() {
  int mark = mark_;
  Expr* key = expression();
  if (key && !is(T::colon)) {
    error_at_column(*key, key->end_col_offset - 1, key->end_lineno, "':' expected after dictionary key");
  } else if (key) {
    const Token* colon = accept(T::colon);
    if (const Token* star = accept(T::star)) {
      if (bitwise_or()) error_from(place(star), "cannot use a starred expression in a dictionary value");
    } else if (is(T::right_brace) || is(T::comma)) {
      error_on(colon, "expression expected after dictionary key and ':'");
    }
  }
  if (!failed_) reset(mark);
}

// ---- arguments ----------------------------------------------------------------------------------------

void Parser::invalid_arguments() {
  int mark = mark_;
  ComprehensionList clauses{};
  CallArguments* a = args();
  if (a && accept(T::comma) && accept(T::star)) {
    error_on(a, "iterable argument unpacking follows keyword argument unpacking");
  }
  if (failed_) return;
  reset(mark);
  Expr* e = expression();
  if (e && comprehension_clauses(clauses) && accept(T::comma)) {
    int after = mark_;
    if (!args() && !failed_) {
      reset(after);
      ComprehensionList more{};
      if (!(expression() && comprehension_clauses(more)) && !failed_) reset(after);
    }
    error_between(*e, last_of(clauses.back()), "Generator expression must be parenthesized");
  }
  if (failed_) return;
  reset(mark);
  if (is(T::name) && kind_after() == T::equal) {
    const Token* name = accept(T::name);
    const Token* equal = accept(T::equal);
    if (expression() && comprehension_clauses(clauses)) {
      error_between(place(name), place(equal), "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
    }
    if (failed_) return;
    reset(mark);
  }
  a = args();
  if (a && comprehension_clauses(clauses) && a->args.size() > 1) {
    error_between(*a->args.back(), last_of(clauses.back()), "Generator expression must be parenthesized");
  }
  if (failed_) return;
  reset(mark);
  if (args() && accept(T::comma)) {
    e = expression();
    if (e && comprehension_clauses(clauses)) {
      error_between(*e, *clauses.back()->target, "Generator expression must be parenthesized");
    }
  }
  if (failed_) return;
  reset(mark);
  a = args();
  if (a && accept(T::comma) && args()) {
    bool unpacking = false;
    for (const Keyword* keyword : a->keywords) unpacking |= !keyword->arg;
    error(unpacking ? "positional argument follows keyword argument unpacking"
                    : "positional argument follows keyword argument");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_keyword_argument() {
  int mark = mark_;
  const Token* start = peek();
  if (start->kind == T::kw_True || start->kind == T::kw_False || start->kind == T::kw_None) {
    ++mark_;
    if (const Token* equal = accept(T::equal)) {
      const char* word = start->kind == T::kw_True ? "True" : start->kind == T::kw_False ? "False" : "None";
      error_between(place(start), place(equal), "cannot assign to %s", word);
      return;
    }
    reset(mark);
  }
  if (start->kind == T::name && kind_after() == T::equal) {
    ++mark_;
    const Token* equal = accept(T::equal);
    ComprehensionList clauses{};
    if (expression() && comprehension_clauses(clauses)) {
      error_between(place(start), place(equal), "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
    }
  } else {
    Expr* a = expression();
    const Token* equal = a ? accept(T::equal) : nullptr;
    if (equal) {
      error_between(*a, place(equal), "expression cannot contain assignment, perhaps you meant \"==\"?");
    }
  }
  if (!failed_) reset(mark);
}

// ---- parameters ---------------------------------------------------------------------------------------

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

// ---- simple statements --------------------------------------------------------------------------------

Expr* Parser::invalid_annotation_target() {
  int mark = mark_;
  if (is(T::left_bracket)) {
    if (Expr* e = list()) return e;
  } else if (is(T::left_paren)) {
    if (Expr* e = tuple()) return e;
    if (failed_) return nullptr;
    reset(mark + 1);
    Expr* e = invalid_annotation_target();
    if (e && accept(T::right_paren)) return e;
  }
  if (!failed_) reset(mark);
  return nullptr;
}

void Parser::invalid_assignment() {
  int mark = mark_;
  Expr* a = invalid_annotation_target();
  if (a && accept(T::colon) && expression()) {
    error_on(a, "only single target (not %s) can be annotated", a->kind == ExprKind::List ? "list" : "tuple");
  }
  if (failed_) return;
  reset(mark);
  a = star_named_expression();
  if (a && accept(T::comma)) {
    ExprList more{};
    while (star_named_expressions(more)) {
    }
    if (!failed_ && accept(T::colon) && expression()) {
      error_on(a, "only single target (not tuple) can be annotated");
    }
  }
  if (failed_) return;
  reset(mark);
  a = expression();
  if (a && accept(T::colon) && expression()) error_on(a, "illegal target for annotation");
  if (failed_) return;
  reset(mark);
  auto skip_targets = [&] {
    int before = mark_;
    while (star_targets() && accept(T::equal)) before = mark_;
    if (!failed_) reset(before);
  };
  skip_targets();
  if (failed_) return;
  a = star_expressions();
  if (a && accept(T::equal)) {
    invalid_target(Target::star, a);
    return;
  }
  if (failed_) return;
  reset(mark);
  skip_targets();
  if (failed_) return;
  a = yield_expression();
  if (a && accept(T::equal)) {
    error_on(a, "assignment to yield expression not possible");
    return;
  }
  if (failed_) return;
  reset(mark);
  a = star_expressions();
  Operator op;
  if (a && augmented_operator(op)) {
    ++mark_;
    if (is(T::kw_yield) ? yield_expression() : star_expressions()) {
      error_on(a, "'%s' is an illegal expression for augmented assignment", name_of(a));
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_delete() {
  int mark = mark_++;
  if (Expr* a = star_expressions()) invalid_target(Target::del, a);
  if (!failed_) reset(mark);
}

void Parser::invalid_import_targets() {
  int mark = mark_;
  AliasList names{};
  if (import_as_names(names) && accept(T::comma) && accept(T::newline)) {
    error("trailing comma not allowed without surrounding parentheses");
  }
  if (!failed_) reset(mark);
}

// ---- compound statements ------------------------------------------------------------------------------

// After a colon: whether the line ends and no block follows, which raises.
bool Parser::missing_block(const Token* keyword, const char* after) {
  if (!accept(T::colon) || !accept(T::newline) || is(T::indent) || failed_) return false;
  indentation_error("expected an indented block after %s on line %d", after, keyword->lineno);
  return true;
}

void Parser::invalid_condition(T, const char* word) {
  int mark = mark_;
  const Token* keyword = peek();
  ++mark_;
  if (named_expression()) {
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
    if (failed_) return;
    char after[32];
    PyOS_snprintf(after, sizeof after, "'%s' statement", word);
    missing_block(keyword, after);
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_block_after(T, const char* word) {
  int mark = mark_;
  const Token* keyword = peek();
  ++mark_;
  char after[32];
  PyOS_snprintf(after, sizeof after, "'%s' statement", word);
  missing_block(keyword, after);
  if (!failed_) reset(mark);
}

void Parser::invalid_for() {
  int mark = mark_;
  accept(T::async_);
  const Token* keyword = accept(T::kw_for);
  if (keyword && star_targets() && accept(T::kw_in) && star_expressions()) {
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
    if (!failed_) missing_block(keyword, "'for' statement");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_for_target() {
  int mark = mark_;
  accept(T::async_);
  if (accept(T::kw_for)) {
    if (Expr* a = star_expressions()) {
      invalid_target(Target::for_loop, a);
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_with_item() {
  int mark = mark_;
  if (expression() && accept(T::kw_as)) {
    Expr* a = expression();
    if (a && (is(T::comma) || is(T::right_paren) || is(T::colon))) invalid_target(Target::star, a);
  }
  if (!failed_) reset(mark);
}

// Items without their colon, or (`indent`) without their block.
void Parser::invalid_with(bool indent) {
  int mark = mark_;
  accept(T::async_);
  const Token* keyword = accept(T::kw_with);
  if (!keyword) {
    if (!failed_) reset(mark);
    return;
  }
  auto items = [&](bool parenthesized) {
    int before = mark_;
    bool any = false;
    while (parenthesized ? expressions() : expression()) {
      int point = mark_;
      if (accept(T::kw_as) && !star_target() && !failed_) reset(point);
      any = true;
      before = mark_;
      if (!accept(T::comma)) break;
    }
    if (!failed_) reset(before);
    return any && !failed_;
  };
  auto finish = [&] {
    if (indent) {
      missing_block(keyword, "'with' statement");
    } else if (accept(T::newline)) {
      error("expected ':'");
    }
  };
  if (items(false)) finish();
  if (failed_) return;
  reset(mark);
  accept(T::async_);
  ++mark_;
  if (accept(T::left_paren) && items(true)) {
    accept(T::comma);
    if (accept(T::right_paren)) finish();
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_try() {
  int mark = mark_;
  const Token* keyword = accept(T::kw_try);
  missing_block(keyword, "'try' statement");
  if (failed_) return;
  reset(mark + 1);
  StmtList body{};
  if (accept(T::colon) && block(body) && !is(T::kw_except) && !is(T::kw_finally)) {
    error("expected 'except' or 'finally' block");
  }
  if (failed_) return;
  reset(mark + 1);
  if (accept(T::colon)) {
    while (block(body)) {
    }
    if (failed_) return;
    constexpr const char* kMixed = "cannot have both 'except' and 'except*' on the same 'try'";
    auto type_and_colon = [&] {
      if (expression()) {
        int point = mark_;
        if (accept(T::kw_as) && !accept(T::name) && !failed_) reset(point);
      }
      return accept(T::colon) != nullptr;
    };
    ExceptHandlerList handlers{};
    int before = mark_;
    if (except_blocks(handlers, false)) {
      const Token* word = accept(T::kw_except);
      const Token* star = word ? accept(T::star) : nullptr;
      if (star && type_and_colon()) error_between(place(word), place(star), kMixed);
    }
    if (failed_) return;
    reset(before);
    if (except_blocks(handlers, true)) {
      const Token* word = accept(T::kw_except);
      if (word && type_and_colon()) error_on(word, kMixed);
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_except() {
  int mark = mark_;
  ++mark_;
  bool star = accept(T::star);
  auto as_name = [&] {
    int point = mark_;
    if (accept(T::kw_as) && !accept(T::name) && !failed_) reset(point);
  };
  Expr* a = expression();
  if (a && accept(T::comma) && expressions()) {
    as_name();
    if (accept(T::colon)) {
      error_from(*a, "multiple exception types must be parenthesized");
      return;
    }
  }
  if (failed_) return;
  reset(mark + (star ? 2 : 1));
  if (expression()) {
    as_name();
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
  }
  if (failed_) return;
  reset(mark + 1);
  if (accept(T::newline)) {
    error("expected ':'");
    return;
  }
  if (accept(T::star) && (accept(T::newline) || accept(T::colon))) {
    error("expected one or more exception types");
    return;
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_except_indent(bool star) {
  int mark = mark_;
  const Token* keyword = accept(T::kw_except);
  const char* after = star ? "'except*' statement" : "'except' statement";
  if (star && !accept(T::star)) {
    if (!failed_) reset(mark);
    return;
  }
  if (expression()) {
    int point = mark_;
    if (accept(T::kw_as) && !accept(T::name) && !failed_) reset(point);
    missing_block(keyword, after);
  } else if (!star && !failed_) {
    missing_block(keyword, after);
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_function_definition() {
  int mark = mark_;
  accept(T::async_);
  const Token* keyword = accept(T::kw_def);
  if (keyword && accept(T::name) && accept(T::left_paren)) {
    parameters(false);
    if (!failed_ && accept(T::right_paren)) {
      int point = mark_;
      if (accept(T::arrow) && !expression() && !failed_) reset(point);
      missing_block(keyword, "function definition");
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_class_definition() {
  int mark = mark_;
  const Token* keyword = accept(T::kw_class);
  if (accept(T::name)) {
    int point = mark_;
    if (accept(T::left_paren)) {
      arguments();
      if (!failed_ && !accept(T::right_paren)) reset(point);
    }
    if (failed_) return;
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
    missing_block(keyword, "class definition");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_match() {
  int mark = mark_;
  const Token* keyword = peek();
  ++mark_;
  if (subject()) {
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
    missing_block(keyword, "'match' statement");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_case() {
  int mark = mark_;
  const Token* keyword = peek();
  ++mark_;
  if (patterns()) {
    int point = mark_;
    if (accept(T::kw_if) && !named_expression() && !failed_) reset(point);
    if (accept(T::newline)) {
      error("expected ':'");
      return;
    }
    missing_block(keyword, "'case' statement");
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_as_pattern() {
  int mark = mark_;
  if (or_pattern() && accept(T::kw_as)) {
    if (is_soft(kSoftWildcard)) {
      error_on(peek(), "cannot use '_' as a target");
    } else if (!is(T::name)) {
      if (Expr* a = expression()) error_on(a, "invalid pattern target");
    }
  }
  if (!failed_) reset(mark);
}

void Parser::invalid_class_pattern() {
  int mark = mark_;
  Expr* cls = attribute_name();
  if (!cls && !failed_) cls = name_token(Context::Load);
  if (cls && accept(T::left_paren)) {
    auto is_keyword = [&] { return is(T::name) && kind_after() == T::equal; };
    while (!is(T::right_paren) && !is_keyword()) {
      if (!pattern() || !accept(T::comma)) break;
    }
    bool keywords = false;
    bool comma = false;
    while (!failed_ && is_keyword()) {
      mark_ += 2;
      comma = false;
      if (!pattern()) break;
      keywords = true;
      if (!(comma = accept(T::comma))) break;
    }
    if (keywords && comma && !failed_) {
      Items<Pattern> found(*this);
      while (!is_keyword()) {
        Pattern* p = pattern();
        if (!p) break;
        found.push(p);
        if (!accept(T::comma)) break;
      }
      if (!failed_ && found.size()) {
        error_between(*found[0], *found[found.size() - 1], "positional patterns follow keyword patterns");
      }
    }
  }
  if (!failed_) reset(mark);
}

}  // namespace gill::ast
