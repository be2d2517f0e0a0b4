// Multicast groups, bonds, and what userspace tunnels need, between two real switches: A to B, and back to an A that has lost them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "dummy_switch.h"
#include "state/bonds.h"
#include "state/copy.h"
#include "state/fdb.h"
#include "state/mdb.h"
#include "state/packet_builder.h"
#include "state/tunnel_neighbours.h"
#include "state/tunnel_settings.h"
#include "state/user_routes.h"

namespace hitless::state {
namespace {

using test::DummySwitch;

class NetworkState : public testing::Test {
  protected:
    DummySwitch switch_a{{"br0", "br1"}}, switch_b{{"br0", "br1"}};
    instance::Control a{Side::A, switch_a.control_paths()}, b{Side::B, switch_b.control_paths()};

    void on_both(const std::function<void(const DummySwitch&)>& work) {
        work(switch_a);
        work(switch_b);
    }

    // Makes 'to' what 'from' is.
    void copy(Kind& kind, instance::Control& from, instance::Control& to, size_t entries) {
        auto done = copy_kind(kind, from, to);
        ASSERT_TRUE(done.ok()) << done.error().message;
        EXPECT_EQ(done->report.differing, 0u) << testing::PrintToString(done->report.examples);
        EXPECT_EQ(done->report.identical, entries);
        EXPECT_EQ(*kind.dump(to), *kind.dump(from));
    }

