// What the hitless/* commands print: a table for people, JSON of a stable form (ovs-hitlessd(8)) for programs. Pure.
#pragma once

#include <json/value.h>

#include <string>
#include <vector>

#include "datapath/steering.h"
#include "upgrade/summary.h"

namespace hitless::appctl {

// One instance as hitless/status tells of it.
struct InstanceStatus {
    std::string name, role, version, executable;
    int64_t pid = 0;   // 0: not running
};

struct StatusReport {
    std::string version;   // of the daemon
    std::string state;     // of the conductor, or "upgrading"
    std::vector<InstanceStatus> instances;
    std::optional<upgrade::Summary> operation;   // under way, or the last one
};

// What preflight found.
struct CheckReport {
    std::vector<std::string> refusals, warnings;
    std::string version;   // of the running switch
    size_t bridges = 0, ports = 0;
};

std::string summary_table(const upgrade::Summary& summary);
Json::Value summary_json(const upgrade::Summary& summary);

std::string status_table(const StatusReport& report);
Json::Value status_json(const StatusReport& report);

std::string check_table(const CheckReport& report);
Json::Value check_json(const CheckReport& report);

std::string bond_table(const datapath::Bond& bond);
Json::Value bond_json(const datapath::Bond& bond);

std::string history_table(const std::vector<upgrade::Summary>& history);
Json::Value history_json(const std::vector<upgrade::Summary>& history);

// One line, ended by a newline.
std::string to_text(const Json::Value& value);

}  // namespace hitless::appctl
