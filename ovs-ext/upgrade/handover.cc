// Phases hold and commit, in both directions: the moments in which packets wait. Between the halt and the release nothing
// blocks on anything but the two instances: the journal is written before and after.
#include "base/fault.h"
#include "state/flows.h"
#include "upgrade/counters.h"
#include "upgrade/live_changes.h"
#include "upgrade/toggle.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kDrainLimit = 1s;
// For an instance to have no packet waiting, and to have not many.
constexpr std::chrono::milliseconds kQuietLimit = 200ms, kKeepUpLimit = 3s;
// A load at which it keeps up has a few hundred packets waiting, of a kilobyte or two in the kernel's count.
constexpr uint64_t kFewBytes = 1 << 20;
// For it to be known what a turn of an instance's main loop takes: 0.1 to 1 ms.
constexpr auto kTimeToKnow = 10ms;
// To read so many in the hold takes less time than a partial hold.
constexpr size_t kFewConnections = 300;
// For a packet of each busy direction to come.
constexpr auto kLearnMargin = 200ms;
// While the next instance decides about the first packet of each flow, it and its CPUs get nothing else to do: with 256 ports, packets were
// up to 15 ms late for all that [measured].
constexpr auto kFirstPackets = 50ms;
// Where more than one switch is about to write statistics, or nobody knows when one did so last.
constexpr std::chrono::milliseconds kStatisticsLimit = 2s;
constexpr auto kThawLimit = 5s;
// Of the room for held packets. What is left is for those that come until they are released.
constexpr double kNearlyFull = 0.75;

TransferRecord* find_record(Summary& summary, std::string_view kind, Side from) {
    for (auto& record : summary.transfers) {
        if (record.kind == kind && record.sender == from) {
            return &record;
        }
    }
    return nullptr;
}

Status check_room(Pair& pair) {
    if (double fill = pair.steering->hold_fill(); fill >= kNearlyFull) {
        return make_error("the hold: {:.0f}% of the room for held packets are used: raise other_config:hold-packets and hold-megabytes "
                          "of table Hitless, or upgrade when there is less traffic", fill * 100);
    }
    return {};
}

// Before the kind number 'next' is brought over in the hold: whether that is to be left out, because the hold is nearly full.
Result<bool> cut_short(Step& step, size_t next) {
    auto room = check_room(step.pair);
    if (room) {
        return false;
    }
    if (!step.pair.settings.commit_when_full) {
        return room.error();
    }
    std::string kinds;
    for (size_t i = next; i < step.pair.kinds.list.size(); i++) {
        auto& kind = *step.pair.kinds.list[i];
        kinds += kind.changed_by_packets() ? (kinds.empty() ? "" : ", ") + std::string(kind.name()) : "";
    }
    step.warn(fmt::format("{}; committed at once, with the last changes missing of: {}", room.error().message, kinds));
    return true;
}

// What of the kind number 'i' has changed since it was last brought over. 'in_hold': packets wait meanwhile.
Status bring_over(Step& step, Side from, size_t i, bool in_hold) {
    auto& pair = step.pair;
    auto& kind = *pair.kinds.list[i];
    auto report = TRY(state::delta(kind, pair.control(from), pair.control(other(from)), pair.copies[i]));
    step.update([&](Summary& summary) {
        if (auto* record = find_record(summary, kind.name(), from)) {
            (in_hold ? record->delta : record->copied) += report.copied;
            if (!in_hold) {   // else it forwards nothing anyway
                record->longest_request = std::max(record->longest_request, report.longest_request);
            }
        }
    });
    return {};
}

// The state that changed since the copy. What is brought over now need not be in the hold.
Status load_changes(Step& step, Side from) {
    for (size_t i = 0; i < step.pair.kinds.list.size(); i++) {
        TRY(bring_over(step, from, i, false));
    }
    return {};
}

// In the hold: only what packets themselves change. B's (or a restarted A's) output gate is shut: what loading sends goes nowhere.
// Returns what it took, by kind.
Result<std::string> load_delta(Step& step, Side from) {
    auto& pair = step.pair;
    auto began = Clock::now();
    std::string times;
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        auto& kind = *pair.kinds.list[i];
        if (!kind.changed_by_packets()) {
            continue;
        }
        if (TRY(cut_short(step, i))) {
            break;
        }
        kind.packets_wait();
        TRY(bring_over(step, from, i, true));
        auto now = Clock::now();
        times += fmt::format("{}{} {} us", times.empty() ? "" : ", ", kind.name(),
                             duration_cast<microseconds>(now - began).count());
        began = now;
    }
    return times;
}

