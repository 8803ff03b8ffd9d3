// The collection of the oldest generation in slices at safe points, so that no pause grows with the live heap.
//
// There is no write barrier, since extensions store references with plain macros. So whatever a slice learns is a guess by the next
// one; it decides which objects are worth an exact check, and never whether one dies.
//
//   census  Every page's marks are wiped and its old objects counted. Where they have hardly grown in number the cycle ends here.
//   known   What modules and the threads' frames reach is marked.
//   count   Each old object without a mark is traversed, and its references to other such objects are counted.
//   mark    An object with more references than were counted is referenced from elsewhere: it and all it reaches are marked.
//   sweep   Of the objects without a mark, clusters of bounded size (what one of them reaches among them) go through trial
//           deletion at once, without a break: an exact check, and those that fall die. The others are put by.
//   rest    What was put by is checked in one step, which costs in proportion to the garbage. When it is much, count, mark and sweep are done
//           again over it before, since it may be alive but have been moved out of sight.
//
// Work is owed in proportion to allocation, so a cycle ends before the old generation has grown by a fixed share; one that does not
// is given up for a full collection (collect_if_due).
//
// Notes between slices are bits in the pages, never pointers to objects: they go when the object goes. `grey` is "marked, to be
// traversed" up to the mark phase, "put by" from then on. The pages with grey objects stand in a queue of the heap, and a
// page that goes leaves it.
#include "memory/incremental.h"

#include <atomic>

#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/references.h"
#include "memory/trial.h"

namespace gill {
namespace {

constexpr Py_ssize_t kLeastForSlices = 30'000;  // objects; below, a full collection is shorter than a slice may be
constexpr Py_ssize_t kPart = 512;               // items of a large container that are looked at together
constexpr size_t kBatch = 1000;                 // objects that are checked together, or
constexpr size_t kLargestBatch = 2000;          // as many when they are connected
constexpr Py_ssize_t kMostRest = 4000;
constexpr uint8_t kRounds = 2;
constexpr Py_ssize_t kWorthwhileShare = 64;     // of the population that a cycle has to find for the next to come as soon
constexpr Py_ssize_t kCheckWork = 8;   // the cost of an exact check, in visits
constexpr Py_ssize_t kDeathWork = 16;  // the cost of the end of an object

uint64_t white_in(const uint64_t* group) { return old_in(group) & ~group[kMarked]; }

// Where an old object without a mark has its bits.
struct Place {
  Page* page = nullptr;
  size_t index = 0;
  uint64_t* group() const { return page->group(index / 64); }
  uint64_t bit() const { return uint64_t{1} << (index % 64); }
};

class Slice {
 public:
  Slice(Collector* collector, Py_ssize_t budget) : collector_(collector), heap_(collector->heap), cycle_(collector->cycle), budget_(budget) { cycle_.work = 0; }

  void run() {
    while (!is_spent() && cycle_.phase != Phase::idle) step();
  }

 private:
  bool is_spent() const { return cycle_.work >= budget_; }

  void step() {
    switch (cycle_.phase) {
      case Phase::idle: return;
      case Phase::census: return take_census();
      case Phase::known: return mark_known();
      case Phase::count: return count_references();
      case Phase::mark: return mark_from_outside();
      case Phase::sweep: return sweep();
      case Phase::rest: return check_rest();
    }
  }

  void enter(Phase phase) {
    cycle_.phase = phase;
    cycle_.slot = 0;
    cycle_.partial = nullptr;
    heap_->set_page_cursor(heap_->collectable_pages());
  }
  Page* current() const { return heap_->page_cursor(); }
  void next_page() {
    heap_->set_page_cursor(current()->gc_next);
    cycle_.slot = 0;
  }

  // Whether the object is old and has no mark.
  [[gnu::always_inline]] bool find_white(PyObject* object, Place& place) const {
    if (!g_heap_range.contains(object)) return false;
    Page* page = Page::of(object);
    if (page->kind == Kind::plain || page->heap != heap_) return false;
    place = {page, page->index_of(object)};
    return white_in(place.group()) & place.bit();
  }

