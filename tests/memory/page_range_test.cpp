// Which free pages keep their memory: 4 MiB of them, more where a program needs again what went back, and only while it does.
#include "memory/page_range.h"

#include <gtest/gtest.h>
#include <time.h>

#include <vector>

#include "memory/heap.h"

namespace gill {
namespace {

constexpr size_t kKept = (size_t{4} << 20) / kPageSize;
constexpr size_t kMany = 1000;
static_assert(kMany > 2 * kKept && kMany * kPageSize < (size_t{32} << 20));

// Runs of a page, taken from the range, whose memory is touched.
class Runs {
 public:
  explicit Runs(size_t count) : pages_(count) {
    for (Page& page : pages_) {
      EXPECT_TRUE(take_pages(&page, 1));
      *page.start() = 1;
    }
  }
  ~Runs() {
    for (Page& page : pages_) give_pages(&page);
  }

 private:
  std::vector<Page> pages_;
};

class PageRangeTest : public testing::Test {
 protected:
  void SetUp() override { trim_pages(); }
  void TearDown() override { trim_pages(); }
  static void wait_for_two_intervals() {
    timespec time = {2, 200'000'000};
    nanosleep(&time, nullptr);
  }
};

TEST_F(PageRangeTest, AFewFreePagesKeepTheirMemory) {
  { Runs runs(kKept / 2); }
  EXPECT_GE(retained_pages(), kKept / 2);
  trim_pages();
  EXPECT_EQ(retained_pages(), 0u);
}

TEST_F(PageRangeTest, WhatIsNeededAgainAndAgainStaysUntilItIsNot) {
  { Runs runs(kMany); }
  EXPECT_LT(retained_pages(), 2 * kKept);  // some were trimmed, and taken again, before
  for (int i = 0; i < 2; ++i) Runs runs(kMany);
  EXPECT_GE(retained_pages(), kMany * 3 / 4);
  // Two intervals in which next to nothing is needed: one may have begun long before.
  for (int i = 0; i < 2; ++i) {
    wait_for_two_intervals();
    Runs runs(1);
  }
  EXPECT_LE(retained_pages(), kKept + 1);
}

}  // namespace
}  // namespace gill
