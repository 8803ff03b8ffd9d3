// The parts of the time module.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

struct TimeModuleState {
  PyTypeObject* struct_time;
};

inline TimeModuleState* time_module_state(PyObject* module) { return static_cast<TimeModuleState*>(PyModule_GetState(module)); }

// time_calendar.cpp: adds struct_time, the functions about broken-down time and the time zone's constants.
Status add_calendar(PyObject* module, TimeModuleState* state);

}  // namespace gill
