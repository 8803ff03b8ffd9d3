// The methods of bytes and bytearray that treat contents as ASCII text: case, tests, padding, tabs,
// translation, hexadecimal form and repr.
#include "objects/byte_methods.h"
#include "objects/str.h"
#include "runtime/interpreter.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_strhex.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

using Byte = unsigned char;

inline bool lower(Byte c) { return c >= 'a' && c <= 'z'; }
inline bool upper(Byte c) { return c >= 'A' && c <= 'Z'; }
inline Byte to_lower(Byte c) { return static_cast<Byte>(c + (upper(c) << 5)); }
inline Byte to_upper(Byte c) { return static_cast<Byte>(c - (lower(c) << 5)); }

char* writable(PyObject* object) {
  return PyByteArray_Check(object) ? PyByteArray_AS_STRING(object) : PyBytes_AS_STRING(object);
}

Ref<> new_like(PyObject* self, Py_ssize_t n) {
  return steal(PyByteArray_Check(self) ? PyByteArray_FromStringAndSize(nullptr, n) : PyBytes_FromStringAndSize(nullptr, n));
}

template <class Map>
Ref<> map_bytes(PyObject* self, Map map) {
  Ref<> result = TRY(new_like(self, Py_SIZE(self)));
  Bytes text = contents(self);
  char* to = writable(result.get());
  for (size_t i = 0; i < text.size(); ++i) to[i] = static_cast<char>(map(static_cast<Byte>(text[i])));
  return result;
}

template <class Test>
bool all_of(PyObject* self, Test test) {
  Bytes text = contents(self);
  for (char c : text) {
    if (!test(static_cast<Byte>(c))) return false;
  }
  return !text.empty();
}

Ref<> pad(PyObject* self, Py_ssize_t left, Py_ssize_t right, char fill) {
  left = Py_MAX(left, 0);
  right = Py_MAX(right, 0);
  Bytes text = contents(self);
  auto n = static_cast<Py_ssize_t>(text.size());
  if (left == 0 && right == 0) return same_as(self);
  Ref<> result = TRY(new_like(self, left + n + right));
  char* to = writable(result.get());
  std::memset(to, fill, static_cast<size_t>(left));
  if (n) std::memcpy(to + left, text.data(), text.size());
  std::memset(to + left + n, fill, static_cast<size_t>(right));
  return result;
}

Maybe<char> fill_byte(PyObject* fill, const char* name) {
  if (!fill) return ' ';
  if (PyBytes_Check(fill) && PyBytes_GET_SIZE(fill) == 1) return PyBytes_AS_STRING(fill)[0];
  if (PyByteArray_Check(fill) && PyByteArray_GET_SIZE(fill) == 1) return PyByteArray_AS_STRING(fill)[0];
  return raise(PyExc_TypeError, "%s() argument 2 must be a byte string of length 1, not %.50s", name,
               fill == Py_None ? "None" : Py_TYPE(fill)->tp_name);
}

void put_hex(Byte c, char* to) {
  to[0] = "0123456789abcdef"[c >> 4];
  to[1] = "0123456789abcdef"[c & 15];
}

// Two digits a byte, with a separator between groups; groups are counted from the right when the size is positive.
PyObject* hex_form(const char* data, Py_ssize_t n, PyObject* sep, int group, bool as_bytes) {
  Byte separator = 0;
  if (sep) {
    Py_ssize_t length = PyObject_Length(sep);
    if (length < 0) return nullptr;
    if (length != 1) return raise(PyExc_ValueError, "sep must be length 1.");
    if (PyUnicode_Check(sep)) {
      if (ensure_ready(sep) != Status::ok) return nullptr;
      U4 c = PyUnicode_READ_CHAR(sep, 0);
      if (PyUnicode_KIND(sep) != 1) return raise(PyExc_ValueError, "sep must be ASCII.");
      separator = static_cast<Byte>(c);
    } else if (PyBytes_Check(sep)) {
      separator = static_cast<Byte>(PyBytes_AS_STRING(sep)[0]);
    } else {
      return raise(PyExc_TypeError, "sep must be str or bytes.");
    }
    if (separator > 127 && !as_bytes) return raise(PyExc_ValueError, "sep must be ASCII.");
  } else {
    group = 0;
  }
  auto width = static_cast<Py_ssize_t>(group < 0 ? -static_cast<int64_t>(group) : group);
  Py_ssize_t separators = width && n > 0 ? (n - 1) / width : 0;
  if (n > PY_SSIZE_T_MAX / 2 - separators) return PyErr_NoMemory();
  Py_ssize_t size = n * 2 + separators;
  Ref<> result = steal(as_bytes ? PyBytes_FromStringAndSize(nullptr, size) : PyUnicode_New(size, 127));
  if (!result || size == 0) return result.release();
  char* to = as_bytes ? PyBytes_AS_STRING(result.get()) : static_cast<char*>(PyUnicode_DATA(result.get()));
  auto* from = reinterpret_cast<const Byte*>(data);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (separators && i > 0 && (group > 0 ? (n - i) % width == 0 : i % width == 0)) *to++ = static_cast<char>(separator);
    put_hex(from[i], to);
    to += 2;
  }
  return result.release();
}

}  // namespace

