// The kind "fdb": MAC learning tables of all bridges (fdb/show).
//
// Key: bridge, VLAN, MAC. Value: port, and whether the entry is static. Ages are not part of it.
//
// A dynamic entry is loaded by making the bridge learn it: a frame from the address to itself enters at the port and goes through
// NORMAL, which drops it there. One by one and never in a bundle, which translates all frames before any is learnt: they would be
// flooded [measured]. A bridge whose flows never use NORMAL has an empty table.
#pragma once

#include <string>
#include <string_view>

#include "state/kind.h"
#include "state/packet_builder.h"

namespace hitless::state {

struct MacEntry {
    std::string bridge;
    uint16_t vlan = 0;
    MacAddress mac{};
    uint32_t port = 0;        // OpenFlow port number
    bool is_static = false;

    bool operator==(const MacEntry&) const = default;
};

// Reads what `fdb/show BRIDGE` prints in Open vSwitch 2.17 to 3.7. Entries that have no OpenFlow port are left out.
Result<std::vector<MacEntry>> parse_fdb(const std::string& bridge, std::string_view text);

// The name of OpenFlow port 'port' of 'bridge' in what dpif/show prints; fdb/add takes names.
Result<std::string> find_port_name(std::string_view dpif_show, const std::string& bridge, uint32_t port);

Entry to_entry(const MacEntry& entry);
Result<MacEntry> to_mac_entry(const Entry& entry);

class Fdb : public Kind {
  public:
    std::string_view name() const override { return "fdb"; }
    Result<Snapshot> dump(instance::Control& from) override;
    std::vector<unixctl::Request> requests(const instance::Control& from) const override {
        return requests_of_bridges(from, "fdb/show");
    }
    Status load(instance::Control& to, const Changes& changes) override;
    std::string describe(const Entry& entry) const override;
    // A dynamic entry: no version can remove a single one. It ages out as the source's did, and a packet from its address
    // corrects it.
    bool harmless_extra(const Entry& extra) const override;

  private:
    Status remove_static(instance::Control& to, const MacEntry& entry);
    Status learn(instance::Control& to, const std::vector<MacEntry>& entries);
    Status add_static(instance::Control& to, const MacEntry& entry);
};

}  // namespace hitless::state
