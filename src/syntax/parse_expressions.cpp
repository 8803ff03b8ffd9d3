// Expressions, from conditional ones down to atoms.
#include "syntax/parser.h"

namespace gill::ast {

// ---- lists of expressions -----------------------------------------------------------------------------

// `first` and what follows it after commas, as a tuple; one expression without a comma stays what it is.
#define GILL_COMMA_LIST(element)                                   \
  const Token* start = peek();                                     \
  Expr* first = element();                                         \
  if (!first || !is(T::comma)) return first;                       \
  Items<Expr> items(*this);                                        \
  items.push(first);                                               \
  while (accept(T::comma)) {                                       \
    Expr* e = element();                                           \
    if (!e) break;                                                 \
    items.push(e);                                                 \
  }                                                                \
  if (failed_) return nullptr;                                     \
  auto* result = make<Tuple>(start);                               \
  return result && items.finish(result->elts) ? result : nullptr

Expr* Parser::star_expressions() {
  GILL_COMMA_LIST(star_expression);
}

Expr* Parser::expressions() {
  GILL_COMMA_LIST(expression);
}
#undef GILL_COMMA_LIST

Expr* Parser::star_expression() {
  return memoized(Rule::star_expression, [&]() -> Expr* {
    const Token* start = peek();
    if (start->kind != T::star) return expression();
    int mark = mark_++;
    Expr* value = bitwise_or();
    if (!value) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    auto* e = make<Starred>(start);
    if (e) e->value = value;
    return e;
  });
}

Expr* Parser::star_named_expression() {
  const Token* start = peek();
  if (start->kind != T::star) return named_expression();
  int mark = mark_++;
  Expr* value = bitwise_or();
  if (!value) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* e = make<Starred>(start);
  if (e) e->value = value;
  return e;
}

// One or more, and perhaps a last comma.
bool Parser::star_named_expressions(ExprList& out) {
  Items<Expr> items(*this);
  do {
    Expr* e = star_named_expression();
    if (!e) break;
    items.push(e);
  } while (accept(T::comma));
  return !failed_ && items.size() && items.finish(out);
}

Expr* Parser::yield_expression() {
  int mark = mark_;
  const Token* start = accept(T::kw_yield);
  if (!start) return nullptr;
  if (accept(T::kw_from)) {
    if (Expr* value = expression()) {
      auto* e = make<YieldFrom>(start);
      if (e) e->value = value;
      return e;
    }
    if (failed_) return nullptr;
    reset(mark + 1);
  }
  Expr* value = star_expressions();
  if (failed_) return nullptr;
  auto* e = make<Yield>(start);
  if (e) e->value = value;
  return e;
}

// ---- named and conditional expressions ----------------------------------------------------------------

Expr* Parser::assignment_expression() {
  const Token* start = peek();
  if (start->kind != T::name || kind_after() != T::colon_equal) return nullptr;
  mark_ += 2;
  Expr* value = expression();
  if (!value) {
    if (!failed_) mark_ -= 2;
    return nullptr;
  }
  if (!supports(8, "Assignment expressions are")) return nullptr;
  auto* target = arena_.make<Name>();
  PyObject* id = target ? identifier(start) : nullptr;
  if (!id) {
    out_of_memory();
    return nullptr;
  }
  static_cast<Located&>(*target) = place(start);
  target->id = id;
  target->ctx = Context::Store;
  auto* e = make<NamedExpr>(start);
  if (!e) return nullptr;
  e->target = target;
  e->value = value;
  return e;
}

Expr* Parser::named_expression() {
  const Token* start = peek();
  int mark = mark_;
  if (start->kind == T::name && kind_after() == T::colon_equal) {
    // Once ':=' is there, nothing else can be meant.
    Expr* e = assignment_expression();
    if (!e && !failed_) reset(mark);
    return e;
  }
  if (failed_) return nullptr;
  if (diagnose_) {
    invalid_named_expression();
    if (failed_) return nullptr;
    reset(mark);
  }
  Expr* e = expression();
  if (e && is(T::colon_equal)) {
    reset(mark);
    return nullptr;
  }
  return e;
}

Expr* Parser::plain_or_assignment_expression() {
  int mark = mark_;
  if (Expr* e = assignment_expression()) return e;
  if (failed_) return nullptr;
  reset(mark);
  Expr* e = expression();
  if (e && is(T::colon_equal)) {
    reset(mark);
    return nullptr;
  }
  return e;
}

Expr* Parser::expression() {
  return memoized(Rule::expression, [&] { return expression_unremembered(); });
}

Expr* Parser::expression_unremembered() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_expression();
    if (failed_) return nullptr;
    reset(mark);
    invalid_legacy_expression();
    if (failed_) return nullptr;
    reset(mark);
  }
  Expr* body = disjunction();
  if (!body) {
    if (failed_) return nullptr;
    return lambda();
  }
  if (!is(T::kw_if)) return body;
  int before = mark_++;
  Expr* test = disjunction();
  Expr* orelse = test && accept(T::kw_else) ? expression() : nullptr;
  if (!orelse) {
    if (failed_) return nullptr;
    reset(before);
    return body;
  }
  auto* e = make<IfExp>(start);
  if (!e) return nullptr;
  e->test = test;
  e->body = body;
  e->orelse = orelse;
  return e;
}

