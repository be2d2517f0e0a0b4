// The generation id of a bridge: the newest that a controller gave with its role (OpenFlow 1.5.1 section 6.3.6). The switch refuses
// older ones, so that a controller that was replaced cannot take part any more.
#pragma once

#include <cstdint>
#include <optional>

#include "openflow/connection.h"

namespace hitless::openflow {

// None: no controller has given one since the switch was started.
Result<std::optional<uint64_t>> read_generation(Connection& connection);
// Gives 'id', and makes 'connection' one of a slave, which cannot change anything. Refused where it is older than the bridge's.
Status set_generation(Connection& connection, uint64_t id);

}  // namespace hitless::openflow
