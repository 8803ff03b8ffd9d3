// PyArg_ParseTuple, PyArg_ParseTupleAndKeywords and their many relatives.
//
// All of them reduce to two loops over a format: one for positional arguments, one that takes names into account. Those
// with a _PyArg_Parser keep the tuple of parameter names in it, so that calls need not compare C strings.
// Both families are defined here, so their names must not be macros.
#undef PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstring>

#include "base/names.h"
#include "capi/argument_format.h"

namespace gill {

namespace {

const char* plural(Py_ssize_t count) { return count == 1 ? "" : "s"; }

// "name()" or "function" of messages.
struct Callee {
  const char* name;
  const char* text(const char* otherwise = "function") const { return name ? name : otherwise; }
  const char* parentheses() const { return name ? "()" : ""; }
};

// What a format says beside its units.
struct FormatFacts {
  Callee function{nullptr};
  const char* message = nullptr;
  int least = -1;   // units before '|'
  int most = 0;
  int nesting = 0;
};

FormatFacts facts_of(const char* format) {
  FormatFacts facts;
  int level = 0;
  for (const char* at = format; *at; ++at) {
    char c = *at;
    if (c == '(') {
      if (level++ == 0) ++facts.most;
    } else if (c == ')') {
      --level;
    } else if (c == ':') {
      facts.function.name = at + 1;
      break;
    } else if (c == ';') {
      facts.message = at + 1;
      break;
    } else if (level == 0 && c == '|') {
      facts.least = facts.most;
    } else if (level == 0 && std::isalpha(static_cast<unsigned char>(c))) {
      if (c == 'e' && (at[1] == 's' || at[1] == 't')) ++at;
      ++facts.most;
    } else if (level != 0 && std::isalpha(static_cast<unsigned char>(c))) {
      ++facts.nesting;
    }
  }
  if (facts.least < 0) facts.least = facts.most;
  return facts;
}

bool parse_positional(PyObject* const* args, Py_ssize_t count, const char* format, VariableArguments& targets, bool clean) {
  FormatFacts facts = facts_of(format);
  if (count < facts.least || count > facts.most) {
    if (facts.message) PyErr_SetString(PyExc_TypeError, facts.message);
    else PyErr_Format(PyExc_TypeError, "%.150s%s takes %s %d argument%s (%zd given)", facts.function.text(), facts.function.parentheses(),
                      facts.least == facts.most ? "exactly" : count < facts.least ? "at least" : "at most",
                      count < facts.least ? facts.least : facts.most, plural(count < facts.least ? facts.least : facts.most), count);
    return false;
  }
  ConversionCleanup cleanup(facts.most + facts.nesting);
  if (!cleanup.usable()) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (*format == '|') ++format;
    ConversionPlace place{.argument = static_cast<int>(i) + 1, .function = facts.function.name, .message = facts.message};
    if (!convert_unit(args[i], format, targets, clean, place, cleanup)) return false;
  }
  if (*format && !std::isalpha(static_cast<unsigned char>(*format)) && *format != '(' && *format != '|' && *format != ':' && *format != ';') {
    PyErr_Format(PyExc_SystemError, "bad format string: %.200s", format);
    return false;
  }
  cleanup.dismiss();
  return true;
}

// PyArg_Parse: one object, which a format of several units takes for a tuple.
bool parse_object(PyObject* object, const char* format, VariableArguments& targets, bool clean) {
  FormatFacts facts = facts_of(format);
  if (facts.most == 0) {
    if (!object) return true;
    PyErr_Format(PyExc_TypeError, "%.200s%s takes no arguments", facts.function.text(), facts.function.parentheses());
    return false;
  }
  if (facts.most == 1 && facts.least == 1) {
    if (!object) {
      PyErr_Format(PyExc_TypeError, "%.200s%s takes at least one argument", facts.function.text(), facts.function.parentheses());
      return false;
    }
    ConversionCleanup cleanup(1 + facts.nesting);
    if (!cleanup.usable()) return false;
    ConversionPlace place{.function = facts.function.name, .message = facts.message};
    if (!convert_unit(object, format, targets, clean, place, cleanup)) return false;
    cleanup.dismiss();
    return true;
  }
  if (!PyTuple_Check(object)) {
    PyErr_SetString(PyExc_SystemError, "new style getargs format but argument is not a tuple");
    return false;
  }
  return parse_positional(&PyTuple_GET_ITEM(object, 0), PyTuple_GET_SIZE(object), format, targets, clean);
}

bool parse_tuple(PyObject* args, const char* format, VariableArguments& targets, bool clean) {
  if (!args || !PyTuple_Check(args)) {
    PyErr_SetString(PyExc_SystemError, "new style getargs format but argument is not a tuple");
    return false;
  }
  return parse_positional(&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), format, targets, clean);
}

