// Character classes and case of the three modes of a pattern: ASCII, locale, Unicode.
#pragma once

#include <Python.h>

#include "modules/sre/opcodes.h"

namespace gill::sre {

bool in_category(Code category, Py_UCS4 c);
// `set` is a charset program, up to its FAILURE.
bool in_charset(const Code* set, Py_UCS4 c);
// The same with the commonest sets, a bitmap or its complement, tested in place.
inline bool in_set(const Code* set, Py_UCS4 c) {
  const Code* body = *set == NEGATE ? set + 1 : set;
  if (*body == CHARSET && body[9] == FAILURE) {
    bool found = c < 256 && (body[1 + (c >> 5)] >> (c & 31) & 1);
    return found == (body == set);
  }
  return in_charset(set, c);
}
bool in_charset_locale_ignore(const Code* set, Py_UCS4 c);

inline Py_UCS4 lower_ascii(Py_UCS4 c) { return c < 128 ? static_cast<Py_UCS4>(Py_TOLOWER(static_cast<unsigned char>(c))) : c; }
Py_UCS4 lower_locale(Py_UCS4 c);
Py_UCS4 upper_locale(Py_UCS4 c);
inline Py_UCS4 lower_unicode(Py_UCS4 c) { return c < 128 ? lower_ascii(c) : Py_UNICODE_TOLOWER(c); }

inline bool word_ascii(Py_UCS4 c) { return c < 128 && (Py_ISALNUM(static_cast<unsigned char>(c)) || c == '_'); }
bool word_locale(Py_UCS4 c);
inline bool word_unicode(Py_UCS4 c) { return c < 128 ? word_ascii(c) : Py_UNICODE_ISALNUM(c); }
// Whether two characters are equal when case is ignored in the locale: `literal` is the pattern's.
inline bool equal_locale_ignore(Code literal, Py_UCS4 c) {
  return c == literal || lower_locale(c) == literal || upper_locale(c) == literal;
}

}  // namespace gill::sre
