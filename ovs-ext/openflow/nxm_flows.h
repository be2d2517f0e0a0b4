// Flows as OpenFlow 1.0 with Nicira's extended match (NXM) tells them: matches and ages that later versions do not tell. For .cc files of
// this folder, which include base/openvswitch.h first.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "openflow/connection.h"

namespace hitless::openflow {

struct NxmFlow {
    nx_flow_stats statistics;
    std::string_view match;   // with its padding

    // Without its actions: some cannot be told in OpenFlow 1.0. None where the match cannot be understood.
    std::optional<ofputil_flow_stats> decode() const;
};

// For all flows of all tables that match on at least what 'least' does.
Message nxm_flows_request(const match& least);

// Calls 'visit' with each flow in one message of the reply. False: malformed.
bool for_each_nxm_flow(std::span<const uint8_t> reply, const std::function<void(const NxmFlow&)>& visit);

}  // namespace hitless::openflow
