// See validate.h.
#include "syntax/validate.h"

#include "runtime/native_stack.h"

namespace gill::ast {
namespace {

constexpr int kLevelsPerFrame = 3;

const char* name_of(Context ctx) {
  return ctx == Context::Load ? "Load" : ctx == Context::Store ? "Store" : "Del";
}

class Validator {
 public:
  Validator() {
    PyThreadState* thread = PyThreadState_Get();
    limit_ = thread->recursion_limit * kLevelsPerFrame;
    depth_ = (thread->recursion_limit - thread->recursion_remaining) * kLevelsPerFrame;
  }

  Status module(const Mod* tree) {
    switch (tree->kind) {
      case ModKind::Module: return statements(as<Module>(tree)->body);
      case ModKind::Interactive: return statements(as<Interactive>(tree)->body);
      case ModKind::Expression: return expression(as<Expression>(tree)->body, Context::Load);
      case ModKind::FunctionType:
        TRY(expressions(as<FunctionType>(tree)->argtypes, Context::Load, false));
        return expression(as<FunctionType>(tree)->returns, Context::Load);
    }
    return Status::ok;
  }

 private:
  struct Level {
    explicit Level(Validator& v) : v_(v) { ++v.depth_; }
    ~Level() { --v_.depth_; }
    Validator& v_;
  };
  Status check_depth() {
    if (depth_ > limit_ || !native_stack_left()) return raise(PyExc_RecursionError, "maximum recursion depth exceeded during compilation");
    return Status::ok;
  }

  static Status position(const Located* n) {
    if (n->lineno > n->end_lineno) {
      return raise(PyExc_ValueError, "AST node line range (%d, %d) is not valid", n->lineno, n->end_lineno);
    }
    if ((n->lineno < 0 && n->end_lineno != n->lineno) || (n->col_offset < 0 && n->col_offset != n->end_col_offset)) {
      return raise(PyExc_ValueError, "AST node column range (%d, %d) for line range (%d, %d) is not valid", n->col_offset,
                   n->end_col_offset, n->lineno, n->end_lineno);
    }
    if (n->lineno == n->end_lineno && n->col_offset > n->end_col_offset) {
      return raise(PyExc_ValueError, "line %d, column %d-%d is not a valid range", n->lineno, n->col_offset,
                   n->end_col_offset);
    }
    return Status::ok;
  }

  static Status identifier(PyObject* id) {
    for (const char* word : {"None", "True", "False"}) {
      if (PyUnicode_CompareWithASCIIString(id, word) == 0) {
        return raise(PyExc_ValueError, "identifier field can't represent '%s' constant", word);
      }
    }
    return Status::ok;
  }

  template <class List>
  static Status not_empty(const List& list, const char* what, const char* owner) {
    if (list.empty()) return raise(PyExc_ValueError, "empty %s on %s", what, owner);
    return Status::ok;
  }

  // ---- expressions ----

  Status optional(const Expr* e, Context ctx = Context::Load) { return e ? expression(e, ctx) : Status::ok; }

  Status expressions(const ExprList& list, Context ctx, bool null_allowed) {
    for (const Expr* e : list) {
      if (e) TRY(expression(e, ctx));
      else if (!null_allowed) return raise(PyExc_ValueError, "None disallowed in expression list");
    }
    return Status::ok;
  }

  Status keywords(const KeywordList& list) {
    for (const Keyword* keyword : list) TRY(expression(keyword->value, Context::Load));
    return Status::ok;
  }

  Status comprehension(const ComprehensionList& list) {
    if (list.empty()) return raise(PyExc_ValueError, "comprehension with no generators");
    for (const Comprehension* clause : list) {
      TRY(expression(clause->target, Context::Store));
      TRY(expression(clause->iter, Context::Load));
      TRY(expressions(clause->ifs, Context::Load, false));
    }
    return Status::ok;
  }

  Status parameters(const ArgList& list) {
    for (const Arg* arg : list) {
      TRY(position(arg));
      TRY(optional(arg->annotation));
    }
    return Status::ok;
  }

  Status arguments(const Arguments* a) {
    TRY(parameters(a->posonlyargs));
    TRY(parameters(a->args));
    if (a->vararg) TRY(optional(a->vararg->annotation));
    TRY(parameters(a->kwonlyargs));
    if (a->kwarg) TRY(optional(a->kwarg->annotation));
    if (a->defaults.size() > a->posonlyargs.size() + a->args.size()) {
      return raise(PyExc_ValueError, "more positional defaults than args on arguments");
    }
    if (a->kw_defaults.size() != a->kwonlyargs.size()) {
      return raise(PyExc_ValueError, "length of kwonlyargs is not the same as kw_defaults on arguments");
    }
    TRY(expressions(a->defaults, Context::Load, false));
    return expressions(a->kw_defaults, Context::Load, true);
  }

