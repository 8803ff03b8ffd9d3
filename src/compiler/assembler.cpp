// From the finished flow graph to bytes: code units, location table, exception table.
#include "compiler/flow_graph.h"

namespace gill::compiler {

namespace {

int prefixes_of(int operand) {
  auto value = static_cast<unsigned>(operand);
  return (value > 0xFF) + (value > 0xFFFF) + (value > 0xFFFFFF);
}

// In code units, with its prefixes and caches.
int size_of(const Instruction& instruction) {
  return prefixes_of(instruction.operand) + 1 + caches_of(static_cast<Op>(instruction.code));
}

// Every jump gets the opcode of its direction. The order of the blocks is final here.
Status give_directions(FlowGraph& graph) {
  for (Block* block = graph.entry(); block; block = block->next) block->visited = false;
  for (Block* block = graph.entry(); block; block = block->next) {
    block->visited = true;
    if (block->empty() || !is_jump(block->last().code)) continue;
    Instruction& jump = block->last();
    bool forward = !jump.target->visited;
    auto choose = [&](Op ahead, Op back) { jump.code = code_of(forward ? ahead : back); };
    switch (jump.code) {
      case Code::JUMP: choose(Op::JUMP_FORWARD, Op::JUMP_BACKWARD); break;
      case Code::JUMP_NO_INTERRUPT: choose(Op::JUMP_FORWARD, Op::JUMP_BACKWARD_NO_INTERRUPT); break;
      case Code::POP_JUMP_IF_FALSE: choose(Op::POP_JUMP_FORWARD_IF_FALSE, Op::POP_JUMP_BACKWARD_IF_FALSE); break;
      case Code::POP_JUMP_IF_TRUE: choose(Op::POP_JUMP_FORWARD_IF_TRUE, Op::POP_JUMP_BACKWARD_IF_TRUE); break;
      case Code::POP_JUMP_IF_NONE: choose(Op::POP_JUMP_FORWARD_IF_NONE, Op::POP_JUMP_BACKWARD_IF_NONE); break;
      case Code::POP_JUMP_IF_NOT_NONE:
        choose(Op::POP_JUMP_FORWARD_IF_NOT_NONE, Op::POP_JUMP_BACKWARD_IF_NOT_NONE);
        break;
      case code_of(Op::JUMP_IF_FALSE_OR_POP):
      case code_of(Op::JUMP_IF_TRUE_OR_POP):
        if (!forward) return raise(PyExc_SystemError, "unexpected JUMP_IF_%s_OR_POP jumping backwards",
                                   jump.code == Op::JUMP_IF_TRUE_OR_POP ? "TRUE" : "FALSE");
        break;
      default: break;
    }
  }
  return Status::ok;
}

// Offsets and jump operands depend on each other through the prefixes: repeat until nothing grows.
int lay_out(FlowGraph& graph) {
  while (true) {
    int total = 0;
    for (Block* block = graph.entry(); block; block = block->next) {
      block->offset = total;
      for (const Instruction& instruction : block->code) total += size_of(instruction);
    }
    bool again = false;
    for (Block* block = graph.entry(); block; block = block->next) {
      int end = block->offset;
      for (Instruction& instruction : block->code) {
        int size = size_of(instruction);
        end += size;
        if (!is_jump(instruction.code)) continue;
        int there = instruction.target->offset;
        instruction.operand = there < end ? end - there : there - end;
        if (size_of(instruction) != size) again = true;
      }
    }
    if (!again) return total;
  }
}

using Bytes = Vector<uint8_t>;

Status emit_code(const Instruction& instruction, Bytes& out) {
  auto operand = static_cast<unsigned>(instruction.operand);
  for (int shift = prefixes_of(instruction.operand) * 8; shift > 0; shift -= 8) {
    TRY(out.push(static_cast<uint8_t>(Op::EXTENDED_ARG)));
    TRY(out.push(static_cast<uint8_t>(operand >> shift)));
  }
  TRY(out.push(static_cast<uint8_t>(instruction.code)));
  TRY(out.push(static_cast<uint8_t>(operand)));
  for (int i = 2 * caches_of(static_cast<Op>(instruction.code)); i > 0; --i) TRY(out.push(0));
  return Status::ok;
}

// The location table: for each run of up to eight code units, a byte 1kkkklll (kind, length - 1) and what
// the kind needs.
class LocationWriter {
 public:
  LocationWriter(Bytes& out, int first_line) : out_(out), line_(first_line) {}

