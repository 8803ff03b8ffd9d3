// The sampler of allocations: what samples stand for is what was allocated, however slots come and go; samples die with their blocks;
// the peak is kept; places outlive their code.
#include "memory/sampler.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "memory/heap.h"

namespace gill {
namespace {

class Sampler : public testing::Test {
 protected:
  void SetUp() override {
    t_heap = heap;
    restart(4096);
  }
  void TearDown() override {
    set_stack_reader(nullptr);
    restart(kDefaultSampleInterval);
    delete_heap(heap, nullptr);
  }
  static void restart(size_t interval) {
    set_sample_interval(0);
    set_sample_interval(interval);
  }
  static size_t estimate(SampleCopy::Moment moment = SampleCopy::kNow) {
    const SampleCopy samples(moment);
    size_t total = 0;
    for (size_t i = 0; i < samples.count(); ++i) total += samples[i].weight;
    return total;
  }
  static size_t count() { return SampleCopy(SampleCopy::kNow).count(); }
  void* allocate(size_t size, Kind kind = Kind::plain) { return heap->allocate(kind, size); }
  std::vector<void*> allocate_many(size_t blocks, size_t size, Kind kind = Kind::plain) {
    std::vector<void*> found;
    for (size_t i = 0; i < blocks; ++i) found.push_back(std::memset(allocate(size, kind), 0, size));
    return found;
  }
  static void free_all(std::vector<void*>& blocks) {
    for (void* block : blocks) Heap::free(block);
    blocks.clear();
  }
  static void expect_near(size_t found, size_t expected, double part) {
    EXPECT_NEAR(static_cast<double>(found), static_cast<double>(expected), static_cast<double>(expected) * part);
  }

