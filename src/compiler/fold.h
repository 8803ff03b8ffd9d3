// Constant folding and other simplifications on the tree, before symbols are collected.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

// Rewrites the tree in place; new nodes live in its arena. `flags` holds CO_FUTURE_ANNOTATIONS or not.
Status fold_constants(ast::Mod* tree, ast::Arena& arena, int optimize, int flags);

}  // namespace gill::compiler
