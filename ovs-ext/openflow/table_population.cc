#include "base/openvswitch.h"

#include "openflow/table_population.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

Result<TablePopulation> read_table_population(Connection& connection) {
    constexpr uint8_t own_table = 254;   // TBL_INTERNAL in ofproto/ofproto-dpif.h
    auto replies = TRY(connection.request(to_message(ofpraw_alloc(OFPRAW_OFPST_TABLE_REQUEST, OFP15_VERSION, 0))));
    TablePopulation population;
    for (const Message& reply : replies) {
        ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
        for (;;) {
            ofputil_table_stats stats;
            ofputil_table_features features;
            int error = ofputil_decode_table_stats_reply(&content, &stats, &features);
            if (error == EOF) {
                break;
            }
            if (error) {
                return make_error("bridge {}: tables: unreadable answer: {}", connection.name(),
                                  ofperr_get_name(static_cast<ofperr>(error)));
            }
            if (stats.active_count && stats.table_id < own_table) {
                population.tables.push_back({stats.table_id, stats.active_count});
            }
        }
    }
    std::ranges::sort(population.tables, {}, &TablePopulation::Table::id);
    return population;
}

}  // namespace hitless::openflow