    // A host or router at the port says something.
    void send(uint32_t port, const MulticastMessage& message) {
        std::string hex;
        for (uint8_t byte : build_multicast(message)) {
            hex += fmt::format("{:02x}", byte);
        }
        switch_a.appctl({"netdev-dummy/receive", "br0p" + std::to_string(port), hex});
    }
};

TEST_F(NetworkState, MulticastGroupsAndRoutersAreCopied) {
    on_both([](const DummySwitch& one) {
        one.ofctl("add-flow", "br0", {"actions=NORMAL"});
        one.vsctl({"set", "Bridge", "br0", "mcast_snooping_enable=true", "--", "set", "Port", "br0p2", "tag=20", "--", "set", "Port",
                   "br0p3", "trunks=20,30"});
    });
    Mdb kind;
    using M = MulticastMessage;
    send(1, {M::report, false, {225, 0, 0, 1}, 0});
    send(2, {M::report, false, {225, 0, 0, 1}, 0});   // VLAN 20
    send(3, {M::report, false, {225, 0, 0, 9}, 30});
    send(1, {M::report, true, {0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3}, 0});
    send(4, {M::query, false, {}, 0});
    for (int tries = 0; tries < 100 && kind.dump(a)->size() < 5; tries++) {   // a thread of its own takes the packets
        ::usleep(20'000);
    }
    auto groups = *parse_mdb("br0", *a.call("mdb/show", {"br0"}));
    EXPECT_THAT(groups, testing::UnorderedElementsAre(
                            MulticastEntry{"br0", 0, "225.0.0.1", 1}, MulticastEntry{"br0", 20, "225.0.0.1", 2},
                            MulticastEntry{"br0", 30, "225.0.0.9", 3}, MulticastEntry{"br0", 0, "ff0e::3", 1},
                            MulticastEntry{"br0", 0, "", 4}));
    EXPECT_TRUE(Fdb().dump(a)->empty());   // nobody was learnt from it
    copy(kind, a, b, 5);

    // Somebody leaves.
    send(2, {M::leave, false, {225, 0, 0, 1}, 0});
    for (int tries = 0; tries < 100 && kind.dump(a)->size() > 4; tries++) {
        ::usleep(20'000);
    }
    copy(kind, a, b, 4);
    EXPECT_TRUE(Fdb().dump(b)->empty());

    ASSERT_TRUE(a.call("mdb/flush").ok());
    EXPECT_TRUE(kind.dump(a)->empty());
    copy(kind, b, a, 4);
}

TEST_F(NetworkState, WhatTunnelsNeedIsCopied) {
    on_both([](const DummySwitch& one) {
        one.appctl({"netdev-dummy/ip4addr", "br0", "10.0.0.254/16"});
        one.appctl({"netdev-dummy/ip6addr", "br1", "fd00::1/64"});
    });
    UserRoutes routes;
    for (const std::vector<std::string>& route : {std::vector<std::string>{"10.0.0.0/16", "br0"}, {"10.1.0.0/16", "br0", "10.0.0.1"},
                                                  {"10.1.0.0/16", "br0", "10.0.0.2", "pkt_mark=3"}, {"fd00::/64", "br1"}}) {
        ASSERT_TRUE(a.call("ovs/route/add", route).ok());
    }
    copy(routes, a, b, 4);
    ASSERT_TRUE(a.call("ovs/route/del", {"10.1.0.0/16", "pkt_mark=3"}).ok());
    ASSERT_TRUE(a.call("ovs/route/add", {"10.1.0.0/16", "br0", "10.0.0.7"}).ok());
    copy(routes, a, b, 3);
    for (const char* route : {"10.0.0.0/16", "10.1.0.0/16", "fd00::/64"}) {
        ASSERT_TRUE(a.call("ovs/route/del", {route}).ok());
    }
    copy(routes, b, a, 3);

    TunnelNeighbours neighbours;
    ASSERT_TRUE(a.call("tnl/neigh/set", {"br0", "10.0.2.3", "02:00:00:00:02:03"}).ok());
    ASSERT_TRUE(a.call("tnl/neigh/set", {"br1", "fd00::2", "02:00:00:00:02:04"}).ok());
    copy(neighbours, a, b, 2);
    ASSERT_TRUE(a.call("tnl/neigh/set", {"br0", "10.0.2.3", "02:00:00:00:02:33"}).ok());
    copy(neighbours, a, b, 2);
    ASSERT_TRUE(a.call("tnl/neigh/flush").ok());
    copy(neighbours, b, a, 2);
}

TEST_F(NetworkState, WhatIsSetOfTunnelsIsCopied) {
    TunnelSettings kind;
    auto before = *kind.dump(a);
    ASSERT_EQ(before.size(), 2u);
    copy(kind, a, b, 2);
    ASSERT_TRUE(a.call("tnl/neigh/aging", {"77"}).ok());
    ASSERT_TRUE(a.call("tnl/egress_port_range", {"40000", "40999"}).ok());
    copy(kind, a, b, 2);
    EXPECT_EQ(*b.call("tnl/neigh/aging"), "77\n");
    EXPECT_EQ(*b.call("tnl/egress_port_range"), "Tunnel UDP source port range: 40000-40999\n");
    ASSERT_TRUE(kind.load(a, {{}, before, {}}).ok());   // as a new process has them
    copy(kind, b, a, 2);
    EXPECT_EQ(*a.call("tnl/neigh/aging"), "77\n");
}

TEST_F(NetworkState, ActiveMembersOfBondsAreCopied) {
    on_both([](const DummySwitch& one) {
        one.vsctl({"add-bond", "br0", "bond0", "m1", "m2", "bond_mode=active-backup", "--", "set", "Interface", "m1", "type=dummy", "--",
                   "set", "Interface", "m2", "type=dummy"});
        one.appctl({"netdev-dummy/set-admin-state", "up"});
    });
    Bonds kind;
    for (int tries = 0; tries < 100 && (kind.dump(a)->empty() || kind.dump(b)->empty()); tries++) {
        ::usleep(20'000);
    }
    ASSERT_EQ(kind.dump(a)->size(), 1u);
    for (const char* member : {"m1", "m2"}) {
        for (int tries = 0; tries < 100 && !a.call("bond/set-active-member", {"bond0", member}).ok(); tries++) {
            ::usleep(20'000);
        }
        ASSERT_EQ(*kind.dump(a), (Snapshot{{"bond0", member}}));
        copy(kind, a, b, 1);
    }
}

}  // namespace
}  // namespace hitless::state
