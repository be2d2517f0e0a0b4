// What a daemon that was killed may have left on the host.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/private_directory.h"
#include "control/gate.h"
#include "software/installation.h"
#include "software/trust.h"
#include "state/flows.h"
#include "upgrade/freeze.h"
#include "upgrade/restoration.h"
#include "upgrade/switch_site.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kRestorationEvery = 2s;

// A's flows whose timeouts an earlier daemon took away get them back: those that A has still.
Status restore_flow_timeouts(const instance::OperatorSwitch& a, const state::Snapshot& timed) {
    if (timed.empty()) {
        return {};
    }
    auto client = TRY(ovsdb::Client::connect(TRY(a.database_socket())));
    instance::ControlPaths paths{a.unixctl_path(), {}};
    for (const auto& bridge : TRY(ovsdb::read_switch_config(client)).bridges) {
        paths.mgmt[bridge.name] = a.rundir() + "/" + bridge.name + ".mgmt";
    }
    instance::Control control(Side::A, paths);
    std::set<std::string> keys;
    for (const auto& flow : TRY(state::Flows().dump(control))) {
        keys.insert(flow.key);
    }
    state::Snapshot still;
    std::ranges::copy_if(timed, std::back_inserter(still), [&](const auto& flow) { return keys.contains(flow.key); });
    TRY(state::restart_idle(still, control));
    return restore_timeouts(still, control);
}

// An A that has ended is started from what is in its place, or else from what was there before.
Status start_a(instance::OperatorSwitch& a, const PairRecord& record) {
    auto started = a.start(60s, record.a.scheduling.nice);
    if (!started && !record.old_binary.empty()) {
        TRY(software::install(record.old_binary, a.executable()));
        started = a.start(60s, record.a.scheduling.nice);
    }
    return started;
}

// Out of the sockets of an A that has been stopped since B has the packets. Where nobody can tell who has them, all is left to A.
void discard_what_b_has_got(const instance::OperatorSwitch& a, const Places& places) {
    auto active = datapath::pinned_active(places.bpf().string());
    if (!active || *active == Side::A) {
        return;
    }
    if (auto sockets = datapath::ProcessSockets::open(a.process().pid())) {
        sockets->discard();
    }
}

}  // namespace

// All there is of B, whoever has the packets: A has them from the first step on.
Status SwitchSite::remove_b() {
    TRY(control::Gate::lift_pinned(places_.bpf().string() + "/gate"));
    datapath::SteeringOptions options;
    options.bpf_directory = places_.bpf().string();
    options.b_namespace = places_.b_namespace().string();
    TRY(datapath::remove_steering_leftovers(options));
    TRY(control::MgmtLinks::repair(places_.rundir.string()));
    TRY(Process::end_by_pidfile((places_.b_rundir() / "ovs-vswitchd.pid").string()));
    TRY(Process::end_by_pidfile((places_.b_rundir() / "ovsdb-server.pid").string()));
    TRY(datapath::unmount_bpf_filesystem(places_.bpf().string()));
    TRY(datapath::remove_named_namespace(places_.b_namespace().string()));
    TRY(remove_directory(places_.staging()));
    return remove_directory(places_.own());   // last: by it a pair is known
}

// What can be put back without B: settings (their names are paths), A's receive buffers.
void SwitchSite::restore_host_changes(const journal::OperationRecord& operation) {
    auto a = instance::OperatorSwitch::find(places_.rundir.string());
    for (const auto& phase : operation.phases) {
        for (const auto& [what, before] : phase.host_changes) {
            if (datapath::is_host_setting(what)) {
                (void) datapath::exchange_setting(what, before).ok();   // a device that is gone has no settings
            } else if (what == kReceiveBuffers && a) {
                (void) put_sockets_back(a->process().pid(), std::atoi(before.c_str())).ok();
            }
        }
    }
}

// The newest operation, if an earlier daemon ended in it.
Status SwitchSite::end_unfinished_operation() {
    auto* journal = TRY(this->journal());
    auto newest = TRY(journal->history(1));
    if (newest.empty()) {
        return {};
    }
    if (!newest.front().ended) {
        auto ending = end_with_a(to_interrupted(newest.front(), false));
        if (!std::exchange(unfinished_, std::nullopt)) {   // else restore() has done that, and failed later
            TRY(journal->resume(newest.front().number));
        }
        TRY(journal->warning("ovs-hitlessd ended in this operation; the next one took away what was left of it"));
        TRY(journal->end(std::string(to_string(ending.outcome)), ending.error, {}));
    }
    TRY(journal->set_instance(Side::B, {}));
    return journal->set_state(std::string(to_string(State::idle)));
}

