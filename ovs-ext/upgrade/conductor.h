// The conductor carries out operations, one at a time, on a thread of its own: it walks through the plan, has every phase
// written to the journal before it acts, and applies the remedy when one fails. At rest with two instances it watches them.
//
// It knows no switch: all acts are the Site's, which tests fake.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "upgrade/plan.h"
#include "upgrade/resumption.h"
#include "upgrade/summary.h"

namespace hitless::upgrade {

// The error of a soak that an operator ended.
inline constexpr std::string_view kRolledBackByOperator = "rolled back by hitless/rollback";

// Asks a phase that waits or copies to end early.
class StopFlag {
  public:
    enum class Reason { none, abort, rollback, leave };

    void clear();
    void request(Reason reason);
    Reason reason() const;
    // Waits up to 'duration'; true when a stop was requested.
    bool wait(std::chrono::milliseconds duration);
    // An Error when a stop was requested.
    Status check() const;

  private:
    mutable std::mutex mutex_;
    std::condition_variable requested_;
    Reason reason_ = Reason::none;
};

// An operation in which an earlier daemon ended, with B as the active instance.
struct Resumed {
    Request request;
    Summary so_far;
    Resumption rest;
};

// The place where an operation happens. All calls come from the conductor's thread, but for can_operate() and
// can_roll_back(), which any thread makes that submits an operation. The site adds what it learns to the operation's summary, which
// is the conductor's and guarded by it, by way of Update.
class Site {
  public:
    using Update = std::function<void(const std::function<void(Summary&)>&)>;

    virtual ~Site() = default;

    // Before the first phase: the journal gives the operation its number.
    virtual Result<uint64_t> begin(const Request& request) = 0;
    virtual Status phase_begins(Phase phase) = 0;
    virtual Status act(Phase phase, const Request& request, StopFlag& stop, const Update& update) = 0;
    virtual void phase_ends(Phase phase, const Status& status, std::chrono::microseconds duration) = 0;
    // Returns where the switch rests afterwards.
    virtual Result<State> apply(Remedy remedy, const Update& update) = 0;
    virtual void end(const Summary& summary) = 0;

    // At rest in a state other than idle, many times a second: an Error when B has failed.
    virtual Status watch() = 0;

    // What an earlier daemon was at and is to be gone on with, once.
    virtual std::optional<Resumed> take_interrupted() = 0;

    // Whether B has the packets now.
    virtual bool b_forwards() const = 0;
    // An Error says why nothing but a roll back at once can be done with the instances that are there.
    virtual Status can_operate() const = 0;
    // Not even that, where can_operate() is an Error and this is false.
    virtual bool can_roll_back() const = 0;
};

class Conductor {
  public:
    using Done = std::function<void(const Summary&)>;   // called on the conductor's thread

    // 'site' outlives this object. 'state': where the switch rests now.
    Conductor(Site& site, State state);
    ~Conductor();   // waits for the operation that is under way

    // Begins an operation. Error when one is under way, or when it makes no sense now.
    Status submit(const Request& request, Done done);

    // For the end of the daemon: ends the operation under way where hitless/abort would, and otherwise waits for its end; a soak
    // ends at once, with B active. Gives up a stand-by. Returns where the switch rests, when every operation's Done has been called.
    // Nothing can be submitted afterwards.
    State finish();

    // Ends the operation under way, if that is still possible: the switch is then as it was before. In a soak, rolls back.
    Status abort(StopFlag::Reason reason);

    State state() const;
    // The operation under way, or the last one since the daemon started.
    std::optional<Summary> operation() const;
    bool busy() const;

  private:
    struct Job {
        Request request;
        Plan plan;
        Done done;
        std::optional<Error> cause;   // an emergency: why packets come back to A at once (or B is given up) with no phase before
        std::optional<Resumed> resumed;   // begun by an earlier daemon
    };

    void loop();
    void open_summary(const Job& job);
    void take_interrupted();
    void run(Job& job);
    void watch();
    // The job that gives up B, because of 'cause'.
    Job emergency(Error cause) const;
    Status run_phase(Phase phase, const Request& request);
    // Returns the phases that follow after the failure of 'phase'.
    std::vector<Phase> recover(Phase phase, const Error& error, std::vector<Phase> rest);
    void update(const std::function<void(Summary&)>& change);
    void rest_after(Outcome outcome, State state, const std::string& error);

    Site& site_;
    StopFlag stop_;
    mutable std::mutex mutex_;   // guards what follows
    std::condition_variable wake_, rested_;
    State state_;
    std::optional<Job> job_;
    bool busy_ = false;
    bool exiting_ = false, finishing_ = false;
    std::chrono::steady_clock::time_point next_emergency_{};
    std::optional<Summary> summary_;
    std::chrono::steady_clock::time_point began_, phase_began_;
    std::thread thread_;
};

}  // namespace hitless::upgrade
