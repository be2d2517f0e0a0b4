#include "datapath/host_clock.h"

#include <gtest/gtest.h>

namespace hitless::datapath {
namespace {

using namespace std::chrono_literals;

TEST(HostClock, ReadsTheOffsetOfATimeNamespace) {
    EXPECT_EQ(monotonic_offset("monotonic           0         0\nboottime            0         0\n"), 0ns);
    EXPECT_EQ(monotonic_offset("monotonic      100000         5\nboottime            7         0\n"), 100'000s + 5ns);
    EXPECT_EQ(monotonic_offset("boottime            7         0\nmonotonic          -2 500000000\n"), -1500ms);
    for (const char* none : {"", "boottime 7 0\n", "monotonic\n", "monotonic x y\n"}) {
        EXPECT_EQ(monotonic_offset(none), 0ns) << none;
    }
}

TEST(HostClock, KnowsTheSameMomentByBothClocks) {
    auto now = std::chrono::steady_clock::now();
    EXPECT_EQ(from_kernel_ns(to_kernel_ns(now)), now);
}

}  // namespace
}  // namespace hitless::datapath
