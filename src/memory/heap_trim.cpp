// Memory that goes back to the operating system from the middle of partly filled pages.
//
// What the system gives and takes is 4 KiB, an eighth of a page of ours. A stretch in which every slot is free can go back, since
// nothing is threaded through free slots; its slots stay what they are, and are zeroed memory when they are handed out again.
//
// A stretch goes back when it has been seen empty twice with no allocation from its page between, so that memory that is about to be
// used again stays; where more than half of the heap is free, when it is seen empty: before all of that can be used again, as much
// must be allocated as there is in use, which pays for fetching it.
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "memory/heap.h"
#include "memory/page_range.h"

namespace gill {

namespace {

inline constexpr size_t kLeastFreed = size_t{4} << 20;
inline constexpr size_t kTrimShare = 32;
inline constexpr unsigned kStretches = kPageSize / kStretch;
static_assert(kStretches <= 8, "Page::idle and Page::returned have a bit for each");

// Whether slots [first, end) are all free.
bool all_free(Page* page, size_t first, size_t end) {
  while (first < end) {
    size_t count = std::min<size_t>(64 - first % 64, end - first);
    uint64_t mask = (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << (first % 64);
    if ((page->word(kFree, first / 64) & mask) != mask) return false;
    first += count;
  }
  return true;
}

bool is_empty(Page* page, size_t stretch) {
  size_t gap = prefix_gap(page->kind);
  size_t start = std::max(stretch * kStretch, gap) - gap;
  size_t end = (stretch + 1) * kStretch - gap;
  return all_free(page, start / page->slot_size, std::min<size_t>((end + page->slot_size - 1) / page->slot_size, page->slot_count));
}

}  // namespace

void Heap::trim_page(Page* page, bool at_once) {
  if (size_t{page->free_count} * page->slot_size < kStretch) return;
  uint8_t due = page->idle;
  if (page->free_count != page->seen_free) {
    for (unsigned stretch = 0; stretch < kStretches; ++stretch) {
      auto bit = static_cast<uint8_t>(1u << stretch);
      if (!(page->idle & bit) && is_empty(page, stretch)) page->idle |= bit;
    }
    page->seen_free = page->free_count;
  }
  if (at_once) due = page->idle;
  due &= static_cast<uint8_t>(~page->returned);
  while (due) {
    auto first = static_cast<unsigned>(std::countr_zero(due));
    auto count = static_cast<unsigned>(std::countr_one(static_cast<uint8_t>(due >> first)));
    ::madvise(page->start() + first * kStretch, count * kStretch, MADV_DONTNEED);
    auto run = static_cast<uint8_t>(((1u << count) - 1) << first);
    due &= static_cast<uint8_t>(~run);
    page->returned |= run;
    counters_.returned_stretches += count;
  }
}

void Heap::trim(bool at_once) {
  for (auto& of_kind : buckets_) {
    for (auto& of_class : of_kind) {
      for (Page* first : of_class) {
        for (Page* page = first; page; page = page->next) trim_page(page, at_once);
      }
    }
  }
}

// All pages are looked at once while a part of the heap is freed, so that it costs little for each slot, and few at a time.
void Heap::trim_some() {
  const size_t bytes = counters_.pages * kPageSize;
  const size_t steps = std::max<size_t>(16, counters_.pages / 128);
  const size_t freed_by_step = std::max(kLeastFreed, bytes / kTrimShare) / steps;
  const bool mostly_free = free_bytes_ > bytes / 2;
  constexpr size_t kLists = size_t{kKinds} * kSizeClasses * kBuckets;
  Page** lists = &buckets_[0][0][0];
  if (trim_list_ == 0 && !trim_cursor_) trim_steps_ = 0;
  ++trim_steps_;
  until_trim_ = freed_by_step;
  for (size_t left = counters_.pages / steps + 1; left > 0;) {
    if (Page* page = trim_cursor_) {
      trim_cursor_ = page->next;
      trim_page(page, mostly_free);
      --left;
    } else if (trim_list_ < kLists) {
      trim_cursor_ = lists[trim_list_++];
    } else {
      // Only partly filled pages are in the lists: what is left of the steps is waited for.
      trim_list_ = 0;
      if (trim_steps_ < steps) until_trim_ += (steps - trim_steps_) * freed_by_step;
      return;
    }
  }
}

void Heap::return_memory() {
  flush();
  trim(true);
  trim_pages();
  // What the system's allocator keeps: blocks above the largest class, raw memory, and extensions' own.
  struct mallinfo2 info = ::mallinfo2();
  if (info.fordblks > kLeastFreed) ::malloc_trim(0);
}

}  // namespace gill
