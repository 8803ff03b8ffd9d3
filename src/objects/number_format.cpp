// format() of int, float and complex: sign, prefix, grouped digits, decimal point and padding.
//
// A number is first written out plainly ("-1234.5e+10"), then taken apart into the pieces that a
// specification lays out. The separators and the decimal point may be the locale's, of any kind of character.
#include <charconv>
#include <clocale>
#include <cmath>
#include <cstring>
#include <locale.h>

#include "objects/format_spec.h"
#include "objects/float_text.h"
#include "objects/int.h"

extern "C" PyAPI_FUNC(int) _PyLong_FormatWriter(_PyUnicodeWriter*, PyObject*, int, int);
extern "C" PyAPI_FUNC(int) _PyComplex_FormatAdvancedWriter(_PyUnicodeWriter*, PyObject*, PyObject*, Py_ssize_t, Py_ssize_t);

namespace gill {
namespace {

// ---- separators -------------------------------------------------------------------------------------

inline constexpr size_t kMostGroups = 32;

struct Separators {
  Ref<> point;
  Ref<> thousands;
  char grouping[kMostGroups] = {};  // as localeconv() has it; empty: none
};

// Text of localeconv() is in the encoding of the LC_NUMERIC locale, whatever LC_CTYPE is.
Ref<> decode_numeric(const char* text) {
  auto n = static_cast<Py_ssize_t>(std::strlen(text));
  if (is_ascii(text, n)) return str_from_ascii(text, n);
  locale_t numeric = newlocale(LC_CTYPE_MASK, std::setlocale(LC_NUMERIC, nullptr), nullptr);
  locale_t before = numeric ? uselocale(numeric) : nullptr;
  Ref<> result = steal(PyUnicode_DecodeLocale(text, nullptr));
  if (numeric) {
    uselocale(before);
    freelocale(numeric);
  }
  return result;
}

Status find_separators(Grouping grouping, Separators* out) {
  if (grouping == Grouping::locale) {
    const lconv* conventions = std::localeconv();
    std::strncpy(out->grouping, conventions->grouping, kMostGroups - 1);
    out->point = TRY(decode_numeric(conventions->decimal_point));
    out->thousands = TRY(decode_numeric(conventions->thousands_sep));
    return Status::ok;
  }
  out->point = str_from_character('.');
  out->thousands = grouping == Grouping::none ? empty_str() : str_from_character(static_cast<U4>(grouping));
  // Thousands for decimal numbers; the caller asks for fours in other bases.
  if (grouping != Grouping::none) std::strcpy(out->grouping, "\3");
  return Status::ok;
}

// ---- layout -----------------------------------------------------------------------------------------

// The pieces of a number: [sign] [prefix] digits [point] rest.
struct Pieces {
  bool negative = false;
  const char* prefix = "";
  StrView text;  // digits, '.', rest
  Py_ssize_t digits = 0;
  bool point = false;
  Py_ssize_t rest = 0;  // fraction, exponent, or words like "nan"
};

struct Layout {
  Py_ssize_t left = 0, inner = 0, right = 0;  // padding
  U4 sign = 0;
  Py_ssize_t least_digits = 0;
  Py_ssize_t grouped = 0;
  Py_ssize_t total = 0;  // without padding
  U4 max = 127;
};

StrView ascii_view(const char* text, Py_ssize_t n) {
  StrView view;
  view.data = text;
  view.length = n;
  view.ascii = true;
  return view;
}

// Of a number as PyOS_double_to_string writes it.
Pieces pieces_of(const char* text, size_t length) {
  Pieces result;
  result.negative = *text == '-';
  result.text = ascii_view(text + result.negative, static_cast<Py_ssize_t>(length) - result.negative);
  const U1* p = result.text.as<U1>();
  while (result.digits < result.text.length && Py_ISDIGIT(p[result.digits])) ++result.digits;
  result.point = result.digits < result.text.length && p[result.digits] == '.';
  result.rest = result.text.length - result.digits - result.point;
  return result;
}

U4 class_of(PyObject* text) { return PyUnicode_MAX_CHAR_VALUE(text); }

void pad(Layout* layout, Py_ssize_t padding, U4 align) {
  if (padding <= 0) return;
  switch (align) {
    case '<': layout->right = padding; break;
    case '^':
      layout->left = padding / 2;
      layout->right = padding - layout->left;
      break;
    case '=': layout->inner = padding; break;
    default: layout->left = padding; break;
  }
}

Layout lay_out(const Pieces& pieces, const FormatSpec& spec, const Separators& separators) {
  Layout out;
  if (spec.sign == '+') out.sign = pieces.negative ? '-' : '+';
  else if (spec.sign == ' ') out.sign = pieces.negative ? '-' : ' ';
  else if (pieces.negative) out.sign = '-';
  Py_ssize_t others = (out.sign != 0) + static_cast<Py_ssize_t>(std::strlen(pieces.prefix)) + pieces.rest +
                      (pieces.point ? PyUnicode_GET_LENGTH(separators.point.get()) : 0);
  // Zeros in front count as digits: they are grouped too.
  if (spec.fill == '0' && spec.align == '=') out.least_digits = spec.width - others;
  if (pieces.digits > 0 && !*separators.grouping) {
    out.grouped = std::max(pieces.digits, out.least_digits);
  } else if (pieces.digits > 0) {
    U4 max = 127;
    out.grouped = _PyUnicode_InsertThousandsGrouping(nullptr, 0, nullptr, 0, pieces.digits, out.least_digits, separators.grouping,
                                                     separators.thousands.get(), &max);
    out.max = std::max(out.max, max);
  }
  out.total = others + out.grouped;
  pad(&out, spec.width - out.total, spec.align);
  if (out.left || out.inner || out.right) out.max = std::max(out.max, spec.fill);
  if (pieces.point) out.max = std::max(out.max, class_of(separators.point.get()));
  out.max = std::max(out.max, pieces.text.max_class());
  return out;
}

// The writer has room for `max`.
void put_fill(_PyUnicodeWriter* out, U4 c, Py_ssize_t n) {
  if (n <= 0) return;
  dispatch(out->kind, [&]<class C>(C*) { std::fill_n(static_cast<C*>(out->data) + out->pos, n, static_cast<C>(c)); });
  out->pos += n;
}
void put_text(_PyUnicodeWriter* out, const StrView& text, Py_ssize_t start, Py_ssize_t n) {
  if (n <= 0) return;
  copy_characters(out->kind, out->data, out->pos, text, start, n);
  out->pos += n;
}

// Room for everything has been made.
Status put_pieces(_PyUnicodeWriter* out, const Pieces& pieces, const Layout& layout, const FormatSpec& spec, const Separators& separators) {
  put_fill(out, spec.fill, layout.left);
  if (layout.sign) put_fill(out, layout.sign, 1);
  for (const char* p = pieces.prefix; *p; ++p) put_fill(out, static_cast<U4>(*p), 1);
  put_fill(out, spec.fill, layout.inner);
  if (layout.grouped) {
    if (!*separators.grouping) {
      put_fill(out, '0', layout.grouped - pieces.digits);
      put_text(out, pieces.text, 0, pieces.digits);
    } else {
      Ref<> digits = TRY(str_from_ascii(pieces.text.as<char>(), pieces.digits));
      _PyUnicode_InsertThousandsGrouping(out, layout.grouped, digits.get(), 0, pieces.digits, layout.least_digits, separators.grouping,
                                         separators.thousands.get(), nullptr);
      out->pos += layout.grouped;
    }
  }
  if (pieces.point) put_text(out, StrView(separators.point.get()), 0, PyUnicode_GET_LENGTH(separators.point.get()));
  put_text(out, pieces.text, pieces.digits + pieces.point, pieces.rest);
  put_fill(out, spec.fill, layout.right);
  return Status::ok;
}

Status write_number(_PyUnicodeWriter* out, const Pieces& pieces, const FormatSpec& spec, const Separators& separators) {
  Layout layout = lay_out(pieces, spec, separators);
  TRY(status_of(_PyUnicodeWriter_Prepare(out, layout.left + layout.inner + layout.total + layout.right, layout.max)));
  return put_pieces(out, pieces, layout, spec, separators);
}

// ---- int --------------------------------------------------------------------------------------------

int base_of(U4 type) {
  switch (type) {
    case 'b': return 2;
    case 'o': return 8;
    case 'x': case 'X': return 16;
    default: return 10;
  }
}

Status format_character(PyObject* value, const FormatSpec& spec, _PyUnicodeWriter* out) {
  if (spec.sign) return raise(PyExc_ValueError, "Sign not allowed with integer format specifier 'c'");
  if (spec.alternate) return raise(PyExc_ValueError, "Alternate form (#) not allowed with integer format specifier 'c'");
  long code = TRY(checked(PyLong_AsLong(value)));
  if (code < 0 || code > 0x10ffff) return raise(PyExc_OverflowError, "%c arg not in range(0x110000)");
  Ref<> character = TRY(str_from_character(static_cast<U4>(code)));
  Separators separators;
  TRY(find_separators(Grouping::none, &separators));
  Pieces pieces;
  pieces.text = StrView(character.get());
  pieces.rest = 1;
  return write_number(out, pieces, spec, separators);
}

Status format_int(PyObject* value, const FormatSpec& spec, _PyUnicodeWriter* out) {
  if (spec.precision != -1) return raise(PyExc_ValueError, "Precision not allowed in integer format specifier");
  if (spec.no_negative_zero) return raise(PyExc_ValueError, "Negative zero coercion (z) not allowed in integer format specifier");
  if (spec.type == 'c') return format_character(value, spec, out);
  int base = base_of(spec.type);
  bool plain = spec.sign != '+' && spec.sign != ' ' && spec.width == -1 && spec.type != 'X' && spec.type != 'n' && spec.grouping == Grouping::none;
  if (plain) return status_of(_PyLong_FormatWriter(out, value, base, spec.alternate));

  Pieces pieces;
  pieces.negative = int_size(value) < 0;
  char buffer[2 * PyLong_SHIFT];
  Ref<> text;
  if (is_one_digit(value)) {
    auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), std::abs(one_digit_value(value)), base);
    pieces.text = ascii_view(buffer, end - buffer);
  } else {
    text = TRY(steal(_PyLong_Format(value, base)));
    Py_ssize_t skip = pieces.negative + (base == 10 ? 0 : 2);
    StrView view(text.get());
    pieces.text = ascii_view(view.as<char>() + skip, view.length - skip);
  }
  if (spec.type == 'X') {
    // The digits are nobody else's yet.
    char* digits = const_cast<char*>(pieces.text.as<char>());
    for (Py_ssize_t i = 0; i < pieces.text.length; ++i) digits[i] = static_cast<char>(Py_TOUPPER(static_cast<unsigned char>(digits[i])));
  }
  Separators separators;
  TRY(find_separators(spec.type == 'n' ? Grouping::locale : spec.grouping, &separators));
  if (base != 10 && spec.grouping == Grouping::underscore) separators.grouping[0] = 4;
  pieces.digits = pieces.text.length;
  if (spec.alternate) pieces.prefix = spec.type == 'b' ? "0b" : spec.type == 'o' ? "0o" : spec.type == 'x' ? "0x" : spec.type == 'X' ? "0X" : "";
  return write_number(out, pieces, spec, separators);
}

