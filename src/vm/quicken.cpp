// Turning a warm code object's instructions into their adaptive forms, and the instructions that do the counting.
#include "vm/specialize.h"

namespace gill::vm {

namespace {

// The adaptive form of a family, or the family itself.
constexpr Op adaptive_form(Op op) {
  switch (op) {
    case Op::LOAD_GLOBAL: return Op::LOAD_GLOBAL_ADAPTIVE;
    case Op::LOAD_ATTR: return Op::LOAD_ATTR_ADAPTIVE;
    case Op::STORE_ATTR: return Op::STORE_ATTR_ADAPTIVE;
    case Op::LOAD_METHOD: return Op::LOAD_METHOD_ADAPTIVE;
    case Op::BINARY_OP: return Op::BINARY_OP_ADAPTIVE;
    case Op::COMPARE_OP: return Op::COMPARE_OP_ADAPTIVE;
    case Op::BINARY_SUBSCR: return Op::BINARY_SUBSCR_ADAPTIVE;
    case Op::STORE_SUBSCR: return Op::STORE_SUBSCR_ADAPTIVE;
    case Op::UNPACK_SEQUENCE: return Op::UNPACK_SEQUENCE_ADAPTIVE;
    case Op::PRECALL: return Op::PRECALL_ADAPTIVE;
    case Op::CALL: return Op::CALL_ADAPTIVE;
    case Op::EXTENDED_ARG: return Op::EXTENDED_ARG_QUICK;
    case Op::RESUME: return Op::RESUME_QUICK;
    case Op::JUMP_BACKWARD: return Op::JUMP_BACKWARD_QUICK;
    default: return op;
  }
}

}  // namespace

void quicken(PyCodeObject* code) {
  auto* unit = reinterpret_cast<CodeUnit*>(code->co_code_adaptive);
  CodeUnit* end = unit + Py_SIZE(code);
  while (unit < end) {
    Op op = static_cast<Op>(*unit & 255);
    const OpcodeInfo& info = info_of(op);
    if (info.caches >= end - unit) return;  // code that a program made may end within what never runs
    Op form = adaptive_form(op);
    if (form == op && unit + 1 < end) {
      form = joined_form(op, static_cast<Op>(unit[1] & 255), unit + 2 < end ? static_cast<Op>(unit[2] & 255) : Op::NOP);
    }
    set_op(unit, form);
    for (int i = 1; i <= info.caches; ++i) unit[i] = 0;
    unit += 1 + info.caches;
  }
}

namespace {

inline void warm_up(Frame* frame) {
  PyCodeObject* code = frame->f_code;
  if (code->co_warmup != 0 && ++code->co_warmup == 0) quicken(code);
}

}  // namespace

HANDLER(RESUME) {
  warm_up(frame);
  TAIL(op_RESUME_QUICK);
}

HANDLER(RESUME_QUICK) {
  SAVE_PLACE();
  if (oparg < 2) END_CHECKED();
  END_DISPATCH();
}

HANDLER(JUMP_BACKWARD) {
  warm_up(frame);
  TAIL(op_JUMP_BACKWARD_QUICK);
}

HANDLER(JUMP_BACKWARD_QUICK) {
  SAVE_PLACE();
  next -= oparg;
  if (thread->interpreter()->eval_requests.load(std::memory_order_relaxed)) [[unlikely]] TAIL(answer_requests);
  END_DISPATCH();
}

}  // namespace gill::vm
