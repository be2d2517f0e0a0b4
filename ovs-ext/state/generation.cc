#include "state/generation.h"

#include "openflow/generation.h"
#include "state/bridge_key.h"

namespace hitless::state {

Status Generation::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    openflow::Connection* connection = TRY(from.openflow(bridge));
    if (auto id = TRY(openflow::read_generation(*connection))) {
        snapshot.push_back({bridge_key(bridge, ""), std::to_string(*id)});
    }
    return {};
}

Status Generation::load(instance::Control& to, const Changes& changes) {
    for (const auto& [bridge, part] : by_bridge(changes)) {
        auto path = to.paths().mgmt.find(bridge);
        if (path == to.paths().mgmt.end()) {
            return make_error("bridge {}: instance {} has none", bridge, to_string(to.side()));
        }
        for (const auto* entries : {&part.add, &part.change}) {
            for (const Entry* entry : *entries) {
                // One of its own: it can do nothing else afterwards.
                auto connection = TRY(openflow::Connection::open(path->second, bridge));
                TRY(openflow::set_generation(connection, std::stoull(entry->value)));
            }
        }
    }
    return {};
}

std::string Generation::describe(const Entry& entry) const {
    return fmt::format("{}: generation_id={}", bridge_of(entry), entry.value);
}

}  // namespace hitless::state
