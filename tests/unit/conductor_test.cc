#include "upgrade/conductor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// A site where every act succeeds but the one that 'fail_at' names; records all that it is told.
class FakeSite : public Site {
  public:
    Result<uint64_t> begin(const Request&) override { return ++number; }
    Status phase_begins(Phase phase) override {
        log.push_back("begin " + std::string(to_string(phase)));
        return phase == unwritable_at ? Status(make_error("journal: No space left on device")) : Status();
    }
    Status act(Phase phase, const Request&, StopFlag& stop, const Update&) override {
        log.push_back("act " + std::string(to_string(phase)));
        if (phase == wait_at) {
            waiting.set_value();
            for (int i = 0; i < 5000 && !going_on && !stop.wait(1ms); i++) {
            }
            return stop.check();
        }
        if (phase == fail_at) {
            return make_error("port eth3: on fire");
        }
        return {};
    }
    void phase_ends(Phase, const Status&, std::chrono::microseconds) override {}
    Result<State> apply(Remedy remedy, const Update&) override {
        remedies.push_back(remedy);
        if (remedy_fails) {
            return make_error("namespace busy");
        }
        bool at_b = remedy == Remedy::stay || ((remedy == Remedy::put_back || remedy == Remedy::take_back) && !sick);
        return at_b ? State::failed_over : State::idle;
    }
    void go_on() { going_on = true; }   // with the phase that waits
    void end(const Summary&) override { ended++; }
    std::optional<Resumed> take_interrupted() override { return std::exchange(interrupted, std::nullopt); }
    bool b_forwards() const override { return b_active; }
    Status can_operate() const override { return orphaned ? Status(make_error("B is an orphan")) : Status(); }
    bool can_roll_back() const override { return !untouchable; }
    Status watch() override { return sick ? Status(make_error("B died")) : Status(); }

    uint64_t number = 0;
    int ended = 0;
    std::optional<Phase> fail_at, wait_at, unwritable_at;
    bool remedy_fails = false, b_active = false, orphaned = false, untouchable = false;
    std::atomic<bool> sick = false, going_on = false;
    std::promise<void> waiting;
    std::vector<std::string> log;
    std::vector<Remedy> remedies;
    std::optional<Resumed> interrupted;
};

Summary run(Conductor& conductor, Command command) {
    std::promise<Summary> promise;
    auto future = promise.get_future();
    Request request;
    request.command = command;
    auto status = conductor.submit(request, [&](const Summary& summary) { promise.set_value(summary); });
    EXPECT_TRUE(status.ok()) << status.error().message;
    return future.get();
}

TEST(Conductor, WritesEachPhaseBeforeItActs) {
    FakeSite site;
    Conductor conductor(site, State::idle);
    Summary summary = run(conductor, Command::standby);
    EXPECT_EQ(summary.outcome, Outcome::done);
    EXPECT_EQ(summary.state, State::standby);
    EXPECT_THAT(site.log, ElementsAre("begin preflight", "act preflight", "begin fetch", "act fetch", "begin standby",
                                      "act standby", "begin copy", "act copy", "begin verify", "act verify"));
    EXPECT_EQ(conductor.state(), State::standby);
    EXPECT_EQ(site.ended, 1);
}

TEST(Conductor, AppliesTheRemedyOfThePhaseThatFailed) {
    struct Case {
        Phase phase;
        Remedy remedy;
        Outcome outcome;
        State state;
    };
    for (const Case& one : {Case{Phase::preflight, Remedy::forget, Outcome::failed, State::idle},
                            Case{Phase::fetch, Remedy::forget, Outcome::failed, State::idle},
                            Case{Phase::standby, Remedy::discard, Outcome::failed, State::idle},
                            Case{Phase::copy, Remedy::discard, Outcome::failed, State::idle},
                            Case{Phase::verify, Remedy::discard, Outcome::failed, State::idle},
                            Case{Phase::hold, Remedy::call_off, Outcome::failed, State::idle},
                            Case{Phase::commit, Remedy::call_off, Outcome::failed, State::idle},
                            Case{Phase::soak, Remedy::roll_back, Outcome::rolled_back, State::idle},
                            Case{Phase::reprogram, Remedy::put_back, Outcome::rolled_back, State::idle},
                            Case{Phase::copy_back, Remedy::stay, Outcome::failed, State::failed_over},
                            Case{Phase::verify_back, Remedy::stay, Outcome::failed, State::failed_over},
                            Case{Phase::hold_back, Remedy::stay, Outcome::failed, State::failed_over},
                            Case{Phase::commit_back, Remedy::stay, Outcome::failed, State::failed_over},
                            Case{Phase::soak_back, Remedy::take_back, Outcome::rolled_back, State::idle}}) {
        FakeSite site;
        site.fail_at = one.phase;
        Conductor conductor(site, State::idle);
        Summary summary = run(conductor, Command::upgrade);
        EXPECT_THAT(site.remedies, ElementsAre(one.remedy)) << to_string(one.phase);
        EXPECT_EQ(summary.outcome, one.outcome) << to_string(one.phase);
        EXPECT_EQ(conductor.state(), one.state) << to_string(one.phase);
        EXPECT_EQ(summary.error, "port eth3: on fire");
    }
}

