// How long ago flows were made or last refreshed: what their hard timeouts count from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "openflow/connection.h"

namespace hitless::openflow {

// Of all flows with a hard timeout of the bridge whose management socket is at 'path': full seconds, by age_key().
//
// OpenFlow 1.5 tells only when a flow was made, but a learn action that meets its flow again, or a modification, starts the
// timeout anew. The extension NXST_FLOW of OpenFlow 1.0 tells. An Error where the bridge does not allow OpenFlow 1.0.
Result<std::unordered_map<std::string, uint32_t>> read_hard_ages(const std::string& path, const std::string& bridge);

// What names the flow that a flow mod makes, however its match is written: in OpenFlow 1.0 fields have other numbers. Empty: it cannot
// be understood.
std::string age_key(std::string_view flow_mod);

}  // namespace hitless::openflow
