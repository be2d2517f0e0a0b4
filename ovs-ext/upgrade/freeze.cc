#include "upgrade/freeze.h"

#include <thread>

#include "state/flows.h"

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

Status load(const state::Snapshot& flows, instance::Control& a) {
    if (flows.empty()) {
        return {};
    }
    state::Changes changes;
    changes.change = flows;
    return state::Flows().load(a, changes);
}

}  // namespace

Status suspend_timeouts(const state::Snapshot& timed, instance::Control& a) {
    return load(state::without_timeouts(timed), a);
}

Status refresh_idle(const state::Snapshot& timed, instance::Control& a) {
    if (timed.empty()) {
        return {};
    }
    state::Changes anew;   // one bundle: no packet sees the flows missing
    anew.add = state::without_timeouts(timed);
    anew.remove = anew.add;
    return state::Flows().load(a, anew);
}

Status restore_timeouts(const state::Snapshot& timed, instance::Control& a) {
    return load(timed, a);
}

}  // namespace hitless::upgrade
