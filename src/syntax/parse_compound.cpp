// Compound statements and blocks.
#include "syntax/parser.h"

namespace gill::ast {

Stmt* Parser::compound_statement() {
  const Token* token = peek();
  switch (token->kind) {
    case T::kw_def: return function_definition({});
    case T::at: return decorated();
    case T::async_:
      // Whichever it is, only one of them goes on after the word.
      switch (kind_after()) {
        case T::kw_def: return function_definition({});
        case T::kw_with: return with_statement();
        case T::kw_for: return for_statement();
        default: return nullptr;
      }
    case T::kw_if: return if_statement("if");
    case T::kw_class: return class_definition({});
    case T::kw_with: return with_statement();
    case T::kw_for: return for_statement();
    case T::kw_try: return try_statement();
    case T::kw_while: return while_statement();
    case T::name: return token->soft == kSoftMatch ? match_statement() : nullptr;
    default: return nullptr;
  }
}

bool Parser::block(StmtList& out) {
  if (!remembering_) return block_unremembered(out);
  StmtList* list = memoized(Rule::block, [&]() -> StmtList* {
    auto* result = plain<StmtList>();
    return result && block_unremembered(*result) ? result : nullptr;
  });
  if (!list) return false;
  out = *list;
  return true;
}

bool Parser::block_unremembered(StmtList& out) {
  DepthGuard depth(*this);
  int mark = mark_;
  if (accept(T::newline)) {
    if (accept(T::indent) && statements(out) && accept(T::dedent)) return true;
    if (failed_) return false;
    reset(mark);
    if (diagnose_ && accept(T::newline) && !is(T::indent) && !failed_) {
      indentation_error("expected an indented block");
      return false;
    }
    return reset(mark);
  }
  Items<Stmt> items(*this);
  if (!simple_statements()) return false;
  return items.finish(out);
}

bool Parser::else_block(StmtList& out) {
  if (!is(T::kw_else)) return false;
  int mark = mark_;
  if (diagnose_) {
    invalid_block_after(T::kw_else, "else");
    if (failed_) return false;
  }
  ++mark_;
  if (demand(T::colon, ":") && block(out)) return true;
  return failed_ ? false : reset(mark);
}

bool Parser::finally_block(StmtList& out) {
  if (!is(T::kw_finally)) return false;
  int mark = mark_;
  if (diagnose_) {
    invalid_block_after(T::kw_finally, "finally");
    if (failed_) return false;
  }
  ++mark_;
  if (demand(T::colon, ":") && block(out)) return true;
  return failed_ ? false : reset(mark);
}

Stmt* Parser::if_statement(const char* word) {
  DepthGuard depth(*this);
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_condition(start->kind, word);
    if (failed_) return nullptr;
  }
  ++mark_;
  Expr* test = named_expression();
  StmtList body{}, orelse{};
  if (!test || !accept(T::colon) || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  if (is(T::kw_elif)) {
    if (Stmt* next = if_statement("elif")) {
      if (!orelse.reserve(arena_, 1)) {
        out_of_memory();
        return nullptr;
      }
      orelse.append(next);
    }
  } else {
    else_block(orelse);
  }
  if (failed_) return nullptr;
  auto* s = make<If>(start);
  if (!s) return nullptr;
  s->test = test;
  s->body = body;
  s->orelse = orelse;
  return s;
}

Stmt* Parser::while_statement() {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_condition(T::kw_while, "while");
    if (failed_) return nullptr;
  }
  ++mark_;
  Expr* test = named_expression();
  StmtList body{}, orelse{};
  if (!test || !accept(T::colon) || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  else_block(orelse);
  if (failed_) return nullptr;
  auto* s = make<While>(start);
  if (!s) return nullptr;
  s->test = test;
  s->body = body;
  s->orelse = orelse;
  return s;
}

Stmt* Parser::for_statement() {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_for();
    if (failed_) return nullptr;
  }
  bool is_async = accept(T::async_);
  if (!accept(T::kw_for)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  Expr* target = star_targets();
  if (!target || !accept(T::kw_in)) {
    if (failed_) return nullptr;
    reset(mark);
    if (diagnose_) {
      invalid_for_target();
      if (!failed_) reset(mark);
    }
    return nullptr;
  }
  Expr* iter = star_expressions();
  StmtList body{}, orelse{};
  PyObject* comment = nullptr;
  if (iter && accept(T::colon)) comment = type_comment();
  else iter = nullptr;
  if (!iter || failed_ || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  else_block(orelse);
  if (failed_ || (is_async && !supports(5, "Async for loops are"))) return nullptr;
  auto fill = [&](auto* s) -> Stmt* {
    if (!s) return nullptr;
    s->target = target;
    s->iter = iter;
    s->body = body;
    s->orelse = orelse;
    s->type_comment = comment;
    return s;
  };
  return is_async ? fill(make<AsyncFor>(start)) : fill(make<For>(start));
}

// ---- with ---------------------------------------------------------------------------------------------

WithItem* Parser::with_item() {
  int mark = mark_;
  Expr* context = expression();
  Expr* variables = nullptr;
  if (context && accept(T::kw_as)) {
    variables = star_target();
    if (!variables || !(is(T::comma) || is(T::right_paren) || is(T::colon))) {
      if (failed_) return nullptr;
      reset(mark);
      if (diagnose_) {
        invalid_with_item();
        if (failed_) return nullptr;
        reset(mark);
      }
      variables = nullptr;
      context = expression();
    }
  }
  if (!context) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* item = plain<WithItem>();
  if (!item) return nullptr;
  item->context_expr = context;
  item->optional_vars = variables;
  return item;
}

bool Parser::with_items(WithItemList& out) {
  Items<WithItem> items(*this);
  int before = mark_;
  do {
    WithItem* item = with_item();
    if (!item) break;
    items.push(item);
    before = mark_;
  } while (accept(T::comma));
  if (failed_) return false;
  reset(before);
  return items.size() && items.finish(out);
}

Stmt* Parser::with_statement() {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_with(true);
    if (failed_) return nullptr;
  }
  bool is_async = accept(T::async_);
  if (!accept(T::kw_with)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  WithItemList items{};
  StmtList body{};
  PyObject* comment = nullptr;
  bool done = false;
  int after_with = mark_;
  bool parenthesized = false;
  if (accept(T::left_paren)) {
    if (with_items(items)) {
      accept(T::comma);
      if (accept(T::right_paren) && accept(T::colon) && block(body)) done = parenthesized = true;
    }
    if (failed_) return nullptr;
    if (!done) reset(after_with);
  }
  if (!done) {
    if (with_items(items) && accept(T::colon)) {
      comment = type_comment();
      done = !failed_ && block(body);
    }
  }
  if (failed_) return nullptr;
  if (!done) {
    reset(mark);
    if (diagnose_) {
      invalid_with(false);
      if (!failed_) reset(mark);
    }
    return nullptr;
  }
  if (parenthesized && !supports(9, "Parenthesized context managers are")) return nullptr;
  if (is_async && !supports(5, "Async with statements are")) return nullptr;
  auto fill = [&](auto* s) -> Stmt* {
    if (!s) return nullptr;
    s->items = items;
    s->body = body;
    s->type_comment = comment;
    return s;
  };
  return is_async ? fill(make<AsyncWith>(start)) : fill(make<With>(start));
}

// ---- try ----------------------------------------------------------------------------------------------

ExceptHandler* Parser::except_block(bool star) {
  if (!is(T::kw_except)) return nullptr;
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_except_indent(star);
    if (failed_) return nullptr;
  }
  ++mark_;
  Expr* type = nullptr;
  PyObject* name = nullptr;
  StmtList body{};
  bool good = !star || accept(T::star);
  if (good) {
    type = expression();
    if (type) {
      int before = mark_;
      if (accept(T::kw_as)) {
        const Token* token = accept(T::name);
        if (token) name = identifier(token);
        else if (!failed_) reset(before);
      }
    } else if (star) {
      good = false;
    }
  }
  if (good && !failed_ && accept(T::colon) && block(body)) {
    auto* handler = make<ExceptHandler>(start);
    if (!handler) return nullptr;
    handler->type = type;
    handler->name = name;
    handler->body = body;
    return handler;
  }
  if (failed_) return nullptr;
  reset(mark);
  if (diagnose_) {
    invalid_except();
    if (!failed_) reset(mark);
  }
  return nullptr;
}

bool Parser::except_blocks(ExceptHandlerList& out, bool star) {
  Items<ExceptHandler> handlers(*this);
  while (ExceptHandler* handler = except_block(star)) handlers.push(handler);
  return !failed_ && handlers.size() && handlers.finish(out);
}

Stmt* Parser::try_statement() {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_try();
    if (failed_) return nullptr;
  }
  ++mark_;
  StmtList body{}, orelse{}, finalbody{};
  ExceptHandlerList handlers{};
  bool star = false;
  if (!demand(T::colon, ":") || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  int after = mark_;
  if (!finally_block(finalbody)) {
    if (failed_) return nullptr;
    reset(after);
    if (except_blocks(handlers, false)) {
      else_block(orelse);
      if (!failed_) finally_block(finalbody);
    } else if (!failed_ && except_blocks(handlers, true)) {
      star = true;
      else_block(orelse);
      if (!failed_) finally_block(finalbody);
    } else {
      if (!failed_) reset(mark);
      return nullptr;
    }
  }
  if (failed_) return nullptr;
  auto fill = [&](auto* s) -> Stmt* {
    if (!s) return nullptr;
    s->body = body;
    s->handlers = handlers;
    s->orelse = orelse;
    s->finalbody = finalbody;
    return s;
  };
  if (star && !supports(11, "Exception groups are")) return nullptr;
  return star ? fill(make<TryStar>(start)) : fill(make<Try>(start));
}

// ---- definitions --------------------------------------------------------------------------------------

bool Parser::decorators(ExprList& out) {
  Items<Expr> items(*this);
  while (true) {
    int mark = mark_;
    if (!accept(T::at)) break;
    Expr* e = named_expression();
    if (!e || !accept(T::newline)) {
      if (!failed_) reset(mark);
      break;
    }
    items.push(e);
  }
  return !failed_ && items.size() && items.finish(out);
}

Stmt* Parser::decorated() {
  int mark = mark_;
  ExprList list{};
  if (decorators(list)) {
    Stmt* s = nullptr;
    if (is(T::kw_class)) s = class_definition(list);
    else if (is(T::kw_def) || is(T::async_)) s = function_definition(list);
    if (s) return s;
  }
  if (!failed_) reset(mark);
  return nullptr;
}

PyObject* Parser::func_type_comment() {
  int mark = mark_;
  if (is(T::newline)) {
    ++mark_;
    PyObject* comment = type_comment();
    if (comment && is(T::newline) && kind_after() == T::indent) return comment;
    if (!failed_) reset(mark);
    return nullptr;
  }
  if (diagnose_ && accept(T::type_comment)) {
    if (accept(T::newline) && accept(T::type_comment) && accept(T::newline) && accept(T::indent)) {
      return error("Cannot have two type comments on def");
    }
    if (failed_) return nullptr;
    reset(mark);
  }
  return type_comment();
}

Stmt* Parser::function_definition(const ExprList& decorator_list) {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_function_definition();
    if (failed_) return nullptr;
  }
  bool is_async = accept(T::async_);
  const Token* token = accept(T::kw_def) ? accept(T::name) : nullptr;
  if (!token || !demand(T::left_paren, "(")) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  PyObject* name = identifier(token);
  Arguments* args = parameters(false);
  Expr* returns = nullptr;
  StmtList body{};
  if (failed_ || !accept(T::right_paren)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  int before = mark_;
  if (accept(T::arrow)) {
    returns = expression();
    if (!returns && !failed_) reset(before);
  }
  if (failed_ || !demand(T::colon, ":")) return nullptr;
  PyObject* comment = func_type_comment();
  if (failed_ || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  if (!args && !(args = plain<Arguments>())) return nullptr;
  if (is_async && !supports(5, "Async functions are")) return nullptr;
  auto fill = [&](auto* s) -> Stmt* {
    if (!s) return nullptr;
    s->name = name;
    s->args = args;
    s->body = body;
    s->decorator_list = decorator_list;
    s->returns = returns;
    s->type_comment = comment;
    return s;
  };
  return is_async ? fill(make<AsyncFunctionDef>(start)) : fill(make<FunctionDef>(start));
}

Stmt* Parser::class_definition(const ExprList& decorator_list) {
  int mark = mark_;
  const Token* start = peek();
  if (diagnose_) {
    invalid_class_definition();
    if (failed_) return nullptr;
  }
  ++mark_;
  const Token* token = accept(T::name);
  if (!token) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  PyObject* name = identifier(token);
  CallArguments* args = nullptr;
  int before = mark_;
  if (accept(T::left_paren)) {
    args = arguments();
    if (failed_) return nullptr;
    if (!accept(T::right_paren)) {
      if (failed_) return nullptr;
      reset(before);
      args = nullptr;
    }
  }
  StmtList body{};
  if (failed_ || !accept(T::colon) || !block(body)) {
    if (!failed_) reset(mark);
    return nullptr;
  }
  auto* s = make<ClassDef>(start);
  if (!s) return nullptr;
  s->name = name;
  if (args) {
    s->bases = args->args;
    s->keywords = args->keywords;
  }
  s->body = body;
  s->decorator_list = decorator_list;
  return s;
}

}  // namespace gill::ast
