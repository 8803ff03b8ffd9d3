// COMPARE_OP together with the conditional jump behind it: cache is a counter and a mask.
//
// The mask has one bit for each outcome (less, equal, greater, unordered), set where the jump is taken. A comparison that no
// conditional jump follows goes back to the plain form for good.
#include "objects/dict_table.h"
#include "vm/numbers.h"
#include "vm/specialize.h"

namespace gill::vm {

namespace {

constexpr unsigned kLess = 1, kEqual = 2, kGreater = 4, kUnordered = 8, kAll = 15;

// By comparison operator: the outcomes that make it true.
constexpr unsigned kTrueOutcomes[] = {kLess, kLess | kEqual, kEqual, kLess | kGreater | kUnordered, kGreater, kGreater | kEqual};
static_assert(Py_LT == 0 && Py_LE == 1 && Py_EQ == 2 && Py_NE == 3 && Py_GT == 4 && Py_GE == 5);

constexpr int kCaches = info_of(Op::COMPARE_OP).caches;

}  // namespace

void specialize_compare_op(CodeUnit* next, uint32_t oparg, PyObject* left, PyObject* right) {
  unsigned mask = kTrueOutcomes[oparg];
  switch (plain_form(static_cast<Op>(next[kCaches] & 255))) {
    case Op::POP_JUMP_FORWARD_IF_TRUE: case Op::POP_JUMP_BACKWARD_IF_TRUE:
      break;
    case Op::POP_JUMP_FORWARD_IF_FALSE: case Op::POP_JUMP_BACKWARD_IF_FALSE:
      mask = ~mask & kAll;
      break;
    default:
      return set_op(next - 1, Op::COMPARE_OP);
  }
  next[1] = static_cast<CodeUnit>(mask);
  if (both_int(left, right)) return specialized_to(next, Op::COMPARE_OP_INT_JUMP);
  if (both_float(left, right)) return specialized_to(next, Op::COMPARE_OP_FLOAT_JUMP);
  if (both_str(left, right) && (oparg == Py_EQ || oparg == Py_NE)) return specialized_to(next, Op::COMPARE_OP_STR_JUMP);
  found_nothing(next);
}

ADAPTIVE(COMPARE_OP, specialize_compare_op(next, oparg, sp[-2], sp[-1]))

namespace {

// A jump backwards answers requests, as any loop does.
VM_STEP jump_back(VM_PARAMETERS) {
  SAVE_PLACE();
  next -= next[-1] >> 8;
  PyObject *left = ctx->dying, *right = ctx->dying_too;
  release(left);
  release(right);
  if (thread->interpreter()->eval_requests.load(std::memory_order_relaxed)) [[unlikely]] TAIL(answer_requests);
  END_DISPATCH();
}

}  // namespace

// Ends in the jump with both operands given back.
#define END_COMPARED(OUTCOME)                                                                                     \
  do {                                                                                                            \
    bool jumps_ = next[1] & (OUTCOME);                                                                            \
    CodeUnit jump_ = next[kCaches];                                                                               \
    sp -= 2;                                                                                                      \
    next += kCaches + 1;                                                                                          \
    if (jumps_) {                                                                                                 \
      auto op_ = static_cast<Op>(jump_ & 255);                                                                    \
      if (op_ != Op::POP_JUMP_FORWARD_IF_FALSE && op_ != Op::POP_JUMP_FORWARD_IF_TRUE) [[unlikely]] {             \
        ctx->dying = left;                                                                                        \
        ctx->dying_too = right;                                                                                   \
        TAIL(jump_back);                                                                                          \
      }                                                                                                           \
      next += jump_ >> 8;                                                                                         \
    }                                                                                                             \
    END_DROP_BOTH(left, right);                                                                                   \
  } while (0)

HANDLER(COMPARE_OP_INT_JUMP) {
  PyObject *right = sp[-1], *left = sp[-2];
  if (!both_int(left, right)) [[unlikely]] END_MISS(COMPARE_OP);
  END_COMPARED(1u << (order_of_ints(left, right) + 1));
}

HANDLER(COMPARE_OP_FLOAT_JUMP) {
  PyObject *right = sp[-1], *left = sp[-2];
  if (!both_float(left, right)) [[unlikely]] END_MISS(COMPARE_OP);
  double x = PyFloat_AS_DOUBLE(left), y = PyFloat_AS_DOUBLE(right);
  END_COMPARED(x < y ? kLess : x > y ? kGreater : x == y ? kEqual : kUnordered);
}

HANDLER(COMPARE_OP_STR_JUMP) {
  PyObject *right = sp[-1], *left = sp[-2];
  if (!both_str(left, right) || !PyUnicode_IS_READY(left) || !PyUnicode_IS_READY(right)) [[unlikely]] END_MISS(COMPARE_OP);
  END_COMPARED(left == right || same_str(left, right) ? kEqual : kLess);
}

}  // namespace gill::vm
