// Units, names, constants, and finishing a code object. See generator.h.
#include "objects/code.h"
#include "compiler/generator.h"

#include <cstdarg>

#include "base/names.h"

namespace gill::compiler {

namespace {

// A dict that numbers the items of a list.
Ref<> numbered(PyObject* list) {
  Ref<> dict = TRY(steal(PyDict_New()));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    Ref<> index = TRY(steal(PyLong_FromSsize_t(i)));
    TRY(status_of(PyDict_SetItem(dict.get(), PyList_GET_ITEM(list, i), index.get())));
  }
  return dict;
}

// The scope's names of one kind in sorted order, numbered from `first`.
Ref<> numbered_by_kind(const Scope& scope, NameScope kind, long flag, Py_ssize_t first) {
  Ref<> dict = TRY(steal(PyDict_New()));
  Ref<> names = TRY(steal(PyDict_Keys(scope.symbols.get())));
  TRY(status_of(PyList_Sort(names.get())));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names.get()); ++i) {
    PyObject* name = PyList_GET_ITEM(names.get(), i);
    long flags = scope.flags_of(name);
    if (flags < 0) return failure;
    if (static_cast<NameScope>(flags >> kScopeShift & kScopeMask) != kind && !(flags & flag)) continue;
    Ref<> index = TRY(steal(PyLong_FromSsize_t(first++)));
    TRY(status_of(PyDict_SetItem(dict.get(), name, index.get())));
  }
  return dict;
}

Maybe<int> number_of(PyObject* dict, PyObject* name) {
  PyObject* index = PyDict_GetItemWithError(dict, name);
  if (!index) {
    if (!PyErr_Occurred()) PyErr_Format(PyExc_SystemError, "compiler: no slot for name %R", name);
    return failure;
  }
  return static_cast<int>(PyLong_AsLong(index));
}

Ref<> keys_in_order(PyObject* dict) {
  Ref<> keys = TRY(steal(PyDict_Keys(dict)));
  return steal(PyList_AsTuple(keys.get()));
}

// Where the cells and free variables stand among the "locals plus": a cell that is an argument shares the
// argument's slot.
struct CellSlots {
  Vector<int> slot;
  int dropped = 0;
};
Status find_cell_slots(const Unit& unit, CellSlots& out) {
  int variables = static_cast<int>(PyDict_GET_SIZE(unit.variables.get()));
  int count = static_cast<int>(PyDict_GET_SIZE(unit.cells.get()) + PyDict_GET_SIZE(unit.frees.get()));
  for (int i = 0; i < count; ++i) TRY(out.slot.push(-1));
  Py_ssize_t position = 0;
  PyObject *name, *index;
  while (PyDict_Next(unit.variables.get(), &position, &name, &index)) {
    PyObject* cell = PyDict_GetItemWithError(unit.cells.get(), name);
    if (cell) {
      out.slot[static_cast<int>(PyLong_AsLong(cell))] = static_cast<int>(PyLong_AsLong(index));
      ++out.dropped;
    } else if (PyErr_Occurred()) {
      return failure;
    }
  }
  int next = variables;
  for (int i = 0; i < count; ++i) {
    if (out.slot[i] < 0) out.slot[i] = next++;
  }
  return Status::ok;
}

bool takes_cell(Code code) {
  return static_cast<int>(code) < 256 && kOpcodeInfo[static_cast<int>(code)].operand == OperandKind::cell;
}

bool annotates(const ast::StmtList& statements);

