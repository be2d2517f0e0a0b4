// Whole upgrades of a stock switch under traffic, as an operator orders them: utilities/ovs-hitless-lab has the switch,
// utilities/probe counts the packets. Nothing but what a user has: binaries, commands, their output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <json/json.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "eventually.h"
#include "traffic_lab.h"

namespace hitless::test {
namespace {

namespace fs = std::filesystem;

class Upgrade : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
    }

    void make_lab(const Words& options = {}) { lab_ = std::make_unique<TrafficLab>(options); }
    TrafficLab& lab() { return *lab_; }

    Words upgrade(const Words& more = {"--soak=0"}) {
        Words words = {"hitless/upgrade", "--from=" + lab().new_software()};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }

    // Does 'command', which must succeed.
    void order(const Words& command) {
        auto output = lab().appctl(command);
        ASSERT_EQ(output.exit_status, 0) << command[0] << ": " << output.standard_output << output.standard_error;
    }

    void expect_nothing_lost(const LabTraffic::Count& count) {
        if (count.receive_drops) {
            GTEST_SKIP() << "this machine is too busy to measure: it dropped " << count.receive_drops << " delivered packets";
        }
        EXPECT_GT(count.sent, 2000u);
        EXPECT_EQ(count.lost, 0u) << "blackout " << count.blackout_ms << " ms; " << count.losses;
        EXPECT_EQ(count.duplicated, 0u);
        EXPECT_EQ(count.reordered, 0u);
        EXPECT_EQ(count.address_changes, 0u);
        EXPECT_EQ(count.tcp_connections, 10u);
        EXPECT_EQ(count.tcp_alive, 10u);
        EXPECT_EQ(count.tcp_corrupted, 0u);
        EXPECT_GT(count.pings, 20u);
        EXPECT_EQ(count.pings_lost, 0u);
        EXPECT_EQ(count.pings_duplicated, 0u);
        EXPECT_EQ(count.pings_reordered, 0u);
    }

