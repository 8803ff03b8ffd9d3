// Large blocks of malloc's that go back to the system while they keep nobody waiting. The system takes a tenth of a millisecond for each megabyte: where
// another thread wants the interpreter's lock, what the holder frees goes back once it has given the lock up, at its next blocking call or
// hand-over, which is soon then.
#pragma once

#include <cstddef>

namespace gill {

// Whether another thread waits for the lock that the caller holds; the runtime says how to tell. Null until there is one.
extern constinit bool (*g_others_wait)();

// The last of this thread's blocks, or null; in each stands the one before.
extern thread_local constinit void* t_late_blocks;

// By the holder of the lock: frees the block, now or later.
void free_native_block(void* block);

// By a thread that has given the lock up.
void free_late_blocks();

}  // namespace gill
