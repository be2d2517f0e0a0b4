// The command line of an ovs-vswitchd: what it says of a running one, and how another is started like it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::instance {

struct CommandLine {
    std::string database;                       // remote of its ovsdb-server; default unix:RUNDIR/db.sock
    std::string pidfile;                        // default RUNDIR/ovs-vswitchd.pid
    std::string unixctl;                        // --unixctl, if it was given
    bool detach = false;
    std::vector<std::string> switch_options;    // options that say how to forward packets, not where files are: --dpdk, --mlockall...
};

// Reads 'argv' (argv[0] is the program) of a vswitchd whose run directory is 'rundir'.
CommandLine parse_command_line(const std::vector<std::string>& argv, const std::string& rundir);

}  // namespace hitless::instance
