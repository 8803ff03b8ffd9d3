// The codec registry: search functions, the cache of found codecs, and the conversions that go
// through a codec's Python-level functions. Error handlers are in codecs_errors.cpp.
#include "objects/codecs.h"

#include "objects/codec_state.h"
#include "runtime/interpreter.h"

namespace gill {

bool normalize_encoding(const char* name, char* out, size_t size) {
  char* to = out;
  char* end = out + size - 1;
  bool separator = false;
  for (; *name; ++name) {
    char c = *name;
    if (!Py_ISALNUM(c) && c != '.') {
      separator = true;
      continue;
    }
    if (separator && to != out) {
      if (to == end) return false;
      *to++ = '_';
    }
    separator = false;
    if (to == end) return false;
    *to++ = static_cast<char>(Py_TOLOWER(c));
  }
  *to = 0;
  return true;
}

namespace {

// The registry, filled by importing `encodings` when it is first asked.
CodecState* codec_state() {
  Interpreter* interpreter = current_interpreter();
  if (interpreter->codecs) return interpreter->codecs;
  auto* state = static_cast<CodecState*>(PyMem_RawCalloc(1, sizeof(CodecState)));
  if (!state) {
    PyErr_NoMemory();
    return nullptr;
  }
  state->search_path = PyList_New(0);
  state->cache = PyDict_New();
  state->error_handlers = state->cache ? make_error_handlers().release() : nullptr;
  if (!state->search_path || !state->cache || !state->error_handlers) {
    clear_field(state->search_path);
    clear_field(state->cache);
    PyMem_RawFree(state);
    return nullptr;
  }
  interpreter->codecs = state;
  return state;
}

// For look-ups: the standard search function comes with `encodings`.
CodecState* search_state() {
  CodecState* state = codec_state();
  if (!state || state->encodings_imported) return state;
  state->encodings_imported = true;
  Ref<> module = steal(PyImport_ImportModule("encodings"));
  if (!module) {
    state->encodings_imported = false;
    return nullptr;
  }
  return state;
}

Ref<> look_up(const char* encoding) {
  CodecState* state = TRY(search_state());
  size_t n = std::strlen(encoding);
  Ref<> buffer = TRY(new_bytes(static_cast<Py_ssize_t>(n) + 1));
  if (!normalize_encoding(encoding, PyBytes_AS_STRING(buffer.get()), n + 1)) {
    return raise(PyExc_RuntimeError, "_Py_normalize_encoding() failed");
  }
  PyObject* interned = PyUnicode_FromString(n ? PyBytes_AS_STRING(buffer.get()) : "");
  if (!interned) return failure;
  PyUnicode_InternInPlace(&interned);
  Ref<> key = steal(interned);
  if (PyObject* found = PyDict_GetItemWithError(state->cache, key.get())) return borrow(found);
  if (PyErr_Occurred()) return failure;
  if (PyList_GET_SIZE(state->search_path) == 0) {
    return raise(PyExc_LookupError, "no codec search functions registered: can't find encoding");
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(state->search_path); ++i) {
    Ref<> function = borrow(PyList_GET_ITEM(state->search_path, i));
    Ref<> codec = TRY(steal(PyObject_CallOneArg(function.get(), key.get())));
    if (codec.get() == Py_None) continue;
    if (!PyTuple_Check(codec.get()) || PyTuple_GET_SIZE(codec.get()) != 4) {
      return raise(PyExc_TypeError, "codec search functions must return 4-tuples");
    }
    TRY(status_of(PyDict_SetItem(state->cache, key.get(), codec.get())));
    return codec;
  }
  return raise(PyExc_LookupError, "unknown encoding: %s", encoding);
}

enum CodecPart { kEncoder, kDecoder, kStreamReader, kStreamWriter };

Ref<> codec_part(const char* encoding, CodecPart part) {
  Ref<> codec = TRY(look_up(encoding));
  return borrow(PyTuple_GET_ITEM(codec.get(), part));
}

// function(object[, errors]) -> (result, length)
Ref<> call_codec(PyObject* function, PyObject* object, const char* encoding, const char* errors, bool encode) {
  Ref<> args = steal(errors ? Py_BuildValue("(Os)", object, errors) : PyTuple_Pack(1, object));
  if (!args) return failure;
  Ref<> result = steal(PyObject_Call(function, args.get(), nullptr));
  if (!result) {
    _PyErr_TrySetFromCause("%s with '%s' codec failed", encode ? "encoding" : "decoding", encoding);
    return failure;
  }
  if (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) != 2) {
    return raise(PyExc_TypeError, encode ? "encoder must return a tuple (object, integer)" : "decoder must return a tuple (object,integer)");
  }
  return borrow(PyTuple_GET_ITEM(result.get(), 0));
}

// A codec that says it converts between text and bytes.
Ref<> look_up_text(const char* encoding, const char* alternative) {
  Ref<> codec = TRY(look_up(encoding));
  if (PyTuple_CheckExact(codec.get())) return codec;
  PyObject* found;
  if (_PyObject_LookupAttr(codec.get(), name<"_is_text_encoding">, &found) < 0) return failure;
  if (!found) return codec;
  Ref<> flag = steal(found);
  if (TRY(truth_of(PyObject_IsTrue(flag.get())))) return codec;
  return raise(PyExc_LookupError, "'%.400s' is not a text encoding; use %s to handle arbitrary codecs", encoding, alternative);
}

Ref<> incremental(PyObject* codec, const char* errors, PyObject* attribute) {
  Ref<> factory = TRY(steal(PyObject_GetAttr(codec, attribute)));
  return steal(errors ? PyObject_CallFunction(factory.get(), "s", errors) : PyObject_CallNoArgs(factory.get()));
}

Ref<> stream_of(const char* encoding, PyObject* stream, const char* errors, CodecPart part) {
  Ref<> factory = TRY(codec_part(encoding, part));
  return steal(errors ? PyObject_CallFunction(factory.get(), "Os", stream, errors) : PyObject_CallOneArg(factory.get(), stream));
}

}  // namespace

