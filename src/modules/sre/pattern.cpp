// `re.Pattern` and the scanner behind finditer().
#include "base/defining_class_method.h"
#include "modules/sre/objects.h"

#include <structmember.h>

namespace gill::sre {
namespace {

enum class How { match, fullmatch, search };

Ref<> run(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos, How how) {
  Subject subject;
  TRY(subject.open(self, string, pos, endpos));
  subject.search.full = how == How::fullmatch;
  if (!TRY(how == How::search ? search_forward(subject.search) : match_here(subject.search))) return none();
  return subject.make_match(self);
}
Ref<> pattern_match(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  return run(self, string, pos, endpos, How::match);
}
Ref<> pattern_fullmatch(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  return run(self, string, pos, endpos, How::fullmatch);
}
Ref<> pattern_search(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  return run(self, string, pos, endpos, How::search);
}

Ref<> pattern_findall(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  Subject subject;
  TRY(subject.open(self, string, pos, endpos));
  Ref<> result = TRY(steal(PyList_New(0)));
  while (TRY(search_forward(subject.search))) {
    Ref<> item;
    if (self->groups <= 1) {
      item = TRY(subject.group(self->groups, true));
    } else {
      item = TRY(steal(PyTuple_New(self->groups)));
      for (Py_ssize_t i = 0; i < self->groups; ++i) {
        PyTuple_SET_ITEM(item.get(), i, TRY(subject.group(i + 1, true)).release());
      }
    }
    TRY(status_of(PyList_Append(result.get(), item.get())));
    subject.advance();
  }
  return result;
}

Ref<> pattern_scanner(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  return new_scanner(self, string, pos, endpos);
}
Ref<> pattern_finditer(Pattern* self, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  Ref<> scanner = TRY(new_scanner(self, string, pos, endpos));
  Ref<> search = TRY(steal(PyObject_GetAttr(scanner.get(), name<"search">)));
  return steal(PyCallIter_New(search.get(), Py_None));
}

Ref<> pattern_split(Pattern* self, PyObject* string, Py_ssize_t maxsplit) {
  Subject subject;
  TRY(subject.open(self, string, 0, PY_SSIZE_T_MAX));
  Ref<> result = TRY(steal(PyList_New(0)));
  Py_ssize_t last = 0;
  for (Py_ssize_t n = 0; !maxsplit || n < maxsplit; ++n) {
    if (!TRY(search_forward(subject.search))) break;
    Ref<> piece = TRY(subject.slice(last, subject.index_of(subject.search.start)));
    TRY(status_of(PyList_Append(result.get(), piece.get())));
    for (Py_ssize_t i = 0; i < self->groups; ++i) {
      Ref<> group = TRY(subject.group(i + 1, false));
      TRY(status_of(PyList_Append(result.get(), group.get())));
    }
    subject.advance();
    last = subject.index_of(subject.search.stop);
  }
  Ref<> rest = TRY(subject.slice(last, subject.length));
  TRY(status_of(PyList_Append(result.get(), rest.get())));
  return result;
}

// A replacement without a backslash is its own expansion.
Maybe<bool> is_literal(PyObject* replacement) {
  if (PyUnicode_Check(replacement)) {
    return PyUnicode_FindChar(replacement, '\\', 0, PyUnicode_GET_LENGTH(replacement), 1) < 0;
  }
  Py_buffer view;
  if (PyObject_GetBuffer(replacement, &view, PyBUF_SIMPLE) < 0) {
    PyErr_Clear();
    return false;
  }
  bool literal = !std::memchr(view.buf, '\\', static_cast<size_t>(view.len));
  PyBuffer_Release(&view);
  return literal;
}

Ref<> joined(PyObject* pieces, PyObject* string) {
  Ref<> empty = TRY(slice_of(string, 0, 0));
  if (PyList_GET_SIZE(pieces) == 0) return empty;
  return steal(PyUnicode_Check(empty.get()) ? PyUnicode_Join(empty.get(), pieces) : _PyBytes_Join(empty.get(), pieces));
}

Ref<> substitute(Pattern* self, PyObject* replacement, PyObject* string, Py_ssize_t count, bool with_count) {
  Ref<> filter = borrow(replacement);
  bool callable = PyCallable_Check(replacement);
  if (!callable && !TRY(is_literal(replacement))) {
    Ref<> re = TRY(steal(PyImport_ImportModule("re")));
    filter = TRY(steal(PyObject_CallMethod(re.get(), "_subx", "OO", self, replacement)));
    callable = PyCallable_Check(filter.get());
  }
  Subject subject;
  TRY(subject.open(self, string, 0, PY_SSIZE_T_MAX));
  Ref<> pieces = TRY(steal(PyList_New(0)));
  Py_ssize_t done = 0, at = 0;
  while (!count || done < count) {
    if (!TRY(search_forward(subject.search))) break;
    Py_ssize_t from = subject.index_of(subject.search.start);
    if (at < from) {
      Ref<> between = TRY(subject.slice(at, from));
      TRY(status_of(PyList_Append(pieces.get(), between.get())));
    }
    Ref<> item;
    if (callable) {
      Ref<> match = TRY(subject.make_match(self));
      item = TRY(steal(PyObject_CallOneArg(filter.get(), match.get())));
    } else {
      item = filter.new_ref();
    }
    if (item.get() != Py_None) TRY(status_of(PyList_Append(pieces.get(), item.get())));
    at = subject.index_of(subject.search.stop);
    ++done;
    subject.advance();
  }
  if (at < subject.length) {
    Ref<> rest = TRY(subject.slice(at, subject.length));
    TRY(status_of(PyList_Append(pieces.get(), rest.get())));
  }
  Ref<> result = TRY(joined(pieces.get(), string));
  if (!with_count) return result;
  return steal(Py_BuildValue("On", result.get(), done));
}
Ref<> pattern_sub(Pattern* self, PyObject* repl, PyObject* string, Py_ssize_t count) {
  return substitute(self, repl, string, count, false);
}
Ref<> pattern_subn(Pattern* self, PyObject* repl, PyObject* string, Py_ssize_t count) {
  return substitute(self, repl, string, count, true);
}

Ref<> pattern_copy(PyObject* self) { return borrow(self); }
Ref<> pattern_deepcopy(PyObject* self, PyObject*) { return borrow(self); }
Ref<> pattern_class_getitem(PyTypeObject* type, PyObject* item) { return steal(Py_GenericAlias(as_object(type), item)); }

Ref<> pattern_groupindex(Pattern* self) { return steal(PyDictProxy_New(self->group_index)); }

struct FlagName { int flag; const char* text; };
constexpr FlagName kFlagNames[] = {{1, "re.TEMPLATE"}, {2, "re.IGNORECASE"}, {4, "re.LOCALE"}, {8, "re.MULTILINE"}, {16, "re.DOTALL"},
                                   {32, "re.UNICODE"}, {64, "re.VERBOSE"}, {128, "re.DEBUG"}, {256, "re.ASCII"}};

Ref<> pattern_repr(Pattern* self) {
  int flags = self->flags;
  // A str pattern is UNICODE unless it says otherwise.
  if (self->has_text() && !self->is_bytes && (flags & (4 | 32 | 256)) == 32) flags &= ~32;
  Ref<> names = TRY(steal(PyList_New(0)));
  for (const FlagName& known : kFlagNames) {
    if (!(flags & known.flag)) continue;
    Ref<> text = TRY(steal(PyUnicode_FromString(known.text)));
    TRY(status_of(PyList_Append(names.get(), text.get())));
    flags &= ~known.flag;
  }
  if (flags) {
    Ref<> text = TRY(steal(PyUnicode_FromFormat("0x%x", flags)));
    TRY(status_of(PyList_Append(names.get(), text.get())));
  }
  if (PyList_GET_SIZE(names.get()) == 0) return steal(PyUnicode_FromFormat("re.compile(%.200R)", self->pattern));
  Ref<> separator = TRY(steal(PyUnicode_FromString("|")));
  Ref<> all = TRY(steal(PyUnicode_Join(separator.get(), names.get())));
  return steal(PyUnicode_FromFormat("re.compile(%.200R, %S)", self->pattern, all.get()));
}

Py_hash_t pattern_hash(Pattern* self) {
  Py_hash_t hash = PyObject_Hash(self->pattern);
  if (hash == -1) return -1;
  hash ^= _Py_HashBytes(self->code, self->code_size * static_cast<Py_ssize_t>(sizeof(Code)));
  hash ^= static_cast<Py_hash_t>(self->flags) ^ self->is_bytes ^ self->groups;
  return hash == -1 ? -2 : hash;
}

Ref<> pattern_compare(Pattern* self, PyObject* other_object, int op) {
  if ((op != Py_EQ && op != Py_NE) || Py_TYPE(other_object) != &SrePattern_Type) return borrow(Py_NotImplemented);
  auto* other = reinterpret_cast<Pattern*>(other_object);
  bool same = self == other || (self->flags == other->flags && self->is_bytes == other->is_bytes && self->groups == other->groups &&
                                self->code_size == other->code_size &&
                                std::memcmp(self->code, other->code, static_cast<size_t>(self->code_size) * sizeof(Code)) == 0 &&
                                TRY(truth_of(PyObject_RichCompareBool(self->pattern, other->pattern, Py_EQ))));
  return py_bool(same == (op == Py_EQ));
}

using PatternFields = OwnedFields<&Pattern::group_index, &Pattern::index_group, &Pattern::pattern>;

void pattern_dealloc(Pattern* self) {
  PyObject_GC_UnTrack(as_object(self));
  if (self->weakrefs) PyObject_ClearWeakRefs(as_object(self));
  PatternFields::clear_all(self);
  self->sets.~SetBitmaps();
  PyObject_GC_Del(self);
}

const PyMethodDef kPatternMethods[] = {
    METHOD("match($self, /, string, pos=0, endpos=sys.maxsize)", pattern_match, "Matches zero or more characters at the beginning of the string."),
    METHOD("fullmatch($self, /, string, pos=0, endpos=sys.maxsize)", pattern_fullmatch, "Matches against all of the string."),
    METHOD("search($self, /, string, pos=0, endpos=sys.maxsize)", pattern_search, "Scan through string looking for a match, and return a corresponding match object instance."),
    METHOD("sub($self, /, repl, string, count=0)", pattern_sub, "Return the string obtained by replacing the leftmost non-overlapping occurrences of pattern in string by the replacement repl."),
    METHOD("subn($self, /, repl, string, count=0)", pattern_subn, "Return the tuple (new_string, number_of_subs_made)."),
    METHOD("findall($self, /, string, pos=0, endpos=sys.maxsize)", pattern_findall, "Return a list of all non-overlapping matches of pattern in string."),
    METHOD("split($self, /, string, maxsplit=0)", pattern_split, "Split string by the occurrences of pattern."),
    METHOD("finditer($self, /, string, pos=0, endpos=sys.maxsize)", pattern_finditer, "Return an iterator over all non-overlapping matches for the RE pattern in string."),
    METHOD("scanner($self, /, string, pos=0, endpos=sys.maxsize)", pattern_scanner, "A scanner over the string."),
    METHOD("__copy__($self, /)", pattern_copy, "The pattern itself."),
    METHOD("__deepcopy__($self, memo, /)", pattern_deepcopy, "The pattern itself."),
    CLASS_METHOD_UNSIGNED("__class_getitem__($type, object, /)", pattern_class_getitem, "See PEP 585"),
    kEndOfMethods,
};
const PyGetSetDef kPatternAttributes[] = {
    getset<pattern_groupindex>("groupindex", "A dictionary mapping group names to group numbers."),
    kEndOfGetSets,
};
const PyMemberDef kPatternMembers[] = {
    {"pattern", T_OBJECT, offsetof(Pattern, pattern), READONLY, "The pattern string from which the RE object was compiled."},
    {"flags", T_INT, offsetof(Pattern, flags), READONLY, "The regex matching flags."},
    {"groups", T_PYSSIZET, offsetof(Pattern, groups), READONLY, "The number of capturing groups in the pattern."},
    {},
};

}  // namespace

extern "C" PyTypeObject SrePattern_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "re.Pattern",
    .tp_basicsize = sizeof(Pattern),
    .tp_itemsize = sizeof(Code),
    .tp_dealloc = slot<pattern_dealloc>,
    .tp_repr = slot<pattern_repr>,
    .tp_hash = slot<pattern_hash>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .tp_doc = "Compiled regular expression object.",
    .tp_traverse = PatternFields::traverse,
    .tp_clear = PatternFields::clear,
    .tp_richcompare = slot<pattern_compare>,
    .tp_weaklistoffset = offsetof(Pattern, weakrefs),
    .tp_methods = table(kPatternMethods),
    .tp_members = table(kPatternMembers),
    .tp_getset = table(kPatternAttributes),
};
GILL_STATIC_TYPE(SrePattern_Type);

