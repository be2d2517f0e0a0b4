// What the database Open_vSwitch says of a switch, as plain data: all that an upgrade must know of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ovsdb/client.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {

struct ControllerConfig {
    std::string uuid;
    std::string target;                            // "tcp:127.0.0.1:6653"
    std::optional<std::string> connection_mode;    // "in-band", "out-of-band"
    std::optional<std::string> type;               // "primary", "service"
    bool is_connected = false;
};

struct InterfaceConfig {
    std::string uuid, name;
    std::string type;                              // "" is "system"
    StringMap options, other_config;
    std::optional<int64_t> ofport;                 // -1: could not be added, see 'error'
    std::optional<int64_t> ofport_request;
    std::optional<std::string> error;
    std::optional<std::string> mac, mac_in_use;    // asked for; present
    std::optional<int64_t> mtu, mtu_request;       // bytes
    bool bfd = false, cfm = false;                 // monitored by it
};

struct PortConfig {
    std::string uuid, name;
    std::vector<InterfaceConfig> interfaces;       // more than one: an OVS bond
    std::optional<std::string> bond_mode, lacp, vlan_mode, bond_active_member;
    std::optional<int64_t> tag;
    std::vector<int64_t> trunks;
    bool has_qos = false;
    StringMap other_config;
};

struct BridgeConfig {
    std::string uuid, name;
    std::string datapath_type;                     // "" is "system"
    std::optional<std::string> datapath_id;        // 16 hexadecimal digits, once the switch runs
    std::optional<std::string> fail_mode;          // "standalone" (also when absent), "secure"
    std::vector<ControllerConfig> controllers;     // by uuid
    std::vector<PortConfig> ports;                 // by name
    std::vector<std::string> protocols;
    bool stp = false, rstp = false, mcast_snooping = false;
    bool has_mirrors = false, has_netflow = false, has_sflow = false, has_ipfix = false;
    StringMap other_config;
};

struct SwitchConfig {
    std::string schema_version;                    // of the database: "8.3.1"
    std::string ovs_version;                       // as ovs-ctl entered it; may be empty
    StringMap other_config;
    int64_t next_cfg = 0, cur_cfg = 0;
    bool has_managers = false, has_ssl = false;
    std::vector<BridgeConfig> bridges;             // by name

    const BridgeConfig* find_bridge(const std::string& name) const;
};

constexpr const char* open_vswitch = "Open_vSwitch";   // the database, and its root table

// Reads it in one transaction: consistent.
Result<SwitchConfig> read_switch_config(Client& client);

// Waits until the switch has taken its whole configuration (cur_cfg has reached what next_cfg is now) and each interface has
// an OpenFlow port number or an error. An Error after 'limit' says what is missing.
Status wait_configured(Client& client, std::chrono::milliseconds limit);

}  // namespace hitless::ovsdb
