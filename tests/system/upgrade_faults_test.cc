// What becomes of the traffic, and of the host, when something breaks in an upgrade: B, the new software, A, the daemon.

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "faults.h"
#include "outgoing.h"

namespace hitless::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST_F(Faults, WhenBDiesWhileItIsActiveForGoodPacketsGoByAAgainAtOnce) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    failover();
    std::this_thread::sleep_for(300ms);
    ::kill(lab().b_pid(), SIGKILL);
    ASSERT_TRUE(comes_to_rest("idle"));
    EXPECT_THAT(lab().appctl({"hitless/history", "1"}).standard_output, HasSubstr("B's ovs-vswitchd has ended"));
    expect_same(before);
    expect_outage_under(100, traffic.stop());
}

// What B sends to itself, by a veth whose ends are both ports, A receives, too. It must not send it once more.
class BothReceive : public Faults {
  protected:
    // A is stopped then.
    void make_lab_and_fail_over() {
        make_lab({"--bridges", "2"});
        traffic_ = std::make_unique<LabTraffic>(lab(), Words{lab().join_bridges()});
        failover();
        std::this_thread::sleep_for(300ms);
    }

    std::unique_ptr<LabTraffic> traffic_;
};

TEST_F(BothReceive, ASendsNothingOnceMoreWhenBDies) {
    make_lab_and_fail_over();
    ::kill(lab().b_pid(), SIGKILL);
    ASSERT_TRUE(comes_to_rest("idle"));
    auto count = traffic_->stop();
    EXPECT_EQ(count.duplicated + count.reordered, 0u);
    expect_outage_under(100, count);
}

TEST_F(BothReceive, ASendsNothingOnceMoreWhenBDiesWithTheDaemon) {
    make_lab_and_fail_over();
    kill_daemon();
    ::kill(lab().b_pid(), SIGKILL);
    start_daemon();
    ASSERT_TRUE(comes_to_rest("idle"));
    auto count = traffic_->stop();
    EXPECT_GT(count.sent, count.lost);
    EXPECT_EQ(count.duplicated + count.reordered, 0u);
}

TEST_F(BothReceive, ASendsNothingOnceMoreWhenItIsSlow) {
    make_lab_and_fail_over();
    wait_at("hold.prepared");
    ASSERT_TRUE(comes_to_rest("failed-over"));
    auto done = lab().appctl_meanwhile({"hitless/return"});
    ASSERT_TRUE(comes_to_the_point());
    pid_t a = lab().switch_pid();
    ::kill(a, SIGSTOP);
    std::this_thread::sleep_for(100ms);
    fs::remove(lab().path("waiting"));
    std::this_thread::sleep_for(100ms);
    ::kill(a, SIGCONT);
    auto output = done.get();
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_nothing_lost(traffic_->stop());
}

// An upgrade to software that fails as 'fault' says.
class NewSoftware : public Faults {
  protected:
    ProgramOutput upgrade_to(const std::string& fault, const std::map<std::string, std::string>& settings = {}) {
        ::setenv("HITLESS_FAULT", fault.c_str(), 1);
        make_lab();
        lab().configure(settings);
        auto faulty = lab().faulty_software(FAULTY_VSWITCHD);
        traffic_ = std::make_unique<LabTraffic>(lab());
        before_ = lab().snapshot();
        a_ = lab().switch_pid();
        old_ = lab().software_of(a_);
        return lab().appctl(upgrade("0", faulty));
    }
    // A runs the old software, and the host is as it was.
    void expect_old() {
        EXPECT_EQ(lab().software_of(lab().switch_pid()), old_);
        EXPECT_EQ(lab().checked({"sha256sum", lab().path("sbin/ovs-vswitchd")}).substr(0, 64), old_);
        EXPECT_EQ(lab().state(), "idle");
        expect_same(before_);
    }
    // And no packet was lost.
    void expect_as_before() {
        expect_old();
        expect_nothing_lost(traffic_->stop());
    }

    std::unique_ptr<LabTraffic> traffic_;
    Snapshot before_;
    pid_t a_ = 0;
    std::string old_;
};

