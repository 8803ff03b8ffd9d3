// What the diagnosing rules of the second pass share.
#pragma once

#include "syntax/parser.h"

namespace gill::ast {

// What an expression is called in messages.
const char* name_of(const Expr* e);

}  // namespace gill::ast
