// Setting f_lineno: going on at another line of the frame that is being traced.
//
// A jump is safe when the evaluation stack at the target is, kind by kind, one that the present stack can be cut down
// to. The stacks of all code units come from following the instructions from the start (and from each exception handler);
// a stack is a number of three bits for each item, the top lowest, so that a deeper stack is a greater number. The code has been verified
// or is our compiler's, so that all ways to an instruction have stacks of one depth; where their kinds differ, what is common counts.
#include "base/names.h"
#include "objects/code.h"
#include "objects/frame.h"
#include "objects/opcodes.h"

namespace gill {

namespace {

enum Kind : int { kIterator = 1, kException = 2, kObject = 3, kNull = 4, kPlace = 5, kNever = 6 };
constexpr int kKindBits = 3;
constexpr int kDeepest = 63 / kKindBits;

using Stack = int64_t;
constexpr Stack kUnreached = -2;
constexpr Stack kTooDeep = -1;
constexpr Stack kEmptyStack = 0;

Stack push(Stack stack, Kind kind) {
  if (stack < 0 || static_cast<uint64_t>(stack) >= uint64_t{1} << ((kDeepest - 1) * kKindBits)) return kTooDeep;
  return stack << kKindBits | kind;
}
Stack pop(Stack stack) { return stack < 0 ? stack : stack >> kKindBits; }
Kind top(Stack stack) { return static_cast<Kind>(stack & ((1 << kKindBits) - 1)); }
int depth_of(Stack stack) {
  int depth = 0;
  for (; stack > 0; stack = pop(stack)) ++depth;
  return depth;
}

bool fits(Kind from, Kind to) {
  if (to == 0) return false;
  if (to == kObject) return from != kNull;
  return to == kNull || from == to;
}
// Of two stacks of one depth.
Stack common(Stack one, Stack other) {
  if (one < 0 || other < 0) return kTooDeep;
  Stack result = 0;
  for (int shift = 0; one >> shift; shift += kKindBits) {
    Kind a = top(one >> shift), b = top(other >> shift);
    Kind kind = a == b ? a : a == kNull || b == kNull ? kNull : kObject;
    result |= Stack{kind} << shift;
  }
  return result;
}
// Whether cutting `from` down gives `to`.
bool fits(Stack from, Stack to) {
  if (from < 0 || to < 0) return false;
  while (from > to) from = pop(from);
  while (from) {
    if (!fits(top(from), top(to))) return false;
    from = pop(from);
    to = pop(to);
  }
  return to == 0;
}

const char* why_not(Stack target) {
  if (target == kTooDeep) return "stack is too deep to analyze";
  if (target == kUnreached) return "can't jump into an exception handler, or code may be unreachable";
  switch (top(target)) {
    case kException: return "can't jump into an 'except' block as there's no exception";
    case kPlace: return "can't jump into a re-raising block as there's no location";
    case kIterator: return "can't jump into the body of a for loop";
    default: return "incompatible stacks";
  }
}

// ---- the stacks -----------------------------------------------------------------------------------------

class StackFinder {
 public:
  StackFinder(PyCodeObject* code, Stack* stacks, int* pending)
      : code_(code), units_(first_instruction(code)), count_(static_cast<int>(Py_SIZE(code))), stacks_(stacks), pending_(pending) {}

  void run() {
    for (int i = 0; i < count_; ++i) stacks_[i] = kUnreached;
    reach(0, kEmptyStack);
    while (pending_count_) follow(pending_[--pending_count_]);
  }

 private:
  void reach(int unit, Stack stack) {
    if (unit < 0 || unit >= count_) return;
    if (stacks_[unit] != kUnreached) {
      stack = common(stacks_[unit], stack);
      if (stack == stacks_[unit]) return;
    }
    stacks_[unit] = stack;
    bool waits = false;
    for (int i = 0; i < pending_count_ && !waits; ++i) waits = pending_[i] == unit;
    if (!waits) pending_[pending_count_++] = unit;
  }

  Op op_at(int unit) const { return plain_form(static_cast<Op>(_Py_OPCODE(units_[unit]))); }

  void reach_handler(int unit, Stack stack) {
    ExceptionHandler handler;
    if (!find_handler(code_, unit, &handler)) return;
    for (int depth = depth_of(stack); depth > handler.depth; --depth) stack = pop(stack);
    if (handler.push_lasti) stack = push(stack, kPlace);
    reach(handler.target, push(stack, kException));
  }

