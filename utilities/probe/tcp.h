// Long TCP connections: do they live through what happens to the switch?
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/flow_spec.h"

namespace hitless::probe {

struct TcpOptions {
    std::vector<FlowSpec> flows;                        // their source ports are not used: the kernel chooses
    unsigned connections = 10;                          // of each flow
    unsigned size_bytes = 256;                          // of a message
    std::chrono::milliseconds interval{20};             // between two messages of a connection
    std::optional<std::chrono::nanoseconds> duration;   // none: until 'stopped'
    std::chrono::milliseconds grace{15'000};            // for the last echo of each connection, and for connecting
    std::function<bool()> stopped;
    std::function<void()> on_started;                   // every connection is established and has had an echo
};

struct TcpReport {
    double duration_s = 0;
    uint64_t connections = 0;
    uint64_t alive = 0;               // had an echo of a message sent after the end of the measurement
    uint64_t bytes = 0;               // echoed
    uint64_t messages = 0;
    uint64_t corrupted = 0;           // echoes that differ from what was sent
    uint64_t retransmissions = 0;     // of the clients (TCP_INFO)
    int64_t longest_wait_ns = 0;      // for an echo
    std::vector<std::string> failures;   // connections that died, and of what: the first 10
};

// Every connection sends a message, waits for the echo, compares it, pauses, and so on.
Result<TcpReport> hold_connections(const TcpOptions& options);

}  // namespace hitless::probe
