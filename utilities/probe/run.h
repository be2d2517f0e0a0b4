// One measurement: sockets, threads, begin and end.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/flow_spec.h"
#include "probe/sequence.h"
#include "probe/stream.h"

namespace hitless::probe {

constexpr size_t kMostSeries = 64;       // a TimeSeries takes up to 800 kB

struct RunOptions {
    std::vector<FlowSpec> flows;
    double rate_pps = 10'000;            // of each stream
    unsigned size_bytes = 64;            // UDP payload
    std::optional<std::chrono::nanoseconds> duration;    // none: until 'stopped'
    std::chrono::milliseconds warm_up_limit{5'000};      // by then every stream must have been heard
    std::chrono::milliseconds drain_limit{2'000};        // waited for late packets, from the last arrival
    uint64_t window = 0;                 // as of SequenceAnalysis; 0: kWindowTime's packets, at most its default
    std::chrono::nanoseconds series_interval{0};   // of a TimeSeries of all streams, and of each if they are kMostSeries at most; 0: none
    int buffer_bytes = 64 << 20;
    std::optional<int> send_cpu, receive_cpu;
    bool realtime = false;               // both threads get the lowest SCHED_FIFO priority: before all ordinary processes
    std::function<bool()> stopped;       // asked every 10 ms
    std::function<void()> on_started;    // when warm-up has succeeded and the measurement begins
};

struct StreamReport {
    uint32_t flow = 0;                   // index, the flows of one --flow counted one by one
    bool reverse = false;
    std::string from, to, source, destination;
    uint64_t address_changes = 0;
    uint64_t receive_drops = 0;          // by the receive buffer of our socket; streams of the same destination share it
    HostFaults faults;
    StreamResult result;
};

struct RunReport {
    double rate_pps = 0;
    unsigned size_bytes = 0;
    double duration_s = 0;
    int64_t started_ns = 0;              // CLOCK_REALTIME
    int64_t clock_step_ns = 0;           // by how much CLOCK_REALTIME was set meanwhile: latencies are that wrong
    uint64_t receive_drops = 0;          // of all sockets
    uint64_t backlog_drops = 0;          // packets dropped between devices of this host because a CPU was overloaded (softnet)
    TimeSeries series{0, 0};             // of all streams
    std::vector<StreamReport> streams;
};

// An Error when a stream never gets through, or the system refuses something.
Result<RunReport> measure(const RunOptions& options);

}  // namespace hitless::probe