TEST(Conductor, WhatTheJournalCannotTakeIsNotDone) {
    for (Phase phase : {Phase::preflight, Phase::standby, Phase::hold, Phase::soak, Phase::reprogram, Phase::hold_back}) {
        FakeSite site;
        site.unwritable_at = phase;
        Conductor conductor(site, State::idle);
        EXPECT_THAT(run(conductor, Command::upgrade).error, HasSubstr("No space left"));
        EXPECT_THAT(site.log, testing::Not(testing::Contains("act " + std::string(to_string(phase)))));
    }
}

TEST(Conductor, BGoesEvenIfTheJournalCannotTakeIt) {
    FakeSite site;
    site.unwritable_at = Phase::retire;
    Conductor conductor(site, State::idle);
    Summary summary = run(conductor, Command::upgrade);
    EXPECT_EQ(site.log.back(), "act retire");
    EXPECT_EQ(summary.error, "journal: No space left on device");
    EXPECT_EQ(summary.outcome, Outcome::failed);
    EXPECT_EQ(summary.state, State::idle);
}

TEST(Conductor, WhenTheNewSoftwareFailsTheOldOneComesBackByTheSameWay) {
    FakeSite site;
    site.fail_at = Phase::reprogram;
    Conductor conductor(site, State::idle);
    run(conductor, Command::upgrade);
    EXPECT_EQ(site.log.back(), "act retire");
    EXPECT_THAT(site.log, testing::Contains("act commit-back"));
}

TEST(Conductor, WhenBFailsWithTheNewSoftwareThereIsNoWayBackToGo) {
    FakeSite site;
    site.fail_at = Phase::reprogram;
    site.sick = true;
    Conductor conductor(site, State::idle);
    EXPECT_EQ(run(conductor, Command::upgrade).state, State::idle);
    EXPECT_EQ(site.log.back(), "act reprogram");
}

TEST(Conductor, WhenTheNewSoftwareForwardsNothingTheWayBackIsGoneOnceMore) {
    FakeSite site;
    site.fail_at = Phase::soak_back;
    Conductor conductor(site, State::idle);
    run(conductor, Command::upgrade);
    const std::vector<std::string> last(site.log.end() - 12, site.log.end());
    EXPECT_THAT(last, ElementsAre("begin soak-back", "act soak-back", "begin copy-back", "act copy-back", "begin verify-back",
                                  "act verify-back", "begin hold-back", "act hold-back", "begin commit-back", "act commit-back",
                                  "begin retire", "act retire"));
}

TEST(Conductor, TellsOfARemedyThatFailsToo) {
    FakeSite site;
    site.fail_at = Phase::copy;
    site.remedy_fails = true;
    Conductor conductor(site, State::idle);
    Summary summary = run(conductor, Command::upgrade);
    EXPECT_EQ(summary.outcome, Outcome::failed);
    EXPECT_EQ(summary.error, "port eth3: on fire; then: namespace busy");
}

TEST(Conductor, RefusesASecondOperationAndTheFirstIsUnharmed) {
    FakeSite site;
    site.wait_at = Phase::copy;
    Conductor conductor(site, State::idle);
    std::promise<Summary> promise;
    Request request;
    ASSERT_TRUE(conductor.submit(request, [&](const Summary& s) { promise.set_value(s); }).ok());
    site.waiting.get_future().wait();
    auto second = conductor.submit(request, [](const Summary&) {});
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().message, HasSubstr("operation 1 (hitless/upgrade) is under way, in phase copy"));
    EXPECT_TRUE(conductor.abort(StopFlag::Reason::abort).ok());
    Summary summary = promise.get_future().get();
    EXPECT_EQ(summary.outcome, Outcome::aborted);
    EXPECT_THAT(site.remedies, ElementsAre(Remedy::discard));
}

