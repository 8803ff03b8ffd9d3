// zlib.Compress: compression in pieces.
#include "base/defining_class_method.h"
#include "modules/zlib/zlib_module.h"

namespace gill::zlib {

namespace {

struct Compressor {
  PyObject_HEAD
  z_stream stream;
  bool open;  // the stream has to be ended
  PyThread_type_lock lock;
};

Ref<Compressor> allocate(PyTypeObject* type) {
  Ref<Compressor> self = TRY(Ref<Compressor>::steal(PyObject_New(Compressor, type)));
  self->open = false;
  prepare(self->stream);
  self->lock = PyThread_allocate_lock();
  if (!self->lock) return raise(PyExc_MemoryError, "Unable to allocate lock");
  return self;
}

void compressor_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Compressor*>(object);
  PyTypeObject* type = Py_TYPE(object);
  if (self->open) deflateEnd(&self->stream);
  if (self->lock) PyThread_free_lock(self->lock);
  PyObject_Free(self);
  release(as_object(type));
}

int run(z_stream& stream, int mode) {
  int code;
  Py_BEGIN_ALLOW_THREADS
  code = deflate(&stream, mode);
  Py_END_ALLOW_THREADS
  return code;
}

Ref<> compress(Compressor* self, BufferArgument data) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  Locked lock(self->lock);
  z_stream& stream = self->stream;
  Input input(stream, data.data(), data.size());
  Output output(stream);
  TRY(output.start(data.size() < 4 * kBufferSize ? 512 : kBufferSize));
  do {
    input.refill();
    do {
      if (!TRY(output.offer())) break;
      int code = run(stream, Z_NO_FLUSH);
      output.take();
      if (code == Z_STREAM_ERROR) return raise_error(state, stream, code, "while compressing data");
    } while (stream.avail_out == 0);
  } while (!input.last());
  return output.finish();
}

Ref<> flush(Compressor* self, Default<Z_FINISH> mode) {
  // The library takes no call without anything to do.
  if (mode.value == Z_NO_FLUSH) return steal(PyBytes_FromStringAndSize(nullptr, 0));
  State* state = TRY(state_of_type(Py_TYPE(self)));
  Locked lock(self->lock);
  z_stream& stream = self->stream;
  stream.avail_in = 0;
  Output output(stream);
  TRY(output.start(kBufferSize));
  int code;
  do {
    if (!TRY(output.offer())) break;
    code = run(stream, mode.value);
    output.take();
    if (code == Z_STREAM_ERROR) return raise_error(state, stream, code, "while flushing");
  } while (stream.avail_out == 0);
  if (code == Z_STREAM_END && mode.value == Z_FINISH) {
    code = deflateEnd(&stream);
    if (code != Z_OK) return raise_error(state, stream, code, "while finishing compression");
    self->open = false;
  } else if (code != Z_OK && code != Z_BUF_ERROR) {
    return raise_error(state, stream, code, "while flushing");
  }
  return output.finish();
}

Ref<> copy(Compressor* self) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  Ref<Compressor> result = TRY(allocate(state->compressor_type));
  Locked lock(self->lock);
  int code = deflateCopy(&result->stream, &self->stream);
  switch (code) {
    case Z_OK: break;
    case Z_STREAM_ERROR: return raise(PyExc_ValueError, "Inconsistent stream state");
    case Z_MEM_ERROR: return raise_no_memory("Can't allocate memory for compression object");
    default: return raise_error(state, self->stream, code, "while copying compression object");
  }
  result->open = true;
  return result;
}
Ref<> deep_copy(Compressor* self, PyObject*) { return copy(self); }

const PyMethodDef kMethods[] = {
    METHOD_OF_DEFINING_CLASS("compress($self, data, /)", compress,
           "Returns a bytes object containing compressed data.\n\n  data\n    Binary data to be compressed.\n\n"
           "Some input may be stored in internal buffers for later processing; flush() clears them."),
    METHOD_OF_DEFINING_CLASS("flush($self, mode=zlib.Z_FINISH, /)", flush,
           "Return a bytes object containing any remaining compressed data.\n\n  mode\n"
           "    One of the constants Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH.\n"
           "    After Z_FINISH (the default) the object can no longer be used."),
    METHOD_OF_DEFINING_CLASS("copy($self, /)", copy, "Return a copy of the compression object."),
    METHOD_OF_DEFINING_CLASS("__copy__($self, /)", copy, ""),
    METHOD_OF_DEFINING_CLASS("__deepcopy__($self, memo, /)", deep_copy, ""),
    kEndOfMethods,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)compressor_dealloc},
    {Py_tp_methods, (void*)kMethods},
    {0, nullptr},
};
PyType_Spec spec = {"zlib.Compress", sizeof(Compressor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<> new_compressor(PyObject* module, Default<Z_DEFAULT_COMPRESSION> level, Default<Z_DEFLATED> method, Default<MAX_WBITS> wbits,
                     Default<kMemoryLevel> memory_level, Default<Z_DEFAULT_STRATEGY> strategy, BufferArgument zdict) {
  State* state = state_of(module);
  if (static_cast<size_t>(zdict.size()) > UINT_MAX) return raise(PyExc_OverflowError, "zdict length does not fit in an unsigned int");
  Ref<Compressor> self = TRY(allocate(state->compressor_type));
  int code = deflateInit2(&self->stream, level.value, method.value, wbits.value, memory_level.value, strategy.value);
  switch (code) {
    case Z_OK: break;
    case Z_MEM_ERROR: return raise_no_memory("Can't allocate memory for compression object");
    case Z_STREAM_ERROR: return raise(PyExc_ValueError, "Invalid initialization option");
    default: return raise_error(state, self->stream, code, "while creating compression object");
  }
  self->open = true;
  if (zdict.present()) {
    code = deflateSetDictionary(&self->stream, reinterpret_cast<const Bytef*>(zdict.data()), static_cast<uInt>(zdict.size()));
    if (code == Z_STREAM_ERROR) return raise(PyExc_ValueError, "Invalid dictionary");
    if (code != Z_OK) return raise(PyExc_ValueError, "deflateSetDictionary()");
  }
  return self;
}

Status add_compressor_type(PyObject* module) {
  state_of(module)->compressor_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return Status::ok;
}

}  // namespace gill::zlib