// What follows an expression without an operator is only looked at, without remembering that it was seen so.
Expr* Parser::expression_without_diagnosis() {
  bool saved = std::exchange(diagnose_, false);
  int mark = mark_;
  Expr* e = expression_unremembered();
  if (!e && !failed_) reset(mark);
  diagnose_ = saved;
  return e;
}

Expr* Parser::lambda() {
  int mark = mark_;
  const Token* start = accept(T::kw_lambda);
  if (!start) return nullptr;
  DepthGuard depth(*this);
  Arguments* args = parameters(true);
  Expr* body = !failed_ && accept(T::colon) ? expression() : nullptr;
  if (!body) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  if (!args && !(args = plain<Arguments>())) return nullptr;
  auto* e = make<Lambda>(start);
  if (!e) return nullptr;
  e->args = args;
  e->body = body;
  return e;
}

// ---- operators ----------------------------------------------------------------------------------------

Expr* Parser::disjunction() {
  return memoized(Rule::disjunction, [&]() -> Expr* {
    const Token* start = peek();
    Expr* first = conjunction();
    if (!first || !is(T::kw_or)) return first;
    Items<Expr> values(*this);
    values.push(first);
    int before = mark_;
    while (accept(T::kw_or)) {
      Expr* e = conjunction();
      if (!e) break;
      values.push(e);
      before = mark_;
    }
    if (failed_) return nullptr;
    reset(before);
    if (values.size() == 1) return first;
    auto* e = make<BoolOp>(start);
    if (!e || !values.finish(e->values)) return nullptr;
    e->op = BoolOperator::Or;
    return e;
  });
}

Expr* Parser::conjunction() {
  return memoized(Rule::conjunction, [&]() -> Expr* {
    const Token* start = peek();
    Expr* first = inversion();
    if (!first || !is(T::kw_and)) return first;
    Items<Expr> values(*this);
    values.push(first);
    int before = mark_;
    while (accept(T::kw_and)) {
      Expr* e = inversion();
      if (!e) break;
      values.push(e);
      before = mark_;
    }
    if (failed_) return nullptr;
    reset(before);
    if (values.size() == 1) return first;
    auto* e = make<BoolOp>(start);
    if (!e || !values.finish(e->values)) return nullptr;
    e->op = BoolOperator::And;
    return e;
  });
}

Expr* Parser::inversion() {
  return memoized(Rule::inversion, [&]() -> Expr* {
    const Token* start = peek();
    if (start->kind != T::kw_not) return comparison();
    DepthGuard depth(*this);
    int mark = mark_++;
    Expr* operand = inversion();
    if (!operand) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    auto* e = make<UnaryOp>(start);
    if (!e) return nullptr;
    e->op = UnaryOperator::Not;
    e->operand = operand;
    return e;
  });
}