// ---- keywords -------------------------------------------------------------------------------------------

// Named arguments of a call: a dict, or a tuple of names with values in an array.
struct NamedArguments {
  PyObject* dict = nullptr;
  PyObject* names = nullptr;
  PyObject* const* values = nullptr;

  Py_ssize_t count() const { return dict ? PyDict_GET_SIZE(dict) : names ? PyTuple_GET_SIZE(names) : 0; }
  // Borrowed; null without an exception when absent.
  PyObject* find(PyObject* key) const {
    if (dict) return PyDict_GetItemWithError(dict, key);
    if (!names) return nullptr;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
      if (PyTuple_GET_ITEM(names, i) == key) return values[i];
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
      if (_PyUnicode_EQ(PyTuple_GET_ITEM(names, i), key)) return values[i];
    }
    return nullptr;
  }
  PyObject* find(const char* key) const {
    if (dict) {
      Ref<> text = steal(PyUnicode_FromString(key));
      return text ? PyDict_GetItemWithError(dict, text.get()) : nullptr;
    }
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i) {
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), key) == 0) return values[i];
    }
    return nullptr;
  }
};

// The parameters of a callable: positional-only ones have empty names.
struct Parameters {
  const char* const* keywords;
  int count = 0;
  int positional_only = 0;
  PyObject* tuple = nullptr;  // names of the others; borrowed from the parser, or null

  explicit Parameters(const char* const* list) : keywords(list) {
    while (list[count]) {
      if (!*list[count]) positional_only = count + 1;
      ++count;
    }
  }
  PyObject* given(const NamedArguments& named, int i) const {
    if (i < positional_only) return nullptr;
    return tuple ? named.find(PyTuple_GET_ITEM(tuple, i - positional_only)) : named.find(keywords[i]);
  }
  bool knows(PyObject* key) const {
    for (int i = positional_only; i < count; ++i) {
      if (PyUnicode_CompareWithASCIIString(key, keywords[i]) == 0) return true;
    }
    return false;
  }
};

bool too_many_arguments(Callee callee, int count, Py_ssize_t positional, Py_ssize_t named) {
  PyErr_Format(PyExc_TypeError, "%.200s%s takes %s %d %sargument%s (%zd given)", callee.text(), callee.parentheses(), "at most", count,
               positional == 0 ? "keyword " : "", plural(count), positional + named);
  return false;
}

// Some named argument matched no parameter, or one that was given by position too.
bool report_bad_keyword(Callee callee, const Parameters& parameters, const NamedArguments& named, Py_ssize_t positional) {
  for (int i = parameters.positional_only; i < parameters.count && i < positional; ++i) {
    PyObject* value = parameters.given(named, i);
    if (value) {
      PyErr_Format(PyExc_TypeError, "argument for %.200s%s given by name ('%s') and position (%d)", callee.text(), callee.parentheses(),
                   parameters.keywords[i], i + 1);
      return false;
    }
    if (PyErr_Occurred()) return false;
  }
  auto check = [&](PyObject* key) {
    if (!PyUnicode_Check(key)) {
      PyErr_SetString(PyExc_TypeError, "keywords must be strings");
      return false;
    }
    if (parameters.knows(key)) return true;
    PyErr_Format(PyExc_TypeError, "'%U' is an invalid keyword argument for %.200s%s", key, callee.text("this function"), callee.parentheses());
    return false;
  };
  if (named.dict) {
    PyObject* key;
    Py_ssize_t position = 0;
    while (PyDict_Next(named.dict, &position, &key, nullptr)) {
      if (!check(key)) return false;
    }
  } else {
    for (Py_ssize_t i = 0; named.names && i < PyTuple_GET_SIZE(named.names); ++i) {
      if (!check(PyTuple_GET_ITEM(named.names, i))) return false;
    }
  }
  return true;
}

