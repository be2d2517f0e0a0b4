#include "upgrade/conductor.h"

namespace hitless::upgrade {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

namespace {

// B's death is seen that much later, at rest: while it forwards, and while it is only kept ready.
constexpr auto kWatchActive = 20ms, kWatchStandby = 200ms;
constexpr auto kEmergencyEvery = 5s;   // where giving up B fails again and again

}  // namespace

std::string_view to_string(Outcome outcome) {
    constexpr std::string_view names[] = {"running", "done", "failed", "rolled-back", "aborted"};
    return names[static_cast<int>(outcome)];
}

void StopFlag::clear() {
    std::lock_guard lock(mutex_);
    reason_ = Reason::none;
}

void StopFlag::request(Reason reason) {
    std::lock_guard lock(mutex_);
    reason_ = reason;
    requested_.notify_all();
}

StopFlag::Reason StopFlag::reason() const {
    std::lock_guard lock(mutex_);
    return reason_;
}

bool StopFlag::wait(std::chrono::milliseconds duration) {
    std::unique_lock lock(mutex_);
    return requested_.wait_for(lock, duration, [this] { return reason_ != Reason::none; });
}

Status StopFlag::check() const {
    switch (reason()) {
    case Reason::none:
        return {};
    case Reason::abort:
        return make_error("aborted by hitless/abort");
    case Reason::rollback:
        return Error{std::string(kRolledBackByOperator)};
    case Reason::leave:
        return make_error("ovs-hitlessd was told to exit");
    }
    return {};
}

Conductor::Conductor(Site& site, State state) : site_(site), state_(state) {
    take_interrupted();
    thread_ = std::thread([this] { loop(); });
}

Conductor::~Conductor() {
    {
        std::lock_guard lock(mutex_);
        exiting_ = true;
        wake_.notify_all();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

Status Conductor::submit(const Request& request, Done done) {
    std::lock_guard lock(mutex_);
    if (busy_ || job_) {
        Phase phase = summary_ && !summary_->phases.empty() ? summary_->phases.back().phase : Phase::preflight;
        return make_error("hitless/{}: operation {} (hitless/{}) is under way, in phase {}: wait for its end, "
                          "or use hitless/abort", to_string(request.command), summary_ ? summary_->number : 0,
                          to_string(summary_ ? summary_->command : request.command), to_string(phase));
    }
    if (finishing_) {
        return make_error("hitless/{}: ovs-hitlessd is exiting", to_string(request.command));
    }
    Plan plan = TRY(make_plan(state_, request.command, request.keep_standby));
    stop_.clear();
    if (auto able = site_.can_operate(); able) {
        job_ = Job{request, std::move(plan), std::move(done), {}, {}};
    } else if (!site_.can_roll_back()) {
        return make_error("hitless/{}: {}", to_string(request.command), able.error().message);
    } else if (request.command == Command::rollback) {
        job_ = emergency(able.error());
        job_->done = std::move(done);
    } else {
        return make_error("hitless/{}: {}; use hitless/rollback", to_string(request.command), able.error().message);
    }
    wake_.notify_all();
    return {};
}

Status Conductor::abort(StopFlag::Reason reason) {
    std::lock_guard lock(mutex_);
    if (!busy_) {
        return make_error("no operation is under way");
    }
    Phase phase = summary_->phases.empty() ? Phase::preflight : summary_->phases.back().phase;
    if (phase == Phase::soak || (reason == StopFlag::Reason::abort && can_abort(phase))) {
        stop_.request(phase == Phase::soak ? StopFlag::Reason::rollback : reason);
        return {};
    }
    return make_error("operation {} (hitless/{}) is in phase {}, which cannot be interrupted: wait for its end",
                      summary_->number, to_string(summary_->command), to_string(phase));
}

State Conductor::finish() {
    std::unique_lock lock(mutex_);
    finishing_ = true;
    auto at_rest = [this] { return !busy_ && !job_; };
    while (!at_rest()) {
        Phase phase = !summary_ || summary_->phases.empty() ? Phase::preflight : summary_->phases.back().phase;
        if (phase == Phase::soak) {
            stop_.request(StopFlag::Reason::leave);
        } else if (can_abort(phase)) {
            stop_.request(StopFlag::Reason::abort);
        }
        rested_.wait_for(lock, 50ms, at_rest);
    }
    if (state_ == State::standby && site_.can_operate()) {
        Request request;
        request.command = Command::retire;
        stop_.clear();
        job_ = Job{request, *make_plan(state_, Command::retire, false), [](const Summary&) {}, {}, {}};
        wake_.notify_all();
        rested_.wait(lock, at_rest);
    }
    exiting_ = true;
    wake_.notify_all();
    lock.unlock();
    thread_.join();   // so the last operation's Done has been called
    return state_;
}

State Conductor::state() const {
    std::lock_guard lock(mutex_);
    return state_;
}

bool Conductor::busy() const {
    std::lock_guard lock(mutex_);
    return busy_ || job_;
}

std::optional<Summary> Conductor::operation() const {
    std::lock_guard lock(mutex_);
    std::optional<Summary> copy = summary_;
    if (copy && copy->outcome == Outcome::running) {
        copy->duration = duration_cast<microseconds>(Clock::now() - began_);
        if (!copy->phases.empty() && copy->phases.back().running) {
            copy->phases.back().duration = duration_cast<microseconds>(Clock::now() - phase_began_);
        }
    }
    return copy;
}

void Conductor::update(const std::function<void(Summary&)>& change) {
    std::lock_guard lock(mutex_);
    change(*summary_);
}

void Conductor::loop() {
    for (;;) {
        std::optional<Job> job;
        {
            std::unique_lock lock(mutex_);
            auto ready = [this] { return exiting_ || job_; };
            if (state_ == State::idle) {
                wake_.wait(lock, ready);   // nothing to watch, no wake-ups
            } else {
                wake_.wait_for(lock, state_ == State::standby ? kWatchStandby : kWatchActive, ready);
            }
            if (exiting_) {
                return;
            }
            job = std::exchange(job_, std::nullopt);
            if (job) {   // in one step: whoever sees that an operation is under way finds its summary
                busy_ = true;
                open_summary(*job);
            }
        }
        if (job) {
            run(*job);
            continue;
        }
        watch();
    }
}

// What an earlier daemon has begun goes on.
void Conductor::take_interrupted() {
    if (auto resumed = site_.take_interrupted()) {
        Plan plan{resumed->rest.phases, resumed->rest.end};
        std::lock_guard lock(mutex_);
        stop_.clear();
        job_ = Job{resumed->request, std::move(plan), [](const Summary&) {}, {}, std::move(resumed)};
    }
}

// At rest with two instances.
void Conductor::watch() {
    take_interrupted();
    if (auto healthy = site_.watch(); !healthy) {
        std::lock_guard lock(mutex_);
        if (!job_ && !finishing_ && state_ != State::idle && Clock::now() >= next_emergency_) {
            next_emergency_ = Clock::now() + kEmergencyEvery;
            stop_.clear();
            job_ = emergency(healthy.error());
        }
    }
}

Conductor::Job Conductor::emergency(Error cause) const {
    Job job{{}, {}, [](const Summary&) {}, std::move(cause), {}};
    job.request.command = state_ == State::standby ? Command::retire : Command::rollback;
    return job;
}

Status Conductor::run_phase(Phase phase, const Request& request) {
    {
        std::lock_guard lock(mutex_);
        phase_began_ = Clock::now();
        auto since_1970 = duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
        summary_->phases.push_back({phase, {}, true, {}, since_1970});
    }
    Status status = site_.phase_begins(phase);
    if (status || phase == Phase::retire) {   // B goes, even if the journal cannot be written
        auto acted = site_.act(phase, request, stop_, [this](const auto& change) { update(change); });
        if (status) {
            status = std::move(acted);
        }
    }
    auto duration = duration_cast<microseconds>(Clock::now() - phase_began_);
    site_.phase_ends(phase, status, duration);
    update([&](Summary& summary) {
        auto& record = summary.phases.back();
        record.running = false;
        summary.progress.reset();
        record.duration = duration;
        record.error = status ? "" : status.error().message;
        if (phase == Phase::soak) {
            summary.soaked = duration;
        }
    });
    return status;
}

void Conductor::rest_after(Outcome outcome, State state, const std::string& error) {
    std::lock_guard lock(mutex_);
    // The first failure is the one to tell; what followed from it is added.
    if (summary_->error.empty()) {
        summary_->error = error;
    } else if (!error.empty()) {
        summary_->error += "; then: " + error;
    }
    if (summary_->outcome == Outcome::running || outcome == Outcome::failed) {
        summary_->outcome = outcome;
    }
    summary_->state = state;
}

std::vector<Phase> Conductor::recover(Phase phase, const Error& error, std::vector<Phase> rest) {
    auto apply = [this](Remedy remedy) {
        return site_.apply(remedy, [this](const auto& change) { update(change); });
    };
    // What a remedy itself fails at is told, and leaves the packets where they are.
    auto settle = [&](Remedy remedy, Outcome outcome) {
        auto rests = apply(remedy);
        State now = rests ? *rests : site_.b_forwards() ? State::failed_over : State::idle;
        rest_after(outcome, now, error.message);
        if (!rests) {
            rest_after(Outcome::failed, now, rests.error().message);
        }
    };
    Outcome stopped = stop_.reason() == StopFlag::Reason::abort ? Outcome::aborted : Outcome::failed;
    switch (remedy(phase)) {
    case Remedy::forget:
        settle(Remedy::forget, stopped);
        return {};
    case Remedy::discard:
        settle(Remedy::discard, stopped);
        return {};
    case Remedy::call_off:
        settle(Remedy::call_off, Outcome::failed);
        return {};
    case Remedy::roll_back:
        if (stop_.reason() == StopFlag::Reason::leave) {
            rest_after(Outcome::failed, State::failed_over, error.message);
            return {};
        }
        if (stop_.reason() == StopFlag::Reason::rollback) {   // B is well: with all that changed meanwhile
            stop_.clear();   // it is obeyed; the phases of the way back check it, too
            rest_after(Outcome::rolled_back, State::idle, error.message);
            return {Phase::thaw, Phase::copy_back, Phase::hold_back, Phase::commit_back, Phase::retire};
        }
        settle(Remedy::roll_back, Outcome::rolled_back);
        return {};
    case Remedy::put_back:
    case Remedy::take_back:
        rest_after(Outcome::rolled_back, State::idle, error.message);
        if (auto rests = apply(remedy(phase)); !rests) {
            rest_after(Outcome::failed, site_.b_forwards() ? State::failed_over : State::idle, rests.error().message);
            return {};
        } else if (*rests != State::failed_over) {   // B had failed as well: A has the packets already
            return {};
        }
        std::erase(rest, Phase::soak_back);   // the old software is known to forward
        if (phase == Phase::soak_back) {
            rest.insert(rest.begin(), {Phase::copy_back, Phase::verify_back, Phase::hold_back, Phase::commit_back});
        }
        return rest;
    case Remedy::stay:
        settle(Remedy::stay, Outcome::failed);
        return {};
    case Remedy::report:
        rest_after(Outcome::failed, State::idle, error.message);
        return {};
    }
    return {};
}

// With the mutex held.
void Conductor::open_summary(const Job& job) {
    began_ = Clock::now();
    summary_ = job.resumed ? job.resumed->so_far : Summary{};
    if (job.resumed) {
        summary_->outcome = job.resumed->rest.outcome;
        summary_->plan.insert(summary_->plan.end(), job.plan.phases.begin(), job.plan.phases.end());
        summary_->state = state_;
        return;
    }
    summary_->command = job.request.command;
    summary_->source = job.request.wanted_software().from;
    summary_->plan = job.plan.phases;
    summary_->state = state_;
}

void Conductor::run(Job& job) {
    std::vector<Phase> phases = job.plan.phases;
    State end = job.plan.end;
    auto number = job.resumed ? Result<uint64_t>(job.resumed->so_far.number) : site_.begin(job.request);
    if (number) {
        update([&](Summary& summary) { summary.number = *number; });
    }
    if (job.resumed && job.resumed->rest.failed) {
        const auto& failed = *job.resumed->rest.failed;
        phases = recover(failed.phase, Error{failed.error}, std::move(phases));
        if (phases.empty()) {
            end = operation()->state;
        }
    } else if (job.cause) {   // done even if the journal cannot be written
        recover(state() == State::standby ? Phase::standby : Phase::soak, *job.cause, {});
        end = operation()->state;
    } else if (!number) {
        rest_after(Outcome::failed, state(), number.error().message);
        phases.clear();
        end = state();
    }

    while (!phases.empty()) {
        Phase phase = phases.front();
        phases.erase(phases.begin());
        if (auto status = run_phase(phase, job.request); !status) {
            phases = recover(phase, status.error(), std::move(phases));
            std::lock_guard lock(mutex_);
            end = summary_->state;
        }
    }

    Summary last;
    {
        std::lock_guard lock(mutex_);
        if (summary_->outcome == Outcome::running) {
            summary_->outcome = Outcome::done;
        }
        summary_->state = end;
        summary_->duration = duration_cast<microseconds>(Clock::now() - began_);
        last = *summary_;
    }
    if (number) {
        site_.end(last);
    }
    {
        std::lock_guard lock(mutex_);
        state_ = end;
        busy_ = false;
        rested_.notify_all();
    }
    job.done(last);
}

}  // namespace hitless::upgrade
