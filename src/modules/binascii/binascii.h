// What the files of `binascii` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"
#include "modules/byte_sink.h"

namespace gill::binascii {

struct State {
  PyObject* error;
  PyObject* incomplete;
};

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }

// The argument of the decoders: bytes-like, or a str of ASCII characters.
struct AsciiArgument {
  BufferArgument buffer;
  std::string_view text;
};

// The value of a hexadecimal digit, or -1.
constexpr int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Ref<> a2b_uu(PyObject* module, AsciiArgument data);
Ref<> b2a_uu(PyObject* module, BufferArgument data, int backtick);
Ref<> a2b_qp(PyObject* module, AsciiArgument data, int header);
Ref<> b2a_qp(PyObject* module, BufferArgument data, int quotetabs, int istext, int header);

}  // namespace gill::binascii

namespace gill {
template <>
struct Argument<binascii::AsciiArgument> {
  static Status convert(PyObject* value, binascii::AsciiArgument& out, const ArgumentPlace&);
  static binascii::AsciiArgument fallback(const Parameter&) { return {}; }
};
}  // namespace gill
