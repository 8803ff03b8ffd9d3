#include "memory/late_release.h"

#include <malloc.h>

#include <utility>

#include "memory/heap.h"
#include "memory/sampler.h"

namespace gill {

constinit bool (*g_others_wait)() = nullptr;
thread_local constinit void* t_late_blocks = nullptr;

namespace {
inline constexpr size_t kLeastLate = size_t{1} << 20;
}

void free_native_block(void* block) {
  // Who has no heap does not hold the lock.
  if (::malloc_usable_size(block) < kLeastLate || !t_heap || !g_others_wait || !g_others_wait()) return native_free(block);
  *static_cast<void**>(block) = std::exchange(t_late_blocks, block);
}

void free_late_blocks() {
  while (void* block = t_late_blocks) {
    t_late_blocks = *static_cast<void**>(block);
    native_free(block);
  }
}

}  // namespace gill