  // Visits what the object refers to, of a large container a part. False when there is more.
  template <visitproc visit>
  [[gnu::always_inline]] bool visit_references(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    if (type == &PyList_Type) return visit_items<visit>(object, reinterpret_cast<PyListObject*>(object)->ob_item);
    if (type == &PyTuple_Type) return visit_items<visit>(object, reinterpret_cast<PyTupleObject*>(object)->ob_item);
    auto visit_one = [this](PyObject* target) { return visit(target, this); };
    Py_ssize_t size = type == &PyDict_Type ? PyDict_GET_SIZE(object) : type == &PySet_Type || type == &PyFrozenSet_Type ? PySet_GET_SIZE(object) : 0;
    if (size <= kPart) [[likely]] {
      (void)visit_instance(object, shapes_, visit_one);
      return true;
    }
    return visit_entries<visit>(object);
  }
  template <visitproc visit>
  [[gnu::always_inline]] bool visit_items(PyObject* object, PyObject** items) {
    const Py_ssize_t size = Py_SIZE(object);
    Py_ssize_t at = size > kPart ? take_place_in(object) : 0;
    const Py_ssize_t end = std::min(at + kPart, size);
    for (; at < end; ++at) {
      if (items[at]) visit(items[at], this);
    }
    return at >= size || stop_in(object, at);
  }
  template <visitproc visit>
  bool visit_entries(PyObject* table) {
    const bool is_dict = PyDict_CheckExact(table);
    Py_ssize_t at = take_place_in(table);
    for (Py_ssize_t part = 0; part < kPart; ++part) {
      PyObject *key, *value = nullptr;
      Py_hash_t hash;
      if (!(is_dict ? PyDict_Next(table, &at, &key, &value) : _PySet_NextEntry(table, &at, &key, &hash))) return true;
      visit(key, this);
      if (value) visit(value, this);
    }
    return stop_in(table, at);
  }
  // Where the visit to a large container goes on.
  Py_ssize_t take_place_in(PyObject* object) { return std::exchange(cycle_.partial, nullptr) == object ? cycle_.partial_at : 0; }
  bool stop_in(PyObject* object, Py_ssize_t at) {
    cycle_.partial = object;
    cycle_.partial_at = at;
    return false;
  }

  // ---- census

  void take_census() {
    Page* page = current();
    if (!page) return end_census();
    for (size_t word = 0; word < page->words; ++word) {
      uint64_t* group = page->group(word);
      group[kMarked] = group[kGrey] = 0;
      cycle_.population += std::popcount(old_in(group));
    }
    std::free(std::exchange(page->tally, nullptr));
    cycle_.work += page->words;
    next_page();
  }
  void end_census() {
    Py_ssize_t grown = cycle_.population - collector_->old_total;
    if (!heap_->debug.slices && grown < collector_->old_total / collector_->growth_share) {
      // Most of what was promoted has died by its count.
      collector_->old_pending = std::max(grown, Py_ssize_t{0});
      cycle_.phase = Phase::idle;
      heap_->set_page_cursor(nullptr);
      return;
    }
    cycle_.pending_at_start = collector_->old_pending;
    cycle_.roots_pushed = false;
    enter(Phase::known);
  }

  // ---- known and mark

  [[gnu::always_inline]] void mark(PyObject* object) {
    ++cycle_.work;
    Place place;
    if (!find_white(object, place)) return;
    place.group()[kMarked] |= place.bit();
    place.group()[kGrey] |= place.bit();
    if (!place.page->queued) heap_->queue_grey(place.page);
    place.page->grey_from = std::min(place.page->grey_from, static_cast<uint8_t>(place.index / 64));
  }
  static int visit_to_mark(PyObject* object, void* slice) {
    static_cast<Slice*>(slice)->mark(object);
    return 0;
  }

  // Marks what grey objects refer to. False when the budget was spent before all were done. A chain may lead to and fro between pages: of
  // a page that comes again only the words from the first with a new grey object on are looked at.
  bool drain() {
    while (Page* page = heap_->first_grey()) {
      const size_t first = std::exchange(page->grey_from, kNoWord);
      if (first == kNoWord) {
        heap_->unqueue_grey(page);
        continue;
      }
      prefetch_headers(page, first, page->word(kGrey, first));
      for (size_t word = first; word < page->words; ++word) {
        uint64_t& grey = page->word(kGrey, word);
        if (grey) prefetch_objects(page, word, grey);
        if (word + 1 < page->words) prefetch_headers(page, word + 1, page->word(kGrey, word + 1));
        while (grey) {
          ++cycle_.work;
          auto bit = static_cast<size_t>(std::countr_zero(grey));
          PyObject* object = object_at(page, word * 64 + bit);
          if (visit_references<visit_to_mark>(object)) {
            grey &= ~(uint64_t{1} << bit);
            if (PyTuple_CheckExact(object)) _PyTuple_MaybeUntrack(object);
          }
          if (is_spent()) {
            page->grey_from = std::min(page->grey_from, static_cast<uint8_t>(word));
            return false;
          }
        }
      }
      cycle_.work += static_cast<Py_ssize_t>(page->words - first);
    }
    return true;
  }

