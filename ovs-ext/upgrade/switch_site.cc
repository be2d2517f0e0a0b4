#include "upgrade/switch_site.h"

#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fault.h"
#include "openflow/continuation.h"
#include "upgrade/judgement.h"
#include "upgrade/live_changes.h"
#include "upgrade/standby_changes.h"
#include "upgrade/toggle.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kSteeringLimit = 500ms;   // for who asks what the bond is

// Those that the phase asks: an instance that has ended is told of as that, and does not cost the limits of many questions.
Status check_instances(const Pair& pair, Phase phase) {
    bool a_needed = pair.active == Side::A ? phase != Phase::retire : phase >= Phase::copy_back && phase <= Phase::commit_back;
    if (a_needed && !pair.a.process().alive()) {
        return make_error("A's ovs-vswitchd (process {}) has ended, and not by ovs-hitlessd: its log says why, unless somebody has stopped or "
                          "restarted the switch", pair.a.process().pid());
    }
    bool b_needed = phase >= Phase::copy && phase != Phase::soak && phase < Phase::soak_back;
    return b_needed ? check_running(pair) : Status();
}

Status run_phase(Step& step, Phase phase) {
    switch (phase) {
    case Phase::preflight:
        break;
    case Phase::fetch:
        return run_fetch(step);
    case Phase::standby:
        return run_standby(step);
    case Phase::copy:
        TRY(bring_up_to_date(step));
        return run_copy(step, Side::A);
    case Phase::verify:
        return run_verify(step, Side::A);
    case Phase::hold:
        return run_hold(step, Side::A);
    case Phase::commit:
        return run_commit(step, Side::A);
    case Phase::soak:
        return run_soak(step);
    case Phase::reprogram:
        return run_reprogram(step);
    case Phase::thaw:
        return run_thaw(step);
    case Phase::copy_back:
        TRY(catch_up(step));
        return run_copy(step, Side::B);
    case Phase::verify_back:
        return run_verify(step, Side::B);
    case Phase::hold_back:
        return run_hold(step, Side::B);
    case Phase::commit_back:
        return run_commit(step, Side::B);
    case Phase::soak_back:
        return run_soak_back(step);
    case Phase::retire:
        return run_retire(step);
    }
    return {};
}

}  // namespace

SwitchSite::~SwitchSite() = default;

void SwitchSite::leave() {
    // Never destroyed: that would unmount the pins, and end the legs' namespace.
    static auto* const left = new std::shared_ptr<Pair>();
    std::lock_guard lock(mutex_);
    *left = std::move(pair_);
}

bool SwitchSite::b_forwards() const {
    return orphan_ || (pair_ && pair_->active == Side::B);
}

Status SwitchSite::can_operate() const {
    std::lock_guard lock(mutex_);
    if (!orphan_) {
        return {};
    }
    if (orphan_->refused) {
        return make_error("an earlier ovs-hitlessd ended while B was the active instance; B goes on forwarding, and neither B nor A is "
                          "touched, for what tells of them cannot be believed: {}. That is looked at again every two seconds. Until then "
                          "remove nothing in {}: what brings packets to B is pinned there", orphan_->because, places_.own().string());
    }
    return make_error("an earlier ovs-hitlessd ended while B was the active instance; B ({}) forwards, and could not be "
                      "taken over yet: {}; that is tried again every two seconds. Until then packets can only be brought back to "
                      "A with the state that A had", orphan_->b ? fmt::format("process {}", orphan_->b->pid()) : "which has ended",
                      orphan_->because);
}

bool SwitchSite::can_roll_back() const {
    std::lock_guard lock(mutex_);
    return !orphan_ || !orphan_->refused;
}

