// zlib.Decompress: decompression in pieces.
#include "base/defining_class_method.h"
#include "modules/zlib/zlib_module.h"

#include <structmember.h>

namespace gill::zlib {

namespace {

struct Decompressor {
  PyObject_HEAD
  z_stream stream;
  PyObject* unused_data;      // bytes behind the end of the stream
  PyObject* unconsumed_tail;  // bytes that a limit kept from being read
  char eof;
  bool open;  // the stream has to be ended
  PyObject* zdict;
  PyThread_type_lock lock;
};

Ref<Decompressor> allocate(PyTypeObject* type) {
  Ref<> empty = TRY(steal(PyBytes_FromStringAndSize(nullptr, 0)));
  Ref<Decompressor> self = TRY(Ref<Decompressor>::steal(PyObject_New(Decompressor, type)));
  prepare(self->stream);
  self->eof = 0;
  self->open = false;
  self->zdict = nullptr;
  self->unused_data = empty.new_ref().release();
  self->unconsumed_tail = empty.release();
  self->lock = PyThread_allocate_lock();
  if (!self->lock) return raise(PyExc_MemoryError, "Unable to allocate lock");
  return self;
}

void decompressor_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Decompressor*>(object);
  PyTypeObject* type = Py_TYPE(object);
  if (self->open) inflateEnd(&self->stream);
  if (self->lock) PyThread_free_lock(self->lock);
  clear_field(self->unused_data);
  clear_field(self->unconsumed_tail);
  clear_field(self->zdict);
  PyObject_Free(self);
  release(as_object(type));
}

Status set_dictionary(State* state, Decompressor* self) {
  BufferArgument view;
  TRY(status_of(PyObject_GetBuffer(self->zdict, &view.view(), PyBUF_SIMPLE)));
  if (static_cast<size_t>(view.size()) > UINT_MAX) return raise(PyExc_OverflowError, "zdict length does not fit in an unsigned int");
  int code = inflateSetDictionary(&self->stream, reinterpret_cast<const Bytef*>(view.data()), static_cast<uInt>(view.size()));
  if (code != Z_OK) return raise_error(state, self->stream, code, "while setting zdict");
  return Status::ok;
}

// Runs the stream until there is neither input nor output left to handle, or something stops it.
Maybe<int> run(State* state, Decompressor* self, Input& input, Output& output, bool finish) {
  z_stream& stream = self->stream;
  int code = Z_OK;
  do {
    input.refill();
    do {
      if (!TRY(output.offer())) return code;
      int mode = finish && input.last() ? Z_FINISH : Z_SYNC_FLUSH;
      Py_BEGIN_ALLOW_THREADS
      code = inflate(&stream, mode);
      Py_END_ALLOW_THREADS
      output.take();
      if (code == Z_NEED_DICT && self->zdict) {
        TRY(set_dictionary(state, self));
        code = Z_OK;
        // There may be more without further input.
        stream.avail_out = 0;
        continue;
      }
      if (code != Z_OK && code != Z_BUF_ERROR) return code;
    } while (stream.avail_out == 0);
  } while (!input.last());
  return code;
}

Status save_rest(Decompressor* self, Input& input, int code) {
  std::string_view rest = input.rest();
  if (code == Z_STREAM_END) {
    // Several calls may add to what follows the end.
    if (!rest.empty()) {
      Py_ssize_t before = PyBytes_GET_SIZE(self->unused_data);
      if (static_cast<Py_ssize_t>(rest.size()) > PY_SSIZE_T_MAX - before) {
        PyErr_NoMemory();
        return Status::error;
      }
      Ref<> all = TRY(steal(PyBytes_FromStringAndSize(nullptr, before + static_cast<Py_ssize_t>(rest.size()))));
      std::memcpy(PyBytes_AS_STRING(all.get()), PyBytes_AS_STRING(self->unused_data), static_cast<size_t>(before));
      std::memcpy(PyBytes_AS_STRING(all.get()) + before, rest.data(), rest.size());
      set_field(self->unused_data, std::move(all));
    }
  }
  self->stream.avail_in = 0;
  if ((!rest.empty() && code != Z_STREAM_END) || PyBytes_GET_SIZE(self->unconsumed_tail) != 0) {
    Ref<> tail = TRY(steal(PyBytes_FromStringAndSize(rest.data(), static_cast<Py_ssize_t>(rest.size()))));
    set_field(self->unconsumed_tail, std::move(tail));
  }
  return Status::ok;
}

Ref<> decompress(Decompressor* self, BufferArgument data, Py_ssize_t max_length) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  if (max_length < 0) return raise(PyExc_ValueError, "max_length must be non-negative");
  Locked lock(self->lock);
  Input input(self->stream, data.data(), data.size());
  Output output(self->stream, max_length ? max_length : PY_SSIZE_T_MAX);
  TRY(output.start(kBufferSize));
  int code = TRY(run(state, self, input, output, false));
  TRY(save_rest(self, input, code));
  if (code == Z_STREAM_END) self->eof = 1;
  else if (code != Z_OK && code != Z_BUF_ERROR) return raise_error(state, self->stream, code, "while decompressing data");
  return output.finish();
}

