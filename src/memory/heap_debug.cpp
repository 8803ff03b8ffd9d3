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

// No object can be asked any more, so this is what can be read without.
const char* own_name(PyObject* object) {
  if (PyType_Check(object)) return reinterpret_cast<PyTypeObject*>(object)->tp_name;
  if (!PyFunction_Check(object)) return "";
  PyObject* name = reinterpret_cast<PyFunctionObject*>(object)->func_qualname;
  return PyUnicode_IS_COMPACT_ASCII(name) ? static_cast<const char*>(PyUnicode_DATA(name)) : "";
}

void report_page(Page* page, void* heap) {
  if (page->heap != heap) return;
  for (size_t i = 0; i < page->slot_count; ++i) {
    if (page->get(kFree, i)) continue;
    if (page->kind == Kind::plain) {
      std::fprintf(stderr, "heap: %u bytes left\n", page->slot_size);
      continue;
    }
    auto* object = reinterpret_cast<PyObject*>(page->slot(i) + prefix_of(page->kind));
    std::fprintf(stderr, "heap: object left: %s %s %p, %zd references\n", Py_TYPE(object)->tp_name, own_name(object), static_cast<void*>(object), Py_REFCNT(object));
  }
}

}  // namespace

void report_leaks(const Heap* heap) { visit_pages(report_page, const_cast<Heap*>(heap)); }

}  // namespace gill
