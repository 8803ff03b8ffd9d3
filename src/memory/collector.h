// The cycle collector of one interpreter; collector.cpp opens with how it works.
#pragma once

#include <Python.h>

#include <cstdint>

namespace gill {

class Heap;
struct Page;

inline constexpr int kGenerations = 3;

struct GenerationStatistics {
  Py_ssize_t collections = 0;
  Py_ssize_t collected = 0;
  Py_ssize_t uncollectable = 0;
};

struct Collector {
  Heap* heap = nullptr;
  bool enabled = true;
  bool collecting = false;
  int debug = 0;                                  // gc.DEBUG_* bits
  int thresholds[kGenerations] = {700, 10, 10};
  int counts[kGenerations] = {};                  // net allocations; collections of the generation below
  Py_ssize_t old_total = 0;                       // objects that survived the last full collection
  Py_ssize_t old_pending = 0;                     // that reached the oldest generation since
  GenerationStatistics statistics[kGenerations];
  PyObject* garbage = nullptr;                    // gc.garbage
  PyObject* callbacks = nullptr;                  // gc.callbacks
};

Collector* new_collector(Heap* heap);
void delete_collector(Collector* collector);

// The collector of the interpreter whose lock this thread holds, or null.
extern thread_local constinit Collector* t_collector [[gnu::tls_model("initial-exec")]];

// Collects the generation and the younger ones now. The number of unreachable objects found.
Py_ssize_t collect(Collector* collector, int generation);
// Collects what the thresholds say is due. Called at allocation and at safe points.
void collect_if_due(Collector* collector);

// Keeps collections, and the code that they run, away as long as it lives.
class NoCollection {
 public:
  NoCollection() : collects_(PyGC_Disable()) {}
  NoCollection(const NoCollection&) = delete;
  ~NoCollection() {
    if (collects_) PyGC_Enable();
  }

 private:
  bool collects_;
};

// When the heap's debug switches ask for a collection at this allocation.
void collect_if_stressed(Collector* collector);

// Counting for the first threshold.
inline void collector_note_allocation() {
  Collector* c = t_collector;
#ifdef GILL_DEBUG_CHECKS
  collect_if_stressed(c);
#endif
  if (++c->counts[0] > c->thresholds[0] && c->enabled && c->thresholds[0] && !c->collecting) [[unlikely]] collect_if_due(c);
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
