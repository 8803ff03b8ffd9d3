// The check that code objects pass before they run for the first time.
//
// The handlers trust their code: that operands are in range, that the stack holds what they pop, that a jump lands on an
// instruction. Our compiler keeps that; a code object that a program built or that was read from a file may not, and so is followed here
// once, in all the ways it can take. What is known about the stack at an instruction is its depth, and which slots may be null;
// that an object is of the kind an instruction wants (a list, an exception, a cell) is the handler's to look at.
//
// Ways go forward nearly always, so one pass in the order of the addresses has seen all of them; where a jump backwards brings
// something new to an instruction, another pass follows. Instructions that no way leads to are not looked at.
//
// Variables with a cell or free kind only hold cells: those that the code's straight beginning makes, before anything can jump
// or be caught. It also holds the one RETURN_GENERATOR, which no jump may lead back to.
#include "vm/verify.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "objects/code.h"
#include "objects/frame.h"
#include "vm/verify_rules.h"

namespace gill::vm {

namespace {

using CodeUnit = _Py_CODEUNIT;

constexpr int kWordBits = 64;
constexpr int kNarrow = 56;               // slots that fit in a word, with room for what one instruction pushes
constexpr int kMostPushed = 8;
constexpr size_t kMostRoom = size_t{1} << 25;  // words
constexpr uint64_t kPending = uint64_t{1} << 63;

// Stacks: how deep, and which slots may be null. What is in memory begins with a word that is 0 where there is no stack yet;
// kPending in it says that nothing but a jump has come there.

// For less than kNarrow slots: a bit for each slot, the top lowest, under a bit that is always set.
struct NarrowStack {
  static constexpr bool kWide = false;
  uint64_t bits = 1;

  void load(const uint64_t* from) { bits = *from & ~kPending; }
  void store(uint64_t* to) const { *to = bits; }
  int depth() const { return 63 - std::countl_zero(bits); }
  // Of depths, and of deepest stacks as limit() has them.
  static uint64_t limit(int depth) { return (uint64_t{2} << depth) - 1; }
  bool deeper_than(uint64_t limit) const { return bits > limit; }
  bool has(int below) const { return below < depth() && !(bits >> below & 1); }
  // The numbers of a rule; where the stack is not as deep the bit above it goes as well.
  bool pop(int count) {
    uint64_t before = bits;
    bits >>= count;
    return bits << count == before;
  }
  bool pop_many(int count) { return count < kNarrow && pop(count); }
  void push(int count) { bits <<= count; }
  void push_many(int count) { bits = depth() + count < kNarrow ? bits << count : uint64_t{1} << kNarrow; }
  void push_null() { bits = bits << 1 | 1; }
  bool is_empty() const { return bits == 1; }
  void make_object() { bits &= ~uint64_t{1}; }
  void swap_top(int below) {
    uint64_t different = (bits ^ bits >> below) & 1;
    bits ^= different | different << below;
  }
  void cut(int depth) { bits >>= this->depth() - depth; }
  // Where ways meet: `more` when the stack in memory gets nulls that it did not have. False for different depths.
  bool join(uint64_t* with, bool* more) {
    uint64_t known = *with & ~kPending;
    if (std::countl_zero(known) != std::countl_zero(bits)) return false;
    *more = bits & ~known;
    bits |= known;
    *with = bits;
    return true;
  }
  bool is_within(NarrowStack other) const { return bits == other.bits || (!(bits & ~other.bits) && depth() == other.depth()); }
};

// For any depth. The words are somebody else's: `size` of them, the first for the depth, then a bit for each slot, the bottom lowest.
struct WideStack {
  static constexpr bool kWide = true;
  uint64_t* words;
  int size;