// Passes the operator's tokens when there is one.
bool Parser::comparison_operator(CmpOp& op) {
  const Token* token = peek();
  switch (token->kind) {
    case T::equal_equal: op = CmpOp::Eq; break;
    case T::not_equal: {
      bool alternative = tokenizer_.text()[token->start] == '<';
      if (flags_ & CO_FUTURE_BARRY_AS_BDFL) {
        if (!alternative) {
          ++mark_;
          error("with Barry as BDFL, use '<>' instead of '!='");
          return false;
        }
      } else if (alternative) {
        return false;
      }
      op = CmpOp::NotEq;
      break;
    }
    case T::less: op = CmpOp::Lt; break;
    case T::less_equal: op = CmpOp::LtE; break;
    case T::greater: op = CmpOp::Gt; break;
    case T::greater_equal: op = CmpOp::GtE; break;
    case T::kw_in: op = CmpOp::In; break;
    case T::kw_is:
      ++mark_;
      op = CmpOp::Is;
      if (!is(T::kw_not)) return true;
      op = CmpOp::IsNot;
      break;
    case T::kw_not:
      if (kind_after() != T::kw_in) return false;
      ++mark_;
      op = CmpOp::NotIn;
      break;
    default: return false;
  }
  ++mark_;
  return true;
}

Expr* Parser::comparison() {
  const Token* start = peek();
  Expr* left = bitwise_or();
  if (!left) return nullptr;
  CmpOp op;
  int before = mark_;
  if (!comparison_operator(op)) return failed_ ? nullptr : left;
  struct Part {
    CmpOp op;
    Expr* operand;
  };
  Items<Part> parts(*this);
  do {
    Expr* operand = bitwise_or();
    if (!operand) break;
    auto* part = static_cast<Part*>(arena_.allocate(sizeof(Part)));
    if (!part) {
      failed_ = true;
      return nullptr;
    }
    *part = {op, operand};
    parts.push(part);
    before = mark_;
  } while (comparison_operator(op));
  if (failed_) return nullptr;
  reset(before);
  if (!parts.size()) return left;
  auto* e = make<Compare>(start);
  if (!e || !e->ops.reserve(arena_, static_cast<size_t>(parts.size())) ||
      !e->comparators.reserve(arena_, static_cast<size_t>(parts.size()))) {
    out_of_memory();
    return nullptr;
  }
  e->left = left;
  for (int i = 0; i < parts.size(); ++i) {
    e->ops.append(parts[i]->op);
    e->comparators.append(parts[i]->operand);
  }
  return e;
}

namespace {

struct BinaryOperator {
  int precedence;  // 0: no operator
  Operator op;
};

BinaryOperator binary_operator(T kind) {
  switch (kind) {
    case T::vertical_bar: return {1, Operator::BitOr};
    case T::caret: return {2, Operator::BitXor};
    case T::ampersand: return {3, Operator::BitAnd};
    case T::left_shift: return {4, Operator::LShift};
    case T::right_shift: return {4, Operator::RShift};
    case T::plus: return {5, Operator::Add};
    case T::minus: return {5, Operator::Sub};
    case T::star: return {6, Operator::Mult};
    case T::slash: return {6, Operator::Div};
    case T::double_slash: return {6, Operator::FloorDiv};
    case T::percent: return {6, Operator::Mod};
    case T::at: return {6, Operator::MatMult};
    default: return {0, Operator::Add};
  }
}

}  // namespace

// Operators that bind tighter than `precedence`.
Expr* Parser::binary(int precedence) {
  const Token* start = peek();
  Expr* left = factor();
  while (left) {
    BinaryOperator found = binary_operator(peek()->kind);
    if (found.precedence <= precedence) break;
    int before = mark_++;
    Expr* right = binary(found.precedence);
    if (!right) {
      if (failed_) return nullptr;
      reset(before);
      break;
    }
    if (found.op == Operator::MatMult && !supports(5, "The '@' operator is")) return nullptr;
    auto* e = make<BinOp>(start);
    if (!e) return nullptr;
    e->left = left;
    e->op = found.op;
    e->right = right;
    left = e;
  }
  return failed_ ? nullptr : left;
}

