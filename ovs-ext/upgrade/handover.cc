// Phases hold and commit, in both directions: the moments in which packets wait. Between the halt and the release nothing
// blocks on anything but the two instances: the journal is written before and after.
#include "base/fault.h"
#include "datapath/links.h"
#include "state/flows.h"
#include "upgrade/counters.h"
#include "upgrade/freeze.h"
#include "upgrade/live_changes.h"

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
constexpr auto kDummyLimit = 5s;
constexpr auto kThawLimit = 5s;
constexpr int kFlipTries = 10;
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

// Programs reach 'side' from now on, also those that wait.
Status direct_clients(Step& step, Side side) {
    auto& pair = step.pair;
    bool to_b = side == Side::B;
    step.front.set_active(to_b ? pair.b->unixctl_path() : control::Front::displaced(pair.a.unixctl_path()));
    auto directed = to_b ? pair.links->point_to_b(pair.bridge_names()) : pair.links->point_to_a();
    pair.a_control->follow(pair.a_paths());
    return directed;
}

// Programs that come from now on wait until direct_clients(); those that had come before are served by 'from'.
Status hold_clients(Step& step, Side from) {
    auto& pair = step.pair;
    step.front.hold();
    pair.let_in.reset();
    TRY(pair.links->hold(pair.bridge_names()));
    pair.a_control->follow(pair.a_paths());
    if (from == Side::A && pair.a.process().stopped()) {   // it accepts nobody, and is to be ended
        return {};
    }
    for (const auto& [bridge, path] : pair.control(from).paths().mgmt) {
        TRY(openflow::Connection::open(path, bridge));   // accepted after all that had come: these have sessions now
    }
    return {};
}

// Whoever changes the state of the side that is to be halted, and would believe the change to be in effect, is cut off before
// the last of that state is read: controllers, and programs at the control and management sockets. Neither side takes a change that
// the other does not get: those who come back wait for the side that is active then.
Status cut_off(Step& step, Side from) {
    auto& pair = step.pair;
    TRY(hold_clients(step, from));
    if (from == Side::B) {
        if (pair.b_controllers) {
            auto parked = pair.b_controllers->park();
            pair.b_controllers.reset();   // of no more use, parked or not
            TRY(std::move(parked));
        }
        TRY(datapath::shutdown_sessions(pair.b->process().pid(), {}));
        return {};
    }
    TRY(shut_gate(pair, step.places));
    FAULT_POINT("hold.gate-shut");
    TRY(control::end_tcp_sessions(pair.a.process().pid()));
    TRY(datapath::shutdown_sessions(pair.a.process().pid(), {}));
    return {};
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

// The state that changed since the copy; in the hold only what packets themselves change. B's (or a restarted A's) output gate is
// shut: what loading sends goes nowhere. Returns what it took, by kind.
Result<std::string> load_delta(Step& step, Side from, bool in_hold) {
    auto& pair = step.pair;
    auto began = Clock::now();
    std::string times;
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        auto& kind = *pair.kinds.list[i];
        if (in_hold && !kind.changed_by_packets()) {
            continue;
        }
        if (in_hold && TRY(cut_short(step, i))) {
            break;
        }
        if (in_hold) {
            kind.packets_wait();
        }
        auto report = TRY(state::delta(kind, pair.control(from), pair.control(other(from)), pair.copies[i]));
        step.update([&](Summary& summary) {
            if (auto* record = find_record(summary, kind.name(), from)) {
                (in_hold ? record->delta : record->copied) += report.copied;
                if (!in_hold) {   // else it forwards nothing anyway
                    record->longest_request = std::max(record->longest_request, report.longest_request);
                }
            }
        });
        auto now = Clock::now();
        times += fmt::format("{}{} {} us", times.empty() ? "" : ", ", kind.name(),
                             duration_cast<microseconds>(now - began).count());
        began = now;
    }
    return times;
}

