#include "upgrade/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hitless::upgrade {
namespace {

constexpr State kStates[] = {State::idle, State::standby, State::failed_over};
constexpr Command kCommands[] = {Command::upgrade,  Command::failover, Command::give_back,
                                 Command::rollback, Command::standby,  Command::retire};

size_t position(const Plan& plan, Phase phase) {
    return static_cast<size_t>(std::ranges::find(plan.phases, phase) - plan.phases.begin());
}

TEST(Plan, UpgradeReplacesBothInstancesInTheRightOrder) {
    Plan plan = make_plan(State::idle, Command::upgrade, false).value();
    const Phase order[] = {Phase::preflight, Phase::fetch, Phase::standby, Phase::copy, Phase::verify, Phase::hold,
                           Phase::commit, Phase::soak, Phase::reprogram, Phase::copy_back, Phase::verify_back,
                           Phase::hold_back, Phase::commit_back, Phase::soak_back, Phase::retire};
    EXPECT_TRUE(std::ranges::equal(plan.phases, order));
    EXPECT_EQ(plan.end, State::idle);
}

// Every command in every state: either a plan, or an error that says what does make sense.
TEST(Plan, HasNoHole) {
    for (State state : kStates) {
        for (Command command : kCommands) {
            for (bool keep : {false, true}) {
                auto plan = make_plan(state, command, keep);
                if (!plan) {
                    EXPECT_NE(plan.error().message.find("makes no sense in state"), std::string::npos);
                    continue;
                }
                EXPECT_FALSE(plan->phases.empty());
                // Packets are never toggled without a hold right before, nor a hold left without its commit.
                for (size_t i = 0; i < plan->phases.size(); i++) {
                    if (in_blackout(plan->phases[i])) {
                        ASSERT_LT(i + 1, plan->phases.size());
                        EXPECT_EQ(plan->phases[i + 1],
                                  plan->phases[i] == Phase::hold ? Phase::commit : Phase::commit_back);
                    }
                }
                // B is only ended when A forwards.
                if (position(*plan, Phase::retire) < plan->phases.size()) {
                    EXPECT_EQ(plan->phases.back(), Phase::retire);
                    EXPECT_EQ(plan->end, State::idle);
                    bool left_a = state == State::failed_over || position(*plan, Phase::commit) < plan->phases.size();
                    if (left_a) {
                        EXPECT_LT(position(*plan, Phase::commit_back), plan->phases.size());
                    }
                }
            }
        }
    }
}

TEST(Plan, StateIsVerifiedBeforeEveryToggleButAnOperatorsRollBack) {
    for (State state : kStates) {
        for (Command command : kCommands) {
            auto plan = make_plan(state, command, false);
            if (!plan || command == Command::rollback) {
                continue;
            }
            if (position(*plan, Phase::hold) < plan->phases.size()) {
                EXPECT_LT(position(*plan, Phase::verify), position(*plan, Phase::hold));
            }
            if (position(*plan, Phase::hold_back) < plan->phases.size()) {
                EXPECT_LT(position(*plan, Phase::verify_back), position(*plan, Phase::hold_back));
            }
        }
    }
}

TEST(Plan, ErrorsNameStateAndRemedy) {
    EXPECT_EQ(make_plan(State::idle, Command::rollback, false).error().message,
              "hitless/rollback makes no sense in state idle: A is the active instance already");
    EXPECT_EQ(make_plan(State::failed_over, Command::standby, false).error().message,
              "hitless/standby makes no sense in state failed-over: B is the active instance; hitless/return or "
              "hitless/rollback brings the traffic back to A");
}

TEST(Plan, FailureBeforeTheHoldLeavesAUntouched) {
    for (Phase phase : {Phase::preflight, Phase::fetch}) {
        EXPECT_EQ(remedy(phase), Remedy::forget);
    }
    for (Phase phase : {Phase::standby, Phase::copy, Phase::verify}) {
        EXPECT_EQ(remedy(phase), Remedy::discard);
        EXPECT_TRUE(can_abort(phase));
    }
    EXPECT_FALSE(can_abort(Phase::hold));
    EXPECT_EQ(remedy(Phase::soak), Remedy::roll_back);
    EXPECT_EQ(remedy(Phase::reprogram), Remedy::put_back);
    EXPECT_EQ(remedy(Phase::soak_back), Remedy::take_back);
}

}  // namespace
}  // namespace hitless::upgrade
