// The object heap of one interpreter.
//
//   address range (reserved once for the process)         map: a Page for each number of a page
//     └ pages of 32 KiB: one size class and one kind each     └ Page ┬ bitmaps
//         ┌ slot 0 ┬ slot 1 ┬ ... ┐
//
// What is known of a page stands beside it: which slots are free, and for collectable objects which are
// tracked, their generation and whether their finalizer ran. Nothing stands in front of an object and
// nothing is threaded through freed memory, so an empty page, or any stretch of one, can go back to the
// operating system. Nor do the descriptions of many pages compete for the same few lines of the
// processor's cache, as they would at the pages' starts.
//
// An object larger than the largest class has a run of pages of its own, with one description.
// Blocks that are not collectable and larger than that come from malloc.
//
// All functions but those that say otherwise need the interpreter's lock.
#pragma once

#include <Python.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "memory/address_sanitizer.h"
#include "memory/heap_debug.h"

namespace gill {

inline constexpr int kPageShift = 15;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;
inline constexpr size_t kStretch = 4096;  // what the operating system gives and takes
inline constexpr size_t kGranule = 8;
inline constexpr size_t kSmallStepLimit = 512;  // classes are kGranule apart up to here
// What memory of unknown use is aligned to, like malloc's. An object can do with kGranule unless its layout has wider members,
// which shows in a size that is a multiple of this.
inline constexpr size_t kWideAlignment = 16;
constexpr size_t widened(size_t size) { return (size + kWideAlignment - 1) & ~(kWideAlignment - 1); }
inline constexpr size_t kLargestClass = 4096;

enum class Kind : uint8_t {
  plain,                // PyMem_*, PyObject_Malloc: raw memory and objects without GC flag
  collectable,          // objects with Py_TPFLAGS_HAVE_GC
  collectable_prefixed  // the same, with a word in front (Py_TPFLAGS_MANAGED_DICT)
};
inline constexpr int kKinds = 3;
inline constexpr size_t kPrefixSize = sizeof(void*);

// What stands in front of the object in its slot.
constexpr size_t prefix_of(Kind kind) { return kind == Kind::collectable_prefixed ? kPrefixSize : 0; }
// What stands in front of a page's first slot, so that behind its prefix the first object is aligned for any use.
constexpr size_t prefix_gap(Kind kind) { return (kWideAlignment - prefix_of(kind)) % kWideAlignment; }

// Above, what a page can be divided into with little left over.
inline constexpr uint16_t kUpperClasses[] = {544, 576, 624, 672, 736, 816, 896, 1024, 1088, 1168, 1248, 1360, 1488, 1632, 1808, 2048, 2336, 2720, 3264, 4096};
inline constexpr int kSmallClasses = static_cast<int>(kSmallStepLimit / kGranule);
inline constexpr int kSizeClasses = kSmallClasses + static_cast<int>(std::size(kUpperClasses));
static_assert(std::end(kUpperClasses)[-1] == kLargestClass);

constexpr size_t class_size(int index) {
  return index < kSmallClasses ? (static_cast<size_t>(index) + 1) * kGranule : kUpperClasses[index - kSmallClasses];
}
// By multiples of kWideAlignment above kSmallStepLimit.
inline constexpr auto kUpperClassOf = [] {
  std::array<uint8_t, (kLargestClass - kSmallStepLimit) / kWideAlignment> table = {};
  uint8_t upper = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    if (kUpperClasses[upper] < kSmallStepLimit + (i + 1) * kWideAlignment) ++upper;
    table[i] = upper;
  }
  return table;
}();
constexpr int class_of(size_t size) {
  if (size <= kSmallStepLimit) return size == 0 ? 0 : static_cast<int>((size - 1) / kGranule);
  return kSmallClasses + kUpperClassOf[(size - kSmallStepLimit - 1) / kWideAlignment];
}

class Heap;
class Magazine;
struct Page;

// The process's reserved range: an address inside is in a page, any other came from malloc.
struct HeapRange {
  uintptr_t base = 0;
  size_t size = 0;
  uintptr_t map = 0;  // where the Page* of address 0 would stand, if it had one; then that of address kPageSize, and so on
  bool contains(const void* p) const { return reinterpret_cast<uintptr_t>(p) - base < size; }
  Page*& page_of(const void* p) const {
    return *reinterpret_cast<Page**>(map + (reinterpret_cast<uintptr_t>(p) >> kPageShift) * sizeof(Page*));
  }
};
extern constinit HeapRange g_heap_range;

