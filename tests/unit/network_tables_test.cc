// What is read of multicast, tunnel and bond tables, in the words of several versions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_switch.h"
#include "state/bonds.h"
#include "state/mdb.h"
#include "state/route_rules.h"
#include "state/tunnel_neighbours.h"
#include "state/user_routes.h"
#include "upgrade/live_changes.h"
#include "upgrade/state_preflight.h"
#include "upgrade/tunnels.h"

namespace hitless::state {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Mdb, IsReadWithAndWithoutTheColumnForTheProtocol) {
    auto entries = parse_mdb("br0", " port  VLAN  GROUP                Age\n    1     0  225.0.0.1           3\n"
                                    "LOCAL    20  ff0e::3         0\n    2     0  querier             12\n");
    ASSERT_TRUE(entries.ok());
    MulticastEntry first{"br0", 0, "225.0.0.1", 1}, second{"br0", 20, "ff0e::3", 0xfffffffe}, router{"br0", 0, "", 2};
    EXPECT_THAT(*entries, ElementsAre(first, second, router));
    auto later = parse_mdb("br0", " port  VLAN  protocol  GROUP                Age\n    1     0  IGMPv3    225.0.0.1         3\n"
                                  "    2     0            querier             12\n");
    ASSERT_TRUE(later.ok());
    EXPECT_THAT(*later, ElementsAre(first, router));
    EXPECT_EQ(*to_multicast_entry(to_entry(second)), second);
    EXPECT_EQ(*to_multicast_entry(to_entry(router)), router);
    EXPECT_FALSE(parse_mdb("br0", "heading\nno such words here\n").ok());
}

