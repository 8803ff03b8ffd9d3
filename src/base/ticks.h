// The processor's clock: a third of the cost of asking the system. lock/thread_record.h turns ticks into nanoseconds.
#pragma once

#include <cstdint>
#if !defined(__x86_64__)
#include <ctime>
#endif

namespace gill {

inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
#endif
}
// The clocks of two processors may differ by a little.
inline uint64_t ticks_between(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

}  // namespace gill
