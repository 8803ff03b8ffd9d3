// The match statement and its patterns.
#include "syntax/parser.h"

namespace gill::ast {

// `match` and `case` are names wherever this does not fit.
Stmt* Parser::match_statement() {
  int mark = mark_;
  const Token* start = peek();
  // What cannot begin a subject settles it early.
  switch (kind_after()) {
    case T::equal:
    case T::dot:
    case T::comma:
    case T::colon:
    case T::newline:
    case T::semicolon:
    case T::right_paren:
      if (!diagnose_) return nullptr;
      break;
    default: break;
  }
  ++mark_;
  Expr* value = subject();
  if (value && accept(T::colon) && accept(T::newline) && accept(T::indent)) {
    Items<MatchCase> cases(*this);
    while (MatchCase* one = case_block()) cases.push(one);
    if (!failed_ && cases.size() && accept(T::dedent)) {
      if (!supports(10, "Pattern matching is")) return nullptr;
      auto* s = make<Match>(start);
      if (!s || !cases.finish(s->cases)) return nullptr;
      s->subject = value;
      return s;
    }
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_match();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

Expr* Parser::subject() {
  int mark = mark_;
  const Token* start = peek();
  Expr* first = star_named_expression();
  if (first && accept(T::comma)) {
    Items<Expr> items(*this);
    items.push(first);
    ExprList more{};
    if (star_named_expressions(more)) {
      for (Expr* e : more) items.push(e);
    }
    if (failed_) return nullptr;
    auto* e = make<Tuple>(start);
    return e && items.finish(e->elts) ? e : nullptr;
  }
  if (failed_) return nullptr;
  if (first && start->kind != T::star) return first;
  reset(mark);
  return named_expression();
}

MatchCase* Parser::case_block() {
  if (!is_soft(kSoftCase)) return nullptr;
  int mark = mark_;
  if (diagnose_) {
    invalid_case();
    if (failed_) return nullptr;
  }
  ++mark_;
  Pattern* what = patterns();
  Expr* guard = nullptr;
  StmtList body{};
  if (what) {
    int before = mark_;
    if (accept(T::kw_if)) {
      guard = named_expression();
      if (!guard && !failed_) reset(before);
    }
    if (accept(T::colon) && block(body)) {
      auto* result = plain<MatchCase>();
      if (!result) return nullptr;
      result->pattern = what;
      result->guard = guard;
      result->body = body;
      return result;
    }
  }
  if (!failed_) reset(mark);
  return nullptr;
}

Pattern* Parser::patterns() {
  int mark = mark_;
  const Token* start = peek();
  // A pattern with a comma behind it, or a starred one, makes an open sequence.
  Pattern* first = maybe_star_pattern();
  if (first && accept(T::comma)) {
    Items<Pattern> items(*this);
    items.push(first);
    PatternList more{};
    if (maybe_sequence_pattern(more)) {
      for (Pattern* p : more) items.push(p);
    }
    if (failed_) return nullptr;
    auto* p = make<MatchSequence>(start);
    return p && items.finish(p->patterns) ? p : nullptr;
  }
  if (failed_) return nullptr;
  if (first && start->kind != T::star) return first;
  reset(mark);
  return pattern();
}

bool Parser::maybe_sequence_pattern(PatternList& out) {
  Items<Pattern> items(*this);
  do {
    Pattern* p = maybe_star_pattern();
    if (!p) break;
    items.push(p);
  } while (accept(T::comma));
  return !failed_ && items.size() && items.finish(out);
}

Pattern* Parser::maybe_star_pattern() {
  if (Pattern* p = star_pattern()) return p;
  return failed_ ? nullptr : pattern();
}

Pattern* Parser::star_pattern() {
  if (!is(T::star)) return nullptr;
  int mark = mark_;
  const Token* start = accept(T::star);
  const Token* name = nullptr;
  if (is_soft(kSoftWildcard)) {
    ++mark_;
  } else if (!(name = capture_target())) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* p = make<MatchStar>(start);
  if (p && name && !(p->name = identifier(name))) return nullptr;
  return p;
}

// A name that is bound: not `_`, and nothing that goes on as a dotted name, a call or a keyword.
Token* Parser::capture_target() {
  if (!is(T::name) || is_soft(kSoftWildcard)) return nullptr;
  switch (kind_after()) {
    case T::dot:
    case T::left_paren:
    case T::equal: return nullptr;
    default: return accept(T::name);
  }
}

Pattern* Parser::pattern() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  const Token* start = peek();
  Pattern* inner = or_pattern();
  if (!inner || !is(T::kw_as)) return inner;
  int before = mark_++;
  if (const Token* name = capture_target()) {
    auto* p = make<MatchAs>(start);
    if (!p || !(p->name = identifier(name))) return nullptr;
    p->pattern = inner;
    return p;
  }
  if (failed_) return nullptr;
  if (diagnose_) {
    reset(mark);
    invalid_as_pattern();
    if (failed_) return nullptr;
  }
  reset(before);
  return inner;
}

Pattern* Parser::or_pattern() {
  const Token* start = peek();
  Pattern* first = closed_pattern();
  if (!first || !is(T::vertical_bar)) return first;
  Items<Pattern> items(*this);
  items.push(first);
  int before = mark_;
  while (accept(T::vertical_bar)) {
    Pattern* p = closed_pattern();
    if (!p) break;
    items.push(p);
    before = mark_;
  }
  if (failed_) return nullptr;
  reset(before);
  if (items.size() == 1) return first;
  auto* p = make<MatchOr>(start);
  return p && items.finish(p->patterns) ? p : nullptr;
}

Pattern* Parser::closed_pattern() {
  return memoized(Rule::closed_pattern, [&] { return closed_pattern_unremembered(); });
}

Pattern* Parser::closed_pattern_unremembered() {
  const Token* start = peek();
  int mark = mark_;
  switch (start->kind) {
    case T::name: {
      if (const Token* name = capture_target()) {
        auto* p = make<MatchAs>(start);
        if (!p || !(p->name = identifier(name))) return nullptr;
        return p;
      }
      if (failed_) return nullptr;
      if (is_soft(kSoftWildcard)) {
        T next = kind_after();
        if (next != T::dot && next != T::left_paren) {
          ++mark_;
          return make<MatchAs>(start);
        }
        // The wildcard comes before values in the grammar.
        ++mark_;
        return make<MatchAs>(start);
      }
      if (Expr* value = attribute_name()) {
        if (!is(T::dot) && !is(T::left_paren) && !is(T::equal)) {
          auto* p = make<MatchValue>(start);
          if (p) p->value = value;
          return p;
        }
      }
      if (failed_) return nullptr;
      reset(mark);
      return class_pattern();
    }
    case T::kw_None:
    case T::kw_True:
    case T::kw_False: {
      ++mark_;
      auto* p = make<MatchSingleton>(start);
      if (p) p->value = start->kind == T::kw_None ? Py_None : start->kind == T::kw_True ? Py_True : Py_False;
      return p;
    }
    case T::number:
    case T::minus:
    case T::string: {
      Expr* value = literal_expression();
      if (!value) return nullptr;
      auto* p = make<MatchValue>(start);
      if (p) p->value = value;
      return p;
    }
    case T::left_paren:
    case T::left_bracket: return sequence_pattern();
    case T::left_brace: return mapping_pattern();
    default: return nullptr;
  }
}

// A number, perhaps complex, or strings.
Expr* Parser::literal_expression() {
  if (is(T::string)) return strings();
  const Token* start = peek();
  Expr* real = signed_number();
  if (!real || (!is(T::plus) && !is(T::minus))) return real;
  int before = mark_;
  Operator op = is(T::plus) ? Operator::Add : Operator::Sub;
  ++mark_;
  Expr* imaginary = number();
  if (!imaginary) {
    if (!failed_) reset(before);
    return nullptr;
  }
  const Expr* plain = real->kind == ExprKind::UnaryOp ? as<UnaryOp>(real)->operand : real;
  if (PyComplex_CheckExact(as<Constant>(plain)->value)) {
    return error_on(real, "real number required in complex literal");
  }
  if (!PyComplex_CheckExact(as<Constant>(imaginary)->value)) {
    return error_on(imaginary, "imaginary number required in complex literal");
  }
  auto* e = make<BinOp>(start);
  if (!e) return nullptr;
  e->left = real;
  e->op = op;
  e->right = imaginary;
  return e;
}

Expr* Parser::signed_number() {
  const Token* start = peek();
  if (start->kind == T::number) return number();
  int mark = mark_;
  if (!accept(T::minus)) return nullptr;
  Expr* operand = is(T::number) ? number() : nullptr;
  if (!operand) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* e = make<UnaryOp>(start);
  if (!e) return nullptr;
  e->op = UnaryOperator::USub;
  e->operand = operand;
  return e;
}

// name.name...: at least one dot.
Expr* Parser::attribute_name() {
  int mark = mark_;
  const Token* start = peek();
  Expr* value = name_token(Context::Load);
  bool dotted = false;
  while (value && is(T::dot)) {
    int before = mark_++;
    const Token* token = accept(T::name);
    if (!token) {
      if (failed_) return nullptr;
      reset(before);
      break;
    }
    PyObject* attr = identifier(token);
    auto* e = make<Attribute>(start);
    if (!attr || !e) return nullptr;
    e->value = value;
    e->attr = attr;
    value = e;
    dotted = true;
  }
  if (value && dotted) return value;
  if (!failed_) reset(mark);
  return nullptr;
}

Pattern* Parser::sequence_pattern() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  const Token* start = peek();
  bool list = start->kind == T::left_bracket;
  ++mark_;
  Items<Pattern> collected(*this);
  bool comma = true;
  if (!list && !is(T::star)) {
    // In parentheses one pattern alone is just itself.
    Pattern* first = pattern();
    if (first && accept(T::right_paren)) return first;
    if (failed_) return nullptr;
    if (first) collected.push(first);
    else reset(mark + 1);
    comma = first && accept(T::comma);
  }
  while (comma) {
    Pattern* p = maybe_star_pattern();
    if (!p) break;
    collected.push(p);
    comma = accept(T::comma);
  }
  if (!failed_ && (list || collected.size() != 1 || comma) && accept(list ? T::right_bracket : T::right_paren)) {
    auto* p = make<MatchSequence>(start);
    return p && collected.finish(p->patterns) ? p : nullptr;
  }
  if (!failed_) reset(mark);
  return nullptr;
}

Pattern* Parser::mapping_pattern() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  const Token* start = accept(T::left_brace);
  Items<KeyValue> pairs(*this);
  struct Pair {
    Expr* key;
    Pattern* value;
  };
  PyObject* rest = nullptr;
  bool good = true;
  while (!is(T::right_brace)) {
    if (accept(T::double_star)) {
      const Token* name = capture_target();
      good = name && (rest = identifier(name));
      if (good) accept(T::comma);
      break;
    }
    Expr* key;
    const Token* token = peek();
    if (token->kind == T::kw_None || token->kind == T::kw_True || token->kind == T::kw_False) {
      ++mark_;
      key = constant(token, token->kind == T::kw_None ? Py_None : token->kind == T::kw_True ? Py_True : Py_False);
    } else if (token->kind == T::name) {
      key = attribute_name();
    } else {
      key = literal_expression();
    }
    Pattern* value = key && accept(T::colon) ? pattern() : nullptr;
    auto* pair = value ? static_cast<Pair*>(arena_.allocate(sizeof(Pair))) : nullptr;
    if (!pair) {
      good = false;
      break;
    }
    *pair = {key, value};
    push(pair);
    if (!accept(T::comma)) break;
  }
  if (!failed_ && good && accept(T::right_brace)) {
    auto* p = make<MatchMapping>(start);
    if (!p) return nullptr;
    int count = pairs.size();
    if (count && (!p->keys.reserve(arena_, static_cast<size_t>(count)) || !p->patterns.reserve(arena_, static_cast<size_t>(count)))) {
      out_of_memory();
      return nullptr;
    }
    for (int i = 0; i < count; ++i) {
      auto* pair = static_cast<Pair*>(stack_[pairs.base() + i]);
      p->keys.append(pair->key);
      p->patterns.append(pair->value);
    }
    p->rest = rest;
    return p;
  }
  if (!failed_) reset(mark);
  return nullptr;
}