  void follow(int start) {
    Stack stack = stacks_[start];
    int unit = start;
    uint32_t operand = _Py_OPARG(units_[unit]);
    while (op_at(unit) == Op::EXTENDED_ARG && unit + 1 < count_) {
      reach_handler(unit, stack);
      ++unit;
      operand = operand << 8 | _Py_OPARG(units_[unit]);
    }
    Op op = op_at(unit);
    const OpcodeInfo& info = info_of(op);
    int after = unit + 1 + info.caches;
    reach_handler(unit, stack);
    switch (op) {
      case Op::RETURN_VALUE: case Op::RAISE_VARARGS: case Op::RERAISE:
        return;
      case Op::JUMP_FORWARD:
        return reach(after + static_cast<int>(operand), stack);
      case Op::JUMP_BACKWARD: case Op::JUMP_BACKWARD_NO_INTERRUPT:
        return reach(after - static_cast<int>(operand), stack);
      case Op::FOR_ITER:
        reach(after + static_cast<int>(operand), pop(stack));
        return reach(after, push(stack, kObject));
      case Op::SEND:
        reach(after + static_cast<int>(operand), pop(stack));
        return reach(after, stack);
      case Op::JUMP_IF_FALSE_OR_POP: case Op::JUMP_IF_TRUE_OR_POP:
        reach(after + static_cast<int>(operand), stack);
        return reach(after, pop(stack));
      case Op::GET_ITER: case Op::GET_AITER:
        return reach(after, push(pop(stack), kIterator));
      case Op::RETURN_GENERATOR:
        // Nothing may lead back to where the frame was no generator's.
        for (int i = 0; i <= unit; ++i) stacks_[i] = kNever;
        return reach(after, push(stack, kObject));
      case Op::YIELD_VALUE:
        return reach(after, push(pop(stack), kObject));
      case Op::PUSH_NULL:
        return reach(after, push(stack, kNull));
      case Op::LOAD_GLOBAL:
        if (operand & 1) stack = push(stack, kNull);
        return reach(after, push(stack, kObject));
      case Op::LOAD_METHOD:
        return reach(after, push(push(pop(stack), kNull), kObject));
      case Op::PRECALL:
        return reach(after, stack);
      case Op::CALL:
        for (uint32_t i = 0; i < operand + 2; ++i) stack = pop(stack);
        return reach(after, push(stack, kObject));
      case Op::PUSH_EXC_INFO: {
        return reach(after, push(push(pop(stack), kException), kException));
      }
      case Op::COPY: {
        Stack source = stack;
        for (uint32_t i = 1; i < operand; ++i) source = pop(source);
        return reach(after, push(stack, top(source)));
      }
      case Op::SWAP:
        return reach(after, swapped(stack, operand));
      case Op::POP_JUMP_FORWARD_IF_NONE: case Op::POP_JUMP_FORWARD_IF_NOT_NONE:
      case Op::POP_JUMP_BACKWARD_IF_NONE: case Op::POP_JUMP_BACKWARD_IF_NOT_NONE:
        // compat: where these jump is not looked at.
        return reach(after, pop(stack));
      default:
        break;
    }
    if (info.jump == JumpKind::forward) reach(after + static_cast<int>(operand), changed(stack, info.effect(static_cast<int>(operand), true)));
    if (info.jump == JumpKind::backward) reach(after - static_cast<int>(operand), changed(stack, info.effect(static_cast<int>(operand), true)));
    reach(after, changed(stack, info.effect(static_cast<int>(operand), false)));
  }

  static Stack changed(Stack stack, int by) {
    for (; by < 0; ++by) stack = pop(stack);
    for (; by > 0; --by) stack = push(stack, kObject);
    return stack;
  }
  static Stack swapped(Stack stack, uint32_t distance) {
    if (stack < 0) return stack;
    int shift = static_cast<int>(distance - 1) * kKindBits;
    Stack mask = (1 << kKindBits) - 1;
    Stack other = (stack >> shift) & mask, upper = stack & mask;
    stack &= ~(mask << shift) & ~mask;
    return stack | upper << shift | other;
  }