  void load(const uint64_t* from) {
    std::copy_n(from, size, words);
    words[0] &= ~kPending;
  }
  void store(uint64_t* to) const { std::copy_n(words, size, to); }
  int depth() const { return static_cast<int>(words[0]) - 1; }
  static int limit(int depth) { return depth; }
  bool deeper_than(int limit) const { return depth() > limit; }
  bool is_null(int slot) const { return words[1 + slot / kWordBits] >> (slot % kWordBits) & 1; }
  void set(int slot, bool null) {
    uint64_t bit = uint64_t{1} << (slot % kWordBits);
    uint64_t& word = words[1 + slot / kWordBits];
    word = null ? word | bit : word & ~bit;
  }
  bool has(int below) const { return below < depth() && !is_null(depth() - 1 - below); }
  bool pop(int count) {
    bool objects = count <= depth();
    for (int i = 0; objects && i < count; ++i) objects = has(i);
    if (objects) words[0] -= static_cast<uint64_t>(count);
    return objects;
  }
  void push(int count) {
    // Slots above the stack count as objects, and the deepest stack has room behind it.
    if (depth() + count < (size - 1) * kWordBits) words[0] += static_cast<uint64_t>(count);
    else words[0] = INT_MAX;
  }
  bool pop_many(int count) { return pop(count); }
  void push_many(int count) { push(count); }
  void push_null() {
    push(1);
    if (words[0] != INT_MAX) set(depth() - 1, true);
  }
  bool is_empty() const { return words[0] == 1; }
  void make_object() { set(depth() - 1, false); }
  void swap_top(int below) {
    int upper = depth() - 1, lower = upper - below;
    bool was_null = is_null(upper);
    set(upper, is_null(lower));
    set(lower, was_null);
  }
  void cut(int depth) {
    for (int slot = depth; slot < this->depth(); ++slot) set(slot, false);
    words[0] = static_cast<uint64_t>(depth) + 1;
  }
  bool join(uint64_t* with, bool* more) {
    *with &= ~kPending;
    if (words[0] != *with) return false;
    *more = !is_within({with, size});
    for (int i = 1; i < size; ++i) with[i] = words[i] |= with[i];
    return true;
  }
  bool is_within(WideStack other) const {
    for (int i = 1; i < size; ++i) {
      if (words[i] & ~other.words[i]) return false;
    }
    return words[0] == other.words[0];
  }
};

// The exception table, entry by entry.
class HandlerReader {
 public:
  explicit HandlerReader(PyObject* table)
      : p_(reinterpret_cast<const unsigned char*>(PyBytes_AS_STRING(table))), limit_(p_ + PyBytes_GET_SIZE(table)) {}
  bool at_end() const { return p_ >= limit_; }
  // False for an entry that is cut off, or has a number that is no place or depth.
  bool next() {
    int64_t length = 0, packed = 0;
    if (!(*p_ & 0x80) || !number(&start) || !number(&length) || !number(&target) || !number(&packed)) return false;
    end = start + length;
    depth = packed >> 1;
    pushes_place = packed & 1;
    return true;
  }
  int64_t start = 0, end = 0, target = 0, depth = 0;
  bool pushes_place = false;

 private:
  bool number(int64_t* out) {
    int64_t value = 0;
    while (p_ < limit_) {
      unsigned char byte = *p_++;
      value = value << 6 | (byte & 63);
      if (value > INT_MAX) return false;
      if (!(byte & 64)) {
        *out = value;
        return true;
      }
    }
    return false;
  }
  const unsigned char *p_, *limit_;
};

// Room for what is known of each instruction; that of most code fits on the native stack.
class Room {
 public:
  explicit Room(size_t bytes) : given_(bytes <= sizeof own_ ? own_ : static_cast<uint64_t*>(PyMem_Malloc(bytes))) {}
  ~Room() {
    if (given_ != own_) PyMem_Free(given_);
  }
  uint64_t* get() const { return given_; }

 private:
  uint64_t own_[768];
  uint64_t* given_;
};

struct Instruction {
  Op op;
  uint32_t operand;
  int place;  // of the instruction itself, behind its prefixes
  int next;   // behind its cache entries
};

// A plain instruction with its prefixes. `start` is inside the code; the instruction may end outside.
Instruction decode(const CodeUnit* units, int count, int start) {
  int place = start;
  uint32_t operand = units[place] >> 8;
  Op op = plain_form(static_cast<Op>(units[place] & 255));
  while (op == Op::EXTENDED_ARG && place + 1 < count) {
    ++place;
    operand = operand << 8 | static_cast<uint32_t>(units[place] >> 8);
    op = plain_form(static_cast<Op>(units[place] & 255));
  }
  return {op, operand, place, place + 1 + info_of(op).caches};
}

// What the straight beginning of the code does.
class Beginning {
 public:
  Beginning(PyCodeObject* code, const CodeUnit* units) : code_(code), units_(units) {
    suspends_ = code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
    if (code->co_nfreevars == 0 && code->co_ncellvars == 0 && !suspends_) return;
    int made = 0;
    bool copied = code->co_nfreevars == 0;
    walk([&](const Instruction& instruction) {
      if (instruction.op == Op::MAKE_CELL) ++made;
      if (instruction.op == Op::COPY_FREE_VARS) copied = true;
      if (instruction.op == Op::RETURN_GENERATOR && suspends_) generator_place_ = instruction.place;
      bool complete = made >= code->co_ncellvars && copied && (generator_place_ >= 0 || !suspends_);
      if (complete) end_ = instruction.next;
      return !complete;
    });
  }

