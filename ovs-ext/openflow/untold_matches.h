// Flows whose match OpenFlow 1.5 tells as another: nx_put_raw() in lib/nx-match.c in OVS 3.1 writes the priority of a VLAN (the upper three
// bits of vlan_tci) only whole, and only where the match has something of the VLAN's number besides. A copy of such a flow would
// meet other packets.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hitless::openflow {

struct UntoldMatches {
    bool known = false;              // false: too many flows match on a priority for the switch to list them without packets waiting
    std::vector<std::string> flows;  // table, priority and match, in the words of ovs-ofctl
};

// Of the bridge whose management socket is at 'path', which lists at most 'limit' flows for it. An Error, too, where it does not speak
// OpenFlow 1.0.
Result<UntoldMatches> read_untold_matches(const std::string& path, const std::string& bridge, size_t limit);

}  // namespace hitless::openflow
