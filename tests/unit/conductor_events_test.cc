// Whatever happens in whatever phase of whatever operation: it ends, and the switch rests where the site's model of it says.
#include "upgrade/conductor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

enum class Event { none, fails, b_dies, unwritable, remedy_fails, abort, rollback, another, leave };
constexpr Event kEvents[] = {Event::none,  Event::fails,    Event::b_dies,  Event::unwritable, Event::remedy_fails,
                             Event::abort, Event::rollback, Event::another, Event::leave};
constexpr const char* kNames[] = {"nothing", "it fails", "B dies", "the journal is full", "it fails, and so does its remedy",
                                  "abort",   "rollback", "another operation", "exit"};
constexpr State kStates[] = {State::idle, State::standby, State::failed_over};
constexpr Command kCommands[] = {Command::upgrade,  Command::failover, Command::give_back,
                                 Command::rollback, Command::standby,  Command::retire};

bool comes_from_outside(Event event) { return event >= Event::abort; }

// A switch of which only that is known: who has the packets, and whether there is a B, and it lives.
class ModelSite : public Site {
  public:
    ModelSite(State state, Phase phase, Event event)
        : active(state == State::failed_over ? Side::B : Side::A), has_b(state != State::idle), phase_(phase), event_(event) {}

    Result<uint64_t> begin(const Request&) override { return 1; }
    Status phase_begins(Phase phase) override {
        journal_ = phase;
        return happens(phase, Event::unwritable) ? Status(make_error("journal: No space left on device")) : Status();
    }
    Status act(Phase phase, const Request&, StopFlag& stop, const Update&) override {
        EXPECT_EQ(journal_, phase) << "not in the journal before it acts";
        if (phase == phase_ && comes_from_outside(event_) && !std::exchange(happened_, true)) {
            waiting.set_value();
            while (!goes_on && !stop.wait(1ms)) {
            }
            TRY(stop.check());
        }
        if (happens(phase, Event::fails) || happens(phase, Event::remedy_fails)) {
            return make_error("port eth3: on fire");
        }
        if (happens(phase, Event::b_dies)) {
            b_dead_ = true;
            return make_error("B died");
        }
        return carry_out(phase);
    }
    void phase_ends(Phase, const Status&, std::chrono::microseconds) override {}
    Result<State> apply(Remedy remedy, const Update&) override {
        if (event_ == Event::remedy_fails) {
            return make_error("namespace busy");
        }
        bool to_b = remedy == Remedy::put_back || remedy == Remedy::take_back || (remedy == Remedy::stay && active == Side::B);
        if (to_b && !b_dead_) {
            active = Side::B;
            return State::failed_over;
        }
        active = Side::A;
        has_b = false;
        return State::idle;
    }
    void end(const Summary&) override {}
    Status watch() override { return {}; }
    std::optional<Resumed> take_interrupted() override { return std::nullopt; }
    bool b_forwards() const override { return active == Side::B; }
    Status can_operate() const override { return {}; }
    bool can_roll_back() const override { return true; }

    Side active;
    bool has_b;
    std::promise<void> waiting;   // in the phase of an event that comes from outside
    std::atomic<bool> goes_on = false;

  private:
    // The first time only: a way back may be gone twice.
    bool happens(Phase phase, Event event) { return phase == phase_ && event == event_ && !std::exchange(happened_, true); }
    Status carry_out(Phase phase) {
        switch (phase) {
        case Phase::standby:
            has_b = true;
            break;
        case Phase::commit:
            EXPECT_TRUE(has_b);
            active = Side::B;
            break;
        case Phase::reprogram:
            EXPECT_EQ(active, Side::B) << "A is replaced while it forwards";
            break;
        case Phase::commit_back:
            active = Side::A;
            break;
        case Phase::retire:
            EXPECT_EQ(active, Side::A) << "B is ended while it forwards";
            has_b = false;
            break;
        default:
            break;
        }
        return {};
    }

    const Phase phase_;
    const Event event_;
    std::optional<Phase> journal_;
    bool happened_ = false, b_dead_ = false;
};

// What the operator, or the end of the daemon, does while 'phase' waits: obeyed only where nothing is lost by it.
void act_from_outside(Event event, Phase phase, Conductor& conductor, ModelSite& site) {
    site.waiting.get_future().wait();
    if (event == Event::another) {
        EXPECT_FALSE(conductor.submit(Request{}, [](const Summary&) { ADD_FAILURE() << "begun beside another"; }));
        site.goes_on = true;
    } else if (event == Event::leave) {
        site.goes_on = !can_abort(phase) && phase != Phase::soak;
        conductor.finish();
    } else {
        auto reason = event == Event::abort ? StopFlag::Reason::abort : StopFlag::Reason::rollback;
        bool obeyed = conductor.abort(reason).ok();
        EXPECT_EQ(obeyed, phase == Phase::soak || (event == Event::abort && can_abort(phase)));
        site.goes_on = !obeyed;
    }
}

void expect_end(const Summary& summary, const Plan& plan, Event event, const Conductor& conductor, const ModelSite& site) {
    EXPECT_NE(summary.outcome, Outcome::running);
    EXPECT_EQ(conductor.state(), summary.state);
    EXPECT_FALSE(conductor.busy());
    EXPECT_EQ(summary.state == State::failed_over, site.active == Side::B);
    bool done = summary.outcome == Outcome::done;
    EXPECT_EQ(summary.error.empty(), done);
    if (done) {
        EXPECT_EQ(summary.state, plan.end);
        EXPECT_EQ(site.has_b, summary.state != State::idle);
    }
    if (event == Event::none || event == Event::another) {
        EXPECT_TRUE(done);
    } else if (!comes_from_outside(event)) {
        EXPECT_FALSE(done);
    }
    if (event == Event::remedy_fails && summary.state != State::idle) {
        EXPECT_EQ(summary.outcome, Outcome::failed);
    }
}

void try_event(State state, Command command, const Plan& plan, Phase phase, Event event) {
    SCOPED_TRACE(fmt::format("hitless/{} in state {}, {}: {}", to_string(command), to_string(state), to_string(phase),
                             kNames[static_cast<int>(event)]));
    ModelSite site(state, phase, event);
    Conductor conductor(site, state);
    std::promise<Summary> ended;
    Request request;
    request.command = command;
    ASSERT_TRUE(conductor.submit(request, [&](const Summary& summary) { ended.set_value(summary); }));
    if (comes_from_outside(event)) {
        act_from_outside(event, phase, conductor, site);
    }
    expect_end(ended.get_future().get(), plan, event, conductor, site);
}

TEST(Conductor, HasAnAnswerToEveryEventInEveryPhase) {
    for (State state : kStates) {
        for (Command command : kCommands) {
            auto plan = make_plan(state, command, false);
            for (Phase phase : plan ? plan->phases : std::vector<Phase>()) {
                for (Event event : kEvents) {
                    try_event(state, command, *plan, phase, event);
                }
            }
        }
    }
}

}  // namespace
}  // namespace hitless::upgrade