  // Where the frame becomes a generator; -1 if it does not.
  int generator_place() const { return generator_place_; }

  // Whether the variable holds a cell when the instruction at `place` runs.
  bool holds_cell(int place, uint32_t variable) const {
    auto kind = static_cast<unsigned char>(PyBytes_AS_STRING(code_->co_localspluskinds)[variable]);
    if (!(kind & (kCellKind | kFreeKind))) return false;
    bool made = false;
    walk([&](const Instruction& instruction) {
      if (instruction.place >= place) return false;
      made = instruction.op == Op::COPY_FREE_VARS ? (kind & kFreeKind) != 0 : instruction.op == Op::MAKE_CELL && instruction.operand == variable;
      return !made;
    });
    return made;
  }
  bool contains(int place) const { return place < end_; }

 private:
  // Calls `each` until it is false or the instructions may go on elsewhere.
  template <class Each>
  void walk(Each each) const {
    auto count = static_cast<int>(Py_SIZE(code_));
    int64_t covered = count;
    HandlerReader handlers(code_->co_exceptiontable);
    if (!handlers.at_end() && handlers.next()) covered = handlers.start;
    for (int place = 0; place < count;) {
      Instruction instruction = decode(units_, count, place);
      Kind kind = kRules[static_cast<uint8_t>(instruction.op)].kind;
      bool straight = kind == Kind::plain || (kind == Kind::special && info_of(instruction.op).jump == JumpKind::none);
      if (!straight || instruction.place >= covered || !each(instruction)) return;
      place = instruction.next;
    }
  }

  PyCodeObject* code_;
  const CodeUnit* units_;
  bool suspends_ = false;
  int generator_place_ = -1;
  int end_ = 0;
};

template <class Stack>
class Verifier {
 public:
  // `size` is that of a stack in memory, `scratch` holds kScratch stacks, `known` what is known of each code unit, all 0.
  static constexpr int kScratch = 4;
  Verifier(PyCodeObject* code, const CodeUnit* units, int size, uint64_t* scratch, uint64_t* known)
      : code_(code), units_(units), count_(static_cast<int>(Py_SIZE(code))), deepest_(code->co_stacksize), size_(size), known_(known), scratch_(scratch),
        beginning_(code, units), handlers_(code->co_exceptiontable) {
    limits_[static_cast<int>(Limit::none)] = UINT32_MAX;
    limits_[static_cast<int>(Limit::constants)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_consts));
    limits_[static_cast<int>(Limit::names)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_names));
    limits_[static_cast<int>(Limit::variables)] = static_cast<uint32_t>(code->co_nlocalsplus);
    limits_[static_cast<int>(Limit::comparisons)] = 6;
    limits_[static_cast<int>(Limit::operators)] = 26;
    has_cells_ = code->co_ncellvars + code->co_nfreevars > 0;
  }

  bool run() {
    Stack stack = scratch(0);
    if constexpr (Stack::kWide) stack.words[0] = 1;
    stack.store(known_);
    do {
      again_ = false;
      handlers_ = HandlerReader(code_->co_exceptiontable);
      boundary_ = -1;
      covered_ = false;
      region_end_ = 0;
      if (!pass(stack)) return false;
    } while (again_);
    // A place that only jumps came to is none of the instructions passed.
    uint64_t all = 0;
    for (int i = 0; i < count_; ++i) all |= *known(i);
    return !(all & kPending) || fail(first_pending(), "jump into the middle of an instruction");
  }

