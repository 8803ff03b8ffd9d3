// Looking before sleeping: for how long, as luck goes.
#include "lock/adaptive_spin.h"

#include <gtest/gtest.h>

namespace gill {
namespace {

// Each look takes a hundredth of what the longest look lasts.
constexpr uint64_t kLook = AdaptiveSpin::kMost / 100;

struct Looks {
  AdaptiveSpin& spin;
  uint64_t now = 0;
  int count = 0;

  bool until(int wanted) {
    return spin.until([&] { return now += kLook, ++count == wanted; }, [this] { return now; });
  }
};

int looks_in_vain(AdaptiveSpin& spin) {
  Looks looks{spin};
  EXPECT_FALSE(looks.until(0));
  return looks.count;
}
bool succeeds_at(AdaptiveSpin& spin, int look) { return Looks{spin}.until(look); }

TEST(AdaptiveSpin, LooksLessWhereItIsInVain) {
  AdaptiveSpin spin;
  if (!runs_in_parallel()) {
    EXPECT_EQ(looks_in_vain(spin), 0);
    return;
  }
  EXPECT_EQ(looks_in_vain(spin), 100);
  EXPECT_LE(looks_in_vain(spin), 2);
}

TEST(AdaptiveSpin, LooksAboutTwiceAsLongAsItTookTheLastTime) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  ASSERT_TRUE(succeeds_at(spin, 20));
  EXPECT_TRUE(succeeds_at(spin, 30));
  EXPECT_FALSE(succeeds_at(spin, 80));
}

TEST(AdaptiveSpin, ForgetsLongWaitsAmongShortOnesLittleByLittle) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  ASSERT_TRUE(succeeds_at(spin, 20));
  EXPECT_TRUE(succeeds_at(spin, 1));
  EXPECT_TRUE(succeeds_at(spin, 20));
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(succeeds_at(spin, 1));
  EXPECT_FALSE(succeeds_at(spin, 20));
}

TEST(AdaptiveSpin, TriesInFullNowAndThen) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  looks_in_vain(spin);
  int tries = 0;
  while (!succeeds_at(spin, 60)) ASSERT_LT(++tries, 1000);
  EXPECT_GT(tries, 8);
}

// However long a look takes: the clock is asked, looks are not counted.
TEST(AdaptiveSpin, EndsByTheClock) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  uint64_t now = 0;
  int looks = 0;
  EXPECT_FALSE(spin.until([&] { return now += AdaptiveSpin::kMost, ++looks, false; }, [&] { return now; }));
  EXPECT_EQ(looks, 1);
}

}  // namespace
}  // namespace gill
