// What shutdown asks of the gc module.
#pragma once

#include "runtime/interpreter.h"

namespace gill {

// Warns of objects that could not be collected.
void report_uncollectable(Interpreter* interpreter);
// Lets the lists go that the module shows.
void finish_gc(Interpreter* interpreter);

}  // namespace gill
