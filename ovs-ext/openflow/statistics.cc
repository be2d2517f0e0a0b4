#include "base/openvswitch.h"

#include "openflow/statistics.h"

#include "openflow/buffers.h"
#include "openflow/flow_statistics.h"

namespace hitless::openflow {

namespace {

// The lines below the one that names the message.
std::string lines_of(std::span<const uint8_t> reply) {
    MallocString text(ofp_to_string(reply.data(), reply.size(), nullptr, nullptr, 1));
    std::string_view all = text.get();
    size_t heading = all.find('\n');
    return std::string(heading == std::string_view::npos ? std::string_view() : all.substr(heading + 1));
}

}  // namespace

Result<FlowTotals> read_flow_totals(Connection& connection) {
    return read_flow_totals(connection, match{}, OFPUTIL_P_OF15_OXM);
}

Status print_statistics(Connection& connection, const TakeText& take) {
    const struct {
        const char* heading;
        Message request;
    } lists[] = {
        {"[flows]\n", flow_statistics_request(match{}, false, OFPUTIL_P_OF15_OXM)},
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
