// The cycle collector: trial deletion over the pages of the heap.
//
// An object's page has, for each slot, whether it is tracked and its generation (0 to 2, and 3 for
// objects that gc.freeze() took out). A collection of generation g looks at the candidates: tracked
// objects of a generation up to g.
//
//   1. Each page with candidates gets notes: who takes part, and who of them is not reached yet. In a full collection what modules and
//      threads reach is marked at once, which is most of it.
//   2. The others get counts, filled with the reference counts. Every reference from one of them to one of them takes one off. What
//      stays above zero is referenced from outside: a root.
//   3. From the roots everything reachable is marked. The rest is unreachable.
//   4. Unreachable objects are held by a strong reference each, so that none disappears while Python
//      code runs: weak references are cleared and their callbacks called, then finalizers.
//   5. Steps 1 to 3 again over what is left: whatever a finalizer brought back, and all it reaches,
//      survives. The others are cleared and our references released, which frees them.
//
// Invariant: between 1 and 3 no Python code runs and nothing is allocated from the heap, so counts and
// bits cannot change under us. A count that is not positive when its object has no outside reference
// relies on tp_traverse visiting each owned reference exactly once.
//
// When there is no memory for the arrays the collection is given up before any object was taken for dead.
#include "memory/collector.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "base/names.h"
#include "base/result.h"
#include "memory/heap.h"
#include "memory/incremental.h"
#include "memory/pauses.h"
#include "memory/trial.h"

