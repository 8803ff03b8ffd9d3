// `unicodedata`: properties, names and normal forms of characters, for Unicode 14.0 and 3.2.0.
//
// All tables come from the reference interpreter (unicodedata_tables.py). Names are sequences of words
// from one lexicon, found through a hash table; decompositions and properties stand in two-stage tables.
// Every function exists as a module function and as a method of the UCD type, whose one instance
// `ucd_3_2_0` answers for the old version.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "base/binding.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_ucnhash.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

struct Record {
  uint8_t category, bidirectional, combining, width, mirrored;
  uint8_t quick_check;  // two bits for each form: 0 yes, 1 maybe, 2 no
};
struct Decomposition {
  uint8_t prefix;
  uint16_t start;
  uint8_t length;
};
struct Pair {
  uint32_t first, last, composed;
};
struct OldNumber {
  uint32_t code;
  int decimal;
  double numeric;
};
struct OldMapping {
  uint32_t code, mapped;
};
struct Sequence {
  uint16_t start;
  uint8_t length;
};
struct Range {
  uint32_t first, last;
};

#include "unicodedata_tables.inc"

constexpr uint32_t kSBase = 0xac00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11a7;
constexpr uint32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

struct UcdObject {
  PyObject_HEAD
};

void ucd_dealloc(PyObject* self) { PyObject_Free(self); }

extern PyTypeObject ucd_type;
bool is_old(PyObject* self) { return self && Py_IS_TYPE(self, &ucd_type); }

const Record& new_record(uint32_t c) {
  return kNewRecords[kNewBlocks[(kNewIndex[c >> kNewShift] << kNewShift) + (c & ((1u << kNewShift) - 1))]];
}
const Record& old_record(uint32_t c) {
  return kOldRecords[kOldBlocks[(kOldIndex[c >> kOldShift] << kOldShift) + (c & ((1u << kOldShift) - 1))]];
}
const Record& record_of(PyObject* self, uint32_t c) { return is_old(self) ? old_record(c) : new_record(c); }

// A str of one character; the message counts arguments when the function has more than one.
Maybe<uint32_t> character(PyObject* object, const char* function, bool alone) {
  if (PyUnicode_Check(object)) {
    if (PyUnicode_READY(object) < 0) return failure;
    if (PyUnicode_GET_LENGTH(object) == 1) return uint32_t{PyUnicode_READ_CHAR(object, 0)};
  }
  return raise(PyExc_TypeError, "%s() argument%s must be a unicode character, not %.50s", function, alone ? "" : " 1",
               object == Py_None ? "None" : Py_TYPE(object)->tp_name);
}

// ---- properties -----------------------------------------------------------------------------------------

Ref<> ucd_category(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "category", true));
  return steal(PyUnicode_FromString(kCategories[record_of(self, c).category]));
}
Ref<> ucd_bidirectional(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "bidirectional", true));
  return steal(PyUnicode_FromString(kBidirectionals[record_of(self, c).bidirectional]));
}
Maybe<int> ucd_combining(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "combining", true));
  return int{record_of(self, c).combining};
}
Maybe<int> ucd_mirrored(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "mirrored", true));
  return int{record_of(self, c).mirrored};
}
Ref<> ucd_east_asian_width(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "east_asian_width", true));
  return steal(PyUnicode_FromString(kWidths[record_of(self, c).width]));
}

const OldNumber* old_number(uint32_t c) {
  auto* found = std::lower_bound(std::begin(kOldNumbers), std::end(kOldNumbers), c,
                                 [](const OldNumber& entry, uint32_t code) { return entry.code < code; });
  return found != std::end(kOldNumbers) && found->code == c ? found : nullptr;
}

Ref<> fallback_or(PyObject* fallback, const char* message) {
  if (fallback) return borrow(fallback);
  return raise(PyExc_ValueError, message);
}

