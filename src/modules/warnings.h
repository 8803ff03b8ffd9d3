// What shutdown asks of the warnings module.
#pragma once

#include "runtime/interpreter.h"

namespace gill {

// Lets go of the filters that count while the Python module is not loaded.
void finish_warnings(Interpreter* interpreter);

}  // namespace gill