bool SwitchSite::has_leftovers() const {
    std::error_code error;
    return !pair_ && !orphan_ && std::filesystem::exists(std::filesystem::symlink_status(places_.own(), error));
}

// Else nothing in it can be relied on. Where B forwards it does so by what is pinned in the directory.
Status SwitchSite::check_own(Side active) const {
    TRY(software::check_trusted_itself(places_.rundir));   // else somebody could put another directory in its place at any time
    auto own = check_own_directory(places_.own());
    return own ? Status() : make_error("{}: {}", own.error().message,
                                       active == Side::B ? "put the one that ovs-hitlessd has made back in its place" : "remove it");
}

// A has the packets, or gets them now.
Status SwitchSite::clean_leftovers() {
    TRY(give_to_a());
    return end_unfinished_operation();
}

Status SwitchSite::give_to_a() {
    TRY(check_own(orphan_ ? Side::B : Side::A));
    auto record = PairRecord::load(places_.record());   // none before the phase standby
    auto timed = load_flows(places_.timed_flows());
    auto a = instance::OperatorSwitch::find(places_.rundir.string());
    if (!a && record && TRY(datapath::pinned_active(places_.bpf().string())) == Side::B) {
        a = instance::OperatorSwitch::ended(places_.rundir.string(), record->a);
        TRY(start_a(*a, *record));
    }
    if (a && a->process().stopped()) {
        discard_what_b_has_got(*a, places_);
        TRY(a->thaw());
    }
    if (a && record) {
        (void) a->process().set_nice(record->a.scheduling.nice).ok();
    }
    TRY(remove_b());
    {
        std::lock_guard lock(mutex_);
        orphan_.reset();
    }
    if (auto journal = this->journal()) {
        auto newest = TRY((*journal)->history(2));   // an emergency itself, and what the earlier daemon was at
        for (const auto& operation : newest) {
            restore_host_changes(operation);
        }
    }
    return a && timed ? restore_flow_timeouts(*a, *timed) : Status();
}

// B forwards, and its daemon is gone.
Status SwitchSite::restore() {
    auto work = [&]() -> Status {
        auto record = TRY(PairRecord::load(places_.record()));
        auto* journal = TRY(open_journal(find_or_recall(places_, record)));
        if (!unfinished_) {
            auto newest = TRY(journal->history(1));
            if (!newest.empty() && !newest.front().ended) {
                TRY(journal->resume(newest.front().number));
                unfinished_ = newest.front();
            }
        }
        auto pair = TRY(restore_pair(places_, front_, *journal, record));
        std::lock_guard lock(mutex_);
        pair_ = std::move(pair);
        orphan_.reset();
        return {};
    };
    auto status = work();
    next_restoration_ = std::chrono::steady_clock::now() + kRestorationEvery;
    {
        std::lock_guard lock(mutex_);
        if (orphan_) {
            orphan_->because = status ? "" : status.error().message;
        }
    }
    if (status && unfinished_) {
        auto operation = *std::exchange(unfinished_, std::nullopt);
        const auto& a = pair_->a.process();
        auto rest = resume_with_b(to_interrupted(operation, pair_->record().request.keep_standby), a.alive() && !a.stopped());
        resume_operation(operation, std::move(rest));
    } else if (status) {
        (void) journal_->set_state(std::string(to_string(State::failed_over))).ok();
    }
    return status;
}

// A forwards, and was to be watched as long as B is there, which it is. False: it was not.
Result<bool> SwitchSite::restore_soak_back() {
    auto record = TRY(PairRecord::load(places_.record()));
    auto b = TRY(Process::from_pidfile((places_.b_rundir() / "ovs-vswitchd.pid").string()));
    auto* journal = TRY(open_journal(find_or_recall(places_, record)));
    auto newest = TRY(journal->history(1));
    if (newest.empty() || newest.front().ended || b.stopped()) {
        return false;
    }
    auto rest = resume_with_a(to_interrupted(newest.front(), record.request.keep_standby));
    if (!rest) {
        return false;
    }
    auto pair = TRY(restore_pair(places_, front_, *journal, record));
    TRY(journal->resume(newest.front().number));
    {
        std::lock_guard lock(mutex_);
        pair_ = std::move(pair);
    }
    resume_operation(newest.front(), std::move(*rest));
    return true;
}

