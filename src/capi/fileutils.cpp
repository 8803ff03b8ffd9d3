// Text of the operating system's interfaces, and descriptors: the most used parts of fileutils.
#include <Python.h>

#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <fcntl.h>
#include <unistd.h>

extern "C" {

// UTF-8 whatever the locale, like the file system encoding; a byte that is not UTF-8 becomes a lone surrogate
// U+DC80..U+DCFF.
wchar_t* Py_DecodeLocale(const char* text, size_t* size) {
  size_t length = std::strlen(text);
  auto* out = static_cast<wchar_t*>(PyMem_RawMalloc((length + 1) * sizeof(wchar_t)));
  if (!out) {
    if (size) *size = static_cast<size_t>(-1);
    return nullptr;
  }
  size_t n = 0;
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < length;) {
    unsigned c = byte(i);
    int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
    unsigned long value = more <= 0 ? c : c & (0x3fu >> more);
    bool ok = more >= 0 && i + static_cast<size_t>(more) < length + 0;
    for (int k = 1; ok && k <= more; ++k) {
      unsigned next = byte(i + static_cast<size_t>(k));
      ok = (next & 0xc0) == 0x80;
      value = value << 6 | (next & 0x3f);
    }
    if (ok && ((more == 2 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) || (more == 3 && (value < 0x10000 || value > 0x10ffff)))) ok = false;
    out[n++] = static_cast<wchar_t>(ok ? value : 0xdc00 + c);
    i += ok ? static_cast<size_t>(more) + 1 : 1;
  }
  out[n] = 0;
  if (size) *size = n;
  return out;
}

static size_t encode_into(const wchar_t* text, char* out, size_t* error) {
  size_t n = 0;
  auto put = [&](unsigned long byte) {
    if (out) out[n] = static_cast<char>(byte);
    ++n;
  };
  for (size_t i = 0; text[i]; ++i) {
    auto c = static_cast<unsigned long>(text[i]);
    if (c < 0x80) put(c);
    else if (c < 0x800) { put(0xc0 | c >> 6); put(0x80 | (c & 0x3f)); }
    else if (c >= 0xdc80 && c <= 0xdcff) put(c - 0xdc00);
    else if (c >= 0xd800 && c < 0xe000) { *error = i; return static_cast<size_t>(-1); }
    else if (c < 0x10000) { put(0xe0 | c >> 12); put(0x80 | (c >> 6 & 0x3f)); put(0x80 | (c & 0x3f)); }
    else { put(0xf0 | c >> 18); put(0x80 | (c >> 12 & 0x3f)); put(0x80 | (c >> 6 & 0x3f)); put(0x80 | (c & 0x3f)); }
  }
  return n;
}
char* _Py_EncodeLocaleRaw(const wchar_t* text, size_t* error_position);
static char* encode(const wchar_t* text, size_t* error_position, bool raw) {
  size_t error = static_cast<size_t>(-1);
  size_t size = encode_into(text, nullptr, &error);
  if (error_position) *error_position = error;
  if (size == static_cast<size_t>(-1)) return nullptr;
  auto* out = static_cast<char*>(raw ? PyMem_RawMalloc(size + 1) : PyMem_Malloc(size + 1));
  if (!out) return nullptr;
  encode_into(text, out, &error);
  out[size] = 0;
  return out;
}
char* Py_EncodeLocale(const wchar_t* text, size_t* error_position) { return encode(text, error_position, false); }
char* _Py_EncodeLocaleRaw(const wchar_t* text, size_t* error_position) { return encode(text, error_position, true); }

}  // extern "C"
