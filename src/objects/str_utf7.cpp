// UTF-7 (RFC 2152): ASCII with shifted base64 sections of UTF-16.
#include "objects/codecs.h"

namespace gill {
namespace {

int base64_value(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}
char base64_digit(unsigned v) { return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[v & 63]; }

bool decodes_directly(unsigned char c) { return c < 128 && c != '+'; }

enum class Directness { always, optional, whitespace, never };

Directness directness(U4 c) {
  if (c == 0 || c >= 128) return Directness::never;
  if (Py_ISALNUM(static_cast<int>(c)) || std::strchr("'(),-./:?", static_cast<int>(c))) return Directness::always;
  if (std::strchr("!\"#$%&*;<=>@[]^_`{|}", static_cast<int>(c))) return Directness::optional;
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return Directness::whitespace;
  return Directness::never;
}

Ref<> decode(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  DecodeErrors trouble(errors, "utf7", text, size);
  StrWriter out(size);
  bool shifted = false;
  Py_ssize_t section = 0;        // where the section or the error begins
  Py_ssize_t section_output = 0;
  uint32_t buffer = 0;
  int bits = 0;
  U4 surrogate = 0;
  Py_ssize_t i = 0;
  while (true) {
    while (i < trouble.size()) {
      auto c = static_cast<unsigned char>(trouble.data()[i]);
      const char* reason = nullptr;
      if (shifted) {
        int value = base64_value(c);
        if (value >= 0) {
          ++i;
          buffer = buffer << 6 | static_cast<uint32_t>(value);
          bits += 6;
          if (bits < 16) continue;
          bits -= 16;
          U4 unit = buffer >> bits & 0xffff;
          buffer &= (1u << bits) - 1;
          if (surrogate) {
            if (unit >= 0xdc00 && unit <= 0xdfff) {
              TRY(out.put(0x10000 + ((surrogate - 0xd800) << 10) + (unit - 0xdc00)));
              surrogate = 0;
              continue;
            }
            TRY(out.put(surrogate));
            surrogate = 0;
          }
          if (unit >= 0xd800 && unit <= 0xdbff) surrogate = unit;
          else TRY(out.put(unit));
          continue;
        }
        shifted = false;
        if (bits >= 6) {
          ++i;
          reason = "partial character in shift sequence";
        } else if (bits > 0 && buffer != 0) {
          ++i;
          reason = "non-zero padding bits in shift sequence";
        } else {
          if (surrogate && decodes_directly(c)) TRY(out.put(surrogate));
          surrogate = 0;
          if (c == '-') ++i;
          continue;
        }
      } else if (c == '+') {
        section = i++;
        if (i < trouble.size() && trouble.data()[i] == '-') {
          ++i;
          TRY(out.put(U4{'+'}));
          continue;
        }
        if (i < trouble.size() && base64_value(static_cast<unsigned char>(trouble.data()[i])) < 0) {
          ++i;
          reason = "ill-formed sequence";
        } else {
          shifted = true;
          surrogate = 0;
          section_output = out.length();
          buffer = 0;
          bits = 0;
          continue;
        }
      } else if (decodes_directly(c)) {
        ++i;
        TRY(out.put(U4{c}));
        continue;
      } else {
        section = i++;
        reason = "unexpected special character";
      }
      i = TRY(trouble.handle(section, i, reason, out));
    }
    if (!shifted || consumed) break;
    shifted = false;
    if (!(surrogate || bits >= 6 || (bits > 0 && buffer != 0))) break;
    i = TRY(trouble.handle(section, trouble.size(), "unterminated shift sequence", out));
    if (i >= trouble.size()) break;
  }
  if (!consumed) return out.finish();
  if (!shifted) {
    *consumed = i;
    return out.finish();
  }
  // What the open section gave so far comes again with the next call.
  *consumed = section;
  Ref<> all = TRY(out.finish());
  return substring(all.get(), 0, section_output);
}

Ref<> encode(PyObject* s, bool base64_optional, bool base64_whitespace) {
  TRY(require_str(s));
  StrView view(s);
  BytesBuilder out;
  TRY(out.reserve(view.length));
  auto direct = [&](U4 c) {
    switch (directness(c)) {
      case Directness::always: return true;
      case Directness::optional: return !base64_optional;
      case Directness::whitespace: return !base64_whitespace;
      case Directness::never: break;
    }
    return false;
  };
  bool shifted = false;
  uint64_t buffer = 0;
  int bits = 0;
  auto put_unit = [&](U4 unit) -> Status {
    buffer = buffer << 16 | unit;
    bits += 16;
    while (bits >= 6) {
      TRY(out.put(base64_digit(static_cast<unsigned>(buffer >> (bits - 6)))));
      bits -= 6;
    }
    buffer &= (uint64_t{1} << bits) - 1;
    return Status::ok;
  };
  for (Py_ssize_t i = 0; i < view.length; ++i) {
    U4 c = view[i];
    if (direct(c)) {
      if (shifted) {
        if (bits) TRY(out.put(base64_digit(static_cast<unsigned>(buffer << (6 - bits)))));
        buffer = 0;
        bits = 0;
        shifted = false;
        if (base64_value(static_cast<unsigned char>(c)) >= 0 || c == '-') TRY(out.put('-'));
      }
      TRY(out.put(static_cast<char>(c)));
      continue;
    }
    if (!shifted) {
      TRY(out.put('+'));
      if (c == '+') {
        TRY(out.put('-'));
        continue;
      }
      shifted = true;
    }
    if (c >= 0x10000) {
      TRY(put_unit(0xd7c0 + (c >> 10)));
      c = 0xdc00 + (c & 0x3ff);
    }
    TRY(put_unit(c));
  }
  if (bits) TRY(out.put(base64_digit(static_cast<unsigned>(buffer << (6 - bits)))));
  if (shifted) TRY(out.put('-'));
  return out.finish();
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_DecodeUTF7(const char* text, Py_ssize_t size, const char* errors) {
  return decode(text, size, errors, nullptr).release();
}
PyObject* PyUnicode_DecodeUTF7Stateful(const char* text, Py_ssize_t size, const char* errors, Py_ssize_t* consumed) {
  return decode(text, size, errors, consumed).release();
}
PyObject* _PyUnicode_EncodeUTF7(PyObject* s, int base64_optional, int base64_whitespace, const char*) {
  return encode(s, base64_optional != 0, base64_whitespace != 0).release();
}

}  // extern "C"