Result<journal::Journal*> SwitchSite::open_journal(const instance::OperatorSwitch& a) {
    std::lock_guard lock(journal_mutex_);
    if (!journal_) {
        journal::Options options;
        options.server = TRY(a.database_socket());
        options.server_pidfile = (std::filesystem::path(options.server).parent_path() / "ovsdb-server.pid").string();
        options.file = (places_.statedir / "hitless.db").string();
        options.schema = places_.schema.string();
        std::error_code error;
        std::filesystem::create_directories(places_.statedir.parent_path(), error);
        ::mkdir(places_.statedir.c_str(), 0700);   // one that is there is as the administrator wants it
        journal_ = TRY(journal::Journal::open(options));
    }
    return journal_.get();
}

Result<journal::Journal*> SwitchSite::journal() {
    {
        std::lock_guard lock(journal_mutex_);
        if (journal_) {
            return journal_.get();
        }
    }
    return open_journal(TRY(instance::OperatorSwitch::find(places_.rundir.string())));
}

Result<uint64_t> SwitchSite::begin(const Request& request) {
    const std::string source = pair_ ? pair_->release->source : request.wanted_software().from;
    if (request.from && *request.from != source) {
        return make_error("hitless/{} --from={}: there is a B already, with software from {}: leave --from out, or give B up first, by "
                          "hitless/{}", to_string(request.command), *request.from, source, b_forwards() ? "return" : "abort");
    }
    request_ = request;
    auto* journal = TRY(this->journal());
    TRY(journal->flush());   // the end of the operation before, where the disk had no room for it
    if (!pair_) {   // what an earlier daemon could not write down, nor the start of this one
        TRY(end_operation_without_traces());
    } else {
        TRY(pair_->change_record(places_, [&](PairRecord& record) { record.request = request; }));
    }
    auto number = TRY(journal->begin(std::string(to_string(request.command)), source));
    TRY(journal->set_state("upgrading"));
    return static_cast<uint64_t>(number);
}

Status SwitchSite::phase_begins(Phase phase) {
    auto changes = phase == Phase::hold && pair_ ? changes_of_cut_off(*pair_, places_) : std::map<std::string, std::string>();
    TRY(journal_->phase_begin(std::string(to_string(phase)), changes));
    blackout_ = in_blackout(phase);
    if (blackout_) {
        std::lock_guard until_it_has_ended(diff_mutex_);
    }
    if (in_blackout(phase)) {
        journal_->hold_back();   // until the packets have an instance again nothing may wait for the database
    }
    fault::reached(std::string(to_string(phase)) + ".begun");
    return {};
}

void SwitchSite::phase_ends(Phase phase, const Status& status, std::chrono::microseconds) {
    fault::reached(std::string(to_string(phase)) + ".acted");
    // What cannot be written is noted again with the next phase, which then does not begin without it.
    (void) journal_->phase_end(status).ok();
    if (!in_blackout(phase)) {
        (void) journal_->flush().ok();
    }
    fault::reached(std::string(to_string(phase)) + ".ended");
}

void SwitchSite::make_agents(const Update& update) {
    auto record = [this, update](MessageRecord message) {
        (void) journal_->message(message.sender, message.receiver, message.verb, message.detail).ok();
        update([&](Summary& summary) { summary.messages.push_back(std::move(message)); });
    };
    operator_agent_ = std::make_unique<Agent>("operator", record);
    a_agent_ = std::make_unique<Agent>("A", record);
    b_agent_ = std::make_unique<Agent>("B", record);
}

