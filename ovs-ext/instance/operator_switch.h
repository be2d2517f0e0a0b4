// A: the operator's own ovs-vswitchd, found running, never modified. Knows how it was started, so that it can be started so
// again from new software.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "instance/command_line.h"

namespace hitless::instance {

// How a process was started; enough to start another like it.
struct StartedAs {
    pid_t pid = 0;
    std::filesystem::path executable;
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment;
    Scheduling scheduling;
    std::optional<std::string> service;   // of systemd, whose main process it is
};

class OperatorSwitch {
  public:
    // Finds the switch whose run directory is 'rundir', by RUNDIR/ovs-vswitchd.pid. An Error where it is not root's: what such a process says
    // of itself (executable, arguments, environment) is not to be believed, for another is started as root like it.
    static Result<OperatorSwitch> find(const std::string& rundir);

    // One that has ended.
    static OperatorSwitch ended(const std::string& rundir, StartedAs started);

    const Process& process() const { return process_; }
    const std::string& rundir() const { return rundir_; }
    const CommandLine& command_line() const { return command_line_; }
    // The binary's file, from which it is started again. The process may still run an older file of that name, or, where Debian's
    // alternatives have been changed since, another of theirs.
    const std::filesystem::path& executable() const { return started_.executable; }
    // Looks for its service, where that is not known yet.
    const StartedAs& started_as();
    // The file that the process runs, whatever has become of its name.
    std::filesystem::path running_image() const;
    // Where the process listens for control commands, unless the daemon has moved that socket.
    std::string unixctl_path() const;
    // Where its operator's ovsdb-server listens: a path. Error when it is not a Unix domain socket.
    Result<std::string> database_socket() const;

    // SIGSTOP, and wait until all of it stands still; SIGCONT.
    Status freeze() const;
    Status thaw() const;

    // Ends the process by SIGKILL, giving way to others: so it neither sends anything more, nor touches its ports' settings or the paths
    // of its sockets. The taps of its internal ports persist.
    Status kill();

    // Starts it again from executable(), and takes the new process for it: by its systemd service where it has one, else
    // with the same arguments, environment and scheduling, but for its niceness, which is 'nice' in either case. The caller has
    // released the pidfile; another switch that somebody starts in that moment is ended. Returns when the new process says that it is
    // up. Error after 'limit'.
    Status start(std::chrono::milliseconds limit, int nice);

  private:
    OperatorSwitch(std::string rundir, Process process, StartedAs started);

    std::string rundir_;
    Process process_;
    StartedAs started_;
    bool looked_for_service_ = false;
    CommandLine command_line_;
};

// "3.1.0" of what ovs-vswitchd --version prints.
Result<std::string> version_of(const std::filesystem::path& vswitchd);

}  // namespace hitless::instance
