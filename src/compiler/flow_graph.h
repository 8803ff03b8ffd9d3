// The flow graph of one code object under construction: basic blocks of instructions with symbolic jump
// targets, before they become bytes.
//
// The generator fills blocks in textual order (`next`). A block ends at its first jump or exit; the graph
// starts another one by itself. Instructions of our own (Code values of 256 and up) stand for jumps whose
// direction is not known yet and for the edges of protected regions; none of them survives assembly.
//
// The passes, in the order in which `optimize_and_assemble` runs them:
//   peephole.cpp    inside a block: constants, jump threading, swaps, NOPs
//   flow_graph.cpp  between blocks: unreachable code, copies of exits, lines, stack depth, handlers
//   assembler.cpp   jump directions, sizes, bytes, location table, exception table
#pragma once

#include "compiler/vector.h"
#include "objects/opcodes.h"

namespace gill::compiler {

// Where in the source an instruction comes from. Lines count from 1, columns are UTF-8 offsets; a line of
// -1 means "artificial": it takes over the line of what runs before it.
struct Location {
  int line = -1;
  int end_line = -1;
  int column = -1;
  int end_column = -1;
};
inline constexpr Location kNoLocation{};

enum class [[clang::enum_extensibility(open)]] Code : int16_t {
  SETUP_FINALLY = 256,  // exceptions from here on go to the target
  SETUP_CLEANUP,        // the same; the handler also finds the interrupted instruction's offset
  SETUP_WITH,           // the same, with the result of __enter__ dropped
  POP_BLOCK,            // ends the innermost of these
  JUMP,
  JUMP_NO_INTERRUPT,
  POP_JUMP_IF_FALSE,
  POP_JUMP_IF_TRUE,
  POP_JUMP_IF_NONE,
  POP_JUMP_IF_NOT_NONE,
};
constexpr Code code_of(Op op) { return static_cast<Code>(op); }
constexpr bool operator==(Code code, Op op) { return static_cast<int>(code) == static_cast<int>(op); }

bool is_jump(Code code);
inline bool is_block_push(Code code) { return code >= Code::SETUP_FINALLY && code <= Code::SETUP_WITH; }
inline bool has_target(Code code) { return is_jump(code) || is_block_push(code); }
inline bool is_exit(Code code) {
  return code == Op::RETURN_VALUE || code == Op::RAISE_VARARGS || code == Op::RERAISE;
}
inline bool is_unconditional(Code code) { return code == Code::JUMP || code == Code::JUMP_NO_INTERRUPT; }

struct Block;

struct Instruction {
  Code code{};
  int operand = 0;
  Block* target = nullptr;   // jumps and block pushes
  Block* handler = nullptr;  // where an exception goes; known after label_handlers()
  Location location;
};

struct Block {
  Vector<Instruction> code;
  Block* next = nullptr;     // in textual order
  Block* created = nullptr;  // the block that was created before this one
  int predecessors = 0;
  int start_depth = -1;
  int offset = 0;
  bool visited = false;
  bool exits = false;           // ends in a return or raise
  bool falls_through = true;
  bool wants_offset = false;    // a handler that is given the interrupted instruction's offset

  bool empty() const { return code.empty(); }
  Instruction& last() { return code.back(); }
};

class FlowGraph {
 public:
  FlowGraph() = default;
  FlowGraph(const FlowGraph&) = delete;
  ~FlowGraph();

  Block* new_block();  // null when memory ran out
  void use(Block* block) {
    current_->next = block;
    current_ = block;
  }
  Status start();
  Status add(Code code, int operand, const Location& location, Block* target = nullptr);
  bool ends_in_return() const { return !current_->empty() && current_->code.back().code == Op::RETURN_VALUE; }

  Block* entry() { return entry_; }

  // Between generation and assembly.
  Status normalize();
  Status optimize(PyObject* constants, PyObject* constant_cache);
  Status duplicate_exits();
  void propagate_lines();
  void give_exits_a_line(int first_line);
  Maybe<int> stack_depth(bool is_generator);
  Status label_handlers();

 private:
  Status extend_blocks();
  Status mark_reachable();
  void drop_unreachable();
  void skip_empty_blocks();
  bool drop_jumps_to_next();

  Block* entry_ = nullptr;
  Block* current_ = nullptr;
  Block* newest_ = nullptr;
};

// peephole.cpp
Status optimize_block(Block& block, PyObject* constants, PyObject* constant_cache);
void remove_nops(Block& block);

// The constant that stands for `value` in all code objects of one compilation; tuples and frozensets are
// merged item by item. `cache` maps constant keys to themselves.
Ref<> merged_constant_key(PyObject* cache, PyObject* value);

// What the assembler makes of a graph. `location_table` and `exception_table` are in the formats of 3.11.
struct Assembly {
  Ref<> code;
  Ref<> location_table;
  Ref<> exception_table;
};
Status assemble(FlowGraph& graph, int first_line, Assembly& out);

}  // namespace gill::compiler
