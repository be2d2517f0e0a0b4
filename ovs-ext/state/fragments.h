// State kind: what the bridges do with IP fragments (ovs-ofctl set-frags; not the connection tracker's reassembly).
#pragma once

#include "state/bridge_kind.h"

namespace hitless::state {

// An entry is a bridge that does not do what it does by default.
class Fragments : public BridgeKind {
  public:
    std::string_view name() const override { return "fragments"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
