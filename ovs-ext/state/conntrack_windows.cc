// The windows of TCP connections that Conntrack keeps current: which have moved, and how they follow.
#include <algorithm>
#include <set>

#include "state/conntrack.h"

namespace hitless::state {

namespace {

// More of the sequence space than this cannot be told from going backwards; half of what modular comparison allows.
constexpr uint32_t movable_distance = 1u << 30;

// Numbers that have advanced by less than this are within the windows as they were made: conntrack-tcp.c takes a segment up to
// 65,535 bytes ahead (unscaled), and an acknowledgement as far behind the other side's number. What is left covers the segment itself.
constexpr uint32_t near_distance = 16384;

bool is_near(const TcpNumbers& made, const TcpNumbers& now) {
    return now.original - made.original < near_distance && now.reply - made.reply < near_distance;
}

}  // namespace

Status Conntrack::arm(instance::Control&, instance::Control& to, const Snapshot&, Snapshot&) {
    directions_.clear();
    for (const auto& [key, copy] : copies_->of(to.side())) {
        directions_.emplace_back(copy.connection.original, key);
        directions_.emplace_back(copy.connection.reply, key);
    }
    std::ranges::sort(directions_);
    return {};
}

// No packet is learned from any more. To look two directions of each connection up takes the kernel 2.5 us [measured]: while the
// source prints its connections there is time for that.
void Conntrack::packets_wait() {
    reader_.hurry();
    auto passed = options_.passed ? options_.passed() : Result<Passed>(Passed{1, {}});
    unchanged_ = passed && !passed->changes;
    for (Side side : {Side::A, Side::B}) {
        if (known(side).target) {   // whose copies nobody touches before load()
            moved_ = std::async(unchanged_ ? std::launch::deferred : std::launch::async, [this, side, passed = std::move(passed)] {
                return unchanged_ ? find_moved(side, *passed) : find_moved(side);
            });
            break;   // there is one target
        }
    }
}

// Connections whose numbers have been learnt or have gone far.
Conntrack::LearnedNumbers Conntrack::find_moved(Side side) const {
    LearnedNumbers moved;
    if (!options_.sequences) {
        return moved;
    }
    for (const auto& [key, copy] : copies_->of(side)) {
        add_moved(moved, key, copy, options_.sequences);
    }
    return moved;
}

// The same, where 'passed' has all that have moved since the last time.
Conntrack::LearnedNumbers Conntrack::find_moved(Side side, Passed passed) const {
    LearnedNumbers moved;
    std::ranges::sort(passed.moved, {}, &std::pair<Tuple, TcpSequence>::first);
    SequenceLookup lookup = [&](const Tuple& tuple) -> std::optional<TcpSequence> {
        auto found = std::ranges::lower_bound(passed.moved, tuple, {}, &std::pair<Tuple, TcpSequence>::first);
        return found != passed.moved.end() && found->first == tuple ? found->second : options_.sequences(tuple);
    };
    for (const auto& [tuple, sequence] : passed.moved) {
        auto at = std::ranges::lower_bound(directions_, tuple, {}, &std::pair<Tuple, std::string>::first);
        for (; at != directions_.end() && at->first == tuple; ++at) {
            auto copy = copies_->of(side).find(at->second);
            if (copy != copies_->of(side).end() && !moved.contains(at->second)) {
                add_moved(moved, at->second, copy->second, lookup);
            }
        }
    }
    return moved;
}

void Conntrack::add_moved(LearnedNumbers& moved, const std::string& key, const TcpCopy& copy, const SequenceLookup& lookup) const {
    auto numbers = learn_numbers(copy.connection, lookup);
    if (numbers && !(copy.numbers && is_near(*copy.numbers, *numbers))) {
        moved.emplace(key, *numbers);
    }
}

// Appends what moves the windows of such connections. Returns those that must be made anew for it.
std::vector<Connection> Conntrack::append_moves(Side side, std::vector<openflow::PacketOut>& packets) {
    std::vector<Connection> again;
    for (const auto& [key, numbers] : moved_.valid() ? moved_.get() : find_moved(side)) {
        auto found = copies_->of(side).find(key);
        if (found == copies_->of(side).end() || (found->second.numbers && is_near(*found->second.numbers, numbers))) {
            continue;   // it has ended, or been made anew
        }
        TcpCopy& copy = found->second;
        bool ahead = copy.numbers && numbers.original - copy.numbers->original < movable_distance &&
                     numbers.reply - copy.numbers->reply < movable_distance;
        if (ahead ? append_window_move(copy.connection, numbers, packets) : append_window_walk(copy.connection, numbers, packets)) {
            copy.numbers = numbers;
        } else {
            again.push_back(copy.connection);
        }
    }
    return again;
}

// Sends 'packets' while 'to' does not check windows.
Status Conntrack::send_unchecked(instance::Control& to, std::vector<openflow::PacketOut>& packets) {
    if (packets.empty()) {
        return {};
    }
    bool was_suspended = check_->suspended(to.side());
    TRY(check_->suspend(to));
    Status sent = send(to, packets);
    if (!was_suspended) {
        TRY(check_->resume(to));
    }
    return sent;
}

Status Conntrack::move_windows(instance::Control& to) {
    std::vector<openflow::PacketOut> packets;
    std::vector<Connection> again = append_moves(to.side(), packets);
    TRY(send_unchecked(to, packets));
    TRY(remove(to, again));
    return create(to, std::move(again), {});
}

Status Conntrack::settle(instance::Control& active, bool look) {
    if (!connections_without_numbers(active.side())) {
        return check_->resume(active);
    }
    if (look) {
        std::set<uint16_t> zones;
        for (const Connection& connection : list_without_numbers(active.side())) {
            zones.insert(connection.zone);
        }
        Snapshot dumped;
        for (uint16_t zone : zones) {
            TRY(reader_.read_zone(active, zone, [&](const Connection& connection) { dumped.push_back(to_entry(connection)); }));
        }
        sort_by_key(dumped);
        copies_->forget_ended(active.side(), zones, dumped);
    }
    // Connections with numbers have their windows from their own packets by now.
    std::vector<openflow::PacketOut> packets;
    for (auto& [key, copy] : copies_->of(active.side())) {
        auto numbers = copy.known() ? std::nullopt : learn_numbers(copy.connection, options_.sequences);
        if (numbers && append_window_walk(copy.connection, *numbers, packets)) {
            copy.numbers = numbers;
        }
    }
    TRY(send(active, packets));   // its check is suspended
    return connections_without_numbers(active.side()) ? Status() : check_->resume(active);
}

Status Conntrack::readmit(instance::Control& active, const Snapshot& has) {
    copies_->adopt(active.side(), has);
    moved_ = {};   // of a hold that has failed
    std::vector<openflow::PacketOut> packets;
    append_moves(active.side(), packets);   // those that must be made anew for it are opening or over
    TRY(send_unchecked(active, packets));
    return connections_without_numbers(active.side()) ? Status() : check_->resume(active);
}

}  // namespace hitless::state
