// A kind that belongs to bridges and that management alone changes.
#pragma once

#include "state/kind.h"

namespace hitless::state {

class BridgeKind : public Kind {
  public:
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;

  protected:
    // Reads all that 'bridge' has of this kind; appends it sorted by key.
    virtual Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) = 0;
};

}  // namespace hitless::state
