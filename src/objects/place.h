// Where Python code is, for what the runtime records about itself.
#pragma once

#include "base/place.h"
#include "memory/sampler.h"
#include "objects/frame.h"

namespace gill {

// The innermost frame that Python shows; `place` is untouched when there is none. By the thread itself, or one that holds the lock.
void find_place(ThreadState* thread, Place& place);
// How the sampler of allocations sees stacks.
extern const StackReader kStackReader;
void describe_frame(const Frame* frame, Place& place);
void describe_code(PyCodeObject* code, int instruction, Place& place);

}  // namespace gill