    void expect_same(const Snapshot& before, Snapshot after) {
        // The one setting of the whole machine: another test on it may have its own time of expedited RCU, which ends.
        for (int tries = 0; tries < 100 && before.at("settings") != after.at("settings"); tries++) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            after = lab_->snapshot();
        }
        for (const auto& [what, text] : before) {
            EXPECT_EQ(text, after.at(what)) << what;
        }
    }

    // Upgrades and expects a refusal that has 'reason' in it, and that nothing was changed.
    void expect_refused(const std::string& from, const std::string& reason) {
        SCOPED_TRACE(from);
        auto before = lab().snapshot();
        auto pid = lab().switch_pid();
        auto output = lab().appctl({"hitless/upgrade", "--from=" + from, "--soak=0"});
        EXPECT_NE(output.exit_status, 0);
        EXPECT_NE(output.standard_error.find(reason), std::string::npos) << output.standard_error;
        EXPECT_EQ(lab().switch_pid(), pid);
        EXPECT_EQ(lab().state(), "idle");
        expect_same(before, lab().snapshot());
    }

    // A package with 'binary' as its ovs-vswitchd.
    std::string make_package(const std::string& name, const std::string& binary, const std::string& architecture) {
        auto tree = lab().path(name), file = tree + ".deb", place = tree + "/usr/lib/openvswitch-switch";
        fs::create_directories(place);
        fs::create_directories(tree + "/DEBIAN");
        fs::copy_file(binary, place + "/ovs-vswitchd");
        fs::permissions(place + "/ovs-vswitchd", fs::perms(0755));
        std::ofstream(tree + "/DEBIAN/control") << "Package: openvswitch-switch\nVersion: 3.1.0-99\nArchitecture: "
                                                << architecture << "\nMaintainer: nobody <nobody@localhost>\n"
                                                << "Description: switch\n";
        lab().checked({"dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, file});
        return file;
    }

    std::string architecture() {
        auto text = lab().checked({"dpkg", "--print-architecture"});
        return text.substr(0, text.find('\n'));
    }

  private:
    std::unique_ptr<TrafficLab> lab_;
};

TEST_F(Upgrade, LosesNothingAndLeavesTheHostAsItWas) {
    make_lab({"--flows", "500"});
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto old_software = lab().software_of(lab().switch_pid());
    std::ofstream(lab().path("flows")) << before.at("flows") << "\n";
    ASSERT_FALSE(before.at("TCP connections through NAT").empty());

    order(upgrade({"--soak=1"}));
    auto after = lab().snapshot();
    expect_nothing_lost(traffic.stop());
    expect_same(before, after);
    EXPECT_EQ(lab().ofctl({"diff-flows", "br0", lab().path("flows")}), "");
    EXPECT_NE(lab().software_of(lab().switch_pid()), old_software);
    EXPECT_EQ(lab().software_of(lab().switch_pid()), lab().checked({"sha256sum", lab().new_software() + "/ovs-vswitchd"}).substr(0, 64));
    EXPECT_EQ(lab().state(), "idle");
}

TEST_F(Upgrade, WritesDownWhatItChangesOnTheHostAndWhatWasThere) {
    make_lab();
    order(upgrade());
    auto phases = lab().checked({"ovsdb-client", "dump", "unix:" + lab().path("run/db.sock"), "hitless", "Phase", "name", "host_changes"});
    const auto run = lab().path("run");
    for (const auto& change : {"\"namespace " + run + "/hitless/netns-b\"=none", "\"bpffs " + run + "/hitless/bpf\"=none",
                               "\"socket " + run + "/br0.mgmt\"=\"A's\"", "\"file " + lab().path("sbin/ovs-vswitchd") + "\"=",
                               std::string("\"programs and legs\"=\"none on "), std::string("\"controllers of process "),
                               std::string("arp_evict_nocarrier\"=\"1\""), std::string("\"receive buffers")}) {
        EXPECT_THAT(phases, testing::HasSubstr(change));
    }
}

TEST_F(Upgrade, PlainRestartLosesPackets) {   // else the measurement of the others were broken
    make_lab();
    LabTraffic traffic(lab());
    lab().lab({"restart"});
    auto count = traffic.stop();
    EXPECT_GT(count.lost, 50u);
    EXPECT_GT(count.pings_lost, 2u);
}

TEST_F(Upgrade, CanBeDoneTwice) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    order(upgrade());
    order({"hitless/upgrade", "--from=installed", "--soak=0"});
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

// Nobody restarts the ovsdb-server of this switch: it gets the new software's schema while it runs.
TEST_F(Upgrade, DatabaseGetsTheSchemaOfTheNewSoftware) {
    make_lab();
    Json::Value schema;
    std::ifstream("/usr/share/openvswitch/vswitch.ovsschema") >> schema;
    auto give = [&](const char* version) {
        schema["version"] = version;
        std::ofstream(lab().new_software() + "/vswitch.ovsschema") << schema;
    };
    auto server = lab().checked({"cat", lab().path("run/ovsdb-server.pid")});
    auto version = [&] {
        return lab().checked({"ovsdb-client", "get-schema-version", "unix:" + lab().path("run/db.sock"), "Open_vSwitch"});
    };
    LabTraffic traffic(lab());
    auto before = lab().snapshot();

    schema["tables"]["Bridge"]["columns"]["newer"]["type"] = "integer";
    give("8.999.0");
    order(upgrade());
    EXPECT_EQ(version(), "8.999.0\n");

    schema["tables"]["Bridge"]["columns"].removeMember("newer");
    give("8.0.0");
    order(upgrade());
    EXPECT_EQ(version(), "8.999.0\n");   // an earlier schema would take away what it does not know
    EXPECT_EQ(lab().checked({"cat", lab().path("run/ovsdb-server.pid")}), server);
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, GoesBackToAReleaseThatWasKept) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto old_software = lab().software_of(lab().switch_pid());
    order(upgrade());
    EXPECT_NE(lab().software_of(lab().switch_pid()), old_software);
    auto kept = lab().appctl_json({"hitless/release-list"})["kept"];
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0]["sha256"], old_software);
    order({"hitless/upgrade", "--from=release:" + old_software, "--soak=0"});
    EXPECT_EQ(lab().software_of(lab().switch_pid()), old_software);
    EXPECT_EQ(lab().appctl_json({"hitless/release-list"})["kept"].size(), 2u);   // and forward again
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, RunsSoftwareOfAPackageThoughTheRunDirectoryIsMountedNoexec) {
    make_lab();
    auto mounts = lab().checked({"findmnt", "--noheadings", "--output=OPTIONS", "--target", lab().path("run")});
    ASSERT_NE(mounts.find("noexec"), std::string::npos) << mounts;
    auto package = make_package("package", lab().new_software() + "/ovs-vswitchd", architecture());
    auto before = lab().snapshot();
    order({"hitless/check", "--from=" + package});
    expect_same(before, lab().snapshot());
    order({"hitless/release-add", "--from=" + package});
    order({"hitless/upgrade", "--from=" + package, "--soak=0"});
    EXPECT_EQ(lab().software_of(lab().switch_pid()), lab().checked({"sha256sum", lab().new_software() + "/ovs-vswitchd"}).substr(0, 64));
    expect_same(before, lab().snapshot());
}

