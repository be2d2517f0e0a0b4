#include "probe/sequence.h"

#include <algorithm>
#include <bit>

namespace hitless::probe {

namespace {
constexpr size_t kEventsKept = 100;
}

SequenceAnalysis::SequenceAnalysis(int64_t interval_ns, uint64_t window, TimeSeries series, TimeSeries* all)
    : interval_ns_(interval_ns), mask_(std::bit_ceil(std::max<uint64_t>(window, 2)) - 1), slots_(mask_ + 1), all_(all) {
    result_.series = std::move(series);
}

void SequenceAnalysis::record(const Arrival& arrival) {
    if (last_arrival_ns_ != 0) {
        result_.longest_gap_ns = std::max(result_.longest_gap_ns, arrival.received_ns - last_arrival_ns_);
    }
    last_arrival_ns_ = arrival.received_ns;

    if (arrival.sequence < tail_) {
        ++result_.too_late;
        return;
    }
    if (arrival.sequence > mask_) {
        retire_until(std::max(tail_, arrival.sequence - mask_));   // makes room for it
    }
    Slot& slot = slots_[arrival.sequence & mask_];
    if (slot.received_ns != 0) {
        ++result_.duplicated;
        return;
    }
    slot = {arrival.sent_ns, arrival.received_ns};
    ++result_.received;
    result_.latency_ns.record(arrival.received_ns - arrival.sent_ns);
    result_.series.arrived(arrival.sent_ns, arrival.received_ns - arrival.sent_ns);
    if (all_) {
        all_->arrived(arrival.sent_ns, arrival.received_ns - arrival.sent_ns);
    }
    if (arrival.sequence < next_) {
        ++result_.reordered;
        result_.displacement = std::max(result_.displacement, next_ - 1 - arrival.sequence);
    } else {
        next_ = arrival.sequence + 1;
    }
}

// Decides the packets before 'end', in order of sending, and frees their slots.
void SequenceAnalysis::retire_until(uint64_t end) {
    for (; tail_ < end; ++tail_) {
        Slot& slot = slots_[tail_ & mask_];
        if (slot.received_ns == 0) {
            ++lost_run_;
            continue;
        }
        if (lost_run_ > 0) {
            close_loss(&slot);
        }
        previous_ = slot;
        any_before_ = true;
        slot = {};
    }
}

// Ends a run of lost packets before tail_; 'next' is the delivered packet after it.
void SequenceAnalysis::close_loss(const Slot* next) {
    LossEvent event;
    event.first = tail_ - lost_run_;
    event.packets = lost_run_;
    // Before the first delivery there is no time to count from but that of the packet after the run.
    event.due_ns = any_before_ ? previous_.sent_ns + interval_ns_
                               : next->sent_ns - static_cast<int64_t>(lost_run_) * interval_ns_;
    event.outage_ns = next->received_ns - event.due_ns;
    if (any_before_) {
        result_.reset_time_stamp_ns =
            std::max(result_.reset_time_stamp_ns, next->received_ns - previous_.received_ns);
    }
    add_event(event);
}

void SequenceAnalysis::add_event(LossEvent event) {
    result_.lost += event.packets;
    result_.series.lost(event.due_ns, event.packets, interval_ns_);
    if (all_) {
        all_->lost(event.due_ns, event.packets, interval_ns_);
    }
    longest_outage_ns_ = std::max(longest_outage_ns_, event.outage_ns);
    ++result_.loss_events_total;
    if (result_.loss_events.size() < kEventsKept) {
        result_.loss_events.push_back(event);
    }
    lost_run_ = 0;
}

StreamResult SequenceAnalysis::finish(uint64_t sent, int64_t first_sent_ns, int64_t last_sent_ns) {
    // Numbers beyond what was sent cannot be ours: a fault of the network, not part of the stream.
    for (uint64_t i = std::max(sent, tail_); i < next_; ++i) {
        if (slots_[i & mask_].received_ns != 0) {
            ++result_.alien;
            --result_.received;
        }
    }
    retire_until(sent);
    if (lost_run_ > 0) {
        LossEvent event;
        event.first = tail_ - lost_run_;
        event.packets = lost_run_;
        event.due_ns = any_before_ ? previous_.sent_ns + interval_ns_ : first_sent_ns;
        event.outage_ns = std::max<int64_t>(last_sent_ns - event.due_ns, 0);
        event.recovered = false;
        result_.reset_time_stamp_ns = std::max(result_.reset_time_stamp_ns, event.outage_ns);
        add_event(event);
    }
    result_.sent = sent;
    result_.reset_frame_loss_ns = static_cast<int64_t>(result_.lost) * interval_ns_;
    const int64_t longest = std::max(result_.latency_ns.maximum(), longest_outage_ns_);
    result_.blackout_ns = std::max<int64_t>(longest - result_.latency_ns.percentile(50), 0);
    return std::move(result_);
}

}  // namespace hitless::probe
