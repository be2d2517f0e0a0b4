#include "ovsdb/switch_config.h"

#include <algorithm>
#include <array>

#include "ovsdb/rows.h"

namespace hitless::ovsdb {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Tables {
    Rows bridges, ports, interfaces, controllers;
};

// The rows of 'rows' that 'references' names, made into T by 'make'.
template <typename Make>
auto referenced(const Rows& rows, const Json::Value& references, Make make) {
    std::vector<decltype(make(std::string(), Json::Value()))> all;
    for (const auto& uuid : to_uuids(references)) {
        if (auto row = rows.find(uuid); row != rows.end()) {
            all.push_back(make(uuid, row->second));
        }
    }
    return all;
}

template <typename T, typename Key>
void sort_by(std::vector<T>& all, Key key) {
    std::sort(all.begin(), all.end(), [key](const T& a, const T& b) { return a.*key < b.*key; });
}

InterfaceConfig make_interface(const std::string& uuid, const Json::Value& row) {
    InterfaceConfig interface;
    interface.uuid = uuid;
    interface.name = to_text(row["name"]);
    interface.type = to_text(row["type"]);
    interface.options = to_map(row["options"]);
    interface.other_config = to_map(row["other_config"]);
    interface.ofport = to_optional_integer(row["ofport"]);
    interface.ofport_request = to_optional_integer(row["ofport_request"]);
    interface.error = to_optional_string(row["error"]);
    interface.mac = to_optional_string(row["mac"]);
    interface.mac_in_use = to_optional_string(row["mac_in_use"]);
    interface.mtu = to_optional_integer(row["mtu"]);
    interface.mtu_request = to_optional_integer(row["mtu_request"]);
    StringMap bfd = to_map(row["bfd"]);
    interface.bfd = bfd.count("enable") && bfd["enable"] == "true";
    interface.cfm = to_optional_integer(row["cfm_mpid"]).has_value();
    return interface;
}

PortConfig make_port(const Tables& tables, const std::string& uuid, const Json::Value& row) {
    PortConfig port;
    port.uuid = uuid;
    port.name = to_text(row["name"]);
    port.interfaces = referenced(tables.interfaces, row["interfaces"], make_interface);
    sort_by(port.interfaces, &InterfaceConfig::name);
    port.bond_mode = to_optional_string(row["bond_mode"]);
    port.bond_active_member = to_optional_string(row["bond_active_slave"]);
    port.lacp = to_optional_string(row["lacp"]);
    port.vlan_mode = to_optional_string(row["vlan_mode"]);
    port.tag = to_optional_integer(row["tag"]);
    port.trunks = to_integers(row["trunks"]);
    port.has_qos = !elements(row["qos"]).empty();
    port.other_config = to_map(row["other_config"]);
    return port;
}

ControllerConfig make_controller(const std::string& uuid, const Json::Value& row) {
    return {uuid, to_text(row["target"]), to_optional_string(row["connection_mode"]), to_optional_string(row["type"]),
            to_bool(row["is_connected"])};
}

BridgeConfig make_bridge(const Tables& tables, const std::string& uuid, const Json::Value& row) {
    BridgeConfig bridge;
    bridge.uuid = uuid;
    bridge.name = to_text(row["name"]);
    bridge.datapath_type = to_text(row["datapath_type"]);
    bridge.datapath_id = to_optional_string(row["datapath_id"]);
    bridge.fail_mode = to_optional_string(row["fail_mode"]);
    bridge.controllers = referenced(tables.controllers, row["controller"], make_controller);
    sort_by(bridge.controllers, &ControllerConfig::uuid);
    bridge.ports = referenced(tables.ports, row["ports"], [&](const std::string& port, const Json::Value& port_row) {
        return make_port(tables, port, port_row);
    });
    sort_by(bridge.ports, &PortConfig::name);
    bridge.protocols = to_strings(row["protocols"]);
    bridge.stp = to_bool(row["stp_enable"]);
    bridge.rstp = to_bool(row["rstp_enable"]);
    bridge.mcast_snooping = to_bool(row["mcast_snooping_enable"]);
    bridge.has_mirrors = !elements(row["mirrors"]).empty();
    bridge.has_netflow = !elements(row["netflow"]).empty();
    bridge.has_sflow = !elements(row["sflow"]).empty();
    bridge.has_ipfix = !elements(row["ipfix"]).empty();
    bridge.other_config = to_map(row["other_config"]);
    return bridge;
}

Json::Value condition(const char* column, const char* function, const Json::Value& value) {
    Json::Value clause(Json::arrayValue);
    clause.append(column);
    clause.append(function);
    clause.append(value);
    return clause;
}

Json::Value conditions(std::initializer_list<Json::Value> clauses) {
    Json::Value where(Json::arrayValue);
    for (const auto& clause : clauses) {
        where.append(clause);
    }
    return where;
}

// Interfaces that the switch has not dealt with.
Json::Value no_ofport_no_error() {
    return conditions({condition("ofport", "==", empty_set()), condition("error", "==", empty_set())});
}

// "wait" (RFC 7047 section 5.2.6) until no row of 'table' matches 'where'.
Json::Value wait_none(const char* table, const char* column, Json::Value where, milliseconds limit) {
    Json::Value operation;
    operation["op"] = "wait";
    operation["timeout"] = static_cast<Json::Int64>(limit.count());
    operation["table"] = table;
    operation["where"] = std::move(where);
    operation["columns"].append(column);
    operation["until"] = "==";
    operation["rows"] = Json::arrayValue;
    return operation;
}

}  // namespace

