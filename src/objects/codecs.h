// How encoders and decoders treat what they cannot convert.
//
// A decoder makes one DecodeErrors for a call and hands it each undecodable stretch; an encoder does
// the same with EncodeErrors. The standard policies are carried out here directly; any other name, and
// those whose Python callback must be seen, go through the registry (PyCodec_LookupError).
#pragma once

#include <Python.h>

#include "objects/bytes.h"
#include "objects/str.h"

namespace gill {

enum class ErrorPolicy : uint8_t {
  strict, ignore, replace, surrogateescape, surrogatepass, backslashreplace, xmlcharrefreplace, namereplace, other
};
ErrorPolicy error_policy(const char* errors);

// In development mode a wrong name is told even where nothing needs it: LookupError when no codec is called `encoding`
// or no handler `errors`. Either may be null.
Status check_codec_names(const char* encoding, const char* errors);

class DecodeErrors {
 public:
  DecodeErrors(const char* errors, const char* encoding, const char* data, Py_ssize_t size)
      : errors_(errors), encoding_(encoding), data_(data), size_(size) {}
  // Deals with the bytes [start, end): writes what stands for them and gives the position to go on from.
  // The handler may put another input into place: read data() and size() again afterwards.
  Maybe<Py_ssize_t> handle(Py_ssize_t start, Py_ssize_t end, const char* reason, StrWriter& out);
  const char* data() const { return data_; }
  Py_ssize_t size() const { return size_; }
  ErrorPolicy policy();

 private:
  const char* errors_;
  const char* encoding_;
  const char* data_;
  Py_ssize_t size_;
  bool known_ = false;
  ErrorPolicy policy_ = ErrorPolicy::strict;
  Ref<> handler_;
  Ref<> exception_;
  Ref<> input_;  // keeps a replaced input alive
};

class EncodeErrors {
 public:
  EncodeErrors(const char* errors, const char* encoding) : errors_(errors), encoding_(encoding) {}
  // Asks the handler about the characters [start, end) of `text`. The replacement is a str or bytes;
  // the position to go on from comes back in `next`.
  Ref<> handle(PyObject* text, Py_ssize_t start, Py_ssize_t end, const char* reason, Py_ssize_t& next);
  // Raises UnicodeEncodeError.
  Failure fail(PyObject* text, Py_ssize_t start, Py_ssize_t end, const char* reason);
  ErrorPolicy policy();
  const char* errors() const { return errors_; }

 private:
  const char* errors_;
  const char* encoding_;
  bool known_ = false;
  ErrorPolicy policy_ = ErrorPolicy::strict;
  Ref<> handler_;
  Ref<> exception_;
};

// An encoding name in lower case with `_` for other separators; false when it does not fit.
bool normalize_encoding(const char* name, char* out, size_t size);

// Warns about a backslash escape that means nothing: its character, or an octal value that is too large; -1 when there was none.
Status warn_invalid_escape(int character);

// UTF-8 of one character, which is not a surrogate unless the caller wants it so.
inline int put_utf8(U4 c, char* to) {
  if (c < 0x80) {
    to[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    to[0] = static_cast<char>(0xc0 | (c >> 6));
    to[1] = static_cast<char>(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = static_cast<char>(0xe0 | (c >> 12));
    to[1] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    to[2] = static_cast<char>(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = static_cast<char>(0xf0 | (c >> 18));
  to[1] = static_cast<char>(0x80 | ((c >> 12) & 0x3f));
  to[2] = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
  to[3] = static_cast<char>(0x80 | (c & 0x3f));
  return 4;
}

// The number of leading ASCII bytes.
inline Py_ssize_t ascii_prefix(const char* text, Py_ssize_t n) {
  Py_ssize_t i = 0;
  for (; i + 32 <= n; i += 32) {
    uint64_t w[4];
    std::memcpy(w, text + i, 32);
    if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080u) break;
  }
  for (; i + 8 <= n; i += 8) {
    uint64_t w;
    std::memcpy(&w, text + i, 8);
    if (w &= 0x8080808080808080u) return i + __builtin_ctzll(w) / 8;
  }
  while (i < n && static_cast<signed char>(text[i]) >= 0) ++i;
  return i;
}

inline bool is_surrogate(U4 c) { return c >= 0xd800 && c <= 0xdfff; }

}  // namespace gill