// Whether a body needs `__annotations__`. The reference overlooks the cases of `match`: an annotation that stands only there raises NameError.
bool annotates(const ast::Stmt* s) {
  switch (s->kind) {
    case ast::StmtKind::AnnAssign: return true;
    case ast::StmtKind::For: return annotates(as<ast::For>(s)->body) || annotates(as<ast::For>(s)->orelse);
    case ast::StmtKind::AsyncFor:
      return annotates(as<ast::AsyncFor>(s)->body) || annotates(as<ast::AsyncFor>(s)->orelse);
    case ast::StmtKind::While: return annotates(as<ast::While>(s)->body) || annotates(as<ast::While>(s)->orelse);
    case ast::StmtKind::If: return annotates(as<ast::If>(s)->body) || annotates(as<ast::If>(s)->orelse);
    case ast::StmtKind::With: return annotates(as<ast::With>(s)->body);
    case ast::StmtKind::AsyncWith: return annotates(as<ast::AsyncWith>(s)->body);
    case ast::StmtKind::Try:
    case ast::StmtKind::TryStar: {
      auto any = [](const auto* n) {
        for (const ast::ExceptHandler* handler : n->handlers) {
          if (annotates(handler->body)) return true;
        }
        return annotates(n->body) || annotates(n->orelse) || annotates(n->finalbody);
      };
      return s->kind == ast::StmtKind::Try ? any(as<ast::Try>(s)) : any(as<ast::TryStar>(s));
    }
    default: return false;
  }
}

bool annotates(const ast::StmtList& statements) {
  for (const ast::Stmt* s : statements) {
    if (annotates(s)) return true;
  }
  return false;
}

}  // namespace

PyObject* docstring_of(const ast::StmtList& body) {
  if (body.empty() || body[0]->kind != ast::StmtKind::Expr) return nullptr;
  const ast::Expr* value = as<ast::ExprStmt>(body[0])->value;
  if (value->kind != ast::ExprKind::Constant) return nullptr;
  PyObject* text = as<ast::Constant>(value)->value;
  return PyUnicode_CheckExact(text) ? text : nullptr;
}

Ref<PyCodeObject> Generator::module(const ast::Mod* tree) {
  constant_cache_ = TRY(steal(PyDict_New()));
  Unit unit;
  TRY(enter(unit, name<"<module>">, UnitKind::module, tree, 1));
  bool adds_none = true;
  switch (tree->kind) {
    case ast::ModKind::Module: TRY(body(as<ast::Module>(tree)->body)); break;
    case ast::ModKind::Interactive:
      if (annotates(as<ast::Interactive>(tree)->body)) TRY(emit(Op::SETUP_ANNOTATIONS));
      interactive_ = true;
      TRY(statements(as<ast::Interactive>(tree)->body));
      break;
    case ast::ModKind::Expression:
      TRY(expression(as<ast::Expression>(tree)->body));
      adds_none = false;
      break;
    default: return raise(PyExc_SystemError, "module kind %d should not be possible", static_cast<int>(tree->kind));
  }
  return finish(adds_none);
}

Status Generator::enter(Unit& unit, PyObject* name, UnitKind kind, const void* key, int line) {
  Scope* scope = symbols_.find(key);
  if (!scope) return raise(PyExc_SystemError, "compiler: no scope for block %R", name);
  unit.outer = unit_;
  unit.scope = scope;
  unit.kind = kind;
  unit.name = borrow(name);
  unit.private_name = unit_ ? unit_->private_name : nullptr;
  unit.variables = TRY(numbered(scope->varnames.get()));
  unit.cells = TRY(numbered_by_kind(*scope, NameScope::cell, 0, 0));
  if (scope->needs_class_cell) {
    Ref<> zero = TRY(steal(PyLong_FromLong(0)));
    TRY(status_of(PyDict_SetItem(unit.cells.get(), gill::name<"__class__">, zero.get())));
  }
  unit.frees = TRY(numbered_by_kind(*scope, NameScope::free, kDefFreeClass, PyDict_GET_SIZE(unit.cells.get())));
  unit.constants = TRY(steal(PyDict_New()));
  unit.names = TRY(steal(PyDict_New()));
  unit.first_line = line;
  TRY(unit.graph.start());
  unit_ = &unit;
  unit.at = {kind == UnitKind::module ? 0 : line, line, 0, 0};
  if (kind != UnitKind::module) TRY(set_qualified_name());
  TRY(emit(Op::RESUME, 0));
  unit.at.line = line;
  return Status::ok;
}

