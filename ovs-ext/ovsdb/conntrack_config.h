// What the database Open_vSwitch says of connection tracking in the userspace datapath.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "ovsdb/client.h"

namespace hitless::ovsdb {

struct ConntrackConfig {
    // Timeout policies (table CT_Timeout_Policy) by zone: "udp_multiple" -> seconds. Only what is set.
    std::map<uint16_t, std::map<std::string, int64_t>> zone_timeouts;
    // Zones that somebody has configured: those of table CT_Zone, and those that OVN has allocated (external_ids of bridges,
    // "ct-zone-..."). Connections may be in others, too.
    std::set<uint16_t> zones;
    bool has_limits = false;   // the schema knows limits of zones (3.3 and later)
};

Result<ConntrackConfig> read_conntrack_config(Client& client);

}  // namespace hitless::ovsdb
