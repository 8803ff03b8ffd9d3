// Memory that goes back to the operating system from the middle of partly filled pages.
//
// What the system gives and takes is 4 KiB, a quarter of a page of ours. A stretch in which every slot is free can go back, since
// nothing is threaded through free slots; its slots stay what they are, and are zeroed memory when they are handed out again.
// A stretch goes back when it has been seen empty twice with no allocation from its page between, so that memory that is about to be
// used again stays.
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>

#include "memory/heap.h"
#include "memory/page_range.h"

namespace gill {

namespace {

inline constexpr size_t kStretch = 4096;
inline constexpr size_t kLeastFreed = size_t{4} << 20;
static_assert(kPageSize / kStretch <= 8, "Page::idle and Page::returned have a bit for each");

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
  size_t start = stretch * kStretch;
  if (start < page->first_slot) return false;  // the page's header is in it
  size_t first = (start - page->first_slot) / page->slot_size;
  size_t end = (start + kStretch - page->first_slot + page->slot_size - 1) / page->slot_size;
  return all_free(page, first, std::min<size_t>(end, page->slot_count));
}

}  // namespace

void Heap::trim_page(Page* page, bool at_once) {
  if (size_t{page->free_count} * page->slot_size < kStretch) return;
  for (size_t stretch = 1; stretch < kPageSize / kStretch; ++stretch) {
    auto bit = static_cast<uint8_t>(1u << stretch);
    if (page->returned & bit || !is_empty(page, stretch)) continue;
    if (!at_once && !(page->idle & bit)) {
      page->idle |= bit;
      continue;
    }
    ::madvise(reinterpret_cast<char*>(page) + stretch * kStretch, kStretch, MADV_DONTNEED);
    page->returned |= bit;
    ++counters_.returned_stretches;
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

// All pages are looked at while a sixteenth of the heap is freed, so that it costs little for each slot, and few at a time.
void Heap::trim_some() {
  size_t steps = std::max<size_t>(16, counters_.pages / 128);
  until_trim_ = std::max(kLeastFreed, counters_.pages * kPageSize / 16) / steps;
  constexpr size_t kLists = size_t{kKinds} * kSizeClasses * kBuckets;
  Page** lists = &buckets_[0][0][0];
  for (size_t left = counters_.pages / steps + 1; left > 0;) {
    if (Page* page = trim_cursor_) {
      trim_cursor_ = page->next;
      trim_page(page, false);
      --left;
    } else if (trim_list_ < kLists) {
      trim_cursor_ = lists[trim_list_++];
    } else {
      trim_list_ = 0;
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
