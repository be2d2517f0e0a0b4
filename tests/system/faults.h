// A lab with an upgrade in which something is broken on purpose, and what must be true of the traffic and the host afterwards.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <set>
#include <thread>

#include "traffic_lab.h"

namespace hitless::test {

using namespace std::chrono_literals;

constexpr double kAtOnceMs = 100;   // for the packets to be with an instance that lives

// GoogleTest takes letters, digits and '_'.
inline std::string test_name(std::string name) {
    std::ranges::replace_if(name, [](char letter) { return letter == '-' || letter == '.'; }, '_');
    return name;
}

class Faults : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!std::getenv("HITLESS_IN_NAMESPACES")) {
            GTEST_SKIP() << "to be run by tests/in-namespaces";
        }
        ::unsetenv("HITLESS_FAULT");
    }

    // A restarted A is on probation for as short as may be: most of what is tested here happens elsewhere, two upgrades a test.
    void make_lab(const Words& options = {}, const std::string& small = "") {
        lab_ = std::make_unique<TrafficLab>(options, small);
        lab_->configure({{"probation-ms", "300"}});
    }
    bool lab_made() const { return lab_ != nullptr; }
    TrafficLab& lab() { return *lab_; }

    Words upgrade(const std::string& soak, const std::string& from = "") {
        return {"hitless/upgrade", "--from=" + (from.empty() ? lab().new_software() : from), "--soak=" + soak};
    }
    std::future<ProgramOutput> upgrade_into_soak() {
        auto done = lab().appctl_meanwhile(upgrade("60"));
        EXPECT_TRUE(lab().wait_for_phase({"soak"}));
        std::this_thread::sleep_for(500ms);   // some traffic by B
        return done;
    }
    void failover() {
        auto output = lab().appctl({"hitless/failover", "--from=" + lab().new_software()});
        ASSERT_EQ(output.exit_status, 0) << output.standard_error;
    }
    void start_daemon(const Words& environment = {}) { lab().start_daemon(environment); }
    void kill_daemon() { lab().kill_daemon(); }
    // Another daemon, of which an operation waits at a fault point (base/fault.h).
    void wait_at(const std::string& point) {
        kill_daemon();
        start_daemon({"HITLESS_WAIT_POINT=" + point, "HITLESS_WAIT_FILE=" + lab().path("waiting")});
    }
    // An upgrade in which 'event' happens at that point.
    ProgramOutput upgrade_with(const std::function<void()>& event) {
        auto done = lab().appctl_meanwhile(upgrade("0"));
        EXPECT_TRUE(comes_to_the_point());
        event();
        std::filesystem::remove(lab().path("waiting"));
        auto output = done.get();
        std::cout << "ended with status " << output.exit_status << ": " << output.standard_error << "\n";
        return output;
    }
    bool comes_to_the_point() {
        for (int i = 0; i < 400 && !std::filesystem::exists(lab().path("waiting")); i++) {
            std::this_thread::sleep_for(50ms);
        }
        return std::filesystem::exists(lab().path("waiting"));
    }
    // ovs-appctl at the daemon's own socket.
    ProgramOutput daemon(const Words& words) {
        Words argv = {"ovs-appctl", "-t", "ovs-hitlessd"};
        argv.insert(argv.end(), words.begin(), words.end());
        return lab().run(argv);
    }
    bool comes_to_rest(const std::string& state) {
        for (int i = 0; i < 200; i++) {
            auto text = daemon({"hitless/status"}).standard_output;
            if (text.substr(0, text.find('\n')).ends_with(": " + state)) {
                return true;
            }
            std::this_thread::sleep_for(50ms);
        }
        ADD_FAILURE() << daemon({"hitless/status"}).standard_output;
        return false;
    }
    // A, of a device by such a name as steering gives.
    bool is_told_of_our_devices() {
        auto notices = [this] {   // the switch adds its counters up once a second, when it wakes up
            std::this_thread::sleep_for(1100ms);
            lab().checked({"ovs-appctl", "version"});
            return lab().checked({"ovs-appctl", "coverage/read-counter", "nln_changed"});
        };
        auto before = notices();
        lab().checked({"ip", "link", "add", "hll99", "type", "veth", "peer", "hll98"});
        lab().checked({"ip", "link", "delete", "hll99"});
        return notices() != before;
    }
    // Receive buffers of all packet sockets, sorted out of what ss prints.
    std::set<std::string> receive_buffers() {
        auto text = lab().checked({"ss", "-0", "-n", "-m"});
        std::set<std::string> sizes;
        for (size_t at = 0; (at = text.find(",rb", at)) != std::string::npos; at += 3) {
            sizes.insert(text.substr(at + 3, text.find(',', at + 3) - at - 3));
        }
        return sizes;
    }
    void expect_same(const Snapshot& before) {
        auto differs = [&before](const Snapshot& after) {
            return std::ranges::any_of(before, [&after](const auto& entry) { return entry.second != after.at(entry.first); });
        };
        Snapshot after = lab().snapshot();
        for (int tries = 0; tries < 40 && differs(after); tries++) {
            std::this_thread::sleep_for(50ms);
            after = lab().snapshot();
        }
        for (const auto& [what, text] : before) {
            EXPECT_EQ(text, after.at(what)) << what;
        }
    }
    void expect_outage_under(double limit_ms, const LabTraffic::Count& count) {
        std::cout << "outage " << count.blackout_ms << " ms, lost " << count.lost << " of " << count.sent << "\n";
        EXPECT_LT(count.blackout_ms, limit_ms);
        EXPECT_EQ(count.tcp_alive, count.tcp_connections);
    }
    void expect_nothing_lost(const LabTraffic::Count& count) {
        EXPECT_GT(count.sent, 1000u);
        EXPECT_EQ(count.lost, count.receive_drops);
        EXPECT_EQ(count.duplicated + count.reordered, 0u);
        EXPECT_EQ(count.tcp_alive, count.tcp_connections);
    }
    bool upgraded() {
        return lab().software_of(lab().switch_pid()) == lab().checked({"sha256sum", lab().new_software() + "/ovs-vswitchd"}).substr(0, 64);
    }
    // The upgrade that an earlier daemon was at comes to its end by itself; everything is then as 'before'.
    void expect_completed(const Snapshot& before) {
        ASSERT_TRUE(comes_to_rest("idle"));
        auto history = lab().appctl({"hitless/history", "1"}).standard_output;
        EXPECT_THAT(history, testing::HasSubstr(" done "));
        EXPECT_TRUE(upgraded());
        EXPECT_FALSE(std::filesystem::exists(lab().path("run/hitless")));
        expect_same(before);
    }
    void expect_rolled_back(std::future<ProgramOutput>& done, const std::string& why) {
        auto output = done.get();
        EXPECT_NE(output.exit_status, 0);
        EXPECT_THAT(output.standard_error, testing::HasSubstr(": rolled-back,"));
        EXPECT_THAT(output.standard_error, testing::HasSubstr(why));
    }

  private:
    std::unique_ptr<TrafficLab> lab_;
};

}  // namespace hitless::test
