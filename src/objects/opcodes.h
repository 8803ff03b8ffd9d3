// The instruction set of CPython 3.11: one table from which the compiler, the instruction loop, `_opcode`
// and everything that walks code objects take an opcode's name, operand, stack effect and cache size.
//
// A code unit is two bytes: opcode and operand. EXTENDED_ARG in front gives the operand's higher bytes. Behind
// some instructions stand cache entries (CACHE units, one or more) that the instruction loop owns.
// Jump operands count code units from the end of the jumping instruction (and its caches).
// Specialized forms share their family's cache; they stand only in `co_code_adaptive`, never in `co_code`.
//
// <opcode.h> defines macros of the same names: do not include it next to this header.
#pragma once

#include <array>
#include <climits>
#include <cstdint>
#include <string_view>

namespace gill {

enum class Op : uint8_t {
  CACHE = 0, POP_TOP = 1, PUSH_NULL = 2, NOP = 9, UNARY_POSITIVE = 10, UNARY_NEGATIVE = 11, UNARY_NOT = 12,
  UNARY_INVERT = 15, BINARY_SUBSCR = 25, GET_LEN = 30, MATCH_MAPPING = 31, MATCH_SEQUENCE = 32, MATCH_KEYS = 33,
  PUSH_EXC_INFO = 35, CHECK_EXC_MATCH = 36, CHECK_EG_MATCH = 37, WITH_EXCEPT_START = 49, GET_AITER = 50,
  GET_ANEXT = 51, BEFORE_ASYNC_WITH = 52, BEFORE_WITH = 53, END_ASYNC_FOR = 54, STORE_SUBSCR = 60,
  DELETE_SUBSCR = 61, GET_ITER = 68, GET_YIELD_FROM_ITER = 69, PRINT_EXPR = 70, LOAD_BUILD_CLASS = 71,
  LOAD_ASSERTION_ERROR = 74, RETURN_GENERATOR = 75, LIST_TO_TUPLE = 82, RETURN_VALUE = 83, IMPORT_STAR = 84,
  SETUP_ANNOTATIONS = 85, YIELD_VALUE = 86, ASYNC_GEN_WRAP = 87, PREP_RERAISE_STAR = 88, POP_EXCEPT = 89,
  STORE_NAME = 90, DELETE_NAME = 91, UNPACK_SEQUENCE = 92, FOR_ITER = 93, UNPACK_EX = 94, STORE_ATTR = 95,
  DELETE_ATTR = 96, STORE_GLOBAL = 97, DELETE_GLOBAL = 98, SWAP = 99, LOAD_CONST = 100, LOAD_NAME = 101,
  BUILD_TUPLE = 102, BUILD_LIST = 103, BUILD_SET = 104, BUILD_MAP = 105, LOAD_ATTR = 106, COMPARE_OP = 107,
  IMPORT_NAME = 108, IMPORT_FROM = 109, JUMP_FORWARD = 110, JUMP_IF_FALSE_OR_POP = 111, JUMP_IF_TRUE_OR_POP = 112,
  POP_JUMP_FORWARD_IF_FALSE = 114, POP_JUMP_FORWARD_IF_TRUE = 115, LOAD_GLOBAL = 116, IS_OP = 117,
  CONTAINS_OP = 118, RERAISE = 119, COPY = 120, BINARY_OP = 122, SEND = 123, LOAD_FAST = 124, STORE_FAST = 125,
  DELETE_FAST = 126, POP_JUMP_FORWARD_IF_NOT_NONE = 128, POP_JUMP_FORWARD_IF_NONE = 129, RAISE_VARARGS = 130,
  GET_AWAITABLE = 131, MAKE_FUNCTION = 132, BUILD_SLICE = 133, JUMP_BACKWARD_NO_INTERRUPT = 134, MAKE_CELL = 135,
  LOAD_CLOSURE = 136, LOAD_DEREF = 137, STORE_DEREF = 138, DELETE_DEREF = 139, JUMP_BACKWARD = 140,
  CALL_FUNCTION_EX = 142, EXTENDED_ARG = 144, LIST_APPEND = 145, SET_ADD = 146, MAP_ADD = 147,
  LOAD_CLASSDEREF = 148, COPY_FREE_VARS = 149, RESUME = 151, MATCH_CLASS = 152, FORMAT_VALUE = 155,
  BUILD_CONST_KEY_MAP = 156, BUILD_STRING = 157, LOAD_METHOD = 160, LIST_EXTEND = 162, SET_UPDATE = 163,
  DICT_MERGE = 164, DICT_UPDATE = 165, PRECALL = 166, CALL = 171, KW_NAMES = 172,
  POP_JUMP_BACKWARD_IF_NOT_NONE = 173, POP_JUMP_BACKWARD_IF_NONE = 174, POP_JUMP_BACKWARD_IF_FALSE = 175,
  POP_JUMP_BACKWARD_IF_TRUE = 176,

