// `TextIOWrapper`: characters over a buffered byte stream. Positions are in text_position.cpp.
#include "modules/io/text_io.h"

#include <langinfo.h>
#include <structmember.h>


namespace gill::io {

Status check_ready(TextIO* self) {
  if (self->ok) return Status::ok;
  return raise(PyExc_ValueError, self->detached ? "underlying buffer has been detached" : "I/O operation on uninitialized object");
}

Status check_usable(TextIO* self) {
  TRY(check_ready(self));
  if (Py_TYPE(self) == &TextIOWrapper_Type) {
    if (TRY(stream_closed(self->buffer))) return raise(PyExc_ValueError, "I/O operation on closed file.");
    return Status::ok;
  }
  return check_closed(as_object(self));
}

void forget_decoded(TextIO* self) {
  clear_field(self->decoded);
  self->decoded_used = 0;
}

namespace {

// ---- construction -------------------------------------------------------------------------------

Status check_newline(const char* newline) {
  if (newline && newline[0] && std::strcmp(newline, "\n") && std::strcmp(newline, "\r") && std::strcmp(newline, "\r\n")) {
    return raise(PyExc_ValueError, "illegal newline value: %s", newline);
  }
  return Status::ok;
}

Status set_newline(TextIO* self, const char* newline) {
  Ref<> look_for = newline ? TRY(steal(PyUnicode_FromString(newline))) : Ref<>();
  self->read_universal = !newline || newline[0] == 0;
  self->read_translate = !newline;
  self->write_translate = !newline || newline[0] != 0;
  clear_field(self->read_newline);
  if (!self->read_universal && std::strcmp(newline, "\n")) set_field(self->read_newline, std::move(look_for));
  self->write_newline = nullptr;
  if (newline && !std::strcmp(newline, "\r")) self->write_newline = "\r";
  if (newline && !std::strcmp(newline, "\r\n")) self->write_newline = "\r\n";
  return Status::ok;
}

Status make_decoder(TextIO* self, PyObject* info) {
  clear_field(self->decoder);
  Ref<> readable = TRY(call(self->buffer, name<"readable">));
  if (!TRY(truth_of(PyObject_IsTrue(readable.get())))) return Status::ok;
  const char* errors = TRY(PyUnicode_AsUTF8(self->errors));
  Ref<> decoder = TRY(steal(_PyCodecInfo_GetIncrementalDecoder(info, errors)));
  if (self->read_universal) decoder = TRY(new_newline_decoder(decoder.get(), self->read_translate));
  set_field(self->decoder, std::move(decoder));
  return Status::ok;
}

Status make_encoder(TextIO* self, PyObject* info) {
  clear_field(self->encoder);
  self->encode_directly = nullptr;
  Ref<> writable = TRY(call(self->buffer, name<"writable">));
  if (!TRY(truth_of(PyObject_IsTrue(writable.get())))) return Status::ok;
  const char* errors = TRY(PyUnicode_AsUTF8(self->errors));
  set_field(self->encoder, TRY(steal(_PyCodecInfo_GetIncrementalEncoder(info, errors))));
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(info, name<"name">, &found)));
  Ref<> codec = steal(found);
  if (codec && PyUnicode_Check(codec.get())) {
    if (_PyUnicode_EqualToASCIIString(codec.get(), "utf-8")) self->encode_directly = _PyUnicode_AsUTF8String;
    if (_PyUnicode_EqualToASCIIString(codec.get(), "ascii")) self->encode_directly = _PyUnicode_AsASCIIString;
    if (_PyUnicode_EqualToASCIIString(codec.get(), "iso8859-1")) self->encode_directly = _PyUnicode_AsLatin1String;
  }
  return Status::ok;
}

}  // namespace

Status reset_encoder(TextIO* self, bool at_start) {
  self->at_start = at_start;
  if (at_start) {
    (void)TRY(call(self->encoder, name<"reset">));
  } else {
    Ref<> zero = TRY(steal(PyLong_FromLong(0)));
    (void)TRY(call(self->encoder, name<"setstate">, zero.get()));
  }
  return Status::ok;
}