Status SwitchSite::preflight(const Update& update) {
    auto a = TRY(instance::OperatorSwitch::find(places_.rundir.string()));
    if (has_leftovers()) {
        TRY(give_to_a());   // whose operation begin() has ended
    }
    auto judgement = TRY(judge(a, places_));
    auto settings = TRY(journal_->config());
    std::lock_guard examination(examination_mutex_);
    // From here on A's main thread may stall by what is asked of it.
    auto room = TRY(datapath::RoomForStalls::open(a.process().pid()));
    int buffer_bytes = unchecked_ ? kept_buffer_bytes_ : room.bytes_before();
    TRY(journal_->add_host_change(kReceiveBuffers, std::to_string(buffer_bytes)));
    TRY(room.make(settings.receive_buffer_bytes));
    FAULT_POINT("preflight.room");
    TRY(add_state(a, judgement, places_));
    for (const auto& warning : judgement.findings.warnings) {
        (void) journal_->warning(warning).ok();
    }
    update([&](Summary& summary) { summary.warnings = judgement.findings.warnings; });
    TRY(refuse(judgement.findings));
    auto pair = std::make_shared<Pair>(std::move(a));
    pair->a_version = TRY(instance::version_of(pair->a.running_image()));
    pair->config = std::move(judgement.config);
    pair->controllers = std::move(judgement.controllers);
    pair->settings = settings;
    pair->a_receive_buffer_bytes = buffer_bytes;
    pair->publish();
    update([&](Summary& summary) { summary.from_version = pair->a_version; });
    TRY(journal_->set_instance(Side::A, {"active", pair->a.process().pid(), pair->a_version,
                                         pair->a.executable().string(), places_.rundir.string(), ""}));
    std::lock_guard lock(mutex_);
    pair->let_in = std::move(let_in_);
    if (unchecked_) {
        pair->windows = unchecked_->give_up();
        unchecked_.reset();
        pair->publish();
    }
    pair_ = std::move(pair);
    room.keep();
    return {};
}

Step SwitchSite::step(const Request& request, StopFlag& stop, const Update& update) {
    return {*pair_, places_, front_, *journal_, *operator_agent_, *a_agent_, *b_agent_, request, stop, update};
}

Status SwitchSite::act(Phase phase, const Request& request, StopFlag& stop, const Update& update) {
    make_agents(update);
    if (phase == Phase::preflight) {
        return preflight(update);
    }
    if (!pair_) {
        return make_error("there is no stand-by instance");
    }
    TRY(check_instances(*pair_, phase));
    Step step = this->step(request, stop, update);
    auto status = run_phase(step, phase);
    if (phase == Phase::retire) {
        forget_pair();
        return status;
    }
    if (!status) {   // what it met may be the consequence of that
        if (auto ended = check_instances(*pair_, phase); !ended && ended.error().message != status.error().message) {
            return make_error("{} ({})", ended.error().message, status.error().message);
        }
    }
    return status;
}

void SwitchSite::forget_pair() {
    {
        std::lock_guard lock(mutex_);
        watch_unchecked();
        if (pair_ && pair_->let_in && pair_->let_in->established()) {
            let_in_ = std::move(pair_->let_in);
        }
        pair_.reset();
    }
    ::malloc_trim(0);   // copies of much state leave hundreds of MB that the allocator keeps, but the daemon will not need for long
}

void SwitchSite::watch_unchecked() {
    if (pair_ && pair_->windows.check->suspended(Side::A) && pair_->a.process().alive()) {
        pair_->kinds = {};   // they use what goes over
        instance::ControlPaths a{control::Front::displaced(pair_->a.unixctl_path()), {}};
        kept_buffer_bytes_ = pair_->a_receive_buffer_bytes;
        unchecked_ = std::make_unique<UncheckedConnections>(
            Side::A, std::move(a), std::move(pair_->windows), nullptr, [pid = pair_->a.process().pid(), bytes = kept_buffer_bytes_] {
                (void) put_sockets_back(pid, bytes).ok();
            });
    }
}