  // Specialized forms.
  BINARY_OP_ADAPTIVE = 3, BINARY_OP_ADD_FLOAT = 4, BINARY_OP_ADD_INT = 5, BINARY_OP_ADD_UNICODE = 6,
  BINARY_OP_INPLACE_ADD_UNICODE = 7, BINARY_OP_MULTIPLY_FLOAT = 8, BINARY_OP_MULTIPLY_INT = 13,
  BINARY_OP_SUBTRACT_FLOAT = 14, BINARY_OP_SUBTRACT_INT = 16, BINARY_SUBSCR_ADAPTIVE = 17,
  BINARY_SUBSCR_DICT = 18, BINARY_SUBSCR_GETITEM = 19, BINARY_SUBSCR_LIST_INT = 20, BINARY_SUBSCR_TUPLE_INT = 21,
  CALL_ADAPTIVE = 22, CALL_PY_EXACT_ARGS = 23, CALL_PY_WITH_DEFAULTS = 24, COMPARE_OP_ADAPTIVE = 26,
  COMPARE_OP_FLOAT_JUMP = 27, COMPARE_OP_INT_JUMP = 28, COMPARE_OP_STR_JUMP = 29, EXTENDED_ARG_QUICK = 34,
  JUMP_BACKWARD_QUICK = 38, LOAD_ATTR_ADAPTIVE = 39, LOAD_ATTR_INSTANCE_VALUE = 40, LOAD_ATTR_MODULE = 41,
  LOAD_ATTR_SLOT = 42, LOAD_ATTR_WITH_HINT = 43, LOAD_CONST__LOAD_FAST = 44, LOAD_FAST__LOAD_CONST = 45,
  LOAD_FAST__LOAD_FAST = 46, LOAD_GLOBAL_ADAPTIVE = 47, LOAD_GLOBAL_BUILTIN = 48, LOAD_GLOBAL_MODULE = 55,
  LOAD_METHOD_ADAPTIVE = 56, LOAD_METHOD_CLASS = 57, LOAD_METHOD_MODULE = 58, LOAD_METHOD_NO_DICT = 59,
  LOAD_METHOD_WITH_DICT = 62, LOAD_METHOD_WITH_VALUES = 63, PRECALL_ADAPTIVE = 64, PRECALL_BOUND_METHOD = 65,
  PRECALL_BUILTIN_CLASS = 66, PRECALL_BUILTIN_FAST_WITH_KEYWORDS = 67,
  PRECALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS = 72, PRECALL_NO_KW_BUILTIN_FAST = 73,
  PRECALL_NO_KW_BUILTIN_O = 76, PRECALL_NO_KW_ISINSTANCE = 77, PRECALL_NO_KW_LEN = 78,
  PRECALL_NO_KW_LIST_APPEND = 79, PRECALL_NO_KW_METHOD_DESCRIPTOR_FAST = 80,
  PRECALL_NO_KW_METHOD_DESCRIPTOR_NOARGS = 81, PRECALL_NO_KW_METHOD_DESCRIPTOR_O = 113, PRECALL_NO_KW_STR_1 = 121,
  PRECALL_NO_KW_TUPLE_1 = 127, PRECALL_NO_KW_TYPE_1 = 141, PRECALL_PYFUNC = 143, RESUME_QUICK = 150,
  STORE_ATTR_ADAPTIVE = 153, STORE_ATTR_INSTANCE_VALUE = 154, STORE_ATTR_SLOT = 158, STORE_ATTR_WITH_HINT = 159,
  STORE_FAST__LOAD_FAST = 161, STORE_FAST__STORE_FAST = 167, STORE_SUBSCR_ADAPTIVE = 168, STORE_SUBSCR_DICT = 169,
  STORE_SUBSCR_LIST_INT = 170, UNPACK_SEQUENCE_ADAPTIVE = 177, UNPACK_SEQUENCE_LIST = 178,
  UNPACK_SEQUENCE_TUPLE = 179, UNPACK_SEQUENCE_TWO_TUPLE = 180, LOAD_FAST__LOAD_ATTR = 181, LOAD_FAST__STORE_ATTR = 182,
  RETURN_VALUE_IN_GENERAL = 183, VERIFY = 184, BINARY_OP_INT = 185, CALL_CLASS = 186,
  DO_TRACING = 255
};

// Opcodes from here on use their operand.
inline constexpr uint8_t kHaveArgument = 90;

// The operand of BINARY_OP.
enum class BinaryOp : uint8_t {
  add = 0, and_ = 1, floor_divide = 2, lshift = 3, matrix_multiply = 4, multiply = 5, remainder = 6, or_ = 7,
  power = 8, rshift = 9, subtract = 10, true_divide = 11, xor_ = 12, inplace_add = 13, inplace_and = 14,
  inplace_floor_divide = 15, inplace_lshift = 16, inplace_matrix_multiply = 17, inplace_multiply = 18,
  inplace_remainder = 19, inplace_or = 20, inplace_power = 21, inplace_rshift = 22, inplace_subtract = 23,
  inplace_true_divide = 24, inplace_xor = 25
};

// What an operand means.
//   name: index in co_names (LOAD_GLOBAL: twice that, plus 1 to push a null first)
//   local: index of a fast local; cell: index of a cell or free variable among the "locals plus"
enum class OperandKind : uint8_t { none, number, constant, name, local, cell, jump };
enum class JumpKind : uint8_t { none, forward, backward };

// Stack effects as functions of the operand and of whether a jump is taken.
using StackEffect = int (*)(int operand, bool jumps);
namespace effect {
template <int N>
constexpr int fixed(int, bool) { return N; }
template <int Stay, int Jump>
constexpr int jump(int, bool jumps) { return jumps ? Jump : Stay; }
constexpr int build(int n, bool) { return 1 - n; }
constexpr int build_map(int n, bool) { return 1 - 2 * n; }
constexpr int pop_operand(int n, bool) { return -n; }
constexpr int unpack_sequence(int n, bool) { return n - 1; }
constexpr int unpack_ex(int n, bool) { return (n & 0xFF) + (n >> 8); }
constexpr int load_global(int n, bool) { return (n & 1) + 1; }
constexpr int make_function(int n, bool) { return -!!(n & 1) - !!(n & 2) - !!(n & 4) - !!(n & 8); }
constexpr int build_slice(int n, bool) { return n == 3 ? -2 : -1; }
constexpr int call_function_ex(int n, bool) { return -2 - (n & 1); }
constexpr int format_value(int n, bool) { return (n & 4) == 4 ? -1 : 0; }
}  // namespace effect

struct OpcodeRow {
  Op op;
  const char* name;
  uint8_t caches;
  OperandKind operand;
  JumpKind jump;
  StackEffect effect;
};

inline constexpr OpcodeRow kOpcodes[] = {
    {Op::CACHE, "CACHE", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::POP_TOP, "POP_TOP", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::PUSH_NULL, "PUSH_NULL", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::NOP, "NOP", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::UNARY_POSITIVE, "UNARY_POSITIVE", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::UNARY_NEGATIVE, "UNARY_NEGATIVE", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::UNARY_NOT, "UNARY_NOT", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::UNARY_INVERT, "UNARY_INVERT", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::BINARY_SUBSCR, "BINARY_SUBSCR", 4, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::GET_LEN, "GET_LEN", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::MATCH_MAPPING, "MATCH_MAPPING", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::MATCH_SEQUENCE, "MATCH_SEQUENCE", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::MATCH_KEYS, "MATCH_KEYS", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::PUSH_EXC_INFO, "PUSH_EXC_INFO", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::CHECK_EXC_MATCH, "CHECK_EXC_MATCH", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::CHECK_EG_MATCH, "CHECK_EG_MATCH", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::WITH_EXCEPT_START, "WITH_EXCEPT_START", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::GET_AITER, "GET_AITER", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::GET_ANEXT, "GET_ANEXT", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::BEFORE_ASYNC_WITH, "BEFORE_ASYNC_WITH", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::BEFORE_WITH, "BEFORE_WITH", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::END_ASYNC_FOR, "END_ASYNC_FOR", 0, OperandKind::none, JumpKind::none, effect::fixed<-2>},
    {Op::STORE_SUBSCR, "STORE_SUBSCR", 1, OperandKind::none, JumpKind::none, effect::fixed<-3>},
    {Op::DELETE_SUBSCR, "DELETE_SUBSCR", 0, OperandKind::none, JumpKind::none, effect::fixed<-2>},
    {Op::GET_ITER, "GET_ITER", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::GET_YIELD_FROM_ITER, "GET_YIELD_FROM_ITER", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::PRINT_EXPR, "PRINT_EXPR", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::LOAD_BUILD_CLASS, "LOAD_BUILD_CLASS", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::LOAD_ASSERTION_ERROR, "LOAD_ASSERTION_ERROR", 0, OperandKind::none, JumpKind::none, effect::fixed<1>},
    {Op::RETURN_GENERATOR, "RETURN_GENERATOR", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::LIST_TO_TUPLE, "LIST_TO_TUPLE", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::RETURN_VALUE, "RETURN_VALUE", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::IMPORT_STAR, "IMPORT_STAR", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::SETUP_ANNOTATIONS, "SETUP_ANNOTATIONS", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::YIELD_VALUE, "YIELD_VALUE", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::ASYNC_GEN_WRAP, "ASYNC_GEN_WRAP", 0, OperandKind::none, JumpKind::none, effect::fixed<0>},
    {Op::PREP_RERAISE_STAR, "PREP_RERAISE_STAR", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::POP_EXCEPT, "POP_EXCEPT", 0, OperandKind::none, JumpKind::none, effect::fixed<-1>},
    {Op::STORE_NAME, "STORE_NAME", 0, OperandKind::name, JumpKind::none, effect::fixed<-1>},
    {Op::DELETE_NAME, "DELETE_NAME", 0, OperandKind::name, JumpKind::none, effect::fixed<0>},
    {Op::UNPACK_SEQUENCE, "UNPACK_SEQUENCE", 1, OperandKind::number, JumpKind::none, effect::unpack_sequence},
    {Op::FOR_ITER, "FOR_ITER", 0, OperandKind::jump, JumpKind::forward, effect::jump<1, -1>},
    {Op::UNPACK_EX, "UNPACK_EX", 0, OperandKind::number, JumpKind::none, effect::unpack_ex},
    {Op::STORE_ATTR, "STORE_ATTR", 4, OperandKind::name, JumpKind::none, effect::fixed<-2>},
    {Op::DELETE_ATTR, "DELETE_ATTR", 0, OperandKind::name, JumpKind::none, effect::fixed<-1>},
    {Op::STORE_GLOBAL, "STORE_GLOBAL", 0, OperandKind::name, JumpKind::none, effect::fixed<-1>},
    {Op::DELETE_GLOBAL, "DELETE_GLOBAL", 0, OperandKind::name, JumpKind::none, effect::fixed<0>},
    {Op::SWAP, "SWAP", 0, OperandKind::number, JumpKind::none, effect::fixed<0>},
    {Op::LOAD_CONST, "LOAD_CONST", 0, OperandKind::constant, JumpKind::none, effect::fixed<1>},
    {Op::LOAD_NAME, "LOAD_NAME", 0, OperandKind::name, JumpKind::none, effect::fixed<1>},
    {Op::BUILD_TUPLE, "BUILD_TUPLE", 0, OperandKind::number, JumpKind::none, effect::build},
    {Op::BUILD_LIST, "BUILD_LIST", 0, OperandKind::number, JumpKind::none, effect::build},
    {Op::BUILD_SET, "BUILD_SET", 0, OperandKind::number, JumpKind::none, effect::build},
    {Op::BUILD_MAP, "BUILD_MAP", 0, OperandKind::number, JumpKind::none, effect::build_map},
    {Op::LOAD_ATTR, "LOAD_ATTR", 4, OperandKind::name, JumpKind::none, effect::fixed<0>},
    {Op::COMPARE_OP, "COMPARE_OP", 2, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::IMPORT_NAME, "IMPORT_NAME", 0, OperandKind::name, JumpKind::none, effect::fixed<-1>},
    {Op::IMPORT_FROM, "IMPORT_FROM", 0, OperandKind::name, JumpKind::none, effect::fixed<1>},
    {Op::JUMP_FORWARD, "JUMP_FORWARD", 0, OperandKind::jump, JumpKind::forward, effect::fixed<0>},
    {Op::JUMP_IF_FALSE_OR_POP, "JUMP_IF_FALSE_OR_POP", 0, OperandKind::jump, JumpKind::forward, effect::jump<-1, 0>},
    {Op::JUMP_IF_TRUE_OR_POP, "JUMP_IF_TRUE_OR_POP", 0, OperandKind::jump, JumpKind::forward, effect::jump<-1, 0>},
    {Op::POP_JUMP_FORWARD_IF_FALSE, "POP_JUMP_FORWARD_IF_FALSE", 0, OperandKind::jump, JumpKind::forward, effect::fixed<-1>},
    {Op::POP_JUMP_FORWARD_IF_TRUE, "POP_JUMP_FORWARD_IF_TRUE", 0, OperandKind::jump, JumpKind::forward, effect::fixed<-1>},
    {Op::LOAD_GLOBAL, "LOAD_GLOBAL", 5, OperandKind::name, JumpKind::none, effect::load_global},
    {Op::IS_OP, "IS_OP", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::CONTAINS_OP, "CONTAINS_OP", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::RERAISE, "RERAISE", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::COPY, "COPY", 0, OperandKind::number, JumpKind::none, effect::fixed<1>},
    {Op::BINARY_OP, "BINARY_OP", 1, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::SEND, "SEND", 0, OperandKind::jump, JumpKind::forward, effect::jump<0, -1>},
    {Op::LOAD_FAST, "LOAD_FAST", 0, OperandKind::local, JumpKind::none, effect::fixed<1>},
    {Op::STORE_FAST, "STORE_FAST", 0, OperandKind::local, JumpKind::none, effect::fixed<-1>},
    {Op::DELETE_FAST, "DELETE_FAST", 0, OperandKind::local, JumpKind::none, effect::fixed<0>},
    {Op::POP_JUMP_FORWARD_IF_NOT_NONE, "POP_JUMP_FORWARD_IF_NOT_NONE", 0, OperandKind::jump, JumpKind::forward, effect::fixed<-1>},
    {Op::POP_JUMP_FORWARD_IF_NONE, "POP_JUMP_FORWARD_IF_NONE", 0, OperandKind::jump, JumpKind::forward, effect::fixed<-1>},
    {Op::RAISE_VARARGS, "RAISE_VARARGS", 0, OperandKind::number, JumpKind::none, effect::pop_operand},
    {Op::GET_AWAITABLE, "GET_AWAITABLE", 0, OperandKind::number, JumpKind::none, effect::fixed<0>},
    {Op::MAKE_FUNCTION, "MAKE_FUNCTION", 0, OperandKind::number, JumpKind::none, effect::make_function},
    {Op::BUILD_SLICE, "BUILD_SLICE", 0, OperandKind::number, JumpKind::none, effect::build_slice},
    {Op::JUMP_BACKWARD_NO_INTERRUPT, "JUMP_BACKWARD_NO_INTERRUPT", 0, OperandKind::jump, JumpKind::backward, effect::fixed<0>},
    {Op::MAKE_CELL, "MAKE_CELL", 0, OperandKind::cell, JumpKind::none, effect::fixed<0>},
    {Op::LOAD_CLOSURE, "LOAD_CLOSURE", 0, OperandKind::cell, JumpKind::none, effect::fixed<1>},
    {Op::LOAD_DEREF, "LOAD_DEREF", 0, OperandKind::cell, JumpKind::none, effect::fixed<1>},
    {Op::STORE_DEREF, "STORE_DEREF", 0, OperandKind::cell, JumpKind::none, effect::fixed<-1>},
    {Op::DELETE_DEREF, "DELETE_DEREF", 0, OperandKind::cell, JumpKind::none, effect::fixed<0>},
    {Op::JUMP_BACKWARD, "JUMP_BACKWARD", 0, OperandKind::jump, JumpKind::backward, effect::fixed<0>},
    {Op::CALL_FUNCTION_EX, "CALL_FUNCTION_EX", 0, OperandKind::number, JumpKind::none, effect::call_function_ex},
    {Op::EXTENDED_ARG, "EXTENDED_ARG", 0, OperandKind::number, JumpKind::none, effect::fixed<0>},
    {Op::LIST_APPEND, "LIST_APPEND", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::SET_ADD, "SET_ADD", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::MAP_ADD, "MAP_ADD", 0, OperandKind::number, JumpKind::none, effect::fixed<-2>},
    {Op::LOAD_CLASSDEREF, "LOAD_CLASSDEREF", 0, OperandKind::cell, JumpKind::none, effect::fixed<1>},
    {Op::COPY_FREE_VARS, "COPY_FREE_VARS", 0, OperandKind::number, JumpKind::none, effect::fixed<0>},
    {Op::RESUME, "RESUME", 0, OperandKind::number, JumpKind::none, effect::fixed<0>},
    {Op::MATCH_CLASS, "MATCH_CLASS", 0, OperandKind::number, JumpKind::none, effect::fixed<-2>},
    {Op::FORMAT_VALUE, "FORMAT_VALUE", 0, OperandKind::number, JumpKind::none, effect::format_value},
    {Op::BUILD_CONST_KEY_MAP, "BUILD_CONST_KEY_MAP", 0, OperandKind::number, JumpKind::none, effect::pop_operand},
    {Op::BUILD_STRING, "BUILD_STRING", 0, OperandKind::number, JumpKind::none, effect::build},
    {Op::LOAD_METHOD, "LOAD_METHOD", 10, OperandKind::name, JumpKind::none, effect::fixed<1>},
    {Op::LIST_EXTEND, "LIST_EXTEND", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::SET_UPDATE, "SET_UPDATE", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::DICT_MERGE, "DICT_MERGE", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::DICT_UPDATE, "DICT_UPDATE", 0, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::PRECALL, "PRECALL", 1, OperandKind::number, JumpKind::none, effect::pop_operand},
    {Op::CALL, "CALL", 4, OperandKind::number, JumpKind::none, effect::fixed<-1>},
    {Op::KW_NAMES, "KW_NAMES", 0, OperandKind::constant, JumpKind::none, effect::fixed<0>},
    {Op::POP_JUMP_BACKWARD_IF_NOT_NONE, "POP_JUMP_BACKWARD_IF_NOT_NONE", 0, OperandKind::jump, JumpKind::backward, effect::fixed<-1>},
    {Op::POP_JUMP_BACKWARD_IF_NONE, "POP_JUMP_BACKWARD_IF_NONE", 0, OperandKind::jump, JumpKind::backward, effect::fixed<-1>},
    {Op::POP_JUMP_BACKWARD_IF_FALSE, "POP_JUMP_BACKWARD_IF_FALSE", 0, OperandKind::jump, JumpKind::backward, effect::fixed<-1>},
    {Op::POP_JUMP_BACKWARD_IF_TRUE, "POP_JUMP_BACKWARD_IF_TRUE", 0, OperandKind::jump, JumpKind::backward, effect::fixed<-1>},
};

struct SpecializedRow {
  Op op;
  const char* name;
  Op family;  // the plain opcode that co_code shows
};

inline constexpr SpecializedRow kSpecializedOpcodes[] = {
    {Op::BINARY_OP_ADAPTIVE, "BINARY_OP_ADAPTIVE", Op::BINARY_OP},
    {Op::BINARY_OP_ADD_FLOAT, "BINARY_OP_ADD_FLOAT", Op::BINARY_OP},
    {Op::BINARY_OP_ADD_INT, "BINARY_OP_ADD_INT", Op::BINARY_OP},
    {Op::BINARY_OP_ADD_UNICODE, "BINARY_OP_ADD_UNICODE", Op::BINARY_OP},
    {Op::BINARY_OP_INPLACE_ADD_UNICODE, "BINARY_OP_INPLACE_ADD_UNICODE", Op::BINARY_OP},
    {Op::BINARY_OP_INT, "BINARY_OP_INT", Op::BINARY_OP},
    {Op::BINARY_OP_MULTIPLY_FLOAT, "BINARY_OP_MULTIPLY_FLOAT", Op::BINARY_OP},
    {Op::BINARY_OP_MULTIPLY_INT, "BINARY_OP_MULTIPLY_INT", Op::BINARY_OP},
    {Op::BINARY_OP_SUBTRACT_FLOAT, "BINARY_OP_SUBTRACT_FLOAT", Op::BINARY_OP},
    {Op::BINARY_OP_SUBTRACT_INT, "BINARY_OP_SUBTRACT_INT", Op::BINARY_OP},
    {Op::BINARY_SUBSCR_ADAPTIVE, "BINARY_SUBSCR_ADAPTIVE", Op::BINARY_SUBSCR},
    {Op::BINARY_SUBSCR_DICT, "BINARY_SUBSCR_DICT", Op::BINARY_SUBSCR},
    {Op::BINARY_SUBSCR_GETITEM, "BINARY_SUBSCR_GETITEM", Op::BINARY_SUBSCR},
    {Op::BINARY_SUBSCR_LIST_INT, "BINARY_SUBSCR_LIST_INT", Op::BINARY_SUBSCR},
    {Op::BINARY_SUBSCR_TUPLE_INT, "BINARY_SUBSCR_TUPLE_INT", Op::BINARY_SUBSCR},
    {Op::CALL_ADAPTIVE, "CALL_ADAPTIVE", Op::CALL},
    {Op::CALL_CLASS, "CALL_CLASS", Op::CALL},
    {Op::CALL_PY_EXACT_ARGS, "CALL_PY_EXACT_ARGS", Op::CALL},
    {Op::CALL_PY_WITH_DEFAULTS, "CALL_PY_WITH_DEFAULTS", Op::CALL},
    {Op::COMPARE_OP_ADAPTIVE, "COMPARE_OP_ADAPTIVE", Op::COMPARE_OP},
    {Op::COMPARE_OP_FLOAT_JUMP, "COMPARE_OP_FLOAT_JUMP", Op::COMPARE_OP},
    {Op::COMPARE_OP_INT_JUMP, "COMPARE_OP_INT_JUMP", Op::COMPARE_OP},
    {Op::COMPARE_OP_STR_JUMP, "COMPARE_OP_STR_JUMP", Op::COMPARE_OP},
    {Op::EXTENDED_ARG_QUICK, "EXTENDED_ARG_QUICK", Op::EXTENDED_ARG},
    {Op::JUMP_BACKWARD_QUICK, "JUMP_BACKWARD_QUICK", Op::JUMP_BACKWARD},
    {Op::LOAD_ATTR_ADAPTIVE, "LOAD_ATTR_ADAPTIVE", Op::LOAD_ATTR},
    {Op::LOAD_ATTR_INSTANCE_VALUE, "LOAD_ATTR_INSTANCE_VALUE", Op::LOAD_ATTR},
    {Op::LOAD_ATTR_MODULE, "LOAD_ATTR_MODULE", Op::LOAD_ATTR},
    {Op::LOAD_ATTR_SLOT, "LOAD_ATTR_SLOT", Op::LOAD_ATTR},
    {Op::LOAD_ATTR_WITH_HINT, "LOAD_ATTR_WITH_HINT", Op::LOAD_ATTR},
    {Op::LOAD_CONST__LOAD_FAST, "LOAD_CONST__LOAD_FAST", Op::LOAD_CONST},
    {Op::LOAD_FAST__LOAD_ATTR, "LOAD_FAST__LOAD_ATTR", Op::LOAD_FAST},
    {Op::LOAD_FAST__STORE_ATTR, "LOAD_FAST__STORE_ATTR", Op::LOAD_FAST},
    {Op::LOAD_FAST__LOAD_CONST, "LOAD_FAST__LOAD_CONST", Op::LOAD_FAST},
    {Op::LOAD_FAST__LOAD_FAST, "LOAD_FAST__LOAD_FAST", Op::LOAD_FAST},
    {Op::LOAD_GLOBAL_ADAPTIVE, "LOAD_GLOBAL_ADAPTIVE", Op::LOAD_GLOBAL},
    {Op::LOAD_GLOBAL_BUILTIN, "LOAD_GLOBAL_BUILTIN", Op::LOAD_GLOBAL},
    {Op::LOAD_GLOBAL_MODULE, "LOAD_GLOBAL_MODULE", Op::LOAD_GLOBAL},
    {Op::LOAD_METHOD_ADAPTIVE, "LOAD_METHOD_ADAPTIVE", Op::LOAD_METHOD},
    {Op::LOAD_METHOD_CLASS, "LOAD_METHOD_CLASS", Op::LOAD_METHOD},
    {Op::LOAD_METHOD_MODULE, "LOAD_METHOD_MODULE", Op::LOAD_METHOD},
    {Op::LOAD_METHOD_NO_DICT, "LOAD_METHOD_NO_DICT", Op::LOAD_METHOD},
    {Op::LOAD_METHOD_WITH_DICT, "LOAD_METHOD_WITH_DICT", Op::LOAD_METHOD},
    {Op::LOAD_METHOD_WITH_VALUES, "LOAD_METHOD_WITH_VALUES", Op::LOAD_METHOD},
    {Op::PRECALL_ADAPTIVE, "PRECALL_ADAPTIVE", Op::PRECALL},
    {Op::PRECALL_BOUND_METHOD, "PRECALL_BOUND_METHOD", Op::PRECALL},
    {Op::PRECALL_BUILTIN_CLASS, "PRECALL_BUILTIN_CLASS", Op::PRECALL},
    {Op::PRECALL_BUILTIN_FAST_WITH_KEYWORDS, "PRECALL_BUILTIN_FAST_WITH_KEYWORDS", Op::PRECALL},
    {Op::PRECALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS, "PRECALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS", Op::PRECALL},
    {Op::PRECALL_NO_KW_BUILTIN_FAST, "PRECALL_NO_KW_BUILTIN_FAST", Op::PRECALL},
    {Op::PRECALL_NO_KW_BUILTIN_O, "PRECALL_NO_KW_BUILTIN_O", Op::PRECALL},
    {Op::PRECALL_NO_KW_ISINSTANCE, "PRECALL_NO_KW_ISINSTANCE", Op::PRECALL},
    {Op::PRECALL_NO_KW_LEN, "PRECALL_NO_KW_LEN", Op::PRECALL},
    {Op::PRECALL_NO_KW_LIST_APPEND, "PRECALL_NO_KW_LIST_APPEND", Op::PRECALL},
    {Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_FAST, "PRECALL_NO_KW_METHOD_DESCRIPTOR_FAST", Op::PRECALL},
    {Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_NOARGS, "PRECALL_NO_KW_METHOD_DESCRIPTOR_NOARGS", Op::PRECALL},
    {Op::PRECALL_NO_KW_METHOD_DESCRIPTOR_O, "PRECALL_NO_KW_METHOD_DESCRIPTOR_O", Op::PRECALL},
    {Op::PRECALL_NO_KW_STR_1, "PRECALL_NO_KW_STR_1", Op::PRECALL},
    {Op::PRECALL_NO_KW_TUPLE_1, "PRECALL_NO_KW_TUPLE_1", Op::PRECALL},
    {Op::PRECALL_NO_KW_TYPE_1, "PRECALL_NO_KW_TYPE_1", Op::PRECALL},
    {Op::PRECALL_PYFUNC, "PRECALL_PYFUNC", Op::PRECALL},
    {Op::RESUME_QUICK, "RESUME_QUICK", Op::RESUME},
    {Op::STORE_ATTR_ADAPTIVE, "STORE_ATTR_ADAPTIVE", Op::STORE_ATTR},
    {Op::STORE_ATTR_INSTANCE_VALUE, "STORE_ATTR_INSTANCE_VALUE", Op::STORE_ATTR},
    {Op::STORE_ATTR_SLOT, "STORE_ATTR_SLOT", Op::STORE_ATTR},
    {Op::STORE_ATTR_WITH_HINT, "STORE_ATTR_WITH_HINT", Op::STORE_ATTR},
    {Op::STORE_FAST__LOAD_FAST, "STORE_FAST__LOAD_FAST", Op::STORE_FAST},
    {Op::STORE_FAST__STORE_FAST, "STORE_FAST__STORE_FAST", Op::STORE_FAST},
    {Op::STORE_SUBSCR_ADAPTIVE, "STORE_SUBSCR_ADAPTIVE", Op::STORE_SUBSCR},
    {Op::STORE_SUBSCR_DICT, "STORE_SUBSCR_DICT", Op::STORE_SUBSCR},
    {Op::STORE_SUBSCR_LIST_INT, "STORE_SUBSCR_LIST_INT", Op::STORE_SUBSCR},
    {Op::UNPACK_SEQUENCE_ADAPTIVE, "UNPACK_SEQUENCE_ADAPTIVE", Op::UNPACK_SEQUENCE},
    {Op::UNPACK_SEQUENCE_LIST, "UNPACK_SEQUENCE_LIST", Op::UNPACK_SEQUENCE},
    {Op::UNPACK_SEQUENCE_TUPLE, "UNPACK_SEQUENCE_TUPLE", Op::UNPACK_SEQUENCE},
    {Op::UNPACK_SEQUENCE_TWO_TUPLE, "UNPACK_SEQUENCE_TWO_TUPLE", Op::UNPACK_SEQUENCE},
    {Op::RETURN_VALUE_IN_GENERAL, "RETURN_VALUE_IN_GENERAL", Op::RETURN_VALUE},
    {Op::VERIFY, "VERIFY", Op::VERIFY},
    {Op::DO_TRACING, "DO_TRACING", Op::DO_TRACING},
};

// Everything about an opcode by its number; `name` is null for a number that means nothing.
struct OpcodeInfo {
  const char* name = nullptr;
  StackEffect effect = nullptr;  // plain opcodes only
  Op family{};                   // itself, or the plain opcode of a specialized form
  uint8_t caches = 0;            // code units of cache behind it
  OperandKind operand = OperandKind::none;
  JumpKind jump = JumpKind::none;
  bool specialized = false;
};

inline constexpr std::array<OpcodeInfo, 256> kOpcodeInfo = [] {
  std::array<OpcodeInfo, 256> table{};
  for (const OpcodeRow& row : kOpcodes) {
    table[static_cast<uint8_t>(row.op)] = {row.name, row.effect, row.op, row.caches, row.operand, row.jump, false};
  }
  for (const SpecializedRow& row : kSpecializedOpcodes) {
    OpcodeInfo info = table[static_cast<uint8_t>(row.family)];
    info.name = row.name;
    info.specialized = true;
    info.effect = nullptr;
    table[static_cast<uint8_t>(row.op)] = info;
  }
  return table;
}();

constexpr const OpcodeInfo& info_of(Op op) { return kOpcodeInfo[static_cast<uint8_t>(op)]; }
constexpr const OpcodeInfo& info_of(uint8_t opcode) { return kOpcodeInfo[opcode]; }
constexpr int caches_of(Op op) { return info_of(op).caches; }
constexpr Op plain_form(Op op) { return info_of(op).family; }

// How an instruction changes the stack's depth. `jumps` < 0 asks for the larger of both ways.
// INT_MAX for a number that is no plain opcode.
constexpr int stack_effect(int opcode, int operand, int jumps) {
  if (opcode < 0 || opcode > 255) return INT_MAX;
  StackEffect effect = kOpcodeInfo[opcode].effect;
  if (!effect) return INT_MAX;
  if (jumps >= 0) return effect(operand, jumps != 0);
  int stay = effect(operand, false);
  int jump = effect(operand, true);
  return stay > jump ? stay : jump;
}

static_assert(info_of(Op::LOAD_METHOD).caches == 10 && info_of(Op::CALL).caches == 4);
static_assert(stack_effect(92, 3, -1) == 2);

}  // namespace gill