// ---- float ------------------------------------------------------------------------------------------

inline constexpr int kDefaultPrecision = 6;

// How PyOS_double_to_string is to be asked.
struct DoubleCode {
  char code;
  int precision;
  int flags;
};

Status double_code(const FormatSpec& spec, DoubleCode* out) {
  if (spec.precision > INT_MAX) return raise(PyExc_ValueError, "precision too big");
  out->flags = (spec.alternate ? Py_DTSF_ALT : 0) | (spec.no_negative_zero ? Py_DTSF_NO_NEG_0 : 0);
  bool silent = spec.type == 0;
  if (silent) out->code = spec.precision < 0 ? 'r' : 'g';
  else out->code = spec.type == 'n' ? 'g' : spec.type == '%' ? 'f' : static_cast<char>(spec.type);
  out->precision = spec.precision >= 0 ? static_cast<int>(spec.precision) : silent ? 0 : kDefaultPrecision;
  return Status::ok;
}

Status format_float(PyObject* value, const FormatSpec& spec, _PyUnicodeWriter* out) {
  DoubleCode code;
  TRY(double_code(spec, &code));
  if (spec.type == 0) code.flags |= Py_DTSF_ADD_DOT_0;
  double number = TRY(checked(PyFloat_AsDouble(value)));
  bool percent = spec.type == '%';
  if (percent) number *= 100;
  DoubleText text;
  TRY(text.write(number, code.code, code.precision, code.flags));
  if (percent) text.append('%');
  if (spec.sign != '+' && spec.sign != ' ' && spec.width == -1 && spec.type != 'n' && spec.grouping == Grouping::none) {
    return status_of(_PyUnicodeWriter_WriteASCIIString(out, text.text(), static_cast<Py_ssize_t>(text.length())));
  }
  Separators separators;
  TRY(find_separators(spec.type == 'n' ? Grouping::locale : spec.grouping, &separators));
  return write_number(out, pieces_of(text.text(), text.length()), spec, separators);
}

