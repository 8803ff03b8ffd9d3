// The parser: recursive descent over a token array, with backtracking where the grammar needs it.
//
// A text is parsed twice when it is wrong. The first pass only recognizes; the second, with diagnose_ on,
// visits the alternatives in the grammar's order and, among them, forms that are mistakes people make, each of
// which raises an error of its own. What nothing recognizes is "invalid syntax" at the furthest token of the
// first pass. Rules return null when they do not match, and put the position back; with failed_ set, an
// exception is set and no token matches any more.
//
// Definitions: parser.cpp (tokens, nodes, results), parse_*.cpp (rules), diagnose.cpp (mistakes).
#pragma once

#include "runtime/native_stack.h"
#include "syntax/parse.h"
#include "syntax/tokenizer.h"

namespace gill::ast {

// Which rules remember their result at a token, so that the second pass is not exponential.
enum class Rule : uint8_t {
  simple_stmt, block, expression, star_expression, disjunction, conjunction, inversion, bitwise_or, factor,
  await_primary, primary, strings, arguments, star_target, target_with_star_atom, t_primary, del_target,
  invalid_named_expression, closed_pattern, star_pattern,
};

struct Memo {
  Memo* next;
  void* node;
  int end;
  Rule rule;
};

enum class Target : uint8_t { star, del, for_loop };

// What stands between the parentheses of a call.
struct CallArguments : Located {
  ExprList args;
  KeywordList keywords;
};

struct KeyValue {
  Expr* key;  // null: **value
  Expr* value;
};

struct Parameters;

class Parser {
 public:
  Parser(Tokenizer& tokenizer, Arena& arena, Mode mode, int flags, int feature_version)
      : tokenizer_(tokenizer), arena_(arena), mode_(mode), flags_(flags), feature_version_(feature_version) {}
  ~Parser() {
    PyMem_Free(chunks_);
    PyMem_Free(stack_);
    PyMem_Free(ignores_);
  }
  Parser(const Parser&) = delete;

  // The tree, or null with an exception; or null without one when interactive input has ended.
  Mod* run();
  // The expression inside the braces of an f-string, which was given parentheses.
  Expr* run_replacement(int lineno, int col_offset);
  bool ended() const { return ended_; }

 private:
  template <class T_>
  friend class Items;
  friend class FString;
  friend class StringReader;

  // ---- tokens (parser.cpp) ----
  Token* at(int index) const { return &chunks_[index >> kChunkBits][index & (kChunkSize - 1)]; }
  Token* fetch();
  Token* peek() {
    if (failed_) [[unlikely]] return const_cast<Token*>(&kFailedToken);
    return mark_ < count_ ? at(mark_) : fetch();
  }
  bool is(T kind) { return peek()->kind == kind; }
  Token* accept(T kind) {
    Token* token = peek();
    if (token->kind != kind) return nullptr;
    ++mark_;
    return token;
  }
  // Looks one further; only where the first token matched.
  T kind_after() {
    ++mark_;
    T kind = peek()->kind;
    --mark_;
    return kind;
  }
  bool is_soft(SoftKeyword word) {
    Token* token = peek();
    return token->kind == T::name && token->soft == word;
  }
  // "expected ':'" unless it stands there.
  Token* demand(T kind, const char* text);
  Token* last_token() const;
  bool reset(int mark) {
    mark_ = mark;
    return false;
  }

  // ---- results ----
  struct DepthGuard {
    explicit DepthGuard(Parser& parser) : parser_(parser) {
      if (++parser.depth_ > kMaxDepth || (parser.depth_ % 16 == 0 && !native_stack_left())) parser.out_of_stack();
    }
    ~DepthGuard() { --parser_.depth_; }
    Parser& parser_;
  };
  void out_of_stack();
  void out_of_memory() { failed_ = true; }