// The bits of a slot that the collector keeps, in its page's bitmaps. The last two are the incremental collector's, a guess at most: the
// object was found to be alive, and is to be looked at.
enum PageBitmap { kFree, kTracked, kGenerationLow, kGenerationHigh, kFinalized, kMarked, kGrey, kBitmaps };

// Collectable kinds have a group of words for each 64 slots: one line of the processor's cache.
inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kGroup = kCacheLine / sizeof(uint64_t);
static_assert(kBitmaps <= kGroup);

// An object beyond the largest class has a run of pages of its own, and the run this class.
inline constexpr uint8_t kRunClass = 0xff;
constexpr size_t run_pages_for(Kind kind, size_t object_bytes) { return (prefix_gap(kind) + object_bytes + kPageSize - 1) / kPageSize; }

struct Page {
  // The first line: what allocation, tracking and release look at.
  Heap* heap;
  char* slots;  // the first
  Magazine* magazine;  // where freed slots go; null where they are freed the slow way: large ones, and a page with samples (memory/sampler.h)
  uint64_t* scratch;   // the collector's notes while it runs
  uint32_t reciprocal;  // (offset * reciprocal) >> 32 is the slot's index
  uint16_t slot_size;
  uint16_t slot_count;
  uint16_t free_count;  // without those of a word that the allocator has checked out
  uint16_t words;       // of one bitmap
  uint8_t stride;       // from one word of a bitmap to the next: kGroup for collectable kinds, one otherwise
  Kind kind;
  uint8_t size_class;   // or kRunClass
  uint8_t current;      // the allocator takes from it now
  uint8_t young_list;   // YoungList
  uint8_t queued;       // in the queue of grey pages
  uint8_t grey_from;    // the first word in which an object was marked grey since the page was last looked through, or kNoWord
  uint8_t bucket;       // which list of partly filled pages, or kNoBucket
  uint16_t bucket_end;  // the free count at which the page belongs into another bucket or back
  uint16_t seen_free;   // the free count when trim() last looked
  uint8_t idle;         // a bit for each stretch: seen empty by trim() since the allocator last took from the page
  uint8_t returned;     // the same: given back to the operating system since
  uint16_t sampled;     // a bit for each slot that is a sample, of 16 by their index; other slots may have the same
  uint32_t first_sample;  // the sampler's number, or 0

  union {
    Page* next;           // in the bucket of partly filled pages
    size_t object_bytes;  // a run's object size: it is in no bucket
  };
  Page* previous;
  Page* gc_next;        // all collectable pages
  Page* gc_previous;
  Page* young_next;     // in a list of young pages
  Page* young_previous;
  uint32_t grey_next;   // by number(), in the queue of pages with grey objects; where there is one
  uint32_t grey_previous;
  uint32_t* tally;      // the incremental collector's counts of references, or null
  // The first word of each bitmap, then the second of each, and so on.
  alignas(kCacheLine) uint64_t bits[];

  // Of an address in a page in use, any page of a run included.
  static Page* of(const void* p) { return g_heap_range.page_of(p); }
  char* start() const { return slots - prefix_gap(kind); }
  // Of all pages of the range.
  uint32_t number() const { return static_cast<uint32_t>((reinterpret_cast<uintptr_t>(slots) - g_heap_range.base) >> kPageShift); }
  static Page* numbered(uint32_t number) { return g_heap_range.page_of(reinterpret_cast<char*>(g_heap_range.base) + (size_t{number} << kPageShift)); }
  size_t run_pages() const { return size_class == kRunClass ? run_pages_for(kind, object_bytes) : 1; }
  // What the collector keeps, and through group(), is there for collectable kinds alone.
  uint64_t& word(PageBitmap which, size_t i) { return which == kFree ? bits[i * stride] : group(i)[which]; }
  uint64_t* group(size_t word) { return bits + word * kGroup; }
  size_t index_of(const void* slot) const {
    auto offset = static_cast<size_t>(static_cast<const char*>(slot) - slots);
    return static_cast<size_t>((static_cast<uint64_t>(offset) * reciprocal) >> 32);
  }
  char* slot(size_t index) { return slots + index * slot_size; }
  bool get(PageBitmap which, size_t index) { return word(which, index / 64) >> (index % 64) & 1; }
  void set(PageBitmap which, size_t index) { word(which, index / 64) |= uint64_t{1} << (index % 64); }
  void clear(PageBitmap which, size_t index) { word(which, index / 64) &= ~(uint64_t{1} << (index % 64)); }
  // Takes away what the collector knows of a slot of a collectable kind. Most have the first bit alone, if that; a store that is
  // wider than those that set the bits would have to wait for them.
  [[gnu::always_inline]] void forget(size_t index) {
    uint64_t* words_of_slot = group(index / 64);
    uint64_t bit = uint64_t{1} << (index % 64);
    words_of_slot[kTracked] &= ~bit;
    uint64_t others = 0;
#pragma clang loop unroll(full) vectorize(disable)
    for (int which = kTracked + 1; which < kBitmaps; ++which) others |= words_of_slot[which];
    if (others & bit) [[unlikely]] forget_others(words_of_slot, bit);
  }
  static void forget_others(uint64_t* words_of_slot, uint64_t bit) {
    for (int which = kTracked + 1; which < kBitmaps; ++which) words_of_slot[which] &= ~bit;
  }
};
static_assert(sizeof(Page) == 2 * kCacheLine && kPageSize <= UINT16_MAX);

