#include "upgrade/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hitless::upgrade {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ovsdb::InterfaceConfig interface(const std::string& name, const std::string& type = "", int64_t ofport = 1) {
    ovsdb::InterfaceConfig config;
    config.name = name;
    config.type = type;
    config.ofport = ofport;
    return config;
}

ovsdb::PortConfig port(std::vector<ovsdb::InterfaceConfig> interfaces) {
    ovsdb::PortConfig config;
    config.name = interfaces.front().name;
    config.interfaces = std::move(interfaces);
    return config;
}

// br0 with its LOCAL port and eth1, as a switch that can be upgraded has it.
ovsdb::SwitchConfig good_switch() {
    ovsdb::BridgeConfig bridge;
    bridge.name = "br0";
    bridge.datapath_type = "netdev";
    bridge.datapath_id = "0000000000000001";
    bridge.ports = {port({interface("br0", "internal", 65534)}), port({interface("eth1")})};
    ovsdb::SwitchConfig config;
    config.bridges = {bridge};
    return config;
}

instance::CommandLine good_command_line() {
    instance::CommandLine line;
    line.database = "unix:/run/db.sock";
    line.detach = true;
    return line;
}

TEST(Preflight, FindsNothingAgainstAPlainSwitch) {
    Findings findings = examine(good_switch(), good_command_line());
    EXPECT_THAT(findings.refusals, IsEmpty());
    EXPECT_THAT(findings.warnings, IsEmpty());
}

TEST(Preflight, RefusesTheKernelDatapath) {
    auto config = good_switch();
    config.bridges[0].datapath_type = "";
    EXPECT_THAT(examine(config, good_command_line()).refusals,
                ElementsAre("bridge br0: datapath_type system is not supported; only netdev (userspace) is"));
}

TEST(Preflight, NeedsOpenflow15AndMissesOpenflow10) {
    auto config = good_switch();
    config.bridges[0].protocols = {"OpenFlow10", "OpenFlow13", "OpenFlow15"};
    EXPECT_THAT(examine(config, good_command_line()).refusals, IsEmpty());
    EXPECT_THAT(examine(config, good_command_line()).warnings, IsEmpty());
    config.bridges[0].protocols = {"OpenFlow13"};
    EXPECT_THAT(examine(config, good_command_line()).refusals,
                ElementsAre("bridge br0: its protocols leave OpenFlow15 out, in which its state is copied: ovs-vsctl add bridge br0 "
                            "protocols OpenFlow15"));
    EXPECT_THAT(examine(config, good_command_line()).warnings, ElementsAre(testing::HasSubstr("hard timeouts begin anew")));
}

// Among them those that PMD threads poll.
TEST(Preflight, RefusesInterfacesThatCannotBeSteered) {
    for (const char* type : {"afxdp", "afxdp-nonpmd", "dpdk", "dpdkvhostuserclient", "lisp", "one-to-come"}) {
        auto config = good_switch();
        config.bridges[0].ports.push_back(port({interface("p7", type, 7)}));
        EXPECT_THAT(examine(config, good_command_line()).refusals,
                    ElementsAre(fmt::format("interface p7: type {} cannot be carried; only system, internal, tap, patch and the tunnels of the "
                                            "userspace datapath can", type)));
    }
}

TEST(Preflight, TakesTunnelsOfTheUserspaceDatapath) {
    auto config = good_switch();
    for (const char* type : {"vxlan", "geneve", "gre", "ip6gre", "gtpu"}) {
        config.bridges[0].ports.push_back(port({interface(std::string(type) + "0", type, 7)}));
    }
    EXPECT_THAT(examine(config, good_command_line()).refusals, IsEmpty());
    EXPECT_THAT(examine(config, good_command_line()).warnings, IsEmpty());
    EXPECT_EQ(steered_ports(config).size(), 2u);   // br0 and eth1

    config.bridges[0].ports[2].interfaces[0].options["seq"] = "true";
    EXPECT_THAT(examine(config, good_command_line()).warnings,
                ElementsAre("interface vxlan0: the sequence numbers of its tunnel packets start anew at each toggle"));
}

