// `gill -X lock-stall=500ms`: says who holds the interpreter lock too long while others wait.
#pragma once

#include "base/result.h"

namespace gill {

// Reads the option and starts the thread that watches. Does nothing without the option.
Status start_stall_watch(const PyConfig* config);

}  // namespace gill