Status Generator::set_qualified_name() {
  Unit& unit = *unit_;
  Unit* outer = unit.outer;
  unit.qualified_name = unit.name.new_ref();
  if (!outer || outer->kind == UnitKind::module) return Status::ok;
  if (unit.kind == UnitKind::function || unit.kind == UnitKind::async_function || unit.kind == UnitKind::class_) {
    Ref<> known = TRY(mangled(outer->private_name, unit.name.get()));
    if (outer->scope->scope_of(known.get()) == NameScope::global_explicit) return Status::ok;
  }
  bool in_function = outer->kind == UnitKind::function || outer->kind == UnitKind::async_function ||
                     outer->kind == UnitKind::lambda;
  unit.qualified_name = TRY(steal(PyUnicode_FromFormat(in_function ? "%U.<locals>.%U" : "%U.%U",
                                                       outer->qualified_name.get(), unit.name.get())));
  return Status::ok;
}

int Generator::code_flags() const {
  const Scope& scope = *unit_->scope;
  int flags = options_.flags & PyCF_MASK;
  if (scope.is_function()) {
    flags |= CO_NEWLOCALS | CO_OPTIMIZED;
    if (scope.nested) flags |= CO_NESTED;
    if (scope.generator) flags |= scope.coroutine ? CO_ASYNC_GENERATOR : CO_GENERATOR;
    if (!scope.generator && scope.coroutine) flags |= CO_COROUTINE;
    if (scope.varargs) flags |= CO_VARARGS;
    if (scope.varkeywords) flags |= CO_VARKEYWORDS;
  }
  if (top_level_await() && scope.coroutine && !scope.generator) flags |= CO_COROUTINE;
  return flags;
}

// What runs before RESUME, and the final slots of cells. The result is the code's flags.
Maybe<int> Generator::insert_prefix() {
  CellSlots cells;
  TRY(find_cell_slots(*unit_, cells));
  for (Block* block = unit_->graph.entry(); block; block = block->next) {
    for (Instruction& instruction : block->code) {
      if (takes_cell(instruction.code)) instruction.operand = cells.slot[instruction.operand];
    }
  }
  Vector<Instruction>& code = unit_->graph.entry()->code;
  int at = 0;
  auto insert = [&](Op op, int operand, const Location& location) {
    return code.insert(at++, Instruction{code_of(op), operand, nullptr, nullptr, location});
  };
  int frees = static_cast<int>(PyDict_GET_SIZE(unit_->frees.get()));
  if (frees) TRY(insert(Op::COPY_FREE_VARS, frees, kNoLocation));
  int cell_count = static_cast<int>(PyDict_GET_SIZE(unit_->cells.get()));
  // In the order of their slots.
  for (int done = 0, slot = 0; done < cell_count; ++slot) {
    for (int i = 0; i < cell_count; ++i) {
      if (cells.slot[i] != slot) continue;
      TRY(insert(Op::MAKE_CELL, slot, kNoLocation));
      ++done;
    }
  }
  int flags = code_flags();
  if (flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) {
    TRY(insert(Op::RETURN_GENERATOR, 0, {unit_->first_line, unit_->first_line, -1, -1}));
    TRY(insert(Op::POP_TOP, 0, kNoLocation));
  }
  return flags;
}

Ref<PyCodeObject> Generator::finish(bool adds_none) {
  FlowGraph& graph = unit_->graph;
  if (!graph.ends_in_return()) {
    no_location();
    if (adds_none) TRY(load_none());
    TRY(emit(Op::RETURN_VALUE));
  }
  Ref<> constants = TRY(steal(PyDict_Keys(unit_->constants.get())));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(constants.get()); ++i) {
    PyObject* key = PyList_GET_ITEM(constants.get(), i);
    if (!PyTuple_CheckExact(key)) continue;
    TRY(status_of(PyList_SetItem(constants.get(), i, borrow(PyTuple_GET_ITEM(key, 1)).release())));
  }
  TRY(graph.normalize());
  int flags = TRY(insert_prefix());
  TRY(graph.optimize(constants.get(), constant_cache_.get()));
  TRY(graph.duplicate_exits());
  // Constants behind the last used one are dropped; the first stays, it may be the docstring.
  int last_used = 0;
  for (Block* block = graph.entry(); block; block = block->next) {
    for (const Instruction& instruction : block->code) {
      bool uses = instruction.code == Op::LOAD_CONST || instruction.code == Op::KW_NAMES;
      if (uses && instruction.operand > last_used) last_used = instruction.operand;
    }
  }
  TRY(status_of(PyList_SetSlice(constants.get(), last_used + 1, PY_SSIZE_T_MAX, nullptr)));
  graph.propagate_lines();
  graph.give_exits_a_line(unit_->first_line);
  bool is_generator = flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
  int stack_size = TRY(graph.stack_depth(is_generator));
  TRY(graph.label_handlers());
  Assembly assembly;
  TRY(assemble(graph, unit_->first_line, assembly));
  Ref<> constant_tuple = TRY(steal(PyList_AsTuple(constants.get())));
  Ref<PyCodeObject> code = TRY(make_code(stack_size, flags, constant_tuple.get(), assembly));
  leave();
  return code;
}

