// For tests of packets that wait at a controller (controller(pause)): such a controller, and flows that pause a packet.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "openflow/continuation.h"

namespace hitless::test {

// What was in reg3 is on the stack alone when the packet is paused, and reg4 is in no packet. A packet that goes on with all of it
// meets the flow of cookie 0x70.
inline const std::vector<std::string> pausing_flows = {
    "table=20,ip,nw_dst=9.9.9.9,actions=set_field:0x1234->reg3,push:NXM_NX_REG3[],set_field:0->reg3,set_field:0x77->reg4,"
        "controller(pause,max_len=65535),pop:NXM_NX_REG5[],resubmit(,27)",
    "table=27,cookie=0x70,reg3=0,reg4=0x77,reg5=0x1234,actions=output:2",
    "table=27,priority=0,actions=drop",
};

// At the management socket 'path' of the bridge 'br0', in OpenFlow 'version'.
class PausingController {
  public:
    PausingController(const std::string& path, openflow::Version version) : path_(path), connection_(open(path, version)) {
        connection_.on_event([this](std::span<const uint8_t> message) {
            if (openflow::bridge_of_continuation(message)) {
                paused_.assign(message.begin(), message.end());
            }
        });
        auto v = static_cast<uint8_t>(version);
        EXPECT_TRUE(connection_.send(std::vector<openflow::Message>{
            {v, 9, 0, 12, 0, 0, 0, 0, 0, 0, 0xff, 0xff},                                                // OFPT_SET_CONFIG
            {v, 4, 0, 20, 0, 0, 0, 0, 0, 0, 0x23, 0x20, 0, 0, 0, 16, 0, 0, 0, 2},                      // NXT_PACKET_IN2
        }).ok());
    }

    // Sends the bridge a packet that meets the first of 'pausing_flows'. Returns what came here of it.
    openflow::Message pause() {
        auto sender = openflow::Connection::open(path_, "br0");
        openflow::PacketOut out{1, packet, "resubmit(,20)"};
        EXPECT_TRUE(sender.ok() && sender->packet_outs(std::span(&out, 1)).ok());
        for (int i = 0; i < 500 && paused_.empty(); ++i) {
            EXPECT_TRUE(connection_.send({}).ok());
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return std::exchange(paused_, {});
    }

    Status send(const openflow::Message& message) { return connection_.send(std::span(&message, 1)); }

  private:
    inline static const std::vector<uint8_t> packet = {
        0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,                                               // Ethernet, IPv4
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0x66, 0xc0, 1, 1, 1, 1, 9, 9, 9, 9, 0, 1, 0, 2, 0, 8, 0, 0,     // UDP
    };

    static openflow::Connection open(const std::string& path, openflow::Version version) {
        auto opened = openflow::Connection::open(path, "br0", std::chrono::seconds(10), version);
        if (!opened) {
            throw std::runtime_error(opened.error().message);
        }
        return std::move(*opened);
    }

    std::string path_;
    openflow::Connection connection_;
    openflow::Message paused_;
};

}  // namespace hitless::test