namespace gill {

thread_local constinit Collector* t_collector = nullptr;

namespace {

constexpr size_t kVainShare = 64;            // of what a collection looks at: less garbage means in vain
constexpr int kVainInRow = 4;
constexpr Py_ssize_t kUnseenShare = 16;      // of the old generation may grow old without a look, or
constexpr Py_ssize_t kMostUnseen = 60'000;

enum DebugFlag { kDebugStats = 1, kDebugCollectable = 2, kDebugUncollectable = 4, kDebugSaveAll = 32 };

// The pages that may hold objects up to the generation.
bool list_pages(Heap* heap, int generation, PageList& pages) {
  if (generation == kGenerations - 1) {
    for (Page* page = heap->collectable_pages(); page; page = page->gc_next) {
      if (!pages.push(page)) return false;
    }
    return true;
  }
  for (YoungList list : {kYoungest, kMiddle}) {
    if (generation == 0 && list == kMiddle) break;
    for (Page* page = heap->young_pages(list); page; page = page->young_next) {
      if (!pages.push(page)) return false;
    }
  }
  return true;
}

// Fills `unreachable` with the candidates that nothing outside reaches. The survivors move on to the next
// generation. False when memory ran out; nothing was changed then.
bool find_unreachable(Collector* collector, int generation, ObjectList& unreachable) {
  Heap* heap = collector->heap;
  PageList pages;
  Trial trial;
  const bool full = generation == kGenerations - 1;
  if (!list_pages(heap, generation, pages) || !trial.begin_generation(pages, generation)) return false;
  if (full && !trial.mark_from_known()) return false;
  if (!trial.count_references(generation > 0) || !trial.mark_from_roots()) return false;
  bool ok = true;
  trial.for_each_left([&](PyObject* object, uint64_t) { ok = ok && unreachable.push(object); });
  if (!ok) return false;

  // Survivors: promote, and stop tracking what cannot be part of a cycle, unless marking did so.
  int target = full ? generation : generation + 1;
  Py_ssize_t promoted = 0;
  for (Page* page : pages) heap->list_as(page, generation == 0 ? kMiddle : kNotYoung);
  for (Page* page : trial.pages()) {
    for (size_t word = 0; word < page->words; ++word) {
      uint64_t survivors = part_of(page, word) & ~left_of(page, word);
      set_generations(page, word, survivors, target);
      if (target == kGenerations - 1) note_promotion(collector, page, word, survivors);
      promoted += std::popcount(survivors);
      if (full) continue;
      for_each_object(page, word, survivors, [](PyObject* object) {
        if (PyTuple_CheckExact(object)) _PyTuple_MaybeUntrack(object);
      });
    }
  }
  collector->examined = static_cast<size_t>(promoted) + unreachable.size();
  if (full) {
    collector->old_total = promoted;
    collector->old_pending = 0;
  } else if (target == kGenerations - 1) {
    collector->old_pending += promoted;
  }
  return true;
}

[[noreturn]] void fail_verification(const char* what, PyObject* object) {
  std::fprintf(stderr, "heap: %s %p: %s\n", Py_TYPE(object)->tp_name, static_cast<void*>(object), what);
  std::abort();
}

}  // namespace

void expect_unreachable(Collector* collector, ObjectList& list) {
  PageList pages;
  Trial trial;
  if (!list_pages(collector->heap, kGenerations - 1, pages) || !trial.begin_generation(pages, kGenerations - 1)) return;
  if (!trial.count_references(true)) return;
  trial.for_each_left([](PyObject* object, uint64_t count) {
    if (static_cast<int64_t>(count) < 0) fail_verification("more references than it counts", object);
  });
  if (!trial.mark_from_roots()) return;
  for (PyObject* object : list) {
    if (!Trial::takes_part(object) || Trial::is_reached(object)) fail_verification("reached, but about to end", object);
  }
}

bool split_reached(ObjectList& list, uint64_t held, ObjectList& survivors) {
  Trial trial;
  if (!trial.begin_list(list, held)) return false;
  for (PyObject* object : list) trial.subtract_references_of(object);
  for (PyObject* object : list) {
    if (Trial::is_root(object) && !trial.mark_from(object)) return false;
  }
  size_t kept = 0;
  for (PyObject* object : list) {
    if (Trial::is_reached(object)) {
      if (!survivors.push(object)) return false;
    } else {
      list[kept++] = object;
    }
  }
  list.truncate(kept);
  return true;
}

namespace {

bool has_legacy_finalizer(PyObject* object) { return Py_TYPE(object)->tp_del != nullptr; }

// Moves objects with a tp_del, and what they reach, out of the list: nobody knows in which order to call
// them.
bool split_legacy(ObjectList& list, ObjectList& uncollectable) {
  Trial trial;
  if (!trial.begin_list(list, 0)) return false;
  for (PyObject* object : list) {
    if (has_legacy_finalizer(object) && !Trial::is_reached(object) && !trial.mark_from(object)) return false;
  }
  size_t kept = 0;
  for (PyObject* object : list) {
    if (Trial::is_reached(object)) {
      if (!uncollectable.push(object)) return false;
    } else {
      list[kept++] = object;
    }
  }
  list.truncate(kept);
  return true;
}

PyWeakReference** weak_references_of(PyObject* object) {
  Py_ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
  return offset > 0 ? reinterpret_cast<PyWeakReference**>(reinterpret_cast<char*>(object) + offset) : nullptr;
}

// Clears the weak references to the unreachable objects; then calls the callbacks of those references
// that are themselves reachable.
bool handle_weak_references(ObjectList& unreachable) {
  ObjectList to_call;
  {
    Trial members;
    if (!members.begin_list(unreachable, 0)) return false;
    for (PyObject* object : unreachable) {
      PyWeakReference** list = weak_references_of(object);
      if (!list) continue;
      for (PyWeakReference* reference = *list; reference; reference = *list) {
        // Clearing takes it out of the list.
        bool dies_too = Trial::takes_part(as_object(reference));
        if (reference->wr_callback && !dies_too && to_call.push(as_object(reference))) retain(as_object(reference));
        _PyWeakref_ClearRef(reference);
      }
    }
  }
  // A reference that dies must not call back when what it refers to goes before it, which may be something that only an object
  // without tp_traverse holds.
  for (PyObject* object : unreachable) {
    if (PyWeakref_Check(object)) _PyWeakref_ClearRef(reinterpret_cast<PyWeakReference*>(object));
  }
  for (PyObject* reference : to_call) {
    PyObject* callback = reinterpret_cast<PyWeakReference*>(reference)->wr_callback;
    if (callback) {
      Ref<> own = borrow(callback);
      Ref<> result = steal(PyObject_CallOneArg(callback, reference));
      if (!result) PyErr_WriteUnraisable(callback);
    }
    release(reference);
  }
  return true;
}

// The order in which finalizers run: an object before those that it holds, so that a text file writes what it still has before the file
// below it is closed. Where that leaves a choice suspended code goes first, then instances of Python classes, then built-in
// objects: each may want to close what it made after itself.
class FinalizerOrder {
 public:
  // False when there is no memory to find it.
  bool arrange(ObjectList& unreachable) {
    ObjectList preferred;
    for (int turn = 0; turn < kTurns; ++turn) {
      for (PyObject* object : unreachable) {
        if (is_waiting(object) && turn_of(Py_TYPE(object)) == turn && (!preferred.push(object) || !by_address_.push(object))) return false;
      }
    }
    std::sort(by_address_.begin(), by_address_.end());
    states_ = static_cast<State*>(std::calloc(by_address_.size() + 1, sizeof(State)));
    if (!states_) return false;
    // Depth first from the last to the first: those left last come first in the order.
    for (size_t i = preferred.size(); i-- > 0;) {
      if (!visit(preferred[i])) return false;
    }
    std::reverse(left_.begin(), left_.end());
    return true;
  }
  ~FinalizerOrder() { std::free(states_); }
  ObjectList& objects() { return left_; }

