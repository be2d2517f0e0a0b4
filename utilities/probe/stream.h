// Stream: one direction of one flow, as the threads of a run share it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "probe/flow_spec.h"
#include "probe/packet.h"
#include "probe/sequence.h"

namespace hitless::probe {

int64_t monotonic_ns();
int64_t realtime_ns();

// What went wrong on the measuring host itself; nothing of it is the switch's doing.
struct HostFaults {
    uint64_t send_errors = 0;      // sendmmsg() that failed; the packets were sent later
    uint64_t late_sends = 0;       // sendings more than 1 ms after they were due: the sender did not get to run
    int64_t latest_ns = 0;         // the worst of them
    uint64_t skipped = 0;          // packets left out, after a pause, rather than sent as a burst of over 1 ms worth
};

class Stream {
  public:
    Stream(uint32_t index, SequenceAnalysis analysis) : index(index), analysis(std::move(analysis)) {}

    const uint32_t index;
    uint32_t flow = 0;              // index of its --flow
    bool reverse = false;
    std::string from, to;           // namespaces, for the report
    Address source;                 // ours
    int send_socket = -1;           // owned by the run
    int receive_socket = -1;

    // Where the packets go. A reverse stream has none until the other one has been heard.
    std::optional<Address> peer() const {
        const std::lock_guard lock(mutex_);
        return peer_;
    }
    // Returns whether it was another one before.
    bool set_peer(const Address& address) {
        const std::lock_guard lock(mutex_);
        const bool changed = peer_ && !(*peer_ == address);
        peer_ = address;
        return changed;
    }

    // Written by the sender alone; others may read when it has been joined.
    HostFaults faults;
    int64_t first_sent_ns = 0, last_sent_ns = 0;
    std::atomic<uint64_t> sent{0};

    // Written by the receiver alone.
    SequenceAnalysis analysis;
    uint64_t address_changes = 0;   // of the source that the receiver sees: address translation chose another one
    std::atomic<uint64_t> received{0};
    std::atomic<bool> connected{false};   // a packet has arrived

  private:
    mutable std::mutex mutex_;
    std::optional<Address> peer_;
};

using Streams = std::vector<std::unique_ptr<Stream>>;

}  // namespace hitless::probe
