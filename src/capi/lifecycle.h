// Raising and lowering the floors: the steps of start-up that lifecycle.cpp orders.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

// lifecycle_streams.cpp: sys.stdin, stdout, stderr from the io module; flushing at the end.
Status create_standard_streams(const PyConfig* config);
int flush_standard_streams();

// The exit code of an uncaught SystemExit (its message, if any, is printed); clears the exception.
int system_exit_code();

}  // namespace gill