  static bool is_waiting(PyObject* object) {
    if (!Py_TYPE(object)->tp_finalize) return false;
    Page* page = Page::of(object);
    return !page->get(kFinalized, page->index_of(object));
  }

 private:
  enum State : uint8_t { kNew, kEntered, kLeft };
  static constexpr int kTurns = 3;
  static int turn_of(PyTypeObject* type) {
    if (type == &PyGen_Type || type == &PyCoro_Type || type == &PyAsyncGen_Type) return 0;
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) ? 1 : 2;
  }

  // Null for an object that is not to be ordered.
  State* state_of(PyObject* object) {
    PyObject** at = std::lower_bound(by_address_.begin(), by_address_.end(), object);
    return at != by_address_.end() && *at == object ? states_ + (at - by_address_.begin()) : nullptr;
  }
  static int enter_held(PyObject* object, void* order) {
    auto* self = static_cast<FinalizerOrder*>(order);
    State* state = self->state_of(object);
    return state && *state == kNew && !self->path_.push(object);
  }
  bool visit(PyObject* root) {
    if (!path_.push(root)) return false;
    while (path_.size()) {
      PyObject* object = path_[path_.size() - 1];
      State* state = state_of(object);
      if (*state == kNew) {
        *state = kEntered;
        if (Py_TYPE(object)->tp_traverse(object, enter_held, this) != 0) return false;
      } else {
        (void)path_.pop();
        if (*state == kEntered && !left_.push(object)) return false;
        *state = kLeft;
      }
    }
    return true;
  }

  ObjectList by_address_, path_, left_;
  State* states_ = nullptr;
};

// What the end of some objects takes besides clearing them.
struct Demands {
  bool legacy = false;
  bool weak_references = false;  // to be cleared
  bool finalizers = false;

  explicit Demands(ObjectList& unreachable) {
    PyTypeObject* known = nullptr;
    for (PyObject* object : unreachable) {
      if (PyTypeObject* type = Py_TYPE(object); type != known) {
        known = type;
        legacy = legacy || type->tp_del;
        weak_references = weak_references || PyWeakref_Check(object);
      }
      PyWeakReference** list = weak_references_of(object);
      weak_references = weak_references || (list && *list);
      finalizers = finalizers || FinalizerOrder::is_waiting(object);
    }
  }
  bool any_code() const { return weak_references || finalizers; }
};

void call_finalizers(ObjectList& unreachable) {
  FinalizerOrder order;
  for (PyObject* object : order.arrange(unreachable) ? order.objects() : unreachable) {
    // One that ran before may have brought this one's about.
    if (!FinalizerOrder::is_waiting(object)) continue;
    Page* page = Page::of(object);
    page->set(kFinalized, page->index_of(object));
    Py_TYPE(object)->tp_finalize(object);
  }
}

void invoke_callbacks(Collector* collector, const char* phase, int generation, Py_ssize_t collected, Py_ssize_t uncollectable) {
  if (!collector->callbacks || PyList_GET_SIZE(collector->callbacks) == 0) return;
  Ref<> info = steal(Py_BuildValue("{sisnsn}", "generation", generation, "collected", collected, "uncollectable", uncollectable));
  Ref<> phase_text = steal(PyUnicode_FromString(phase));
  if (!info || !phase_text) {
    PyErr_WriteUnraisable(nullptr);
    return;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(collector->callbacks); ++i) {
    Ref<> callback = borrow(PyList_GET_ITEM(collector->callbacks, i));
    Ref<> result = steal(PyObject_CallFunctionObjArgs(callback.get(), phase_text.get(), info.get(), nullptr));
    if (!result) PyErr_WriteUnraisable(callback.get());
  }
}

void keep_as_garbage(Collector* collector, PyObject* object) {
  if (!collector->garbage) collector->garbage = PyList_New(0);
  if (!collector->garbage || PyList_Append(collector->garbage, object) < 0) PyErr_Clear();
}

void move_to_old(Collector* collector, PyObject* object) {
  Page* page = Page::of(object);
  size_t index = page->index_of(object);
  set_generation(page, index, kGenerations - 1);
  note_promotion(collector, page, index / 64, uint64_t{1} << (index % 64));
}

}  // namespace

