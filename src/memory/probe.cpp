// A cycle of slices costs as much as the old generation is large. A look at one old object and what it holds costs next to nothing, and
// where old garbage has gathered some such look hits it: an object that is only referenced from what it reaches itself.
//
// What classes, modules and functions reach is not followed: it is the program, and all of it. Where a function or a large container is
// met, or too many objects, the look proves nothing.
#include "memory/probe.h"

#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/trial.h"

namespace gill {
namespace {

constexpr size_t kMostObjects = 400;
constexpr Py_ssize_t kLargestContainer = 512;
constexpr int kStride = 16;  // pages from one look to the next

class Probe {
 public:
  explicit Probe(const Heap* heap) : heap_(heap) {}

  void look(PyObject* seed, Probes& probes) {
    ++probes.looked;
    if (!include(seed) || !gather()) {
      ++probes.unknown;
      return;
    }
    for (PyObject* object : group_) trial_.subtract_references_of(object);
    bool ok = true;
    for (PyObject* object : group_) {
      if (Trial::is_root(object)) ok = ok && trial_.mark_from(object);
    }
    if (!ok) ++probes.unknown;
    else if (!Trial::is_reached(seed)) ++probes.dead;
  }

 private:
  // False when there is more than can be judged.
  bool gather() {
    for (size_t i = 0; i < group_.size(); ++i) {
      PyObject* object = group_[i];
      if (is_large(object) || Py_TYPE(object)->tp_traverse(object, visit, this)) return false;
    }
    return true;
  }
  static bool is_large(PyObject* object) {
    if (PyList_CheckExact(object) || PyTuple_CheckExact(object)) return Py_SIZE(object) > kLargestContainer;
    if (PyDict_CheckExact(object)) return PyDict_GET_SIZE(object) > kLargestContainer;
    return PyAnySet_CheckExact(object) && PySet_GET_SIZE(object) > kLargestContainer;
  }
  static int visit(PyObject* target, void* probe) { return static_cast<Probe*>(probe)->follow(target) ? 0 : 1; }
  bool follow(PyObject* target) {
    if (!g_heap_range.contains(target) || PyType_Check(target) || PyModule_Check(target)) return true;
    Page* page = Page::of(target);
    if (page->kind == Kind::plain || page->heap != heap_ || !page->get(kTracked, page->index_of(target))) return true;
    if (Trial::takes_part(target)) return true;
    return !PyFunction_Check(target) && group_.size() < kMostObjects && include(target);
  }
  bool include(PyObject* object) { return group_.push(object) && trial_.add(object, 0); }

  const Heap* heap_;
  ObjectList group_;
  Trial trial_;
};

// The next page to look into: the cursor is free while no cycle runs.
Page* next_page(Heap* heap) {
  Page* page = heap->page_cursor();
  for (int i = 0; i < kStride && page; ++i) page = page->gc_next;
  if (!page) page = heap->collectable_pages();
  heap->set_page_cursor(page);
  return page;
}

PyObject* old_object_in(Page* page) {
  for (size_t word = 0; word < page->words; ++word) {
    uint64_t old = page->word(kTracked, word) & page->word(kGenerationHigh, word) & ~page->word(kGenerationLow, word);
    if (old) return object_at(page, word * 64 + static_cast<size_t>(std::countr_zero(old)));
  }
  return nullptr;
}

}  // namespace

void probe_old(Collector* collector) {
  Page* page = next_page(collector->heap);
  PyObject* seed = page ? old_object_in(page) : nullptr;
  if (seed) Probe(collector->heap).look(seed, collector->probes);
}

}  // namespace gill