  const char* reason() const { return reason_; }
  int place() const { return place_; }
  bool has_other_forms() const { return has_other_forms_; }

 private:
  [[gnu::cold, gnu::noinline]] bool fail(int place, const char* reason) {
    place_ = place;
    reason_ = reason;
    return false;
  }
  uint64_t* known(int place) { return known_ + static_cast<size_t>(place) * static_cast<size_t>(Stack::kWide ? size_ : 1); }
  Stack scratch(int i) {
    if constexpr (Stack::kWide) return {scratch_ + static_cast<size_t>(i) * static_cast<size_t>(size_), size_};
    else return {};
  }
  // A copy for changes; a wide one is good until the next.
  Stack copy(Stack stack, int i) {
    if constexpr (Stack::kWide) {
      Stack made = scratch(i);
      made.load(stack.words);
      return made;
    } else {
      return stack;
    }
  }

  // A jump leads from `from` to `to` with that stack.
  bool reach(int from, int64_t to, Stack stack) {
    if (to <= beginning_.generator_place() || to < 0 || to >= count_) return fail(from, "jump out of the code");
    auto place = static_cast<int>(to);
    uint64_t* known = this->known(place);
    if (!*known) {
      stack.store(known);
      *known |= kPending;
      again_ |= place <= from;
      return true;
    }
    uint64_t pending = *known & kPending;
    bool more;
    if (!copy(stack, 1).join(known, &more)) return fail(place, "stack of different depths where ways meet");
    *known |= pending;
    again_ |= more && place <= from;
    return true;
  }

  // Moves on in the exception table to the entry that covers `place`, or the one behind it.
  bool move_to(int place) {
    while (place >= boundary_ && place < count_) {
      if (boundary_ >= 0 && place != boundary_) return fail(place, "exception table with a place inside an instruction");
      if (!covered_ && boundary_ >= 0) {
        covered_ = handlers_.end > handlers_.start;
        boundary_ = static_cast<int>(handlers_.end);
        caught_once_ = false;
        if (covered_) return true;
      }
      covered_ = false;
      if (handlers_.at_end()) {
        boundary_ = count_;
        return true;
      }
      if (!handlers_.next() || handlers_.start < region_end_ || handlers_.end > count_) return fail(place, "malformed exception table");
      if (handlers_.depth + handlers_.pushes_place + 1 > deepest_) return fail(place, "exception handler with too deep a stack");
      region_end_ = handlers_.end;
      boundary_ = static_cast<int>(handlers_.start);
    }
    return true;
  }

  // An instruction may raise, with `drops` slots of its stack gone.
  bool reach_handler(int place, int drops, Stack stack) {
    auto depth = static_cast<int>(handlers_.depth);
    if (stack.depth() - drops < depth) return fail(place, "exception handler with a stack deeper than the instruction leaves");
    Stack now = copy(stack, 2);
    now.cut(depth);
    if constexpr (Stack::kWide) caught_ = scratch(3);
    if (caught_once_ && now.is_within(caught_)) return true;
    caught_ = copy(now, 3);
    caught_once_ = true;
    if (handlers_.pushes_place) now.push(1);
    now.push(1);
    return reach(place, handlers_.target, now);
  }

  bool pass(Stack stack) {
    int start = 0;
    for (;;) {
      // Where a way leads to.
      for (;;) {
        if (start >= count_) return true;
        if (start >= boundary_ && !move_to(start)) return false;
        if (*known(start)) break;
        start += kRules[units_[start] & 255].units;
      }
      stack.load(known(start));
      if (!follow(&start, stack)) return false;
    }
  }

