#include "journal/journal.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "journal/database.h"

namespace hitless::journal {

struct Journal::State {
    std::mutex mutex;   // guards all of it
    Clock clock;
    std::unique_ptr<Database> database;
    Wanted wanted;
    bool held_back = false;
    std::condition_variable writes;   // notified when held_back ends
    std::chrono::milliseconds limit{};
    microseconds phase_began{};   // monotonic
};

Clock Clock::system() {
    return {[] {
                return std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
            },
            [] {
                return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch());
            }};
}

Journal::Journal(Options options, std::unique_ptr<Database> database) : state_(std::make_unique<State>()) {
    state_->clock = options.clock;
    state_->limit = options.limit;
    state_->database = std::move(database);
}

Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(Options options) {
    auto database = std::make_unique<Database>(options);
    if (auto status = database->open(); !status) {
        return ("journal " + options.file) / status.error();
    }
    return std::unique_ptr<Journal>(new Journal(std::move(options), std::move(database)));
}

// Reading takes as long as the server does, and who notes something meanwhile would wait for it: not while writes are held back.
std::unique_lock<std::mutex> Journal::lock_to_read() {
    std::unique_lock lock(state_->mutex);
    state_->writes.wait_for(lock, state_->limit, [this] { return !state_->held_back; });
    return lock;
}

Result<Config> Journal::config() {
    auto lock = lock_to_read();
    return parse_config(TRY(state_->database->other_config()));
}

Result<Overview> Journal::overview() {
    auto lock = lock_to_read();
    return state_->database->overview();
}

Result<std::vector<OperationRecord>> Journal::history(size_t count) {
    auto lock = lock_to_read();
    return state_->database->history(count);
}

// With the mutex held.
Status Journal::write() {
    TRY(state_->database->write(state_->wanted));
    auto& wanted = state_->wanted;
    wanted.state.reset();
    wanted.instances.clear();
    wanted.releases.reset();
    wanted.history_max.reset();
    if (wanted.operation && wanted.operation->ended) {
        wanted.operation.reset();
    }
    return {};
}

Status Journal::change(const std::function<Status(State&)>& note) {
    std::lock_guard lock(state_->mutex);
    TRY(note(*state_));
    return state_->held_back ? Status() : write();
}

Status Journal::change_operation(const std::function<Status(OperationRecord&)>& note) {
    return change([&](State& state) -> Status {
        auto& operation = state.wanted.operation;
        if (!operation || operation->ended) {
            return make_error("journal: no operation is under way");
        }
        return note(*operation);
    });
}

Status Journal::set_state(const std::string& value) {
    return change([&](State& state) -> Status {
        state.wanted.state = value;
        return {};
    });
}

Status Journal::set_instance(Side side, const InstanceRecord& instance) {
    return change([&](State& state) -> Status {
        state.wanted.instances[side] = instance;
        return {};
    });
}

Status Journal::set_releases(const std::vector<ReleaseRecord>& releases) {
    return change([&](State& state) -> Status {
        state.wanted.releases = releases;
        return {};
    });
}

Result<int64_t> Journal::begin(const std::string& command, const std::string& source) {
    int64_t number = 0;
    TRY(change([&](State& state) -> Status {
        if (state.wanted.operation && state.wanted.operation->ended) {
            TRY(write());   // its end could not be written then
        }
        if (state.wanted.operation) {
            return make_error("journal: operation {} has not ended", state.wanted.operation->number);
        }
        OperationRecord operation;
        number = operation.number = TRY(state.database->next_number());
        operation.command = command;
        operation.state = "running";
        operation.source = source;
        operation.began = state.clock.since_1970();
        state.wanted.history_max = TRY(parse_config(TRY(state.database->other_config()))).history_max;
        state.wanted.operation = std::move(operation);
        auto written = state.held_back ? Status() : write();
        if (!written) {
            state.wanted.operation.reset();
        }
        return written;
    }));
    return number;
}

Status Journal::resume(int64_t number) {
    std::lock_guard lock(state_->mutex);
    if (state_->wanted.operation) {
        return make_error("journal: operation {} has not ended", state_->wanted.operation->number);
    }
    for (auto& operation : TRY(state_->database->history(SIZE_MAX))) {
        if (operation.number == number && !operation.ended) {
            state_->phase_began = state_->clock.monotonic();
            state_->wanted.operation = std::move(operation);
            return {};
        }
    }
    return make_error("journal: there is no operation {} that has not ended", number);
}

