// What the operator sees of a hold that is too small for its packets: whole upgrades, as in upgrade_test.cc.
#include <gtest/gtest.h>

#include "traffic_lab.h"

namespace hitless::test {
namespace {

class SmallHold : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        lab_ = std::make_unique<TrafficLab>();
    }

    // Connections through NAT: to look through them all takes the instances some ten milliseconds of the hold, in which they are read
    // because another zone's may end within 15 s.
    void make_connections() {
        lab_->vsctl({"--id=@datapath", "create", "Datapath", "datapath_version=0", "--", "set", "Open_vSwitch", ".",
                     "datapaths:netdev=@datapath"});
        lab_->vsctl({"add-zone-tp", "netdev", "zone=99", "icmp_first=15"});
        lab_->checked({"nsenter", "--net=" + lab_->node("h2"), "/usr/bin/python3", "-c",
                       "import socket, time\n"
                       "for port in range(20000, 24000):\n"
                       "    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                       "    near.bind(('10.0.1.2', port))\n"
                       "    near.sendto(b'', ('10.0.2.4', 9))\n"
                       "    near.close()\n"
                       "    time.sleep(0.0002)\n"});
    }

    // An upgrade while 3,000 packets/s and more come to a port that has room for 16: they fill it in 5 ms.
    void upgrade() {
        lab_->configure({{"hold-packets", "16"}});
        make_connections();
        LabTraffic traffic(*lab_, {"from=" + lab_->node("h1") + ",to=" + lab_->node("h3") +
                                   ",src=10.0.1.1,dst=10.0.2.3,sport=9000,dport=9000,flows=2"});
        output_ = lab_->appctl({"hitless/upgrade", "--from=" + lab_->new_software(), "--soak=0", "--format=json"});
        count_ = traffic.stop();
        auto last = lab_->appctl_json({"hitless/history", "1"})[0];
        dropped_ = last["dropped"].asUInt64();
        error_ = last["error"].asString();
        for (const auto& warning : last["warnings"]) {
            warnings_ += warning.asString() + "\n";
        }
    }

    // What the hold had no room for was counted, and is all that was lost. Others than the counted streams lose packets, too.
    void expect_counted() {
        if (count_.receive_drops) {
            GTEST_SKIP() << "this machine is too busy to measure: it dropped " << count_.receive_drops << " delivered packets";
        }
        EXPECT_LE(count_.lost, dropped_) << output_.standard_output << error_ << warnings_;
        EXPECT_LE(dropped_, count_.lost + 100);
        EXPECT_EQ(count_.duplicated, 0u);
        EXPECT_EQ(count_.reordered, 0u);
        EXPECT_EQ(count_.tcp_alive, count_.tcp_connections);
        EXPECT_EQ(warnings_.find("were lost in the hold") != std::string::npos, dropped_ > 0);
    }

    std::unique_ptr<TrafficLab> lab_;
    ProgramOutput output_;
    LabTraffic::Count count_;
    uint64_t dropped_ = 0;
    std::string error_, warnings_;
};

TEST_F(SmallHold, GivesThePacketsBackWhenItIsNearlyFull) {
    auto pid = lab_->switch_pid();
    upgrade();
    EXPECT_NE(output_.exit_status, 0);
    EXPECT_NE(error_.find("of the room for held packets are used"), std::string::npos) << error_;
    EXPECT_EQ(lab_->state(), "idle");
    EXPECT_EQ(lab_->switch_pid(), pid);
    EXPECT_GT(dropped_, 0u);
    expect_counted();
}

TEST_F(SmallHold, CommitsWhenItIsNearlyFullWhereThatIsWanted) {
    lab_->configure({{"hold-full", "commit"}});
    upgrade();
    // While A drains, returning is all there is.
    if (output_.exit_status == 0) {
        EXPECT_NE(warnings_.find("committed at once"), std::string::npos) << warnings_;
    } else {
        EXPECT_NE(error_.find("of the room for held packets are used"), std::string::npos) << error_;
    }
    expect_counted();
}

TEST_F(SmallHold, RefusesASettingThatIsNone) {
    lab_->configure({{"hold-full", "drop"}});
    auto output = lab_->appctl({"hitless/upgrade", "--from=" + lab_->new_software()});
    EXPECT_NE(output.exit_status, 0);
    EXPECT_NE(output.standard_error.find("hold-full: \"drop\" is neither return nor commit"), std::string::npos)
        << output.standard_error;
}

}  // namespace
}  // namespace hitless::test
