// How strings come to be: allocation, the canonical form, the immortal small strings, resizing, and
// the C API that creates strings from characters or gives characters back.
#include <bit>
#include <cwchar>

#include "memory/small_blocks.h"
#include "objects/str.h"

namespace gill {
namespace {

constexpr StaticLatin1 static_latin1(unsigned char c) {
  StaticLatin1 result{};
  PyASCIIObject& head = result.head._base;
  head.ob_base.ob_refcnt = kImmortalCount;
  head.ob_base.ob_type = &PyUnicode_Type;
  head.length = 1;
  head.hash = -1;
  head.state.interned = SSTATE_INTERNED_IMMORTAL;
  head.state.kind = PyUnicode_1BYTE_KIND;
  head.state.compact = 1;
  head.state.ready = 1;
  result.text[0] = static_cast<char>(c);
  return result;
}

constexpr Py_ssize_t kAsciiHead = sizeof(PyASCIIObject);
constexpr Py_ssize_t kCompactHead = sizeof(PyCompactUnicodeObject);

}  // namespace

#define GILL_ROW8(F, n) F(n), F(n + 1), F(n + 2), F(n + 3), F(n + 4), F(n + 5), F(n + 6), F(n + 7)
#define GILL_ROW64(F, n) \
  GILL_ROW8(F, n), GILL_ROW8(F, n + 8), GILL_ROW8(F, n + 16), GILL_ROW8(F, n + 24), GILL_ROW8(F, n + 32), GILL_ROW8(F, n + 40), \
      GILL_ROW8(F, n + 48), GILL_ROW8(F, n + 56)
constinit StaticLatin1 latin1_characters[128] = {GILL_ROW64(static_latin1, 128), GILL_ROW64(static_latin1, 192)};
#undef GILL_ROW64
#undef GILL_ROW8

namespace {

// What all compact strings have, but for what follows from other than ASCII.
PyASCIIObject* write_head(void* memory, Py_ssize_t n, int kind, bool ascii) {
  auto* head = static_cast<PyASCIIObject*>(memory);
  head->ob_base = {1, &PyUnicode_Type};
  head->length = n;
  head->hash = -1;
  decltype(head->state) state = {};
  state.kind = static_cast<unsigned>(kind) & 7;
  state.compact = 1;
  state.ascii = ascii;
  state.ready = 1;
  head->state = state;
  head->wstr = nullptr;
  return head;
}

PyObject* allocate_ascii(Py_ssize_t n) {
  if (n > PY_SSIZE_T_MAX - kAsciiHead - 1) return PyErr_NoMemory();
  void* memory = allocate_small_plain(static_cast<size_t>(kAsciiHead + n + 1));
  if (!memory) return PyErr_NoMemory();
  PyASCIIObject* head = write_head(memory, n, 1, true);
  reinterpret_cast<char*>(head + 1)[n] = 0;
  return as_object(head);
}

PyObject* allocate_compact(Py_ssize_t n, U4 max) {
  if (max < 0x80) return allocate_ascii(n);
  int kind = kind_of_class(max);
  if (n > (PY_SSIZE_T_MAX - kCompactHead) / kind - 1) return PyErr_NoMemory();
  void* memory = allocate_small_plain(static_cast<size_t>(kCompactHead + (n + 1) * kind));
  if (!memory) return PyErr_NoMemory();
  PyObject* s = as_object(write_head(memory, n, kind, false));
  PyCompactUnicodeObject* c = str_compact(s);
  c->utf8 = nullptr;
  c->utf8_length = 0;
  c->wstr_length = 0;
  char* data = reinterpret_cast<char*>(c + 1);
  if (kind == 4) {
    // wchar_t is as wide: the characters serve as the wide form.
    str_head(s)->wstr = reinterpret_cast<wchar_t*>(data);
    c->wstr_length = n;
  }
  std::memset(data + n * kind, 0, static_cast<size_t>(kind));
  return s;
}

// Writes the terminator behind the n characters of a compact string.
void terminate(PyObject* s, Py_ssize_t n) {
  int kind = PyUnicode_KIND(s);
  std::memset(static_cast<char*>(PyUnicode_DATA(s)) + n * kind, 0, static_cast<size_t>(kind));
}

Failure out_of_range(U4 c) {
  PyErr_Format(PyExc_ValueError, "character U+%x is not in range [U+0000; U+%x]", static_cast<int>(c), 0x10ffff);
  return failure;
}

template <class C>
U4 greatest(const C* text, Py_ssize_t n) {
  C most = 0;
  for (Py_ssize_t i = 0; i < n; ++i) most = text[i] > most ? text[i] : most;
  return most;
}

PyObject* new_legacy(Py_ssize_t n) {
  if (n == 0) return empty_str().release();
  if (n < 0 || n > (PY_SSIZE_T_MAX / static_cast<Py_ssize_t>(sizeof(wchar_t))) - 1) return PyErr_NoMemory();
  auto* s = static_cast<PyUnicodeObject*>(allocate_plain_object(sizeof(PyUnicodeObject)));
  if (!s) return PyErr_NoMemory();
  std::memset(static_cast<void*>(s), 0, sizeof *s);
  as_object(s)->ob_refcnt = 1;
  as_object(s)->ob_type = &PyUnicode_Type;
  PyASCIIObject& head = s->_base._base;
  head.hash = -1;
  head.wstr = static_cast<wchar_t*>(PyObject_Malloc(static_cast<size_t>(n + 1) * sizeof(wchar_t)));
  if (!head.wstr) {
    PyObject_Free(s);
    return PyErr_NoMemory();
  }
  s->_base.wstr_length = n;
  head.wstr[0] = 0;
  head.wstr[n] = 0;
  return as_object(s);
}

}  // namespace

void copy_characters(int to_kind, void* to, Py_ssize_t to_start, const StrView& from, Py_ssize_t start, Py_ssize_t n) {
  if (n <= 0) return;
  if (to_kind == from.kind) {
    std::memcpy(static_cast<char*>(to) + to_start * to_kind, static_cast<const char*>(from.data) + start * to_kind,
                static_cast<size_t>(n * to_kind));
    return;
  }
  dispatch(to_kind, [&]<class To>(To*) {
    dispatch(from.kind, [&]<class From>(From*) {
      convert_characters(from.as<From>() + start, static_cast<To*>(to) + to_start, n);
    });
  });
}

Ref<> str_from_ascii(const char* text, Py_ssize_t n) {
  if (n <= 1) return n == 0 ? empty_str() : borrow(latin1_character(static_cast<unsigned char>(*text)));
  PyObject* s = allocate_ascii(n);
  if (s) copy_mostly_short(reinterpret_cast<char*>(str_head(s) + 1), text, static_cast<size_t>(n));
  return steal(s);
}

PyObject* concat_ascii(PyObject* left, PyObject* right) {
  Py_ssize_t n = str_head(left)->length, m = str_head(right)->length;
  if (n == 0 || m == 0 || n > PY_SSIZE_T_MAX - m) return nullptr;
  PyObject* s = allocate_ascii(n + m);
  if (!s) return nullptr;
  auto* to = reinterpret_cast<char*>(str_head(s) + 1);
  copy_mostly_short(to, reinterpret_cast<char*>(str_head(left) + 1), static_cast<size_t>(n));
  copy_mostly_short(to + n, reinterpret_cast<char*>(str_head(right) + 1), static_cast<size_t>(m));
  return s;
}

template <class C>
Ref<> str_from(const C* text, Py_ssize_t n) {
  if (n == 0) return empty_str();
  if (n == 1) return str_from_character(*text);
  U4 max = max_class_of(text, n);
  PyObject* s = allocate_compact(n, max);
  if (!s) return nullptr;
  if constexpr (sizeof(C) == 1) {
    copy_mostly_short(static_cast<char*>(PyUnicode_DATA(s)), reinterpret_cast<const char*>(text), static_cast<size_t>(n));
  } else {
    dispatch(kind_of_class(max), [&]<class To>(To*) {
      convert_characters(text, static_cast<To*>(PyUnicode_DATA(s)), n);
    });
  }
  return steal(s);
}
template Ref<> str_from<U1>(const U1*, Py_ssize_t);
template Ref<> str_from<U2>(const U2*, Py_ssize_t);
template Ref<> str_from<U4>(const U4*, Py_ssize_t);

Ref<> str_from_character(U4 c) {
  if (c < 256) return borrow(latin1_character(static_cast<unsigned char>(c)));
  PyObject* s = allocate_compact(1, c);
  if (s) PyUnicode_WRITE(PyUnicode_KIND(s), PyUnicode_DATA(s), 0, c);
  return steal(s);
}

Ref<> exact_str(PyObject* s) {
  if (PyUnicode_CheckExact(s)) {
    TRY(ensure_ready(s));
    return borrow(s);
  }
  return steal(_PyUnicode_Copy(s));
}

Ref<> substring(PyObject* s, Py_ssize_t start, Py_ssize_t end) {
  StrView view(s);
  if (end > view.length) end = view.length;
  if (start == 0 && end == view.length) return exact_str(s);
  if (start >= end) return empty_str();
  Py_ssize_t n = end - start;
  if (view.ascii) return str_from_ascii(view.as<char>() + start, n);
  return dispatch(view.kind, [&]<class C>(C*) { return str_from(view.as<C>() + start, n); });
}

Ref<> canonical_result(Ref<> s) {
  if (!s) return s;
  Py_ssize_t n = PyUnicode_GET_LENGTH(s.get());
  if (n > 1) [[likely]] return s;
  if (n == 0) return empty_str();
  U4 c = PyUnicode_READ_CHAR(s.get(), 0);
  return c < 256 ? borrow(latin1_character(static_cast<unsigned char>(c))) : std::move(s);
}

Ref<> resize_compact(Ref<> s, Py_ssize_t n, Slack slack) {
  PyObject* old = s.get();
  bool ascii = PyUnicode_IS_ASCII(old);
  Py_ssize_t head = ascii ? kAsciiHead : kCompactHead;
  int kind = PyUnicode_KIND(old);
  if (n > (PY_SSIZE_T_MAX - head) / kind - 1) {
    PyErr_NoMemory();
    return nullptr;
  }
  if (!ascii) {
    PyCompactUnicodeObject* c = str_compact(old);
    if (c->utf8) {
      PyObject_Free(c->utf8);
      c->utf8 = nullptr;
      c->utf8_length = 0;
    }
  }
  PyASCIIObject* a = str_head(old);
  bool shares_wide = kind == 4 && static_cast<void*>(a->wstr) == PyUnicode_DATA(old);
  if (a->wstr && !shares_wide) PyObject_Free(a->wstr);
  a->wstr = nullptr;
  auto bytes = static_cast<size_t>(head + (n + 1) * kind);
  if (slack == Slack::some && bytes > 256) {
    // Up to an eighth more, in steps that depend on the size alone: repeated appending moves rarely.
    size_t step = std::bit_floor(bytes) >> 3;
    bytes = (bytes + step - 1) & ~(step - 1);
  }
  auto* moved = static_cast<PyObject*>(resize_plain_object(old, bytes));
  if (!moved) {
    PyErr_NoMemory();
    return nullptr;
  }
  (void)s.release();
  str_head(moved)->length = n;
  if (!ascii) {
    str_compact(moved)->wstr_length = 0;
    if (shares_wide) {
      str_head(moved)->wstr = static_cast<wchar_t*>(PyUnicode_DATA(moved));
      str_compact(moved)->wstr_length = n;
    }
  }
  terminate(moved, n);
  return steal(moved);
}

}  // namespace gill