// What is left of the operation that the earlier daemon was at.
void SwitchSite::resume_operation(const journal::OperationRecord& operation, Resumption rest) {
    request_ = pair_->record().request;
    Resumed resumed{request_, to_summary(operation), std::move(rest)};
    request_.command = resumed.request.command = resumed.so_far.command;
    auto in = operation.phases.empty() ? "before its first phase" : "in phase " + operation.phases.back().name;
    auto warning = fmt::format("ovs-hitlessd ended {}; the next one went on with the operation", in);
    (void) journal_->warning(warning).ok();
    resumed.so_far.warnings.push_back(warning);
    interrupted_ = std::move(resumed);
}

std::optional<Resumed> SwitchSite::take_interrupted() {
    return std::exchange(interrupted_, std::nullopt);
}

Result<State> SwitchSite::recover() {
    std::error_code error;
    std::filesystem::remove_all(places_.adding(), error);
    std::filesystem::remove_all(places_.checking(), error);
    auto attached = datapath::attached_active();
    const Side active = attached ? *attached : Side::A;
    auto own = check_own(active);
    if (!own && active == Side::B) {
        orphan_ = Orphan{nullptr, own.error().message, true};
        lead_tools_to("");
        return State::failed_over;
    }
    if (!has_leftovers()) {
        std::filesystem::remove_all(places_.staging(), error);   // the host was booted meanwhile
        if (std::filesystem::exists(places_.statedir / "hitless.db", error)) {   // else there never was an operation
            (void) end_operation_without_traces().ok();   // or before the next one
        }
        return State::idle;
    }
    TRY(own);
    if (TRY(datapath::pinned_active(places_.bpf().string())) == Side::A) {
        if (auto watched = restore_soak_back(); !watched || !*watched) {
            TRY(clean_leftovers());
        }
        return State::idle;
    }
    auto b = Process::from_pidfile((places_.b_rundir() / "ovs-vswitchd.pid").string());
    if (!b || b->stopped()) {
        TRY(clean_leftovers());
        return State::idle;
    }
    orphan_ = Orphan{std::make_shared<const Process>(std::move(*b)), "", false};
    if (!restore()) {   // watch() tries again
        lead_tools_to((places_.b_rundir() / "ovs-vswitchd.ctl").string());
    }
    return State::failed_over;
}

Status SwitchSite::Orphan::check() const {
    return refused || (b && b->alive() && !b->stopped()) ? Status() : make_error("B's ovs-vswitchd has ended or is stopped");
}

// At rest: whether it goes on, and again and again whether it can be taken over by now; can_operate() tells why not.
Status SwitchSite::watch_orphan() {
    if (std::chrono::steady_clock::now() < next_restoration_) {
        return orphan_->check();
    }
    next_restoration_ = std::chrono::steady_clock::now() + kRestorationEvery;
    if (auto own = check_own(Side::B); !own) {
        std::lock_guard lock(mutex_);
        orphan_ = Orphan{nullptr, own.error().message, true};
        return {};
    }
    if (orphan_->refused) {
        auto b = Process::from_pidfile((places_.b_rundir() / "ovs-vswitchd.pid").string());
        std::lock_guard lock(mutex_);
        orphan_->b = b ? std::make_shared<const Process>(std::move(*b)) : nullptr;
        orphan_->refused = false;
    }
    TRY(orphan_->check());
    if (!restore()) {
        lead_tools_to((places_.b_rundir() / "ovs-vswitchd.ctl").string());
    }
    return {};
}

// While the pair is not taken over: to the daemon, and with what is for the switch to 'active'.
void SwitchSite::lead_tools_to(const std::string& active) {
    auto a = instance::OperatorSwitch::find(places_.rundir.string());
    if (a && (front_.serves(a->unixctl_path()) || front_.take_over(a->unixctl_path()))) {
        front_.set_active(active);
    }
}

// Before the first, or after the last of what it makes on the host.
Status SwitchSite::end_operation_without_traces() {
    auto newest = TRY(TRY(journal())->history(1));
    if (newest.empty() || newest.front().ended) {
        return {};
    }
    restore_host_changes(newest.front());
    return end_unfinished_operation();
}

}  // namespace hitless::upgrade