TEST_F(Upgrade, FailoverAndReturnKeepWhatChangedMeanwhile) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto pid = lab().switch_pid();
    order({"hitless/failover", "--from=" + lab().new_software()});
    EXPECT_EQ(lab().state(), "failed-over");
    lab().ofctl({"add-flow", "br0", "table=30,cookie=0xb0b,priority=7,actions=drop"});   // A is stopped: B takes it
    EXPECT_NE(lab().ofctl({"dump-flows", "br0", "table=30"}).find("0xb0b"), std::string::npos);
    EXPECT_EQ(lab().appctl({"fdb/show", "br0"}).exit_status, 0);

    order({"hitless/return"});
    EXPECT_EQ(lab().state(), "idle");
    EXPECT_EQ(lab().switch_pid(), pid);
    EXPECT_NE(lab().ofctl({"dump-flows", "br0", "table=30"}).find("0xb0b"), std::string::npos);
    lab().ofctl({"del-flows", "br0", "table=30"});
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, FailoverUsesAReadyStandbyAndRollsBack) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    order({"hitless/standby", "--from=" + lab().new_software()});
    EXPECT_EQ(lab().state(), "standby");
    order({"hitless/failover"});
    EXPECT_EQ(lab().state(), "failed-over");
    order({"hitless/rollback"});
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, BTakesItsMemoryFromAFasterAllocator) {
    make_lab();
    order({"hitless/standby", "--from=" + lab().new_software()});
    auto mapped_by = [](pid_t pid) { return contents(fmt::format("/proc/{}/maps", pid)); };
    EXPECT_THAT(mapped_by(lab().b_pid()), testing::HasSubstr("/libjemalloc.so.2"));
    order(upgrade({"--soak=0"}));
    EXPECT_THAT(mapped_by(lab().switch_pid()),
                testing::AllOf(testing::HasSubstr("/ovs-vswitchd"), testing::Not(testing::HasSubstr("jemalloc"))));   // as it was
    EXPECT_EQ(lab().state(), "idle");
}

// Which instance goes before the other on a busy host.
class Precedence : public Upgrade {
  protected:
    static int niceness(pid_t pid) { return Process::open(pid)->scheduling()->nice; }

    // Upgrades, and waits until A has been restarted. B forwards then.
    std::future<ProgramOutput> upgrade_until_restarted() {
        pid_t old = lab().switch_pid();
        auto operation = lab().appctl_meanwhile(upgrade());
        EXPECT_TRUE(lab().wait_for_phase({"reprogram"}));
        EXPECT_TRUE(eventually([&] {   // for a moment the daemon has its place
            auto a = Process::from_pidfile(lab().path("run/ovs-vswitchd.pid"));
            return a && a->pid() != old && a->pid() != lab().daemon_pid();
        }));
        return operation;
    }
};

