// What the files of `_csv` share.
#pragma once

#include "base/binding.h"
#include "base/names.h"

namespace gill::csv {

struct State {
  PyObject* error;
  PyObject* dialects;  // dict from name to Dialect
  PyTypeObject* dialect_type;
  PyTypeObject* reader_type;
  PyTypeObject* writer_type;
  long field_limit;
};

extern PyModuleDef module_definition;

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
inline State* state_of_type(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_definition);
  return module ? state_of(module) : nullptr;
}

// Beyond every character: none is set, and the end of a line.
inline constexpr Py_UCS4 kNoCharacter = 0xffffffff;
inline constexpr Py_UCS4 kEndOfLine = 0xfffffffe;

enum Quoting { kQuoteMinimal, kQuoteAll, kQuoteNonNumeric, kQuoteNone };

struct Dialect {
  PyObject_HEAD
  char double_quote;
  char skip_initial_space;
  char strict;
  int quoting;
  Py_UCS4 delimiter;
  Py_UCS4 quote;
  Py_UCS4 escape;
  PyObject* line_terminator;  // str
};

Status add_dialect_type(PyObject* module);
Status add_reader_type(PyObject* module);
Status add_writer_type(PyObject* module);

// The Dialect for the `dialect` argument and the keywords of reader(), writer() and register_dialect(); both may be null.
Ref<Dialect> make_dialect(State* state, PyObject* dialect, PyObject* kwargs);
// A borrowed entry of the registry.
PyObject* registered_dialect(State* state, PyObject* dialect_name);

PyObject* reader(PyObject* module, PyObject* args, PyObject* kwargs);
PyObject* writer(PyObject* module, PyObject* args, PyObject* kwargs);

}  // namespace gill::csv
