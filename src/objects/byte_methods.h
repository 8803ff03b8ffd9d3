// What bytes and bytearray have in common: every algorithm exists once, and makes its result of the
// receiver's kind (a bytearray's methods return bytearrays).
#pragma once

#include <string_view>

#include "base/binding.h"
#include "objects/bytes.h"

namespace gill {

using Bytes = std::string_view;

// The contents of a bytes or bytearray object.
inline Bytes contents(PyObject* self) {
  if (PyByteArray_Check(self)) return {PyByteArray_AS_STRING(self), static_cast<size_t>(PyByteArray_GET_SIZE(self))};
  return {PyBytes_AS_STRING(self), static_cast<size_t>(PyBytes_GET_SIZE(self))};
}

// A new object of the receiver's kind; the receiver itself when it is an exact bytes object that the
// result equals.
Ref<> make_like(PyObject* self, Bytes text);
Ref<> same_as(PyObject* self);

// Keeps a bytearray from being resized while its contents are in use.
class Pin {
 public:
  explicit Pin(PyObject* object) : array_(PyByteArray_Check(object) ? reinterpret_cast<PyByteArrayObject*>(object) : nullptr) {
    if (array_) ++array_->ob_exports;
  }
  ~Pin() {
    if (array_) --array_->ob_exports;
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

 private:
  PyByteArrayObject* array_;
};

// A bytes-like argument ("a bytes-like object is required, not 'str'").
class ByteArgument {
 public:
  ByteArgument() { view_.obj = nullptr; }
  ~ByteArgument() {
    if (view_.obj) PyBuffer_Release(&view_);
  }
  ByteArgument(const ByteArgument&) = delete;
  ByteArgument& operator=(const ByteArgument&) = delete;
  Status read(PyObject* object) {
    if (PyBytes_CheckExact(object)) {
      text_ = contents(object);
      return Status::ok;
    }
    TRY(status_of(PyObject_GetBuffer(object, &view_, PyBUF_SIMPLE)));
    text_ = {static_cast<const char*>(view_.buf), static_cast<size_t>(view_.len)};
    return Status::ok;
  }
  Bytes text() const { return text_; }

