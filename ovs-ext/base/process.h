// Running other programs: argument vectors, never a shell.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace hitless {

// What share of which CPUs a process gets.
struct Scheduling {
    int nice = 0;
    std::vector<int> cpus;      // that it may use; none: as the one that starts it

    // The niceness for giving way to others that have this.
    int giving_way() const { return std::max(nice, 0); }

    bool operator==(const Scheduling&) const = default;
};

struct ProgramOptions {
    std::map<std::string, std::string> environment;     // added to ours, over it
    bool only_this_environment = false;                 // nothing of ours is in it
    std::optional<std::string> network_namespace;       // path: the program runs in that network namespace
    std::optional<Scheduling> scheduling;               // none: as ours
    std::chrono::milliseconds limit{30'000};            // after it the program is killed
    std::string standard_input;
    size_t output_limit_bytes = 64 << 20;               // more output than that is an Error
};

struct ProgramOutput {
    int exit_status = 0;        // 128 + signal where a signal ended it
    std::string standard_output, standard_error;
};

// Runs argv[0] (searched in PATH) to its end. An Error when it cannot be started or exceeds a limit; its own failure is in
// exit_status.
Result<ProgramOutput> run_program(const std::vector<std::string>& argv, const ProgramOptions& options = {});

// The same, and an exit status other than 0 is an Error with what the program said. Returns standard output.
Result<std::string> run_checked(const std::vector<std::string>& argv, const ProgramOptions& options = {});

// A process of which the pid cannot be reused behind our back (pidfd). Not necessarily our child; not ended with this object.
class Process {
  public:
    static Result<Process> open(pid_t pid);
    // One that has ended.
    static Process ended(pid_t pid) { return Process(pid, Fd()); }
    // Reads the pid from a daemon's pidfile, and checks that the process holds its lock.
    static Result<Process> from_pidfile(const std::string& path);
    // Ends the one that holds it, by SIGKILL, whatever its state; whether there was one. Error where it is there after 5 s.
    static Result<bool> end_by_pidfile(const std::string& path);

    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }   // readable when it has ended

    bool alive() const;
    Status signal(int number) const;
    // Waits until it has ended; Error after 'limit'.
    Status wait_end(std::chrono::milliseconds limit) const;
    // Stopped by SIGSTOP: all its threads.
    bool stopped() const;
    Result<size_t> resident_bytes() const;   // of memory, /proc/PID/statm
    Result<std::chrono::milliseconds> age() const;   // since its start; whole hundredths of a second

    Result<std::string> executable() const;              // path; a replaced file's " (deleted)" is cut off
    Result<std::vector<std::string>> command_line() const;
    Result<std::map<std::string, std::string>> environment() const;
    Result<uid_t> user() const;                          // 0: root in every respect; else one as whom it can act
    Result<ino_t> network_namespace() const;             // inode, for comparison
    Result<Scheduling> scheduling() const;
    Status set_nice(int nice) const;                     // of all its threads

  private:
    Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

    pid_t pid_;
    Fd pidfd_;
};

}  // namespace hitless