  // The instructions from `*start` to one that does not go on at the next, where it leaves `*start`.
  bool follow(int* from, Stack stack) {
    const CodeUnit* units = units_;
    int start = *from;
    auto deepest = Stack::limit(deepest_);
    for (;;) {
      if (start >= boundary_) [[unlikely]] {
        if (start >= count_) return fail(count_, "the instructions have no end");
        if (!move_to(start)) return false;
      }
      uint64_t* here = known(start);
      if (*here) {
        bool more;
        if (!stack.join(here, &more)) return fail(start, "stack of different depths where ways meet");
      } else {
        stack.store(here);
      }
      auto opcode = static_cast<uint8_t>(units[start] & 255);
      uint32_t operand = units[start] >> 8;
      if (const Rule& rule = kRules[opcode]; rule.kind == Kind::plain) [[likely]] {
        if (operand >= limits_[static_cast<int>(rule.limit)]) return fail(start, "operand out of range");
        if (covered_ && !reach_handler(start, rule.drops, stack)) return false;
        if (!stack.pop(rule.needs)) return fail(start, "no object on the stack where one is wanted");
        stack.push(rule.gives);
        if (stack.deeper_than(deepest)) return fail(start, "stack overflow");
        start += rule.units;
        continue;
      }
      int place = start;
      if (kRules[opcode].kind >= Kind::specialized) [[unlikely]] {
        if (!read_rarely(start, &place, &opcode, &operand)) return false;
      }
      const Rule& rule = kRules[opcode];
      if (operand >= limits_[static_cast<int>(rule.limit)]) return fail(place, "operand out of range");
      start = place + rule.units;
      if (!step(place, static_cast<Op>(opcode), operand, rule, stack)) return false;
      if (stack.deeper_than(deepest)) return fail(place, "stack overflow");
      if (rule.kind == Kind::jump || rule.kind == Kind::end) {
        *from = start;
        return true;
      }
    }
  }

  // Prefixes, and faster forms as they are found in _co_code_adaptive.
  bool read_rarely(int start, int* place, uint8_t* opcode, uint32_t* operand) {
    Instruction instruction = decode(units_, count_, start);
    Kind raw = kRules[units_[instruction.place] & 255].kind;
    has_other_forms_ |= raw == Kind::specialized || kRules[*opcode].kind == Kind::specialized;
    *place = instruction.place;
    *operand = instruction.operand;
    *opcode = static_cast<uint8_t>(instruction.op);
    return (raw != Kind::unknown && kRules[*opcode].kind < Kind::specialized) || fail(start, "unknown opcode");
  }

  // An instruction that needs more than its rule: does to the stack what it does for the next one.
  bool step(int place, Op op, uint32_t operand, const Rule& rule, Stack& stack) {
    if (info_of(op).jump != JumpKind::none) return step_jump(place, op, operand, rule, stack);
    // No count is greater than the stack, which the sums below rely on.
    if (operand > INT_MAX / 4) return fail(place, "operand out of range");
    int n = static_cast<int>(operand);
    switch (op) {
      case Op::LOAD_GLOBAL:
        if (operand >> 1 >= limits_[static_cast<int>(Limit::names)]) return fail(place, "operand out of range");
        if (covered_ && !reach_handler(place, 0, stack)) return false;
        if (operand & 1) stack.push_null();
        stack.push(1);
        return true;
      case Op::PUSH_NULL:
        if (covered_ && !reach_handler(place, 0, stack)) return false;
        stack.push_null();
        return true;
      case Op::LOAD_METHOD:
        if (!change(place, 1, 0, 0, stack)) return false;
        stack.push_null();
        stack.push(1);
        return true;
      case Op::PRECALL: case Op::CALL: return step_call(place, op, n, stack);
      case Op::STORE_FAST:
        if (has_cells_ && is_cell(operand)) return fail(place, "cell used as a plain variable");
        return change(place, 1, 1, 0, stack);
      case Op::RETURN_VALUE:
        if (!change(place, 1, 1, 0, stack)) return false;
        has_other_forms_ |= !stack.is_empty();
        return true;
      default: return step_rarely(place, op, n, rule, stack);
    }
  }

  // `pops` objects give way to `pushes`; the instruction may raise when `drops` of them are gone.
  bool change(int place, int pops, int drops, int pushes, Stack& stack) {
    if (covered_ && !reach_handler(place, drops, stack)) return false;
    if (!stack.pop_many(pops)) return fail(place, "no object on the stack where one is wanted");
    stack.push(pushes);
    return true;
  }
  // The same for an instruction that pops all its operands first.
  bool take(int place, int pops, int pushes, Stack& stack) { return change(place, pops, pops, pushes, stack); }

