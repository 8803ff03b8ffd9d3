// From the tree to a flow graph: one Unit for each code object under construction, one Generator for the
// whole compilation.
//
//   generator.cpp     units, names, constants, locations, finishing a code object
//   statements.cpp    simple statements, loops, imports, assignments
//   control.cpp       try, with, and leaving them early
//   functions.cpp     functions, lambdas, classes, comprehensions
//   expressions.cpp   expressions and calls
//   patterns.cpp      match
//
// Instructions take the unit's current location. Visiting an expression sets it and restores it afterwards;
// visiting a statement sets it. `no_location()` makes what follows artificial.
#pragma once

#include "compiler/scope.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

enum class UnitKind : uint8_t { module, class_, function, async_function, lambda, comprehension };

// Something that `break`, `continue` or `return` must leave properly.
enum class FrameKind : uint8_t {
  while_loop,
  for_loop,
  try_except,
  finally_try,
  finally_end,
  with,
  async_with,
  handler_cleanup,
  pop_value,
  exception_handler,
  exception_group_handler,
  async_comprehension,
};

struct FrameBlock {
  FrameKind kind;
  Block* block = nullptr;  // where `continue` goes
  Block* exit = nullptr;   // where `break` goes
  const void* datum = nullptr;  // what unwinding needs: the `with` statement, the final body, the handler's name
};
inline constexpr int kMaxFrameBlocks = 20;

struct Unit {
  Unit* outer = nullptr;
  Scope* scope = nullptr;
  UnitKind kind = UnitKind::module;
  Ref<> name;
  Ref<> qualified_name;
  PyObject* private_name = nullptr;  // borrowed from the tree
  Ref<> constants;                   // dict: constant key -> index
  Ref<> names;                       // dict: name -> index; likewise below
  Ref<> variables;
  Ref<> cells;
  Ref<> frees;
  int arguments = 0;
  int positional_only = 0;
  int keyword_only = 0;
  int first_line = 0;
  Location at;
  FlowGraph graph;
  FrameBlock frames[kMaxFrameBlocks];
  int frame_count = 0;
};

struct Pattern {  // the state of one case while its pattern is compiled
  Ref<> stores;   // list of names whose values wait on the stack
  Vector<Block*> fail_pop;  // fail_pop[n] pops n items and fails
  int on_top = 0;           // items on the stack above the stored ones
  bool allow_irrefutable = false;
};

struct Options {
  int flags = 0;     // CO_FUTURE_* and PyCF_*
  int optimize = 0;  // 0, 1 or 2
  bool future_annotations() const { return flags & CO_FUTURE_ANNOTATIONS; }
};

class Generator {
 public:
  Generator(SymbolTable& symbols, PyObject* filename, const Options& options, int last_future_line)
      : symbols_(symbols), filename_(filename), options_(options), last_future_line_(last_future_line) {}

  Ref<PyCodeObject> module(const ast::Mod* tree);

 private:
  // generator.cpp
  Status enter(Unit& unit, PyObject* name, UnitKind kind, const void* key, int line);
  void leave() { unit_ = unit_->outer; }
  Status set_qualified_name();
  Ref<PyCodeObject> finish(bool adds_none);
  Ref<> shared(PyObject* value);
  Ref<PyCodeObject> make_code(int stack_size, int flags, PyObject* constants, Assembly& assembly);
  Maybe<int> insert_prefix();
  int code_flags() const;

  const Location& at() const { return unit_->at; }
  template <class Node>
  void locate(const Node* node) { unit_->at = location_of(node); }
  void no_location() { unit_->at = kNoLocation; }
  template <class Node>
  static Location location_of(const Node* node) {
    return {node->lineno, node->end_lineno, node->col_offset, node->end_col_offset};
  }

