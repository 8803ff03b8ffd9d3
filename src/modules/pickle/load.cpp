// Loading: the dispatch of instructions, the stack with its marks, the memo's instructions.
#include "modules/pickle/load.h"

namespace gill::pickle {

// ---- the stack ------------------------------------------------------------------------------------------------------------------

Failure stack_underflow(Unpickler* self) {
  return raise(self->state->unpickling_error, self->stack->mark_count ? "unexpected MARK found" : "unpickling stack underflow");
}

Status grow_stack(Stack* stack) {
  Py_ssize_t wanted = stack->allocated + (stack->allocated >> 3) + (stack->allocated ? 6 : 8);
  auto* fresh = static_cast<PyObject**>(PyMem_Realloc(stack->items, static_cast<size_t>(wanted) * sizeof(PyObject*)));
  if (!fresh) {
    PyErr_NoMemory();
    return Status::error;
  }
  stack->items = fresh;
  stack->allocated = wanted;
  return Status::ok;
}

void cut_stack(Stack* stack, Py_ssize_t size) {
  while (stack->size > size) release(stack->items[--stack->size]);
}

Ref<> pop_tuple(Unpickler* self, Py_ssize_t start) {
  Stack* stack = self->stack;
  if (start < stack->fence) return stack_underflow(self);
  Py_ssize_t count = stack->size - start;
  Ref<> tuple = TRY(steal(PyTuple_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple.get(), i, stack->items[start + i]);
  stack->size = start;
  return tuple;
}

Ref<> pop_list(Unpickler* self, Py_ssize_t start) {
  Stack* stack = self->stack;
  Py_ssize_t count = stack->size - start;
  Ref<> list = TRY(steal(PyList_New(count)));
  for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(list.get(), i, stack->items[start + i]);
  stack->size = start;
  return list;
}

Maybe<Py_ssize_t> pop_mark(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->mark_count < 1) return raise(self->state->unpickling_error, "could not find MARK");
  Py_ssize_t mark = stack->marks[--stack->mark_count];
  stack->fence = stack->mark_count ? stack->marks[stack->mark_count - 1] : 0;
  // A load inside of this one can have taken the stack away.
  if (mark > stack->size) return stack_underflow(self);
  return mark;
}

// ---- reading --------------------------------------------------------------------------------------------------------------------

Maybe<Py_ssize_t> read_size(Unpickler* self, int bytes, PyObject* error, const char* what) {
  const char* data = TRY(read_bytes(self, bytes));
  uint64_t size = little_endian(data, bytes);
  if (size > static_cast<uint64_t>(PY_SSIZE_T_MAX)) return raise(error, what, PY_SSIZE_T_MAX);
  return static_cast<Py_ssize_t>(size);
}

Maybe<Line> read_full_line(Unpickler* self, Py_ssize_t least) {
  Line line = TRY(read_line(self));
  if (line.size < least + 1) return truncated(self->state);
  return line;
}

Ref<> call_find_class(Unpickler* self, PyObject* module_name, PyObject* global_name) {
  return steal(PyObject_CallMethodObjArgs(as_object(self), name<"find_class">, module_name, global_name, nullptr));
}

namespace {

// ---- instructions of the stack and the memo ---------------------------------------------------------------------------------------

Status load_mark(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->mark_count >= stack->marks_allocated) {
    Py_ssize_t wanted = stack->mark_count * 2 + 20;
    auto* fresh = static_cast<Py_ssize_t*>(PyMem_Realloc(stack->marks, static_cast<size_t>(wanted) * sizeof(Py_ssize_t)));
    if (!fresh) {
      PyErr_NoMemory();
      return Status::error;
    }
    stack->marks = fresh;
    stack->marks_allocated = wanted;
  }
  stack->fence = stack->marks[stack->mark_count++] = stack->size;
  return Status::ok;
}

// What lies on top goes, be it a mark.
Status load_pop(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->mark_count > 0 && stack->marks[stack->mark_count - 1] == stack->size) {
    --stack->mark_count;
    stack->fence = stack->mark_count ? stack->marks[stack->mark_count - 1] : 0;
    return Status::ok;
  }
  Ref<> dropped = TRY(pop(self));
  return Status::ok;
}