TEST_F(NewSoftware, ThatDoesNotStartLeavesAUntouched) {
    auto output = upgrade_to("never");
    EXPECT_THAT(output.standard_error, HasSubstr(": failed,"));
    EXPECT_THAT(output.standard_error, HasSubstr("this build is broken"));
    EXPECT_EQ(lab().switch_pid(), a_);
    expect_as_before();
}

TEST_F(NewSoftware, ThatDoesNotStartInPlaceIsTakenBackWhileBForwards) {
    auto output = upgrade_to("as-a");
    EXPECT_THAT(output.standard_error, HasSubstr(": rolled-back,"));
    EXPECT_THAT(output.standard_error, HasSubstr("this build is broken"));
    EXPECT_NE(lab().switch_pid(), a_);
    expect_as_before();
}

TEST_F(NewSoftware, ThatCannotReadTheDatabaseIsTakenBackWhileBForwards) {
    auto output = upgrade_to("blind", {{"start-s", "5"}});
    EXPECT_THAT(output.standard_error, HasSubstr(": rolled-back,"));
    EXPECT_THAT(output.standard_error, HasSubstr("ovs-vswitchd: no end after 5000 ms"));
    expect_as_before();
}

TEST_F(NewSoftware, ThatEndsSoonIsTakenBackWhileBForwards) {
    auto output = upgrade_to("soon", {{"probation-ms", "2500"}});
    EXPECT_THAT(output.standard_error, HasSubstr(": rolled-back,"));
    EXPECT_THAT(output.standard_error, HasSubstr("ended soon after its start"));
    expect_as_before();
}

TEST_F(NewSoftware, ThatForwardsNothingInPlaceIsTakenBackAndBForwardsMeanwhile) {
    auto output = upgrade_to("mute");
    EXPECT_THAT(output.standard_error, HasSubstr(": rolled-back,"));
    EXPECT_THAT(output.standard_error, HasSubstr("A does not forward"));
    EXPECT_NE(lab().switch_pid(), a_);
    expect_old();
    expect_outage_under(1000, traffic_->stop());
}

// The daemon is killed before it has seen that.
TEST_F(NewSoftware, ThatForwardsNothingInPlaceIsTakenBackByTheNextDaemon) {
    ::setenv("HITLESS_FAULT_POINT", "soak-back.begun", 1);
    auto killed = upgrade_to("mute");
    ::unsetenv("HITLESS_FAULT_POINT");
    EXPECT_NE(killed.exit_status, 0);
    before_.erase("programs of the daemon");
    start_daemon();
    ASSERT_TRUE(comes_to_rest("idle"));
    auto history = lab().appctl({"hitless/history", "1"}).standard_output;
    EXPECT_THAT(history, HasSubstr(" rolled-back "));
    EXPECT_THAT(history, HasSubstr("A does not forward"));
    EXPECT_NE(lab().switch_pid(), a_);
    expect_old();
    expect_outage_under(4000, traffic_->stop());   // until a daemon is there, besides
}