  Status constant(PyObject* value) {
    Level level(*this);
    TRY(check_depth());
    if (value == Py_None || value == Py_Ellipsis || PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
        PyComplex_CheckExact(value) || PyBool_Check(value) || PyUnicode_CheckExact(value) || PyBytes_CheckExact(value)) {
      return Status::ok;
    }
    if (PyTuple_CheckExact(value) || PyFrozenSet_CheckExact(value)) {
      Ref<> iterator = TRY(steal(PyObject_GetIter(value)));
      while (Ref<> item = steal(PyIter_Next(iterator.get()))) TRY(constant(item.get()));
      return PyErr_Occurred() ? Status::error : Status::ok;
    }
    return raise(PyExc_TypeError, "got an invalid type in Constant: %s", _PyType_Name(Py_TYPE(value)));
  }

  Status expression(const Expr* e, Context ctx) {
    Level level(*this);
    TRY(position(e));
    TRY(check_depth());
    bool has_context = true;
    Context actual = Context::Load;
    switch (e->kind) {
      case ExprKind::Attribute: actual = as<Attribute>(e)->ctx; break;
      case ExprKind::Subscript: actual = as<Subscript>(e)->ctx; break;
      case ExprKind::Starred: actual = as<Starred>(e)->ctx; break;
      case ExprKind::Name:
        TRY(identifier(as<Name>(e)->id));
        actual = as<Name>(e)->ctx;
        break;
      case ExprKind::List: actual = as<List>(e)->ctx; break;
      case ExprKind::Tuple: actual = as<Tuple>(e)->ctx; break;
      default:
        if (ctx != Context::Load) {
          return raise(PyExc_ValueError, "expression which can't be assigned to in %s context", name_of(ctx));
        }
        has_context = false;
    }
    if (has_context && actual != ctx) {
      return raise(PyExc_ValueError, "expression must have %s context but has %s instead", name_of(ctx), name_of(actual));
    }
    return children(e, actual);
  }

  Status children(const Expr* e, Context actual) {
    auto load = [this](const Expr* child) { return expression(child, Context::Load); };
    switch (e->kind) {
      case ExprKind::BoolOp:
        if (as<BoolOp>(e)->values.size() < 2) return raise(PyExc_ValueError, "BoolOp with less than 2 values");
        return expressions(as<BoolOp>(e)->values, Context::Load, false);
      case ExprKind::BinOp:
        TRY(load(as<BinOp>(e)->left));
        return load(as<BinOp>(e)->right);
      case ExprKind::UnaryOp: return load(as<UnaryOp>(e)->operand);
      case ExprKind::Lambda:
        TRY(arguments(as<Lambda>(e)->args));
        return load(as<Lambda>(e)->body);
      case ExprKind::IfExp:
        TRY(load(as<IfExp>(e)->test));
        TRY(load(as<IfExp>(e)->body));
        return load(as<IfExp>(e)->orelse);
      case ExprKind::Dict: {
        const auto* n = as<Dict>(e);
        if (n->keys.size() != n->values.size()) {
          return raise(PyExc_ValueError, "Dict doesn't have the same number of keys as values");
        }
        TRY(expressions(n->keys, Context::Load, true));
        return expressions(n->values, Context::Load, false);
      }
      case ExprKind::Set: return expressions(as<Set>(e)->elts, Context::Load, false);
      case ExprKind::ListComp:
        TRY(comprehension(as<ListComp>(e)->generators));
        return load(as<ListComp>(e)->elt);
      case ExprKind::SetComp:
        TRY(comprehension(as<SetComp>(e)->generators));
        return load(as<SetComp>(e)->elt);
      case ExprKind::GeneratorExp:
        TRY(comprehension(as<GeneratorExp>(e)->generators));
        return load(as<GeneratorExp>(e)->elt);
      case ExprKind::DictComp:
        TRY(comprehension(as<DictComp>(e)->generators));
        TRY(load(as<DictComp>(e)->key));
        return load(as<DictComp>(e)->value);
      case ExprKind::Yield: return optional(as<Yield>(e)->value);
      case ExprKind::YieldFrom: return load(as<YieldFrom>(e)->value);
      case ExprKind::Await: return load(as<Await>(e)->value);
      case ExprKind::Compare: {
        const auto* n = as<Compare>(e);
        if (n->comparators.empty()) return raise(PyExc_ValueError, "Compare with no comparators");
        if (n->comparators.size() != n->ops.size()) {
          return raise(PyExc_ValueError, "Compare has a different number of comparators and operands");
        }
        TRY(expressions(n->comparators, Context::Load, false));
        return load(n->left);
      }
      case ExprKind::Call:
        TRY(load(as<Call>(e)->func));
        TRY(expressions(as<Call>(e)->args, Context::Load, false));
        return keywords(as<Call>(e)->keywords);
      case ExprKind::Constant: return constant(as<Constant>(e)->value);
      case ExprKind::JoinedStr: return expressions(as<JoinedStr>(e)->values, Context::Load, false);
      case ExprKind::FormattedValue:
        TRY(load(as<FormattedValue>(e)->value));
        return optional(as<FormattedValue>(e)->format_spec);
      case ExprKind::Attribute: return load(as<Attribute>(e)->value);
      case ExprKind::Subscript:
        TRY(load(as<Subscript>(e)->slice));
        return load(as<Subscript>(e)->value);
      case ExprKind::Starred: return expression(as<Starred>(e)->value, actual);
      case ExprKind::Slice:
        TRY(optional(as<Slice>(e)->lower));
        TRY(optional(as<Slice>(e)->upper));
        return optional(as<Slice>(e)->step);
      case ExprKind::List: return expressions(as<List>(e)->elts, actual, false);
      case ExprKind::Tuple: return expressions(as<Tuple>(e)->elts, actual, false);
      case ExprKind::NamedExpr: return load(as<NamedExpr>(e)->value);
      case ExprKind::Name: return Status::ok;
    }
    return raise(PyExc_SystemError, "unexpected expression");
  }

