// What each instruction asks of the evaluation stack and of its operand, as a table for the verifier.
#pragma once

#include <array>

#include "objects/opcodes.h"

namespace gill::vm {

// How the verifier treats an instruction.
enum class Kind : uint8_t {
  plain,        // the rule says all, and the next instruction follows
  jump,         // goes on at its target only
  pop_jump,     // pops the condition, then either way
  jump_or_pop,  // keeps the condition where it jumps
  special,      // operand or stack need more than the rule says; where it jumps, it has popped the top
  end,          // leaves the frame; more than the rule says as well
  specialized,  // a faster form of another instruction
  unknown,
};

// What bounds the operand.
enum class Limit : uint8_t { none, constants, names, variables, comparisons, operators };
inline constexpr int kLimitCount = 6;

struct alignas(8) Rule {
  Kind kind = Kind::unknown;
  Limit limit = Limit::none;
  uint8_t needs = 0;  // objects on top of the stack
  uint8_t drops = 0;  // how many of them are gone when it raises
  uint8_t gives = 0;  // objects in their place
  uint8_t units = 1;  // with its cache entries
};

namespace rules {

struct Row {
  Op op;
  Kind kind;
  Limit limit;
  int needs, drops, effect;  // on the stack's depth
};

using enum Kind;
using enum Limit;

inline constexpr Row kRows[] = {
    {Op::NOP, plain, none, 0, 0, 0},
    {Op::RESUME, plain, none, 0, 0, 0},
    {Op::POP_TOP, plain, none, 1, 1, -1},
    {Op::UNARY_POSITIVE, plain, none, 1, 0, 0},
    {Op::UNARY_NEGATIVE, plain, none, 1, 0, 0},
    {Op::UNARY_NOT, plain, none, 1, 0, 0},
    {Op::UNARY_INVERT, plain, none, 1, 0, 0},
    {Op::BINARY_OP, plain, operators, 2, 2, -1},
    {Op::BINARY_SUBSCR, plain, none, 2, 2, -1},
    {Op::STORE_SUBSCR, plain, none, 3, 3, -3},
    {Op::DELETE_SUBSCR, plain, none, 2, 2, -2},
    {Op::COMPARE_OP, plain, comparisons, 2, 2, -1},
    {Op::IS_OP, plain, none, 2, 2, -1},
    {Op::CONTAINS_OP, plain, none, 2, 2, -1},
    {Op::GET_LEN, plain, none, 1, 0, 1},
    {Op::MATCH_MAPPING, plain, none, 1, 0, 1},
    {Op::MATCH_SEQUENCE, plain, none, 1, 0, 1},
    {Op::MATCH_KEYS, plain, none, 2, 0, 1},
    {Op::MATCH_CLASS, plain, none, 3, 3, -2},
    {Op::PUSH_EXC_INFO, plain, none, 1, 0, 1},
    {Op::POP_EXCEPT, plain, none, 1, 1, -1},
    {Op::CHECK_EXC_MATCH, plain, none, 2, 1, 0},
    {Op::CHECK_EG_MATCH, plain, none, 2, 1, 0},
    {Op::PREP_RERAISE_STAR, plain, none, 2, 2, -1},
    {Op::WITH_EXCEPT_START, plain, none, 4, 0, 1},
    {Op::BEFORE_WITH, plain, none, 1, 0, 1},
    {Op::BEFORE_ASYNC_WITH, plain, none, 1, 0, 1},
    {Op::GET_ITER, plain, none, 1, 1, 0},
    {Op::GET_YIELD_FROM_ITER, plain, none, 1, 0, 0},
    {Op::GET_AWAITABLE, plain, none, 1, 0, 0},
    {Op::GET_AITER, plain, none, 1, 0, 0},
    {Op::GET_ANEXT, plain, none, 1, 0, 1},
    {Op::END_ASYNC_FOR, plain, none, 2, 2, -2},
    {Op::ASYNC_GEN_WRAP, plain, none, 1, 0, 0},
    {Op::PRINT_EXPR, plain, none, 1, 1, -1},
    {Op::LOAD_BUILD_CLASS, plain, none, 0, 0, 1},
    {Op::LOAD_ASSERTION_ERROR, plain, none, 0, 0, 1},
    {Op::LIST_TO_TUPLE, plain, none, 1, 0, 0},
    {Op::SETUP_ANNOTATIONS, plain, none, 0, 0, 0},
    {Op::IMPORT_NAME, plain, names, 2, 2, -1},
    {Op::IMPORT_FROM, plain, names, 1, 0, 1},
    {Op::IMPORT_STAR, plain, none, 1, 1, -1},
    {Op::LOAD_CONST, plain, constants, 0, 0, 1},
    {Op::LOAD_NAME, plain, names, 0, 0, 1},
    {Op::STORE_NAME, plain, names, 1, 1, -1},
    {Op::DELETE_NAME, plain, names, 0, 0, 0},
    {Op::STORE_GLOBAL, plain, names, 1, 1, -1},
    {Op::DELETE_GLOBAL, plain, names, 0, 0, 0},
    {Op::LOAD_ATTR, plain, names, 1, 0, 0},
    {Op::STORE_ATTR, plain, names, 2, 2, -2},
    {Op::DELETE_ATTR, plain, names, 1, 1, -1},
    {Op::LOAD_FAST, plain, variables, 0, 0, 1},
    {Op::LOAD_CLOSURE, plain, variables, 0, 0, 1},
    {Op::MAKE_CELL, plain, variables, 0, 0, 0},

    {Op::JUMP_FORWARD, jump, none, 0, 0, 0},
    {Op::JUMP_BACKWARD, jump, none, 0, 0, 0},
    {Op::JUMP_BACKWARD_NO_INTERRUPT, jump, none, 0, 0, 0},
    {Op::POP_JUMP_FORWARD_IF_FALSE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_FORWARD_IF_TRUE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_FORWARD_IF_NONE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_FORWARD_IF_NOT_NONE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_BACKWARD_IF_FALSE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_BACKWARD_IF_TRUE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_BACKWARD_IF_NONE, pop_jump, none, 1, 1, -1},
    {Op::POP_JUMP_BACKWARD_IF_NOT_NONE, pop_jump, none, 1, 1, -1},
    {Op::JUMP_IF_FALSE_OR_POP, jump_or_pop, none, 1, 0, -1},
    {Op::JUMP_IF_TRUE_OR_POP, jump_or_pop, none, 1, 0, -1},

    {Op::RETURN_VALUE, end, none, 1, 1, -1},
    {Op::RAISE_VARARGS, end, none, 0, 0, 0},
    {Op::RERAISE, end, none, 1, 1, -1},
    {Op::FOR_ITER, special, none, 1, 0, 1},
    {Op::SEND, special, none, 2, 1, 0},
    {Op::YIELD_VALUE, special, none, 1, 1, 0},
    {Op::RETURN_GENERATOR, special, none, 0, 0, 1},
    {Op::PUSH_NULL, special, none, 0, 0, 1},
    {Op::LOAD_GLOBAL, special, none, 0, 0, 1},
    {Op::LOAD_METHOD, special, names, 1, 0, 1},
    {Op::KW_NAMES, special, constants, 0, 0, 0},
    {Op::PRECALL, special, none, 0, 0, 0},
    {Op::CALL, special, none, 0, 0, 0},
    {Op::CALL_FUNCTION_EX, special, none, 0, 0, 0},
    {Op::MAKE_FUNCTION, special, none, 0, 0, 0},
    {Op::COPY, special, none, 0, 0, 1},
    {Op::SWAP, special, none, 0, 0, 0},
    {Op::STORE_FAST, special, variables, 1, 1, -1},
    {Op::DELETE_FAST, special, variables, 0, 0, 0},
    {Op::COPY_FREE_VARS, special, none, 0, 0, 0},
    {Op::LOAD_DEREF, special, variables, 0, 0, 1},
    {Op::STORE_DEREF, special, variables, 1, 1, -1},
    {Op::DELETE_DEREF, special, variables, 0, 0, 0},
    {Op::LOAD_CLASSDEREF, special, variables, 0, 0, 1},
    {Op::BUILD_TUPLE, special, none, 0, 0, 0},
    {Op::BUILD_LIST, special, none, 0, 0, 0},
    {Op::BUILD_SET, special, none, 0, 0, 0},
    {Op::BUILD_STRING, special, none, 0, 0, 0},
    {Op::BUILD_MAP, special, none, 0, 0, 0},
    {Op::BUILD_CONST_KEY_MAP, special, none, 0, 0, 0},
    {Op::BUILD_SLICE, special, none, 0, 0, 0},
    {Op::FORMAT_VALUE, special, none, 0, 0, 0},
    {Op::UNPACK_SEQUENCE, special, none, 1, 1, 0},
    {Op::UNPACK_EX, special, none, 1, 1, 0},
    {Op::LIST_APPEND, special, none, 1, 1, -1},
    {Op::SET_ADD, special, none, 1, 1, -1},
    {Op::MAP_ADD, special, none, 2, 2, -2},
    {Op::LIST_EXTEND, special, none, 1, 1, -1},
    {Op::SET_UPDATE, special, none, 1, 1, -1},
    {Op::DICT_UPDATE, special, none, 1, 1, -1},
    {Op::DICT_MERGE, special, none, 1, 1, -1},
};

constexpr std::array<Rule, 256> make_table() {
  std::array<Rule, 256> table{};
  for (int i = 0; i < 256; ++i) {
    const OpcodeInfo& info = info_of(static_cast<Op>(i));
    table[i].units = static_cast<uint8_t>(1 + info.caches);
    if (info.specialized && info.family != static_cast<Op>(i)) table[i].kind = specialized;
  }
  for (const Row& row : kRows) {
    auto& rule = table[static_cast<uint8_t>(row.op)];
    rule = {row.kind, row.limit, static_cast<uint8_t>(row.needs), static_cast<uint8_t>(row.drops), static_cast<uint8_t>(row.needs + row.effect), rule.units};
  }
  return table;
}

}  // namespace rules

inline constexpr std::array<Rule, 256> kRules = rules::make_table();

}  // namespace gill::vm
