#include "base/openvswitch.h"

#include "openflow/flow_ages.h"

#include "openflow/buffers.h"
#include "openflow/decoded_flow.h"

namespace hitless::openflow {

namespace {

Message all_flows_request() {
    ofputil_flow_stats_request request{};
    request.match = MATCH_CATCHALL_INITIALIZER;
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    return to_message(ofputil_encode_flow_stats_request(&request, OFPUTIL_P_OF10_NXM_TID));
}

// The key of a flow of which OpenFlow 1.0 tells 'statistics' and 'match' (NXM); empty where it cannot be understood. The actions
// are left out: some cannot be told in OpenFlow 1.0.
std::string nxm_key(nx_flow_stats statistics, std::string_view match) {
    Buffer reply(ofpraw_alloc_xid(OFPRAW_NXST_FLOW_REPLY, OFP10_VERSION, 0, 0));
    statistics.length = htons(sizeof statistics + match.size());
    ofpbuf_put(reply.get(), &statistics, sizeof statistics);
    ofpbuf_put(reply.get(), match.data(), match.size());
    ofpmsg_update_length(reply.get());
    ofpbuf content = ofpbuf_const_initializer(reply->data, reply->size);
    Buffer no_actions(ofpbuf_new(0));
    ofputil_flow_stats flow;
    if (ofputil_decode_flow_stats_reply(&flow, &content, true, no_actions.get())) {
        return {};
    }
    minimatch small;
    minimatch_init(&small, &flow.match);
    std::string key = key_of(small, flow.priority, flow.table_id);
    minimatch_destroy(&small);
    return key;
}

// Adds what one message of the reply tells. False: malformed.
bool add_ages(const Message& reply, std::unordered_map<std::string, uint32_t>& ages) {
    ofpraw raw;
    ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
    if (ofpraw_pull(&raw, &content) || raw != OFPRAW_NXST_FLOW_REPLY) {
        return false;
    }
    std::string_view rest(static_cast<const char*>(content.data), content.size);
    while (!rest.empty()) {
        nx_flow_stats flow;
        if (rest.size() < sizeof flow) {
            return false;
        }
        std::memcpy(&flow, rest.data(), sizeof flow);
        size_t length = ntohs(flow.length), match = ROUND_UP(ntohs(flow.match_len), 8);
        if (length < sizeof flow + match || length > rest.size()) {
            return false;
        }
        if (flow.hard_timeout && flow.hard_age) {   // that plus one; zero: not known
            ages.insert_or_assign(nxm_key(flow, rest.substr(sizeof flow, match)), ntohs(flow.hard_age) - 1);
        }
        rest.remove_prefix(length);
    }
    return true;
}

}  // namespace

Result<std::unordered_map<std::string, uint32_t>> read_hard_ages(const std::string& path, const std::string& bridge) {
    Connection connection = TRY(Connection::open(path, bridge, std::chrono::seconds(10), Version::openflow10));
    auto replies = TRY(connection.request(all_flows_request()));
    std::unordered_map<std::string, uint32_t> ages;
    for (const Message& reply : replies) {
        if (!add_ages(reply, ages)) {
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
