// Simple statements.
#include "syntax/parser.h"

namespace gill::ast {

namespace {

// In the order of the tokens from plus_equal on.
constexpr Operator kAugmentedOperators[] = {
    Operator::Add,    Operator::Sub,    Operator::Mult,   Operator::MatMult, Operator::Div, Operator::Mod,      Operator::BitAnd,
    Operator::BitOr,  Operator::BitXor, Operator::LShift, Operator::RShift,  Operator::Pow, Operator::FloorDiv,
};

}  // namespace

bool Parser::statements(StmtList& out) {
  Items<Stmt> items(*this);
  while (!failed_) {
    if (Stmt* s = compound_statement()) {
      items.push(s);
    } else if (failed_ || !simple_statements()) {
      break;
    }
  }
  if (items.size() == 0) return false;
  return items.finish(out);
}

// Statements up to the line's end, added to the list under construction.
bool Parser::simple_statements() {
  int start = mark_;
  int base = stack_size_;
  while (true) {
    Stmt* s = simple_statement();
    if (!s) {
      // After a semicolon nothing need follow.
      if (stack_size_ > base && accept(T::newline)) return true;
      break;
    }
    if (!push(s)) break;
    if (accept(T::semicolon)) continue;
    if (accept(T::newline)) return true;
    break;
  }
  stack_size_ = base;
  return reset(start);
}

Stmt* Parser::simple_statement() {
  return memoized(Rule::simple_stmt, [&] { return simple_statement_unremembered(); });
}

Stmt* Parser::simple_statement_unremembered() {
  const Token* start = peek();
  switch (start->kind) {
    case T::kw_return: return return_statement();
    case T::kw_import: return import_name();
    case T::kw_from: return import_from();
    case T::kw_raise: return raise_statement();
    case T::kw_del: return delete_statement();
    case T::kw_assert: return assert_statement();
    case T::kw_global:
    case T::kw_nonlocal: return scope_declaration();
    case T::kw_pass: ++mark_; return make<Pass>(start);
    case T::kw_break: ++mark_; return make<Break>(start);
    case T::kw_continue: ++mark_; return make<Continue>(start);
    case T::kw_yield: {
      if (diagnose_) {
        if (Stmt* s = assignment()) return s;
        if (failed_) return nullptr;
      }
      Expr* value = yield_expression();
      if (!value) return nullptr;
      auto* s = make<ExprStmt>(start);
      if (s) s->value = value;
      return s;
    }
    case T::end_marker:
    case T::newline:
    case T::indent:
    case T::dedent:
    case T::error: return nullptr;
    default: return assignment_or_expression();
  }
}

Stmt* Parser::assignment_or_expression() {
  const Token* start = peek();
  int mark = mark_;
  if (diagnose_) {
    if (Stmt* s = assignment()) return s;
    if (failed_) return nullptr;
    reset(mark);
  }
  Expr* value = star_expressions();
  if (!value) return nullptr;
  if (!diagnose_) {
    // The first pass looks at what follows instead of trying targets first.
    T kind = peek()->kind;
    if (kind == T::equal) {
      Items<Expr> targets(*this);
      targets.push(value);
      return assign_rest(start, targets.base());
    }
    if (kind == T::colon) {
      ExprKind what = value->kind;
      if (what != ExprKind::Name && what != ExprKind::Attribute && what != ExprKind::Subscript) return nullptr;
      if (!to_target(value, Context::Store)) return nullptr;
      return annotated_rest(start, value, what == ExprKind::Name && start->kind == T::name);
    }
    Operator op;
    if (augmented_operator(op)) {
      ExprKind what = value->kind;
      if (what != ExprKind::Name && what != ExprKind::Attribute && what != ExprKind::Subscript) return nullptr;
      if (!to_target(value, Context::Store)) return nullptr;
      return augmented_rest(start, value, op);
    }
  }
  auto* s = make<ExprStmt>(start);
  if (s) s->value = value;
  return s;
}

// From the first '=' on; the target is on the stack at `base`, and more join it.
Stmt* Parser::assign_rest(const Token* start, int base) {
  Expr* value = nullptr;
  while (accept(T::equal)) {
    auto* target = static_cast<Expr*>(stack_[stack_size_ - 1]);
    if (!to_target(target, Context::Store)) return nullptr;
    value = is(T::kw_yield) ? yield_expression() : star_expressions();
    if (!value) return nullptr;
    if (is(T::equal) && !push(value)) return nullptr;
  }
  PyObject* comment = type_comment();
  if (failed_) return nullptr;
  auto* s = make<Assign>(start);
  if (!s || !s->targets.reserve(arena_, static_cast<size_t>(stack_size_ - base))) return nullptr;
  for (int i = base; i < stack_size_; ++i) s->targets.append(static_cast<Expr*>(stack_[i]));
  s->value = value;
  s->type_comment = comment;
  return s;
}

Stmt* Parser::annotated_rest(const Token* start, Expr* target, bool simple) {
  int mark = mark_;
  if (!accept(T::colon)) return nullptr;
  Expr* annotation = expression();
  if (!annotation) {
    reset(mark);
    return nullptr;
  }
  Expr* value = nullptr;
  int before = mark_;
  if (accept(T::equal)) {
    value = is(T::kw_yield) ? yield_expression() : star_expressions();
    if (!value) reset(before);
  }
  if (!supports(6, simple ? "Variable annotation syntax is" : "Variable annotations syntax is")) return nullptr;
  auto* s = make<AnnAssign>(start);
  if (!s) return nullptr;
  s->target = target;
  s->annotation = annotation;
  s->value = value;
  s->simple = simple;
  return s;
}

bool Parser::augmented_operator(Operator& op) {
  T kind = peek()->kind;
  if (kind < T::plus_equal || kind > T::double_slash_equal) return false;
  op = kAugmentedOperators[static_cast<int>(kind) - static_cast<int>(T::plus_equal)];
  return true;
}

Stmt* Parser::augmented_rest(const Token* start, Expr* target, Operator op) {
  ++mark_;
  if (op == Operator::MatMult && !supports(5, "The '@' operator is")) return nullptr;
  Expr* value = is(T::kw_yield) ? yield_expression() : star_expressions();
  if (!value) return nullptr;
  auto* s = make<AugAssign>(start);
  if (!s) return nullptr;
  s->target = target;
  s->op = op;
  s->value = value;
  return s;
}

// In the second pass the alternatives are visited in the grammar's order.
Stmt* Parser::assignment() {
  const Token* start = peek();
  int mark = mark_;
  if (start->kind == T::name && kind_after() == T::colon) {
    ++mark_;
    auto* target = make<Name>(start);
    if (!target || !(target->id = identifier(start))) return nullptr;
    target->ctx = Context::Store;
    if (Stmt* s = annotated_rest(start, target, true)) return s;
    if (failed_) return nullptr;
    reset(mark);
  }
  Expr* target = nullptr;
  if (accept(T::left_paren)) {
    target = single_target();
    if (!target || !accept(T::right_paren)) {
      target = nullptr;
      reset(mark);
    }
  }
  if (!target && !failed_) target = single_subscript_attribute_target();
  if (target && is(T::colon)) {
    if (Stmt* s = annotated_rest(start, target, false)) return s;
  }
  if (failed_) return nullptr;
  reset(mark);
  {
    Items<Expr> targets(*this);
    int before = mark_;
    while (Expr* e = star_targets()) {
      if (!accept(T::equal)) break;
      targets.push(e);
      before = mark_;
    }
    if (failed_) return nullptr;
    reset(before);
    if (targets.size()) {
      Expr* value = is(T::kw_yield) ? yield_expression() : star_expressions();
      if (value && !is(T::equal)) {
        PyObject* comment = type_comment();
        if (failed_) return nullptr;
        auto* s = make<Assign>(start);
        if (!s || !targets.finish(s->targets)) return nullptr;
        s->value = value;
        s->type_comment = comment;
        return s;
      }
    }
  }
  if (failed_) return nullptr;
  reset(mark);
  target = single_target();
  Operator op;
  if (target && augmented_operator(op)) return augmented_rest(start, target, op);
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) invalid_assignment();
  if (!failed_) reset(mark);
  return nullptr;
}

