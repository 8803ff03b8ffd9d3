// What the floors below are told to record about the program, from the start of an interpreter on.
#pragma once

#include "runtime/interpreter.h"

namespace gill {

void observe(Interpreter* interpreter);

}  // namespace gill
