// Waiting for something that another thread, on another processor, is about to do: looking again and again for a moment, which costs
// less than sleeping and being woken. How long that moment is adapts to how long it took the last times; where it was in
// vain it shrinks to next to nothing, and grows again by a full try now and then.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/ticks.h"

namespace gill {

// Whether this process may run on more than one processor: on one, looking keeps the other thread from its work.
inline bool runs_in_parallel() {
  cpu_set_t processors;
  return sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) > 1;
}

class AdaptiveSpin {
 public:
  // Until `done()` or the moment is over; whether it was done. Any number of threads may look at the same time: what they note of each
  // other's luck is approximate.
  template <class Done, class Clock = uint64_t (*)()>
  bool until(Done done, Clock clock = ticks) {
    uint32_t limit = limit_.load(std::memory_order_relaxed);
    const uint32_t failures = failures_.load(std::memory_order_relaxed);
    const bool full_try = failures >= kFailuresToFullTry;
    if (full_try) limit = runs_in_parallel() ? kMost : 0;
    const uint64_t began = clock();
    for (uint64_t waited = 0; waited < limit; waited = ticks_between(began, clock())) {
      __builtin_ia32_pause();
      if (!done()) continue;
      // Short waits among longer ones make it forget those little by little only.
      const uint32_t remembered = full_try ? 0 : limit - limit / 8;
      limit_.store(std::clamp(std::max(2 * static_cast<uint32_t>(waited), remembered), kLeast, kMost), std::memory_order_relaxed);
      failures_.store(0, std::memory_order_relaxed);
      return true;
    }
    limit_.store(std::max(full_try ? kLeast : limit / 2, kLeast), std::memory_order_relaxed);
    failures_.store(full_try ? 0 : failures + 1, std::memory_order_relaxed);
    return false;
  }

  // In ticks: between 12 and 50 us on processors with a clock of 4 to 1 GHz, and a 64th of that. How long one look takes differs by far more.
  static constexpr uint32_t kMost = 50'000, kLeast = kMost / 64;

 private:
  static constexpr uint32_t kFailuresToFullTry = 32;

  std::atomic<uint32_t> limit_ = kLeast;
  std::atomic<uint32_t> failures_ = kFailuresToFullTry;  // since the last luck or full try
};

}  // namespace gill