bool bytes_warnings_wanted() { return current_interpreter()->config.bytes_warning != 0; }

Ref<> bytes_lower(PyObject* self) { return map_bytes(self, to_lower); }
Ref<> bytes_upper(PyObject* self) { return map_bytes(self, to_upper); }
Ref<> bytes_swapcase(PyObject* self) {
  return map_bytes(self, [](Byte c) { return static_cast<Byte>(lower(c) || upper(c) ? c ^ 32 : c); });
}
Ref<> bytes_capitalize(PyObject* self) {
  bool first = true;
  return map_bytes(self, [&](Byte c) {
    Byte mapped = first ? to_upper(c) : to_lower(c);
    first = false;
    return mapped;
  });
}
Ref<> bytes_title(PyObject* self) {
  bool inside = false;
  return map_bytes(self, [&](Byte c) {
    Byte mapped = inside ? to_lower(c) : to_upper(c);
    inside = lower(c) || upper(c);
    return mapped;
  });
}

Maybe<bool> bytes_isalnum(PyObject* self) { return all_of(self, [](Byte c) { return Py_ISALNUM(c) != 0; }); }
Maybe<bool> bytes_isalpha(PyObject* self) { return all_of(self, [](Byte c) { return Py_ISALPHA(c) != 0; }); }
Maybe<bool> bytes_isdigit(PyObject* self) { return all_of(self, [](Byte c) { return Py_ISDIGIT(c) != 0; }); }
Maybe<bool> bytes_isspace(PyObject* self) { return all_of(self, [](Byte c) { return Py_ISSPACE(c) != 0; }); }
Maybe<bool> bytes_isascii(PyObject* self) {
  Bytes text = contents(self);
  Byte bits = 0;
  for (char c : text) bits |= static_cast<Byte>(c);
  return bits < 128;
}

Maybe<bool> bytes_islower(PyObject* self) {
  bool cased = false;
  for (char c : contents(self)) {
    if (upper(static_cast<Byte>(c))) return false;
    cased = cased || lower(static_cast<Byte>(c));
  }
  return cased;
}
Maybe<bool> bytes_isupper(PyObject* self) {
  bool cased = false;
  for (char c : contents(self)) {
    if (lower(static_cast<Byte>(c))) return false;
    cased = cased || upper(static_cast<Byte>(c));
  }
  return cased;
}
Maybe<bool> bytes_istitle(PyObject* self) {
  bool cased = false, inside = false;
  for (char character : contents(self)) {
    auto c = static_cast<Byte>(character);
    if (upper(c) ? inside : lower(c) ? !inside : false) return false;
    inside = upper(c) || lower(c);
    cased = cased || inside;
  }
  return cased;
}

Ref<> bytes_center(PyObject* self, Py_ssize_t width, PyObject* fill) {
  char c = TRY(fill_byte(fill, "center"));
  if (width <= Py_SIZE(self)) return same_as(self);
  Py_ssize_t margin = width - Py_SIZE(self);
  Py_ssize_t left = margin / 2 + (margin & width & 1);
  return pad(self, left, margin - left, c);
}
Ref<> bytes_ljust(PyObject* self, Py_ssize_t width, PyObject* fill) {
  char c = TRY(fill_byte(fill, "ljust"));
  return width <= Py_SIZE(self) ? same_as(self) : pad(self, 0, width - Py_SIZE(self), c);
}
Ref<> bytes_rjust(PyObject* self, Py_ssize_t width, PyObject* fill) {
  char c = TRY(fill_byte(fill, "rjust"));
  return width <= Py_SIZE(self) ? same_as(self) : pad(self, width - Py_SIZE(self), 0, c);
}

Ref<> bytes_zfill(PyObject* self, Py_ssize_t width) {
  if (width <= Py_SIZE(self)) return same_as(self);
  Py_ssize_t fill = width - Py_SIZE(self);
  Ref<> result = TRY(pad(self, fill, 0, '0'));
  char* to = writable(result.get());
  if (fill < width && (to[fill] == '+' || to[fill] == '-')) {
    to[0] = to[fill];
    to[fill] = '0';
  }
  return result;
}

