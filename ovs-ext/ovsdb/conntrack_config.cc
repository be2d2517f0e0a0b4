#include "ovsdb/conntrack_config.h"

#include <charconv>

#include "ovsdb/rows.h"
#include "ovsdb/switch_config.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {
namespace {

// The row of 'rows' that 'reference' names; null: none.
const Json::Value* referenced(const Rows& rows, const Json::Value& reference) {
    auto uuids = to_uuids(reference);
    auto row = uuids.empty() ? rows.end() : rows.find(uuids.front());
    return row == rows.end() ? nullptr : &row->second;
}

void add_zone(const Rows& policies, uint16_t zone, const Json::Value& row, ConntrackConfig& config) {
    config.zones.insert(zone);
    const Json::Value* policy = referenced(policies, row["timeout_policy"]);
    if (!policy) {
        return;
    }
    for (const auto& [name, seconds] : pairs((*policy)["timeouts"])) {
        config.zone_timeouts[zone][name.asString()] = to_integer(seconds);
    }
}

void add_allocated_zones(const Json::Value& bridges, std::set<uint16_t>& zones) {
    for (const auto& bridge : bridges["rows"]) {
        for (const auto& [key, value] : to_map(bridge["external_ids"])) {
            uint16_t zone = 0;
            if (key.starts_with("ct-zone-") &&
                std::from_chars(value.data(), value.data() + value.size(), zone).ec == std::errc()) {
                zones.insert(zone);
            }
        }
    }
}

}  // namespace

Result<ConntrackConfig> read_conntrack_config(Client& client) {
    ConntrackConfig config;
    config.has_limits = client.transact(open_vswitch, {select("CT_Zone", {"limit"})}).ok();   // an unknown column is refused
    auto results = TRY(client.transact(
        open_vswitch, {select(open_vswitch, {"datapaths"}), select("Datapath", {"_uuid", "ct_zones"}),
                       select("CT_Zone", {"_uuid", "timeout_policy"}), select("CT_Timeout_Policy", {"_uuid", "timeouts"}),
                       select("Bridge", {"external_ids"})}));
    Rows datapaths = rows_by_uuid(results[1]), zones = rows_by_uuid(results[2]), policies = rows_by_uuid(results[3]);
    for (const auto& root : results[0]["rows"]) {
        for (const auto& [type, reference] : pairs(root["datapaths"])) {
            const Json::Value* datapath = type == "netdev" ? referenced(datapaths, reference) : nullptr;
            for (const auto& [zone, zone_reference] : datapath ? pairs((*datapath)["ct_zones"]) : pairs(Json::Value())) {
                if (const Json::Value* row = referenced(zones, zone_reference)) {
                    add_zone(policies, static_cast<uint16_t>(to_integer(zone)), *row, config);
                }
            }
        }
    }
    add_allocated_zones(results[4], config.zones);
    return config;
}

}  // namespace hitless::ovsdb