  Status emit(Op op, int operand = 0) { return unit_->graph.add(code_of(op), operand, unit_->at); }
  Status emit(Code code) { return unit_->graph.add(code, 0, unit_->at); }
  Status emit_artificial(Op op, int operand = 0) { return unit_->graph.add(code_of(op), operand, kNoLocation); }
  Status emit_artificial(Code code) { return unit_->graph.add(code, 0, kNoLocation); }
  Status jump(Code code, Block* target) { return unit_->graph.add(code, 0, unit_->at, target); }
  Status jump(Op op, Block* target) { return jump(code_of(op), target); }
  Status jump_artificial(Block* target) { return unit_->graph.add(Code::JUMP, 0, kNoLocation, target); }
  Block* new_block() { return unit_->graph.new_block(); }
  void use(Block* block) { unit_->graph.use(block); }

  Maybe<int> add_constant(PyObject* value);
  Status load_constant(PyObject* value);
  Status load_none() { return load_constant(Py_None); }
  Status load_index(Py_ssize_t number);
  Maybe<int> index_in(PyObject* dict, PyObject* name);
  Status emit_name(Op op, PyObject* name);
  enum class Use { load, store, erase };
  Status access(PyObject* identifier, Use use);
  Status check_name(PyObject* identifier, Use use);
  Status call(int arguments);
  Status binary(BinaryOp op) { return emit(Op::BINARY_OP, static_cast<int>(op)); }
  Status yield_from(bool awaits);
  Status yield_value();
  Status await_value(int where);

  template <class... Args>
  Failure error(const char* format, Args... args) { return syntax_error_at(filename_, unit_->at, format, args...); }
  Status warn(const char* format, ...);
  bool top_level_await() const {
    return options_.flags & PyCF_ALLOW_TOP_LEVEL_AWAIT && unit_->scope->type == BlockType::module;
  }

  // statements.cpp
  Status body(const ast::StmtList& statements);
  Status statements(const ast::StmtList& statements);
  Status statement(const ast::Stmt* s);
  Status expression_statement(const ast::Expr* value);
  Status return_statement(const ast::Stmt* s);
  Status break_statement();
  Status continue_statement();
  Status erase(const ast::Stmt* s);
  Status assign(const ast::Stmt* s);
  Status augmented_assign(const ast::Stmt* s);
  Status annotated_assign(const ast::Stmt* s);
  Status annotation_value(const ast::Expr* annotation);
  Status evaluate_and_drop(const ast::Expr* e);
  Status check_annotated_subscript(const ast::Expr* e);
  Status if_statement(const ast::Stmt* s);
  Status while_statement(const ast::Stmt* s);
  Status for_statement(const ast::Stmt* s);
  Status async_for_statement(const ast::Stmt* s);
  Status raise_statement(const ast::Stmt* s);
  Status assert_statement(const ast::Stmt* s);
  Status import_statement(const ast::Stmt* s);
  Status import_as(PyObject* name, PyObject* as_name);
  Status import_from(const ast::Stmt* s);

  // control.cpp
  Status push_frame(FrameKind kind, Block* block, Block* exit = nullptr, const void* datum = nullptr);
  void pop_frame() { --unit_->frame_count; }
  Status unwind(const FrameBlock& frame, bool keeps_top);
  Status unwind_frames(bool keeps_top, bool to_loop, const FrameBlock** loop);
  Status call_exit_with_nones();
  Status finish_with(Block* cleanup);
  Status pop_except_and_reraise();
  Status unbind(PyObject* identifier);
  Status try_statement(const ast::Stmt* s);
  Status try_except(const ast::Stmt* s);
  Status try_star(const ast::Stmt* s);
  Status try_finally(const ast::Stmt* s);
  Status with_statement(const ast::Stmt* s, int index, bool is_async);

