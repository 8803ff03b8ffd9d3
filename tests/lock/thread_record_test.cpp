// What threads count at the lock: by state, kept when they end, whole when it is read.
#include "lock/thread_record.h"

#include <gtest/gtest.h>

#include <thread>

namespace gill {
namespace {

TEST(ThreadRecord, TimeGoesToTheStateThatEnds) {
  ThreadRecord record;
  record.since = ticks();
  record.arrive();
  EXPECT_EQ(record.state, LockState::waiting);
  record.enter_after_wait();
  EXPECT_EQ(record.state, LockState::holding);
  record.leave();
  EXPECT_EQ(record.state, LockState::outside);
  EXPECT_EQ(record.acquisitions, 1u);
  EXPECT_EQ(record.contended, 1u);
  EXPECT_GT(record.held + record.waited + record.outside, 0u);
}

TEST(ThreadRecord, AThreadThatEndsLeavesItsNumbersAndItsRecord) {
  uint64_t ended = ended_thread_count(), before = ended_threads().acquisitions;
  ThreadRecord *first = nullptr, *second = nullptr;
  std::thread([&] {
    first = &thread_record();
    EXPECT_TRUE(first->taken);
    first->enter();
    first->leave();
  }).join();
  EXPECT_FALSE(first->taken);
  EXPECT_EQ(ended_thread_count(), ended + 1);
  EXPECT_EQ(ended_threads().acquisitions, before + 1);
  std::thread([&] { second = &thread_record(); }).join();
  EXPECT_EQ(first, second);
}

TEST(ThreadRecord, AReaderGetsAWholeStructureOrNone) {
  struct Pair {
    uint64_t one, other;
  };
  Published<Pair> published;
  published.write({0, ~uint64_t{0}});
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint64_t i = 0; i < 200'000; ++i) published.write({i, ~i});
    done = true;
  });
  while (!done) {
    Pair pair;
    if (published.read(pair)) ASSERT_EQ(pair.one, ~pair.other);
  }
  writer.join();
}

TEST(Ticks, BecomeNanosecondsOfTheMonotonicClock) {
  (void)thread_record();
  uint64_t begin = ticks(), begin_ns = monotonic_ns();
  while (monotonic_ns() - begin_ns < 20'000'000) {
  }
  double measured = static_cast<double>(nanoseconds_of(ticks() - begin)), real = static_cast<double>(monotonic_ns() - begin_ns);
  EXPECT_NEAR(measured / real, 1.0, 0.05);
}

}  // namespace
}  // namespace gill
