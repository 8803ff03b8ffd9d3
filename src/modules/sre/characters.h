// Character classes and case of the three modes of a pattern: ASCII, locale, Unicode.
#pragma once

#include <Python.h>

#include "modules/sre/opcodes.h"

namespace gill::sre {

bool in_category(Code category, Py_UCS4 c);
// `set` is a charset program, up to its FAILURE.
bool in_charset(const Code* set, Py_UCS4 c);
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

// How a character is folded before it is looked up in a set.
enum class Fold : uint8_t { none, ascii, unicode };
inline Py_UCS4 folded(Fold fold, Py_UCS4 c) { return fold == Fold::none ? c : fold == Fold::ascii ? lower_ascii(c) : lower_unicode(c); }

// Which of the first 256 characters are in each set of a pattern, found out when the set is first asked. Without memory, and for sets
// that depend on the locale, there is no bitmap.
class SetBitmaps {
 public:
  SetBitmaps() = default;
  SetBitmaps(const SetBitmaps&) = delete;
  ~SetBitmaps();

  // Of the set `set` in a pattern that begins at `code` and has `size` words; null when there is none. Good until the next call.
  const uint32_t* find(const Code* code, Py_ssize_t size, const Code* set, Fold fold) {
    uint16_t number = numbers_ ? numbers_[set - code] : 0;
    if (number == 0) [[unlikely]] number = add(code, size, set, fold);
    return number == kNone ? nullptr : bitmaps_[number - 1].bits;
  }

 private:
  struct Bitmap {
    uint32_t bits[8];
  };
  static constexpr uint16_t kNone = 0xffff;
  uint16_t add(const Code* code, Py_ssize_t size, const Code* set, Fold fold);

  uint16_t* numbers_ = nullptr;  // by the place in the code; 0: not asked yet
  Bitmap* bitmaps_ = nullptr;
  uint16_t count_ = 0;
};

}  // namespace gill::sre
