// Phase reprogram: A's software is replaced while B forwards, and A restarted from it, silent: nothing reaches it, nothing that
// it sends gets out, and the gate keeps it from the controllers.
#include <signal.h>
#include <unistd.h>

#include "software/installation.h"
#include "upgrade/phases.h"

namespace hitless::upgrade {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartLimit = 60s;

// Where ovs-appctl looks while the daemon holds A's pidfile.
std::string stand_in_path(const Pair& pair) {
    return pair.a.command_line().unixctl.empty()
               ? pair.a.rundir() + "/ovs-vswitchd." + std::to_string(::getpid()) + ".ctl"
               : pair.a.command_line().unixctl;
}

// Ends A's old process. The daemon takes its place where tools look for it.
Status end_a(Step& step) {
    auto& pair = step.pair;
    std::vector<std::string> devices;
    for (const auto& port : pair.ports) {
        if (!port.tap) {
            devices.push_back(port.name);
        }
    }
    // A's end takes away its share of the ports' promiscuous mode.
    pair.promiscuous = TRY(datapath::Promiscuous::hold(devices));
    pair.a_sockets.reset();   // a duplicate of a tap keeps it busy for the new process
    pair.a_control->reset(pair.a_paths());
    if (pair.a.process().alive()) {
        TRY(pair.a.kill());
    }
    TRY(step.front.give_back(pair.a.unixctl_path()));
    pair.pidfile.emplace(pair.a.command_line().pidfile);
    TRY(pair.pidfile->hold());
    return step.front.serve(stand_in_path(pair));
}

Status start_a(Step& step) {
    auto& pair = step.pair;
    TRY(step.front.give_back(stand_in_path(pair)));
    TRY(pair.pidfile->release());
    TRY(pair.a.start(kStartLimit));
    TRY(step.front.take_over(pair.a.unixctl_path()));
    pair.a_control->reset(pair.a_paths());
    TRY(pair.a_control->call("version"));
    pair.a_sockets = TRY(datapath::ProcessSockets::open(pair.a.process().pid()));
    TRY(pair.a_sockets->enlarge_receive_buffers(pair.settings.receive_buffer_bytes));
    pair.promiscuous.reset();
    pair.a_version = TRY(instance::version_of(pair.a.running_image()));
    return step.journal.set_instance(Side::A, {"standby", pair.a.process().pid(), pair.a_version,
                                           pair.a.executable().string(), step.places.rundir.string(), ""});
}

}  // namespace

Status run_reprogram(Step& step) {
    auto& pair = step.pair;
    const auto& target = pair.a.executable();
    pair.old_binary = TRY(software::keep(pair.a.running_image(), target, step.places.releases()));
    TRY(software::prune(step.places.releases(), pair.settings.releases_max, *pair.old_binary));
    TRY(step.journal.add_host_change("file " + target.string(), pair.old_binary->string()));
    TRY(end_a(step));
    if (pair.release->vswitchd != target) {
        TRY(software::install(pair.release->vswitchd, target));
    }
    return start_a(step);
}

Status put_back(Step& step) {
    auto& pair = step.pair;
    if (!pair.old_binary) {
        return make_error("the old software was not kept: nothing was replaced");
    }
    if (auto process = Process::from_pidfile(pair.a.command_line().pidfile);
        process && process->pid() != ::getpid() && process->pid() != pair.a.process().pid()) {
        TRY(process->signal(SIGKILL));   // the new software's, up but not fit
        TRY(process->wait_end(5s));
    }
    TRY(end_a(step));
    TRY(software::install(*pair.old_binary, pair.a.executable()));
    return start_a(step);
}

}  // namespace hitless::upgrade