// Bytes of a page's description, up to the last word that is used.
constexpr size_t description_size(Kind kind, size_t slots) {
  size_t last = (slots - 1) / 64;
  size_t words = kind == Kind::plain ? last + 1 : last * kGroup + kBitmaps;
  return sizeof(Page) + words * sizeof(uint64_t);
}

inline constexpr uint8_t kNoBucket = 0xff;
inline constexpr uint8_t kNoWord = 0xff;
static_assert(kPageSize / kGranule / 64 < kNoWord);
inline constexpr int kBuckets = 4;

// Which list of young pages a page is in: every page with a tracked object of generation 0 is in the first, every other one
// with an object of generation 1 in the second, so that young collections need not look at the rest.
enum YoungList : uint8_t { kNotYoung, kYoungest, kMiddle, kYoungLists };

// What the pages of one kind and class are used for.
struct ClassUse {
  size_t pages;
  size_t used;      // slots
  size_t free;      // slots
  size_t returned;  // bytes of the free slots that the operating system has back
  size_t overhead;  // bytes left over around the slots; descriptions are malloc's
};
struct HeapUse {
  ClassUse classes[kKinds][kSizeClasses];
  ClassUse runs;         // pages of one object each; `used` counts objects
  size_t run_bytes;      // of those objects
};

struct HeapCounters {
  size_t pages;  // in use
  size_t peak_pages;
  uint64_t peak_ticks;  // when that was reached
  size_t run_bytes;  // in objects with pages of their own
  size_t returned_stretches;  // of 4 KiB, given back from partly filled pages; ever
};

// The slots of a small class that were freed last, handed out first because they are still in the processor's cache; or some fresh ones.
// In their page they count as taken. How many may be handed out until the sampler is to be asked stands beside their count, so that
// one subtraction and one test tell both.
class Magazine {
 public:
  static constexpr uint32_t kCapacity = 31;
  static constexpr uint32_t kRefill = 16;
  static constexpr uint32_t kMostUncounted = 0x7fff;

  uint32_t count() const { return state_ & 0xffff; }
  bool full() const { return count() == kCapacity; }
  // Null when it is empty, or the sampler is to be asked.
  [[gnu::always_inline]] void* pop() {
    const uint32_t left = state_ - 0x10001;
    if (left & 0x80008000) [[unlikely]] return nullptr;
    state_ = left;
    void* slot = slots_[left & 0xffff];
    __builtin_assume(slot != nullptr);
    return slot;
  }
  // Of an empty one: with up to kRefill of the slots from `base` on whose bits are set in `free`, the lowest on top, and takes their bits.
  void fill(char* base, size_t slot_size, uint64_t& free) {
    const uint32_t taken = std::min(static_cast<uint32_t>(std::popcount(free)), kRefill);
    for (uint32_t place = taken; place-- > 0; free &= free - 1) slots_[place] = base + static_cast<size_t>(std::countr_zero(free)) * slot_size;
    state_ += taken;
  }
  // Not of an empty one.
  void* pop_uncounted() { return slots_[--state_ & 0xffff]; }
  [[gnu::always_inline]] bool push(void* slot) {
    const uint32_t place = count();
    if (place == kCapacity) [[unlikely]] return false;
    slots_[place] = slot;
    ++state_;
    return true;
  }
  void set_uncounted(uint32_t most) { state_ = most << 16 | count(); }
  // Takes `dropped` slots from the bottom.
  void drop_oldest(uint32_t dropped) {
    state_ -= dropped;
    std::memmove(slots_, slots_ + dropped, count() * sizeof(void*));
  }
  void* operator[](uint32_t place) const { return slots_[place]; }

 private:
  uint32_t state_;
  void* slots_[kCapacity];
};