namespace {

// A stream that is appended to has its byte order mark already.
Status settle_encoder_start(TextIO* self) {
  self->at_start = false;
  if (!self->seekable || !self->encoder) return Status::ok;
  self->at_start = true;
  Ref<> position = TRY(call(self->buffer, name<"tell">));
  Ref<> zero = TRY(steal(PyLong_FromLong(0)));
  if (!TRY(truth_of(PyObject_RichCompareBool(position.get(), zero.get(), Py_EQ)))) TRY(reset_encoder(self, false));
  return Status::ok;
}

Ref<> locale_encoding() {
  if (Py_UTF8Mode) return borrow(name<"utf-8">);
  const char* codeset = ::nl_langinfo(CODESET);
  return steal(PyUnicode_FromString(codeset && codeset[0] ? codeset : "UTF-8"));
}

// In development mode the wrong name of an error handler is told before anything needs the handler.
Status check_error_handler(PyObject* errors) {
  if (errors == Py_None || !_Py_GetConfig()->dev_mode || _Py_IsFinalizing()) return Status::ok;
  (void)TRY(steal(PyCodec_LookupError(TRY(PyUnicode_AsUTF8(errors)))));
  return Status::ok;
}

Maybe<const char*> text_without_null(PyObject* str) {
  Py_ssize_t size;
  const char* text = TRY(PyUnicode_AsUTF8AndSize(str, &size));
  if (std::strlen(text) != static_cast<size_t>(size)) return raise(PyExc_ValueError, "embedded null character");
  return text;
}

Status text_init(TextIO* self, PyObject* buffer, PyObject* encoding, PyObject* errors, PyObject* newline, bool line_buffering,
                 bool write_through) {
  self->ok = self->detached = false;
  if (encoding != Py_None && !PyUnicode_Check(encoding)) {
    return raise(PyExc_TypeError, "TextIOWrapper() argument 'encoding' must be str or None, not %.50s", Py_TYPE(encoding)->tp_name);
  }
  if (errors != Py_None && !PyUnicode_Check(errors)) {
    return raise(PyExc_TypeError, "TextIOWrapper() argument 'errors' must be str or None, not %.50s", Py_TYPE(errors)->tp_name);
  }
  if (newline != Py_None && !PyUnicode_Check(newline)) {
    return raise(PyExc_TypeError, "TextIOWrapper() argument 'newline' must be str or None, not %.50s", Py_TYPE(newline)->tp_name);
  }
  const char* line_end = newline == Py_None ? nullptr : TRY(text_without_null(newline));
  TRY(check_newline(line_end));
  if (encoding == Py_None && _Py_GetConfig()->warn_default_encoding &&
      PyErr_WarnEx(PyExc_EncodingWarning, "'encoding' argument not specified", 1) < 0) {
    return failure;
  }
  bool from_locale = encoding == Py_None || PyUnicode_CompareWithASCIIString(encoding, "locale") == 0;
  Ref<> codec_name = from_locale ? TRY(locale_encoding()) : borrow(encoding);
  const char* codec_text = TRY(text_without_null(codec_name.get()));
  for (PyObject** field : {&self->encoder, &self->decoder, &self->snapshot, &self->decoded}) clear_field(*field);
  self->decoded_used = self->pending_size = 0;
  self->has_pending = false;
  self->bytes_per_char = 0.0;
  Ref<> info = TRY(steal(_PyCodec_LookupTextEncoding(codec_text, "codecs.open()")));
  TRY(check_error_handler(errors));
  set_field(self->encoding, std::move(codec_name));
  set_field(self->errors, errors == Py_None ? borrow(name<"strict">) : borrow(errors));
  self->chunk_size = kDefaultBufferSize;
  self->line_buffering = line_buffering;
  self->write_through = write_through;
  TRY(set_newline(self, line_end));
  set_field(self->buffer, borrow(buffer));
  TRY(make_decoder(self, info.get()));
  TRY(make_encoder(self, info.get()));
  Ref<> seekable = TRY(call(buffer, name<"seekable">));
  self->seekable = self->telling = TRY(truth_of(PyObject_IsTrue(seekable.get())));
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(buffer, name<"read1">, &found)));
  self->has_read1 = found != nullptr;
  Ref<> drop = steal(found);
  TRY(settle_encoder_start(self));
  self->ok = true;
  return Status::ok;
}

