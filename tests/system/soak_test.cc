// What becomes of the traffic when B fails while it is watched, and what the configured policy makes a failure.
#include <fstream>
#include <functional>

#include "faults.h"

namespace hitless::test {
namespace {

// B fails in the soak in the way of 'fail'; A must have the packets again within 'limit_ms'.
class InTheSoak : public Faults {
  protected:
    void run(const std::function<void()>& fail, const std::string& why, double limit_ms) {
        if (!lab_made()) {
            make_lab();
        }
        LabTraffic traffic(lab());
        auto before = lab().snapshot();
        pid_t a = lab().switch_pid();
        auto done = upgrade_into_soak();
        fail();
        expect_rolled_back(done, why);
        EXPECT_EQ(lab().switch_pid(), a);
        expect_same(before);
        expect_outage_under(limit_ms, traffic.stop());
    }

    std::string b_bridge() { return "unix:" + lab().path("run/hitless/b/br0.mgmt"); }
    void empty_b() { lab().ofctl({"del-flows", b_bridge()}); }
    // Flows that no packet meets, some 30 MB of them, or as many as B takes before it ends.
    void fill_b() {
        std::ofstream flows(lab().path("flows"));
        for (int i = 0; i < 20'000; i++) {
            flows << "table=200,dl_src=02:00:00:00:" << std::hex << i / 256 << ":" << i % 256 << std::dec << ",actions=drop\n";
        }
        flows.close();
        lab().run({"ovs-ofctl", "add-flows", b_bridge(), lab().path("flows")});
    }
};

TEST_F(InTheSoak, WhenBDiesPacketsGoByAAgainAtOnce) {
    run([this] { ::kill(lab().b_pid(), SIGKILL); }, "B's ovs-vswitchd has ended", 100);
}

TEST_F(InTheSoak, WhenBIsStoppedPacketsGoByAAgainAtOnce) {
    run([this] { ::kill(lab().b_pid(), SIGSTOP); }, "is stopped", 100);
}

TEST_F(InTheSoak, WhenBLooksHealthyButForwardsNothingPacketsGoByAAgain) {
    run([this] { empty_b(); }, "B does not forward", 1000);
}

TEST_F(InTheSoak, WhenBGrowsBeyondThePolicyPacketsGoByAAgain) {
    make_lab();
    lab().configure({{"soak-memory-megabytes", "8"}});
    run([this] { fill_b(); }, "MB of memory, and took", 100);
}

TEST_F(InTheSoak, AStandbyThatGrowsBeyondThePolicyIsTakenAway) {
    make_lab();
    lab().configure({{"soak-memory-megabytes", "8"}});
    ASSERT_EQ(lab().appctl({"hitless/standby", "--from=" + lab().new_software()}).exit_status, 0);
    fill_b();
    ASSERT_TRUE(comes_to_rest("idle"));
    EXPECT_THAT(daemon({"hitless/history", "1"}).standard_output, testing::HasSubstr("MB of memory, and took"));
}

TEST_F(InTheSoak, WhatThePolicyDoesNotWatchFailsNobody) {
    make_lab();
    lab().configure({{"soak-silence-ms", "0"}, {"soak-memory-megabytes", "0"}});
    LabTraffic traffic(lab());
    auto done = upgrade_into_soak();
    fill_b();
    empty_b();
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(done.wait_for(0s), std::future_status::timeout);
    EXPECT_EQ(lab().appctl({"hitless/rollback"}).exit_status, 0);
    expect_rolled_back(done, "rolled back");
    EXPECT_GT(traffic.stop().lost, 0u);
}

}  // namespace
}  // namespace hitless::test