// Zeroed memory is an empty heap, most of which is never touched.
class Heap {
 public:
  // Where the next slots of one class and kind come from: a word of a page's free bitmap, checked out.
  struct Cursor {
    uint64_t free;
    char* base;  // the slot of bit 0
    Page* page;
    uint32_t word;

    // The first that is free; there must be one.
    [[gnu::always_inline]] void* take(size_t slot_size) {
      void* slot = base + static_cast<unsigned>(std::countr_zero(free)) * slot_size;
      free &= free - 1;
      __builtin_assume(slot != nullptr);
      return slot;
    }
  };

  static constexpr int kMagazineClasses = kSmallClasses;

  // Null without an exception when memory is exhausted.
  // What follows the prefix is aligned to kGranule, and to kWideAlignment when the size is a multiple of that.
  [[gnu::always_inline]] void* allocate(Kind kind, size_t size) {
#ifdef GILL_DEBUG_CHECKS
    if (kWatchedHeap || debug.active) [[unlikely]] return allocate_checked(kind, size);
#endif
    if (size > kLargestClass) [[unlikely]] return allocate_large(kind, size);
    int index = class_of(size);
    return allocate_class(kind, index, class_size(index));
  }
  [[gnu::always_inline]] void* allocate_class(Kind kind, int index, size_t slot_size) {
    if (index < kMagazineClasses) {
      void* slot = magazines_[static_cast<int>(kind)][index].pop();
      return slot ? slot : allocate_refilled(kind, index);
    }
    Cursor& cursor = cursors_[static_cast<int>(kind)][index];
    if (cursor.free == 0) [[unlikely]] return allocate_slow(kind, index);
    return cursor.take(slot_size);
  }
  // From the slots freed last alone; null when there is none.
  [[gnu::always_inline]] void* take_recent(Kind kind, int index) {
#ifdef GILL_DEBUG_CHECKS
    return nullptr;
#else
    return magazines_[static_cast<int>(kind)][index].pop();
#endif
  }
  // Puts a slot of this page, which is of kind plain, among those; false where free() has more to do.
  [[gnu::always_inline]] static bool put_recent(Page* page, void* slot) {
#ifdef GILL_DEBUG_CHECKS
    return false;
#else
    return page->magazine && page->magazine->push(slot);
#endif
  }
  // `slot` is the start of the slot, prefix included.
  static void free(void* slot);
  // The same for a slot of this page.
  [[gnu::always_inline]] static void free_in(Page* page, void* slot) {
    page->kind == Kind::plain ? free_plain_in(page, slot) : free_collectable_in(page, slot);
  }
  // The same for one that is known to be of kind plain.
  [[gnu::always_inline]] static void free_plain_in(Page* page, void* slot) {
    if (!put_recent(page, slot)) [[unlikely]] free_slowly(page, slot);
  }
  // The same for one that is known to be of a collectable kind.
  [[gnu::always_inline]] static void free_collectable_in(Page* page, void* slot) {
#ifndef GILL_DEBUG_CHECKS
    if (Magazine* magazine = page->magazine) [[likely]] {
      page->forget(page->index_of(slot));
      if (magazine->push(slot)) [[likely]] return;
    }
#endif
    free_slowly(page, slot);
  }

  // Takes all objects from the collector, because the interpreter that could run their finalizers ends, and lets pages go that are empty.
  void close();

  // Whether freed slots of the page go to a magazine, where its class has one.
  void use_magazine(Page* page, bool on) {
    page->magazine = on && page->size_class < kMagazineClasses ? &magazines_[static_cast<int>(page->kind)][page->size_class] : nullptr;
  }

  // Forgets how many slots magazines may hand out until the sampler is asked: it says another number now.
  void count_anew();

  // Gives the slots in magazines back to their pages, so that pages can run empty.
  void flush();

  // Gives empty stretches of partly filled pages back to the operating system: those seen empty by the call before as well,
  // or with `at_once` all. Runs by itself, in small steps, in proportion to what is freed.
  void trim(bool at_once);
  // The same of all that is empty, with whole pages, the slots in magazines, and what malloc holds free.
  void return_memory();

  // Bytes that may be used at this address, at least what was asked for.
  static size_t usable_size(void* slot);
  // Whether a block of `old_size` is as well off where it is when it becomes one of `size`: shrinking by less than half is not
  // worth a copy. A watched block always moves, so that it ends where it is said to end.
  static bool fits(void* slot, size_t old_size, size_t size) { return !kWatchedHeap && size <= usable_size(slot) && size * 2 > old_size; }

  // Whether the debug switches have the allocation that is asked for now fail.
  bool due_to_fail() {
#ifdef GILL_DEBUG_CHECKS
    return debug.fail_at && --debug.fail_at == 0;
#else
    return false;
#endif
  }

