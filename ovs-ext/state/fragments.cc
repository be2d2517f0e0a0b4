#include "state/fragments.h"

#include "openflow/fragments.h"
#include "state/bridge_key.h"

namespace hitless::state {

namespace {

uint16_t handling_of(const Entry& entry) {
    return static_cast<uint8_t>(entry.value.front());
}

}  // namespace

Status Fragments::append_bridge(instance::Control& from, const std::string& bridge, Snapshot& snapshot) {
    if (auto handling = TRY(openflow::read_fragment_handling(*TRY(from.openflow(bridge))))) {
        snapshot.push_back({bridge_key(bridge, ""), std::string(1, static_cast<char>(handling))});
    }
    return {};
}

Status Fragments::load(instance::Control& to, const Changes& changes) {
    return send_changes(to, changes, [](const Entry& entry) { return openflow::set_fragment_handling(handling_of(entry)); },
                        [](const Entry&) { return openflow::set_fragment_handling(0); });
}

std::string Fragments::describe(const Entry& entry) const {
    return fmt::format("{}: fragments: {}", bridge_of(entry), openflow::describe_fragment_handling(handling_of(entry)));
}

}  // namespace hitless::state
