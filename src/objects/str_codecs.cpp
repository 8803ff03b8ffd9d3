// Encoding and decoding by name, and the codecs of one byte a character: ASCII and Latin-1. The others
// are in str_utf8, str_utf16, str_utf7, str_escape, str_charmap and str_locale.
#include <charconv>

#include "objects/codecs.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

enum class Known { none, utf8, utf16, utf32, ascii, latin1 };

Known known_encoding(const char* encoding) {
  char n[16];
  if (!normalize_encoding(encoding, n, sizeof n)) return Known::none;
  std::string_view text(n);
  if (text == "utf_8" || text == "utf8") return Known::utf8;
  if (text == "ascii" || text == "us_ascii") return Known::ascii;
  if (text == "latin1" || text == "latin_1" || text == "iso_8859_1" || text == "iso8859_1") return Known::latin1;
  if (text == "utf_16" || text == "utf16") return Known::utf16;
  if (text == "utf_32" || text == "utf32") return Known::utf32;
  return Known::none;
}

// "&#233;" for XML.
Status put_character_reference(BytesBuilder& out, U4 c) {
  TRY(out.put("&#"));
  char digits[8];
  TRY(out.put(std::string_view(digits, static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, c).ptr - digits))));
  return out.put(';');
}

// Encodes characters below `limit` (128 or 256) as themselves.
Ref<> encode_narrow(PyObject* s, const char* errors, U4 limit) {
  StrView view(s);
  if (view.kind == 1 && (limit == 256 || view.ascii)) return bytes_from({view.as<char>(), static_cast<size_t>(view.length)});
  const char* encoding = limit == 256 ? "latin-1" : "ascii";
  const char* reason = limit == 256 ? "ordinal not in range(256)" : "ordinal not in range(128)";
  EncodeErrors trouble(errors, encoding);
  BytesBuilder out;
  TRY(out.reserve(view.length));
  for (Py_ssize_t i = 0; i < view.length;) {
    U4 c = view[i];
    if (c < limit) {
      TRY(out.put(static_cast<char>(c)));
      ++i;
      continue;
    }
    Py_ssize_t end = i + 1;
    while (end < view.length && view[end] >= limit) ++end;
    switch (trouble.policy()) {
      case ErrorPolicy::replace:
        TRY(out.fill('?', end - i));
        i = end;
        continue;
      case ErrorPolicy::ignore:
        i = end;
        continue;
      case ErrorPolicy::xmlcharrefreplace:
        for (; i < end; ++i) TRY(put_character_reference(out, view[i]));
        continue;
      case ErrorPolicy::surrogateescape:
        while (i < end && view[i] >= 0xdc80 && view[i] <= 0xdcff) TRY(out.put(static_cast<char>(view[i++] - 0xdc00)));
        if (i == end) continue;
        break;
      default: break;
    }
    Py_ssize_t next;
    Ref<> replacement = TRY(trouble.handle(s, i, end, reason, next));
    if (PyBytes_Check(replacement.get())) {
      TRY(out.put(std::string_view(PyBytes_AS_STRING(replacement.get()), static_cast<size_t>(PyBytes_GET_SIZE(replacement.get())))));
    } else {
      StrView r(replacement.get());
      for (Py_ssize_t k = 0; k < r.length; ++k) {
        if (r[k] >= limit) return trouble.fail(s, i, end, reason);
        TRY(out.put(static_cast<char>(r[k])));
      }
    }
    i = next;
  }
  return out.finish();
}

Ref<> decode_ascii(const char* text, Py_ssize_t size, const char* errors) {
  Py_ssize_t prefix = ascii_prefix(text, size);
  if (prefix == size) return str_from_ascii(text, size);
  DecodeErrors trouble(errors, "ascii", text, size);
  StrWriter out(size);
  Py_ssize_t at = 0;
  while (at < trouble.size()) {
    Py_ssize_t run = ascii_prefix(trouble.data() + at, trouble.size() - at);
    TRY(out.put(std::string_view(trouble.data() + at, static_cast<size_t>(run))));
    at += run;
    if (at < trouble.size()) at = TRY(trouble.handle(at, at + 1, "ordinal not in range(128)", out));
  }
  return out.finish();
}

// The whole of an object's text in UTF-8 unless the caller names another codec.
Ref<> decode(const char* text, Py_ssize_t size, const char* encoding, const char* errors) {
  switch (encoding ? known_encoding(encoding) : Known::utf8) {
    case Known::utf8: return steal(PyUnicode_DecodeUTF8Stateful(text, size, errors, nullptr));
    case Known::utf16: return steal(PyUnicode_DecodeUTF16(text, size, errors, nullptr));
    case Known::utf32: return steal(PyUnicode_DecodeUTF32(text, size, errors, nullptr));
    case Known::ascii: return decode_ascii(text, size, errors);
    case Known::latin1: return steal(PyUnicode_DecodeLatin1(text, size, errors));
    case Known::none: break;
  }
  Py_buffer info;
  TRY(status_of(PyBuffer_FillInfo(&info, nullptr, const_cast<char*>(text), size, 1, PyBUF_FULL_RO)));
  Ref<> buffer = TRY(steal(PyMemoryView_FromBuffer(&info)));
  Ref<> result = TRY(steal(_PyCodec_DecodeText(buffer.get(), encoding, errors)));
  if (!PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "'%.400s' decoder returned '%.400s' instead of 'str'; use codecs.decode() to decode to arbitrary types",
                 encoding, Py_TYPE(result.get())->tp_name);
  }
  TRY(ensure_ready(result.get()));
  return result;
}

