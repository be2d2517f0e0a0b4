// What a daemon that was killed may have left on the host.
#include <signal.h>

#include "control/gate.h"
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

Status SwitchSite::clean_leftovers() {
    std::error_code error;
    if (pair_ || !std::filesystem::exists(places_.own(), error)) {
        return {};
    }
    auto overview = TRY(TRY(journal())->overview());
    if (overview.instances[Side::B].role == "active") {
        return make_error("an earlier ovs-hitlessd ended while B was the active instance: B's ovs-vswitchd (process {}) "
                          "forwards; it is left as it is", overview.instances[Side::B].pid.value_or(0));
    }
    TRY(control::MgmtLinks::repair(places_.rundir.string()));
    TRY(control::Gate::lift_pinned(places_.bpf().string() + "/gate"));
    datapath::SteeringOptions options;
    options.bpf_directory = places_.bpf().string();
    options.b_namespace = places_.b_namespace().string();
    TRY(datapath::remove_steering_leftovers(options));
    TRY(end_process(places_.b_rundir() / "ovs-vswitchd.pid"));
    TRY(end_process(places_.b_rundir() / "ovsdb-server.pid"));
    TRY(datapath::unmount_bpf_filesystem(places_.bpf().string()));
    TRY(datapath::remove_named_namespace(places_.b_namespace().string()));
    std::filesystem::remove_all(places_.own(), error);
    if (error) {
        return make_error("directory {}: cannot be removed: {}", places_.own().string(), error.message());
    }
    return {};
}

}  // namespace hitless::upgrade
