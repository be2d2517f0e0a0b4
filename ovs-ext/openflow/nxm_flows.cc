#include "base/openvswitch.h"

#include "openflow/nxm_flows.h"

#include "openflow/buffers.h"
#include "openflow/flow_statistics.h"

namespace hitless::openflow {

std::optional<ofputil_flow_stats> NxmFlow::decode() const {
    Buffer reply(ofpraw_alloc_xid(OFPRAW_NXST_FLOW_REPLY, OFP10_VERSION, 0, 0));
    nx_flow_stats alone = statistics;
    alone.length = htons(sizeof alone + match.size());
    ofpbuf_put(reply.get(), &alone, sizeof alone);
    ofpbuf_put(reply.get(), match.data(), match.size());
    ofpmsg_update_length(reply.get());
    ofpbuf content = ofpbuf_const_initializer(reply->data, reply->size);
    Buffer no_actions(ofpbuf_new(0));
    ofputil_flow_stats flow;
    if (ofputil_decode_flow_stats_reply(&flow, &content, true, no_actions.get())) {
        return std::nullopt;
    }
    flow.ofpacts = nullptr;
    flow.ofpacts_len = 0;
    return flow;
}

Message nxm_flows_request(const match& least) {
    return flow_statistics_request(least, false, OFPUTIL_P_OF10_NXM_TID);
}

bool for_each_nxm_flow(std::span<const uint8_t> reply, const std::function<void(const NxmFlow&)>& visit) {
    ofpraw raw;
    ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
    if (ofpraw_pull(&raw, &content) || raw != OFPRAW_NXST_FLOW_REPLY) {
        return false;
    }
    std::string_view rest(static_cast<const char*>(content.data), content.size);
    while (!rest.empty()) {
        NxmFlow flow;
        if (rest.size() < sizeof flow.statistics) {
            return false;
        }
        std::memcpy(&flow.statistics, rest.data(), sizeof flow.statistics);
        size_t length = ntohs(flow.statistics.length), match = ROUND_UP(ntohs(flow.statistics.match_len), 8);
        if (length < sizeof flow.statistics + match || length > rest.size()) {
            return false;
        }
        flow.match = rest.substr(sizeof flow.statistics, match);
        visit(flow);
        rest.remove_prefix(length);
    }
    return true;
}

}  // namespace hitless::openflow
