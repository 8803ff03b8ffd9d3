// Blocks that become code objects of their own: functions, lambdas, classes, comprehensions. See generator.h.
#include "base/names.h"
#include "compiler/generator.h"
#include "compiler/unparse.h"

namespace gill::compiler {

PyObject* docstring_of(const ast::StmtList& body);

Status Generator::decorators(const ast::ExprList& list) { return expressions(list); }

Status Generator::apply_decorators(const ast::ExprList& list) {
  Location whole = at();
  for (int i = static_cast<int>(list.size()) - 1; i >= 0; --i) {
    locate(list[i]);
    TRY(call(0));
  }
  unit_->at = whole;
  return Status::ok;
}

Status Generator::check_argument_names(const ast::Arguments* arguments) {
  auto check = [&](const auto& list) -> Status {
    for (const ast::Arg* argument : list) TRY(check_name(argument->arg, Use::store));
    return Status::ok;
  };
  TRY(check(arguments->posonlyargs));
  TRY(check(arguments->args));
  if (arguments->vararg) TRY(check_name(arguments->vararg->arg, Use::store));
  TRY(check(arguments->kwonlyargs));
  if (arguments->kwarg) TRY(check_name(arguments->kwarg->arg, Use::store));
  return Status::ok;
}

// Leaves the defaults on the stack; the result is MAKE_FUNCTION's flags for them.
Maybe<int> Generator::default_arguments(const ast::Arguments* arguments) {
  int flags = 0;
  if (!arguments->defaults.empty()) {
    TRY(expressions(arguments->defaults));
    TRY(emit(Op::BUILD_TUPLE, static_cast<int>(arguments->defaults.size())));
    flags |= 1;
  }
  Ref<> names;
  for (int i = 0; i < static_cast<int>(arguments->kwonlyargs.size()); ++i) {
    const ast::Expr* value = arguments->kw_defaults[i];
    if (!value) continue;
    if (!names) names = TRY(steal(PyList_New(0)));
    Ref<> known = TRY(mangled(unit_->private_name, arguments->kwonlyargs[i]->arg));
    TRY(status_of(PyList_Append(names.get(), known.get())));
    TRY(expression(value));
  }
  if (names) {
    Ref<> keys = TRY(steal(PyList_AsTuple(names.get())));
    TRY(load_constant(keys.get()));
    TRY(emit(Op::BUILD_CONST_KEY_MAP, static_cast<int>(PyTuple_GET_SIZE(keys.get()))));
    flags |= 2;
  }
  return flags;
}

// The value of an annotation, or its source text under `from __future__ import annotations`.
Status Generator::annotation_value(const ast::Expr* value) {
  if (!options_.future_annotations()) return expression(value);
  Ref<> text = TRY(unparse(value));
  return load_constant(text.get());
}

Status Generator::annotation(PyObject* identifier, const ast::Expr* value, int& count) {
  if (!value) return Status::ok;
  Ref<> known = TRY(mangled(unit_->private_name, identifier));
  TRY(load_constant(known.get()));
  if (!options_.future_annotations() && value->kind == ast::ExprKind::Starred) {
    // *args: *Ts
    TRY(expression(as<ast::Starred>(value)->value));
    TRY(emit(Op::UNPACK_SEQUENCE, 1));
  } else {
    TRY(annotation_value(value));
  }
  count += 2;
  return Status::ok;
}

Maybe<bool> Generator::annotations(const ast::Arguments* arguments, const ast::Expr* returns) {
  int count = 0;
  for (const ast::Arg* a : arguments->args) TRY(annotation(a->arg, a->annotation, count));
  for (const ast::Arg* a : arguments->posonlyargs) TRY(annotation(a->arg, a->annotation, count));
  if (arguments->vararg) TRY(annotation(arguments->vararg->arg, arguments->vararg->annotation, count));
  for (const ast::Arg* a : arguments->kwonlyargs) TRY(annotation(a->arg, a->annotation, count));
  if (arguments->kwarg) TRY(annotation(arguments->kwarg->arg, arguments->kwarg->annotation, count));
  TRY(annotation(name<"return">, returns, count));
  if (count) TRY(emit(Op::BUILD_TUPLE, count));
  return count != 0;
}

Status Generator::make_closure(PyCodeObject* code, int flags) {
  Ref<> frees = TRY(steal(PyCode_GetFreevars(code)));
  Py_ssize_t count = PyTuple_GET_SIZE(frees.get());
  if (count) {
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* known = PyTuple_GET_ITEM(frees.get(), i);
      // A name that a method takes from further out and that the class body also binds counts as free here.
      bool is_cell = unit_->scope->scope_of(known) == NameScope::cell ||
                     (unit_->kind == UnitKind::class_ && PyUnicode_CompareWithASCIIString(known, "__class__") == 0);
      PyObject* slot = PyDict_GetItemWithError((is_cell ? unit_->cells : unit_->frees).get(), known);
      if (!slot) return raise(PyExc_SystemError, "compiler: no slot for free variable %R", known);
      TRY(emit(Op::LOAD_CLOSURE, static_cast<int>(PyLong_AsLong(slot))));
    }
    flags |= 8;
    TRY(emit(Op::BUILD_TUPLE, static_cast<int>(count)));
  }
  TRY(load_constant(as_object(code)));
  return emit(Op::MAKE_FUNCTION, flags);
}