Ref<> flush(Decompressor* self, Default<kBufferSize> length) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  if (length.value <= 0) return raise(PyExc_ValueError, "length must be greater than zero");
  Locked lock(self->lock);
  Ref<> tail = borrow(self->unconsumed_tail);
  Input input(self->stream, PyBytes_AS_STRING(tail.get()), PyBytes_GET_SIZE(tail.get()));
  Output output(self->stream);
  TRY(output.start(length.value));
  int code = TRY(run(state, self, input, output, true));
  TRY(save_rest(self, input, code));
  if (code == Z_STREAM_END) {
    self->eof = 1;
    self->open = false;
    code = inflateEnd(&self->stream);
    if (code != Z_OK) return raise_error(state, self->stream, code, "while finishing decompression");
  }
  return output.finish();
}

Ref<> copy(Decompressor* self) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  Ref<Decompressor> result = TRY(allocate(state->decompressor_type));
  Locked lock(self->lock);
  int code = inflateCopy(&result->stream, &self->stream);
  switch (code) {
    case Z_OK: break;
    case Z_STREAM_ERROR: return raise(PyExc_ValueError, "Inconsistent stream state");
    case Z_MEM_ERROR: return raise_no_memory("Can't allocate memory for decompression object");
    default: return raise_error(state, self->stream, code, "while copying decompression object");
  }
  result->open = true;
  set_field(result->unused_data, borrow(self->unused_data));
  set_field(result->unconsumed_tail, borrow(self->unconsumed_tail));
  result->zdict = borrow(self->zdict).release();
  result->eof = self->eof;
  return result;
}
Ref<> deep_copy(Decompressor* self, PyObject*) { return copy(self); }

const PyMethodDef kMethods[] = {
    METHOD("decompress($self, data, /, max_length=0)", decompress,
           "Return a bytes object containing the decompressed version of the data.\n\n  data\n"
           "    The binary data to decompress.\n  max_length\n"
           "    The maximum allowable length of the decompressed data.\n"
           "    Unconsumed input data will be stored in\n    the unconsumed_tail attribute."),
    METHOD_OF_DEFINING_CLASS("flush($self, length=zlib.DEF_BUF_SIZE, /)", flush,
           "Return a bytes object containing any remaining decompressed data.\n\n  length\n"
           "    the initial size of the output buffer."),
    METHOD_OF_DEFINING_CLASS("copy($self, /)", copy, "Return a copy of the decompression object."),
    METHOD_OF_DEFINING_CLASS("__copy__($self, /)", copy, ""),
    METHOD_OF_DEFINING_CLASS("__deepcopy__($self, memo, /)", deep_copy, ""),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"unused_data", T_OBJECT, offsetof(Decompressor, unused_data), READONLY, nullptr},
    {"unconsumed_tail", T_OBJECT, offsetof(Decompressor, unconsumed_tail), READONLY, nullptr},
    {"eof", T_BOOL, offsetof(Decompressor, eof), READONLY, nullptr},
    {},
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)decompressor_dealloc},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {0, nullptr},
};
PyType_Spec spec = {"zlib.Decompress", sizeof(Decompressor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<> new_decompressor(PyObject* module, Default<MAX_WBITS> wbits, PyObject* zdict) {
  State* state = state_of(module);
  if (zdict && !PyObject_CheckBuffer(zdict)) return raise(PyExc_TypeError, "zdict argument must support the buffer protocol");
  Ref<Decompressor> self = TRY(allocate(state->decompressor_type));
  self->zdict = borrow(zdict).release();
  int code = inflateInit2(&self->stream, wbits.value);
  switch (code) {
    case Z_OK: break;
    case Z_STREAM_ERROR: return raise(PyExc_ValueError, "Invalid initialization option");
    case Z_MEM_ERROR: return raise_no_memory("Can't allocate memory for decompression object");
    default: return raise_error(state, self->stream, code, "while creating decompression object");
  }
  self->open = true;
  // A raw stream does not say that it wants one.
  if (zdict && wbits.value < 0) TRY(set_dictionary(state, self.get()));
  return self;
}

Status add_decompressor_type(PyObject* module) {
  state_of(module)->decompressor_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return Status::ok;
}

}  // namespace gill::zlib
