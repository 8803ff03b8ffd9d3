// The parts of the faulthandler module, and what start-up and shutdown ask of it.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill {

// What -X faulthandler does.
Status enable_faulthandler();
// For the end of a fatal error, which has been reported: only gives the signals back. Works without the interpreter's lock.
void silence_faulthandler();
// Takes every handler away again.
void finish_faulthandler();

// faulthandler_faults.cpp: the functions that make the process crash, for tests.
extern const PyMethodDef* const kFaultMethods;

}  // namespace gill
