// Bytes of the operating system to wide text and back, before and beside Python's codecs.
//
// The coding is what pre-initialization decided (Runtime::text_coding): UTF-8, ASCII or the C library's view of
// the locale. With `surrogateescape`, a byte that cannot be decoded becomes the lone surrogate U+DC00 + byte.
#include <Python.h>

#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <langinfo.h>

#include "runtime/runtime.h"

namespace gill {
namespace {

// Numbered as published in the reference's pycore_fileutils.h, which extensions of the standard library pass.
enum class Handler : int { unknown, strict, surrogateescape, replace, ignore, backslashreplace, surrogatepass, xmlcharrefreplace, other };

using Coding = Runtime::TextCoding;

constexpr int kNoMemory = -1, kUndecodable = -2, kUnsupported = -3;

struct DecodedText {
  wchar_t* text = nullptr;
  size_t length = 0;      // or the place of the error
  const char* reason = nullptr;
};

bool is_surrogate(unsigned long c) { return c >= 0xd800 && c < 0xe000; }

// The number of bytes of the character at `text`, 0 when there is none; the end of `size` bytes ends it too.
size_t decode_utf8(const char* text, size_t size, bool surrogates, wchar_t* out) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned first = byte(0);
  if (first < 0x80) return *out = static_cast<wchar_t>(first), 1;
  size_t more = first >= 0xc2 && first < 0xe0 ? 1 : (first & 0xf0) == 0xe0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
  if (more == 0 || more >= size) return 0;
  unsigned long value = first & (0x3fu >> more);
  for (size_t i = 1; i <= more; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3f);
  }
  if (more == 2 && (value < 0x800 || (is_surrogate(value) && !surrogates))) return 0;
  if (more == 3 && (value < 0x10000 || value > 0x10ffff)) return 0;
  *out = static_cast<wchar_t>(value);
  return more + 1;
}

int decode(const char* text, size_t size, Coding coding, Handler errors, DecodedText* result) {
  bool escape = errors == Handler::surrogateescape, pass = errors == Handler::surrogatepass;
  if (!escape && !pass && errors != Handler::strict) return kUnsupported;
  auto* out = static_cast<wchar_t*>(PyMem_RawMalloc((size + 1) * sizeof(wchar_t)));
  if (!out) return kNoMemory;
  size_t length = 0;
  mbstate_t state{};
  for (size_t i = 0; i < size;) {
    wchar_t c = 0;
    size_t used;
    if (coding == Coding::utf8) {
      used = decode_utf8(text + i, size - i, pass, &c);
    } else if (coding == Coding::ascii) {
      c = static_cast<unsigned char>(text[i]);
      used = c < 0x80;
    } else {
      used = std::mbrtowc(&c, text + i, size - i, &state);
      if (used == 0) used = 1;  // a NUL within the text
      bool wrong = used == static_cast<size_t>(-1) || used == static_cast<size_t>(-2);
      if (wrong || is_surrogate(static_cast<unsigned long>(c))) {
        used = 0;
        state = mbstate_t{};
      }
    }
    if (used > 0) {
      out[length++] = c;
      i += used;
    } else if (escape) {
      out[length++] = static_cast<wchar_t>(0xdc00 + static_cast<unsigned char>(text[i++]));
    } else {
      PyMem_RawFree(out);
      result->length = i;
      result->reason = "decoding error";
      return kUndecodable;
    }
  }
  out[length] = 0;
  *result = {out, length, nullptr};
  return 0;
}

// Appends one character's bytes at `out` (room for 16); 0 when it cannot be encoded.
size_t encode_one(unsigned long c, Coding coding, Handler errors, mbstate_t* state, char* out) {
  auto put = [&](std::initializer_list<unsigned long> bytes) {
    size_t n = 0;
    for (unsigned long b : bytes) out[n++] = static_cast<char>(b);
    return n;
  };
  if (errors == Handler::surrogateescape && c >= 0xdc80 && c <= 0xdcff) return put({c - 0xdc00});
  if (c < 0x80) return put({c});
  if (coding == Coding::ascii) return 0;
  if (coding == Coding::utf8) {
    if (c < 0x800) return put({0xc0 | c >> 6, 0x80 | (c & 0x3f)});
    if (is_surrogate(c) && errors != Handler::surrogatepass) return 0;
    if (c < 0x10000) return put({0xe0 | c >> 12, 0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f)});
    return put({0xf0 | c >> 18, 0x80 | (c >> 12 & 0x3f), 0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f)});
  }
  size_t size = std::wcrtomb(out, static_cast<wchar_t>(c), state);
  return size == static_cast<size_t>(-1) ? 0 : size;
}

int encode(const wchar_t* text, Coding coding, Handler errors, bool raw, char** result, size_t* error_position, const char** reason) {
  if (errors != Handler::strict && errors != Handler::surrogateescape && errors != Handler::surrogatepass) return kUnsupported;
  // Once to measure, once to write.
  char* out = nullptr;
  for (size_t size = 0;;) {
    size_t n = 0;
    mbstate_t state{};
    for (size_t i = 0; text[i]; ++i) {
      char bytes[MB_LEN_MAX];
      size_t used = encode_one(static_cast<unsigned long>(text[i]), coding, errors, &state, bytes);
      if (used == 0) {
        if (error_position) *error_position = i;
        if (reason) *reason = "encoding error";
        return kUndecodable;
      }
      if (out) std::memcpy(out + n, bytes, used);
      n += used;
    }
    if (out) {
      out[size] = 0;
      *result = out;
      return 0;
    }
    size = n;
    out = static_cast<char*>(raw ? PyMem_RawMalloc(size + 1) : PyMem_Malloc(size + 1));
    if (!out) return kNoMemory;
  }
}

