#include "memory/heap_debug.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "memory/heap.h"
#include "memory/page_range.h"

namespace gill {

HeapDebug parse_heap_debug(const char* switches) {
  HeapDebug debug{};
  std::string_view rest = switches ? switches : "";
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
    size_t equals = one.find('=');
    std::string_view key = one.substr(0, equals);
    uint64_t number = equals == one.npos ? 1 : std::strtoull(one.data() + equals + 1, nullptr, 10);
    if (key == "poison") debug.poison = number != 0;
    if (key == "leaks") debug.leaks = number != 0;
    if (key == "slices") debug.slices = number != 0;
    if (key == "verify") debug.verify = number != 0;
    if (key == "fail") debug.fail_at = number;
    if (key == "collect") debug.collect_every = debug.until_collection = number;
  }
  debug.active = debug.poison || debug.fail_at;
  return debug;
}

HeapDebug heap_debug_from_environment() {
#ifdef GILL_DEBUG_CHECKS
  return parse_heap_debug(std::getenv("GILL_HEAP"));
#else
  return {};
#endif
}

namespace {

// Objects that a static type leads to get the bit that says "tracked", which nobody needs any more.
int mark(PyObject* object, void* heap);

void mark_what_type_holds(PyTypeObject* type, void* heap) {
  PyObject* held[] = {type->tp_dict, type->tp_bases, type->tp_mro, type->tp_cache};
  for (PyObject* object : held) {
    if (object) mark(object, heap);
  }
}

// False where there is nothing to mark: plain objects refer to nothing.
bool is_markable(PyObject* object, void* heap) {
  if (!g_heap_range.contains(object)) return false;
  Page* page = Page::of(object);
  return page->heap == heap && page->kind != Kind::plain;
}

int mark(PyObject* object, void* heap) {
  if (!is_markable(object, heap)) return 0;
  Page* page = Page::of(object);
  size_t index = page->index_of(object);
  if (page->get(kTracked, index)) return 0;
  page->set(kTracked, index);
  return Py_TYPE(object)->tp_traverse(object, mark, heap);
}

int mark_if_static_type(PyObject* object, void* heap) {
  if (!g_heap_range.contains(object) && PyType_Check(object)) mark_what_type_holds(reinterpret_cast<PyTypeObject*>(object), heap);
  return 0;
}

template <class Visit>
void for_each_object(Page* page, Visit visit) {
  if (page->kind == Kind::plain) return;
  for (size_t i = 0; i < page->slot_count; ++i) {
    if (!page->get(kFree, i)) visit(reinterpret_cast<PyObject*>(page->slot(i) + prefix_of(page->kind)), i);
  }
}

// Every static type is in an MRO, which its heap holds: all are met.
void mark_from_page(Page* page, void* heap) {
  if (page->heap != heap) return;
  for_each_object(page, [&](PyObject* object, size_t) { Py_TYPE(object)->tp_traverse(object, mark_if_static_type, heap); });
}

struct Leaks {
  const Heap* heap;
  size_t held_by_types, blocks, block_bytes;
};

void report_page(Page* page, void* context) {
  auto* leaks = static_cast<Leaks*>(context);
  if (page->heap != leaks->heap) return;
  if (page->kind == Kind::plain) {
    size_t taken = size_t{page->slot_count} - page->free_count;
    leaks->blocks += taken;
    leaks->block_bytes += taken * page->slot_size;
  }
  for_each_object(page, [&](PyObject* object, size_t index) {
    if (page->get(kTracked, index)) {
      page->clear(kTracked, index);
      ++leaks->held_by_types;
      return;
    }
    const char* own_name = PyType_Check(object) ? reinterpret_cast<PyTypeObject*>(object)->tp_name : "";
    std::fprintf(stderr, "heap: object left: %s %s %p, %zd references\n", Py_TYPE(object)->tp_name, own_name, static_cast<void*>(object), Py_REFCNT(object));
  });
}

}  // namespace

void report_leaks(Heap* heap) {
  for_each_taken_run(mark_from_page, heap);
  Leaks leaks = {heap, 0, 0, 0};
  for_each_taken_run(report_page, &leaks);
  std::fprintf(stderr, "heap: static types hold %zu objects; %zu plain blocks of %zu bytes are left\n", leaks.held_by_types, leaks.blocks, leaks.block_bytes);
}

}  // namespace gill
