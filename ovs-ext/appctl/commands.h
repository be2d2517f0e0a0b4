// The commands hitless/*, on the daemon's own control socket (and so, through the front, on the switch's).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "appctl/arguments.h"
#include "appctl/main_queue.h"
#include "appctl/render.h"
#include "upgrade/conductor.h"

namespace hitless::appctl {

// What the commands that only look ask. Thread-safe.
class Inspector {
  public:
    virtual ~Inspector() = default;
    virtual std::vector<InstanceStatus> instances() = 0;
    // Error when nothing is attached.
    virtual Result<datapath::Bond> bond() = 0;
    // May take seconds.
    virtual Result<CheckReport> check(const upgrade::Request& request) = 0;
    // The newest 'count', oldest first.
    virtual Result<std::vector<upgrade::Summary>> history(uint64_t count) = 0;
};

class Commands {
  public:
    // Registers the commands. All arguments outlive this object, and this object the control socket's server.
    Commands(upgrade::Conductor& conductor, Inspector& inspector, MainQueue& main, std::string version);
    ~Commands();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace hitless::appctl
