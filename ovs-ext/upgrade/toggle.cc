#include "upgrade/toggle.h"

#include <algorithm>
#include <iterator>

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

constexpr auto kDummyLimit = 5s;

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

// A's flows: as they were copied, or, where an earlier daemon did that, as they are.
Result<state::Snapshot> flows_of_a(Pair& pair) {
    auto flows = pair.copied("flows");
    return flows ? pair.copies[*flows].source : state::Flows().dump(*pair.a_control);
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

Status announce_a_device(instance::Control& a) {
    auto links = TRY(datapath::Links::open());
    TRY(links.announce("lo"));
    TRY(a.call("version"));   // which is answered after it has looked
    return {};
}

// Of the side's main loop.
std::function<Status()> round_trip(Pair& pair, Side side, std::chrono::milliseconds limit) {
    return [&pair, side, limit]() -> Status {
        TRY(pair.control(side).call("version", {}, limit));
        return {};
    };
}

void begin_halt(Pair& pair) {
    if (!pair.halt_lock.owns_lock()) {
        pair.halt_lock = std::unique_lock(pair.steering_mutex);
    }
    pair.halted_at = Clock::now();
    pair.halted = true;   // also where it fails: packets may be held by then
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

std::map<std::string, std::string> changes_of_cut_off(const Pair& pair, const Places& places) {
    std::map<std::string, std::string> changes = {
        {fmt::format("controllers of process {}", pair.a.process().pid()), "those of the database"}};
    for (const auto& bridge : pair.bridge_names()) {
        for (const char* socket : {"mgmt", "snoop"}) {
            changes.emplace(fmt::format("socket {}.{}", (places.rundir / bridge).string(), socket), "A's");
        }
    }
    return changes;
}

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

void give_precedence(Pair& pair, Side side) {
    (void) pair.process(side).set_nice(pair.record().a.scheduling.nice).ok();
}

Status await_turn(Pair& pair, Side side, std::chrono::milliseconds limit) {
    return round_trip(pair, side, limit)();
}

Status drain_and_ask(Pair& pair, Side side, std::chrono::milliseconds limit, const std::function<Status()>& go_on) {
    std::vector<unixctl::Request> changed;
    for (auto& kind : pair.kinds.list) {
        if (kind->changed_by_packets()) {
            std::ranges::move(kind->requests(pair.control(side)), std::back_inserter(changed));
        }
    }
    auto ask = [&, turn = round_trip(pair, side, limit)]() -> Status {
        pair.control(side).ask(changed);   // with no packet left to process, the answers are what the next instance needs
        return turn();
    };
    return pair.sockets(side).accept_all(ask, limit, go_on);
}

Status accept_all(Pair& pair, Side side, std::chrono::milliseconds limit) {
    return pair.sockets(side).accept_all(round_trip(pair, side, limit), limit);
}

Status finish_as_standby(Pair& pair, Side to, std::chrono::milliseconds limit) {
    return to == Side::A && pair.steering->taken_by_both() ? accept_all(pair, to, limit) : Status();
}

Status halt_changes(Pair& pair) {
    begin_halt(pair);
    return pair.steering->halt_changes(pair.settings.hold_deadline);
}

Status halt(Pair& pair) {
    if (!pair.halted) {
        begin_halt(pair);
    }
    pair.precedence.emplace();
    return pair.steering->halt(pair.settings.hold_deadline);
}

Result<datapath::ReleaseReport> release(Step& step, Side to) {
    auto& pair = step.pair;
    auto lock = std::move(pair.halt_lock);
    if (!lock.owns_lock()) {
        lock = std::unique_lock(pair.steering_mutex);
    }
    auto released = pair.steering->release(to);
    pair.precedence.reset();
    for (auto* control : {&pair.a_control, &pair.b_control}) {
        if (*control) {
            (*control)->forget_asked();   // what was asked in the halt, and not needed, will not be so any more
        }
    }
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

Status direct_clients(Step& step, Side side) {
    auto& pair = step.pair;
    bool to_b = side == Side::B;
    step.front.set_active(to_b ? pair.b->unixctl_path() : control::Front::displaced(pair.a.unixctl_path()));
    auto directed = to_b ? pair.links->point_to_b(pair.bridge_names()) : pair.links->point_to_a();
    pair.a_control->follow(pair.a_paths());
    return directed;
}

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

void forget_timed_flows(Step& step) {
    std::error_code error;
    std::filesystem::remove(step.places.timed_flows(), error);
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
    enter_roles(step, "active", "standby");
    return {};
}

void have_a_look_around(Step& step) {
    if (auto looked = announce_a_device(*step.pair.a_control); !looked) {
        step.warn(fmt::format("{}: status columns of interfaces may be B's until a device changes", looked.error().message));
    }
}

}  // namespace hitless::upgrade