  void mark_known() {
    if (!std::exchange(cycle_.roots_pushed, true)) gill_visit_roots(visit_to_mark, this);
    if (drain()) enter(Phase::count);
  }

  void mark_from_outside() {
    if (!drain()) return;
    Page* page = current();
    if (!page) return enter(Phase::sweep);
    for (size_t word = 0; word < page->words; ++word) {
      for_each_bit(white_in(page->group(word)), word, [&](size_t index) {
        PyObject* object = object_at(page, index);
        if (!page->tally || static_cast<size_t>(Py_REFCNT(object)) > page->tally[index]) mark(object);
      });
    }
    cycle_.work += page->words;
    next_page();
  }

  // ---- count

  // False without memory.
  static bool make_tally(Page* page) {
    if (!page->tally) page->tally = static_cast<uint32_t*>(std::calloc(page->slot_count, sizeof(uint32_t)));
    return page->tally;
  }
  static int visit_to_count(PyObject* object, void* context) {
    auto* slice = static_cast<Slice*>(context);
    ++slice->cycle_.work;
    Place place;
    if (slice->find_white(object, place) && make_tally(place.page)) ++place.page->tally[place.index];
    return 0;
  }
  void count_references() {
    Page* page = current();
    if (!page) return enter(Phase::mark);
    size_t word = cycle_.slot / 64;
    uint64_t skipped = (uint64_t{1} << (cycle_.slot % 64)) - 1;
    for (; word < page->words; ++word, skipped = 0) {
      uint64_t white = white_in(page->group(word)) & ~skipped;
      prefetch_objects(page, word, white);
      for (; white; white &= white - 1) {
        ++cycle_.work;
        cycle_.slot = word * 64 + static_cast<size_t>(std::countr_zero(white));
        if (is_spent()) return;
        if (!visit_references<visit_to_count>(object_at(page, cycle_.slot))) return;
      }
    }
    cycle_.work += page->words;
    next_page();
  }

  // ---- sweep and rest

  // Adds what is white, and not put by, to the batch; what it reaches follows.
  static int visit_to_gather(PyObject* object, void* context) {
    auto* slice = static_cast<Slice*>(context);
    ++slice->cycle_.work;
    Place place;
    if (!slice->find_white(object, place) || place.group()[kGrey] & place.bit()) return 0;
    if (slice->batch_.size() >= kLargestBatch) return 0;
    if (!slice->batch_.push(object)) return 0;
    place.group()[kGrey] |= place.bit();
    return 0;
  }
  void gather_references_of(PyObject* object) {
    (void)gill::visit_references(object, shapes_, [this](PyObject* target) { return visit_to_gather(target, this); });
  }
  void sweep() {
    size_t gathered = 0;
    while (Page* page = current()) {
      std::free(std::exchange(page->tally, nullptr));
      for (size_t word = 0; word < page->words; ++word) {
        uint64_t* group = page->group(word);
        while (uint64_t fresh = white_in(group) & ~group[kGrey]) {
          if (batch_.size() >= kBatch) return check_batch();
          PyObject* seed = object_at(page, word * 64 + static_cast<size_t>(std::countr_zero(fresh)));
          visit_to_gather(seed, this);
          if (gathered == batch_.size()) return abandon_cycle(collector_);  // no memory
          for (; gathered < batch_.size(); ++gathered) gather_references_of(batch_[gathered]);
        }
      }
      cycle_.work += page->words;
      next_page();
      if (is_spent()) break;
    }
    if (batch_.size()) check_batch();
    if (!current() && cycle_.phase == Phase::sweep) end_sweep();
  }
  // What is not proven to be garbage is put by.
  void check_batch() {
    ObjectList reached;
    cycle_.work += static_cast<Py_ssize_t>(batch_.size()) * kCheckWork;
    if (!split_reached(batch_, 0, reached)) return abandon_cycle(collector_);
    for (PyObject* object : reached) {
      Page* page = Page::of(object);
      if (!page->queued) heap_->queue_grey(page);
    }
    cycle_.deferred += static_cast<Py_ssize_t>(reached.size());
    dispose(batch_);
    batch_.truncate(0);
  }
  void end_sweep() {
    ++cycle_.rounds;
    if (cycle_.deferred <= kMostRest || cycle_.rounds == kRounds) return enter(Phase::rest);
    cycle_.deferred = 0;
    while (Page* page = heap_->first_grey()) {
      for (size_t word = 0; word < page->words; ++word) page->word(kGrey, word) = 0;
      heap_->unqueue_grey(page);
    }
    enter(Phase::count);
  }
  void check_rest() {
    while (Page* page = heap_->first_grey()) {
      for (size_t word = 0; word < page->words; ++word) {
        uint64_t* group = page->group(word);
        for_each_bit(white_in(group) & group[kGrey], word, [&](size_t index) { (void)batch_.push(object_at(page, index)); });
        group[kGrey] = 0;
      }
      heap_->unqueue_grey(page);
    }
    ObjectList reached;
    cycle_.work += static_cast<Py_ssize_t>(batch_.size()) * kCheckWork;
    if (!split_reached(batch_, 0, reached)) return abandon_cycle(collector_);
    dispose(batch_);
    end_cycle();
  }

