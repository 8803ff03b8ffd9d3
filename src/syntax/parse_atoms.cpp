// Atoms: names, literals, parenthesized and bracketed displays, comprehensions.
#include "syntax/parser.h"

namespace gill::ast {

Expr* Parser::name_token(Context ctx) {
  const Token* token = accept(T::name);
  if (!token) return nullptr;
  PyObject* id = identifier(token);
  auto* e = make<Name>(token);
  if (!id || !e) return nullptr;
  e->id = id;
  e->ctx = ctx;
  return e;
}

Expr* Parser::constant(const Token* token, PyObject* value) {
  auto* e = make<Constant>(token);
  if (!e || !value) return nullptr;
  if (!arena_.keep(value)) {
    out_of_memory();
    return nullptr;
  }
  e->value = value;
  return e;
}

Expr* Parser::atom() {
  const Token* token = peek();
  switch (token->kind) {
    case T::name: return name_token(Context::Load);
    case T::kw_True: ++mark_; return constant(token, Py_True);
    case T::kw_False: ++mark_; return constant(token, Py_False);
    case T::kw_None: ++mark_; return constant(token, Py_None);
    case T::ellipsis: ++mark_; return constant(token, Py_Ellipsis);
    case T::string: return strings();
    case T::number: return number();
    case T::left_paren: return parenthesized();
    case T::left_bracket: return bracketed();
    case T::left_brace: return braced();
    default: return nullptr;
  }
}

Expr* Parser::strings() {
  return memoized(Rule::strings, [&] { return strings_unremembered(); });
}

template <class Node>
Expr* Parser::comprehension_of(const Token* start, Expr* element, const ComprehensionList& clauses) {
  auto* e = make<Node>(start);
  if (!e) return nullptr;
  e->elt = element;
  e->generators = clauses;
  return e;
}

Expr* Parser::parenthesized() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  if (diagnose_) {
    Expr* (Parser::*const alternatives[])() = {&Parser::tuple, &Parser::group, &Parser::generator};
    for (auto alternative : alternatives) {
      if (Expr* e = (this->*alternative)()) return e;
      if (failed_) return nullptr;
      reset(mark);
    }
    return nullptr;
  }
  const Token* start = accept(T::left_paren);
  if (accept(T::right_paren)) return make<Tuple>(start);
  Expr* first = is(T::kw_yield) ? nullptr : star_named_expression();
  if (!first) {
    if (failed_ || !(first = yield_expression())) return nullptr;
    return accept(T::right_paren) ? first : nullptr;
  }
  switch (peek()->kind) {
    case T::right_paren:
      if (first->kind == ExprKind::Starred && at(mark + 1)->kind == T::star) return nullptr;
      ++mark_;
      return first;
    case T::comma: {
      Items<Expr> items(*this);
      items.push(first);
      while (accept(T::comma)) {
        if (is(T::right_paren)) break;
        Expr* e = star_named_expression();
        if (!e) return nullptr;
        items.push(e);
      }
      if (!accept(T::right_paren)) return nullptr;
      auto* e = make<Tuple>(start);
      return e && items.finish(e->elts) ? e : nullptr;
    }
    case T::kw_for:
    case T::async_: {
      if (first->kind == ExprKind::Starred && at(mark + 1)->kind == T::star) return nullptr;
      ComprehensionList clauses{};
      if (!comprehension_clauses(clauses) || !accept(T::right_paren)) return nullptr;
      return comprehension_of<GeneratorExp>(start, first, clauses);
    }
    default: return nullptr;
  }
}

Expr* Parser::tuple() {
  const Token* start = accept(T::left_paren);
  if (!start) return nullptr;
  ExprList elements{};
  if (!is(T::right_paren)) {
    Items<Expr> items(*this);
    Expr* first = star_named_expression();
    if (!first || !accept(T::comma)) return nullptr;
    items.push(first);
    ExprList more{};
    if (star_named_expressions(more)) {
      for (Expr* e : more) items.push(e);
    }
    if (failed_ || !items.finish(elements)) return nullptr;
  }
  if (!accept(T::right_paren)) return nullptr;
  auto* e = make<Tuple>(start);
  if (e) e->elts = elements;
  return e;
}

