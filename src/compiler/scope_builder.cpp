// Walks the tree once and notes, for each block, which names it binds, declares and uses. See scope.h.
#include "compiler/scope_builder.h"

#include "base/names.h"

namespace gill::compiler {

namespace {

class Builder {
 public:
  Builder(SymbolTable& table, PyObject* filename, bool future_annotations)
      : table_(table), filename_(filename), future_annotations_(future_annotations), depth_(DepthLimit::of_thread()) {}

  Status module(const ast::Mod* tree) {
    TRY(enter(name<"top">, BlockType::module, tree, Location{0, 0, 0, 0}));
    switch (tree->kind) {
      case ast::ModKind::Module: return statements(as<ast::Module>(tree)->body);
      case ast::ModKind::Interactive: return statements(as<ast::Interactive>(tree)->body);
      case ast::ModKind::Expression: return expression(as<ast::Expression>(tree)->body);
      default: return raise(PyExc_RuntimeError, "this compiler does not handle FunctionTypes");
    }
  }

 private:
  template <class Node>
  static Location location_of(const Node* node) {
    return {node->lineno, node->end_lineno, node->col_offset, node->end_col_offset};
  }

  Status enter(PyObject* title, BlockType type, const void* key, const Location& location) {
    scope_ = TRY(table_.new_scope(title, type, key, scope_, location));
    if (private_) scope_->private_name = borrow(private_);
    return Status::ok;
  }
  void leave() { scope_ = scope_->parent; }

  template <class... Args>
  Failure error(const Location& at, const char* format, Args... args) {
    return scope_error_at(filename_, at, format, args...);
  }

  Maybe<long> look_up(Scope* scope, PyObject* identifier) {
    Ref<> known = TRY(mangled(private_, identifier));
    long flags = scope->flags_of(known.get());
    if (flags < 0) return failure;
    return flags;
  }

  static Status set_flags(Scope* scope, PyObject* known, long flags) {
    Ref<> number = TRY(steal(PyLong_FromLong(flags)));
    return status_of(PyDict_SetItem(scope->symbols.get(), known, number.get()));
  }

  Status define(PyObject* identifier, long flag, const Location& at) { return define_in(scope_, identifier, flag, at); }
  Status define_in(Scope* scope, PyObject* identifier, long flag, const Location& at) {
    Ref<> known = TRY(mangled(private_, identifier));
    long flags = scope->flags_of(known.get());
    if (flags < 0) return failure;
    if (flag & kDefParam && flags & kDefParam) {
      return error(at, "duplicate argument '%U' in function definition", identifier);
    }
    long combined = flags | flag;
    if (scope->in_comprehension_target) {
      if (combined & (kDefGlobal | kDefNonlocal)) {
        return error(at, "comprehension inner loop cannot rebind assignment expression target '%U'", identifier);
      }
      combined |= kDefCompIter;
    }
    if (combined != flags) TRY(set_flags(scope, known.get(), combined));
    if (flag & kDefParam) return status_of(PyList_Append(scope->varnames.get(), known.get()));
    if (flag & kDefGlobal) {
      long module_flags = table_.top()->flags_of(known.get());
      if (module_flags < 0) return failure;
      TRY(set_flags(table_.top(), known.get(), module_flags | flag));
    }
    return Status::ok;
  }

  Status refuse_in_annotation(const char* what, const ast::Expr* e) {
    if (scope_->type != BlockType::annotation) return Status::ok;
    return error(location_of(e), "'%s' can not be used within an annotation", what);
  }

  // Statements.

  Status statements(const ast::StmtList& list) {
    for (const ast::Stmt* s : list) TRY(statement(s));
    return Status::ok;
  }

  Status statement(const ast::Stmt* s) {
    TRY(depth_.enter());
    TRY(visit(s));
    depth_.leave();
    return Status::ok;
  }

  template <class Loop>
  Status loop(const Loop* n) {
    TRY(expression(n->target));
    TRY(expression(n->iter));
    TRY(statements(n->body));
    return statements(n->orelse);
  }

  template <class Node>
  Status with(const Node* n) {
    for (const ast::WithItem* item : n->items) {
      TRY(expression(item->context_expr));
      if (item->optional_vars) TRY(expression(item->optional_vars));
    }
    return statements(n->body);
  }