  HeapDebug debug;

  Page* collectable_pages() const { return collectable_; }
  Page* young_pages(YoungList list) const { return young_[list]; }
  // Moves a page into a list, or out of all.
  void list_as(Page* page, YoungList list);
  // The pages with grey objects, in the order in which they came.
  Page* first_grey() const { return grey_first_; }
  void queue_grey(Page* page);
  void unqueue_grey(Page* page);
  // A place in the list of collectable pages, which moves on when its page goes.
  Page* page_cursor() const { return page_cursor_; }
  void set_page_cursor(Page* page) { page_cursor_ = page; }
  const HeapCounters& counters() const { return counters_; }
  // Blocks in use; looks at every page.
  size_t count_blocks() const;
  // The free slots of a page's word, those that the allocator has checked out among them.
  uint64_t free_slots(Page* page, size_t word) const;
  // Adds up what the pages are used for, and calls `visit` for every slot in use. It may not change the heap.
  void survey(HeapUse& use, void (*visit)(Page* page, void* slot, void* context), void* context);
  // Calls `visit` for every slot in use that is of that kind and may have been handed out for that size, a small one. It may not change the heap.
  void visit_blocks(Kind kind, size_t size, void (*visit)(void* slot, void* context), void* context);

 private:
  friend Heap* new_heap();
  friend void delete_heap(Heap*, Heap*);

  // Those of a page's word that are in use, when no magazine holds any.
  uint64_t used_slots(Page* page, size_t word) const;
  void* allocate_checked(Kind kind, size_t size);
  void* allocate_slow(Kind kind, int index);
  static size_t widest_slot(size_t size);
  void* allocate_shared(Kind kind, int index);
  void* allocate_refilled(Kind kind, int index);
  void* allocate_counted(Kind kind, int index);
  void count_fresh(Cursor& cursor, Kind kind, int index, void* slot);
  uint32_t& countdown(Kind kind, int index);
  void* allocate_large(Kind kind, size_t size);
  Page* new_page(Kind kind, int index);
  Page* page_with_room(Kind kind, int index);
  void put_back(Cursor& cursor);
  bool check_out(Cursor& cursor, Page* page, uint32_t from_word);
  bool find_room(Cursor& cursor, Kind kind, int index);
  bool open_page(Cursor& cursor, Kind kind, int index);
  void enter_bucket(Page* page);
  void leave_bucket(Page* page);
  void freed_one(Page* page);
  void place_anew(Page* page);
  static void give_back(Page* page, void* slot);
  void give_back_oldest(Magazine& magazine, uint32_t count, size_t slot_size);
  void put_in_page(Page* page, void* slot);
  void note_freed(size_t bytes);
  static void free_slowly(Page* page, void* slot);
  static void free_otherwise(Page* page, void* slot);
  void release_page(Page* page);
  void trim_some();
  void trim_page(Page* page, bool at_once);
  void link_collectable(Page* page);
  void adopt(Page* page);
  void count_pages(size_t added);

  Magazine magazines_[kKinds][kMagazineClasses];
  Cursor cursors_[kKinds][kSizeClasses];
  Page* buckets_[kKinds][kSizeClasses][kBuckets];
  Page* collectable_;
  Page* young_[kYoungLists];
  Page *grey_first_, *grey_last_;
  Page* page_cursor_;
  HeapCounters counters_;
  uint32_t countdowns_[kKinds][kSizeClasses];  // how many more slots are handed out before the next that is a sample
  bool is_drawn_[kKinds][kSizeClasses];  // the countdown is
  uint32_t sample_epoch_;                // what all were drawn in
  uint32_t shared_bytes_[kKinds][kSizeClasses];  // what each took from shared pages
  size_t free_bytes_;  // in slots that are free in their pages
  size_t until_trim_;  // bytes to be freed until the next trim_some()
  Page* trim_cursor_;  // where that goes on, in the list before trim_list_
  size_t trim_list_;
  size_t trim_steps_;  // since the first list
  [[no_unique_address]] Quarantine quarantine_;
};

Heap* new_heap();
// What is left in the heap belongs to the heir, untracked. Needs the lock of both.
void delete_heap(Heap* heap, Heap* heir);

// The heap of the interpreter whose lock this thread holds, or null.
extern thread_local constinit Heap* t_heap [[gnu::tls_model("initial-exec")]];

// The start of an object's slot.
inline void* slot_of(void* object) {
  if (!g_heap_range.contains(object)) return object;
  return static_cast<char*>(object) - prefix_of(Page::of(object)->kind);
}

}  // namespace gill
