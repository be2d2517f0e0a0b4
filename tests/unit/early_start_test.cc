#include "instance/early_start.h"

#include <gtest/gtest.h>

namespace hitless::instance {
namespace {

using namespace std::chrono_literals;

TEST(EarlyStart, IsWaitedForAndNoLonger) {
    EXPECT_EQ(left_of_early_start(0s), 10s);
    EXPECT_EQ(left_of_early_start(9'990ms), 10ms);
    EXPECT_EQ(left_of_early_start(10s), 0s);
    EXPECT_EQ(left_of_early_start(24h), 0s);
}

}  // namespace
}  // namespace hitless::instance