TEST(UserRoutes, AreThoseOfUsersAlone) {
    auto routes = parse_user_routes("Route Table:\nCached: 10.0.0.0/16 dev br0 SRC 10.0.0.254\n"
                                    "User: 10.1.0.0/16 MARK 3 dev br0 GW 10.0.0.1 SRC 10.0.0.254\nUser: fd00::/8 dev br1 SRC fd00::1\n");
    ASSERT_TRUE(routes.ok());
    ASSERT_EQ(routes->size(), 2u);
    EXPECT_EQ((*routes)[0], (UserRoute{"10.1.0.0/16", 3, UserRoute::main_table, "br0", "10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ((*routes)[1], (UserRoute{"fd00::/8", 0, UserRoute::main_table, "br1", "", "fd00::1"}));
    EXPECT_EQ(*to_user_route(to_entry((*routes)[0])), (*routes)[0]);
    EXPECT_FALSE(parse_user_routes("User: 10.1.0.0/16 dev\n").ok());
}

TEST(UserRoutes, OverNextHopsOfTheKernelAndWithUnknownWordsAreRefused) {
    for (const char* route : {"10.1.0.0/16 nhid 7 dev br0 SRC 10.0.0.254 id 3", "10.1.0.0/16 nexthop dev br0 SRC 10.0.0.254 weight 1"}) {
        auto routes = parse_user_routes(std::string("User: ") + route + "\n");
        ASSERT_FALSE(routes.ok()) << route;
        EXPECT_THAT(routes.error().message, HasSubstr("ovs/route/del"));
    }
    EXPECT_FALSE(parse_user_routes("User: 10.1.0.0/16 dev br0 metric 3\n").ok());
    EXPECT_TRUE(parse_user_routes("Cached: 10.1.0.0/16 nhid 7 nexthop dev br0 SRC 10.0.0.254 weight 1 id 3\n")->empty());
}

TEST(UserRoutes, BeforeTablesAreReadWithoutAnArgument) {
    FakeSwitch one(FakeSwitch::Answers{{"ovs/route/show", "Route Table:\nUser: 10.1.0.0/16 dev br0 SRC 10.0.0.254\n"}});
    auto control = one.control();
    auto routes = UserRoutes().dump(control);
    ASSERT_TRUE(routes.ok()) << routes.error().message;
    EXPECT_THAT(*routes, ElementsAre(to_entry(UserRoute{"10.1.0.0/16", 0, UserRoute::main_table, "br0", "", "10.0.0.254"})));
}

TEST(UserRoutes, OfAllTablesAreRead) {
    std::string local = "User: 10.1.0.0/16 dev br0 SRC 10.0.0.1\n", main = "User: 10.2.0.0/16 dev br0 SRC 10.0.0.2\n";
    FakeSwitch one({{"ovs/route/show", main},
                    {"ovs/route/show table=all", "User: 10.3.0.0/16 MARK 4 dev br1 GW 10.9.0.1 SRC 10.0.0.3 table 10\n" + local + main},
                    {"ovs/route/show table=253", "error: Table 'table=253' not found"},
                    {"ovs/route/show table=254", "Route Table:\n" + main},
                    {"ovs/route/show table=255", "Route Table:\nCached: 10.0.0.254/32 dev br0 SRC 10.0.0.254 local\n" + local},
                    {"ovs/route/add 10.3.0.0/16 br1 10.9.0.1 pkt_mark=4 table=10 src=10.0.0.3", "OK"},
                    {"ovs/route/del 10.1.0.0/16 table=255", "OK"}});
    auto control = one.control();
    auto routes = UserRoutes().dump(control);
    ASSERT_TRUE(routes.ok()) << routes.error().message;
    Entry in_local = to_entry(UserRoute{"10.1.0.0/16", 0, 255, "br0", "", "10.0.0.1"});
    Entry in_ten = to_entry(UserRoute{"10.3.0.0/16", 4, 10, "br1", "10.9.0.1", "10.0.0.3"});
    EXPECT_THAT(*routes, ElementsAre(in_local, to_entry(UserRoute{"10.2.0.0/16", 0, 254, "br0", "", "10.0.0.2"}), in_ten));
    auto loaded = UserRoutes().load(control, {{in_ten}, {}, {in_local}});
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
}

TEST(StatePreflight, RefusesRoutesThatCannotBeCarried) {
    FakeSwitch one({{"version", "ovs-vswitchd (Open vSwitch) 3.1.0"},
                    {"ovs/route/show", "Route Table:\nUser: 10.1.0.0/16 nhid 7 dev br0 SRC 10.0.0.254\n"}});
    auto control = one.control();
    auto findings = upgrade::examine_state(control);
    ASSERT_TRUE(findings.ok()) << findings.error().message;
    EXPECT_THAT(findings->refusals, ElementsAre(HasSubstr("route 10.1.0.0/16: it goes by next hops of the kernel's")));
}

TEST(StatePreflight, CountsExpectedConnectionsWhereTheVersionShowsThem) {
    FakeSwitch older(FakeSwitch::Answers{});
    auto control = older.control();
    EXPECT_EQ(*upgrade::expected_connections(control), 0u);
    FakeSwitch newer(FakeSwitch::Answers{{"dpctl/dump-conntrack-exp", "tcp,orig=(src=1.1.1.1,dst=2.2.2.2),helper=ftp\ntcp,orig=(...)\n"}});
    auto of_newer = newer.control();
    EXPECT_EQ(*upgrade::expected_connections(of_newer), 2u);
}

TEST(StatePreflight, NamesWordsOfConnectionsThatNobodyHereKnows) {
    const std::string dump = "dpctl/dump-conntrack -m -s", tuples = "orig=(src=1.1.1.1,dst=2.2.2.2,sport=1,dport=2),"
                                                                     "reply=(src=2.2.2.2,dst=1.1.1.1,sport=2,dport=1)";
    FakeSwitch later(FakeSwitch::Answers{{dump, "udp," + tuples + ",timeout=3,novelty=9\nudp," + tuples + ",offset=1,timeout=3\n"
                                                "udp," + tuples + ",timeout=3,novelty=8\n"}});
    auto of_later = later.control();
    auto words = upgrade::unknown_words(of_later, 3);
    ASSERT_TRUE(words.ok()) << words.error().message;
    EXPECT_THAT(*words, ElementsAre("novelty", "offset"));
    // So many would stall it for too long.
    EXPECT_THAT(*upgrade::unknown_words(of_later, 3000), IsEmpty());
    EXPECT_EQ(later.asked().size(), 1u);
}

TEST(RouteRules, OfUsersAreReadAndMade) {
    FakeSwitch one({{"ovs/route/rule/show", "Cached: 0: from all lookup local\nUser: 50: not from 10.0.0.0/24  lookup 10\n"
                                            "User: 60: from 10.0.0.7 lookup main\nCached: 32766: from all lookup main\n"},
                    {"ovs/route/rule/show -6", "Cached: 0: from all lookup local\nUser: 50: from fd00::/8  lookup 10\n"},
                    {"ovs/route/rule/del -6 from=fd00::/8 prio=50 table=10", "OK"},
                    {"ovs/route/rule/add not from=10.0.0.0/24 prio=50 table=10", "OK"}});
    auto control = one.control();
    auto rules = RouteRules().dump(control);
    ASSERT_TRUE(rules.ok()) << rules.error().message;
    Entry v6 = to_entry(RouteRule{true, false, 50, "fd00::/8", "10"}), inverted = to_entry(RouteRule{false, true, 50, "10.0.0.0/24", "10"});
    EXPECT_THAT(*rules, ElementsAre(v6, inverted, to_entry(RouteRule{false, false, 60, "10.0.0.7", "main"})));
    EXPECT_EQ(RouteRules().describe(inverted), "rule 50: not from 10.0.0.0/24 lookup 10");
    auto loaded = RouteRules().load(control, {{inverted}, {}, {v6}});
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_FALSE(parse_route_rules("User: 50: from all iif br0 lookup 10\n", false).ok());
}

TEST(RouteRules, AreRefusedByWhatHasNone) {
    FakeSwitch older(FakeSwitch::Answers{});
    auto control = older.control(Side::B);
    EXPECT_TRUE(RouteRules().dump(control)->empty());
    auto loaded = RouteRules().load(control, {{to_entry(RouteRule{false, false, 60, "all", "10"})}, {}, {}});
    ASSERT_FALSE(loaded.ok());
    EXPECT_THAT(loaded.error().message, HasSubstr("rule 60: from all lookup 10: the version of Open vSwitch of instance B has no such rules"));
}

TEST(TunnelNeighbours, LeaveOutWhatIsStale) {
    std::string text = "IP                MAC                 Bridge\n======\n10.0.2.3      02:00:00:00:02:03   br0\n"
                       "10.0.2.4      02:00:00:00:02:04   br0 STALE\n";
    auto snapshot = parse_tunnel_neighbours(text);
    ASSERT_TRUE(snapshot.ok());
    ASSERT_EQ(snapshot->size(), 1u);
    EXPECT_EQ(TunnelNeighbours().describe(snapshot->front()), "bridge br0: 10.0.2.3 is at 02:00:00:00:02:03");
    EXPECT_FALSE(parse_tunnel_neighbours("10.0.2.3 nonsense br0\n").ok());
}

TEST(Bonds, HaveAnActiveMemberUnlessLacpNegotiatesIt) {
    std::string text = "---- bond0 ----\nbond_mode: active-backup\nlacp_status: off\n\nmember p5: disabled\n  may_enable: false\n\n"
                       "member p6: enabled\n  active member\n  may_enable: true\n";
    EXPECT_THAT(parse_bonds(text), ElementsAre(Entry{"bond0", "p6"}));
    EXPECT_THAT(parse_bonds("---- bond1 ----\nlacp_status: negotiated\n\nmember p1: enabled\n  active member\n"), IsEmpty());
}

TEST(PortsShown, HaveANameAndANumber) {
    EXPECT_THAT(upgrade::ports_shown("netdev@ovs-netdev: hit:0 missed:0\n  br0:\n    br0 65534/1: (tap)\n    eth1 1/2: (system)\n"
                                     "    p2 2/none: (dummy: a=b)\n    p3 99999999999999999999/3: (tap)\n    p4 4/5\n"),
                ElementsAre(testing::Pair("br0", 65'534), testing::Pair("eth1", 1), testing::Pair("p2", 2)));
}

TEST(TunnelEndpoints, AreMacAddressAndPort) {
    EXPECT_THAT(upgrade::tunnel_endpoints(
                    "Listening ports:\n"
                    "vxlan_sys_4789 (6) : eth(dst=02:00:00:00:00:fe),eth_type(0x0800),ipv4(dst=10.0.0.254,proto=17,frag=no),udp(dst=4789)\n"
                    "gre_sys (7) : eth(dst=02:00:00:00:00:fe),eth_type(0x86dd),ipv6(dst=fd00::1,proto=47,frag=no)\n"),
                ElementsAre("02:00:00:00:00:fe 10.0.0.254 4789", "02:00:00:00:00:fe fd00::1"));
}

}  // namespace
}  // namespace hitless::state
