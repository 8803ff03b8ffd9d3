// What `%` formatting of str and of bytes have in common: reading conversion specifications, taking
// arguments, and the text of numbers.
#pragma once

#include <Python.h>

#include <algorithm>
#include <string_view>

#include "objects/str.h"

namespace gill {

struct PercentSpec {
  bool left = false, sign = false, blank = false, alternate = false, zero = false;
  bool takes_z = false, no_negative_zero = false;  // bytes, unlike str, know the flag `z`
  Py_ssize_t width = -1;
  int precision = -1;
  U4 code = 0;
  Py_ssize_t position = 0;  // of the conversion character
};

// The right operand: a tuple of arguments, or one argument, which may be a mapping.
class PercentArguments {
 public:
  PercentArguments(PyObject* args, bool may_map) : args_(args), is_tuple_(PyTuple_Check(args)) {
    count_ = is_tuple_ ? PyTuple_GET_SIZE(args) : -1;
    if (may_map && !is_tuple_ && PyMapping_Check(args)) mapping_ = args;
  }
  // The next argument, borrowed. What a key selected is the one argument from then on.
  PyObject* next() {
    if (is_tuple_) {
      if (index_ < count_) return PyTuple_GET_ITEM(args_, index_++);
    } else if (!single_used_) {
      single_used_ = true;
      return current_ ? current_.get() : args_;
    }
    return raise(PyExc_TypeError, "not enough arguments for format string");
  }
  bool is_mapping() const { return mapping_ != nullptr; }
  Status use_key(PyObject* key) {
    current_ = TRY(steal(PyObject_GetItem(mapping_, key)));
    single_used_ = false;
    return Status::ok;
  }
  bool all_used() const { return is_tuple_ ? index_ >= count_ : single_used_ || mapping_ != nullptr; }

 private:
  PyObject* args_;
  PyObject* mapping_ = nullptr;
  Ref<> current_;
  bool is_tuple_;
  bool single_used_ = false;
  Py_ssize_t index_ = 0;
  Py_ssize_t count_;
};

// Reads a specification. `at(i)` gives the character at i, `i` stands behind the `%`; `make_key(start, end)`
// gives the key in parentheses.
template <class At, class MakeKey>
Status read_percent_spec(At at, Py_ssize_t& i, Py_ssize_t n, PercentArguments& args, PercentSpec& spec, MakeKey make_key) {
  auto incomplete = [] { return raise(PyExc_ValueError, "incomplete format"); };
  if (i >= n) return incomplete();
  if (at(i) == '(') {
    if (!args.is_mapping()) return raise(PyExc_TypeError, "format requires a mapping");
    Py_ssize_t start = ++i;
    int depth = 1;
    while (i < n && depth > 0) {
      if (at(i) == ')') --depth;
      if (at(i) == '(') ++depth;
      ++i;
    }
    if (depth > 0) return raise(PyExc_ValueError, "incomplete format key");
    Ref<> key = TRY(make_key(start, i - 1));
    TRY(args.use_key(key.get()));
  }
  for (; i < n; ++i) {
    U4 c = at(i);
    if (c == '-') spec.left = true;
    else if (c == '+') spec.sign = true;
    else if (c == ' ') spec.blank = true;
    else if (c == '#') spec.alternate = true;
    else if (c == '0') spec.zero = true;
    else if (c == 'z' && spec.takes_z) spec.no_negative_zero = true;
    else break;
  }
  auto star = [&](auto convert) -> Maybe<Py_ssize_t> {
    PyObject* number = TRY(args.next());
    if (!PyLong_Check(number)) return raise(PyExc_TypeError, "* wants int");
    ++i;
    return checked(Py_ssize_t{convert(number)});
  };
  auto number = [&](Py_ssize_t& value, Py_ssize_t most, const char* message) -> Status {
    value = 0;
    for (; i < n && at(i) >= '0' && at(i) <= '9'; ++i) {
      auto digit = static_cast<Py_ssize_t>(at(i) - '0');
      if (value > (most - digit) / 10) return raise(PyExc_ValueError, message);
      value = value * 10 + digit;
    }
    return Status::ok;
  };
  if (i < n && at(i) == '*') {
    spec.width = TRY(star(PyLong_AsSsize_t));
    if (spec.width < 0) {
      spec.left = true;
      spec.width = -spec.width;
    }
  } else if (i < n && at(i) >= '0' && at(i) <= '9') {
    TRY(number(spec.width, PY_SSIZE_T_MAX, "width too big"));
  }
  if (i < n && at(i) == '.') {
    ++i;
    Py_ssize_t precision = 0;
    if (i < n && at(i) == '*') {
      precision = std::max<Py_ssize_t>(TRY(star(_PyLong_AsInt)), 0);
    } else {
      TRY(number(precision, INT_MAX, "precision too big"));
    }
    spec.precision = static_cast<int>(precision);
  }
  if (i < n && (at(i) == 'h' || at(i) == 'l' || at(i) == 'L')) ++i;
  if (i >= n) return incomplete();
  spec.position = i;
  spec.code = at(i++);
  return Status::ok;
}

// The ASCII text of a number for d i u o x X e E f F g G, without padding; a sign only when negative.
Ref<> percent_number(PyObject* value, const PercentSpec& spec);

inline bool is_percent_integer(U4 c) { return c == 'd' || c == 'i' || c == 'u' || c == 'o' || c == 'x' || c == 'X'; }
inline bool is_percent_float(U4 c) { return c == 'e' || c == 'E' || c == 'f' || c == 'F' || c == 'g' || c == 'G'; }

// Sign, radix prefix, digits and the padding around them.
struct PercentLayout {
  char sign = 0;
  std::string_view prefix;
  std::string_view digits;
  Py_ssize_t spaces_before = 0, zeros = 0, spaces_after = 0;
};
PercentLayout percent_layout(std::string_view number, const PercentSpec& spec);

}  // namespace gill