// reconfigure(): None of an argument means "as it is", an absent newline too.
Ref<> text_reconfigure(TextIO* self, PyObject* encoding, PyObject* errors, PyObject* newline, PyObject* line_buffering,
                       PyObject* write_through) {
  TRY(check_usable(self));
  bool changes_codec = encoding != Py_None || errors != Py_None;
  if (self->decoded && (changes_codec || newline)) {
    if (PyUnicode_GET_LENGTH(self->decoded) > 0 || self->snapshot) {
      return unsupported("It is not possible to set the encoding or newline of stream after the first read");
    }
  }
  if (encoding != Py_None && !PyUnicode_Check(encoding)) {
    return raise(PyExc_TypeError, "reconfigure() argument 'encoding' must be str or None, not %.50s", Py_TYPE(encoding)->tp_name);
  }
  if (errors != Py_None && !PyUnicode_Check(errors)) {
    return raise(PyExc_TypeError, "reconfigure() argument 'errors' must be str or None, not %.50s", Py_TYPE(errors)->tp_name);
  }
  const char* line_end = nullptr;
  if (newline && newline != Py_None) {
    if (!PyUnicode_Check(newline)) {
      return raise(PyExc_TypeError, "reconfigure() argument 'newline' must be str or None, not %.50s", Py_TYPE(newline)->tp_name);
    }
    line_end = TRY(PyUnicode_AsUTF8(newline));
    TRY(check_newline(line_end));
  }
  bool lines = line_buffering == Py_None ? self->line_buffering : TRY(truth_of(PyObject_IsTrue(line_buffering)));
  bool through = write_through == Py_None ? self->write_through : TRY(truth_of(PyObject_IsTrue(write_through)));
  (void)TRY(call(as_object(self), name<"flush">));
  self->bytes_per_char = 0;
  if (newline) TRY(set_newline(self, line_end));
  if (changes_codec || newline) {
    Ref<> new_encoding = encoding == Py_None ? borrow(self->encoding)
                         : PyUnicode_CompareWithASCIIString(encoding, "locale") == 0 ? TRY(locale_encoding()) : borrow(encoding);
    Ref<> new_errors = errors != Py_None ? borrow(errors) : encoding == Py_None ? borrow(self->errors) : borrow(name<"strict">);
    const char* text = TRY(PyUnicode_AsUTF8(new_encoding.get()));
    Ref<> info = TRY(steal(_PyCodec_LookupTextEncoding(text, "codecs.open()")));
    set_field(self->errors, std::move(new_errors));
    set_field(self->encoding, std::move(new_encoding));
    TRY(make_decoder(self, info.get()));
    TRY(make_encoder(self, info.get()));
    TRY(settle_encoder_start(self));
  }
  self->line_buffering = lines;
  self->write_through = through;
  return none();
}

void destroy(TextIO* self) {
  self->ok = false;
  PyMem_Free(std::exchange(self->pending, nullptr));
}

Ref<> text_detach(TextIO* self) {
  TRY(check_ready(self));
  (void)TRY(call(as_object(self), name<"flush">));
  Ref<> buffer = steal(std::exchange(self->buffer, nullptr));
  self->detached = true;
  self->ok = false;
  return buffer;
}

// ---- writing ------------------------------------------------------------------------------------

Ref<> encode(TextIO* self, PyObject* text) {
  if (self->encode_directly) return steal(self->encode_directly(text, TRY(PyUnicode_AsUTF8(self->errors))));
  self->at_start = false;
  Ref<> bytes = TRY(call(self->encoder, name<"encode">, text));
  if (!PyBytes_Check(bytes.get())) {
    return raise(PyExc_TypeError, "encoder should return a bytes object, not '%.200s'", Py_TYPE(bytes.get())->tp_name);
  }
  return bytes;
}

Status append_pending(TextIO* self, const char* data, Py_ssize_t size) {
  Py_ssize_t needed = self->pending_size + size;
  if (needed > self->pending_capacity) {
    Py_ssize_t capacity = std::max(needed, self->chunk_size);
    auto* larger = static_cast<char*>(PyMem_Realloc(self->pending, static_cast<size_t>(capacity)));
    if (!larger) {
      PyErr_NoMemory();
      return Status::error;
    }
    self->pending = larger;
    self->pending_capacity = capacity;
  }
  // Without anything pending an empty text has nowhere to go to.
  if (size > 0) std::memcpy(self->pending + self->pending_size, data, static_cast<size_t>(size));
  self->pending_size = needed;
  self->has_pending = true;
  return Status::ok;
}

Status write_bytes(TextIO* self, PyObject* bytes) {
  for (;;) {
    Ref<> written = call(self->buffer, name<"write">, bytes);
    if (written) return Status::ok;
    if (!interrupted()) return failure;
  }
}

}  // namespace

Status write_pending(TextIO* self) {
  if (!self->has_pending) return Status::ok;
  Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(self->pending, self->pending_size)));
  self->has_pending = false;
  self->pending_size = 0;
  return write_bytes(self, bytes.get());
}