Stmt* Parser::return_statement() {
  const Token* start = accept(T::kw_return);
  Expr* value = star_expressions();
  if (failed_) return nullptr;
  auto* s = make<Return>(start);
  if (s) s->value = value;
  return s;
}

Stmt* Parser::raise_statement() {
  const Token* start = accept(T::kw_raise);
  Expr* exception = expression();
  Expr* cause = nullptr;
  if (exception) {
    int mark = mark_;
    if (accept(T::kw_from)) {
      cause = expression();
      if (!cause) reset(mark);
    }
  }
  if (failed_) return nullptr;
  auto* s = make<Raise>(start);
  if (!s) return nullptr;
  s->exc = exception;
  s->cause = cause;
  return s;
}

Stmt* Parser::delete_statement() {
  int mark = mark_;
  const Token* start = accept(T::kw_del);
  ExprList targets{};
  if (del_targets(targets) && (is(T::semicolon) || is(T::newline))) {
    auto* s = make<Delete>(start);
    if (s) s->targets = targets;
    return s;
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_delete();
    reset(mark);
  }
  return nullptr;
}

Stmt* Parser::assert_statement() {
  int mark = mark_;
  const Token* start = accept(T::kw_assert);
  Expr* test = expression();
  if (!test) {
    reset(mark);
    return nullptr;
  }
  Expr* message = nullptr;
  int before = mark_;
  if (accept(T::comma)) {
    message = expression();
    if (!message) reset(before);
  }
  if (failed_) return nullptr;
  auto* s = make<Assert>(start);
  if (!s) return nullptr;
  s->test = test;
  s->msg = message;
  return s;
}