Ref<> ucd_decimal(PyObject* self, PyObject* chr, PyObject* fallback) {
  uint32_t c = TRY(character(chr, "decimal", false));
  const OldNumber* old = is_old(self) ? old_number(c) : nullptr;
  int value = old ? old->decimal : Py_UNICODE_TODECIMAL(c);
  if (value < 0) return fallback_or(fallback, "not a decimal");
  return steal(PyLong_FromLong(value));
}
Ref<> ucd_digit(PyObject*, PyObject* chr, PyObject* fallback) {
  uint32_t c = TRY(character(chr, "digit", false));
  int value = Py_UNICODE_TODIGIT(c);
  if (value < 0) return fallback_or(fallback, "not a digit");
  return steal(PyLong_FromLong(value));
}
Ref<> ucd_numeric(PyObject* self, PyObject* chr, PyObject* fallback) {
  uint32_t c = TRY(character(chr, "numeric", false));
  const OldNumber* old = is_old(self) ? old_number(c) : nullptr;
  double value = old ? old->numeric : Py_UNICODE_TONUMERIC(c);
  if (value == -1.0) return fallback_or(fallback, "not a numeric character");
  return steal(PyFloat_FromDouble(value));
}

// ---- decomposition --------------------------------------------------------------------------------------

const Decomposition& decomposition_of(uint32_t c) {
  return kDecompositions[kDecompositionBlocks[(kDecompositionIndex[c >> kDecompositionShift] << kDecompositionShift) +
                                              (c & ((1u << kDecompositionShift) - 1))]];
}

// One step: how many characters, and where; zero when there is none.
struct Mapping {
  const uint32_t* characters = nullptr;
  int length = 0;
  uint8_t prefix = 0;
};

Mapping mapping_of(PyObject* self, uint32_t c) {
  if (is_old(self)) {
    if (old_record(c).category == kUnassigned) return {};
    if (c >= 0x10000) {
      // Mistakes of the old version that a corrigendum set right.
      for (const OldMapping& old : kOldMappings) {
        if (old.code == c) return {&old.mapped, 1, 0};
      }
    }
  }
  const Decomposition& d = decomposition_of(c);
  return {kDecompositionPool + d.start, d.length, d.prefix};
}

Ref<> ucd_decomposition(PyObject* self, PyObject* chr) {
  uint32_t c = TRY(character(chr, "decomposition", true));
  if (is_old(self) && old_record(c).category == kUnassigned) return steal(PyUnicode_FromString(""));
  const Decomposition& d = decomposition_of(c);
  char text[256];
  int n = std::snprintf(text, sizeof text, "%s", kPrefixes[d.prefix]);
  for (int i = 0; i < d.length; ++i) {
    n += std::snprintf(text + n, sizeof text - static_cast<size_t>(n), "%s%04X", n ? " " : "", kDecompositionPool[d.start + i]);
  }
  return steal(PyUnicode_FromString(text));
}

// Code points in raw memory, which a user's text can make large.
class CodeBuffer {
 public:
  ~CodeBuffer() { PyMem_Free(data_); }
  CodeBuffer() = default;
  CodeBuffer(const CodeBuffer&) = delete;
  CodeBuffer& operator=(const CodeBuffer&) = delete;
  Status put(uint32_t c) {
    if (size_ == capacity_) {
      Py_ssize_t capacity = capacity_ ? capacity_ * 2 : 64;
      auto* data = static_cast<uint32_t*>(PyMem_Realloc(data_, static_cast<size_t>(capacity) * sizeof(uint32_t)));
      if (!data) {
        PyErr_NoMemory();
        return Status::error;
      }
      data_ = data;
      capacity_ = capacity;
    }
    data_[size_++] = c;
    return Status::ok;
  }
  uint32_t& operator[](Py_ssize_t i) { return data_[i]; }
  Py_ssize_t size() const { return size_; }
  void truncate(Py_ssize_t n) { size_ = n; }
  uint32_t* data() { return data_; }

 private:
  uint32_t* data_ = nullptr;
  Py_ssize_t size_ = 0;
  Py_ssize_t capacity_ = 0;
};