  template <class Node>
  Status try_statement(const Node* n) {
    TRY(statements(n->body));
    TRY(statements(n->orelse));
    for (const ast::ExceptHandler* handler : n->handlers) {
      if (handler->type) TRY(expression(handler->type));
      if (handler->name) TRY(define(handler->name, kDefLocal, location_of(handler)));
      TRY(statements(handler->body));
    }
    return statements(n->finalbody);
  }

  template <class Node>
  Status function(const Node* n, const ast::Stmt* s, bool is_async) {
    TRY(define(n->name, kDefLocal, location_of(s)));
    TRY(defaults(n->args));
    TRY(annotations(s, n->args, n->returns));
    TRY(expressions(n->decorator_list));
    TRY(enter(n->name, BlockType::function, s, location_of(s)));
    if (is_async) scope_->coroutine = true;
    TRY(parameters(n->args));
    TRY(statements(n->body));
    leave();
    return Status::ok;
  }

  Status declare(const ast::NameList& names, const ast::Stmt* s, bool is_global) {
    const char* kind = is_global ? "global" : "nonlocal";
    for (PyObject* identifier : names) {
      long flags = TRY(look_up(scope_, identifier));
      if (flags & kDefParam) return error(location_of(s), "name '%U' is parameter and %s", identifier, kind);
      if (flags & kUse) return error(location_of(s), "name '%U' is used prior to %s declaration", identifier, kind);
      if (flags & kDefAnnotation) return error(location_of(s), "annotated name '%U' can't be %s", identifier, kind);
      if (flags & kDefLocal) {
        return error(location_of(s), "name '%U' is assigned to before %s declaration", identifier, kind);
      }
      TRY(define(identifier, is_global ? kDefGlobal : kDefNonlocal, location_of(s)));
      TRY(scope_->directives.push({identifier, location_of(s)}));
    }
    return Status::ok;
  }

  Status annotated_assign(const ast::Stmt* s) {
    const auto* n = as<ast::AnnAssign>(s);
    if (n->target->kind == ast::ExprKind::Name) {
      PyObject* id = as<ast::Name>(n->target)->id;
      long flags = TRY(look_up(scope_, id));
      if (flags & (kDefGlobal | kDefNonlocal) && scope_ != table_.top() && n->simple) {
        return error(location_of(s), "annotated name '%U' can't be %s", id, flags & kDefGlobal ? "global" : "nonlocal");
      }
      if (n->simple) {
        TRY(define(id, kDefAnnotation | kDefLocal, location_of(n->target)));
      } else if (n->value) {
        TRY(define(id, kDefLocal, location_of(n->target)));
      }
    } else {
      TRY(expression(n->target));
    }
    TRY(annotation(n->annotation));
    return n->value ? expression(n->value) : Status::ok;
  }

  Status alias(const ast::Alias* a) {
    PyObject* bound = a->asname ? a->asname : a->name;
    if (PyUnicode_CompareWithASCIIString(bound, "*") == 0) {
      if (scope_->type == BlockType::module) return Status::ok;
      return error(location_of(a), "import * only allowed at module level");
    }
    Py_ssize_t dot = PyUnicode_FindChar(bound, '.', 0, PyUnicode_GET_LENGTH(bound), 1);
    if (dot == -2) return failure;
    if (dot < 0) return define(bound, kDefImport, location_of(a));
    Ref<> first = TRY(steal(PyUnicode_Substring(bound, 0, dot)));
    return define(first.get(), kDefImport, location_of(a));
  }

