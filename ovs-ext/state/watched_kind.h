// A kind that a bridge announces changes of by REQUESTFORWARD: what was announced is read anew, bridge by bridge.
#pragma once

#include "state/bridge_kind.h"
#include "state/request_watch.h"

namespace hitless::state {

class WatchedKind : public BridgeKind {
  public:
    Status follow(instance::Control& from) override { return watch_.start(from); }
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    void unfollow() override { watch_.stop(); }

  protected:
    explicit WatchedKind(openflow::Forwarded requests) : watch_(requests) {}

  private:
    RequestWatch watch_;
};

}  // namespace hitless::state
