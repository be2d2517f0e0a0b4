#include "state/tunnel_neighbours.h"

#include <algorithm>

#include "state/text.h"

namespace hitless::state {

Result<Snapshot> parse_tunnel_neighbours(std::string_view text) {
    Snapshot snapshot;
    while (!text.empty()) {
        std::string_view line = next_line(text), rest = line;
        std::string_view address = next_word(rest), mac_text = next_word(rest), bridge = next_word(rest), state = next_word(rest);
        if (address.empty() || address == "IP" || address.front() == '=' || state == "STALE") {
            continue;
        }
        MacAddress mac;
        if (bridge.empty() || !parse_mac(mac_text, mac)) {
            return make_error("tnl/neigh/show: cannot understand '{}'", line.substr(0, 200));
        }
        snapshot.push_back({std::string(bridge) + '\0' + std::string(address), format_mac(mac)});
    }
    auto by_key = [](const Entry& a, const Entry& b) { return a.key < b.key; };
    auto same_key = [](const Entry& a, const Entry& b) { return a.key == b.key; };
    std::stable_sort(snapshot.begin(), snapshot.end(), by_key);
    snapshot.erase(std::unique(snapshot.begin(), snapshot.end(), same_key), snapshot.end());
    return snapshot;
}

Result<Snapshot> TunnelNeighbours::dump(instance::Control& from) {
    return parse_tunnel_neighbours(TRY(from.call("tnl/neigh/show")));
}

Status TunnelNeighbours::load(instance::Control& to, const Changes& changes) {
    for (const Snapshot* entries : {&changes.add, &changes.change}) {
        for (const Entry& entry : *entries) {
            size_t end = entry.key.find('\0');
            auto set = to.call("tnl/neigh/set", {entry.key.substr(0, end), entry.key.substr(end + 1), entry.value});
            if (!set) {
                return describe(entry) / set.error();
            }
        }
    }
    return {};
}

std::string TunnelNeighbours::describe(const Entry& entry) const {
    size_t end = entry.key.find('\0');
    return fmt::format("bridge {}: {} is at {}", entry.key.substr(0, end), entry.key.substr(std::min(end, entry.key.size() - 1) + 1),
                       entry.value);
}

}  // namespace hitless::state