Status put_decomposed(PyObject* self, uint32_t c, bool compatible, CodeBuffer& out) {
  if (c - kSBase < kSCount) {
    uint32_t s = c - kSBase;
    TRY(out.put(kLBase + s / (kVCount * kTCount)));
    TRY(out.put(kVBase + s % (kVCount * kTCount) / kTCount));
    if (uint32_t t = s % kTCount) TRY(out.put(kTBase + t));
    return Status::ok;
  }
  Mapping mapping = mapping_of(self, c);
  if (mapping.length == 0 || (mapping.prefix && !compatible)) return out.put(c);
  for (int i = 0; i < mapping.length; ++i) TRY(put_decomposed(self, mapping.characters[i], compatible, out));
  return Status::ok;
}

// Sorts each run of combining characters by class, keeping the order within a class.
void order_combining(CodeBuffer& text) {
  for (Py_ssize_t i = 1; i < text.size(); ++i) {
    uint8_t own = new_record(text[i]).combining;
    if (own == 0) continue;
    uint32_t c = text[i];
    Py_ssize_t j = i;
    while (j > 0 && new_record(text[j - 1]).combining > own) {
      text[j] = text[j - 1];
      --j;
    }
    text[j] = c;
  }
}

uint32_t compose_pair(uint32_t first, uint32_t last) {
  if (first - kLBase < kLCount && last - kVBase < kVCount) return kSBase + ((first - kLBase) * kVCount + (last - kVBase)) * kTCount;
  if (first - kSBase < kSCount && (first - kSBase) % kTCount == 0 && last > kTBase && last < kTBase + kTCount) return first + (last - kTBase);
  auto* found = std::lower_bound(std::begin(kPairs), std::end(kPairs), Pair{first, last, 0}, [](const Pair& a, const Pair& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
  return found != std::end(kPairs) && found->first == first && found->last == last ? found->composed : 0;
}

void compose(CodeBuffer& text) {
  Py_ssize_t starter = -1;
  Py_ssize_t end = 0;
  int last_class = -1;  // of the characters kept since the starter
  for (Py_ssize_t i = 0; i < text.size(); ++i) {
    uint32_t c = text[i];
    int own = new_record(c).combining;
    if (starter >= 0 && (last_class < own || last_class == -1)) {
      if (uint32_t composed = compose_pair(text[starter], c)) {
        text[starter] = composed;
        continue;
      }
    }
    if (own == 0) {
      starter = end;
      last_class = -1;
    } else {
      last_class = own;
    }
    text[end++] = c;
  }
  text.truncate(end);
}

enum Form { kNfd, kNfkd, kNfc, kNfkc };

Maybe<Form> form_named(PyObject* name_object) {
  static constexpr const char* kNames[] = {"NFD", "NFKD", "NFC", "NFKC"};
  for (int i = 0; i < 4; ++i) {
    if (_PyUnicode_EqualToASCIIString(name_object, kNames[i])) return static_cast<Form>(i);
  }
  return raise(PyExc_ValueError, "invalid normalization form");
}

enum class Quick { yes, maybe, no };

Quick quick_check(PyObject* self, PyObject* text, Form form) {
  // The old version is not among the quick-check properties.
  if (is_old(self)) return Quick::maybe;
  if (PyUnicode_IS_ASCII(text)) return Quick::yes;
  Quick result = Quick::yes;
  int kind = PyUnicode_KIND(text);
  const void* data = PyUnicode_DATA(text);
  uint8_t last = 0;
  for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); ++i) {
    const Record& r = new_record(PyUnicode_READ(kind, data, i));
    if (r.combining && last > r.combining) return Quick::no;
    last = r.combining;
    int bits = r.quick_check >> (2 * form) & 3;
    if (bits == 2) return Quick::no;
    if (bits == 1) result = Quick::maybe;
  }
  return result;
}

Ref<> normalized(PyObject* self, PyObject* text, Form form) {
  CodeBuffer out;
  int kind = PyUnicode_KIND(text);
  const void* data = PyUnicode_DATA(text);
  for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); ++i) {
    uint32_t c = PyUnicode_READ(kind, data, i);
    if (c < 0x80) TRY(out.put(c));
    else TRY(put_decomposed(self, c, form == kNfkd || form == kNfkc, out));
  }
  order_combining(out);
  if (form == kNfc || form == kNfkc) compose(out);
  return steal(PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, out.data(), out.size()));
}

