#include "ovsdb/replication.h"

#include <algorithm>

#include "ovsdb/clone.h"
#include "ovsdb/client.h"
#include "ovsdb/values.h"

namespace hitless::ovsdb {
namespace {

// Tables whose rows are the active instance's own; no configuration of theirs is carried.
const std::set<std::string> own_tables = {"Controller", "Manager", "SSL"};

// Columns that ovs-vswitchd writes and that say how things are (ovs-vswitchd.conf.db(5)), carried from B.
const Columns status_columns = {
    {"Open_vSwitch", {"cur_cfg"}},
    {"Bridge", {"datapath_id", "datapath_version", "rstp_status", "status"}},
    {"Port", {"bond_active_slave", "rstp_statistics", "rstp_status", "statistics", "status"}},
    // Not ifindex: in B's namespace it is that of the leg. The replicator enters the host's.
    {"Interface",
     {"admin_state", "bfd_status", "cfm_fault", "cfm_fault_status", "cfm_flap_count", "cfm_health", "cfm_remote_mpids",
      "cfm_remote_opstate", "duplex", "error", "lacp_current", "link_resets", "link_speed", "link_state", "mac_in_use",
      "mtu", "ofport", "statistics", "status"}},
    {"Mirror", {"statistics"}},
    {"Controller", {"is_connected", "role", "status"}},   // B's have the same uuids; its sessions are those with the controllers
};

// More columns that are not configuration, or that are B's own.
const Columns not_configuration = {
    {"Open_vSwitch",
     {"db_version", "datapath_types", "dpdk_initialized", "dpdk_version", "iface_types", "manager_options", "ovs_version",
      "ssl", "statistics", "system_type", "system_version"}},
    {"Bridge", {"controller"}},
    {"Port", {"qos"}},   // of A's devices: see clone.h
    {"Interface", {"ifindex"}},
    {"Datapath", {"capabilities", "datapath_version"}},
};

bool holds(const Columns& columns, const std::string& table, const std::string& column) {
    auto found = columns.find(table);
    return found != columns.end() && found->second.count(column);
}

// 'wanted', but what is B's own in it as B has it.
Json::Value with_own_keys(const Json::Value& wanted, const Json::Value& present, const std::vector<std::string>& own) {
    StringMap map = to_map(wanted), b = to_map(present);
    for (const auto& key : own) {
        map.erase(key);
        if (auto value = b.find(key); value != b.end()) {
            map.insert(*value);
        }
    }
    return from_map(map);
}

Json::Value wanted_value(const std::string& table, const std::string& column, const Json::Value& operators,
                         const Json::Value* b) {
    if (column == "other_config" && table == "Open_vSwitch") {
        return with_own_keys(operators, b ? *b : Json::Value(), keys_not_cloned());
    }
    if (column == "other_config" && table == "Bridge" && b) {
        return with_own_keys(operators, *b, pinned_bridge_keys());
    }
    return operators;
}

// Sets and maps have no order.
Json::Value canonical(const Json::Value& value) {
    if (!detail::tagged(value, "set") && !detail::tagged(value, "map")) {
        return value;
    }
    std::vector<Json::Value> content(value[1].begin(), value[1].end());
    std::sort(content.begin(), content.end());
    if (detail::tagged(value, "set")) {
        return content.size() == 1 ? content.front() : from_elements(content);
    }
    Json::Value pairs(Json::arrayValue);
    for (const auto& pair : content) {
        pairs.append(pair);
    }
    return detail::tag("map", pairs);
}

bool same(const Json::Value& a, const Json::Value& b) {
    return a == b || canonical(a) == canonical(b);
}

const TableRows& table_of(const Contents& contents, const std::string& table) {
    static const TableRows none;
    auto found = contents.find(table);
    return found == contents.end() ? none : found->second;
}

std::set<HostPort> host_ports(const Contents& contents) {
    std::set<HostPort> ports;
    for (const auto& [uuid, row] : table_of(contents, "Interface")) {
        std::string type = to_text(row["type"]);
        if (type.empty() || type == "system" || type == "internal" || type == "tap") {
            ports.insert({to_text(row["name"]), type == "internal" || type == "tap"});
        }
    }
    return ports;
}

// The columns of 'row' that B's 'present' (nullptr: a new row) does not have as wanted.
Json::Value changed_columns(const std::string& table, const std::set<std::string>& columns, const Json::Value& row,
                            const Json::Value* present) {
    Json::Value changed(Json::objectValue);
    for (const auto& column : columns) {
        const Json::Value* value = present ? &(*present)[column] : nullptr;
        // B's own while its controllers are parked or relayed; a bridge that is new has the operator's.
        if (table == "Bridge" && column == "fail_mode" && present) {
            continue;
        }
        Json::Value wanted = wanted_value(table, column, row[column], value);
        if (!value || !same(wanted, *value)) {
            changed[column] = wanted;
        }
    }
    return changed;
}

Json::Value add_offsets(const Json::Value& statistics, const std::map<std::string, int64_t>& offsets) {
    Json::Value content(Json::arrayValue);
    for (const auto& [name, value] : pairs(statistics)) {
        auto offset = offsets.find(name.asString());
        Json::Value pair(Json::arrayValue);
        pair.append(name);
        pair.append(static_cast<Json::Int64>(to_integer(value) + (offset == offsets.end() ? 0 : offset->second)));
        content.append(pair);
    }
    return detail::tag("map", content);
}

}  // namespace

void apply_updates(Contents& contents, const Json::Value& table_updates) {
    for (auto table = table_updates.begin(); table != table_updates.end(); ++table) {
        for (auto row = table->begin(); row != table->end(); ++row) {
            if (row->isMember("new")) {
                contents[table.name()][row.name()] = (*row)["new"];
            } else {
                contents[table.name()].erase(row.name());
            }
        }
    }
}

CarriedColumns carried_columns(const Json::Value& operators_schema, const Json::Value& b_schema) {
    CarriedColumns carried;
    const Json::Value& tables = operators_schema["tables"];
    for (auto table = tables.begin(); table != tables.end(); ++table) {
        std::string name = table.name();
        const Json::Value& b_columns = b_schema["tables"][name]["columns"];
        const Json::Value& columns = (*table)["columns"];
        for (auto column = columns.begin(); column != columns.end(); ++column) {
            if (!b_columns.isMember(column.name())) {
                continue;
            }
            if (holds(status_columns, name, column.name())) {
                carried.status[name].insert(column.name());
            } else if (!own_tables.count(name) && !holds(not_configuration, name, column.name()) &&
                       !(*column)["ephemeral"].asBool()) {
                carried.configuration[name].insert(column.name());
            }
        }
    }
    return carried;
}

Columns with_rows_of(Columns configuration, const Columns& status) {
    for (const auto& [table, names] : status) {
        configuration.try_emplace(table);
    }
    return configuration;
}

Json::Value monitor_requests(const Columns& columns) {
    Json::Value requests(Json::objectValue);
    for (const auto& [table, names] : columns) {
        requests[table]["columns"] = Json::arrayValue;
        for (const auto& name : names) {
            requests[table]["columns"].append(name);
        }
    }
    return requests;
}

std::set<std::string> root_tables(const Json::Value& schema) {
    std::set<std::string> roots;
    const Json::Value& tables = schema["tables"];
    for (auto table = tables.begin(); table != tables.end(); ++table) {
        if ((*table)["isRoot"].asBool()) {
            roots.insert(table.name());
        }
    }
    return roots;
}

ConfigurationChange configuration_change(const Contents& operators, const Contents& b, const Columns& configuration,
                                         const std::set<std::string>& roots) {
    ConfigurationChange change;
    for (const auto& [table, columns] : configuration) {
        const TableRows& present = table_of(b, table);
        const TableRows& wanted = table_of(operators, table);
        for (const auto& [uuid, row] : wanted) {
            auto found = present.find(uuid);
            Json::Value changed = changed_columns(table, columns, row, found == present.end() ? nullptr : &found->second);
            if (found == present.end()) {
                change.operations.push_back(insert(table, uuid, changed));
            } else if (!changed.empty()) {
                change.operations.push_back(update(table, where_uuid(uuid), changed));
            }
        }
        for (const auto& [uuid, row] : present) {
            // Rows of other tables go with the last reference to them.
            if (roots.count(table) && !wanted.count(uuid)) {
                change.operations.push_back(remove(table, where_uuid(uuid)));
            }
        }
    }
    std::set<HostPort> wanted = host_ports(operators), present = host_ports(b);
    std::set_difference(present.begin(), present.end(), wanted.begin(), wanted.end(), std::back_inserter(change.removed));
    std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(), std::back_inserter(change.added));
    return change;
}