 private:
  Py_buffer view_;
  Bytes text_;
};

// The value of an item: an integer in range(256).
Maybe<int> byte_value(PyObject* object, const char* message);

// The shared methods, alphabetically in each file.
Ref<> bytes_capitalize(PyObject* self);
Ref<> bytes_center(PyObject* self, Py_ssize_t width, PyObject* fill);
Maybe<int> bytes_contains(PyObject* self, PyObject* item);
Maybe<Py_ssize_t> bytes_count(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Ref<> bytes_decode(PyObject* self, const char* encoding, const char* errors);
Maybe<bool> bytes_endswith(PyObject* self, PyObject* suffix, PyObject* start, PyObject* end);
Ref<> bytes_expandtabs(PyObject* self, int tabsize);
Maybe<Py_ssize_t> bytes_find(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Ref<> bytes_hex(PyObject* self, PyObject* sep, int bytes_per_sep);
Maybe<Py_ssize_t> bytes_index(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<bool> bytes_isalnum(PyObject* self);
Maybe<bool> bytes_isalpha(PyObject* self);
Maybe<bool> bytes_isascii(PyObject* self);
Maybe<bool> bytes_isdigit(PyObject* self);
Maybe<bool> bytes_islower(PyObject* self);
Maybe<bool> bytes_isspace(PyObject* self);
Maybe<bool> bytes_istitle(PyObject* self);
Maybe<bool> bytes_isupper(PyObject* self);
Ref<> bytes_join(PyObject* self, PyObject* iterable);
Ref<> bytes_ljust(PyObject* self, Py_ssize_t width, PyObject* fill);
Ref<> bytes_lower(PyObject* self);
Ref<> bytes_lstrip(PyObject* self, PyObject* chars);
Ref<> bytes_maketrans(PyObject* null, PyObject* from, PyObject* to);
Ref<> bytes_partition(PyObject* self, PyObject* sep);
Ref<> bytes_removeprefix(PyObject* self, PyObject* prefix);
Ref<> bytes_removesuffix(PyObject* self, PyObject* suffix);
Ref<> bytes_replace(PyObject* self, PyObject* old, PyObject* replacement, PyObject* count);
Maybe<Py_ssize_t> bytes_rfind(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<Py_ssize_t> bytes_rindex(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Ref<> bytes_rjust(PyObject* self, Py_ssize_t width, PyObject* fill);
Ref<> bytes_rpartition(PyObject* self, PyObject* sep);
Ref<> bytes_rsplit(PyObject* self, PyObject* sep, Py_ssize_t maxsplit);
Ref<> bytes_rstrip(PyObject* self, PyObject* chars);
Ref<> bytes_split(PyObject* self, PyObject* sep, Py_ssize_t maxsplit);
Ref<> bytes_splitlines(PyObject* self, int keepends);
Maybe<bool> bytes_startswith(PyObject* self, PyObject* prefix, PyObject* start, PyObject* end);
Ref<> bytes_strip(PyObject* self, PyObject* chars);
Ref<> bytes_swapcase(PyObject* self);
Ref<> bytes_title(PyObject* self);
Ref<> bytes_translate(PyObject* self, PyObject* table, PyObject* removed);
Ref<> bytes_upper(PyObject* self);
Ref<> bytes_zfill(PyObject* self, Py_ssize_t width);

// The repr of contents: b'...'. A bytearray's apostrophes are escaped whatever the quotes are.
Ref<> bytes_repr_of(Bytes text, bool quotes_may_change, bool apostrophes_escaped);
// Warns about str(bytes) and comparisons with str when the -b option asks for it.
bool bytes_warnings_wanted();

// The rows that both method tables have; `what` is the type's name in the docs. The others come where the order of names, which shows in
// the __dict__ of the types, has them.
#define GILL_SHARED_BYTE_METHODS(what, kinds, object, before_count, before_find, before_hex, before_isalnum, before_replace, before_rfind)                                                                          \
  METHOD_UNSIGNED("capitalize($self, /)", bytes_capitalize,                                                                  \
                  "B.capitalize() -> copy of B\n\nReturn a copy whose first byte is upper case (ASCII) and the rest lower."), \
      METHOD("center($self, width, fillchar=b' ', /)", bytes_center,                                                         \
             "Return a centered string of length width.\n\nPadding is done using the specified fill character."),            \
      before_count METHOD_PARSED("count($self, sub, start=<null>, end=<null>, /)", bytes_count,                                         \
                      "B.count(sub[, start[, end]]) -> int\n\nReturn how often sub occurs, without overlap, in B[start:end]."), \
      METHOD("decode($self, /, encoding='utf-8', errors='strict')", bytes_decode,                                            \
             "Decode the " what " using the codec registered for encoding.\n\n"                                              \
             "  errors\n    What to do with undecodable bytes: 'strict' raises UnicodeDecodeError; 'ignore',\n"              \
             "    'replace' and names registered with codecs.register_error are the others."),                              \
      METHOD_PARSED("endswith($self, suffix, start=<null>, end=<null>, /)", bytes_endswith,                                \
                      "B.endswith(suffix[, start[, end]]) -> bool\n\n"                                                       \
                      "Return True if B[start:end] ends with the suffix, or with one of a tuple of them."),                  \
      METHOD("expandtabs($self, /, tabsize=8)", bytes_expandtabs,                                                            \
             "Return a copy where all tab characters are expanded using spaces.\n\n"                                         \
             "If tabsize is not given, a tab size of 8 characters is assumed."),                                             \
      before_find METHOD_PARSED("find($self, sub, start=<null>, end=<null>, /)", bytes_find,                                           \
                      "B.find(sub[, start[, end]]) -> int\n\nReturn the lowest index where sub lies inside B[start:end], or -1."), \
      before_hex METHOD("hex($self, /, sep=<unrepresentable>, bytes_per_sep=1)", bytes_hex,                                             \
             "Create a string of hexadecimal numbers from a " what " object.\n\n"                                            \
             "  sep\n    A character to stand between groups of bytes.\n"                                                    \
             "  bytes_per_sep\n    How many bytes make a group; counted from the right when positive, from the left otherwise.\n\n"         \
             ">>> data = " what "(b'\\x07\\xfe\\x20')\n>>> data.hex()\n'07fe20'\n>>> data.hex('-')\n'07-fe-20'\n"              \
             ">>> data.hex('-', 2)\n'07-fe20'\n>>> data.hex('-', -2)\n'07fe-20'"),                                              \
      METHOD_PARSED("index($self, sub, start=<null>, end=<null>, /)", bytes_index,                                         \
                      "B.index(sub[, start[, end]]) -> int\n\n"                                                              \
                      "Return the lowest index where sub lies inside B[start:end].\n\nRaises ValueError when there is none."), \
      before_isalnum METHOD_UNSIGNED("isalnum($self, /)", bytes_isalnum,                                                                    \
                      "B.isalnum() -> bool\n\nReturn True if B is not empty and all bytes are ASCII letters or digits."),    \
      METHOD_UNSIGNED("isalpha($self, /)", bytes_isalpha,                                                                    \
                      "B.isalpha() -> bool\n\nReturn True if B is not empty and all bytes are ASCII letters."),              \
      METHOD_UNSIGNED("isascii($self, /)", bytes_isascii,                                                                    \
                      "B.isascii() -> bool\n\nReturn True if B is empty or all bytes are ASCII."),                           \
      METHOD_UNSIGNED("isdigit($self, /)", bytes_isdigit,                                                                    \
                      "B.isdigit() -> bool\n\nReturn True if B is not empty and all bytes are ASCII digits."),               \
      METHOD_UNSIGNED("islower($self, /)", bytes_islower,                                                                    \
                      "B.islower() -> bool\n\nReturn True if B has ASCII letters and all of them are lower case."),          \
      METHOD_UNSIGNED("isspace($self, /)", bytes_isspace,                                                                    \
                      "B.isspace() -> bool\n\nReturn True if B is not empty and all bytes are ASCII whitespace."),           \
      METHOD_UNSIGNED("istitle($self, /)", bytes_istitle,                                                                    \
                      "B.istitle() -> bool\n\nReturn True if B has letters and each word begins with its only capital."),    \
      METHOD_UNSIGNED("isupper($self, /)", bytes_isupper,                                                                    \
                      "B.isupper() -> bool\n\nReturn True if B has ASCII letters and all of them are upper case."),          \
      METHOD("join($self, iterable_of_bytes, /)", bytes_join,                                                                \
             "Concatenate any number of bytes" kinds " objects.\n\nThe receiver itself stands between each two of them."), \
      METHOD("ljust($self, width, fillchar=b' ', /)", bytes_ljust,                                                           \
             "Return a left-justified string of length width.\n\nPadding is done using the specified fill character."),      \
      METHOD_UNSIGNED("lower($self, /)", bytes_lower,                                                                        \
                      "B.lower() -> copy of B\n\nReturn a copy with all ASCII letters in lower case."),                      \
      METHOD("lstrip($self, bytes=None, /)", bytes_lstrip,                                                                   \
             "Strip leading bytes contained in the argument.\n\nWithout an argument, ASCII whitespace is stripped."),        \
      STATIC_METHOD("maketrans(frm, to, /)", bytes_maketrans,                                                                \
                    "Return a translation table useable for the bytes or bytearray translate method.\n\n"                    \
                    "The table maps each byte of frm to the byte at the same position in to;\nboth have the same length."),  \
      METHOD("partition($self, sep, /)", bytes_partition,                                                                    \
             "Partition the " what " into three parts using the given separator.\n\n"                                        \
             "The parts are what precedes the first separator, the separator, and what follows."),                          \
      before_replace METHOD("replace($self, old, new, count=-1, /)", bytes_replace,                                                         \
             "Return a copy with all occurrences of substring old replaced by new.\n\n"                                      \
             "With a count that is not negative, only the first count occurrences are replaced."),                          \
      METHOD("removeprefix($self, prefix, /)", bytes_removeprefix,                                                           \
             "Return a " what object " with the given prefix string removed if present."),                      \
      METHOD("removesuffix($self, suffix, /)", bytes_removesuffix,                                                           \
             "Return a " what object " with the given suffix string removed if present."),                      \
      before_rfind METHOD_PARSED("rfind($self, sub, start=<null>, end=<null>, /)", bytes_rfind,                                         \
                      "B.rfind(sub[, start[, end]]) -> int\n\nReturn the highest index where sub lies inside B[start:end], or -1."), \
      METHOD_PARSED("rindex($self, sub, start=<null>, end=<null>, /)", bytes_rindex,                                       \
                      "B.rindex(sub[, start[, end]]) -> int\n\n"                                                             \
                      "Return the highest index where sub lies inside B[start:end].\n\nRaise ValueError when there is none."), \
      METHOD("rjust($self, width, fillchar=b' ', /)", bytes_rjust,                                                           \
             "Return a right-justified string of length width.\n\nPadding is done using the specified fill character."),     \
      METHOD("rpartition($self, sep, /)", bytes_rpartition,                                                                  \
             "Partition the " what " into three parts using the given separator.\n\n"                                        \
             "The parts are what precedes the last separator, the separator, and what follows."),                           \
      METHOD("rsplit($self, /, sep=None, maxsplit=-1)", bytes_rsplit,                                                        \
             "Return a list of the sections in the " what ", using sep as the delimiter.\n\n"                                \
             "As split(), but maxsplit counts from the right."),                                                             \
      METHOD("rstrip($self, bytes=None, /)", bytes_rstrip,                                                                   \
             "Strip trailing bytes contained in the argument.\n\nWithout an argument, ASCII whitespace is stripped."),       \
      METHOD("split($self, /, sep=None, maxsplit=-1)", bytes_split,                                                          \
             "Return a list of the sections in the " what ", using sep as the delimiter.\n\n"                                \
             "Without a delimiter, runs of ASCII whitespace separate and empty sections are dropped."),                      \
      METHOD("splitlines($self, /, keepends=False)", bytes_splitlines,                                                       \
             "Return a list of the lines in the " what ", breaking at line boundaries.\n\n"                                  \
             "The line ends stay only if keepends is true."),                                                                \
      METHOD_PARSED("startswith($self, prefix, start=<null>, end=<null>, /)", bytes_startswith,                            \
                      "B.startswith(prefix[, start[, end]]) -> bool\n\n"                                                     \
                      "Return True if B[start:end] begins with the prefix, or with one of a tuple of them."),                \
      METHOD("strip($self, bytes=None, /)", bytes_strip,                                                                     \
             "Strip leading and trailing bytes contained in the argument.\n\nWithout an argument, ASCII whitespace is stripped."), \
      METHOD_UNSIGNED("swapcase($self, /)", bytes_swapcase,                                                                  \
                      "B.swapcase() -> copy of B\n\nReturn a copy with the case of all ASCII letters reversed."),            \
      METHOD_UNSIGNED("title($self, /)", bytes_title,                                                                        \
                      "B.title() -> copy of B\n\nReturn a copy whose words begin with a capital and go on in lower case."),  \
      METHOD("translate($self, table, /, delete=b'')", bytes_translate,                                                      \
             "Return a copy with each character mapped by the given translation table.\n\n"                                  \
             "  table\n    A bytes object of length 256, or None.\n\nThe bytes of delete are removed first."),               \
      METHOD_UNSIGNED("upper($self, /)", bytes_upper,                                                                        \
                      "B.upper() -> copy of B\n\nReturn a copy with all ASCII letters in upper case."),                      \
      METHOD("zfill($self, width, /)", bytes_zfill,                                                                          \
             "Pad a numeric string with zeros on the left, to fill a field of the given width.\n\n"                          \
             "The original string is never truncated.")

}  // namespace gill
