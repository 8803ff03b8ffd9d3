// Building the flow graph, and the passes that look across blocks. See flow_graph.h.
#include "compiler/flow_graph.h"

#include <new>

namespace gill::compiler {

bool is_jump(Code code) {
  if (static_cast<int>(code) >= 256) return code >= Code::JUMP;
  return kOpcodeInfo[static_cast<int>(code)].operand == OperandKind::jump;
}

FlowGraph::~FlowGraph() {
  while (newest_) {
    Block* block = std::exchange(newest_, newest_->created);
    block->~Block();
    PyMem_Free(block);
  }
}

Block* FlowGraph::new_block() {
  void* memory = PyMem_Malloc(sizeof(Block));
  if (!memory) {
    PyErr_NoMemory();
    return nullptr;
  }
  auto* block = new (memory) Block();
  block->created = newest_;
  newest_ = block;
  return block;
}

Status FlowGraph::start() {
  entry_ = current_ = TRY(new_block());
  return Status::ok;
}

Status FlowGraph::add(Code code, int operand, const Location& location, Block* target) {
  if (!current_->empty()) {
    Code last = current_->last().code;
    if (is_jump(last) || is_exit(last)) use(TRY(new_block()));
  }
  return current_->code.push({code, operand, target, nullptr, location});
}

namespace {

Block* first_filled(Block* block) {
  while (block->empty() && block->next) block = block->next;
  return block;
}

// Unconditional jumps to exits without lines, no longer than this, become copies of the exit.
constexpr int kMaxCopiedExit = 4;

bool is_exit_without_line(const Block& block) {
  if (!block.exits) return false;
  for (const Instruction& instruction : block.code) {
    if (instruction.location.line >= 0) return false;
  }
  return true;
}

}  // namespace

// Notes how each block ends and points jumps at blocks that hold something.
Status FlowGraph::normalize() {
  for (Block* block = newest_; block; block = block->created) {
    for (int i = 0; i < block->code.size(); ++i) {
      Instruction& instruction = block->code[i];
      if (is_exit(instruction.code)) {
        block->exits = true;
        block->falls_through = false;
      } else if (is_jump(instruction.code)) {
        if (is_unconditional(instruction.code)) block->falls_through = false;
        if (i != block->code.size() - 1) return raise(PyExc_SystemError, "malformed control flow graph.");
        instruction.target = first_filled(instruction.target);
      }
    }
  }
  return extend_blocks();
}

Status FlowGraph::extend_blocks() {
  for (Block* block = newest_; block; block = block->created) {
    if (block->empty() || block->last().code != Code::JUMP) continue;
    Block* target = block->last().target;
    if (!is_exit_without_line(*target) || target->code.size() > kMaxCopiedExit) continue;
    block->last().code = code_of(Op::NOP);
    block->last().target = nullptr;
    for (int i = 0; i < target->code.size(); ++i) TRY(block->code.push(Instruction(target->code[i])));
    block->exits = true;
  }
  return Status::ok;
}

Status FlowGraph::mark_reachable() {
  Vector<Block*> pending;
  entry_->predecessors = 1;
  TRY(pending.push(entry_));
  auto reach = [&](Block* block) -> Status {
    if (block->predecessors++ == 0) TRY(pending.push(block));
    return Status::ok;
  };
  while (!pending.empty()) {
    Block* block = pending.back();
    pending.pop();
    if (block->next && block->falls_through) TRY(reach(block->next));
    for (Instruction& instruction : block->code) {
      if (has_target(instruction.code)) TRY(reach(instruction.target));
    }
  }
  return Status::ok;
}

void FlowGraph::drop_unreachable() {
  for (Block* block = entry_; block; block = block->next) {
    if (block->predecessors) continue;
    block->code.clear();
    block->falls_through = true;
    block->exits = false;
  }
}

void FlowGraph::skip_empty_blocks() {
  for (Block* block = entry_; block; block = block->next) {
    if (block->next) block->next = first_filled(block->next);
  }
  for (Block* block = entry_; block; block = block->next) {
    for (Instruction& instruction : block->code) {
      if (has_target(instruction.code)) instruction.target = first_filled(instruction.target);
    }
  }
}

// A jump to the block that follows anyway becomes a NOP, which keeps its line. True when there was one.
bool FlowGraph::drop_jumps_to_next() {
  bool found = false;
  for (Block* block = entry_; block; block = block->next) {
    if (block->empty() || !is_unconditional(block->last().code) || block->last().target != block->next) continue;
    block->falls_through = true;
    block->last().code = code_of(Op::NOP);
    block->last().target = nullptr;
    found = true;
  }
  return found;
}

Status FlowGraph::optimize(PyObject* constants, PyObject* constant_cache) {
  for (Block* block = entry_; block; block = block->next) {
    TRY(optimize_block(*block, constants, constant_cache));
    remove_nops(*block);
  }
  TRY(extend_blocks());
  TRY(mark_reachable());
  drop_unreachable();
  skip_empty_blocks();
  for (Block* block = entry_; block; block = block->next) remove_nops(*block);
  if (drop_jumps_to_next()) skip_empty_blocks();
  return Status::ok;
}

// A shared exit without lines of its own (the implicit `return None`) is copied for each jump to it, so
// that every copy can take the line of the jump.
Status FlowGraph::duplicate_exits() {
  for (Block* block = newest_; block; block = block->created) {
    if (block->empty() || !is_jump(block->last().code)) continue;
    Block* target = block->last().target;
    if (!is_exit_without_line(*target) || target->predecessors <= 1) continue;
    Block* copy = TRY(new_block());
    for (int i = 0; i < target->code.size(); ++i) TRY(copy->code.push(target->code[i]));
    copy->exits = true;
    copy->falls_through = false;
    copy->code[0].location = block->last().location;
    block->last().target = copy;
    --target->predecessors;
    copy->predecessors = 1;
    copy->next = target->next;
    target->next = copy;
  }
  for (Block* block = entry_; block; block = block->next) {
    while (block->next && block->next->empty()) block->next = block->next->next;
  }
  return Status::ok;
}

void FlowGraph::propagate_lines() {
  for (Block* block = entry_; block; block = block->next) {
    if (block->empty()) continue;
    Location location;
    for (Instruction& instruction : block->code) {
      if (instruction.location.line < 0) {
        instruction.location = location;
      } else {
        location = instruction.location;
      }
    }
    auto pass_on = [&](Block* other) {
      if (other->predecessors == 1 && !other->empty() && other->code[0].location.line < 0) {
        other->code[0].location = location;
      }
    };
    if (block->falls_through && block->next) pass_on(block->next);
    if (is_jump(block->last().code)) pass_on(block->last().target);
  }
}

void FlowGraph::give_exits_a_line(int first_line) {
  int line = first_line;
  for (Block* block = entry_; block; block = block->next) {
    if (block->empty()) continue;
    const Instruction& last = block->last();
    if (last.location.line >= 0) {
      line = last.location.line;
    } else if (last.code == Op::RETURN_VALUE) {
      for (Instruction& instruction : block->code) instruction.location.line = line;
    }
  }
}

namespace {

int effect_of(const Instruction& instruction, bool jumps) {
  switch (instruction.code) {
    case Code::SETUP_FINALLY: return jumps ? 1 : 0;
    case Code::SETUP_CLEANUP: return jumps ? 2 : 0;
    case Code::SETUP_WITH: return jumps ? 1 : 0;
    case Code::POP_BLOCK:
    case Code::JUMP:
    case Code::JUMP_NO_INTERRUPT: return 0;
    case Code::POP_JUMP_IF_FALSE:
    case Code::POP_JUMP_IF_TRUE:
    case Code::POP_JUMP_IF_NONE:
    case Code::POP_JUMP_IF_NOT_NONE: return -1;
    default: return stack_effect(static_cast<int>(instruction.code), instruction.operand, jumps);
  }
}

}  // namespace

Maybe<int> FlowGraph::stack_depth(bool is_generator) {
  Vector<Block*> pending;
  for (Block* block = entry_; block; block = block->next) block->start_depth = -1;
  auto enter = [&](Block* block, int depth) -> Status {
    if (block->start_depth >= depth) return Status::ok;
    bool first = block->start_depth < 0;
    if (!first && block->start_depth >= 100) return Status::ok;
    block->start_depth = depth;
    return pending.push(block);
  };
  int most = 0;
  // A generator's frame starts with the value that RETURN_GENERATOR's POP_TOP takes.
  TRY(enter(entry_, is_generator ? 1 : 0));
  while (!pending.empty()) {
    Block* block = pending.back();
    pending.pop();
    int depth = block->start_depth;
    Block* next = block->next;
    for (Instruction& instruction : block->code) {
      int after = depth + effect_of(instruction, false);
      if (after > most) most = after;
      if (has_target(instruction.code)) {
        int there = depth + effect_of(instruction, true);
        if (there > most) most = there;
        TRY(enter(instruction.target, there));
      }
      depth = after;
      if (is_unconditional(instruction.code) || is_exit(instruction.code)) {
        next = nullptr;
        break;
      }
    }
    if (next) TRY(enter(next, depth));
  }
  return most;
}

namespace {

// A protected region inside another one. Regions are shared between the blocks that lie in them.
struct Region {
  Region* outer;
  Block* handler;
  Region* allocated;
};

struct RegionPool {
  Region* newest = nullptr;
  ~RegionPool() {
    while (newest) PyMem_Free(std::exchange(newest, newest->allocated));
  }
  Region* enter(Region* outer, Block* handler) {
    auto* region = static_cast<Region*>(PyMem_Malloc(sizeof(Region)));
    if (!region) {
      PyErr_NoMemory();
      return nullptr;
    }
    *region = {outer, handler, newest};
    return newest = region;
  }
};

struct BlockInRegion {
  Block* block;
  Region* region;
};

}  // namespace

// Tells each instruction which handler protects it, and removes the marks of the regions' edges (where one
// must stay as a NOP for its line, nothing protects it: it cannot fail).
Status FlowGraph::label_handlers() {
  RegionPool regions;
  Vector<BlockInRegion> pending;
  for (Block* block = entry_; block; block = block->next) block->visited = false;
  auto enter = [&](Block* block, Region* region) -> Status {
    if (block->visited) return Status::ok;
    block->visited = true;
    return pending.push({block, region});
  };
  TRY(enter(entry_, nullptr));
  while (!pending.empty()) {
    auto [block, region] = pending.back();
    pending.pop();
    for (Instruction& instruction : block->code) {
      if (is_block_push(instruction.code)) {
        Block* handler = instruction.target;
        TRY(enter(handler, region));
        if (instruction.code != Code::SETUP_FINALLY) handler->wants_offset = true;
        region = TRY(regions.enter(region, handler));
      } else if (instruction.code == Code::POP_BLOCK) {
        region = region->outer;
      } else {
        instruction.handler = region ? region->handler : nullptr;
        if (is_jump(instruction.code)) TRY(enter(instruction.target, region));
      }
    }
    if (block->falls_through && block->next) TRY(enter(block->next, region));
  }
  for (Block* block = entry_; block; block = block->next) {
    for (Instruction& instruction : block->code) {
      if (is_block_push(instruction.code) || instruction.code == Code::POP_BLOCK) {
        instruction.code = code_of(Op::NOP);
        instruction.target = nullptr;
      }
    }
    remove_nops(*block);
  }
  return Status::ok;
}

}  // namespace gill::compiler
