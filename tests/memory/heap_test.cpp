// The object heap: slots are distinct and aligned, freed slots come back, empty pages are given up, and the page's
// arithmetic finds the slot again.
#include "memory/heap.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <vector>

namespace gill {
namespace {

struct OwnHeap {
  Heap* heap = new_heap();
  ~OwnHeap() { delete_heap(heap, nullptr); }  // each test frees what it takes
};

TEST(Heap, ClassesCoverAllSizesWithoutGaps) {
  for (size_t size = 1; size <= kLargestClass; ++size) {
    int index = class_of(size);
    EXPECT_GE(class_size(index), size);
    if (index > 0) EXPECT_LT(class_size(index - 1), size);
  }
}

TEST(Heap, SlotsAreAlignedAndDoNotOverlap) {
  OwnHeap own;
  for (Kind kind : {Kind::plain, Kind::collectable, Kind::collectable_prefixed}) {
    for (size_t size : {1u, 16u, 24u, 48u, 100u, 512u, 513u, 1000u, 2048u, 4000u}) {
      std::vector<char*> slots;
      for (int i = 0; i < 1000; ++i) slots.push_back(static_cast<char*>(own.heap->allocate(kind, size)));
      std::sort(slots.begin(), slots.end());
      for (size_t i = 0; i < slots.size(); ++i) {
        ASSERT_EQ((reinterpret_cast<uintptr_t>(slots[i]) + prefix_of(kind)) % (size % kWideAlignment ? kGranule : kWideAlignment), 0u);
        if (i) ASSERT_GE(static_cast<size_t>(slots[i] - slots[i - 1]), size);
      }
      for (char* slot : slots) Heap::free(slot);
    }
  }
  if (!kWatchedHeap) EXPECT_LE(own.heap->counters().pages, 3u * kSizeClasses);
}

TEST(Heap, ClassesWithFewSlotsSharePages) {
  if (kWatchedHeap) GTEST_SKIP();
  for (Kind kind : {Kind::plain, Kind::collectable, Kind::collectable_prefixed}) {
    OwnHeap own;
    std::vector<void*> slots;
    for (int index = 0; index < kSizeClasses; ++index) {
      const size_t size = class_size(index);
      slots.push_back(own.heap->allocate(kind, size));
      ASSERT_EQ((reinterpret_cast<uintptr_t>(slots.back()) + prefix_of(kind)) % (size % kWideAlignment ? kGranule : kWideAlignment), 0u);
      ASSERT_GE(Heap::usable_size(slots.back()), size);
      ASSERT_LE(Heap::usable_size(slots.back()), std::max<size_t>(size * 2, 16));
    }
    EXPECT_LT(own.heap->counters().pages, size_t{kSizeClasses} / 3);
    for (void* slot : slots) Heap::free(slot);
  }
}

TEST(Heap, AClassWithManySlotsHasPagesOfItsOwn) {
  if (kWatchedHeap) GTEST_SKIP();
  OwnHeap own;
  for (size_t size : {24u, 72u, 136u, 544u}) {
    std::vector<void*> slots;
    for (int i = 0; i < 1000; ++i) slots.push_back(own.heap->allocate(Kind::collectable, size));
    EXPECT_EQ(Heap::usable_size(slots.back()), size);
    for (void* slot : slots) Heap::free(slot);
    // What is used again and again gets one too.
    for (int i = 0; i < 10000; ++i) Heap::free(own.heap->allocate(Kind::collectable_prefixed, size));
    void* slot = own.heap->allocate(Kind::collectable_prefixed, size);
    EXPECT_EQ(Heap::usable_size(slot), size);
    Heap::free(slot);
  }
}

TEST(Heap, APageFindsTheSlotOfAnyAddressInIt) {
  OwnHeap own;
  for (int index = 0; index < kSizeClasses; ++index) {
    char* slot = static_cast<char*>(own.heap->allocate(Kind::collectable, class_size(index)));
    Page* page = Page::of(slot);
    for (size_t i = 0; i < page->slot_count; ++i) {
      ASSERT_EQ(page->index_of(page->slot(i)), i);
      ASSERT_EQ(page->index_of(page->slot(i) + page->slot_size - 1), i);
    }
    Heap::free(slot);
  }
}

TEST(Heap, RandomUseKeepsContents) {
  OwnHeap own;
  std::mt19937 random(7);
  struct Block {
    unsigned char* data;
    size_t size;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (int step = 0; step < 200000; ++step) {
    if (blocks.size() < 2000 && random() % 2) {
      size_t size = random() % 3 ? random() % 200 + 1 : random() % 4000 + 1;
      Kind kind = random() % 2 ? Kind::plain : Kind::collectable;
      auto* data = static_cast<unsigned char*>(own.heap->allocate(kind, size));
      ASSERT_NE(data, nullptr);
      auto mark = static_cast<unsigned char>(random());
      std::memset(data, mark, size);
      blocks.push_back({data, size, mark});
    } else if (!blocks.empty()) {
      size_t i = random() % blocks.size();
      Block block = blocks[i];
      for (size_t k = 0; k < block.size; ++k) ASSERT_EQ(block.data[k], block.mark);
      Heap::free(block.data);
      blocks[i] = blocks.back();
      blocks.pop_back();
    }
  }
  for (Block& block : blocks) Heap::free(block.data);
}

TEST(Heap, AFreedSlotLosesItsCollectorBits) {
  OwnHeap own;
  void* slot = own.heap->allocate(Kind::collectable, 64);
  Page* page = Page::of(slot);
  size_t index = page->index_of(slot);
  page->set(kTracked, index);
  page->set(kGenerationHigh, index);
  page->set(kFinalized, index);
  Heap::free(slot);
  EXPECT_FALSE(page->get(kTracked, index));
  EXPECT_FALSE(page->get(kGenerationHigh, index));
  EXPECT_FALSE(page->get(kFinalized, index));
}

TEST(Heap, PagesGoBackWhenTheyAreEmpty) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  size_t before = own.heap->counters().pages;
  std::vector<void*> slots;
  constexpr size_t kBlocks = 100000, kLeast = kBlocks * 64 / kPageSize;
  for (size_t i = 0; i < kBlocks; ++i) slots.push_back(own.heap->allocate(Kind::plain, 64));
  EXPECT_GT(own.heap->counters().pages, before + kLeast);
  for (void* slot : slots) Heap::free(slot);
  // The page that the allocator works on stays.
  EXPECT_LE(own.heap->counters().pages, before + 2);
  EXPECT_GT(own.heap->counters().peak_pages, kLeast);
}

TEST(Heap, LargeCollectableObjectsHavePagesOfTheirOwn) {
  OwnHeap own;
  void* object = own.heap->allocate(Kind::collectable, 100000);
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(g_heap_range.contains(object));
  EXPECT_EQ(Page::of(object)->index_of(object), 0u);
  EXPECT_GE(Heap::usable_size(object), 100000u);
  EXPECT_EQ(Page::of(static_cast<char*>(object) + 99999), Page::of(object));
  std::memset(object, 1, 100000);
  size_t pages = own.heap->counters().pages;
  Heap::free(object);
  EXPECT_LT(own.heap->counters().pages, pages);
}

TEST(Heap, LargeSlotsAreUsedAgainBeforeMoreMemoryIsTouched) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  for (int i = 0; i < 10; ++i) Heap::free(own.heap->allocate(Kind::plain, 2048));  // in a page that other sizes share
  for (int i = 0; i < 100; ++i) {
    void* slot = own.heap->allocate(Kind::plain, 2048);
    EXPECT_LT(Page::of(slot)->index_of(slot), 4u);
    Heap::free(slot);
  }
}

TEST(Heap, BlocksOfASizeAreFoundWhereverTheyStand) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's";
  for (size_t size : {16, 24, 104, 208, 520, 2336, 4096}) {
    OwnHeap own;
    std::vector<void*> blocks = {own.heap->allocate(Kind::plain, size), own.heap->allocate(Kind::plain, widened(size))};
    for (int i = 0; i < 2000; ++i) blocks.push_back(own.heap->allocate(Kind::plain, size));  // the last ones not in shared pages
    std::vector<void*> found;
    own.heap->visit_blocks(Kind::plain, size, [](void* slot, void* all) { static_cast<std::vector<void*>*>(all)->push_back(slot); }, &found);
    std::ranges::sort(blocks);
    std::ranges::sort(found);
    EXPECT_EQ(found, blocks);
    for (void* block : blocks) Heap::free(block);
  }
}