using namespace gill;

extern "C" {

const unsigned char _Py_ascii_whitespace[] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

PyObject* PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar) {
  if (size == 0) return empty_str().release();
  if (maxchar > 0x10ffff) {
    PyErr_SetString(PyExc_SystemError, "invalid maximum character passed to PyUnicode_New");
    return nullptr;
  }
  if (size < 0) {
    PyErr_SetString(PyExc_SystemError, "Negative size passed to PyUnicode_New");
    return nullptr;
  }
  return allocate_compact(size, maxchar);
}

int _PyUnicode_Ready(PyObject* object) {
  PyUnicodeObject* s = str_legacy(object);
  PyASCIIObject& head = s->_base._base;
  if (head.state.ready) return 0;
  Py_ssize_t n = s->_base.wstr_length;
  const U4* wide = reinterpret_cast<const U4*>(head.wstr);
  U4 most = greatest(wide, n);
  if (most > 0x10ffff) {
    // A legacy wide buffer may hold anything.
    out_of_range(most);
    return -1;
  }
  if (most >= 0x10000) {
    s->data.any = head.wstr;
    head.state.kind = PyUnicode_4BYTE_KIND;
  } else {
    int kind = kind_of_class(most);
    void* data = PyObject_Malloc(static_cast<size_t>((n + 1) * kind));
    if (!data) {
      PyErr_NoMemory();
      return -1;
    }
    if (kind == 1) convert_characters(wide, static_cast<U1*>(data), n);
    else convert_characters(wide, static_cast<U2*>(data), n);
    std::memset(static_cast<char*>(data) + n * kind, 0, static_cast<size_t>(kind));
    s->data.any = data;
    head.state.kind = static_cast<unsigned>(kind);
    head.state.ascii = most < 0x80;
    PyObject_Free(head.wstr);
    head.wstr = nullptr;
    s->_base.wstr_length = 0;
    if (head.state.ascii) {
      s->_base.utf8 = static_cast<char*>(data);
      s->_base.utf8_length = n;
    }
  }
  head.length = n;
  head.state.ready = 1;
  return 0;
}

