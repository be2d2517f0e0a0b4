// Meters in canonical form: what a switch tells of them (OFPMP_METER_CONFIG), as the meter mod that makes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "openflow/connection.h"

namespace hitless::openflow {

struct Meter {
    uint32_t id;             // the virtual ones too (OFPM13_CONTROLLER, OFPM13_SLOWPATH), where they have been set
    std::string meter_mod;   // OFPT_METER_MOD with OFPMC13_ADD and transaction id 0
};

// All meters, in the order of their ids; none from a datapath without meters.
Result<std::vector<Meter>> read_meters(Connection& connection);

enum class MeterCommand : uint16_t { Add = 0, Modify = 1, Remove = 2 };
// The meter mod that carries out 'command' on the meter of 'meter_mod'. With a meter, the switch removes the flows that use it.
Message meter_change(std::string_view meter_mod, MeterCommand command);

// As ovs-ofctl dump-meters prints it.
std::string describe_meter(std::string_view meter_mod);

}  // namespace hitless::openflow
