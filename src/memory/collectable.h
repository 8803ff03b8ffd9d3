// Short ways for the built-in containers: memory for collectable objects of our own types that have nothing in front of them, and
// tracking what was just allocated.
#pragma once

#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/hooks.h"
#include "memory/objects.h"

namespace gill {

// Null where the heap has more to do.
[[gnu::always_inline]] inline PyObject* recent_collectable(size_t size) {
  if (size > kSmallStepLimit || g_allocators_replaced) [[unlikely]] return nullptr;
  void* slot = t_heap->take_recent(Kind::collectable, class_of(size));
  if (slot) [[likely]] collector_note_allocation();
  return static_cast<PyObject*>(slot);
}

// Null with MemoryError. `type` is one of our static types.
[[gnu::always_inline]] inline PyObject* allocate_collectable(PyTypeObject* type, size_t size) {
  PyObject* recent = recent_collectable(size);
  return recent ? recent : allocate_instance(type, size);
}

// Lets the collector see a new object from a collectable page. False where only start_tracking() makes that whole.
[[gnu::always_inline]] inline bool start_tracking_quickly(void* object) {
  Page* page = Page::of(object);
  page->set(kTracked, page->index_of(object));
  return page->young_list == kYoungest;
}
[[gnu::always_inline]] inline void start_tracking(void* object) {
  if (start_tracking_quickly(object)) [[likely]] return;
  Page* page = Page::of(object);
  page->heap->list_as(page, kYoungest);
}

// Frees a collectable object with so many bytes in front of it in its slot.
[[gnu::always_inline]] inline void free_collectable_behind(void* object, size_t prefix) {
  Page* page = Page::of(object);
  collector_note_release(page, object);
  void* slot = static_cast<char*>(object) - prefix;
  if (g_allocators_replaced) [[unlikely]] return free_hooked(slot);
  Heap::free_collectable_in(page, slot);
}
// One of our own types that have nothing in front of them.
[[gnu::always_inline]] inline void free_collectable(void* object) { free_collectable_behind(object, 0); }

}  // namespace gill
