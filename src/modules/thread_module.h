// The parts of the _thread module that have a file of their own.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

struct ThreadModuleState {
  PyTypeObject* lock_type;
  PyTypeObject* rlock_type;
  PyTypeObject* local_type;
  PyTypeObject* local_registry_type;
  PyTypeObject* excepthook_args_type;
};

inline ThreadModuleState* thread_module_state(PyObject* module) { return static_cast<ThreadModuleState*>(PyModule_GetState(module)); }

// thread_locks.cpp. Waits for the lock, at most `timeout` nanoseconds, for ever when that is negative, while other threads run. Signal
// handlers run in the main thread before the waiting goes on; PY_LOCK_INTR: one has raised.
PyLockStatus acquire_interruptibly(PyThread_type_lock lock, _PyTime_t timeout);

// Adds `LockType` and `RLock`.
Status add_lock_types(PyObject* module, ThreadModuleState* state);
// A new, open lock.
Ref<> new_lock(ThreadModuleState* state);
// Opens the lock if it is closed.
void force_open(PyObject* lock);

// thread_local.cpp: adds `_local`.
Status add_local_type(PyObject* module, ThreadModuleState* state);

}  // namespace gill
