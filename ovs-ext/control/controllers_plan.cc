#include "control/controllers_plan.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace hitless::control {
namespace {

// Why controllers of other kinds than tcp: cannot be carried.
struct Unsupported {
    std::string_view prefix, cause;
};
constexpr Unsupported unsupported[] = {
    {"ssl:", "a TLS session ends in the switch and cannot be relayed"},
    {"ptcp:", "the standby cannot listen at the host's address for clients of the switch"},
    {"pssl:", "the standby cannot listen at the host's address for clients of the switch"},
    {"punix:", "the standby cannot listen at a socket of the operator's switch"},
    {"unix:", "connections to a Unix domain socket cannot be kept away from an instance that is not active"},
};

bool is_address(const std::string& host, int family) {
    unsigned char binary[sizeof(in6_addr)];
    return ::inet_pton(family, host.c_str(), binary) == 1;
}

bool takes_in_band(const BridgeConfig& bridge, const ControllerConfig& controller) {
    auto disable = bridge.other_config.find("disable-in-band");
    if (disable != bridge.other_config.end() && disable->second == "true") {
        return false;
    }
    return controller.connection_mode.empty() || controller.connection_mode == "in-band";
}

bool is_loopback(const ControllerAddress& address) {
    return address.host.starts_with("127.") || address.host == "::1";
}

// In-band control adds hidden flows for the controller's address, which the standby cannot have: its controller is a Unix
// domain socket. That matters only where the way to the controller leads through a bridge.
void check_in_band(const BridgeConfig& bridge, const ControllerConfig& controller, const ControllerAddress& address,
                   const std::vector<BridgeConfig>& bridges, ControllersPlan& plan) {
    if (!takes_in_band(bridge, controller) || is_loopback(address)) {
        return;
    }
    const auto& device = controller.route_interface;
    if (!device) {
        plan.warnings.push_back(fmt::format(
            "bridge {}: controller {} is in-band: should it be reached through this switch, it is cut off while the standby is "
            "active; set connection_mode to out-of-band if it is not", bridge.name, controller.target));
    } else if (std::any_of(bridges.begin(), bridges.end(), [&](const auto& other) { return other.name == *device; })) {
        plan.refusals.push_back(fmt::format(
            "bridge {}: controller {} is in-band and reached through bridge {}: the hidden flows of in-band control cannot be "
            "carried; reach it by another way, or set connection_mode to out-of-band and add flows for it",
            bridge.name, controller.target, *device));
    }
}

BridgePlan plan_bridge(const BridgeConfig& bridge, const std::vector<BridgeConfig>& bridges, const std::string& run_directory,
                       ControllersPlan& plan) {
    BridgePlan result{bridge.name, {}, {}, {}, {}};
    result.restored.fail_mode = bridge.fail_mode;
    if (bridge.controllers.empty()) {
        result.parked = result.activated = result.restored;
        return result;
    }
    std::vector<std::string> parked;
    for (const auto& controller : bridge.controllers) {
        auto address = parse_controller_target(controller.target);
        if (!address) {
            plan.refusals.push_back(fmt::format("bridge {}: {}", bridge.name, address.error().message));
            continue;
        }
        check_in_band(bridge, controller, *address, bridges, plan);
        auto path = fmt::format("{}/{}.relay{}", run_directory, bridge.name, result.relays.size());
        // One for each controller: the rows of the clone, with all their other columns, only change their targets.
        parked.push_back(fmt::format("unix:{}/{}.parked{}", run_directory, bridge.name, result.relays.size()));
        result.restored.targets.push_back("unix:" + path);
        result.relays.push_back({path, controller.target, *address});
    }
    result.parked = {std::move(parked), "secure"};
    result.activated = {result.restored.targets, "secure"};
    return result;
}

}  // namespace

Result<ControllerAddress> parse_controller_target(const std::string& target) {
    for (const auto& [prefix, cause] : unsupported) {
        if (target.starts_with(prefix)) {
            return make_error("controller {}: {}; remove it for the time of the upgrade, or use tcp:", target, cause);
        }
    }
    if (!target.starts_with("tcp:")) {
        return make_error("controller {}: unknown kind of target; only tcp:IP[:PORT] can be relayed", target);
    }
    std::string_view rest = std::string_view(target).substr(4);
    ControllerAddress address;
    std::string_view port;
    bool has_port = false;
    if (rest.starts_with('[')) {
        auto end = rest.find(']');
        if (end == std::string_view::npos) {
            return make_error("controller {}: \"[\" without \"]\"", target);
        }
        address.host = rest.substr(1, end - 1);
        port = rest.substr(end + 1);
        has_port = port.starts_with(':');
        if (!port.empty() && !has_port) {
            return make_error("controller {}: \":PORT\" expected after \"]\"", target);
        }
    } else {
        auto colon = rest.find(':');
        address.host = rest.substr(0, colon);
        has_port = colon != std::string_view::npos;
        port = has_port ? rest.substr(colon) : std::string_view();
    }
    // A scope (fe80::1%eth0) names a link of the host's namespace, which is where the relay connects from.
    auto without_scope = address.host.substr(0, address.host.find('%'));
    if (!is_address(address.host, AF_INET) && !is_address(without_scope, AF_INET6)) {
        return make_error("controller {}: {} is not an IP address; only tcp:IP[:PORT] can be relayed", target, address.host);
    }
    if (has_port) {
        port.remove_prefix(1);
        auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
        if (error != std::errc() || end != port.data() + port.size() || !address.port) {
            return make_error("controller {}: \"{}\" is not a TCP port", target, port);
        }
    }
    return address;
}

ControllersPlan plan_controllers(const std::vector<BridgeConfig>& bridges, const std::string& run_directory) {
    ControllersPlan plan;
    for (const auto& bridge : bridges) {
        plan.bridges.push_back(plan_bridge(bridge, bridges, run_directory, plan));
    }
    return plan;
}

}  // namespace hitless::control
