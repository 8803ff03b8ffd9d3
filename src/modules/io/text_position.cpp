// tell() and seek() of the text layer.
//
// A position is a number that holds where the decoder can start and what to do from there:
//   bits   0..63   byte position in the buffer, the "start"
//   bits  64..127  decoder flags at the start
//   bits 128..191  bytes to feed from the start
//   bits 192..255  characters of their decoding to skip
//   bit  256       the decoder must be told that the stream ended
// For a decoder without state only the first is set, and it is the byte offset.
#include "modules/io/text_io.h"

namespace gill::io {
namespace {

struct Cookie {
  unsigned long long start = 0;
  unsigned long long decoder_flags = 0;
  unsigned long long bytes_to_feed = 0;
  unsigned long long chars_to_skip = 0;
  bool need_eof = false;
};

Ref<> pack(const Cookie& cookie) {
  unsigned char bytes[33];
  const unsigned long long words[] = {cookie.start, cookie.decoder_flags, cookie.bytes_to_feed, cookie.chars_to_skip};
  std::memcpy(bytes, words, sizeof(words));
  bytes[32] = cookie.need_eof;
  return steal(_PyLong_FromByteArray(bytes, sizeof(bytes), 1, 0));
}

Maybe<Cookie> unpack(PyObject* number) {
  Ref<> whole = TRY(steal(PyNumber_Long(number)));
  unsigned char bytes[33];
  if (_PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(whole.get()), bytes, sizeof(bytes), 1, 0) < 0) return failure;
  unsigned long long words[4];
  std::memcpy(words, bytes, sizeof(words));
  return Cookie{words[0], words[1], words[2], words[3], bytes[32] != 0};
}

struct DecoderState {
  Ref<> whole;
  Py_ssize_t buffered = 0;
  unsigned long long flags = 0;
};

Status decoder_state(PyObject* decoder, DecoderState* out) {
  out->whole = TRY(call(decoder, name<"getstate">));
  PyObject* bytes;
  if (!PyTuple_Check(out->whole.get())) return raise(PyExc_TypeError, "illegal decoder state");
  if (!PyArg_ParseTuple(out->whole.get(), "OK;illegal decoder state", &bytes, &out->flags)) return failure;
  if (!PyBytes_Check(bytes)) {
    return raise(PyExc_TypeError, "illegal decoder state: the first item should be a bytes object, not '%.200s'", Py_TYPE(bytes)->tp_name);
  }
  out->buffered = PyBytes_GET_SIZE(bytes);
  return Status::ok;
}

Status set_decoder_state(PyObject* decoder, unsigned long long flags) {
  (void)TRY(steal(PyObject_CallMethod(decoder, "setstate", "((y#K))", "", Py_ssize_t{0}, flags)));
  return Status::ok;
}

Maybe<Py_ssize_t> decoded_length(PyObject* decoder, const char* data, Py_ssize_t size, bool final) {
  Ref<> input = TRY(steal(PyBytes_FromStringAndSize(data, size)));
  Ref<> text = TRY(steal(PyObject_CallMethodObjArgs(decoder, name<"decode">, input.get(), final ? Py_True : Py_False, nullptr)));
  if (!PyUnicode_Check(text.get())) {
    return raise(PyExc_TypeError, "decoder should return a string result, not '%.200s'", Py_TYPE(text.get())->tp_name);
  }
  return PyUnicode_GET_LENGTH(text.get());
}

// Finds how `skip` characters of the decoding of `input`, from flags at its start, are reached with the
// least to feed again: the last point before them where the decoder holds no bytes back.
Status locate(PyObject* decoder, PyObject* input, Cookie* cookie, Py_ssize_t skip, double bytes_per_char) {
  const char* data = PyBytes_AS_STRING(input);
  Py_ssize_t size = PyBytes_GET_SIZE(input);
  // A first guess saves most of the byte-wise search: step back from it until the decoder is at rest
  // and has not gone too far.
  Py_ssize_t fed = std::min(static_cast<Py_ssize_t>(bytes_per_char * static_cast<double>(skip)), size);
  Py_ssize_t step = 1;
  Py_ssize_t chars = 0;
  DecoderState state;
  while (fed > 0) {
    TRY(set_decoder_state(decoder, cookie->decoder_flags));
    Py_ssize_t n = TRY(decoded_length(decoder, data, fed, false));
    if (n <= skip) {
      TRY(decoder_state(decoder, &state));
      if (state.buffered == 0) {
        chars = n;
        break;
      }
      fed -= state.buffered;
      step = 1;
    } else {
      fed -= step;
      step *= 2;
    }
  }
  unsigned long long rest_flags = fed > 0 ? state.flags : cookie->decoder_flags;
  if (fed <= 0) {
    fed = 0;
    chars = 0;
    TRY(set_decoder_state(decoder, cookie->decoder_flags));
  }
  unsigned long long start = cookie->start + static_cast<unsigned long long>(fed);
  Py_ssize_t to_skip = skip - chars;
  Py_ssize_t since = 0, decoded = 0;
  bool need_eof = false;
  Py_ssize_t at = fed;
  while (decoded < to_skip) {
    if (at == size) {
      decoded += TRY(decoded_length(decoder, "", 0, true));
      need_eof = true;
      if (decoded < to_skip) return raise(PyExc_OSError, "can't reconstruct logical file position");
      break;
    }
    decoded += TRY(decoded_length(decoder, data + at, 1, false));
    ++at;
    ++since;
    TRY(decoder_state(decoder, &state));
    if (state.buffered == 0 && decoded <= to_skip) {
      start += static_cast<unsigned long long>(since);
      to_skip -= decoded;
      since = decoded = 0;
      rest_flags = state.flags;
    }
  }
  cookie->start = start;
  cookie->decoder_flags = rest_flags;
  cookie->bytes_to_feed = static_cast<unsigned long long>(since);
  cookie->chars_to_skip = static_cast<unsigned long long>(to_skip);
  cookie->need_eof = need_eof;
  return Status::ok;
}

}  // namespace

