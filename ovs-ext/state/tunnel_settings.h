// State kind: what ovs-appctl has set of tunnels: the UDP source ports that packets leave with (tnl/egress_port_range), and after
// how many seconds an unused neighbour is forgotten (tnl/neigh/aging). An instance without these commands has no entries.
#pragma once

#include "state/kind.h"

namespace hitless::state {

// The numbers in what such a command prints, separated by blanks: "Tunnel UDP source port range: 32768-61000".
std::string numbers_in(std::string_view text);

class TunnelSettings : public Kind {
  public:
    std::string_view name() const override { return "tunnel-settings"; }
    bool changed_by_packets() const override { return false; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    // The other instance is of a version that cannot set it.
    bool harmless_extra(const Entry&) const override { return true; }
};

}  // namespace hitless::state
