// The kind "mdb": multicast snooping tables of all bridges (mdb/show): which ports want a group, and which lead to a router.
//
// Key: bridge, VLAN, group (or querier) and port. The value is empty. Ages are not part of it.
//
// Entries are loaded as a host or router would make them: by IGMP and MLD reports, leaves and queries at the port, which the
// instance traces (ofproto/trace-packet-out). They come from a multicast address, which is not learnt.
#pragma once

#include "state/kind.h"

namespace hitless::state {

struct MulticastEntry {
    std::string bridge;
    uint16_t vlan = 0;
    std::string group;      // IPv4 or IPv6 address; empty: a router (querier) is at the port
    uint32_t port = 0;      // OpenFlow port number

    bool operator==(const MulticastEntry&) const = default;
};

// Reads what `mdb/show BRIDGE` prints in Open vSwitch 2.17 to 3.7.
Result<std::vector<MulticastEntry>> parse_mdb(const std::string& bridge, std::string_view text);

Entry to_entry(const MulticastEntry& entry);
Result<MulticastEntry> to_multicast_entry(const Entry& entry);

class Mdb : public Kind {
  public:
    std::string_view name() const override { return "mdb"; }
    Result<Snapshot> dump(instance::Control& from) override;
    std::vector<unixctl::Request> requests(const instance::Control& from) const override {
        return requests_of_bridges(from, "mdb/show");
    }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    // A router: nothing removes a single one. It goes by itself, and until then gets multicast packets that it does not need.
    bool harmless_extra(const Entry& extra) const override;
};

}  // namespace hitless::state