TEST(Preflight, RefusesWhatItCouldNotStartAgain) {
    auto line = good_command_line();
    line.detach = false;
    line.database = "tcp:127.0.0.1:6640";
    auto refusals = examine(good_switch(), line).refusals;
    ASSERT_EQ(refusals.size(), 2u);
    EXPECT_EQ(refusals[0], "database tcp:127.0.0.1:6640: only an ovsdb-server on a Unix domain socket (unix:PATH) is supported");
    EXPECT_EQ(refusals[1],
              "ovs-vswitchd was started without --detach: whoever started it would take its replacement for its end");
}

TEST(Preflight, RefusesDpdkUnlessItIsOff) {
    auto config = good_switch();
    config.other_config["dpdk-init"] = "false";
    EXPECT_THAT(examine(config, good_command_line()).refusals, IsEmpty());
    config.other_config["dpdk-init"] = "try";
    EXPECT_THAT(examine(config, good_command_line()).refusals,
                ElementsAre("Open_vSwitch other_config:dpdk-init is try: DPDK is not supported"));
}

TEST(Preflight, RefusesASwitchThatIsNotSetUpYet) {
    auto config = good_switch();
    config.bridges[0].datapath_id.reset();
    EXPECT_THAT(examine(config, good_command_line()).refusals,
                ElementsAre("bridge br0: the switch has not set it up yet; try again when it has"));
}

TEST(Preflight, WarnsOfWhatNegotiatesAnew) {
    auto config = good_switch();
    config.bridges[0].rstp = true;
    auto bond = port({interface("eth2", "", 2), interface("eth3", "", 3)});
    bond.lacp = "active";
    config.bridges[0].ports.push_back(bond);
    Findings findings = examine(config, good_command_line());
    EXPECT_THAT(findings.refusals, IsEmpty());
    EXPECT_THAT(findings.warnings,
                ElementsAre("bridge br0: spanning tree negotiates anew after each toggle; ports forward nothing until it has",
                            "port eth2: LACP negotiates anew after each toggle; the bond's packets are lost until it has",
                            "port eth2: that a member's link fails is not seen while B is active, which goes on sending to it"));
}

TEST(Preflight, WarnsOfBalancedBondsAndMonitoredLinksAlone) {
    auto config = good_switch();
    config.bridges[0].mcast_snooping = true;
    auto eth4 = interface("eth4", "", 4), eth5 = interface("eth5", "", 5);
    eth4.bfd = eth5.cfm = true;
    config.bridges[0].ports.push_back(port({interface("eth2", "", 2), interface("eth3", "", 3)}));
    config.bridges[0].ports.push_back(port({eth4, eth5}));
    config.bridges[0].ports.back().bond_mode = "balance-slb";
    EXPECT_THAT(examine(config, good_command_line()).warnings,
                ElementsAre("port eth2: that a member's link fails is not seen while B is active, which goes on sending to it",
                            "port eth4: which member a flow leaves by is decided anew at each toggle (bond_mode balance-slb)",
                            "port eth4: that a member's link fails is not seen while B is active, which goes on sending to it",
                            "interface eth4: BFD starts anew at each toggle; the other end may take the link for broken meanwhile",
                            "interface eth5: CFM starts anew at each toggle; the other end may take the link for broken meanwhile"));
}

TEST(SteeredPorts, AreAllThatTheSwitchHasOpenedButPatchPorts) {
    auto config = good_switch();
    auto broken = interface("gone", "", -1);
    broken.error = "could not open network device gone (No such device)";
    config.bridges[0].ports.push_back(port({broken}));
    config.bridges[0].ports.push_back(port({interface("patch0", "patch", 5)}));
    config.bridges[0].ports.push_back(port({interface("tap0", "tap", 6)}));
    std::vector<std::string> names;
    for (const auto& one : steered_ports(config)) {
        names.push_back(one.name + (one.tap ? " tap" : ""));
    }
    EXPECT_THAT(names, ElementsAre("br0 tap", "eth1", "tap0 tap"));
}

}  // namespace
}  // namespace hitless::upgrade
