// Improvements inside one basic block.
#include "compiler/flow_graph.h"

namespace gill::compiler {

namespace {

constexpr Code kNop = code_of(Op::NOP);

void make_nop(Instruction& instruction) {
  instruction.code = kNop;
  instruction.operand = 0;
  instruction.target = nullptr;
}

// A tuple whose items are all constants becomes one constant.
Status fold_tuple(Block& block, int at, PyObject* constants, PyObject* cache) {
  int count = block.code[at].operand;
  if (at < count) return Status::ok;
  for (int i = at - count; i < at; ++i) {
    if (block.code[i].code != Op::LOAD_CONST) return Status::ok;
  }
  Ref<> tuple = TRY(steal(PyTuple_New(count)));
  for (int i = 0; i < count; ++i) {
    PyObject* item = PyList_GET_ITEM(constants, block.code[at - count + i].operand);
    PyTuple_SET_ITEM(tuple.get(), i, borrow(item).release());
  }
  Ref<> key = TRY(merged_constant_key(cache, tuple.get()));
  // The key of a tuple is (tuple, ...).
  Ref<> merged = borrow(PyTuple_GET_ITEM(key.get(), 1));
  Py_ssize_t index = 0;
  while (index < PyList_GET_SIZE(constants) && PyList_GET_ITEM(constants, index) != merged.get()) ++index;
  if (index == PyList_GET_SIZE(constants)) TRY(status_of(PyList_Append(constants, merged.get())));
  for (int i = at - count; i < at; ++i) make_nop(block.code[i]);
  block.code[at].code = code_of(Op::LOAD_CONST);
  block.code[at].operand = static_cast<int>(index);
  return Status::ok;
}

// Goes to where the target's own jump leads. Only within one line, so that a tracer misses nothing.
bool thread_jump(Instruction& jump, const Instruction& target, Code code) {
  if (jump.location.line != target.location.line || jump.target == target.target) return false;
  jump.target = target.target;
  jump.code = code;
  return true;
}

// Replaces a run of SWAPs by the shortest one with the same effect. Returns the run's last position.
Maybe<int> shorten_swaps(Block& block, int at) {
  Instruction* run = &block.code[at];
  int depth = run[0].operand;
  int length = 0;
  bool several = false;
  while (++length < block.code.size() - at) {
    if (run[length].code == Op::SWAP) {
      if (run[length].operand > depth) depth = run[length].operand;
      several = true;
    } else if (run[length].code != Op::NOP) {
      break;
    }
  }
  if (!several) return at;
  constexpr int kVisited = -1;
  Vector<int> stack;
  for (int i = 0; i < depth; ++i) TRY(stack.push(i));
  for (int i = 0; i < length; ++i) {
    if (run[i].code == Op::SWAP) std::swap(stack[0], stack[run[i].operand - 1]);
  }
  // Each cycle of the permutation is undone by swaps with the top; written back to front, they perform it.
  int write = length - 1;
  for (int i = 0; i < depth; ++i) {
    if (stack[i] == kVisited || stack[i] == i) continue;
    int j = i;
    while (true) {
      if (j) {
        run[write].code = code_of(Op::SWAP);
        run[write--].operand = j + 1;
      }
      if (stack[j] == kVisited) break;
      int next = stack[j];
      stack[j] = kVisited;
      j = next;
    }
  }
  while (write >= 0) make_nop(run[write--]);
  return at + length - 1;
}

bool only_takes_top(Code code) { return code == Op::STORE_FAST || code == Op::POP_TOP; }
int stored_local(const Instruction& instruction) {
  return instruction.code == Op::STORE_FAST ? instruction.operand : -1;
}

int next_taker(const Block& block, int at, int line) {
  while (++at < block.code.size()) {
    const Instruction& instruction = block.code[at];
    if (line >= 0 && instruction.location.line != line) return -1;
    if (instruction.code == Op::NOP) continue;
    return only_takes_top(instruction.code) ? at : -1;
  }
  return -1;
}

// A SWAP in front of stores is spared by exchanging the stores.
void exchange_stores(Block& block, int at) {
  for (; at >= 0; --at) {
    Instruction& swap = block.code[at];
    if (swap.code != Op::SWAP) {
      if (swap.code == Op::NOP || only_takes_top(swap.code)) continue;
      return;
    }
    int first = next_taker(block, at, -1);
    if (first < 0) return;
    int second = first;
    int line = block.code[first].location.line;
    for (int i = swap.operand - 1; i > 0; --i) {
      second = next_taker(block, second, line);
      if (second < 0) return;
    }
    int first_local = stored_local(block.code[first]);
    int second_local = stored_local(block.code[second]);
    if (first_local >= 0 || second_local >= 0) {
      if (first_local == second_local) return;
      for (int i = first + 1; i < second; ++i) {
        int local = stored_local(block.code[i]);
        if (local >= 0 && (local == first_local || local == second_local)) return;
      }
    }
    make_nop(swap);
    std::swap(block.code[first], block.code[second]);
  }
}

// A constant in front of a conditional jump decides it.
Status fold_condition(Block& block, int at, PyObject* constants) {
  Instruction& load = block.code[at];
  if (at + 1 >= block.code.size()) return Status::ok;
  Instruction& next = block.code[at + 1];
  PyObject* constant = PyList_GET_ITEM(constants, load.operand);
  bool pops = next.code == Code::POP_JUMP_IF_FALSE || next.code == Code::POP_JUMP_IF_TRUE;
  if (pops || next.code == Op::JUMP_IF_FALSE_OR_POP || next.code == Op::JUMP_IF_TRUE_OR_POP) {
    bool is_true = TRY(truth_of(PyObject_IsTrue(constant)));
    bool jumps_if_true = next.code == Code::POP_JUMP_IF_TRUE || next.code == Op::JUMP_IF_TRUE_OR_POP;
    bool jumps = is_true == jumps_if_true;
    if (pops || !jumps) make_nop(load);
    if (jumps) {
      next.code = Code::JUMP;
      block.falls_through = false;
    } else {
      make_nop(next);
    }
    return Status::ok;
  }
  if (next.code == Op::IS_OP && constant == Py_None && at + 2 < block.code.size()) {
    Instruction& jump = block.code[at + 2];
    if (jump.code != Code::POP_JUMP_IF_FALSE && jump.code != Code::POP_JUMP_IF_TRUE) return Status::ok;
    bool negated = next.operand == 1;
    bool if_false = jump.code == Code::POP_JUMP_IF_FALSE;
    make_nop(load);
    make_nop(next);
    jump.code = negated != if_false ? Code::POP_JUMP_IF_NOT_NONE : Code::POP_JUMP_IF_NONE;
  }
  return Status::ok;
}

// `a and b` as a condition of something: where the value decides two tests in a row, one is enough.
// True when the instruction should be looked at again.
bool thread_short_circuit(Instruction& jump, const Instruction& target) {
  bool if_false = jump.code == Op::JUMP_IF_FALSE_OR_POP;
  Code same = code_of(if_false ? Op::JUMP_IF_FALSE_OR_POP : Op::JUMP_IF_TRUE_OR_POP);
  Code opposite = code_of(if_false ? Op::JUMP_IF_TRUE_OR_POP : Op::JUMP_IF_FALSE_OR_POP);
  Code popping = if_false ? Code::POP_JUMP_IF_FALSE : Code::POP_JUMP_IF_TRUE;
  Code opposite_popping = if_false ? Code::POP_JUMP_IF_TRUE : Code::POP_JUMP_IF_FALSE;
  if (target.code == popping) return thread_jump(jump, target, popping);
  if (target.code == Code::JUMP || target.code == same) return thread_jump(jump, target, same);
  if ((target.code == opposite || target.code == opposite_popping) && jump.location.line == target.location.line) {
    // The test there fails: go on behind it.
    jump.code = popping;
    jump.target = jump.target->next;
    return true;
  }
  return false;
}

}  // namespace

Status optimize_block(Block& block, PyObject* constants, PyObject* constant_cache) {
  const Instruction nothing{kNop, 0, nullptr, nullptr, {}};
  for (int i = 0; i < block.code.size(); ++i) {
    Instruction& instruction = block.code[i];
    Instruction* next = i + 1 < block.code.size() ? &block.code[i + 1] : nullptr;
    const Instruction* target = &nothing;
    if (has_target(instruction.code)) {
      while (instruction.target->empty() && instruction.target->next) instruction.target = instruction.target->next;
      if (!instruction.target->empty()) target = &instruction.target->code[0];
    }
    switch (instruction.code) {
      case code_of(Op::LOAD_CONST):
        TRY(fold_condition(block, i, constants));
        break;
      case code_of(Op::BUILD_TUPLE):
        if (next && next->code == Op::UNPACK_SEQUENCE && next->operand == instruction.operand &&
            instruction.operand >= 1 && instruction.operand <= 3) {
          if (instruction.operand == 1) {
            make_nop(*next);
          } else {
            next->code = code_of(Op::SWAP);
          }
          make_nop(instruction);
          break;
        }
        TRY(fold_tuple(block, i, constants, constant_cache));
        break;
      case code_of(Op::JUMP_IF_FALSE_OR_POP):
      case code_of(Op::JUMP_IF_TRUE_OR_POP):
        i -= thread_short_circuit(instruction, *target);
        break;
      case Code::POP_JUMP_IF_FALSE:
      case Code::POP_JUMP_IF_TRUE:
      case Code::POP_JUMP_IF_NONE:
      case Code::POP_JUMP_IF_NOT_NONE:
      case Code::JUMP:
        if (target->code == Code::JUMP) i -= thread_jump(instruction, *target, instruction.code);
        break;
      case code_of(Op::SWAP):
        if (instruction.operand == 1) {
          make_nop(instruction);
          break;
        }
        i = TRY(shorten_swaps(block, i));
        exchange_stores(block, i);
        break;
      case code_of(Op::PUSH_NULL):
        if (next && next->code == Op::LOAD_GLOBAL && !(next->operand & 1)) {
          make_nop(instruction);
          next->operand |= 1;
        }
        break;
      default: break;
    }
  }
  return Status::ok;
}

// Removes a NOP unless it is the only instruction of its line.
void remove_nops(Block& block) {
  int kept = 0;
  int previous_line = -1;
  for (int i = 0; i < block.code.size(); ++i) {
    int line = block.code[i].location.line;
    if (block.code[i].code == Op::NOP) {
      if (line < 0 || line == previous_line) continue;
      if (i + 1 < block.code.size()) {
        Instruction& next = block.code[i + 1];
        if (next.location.line == line) continue;
        if (next.location.line < 0) {
          next.location = block.code[i].location;
          continue;
        }
      } else {
        const Block* next = block.next;
        while (next && next->empty()) next = next->next;
        if (next && next->code[0].location.line == line) continue;
      }
    }
    if (kept != i) block.code[kept] = block.code[i];
    ++kept;
    previous_line = line;
  }
  block.code.truncate(kept);
}

Ref<> merged_constant_key(PyObject* cache, PyObject* value) {
  Ref<> key = TRY(steal(_PyCode_ConstantKey(value)));
  Ref<> merged = TRY(borrow(PyDict_SetDefault(cache, key.get(), key.get())));
  if (merged.get() != key.get()) return merged;
  // A new key; (type, value, ...) for most types. Merge what is inside a container.
  if (PyTuple_CheckExact(value)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); ++i) {
      PyObject* item = PyTuple_GET_ITEM(value, i);
      Ref<> inner = TRY(merged_constant_key(cache, item));
      PyObject* same = PyTuple_CheckExact(inner.get()) ? PyTuple_GET_ITEM(inner.get(), 1) : inner.get();
      if (same == item) continue;
      PyTuple_SET_ITEM(value, i, borrow(same).release());
      gill::release(item);
    }
  } else if (PyFrozenSet_CheckExact(value) && PySet_GET_SIZE(value) > 0) {
    Ref<> items = TRY(steal(PySequence_Tuple(value)));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.get()); ++i) {
      Ref<> inner = TRY(merged_constant_key(cache, PyTuple_GET_ITEM(items.get(), i)));
      PyObject* same = PyTuple_CheckExact(inner.get()) ? PyTuple_GET_ITEM(inner.get(), 1) : inner.get();
      PyObject* old = PyTuple_GET_ITEM(items.get(), i);
      PyTuple_SET_ITEM(items.get(), i, borrow(same).release());
      gill::release(old);
    }
    // The key is (frozenset, items' keys); its first field must hold the set with the merged items.
    Ref<> set = TRY(steal(PyFrozenSet_New(items.get())));
    PyObject* old = PyTuple_GET_ITEM(key.get(), 1);
    PyTuple_SET_ITEM(key.get(), 1, set.release());
    gill::release(old);
  }
  return key;
}

}  // namespace gill::compiler
