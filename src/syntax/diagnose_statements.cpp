// Mistakes that people make in statements; see diagnose.cpp.
#include "syntax/diagnose.h"

namespace gill::ast {

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
