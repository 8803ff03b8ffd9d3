// `%` formatting of str, and the text of numbers that bytes formatting shares.
#include "objects/percent.h"

#include "objects/float_text.h"
#include "objects/int.h"
#include "objects/search.h"
#include "objects/str_methods.h"

namespace gill {

Ref<> percent_number(PyObject* value, const PercentSpec& spec) {
  if (is_percent_float(spec.code)) {
    double x = PyFloat_AsDouble(value);
    if (x == -1.0 && PyErr_Occurred()) return failure;
    DoubleText text;
    TRY(text.write(x, static_cast<char>(spec.code), spec.precision < 0 ? 6 : spec.precision,
                   (spec.alternate ? Py_DTSF_ALT : 0) | (spec.no_negative_zero ? Py_DTSF_NO_NEG_0 : 0)));
    return str_from_ascii({text.text(), text.length()});
  }
  bool radix = spec.code == 'o' || spec.code == 'x' || spec.code == 'X';
  auto wrong = [&] {
    return raise(PyExc_TypeError, radix ? "%%%c format: an integer is required, not %.200s" : "%%%c format: a real number is required, not %.200s",
                 static_cast<int>(spec.code), Py_TYPE(value)->tp_name);
  };
  if (!PyNumber_Check(value)) return wrong();
  Ref<> number = PyLong_Check(value) ? borrow(value) : steal(radix ? PyNumber_Index(value) : PyNumber_Long(value));
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) return wrong();
    return failure;
  }
  if (!PyLong_Check(number.get())) return wrong();
  return steal(_PyUnicode_FormatLong(number.get(), spec.alternate, spec.precision, static_cast<int>(spec.code == 'i' || spec.code == 'u' ? 'd' : spec.code)));
}

PercentLayout percent_layout(std::string_view number, const PercentSpec& spec) {
  PercentLayout layout;
  if (!number.empty() && (number[0] == '-' || number[0] == '+')) {
    layout.sign = number[0];
    number.remove_prefix(1);
  } else if (spec.sign) {
    layout.sign = '+';
  } else if (spec.blank) {
    layout.sign = ' ';
  }
  if (spec.alternate && (spec.code == 'x' || spec.code == 'X' || spec.code == 'o') && number.size() >= 2) {
    layout.prefix = number.substr(0, 2);
    number.remove_prefix(2);
  }
  layout.digits = number;
  Py_ssize_t used = (layout.sign != 0) + static_cast<Py_ssize_t>(layout.prefix.size() + number.size());
  Py_ssize_t fill = spec.width > used ? spec.width - used : 0;
  (spec.left ? layout.spaces_after : spec.zero ? layout.zeros : layout.spaces_before) = fill;
  return layout;
}

namespace {

Status put_text(StrWriter& out, PyObject* text, const PercentSpec& spec, bool cut) {
  Py_ssize_t n = PyUnicode_GET_LENGTH(text);
  if (cut && spec.precision >= 0 && n > spec.precision) n = spec.precision;
  Py_ssize_t padding = spec.width > n ? spec.width - n : 0;
  if (!spec.left) TRY(out.fill(' ', padding));
  TRY(out.put(text, 0, n));
  if (spec.left) TRY(out.fill(' ', padding));
  return Status::ok;
}

// Ints of one digit without any layout: their decimal digits need no object.
bool is_plain_decimal(PyObject* value, const PercentSpec& spec) {
  return PyLong_CheckExact(value) && is_one_digit(value) && (spec.code == 'd' || spec.code == 's' || spec.code == 'r') && spec.width < 0 && spec.precision < 0 && !spec.sign && !spec.blank;
}

Ref<> character(PyObject* value) {
  if (PyUnicode_Check(value)) {
    TRY(ensure_ready(value));
    if (PyUnicode_GET_LENGTH(value) == 1) return borrow(value);
    return raise(PyExc_TypeError, "%c requires int or char");
  }
  Ref<> number = steal(PyNumber_Index(value));
  if (!number) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) return raise(PyExc_TypeError, "%c requires int or char");
    return failure;
  }
  int overflow;
  long c = PyLong_AsLongAndOverflow(number.get(), &overflow);
  if (c == -1 && !overflow && PyErr_Occurred()) return failure;
  if (overflow || c < 0 || c > 0x10ffff) return raise(PyExc_OverflowError, "%c arg not in range(0x110000)");
  return str_from_character(static_cast<U4>(c));
}