// It leaves this behind where it could not start the switch, which the daemon had just restarted: the next switch would forward nothing.
TEST_F(Faults, AnOvsCtlThatHasFailedDoesNotKeepTheNewAWaitingForItsFlows) {
    make_lab();
    LabTraffic traffic(lab());
    wait_at("reprogram.before-start");
    auto before = lab().snapshot();
    auto output = upgrade_with([this] { lab().vsctl({"--no-wait", "set", "open_vswitch", ".", "other_config:flow-restore-wait=true"}); });
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_TRUE(upgraded());
    EXPECT_EQ(lab().vsctl({"get", "open_vswitch", ".", "other_config"}), "{}\n");
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, ASecondUpgradeIsRefusedInEachPhaseAndTheFirstIsUnharmed) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto first = lab().appctl_meanwhile(upgrade("1"));
    ASSERT_TRUE(lab().wait_for_phase({"preflight", "fetch", "standby"}));
    std::set<std::string> phases;
    for (std::string phase; phase != "commit-back" && phase != "soak-back" && first.wait_for(0s) == std::future_status::timeout;) {
        bool by_switch = phases.size() % 2;
        auto second = by_switch ? lab().appctl(upgrade("0")) : daemon(upgrade("0"));
        EXPECT_NE(second.exit_status, 0);
        const std::string said = "is under way, in phase ";
        auto at = second.standard_error.find(said);
        if (at == std::string::npos && by_switch && phases.contains("soak")) {
            continue;   // while the process is replaced nobody has its socket, or the new one itself
        }
        ASSERT_NE(at, std::string::npos) << second.standard_error;
        phase = second.standard_error.substr(at + said.size());
        phase.resize(phase.find(':'));
        phases.insert(phase);
    }
    EXPECT_THAT(phases, testing::IsSupersetOf({"standby", "soak", "reprogram"}));
    auto output = first.get();
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_TRUE(upgraded());
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, NamesThatMeanSomethingToAShellAreNamesAndNothingElse) {
    make_lab();
    for (const char* bridge : {"b;$(exit)", "`b`|c&"}) {
        lab().vsctl({"add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev", "fail_mode=secure"});
    }
    lab().vsctl({"add-port", "b;$(exit)", "p>*'~", "--", "set", "Interface", "p>*'~", "type=internal"});
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto output = lab().appctl(upgrade("0"));
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_TRUE(upgraded());
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

// By a limit of its flow table, which is full.
class Refusal : public Faults {
  protected:
    void limit_flows(const std::string& database, const std::string& limit) {
        lab().checked({"ovs-vsctl", "--no-wait", "--db=unix:" + lab().path(database), "--id=@t", "create", "Flow_Table",
                       "flow_limit=" + limit, "overflow_policy=refuse", "--", "set", "Bridge", "br0", "flow_tables:0=@t"});
    }
    void lift_limit() { lab().vsctl({"clear", "Bridge", "br0", "flow_tables"}); }
    void add_flow() { lab().ofctl({"add-flow", "br0", "table=0,priority=7,dl_src=02:00:00:00:77:77,actions=drop"}); }
};

TEST_F(Refusal, OfFlowsByBEndsTheUpgradeWithAUntouched) {
    make_lab();
    LabTraffic traffic(lab());
    wait_at("verify.begun");
    auto before = lab().snapshot();
    auto output = upgrade_with([this] {
        limit_flows("run/hitless/b/db.sock", "1");
        add_flow();
    });
    EXPECT_NE(output.exit_status, 0);
    EXPECT_THAT(output.standard_error, HasSubstr(": failed,"));
    EXPECT_THAT(output.standard_error, HasSubstr("OFPFMFC_TABLE_FULL"));
    ASSERT_TRUE(comes_to_rest("idle"));
    lab().ofctl({"--strict", "del-flows", "br0", "table=0,priority=7,dl_src=02:00:00:00:77:77"});
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Refusal, OfFlowsByTheNewALeavesBActive) {
    make_lab();
    LabTraffic traffic(lab());
    wait_at("copy-back.begun");
    auto before = lab().snapshot();
    auto output = upgrade_with([this] { limit_flows("run/db.sock", "1"); });
    EXPECT_NE(output.exit_status, 0);
    EXPECT_THAT(output.standard_error, HasSubstr("OFPFMFC_TABLE_FULL"));
    ASSERT_TRUE(comes_to_rest("failed-over"));
    lift_limit();
    auto returned = daemon({"hitless/return"});
    EXPECT_EQ(returned.exit_status, 0) << returned.standard_error;
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, WhenADiesInTheCopyTheUpgradeFailsAndBGoes) {
    make_lab({"--flows", "30000"});
    auto done = lab().appctl_meanwhile(upgrade("0"));
    ASSERT_TRUE(lab().wait_for_phase({"copy"}));
    auto a = lab().switch_pid();
    ::kill(a, SIGKILL);
    auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(comes_to_rest("idle"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
    EXPECT_THAT(daemon({"hitless/history", "1"}).standard_output, HasSubstr("failed"));
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
}

TEST_F(Faults, TheSocketsOfAAreAsTheyWereWhateverBecomesOfTheUpgrade) {
    make_lab();
    auto before = receive_buffers();
    ASSERT_FALSE(before.empty());
    auto offered = sockets_offered_outgoing(lab().switch_pid());
    EXPECT_GT(offered, 0u);
    EXPECT_TRUE(is_told_of_our_devices());
    ASSERT_EQ(lab().appctl({"hitless/standby", "--from=" + lab().new_software()}).exit_status, 0);
    EXPECT_NE(receive_buffers(), before);
    EXPECT_EQ(sockets_offered_outgoing(lab().switch_pid()), 0u);
    EXPECT_FALSE(is_told_of_our_devices());
    ASSERT_EQ(lab().appctl({"hitless/abort"}).exit_status, 0);
    EXPECT_EQ(receive_buffers(), before);
    EXPECT_EQ(sockets_offered_outgoing(lab().switch_pid()), offered);
    EXPECT_TRUE(is_told_of_our_devices());
    ASSERT_EQ(lab().appctl(upgrade("0")).exit_status, 0);
    EXPECT_EQ(receive_buffers(), before);
    EXPECT_EQ(sockets_offered_outgoing(lab().switch_pid()), offered);
    EXPECT_TRUE(is_told_of_our_devices());
}

TEST_F(Faults, AHasRoomForPacketsWheneverItIsAskedMuch) {
    make_lab();
    auto before = receive_buffers();
    ASSERT_EQ(lab().appctl({"hitless/check"}).exit_status, 0);
    EXPECT_EQ(receive_buffers(), before);
    wait_at("preflight.room");
    auto done = lab().appctl_meanwhile(upgrade("0"));
    EXPECT_TRUE(comes_to_the_point());
    EXPECT_NE(receive_buffers(), before);
    kill_daemon();
    (void) done.get();
    start_daemon();
    ASSERT_TRUE(comes_to_rest("idle"));
    EXPECT_EQ(receive_buffers(), before);
    EXPECT_THAT(lab().appctl({"hitless/history", "1"}).standard_output, HasSubstr(" failed "));
}

TEST_F(Faults, ADaemonThatIsKilledWhileAForwardsIsClearedUpAfterByTheNext) {
    make_lab();
    auto buffers = receive_buffers();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    ASSERT_EQ(lab().appctl({"hitless/standby", "--from=" + lab().new_software()}).exit_status, 0);
    kill_daemon();
    std::this_thread::sleep_for(300ms);
    start_daemon();
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before);
    EXPECT_EQ(receive_buffers(), buffers);
    EXPECT_TRUE(is_told_of_our_devices());
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
    EXPECT_EQ(lab().appctl(upgrade("0")).exit_status, 0);
    expect_nothing_lost(traffic.stop());
}

// rcu_expedited is the whole host's: the daemon of another switch may have set it for a while, and puts it back itself.
TEST_F(Faults, ASettingOfTheHostThatIsAsWantedIsLeftToWhoeverHasSetIt) {
    make_lab();
    lab().make_rcu_expedited_private("1");
    auto value = [this] { return lab().checked({"cat", "/sys/kernel/rcu_expedited"}); };
    auto put_back_by_the_other = [this] { std::ofstream(lab().path("rcu_expedited")) << "0\n"; };
    const Words standby = {"hitless/standby", "--from=" + lab().new_software()};

    ASSERT_EQ(lab().appctl(standby).exit_status, 0);
    put_back_by_the_other();
    ASSERT_EQ(lab().appctl({"hitless/abort"}).exit_status, 0);
    EXPECT_EQ(value(), "0\n");

    std::ofstream(lab().path("rcu_expedited")) << "1\n";
    ASSERT_EQ(lab().appctl(standby).exit_status, 0);
    kill_daemon();
    put_back_by_the_other();
    start_daemon();
    ASSERT_TRUE(comes_to_rest("idle"));
    EXPECT_EQ(value(), "0\n");

    ASSERT_EQ(lab().appctl(standby).exit_status, 0);   // nobody else's
    EXPECT_EQ(value(), "1\n");
    kill_daemon();
    start_daemon();
    ASSERT_TRUE(comes_to_rest("idle"));
    EXPECT_EQ(value(), "0\n");
}

TEST_F(Faults, ADaemonThatIsKilledInTheCopyHasItsOperationEndedByTheNext) {
    make_lab({"--flows", "30000"});
    auto before = lab().snapshot();
    auto done = lab().appctl_meanwhile(upgrade("0"));
    ASSERT_TRUE(lab().wait_for_phase({"copy"}));
    kill_daemon();
    (void) done.get();
    start_daemon();
    EXPECT_EQ(lab().state(), "idle");
    EXPECT_THAT(lab().appctl({"hitless/history", "1"}).standard_output, HasSubstr(" failed "));
    expect_same(before);
}

TEST_F(Faults, ADaemonThatIsKilledWhileAIsRestartedIsFollowedByOneThatCompletesTheUpgrade) {
    make_lab();
    lab().configure({{"probation-ms", "2500"}});
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    const pid_t old = lab().switch_pid();
    auto done = lab().appctl_meanwhile(upgrade("0"));
    ASSERT_TRUE(lab().wait_for_phase({"reprogram"}));
    auto runs_again = [&] {   // and is on probation
        auto process = Process::from_pidfile(lab().path("run/ovs-vswitchd.pid"));
        std::string name;
        std::getline(std::ifstream(process ? fmt::format("/proc/{}/comm", process->pid()) : ""), name);
        return process && process->pid() != old && name.starts_with("ovs-vswitchd");
    };
    for (int i = 0; i < 100 && !runs_again(); i++) {
        std::this_thread::sleep_for(20ms);
    }
    ASSERT_TRUE(runs_again());
    std::this_thread::sleep_for(200ms);
    kill_daemon();
    (void) done.get();
    start_daemon();
    expect_completed(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, AStoppedADoesNotBlockTheDaemon) {
    make_lab();
    ::kill(lab().switch_pid(), SIGSTOP);
    auto done = lab().appctl_meanwhile(upgrade("0"));
    for (int i = 0; i < 10; i++) {   // hitless/status answers at once
        std::this_thread::sleep_for(200ms);
        auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(daemon({"hitless/status"}).exit_status, 0);
        EXPECT_LT(std::chrono::steady_clock::now() - began, 500ms);
    }
    EXPECT_EQ(done.wait_for(45s), std::future_status::ready);
    ::kill(lab().switch_pid(), SIGCONT);
    EXPECT_NE(done.get().exit_status, 0);
    EXPECT_TRUE(comes_to_rest("idle"));
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
}

TEST_F(Faults, ADaemonThatIsKilledInTheSoakIsFollowedByOneThatCompletesTheUpgrade) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    auto done = lab().appctl_meanwhile(upgrade("3"));
    ASSERT_TRUE(lab().wait_for_phase({"soak"}));
    std::this_thread::sleep_for(500ms);
    pid_t b = lab().b_pid();
    kill_daemon();
    EXPECT_NE(done.get().exit_status, 0);
    std::this_thread::sleep_for(300ms);
    start_daemon();
    EXPECT_EQ(lab().b_pid(), b);
    EXPECT_EQ(lab().appctl({"version"}).exit_status, 0);   // the front serves B
    expect_completed(before);
    expect_nothing_lost(traffic.stop());
    EXPECT_EQ(lab().appctl(upgrade("0")).exit_status, 0);
}

TEST_F(Faults, ADaemonThatIsKilledWhileBForwardsForGoodIsFollowedByOneThatCanReturn) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    failover();
    kill_daemon();
    std::this_thread::sleep_for(300ms);
    start_daemon();
    EXPECT_EQ(lab().state(), "failed-over");
    EXPECT_EQ(lab().appctl({"hitless/bond-show"}).exit_status, 0);
    auto output = lab().appctl({"hitless/return"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before);
    expect_nothing_lost(traffic.stop());
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
}

TEST_F(Faults, ADaemonThatCannotTakeBOverTellsWhyAndTriesAgain) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    failover();
    kill_daemon();
    fs::rename(lab().path("run/hitless/pair"), lab().path("run/pair.away"));
    start_daemon();
    EXPECT_EQ(lab().state(), "failed-over");
    EXPECT_THAT(daemon({"hitless/status"}).standard_output, HasSubstr("run/hitless/pair: No such file"));
    EXPECT_THAT(daemon({"hitless/return"}).standard_error, HasSubstr("could not be taken over yet"));
    fs::rename(lab().path("run/pair.away"), lab().path("run/hitless/pair"));
    for (int i = 0; i < 100 && !lab().status()["problem"].asString().empty(); i++) {
        std::this_thread::sleep_for(50ms);
    }
    auto output = lab().appctl({"hitless/return"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, WhereBCannotBeTakenOverARollBackGivesThePacketsToA) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    failover();
    kill_daemon();
    fs::remove(lab().path("run/hitless/pair"));
    start_daemon();
    EXPECT_THAT(daemon({"hitless/rollback"}).standard_error, HasSubstr(": rolled-back"));
    EXPECT_EQ(lab().state(), "idle");
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
    before.erase("TCP connections through NAT");   // those that began while B forwarded are unknown to A, and lost
    expect_same(before);
    auto count = traffic.stop();
    std::cout << "outage " << count.blackout_ms << " ms, lost " << count.lost << " of " << count.sent << "\n";
    EXPECT_LT(count.blackout_ms, 100);
}

TEST_F(Faults, WhenBDiesWithItsDaemonTheNextOneGivesThePacketsToA) {
    make_lab();
    auto before = lab().snapshot();
    failover();
    kill_daemon();
    auto b = Process::open(lab().b_pid());
    ASSERT_TRUE(b->signal(SIGKILL));
    ASSERT_TRUE(b->wait_end(5s));   // its pidfile's lock included
    start_daemon();
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before);
    LabTraffic traffic(lab());
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, WhenADiesWithItsDaemonTheNextOneCanReturnAllTheSame) {
    make_lab();
    LabTraffic traffic(lab());
    auto before = lab().snapshot();
    failover();
    kill_daemon();
    auto a = Process::open(lab().switch_pid());
    ASSERT_TRUE(a->signal(SIGKILL));
    ASSERT_TRUE(a->wait_end(5s));
    start_daemon();
    EXPECT_EQ(lab().state(), "failed-over");
    EXPECT_EQ(lab().appctl({"version"}).exit_status, 0);
    auto output = lab().appctl({"hitless/return"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_F(Faults, ADaemonThatExitsWithAStandbyAtRestTakesItAway) {
    make_lab();
    auto before = lab().snapshot();
    ASSERT_EQ(lab().appctl({"hitless/standby", "--from=" + lab().new_software()}).exit_status, 0);
    auto process = Process::open(lab().daemon_pid());
    ASSERT_TRUE(process->signal(SIGTERM));
    ASSERT_TRUE(process->wait_end(10s));
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
    EXPECT_EQ(lab().appctl({"version"}).exit_status, 0);   // of the switch itself
    start_daemon();
    EXPECT_EQ(lab().state(), "idle");
    expect_same(before);
}

TEST_F(Faults, ADaemonThatExitsWhileBForwardsLeavesThePacketsAlone) {
    make_lab();
    LabTraffic traffic(lab());
    auto done = upgrade_into_soak();
    auto process = Process::open(lab().daemon_pid());
    EXPECT_EQ(daemon({"exit"}).exit_status, 0);
    ASSERT_TRUE(process->wait_end(10s));
    (void) done.get();
    std::this_thread::sleep_for(300ms);
    start_daemon();
    EXPECT_EQ(lab().state(), "failed-over");
    auto output = lab().appctl({"hitless/rollback"});
    EXPECT_EQ(output.exit_status, 0) << output.standard_error;
    EXPECT_EQ(lab().state(), "idle");
    expect_nothing_lost(traffic.stop());
}

}  // namespace
}  // namespace hitless::test
