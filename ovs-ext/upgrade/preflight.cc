#include "upgrade/preflight.h"

#include <algorithm>
#include <set>

namespace hitless::upgrade {
namespace {

using ovsdb::BridgeConfig;
using ovsdb::InterfaceConfig;
using ovsdb::PortConfig;

bool is_true(const ovsdb::StringMap& map, const std::string& key) {
    auto found = map.find(key);
    return found != map.end() && found->second == "true";
}

bool opened(const InterfaceConfig& interface) {
    return interface.ofport && *interface.ofport > 0 && !interface.error;
}

bool is_tap(const InterfaceConfig& interface) {
    return interface.type == "internal" || interface.type == "tap";
}

// Tunnels that the userspace datapath itself makes (lib/netdev-vport.c in OVS 3.1; srv6 from 3.2 on): nothing to steer, their
// packets pass other ports.
bool is_tunnel(const InterfaceConfig& interface) {
    static const std::set<std::string> types = {"vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "gtpu", "srv6"};
    return types.count(interface.type) > 0;
}

bool is_steered_type(const InterfaceConfig& interface) {
    return interface.type.empty() || interface.type == "system" || is_tap(interface);
}

void examine_tunnel(const InterfaceConfig& interface, Findings& findings) {
    if (is_true(interface.options, "seq") || interface.type == "erspan" || interface.type == "ip6erspan") {
        findings.warnings.push_back(fmt::format("interface {}: the sequence numbers of its tunnel packets start anew at each "
                                                "toggle", interface.name));
    }
}

void examine_interface(const InterfaceConfig& interface, Findings& findings) {
    const std::string& type = interface.type;
    if (is_tunnel(interface)) {
        examine_tunnel(interface, findings);
    } else if (!is_steered_type(interface) && type != "patch") {
        findings.refusals.push_back(fmt::format("interface {}: type {} cannot be carried; only system, internal, tap, patch and the "
                                                "tunnels of the userspace datapath can", interface.name, type));
    }
    if (!opened(interface) && is_steered_type(interface)) {
        findings.warnings.push_back(fmt::format("interface {}: the switch could not open it ({}); it stays so",
                                                interface.name, interface.error.value_or("no OpenFlow port")));
    }
    for (const auto& [monitored, protocol] : {std::pair{interface.bfd, "BFD"}, {interface.cfm, "CFM"}}) {
        if (monitored) {
            findings.warnings.push_back(fmt::format("interface {}: {} starts anew at each toggle; the other end may take the link for "
                                                    "broken meanwhile", interface.name, protocol));
        }
    }
}

void examine_port(const PortConfig& port, Findings& findings) {
    if (port.interfaces.size() > 1 && port.lacp.value_or("off") != "off") {
        findings.warnings.push_back(fmt::format("port {}: LACP negotiates anew after each toggle; the bond's packets are lost until it "
                                                "has", port.name));
    } else if (port.interfaces.size() > 1 && port.bond_mode.value_or("active-backup") != "active-backup") {
        findings.warnings.push_back(fmt::format("port {}: which member a flow leaves by is decided anew at each toggle (bond_mode {})",
                                                port.name, *port.bond_mode));
    }
    if (port.interfaces.size() > 1) {   // B's legs always have a link
        findings.warnings.push_back(fmt::format("port {}: that a member's link fails is not seen while B is active, which goes on "
                                                "sending to it", port.name));
    }
    if (port.has_qos) {
        findings.warnings.push_back(fmt::format("port {}: its QoS stays as it is while B is active; a change takes effect when A is "
                                                "active again", port.name));
    }
    for (const auto& interface : port.interfaces) {
        examine_interface(interface, findings);
    }
}

// State is read and loaded in OpenFlow 1.5; some of it shows in 1.0 alone.
void examine_protocols(const BridgeConfig& bridge, Findings& findings) {
    auto allows = [&](const char* protocol) {   // without any, all are allowed
        return bridge.protocols.empty() || std::ranges::find(bridge.protocols, protocol) != bridge.protocols.end();
    };
    if (!allows("OpenFlow15")) {
        findings.refusals.push_back(fmt::format("bridge {0}: its protocols leave OpenFlow15 out, in which its state is copied: "
                                                "ovs-vsctl add bridge {0} protocols OpenFlow15", bridge.name));
    }
    if (!allows("OpenFlow10")) {
        findings.warnings.push_back(fmt::format(
            "bridge {0}: its protocols leave OpenFlow10 out, which alone shows ports' no-flood and flows' ages: no-flood is not "
            "carried, and hard timeouts begin anew at each toggle (ovs-vsctl add bridge {0} protocols OpenFlow10)", bridge.name));
    }
}

void examine_bridge(const BridgeConfig& bridge, Findings& findings) {
    if (bridge.datapath_type != "netdev") {
        findings.refusals.push_back(
            fmt::format("bridge {}: datapath_type {} is not supported; only netdev (userspace) is", bridge.name,
                        bridge.datapath_type.empty() ? "system" : bridge.datapath_type));
    }
    if (!bridge.datapath_id) {
        findings.refusals.push_back(fmt::format("bridge {}: the switch has not set it up yet; try again when it has", bridge.name));
    }
    examine_protocols(bridge, findings);
    if (bridge.stp || bridge.rstp) {
        findings.warnings.push_back(fmt::format("bridge {}: spanning tree negotiates anew after each toggle; ports forward nothing until it has", bridge.name));
    }
    if (bridge.has_netflow || bridge.has_sflow || bridge.has_ipfix) {
        findings.warnings.push_back(fmt::format("bridge {}: nothing is exported to flow collectors while B is active", bridge.name));
    }
    for (const auto& port : bridge.ports) {
        examine_port(port, findings);
    }
}

}  // namespace

Findings examine(const ovsdb::SwitchConfig& config, const instance::CommandLine& command_line) {
    Findings findings;
    if (!command_line.database.starts_with("unix:")) {
        findings.refusals.push_back(fmt::format(
            "database {}: only an ovsdb-server on a Unix domain socket (unix:PATH) is supported", command_line.database));
    }
    if (!command_line.detach) {
        findings.refusals.push_back(
            "ovs-vswitchd was started without --detach: whoever started it would take its replacement for its end");
    }
    if (auto dpdk = config.other_config.find("dpdk-init");
        dpdk != config.other_config.end() && dpdk->second != "false") {
        findings.refusals.push_back(
            fmt::format("Open_vSwitch other_config:dpdk-init is {}: DPDK is not supported", dpdk->second));
    }
    if (is_true(config.other_config, "flow-restore-wait")) {
        findings.refusals.push_back(
            "Open_vSwitch other_config:flow-restore-wait is true: the switch is still being restored; try again later");
    }
    if (config.bridges.empty()) {
        findings.warnings.push_back("the switch has no bridges");
    }
    for (const auto& bridge : config.bridges) {
        examine_bridge(bridge, findings);
    }
    return findings;
}

std::vector<datapath::Port> steered_ports(const ovsdb::SwitchConfig& config) {
    std::vector<datapath::Port> ports;
    for (const auto& bridge : config.bridges) {
        for (const auto& port : bridge.ports) {
            for (const auto& interface : port.interfaces) {
                bool local = interface.name == bridge.name;
                if (interface.type != "patch" && !is_tunnel(interface) && (local || opened(interface))) {
                    ports.push_back({interface.name, local || is_tap(interface)});
                }
            }
        }
    }
    return ports;
}

std::vector<control::BridgeConfig> controllers_of(const ovsdb::SwitchConfig& config) {
    std::vector<control::BridgeConfig> bridges;
    for (const auto& bridge : config.bridges) {
        control::BridgeConfig one{bridge.name, {}, bridge.fail_mode.value_or(""), bridge.other_config};
        for (const auto& controller : bridge.controllers) {
            one.controllers.push_back({controller.target, controller.connection_mode.value_or(""), {}});
        }
        bridges.push_back(std::move(one));
    }
    return bridges;
}

}  // namespace hitless::upgrade
