// An expression as source text, as `from __future__ import annotations` keeps it.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

Ref<> unparse(const ast::Expr* e);

}  // namespace gill::compiler
