// Two real switches with the dummy datapath, A and B, for tests of what is copied of their connection trackers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "dummy_switch.h"
#include "state/conntrack_parser.h"
#include "state/copy.h"
#include "state/kinds.h"
#include "state/packet_builder.h"

namespace hitless::state {

constexpr uint32_t from_controller = 0xfffffffd;

inline Connection parse(const std::string& line) {
    auto connection = parse_connection(line);
    EXPECT_TRUE(connection.ok()) << line;
    return connection.ok() ? *connection : Connection{};
}

inline std::string tuples(const std::string& original, const std::string& reply) {
    return "orig=(" + original + "),reply=(" + reply + ")";
}

inline Snapshot to_snapshot(const std::vector<Connection>& connections) {
    Snapshot snapshot;
    for (const Connection& connection : connections) {
        snapshot.push_back(to_entry(connection));
    }
    std::sort(snapshot.begin(), snapshot.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    return snapshot;
}

class ConntrackPair : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        for (auto& one : switches) {
            one = std::make_unique<test::DummySwitch>(std::vector<std::string>{"br0"});
        }
    }
    static void TearDownTestSuite() {
        for (auto& one : switches) {
            one.reset();
        }
    }
    void SetUp() override {
        for (auto* control : {&a, &b}) {
            ASSERT_TRUE(control->call("dpctl/flush-conntrack").ok());
            ASSERT_TRUE(control->call("dpctl/ct-enable-tcp-seq-chk").ok());
        }
    }

    static std::string vsctl(const test::DummySwitch& one, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"ovs-vsctl", "--db=unix:" + one.directory() + "/db.sock", "--timeout=10"});
        auto output = run_checked(arguments);
        EXPECT_TRUE(output.ok()) << (output.ok() ? "" : output.error().message);
        return output.ok() ? *output : "";
    }

    // Checks that 'kind' is equal in both after a copy that met no difference it could not remove.
    Copy copy_and_expect_equal(Kind& kind, instance::Control& from, instance::Control& to) {
        auto copy = copy_kind(kind, from, to);
        EXPECT_TRUE(copy.ok()) << (copy.ok() ? "" : copy.error().message);
        if (!copy.ok()) {
            return {};
        }
        EXPECT_EQ(copy->report.differing, 0u) << testing::PrintToString(copy->report.examples);
        return std::move(*copy);
    }
    void expect_equal(Kind& kind) {
        auto report = verify(kind, a, b);
        ASSERT_TRUE(report.ok()) << report.error().message;
        EXPECT_EQ(report->differing, 0u) << testing::PrintToString(report->examples);
    }
    // What 'made' has not as 'wanted' is a failure for each.
    static void expect_made(const Kind& kind, const Snapshot& wanted, const Snapshot& made) {
        Changes missed = diff(wanted, made);
        for (const Snapshot* entries : {&missed.add, &missed.change, &missed.remove}) {
            for (const Entry& entry : *entries) {
                ADD_FAILURE() << "not as wanted: " << kind.describe(entry);
            }
        }
    }

    static void send(instance::Control& to, const Packet& packet, const std::string& action) {
        auto bridge = to.openflow("br0");
        ASSERT_TRUE(bridge.ok());
        ASSERT_TRUE((*bridge)->packet_outs(std::vector<openflow::PacketOut>{{from_controller, packet, action}}).ok());
    }
    // Whether the tracker of 'control' finds 'packet', of zone 9, within its window.
    static bool passes(instance::Control& control, const Packet& packet) {
        auto failures = [&] {
            auto count = control.call("coverage/read-counter", {"conntrack_tcp_seq_chk_failed"});
            EXPECT_TRUE(count.ok());
            return count.ok() ? *count : "";
        };
        std::string before = failures();
        send(control, packet, "ct(zone=9)");
        return failures() == before;
    }

    static inline std::unique_ptr<test::DummySwitch> switches[2];
    instance::Control a{Side::A, switches[0]->control_paths()}, b{Side::B, switches[1]->control_paths()};
};

}  // namespace hitless::state