  bool recall(Rule rule, void** node);
  void* remember(Rule rule, int start, void* node);
  // The result of a rule at this token, which in the second pass is computed once.
  template <class F>
  auto memoized(Rule rule, F&& compute) -> decltype(compute()) {
    int start = mark_;
    if (!remembering_) {
      auto result = compute();
      if (!result && !failed_) mark_ = start;
      // It may have begun meanwhile.
      if (remembering_) remember(rule, start, const_cast<void*>(static_cast<const void*>(result)));
      return result;
    }
    void* node = nullptr;
    if (failed_) return nullptr;
    if (recall(rule, &node)) return static_cast<decltype(compute())>(node);
    auto result = compute();
    if (!result && !failed_) mark_ = start;
    remember(rule, start, const_cast<void*>(static_cast<const void*>(result)));
    return result;
  }

  template <class Node>
  Node* make(const Located& start) {
    Node* node = arena_.make<Node>();
    if (!node) {
      out_of_memory();
      return nullptr;
    }
    const Token* last = last_token();
    node->lineno = start.lineno;
    node->col_offset = start.col_offset;
    node->end_lineno = last->end_lineno;
    node->end_col_offset = last->end_col_offset;
    return node;
  }
  static Located place(const Token* token) {
    return {token->lineno, token->col_offset, token->end_lineno, token->end_col_offset};
  }
  template <class Node>
  Node* make(const Token* start) {
    return make<Node>(place(start));
  }
  template <class Node>
  Node* plain() {
    Node* node = arena_.make<Node>();
    if (!node) out_of_memory();
    return node;
  }
  PyObject* keep(Ref<> object) {
    PyObject* kept = arena_.adopt(std::move(object));
    if (!kept) failed_ = true;
    return kept;
  }

  // ---- errors (parser.cpp) ----
  // Columns count bytes from 1; an end column of -1 or 0 says that there is none.
  std::nullptr_t error_at(PyObject* type, int lineno, int column, int end_lineno, int end_column, const char* format, va_list args);
  std::nullptr_t error(const char* format, ...);               // at the last token that was read
  std::nullptr_t indentation_error(const char* format, ...);   // likewise
  std::nullptr_t error_on(const Located* node, const char* format, ...);
  std::nullptr_t error_on(const Token* token, const char* format, ...);
  std::nullptr_t error_between(const Located& first, const Located& last, const char* format, ...);
  std::nullptr_t error_from(const Located& first, const char* format, ...);  // to where the tokenizer is
  std::nullptr_t error_at_column(const Located& place, int column, int end_lineno, const char* format, ...);
  std::nullptr_t error_last(PyObject* type, const char* format, va_list args);
  Ref<> error_line(int lineno);
  void unclosed_parenthesis();
  void tokenizer_problem();
  // Makes a codec's exception a SyntaxError.
  void decoding_problem();
  void check_rest_of_source();
  void explain_failure(const Token* furthest);
  bool at_end_of_source() const;
  bool supports(int version, const char* what);
  void begin_second_pass();

  // ---- start rules ----
  Mod* start();
  Mod* file();
  Mod* interactive();
  Mod* eval();
  Mod* func_type();

  // ---- statements (parse_statements.cpp, parse_compound.cpp) ----
  bool statements(StmtList& out);
  bool statement_into(int& unused);
  bool simple_statements();  // pushes
  Stmt* compound_statement();
  Stmt* simple_statement();
  Stmt* simple_statement_unremembered();
  Stmt* assignment_or_expression();
  Stmt* assignment();  // the second pass's
  Stmt* assign_rest(const Token* start, int base);
  Stmt* annotated_rest(const Token* start, Expr* target, bool simple);
  Stmt* augmented_rest(const Token* start, Expr* target, Operator op);
  bool augmented_operator(Operator& op);
  Stmt* return_statement();
  Stmt* import_name();
  Stmt* import_from();
  bool import_targets(AliasList& out);
  bool import_as_names(AliasList& out);
  PyObject* dotted_name();
  Stmt* raise_statement();
  Stmt* delete_statement();
  Stmt* assert_statement();
  Stmt* scope_declaration();
  bool block(StmtList& out);
  bool block_unremembered(StmtList& out);
  bool else_block(StmtList& out);
  bool finally_block(StmtList& out);
  PyObject* type_comment();
  PyObject* func_type_comment();
  Stmt* if_statement(const char* word);
  Stmt* while_statement();
  Stmt* for_statement();
  Stmt* with_statement();
  bool with_items(WithItemList& out);
  WithItem* with_item();
  Stmt* try_statement();
  ExceptHandler* except_block(bool star);
  bool except_blocks(ExceptHandlerList& out, bool star);
  bool decorators(ExprList& out);
  Stmt* decorated();
  Stmt* function_definition(const ExprList& decorator_list);
  Stmt* class_definition(const ExprList& decorator_list);
  Stmt* match_statement();
  MatchCase* case_block();