size_t resident_stretches(Page* page) {
  unsigned char resident[kPageSize / kStretch];
  EXPECT_EQ(::mincore(page->start(), kPageSize, resident), 0);
  return static_cast<size_t>(std::count_if(std::begin(resident), std::end(resident), [](unsigned char one) { return one & 1; }));
}

// Fills pages with slots and frees all but the first `kept` of each page.
std::vector<char*> sparse_slots(Heap* heap, size_t size, size_t kept) {
  std::vector<char*> all, left;
  for (int i = 0; i < 20000; ++i) {
    all.push_back(static_cast<char*>(heap->allocate(Kind::collectable, size)));
    std::memset(all.back(), i & 255, size);
  }
  for (char* slot : all) {
    if (Page::of(slot)->index_of(slot) < kept) left.push_back(slot);
    else Heap::free(slot);
  }
  heap->flush();
  return left;
}

TEST(HeapTrim, GivesEmptyStretchesBackAndKeepsTheRest) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  for (size_t size : {24u, 64u, 100u, 1000u}) {
    std::vector<char*> left = sparse_slots(own.heap, size, 1);
    std::vector<char> contents;
    for (char* slot : left) contents.push_back(*slot);
    own.heap->trim(true);
    for (size_t i = 0; i < left.size(); ++i) {
      if (!Page::of(left[i])->current) EXPECT_EQ(resident_stretches(Page::of(left[i])), 1u);
      for (size_t at = 0; at < size; ++at) ASSERT_EQ(left[i][at], contents[i]);
    }
    // The slots can be used again, and then stay.
    std::vector<char*> again;
    for (int i = 0; i < 20000; ++i) again.push_back(static_cast<char*>(own.heap->allocate(Kind::collectable, size)));
    for (char* slot : again) std::memset(slot, 7, size);
    own.heap->trim(true);
    for (char* slot : again) ASSERT_EQ(slot[size - 1], 7);
    for (char* slot : again) Heap::free(slot);
    for (char* slot : left) Heap::free(slot);
    own.heap->flush();
  }
}