int _PyUnicode_CheckConsistency(PyObject* s, int check_content) {
  (void)check_content;
  return PyUnicode_Check(s) && (!PyUnicode_IS_READY(s) || PyUnicode_GET_LENGTH(s) >= 0);
}

PyObject* PyUnicode_FromKindAndData(int kind, const void* buffer, Py_ssize_t size) {
  if (size < 0) {
    PyErr_SetString(PyExc_ValueError, "size must be positive");
    return nullptr;
  }
  switch (kind) {
    case PyUnicode_1BYTE_KIND: return str_from(static_cast<const U1*>(buffer), size).release();
    case PyUnicode_2BYTE_KIND: return str_from(static_cast<const U2*>(buffer), size).release();
    case PyUnicode_4BYTE_KIND: {
      auto* text = static_cast<const U4*>(buffer);
      if (greatest(text, size) > 0x10ffff) {
        PyErr_SetString(PyExc_SystemError, "invalid maximum character passed to PyUnicode_New");
        return nullptr;
      }
      return str_from(text, size).release();
    }
    default: PyErr_SetString(PyExc_SystemError, "invalid kind"); return nullptr;
  }
}

PyObject* _PyUnicode_FromASCII(const char* buffer, Py_ssize_t size) { return str_from_ascii(buffer, size).release(); }