  // ---- parameters and arguments (parse_arguments.cpp) ----
  Arguments* parameters(bool lambda);
  Arguments* parameters_body(bool lambda);
  Arg* parameter(bool lambda, bool star_annotation, bool allow_annotation);
  Arg* parameter_of_list(bool lambda, bool star_annotation, Expr** default_value, bool want_default, bool maybe);
  bool default_value(Expr*& out);
  CallArguments* arguments();
  CallArguments* args();
  CallArguments* args_after(Expr* first, const Token* start);
  bool keyword_arguments(int args_base);
  CallArguments* finish_arguments(const Token* start, int args_base);

  // ---- expressions (parse_expressions.cpp, parse_atoms.cpp) ----
  Expr* expression();
  Expr* expression_unremembered();
  Expr* expression_without_diagnosis();
  Expr* named_expression();
  Expr* assignment_expression();
  Expr* plain_or_assignment_expression();  // no ':=' after a plain one
  Expr* star_named_expression();
  Expr* star_expression();
  Expr* star_expressions();
  Expr* expressions();
  Expr* yield_expression();
  Expr* lambda();
  Expr* boolean_operation(Rule rule, T word, BoolOperator op, Expr* (Parser::*operand)());
  Expr* disjunction();
  Expr* conjunction();
  Expr* inversion();
  Expr* comparison();
  bool comparison_operator(CmpOp& op);
  Expr* bitwise_or() { return memoized(Rule::bitwise_or, [&] { return binary(0); }); }
  Expr* binary(int precedence);
  Expr* factor();
  Expr* power();
  Expr* await_primary();
  Expr* primary();
  Expr* primary_unremembered();
  Expr* call(Expr* callee, const Token* start);
  Expr* slices();
  Expr* slice();
  Expr* starred_expression();
  Expr* atom();
  Expr* parenthesized();
  Expr* tuple();
  Expr* group();
  // A comprehension from its bracket on, or null with the tokens given back.
  template <class Node>
  Expr* enclosed_comprehension(T open, T close, Expr* (Parser::*element_rule)());
  Expr* generator();
  Expr* bracketed();
  Expr* list();
  Expr* list_comprehension();
  Expr* braced();
  Expr* braced_plain();
  Expr* braced_diagnosed();
  KeyValue* key_value(bool double_starred);
  Expr* finish_dict(const Token* start, int base);
  bool comprehension_clauses(ComprehensionList& out);
  Comprehension* comprehension_clause();
  bool star_named_expressions(ExprList& out);
  Expr* name_token(Context ctx);
  PyObject* identifier(const Token* token);
  Expr* constant(const Token* token, PyObject* value);
  Expr* number();
  Expr* strings();
  Expr* strings_unremembered();
  template <class Node>
  Expr* comprehension_of(const Token* start, Expr* element, const ComprehensionList& clauses);

  // ---- targets (parse_targets.cpp) ----
  bool to_target(Expr* e, Context ctx);
  Expr* star_targets();
  Expr* star_target();
  bool star_targets_sequence(ExprList& out, bool tuple, Expr* first = nullptr);
  Expr* target_with_star_atom();
  Expr* star_atom();
  Expr* single_target();
  Expr* single_subscript_attribute_target();
  Expr* del_target();
  bool del_targets(ExprList& out, Expr* first = nullptr);
  Expr* del_target_atom();
  Expr* t_primary();
  Expr* trailer_target(Context ctx);
  bool t_lookahead() {
    T kind = peek()->kind;
    return kind == T::left_paren || kind == T::left_bracket || kind == T::dot;
  }

