// Packets paused at a controller by one switch go on at another, with registers and stack.
#include "openflow/continuation.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "dummy_switch.h"

namespace hitless {
namespace {

using openflow::Connection;
using openflow::Message;
using openflow::Version;
using test::DummySwitch;

// What was in reg3 is on the stack alone when the packet is paused, and reg4 is in no packet.
const std::vector<std::string> flows = {
    "table=0,ip,nw_dst=9.9.9.9,actions=set_field:0x1234->reg3,push:NXM_NX_REG3[],set_field:0->reg3,set_field:0x77->reg4,"
        "controller(pause,max_len=65535),pop:NXM_NX_REG5[],resubmit(,7)",
    "table=7,cookie=7,reg3=0,reg4=0x77,reg5=0x1234,actions=output:2",
    "table=7,priority=0,actions=drop",
};

const std::vector<uint8_t> packet = {
    0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,                                               // Ethernet, IPv4
    0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xc0, 1, 1, 1, 1, 9, 9, 9, 9, 0, 1, 0, 2, 0, 8, 0, 0,     // UDP
};

// A controller in OpenFlow 'version' at a switch's management socket.
class Controller {
  public:
    Controller(const DummySwitch& of, Version version)
        : connection_(open(of, version)) {
        connection_.on_event([this](std::span<const uint8_t> message) {
            if (openflow::bridge_of_continuation(message)) {
                paused_.assign(message.begin(), message.end());
            }
        });
        auto v = static_cast<uint8_t>(version);
        EXPECT_TRUE(connection_.send(std::vector<Message>{
            {v, 9, 0, 12, 0, 0, 0, 0, 0, 0, 0xff, 0xff},                                                // OFPT_SET_CONFIG
            {v, 4, 0, 20, 0, 0, 0, 0, 0, 0, 0x23, 0x20, 0, 0, 0, 16, 0, 0, 0, 2},                      // NXT_PACKET_IN2
        }).ok());
    }

    Message wait_for_paused() {
        for (int i = 0; i < 500 && paused_.empty(); ++i) {
            EXPECT_TRUE(connection_.send({}).ok());
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return std::exchange(paused_, {});
    }

    Status send(const Message& message) { return connection_.send(std::span(&message, 1)); }

  private:
    static Connection open(const DummySwitch& of, Version version) {
        auto opened = Connection::open(of.mgmt("br0"), "br0", std::chrono::seconds(10), version);
        if (!opened) {
            throw std::runtime_error(opened.error().message);
        }
        return std::move(*opened);
    }

    Connection connection_;
    Message paused_;
};

class Continuation : public testing::TestWithParam<Version> {
  protected:
    Continuation() {
        for (const DummySwitch* of : {&a, &b}) {
            for (const auto& flow : flows) {
                of->ofctl("add-flow", "br0", {flow});
            }
        }
    }

    // Lets 'of' pause a packet; returns what its controller got.
    static Message pause(const DummySwitch& of) {
        Controller controller(of, GetParam());
        auto sender = Connection::open(of.mgmt("br0"), "br0");
        openflow::PacketOut out{1, packet, "resubmit(,0)"};
        EXPECT_TRUE(sender.ok() && sender->packet_outs(std::span(&out, 1)).ok());
        return controller.wait_for_paused();
    }

    // Packets that went on with all their registers, and with any.
    static bool arrived(const DummySwitch& of, int packets) {
        auto count = fmt::format("n_packets={},", packets);
        for (int i = 0; i < 200; ++i) {
            if (of.ofctl("dump-flows", "br0", {"cookie=7/-1"}).find(count) != std::string::npos) {
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
    Status refused = Controller(b, GetParam()).send(*as_it_is);
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
