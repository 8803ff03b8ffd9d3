// Compiling: what the rest of the runtime calls.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

// A tree to a code object. `flags->cf_flags` gains the tree's future features. `optimize` -1 takes the
// interpreter's level. The tree is changed (constants are folded); it must stay alive during the call only.
Ref<PyCodeObject> compile_ast(ast::Mod* tree, PyObject* filename, PyCompilerFlags* flags, int optimize,
                              ast::Arena& arena);

}  // namespace gill::compiler
