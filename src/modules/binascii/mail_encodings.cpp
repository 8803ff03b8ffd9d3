// The encodings of mail: uuencode by the line, quoted-printable by the text.
#include "modules/binascii/binascii.h"

namespace gill::binascii {

// ---- uuencode ----------------------------------------------------------------------------------------

namespace {
constexpr Py_ssize_t kLongestLine = 45;
}

// A line is the number of bytes, then four characters for three bytes. Trailing blanks may be missing.
Ref<> a2b_uu(PyObject* module, AsciiArgument data) {
  State* state = state_of(module);
  std::string_view rest = data.text;
  unsigned char first = rest.empty() ? 0 : static_cast<unsigned char>(rest[0]);
  if (!rest.empty()) rest.remove_prefix(1);
  Py_ssize_t size = (first - ' ') & 077;
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, size)));
  char* out = PyBytes_AS_STRING(result.get());
  char* end = out + size;
  unsigned bits = 0;
  int available = 0;
  size_t at = 0;
  for (; out < end; ++at) {
    unsigned value = 0;
    unsigned char c = at < rest.size() ? static_cast<unsigned char>(rest[at]) : '\n';
    if (c != '\n' && c != '\r') {
      if (c < ' ' || c > ' ' + 64) return raise(state->error, "Illegal char");
      value = (c - ' ') & 077;
    }
    bits = (bits << 6) | value;
    available += 6;
    if (available >= 8) {
      available -= 8;
      *out++ = static_cast<char>(bits >> available);
      bits &= (1u << available) - 1;
    }
  }
  for (; at < rest.size(); ++at) {
    char c = rest[at];
    if (c != ' ' && c != ' ' + 64 && c != '\n' && c != '\r') return raise(state->error, "Trailing garbage");
  }
  return result;
}

Ref<> b2a_uu(PyObject* module, BufferArgument data, int backtick) {
  if (data.size() > kLongestLine) return raise(state_of(module)->error, "At most 45 bytes at once");
  auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  Py_ssize_t groups = (data.size() + 2) / 3;
  Ref<> result = TRY(steal(PyBytes_FromStringAndSize(nullptr, 2 + 4 * groups)));
  char* out = PyBytes_AS_STRING(result.get());
  auto put = [&](unsigned value) { *out++ = static_cast<char>(backtick && value == 0 ? '`' : ' ' + value); };
  put(static_cast<unsigned>(data.size()));
  for (Py_ssize_t i = 0; i < data.size(); i += 3) {
    unsigned group = bytes[i] << 16;
    if (i + 1 < data.size()) group |= bytes[i + 1] << 8;
    if (i + 2 < data.size()) group |= bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) put((group >> shift) & 077);
  }
  *out = '\n';
  return result;
}

// ---- quoted-printable ----------------------------------------------------------------------------------

// Lenient, as mail is: what is no valid escape stays as it is.
Ref<> a2b_qp(PyObject*, AsciiArgument data, int header) {
  std::string_view in = data.text;
  ByteSink out;
  TRY(out.start(static_cast<Py_ssize_t>(in.size())));
  for (size_t i = 0; i < in.size();) {
    if (in[i] != '=') {
      out.put_unchecked(static_cast<unsigned char>(header && in[i] == '_' ? ' ' : in[i]));
      ++i;
      continue;
    }
    if (++i >= in.size()) break;
    if (in[i] == '\n' || in[i] == '\r') {
      // A soft line break: the rest of the line goes too.
      size_t newline = in.find('\n', i);
      i = newline == in.npos ? in.size() : newline + 1;
    } else if (in[i] == '=') {
      out.put_unchecked('=');
      ++i;
    } else if (i + 1 < in.size() && hex_value(static_cast<unsigned char>(in[i])) >= 0 && hex_value(static_cast<unsigned char>(in[i + 1])) >= 0) {
      out.put_unchecked(static_cast<unsigned char>(hex_value(static_cast<unsigned char>(in[i])) << 4 | hex_value(static_cast<unsigned char>(in[i + 1]))));
      i += 2;
    } else {
      out.put_unchecked('=');
    }
  }
  return out.finish();
}

namespace {

constexpr int kLineLimit = 76;

struct QuotedWriter {
  ByteSink out;
  int column = 0;
  bool crlf;

  void put(unsigned char c) { out.put_unchecked(c); }
  void put_escape(unsigned char c) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    put('=');
    put(static_cast<unsigned char>(kDigits[c >> 4]));
    put(static_cast<unsigned char>(kDigits[c & 15]));
  }
  void put_newline() {
    if (crlf) put('\r');
    put('\n');
    column = 0;
  }
  void break_line() {
    put('=');
    put_newline();
  }
};

struct QuotedOptions {
  bool quote_tabs, text, header;
};

bool wants_escape(std::string_view in, size_t i, int column, QuotedOptions options) {
  auto c = static_cast<unsigned char>(in[i]);
  bool last = i + 1 == in.size();
  if (c > 126 || c == '=' || (options.header && c == '_')) return true;
  // A dot alone in its line ends a mail.
  if (c == '.' && column == 0 && (last || in[i + 1] == '\n' || in[i + 1] == '\r' || in[i + 1] == 0)) return true;
  if (c == '\r' || c == '\n') return !options.text;
  if (c == '\t' || c == ' ') return last || options.quote_tabs;
  return c < 33;
}

}  // namespace

Ref<> b2a_qp(PyObject*, BufferArgument data, int quotetabs, int istext, int header) {
  std::string_view in = data.bytes();
  size_t newline = in.find('\n');
  QuotedWriter writer{.crlf = newline != in.npos && newline > 0 && in[newline - 1] == '\r'};
  TRY(writer.out.start(data.size() + data.size() / 8 + 16));
  QuotedOptions options{quotetabs != 0, istext != 0, header != 0};
  for (size_t i = 0; i < in.size();) {
    auto c = static_cast<unsigned char>(in[i]);
    TRY(writer.out.reserve(8));
    if (wants_escape(in, i, writer.column, options)) {
      if (writer.column + 3 >= kLineLimit) writer.break_line();
      writer.put_escape(c);
      writer.column += 3;
      ++i;
    } else if (istext && (c == '\n' || (c == '\r' && i + 1 < in.size() && in[i + 1] == '\n'))) {
      // White space at the end of a line would get lost.
      if (writer.out.size() > 0) {
        char before = writer.out.end()[-1];
        if (before == ' ' || before == '\t') {
          writer.out.advance(-1);
          writer.put_escape(static_cast<unsigned char>(before));
        }
      }
      writer.put_newline();
      i += c == '\r' ? 2 : 1;
    } else {
      if (i + 1 != in.size() && in[i + 1] != '\n' && writer.column + 1 >= kLineLimit) writer.break_line();
      ++writer.column;
      writer.put(header && c == ' ' ? '_' : c);
      ++i;
    }
  }
  return writer.out.finish();
}

}  // namespace gill::binascii