// The tuple or bytes that all code objects of the compilation share for this value.
Ref<> Generator::shared(PyObject* value) {
  Ref<> key = TRY(merged_constant_key(constant_cache_.get(), value));
  return borrow(PyTuple_GET_ITEM(key.get(), 1));
}

Ref<PyCodeObject> Generator::make_code(int stack_size, int flags, PyObject* constants, Assembly& assembly) {
  Unit& unit = *unit_;
  Ref<> shared_constants = TRY(shared(constants));
  Ref<> names = TRY(shared(TRY(keys_in_order(unit.names.get())).get()));
  Ref<> locations = TRY(shared(assembly.location_table.get()));
  Ref<> exceptions = TRY(shared(assembly.exception_table.get()));
  Ref<> variables = TRY(keys_in_order(unit.variables.get()));
  Ref<> cells = TRY(keys_in_order(unit.cells.get()));
  Ref<> frees = TRY(keys_in_order(unit.frees.get()));
  PyObject* qualified = unit.qualified_name ? unit.qualified_name.get() : unit.name.get();
  Ref<PyCodeObject> code = TRY(steal(PyCode_NewWithPosOnlyArgs(
      unit.positional_only + unit.arguments, unit.positional_only, unit.keyword_only,
      static_cast<int>(PyTuple_GET_SIZE(variables.get())), stack_size, flags, assembly.code.get(),
      shared_constants.get(), names.get(), variables.get(), frees.get(), cells.get(), filename_, unit.name.get(), qualified, unit.first_line,
      locations.get(), exceptions.get())));
  trust_code(code.get());
  return code;
}

Maybe<int> Generator::index_in(PyObject* dict, PyObject* key) {
  PyObject* known = PyDict_GetItemWithError(dict, key);
  if (known) return static_cast<int>(PyLong_AsLong(known));
  if (PyErr_Occurred()) return failure;
  Py_ssize_t index = PyDict_GET_SIZE(dict);
  Ref<> number = TRY(steal(PyLong_FromSsize_t(index)));
  TRY(status_of(PyDict_SetItem(dict, key, number.get())));
  return static_cast<int>(index);
}

Maybe<int> Generator::add_constant(PyObject* value) {
  Ref<> key = TRY(merged_constant_key(constant_cache_.get(), value));
  return index_in(unit_->constants.get(), key.get());
}

Status Generator::load_constant(PyObject* value) { return emit(Op::LOAD_CONST, TRY(add_constant(value))); }

Status Generator::load_index(Py_ssize_t number) {
  Ref<> value = TRY(steal(PyLong_FromSsize_t(number)));
  return load_constant(value.get());
}

Status Generator::emit_name(Op op, PyObject* identifier) {
  Ref<> known = TRY(mangled(unit_->private_name, identifier));
  return emit(op, TRY(index_in(unit_->names.get(), known.get())));
}

Status Generator::check_name(PyObject* identifier, Use use) {
  if (use == Use::load || PyUnicode_CompareWithASCIIString(identifier, "__debug__") != 0) return Status::ok;
  return use == Use::store ? error("cannot assign to __debug__") : error("cannot delete __debug__");
}

