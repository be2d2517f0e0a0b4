// Gives the packets of all holds on to the active side, until new ones may go there directly: the RELEASE of bpf/steer.h.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "datapath/attached_port.h"
#include "datapath/programs.h"
#include "datapath/softnet.h"
#include "datapath/steering.h"

namespace hitless::datapath {

class Release {
  public:
    using Clock = std::chrono::steady_clock;

    // 'receiver' may be null; else it says whether the receiving side has room.
    Release(SteeringContext& context, std::vector<std::unique_ptr<AttachedPort>>& ports, Clock::time_point halted, Side to,
            const HasRoom& receiver);

    // To be called once, with the control word in RELEASE: returns when no port holds packets, and none will.
    Result<ReleaseReport> run();

  private:
    struct Progress {
        AttachedPort* port;
        Clock::time_point first;    // when its first held packet came
        uint64_t released = 0;      // as the programs know it
        uint64_t held_before = 0;   // before this hand-over
        // From a tap: when its first held packet was given to it, and since, as far as known.
        std::optional<uint64_t> read_before;
        uint64_t read = 0;
        uint64_t looked = 0;        // 'released' when it was last found that the receiver has room
        std::optional<Clock::time_point> waiting;   // for room, since then
        bool taken_for_stuck = false;   // it had no room for too long
    };

    bool turn();
    void extend_deadline();
    bool may_give(Progress& progress) const;
    bool tap_has_room(Progress& progress) const;
    bool all_released() const;
    Clock::time_point arrival(uint32_t index, uint64_t number) const;
    Status account_for_drops();
    void publish(Progress& progress, const Hold::Moved& moved);
    void pace(uint64_t packets);
    void wait_for_cpu_queues();

    SteeringContext& context_;
    std::vector<Progress> ports_;
    Side to_;
    Clock::time_point halted_, started_ = Clock::now(), deadline_ = Clock::time_point::max();
    bool overtaken_ = false;            // new packets do not wait any more: for too long, or as this process was stopped
    const HasRoom& receiver_;
    std::optional<Softnet> softnet_;
    uint64_t given_ = 0, looked_ = 0;   // packets given on, and those of them before the last look at the CPUs' queues
    ReleaseReport report_;
};

}  // namespace hitless::datapath
