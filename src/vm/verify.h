// The check that code objects pass before they run for the first time.
#pragma once

#include <Python.h>

#include "base/result.h"

namespace gill::vm {

// Proves that the instructions do nothing that the handlers do not expect; then lets the code run (see trust_code()).
// SystemError says which instruction is wrong and why.
Status verify(PyCodeObject* code);

}  // namespace gill::vm
