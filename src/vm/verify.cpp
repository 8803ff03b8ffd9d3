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

constexpr int kUnreached = -1;
constexpr int kWordBits = 64;
constexpr size_t kMostRoom = size_t{1} << 28;

// Sets of stack slots, as the slots that may be null are kept. Slots from the stack's depth up are not in the set.

// For stacks of less than 64 slots.
struct NarrowSet {
  static constexpr bool kWide = false;
  uint64_t bits = 0;

  void read(const uint64_t* from) { bits = *from; }
  void write(uint64_t* to) const { *to = bits; }
  // Adds the set at `from` to this one, and the other way round. True if that has more now.
  bool join(uint64_t* with) {
    bool more = bits & ~*with;
    bits |= *with;
    *with = bits;
    return more;
  }
  bool any_from(int slot) const { return bits >> slot; }
  bool has(int slot) const { return bits >> slot & 1; }
  void put(int slot, bool in) { bits = (bits & ~(uint64_t{1} << slot)) | uint64_t{in} << slot; }
  void cut(int depth) { bits &= (uint64_t{1} << depth) - 1; }
  bool includes(NarrowSet other) const { return !(other.bits & ~bits); }
};

// For any stack; the words are somebody else's, and assignment is by read().
struct WideSet {
  static constexpr bool kWide = true;
  uint64_t* words;
  int count;

  void read(const uint64_t* from) { std::copy_n(from, count, words); }
  void write(uint64_t* to) const { std::copy_n(words, count, to); }
  bool join(uint64_t* with) {
    bool more = false;
    for (int i = 0; i < count; ++i) {
      more |= (words[i] & ~with[i]) != 0;
      words[i] |= with[i];
      with[i] = words[i];
    }
    return more;
  }
  bool any_from(int slot) const {
    int word = slot / kWordBits;
    if (words[word] >> slot % kWordBits) return true;
    return std::any_of(words + word + 1, words + count, [](uint64_t bits) { return bits != 0; });
  }
  bool has(int slot) const { return words[slot / kWordBits] >> (slot % kWordBits) & 1; }
  void put(int slot, bool in) {
    NarrowSet part{words[slot / kWordBits]};
    part.put(slot % kWordBits, in);
    words[slot / kWordBits] = part.bits;
  }
  void cut(int depth) {
    int word = depth / kWordBits;
    NarrowSet part{words[word]};
    part.cut(depth % kWordBits);
    words[word] = part.bits;
    std::fill(words + word + 1, words + count, 0);
  }
  bool includes(const WideSet& other) const {
    for (int i = 0; i < count; ++i) {
      if (other.words[i] & ~words[i]) return false;
    }
    return true;
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

// What an instruction does to the stack: the numbers of its rule, or what its operand makes of them.
struct Change {
  int needs, drops, effect;
};

template <class Set>
class Verifier {
 public:
  // `words` is the size of a set in memory, `room` holds what is known of each code unit, `scratch` three sets.
  Verifier(PyCodeObject* code, const CodeUnit* units, int words, uint64_t* scratch, uint64_t* room)
      : code_(code), units_(units), count_(static_cast<int>(Py_SIZE(code))), deepest_(code->co_stacksize), words_(words), beginning_(code, units),
        handlers_(code->co_exceptiontable) {
    nulls_at_ = room;
    depth_at_ = reinterpret_cast<int*>(room + static_cast<size_t>(count_) * static_cast<size_t>(words));
    if constexpr (Set::kWide) {
      nulls_ = {scratch, words};
      caught_ = {scratch + words, words};
      now_caught_ = {scratch + 2 * words, words};
    }
    limits_[static_cast<int>(Limit::none)] = UINT32_MAX;
    limits_[static_cast<int>(Limit::constants)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_consts));
    limits_[static_cast<int>(Limit::names)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_names));
    limits_[static_cast<int>(Limit::variables)] = static_cast<uint32_t>(code->co_nlocalsplus);
    limits_[static_cast<int>(Limit::comparisons)] = 6;
    limits_[static_cast<int>(Limit::operators)] = 26;
    has_cells_ = code->co_ncellvars + code->co_nfreevars > 0;
  }