PyObject* PyUnicode_FromOrdinal(int ordinal) {
  if (ordinal < 0 || ordinal > 0x10ffff) {
    PyErr_SetString(PyExc_ValueError, "chr() arg not in range(0x110000)");
    return nullptr;
  }
  return str_from_character(static_cast<U4>(ordinal)).release();
}

PyObject* PyUnicode_FromWideChar(const wchar_t* wide, Py_ssize_t size) {
  if (!wide && size != 0) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (size == -1) size = static_cast<Py_ssize_t>(std::wcslen(wide));
  auto* text = reinterpret_cast<const U4*>(wide);
  U4 most = greatest(text, size);
  if (most > 0x10ffff) return out_of_range(most);
  return str_from(text, size).release();
}

PyObject* PyUnicode_FromUnicode(const Py_UNICODE* wide, Py_ssize_t size) {
  if (wide) return PyUnicode_FromWideChar(wide, size);
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "PyUnicode_FromUnicode(NULL, size) is deprecated; use PyUnicode_New() instead", 1) < 0) {
    return nullptr;
  }
  return new_legacy(size);
}

PyObject* PyUnicode_FromStringAndSize(const char* text, Py_ssize_t size) {
  if (size < 0) {
    PyErr_SetString(PyExc_SystemError, "Negative size passed to PyUnicode_FromStringAndSize");
    return nullptr;
  }
  if (text) return PyUnicode_DecodeUTF8Stateful(text, size, nullptr, nullptr);
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "PyUnicode_FromStringAndSize(NULL, size) is deprecated; use PyUnicode_New() instead", 1) < 0) {
    return nullptr;
  }
  return new_legacy(size);
}

