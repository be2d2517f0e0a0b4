// Controllers and timed flows over hand-overs of a running switch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include "pausing_controller.h"
#include "recording_controller.h"
#include "upgrade_lab.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using test::eventually;
using test::RecordingController;
using test::UpgradeLab;
using Clock = std::chrono::steady_clock;

constexpr const char* kBridges[] = {"br0", "br1", "br2", "br3"};   // standalone, secure, fail_mode not set; no controller

// A switch with real controllers at two addresses: br2 has both.
class Controllers : public testing::Test {
  protected:
    Controllers() {
        lab.run({"ip", "address", "replace", "198.18.0.1/32", "dev", "lo"});
        near = std::make_unique<RecordingController>("127.0.0.1", 6653);
        far = std::make_unique<RecordingController>("198.18.0.1", 6654);
        int number = 0;
        for (const char* bridge : kBridges) {
            lab.vsctl({"add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev",
                       "other_config:datapath-id=000000000000000" + std::to_string(++number)});
        }
        lab.vsctl({"set", "bridge", "br0", "fail_mode=standalone", "--", "set", "bridge", "br1", "fail_mode=secure"});
        lab.vsctl({"set-controller", "br0", "tcp:127.0.0.1:6653"});
        lab.vsctl({"set-controller", "br1", "tcp:198.18.0.1:6654"});
        lab.vsctl({"set-controller", "br2", "tcp:127.0.0.1:6653", "tcp:198.18.0.1:6654"});
        lab.run({"sh", "-c", "for c in $(ovs-vsctl --bare --columns=_uuid list controller); do ovs-vsctl set controller $c "
                             "connection_mode=out-of-band max_backoff=2000 inactivity_probe=3000; done"});
        EXPECT_TRUE(connected());
        for (const char* bridge : kBridges) {
            for (int table = 0; table < 5; table++) {
                lab.ofctl({"add-flow", bridge, "cookie=7,table=" + std::to_string(table) + ",priority=7,ip,actions=drop"});
            }
        }
        // A writes it every five seconds.
        EXPECT_TRUE(eventually([&] {
            return lab.vsctl({"--bare", "--columns=is_connected", "list", "controller"}).find("false") == std::string::npos;
        }));
    }

    bool connected() const {
        return eventually([&] { return near->open_sessions() == 2 && far->open_sessions() == 2; });
    }
    // Flows of every bridge, of the active instance.
    testing::AssertionResult flows_are_there() const {
        for (const char* bridge : kBridges) {
            if (size_t count = lab.flows(bridge, "7"); count != 5) {
                return testing::AssertionFailure() << bridge << " has " << count << " of 5 flows";
            }
        }
        return testing::AssertionSuccess();
    }
    // From the end of a session of one instance to when the controller knew the other. Prints it.
    void expect_reconnected(const std::string& what, std::chrono::milliseconds limit) const {
        ASSERT_TRUE(connected()) << what;
        for (const auto* controller : {near.get(), far.get()}) {
            EXPECT_EQ(controller->most_speakers(), 1u) << what;
            auto sessions = controller->sessions();
            for (const auto& session : sessions) {
                if (!session.open) {
                    continue;
                }
                Clock::time_point before{};
                for (const auto& other : sessions) {
                    if (other.datapath_id == session.datapath_id && !other.open) {
                        before = std::max(before, other.ended);
                    }
                }
                auto away = std::chrono::duration_cast<std::chrono::milliseconds>(session.identified - before);
                std::cout << what << ": datapath " << session.datapath_id << " was away for " << away.count() << " ms\n";
                EXPECT_LT(away, limit) << what;
            }
        }
    }
    void expect_all_of(pid_t pid, const std::string& what) const {
        for (const auto* controller : {near.get(), far.get()}) {
            for (const auto& session : controller->sessions()) {
                EXPECT_TRUE(!session.open || session.peer == pid) << what << ": process " << session.peer << ", not " << pid;
            }
        }
    }
    pid_t daemon() const { return lab.process("run/ovs-hitlessd.pid")->pid(); }
    std::string from_new() const { return "--from=" + lab.path("new"); }

