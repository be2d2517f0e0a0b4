#include "upgrade/resumption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "upgrade/conductor.h"

namespace hitless::upgrade {
namespace {

using enum Phase;
using enum Interrupted::Begun::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Command kCommands[] = {Command::upgrade,  Command::failover, Command::give_back,
                                 Command::rollback, Command::standby,  Command::retire};
constexpr State kStates[] = {State::idle, State::standby, State::failed_over};

// 'command', ended in 'last'.
Interrupted interrupted(Command command, Phase last, Interrupted::Begun::State state = running) {
    return {command, false, {{last, state, state == failed ? "on fire" : ""}}};
}

TEST(Resumption, AnUpgradeGoesOnWhereItWas) {
    struct Case {
        Phase phase;
        std::vector<Phase> rest;
    };
    const std::vector<Phase> back = {copy_back, verify_back, hold_back, commit_back, soak_back, retire};
    auto then_back = [&](std::vector<Phase> first) {
        first.insert(first.end(), back.begin(), back.end());
        return first;
    };
    for (const Case& one : {Case{hold, then_back({commit, soak, reprogram})}, Case{commit, then_back({commit, soak, reprogram})},
                            Case{soak, then_back({soak, reprogram})}, Case{reprogram, then_back({reprogram})},
                            Case{copy_back, back}, Case{verify_back, back}, Case{hold_back, back}, Case{commit_back, back}}) {
        auto resumption = resume_with_b(interrupted(Command::upgrade, one.phase), true);
        EXPECT_EQ(resumption.phases, one.rest) << to_string(one.phase);
        EXPECT_FALSE(resumption.failed);
        EXPECT_EQ(resumption.end, State::idle);
        EXPECT_EQ(resumption.outcome, Outcome::running);
    }
}

TEST(Resumption, BetweenTwoPhasesTheNextOneFollows) {
    auto next = [](Command command, Phase phase) { return resume_with_b(interrupted(command, phase, done), true).phases; };
    EXPECT_EQ(next(Command::upgrade, commit).front(), soak);
    EXPECT_EQ(next(Command::upgrade, soak).front(), reprogram);
    EXPECT_EQ(next(Command::upgrade, reprogram).front(), copy_back);
    EXPECT_EQ(next(Command::give_back, thaw).front(), copy_back);
    EXPECT_EQ(next(Command::upgrade, verify_back).front(), copy_back);   // what was followed is not known any more
    EXPECT_THAT(next(Command::failover, commit), IsEmpty());
}

TEST(Resumption, AFailoverIsOverWhenBHasThePackets) {
    auto resumption = resume_with_b(interrupted(Command::failover, hold), true);
    EXPECT_THAT(resumption.phases, ElementsAre(commit));
    EXPECT_EQ(resumption.end, State::failed_over);
}

TEST(Resumption, AReturnVerifiesAndARollBackDoesNot) {
    EXPECT_THAT(resume_with_b(interrupted(Command::give_back, thaw), false).phases,
                ElementsAre(thaw, copy_back, verify_back, hold_back, commit_back, retire));
    EXPECT_THAT(resume_with_b(interrupted(Command::rollback, copy_back), true).phases,
                ElementsAre(copy_back, hold_back, commit_back, retire));
}

TEST(Resumption, AnAThatHasEndedOrIsFrozenIsBroughtBackBeforeTheCopy) {
    EXPECT_THAT(resume_with_b(interrupted(Command::rollback, copy_back), false).phases,
                ElementsAre(thaw, copy_back, hold_back, commit_back, retire));
    EXPECT_EQ(resume_with_b(interrupted(Command::upgrade, reprogram), false).phases.front(), reprogram);
}

TEST(Resumption, KeepsTheStandbyWhereThatWasAskedFor) {
    auto operation = interrupted(Command::upgrade, soak);
    operation.keep_standby = true;
    auto resumption = resume_with_b(operation, true);
    EXPECT_EQ(resumption.end, State::standby);
    EXPECT_EQ(resumption.phases.back(), soak_back);
}

TEST(Resumption, TheRemedyOfAPhaseThatFailedComesFirst) {
    for (Phase phase : {commit, soak, reprogram, thaw, copy_back, verify_back, hold_back, commit_back, soak_back}) {
        auto resumption = resume_with_b(interrupted(Command::upgrade, phase, failed), true);
        ASSERT_TRUE(resumption.failed) << to_string(phase);
        EXPECT_EQ(resumption.failed->phase, phase);
        EXPECT_EQ(resumption.failed->error, "on fire");
    }
    auto put_back = resume_with_b(interrupted(Command::upgrade, reprogram, failed), false);
    EXPECT_THAT(put_back.phases, ElementsAre(copy_back, verify_back, hold_back, commit_back, retire));
    EXPECT_EQ(put_back.outcome, Outcome::rolled_back);
    auto taken_back = resume_with_b(interrupted(Command::upgrade, soak_back, failed), true);
    EXPECT_THAT(taken_back.phases, ElementsAre(retire));   // behind the way back, which is its remedy's
    EXPECT_EQ(taken_back.outcome, Outcome::rolled_back);
}

TEST(Resumption, AnOperatorsRollBackInTheSoakIsNoFailureOfB) {
    Interrupted operation{Command::upgrade, false, {{soak, failed, std::string(kRolledBackByOperator)}}};
    auto resumption = resume_with_b(operation, false);
    EXPECT_FALSE(resumption.failed);
    EXPECT_THAT(resumption.phases, ElementsAre(thaw, copy_back, hold_back, commit_back, retire));
    EXPECT_EQ(resumption.outcome, Outcome::rolled_back);
    operation.phases.push_back({thaw, running, ""});
    EXPECT_THAT(resume_with_b(operation, false).phases, ElementsAre(thaw, copy_back, hold_back, commit_back, retire));
}

TEST(Resumption, AnEmergencyThatWasUnderWayIsOneStill) {
    auto resumption = resume_with_b({Command::rollback, false, {}}, true);
    ASSERT_TRUE(resumption.failed);
    EXPECT_EQ(remedy(resumption.failed->phase), Remedy::roll_back);
    EXPECT_EQ(resume_with_b({Command::upgrade, false, {}}, true).phases.front(), reprogram);
}

TEST(Resumption, WithAActiveWhatIsDoneIsDoneAndTheRestIsUndone) {
    for (Phase phase : {preflight, fetch, standby, copy, verify, hold, commit}) {
        auto ending = end_with_a(interrupted(Command::upgrade, phase));
        EXPECT_EQ(ending.outcome, Outcome::failed) << to_string(phase);
        EXPECT_THAT(ending.error, HasSubstr("in phase " + std::string(to_string(phase))));
    }
    for (Phase phase : {soak, reprogram, thaw, copy_back, verify_back}) {
        EXPECT_EQ(end_with_a(interrupted(Command::upgrade, phase)).outcome, Outcome::rolled_back) << to_string(phase);
    }
    for (Phase phase : {hold_back, commit_back, soak_back, retire}) {
        EXPECT_EQ(end_with_a(interrupted(Command::upgrade, phase)).outcome, Outcome::done) << to_string(phase);
        Interrupted put_back{Command::upgrade, false, {{reprogram, failed, "on fire"}, {phase, running, ""}}};
        EXPECT_EQ(end_with_a(put_back).outcome, Outcome::rolled_back) << to_string(phase);
    }
    auto mute = end_with_a(interrupted(Command::upgrade, soak_back, failed));
    EXPECT_EQ(mute.outcome, Outcome::failed);
    EXPECT_THAT(mute.error, HasSubstr("on fire; ovs-hitlessd ended in phase soak-back"));
    EXPECT_EQ(end_with_a({Command::rollback, false, {}}).outcome, Outcome::rolled_back);
    EXPECT_EQ(end_with_a({Command::upgrade, false, {}}).outcome, Outcome::failed);
}

TEST(Resumption, ANewAIsWatchedOn) {
    auto operation = interrupted(Command::upgrade, soak_back);
    auto resumption = resume_with_a(operation);
    ASSERT_TRUE(resumption);
    EXPECT_THAT(resumption->phases, ElementsAre(soak_back, retire));
    EXPECT_FALSE(resumption->failed);
    EXPECT_EQ(resumption->end, State::idle);
    EXPECT_EQ(resumption->outcome, Outcome::running);
    EXPECT_THAT(resume_with_a(interrupted(Command::upgrade, commit_back, done))->phases, ElementsAre(soak_back, retire));
    operation.keep_standby = true;
    EXPECT_THAT(resume_with_a(operation)->phases, ElementsAre(soak_back));
    EXPECT_EQ(resume_with_a(operation)->end, State::standby);
}

TEST(Resumption, ANewAThatWasFoundMuteIsReplacedByTheOldOne) {
    auto resumption = resume_with_a(interrupted(Command::upgrade, soak_back, failed));
    ASSERT_TRUE(resumption);
    ASSERT_TRUE(resumption->failed);
    EXPECT_EQ(remedy(resumption->failed->phase), Remedy::take_back);
    EXPECT_THAT(resumption->phases, ElementsAre(retire));
    EXPECT_EQ(resumption->outcome, Outcome::rolled_back);
}

TEST(Resumption, AnAThatIsNotNewIsNotWatched) {
    EXPECT_FALSE(resume_with_a({Command::upgrade, false, {}}));
    EXPECT_FALSE(resume_with_a(interrupted(Command::upgrade, commit_back)));   // whether all of it is done is not known
    EXPECT_FALSE(resume_with_a(interrupted(Command::upgrade, soak_back, done)));
    EXPECT_FALSE(resume_with_a(interrupted(Command::upgrade, retire)));
    EXPECT_FALSE(resume_with_a(interrupted(Command::give_back, commit_back, done)));
    EXPECT_FALSE(resume_with_a({Command::upgrade, false, {{reprogram, failed, "on fire"}, {commit_back, done, ""}}}));
}

// Whatever command, from whatever state, ends in whatever phase: what follows is a part of its way, without a hole.
TEST(Resumption, HasNoHole) {
    for (State state : kStates) {
        for (Command command : kCommands) {
            auto plan = make_plan(state, command, false);
            if (!plan) {
                continue;
            }
            Interrupted operation{command, false, {}};
            bool b_active = state == State::failed_over;
            for (Phase phase : plan->phases) {
                operation.phases.push_back({phase, running, ""});
                b_active |= phase == commit;
                if (b_active && phase != retire) {
                    auto resumption = resume_with_b(operation, true);
                    ASSERT_FALSE(resumption.phases.empty());
                    EXPECT_EQ(resumption.end, plan->end);
                    // Its end is the plan's, to the last phase.
                    const auto& rest = resumption.phases;
                    ASSERT_LE(rest.size(), plan->phases.size());
                    EXPECT_TRUE(std::equal(rest.rbegin(), rest.rend(), plan->phases.rbegin()))
                        << to_string(command) << " in " << to_string(phase);
                }
                EXPECT_NE(end_with_a(operation).outcome, Outcome::running);
                operation.phases.back().state = done;
            }
        }
    }
}

}  // namespace
}  // namespace hitless::upgrade
