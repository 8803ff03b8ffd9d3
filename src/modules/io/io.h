// What the classes of `_io` share. Each class has its own file; `_IOBase`'s structure is the head of all
// of them, because Python subclasses of any have a dict and weak references.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::io {

struct IoBase {
  PyObject_HEAD
  PyObject* dict;
  PyObject* weakrefs;
  bool base_closed;  // what `closed` of a bare _IOBase tells
  bool finalizing;   // close() runs from the finalizer: errors there are not the caller's
  int exports;       // views of the contents that are out: BytesIO's, here for the room that is left
};

inline constexpr Py_ssize_t kDefaultBufferSize = 8192;

// What a stream's `closed` tells; the exact classes of this module need no look-up for it.
Maybe<bool> stream_closed(PyObject* stream);
// The state of an exact FileIO, and the raw stream of an exact buffered object that is ready (else null).
bool file_is_closed(PyObject* file);
Maybe<bool> file_is_seekable(PyObject* file);
PyObject* raw_of(PyObject* buffered);
// ValueError "I/O operation on closed file." when self.closed is true.
Status check_closed(PyObject* self, const char* message = "I/O operation on closed file.");
Status check_readable(PyObject* self);
Status check_writable(PyObject* self);
Status check_seekable(PyObject* self);
// Raises io.UnsupportedOperation.
Failure unsupported(const char* message);
// The exception class of the running interpreter's `_io`.
Ref<> unsupported_operation();

// True when the current exception is an OSError with EINTR whose signal handlers ran without an error;
// the exception is cleared then, and the call is to be tried again.
bool interrupted();

// A size argument: None is -1.
struct SizeArgument {
  Py_ssize_t value = -1;
};

Ref<> call(PyObject* self, PyObject* method);
Ref<> call(PyObject* self, PyObject* method, PyObject* argument);

// Deallocation that every class of the module shares: finalizer, weak references, fields, memory.
// T::Fields lists what it owns; `destroy(T*)` frees the rest.
// In memory nothing needs to be closed, so that only subclasses, which free themselves, have a finalizer that shows.
enum class Finalizes { always, in_subclasses };
template <class T, auto Destroy, Finalizes When = Finalizes::always>
void dealloc(T* self) {
  PyObject* object = as_object(self);
  if (When == Finalizes::always && PyObject_CallFinalizerFromDealloc(object) < 0) return;
  PyObject_GC_UnTrack(object);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  Destroy(self);
  T::Fields::clear_all(self);
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
}

// Shared slots of a class whose instances start with IoBase.
Ref<> get_dict(IoBase* self);
void finalize(PyObject* self);

extern "C" {
extern PyTypeObject IOBase_Type, RawIOBase_Type, BufferedIOBase_Type, TextIOBase_Type;
extern PyTypeObject FileIO_Type, BytesIO_Type, BytesIOBuffer_Type, StringIO_Type;
extern PyTypeObject BufferedReader_Type, BufferedWriter_Type, BufferedRandom_Type, BufferedRWPair_Type;
extern PyTypeObject IncrementalNewlineDecoder_Type, TextIOWrapper_Type;
}

// Line-end search shared by StringIO and TextIOWrapper: the index behind the line end in [start, length)
// of a string, or -1 with *consumed set to how much need not be searched again.
Py_ssize_t find_line_end(PyObject* line, Py_ssize_t start, bool translated, bool universal, PyObject* newline, Py_ssize_t* consumed);

// `translate` and `universal` as IncrementalNewlineDecoder means them.
Ref<> new_newline_decoder(PyObject* decoder, bool translate);
// Decodes with the fast path for the exact newline decoder, with .decode(input, final) otherwise.
Ref<> decode_step(PyObject* decoder, PyObject* input, bool final);

}  // namespace gill::io

namespace gill {
template <>
struct Argument<io::SizeArgument> {
  static Status convert(PyObject* value, io::SizeArgument& out, const ArgumentPlace&) {
    if (value == Py_None) {
      out.value = -1;
      return Status::ok;
    }
    if (!PyIndex_Check(value)) {
      return raise(PyExc_TypeError, "argument should be integer or None, not '%.200s'", Py_TYPE(value)->tp_name);
    }
    out.value = TRY(checked(PyNumber_AsSsize_t(value, PyExc_OverflowError)));
    return Status::ok;
  }
  static io::SizeArgument fallback(const Parameter& p) {
    return {p.default_kind == DefaultKind::integer ? static_cast<Py_ssize_t>(p.integer) : -1};
  }
};
}  // namespace gill