Status load_pop_mark(Unpickler* self) {
  Py_ssize_t mark = TRY(pop_mark(self));
  cut_stack(self->stack, mark);
  return Status::ok;
}

Ref<> top(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->size <= stack->fence) return stack_underflow(self);
  return borrow(stack->items[stack->size - 1]);
}

Status push_memo(Unpickler* self, Py_ssize_t index) {
  PyObject* value = index < 0 ? nullptr : memo_lookup(self, index);
  if (!value) return raise(self->state->unpickling_error, "Memo value not found at index %ld", static_cast<long>(index));
  return push(self, borrow(value));
}

Maybe<Py_ssize_t> read_index_line(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  Ref<> number = TRY(steal(PyLong_FromString(line.text, nullptr, 10)));
  return checked(PyLong_AsSsize_t(number.get()));
}

Status load_get(Unpickler* self) { return push_memo(self, TRY(read_index_line(self))); }
Status load_binget(Unpickler* self, int bytes) { return push_memo(self, static_cast<Py_ssize_t>(little_endian(TRY(read_bytes(self, bytes)), bytes))); }

Status load_put(Unpickler* self) {
  Line line = TRY(read_full_line(self, 1));
  Ref<> value = TRY(top(self));
  Ref<> number = TRY(steal(PyLong_FromString(line.text, nullptr, 10)));
  Py_ssize_t index = TRY(checked(PyLong_AsSsize_t(number.get())));
  if (index < 0) return raise(PyExc_ValueError, "negative PUT argument");
  return memo_store(self, index, value.get());
}
Status load_binput(Unpickler* self, int bytes) {
  const char* data = TRY(read_bytes(self, bytes));
  auto index = static_cast<Py_ssize_t>(little_endian(data, bytes));
  Stack* stack = self->stack;
  if (stack->size <= stack->fence) return stack_underflow(self);
  return memo_store(self, index, stack->items[stack->size - 1]);
}
Status load_memoize(Unpickler* self) {
  Stack* stack = self->stack;
  if (stack->size <= stack->fence) return stack_underflow(self);
  return memo_store(self, self->memo_used, stack->items[stack->size - 1]);
}

Status load_proto(Unpickler* self) {
  int protocol = static_cast<unsigned char>(*TRY(read_bytes(self, 1)));
  if (protocol > kHighestProtocol) return raise(PyExc_ValueError, "unsupported pickle protocol: %d", protocol);
  self->protocol = protocol;
  return Status::ok;
}

// A frame tells how much to read at once.
Status load_frame(Unpickler* self) {
  Py_ssize_t size = TRY(read_size(self, 8, PyExc_OverflowError, "FRAME length exceeds system's maximum of %zd bytes"));
  TRY(read_bytes(self, size));
  self->next -= size;
  return Status::ok;
}

Status unknown(Unpickler* self, unsigned char opcode) {
  bool shown = opcode >= 0x20 && opcode <= 0x7e && opcode != '\'' && opcode != '\\';
  return raise(self->state->unpickling_error, shown ? "invalid load key, '%c'." : "invalid load key, '\\x%02x'.", opcode);
}

