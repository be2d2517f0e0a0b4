// State kind: what controllers have set of the bridges' tables, eviction and vacancy events.
#pragma once

#include "state/bridge_kind.h"

namespace hitless::state {

// An entry is one table that is not as by default. Its key names the bridge and the table.
class TableConfig : public BridgeKind {
  public:
    std::string_view name() const override { return "table-config"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
