// The zlib module: one-shot functions and checksums; the objects are in files of their own.
#include "modules/zlib/zlib_module.h"

#include "modules/module_state.h"

namespace gill::zlib {

Failure raise_error(State* state, const z_stream& stream, int code, const char* what) {
  const char* message = nullptr;
  // After a version mismatch the structure may be another than ours.
  if (code == Z_VERSION_ERROR) message = "library version mismatch";
  if (!message) message = stream.msg;
  if (!message) {
    switch (code) {
      case Z_BUF_ERROR: message = "incomplete or truncated stream"; break;
      case Z_STREAM_ERROR: message = "inconsistent stream state"; break;
      case Z_DATA_ERROR: message = "invalid input data"; break;
    }
  }
  if (!message) return raise(state->error, "Error %d %s", code, what);
  return raise(state->error, "Error %d %s: %.200s", code, what, message);
}

Failure raise_no_memory(const char* message) { return raise(PyExc_MemoryError, message); }

void prepare(z_stream& stream) {
  std::memset(&stream, 0, sizeof(stream));
  stream.zalloc = [](void*, uInt items, uInt size) -> void* {
    if (size != 0 && items > static_cast<size_t>(PY_SSIZE_T_MAX) / size) return nullptr;
    return PyMem_RawMalloc(static_cast<size_t>(items) * size);
  };
  stream.zfree = [](void*, void* block) { PyMem_RawFree(block); };
}

namespace {

struct StreamEnd {
  z_stream& stream;
  int (*end)(z_stream*);
  ~StreamEnd() { end(&stream); }
};

Ref<> compress(PyObject* module, BufferArgument data, Default<Z_DEFAULT_COMPRESSION> level, Default<MAX_WBITS> wbits) {
  State* state = state_of(module);
  z_stream stream;
  prepare(stream);
  int code = deflateInit2(&stream, level.value, Z_DEFLATED, wbits.value, kMemoryLevel, Z_DEFAULT_STRATEGY);
  switch (code) {
    case Z_OK: break;
    case Z_MEM_ERROR: return raise_no_memory("Out of memory while compressing data");
    case Z_STREAM_ERROR: return raise(state->error, "Bad compression level");
    default:
      deflateEnd(&stream);
      return raise_error(state, stream, code, "while compressing data");
  }
  StreamEnd ender{stream, deflateEnd};
  Input input(stream, data.data(), data.size());
  Output output(stream);
  // All that may be needed: what is not written to stays without memory, and growing would copy megabytes with the lock held.
  TRY(output.start(static_cast<Py_ssize_t>(deflateBound(&stream, static_cast<uLong>(data.size())))));
  do {
    input.refill();
    int mode = input.last() ? Z_FINISH : Z_NO_FLUSH;
    do {
      if (!TRY(output.offer())) break;
      Py_BEGIN_ALLOW_THREADS
      code = deflate(&stream, mode);
      Py_END_ALLOW_THREADS
      output.take();
      if (code == Z_STREAM_ERROR) return raise_error(state, stream, code, "while compressing data");
    } while (stream.avail_out == 0);
  } while (!input.last());
  return output.finish();
}

Ref<> decompress(PyObject* module, BufferArgument data, Default<MAX_WBITS> wbits, Default<kBufferSize> bufsize) {
  State* state = state_of(module);
  if (bufsize.value < 0) return raise(PyExc_ValueError, "bufsize must be non-negative");
  z_stream stream;
  prepare(stream);
  Input input(stream, data.data(), data.size());
  int code = inflateInit2(&stream, wbits.value);
  switch (code) {
    case Z_OK: break;
    case Z_MEM_ERROR: return raise_no_memory("Out of memory while decompressing data");
    default:
      inflateEnd(&stream);
      return raise_error(state, stream, code, "while preparing to decompress data");
  }
  StreamEnd ender{stream, inflateEnd};
  Output output(stream);
  TRY(output.start(bufsize.value));
  do {
    input.refill();
    int mode = input.last() ? Z_FINISH : Z_NO_FLUSH;
    do {
      if (!TRY(output.offer())) break;
      Py_BEGIN_ALLOW_THREADS
      code = inflate(&stream, mode);
      Py_END_ALLOW_THREADS
      output.take();
      if (code == Z_MEM_ERROR) return raise_no_memory("Out of memory while decompressing data");
      if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END) return raise_error(state, stream, code, "while decompressing data");
    } while (stream.avail_out == 0 && code != Z_STREAM_END);
  } while (code != Z_STREAM_END && !input.last());
  if (code != Z_STREAM_END) return raise_error(state, stream, code, "while decompressing data");
  return output.finish();
}

// ---- checksums -----------------------------------------------------------------------------------------

constexpr Py_ssize_t kWorthUnlocking = 5 * 1024;

template <auto Function>
Maybe<unsigned> checksum(BufferArgument& data, PyObject* start, unsigned fallback) {
  unsigned value = fallback;
  if (start) {
    Ref<> index = TRY(steal(PyNumber_Index(start)));
    unsigned long bits = PyLong_AsUnsignedLongMask(index.get());
    if (bits == static_cast<unsigned long>(-1) && PyErr_Occurred()) return failure;
    value = static_cast<unsigned>(bits);
  }
  auto* bytes = reinterpret_cast<const Bytef*>(data.data());
  auto size = static_cast<size_t>(data.size());
  if (data.size() <= kWorthUnlocking) return static_cast<unsigned>(Function(value, bytes, size));
  Py_BEGIN_ALLOW_THREADS
  value = static_cast<unsigned>(Function(value, bytes, size));
  Py_END_ALLOW_THREADS
  return value;
}

Maybe<unsigned> adler32_of(PyObject*, BufferArgument data, PyObject* value) { return checksum<adler32_z>(data, value, 1); }
Maybe<unsigned> crc32_of(PyObject*, BufferArgument data, PyObject* value) { return checksum<crc32_z>(data, value, 0); }

// ---- the module ----------------------------------------------------------------------------------------

const PyMethodDef kFunctions[] = {
    METHOD("adler32($module, data, value=1, /)", adler32_of,
           "Compute an Adler-32 checksum of data.\n\n  value\n    Starting value of the checksum.\n\nThe returned checksum is an integer."),
    METHOD("compress($module, data, /, level=Z_DEFAULT_COMPRESSION, wbits=MAX_WBITS)", compress,
           "Returns a bytes object containing compressed data.\n\n  data\n    Binary data to be compressed.\n  level\n"
           "    Compression level, in 0-9 or -1.\n  wbits\n    The window buffer size and container format."),
    METHOD("compressobj($module, /, level=Z_DEFAULT_COMPRESSION, method=DEFLATED,\n"
           "            wbits=MAX_WBITS, memLevel=DEF_MEM_LEVEL,\n"
           "            strategy=Z_DEFAULT_STRATEGY, zdict=None)",
           new_compressor,
           "Return a compressor object.\n\n  level\n    The compression level (an integer in the range 0-9 or -1; default is\n"
           "    currently equivalent to 6).\n  method\n    The compression algorithm.  If given, this must be DEFLATED.\n  wbits\n"
           "    +9 to +15: The base-two logarithm of the window size.  Include a zlib\n        container.\n"
           "    -9 to -15: Generate a raw stream.\n    +25 to +31: Include a gzip container.\n  memLevel\n"
           "    Controls the amount of memory used, from 1 (least) to 9.\n  strategy\n"
           "    Used to tune the compression algorithm.\n  zdict\n    The predefined compression dictionary: byte strings that are likely to\n"
           "    occur in the input data."),
    METHOD("crc32($module, data, value=0, /)", crc32_of,
           "Compute a CRC-32 checksum of data.\n\n  value\n    Starting value of the checksum.\n\nThe returned checksum is an integer."),
    METHOD("decompress($module, data, /, wbits=MAX_WBITS, bufsize=DEF_BUF_SIZE)", decompress,
           "Returns a bytes object containing the uncompressed data.\n\n  data\n    Compressed data.\n  wbits\n"
           "    The window buffer size and container format.\n  bufsize\n    The initial output buffer size."),
    METHOD("decompressobj($module, /, wbits=MAX_WBITS, zdict=b'')", new_decompressor,
           "Return a decompressor object.\n\n  wbits\n    The window buffer size and container format.\n  zdict\n"
           "    The predefined compression dictionary, the one that the compressor used."),
    kEndOfMethods,
};

struct Constant {
  const char* name;
  long value;
};
constexpr Constant kConstants[] = {
    {"MAX_WBITS", MAX_WBITS},
    {"DEFLATED", Z_DEFLATED},
    {"DEF_MEM_LEVEL", kMemoryLevel},
    {"DEF_BUF_SIZE", kBufferSize},
    {"Z_NO_COMPRESSION", Z_NO_COMPRESSION},
    {"Z_BEST_SPEED", Z_BEST_SPEED},
    {"Z_BEST_COMPRESSION", Z_BEST_COMPRESSION},
    {"Z_DEFAULT_COMPRESSION", Z_DEFAULT_COMPRESSION},
    {"Z_FILTERED", Z_FILTERED},
    {"Z_HUFFMAN_ONLY", Z_HUFFMAN_ONLY},
    {"Z_RLE", Z_RLE},
    {"Z_FIXED", Z_FIXED},
    {"Z_DEFAULT_STRATEGY", Z_DEFAULT_STRATEGY},
    {"Z_NO_FLUSH", Z_NO_FLUSH},
    {"Z_PARTIAL_FLUSH", Z_PARTIAL_FLUSH},
    {"Z_SYNC_FLUSH", Z_SYNC_FLUSH},
    {"Z_FULL_FLUSH", Z_FULL_FLUSH},
    {"Z_FINISH", Z_FINISH},
    {"Z_BLOCK", Z_BLOCK},
    {"Z_TREES", Z_TREES},
};

int execute(PyObject* module) {
  State* state = state_of(module);
  TRY(add_compressor_type(module));
  TRY(add_decompressor_type(module));
  state->error = TRY(PyErr_NewException("zlib.error", nullptr, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "error", state->error)));
  for (const Constant& constant : kConstants) TRY(status_of(PyModule_AddIntConstant(module, constant.name, constant.value)));
  TRY(status_of(PyModule_AddStringConstant(module, "ZLIB_VERSION", ZLIB_VERSION)));
  TRY(status_of(PyModule_AddStringConstant(module, "ZLIB_RUNTIME_VERSION", zlibVersion())));
  return PyModule_AddStringConstant(module, "__version__", "1.0");
}

using Owned = ModuleFields<&State::error, &State::compressor_type, &State::decompressor_type>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};

}  // namespace

PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "zlib",
    .m_doc = "The functions in this module allow compression and decompression using the\nzlib library, which is based on GNU zip.",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

PyMODINIT_FUNC PyInit_zlib() { return PyModuleDef_Init(&module_definition); }
GILL_BUILTIN_MODULE("zlib", PyInit_zlib);

}  // namespace gill::zlib
