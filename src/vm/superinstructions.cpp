// Two instructions in one dispatch. The second keeps its own code unit behind the first, so that jumps to it, and places in
// tracebacks, stay what they are.
#include "vm/specialize.h"

namespace gill::vm {

Op joined_form(Op first, Op second) {
  switch (first) {
    case Op::LOAD_FAST:
      return second == Op::LOAD_FAST ? Op::LOAD_FAST__LOAD_FAST : second == Op::LOAD_CONST ? Op::LOAD_FAST__LOAD_CONST : first;
    case Op::STORE_FAST:
      return second == Op::LOAD_FAST ? Op::STORE_FAST__LOAD_FAST : second == Op::STORE_FAST ? Op::STORE_FAST__STORE_FAST : first;
    case Op::LOAD_CONST:
      return second == Op::LOAD_FAST ? Op::LOAD_CONST__LOAD_FAST : first;
    default:
      return first;
  }
}

#define UNBOUND(VARIABLE)                             \
  do {                                                \
    SAVE_PLACE();                                     \
    raise_unbound(frame, static_cast<int>(VARIABLE)); \
    END_ERROR();                                      \
  } while (0)

HANDLER(LOAD_FAST__LOAD_FAST) {
  PyObject* first = frame->localsplus[oparg];
  if (!first) [[unlikely]] UNBOUND(oparg);
  oparg = *next++ >> 8;
  PyObject* second = frame->localsplus[oparg];
  retain(first);
  *sp++ = first;
  if (!second) [[unlikely]] UNBOUND(oparg);
  retain(second);
  *sp++ = second;
  END_DISPATCH();
}

HANDLER(LOAD_FAST__LOAD_CONST) {
  PyObject* first = frame->localsplus[oparg];
  if (!first) [[unlikely]] UNBOUND(oparg);
  PyObject* second = constant_at(frame, *next++ >> 8);
  retain(first);
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
  oparg = *next++ >> 8;
  PyObject* second = frame->localsplus[oparg];
  if (!second) [[unlikely]] UNBOUND(oparg);
  retain(second);
  *sp++ = second;
  END_DISPATCH();
}

HANDLER(STORE_FAST__LOAD_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], *--sp);
  if (old) release(old);
  oparg = *next++ >> 8;
  PyObject* value = frame->localsplus[oparg];
  if (!value) [[unlikely]] UNBOUND(oparg);
  retain(value);
  *sp++ = value;
  END_DISPATCH();
}

HANDLER(STORE_FAST__STORE_FAST) {
  SAVE_PLACE();
  PyObject* old = std::exchange(frame->localsplus[oparg], *--sp);
  if (old) release(old);
  oparg = *next++ >> 8;
  old = std::exchange(frame->localsplus[oparg], *--sp);
  if (old) release(old);
  END_DISPATCH();
}

// The instruction behind the prefix in whatever form it has. Under tracing the plain EXTENDED_ARG stands in.
HANDLER(EXTENDED_ARG_QUICK) {
  CodeUnit unit = *next++;
  oparg = oparg << 8 | static_cast<uint32_t>(unit >> 8);
  [[clang::musttail]] return kPlainTable.at[unit & 255](VM_ARGUMENTS);
}

}  // namespace gill::vm