TEST_F(Precedence, IsThatOfTheInstanceThatForwards) {
    make_lab();
    int own = niceness(lab().switch_pid());
    ASSERT_LT(own, 0);
    order({"hitless/standby", "--from=" + lab().new_software()});
    EXPECT_EQ(niceness(lab().b_pid()), 0);
    auto operation = upgrade_until_restarted();
    EXPECT_EQ(niceness(lab().b_pid()), own);
    EXPECT_EQ(niceness(lab().switch_pid()), 0);
    EXPECT_EQ(operation.get().exit_status, 0);
    EXPECT_EQ(niceness(lab().switch_pid()), own);
}

TEST_F(Precedence, IsThatOfARestartedAWhenBDies) {
    make_lab();
    int own = niceness(lab().switch_pid());
    auto operation = upgrade_until_restarted();
    EXPECT_EQ(niceness(lab().switch_pid()), 0);
    ASSERT_EQ(::kill(lab().b_pid(), SIGKILL), 0);
    EXPECT_NE(operation.get().exit_status, 0);
    EXPECT_EQ(niceness(lab().switch_pid()), own);
    EXPECT_EQ(lab().state(), "idle");
}

TEST_F(Precedence, IsThatOfARestartedAWhenBAndTheDaemonDie) {
    make_lab();
    int own = niceness(lab().switch_pid());
    auto operation = upgrade_until_restarted();
    lab().kill_daemon();
    ASSERT_EQ(::kill(lab().b_pid(), SIGKILL), 0);
    (void) operation.get();
    lab().start_daemon();
    EXPECT_TRUE(eventually([&] { return lab().state() == "idle"; }));
    EXPECT_EQ(niceness(lab().switch_pid()), own);
}

TEST_F(Upgrade, KeepsTheStandbyOnRequest) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    order(upgrade({"--soak=0", "--keep-standby"}));
    EXPECT_EQ(lab().state(), "standby");
    auto instances = lab().status()["instances"];
    EXPECT_EQ(instances[0]["role"], "active");
    EXPECT_EQ(instances[1]["role"], "standby");
    order({"hitless/abort"});   // gives it up
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

// While B is watched: 'command' brings everything back.
class Stop : public Upgrade, public ::testing::WithParamInterface<const char*> {};

TEST_P(Stop, BringsEverythingBackInTheSoak) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto pid = lab().switch_pid();
    auto operation = lab().appctl_meanwhile(upgrade({"--soak=20"}));
    ASSERT_TRUE(lab().wait_for_phase({"soak"}));
    order({GetParam()});
    auto output = operation.get();
    EXPECT_NE(output.exit_status, 0);
    EXPECT_NE(output.standard_error.find("rolled-back"), std::string::npos) << output.standard_error;
    EXPECT_EQ(lab().state(), "idle");
    EXPECT_EQ(lab().switch_pid(), pid);
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

INSTANTIATE_TEST_SUITE_P(Command, Stop, ::testing::Values("hitless/rollback", "hitless/abort"),
                         [](const auto& info) { return std::string(info.param).substr(8); });

