// Case conversion and the questions about the kinds of a string's characters.
#include "objects/codecs.h"
#include "objects/str_methods.h"

namespace gill {
namespace {

constexpr U4 kCapitalSigma = 0x3a3;

// The lower-case sigma at position i: final when a cased letter comes before and none behind,
// case-ignorable characters aside.
U4 lower_sigma(const StrView& text, Py_ssize_t i) {
  Py_ssize_t j = i - 1;
  while (j >= 0 && _PyUnicode_IsCaseIgnorable(text[j])) --j;
  bool final = j >= 0 && _PyUnicode_IsCased(text[j]);
  if (final) {
    j = i + 1;
    while (j < text.length && _PyUnicode_IsCaseIgnorable(text[j])) ++j;
    final = j == text.length || !_PyUnicode_IsCased(text[j]);
  }
  return final ? 0x3c2 : 0x3c3;
}

int lower_at(const StrView& text, Py_ssize_t i, U4 c, U4* to) {
  if (c == kCapitalSigma) {
    *to = lower_sigma(text, i);
    return 1;
  }
  return _PyUnicode_ToLowerFull(c, to);
}

// Calls map(text, i, c, to), which writes up to three characters, for every character.
template <class Map>
Ref<> map_characters(PyObject* self, Map map) {
  StrView text(self);
  if (text.length > PY_SSIZE_T_MAX / (3 * static_cast<Py_ssize_t>(sizeof(U4)))) {
    return raise(PyExc_OverflowError, "string is too long");
  }
  U4 inline_buffer[3 * 128];
  U4* buffer = text.length <= 128 ? inline_buffer : PyMem_New(U4, text.length * 3);
  if (!buffer) {
    PyErr_NoMemory();
    return failure;
  }
  U4* to = buffer;
  for (Py_ssize_t i = 0; i < text.length; ++i) to += map(text, i, text[i], to);
  Ref<> result = str_from(buffer, to - buffer);
  if (buffer != inline_buffer) PyMem_Free(buffer);
  return result;
}

inline bool ascii_is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
inline bool ascii_is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
inline unsigned char ascii_lower(unsigned char c) { return static_cast<unsigned char>(c + (ascii_is_upper(c) << 5)); }
inline unsigned char ascii_upper(unsigned char c) { return static_cast<unsigned char>(c - (ascii_is_lower(c) << 5)); }

template <class Map>
Ref<> map_ascii(PyObject* self, Map map) {
  StrView text(self);
  if (text.length == 0) return empty_str();
  auto* from = text.as<unsigned char>();
  if (text.length == 1) return borrow(latin1_character(map(from[0])));
  Ref<> result = TRY(new_str(text.length, 127));
  auto* to = reinterpret_cast<unsigned char*>(str_head(result.get()) + 1);
  for (Py_ssize_t i = 0; i < text.length; ++i) to[i] = map(from[i]);
  return result;
}

// True when the string is not empty and all its characters are so.
template <class Test>
Maybe<bool> all_of(PyObject* self, Test test) {
  TRY(ensure_ready(self));
  StrView text(self);
  if (text.length == 0) return false;
  return dispatch(text.kind, [&]<class C>(C*) {
    const C* p = text.as<C>();
    for (Py_ssize_t i = 0; i < text.length; ++i) {
      if (!test(U4{p[i]})) return false;
    }
    return true;
  });
}

}  // namespace

Ref<> str_lower(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_IS_ASCII(self)) return map_ascii(self, ascii_lower);
  return map_characters(self, lower_at);
}

Ref<> str_upper(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_IS_ASCII(self)) return map_ascii(self, ascii_upper);
  return map_characters(self, [](const StrView&, Py_ssize_t, U4 c, U4* to) { return _PyUnicode_ToUpperFull(c, to); });
}

Ref<> str_casefold(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_IS_ASCII(self)) return map_ascii(self, ascii_lower);
  return map_characters(self, [](const StrView&, Py_ssize_t, U4 c, U4* to) { return _PyUnicode_ToFoldedFull(c, to); });
}

Ref<> str_swapcase(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_IS_ASCII(self)) {
    return map_ascii(self, [](unsigned char c) { return static_cast<unsigned char>(c ^ ((ascii_is_lower(c) || ascii_is_upper(c)) << 5)); });
  }
  return map_characters(self, [](const StrView& text, Py_ssize_t i, U4 c, U4* to) {
    if (_PyUnicode_IsUppercase(c)) return lower_at(text, i, c, to);
    if (_PyUnicode_IsLowercase(c)) return _PyUnicode_ToUpperFull(c, to);
    *to = c;
    return 1;
  });
}

Ref<> str_capitalize(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_GET_LENGTH(self) == 0) return exact_str(self);
  if (PyUnicode_IS_ASCII(self)) {
    Ref<> result = TRY(map_ascii(self, ascii_lower));
    auto* text = reinterpret_cast<unsigned char*>(str_head(result.get()) + 1);
    if (PyUnicode_GET_LENGTH(result.get()) == 1) return borrow(latin1_character(ascii_upper(text[0])));
    text[0] = ascii_upper(text[0]);
    return result;
  }
  return map_characters(self, [](const StrView& text, Py_ssize_t i, U4 c, U4* to) {
    return i == 0 ? _PyUnicode_ToTitleFull(c, to) : lower_at(text, i, c, to);
  });
}

