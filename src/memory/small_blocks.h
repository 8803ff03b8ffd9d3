// Short ways to small plain blocks, for which nothing is as short as taking the slot that was freed last.
#pragma once

#include "memory/heap.h"
#include "memory/hooks.h"
#include "memory/objects.h"

namespace gill {

// Null where the heap has more to do. For objects of our own types, and what they own, without members wider than a word.
[[gnu::always_inline]] inline void* recent_plain(size_t size) {
  if (size - 1 >= kSmallStepLimit || g_allocators_replaced || !t_heap) [[unlikely]] return nullptr;
  return t_heap->take_recent(Kind::plain, static_cast<int>((size - 1) / kGranule));
}

// Null without an exception when memory is exhausted.
[[gnu::always_inline]] inline void* allocate_small_plain(size_t size) {
  void* memory = recent_plain(size);
  return memory ? memory : allocate_plain_object(size);
}

// False where the heap has more to do.
[[gnu::always_inline]] inline bool free_plain_quickly(void* block) {
  return !g_allocators_replaced && g_heap_range.contains(block) && Heap::put_recent(Page::of(block), block);
}
[[gnu::always_inline]] inline void free_plain(void* block) {
  if (g_allocators_replaced || !g_heap_range.contains(block)) [[unlikely]] return PyObject_Free(block);
  Heap::free_plain_in(Page::of(block), block);
}

}  // namespace gill