Ref<> ucd_normalize(PyObject* self, PyUnicodeObject* form_name, PyUnicodeObject* unistr) {
  PyObject* text = as_object(unistr);
  if (PyUnicode_READY(text) < 0) return failure;
  if (PyUnicode_GET_LENGTH(text) == 0) return borrow(text);
  Form form = TRY(form_named(as_object(form_name)));
  if (quick_check(self, text, form) == Quick::yes) return borrow(text);
  return normalized(self, text, form);
}

Maybe<bool> ucd_is_normalized(PyObject* self, PyUnicodeObject* form_name, PyUnicodeObject* unistr) {
  PyObject* text = as_object(unistr);
  if (PyUnicode_READY(text) < 0) return failure;
  if (PyUnicode_GET_LENGTH(text) == 0) return true;
  Form form = TRY(form_named(as_object(form_name)));
  Quick quick = quick_check(self, text, form);
  if (quick != Quick::maybe) return quick == Quick::yes;
  Ref<> result = TRY(normalized(self, text, form));
  return PyUnicode_Compare(text, result.get()) == 0;
}

// ---- names ----------------------------------------------------------------------------------------------

constexpr size_t kMaxName = 256;

bool is_unified_ideograph(uint32_t c) {
  for (const Range& range : kUnifiedIdeographs) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

// Spells entry i of the name list; gives the length.
size_t spell(unsigned i, char* to, size_t size) {
  char* at = to;
  char* limit = to + size - 1;
  for (uint32_t k = kNameStarts[i]; k < kNameStarts[i + 1]; ++k) {
    uint32_t word = kNameText[k];
    if (word >= kSingleCodes) {
      word = kSingleCodes + ((word - kSingleCodes) << 8) + kNameText[k + 1];
      ++k;
    }
    uint32_t n = kWordStarts[word + 1] - kWordStarts[word];
    if (at != to) *at++ = ' ';
    if (at + n >= limit) break;
    std::copy_n(kWordPool + kWordStarts[word], n, at);
    at += n;
  }
  *at = 0;
  return static_cast<size_t>(at - to);
}

bool name_of(bool old, uint32_t c, char* to, size_t size) {
  if (c >= 0x110000) return false;
  if (old && old_record(c).category == kUnassigned) return false;
  if (c - kSBase < kSCount) {
    uint32_t s = c - kSBase;
    std::snprintf(to, size, "HANGUL SYLLABLE %s%s%s", kHangulLeads[s / (kVCount * kTCount)], kHangulVowels[s % (kVCount * kTCount) / kTCount],
                  kHangulTails[s % kTCount]);
    return true;
  }
  if (is_unified_ideograph(c)) {
    std::snprintf(to, size, "CJK UNIFIED IDEOGRAPH-%X", c);
    return true;
  }
  const uint32_t* end = kNameCodes + kOwnNames;
  const uint32_t* found = std::lower_bound(kNameCodes, end, c);
  if (found == end || *found != c) return false;
  spell(static_cast<unsigned>(found - kNameCodes), to, size);
  return true;
}

// The longest part of a syllable's name that stands at the front; -1 when none does.
template <size_t N>
int take_part(std::string_view& text, const char* const (&parts)[N]) {
  int best = -1;
  size_t length = 0;
  for (size_t i = 0; i < N; ++i) {
    std::string_view part(parts[i]);
    if (text.starts_with(part) && (best < 0 || part.size() > length)) {
      best = static_cast<int>(i);
      length = part.size();
    }
  }
  if (best >= 0) text.remove_prefix(length);
  return best;
}

// The code that a name stands for, 0x110000 and up for named sequences; -1 when unknown. The old version knows neither
// aliases nor sequences. The names that are computed are known in capitals only.
int64_t code_named(bool old, std::string_view text) {
  if (text.size() > kMaxName) return -1;
  if (text.starts_with("HANGUL SYLLABLE ")) {
    std::string_view rest = text.substr(16);
    int lead = take_part(rest, kHangulLeads);
    int vowel = take_part(rest, kHangulVowels);
    int tail = take_part(rest, kHangulTails);
    if (lead < 0 || vowel < 0 || tail < 0 || !rest.empty()) return -1;
    return kSBase + (static_cast<uint32_t>(lead) * kVCount + static_cast<uint32_t>(vowel)) * kTCount + static_cast<uint32_t>(tail);
  }
  if (text.starts_with("CJK UNIFIED IDEOGRAPH-")) {
    std::string_view digits = text.substr(22);
    if (digits.size() != 4 && digits.size() != 5) return -1;
    uint32_t c = 0;
    for (char d : digits) {
      if (d >= '0' && d <= '9') c = c * 16 + static_cast<uint32_t>(d - '0');
      else if (d >= 'A' && d <= 'F') c = c * 16 + static_cast<uint32_t>(d - 'A' + 10);
      else return -1;
    }
    return is_unified_ideograph(c) ? int64_t{c} : -1;
  }
  char upper[kMaxName + 1];
  for (size_t i = 0; i < text.size(); ++i) upper[i] = Py_TOUPPER(text[i]);
  text = {upper, text.size()};
  uint32_t hash = 2166136261u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  constexpr uint32_t mask = std::size(kNameSlots) - 1;
  for (uint32_t at = hash & mask; kNameSlots[at]; at = (at + 1) & mask) {
    unsigned i = kNameSlots[at] - 1u;
    char spelled[kMaxName + 1];
    if (std::string_view(spelled, spell(i, spelled, sizeof spelled)) == text) {
      if (old && (i >= kOwnNames || old_record(kNameCodes[i]).category == kUnassigned)) return -1;
      return kNameCodes[i];
    }
  }
  return -1;
}

Ref<> ucd_name(PyObject* self, PyObject* chr, PyObject* fallback) {
  uint32_t c = TRY(character(chr, "name", false));
  char text[kMaxName + 1];
  if (!name_of(is_old(self), c, text, sizeof text)) return fallback_or(fallback, "no such name");
  return steal(PyUnicode_FromString(text));
}

Ref<> ucd_lookup(PyObject* self, PyObject* name_object) {
  const char* text;
  Py_ssize_t size;
  if (!PyArg_Parse(name_object, "s#:lookup", &text, &size)) return failure;
  if (size > static_cast<Py_ssize_t>(kMaxName)) return raise(PyExc_KeyError, "name too long");
  int64_t code = code_named(is_old(self), {text, static_cast<size_t>(size)});
  if (code < 0) return raise(PyExc_KeyError, "undefined character name '%s'", text);
  if (code < 0x110000) return steal(PyUnicode_FromOrdinal(static_cast<int>(code)));
  const Sequence& sequence = kSequences[code - 0x110000];
  return steal(PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, kSequencePool + sequence.start, sequence.length));
}

