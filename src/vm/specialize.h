// Inline caches and specialized instructions.
//
// A code object that has run a while is quickened: its instructions of the families below become their adaptive
// forms. An adaptive instruction looks at its operands every so often and, when it knows a faster form for them, rewrites itself
// to that form and fills the cache entries behind it. A specialized form checks what it relies on (a version
// of the type or of a dict's keys, an exact type) before it touches anything; when the check fails it runs the plain form
// for this once, and after too many misses turns back into the adaptive form.
//
// The first cache entry of each family is a counter: of executions until the next look in the adaptive form, of misses still
// tolerated in a specialized form. Rewriting happens under the interpreter's lock, one code unit at a time.
#pragma once

#include <cstring>

#include "vm/handlers.h"

namespace gill::vm {

// Executions of a code object before quickening counts from PyCodeObject::co_warmup up to zero.
void quicken(PyCodeObject* code);

inline constexpr CodeUnit kTolerance = 52;   // misses before a specialized form is given up
inline constexpr CodeUnit kRetry = 31;       // executions after giving up before the next look
inline constexpr CodeUnit kBackoff = 600;    // after a look that found nothing

inline void set_op(CodeUnit* unit, Op op) {
  *unit = static_cast<CodeUnit>((*unit & 0xff00) | static_cast<CodeUnit>(op));
}

// Cache entries are two bytes wide and aligned so.
inline uint32_t read32(const CodeUnit* cache) {
  uint32_t value;
  std::memcpy(&value, cache, sizeof value);
  return value;
}
inline void write32(CodeUnit* cache, uint32_t value) { std::memcpy(cache, &value, sizeof value); }
inline PyObject* read_object(const CodeUnit* cache) {
  PyObject* value;
  std::memcpy(&value, cache, sizeof value);
  return value;
}
inline void write_object(CodeUnit* cache, PyObject* value) { std::memcpy(cache, &value, sizeof value); }

// The steps below run with `next` behind the instruction, at its counter.

inline void specialized_to(CodeUnit* next, Op op) {
  set_op(next - 1, op);
  next[0] = kTolerance;
}
inline void found_nothing(CodeUnit* next) { next[0] = kBackoff; }

// A specialized form whose check failed.
#define END_MISS(FAMILY)                         \
  do {                                           \
    if (next[0] == 0) {                          \
      set_op(next - 1, Op::FAMILY##_ADAPTIVE);   \
      next[0] = kRetry;                          \
    } else {                                     \
      --next[0];                                 \
    }                                            \
    TAIL(op_##FAMILY);                           \
  } while (0)

// The adaptive form: LOOK is a call that calls specialized_to() or found_nothing().
#define ADAPTIVE(FAMILY, LOOK)                                                                                              \
  HANDLER(FAMILY##_ADAPTIVE) {                                                                                              \
    if (next[0] == 0) {                                                                                                     \
      SAVE_PLACE();                                                                                                         \
      LOOK;                                                                                                                 \
      [[clang::musttail]] return kPlainTable.at[next[-1] & 255](VM_ARGUMENTS);                                              \
    }                                                                                                                       \
    --next[0];                                                                                                              \
    TAIL(op_##FAMILY);                                                                                                      \
  }

// specialize_names.cpp
void specialize_load_global(Frame* frame, CodeUnit* next, PyObject* variable);
// specialize_attributes.cpp
void specialize_load_attr(CodeUnit* next, PyObject* owner, PyObject* attribute);
void specialize_store_attr(CodeUnit* next, PyObject* owner, PyObject* attribute);
void specialize_load_method(CodeUnit* next, PyObject* owner, PyObject* attribute);
// specialize_arithmetic.cpp
void specialize_binary_op(Frame* frame, CodeUnit* next, uint32_t oparg, PyObject* left, PyObject* right);
// specialize_compare.cpp
void specialize_compare_op(CodeUnit* next, uint32_t oparg, PyObject* left, PyObject* right);
// specialize_subscript.cpp
void specialize_binary_subscr(CodeUnit* next, PyObject* container, PyObject* key);
void specialize_store_subscr(CodeUnit* next, PyObject* container, PyObject* key);
// specialize_sequence.cpp
void specialize_unpack_sequence(CodeUnit* next, uint32_t oparg, PyObject* sequence);
// superinstructions.cpp: the form of `first` when the two others follow it. LOAD_FAST with an attribute is in specialize_attributes.cpp.
Op joined_form(Op first, Op second, Op third);
// specialize_calls.cpp, specialize_builtins.cpp. The arguments of bound methods include the object.
void specialize_call(ThreadState* thread, EvalContext* ctx, CodeUnit* next, PyObject* callable, Py_ssize_t count, PyObject* kwnames);
void specialize_precall(ThreadState* thread, CodeUnit* next, uint32_t oparg, PyObject* callable, Py_ssize_t count, PyObject* kwnames);

}  // namespace gill::vm
