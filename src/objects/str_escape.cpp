// The codecs that spell characters as backslash escapes: unicode_escape (string literals) and
// raw_unicode_escape (pickle's protocol 0).
#include "objects/codecs.h"

#define Py_BUILD_CORE 1
#include "internal/pycore_ucnhash.h"
#undef Py_BUILD_CORE

namespace gill {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The value of up to `left` hexadecimal digits from `at` on; both are moved behind those that were there.
U4 hex_value(const char* text, Py_ssize_t size, Py_ssize_t& at, int& left) {
  U4 value = 0;
  for (; left > 0 && at < size && hex_digit(text[at]) >= 0; --left) value = value << 4 | static_cast<U4>(hex_digit(text[at++]));
  return value;
}

struct EscapeReport {
  int first_invalid_char = -1;
  const char* first_invalid = nullptr;  // may dangle once an error handler has put in another input
};

// A `\N{...}` name, from `text` on behind the N; moves `at`. Zero when it names nothing, with the reason set.
U4 named_character(const char* text, Py_ssize_t size, Py_ssize_t& at, const char*& reason, bool& failed, bool& incomplete) {
  reason = "malformed \\N character escape";
  failed = incomplete = false;
  if (at >= size) {
    incomplete = true;
    return 0;
  }
  if (text[at] != '{') return 0;
  Py_ssize_t start = ++at;
  while (at < size && text[at] != '}') ++at;
  if (at >= size) {
    incomplete = true;
    return 0;
  }
  if (at == start) return 0;
  ++at;
  auto* names = static_cast<_PyUnicode_Name_CAPI*>(PyCapsule_Import(PyUnicodeData_CAPSULE_NAME, 1));
  if (!names) {
    PyErr_SetString(PyExc_UnicodeError, "\\N escapes not supported (can't load unicodedata module)");
    failed = true;
    return 0;
  }
  reason = "unknown Unicode character name";
  U4 c;
  Py_ssize_t n = at - 1 - start;
  if (n <= INT_MAX && names->getcode(text + start, static_cast<int>(n), &c, 0)) {
    reason = nullptr;
    return c;
  }
  return 0;
}

Ref<> decode_escape(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed, EscapeReport& report) {
  DecodeErrors trouble(errors, "unicodeescape", text, size);
  StrWriter out(size);
  Py_ssize_t i = 0;
  while (i < trouble.size()) {
    const char* data = trouble.data();
    Py_ssize_t n = trouble.size();
    if (data[i] != '\\') {
      TRY(out.put(static_cast<U4>(static_cast<unsigned char>(data[i++]))));
      continue;
    }
    Py_ssize_t start = i++;
    const char* reason = nullptr;
    if (i >= n) {
      if (consumed) {
        i = start;
        break;
      }
      i = TRY(trouble.handle(start, i, "\\ at end of string", out));
      continue;
    }
    char c = data[i++];
    int digits = 0;
    switch (c) {
      case '\n': continue;
      case '\\':
      case '\'':
      case '"': TRY(out.put(static_cast<U4>(c))); continue;
      case 'b': TRY(out.put(U4{'\b'})); continue;
      case 'f': TRY(out.put(U4{'\f'})); continue;
      case 't': TRY(out.put(U4{'\t'})); continue;
      case 'n': TRY(out.put(U4{'\n'})); continue;
      case 'r': TRY(out.put(U4{'\r'})); continue;
      case 'v': TRY(out.put(U4{'\v'})); continue;
      case 'a': TRY(out.put(U4{'\a'})); continue;
      case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': {
        U4 value = static_cast<U4>(c - '0');
        for (int k = 0; k < 2 && i < n && data[i] >= '0' && data[i] <= '7'; ++k) value = value * 8 + static_cast<U4>(data[i++] - '0');
        if (value > 0xff && !report.first_invalid) {
          report.first_invalid = data + start + 1;
          report.first_invalid_char = static_cast<int>(value);
        }
        TRY(out.put(value));
        continue;
      }
      case 'x': digits = 2; reason = "truncated \\xXX escape"; break;
      case 'u': digits = 4; reason = "truncated \\uXXXX escape"; break;
      case 'U': digits = 8; reason = "truncated \\UXXXXXXXX escape"; break;
      case 'N': {
        bool failed, incomplete;
        U4 found = named_character(data, n, i, reason, failed, incomplete);
        if (failed) return failure;
        if (!reason) {
          TRY(out.put(found));
          continue;
        }
        if (incomplete && consumed) {
          if (consumed) *consumed = start;
          return out.finish();
        }
        i = TRY(trouble.handle(start, i, reason, out));
        continue;
      }
      default:
        if (!report.first_invalid) {
          report.first_invalid = data + i - 1;
          report.first_invalid_char = static_cast<unsigned char>(c);
        }
        TRY(out.put(U4{'\\'}));
        TRY(out.put(static_cast<U4>(static_cast<unsigned char>(c))));
        continue;
    }
    int left = digits;
    U4 value = hex_value(data, n, i, left);
    if (left > 0 && i >= n && consumed) {
      *consumed = start;
      return out.finish();
    }
    if (left == 0) {
      if (value <= 0x10ffff) {
        TRY(out.put(value));
        continue;
      }
      reason = "illegal Unicode character";
    }
    i = TRY(trouble.handle(start, i, reason, out));
  }
  if (consumed) *consumed = i;
  return out.finish();
}