  Status visit(const ast::Stmt* s) {
    using Kind = ast::StmtKind;
    switch (s->kind) {
      case Kind::FunctionDef: return function(as<ast::FunctionDef>(s), s, false);
      case Kind::AsyncFunctionDef: return function(as<ast::AsyncFunctionDef>(s), s, true);
      case Kind::ClassDef: {
        const auto* n = as<ast::ClassDef>(s);
        TRY(define(n->name, kDefLocal, location_of(s)));
        TRY(expressions(n->bases));
        for (const ast::Keyword* keyword : n->keywords) TRY(expression(keyword->value));
        TRY(expressions(n->decorator_list));
        TRY(enter(n->name, BlockType::class_, s, location_of(s)));
        PyObject* outer = std::exchange(private_, n->name);
        scope_->private_name = borrow(private_);
        TRY(statements(n->body));
        private_ = outer;
        leave();
        return Status::ok;
      }
      case Kind::Return:
        if (!as<ast::Return>(s)->value) return Status::ok;
        scope_->returns_value = true;
        return expression(as<ast::Return>(s)->value);
      case Kind::Delete: return expressions(as<ast::Delete>(s)->targets);
      case Kind::Assign:
        TRY(expressions(as<ast::Assign>(s)->targets));
        return expression(as<ast::Assign>(s)->value);
      case Kind::AugAssign:
        TRY(expression(as<ast::AugAssign>(s)->target));
        return expression(as<ast::AugAssign>(s)->value);
      case Kind::AnnAssign: return annotated_assign(s);
      case Kind::For: return loop(as<ast::For>(s));
      case Kind::AsyncFor: return loop(as<ast::AsyncFor>(s));
      case Kind::While:
        TRY(expression(as<ast::While>(s)->test));
        TRY(statements(as<ast::While>(s)->body));
        return statements(as<ast::While>(s)->orelse);
      case Kind::If:
        TRY(expression(as<ast::If>(s)->test));
        TRY(statements(as<ast::If>(s)->body));
        return statements(as<ast::If>(s)->orelse);
      case Kind::With: return with(as<ast::With>(s));
      case Kind::AsyncWith: return with(as<ast::AsyncWith>(s));
      case Kind::Match:
        TRY(expression(as<ast::Match>(s)->subject));
        for (const ast::MatchCase* branch : as<ast::Match>(s)->cases) {
          TRY(pattern(branch->pattern));
          if (branch->guard) TRY(expression(branch->guard));
          TRY(statements(branch->body));
        }
        return Status::ok;
      case Kind::Raise:
        if (!as<ast::Raise>(s)->exc) return Status::ok;
        TRY(expression(as<ast::Raise>(s)->exc));
        return as<ast::Raise>(s)->cause ? expression(as<ast::Raise>(s)->cause) : Status::ok;
      case Kind::Try: return try_statement(as<ast::Try>(s));
      case Kind::TryStar: return try_statement(as<ast::TryStar>(s));
      case Kind::Assert:
        TRY(expression(as<ast::Assert>(s)->test));
        return as<ast::Assert>(s)->msg ? expression(as<ast::Assert>(s)->msg) : Status::ok;
      case Kind::Import:
        for (const ast::Alias* a : as<ast::Import>(s)->names) TRY(alias(a));
        return Status::ok;
      case Kind::ImportFrom:
        for (const ast::Alias* a : as<ast::ImportFrom>(s)->names) TRY(alias(a));
        return Status::ok;
      case Kind::Global: return declare(as<ast::Global>(s)->names, s, true);
      case Kind::Nonlocal: return declare(as<ast::Nonlocal>(s)->names, s, false);
      case Kind::Expr: return expression(as<ast::ExprStmt>(s)->value);
      case Kind::Pass:
      case Kind::Break:
      case Kind::Continue: return Status::ok;
    }
    return Status::ok;
  }

  // Parameters and annotations.

  Status defaults(const ast::Arguments* a) {
    TRY(expressions(a->defaults));
    for (const ast::Expr* value : a->kw_defaults) {
      if (value) TRY(expression(value));
    }
    return Status::ok;
  }

  Status parameters(const ast::Arguments* a) {
    auto define_all = [&](const ast::ArgList& list) -> Status {
      for (const ast::Arg* parameter : list) TRY(define(parameter->arg, kDefParam, location_of(parameter)));
      return Status::ok;
    };
    TRY(define_all(a->posonlyargs));
    TRY(define_all(a->args));
    TRY(define_all(a->kwonlyargs));
    if (a->vararg) {
      TRY(define(a->vararg->arg, kDefParam, location_of(a->vararg)));
      scope_->varargs = true;
    }
    if (a->kwarg) {
      TRY(define(a->kwarg->arg, kDefParam, location_of(a->kwarg)));
      scope_->varkeywords = true;
    }
    return Status::ok;
  }