TEST(HeapTrim, GivesAnyStretchOfAPageBack) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  for (Kind kind : {Kind::plain, Kind::collectable_prefixed}) {
    std::vector<char*> all;
    for (int i = 0; i < 64; ++i) all.push_back(static_cast<char*>(own.heap->allocate(kind, 1024)));
    for (char* slot : all) std::memset(slot, 1, 1024);
    for (char* slot : all) {
      if (Page::of(slot)->index_of(slot) != Page::of(slot)->slot_count - 1u) Heap::free(slot);
    }
    own.heap->trim(true);
    for (char* slot : all) {
      Page* page = Page::of(slot);
      if (page->index_of(slot) != page->slot_count - 1u) continue;
      if (!page->current) EXPECT_EQ(resident_stretches(page), 1u);
      EXPECT_EQ(slot[1023], 1);
      Heap::free(slot);
    }
  }
}

TEST(HeapTrim, WaitsUntilAStretchWasSeenEmptyTwice) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  std::vector<char*> used;
  for (int i = 0; i < 30000; ++i) used.push_back(static_cast<char*>(own.heap->allocate(Kind::plain, 256)));
  std::vector<char*> left = sparse_slots(own.heap, 64, 1);
  // Some were seen while others were freed.
  size_t all = 3 * (left.size() - 1);
  own.heap->trim(false);
  EXPECT_LT(own.heap->counters().returned_stretches, all / 2);
  own.heap->trim(false);
  EXPECT_GE(own.heap->counters().returned_stretches, all);
  for (char* slot : left) Heap::free(slot);
  for (char* slot : used) Heap::free(slot);
}

// What is freed and allocated again while most of the heap is in use stays resident.
TEST(HeapTrim, KeepsWhatIsUsedAgain) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  std::vector<char*> used, changing(40000);
  for (int i = 0; i < 100000; ++i) used.push_back(static_cast<char*>(own.heap->allocate(Kind::plain, 256)));
  for (int round = 0; round < 50; ++round) {
    for (char*& slot : changing) slot = static_cast<char*>(own.heap->allocate(Kind::collectable, 96));
    for (size_t i = 0; i < changing.size(); ++i) {
      if (i % 170) Heap::free(changing[i]);
    }
    for (size_t i = 0; i < changing.size(); i += 170) Heap::free(changing[i]);
  }
  EXPECT_LT(own.heap->counters().returned_stretches, 50u);
  for (char* slot : used) Heap::free(slot);
}