namespace {

// Hands encoded text to the buffer: at once with `through`, else when there is a chunk of it.
Status send(TextIO* self, const char* data, Py_ssize_t size, bool through) {
  if (self->has_pending && self->pending_size + size > self->chunk_size) TRY(write_pending(self));
  if (!self->has_pending && (through || size >= self->chunk_size)) {
    Ref<> bytes = TRY(steal(PyBytes_FromStringAndSize(data, size)));
    return write_bytes(self, bytes.get());
  }
  TRY(append_pending(self, data, size));
  return through || self->pending_size >= self->chunk_size ? write_pending(self) : Status::ok;
}

Ref<> text_write(TextIO* self, PyObject* text) {
  TRY(check_ready(self));
  if (!PyUnicode_Check(text)) {
    return raise(PyExc_TypeError, "write() argument must be str, not %.200s", Py_TYPE(text)->tp_name);
  }
  TRY(check_usable(self));
  if (!self->encoder) return unsupported("not writable");
  Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  bool has_newline = (self->write_translate && self->write_newline) || self->line_buffering
                         ? PyUnicode_FindChar(text, '\n', 0, length, 1) >= 0
                         : false;
  Ref<> translated = borrow(text);
  if (has_newline && self->write_translate && self->write_newline) {
    Ref<> line_end = TRY(steal(PyUnicode_FromString(self->write_newline)));
    translated = TRY(steal(PyUnicode_Replace(text, name<"\n">, line_end.get(), -1)));
  }
  bool flush = self->line_buffering && (has_newline || PyUnicode_FindChar(text, '\r', 0, length, 1) >= 0);
  if (self->encode_directly && PyUnicode_IS_COMPACT_ASCII(translated.get())) {
    TRY(send(self, static_cast<const char*>(PyUnicode_DATA(translated.get())), PyUnicode_GET_LENGTH(translated.get()), flush || self->write_through));
  } else {
    Ref<> bytes = TRY(encode(self, translated.get()));
    TRY(send(self, PyBytes_AS_STRING(bytes.get()), PyBytes_GET_SIZE(bytes.get()), flush || self->write_through));
  }
  if (flush) (void)TRY(call(self->buffer, name<"flush">));
  if (self->snapshot || self->decoded) {
    forget_decoded(self);
    clear_field(self->snapshot);
  }
  if (self->decoder) (void)TRY(call(self->decoder, name<"reset">));
  return steal(PyLong_FromSsize_t(length));
}

Ref<> text_flush(TextIO* self) {
  TRY(check_usable(self));
  self->telling = self->seekable;
  TRY(write_pending(self));
  return call(self->buffer, name<"flush">);
}

// ---- reading ------------------------------------------------------------------------------------

Status keep_snapshot(TextIO* self, unsigned long long flags, PyObject* input) {
  set_field(self->snapshot, TRY(steal(Py_BuildValue("(KO)", flags, input))));
  return Status::ok;
}

}  // namespace

Maybe<bool> read_chunk(TextIO* self, Py_ssize_t hint) {
  if (!self->decoder) return unsupported("not readable");
  Ref<> held;
  unsigned long long flags = 0;
  if (self->telling) {
    Ref<> state = TRY(call(self->decoder, name<"getstate">));
    PyObject* bytes;
    if (!PyTuple_Check(state.get())) return raise(PyExc_TypeError, "illegal decoder state");
    if (!PyArg_ParseTuple(state.get(), "OK;illegal decoder state", &bytes, &flags)) return failure;
    if (!PyBytes_Check(bytes)) {
      return raise(PyExc_TypeError, "illegal decoder state: the first item should be a bytes object, not '%.200s'", Py_TYPE(bytes)->tp_name);
    }
    held = borrow(bytes);
  }
  if (hint > 0) hint = static_cast<Py_ssize_t>(std::max(self->bytes_per_char, 1.0) * static_cast<double>(hint));
  Ref<> count = TRY(steal(PyLong_FromSsize_t(std::max(self->chunk_size, hint))));
  Ref<> input = TRY(call(self->buffer, self->has_read1 ? name<"read1"> : name<"read">, count.get()));
  Py_buffer view;
  if (PyObject_GetBuffer(input.get(), &view, PyBUF_SIMPLE) < 0) {
    PyErr_Format(PyExc_TypeError, "underlying %s() should have returned a bytes-like object, not '%.200s'",
                 self->has_read1 ? "read1" : "read", Py_TYPE(input.get())->tp_name);
    return failure;
  }
  Py_ssize_t size = view.len;
  PyBuffer_Release(&view);
  bool end = size == 0;
  Ref<> text = TRY(decode_step(self->decoder, input.get(), end));
  if (!PyUnicode_Check(text.get())) {
    return raise(PyExc_TypeError, "decoder should return a string result, not '%.200s'", Py_TYPE(text.get())->tp_name);
  }
  Py_ssize_t length = PyUnicode_GET_LENGTH(text.get());
  self->bytes_per_char = length > 0 ? static_cast<double>(size) / static_cast<double>(length) : 0.0;
  if (length > 0) end = false;
  set_field(self->decoded, std::move(text));
  self->decoded_used = 0;
  if (self->telling) {
    Ref<> since;
    if (PyBytes_GET_SIZE(held.get()) == 0 && PyBytes_CheckExact(input.get())) {
      since = std::move(input);
    } else {
      Ref<> bytes = TRY(steal(PyBytes_FromObject(input.get())));
      PyObject* joined = held.release();
      PyBytes_Concat(&joined, bytes.get());
      since = TRY(steal(joined));
    }
    TRY(keep_snapshot(self, flags, since.get()));
  }
  return !end;
}