bool parse_keywords(PyObject* const* args, Py_ssize_t positional, const NamedArguments& named, const char* format, const Parameters& parameters,
                    Callee callee, const char* message, VariableArguments& targets, bool clean) {
  const int count = parameters.count;
  Py_ssize_t named_count = named.count();
  if (positional + named_count > count) return too_many_arguments(callee, count, positional, named_count);
  ConversionCleanup cleanup(count + static_cast<int>(std::strlen(format)));
  if (!cleanup.usable()) return false;

  int least = INT_MAX;      // units before '|'
  int most = INT_MAX;       // units before '$'
  int reached = count;      // the parameters looked at
  bool skip_ahead = false;  // a required argument was missing: go on to find misspelled names, which explain it better
  Py_ssize_t left = named_count;
  for (int i = 0; i < count; ++i) {
    if (*format == '|') {
      if (least != INT_MAX) return PyErr_SetString(PyExc_SystemError, "Invalid format string (| specified twice)"), false;
      least = i;
      ++format;
      if (most != INT_MAX) return PyErr_SetString(PyExc_SystemError, "Invalid format string ($ before |)"), false;
    }
    if (*format == '$') {
      if (most != INT_MAX) return PyErr_SetString(PyExc_SystemError, "Invalid format string ($ specified twice)"), false;
      most = i;
      ++format;
      if (most < parameters.positional_only) return PyErr_SetString(PyExc_SystemError, "Empty parameter name after $"), false;
      if (skip_ahead) {
        reached = i;
        break;
      }
      if (most < positional) {
        if (most == 0) {
          PyErr_Format(PyExc_TypeError, "%.200s%s takes no positional arguments", callee.text(), callee.parentheses());
        } else {
          PyErr_Format(PyExc_TypeError, "%.200s%s takes %s %d positional argument%s (%zd given)", callee.text(), callee.parentheses(),
                       least != INT_MAX ? "at most" : "exactly", most, plural(most), positional);
        }
        return false;
      }
    }
    if (!*format || *format == ':' || *format == ';') {
      PyErr_Format(PyExc_SystemError, "More keyword list entries (%d) than format specifiers (%d)", count, i);
      return false;
    }
    if (!skip_ahead) {
      PyObject* value = nullptr;
      if (i < positional) {
        value = args[i];
      } else if (left && i >= parameters.positional_only) {
        value = parameters.given(named, i);
        if (value) --left;
        else if (PyErr_Occurred()) return false;
      }
      if (value) {
        ConversionPlace place{.argument = i + 1, .function = callee.name, .message = message};
        if (!convert_unit(value, format, targets, clean, place, cleanup)) return false;
        continue;
      }
      if (i < least) {
        if (i < parameters.positional_only) {
          // Counted below.
          skip_ahead = true;
        } else {
          PyErr_Format(PyExc_TypeError, "%.200s%s missing required argument '%s' (pos %i)", callee.text(), callee.parentheses(),
                       parameters.keywords[i], i + 1);
          return false;
        }
      }
      // Every argument is found and the rest is optional.
      if (!left && !skip_ahead) {
        cleanup.dismiss();
        return true;
      }
    }
    if (const char* problem = skip_unit(format, &targets, clean)) {
      PyErr_Format(PyExc_SystemError, "%s: '%s'", problem, format);
      return false;
    }
  }
  if (skip_ahead) {
    int needed = std::min(parameters.positional_only, least);
    PyErr_Format(PyExc_TypeError, "%.200s%s takes %s %d positional argument%s (%zd given)", callee.text(), callee.parentheses(),
                 needed < reached ? "at least" : "exactly", needed, plural(needed), positional);
    return false;
  }
  if (*format && *format != ';' && *format != ':' && *format != '|' && *format != '$') {
    PyErr_Format(PyExc_SystemError, "more argument specifiers than keyword list entries (remaining format:'%s')", format);
    return false;
  }
  if (left && !report_bad_keyword(callee, parameters, named, positional)) return false;
  cleanup.dismiss();
  return true;
}

