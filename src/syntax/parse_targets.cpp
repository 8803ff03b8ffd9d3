// What can be assigned to, looped over or deleted.
#include "syntax/parser.h"

namespace gill::ast {

// Turns an expression into a target, where it can be one.
bool Parser::to_target(Expr* e, Context ctx) {
  switch (e->kind) {
    case ExprKind::Name: as<Name>(e)->ctx = ctx; return true;
    case ExprKind::Attribute: as<Attribute>(e)->ctx = ctx; return true;
    case ExprKind::Subscript: as<Subscript>(e)->ctx = ctx; return true;
    case ExprKind::Starred: {
      auto* starred = as<Starred>(e);
      if (starred->value->kind == ExprKind::Starred) return false;
      starred->ctx = ctx;
      return to_target(starred->value, ctx);
    }
    case ExprKind::Tuple:
      as<Tuple>(e)->ctx = ctx;
      for (Expr* item : as<Tuple>(e)->elts) {
        if (!to_target(item, ctx)) return false;
      }
      return true;
    case ExprKind::List:
      as<List>(e)->ctx = ctx;
      for (Expr* item : as<List>(e)->elts) {
        if (!to_target(item, ctx)) return false;
      }
      return true;
    default: return false;
  }
}

Expr* Parser::star_targets() {
  const Token* start = peek();
  Expr* first = star_target();
  if (!first || !is(T::comma)) return first;
  Items<Expr> items(*this);
  items.push(first);
  while (accept(T::comma)) {
    Expr* e = star_target();
    if (!e) break;
    items.push(e);
  }
  if (failed_) return nullptr;
  auto* e = make<Tuple>(start);
  if (!e || !items.finish(e->elts)) return nullptr;
  e->ctx = Context::Store;
  return e;
}

Expr* Parser::star_target() {
  return memoized(Rule::star_target, [&]() -> Expr* {
    const Token* start = peek();
    if (start->kind != T::star) return target_with_star_atom();
    int mark = mark_++;
    Expr* value = is(T::star) ? nullptr : star_target();
    if (!value) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    auto* e = make<Starred>(start);
    if (!e) return nullptr;
    e->value = value;
    e->ctx = Context::Store;
    return e;
  });
}

// The last `.name` or `[index]` of a primary, when nothing goes on behind it.
Expr* Parser::trailer_target(Context ctx) {
  const Token* start = peek();
  int mark = mark_;
  Expr* value = t_primary();
  if (!value) return nullptr;
  if (accept(T::dot)) {
    const Token* token = accept(T::name);
    if (token && !t_lookahead()) {
      PyObject* attr = identifier(token);
      auto* e = make<Attribute>(start);
      if (!attr || !e) return nullptr;
      e->value = value;
      e->attr = attr;
      e->ctx = ctx;
      return e;
    }
  } else if (accept(T::left_bracket)) {
    Expr* index = slices();
    if (index && accept(T::right_bracket) && !t_lookahead()) {
      auto* e = make<Subscript>(start);
      if (!e) return nullptr;
      e->value = value;
      e->slice = index;
      e->ctx = ctx;
      return e;
    }
  }
  if (!failed_) reset(mark);
  return nullptr;
}

Expr* Parser::target_with_star_atom() {
  return memoized(Rule::target_with_star_atom, [&]() -> Expr* {
    if (Expr* e = trailer_target(Context::Store)) return e;
    return failed_ ? nullptr : star_atom();
  });
}

// A primary that something follows.
Expr* Parser::t_primary() {
  return memoized(Rule::t_primary, [&]() -> Expr* {
    DepthGuard depth(*this);
    if (failed_) return nullptr;
    int mark = mark_;
    const Token* start = peek();
    // A name alone needs no look at what it might be else.
    if (start->kind == T::name) {
      T next = kind_after();
      if (next != T::left_paren && next != T::left_bracket && next != T::dot) return nullptr;
    }
    Expr* e = atom();
    if (!e || !t_lookahead()) {
      if (!failed_) reset(mark);
      return nullptr;
    }
    while (true) {
      int before = mark_;
      Expr* next = nullptr;
      if (accept(T::dot)) {
        if (const Token* token = accept(T::name)) {
          PyObject* attr = identifier(token);
          auto* attribute = make<Attribute>(start);
          if (!attr || !attribute) return nullptr;
          attribute->value = e;
          attribute->attr = attr;
          next = attribute;
        }
      } else if (is(T::left_bracket)) {
        ++mark_;
        Expr* index = slices();
        if (index && accept(T::right_bracket)) {
          auto* subscript = make<Subscript>(start);
          if (!subscript) return nullptr;
          subscript->value = e;
          subscript->slice = index;
          next = subscript;
        }
      } else if (is(T::left_paren)) {
        next = call(e, start);
      }
      if (failed_) return nullptr;
      if (!next || !t_lookahead()) {
        if (failed_) return nullptr;
        reset(before);
        return e;
      }
      e = next;
    }
  });
}

Expr* Parser::star_atom() {
  int mark = mark_;
  const Token* start = peek();
  if (start->kind == T::name) return name_token(Context::Store);
  if (accept(T::left_paren)) {
    bool starred = is(T::star);
    Expr* first = starred ? nullptr : target_with_star_atom();
    if (first && accept(T::right_paren)) return first;
    if (failed_) return nullptr;
    ExprList elements{};
    if (((!starred && !first) || star_targets_sequence(elements, true, first)) && accept(T::right_paren)) {
      auto* e = make<Tuple>(start);
      if (!e) return nullptr;
      e->elts = elements;
      e->ctx = Context::Store;
      return e;
    }
  } else if (accept(T::left_bracket)) {
    ExprList elements{};
    if (star_targets_sequence(elements, false) && accept(T::right_bracket)) {
      auto* e = make<List>(start);
      if (!e) return nullptr;
      e->elts = elements;
      e->ctx = Context::Store;
      return e;
    }
  }
  if (!failed_) reset(mark);
  return nullptr;
}

// Any number of targets, of which the first may have been read; one alone is no tuple without its comma.
bool Parser::star_targets_sequence(ExprList& out, bool tuple, Expr* first) {
  Items<Expr> items(*this);
  bool comma = true;
  if (first) {
    items.push(first);
    comma = accept(T::comma);
  }
  while (comma) {
    Expr* e = star_target();
    if (!e) break;
    items.push(e);
    comma = accept(T::comma);
  }
  if (failed_ || (tuple && items.size() == 1 && !comma)) return false;
  return items.finish(out);
}

Expr* Parser::single_target() {
  int mark = mark_;
  if (Expr* e = single_subscript_attribute_target()) return e;
  if (failed_) return nullptr;
  if (is(T::name)) return name_token(Context::Store);
  if (accept(T::left_paren)) {
    Expr* e = single_target();
    if (e && accept(T::right_paren)) return e;
  }
  if (!failed_) reset(mark);
  return nullptr;
}

Expr* Parser::single_subscript_attribute_target() { return trailer_target(Context::Store); }

bool Parser::del_targets(ExprList& out, Expr* first) {
  Items<Expr> items(*this);
  do {
    Expr* e = first ? std::exchange(first, nullptr) : del_target();
    if (!e) break;
    items.push(e);
  } while (accept(T::comma));
  return !failed_ && items.size() && items.finish(out);
}

Expr* Parser::del_target() {
  return memoized(Rule::del_target, [&]() -> Expr* {
    if (Expr* e = trailer_target(Context::Del)) return e;
    return failed_ ? nullptr : del_target_atom();
  });
}

Expr* Parser::del_target_atom() {
  int mark = mark_;
  const Token* start = peek();
  if (start->kind == T::name) return name_token(Context::Del);
  if (accept(T::left_paren)) {
    Expr* first = del_target();
    if (first && accept(T::right_paren)) return first;
    if (failed_) return nullptr;
    ExprList elements{};
    if (first) del_targets(elements, first);
    if (accept(T::right_paren)) {
      auto* e = make<Tuple>(start);
      if (!e) return nullptr;
      e->elts = elements;
      e->ctx = Context::Del;
      return e;
    }
  } else if (accept(T::left_bracket)) {
    ExprList elements{};
    del_targets(elements);
    if (accept(T::right_bracket)) {
      auto* e = make<List>(start);
      if (!e) return nullptr;
      e->elts = elements;
      e->ctx = Context::Del;
      return e;
    }
  }
  if (!failed_) reset(mark);
  return nullptr;
}

}  // namespace gill::ast