    UpgradeLab lab;
    std::unique_ptr<RecordingController> near, far;
};

TEST_F(Controllers, SeeOneSwitchThroughFailoverAndReturn) {
    pid_t a = lab.a_pid();
    expect_all_of(a, "at first");
    lab.hitless({"hitless/failover", from_new()});
    expect_reconnected("failover", 3s);
    expect_all_of(daemon(), "failover");   // by its relay
    EXPECT_TRUE(flows_are_there());
    // fail_mode comes back when a bridge is connected; the other columns were copied.
    EXPECT_TRUE(eventually([&] { return lab.b_vsctl({"get", "bridge", "br0", "fail_mode"}) == "standalone\n"; }, 3s));
    EXPECT_TRUE(eventually([&] { return lab.b_vsctl({"get", "bridge", "br2", "fail_mode"}) == "[]\n"; }, 3s));
    EXPECT_EQ(lab.b_vsctl({"get", "bridge", "br1", "fail_mode"}), "secure\n");
    EXPECT_EQ(lab.b_vsctl({"--bare", "--columns=max_backoff,inactivity_probe,connection_mode", "list", "controller"}),
              lab.vsctl({"--bare", "--columns=max_backoff,inactivity_probe,connection_mode", "list", "controller"}));
    EXPECT_THAT(lab.b_vsctl({"--bare", "--columns=max_backoff", "list", "controller"}), HasSubstr("2000"));
    lab.hitless({"hitless/return", "--keep-standby"});
    expect_reconnected("return", 4s);
    expect_all_of(a, "return");
    EXPECT_TRUE(flows_are_there());
    // B, which is kept, is parked: fail_mode standalone would flush its flows in a while.
    EXPECT_EQ(lab.b_vsctl({"get", "bridge", "br0", "fail_mode"}), "secure\n");
}

TEST_F(Controllers, AreShownAsTheActiveInstanceSeesThem) {
    auto disconnected = [&] {
        auto text = lab.vsctl({"--bare", "--columns=is_connected", "list", "controller"});
        return std::ranges::count(text, 'f');   // of "false"
    };
    lab.hitless({"hitless/failover", from_new()});
    ASSERT_TRUE(connected());
    far.reset();
    EXPECT_TRUE(eventually([&] { return disconnected() == 2; })) << lab.vsctl({"list", "controller"});
    far = std::make_unique<RecordingController>("198.18.0.1", 6654);
    EXPECT_TRUE(eventually([&] { return disconnected() == 0; })) << lab.vsctl({"list", "controller"});
    lab.hitless({"hitless/return"});
    ASSERT_TRUE(connected());
    EXPECT_TRUE(eventually([&] { return disconnected() == 0; })) << lab.vsctl({"list", "controller"});
}

TEST_F(Controllers, SeeOneSwitchThroughAWholeUpgrade) {
    lab.hitless({"hitless/upgrade", from_new(), "--soak=2"});
    expect_reconnected("upgrade", 6s);
    expect_all_of(lab.a_pid(), "upgrade");
    EXPECT_TRUE(flows_are_there());
}

