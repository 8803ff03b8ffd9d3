// The cycle collector of one interpreter; collector.cpp opens with how it works.
#pragma once

#include <Python.h>

#include <atomic>
#include <cstdint>

#include "memory/incremental.h"
#include "memory/notes.h"
#include "memory/probe.h"

namespace gill {

class Heap;
struct Page;
struct PauseLog;

inline constexpr int kGenerations = 3;

// What start-up and a program's first imports make stays: looking for garbage among so many net allocations would be in vain.
inline constexpr int kFirstAlarm = 10'000;

struct GenerationStatistics {
  Py_ssize_t collections = 0;
  Py_ssize_t collected = 0;
  Py_ssize_t uncollectable = 0;
};

// What young collections found of late: where that is nothing, they are put off, or objects grow old without a look.
struct YoungHistory {
  uint8_t in_vain = 0;    // collections in a row
  Py_ssize_t waiting = 0; // net allocations since collections are put off
  Py_ssize_t unseen = 0;  // objects that grew old without a look since the last collection
};

struct Collector {
  Heap* heap = nullptr;
  std::atomic<uint32_t>* requests = nullptr;      // a word that the interpreter's threads look at where any code may run: safe points
  uint32_t request = 0;                           // the bit of it that asks for collect_if_due()
  bool enabled = true;
  bool collecting = false;
  int debug = 0;                                  // gc.DEBUG_* bits
  int thresholds[kGenerations] = {700, 10, 10};
  int counts[kGenerations] = {};                  // net allocations; collections of the generation below
  int alarm = kFirstAlarm;                        // the net allocations above which there is something to do: the first threshold, or the next slice
  Py_ssize_t old_total = 0;                       // objects that survived the last full collection
  Py_ssize_t old_pending = 0;                     // that reached the oldest generation since
  YoungHistory young;
  GenerationStatistics statistics[kGenerations];
  size_t examined = 0;                            // objects, by the last collection
  PauseLog* pauses = nullptr;                     // memory/pauses.h
  bool incremental = true;                        // automatic collections of the oldest generation run in slices
  Py_ssize_t growth_share = kGrowthShareInSlices;  // one in so many that came calls for the next cycle
  Cycle cycle;                                    // of these slices
  Probes probes;                                  // whether it would find anything
  NoteArena notes;                                // of the trial deletion that is under way
  PyObject* garbage = nullptr;                    // gc.garbage
  PyObject* callbacks = nullptr;                  // gc.callbacks
};

// The collector asks for safe points by setting the bit `request` in `requests`.
Collector* new_collector(Heap* heap, std::atomic<uint32_t>* requests, uint32_t request);
void delete_collector(Collector* collector);

// The collector of the interpreter whose lock this thread holds, or null.
extern thread_local constinit Collector* t_collector [[gnu::tls_model("initial-exec")]];

// Collects the generation and the younger ones now. The number of unreachable objects found.
Py_ssize_t collect(Collector* collector, int generation);
// After a change of the thresholds or the counts.
void set_alarm(Collector* collector);

// At a safe point: collects what the thresholds say is due.
void collect_if_due(Collector* collector);

// Has the next safe point call collect_if_due().
inline void request_collection(Collector* collector) {
  std::atomic<uint32_t>& requests = *collector->requests;
  if (!(requests.load(std::memory_order_relaxed) & collector->request)) requests.fetch_or(collector->request, std::memory_order_relaxed);
}

// When the heap's debug switches ask for a collection at this allocation.
void request_if_stressed(Collector* collector);

// Counting for the first threshold. An allocation runs no Python code: its caller may be in the middle of changing an object.
inline void collector_note_allocation() {
  Collector* c = t_collector;
#ifdef GILL_DEBUG_CHECKS
  request_if_stressed(c);
#endif
  if (++c->counts[0] > c->alarm && c->enabled && c->thresholds[0] && !c->collecting) [[unlikely]] request_collection(c);
}
inline void collector_note_release(Page*, void*) {
  if (Collector* c = t_collector; c && c->counts[0] > 0) --c->counts[0];
}

// Calls `visit(object, context)` for every tracked object of the generation (0 to 2, 3 the permanent one,
// -1 all but the permanent) until it returns non-zero. No object may be made or freed meanwhile.
int visit_tracked(Heap* heap, int generation, int (*visit)(PyObject*, void*), void* context);

void freeze_all(Heap* heap);
void unfreeze_all(Heap* heap);
Py_ssize_t frozen_count(Heap* heap);

}  // namespace gill
