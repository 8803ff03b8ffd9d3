// UTF-8: decoding, encoding, and the UTF-8 form that a string keeps.
//
// Decoding reads the text twice: the first pass validates it, counts its characters and finds the
// widest, the second fills the string without any check. Only text with errors takes the slow path.
#include "objects/codecs.h"

namespace gill {
namespace {

struct Step {
  U4 c = 0;
  int length = 0;                // of the character, or of the bytes that are wrong
  const char* reason = nullptr;  // set when they are wrong
  bool truncated = false;        // more input could make them right
};

inline bool continuation(unsigned char b) { return (b & 0xc0) == 0x80; }

// One multi-byte sequence that begins at p, with n > 0 bytes left.
Step read_sequence(const unsigned char* p, Py_ssize_t n) {
  static constexpr const char* kStart = "invalid start byte";
  static constexpr const char* kContinuation = "invalid continuation byte";
  static constexpr const char* kEnd = "unexpected end of data";
  unsigned char b = p[0];
  if (b < 0x80) return {b, 1};
  if (b < 0xc2 || b > 0xf4) return {0, 1, kStart};
  if (n < 2) return {0, 1, kEnd, true};
  unsigned char b1 = p[1];
  if (b < 0xe0) {
    if (!continuation(b1)) return {0, 1, kContinuation};
    return {(b & 0x1fu) << 6 | (b1 & 0x3fu), 2};
  }
  if (b < 0xf0) {
    // E0 must not be overlong, ED must not make a surrogate.
    if (!continuation(b1) || (b == 0xe0 && b1 < 0xa0) || (b == 0xed && b1 >= 0xa0)) {
      // The beginning of a surrogate may go on, for the sake of handlers that let surrogates pass.
      return {0, 1, kContinuation, b == 0xed && n == 2 && continuation(b1)};
    }
    if (n < 3) return {0, 2, kEnd, true};
    if (!continuation(p[2])) return {0, 2, kContinuation};
    return {(b & 0x0fu) << 12 | (b1 & 0x3fu) << 6 | (p[2] & 0x3fu), 3};
  }
  if (!continuation(b1) || (b == 0xf0 && b1 < 0x90) || (b == 0xf4 && b1 >= 0x90)) return {0, 1, kContinuation};
  if (n < 3) return {0, 2, kEnd, true};
  if (!continuation(p[2])) return {0, 2, kContinuation};
  if (n < 4) return {0, 3, kEnd, true};
  if (!continuation(p[3])) return {0, 3, kContinuation};
  return {(b & 0x07u) << 18 | (b1 & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu), 4};
}

// The length of the valid multi-byte sequence at p, and its character; 0 when read_sequence has to say what is wrong.
inline int valid_sequence(const unsigned char* p, Py_ssize_t n, U4& c) {
  unsigned char b = p[0];
  if (b < 0xe0) {
    if (b < 0xc2 || n < 2 || !continuation(p[1])) return 0;
    c = (b & 0x1fu) << 6 | (p[1] & 0x3fu);
    return 2;
  }
  if (b < 0xf0) {
    if (n < 3 || !continuation(p[1]) || !continuation(p[2])) return 0;
    c = (b & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return c < 0x800 || is_surrogate(c) ? 0 : 3;
  }
  if (b > 0xf4 || n < 4 || !continuation(p[1]) || !continuation(p[2]) || !continuation(p[3])) return 0;
  c = (b & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
  return c < 0x10000 || c > 0x10ffff ? 0 : 4;
}

// Fills `to` from text that the first pass found valid.
template <class C>
void fill(const char* text, Py_ssize_t n, C* to) {
  auto* p = reinterpret_cast<const unsigned char*>(text);
  auto* end = p + n;
  while (p < end) {
    unsigned char b = *p;
    if (b < 0x80) {
      Py_ssize_t run = ascii_prefix(reinterpret_cast<const char*>(p), end - p);
      convert_characters(p, to, run);
      to += run;
      p += run;
    } else if (b < 0xe0) {
      *to++ = static_cast<C>((b & 0x1fu) << 6 | (p[1] & 0x3fu));
      p += 2;
    } else if (sizeof(C) > 1 && b < 0xf0) {
      *to++ = static_cast<C>((b & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu));
      p += 3;
    } else {
      *to++ = static_cast<C>((b & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu));
      p += 4;
    }
  }
}

Ref<> decode_with_errors(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  DecodeErrors trouble(errors, "utf-8", text, size);
  StrWriter out(size);
  Py_ssize_t at = 0;
  while (at < trouble.size()) {
    const char* data = trouble.data();
    Py_ssize_t run = ascii_prefix(data + at, trouble.size() - at);
    if (run) {
      TRY(out.put(std::string_view(data + at, static_cast<size_t>(run))));
      at += run;
      continue;
    }
    Step step = read_sequence(reinterpret_cast<const unsigned char*>(data) + at, trouble.size() - at);
    if (!step.reason) {
      TRY(out.put(step.c));
      at += step.length;
      continue;
    }
    if (step.truncated && consumed) break;
    at = TRY(trouble.handle(at, at + step.length, step.reason, out));
  }
  if (consumed) *consumed = at;
  return out.finish();
}

Ref<> decode(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  Py_ssize_t prefix = ascii_prefix(text, size);
  if (prefix == size) {
    if (consumed) *consumed = size;
    return str_from_ascii(text, size);
  }
  auto* p = reinterpret_cast<const unsigned char*>(text);
  Py_ssize_t at = prefix;
  Py_ssize_t count = prefix;
  U4 bits = 0;
  while (at < size) {
    if (p[at] < 0x80) {
      Py_ssize_t run = ascii_prefix(text + at, size - at);
      at += run;
      count += run;
      continue;
    }
    U4 c;
    int length = valid_sequence(p + at, size - at, c);
    if (length == 0) {
      if (read_sequence(p + at, size - at).truncated && consumed) break;
      return decode_with_errors(text, size, errors, consumed);
    }
    bits |= c;
    at += length;
    ++count;
  }
  if (consumed) *consumed = at;
  if (count == prefix) return str_from_ascii(text, count);
  if (count == 1 && bits < 256) return str_from_character(bits);
  U4 max = max_class_of(&bits, 1);
  Ref<> result = TRY(new_str(count, max));
  dispatch(kind_of_class(max), [&]<class C>(C*) { fill(text, at, static_cast<C*>(PyUnicode_DATA(result.get()))); });
  return result;
}

// The length of the UTF-8 form; -1 when there are surrogates.
template <class C>
Py_ssize_t encoded_size(const C* text, Py_ssize_t n) {
  Py_ssize_t size = 0;
  bool surrogates = false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    U4 c = text[i];
    size += 1 + (c >= 0x80);
    if constexpr (sizeof(C) > 1) {
      size += c >= 0x800;
      surrogates |= is_surrogate(c);
    }
    if constexpr (sizeof(C) > 2) size += c >= 0x10000;
  }
  return surrogates ? -1 : size;
}

template <class C>
void encode_into(const C* text, Py_ssize_t n, char* to) {
  for (Py_ssize_t i = 0; i < n;) {
    // Eight ASCII characters at a time.
    if (text[i] < 0x80 && i + 8 <= n) {
      C bits = 0;
      for (int k = 0; k < 8; ++k) bits |= text[i + k];
      if (bits < 0x80) {
        for (int k = 0; k < 8; ++k) to[k] = static_cast<char>(text[i + k]);
        to += 8;
        i += 8;
        continue;
      }
    }
    to += put_utf8(text[i++], to);
  }
}

// Surrogates and an error handler: a run of surrogates is one error.
Ref<> encode_with_errors(PyObject* s, const char* errors) {
  StrView view(s);
  EncodeErrors trouble(errors, "utf-8");
  BytesBuilder out;
  TRY(out.reserve(view.length));
  static constexpr const char* kReason = "surrogates not allowed";
  for (Py_ssize_t i = 0; i < view.length;) {
    U4 c = view[i];
    if (!is_surrogate(c)) {
      TRY(out.reserve(4));
      out.extend(put_utf8(c, out.data() + out.size()));
      ++i;
      continue;
    }
    Py_ssize_t end = i + 1;
    while (end < view.length && is_surrogate(view[end])) ++end;
    switch (trouble.policy()) {
      case ErrorPolicy::replace:
        TRY(out.fill('?', end - i));
        i = end;
        continue;
      case ErrorPolicy::ignore:
        i = end;
        continue;
      case ErrorPolicy::surrogatepass:
        for (; i < end; ++i) {
          TRY(out.reserve(4));
          out.extend(put_utf8(view[i], out.data() + out.size()));
        }
        continue;
      case ErrorPolicy::surrogateescape: {
        Py_ssize_t k = i;
        while (k < end && view[k] >= 0xdc80 && view[k] <= 0xdcff) ++k;
        for (; i < k; ++i) TRY(out.put(static_cast<char>(view[i] - 0xdc00)));
        if (k == end) continue;
        break;
      }
      default: break;
    }
    Py_ssize_t next;
    Ref<> replacement = TRY(trouble.handle(s, i, end, kReason, next));
    if (PyBytes_Check(replacement.get())) {
      TRY(out.put(std::string_view(PyBytes_AS_STRING(replacement.get()), static_cast<size_t>(PyBytes_GET_SIZE(replacement.get())))));
    } else {
      StrView r(replacement.get());
      if (!r.ascii) return trouble.fail(s, i, end, kReason);
      TRY(out.put(std::string_view(r.as<char>(), static_cast<size_t>(r.length))));
    }
    i = next;
  }
  return out.finish();
}

const char* kept_utf8(PyObject* s) {
  return PyUnicode_IS_COMPACT_ASCII(s) ? reinterpret_cast<const char*>(str_head(s) + 1) : str_compact(s)->utf8;
}
Py_ssize_t kept_size(PyObject* s) {
  return PyUnicode_IS_COMPACT_ASCII(s) ? str_head(s)->length : str_compact(s)->utf8_length;
}

// Fills the UTF-8 form that the string keeps.
Status keep_utf8(PyObject* s) {
  StrView view(s);
  Py_ssize_t size = dispatch(view.kind, [&]<class C>(C*) { return encoded_size(view.as<C>(), view.length); });
  if (size < 0) {
    // Raises for the first run of surrogates.
    Ref<> never = encode_with_errors(s, nullptr);
    return Status::error;
  }
  auto* text = static_cast<char*>(PyObject_Malloc(static_cast<size_t>(size) + 1));
  if (!text) {
    PyErr_NoMemory();
    return Status::error;
  }
  dispatch(view.kind, [&]<class C>(C*) { encode_into(view.as<C>(), view.length, text); });
  text[size] = 0;
  str_compact(s)->utf8 = text;
  str_compact(s)->utf8_length = size;
  return Status::ok;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_DecodeUTF8(const char* text, Py_ssize_t size, const char* errors) {
  return decode(text, size, errors, nullptr).release();
}

PyObject* PyUnicode_DecodeUTF8Stateful(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  return decode(text, size, errors, consumed).release();
}

PyObject* _PyUnicode_AsUTF8String(PyObject* s, const char* errors) {
  if (require_str(s) != Status::ok) return nullptr;
  StrView view(s);
  if (view.ascii) return PyBytes_FromStringAndSize(view.as<char>(), view.length);
  if (kept_utf8(s)) return PyBytes_FromStringAndSize(kept_utf8(s), kept_size(s));
  Py_ssize_t size = dispatch(view.kind, [&]<class C>(C*) { return encoded_size(view.as<C>(), view.length); });
  if (size < 0) return encode_with_errors(s, errors).release();
  Ref<> result = new_bytes(size);
  if (!result) return nullptr;
  dispatch(view.kind, [&]<class C>(C*) { encode_into(view.as<C>(), view.length, PyBytes_AS_STRING(result.get())); });
  return result.release();
}

PyObject* PyUnicode_AsUTF8String(PyObject* s) { return _PyUnicode_AsUTF8String(s, nullptr); }

const char* PyUnicode_AsUTF8AndSize(PyObject* s, Py_ssize_t* size) {
  if (!PyUnicode_Check(s)) {
    PyErr_BadArgument();
    return nullptr;
  }
  if (PyUnicode_IS_COMPACT_ASCII(s)) [[likely]] {
    if (size) *size = str_head(s)->length;
    return reinterpret_cast<const char*>(str_head(s) + 1);
  }
  if (ensure_ready(s) != Status::ok) return nullptr;
  if (!kept_utf8(s) && keep_utf8(s) != Status::ok) return nullptr;
  if (size) *size = kept_size(s);
  return kept_utf8(s);
}

const char* PyUnicode_AsUTF8(PyObject* s) { return PyUnicode_AsUTF8AndSize(s, nullptr); }

}  // extern "C"
