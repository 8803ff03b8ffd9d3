// The forms of what freeze_modules.py writes: code objects and what they consist of, as immortal objects in the executable's data.
// Nothing of them is built at run time, and the pages of functions that never run are not even read.
//
// Their strings are interned when the code first runs (vm/verify.cpp). What writes to them stands apart from what does not: each kind has a section.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>

#include "base/names.h"
#include "objects/bytes.h"
#include "objects/code.h"
#include "objects/opcodes.h"
#include "objects/tuple.h"
#include "runtime/published_runtime.h"

namespace gill {

// A module's code by the name that its source has.
struct FrozenCode {
  const char* source;
  PyObject* code;
};
extern const FrozenCode kFrozenCode[];

// The code of a module that is imported from its file, by what its .pyc has behind the header. The last has no code.
struct LibraryCode {
  uint64_t fingerprint;
  Py_ssize_t size;
  PyObject* code;
};
extern const LibraryCode kLibraryCode[];

namespace frozen {

template <size_t N>
struct Code _PyCode_DEF(N);

template <size_t N>
struct Tuple {
  PyVarObject head;
  PyObject* items[N];
};

template <size_t N>
struct Bytes {
  PyVarObject head;
  Py_hash_t hash;
  char text[N];
};

template <size_t N>
struct Int {
  PyVarObject head;
  digit digits[N];
};

// Text that is not ASCII; `Unit` has as many bytes as its widest character needs.
template <class Unit, size_t N>
struct WideText {
  PyCompactUnicodeObject head;
  Unit text[N];
};

constexpr PyVarObject head_of(PyTypeObject* type, Py_ssize_t size) { return {{kImmortalCount, type}, size}; }

constexpr PyASCIIObject text_head(Py_ssize_t length, unsigned kind = PyUnicode_1BYTE_KIND, bool ascii = true) {
  PyASCIIObject head{};
  head.ob_base = {kImmortalCount, &PyUnicode_Type};
  head.length = length;
  head.hash = -1;
  head.state.kind = kind & 7;
  head.state.compact = 1;
  head.state.ascii = ascii;
  head.state.ready = 1;
  return head;
}
constexpr PyCompactUnicodeObject wide_head(Py_ssize_t length, unsigned kind) {
  PyCompactUnicodeObject head{};
  head._base = text_head(length, kind, false);
  return head;
}

// The counts of a code object in the order of its fields.
struct Counts {
  int arguments, positional_only, keyword_only, stack, first_line, variables, locals, plain_cells, cells, free;
};
struct Parts {
  PyObject *constants, *names, *exceptions, *variables, *kinds, *filename, *name, *qualified, *lines;
};

// The code units begin with VERIFY, which has the strings interned, and end with what it stands for (objects/code.h).
template <size_t N>
constexpr Code<N> code(int units, int flags, const Counts& n, const Parts& parts, int first_traceable, const char (&text)[N]) {
  Code<N> made{};
  made.ob_base = head_of(&PyCode_Type, units);
  made.co_consts = parts.constants;
  made.co_names = parts.names;
  made.co_exceptiontable = parts.exceptions;
  made.co_flags = flags;
  made.co_warmup = kCodeWarmup;
  made.co_argcount = n.arguments;
  made.co_posonlyargcount = n.positional_only;
  made.co_kwonlyargcount = n.keyword_only;
  made.co_stacksize = n.stack;
  made.co_firstlineno = n.first_line;
  made.co_nlocalsplus = n.variables;
  made.co_nlocals = n.locals;
  made.co_nplaincellvars = n.plain_cells;
  made.co_ncellvars = n.cells;
  made.co_nfreevars = n.free;
  made.co_localsplusnames = parts.variables;
  made.co_localspluskinds = parts.kinds;
  made.co_filename = parts.filename;
  made.co_name = parts.name;
  made.co_qualname = parts.qualified;
  made.co_linetable = parts.lines;
  made._co_firsttraceable = first_traceable;
  for (size_t i = 0; i < N; ++i) made.co_code_adaptive[i] = text[i];
  made.co_code_adaptive[0] = static_cast<char>(Op::VERIFY);
  made.co_code_adaptive[1] = 0;
  return made;
}

}  // namespace frozen
}  // namespace gill
