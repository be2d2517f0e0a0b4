// Which tables flows are in, and how many (OFPMP_TABLE): costs the switch next to nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct TablePopulation {
    struct Table {
        uint8_t id;
        size_t flows;
    };
    std::vector<Table> tables;   // with flows, in order; not the switch's own, which it does not show
};

Result<TablePopulation> read_table_population(Connection& connection);

}  // namespace hitless::openflow