Result<State> SwitchSite::apply(Remedy remedy, const Update& update) {
    health_ = {};
    make_agents(update);   // no phase has, where an earlier daemon was at it
    if (orphan_) {
        TRY(give_to_a());
        return State::idle;
    }
    if (!pair_) {   // the first phase failed: nothing was made
        return State::idle;
    }
    Step step = this->step(request_, no_stop_, update);
    Status status;
    switch (remedy) {
    case Remedy::forget:
    case Remedy::discard:
        break;
    case Remedy::call_off:
        status = pair_->active == Side::A ? call_off(step, Side::A) : roll_back_at_once(step);
        break;
    case Remedy::roll_back:
        status = roll_back_at_once(step);
        break;
    case Remedy::put_back:
        if (check_running(*pair_) || !pair_->a.process().alive()) {
            TRY(upgrade::put_back(step));
            return State::failed_over;
        }
        status = roll_back_at_once(step);   // B has failed, and there is an A
        break;
    case Remedy::take_back:
        status = take_back(step);
        if (status) {
            return State::failed_over;
        }
        break;
    case Remedy::stay:
        if (pair_->active == Side::B && check_running(*pair_)) {
            TRY(call_off(step, Side::B));
            return State::failed_over;
        }
        if (pair_->active == Side::B) {   // nobody forwards: A's state, old or half copied, is better than none
            status = roll_back_at_once(step);
        }
        break;
    case Remedy::report:
        return State::idle;
    }
    if (pair_->active == Side::B) {
        return status ? make_error("B is still active") : status.error();
    }
    auto retired = run_retire(step);
    forget_pair();
    if (!status) {
        return status.error();
    }
    if (!retired) {
        return retired.error();
    }
    return State::idle;
}

void SwitchSite::end(const Summary& summary) {
    blackout_ = false;
    for (const auto& record : summary.transfers) {
        (void) journal_->transfer({record.kind, record.sender, record.copied, record.identical, record.differing,
                                   record.delta, record.duration, record.longest_request}).ok();
    }
    (void) journal_->end(std::string(to_string(summary.outcome)), summary.error,
                         {summary.held, summary.dropped, summary.blackout}).ok();
    (void) journal_->set_state(std::string(to_string(summary.state))).ok();
    health_ = {};
}

Status SwitchSite::watch() {
    if (orphan_) {
        return watch_orphan();
    }
    if (!pair_ || !pair_->b) {
        return {};
    }
    return check_health(*pair_, health_);
}

// Running a program for it takes long: once for each process.
std::string SwitchSite::version_of_process(const instance::OperatorSwitch& a) {
    std::lock_guard lock(version_mutex_);
    if (known_version_.first != a.process().pid()) {
        auto version = instance::version_of(a.running_image());
        known_version_ = {a.process().pid(), version ? *version : ""};
    }
    return known_version_.second;
}

std::vector<InstanceStatus> SwitchSite::instances() {
    std::shared_ptr<Pair> pair;
    std::optional<Orphan> orphan;
    uint64_t unchecked = 0;
    {
        std::lock_guard lock(mutex_);
        pair = pair_;
        orphan = orphan_;
        unchecked = unchecked_ ? unchecked_->count()->load() : 0;
    }
    InstanceStatus a{"A", "offline", "", "", 0, 0}, b{"B", "offline", "", "", 0, 0};
    if (!pair) {
        if (auto found = instance::OperatorSwitch::find(places_.rundir.string())) {
            bool frozen = found->process().stopped();
            a = {"A", !orphan ? "active" : frozen ? "frozen" : "standby", version_of_process(*found),
                 found->executable().string(), found->process().pid(), unchecked};
        }
        if (orphan && orphan->b && orphan->b->alive()) {
            auto executable = orphan->b->executable();
            b = {"B", "active", "", executable ? *executable : "", orphan->b->pid(), 0};
        } else if (orphan && orphan->refused) {
            b.role = "active";
        }
        return {a, b};
    }
    auto view = pair->view();
    if (view.active_unchecked) {
        (view.active == Side::A ? view.a_unchecked : view.b_unchecked) = *view.active_unchecked;
    }
    bool a_lives = view.a && view.a->alive();
    a = {"A", view.active == Side::A ? "active" : !a_lives ? "offline" : view.a->stopped() ? "frozen" : "standby",
         view.a_version, view.a_executable.string(), a_lives ? view.a->pid() : 0, view.a_unchecked};
    if (view.b && view.b->alive()) {
        b = {"B", view.active == Side::B ? "active" : "standby", view.b_version, view.b_executable.string(), view.b->pid(), view.b_unchecked};
    }
    return {a, b};
}

