#include "modules/sre/characters.h"

#include <cctype>

namespace gill::sre {

Py_UCS4 lower_locale(Py_UCS4 c) { return c < 256 ? static_cast<Py_UCS4>(std::tolower(static_cast<int>(c))) : c; }
Py_UCS4 upper_locale(Py_UCS4 c) { return c < 256 ? static_cast<Py_UCS4>(std::toupper(static_cast<int>(c))) : c; }
bool word_locale(Py_UCS4 c) { return c < 256 && (std::isalnum(static_cast<int>(c)) || c == '_'); }

bool in_category(Code category, Py_UCS4 c) {
  bool ascii = c < 128;
  unsigned char byte = static_cast<unsigned char>(c);
  switch (category) {
    case CATEGORY_DIGIT: return ascii && Py_ISDIGIT(byte);
    case CATEGORY_NOT_DIGIT: return !(ascii && Py_ISDIGIT(byte));
    case CATEGORY_SPACE: return ascii && Py_ISSPACE(byte);
    case CATEGORY_NOT_SPACE: return !(ascii && Py_ISSPACE(byte));
    case CATEGORY_WORD: return word_ascii(c);
    case CATEGORY_NOT_WORD: return !word_ascii(c);
    case CATEGORY_LINEBREAK: return c == '\n';
    case CATEGORY_NOT_LINEBREAK: return c != '\n';
    case CATEGORY_LOC_WORD: return word_locale(c);
    case CATEGORY_LOC_NOT_WORD: return !word_locale(c);
    case CATEGORY_UNI_DIGIT: return Py_UNICODE_ISDECIMAL(c);
    case CATEGORY_UNI_NOT_DIGIT: return !Py_UNICODE_ISDECIMAL(c);
    case CATEGORY_UNI_SPACE: return Py_UNICODE_ISSPACE(c);
    case CATEGORY_UNI_NOT_SPACE: return !Py_UNICODE_ISSPACE(c);
    case CATEGORY_UNI_WORD: return word_unicode(c) || c == '_';
    case CATEGORY_UNI_NOT_WORD: return !(word_unicode(c) || c == '_');
    case CATEGORY_UNI_LINEBREAK: return Py_UNICODE_ISLINEBREAK(c);
    case CATEGORY_UNI_NOT_LINEBREAK: return !Py_UNICODE_ISLINEBREAK(c);
    default: return false;
  }
}

bool in_charset(const Code* set, Py_UCS4 c) {
  bool found = true;
  for (;;) {
    switch (*set++) {
      case FAILURE:
        return !found;
      case LITERAL:
        if (c == *set++) return found;
        break;
      case CATEGORY:
        if (in_category(*set++, c)) return found;
        break;
      case CHARSET:
        if (c < 256 && (set[c >> 5] >> (c & 31) & 1)) return found;
        set += 8;
        break;
      case RANGE:
        if (set[0] <= c && c <= set[1]) return found;
        set += 2;
        break;
      case RANGE_UNI_IGNORE: {
        if (set[0] <= c && c <= set[1]) return found;
        Py_UCS4 upper = Py_UNICODE_TOUPPER(c);
        if (set[0] <= upper && upper <= set[1]) return found;
        set += 2;
        break;
      }
      case NEGATE:
        found = !found;
        break;
      case BIGCHARSET: {
        Code blocks = *set++;
        if (c < 65536) {
          Code block = reinterpret_cast<const unsigned char*>(set)[c >> 8];
          Code bit = block * 256 + (c & 255);
          if (set[64 + (bit >> 5)] >> (bit & 31) & 1) return found;
        }
        set += 64 + blocks * 8;
        break;
      }
      default:
        return false;
    }
  }
}

bool in_charset_locale_ignore(const Code* set, Py_UCS4 c) {
  Py_UCS4 lower = lower_locale(c);
  if (in_charset(set, lower)) return true;
  Py_UCS4 upper = upper_locale(c);
  return upper != lower && in_charset(set, upper);
}

namespace {

bool depends_on_locale(const Code* set) {
  for (;;) {
    switch (*set++) {
      case CATEGORY:
        if (*set == CATEGORY_LOC_WORD || *set == CATEGORY_LOC_NOT_WORD) return true;
        ++set;
        break;
      case LITERAL: ++set; break;
      case CHARSET: set += 8; break;
      case RANGE:
      case RANGE_UNI_IGNORE: set += 2; break;
      case NEGATE: break;
      case BIGCHARSET: set += 1 + 64 + *set * 8; break;
      default: return false;
    }
  }
}

}  // namespace

SetBitmaps::~SetBitmaps() {
  PyMem_Free(numbers_);
  PyMem_Free(bitmaps_);
}

uint16_t SetBitmaps::add(const Code* code, Py_ssize_t size, const Code* set, Fold fold) {
  if (!numbers_) {
    numbers_ = static_cast<uint16_t*>(PyMem_Calloc(static_cast<size_t>(size), sizeof(uint16_t)));
    if (!numbers_) return kNone;
  }
  uint16_t& number = numbers_[set - code];
  number = kNone;
  if (depends_on_locale(set) || count_ == kNone - 1) return number;
  auto* grown = static_cast<Bitmap*>(PyMem_Realloc(bitmaps_, (count_ + size_t{1}) * sizeof(Bitmap)));
  if (!grown) return number;
  bitmaps_ = grown;
  Bitmap& bitmap = bitmaps_[count_] = {};
  for (Py_UCS4 c = 0; c < 256; ++c) {
    if (in_charset(set, folded(fold, c))) bitmap.bits[c >> 5] |= uint32_t{1} << (c & 31);
  }
  return number = ++count_;
}

}  // namespace gill::sre
