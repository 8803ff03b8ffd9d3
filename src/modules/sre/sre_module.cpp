// The `_sre` module: makes patterns from compiled code, after checking that the code stays inside itself.
#include "modules/sre/objects.h"

#include <new>

namespace gill::sre {
namespace {

// Checks code that Python code may have made: every skip lands inside, every operand is there, every
// group exists. The matcher relies on it.
class Validator {
 public:
  Validator(Py_ssize_t groups) : groups_(static_cast<Code>(groups)) {}

  bool program(const Code* code, const Code* end) {
    if (code >= end || end[-1] != SUCCESS) return false;
    if (*code == INFO) {
      if (!info(code + 1, end)) return false;
      code += 1 + code[1];
    }
    return sequence(code, end - 1, 0);
  }

 private:
  static constexpr int kMaxDepth = 10000;

  static bool skip_ok(const Code* at, const Code* end, Code least) {
    return at < end && *at >= least && static_cast<size_t>(*at) <= static_cast<size_t>(end - at);
  }

  bool charset(const Code* code, const Code* end) {
    while (code < end) {
      switch (*code++) {
        case FAILURE: return code == end;
        case NEGATE: break;
        case LITERAL: case CATEGORY: code += 1; break;
        case RANGE: case RANGE_UNI_IGNORE: code += 2; break;
        case CHARSET: code += 8; break;
        case BIGCHARSET: {
          if (code >= end) return false;
          Code blocks = *code++;
          if (blocks > 256 || end - code < static_cast<Py_ssize_t>(64 + blocks * 8)) return false;
          auto* map = reinterpret_cast<const unsigned char*>(code);
          for (int i = 0; i < 256; ++i) {
            if (map[i] >= blocks) return false;
          }
          code += 64 + blocks * 8;
          break;
        }
        default: return false;
      }
    }
    return false;
  }

  bool info(const Code* code, const Code* end) {
    if (!skip_ok(code, end, 4)) return false;
    const Code* stop = code + *code;
    Code flags = code[1];
    if (flags & ~(INFO_PREFIX | INFO_LITERAL | INFO_CHARSET)) return false;
    if (flags & INFO_PREFIX) {
      if (stop - code < 6) return false;
      Code length = code[4];
      return length > 0 && stop - (code + 6) == static_cast<Py_ssize_t>(length) * 2;
    }
    if (flags & INFO_CHARSET) return charset(code + 4, stop);
    return stop == code + 4;
  }

  bool single(const Code* item, const Code* end) {
    if (item >= end) return false;
    switch (*item) {
      case ANY: case ANY_ALL: return end - item == 1;
      case IN_: case IN_IGNORE: case IN_UNI_IGNORE: case IN_LOC_IGNORE:
        return skip_ok(item + 1, end, 2) && item + 1 + item[1] == end && charset(item + 2, end);
      case LITERAL: case NOT_LITERAL: case LITERAL_IGNORE: case NOT_LITERAL_IGNORE: case LITERAL_UNI_IGNORE:
      case NOT_LITERAL_UNI_IGNORE: case LITERAL_LOC_IGNORE: case NOT_LITERAL_LOC_IGNORE: case CATEGORY:
        return end - item == 2;
      default: return false;
    }
  }

