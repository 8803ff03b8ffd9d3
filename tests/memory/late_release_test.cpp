// Large blocks go back after the lock was given up, where somebody waits for it.
#include "memory/late_release.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "memory/heap.h"

namespace gill {
namespace {

constexpr size_t kLarge = size_t{2} << 20;

struct WithHeap {
  WithHeap() { t_heap = new_heap(); }
  ~WithHeap() {
    g_others_wait = nullptr;
    delete_heap(t_heap, nullptr);
  }
};

void* block(size_t size) {
  void* p = t_heap->allocate(Kind::plain, size);
  std::memset(p, 1, size);
  return p;
}

TEST(LateRelease, KeepsLargeBlocksOfAHolderWhomOthersWaitFor) {
  if (kWatchedHeap) GTEST_SKIP() << "blocks are watched until they are freed, which is at once";
  WithHeap own;
  g_others_wait = [] { return true; };
  void* first = block(kLarge);
  void* second = block(kLarge);
  Heap::free(first);
  Heap::free(second);
  EXPECT_EQ(t_late_blocks, second);
  EXPECT_EQ(*static_cast<void**>(second), first);
  free_late_blocks();
  EXPECT_EQ(t_late_blocks, nullptr);
}

TEST(LateRelease, FreesAtOnceWhatIsSmallAndWhereNobodyWaits) {
  WithHeap own;
  Heap::free(block(kLarge));
  EXPECT_EQ(t_late_blocks, nullptr);
  g_others_wait = [] { return false; };
  Heap::free(block(kLarge));
  EXPECT_EQ(t_late_blocks, nullptr);
  g_others_wait = [] { return true; };
  Heap::free(block(64 << 10));
  Heap::free(block(100));
  EXPECT_EQ(t_late_blocks, nullptr);
}

TEST(LateRelease, FreesAtOnceWithoutTheLock) {
  WithHeap own;
  g_others_wait = [] { return true; };
  void* large = block(kLarge);
  Heap* heap = std::exchange(t_heap, nullptr);
  Heap::free(large);
  t_heap = heap;
  EXPECT_EQ(t_late_blocks, nullptr);
}

}  // namespace
}  // namespace gill
