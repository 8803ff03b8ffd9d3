// The binascii module: base64, hexadecimal and checksums here; the encodings of mail in a file of their own.
#include "modules/binascii/binascii.h"

#include <zlib.h>

#include <array>

#include "modules/module_state.h"

extern "C" PyObject* _Py_strhex_bytes_with_sep(const char* data, const Py_ssize_t size, PyObject* sep, const int group);

namespace gill {

Status Argument<binascii::AsciiArgument>::convert(PyObject* value, binascii::AsciiArgument& out, const ArgumentPlace&) {
  if (PyUnicode_Check(value)) {
    if (PyUnicode_READY(value) < 0) return Status::error;
    if (!PyUnicode_IS_ASCII(value)) return raise(PyExc_ValueError, "string argument should contain only ASCII characters");
    out.text = {static_cast<const char*>(PyUnicode_DATA(value)), static_cast<size_t>(PyUnicode_GET_LENGTH(value))};
    return Status::ok;
  }
  if (PyObject_GetBuffer(value, &out.buffer.view(), PyBUF_SIMPLE) < 0) {
    return raise(PyExc_TypeError, "argument should be bytes, buffer or ASCII string, not '%.100s'", Py_TYPE(value)->tp_name);
  }
  out.text = out.buffer.bytes();
  return Status::ok;
}

}  // namespace gill

namespace gill::binascii {

namespace {

// ---- base64 --------------------------------------------------------------------------------------------

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr unsigned char kInvalid = 255;
constexpr auto kValues = [] {
  std::array<unsigned char, 256> values{};
  values.fill(kInvalid);
  for (int i = 0; i < 64; ++i) values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<unsigned char>(i);
  return values;
}();

// Not strict, it passes over characters outside the alphabet and stops after the padding.
Ref<> a2b_base64(PyObject* module, AsciiArgument data, int strict_mode) {
  PyObject* error = state_of(module)->error;
  auto* in = reinterpret_cast<const unsigned char*>(data.text.data());
  auto size = static_cast<Py_ssize_t>(data.text.size());
  ByteSink out;
  TRY(out.start((size + 3) / 4 * 3 + 1));
  if (strict_mode && size > 0 && in[0] == '=') return raise(error, "Leading padding not allowed");
  int quad = 0;  // characters of the current group of four
  int pads = 0;
  unsigned bits = 0;
  bool padding = false;
  Py_ssize_t i = 0;
  while (i < size) {
    // Whole groups without anything unusual.
    while (quad == 0 && !padding && size - i >= 4) {
      unsigned a = kValues[in[i]], b = kValues[in[i + 1]], c = kValues[in[i + 2]], d = kValues[in[i + 3]];
      if ((a | b | c | d) > 63) break;
      unsigned group = a << 18 | b << 12 | c << 6 | d;
      out.put_unchecked(static_cast<unsigned char>(group >> 16));
      out.put_unchecked(static_cast<unsigned char>(group >> 8));
      out.put_unchecked(static_cast<unsigned char>(group));
      i += 4;
    }
    if (i >= size) break;
    unsigned char c = in[i++];
    if (c == '=') {
      padding = true;
      if (quad >= 2 && quad + ++pads >= 4) {
        if (strict_mode && i < size) return raise(error, "Excess data after padding");
        return out.finish();
      }
      continue;
    }
    unsigned value = kValues[c];
    if (value == kInvalid) {
      if (strict_mode) return raise(error, "Only base64 data is allowed");
      continue;
    }
    if (strict_mode && padding) return raise(error, "Discontinuous padding not allowed");
    pads = 0;
    bits = (bits << 6 | value) & 0xffffff;
    if (quad != 0) out.put_unchecked(static_cast<unsigned char>(bits >> (6 - 2 * quad)));
    quad = (quad + 1) & 3;
  }
  if (quad == 1) {
    return raise(error, "Invalid base64-encoded string: number of data characters (%zd) cannot be 1 more than a multiple of 4",
                 out.size() / 3 * 4 + 1);
  }
  if (quad != 0) return raise(error, "Incorrect padding");
  return out.finish();
}

Ref<> b2a_base64(PyObject* module, BufferArgument data, int newline) {
  auto* in = reinterpret_cast<const unsigned char*>(data.data());
  Py_ssize_t size = data.size();
  if (size > (PY_SSIZE_T_MAX - 3) / 2) return raise(state_of(module)->error, "Too much data for base64 line");
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, (size + 2) / 3 * 4 + (newline != 0))));
  char* out = PyBytes_AS_STRING(result.get());
  Py_ssize_t i = 0;
  for (; i + 2 < size; i += 3) {
    unsigned group = in[i] << 16 | in[i + 1] << 8 | in[i + 2];
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = kAlphabet[group >> 6 & 63];
    *out++ = kAlphabet[group & 63];
  }
  if (i < size) {
    unsigned group = in[i] << 16 | (i + 1 < size ? in[i + 1] << 8 : 0);
    *out++ = kAlphabet[group >> 18];
    *out++ = kAlphabet[group >> 12 & 63];
    *out++ = i + 1 < size ? kAlphabet[group >> 6 & 63] : '=';
    *out++ = '=';
  }
  if (newline) *out = '\n';
  return result;
}

// ---- hexadecimal ---------------------------------------------------------------------------------------

Ref<> b2a_hex(PyObject*, BufferArgument data, PyObject* sep, int bytes_per_sep) {
  return steal(_Py_strhex_bytes_with_sep(data.data(), data.size(), sep, bytes_per_sep));
}