  // Under `from __future__ import annotations` an annotation's names go to a block that nobody looks at.
  Status annotation(const ast::Expr* e) {
    if (future_annotations_) TRY(enter(name<"_annotation">, BlockType::annotation, e, location_of(e)));
    TRY(expression(e));
    if (future_annotations_) leave();
    return Status::ok;
  }

  Status annotations(const ast::Stmt* s, const ast::Arguments* a, const ast::Expr* returns) {
    if (future_annotations_) TRY(enter(name<"_annotation">, BlockType::annotation, s, location_of(s)));
    auto visit_all = [&](const ast::ArgList& list) -> Status {
      for (const ast::Arg* parameter : list) {
        if (parameter->annotation) TRY(expression(parameter->annotation));
      }
      return Status::ok;
    };
    TRY(visit_all(a->posonlyargs));
    TRY(visit_all(a->args));
    if (a->vararg && a->vararg->annotation) TRY(expression(a->vararg->annotation));
    if (a->kwarg && a->kwarg->annotation) TRY(expression(a->kwarg->annotation));
    TRY(visit_all(a->kwonlyargs));
    if (future_annotations_) leave();
    return returns ? annotation(returns) : Status::ok;
  }

  // Expressions.

  Status expressions(const ast::ExprList& list) {
    for (const ast::Expr* e : list) {
      if (e) TRY(expression(e));
    }
    return Status::ok;
  }

  Status expression(const ast::Expr* e) {
    TRY(depth_.enter());
    TRY(visit(e));
    depth_.leave();
    return Status::ok;
  }

  // `(name := value)` in a comprehension binds in the block around it.
  Status named_expression(const ast::Expr* e) {
    const auto* n = as<ast::NamedExpr>(e);
    if (scope_->comprehension_iterables > 0) {
      return error(location_of(e), "assignment expression cannot be used in a comprehension iterable expression");
    }
    if (scope_->comprehension != Comprehension::none) TRY(bind_outside(n->target));
    TRY(expression(n->value));
    return expression(n->target);
  }

  Status bind_outside(const ast::Expr* target) {
    PyObject* id = as<ast::Name>(target)->id;
    Location at = location_of(target);
    for (Scope* scope = scope_; scope; scope = scope->parent) {
      if (scope->comprehension != Comprehension::none) {
        long flags = TRY(look_up(scope, id));
        if (flags & kDefCompIter && flags & (kDefLocal | kDefGlobal)) {
          return error(at, "assignment expression cannot rebind comprehension iteration variable '%U'", id);
        }
        continue;
      }
      if (scope->is_function()) {
        long flags = TRY(look_up(scope, id));
        TRY(define(id, flags & kDefGlobal ? kDefGlobal : kDefNonlocal, at));
        TRY(scope_->directives.push({id, at}));
        return define_in(scope, id, kDefLocal, at);
      }
      if (scope->type == BlockType::module) {
        TRY(define(id, kDefGlobal, at));
        TRY(scope_->directives.push({id, at}));
        return define_in(scope, id, kDefGlobal, at);
      }
      if (scope->is_class()) {
        return error(at, "assignment expression within a comprehension cannot be used in a class body");
      }
    }
    return Status::ok;
  }

  Status comprehension(const ast::Expr* e, PyObject* title, Comprehension kind, const ast::ComprehensionList& generators,
                       const ast::Expr* element, const ast::Expr* value) {
    bool is_generator = kind == Comprehension::generator;
    const ast::Comprehension* outermost = generators[0];
    // The outermost iterable is evaluated outside.
    ++scope_->comprehension_iterables;
    TRY(expression(outermost->iter));
    --scope_->comprehension_iterables;
    TRY(enter(title, BlockType::function, e, location_of(e)));
    scope_->comprehension = kind;
    if (outermost->is_async) scope_->coroutine = true;
    TRY(define(name<".0">, kDefParam, scope_->location));
    TRY(comprehension_target(outermost));
    TRY(expressions(outermost->ifs));
    for (int i = 1; i < static_cast<int>(generators.size()); ++i) {
      const ast::Comprehension* generator = generators[i];
      TRY(comprehension_target(generator));
      ++scope_->comprehension_iterables;
      TRY(expression(generator->iter));
      --scope_->comprehension_iterables;
      TRY(expressions(generator->ifs));
      if (generator->is_async) scope_->coroutine = true;
    }
    if (value) TRY(expression(value));
    TRY(expression(element));
    scope_->generator = is_generator;
    bool is_async = scope_->coroutine && !is_generator;
    leave();
    if (is_async) scope_->coroutine = true;
    return Status::ok;
  }

