// The classes of the `_ast` module, made from the node table once for each interpreter.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::ast {

struct AstTypes {
  PyObject* base = nullptr;                     // AST
  PyObject* types[kTypeCount] = {};             // expr, stmt, ...
  PyObject* classes[kClassCount] = {};          // Name, Call, ...; of a product the same as its type
  PyObject* singletons[kClassCount] = {};       // the instances of Load, Add, ...
  PyObject* field_names[kClassCount] = {};      // tuples: _fields
  PyObject* attribute_names = nullptr;          // (lineno, col_offset, end_lineno, end_col_offset)
};

// The instances' layout; Python subclasses add to it.
struct AstObject {
  PyObject_HEAD
  PyObject* dict;
};

// This interpreter's classes, or null with an exception set.
const AstTypes* ast_types();

}  // namespace gill::ast