  // ---- patterns ----

  // A constant that a pattern may compare with.
  Status pattern_value(const Expr* e) {
    constexpr const char* kOnlyLiterals = "patterns may only match literals and attribute lookups";
    TRY(expression(e, Context::Load));
    switch (e->kind) {
      case ExprKind::Constant: {
        PyObject* value = as<Constant>(e)->value;
        // Singletons are matched by identity, in a pattern of their own.
        if (PyLong_CheckExact(value) || PyFloat_CheckExact(value) || PyBytes_CheckExact(value) ||
            PyComplex_CheckExact(value) || PyUnicode_CheckExact(value)) {
          return Status::ok;
        }
        return raise(PyExc_ValueError, "unexpected constant inside of a literal pattern");
      }
      case ExprKind::UnaryOp:
        if (is_number(as<UnaryOp>(e)->operand, true, true) && as<UnaryOp>(e)->op == UnaryOperator::USub) return Status::ok;
        return raise(PyExc_ValueError, kOnlyLiterals);
      case ExprKind::BinOp: {
        const auto* n = as<BinOp>(e);
        const Expr* left = n->left;
        if (left->kind == ExprKind::UnaryOp && as<UnaryOp>(left)->op == UnaryOperator::USub) left = as<UnaryOp>(left)->operand;
        if ((n->op == Operator::Add || n->op == Operator::Sub) && is_number(left, true, false) &&
            is_number(n->right, false, true)) {
          return Status::ok;
        }
        return raise(PyExc_ValueError, kOnlyLiterals);
      }
      case ExprKind::Attribute: return Status::ok;
      // An f-string is refused by the compiler.
      case ExprKind::JoinedStr: return Status::ok;
      default: return raise(PyExc_ValueError, kOnlyLiterals);
    }
  }

  static bool is_number(const Expr* e, bool real, bool imaginary) {
    if (e->kind != ExprKind::Constant) return false;
    PyObject* value = as<Constant>(e)->value;
    return (real && (PyLong_CheckExact(value) || PyFloat_CheckExact(value))) || (imaginary && PyComplex_CheckExact(value));
  }

  static Status capture(PyObject* id) {
    if (PyUnicode_CompareWithASCIIString(id, "_") == 0) {
      return raise(PyExc_ValueError, "can't capture name '_' in patterns");
    }
    return identifier(id);
  }

  Status patterns(const PatternList& list, bool star_allowed) {
    for (const Pattern* p : list) {
      if (!p) return raise(PyExc_ValueError, "None disallowed in pattern list");
      TRY(pattern(p, star_allowed));
    }
    return Status::ok;
  }