Outcome dispose_of(Collector* collector, ObjectList& unreachable) {
  Outcome outcome;
  ObjectList uncollectable, resurrected;
  const Demands demands(unreachable);
  if (demands.legacy && !split_legacy(unreachable, uncollectable)) return outcome;
  for (PyObject* object : unreachable) retain(object);
  outcome.uncollectable = static_cast<Py_ssize_t>(uncollectable.size());
  if (unreachable.size()) {
    bool ok = !demands.weak_references || handle_weak_references(unreachable);
    if (ok && demands.finalizers) call_finalizers(unreachable);
    // Without memory to look again everything survives until the next collection.
    if (!ok || (demands.any_code() && !split_reached(unreachable, 1, resurrected))) {
      for (PyObject* object : unreachable) release(object);
      return outcome;
    }
    outcome.collected = static_cast<Py_ssize_t>(unreachable.size());
    for (PyObject* object : resurrected) {
      move_to_old(collector, object);
      release(object);
    }
    for (PyObject* object : unreachable) {
      if (collector->debug & kDebugCollectable) {
        PySys_FormatStderr("gc: collectable <%s %p>\n", Py_TYPE(object)->tp_name, object);
      }
      if (collector->debug & kDebugSaveAll) {
        keep_as_garbage(collector, object);
        move_to_old(collector, object);
      } else if (inquiry clear = Py_TYPE(object)->tp_clear; clear && Py_REFCNT(object) > 1) {
        (void)clear(object);
        if (PyErr_Occurred()) PyErr_WriteUnraisable(as_object(Py_TYPE(object)));
      }
    }
    for (PyObject* object : unreachable) {
      // What tp_clear did not free, because it has none, is for a later collection.
      if (Py_REFCNT(object) > 1) move_to_old(collector, object);
      release(object);
    }
  }
  for (PyObject* object : uncollectable) {
    if (collector->debug & kDebugUncollectable) {
      PySys_FormatStderr("gc: uncollectable <%s %p>\n", Py_TYPE(object)->tp_name, object);
    }
    if ((collector->debug & kDebugSaveAll) || has_legacy_finalizer(object)) keep_as_garbage(collector, object);
    move_to_old(collector, object);
  }
  return outcome;
}

