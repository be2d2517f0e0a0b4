// What becomes of an upgrade, and of the traffic, when something around it changes in one of its phases: the operator's ovsdb-server
// is restarted, or the switch itself, a port's device vanishes or gets another MTU. The operation waits before the phase acts
// (base/fault.h), and goes on when it has happened.
#include <algorithm>
#include <set>

#include "eventually.h"
#include "faults.h"
#include "phases_of_an_upgrade.h"

namespace hitless::test {
namespace {

class Surroundings : public Faults, public ::testing::WithParamInterface<std::string> {
  protected:
    void SetUp() override {
        Faults::SetUp();
        if (IsSkipped()) {
            return;
        }
        make_lab();
        lab().checked({"ip", "link", "add", "v0", "type", "veth", "peer", "v1"});
        lab().checked({"ip", "link", "set", "v0", "up"});
        lab().vsctl({"add-port", "br0", "v0"});
        wait_at(GetParam().find('.') == std::string::npos ? GetParam() + ".begun" : GetParam());
    }
    void restart_database() {
        auto server = Process::from_pidfile(lab().path("run/ovsdb-server.pid"));
        ASSERT_TRUE(server);
        auto argv = server->command_line();
        ASSERT_TRUE(argv);
        lab().checked({"ovs-appctl", "-t", "ovsdb-server", "exit"});
        ASSERT_TRUE(server->wait_end(5s));
        lab().checked(*argv);
    }
    // By ovs-ctl, which asks the instance that is active to exit, then ends A. Returns when either has ended; while packets are held
    // commands wait: then when it has had the time to ask.
    std::future<void> begin_restart() {
        bool held = GetParam() == "commit" || GetParam() == "commit-back";
        auto limit = std::chrono::steady_clock::now() + (held ? 300ms : 30s);
        auto a = Process::from_pidfile(lab().path("run/ovs-vswitchd.pid"));
        auto b = Process::from_pidfile(lab().path("run/hitless/b/ovs-vswitchd.pid"));
        auto restarted = std::async(std::launch::async, [this] { lab().lab({"restart"}); });
        while ((!a || a->alive()) && (!b || b->alive()) && restarted.wait_for(10ms) == std::future_status::timeout &&
               std::chrono::steady_clock::now() < limit) {
        }
        return restarted;
    }
    // A stock switch that is without its database polls no port, and asks for it again after a second: what comes meanwhile waits in
    // its receive buffers, or is lost. They become large in the standby, until A has the packets again.
    static bool has_small_buffers() {
        return std::set<std::string>{"preflight", "fetch", "standby", "hold-back", "commit-back", "retire"}.contains(GetParam());
    }
    void expect_at_rest() {
        ASSERT_TRUE(comes_to_rest("idle"));
        EXPECT_FALSE(std::filesystem::exists(lab().path("run/hitless")));
    }
};

class Database : public Surroundings {};
class Switch : public Surroundings {};
class OnePort : public Surroundings {};

TEST_P(Database, ThatIsRestartedCostsNothing) {
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto output = upgrade_with([this] { restart_database(); });
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_at_rest();
    EXPECT_TRUE(upgraded());
    EXPECT_THAT(lab().appctl({"hitless/history", "1"}).standard_output, testing::HasSubstr(" done "));
    expect_same(before);
    if (has_small_buffers()) {
        expect_outage_under(2500, traffic.stop());
    } else {
        expect_nothing_lost(traffic.stop());
    }
}

// By somebody who knows nothing of the upgrade. What that costs it costs without an upgrade, too; afterwards all must be well.
TEST_P(Switch, ThatIsRestartedEndsTheUpgradeAndLeavesNothingBehind) {
    auto before = lab().snapshot();
    before.erase("TCP connections through NAT");
    std::future<void> restarted;
    auto output = upgrade_with([&] { restarted = begin_restart(); });
    restarted.get();
    expect_at_rest();
    expect_same(before);
    if (GetParam() == "reprogram.before-start") {   // another switch than ours was there first
        EXPECT_EQ(output.exit_status, 0) << output.standard_error;
        EXPECT_TRUE(upgraded());
    }
    LabTraffic traffic(lab());
    auto again = lab().appctl(upgrade("0"));
    EXPECT_EQ(again.exit_status, 0) << again.standard_error;
    expect_nothing_lost(traffic.stop());
}

TEST_P(OnePort, OfWhichTheDeviceVanishesCostsTheOthersNothing) {
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] { lab().checked({"ip", "link", "del", "v0"}); });
    expect_at_rest();
    EXPECT_EQ(upgraded(), output.exit_status == 0);
    expect_nothing_lost(traffic.stop());
}

TEST_P(OnePort, WithAnotherMtuCostsNothing) {
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] { lab().checked({"ip", "link", "set", "v0", "mtu", "1400"}); });
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_at_rest();
    EXPECT_TRUE(upgraded());
    EXPECT_THAT(lab().checked({"ip", "link", "show", "v0"}), testing::HasSubstr("mtu 1400"));
    EXPECT_TRUE(eventually([this] { return lab().vsctl({"get", "interface", "v0", "mtu"}) == "1400\n"; }));
    expect_nothing_lost(traffic.stop());
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
    return test_name(info.param);
}

INSTANTIATE_TEST_SUITE_P(Phases, Database, ::testing::ValuesIn(phases_of_an_upgrade()), name_of);
INSTANTIATE_TEST_SUITE_P(Phases, Switch, ::testing::ValuesIn(phases_of_an_upgrade()), name_of);
// While there is no A.
INSTANTIATE_TEST_SUITE_P(Points, Switch, ::testing::Values("reprogram.before-start"), name_of);
// While legs are made, and before and after each time that packets are held.
INSTANTIATE_TEST_SUITE_P(Phases, OnePort, ::testing::Values("standby", "copy", "hold", "commit", "soak", "copy-back", "hold-back", "retire"),
                         name_of);

}  // namespace
}  // namespace hitless::test