  bool step_jump(int place, Op op, uint32_t operand, const Rule& rule, Stack& stack) {
    int64_t next = place + rule.units;
    int64_t target = info_of(op).jump == JumpKind::backward ? next - operand : next + operand;
    if (covered_ && !reach_handler(place, rule.drops, stack)) return false;
    Stack before = stack;
    if (!stack.pop(rule.needs)) return fail(place, "no object on the stack where one is wanted");
    switch (op) {
      case Op::JUMP_IF_FALSE_OR_POP: case Op::JUMP_IF_TRUE_OR_POP: {
        if constexpr (!Stack::kWide) return reach(place, target, before);
        stack.push(1);
        bool reached = reach(place, target, stack);
        stack.pop(1);
        return reached;
      }
      // Its end takes the iterator away; else an item comes above it.
      case Op::FOR_ITER:
        if (!reach(place, target, stack)) return false;
        stack.push(2);
        return true;
      // The delegate's result takes its place; else what it yields comes above it.
      case Op::SEND:
        stack.push(1);
        if (!reach(place, target, stack)) return false;
        stack.push(1);
        return true;
      default:
        return reach(place, target, stack);
    }
  }

  // A null or a function, then an object and `arguments` more.
  bool step_call(int place, Op op, int arguments, Stack& stack) {
    if (op == Op::PRECALL && !check_call(place, static_cast<uint32_t>(arguments))) return false;
    if (covered_ && !reach_handler(place, arguments + 2, stack)) return false;
    Stack after = op == Op::PRECALL ? copy(stack, 2) : stack;
    if (!after.pop_many(arguments + 1) || after.is_empty()) return fail(place, "no object on the stack where one is wanted");
    if (op == Op::PRECALL) return true;
    after.make_object();
    if constexpr (!Stack::kWide) stack = after;
    return true;
  }

  [[gnu::noinline]] bool step_rarely(int place, Op op, int n, const Rule& rule, Stack& stack) {
    auto operand = static_cast<uint32_t>(n);
    switch (op) {
      case Op::BUILD_TUPLE: case Op::BUILD_LIST: case Op::BUILD_SET: case Op::BUILD_STRING: return take(place, n, 1, stack);
      case Op::BUILD_MAP: return take(place, 2 * n, 1, stack);
      case Op::BUILD_CONST_KEY_MAP: return take(place, n + 1, 1, stack);
      case Op::BUILD_SLICE: return take(place, n == 3 ? 3 : 2, 1, stack);
      case Op::FORMAT_VALUE: return take(place, n & 4 ? 2 : 1, 1, stack);
      case Op::MAKE_FUNCTION: return take(place, 1 + std::popcount(operand & 15), 1, stack);
      case Op::UNPACK_SEQUENCE: case Op::UNPACK_EX:
        if (!take(place, 1, 0, stack)) return false;
        stack.push_many(op == Op::UNPACK_EX ? (n & 255) + 1 + (n >> 8) : n);
        return true;
      case Op::LIST_APPEND: case Op::SET_ADD: case Op::MAP_ADD: case Op::LIST_EXTEND: case Op::SET_UPDATE: case Op::DICT_UPDATE:
        // The container is `n` below what is popped.
        if (n < 1 || !stack.has(rule.needs - 1 + n)) return fail(place, "no container on the stack");
        return take(place, rule.needs, 0, stack);
      case Op::DICT_MERGE:
        // Its message names the function that is called.
        if (n < 1 || !stack.has(n) || !stack.has(n + 2)) return fail(place, "no container on the stack");
        return take(place, 1, 0, stack);
      case Op::RAISE_VARARGS: return n <= 2 ? take(place, n, 0, stack) : fail(place, "bad RAISE_VARARGS oparg");
      case Op::RERAISE: return n == 0 || stack.has(n) ? take(place, 1, 0, stack) : fail(place, "no object on the stack where one is wanted");
      case Op::COPY: return n >= 1 && stack.has(n - 1) ? change(place, 0, 0, 1, stack) : fail(place, "no object on the stack where one is wanted");
      case Op::SWAP:
        if (n < 1 || stack.depth() < n) return fail(place, "no object on the stack where one is wanted");
        if (!change(place, 0, 0, 0, stack)) return false;
        stack.swap_top(n - 1);
        return true;
      case Op::CALL_FUNCTION_EX:
        if (!change(place, 2 + (n & 1), 3 + (n & 1), 0, stack) || stack.is_empty()) return fail(place, "no object on the stack where one is wanted");
        stack.make_object();
        return true;
      case Op::KW_NAMES: return check_keywords(place, operand) && change(place, 0, 0, 0, stack);
      case Op::RETURN_GENERATOR:
        return place == beginning_.generator_place() ? change(place, 0, 0, 1, stack) : fail(place, "misplaced RETURN_GENERATOR");
      case Op::YIELD_VALUE: return check_yield(place, stack) && take(place, 1, 1, stack);
      case Op::DELETE_FAST: return is_cell(operand) ? fail(place, "cell used as a plain variable") : change(place, 0, 0, 0, stack);
      case Op::LOAD_DEREF: case Op::STORE_DEREF: case Op::DELETE_DEREF: case Op::LOAD_CLASSDEREF:
        if (!beginning_.holds_cell(place, operand)) return fail(place, "variable without a cell");
        return change(place, rule.needs, rule.drops, rule.gives, stack);
      case Op::COPY_FREE_VARS:
        if (!beginning_.contains(place)) return fail(place, "misplaced COPY_FREE_VARS");
        return n == code_->co_nfreevars ? change(place, 0, 0, 0, stack) : fail(place, "operand out of range");
      // Behind a prefix.
      default: return change(place, rule.needs, rule.drops, rule.gives, stack);
    }
  }