Status execute(Unpickler* self, Op opcode) {
  switch (opcode) {
    case NONE: return push(self, none());
    case BININT: return load_binint(self, 4);
    case BININT1: return load_binint(self, 1);
    case BININT2: return load_binint(self, 2);
    case INT: return load_int(self);
    case LONG: return load_long(self);
    case LONG1: return load_counted_long(self, 1);
    case LONG4: return load_counted_long(self, 4);
    case FLOAT: return load_float(self);
    case BINFLOAT: return load_binfloat(self);
    case NEWTRUE: return push(self, borrow(Py_True));
    case NEWFALSE: return push(self, borrow(Py_False));
    case STRING: return load_string(self);
    case BINSTRING: return load_counted_string(self, 4);
    case SHORT_BINSTRING: return load_counted_string(self, 1);
    case SHORT_BINBYTES: return load_counted_bytes(self, 1);
    case BINBYTES: return load_counted_bytes(self, 4);
    case BINBYTES8: return load_counted_bytes(self, 8);
    case BYTEARRAY8: return load_counted_bytearray(self);
    case NEXT_BUFFER: return load_next_buffer(self);
    case READONLY_BUFFER: return load_readonly_buffer(self);
    case UNICODE: return load_unicode(self);
    case SHORT_BINUNICODE: return load_counted_unicode(self, 1);
    case BINUNICODE: return load_counted_unicode(self, 4);
    case BINUNICODE8: return load_counted_unicode(self, 8);
    case EMPTY_TUPLE: return load_counted_tuple(self, 0);
    case TUPLE1: return load_counted_tuple(self, 1);
    case TUPLE2: return load_counted_tuple(self, 2);
    case TUPLE3: return load_counted_tuple(self, 3);
    case TUPLE: return load_tuple(self);
    case EMPTY_LIST: return push(self, steal(PyList_New(0)));
    case LIST: return load_list(self);
    case EMPTY_DICT: return push(self, steal(PyDict_New()));
    case DICT: return load_dict(self);
    case EMPTY_SET: return push(self, steal(PySet_New(nullptr)));
    case FROZENSET: return load_frozenset(self);
    case APPEND: return load_append(self);
    case APPENDS: return load_appends(self);
    case SETITEM: return load_setitem(self);
    case SETITEMS: return load_setitems(self);
    case ADDITEMS: return load_additems(self);
    case OBJ: return load_obj(self);
    case INST: return load_inst(self);
    case NEWOBJ: return load_newobj(self, false);
    case NEWOBJ_EX: return load_newobj(self, true);
    case GLOBAL: return load_global(self);
    case STACK_GLOBAL: return load_stack_global(self);
    case EXT1: return load_extension(self, 1);
    case EXT2: return load_extension(self, 2);
    case EXT4: return load_extension(self, 4);
    case PERSID: return load_persid(self);
    case BINPERSID: return load_binpersid(self);
    case BUILD: return load_build(self);
    case REDUCE: return load_reduce(self);
    case MARK: return load_mark(self);
    case POP: return load_pop(self);
    case POP_MARK: return load_pop_mark(self);
    case DUP: return push(self, top(self));
    case GET: return load_get(self);
    case BINGET: return load_binget(self, 1);
    case LONG_BINGET: return load_binget(self, 4);
    case PUT: return load_put(self);
    case BINPUT: return load_binput(self, 1);
    case LONG_BINPUT: return load_binput(self, 4);
    case MEMOIZE: return load_memoize(self);
    case PROTO: return load_proto(self);
    case FRAME: return load_frame(self);
    default: return unknown(self, static_cast<unsigned char>(opcode));
  }
}

}  // namespace

Ref<> load_object(Unpickler* self) {
  Stack* stack = self->stack;
  stack->mark_count = 0;
  stack->fence = 0;
  self->protocol = 0;
  cut_stack(stack, 0);
  for (;;) {
    Maybe<const char*> opcode = read_bytes(self, 1);
    if (!opcode) {
      if (PyErr_ExceptionMatches(self->state->unpickling_error)) PyErr_SetString(PyExc_EOFError, "Ran out of input");
      return failure;
    }
    if (*opcode.value() == STOP) break;
    TRY(execute(self, static_cast<Op>(*opcode.value())));
  }
  TRY(skip_consumed(self));
  return pop(self);
}

}  // namespace gill::pickle