  // These die, but for what their finalizers bring back. Any code runs.
  void dispose(ObjectList& unreachable) {
    if (!unreachable.size()) return;
    if (heap_->debug.verify) expect_unreachable(collector_, unreachable);
    cycle_.work += static_cast<Py_ssize_t>(unreachable.size()) * kDeathWork;
    Outcome outcome = dispose_of(collector_, unreachable);
    shapes_.clear();  // classes may have gone
    cycle_.collected += outcome.collected;
    cycle_.uncollectable += outcome.uncollectable;
  }

  void end_cycle() {
    note_worth(collector_, cycle_.collected, cycle_.population);
    collector_->old_pending -= cycle_.pending_at_start;
    collector_->old_total = std::max(cycle_.population - cycle_.collected, Py_ssize_t{0});
    cycle_.phase = Phase::idle;
    cycle_.ended = true;
    heap_->set_page_cursor(nullptr);
  }

  Collector* collector_;
  Heap* heap_;
  Cycle& cycle_;
  Py_ssize_t budget_;
  ObjectList batch_;
  ShapeCache shapes_;
};

}  // namespace

void note_worth(Collector* collector, Py_ssize_t found, Py_ssize_t population) {
  const bool in_vain = found < population / kWorthwhileShare;
  collector->growth_share = in_vain ? std::max(collector->growth_share / 2, kGrowthShareInVain) : kGrowthShareInSlices;
}

// Whether the old generation has grown by one in so many since the cycle began.
static bool has_grown(const Collector* collector, Py_ssize_t share) {
  const Cycle& cycle = collector->cycle;
  return collector->old_pending - cycle.pending_at_start > std::max({collector->old_total, cycle.population, kLeastForSlices}) / share;
}

bool slices_lag(const Collector* collector) { return has_grown(collector, 2); }

Py_ssize_t work_per_allocation(const Collector* collector) {
  return collector->cycle.without_haste && !has_grown(collector, kGrowthShareInSlices) ? kWorkWithoutHaste : kWorkPerAllocation;
}

bool worth_slices(const Collector* collector) {
  if (!collector->incremental || collector->debug) return false;
  return collector->heap->debug.slices || collector->old_total + collector->old_pending >= kLeastForSlices;
}

void begin_cycle(Collector* collector) {
  collector->cycle = Cycle();
  collector->cycle.without_haste = collector->probes.find_none();
  collector->probes = Probes();
  collector->cycle.phase = Phase::census;
  collector->cycle.pending_at_start = collector->old_pending;
  collector->heap->set_page_cursor(collector->heap->collectable_pages());
}

void run_slice(Collector* collector, Py_ssize_t budget) { Slice(collector, budget).run(); }

void abandon_cycle(Collector* collector) {
  Heap* heap = collector->heap;
  if (collector->cycle.phase == Phase::idle) return;
  while (Page* page = heap->first_grey()) heap->unqueue_grey(page);
  heap->set_page_cursor(nullptr);
  collector->cycle = Cycle();
}

void note_promotion(Collector* collector, Page* page, size_t word, uint64_t slots) {
  if (collector->cycle.phase > Phase::census) page->word(kMarked, word) |= slots;
}

}  // namespace gill
