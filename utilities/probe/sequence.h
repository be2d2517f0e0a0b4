// SequenceAnalysis: what happened to the packets of one stream, from the sequence numbers and times of those that arrived.
//
// Pure logic: no socket, no clock. receiver.cc feeds it, report.cc prints its result.
#pragma once

#include <cstdint>
#include <vector>

#include "probe/histogram.h"
#include "probe/time_series.h"

namespace hitless::probe {

// All times are nanoseconds of one clock, common to sender and receiver.
struct Arrival {
    uint64_t sequence;      // 0, 1, 2... in the order of sending
    int64_t sent_ns;
    int64_t received_ns;
};

// Consecutive packets that never arrived.
struct LossEvent {
    uint64_t first = 0;           // sequence number of the first
    uint64_t packets = 0;
    int64_t due_ns = 0;           // when the first was due to be sent
    // From due_ns to the arrival of the next packet of the stream: a lost packet counts as one that waited until then. Where no
    // packet arrived any more, to the last sending.
    int64_t outage_ns = 0;
    bool recovered = true;        // false: no later packet arrived
};

struct StreamResult {
    uint64_t sent = 0;
    uint64_t received = 0;              // distinct packets
    uint64_t lost = 0;                  // sent - received
    uint64_t duplicated = 0;            // arrivals beyond the first of a packet
    uint64_t reordered = 0;             // first arrivals after one of a later packet (RFC 4737 section 3.3)
    uint64_t displacement = 0;          // by how many packets at most
    uint64_t too_late = 0;              // arrivals after the window had closed on them; their packets count as lost
    uint64_t alien = 0;                 // arrivals with sequence numbers that were never sent
    int64_t longest_gap_ns = 0;         // between two successive arrivals
    Histogram latency_ns;               // of first arrivals
    int64_t reset_frame_loss_ns = 0;    // RFC 6201 section 3.2.1: packets lost / rate offered
    int64_t reset_time_stamp_ns = 0;    // RFC 6201 section 3.2.2: longest time between the arrivals around a loss
    // The longest time that a packet waited beyond the normal: the greatest latency, or outage_ns of a lost packet, minus the
    // stream's median latency. It does not depend on when the sender got to run, as a gap between arrivals would.
    int64_t blackout_ns = 0;
    uint64_t loss_events_total = 0;
    std::vector<LossEvent> loss_events; // the first 100
    TimeSeries series{0, 0};
};

// Takes arrivals in their order. A packet is given up as lost when 'window' later ones have been seen; memory is 16 bytes for
// each packet of the window, whatever the length of the run.
class SequenceAnalysis {
  public:
    static constexpr uint64_t kDefaultWindow = uint64_t{1} << 18;

    // 'interval_ns': time between two packets of the stream as sent. 'window': rounded up to a power of two. 'series': empty, to be
    // filled, as is 'all', which several analyses share; it may be null.
    explicit SequenceAnalysis(int64_t interval_ns, uint64_t window = kDefaultWindow, TimeSeries series = {0, 0},
                              TimeSeries* all = nullptr);

    void record(const Arrival& arrival);

    // Ends the analysis: packets 0 to sent - 1 were sent, the first at 'first_sent_ns', the last at 'last_sent_ns'.
    StreamResult finish(uint64_t sent, int64_t first_sent_ns, int64_t last_sent_ns);

  private:
    // received_ns is 0 for a packet that has not arrived.
    struct Slot {
        int64_t sent_ns = 0;
        int64_t received_ns = 0;
    };

    void retire_until(uint64_t end);
    void close_loss(const Slot* next);
    void add_event(LossEvent event);

    int64_t interval_ns_;
    uint64_t mask_;
    std::vector<Slot> slots_;
    uint64_t tail_ = 0;         // packets before it are decided
    uint64_t next_ = 0;         // one above the greatest sequence number seen
    int64_t last_arrival_ns_ = 0;
    uint64_t lost_run_ = 0;     // undelivered packets directly before tail_
    bool any_before_ = false;   // previous_ is valid
    Slot previous_;             // last delivered packet before the run
    int64_t longest_outage_ns_ = 0;
    TimeSeries* all_;
    StreamResult result_;
};

}  // namespace hitless::probe