  Status comprehension_target(const ast::Comprehension* generator) {
    scope_->in_comprehension_target = true;
    TRY(expression(generator->target));
    scope_->in_comprehension_target = false;
    return Status::ok;
  }

  Status yield(const ast::Expr* e, const ast::Expr* value) {
    TRY(refuse_in_annotation("yield expression", e));
    if (value) TRY(expression(value));
    scope_->generator = true;
    switch (scope_->comprehension) {
      case Comprehension::none: return Status::ok;
      case Comprehension::list: return error(location_of(e), "'yield' inside list comprehension");
      case Comprehension::set: return error(location_of(e), "'yield' inside set comprehension");
      case Comprehension::dict: return error(location_of(e), "'yield' inside dict comprehension");
      case Comprehension::generator: return error(location_of(e), "'yield' inside generator expression");
    }
    return Status::ok;
  }

  Status visit(const ast::Expr* e) {
    using Kind = ast::ExprKind;
    switch (e->kind) {
      case Kind::NamedExpr:
        TRY(refuse_in_annotation("named expression", e));
        return named_expression(e);
      case Kind::BoolOp: return expressions(as<ast::BoolOp>(e)->values);
      case Kind::BinOp:
        TRY(expression(as<ast::BinOp>(e)->left));
        return expression(as<ast::BinOp>(e)->right);
      case Kind::UnaryOp: return expression(as<ast::UnaryOp>(e)->operand);
      case Kind::Lambda: {
        const auto* n = as<ast::Lambda>(e);
        TRY(defaults(n->args));
        TRY(enter(name<"lambda">, BlockType::function, e, location_of(e)));
        TRY(parameters(n->args));
        TRY(expression(n->body));
        leave();
        return Status::ok;
      }
      case Kind::IfExp:
        TRY(expression(as<ast::IfExp>(e)->test));
        TRY(expression(as<ast::IfExp>(e)->body));
        return expression(as<ast::IfExp>(e)->orelse);
      case Kind::Dict:
        TRY(expressions(as<ast::Dict>(e)->keys));
        return expressions(as<ast::Dict>(e)->values);
      case Kind::Set: return expressions(as<ast::Set>(e)->elts);
      case Kind::ListComp: {
        const auto* n = as<ast::ListComp>(e);
        return comprehension(e, name<"listcomp">, Comprehension::list, n->generators, n->elt, nullptr);
      }
      case Kind::SetComp: {
        const auto* n = as<ast::SetComp>(e);
        return comprehension(e, name<"setcomp">, Comprehension::set, n->generators, n->elt, nullptr);
      }
      case Kind::DictComp: {
        const auto* n = as<ast::DictComp>(e);
        return comprehension(e, name<"dictcomp">, Comprehension::dict, n->generators, n->key, n->value);
      }
      case Kind::GeneratorExp: {
        const auto* n = as<ast::GeneratorExp>(e);
        return comprehension(e, name<"genexpr">, Comprehension::generator, n->generators, n->elt, nullptr);
      }
      case Kind::Await:
        TRY(refuse_in_annotation("await expression", e));
        TRY(expression(as<ast::Await>(e)->value));
        scope_->coroutine = true;
        return Status::ok;
      case Kind::Yield: return yield(e, as<ast::Yield>(e)->value);
      case Kind::YieldFrom: return yield(e, as<ast::YieldFrom>(e)->value);
      case Kind::Compare:
        TRY(expression(as<ast::Compare>(e)->left));
        return expressions(as<ast::Compare>(e)->comparators);
      case Kind::Call:
        TRY(expression(as<ast::Call>(e)->func));
        TRY(expressions(as<ast::Call>(e)->args));
        for (const ast::Keyword* keyword : as<ast::Call>(e)->keywords) TRY(expression(keyword->value));
        return Status::ok;
      case Kind::FormattedValue:
        TRY(expression(as<ast::FormattedValue>(e)->value));
        return as<ast::FormattedValue>(e)->format_spec ? expression(as<ast::FormattedValue>(e)->format_spec) : Status::ok;
      case Kind::JoinedStr: return expressions(as<ast::JoinedStr>(e)->values);
      case Kind::Constant: return Status::ok;
      case Kind::Attribute: return expression(as<ast::Attribute>(e)->value);
      case Kind::Subscript:
        TRY(expression(as<ast::Subscript>(e)->value));
        return expression(as<ast::Subscript>(e)->slice);
      case Kind::Starred: return expression(as<ast::Starred>(e)->value);
      case Kind::Name: {
        const auto* n = as<ast::Name>(e);
        TRY(define(n->id, n->ctx == ast::Context::Load ? kUse : kDefLocal, location_of(e)));
        // super() needs the class.
        if (n->ctx == ast::Context::Load && scope_->is_function() &&
            PyUnicode_CompareWithASCIIString(n->id, "super") == 0) {
          return define(name<"__class__">, kUse, location_of(e));
        }
        return Status::ok;
      }
      case Kind::List: return expressions(as<ast::List>(e)->elts);
      case Kind::Tuple: return expressions(as<ast::Tuple>(e)->elts);
      case Kind::Slice:
        for (const ast::Expr* part : {as<ast::Slice>(e)->lower, as<ast::Slice>(e)->upper, as<ast::Slice>(e)->step}) {
          if (part) TRY(expression(part));
        }
        return Status::ok;
    }
    return Status::ok;
  }

