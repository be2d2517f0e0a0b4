// What can be asked about the switch and its upgrades at any time. Thread-safe. Each call may block: it waits for a database, a lock
// or a program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datapath/steering.h"
#include "journal/config.h"
#include "software/store.h"
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

// How one kind of state differs between the active instance and the other.
struct KindDiff {
    std::string kind;
    uint64_t same = 0, missing = 0, extra = 0, changed = 0;
    uint64_t harmless = 0;                // extra, too, but may stay
    std::vector<std::string> examples;    // "missing: ...", "different: ...", "extra: ..."
};

struct DiffReport {
    Side from = Side::A;                  // the active one
    std::vector<KindDiff> kinds;
};

// What became of kept releases, or which there are.
struct ReleaseReport {
    std::vector<software::KeptRelease> kept, removed;   // oldest first
    std::string running;   // SHA-256 of the software that forwards; empty: not known
};

class Inspector {
  public:
    virtual ~Inspector() = default;
    virtual std::vector<InstanceStatus> instances() = 0;
    // What keeps the daemon from its work, and what to do; empty: nothing.
    virtual std::string problem() = 0;
    // What holds for the next operation.
    virtual Result<journal::SoakPolicy> soak_policy() = 0;
    // Error when there is no bond: nothing is attached.
    virtual Result<datapath::Bond> bond() = 0;
    // Compares the state of the two instances, of one kind or of all. Error when they do not both run, when packets are held, and
    // when there is no such kind. May take seconds, in which the active instance answers nobody else.
    virtual Result<DiffReport> diff(const std::optional<std::string>& kind) = 0;
    // Goes on with a packet that is paused at a controller, on the active instance: 'message' is the NXT_PACKET_IN2 that the
    // controller got, from whichever instance, or its NXT_RESUME.
    virtual Status resume(const std::string& bridge, const std::vector<uint8_t>& message) = 0;
    // Preflight alone. May take seconds.
    virtual Result<CheckReport> check(const Request& request) = 0;
    // All kept releases.
    virtual Result<ReleaseReport> releases() = 0;
    // Fetches software and keeps it; lets go of the oldest beyond the configured number. May take minutes.
    virtual Result<ReleaseReport> add_release(const Request& request) = 0;
    // As Store::find() names it. Not what an operation under way may need.
    virtual Result<ReleaseReport> remove_release(const std::string& name) = 0;
    // The newest 'count' operations, oldest first.
    virtual Result<std::vector<Summary>> history(uint64_t count) = 0;
    // At the daemon's end: downloads that others wait for end soon, with an Error.
    virtual void give_up() = 0;
};

}  // namespace hitless::upgrade
