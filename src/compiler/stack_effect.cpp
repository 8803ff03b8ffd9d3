// PyCompile_OpcodeStackEffect.
#include <Python.h>

#include "objects/opcodes.h"

namespace {

// The instructions that the compiler works with before jumps have a direction have numbers below zero here.
int pseudo_effect(int opcode, bool jumps) {
  switch (opcode) {
    case -1: return jumps ? 1 : 0;  // SETUP_FINALLY
    case -2: return jumps ? 2 : 0;  // SETUP_CLEANUP
    case -3: return jumps ? 1 : 0;  // SETUP_WITH
    case -4:                        // POP_BLOCK
    case -5:                        // JUMP
    case -6: return 0;              // JUMP_NO_INTERRUPT
    case -7:                        // POP_JUMP_IF_...
    case -8:
    case -9:
    case -10: return -1;
    default: return PY_INVALID_STACK_EFFECT;
  }
}

}  // namespace

extern "C" {

PyAPI_FUNC(int) PyCompile_OpcodeStackEffectWithJump(int opcode, int operand, int jumps) {
  if (opcode < 0) return pseudo_effect(opcode, jumps != 0);
  return gill::stack_effect(opcode, operand, jumps);
}

PyAPI_FUNC(int) PyCompile_OpcodeStackEffect(int opcode, int operand) {
  return PyCompile_OpcodeStackEffectWithJump(opcode, operand, -1);
}

}  // extern "C"
