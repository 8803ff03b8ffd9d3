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

// thread_locks.cpp: adds `LockType` and `RLock`.
Status add_lock_types(PyObject* module, ThreadModuleState* state);
// A new, open lock.
Ref<> new_lock(ThreadModuleState* state);
// Opens the lock if it is closed.
void force_open(PyObject* lock);

// thread_local.cpp: adds `_local`.
Status add_local_type(PyObject* module, ThreadModuleState* state);

}  // namespace gill