Ref<> encode(PyObject* s, const char* encoding, const char* errors) {
  switch (encoding ? known_encoding(encoding) : Known::utf8) {
    case Known::utf8: return steal(_PyUnicode_AsUTF8String(s, errors));
    case Known::utf16: return steal(_PyUnicode_EncodeUTF16(s, errors, 0));
    case Known::utf32: return steal(_PyUnicode_EncodeUTF32(s, errors, 0));
    case Known::ascii: return encode_narrow(s, errors, 128);
    case Known::latin1: return encode_narrow(s, errors, 256);
    case Known::none: break;
  }
  Ref<> result = TRY(steal(_PyCodec_EncodeText(s, encoding, errors)));
  if (PyBytes_Check(result.get())) return result;
  if (PyByteArray_Check(result.get())) {
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "encoder %s returned bytearray instead of bytes; use codecs.encode() to encode to arbitrary types", encoding) < 0) {
      return failure;
    }
    return steal(PyBytes_FromStringAndSize(PyByteArray_AS_STRING(result.get()), PyByteArray_GET_SIZE(result.get())));
  }
  return raise(PyExc_TypeError, "'%.400s' encoder returned '%.400s' instead of 'bytes'; use codecs.encode() to encode to arbitrary types",
               encoding, Py_TYPE(result.get())->tp_name);
}

}  // namespace

Status check_codec_names(const char* encoding, const char* errors) {
  if ((!encoding && !errors) || !_Py_GetConfig()->dev_mode) return Status::ok;
  if (!g_runtime.initialized || _Py_IsFinalizing()) return Status::ok;  // without the codecs' modules
  if (encoding && known_encoding(encoding) == Known::none) (void)TRY(steal(_PyCodec_Lookup(encoding)));
  if (errors && error_policy(errors) == ErrorPolicy::other) (void)TRY(steal(PyCodec_LookupError(errors)));
  return Status::ok;
}

}  // namespace gill

using namespace gill;

extern "C" {

const char* PyUnicode_GetDefaultEncoding(void) { return "utf-8"; }

PyObject* PyUnicode_Decode(const char* text, Py_ssize_t size, const char* encoding, const char* errors) {
  if (check_codec_names(encoding, errors) != Status::ok) return nullptr;
  if (size == 0) return empty_str().release();
  return decode(text, size, encoding, errors).release();
}

PyObject* PyUnicode_FromEncodedObject(PyObject* object, const char* encoding, const char* errors) {
  if (!object) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (PyUnicode_Check(object)) return raise(PyExc_TypeError, "decoding str is not supported");
  if (check_codec_names(encoding, errors) != Status::ok) return nullptr;
  if (PyBytes_Check(object)) {
    if (PyBytes_GET_SIZE(object) == 0) return empty_str().release();
    return decode(PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), encoding, errors).release();
  }
  Py_buffer view;
  if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0) {
    return raise(PyExc_TypeError, "decoding to str: need a bytes-like object, %.80s found", Py_TYPE(object)->tp_name);
  }
  Ref<> result = view.len == 0 ? empty_str() : decode(static_cast<const char*>(view.buf), view.len, encoding, errors);
  PyBuffer_Release(&view);
  return result.release();
}

PyObject* PyUnicode_AsEncodedString(PyObject* s, const char* encoding, const char* errors) {
  if (require_str(s) != Status::ok || check_codec_names(encoding, errors) != Status::ok) return nullptr;
  return encode(s, encoding, errors).release();
}

PyObject* PyUnicode_AsDecodedObject(PyObject* s, const char* encoding, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  return PyCodec_Decode(s, encoding ? encoding : "utf-8", errors);
}

PyObject* PyUnicode_AsDecodedUnicode(PyObject* s, const char* encoding, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  if (!encoding) encoding = "utf-8";
  Ref<> result = steal(PyCodec_Decode(s, encoding, errors));
  if (result && !PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "'%.400s' decoder returned '%.400s' instead of 'str'; use codecs.decode() to decode to arbitrary types",
                 encoding, Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

PyObject* PyUnicode_AsEncodedObject(PyObject* s, const char* encoding, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  return PyCodec_Encode(s, encoding ? encoding : "utf-8", errors);
}

PyObject* PyUnicode_AsEncodedUnicode(PyObject* s, const char* encoding, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  if (!encoding) encoding = "utf-8";
  Ref<> result = steal(PyCodec_Encode(s, encoding, errors));
  if (result && !PyUnicode_Check(result.get())) {
    return raise(PyExc_TypeError, "'%.400s' encoder returned '%.400s' instead of 'str'; use codecs.encode() to encode to arbitrary types",
                 encoding, Py_TYPE(result.get())->tp_name);
  }
  return result.release();
}

PyObject* PyUnicode_DecodeASCII(const char* text, Py_ssize_t size, const char* errors) { return decode_ascii(text, size, errors).release(); }
PyObject* PyUnicode_DecodeLatin1(const char* text, Py_ssize_t size, const char*) {
  return str_from(reinterpret_cast<const U1*>(text), size).release();
}

PyObject* _PyUnicode_AsASCIIString(PyObject* s, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  return encode_narrow(s, errors, 128).release();
}
PyObject* PyUnicode_AsASCIIString(PyObject* s) { return _PyUnicode_AsASCIIString(s, nullptr); }
PyObject* _PyUnicode_AsLatin1String(PyObject* s, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  return encode_narrow(s, errors, 256).release();
}
PyObject* PyUnicode_AsLatin1String(PyObject* s) { return _PyUnicode_AsLatin1String(s, nullptr); }

}  // extern "C"
