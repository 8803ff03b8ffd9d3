// Switches that stress the users of the heap, in builds with debug checks: the environment variable GILL_HEAP holds, separated
// by commas, `collect=N` (every N-th allocation has the youngest generation collected at the next safe point), `fail=N` (the N-th allocation from start-up on
// fails, once) `poison` (fresh memory is filled with 0xCD, freed memory with 0xDD) `leaks` (the collectable
// objects in the heap when it is deleted are listed on stderr, but for what static types hold), `slices` (the oldest generation is collected in
// slices however small it is) and `verify` (what a slice is about to end is compared with a trial deletion of the whole heap).
#pragma once

#include <cstdint>

namespace gill {

inline constexpr unsigned char kFreshPoison = 0xCD;
inline constexpr unsigned char kFreedPoison = 0xDD;

struct HeapDebug {
  bool active;  // any of the others
  bool poison;
  bool leaks;
  bool slices;
  bool verify;
  uint64_t fail_at;        // counts down to the allocation that fails; 0: none
  uint64_t collect_every;  // 0: as the thresholds say
  uint64_t until_collection;
  bool collection_due;
};

HeapDebug parse_heap_debug(const char* switches);
// From the environment; all off in a build without debug checks.
HeapDebug heap_debug_from_environment();

// Lists on stderr the collectable objects that nobody gave back and no static type leads to, and counts the other blocks. No object of
// the heap is tracked then.
class Heap;
void report_leaks(Heap* heap);

}  // namespace gill