PyObject* PyUnicode_FromString(const char* text) {
  size_t n = std::strlen(text);
  if (n > PY_SSIZE_T_MAX) {
    PyErr_SetString(PyExc_OverflowError, "input too long");
    return nullptr;
  }
  return PyUnicode_DecodeUTF8Stateful(text, static_cast<Py_ssize_t>(n), nullptr, nullptr);
}

PyObject* _PyUnicode_Copy(PyObject* s) {
  if (require_str(s) != Status::ok) return nullptr;
  StrView view(s);
  Ref<> copy = new_str(view.length, view.max_class());
  if (copy) copy_characters(view.kind, PyUnicode_DATA(copy.get()), 0, view, 0, view.length);
  return copy.release();
}

PyObject* PyUnicode_FromObject(PyObject* object) {
  if (PyUnicode_CheckExact(object)) {
    if (ensure_ready(object) != Status::ok) return nullptr;
    return borrow(object).release();
  }
  if (PyUnicode_Check(object)) return _PyUnicode_Copy(object);
  return raise(PyExc_TypeError, "Can't convert '%.100s' object to str implicitly", Py_TYPE(object)->tp_name);
}

PyObject* PyUnicode_Substring(PyObject* s, Py_ssize_t start, Py_ssize_t end) {
  if (ensure_ready(s) != Status::ok) return nullptr;
  Py_ssize_t length = PyUnicode_GET_LENGTH(s);
  end = end < length ? end : length;
  if (start == 0 && end == length) return exact_str(s).release();
  if (start < 0 || end < 0) {
    PyErr_SetString(PyExc_IndexError, "string index out of range");
    return nullptr;
  }
  if (start >= length || end < start) return empty_str().release();
  return substring(s, start, end).release();
}

Py_UCS4 _PyUnicode_FindMaxChar(PyObject* s, Py_ssize_t start, Py_ssize_t end) {
  StrView view(s);
  if (start == end) return 127;
  if (view.ascii) return 127;
  if (start == 0 && end == view.length) return view.max_class();
  return dispatch(view.kind, [&]<class C>(C*) { return max_class_of(view.as<C>() + start, end - start); });
}

// ---- length and characters ------------------------------------------------------------------------

Py_ssize_t PyUnicode_GetLength(PyObject* s) {
  if (require_str(s) != Status::ok) return -1;
  return PyUnicode_GET_LENGTH(s);
}

Py_ssize_t PyUnicode_GetSize(PyObject* s) {
  if (!PyUnicode_Check(s)) {
    PyErr_BadArgument();
    return -1;
  }
  _Py_COMP_DIAG_PUSH
  _Py_COMP_DIAG_IGNORE_DEPR_DECLS
  return PyUnicode_GET_SIZE(s);
  _Py_COMP_DIAG_POP
}

