// Packets paused at a controller by one switch go on at another, with registers and stack.
#include "openflow/continuation.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "dummy_switch.h"
#include "pausing_controller.h"

namespace hitless {
namespace {

using openflow::Message;
using openflow::Version;
using test::DummySwitch;
using test::PausingController;

class Continuation : public testing::TestWithParam<Version> {
  protected:
    Continuation() {
        for (const DummySwitch* of : {&a, &b}) {
            for (const auto& flow : test::pausing_flows) {
                of->ofctl("add-flow", "br0", {flow});
            }
        }
    }

    static Message pause(const DummySwitch& of) { return PausingController(of.mgmt("br0"), GetParam()).pause(); }

    // Packets that went on with all their registers, and with any.
    static bool arrived(const DummySwitch& of, int packets) {
        auto count = fmt::format("n_packets={},", packets);
        for (int i = 0; i < 200; ++i) {
            if (of.ofctl("dump-flows", "br0", {"cookie=0x70/-1"}).find(count) != std::string::npos) {
                return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return false;
    }

    DummySwitch a{{"br0"}}, b{{"br0"}};
};

TEST_P(Continuation, GoesOnAtTheOtherSwitchWithRegistersAndStack) {
    Message message = pause(a);
    ASSERT_FALSE(message.empty());
    // Given to B as it is, it is refused.
    auto of_a = openflow::bridge_of_continuation(message);
    ASSERT_TRUE(of_a.ok());
    auto as_it_is = openflow::make_resume(message, *of_a);
    ASSERT_TRUE(as_it_is.ok());
    Status refused = PausingController(b.mgmt("br0"), GetParam()).send(*as_it_is);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("NXR_STALE"), std::string::npos) << refused.error().message;
    // And then both ways.
    auto resumed = openflow::resume(b.mgmt("br0"), "br0", message);
    ASSERT_TRUE(resumed.ok()) << resumed.error().message;
    EXPECT_TRUE(arrived(b, 1));
    resumed = openflow::resume(a.mgmt("br0"), "br0", pause(b));
    ASSERT_TRUE(resumed.ok()) << resumed.error().message;
    EXPECT_TRUE(arrived(a, 1));
}

INSTANTIATE_TEST_SUITE_P(Versions, Continuation, testing::Values(static_cast<Version>(4), Version::openflow15),
                         [](const auto& test) { return fmt::format("OpenFlow1{}", static_cast<int>(test.param) - 1); });

TEST(ContinuationMessage, OthersAreRefused) {
    Message message = {6, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0x23, 0x20, 0, 0, 0, 30};
    EXPECT_NE(openflow::bridge_of_continuation(message).error().message.find("not paused"), std::string::npos);
    message[15] = 29;
    EXPECT_FALSE(openflow::bridge_of_continuation(message).ok());
    message = {6, 4, 0, 24, 0, 0, 0, 0, 0, 0, 0x23, 0x20, 0, 0, 0, 28, 0, 8, 0, 40, 0, 0, 0, 0};   // longer than the message
    EXPECT_FALSE(openflow::bridge_of_continuation(message).ok());
    message[19] = 8;   // empty
    EXPECT_FALSE(openflow::bridge_of_continuation(message).ok());
    EXPECT_FALSE(openflow::bridge_of_continuation({}).ok());
}

}  // namespace
}  // namespace hitless
