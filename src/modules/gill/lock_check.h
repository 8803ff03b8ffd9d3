// `gill -X lock-check`: a C API call by a thread that does not hold the interpreter lock ends the process with a report.
#pragma once

#include "base/result.h"

namespace gill {

// Reads the option. Does nothing without it.
Status start_lock_check(const PyConfig* config);
// Puts checks into the objects that were loaded since. Called after an extension was loaded.
extern "C" void gill_check_loaded_objects();
// From here on calls without the lock are let through: what runs at the process's end.
void finish_lock_check();

}  // namespace gill
