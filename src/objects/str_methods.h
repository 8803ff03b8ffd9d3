// The methods of str, in the files that define them; the table stands in str_methods.cpp.
#pragma once

#include "base/binding.h"
#include "objects/str.h"

namespace gill {

// A str argument of a method; `what` is the wording of the error: "must be str, not int".
inline Status require_str_argument(PyObject* object) {
  if (PyUnicode_Check(object)) [[likely]] return ensure_ready(object);
  PyErr_Format(PyExc_TypeError, "must be str, not %.100s", Py_TYPE(object)->tp_name);
  return Status::error;
}

// str_search.cpp
Maybe<Py_ssize_t> str_find(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<Py_ssize_t> str_rfind(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<Py_ssize_t> str_index(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<Py_ssize_t> str_rindex(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<Py_ssize_t> str_count(PyObject* self, PyObject* sub, PyObject* start, PyObject* end);
Maybe<bool> str_startswith(PyObject* self, PyObject* prefix, PyObject* start, PyObject* end);
Maybe<bool> str_endswith(PyObject* self, PyObject* suffix, PyObject* start, PyObject* end);
Ref<> str_removeprefix(PyObject* self, PyUnicodeObject* prefix);
Ref<> str_removesuffix(PyObject* self, PyUnicodeObject* suffix);
Ref<> str_replace(PyObject* self, PyUnicodeObject* old, PyUnicodeObject* replacement, Py_ssize_t count);

// str_split.cpp
Ref<> str_split(PyObject* self, PyObject* sep, Py_ssize_t maxsplit);
Ref<> str_rsplit(PyObject* self, PyObject* sep, Py_ssize_t maxsplit);
Ref<> str_splitlines(PyObject* self, int keepends);
Ref<> str_partition(PyObject* self, PyObject* sep);
Ref<> str_rpartition(PyObject* self, PyObject* sep);
Ref<> str_join(PyObject* self, PyObject* iterable);
Ref<> str_strip(PyObject* self, PyObject* chars);
Ref<> str_lstrip(PyObject* self, PyObject* chars);
Ref<> str_rstrip(PyObject* self, PyObject* chars);

// str_case.cpp
Ref<> str_lower(PyObject* self);
Ref<> str_upper(PyObject* self);
Ref<> str_casefold(PyObject* self);
Ref<> str_swapcase(PyObject* self);
Ref<> str_capitalize(PyObject* self);
Ref<> str_title(PyObject* self);
Maybe<bool> str_isascii(PyObject* self);
Maybe<bool> str_islower(PyObject* self);
Maybe<bool> str_isupper(PyObject* self);
Maybe<bool> str_istitle(PyObject* self);
Maybe<bool> str_isspace(PyObject* self);
Maybe<bool> str_isdecimal(PyObject* self);
Maybe<bool> str_isdigit(PyObject* self);
Maybe<bool> str_isnumeric(PyObject* self);
Maybe<bool> str_isalpha(PyObject* self);
Maybe<bool> str_isalnum(PyObject* self);
Maybe<bool> str_isidentifier(PyObject* self);
Maybe<bool> str_isprintable(PyObject* self);

// str_layout.cpp
Ref<> str_center(PyObject* self, Py_ssize_t width, PyObject* fill);
Ref<> str_ljust(PyObject* self, Py_ssize_t width, PyObject* fill);
Ref<> str_rjust(PyObject* self, Py_ssize_t width, PyObject* fill);
Ref<> str_zfill(PyObject* self, Py_ssize_t width);
Ref<> str_expandtabs(PyObject* self, int tabsize);
Ref<> str_translate(PyObject* self, PyObject* table);
Ref<> str_maketrans(PyObject* null, PyObject* x, PyObject* y, PyObject* z);
Ref<> str_repr(PyObject* self);

// str_format.cpp
Ref<> str_format(PyObject* self, Args args, Kwargs kwargs);
Ref<> str_format_map(PyObject* self, PyObject* mapping);
Ref<> str_dunder_format(PyObject* self, PyUnicodeObject* spec);

// str_methods.cpp
Ref<> str_encode(PyObject* self, const char* encoding, const char* errors);

// str_percent.cpp
Ref<> str_percent(PyObject* format, PyObject* args);

}  // namespace gill
