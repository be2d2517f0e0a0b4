// What the hitless/* commands print: a table for people, JSON of a stable form (ovs-hitlessd(8)) for programs. Pure.
#pragma once

#include <json/value.h>

#include <string>
#include <vector>

#include "upgrade/inspector.h"

namespace hitless::appctl {

struct StatusReport {
    std::string version;   // of the daemon
    std::string state;     // of the conductor, or "upgrading"
    std::vector<upgrade::InstanceStatus> instances;
    std::string problem;                         // what keeps it from its work; empty: nothing
    Result<journal::SoakPolicy> soak;
    std::optional<upgrade::Summary> operation;   // under way, or the last one
};

std::string summary_table(const upgrade::Summary& summary);
Json::Value summary_json(const upgrade::Summary& summary);

std::string status_table(const StatusReport& report);
Json::Value status_json(const StatusReport& report);

std::string check_table(const upgrade::CheckReport& report);
Json::Value check_json(const upgrade::CheckReport& report);

std::string diff_table(const upgrade::DiffReport& report);
Json::Value diff_json(const upgrade::DiffReport& report);
std::string releases_table(const upgrade::ReleaseReport& report);
Json::Value releases_json(const upgrade::ReleaseReport& report);

std::string bond_table(const datapath::Bond& bond);
Json::Value bond_json(const datapath::Bond& bond);

std::string history_table(const std::vector<upgrade::Summary>& history);
Json::Value history_json(const std::vector<upgrade::Summary>& history);

// One line, ended by a newline.
std::string to_text(const Json::Value& value);

}  // namespace hitless::appctl
