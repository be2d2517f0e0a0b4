// The daemon is stopped (SIGSTOP) in each mode of steering, as by somebody who debugs it, and goes on later. Packets pass without it:
// a hold ends by the deadline in the programs. What a killed one does: fault_points_test.cc.
#include "faults.h"

namespace hitless::test {
namespace {

constexpr const char* kHoldDeadlineMs = "500";

class StoppedDaemon : public Faults, public ::testing::WithParamInterface<std::string> {
  protected:
    bool in_hold() const { return GetParam() == "hold.halted" || GetParam() == "hold-back.acted"; }
    bool in_release() const { return GetParam() == "release.begun"; }
    bool packets_pass() {
        return lab().run({"nsenter", "--net=" + lab().node("h2"), "ping", "-c", "1", "-W", "1", "10.0.2.4"}).exit_status == 0;
    }
    // For three deadlines of a hold, and more than that of a release.
    void stop_for_a_while() {
        auto daemon = Process::from_pidfile(lab().path("run/ovs-hitlessd.pid"));
        ASSERT_TRUE(daemon && daemon->signal(SIGSTOP));
        EXPECT_NE(packets_pass(), in_hold() || in_release());
        std::this_thread::sleep_for(1500ms);
        EXPECT_TRUE(daemon->stopped());
        EXPECT_TRUE(packets_pass());
        ASSERT_TRUE(daemon->signal(SIGCONT));
    }
};

TEST_P(StoppedDaemon, LosesNoPackets) {
    make_lab();
    lab().configure({{"hold-deadline-ms", kHoldDeadlineMs}});
    wait_at(GetParam());
    LabTraffic traffic(lab());
    auto output = upgrade_with([this] { stop_for_a_while(); });
    ASSERT_TRUE(comes_to_rest(GetParam() == "hold-back.acted" ? "failed-over" : "idle"));
    auto count = traffic.stop();
    EXPECT_EQ(output.exit_status == 0, !in_hold()) << output.standard_error;
    if (!in_hold() && !in_release()) {
        expect_nothing_lost(count);
        return;
    }
    EXPECT_THAT(output.standard_output + output.standard_error, testing::HasSubstr(in_hold() ? "deadline" : "came to B after newer ones"));
    // What was held goes on when the daemon does, behind what has come since.
    EXPECT_EQ(count.lost, count.receive_drops);
    EXPECT_EQ(count.duplicated, 0u);
    EXPECT_EQ(count.tcp_alive, count.tcp_connections);
}

INSTANTIATE_TEST_SUITE_P(Points, StoppedDaemon,
                         ::testing::Values("standby.attached", "hold.halted", "release.begun", "commit.released", "soak.begun", "hold-back.acted",
                                           "retire.begun"),
                         [](const auto& info) { return test_name(info.param); });

}  // namespace
}  // namespace hitless::test