namespace {

Ref<> take_decoded(TextIO* self, Py_ssize_t most) {
  if (!self->decoded) return steal(PyUnicode_New(0, 0));
  Py_ssize_t left = PyUnicode_GET_LENGTH(self->decoded) - self->decoded_used;
  Py_ssize_t n = most < 0 || most > left ? left : most;
  Ref<> result = TRY(steal(PyUnicode_Substring(self->decoded, self->decoded_used, self->decoded_used + n)));
  self->decoded_used += n;
  return result;
}

Ref<> text_read(TextIO* self, SizeArgument size) {
  TRY(check_usable(self));
  if (!self->decoder) return unsupported("not readable");
  TRY(write_pending(self));
  if (size.value < 0) {
    Ref<> bytes = TRY(call(self->buffer, name<"read">));
    Ref<> rest = TRY(decode_step(self->decoder, bytes.get(), true));
    if (!PyUnicode_Check(rest.get())) {
      return raise(PyExc_TypeError, "decoder should return a string result, not '%.200s'", Py_TYPE(rest.get())->tp_name);
    }
    Ref<> first = TRY(take_decoded(self, -1));
    Ref<> result = PyUnicode_GET_LENGTH(first.get()) ? TRY(steal(PyUnicode_Concat(first.get(), rest.get()))) : std::move(rest);
    if (self->snapshot) {
      forget_decoded(self);
      clear_field(self->snapshot);
    }
    return result;
  }
  Ref<> result = TRY(take_decoded(self, size.value));
  if (PyUnicode_GET_LENGTH(result.get()) == size.value) return result;
  Ref<> pieces = TRY(steal(PyList_New(0)));
  TRY(status_of(PyList_Append(pieces.get(), result.get())));
  Py_ssize_t remaining = size.value - PyUnicode_GET_LENGTH(result.get());
  while (remaining > 0) {
    Maybe<bool> more = read_chunk(self, remaining);
    if (!more) {
      if (interrupted()) continue;
      return failure;
    }
    if (!more.value()) break;
    Ref<> piece = TRY(take_decoded(self, remaining));
    remaining -= PyUnicode_GET_LENGTH(piece.get());
    TRY(status_of(PyList_Append(pieces.get(), piece.get())));
  }
  Ref<> empty = TRY(steal(PyUnicode_New(0, 0)));
  return steal(PyUnicode_Join(empty.get(), pieces.get()));
}

// The index behind the line end in [start, end), or -1. *resume is from where to search again when more
// text follows.
Py_ssize_t line_end(TextIO* self, PyObject* text, Py_ssize_t start, Py_ssize_t* resume) {
  Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  *resume = length;
  if (self->read_translate || (!self->read_universal && !self->read_newline)) {
    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) {
      const char* bytes = static_cast<const char*>(PyUnicode_DATA(text));
      const void* found = std::memchr(bytes + start, '\n', static_cast<size_t>(length - start));
      return found ? static_cast<const char*>(found) - bytes + 1 : -1;
    }
    Py_ssize_t at = PyUnicode_FindChar(text, '\n', start, length, 1);
    return at < 0 ? -1 : at + 1;
  }
  int kind = PyUnicode_KIND(text);
  const void* data = PyUnicode_DATA(text);
  if (self->read_universal) {
    for (Py_ssize_t i = start; i < length; ++i) {
      Py_UCS4 c = PyUnicode_READ(kind, data, i);
      if (c == '\n') return i + 1;
      if (c == '\r') return i + 1 < length && PyUnicode_READ(kind, data, i + 1) == '\n' ? i + 2 : i + 1;
    }
    return -1;
  }
  Py_ssize_t n = PyUnicode_GET_LENGTH(self->read_newline);
  Py_ssize_t at = PyUnicode_Find(text, self->read_newline, start, length, 1);
  if (at >= 0) return at + n;
  // "\r" at the end may be the first half of "\r\n".
  if (n == 2 && length > start && PyUnicode_READ(kind, data, length - 1) == '\r') *resume = length - 1;
  return -1;
}

