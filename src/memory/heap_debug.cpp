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

size_t report_page(void* first, void* heap) {
  auto* page = static_cast<Page*>(first);
  if (page->heap != heap) return page->run_pages;
  for (size_t i = 0; i < page->slot_count; ++i) {
    if (page->get(kFree, i)) continue;
    if (page->kind == Kind::plain) {
      std::fprintf(stderr, "heap: %u bytes left\n", page->slot_size);
      continue;
    }
    auto* object = reinterpret_cast<PyObject*>(page->slot(i) + prefix_of(page->kind));
    const char* own_name = PyType_Check(object) ? reinterpret_cast<PyTypeObject*>(object)->tp_name : "";
    std::fprintf(stderr, "heap: object left: %s %s %p, %zd references\n", Py_TYPE(object)->tp_name, own_name, static_cast<void*>(object), Py_REFCNT(object));
  }
  return page->run_pages;
}

}  // namespace

void report_leaks(const Heap* heap) { for_each_taken_run(report_page, const_cast<Heap*>(heap)); }

}  // namespace gill