Status Journal::set_versions(const std::string& from, const std::string& to, const std::string& sha256) {
    return change_operation([&](OperationRecord& operation) -> Status {
        operation.from_version = from;
        operation.to_version = to;
        operation.sha256 = sha256;
        return {};
    });
}

namespace {

PhaseRecord* running_phase(OperationRecord& operation) {
    bool running = !operation.phases.empty() && operation.phases.back().state == "running";
    return running ? &operation.phases.back() : nullptr;
}

void end_phase(PhaseRecord& phase, const Status& result, microseconds duration) {
    phase.state = result ? "done" : "failed";
    phase.error = result ? "" : result.error().message;
    phase.duration = duration;
}

}  // namespace

Status Journal::phase_begin(const std::string& name, const std::map<std::string, std::string>& host_changes) {
    return change_operation([&](OperationRecord& operation) -> Status {
        microseconds now = state_->clock.monotonic();
        if (PhaseRecord* before = running_phase(operation)) {
            end_phase(*before, {}, now - state_->phase_began);
        }
        PhaseRecord phase;
        phase.name = name;
        phase.state = "running";
        phase.began = state_->clock.since_1970();
        phase.host_changes = host_changes;
        operation.phases.push_back(std::move(phase));
        state_->phase_began = now;
        return {};
    });
}

Status Journal::add_host_change(const std::string& key, const std::string& old_value) {
    return change_operation([&](OperationRecord& operation) -> Status {
        PhaseRecord* phase = running_phase(operation);
        if (!phase) {
            return make_error("journal: host change {}: no phase is under way", key);
        }
        phase->host_changes.emplace(key, old_value);
        return {};
    });
}

Status Journal::phase_end(const Status& result) {
    return change_operation([&](OperationRecord& operation) -> Status {
        PhaseRecord* phase = running_phase(operation);
        if (!phase) {
            return make_error("journal: no phase is under way");
        }
        end_phase(*phase, result, state_->clock.monotonic() - state_->phase_began);
        return {};
    });
}

Status Journal::message(const std::string& sender, const std::string& receiver, const std::string& verb,
                        const std::string& detail) {
    return change_operation([&](OperationRecord& operation) -> Status {
        operation.messages.push_back({sender, receiver, verb, detail, state_->clock.since_1970()});
        return {};
    });
}

Status Journal::transfer(const TransferRecord& record) {
    return change_operation([&](OperationRecord& operation) -> Status {
        operation.transfers.push_back(record);
        return {};
    });
}

Status Journal::counters(const CountersRecord& record) {
    return change_operation([&](OperationRecord& operation) -> Status {
        auto& counters = operation.counters;
        auto same = std::find_if(counters.begin(), counters.end(), [&](const CountersRecord& one) {
            return one.instance == record.instance && one.bridge == record.bridge;
        });
        *(same == counters.end() ? counters.emplace(same) : same) = record;
        return {};
    });
}

Status Journal::warning(const std::string& text) {
    return change_operation([&](OperationRecord& operation) -> Status {
        if (std::find(operation.warnings.begin(), operation.warnings.end(), text) == operation.warnings.end()) {
            operation.warnings.push_back(text);
        }
        return {};
    });
}

Status Journal::end(const std::string& end_state, const std::string& error, const PacketRecord& packets) {
    return change([&](State& state) -> Status {
        auto& operation = state.wanted.operation;
        if (!operation) {
            return make_error("journal: no operation is under way");
        }
        if (PhaseRecord* phase = running_phase(*operation)) {
            end_phase(*phase, error.empty() ? Status() : Status(Error{error}),
                      state.clock.monotonic() - state.phase_began);
        }
        operation->state = end_state;
        operation->error = error;
        operation->packets = packets;
        operation->ended = state.clock.since_1970();
        state.held_back = false;
        state.writes.notify_all();
        return {};
    });
}

void Journal::hold_back() {
    std::lock_guard lock(state_->mutex);
    state_->held_back = true;
}

Status Journal::flush() {
    std::lock_guard lock(state_->mutex);
    state_->held_back = false;
    state_->writes.notify_all();
    return write();
}

}  // namespace hitless::journal
