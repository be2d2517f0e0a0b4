// State kind: the bridges' meters.
#pragma once

#include "state/watched_kind.h"

namespace hitless::state {

// An entry is one meter. Its key names the bridge and the meter, its value is the meter mod that makes it (openflow/meter_table.h).
class Meters : public WatchedKind {
  public:
    Meters() : WatchedKind(openflow::Forwarded::MeterMods) {}

    std::string_view name() const override { return "meters"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