Ref<> decode_raw(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  DecodeErrors trouble(errors, "rawunicodeescape", text, size);
  StrWriter out(size);
  Py_ssize_t i = 0;
  while (i < trouble.size()) {
    const char* data = trouble.data();
    Py_ssize_t n = trouble.size();
    if (data[i] != '\\') {
      TRY(out.put(static_cast<U4>(static_cast<unsigned char>(data[i++]))));
      continue;
    }
    if (i + 1 >= n) {
      if (consumed) break;
      TRY(out.put(U4{'\\'}));
      ++i;
      continue;
    }
    Py_ssize_t start = i++;
    char c = data[i++];
    if (c != 'u' && c != 'U') {
      TRY(out.put(U4{'\\'}));
      TRY(out.put(static_cast<U4>(static_cast<unsigned char>(c))));
      continue;
    }
    int left = c == 'u' ? 4 : 8;
    const char* reason = c == 'u' ? "truncated \\uXXXX escape" : "truncated \\UXXXXXXXX escape";
    U4 value = hex_value(data, n, i, left);
    if (left > 0 && i >= n && consumed) {
      *consumed = start;
      return out.finish();
    }
    if (left == 0) {
      if (value <= 0x10ffff) {
        TRY(out.put(value));
        continue;
      }
      reason = "\\Uxxxxxxxx out of range";
    }
    i = TRY(trouble.handle(start, i, reason, out));
  }
  if (consumed) *consumed = i;
  return out.finish();
}

void put_hex(char* to, U4 c, int digits) {
  while (digits-- > 0) *to++ = "0123456789abcdef"[c >> (digits * 4) & 15];
}

Ref<> encode_escape(PyObject* s, bool raw) {
  TRY(require_str(s));
  StrView view(s);
  BytesBuilder out;
  TRY(out.reserve(view.length));
  for (Py_ssize_t i = 0; i < view.length; ++i) {
    U4 c = view[i];
    if (c < 0x100 && (raw || (c >= 0x20 && c < 0x7f && c != '\\'))) {
      TRY(out.put(static_cast<char>(c)));
      continue;
    }
    char text[12] = "\\";
    size_t n = 2;
    if (!raw && (c == '\\' || c == '\t' || c == '\n' || c == '\r')) {
      text[1] = c == '\\' ? '\\' : c == '\t' ? 't' : c == '\n' ? 'n' : 'r';
    } else {
      int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
      text[1] = c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U';
      put_hex(text + 2, c, digits);
      n += static_cast<size_t>(digits);
    }
    TRY(out.put(std::string_view(text, n)));
  }
  return out.finish();
}

}  // namespace

Status warn_invalid_escape(int character) {
  if (character < 0) return Status::ok;
  return status_of(character > 0xff
                       ? PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "invalid octal escape sequence '\\%c%c%c'", '0' + (character >> 6),
                                          '0' + (character >> 3 & 7), '0' + (character & 7))
                       : PyErr_WarnFormat(PyExc_DeprecationWarning, 1, "invalid escape sequence '\\%c'", character));
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* _PyUnicode_DecodeUnicodeEscapeInternal2(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed,
                                                  int* first_char, const char** first_place) {
  EscapeReport report;
  Ref<> result = decode_escape(text, size, errors, consumed, report);
  *first_char = report.first_invalid_char;
  *first_place = report.first_invalid;
  return result.release();
}

PyObject* _PyUnicode_DecodeUnicodeEscapeInternal(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed,
                                                 const char** first_place) {
  EscapeReport report;
  Ref<> result = decode_escape(text, size, errors, consumed, report);
  *first_place = report.first_invalid;
  return result.release();
}

PyObject* _PyUnicode_DecodeUnicodeEscapeStateful(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  EscapeReport report;
  Ref<> result = decode_escape(text, size, errors, consumed, report);
  if (result && warn_invalid_escape(report.first_invalid_char) != Status::ok) return nullptr;
  return result.release();
}

PyObject* PyUnicode_DecodeUnicodeEscape(const char* text, Py_ssize_t size, const char* errors) {
  return _PyUnicode_DecodeUnicodeEscapeStateful(text, size, errors, nullptr);
}
PyObject* PyUnicode_AsUnicodeEscapeString(PyObject* s) { return encode_escape(s, false).release(); }

PyObject* _PyUnicode_DecodeRawUnicodeEscapeStateful(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  return decode_raw(text, size, errors, consumed).release();
}
PyObject* PyUnicode_DecodeRawUnicodeEscape(const char* text, Py_ssize_t size, const char* errors) {
  return decode_raw(text, size, errors, nullptr).release();
}
PyObject* PyUnicode_AsRawUnicodeEscapeString(PyObject* s) { return encode_escape(s, true).release(); }

}  // extern "C"
