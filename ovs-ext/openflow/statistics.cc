#include "base/openvswitch.h"

#include "openflow/statistics.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

Message flow_statistics_request(bool aggregate) {
    ofputil_flow_stats_request request{};
    request.aggregate = aggregate;
    request.match = MATCH_CATCHALL_INITIALIZER;
    request.out_port = OFPP_ANY;
    request.out_group = OFPG_ANY;
    request.table_id = OFPTT_ALL;
    return to_message(ofputil_encode_flow_stats_request(&request, OFPUTIL_P_OF15_OXM));
}

// The lines below the one that names the message.
std::string lines_of(std::span<const uint8_t> reply) {
    MallocString text(ofp_to_string(reply.data(), reply.size(), nullptr, nullptr, 1));
    std::string_view all = text.get();
    size_t heading = all.find('\n');
    return std::string(heading == std::string_view::npos ? std::string_view() : all.substr(heading + 1));
}

}  // namespace

Result<FlowTotals> read_flow_totals(Connection& connection) {
    FlowTotals totals;
    for (const Message& reply : TRY(connection.request(flow_statistics_request(true)))) {
        ofputil_aggregate_stats statistics{};
        if (ofperr error = ofputil_decode_aggregate_stats_reply(&statistics, reinterpret_cast<const ofp_header*>(reply.data()))) {
            return make_error("bridge {}: totals in a form unknown here: {}", connection.name(), ofperr_get_name(error));
        }
        totals = {statistics.flow_count, statistics.packet_count, statistics.byte_count};
    }
    return totals;
}

Status print_statistics(Connection& connection, const TakeText& take) {
    const struct {
        const char* heading;
        Message request;
    } lists[] = {
        {"[flows]\n", flow_statistics_request(false)},
        {"[groups]\n", to_message(ofputil_encode_group_stats_request(OFP15_VERSION, OFPG_ALL))},
        {"[meters]\n", to_message(ofputil_encode_meter_request(OFP15_VERSION, OFPUTIL_METER_STATS, OFPM13_ALL))},
        {"[ports]\n", to_message(ofputil_encode_dump_ports_request(OFP15_VERSION, OFPP_ANY))},
    };
    for (const auto& list : lists) {
        Status taken;
        bool first = true;
        Status answered = connection.requests({&list.request, 1}, 1, [&](size_t, std::span<const uint8_t> part) {
            if (taken) {
                taken = take((std::exchange(first, false) ? list.heading : "") + lines_of(part));
            }
            return Status();
        });
        TRY(std::move(taken));
        if (!connection.usable()) {   // what it merely refuses, it does not have
            return answered;
        }
    }
    return {};
}

}  // namespace hitless::openflow
