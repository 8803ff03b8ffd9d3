// The range is reserved once and made accessible in steps of a segment. A map says what describes a page; a bitmap which pages are
// taken; a second which free pages still hold memory ("dirty"). Dirty pages are kept for quick reuse and
// handed to the operating system when they become many.
//
// How many is learnt: a page costs much to fetch again, and a program that builds and drops the same amount over and over would fetch
// all of it each time. So each page that was handed back and is needed again raises the limit by one, up to 32 MiB or a quarter of the
// most that was in use, and what no one needed for an interval is handed back and lowers it.
#include "memory/page_range.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <ctime>

#include "memory/heap.h"

namespace gill {

constinit HeapRange g_heap_range;

namespace {

inline constexpr size_t kRangeSize = size_t{64} << 30;
inline constexpr size_t kLeastRangeSize = size_t{16} << 20;
inline constexpr size_t kSegmentPages = (size_t{1} << 20) / kPageSize;  // made accessible together
inline constexpr size_t kLeastDirty = (size_t{4} << 20) / kPageSize;    // so many free pages keep their memory
inline constexpr size_t kMostDirty = (size_t{32} << 20) / kPageSize;    // at most, or
inline constexpr size_t kDirtyShare = 4;                                // a quarter of all pages that were ever taken
inline constexpr time_t kInterval = 1;                                  // seconds

struct PageRange {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  uint64_t* taken = nullptr;
  uint64_t* dirty = nullptr;
  size_t pages = 0;       // of the whole range
  size_t accessible = 0;  // from the start
  size_t lowest_free = 0; // no free page below
  size_t never_taken = 0; // no page was ever taken from here on
  size_t dirty_count = 0;
  size_t dirty_limit = kLeastDirty;
  size_t unneeded = 0;    // the least that dirty_count was in this interval
  time_t interval_began = 0;
};
constinit PageRange g_pages;

bool is_set(const uint64_t* map, size_t i) { return map[i / 64] >> (i % 64) & 1; }
void set(uint64_t* map, size_t i) { map[i / 64] |= uint64_t{1} << (i % 64); }
void clear(uint64_t* map, size_t i) { map[i / 64] &= ~(uint64_t{1} << (i % 64)); }

void* reserve(size_t size, int protection) {
  void* p = ::mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

char* address(size_t page) { return reinterpret_cast<char*>(g_heap_range.base) + page * kPageSize; }

// Where the address space is limited (ulimit -v), half of it stays for what does not come from the range.
size_t desired_range_size() {
  rlimit limit;
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kRangeSize;
  return std::clamp(limit.rlim_cur / 2 / kPageSize * kPageSize, kLeastRangeSize, kRangeSize);
}

bool open_range() {
  for (size_t size = desired_range_size(); size >= kLeastRangeSize; size /= 2) {
    void* p = reserve(size, PROT_NONE);
    if (!p) continue;
    g_pages.pages = size / kPageSize - 1;
    size_t map_bytes = (g_pages.pages / 64 + 1) * sizeof(uint64_t);
    g_pages.taken = static_cast<uint64_t*>(reserve(map_bytes, PROT_READ | PROT_WRITE));
    g_pages.dirty = static_cast<uint64_t*>(reserve(map_bytes, PROT_READ | PROT_WRITE));
    void* map = reserve(g_pages.pages * sizeof(Page*), PROT_READ | PROT_WRITE);
    if (!g_pages.taken || !g_pages.dirty || !map) return false;
    // Some of the reservation stays inaccessible in front, so that the kernel counts our pages apart from what lies before.
    g_heap_range.base = (reinterpret_cast<uintptr_t>(p) + kPageSize) & ~(kPageSize - 1);
    g_heap_range.size = g_pages.pages * kPageSize;
    g_heap_range.map = reinterpret_cast<uintptr_t>(map) - (g_heap_range.base >> kPageShift) * sizeof(Page*);
    look_for_references_in(map, g_pages.pages * sizeof(Page*));
    look_for_references_in(address(0), g_heap_range.size);
    return true;
  }
  return false;
}

bool make_accessible(size_t upto) {
  if (upto <= g_pages.accessible) return true;
  size_t target = (upto + kSegmentPages - 1) / kSegmentPages * kSegmentPages;
  if (target > g_pages.pages) target = g_pages.pages;
  if (upto > target) return false;
  if (::mprotect(address(g_pages.accessible), (target - g_pages.accessible) * kPageSize, PROT_READ | PROT_WRITE) != 0) return false;
  g_pages.accessible = target;
  return true;
}

// The first of `count` free pages in a row, or the number of pages. One page is by far the most frequent.
size_t find_run(size_t count) {
  size_t i = g_pages.lowest_free;
  if (count == 1) {
    for (size_t word = i / 64; word * 64 < g_pages.pages; ++word) {
      uint64_t free = ~g_pages.taken[word];
      if (word == i / 64) free &= ~uint64_t{0} << (i % 64);
      if (free) return word * 64 + static_cast<size_t>(std::countr_zero(free));
    }
    return g_pages.pages;
  }
  while (i + count <= g_pages.pages) {
    size_t n = 0;
    while (n < count && !is_set(g_pages.taken, i + n)) ++n;
    if (n == count) return i;
    i += n + 1;
  }
  return g_pages.pages;
}

// Hands back so many dirty pages, the last ones: the first ones are taken next.
void hand_back(size_t count) {
  count = std::min(count, g_pages.dirty_count);
  for (size_t word = g_pages.accessible / 64 + 1; count && word-- > 0;) {
    while (uint64_t dirty = g_pages.dirty[word]) {
      // The last pages in a row of this word, with those before them.
      const size_t end = word * 64 + static_cast<size_t>(std::bit_width(dirty));
      size_t first = end;
      while (first > 0 && end - first < count && is_set(g_pages.dirty, first - 1)) clear(g_pages.dirty, --first);
      ::madvise(address(first), (end - first) * kPageSize, MADV_DONTNEED);
      g_pages.dirty_count -= end - first;
      count -= end - first;
      if (count == 0) return;
    }
  }
}

// After a change of dirty_count.
void review_dirty_limit() {
  g_pages.unneeded = std::min(g_pages.unneeded, g_pages.dirty_count);
  if (g_pages.dirty_count > g_pages.dirty_limit) hand_back(g_pages.dirty_count - g_pages.dirty_limit / 4 * 3);
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (now.tv_sec - g_pages.interval_began < kInterval) return;
  const size_t surplus = g_pages.unneeded - std::min(g_pages.unneeded, kLeastDirty);
  hand_back(surplus);
  g_pages.dirty_limit = std::max(g_pages.dirty_limit - surplus, kLeastDirty);
  g_pages.unneeded = g_pages.dirty_count;
  g_pages.interval_began = now.tv_sec;
}

class Guard {
 public:
  Guard() { pthread_mutex_lock(&g_pages.mutex); }
  ~Guard() { pthread_mutex_unlock(&g_pages.mutex); }
};

}  // namespace

bool take_pages(Page* page, size_t count) {
  Guard guard;
  if (!g_pages.pages && !open_range()) return false;
  size_t first = find_run(count);
  if (first + count > g_pages.pages || !make_accessible(first + count)) return false;
  for (size_t i = first; i < first + count; ++i) {
    g_heap_range.page_of(address(i)) = page;
    set(g_pages.taken, i);
    if (is_set(g_pages.dirty, i)) {
      clear(g_pages.dirty, i);
      --g_pages.dirty_count;
    } else if (i < g_pages.never_taken && g_pages.dirty_limit < std::max(kMostDirty, g_pages.never_taken / kDirtyShare)) {
      ++g_pages.dirty_limit;
    }
  }
  g_pages.never_taken = std::max(g_pages.never_taken, first + count);
  review_dirty_limit();
  if (first == g_pages.lowest_free) g_pages.lowest_free = first + count;
  allow_access(address(first), count * kPageSize);
  page->slots = address(first) + prefix_gap(page->kind);
  return true;
}

void give_pages(Page* page) {
  size_t count = page->run_pages();
  forbid_access(page->start(), count * kPageSize);
  Guard guard;
  size_t first = (reinterpret_cast<uintptr_t>(page->start()) - g_heap_range.base) / kPageSize;
  for (size_t i = first; i < first + count; ++i) {
    g_heap_range.page_of(address(i)) = nullptr;
    clear(g_pages.taken, i);
    set(g_pages.dirty, i);
  }
  g_pages.dirty_count += count;
  if (first < g_pages.lowest_free) g_pages.lowest_free = first;
  review_dirty_limit();
}

void for_each_taken_run(void (*visit)(Page* page, void* context), void* context) {
  Guard guard;
  for (size_t i = 0; i < g_pages.accessible;) {
    if (g_pages.taken[i / 64] == 0) {
      i = (i / 64 + 1) * 64;
    } else if (!is_set(g_pages.taken, i)) {
      ++i;
    } else {
      Page* page = g_heap_range.page_of(address(i));
      visit(page, context);
      i += page->run_pages();
    }
  }
}

size_t retained_pages() {
  Guard guard;
  return g_pages.dirty_count;
}

void trim_pages() {
  Guard guard;
  hand_back(g_pages.dirty_count);
}

bool fit_range_to_limit() {
  Guard guard;
  size_t keep = std::max(desired_range_size() / kPageSize, g_pages.accessible);
  if (keep >= g_pages.pages) return false;
  size_t surplus = (g_pages.pages - keep) * kPageSize;
  // Of the map what lies in whole pages of the system's.
  auto map_end = [](size_t pages) { return (reinterpret_cast<uintptr_t>(&g_heap_range.page_of(address(pages))) + kStretch - 1) & ~(kStretch - 1); };
  uintptr_t map_keep = map_end(keep), map_surplus = map_end(g_pages.pages) - map_keep;
  g_pages.pages = keep;
  g_heap_range.size = keep * kPageSize;
  if (map_surplus) ::munmap(reinterpret_cast<void*>(map_keep), map_surplus);
  return ::munmap(address(keep), surplus) == 0;
}

void hold_pages_for_fork() { pthread_mutex_lock(&g_pages.mutex); }
void let_pages_go_after_fork() { pthread_mutex_unlock(&g_pages.mutex); }

}  // namespace gill
