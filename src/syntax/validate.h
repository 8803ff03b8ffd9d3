// Whether a tree that a program made means something: the checks that the parser's own trees pass by construction.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::ast {

Status validate(const Mod* tree);

}  // namespace gill::ast
