// What the files about str share: typed views of a string's characters, construction from typed
// characters, and the interning table. Everything else goes through the C API.
//
// A string is in canonical form: its kind is the smallest that holds its largest character, and the
// ascii flag is set whenever all characters are ASCII. Equality relies on it. Empty strings and
// strings of one Latin-1 character are the immortal objects below wherever a result is made.
#pragma once

#include <Python.h>

#include <cstring>
#include <string_view>

#include "base/names.h"
#include "base/result.h"

namespace gill {

struct Interpreter;

using U1 = Py_UCS1;
using U2 = Py_UCS2;
using U4 = Py_UCS4;

inline PyASCIIObject* str_head(PyObject* s) { return reinterpret_cast<PyASCIIObject*>(s); }
inline PyCompactUnicodeObject* str_compact(PyObject* s) { return reinterpret_cast<PyCompactUnicodeObject*>(s); }
inline PyUnicodeObject* str_legacy(PyObject* s) { return reinterpret_cast<PyUnicodeObject*>(s); }

// The characters of a ready string.
struct StrView {
  const void* data = nullptr;
  Py_ssize_t length = 0;
  int kind = 1;
  bool ascii = false;

  StrView() = default;
  StrView(PyObject* s)
      : data(PyUnicode_DATA(s)), length(PyUnicode_GET_LENGTH(s)), kind(PyUnicode_KIND(s)), ascii(PyUnicode_IS_ASCII(s)) {}
  U4 operator[](Py_ssize_t i) const { return PyUnicode_READ(kind, data, i); }
  template <class C>
  const C* as() const { return static_cast<const C*>(data); }
  // The class of the largest character (0x7f, 0xff, 0xffff, 0x10ffff), from the kind alone.
  U4 max_class() const { return ascii ? 0x7f : kind == 1 ? 0xff : kind == 2 ? 0xffff : 0x10ffff; }
};

// Calls f with a null pointer of the character type: dispatch(kind, [&]<class C>(C*) { ... }).
template <class F>
[[gnu::always_inline]] inline decltype(auto) dispatch(int kind, F&& f) {
  if (kind == 1) return f(static_cast<U1*>(nullptr));
  if (kind == 2) return f(static_cast<U2*>(nullptr));
  return f(static_cast<U4*>(nullptr));
}

[[gnu::always_inline]] inline Status ensure_ready(PyObject* s) {
  if (PyUnicode_IS_READY(s)) [[likely]] return Status::ok;
  return status_of(_PyUnicode_Ready(s));
}
// A ready str, or TypeError.
inline Status require_str(PyObject* object) {
  if (!PyUnicode_Check(object)) {
    PyErr_BadArgument();
    return Status::error;
  }
  return ensure_ready(object);
}

// Whether one of n bytes, mostly few, is above ASCII: a word at a time, the last one over what was seen already.
inline bool has_high_byte(const U1* text, Py_ssize_t n) {
  constexpr Py_ssize_t kWord = sizeof(uint64_t);
  uint64_t bits = 0, word;
  if (n >= kWord) {
    for (Py_ssize_t i = 0; i < n - kWord; i += kWord) {
      std::memcpy(&word, text + i, sizeof word);
      bits |= word;
    }
    std::memcpy(&word, text + n - kWord, sizeof word);
    bits |= word;
  } else {
    for (Py_ssize_t i = 0; i < n; ++i) bits |= text[i];
  }
  return bits & 0x8080808080808080;
}
// The class (0x7f, 0xff, 0xffff, 0x10ffff) of the largest of n characters.
template <class C>
inline U4 max_class_of(const C* text, Py_ssize_t n) {
  if constexpr (sizeof(C) == 1) return has_high_byte(text, n) ? 0xff : 0x7f;
  C bits = 0;
  for (Py_ssize_t i = 0; i < n; ++i) bits |= text[i];
  if (bits < 0x80) return 0x7f;
  if (bits < 0x100) return 0xff;
  return sizeof(C) == 2 || bits < 0x10000 ? 0xffff : 0x10ffff;
}
inline bool is_ascii(const char* text, Py_ssize_t n) { return max_class_of(reinterpret_cast<const U1*>(text), n) < 0x80; }
inline int kind_of_class(U4 max) { return max < 0x100 ? 1 : max < 0x10000 ? 2 : 4; }

template <class From, class To>
inline void convert_characters(const From* from, To* to, Py_ssize_t n) {
  if constexpr (sizeof(From) == sizeof(To)) {
    if (n > 0) std::memcpy(to, from, static_cast<size_t>(n) * sizeof(To));
  } else {
    for (Py_ssize_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
  }
}
// For at least one byte, mostly few: with two loads that may overlap rather than a call.
inline void copy_mostly_short(char* to, const char* from, size_t n) {
  auto both_ends = [&]<class Word>(Word) {
    Word first, last;
    std::memcpy(&first, from, sizeof(Word));
    std::memcpy(&last, from + n - sizeof(Word), sizeof(Word));
    std::memcpy(to, &first, sizeof(Word));
    std::memcpy(to + n - sizeof(Word), &last, sizeof(Word));
  };
  if (n > 16) std::memcpy(to, from, n);
  else if (n >= 8) both_ends(uint64_t{});
  else if (n >= 4) both_ends(uint32_t{});
  else if (n >= 2) both_ends(uint16_t{});
  else *to = *from;
}

// Copies characters of any kind into a buffer of `to_kind`, which holds them.
void copy_characters(int to_kind, void* to, Py_ssize_t to_start, const StrView& from, Py_ssize_t start, Py_ssize_t n);

// Latin-1 characters above ASCII need the larger head.
struct StaticLatin1 {
  PyCompactUnicodeObject head;
  char text[8];
};
extern constinit StaticLatin1 latin1_characters[128];  // U+0080 to U+00FF

inline PyObject* latin1_character(unsigned char c) {
  return c < 128 ? &ascii_characters[c].head.ob_base : &latin1_characters[c - 128].head._base.ob_base;
}
inline Ref<> empty_str() { return Ref<>::steal(&empty_string.head.ob_base); }

// A new string of n characters in the smallest form.
template <class C>
Ref<> str_from(const C* text, Py_ssize_t n);
extern template Ref<> str_from<U1>(const U1*, Py_ssize_t);
extern template Ref<> str_from<U2>(const U2*, Py_ssize_t);
extern template Ref<> str_from<U4>(const U4*, Py_ssize_t);
// The same when the text is known to be ASCII.
Ref<> str_from_ascii(const char* text, Py_ssize_t n);
// Both compact ASCII. Null without an exception when one is empty or both are too long; null with MemoryError.
PyObject* concat_ascii(PyObject* left, PyObject* right);
inline Ref<> str_from_ascii(std::string_view text) { return str_from_ascii(text.data(), static_cast<Py_ssize_t>(text.size())); }
Ref<> str_from_character(U4 c);
// Uninitialized characters; the caller fills them in. `max` is any character of the largest class.
inline Ref<> new_str(Py_ssize_t n, U4 max) { return steal(PyUnicode_New(n, max)); }
Ref<> substring(PyObject* s, Py_ssize_t start, Py_ssize_t end);
// An exact str with the same characters: the object itself, or a copy of a subclass's instance.
Ref<> exact_str(PyObject* s);
// Replaces empty strings and single Latin-1 characters by their immortal objects.
Ref<> canonical_result(Ref<> s);

// True when nobody else can see the string, so that its characters may change.
inline bool is_modifiable(PyObject* s) {
  return s->ob_refcnt == 1 && str_head(s)->hash == -1 && !str_head(s)->state.interned && PyUnicode_CheckExact(s) &&
         str_head(s)->state.compact;
}
enum class Slack { none, some };  // room for more of the same
Ref<> resize_compact(Ref<> s, Py_ssize_t n, Slack slack = Slack::none);

// Equality of ready strings.
inline bool str_equal(PyObject* a, PyObject* b) {
  if (a == b) return true;
  Py_ssize_t n = PyUnicode_GET_LENGTH(a);
  if (n != PyUnicode_GET_LENGTH(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b)) return false;
  return std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(n) * PyUnicode_KIND(a)) == 0;
}
inline bool str_equals_ascii(PyObject* s, std::string_view text) {
  return PyUnicode_IS_ASCII(s) && PyUnicode_GET_LENGTH(s) == static_cast<Py_ssize_t>(text.size()) &&
         std::memcmp(PyUnicode_DATA(s), text.data(), text.size()) == 0;
}
Py_hash_t hash_of_str(PyObject* s);

// Start-up and shutdown of an interpreter's table of interned strings; the first interning makes it
// when nobody asked before.
Status init_text(Interpreter* interpreter);
void finish_text(Interpreter* interpreter);
// The interned string of ASCII text, or of UTF-8 up to a null byte, made when there is none yet.
Ref<> interned_ascii(const char* text, Py_ssize_t n);
inline Ref<> interned(const char* text) { return steal(PyUnicode_InternFromString(text)); }
// An interned string dies.
void forget_interned(PyObject* s);

// The methods, in the order of the files that define them (str_*.cpp).
extern const PyMethodDef kStrMethods[];

// Whitespace and line ends, with a table for Latin-1.
inline bool is_space(U4 c) { return c < 128 ? _Py_ascii_whitespace[c] != 0 : _PyUnicode_IsWhitespace(c) != 0; }
inline bool is_linebreak(U4 c) {
  return c < 128 ? (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) : _PyUnicode_IsLinebreak(c) != 0;
}

// Room for a short ASCII string that a writer fills before it asks for memory. An immortal object, so that no release frees it.
struct InlineStr {
  static constexpr Py_ssize_t kSize = 240;
  PyASCIIObject head;
  char text[kSize + 1];
};

// Builds a string whose characters arrive bit by bit; widens as needed. Wraps _PyUnicodeWriter.
class StrWriter {
 public:
  explicit StrWriter(Py_ssize_t expected = 0) {
    _PyUnicodeWriter_Init(&writer_);
    writer_.overallocate = 1;
    writer_.min_length = expected;
    if (expected <= InlineStr::kSize) write_inline();
  }
  ~StrWriter() { _PyUnicodeWriter_Dealloc(&writer_); }
  StrWriter(const StrWriter&) = delete;
  StrWriter& operator=(const StrWriter&) = delete;
  Status put(U4 c) {
    if (writer_.pos < writer_.size && c <= writer_.maxchar) [[likely]] {
      PyUnicode_WRITE(writer_.kind, writer_.data, writer_.pos++, c);
      return Status::ok;
    }
    return status_of(_PyUnicodeWriter_WriteChar(&writer_, c));
  }
  Status put(PyObject* s) { return status_of(_PyUnicodeWriter_WriteStr(&writer_, s)); }
  Status put(std::string_view ascii) {
    return status_of(_PyUnicodeWriter_WriteASCIIString(&writer_, ascii.data(), static_cast<Py_ssize_t>(ascii.size())));
  }
  Status put(PyObject* s, Py_ssize_t start, Py_ssize_t end) {
    return status_of(_PyUnicodeWriter_WriteSubstring(&writer_, s, start, end));
  }
  Status reserve(Py_ssize_t n, U4 max) { return status_of(_PyUnicodeWriter_Prepare(&writer_, n, max)); }
  Status put_decimal(int64_t value);
  Status fill(U4 c, Py_ssize_t n) {
    if (n <= 0) return Status::ok;
    TRY(reserve(n, c));
    for (Py_ssize_t end = writer_.pos + n; writer_.pos < end; ++writer_.pos) PyUnicode_WRITE(writer_.kind, writer_.data, writer_.pos, c);
    return Status::ok;
  }
  // What comes now needs no room behind it; a str that is all there is comes back as it is.
  void expect_last() { writer_.overallocate = 0; }
  Ref<> finish() { return steal(_PyUnicodeWriter_Finish(&writer_)); }
  Py_ssize_t length() const { return writer_.pos; }
  _PyUnicodeWriter* raw() { return &writer_; }

 private:
  void write_inline();

  _PyUnicodeWriter writer_;
  InlineStr inline_;
};

}  // namespace gill