namespace {

void print_generations(Heap* heap) {
  Py_ssize_t objects[kGenerations + 1] = {};
  for (int generation = 0; generation <= kGenerations; ++generation) {
    visit_tracked(heap, generation, [](PyObject*, void* count) { return ++*static_cast<Py_ssize_t*>(count), 0; }, &objects[generation]);
  }
  PySys_WriteStderr("gc: objects in each generation: %zd %zd %zd\n", objects[0], objects[1], objects[2]);
  PySys_WriteStderr("gc: objects in permanent generation: %zd\n", objects[kPermanent]);
}

// Ends a young collection, or a full one, which looked at what is young too.
void note_outcome(YoungHistory& young, size_t examined, const Outcome& outcome) {
  bool in_vain = outcome.collected + outcome.uncollectable <= static_cast<Py_ssize_t>(examined / kVainShare);
  young.in_vain = in_vain ? std::min(young.in_vain + 1, kVainInRow) : 0;
  young.waiting = young.unseen = 0;
}

// Whether the last young collections found so little that so many objects may go by without a look: garbage among them floats, so
// their share of the old generation is small.
bool may_go_by(Collector* collector, Py_ssize_t objects) {
  const HeapDebug& debug = collector->heap->debug;
  if (collector->young.in_vain < kVainInRow || collector->debug || debug.collect_every || debug.slices) return false;
  return objects <= std::min(collector->old_total / kUnseenShare, kMostUnseen);
}

// The youngest objects wait for the collection of the middle generation.
bool put_off_youngest(Collector* collector) {
  YoungHistory& young = collector->young;
  if (!may_go_by(collector, young.waiting + collector->counts[0])) return false;
  young.waiting += std::exchange(collector->counts[0], 0);
  collector->cycle.charged = 0;
  ++collector->counts[1];
  return true;
}

// All that is young grows old without a look.
bool promote_unseen(Collector* collector) {
  YoungHistory& young = collector->young;
  const Py_ssize_t coming = Py_ssize_t{collector->thresholds[0]} * (collector->thresholds[1] + 1);
  if (!may_go_by(collector, young.unseen + coming)) return false;
  Heap* heap = collector->heap;
  Py_ssize_t promoted = 0;
  for (YoungList list : {kYoungest, kMiddle}) {
    while (Page* page = heap->young_pages(list)) {
      for (size_t word = 0; word < page->words; ++word) {
        uint64_t slots = members(page, word, kGenerations - 2);
        set_generations(page, word, slots, kGenerations - 1);
        note_promotion(collector, page, word, slots);
        promoted += std::popcount(slots);
      }
      heap->list_as(page, kNotYoung);
    }
  }
  young.waiting = 0;
  young.unseen += promoted;
  collector->old_pending += promoted;
  collector->cycle.charged = 0;
  collector->counts[0] = collector->counts[1] = 0;
  ++collector->counts[2];
  return true;
}

}  // namespace

Py_ssize_t collect(Collector* collector, int generation) {
  if (collector->collecting) return 0;
  collector->collecting = true;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  invoke_callbacks(collector, "start", generation, 0, 0);
  _PyTime_t begin = 0;
  if (generation + 1 < kGenerations) ++collector->counts[generation + 1];
  for (int g = 0; g <= generation; ++g) collector->counts[g] = 0;
  collector->cycle.charged = 0;
  if (collector->debug & kDebugStats) {
    PySys_WriteStderr("gc: collecting generation %d...\n", generation);
    print_generations(collector->heap);
    begin = _PyTime_GetMonotonicClock();
  }
  if (generation == kGenerations - 1) {
    abandon_cycle(collector);
    collector->heap->flush();
  }
  const uint64_t pause_began = ticks();
  collector->examined = 0;
  ObjectList unreachable;
  Outcome outcome;
  if (find_unreachable(collector, generation, unreachable)) outcome = dispose_of(collector, unreachable);
  collector->pauses->add(pause_began, generation, collector->examined, static_cast<uint64_t>(outcome.collected));
  note_outcome(collector->young, collector->examined, outcome);
  if (generation == kGenerations - 1) note_worth(collector, outcome.collected + outcome.uncollectable, static_cast<Py_ssize_t>(collector->examined));
  if (collector->debug & kDebugStats) {
    PySys_WriteStderr("gc: done, %zd unreachable, %zd uncollectable, %.4fs elapsed\n", outcome.collected + outcome.uncollectable, outcome.uncollectable,
                      _PyTime_AsSecondsDouble(_PyTime_GetMonotonicClock() - begin));
  }
  GenerationStatistics& statistics = collector->statistics[generation];
  ++statistics.collections;
  statistics.collected += outcome.collected;
  statistics.uncollectable += outcome.uncollectable;
  invoke_callbacks(collector, "stop", generation, outcome.collected, outcome.uncollectable);
  if (PyErr_Occurred()) PyErr_WriteUnraisable(nullptr);
  PyErr_Restore(type, value, traceback);
  collector->collecting = false;
  set_alarm(collector);
  return outcome.collected + outcome.uncollectable;
}

