// `_PyRuntime`, for unmodified extension modules of the standard library that were compiled against the reference's inner
// headers. Those inline two things of it: the current thread state, and the addresses of the small ints. So it has these where the
// reference has them (offsets from the reference's pycore_runtime.h, 3.11.2); our own small ints are the ones in it.
#pragma once

#include <Python.h>

#include <atomic>
#include <cstddef>

namespace gill {

inline constexpr Py_ssize_t kSmallestSmall = 5;  // -5 ...
inline constexpr Py_ssize_t kSmallCount = 262;   // ... 256

struct PublishedRuntime {
  constexpr PublishedRuntime();
  char before[0x240] = {};
  std::atomic<PyThreadState*> current_thread = nullptr;
  char between[0x2a8 - 0x240 - sizeof(void*)] = {};
  PyLongObject small_ints[kSmallCount] = {};
};
static_assert(offsetof(PublishedRuntime, current_thread) == 0x240);
static_assert(offsetof(PublishedRuntime, small_ints) == 0x2a8);
static_assert(sizeof(PyLongObject) == 32);

}  // namespace gill

extern "C" [[gnu::visibility("default")]] gill::PublishedRuntime _PyRuntime;
