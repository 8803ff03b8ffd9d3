// The table of the methods of str, and the methods that belong to no larger subject.
#include "objects/str_methods.h"

namespace gill {

Ref<> str_encode(PyObject* self, const char* encoding, const char* errors) {
  return steal(PyUnicode_AsEncodedString(self, encoding, errors));
}

namespace {

Maybe<Py_ssize_t> str_sizeof(PyObject* self) {
  PyASCIIObject* head = str_head(self);
  Py_ssize_t size;
  if (PyUnicode_IS_COMPACT_ASCII(self)) {
    size = static_cast<Py_ssize_t>(sizeof(PyASCIIObject)) + head->length + 1;
  } else if (PyUnicode_IS_COMPACT(self)) {
    size = static_cast<Py_ssize_t>(sizeof(PyCompactUnicodeObject)) + (head->length + 1) * PyUnicode_KIND(self);
  } else {
    // The block with the characters counts with the object.
    size = Py_TYPE(self)->tp_basicsize;
    if (str_legacy(self)->data.any) size += (head->length + 1) * static_cast<Py_ssize_t>(head->state.kind);
  }
  void* data = PyUnicode_IS_READY(self) ? PyUnicode_DATA(self) : nullptr;
  if (!PyUnicode_IS_COMPACT_ASCII(self)) {
    PyCompactUnicodeObject* c = str_compact(self);
    if (c->utf8 && c->utf8 != data) size += c->utf8_length + 1;
    if (head->wstr && static_cast<void*>(head->wstr) != data) size += (c->wstr_length + 1) * static_cast<Py_ssize_t>(sizeof(wchar_t));
  } else if (head->wstr) {
    size += (head->length + 1) * static_cast<Py_ssize_t>(sizeof(wchar_t));
  }
  return size;
}

Ref<> str_getnewargs(PyObject* self) {
  Ref<> copy = TRY(steal(_PyUnicode_Copy(self)));
  return steal(PyTuple_Pack(1, copy.get()));
}

}  // namespace

const PyMethodDef kStrMethods[] = {
    METHOD("encode($self, /, encoding='utf-8', errors='strict')", str_encode,
           "Encode the string using the codec registered for encoding.\n\n"
           "  errors\n    What to do with characters that cannot be encoded: 'strict' raises UnicodeEncodeError;\n"
           "    'ignore', 'replace', 'xmlcharrefreplace' and any name registered with\n"
           "    codecs.register_error are the others."),
    METHOD("replace($self, old, new, count=-1, /)", str_replace,
           "Return a copy with all occurrences of substring old replaced by new.\n\n"
           "With a count that is not negative, only the first count occurrences are replaced."),
    METHOD("split($self, /, sep=None, maxsplit=-1)", str_split,
           "Return a list of the substrings in the string, using sep as the separator string.\n\n"
           "Without a separator, runs of whitespace separate and empty strings are dropped.\n"
           "At most maxsplit splits are done, from the left; -1 means no limit."),
    METHOD("rsplit($self, /, sep=None, maxsplit=-1)", str_rsplit,
           "Return a list of the substrings in the string, using sep as the separator string.\n\n"
           "As split(), but maxsplit counts from the right."),
    METHOD("join($self, iterable, /)", str_join,
           "Concatenate any number of strings.\n\nThe string itself stands between each two of them."),
    METHOD("capitalize($self, /)", str_capitalize,
           "Return a capitalized version of the string.\n\nThe first character is in title case and the rest in lower case."),
    METHOD("casefold($self, /)", str_casefold, "Return a version of the string suitable for caseless comparisons."),
    METHOD("title($self, /)", str_title,
           "Return a version of the string where each word is titlecased.\n\n"
           "A word begins in title case; its other cased characters are in lower case."),
    METHOD("center($self, width, fillchar=' ', /)", str_center,
           "Return a centered string of length width.\n\nPadding is done using the specified fill character (default is a space)."),
    METHOD_PARSED("count($self, sub, start=<null>, end=<null>, /)", str_count,
                    "S.count(sub[, start[, end]]) -> int\n\n"
                    "Return how often sub occurs, without overlap, in S[start:end]."),
    METHOD("expandtabs($self, /, tabsize=8)", str_expandtabs,
           "Return a copy where all tab characters are expanded using spaces.\n\nIf tabsize is not given, a tab size of 8 characters is assumed."),
    METHOD_PARSED("find($self, sub, start=<null>, end=<null>, /)", str_find,
                    "S.find(sub[, start[, end]]) -> int\n\n"
                    "Return the lowest index where sub lies inside S[start:end], or -1."),
    METHOD("partition($self, sep, /)", str_partition,
           "Partition the string into three parts using the given separator.\n\n"
           "The parts are what precedes the first separator, the separator, and what follows.\n"
           "Without one they are the string and two empty strings."),
    METHOD_PARSED("index($self, sub, start=<null>, end=<null>, /)", str_index,
                    "S.index(sub[, start[, end]]) -> int\n\n"
                    "Return the lowest index where sub lies inside S[start:end].\n\nRaises ValueError when there is none."),
    METHOD("ljust($self, width, fillchar=' ', /)", str_ljust,
           "Return a left-justified string of length width.\n\nPadding is done using the specified fill character (default is a space)."),
    METHOD("lower($self, /)", str_lower, "Return a copy of the string converted to lowercase."),
    METHOD("lstrip($self, chars=None, /)", str_lstrip,
           "Return a copy of the string with leading whitespace removed.\n\nIf chars is given and not None, its characters are removed instead."),
    METHOD_PARSED("rfind($self, sub, start=<null>, end=<null>, /)", str_rfind,
                    "S.rfind(sub[, start[, end]]) -> int\n\n"
                    "Return the highest index where sub lies inside S[start:end], or -1."),
    METHOD_PARSED("rindex($self, sub, start=<null>, end=<null>, /)", str_rindex,
                    "S.rindex(sub[, start[, end]]) -> int\n\n"
                    "Return the highest index where sub lies inside S[start:end].\n\nRaises ValueError when there is none."),
    METHOD("rjust($self, width, fillchar=' ', /)", str_rjust,
           "Return a right-justified string of length width.\n\nPadding is done using the specified fill character (default is a space)."),
    METHOD("rstrip($self, chars=None, /)", str_rstrip,
           "Return a copy of the string with trailing whitespace removed.\n\nIf chars is given and not None, its characters are removed instead."),
    METHOD("rpartition($self, sep, /)", str_rpartition,
           "Partition the string into three parts using the given separator.\n\n"
           "The parts are what precedes the last separator, the separator, and what follows.\n"
           "Without one they are two empty strings and the string."),
    METHOD("splitlines($self, /, keepends=False)", str_splitlines,
           "Return a list of the lines in the string, breaking at line boundaries.\n\nThe line ends stay only if keepends is true."),
    METHOD("strip($self, chars=None, /)", str_strip,
           "Return a copy of the string with leading and trailing whitespace removed.\n\nIf chars is given and not None, its characters are removed instead."),
    METHOD("swapcase($self, /)", str_swapcase,
           "Convert uppercase characters to lowercase and lowercase characters to uppercase."),
    METHOD("translate($self, table, /)", str_translate,
           "Replace each character in the string using the given translation table.\n\n"
           "  table\n    Maps code points to code points, strings or None. A character that is not in\n"
           "    it (LookupError) stays; None deletes it. str.maketrans makes such tables."),
    METHOD("upper($self, /)", str_upper, "Return a copy of the string converted to uppercase."),
    METHOD_PARSED("startswith($self, prefix, start=<null>, end=<null>, /)", str_startswith,
                    "S.startswith(prefix[, start[, end]]) -> bool\n\n"
                    "Return True if S[start:end] begins with the prefix, or with one of a tuple of them."),
    METHOD_PARSED("endswith($self, suffix, start=<null>, end=<null>, /)", str_endswith,
                    "S.endswith(suffix[, start[, end]]) -> bool\n\n"
                    "Return True if S[start:end] ends with the suffix, or with one of a tuple of them."),
    METHOD("removeprefix($self, prefix, /)", str_removeprefix,
           "Return a str with the given prefix string removed if present."),
    METHOD("removesuffix($self, suffix, /)", str_removesuffix,
           "Return a str with the given suffix string removed if present."),
    METHOD("isascii($self, /)", str_isascii, "Return True if all characters in the string are ASCII, False otherwise."),
    METHOD("islower($self, /)", str_islower, "Return True if the string is a lowercase string, False otherwise."),
    METHOD("isupper($self, /)", str_isupper, "Return True if the string is an uppercase string, False otherwise."),
    METHOD("istitle($self, /)", str_istitle, "Return True if the string is a title-cased string, False otherwise."),
    METHOD("isspace($self, /)", str_isspace, "Return True if the string is a whitespace string, False otherwise."),
    METHOD("isdecimal($self, /)", str_isdecimal, "Return True if the string is a decimal string, False otherwise."),
    METHOD("isdigit($self, /)", str_isdigit, "Return True if the string is a digit string, False otherwise."),
    METHOD("isnumeric($self, /)", str_isnumeric, "Return True if the string is a numeric string, False otherwise."),
    METHOD("isalpha($self, /)", str_isalpha, "Return True if the string is an alphabetic string, False otherwise."),
    METHOD("isalnum($self, /)", str_isalnum, "Return True if the string is an alpha-numeric string, False otherwise."),
    METHOD("isidentifier($self, /)", str_isidentifier,
           "Return True if the string is a valid Python identifier, False otherwise.\n\nkeyword.iskeyword(s) tells reserved words apart."),
    METHOD("isprintable($self, /)", str_isprintable, "Return True if the string is printable, False otherwise."),
    METHOD("zfill($self, width, /)", str_zfill,
           "Pad a numeric string with zeros on the left, to fill a field of the given width.\n\nThe string is never truncated."),
    METHOD_OF_TUPLE("format($self, *args, **kwargs)", str_format,
                    "S.format(*args, **kwargs) -> str\n\n"
                    "Return S with the fields in braces replaced by formatted arguments."),
    METHOD_UNSIGNED("format_map($self, mapping, /)", str_format_map,
                    "S.format_map(mapping) -> str\n\n"
                    "Return S with the fields in braces replaced by formatted values of the mapping."),
    METHOD("__format__($self, format_spec, /)", str_dunder_format,
           "Return a formatted version of the string as described by format_spec."),
    STATIC_METHOD("maketrans(x, y=<unrepresentable>, z=<unrepresentable>, /)", str_maketrans,
                  "Return a translation table usable for str.translate().\n\n"
                  "One argument is a dict from characters or code points to code points, strings or None.\n"
                  "Two are strings of equal length, whose characters map one to one;\n"
                  "a third names the characters to delete."),
    METHOD("__sizeof__($self, /)", str_sizeof, "Return the size of the string in memory, in bytes."),
    METHOD_UNSIGNED("__getnewargs__($self, /)", str_getnewargs, nullptr),
    kEndOfMethods,
};

}  // namespace gill
