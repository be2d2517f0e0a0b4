// Flows' timeouts across a change of instances.
//
// A flow that is made again, of the same match and priority, keeps its idle time (measured), and nobody can give it a hard age.
// So a flow's time begins by removing and making it, with a hard timeout of what is left of it.
#pragma once

#include <chrono>
#include <vector>

#include "instance/control.h"
#include "state/kind.h"

namespace hitless::state {

struct TimedFlows {
    using Time = std::chrono::steady_clock::time_point;
    struct Flow {
        Entry entry;
        Time end;       // of its hard timeout; no meaning without one
        bool learned;   // goes, with its learner, when that is removed
    };

    std::vector<Flow> flows;   // sorted by key
    Snapshot learned;          // without timeouts, but gone with a learner that has one
};

// Those of 'flows' (of the kind Flows, all of 'from') that have a timeout. Where 'from' does not tell a flow's age, its hard
// timeout is taken to begin now: flows end late rather than early.
TimedFlows read_timed(instance::Control& from, const Snapshot& flows);

// Makes these flows in 'to', whether they are there or not, so that their time begins: in bundles, so that packets never miss
// them. Their counters begin anew.
Status load_timed(const TimedFlows& timed, instance::Control& to);

// The same flows, each with what is left of its hard timeout now.
Snapshot left_of(const TimedFlows& timed);

// Lets the idle time of 'timed', flows of 'at', begin anew, in the same way; they have no timeouts then. In a process that was stopped
// it has gone on, and what gives these flows a timeout again before this ends them at once (measured).
Status restart_idle(const Snapshot& timed, instance::Control& at);

}  // namespace hitless::state