bool parse_tuple_and_keywords(PyObject* args, PyObject* kwargs, const char* format, char** keywords, VariableArguments& targets, bool clean) {
  if (!args || !PyTuple_Check(args) || (kwargs && !PyDict_Check(kwargs)) || !format || !keywords) {
    PyErr_BadInternalCall();
    return false;
  }
  FormatFacts facts = facts_of(format);
  Parameters parameters(keywords);
  return parse_keywords(&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), {.dict = kwargs}, format, parameters, facts.function, facts.message,
                        targets, clean);
}

// ---- parsers that remember ---------------------------------------------------------------------------------

bool prepare(_PyArg_Parser* parser) {
  if (parser->kwtuple) return true;
  Parameters parameters(parser->keywords);
  if (parser->format) {
    FormatFacts facts = facts_of(parser->format);
    if (!parser->fname) parser->fname = facts.function.name;
    parser->custom_msg = facts.message;
    int units = 0, least = INT_MAX, most = INT_MAX, level = 0;
    for (const char* at = parser->format; *at && *at != ':' && *at != ';'; ++at) {
      if (*at == '(') {
        if (level++ == 0) ++units;
      } else if (*at == ')') {
        --level;
      } else if (level == 0) {
        if (*at == '|') least = units;
        else if (*at == '$') most = units;
        else if (std::isalpha(static_cast<unsigned char>(*at))) {
          if (*at == 'e' && (at[1] == 's' || at[1] == 't')) ++at;
          ++units;
        }
      }
    }
    parser->min = std::min(least, units);
    parser->max = std::min(most, units);
  }
  parser->pos = parameters.positional_only;
  Ref<> names = steal(PyTuple_New(parameters.count - parameters.positional_only));
  if (!names) return false;
  for (int i = parameters.positional_only; i < parameters.count; ++i) {
    PyObject* text = PyUnicode_InternFromString(parser->keywords[i]);
    if (!text) return false;
    PyTuple_SET_ITEM(names.get(), i - parameters.positional_only, text);
  }
  // Lives as long as the extension's static structure: for ever.
  parser->kwtuple = names.release();
  return true;
}

bool parse_with(_PyArg_Parser* parser, PyObject* const* args, Py_ssize_t positional, const NamedArguments& named, VariableArguments& targets, bool clean) {
  if (!prepare(parser)) return false;
  Parameters parameters(parser->keywords);
  parameters.tuple = parser->kwtuple;
  return parse_keywords(args, positional, named, parser->format, parameters, {parser->fname}, parser->custom_msg, targets, clean);
}

}  // namespace
}  // namespace gill

using namespace gill;

#define WITH_TARGETS(last, expression) \
  VariableArguments targets;           \
  va_start(targets.list, last);        \
  int result = (expression);           \
  va_end(targets.list);                \
  return result

#define COPY_TARGETS(expression)       \
  VariableArguments targets;           \
  va_copy(targets.list, list);         \
  int result = (expression);           \
  va_end(targets.list);                \
  return result

