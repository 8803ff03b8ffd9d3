// Which processor a thread runs on, as it sees itself.
#include "base/processor.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace gill {
namespace {

TEST(Processor, IsTheOneThatTheThreadIsBoundTo) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    // A kernel without restartable sequences does not say.
    if (const int found = current_processor(); found != kUnknownProcessor) EXPECT_EQ(found, processor);
  }
  sched_setaffinity(0, sizeof(allowed), &allowed);
}

}  // namespace
}  // namespace gill
