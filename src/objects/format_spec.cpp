// The parser of the format mini-language, and how str is formatted with it.
#include "objects/format_spec.h"

namespace gill {
namespace {

bool is_align(U4 c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

// Digits of any script; -1 where there is none, failure when the number is too large.
Maybe<Py_ssize_t> read_integer(const StrView& text, Py_ssize_t& i, Py_ssize_t end) {
  Py_ssize_t value = -1;
  for (; i < end; ++i) {
    U4 c = text[i];
    int digit = c < 128 ? (c >= '0' && c <= '9' ? static_cast<int>(c - '0') : -1) : Py_UNICODE_TODECIMAL(c);
    if (digit < 0) break;
    if (value < 0) value = 0;
    if (value > (PY_SSIZE_T_MAX - digit) / 10) return raise(PyExc_ValueError, "Too many decimal digits in format string");
    value = value * 10 + digit;
  }
  return value;
}

Failure invalid_grouping(char separator, U4 type) {
  if (type > 32 && type < 128) {
    return raise(PyExc_ValueError, "Cannot specify '%c' with '%c'.", static_cast<int>(separator), static_cast<int>(type));
  }
  return raise(PyExc_ValueError, "Cannot specify '%c' with '\\x%x'.", static_cast<int>(separator), static_cast<unsigned>(type));
}

}  // namespace

Failure unknown_format_type(U4 type, const char* type_name) {
  if (type > 32 && type < 128) {
    return raise(PyExc_ValueError, "Unknown format code '%c' for object of type '%.200s'", static_cast<int>(type), type_name);
  }
  return raise(PyExc_ValueError, "Unknown format code '\\x%x' for object of type '%.200s'", static_cast<unsigned>(type), type_name);
}

Status parse_format_spec(PyObject* object, Py_ssize_t start, Py_ssize_t end, U4 default_type, U4 default_align,
                         const char* type_name, FormatSpec& spec) {
  StrView text(object);
  Py_ssize_t i = start;
  spec = FormatSpec{};
  spec.align = default_align;
  spec.type = default_type;
  bool fill_given = false;
  if (end - i >= 2 && is_align(text[i + 1])) {
    spec.align = text[i + 1];
    spec.fill = text[i];
    fill_given = spec.align_given = true;
    i += 2;
  } else if (end - i >= 1 && is_align(text[i])) {
    spec.align = text[i++];
    spec.align_given = true;
  }
  if (i < end && (text[i] == ' ' || text[i] == '+' || text[i] == '-')) spec.sign = text[i++];
  if (i < end && text[i] == 'z') {
    spec.no_negative_zero = true;
    ++i;
  }
  if (i < end && text[i] == '#') {
    spec.alternate = true;
    ++i;
  }
  if (!fill_given && i < end && text[i] == '0') {
    // A zero in front of the width means zero padding behind the sign.
    spec.fill = '0';
    if (!spec.align_given && default_align == '>') spec.align = '=';
    ++i;
  }
  spec.width = TRY(read_integer(text, i, end));
  if (i < end && text[i] == ',') {
    spec.grouping = Grouping::comma;
    ++i;
  }
  if (i < end && text[i] == '_') {
    if (spec.grouping != Grouping::none) return raise(PyExc_ValueError, "Cannot specify both ',' and '_'.");
    spec.grouping = Grouping::underscore;
    ++i;
  }
  if (i < end && text[i] == ',') {
    if (spec.grouping == Grouping::underscore) return raise(PyExc_ValueError, "Cannot specify both ',' and '_'.");
  }
  if (i < end && text[i] == '.') {
    ++i;
    spec.precision = TRY(read_integer(text, i, end));
    if (spec.precision < 0) return raise(PyExc_ValueError, "Format specifier missing precision");
  }
  if (end - i > 1) {
    Ref<> whole = TRY(substring(object, start, end));
    return raise(PyExc_ValueError, "Invalid format specifier '%U' for object of type '%.200s'", whole.get(), type_name);
  }
  if (end - i == 1) spec.type = text[i];
  if (spec.grouping != Grouping::none) {
    switch (spec.type) {
      case 'd': case 'e': case 'f': case 'g': case 'E': case 'G': case '%': case 'F': case 0: break;
      case 'b': case 'o': case 'x': case 'X':
        if (spec.grouping == Grouping::underscore) break;
        [[fallthrough]];
      default: return invalid_grouping(static_cast<char>(spec.grouping), spec.type);
    }
  }
  return Status::ok;
}

namespace {

Status write_fill(_PyUnicodeWriter* out, U4 c, Py_ssize_t n) {
  if (n <= 0) return Status::ok;
  TRY(status_of(_PyUnicodeWriter_Prepare(out, n, c)));
  dispatch(out->kind, [&]<class C>(C*) {
    C* to = static_cast<C*>(out->data) + out->pos;
    for (Py_ssize_t i = 0; i < n; ++i) to[i] = static_cast<C>(c);
  });
  out->pos += n;
  return Status::ok;
}

Status format_str(PyObject* value, const FormatSpec& spec, _PyUnicodeWriter* out) {
  if (spec.sign) {
    return raise(PyExc_ValueError, spec.sign == ' ' ? "Space not allowed in string format specifier" : "Sign not allowed in string format specifier");
  }
  if (spec.no_negative_zero) return raise(PyExc_ValueError, "Negative zero coercion (z) not allowed in string format specifier");
  if (spec.alternate) return raise(PyExc_ValueError, "Alternate form (#) not allowed in string format specifier");
  if (spec.align == '=') return raise(PyExc_ValueError, "'=' alignment not allowed in string format specifier");
  Py_ssize_t n = PyUnicode_GET_LENGTH(value);
  if (spec.precision >= 0 && n > spec.precision) n = spec.precision;
  Py_ssize_t padding = spec.width > n ? spec.width - n : 0;
  Py_ssize_t before = spec.align == '>' ? padding : spec.align == '^' ? padding / 2 : 0;
  TRY(write_fill(out, spec.fill, before));
  TRY(status_of(_PyUnicodeWriter_WriteSubstring(out, value, 0, n)));
  return write_fill(out, spec.fill, padding - before);
}

}  // namespace
}  // namespace gill

using namespace gill;

extern "C" {

int _PyUnicode_FormatAdvancedWriter(_PyUnicodeWriter* out, PyObject* value, PyObject* format_spec, Py_ssize_t start, Py_ssize_t end) {
  if (ensure_ready(value) != Status::ok) return -1;
  if (start == end) {
    if (PyUnicode_CheckExact(value)) return _PyUnicodeWriter_WriteStr(out, value);
    Ref<> text = steal(PyObject_Str(value));
    return text ? _PyUnicodeWriter_WriteStr(out, text.get()) : -1;
  }
  FormatSpec spec;
  if (parse_format_spec(format_spec, start, end, 's', '<', Py_TYPE(value)->tp_name, spec) != Status::ok) return -1;
  if (spec.type != 's') {
    unknown_format_type(spec.type, Py_TYPE(value)->tp_name);
    return -1;
  }
  return static_cast<int>(format_str(value, spec, out));
}

// Writes digits in groups, from the right, until both they and `min_width` are used up; without a writer
// only the length is computed. The locale's grouping string gives group sizes: the last one repeats, CHAR_MAX
// ends the grouping.
Py_ssize_t _PyUnicode_InsertThousandsGrouping(_PyUnicodeWriter* writer, Py_ssize_t n_buffer, PyObject* digits, Py_ssize_t d_pos,
                                              Py_ssize_t n_digits, Py_ssize_t min_width, const char* grouping,
                                              PyObject* thousands_sep, Py_UCS4* maxchar) {
  min_width = Py_MAX(min_width, 0);
  StrView separator(thousands_sep);
  Py_ssize_t count = 0;
  Py_ssize_t remaining = n_digits;
  Py_ssize_t digit_at = d_pos + n_digits;
  Py_ssize_t write_at = writer ? writer->pos + n_buffer : 0;
  bool use_separator = false;
  auto put_group = [&](Py_ssize_t zeros, Py_ssize_t from_digits) {
    if (use_separator) {
      count += separator.length;
      if (writer) {
        write_at -= separator.length;
        copy_characters(writer->kind, writer->data, write_at, separator, 0, separator.length);
      }
    }
    count += zeros + from_digits;
    if (writer) {
      digit_at -= from_digits;
      write_at -= from_digits;
      copy_characters(writer->kind, writer->data, write_at, StrView(digits), digit_at, from_digits);
      for (Py_ssize_t i = 0; i < zeros; ++i) PyUnicode_WRITE(writer->kind, writer->data, --write_at, '0');
    }
  };
  const char* group = grouping;
  Py_ssize_t previous = 0;
  bool finished = false;
  while (true) {
    Py_ssize_t size;
    if (*group == 0) {
      size = previous;
    } else if (*group == CHAR_MAX) {
      size = 0;
    } else {
      previous = size = *group++;
    }
    if (size == 0) break;
    size = Py_MIN(size, Py_MAX(Py_MAX(remaining, min_width), 1));
    Py_ssize_t zeros = Py_MAX(0, size - remaining);
    Py_ssize_t from_digits = Py_MAX(0, Py_MIN(remaining, size));
    put_group(zeros, from_digits);
    use_separator = true;
    remaining -= from_digits;
    min_width -= size;
    if (remaining <= 0 && min_width <= 0) {
      finished = true;
      break;
    }
    min_width -= separator.length;
  }
  if (!finished) {
    // No grouping for what is left.
    Py_ssize_t size = Py_MAX(Py_MAX(remaining, min_width), 1);
    Py_ssize_t zeros = Py_MAX(0, size - remaining);
    Py_ssize_t from_digits = Py_MAX(0, Py_MIN(remaining, size));
    put_group(zeros, from_digits);
  }
  if (!writer && maxchar) {
    *maxchar = 127;
    if (use_separator) *maxchar = Py_MAX(*maxchar, separator.max_class());
  }
  return count;
}

}  // extern "C"