Coding coding_for(int current_locale) { return current_locale ? Coding::locale : g_runtime.text_coding; }

char* encode_default(const wchar_t* text, size_t* error_position, bool raw) {
  char* result = nullptr;
  if (error_position) *error_position = static_cast<size_t>(-1);
  int status = encode(text, g_runtime.text_coding, Handler::surrogateescape, raw, &result, error_position, nullptr);
  return status == 0 ? result : nullptr;
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

wchar_t* Py_DecodeLocale(const char* text, size_t* size) {
  DecodedText result;
  int status = decode(text, std::strlen(text), g_runtime.text_coding, Handler::surrogateescape, &result);
  if (size) *size = status == 0 ? result.length : status == kNoMemory ? static_cast<size_t>(-1) : static_cast<size_t>(-2);
  return result.text;
}
char* Py_EncodeLocale(const wchar_t* text, size_t* error_position) { return encode_default(text, error_position, false); }
[[gnu::visibility("default")]] char* _Py_EncodeLocaleRaw(const wchar_t* text, size_t* error_position) { return encode_default(text, error_position, true); }

[[gnu::visibility("default")]] int _Py_DecodeLocaleEx(const char* text, wchar_t** out, size_t* length, const char** reason, int current_locale, int errors) {
  DecodedText result;
  int status = decode(text, std::strlen(text), coding_for(current_locale), static_cast<Handler>(errors), &result);
  if (status == 0) *out = result.text;
  if (length) *length = result.length;
  if (reason) *reason = result.reason;
  return status;
}
[[gnu::visibility("default")]] int _Py_EncodeLocaleEx(const wchar_t* text, char** out, size_t* error_position, const char** reason, int current_locale, int errors) {
  return encode(text, coding_for(current_locale), static_cast<Handler>(errors), true, out, error_position, reason);
}
[[gnu::visibility("default")]] int _Py_DecodeUTF8Ex(const char* text, Py_ssize_t size, wchar_t** out, size_t* length, const char** reason, int errors) {
  DecodedText result;
  int status = decode(text, static_cast<size_t>(size), Coding::utf8, static_cast<Handler>(errors), &result);
  if (status == 0) *out = result.text;
  if (length) *length = result.length;
  if (reason) *reason = result.reason;
  return status;
}
[[gnu::visibility("default")]] wchar_t* _Py_DecodeUTF8_surrogateescape(const char* text, Py_ssize_t size, size_t* length) {
  wchar_t* out = nullptr;
  int status = _Py_DecodeUTF8Ex(text, size, &out, length, nullptr, static_cast<int>(Handler::surrogateescape));
  if (status != 0 && length) *length = static_cast<size_t>(status);
  return out;
}
[[gnu::visibility("default")]] int _Py_EncodeUTF8Ex(const wchar_t* text, char** out, size_t* error_position, const char** reason, int raw, int errors) {
  return encode(text, Coding::utf8, static_cast<Handler>(errors), raw, out, error_position, reason);
}

[[gnu::visibility("default")]] int _Py_GetErrorHandler(const char* errors) {
  static constexpr const char* kNames[] = {nullptr, "strict", "surrogateescape", "replace", "ignore", "backslashreplace", "surrogatepass", "xmlcharrefreplace"};
  if (!errors) return static_cast<int>(Handler::strict);
  for (int i = 1; i < 8; ++i) {
    if (std::strcmp(errors, kNames[i]) == 0) return i;
  }
  return static_cast<int>(Handler::other);
}

// ---- the locale's encoding --------------------------------------------------------------------------------

[[gnu::visibility("default")]] int _Py_GetForceASCII(void) { return g_runtime.text_coding == Coding::ascii; }
[[gnu::visibility("default")]] void _Py_ResetForceASCII(void) {
  if (g_runtime.text_coding == Coding::ascii) g_runtime.text_coding = Coding::locale;
}

[[gnu::visibility("default")]] wchar_t* _Py_GetLocaleEncoding(void) {
  const char* codeset = nl_langinfo(CODESET);
  // Some systems do not say; UTF-8 is what they then use.
  if (!codeset || !*codeset) codeset = "utf-8";
  DecodedText result;
  decode(codeset, std::strlen(codeset), Coding::utf8, Handler::surrogateescape, &result);
  return result.text;
}
[[gnu::visibility("default")]] PyObject* _Py_GetLocaleEncodingObject(void) {
  wchar_t* encoding = _Py_GetLocaleEncoding();
  if (!encoding) return PyErr_NoMemory();
  PyObject* text = PyUnicode_FromWideChar(encoding, -1);
  PyMem_RawFree(encoding);
  return text;
}

}  // extern "C"
