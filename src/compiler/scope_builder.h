// Collecting the symbols of a tree. See scope.h.
#pragma once

#include "compiler/scope.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

// Fills an empty table. `flags` holds CO_FUTURE_ANNOTATIONS or not.
Status build_symbol_table(const ast::Mod* tree, PyObject* filename, int flags, SymbolTable& out);

}  // namespace gill::compiler
