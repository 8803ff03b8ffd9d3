// Expressions, from conditional ones down to primaries.
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

Expr* Parser::boolean_operation(Rule rule, T word, BoolOperator op, Expr* (Parser::*operand)()) {
  return memoized(rule, [&]() -> Expr* {
    const Token* start = peek();
    Expr* first = (this->*operand)();
    if (!first || !is(word)) return first;
    Items<Expr> values(*this);
    values.push(first);
    int before = mark_;
    while (accept(word)) {
      Expr* e = (this->*operand)();
      if (!e) break;
      values.push(e);
      before = mark_;
    }
    if (failed_) return nullptr;
    reset(before);
    if (values.size() == 1) return first;
    auto* e = make<BoolOp>(start);
    if (!e || !values.finish(e->values)) return nullptr;
    e->op = op;
    return e;
  });
}

Expr* Parser::disjunction() { return boolean_operation(Rule::disjunction, T::kw_or, BoolOperator::Or, &Parser::conjunction); }
Expr* Parser::conjunction() { return boolean_operation(Rule::conjunction, T::kw_and, BoolOperator::And, &Parser::inversion); }

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
    if (diagnose_ && (is(T::left_bracket) || is(T::left_brace))) {
      invalid_comprehension();
      if (failed_) return nullptr;
    }
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

}  // namespace gill::ast