  bool sequence(const Code* code, const Code* end, int depth) {
    if (depth > kMaxDepth) return false;
    while (code < end) {
      Code op = *code++;
      switch (op) {
        case ANY: case ANY_ALL: break;
        case LITERAL: case NOT_LITERAL: case LITERAL_IGNORE: case NOT_LITERAL_IGNORE: case LITERAL_UNI_IGNORE:
        case NOT_LITERAL_UNI_IGNORE: case LITERAL_LOC_IGNORE: case NOT_LITERAL_LOC_IGNORE: case CATEGORY: case AT:
          code += 1;
          break;
        case MARK:
          if (code >= end || *code >= groups_ * 2) return false;
          code += 1;
          break;
        case GROUPREF: case GROUPREF_IGNORE: case GROUPREF_UNI_IGNORE: case GROUPREF_LOC_IGNORE:
          if (code >= end || *code >= groups_) return false;
          code += 1;
          break;
        case IN_: case IN_IGNORE: case IN_UNI_IGNORE: case IN_LOC_IGNORE:
          if (!skip_ok(code, end, 2) || !charset(code + 1, code + *code)) return false;
          code += *code;
          break;
        case REPEAT_ONE: case MIN_REPEAT_ONE: case POSSESSIVE_REPEAT_ONE: {
          if (!skip_ok(code, end, 5)) return false;
          const Code* stop = code + *code;
          if (code[1] > code[2] || stop[-1] != SUCCESS || !single(code + 3, stop - 1)) return false;
          code = stop;
          break;
        }
        case REPEAT: case POSSESSIVE_REPEAT: {
          if (!skip_ok(code, end, 3) || code + *code >= end) return false;
          const Code* stop = code + *code;
          bool last_ok = op == REPEAT ? *stop == MAX_UNTIL || *stop == MIN_UNTIL : *stop == SUCCESS;
          if (code[1] > code[2] || !last_ok || !sequence(code + 3, stop, depth + 1)) return false;
          code = stop + 1;
          break;
        }
        case ATOMIC_GROUP: {
          if (!skip_ok(code, end, 2)) return false;
          const Code* stop = code + *code;
          if (stop[-1] != SUCCESS || !sequence(code + 1, stop - 1, depth + 1)) return false;
          code = stop;
          break;
        }
        case ASSERT: case ASSERT_NOT: {
          if (!skip_ok(code, end, 3)) return false;
          const Code* stop = code + *code;
          if (code[1] & 0x80000000u || stop[-1] != SUCCESS || !sequence(code + 2, stop - 1, depth + 1)) return false;
          code = stop;
          break;
        }
        case BRANCH: {
          const Code* target = nullptr;
          for (;;) {
            if (code >= end) return false;
            if (*code == 0) break;
            if (!skip_ok(code, end, 3)) return false;
            const Code* next = code + *code;
            if (next[-2] != JUMP || !skip_ok(next - 1, end, 1)) return false;
            if (!sequence(code + 1, next - 2, depth + 1)) return false;
            const Code* to = next - 1 + next[-1];
            if (target && target != to) return false;
            target = to;
            code = next;
          }
          ++code;
          if (code != target) return false;
          break;
        }
        case GROUPREF_EXISTS: {
          if (end - code < 2 || code[0] >= groups_) return false;
          Code skip = code[1];
          if (skip < 2 || static_cast<size_t>(skip) > static_cast<size_t>(end - code)) return false;
          const Code* no = code + skip;
          // With an else branch the yes branch ends with a jump behind it.
          if (skip >= 4 && no[-2] == JUMP && skip_ok(no - 1, end, 1) && no - 1 + no[-1] <= end) {
            const Code* both = no - 1 + no[-1];
            if (both >= no && sequence(code + 2, no - 2, depth + 1) && sequence(no, both, depth + 1)) {
              code = both;
              break;
            }
          }
          if (!sequence(code + 2, no, depth + 1)) return false;
          code = no;
          break;
        }
        default:
          return false;
      }
    }
    return code == end;
  }