extern "C" {

#undef PyArg_Parse
#undef PyArg_ParseTuple
#undef PyArg_ParseTupleAndKeywords
#undef PyArg_VaParse
#undef PyArg_VaParseTupleAndKeywords

// The published header declares one variant of each or the other; both are exported.
PyAPI_FUNC(int) _PyArg_Parse_SizeT(PyObject*, const char*, ...);
PyAPI_FUNC(int) _PyArg_ParseTuple_SizeT(PyObject*, const char*, ...);
PyAPI_FUNC(int) _PyArg_VaParse_SizeT(PyObject*, const char*, va_list);
PyAPI_FUNC(int) _PyArg_ParseStack_SizeT(PyObject* const*, Py_ssize_t, const char*, ...);
PyAPI_FUNC(int) _PyArg_ParseTupleAndKeywords_SizeT(PyObject*, PyObject*, const char*, char**, ...);
PyAPI_FUNC(int) _PyArg_VaParseTupleAndKeywords_SizeT(PyObject*, PyObject*, const char*, char**, va_list);
PyAPI_FUNC(int) _PyArg_ParseTupleAndKeywordsFast_SizeT(PyObject*, PyObject*, struct _PyArg_Parser*, ...);
PyAPI_FUNC(int) _PyArg_VaParseTupleAndKeywordsFast_SizeT(PyObject*, PyObject*, struct _PyArg_Parser*, va_list);
PyAPI_FUNC(int) _PyArg_ParseStackAndKeywords_SizeT(PyObject* const*, Py_ssize_t, PyObject*, struct _PyArg_Parser*, ...);

int PyArg_Parse(PyObject* args, const char* format, ...) { WITH_TARGETS(format, parse_object(args, format, targets, false)); }
int _PyArg_Parse_SizeT(PyObject* args, const char* format, ...) { WITH_TARGETS(format, parse_object(args, format, targets, true)); }
int PyArg_ParseTuple(PyObject* args, const char* format, ...) { WITH_TARGETS(format, parse_tuple(args, format, targets, false)); }
int _PyArg_ParseTuple_SizeT(PyObject* args, const char* format, ...) { WITH_TARGETS(format, parse_tuple(args, format, targets, true)); }
int PyArg_VaParse(PyObject* args, const char* format, va_list list) { COPY_TARGETS(parse_tuple(args, format, targets, false)); }
int _PyArg_VaParse_SizeT(PyObject* args, const char* format, va_list list) { COPY_TARGETS(parse_tuple(args, format, targets, true)); }

int _PyArg_ParseStack(PyObject* const* args, Py_ssize_t count, const char* format, ...) {
  WITH_TARGETS(format, parse_positional(args, count, format, targets, false));
}
int _PyArg_ParseStack_SizeT(PyObject* const* args, Py_ssize_t count, const char* format, ...) {
  WITH_TARGETS(format, parse_positional(args, count, format, targets, true));
}

int PyArg_ParseTupleAndKeywords(PyObject* args, PyObject* kwargs, const char* format, char** keywords, ...) {
  WITH_TARGETS(keywords, parse_tuple_and_keywords(args, kwargs, format, keywords, targets, false));
}
int _PyArg_ParseTupleAndKeywords_SizeT(PyObject* args, PyObject* kwargs, const char* format, char** keywords, ...) {
  WITH_TARGETS(keywords, parse_tuple_and_keywords(args, kwargs, format, keywords, targets, true));
}
int PyArg_VaParseTupleAndKeywords(PyObject* args, PyObject* kwargs, const char* format, char** keywords, va_list list) {
  COPY_TARGETS(parse_tuple_and_keywords(args, kwargs, format, keywords, targets, false));
}
int _PyArg_VaParseTupleAndKeywords_SizeT(PyObject* args, PyObject* kwargs, const char* format, char** keywords, va_list list) {
  COPY_TARGETS(parse_tuple_and_keywords(args, kwargs, format, keywords, targets, true));
}

#define FAST_TUPLE(clean) parse_with(parser, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), {.dict = kwargs}, targets, clean)
#define FAST_STACK(clean) parse_with(parser, args, count, {.names = kwnames, .values = args + count}, targets, clean)
int _PyArg_ParseTupleAndKeywordsFast(PyObject* args, PyObject* kwargs, _PyArg_Parser* parser, ...) { WITH_TARGETS(parser, FAST_TUPLE(false)); }
int _PyArg_ParseTupleAndKeywordsFast_SizeT(PyObject* args, PyObject* kwargs, _PyArg_Parser* parser, ...) { WITH_TARGETS(parser, FAST_TUPLE(true)); }
int _PyArg_VaParseTupleAndKeywordsFast(PyObject* args, PyObject* kwargs, _PyArg_Parser* parser, va_list list) { COPY_TARGETS(FAST_TUPLE(false)); }
int _PyArg_VaParseTupleAndKeywordsFast_SizeT(PyObject* args, PyObject* kwargs, _PyArg_Parser* parser, va_list list) { COPY_TARGETS(FAST_TUPLE(true)); }
int _PyArg_ParseStackAndKeywords(PyObject* const* args, Py_ssize_t count, PyObject* kwnames, _PyArg_Parser* parser, ...) { WITH_TARGETS(parser, FAST_STACK(false)); }
int _PyArg_ParseStackAndKeywords_SizeT(PyObject* const* args, Py_ssize_t count, PyObject* kwnames, _PyArg_Parser* parser, ...) { WITH_TARGETS(parser, FAST_STACK(true)); }

// ---- unpacking for Argument Clinic ----------------------------------------------------------------------------

#undef _PyArg_UnpackKeywords
PyObject* const* _PyArg_UnpackKeywords(PyObject* const* args, Py_ssize_t count, PyObject* kwargs, PyObject* kwnames, _PyArg_Parser* parser,
                                       int minpos, int maxpos, int minkw, PyObject** buffer) {
  NamedArguments named{.dict = kwargs, .names = kwnames, .values = args + count};
  if (kwargs && !PyDict_Check(kwargs)) {
    PyErr_BadInternalCall();
    return nullptr;
  }
  if (!args && count == 0) args = buffer;
  if (!prepare(parser)) return nullptr;
  Parameters parameters(parser->keywords);
  parameters.tuple = parser->kwtuple;
  Callee callee{parser->fname};
  const int total = parameters.count;
  const int positional_only = parameters.positional_only;
  const int positional_required = std::min(positional_only, minpos);
  const int required = minkw ? maxpos + minkw : minpos;
  Py_ssize_t named_count = named.count();
  if (named_count == 0 && minkw == 0 && minpos <= count && count <= maxpos) return args;
  if (count + named_count > total) {
    too_many_arguments(callee, total, count, named_count);
    return nullptr;
  }
  if (count > maxpos) {
    if (maxpos == 0) return raise(PyExc_TypeError, "%.200s%s takes no positional arguments", callee.text(), callee.parentheses());
    return raise(PyExc_TypeError, "%.200s%s takes %s %zd positional argument%s (%zd given)", callee.text(), callee.parentheses(),
                 minpos < maxpos ? "at most" : "exactly", static_cast<Py_ssize_t>(maxpos), plural(maxpos), count);
  }
  if (count < positional_required) {
    return raise(PyExc_TypeError, "%.200s%s takes %s %zd positional argument%s (%zd given)", callee.text(), callee.parentheses(),
                 positional_required < maxpos ? "at least" : "exactly", static_cast<Py_ssize_t>(positional_required), plural(positional_required), count);
  }
  for (Py_ssize_t i = 0; i < count; ++i) buffer[i] = args[i];
  Py_ssize_t left = named_count;
  for (int i = std::max<int>(static_cast<int>(count), positional_only); i < total; ++i) {
    PyObject* value = nullptr;
    if (left) {
      value = parameters.given(named, i);
      if (!value && PyErr_Occurred()) return nullptr;
    } else if (i >= required) {
      // The rest is absent.
      for (; i < total; ++i) buffer[i] = nullptr;
      for (Py_ssize_t k = count; k < positional_only; ++k) buffer[k] = nullptr;
      return buffer;
    }
    buffer[i] = value;
    if (value) {
      --left;
    } else if (i < minpos || (maxpos <= i && i < required)) {
      return raise(PyExc_TypeError, "%.200s%s missing required argument '%U' (pos %d)", callee.text(), callee.parentheses(),
                   PyTuple_GET_ITEM(parser->kwtuple, i - positional_only), i + 1);
    }
  }
  for (Py_ssize_t k = count; k < positional_only; ++k) buffer[k] = nullptr;
  if (left && !report_bad_keyword(callee, parameters, named, count)) return nullptr;
  return buffer;
}

PyObject* const* _PyArg_UnpackKeywordsWithVararg(PyObject* const* args, Py_ssize_t count, PyObject* kwargs, PyObject* kwnames, _PyArg_Parser* parser,
                                                 int minpos, int maxpos, int minkw, int vararg, PyObject** buffer) {
  if (!prepare(parser)) return nullptr;
  Parameters parameters(parser->keywords);
  parameters.tuple = parser->kwtuple;
  Callee callee{parser->fname};
  const int total = parameters.count;
  const int positional_only = parameters.positional_only;
  const int positional_required = std::min(positional_only, minpos);
  NamedArguments named{.dict = kwargs, .names = kwnames, .values = args + count};
  if (count < positional_required) {
    return raise(PyExc_TypeError, "%.200s%s takes %s %zd positional argument%s (%zd given)", callee.text(), callee.parentheses(),
                 positional_required < maxpos ? "at least" : "exactly", static_cast<Py_ssize_t>(positional_required), plural(positional_required), count);
  }
  // What exceeds the named positional parameters goes into a tuple in place of `*args`.
  Py_ssize_t extra = std::max<Py_ssize_t>(0, count - maxpos);
  Ref<> rest = steal(PyTuple_New(extra));
  if (!rest) return nullptr;
  Py_ssize_t direct = std::min<Py_ssize_t>(maxpos, count);
  for (Py_ssize_t i = 0; i < direct; ++i) buffer[i] = args[i];
  for (Py_ssize_t i = 0; i < extra; ++i) PyTuple_SET_ITEM(rest.get(), i, borrow(args[direct + i]).release());
  const int required = minkw ? maxpos + minkw : minpos;
  Py_ssize_t left = named.count();
  // Parameters behind `*args` stand one further in the buffer.
  auto place = [&](int i) { return i < vararg ? i : i + 1; };
  for (int i = std::max<int>(static_cast<int>(direct), positional_only); i < total; ++i) {
    PyObject* value = nullptr;
    if (left) {
      value = parameters.given(named, i);
      if (!value && PyErr_Occurred()) return nullptr;
    }
    buffer[place(i)] = value;
    if (value) {
      --left;
    } else if (i < minpos || (maxpos <= i && i < required)) {
      return raise(PyExc_TypeError, "%.200s%s missing required argument '%U' (pos %d)", callee.text(), callee.parentheses(),
                   PyTuple_GET_ITEM(parser->kwtuple, i - positional_only), i + 1);
    }
  }
  if (left && !report_bad_keyword(callee, parameters, named, direct)) return nullptr;
  buffer[vararg] = rest.release();
  return buffer;
}

// ---- counting ---------------------------------------------------------------------------------------------------

#undef _PyArg_CheckPositional
int _PyArg_CheckPositional(const char* function, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most) {
  if (count < least) {
    if (function) {
      PyErr_Format(PyExc_TypeError, "%.200s expected %s%zd argument%s, got %zd", function, least == most ? "" : "at least ", least, plural(least), count);
    } else {
      PyErr_Format(PyExc_TypeError, "unpacked tuple should have %s%zd element%s, but has %zd", least == most ? "" : "at least ", least, plural(least), count);
    }
    return 0;
  }
  if (count == 0) return 1;
  if (count > most) {
    if (function) {
      PyErr_Format(PyExc_TypeError, "%.200s expected %s%zd argument%s, got %zd", function, least == most ? "" : "at most ", most, plural(most), count);
    } else {
      PyErr_Format(PyExc_TypeError, "unpacked tuple should have %s%zd element%s, but has %zd", least == most ? "" : "at most ", most, plural(most), count);
    }
    return 0;
  }
  return 1;
}

}  // extern "C"

