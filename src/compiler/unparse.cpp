// From expressions back to source text, with as few parentheses as the reference writes. See unparse.h.
#include "compiler/unparse.h"

#include "base/names.h"
#include "compiler/scope.h"

namespace gill::compiler {

namespace {

// An operand with a lower level than its surroundings wants is put in parentheses.
enum Level {
  kTuple,
  kTest,
  kOr,
  kAnd,
  kNot,
  kCompare,
  kExpr,
  kBitOr = kExpr,
  kBitXor,
  kBitAnd,
  kShift,
  kArithmetic,
  kTerm,
  kFactor,
  kPower,
  kAwait,
  kAtom,
};

struct Operator {
  const char* text;
  int level;
};

Operator binary_of(ast::Operator op) {
  switch (op) {
    case ast::Operator::Add: return {" + ", kArithmetic};
    case ast::Operator::Sub: return {" - ", kArithmetic};
    case ast::Operator::Mult: return {" * ", kTerm};
    case ast::Operator::MatMult: return {" @ ", kTerm};
    case ast::Operator::Div: return {" / ", kTerm};
    case ast::Operator::Mod: return {" % ", kTerm};
    case ast::Operator::Pow: return {" ** ", kPower};
    case ast::Operator::LShift: return {" << ", kShift};
    case ast::Operator::RShift: return {" >> ", kShift};
    case ast::Operator::BitOr: return {" | ", kBitOr};
    case ast::Operator::BitXor: return {" ^ ", kBitXor};
    case ast::Operator::BitAnd: return {" & ", kBitAnd};
    case ast::Operator::FloorDiv: return {" // ", kTerm};
  }
  return {"", kAtom};
}

const char* compare_of(ast::CmpOp op) {
  switch (op) {
    case ast::CmpOp::Eq: return " == ";
    case ast::CmpOp::NotEq: return " != ";
    case ast::CmpOp::Lt: return " < ";
    case ast::CmpOp::LtE: return " <= ";
    case ast::CmpOp::Gt: return " > ";
    case ast::CmpOp::GtE: return " >= ";
    case ast::CmpOp::Is: return " is ";
    case ast::CmpOp::IsNot: return " is not ";
    case ast::CmpOp::In: return " in ";
    case ast::CmpOp::NotIn: return " not in ";
  }
  return "";
}

class Writer {
 public:
  Status start() {
    parts_ = TRY(steal(PyList_New(0)));
    return Status::ok;
  }
  Ref<> text() { return steal(PyUnicode_Join(name<"">, parts_.get())); }

  Status expression(const ast::Expr* e, int level) {
    TRY(depth_.enter());
    TRY(visit(e, level));
    depth_.leave();
    return Status::ok;
  }

 private:
  Status put(PyObject* text) { return status_of(PyList_Append(parts_.get(), text)); }
  Status put(const char* text) {
    Ref<> string = TRY(steal(PyUnicode_FromString(text)));
    return put(string.get());
  }
  Status put_if(bool condition, const char* text) { return condition ? put(text) : Status::ok; }

  Status list(const ast::ExprList& items, int level) {
    bool first = true;
    for (const ast::Expr* item : items) {
      TRY(put_if(!std::exchange(first, false), ", "));
      TRY(expression(item, level));
    }
    return Status::ok;
  }

  // repr(), with infinities as a number that overflows.
  Status constant(const ast::Constant* n) {
    if (n->value == Py_Ellipsis) return put("...");
    if (n->kind_) TRY(put(n->kind_));
    return repr(n->value);
  }
  Status repr(PyObject* value) {
    if (PyTuple_CheckExact(value)) {
      Py_ssize_t count = PyTuple_GET_SIZE(value);
      TRY(put("("));
      for (Py_ssize_t i = 0; i < count; ++i) {
        TRY(put_if(i > 0, ", "));
        TRY(repr(PyTuple_GET_ITEM(value, i)));
      }
      return put(count == 1 ? ",)" : ")");
    }
    Ref<> text = TRY(steal(PyObject_Repr(value)));
    if (PyFloat_CheckExact(value) || PyComplex_CheckExact(value)) {
      text = TRY(steal(PyUnicode_Replace(text.get(), name<"inf">, name<"1e309">, -1)));
    }
    return put(text.get());
  }

