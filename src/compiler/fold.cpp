// Folding: operators on constants, tuples of constants, `in [...]`, `'...' % (...)`, `__debug__`. See fold.h.
//
// Children are folded before their parents. An operation that fails stays as it is, to fail at run time; one
// whose result would be large is not tried.
#include "compiler/fold.h"

#include "base/names.h"
#include "compiler/scope.h"

namespace gill::compiler {

PyObject* docstring_of(const ast::StmtList& body);

namespace {

constexpr size_t kMaxIntBits = 128;
constexpr Py_ssize_t kMaxCollection = 256;
constexpr Py_ssize_t kMaxString = 4096;
constexpr Py_ssize_t kMaxTotalItems = 1024;

bool is_constant(const ast::Expr* e) { return e->kind == ast::ExprKind::Constant; }
PyObject* value_of(const ast::Expr* e) { return as<ast::Constant>(e)->value; }

bool is_zero(PyObject* number) { return Py_SIZE(number) == 0; }
bool is_text(PyObject* value) { return PyUnicode_Check(value) || PyBytes_Check(value); }
Py_ssize_t length_of(PyObject* value) {
  return PyUnicode_Check(value)     ? PyUnicode_GET_LENGTH(value)
         : PyBytes_Check(value)     ? PyBytes_GET_SIZE(value)
         : PyTuple_Check(value)     ? PyTuple_GET_SIZE(value)
         : PyFrozenSet_Check(value) ? PySet_GET_SIZE(value)
                                    : 0;
}

// What is left of `limit` after counting the items of nested tuples; negative when it is used up.
Py_ssize_t remaining_items(PyObject* value, Py_ssize_t limit) {
  if (PyTuple_Check(value)) {
    limit -= PyTuple_GET_SIZE(value);
    for (Py_ssize_t i = 0; limit >= 0 && i < PyTuple_GET_SIZE(value); ++i) {
      limit = remaining_items(PyTuple_GET_ITEM(value, i), limit);
    }
  } else if (PyFrozenSet_Check(value)) {
    limit -= PySet_GET_SIZE(value);
    Py_ssize_t position = 0;
    PyObject* item;
    Py_hash_t hash;
    while (limit >= 0 && _PySet_NextEntry(value, &position, &item, &hash)) limit = remaining_items(item, limit);
  }
  return limit;
}

// The operations return null without an exception where they do not want to compute.

Ref<> multiply(PyObject* v, PyObject* w) {
  if (PyLong_Check(v) && PyLong_Check(w) && !is_zero(v) && !is_zero(w)) {
    size_t bits = _PyLong_NumBits(v) + _PyLong_NumBits(w);
    if (bits > kMaxIntBits) return nullptr;
  } else if (PyLong_Check(v) && (PyTuple_Check(w) || PyFrozenSet_Check(w))) {
    if (Py_ssize_t size = length_of(w)) {
      long count = PyLong_AsLong(v);
      if (count < 0 || count > kMaxCollection / size) return nullptr;
      if (count && remaining_items(w, kMaxTotalItems / count) < 0) return nullptr;
    }
  } else if (PyLong_Check(v) && is_text(w)) {
    if (Py_ssize_t size = length_of(w)) {
      long count = PyLong_AsLong(v);
      if (count < 0 || count > kMaxString / size) return nullptr;
    }
  } else if (PyLong_Check(w) && (PyTuple_Check(v) || PyFrozenSet_Check(v) || is_text(v))) {
    return multiply(w, v);
  }
  return steal(PyNumber_Multiply(v, w));
}

Ref<> power(PyObject* v, PyObject* w) {
  if (PyLong_Check(v) && PyLong_Check(w) && !is_zero(v) && Py_SIZE(w) > 0) {
    size_t exponent = PyLong_AsSize_t(w);
    if (exponent == static_cast<size_t>(-1)) return nullptr;
    if (_PyLong_NumBits(v) > kMaxIntBits / exponent) return nullptr;
  }
  return steal(PyNumber_Power(v, w, Py_None));
}

Ref<> shift_left(PyObject* v, PyObject* w) {
  if (PyLong_Check(v) && PyLong_Check(w) && !is_zero(v) && !is_zero(w)) {
    size_t bits = _PyLong_NumBits(v);
    size_t shift = PyLong_AsSize_t(w);
    if (shift == static_cast<size_t>(-1) || shift > kMaxIntBits || bits > kMaxIntBits - shift) return nullptr;
  }
  return steal(PyNumber_Lshift(v, w));
}

Ref<> remainder(PyObject* v, PyObject* w) {
  return is_text(v) ? nullptr : steal(PyNumber_Remainder(v, w));
}

Ref<> compute(ast::Operator op, PyObject* v, PyObject* w) {
  switch (op) {
    case ast::Operator::Add: return steal(PyNumber_Add(v, w));
    case ast::Operator::Sub: return steal(PyNumber_Subtract(v, w));
    case ast::Operator::Mult: return multiply(v, w);
    case ast::Operator::Div: return steal(PyNumber_TrueDivide(v, w));
    case ast::Operator::FloorDiv: return steal(PyNumber_FloorDivide(v, w));
    case ast::Operator::Mod: return remainder(v, w);
    case ast::Operator::Pow: return power(v, w);
    case ast::Operator::LShift: return shift_left(v, w);
    case ast::Operator::RShift: return steal(PyNumber_Rshift(v, w));
    case ast::Operator::BitOr: return steal(PyNumber_Or(v, w));
    case ast::Operator::BitXor: return steal(PyNumber_Xor(v, w));
    case ast::Operator::BitAnd: return steal(PyNumber_And(v, w));
    case ast::Operator::MatMult: return nullptr;
  }
  return nullptr;
}

Ref<> compute(ast::UnaryOperator op, PyObject* v) {
  switch (op) {
    case ast::UnaryOperator::Invert: return steal(PyNumber_Invert(v));
    case ast::UnaryOperator::Not: {
      int truth = PyObject_IsTrue(v);
      return truth < 0 ? nullptr : py_bool(!truth);
    }
    case ast::UnaryOperator::UAdd: return steal(PyNumber_Positive(v));
    case ast::UnaryOperator::USub: return steal(PyNumber_Negative(v));
  }
  return nullptr;
}

// A `%` conversion that an f-string can do as well: %s, %r or %a with at most "-", a width and a precision.
struct Conversion {
  char letter = 0;
  Ref<> spec;  // null when there is none
};

class Folder {
 public:
  Folder(ast::Arena& arena, int optimize, bool future_annotations)
      : arena_(arena), optimize_(optimize), future_annotations_(future_annotations), depth_(DepthLimit::of_thread()) {}