Ref<> bytes_expandtabs(PyObject* self, int tabsize) {
  Bytes text = contents(self);
  Py_ssize_t total = 0, column = 0;
  auto tab_width = [&](Py_ssize_t at) -> Py_ssize_t { return tabsize > 0 ? tabsize - at % tabsize : 0; };
  for (char c : text) {
    Py_ssize_t step = c == '\t' ? tab_width(column) : 1;
    if (step > PY_SSIZE_T_MAX - total) return raise(PyExc_OverflowError, "result too long");
    total += step;
    column = c == '\n' || c == '\r' ? 0 : column + step;
  }
  Ref<> result = TRY(new_like(self, total));
  text = contents(self);
  char* to = writable(result.get());
  column = 0;
  for (char c : text) {
    if (c == '\t') {
      Py_ssize_t step = tab_width(column);
      column += step;
      while (step-- > 0) *to++ = ' ';
    } else {
      *to++ = c;
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
  }
  return result;
}

Ref<> bytes_maketrans(PyObject*, PyObject* from_object, PyObject* to_object) {
  ByteArgument from, to;
  TRY(from.read(from_object));
  TRY(to.read(to_object));
  if (from.text().size() != to.text().size()) return raise(PyExc_ValueError, "maketrans arguments must have same length");
  Ref<> result = TRY(new_bytes(256));
  char* table = PyBytes_AS_STRING(result.get());
  for (int i = 0; i < 256; ++i) table[i] = static_cast<char>(i);
  for (size_t i = 0; i < from.text().size(); ++i) table[static_cast<Byte>(from.text()[i])] = to.text()[i];
  return result;
}

Ref<> bytes_translate(PyObject* self, PyObject* table_object, PyObject* removed) {
  ByteArgument table, gone;
  if (table_object != Py_None) {
    TRY(table.read(table_object));
    if (table.text().size() != 256) return raise(PyExc_ValueError, "translation table must be 256 characters long");
  }
  if (removed) TRY(gone.read(removed));
  Ref<> result = TRY(new_like(self, Py_SIZE(self)));
  Bytes text = contents(self);
  const char* map = table_object == Py_None ? nullptr : table.text().data();
  char* start = writable(result.get());
  char* to = start;
  bool changed = false;
  auto put = [&](char c) {
    char mapped = map ? map[static_cast<Byte>(c)] : c;
    changed |= mapped != c;
    *to++ = mapped;
  };
  if (gone.text().empty()) {
    for (char c : text) put(c);
  } else {
    bool drop[256] = {};
    for (char c : gone.text()) drop[static_cast<Byte>(c)] = true;
    for (char c : text) {
      if (!drop[static_cast<Byte>(c)]) put(c);
    }
  }
  Py_ssize_t n = to - start;
  if (PyByteArray_Check(self)) {
    TRY(status_of(PyByteArray_Resize(result.get(), n)));
    return result;
  }
  if (!changed && n == Py_SIZE(self) && PyBytes_CheckExact(self)) return borrow(self);
  if (n != Py_SIZE(self)) return bytes_from({start, static_cast<size_t>(n)});
  return result;
}

Ref<> bytes_hex(PyObject* self, PyObject* sep, int bytes_per_sep) {
  Pin pin(self);
  Bytes text = contents(self);
  return steal(hex_form(text.data(), static_cast<Py_ssize_t>(text.size()), sep, bytes_per_sep, false));
}

Ref<> bytes_decode(PyObject* self, const char* encoding, const char* errors) {
  return steal(PyUnicode_FromEncodedObject(self, encoding, errors));
}

Ref<> bytes_repr_of(Bytes text, bool quotes_may_change, bool apostrophes_escaped) {
  Py_ssize_t single = 0, both = 0;
  size_t size = 3;
  if (text.size() > (static_cast<size_t>(PY_SSIZE_T_MAX) - size) / 4) {
    return raise(PyExc_OverflowError, "bytes object is too large to make repr");
  }
  for (char character : text) {
    auto c = static_cast<Byte>(character);
    if (c == '\'') ++single;
    if (c == '"') ++both;
    size += c == '\\' || c == '\t' || c == '\n' || c == '\r' ? 2 : c < ' ' || c >= 0x7f ? 4 : 1;
  }
  char quote = quotes_may_change && single && !both ? '"' : '\'';
  if (quote == '\'' || apostrophes_escaped) size += static_cast<size_t>(single);
  Ref<> result = TRY(new_str(static_cast<Py_ssize_t>(size), 127));
  char* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  *to++ = 'b';
  *to++ = quote;
  for (char character : text) {
    auto c = static_cast<Byte>(character);
    if (c == static_cast<Byte>(quote) || c == '\\' || (c == '\'' && apostrophes_escaped)) {
      *to++ = '\\';
      *to++ = character;
    } else if (c == '\t' || c == '\n' || c == '\r') {
      *to++ = '\\';
      *to++ = c == '\t' ? 't' : c == '\n' ? 'n' : 'r';
    } else if (c < ' ' || c >= 0x7f) {
      *to++ = '\\';
      *to++ = 'x';
      put_hex(c, to);
      to += 2;
    } else {
      *to++ = character;
    }
  }
  *to++ = quote;
  return result;
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _Py_strhex(const char* data, const Py_ssize_t n) { return hex_form(data, n, nullptr, 0, false); }
PyObject* _Py_strhex_bytes(const char* data, const Py_ssize_t n) { return hex_form(data, n, nullptr, 0, true); }
PyObject* _Py_strhex_with_sep(const char* data, const Py_ssize_t n, PyObject* sep, const int group) {
  return hex_form(data, n, sep, group, false);
}
PyObject* _Py_strhex_bytes_with_sep(const char* data, const Py_ssize_t n, PyObject* sep, const int group) {
  return hex_form(data, n, sep, group, true);
}

}  // extern "C"