// Between this and the release idle times run in 'to' that packets may keep from ending in 'from': it is the last thing before the halt.
Status arm(Step& step, Side from) {
    auto& pair = step.pair;
    for (size_t i = 0; i < pair.kinds.list.size(); i++) {
        TRY(pair.kinds.list[i]->arm(pair.control(from), pair.control(other(from)), pair.copies[i].source, pair.copies[i].target));
    }
    return {};
}

Status halt(Pair& pair) {
    if (!pair.halt_lock.owns_lock()) {
        pair.halt_lock = std::unique_lock(pair.steering_mutex);
    }
    pair.halted_at = Clock::now();
    pair.halted = true;   // also where it fails: packets may be held by then
    return pair.steering->halt(pair.settings.hold_deadline);
}

Result<datapath::ReleaseReport> release(Step& step, Side to) {
    auto& pair = step.pair;
    auto lock = std::move(pair.halt_lock);
    if (!lock.owns_lock()) {
        lock = std::unique_lock(pair.steering_mutex);
    }
    auto released = pair.steering->release(to);
    auto waited = duration_cast<microseconds>(Clock::now() - pair.halted_at);
    if (!released) {   // the packets may go there all the same: too late, or not all of the held ones
        auto bond = pair.steering->bond();
        pair.active = bond.active;
        pair.halted = bond.halted;
        pair.publish();
        return released.error();
    }
    const auto& report = *released;
    pair.halted = false;
    Side sender = std::exchange(pair.active, to);
    pair.publish();
    auto ended = duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
    step.update([&](Summary& summary) {
        summary.holds.push_back({sender, ended - waited, waited, report.held});
        summary.held += report.held;
        summary.dropped += report.dropped + report.refused;
        // With nothing held nobody waited, but somebody could have: the hold counts as a whole.
        summary.blackout = std::max(summary.blackout, report.held ? report.longest_wait : waited);
    });
    if (auto lost = report.dropped + report.refused) {
        step.warn(fmt::format("{} packets were lost in the hold, which had no more room: other_config:hold-packets and hold-megabytes "
                              "of table Hitless say how much", lost));
    }
    if (report.late) {
        step.warn(fmt::format("{} packets of the hold came to {} after newer ones: it did not take packets faster than new ones came, "
                              "or ovs-hitlessd was stopped meanwhile",
                              report.late, to_string(to)));
    }
    return report;
}

// A's flows: as they were copied, or, where an earlier daemon did that, as they are.
Result<state::Snapshot> flows_of_a(Pair& pair) {
    for (size_t i = 0; i < pair.copies.size(); i++) {
        if (pair.kinds.list[i]->name() == "flows") {
            return pair.copies[i].source;
        }
    }
    return state::Flows().dump(*pair.a_control);
}

Status freeze_a(Step& step) {
    auto& pair = step.pair;
    keep_counters(step, Side::A);
    if (pair.timed_flows.empty()) {   // else an earlier daemon was at that
        pair.timed_flows = state::left_of(state::read_timed(*pair.a_control, TRY(flows_of_a(pair))));
        TRY(save_flows(step.places.timed_flows(), pair.timed_flows));
    }
    FAULT_POINT("commit.timeouts-saved");
    TRY(suspend_timeouts(pair.timed_flows, *pair.a_control));
    FAULT_POINT("commit.timeouts-suspended");
    if (!wait_admitted(*pair.dummy, sessions_needed(pair.controllers), kDummyLimit)) {
        step.warn("A was frozen without a session with each stand-in for its controllers: after a freeze of 15 s a bridge with "
                  "fail_mode standalone flushes its flows");
    }
    pair.a_control->reset(pair.a_paths());   // a frozen process answers nobody
    return pair.a.freeze();
}

// The journal is told, but what it cannot take now is no reason to undo a toggle: it is written with the next phase.
void enter_roles(Step& step, const std::string& a_role, const std::string& b_role) {
    (void) step.enter_role(Side::A, a_role).ok();
    (void) step.enter_role(Side::B, b_role).ok();
}

