// The parts of the _signal module.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

struct SignalModuleState {
  PyObject* timer_error;           // ItimerError
  PyTypeObject* information_type;  // struct_siginfo
};

inline SignalModuleState* signal_module_state(PyObject* module) { return static_cast<SignalModuleState*>(PyModule_GetState(module)); }

// OSError from errno.
Failure set_os_error();

// signal_waiting.cpp: adds struct_siginfo and the functions about sets of signals.
Status add_signal_waiting(PyObject* module, SignalModuleState* state);

}  // namespace gill
