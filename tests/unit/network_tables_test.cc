// What is read of multicast, tunnel and bond tables, in the words of several versions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/bonds.h"
#include "state/mdb.h"
#include "state/tunnel_neighbours.h"
#include "state/user_routes.h"
#include "upgrade/tunnels.h"

namespace hitless::state {
namespace {

using testing::ElementsAre;
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
    EXPECT_EQ((*routes)[0], (UserRoute{"10.1.0.0/16", 3, "br0", "10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ((*routes)[1], (UserRoute{"fd00::/8", 0, "br1", "", "fd00::1"}));
    EXPECT_EQ(*to_user_route(to_entry((*routes)[0])), (*routes)[0]);
    EXPECT_FALSE(parse_user_routes("User: 10.1.0.0/16 dev\n").ok());
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

TEST(TunnelEndpoints, AreMacAddressAndPort) {
    EXPECT_THAT(upgrade::tunnel_endpoints(
                    "Listening ports:\n"
                    "vxlan_sys_4789 (6) : eth(dst=02:00:00:00:00:fe),eth_type(0x0800),ipv4(dst=10.0.0.254,proto=17,frag=no),udp(dst=4789)\n"
                    "gre_sys (7) : eth(dst=02:00:00:00:00:fe),eth_type(0x86dd),ipv6(dst=fd00::1,proto=47,frag=no)\n"),
                ElementsAre("02:00:00:00:00:fe 10.0.0.254 4789", "02:00:00:00:00:fe fd00::1"));
}

}  // namespace
}  // namespace hitless::state
