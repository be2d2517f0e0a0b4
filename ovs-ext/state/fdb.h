// The kind "fdb": MAC learning tables of all bridges (fdb/show).
//
// Key: bridge, VLAN, MAC. Value: port, and whether the entry is static. Ages are not part of it.
//
// A dynamic entry is loaded by making the bridge learn it: a frame from the address to itself enters at the port and goes through
// NORMAL, which drops it there. One by one and never in a bundle, which translates all frames before any is learnt: they would be
// flooded [measured]. A bridge whose flows never use NORMAL has an empty table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
    // What each bridge says of how many entries it has, and has learned, moved and removed. None: they are not known.
    using Counts = std::optional<std::vector<std::string>>;

    std::string_view name() const override { return "fdb"; }
    Result<Snapshot> dump(instance::Control& from) override;
    // Reads what fdb/stats-show counts, where a version has it (2.16), and entries only if some were learned, moved or removed since.
    Result<Snapshot> changed_since(instance::Control& from, Snapshot last) override;
    void packets_wait() override { packets_wait_ = true; }
    std::vector<unixctl::Request> requests(const instance::Control& from) const override {
        return requests_of_bridges(from, counts_ ? "fdb/stats-show" : "fdb/show");
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

    Counts counts_;     // of the instance of which changed_since() was asked last, from before it read entries
    bool packets_wait_ = false;
};

}  // namespace hitless::state
