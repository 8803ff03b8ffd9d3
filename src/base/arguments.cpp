#include "base/arguments.h"

#include <cstring>

namespace gill {
namespace {

const char* plural(Py_ssize_t n) { return n == 1 ? "" : "s"; }

// The wording for callables that take no keyword at all.
Failure wrong_positional_count(const Signature& signature, Py_ssize_t given) {
  int least = signature.required_positional;
  int most = signature.positional;
  bool few = given < least;
  int bound = few ? least : most;
  bool exact = least == most && !signature.has_var_positional;
  const char* how = exact ? "" : few ? "at least " : "at most ";
  if (signature.parsed) {
    return raise(PyExc_TypeError, "%s() takes %s%d argument%s (%zd given)", CString(signature.name).text, exact ? "exactly " : how, bound,
                 plural(bound), given);
  }
  PyErr_Format(PyExc_TypeError, "%s expected %s%d argument%s, got %zd", CString(signature.name).text, how, bound, plural(bound), given);
  return failure;
}

int parameter_named(const Signature& signature, PyObject* keyword) {
  Py_ssize_t length;
  const char* text = PyUnicode_AsUTF8AndSize(keyword, &length);
  if (!text) {
    PyErr_Clear();  // A lone surrogate: no parameter has such a name.
    return -1;
  }
  std::string_view wanted(text, static_cast<size_t>(length));
  for (int i = 0; i < signature.count; ++i) {
    const ParameterHead& p = signature.parameters[i];
    bool by_name = p.kind == ParameterKind::positional_or_keyword || p.kind == ParameterKind::keyword_only;
    if (by_name && p.name == wanted) return i;
  }
  return -1;
}

Failure too_many(const Signature& signature, Py_ssize_t positional_given, Py_ssize_t named_given) {
  CString name(signature.name);
  int positional = signature.positional;
  int all = positional + signature.keyword_only;
  if (positional_given + named_given > all) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d %sargument%s (%zd given)", name.text, all, positional_given == 0 ? "keyword " : "",
                 plural(all), positional_given + named_given);
  } else if (positional == 0) {
    PyErr_Format(PyExc_TypeError, "%s() takes no positional arguments", name.text);
  } else {
    PyErr_Format(PyExc_TypeError, "%s() takes %s %d positional argument%s (%zd given)", name.text,
                 signature.required_positional == positional ? "exactly" : "at most", positional, plural(positional),
                 positional_given);
  }
  return failure;
}

}  // namespace

Status bind_arguments(const Signature& signature, PyObject* const* args, Py_ssize_t positional_given, PyObject* kwnames,
                      PyObject** slots, Args* rest, Ref<>* extra) {
  Py_ssize_t named_given = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  int positional = signature.positional;
  if (!signature.takes_keywords) {
    if (named_given) return raise(PyExc_TypeError, "%s() takes no keyword arguments", CString(signature.name).text);
    if (positional_given < signature.required_positional ||
        (positional_given > positional && !signature.has_var_positional)) {
      return wrong_positional_count(signature, positional_given);
    }
  } else {
    bool over = positional_given > positional && !signature.has_var_positional;
    int all = positional + signature.keyword_only;
    if (over || (positional_given + named_given > all && !signature.has_var_positional && !signature.has_var_keyword)) {
      return too_many(signature, positional_given, named_given);
    }
  }
  for (int i = 0; i < signature.count; ++i) slots[i] = i < positional && i < positional_given ? args[i] : nullptr;
  if (rest && positional_given > positional) *rest = {args + positional, positional_given - positional};

  // A name that nothing wants is told last, after what is given twice and what is missing.
  PyObject* unknown = nullptr;
  PyObject* repeated = nullptr;
  int repeated_index = 0;
  for (Py_ssize_t k = 0; k < named_given; ++k) {
    PyObject* keyword = PyTuple_GET_ITEM(kwnames, k);
    PyObject* value = args[positional_given + k];
    int index = PyUnicode_Check(keyword) ? parameter_named(signature, keyword) : -1;
    if (index < 0) {
      if (signature.has_var_keyword) {
        if (!*extra) *extra = TRY(steal(PyDict_New()));
        TRY(status_of(PyDict_SetItem(extra->get(), keyword, value)));
      } else if (!unknown) {
        unknown = keyword;
      }
    } else if (!slots[index]) {
      slots[index] = value;
    } else if (!repeated || index < repeated_index) {
      repeated = keyword;
      repeated_index = index;
    }
  }

  for (int i = 0; i < signature.count; ++i) {
    const ParameterHead& p = signature.parameters[i];
    bool has_slot = p.kind != ParameterKind::var_positional && p.kind != ParameterKind::var_keyword;
    if (!has_slot || slots[i] || p.default_kind != DefaultKind::required) continue;
    if (p.kind == ParameterKind::positional_only) {
      int least = 0;
      for (int j = 0; j < signature.positional_only; ++j) {
        least += signature.parameters[j].default_kind == DefaultKind::required;
      }
      return raise(PyExc_TypeError, "%s() takes %s %d positional argument%s (%zd given)", CString(signature.name).text,
                   least < positional ? "at least" : "exactly", least, plural(least), positional_given);
    }
    return raise(PyExc_TypeError, "%s() missing required argument '%s' (pos %d)", CString(signature.name).text,
                 CString(p.name).text, i + 1);
  }
  if (repeated) {
    return raise(PyExc_TypeError, "argument for %s() given by name ('%U') and position (%d)", CString(signature.name).text, repeated, repeated_index + 1);
  }
  if (unknown && !PyUnicode_Check(unknown)) return raise(PyExc_TypeError, "keywords must be strings");
  if (unknown) return raise(PyExc_TypeError, "'%S' is an invalid keyword argument for %s()", unknown, CString(signature.name).text);
  return Status::ok;
}

}  // namespace gill