std::vector<Json::Value> status_change(const Contents& b, const Contents& operators, const Columns& status,
                                       const CounterOffsets& offsets, Contents& carried) {
    std::vector<Json::Value> operations;
    for (const auto& [table, columns] : status) {
        const TableRows& rows = table_of(operators, table);
        std::erase_if(carried[table], [&](const auto& entry) { return !rows.count(entry.first); });
        for (const auto& [uuid, row] : table_of(b, table)) {
            if (!rows.count(uuid)) {
                continue;
            }
            Json::Value changed, &known = carried[table][uuid];
            for (const auto& column : columns) {
                auto offset = offsets.find(uuid);
                Json::Value value = column == "statistics" && offset != offsets.end()
                                        ? add_offsets(row[column], offset->second) : row[column];
                if (column == "cur_cfg" && to_integer(value) <= to_integer(known[column])) {
                    continue;   // B was behind A when it was copied: what A has taken stays taken
                }
                if (!same(value, known[column])) {
                    changed[column] = known[column] = value;
                }
            }
            if (!changed.isNull()) {
                operations.push_back(update(table, where_uuid(uuid), changed));
            }
        }
    }
    return operations;
}

CounterOffsets counter_offsets(const Contents& operators_status, const Contents& b_status) {
    CounterOffsets offsets;
    const TableRows& b_rows = table_of(b_status, "Interface");
    for (const auto& [uuid, row] : table_of(operators_status, "Interface")) {
        auto b_row = b_rows.find(uuid);
        if (b_row == b_rows.end()) {
            continue;
        }
        std::map<std::string, int64_t> b_counters;
        for (const auto& [name, value] : pairs(b_row->second["statistics"])) {
            b_counters[name.asString()] = to_integer(value);
        }
        for (const auto& [name, value] : pairs(row["statistics"])) {
            if (auto counter = b_counters.find(name.asString()); counter != b_counters.end()) {
                offsets[uuid][name.asString()] = to_integer(value) - counter->second;
            }
        }
    }
    return offsets;
}

}  // namespace hitless::ovsdb
