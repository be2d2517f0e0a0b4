// The kind "bonds": the active member of each bond (bond/show). Which member a balanced bond gives a flow is not part of it: what a
// stock switch prints of it is not enough. Nor are bonds with LACP, which negotiate.
//
// Key: bond. Value: member.
#pragma once

#include "state/kind.h"

namespace hitless::state {

// Reads what `bond/show` prints in Open vSwitch 2.17 to 3.7.
Snapshot parse_bonds(std::string_view text);

class Bonds : public Kind {
  public:
    std::string_view name() const override { return "bonds"; }
    Result<Snapshot> dump(instance::Control& from) override;
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    bool changed_by_packets() const override { return false; }
    // The source's bond has no active member: all its links are down, which B's legs do not show.
    bool harmless_extra(const Entry&) const override { return true; }
};

}  // namespace hitless::state