  // Forms of PRECALL make the call of the CALL behind them.
  bool check_call(int place, uint32_t arguments) {
    int next = place + 1 + info_of(Op::PRECALL).caches;
    if (next >= count_ || plain_form(static_cast<Op>(units_[next] & 255)) != Op::CALL) return true;
    return units_[next] >> 8 == static_cast<int>(arguments) || fail(place, "PRECALL and CALL of different counts");
  }

  // The names are those of the call that comes next.
  bool check_keywords(int place, uint32_t index) {
    PyObject* names = PyTuple_GET_ITEM(code_->co_consts, index);
    if (!PyTuple_CheckExact(names)) return fail(place, "KW_NAMES wants a tuple of names");
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* keyword = PyTuple_GET_ITEM(names, i);
      if (!PyUnicode_CheckExact(keyword)) return fail(place, "KW_NAMES wants a tuple of names");
      for (Py_ssize_t k = 0; k < i; ++k) {
        if (_PyUnicode_EQ(keyword, PyTuple_GET_ITEM(names, k))) return fail(place, "KW_NAMES with a name twice");
      }
    }
    int next = place + 1;
    for (Op expected : {Op::PRECALL, Op::CALL}) {
      Instruction call = next < count_ ? decode(units_, count_, next) : Instruction{Op::NOP, 0, next, next};
      if (call.op != expected || call.operand < count) return fail(place, "KW_NAMES without a call that takes them");
      next = call.next;
    }
    return true;
  }

  // A yield inside a delegation has the delegate under its value, and throw() may leave it by the SEND's jump.
  bool check_yield(int place, Stack stack) {
    if (beginning_.generator_place() < 0) return fail(place, "YIELD_VALUE outside of a generator");
    CodeUnit after = place + 1 < count_ ? units_[place + 1] : 0;
    if (plain_form(static_cast<Op>(after & 255)) != Op::RESUME || after >> 8 < 2) return true;
    bool behind_send = place > 0 && plain_form(static_cast<Op>(units_[place - 1] & 255)) == Op::SEND && *known(place - 1);
    if (!behind_send || !stack.has(1)) return fail(place, "RESUME of a delegation outside of one");
    int last = place - 1 + (units_[place - 1] >> 8);
    for (HandlerReader handlers(code_->co_exceptiontable); !handlers.at_end() && handlers.next() && handlers.start <= last;) {
      if (last < handlers.end && handlers.depth >= stack.depth()) return fail(place, "exception handler with too deep a stack");
    }
    return true;
  }

  bool is_cell(uint32_t variable) const {
    return static_cast<unsigned char>(PyBytes_AS_STRING(code_->co_localspluskinds)[variable]) & (kCellKind | kFreeKind);
  }

  int first_pending() {
    int place = 0;
    while (!(*known(place) & kPending)) ++place;
    return place;
  }

  PyCodeObject* code_;
  const CodeUnit* units_;
  int count_;
  int deepest_;
  int size_;
  uint64_t* known_;  // by code unit; only those of instructions count
  uint64_t* scratch_;
  Beginning beginning_;
  uint32_t limits_[kLimitCount];
  bool has_cells_;

  // The present entry of the exception table, or the next one.
  HandlerReader handlers_;
  int boundary_ = -1;  // where it ends, or begins; never behind the last instruction
  int64_t region_end_ = 0;
  bool covered_ = false;
  bool caught_once_ = false;
  Stack caught_{};  // what its handler knows of already

  bool again_ = false;
  bool has_other_forms_ = false;
  const char* reason_ = nullptr;
  int place_ = 0;
};

