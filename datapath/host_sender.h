// Frames from the daemon itself to hosts at the ports, past both instances.
#pragma once

#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "datapath/bpf/steer.h"

namespace hitless::datapath {

// A packet socket whose packets have 'mark', by which they pass the ports' output gates.
Result<Fd> open_sender(uint32_t mark);

// Sends 'packet' (from its IP header on) to the host whose frames come in as 'host' says: with the same VLAN tags.
Status send_frame(const Fd& sender, const steer_host& host, std::span<const uint8_t> packet);

}  // namespace hitless::datapath
