#include "instance/standby_switch.h"

#include <signal.h>

#include "instance/early_start.h"
#include "instance/systemd.h"

namespace hitless::instance {

using namespace std::chrono_literals;

namespace {

// A switch takes and gives back memory for 32 packets at each port in each turn of its main loop, ports without packets included. The C
// library's allocator takes half of a turn for that (docs/performance.md). Where the library is missing, the loader says so and goes on.
constexpr const char* kAllocator = "libjemalloc.so.2";

// The environment in which every OVS program of B keeps to B's own directories.
std::map<std::string, std::string> environment(const StandbyOptions& options) {
    return {{"OVS_RUNDIR", options.rundir.string()},
            {"OVS_LOGDIR", options.logdir.string()},
            {"OVS_DBDIR", options.rundir.string()}};
}

// Of a process that may be frozen, hung or gone.
Status end(const std::optional<Process>& process) {
    if (!process || !process->alive()) {
        return {};
    }
    TRY(process->signal(SIGKILL));
    return process->wait_end(5s);
}

}  // namespace

Status StandbySwitch::start_database() {
    const auto& dir = options_.rundir;
    ProgramOptions run;
    run.environment = environment(options_);
    run.limit = 20s;
    TRY(run_checked(in_own_scope({options_.ovsdb_server.string(), (dir / "conf.db").string(),
                                  "--remote=punix:" + database_socket(),
                                  "--unixctl=" + (dir / "ovsdb-server.ctl").string(),
                                  "--pidfile=" + (dir / "ovsdb-server.pid").string(),
                                  "--log-file=" + (options_.logdir / "ovsdb-server-b.log").string(),
                                  "-vconsole:off", "--detach", "--no-chdir"}),
                    run));
    database_ = TRY(Process::from_pidfile((dir / "ovsdb-server.pid").string()));
    return {};
}

Status StandbySwitch::start_switch() {
    wait_for_early_start();
    const auto& dir = options_.rundir;
    ProgramOptions run;
    run.environment = environment(options_);
    run.environment["LD_PRELOAD"] = kAllocator;
    run.network_namespace = options_.network_namespace;
    run.scheduling = options_.scheduling;
    run.limit = options_.start_limit;
    std::vector<std::string> argv = {options_.vswitchd.string(), "unix:" + database_socket(),
                                     "--unixctl=" + unixctl_path(),
                                     "--pidfile=" + (dir / "ovs-vswitchd.pid").string(),
                                     "--log-file=" + (options_.logdir / "ovs-vswitchd-b.log").string(),
                                     "-vconsole:off", "--detach", "--no-chdir"};
    argv.insert(argv.end(), options_.switch_options.begin(), options_.switch_options.end());
    TRY(run_checked(in_own_scope(argv), run));
    switch_ = TRY(Process::from_pidfile((dir / "ovs-vswitchd.pid").string()));
    return {};
}

Status StandbySwitch::adopt() {
    switch_ = TRY(Process::from_pidfile((options_.rundir / "ovs-vswitchd.pid").string()));
    auto database = Process::from_pidfile((options_.rundir / "ovsdb-server.pid").string());
    if (!database) {
        return start_database();
    }
    database_ = std::move(*database);
    return {};
}

Status StandbySwitch::stop() {
    if (switch_) {
        (void) switch_->set_nice(options_.scheduling.giving_way()).ok();   // it had the packets, perhaps
    }
    Status first = end(switch_);
    Status second = end(database_);
    switch_.reset();
    database_.reset();
    return first ? second : first;
}

}  // namespace hitless::instance
