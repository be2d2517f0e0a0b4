// State kind: the bridges' meters.
#pragma once

#include "state/kind.h"
#include "state/request_watch.h"

namespace hitless::state {

// An entry is one meter. Its key names the bridge and the meter, its value is the meter mod that makes it (openflow/meter_table.h).
class Meters : public Kind {
  public:
    std::string_view name() const override { return "meters"; }
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

    Status follow(instance::Control& from) override { return watch_.start(from); }
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    void unfollow() override { watch_.stop(); }

  private:
    RequestWatch watch_{openflow::Forwarded::MeterMods};
};

}  // namespace hitless::state
