// Packets that wait at a controller: the action controller(pause) sends it the packet with all that the switch needs to go on, the
// continuation, registers and stack among it (NXT_PACKET_IN2); the controller gives it back (NXT_RESUME).
//
// A continuation names its bridge by a UUID that the bridge has drawn at random when it was made. Under another UUID the switch
// refuses it, with good reason: it may be of a bridge with other tables. Here it is of the same bridge's other instance, and gets
// the UUID that the bridge has there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "openflow/connection.h"

namespace hitless::openflow {

using BridgeUuid = std::array<uint8_t, 16>;   // as in a continuation

// The UUID that the continuation in 'message' (NXT_PACKET_IN2 or NXT_RESUME, header included) names. An Error where there is none.
Result<BridgeUuid> bridge_of_continuation(std::span<const uint8_t> message);

// The NXT_RESUME that goes on with the continuation in 'message' on the bridge 'uuid'. In the OpenFlow version of 'message', for
// what is in it is told in that version's terms.
Result<Message> make_resume(std::span<const uint8_t> message, const BridgeUuid& uuid);

// What the bridge whose management socket is at 'path' calls itself: it is let pause a packet of ours.
Result<BridgeUuid> read_bridge_uuid(const std::string& path, const std::string& bridge);

// Goes on, on that bridge, with the continuation in 'message'.
Status resume(const std::string& path, const std::string& bridge, std::span<const uint8_t> message);

}  // namespace hitless::openflow
