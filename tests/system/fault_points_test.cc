// The daemon is killed at each of its fault points in turn (base/fault.h); the next one must complete or undo the operation.
//
// The points are read from the program itself, and made of the phases: none can be left out. One lab serves one after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <sstream>
#include <thread>

#include "traffic_lab.h"
#include "upgrade/plan.h"

namespace hitless::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using upgrade::Phase;

constexpr double kHoldDeadlineMs = 3000;     // of a daemon that nobody has configured
constexpr double kMachineMs = 2000;          // what a machine that is busy adds, starting the next daemon among it

std::vector<std::string> points() {
    std::vector<std::string> names;
    for (int i = 0; i <= static_cast<int>(Phase::retire); i++) {
        for (const char* moment : {"begun", "acted", "ended"}) {
            names.push_back(std::string(to_string(static_cast<Phase>(i))) + "." + moment);
        }
    }
    auto text = run_checked({"readelf", "--string-dump=fault_points", HITLESSD});
    std::istringstream lines(text ? *text : "");
    for (std::string line; std::getline(lines, line);) {   // "  [     0]  hold.halted"
        if (auto end = line.find("]  "); end != std::string::npos) {
            names.push_back(line.substr(end + 3));
        }
    }
    return names;
}

bool starts_with_one_of(const std::string& name, std::initializer_list<std::string_view> beginnings) {
    return std::ranges::any_of(beginnings, [&](auto beginning) { return name.starts_with(beginning); });
}

// Whether packets are held at the point: those of the hold are lost with the daemon.
bool in_hold(const std::string& point) {
    return starts_with_one_of(point, {"hold.halted", "hold.acted", "hold.ended", "commit.begun", "commit.before-delta", "hold-back.acted",
                                      "hold-back.ended", "commit-back.begun", "release."});
}

// Whether A has had the packets all the time.
bool before_release(const std::string& point) {
    return starts_with_one_of(point, {"preflight.", "fetch.", "standby.", "copy.", "verify.", "hold.", "commit.begun",
                                      "commit.before-delta"});
}

// Of the software (faulty_vswitchd.c) that comes by the point: it does not start in A's place, or forwards nothing there.
std::string fault_of(const std::string& point) {
    return point.starts_with("put-back.") ? "as-a" : point.starts_with("take-back.") ? "mute" : "";
}

