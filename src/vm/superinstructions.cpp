// Two instructions in one dispatch. The second keeps its own code unit behind the first, so that jumps to it, and places in
// tracebacks, stay what they are.
#include "vm/specialize.h"

namespace gill::vm {

// Where an attribute of the variable comes next, its pair with that is worth more than one with what stands in front.
Op joined_form(Op first, Op second, Op third) {
  bool attribute_next = second == Op::LOAD_FAST && (third == Op::LOAD_ATTR || third == Op::STORE_ATTR);
  if (attribute_next) return first;
  switch (first) {
    case Op::LOAD_FAST:
      switch (second) {
        case Op::LOAD_ATTR: return Op::LOAD_FAST__LOAD_ATTR;
        case Op::STORE_ATTR: return Op::LOAD_FAST__STORE_ATTR;
        case Op::LOAD_FAST: return Op::LOAD_FAST__LOAD_FAST;
        case Op::LOAD_CONST: return Op::LOAD_FAST__LOAD_CONST;
        default: return first;
      }
    case Op::STORE_FAST:
      return second == Op::LOAD_FAST ? Op::STORE_FAST__LOAD_FAST : second == Op::STORE_FAST ? Op::STORE_FAST__STORE_FAST : first;
    case Op::LOAD_CONST:
      return second == Op::LOAD_FAST ? Op::LOAD_CONST__LOAD_FAST : first;
    default:
      return first;
  }
}

// A variable that `oparg` names; unbound, the handler ends.
// AFTER: how many instructions of the pair were read before. An unbound local is told at the first one, as in the reference.
#define READ_LOCAL(VALUE, AFTER)                   \
  PyObject* VALUE = frame->localsplus[oparg];      \
  if (!VALUE) [[unlikely]] {                       \
    frame->prev_instr = next - 1 - (AFTER);        \
    TAIL(unbound_local);                           \
  }                                                \
  retain(VALUE)
#define NEXT_OPERAND() (oparg = *next++ >> 8)

HANDLER(LOAD_FAST__LOAD_FAST) {
  READ_LOCAL(first, 0);
  *sp++ = first;
  NEXT_OPERAND();
  READ_LOCAL(second, 1);
  *sp++ = second;
  END_DISPATCH();
}

HANDLER(LOAD_FAST__LOAD_CONST) {
  READ_LOCAL(first, 0);
  PyObject* second = constant_at(frame, NEXT_OPERAND());
  retain(second);
  sp[0] = first;
  sp[1] = second;
  sp += 2;
  END_DISPATCH();
}

HANDLER(LOAD_CONST__LOAD_FAST) {
  PyObject* first = constant_at(frame, oparg);
  retain(first);
  *sp++ = first;
  NEXT_OPERAND();
  READ_LOCAL(second, 1);
  *sp++ = second;
  END_DISPATCH();
}

// Where the old value of a variable dies, the second instruction is left to a dispatch of its own.
HANDLER(STORE_FAST__LOAD_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], *--sp);
  if (old && drops_to_zero(old)) {
    ctx->dying = old;
    TAIL(drop_one);
  }
  NEXT_OPERAND();
  READ_LOCAL(value, 1);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_FAST__STORE_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], *--sp);
  if (old && drops_to_zero(old)) {
    ctx->dying = old;
    TAIL(drop_one);
  }
  NEXT_OPERAND();
  old = std::exchange(frame->localsplus[oparg], *--sp);
  if (!old) END_DISPATCH();
  END_DROP(old);
}

// The instruction behind the prefix in whatever form it has. Under tracing the plain EXTENDED_ARG stands in.
HANDLER(EXTENDED_ARG_QUICK) {
  CodeUnit unit = *next++;
  oparg = oparg << 8 | static_cast<uint32_t>(unit >> 8);
  [[clang::musttail]] return kPlainTable.at[unit & 255](VM_ARGUMENTS);
}

}  // namespace gill::vm
