#include "datapath/release.h"

#include <algorithm>
#include <thread>

#include "base/fault.h"

namespace hitless::datapath {

namespace {

// Of one port before the next port's turn. A CPU's backlog holds 1000 packets (net.core.netdev_max_backlog).
constexpr uint32_t batch = 32;

// After so many packets it is looked whether the receiving side keeps up: whether its socket is less than half full, and no CPU's
// backlog is longer than this. In between, a socket and a backlog take as many again, of any size.
constexpr uint64_t look_every = 256, longest_backlog = 300;

// The programs end the RELEASE by themselves when this process made no progress for so long. A receiver that takes nothing for so
// long has no claim to be waited for.
constexpr auto stall_limit = std::chrono::seconds(1);

}  // namespace

Release::Release(SteeringContext& context, std::vector<std::unique_ptr<AttachedPort>>& ports, Clock::time_point halted, Side to,
                 const HasRoom& receiver)
    : context_(context), to_(to), halted_(halted), receiver_(receiver) {
    if (auto softnet = Softnet::open(); softnet.ok()) {
        softnet_ = std::move(*softnet);
    }
    for (auto& port : ports) {
        uint64_t released = context.programs.read_counters(port->index()).released;
        ports_.push_back({port.get(), arrival(port->index(), released), released, released, {}, 0, released, {}, false});
    }
    // A new side takes its time for the first packet of each flow: those that have waited longest do not wait for the others.
    std::ranges::stable_sort(ports_, {}, &Progress::first);
}

Result<ReleaseReport> Release::run() {
    extend_deadline();
    FAULT_POINT("release.begun");
    for (;;) {
        extend_deadline();
        if (turn()) {
            continue;
        }
        // A CPU may still be between its decision to hold and the count of it: after the wait it is not.
        if (all_released()) {
            TRY(wait_for_cpus());
            if (all_released()) {
                break;
            }
            continue;
        }
        TRY(account_for_drops());
    }
    for (const auto& progress : ports_) {
        report_.held += progress.released - progress.held_before;
        report_.refused += progress.port->take_new_refused();
    }
    return report_;
}

// New packets wait behind the held ones until this deadline.
void Release::extend_deadline() {
    auto now = Clock::now();
    overtaken_ = overtaken_ || now > deadline_ || now > started_ + context_.options.order_limit;
    deadline_ = overtaken_ ? now : now + stall_limit;
    context_.programs.set_deadline(deadline_);
}

// The queue of a tap is short, and changing the length of A's would lose the packets in it: the kernel takes the queueing discipline
// off for the moment. So never more than half of it is filled; what has been read makes room.
bool Release::tap_has_room(Progress& progress) const {
    if (!progress.port->port().tap) {
        return true;
    }
    if (!progress.read_before) {
        progress.read_before = progress.port->read_from_tap(to_);
    }
    uint64_t given = progress.released - progress.held_before;
    uint64_t most = std::max<uint64_t>(progress.port->tap_queue_length(to_) / 2, batch);
    if (given + batch <= progress.read + most) {
        return true;
    }
    progress.read = progress.port->read_from_tap(to_) - *progress.read_before;
    return given + batch <= progress.read + most;
}

// Never faster than the receiving side takes this port's packets: what overflows its queue is lost. Port by port: another port, whose
// packets come directly, may keep its socket full for as long as it likes.
bool Release::may_give(Progress& progress) const {
    if (progress.taken_for_stuck) {
        return true;
    }
    bool look = receiver_ && (progress.waiting || progress.released >= progress.looked + look_every);
    if (tap_has_room(progress) && (!look || receiver_(progress.port->port().name))) {
        progress.looked = look ? progress.released : progress.looked;
        progress.waiting.reset();
        return true;
    }
    auto now = Clock::now();
    progress.waiting = progress.waiting.value_or(now);
    progress.taken_for_stuck = now - *progress.waiting > stall_limit;
    return false;
}

// One batch of each port. False: no port had a packet.
bool Release::turn() {
    uint64_t moved_all = 0;
    bool waiting = false;
    for (auto& progress : ports_) {
        // Most ports hold nothing: no system call for them.
        uint64_t held = context_.programs.held(progress.port->index());
        if (progress.released == held) {
            continue;
        }
        if (!may_give(progress)) {
            waiting = true;
            continue;
        }
        auto moved = progress.port->hold().give_on(static_cast<uint32_t>(std::min<uint64_t>(batch, held - progress.released)));
        report_.dropped += moved.failed;
        if (uint64_t packets = moved.packets + moved.failed) {
            publish(progress, moved);
            moved_all += packets;
            pace(packets);
        }
    }
    if (waiting && !moved_all) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return moved_all || waiting;
}

void Release::publish(Progress& progress, const Hold::Moved& moved) {
    uint64_t packets = moved.packets + moved.failed;
    context_.programs.give_back_hold_memory(moved.bytes + packets * STEER_PACKET_COST);
    uint32_t index = progress.port->index();
    // The first of a batch has waited longest.
    auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - arrival(index, progress.released));
    report_.longest_wait = std::max(report_.longest_wait, waited);
    report_.late += overtaken_ ? packets : 0;
    progress.released += packets;
    context_.programs.set_released(index, progress.released);
}

