// Py_FrozenMain: the main function of a program whose __main__ is a frozen module.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "capi/config.h"

namespace gill {
namespace {

bool is_asked_for(const char* variable) {
  const char* text = std::getenv(variable);
  return text && *text;
}

PyStatus start(int argc, char** argv) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  // There need be no standard library to find.
  config.pathconfig_warnings = 0;
  config.parse_argv = 0;
  if (is_asked_for("PYTHONUNBUFFERED")) {
    std::setbuf(stdin, nullptr);
    std::setbuf(stdout, nullptr);
    std::setbuf(stderr, nullptr);
  }
  PyStatus status = PyConfig_SetBytesArgv(&config, argc, argv);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return status;
}

}  // namespace
}  // namespace gill

extern "C" [[gnu::visibility("default")]] int Py_FrozenMain(int argc, char** argv) {
  if (PyStatus status = gill::start(argc, argv); PyStatus_Exception(status)) Py_ExitStatusException(status);
  if (_Py_GetConfig()->verbose) std::fprintf(stderr, "Python %s\n%s\n", Py_GetVersion(), Py_GetCopyright());
  int found = PyImport_ImportFrozenModule("__main__");
  if (found == 0) Py_FatalError("the __main__ module is not frozen");
  int code = 0;
  if (found < 0) {
    PyErr_Print();
    code = 1;
  }
  if (gill::is_asked_for("PYTHONINSPECT") && isatty(fileno(stdin))) code = PyRun_AnyFile(stdin, "<stdin>") != 0;
  return Py_FinalizeEx() < 0 ? 120 : code;
}
