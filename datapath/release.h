// Gives the packets of all holds on to the active side, until new ones may go there directly: the RELEASE of bpf/steer.h.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/result.h"
#include "datapath/attached_port.h"
#include "datapath/programs.h"
#include "datapath/steering.h"

namespace hitless::datapath {

class Release {
  public:
    using Clock = std::chrono::steady_clock;

    Release(SteeringContext& context, std::vector<std::unique_ptr<AttachedPort>>& ports, Clock::time_point halted, Side to);

    // To be called once, with the control word in RELEASE: returns when no port holds packets, and none will.
    Result<ReleaseReport> run();

  private:
    struct Progress {
        AttachedPort* port;
        uint64_t released = 0;      // as the programs know it
        uint64_t held_before = 0;   // before this hand-over
        uint64_t read_before = 0, read = 0;   // from A's tap: before, and since, as far as known
    };

    bool turn();
    bool has_room(Progress& progress) const;
    bool all_released() const;
    Status account_for_drops();
    void publish(Progress& progress, uint64_t packets);
    void pace(uint64_t packets);

    SteeringContext& context_;
    std::vector<Progress> ports_;
    Side to_;
    Clock::time_point halted_, started_ = Clock::now();
    uint64_t given_ = 0;
    ReleaseReport report_;
};

}  // namespace hitless::datapath