  Status pattern(const Pattern* p, bool star_allowed) {
    Level level(*this);
    TRY(position(p));
    TRY(check_depth());
    switch (p->kind) {
      case PatternKind::MatchValue: return pattern_value(as<MatchValue>(p)->value);
      case PatternKind::MatchSingleton: {
        PyObject* value = as<MatchSingleton>(p)->value;
        if (value == Py_None || PyBool_Check(value)) return Status::ok;
        return raise(PyExc_ValueError, "MatchSingleton can only contain True, False and None");
      }
      case PatternKind::MatchSequence: return patterns(as<MatchSequence>(p)->patterns, true);
      case PatternKind::MatchMapping: {
        const auto* n = as<MatchMapping>(p);
        if (n->keys.size() != n->patterns.size()) {
          return raise(PyExc_ValueError, "MatchMapping doesn't have the same number of keys as patterns");
        }
        if (n->rest) TRY(capture(n->rest));
        for (const Expr* key : n->keys) {
          if (!key) return raise(PyExc_ValueError, "None disallowed in expression list");
          // Here a singleton is compared like any other key.
          if (key->kind == ExprKind::Constant) {
            PyObject* value = as<Constant>(key)->value;
            if (value == Py_None || PyBool_Check(value)) continue;
          }
          TRY(pattern_value(key));
        }
        return patterns(n->patterns, false);
      }
      case PatternKind::MatchClass: {
        const auto* n = as<MatchClass>(p);
        if (n->kwd_attrs.size() != n->kwd_patterns.size()) {
          return raise(PyExc_ValueError, "MatchClass doesn't have the same number of keyword attributes as patterns");
        }
        TRY(expression(n->cls, Context::Load));
        const Expr* cls = n->cls;
        while (cls->kind == ExprKind::Attribute) cls = as<Attribute>(cls)->value;
        if (cls->kind != ExprKind::Name) {
          return raise(PyExc_ValueError, "MatchClass cls field can only contain Name or Attribute nodes.");
        }
        for (PyObject* id : n->kwd_attrs) TRY(identifier(id));
        TRY(patterns(n->patterns, false));
        return patterns(n->kwd_patterns, false);
      }
      case PatternKind::MatchStar:
        if (!star_allowed) return raise(PyExc_ValueError, "can't use MatchStar here");
        return as<MatchStar>(p)->name ? capture(as<MatchStar>(p)->name) : Status::ok;
      case PatternKind::MatchAs: {
        const auto* n = as<MatchAs>(p);
        if (n->name) TRY(capture(n->name));
        if (!n->pattern) return Status::ok;
        if (!n->name) return raise(PyExc_ValueError, "MatchAs must specify a target name if a pattern is given");
        return pattern(n->pattern, false);
      }
      case PatternKind::MatchOr:
        if (as<MatchOr>(p)->patterns.size() < 2) return raise(PyExc_ValueError, "MatchOr requires at least 2 patterns");
        return patterns(as<MatchOr>(p)->patterns, false);
    }
    return raise(PyExc_SystemError, "unexpected pattern");
  }

  // ---- statements ----

  Status statements(const StmtList& list) {
    for (const Stmt* s : list) {
      if (!s) return raise(PyExc_ValueError, "None disallowed in statement list");
      TRY(statement(s));
    }
    return Status::ok;
  }

  Status body(const StmtList& list, const char* owner) {
    TRY(not_empty(list, "body", owner));
    return statements(list);
  }

  template <class Node>
  Status function(const Node* n, const char* owner) {
    TRY(body(n->body, owner));
    TRY(arguments(n->args));
    TRY(expressions(n->decorator_list, Context::Load, false));
    return optional(n->returns);
  }

  template <class Node>
  Status loop(const Node* n, const char* owner) {
    TRY(expression(n->target, Context::Store));
    TRY(expression(n->iter, Context::Load));
    TRY(body(n->body, owner));
    return statements(n->orelse);
  }

  template <class Node>
  Status with(const Node* n, const char* owner) {
    TRY(not_empty(n->items, "items", owner));
    for (const WithItem* item : n->items) {
      TRY(expression(item->context_expr, Context::Load));
      TRY(optional(item->optional_vars, Context::Store));
    }
    return body(n->body, owner);
  }

  template <class Node>
  Status try_statement(const Node* n, const char* owner) {
    TRY(body(n->body, owner));
    if (n->handlers.empty() && n->finalbody.empty()) {
      return raise(PyExc_ValueError, "%s has neither except handlers nor finalbody", owner);
    }
    if (n->handlers.empty() && !n->orelse.empty()) {
      return raise(PyExc_ValueError, "%s has orelse but no except handlers", owner);
    }
    for (const ExceptHandler* handler : n->handlers) {
      TRY(position(handler));
      TRY(optional(handler->type));
      TRY(body(handler->body, "ExceptHandler"));
    }
    TRY(statements(n->finalbody));
    return statements(n->orelse);
  }