Py_UCS4 PyUnicode_ReadChar(PyObject* s, Py_ssize_t index) {
  if (require_str(s) != Status::ok) return static_cast<Py_UCS4>(-1);
  if (index < 0 || index >= PyUnicode_GET_LENGTH(s)) {
    PyErr_SetString(PyExc_IndexError, "string index out of range");
    return static_cast<Py_UCS4>(-1);
  }
  return PyUnicode_READ_CHAR(s, index);
}

int PyUnicode_WriteChar(PyObject* s, Py_ssize_t index, Py_UCS4 c) {
  if (!PyUnicode_Check(s) || !PyUnicode_IS_COMPACT(s)) {
    PyErr_BadArgument();
    return -1;
  }
  if (index < 0 || index >= PyUnicode_GET_LENGTH(s)) {
    PyErr_SetString(PyExc_IndexError, "string index out of range");
    return -1;
  }
  if (!is_modifiable(s)) {
    PyErr_SetString(PyExc_SystemError, "Cannot modify a string currently used");
    return -1;
  }
  if (c > PyUnicode_MAX_CHAR_VALUE(s)) {
    PyErr_SetString(PyExc_ValueError, "character out of range");
    return -1;
  }
  PyUnicode_WRITE(PyUnicode_KIND(s), PyUnicode_DATA(s), index, c);
  return 0;
}

void _PyUnicode_FastCopyCharacters(PyObject* to, Py_ssize_t to_start, PyObject* from, Py_ssize_t from_start, Py_ssize_t n) {
  copy_characters(PyUnicode_KIND(to), PyUnicode_DATA(to), to_start, StrView(from), from_start, n);
}

Py_ssize_t PyUnicode_CopyCharacters(PyObject* to, Py_ssize_t to_start, PyObject* from, Py_ssize_t from_start, Py_ssize_t n) {
  if (!PyUnicode_Check(from) || !PyUnicode_Check(to)) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (ensure_ready(from) != Status::ok || ensure_ready(to) != Status::ok) return -1;
  if (static_cast<size_t>(from_start) > static_cast<size_t>(PyUnicode_GET_LENGTH(from)) ||
      static_cast<size_t>(to_start) > static_cast<size_t>(PyUnicode_GET_LENGTH(to))) {
    PyErr_SetString(PyExc_IndexError, "string index out of range");
    return -1;
  }
  if (n < 0) {
    PyErr_SetString(PyExc_SystemError, "how_many cannot be negative");
    return -1;
  }
  n = Py_MIN(PyUnicode_GET_LENGTH(from) - from_start, n);
  if (to_start + n > PyUnicode_GET_LENGTH(to)) {
    PyErr_Format(PyExc_SystemError, "Cannot write %zi characters at %zi in a string of %zi characters", n, to_start,
                 PyUnicode_GET_LENGTH(to));
    return -1;
  }
  if (n == 0) return 0;
  if (!is_modifiable(to)) {
    PyErr_SetString(PyExc_SystemError, "Cannot modify a string currently used");
    return -1;
  }
  if (_PyUnicode_FindMaxChar(from, from_start, from_start + n) > PyUnicode_MAX_CHAR_VALUE(to)) {
    PyErr_Format(PyExc_SystemError, "Cannot copy %s characters into a string of %s characters",
                 PyUnicode_KIND(from) == 1 ? "ascii" : "UCS2", PyUnicode_KIND(to) == 1 ? "ascii" : "UCS2");
    return -1;
  }
  _PyUnicode_FastCopyCharacters(to, to_start, from, from_start, n);
  return n;
}

void _PyUnicode_FastFill(PyObject* s, Py_ssize_t start, Py_ssize_t n, Py_UCS4 c) {
  dispatch(PyUnicode_KIND(s), [&]<class C>(C*) {
    C* to = static_cast<C*>(PyUnicode_DATA(s)) + start;
    for (Py_ssize_t i = 0; i < n; ++i) to[i] = static_cast<C>(c);
  });
}

