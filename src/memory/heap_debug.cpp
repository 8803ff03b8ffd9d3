#include "memory/heap_debug.h"

#include <cstdlib>
#include <string_view>

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

}  // namespace gill