std::string SwitchSite::problem() {
    if (auto able = can_operate(); !able) {
        return able.error().message + (can_roll_back() ? ": hitless/rollback" : "");
    }
    std::lock_guard lock(mutex_);
    auto own = has_leftovers() ? check_own(Side::A) : Status();
    return own ? "" : "what an earlier ovs-hitlessd has left beside A stays: " + own.error().message;
}

Result<journal::SoakPolicy> SwitchSite::soak_policy() {
    return TRY(TRY(journal())->config()).soak;
}

Result<datapath::Bond> SwitchSite::bond() {
    std::shared_ptr<Pair> pair;
    {
        std::lock_guard lock(mutex_);
        pair = pair_;
    }
    TRY(can_operate());
    if (pair) {
        std::unique_lock lock(pair->steering_mutex, kSteeringLimit);
        if (!lock.owns_lock()) {
            return make_error("the bond is changed just now (ports are attached, or packets held): ask again");
        }
        if (pair->steering) {
            return pair->steering->bond();
        }
    }
    return make_error("there is no bond: A owns its ports alone (state idle)");
}

Result<instance::OperatorSwitch> SwitchSite::find_a() {
    {
        std::lock_guard lock(mutex_);
        if (auto process = pair_ ? pair_->view().a : nullptr; pair_ && !(process && process->alive())) {
            // Its pidfile may be ours now, and looking into that would let go of its lock (control/pidfile_holder.h).
            return make_error("A is being restarted: wait for the operation's end (hitless/status)");
        }
    }
    return instance::OperatorSwitch::find(places_.rundir.string());
}

// Whether what 'a', which runs, says of state is what counts, and it can be asked: no packet waits.
bool SwitchSite::is_active(const instance::OperatorSwitch& a) {
    std::lock_guard lock(mutex_);
    return !blackout_ && !a.process().stopped() && !orphan_ && (!pair_ || pair_->view().active == Side::A);
}

Result<CheckReport> SwitchSite::check(const Request& request) {
    auto a = TRY(find_a());
    auto judgement = TRY(judge(a, places_));
    if (is_active(a)) {
        std::lock_guard examination(examination_mutex_);
        auto room = TRY(datapath::RoomForStalls::open(a.process().pid()));
        TRY(room.make(TRY(TRY(journal())->config()).receive_buffer_bytes));
        TRY(add_state(a, judgement, places_));
    }
    CheckReport report;
    report.refusals = judgement.findings.refusals;
    report.warnings = judgement.findings.warnings;
    report.version = TRY(instance::version_of(a.running_image()));
    report.bridges = judgement.config.bridges.size();
    report.ports = steered_ports(judgement.config).size();
    if (request.wanted_software().from != "installed" || request.sha256) {
        auto directory = places_.checking();
        auto release = fetch_beside(request, directory);
        std::error_code error;
        std::filesystem::remove_all(directory, error);
        if (!release) {
            report.refusals.push_back(release.error().message);
        }
    }
    return report;
}

// At the operator's path is the active instance, whichever it is.
Status SwitchSite::resume(const std::string& bridge, const std::vector<uint8_t>& message) {
    return openflow::resume((places_.rundir / (bridge + ".mgmt")).string(), bridge, message);
}

Result<std::vector<Summary>> SwitchSite::history(uint64_t count) {
    auto records = TRY(TRY(journal())->history(count));
    std::vector<Summary> history;
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
        history.push_back(to_summary(*record));
    }
    return history;
}

}  // namespace hitless::upgrade
