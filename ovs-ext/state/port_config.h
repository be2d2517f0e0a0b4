// State kind: what controllers have set of the bridges' ports (no-flood, no-receive, no-forward, no-packet-in...).
#pragma once

#include "openflow/port_config.h"
#include "state/bridge_kind.h"

namespace hitless::state {

// An entry is one port that is not as by default. Its key names the bridge and the port.
//
// Read and set in OpenFlow 1.0, the only version that shows no-flood; without that where a bridge does not allow OpenFlow 1.0.
class PortConfig : public BridgeKind {
  public:
    std::string_view name() const override { return "port-config"; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;

  private:
    Status append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) override;
};

}  // namespace hitless::state
