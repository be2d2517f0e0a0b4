// What becomes of an upgrade, and of the traffic, when one of the two switches fails at the begin of one of its phases: ends, or is
// stopped. The operation waits there (base/fault.h) until it has happened. What fails in the soak: soak_test.cc.
#include <algorithm>
#include <set>
#include <tuple>

#include "faults.h"

namespace hitless::test {
namespace {

class Instance : public Faults, public ::testing::WithParamInterface<std::tuple<std::string, std::string>> {
  protected:
    const std::string phase = std::get<0>(GetParam()), fault = std::get<1>(GetParam());

    void SetUp() override {
        Faults::SetUp();
        if (!IsSkipped()) {
            make_lab();
            wait_at(phase + ".begun");
        }
    }
    bool phase_is_one_of(const std::set<std::string>& names) const { return names.contains(phase); }

    void fail(pid_t pid) {
        auto process = Process::open(pid);
        ASSERT_TRUE(process->signal(fault == "stopped" ? SIGSTOP : SIGKILL));
        if (fault == "ended") {
            ASSERT_TRUE(process->wait_end(5s));
        }
    }
    std::string history() { return daemon({"hitless/history", "1"}).standard_output; }
    void expect_clean() {
        ASSERT_TRUE(comes_to_rest("idle"));
        EXPECT_FALSE(std::filesystem::exists(lab().path("run/hitless")));
    }
};

class B : public Instance {};
class A : public Instance {};
class NewA : public Instance {};

TEST_P(B, ThatFailsLeavesThePacketsToA) {
    auto before = lab().snapshot();
    LabTraffic traffic(lab());
    upgrade_with([this] { fail(lab().b_pid()); });
    expect_clean();
    if (phase == "copy-back") {   // A, restarted, has no flows yet: it forwards when its controllers, or the operator, have given it some
        return;
    }
    before.erase("TCP connections through NAT");   // the traffic's
    expect_same(before);
    auto count = traffic.stop();
    if (phase_is_one_of({"copy", "verify", "hold", "commit", "soak-back", "retire"})) {
        expect_nothing_lost(count);
    } else {
        expect_outage_under(kAtOnceMs, count);
    }
    EXPECT_THAT(history(), testing::HasSubstr(phase_is_one_of({"soak-back", "retire"}) ? " done " : phase == "reprogram" ? " rolled-back " : " failed "));
    EXPECT_EQ(upgraded(), phase_is_one_of({"verify-back", "hold-back", "commit-back", "soak-back", "retire"}));
}

// Restarted by the upgrade, or stopped in its freeze: B has the packets, and keeps them.
TEST_P(A, ThatEndsBeforeItHasThePacketsAgainLosesNone) {
    auto before = lab().snapshot();
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] {
        fail(Process::from_pidfile(lab().path("run/ovs-vswitchd.pid"))->pid());
    });
    if (phase_is_one_of({"soak", "reprogram"})) {   // it would have been ended anyway
        EXPECT_EQ(output.exit_status, 0);
    } else {
        ASSERT_TRUE(comes_to_rest("failed-over"));
        EXPECT_THAT(history(), testing::HasSubstr("A's ovs-vswitchd"));
        auto returned = daemon({"hitless/return"});
        EXPECT_EQ(returned.exit_status, 0) << returned.standard_error;
    }
    expect_clean();
    before.erase("TCP connections through NAT");
    expect_same(before);
    expect_nothing_lost(traffic.stop());
}

TEST_P(NewA, ThatFailsWhileItIsWatchedGivesThePacketsToB) {
    auto before = lab().snapshot();
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] { fail(lab().switch_pid()); });
    EXPECT_THAT(output.standard_error, testing::HasSubstr(": rolled-back,"));
    EXPECT_THAT(output.standard_error, testing::HasSubstr("A's ovs-vswitchd (process "));
    expect_clean();
    before.erase("TCP connections through NAT");
    expect_same(before);
    expect_outage_under(kAtOnceMs, traffic.stop());
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<std::string, std::string>>& info) {
    return test_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Phases, B,
                         ::testing::Combine(::testing::Values("copy", "verify", "hold", "commit", "reprogram", "copy-back", "verify-back",
                                                              "hold-back", "commit-back", "soak-back", "retire"),
                                            ::testing::Values("ended", "stopped")),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Phases, NewA, ::testing::Combine(::testing::Values("soak-back"), ::testing::Values("ended", "stopped")), name_of);
INSTANTIATE_TEST_SUITE_P(Phases, A,
                         ::testing::Combine(::testing::Values("soak", "reprogram", "copy-back", "verify-back", "hold-back", "commit-back"),
                                            ::testing::Values("ended")),
                         name_of);

}  // namespace
}  // namespace hitless::test
