// A kind that belongs to bridges and that management alone changes.
#pragma once

#include <functional>

#include "openflow/connection.h"
#include "state/kind.h"

namespace hitless::state {

class BridgeKind : public Kind {
  public:
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;

  protected:
    // Reads all that 'bridge' has of this kind; appends it sorted by key.
    virtual Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) = 0;

    // load() where it takes one message for an entry: 'set' makes it of what is new or changed, 'reset' of what is to go.
    using MakeMessage = std::function<openflow::Message(const Entry&)>;
    static Status send_changes(instance::Control& to, const Changes& changes, const MakeMessage& set, const MakeMessage& reset);
};

}  // namespace hitless::state