// ---- complex ----------------------------------------------------------------------------------------

Status format_complex(PyObject* value, const FormatSpec& spec, _PyUnicodeWriter* out) {
  DoubleCode code;
  TRY(double_code(spec, &code));
  if (spec.fill == '0') return raise(PyExc_ValueError, "Zero padding is not allowed in complex format specifier");
  if (spec.align == '=') return raise(PyExc_ValueError, "'=' alignment flag is not allowed in complex format specifier");
  Py_complex number = PyComplex_AsCComplex(value);
  if (number.real == -1.0 && PyErr_Occurred()) return failure;
  // Without a type it looks like str(): a positive zero is not shown, else there are parentheses.
  bool skip_real = spec.type == 0 && number.real == 0 && !std::signbit(number.real);
  bool parentheses = spec.type == 0 && !skip_real;
  DoubleText real, imaginary;
  TRY(real.write(number.real, code.code, code.precision, code.flags));
  TRY(imaginary.write(number.imag, code.code, code.precision, code.flags));
  Separators separators;
  TRY(find_separators(spec.type == 'n' ? Grouping::locale : spec.grouping, &separators));

  FormatSpec part = spec;
  part.fill = 0;
  part.align = '<';
  part.width = -1;
  Pieces real_pieces = pieces_of(real.text(), real.length()), imaginary_pieces = pieces_of(imaginary.text(), imaginary.length());
  Layout real_layout = lay_out(real_pieces, part, separators);
  FormatSpec imaginary_part = part;
  if (!skip_real) imaginary_part.sign = '+';
  Layout imaginary_layout = lay_out(imaginary_pieces, imaginary_part, separators);

  Layout whole;
  whole.total = (skip_real ? 0 : real_layout.total) + imaginary_layout.total + 1 + 2 * parentheses;
  whole.max = std::max(real_layout.max, imaginary_layout.max);
  pad(&whole, spec.width - whole.total, spec.align);
  if (whole.left || whole.right) whole.max = std::max(whole.max, spec.fill);
  TRY(status_of(_PyUnicodeWriter_Prepare(out, whole.left + whole.total + whole.right, whole.max)));
  put_fill(out, spec.fill, whole.left);
  if (parentheses) put_fill(out, '(', 1);
  if (!skip_real) TRY(put_pieces(out, real_pieces, real_layout, part, separators));
  TRY(put_pieces(out, imaginary_pieces, imaginary_layout, imaginary_part, separators));
  put_fill(out, 'j', 1);
  if (parentheses) put_fill(out, ')', 1);
  put_fill(out, spec.fill, whole.right);
  return Status::ok;
}

