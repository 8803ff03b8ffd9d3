// What the files of `_pickle` share: the opcodes, the module's state, the structures of Pickler and Unpickler.
//
//   pickle_module.cpp   state, dump(), dumps(), load(), loads()
//   memo.cpp            from objects to their numbers
//   output.cpp          the bytes written so far, frames
//   pickler.cpp         the types Pickler and PicklerMemoProxy
//   save.cpp            dispatch; atoms, texts and buffers
//   save_containers.cpp tuples, lists, dicts, sets
//   save_reduce.cpp     globals, what __reduce_ex__ returns
//   input.cpp           reading from bytes or a file
//   unpickler.cpp       the types Unpickler and UnpicklerMemoProxy
//   memo_proxy.h        what both proxies are made from
//   load.cpp, load_values.cpp, load_objects.cpp   the instructions
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::pickle {

inline constexpr int kHighestProtocol = 5;
inline constexpr int kDefaultProtocol = 4;

enum Op : char {
  MARK = '(', STOP = '.', POP = '0', POP_MARK = '1', DUP = '2', FLOAT = 'F', INT = 'I', BININT = 'J', BININT1 = 'K', LONG = 'L', BININT2 = 'M',
  NONE = 'N', PERSID = 'P', BINPERSID = 'Q', REDUCE = 'R', STRING = 'S', BINSTRING = 'T', SHORT_BINSTRING = 'U', UNICODE = 'V', BINUNICODE = 'X',
  APPEND = 'a', BUILD = 'b', GLOBAL = 'c', DICT = 'd', EMPTY_DICT = '}', APPENDS = 'e', GET = 'g', BINGET = 'h', INST = 'i', LONG_BINGET = 'j',
  LIST = 'l', EMPTY_LIST = ']', OBJ = 'o', PUT = 'p', BINPUT = 'q', LONG_BINPUT = 'r', SETITEM = 's', TUPLE = 't', EMPTY_TUPLE = ')', SETITEMS = 'u',
  BINFLOAT = 'G',
  // Protocol 2
  PROTO = '\x80', NEWOBJ = '\x81', EXT1 = '\x82', EXT2 = '\x83', EXT4 = '\x84', TUPLE1 = '\x85', TUPLE2 = '\x86', TUPLE3 = '\x87', NEWTRUE = '\x88',
  NEWFALSE = '\x89', LONG1 = '\x8a', LONG4 = '\x8b',
  // Protocol 3
  BINBYTES = 'B', SHORT_BINBYTES = 'C',
  // Protocol 4
  SHORT_BINUNICODE = '\x8c', BINUNICODE8 = '\x8d', BINBYTES8 = '\x8e', EMPTY_SET = '\x8f', ADDITEMS = '\x90', FROZENSET = '\x91', NEWOBJ_EX = '\x92',
  STACK_GLOBAL = '\x93', MEMOIZE = '\x94', FRAME = '\x95',
  // Protocol 5
  BYTEARRAY8 = '\x96', NEXT_BUFFER = '\x97', READONLY_BUFFER = '\x98',
};

struct State {
  PyObject *pickle_error, *pickling_error, *unpickling_error;
  PyObject* dispatch_table;       // copyreg.dispatch_table, a dict
  PyObject* extension_registry;   // (module, name) to code
  PyObject* extension_cache;      // code to object
  PyObject* inverted_registry;    // code to (module, name)
  PyObject *name_mapping, *import_mapping;  // of _compat_pickle: from Python 2 to 3
  PyObject *reverse_name_mapping, *reverse_import_mapping;
  PyObject* codecs_encode;
  PyObject* getattr;
  PyObject* partial;
  PyTypeObject *pickler_type, *unpickler_type, *pickler_memo_type, *unpickler_memo_type;
};
State* state_of_type(PyTypeObject* type);

extern const PyMethodDef kPicklerMethods[];

// ---- memo -----------------------------------------------------------------------------------------------------------------

// From the identity of objects, which it keeps alive, to numbers.
class Memo {
 public:
  struct Entry {
    PyObject* key;
    Py_ssize_t number;
  };

  Py_ssize_t size() const { return used_; }
  size_t capacity() const { return entries_ ? mask_ + 1 : 0; }
  Py_ssize_t* find(PyObject* key) const;  // null when absent
  Status set(PyObject* key, Py_ssize_t number);
  void clear();
  Status copy_from(const Memo& other);
  int traverse(visitproc visit, void* arg) const;
  template <class F>
  Status for_each(F f) const {
    for (size_t i = 0; i < capacity(); ++i) {
      if (entries_[i].key) TRY(f(entries_[i]));
    }
    return Status::ok;
  }
  void swap(Memo& other) {
    std::swap(entries_, other.entries_);
    std::swap(mask_, other.mask_);
    std::swap(used_, other.used_);
  }

 private:
  Entry* slot_of(PyObject* key) const;
  Status grow();

  Entry* entries_;
  size_t mask_;
  Py_ssize_t used_;
};

// ---- output ---------------------------------------------------------------------------------------------------------------

// What has been written and not yet handed to the file. With framing on, opcodes are gathered in frames, whose header is left
// free at the begin and filled in when the frame is complete.
class Output {
 public:
  Status clear();
  void dispose();
  Status write(const char* data, Py_ssize_t size);
  Status write(Op op) {
    char c = op;
    if (size_ >= allocated_ || (framing_ && frame_start_ == -1)) [[unlikely]] return write(&c, 1);
    PyBytes_AS_STRING(bytes_)[size_++] = c;
    return Status::ok;
  }
  // A payload with its header. A long one stands outside frames, and goes to the file by itself when there is one: `payload` is
  // then the object to write, made from the bytes when null.
  Status write_payload(const char* header, Py_ssize_t header_size, const char* data, Py_ssize_t size, PyObject* payload, PyObject* write_method);
  Status commit_frame();
  // Between two opcodes: ends a frame that has become long enough, and hands it to the file.
  Status opcode_boundary(PyObject* write_method);
  Status flush(PyObject* write_method);
  Ref<> take();  // the bytes
  void set_framing(bool on) { framing_ = on; }
  Py_ssize_t allocated() const { return allocated_; }

 private:
  Status reserve(Py_ssize_t extra);

  PyObject* bytes_;
  Py_ssize_t size_;
  Py_ssize_t allocated_;
  Py_ssize_t frame_start_;  // -1: in no frame
  bool framing_;
};

struct Pickler {
  PyObject_HEAD
  State* state;
  Memo* memo;
  Output output;
  PyObject* persistent_function;  // persistent_id, without its self when that is this object
  PyObject* persistent_self;      // this object, borrowed, when the function is to be called with it
  PyObject* dispatch_table;
  PyObject* reducer_override;     // during dump()
  PyObject* write_method;         // null for dumps()
  PyObject* fast_memo;            // what is being saved, by address, when nested deeply in fast mode
  PyObject* buffer_callback;
  int protocol;
  int binary;
  int fast;
  int fast_nesting;
  bool fix_imports;
};
using PicklerFields = HeapTypeFields<&Pickler::persistent_function, &Pickler::dispatch_table, &Pickler::reducer_override, &Pickler::write_method,
                                     &Pickler::fast_memo, &Pickler::buffer_callback>;

// Instances are as large as the reference's, which programs can see.
inline constexpr int kPicklerSize = 152;
inline constexpr int kUnpicklerSize = 272;
static_assert(sizeof(Pickler) <= kPicklerSize);

Ref<Pickler> new_pickler(State* state);
Status set_protocol(Pickler* self, PyObject* protocol, bool fix_imports);
Status set_buffer_callback(Pickler* self, PyObject* callback);
Status set_output_stream(Pickler* self, PyObject* file);
Status dump_object(Pickler* self, PyObject* object);

Status save(Pickler* self, PyObject* object, bool is_persistent_id = false);
Status memo_put(Pickler* self, PyObject* object);
Status memo_get(Pickler* self, PyObject* object);
Status save_tuple(Pickler* self, PyObject* object);
Status save_list(Pickler* self, PyObject* object);
Status save_dict(Pickler* self, PyObject* object);
Status save_set(Pickler* self, PyObject* object);
Status save_frozenset(Pickler* self, PyObject* object);
Status batch_list(Pickler* self, PyObject* iterator);
Status batch_dict(Pickler* self, PyObject* iterator);
Status save_global(Pickler* self, PyObject* object, PyObject* global_name);
Status save_type(Pickler* self, PyObject* object);
// `reduced` is what __reduce_ex__ returned; `object` is put in the memo unless null.
Status save_reduced(Pickler* self, PyObject* reduced, PyObject* object);

// A method that a subclass or an assignment defined; a bound method of `self` is stored as its function, to avoid a cycle.
Status load_method_reference(PyObject* self, PyObject* attribute, PyObject** function, PyObject** bound_self);
Ref<> call_method_reference(PyObject* function, PyObject* bound_self, PyObject* argument);
Ref<> method_reference(PyObject* function, PyObject* bound_self);

// The parts of a dotted name; AttributeError when it is one of a function's locals.
Ref<> split_dotted(PyObject* object, PyObject* dotted);
// Follows the parts; null with AttributeError when one is missing. `parent` gets the object before the last.
Ref<> deep_attribute(PyObject* object, PyObject* parts, Ref<>* parent);
Ref<> get_attribute(PyObject* object, PyObject* attribute, bool dotted);

// ---- unpickler ------------------------------------------------------------------------------------------------------------

// The stack of objects, and how long it was at each mark that is open. Below `fence` it belongs to what is outside of the
// innermost mark.
struct Stack {
  PyObject** items;
  Py_ssize_t size;
  Py_ssize_t allocated;
  Py_ssize_t fence;
  Py_ssize_t* marks;
  Py_ssize_t mark_count;
  Py_ssize_t marks_allocated;
};

struct Unpickler {
  PyObject_HEAD
  State* state;
  Stack* stack;
  PyObject** memo;
  Py_ssize_t memo_size;
  Py_ssize_t memo_used;
  PyObject* persistent_function;
  PyObject* persistent_self;
  Py_buffer buffer;               // what is read from: the data of loads(), or the bytes that read() gave
  const char* input;
  Py_ssize_t input_size;
  Py_ssize_t next;
  Py_ssize_t prefetched;          // up to where peek() has looked ahead of the file
  PyObject *read_method, *readinto_method, *readline_method, *peek_method;
  PyObject* out_of_band;          // iterator over buffers
  char* line;                     // a line that did not lie in one piece
  char *encoding, *errors;
  int protocol;
  bool fix_imports;
};
using UnpicklerFields = HeapTypeFields<&Unpickler::persistent_function, &Unpickler::read_method, &Unpickler::readinto_method, &Unpickler::readline_method,
                                       &Unpickler::peek_method, &Unpickler::out_of_band>;

static_assert(sizeof(Unpickler) <= kUnpicklerSize);

Ref<Unpickler> new_unpickler(State* state);
Status set_input_stream(Unpickler* self, PyObject* file);
Status set_input_bytes(Unpickler* self, PyObject* data);
Status set_encoding(Unpickler* self, const char* encoding, const char* errors);
Status set_buffers(Unpickler* self, PyObject* buffers);
Ref<> load_object(Unpickler* self);
Ref<> find_class(Unpickler* self, PyObject* module_name, PyObject* global_name);

// Reading: the pointer is good until the next read.
Maybe<const char*> read_more(Unpickler* self, Py_ssize_t size);
inline Maybe<const char*> read_bytes(Unpickler* self, Py_ssize_t size) {
  if (size > self->input_size - self->next) [[unlikely]] return read_more(self, size);
  const char* data = self->input + self->next;
  self->next += size;
  return data;
}
Status read_into(Unpickler* self, char* out, Py_ssize_t size);
struct Line {
  const char* text = nullptr;  // with its newline, and a NUL behind that where needed
  Py_ssize_t size = 0;
};
Maybe<Line> read_line(Unpickler* self);
Status skip_consumed(Unpickler* self);
Failure truncated(State* state);

PyObject* memo_lookup(Unpickler* self, Py_ssize_t index);
Status memo_store(Unpickler* self, Py_ssize_t index, PyObject* value);
void memo_dispose(Unpickler* self);

inline Status make_heap_type(PyObject* module, PyType_Spec* spec, PyTypeObject*& out) {
  out = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, spec, nullptr));
  return out ? Status::ok : Status::error;
}
// The heap types and the methods of both are made by these.
Status add_pickler_types(PyObject* module, State* state);
Status add_unpickler_types(PyObject* module, State* state);

inline void store_little_endian(char* out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace gill::pickle
