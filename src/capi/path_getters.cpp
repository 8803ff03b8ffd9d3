// Py_GetPrefix and its relatives: what the path configuration found.
#include <Python.h>

#include "runtime/runtime.h"

namespace {

const PyConfig* main_config() { return gill::g_runtime.main_interpreter ? &gill::g_runtime.main_interpreter->config : nullptr; }
wchar_t* field(wchar_t* PyConfig::* which) {
  const PyConfig* config = main_config();
  return config ? config->*which : nullptr;
}

}  // namespace

extern "C" {

wchar_t* Py_GetPrefix(void) { return field(&PyConfig::prefix); }
wchar_t* Py_GetExecPrefix(void) { return field(&PyConfig::exec_prefix); }
wchar_t* Py_GetProgramName(void) { return field(&PyConfig::program_name); }
wchar_t* Py_GetProgramFullPath(void) { return field(&PyConfig::executable); }
wchar_t* Py_GetPythonHome(void) { return field(&PyConfig::home); }

}  // extern "C"
