// State kind: the bridges' role generation ids.
#pragma once

#include "state/bridge_kind.h"

namespace hitless::state {

// An entry is the generation id of a bridge that has been given one.
class Generation : public BridgeKind {
  public:
    std::string_view name() const override { return "generation-id"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    // Nothing takes a generation id away but the end of the switch.
    bool harmless_extra(const Entry&) const override { return true; }

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