TEST(HeapTrim, LooksOnceWhereMostOfTheHeapIsFree) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  std::vector<char*> all;
  for (int i = 0; i < 1000000; ++i) all.push_back(static_cast<char*>(own.heap->allocate(Kind::plain, 64)));
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 256) Heap::free(all[i]);
  }
  // All but what was freed last.
  EXPECT_GE(own.heap->counters().returned_stretches, own.heap->counters().pages * 3 * 7 / 8);
  for (size_t i = 0; i < all.size(); i += 256) Heap::free(all[i]);
}

TEST(HeapTrim, HappensByItselfInTheCourseOfFreeing) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap own;
  std::vector<char*> all;
  for (int i = 0; i < 400000; ++i) all.push_back(static_cast<char*>(own.heap->allocate(Kind::plain, 96)));
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 150) Heap::free(all[i]);
  }
  size_t pages = own.heap->counters().pages;
  EXPECT_GE(own.heap->counters().returned_stretches, pages);
  for (size_t i = 0; i < all.size(); i += 150) Heap::free(all[i]);
}

TEST(Heap, WhatIsLeftOfADeletedHeapBelongsToItsHeir) {
  if (kWatchedHeap) GTEST_SKIP() << "plain blocks are malloc's, and freed slots wait in quarantine";
  OwnHeap heir;
  Heap* heap = new_heap();
  std::vector<void*> kept;
  for (Kind kind : {Kind::plain, Kind::collectable, Kind::collectable_prefixed}) {
    for (size_t size : {16u, 100u, 2048u, 50000u}) {
      for (int i = 0; i < 300; ++i) {
        void* slot = heap->allocate(kind, size);
        if (i % 3) kept.push_back(slot);
        else Heap::free(slot);
      }
    }
  }
  delete_heap(heap, heir.heap);
  EXPECT_GT(heir.heap->counters().pages, 0u);
  for (void* slot : kept) Heap::free(slot);
  heir.heap->flush();
  EXPECT_EQ(heir.heap->counters().pages, 0u);
  EXPECT_EQ(heir.heap->counters().run_bytes, 0u);
}

TEST(HeapDebug, ReadsItsSwitches) {
  HeapDebug debug = parse_heap_debug("poison,fail=3,collect=100");
  EXPECT_TRUE(debug.active && debug.poison);
  EXPECT_EQ(debug.fail_at, 3u);
  EXPECT_EQ(debug.collect_every, 100u);
  EXPECT_FALSE(parse_heap_debug("").active);
  EXPECT_FALSE(parse_heap_debug(nullptr).active);
}

#ifdef GILL_DEBUG_CHECKS
TEST(HeapDebug, FailsOnceAndPoisons) {
  OwnHeap own;
  own.heap->debug = parse_heap_debug("poison,fail=3");
  void* first = own.heap->allocate(Kind::plain, 64);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(*static_cast<unsigned char*>(first), kFreshPoison);
  void* second = own.heap->allocate(Kind::collectable, 64);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(own.heap->allocate(Kind::collectable, 64), nullptr);
  void* large = own.heap->allocate(Kind::plain, 5000);
  EXPECT_NE(large, nullptr);
  Heap::free(large);
  Heap::free(second);
  Heap::free(first);
  if (!kWatchedHeap) EXPECT_EQ(*static_cast<unsigned char*>(first), kFreedPoison);
}
#endif

TEST(WatchedHeap, ReportsUsesOfWhatIsFree) {
  if (!kWatchedHeap) GTEST_SKIP() << "needs AddressSanitizer";
  OwnHeap own;
  for (Kind kind : {Kind::plain, Kind::collectable, Kind::collectable_prefixed}) {
    for (size_t size : {24u, 600u, 5000u}) {
      auto* block = static_cast<volatile char*>(own.heap->allocate(kind, size));
      block[size - 1] = 1;
      EXPECT_DEATH(block[size] = 1, "AddressSanitizer");
      Heap::free(const_cast<char*>(block));
      EXPECT_DEATH(block[0] = 1, "AddressSanitizer");
      if (size <= kLargestClass) EXPECT_DEATH(Heap::free(const_cast<char*>(block)), "AddressSanitizer");
      void* next = own.heap->allocate(kind, size);
      // An object with pages of its own gives them back at once.
      if (size <= kLargestClass || kind == Kind::plain) EXPECT_NE(next, const_cast<char*>(block));
      Heap::free(next);
    }
  }
}

}  // namespace
}  // namespace gill
