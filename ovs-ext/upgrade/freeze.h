// Freezing A, so that it can be thawed with its flows.
//
// A frozen process's clock jumps when it is thawed (measured). So before:
//   * flows with an idle or hard timeout are re-added without it (their counters stay): they would all be gone at the first look;
//   * a bridge with fail_mode standalone must have a controller: without one for 15 seconds it flushes all its flows. The session
//     with the dummy controller, to which the gate leads A, outlasts any freeze; A is frozen only when it has it. (Writing
//     fail_mode secure into the operator's database would do as well, but be seen by everybody.)
#pragma once

#include "control/controllers_plan.h"
#include "control/dummy_controller.h"
#include "instance/operator_switch.h"
#include "state/kind.h"

namespace hitless::upgrade {

// How many sessions with controllers A must have before it is frozen: those of its bridges that are not secure.
size_t sessions_needed(const control::ControllersPlan& plan);

// Waits until A, whose sessions with its controllers have been ended, has 'needed' sessions with 'dummy'. OVS waits a second, up to 8 when it
// had tried in vain before. False when it has not got them within 'limit'.
bool wait_admitted(const control::DummyController& dummy, size_t needed, std::chrono::milliseconds limit);

// Takes the timeouts away from 'timed', flows of A's that have one.
Status suspend_timeouts(const state::Snapshot& timed, instance::Control& a);

// After the thaw and state::restart_idle(): gives 'timed' (as they were before suspend_timeouts()) their timeouts back. What
// was left of a hard one then is left now: the freeze does not count.
Status restore_timeouts(const state::Snapshot& timed, instance::Control& a);

}  // namespace hitless::upgrade