// B has the packets. What is not done here in time costs nobody a packet.
Status settle_at_b(Step& step) {
    auto& pair = step.pair;
    if (!pair.b_controllers) {
        TRY(activate_controllers(pair));
    }
    FAULT_POINT("commit.controllers");
    if (!pair.replicator) {
        TRY(follow_changes(pair, step.places));
    }
    FAULT_POINT("commit.replicator");
    if (!pair.a.process().stopped()) {
        TRY(freeze_a(step));
    }
    FAULT_POINT("commit.frozen");
    if (!pair.record().old_binary.empty()) {   // of an upgrade before, of the same pair
        TRY(pair.change_record(step.places, [](PairRecord& record) { record.old_binary.clear(); }));
    }
    pair.look_after_active();
    enter_roles(step, "frozen", "active");
    return {};
}

// From here on they have their timeouts, or are gone: a later daemon must not give them back.
void forget_timed_flows(Step& step) {
    std::error_code error;
    std::filesystem::remove(step.places.timed_flows(), error);
}

// A stock switch writes down what its ports are like when it is told of a device, and looks at all of them then. It has not been told of
// those that the pair took, and what stands in the database is of B.
Status have_a_look_around() {
    auto links = TRY(datapath::Links::open());
    return links.announce("lo");
}

Status settle_at_a(Step& step) {
    auto& pair = step.pair;
    if (pair.gate) {
        TRY(pair.gate->lift());
        pair.gate.reset();
    }
    forget_timed_flows(step);
    pair.timed_flows.clear();
    FAULT_POINT("commit-back.gate-lifted");
    pair.dummy.reset();   // A's sessions with it end, and it connects to its controllers
    pair.look_after_active();
    if (auto looked = have_a_look_around(); !looked) {
        step.warn(fmt::format("{}: status columns of interfaces may be B's until a device changes", looked.error().message));
    }
    enter_roles(step, "active", "standby");
    return {};
}

// 'side' has its packets back from the other, which had them meanwhile: its windows are old. 'side' does not check them.
Status readmit_connections(Pair& pair, Side side) {
    for (size_t i = 0; i < pair.copies.size(); i++) {
        if (pair.kinds.list[i].get() == pair.kinds.conntrack) {
            return pair.kinds.conntrack->readmit(pair.control(side), pair.copies[i].source);
        }
    }
    return {};
}

// Packets to 'side': the other has failed.
Status toggle_at_once(Step& step, Side side) {
    auto& pair = step.pair;
    Status released;
    for (int tries = 0; tries < kFlipTries && pair.active != side; tries++) {
        if (!pair.halted) {
            (void) halt(pair).ok();   // the last packets of the other are stuck in a queue: this one gets the rest all the same
        }
        auto report = release(step, side);
        released = report ? Status() : report.error();
    }
    return released;
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

}  // namespace

Status shut_gate(Pair& pair, const Places& places) {
    if (!pair.dummy) {
        pair.dummy = TRY(control::DummyController::start());
    }
    if (!pair.gate) {
        control::Gate::Options gate;
        gate.dummy_port4 = pair.dummy->port4();
        gate.dummy_port6 = pair.dummy->port6();
        gate.pin_directory = places.bpf().string() + "/gate";
        pair.gate = TRY(control::Gate::close(gate));
    }
    return {};
}

