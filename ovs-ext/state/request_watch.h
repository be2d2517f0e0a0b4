// Following of groups and meters: the switch forwards the requests that change them, and those bridges are read anew.
#pragma once

#include <map>
#include <string>

#include "instance/control.h"
#include "openflow/watch.h"

namespace hitless::state {

class RequestWatch {
  public:
    explicit RequestWatch(openflow::Forwarded forwarded) : forwarded_(forwarded) {}

    Status start(instance::Control& from);
    // Whether 'bridge' may have changed since the last call (or start()). Also true when it cannot be told.
    bool changed(const instance::Control& from, const std::string& bridge);
    void stop() { bridges_.clear(); }

  private:
    struct Bridge {
        openflow::Connection connection;
        std::unique_ptr<bool> changed;   // the connection's event handler sets it
    };
    Result<Bridge> open(const instance::Control& from, const std::string& bridge) const;

    openflow::Forwarded forwarded_;
    std::map<std::string, Bridge> bridges_;
};

}  // namespace hitless::state
