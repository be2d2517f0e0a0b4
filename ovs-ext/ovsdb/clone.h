// B's database: a copy of the operator's, made fit for a standby.
//
//   1. make_clone() writes the file, before B's ovsdb-server starts on it.
//   2. prepare() changes it through B's ovsdb-server, before B's ovs-vswitchd starts.
//   3. set_controllers() gives a bridge its controllers, or parks them, while B runs.
//
// Rows keep their UUIDs, interfaces their OpenFlow port numbers. Ephemeral columns (link state, statistics...) are not copied.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ovsdb/switch_config.h"

namespace hitless::ovsdb {

struct CloneOptions {
    std::string server;                              // path of the operator's db.sock
    std::filesystem::path file;                      // to make; its directory exists
    std::optional<std::filesystem::path> schema;     // of B's software: the copy is converted to it
    std::string ovsdb_client = "ovsdb-client", ovsdb_tool = "ovsdb-tool";
};

// Makes options.file, readable for its owner alone; replaces what is there. On an Error there is no file.
Status make_clone(const CloneOptions& options);

struct BridgePlan {
    std::string datapath_id;                  // pinned: it is random otherwise; 16 hexadecimal digits
    std::optional<std::string> hwaddr;        // pinned: the MAC address of the LOCAL port
    std::vector<std::string> targets;         // of its controllers, as set_controllers() takes them; empty: leave them as they are
    std::optional<std::string> fail_mode;     // as long as the controllers are parked
};

using ClonePlan = std::map<std::string, BridgePlan>;   // by bridge

// What keeps B's bridges the same as A's running ones, and silent: each controller's target is a socket in B's run directory
// 'rundir' where nobody listens, and fail_mode is secure. (A bridge that loses its last controller, or gets its first, flushes
// its flows; with fail_mode standalone it does so after about 15 s without one. And a unix: target outside the run directory counts as none.)
// Error when A has not reported a bridge's datapath id yet.
Result<ClonePlan> plan_clone(const SwitchConfig& a, const std::string& rundir);

// Carries 'plan' out on B's database, and takes out what must not be there: managers, SSL, keys that would hold B back
// (other_config:flow-restore-wait), A's errors, and the ports' QoS: what B sends passes the queueing disciplines of A's devices, and
// what waited in one of a leg's would be lost when packets return to A. After it cur_cfg is less than next_cfg, so that wait_configured() waits for B itself.
// Error when a bridge of the plan is not there.
Status prepare(Client& b, const ClonePlan& plan);

// The bridges' part of it, on a B that runs.
Status pin_bridges(Client& b, const ClonePlan& plan);

// Gives the controllers of 'bridge' these targets, one each, in the order of BridgeConfig::controllers; all their other
// settings stay. With another number of targets than there are controllers, new ones with default settings replace them all. One transaction with
// fail_mode (nullopt: none).
Status set_controllers(Client& b, const std::string& bridge, const std::vector<std::string>& targets,
                       const std::optional<std::string>& fail_mode);

// Has no switch that starts on 'server', an operator's database, wait for somebody to restore its flows (other_config:flow-restore-wait).
Status end_restore_wait(Client& server);

// Keys of Open_vSwitch other_config that a clone does not have.
const std::vector<std::string>& keys_not_cloned();
// Keys of Bridge other_config that the plan pins.
const std::vector<std::string>& pinned_bridge_keys();

}  // namespace hitless::ovsdb