// ---- scanner --------------------------------------------------------------------------------------

namespace {

struct Scanner {
  PyObject_HEAD
  Pattern* pattern;
  PyObject* string;
  Subject* subject;
  bool executing;
};
using ScannerFields = OwnedFields<&Scanner::pattern, &Scanner::string>;

Ref<> scan(Scanner* self, bool anywhere) {
  if (self->executing) return raise(PyExc_ValueError, "regular expression scanner already executing");
  Subject& subject = *self->subject;
  if (!subject.search.start) return none();
  self->executing = true;
  Maybe<bool> found = anywhere ? search_forward(subject.search) : match_here(subject.search);
  self->executing = false;
  if (!TRY(found)) {
    subject.search.start = nullptr;
    return none();
  }
  Ref<> match = TRY(subject.make_match(self->pattern));
  subject.advance();
  return match;
}
Ref<> scanner_match(Scanner* self) { return scan(self, false); }
Ref<> scanner_search(Scanner* self) { return scan(self, true); }

void scanner_dealloc(Scanner* self) {
  PyObject_GC_UnTrack(as_object(self));
  if (self->subject) {
    self->subject->~Subject();
    PyMem_Free(self->subject);
  }
  ScannerFields::clear_all(self);
  PyObject_GC_Del(self);
}

const PyMethodDef kScannerMethods[] = {
    METHOD_OF_DEFINING_CLASS("match($self, /)", scanner_match, "Match at the current position."),
    METHOD_OF_DEFINING_CLASS("search($self, /)", scanner_search, "Search from the current position."),
    kEndOfMethods,
};
const PyMemberDef kScannerMembers[] = {
    {"pattern", T_OBJECT, offsetof(Scanner, pattern), READONLY, nullptr},
    {},
};

}  // namespace

extern "C" PyTypeObject SreScanner_Type = {
    .ob_base = GILL_STATIC_TYPE_HEAD,
    .tp_name = "_sre.SRE_Scanner",
    .tp_basicsize = sizeof(Scanner),
    .tp_dealloc = slot<scanner_dealloc>,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .tp_traverse = ScannerFields::traverse,
    .tp_methods = table(kScannerMethods),
    .tp_members = table(kScannerMembers),
};
GILL_STATIC_TYPE(SreScanner_Type);

Ref<> new_scanner(Pattern* pattern, PyObject* string, Py_ssize_t pos, Py_ssize_t endpos) {
  Ref<Scanner> self = TRY(Ref<Scanner>::steal(PyObject_GC_New(Scanner, &SreScanner_Type)));
  self->pattern = Ref<Pattern>::borrow(pattern).release();
  self->string = borrow(string).release();
  self->executing = false;
  self->subject = nullptr;
  void* memory = PyMem_Malloc(sizeof(Subject));
  if (!memory) {
    PyErr_NoMemory();
    return failure;
  }
  self->subject = new (memory) Subject;
  TRY(self->subject->open(pattern, string, pos, endpos));
  PyObject_GC_Track(self.object());
  return self;
}

}  // namespace gill::sre