namespace {

// Of the oldest generation, before it is collected again: that costs as much as there is, so it waits until as large a share has come.
Py_ssize_t least_growth(const Collector* collector) {
  if (collector->debug) return collector->old_total / kGrowthShare;
  if (!worth_slices(collector)) return collector->old_total / std::min(collector->growth_share, kGrowthShare);
  if (collector->growth_share == kGrowthShareInVain && collector->probes.find_none()) return collector->old_total * kGrowthUnlessFound;
  return collector->old_total / collector->growth_share;
}

// Whether as much has come, net, since the oldest generation was collected: what died by its count meanwhile left nothing to find. In
// slices a cycle begins by asking the same.
bool has_grown_net(Collector* collector) {
  Py_ssize_t population = 0;
  for (Page* page = collector->heap->collectable_pages(); page; page = page->gc_next) {
    for (size_t word = 0; word < page->words; ++word) population += std::popcount(old_in(page->group(word)));
  }
  const Py_ssize_t grown = std::max(population - collector->old_total, Py_ssize_t{0});
  if (grown >= least_growth(collector)) return true;
  collector->old_pending = grown;
  return false;
}

// While objects grow old and no cycle runs.
void look_for_old_garbage(Collector* collector) {
  if (collector->cycle.phase != Phase::idle || !worth_slices(collector)) return;
  probe_old(collector);
  if (collector->probes.find_garbage()) collector->growth_share = kGrowthShareInSlices;
}

// The oldest generation whose threshold was passed, or -1.
int due_generation(Collector* collector) {
  if (!collector->thresholds[0]) return -1;
  for (int g = kGenerations - 1; g >= 0; --g) {
    if (collector->counts[g] <= collector->thresholds[g]) continue;
    if (g == kGenerations - 1) {
      if (collector->cycle.phase != Phase::idle) continue;
      if (collector->heap->debug.slices) return g;
      if (collector->old_pending < least_growth(collector)) continue;
      if (!worth_slices(collector) && !has_grown_net(collector)) continue;
    }
    return g;
  }
  return -1;
}

// What was allocated since makes work on the cycle due.
void charge_allocations(Collector* collector) {
  Cycle& cycle = collector->cycle;
  if (cycle.phase != Phase::idle && collector->counts[0] > cycle.charged) cycle.debt += (collector->counts[0] - cycle.charged) * work_per_allocation(collector);
  cycle.charged = collector->counts[0];
}

void report_cycle(Collector* collector) {
  Cycle& cycle = collector->cycle;
  cycle.ended = false;
  GenerationStatistics& statistics = collector->statistics[kGenerations - 1];
  ++statistics.collections;
  statistics.collected += cycle.collected;
  statistics.uncollectable += cycle.uncollectable;
  invoke_callbacks(collector, "start", kGenerations - 1, 0, 0);
  invoke_callbacks(collector, "stop", kGenerations - 1, cycle.collected, cycle.uncollectable);
}

void pay_debt(Collector* collector) {
  Cycle& cycle = collector->cycle;
  collector->collecting = true;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const uint64_t pause_began = ticks();
  const Py_ssize_t collected = cycle.collected;
  run_slice(collector, std::min(cycle.debt, kSliceWork));
  collector->pauses->add(pause_began, kGenerations - 1, static_cast<uint64_t>(cycle.work), static_cast<uint64_t>(cycle.collected - collected));
  cycle.debt -= cycle.work;
  if (cycle.ended) report_cycle(collector);
  if (PyErr_Occurred()) PyErr_WriteUnraisable(nullptr);
  PyErr_Restore(type, value, traceback);
  collector->collecting = false;
  if (cycle.phase != Phase::idle && cycle.debt > 0) request_collection(collector);
}

}  // namespace

void set_alarm(Collector* collector) {
  int threshold = collector->thresholds[0] ? collector->thresholds[0] : INT_MAX;
  bool in_cycle = collector->cycle.phase != Phase::idle;
  collector->alarm = in_cycle ? std::min(threshold, collector->cycle.charged + kAllocationsPerSlice) : threshold;
}

void collect_if_due(Collector* collector) {
  if (!collector->enabled || collector->collecting) return;
  charge_allocations(collector);
  int generation = due_generation(collector);
  if (std::exchange(collector->heap->debug.collection_due, false) && generation < 0) generation = 0;
  if (generation == kGenerations - 1 && worth_slices(collector)) {
    // What is young takes part.
    collect(collector, kGenerations - 2);
    collector->counts[kGenerations - 1] = 0;
    begin_cycle(collector);
  } else if (generation >= 0) {
    const bool passed = generation == 0 ? put_off_youngest(collector) : generation == 1 && promote_unseen(collector);
    if (!passed) collect(collector, generation);
    if (generation == 1) look_for_old_garbage(collector);
  }
  Cycle& cycle = collector->cycle;
  if (cycle.phase != Phase::idle && cycle.debt > 0) {
    if (slices_lag(collector)) collect(collector, kGenerations - 1);
    else pay_debt(collector);
  }
  set_alarm(collector);
}