Stmt* Parser::scope_declaration() {
  int mark = mark_;
  const Token* start = peek();
  ++mark_;
  Items<PyObject> names(*this);
  int before = mark_;
  do {
    const Token* token = accept(T::name);
    if (!token) break;
    PyObject* id = identifier(token);
    if (!id) return nullptr;
    names.push(id);
    before = mark_;
  } while (accept(T::comma));
  if (failed_) return nullptr;
  reset(before);
  if (!names.size()) {
    reset(mark);
    return nullptr;
  }
  if (start->kind == T::kw_global) {
    auto* s = make<Global>(start);
    return s && names.finish(s->names) ? s : nullptr;
  }
  auto* s = make<Nonlocal>(start);
  return s && names.finish(s->names) ? s : nullptr;
}

// ---- imports ------------------------------------------------------------------------------------------

PyObject* Parser::dotted_name() {
  const Token* token = accept(T::name);
  if (!token) return nullptr;
  PyObject* name = identifier(token);
  if (!name) return nullptr;
  bool dotted = false;
  while (is(T::dot)) {
    int mark = mark_;
    ++mark_;
    const Token* next = accept(T::name);
    if (!next) {
      if (!failed_) reset(mark);
      break;
    }
    PyObject* part = identifier(next);
    if (!part) return nullptr;
    name = keep(steal(PyUnicode_FromFormat("%U.%U", name, part)));
    if (!name) return nullptr;
    dotted = true;
  }
  if (dotted) {
    PyObject* interned = name;
    Py_INCREF(interned);
    PyUnicode_InternInPlace(&interned);
    name = keep(steal(interned));
  }
  return name;
}

Stmt* Parser::import_name() {
  int mark = mark_;
  const Token* start = accept(T::kw_import);
  Items<Alias> names(*this);
  int before = mark_;
  do {
    const Token* first = peek();
    PyObject* name = dotted_name();
    if (!name) break;
    PyObject* asname = nullptr;
    int point = mark_;
    if (accept(T::kw_as)) {
      const Token* token = accept(T::name);
      if (token) asname = identifier(token);
      else reset(point);
    }
    auto* alias = make<Alias>(first);
    if (!alias) return nullptr;
    alias->name = name;
    alias->asname = asname;
    names.push(alias);
    before = mark_;
  } while (accept(T::comma));
  if (failed_) return nullptr;
  reset(before);
  if (!names.size()) {
    reset(mark);
    return nullptr;
  }
  auto* s = make<Import>(start);
  return s && names.finish(s->names) ? s : nullptr;
}

Stmt* Parser::import_from() {
  int mark = mark_;
  const Token* start = accept(T::kw_from);
  int level = 0;
  while (is(T::dot) || is(T::ellipsis)) {
    level += is(T::dot) ? 1 : 3;
    ++mark_;
  }
  PyObject* module = dotted_name();
  if (failed_) return nullptr;
  AliasList names{};
  if ((!module && level == 0) || !accept(T::kw_import) || !import_targets(names)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* s = make<ImportFrom>(start);
  if (!s) return nullptr;
  s->module = module;
  s->names = names;
  s->level = level;
  return s;
}

bool Parser::import_as_names(AliasList& out) {
  Items<Alias> names(*this);
  int before = mark_;
  do {
    const Token* first = accept(T::name);
    if (!first) break;
    PyObject* name = identifier(first);
    if (!name) return false;
    PyObject* asname = nullptr;
    int point = mark_;
    if (accept(T::kw_as)) {
      const Token* token = accept(T::name);
      if (token) asname = identifier(token);
      else if (!failed_) reset(point);
    }
    auto* alias = make<Alias>(first);
    if (!alias) return false;
    alias->name = name;
    alias->asname = asname;
    names.push(alias);
    before = mark_;
  } while (accept(T::comma));
  if (failed_) return false;
  reset(before);
  return names.size() && names.finish(out);
}

bool Parser::import_targets(AliasList& out) {
  int mark = mark_;
  if (accept(T::left_paren)) {
    if (import_as_names(out)) {
      accept(T::comma);
      if (accept(T::right_paren)) return true;
    }
    if (!failed_) reset(mark);
    return false;
  }
  if (const Token* star = accept(T::star)) {
    auto* alias = make<Alias>(star);
    if (!alias || !(alias->name = keep(steal(PyUnicode_InternFromString("*"))))) return false;
    if (!out.reserve(arena_, 1)) {
      out_of_memory();
      return false;
    }
    out.append(alias);
    return true;
  }
  if (import_as_names(out) && !is(T::comma)) return true;
  if (failed_) return false;
  reset(mark);
  if (diagnose_) {
    invalid_import_targets();
    if (!failed_) reset(mark);
  }
  return false;
}

PyObject* Parser::type_comment() {
  const Token* token = accept(T::type_comment);
  if (!token) return nullptr;
  return keep(steal(PyUnicode_DecodeUTF8(tokenizer_.text() + token->start, token->end - token->start, nullptr)));
}

}  // namespace gill::ast