Py_ssize_t PyUnicode_Fill(PyObject* s, Py_ssize_t start, Py_ssize_t n, Py_UCS4 c) {
  if (!PyUnicode_Check(s)) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (ensure_ready(s) != Status::ok) return -1;
  if (!is_modifiable(s)) {
    PyErr_SetString(PyExc_SystemError, "Cannot modify a string currently used");
    return -1;
  }
  if (c > PyUnicode_MAX_CHAR_VALUE(s)) {
    PyErr_SetString(PyExc_ValueError, "fill character is bigger than the string maximum character");
    return -1;
  }
  if (start < 0) {
    PyErr_SetString(PyExc_IndexError, "string index out of range");
    return -1;
  }
  n = Py_MIN(PyUnicode_GET_LENGTH(s) - start, n);
  if (n <= 0) return 0;
  _PyUnicode_FastFill(s, start, n, c);
  return n;
}

int PyUnicode_Resize(PyObject** place, Py_ssize_t n) {
  PyObject* s = place ? *place : nullptr;
  if (!s || !PyUnicode_Check(s) || n < 0) {
    PyErr_BadInternalCall();
    return -1;
  }
  bool ready = PyUnicode_IS_READY(s);
  Py_ssize_t old = ready ? PyUnicode_GET_LENGTH(s) : str_compact(s)->wstr_length;
  if (old == n) return 0;
  if (n == 0) {
    *place = empty_str().release();
    release(s);
    return 0;
  }
  if (!ready && s->ob_refcnt == 1) {
    PyASCIIObject* head = str_head(s);
    auto* wide = static_cast<wchar_t*>(PyObject_Realloc(head->wstr, static_cast<size_t>(n + 1) * sizeof(wchar_t)));
    if (!wide) {
      PyErr_NoMemory();
      return -1;
    }
    wide[n] = 0;
    head->wstr = wide;
    str_compact(s)->wstr_length = n;
    return 0;
  }
  if (!ready && _PyUnicode_Ready(s) < 0) return -1;
  Ref<> result;
  if (is_modifiable(s)) {
    result = resize_compact(steal(s), n);
    if (!result) {
      // The old string went with the handle unless the allocator refused.
      *place = nullptr;
      return -1;
    }
    *place = result.release();
    return 0;
  }
  StrView view(s);
  result = new_str(n, view.max_class());
  if (!result) return -1;
  copy_characters(view.kind, PyUnicode_DATA(result.get()), 0, view, 0, Py_MIN(old, n));
  *place = result.release();
  release(s);
  return 0;
}

// ---- wide characters and UCS4 -----------------------------------------------------------------------

Py_UCS4* PyUnicode_AsUCS4(PyObject* s, Py_UCS4* buffer, Py_ssize_t size, int copy_null) {
  if (!buffer || size < 0) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (ensure_ready(s) != Status::ok) return nullptr;
  StrView view(s);
  Py_ssize_t needed = view.length + (copy_null ? 1 : 0);
  if (size < needed) {
    PyErr_SetString(PyExc_SystemError, "string is longer than the buffer");
    if (copy_null && size > 0) buffer[0] = 0;
    return nullptr;
  }
  copy_characters(4, buffer, 0, view, 0, view.length);
  if (copy_null) buffer[view.length] = 0;
  return buffer;
}

Py_UCS4* PyUnicode_AsUCS4Copy(PyObject* s) {
  if (ensure_ready(s) != Status::ok) return nullptr;
  Py_ssize_t n = PyUnicode_GET_LENGTH(s) + 1;
  U4* buffer = PyMem_New(U4, n);
  if (!buffer) {
    PyErr_NoMemory();
    return nullptr;
  }
  return PyUnicode_AsUCS4(s, buffer, n, 1);
}