void request_if_stressed(Collector* collector) {
  HeapDebug& debug = collector->heap->debug;
  if (!debug.collect_every || !collector->enabled || collector->collecting || --debug.until_collection) return;
  debug.until_collection = debug.collect_every;
  debug.collection_due = true;
  request_collection(collector);
}

Collector* new_collector(Heap* heap, std::atomic<uint32_t>* requests, uint32_t request) {
  void* memory = std::malloc(sizeof(Collector));
  void* log = std::calloc(1, sizeof(PauseLog));
  if (!memory || !log) {
    std::free(memory);
    std::free(log);
    return nullptr;
  }
  auto* collector = new (memory) Collector();
  collector->heap = heap;
  collector->pauses = static_cast<PauseLog*>(log);
  collector->requests = requests;
  collector->request = request;
  return collector;
}

void delete_collector(Collector* collector) {
  abandon_cycle(collector);
  collector->notes.clear();
  if (t_collector == collector) t_collector = nullptr;
  std::free(collector->pauses);
  std::free(collector);
}

int visit_tracked(Heap* heap, int generation, int (*visit)(PyObject*, void*), void* context) {
  for (Page* page = heap->collectable_pages(); page; page = page->gc_next) {
    int stop = 0;
    for_each_member(page, generation < 0 ? kGenerations - 1 : generation, [&](size_t index) {
      bool exact = generation < 0 || generation_of(page, index) == generation;
      if (!stop && exact) stop = visit(object_at(page, index), context);
    });
    if (stop) return stop;
  }
  return 0;
}

void freeze_all(Heap* heap) {
  for (Page* page = heap->collectable_pages(); page; page = page->gc_next) {
    for_each_member(page, kGenerations - 1, [&](size_t index) { set_generation(page, index, kPermanent); });
  }
}
void unfreeze_all(Heap* heap) {
  for (Page* page = heap->collectable_pages(); page; page = page->gc_next) {
    for_each_member(page, kPermanent, [&](size_t index) { set_generation(page, index, kGenerations - 1); });
  }
}
Py_ssize_t frozen_count(Heap* heap) {
  Py_ssize_t count = 0;
  for (Page* page = heap->collectable_pages(); page; page = page->gc_next) {
    for_each_member(page, kPermanent, [&](size_t) { ++count; });
  }
  return count;
}

}  // namespace gill

extern "C" {

Py_ssize_t PyGC_Collect(void) {
  gill::Collector* c = gill::t_collector;
  return c->enabled ? gill::collect(c, gill::kGenerations - 1) : 0;
}
Py_ssize_t _PyGC_CollectNoFail(PyThreadState*) { return gill::collect(gill::t_collector, gill::kGenerations - 1); }
Py_ssize_t _PyGC_CollectIfEnabled(void) { return PyGC_Collect(); }
int PyGC_Enable(void) { return std::exchange(gill::t_collector->enabled, true); }
int PyGC_Disable(void) { return std::exchange(gill::t_collector->enabled, false); }
int PyGC_IsEnabled(void) { return gill::t_collector->enabled; }

int PyObject_CallFinalizerFromDealloc(PyObject* self) {
  using namespace gill;
  destructor finalizer = Py_TYPE(self)->tp_finalize;
  if (!finalizer) return 0;
  // The object is dead by its count; it lives again while its finalizer runs.
  self->ob_refcnt = 1;
  PyObject_CallFinalizer(self);
  if (--self->ob_refcnt == 0) return 0;
  return -1;
}
void PyObject_CallFinalizer(PyObject* self) {
  using namespace gill;
  destructor finalizer = Py_TYPE(self)->tp_finalize;
  if (!finalizer) return;
  if (g_heap_range.contains(self) && Page::of(self)->kind != Kind::plain) {
    Page* page = Page::of(self);
    size_t index = page->index_of(self);
    if (page->get(kFinalized, index)) return;
    finalizer(self);
    page->set(kFinalized, index);
  } else {
    finalizer(self);
  }
}

}  // extern "C"
