// Recursion over data that may nest deeper than Python's recursion limit.
#pragma once

namespace gill {

// Whether native functions may call deeper here: false when only what an error needs is left of the thread's stack.
[[nodiscard]] bool native_stack_left();

}  // namespace gill
