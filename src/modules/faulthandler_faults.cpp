// The functions of faulthandler that make the process crash on purpose: what is to be tested is how the crash is reported.
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "base/binding.h"
#include "base/names.h"
#include "modules/faulthandler_module.h"

namespace gill {
namespace {

// A crash that is meant needs no core file.
void suppress_core_file() {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_CORE, &limit);
}

Maybe<int> read_null(PyObject*, Args) {
  suppress_core_file();
  int* volatile nowhere = nullptr;
  return *static_cast<volatile int*>(nowhere);
}

void raise_segmentation_fault() {
  suppress_core_file();
  ::raise(SIGSEGV);
}

Status sigsegv(PyObject*, int release_gil) {
  if (release_gil) {
    Py_BEGIN_ALLOW_THREADS;
    raise_segmentation_fault();
    Py_END_ALLOW_THREADS;
  } else {
    raise_segmentation_fault();
  }
  return Status::ok;
}

// The report names the function.
[[noreturn]] void faulthandler_fatal_error_thread(void*) { Py_FatalError("in new thread"); }

Status fatal_error_c_thread(PyObject*) {
  suppress_core_file();
  PyThread_type_lock never = PyThread_allocate_lock();
  if (!never) return PyErr_NoMemory(), failure;
  PyThread_acquire_lock(never, 1);
  if (PyThread_start_new_thread(faulthandler_fatal_error_thread, nullptr) == PYTHREAD_INVALID_THREAD_ID) {
    PyThread_release_lock(never);
    PyThread_free_lock(never);
    return raise(PyExc_RuntimeError, "unable to start the thread");
  }
  // The thread ends the process.
  PyThread_acquire_lock(never, 1);
  return Status::ok;
}

Maybe<int> sigfpe(PyObject*) {
  suppress_core_file();
  // Not every processor minds a division by zero.
  ::raise(SIGFPE);
  return 0;
}

Status sigabrt(PyObject*) {
  suppress_core_file();
  std::abort();
}

inline constexpr size_t kMostStack = 100 * 1024 * 1024;

[[gnu::noinline]] uintptr_t go_deeper(uintptr_t lowest, size_t* depth) {
  unsigned char buffer[4096];
  auto here = reinterpret_cast<uintptr_t>(&buffer);
  ++*depth;
  if (here < lowest) return here;
  buffer[0] = 1;
  buffer[4095] = 2;
  asm volatile("" : : "r"(buffer) : "memory");
  uintptr_t result = go_deeper(lowest, depth);
  asm volatile("" : : "r"(buffer) : "memory");
  return result;
}

Status stack_overflow(PyObject*) {
  suppress_core_file();
  size_t depth = 0;
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  uintptr_t lowest = here > kMostStack ? here - kMostStack : 0;
  size_t size = here - go_deeper(lowest, &depth);
  return raise(PyExc_RuntimeError, "unable to raise a stack overflow (allocated %zu bytes on the stack, %zu recursive calls)", size, depth);
}

const PyMethodDef kMethods[] = {
    METHOD_UNSIGNED("_read_null($module, /, *args)", read_null,
                    "_read_null(): read from NULL, raise a SIGSEGV or SIGBUS signal depending on the platform"),
    METHOD_OF_TUPLE("_sigsegv($module, release_gil=False, /)", sigsegv, "_sigsegv(release_gil=False): raise a SIGSEGV signal"),
    METHOD_UNSIGNED("_fatal_error_c_thread($module, /)", fatal_error_c_thread, "fatal_error_c_thread(): call Py_FatalError() in a new C thread."),
    METHOD_UNSIGNED("_sigabrt($module, /)", sigabrt, "_sigabrt(): raise a SIGABRT signal"),
    METHOD_UNSIGNED("_sigfpe($module, /)", sigfpe, "_sigfpe(): raise a SIGFPE signal"),
    METHOD_UNSIGNED("_stack_overflow($module, /)", stack_overflow, "_stack_overflow(): recursive call to raise a stack overflow"),
    kEndOfMethods,
};

}  // namespace

extern const PyMethodDef* const kFaultMethods = kMethods;

}  // namespace gill