int capi_getname(Py_UCS4 code, char* buffer, int size, int) { return name_of(false, code, buffer, static_cast<size_t>(size)); }

int capi_getcode(const char* name_text, int size, Py_UCS4* code, int with_named_seq) {
  int64_t found = code_named(false, {name_text, static_cast<size_t>(size)});
  if (found < 0 || (found >= 0x110000 && !with_named_seq)) return 0;
  *code = static_cast<Py_UCS4>(found);
  return 1;
}

constexpr _PyUnicode_Name_CAPI kNameApi = {capi_getname, capi_getcode};

// ---- the module -----------------------------------------------------------------------------------------

const PyMethodDef kMethods[] = {
    METHOD("decimal($self, chr, default=<unrepresentable>, /)", ucd_decimal,
           "Converts a Unicode character into its equivalent decimal value.\n\n"
           "Gives an int. Where there is no such value, gives the default, or raises ValueError without one."),
    METHOD("digit($self, chr, default=<unrepresentable>, /)", ucd_digit,
           "Converts a Unicode character into its equivalent digit value.\n\n"
           "Gives an int. Where there is no such value, gives the default, or raises ValueError without one."),
    METHOD("numeric($self, chr, default=<unrepresentable>, /)", ucd_numeric,
           "Converts a Unicode character into its equivalent numeric value.\n\n"
           "Gives a float. Where there is no such value, gives the default, or raises ValueError without one."),
    METHOD("category($self, chr, /)", ucd_category, "Returns the general category assigned to the character chr as string."),
    METHOD("bidirectional($self, chr, /)", ucd_bidirectional,
           "Returns the bidirectional class assigned to the character chr as string.\n\nThe string is empty where none is defined."),
    METHOD("combining($self, chr, /)", ucd_combining,
           "Returns the canonical combining class assigned to the character chr as integer.\n\nIt is 0 where none is defined."),
    METHOD("mirrored($self, chr, /)", ucd_mirrored,
           "Returns the mirrored property assigned to the character chr as integer.\n\n"
           "It is 1 for a character that is mirrored in bidirectional text, else 0."),
    METHOD("east_asian_width($self, chr, /)", ucd_east_asian_width, "Returns the east asian width assigned to the character chr as string."),
    METHOD("decomposition($self, chr, /)", ucd_decomposition,
           "Returns the character decomposition mapping assigned to the character chr as string.\n\nThe string is empty where none is defined."),
    METHOD("name($self, chr, default=<unrepresentable>, /)", ucd_name,
           "Returns the name assigned to the character chr as a string.\n\n"
           "Where there is none, gives the default, or raises ValueError without one."),
    METHOD("lookup($self, name, /)", ucd_lookup,
           "Look up character by name.\n\nGives the character, or the characters of a named sequence; raises KeyError for an unknown name."),
    METHOD("is_normalized($self, form, unistr, /)", ucd_is_normalized,
           "Return whether the Unicode string unistr is in the normal form 'form'.\n\nValid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'."),
    METHOD("normalize($self, form, unistr, /)", ucd_normalize,
           "Return the normal form 'form' for the Unicode string unistr.\n\nValid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'."),
    kEndOfMethods,
};