  Status parameter(const ast::Arg* a) {
    TRY(put(a->arg));
    if (!a->annotation) return Status::ok;
    TRY(put(": "));
    return expression(a->annotation, kTest);
  }

  Status parameters(const ast::Arguments* a) {
    bool first = true;
    auto comma = [&] { return put_if(!std::exchange(first, false), ", "); };
    int only = static_cast<int>(a->posonlyargs.size());
    int total = only + static_cast<int>(a->args.size());
    int defaults = static_cast<int>(a->defaults.size());
    for (int i = 0; i < total; ++i) {
      TRY(comma());
      TRY(parameter(i < only ? a->posonlyargs[i] : a->args[i - only]));
      int index = i - total + defaults;
      if (index >= 0) {
        TRY(put("="));
        TRY(expression(a->defaults[index], kTest));
      }
      if (only && i + 1 == only) TRY(put(", /"));
    }
    if (a->vararg || !a->kwonlyargs.empty()) {
      TRY(comma());
      TRY(put("*"));
      if (a->vararg) TRY(parameter(a->vararg));
    }
    for (int i = 0; i < static_cast<int>(a->kwonlyargs.size()); ++i) {
      TRY(comma());
      TRY(parameter(a->kwonlyargs[i]));
      if (a->kw_defaults[i]) {
        TRY(put("="));
        TRY(expression(a->kw_defaults[i], kTest));
      }
    }
    if (a->kwarg) {
      TRY(comma());
      TRY(put("**"));
      TRY(parameter(a->kwarg));
    }
    return Status::ok;
  }

  Status comprehensions(const ast::ComprehensionList& list) {
    for (const ast::Comprehension* c : list) {
      TRY(put(c->is_async ? " async for " : " for "));
      TRY(expression(c->target, kTuple));
      TRY(put(" in "));
      TRY(expression(c->iter, kTest + 1));
      for (const ast::Expr* condition : c->ifs) {
        TRY(put(" if "));
        TRY(expression(condition, kTest + 1));
      }
    }
    return Status::ok;
  }
  Status comprehension(const char* open, const ast::Expr* element, const ast::ComprehensionList& generators,
                       const char* close) {
    TRY(put(open));
    TRY(expression(element, kTest));
    TRY(comprehensions(generators));
    return put(close);
  }

  Status call(const ast::Call* n) {
    TRY(expression(n->func, kAtom));
    int positional = static_cast<int>(n->args.size());
    if (positional == 1 && n->keywords.empty() && n->args[0]->kind == ast::ExprKind::GeneratorExp) {
      return expression(n->args[0], kTest);
    }
    TRY(put("("));
    TRY(list(n->args, kTest));
    bool first = positional == 0;
    for (const ast::Keyword* keyword : n->keywords) {
      TRY(put_if(!std::exchange(first, false), ", "));
      if (keyword->arg) {
        TRY(put(keyword->arg));
        TRY(put("="));
      } else {
        TRY(put("**"));
      }
      TRY(expression(keyword->value, kTest));
    }
    return put(")");
  }

  // The inside of an f-string, before it is quoted as a whole.
  Status fstring_element(const ast::Expr* e, bool is_spec) {
    switch (e->kind) {
      case ast::ExprKind::Constant: {
        Ref<> text = TRY(steal(PyUnicode_Replace(as<ast::Constant>(e)->value, name<"{">, name<"{{">, -1)));
        text = TRY(steal(PyUnicode_Replace(text.get(), name<"}">, name<"}}">, -1)));
        return put(text.get());
      }
      case ast::ExprKind::JoinedStr: return fstring(e, is_spec);
      case ast::ExprKind::FormattedValue: return replacement(as<ast::FormattedValue>(e));
      default: return raise(PyExc_SystemError, "unknown expression kind inside f-string");
    }
  }

  Status fstring(const ast::Expr* e, bool is_spec) {
    Writer body;
    TRY(body.start());
    for (const ast::Expr* value : as<ast::JoinedStr>(e)->values) TRY(body.fstring_element(value, is_spec));
    Ref<> text = TRY(body.text());
    if (is_spec) return put(text.get());
    TRY(put("f"));
    return repr(text.get());
  }