// What follows where the code is sound: instructions in the one form that the handlers start from.
void normalize(PyCodeObject* code, CodeUnit* units) {
  for (CodeUnit *unit = units, *end = units + Py_SIZE(code); unit < end; unit += 1 + info_of(static_cast<Op>(*unit & 255)).caches) {
    auto op = static_cast<Op>(*unit & 255);
    if (!info_of(op).name) continue;
    if (plain_form(op) == Op::RETURN_VALUE) op = Op::RETURN_VALUE_IN_GENERAL;
    else op = plain_form(op);
    *unit = static_cast<CodeUnit>((*unit & 0xff00) | static_cast<CodeUnit>(op));
  }
}

Status no_memory() {
  PyErr_NoMemory();
  return Status::error;
}

[[gnu::cold]] Status refuse(PyCodeObject* code, int place, const char* reason) {
  if (std::strcmp(reason, "unknown opcode") == 0) return raise(PyExc_SystemError, "unknown opcode");
  return raise(PyExc_SystemError, "code of %R refused at offset %d: %s", code->co_name, place * static_cast<int>(sizeof(CodeUnit)), reason);
}

// No stack gets deeper than this, whatever co_stacksize allows.
int depth_bound(PyCodeObject* code, const CodeUnit* units) {
  auto count = static_cast<int>(Py_SIZE(code));
  int64_t bound = 0;
  for (int start = 0; start < count;) {
    Instruction instruction = decode(units, count, start);
    bound += 4;
    if (instruction.op == Op::UNPACK_SEQUENCE) bound += instruction.operand;
    if (instruction.op == Op::UNPACK_EX) bound += (instruction.operand & 255) + (instruction.operand >> 8);
    start = instruction.next;
  }
  return static_cast<int>(std::min(bound, int64_t{code->co_stacksize}));
}

template <class Stack>
Status verify_with(PyCodeObject* code, CodeUnit* units, int size) {
  size_t words;
  if (__builtin_mul_overflow(static_cast<size_t>(Py_SIZE(code)) + Verifier<Stack>::kScratch, static_cast<size_t>(size), &words) || words > kMostRoom) {
    return refuse(code, 0, "too deep a stack");
  }
  Room room(words * sizeof(uint64_t));
  if (!room.get()) return no_memory();
  std::fill_n(room.get(), words, 0);
  Verifier<Stack> verifier(code, units, size, room.get(), room.get() + Verifier<Stack>::kScratch * static_cast<size_t>(size));
  if (!verifier.run()) return refuse(code, verifier.place(), verifier.reason());
  if (verifier.has_other_forms()) normalize(code, units);
  return Status::ok;
}

}  // namespace

Status verify(PyCodeObject* code) {
  // Code in the executable (import/frozen_objects.h) is what the reference's compiler made.
  if (is_immortal(as_object(code))) {
    TRY(intern_strings_of(code));
    trust_code(code);
    return Status::ok;
  }
  if (Py_SIZE(code) == 0) return refuse(code, 0, "no instructions");
  auto* units = first_instruction(code);
  // The verifier sees the code with its own first unit.
  CodeUnit entry = std::exchange(units[0], first_unit(code));
  Status status = code->co_stacksize < kNarrow ? verify_with<NarrowStack>(code, units, 1)
                                               : verify_with<WideStack>(code, units, (depth_bound(code, units) + kMostPushed) / kWordBits + 2);
  if (status == Status::error) units[0] = entry;
  return status;
}

}  // namespace gill::vm
