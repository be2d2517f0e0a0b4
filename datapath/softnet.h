// Packets between two devices: a veth hands each to a queue of the CPU (softnet backlog), of which an RCU grace period knows
// nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace hitless::datapath {

// One line of /proc/net/softnet_stat (net/core/net-procfs.c of Linux).
struct SoftnetCpu {
    uint64_t processed = 0;     // 32 bits in the file: wraps
    uint64_t backlog = 0;       // packets in the queue now; 0 where the kernel does not say (before 5.10)
};

Result<std::vector<SoftnetCpu>> parse_softnet_stat(std::string_view text);

// The kernel's own count, kept open for looking at it often.
class Softnet {
  public:
    static Result<Softnet> open();
    Result<std::vector<SoftnetCpu>> read() const;
    // Packets in the longest queue. A CPU's queue takes 1000 (net.core.netdev_max_backlog), and drops what is beyond.
    uint64_t longest_queue() const;

  private:
    explicit Softnet(Fd file) : file_(std::move(file)) {}
    Fd file_;
};

// Waits until every packet that is in a CPU's queue now has been taken from it, and processed. Error after 'limit'.
Status wait_for_softnet(std::chrono::microseconds limit);

// Waits until no CPU is in a program or a packet socket's input that it entered before (an RCU grace period).
Status wait_for_cpus();

}  // namespace hitless::datapath