  Status module(ast::Mod* tree) {
    switch (tree->kind) {
      case ast::ModKind::Module: return body(as<ast::Module>(tree)->body);
      case ast::ModKind::Interactive: return statements(as<ast::Interactive>(tree)->body);
      case ast::ModKind::Expression: return fold(as<ast::Expression>(tree)->body);
      default: return Status::ok;
    }
  }

 private:
  // Nodes.

  template <class Node>
  Node* new_node(ast::ExprKind kind, const ast::Expr* at) {
    auto* node = arena_.make<Node>();
    if (!node) {
      PyErr_NoMemory();
      return nullptr;
    }
    node->kind = kind;
    node->lineno = at ? at->lineno : -1;
    node->col_offset = at ? at->col_offset : -1;
    node->end_lineno = at ? at->end_lineno : -1;
    node->end_col_offset = at ? at->end_col_offset : -1;
    return node;
  }

  ast::Expr* new_constant(Ref<> value, const ast::Expr* at) {
    auto* node = TRY(new_node<ast::Constant>(ast::ExprKind::Constant, at));
    node->value = value.get();
    if (!arena_.keep(value.get())) return nullptr;
    return node;
  }

  // Puts a constant in place of an expression. A null value leaves it; only interrupts and memory failures are errors.
  Status replace(ast::Expr*& slot, Ref<> value) {
    if (!value) {
      if (!PyErr_Occurred()) return Status::ok;
      if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) return failure;
      PyErr_Clear();
      return Status::ok;
    }
    slot = TRY(new_constant(std::move(value), slot));
    return Status::ok;
  }

