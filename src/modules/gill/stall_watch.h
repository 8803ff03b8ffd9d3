// `gill -X lock-stall=500ms`: says who holds the interpreter lock too long while others wait. With -X lock-check a deadlock with a native
// mutex ends the process.
#pragma once

#include "base/result.h"

namespace gill {

// Reads the options and starts the thread that watches. Does nothing without them.
Status start_stall_watch(const PyConfig* config);

}  // namespace gill
