// A kind that a bridge announces changes of by REQUESTFORWARD: what was announced is read anew, bridge by bridge.
#pragma once

#include "state/kind.h"
#include "state/request_watch.h"

namespace hitless::state {

class WatchedKind : public Kind {
  public:
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;

    Status follow(instance::Control& from) override { return watch_.start(from); }
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    void unfollow() override { watch_.stop(); }

  protected:
    explicit WatchedKind(openflow::Forwarded requests) : watch_(requests) {}

  private:
    // Reads all that 'bridge' has of this kind; appends it sorted by key.
    virtual Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) = 0;

    RequestWatch watch_;
};

}  // namespace hitless::state
