#include "upgrade/resumption.h"

#include <algorithm>

#include "upgrade/conductor.h"

namespace hitless::upgrade {
namespace {

using enum Phase;
using Begun = Interrupted::Begun;

bool has_failed(const Interrupted& operation, Phase phase) {
    return std::ranges::any_of(operation.phases, [&](const Begun& begun) {
        return begun.phase == phase && begun.state == Begun::State::failed;
    });
}

bool has_begun(const Interrupted& operation, Phase phase) {
    return std::ranges::any_of(operation.phases, [&](const Begun& begun) { return begun.phase == phase; });
}

// On the way back because B, or the new software, was not good, or the operator wanted it.
bool rolling_back(const Interrupted& operation) {
    return has_failed(operation, soak) || has_failed(operation, reprogram) || has_failed(operation, soak_back);
}

// All phases of the operation from the commit on.
std::vector<Phase> from_commit(const Interrupted& operation) {
    if (operation.command == Command::failover) {
        return {commit};
    }
    bool replaces = operation.command == Command::upgrade && !has_begun(operation, thaw);   // else rolled back in the soak
    auto phases = replaces ? std::vector{commit, soak, reprogram, copy_back} : std::vector{thaw, copy_back};
    if (replaces || operation.command == Command::give_back) {
        phases.push_back(verify_back);
    }
    phases.insert(phases.end(), {hold_back, commit_back});
    if (replaces && !rolling_back(operation)) {
        phases.push_back(soak_back);
    }
    if (!operation.keep_standby) {
        phases.push_back(retire);
    }
    return phases;
}

// The phase with which it goes on: 'last' or the next one, but a copy that was followed begins anew.
Phase next_of(const Begun& last) {
    if (last.phase == soak_back) {   // its remedy has the way back in it
        return retire;
    }
    if (last.phase >= copy_back) {
        return copy_back;
    }
    if (last.phase <= commit) {
        return last.phase == commit && last.state == Begun::State::done ? soak : commit;
    }
    if (last.state == Begun::State::running) {
        return last.phase;
    }
    return last.phase == soak ? reprogram : copy_back;
}

}  // namespace

Ending end_with_a(const Interrupted& operation) {
    auto ended_in = [&](std::string_view what) {
        return "ovs-hitlessd ended " + std::string(what) + "; the next one left the packets with A and took B away";
    };
    if (operation.phases.empty()) {
        bool emergency = operation.command == Command::rollback;   // it has no phases
        return {emergency ? Outcome::rolled_back : Outcome::failed, ended_in("before the first phase")};
    }
    const auto& [last, state, error] = operation.phases.back();
    auto in_phase = ended_in("in phase " + std::string(to_string(last)));
    if (last <= commit) {
        return {Outcome::failed, in_phase};
    }
    if (last == soak_back && state == Begun::State::failed) {   // before its remedy
        return {Outcome::failed, error + "; " + in_phase};
    }
    if (last < hold_back || rolling_back(operation)) {
        return {Outcome::rolled_back, in_phase};
    }
    return {Outcome::done, ""};
}

Resumption resume_with_b(const Interrupted& operation, bool a_ready) {
    Resumption resumption;
    if (operation.command != Command::failover) {
        resumption.end = operation.keep_standby ? State::standby : State::idle;
    }
    Begun last;
    if (operation.phases.empty()) {
        // Only what begins with B as the active instance: an emergency has no phases, and is a roll back.
        if (operation.command == Command::rollback) {
            resumption.failed = Begun{soak, Begun::State::failed, "ovs-hitlessd ended in an emergency"};
            return resumption;
        }
        last = {operation.command == Command::upgrade ? reprogram : thaw, Begun::State::running, ""};
    } else {
        last = operation.phases.back();
    }
    bool by_operator = last.phase == soak && last.error == kRolledBackByOperator;
    // Out of the soak of A it has the packets only by the remedy.
    if ((last.state == Begun::State::failed && !by_operator) || last.phase == soak_back) {
        resumption.failed = last;
    }
    if (rolling_back(operation)) {
        resumption.outcome = Outcome::rolled_back;
    }
    Interrupted asked = operation;
    Phase next = next_of(last);
    if (by_operator) {
        asked.phases.push_back({thaw, Begun::State::running, ""});
        next = thaw;
    }
    auto phases = from_commit(asked);
    phases.erase(phases.begin(), std::ranges::find(phases, next));
    // A lies still in a freeze, or has ended. Where there is a remedy, it sees to that.
    if (!phases.empty() && phases.front() == copy_back && !a_ready && !resumption.failed) {
        phases.insert(phases.begin(), thaw);
    }
    resumption.phases = std::move(phases);
    return resumption;
}

std::optional<Resumption> resume_with_a(const Interrupted& operation) {
    if (operation.phases.empty()) {
        return std::nullopt;
    }
    const auto& [last, state, error] = operation.phases.back();
    if (last == soak_back && state == Begun::State::failed) {
        return resume_with_b(operation, true);   // the remedy brings them to B
    }
    auto phases = from_commit(operation);
    auto rest = std::ranges::find(phases, soak_back);
    bool watched = (last == soak_back && state == Begun::State::running) || (last == commit_back && state == Begun::State::done);
    if (!watched || rest == phases.end()) {
        return std::nullopt;
    }
    Resumption resumption;
    resumption.phases.assign(rest, phases.end());
    resumption.end = operation.keep_standby ? State::standby : State::idle;
    return resumption;
}

}  // namespace hitless::upgrade
