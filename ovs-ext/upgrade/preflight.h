// Can this switch be upgraded without loss? Pure judgement on what was read of it.
#pragma once

#include <string>
#include <vector>

#include "control/controllers_plan.h"
#include "datapath/steering.h"
#include "instance/command_line.h"
#include "ovsdb/switch_config.h"

namespace hitless::upgrade {

struct Findings {
    std::vector<std::string> refusals;   // each names the object, the cause and, where there is one, the remedy
    std::vector<std::string> warnings;   // what is not carried, or not in full
};

Findings examine(const ovsdb::SwitchConfig& config, const instance::CommandLine& command_line);

// The ports that need steering: all but patch ports, tunnels and those that the switch could not open.
std::vector<datapath::Port> steered_ports(const ovsdb::SwitchConfig& config);

// The bridges with their controllers, as control/controllers_plan.h wants them.
std::vector<control::BridgeConfig> controllers_of(const ovsdb::SwitchConfig& config);

}  // namespace hitless::upgrade
