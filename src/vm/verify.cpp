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

// Sets of stack slots. Slots from the stack's depth up are not in the set. `Words` is the size, 0 where that is known only at run time.
template <int Words>
class SlotSets {
 public:
  explicit SlotSets(int words) : words_(words) {}
  int words() const { return Words ? Words : words_; }

  bool any_from(const uint64_t* set, int64_t slot) const {
    if constexpr (Words == 1) {
      return slot < kWordBits && set[0] >> slot;
    } else {
      for (int64_t word = slot / kWordBits; word < words(); ++word) {
        uint64_t bits = set[word];
        if (word == slot / kWordBits) bits >>= slot % kWordBits;
        if (bits) return true;
      }
      return false;
    }
  }
  static bool has(const uint64_t* set, int64_t slot) { return set[slot / kWordBits] >> (slot % kWordBits) & 1; }
  static void put(uint64_t* set, int64_t slot, bool in) {
    uint64_t bit = uint64_t{1} << (slot % kWordBits);
    if (in) set[slot / kWordBits] |= bit;
    else set[slot / kWordBits] &= ~bit;
  }
  void cut(uint64_t* set, int64_t depth) const {
    for (int word = 0; word < words(); ++word) {
      int64_t left = depth - int64_t{word} * kWordBits;
      if (left <= 0) set[word] = 0;
      else if (left < kWordBits) set[word] &= (uint64_t{1} << left) - 1;
    }
  }
  void copy(uint64_t* to, const uint64_t* from) const { std::copy_n(from, words(), to); }
  bool includes(const uint64_t* set, const uint64_t* other) const {
    for (int word = 0; word < words(); ++word) {
      if (other[word] & ~set[word]) return false;
    }
    return true;
  }
  void add(uint64_t* to, const uint64_t* other) const {
    for (int word = 0; word < words(); ++word) to[word] |= other[word];
  }

 private:
  int words_;
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
  explicit Room(size_t bytes) : given_(bytes <= sizeof own_ ? own_ : static_cast<char*>(PyMem_Malloc(bytes))) {}
  ~Room() {
    if (given_ != own_) PyMem_Free(given_);
  }
  char* get() const { return given_; }

 private:
  alignas(8) char own_[6 * 1024];
  char* given_;
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

template <int Words>
class Verifier {
 public:
  Verifier(PyCodeObject* code, const CodeUnit* units, int words, char* room, uint64_t* scratch)
      : code_(code), units_(units), count_(static_cast<int>(Py_SIZE(code))), sets_(words), beginning_(code, units), handlers_(code->co_exceptiontable) {
    nulls_at_ = reinterpret_cast<uint64_t*>(room);
    depth_at_ = reinterpret_cast<int*>(nulls_at_ + static_cast<size_t>(count_) * static_cast<size_t>(words));
    nulls_ = scratch;
    caught_ = scratch + words;
    now_caught_ = caught_ + words;
    limits_[static_cast<int>(Limit::none)] = UINT32_MAX;
    limits_[static_cast<int>(Limit::constants)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_consts));
    limits_[static_cast<int>(Limit::names)] = static_cast<uint32_t>(PyTuple_GET_SIZE(code->co_names));
    limits_[static_cast<int>(Limit::variables)] = static_cast<uint32_t>(code->co_nlocalsplus);
    limits_[static_cast<int>(Limit::comparisons)] = 6;
    limits_[static_cast<int>(Limit::operators)] = 26;
  }

  bool run() {
    std::fill_n(depth_at_, count_, kUnreached);
    depth_at_[0] = 0;
    std::fill_n(nulls_at_, sets_.words(), 0);
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
  bool fail(int place, const char* reason) {
    place_ = place;
    reason_ = reason;
    return false;
  }
  uint64_t* nulls_at(int place) { return nulls_at_ + static_cast<size_t>(place) * static_cast<size_t>(sets_.words()); }

  // A jump leads from `from` to `to`, with a stack that deep and the nulls in `nulls`.
  bool reach(int from, int64_t to, int64_t depth, const uint64_t* nulls) {
    if (to <= beginning_.generator_place() || to < 0 || to >= count_) return fail(from, "jump out of the code");
    return arrive(from, static_cast<int>(to), depth, nulls);
  }

  bool arrive(int from, int place, int64_t depth, const uint64_t* nulls) {
    if (depth_at_[place] == kUnreached) {
      depth_at_[place] = static_cast<int>(depth);
      sets_.copy(nulls_at(place), nulls);
      again_ |= place <= from;
    } else if (depth_at_[place] != depth) {
      return fail(place, "stack of different depths where ways meet");
    } else if (!sets_.includes(nulls_at(place), nulls)) {
      sets_.add(nulls_at(place), nulls);
      again_ |= place <= from;
    }
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
      if (handlers_.depth + handlers_.pushes_place + 1 > code_->co_stacksize) return fail(place, "exception handler with too deep a stack");
      region_end_ = handlers_.end;
      boundary_ = static_cast<int>(handlers_.start);
    }
    return true;
  }

