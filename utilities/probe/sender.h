// The sending thread of a run.
#pragma once

#include <atomic>
#include <cstdint>

#include "probe/stream.h"

namespace hitless::probe {

enum class Phase : int { warm_up, measure, stop };

struct SenderOptions {
    uint64_t run = 0;           // see Payload
    double rate_pps = 0;        // of each stream
    unsigned size_bytes = 0;    // of the UDP payload
};

// Sends the packets of all streams, evenly spaced, until 'phase' is stop. It never makes up for a pause by a burst of more than
// 1 ms worth of packets: it shifts the schedule and counts what it left out.
void send_streams(const Streams& streams, const SenderOptions& options, const std::atomic<Phase>& phase);

}  // namespace hitless::probe
