#include "base/openvswitch.h"

#include "openflow/untold_matches.h"

#include <set>

#include "openflow/buffers.h"
#include "openflow/flow_statistics.h"
#include "openflow/nxm_flows.h"

namespace hitless::openflow {

namespace {

// Of vlan_tci.
constexpr uint16_t priority_bits = 0xe000, tagged_bit = 0x1000, number_bits = 0x0fff;

bool is_untold(const match& match) {
    uint16_t mask = ntohs(match.wc.masks.vlans[0].tci), value = ntohs(match.flow.vlans[0].tci);
    if (!(mask & priority_bits)) {
        return false;
    }
    if (value & (tagged_bit | number_bits)) {
        return (mask & priority_bits) != priority_bits;
    }
    bool untagged = mask & tagged_bit;   // such packets have no priority, as the match says
    return !untagged || value & priority_bits;
}

std::string words(const ofputil_flow_stats& flow) {
    MallocString match(match_to_string(&flow.match, nullptr, flow.priority));
    return fmt::format("table={},{}", flow.table_id, match.get());
}

// All flows that match on one of the bits, being so: asked bit by bit, the switch looks at no others.
std::vector<match> on_priorities() {
    std::vector<match> all;
    for (uint16_t bit = 0x2000; bit; bit = static_cast<uint16_t>(bit << 1)) {
        for (uint16_t value : {uint16_t{0}, bit}) {
            match one{};
            one.wc.masks.vlans[0].tci = htons(bit);
            one.flow.vlans[0].tci = htons(value);
            all.push_back(one);
        }
    }
    return all;
}

}  // namespace

Result<UntoldMatches> read_untold_matches(const std::string& path, const std::string& bridge, size_t limit) {
    Connection connection = TRY(Connection::open(path, bridge, std::chrono::seconds(10), Version::openflow10));
    size_t listed = 0;
    std::set<std::string> untold;
    for (const match& least : on_priorities()) {
        listed += TRY(read_flow_totals(connection, least, OFPUTIL_P_OF10_NXM_TID)).flows;
        if (listed > limit) {
            return UntoldMatches{};
        }
        for (const Message& reply : TRY(connection.request(nxm_flows_request(least)))) {
            bool told = for_each_nxm_flow(reply, [&](const NxmFlow& flow) {
                if (auto decoded = flow.decode(); decoded && is_untold(decoded->match)) {
                    untold.insert(words(*decoded));
                }
            });
            if (!told) {
                return make_error("bridge {}: the switch does not tell its flows in OpenFlow 1.0", bridge);
            }
        }
    }
    return UntoldMatches{true, {untold.begin(), untold.end()}};
}

}  // namespace hitless::openflow
