// What is done when a phase has failed and packets wait, or are with an instance that has failed.
#include "base/fault.h"
#include "state/flows.h"
#include "upgrade/freeze.h"
#include "upgrade/live_changes.h"
#include "upgrade/toggle.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr int kFlipTries = 10;
// More than an instance with a usual load needs, and little where packets wait for it in vain.
constexpr auto kDrainLimit = 20ms;

// 'side' has its packets back from the other, which had them meanwhile: its windows are old. 'side' does not check them.
Status readmit_connections(Pair& pair, Side side) {
    auto connections = pair.copied("conntrack");
    return connections ? pair.kinds.conntrack->readmit(pair.control(side), pair.copies[*connections].source) : Status();
}

bool can_be_drained(const Pair& pair, Side side) {
    bool known = side == Side::A ? pair.a_sockets.has_value() : pair.b_sockets.has_value();
    const auto& process = pair.process(side);
    return known && process.alive() && !process.stopped();
}

// What the failed side has taken it may still send: it need not be the packets in which it has failed. And 'to' is to be through with what
// both have got.
void drain_at_once(Pair& pair, Side to) {
    if (can_be_drained(pair, other(to))) {
        (void) accept_all(pair, other(to), kDrainLimit).ok();
    }
    if (can_be_drained(pair, to)) {
        (void) finish_as_standby(pair, to, kDrainLimit).ok();
    }
}

// Packets to 'side': the other has failed.
Status toggle_at_once(Step& step, Side side) {
    auto& pair = step.pair;
    Status released;
    give_precedence(pair, side);
    for (int tries = 0; tries < kFlipTries && pair.active != side; tries++) {
        if (!pair.halted) {
            (void) halt(pair).ok();   // where it fails, some are stuck in a queue: this one gets the rest all the same
            drain_at_once(pair, side);
        }
        auto report = release(step, side);
        released = report ? Status() : report.error();
    }
    return released;
}

}  // namespace

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
        have_a_look_around(step);
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
        if (pair.a_sockets) {
            pair.a_sockets->discard();
        }
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
    have_a_look_around(step);
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
