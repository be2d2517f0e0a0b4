// Which tables flows are in (OFPMP_TABLE).
#pragma once

#include <cstdint>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct TablePopulation {
    std::vector<uint8_t> tables;   // with flows, in order; not the switch's own, which it does not show
    size_t flows = 0;              // in all
};

Result<TablePopulation> read_table_population(Connection& connection);

}  // namespace hitless::openflow