  // ---- patterns (parse_patterns.cpp) ----
  Expr* subject();
  Pattern* patterns();
  Pattern* pattern();
  Pattern* or_pattern();
  Pattern* closed_pattern();
  Pattern* closed_pattern_unremembered();
  Pattern* literal_pattern();
  Expr* literal_expression();
  Expr* complex_number();
  Expr* signed_number();
  Expr* attribute_name();
  Pattern* open_sequence_pattern();
  bool maybe_sequence_pattern(PatternList& out);
  Pattern* maybe_star_pattern();
  Pattern* star_pattern();
  Pattern* sequence_pattern();
  Pattern* mapping_pattern();
  Pattern* class_pattern();
  Token* capture_target();

  // ---- mistakes (diagnose.cpp) ----
  void invalid_expression();
  void invalid_legacy_expression();
  void invalid_named_expression();
  void invalid_assignment();
  Expr* invalid_annotation_target();
  void invalid_target(Target kind, Expr* e);
  void invalid_delete();
  void invalid_for_target();
  void invalid_group();
  void invalid_comprehension();
  void invalid_dict_comprehension();
  void invalid_double_starred_pairs();
  void invalid_key_value();
  void invalid_arguments();
  void invalid_keyword_argument();
  void invalid_parameters(bool lambda);
  void invalid_star_parameters(bool lambda);
  void invalid_double_star_parameter(bool lambda);
  void invalid_with_item();
  void invalid_with(bool indent);
  void invalid_try();
  void invalid_except();
  void invalid_except_indent(bool star);
  void invalid_import_targets();
  void invalid_as_pattern();
  void invalid_class_pattern();
  void invalid_class_definition();
  void invalid_function_definition();
  void invalid_for();
  void invalid_match();
  void invalid_case();
  void invalid_condition(T keyword, const char* word);
  void invalid_block_after(T keyword, const char* word);
  bool missing_block(const Token* keyword, const char* after);
  bool is_legacy_statement(const Expr* e);

  static constexpr int kChunkBits = 8;
  static constexpr int kChunkSize = 1 << kChunkBits;
  static constexpr int kMaxDepth = 6000;
  static constexpr Token kFailedToken{.kind = T::error};

  Tokenizer& tokenizer_;
  Arena& arena_;
  Mode mode_;
  int flags_;
  int feature_version_;

  Token** chunks_ = nullptr;
  int chunk_count_ = 0;
  int count_ = 0;
  int mark_ = 0;
  bool failed_ = false;
  bool diagnose_ = false;   // mistakes are looked for here
  bool remembering_ = false;  // results of rules are kept, because text is visited again
  bool ended_ = false;
  bool statement_begun_ = false;
  int depth_ = 0;

  bool replacement_ = false;  // inside an f-string, at:
  int starting_lineno_ = 0;
  int starting_column_ = 0;

  void** stack_ = nullptr;  // lists under construction
  int stack_size_ = 0;
  int stack_capacity_ = 0;
  bool push(void* item);

  struct Ignore {
    int lineno;
    PyObject* tag;
  };
  Ignore* ignores_ = nullptr;
  int ignore_count_ = 0;
  bool add_ignore(const Token& token);

  // Names seen lately, so that each is decoded and interned once.
  static constexpr int kNameSlots = 256;
  struct NameSlot {
    int start;
    int size;
    PyObject* object;
  };
  NameSlot names_[kNameSlots] = {};
};

// A list under construction, on the parser's stack. Leaves nothing behind.
template <class T_>
class Items {
 public:
  explicit Items(Parser& parser) : parser_(parser), base_(parser.stack_size_) {}
  ~Items() { parser_.stack_size_ = base_; }
  Items(const Items&) = delete;
  bool push(T_* item) { return parser_.push(const_cast<std::remove_const_t<T_>*>(item)); }
  int size() const { return parser_.stack_size_ - base_; }
  T_* operator[](int i) const { return static_cast<T_*>(parser_.stack_[base_ + i]); }
  int base() const { return base_; }
  bool finish(Sequence<T_*>& out) {
    int n = size();
    if (n == 0) {
      out = {};
      return true;
    }
    if (!out.reserve(parser_.arena_, static_cast<size_t>(n))) {
      parser_.out_of_memory();
      return false;
    }
    for (int i = 0; i < n; ++i) out.append((*this)[i]);
    return true;
  }

 private:
  Parser& parser_;
  int base_;
};

}  // namespace gill::ast