  Heap* heap = new_heap();
};

TEST_F(Sampler, StandsForWhatIsAllocated) {
  for (Kind kind : {Kind::plain, Kind::collectable, Kind::collectable_prefixed}) {
    for (size_t size : {16u, 48u, 512u, 640u, 2048u}) {
      std::vector<void*> blocks = allocate_many((size_t{16} << 20) / size, size, kind);
      // Within six standard deviations; a block counts with its whole slot.
      expect_near(estimate(), blocks.size() * class_size(class_of(size)), 0.1);
      free_all(blocks);
      EXPECT_EQ(count(), 0u);
    }
  }
}

TEST_F(Sampler, RecycledSlotsAreSampledLikeFreshOnes) {
  // Of each pair the first gets a fresh slot, and the one that stays gets that slot again.
  std::vector<void*> kept;
  for (int i = 0; i < 200'000; ++i) {
    Heap::free(std::memset(allocate(48), 0, 48));
    kept.push_back(std::memset(allocate(48), 0, 48));
  }
  expect_near(estimate(), size_t{200'000} * 48, 0.1);
  free_all(kept);
}

TEST_F(Sampler, StaysTrueWhileBlocksAreReplaced) {
  std::vector<void*> blocks = allocate_many(100'000, 96);
  std::mt19937 random(1);
  for (int i = 0; i < 1'000'000; ++i) {
    void*& block = blocks[random() % blocks.size()];
    Heap::free(block);
    block = std::memset(allocate(96), 0, 96);
  }
  expect_near(estimate(), size_t{100'000} * 96, 0.1);
  free_all(blocks);
  EXPECT_EQ(count(), 0u);
}

TEST_F(Sampler, PagesAreRecycledAgainWhenTheirSamplesAreGone) {
  std::vector<void*> blocks = allocate_many(10'000, 64);
  if (kWatchedHeap) return free_all(blocks);
  size_t sampled = 0;
  for (void* block : blocks) sampled += Page::of(block)->magazine == nullptr;
  EXPECT_GT(sampled, 0u);
  set_sample_interval(0);
  for (void* block : blocks) {
    EXPECT_NE(Page::of(block)->magazine, nullptr);
    EXPECT_EQ(Page::of(block)->sampled, 0u);
  }
  free_all(blocks);
}

TEST_F(Sampler, LargeObjectsAndRawBlocks) {
  std::vector<void*> runs = allocate_many(200, 50'000, Kind::collectable);
  expect_near(estimate(), size_t{200} * 50'000, 0.01);
  free_all(runs);
  std::vector<void*> raw;
  for (int i = 0; i < 2000; ++i) raw.push_back(native_calloc(10, 300));
  expect_near(estimate(), size_t{2000} * 3000, 0.1);
  for (void*& block : raw) block = native_realloc(block, 6000);
  expect_near(estimate(), size_t{2000} * 6000, 0.1);
  EXPECT_EQ(native_realloc(raw[0], SIZE_MAX / 2), nullptr);
  for (void* block : raw) native_free(block);
  EXPECT_EQ(count(), 0u);
}

TEST_F(Sampler, ThreadsWithoutALock) {
  std::vector<std::thread> threads;
  std::vector<std::vector<void*>> blocks(4);
  for (auto& own : blocks) {
    threads.emplace_back([&own] {
      std::mt19937 random(7);
      for (int i = 0; i < 50'000; ++i) {
        own.push_back(native_malloc(200));
        if (own.size() > 5000) {
          std::swap(own[random() % own.size()], own.back());
          native_free(own.back());
          own.pop_back();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_near(estimate(), size_t{4} * 5000 * 200, 0.25);
  for (auto& own : blocks) {
    for (void* block : own) native_free(block);
  }
  EXPECT_EQ(count(), 0u);
}

TEST_F(Sampler, ThePeakIsKept) {
  std::vector<void*> first = allocate_many(50'000, 100), second = allocate_many(50'000, 100);
  const size_t most = estimate();
  EXPECT_EQ(estimate(SampleCopy::kPeak), most);
  free_all(first);
  std::vector<void*> third = allocate_many(25'000, 100);
  free_all(second);
  EXPECT_EQ(estimate(SampleCopy::kPeak), most);
  EXPECT_EQ(SampleCopy(SampleCopy::kPeak).peak().total, most);
  std::vector<void*> more = allocate_many(200'000, 100);
  EXPECT_GT(estimate(SampleCopy::kPeak), most);
  EXPECT_EQ(estimate(SampleCopy::kPeak), estimate());
  free_all(third);
  free_all(more);
  EXPECT_EQ(count(), 0u);
  EXPECT_GT(estimate(SampleCopy::kPeak), most);
}

TEST_F(Sampler, NothingIsSampledWhenItIsOff) {
  set_sample_interval(0);
  std::vector<void*> blocks = allocate_many(50'000, 500);
  EXPECT_EQ(count(), 0u);
  set_sample_interval(4096);
  std::vector<void*> more = allocate_many(10'000, 500);
  expect_near(estimate(), 10'000 * 500, 0.15);
  free_all(blocks);
  free_all(more);
  EXPECT_EQ(count(), 0u);
}

// Codes are named by their address, and have lines as their instructions say.
char g_codes[2000];
constexpr StackReader kReader = {
    [](StackReader::Position* out, int most) {
      static_assert(kSampleDepth >= 2);
      for (int i = 0; i < 2; ++i) out[i] = {reinterpret_cast<PyCodeObject*>(g_codes + 16 * i), 10 + i};
      return most < 2 ? most : 2;
    },
    [](PyCodeObject* code, int instruction, Place& place) {
      const std::string name = "code" + std::to_string(reinterpret_cast<char*>(code) - g_codes);
      copy_start(place.file, name.c_str(), name.size());
      copy_start(place.function, "function", 8);
      place.line = instruction * 2;
    },
};

TEST_F(Sampler, PlacesOutliveTheirCode) {
  set_stack_reader(&kReader);
  void* block = native_malloc(size_t{1} << 20);
  {
    const SampleCopy samples(SampleCopy::kNow);
    ASSERT_EQ(samples.count(), 1u);
    ASSERT_EQ(samples[0].depth, 2);
    for (bool gone : {false, true}) {
      for (int i = 0; i < 2; ++i) {
        Place place = {};
        describe_sampled_frame(samples[0].frames[i], place);
        EXPECT_STREQ(place.file, i ? "code16" : "code0");
        EXPECT_STREQ(place.function, "function");
        EXPECT_EQ(place.line, 20 + 2 * i);
        if (!gone) forget_sampled_code(reinterpret_cast<PyCodeObject*>(g_codes + 16 * i));
      }
    }
  }
  native_free(block);
  // The same addresses are other code now.
  block = native_malloc(size_t{1} << 20);
  const SampleCopy samples(SampleCopy::kNow);
  ASSERT_EQ(samples.count(), 1u);
  EXPECT_EQ(samples[0].depth, 2);
  for (int i = 0; i < 3; ++i) forget_sampled_code(reinterpret_cast<PyCodeObject*>(g_codes + 16 * i));
  native_free(block);
}

}  // namespace
}  // namespace gill
