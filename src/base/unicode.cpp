// Properties and case mappings of characters: Unicode 14.0 in two-stage tables that the build makes
// from the reference interpreter (unicode_tables.py). Defines the `_PyUnicode_Is*` and `_PyUnicode_To*`
// functions of the C API, and the C-locale character tables of pyctype.h.
#include <Python.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace {

struct Record {
  int32_t upper, lower, title;  // simple mappings, as differences
  uint8_t decimal, digit;       // value plus one, zero when there is none
  uint16_t flags;
};

struct Mapping {
  uint16_t start;
  uint8_t length;
};

struct FullCase {
  uint32_t code;
  Mapping mappings[4];  // lower, title, upper, fold
};

struct NumericValue {
  uint32_t code;
  double value;
};

enum : uint16_t {
  kAlpha = 1 << 0, kDecimal = 1 << 1, kDigit = 1 << 2, kLower = 1 << 3, kLinebreak = 1 << 4, kSpace = 1 << 5,
  kTitle = 1 << 6, kUpper = 1 << 7, kXidStart = 1 << 8, kXidContinue = 1 << 9, kPrintable = 1 << 10, kNumeric = 1 << 11,
  kCaseIgnorable = 1 << 12, kCased = 1 << 13, kFullCase = 1 << 14,
};

#include "unicode_tables.inc"

inline const Record& record_of(Py_UCS4 c) {
  if (c >= 0x110000) return kRecords[kBlocks[0]];
  return kRecords[kBlocks[(kIndex[c >> kShift] << kShift) + (c & ((1 << kShift) - 1))]];
}
inline bool has(Py_UCS4 c, uint16_t flag) { return (record_of(c).flags & flag) != 0; }

enum { kFullLower, kFullTitle, kFullUpper, kFullFold };

int full_mapping(Py_UCS4 c, int which, Py_UCS4* result) {
  const FullCase* found = std::lower_bound(std::begin(kFullCases), std::end(kFullCases), c,
                                           [](const FullCase& entry, Py_UCS4 code) { return entry.code < code; });
  const Mapping& mapping = found->mappings[which];
  std::copy_n(kCasePool + mapping.start, mapping.length, result);
  return mapping.length;
}

}  // namespace

extern "C" {

int _PyUnicode_IsAlpha(Py_UCS4 c) { return has(c, kAlpha); }
int _PyUnicode_IsDecimalDigit(Py_UCS4 c) { return _PyUnicode_ToDecimalDigit(c) >= 0; }
int _PyUnicode_IsDigit(Py_UCS4 c) { return _PyUnicode_ToDigit(c) >= 0; }
int _PyUnicode_IsNumeric(Py_UCS4 c) { return has(c, kNumeric); }
int _PyUnicode_IsPrintable(Py_UCS4 c) { return has(c, kPrintable); }
int _PyUnicode_IsLowercase(Py_UCS4 c) { return has(c, kLower); }
int _PyUnicode_IsUppercase(Py_UCS4 c) { return has(c, kUpper); }
int _PyUnicode_IsTitlecase(Py_UCS4 c) { return has(c, kTitle); }
int _PyUnicode_IsXidStart(Py_UCS4 c) { return has(c, kXidStart); }
int _PyUnicode_IsXidContinue(Py_UCS4 c) { return has(c, kXidContinue); }
int _PyUnicode_IsCased(Py_UCS4 c) { return has(c, kCased); }
int _PyUnicode_IsCaseIgnorable(Py_UCS4 c) { return has(c, kCaseIgnorable); }
int _PyUnicode_IsWhitespace(const Py_UCS4 c) { return has(c, kSpace); }
int _PyUnicode_IsLinebreak(const Py_UCS4 c) { return has(c, kLinebreak); }

int _PyUnicode_ToDecimalDigit(Py_UCS4 c) { return record_of(c).decimal - 1; }
int _PyUnicode_ToDigit(Py_UCS4 c) { return record_of(c).digit - 1; }

double _PyUnicode_ToNumeric(Py_UCS4 c) {
  if (!has(c, kNumeric)) return -1.0;
  const NumericValue* found = std::lower_bound(std::begin(kNumericValues), std::end(kNumericValues), c,
                                               [](const NumericValue& entry, Py_UCS4 code) { return entry.code < code; });
  return found->value;
}

Py_UCS4 _PyUnicode_ToUppercase(Py_UCS4 c) { return c + static_cast<Py_UCS4>(record_of(c).upper); }
Py_UCS4 _PyUnicode_ToLowercase(Py_UCS4 c) { return c + static_cast<Py_UCS4>(record_of(c).lower); }
Py_UCS4 _PyUnicode_ToTitlecase(Py_UCS4 c) { return c + static_cast<Py_UCS4>(record_of(c).title); }

int _PyUnicode_ToLowerFull(Py_UCS4 c, Py_UCS4* result) {
  const Record& r = record_of(c);
  if (r.flags & kFullCase) return full_mapping(c, kFullLower, result);
  result[0] = c + static_cast<Py_UCS4>(r.lower);
  return 1;
}

int _PyUnicode_ToTitleFull(Py_UCS4 c, Py_UCS4* result) {
  const Record& r = record_of(c);
  if (r.flags & kFullCase) return full_mapping(c, kFullTitle, result);
  result[0] = c + static_cast<Py_UCS4>(r.title);
  return 1;
}

int _PyUnicode_ToUpperFull(Py_UCS4 c, Py_UCS4* result) {
  const Record& r = record_of(c);
  if (r.flags & kFullCase) return full_mapping(c, kFullUpper, result);
  result[0] = c + static_cast<Py_UCS4>(r.upper);
  return 1;
}

int _PyUnicode_ToFoldedFull(Py_UCS4 c, Py_UCS4* result) {
  const Record& r = record_of(c);
  if (r.flags & kFullCase) return full_mapping(c, kFullFold, result);
  result[0] = c + static_cast<Py_UCS4>(r.lower);
  return 1;
}

}  // extern "C"

