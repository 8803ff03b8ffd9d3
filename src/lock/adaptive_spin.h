// Waiting for something that another thread, on another processor, is about to do: looking again and again for a moment, which costs
// less than sleeping and being woken. How long that moment is adapts to how long it took the last times; where it was in
// vain it shrinks to next to nothing, and grows again by a full try now and then.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

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
  template <class Done>
  bool until(Done done) {
    uint16_t limit = limit_.load(std::memory_order_relaxed);
    const uint16_t failures = failures_.load(std::memory_order_relaxed);
    const bool full_try = failures >= kFailuresToFullTry;
    if (full_try) limit = runs_in_parallel() ? kMost : 0;
    for (uint16_t turn = 0; turn < limit; ++turn) {
      __builtin_ia32_pause();
      if (!done()) continue;
      // Short waits among longer ones make it forget those little by little only.
      const uint16_t remembered = full_try ? 0 : limit - limit / 8;
      limit_.store(std::clamp<uint16_t>(std::max<uint16_t>(2 * turn, remembered), kLeast, kMost), std::memory_order_relaxed);
      failures_.store(0, std::memory_order_relaxed);
      return true;
    }
    limit_.store(std::max<uint16_t>(full_try ? kLeast : limit / 2, kLeast), std::memory_order_relaxed);
    failures_.store(full_try ? 0 : failures + 1, std::memory_order_relaxed);
    return false;
  }

 private:
  // In turns, each some 20 to 50 ns.
  static constexpr uint16_t kLeast = 16, kMost = 500;
  static constexpr uint16_t kFailuresToFullTry = 32;

  std::atomic<uint16_t> limit_ = kLeast;
  std::atomic<uint16_t> failures_ = kFailuresToFullTry;  // since the last luck or full try
};

}  // namespace gill