Ref<> text_tell(TextIO* self) {
  TRY(check_usable(self));
  if (!self->seekable) return unsupported("underlying stream is not seekable");
  if (!self->telling) return raise(PyExc_OSError, "telling position disabled by next() call");
  TRY(write_pending(self));
  (void)TRY(call(as_object(self), name<"flush">));
  Ref<> position = TRY(call(self->buffer, name<"tell">));
  if (!self->decoder || !self->snapshot) return position;
  Cookie cookie;
  cookie.start = PyLong_AsUnsignedLongLong(position.get());
  if (PyErr_Occurred()) return failure;
  PyObject* input = PyTuple_GET_ITEM(self->snapshot, 1);
  cookie.decoder_flags = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(self->snapshot, 0));
  if (PyErr_Occurred()) return failure;
  cookie.start -= static_cast<unsigned long long>(PyBytes_GET_SIZE(input));
  Py_ssize_t skip = self->decoded ? self->decoded_used : 0;
  if (skip == 0) return pack(cookie);
  DecoderState saved;
  TRY(decoder_state(self->decoder, &saved));
  Status found = locate(self->decoder, input, &cookie, skip, self->bytes_per_char);
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  Ref<> restored = call(self->decoder, name<"setstate">, saved.whole.get());
  if (found == Status::error) {
    PyErr_Restore(type, value, traceback);
    return failure;
  }
  if (!restored) return failure;
  return pack(cookie);
}

Ref<> text_seek(TextIO* self, PyObject* target, int whence) {
  TRY(check_usable(self));
  if (!self->seekable) return unsupported("underlying stream is not seekable");
  Ref<> cookie = borrow(target);
  Ref<> zero = TRY(steal(PyLong_FromLong(0)));
  switch (whence) {
    case 0: break;
    case 1:
      if (TRY(truth_of(PyObject_RichCompareBool(cookie.get(), zero.get(), Py_NE)))) {
        return unsupported("can't do nonzero cur-relative seeks");
      }
      (void)TRY(call(as_object(self), name<"flush">));
      cookie = TRY(call(as_object(self), name<"tell">));
      break;
    case 2: {
      if (TRY(truth_of(PyObject_RichCompareBool(cookie.get(), zero.get(), Py_NE)))) {
        return unsupported("can't do nonzero end-relative seeks");
      }
      (void)TRY(call(as_object(self), name<"flush">));
      forget_decoded(self);
      clear_field(self->snapshot);
      if (self->decoder) (void)TRY(call(self->decoder, name<"reset">));
      Ref<> result = TRY(steal(PyObject_CallMethod(self->buffer, "seek", "ii", 0, 2)));
      if (self->encoder) {
        bool at_start = TRY(truth_of(PyObject_RichCompareBool(result.get(), zero.get(), Py_EQ)));
        TRY(reset_encoder(self, at_start));
      }
      return result;
    }
    default:
      return raise(PyExc_ValueError, "invalid whence (%d, should be %d, %d or %d)", whence, 0, 1, 2);
  }
  if (TRY(truth_of(PyObject_RichCompareBool(cookie.get(), zero.get(), Py_LT)))) {
    return raise(PyExc_ValueError, "negative seek position %R", cookie.get());
  }
  (void)TRY(call(as_object(self), name<"flush">));
  Cookie parts = TRY(unpack(cookie.get()));
  Ref<> start = TRY(steal(PyLong_FromUnsignedLongLong(parts.start)));
  (void)TRY(call(self->buffer, name<"seek">, start.get()));
  forget_decoded(self);
  clear_field(self->snapshot);
  if (self->decoder) {
    if (parts.start == 0 && parts.decoder_flags == 0) (void)TRY(call(self->decoder, name<"reset">));
    else TRY(set_decoder_state(self->decoder, parts.decoder_flags));
  }
  Ref<> input;
  if (parts.chars_to_skip) {
    Ref<> count = TRY(steal(PyLong_FromUnsignedLongLong(parts.bytes_to_feed)));
    input = TRY(call(self->buffer, name<"read">, count.get()));
    if (!PyBytes_Check(input.get())) {
      return raise(PyExc_TypeError, "underlying read() should have returned a bytes object, not '%.200s'", Py_TYPE(input.get())->tp_name);
    }
    set_field(self->snapshot, TRY(steal(Py_BuildValue("(KO)", parts.decoder_flags, input.get()))));
    Ref<> decoded = TRY(decode_step(self->decoder, input.get(), parts.need_eof));
    if (!PyUnicode_Check(decoded.get())) {
      return raise(PyExc_TypeError, "decoder should return a string result, not '%.200s'", Py_TYPE(decoded.get())->tp_name);
    }
    if (static_cast<unsigned long long>(PyUnicode_GET_LENGTH(decoded.get())) < parts.chars_to_skip) {
      return raise(PyExc_OSError, "can't restore logical file position");
    }
    set_field(self->decoded, std::move(decoded));
    self->decoded_used = static_cast<Py_ssize_t>(parts.chars_to_skip);
  } else {
    set_field(self->snapshot, TRY(steal(Py_BuildValue("(Ky#)", parts.decoder_flags, "", Py_ssize_t{0}))));
  }
  if (self->encoder) TRY(reset_encoder(self, parts.start == 0 && parts.decoder_flags == 0));
  return cookie;
}

}  // namespace gill::io
