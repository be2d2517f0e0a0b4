// B: the standby ovs-vswitchd in a network namespace of its own, with its own ovsdb-server and run directory. Its bridges are
// those of the database file that it is given; the legs of its ports are made by datapath/ before it starts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace hitless::instance {

struct StandbyOptions {
    std::filesystem::path rundir;                   // exists, private, holds conf.db
    std::filesystem::path logdir;
    std::string network_namespace;                  // path; exists
    std::filesystem::path vswitchd;                 // binaries to run
    std::filesystem::path ovsdb_server;
    std::vector<std::string> switch_options;        // as A's
    Scheduling scheduling;                          // of its ovs-vswitchd, to begin with
    std::chrono::milliseconds start_limit{60'000};  // for its ovs-vswitchd to say that it is up
};

class StandbySwitch {
  public:
    explicit StandbySwitch(StandbyOptions options) : options_(std::move(options)) {}

    // Starts ovsdb-server on RUNDIR/conf.db.
    Status start_database();
    // Starts ovs-vswitchd in the namespace; returns when it says that it is up.
    Status start_switch();
    // Takes over the two of an earlier daemon; starts ovsdb-server again where it has ended. Error when ovs-vswitchd has ended.
    Status adopt();
    // Ends both; no error where one has ended already.
    Status stop();

    std::string database_socket() const { return (options_.rundir / "db.sock").string(); }
    std::string unixctl_path() const { return (options_.rundir / "ovs-vswitchd.ctl").string(); }
    // Only after start_switch().
    const Process& process() const { return *switch_; }
    bool running() const { return switch_ && switch_->alive(); }

  private:
    StandbyOptions options_;
    std::optional<Process> database_;
    std::optional<Process> switch_;
};

}  // namespace hitless::instance