  Code groups_;
};

Ref<> sre_compile(PyObject*, PyObject* pattern, int flags, PyListObject* code, Py_ssize_t groups, PyDictObject* groupindex,
                  PyTupleObject* indexgroup) {
  Py_ssize_t size = PyList_GET_SIZE(code);
  Ref<Pattern> self = TRY(Ref<Pattern>::steal(PyObject_GC_NewVar(Pattern, &SrePattern_Type, size)));
  self->group_index = nullptr;
  self->index_group = self->pattern = nullptr;
  self->weakrefs = nullptr;
  new (&self->sets) SetBitmaps();
  self->code_size = size;
  for (Py_ssize_t i = 0; i < size; ++i) {
    unsigned long value = PyLong_AsUnsignedLong(PyList_GET_ITEM(code, i));
    if (value == static_cast<unsigned long>(-1) && PyErr_Occurred()) return failure;
    self->code[i] = static_cast<Code>(value);
    if (self->code[i] != value) return raise(PyExc_OverflowError, "regular expression code size limit exceeded");
  }
  self->is_bytes = false;
  if (pattern != Py_None && !PyUnicode_Check(pattern)) {
    Py_buffer view;
    if (PyObject_GetBuffer(pattern, &view, PyBUF_SIMPLE) < 0) {
      return raise(PyExc_TypeError, "expected string or bytes-like object, got '%.200s'", Py_TYPE(pattern)->tp_name);
    }
    PyBuffer_Release(&view);
    self->is_bytes = true;
  }
  self->flags = flags;
  self->groups = groups;
  self->pattern = borrow(pattern).release();
  self->group_index = borrow(as_object(groupindex)).release();
  self->index_group = borrow(as_object(indexgroup)).release();
  if (groups < 0 || groups > kMaxGroups || !Validator(groups).program(self->code, self->code + size)) {
    return raise(PyExc_RuntimeError, "invalid SRE code");
  }
  PyObject_GC_Track(self.object());
  return self;
}

Maybe<Py_ssize_t> getcodesize(PyObject*) { return static_cast<Py_ssize_t>(sizeof(Code)); }
Maybe<bool> ascii_iscased(PyObject*, int c) { return c >= 0 && c < 128 && Py_ISALPHA(static_cast<unsigned char>(c)); }
Maybe<bool> unicode_iscased(PyObject*, int c) {
  Py_UCS4 u = static_cast<Py_UCS4>(c);
  return lower_unicode(u) != u || Py_UNICODE_TOUPPER(u) != u;
}
Maybe<int> ascii_tolower(PyObject*, int c) { return static_cast<int>(lower_ascii(static_cast<Py_UCS4>(c))); }
Maybe<int> unicode_tolower(PyObject*, int c) { return static_cast<int>(lower_unicode(static_cast<Py_UCS4>(c))); }

const PyMethodDef kFunctions[] = {
    METHOD("compile($module, /, pattern, flags, code, groups, groupindex, indexgroup)", sre_compile, "A pattern from code."),
    METHOD("getcodesize($module, /)", getcodesize, "Bytes of a code word."),
    METHOD("ascii_iscased($module, character, /)", ascii_iscased, "Whether the character has case in ASCII."),
    METHOD("unicode_iscased($module, character, /)", unicode_iscased, "Whether the character has case in Unicode."),
    METHOD("ascii_tolower($module, character, /)", ascii_tolower, "Lower case in ASCII."),
    METHOD("unicode_tolower($module, character, /)", unicode_tolower, "Lower case in Unicode."),
    kEndOfMethods,
};

int execute(PyObject* module) {
  for (PyTypeObject* type : {&SrePattern_Type, &SreMatch_Type, &SreScanner_Type}) TRY(status_of(PyType_Ready(type)));
  TRY(status_of(PyModule_AddIntConstant(module, "MAGIC", kMagic)));
  TRY(status_of(PyModule_AddIntConstant(module, "CODESIZE", sizeof(Code))));
  TRY(status_of(PyModule_AddIntConstant(module, "MAXREPEAT", kMaxRepeat)));
  TRY(status_of(PyModule_AddIntConstant(module, "MAXGROUPS", kMaxGroups)));
  TRY(status_of(PyModule_AddStringConstant(module, "copyright", " SRE 2.2.2 interface, Gill's matcher ")));
  return 0;
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_sre",
    .m_size = 0,
    .m_methods = table(kFunctions),
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__sre() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_sre", PyInit__sre);

}  // namespace gill::sre