Py_ssize_t PyUnicode_AsWideChar(PyObject* s, wchar_t* wide, Py_ssize_t size) {
  if (!s) {
    PyErr_BadInternalCall();
    return -1;
  }
  if (require_str(s) != Status::ok) return -1;
  StrView view(s);
  if (!wide) return view.length + 1;
  Py_ssize_t n = view.length;
  if (size > n) {
    size = n + 1;
  } else {
    n = size;
  }
  copy_characters(4, wide, 0, view, 0, n);
  if (size > n) wide[n] = 0;
  return n;
}

wchar_t* PyUnicode_AsWideCharString(PyObject* s, Py_ssize_t* size) {
  if (!s) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (require_str(s) != Status::ok) return nullptr;
  StrView view(s);
  wchar_t* wide = PyMem_New(wchar_t, view.length + 1);
  if (!wide) {
    PyErr_NoMemory();
    return nullptr;
  }
  copy_characters(4, wide, 0, view, 0, view.length);
  wide[view.length] = 0;
  if (size) {
    *size = view.length;
  } else if (std::wcslen(wide) != static_cast<size_t>(view.length)) {
    PyMem_Free(wide);
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return nullptr;
  }
  return wide;
}

Py_UNICODE* PyUnicode_AsUnicodeAndSize(PyObject* s, Py_ssize_t* size) {
  if (!PyUnicode_Check(s)) {
    PyErr_BadArgument();
    return nullptr;
  }
  PyASCIIObject* head = str_head(s);
  if (!head->wstr) {
    StrView view(s);
    auto* wide = static_cast<wchar_t*>(PyObject_Malloc(static_cast<size_t>(view.length + 1) * sizeof(wchar_t)));
    if (!wide) {
      PyErr_NoMemory();
      return nullptr;
    }
    copy_characters(4, wide, 0, view, 0, view.length);
    wide[view.length] = 0;
    head->wstr = wide;
    if (!PyUnicode_IS_COMPACT_ASCII(s)) str_compact(s)->wstr_length = view.length;
  }
  if (size) *size = PyUnicode_IS_COMPACT_ASCII(s) ? head->length : str_compact(s)->wstr_length;
  return head->wstr;
}

Py_UNICODE* PyUnicode_AsUnicode(PyObject* s) {
  _Py_COMP_DIAG_PUSH
  _Py_COMP_DIAG_IGNORE_DEPR_DECLS
  return PyUnicode_AsUnicodeAndSize(s, nullptr);
  _Py_COMP_DIAG_POP
}

const Py_UNICODE* _PyUnicode_AsUnicode(PyObject* s) {
  _Py_COMP_DIAG_PUSH
  _Py_COMP_DIAG_IGNORE_DEPR_DECLS
  Py_ssize_t size;
  const Py_UNICODE* wide = PyUnicode_AsUnicodeAndSize(s, &size);
  _Py_COMP_DIAG_POP
  if (wide && std::wcslen(wide) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return nullptr;
  }
  return wide;
}

int _PyUnicode_WideCharString_Converter(PyObject* object, void* out) {
  auto** place = static_cast<wchar_t**>(out);
  if (!object) {
    PyMem_Free(*place);
    *place = nullptr;
    return 1;
  }
  if (!PyUnicode_Check(object)) {
    PyErr_Format(PyExc_TypeError, "argument must be str, not %.50s", Py_TYPE(object)->tp_name);
    return 0;
  }
  *place = PyUnicode_AsWideCharString(object, nullptr);
  return *place ? Py_CLEANUP_SUPPORTED : 0;
}

int _PyUnicode_WideCharString_Opt_Converter(PyObject* object, void* out) {
  auto** place = static_cast<wchar_t**>(out);
  if (object == Py_None) {
    *place = nullptr;
    return 1;
  }
  if (object && !PyUnicode_Check(object)) {
    PyErr_Format(PyExc_TypeError, "argument must be str or None, not %.50s", Py_TYPE(object)->tp_name);
    return 0;
  }
  return _PyUnicode_WideCharString_Converter(object, out);
}

}  // extern "C"