Expr* Parser::factor() {
  T kind = peek()->kind;
  if (kind != T::plus && kind != T::minus && kind != T::tilde) return power();
  return memoized(Rule::factor, [&]() -> Expr* {
    DepthGuard depth(*this);
    const Token* start = peek();
    int mark = mark_++;
    Expr* operand = factor();
    if (!operand) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    auto* e = make<UnaryOp>(start);
    if (!e) return nullptr;
    e->op = kind == T::plus ? UnaryOperator::UAdd : kind == T::minus ? UnaryOperator::USub : UnaryOperator::Invert;
    e->operand = operand;
    return e;
  });
}

Expr* Parser::power() {
  const Token* start = peek();
  Expr* base = await_primary();
  if (!base || !is(T::double_star)) return base;
  // A level for each of the grammar's two rules.
  DepthGuard depth(*this), other(*this);
  int before = mark_++;
  Expr* exponent = factor();
  if (!exponent) {
    if (failed_) return nullptr;
    reset(before);
    return base;
  }
  auto* e = make<BinOp>(start);
  if (!e) return nullptr;
  e->left = base;
  e->op = Operator::Pow;
  e->right = exponent;
  return e;
}

Expr* Parser::await_primary() {
  const Token* start = peek();
  if (start->kind != T::await_) return primary();
  int mark = mark_++;
  Expr* value = primary();
  if (!value) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  if (!supports(5, "Await expressions are")) return nullptr;
  auto* e = make<Await>(start);
  if (e) e->value = value;
  return e;
}

// ---- primaries ----------------------------------------------------------------------------------------

Expr* Parser::primary() {
  return memoized(Rule::primary, [&] { return primary_unremembered(); });
}

Expr* Parser::primary_unremembered() {
  const Token* start = peek();
  Expr* e = atom();
  while (e) {
    int before = mark_;
    switch (peek()->kind) {
      case T::dot: {
        ++mark_;
        const Token* token = accept(T::name);
        if (!token) {
          if (failed_) return nullptr;
          reset(before);
          return e;
        }
        PyObject* attr = identifier(token);
        auto* next = make<Attribute>(start);
        if (!attr || !next) return nullptr;
        next->value = e;
        next->attr = attr;
        e = next;
        break;
      }
      case T::left_paren: {
        Expr* next = call(e, start);
        if (!next) {
          if (failed_) return nullptr;
          reset(before);
          return e;
        }
        e = next;
        break;
      }
      case T::left_bracket: {
        ++mark_;
        Expr* index = slices();
        if (!index || !accept(T::right_bracket)) {
          if (failed_) return nullptr;
          reset(before);
          return e;
        }
        auto* next = make<Subscript>(start);
        if (!next) return nullptr;
        next->value = e;
        next->slice = index;
        e = next;
        break;
      }
      default: return failed_ ? nullptr : e;
    }
  }
  return nullptr;
}