  // A tuple of the constants, or null without an exception when not all items are constants.
  Ref<> constant_tuple(const ast::ExprList& items) {
    for (const ast::Expr* item : items) {
      if (!is_constant(item)) return nullptr;
    }
    Ref<> tuple = TRY(steal(PyTuple_New(static_cast<Py_ssize_t>(items.size()))));
    for (int i = 0; i < static_cast<int>(items.size()); ++i) {
      PyTuple_SET_ITEM(tuple.get(), i, borrow(value_of(items[i])).release());
    }
    return tuple;
  }

  // Expressions.

  Status fold_optional(ast::Expr*& slot) { return slot ? fold(slot) : Status::ok; }

  Status fold_all(ast::ExprList& list) {
    for (ast::Expr*& item : list) TRY(fold_optional(item));
    return Status::ok;
  }

  Status fold(ast::Expr*& slot) {
    TRY(depth_.enter());
    TRY(visit(slot));
    depth_.leave();
    return Status::ok;
  }

  Status fold_unary(ast::Expr*& slot) {
    auto* n = as<ast::UnaryOp>(slot);
    ast::Expr* operand = n->operand;
    if (is_constant(operand)) return replace(slot, compute(n->op, value_of(operand)));
    if (n->op != ast::UnaryOperator::Not || operand->kind != ast::ExprKind::Compare) return Status::ok;
    // `not a in b` is `a not in b`.
    auto* compare = as<ast::Compare>(operand);
    if (compare->ops.size() != 1) return Status::ok;
    ast::CmpOp& op = compare->ops[0];
    switch (op) {
      case ast::CmpOp::Is: op = ast::CmpOp::IsNot; break;
      case ast::CmpOp::IsNot: op = ast::CmpOp::Is; break;
      case ast::CmpOp::In: op = ast::CmpOp::NotIn; break;
      case ast::CmpOp::NotIn: op = ast::CmpOp::In; break;
      default: return Status::ok;
    }
    slot = operand;
    return Status::ok;
  }

  Status fold_binary(ast::Expr*& slot) {
    auto* n = as<ast::BinOp>(slot);
    if (!is_constant(n->left)) return Status::ok;
    PyObject* left = value_of(n->left);
    if (n->op == ast::Operator::Mod && n->right->kind == ast::ExprKind::Tuple && PyUnicode_Check(left)) {
      bool starred = false;
      for (const ast::Expr* item : as<ast::Tuple>(n->right)->elts) starred |= item->kind == ast::ExprKind::Starred;
      if (!starred) return fold_format(slot, left, as<ast::Tuple>(n->right)->elts);
    }
    if (!is_constant(n->right)) return Status::ok;
    return replace(slot, compute(n->op, left, value_of(n->right)));
  }

  // The text up to the next conversion, with %% undone; null without an exception when it is empty.
  Ref<> literal_text(PyObject* format, Py_ssize_t& at) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(format);
    Py_ssize_t start = at;
    bool doubled = false;
    while (at < length) {
      if (PyUnicode_READ_CHAR(format, at) != '%') {
        ++at;
      } else if (at + 1 < length && PyUnicode_READ_CHAR(format, at + 1) == '%') {
        doubled = true;
        at += 2;
      } else {
        break;
      }
    }
    if (at == start) return nullptr;
    Ref<> text = TRY(steal(PyUnicode_Substring(format, start, at)));
    if (doubled) text = TRY(steal(PyUnicode_Replace(text.get(), name<"%%">, name<"%">, -1)));
    return text;
  }