  // functions.cpp
  // Each holds a Unit: kept out of the frames of the functions that recurse through them.
  [[gnu::noinline]] Status function(const ast::Stmt* s, bool is_async);
  [[gnu::noinline]] Status class_definition(const ast::Stmt* s);
  [[gnu::noinline]] Status lambda(const ast::Expr* e);
  [[gnu::noinline]] Status comprehension(const ast::Expr* e);
  struct ComprehensionParts;
  Status generators(const ComprehensionParts& parts, int index, int depth);
  Status sync_generator(const ComprehensionParts& parts, int index, int depth);
  Status async_generator(const ComprehensionParts& parts, int index, int depth);
  Status comprehension_item(const ComprehensionParts& parts, int depth);
  Status decorators(const ast::ExprList& list);
  Status apply_decorators(const ast::ExprList& list);
  Maybe<int> default_arguments(const ast::Arguments* arguments);
  Maybe<bool> annotations(const ast::Arguments* arguments, const ast::Expr* returns);
  Status annotation(PyObject* name, const ast::Expr* annotation, int& count);
  Status make_closure(PyCodeObject* code, int flags);
  Status check_argument_names(const ast::Arguments* arguments);

  // expressions.cpp
  Status expression(const ast::Expr* e);
  Status expressions(const ast::ExprList& list);
  Status visit(const ast::Expr* e);
  Status jump_if(const ast::Expr* test, Block* target, bool condition);
  Status compare_op(ast::CmpOp op);
  Status compare(const ast::Expr* e);
  Status check_compare(const ast::Expr* e);
  Status bool_op(const ast::Expr* e);
  Status if_expression(const ast::Expr* e);
  Status dict(const ast::Expr* e);
  Status part_of_dict(const ast::Expr* e, int begin, int end);
  Status sequence(const ast::ExprList& items, int pushed, Op build, Op add, Op extend, bool to_tuple);
  Status list_or_tuple(const ast::Expr* e);
  Status unpack_into(const ast::ExprList& targets);
  Status call_expression(const ast::Expr* e);
  Maybe<bool> method_call(const ast::Expr* e);
  Status call_with(int pushed, const ast::ExprList& args, const ast::KeywordList& keywords);
  Status keyword_names(const ast::KeywordList& keywords, int begin, int end, Ref<>& out);
  Status call_keywords(const ast::KeywordList& keywords);
  Status part_of_keywords(const ast::KeywordList& keywords, int begin, int end);
  Status check_keywords(const ast::KeywordList& keywords);
  Status joined_string(const ast::Expr* e);
  Status formatted_value(const ast::Expr* e);
  Status attribute(const ast::Expr* e);
  Status subscript(const ast::Expr* e);
  Status slice(const ast::Expr* e);
  void locate_attribute(const ast::Attribute* attribute);
  Status check_callee(const ast::Expr* e);
  Status check_subscripted(const ast::Expr* e);
  Status check_index(const ast::Expr* e, const ast::Expr* index);

  // patterns.cpp
  Status match_statement(const ast::Stmt* s);
  Status pattern(const ast::Pattern* p, Pattern& state);
  Status subpattern(const ast::Pattern* p, Pattern& state);
  Status pattern_value(const ast::Pattern* p, Pattern& state);
  Status pattern_sequence(const ast::Pattern* p, Pattern& state);
  Status pattern_mapping(const ast::Pattern* p, Pattern& state);
  Status pattern_class(const ast::Pattern* p, Pattern& state);
  Status pattern_as(const ast::Pattern* p, Pattern& state);
  Status pattern_or(const ast::Pattern* p, Pattern& state);
  Status unpack_sequence_pattern(const ast::PatternList& patterns, Pattern& state);
  Status index_sequence_pattern(const ast::PatternList& patterns, int star, Pattern& state);
  Status check_keyword_patterns(const ast::MatchClass* p);
  Status store_captured(PyObject* name, Pattern& state);
  Status rotate(int count);
  Status reserve_fail_pops(Pattern& state, int count);
  Status fail_if(Code code, Pattern& state);
  Status emit_fail_pops(Pattern& state);

  SymbolTable& symbols_;
  PyObject* filename_;
  Options options_;
  int last_future_line_;
  Unit* unit_ = nullptr;
  Ref<> constant_cache_;
  bool interactive_ = false;
  int nesting_ = 0;
};

}  // namespace gill::compiler
