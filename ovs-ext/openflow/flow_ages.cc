#include "base/openvswitch.h"

#include "openflow/flow_ages.h"

#include "openflow/decoded_flow.h"
#include "openflow/nxm_flows.h"

namespace hitless::openflow {

namespace {

// Empty where the flow cannot be understood.
std::string nxm_key(const NxmFlow& told) {
    auto flow = told.decode();
    if (!flow) {
        return {};
    }
    minimatch small;
    minimatch_init(&small, &flow->match);
    std::string key = key_of(small, flow->priority, flow->table_id);
    minimatch_destroy(&small);
    return key;
}

}  // namespace

Result<std::unordered_map<std::string, uint32_t>> read_hard_ages(const std::string& path, const std::string& bridge) {
    Connection connection = TRY(Connection::open(path, bridge, std::chrono::seconds(10), Version::openflow10));
    auto replies = TRY(connection.request(nxm_flows_request(match{})));
    std::unordered_map<std::string, uint32_t> ages;
    for (const Message& reply : replies) {
        bool told = for_each_nxm_flow(reply, [&](const NxmFlow& flow) {
            if (flow.statistics.hard_timeout && flow.statistics.hard_age) {   // that plus one; zero: not known
                ages.insert_or_assign(nxm_key(flow), ntohs(flow.statistics.hard_age) - 1);
            }
        });
        if (!told) {
            return make_error("bridge {}: the switch does not tell the ages of flows in OpenFlow 1.0", bridge);
        }
    }
    return ages;
}

std::string age_key(std::string_view flow_mod) {
    DecodedFlow flow(with_instructions(flow_mod, {}), nullptr);
    return flow.error ? "" : key_of(flow.mod.match, flow.mod.priority, flow.mod.table_id);
}

}  // namespace hitless::openflow