Expr* Parser::group() {
  int mark = mark_;
  if (!accept(T::left_paren)) return nullptr;
  Expr* e = yield_expression();
  if (!e && !failed_) e = named_expression();
  if (e && accept(T::right_paren)) return e;
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_group();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

template <class Node>
Expr* Parser::enclosed_comprehension(T open, T close, Expr* (Parser::*element_rule)()) {
  int mark = mark_;
  const Token* start = accept(open);
  if (!start) return nullptr;
  Expr* element = (this->*element_rule)();
  ComprehensionList clauses{};
  if (element && comprehension_clauses(clauses) && accept(close)) return comprehension_of<Node>(start, element, clauses);
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_comprehension();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

Expr* Parser::generator() {
  return enclosed_comprehension<GeneratorExp>(T::left_paren, T::right_paren, &Parser::plain_or_assignment_expression);
}

Expr* Parser::bracketed() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  if (diagnose_) {
    if (Expr* e = list()) return e;
    if (failed_) return nullptr;
    reset(mark);
    return list_comprehension();
  }
  const Token* start = accept(T::left_bracket);
  Items<Expr> items(*this);
  if (!is(T::right_bracket)) {
    Expr* first = star_named_expression();
    if (!first) return nullptr;
    if (is(T::kw_for) || is(T::async_)) {
      if (at(mark + 1)->kind == T::star) return nullptr;
      ComprehensionList clauses{};
      if (!comprehension_clauses(clauses) || !accept(T::right_bracket)) return nullptr;
      return comprehension_of<ListComp>(start, first, clauses);
    }
    items.push(first);
    while (accept(T::comma)) {
      if (is(T::right_bracket)) break;
      Expr* e = star_named_expression();
      if (!e) return nullptr;
      items.push(e);
    }
  }
  if (!accept(T::right_bracket)) return nullptr;
  auto* e = make<List>(start);
  return e && items.finish(e->elts) ? e : nullptr;
}

Expr* Parser::list() {
  const Token* start = accept(T::left_bracket);
  if (!start) return nullptr;
  ExprList elements{};
  star_named_expressions(elements);
  if (!accept(T::right_bracket)) return nullptr;
  auto* e = make<List>(start);
  if (e) e->elts = elements;
  return e;
}

Expr* Parser::list_comprehension() {
  return enclosed_comprehension<ListComp>(T::left_bracket, T::right_bracket, &Parser::named_expression);
}

KeyValue* Parser::key_value(bool double_starred) {
  int mark = mark_;
  auto* pair = static_cast<KeyValue*>(arena_.allocate(sizeof(KeyValue)));
  if (!pair) {
    out_of_memory();
    return nullptr;
  }
  if (double_starred && accept(T::double_star)) {
    pair->value = bitwise_or();
  } else {
    pair->key = expression();
    pair->value = pair->key && accept(T::colon) ? expression() : nullptr;
  }
  if (pair->value) return pair;
  if (!failed_) reset(mark);
  return nullptr;
}

Expr* Parser::finish_dict(const Token* start, int base) {
  auto* e = make<Dict>(start);
  int count = stack_size_ - base;
  if (!e) return nullptr;
  if (count && (!e->keys.reserve(arena_, static_cast<size_t>(count)) || !e->values.reserve(arena_, static_cast<size_t>(count)))) {
    out_of_memory();
    return nullptr;
  }
  for (int i = base; i < stack_size_; ++i) {
    auto* pair = static_cast<KeyValue*>(stack_[i]);
    e->keys.append(pair->key);
    e->values.append(pair->value);
  }
  return e;
}

Expr* Parser::braced() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  if (diagnose_) return braced_diagnosed();
  if (Expr* e = braced_plain()) return e;
  if (failed_) return nullptr;
  // compat: what is wrong with a dict's pairs is said in the first pass already.
  remembering_ = true;
  reset(mark + 1);
  invalid_double_starred_pairs();
  return nullptr;
}

