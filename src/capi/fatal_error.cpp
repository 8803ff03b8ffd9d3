// The end that nobody can catch: Py_FatalError and its relatives.
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/names.h"
#include "capi/lifecycle.h"
#include "modules/faulthandler_module.h"
#include "runtime/runtime.h"

extern "C" {
const char* _Py_DumpTracebackThreads(int fd, PyInterpreterState*, PyThreadState*);
void _Py_DumpExtensionModules(int fd, PyInterpreterState*);
}

namespace gill {
namespace {

void put(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

void put_state() {
  put("Python runtime state: ");
  if (ThreadState* thread = g_runtime.finalizing.load()) {
    char text[64];
    std::snprintf(text, sizeof(text), "finalizing (tstate=0x%016lx)", reinterpret_cast<unsigned long>(thread));
    put(text);
  } else {
    put(g_runtime.initialized        ? "initialized"
        : g_runtime.core_initialized ? "core initialized"
        : g_runtime.preinitialized   ? "preinitialized"
        : g_runtime.preinitializing  ? "preinitializing"
                                     : "unknown");
  }
  put("\n");
}

// The exception that is set, with its traceback; false when there is none or it cannot be shown.
bool show_exception(ThreadState* thread) {
  if (!thread || thread != current_thread() || !PyErr_Occurred()) return false;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref<> own_type = steal(type), own_value = steal(value), own_traceback = traceback ? steal(traceback) : none();
  PyObject* err = PySys_GetObject("stderr");
  if (!err || err == Py_None || !own_value) return false;
  bool has_traceback = own_traceback.get() != Py_None;
  PyErr_Display(own_type.get(), own_value.get(), own_traceback.get());
  Ref<> flushed = steal(PyObject_CallMethodNoArgs(err, name<"flush">));
  PyErr_Clear();
  return has_traceback;
}

}  // namespace

void fatal_error(const char* function, const char* message, int status) {
  std::fflush(stdout);
  std::fflush(stderr);
  put("Fatal Python error: ");
  if (function) {
    put(function);
    put(": ");
  }
  put(message ? message : "<message not set>");
  put("\n");
  put_state();
  ThreadState* thread = current_thread();
  // An error within this very report is not reported.
  if (!g_runtime.dying) {
    g_runtime.dying = true;
    Interpreter* interpreter = thread ? thread->interpreter() : g_runtime.main_interpreter;
    // A thread that has let the lock go is still the one to be shown as current.
    PyThreadState* shown = thread ? thread : PyGILState_GetThisThreadState();
    if (!show_exception(thread)) {
      put("\n");
      if (interpreter && interpreter->threads) _Py_DumpTracebackThreads(STDERR_FILENO, published(interpreter), shown);
    }
    // What a native thread does is not said to be an extension's.
    if (interpreter && shown) _Py_DumpExtensionModules(STDERR_FILENO, published(interpreter));
    if (thread && g_runtime.core_initialized) {
      PyErr_Clear();
      flush_standard_streams();
    }
  }
  silence_faulthandler();
  if (status < 0) std::abort();
  std::exit(status);
}

}  // namespace gill

using namespace gill;

extern "C" {

void _Py_FatalErrorFunc(const char* function, const char* message) { fatal_error(function, message, -1); }
void _Py_FatalErrorFormat(const char* function, const char* format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  fatal_error(function, message, -1);
}
#undef Py_FatalError
void Py_FatalError(const char* message) { fatal_error(nullptr, message, -1); }
[[gnu::visibility("default")]] void _Py_FatalError_TstateNULL(const char* function) {
  fatal_error(function, "the function must be called with the GIL held, but the GIL is released (the current Python thread state is NULL)", -1);
}

}  // extern "C"