PyObject* error_handlers() {
  CodecState* state = codec_state();
  return state ? state->error_handlers : nullptr;
}

void finish_codecs(Interpreter* interpreter) {
  CodecState* state = interpreter->codecs;
  if (!state) return;
  interpreter->codecs = nullptr;
  clear_field(state->search_path);
  clear_field(state->cache);
  clear_field(state->error_handlers);
  PyMem_RawFree(state);
}

}  // namespace gill

using namespace gill;

extern "C" {

const char* Py_hexdigits = "0123456789abcdef";

int PyCodec_Register(PyObject* function) {
  CodecState* state = codec_state();
  if (!state) return -1;
  if (!function) {
    PyErr_BadArgument();
    return -1;
  }
  if (!PyCallable_Check(function)) {
    PyErr_SetString(PyExc_TypeError, "argument must be callable");
    return -1;
  }
  return PyList_Append(state->search_path, function);
}

int PyCodec_Unregister(PyObject* function) {
  CodecState* state = current_interpreter()->codecs;
  if (!state) return 0;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(state->search_path); ++i) {
    if (PyList_GET_ITEM(state->search_path, i) != function) continue;
    PyDict_Clear(state->cache);
    return PyList_SetSlice(state->search_path, i, i + 1, nullptr);
  }
  return 0;
}

PyObject* _PyCodec_Lookup(const char* encoding) {
  if (!encoding) {
    PyErr_BadArgument();
    return nullptr;
  }
  return look_up(encoding).release();
}

int _PyCodec_Forget(const char* encoding) {
  CodecState* state = codec_state();
  if (!state) return -1;
  char normalized[128];
  if (!normalize_encoding(encoding, normalized, sizeof normalized)) return 0;
  return PyDict_DelItemString(state->cache, normalized);
}