Status put_conversion(StrWriter& out, const PercentSpec& spec, PyObject* value) {
  if (is_plain_decimal(value, spec)) return out.put_decimal(one_digit_value(value));
  switch (spec.code) {
    case 's':
    case 'r':
    case 'a': {
      Ref<> text;
      if (spec.code == 's' && PyUnicode_CheckExact(value)) text = borrow(value);
      else if (spec.code == 's') text = TRY(steal(PyObject_Str(value)));
      else if (spec.code == 'r') text = TRY(steal(PyObject_Repr(value)));
      else text = TRY(steal(PyObject_ASCII(value)));
      TRY(ensure_ready(text.get()));
      return put_text(out, text.get(), spec, true);
    }
    case 'c': {
      Ref<> text = TRY(character(value));
      return put_text(out, text.get(), spec, false);
    }
    default: break;
  }
  if (!is_percent_integer(spec.code) && !is_percent_float(spec.code)) {
    return raise(PyExc_ValueError, "unsupported format character '%c' (0x%x) at index %zd",
                 static_cast<int>(spec.code > 31 && spec.code < 128 ? spec.code : '?'), static_cast<int>(spec.code), spec.position);
  }
  Ref<> number = TRY(percent_number(value, spec));
  StrView view(number.get());
  PercentLayout layout = percent_layout({view.as<char>(), static_cast<size_t>(view.length)}, spec);
  TRY(out.fill(' ', layout.spaces_before));
  if (layout.sign) TRY(out.put(static_cast<U4>(layout.sign)));
  TRY(out.put(layout.prefix));
  TRY(out.fill('0', layout.zeros));
  TRY(out.put(layout.digits));
  return out.fill(' ', layout.spaces_after);
}

// The next `%` from `start` on, or the end.
Py_ssize_t find_percent(const StrView& text, Py_ssize_t start) {
  return dispatch(text.kind, [&]<class C>(C*) {
    Py_ssize_t at = search::find_character(text.as<C>() + start, text.length - start, static_cast<C>('%'));
    return at < 0 ? text.length : start + at;
  });
}

}  // namespace

Ref<> str_percent(PyObject* format, PyObject* operand) {
  TRY(ensure_ready(format));
  StrView text(format);
  PercentArguments args(operand, !PyUnicode_Check(operand));
  StrWriter out(text.length + 100);
  for (Py_ssize_t i = 0; i < text.length;) {
    Py_ssize_t at = find_percent(text, i);
    if (at == text.length) out.expect_last();
    if (at > i) TRY(text.ascii && i > 0 ? out.put({text.as<char>() + i, static_cast<size_t>(at - i)}) : out.put(format, i, at));
    if (at == text.length) break;
    i = at + 1;
    PercentSpec spec;
    TRY(read_percent_spec([&](Py_ssize_t k) { return text[k]; }, i, text.length, args, spec,
                          [&](Py_ssize_t start, Py_ssize_t stop) { return substring(format, start, stop); }));
    if (spec.code == '%' && spec.position == at + 1) {
      TRY(out.put(U4{'%'}));
      continue;
    }
    PyObject* value = TRY(args.next());
    if (i >= text.length) out.expect_last();
    TRY(put_conversion(out, spec, value));
  }
  if (!args.all_used()) return raise(PyExc_TypeError, "not all arguments converted during string formatting");
  return out.finish();
}

}  // namespace gill

using namespace gill;

extern "C" {

PyObject* PyUnicode_Format(PyObject* format, PyObject* args) {
  if (!format || !args) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (require_str_argument(format) != Status::ok) return nullptr;
  return str_percent(format, args).release();
}

// Digits of an int for %d, %o, %x, %X: at least `precision` of them, with 0o or 0x in the alternate form.
PyObject* _PyUnicode_FormatLong(PyObject* value, int alternate, int precision, int type) {
  int base = type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  Ref<> text = steal(base == 10 && PyBool_Check(value) ? PyLong_Type.tp_repr(value) : _PyLong_Format(value, base));
  if (!text) return nullptr;
  StrView view(text.get());
  std::string_view digits(view.as<char>(), static_cast<size_t>(view.length));
  bool negative = digits[0] == '-';
  if (negative) digits.remove_prefix(1);
  std::string_view prefix = base == 10 ? std::string_view() : digits.substr(0, 2);
  digits.remove_prefix(prefix.size());
  if (!alternate) prefix = {};
  auto n = static_cast<Py_ssize_t>(digits.size());
  Py_ssize_t zeros = precision > n ? precision - n : 0;
  if (!zeros && type != 'X' && prefix.size() + digits.size() + negative == static_cast<size_t>(view.length)) return text.release();
  Ref<> result = new_str(negative + static_cast<Py_ssize_t>(prefix.size()) + zeros + n, 127);
  if (!result) return nullptr;
  char* to = static_cast<char*>(PyUnicode_DATA(result.get()));
  if (negative) *to++ = '-';
  auto put = [&](std::string_view part) {
    for (char c : part) *to++ = static_cast<char>(type == 'X' ? Py_TOUPPER(c) : c);
  };
  put(prefix);
  std::memset(to, '0', static_cast<size_t>(zeros));
  to += zeros;
  put(digits);
  return canonical_result(std::move(result)).release();
}

}  // extern "C"
