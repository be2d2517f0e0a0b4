#include "instance/control.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_switch.h"

namespace hitless::instance {
namespace {

using namespace std::chrono_literals;

constexpr auto takes = 20ms;

// The shortest that one of a few calls took: a busy machine lengthens some.
std::chrono::steady_clock::duration shortest_call(Control& control) {
    auto shortest = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 5; i++) {
        auto began = std::chrono::steady_clock::now();
        EXPECT_TRUE(control.call("version").ok());
        shortest = std::min(shortest, std::chrono::steady_clock::now() - began);
    }
    return shortest;
}

TEST(Unhurried, LeavesTheInstanceAloneForAsLongAsACallTook) {
    FakeSwitch a({{"version", "1"}}, takes);
    Control control = a.control();
    {
        Unhurried unhurried(control);
        EXPECT_GE(shortest_call(control), 2 * takes);
    }
    EXPECT_LT(shortest_call(control), 2 * takes);
    EXPECT_GE(control.take_longest_request(), takes);
}

}  // namespace
}  // namespace hitless::instance