Ref<> read_line(TextIO* self, Py_ssize_t limit) {
  TRY(check_usable(self));
  TRY(write_pending(self));
  if (limit < 0 && self->decoded) {
    // Most lines lie within what is decoded.
    Py_ssize_t resume;
    Py_ssize_t begin = self->decoded_used;
    Py_ssize_t behind = line_end(self, self->decoded, begin, &resume);
    if (behind >= 0) {
      self->decoded_used = behind;
      return steal(PyUnicode_Substring(self->decoded, begin, behind));
    }
  }
  Ref<> pieces;       // whole chunks of a line that spans several
  Ref<> head;         // a last piece whose end may belong to the line end
  Py_ssize_t got = 0; // characters in pieces
  Py_ssize_t end = 0;
  Ref<> text;
  Py_ssize_t start = 0;
  auto hold = [&](Ref<> piece) -> Status {
    if (!pieces) pieces = TRY(steal(PyList_New(0)));
    got += PyUnicode_GET_LENGTH(piece.get());
    return status_of(PyList_Append(pieces.get(), piece.get()));
  };
  for (;;) {
    bool more = true;
    while (!self->decoded || self->decoded_used >= PyUnicode_GET_LENGTH(self->decoded)) {
      Maybe<bool> read = read_chunk(self, 0);
      if (!read) {
        if (interrupted()) continue;
        return failure;
      }
      more = read.value();
      if (!more) break;
    }
    if (!more) {
      forget_decoded(self);
      clear_field(self->snapshot);
      text.reset();
      break;
    }
    if (head) {
      text = TRY(steal(PyUnicode_Concat(head.get(), self->decoded)));
      start = 0;
      Py_ssize_t shift = PyUnicode_GET_LENGTH(head.get());
      head.reset();
      Py_ssize_t resume;
      end = line_end(self, text.get(), 0, &resume);
      if (limit >= 0 && (end < 0 ? PyUnicode_GET_LENGTH(text.get()) : end) + got >= limit) end = limit - got;
      if (end >= 0) {
        self->decoded_used = end - shift;
        break;
      }
      if (resume < PyUnicode_GET_LENGTH(text.get())) {
        head = TRY(steal(PyUnicode_Substring(text.get(), resume, PyUnicode_GET_LENGTH(text.get()))));
        text = TRY(steal(PyUnicode_Substring(text.get(), 0, resume)));
      }
      TRY(hold(std::move(text)));
      forget_decoded(self);
      continue;
    }
    text = borrow(self->decoded);
    start = self->decoded_used;
    Py_ssize_t resume;
    end = line_end(self, text.get(), start, &resume);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text.get());
    if (limit >= 0 && (end < 0 ? length : end) - start + got >= limit) end = start + (limit - got);
    if (end >= 0) {
      self->decoded_used = end;
      break;
    }
    TRY(hold(TRY(steal(PyUnicode_Substring(text.get(), start, resume)))));
    if (resume < length) head = TRY(steal(PyUnicode_Substring(text.get(), resume, length)));
    forget_decoded(self);
  }
  Ref<> last;
  if (text) last = TRY(steal(PyUnicode_Substring(text.get(), start, end)));
  if (head) TRY(hold(std::move(head)));
  if (!pieces) return last ? std::move(last) : steal(PyUnicode_New(0, 0));
  if (last) TRY(hold(std::move(last)));
  Ref<> empty = TRY(steal(PyUnicode_New(0, 0)));
  return steal(PyUnicode_Join(empty.get(), pieces.get()));
}

