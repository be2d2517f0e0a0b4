// What a bridge does with IP fragments (ovs-ofctl set-frags).
#pragma once

#include <cstdint>
#include <string>

#include "openflow/connection.h"

namespace hitless::openflow {

// 0: by default, ports of transport protocols are 0 in fragments (OFPC_FRAG_* of OpenFlow 1.5.1 section 7.3.2, and one of Nicira).
Result<uint16_t> read_fragment_handling(Connection& connection);
Message set_fragment_handling(uint16_t handling);

// "normal", "drop", "reassemble", "nx-match"
std::string describe_fragment_handling(uint16_t handling);

}  // namespace hitless::openflow
