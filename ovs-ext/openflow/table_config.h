// What a controller has set of tables themselves (OFPMP_TABLE_DESC of OpenFlow 1.5).
#pragma once

#include <cstdint>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct TableConfig {
    uint8_t table = 0;
    bool eviction = false;                         // a full table gives up less important flows
    bool vacancy_events = false;
    uint8_t vacancy_down = 0, vacancy_up = 0;      // percent; only with vacancy_events

    bool is_default() const { return !eviction && !vacancy_events; }
};

// The tables that are not as they are by default, in their order.
Result<std::vector<TableConfig>> read_table_configs(Connection& connection);
Message table_mod(const TableConfig& config);

}  // namespace hitless::openflow
