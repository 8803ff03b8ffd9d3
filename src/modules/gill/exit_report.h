// `gill --report[=FILE]` (the same as -X report[=FILE]): what the process did, written when it ends.
#pragma once

#include "base/result.h"

namespace gill {

// Reads the option, and has fatal signals write what they can. Does nothing without the option.
Status prepare_exit_report(const PyConfig* config);
// What the report says about the end.
void note_exit_code(int code);
// Writes the report, once. With the lock; no exception is left.
void write_exit_report();

}  // namespace gill
