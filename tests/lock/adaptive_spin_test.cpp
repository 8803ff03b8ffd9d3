// Looking before sleeping: for how long, as luck goes.
#include "lock/adaptive_spin.h"

#include <gtest/gtest.h>

namespace gill {
namespace {

int looks_in_vain(AdaptiveSpin& spin) {
  int looks = 0;
  EXPECT_FALSE(spin.until([&] { return ++looks, false; }));
  return looks;
}
bool succeeds_at(AdaptiveSpin& spin, int look) {
  int looks = 0;
  return spin.until([&] { return ++looks == look; });
}

TEST(AdaptiveSpin, LooksLessWhereItIsInVain) {
  AdaptiveSpin spin;
  if (!runs_in_parallel()) {
    EXPECT_EQ(looks_in_vain(spin), 0);
    return;
  }
  const int first = looks_in_vain(spin);
  const int second = looks_in_vain(spin);
  EXPECT_LT(second, first / 10);
}

TEST(AdaptiveSpin, LooksAboutTwiceAsLongAsItTookTheLastTime) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  ASSERT_TRUE(succeeds_at(spin, 100));
  EXPECT_TRUE(succeeds_at(spin, 150));
  EXPECT_FALSE(succeeds_at(spin, 400));
}

TEST(AdaptiveSpin, ForgetsLongWaitsAmongShortOnesLittleByLittle) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  ASSERT_TRUE(succeeds_at(spin, 100));
  EXPECT_TRUE(succeeds_at(spin, 2));
  EXPECT_TRUE(succeeds_at(spin, 100));
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(succeeds_at(spin, 2));
  EXPECT_FALSE(succeeds_at(spin, 100));
}

TEST(AdaptiveSpin, TriesInFullNowAndThen) {
  if (!runs_in_parallel()) GTEST_SKIP() << "needs two processors";
  AdaptiveSpin spin;
  looks_in_vain(spin);
  int tries = 0;
  while (!succeeds_at(spin, 300)) ASSERT_LT(++tries, 1000);
  EXPECT_GT(tries, 8);
}

}  // namespace
}  // namespace gill
