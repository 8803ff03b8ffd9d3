// The stack machine that loads pickles: what load.cpp (dispatch, stack, memo), load_values.cpp (numbers, texts, buffers) and
// load_objects.cpp (containers, classes, instances) share.
#pragma once

#include "modules/pickle/pickle.h"

namespace gill::pickle {

// Names of the shape `load_...` carry out one instruction, its opcode read.

[[gnu::cold]] Failure stack_underflow(Unpickler* self);
Status grow_stack(Stack* stack);

inline Status push(Unpickler* self, Ref<> value) {
  if (!value) return Status::error;
  Stack* stack = self->stack;
  if (stack->size == stack->allocated) [[unlikely]] TRY(grow_stack(stack));
  stack->items[stack->size++] = value.release();
  return Status::ok;
}
inline Ref<> pop(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->size <= stack->fence) [[unlikely]] return stack_underflow(self);
  return steal(stack->items[--stack->size]);
}
void cut_stack(Stack* stack, Py_ssize_t size);
// What lies above `start`, in order.
Ref<> pop_tuple(Unpickler* self, Py_ssize_t start);
Ref<> pop_list(Unpickler* self, Py_ssize_t start);
// Closes the innermost mark; where it was.
Maybe<Py_ssize_t> pop_mark(Unpickler* self);

inline uint64_t little_endian(const char* data, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(static_cast<unsigned char>(data[i])) << (8 * i);
  return value;
}
// A length of `bytes` bytes; `what` is the message when it is beyond any memory.
Maybe<Py_ssize_t> read_size(Unpickler* self, int bytes, PyObject* error, const char* what);
// A line of at least that many bytes besides the newline.
Maybe<Line> read_full_line(Unpickler* self, Py_ssize_t least);
Ref<> call_find_class(Unpickler* self, PyObject* module_name, PyObject* global_name);

// load_values.cpp
Status load_bool(Unpickler* self, bool value);
Status load_int(Unpickler* self);
Status load_binint(Unpickler* self, int bytes);
Status load_long(Unpickler* self);
Status load_counted_long(Unpickler* self, int size_bytes);
Status load_float(Unpickler* self);
Status load_binfloat(Unpickler* self);
Status load_string(Unpickler* self);
Status load_counted_string(Unpickler* self, int size_bytes);
Status load_counted_bytes(Unpickler* self, int size_bytes);
Status load_counted_bytearray(Unpickler* self);
Status load_next_buffer(Unpickler* self);
Status load_readonly_buffer(Unpickler* self);
Status load_unicode(Unpickler* self);
Status load_counted_unicode(Unpickler* self, int size_bytes);

// load_objects.cpp
Status load_counted_tuple(Unpickler* self, Py_ssize_t size);
Status load_tuple(Unpickler* self);
Status load_list(Unpickler* self);
Status load_dict(Unpickler* self);
Status load_frozenset(Unpickler* self);
Status load_append(Unpickler* self);
Status load_appends(Unpickler* self);
Status load_setitem(Unpickler* self);
Status load_setitems(Unpickler* self);
Status load_additems(Unpickler* self);
Status load_obj(Unpickler* self);
Status load_inst(Unpickler* self);
Status load_newobj(Unpickler* self, bool with_keywords);
Status load_global(Unpickler* self);
Status load_stack_global(Unpickler* self);
Status load_extension(Unpickler* self, int bytes);
Status load_persid(Unpickler* self);
Status load_binpersid(Unpickler* self);
Status load_build(Unpickler* self);
Status load_reduce(Unpickler* self);

}  // namespace gill::pickle
