// What can be asked about the switch and its upgrades at any time. Thread-safe. Each call may block: it waits for a database, a lock
// or a program.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "datapath/steering.h"
#include "upgrade/summary.h"

namespace hitless::upgrade {

// One instance as hitless/status tells of it.
struct InstanceStatus {
    std::string name, role, version, executable;
    int64_t pid = 0;   // 0: not running
    uint64_t unchecked_tcp = 0;   // TCP connections for whose sake it does not check sequence numbers for the time being
};

// What preflight found.
struct CheckReport {
    std::vector<std::string> refusals, warnings;
    std::string version;   // of the running switch
    size_t bridges = 0, ports = 0;
};

class Inspector {
  public:
    virtual ~Inspector() = default;
    virtual std::vector<InstanceStatus> instances() = 0;
    // What keeps the daemon from its work, and what to do; empty: nothing.
    virtual std::string problem() = 0;
    // Error when there is no bond: nothing is attached.
    virtual Result<datapath::Bond> bond() = 0;
    // Preflight alone. May take seconds.
    virtual Result<CheckReport> check(const Request& request) = 0;
    // The newest 'count' operations, oldest first.
    virtual Result<std::vector<Summary>> history(uint64_t count) = 0;
};

}  // namespace hitless::upgrade
