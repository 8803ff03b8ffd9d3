// What others need of code objects beyond the C API: the readers of the location and exception tables.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "objects/opcodes.h"

// How the reference's compiler and unmarshaller describe a code object; the published _PyCode_New takes it.
struct _PyCodeConstructor {
  PyObject* filename;
  PyObject* name;
  PyObject* qualname;
  int flags;
  PyObject* code;
  int firstlineno;
  PyObject* linetable;
  PyObject* consts;
  PyObject* names;
  PyObject* localsplusnames;
  PyObject* localspluskinds;
  int argcount;
  int posonlyargcount;
  int kwonlyargcount;
  int stacksize;
  PyObject* exceptiontable;
};

extern "C" {
PyAPI_FUNC(int) _PyCode_Validate(_PyCodeConstructor*);
PyAPI_FUNC(PyCodeObject*) _PyCode_New(_PyCodeConstructor*);
}

namespace gill {

// Walks the location table: each step covers a run of code units with one position. -1 stands for "none".
class LocationReader {
 public:
  explicit LocationReader(PyCodeObject* code);
  bool next();

  int start = 0, end = 0;  // bytes of code
  int line = -1, end_line = -1, column = -1, end_column = -1;

 private:
  int read_varint();
  int read_signed();
  const unsigned char* p_;
  const unsigned char* limit_;
  int computed_line_;
};

// Walks the lines: successive entries of one line are one step.
class LineReader {
 public:
  explicit LineReader(PyCodeObject* code) : reader_(code) { more_ = reader_.next(); }
  bool next();
  int start = 0, end = 0, line = -1;

 private:
  LocationReader reader_;
  bool more_;
};

struct ExceptionHandler {
  int target;  // code unit
  int depth;
  bool push_lasti;
};
// The handler that covers code unit `offset`; false when there is none.
bool find_handler(PyCodeObject* code, int offset, ExceptionHandler* out);

// Code begins unverified: its first unit is a VERIFY, which has the evaluation floor check the code before it runs, and its own first
// unit waits behind the last one.
inline _Py_CODEUNIT first_unit(PyCodeObject* code) {
  auto* units = reinterpret_cast<_Py_CODEUNIT*>(code->co_code_adaptive);
  return static_cast<Op>(_Py_OPCODE(units[0])) == Op::VERIFY ? units[Py_SIZE(code)] : units[0];
}
inline bool is_verified(PyCodeObject* code) {
  return static_cast<Op>(_Py_OPCODE(*reinterpret_cast<_Py_CODEUNIT*>(code->co_code_adaptive))) != Op::VERIFY;
}
// How often code runs, as a negative number, before it is quickened.
inline constexpr short kCodeWarmup = -8;
// Interns the names that the code uses and has, and those of its constants that look like names.
Status intern_strings_of(PyCodeObject* code);

// For code that our own compiler made.
inline void trust_code(PyCodeObject* code) { *reinterpret_cast<_Py_CODEUNIT*>(code->co_code_adaptive) = first_unit(code); }

// The code as bytes in the form that runs.
Ref<> adaptive_code(PyCodeObject* code);
// The code as bytes in its plain form. The code object keeps it.
Ref<> plain_code(PyCodeObject* code);
Ref<> code_varnames(PyCodeObject* code);
Ref<> code_cellvars(PyCodeObject* code);
Ref<> code_freevars(PyCodeObject* code);

// The location table with lines alone.
Ref<> without_columns(PyObject* table);

}  // namespace gill
