// What a bridge has counted, in total and line by line.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "openflow/connection.h"

namespace hitless::openflow {

// Of all flows of all tables.
struct FlowTotals {
    uint64_t flows = 0, packets = 0, bytes = 0;

    bool operator==(const FlowTotals&) const = default;
};
Result<FlowTotals> read_flow_totals(Connection& connection);

// Gives 'take' one text after the other: flows, groups, meters and ports with all their counters and durations, in the lines that
// ovs-ofctl dump-flows, dump-group-stats, meter-stats and dump-ports print, each list under a line "[flows]", "[groups]"... A list that the
// switch does not have is left out. An Error of 'take' ends it.
using TakeText = std::function<Status(std::string_view text)>;
Status print_statistics(Connection& connection, const TakeText& take);

}  // namespace hitless::openflow
