#include "base/openvswitch.h"

#include "openflow/flow_statistics.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

Message flow_statistics_request(const match& least, bool aggregate, ofputil_protocol protocol) {
    ofputil_flow_stats_request request{};
    request.aggregate = aggregate;
    request.match = least;
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    return to_message(ofputil_encode_flow_stats_request(&request, protocol));
}

Result<FlowTotals> read_flow_totals(Connection& connection, const match& least, ofputil_protocol protocol) {
    FlowTotals totals;
    for (const Message& reply : TRY(connection.request(flow_statistics_request(least, true, protocol)))) {
        ofputil_aggregate_stats statistics{};
        if (ofperr error = ofputil_decode_aggregate_stats_reply(&statistics, reinterpret_cast<const ofp_header*>(reply.data()))) {
            return make_error("bridge {}: totals in a form unknown here: {}", connection.name(), ofperr_get_name(error));
        }
        totals = {statistics.flow_count, statistics.packet_count, statistics.byte_count};
    }
    return totals;
}

}  // namespace hitless::openflow
