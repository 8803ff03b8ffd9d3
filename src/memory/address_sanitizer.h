// What the heap tells AddressSanitizer, in builds with it (the preset asan). In any other build all of this is nothing.
//
// The heap then watches every block: plain blocks come from malloc, which the sanitizer knows; a slot of a collectable page is
// accessible just as far as was asked for, and when it is freed it becomes inaccessible and waits in quarantine before anybody
// gets it again. So a use of what is freed, or of what is beside a block, is reported where it happens.
#pragma once

#include <algorithm>
#include <cstddef>

#if defined(GILL_DEBUG_CHECKS) && __has_feature(address_sanitizer)
#define GILL_WATCHED_HEAP 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

namespace gill {

#ifdef GILL_WATCHED_HEAP
inline constexpr bool kWatchedHeap = true;

inline void forbid_access(const void* memory, size_t size) { __asan_poison_memory_region(memory, size); }
inline void allow_access(const void* memory, size_t size) { __asan_unpoison_memory_region(memory, size); }
// What stands there keeps the blocks that it refers to from being reported as leaks.
inline void look_for_references_in(const void* memory, size_t size) { __lsan_register_root_region(memory, size); }
// Has the sanitizer report a block that is freed twice.
inline void expect_accessible(const void* memory) { (void)*static_cast<const volatile char*>(memory); }

// The slots freed last. In their page they count as taken.
class Quarantine {
 public:
  // Takes a slot in, or none; the one that has waited longest goes, null while there is room.
  void* exchange(void* slot) {
    void* oldest = slots_[next_];
    slots_[next_] = slot;
    next_ = (next_ + 1) % kCapacity;
    return oldest;
  }
  size_t count() const { return kCapacity - static_cast<size_t>(std::count(slots_, slots_ + kCapacity, nullptr)); }
  static constexpr size_t kCapacity = 1 << 16;

 private:
  size_t next_ = 0;
  void* slots_[kCapacity] = {};
};
#else
inline constexpr bool kWatchedHeap = false;
inline void forbid_access(const void*, size_t) {}
inline void allow_access(const void*, size_t) {}
inline void look_for_references_in(const void*, size_t) {}
inline void expect_accessible(const void*) {}

class Quarantine {
 public:
  void* exchange(void* slot) { return slot; }
  size_t count() const { return 0; }
  static constexpr size_t kCapacity = 0;
};
#endif

}  // namespace gill
