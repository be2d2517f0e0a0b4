// What becomes of the bridges' OpenFlow controllers while the standby exists: pure logic.
//
// Only the active instance may talk to a bridge's controllers. An instance that is not active must still believe that it has
// some: when a bridge goes from no controller to some, or back, OVS flushes all its flows (measured on 3.1; a "unix:" target
// outside the instance's run directory counts as none). So the standby's clone of a bridge with controllers is parked at a
// socket in its run directory at which nobody listens, with fail_mode secure, because standalone flushes too after about 15
// seconds without controller; on activation its target becomes a Relay's socket in that directory, and then its fail_mode is
// restored. A bridge without controllers stays without.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::control {

// A bridge and its controllers as the operator's database has them (ovs-vswitchd.conf.db(5)).
struct ControllerConfig {
    std::string target;
    std::string connection_mode;                   // "in-band", "out-of-band" or empty: OVS takes that as in-band
    std::optional<std::string> route_interface;    // network device by which the host reaches the target, where known
};
struct BridgeConfig {
    std::string name;
    std::vector<ControllerConfig> controllers;
    std::string fail_mode;                         // "secure", "standalone" or empty
    std::map<std::string, std::string> other_config;
};

// A controller that a Relay can reach.
struct ControllerAddress {
    std::string host;       // IPv4 or IPv6 address, without brackets
    uint16_t port = 6653;
    bool operator==(const ControllerAddress&) const = default;
};

// Parses "tcp:IP[:PORT]", IPv6 addresses in brackets. Everything else is an Error that says why it cannot be relayed.
Result<ControllerAddress> parse_controller_target(const std::string& target);

// The standby's Bridge row, columns controller and fail_mode. 'targets' empty: no controllers, in any phase.
struct BridgeControl {
    std::vector<std::string> targets;
    std::string fail_mode;                         // empty: not set
    bool operator==(const BridgeControl&) const = default;
};

// One relay: the switch connects to 'listen_path', and is connected with 'controller'. The standby's Controller row with the
// target "unix:LISTEN_PATH" takes all its other columns from the operator's row with the target 'origin'.
struct RelayPlan {
    std::string listen_path;
    std::string origin;
    ControllerAddress controller;
};

struct BridgePlan {
    std::string bridge;
    BridgeControl parked;      // while the standby is not active
    BridgeControl activated;   // first step of activation: the target is swapped, fail_mode stays secure
    BridgeControl restored;    // second step, once connected: fail_mode as the operator has it
    std::vector<RelayPlan> relays;
};

struct ControllersPlan {
    std::vector<BridgePlan> bridges;       // in the order given
    std::vector<std::string> refusals;     // not empty: no upgrade; each names bridge, target and cause
    std::vector<std::string> warnings;
};

// 'run_directory' is the standby's.
ControllersPlan plan_controllers(const std::vector<BridgeConfig>& bridges, const std::string& run_directory);

}  // namespace hitless::control