TEST_F(Controllers, LongFreezeLeavesAStandaloneSwitchItsFlows) {
    lab.ofctl({"add-flow", "br0", "cookie=8,idle_timeout=3,priority=9,icmp,actions=drop"});
    lab.ofctl({"add-flow", "br0", "cookie=8,table=1,hard_timeout=4,priority=9,icmp,actions=drop"});
    lab.hitless({"hitless/failover", from_new()});
    EXPECT_TRUE(lab.process("run/ovs-vswitchd.pid")->stopped());
    std::this_thread::sleep_for(20s);
    EXPECT_EQ(lab.flows("br0", "8"), 0u);   // on B they have gone by themselves
    lab.end("run/hitless/b/ovs-vswitchd.pid");
    EXPECT_TRUE(eventually([&] { return !lab.process("run/ovs-vswitchd.pid")->stopped(); }));
    EXPECT_TRUE(eventually([&] { return lab.state().find("idle") != std::string::npos; }));
    EXPECT_TRUE(flows_are_there());
    // B is dead: A has them as it had them, with all of their time before them.
    EXPECT_EQ(lab.flows("br0", "8"), 2u);
    EXPECT_THAT(lab.ofctl({"dump-flows", "br0", "cookie=8/-1"}), HasSubstr("idle_timeout=3"));
    expect_reconnected("roll back", 25s);
    EXPECT_TRUE(eventually([&] { return lab.flows("br0", "8") == 0; }, 8s));
    std::this_thread::sleep_for(2s);
    EXPECT_TRUE(flows_are_there());
}

TEST_F(Controllers, TimedFlowsComeBackFromBWhereItLives) {
    lab.ofctl({"add-flow", "br3", "cookie=8,idle_timeout=3,priority=9,udp,tp_dst=1,actions=drop"});
    lab.ofctl({"add-flow", "br3", "cookie=9,idle_timeout=3,priority=9,udp,tp_dst=2,actions=drop"});
    lab.hitless({"hitless/failover", from_new()});
    // Traffic for one of them.
    const std::string packet = "ffffffffffff0200000000010800" "4500001c000000004011f1d20a0000010a000002" "0001000100080000";
    for (int i = 0; i < 12; i++) {
        lab.ofctl({"packet-out", "br3", "in_port=local packet=" + packet + " actions=table"});
        std::this_thread::sleep_for(500ms);
    }
    EXPECT_EQ(lab.flows("br3", "8"), 1u);
    EXPECT_EQ(lab.flows("br3", "9"), 0u);
    lab.hitless({"hitless/rollback"});
    EXPECT_EQ(lab.flows("br3", "8"), 1u);
    EXPECT_EQ(lab.flows("br3", "9"), 0u);
    EXPECT_THAT(lab.ofctl({"dump-flows", "br3", "cookie=8/-1"}), HasSubstr("idle_timeout=3"));
    // Its idle time began at the roll back, and runs again. (The freeze was longer than it is.)
    std::this_thread::sleep_for(1500ms);
    EXPECT_EQ(lab.flows("br3", "8"), 1u);
    EXPECT_TRUE(eventually([&] { return lab.flows("br3", "8") == 0; }, 8s));
}

TEST_F(Controllers, HaveAPausedPacketGoOnAtTheNextInstanceWithItsRegistersAndStack) {
    for (const auto& flow : test::pausing_flows) {
        lab.ofctl({"add-flow", "br3", flow});
    }
    auto pause = [&] { return test::PausingController(lab.path("run/br3.mgmt"), openflow::Version::openflow15).pause(); };
    auto expect_to_go_on = [&](const openflow::Message& paused, const std::string& where) {
        ASSERT_FALSE(paused.empty()) << where;
        auto met = [&] { return lab.ofctl({"dump-flows", "br3", "cookie=0x70/-1"}); };
        EXPECT_THAT(met(), HasSubstr("n_packets=0,")) << where;
        lab.hitless({"hitless/resume", "br3", fmt::format("{:02x}", fmt::join(paused, ""))});
        EXPECT_TRUE(eventually([&] { return met().find("n_packets=1,") != std::string::npos; })) << where << ": " << met();
    };
    auto on_a = pause();
    lab.hitless({"hitless/failover", from_new()});
    expect_to_go_on(on_a, "B");
    auto on_b = pause();
    lab.hitless({"hitless/return"});
    expect_to_go_on(on_b, "A");
    on_a = pause();
    lab.hitless({"hitless/upgrade", from_new(), "--soak=1"});
    expect_to_go_on(on_a, "the new A");
}

}  // namespace
}  // namespace hitless::upgrade