namespace gill {
namespace {
int unpack(PyObject* const* args, Py_ssize_t count, const char* function, Py_ssize_t least, Py_ssize_t most, va_list targets) {
  if (!_PyArg_CheckPositional(function, count, least, most)) return 0;
  for (Py_ssize_t i = 0; i < count; ++i) *va_arg(targets, PyObject**) = args[i];
  return 1;
}
}  // namespace
}  // namespace gill

extern "C" {

int PyArg_UnpackTuple(PyObject* args, const char* function, Py_ssize_t least, Py_ssize_t most, ...) {
  if (!PyTuple_Check(args)) {
    PyErr_SetString(PyExc_SystemError, "PyArg_UnpackTuple() argument list is not a tuple");
    return 0;
  }
  // An empty name (the slot wrappers') reads "expected 1 argument, got 2".
  if (function && !*function && (PyTuple_GET_SIZE(args) < least || PyTuple_GET_SIZE(args) > most)) {
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    bool few = count < least;
    Py_ssize_t limit = few ? least : most;
    PyErr_Format(PyExc_TypeError, " expected %s%zd argument%s, got %zd", least == most ? "" : few ? "at least " : "at most ", limit, plural(limit), count);
    return 0;
  }
  va_list targets;
  va_start(targets, most);
  int result = unpack(&PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), function, least, most, targets);
  va_end(targets);
  return result;
}

