// The command `gill`.
#include <Python.h>

// The process ends with the runtime here: programs that embed it go on.
extern "C" constexpr bool gill_is_program = true;

int main(int argc, char** argv) { return Py_BytesMain(argc, argv); }
