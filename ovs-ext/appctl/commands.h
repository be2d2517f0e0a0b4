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
#include "upgrade/inspector.h"

namespace hitless::appctl {

class Commands {
  public:
    // Registers the commands. All arguments outlive this object, and this object the control socket's server.
    Commands(upgrade::Conductor& conductor, upgrade::Inspector& inspector, MainQueue& main, std::string version);
    ~Commands();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace hitless::appctl