TEST_F(Upgrade, IsAbortedBeforeTheToggle) {
    make_lab({"--flows", "20000"});   // so that the copy takes a while
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto pid = lab().switch_pid();
    auto operation = lab().appctl_meanwhile(upgrade());
    ASSERT_TRUE(lab().wait_for_phase({"standby", "copy"}));
    order({"hitless/abort"});
    auto output = operation.get();
    EXPECT_NE(output.exit_status, 0);
    EXPECT_NE(output.standard_error.find("aborted"), std::string::npos) << output.standard_error;
    EXPECT_EQ(lab().state(), "idle");
    EXPECT_EQ(lab().switch_pid(), pid);
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, AnswersAllCommandsMeanwhile) {
    make_lab();
    LabTraffic traffic(lab());
    auto operation = lab().appctl_meanwhile(upgrade({"--soak=2"}));
    ASSERT_TRUE(lab().wait_for_phase({"soak"}));

    // A is stopped: what answers is B.
    EXPECT_NE(lab().checked({"ovs-appctl", "--timeout=2", "fdb/show", "br0"}).find("02:00:00:00:01:01"), std::string::npos);
    EXPECT_NE(lab().checked({"ovs-appctl", "--timeout=2", "dpif/show"}).find("p4 4"), std::string::npos);
    EXPECT_NE(lab().checked({"ovs-appctl", "--timeout=2", "list-commands"}).find("hitless/upgrade"), std::string::npos);

    auto status = lab().status();
    EXPECT_EQ(status["state"], "upgrading");
    EXPECT_EQ(status["instances"][0]["role"], "frozen");
    EXPECT_EQ(status["instances"][1]["role"], "active");
    EXPECT_EQ(status["operation"]["command"], "upgrade");

    auto second = lab().appctl(upgrade());
    EXPECT_NE(second.exit_status, 0);
    EXPECT_NE(second.standard_error.find("under way"), std::string::npos) << second.standard_error;

    auto output = operation.get();
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_nothing_lost(traffic.stop());
    auto history = lab().appctl_json({"hitless/history"});
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(history[0]["result"], "done");
    EXPECT_GT(history[0]["messages"].size(), 3u);
}

TEST_F(Upgrade, TakesADebianPackage) {
    make_lab();
    auto package = make_package("package", lab().new_software() + "/ovs-vswitchd", architecture());
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    order({"hitless/upgrade", "--from=" + package, "--soak=0"});
    EXPECT_EQ(lab().software_of(lab().switch_pid()), lab().checked({"sha256sum", lab().new_software() + "/ovs-vswitchd"}).substr(0, 64));
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, RefusesABrokenPackageAndChangesNothing) {
    make_lab();
    auto binary = lab().new_software() + "/ovs-vswitchd";
    LabTraffic traffic(lab());

    expect_refused(make_package("foreign", binary, architecture() == "arm64" ? "amd64" : "arm64"), "architecture");

    auto truncated = make_package("truncated", binary, architecture());
    fs::resize_file(truncated, fs::file_size(truncated) * 3 / 4);
    expect_refused(truncated, "cut off");

    std::ofstream(lab().path("false")) << "#!/bin/sh\nexit 1\n";
    expect_refused(make_package("silent", lab().path("false"), architecture()), "exit status 1");
    expect_refused(lab().path("nowhere"), "nowhere");
    expect_nothing_lost(traffic.stop());
}

TEST_F(Upgrade, MovesSeveralBridgesAtOnce) {
    make_lab({"--bridges", "2", "--ports", "4"});
    Words flows;
    for (int bridge : {1, 2}) {
        flows.push_back("from=" + lab().node("b" + std::to_string(bridge) + "a") + ",to=" +
                        lab().node("b" + std::to_string(bridge) + "b") + ",src=10." + std::to_string(bridge) +
                        ".0.1,dst=10." + std::to_string(bridge) + ".0.2,both");
    }
    LabTraffic traffic(lab(), flows);
    auto before = lab().snapshot();
    order(upgrade());
    expect_same(before, lab().snapshot());
    expect_nothing_lost(traffic.stop());
}

// In a hold, too, B sends itself what has to go by the veth: it is drained only when that has come out at the other end.
TEST_F(Upgrade, LosesNothingBetweenBridgesThatAVethJoins) {
    make_lab({"--bridges", "2"});
    LabTraffic traffic(lab(), {lab().join_bridges()});
    for (int i = 0; i < 5; i++) {
        order({"hitless/failover", "--from=" + lab().new_software()});
        order({"hitless/return"});
    }
    expect_nothing_lost(traffic.stop());
}

}  // namespace
}  // namespace hitless::test