Ref<> text_readline(TextIO* self, Py_ssize_t size) { return read_line(self, size); }

Ref<> text_next(TextIO* self) {
  TRY(check_ready(self));
  self->telling = false;
  Ref<> line;
  if (Py_TYPE(self) == &TextIOWrapper_Type) {
    line = TRY(read_line(self, -1));
  } else {
    line = TRY(call(as_object(self), name<"readline">));
    if (!PyUnicode_Check(line.get())) {
      return raise(PyExc_OSError, "readline() should have returned a str object, not '%.200s'", Py_TYPE(line.get())->tp_name);
    }
  }
  if (PyUnicode_GET_LENGTH(line.get()) == 0) {
    clear_field(self->snapshot);
    self->telling = self->seekable;
    return nullptr;
  }
  return line;
}

// ---- the rest -----------------------------------------------------------------------------------

Ref<> text_truncate(TextIO* self, PyObject* size) {
  TRY(check_ready(self));
  (void)TRY(call(as_object(self), name<"flush">));
  return call(self->buffer, name<"truncate">, size);
}

Ref<> text_close(TextIO* self) {
  TRY(check_ready(self));
  Ref<> closed = TRY(steal(PyObject_GetAttr(as_object(self), name<"closed">)));
  if (TRY(truth_of(PyObject_IsTrue(closed.get())))) return none();
  if (self->finalizing) {
    Ref<> warned = call(self->buffer, name<"_dealloc_warn">, as_object(self));
    if (!warned) PyErr_Clear();
  }
  Ref<> flushed = call(as_object(self), name<"flush">);
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  if (!flushed) PyErr_Fetch(&type, &value, &traceback);
  Ref<> result = call(self->buffer, name<"close">);
  if (type) {
    _PyErr_ChainExceptions(type, value, traceback);
    return failure;
  }
  return result;
}

Ref<> ask_buffer(TextIO* self, PyObject* method) {
  TRY(check_ready(self));
  return call(self->buffer, method);
}
Ref<> text_fileno(TextIO* self) { return ask_buffer(self, name<"fileno">); }
Ref<> text_seekable(TextIO* self) { return ask_buffer(self, name<"seekable">); }
Ref<> text_readable(TextIO* self) { return ask_buffer(self, name<"readable">); }
Ref<> text_writable(TextIO* self) { return ask_buffer(self, name<"writable">); }
Ref<> text_isatty(TextIO* self) { return ask_buffer(self, name<"isatty">); }

Ref<> buffer_attribute(TextIO* self, PyObject* attribute) {
  TRY(check_ready(self));
  return steal(PyObject_GetAttr(self->buffer, attribute));
}
Ref<> text_name(TextIO* self) { return buffer_attribute(self, name<"name">); }
Ref<> text_closed(TextIO* self) { return buffer_attribute(self, name<"closed">); }

Ref<> text_errors(TextIO* self) {
  if (!self->detached) TRY(check_ready(self));
  return borrow(self->errors);
}
Ref<> text_newlines(TextIO* self) {
  TRY(check_ready(self));
  if (!self->decoder) return none();
  PyObject* found;
  TRY(truth_of(_PyObject_LookupAttr(self->decoder, name<"newlines">, &found)));
  if (!found) return none();
  return steal(found);
}
Ref<> text_chunk_size(TextIO* self) {
  TRY(check_ready(self));
  return steal(PyLong_FromSsize_t(self->chunk_size));
}
Status text_set_chunk_size(TextIO* self, PyObject* value) {
  TRY(check_ready(self));
  if (!value) return raise(PyExc_AttributeError, "cannot delete attribute");
  Py_ssize_t size = TRY(checked(PyNumber_AsSsize_t(value, PyExc_ValueError)));
  if (size <= 0) return raise(PyExc_ValueError, "a strictly positive integer is required");
  self->chunk_size = size;
  return Status::ok;
}

Ref<> optional_attribute(TextIO* self, PyObject* attribute) {
  PyObject* found;
  if (_PyObject_LookupAttr(as_object(self), attribute, &found) < 0) {
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) return failure;
    PyErr_Clear();
    found = nullptr;
  }
  return found ? steal(found) : none();
}