// ---- the C locale's view of bytes -------------------------------------------------------------------

namespace {


constexpr unsigned int flags_of(int c) {
  unsigned int flags = 0;
  if (c >= 'a' && c <= 'z') flags |= PY_CTF_LOWER;
  if (c >= 'A' && c <= 'Z') flags |= PY_CTF_UPPER;
  if (c >= '0' && c <= '9') flags |= PY_CTF_DIGIT;
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) flags |= PY_CTF_XDIGIT;
  if (c == ' ' || (c >= 9 && c <= 13)) flags |= PY_CTF_SPACE;
  return flags;
}
constexpr unsigned char lower_of(int c) { return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }
constexpr unsigned char upper_of(int c) { return static_cast<unsigned char>(c >= 'a' && c <= 'z' ? c - 32 : c); }

}  // namespace

#define GILL_8(F, n) F(n), F(n + 1), F(n + 2), F(n + 3), F(n + 4), F(n + 5), F(n + 6), F(n + 7)
#define GILL_64(F, n) \
  GILL_8(F, n), GILL_8(F, n + 8), GILL_8(F, n + 16), GILL_8(F, n + 24), GILL_8(F, n + 32), GILL_8(F, n + 40), GILL_8(F, n + 48), GILL_8(F, n + 56)
#define GILL_256(F) GILL_64(F, 0), GILL_64(F, 64), GILL_64(F, 128), GILL_64(F, 192)

extern "C" {

const unsigned int _Py_ctype_table[256] = {GILL_256(flags_of)};
const unsigned char _Py_ctype_tolower[256] = {GILL_256(lower_of)};
const unsigned char _Py_ctype_toupper[256] = {GILL_256(upper_of)};

int PyOS_mystrnicmp(const char* a, const char* b, Py_ssize_t n) {
  auto* p = reinterpret_cast<const unsigned char*>(a);
  auto* q = reinterpret_cast<const unsigned char*>(b);
  if (n == 0) return 0;
  while (--n > 0 && *p && *q && Py_TOLOWER(*p) == Py_TOLOWER(*q)) {
    ++p;
    ++q;
  }
  return Py_TOLOWER(*p) - Py_TOLOWER(*q);
}

int PyOS_mystricmp(const char* a, const char* b) {
  auto* p = reinterpret_cast<const unsigned char*>(a);
  auto* q = reinterpret_cast<const unsigned char*>(b);
  while (*p && Py_TOLOWER(*p) == Py_TOLOWER(*q)) {
    ++p;
    ++q;
  }
  return Py_TOLOWER(*p) - Py_TOLOWER(*q);
}

}  // extern "C"