// When the packet 'number' of a port came to its hold; of one that has not yet come, the end of all times. Where its stamp was overwritten
// by a later packet's, the halt is the bound.
Release::Clock::time_point Release::arrival(uint32_t index, uint64_t number) const {
    uint64_t held = context_.programs.held(index);
    if (held == number) {
        return Clock::time_point::max();
    }
    return held - number <= STEER_STAMPS ? context_.programs.arrival(index, number) : halted_;
}

bool Release::all_released() const {
    return std::all_of(ports_.begin(), ports_.end(), [this](const Progress& progress) {
        return progress.released == context_.programs.held(progress.port->index());
    });
}

// All holds were found empty, and yet ports hold packets: lost, because the queue was full, or on their way into it.
Status Release::account_for_drops() {
    bool late = overtaken_;   // what the hold has not given by now is counted as lost in it
    std::vector<uint64_t> before;
    for (const auto& progress : ports_) {
        before.push_back(context_.programs.held(progress.port->index()));
    }
    TRY(wait_for_cpus());
    for (size_t i = 0; i < ports_.size(); i++) {
        Progress& progress = ports_[i];
        uint64_t held = context_.programs.held(progress.port->index());
        if (progress.released == held) {
            continue;
        }
        // What was counted before the wait is now in the queue, or lost. Anything that came since makes that uncertain, but
        // for the queue's own count of drops.
        auto moved = progress.port->hold().give_on(batch);
        if (moved.packets + moved.failed) {
            report_.dropped += moved.failed;
            publish(progress, moved);
            continue;
        }
        uint64_t missing = held - progress.released;
        uint64_t lost = held == before[i] || late ? missing
                        : std::min(missing, progress.port->take_new_drops());
        report_.dropped += lost;
        progress.port->add_dropped(lost);
        progress.released += lost;
        context_.programs.set_released(progress.port->index(), progress.released);
    }
    return {};
}

void Release::pace(uint64_t packets) {
    given_ += packets;
    if (given_ >= looked_ + look_every) {
        looked_ = given_;
        wait_for_cpu_queues();
    }
    auto due = started_ + std::chrono::nanoseconds(given_ * 1'000'000'000 / context_.options.release_packets_per_second);
    while (Clock::now() < due) {
        // Shorter than a timer's slack: yields, and does not sleep.
        std::this_thread::yield();
    }
}

// What overflows a CPU's queue is lost.
void Release::wait_for_cpu_queues() {
    auto limit = Clock::now() + stall_limit;
    while (softnet_ && softnet_->longest_queue() > longest_backlog && Clock::now() < limit) {
        extend_deadline();
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

}  // namespace hitless::datapath
