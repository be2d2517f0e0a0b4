// Userspace tunnels across upgrades: br1 has a tunnel to the host h3, over br0, whose LOCAL port has its address.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "traffic_lab.h"

namespace hitless::test {
namespace {

// Where the tunnel ends: at a device of the kernel, which has only VXLAN here, or at another Open vSwitch.
struct TunnelCase {
    const char* type;
    bool kernel;
};

// The far end of a tunnel in the namespace of h3, as another switch with its own processes. They end with the namespace.
constexpr const char* other_switch = R"(set -e
d=$1 type=$2
mkdir "$d"
export OVS_RUNDIR=$d OVS_DBDIR=$d OVS_SYSCONFDIR=$d OVS_LOGDIR=$d
ovsdb-tool create "$d/conf.db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server --no-chdir --detach --pidfile --remote=punix:"$d/db.sock" "$d/conf.db"
ovs-vsctl --no-wait init
ovs-vswitchd --no-chdir --detach --pidfile --log-file unix:"$d/db.sock"
mac=$(ip -br link show eth0 | awk '{print $3}')
ip address flush dev eth0
# The stack of the host would take what is for the address of 'under' from eth0, too.
sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth0.arp_ignore=8
ovs-vsctl -t10 add-br under -- set Bridge under datapath_type=netdev "other_config:hwaddr=\"$mac\"" -- add-port under eth0 -- \
    add-br over -- set Bridge over datapath_type=netdev -- add-port over tunnel -- \
    set Interface tunnel type="$type" options:remote_ip=10.0.0.254 options:key=42
ip address add 10.0.2.3/16 dev under
ip link set under up
ip address add 10.1.0.9/24 dev over
ip link set over mtu 1400 up
)";

class UpgradeTunnels : public ::testing::TestWithParam<TunnelCase> {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        lab_ = std::make_unique<TrafficLab>(Words{"--bridges", "1"});
        std::string type = GetParam().type;
        if (GetParam().kernel) {
            in_h3({"ip", "link", "add", "vx0", "mtu", "1450", "type", type, "id", "42", "remote", "10.0.0.254", "dstport", "4789", "dev", "eth0"});
            in_h3({"ip", "address", "add", "10.1.0.9/24", "dev", "vx0"});
            in_h3({"ip", "link", "set", "vx0", "up"});
            in_h3({"ethtool", "-K", "vx0", "tx", "off"});
        } else {
            in_h3({"/bin/bash", "-c", other_switch, "other_switch", lab_->path("other"), type});
        }
        lab_->vsctl({"add-port", "br1", "tunnel", "--", "set", "Interface", "tunnel", "type=" + type, "options:remote_ip=10.0.2.3",
                     "options:key=42", "ofport_request=9"});
    }

    TrafficLab& lab() { return *lab_; }
    void in_h3(Words command) {
        command.insert(command.begin(), {"nsenter", "--net=" + lab_->node("h3")});
        lab_->checked(command);
    }
    Words through_tunnel() { return {"from=" + lab_->node("b1a") + ",to=" + lab_->node("h3") + ",src=10.1.0.1,dst=10.1.0.9,both"}; }
    uint64_t lost_in_tunnel(const LabTraffic::Count& count) {
        EXPECT_EQ(count.lost_by_stream.size(), 6u);
        return count.lost_by_stream[4] + count.lost_by_stream[5];
    }

  private:
    std::unique_ptr<TrafficLab> lab_;
};

// Though a stock switch drops some packets of tunnels whenever it is told of a device that comes or goes.
TEST_P(UpgradeTunnels, LoseNothing) {
    LabTraffic traffic(lab(), through_tunnel());
    auto before = lab().snapshot();
    auto output = lab().appctl({"hitless/upgrade", "--from=" + lab().new_software(), "--soak=1"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_output << output.standard_error;
    auto after = lab().snapshot();
    auto history = lab().checked({"ovs-appctl", "hitless/history", "1"});
    auto count = traffic.stop();
    for (const auto& [what, text] : before) {
        EXPECT_EQ(text, after.at(what)) << what;
    }
    if (count.receive_drops) {
        GTEST_SKIP() << "this machine is too busy to measure: it dropped " << count.receive_drops << " delivered packets";
    }
    EXPECT_GT(count.sent, 3000u);
    EXPECT_EQ(lost_in_tunnel(count), 0u) << count.losses << history;
    EXPECT_EQ(count.lost, 0u) << "blackout " << count.blackout_ms << " ms" << count.losses << history;
    EXPECT_EQ(count.duplicated, 0u);
    EXPECT_EQ(count.reordered, 0u);
}

TEST_P(UpgradeTunnels, LosePacketsInAPlainRestart) {   // else the measurement above were broken
    LabTraffic traffic(lab(), through_tunnel());
    lab().lab({"restart"});
    auto lost = lost_in_tunnel(traffic.stop());
    std::cout << "lost in the tunnel: " << lost << "\n";
    EXPECT_GT(lost, 100u);
}

class TunnelAddresses : public UpgradeTunnels {};

TEST_P(TunnelAddresses, AreFollowedWhileBIsActive) {
    auto shows = [&](const Words& command, const std::string& text) {
        for (int tries = 0; tries < 100; tries++) {
            if (lab().checked(command).find(text) != std::string::npos) {
                return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return false;
    };
    Words ports = {"ovs-appctl", "tnl/ports/show", "-v"}, routes = {"ovs-appctl", "ovs/route/show"};
    // A stock switch takes the routes of all tables for its own.
    lab().checked({"ip", "route", "add", "10.6.0.0/16", "via", "10.0.2.3", "dev", "br0", "table", "77"});
    const std::string in_other_table = "Cached: 10.6.0.0/16 dev br0 GW 10.0.2.3 SRC 10.0.0.254";
    EXPECT_TRUE(shows(routes, in_other_table));
    ASSERT_EQ(lab().appctl({"hitless/failover", "--from=" + lab().new_software()}).exit_status, 0);
    EXPECT_TRUE(shows(ports, "dst=10.0.0.254"));   // what answers is B
    EXPECT_TRUE(shows(routes, in_other_table));
    lab().checked({"ip", "address", "add", "10.7.0.1/24", "dev", "br0"});
    lab().checked({"ip", "route", "add", "10.8.0.0/16", "via", "10.7.0.2"});
    EXPECT_TRUE(shows(ports, "dst=10.7.0.1"));
    EXPECT_TRUE(shows(routes, "Cached: 10.8.0.0/16 dev br0 GW 10.7.0.2 SRC 10.7.0.1"));
    lab().checked({"ip", "route", "del", "10.8.0.0/16"});
    for (int tries = 0; tries < 100 && lab().checked(routes).find("10.8.0.0") != std::string::npos; tries++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(lab().checked(routes).find("10.8.0.0"), std::string::npos);
    lab().checked({"ip", "address", "del", "10.7.0.1/24", "dev", "br0"});
    ASSERT_EQ(lab().appctl({"hitless/return"}).exit_status, 0);
}

constexpr TunnelCase vxlan{"vxlan", true};

INSTANTIATE_TEST_SUITE_P(Once, TunnelAddresses, ::testing::Values(vxlan));
INSTANTIATE_TEST_SUITE_P(Types, UpgradeTunnels,
                         ::testing::Values(vxlan, TunnelCase{"geneve", false}, TunnelCase{"gre", false}),
                         [](const auto& info) { return std::string(info.param.type) + (info.param.kernel ? "ToTheKernel" : ""); });

}  // namespace
}  // namespace hitless::test