  Status replacement(const ast::FormattedValue* n) {
    Writer inner;
    TRY(inner.start());
    // A lambda's colon would end the expression: it wants parentheses.
    TRY(inner.expression(n->value, kTest + 1));
    Ref<> text = TRY(inner.text());
    bool starts_with_brace = PyUnicode_GET_LENGTH(text.get()) > 0 && PyUnicode_READ_CHAR(text.get(), 0) == '{';
    TRY(put(starts_with_brace ? "{ " : "{"));
    TRY(put(text.get()));
    switch (n->conversion) {
      case -1: break;
      case 'a': TRY(put("!a")); break;
      case 'r': TRY(put("!r")); break;
      case 's': TRY(put("!s")); break;
      default: return raise(PyExc_SystemError, "unknown f-value conversion kind");
    }
    if (n->format_spec) {
      TRY(put(":"));
      TRY(fstring_element(n->format_spec, true));
    }
    return put("}");
  }

  Status visit(const ast::Expr* e, int level) {
    using Kind = ast::ExprKind;
    auto open = [&](int own) { return put_if(level > own, "("); };
    auto close = [&](int own) { return put_if(level > own, ")"); };
    switch (e->kind) {
      case Kind::BoolOp: {
        const auto* n = as<ast::BoolOp>(e);
        bool is_and = n->op == ast::BoolOperator::And;
        int own = is_and ? kAnd : kOr;
        TRY(open(own));
        bool first = true;
        for (const ast::Expr* value : n->values) {
          TRY(put_if(!std::exchange(first, false), is_and ? " and " : " or "));
          TRY(expression(value, own + 1));
        }
        return close(own);
      }
      case Kind::BinOp: {
        const auto* n = as<ast::BinOp>(e);
        auto [text, own] = binary_of(n->op);
        bool to_the_right = n->op == ast::Operator::Pow;
        TRY(open(own));
        TRY(expression(n->left, own + to_the_right));
        TRY(put(text));
        TRY(expression(n->right, own + !to_the_right));
        return close(own);
      }
      case Kind::UnaryOp: {
        const auto* n = as<ast::UnaryOp>(e);
        int own = n->op == ast::UnaryOperator::Not ? kNot : kFactor;
        TRY(open(own));
        TRY(put(n->op == ast::UnaryOperator::Not      ? "not "
                : n->op == ast::UnaryOperator::Invert ? "~"
                : n->op == ast::UnaryOperator::UAdd   ? "+"
                                                      : "-"));
        TRY(expression(n->operand, own));
        return close(own);
      }
      case Kind::Lambda: {
        const auto* n = as<ast::Lambda>(e);
        TRY(open(kTest));
        TRY(put(n->args->posonlyargs.empty() && n->args->args.empty() ? "lambda" : "lambda "));
        TRY(parameters(n->args));
        TRY(put(": "));
        TRY(expression(n->body, kTest));
        return close(kTest);
      }
      case Kind::IfExp: {
        const auto* n = as<ast::IfExp>(e);
        TRY(open(kTest));
        TRY(expression(n->body, kTest + 1));
        TRY(put(" if "));
        TRY(expression(n->test, kTest + 1));
        TRY(put(" else "));
        TRY(expression(n->orelse, kTest));
        return close(kTest);
      }
      case Kind::Dict: {
        const auto* n = as<ast::Dict>(e);
        TRY(put("{"));
        for (int i = 0; i < static_cast<int>(n->values.size()); ++i) {
          TRY(put_if(i > 0, ", "));
          if (n->keys[i]) {
            TRY(expression(n->keys[i], kTest));
            TRY(put(": "));
            TRY(expression(n->values[i], kTest));
          } else {
            TRY(put("**"));
            TRY(expression(n->values[i], kExpr));
          }
        }
        return put("}");
      }
      case Kind::Set:
        TRY(put("{"));
        TRY(list(as<ast::Set>(e)->elts, kTest));
        return put("}");
      case Kind::GeneratorExp:
        return comprehension("(", as<ast::GeneratorExp>(e)->elt, as<ast::GeneratorExp>(e)->generators, ")");
      case Kind::ListComp: return comprehension("[", as<ast::ListComp>(e)->elt, as<ast::ListComp>(e)->generators, "]");
      case Kind::SetComp: return comprehension("{", as<ast::SetComp>(e)->elt, as<ast::SetComp>(e)->generators, "}");
      case Kind::DictComp:
        TRY(put("{"));
        TRY(expression(as<ast::DictComp>(e)->key, kTest));
        TRY(put(": "));
        TRY(expression(as<ast::DictComp>(e)->value, kTest));
        TRY(comprehensions(as<ast::DictComp>(e)->generators));
        return put("}");
      case Kind::Yield:
        if (!as<ast::Yield>(e)->value) return put("(yield)");
        TRY(put("(yield "));
        TRY(expression(as<ast::Yield>(e)->value, kTest));
        return put(")");
      case Kind::YieldFrom:
        TRY(put("(yield from "));
        TRY(expression(as<ast::YieldFrom>(e)->value, kTest));
        return put(")");
      case Kind::Await:
        TRY(open(kAwait));
        TRY(put("await "));
        TRY(expression(as<ast::Await>(e)->value, kAtom));
        return close(kAwait);
      case Kind::Compare: {
        const auto* n = as<ast::Compare>(e);
        TRY(open(kCompare));
        TRY(expression(n->left, kCompare + 1));
        for (int i = 0; i < static_cast<int>(n->comparators.size()); ++i) {
          TRY(put(compare_of(n->ops[i])));
          TRY(expression(n->comparators[i], kCompare + 1));
        }
        return close(kCompare);
      }
      case Kind::Call: return call(as<ast::Call>(e));
      case Kind::Constant: return constant(as<ast::Constant>(e));
      case Kind::JoinedStr: return fstring(e, false);
      case Kind::FormattedValue: return replacement(as<ast::FormattedValue>(e));
      case Kind::Attribute: {
        const auto* n = as<ast::Attribute>(e);
        TRY(expression(n->value, kAtom));
        bool is_int = n->value->kind == Kind::Constant && PyLong_CheckExact(as<ast::Constant>(n->value)->value);
        TRY(put(is_int ? " ." : "."));
        return put(n->attr);
      }
      case Kind::Starred:
        TRY(put("*"));
        return expression(as<ast::Starred>(e)->value, kExpr);
      case Kind::Name: return put(as<ast::Name>(e)->id);
      case Kind::List:
        TRY(put("["));
        TRY(list(as<ast::List>(e)->elts, kTest));
        return put("]");
      case Kind::Tuple: {
        const ast::ExprList& items = as<ast::Tuple>(e)->elts;
        if (items.empty()) return put("()");
        TRY(open(kTuple));
        TRY(list(items, kTest));
        TRY(put_if(items.size() == 1, ","));
        return close(kTuple);
      }
      case Kind::Subscript:
        TRY(expression(as<ast::Subscript>(e)->value, kAtom));
        TRY(put("["));
        TRY(expression(as<ast::Subscript>(e)->slice, kTuple));
        return put("]");
      case Kind::Slice: {
        const auto* n = as<ast::Slice>(e);
        if (n->lower) TRY(expression(n->lower, kTest));
        TRY(put(":"));
        if (n->upper) TRY(expression(n->upper, kTest));
        if (!n->step) return Status::ok;
        TRY(put(":"));
        return expression(n->step, kTest);
      }
      case Kind::NamedExpr:
        TRY(open(kTuple));
        TRY(expression(as<ast::NamedExpr>(e)->target, kAtom));
        TRY(put(" := "));
        TRY(expression(as<ast::NamedExpr>(e)->value, kAtom));
        return close(kTuple);
    }
    return Status::ok;
  }

  Ref<> parts_;
  DepthLimit depth_ = DepthLimit::of_thread();
};

}  // namespace

Ref<> unparse(const ast::Expr* e) {
  if (e->kind == ast::ExprKind::Constant && as<ast::Constant>(e)->value == Py_Ellipsis) return borrow(name<"...">);
  Writer writer;
  TRY(writer.start());
  TRY(writer.expression(e, kTest));
  return writer.text();
}

}  // namespace gill::compiler