  Status add(const Location& location, int units) {
    for (; units > 8; units -= 8) TRY(entry(location, 8));
    return entry(location, units);
  }

 private:
  enum Kind { kOneLine = 10, kNoColumns = 13, kLong = 14, kNone = 15 };

  Status head(int kind, int units) { return out_.push(static_cast<uint8_t>(0x80 | kind << 3 | (units - 1))); }
  Status number(unsigned value) {
    for (; value >= 64; value >>= 6) TRY(out_.push(static_cast<uint8_t>(64 | (value & 63))));
    return out_.push(static_cast<uint8_t>(value));
  }
  Status signed_number(int value) {
    return number(value < 0 ? (0u - static_cast<unsigned>(value)) << 1 | 1 : static_cast<unsigned>(value) << 1);
  }

  Status entry(const Location& at, int units) {
    if (at.line < 0) return head(kNone, units);
    int delta = at.line - line_;
    if (at.column < 0 || at.end_column < 0) {
      if (at.end_line == at.line || at.end_line == -1) {
        TRY(head(kNoColumns, units));
        line_ = at.line;
        return signed_number(delta);
      }
    } else if (at.end_line == at.line) {
      int width = at.end_column - at.column;
      if (delta == 0 && at.column < 80 && width < 16 && width >= 0) {
        TRY(head(at.column >> 3, units));
        return out_.push(static_cast<uint8_t>((at.column & 7) << 4 | width));
      }
      if (delta >= 0 && delta < 3 && at.column < 128 && at.end_column < 128) {
        TRY(head(kOneLine + delta, units));
        line_ = at.line;
        TRY(out_.push(static_cast<uint8_t>(at.column)));
        return out_.push(static_cast<uint8_t>(at.end_column));
      }
    }
    TRY(head(kLong, units));
    line_ = at.line;
    TRY(signed_number(delta));
    TRY(number(static_cast<unsigned>(at.end_line - at.line)));
    TRY(number(static_cast<unsigned>(at.column + 1)));
    return number(static_cast<unsigned>(at.end_column + 1));
  }

  Bytes& out_;
  int line_;
};

// The exception table: start, length, handler, depth and flag as numbers of six bits a byte, most
// significant first; bit 7 marks the start of an entry, bit 6 that another byte follows.
Status exception_number(Bytes& out, unsigned value, uint8_t mark) {
  int shift = 0;
  while (shift < 24 && value >> (shift + 6)) shift += 6;
  for (; shift > 0; shift -= 6) {
    TRY(out.push(static_cast<uint8_t>((value >> shift & 63) | 64 | mark)));
    mark = 0;
  }
  return out.push(static_cast<uint8_t>((value & 63) | mark));
}

Status exception_entry(Bytes& out, int start, int end, const Block& handler) {
  int depth = handler.start_depth - 1 - handler.wants_offset;
  TRY(exception_number(out, static_cast<unsigned>(start), 0x80));
  TRY(exception_number(out, static_cast<unsigned>(end - start), 0));
  TRY(exception_number(out, static_cast<unsigned>(handler.offset), 0));
  return exception_number(out, static_cast<unsigned>(depth << 1 | handler.wants_offset), 0);
}

Status emit_exception_table(FlowGraph& graph, Bytes& out) {
  const Block* handler = nullptr;
  int start = 0;
  int offset = 0;
  for (Block* block = graph.entry(); block; block = block->next) {
    for (const Instruction& instruction : block->code) {
      if (handler != instruction.handler) {
        if (handler) TRY(exception_entry(out, start, offset, *handler));
        start = offset;
        handler = instruction.handler;
      }
      offset += size_of(instruction);
    }
  }
  return handler ? exception_entry(out, start, offset, *handler) : Status::ok;
}

Ref<> as_bytes(const Bytes& bytes) {
  return steal(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

Status assemble(FlowGraph& graph, int first_line, Assembly& out) {
  TRY(give_directions(graph));
  lay_out(graph);
  Bytes code, locations, exceptions;
  LocationWriter writer(locations, first_line);
  for (Block* block = graph.entry(); block; block = block->next) {
    for (const Instruction& instruction : block->code) {
      TRY(emit_code(instruction, code));
      TRY(writer.add(instruction.location, size_of(instruction)));
    }
  }
  TRY(emit_exception_table(graph, exceptions));
  out.code = TRY(as_bytes(code));
  out.location_table = TRY(as_bytes(locations));
  out.exception_table = TRY(as_bytes(exceptions));
  return Status::ok;
}

}  // namespace gill::compiler
