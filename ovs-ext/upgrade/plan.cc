#include "upgrade/plan.h"

namespace hitless::upgrade {
namespace {

using enum Phase;

const std::vector<Phase> kBegin = {preflight, fetch, standby};
const std::vector<Phase> kPrepare = {copy, verify};
const std::vector<Phase> kToggle = {hold, commit};
const std::vector<Phase> kReplace = {soak, reprogram};
const std::vector<Phase> kBack = {copy_back, verify_back, hold_back, commit_back};
const std::vector<Phase> kWatchNew = {soak_back};

Plan join(std::initializer_list<std::vector<Phase>> parts, State end) {
    Plan plan;
    for (const auto& part : parts) {
        plan.phases.insert(plan.phases.end(), part.begin(), part.end());
    }
    plan.end = end;
    return plan;
}

Plan with_end(Plan plan, bool keep_standby) {
    if (keep_standby) {
        plan.end = State::standby;
    } else {
        plan.phases.push_back(retire);
        plan.end = State::idle;
    }
    return plan;
}

Error nonsense(State state, Command command, std::string_view remedy) {
    auto name = command == Command::retire ? "abort" : to_string(command);   // as the operator calls it
    return make_error("hitless/{} makes no sense in state {}: {}", name, to_string(state), remedy);
}

Result<Plan> from_idle(Command command, bool keep_standby) {
    switch (command) {
    case Command::upgrade:
        return with_end(join({kBegin, kPrepare, kToggle, kReplace, kBack, kWatchNew}, State::idle), keep_standby);
    case Command::failover:
        return join({kBegin, kPrepare, kToggle}, State::failed_over);
    case Command::standby:
        return join({kBegin, kPrepare}, State::standby);
    case Command::give_back:
    case Command::rollback:
        return nonsense(State::idle, command, "A is the active instance already");
    case Command::retire:
        return nonsense(State::idle, command, "there is no stand-by instance");
    }
    return make_error("unknown command");
}

Result<Plan> from_standby(Command command, bool keep_standby) {
    switch (command) {
    case Command::upgrade:
        return with_end(join({kPrepare, kToggle, kReplace, kBack, kWatchNew}, State::idle), keep_standby);
    case Command::failover:
        return join({kPrepare, kToggle}, State::failed_over);
    case Command::retire:
        return join({{retire}}, State::idle);
    case Command::standby:
        return nonsense(State::standby, command, "B is ready already; hitless/abort gives it up");
    case Command::give_back:
    case Command::rollback:
        return nonsense(State::standby, command, "A is the active instance already");
    }
    return make_error("unknown command");
}

Result<Plan> from_failed_over(Command command, bool keep_standby) {
    switch (command) {
    case Command::upgrade:
        return with_end(join({{reprogram}, kBack, kWatchNew}, State::idle), keep_standby);
    case Command::give_back:
        return with_end(join({{thaw}, kBack}, State::idle), keep_standby);
    case Command::rollback:
        return with_end(join({{thaw, copy_back, hold_back, commit_back}}, State::idle), keep_standby);
    case Command::failover:
    case Command::standby:
    case Command::retire:
        return nonsense(State::failed_over, command,
                        "B is the active instance; hitless/return or hitless/rollback brings the traffic back to A");
    }
    return make_error("unknown command");
}

}  // namespace

Result<Plan> make_plan(State state, Command command, bool keep_standby) {
    switch (state) {
    case State::idle:
        return from_idle(command, keep_standby);
    case State::standby:
        return from_standby(command, keep_standby);
    case State::failed_over:
        return from_failed_over(command, keep_standby);
    }
    return make_error("unknown state");
}

Remedy remedy(Phase phase) {
    switch (phase) {
    case preflight:
    case fetch:
        return Remedy::forget;
    case standby:
    case copy:
    case verify:
        return Remedy::discard;
    case hold:
    case commit:
        return Remedy::call_off;
    case soak:
        return Remedy::roll_back;
    case reprogram:
        return Remedy::put_back;
    case thaw:
    case copy_back:
    case verify_back:
    case hold_back:
    case commit_back:
        return Remedy::stay;
    case soak_back:
        return Remedy::take_back;
    case retire:
        return Remedy::report;
    }
    return Remedy::report;
}

bool in_blackout(Phase phase) {
    return phase == hold || phase == hold_back;
}

bool can_abort(Phase phase) {
    return phase < hold;
}

std::string_view to_string(State state) {
    switch (state) {
    case State::idle:
        return "idle";
    case State::standby:
        return "standby";
    case State::failed_over:
        return "failed-over";
    }
    return "?";
}

std::string_view to_string(Command command) {
    switch (command) {
    case Command::upgrade:
        return "upgrade";
    case Command::failover:
        return "failover";
    case Command::give_back:
        return "return";
    case Command::rollback:
        return "rollback";
    case Command::standby:
        return "standby";
    case Command::retire:
        return "retire";
    }
    return "?";
}

std::string_view to_string(Phase phase) {
    constexpr std::string_view names[] = {"preflight", "fetch", "standby",   "copy",        "verify",
                                          "hold",      "commit", "soak",     "reprogram",   "thaw",
                                          "copy-back", "verify-back", "hold-back", "commit-back", "soak-back",
                                          "retire"};
    return names[static_cast<int>(phase)];
}

}  // namespace hitless::upgrade