  // An instruction may raise, with `least` slots of its stack left.
  bool reach_handler(int place, int64_t least) {
    if (least < handlers_.depth) return fail(place, "exception handler with a stack deeper than the instruction leaves");
    sets_.copy(now_caught_, nulls_);
    sets_.cut(now_caught_, handlers_.depth);
    if (caught_once_ && sets_.includes(caught_, now_caught_)) return true;
    sets_.copy(caught_, now_caught_);
    caught_once_ = true;
    return reach(place, handlers_.target, handlers_.depth + handlers_.pushes_place + 1, caught_);
  }

  bool pass() {
    bool flows = false;  // the instruction before goes on here, with depth_ and nulls_
    for (int start = 0; start < count_;) {
      if (start >= boundary_ && !move_to(start)) return false;
      if (flows) {
        if (!arrive(start - 1, start, depth_, nulls_)) return false;
      } else if (depth_at_[start] == kUnreached) {
        start += 1 + kRules[units_[start] & 255].caches;
        continue;
      }
      depth_ = depth_at_[start];
      sets_.copy(nulls_, nulls_at(start));
      ++seen_;
      auto opcode = static_cast<uint8_t>(units_[start] & 255);
      uint32_t operand = units_[start] >> 8;
      int place = start;
      if (kRules[opcode].kind >= Kind::specialized) [[unlikely]] {
        if (!read_rarely(start, &place, &opcode, &operand)) return false;
      }
      if (!follow(place, opcode, operand)) return false;
      flows = kRules[opcode].kind != Kind::jump && kRules[opcode].kind != Kind::end;
      start = place + 1 + kRules[opcode].caches;
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

  // What follows of the instruction for those that come after it.
  bool follow(int place, uint8_t opcode, uint32_t operand) {
    Rule rule = kRules[opcode];
    // Of the rule, where the operand makes it greater.
    int64_t needs = rule.needs, drops = rule.drops, effect = rule.effect;
    if (operand >= limits_[static_cast<int>(rule.limit)]) return fail(place, "operand out of range");
    if (rule.kind == Kind::special || rule.kind == Kind::end) {
      if (!adjust(place, static_cast<Op>(opcode), operand, &needs, &drops, &effect)) return false;
    }
    if (depth_ < needs) return fail(place, "stack underflow");
    if (sets_.any_from(nulls_, depth_ - needs)) return fail(place, "null on the stack where an object is wanted");
    if (covered_ && !reach_handler(place, depth_ - drops)) return false;
    int64_t before = depth_;
    depth_ += effect;
    if (depth_ > code_->co_stacksize) return fail(place, "stack overflow");
    if (rule.kind == Kind::plain) return true;
    return finish(place, static_cast<Op>(opcode), operand, rule, before);
  }

  // The ways to other places than the next instruction, and nulls.
  bool finish(int place, Op op, uint32_t operand, const Rule& rule, int64_t before) {
    int64_t next = place + 1 + rule.caches;
    int64_t target = info_of(op).jump == JumpKind::backward ? next - operand : next + operand;
    switch (rule.kind) {
      case Kind::jump: case Kind::pop_jump:
        return reach(place, target, depth_, nulls_);
      case Kind::jump_or_pop:
        return reach(place, target, before, nulls_);
      case Kind::special:
        if (op == Op::FOR_ITER || op == Op::SEND) return reach(place, target, before - 1, nulls_);
        note_nulls(op, operand, before);
        return true;
      default:
        return true;
    }
  }

  void note_nulls(Op op, uint32_t operand, int64_t before) {
    switch (op) {
      case Op::PUSH_NULL: return sets_.put(nulls_, before, true);
      case Op::LOAD_GLOBAL: return sets_.put(nulls_, before, operand & 1);
      case Op::LOAD_METHOD: return sets_.put(nulls_, before - 1, true);
      case Op::CALL: case Op::CALL_FUNCTION_EX: return sets_.put(nulls_, depth_ - 1, false);
      case Op::SWAP: {
        bool top = sets_.has(nulls_, before - 1), other = sets_.has(nulls_, before - operand);
        sets_.put(nulls_, before - 1, other);
        return sets_.put(nulls_, before - operand, top);
      }
      default: return;
    }
  }

  // Operands that the rule does not bound, and what they do to it.
  bool adjust(int place, Op op, uint32_t operand, int64_t* needs, int64_t* drops, int64_t* effect) {
    int64_t n = operand;
    auto takes = [&](int64_t count, int64_t gives) {
      *needs = *drops = count;
      *effect = gives - count;
      return true;
    };
    // The container that a display or comprehension fills, `n` below what is popped.
    auto fills = [&] { return n >= 1 && has_object(depth_ - *needs - n) ? true : fail(place, "no container on the stack"); };
    switch (op) {
      case Op::BUILD_TUPLE: case Op::BUILD_LIST: case Op::BUILD_SET: case Op::BUILD_STRING: return takes(n, 1);
      case Op::BUILD_MAP: return takes(2 * n, 1);
      case Op::BUILD_CONST_KEY_MAP: return takes(n + 1, 1);
      case Op::BUILD_SLICE: return takes(n == 3 ? 3 : 2, 1);
      case Op::FORMAT_VALUE: return takes(n & 4 ? 2 : 1, 1);
      case Op::MAKE_FUNCTION: return takes(1 + std::popcount(operand & 15), 1);
      case Op::UNPACK_SEQUENCE: *effect = n - 1; return true;
      case Op::UNPACK_EX: *effect = (n & 255) + (n >> 8); return true;
      case Op::LIST_APPEND: case Op::SET_ADD: case Op::MAP_ADD: case Op::LIST_EXTEND: case Op::SET_UPDATE: case Op::DICT_UPDATE: return fills();
      // Its message names the function that is called.
      case Op::DICT_MERGE: *needs = n + 3; return n >= 1 ? true : fail(place, "operand out of range");
      case Op::RAISE_VARARGS:
        if (n > 2) return fail(place, "bad RAISE_VARARGS oparg");
        return takes(n, 0);
      case Op::RERAISE: return n == 0 || has_object(depth_ - 1 - n) ? true : fail(place, "stack underflow");
      case Op::RETURN_VALUE: has_other_forms_ |= depth_ != 1; return true;
      case Op::LOAD_GLOBAL:
        *effect = 1 + (n & 1);
        return n >> 1 < static_cast<int64_t>(limits_[static_cast<int>(Limit::names)]) ? true : fail(place, "operand out of range");
      case Op::COPY: return n >= 1 && has_object(depth_ - n) ? true : fail(place, "stack underflow");
      case Op::SWAP: return n >= 1 && depth_ >= n ? true : fail(place, "stack underflow");
      case Op::PRECALL: return adjust_call(place, n, 0, needs, drops, effect) && check_call(place, operand);
      case Op::CALL: return adjust_call(place, n, -(n + 1), needs, drops, effect);
      case Op::CALL_FUNCTION_EX: return adjust_call(place, 1 + (n & 1), -(2 + (n & 1)), needs, drops, effect);
      case Op::KW_NAMES: return check_keywords(place, operand);
      case Op::RETURN_GENERATOR: return place == beginning_.generator_place() ? true : fail(place, "misplaced RETURN_GENERATOR");
      case Op::YIELD_VALUE: return check_yield(place);
      case Op::STORE_FAST: case Op::DELETE_FAST:
        return kind_of(operand) & (kCellKind | kFreeKind) ? fail(place, "cell used as a plain variable") : true;
      case Op::LOAD_DEREF: case Op::STORE_DEREF: case Op::DELETE_DEREF: case Op::LOAD_CLASSDEREF:
        return beginning_.holds_cell(place, operand) ? true : fail(place, "variable without a cell");
      case Op::COPY_FREE_VARS:
        if (!beginning_.contains(place)) return fail(place, "misplaced COPY_FREE_VARS");
        return n == code_->co_nfreevars ? true : fail(place, "operand out of range");
      default: return true;
    }
  }

  // A null or a function, then an object and `arguments` more.
  bool adjust_call(int place, int64_t arguments, int64_t change, int64_t* needs, int64_t* drops, int64_t* effect) {
    *needs = arguments + 1;
    *drops = arguments + 2;
    *effect = change;
    return depth_ >= *drops ? true : fail(place, "stack underflow");
  }

  // Forms of PRECALL make the call of the CALL behind them.
  bool check_call(int place, uint32_t arguments) {
    int next = place + 1 + info_of(Op::PRECALL).caches;
    if (next >= count_) return true;
    Instruction call = decode(units_, count_, next);
    return call.op != Op::CALL || call.operand == arguments || call.place != next ? true : fail(place, "PRECALL and CALL of different counts");
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
  bool check_yield(int place) {
    if (beginning_.generator_place() < 0) return fail(place, "YIELD_VALUE outside of a generator");
    CodeUnit after = place + 1 < count_ ? units_[place + 1] : 0;
    if (plain_form(static_cast<Op>(after & 255)) != Op::RESUME || after >> 8 < 2) return true;
    bool behind_send = place > 0 && plain_form(static_cast<Op>(units_[place - 1] & 255)) == Op::SEND && depth_at_[place - 1] != kUnreached;
    if (!behind_send || !has_object(depth_ - 2)) return fail(place, "RESUME of a delegation outside of one");
    int last = place - 1 + (units_[place - 1] >> 8);
    for (HandlerReader handlers(code_->co_exceptiontable); !handlers.at_end() && handlers.next() && handlers.start <= last;) {
      if (last < handlers.end && handlers.depth >= depth_) return fail(place, "exception handler with too deep a stack");
    }
    return true;
  }

  bool has_object(int64_t slot) const { return slot >= 0 && slot < depth_ && !sets_.has(nulls_, slot); }
  unsigned char kind_of(uint32_t variable) const { return static_cast<unsigned char>(PyBytes_AS_STRING(code_->co_localspluskinds)[variable]); }

  int first_unseen() const {
    for (int start = 0; start < count_;) {
      Instruction instruction = decode(units_, count_, start);
      for (int i = start + 1; i < instruction.next && i < count_; ++i) {
        if (depth_at_[i] != kUnreached) return i;
      }
      start = instruction.next;
    }
    return 0;
  }

  PyCodeObject* code_;
  const CodeUnit* units_;
  int count_;
  SlotSets<Words> sets_;
  Beginning beginning_;
  uint32_t limits_[kLimitCount];

  // By code unit; only those of instructions count.
  uint64_t* nulls_at_;
  int* depth_at_;

  // At the present instruction.
  int64_t depth_ = 0;
  uint64_t* nulls_;

  // The present entry of the exception table, or the next one.
  HandlerReader handlers_;
  int boundary_ = -1;  // where it ends, or begins
  int64_t region_end_ = 0;
  bool covered_ = false;
  bool caught_once_ = false;
  uint64_t* caught_;  // what its handler knows of already
  uint64_t* now_caught_;

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

template <int Words>
Status verify_with(PyCodeObject* code, CodeUnit* units, int words) {
  size_t known = static_cast<size_t>(Py_SIZE(code)), sets = static_cast<size_t>(words) * sizeof(uint64_t);
  size_t bytes, all;
  if (__builtin_mul_overflow(known, sets + sizeof(int), &bytes) || __builtin_add_overflow(bytes, 3 * sets, &all)) return no_memory();
  Room room(all);
  if (!room.get()) return no_memory();
  auto* scratch = reinterpret_cast<uint64_t*>(room.get());
  std::fill_n(scratch, 3 * words, 0);
  Verifier<Words> verifier(code, units, words, room.get() + 3 * sets, scratch);
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
  int words = code->co_stacksize / kWordBits + 1;
  Status status = code->co_stacksize < kWordBits ? verify_with<1>(code, units, 1) : verify_with<0>(code, units, words);
  if (status == Status::error) units[0] = entry;
  return status;
}

}  // namespace gill::vm