  // Patterns.

  Status patterns(const ast::PatternList& list) {
    for (const ast::Pattern* p : list) TRY(pattern(p));
    return Status::ok;
  }

  Status pattern(const ast::Pattern* p) {
    TRY(depth_.enter());
    TRY(visit(p));
    depth_.leave();
    return Status::ok;
  }

  Status visit(const ast::Pattern* p) {
    using Kind = ast::PatternKind;
    auto capture = [&](PyObject* id) -> Status { return id ? define(id, kDefLocal, location_of(p)) : Status::ok; };
    switch (p->kind) {
      case Kind::MatchValue: return expression(as<ast::MatchValue>(p)->value);
      case Kind::MatchSingleton: return Status::ok;
      case Kind::MatchSequence: return patterns(as<ast::MatchSequence>(p)->patterns);
      case Kind::MatchStar: return capture(as<ast::MatchStar>(p)->name);
      case Kind::MatchMapping:
        TRY(expressions(as<ast::MatchMapping>(p)->keys));
        TRY(patterns(as<ast::MatchMapping>(p)->patterns));
        return capture(as<ast::MatchMapping>(p)->rest);
      case Kind::MatchClass:
        TRY(expression(as<ast::MatchClass>(p)->cls));
        TRY(patterns(as<ast::MatchClass>(p)->patterns));
        return patterns(as<ast::MatchClass>(p)->kwd_patterns);
      case Kind::MatchAs:
        if (as<ast::MatchAs>(p)->pattern) TRY(pattern(as<ast::MatchAs>(p)->pattern));
        return capture(as<ast::MatchAs>(p)->name);
      case Kind::MatchOr: return patterns(as<ast::MatchOr>(p)->patterns);
    }
    return Status::ok;
  }

  SymbolTable& table_;
  PyObject* filename_;
  bool future_annotations_;
  DepthLimit depth_;
  Scope* scope_ = nullptr;
  PyObject* private_ = nullptr;  // the name of the innermost class, borrowed from the tree
};

}  // namespace

Status build_symbol_table(const ast::Mod* tree, PyObject* filename, int flags, SymbolTable& out) {
  out.set_filename(filename);
  TRY(Builder(out, filename, flags & CO_FUTURE_ANNOTATIONS).module(tree));
  return out.resolve();
}

}  // namespace gill::compiler
