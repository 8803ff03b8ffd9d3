// The collection of the oldest generation in slices; incremental.cpp opens with how it works.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace gill {

struct Collector;
struct Page;

// A collection of the oldest generation is due when that has grown by one in so many. In slices it begins sooner, to end when a full one would
// be due, and after cycles that found next to nothing later, up to the last share, or more where no probe finds garbage.
inline constexpr Py_ssize_t kGrowthShare = 4;
inline constexpr Py_ssize_t kGrowthShareInSlices = 8;
inline constexpr Py_ssize_t kGrowthShareInVain = 1;
inline constexpr Py_ssize_t kGrowthUnlessFound = 3;  // times its size, where probes find no garbage either
// Visits for each object that comes: so many end a cycle before the old generation has grown by a further eighth. Where probes find no
// garbage a cycle takes its time until the generation has grown by an eighth.
inline constexpr Py_ssize_t kWorkPerAllocation = 64;
inline constexpr Py_ssize_t kWorkWithoutHaste = 8;
inline constexpr Py_ssize_t kSliceWork = 10'000;
inline constexpr int kAllocationsPerSlice = 100;

// Where a cycle of slices stands.
enum class Phase : uint8_t {
  idle,
  census,  // old marks are wiped, and the old generation counted
  known,   // what is reached from modules and threads is marked
  count,   // references between the objects not marked are counted
  mark,    // what has more references than were counted, and all it reaches, is marked
  sweep,   // the objects not marked are checked exactly, cluster by cluster
  rest     // those that could not be judged cluster by cluster are checked in one step
};

struct Cycle {
  Phase phase = Phase::idle;
  uint8_t rounds = 0;                // of count, mark and sweep
  bool roots_pushed = false;
  bool without_haste = false;
  size_t slot = 0;                   // of the heap's page cursor: the next to look at
  PyObject* partial = nullptr;       // a large container that was looked at up to `partial_at`; compared only
  Py_ssize_t partial_at = 0;
  Py_ssize_t population = 0;         // the old generation, by the census
  Py_ssize_t pending_at_start = 0;   // Collector::old_pending at the census
  Py_ssize_t deferred = 0;           // objects left for another round or the rest
  Py_ssize_t work = 0;               // done in this slice
  Py_ssize_t debt = 0;               // work that allocation has made due
  int charged = 0;                   // up to this many net allocations
  bool ended = false;                // all phases are through, and nobody has reported it
  Py_ssize_t collected = 0;
  Py_ssize_t uncollectable = 0;
};

// After a collection of the oldest generation that found so many of its objects to be garbage: when the next one is due.
void note_worth(Collector* collector, Py_ssize_t found, Py_ssize_t population);
// Whether a collection of the oldest generation that is due is worth slices.
bool worth_slices(const Collector* collector);
void begin_cycle(Collector* collector);
// Works on the cycle for about `budget` steps, each the time of a visit. Runs finalizers: at a safe point only.
void run_slice(Collector* collector, Py_ssize_t budget);
// Whether the old generation grows faster than the cycle proceeds: the bound on garbage that floats.
bool slices_lag(const Collector* collector);
// The work that an allocation makes due.
Py_ssize_t work_per_allocation(const Collector* collector);
// Gives the cycle up, because a full collection takes its place or the interpreter ends.
void abandon_cycle(Collector* collector);
// These slots of a page became old: what came while the cycle runs is left to the next one.
void note_promotion(Collector* collector, Page* page, size_t word, uint64_t slots);

}  // namespace gill