int PyCodec_KnownEncoding(const char* encoding) {
  Ref<> codec = look_up(encoding);
  if (!codec) PyErr_Clear();
  return codec ? 1 : 0;
}

PyObject* PyCodec_Encoder(const char* encoding) { return codec_part(encoding, kEncoder).release(); }
PyObject* PyCodec_Decoder(const char* encoding) { return codec_part(encoding, kDecoder).release(); }

PyObject* PyCodec_StreamReader(const char* encoding, PyObject* stream, const char* errors) {
  return stream_of(encoding, stream, errors, kStreamReader).release();
}
PyObject* PyCodec_StreamWriter(const char* encoding, PyObject* stream, const char* errors) {
  return stream_of(encoding, stream, errors, kStreamWriter).release();
}

PyObject* _PyCodecInfo_GetIncrementalDecoder(PyObject* codec, const char* errors) {
  return incremental(codec, errors, name<"incrementaldecoder">).release();
}
PyObject* _PyCodecInfo_GetIncrementalEncoder(PyObject* codec, const char* errors) {
  return incremental(codec, errors, name<"incrementalencoder">).release();
}
PyObject* PyCodec_IncrementalEncoder(const char* encoding, const char* errors) {
  Ref<> codec = look_up(encoding);
  return codec ? incremental(codec.get(), errors, name<"incrementalencoder">).release() : nullptr;
}
PyObject* PyCodec_IncrementalDecoder(const char* encoding, const char* errors) {
  Ref<> codec = look_up(encoding);
  return codec ? incremental(codec.get(), errors, name<"incrementaldecoder">).release() : nullptr;
}

PyObject* PyCodec_Encode(PyObject* object, const char* encoding, const char* errors) {
  Ref<> function = codec_part(encoding, kEncoder);
  return function ? call_codec(function.get(), object, encoding, errors, true).release() : nullptr;
}
PyObject* PyCodec_Decode(PyObject* object, const char* encoding, const char* errors) {
  Ref<> function = codec_part(encoding, kDecoder);
  return function ? call_codec(function.get(), object, encoding, errors, false).release() : nullptr;
}

PyObject* _PyCodec_LookupTextEncoding(const char* encoding, const char* alternative) {
  return look_up_text(encoding, alternative).release();
}
PyObject* _PyCodec_EncodeText(PyObject* object, const char* encoding, const char* errors) {
  Ref<> codec = look_up_text(encoding, "codecs.encode()");
  return codec ? call_codec(PyTuple_GET_ITEM(codec.get(), kEncoder), object, encoding, errors, true).release() : nullptr;
}
PyObject* _PyCodec_DecodeText(PyObject* object, const char* encoding, const char* errors) {
  Ref<> codec = look_up_text(encoding, "codecs.decode()");
  return codec ? call_codec(PyTuple_GET_ITEM(codec.get(), kDecoder), object, encoding, errors, false).release() : nullptr;
}

int PyCodec_RegisterError(const char* handler_name, PyObject* handler) {
  PyObject* handlers = error_handlers();
  if (!handlers) return -1;
  if (!PyCallable_Check(handler)) {
    PyErr_SetString(PyExc_TypeError, "handler must be callable");
    return -1;
  }
  return PyDict_SetItemString(handlers, handler_name, handler);
}

PyObject* PyCodec_LookupError(const char* handler_name) {
  PyObject* handlers = error_handlers();
  if (!handlers) return nullptr;
  if (!handler_name) handler_name = "strict";
  Ref<> key = steal(PyUnicode_FromString(handler_name));
  if (!key) return nullptr;
  PyObject* handler = PyDict_GetItemWithError(handlers, key.get());
  if (handler) return borrow(handler).release();
  if (!PyErr_Occurred()) PyErr_Format(PyExc_LookupError, "unknown error handler name '%.400s'", handler_name);
  return nullptr;
}

}  // extern "C"
