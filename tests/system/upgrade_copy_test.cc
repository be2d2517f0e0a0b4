// What an upgrade asks of the instance that forwards, while it copies its state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/conntrack.h"
#include "upgrade_lab.h"

namespace hitless::upgrade {
namespace {

using testing::HasSubstr;
using testing::Not;

// UDP, half of them in each of two zones.
state::Snapshot connections_in_zones(uint16_t count, uint16_t zone, uint16_t other_zone) {
    state::Snapshot snapshot;
    for (uint16_t i = 0; i < count; i++) {
        state::Connection connection;
        connection.original.protocol = IPPROTO_UDP;
        connection.original.source = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
        connection.original.destination = {10, 9, 9, 9};
        connection.original.source_port = connection.original.destination_port = 53;
        connection.reply = state::reversed(connection.original);
        connection.zone = i % 2 ? zone : other_zone;
        snapshot.push_back(state::to_entry(connection));
    }
    state::sort_by_key(snapshot);
    return snapshot;
}

TEST(Copy, ReadsManyConnectionsByTheZonesThatFlowsName) {
    test::UpgradeLab lab;
    lab.vsctl({"add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"});
    for (const char* zone : {"7", "8"}) {
        lab.ofctl({"add-flow", "br0", std::string("table=") + zone + ",ip,actions=ct(commit,zone=" + zone + ",table=9)"});
    }
    {
        auto control_socket = "run/ovs-vswitchd." + std::to_string(lab.a_pid()) + ".ctl";
        instance::Control control(Side::A, {lab.path(control_socket), {{"br0", lab.path("run/br0.mgmt")}}});
        auto check = std::make_shared<state::SequenceCheck>();
        auto loaded = state::Conntrack({}, check).load(control, {connections_in_zones(4000, 7, 8), {}, {}});
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    }
    lab.run({"ovs-appctl", "vlog/set", "unixctl:file:dbg"});
    lab.hitless({"hitless/standby", "--from=" + lab.path("new")});
    std::ifstream file(lab.path("log/ovs-vswitchd.log"));
    std::string log(std::istreambuf_iterator<char>(file), {});
    for (const char* zone : {"zone=7", "zone=8"}) {
        EXPECT_THAT(log, HasSubstr(std::string(R"(request dpctl/dump-conntrack["-m","-s",")") + zone));
    }
    EXPECT_THAT(log, Not(HasSubstr(R"(request dpctl/dump-conntrack["-m","-s"])")));   // all at once
    auto kept = lab.hitless({"hitless/diff", "conntrack"});
    EXPECT_THAT(kept, HasSubstr("4000")) << kept;
    lab.hitless({"hitless/abort"});
    lab.run({"ovs-vsctl", "-t10", "del-br", "br0"});
}

}  // namespace
}  // namespace hitless::upgrade