namespace {

// The fields that FunctionDef and AsyncFunctionDef share.
struct FunctionParts {
  PyObject* name;
  const ast::Arguments* args;
  const ast::StmtList* body;
  const ast::ExprList* decorators;
  const ast::Expr* returns;
};

FunctionParts parts_of(const ast::Stmt* s, bool is_async) {
  auto take = [](const auto* n) {
    return FunctionParts{n->name, n->args, &n->body, &n->decorator_list, n->returns};
  };
  return is_async ? take(as<ast::AsyncFunctionDef>(s)) : take(as<ast::FunctionDef>(s));
}

}  // namespace

Status Generator::function(const ast::Stmt* s, bool is_async) {
  FunctionParts parts = parts_of(s, is_async);
  TRY(check_argument_names(parts.args));
  TRY(decorators(*parts.decorators));
  int first_line = parts.decorators->empty() ? s->lineno : (*parts.decorators)[0]->lineno;
  int flags = TRY(default_arguments(parts.args));
  if (TRY(annotations(parts.args, parts.returns))) flags |= 4;
  Ref<PyCodeObject> code;
  {
    Unit unit;
    TRY(enter(unit, parts.name, is_async ? UnitKind::async_function : UnitKind::function, s, first_line));
    PyObject* docstring = options_.optimize < 2 ? docstring_of(*parts.body) : nullptr;
    TRY(add_constant(docstring ? docstring : Py_None));
    unit.arguments = static_cast<int>(parts.args->args.size());
    unit.positional_only = static_cast<int>(parts.args->posonlyargs.size());
    unit.keyword_only = static_cast<int>(parts.args->kwonlyargs.size());
    for (int i = docstring ? 1 : 0; i < static_cast<int>(parts.body->size()); ++i) TRY(statement((*parts.body)[i]));
    code = TRY(finish(true));
  }
  TRY(make_closure(code.get(), flags));
  TRY(apply_decorators(*parts.decorators));
  return access(parts.name, Use::store);
}

Status Generator::class_definition(const ast::Stmt* s) {
  const auto* n = as<ast::ClassDef>(s);
  TRY(decorators(n->decorator_list));
  int first_line = n->decorator_list.empty() ? s->lineno : n->decorator_list[0]->lineno;
  Ref<PyCodeObject> code;
  {
    Unit unit;
    TRY(enter(unit, n->name, UnitKind::class_, s, first_line));
    unit.private_name = n->name;
    TRY(access(gill::name<"__name__">, Use::load));
    TRY(access(gill::name<"__module__">, Use::store));
    TRY(load_constant(unit.qualified_name.get()));
    TRY(access(gill::name<"__qualname__">, Use::store));
    TRY(body(n->body));
    no_location();
    if (unit.scope->needs_class_cell) {
      // type.__new__ fills the cell of __class__, which the body returns.
      TRY(emit(Op::LOAD_CLOSURE, 0));
      TRY(emit(Op::COPY, 1));
      TRY(access(gill::name<"__classcell__">, Use::store));
    } else {
      TRY(load_none());
    }
    TRY(emit(Op::RETURN_VALUE));
    code = TRY(finish(true));
  }
  locate(s);
  TRY(emit(Op::PUSH_NULL));
  TRY(emit(Op::LOAD_BUILD_CLASS));
  TRY(make_closure(code.get(), 0));
  TRY(load_constant(n->name));
  TRY(call_with(2, n->bases, n->keywords));
  TRY(apply_decorators(n->decorator_list));
  return access(n->name, Use::store);
}

