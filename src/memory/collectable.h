// Short ways for the built-in containers: memory for collectable objects of our own types that have nothing in front of them, and
// tracking what was just allocated.
#pragma once

#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/hooks.h"
#include "memory/objects.h"

namespace gill {

// Null with MemoryError. `type` is one of our static types.
[[gnu::always_inline]] inline PyObject* allocate_collectable(PyTypeObject* type, size_t size) {
  int index = size <= kSmallStepLimit ? class_of(size) : Heap::kMagazineClasses;
  if (index < Heap::kMagazineClasses && !g_allocators_replaced) [[likely]] {
    if (void* slot = t_heap->take_recent(Kind::collectable, index)) [[likely]] {
      collector_note_allocation();
      return static_cast<PyObject*>(slot);
    }
  }
  return allocate_instance(type, size);
}

// Lets the collector see a new object from a collectable page.
[[gnu::always_inline]] inline void start_tracking(void* object) {
  Page* page = Page::of(object);
  page->set(kTracked, page->index_of(object));
  if (page->young_list != kYoungest) [[unlikely]] page->heap->list_as(page, kYoungest);
}

// Frees an object of one of our own types that are collectable and have nothing in front of them.
[[gnu::always_inline]] inline void free_collectable(void* object) {
  Page* page = Page::of(object);
  collector_note_release(page, object);
  if (g_allocators_replaced) [[unlikely]] return free_hooked(object);
  Heap::free_in(page, object);
}

}  // namespace gill