// Between this and the release idle times run in 'to' that packets may keep from ending in 'from': it is the last thing before the halt.
Status arm(Pair& pair, Side from, size_t i) {
    return pair.kinds.list[i]->arm(pair.control(from), pair.control(other(from)), pair.copies[i].source, pair.copies[i].target);
}

Status arm_all(Pair& pair, Side from) {
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        TRY(arm(pair, from, i));
    }
    return {};
}

// What was asked of the instance just now has made its packets wait. That backlog is for it to work off before the hold: in the hold
// it would be drained while new packets wait behind it. An instance that does not work it off gets more packets than it can take: with
// those of a hold besides it would take none in time.
Status wait_until_quiet(const datapath::ProcessSockets& sockets, Side side) {
    auto began = Clock::now();
    while (!sockets.empty() && (Clock::now() < began + kQuietLimit || sockets.waiting_bytes() > kFewBytes)) {
        if (Clock::now() > began + kKeepUpLimit) {
            return make_error("{} does not keep up with its packets: {} kB of them have been waiting for {} s: no packet was held; try "
                              "again when there is less traffic", to_string(side), sockets.waiting_bytes() >> 10, kKeepUpLimit / 1s);
        }
        std::this_thread::sleep_for(200us);
    }
    return {};
}

// An instance that writes its statistics keeps packets, and the other one, from the processors. Returns how long that was kept away from.
std::chrono::milliseconds keep_away_from_statistics(const Pair& pair) {
    const auto began = Clock::now();
    while (pair.statistics && pair.statistics->near() && Clock::now() < began + kStatisticsLimit) {
        std::this_thread::sleep_for(1ms);
    }
    return duration_cast<std::chrono::milliseconds>(Clock::now() - began);
}

// Right after a turn of its main loop, what waits is taken in one turn, and not in the rest of one and the next. After a short one, it is
// little: the instance was not kept from the processor.
Status await_good_moment(Pair& pair, Side from) {
    const auto began = Clock::now();
    auto shortest = Clock::duration::max();
    for (auto last = began; last < began + kQuietLimit;) {
        TRY(await_turn(pair, from, kDrainLimit));
        auto now = Clock::now();
        auto took = now - std::exchange(last, now);
        if (now > began + kTimeToKnow && took < shortest * 5 / 4) {
            break;
        }
        shortest = std::min(shortest, took);
    }
    return {};
}

// Packets of connections that are older than this are known for such, and need not be held with those that may change some.
void wait_until_learned(const Pair& pair) {
    if (pair.can_watch) {
        std::this_thread::sleep_until(pair.learns_since + datapath::kJustNow + kLearnMargin);
    }
}

// What passes from now on is known when connections have been read next, unless 'from' has always packets waiting: those that it
// processes only after that would be unknown.
Status watch(Pair& pair, Side from) {
    pair.watched = false;
    if (pair.can_watch) {
        TRY(pair.steering->watch());
        pair.watched = accept_all(pair, from, kQuietLimit).ok();
    }
    return {};
}

// Whether there are many, which may not be any more what they were when they were read last.
bool have_changed(const Pair& pair) {
    auto connections = pair.copied("conntrack");
    bool many = connections && pair.copies[*connections].source.size() > kFewConnections;
    return pair.can_watch && many && (!pair.watched || pair.steering->changes());
}

// To read all connections takes an instance long, and once it has been read their state must not change: but only few packets change it.
// So these alone are held while connections are read once more, and none has to be in the hold of all packets.
Status hold_changes(Step& step, Side from) {
    auto& pair = step.pair;
    TRY(halt_changes(pair));
    FAULT_POINT("hold.changes-held");
    TRY(watch(pair, from));
    auto connections = pair.copied("conntrack");
    if (!pair.watched || !connections) {
        return {};   // then they are read in the hold
    }
    TRY(bring_over(step, from, *connections, false));
    TRY(arm(pair, from, *connections));
    return wait_until_quiet(pair.sockets(from), from);
}

}  // namespace

