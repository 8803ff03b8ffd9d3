// `try` and `with`, and leaving them by break, continue and return. See generator.h.
//
// A final body is generated once for each way out of the protected one. While it is generated for an early
// exit, the frames that the exit has left already are out of sight.
#include "compiler/generator.h"

namespace gill::compiler {

Status Generator::push_frame(FrameKind kind, Block* block, Block* exit, const void* datum) {
  if (unit_->frame_count >= kMaxFrameBlocks) return error("too many statically nested blocks");
  unit_->frames[unit_->frame_count++] = {kind, block, exit, datum};
  return Status::ok;
}

Status Generator::call_exit_with_nones() {
  for (int i = 0; i < 3; ++i) TRY(load_none());
  return call(2);
}

// name = None; del name
Status Generator::unbind(PyObject* identifier) {
  TRY(load_none());
  TRY(access(identifier, Use::store));
  return access(identifier, Use::erase);
}

// With `keeps_top`, the value on top of the stack (about to be returned) survives.
Status Generator::unwind(const FrameBlock& frame, bool keeps_top) {
  auto keep = [&]() -> Status { return keeps_top ? emit(Op::SWAP, 2) : Status::ok; };
  switch (frame.kind) {
    case FrameKind::while_loop:
    case FrameKind::exception_handler:
    case FrameKind::exception_group_handler:
    case FrameKind::async_comprehension: return Status::ok;
    case FrameKind::for_loop:
    case FrameKind::pop_value:
      TRY(keep());
      return emit(Op::POP_TOP);
    case FrameKind::try_except: return emit(Code::POP_BLOCK);
    case FrameKind::finally_try:
      TRY(emit(Code::POP_BLOCK));
      if (keeps_top) TRY(push_frame(FrameKind::pop_value, nullptr));
      TRY(statements(*static_cast<const ast::StmtList*>(frame.datum)));
      if (keeps_top) pop_frame();
      no_location();
      return Status::ok;
    case FrameKind::finally_end:
      TRY(keep());
      TRY(emit(Op::POP_TOP));
      TRY(keep());
      TRY(emit(Code::POP_BLOCK));
      return emit(Op::POP_EXCEPT);
    case FrameKind::with:
    case FrameKind::async_with:
      locate(static_cast<const ast::Stmt*>(frame.datum));
      TRY(emit(Code::POP_BLOCK));
      TRY(keep());
      TRY(call_exit_with_nones());
      if (frame.kind == FrameKind::async_with) TRY(await_value(2));
      TRY(emit(Op::POP_TOP));
      no_location();
      return Status::ok;
    case FrameKind::handler_cleanup:
      if (frame.datum) TRY(emit(Code::POP_BLOCK));
      TRY(keep());
      TRY(emit(Code::POP_BLOCK));
      TRY(emit(Op::POP_EXCEPT));
      if (frame.datum) TRY(unbind(static_cast<PyObject*>(const_cast<void*>(frame.datum))));
      return Status::ok;
  }
  return Status::ok;
}

// Leaves all frames, or those inside the innermost loop.
Status Generator::unwind_frames(bool keeps_top, bool to_loop, const FrameBlock** loop) {
  if (unit_->frame_count == 0) return Status::ok;
  FrameBlock& top = unit_->frames[unit_->frame_count - 1];
  if (top.kind == FrameKind::exception_group_handler) {
    return error("'break', 'continue' and 'return' cannot appear in an except* block");
  }
  if (to_loop && (top.kind == FrameKind::while_loop || top.kind == FrameKind::for_loop)) {
    *loop = &top;
    return Status::ok;
  }
  FrameBlock copy = top;
  --unit_->frame_count;
  TRY(unwind(copy, keeps_top));
  TRY(unwind_frames(keeps_top, to_loop, loop));
  unit_->frames[unit_->frame_count++] = copy;
  return Status::ok;
}

// Stack: previous exception, interrupted offset, exception.
Status Generator::pop_except_and_reraise() {
  TRY(emit(Op::COPY, 3));
  TRY(emit(Op::POP_EXCEPT));
  return emit(Op::RERAISE, 1);
}

Status Generator::try_statement(const ast::Stmt* s) {
  bool has_final = s->kind == ast::StmtKind::Try ? !as<ast::Try>(s)->finalbody.empty()
                                                 : !as<ast::TryStar>(s)->finalbody.empty();
  if (has_final) return try_finally(s);
  return s->kind == ast::StmtKind::Try ? try_except(s) : try_star(s);
}

Status Generator::try_finally(const ast::Stmt* s) {
  bool is_star = s->kind == ast::StmtKind::TryStar;
  const ast::StmtList& final_body = is_star ? as<ast::TryStar>(s)->finalbody : as<ast::Try>(s)->finalbody;
  Block* body = TRY(new_block());
  Block* end = TRY(new_block());
  Block* exit = TRY(new_block());
  Block* cleanup = TRY(new_block());
  TRY(jump(Code::SETUP_FINALLY, end));
  use(body);
  TRY(push_frame(FrameKind::finally_try, body, end, &final_body));
  if (is_star) {
    TRY(as<ast::TryStar>(s)->handlers.empty() ? statements(as<ast::TryStar>(s)->body) : try_star(s));
  } else {
    TRY(as<ast::Try>(s)->handlers.empty() ? statements(as<ast::Try>(s)->body) : try_except(s));
  }
  TRY(emit_artificial(Code::POP_BLOCK));
  pop_frame();
  TRY(statements(final_body));
  TRY(jump_artificial(exit));
  // The same on the way out of an exception.
  use(end);
  no_location();
  TRY(jump(Code::SETUP_CLEANUP, cleanup));
  TRY(emit(Op::PUSH_EXC_INFO));
  TRY(push_frame(FrameKind::finally_end, end));
  TRY(statements(final_body));
  pop_frame();
  TRY(emit(Op::RERAISE, 0));
  use(cleanup);
  TRY(pop_except_and_reraise());
  use(exit);
  return Status::ok;
}

Status Generator::try_except(const ast::Stmt* s) {
  const auto* n = as<ast::Try>(s);
  Block* body = TRY(new_block());
  Block* except = TRY(new_block());
  Block* end = TRY(new_block());
  Block* cleanup = TRY(new_block());
  TRY(jump(Code::SETUP_FINALLY, except));
  use(body);
  TRY(push_frame(FrameKind::try_except, body));
  TRY(statements(n->body));
  pop_frame();
  TRY(emit_artificial(Code::POP_BLOCK));
  TRY(statements(n->orelse));
  TRY(jump_artificial(end));
  use(except);
  no_location();
  TRY(jump(Code::SETUP_CLEANUP, cleanup));
  TRY(emit(Op::PUSH_EXC_INFO));
  TRY(push_frame(FrameKind::exception_handler, nullptr));
  int count = static_cast<int>(n->handlers.size());
  for (int i = 0; i < count; ++i) {
    const ast::ExceptHandler* handler = n->handlers[i];
    locate(handler);
    if (!handler->type && i < count - 1) return error("default 'except:' must be last");
    except = TRY(new_block());
    if (handler->type) {
      TRY(expression(handler->type));
      TRY(emit(Op::CHECK_EXC_MATCH));
      TRY(jump(Code::POP_JUMP_IF_FALSE, except));
    }
    if (handler->name) {
      Block* cleanup_end = TRY(new_block());
      Block* cleanup_body = TRY(new_block());
      TRY(access(handler->name, Use::store));
      // The name is unbound however the handler ends.
      TRY(jump(Code::SETUP_CLEANUP, cleanup_end));
      use(cleanup_body);
      TRY(push_frame(FrameKind::handler_cleanup, cleanup_body, nullptr, handler->name));
      TRY(statements(handler->body));
      pop_frame();
      no_location();
      TRY(emit(Code::POP_BLOCK));
      TRY(emit(Code::POP_BLOCK));
      TRY(emit(Op::POP_EXCEPT));
      TRY(unbind(handler->name));
      TRY(jump(Code::JUMP, end));
      use(cleanup_end);
      no_location();
      TRY(unbind(handler->name));
      TRY(emit(Op::RERAISE, 1));
    } else {
      Block* cleanup_body = TRY(new_block());
      TRY(emit(Op::POP_TOP));
      use(cleanup_body);
      TRY(push_frame(FrameKind::handler_cleanup, cleanup_body));
      TRY(statements(handler->body));
      pop_frame();
      no_location();
      TRY(emit(Code::POP_BLOCK));
      TRY(emit(Op::POP_EXCEPT));
      TRY(jump(Code::JUMP, end));
    }
    use(except);
  }
  no_location();
  pop_frame();
  TRY(emit(Op::RERAISE, 0));
  use(cleanup);
  TRY(pop_except_and_reraise());
  use(end);
  return Status::ok;
}

// `except*`. On the stack while the handlers run: the original group, the list of what they raised, and the
// part of the group that no handler has taken yet.
Status Generator::try_star(const ast::Stmt* s) {
  const auto* n = as<ast::TryStar>(s);
  Block* body = TRY(new_block());
  Block* except = TRY(new_block());
  Block* orelse = TRY(new_block());
  Block* end = TRY(new_block());
  Block* cleanup = TRY(new_block());
  Block* reraise_star = TRY(new_block());
  TRY(jump(Code::SETUP_FINALLY, except));
  use(body);
  TRY(push_frame(FrameKind::try_except, body));
  TRY(statements(n->body));
  pop_frame();
  TRY(emit_artificial(Code::POP_BLOCK));
  TRY(jump_artificial(orelse));
  int count = static_cast<int>(n->handlers.size());
  use(except);
  no_location();
  TRY(jump(Code::SETUP_CLEANUP, cleanup));
  TRY(emit(Op::PUSH_EXC_INFO));
  TRY(push_frame(FrameKind::exception_group_handler, nullptr));
  for (int i = 0; i < count; ++i) {
    const ast::ExceptHandler* handler = n->handlers[i];
    locate(handler);
    except = TRY(new_block());
    Block* handle_match = TRY(new_block());
    if (i == 0) {
      TRY(emit(Op::COPY, 1));
      TRY(emit(Op::BUILD_LIST, 0));
      TRY(emit(Op::SWAP, 2));
    }
    if (handler->type) {
      TRY(expression(handler->type));
      TRY(emit(Op::CHECK_EG_MATCH));
      TRY(emit(Op::COPY, 1));
      TRY(jump(Code::POP_JUMP_IF_NOT_NONE, handle_match));
      TRY(emit(Op::POP_TOP));
      TRY(jump(Code::JUMP, except));
    }
    use(handle_match);
    Block* cleanup_end = TRY(new_block());
    Block* cleanup_body = TRY(new_block());
    if (handler->name) {
      TRY(access(handler->name, Use::store));
    } else {
      TRY(emit(Op::POP_TOP));
    }
    TRY(jump(Code::SETUP_CLEANUP, cleanup_end));
    use(cleanup_body);
    TRY(push_frame(FrameKind::handler_cleanup, cleanup_body, nullptr, handler->name));
    TRY(statements(handler->body));
    pop_frame();
    no_location();
    TRY(emit(Code::POP_BLOCK));
    if (handler->name) TRY(unbind(handler->name));
    TRY(jump(Code::JUMP, except));
    // What the handler raised goes to the list.
    use(cleanup_end);
    no_location();
    if (handler->name) TRY(unbind(handler->name));
    TRY(emit(Op::LIST_APPEND, 3));
    TRY(emit(Op::POP_TOP));
    TRY(jump(Code::JUMP, except));
    use(except);
    if (i == count - 1) {
      TRY(emit(Op::LIST_APPEND, 1));
      TRY(jump(Code::JUMP, reraise_star));
    }
  }
  pop_frame();
  Block* reraise = TRY(new_block());
  use(reraise_star);
  TRY(emit(Op::PREP_RERAISE_STAR));
  TRY(emit(Op::COPY, 1));
  TRY(jump(Code::POP_JUMP_IF_NOT_NONE, reraise));
  // Nothing is left to raise.
  TRY(emit(Op::POP_TOP));
  TRY(emit(Code::POP_BLOCK));
  TRY(emit(Op::POP_EXCEPT));
  TRY(jump(Code::JUMP, end));
  use(reraise);
  TRY(emit(Code::POP_BLOCK));
  TRY(emit(Op::SWAP, 2));
  TRY(emit(Op::POP_EXCEPT));
  TRY(emit(Op::RERAISE, 0));
  use(cleanup);
  TRY(pop_except_and_reraise());
  use(orelse);
  TRY(statements(n->orelse));
  use(end);
  return Status::ok;
}

// Stack: __exit__, previous exception..., the result of __exit__.
Status Generator::finish_with(Block* cleanup) {
  Block* suppress = TRY(new_block());
  TRY(jump(Code::POP_JUMP_IF_TRUE, suppress));
  TRY(emit(Op::RERAISE, 2));
  use(cleanup);
  no_location();
  TRY(pop_except_and_reraise());
  use(suppress);
  TRY(emit(Op::POP_TOP));
  TRY(emit(Code::POP_BLOCK));
  TRY(emit(Op::POP_EXCEPT));
  TRY(emit(Op::POP_TOP));
  return emit(Op::POP_TOP);
}

Status Generator::with_statement(const ast::Stmt* s, int index, bool is_async) {
  const ast::WithItemList& items = is_async ? as<ast::AsyncWith>(s)->items : as<ast::With>(s)->items;
  const ast::StmtList& inner = is_async ? as<ast::AsyncWith>(s)->body : as<ast::With>(s)->body;
  const ast::WithItem* item = items[index];
  if (is_async) {
    if (top_level_await()) {
      unit_->scope->coroutine = true;
    } else if (unit_->kind != UnitKind::async_function) {
      return error("'async with' outside async function");
    }
  }
  Block* block = TRY(new_block());
  Block* final = TRY(new_block());
  Block* exit = TRY(new_block());
  Block* cleanup = TRY(new_block());
  TRY(expression(item->context_expr));
  if (is_async) {
    TRY(emit(Op::BEFORE_ASYNC_WITH));
    TRY(await_value(1));
  } else {
    TRY(emit(Op::BEFORE_WITH));
  }
  TRY(jump(Code::SETUP_WITH, final));
  use(block);
  TRY(push_frame(is_async ? FrameKind::async_with : FrameKind::with, block, final, s));
  if (item->optional_vars) {
    TRY(expression(item->optional_vars));
  } else {
    TRY(emit(Op::POP_TOP));
  }
  if (index + 1 == static_cast<int>(items.size())) {
    TRY(statements(inner));
  } else {
    TRY(with_statement(s, index + 1, is_async));
  }
  if (!is_async) no_location();
  TRY(emit(Code::POP_BLOCK));
  pop_frame();
  // Left normally: __exit__(None, None, None).
  locate(s);
  TRY(call_exit_with_nones());
  if (is_async) TRY(await_value(2));
  TRY(emit(Op::POP_TOP));
  TRY(jump(Code::JUMP, exit));
  // Left by an exception.
  use(final);
  TRY(jump(Code::SETUP_CLEANUP, cleanup));
  TRY(emit(Op::PUSH_EXC_INFO));
  TRY(emit(Op::WITH_EXCEPT_START));
  if (is_async) TRY(await_value(2));
  TRY(finish_with(cleanup));
  use(exit);
  return Status::ok;
}

}  // namespace gill::compiler
