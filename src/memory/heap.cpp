#include "memory/heap.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/ticks.h"
#include "memory/late_release.h"
#include "memory/page_range.h"
#include "memory/sampler.h"

namespace gill {

thread_local constinit Heap* t_heap = nullptr;

namespace {

// The class whose pages a class shares with its neighbours while it has few slots: two for each doubling of the size.
constexpr int sharing_class(int index) {
  size_t size = class_size(index);
  if (index < kSmallClasses) {
    size_t step = std::max(kWideAlignment, std::bit_floor(size - 1) / 2);
    return class_of((size + step - 1) / step * step);
  }
  size_t wide = 4096;
  for (size_t shared : {2720, 1808, 1360, 1024, 672}) {
    if (size <= shared) wide = shared;
  }
  return class_of(wide);
}
// A class has pages of its own once it has taken so many bytes from shared ones. What was freed there and is taken again counts
// little, but does count: the way to it is longer.
constexpr uint32_t kSharedBytes = 8192;
constexpr uint32_t kRecycledShare = 128;

// What the allocator checks out at once of a page stands in so many bytes, so that of large slots those that were freed meanwhile are
// used again before more memory is touched.
constexpr size_t kCheckedOutBytes = 8192;

// What malloc keeps in front of a block. Descriptions that are whole lines with it stand in a row without a gap.
constexpr size_t kMallocHeader = sizeof(size_t);

// A page of `count` slots, or the run of an object, with its description. Null when memory is exhausted.
Page* take_described(Heap* heap, Kind kind, uint8_t size_class, size_t slot_size, size_t count, size_t object_bytes) {
  size_t bytes = (description_size(kind, count) + kMallocHeader + kCacheLine - 1) / kCacheLine * kCacheLine - kMallocHeader;
  auto* page = static_cast<Page*>(request_memory([=] { return ::memalign(kCacheLine, bytes); }));
  if (!page) return nullptr;
  std::memset(static_cast<void*>(page), 0, bytes);
  page->heap = heap;
  page->reciprocal = slot_size < kPageSize ? static_cast<uint32_t>((uint64_t{1} << 32) / slot_size + 1) : 0;
  page->slot_size = static_cast<uint16_t>(slot_size);
  page->slot_count = static_cast<uint16_t>(count);
  page->words = static_cast<uint16_t>((count + 63) / 64);
  page->stride = kind == Kind::plain ? 1 : uint8_t{kGroup};
  page->kind = kind;
  page->size_class = size_class;
  page->bucket = kNoBucket;
  if (size_class == kRunClass) page->object_bytes = object_bytes;
  if (!take_pages(page, page->run_pages())) {
    std::free(page);
    return nullptr;
  }
  return page;
}

int bucket_for(const Page* page) { return static_cast<int>(static_cast<size_t>(page->free_count) * kBuckets / (static_cast<size_t>(page->slot_count) + 1)); }

}  // namespace

Heap* new_heap() {
  auto* heap = static_cast<Heap*>(std::calloc(1, sizeof(Heap)));
  if (!heap) return nullptr;
  heap->debug = heap_debug_from_environment();
  return heap;
}

void Heap::close() {
  for (Page* page = collectable_; page; page = page->gc_next) {
    for (size_t i = 0; i < page->words; ++i) page->word(kTracked, i) = 0;
    list_as(page, kNotYoung);
  }
  for (size_t i = 0; i < Quarantine::kCapacity; ++i) {
    if (void* slot = quarantine_.exchange(nullptr)) give_back(Page::of(slot), slot);
  }
  flush();
  for (auto& of_kind : cursors_) {
    for (Cursor& cursor : of_kind) {
      Page* page = cursor.page;
      put_back(cursor);
      if (page && page->free_count) freed_one(page);
    }
  }
  if (debug.leaks) report_leaks(this);
}

// The page of a heap that ends.
void Heap::adopt(Page* page) {
  page->heap = this;
  use_magazine(page, !page->first_sample);
  page->bucket = kNoBucket;
  if (page->kind != Kind::plain) link_collectable(page);
  counters_.pages += page->run_pages();
  if (page->size_class == kRunClass) counters_.run_bytes += page->object_bytes;
  free_bytes_ += size_t{page->free_count} * page->slot_size;
  if (page->size_class != kRunClass && page->free_count) enter_bucket(page);
}

void delete_heap(Heap* heap, Heap* heir) {
  heap->close();
  struct Inheritance {
    Heap *from, *to;
  } inheritance = {heap, heir};
  for_each_taken_run(
      [](Page* page, void* context) {
        auto* of = static_cast<Inheritance*>(context);
        if (page->heap == of->from) of->to->adopt(page);
      },
      &inheritance);
  if (t_heap == heap) t_heap = nullptr;
  std::free(heap);
}

// ---- buckets: partly filled pages by how much is free, fullest in the first -----------------------------

void Heap::enter_bucket(Page* page) {
  int b = bucket_for(page);
  Page*& head = buckets_[static_cast<int>(page->kind)][page->size_class][b];
  page->bucket = static_cast<uint8_t>(b);
  size_t slots = page->slot_count;
  page->bucket_end = static_cast<uint16_t>(std::min(((static_cast<size_t>(b) + 1) * (slots + 1) + kBuckets - 1) / kBuckets, slots));
  page->previous = nullptr;
  page->next = head;
  if (head) head->previous = page;
  head = page;
}

void Heap::leave_bucket(Page* page) {
  if (page->bucket == kNoBucket) return;
  Page*& head = buckets_[static_cast<int>(page->kind)][page->size_class][page->bucket];
  if (page->previous) page->previous->next = page->next;
  else head = page->next;
  if (page->next) page->next->previous = page->previous;
  page->bucket = kNoBucket;
  if (trim_cursor_ == page) trim_cursor_ = page->next;
}

Page* Heap::page_with_room(Kind kind, int index) {
  for (Page* page : buckets_[static_cast<int>(kind)][index]) {
    if (page) return page;
  }
  return nullptr;
}

// ---- allocation -----------------------------------------------------------------------------------------

// Takes the next free slots of the page, up to a word of them, out of its bitmap.
bool Heap::check_out(Cursor& cursor, Page* page, uint32_t from_word) {
  for (uint32_t w = from_word; w < page->words; ++w) {
    uint64_t& free = page->word(kFree, w);
    if (!free) continue;
    cursor.free = free;
    if (page->slot_size > kCheckedOutBytes / 64) {
      const size_t end = static_cast<size_t>(std::countr_zero(free)) + kCheckedOutBytes / page->slot_size;
      if (end < 64) cursor.free &= (uint64_t{1} << end) - 1;
    }
    free ^= cursor.free;
    page->free_count = static_cast<uint16_t>(page->free_count - std::popcount(cursor.free));
    cursor.base = page->slot(size_t{w} * 64);
    cursor.page = page;
    cursor.word = w;
    page->current = 1;
    free_bytes_ -= static_cast<size_t>(std::popcount(cursor.free)) * page->slot_size;
    page->idle = page->returned = 0;
    page->seen_free = 0;
    return true;
  }
  return false;
}

void Heap::put_back(Cursor& cursor) {
  if (!cursor.page) return;
  cursor.page->word(kFree, cursor.word) |= cursor.free;
  cursor.page->free_count = static_cast<uint16_t>(cursor.page->free_count + std::popcount(cursor.free));
  free_bytes_ += static_cast<size_t>(std::popcount(cursor.free)) * cursor.page->slot_size;
  cursor.page->current = 0;
  cursor = Cursor();
}

void Heap::link_collectable(Page* page) {
  page->gc_previous = nullptr;
  page->gc_next = collectable_;
  if (collectable_) collectable_->gc_previous = page;
  collectable_ = page;
}

void Heap::list_as(Page* page, YoungList list) {
  if (page->young_list != kNotYoung) {
    if (page->young_previous) page->young_previous->young_next = page->young_next;
    else young_[page->young_list] = page->young_next;
    if (page->young_next) page->young_next->young_previous = page->young_previous;
  }
  page->young_list = list;
  if (list == kNotYoung) return;
  Page*& head = young_[list];
  page->young_previous = nullptr;
  page->young_next = head;
  if (head) head->young_previous = page;
  head = page;
}

void Heap::queue_grey(Page* page) {
  page->queued = 1;
  page->grey_from = kNoWord;
  if (grey_last_) {
    grey_last_->grey_next = page->number();
    page->grey_previous = grey_last_->number();
  } else {
    grey_first_ = page;
  }
  grey_last_ = page;
}

void Heap::unqueue_grey(Page* page) {
  if (!page->queued) return;
  page->queued = 0;
  Page* next = page == grey_last_ ? nullptr : Page::numbered(page->grey_next);
  Page* previous = page == grey_first_ ? nullptr : Page::numbered(page->grey_previous);
  if (next) next->grey_previous = page->grey_previous;
  else grey_last_ = previous;
  if (previous) previous->grey_next = page->grey_next;
  else grey_first_ = next;
}

void Heap::count_pages(size_t added) {
  counters_.pages += added;
  if (counters_.pages <= counters_.peak_pages) return;
  counters_.peak_pages = counters_.pages;
  counters_.peak_ticks = ticks();
}

Page* Heap::new_page(Kind kind, int index) {
  size_t slot_size = class_size(index);
  size_t count = (kPageSize - prefix_gap(kind)) / slot_size;
  Page* page = take_described(this, kind, static_cast<uint8_t>(index), slot_size, count, 0);
  if (!page) return nullptr;
  use_magazine(page, true);
  for (size_t i = 0; i < count; i += 64) page->word(kFree, i / 64) = count - i < 64 ? (uint64_t{1} << (count - i)) - 1 : ~uint64_t{0};
  page->free_count = static_cast<uint16_t>(count);
  free_bytes_ += count * slot_size;
  forbid_access(page->slot(0), count * slot_size);
  if (kind != Kind::plain) link_collectable(page);
  count_pages(1);
  return page;
}

// Where a block of that size may stand, shared pages and the alignment of raw blocks considered.
size_t Heap::widest_slot(size_t size) { return class_size(sharing_class(class_of(widened(size)))); }

// For a class without a page that has room; null when it is to have a page of its own.
void* Heap::allocate_shared(Kind kind, int index) {
  const int wide = sharing_class(index);
  uint32_t& taken = shared_bytes_[static_cast<int>(kind)][index];
  if (wide == index || taken >= kSharedBytes) return nullptr;
  const auto size = static_cast<uint32_t>(class_size(index));
  if (wide >= kMagazineClasses) taken += size;
  else if (magazines_[static_cast<int>(kind)][wide].count()) taken += size / kRecycledShare + 1;
  else taken += size * Magazine::kRefill;  // by whoever comes first, once for each so many
  return allocate_class(kind, wide, class_size(wide));
}

// Checks out the next word with a free slot, of the rest of the page, with what was freed in it meanwhile, or of another page.
bool Heap::find_room(Cursor& cursor, Kind kind, int index) {
  Page* page = cursor.page;
  if (page) {
    if (check_out(cursor, page, cursor.word) || check_out(cursor, page, 0)) return true;
    // Full: it is in no list until something in it is freed.
    page->current = 0;
    cursor = Cursor();
  }
  page = page_with_room(kind, index);
  if (!page) return false;
  leave_bucket(page);
  return check_out(cursor, page, 0);
}

bool Heap::open_page(Cursor& cursor, Kind kind, int index) {
  Page* page = new_page(kind, index);
  return page && check_out(cursor, page, 0);
}

// From a class without a magazine, whose cursor has no slot left.
void* Heap::allocate_slow(Kind kind, int index) {
  Cursor& cursor = cursors_[static_cast<int>(kind)][index];
  if (!find_room(cursor, kind, index)) {
    if (void* slot = allocate_shared(kind, index)) return slot;
    if (!open_page(cursor, kind, index)) return nullptr;
  }
  void* slot = cursor.take(class_size(index));
  count_fresh(cursor, kind, index, slot);
  return slot;
}

// When a magazine has no slot left, or has handed out as many as it was told.
void* Heap::allocate_refilled(Kind kind, int index) {
  Magazine& magazine = magazines_[static_cast<int>(kind)][index];
  if (!magazine.count()) {
    Cursor& cursor = cursors_[static_cast<int>(kind)][index];
    if (!cursor.free && !find_room(cursor, kind, index)) {
      if (void* slot = allocate_shared(kind, index)) return slot;
      if (!open_page(cursor, kind, index)) return nullptr;
    }
    magazine.fill(cursor.base, class_size(index), cursor.free);
  }
  void* slot = magazine.pop();
  return slot ? slot : allocate_counted(kind, index);
}

// ---- samples --------------------------------------------------------------------------------------------

uint32_t& Heap::countdown(Kind kind, int index) {
  if (sample_epoch_ != sample_epoch()) {
    sample_epoch_ = sample_epoch();
    std::memset(is_drawn_, 0, sizeof(is_drawn_));
  }
  uint32_t& found = countdowns_[static_cast<int>(kind)][index];
  if (bool& is_drawn = is_drawn_[static_cast<int>(kind)][index]; !is_drawn) {
    is_drawn = true;
    found = draw_blocks_until_sample(class_size(index));
  }
  return found;
}

// `slot` is handed out first of what was just checked out. The cursor keeps of the rest what comes before the next sample.
void Heap::count_fresh(Cursor& cursor, Kind kind, int index, void* slot) {
  uint32_t& left = countdown(kind, index);
  if (left == 0) {
    sample_slot(cursor.page, slot, class_size(index));
    left = draw_blocks_until_sample(class_size(index));
  } else {
    --left;
  }
  const auto remaining = static_cast<uint32_t>(std::popcount(cursor.free));
  if (remaining <= left) {
    left -= remaining;
    return;
  }
  uint64_t beyond = cursor.free;
  for (; left; --left) beyond &= beyond - 1;
  cursor.free ^= beyond;
  cursor.page->word(kFree, cursor.word) |= beyond;
  cursor.page->free_count = static_cast<uint16_t>(cursor.page->free_count + std::popcount(beyond));
  free_bytes_ += static_cast<size_t>(std::popcount(beyond)) * cursor.page->slot_size;
}

// From a magazine that has slots, when as many were handed out as it was told.
void* Heap::allocate_counted(Kind kind, int index) {
  Magazine& magazine = magazines_[static_cast<int>(kind)][index];
  uint32_t& left = countdown(kind, index);
  void* slot = magazine.pop_uncounted();
  if (left == 0) {
    sample_slot(Page::of(slot), slot, class_size(index));
    left = draw_blocks_until_sample(class_size(index));
  } else {
    --left;
  }
  const uint32_t uncounted = std::min(left, Magazine::kMostUncounted);
  magazine.set_uncounted(uncounted);
  left -= uncounted;
  return slot;
}

void Heap::count_anew() {
  for (auto& of_kind : magazines_) {
    for (Magazine& magazine : of_kind) magazine.set_uncounted(0);
  }
}

// In builds with debug checks, where switches are on or the sanitizer watches.
void* Heap::allocate_checked(Kind kind, size_t size) {
  if (due_to_fail()) return nullptr;
  void* slot;
  if (kWatchedHeap && kind == Kind::plain) {
    slot = native_malloc(size);
  } else if (size > kLargestClass) {
    slot = allocate_large(kind, size);
  } else {
    slot = allocate_class(kind, class_of(size), class_size(class_of(size)));
    if (slot) allow_access(slot, size);
  }
  if (slot && debug.poison) std::memset(slot, kFreshPoison, size);
  return slot;
}

void* Heap::allocate_large(Kind kind, size_t size) {
  if (kind == Kind::plain) return native_malloc(size);
  size_t bytes = prefix_gap(kind) + size;
  if (bytes < size) return nullptr;
  Page* page = take_described(this, kind, kRunClass, kPageSize, 1, size);
  if (!page) return nullptr;
  const size_t pages = page->run_pages();
  forbid_access(page->slot(0) + size, pages * kPageSize - bytes);
  link_collectable(page);
  count_pages(pages);
  counters_.run_bytes += size;
  if (is_sample_due(size)) sample_slot(page, page->slot(0), size);
  return page->slot(0);
}

size_t Heap::count_blocks() const {
  struct Count {
    const Heap* heap;
    size_t used;
  } count = {this, 0};
  auto visit = [](Page* page, void* context) {
    auto* sum = static_cast<Count*>(context);
    if (page->heap == sum->heap) sum->used += static_cast<size_t>(page->slot_count - page->free_count);
  };
  for_each_taken_run(visit, &count);
  // What cursors, magazines and the quarantine hold counts as taken from its page.
  count.used -= quarantine_.count();
  for (int kind = 0; kind < kKinds; ++kind) {
    for (const Cursor& cursor : cursors_[kind]) count.used -= static_cast<size_t>(std::popcount(cursor.free));
    for (const Magazine& magazine : magazines_[kind]) count.used -= magazine.count();
  }
  return count.used;
}

// ---- release --------------------------------------------------------------------------------------------

void Heap::release_page(Page* page) {
  if (page->kind != Kind::plain) {
    if (page->gc_previous) page->gc_previous->gc_next = page->gc_next;
    else collectable_ = page->gc_next;
    if (page->gc_next) page->gc_next->gc_previous = page->gc_previous;
    list_as(page, kNotYoung);
    unqueue_grey(page);
    std::free(page->tally);
    if (page_cursor_ == page) page_cursor_ = page->gc_next;
  }
  counters_.pages -= page->run_pages();
  free_bytes_ -= size_t{page->free_count} * page->slot_size;
  give_pages(page);
  std::free(page);
}

// Moves the page to where it belongs now that a slot of it was freed.
inline void Heap::freed_one(Page* page) {
  if (page->current || (page->bucket != kNoBucket && page->free_count < page->bucket_end)) [[likely]] return;
  place_anew(page);
}

void Heap::place_anew(Page* page) {
  if (page->free_count == page->slot_count) {
    leave_bucket(page);
    release_page(page);
  } else {
    leave_bucket(page);
    enter_bucket(page);
  }
}

void Heap::free(void* slot) {
  if (!slot) return;
  if (g_heap_range.contains(slot)) [[likely]] return free_in(Page::of(slot), slot);
  kWatchedHeap ? native_free(slot) : free_native_block(slot);
}

// Beside samples a slot goes to the magazine all the same.
void Heap::free_slowly(Page* page, void* slot) {
#ifndef GILL_DEBUG_CHECKS
  if (const size_t index = page->index_of(slot); page->first_sample && !(page->sampled >> (index % 16) & 1) && page->size_class < kMagazineClasses) {
    if (page->kind != Kind::plain) page->forget(index);
    if (page->heap->magazines_[static_cast<int>(page->kind)][page->size_class].push(slot)) return;
  }
#endif
  free_otherwise(page, slot);
}

// A sample, a page of its own, a full magazine, a class without one, or a build with debug checks.
[[gnu::noinline]] void Heap::free_otherwise(Page* page, void* slot) {
  expect_accessible(slot);
  if (page->sampled >> (page->index_of(slot) % 16) & 1) drop_slot_sample(page, slot);
  if (page->size_class == kRunClass) {
    page->heap->counters_.run_bytes -= page->object_bytes;
    page->heap->release_page(page);
    return;
  }
#ifdef GILL_DEBUG_CHECKS
  if (page->heap->debug.poison && !kWatchedHeap) std::memset(slot, kFreedPoison, page->slot_size);
#endif
  if (page->kind != Kind::plain) page->forget(page->index_of(slot));
  forbid_access(slot, page->slot_size);
  slot = page->heap->quarantine_.exchange(slot);
  if (!slot) return;
  page = Page::of(slot);
  if (page->size_class >= kMagazineClasses) return give_back(page, slot);
  Magazine& magazine = page->heap->magazines_[static_cast<int>(page->kind)][page->size_class];
  if (magazine.full()) [[unlikely]] {
    // The older half goes back.
    page->heap->give_back_oldest(magazine, Magazine::kCapacity / 2, page->slot_size);
  }
  magazine.push(slot);
}

void Heap::give_back(Page* page, void* slot) {
  Heap* heap = page->heap;
  const size_t size = page->slot_size;
  heap->put_in_page(page, slot);
  heap->note_freed(size);
}

void Heap::give_back_oldest(Magazine& magazine, uint32_t count, size_t slot_size) {
  for (uint32_t i = 0; i < count; ++i) put_in_page(Page::of(magazine[i]), magazine[i]);
  magazine.drop_oldest(count);
  note_freed(count * slot_size);
}

// The page goes when that was the last of its slots.
inline void Heap::put_in_page(Page* page, void* slot) {
  page->set(kFree, page->index_of(slot));
  ++page->free_count;
  free_bytes_ += page->slot_size;
  freed_one(page);
}

inline void Heap::note_freed(size_t bytes) {
  if (until_trim_ <= bytes) [[unlikely]] return trim_some();
  until_trim_ -= bytes;
}

void Heap::flush() {
  for (auto& of_kind : magazines_) {
    for (int index = 0; index < kMagazineClasses; ++index) {
      if (const uint32_t count = of_kind[index].count()) give_back_oldest(of_kind[index], count, class_size(index));
    }
  }
}

size_t Heap::usable_size(void* slot) {
  Page* page = Page::of(slot);
  return page->size_class == kRunClass ? page->object_bytes : page->slot_size;
}

}  // namespace gill
