// Raising and lowering the floors: the steps of start-up that lifecycle.cpp orders.
#pragma once

#include <Python.h>

#include "base/result.h"
#include "runtime/interpreter.h"

namespace gill {

// lifecycle_streams.cpp: sys.stdin, stdout, stderr from the io module; flushing at the end.
Status create_standard_streams(const PyConfig* config);
int flush_standard_streams();
bool stdin_is_directory();

// lifecycle_finish.cpp: waits for the threads of `threading` that are no daemons; takes the modules down.
void wait_for_threads();
void finish_modules(Interpreter* interpreter);

// lifecycle_unseen.cpp: whether the process may end without taking the objects down, as nothing would tell.
bool end_is_unseen(ThreadState* thread);

// Buffering of C's own streams, for what writes past Python's.
void configure_c_streams(const PyConfig* config);

// fatal_error.cpp: reports the state of the runtime, the exception or the stack; exits with the status, or aborts
// where it is negative.
[[noreturn]] void fatal_error(const char* function, const char* message, int status);

// After code was run with that result, null for an exception: whether an interruption ended it decides how the process ends.
void note_end_of_run(PyObject* result);

// The exit code of an uncaught SystemExit (its message, if any, is printed); clears the exception.
int system_exit_code();

}  // namespace gill
