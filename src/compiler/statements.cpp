// Simple statements, conditions, loops, assignments, imports. See generator.h.
#include "base/names.h"
#include "compiler/generator.h"

namespace gill::compiler {

Status Generator::statements(const ast::StmtList& list) {
  for (const ast::Stmt* s : list) TRY(statement(s));
  return Status::ok;
}

Status Generator::statement(const ast::Stmt* s) {
  locate(s);
  using Kind = ast::StmtKind;
  switch (s->kind) {
    case Kind::FunctionDef: return function(s, false);
    case Kind::AsyncFunctionDef: return function(s, true);
    case Kind::ClassDef: return class_definition(s);
    case Kind::Return: return return_statement(s);
    case Kind::Delete: return expressions(as<ast::Delete>(s)->targets);
    case Kind::Assign: return assign(s);
    case Kind::AugAssign: return augmented_assign(s);
    case Kind::AnnAssign: return annotated_assign(s);
    case Kind::For: return for_statement(s);
    case Kind::AsyncFor: return async_for_statement(s);
    case Kind::While: return while_statement(s);
    case Kind::If: return if_statement(s);
    case Kind::Match: return match_statement(s);
    case Kind::Raise: return raise_statement(s);
    case Kind::Try: return try_statement(s);
    case Kind::TryStar: return try_statement(s);
    case Kind::Assert: return assert_statement(s);
    case Kind::Import: return import_statement(s);
    case Kind::ImportFrom: return import_from(s);
    case Kind::Global:
    case Kind::Nonlocal: return Status::ok;
    case Kind::Expr: return expression_statement(as<ast::ExprStmt>(s)->value);
    case Kind::Pass: return emit(Op::NOP);
    case Kind::Break: return break_statement();
    case Kind::Continue: return continue_statement();
    case Kind::With: return with_statement(s, 0, false);
    case Kind::AsyncWith: return with_statement(s, 0, true);
  }
  return Status::ok;
}

Status Generator::expression_statement(const ast::Expr* value) {
  if (interactive_ && !unit_->outer) {
    TRY(expression(value));
    return emit(Op::PRINT_EXPR);
  }
  if (value->kind == ast::ExprKind::Constant) return emit(Op::NOP);
  TRY(expression(value));
  no_location();
  return emit(Op::POP_TOP);
}

Status Generator::return_statement(const ast::Stmt* s) {
  const ast::Expr* value = as<ast::Return>(s)->value;
  // A constant is loaded after everything has been left; anything else stays on the stack meanwhile.
  bool keeps_top = value && value->kind != ast::ExprKind::Constant;
  if (!unit_->scope->is_function()) return error("'return' outside function");
  if (value && unit_->scope->coroutine && unit_->scope->generator) {
    return error("'return' with value in async generator");
  }
  if (keeps_top) {
    TRY(expression(value));
  } else if (value) {
    locate(value);
    TRY(emit(Op::NOP));
  }
  if (!value || value->lineno != s->lineno) {
    locate(s);
    TRY(emit(Op::NOP));
  }
  TRY(unwind_frames(keeps_top, false, nullptr));
  if (!value) {
    TRY(load_none());
  } else if (!keeps_top) {
    TRY(load_constant(as<ast::Constant>(value)->value));
  }
  return emit(Op::RETURN_VALUE);
}

Status Generator::break_statement() {
  Location here = at();
  TRY(emit(Op::NOP));
  const FrameBlock* loop = nullptr;
  TRY(unwind_frames(false, true, &loop));
  if (!loop) {
    unit_->at = here;
    return error("'break' outside loop");
  }
  FrameBlock copy = *loop;
  TRY(unwind(copy, false));
  return jump(Code::JUMP, copy.exit);
}

Status Generator::continue_statement() {
  Location here = at();
  TRY(emit(Op::NOP));
  const FrameBlock* loop = nullptr;
  TRY(unwind_frames(false, true, &loop));
  if (!loop) {
    unit_->at = here;
    return error("'continue' not properly in loop");
  }
  return jump(Code::JUMP, loop->block);
}

Status Generator::assign(const ast::Stmt* s) {
  const auto* n = as<ast::Assign>(s);
  TRY(expression(n->value));
  int count = static_cast<int>(n->targets.size());
  for (int i = 0; i < count; ++i) {
    if (i + 1 < count) TRY(emit(Op::COPY, 1));
    TRY(expression(n->targets[i]));
  }
  return Status::ok;
}

namespace {

BinaryOp in_place(ast::Operator op) {
  switch (op) {
    case ast::Operator::Add: return BinaryOp::inplace_add;
    case ast::Operator::Sub: return BinaryOp::inplace_subtract;
    case ast::Operator::Mult: return BinaryOp::inplace_multiply;
    case ast::Operator::MatMult: return BinaryOp::inplace_matrix_multiply;
    case ast::Operator::Div: return BinaryOp::inplace_true_divide;
    case ast::Operator::Mod: return BinaryOp::inplace_remainder;
    case ast::Operator::Pow: return BinaryOp::inplace_power;
    case ast::Operator::LShift: return BinaryOp::inplace_lshift;
    case ast::Operator::RShift: return BinaryOp::inplace_rshift;
    case ast::Operator::BitOr: return BinaryOp::inplace_or;
    case ast::Operator::BitXor: return BinaryOp::inplace_xor;
    case ast::Operator::BitAnd: return BinaryOp::inplace_and;
    case ast::Operator::FloorDiv: return BinaryOp::inplace_floor_divide;
  }
  return BinaryOp::inplace_add;
}

}  // namespace

Status Generator::augmented_assign(const ast::Stmt* s) {
  const auto* n = as<ast::AugAssign>(s);
  const ast::Expr* target = n->target;
  Location whole = at();
  locate(target);
  switch (target->kind) {
    case ast::ExprKind::Attribute:
      TRY(expression(as<ast::Attribute>(target)->value));
      TRY(emit(Op::COPY, 1));
      locate_attribute(as<ast::Attribute>(target));
      TRY(emit_name(Op::LOAD_ATTR, as<ast::Attribute>(target)->attr));
      break;
    case ast::ExprKind::Subscript:
      TRY(expression(as<ast::Subscript>(target)->value));
      TRY(expression(as<ast::Subscript>(target)->slice));
      TRY(emit(Op::COPY, 2));
      TRY(emit(Op::COPY, 2));
      TRY(emit(Op::BINARY_SUBSCR));
      break;
    case ast::ExprKind::Name: TRY(access(as<ast::Name>(target)->id, Use::load)); break;
    default:
      return raise(PyExc_SystemError, "invalid node type (%d) for augmented assignment", static_cast<int>(target->kind));
  }
  unit_->at = whole;
  TRY(expression(n->value));
  TRY(binary(in_place(n->op)));
  locate(target);
  switch (target->kind) {
    case ast::ExprKind::Attribute:
      locate_attribute(as<ast::Attribute>(target));
      TRY(emit(Op::SWAP, 2));
      return emit_name(Op::STORE_ATTR, as<ast::Attribute>(target)->attr);
    case ast::ExprKind::Subscript:
      TRY(emit(Op::SWAP, 3));
      TRY(emit(Op::SWAP, 2));
      return emit(Op::STORE_SUBSCR);
    default: return access(as<ast::Name>(target)->id, Use::store);
  }
}

Status Generator::evaluate_and_drop(const ast::Expr* e) {
  TRY(expression(e));
  return emit(Op::POP_TOP);
}

Status Generator::check_annotated_subscript(const ast::Expr* e) {
  if (e->kind == ast::ExprKind::Slice) {
    const auto* slice = as<ast::Slice>(e);
    for (const ast::Expr* part : {slice->lower, slice->upper, slice->step}) {
      if (part) TRY(evaluate_and_drop(part));
    }
    return Status::ok;
  }
  if (e->kind == ast::ExprKind::Tuple) {
    for (const ast::Expr* item : as<ast::Tuple>(e)->elts) TRY(check_annotated_subscript(item));
    return Status::ok;
  }
  return evaluate_and_drop(e);
}

Status Generator::annotated_assign(const ast::Stmt* s) {
  const auto* n = as<ast::AnnAssign>(s);
  const ast::Expr* target = n->target;
  if (n->value) {
    TRY(expression(n->value));
    TRY(expression(target));
  }
  bool in_namespace = unit_->kind == UnitKind::module || unit_->kind == UnitKind::class_;
  switch (target->kind) {
    case ast::ExprKind::Name: {
      PyObject* id = as<ast::Name>(target)->id;
      TRY(check_name(id, Use::store));
      if (!n->simple || !in_namespace) break;
      TRY(annotation_value(n->annotation));
      TRY(emit_name(Op::LOAD_NAME, gill::name<"__annotations__">));
      Ref<> known = TRY(mangled(unit_->private_name, id));
      TRY(load_constant(known.get()));
      TRY(emit(Op::STORE_SUBSCR));
      break;
    }
    case ast::ExprKind::Attribute:
      TRY(check_name(as<ast::Attribute>(target)->attr, Use::store));
      if (!n->value) TRY(evaluate_and_drop(as<ast::Attribute>(target)->value));
      break;
    case ast::ExprKind::Subscript:
      if (n->value) break;
      TRY(evaluate_and_drop(as<ast::Subscript>(target)->value));
      TRY(check_annotated_subscript(as<ast::Subscript>(target)->slice));
      break;
    default:
      return raise(PyExc_SystemError, "invalid node type (%d) for annotated assignment", static_cast<int>(target->kind));
  }
  // The annotation of a complex target is evaluated, and used for nothing.
  if (!n->simple && in_namespace && !options_.future_annotations()) return evaluate_and_drop(n->annotation);
  return Status::ok;
}

Status Generator::if_statement(const ast::Stmt* s) {
  const auto* n = as<ast::If>(s);
  Block* end = TRY(new_block());
  Block* next = end;
  if (!n->orelse.empty()) next = TRY(new_block());
  TRY(jump_if(n->test, next, false));
  TRY(statements(n->body));
  if (!n->orelse.empty()) {
    TRY(jump_artificial(end));
    use(next);
    TRY(statements(n->orelse));
  }
  use(end);
  return Status::ok;
}

Status Generator::while_statement(const ast::Stmt* s) {
  const auto* n = as<ast::While>(s);
  Block* loop = TRY(new_block());
  Block* body = TRY(new_block());
  Block* anchor = TRY(new_block());
  Block* end = TRY(new_block());
  use(loop);
  TRY(push_frame(FrameKind::while_loop, loop, end));
  TRY(jump_if(n->test, anchor, false));
  use(body);
  TRY(statements(n->body));
  locate(s);
  TRY(jump_if(n->test, body, true));
  pop_frame();
  use(anchor);
  TRY(statements(n->orelse));
  use(end);
  return Status::ok;
}

Status Generator::for_statement(const ast::Stmt* s) {
  const auto* n = as<ast::For>(s);
  Block* start = TRY(new_block());
  Block* body = TRY(new_block());
  Block* cleanup = TRY(new_block());
  Block* end = TRY(new_block());
  TRY(push_frame(FrameKind::for_loop, start, end));
  TRY(expression(n->iter));
  TRY(emit(Op::GET_ITER));
  use(start);
  TRY(jump(Op::FOR_ITER, cleanup));
  use(body);
  TRY(expression(n->target));
  TRY(statements(n->body));
  no_location();
  TRY(jump(Code::JUMP, start));
  use(cleanup);
  pop_frame();
  TRY(statements(n->orelse));
  use(end);
  return Status::ok;
}

Status Generator::async_for_statement(const ast::Stmt* s) {
  const auto* n = as<ast::AsyncFor>(s);
  if (top_level_await()) {
    unit_->scope->coroutine = true;
  } else if (unit_->kind != UnitKind::async_function) {
    return error("'async for' outside async function");
  }
  Block* start = TRY(new_block());
  Block* except = TRY(new_block());
  Block* end = TRY(new_block());
  TRY(expression(n->iter));
  TRY(emit(Op::GET_AITER));
  use(start);
  TRY(push_frame(FrameKind::for_loop, start, end));
  TRY(jump(Code::SETUP_FINALLY, except));
  TRY(emit(Op::GET_ANEXT));
  TRY(yield_from(true));
  TRY(emit(Code::POP_BLOCK));
  TRY(expression(n->target));
  TRY(statements(n->body));
  no_location();
  TRY(jump(Code::JUMP, start));
  pop_frame();
  use(except);
  // The end of the iteration belongs to the iterable, not to the body.
  locate(n->iter);
  TRY(emit(Op::END_ASYNC_FOR));
  TRY(statements(n->orelse));
  use(end);
  return Status::ok;
}

Status Generator::raise_statement(const ast::Stmt* s) {
  const auto* n = as<ast::Raise>(s);
  int count = 0;
  if (n->exc) {
    TRY(expression(n->exc));
    ++count;
    if (n->cause) {
      TRY(expression(n->cause));
      ++count;
    }
  }
  return emit(Op::RAISE_VARARGS, count);
}

Status Generator::assert_statement(const ast::Stmt* s) {
  const auto* n = as<ast::Assert>(s);
  bool is_filled_tuple = n->test->kind == ast::ExprKind::Tuple && !as<ast::Tuple>(n->test)->elts.empty();
  if (n->test->kind == ast::ExprKind::Constant) {
    PyObject* value = as<ast::Constant>(n->test)->value;
    is_filled_tuple = PyTuple_Check(value) && PyTuple_GET_SIZE(value) > 0;
  }
  if (is_filled_tuple) TRY(warn("assertion is always true, perhaps remove parentheses?"));
  if (options_.optimize) return Status::ok;
  Block* end = TRY(new_block());
  TRY(jump_if(n->test, end, true));
  TRY(emit(Op::LOAD_ASSERTION_ERROR));
  if (n->msg) {
    TRY(expression(n->msg));
    TRY(call(0));
  }
  TRY(emit(Op::RAISE_VARARGS, 1));
  use(end);
  return Status::ok;
}

// `import a.b.c as d` binds a.b.c, `import a.b.c` binds a.
Status Generator::import_as(PyObject* module, PyObject* as_name) {
  Py_ssize_t length = PyUnicode_GET_LENGTH(module);
  Py_ssize_t dot = PyUnicode_FindChar(module, '.', 0, length, 1);
  if (dot == -2) return failure;
  if (dot < 0) return access(as_name, Use::store);
  while (true) {
    Py_ssize_t begin = dot + 1;
    dot = PyUnicode_FindChar(module, '.', begin, length, 1);
    if (dot == -2) return failure;
    Ref<> part = TRY(steal(PyUnicode_Substring(module, begin, dot < 0 ? length : dot)));
    TRY(emit(Op::IMPORT_FROM, TRY(index_in(unit_->names.get(), part.get()))));
    if (dot < 0) break;
    TRY(emit(Op::SWAP, 2));
    TRY(emit(Op::POP_TOP));
  }
  TRY(access(as_name, Use::store));
  return emit(Op::POP_TOP);
}

Status Generator::import_statement(const ast::Stmt* s) {
  for (const ast::Alias* alias : as<ast::Import>(s)->names) {
    TRY(load_index(0));
    TRY(load_none());
    TRY(emit_name(Op::IMPORT_NAME, alias->name));
    if (alias->asname) {
      TRY(import_as(alias->name, alias->asname));
      continue;
    }
    Py_ssize_t dot = PyUnicode_FindChar(alias->name, '.', 0, PyUnicode_GET_LENGTH(alias->name), 1);
    if (dot == -2) return failure;
    Ref<> first = dot < 0 ? borrow(alias->name) : steal(PyUnicode_Substring(alias->name, 0, dot));
    if (!first) return failure;
    TRY(access(first.get(), Use::store));
  }
  return Status::ok;
}

Status Generator::import_from(const ast::Stmt* s) {
  const auto* n = as<ast::ImportFrom>(s);
  auto count = static_cast<Py_ssize_t>(n->names.size());
  Ref<> names = TRY(steal(PyTuple_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(names.get(), i, borrow(n->names[i]->name).release());
  if (s->lineno > last_future_line_ && n->module && PyUnicode_CompareWithASCIIString(n->module, "__future__") == 0) {
    return error("from __future__ imports must occur at the beginning of the file");
  }
  TRY(load_index(n->level));
  TRY(load_constant(names.get()));
  TRY(emit_name(Op::IMPORT_NAME, n->module ? n->module : gill::name<"">));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const ast::Alias* alias = n->names[i];
    if (i == 0 && PyUnicode_CompareWithASCIIString(alias->name, "*") == 0) return emit(Op::IMPORT_STAR);
    TRY(emit_name(Op::IMPORT_FROM, alias->name));
    TRY(access(alias->asname ? alias->asname : alias->name, Use::store));
  }
  return emit(Op::POP_TOP);
}

}  // namespace gill::compiler
