#include "upgrade/freeze.h"

#include <thread>

#include "state/flow_load.h"

namespace hitless::upgrade {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

size_t sessions_needed(const control::ControllersPlan& plan) {
    bool any = false;
    size_t all = 0;   // the dummy does not know whose session is whose
    for (const auto& bridge : plan.bridges) {
        any |= !bridge.relays.empty() && bridge.restored.fail_mode != "secure";
        all += bridge.relays.size();
    }
    return any ? all : 0;
}

bool wait_admitted(const control::DummyController& dummy, size_t needed, std::chrono::milliseconds limit) {
    auto end = Clock::now() + limit;
    while (dummy.admitted() < needed) {
        if (Clock::now() >= end) {
            return false;
        }
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

namespace {

Status load(const state::Snapshot& flows, instance::Control& a, state::FlowTimeouts timeouts) {
    state::Changes changes;
    changes.change = flows;
    return state::load_flows(a, changes, timeouts);
}

}  // namespace

Status suspend_timeouts(const state::Snapshot& timed, instance::Control& a) {
    return load(timed, a, state::FlowTimeouts::left_out);
}

Status restore_timeouts(const state::Snapshot& timed, instance::Control& a) {
    return load(timed, a, state::FlowTimeouts::kept);
}

}  // namespace hitless::upgrade