int _PyArg_UnpackStack(PyObject* const* args, Py_ssize_t count, const char* function, Py_ssize_t least, Py_ssize_t most, ...) {
  va_list targets;
  va_start(targets, most);
  int result = unpack(args, count, function, least, most, targets);
  va_end(targets);
  return result;
}

#undef _PyArg_NoKeywords
#undef _PyArg_NoKwnames
#undef _PyArg_NoPositional
int _PyArg_NoKeywords(const char* function, PyObject* kwargs) {
  if (!kwargs) return 1;
  if (!PyDict_CheckExact(kwargs)) {
    PyErr_BadInternalCall();
    return 0;
  }
  if (PyDict_GET_SIZE(kwargs) == 0) return 1;
  PyErr_Format(PyExc_TypeError, "%.200s() takes no keyword arguments", function);
  return 0;
}
int _PyArg_NoKwnames(const char* function, PyObject* kwnames) {
  if (!kwnames || PyTuple_GET_SIZE(kwnames) == 0) return 1;
  PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments", function);
  return 0;
}
int _PyArg_NoPositional(const char* function, PyObject* args) {
  if (!args) return 1;
  if (!PyTuple_CheckExact(args)) {
    PyErr_BadInternalCall();
    return 0;
  }
  if (PyTuple_GET_SIZE(args) == 0) return 1;
  PyErr_Format(PyExc_TypeError, "%.200s() takes no positional arguments", function);
  return 0;
}

void _PyArg_BadArgument(const char* function, const char* argument, const char* expected, PyObject* value) {
  PyErr_Format(PyExc_TypeError, "%.200s() %.200s must be %.50s, not %.50s", function, argument, expected,
               value == Py_None ? "None" : Py_TYPE(value)->tp_name);
}

int PyArg_ValidateKeywordArguments(PyObject* kwargs) {
  if (!PyDict_Check(kwargs)) {
    PyErr_BadInternalCall();
    return 0;
  }
  if (!_PyDict_HasOnlyStringKeys(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "keywords must be strings");
    return 0;
  }
  return 1;
}

}  // extern "C"
