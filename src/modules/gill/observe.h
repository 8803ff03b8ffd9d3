// What the floors below are told to record about the program, from the start of an interpreter on.
#pragma once

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

void observe(Interpreter* interpreter);
// -X memory-samples=64k: another interval of the sampler of allocations, or `off`.
Status set_sampling(const PyConfig* config);

}  // namespace gill