Ref<> text_repr(TextIO* self) {
  if (!self->detached) TRY(check_ready(self));
  int entered = TRY(checked(Py_ReprEnter(as_object(self))));
  const char* type = Py_TYPE(self)->tp_name;
  if (entered) return raise(PyExc_RuntimeError, "reentrant call inside %s.__repr__", type);
  auto build = [&]() -> Ref<> {
    Ref<> text = TRY(steal(PyUnicode_FromString("<_io.TextIOWrapper")));
    Ref<> file_name = TRY(optional_attribute(self, name<"name">));
    if (file_name.get() != Py_None) text = TRY(steal(PyUnicode_FromFormat("%U name=%R", text.get(), file_name.get())));
    Ref<> mode = TRY(optional_attribute(self, name<"mode">));
    if (mode.get() != Py_None) text = TRY(steal(PyUnicode_FromFormat("%U mode=%R", text.get(), mode.get())));
    return steal(PyUnicode_FromFormat("%U encoding=%R>", text.get(), self->encoding));
  };
  Ref<> result = build();
  Py_ReprLeave(as_object(self));
  return result;
}

const PyMethodDef kMethods[] = {
    METHOD("detach($self, /)", text_detach, "Separate the underlying buffer and return it."),
    METHOD("reconfigure($self, /, *, encoding=None, errors=None, newline=<unrepresentable>, line_buffering=None, write_through=None)",
           text_reconfigure, "Reconfigure the text stream with new parameters."),
    METHOD("write($self, text, /)", text_write, "Write a string; returns its length."),
    METHOD("read($self, size=-1, /)", text_read, "Read up to size characters."),
    METHOD("readline($self, size=-1, /)", text_readline, "Read a line."),
    METHOD("flush($self, /)", text_flush, "Hand everything to the buffer and flush it."),
    METHOD("close($self, /)", text_close, "Flush and close."),
    METHOD("fileno($self, /)", text_fileno, "The descriptor below."),
    METHOD("seekable($self, /)", text_seekable, "Whether the stream can seek."),
    METHOD("readable($self, /)", text_readable, "Whether the stream can be read."),
    METHOD("writable($self, /)", text_writable, "Whether the stream can be written."),
    METHOD("isatty($self, /)", text_isatty, "Whether the stream is a terminal."),
    METHOD("seek($self, cookie, whence=0, /)", text_seek, "Go to a position that tell() gave."),
    METHOD("tell($self, /)", text_tell, "The position as an opaque number."),
    METHOD("truncate($self, pos=None, /)", text_truncate, "Cut the file."),
    kEndOfMethods,
};
const PyGetSetDef kAttributes[] = {
    getset<text_name>("name"),
    getset<text_closed>("closed"),
    getset<text_errors>("errors"),
    getset<text_newlines>("newlines"),
    getset<text_chunk_size, text_set_chunk_size>("_CHUNK_SIZE"),
    kEndOfGetSets,
};
const PyMemberDef kMembers[] = {
    {"encoding", T_OBJECT, offsetof(TextIO, encoding), READONLY, nullptr},
    {"buffer", T_OBJECT, offsetof(TextIO, buffer), READONLY, nullptr},
    {"line_buffering", T_BOOL, offsetof(TextIO, line_buffering), READONLY, nullptr},
    {"write_through", T_BOOL, offsetof(TextIO, write_through), READONLY, nullptr},
    {"_finalizing", T_BOOL, offsetof(TextIO, finalizing), 0, nullptr},
    {},
};

}  // namespace

extern "C" PyTypeObject TextIOWrapper_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_io.TextIOWrapper",
    .tp_basicsize = sizeof(TextIO),
    .tp_dealloc = slot<dealloc<TextIO, destroy>>,
    .tp_repr = slot<text_repr>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "TextIOWrapper(buffer, encoding=None, errors=None, newline=None,\n              line_buffering=False, write_through=False)\n--\n\n"
              "Character and line based layer over a BufferedIOBase object, buffer.",
    .tp_traverse = TextIO::Fields::traverse,
    .tp_clear = TextIO::Fields::clear,
    .tp_weaklistoffset = offsetof(IoBase, weakrefs),
    .tp_iternext = slot<text_next>,
    .tp_methods = table(kMethods),
    .tp_members = table(kMembers),
    .tp_getset = table(kAttributes),
    .tp_base = &TextIOBase_Type,
    .tp_dictoffset = offsetof(IoBase, dict),
    .tp_init = INITIALIZER("TextIOWrapper($self, /, buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)",
                           text_init),
    .tp_alloc = PyType_GenericAlloc,
    .tp_new = PyType_GenericNew,
    .tp_free = PyObject_GC_Del,
};
GILL_STATIC_TYPE(TextIOWrapper_Type);

}  // namespace gill::io
