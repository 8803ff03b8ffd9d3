// See math_library.cpp.
#pragma once

namespace gill {

// Loads libm for all to see; null, and dlerror() tells, when that fails.
void* load_math_library();
// Where a later attempt may find no room.
void load_math_library_if_limited();

}  // namespace gill