Status run_hold(Step& step, Side from) {
    auto& pair = step.pair;
    if (from == Side::B && pair.replicator) {
        auto stopped = pair.replicator->stop();
        pair.replicator.reset();   // its thread has ended, whatever it says
        TRY(std::move(stopped));
    }
    TRY(check_same_bridges(step));
    if (from == Side::B) {
        forget_timed_flows(step);
        have_a_look_around(step);
    }
    wait_until_learned(pair);
    step.agent(from).on(Verb::halt, [&step, &pair, from]() -> Result<std::string> {
        TRY(cut_off(step, from));
        FAULT_POINT("hold.cut-off");
        TRY(watch(pair, from));
        TRY(load_changes(step, from));
        TRY(arm_all(pair, from));
        TRY(wait_until_quiet(pair.sockets(from), from));
        give_precedence(pair, other(from));
        std::string before;
        if (auto kept_away = keep_away_from_statistics(pair); kept_away.count() > 0) {
            before = fmt::format("{} ms waited until statistics were written, ", kept_away.count());
        }
        TRY(await_good_moment(pair, from));
        FAULT_POINT("hold.prepared");
        if (have_changed(pair)) {
            TRY(hold_changes(step, from));
            TRY(await_turn(pair, from, kDrainLimit));
            before += fmt::format("what may change connections held for {} us, ",
                                 duration_cast<microseconds>(Clock::now() - pair.halted_at).count());
        }
        auto began = Clock::now();
        TRY(halt(pair));
        FAULT_POINT("hold.halted");
        auto halted = duration_cast<microseconds>(Clock::now() - began);
        TRY(drain_and_ask(pair, from, kDrainLimit, [&pair] { return check_room(pair); }));
        auto drained = duration_cast<microseconds>(Clock::now() - began);
        return fmt::format("{}receipt halted in {} us, drained {} us after the halt began", before, halted.count(), drained.count());
    });
    return step.operator_agent.tell(step.agent(from), Verb::halt, "new packets are held");
}

Status run_commit(Step& step, Side from) {
    Side to = other(from);
    if (step.pair.active == to) {   // an earlier daemon had got that far
        return settle_at_b(step);
    }
    FAULT_POINT("commit.before-delta");
    std::string times = TRY(load_delta(step, from));
    for (const auto deadline = Clock::now() + kDrainLimit; !TRY(step.pair.steering->settle());) {
        if (Clock::now() > deadline) {
            return make_error("{} has been sending packets to itself for {} ms: is there a loop between its ports?", to_string(from),
                              kDrainLimit / 1ms);
        }
        TRY(drain_and_ask(step.pair, from, kDrainLimit, [&step] { return check_room(step.pair); }));
        times = TRY(load_delta(step, from));
    }
    TRY(finish_as_standby(step.pair, to, kDrainLimit));
    if (to == Side::B) {   // what was held must not go to one that has died in the hold
        TRY(check_running(step.pair));
    }
    step.agent(to).on(Verb::activate, [&step, to]() -> Result<std::string> {
        auto report = TRY(release(step, to));
        auto took = duration_cast<microseconds>(Clock::now() - step.pair.halted_at);
        FAULT_POINT("commit.released");
        if (auto directed = direct_clients(step, to); !directed) {   // packets have come first
            step.warn(fmt::format("{}: programs may not reach {} at its management sockets", directed.error().message, to_string(to)));
        }
        return fmt::format("receipt begun: {} held packets released, longest wait {} us; all of it took {} us", report.held,
                           report.longest_wait.count(), took.count());
    });
    TRY(step.agent(from).tell(step.agent(to), Verb::activate, "state is complete: " + times));
    std::this_thread::sleep_for(kFirstPackets);
    if (to == Side::B) {
        return settle_at_b(step);
    }
    TRY(settle_at_a(step));
    keep_counters(step, Side::B);
    return {};
}

Status run_thaw(Step& step) {
    auto& pair = step.pair;
    pair.a_sockets.reset();   // a tap that A gives up now must go
    if (!pair.a.process().alive()) {
        return revive_a(step);
    }
    if (pair.a.process().stopped()) {
        TRY(pair.a.thaw());
    }
    FAULT_POINT("thaw.thawed");
    pair.a_control->reset(pair.a_paths());
    TRY(pair.a_control->call("version", {}, kThawLimit));   // it runs
    return state::restart_idle(pair.timed_flows, *pair.a_control);
}

}  // namespace hitless::upgrade
