// State kind: the bridges' groups.
#pragma once

#include "state/watched_kind.h"

namespace hitless::state {

// An entry is one group. Its key names the bridge and the group, its value is the group mod that makes it (openflow/group_table.h).
class Groups : public WatchedKind {
  public:
    Groups() : WatchedKind(openflow::Forwarded::GroupMods) {}

    std::string_view name() const override { return "groups"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