Status Generator::lambda(const ast::Expr* e) {
  const auto* n = as<ast::Lambda>(e);
  TRY(check_argument_names(n->args));
  int flags = TRY(default_arguments(n->args));
  Ref<PyCodeObject> code;
  {
    Unit unit;
    TRY(enter(unit, gill::name<"<lambda>">, UnitKind::lambda, e, e->lineno));
    // The first constant is the docstring's place.
    TRY(add_constant(Py_None));
    unit.arguments = static_cast<int>(n->args->args.size());
    unit.positional_only = static_cast<int>(n->args->posonlyargs.size());
    unit.keyword_only = static_cast<int>(n->args->kwonlyargs.size());
    TRY(expression(n->body));
    if (unit.scope->generator) {
      code = TRY(finish(false));
    } else {
      TRY(emit(Op::RETURN_VALUE));
      code = TRY(finish(true));
    }
  }
  return make_closure(code.get(), flags);
}

struct Generator::ComprehensionParts {
  const ast::ComprehensionList* generators;
  const ast::Expr* element;  // the key of a dict comprehension
  const ast::Expr* value = nullptr;
  Comprehension kind;
};

Status Generator::comprehension(const ast::Expr* e) {
  ComprehensionParts parts{};
  PyObject* title = nullptr;
  switch (e->kind) {
    case ast::ExprKind::ListComp:
      parts = {&as<ast::ListComp>(e)->generators, as<ast::ListComp>(e)->elt, nullptr, Comprehension::list};
      title = name<"<listcomp>">;
      break;
    case ast::ExprKind::SetComp:
      parts = {&as<ast::SetComp>(e)->generators, as<ast::SetComp>(e)->elt, nullptr, Comprehension::set};
      title = name<"<setcomp>">;
      break;
    case ast::ExprKind::DictComp:
      parts = {&as<ast::DictComp>(e)->generators, as<ast::DictComp>(e)->key, as<ast::DictComp>(e)->value,
               Comprehension::dict};
      title = name<"<dictcomp>">;
      break;
    default:
      parts = {&as<ast::GeneratorExp>(e)->generators, as<ast::GeneratorExp>(e)->elt, nullptr, Comprehension::generator};
      title = name<"<genexpr>">;
      break;
  }
  bool is_generator = parts.kind == Comprehension::generator;
  bool awaited_by_module = top_level_await();
  UnitKind outer_kind = unit_->kind;
  bool is_async = false;
  Ref<PyCodeObject> code;
  {
    Unit unit;
    TRY(enter(unit, title, UnitKind::comprehension, e, e->lineno));
    locate(e);
    is_async = unit.scope->coroutine;
    if (is_async && !is_generator && outer_kind != UnitKind::async_function && outer_kind != UnitKind::comprehension &&
        !awaited_by_module) {
      return error("asynchronous comprehension outside of an asynchronous function");
    }
    switch (parts.kind) {
      case Comprehension::list: TRY(emit(Op::BUILD_LIST, 0)); break;
      case Comprehension::set: TRY(emit(Op::BUILD_SET, 0)); break;
      case Comprehension::dict: TRY(emit(Op::BUILD_MAP, 0)); break;
      default: break;
    }
    TRY(generators(parts, 0, 0));
    if (!is_generator) TRY(emit(Op::RETURN_VALUE));
    code = TRY(finish(true));
  }
  if (awaited_by_module && is_async) unit_->scope->coroutine = true;
  TRY(make_closure(code.get(), 0));
  const ast::Comprehension* outermost = (*parts.generators)[0];
  TRY(expression(outermost->iter));
  TRY(emit(outermost->is_async ? Op::GET_AITER : Op::GET_ITER));
  TRY(call(0));
  if (is_async && !is_generator) TRY(await_value(0));
  return Status::ok;
}

