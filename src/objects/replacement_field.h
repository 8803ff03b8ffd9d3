// The grammar of str.format's replacement fields, for str.format itself and for the `_string` module.
#pragma once

#include "objects/str.h"

namespace gill {

// Literal text, and the field behind it: positions in the format string.
struct Markup {
  Py_ssize_t literal_start = 0, literal_end = 0;
  bool has_field = false;
  Py_ssize_t name_start = 0, name_end = 0;
  U4 conversion = 0;
  Py_ssize_t spec_start = 0, spec_end = 0;
  bool nested = false;  // the specification contains fields itself
};
// Reads the next piece; false at the end.
Maybe<bool> next_markup(const StrView& text, Py_ssize_t& i, Py_ssize_t end, Markup& markup);

// A field name is a first part followed by `.name` and `[key]` accessors.
struct Accessor {
  bool is_attribute = false;
  Py_ssize_t start = 0, end = 0;
  Py_ssize_t index = -1;  // of an integer key
};
Py_ssize_t end_of_first(const StrView& text, Py_ssize_t start, Py_ssize_t end);
Maybe<bool> next_accessor(const StrView& text, Py_ssize_t& i, Py_ssize_t end, Accessor& accessor);
// The integer that the text spells, or -1.
Maybe<Py_ssize_t> field_index(const StrView& text, Py_ssize_t start, Py_ssize_t end);

}  // namespace gill
