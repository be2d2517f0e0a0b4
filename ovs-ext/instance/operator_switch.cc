#include "instance/operator_switch.h"

#include <signal.h>

#include <thread>

#include "instance/early_start.h"
#include "instance/systemd.h"

namespace hitless::instance {

using namespace std::chrono_literals;

namespace {

// Debian's is a link, through its alternatives, to the binary of one of several packages.
const std::string kAlternatives = "/usr/sbin/ovs-vswitchd";
constexpr int kStartTries = 3;

bool chosen_by_alternatives(const std::filesystem::path& executable, const std::string& program) {
    return executable.string().starts_with("/usr/lib/openvswitch-") && (program == "ovs-vswitchd" || program == kAlternatives);
}

// What a restart starts: another choice may have been made since.
std::filesystem::path next_executable(const std::filesystem::path& running, const std::string& program) {
    if (!chosen_by_alternatives(running, program)) {
        return running;
    }
    std::error_code error;
    auto chosen = std::filesystem::canonical(kAlternatives, error);
    return error ? running : chosen;
}

// Nobody holds the pidfile at first, and somebody else may start the switch in that moment. That one ends: it is not in the state that A is
// to be in.
Status start_alone(const std::vector<std::string>& argv, const ProgramOptions& options, const std::string& pidfile) {
    auto end = std::chrono::steady_clock::now() + options.limit;
    for (int tries = 1;; tries++) {
        auto started = run_checked(argv, options);
        if (started) {
            return {};
        }
        if (tries == kStartTries || std::chrono::steady_clock::now() >= end || !TRY(Process::end_by_pidfile(pidfile))) {
            return started.error();
        }
    }
}

}  // namespace

Result<OperatorSwitch> OperatorSwitch::find(const std::string& rundir) {
    auto process = Process::from_pidfile(rundir + "/ovs-vswitchd.pid");
    if (!process) {
        return make_error("no running ovs-vswitchd found: {}: start it, or set OVS_RUNDIR to its run directory",
                          process.error().message);
    }
    if (uid_t user = TRY(process->user())) {
        return make_error("ovs-vswitchd (process {} of {}/ovs-vswitchd.pid): refused: it runs as the user {}, who could have any program run as "
                          "root: start it as root, without --user", process->pid(), rundir, user);
    }
    StartedAs started{process->pid(), TRY(process->executable()), TRY(process->command_line()), TRY(process->environment()),
                      TRY(process->scheduling()), {}};
    if (started.argv.empty()) {
        return make_error("process {} of {}/ovs-vswitchd.pid: has no command line", process->pid(), rundir);
    }
    started.executable = next_executable(started.executable, started.argv[0]);
    return OperatorSwitch(rundir, std::move(*process), std::move(started));
}

OperatorSwitch OperatorSwitch::ended(const std::string& rundir, StartedAs started) {
    Process process = Process::ended(started.pid);
    OperatorSwitch gone(rundir, std::move(process), std::move(started));
    gone.looked_for_service_ = true;
    return gone;
}

OperatorSwitch::OperatorSwitch(std::string rundir, Process process, StartedAs started)
    : rundir_(std::move(rundir)), process_(std::move(process)), started_(std::move(started)),
      command_line_(parse_command_line(started_.argv, rundir_)) {}

const StartedAs& OperatorSwitch::started_as() {
    if (!std::exchange(looked_for_service_, true)) {
        started_.service = service_of(process_.pid());
    }
    return started_;
}

std::filesystem::path OperatorSwitch::running_image() const {
    return "/proc/" + std::to_string(process_.pid()) + "/exe";
}

std::string OperatorSwitch::unixctl_path() const {
    return command_line_.unixctl.empty()
               ? rundir_ + "/ovs-vswitchd." + std::to_string(process_.pid()) + ".ctl"
               : command_line_.unixctl;
}

Result<std::string> OperatorSwitch::database_socket() const {
    const std::string& remote = command_line_.database;
    if (!remote.starts_with("unix:")) {
        return make_error("database {}: only an ovsdb-server on a Unix domain socket (unix:PATH) is supported", remote);
    }
    std::string path = remote.substr(5);
    return path.starts_with('/') ? path : rundir_ + "/" + path;
}

Status OperatorSwitch::freeze() const {
    TRY(process_.signal(SIGSTOP));
    for (int i = 0; i < 2000; i++) {
        if (process_.stopped()) {
            return {};
        }
        std::this_thread::sleep_for(500us);
    }
    return make_error("process {}: does not stop", process_.pid());
}

Status OperatorSwitch::thaw() const {
    return process_.signal(SIGCONT);
}

Status OperatorSwitch::kill() {
    started_as();
    (void) process_.set_nice(started_.scheduling.giving_way()).ok();
    TRY(process_.signal(SIGKILL));
    return process_.wait_end(5s);
}

Status OperatorSwitch::start(std::chrono::milliseconds limit, int nice) {
    wait_for_early_start();
    ProgramOptions options;
    options.limit = limit;
    if (started_.service) {
        TRY(run_checked({"systemctl", "restart", *started_.service}, options));
    } else {
        std::vector<std::string> argv = started_.argv;
        // A switch calls its control socket after the name it was started by, and that of the link is what ovs-appctl looks for.
        argv[0] = chosen_by_alternatives(started_.executable, argv[0]) ? kAlternatives : started_.executable.string();
        options.environment = started_.environment;
        options.only_this_environment = true;
        options.scheduling = started_.scheduling;
        options.scheduling->nice = nice;
        TRY(start_alone(in_own_scope(argv), options, command_line_.pidfile));
    }
    process_ = TRY(Process::from_pidfile(command_line_.pidfile));
    if (started_.service) {   // that has its own
        (void) process_.set_nice(nice).ok();
    }
    started_.pid = process_.pid();
    return {};
}

Result<std::string> version_of(const std::filesystem::path& vswitchd) {
    ProgramOptions options;
    options.limit = 5s;
    std::string text = TRY(run_checked({vswitchd.string(), "--version"}, options));
    // "ovs-vswitchd (Open vSwitch) 3.1.0"
    constexpr std::string_view mark = "(Open vSwitch) ";
    auto at = text.find(mark);
    if (at == std::string::npos) {
        return make_error("{}: --version does not name Open vSwitch", vswitchd.string());
    }
    std::string version = text.substr(at + mark.size());
    return version.substr(0, version.find_first_of(" \n"));
}

}  // namespace hitless::instance