  PyCodeObject* code_;
  const _Py_CODEUNIT* units_;
  int count_;
  Stack* stacks_;
  int* pending_;
  int pending_count_ = 0;
};

// ---- lines ----------------------------------------------------------------------------------------------

// The line that begins at each code unit; -1 where none does.
void mark_lines(PyCodeObject* code, int* lines, int count) {
  for (int i = 0; i < count; ++i) lines[i] = -1;
  int last = -1;
  for (LineReader reader(code); reader.next();) {
    int unit = reader.start / static_cast<int>(sizeof(_Py_CODEUNIT));
    if (reader.line != last && reader.line != -1 && unit < count) lines[unit] = reader.line;
    last = reader.line;
  }
}

bool is_suspended(Frame* frame) { return frame->owner == FrameOwner::generator && generator_of(frame)->gi_frame_state == kSuspended; }

// The place to go on at: the deepest fitting stack of the line's beginnings. -1 with an exception.
int find_place(PyCodeObject* code, int line, int now, bool suspended, Stack* start, Stack* target) {
  int count = static_cast<int>(Py_SIZE(code));
  auto* stacks = PyMem_New(Stack, count);
  auto* numbers = PyMem_New(int, count);
  if (!stacks || !numbers) {
    PyMem_Free(stacks);
    PyMem_Free(numbers);
    PyErr_NoMemory();
    return -1;
  }
  StackFinder(code, stacks, numbers).run();
  *start = stacks[now];
  *target = kTooDeep;
  mark_lines(code, numbers, count);
  int wanted = INT_MAX;
  for (int i = 0; i < count; ++i) {
    if (numbers[i] >= line && numbers[i] < wanted) wanted = numbers[i];
  }
  // A suspended frame goes on behind the place, and finds the value that was sent on its stack.
  auto can_go_on = [&](int i) {
    if (!suspended) return fits(*start, stacks[i]);
    return fits(pop(*start), stacks[i]) && i + 1 < count && depth_of(stacks[i + 1]) == depth_of(stacks[i]) + 1 &&
           fits(push(stacks[i], kObject), stacks[i + 1]);
  };
  int best = -1;
  const char* message = "cannot find bytecode for specified line";
  bool explained = false;
  for (int i = 0; i < count; ++i) {
    if (numbers[i] != wanted) continue;
    if (can_go_on(i)) {
      if (stacks[i] > *target) {
        *target = stacks[i];
        best = i;
      }
    } else if (best < 0 && !explained) {
      if (*start == kTooDeep) message = "stack to deep to analyze";
      else if (*start == kUnreached) message = "can't jump from unreachable code";
      else {
        message = why_not(stacks[i]);
        explained = true;
      }
    }
  }
  PyMem_Free(stacks);
  PyMem_Free(numbers);
  if (wanted == INT_MAX) PyErr_Format(PyExc_ValueError, "line %d comes after the current code block", line);
  else if (best < 0) PyErr_SetString(PyExc_ValueError, message);
  return best;
}

Status check_event(ThreadState* thread, bool suspended) {
  switch (thread->tracing_what) {
    case PyTrace_LINE: return Status::ok;
    case PyTrace_CALL: return raise(PyExc_ValueError, "can't jump from the 'call' trace event of a new frame");
    case PyTrace_RETURN:
      if (suspended) return Status::ok;
      [[fallthrough]];
    case PyTrace_EXCEPTION: case PyTrace_C_CALL: case PyTrace_C_RETURN: case PyTrace_C_EXCEPTION: case PyTrace_OPCODE:
      return raise(PyExc_ValueError, "can only jump from a 'line' trace event");
    default: return raise(PyExc_SystemError, "unexpected trace event type");
  }
}

}  // namespace

Status set_frame_line(PyFrameObject* self, PyObject* value) {
  if (!value) return raise(PyExc_AttributeError, "cannot delete attribute");
  if (!PyLong_CheckExact(value)) return raise(PyExc_ValueError, "lineno must be an integer");
  Frame* frame = self->f_frame;
  PyCodeObject* code = frame->f_code;
  ThreadState* thread = current_thread();
  bool suspended = is_suspended(frame);
  TRY(check_event(thread, suspended));
  // Other frames have their stack pointer elsewhere, or callers in the middle of an instruction.
  if (!self->f_trace || !self->is_traced) return raise(PyExc_ValueError, "f_lineno can only be set by a trace function");
  int overflow;
  long line = PyLong_AsLongAndOverflow(value, &overflow);
  if (overflow || line > INT_MAX || line < INT_MIN) return raise(PyExc_ValueError, "lineno out of range");
  if (line < code->co_firstlineno) return raise(PyExc_ValueError, "line %d comes before the current code block", static_cast<int>(line));
  Stack start, target;
  int place = find_place(code, static_cast<int>(line), last_instruction(frame), suspended, &start, &target);
  if (place < 0) return Status::error;
  // What the yield gave out is no longer on the stack.
  if (suspended) start = pop(start);
  for (; start > target; start = pop(start)) {
    PyObject* item = frame->localsplus[--frame->stacktop];
    if (top(start) == kException && item && (item == Py_None || PyExceptionInstance_Check(item))) {
      PyObject* old = std::exchange(thread->exc_info->exc_value, item);
      if (old) release(old);
    } else if (item) {
      release(item);
    }
  }
  self->f_lineno = 0;
  frame->prev_instr = first_instruction(code) + place;
  return Status::ok;
}

}  // namespace gill