Expr* Parser::braced_plain() {
  int mark = mark_;
  const Token* start = accept(T::left_brace);
  if (accept(T::right_brace)) return make<Dict>(start);
  bool is_dict = is(T::double_star);
  Expr* first = nullptr;
  if (!is_dict) {
    first = star_named_expression();
    if (!first) return nullptr;
    is_dict = is(T::colon);
    if (is_dict && (at(mark + 1)->kind == T::star || at(mark + 2)->kind == T::colon_equal)) return nullptr;
  }
  if (is_dict) {
    Items<KeyValue> pairs(*this);
    bool can_be_comprehension = first;
    while (true) {
      KeyValue* pair;
      if (first) {
        pair = static_cast<KeyValue*>(arena_.allocate(sizeof(KeyValue)));
        if (!pair) {
          out_of_memory();
          return nullptr;
        }
        ++mark_;
        pair->key = std::exchange(first, nullptr);
        pair->value = expression();
        if (!pair->value) return nullptr;
      } else {
        pair = key_value(true);
        if (!pair) return nullptr;
      }
      if (can_be_comprehension && (is(T::kw_for) || is(T::async_))) {
        ComprehensionList clauses{};
        if (!comprehension_clauses(clauses) || !accept(T::right_brace)) return nullptr;
        auto* e = make<DictComp>(start);
        if (!e) return nullptr;
        e->key = pair->key;
        e->value = pair->value;
        e->generators = clauses;
        return e;
      }
      can_be_comprehension = false;
      pairs.push(pair);
      if (!accept(T::comma) || is(T::right_brace)) break;
    }
    if (!accept(T::right_brace)) return nullptr;
    return finish_dict(start, pairs.base());
  }
  if (is(T::kw_for) || is(T::async_)) {
    if (at(mark + 1)->kind == T::star) return nullptr;
    ComprehensionList clauses{};
    if (!comprehension_clauses(clauses) || !accept(T::right_brace)) return nullptr;
    return comprehension_of<SetComp>(start, first, clauses);
  }
  Items<Expr> items(*this);
  items.push(first);
  while (accept(T::comma)) {
    if (is(T::right_brace)) break;
    Expr* e = star_named_expression();
    if (!e) return nullptr;
    items.push(e);
  }
  if (!accept(T::right_brace)) return nullptr;
  auto* e = make<Set>(start);
  return e && items.finish(e->elts) ? e : nullptr;
}

Expr* Parser::braced_diagnosed() {
  int mark = mark_;
  const Token* start = accept(T::left_brace);
  {
    Items<KeyValue> pairs(*this);
    int before = mark_;
    do {
      KeyValue* pair = key_value(true);
      if (!pair) break;
      pairs.push(pair);
      before = mark_;
    } while (accept(T::comma));
    if (failed_) return nullptr;
    reset(before);
    if (pairs.size()) accept(T::comma);
    if (accept(T::right_brace)) return finish_dict(start, pairs.base());
  }
  if (failed_) return nullptr;
  reset(mark + 1);
  invalid_double_starred_pairs();
  if (failed_) return nullptr;
  reset(mark + 1);
  ExprList elements{};
  if (star_named_expressions(elements) && accept(T::right_brace)) {
    auto* e = make<Set>(start);
    if (e) e->elts = elements;
    return e;
  }
  if (failed_) return nullptr;
  reset(mark + 1);
  ComprehensionList clauses{};
  KeyValue* pair = key_value(false);
  if (pair && comprehension_clauses(clauses) && accept(T::right_brace)) {
    auto* e = make<DictComp>(start);
    if (!e) return nullptr;
    e->key = pair->key;
    e->value = pair->value;
    e->generators = clauses;
    return e;
  }
  if (failed_) return nullptr;
  reset(mark);
  invalid_dict_comprehension();
  if (failed_) return nullptr;
  reset(mark + 1);
  Expr* element = named_expression();
  if (element && comprehension_clauses(clauses) && accept(T::right_brace)) {
    return comprehension_of<SetComp>(start, element, clauses);
  }
  if (failed_) return nullptr;
  reset(mark);
  invalid_comprehension();
  if (!failed_) reset(mark);
  return nullptr;
}

// ---- comprehensions -----------------------------------------------------------------------------------

bool Parser::comprehension_clauses(ComprehensionList& out) {
  Items<Comprehension> clauses(*this);
  while (Comprehension* clause = comprehension_clause()) clauses.push(clause);
  return !failed_ && clauses.size() && clauses.finish(out);
}

Comprehension* Parser::comprehension_clause() {
  if (!is(T::kw_for) && !is(T::async_)) return nullptr;
  int mark = mark_;
  bool is_async = accept(T::async_);
  Expr* target = nullptr;
  if (accept(T::kw_for) && (target = star_targets()) && accept(T::kw_in)) {
    Expr* iter = disjunction();
    if (!iter) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    Items<Expr> conditions(*this);
    while (true) {
      int before = mark_;
      if (!accept(T::kw_if)) break;
      Expr* condition = disjunction();
      if (!condition) {
        if (!failed_) reset(before);
        break;
      }
      conditions.push(condition);
    }
    if (failed_ || (is_async && !supports(6, "Async comprehensions are"))) return nullptr;
    auto* clause = plain<Comprehension>();
    if (!clause || !conditions.finish(clause->ifs)) return nullptr;
    clause->target = target;
    clause->iter = iter;
    clause->is_async = is_async;
    return clause;
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_for_target();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

}  // namespace gill::ast