TEST(Conductor, AnOperatorsRollBackInTheSoakCarriesTheStateBack) {
    FakeSite site;
    site.wait_at = Phase::soak;
    Conductor conductor(site, State::idle);
    std::promise<Summary> promise;
    ASSERT_TRUE(conductor.submit(Request{}, [&](const Summary& s) { promise.set_value(s); }).ok());
    site.waiting.get_future().wait();
    ASSERT_TRUE(conductor.abort(StopFlag::Reason::rollback).ok());
    Summary summary = promise.get_future().get();
    EXPECT_EQ(summary.outcome, Outcome::rolled_back);
    EXPECT_EQ(conductor.state(), State::idle);
    EXPECT_TRUE(site.remedies.empty());
    EXPECT_THAT(site.log, testing::IsSupersetOf({"act thaw", "act copy-back", "act hold-back", "act commit-back"}));
    EXPECT_THAT(site.log, testing::Not(testing::Contains("act reprogram")));
}

TEST(Conductor, NothingCanBeAbortedAtRest) {
    FakeSite site;
    Conductor conductor(site, State::idle);
    EXPECT_EQ(conductor.abort(StopFlag::Reason::abort).error().message, "no operation is under way");
}

TEST(Conductor, RollsBackByItselfWhenTheActiveStandbyFailsAtRest) {
    FakeSite site;
    Conductor conductor(site, State::failed_over);
    site.sick = true;
    for (int i = 0; i < 100 && conductor.state() != State::idle; i++) {
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(conductor.state(), State::idle);
    EXPECT_EQ(conductor.operation()->command, Command::rollback);
    EXPECT_EQ(conductor.operation()->outcome, Outcome::rolled_back);
    EXPECT_EQ(conductor.operation()->error, "B died");
    EXPECT_THAT(site.remedies, ElementsAre(Remedy::roll_back));   // at once: a dead B has no state to copy
    EXPECT_TRUE(site.log.empty());
}

TEST(Conductor, GivesUpAStandbyThatDiedAtRest) {
    FakeSite site;
    Conductor conductor(site, State::standby);
    site.sick = true;
    for (int i = 0; i < 100 && conductor.state() != State::idle; i++) {
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(conductor.state(), State::idle);
    EXPECT_THAT(site.remedies, ElementsAre(Remedy::discard));
    EXPECT_EQ(conductor.operation()->error, "B died");
}

TEST(Conductor, ARollBackThatFailsIsNotRepeatedAllTheTime) {
    FakeSite site;
    site.sick = site.remedy_fails = site.b_active = true;
    Conductor conductor(site, State::failed_over);
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(conductor.state(), State::failed_over);
    EXPECT_EQ(site.number, 1u);
}

TEST(Conductor, WithTheInstancesOfAnEarlierDaemonOnlyARollBackIsPossible) {
    FakeSite site;
    site.orphaned = site.b_active = true;
    Conductor conductor(site, State::failed_over);
    Request request;
    request.command = Command::upgrade;
    EXPECT_EQ(conductor.submit(request, [](const Summary&) {}).error().message,
              "hitless/upgrade: B is an orphan; use hitless/rollback");
    Summary summary = run(conductor, Command::rollback);
    EXPECT_EQ(summary.outcome, Outcome::rolled_back);
    EXPECT_EQ(summary.state, State::idle);
    EXPECT_TRUE(site.log.empty());
}

TEST(Conductor, WithInstancesThatCannotBeBelievedNothingIsPossible) {
    FakeSite site;
    site.orphaned = site.untouchable = site.b_active = true;
    Conductor conductor(site, State::failed_over);
    for (auto [command, name] : {std::pair{Command::rollback, "rollback"}, {Command::upgrade, "upgrade"}, {Command::give_back, "return"}}) {
        Request request;
        request.command = command;
        EXPECT_EQ(conductor.submit(request, [](const Summary&) {}).error().message, fmt::format("hitless/{}: B is an orphan", name));
    }
    EXPECT_TRUE(site.remedies.empty());
}

// What an earlier daemon was at when it ended in 'phases', the last of which is 'failed'.
Resumed resumed(std::vector<Phase> rest, std::optional<Phase> failed = {}) {
    Resumed one;
    one.so_far.number = 7;
    one.so_far.command = Command::upgrade;
    one.so_far.phases = {{Phase::soak, {}, true, ""}};
    one.rest.phases = std::move(rest);
    one.rest.end = State::idle;
    if (failed) {
        one.rest.failed = Interrupted::Begun{*failed, Interrupted::Begun::State::failed, "port eth3: on fire"};
    }
    return one;
}

TEST(Conductor, GoesOnWithTheOperationOfAnEarlierDaemon) {
    FakeSite site;
    site.interrupted = resumed({Phase::soak, Phase::reprogram, Phase::retire});
    Conductor conductor(site, State::failed_over);
    for (int i = 0; i < 100 && conductor.busy(); i++) {
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(conductor.state(), State::idle);
    EXPECT_EQ(site.number, 0u);   // none was begun
    EXPECT_EQ(site.ended, 1);
    EXPECT_EQ(conductor.operation()->number, 7u);
    EXPECT_EQ(conductor.operation()->outcome, Outcome::done);
    EXPECT_EQ(conductor.operation()->phases.size(), 4u);
    EXPECT_THAT(site.log, ElementsAre("begin soak", "act soak", "begin reprogram", "act reprogram", "begin retire", "act retire"));
}

TEST(Conductor, WhileItGoesOnNothingElseBegins) {
    FakeSite site;
    site.interrupted = resumed({Phase::soak});
    site.wait_at = Phase::soak;
    Conductor conductor(site, State::failed_over);
    EXPECT_THAT(conductor.submit(Request{}, [](const Summary&) {}).error().message, HasSubstr("is under way"));
    site.waiting.get_future().wait();
    EXPECT_TRUE(conductor.abort(StopFlag::Reason::rollback).ok());
}

TEST(Conductor, AppliesTheRemedyThatAnEarlierDaemonOwed) {
    FakeSite site;
    site.interrupted = resumed({Phase::reprogram}, Phase::soak);
    Conductor conductor(site, State::failed_over);
    for (int i = 0; i < 100 && conductor.busy(); i++) {
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(conductor.state(), State::idle);
    EXPECT_THAT(site.remedies, ElementsAre(Remedy::roll_back));
    EXPECT_TRUE(site.log.empty());
    EXPECT_EQ(conductor.operation()->outcome, Outcome::rolled_back);
}

TEST(Conductor, WhenARemedyFailsItRestsWhereThePacketsAre) {
    for (bool b_active : {false, true}) {
        FakeSite site;
        site.fail_at = Phase::commit;
        site.remedy_fails = true;
        site.b_active = b_active;
        Conductor conductor(site, State::idle);
        EXPECT_EQ(run(conductor, Command::failover).state, b_active ? State::failed_over : State::idle);
    }
}

TEST(Conductor, TheEndOfTheDaemonAbortsWhatCanBeAborted) {
    FakeSite site;
    site.wait_at = Phase::copy;
    Conductor conductor(site, State::idle);
    std::promise<Summary> promise;
    ASSERT_TRUE(conductor.submit(Request{}, [&](const Summary& s) { promise.set_value(s); }).ok());
    site.waiting.get_future().wait();
    EXPECT_EQ(conductor.finish(), State::idle);
    EXPECT_EQ(promise.get_future().get().outcome, Outcome::aborted);
    EXPECT_THAT(conductor.submit(Request{}, [](const Summary&) {}).error().message, HasSubstr("is exiting"));
}

TEST(Conductor, TheEndOfTheDaemonInTheSoakLeavesThePacketsWhereTheyAre) {
    FakeSite site;
    site.wait_at = Phase::soak;
    Conductor conductor(site, State::idle);
    ASSERT_TRUE(conductor.submit(Request{}, [](const Summary&) {}).ok());
    site.waiting.get_future().wait();
    EXPECT_EQ(conductor.finish(), State::failed_over);
    EXPECT_TRUE(site.remedies.empty());
    EXPECT_EQ(site.log.back(), "act soak");
}

TEST(Conductor, TheEndOfTheDaemonGivesUpAStandby) {
    FakeSite site;
    Conductor conductor(site, State::standby);
    EXPECT_EQ(conductor.finish(), State::idle);
    EXPECT_EQ(site.log.back(), "act retire");
}

// Every event in every state, at rest and in each phase of each operation: what it is answered, and where the switch rests in the end.
enum class Event { upgrade, failover, give_back, rollback, standby, retire, abort, roll_back_the_soak, exit, b_fails };
constexpr Event kEvents[] = {Event::upgrade, Event::failover, Event::give_back, Event::rollback, Event::standby,
                             Event::retire, Event::abort, Event::roll_back_the_soak, Event::exit, Event::b_fails};
constexpr State kStates[] = {State::idle, State::standby, State::failed_over};

std::optional<Command> command_of(Event event) {
    if (event > Event::retire) {
        return std::nullopt;
    }
    constexpr Command commands[] = {Command::upgrade,  Command::failover, Command::give_back,
                                    Command::rollback, Command::standby,  Command::retire};
    return commands[static_cast<int>(event)];
}

// What 'event' is answered; true: accepted.
bool submit(Conductor& conductor, Event event) {
    switch (event) {
    case Event::abort:
        return conductor.abort(StopFlag::Reason::abort).ok();
    case Event::roll_back_the_soak:
        return conductor.abort(StopFlag::Reason::rollback).ok();
    default:
        Request request;
        request.command = *command_of(event);
        return conductor.submit(request, [](const Summary&) {}).ok();
    }
}

// 'condition' comes true soon.
bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); i++) {
        std::this_thread::sleep_for(10ms);
    }
    return condition();
}

TEST(Conductor, AnswersEveryEventInEveryStateAtRest) {
    for (State state : kStates) {
        for (Event event : kEvents) {
            SCOPED_TRACE(testing::Message() << to_string(state) << ", event " << static_cast<int>(event));
            FakeSite site;
            site.b_active = state == State::failed_over;
            Conductor conductor(site, state);
            if (event == Event::exit) {
                EXPECT_EQ(conductor.finish(), state == State::standby ? State::idle : state);
                continue;
            }
            if (event == Event::b_fails) {
                site.sick = true;
                EXPECT_TRUE(soon([&] { return conductor.state() == State::idle && !conductor.busy(); }));
                EXPECT_EQ(site.remedies.size(), state == State::idle ? 0u : 1u);
                continue;
            }
            auto plan = command_of(event) ? make_plan(state, *command_of(event), false) : Result<Plan>(Error{"at rest"});
            EXPECT_EQ(submit(conductor, event), plan.ok());
            EXPECT_TRUE(soon([&] { return !conductor.busy(); }));
            EXPECT_EQ(conductor.state(), plan ? plan->end : state);
            EXPECT_EQ(site.log.size(), plan ? 2 * plan->phases.size() : 0u);
        }
    }
}

// In 'phase', which waits. What is not for this phase is refused, and harms nothing.
void expect_answer_in_phase(State state, Command command, const Plan& plan, Phase phase, Event event) {
    SCOPED_TRACE(testing::Message() << to_string(command) << " from " << to_string(state) << " in " << to_string(phase)
                                    << ", event " << static_cast<int>(event));
    FakeSite site;
    site.wait_at = phase;
    Conductor conductor(site, state);
    Request request;
    request.command = command;
    std::promise<Summary> promise;
    ASSERT_TRUE(conductor.submit(request, [&](const Summary& summary) { promise.set_value(summary); }).ok());
    site.waiting.get_future().wait();
    bool accepted = submit(conductor, event);
    bool wanted = (event == Event::abort && (can_abort(phase) || phase == Phase::soak)) ||
                  (event == Event::roll_back_the_soak && phase == Phase::soak);
    EXPECT_EQ(accepted, wanted);
    site.go_on();
    Summary summary = promise.get_future().get();
    if (!accepted) {
        EXPECT_EQ(summary.outcome, Outcome::done);
        EXPECT_EQ(summary.state, plan.end);
        EXPECT_EQ(site.log.size(), 2 * plan.phases.size());
    } else if (phase == Phase::soak) {
        EXPECT_EQ(summary.outcome, Outcome::rolled_back);
        EXPECT_EQ(summary.state, State::idle);
    } else {
        EXPECT_EQ(summary.outcome, Outcome::aborted);
        EXPECT_EQ(summary.state, State::idle);
    }
}

TEST(Conductor, AnswersEveryEventInEveryPhase) {
    for (State state : kStates) {
        for (int number = 0; number <= static_cast<int>(Command::retire); number++) {
            auto command = static_cast<Command>(number);
            auto plan = make_plan(state, command, false);
            if (!plan) {
                continue;
            }
            for (Phase phase : plan->phases) {
                for (Event event : kEvents) {
                    if (event < Event::exit) {   // the end of the daemon, and of B, have tests of their own
                        expect_answer_in_phase(state, command, *plan, phase, event);
                    }
                }
            }
        }
    }
}

}  // namespace
}  // namespace hitless::upgrade
