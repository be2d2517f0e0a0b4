#include "ovsdb/clone.h"

#include <unistd.h>

#include "base/process.h"
#include "base/write_file.h"

namespace hitless::ovsdb {
namespace {

Status fill_clone(const CloneOptions& options) {
    std::string content = TRY(run_checked({options.ovsdb_client, "backup", "unix:" + options.server, open_vswitch}));
    TRY(write_file(options.file, content));
    if (options.schema) {
        TRY(run_checked({options.ovsdb_tool, "convert", options.file.string(), options.schema->string()}));
    }
    return {};
}


// Appends to 'operations' what gives the controllers of 'bridge' these targets.
void add_controller_operations(const BridgeConfig& bridge, const std::vector<std::string>& targets,
                               const std::optional<std::string>& fail_mode, std::vector<Json::Value>& operations) {
    Json::Value bridge_row;
    bridge_row["fail_mode"] = from_optional(fail_mode);
    if (targets.size() == bridge.controllers.size()) {
        for (size_t i = 0; i < targets.size(); i++) {
            Json::Value row;
            row["target"] = targets[i];
            operations.push_back(update("Controller", where_uuid(bridge.controllers[i].uuid), row));
        }
    } else {
        std::vector<Json::Value> references;
        for (size_t i = 0; i < targets.size(); i++) {
            std::string name = "controller" + std::to_string(operations.size());
            Json::Value operation;
            operation["op"] = "insert";
            operation["table"] = "Controller";
            operation["uuid-name"] = name;
            operation["row"]["target"] = targets[i];
            operations.push_back(operation);
            references.push_back(detail::tag("named-uuid", name));
        }
        bridge_row["controller"] = from_elements(references);
    }
    operations.push_back(update("Bridge", where_uuid(bridge.uuid), bridge_row));
}

void add_bridge_operations(const BridgeConfig& bridge, const BridgePlan& plan, std::vector<Json::Value>& operations) {
    StringMap other_config = bridge.other_config;
    other_config["datapath-id"] = plan.datapath_id;
    if (plan.hwaddr) {
        other_config["hwaddr"] = *plan.hwaddr;
    }
    Json::Value row;
    row["other_config"] = from_map(other_config);
    operations.push_back(update("Bridge", where_uuid(bridge.uuid), row));
    if (!plan.targets.empty()) {
        add_controller_operations(bridge, plan.targets, plan.fail_mode, operations);
    }
}

Status add_plan_operations(const Client& b, const SwitchConfig& config, const ClonePlan& plan,
                           std::vector<Json::Value>& operations) {
    for (const auto& [name, bridge_plan] : plan) {
        const BridgeConfig* bridge = config.find_bridge(name);
        if (!bridge) {
            return make_error("ovsdb-server {}: no bridge {} in the copy of the database", b.path(), name);
        }
        add_bridge_operations(*bridge, bridge_plan, operations);
    }
    return {};
}

}  // namespace

const std::vector<std::string>& keys_not_cloned() {
    static const std::vector<std::string> keys = {"flow-restore-wait"};
    return keys;
}

const std::vector<std::string>& pinned_bridge_keys() {
    static const std::vector<std::string> keys = {"datapath-id", "hwaddr"};
    return keys;
}

Status make_clone(const CloneOptions& options) {
    if (auto status = fill_clone(options); !status) {
        ::unlink(options.file.c_str());
        return ("copy of the database " + options.server) / status.error();
    }
    return {};
}

Result<ClonePlan> plan_clone(const SwitchConfig& a, const std::string& rundir) {
    ClonePlan plan;
    for (const auto& bridge : a.bridges) {
        if (!bridge.datapath_id) {
            return make_error("bridge {}: its switch has not reported a datapath id: is it configured without an error?",
                              bridge.name);
        }
        BridgePlan& entry = plan[bridge.name];
        entry.datapath_id = *bridge.datapath_id;
        for (const auto& port : bridge.ports) {
            for (const auto& interface : port.interfaces) {
                if (interface.name == bridge.name) {
                    entry.hwaddr = interface.mac_in_use;
                }
            }
        }
        for (size_t i = 0; i < bridge.controllers.size(); i++) {
            // Different for each: a bridge keeps its controllers by target.
            entry.targets.push_back("unix:" + rundir + "/" + bridge.name + (i ? "." + std::to_string(i) : "") + ".parked");
            entry.fail_mode = "secure";
        }
    }
    return plan;
}

Status prepare(Client& b, const ClonePlan& plan) {
    SwitchConfig config = TRY(read_switch_config(b));
    for (const auto& key : keys_not_cloned()) {
        config.other_config.erase(key);
    }
    Json::Value root, port, interface, failed, unnumbered(Json::arrayValue);
    root["other_config"] = from_map(config.other_config);
    root["manager_options"] = empty_set();
    root["ssl"] = empty_set();
    root["cur_cfg"] = static_cast<Json::Int64>(config.next_cfg - 1);
    port["qos"] = empty_set();
    interface["error"] = empty_set();
    failed["ofport"] = empty_set();
    unnumbered.append("ofport");
    unnumbered.append("==");
    unnumbered.append(-1);
    Json::Value where(Json::arrayValue);
    where.append(unnumbered);
    std::vector<Json::Value> operations = {update(open_vswitch, Json::arrayValue, root),
                                           update("Port", Json::arrayValue, port),
                                           update("Interface", Json::arrayValue, interface),
                                           update("Interface", where, failed)};
    TRY(add_plan_operations(b, config, plan, operations));
    TRY(b.transact(open_vswitch, operations));
    return {};
}

Status end_restore_wait(Client& server) {
    Json::Value mutation(Json::arrayValue), operation;
    mutation.append("other_config");
    mutation.append("delete");
    mutation.append(from_elements({"flow-restore-wait"}));
    operation["op"] = "mutate";
    operation["table"] = open_vswitch;
    operation["where"] = Json::arrayValue;
    operation["mutations"].append(mutation);
    TRY(server.transact(open_vswitch, {operation}));
    return {};
}

Status pin_bridges(Client& b, const ClonePlan& plan) {
    std::vector<Json::Value> operations;
    TRY(add_plan_operations(b, TRY(read_switch_config(b)), plan, operations));
    TRY(b.transact(open_vswitch, operations));
    return {};
}

Status set_controllers(Client& b, const std::string& bridge, const std::vector<std::string>& targets,
                       const std::optional<std::string>& fail_mode) {
    SwitchConfig config = TRY(read_switch_config(b));
    const BridgeConfig* present = config.find_bridge(bridge);
    if (!present) {
        return make_error("ovsdb-server {}: no bridge {}", b.path(), bridge);
    }
    std::vector<Json::Value> operations;
    add_controller_operations(*present, targets, fail_mode, operations);
    TRY(b.transact(open_vswitch, operations));
    return {};
}

}  // namespace hitless::ovsdb
