// The state of one thread in one interpreter. The published PyThreadState comes first, because
// extensions read its fields; where it has a field for a concept, the concept lives there.
#pragma once

#include <Python.h>

#include <atomic>
#include <cstdint>

#include "lock/adaptive_spin.h"

namespace gill {

struct Interpreter;

struct ThreadState : PyThreadState {
  Interpreter* interpreter() const { return reinterpret_cast<Interpreter*>(interp); }

  // The lowest address that native frames may use, with room left for handling the error.
  uintptr_t native_stack_limit = 0;
  // The native thread whose stack that is: a state may be used by one after the other.
  unsigned long stack_owner = 0;
  // How long the waits of this thread for thread locks take.
  AdaptiveSpin lock_spin;
};

// The thread that runs here and holds its interpreter's lock; null while the lock is released.
extern thread_local constinit ThreadState* t_current_thread [[gnu::tls_model("initial-exec")]];

[[gnu::always_inline]] inline ThreadState* current_thread() { return t_current_thread; }

// Guards native recursion: false with RecursionError when the recursion limit or the native stack is
// used up. `where` ends the message: " while calling a Python object".
[[nodiscard]] bool enter_recursive_call(const char* where);
void leave_recursive_call();

}  // namespace gill
