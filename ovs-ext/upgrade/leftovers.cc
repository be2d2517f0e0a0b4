// What a daemon that was killed may have left on the host.
#include <signal.h>

#include <cstdlib>

#include "control/gate.h"
#include "datapath/links.h"
#include "upgrade/switch_site.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

// Ends the process of B's that holds 'pidfile', if there is one.
Status end_process(const std::filesystem::path& pidfile) {
    auto process = Process::from_pidfile(pidfile.string());
    if (!process) {
        return {};
    }
    TRY(process->signal(SIGKILL));
    return process->wait_end(5s);
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
    TRY(end_process(places_.b_rundir() / "ovs-vswitchd.pid"));
    TRY(end_process(places_.b_rundir() / "ovsdb-server.pid"));
    TRY(datapath::unmount_bpf_filesystem(places_.bpf().string()));
    TRY(datapath::remove_named_namespace(places_.b_namespace().string()));
    std::error_code error;
    std::filesystem::remove_all(places_.own(), error);
    if (error) {
        return make_error("directory {}: cannot be removed: {}", places_.own().string(), error.message());
    }
    return {};
}

// What can be put back without B: settings (their names are paths), the taps' queue lengths, A's receive buffers.
void SwitchSite::restore_host_changes(const journal::OperationRecord& operation) {
    auto a = instance::OperatorSwitch::find(places_.rundir.string());
    auto links = datapath::Links::open();
    for (const auto& phase : operation.phases) {
        for (const auto& [what, before] : phase.host_changes) {
            if (datapath::is_host_setting(what)) {
                (void) datapath::exchange_setting(what, before).ok();   // a device that is gone has no settings
            } else if (what.starts_with(kQueueLength) && links) {
                auto length = static_cast<uint32_t>(std::atoi(before.c_str()));
                (void) links->change(what.substr(kQueueLength.size()), {{}, {}, length}).ok();
            } else if (what == kReceiveBuffers && a && std::atoi(before.c_str()) > 0) {
                if (auto sockets = datapath::ProcessSockets::open(a->process().pid())) {
                    (void) sockets->reduce_receive_buffers(std::atoi(before.c_str())).ok();
                }
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
    // Also after one that ended, with a stand-by at rest: its changes of the host lasted.
    restore_host_changes(newest.front());
    if (!newest.front().ended) {
        TRY(journal->resume(newest.front().number));
        TRY(journal->end("failed", "daemon ended", {}));
    }
    TRY(journal->set_instance(Side::B, {}));
    return journal->set_state(std::string(to_string(State::idle)));
}

Status SwitchSite::clean_leftovers() {
    std::error_code error;
    if (pair_ || orphan_ || !std::filesystem::exists(places_.own(), error)) {
        return {};
    }
    if (auto a = instance::OperatorSwitch::find(places_.rundir.string()); a && a->process().stopped()) {
        TRY(a->thaw());   // the daemon ended between toggles
    }
    TRY(remove_b());
    return end_unfinished_operation();
}

// B forwards, and its daemon is gone.
Status SwitchSite::adopt_orphan() {
    auto process = Process::from_pidfile((places_.b_rundir() / "ovs-vswitchd.pid").string());
    if (!process) {
        return process.error();
    }
    {
        std::lock_guard lock(mutex_);
        orphan_ = std::make_shared<const Process>(std::move(*process));
    }
    if (auto a = instance::OperatorSwitch::find(places_.rundir.string())) {
        TRY(front_.take_over(a->unixctl_path()));
        front_.set_active((places_.b_rundir() / "ovs-vswitchd.ctl").string());
    }
    auto* journal = TRY(this->journal());
    auto newest = TRY(journal->history(1));
    if (!newest.empty() && !newest.front().ended) {
        TRY(journal->resume(newest.front().number));
        TRY(journal->end("failed", "daemon ended", {}));
    }
    return journal->set_state(std::string(to_string(State::failed_over)));
}

Result<State> SwitchSite::roll_back_orphan() {
    auto a = instance::OperatorSwitch::find(places_.rundir.string());
    if (!a) {
        return make_error("A cannot take the packets: {}", a.error().message);
    }
    TRY(a->thaw());
    TRY(remove_b());
    {
        std::lock_guard lock(mutex_);
        orphan_.reset();
    }
    if (auto newest = TRY(journal())->history(2)) {   // the roll back itself, and what the earlier daemon was at
        for (const auto& operation : *newest) {
            restore_host_changes(operation);
        }
    }
    TRY(journal_->set_instance(Side::B, {}));
    return State::idle;
}

Result<State> SwitchSite::recover() {
    std::error_code error;
    if (!std::filesystem::exists(places_.own(), error)) {
        return State::idle;
    }
    if (TRY(datapath::pinned_active(places_.bpf().string())) == Side::A) {
        TRY(clean_leftovers());
        return State::idle;
    }
    (void) adopt_orphan().ok();   // what it could not write down can be written later
    if (orphan_) {
        return State::failed_over;
    }
    TRY(clean_leftovers());   // A has what is left
    return State::idle;
}

}  // namespace hitless::upgrade
