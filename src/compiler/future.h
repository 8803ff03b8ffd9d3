// `from __future__ import ...` at the head of a module.
#pragma once

#include "base/result.h"
#include "syntax/ast_nodes.h"

namespace gill::compiler {

struct Future {
  int features = 0;   // CO_FUTURE_*
  int last_line = -1;  // of the last such statement
};

Maybe<Future> read_future(const ast::Mod* tree, PyObject* filename);

}  // namespace gill::compiler