const BridgeConfig* SwitchConfig::find_bridge(const std::string& name) const {
    auto bridge = std::find_if(bridges.begin(), bridges.end(), [&](const auto& b) { return b.name == name; });
    return bridge == bridges.end() ? nullptr : &*bridge;
}

Result<SwitchConfig> read_switch_config(Client& client) {
    Json::Value schema = TRY(client.get_schema(open_vswitch));
    auto results = TRY(client.transact(open_vswitch, {select(open_vswitch), select("Bridge"), select("Port"),
                                                      select("Interface"), select("Controller")}));
    if (results[0]["rows"].size() != 1) {
        return make_error("ovsdb-server {}: database {} has no row in table {}: ovs-vsctl init makes it", client.path(),
                          open_vswitch, open_vswitch);
    }
    Tables tables{rows_by_uuid(results[1]), rows_by_uuid(results[2]), rows_by_uuid(results[3]), rows_by_uuid(results[4])};
    const Json::Value& root = results[0]["rows"][0];
    SwitchConfig config;
    config.schema_version = schema["version"].asString();
    config.ovs_version = to_optional_string(root["ovs_version"]).value_or("");
    config.other_config = to_map(root["other_config"]);
    config.next_cfg = to_integer(root["next_cfg"]);
    config.cur_cfg = to_integer(root["cur_cfg"]);
    config.has_managers = !elements(root["manager_options"]).empty();
    config.has_ssl = !elements(root["ssl"]).empty();
    config.bridges = referenced(tables.bridges, root["bridges"], [&](const std::string& uuid, const Json::Value& row) {
        return make_bridge(tables, uuid, row);
    });
    // As ovs-vswitchd ignores them: their names are in those of sockets, and would lead out of the run directory.
    std::erase_if(config.bridges, [](const BridgeConfig& bridge) { return bridge.name.find_first_of("/\\") != std::string::npos; });
    sort_by(config.bridges, &BridgeConfig::name);
    return config;
}

Status wait_configured(Client& client, milliseconds limit) {
    auto deadline = Clock::now() + limit;
    auto root = TRY(client.transact(open_vswitch, {select(open_vswitch, {"next_cfg"})}));
    Json::Value next_cfg = root[0]["rows"][0]["next_cfg"];
    // The server itself waits; two transactions, as one would have to be true of both at the first look.
    for (const auto& [table, column, where] :
         {std::tuple{open_vswitch, "cur_cfg", conditions({condition("cur_cfg", "<", next_cfg)})},
          std::tuple{"Interface", "name", no_ofport_no_error()}}) {
        auto left = std::max(std::chrono::duration_cast<milliseconds>(deadline - Clock::now()), milliseconds(0));
        auto waited = client.transact(open_vswitch, {wait_none(table, column, where, left)}, left + std::chrono::seconds(5));
        if (waited) {
            continue;
        }
        auto now = TRY(client.transact(open_vswitch, {select(open_vswitch, {"cur_cfg"}),
                                                      select("Interface", {"name"}, no_ofport_no_error())}));
        std::string missing;
        for (const auto& row : now[1]["rows"]) {
            missing += " " + to_text(row["name"]);
        }
        return make_error("ovsdb-server {}: switch not configured within {} ms: cur_cfg {} of {}, interfaces without a port "
                          "number:{}: is its ovs-vswitchd running? ({})",
                          client.path(), limit.count(), to_integer(now[0]["rows"][0]["cur_cfg"]), to_integer(next_cfg),
                          missing.empty() ? " none" : missing, waited.error().message);
    }
    return {};
}

}  // namespace hitless::ovsdb
