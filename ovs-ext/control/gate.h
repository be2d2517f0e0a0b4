// The gate: keeps an instance of the switch that is not active from its controllers, which see only the active one.
//
// Programs at cgroup/connect4 and connect6 on the root of the cgroup v2 hierarchy lead the TCP connections that a process named
// ovs-vswitchd* starts in one network namespace to a DummyController. Refusing them instead would make OVS flush all flows of a
// bridge with fail_mode standalone, and back off for up to 8 seconds (measured on 3.1).
//
// The links are pinned, so that the daemon's death does not open the gate: two switches with one datapath id that both talk to
// a controller are worse than one that talks to none. The dummy dies with the daemon; the instance behind the gate is then
// without controller until a daemon starts again (close() takes over from pinned links without an open instant) or lifts it
// (lift_pinned()). It is not active, so only its own copy of the flows can suffer.
//
// Limits: all TCP connections of that process are led away, not only those to controllers: a switch whose database is a tcp:
// remote cannot be gated. Connections that exist already are not touched: end_tcp_sessions().
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/network_namespace.h"

namespace hitless::control {

class Gate {
  public:
    struct Options {
        NetworkNamespace network_namespace;   // of the instance behind the gate
        uint16_t dummy_port4 = 0;             // DummyController's, in that namespace; 0: connections are refused (EPERM)
        uint16_t dummy_port6 = 0;
        std::string pin_directory;            // in a BPF file system, made when missing; one for each instance. Empty: no pins
    };

    // Closes the gate, in place of one that is pinned in the directory.
    static Result<Gate> close(const Options& options);
    Gate(Gate&&) noexcept;
    Gate& operator=(Gate&&) noexcept;
    // Without lift(): pinned links stay closed.
    ~Gate();

    // Opens the gate and removes the pins. The instance still has its sessions with the dummy: end them, and it connects to
    // its controllers in a second or two.
    Status lift();

    // Connections led away so far.
    uint64_t diverted() const;

    // Opens a gate that a daemon that is gone left in 'pin_directory'; nothing there is no error.
    static Status lift_pinned(const std::string& pin_directory);

  private:
    struct Programs;
    explicit Gate(std::unique_ptr<Programs> programs);
    std::unique_ptr<Programs> programs_;
};

// Ends all TCP sessions of process 'pid', by shutdown(2) on duplicates of its sockets (pidfd_getfd(2), needs
// CAP_SYS_PTRACE): for an instance that is to be frozen, once its gate is closed. Returns how many.
Result<size_t> end_tcp_sessions(pid_t pid);

// The mount point of the cgroup v2 hierarchy, according to a file in the format of /proc/mounts: /sys/fs/cgroup, or on hybrid
// hosts /sys/fs/cgroup/unified.
Result<std::string> cgroup2_root(const std::string& mounts = "/proc/mounts");

}  // namespace hitless::control