Ref<> get_version(UcdObject*) { return steal(PyUnicode_FromString("3.2.0")); }
const PyGetSetDef kUcdAttributes[] = {getset<get_version>("unidata_version"), kEndOfGetSets};

PyTypeObject ucd_type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "unicodedata.UCD",
    .tp_basicsize = sizeof(UcdObject),
    .tp_dealloc = ucd_dealloc,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = table(kMethods),
    .tp_getset = table(kUcdAttributes),
};

int exec_unicodedata(PyObject* module) {
  if (PyModule_AddStringConstant(module, "unidata_version", kUnidataVersion) < 0) return -1;
  if (PyModule_AddType(module, &ucd_type) < 0) return -1;
  Ref<> old = steal(as_object(PyObject_New(UcdObject, &ucd_type)));
  if (!old || PyModule_AddObjectRef(module, "ucd_3_2_0", old.get()) < 0) return -1;
  Ref<> capsule = steal(PyCapsule_New(const_cast<_PyUnicode_Name_CAPI*>(&kNameApi), PyUnicodeData_CAPSULE_NAME, nullptr));
  if (!capsule) return -1;
  return PyModule_AddObjectRef(module, "_ucnhash_CAPI", capsule.get());
}

const PyModuleDef_Slot kSlots[] = {{Py_mod_exec, reinterpret_cast<void*>(exec_unicodedata)}, {0, nullptr}};

PyModuleDef unicodedata_module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "unicodedata",
    .m_doc =
        "Access to the Unicode Character Database: properties, names and normal forms of all\n"
        "characters, in the version that unidata_version names.",
    .m_size = 0,
    .m_methods = table(kMethods),
    .m_slots = table(kSlots),
};

}  // namespace

PyMODINIT_FUNC PyInit_unicodedata() { return PyModuleDef_Init(&unicodedata_module); }
GILL_BUILTIN_MODULE("unicodedata", PyInit_unicodedata);

}  // namespace gill
