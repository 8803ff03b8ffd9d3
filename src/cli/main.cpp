// The command `gill`.
#include <Python.h>

#include "runtime/runtime.h"

int main(int argc, char** argv) {
  // Programs that embed the runtime go on without it.
  gill::g_runtime.ends_with_process = true;
  return Py_BytesMain(argc, argv);
}