Ref<> str_title(PyObject* self) {
  TRY(ensure_ready(self));
  bool inside = false;  // the character before was cased
  if (PyUnicode_IS_ASCII(self)) {
    return map_ascii(self, [&](unsigned char c) {
      unsigned char mapped = inside ? ascii_lower(c) : ascii_upper(c);
      inside = ascii_is_lower(c) || ascii_is_upper(c);
      return mapped;
    });
  }
  return map_characters(self, [&](const StrView& text, Py_ssize_t i, U4 c, U4* to) {
    int n = inside ? lower_at(text, i, c, to) : _PyUnicode_ToTitleFull(c, to);
    inside = _PyUnicode_IsCased(c);
    return n;
  });
}

Maybe<bool> str_isascii(PyObject* self) {
  TRY(ensure_ready(self));
  return PyUnicode_IS_ASCII(self) != 0;
}

Maybe<bool> str_islower(PyObject* self) {
  TRY(ensure_ready(self));
  StrView text(self);
  bool cased = false;
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    if (_PyUnicode_IsUppercase(c) || _PyUnicode_IsTitlecase(c)) return false;
    cased = cased || _PyUnicode_IsLowercase(c);
  }
  return cased;
}

Maybe<bool> str_isupper(PyObject* self) {
  TRY(ensure_ready(self));
  StrView text(self);
  bool cased = false;
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    if (_PyUnicode_IsLowercase(c) || _PyUnicode_IsTitlecase(c)) return false;
    cased = cased || _PyUnicode_IsUppercase(c);
  }
  return cased;
}

Maybe<bool> str_istitle(PyObject* self) {
  TRY(ensure_ready(self));
  StrView text(self);
  bool cased = false, inside = false;
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    if (_PyUnicode_IsUppercase(c) || _PyUnicode_IsTitlecase(c)) {
      if (inside) return false;
      inside = cased = true;
    } else if (_PyUnicode_IsLowercase(c)) {
      if (!inside) return false;
      inside = cased = true;
    } else {
      inside = false;
    }
  }
  return cased;
}

Maybe<bool> str_isspace(PyObject* self) { return all_of(self, [](U4 c) { return is_space(c); }); }
Maybe<bool> str_isdecimal(PyObject* self) { return all_of(self, [](U4 c) { return _PyUnicode_IsDecimalDigit(c) != 0; }); }
Maybe<bool> str_isdigit(PyObject* self) { return all_of(self, [](U4 c) { return _PyUnicode_IsDigit(c) != 0; }); }
Maybe<bool> str_isnumeric(PyObject* self) { return all_of(self, [](U4 c) { return _PyUnicode_IsNumeric(c) != 0; }); }
Maybe<bool> str_isalpha(PyObject* self) { return all_of(self, [](U4 c) { return c < 128 ? Py_ISALPHA(c) : _PyUnicode_IsAlpha(c) != 0; }); }
Maybe<bool> str_isalnum(PyObject* self) { return all_of(self, [](U4 c) { return c < 128 ? Py_ISALNUM(c) : Py_UNICODE_ISALNUM(c) != 0; }); }

Maybe<bool> str_isidentifier(PyObject* self) {
  TRY(ensure_ready(self));
  return PyUnicode_IsIdentifier(self) != 0;
}

Maybe<bool> str_isprintable(PyObject* self) {
  TRY(ensure_ready(self));
  if (PyUnicode_GET_LENGTH(self) == 0) return true;
  return all_of(self, [](U4 c) { return c < 127 ? c >= 32 : _PyUnicode_IsPrintable(c) != 0; });
}

}  // namespace gill

using namespace gill;

extern "C" {

Py_ssize_t _PyUnicode_ScanIdentifier(PyObject* s) {
  if (ensure_ready(s) != Status::ok) {
    PyErr_Clear();
    return 0;
  }
  StrView text(s);
  auto ascii_start = [](U4 c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    bool fits = c < 128 ? ascii_start(c) || (i > 0 && c >= '0' && c <= '9')
                        : i == 0 ? _PyUnicode_IsXidStart(c) != 0 : _PyUnicode_IsXidContinue(c) != 0;
    if (!fits) return i;
  }
  return text.length;
}

int PyUnicode_IsIdentifier(PyObject* s) {
  Py_ssize_t n = _PyUnicode_ScanIdentifier(s);
  return n && n == PyUnicode_GET_LENGTH(s);
}

// Decimal digits of any script become ASCII digits, spaces become blanks, anything else `?`, so that the
// number parsers see ASCII.
PyObject* _PyUnicode_TransformDecimalAndSpaceToASCII(PyObject* s) {
  if (require_str(s) != Status::ok) return nullptr;
  if (PyUnicode_IS_ASCII(s)) return borrow(s).release();
  StrView text(s);
  Ref<> result = new_str(text.length, 127);
  if (!result) return nullptr;
  auto* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  for (Py_ssize_t i = 0; i < text.length; ++i) {
    U4 c = text[i];
    int digit;
    if (c < 127) {
      to[i] = static_cast<char>(c);
    } else if (_PyUnicode_IsWhitespace(c)) {
      to[i] = ' ';
    } else if ((digit = _PyUnicode_ToDecimalDigit(c)) >= 0) {
      to[i] = static_cast<char>('0' + digit);
    } else {
      // The first foreign character ends every number, so that the rest does not matter.
      to[i] = '?';
      str_head(result.get())->length = i + 1;
      to[i + 1] = 0;
      break;
    }
  }
  return result.release();
}

}  // extern "C"