Status Generator::access(PyObject* identifier, Use use) {
  TRY(check_name(identifier, use));
  Ref<> known = TRY(mangled(unit_->private_name, identifier));
  const Scope& scope = *unit_->scope;
  long flags = scope.flags_of(known.get());
  if (flags < 0) return failure;
  auto choose = [&](Op load, Op store, Op erase) {
    return use == Use::load ? load : use == Use::store ? store : erase;
  };
  switch (static_cast<NameScope>(flags >> kScopeShift & kScopeMask)) {
    case NameScope::free:
    case NameScope::cell: {
      bool is_free = static_cast<NameScope>(flags >> kScopeShift & kScopeMask) == NameScope::free;
      Op load = scope.is_class() ? Op::LOAD_CLASSDEREF : Op::LOAD_DEREF;
      int index = TRY(number_of((is_free ? unit_->frees : unit_->cells).get(), known.get()));
      return emit(choose(load, Op::STORE_DEREF, Op::DELETE_DEREF), index);
    }
    case NameScope::local:
      if (!scope.is_function()) break;
      return emit(choose(Op::LOAD_FAST, Op::STORE_FAST, Op::DELETE_FAST),
                  TRY(index_in(unit_->variables.get(), known.get())));
    case NameScope::global_implicit:
      if (!scope.is_function()) break;
      [[fallthrough]];
    case NameScope::global_explicit: {
      int index = TRY(index_in(unit_->names.get(), known.get()));
      return emit(choose(Op::LOAD_GLOBAL, Op::STORE_GLOBAL, Op::DELETE_GLOBAL), use == Use::load ? index << 1 : index);
    }
    default: break;
  }
  return emit(choose(Op::LOAD_NAME, Op::STORE_NAME, Op::DELETE_NAME),
              TRY(index_in(unit_->names.get(), known.get())));
}

Status Generator::call(int arguments) {
  TRY(emit(Op::PRECALL, arguments));
  return emit(Op::CALL, arguments);
}

// Delegates to the iterator on top of the stack, below the value to send.
Status Generator::yield_from(bool awaits) {
  TRY(load_none());
  Block* start = TRY(new_block());
  Block* resume = TRY(new_block());
  Block* exit = TRY(new_block());
  use(start);
  TRY(jump(Op::SEND, exit));
  use(resume);
  TRY(emit(Op::YIELD_VALUE));
  TRY(emit(Op::RESUME, awaits ? 3 : 2));
  TRY(jump(Code::JUMP_NO_INTERRUPT, start));
  use(exit);
  return Status::ok;
}

Status Generator::yield_value() {
  if (unit_->scope->generator && unit_->scope->coroutine) TRY(emit(Op::ASYNC_GEN_WRAP));
  TRY(emit(Op::YIELD_VALUE));
  return emit(Op::RESUME, 1);
}

// `where`: 0 an expression, 1 entering `async with`, 2 leaving it.
Status Generator::await_value(int where) {
  TRY(emit(Op::GET_AWAITABLE, where));
  return yield_from(true);
}

Status Generator::warn(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref<> message = steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  if (!message) return failure;
  int result = PyErr_WarnExplicitObject(PyExc_SyntaxWarning, message.get(), filename_, unit_->at.line, nullptr, nullptr);
  if (result == 0) return Status::ok;
  if (PyErr_ExceptionMatches(PyExc_SyntaxWarning)) {
    // Made into an error by a filter: report it as a SyntaxError with its place.
    PyErr_Clear();
    return error("%U", message.get());
  }
  return failure;
}

Status Generator::body(const ast::StmtList& list) {
  // The annotations' set-up belongs to the first statement.
  if (unit_->kind == UnitKind::module && !list.empty()) locate(list[0]);
  if (annotates(list)) TRY(emit(Op::SETUP_ANNOTATIONS));
  if (list.empty()) return Status::ok;
  int first = 0;
  if (options_.optimize < 2 && docstring_of(list)) {
    first = 1;
    TRY(expression(as<ast::ExprStmt>(list[0])->value));
    no_location();
    TRY(access(gill::name<"__doc__">, Use::store));
  }
  for (int i = first; i < static_cast<int>(list.size()); ++i) TRY(statement(list[i]));
  return Status::ok;
}

}  // namespace gill::compiler