Ref<> a2b_hex(PyObject* module, AsciiArgument hexstr) {
  PyObject* error = state_of(module)->error;
  std::string_view in = hexstr.text;
  if (in.size() % 2) return raise(error, "Odd-length string");
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(in.size() / 2))));
  char* out = PyBytes_AS_STRING(result.get());
  for (size_t i = 0; i < in.size(); i += 2) {
    int high = hex_value(static_cast<unsigned char>(in[i]));
    int low = hex_value(static_cast<unsigned char>(in[i + 1]));
    if (high < 0 || low < 0) return raise(error, "Non-hexadecimal digit found");
    *out++ = static_cast<char>(high << 4 | low);
  }
  return result;
}

// ---- checksums -----------------------------------------------------------------------------------------

// The low bits of any integer.
Maybe<unsigned> low_bits(PyObject* number) {
  if (!number) return 0u;
  Ref<> index = TRY(steal(PyNumber_Index(number)));
  unsigned long value = PyLong_AsUnsignedLongMask(index.get());
  if (value == static_cast<unsigned long>(-1) && PyErr_Occurred()) return failure;
  return static_cast<unsigned>(value);
}

constexpr auto kCcittTable = [] {
  std::array<unsigned short, 256> result{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    result[i] = static_cast<unsigned short>(crc);
  }
  return result;
}();

Maybe<unsigned> crc_hqx(PyObject*, BufferArgument data, PyObject* start) {
  unsigned crc = TRY(low_bits(start)) & 0xffff;
  for (unsigned char byte : data.bytes()) crc = (crc << 8 & 0xff00) ^ kCcittTable[crc >> 8 ^ byte];
  return crc;
}

constexpr Py_ssize_t kWorthUnlocking = 5 * 1024;

Maybe<unsigned> crc32_of(PyObject*, BufferArgument data, PyObject* start) {
  unsigned crc = TRY(low_bits(start));
  auto* bytes = reinterpret_cast<const Bytef*>(data.data());
  auto size = static_cast<size_t>(data.size());
  if (data.size() <= kWorthUnlocking) return static_cast<unsigned>(crc32_z(crc, bytes, size));
  Py_BEGIN_ALLOW_THREADS
  crc = static_cast<unsigned>(crc32_z(crc, bytes, size));
  Py_END_ALLOW_THREADS
  return crc;
}

// ---- the module ----------------------------------------------------------------------------------------

const PyMethodDef kFunctions[] = {
    METHOD("a2b_uu($module, data, /)", a2b_uu, "Decode a line of uuencoded data."),
    METHOD("b2a_uu($module, data, /, *, backtick=False)", b2a_uu, "Uuencode line of data."),
    METHOD("a2b_base64($module, data, /, *, strict_mode=False)", a2b_base64,
           "Decode a line of base64 data.\n\n"
           "  strict_mode\n"
           "    When set to True, bytes that are not part of the base64 standard are not allowed.\n"
           "    The same applies to excess data after padding (= / ==)."),
    METHOD("b2a_base64($module, data, /, *, newline=True)", b2a_base64, "Base64-code line of data."),
    METHOD("a2b_hex($module, hexstr, /)", a2b_hex,
           "Binary data of hexadecimal representation.\n\n"
           "hexstr must contain an even number of hex digits (upper or lower case).\n"
           "This function is also available as \"unhexlify()\"."),
    METHOD("b2a_hex($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)", b2a_hex,
           "Hexadecimal representation of binary data.\n\n"
           "  sep\n    An optional single character or byte to separate hex bytes.\n"
           "  bytes_per_sep\n    How many bytes between separators.  Positive values count from the\n"
           "    right, negative values count from the left.\n\n"
           "The return value is a bytes object.  This function is also\navailable as \"hexlify()\"."),
    METHOD("hexlify($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)", b2a_hex,
           "Hexadecimal representation of binary data.\n\n"
           "  sep\n    An optional single character or byte to separate hex bytes.\n"
           "  bytes_per_sep\n    How many bytes between separators.  Positive values count from the\n"
           "    right, negative values count from the left.\n\n"
           "The return value is a bytes object.  This function is also\navailable as \"b2a_hex()\"."),
    METHOD("unhexlify($module, hexstr, /)", a2b_hex,
           "Binary data of hexadecimal representation.\n\n"
           "hexstr must contain an even number of hex digits (upper or lower case)."),
    METHOD("crc_hqx($module, data, crc, /)", crc_hqx, "Compute CRC-CCITT incrementally."),
    METHOD("crc32($module, data, crc=0, /)", crc32_of, "Compute CRC-32 incrementally."),
    METHOD("a2b_qp($module, /, data, header=False)", a2b_qp, "Decode a string of qp-encoded data."),
    METHOD("b2a_qp($module, /, data, quotetabs=False, istext=True, header=False)", b2a_qp,
           "Encode a string using quoted-printable encoding.\n\n"
           "With istext, newlines are not encoded, and white space at the end of lines is.\n"
           "Without, \\r and \\n are both encoded.  With quotetabs, spaces and tabs are encoded."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State* state = state_of(module);
  state->error = TRY(PyErr_NewException("binascii.Error", PyExc_ValueError, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "Error", state->error)));
  state->incomplete = TRY(PyErr_NewException("binascii.Incomplete", nullptr, nullptr));
  return PyModule_AddObjectRef(module, "Incomplete", state->incomplete);
}

using Owned = ModuleFields<&State::error, &State::incomplete>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "binascii",
    .m_doc = "Conversion between binary data and ASCII",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

}  // namespace

PyMODINIT_FUNC PyInit_binascii() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("binascii", PyInit_binascii);

}  // namespace gill::binascii
