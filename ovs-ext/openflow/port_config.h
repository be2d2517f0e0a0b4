// What a controller has set of ports (OFPT_PORT_MOD).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

// Not here: whether the port is down. That is its device's own state, which stays with the device.
struct PortConfig {
    uint32_t port = 0;       // OpenFlow 1.0 number
    uint32_t config = 0;     // bits of OFPPC_*: no-receive, no-forward, no-packet-in, no-flood, no-receive-stp, no-stp
    std::string name;
    uint8_t address[6] = {};
};

// All ports, in the order of their numbers. no-flood shows only in OpenFlow 1.0.
Result<std::vector<PortConfig>> read_port_configs(Connection& connection, Version version);
// 'port' as the switch tells of it now: a change names its address.
Message port_mod(const PortConfig& port, uint32_t config, Version version);
// "no-flood no-packet-in", as ovs-ofctl mod-port takes them.
std::string port_config_words(uint32_t config);

}  // namespace hitless::openflow
