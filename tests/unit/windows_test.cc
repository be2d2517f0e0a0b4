#include "upgrade/windows.h"

#include <gtest/gtest.h>

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

TEST(Pace, IsDueAtFirstAndThenNotBeforeTheLeast) {
    Pace pace(1h);
    EXPECT_TRUE(pace.due());
    pace.took(0s);
    EXPECT_FALSE(pace.due());
}

TEST(Pace, TakesAThousandthOfTheTime) {
    Pace pace(0ms);
    auto began = std::chrono::steady_clock::now();
    pace.took(50us);
    while (!pace.due()) {
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_GE(std::chrono::steady_clock::now() - began, 50ms);
    pace.took(1h);
    EXPECT_FALSE(pace.due());
}

}  // namespace
}  // namespace hitless::upgrade
