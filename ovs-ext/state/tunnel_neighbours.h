// The kind "tunnel-neighbours": MAC addresses of the gateways and ends of userspace tunnels (tnl/neigh/show). Without one the first
// packets into a tunnel are lost while the switch asks for it.
//
// Key: bridge, IP address. Value: MAC address. How long an entry is still valid is not part of it: a loaded one is as good as new.
#pragma once

#include "state/kind.h"

namespace hitless::state {

// Reads what `tnl/neigh/show` prints in Open vSwitch 2.17 to 3.7. Stale entries are left out.
Result<Snapshot> parse_tunnel_neighbours(std::string_view text);

class TunnelNeighbours : public Kind {
  public:
    std::string_view name() const override { return "tunnel-neighbours"; }
    Result<Snapshot> dump(instance::Control& from) override;
    std::vector<unixctl::Request> requests(const instance::Control&) const override { return {{"tnl/neigh/show", {}}}; }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    // No version can remove a single one. It goes when it has not been used for a while (tnl/neigh/aging), and ARP corrects it.
    bool harmless_extra(const Entry&) const override { return true; }
};

}  // namespace hitless::state