class FaultPoint : public ::testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        if (auto fault = fault_of(GetParam()); !lab_ || fault != fault_) {
            make_lab(fault);
        }
        end_daemon();
        lab().start_daemon({"HITLESS_FAULT_POINT=" + GetParam()});
    }
    void TearDown() override {
        if (HasFailure()) {
            lab_.reset();
        }
    }
    static void TearDownTestSuite() { lab_.reset(); }

    static TrafficLab& lab() { return *lab_; }

    // In the environment of the first A, and so in that of each that follows.
    static void make_lab(const std::string& fault) {
        lab_.reset();
        ::setenv("HITLESS_FAULT", fault.c_str(), 1);
        fault_ = fault;
        lab_ = std::make_unique<TrafficLab>();
        lab_->make_rcu_expedited_private("0");
        lab_->configure({{"probation-ms", "300"}});
    }
    void end_daemon() {
        auto process = Process::open(lab().daemon_pid());
        ASSERT_TRUE(process);
        lab().run({"ovs-appctl", "-t", "ovs-hitlessd", "exit"});
        ASSERT_TRUE(process->wait_end(10s));
    }
    // Packets that make connections: a thousand, then a few hundred in a second, until 'enough' is there.
    std::future<ProgramOutput> send_strangers(const std::string& enough) {
        ProgramOptions inside;
        inside.network_namespace = lab().node("h1");
        const std::string loop = "for ((port = 20000; port < 60000; port++)); do [ -e " + enough + " ] && exit; "
                                 "echo > /dev/udp/10.0.2.3/$port; ((port > 21000)) && sleep 0.001; done";
        return std::async(std::launch::async, [inside, loop] { return *run_program({"bash", "-c", loop}, inside); });
    }
    // Carries out what comes by the point, until the daemon is dead.
    bool dies() {
        auto daemon = Process::open(lab().daemon_pid());
        std::future<ProgramOutput> strangers;
        const std::string enough = lab().path("enough-strangers");
        if (GetParam() == "hold.changes-held") {
            strangers = send_strangers(enough);
        }
        const std::string from = "--from=" + (fault_of(GetParam()).empty() ? lab().new_software() : lab().faulty_software(FAULTY_VSWITCHD));
        if (starts_with_one_of(GetParam(), {"thaw."})) {
            lab().appctl({"hitless/failover", from});
            lab().appctl({"hitless/return"});
        } else if (starts_with_one_of(GetParam(), {"roll-back."})) {
            auto done = lab().appctl_meanwhile({"hitless/upgrade", from, "--soak=30"});
            EXPECT_TRUE(lab().wait_for_phase({"soak"}));
            EXPECT_TRUE(Process::from_pidfile(lab().path("run/hitless/b/ovs-vswitchd.pid"))->signal(SIGKILL));
            done.get();
        } else {
            lab().appctl({"hitless/upgrade", from, "--soak=0"});
        }
        if (strangers.valid()) {
            std::ofstream(enough).close();
            strangers.get();
            fs::remove(enough);
        }
        return daemon && daemon->wait_end(5s).ok();
    }
    bool comes_to_rest() {
        std::string text;
        for (int i = 0; i < 400; i++) {
            text = lab().run({"ovs-appctl", "-t", "ovs-hitlessd", "hitless/status"}).standard_output;
            if (text.substr(0, text.find('\n')).ends_with(": idle")) {
                return true;
            }
            std::this_thread::sleep_for(50ms);
        }
        ADD_FAILURE() << text;
        return false;
    }
    void expect_traffic_went_on(const LabTraffic::Count& count) {
        std::cout << GetParam() << ": longest gap " << count.blackout_ms << " ms, lost " << count.lost << " of " << count.sent << "\n";
        EXPECT_EQ(count.tcp_alive, count.tcp_connections);
        EXPECT_EQ(count.tcp_corrupted, 0u);
        EXPECT_EQ(count.duplicated + count.reordered, 0u);
        if (in_hold(GetParam()) || starts_with_one_of(GetParam(), {"roll-back.", "take-back."})) {   // who failed loses what it had
            EXPECT_LT(count.blackout_ms, kHoldDeadlineMs + kMachineMs);
        } else {
            EXPECT_EQ(count.lost, count.receive_drops);
        }
    }
    std::string expected_result() {
        return before_release(GetParam()) ? " failed "
               : starts_with_one_of(GetParam(), {"roll-back.", "put-back.", "take-back."}) ? " rolled-back " : " done ";
    }

    static std::unique_ptr<TrafficLab> lab_;
    static std::string fault_;   // of its software, where that is faulty
};

std::unique_ptr<TrafficLab> FaultPoint::lab_;
std::string FaultPoint::fault_;

TEST_P(FaultPoint, IsOvercomeByTheNextDaemon) {
    auto before = lab().snapshot();
    before.erase("programs of the daemon");
    LabTraffic traffic(lab());
    before["TCP connections through NAT"] = lab().snapshot()["TCP connections through NAT"];
    ASSERT_TRUE(dies()) << "the daemon did not come by " << GetParam();
    lab().start_daemon();
    ASSERT_TRUE(comes_to_rest());
    auto history = lab().appctl({"hitless/history", "1"}).standard_output;
    EXPECT_THAT(history, HasSubstr(expected_result()));
    EXPECT_FALSE(fs::exists(lab().path("run/hitless")));
    auto after = lab().snapshot();
    for (const auto& [what, text] : before) {
        EXPECT_EQ(text, after.at(what)) << what;
    }
    EXPECT_EQ(after.at("programs of the daemon"), "");
    expect_traffic_went_on(traffic.stop());
}

INSTANTIATE_TEST_SUITE_P(Points, FaultPoint, ::testing::ValuesIn(points()), [](const auto& info) {
    std::string name = info.param;
    for (char& letter : name) {
        letter = std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
    }
    return name;
});

}  // namespace
}  // namespace hitless::test
