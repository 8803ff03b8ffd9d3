// Expressions, calls, conditions. See generator.h.
#include "base/names.h"
#include "compiler/generator.h"
#include "runtime/native_stack.h"

namespace gill::compiler {

namespace {

// Longer displays and calls are built up step by step, to keep the stack small.
constexpr int kStackGuideline = 30;

BinaryOp binary_of(ast::Operator op) {
  switch (op) {
    case ast::Operator::Add: return BinaryOp::add;
    case ast::Operator::Sub: return BinaryOp::subtract;
    case ast::Operator::Mult: return BinaryOp::multiply;
    case ast::Operator::MatMult: return BinaryOp::matrix_multiply;
    case ast::Operator::Div: return BinaryOp::true_divide;
    case ast::Operator::Mod: return BinaryOp::remainder;
    case ast::Operator::Pow: return BinaryOp::power;
    case ast::Operator::LShift: return BinaryOp::lshift;
    case ast::Operator::RShift: return BinaryOp::rshift;
    case ast::Operator::BitOr: return BinaryOp::or_;
    case ast::Operator::BitXor: return BinaryOp::xor_;
    case ast::Operator::BitAnd: return BinaryOp::and_;
    case ast::Operator::FloorDiv: return BinaryOp::floor_divide;
  }
  return BinaryOp::add;
}

Op unary_of(ast::UnaryOperator op) {
  switch (op) {
    case ast::UnaryOperator::Invert: return Op::UNARY_INVERT;
    case ast::UnaryOperator::Not: return Op::UNARY_NOT;
    case ast::UnaryOperator::UAdd: return Op::UNARY_POSITIVE;
    case ast::UnaryOperator::USub: return Op::UNARY_NEGATIVE;
  }
  return Op::UNARY_NOT;
}

bool is_constant(const ast::Expr* e) { return e && e->kind == ast::ExprKind::Constant; }

bool all_constant(const ast::ExprList& items, int begin, int end) {
  for (int i = begin; i < end; ++i) {
    if (!is_constant(items[i])) return false;
  }
  return true;
}

bool has_star(const ast::ExprList& items) {
  for (const ast::Expr* item : items) {
    if (item->kind == ast::ExprKind::Starred) return true;
  }
  return false;
}

Ref<> constant_tuple(const ast::ExprList& items, int begin, int end) {
  Ref<> tuple = TRY(steal(PyTuple_New(end - begin)));
  for (int i = begin; i < end; ++i) {
    PyTuple_SET_ITEM(tuple.get(), i - begin, borrow(as<ast::Constant>(items[i])->value).release());
  }
  return tuple;
}

// The type that an expression's value is known to have, or null.
PyTypeObject* known_type(const ast::Expr* e) {
  switch (e->kind) {
    case ast::ExprKind::Tuple: return &PyTuple_Type;
    case ast::ExprKind::List:
    case ast::ExprKind::ListComp: return &PyList_Type;
    case ast::ExprKind::Dict:
    case ast::ExprKind::DictComp: return &PyDict_Type;
    case ast::ExprKind::Set:
    case ast::ExprKind::SetComp: return &PySet_Type;
    case ast::ExprKind::GeneratorExp: return &PyGen_Type;
    case ast::ExprKind::Lambda: return &PyFunction_Type;
    case ast::ExprKind::JoinedStr:
    case ast::ExprKind::FormattedValue: return &PyUnicode_Type;
    case ast::ExprKind::Constant: return Py_TYPE(as<ast::Constant>(e)->value);
    default: return nullptr;
  }
}

}  // namespace

Status Generator::expressions(const ast::ExprList& list) {
  for (const ast::Expr* e : list) TRY(expression(e));
  return Status::ok;
}

Status Generator::expression(const ast::Expr* e) {
  // The scope builder limits the depth, but takes less stack for it.
  if (!native_stack_left()) return raise(PyExc_RecursionError, "maximum recursion depth exceeded during compilation");
  Location whole = at();
  locate(e);
  TRY(visit(e));
  unit_->at = whole;
  return Status::ok;
}

Status Generator::visit(const ast::Expr* e) {
  using Kind = ast::ExprKind;
  switch (e->kind) {
    case Kind::NamedExpr:
      TRY(expression(as<ast::NamedExpr>(e)->value));
      TRY(emit(Op::COPY, 1));
      return expression(as<ast::NamedExpr>(e)->target);
    case Kind::BoolOp: return bool_op(e);
    case Kind::BinOp:
      TRY(expression(as<ast::BinOp>(e)->left));
      TRY(expression(as<ast::BinOp>(e)->right));
      return binary(binary_of(as<ast::BinOp>(e)->op));
    case Kind::UnaryOp:
      TRY(expression(as<ast::UnaryOp>(e)->operand));
      return emit(unary_of(as<ast::UnaryOp>(e)->op));
    case Kind::Lambda: return lambda(e);
    case Kind::IfExp: return if_expression(e);
    case Kind::Dict: return dict(e);
    case Kind::Set: return sequence(as<ast::Set>(e)->elts, 0, Op::BUILD_SET, Op::SET_ADD, Op::SET_UPDATE, false);
    case Kind::ListComp:
    case Kind::SetComp:
    case Kind::DictComp:
    case Kind::GeneratorExp: return comprehension(e);
    case Kind::Yield:
      if (!unit_->scope->is_function()) return error("'yield' outside function");
      if (as<ast::Yield>(e)->value) {
        TRY(expression(as<ast::Yield>(e)->value));
      } else {
        TRY(load_none());
      }
      return yield_value();
    case Kind::YieldFrom:
      if (!unit_->scope->is_function()) return error("'yield' outside function");
      if (unit_->kind == UnitKind::async_function) return error("'yield from' inside async function");
      TRY(expression(as<ast::YieldFrom>(e)->value));
      TRY(emit(Op::GET_YIELD_FROM_ITER));
      return yield_from(false);
    case Kind::Await:
      if (!top_level_await()) {
        if (!unit_->scope->is_function()) return error("'await' outside function");
        if (unit_->kind != UnitKind::async_function && unit_->kind != UnitKind::comprehension) {
          return error("'await' outside async function");
        }
      }
      TRY(expression(as<ast::Await>(e)->value));
      return await_value(0);
    case Kind::Compare: return compare(e);
    case Kind::Call: return call_expression(e);
    case Kind::JoinedStr: return joined_string(e);
    case Kind::FormattedValue: return formatted_value(e);
    case Kind::Constant: return load_constant(as<ast::Constant>(e)->value);
    case Kind::Attribute: return attribute(e);
    case Kind::Subscript: return subscript(e);
    case Kind::Starred:
      return as<ast::Starred>(e)->ctx == ast::Context::Store
                 ? error("starred assignment target must be in a list or tuple")
                 : error("can't use starred expression here");
    case Kind::Slice: return slice(e);
    case Kind::Name: {
      const auto* n = as<ast::Name>(e);
      return access(n->id, n->ctx == ast::Context::Load ? Use::load : n->ctx == ast::Context::Store ? Use::store : Use::erase);
    }
    case Kind::List:
    case Kind::Tuple: return list_or_tuple(e);
  }
  return Status::ok;
}

Status Generator::bool_op(const ast::Expr* e) {
  const auto* n = as<ast::BoolOp>(e);
  Op op = n->op == ast::BoolOperator::And ? Op::JUMP_IF_FALSE_OR_POP : Op::JUMP_IF_TRUE_OR_POP;
  Block* end = TRY(new_block());
  int last = static_cast<int>(n->values.size()) - 1;
  for (int i = 0; i < last; ++i) {
    TRY(expression(n->values[i]));
    TRY(jump(op, end));
  }
  TRY(expression(n->values[last]));
  use(end);
  return Status::ok;
}

Status Generator::if_expression(const ast::Expr* e) {
  const auto* n = as<ast::IfExp>(e);
  Block* end = TRY(new_block());
  Block* next = TRY(new_block());
  TRY(jump_if(n->test, next, false));
  TRY(expression(n->body));
  TRY(jump_artificial(end));
  use(next);
  TRY(expression(n->orelse));
  use(end);
  return Status::ok;
}

Status Generator::compare_op(ast::CmpOp op) {
  switch (op) {
    case ast::CmpOp::Eq: return emit(Op::COMPARE_OP, Py_EQ);
    case ast::CmpOp::NotEq: return emit(Op::COMPARE_OP, Py_NE);
    case ast::CmpOp::Lt: return emit(Op::COMPARE_OP, Py_LT);
    case ast::CmpOp::LtE: return emit(Op::COMPARE_OP, Py_LE);
    case ast::CmpOp::Gt: return emit(Op::COMPARE_OP, Py_GT);
    case ast::CmpOp::GtE: return emit(Op::COMPARE_OP, Py_GE);
    case ast::CmpOp::Is: return emit(Op::IS_OP, 0);
    case ast::CmpOp::IsNot: return emit(Op::IS_OP, 1);
    case ast::CmpOp::In: return emit(Op::CONTAINS_OP, 0);
    case ast::CmpOp::NotIn: return emit(Op::CONTAINS_OP, 1);
  }
  return Status::ok;
}

Status Generator::check_compare(const ast::Expr* e) {
  const auto* n = as<ast::Compare>(e);
  auto may_be_identical = [](const ast::Expr* operand) {
    if (!is_constant(operand)) return true;
    PyObject* value = as<ast::Constant>(operand)->value;
    return value == Py_None || value == Py_False || value == Py_True || value == Py_Ellipsis;
  };
  bool left = may_be_identical(n->left);
  for (int i = 0; i < static_cast<int>(n->ops.size()); ++i) {
    bool right = may_be_identical(n->comparators[i]);
    ast::CmpOp op = n->ops[i];
    if ((op == ast::CmpOp::Is || op == ast::CmpOp::IsNot) && (!left || !right)) {
      return warn(op == ast::CmpOp::Is ? "\"is\" with a literal. Did you mean \"==\"?"
                                       : "\"is not\" with a literal. Did you mean \"!=\"?");
    }
    left = right;
  }
  return Status::ok;
}

Status Generator::compare(const ast::Expr* e) {
  const auto* n = as<ast::Compare>(e);
  TRY(check_compare(e));
  TRY(expression(n->left));
  int last = static_cast<int>(n->ops.size()) - 1;
  if (last == 0) {
    TRY(expression(n->comparators[0]));
    return compare_op(n->ops[0]);
  }
  Block* cleanup = TRY(new_block());
  for (int i = 0; i < last; ++i) {
    TRY(expression(n->comparators[i]));
    TRY(emit(Op::SWAP, 2));
    TRY(emit(Op::COPY, 2));
    TRY(compare_op(n->ops[i]));
    TRY(jump(Op::JUMP_IF_FALSE_OR_POP, cleanup));
  }
  TRY(expression(n->comparators[last]));
  TRY(compare_op(n->ops[last]));
  Block* end = TRY(new_block());
  TRY(jump_artificial(end));
  use(cleanup);
  TRY(emit(Op::SWAP, 2));
  TRY(emit(Op::POP_TOP));
  use(end);
  return Status::ok;
}

// Jumps when the test's truth value is `condition`.
Status Generator::jump_if(const ast::Expr* test, Block* target, bool condition) {
  switch (test->kind) {
    case ast::ExprKind::UnaryOp:
      if (as<ast::UnaryOp>(test)->op != ast::UnaryOperator::Not) break;
      return jump_if(as<ast::UnaryOp>(test)->operand, target, !condition);
    case ast::ExprKind::BoolOp: {
      const auto* n = as<ast::BoolOp>(test);
      bool decides_if = n->op == ast::BoolOperator::Or;
      Block* decided = target;
      if (decides_if != condition) decided = TRY(new_block());
      int last = static_cast<int>(n->values.size()) - 1;
      for (int i = 0; i < last; ++i) TRY(jump_if(n->values[i], decided, decides_if));
      TRY(jump_if(n->values[last], target, condition));
      if (decided != target) use(decided);
      return Status::ok;
    }
    case ast::ExprKind::IfExp: {
      const auto* n = as<ast::IfExp>(test);
      Block* end = TRY(new_block());
      Block* next = TRY(new_block());
      TRY(jump_if(n->test, next, false));
      TRY(jump_if(n->body, target, condition));
      TRY(jump_artificial(end));
      use(next);
      TRY(jump_if(n->orelse, target, condition));
      use(end);
      return Status::ok;
    }
    case ast::ExprKind::Compare: {
      const auto* n = as<ast::Compare>(test);
      locate(test);
      int last = static_cast<int>(n->ops.size()) - 1;
      if (last == 0) break;
      TRY(check_compare(test));
      Block* cleanup = TRY(new_block());
      TRY(expression(n->left));
      for (int i = 0; i < last; ++i) {
        TRY(expression(n->comparators[i]));
        TRY(emit(Op::SWAP, 2));
        TRY(emit(Op::COPY, 2));
        TRY(compare_op(n->ops[i]));
        TRY(jump(Code::POP_JUMP_IF_FALSE, cleanup));
      }
      TRY(expression(n->comparators[last]));
      TRY(compare_op(n->ops[last]));
      TRY(jump(condition ? Code::POP_JUMP_IF_TRUE : Code::POP_JUMP_IF_FALSE, target));
      Block* end = TRY(new_block());
      TRY(jump_artificial(end));
      use(cleanup);
      TRY(emit(Op::POP_TOP));
      if (!condition) TRY(jump_artificial(target));
      use(end);
      return Status::ok;
    }
    default: break;
  }
  TRY(expression(test));
  return jump(condition ? Code::POP_JUMP_IF_TRUE : Code::POP_JUMP_IF_FALSE, target);
}

Status Generator::part_of_dict(const ast::Expr* e, int begin, int end) {
  const auto* n = as<ast::Dict>(e);
  int count = end - begin;
  bool big = count * 2 > kStackGuideline;
  if (count > 1 && !big && all_constant(n->keys, begin, end)) {
    for (int i = begin; i < end; ++i) TRY(expression(n->values[i]));
    Ref<> keys = TRY(constant_tuple(n->keys, begin, end));
    TRY(load_constant(keys.get()));
    return emit(Op::BUILD_CONST_KEY_MAP, count);
  }
  if (big) TRY(emit(Op::BUILD_MAP, 0));
  for (int i = begin; i < end; ++i) {
    TRY(expression(n->keys[i]));
    TRY(expression(n->values[i]));
    if (big) TRY(emit(Op::MAP_ADD, 1));
  }
  return big ? Status::ok : emit(Op::BUILD_MAP, count);
}

Status Generator::dict(const ast::Expr* e) {
  const auto* n = as<ast::Dict>(e);
  int count = static_cast<int>(n->values.size());
  bool built = false;
  int waiting = 0;  // items before position i that are not in the dict yet
  auto flush = [&](int end) -> Status {
    TRY(part_of_dict(e, end - waiting, end));
    if (built) TRY(emit(Op::DICT_UPDATE, 1));
    built = true;
    waiting = 0;
    return Status::ok;
  };
  for (int i = 0; i < count; ++i) {
    if (n->keys[i]) {
      ++waiting;
      if ((waiting - 1) * 2 > kStackGuideline) TRY(flush(i + 1));
      continue;
    }
    if (waiting) TRY(flush(i));
    if (!built) {
      TRY(emit(Op::BUILD_MAP, 0));
      built = true;
    }
    TRY(expression(n->values[i]));
    TRY(emit(Op::DICT_UPDATE, 1));
  }
  if (waiting) TRY(flush(count));
  return built ? Status::ok : emit(Op::BUILD_MAP, 0);
}

// A list, set or tuple display of `pushed` values on the stack and `items`.
Status Generator::sequence(const ast::ExprList& items, int pushed, Op build, Op add, Op extend, bool to_tuple) {
  int count = static_cast<int>(items.size());
  if (count > 2 && all_constant(items, 0, count)) {
    Ref<> folded = TRY(constant_tuple(items, 0, count));
    if (to_tuple && pushed == 0) return load_constant(folded.get());
    if (add == Op::SET_ADD) folded = TRY(steal(PyFrozenSet_New(folded.get())));
    TRY(emit(build, pushed));
    TRY(load_constant(folded.get()));
    TRY(emit(extend, 1));
    return to_tuple ? emit(Op::LIST_TO_TUPLE) : Status::ok;
  }
  bool big = count + pushed > kStackGuideline;
  if (!big && !has_star(items)) {
    TRY(expressions(items));
    return emit(to_tuple ? Op::BUILD_TUPLE : build, count + pushed);
  }
  bool built = false;
  if (big) {
    TRY(emit(build, pushed));
    built = true;
  }
  for (int i = 0; i < count; ++i) {
    const ast::Expr* item = items[i];
    if (item->kind == ast::ExprKind::Starred) {
      if (!built) {
        TRY(emit(build, i + pushed));
        built = true;
      }
      TRY(expression(as<ast::Starred>(item)->value));
      TRY(emit(extend, 1));
    } else {
      TRY(expression(item));
      if (built) TRY(emit(add, 1));
    }
  }
  return to_tuple ? emit(Op::LIST_TO_TUPLE) : Status::ok;
}

Status Generator::unpack_into(const ast::ExprList& targets) {
  int count = static_cast<int>(targets.size());
  bool seen_star = false;
  for (int i = 0; i < count; ++i) {
    if (targets[i]->kind != ast::ExprKind::Starred) continue;
    if (seen_star) return error("multiple starred expressions in assignment");
    int after = count - i - 1;
    if (i >= 1 << 8 || after >= INT_MAX >> 8) return error("too many expressions in star-unpacking assignment");
    TRY(emit(Op::UNPACK_EX, i + (after << 8)));
    seen_star = true;
  }
  if (!seen_star) TRY(emit(Op::UNPACK_SEQUENCE, count));
  for (const ast::Expr* target : targets) {
    TRY(expression(target->kind == ast::ExprKind::Starred ? as<ast::Starred>(target)->value : target));
  }
  return Status::ok;
}

Status Generator::list_or_tuple(const ast::Expr* e) {
  bool is_tuple = e->kind == ast::ExprKind::Tuple;
  const ast::ExprList& items = is_tuple ? as<ast::Tuple>(e)->elts : as<ast::List>(e)->elts;
  switch (is_tuple ? as<ast::Tuple>(e)->ctx : as<ast::List>(e)->ctx) {
    case ast::Context::Store: return unpack_into(items);
    case ast::Context::Load: return sequence(items, 0, Op::BUILD_LIST, Op::LIST_APPEND, Op::LIST_EXTEND, is_tuple);
    default: return expressions(items);
  }
}

// An attribute on a later line than its object is blamed alone.
void Generator::locate_attribute(const ast::Attribute* attribute) {
  Location& at = unit_->at;
  if (at.line == attribute->end_lineno) return;
  at.line = attribute->end_lineno;
  auto length = static_cast<int>(PyUnicode_GET_LENGTH(attribute->attr));
  if (length <= attribute->end_col_offset) {
    at.column = attribute->end_col_offset - length;
  } else {
    at.column = -1;
    at.end_column = -1;
  }
}

Status Generator::attribute(const ast::Expr* e) {
  const auto* n = as<ast::Attribute>(e);
  TRY(expression(n->value));
  locate_attribute(n);
  switch (n->ctx) {
    case ast::Context::Load: return emit_name(Op::LOAD_ATTR, n->attr);
    case ast::Context::Store:
      TRY(check_name(n->attr, Use::store));
      return emit_name(Op::STORE_ATTR, n->attr);
    default: return emit_name(Op::DELETE_ATTR, n->attr);
  }
}

Status Generator::subscript(const ast::Expr* e) {
  const auto* n = as<ast::Subscript>(e);
  if (n->ctx == ast::Context::Load) {
    TRY(check_subscripted(n->value));
    TRY(check_index(n->value, n->slice));
  }
  TRY(expression(n->value));
  TRY(expression(n->slice));
  return emit(n->ctx == ast::Context::Load    ? Op::BINARY_SUBSCR
              : n->ctx == ast::Context::Store ? Op::STORE_SUBSCR
                                              : Op::DELETE_SUBSCR);
}

Status Generator::slice(const ast::Expr* e) {
  const auto* n = as<ast::Slice>(e);
  TRY(n->lower ? expression(n->lower) : load_none());
  TRY(n->upper ? expression(n->upper) : load_none());
  if (n->step) TRY(expression(n->step));
  return emit(Op::BUILD_SLICE, n->step ? 3 : 2);
}

Status Generator::joined_string(const ast::Expr* e) {
  const ast::ExprList& values = as<ast::JoinedStr>(e)->values;
  int count = static_cast<int>(values.size());
  if (count > kStackGuideline) {
    TRY(load_constant(gill::name<"">));
    TRY(emit_name(Op::LOAD_METHOD, gill::name<"join">));
    TRY(emit(Op::BUILD_LIST, 0));
    for (const ast::Expr* value : values) {
      TRY(expression(value));
      TRY(emit(Op::LIST_APPEND, 1));
    }
    return call(1);
  }
  TRY(expressions(values));
  return count == 1 ? Status::ok : emit(Op::BUILD_STRING, count);
}

Status Generator::formatted_value(const ast::Expr* e) {
  const auto* n = as<ast::FormattedValue>(e);
  TRY(expression(n->value));
  int operand = 0;
  switch (n->conversion) {
    case -1: break;
    case 's': operand = 1; break;
    case 'r': operand = 2; break;
    case 'a': operand = 3; break;
    default: return raise(PyExc_SystemError, "Unrecognized conversion character %d", n->conversion);
  }
  if (n->format_spec) {
    TRY(expression(n->format_spec));
    operand |= 4;
  }
  return emit(Op::FORMAT_VALUE, operand);
}

Status Generator::check_callee(const ast::Expr* e) {
  switch (e->kind) {
    case ast::ExprKind::Constant:
    case ast::ExprKind::Tuple:
    case ast::ExprKind::List:
    case ast::ExprKind::ListComp:
    case ast::ExprKind::Dict:
    case ast::ExprKind::DictComp:
    case ast::ExprKind::Set:
    case ast::ExprKind::SetComp:
    case ast::ExprKind::GeneratorExp:
    case ast::ExprKind::JoinedStr:
    case ast::ExprKind::FormattedValue:
      return warn("'%.200s' object is not callable; perhaps you missed a comma?", known_type(e)->tp_name);
    default: return Status::ok;
  }
}

Status Generator::check_subscripted(const ast::Expr* e) {
  switch (e->kind) {
    case ast::ExprKind::Constant: {
      PyObject* value = as<ast::Constant>(e)->value;
      if (value != Py_None && value != Py_Ellipsis && !PyLong_Check(value) && !PyFloat_Check(value) &&
          !PyComplex_Check(value) && !PyAnySet_Check(value)) {
        return Status::ok;
      }
      break;
    }
    case ast::ExprKind::Set:
    case ast::ExprKind::SetComp:
    case ast::ExprKind::GeneratorExp:
    case ast::ExprKind::Lambda: break;
    default: return Status::ok;
  }
  return warn("'%.200s' object is not subscriptable; perhaps you missed a comma?", known_type(e)->tp_name);
}

Status Generator::check_index(const ast::Expr* e, const ast::Expr* index) {
  PyTypeObject* type = known_type(index);
  if (!type || PyType_FastSubclass(type, Py_TPFLAGS_LONG_SUBCLASS) || type == &PySlice_Type) return Status::ok;
  switch (e->kind) {
    case ast::ExprKind::Constant: {
      PyObject* value = as<ast::Constant>(e)->value;
      if (!PyUnicode_Check(value) && !PyBytes_Check(value) && !PyTuple_Check(value)) return Status::ok;
      break;
    }
    case ast::ExprKind::Tuple:
    case ast::ExprKind::List:
    case ast::ExprKind::ListComp:
    case ast::ExprKind::JoinedStr:
    case ast::ExprKind::FormattedValue: break;
    default: return Status::ok;
  }
  return warn("%.200s indices must be integers or slices, not %.200s; perhaps you missed a comma?",
              known_type(e)->tp_name, type->tp_name);
}

Status Generator::check_keywords(const ast::KeywordList& keywords) {
  int count = static_cast<int>(keywords.size());
  for (int i = 0; i < count; ++i) {
    PyObject* key = keywords[i]->arg;
    if (!key) continue;
    TRY(check_name(key, Use::store));
    for (int j = i + 1; j < count; ++j) {
      PyObject* other = keywords[j]->arg;
      if (!other || PyUnicode_Compare(key, other) != 0) continue;
      locate(keywords[j]);
      return error("keyword argument repeated: %U", key);
    }
  }
  return Status::ok;
}

Status Generator::keyword_names(const ast::KeywordList& keywords, int begin, int end, Ref<>& out) {
  out = TRY(steal(PyTuple_New(end - begin)));
  for (int i = begin; i < end; ++i) PyTuple_SET_ITEM(out.get(), i - begin, borrow(keywords[i]->arg).release());
  return Status::ok;
}

Status Generator::call_keywords(const ast::KeywordList& keywords) {
  int count = static_cast<int>(keywords.size());
  if (count == 0) return Status::ok;
  for (const ast::Keyword* keyword : keywords) TRY(expression(keyword->value));
  Ref<> names;
  TRY(keyword_names(keywords, 0, count, names));
  return emit(Op::KW_NAMES, TRY(add_constant(names.get())));
}

// object.name(...) without stars needs no bound method. False when the call is not of that form.
Maybe<bool> Generator::method_call(const ast::Expr* e) {
  const auto* n = as<ast::Call>(e);
  if (n->func->kind != ast::ExprKind::Attribute) return false;
  const auto* method = as<ast::Attribute>(n->func);
  if (method->ctx != ast::Context::Load) return false;
  // A name that the module imports is a module, most likely: its functions are no methods.
  if (method->value->kind == ast::ExprKind::Name) {
    long flags = symbols_.top()->flags_of(as<ast::Name>(method->value)->id);
    if (flags < 0) return failure;
    if (flags & kDefImport) return false;
  }
  int positional = static_cast<int>(n->args.size());
  int named = static_cast<int>(n->keywords.size());
  if (positional + named + (named != 0) >= kStackGuideline) return false;
  if (has_star(n->args)) return false;
  for (const ast::Keyword* keyword : n->keywords) {
    if (!keyword->arg) return false;
  }
  TRY(check_keywords(n->keywords));
  Location whole = at();
  TRY(expression(method->value));
  locate(n->func);
  locate_attribute(method);
  TRY(emit_name(Op::LOAD_METHOD, method->attr));
  TRY(expressions(n->args));
  TRY(call_keywords(n->keywords));
  locate(e);
  locate_attribute(method);
  TRY(call(positional + named));
  unit_->at = whole;
  return true;
}

Status Generator::call_expression(const ast::Expr* e) {
  const auto* n = as<ast::Call>(e);
  if (TRY(method_call(e))) return Status::ok;
  TRY(check_callee(n->func));
  locate(n->func);
  TRY(emit(Op::PUSH_NULL));
  locate(e);
  TRY(expression(n->func));
  return call_with(0, n->args, n->keywords);
}

Status Generator::part_of_keywords(const ast::KeywordList& keywords, int begin, int end) {
  int count = end - begin;
  bool big = count * 2 > kStackGuideline;
  if (count > 1 && !big) {
    for (int i = begin; i < end; ++i) TRY(expression(keywords[i]->value));
    Ref<> names;
    TRY(keyword_names(keywords, begin, end, names));
    TRY(load_constant(names.get()));
    return emit(Op::BUILD_CONST_KEY_MAP, count);
  }
  if (big) TRY(emit_artificial(Op::BUILD_MAP, 0));
  for (int i = begin; i < end; ++i) {
    TRY(load_constant(keywords[i]->arg));
    TRY(expression(keywords[i]->value));
    if (big) TRY(emit_artificial(Op::MAP_ADD, 1));
  }
  return big ? Status::ok : emit(Op::BUILD_MAP, count);
}

// The callable and `pushed` arguments are on the stack.
Status Generator::call_with(int pushed, const ast::ExprList& args, const ast::KeywordList& keywords) {
  TRY(check_keywords(keywords));
  int positional = static_cast<int>(args.size());
  int named = static_cast<int>(keywords.size());
  bool simple = positional + named * 2 <= kStackGuideline && !has_star(args);
  for (const ast::Keyword* keyword : keywords) simple = simple && keyword->arg;
  if (simple) {
    TRY(expressions(args));
    TRY(call_keywords(keywords));
    return call(pushed + positional + named);
  }
  if (pushed == 0 && positional == 1 && args[0]->kind == ast::ExprKind::Starred) {
    TRY(expression(as<ast::Starred>(args[0])->value));
  } else {
    TRY(sequence(args, pushed, Op::BUILD_LIST, Op::LIST_APPEND, Op::LIST_EXTEND, true));
  }
  if (named) {
    bool built = false;
    int waiting = 0;
    auto flush = [&](int end) -> Status {
      TRY(part_of_keywords(keywords, end - waiting, end));
      if (built) TRY(emit(Op::DICT_MERGE, 1));
      built = true;
      waiting = 0;
      return Status::ok;
    };
    for (int i = 0; i < named; ++i) {
      if (keywords[i]->arg) {
        ++waiting;
        continue;
      }
      if (waiting) TRY(flush(i));
      if (!built) {
        TRY(emit(Op::BUILD_MAP, 0));
        built = true;
      }
      TRY(expression(keywords[i]->value));
      TRY(emit(Op::DICT_MERGE, 1));
    }
    if (waiting) TRY(flush(named));
  }
  return emit(Op::CALL_FUNCTION_EX, named > 0);
}

}  // namespace gill::compiler