  // False when the conversion must be left to `%`.
  Maybe<bool> read_conversion(PyObject* format, Py_ssize_t& at, Conversion& out) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(format);
    constexpr int kMaxDigits = 3;
    Py_UCS4 c = 0;
    auto next = [&] {
      if (at >= length) return false;
      c = PyUnicode_READ_CHAR(format, at++);
      return true;
    };
    auto number = [&](int& value) {
      value = 0;
      for (int digits = 0; c >= '0' && c <= '9';) {
        value = value * 10 + static_cast<int>(c - '0');
        if (!next() || ++digits >= kMaxDigits) return false;
      }
      return true;
    };
    bool left = false;
    int width = -1;
    int precision = -1;
    if (!next()) return false;
    while (c == '-' || c == '+' || c == ' ' || c == '#' || c == '0') {
      if (c == '-') left = true;
      if (!next()) return false;
    }
    if (c >= '0' && c <= '9' && !number(width)) return false;
    if (c == '.') {
      if (!next()) return false;
      precision = 0;
      if (c >= '0' && c <= '9' && !number(precision)) return false;
    }
    if (c != 's' && c != 'r' && c != 'a') return false;
    out.letter = static_cast<char>(c);
    char spec[16];
    int size = 0;
    if (!left && width > 0) spec[size++] = '>';
    if (width >= 0) size += PyOS_snprintf(spec + size, sizeof spec - static_cast<size_t>(size), "%d", width);
    if (precision >= 0) size += PyOS_snprintf(spec + size, sizeof spec - static_cast<size_t>(size), ".%d", precision);
    if (size) out.spec = TRY(steal(PyUnicode_FromStringAndSize(spec, size)));
    return true;
  }

  // 'a %s b' % (x,) becomes f'a {x!s} b', when all conversions are simple and their number is right.
  Status fold_format(ast::Expr*& slot, PyObject* format, const ast::ExprList& items) {
    int count = static_cast<int>(items.size());
    ast::ExprList values;
    if (!values.reserve(arena_, count * 2 + 1)) return failure;
    Py_ssize_t at = 0;
    int used = 0;
    while (true) {
      Ref<> text = literal_text(format, at);
      if (text) {
        values.append(TRY(new_constant(std::move(text), nullptr)));
      } else if (PyErr_Occurred()) {
        return failure;
      }
      if (at >= PyUnicode_GET_LENGTH(format)) break;
      if (used >= count) return Status::ok;
      ++at;
      Conversion conversion;
      if (!TRY(read_conversion(format, at, conversion))) return Status::ok;
      ast::Expr* item = items[used++];
      auto* value = TRY(new_node<ast::FormattedValue>(ast::ExprKind::FormattedValue, item));
      value->value = item;
      value->conversion = conversion.letter;
      value->format_spec = nullptr;
      if (conversion.spec) value->format_spec = TRY(new_constant(std::move(conversion.spec), nullptr));
      values.append(value);
    }
    if (used < count) return Status::ok;
    auto* joined = TRY(new_node<ast::JoinedStr>(ast::ExprKind::JoinedStr, slot));
    joined->values = values;
    slot = joined;
    return Status::ok;
  }

  // What is only iterated over or searched may as well be a tuple or a frozenset.
  Status fold_iterable(ast::Expr*& slot) {
    if (slot->kind == ast::ExprKind::List) {
      auto* n = as<ast::List>(slot);
      for (const ast::Expr* item : n->elts) {
        if (item->kind == ast::ExprKind::Starred) return Status::ok;
      }
      auto* tuple = TRY(new_node<ast::Tuple>(ast::ExprKind::Tuple, slot));
      tuple->elts = n->elts;
      tuple->ctx = n->ctx;
      slot = tuple;
      return replace(slot, constant_tuple(tuple->elts));
    }
    if (slot->kind == ast::ExprKind::Set) {
      Ref<> items = constant_tuple(as<ast::Set>(slot)->elts);
      if (items) items = steal(PyFrozenSet_New(items.get()));
      return replace(slot, std::move(items));
    }
    return Status::ok;
  }

  Status fold_comprehensions(ast::ComprehensionList& list) {
    for (ast::Comprehension* c : list) {
      TRY(fold(c->target));
      TRY(fold(c->iter));
      TRY(fold_all(c->ifs));
      TRY(fold_iterable(c->iter));
    }
    return Status::ok;
  }

  Status visit(ast::Expr*& slot) {
    using Kind = ast::ExprKind;
    ast::Expr* e = slot;
    switch (e->kind) {
      case Kind::BoolOp: return fold_all(as<ast::BoolOp>(e)->values);
      case Kind::BinOp:
        TRY(fold(as<ast::BinOp>(e)->left));
        TRY(fold(as<ast::BinOp>(e)->right));
        return fold_binary(slot);
      case Kind::UnaryOp:
        TRY(fold(as<ast::UnaryOp>(e)->operand));
        return fold_unary(slot);
      case Kind::Lambda:
        TRY(arguments(as<ast::Lambda>(e)->args));
        return fold(as<ast::Lambda>(e)->body);
      case Kind::IfExp:
        TRY(fold(as<ast::IfExp>(e)->test));
        TRY(fold(as<ast::IfExp>(e)->body));
        return fold(as<ast::IfExp>(e)->orelse);
      case Kind::Dict:
        TRY(fold_all(as<ast::Dict>(e)->keys));
        return fold_all(as<ast::Dict>(e)->values);
      case Kind::Set: return fold_all(as<ast::Set>(e)->elts);
      case Kind::ListComp:
        TRY(fold(as<ast::ListComp>(e)->elt));
        return fold_comprehensions(as<ast::ListComp>(e)->generators);
      case Kind::SetComp:
        TRY(fold(as<ast::SetComp>(e)->elt));
        return fold_comprehensions(as<ast::SetComp>(e)->generators);
      case Kind::DictComp:
        TRY(fold(as<ast::DictComp>(e)->key));
        TRY(fold(as<ast::DictComp>(e)->value));
        return fold_comprehensions(as<ast::DictComp>(e)->generators);
      case Kind::GeneratorExp:
        TRY(fold(as<ast::GeneratorExp>(e)->elt));
        return fold_comprehensions(as<ast::GeneratorExp>(e)->generators);
      case Kind::Await: return fold(as<ast::Await>(e)->value);
      case Kind::Yield: return fold_optional(as<ast::Yield>(e)->value);
      case Kind::YieldFrom: return fold(as<ast::YieldFrom>(e)->value);
      case Kind::Compare: {
        auto* n = as<ast::Compare>(e);
        TRY(fold(n->left));
        TRY(fold_all(n->comparators));
        int last = static_cast<int>(n->ops.size()) - 1;
        if (n->ops[last] != ast::CmpOp::In && n->ops[last] != ast::CmpOp::NotIn) return Status::ok;
        return fold_iterable(n->comparators[last]);
      }
      case Kind::Call:
        TRY(fold(as<ast::Call>(e)->func));
        TRY(fold_all(as<ast::Call>(e)->args));
        for (ast::Keyword* keyword : as<ast::Call>(e)->keywords) TRY(fold(keyword->value));
        return Status::ok;
      case Kind::FormattedValue:
        TRY(fold(as<ast::FormattedValue>(e)->value));
        return fold_optional(as<ast::FormattedValue>(e)->format_spec);
      case Kind::JoinedStr: return fold_all(as<ast::JoinedStr>(e)->values);
      case Kind::Attribute: return fold(as<ast::Attribute>(e)->value);
      case Kind::Subscript: {
        auto* n = as<ast::Subscript>(e);
        TRY(fold(n->value));
        TRY(fold(n->slice));
        if (n->ctx != ast::Context::Load || !is_constant(n->value) || !is_constant(n->slice)) return Status::ok;
        return replace(slot, steal(PyObject_GetItem(value_of(n->value), value_of(n->slice))));
      }
      case Kind::Starred: return fold(as<ast::Starred>(e)->value);
      case Kind::Slice:
        TRY(fold_optional(as<ast::Slice>(e)->lower));
        TRY(fold_optional(as<ast::Slice>(e)->upper));
        return fold_optional(as<ast::Slice>(e)->step);
      case Kind::List: return fold_all(as<ast::List>(e)->elts);
      case Kind::Tuple:
        TRY(fold_all(as<ast::Tuple>(e)->elts));
        if (as<ast::Tuple>(e)->ctx != ast::Context::Load) return Status::ok;
        return replace(slot, constant_tuple(as<ast::Tuple>(e)->elts));
      case Kind::Name:
        if (as<ast::Name>(e)->ctx != ast::Context::Load ||
            PyUnicode_CompareWithASCIIString(as<ast::Name>(e)->id, "__debug__") != 0) {
          return Status::ok;
        }
        return replace(slot, py_bool(optimize_ == 0));
      case Kind::NamedExpr: return fold(as<ast::NamedExpr>(e)->value);
      case Kind::Constant: return Status::ok;
    }
    return Status::ok;
  }

  Status annotation(ast::Expr*& slot) { return future_annotations_ ? Status::ok : fold_optional(slot); }

  Status arguments(ast::Arguments* a) {
    auto all = [&](ast::ArgList& list) -> Status {
      for (ast::Arg* parameter : list) TRY(annotation(parameter->annotation));
      return Status::ok;
    };
    TRY(all(a->posonlyargs));
    TRY(all(a->args));
    if (a->vararg) TRY(annotation(a->vararg->annotation));
    TRY(all(a->kwonlyargs));
    TRY(fold_all(a->kw_defaults));
    if (a->kwarg) TRY(annotation(a->kwarg->annotation));
    return fold_all(a->defaults);
  }

  // Statements.

  Status statements(ast::StmtList& list) {
    for (ast::Stmt* s : list) {
      TRY(depth_.enter());
      TRY(visit(s));
      depth_.leave();
    }
    return Status::ok;
  }

  // A first expression that only became a string by folding is no docstring.
  Status body(ast::StmtList& list) {
    bool had_docstring = docstring_of(list);
    TRY(statements(list));
    if (had_docstring || !docstring_of(list)) return Status::ok;
    auto* s = as<ast::ExprStmt>(list[0]);
    auto* joined = TRY(new_node<ast::JoinedStr>(ast::ExprKind::JoinedStr, s->value));
    joined->lineno = s->lineno;
    joined->col_offset = s->col_offset;
    joined->end_lineno = s->end_lineno;
    joined->end_col_offset = s->end_col_offset;
    if (!joined->values.reserve(arena_, 1)) return failure;
    joined->values.append(s->value);
    s->value = joined;
    return Status::ok;
  }

  template <class Node>
  Status function(Node* n) {
    TRY(arguments(n->args));
    TRY(body(n->body));
    TRY(fold_all(n->decorator_list));
    return annotation(n->returns);
  }

  template <class Node>
  Status loop(Node* n) {
    TRY(fold(n->target));
    TRY(fold(n->iter));
    TRY(statements(n->body));
    TRY(statements(n->orelse));
    // compat: an `async for` names the type that was written in its error.
    if constexpr (std::is_same_v<Node, ast::AsyncFor>) return Status::ok;
    return fold_iterable(n->iter);
  }

  template <class Node>
  Status with(Node* n) {
    for (ast::WithItem* item : n->items) {
      TRY(fold(item->context_expr));
      TRY(fold_optional(item->optional_vars));
    }
    return statements(n->body);
  }

  template <class Node>
  Status try_statement(Node* n) {
    TRY(statements(n->body));
    for (ast::ExceptHandler* handler : n->handlers) {
      TRY(fold_optional(handler->type));
      TRY(statements(handler->body));
    }
    TRY(statements(n->orelse));
    return statements(n->finalbody);
  }

  Status visit(ast::Stmt* s) {
    using Kind = ast::StmtKind;
    switch (s->kind) {
      case Kind::FunctionDef: return function(as<ast::FunctionDef>(s));
      case Kind::AsyncFunctionDef: return function(as<ast::AsyncFunctionDef>(s));
      case Kind::ClassDef: {
        auto* n = as<ast::ClassDef>(s);
        TRY(fold_all(n->bases));
        for (ast::Keyword* keyword : n->keywords) TRY(fold(keyword->value));
        TRY(body(n->body));
        return fold_all(n->decorator_list);
      }
      case Kind::Return: return fold_optional(as<ast::Return>(s)->value);
      case Kind::Delete: return fold_all(as<ast::Delete>(s)->targets);
      case Kind::Assign:
        TRY(fold_all(as<ast::Assign>(s)->targets));
        return fold(as<ast::Assign>(s)->value);
      case Kind::AugAssign:
        TRY(fold(as<ast::AugAssign>(s)->target));
        return fold(as<ast::AugAssign>(s)->value);
      case Kind::AnnAssign:
        TRY(fold(as<ast::AnnAssign>(s)->target));
        TRY(annotation(as<ast::AnnAssign>(s)->annotation));
        return fold_optional(as<ast::AnnAssign>(s)->value);
      case Kind::For: return loop(as<ast::For>(s));
      case Kind::AsyncFor: return loop(as<ast::AsyncFor>(s));
      case Kind::While:
        TRY(fold(as<ast::While>(s)->test));
        TRY(statements(as<ast::While>(s)->body));
        return statements(as<ast::While>(s)->orelse);
      case Kind::If:
        TRY(fold(as<ast::If>(s)->test));
        TRY(statements(as<ast::If>(s)->body));
        return statements(as<ast::If>(s)->orelse);
      case Kind::With: return with(as<ast::With>(s));
      case Kind::AsyncWith: return with(as<ast::AsyncWith>(s));
      case Kind::Match:
        TRY(fold(as<ast::Match>(s)->subject));
        for (ast::MatchCase* branch : as<ast::Match>(s)->cases) {
          TRY(pattern(branch->pattern));
          TRY(fold_optional(branch->guard));
          TRY(statements(branch->body));
        }
        return Status::ok;
      case Kind::Raise:
        TRY(fold_optional(as<ast::Raise>(s)->exc));
        return fold_optional(as<ast::Raise>(s)->cause);
      case Kind::Try: return try_statement(as<ast::Try>(s));
      case Kind::TryStar: return try_statement(as<ast::TryStar>(s));
      case Kind::Assert:
        TRY(fold(as<ast::Assert>(s)->test));
        return fold_optional(as<ast::Assert>(s)->msg);
      case Kind::Expr: return fold(as<ast::ExprStmt>(s)->value);
      default: return Status::ok;
    }
  }

  // Patterns: only -1 and 1 + 2j are computed.

  Status pattern_literal(ast::Expr*& slot) {
    bool is_number = slot->kind == ast::ExprKind::UnaryOp || slot->kind == ast::ExprKind::BinOp;
    return is_number ? fold(slot) : Status::ok;
  }

  Status patterns(ast::PatternList& list) {
    for (ast::Pattern* p : list) TRY(pattern(p));
    return Status::ok;
  }

  Status pattern(ast::Pattern* p) {
    TRY(depth_.enter());
    TRY(visit(p));
    depth_.leave();
    return Status::ok;
  }

  Status visit(ast::Pattern* p) {
    using Kind = ast::PatternKind;
    switch (p->kind) {
      case Kind::MatchValue: return pattern_literal(as<ast::MatchValue>(p)->value);
      case Kind::MatchSequence: return patterns(as<ast::MatchSequence>(p)->patterns);
      case Kind::MatchMapping:
        for (ast::Expr*& key : as<ast::MatchMapping>(p)->keys) {
          if (key) TRY(pattern_literal(key));
        }
        return patterns(as<ast::MatchMapping>(p)->patterns);
      case Kind::MatchClass:
        TRY(fold(as<ast::MatchClass>(p)->cls));
        TRY(patterns(as<ast::MatchClass>(p)->patterns));
        return patterns(as<ast::MatchClass>(p)->kwd_patterns);
      case Kind::MatchAs: return as<ast::MatchAs>(p)->pattern ? pattern(as<ast::MatchAs>(p)->pattern) : Status::ok;
      case Kind::MatchOr: return patterns(as<ast::MatchOr>(p)->patterns);
      case Kind::MatchSingleton:
      case Kind::MatchStar: return Status::ok;
    }
    return Status::ok;
  }

  ast::Arena& arena_;
  int optimize_;
  bool future_annotations_;
  DepthLimit depth_;
};

}  // namespace

Status fold_constants(ast::Mod* tree, ast::Arena& arena, int optimize, int flags) {
  return Folder(arena, optimize, flags & CO_FUTURE_ANNOTATIONS).module(tree);
}

}  // namespace gill::compiler
