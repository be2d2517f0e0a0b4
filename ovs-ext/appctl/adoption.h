// Adoption: keeps the front at the control socket of the operator's switch, through starts and stops of it that are none of
// ours. Forwarding is not touched by it. For the main loop.
#pragma once

#include <optional>
#include <string>

#include "base/process.h"
#include "base/result.h"
#include "control/front.h"

namespace hitless::appctl {

class Adoption {
  public:
    Adoption(std::string rundir, control::Front& front) : rundir_(std::move(rundir)), front_(front) {}
    ~Adoption();

    // 'at_rest': no operation is under way and A alone is there; else the switch's sockets are the operation's business.
    void run(bool at_rest);
    void wait(bool at_rest) const;

  private:
    void look_for_switch();
    Status adopt();

    const std::string rundir_;
    control::Front& front_;
    std::optional<Process> process_;   // of the switch that is adopted
    std::string path_;                 // of its control socket
    std::string problem_;              // said last: each is said once
    long long int next_look_ms_ = 0;
};

}  // namespace hitless::appctl
