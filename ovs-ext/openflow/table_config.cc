#include "base/openvswitch.h"

#include "openflow/table_config.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

Result<std::vector<TableConfig>> read_table_configs(Connection& connection) {
    auto replies = TRY(connection.request(to_message(ofputil_encode_table_desc_request(OFP15_VERSION))));
    std::vector<TableConfig> configs;
    for (const Message& reply : replies) {
        ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
        for (;;) {
            ofputil_table_desc table;
            int error = ofputil_decode_table_desc(&content, &table, OFP15_VERSION);
            if (error == EOF) {
                break;
            }
            if (error) {
                return make_error("bridge {}: table with a property unknown here: {}", connection.name(),
                                  ofperr_get_name(static_cast<ofperr>(error)));
            }
            TableConfig config{table.table_id, table.eviction == OFPUTIL_TABLE_EVICTION_ON,
                               table.vacancy == OFPUTIL_TABLE_VACANCY_ON, 0, 0};
            if (config.vacancy_events) {
                config.vacancy_down = table.table_vacancy.vacancy_down;
                config.vacancy_up = table.table_vacancy.vacancy_up;
            }
            if (!config.is_default()) {
                configs.push_back(config);
            }
        }
    }
    std::sort(configs.begin(), configs.end(), [](const auto& a, const auto& b) { return a.table < b.table; });
    return configs;
}

Message table_mod(const TableConfig& config) {
    ofputil_table_mod mod{};
    mod.table_id = config.table;
    mod.eviction = config.eviction ? OFPUTIL_TABLE_EVICTION_ON : OFPUTIL_TABLE_EVICTION_OFF;
    mod.eviction_flags = UINT32_MAX;
    mod.vacancy = config.vacancy_events ? OFPUTIL_TABLE_VACANCY_ON : OFPUTIL_TABLE_VACANCY_OFF;
    mod.table_vacancy.vacancy_down = config.vacancy_down;
    mod.table_vacancy.vacancy_up = config.vacancy_up;
    return to_message(ofputil_encode_table_mod(&mod, OFPUTIL_P_OF15_OXM));
}

}  // namespace hitless::openflow