Status Generator::generators(const ComprehensionParts& parts, int index, int depth) {
  return (*parts.generators)[index]->is_async ? async_generator(parts, index, depth)
                                              : sync_generator(parts, index, depth);
}

Status Generator::comprehension_item(const ComprehensionParts& parts, int depth) {
  TRY(expression(parts.element));
  switch (parts.kind) {
    case Comprehension::generator:
      TRY(yield_value());
      return emit(Op::POP_TOP);
    case Comprehension::list: return emit(Op::LIST_APPEND, depth + 1);
    case Comprehension::set: return emit(Op::SET_ADD, depth + 1);
    default:
      TRY(expression(parts.value));
      return emit(Op::MAP_ADD, depth + 1);
  }
}

Status Generator::sync_generator(const ComprehensionParts& parts, int index, int depth) {
  const ast::Comprehension* generator = (*parts.generators)[index];
  Block* start = TRY(new_block());
  Block* if_cleanup = TRY(new_block());
  Block* anchor = TRY(new_block());
  if (index == 0) {
    // The outermost iterator is the only argument.
    unit_->arguments = 1;
    TRY(emit(Op::LOAD_FAST, 0));
  } else {
    // `for y in [f(x)]` is an assignment.
    const ast::ExprList* items = nullptr;
    if (generator->iter->kind == ast::ExprKind::List) items = &as<ast::List>(generator->iter)->elts;
    if (generator->iter->kind == ast::ExprKind::Tuple) items = &as<ast::Tuple>(generator->iter)->elts;
    if (items && items->size() == 1 && (*items)[0]->kind != ast::ExprKind::Starred) {
      TRY(expression((*items)[0]));
      start = nullptr;
    } else {
      TRY(expression(generator->iter));
      TRY(emit(Op::GET_ITER));
    }
  }
  if (start) {
    ++depth;
    use(start);
    TRY(jump(Op::FOR_ITER, anchor));
  }
  TRY(expression(generator->target));
  for (const ast::Expr* condition : generator->ifs) TRY(jump_if(condition, if_cleanup, false));
  if (index + 1 < static_cast<int>(parts.generators->size())) {
    TRY(generators(parts, index + 1, depth));
  } else {
    TRY(comprehension_item(parts, depth));
  }
  use(if_cleanup);
  if (start) {
    TRY(jump(Code::JUMP, start));
    use(anchor);
  }
  return Status::ok;
}

Status Generator::async_generator(const ComprehensionParts& parts, int index, int depth) {
  const ast::Comprehension* generator = (*parts.generators)[index];
  Block* start = TRY(new_block());
  Block* except = TRY(new_block());
  Block* if_cleanup = TRY(new_block());
  if (index == 0) {
    unit_->arguments = 1;
    TRY(emit(Op::LOAD_FAST, 0));
  } else {
    TRY(expression(generator->iter));
    TRY(emit(Op::GET_AITER));
  }
  use(start);
  TRY(push_frame(FrameKind::async_comprehension, start));
  TRY(jump(Code::SETUP_FINALLY, except));
  TRY(emit(Op::GET_ANEXT));
  TRY(yield_from(true));
  TRY(emit(Code::POP_BLOCK));
  TRY(expression(generator->target));
  for (const ast::Expr* condition : generator->ifs) TRY(jump_if(condition, if_cleanup, false));
  ++depth;
  if (index + 1 < static_cast<int>(parts.generators->size())) {
    TRY(generators(parts, index + 1, depth));
  } else {
    TRY(comprehension_item(parts, depth));
  }
  use(if_cleanup);
  TRY(jump(Code::JUMP, start));
  pop_frame();
  use(except);
  return emit(Op::END_ASYNC_FOR);
}

}  // namespace gill::compiler