Status activate_controllers(Pair& pair) {
    pair.b_controllers = TRY(BControllers::activate(pair.controllers, pair.b->database_socket(),
                                                    [&pair](const std::string& text) { pair.notes.add(text); }));
    return {};
}

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
    }
    step.agent(from).on(Verb::halt, [&step, &pair, from]() -> Result<std::string> {
        TRY(cut_off(step, from));
        FAULT_POINT("hold.cut-off");
        TRY(load_delta(step, from, false));   // what is brought over now need not be in the hold
        TRY(arm(step, from));
        auto& sockets = from == Side::A ? *pair.a_sockets : *pair.b_sockets;
        TRY(wait_until_quiet(sockets, from));
        if (from == Side::A) {
            (void) pair.b->process().set_nice(pair.a.started_as().scheduling.nice).ok();   // on a busy host it would take fewer packets than A
        }
        TRY(halt(pair));
        FAULT_POINT("hold.halted");
        auto halted = duration_cast<microseconds>(Clock::now() - pair.halted_at);
        TRY(sockets.drain([&]() -> Status {
            TRY(pair.control(from).call("version", {}, kDrainLimit));
            return {};
        }, kDrainLimit, [&pair] { return check_room(pair); }));
        auto drained = duration_cast<microseconds>(Clock::now() - pair.halted_at);
        return fmt::format("receipt halted in {} us, drained {} us after the halt began", halted.count(), drained.count());
    });
    return step.operator_agent.tell(step.agent(from), Verb::halt, "new packets are held");
}

Status run_commit(Step& step, Side from) {
    Side to = other(from);
    if (step.pair.active == to) {   // an earlier daemon had got that far
        return settle_at_b(step);
    }
    FAULT_POINT("commit.before-delta");
    std::string times = TRY(load_delta(step, from, true));
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

Status call_off(Step& step, Side side) {
    auto& pair = step.pair;
    Status released;
    if (pair.halted) {
        auto report = release(step, side);
        released = report ? Status() : report.error();
    }
    TRY(direct_clients(step, side));
    if (side == Side::A) {
        TRY(settle_at_a(step));
    } else {
        if (!pair.b_controllers) {
            TRY(activate_controllers(pair));
        }
        if (!pair.replicator) {
            TRY(follow_changes(pair, step.places));
        }
        pair.look_after_active();
    }
    return released;
}

Status roll_back_at_once(Step& step) {
    auto& pair = step.pair;
    if (!pair.a.process().alive()) {
        TRY(revive_a(step));
    }
    bool thawed = pair.a.process().stopped();
    if (thawed) {
        TRY(pair.a.thaw());
        // Its windows are those of when it was stopped. If it does not answer in time, its first packets wait for nothing.
        (void) pair.windows.check->suspend(*pair.a_control).ok();
    }
    auto released = toggle_at_once(step, Side::A);
    if (pair.active != Side::A) {
        return released;
    }
    FAULT_POINT("roll-back.released");
    pair.look_after_nobody();   // waits for B, if that was asked something when it failed: A has the packets by now
    pair.replicator.reset();
    pair.b_controllers.reset();
    auto directed = direct_clients(step, Side::A);
    pair.a_control->reset(pair.a_paths());   // where the links are now
    for (const auto& text : pair.notes.take()) {
        step.warn(text);
    }
    if (thawed) {
        (void) readmit_connections(pair, Side::A).ok();   // else they go on without a check of windows
        pair.publish();
    }
    auto timed = state::restart_idle(pair.timed_flows, *pair.a_control);
    if (timed) {
        timed = restore_timeouts(pair.timed_flows, *pair.a_control);
    }
    TRY(settle_at_a(step));
    TRY(std::move(directed));   // what else A needs came first
    TRY(std::move(timed));
    return released;
}

Status take_back(Step& step) {
    auto& pair = step.pair;
    if (pair.active == Side::A) {   // else an earlier daemon had got that far
        TRY(check_running(pair));
        (void) pair.windows.check->suspend(*pair.b_control).ok();   // its windows are those of when it had the packets
        auto released = toggle_at_once(step, Side::B);
        if (pair.active == Side::A) {
            return released;
        }
        FAULT_POINT("take-back.released");
        pair.look_after_nobody();
        (void) readmit_connections(pair, Side::B).ok();   // else they go on without a check of windows
        if (pair.a.process().alive()) {
            TRY(cut_off(step, Side::A));
        }
        TRY(call_off(step, Side::B));
    }
    return start_from_old(step);
}

}  // namespace hitless::upgrade