Pattern* Parser::class_pattern() {
  DepthGuard depth(*this);
  if (failed_) return nullptr;
  int mark = mark_;
  const Token* start = peek();
  Expr* cls = attribute_name();
  if (!cls && !failed_) cls = name_token(Context::Load);
  if (!cls || !accept(T::left_paren)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  Items<Pattern> positional(*this);
  bool comma = true;
  while (comma && !is(T::right_paren) && !(is(T::name) && kind_after() == T::equal)) {
    Pattern* p = pattern();
    if (!p) {
      comma = false;
      break;
    }
    positional.push(p);
    comma = accept(T::comma);
  }
  if (failed_) return nullptr;
  int base = stack_size_;
  bool complete = true;
  while (comma && is(T::name) && kind_after() == T::equal) {
    PyObject* name = identifier(peek());
    mark_ += 2;
    Pattern* p = pattern();
    if (!p || !name) {
      complete = false;
      break;
    }
    if (!push(name) || !push(p)) return nullptr;
    comma = accept(T::comma);
  }
  if (!failed_ && complete && accept(T::right_paren)) {
    auto* p = make<MatchClass>(start);
    if (!p) return nullptr;
    int keywords = (stack_size_ - base) / 2;
    int count = base - positional.base();
    if ((count && !p->patterns.reserve(arena_, static_cast<size_t>(count))) ||
        (keywords && (!p->kwd_attrs.reserve(arena_, static_cast<size_t>(keywords)) ||
                      !p->kwd_patterns.reserve(arena_, static_cast<size_t>(keywords))))) {
      out_of_memory();
      return nullptr;
    }
    p->cls = cls;
    for (int i = 0; i < count; ++i) p->patterns.append(positional[i]);
    for (int i = 0; i < keywords; ++i) {
      p->kwd_attrs.append(static_cast<PyObject*>(stack_[base + i * 2]));
      p->kwd_patterns.append(static_cast<Pattern*>(stack_[base + i * 2 + 1]));
    }
    return p;
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_class_pattern();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

}  // namespace gill::ast