Expr* Parser::call(Expr* callee, const Token* start) {
  DepthGuard depth(*this);
  int mark = mark_;
  ExprList positional{};
  KeywordList keywords{};
  auto one = [&](Expr* e) {
    if (!positional.reserve(arena_, 1)) {
      out_of_memory();
      return false;
    }
    positional.append(e);
    return true;
  };
  if (diagnose_) {
    if (Expr* lone = generator()) {
      if (!one(lone)) return nullptr;
    } else {
      if (failed_) return nullptr;
      reset(mark + 1);
      CallArguments* given = arguments();
      if (failed_ || !accept(T::right_paren)) return nullptr;
      if (given) {
        positional = given->args;
        keywords = given->keywords;
      }
    }
  } else {
    const Token* open = accept(T::left_paren);
    if (!accept(T::right_paren)) {
      const Token* begin = peek();
      Expr* first = nullptr;
      bool plain = begin->kind != T::star && begin->kind != T::double_star &&
                   !(begin->kind == T::name && kind_after() == T::equal);
      if (plain) {
        first = plain_or_assignment_expression();
        if (!first) return nullptr;
      }
      if (first && (is(T::kw_for) || is(T::async_))) {
        ComprehensionList clauses{};
        if (!comprehension_clauses(clauses) || !accept(T::right_paren)) return nullptr;
        Expr* lone = comprehension_of<GeneratorExp>(open, first, clauses);
        if (!lone || !one(lone)) return nullptr;
      } else {
        CallArguments* given = args_after(first, begin);
        if (!given) return nullptr;
        accept(T::comma);
        if (!accept(T::right_paren)) return nullptr;
        positional = given->args;
        keywords = given->keywords;
      }
    }
  }
  if (failed_) return nullptr;
  auto* e = make<Call>(start);
  if (!e) return nullptr;
  e->func = callee;
  e->args = positional;
  e->keywords = keywords;
  return e;
}

Expr* Parser::starred_expression() {
  int mark = mark_;
  const Token* start = accept(T::star);
  if (!start) return nullptr;
  Expr* value = expression();
  if (!value) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* e = make<Starred>(start);
  if (e) e->value = value;
  return e;
}

Expr* Parser::slices() {
  const Token* start = peek();
  int mark = mark_;
  Expr* first = slice();
  if (first && !is(T::comma)) return first;
  if (failed_) return nullptr;
  if (!first) {
    reset(mark);
    if (start->kind != T::star) return nullptr;
    first = starred_expression();
    if (!first) return nullptr;
  }
  Items<Expr> items(*this);
  items.push(first);
  while (accept(T::comma)) {
    Expr* e = slice();
    if (!e && !failed_) e = starred_expression();
    if (!e) break;
    items.push(e);
  }
  if (failed_) return nullptr;
  auto* e = make<Tuple>(start);
  return e && items.finish(e->elts) ? e : nullptr;
}

Expr* Parser::slice() {
  const Token* start = peek();
  int mark = mark_;
  // The first pass need not try a lower bound and then the same text as an index.
  Expr* lower = nullptr;
  if (start->kind != T::colon) {
    if (diagnose_) {
      lower = expression();
      if (failed_) return nullptr;
      if (!lower || !is(T::colon)) {
        reset(mark);
        return named_expression();
      }
    } else {
      lower = named_expression();
      if (!lower || !is(T::colon)) return lower;
      if (start->kind == T::name && at(mark + 1)->kind == T::colon_equal) return lower;
    }
  }
  ++mark_;
  Expr* upper = expression();
  if (failed_) return nullptr;
  Expr* step = nullptr;
  if (accept(T::colon)) step = expression();
  if (failed_) return nullptr;
  auto* e = make<Slice>(start);
  if (!e) return nullptr;
  e->lower = lower;
  e->upper = upper;
  e->step = step;
  return e;
}

// ---- atoms --------------------------------------------------------------------------------------------

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

Expr* Parser::generator() {
  int mark = mark_;
  const Token* start = accept(T::left_paren);
  if (!start) return nullptr;
  Expr* element = plain_or_assignment_expression();
  ComprehensionList clauses{};
  if (element && comprehension_clauses(clauses) && accept(T::right_paren)) {
    return comprehension_of<GeneratorExp>(start, element, clauses);
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_comprehension();
    if (!failed_) reset(mark);
  }
  return nullptr;
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
  int mark = mark_;
  const Token* start = accept(T::left_bracket);
  if (!start) return nullptr;
  Expr* element = named_expression();
  ComprehensionList clauses{};
  if (element && comprehension_clauses(clauses) && accept(T::right_bracket)) {
    return comprehension_of<ListComp>(start, element, clauses);
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_comprehension();
    if (!failed_) reset(mark);
  }
  return nullptr;
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