  bool run() {
    std::fill_n(depth_at_, count_, kUnreached);
    depth_at_[0] = 0;
    std::fill_n(nulls_at_, words_, 0);
    do {
      again_ = false;
      seen_ = 0;
      handlers_ = HandlerReader(code_->co_exceptiontable);
      boundary_ = -1;
      covered_ = false;
      region_end_ = 0;
      if (!pass()) return false;
    } while (again_);
    // A place that a way leads to and that is none of the instructions passed.
    int reached = 0;
    for (int i = 0; i < count_; ++i) reached += depth_at_[i] != kUnreached;
    return reached == seen_ || fail(first_unseen(), "jump into the middle of an instruction");
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
  uint64_t* nulls_at(int place) { return nulls_at_ + static_cast<size_t>(place) * static_cast<size_t>(Set::kWide ? words_ : 1); }

  // A jump leads from `from` to `to`, with a stack of that depth and those nulls.
  bool reach(int from, int64_t to, int depth, Set nulls) {
    if (to <= beginning_.generator_place() || to < 0 || to >= count_) return fail(from, "jump out of the code");
    auto place = static_cast<int>(to);
    if (depth_at_[place] == kUnreached) {
      depth_at_[place] = depth;
      nulls.write(nulls_at(place));
      again_ |= place <= from;
      return true;
    }
    if (depth_at_[place] != depth) return fail(place, "stack of different depths where ways meet");
    Set joined = nulls;
    if constexpr (Set::kWide) {
      joined = now_caught_;
      joined.read(nulls.words);
    }
    if (joined.join(nulls_at(place))) again_ |= place <= from;
    return true;
  }

  // Moves on in the exception table to the entry that covers `place`, or the one behind it.
  bool move_to(int place) {
    while (place >= boundary_) {
      if (covered_ && place != boundary_) return fail(place, "exception table with an end inside an instruction");
      if (!covered_ && boundary_ >= 0) {
        if (place != boundary_) return fail(place, "exception table with a start inside an instruction");
        covered_ = handlers_.end > handlers_.start;
        boundary_ = static_cast<int>(handlers_.end);
        caught_once_ = false;
        if (covered_) return true;
      }
      covered_ = false;
      if (handlers_.at_end()) {
        boundary_ = INT_MAX;
        return true;
      }
      if (!handlers_.next() || handlers_.start < region_end_ || handlers_.end > count_) return fail(place, "malformed exception table");
      if (handlers_.depth + handlers_.pushes_place + 1 > deepest_) return fail(place, "exception handler with too deep a stack");
      region_end_ = handlers_.end;
      boundary_ = static_cast<int>(handlers_.start);
    }
    return true;
  }

  // An instruction may raise, with `least` slots of its stack left.
  bool reach_handler(int place, int least, Set nulls) {
    if (least < handlers_.depth) return fail(place, "exception handler with a stack deeper than the instruction leaves");
    if constexpr (Set::kWide) now_caught_.read(nulls.words);
    else now_caught_ = nulls;
    now_caught_.cut(static_cast<int>(handlers_.depth));
    if (caught_once_ && caught_.includes(now_caught_)) return true;
    if constexpr (Set::kWide) caught_.read(now_caught_.words);
    else caught_ = now_caught_;
    caught_once_ = true;
    return reach(place, handlers_.target, static_cast<int>(handlers_.depth) + handlers_.pushes_place + 1, caught_);
  }

  bool pass() {
    int depth = 0;
    Set nulls = nulls_;
    bool flows = false;  // the instruction before goes on at the next one
    for (int start = 0; start < count_;) {
      if (start >= boundary_ && !move_to(start)) return false;
      int known = depth_at_[start];
      auto opcode = static_cast<uint8_t>(units_[start] & 255);
      if (!flows) {
        if (known == kUnreached) {
          start += 1 + kRules[opcode].caches;
          continue;
        }
        depth = known;
        nulls.read(nulls_at(start));
      } else if (known == kUnreached) {
        depth_at_[start] = depth;
        nulls.write(nulls_at(start));
      } else {
        if (known != depth) return fail(start, "stack of different depths where ways meet");
        nulls.join(nulls_at(start));
      }
      ++seen_;
      uint32_t operand = units_[start] >> 8;
      int place = start;
      if (kRules[opcode].kind >= Kind::specialized) [[unlikely]] {
        if (!read_rarely(start, &place, &opcode, &operand)) return false;
      }
      Rule rule = kRules[opcode];
      if (operand >= limits_[static_cast<int>(rule.limit)]) return fail(place, "operand out of range");
      Change change = {rule.needs, rule.drops, rule.effect};
      if (rule.kind >= Kind::special && !adjust(place, static_cast<Op>(opcode), operand, depth, nulls, &change)) return false;
      if (depth < change.needs) return fail(place, "stack underflow");
      if (nulls.any_from(depth - change.needs)) return fail(place, "null on the stack where an object is wanted");
      if (covered_ && !reach_handler(place, depth - change.drops, nulls)) return false;
      int before = depth;
      depth += change.effect;
      if (depth > deepest_) return fail(place, "stack overflow");
      start = place + 1 + rule.caches;
      flows = true;
      if (rule.kind == Kind::plain) continue;
      flows = rule.kind != Kind::jump && rule.kind != Kind::end;
      auto op = static_cast<Op>(opcode);
      if (info_of(op).jump != JumpKind::none) {
        int64_t target = info_of(op).jump == JumpKind::backward ? start - int64_t{operand} : start + int64_t{operand};
        int there = rule.kind == Kind::jump_or_pop ? before : rule.kind == Kind::special ? before - 1 : depth;
        if (!reach(place, target, there, nulls)) return false;
      } else if (rule.kind == Kind::special) {
        note_nulls(op, operand, before, depth, nulls);
      }
    }
    return !flows || fail(count_, "the instructions have no end");
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

  // Operands that the rule does not bound, and what they make of it.
  [[gnu::always_inline]] bool adjust(int place, Op op, uint32_t operand, int depth, Set nulls, Change* change) {
    // No count is greater than the stack, which the sums below rely on.
    if (operand > INT_MAX / 4 && info_of(op).jump == JumpKind::none) return fail(place, "operand out of range");
    int n = static_cast<int>(operand);
    switch (op) {
      case Op::LOAD_GLOBAL:
        change->effect = 1 + (n & 1);
        return operand >> 1 < limits_[static_cast<int>(Limit::names)] || fail(place, "operand out of range");
      case Op::PRECALL:
        if (!check_call(place, operand)) return false;
        [[fallthrough]];
      case Op::CALL:
        // A null or a function, then an object and `n` more.
        *change = {n + 1, n + 2, op == Op::CALL ? -(n + 1) : 0};
        return depth >= n + 2 || fail(place, "stack underflow");
      case Op::STORE_FAST: case Op::DELETE_FAST:
        return !has_cells_ || !(kind_of(operand) & (kCellKind | kFreeKind)) || fail(place, "cell used as a plain variable");
      case Op::BUILD_TUPLE: case Op::BUILD_LIST: case Op::BUILD_SET: case Op::BUILD_STRING: return takes(n, change);
      case Op::RETURN_VALUE: has_other_forms_ |= depth != 1; return true;
      case Op::PUSH_NULL: case Op::LOAD_METHOD: case Op::FOR_ITER: return true;
      default: return adjust_rarely(place, op, operand, depth, nulls, change);
    }
  }

  static bool takes(int count, Change* change) {
    *change = {count, count, 1 - count};
    return true;
  }

  [[gnu::noinline]] bool adjust_rarely(int place, Op op, uint32_t operand, int depth, Set nulls, Change* change) {
    int n = static_cast<int>(operand);
    auto has_object = [&](int slot) { return slot >= 0 && slot < depth && !nulls.has(slot); };
    switch (op) {
      case Op::BUILD_MAP: return takes(2 * n, change);
      case Op::BUILD_CONST_KEY_MAP: return takes(n + 1, change);
      case Op::BUILD_SLICE: return takes(n == 3 ? 3 : 2, change);
      case Op::FORMAT_VALUE: return takes(n & 4 ? 2 : 1, change);
      case Op::MAKE_FUNCTION: return takes(1 + std::popcount(operand & 15), change);
      case Op::UNPACK_SEQUENCE: change->effect = n - 1; return true;
      case Op::UNPACK_EX: change->effect = (n & 255) + (n >> 8); return true;
      case Op::LIST_APPEND: case Op::SET_ADD: case Op::MAP_ADD: case Op::LIST_EXTEND: case Op::SET_UPDATE: case Op::DICT_UPDATE:
        // The container is `n` below what is popped.
        return (n >= 1 && has_object(depth - change->needs - n)) || fail(place, "no container on the stack");
      case Op::DICT_MERGE:
        // Its message names the function that is called.
        change->needs = n + 3;
        return n >= 1 || fail(place, "operand out of range");
      case Op::RAISE_VARARGS:
        *change = {n, n, -n};
        return n <= 2 || fail(place, "bad RAISE_VARARGS oparg");
      case Op::RERAISE: return n == 0 || has_object(depth - 1 - n) || fail(place, "stack underflow");
      case Op::COPY: return (n >= 1 && has_object(depth - n)) || fail(place, "stack underflow");
      case Op::SWAP: return (n >= 1 && depth >= n) || fail(place, "stack underflow");
      case Op::CALL_FUNCTION_EX:
        *change = {2 + (n & 1), 3 + (n & 1), -2 - (n & 1)};
        return depth >= change->drops || fail(place, "stack underflow");
      case Op::KW_NAMES: return check_keywords(place, operand);
      case Op::RETURN_GENERATOR: return place == beginning_.generator_place() || fail(place, "misplaced RETURN_GENERATOR");
      case Op::YIELD_VALUE: return check_yield(place, depth, has_object(depth - 2));
      case Op::LOAD_DEREF: case Op::STORE_DEREF: case Op::DELETE_DEREF: case Op::LOAD_CLASSDEREF:
        return beginning_.holds_cell(place, operand) || fail(place, "variable without a cell");
      case Op::COPY_FREE_VARS:
        if (!beginning_.contains(place)) return fail(place, "misplaced COPY_FREE_VARS");
        return n == code_->co_nfreevars || fail(place, "operand out of range");
      default: return true;
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
  bool check_yield(int place, int depth, bool has_delegate) {
    if (beginning_.generator_place() < 0) return fail(place, "YIELD_VALUE outside of a generator");
    CodeUnit after = place + 1 < count_ ? units_[place + 1] : 0;
    if (plain_form(static_cast<Op>(after & 255)) != Op::RESUME || after >> 8 < 2) return true;
    bool behind_send = place > 0 && plain_form(static_cast<Op>(units_[place - 1] & 255)) == Op::SEND && depth_at_[place - 1] != kUnreached;
    if (!behind_send || !has_delegate) return fail(place, "RESUME of a delegation outside of one");
    int last = place - 1 + (units_[place - 1] >> 8);
    for (HandlerReader handlers(code_->co_exceptiontable); !handlers.at_end() && handlers.next() && handlers.start <= last;) {
      if (last < handlers.end && handlers.depth >= depth) return fail(place, "exception handler with too deep a stack");
    }
    return true;
  }

  [[gnu::always_inline]] static void note_nulls(Op op, uint32_t operand, int before, int depth, Set& nulls) {
    switch (op) {
      case Op::PUSH_NULL: return nulls.put(before, true);
      case Op::LOAD_GLOBAL:
        if (operand & 1) nulls.put(before, true);
        return;
      case Op::LOAD_METHOD: return nulls.put(before - 1, true);
      case Op::CALL: case Op::CALL_FUNCTION_EX: return nulls.put(depth - 1, false);
      case Op::SWAP: {
        int other = before - static_cast<int>(operand);
        bool upper = nulls.has(before - 1), lower = nulls.has(other);
        nulls.put(before - 1, lower);
        return nulls.put(other, upper);
      }
      default: return;
    }
  }

  unsigned char kind_of(uint32_t variable) const { return static_cast<unsigned char>(PyBytes_AS_STRING(code_->co_localspluskinds)[variable]); }

  int first_unseen() const {
    for (int start = 0; start < count_;) {
      int next = start + 1 + info_of(static_cast<Op>(units_[start] & 255)).caches;
      for (int i = start + 1; i < next && i < count_; ++i) {
        if (depth_at_[i] != kUnreached) return i;
      }
      start = next;
    }
    return 0;
  }

  PyCodeObject* code_;
  const CodeUnit* units_;
  int count_;
  int deepest_;
  int words_;
  Beginning beginning_;
  uint32_t limits_[kLimitCount];
  bool has_cells_;

  // By code unit; only those of instructions count.
  uint64_t* nulls_at_;
  int* depth_at_;
  Set nulls_{};  // where a wide set has its words

  // The present entry of the exception table, or the next one.
  HandlerReader handlers_;
  int boundary_ = -1;  // where it ends, or begins
  int64_t region_end_ = 0;
  bool covered_ = false;
  bool caught_once_ = false;
  Set caught_{};  // what its handler knows of already
  Set now_caught_{};

  bool again_ = false;
  bool has_other_forms_ = false;
  int seen_ = 0;
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

template <class Set>
Status verify_with(PyCodeObject* code, CodeUnit* units, int words) {
  size_t sets, bytes;
  auto count = static_cast<size_t>(Py_SIZE(code));
  if (__builtin_mul_overflow(count + 3, static_cast<size_t>(words) * sizeof(uint64_t), &sets) || __builtin_add_overflow(sets, count * sizeof(int), &bytes)) {
    return no_memory();
  }
  if (bytes > kMostRoom) return refuse(code, 0, "too deep a stack");
  Room room(bytes);
  if (!room.get()) return no_memory();
  uint64_t* scratch = room.get();
  Verifier<Set> verifier(code, units, words, scratch, scratch + 3 * static_cast<size_t>(words));
  if (!verifier.run()) return refuse(code, verifier.place(), verifier.reason());
  if (verifier.has_other_forms()) normalize(code, units);
  return Status::ok;
}

}  // namespace

Status verify(PyCodeObject* code) {
  if (Py_SIZE(code) == 0) return refuse(code, 0, "no instructions");
  auto* units = first_instruction(code);
  // The verifier sees the code with its own first unit.
  CodeUnit entry = std::exchange(units[0], first_unit(code));
  Status status = code->co_stacksize < kWordBits ? verify_with<NarrowSet>(code, units, 1)
                                                 : verify_with<WideSet>(code, units, depth_bound(code, units) / kWordBits + 1);
  if (status == Status::error) units[0] = entry;
  return status;
}

}  // namespace gill::vm