  template <class Node>
  Status targets(const Node* n, Context ctx, const char* owner) {
    TRY(not_empty(n->targets, "targets", owner));
    return expressions(n->targets, ctx, false);
  }

  Status statement(const Stmt* s) {
    Level level(*this);
    TRY(position(s));
    TRY(check_depth());
    switch (s->kind) {
      case StmtKind::FunctionDef: return function(as<FunctionDef>(s), "FunctionDef");
      case StmtKind::AsyncFunctionDef: return function(as<AsyncFunctionDef>(s), "AsyncFunctionDef");
      case StmtKind::ClassDef: {
        const auto* n = as<ClassDef>(s);
        TRY(body(n->body, "ClassDef"));
        TRY(expressions(n->bases, Context::Load, false));
        TRY(keywords(n->keywords));
        return expressions(n->decorator_list, Context::Load, false);
      }
      case StmtKind::Return: return optional(as<Return>(s)->value);
      case StmtKind::Delete: return targets(as<Delete>(s), Context::Del, "Delete");
      case StmtKind::Assign:
        TRY(targets(as<Assign>(s), Context::Store, "Assign"));
        return expression(as<Assign>(s)->value, Context::Load);
      case StmtKind::AugAssign:
        TRY(expression(as<AugAssign>(s)->target, Context::Store));
        return expression(as<AugAssign>(s)->value, Context::Load);
      case StmtKind::AnnAssign: {
        const auto* n = as<AnnAssign>(s);
        if (n->target->kind != ExprKind::Name && n->simple) {
          return raise(PyExc_TypeError, "AnnAssign with simple non-Name target");
        }
        TRY(expression(n->target, Context::Store));
        TRY(optional(n->value));
        return expression(n->annotation, Context::Load);
      }
      case StmtKind::For: return loop(as<For>(s), "For");
      case StmtKind::AsyncFor: return loop(as<AsyncFor>(s), "AsyncFor");
      case StmtKind::While:
        TRY(expression(as<While>(s)->test, Context::Load));
        TRY(body(as<While>(s)->body, "While"));
        return statements(as<While>(s)->orelse);
      case StmtKind::If:
        TRY(expression(as<If>(s)->test, Context::Load));
        TRY(body(as<If>(s)->body, "If"));
        return statements(as<If>(s)->orelse);
      case StmtKind::With: return with(as<With>(s), "With");
      case StmtKind::AsyncWith: return with(as<AsyncWith>(s), "AsyncWith");
      case StmtKind::Match: {
        const auto* n = as<Match>(s);
        TRY(expression(n->subject, Context::Load));
        TRY(not_empty(n->cases, "cases", "Match"));
        for (const MatchCase* one : n->cases) {
          TRY(pattern(one->pattern, false));
          TRY(optional(one->guard));
          TRY(body(one->body, "match_case"));
        }
        return Status::ok;
      }
      case StmtKind::Raise: {
        const auto* n = as<Raise>(s);
        if (!n->exc) {
          return n->cause ? Status(raise(PyExc_ValueError, "Raise with cause but no exception")) : Status::ok;
        }
        TRY(expression(n->exc, Context::Load));
        return optional(n->cause);
      }
      case StmtKind::Try: return try_statement(as<Try>(s), "Try");
      case StmtKind::TryStar: return try_statement(as<TryStar>(s), "TryStar");
      case StmtKind::Assert:
        TRY(expression(as<Assert>(s)->test, Context::Load));
        return optional(as<Assert>(s)->msg);
      case StmtKind::Import: return not_empty(as<Import>(s)->names, "names", "Import");
      case StmtKind::ImportFrom:
        if (as<ImportFrom>(s)->level < 0) return raise(PyExc_ValueError, "Negative ImportFrom level");
        return not_empty(as<ImportFrom>(s)->names, "names", "ImportFrom");
      case StmtKind::Global: return not_empty(as<Global>(s)->names, "names", "Global");
      case StmtKind::Nonlocal: return not_empty(as<Nonlocal>(s)->names, "names", "Nonlocal");
      case StmtKind::Expr: return expression(as<ExprStmt>(s)->value, Context::Load);
      case StmtKind::Pass:
      case StmtKind::Break:
      case StmtKind::Continue: return Status::ok;
    }
    return raise(PyExc_SystemError, "unexpected statement");
  }

  int limit_;
  int depth_;
};

}  // namespace

Status validate(const Mod* tree) { return Validator().module(tree); }

}  // namespace gill::ast
