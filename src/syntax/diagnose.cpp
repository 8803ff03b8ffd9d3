// Mistakes that people make in expressions, recognized in the second pass, and what is said about them. Those in parameters and
// statements are in diagnose_parameters.cpp and diagnose_statements.cpp.
//
// Each function stands at the place of the rule that it belongs to, leaves the position where it was unless it
// raises, and raises by setting the exception, which ends the parse.
#include "syntax/diagnose.h"

#include <string_view>

namespace gill::ast {

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

namespace {

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

}  // namespace gill::ast