// ---- entries ----------------------------------------------------------------------------------------

Status write_str(PyObject* value, _PyUnicodeWriter* out) {
  Ref<> text = TRY(steal(PyObject_Str(value)));
  return status_of(_PyUnicodeWriter_WriteStr(out, text.get()));
}

bool is_one_of(U4 type, const char* types) { return type && type < 128 && std::strchr(types, static_cast<int>(type)); }

Status write_int(_PyUnicodeWriter* out, PyObject* value, PyObject* text, Py_ssize_t start, Py_ssize_t end) {
  if (start == end) return PyLong_CheckExact(value) ? status_of(_PyLong_FormatWriter(out, value, 10, 0)) : write_str(value, out);
  FormatSpec spec;
  TRY(parse_format_spec(text, start, end, 'd', '>', Py_TYPE(value)->tp_name, spec));
  if (is_one_of(spec.type, "bcdoxXn")) return format_int(value, spec, out);
  if (is_one_of(spec.type, "eEfFgG%")) {
    Ref<> real = TRY(steal(PyNumber_Float(value)));
    return format_float(real.get(), spec, out);
  }
  return unknown_format_type(spec.type, Py_TYPE(value)->tp_name);
}

Status write_float(_PyUnicodeWriter* out, PyObject* value, PyObject* text, Py_ssize_t start, Py_ssize_t end) {
  if (start == end) return write_str(value, out);
  FormatSpec spec;
  TRY(parse_format_spec(text, start, end, 0, '>', Py_TYPE(value)->tp_name, spec));
  if (spec.type == 0 || is_one_of(spec.type, "eEfFgGn%")) return format_float(value, spec, out);
  return unknown_format_type(spec.type, Py_TYPE(value)->tp_name);
}

Status write_complex(_PyUnicodeWriter* out, PyObject* value, PyObject* text, Py_ssize_t start, Py_ssize_t end) {
  if (start == end) return write_str(value, out);
  FormatSpec spec;
  TRY(parse_format_spec(text, start, end, 0, '>', Py_TYPE(value)->tp_name, spec));
  if (spec.type == 0 || is_one_of(spec.type, "eEfFgGn")) return format_complex(value, spec, out);
  return unknown_format_type(spec.type, Py_TYPE(value)->tp_name);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int _PyLong_FormatAdvancedWriter(_PyUnicodeWriter* out, PyObject* value, PyObject* spec, Py_ssize_t start, Py_ssize_t end) {
  return static_cast<int>(write_int(out, value, spec, start, end));
}
int _PyFloat_FormatAdvancedWriter(_PyUnicodeWriter* out, PyObject* value, PyObject* spec, Py_ssize_t start, Py_ssize_t end) {
  return static_cast<int>(write_float(out, value, spec, start, end));
}
int _PyComplex_FormatAdvancedWriter(_PyUnicodeWriter* out, PyObject* value, PyObject* spec, Py_ssize_t start, Py_ssize_t end) {
  return static_cast<int>(write_complex(out, value, spec, start, end));
}

}  // extern "C"
