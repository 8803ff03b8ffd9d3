// What start-up and shutdown ask of the _tracemalloc module.
#pragma once

#include "base/result.h"

namespace gill {

// What -X tracemalloc does; 0 frames: nothing.
Status start_tracemalloc(int frames);
void finish_tracemalloc();

}  // namespace gill
